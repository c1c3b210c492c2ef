//! Who asks, and where what proves it is kept.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::support::canned::Reply;
use crate::support::cli::Desk;
use crate::support::module::{Called, call_with};
use crate::support::searching::{Fault, Searching};

const SECRET: &str = "s3cret-of-the-cluster";

fn look(desk: &Desk, search: &Searching, more: &Value, environment: &[(&str, &str)]) -> Called {
    let mut gate = json!({
        "name": "es", "kind": "elasticsearch", "urls": [search.url()], "nodes": ["n1", "n2", "n3"], "phase": "pre", "target": "n3",
    });
    for (name, value) in more.as_object().unwrap() {
        gate[name] = value.clone();
    }
    let called = call_with(
        desk,
        "cluster_gate",
        &json!({"gates": [gate], "samples": 1, "wait_timeout": 0}),
        environment,
    );
    assert!(!called.answer.to_string().contains(SECRET), "{}", called.answer);
    assert!(!called.run.stderr.contains(SECRET));
    called
}

/// `me` and the secret, as HTTP has them.
const BASIC: &str = "Basic bWU6czNjcmV0LW9mLXRoZS1jbHVzdGVy";

#[test]
fn a_secret_is_typed_or_in_a_file_or_inherited() {
    let desk = Desk::with("");
    let file = desk.file("secret", &format!("{SECRET}\nmore\n"));
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let file = file.display().to_string();
    let inherited = [("SPOTINST_ESG_CLUSTER_PASSWORD", SECRET)];
    let key = [("SPOTINST_ESG_CLUSTER_API_KEY", SECRET)];
    let by_key = format!("ApiKey {SECRET}");
    type Case<'a> = (Value, &'a [(&'a str, &'a str)], Option<&'a str>);
    let cases: [Case<'_>; 9] = [
        (json!({"username": "me", "password": SECRET}), &[], Some(BASIC)),
        (json!({"username": "me", "password_file": file}), &[], Some(BASIC)),
        (json!({"username": "me"}), &inherited, Some(BASIC)),
        // An inherited one is for whoever is named.
        (json!({}), &inherited, None),
        (json!({"api_key": SECRET}), &[], Some(&by_key)),
        (json!({"api_key_file": file}), &[], Some(&by_key)),
        (json!({}), &key, Some(&by_key)),
        (json!({"username": "me", "password_file": file}), &key, Some(BASIC)),
        (json!({"headers": {"Authorization": "Bearer x"}}), &key, Some("Bearer x")),
    ];
    for (options, environment, sent) in cases {
        let search = Searching::start();
        let answer = look(&desk, &search, &options, environment).well();
        assert!(answer.get("warnings").is_none(), "{answer}");
        let heads = search.heads();
        let found = heads.lines().find_map(|line| line.strip_prefix("authorization: "));
        assert_eq!(found, sent, "{options}");
    }
}

#[test]
fn what_does_not_go_together_is_refused_and_what_others_may_read_is_told() {
    let (desk, search) = (Desk::with(""), Searching::start());
    let file = desk.file("secret", SECRET);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let shown = file.display().to_string();
    let empty = desk.file("empty", "\n").display().to_string();
    for (options, words) in [
        (json!({"username": "me"}), "SPOTINST_ESG_CLUSTER_PASSWORD"),
        (json!({"password": SECRET}), "without effect without username"),
        (json!({"password_file": shown}), "without effect without username"),
        (json!({"username": "me", "password": SECRET, "password_file": shown}), "either"),
        (json!({"api_key": SECRET, "api_key_file": shown}), "either"),
        (json!({"username": "me", "password": SECRET, "api_key_file": shown}), "either"),
        (json!({"api_key_file": "/none/such"}), "/none/such"),
        (json!({"api_key_file": empty}), "is empty"),
    ] {
        let called = look(&desk, &search, &options, &[]);
        assert!(called.failed().contains(words), "{options}: {}", called.failed());
    }
    assert_eq!(search.heads(), "");
    let told = look(&desk, &search, &json!({"api_key_file": shown}), &[]).well();
    let warning = told["warnings"][0].as_str().unwrap();
    assert!(warning.contains(&shown) && warning.contains("0644"), "{warning}");
}

/// A server may well repeat what it was sent.
#[test]
fn a_secret_that_is_repeated_is_hidden() {
    use crate::support::roll::{self, Controller, THREE};
    let search = Searching::with(|method, _, _| {
        (method == "PUT").then(|| {
            let told = json!({"error": {"reason": format!("ApiKey {SECRET} may not")}});
            Fault::Instead(Reply::json(403, told.to_string()))
        })
    });
    let desk = roll::desk(THREE);
    let controller = Controller::gone(&desk);
    let run = controller.start();
    let called = super::restrict(&controller, &run, &search, &json!({"api_key": SECRET}));
    assert!(called.failed().contains("may not"), "{}", called.failed());
    assert!(!called.answer.to_string().contains(SECRET), "{}", called.answer);
    assert!(!called.run.stderr.contains(SECRET), "{:?}", called.run);
    let events = super::events(&desk, &run);
    assert!(!events.iter().any(|(_, event)| event.to_string().contains(SECRET)));
}
