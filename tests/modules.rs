//! The binary as Ansible runs a module: by the module's name, with the path of a file of arguments.

#![allow(clippy::unwrap_used, reason = "what a test cannot go on without, it panics on")]
#![allow(
    clippy::disallowed_methods,
    reason = "a test that waits for another process measures its patience"
)]

mod support;

use std::io::{Read, Write};
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::cli::{BINARY, CANARY, Desk, Ran, ran};

const FLEET: &str = "\
tokens: [{token: canary-5fb1c0ffee0badcafe42}]
limits: {default: 100000}
accounts:
  - {id: act-00000001, name: one, provider_external_id: '111111111111', cloud_provider: AWS}
  - {id: act-00000002, name: two, provider_external_id: '222222222222', cloud_provider: AWS}
  - {id: act-00000003, name: two}
";

fn desk() -> Desk {
    Desk::with_whole(FLEET)
}

/// A link as Ansible's copy is called.
fn named(desk: &Desk, name: &str) -> PathBuf {
    let link = desk.home.path().join(name);
    if !link.exists() {
        symlink(BINARY, &link).unwrap();
    }
    link
}

fn run(desk: &Desk, text: &str) -> Ran {
    let file = desk.file("args", text);
    let mut command = desk.clean(Command::new(named(desk, "AnsiballZ_spot_account_info")));
    ran(command.arg(file).output().unwrap())
}

/// The one object on stdout; a failure is told by the exit code too.
fn answer(run: &Ran) -> Value {
    let value: Value = serde_json::from_str(&run.stdout).unwrap_or_else(|e| panic!("{e}: {run:?}"));
    assert!(value.is_object(), "{run:?}");
    assert_eq!(run.stdout.trim_end().lines().count(), 1, "{run:?}");
    assert_eq!(run.code, i32::from(value["failed"] == true), "{run:?}");
    assert!(!run.stdout.contains(CANARY) && !run.stderr.contains(CANARY), "{run:?}");
    value
}

fn ids(desk: &Desk, arguments: &Value) -> Vec<String> {
    let value = answer(&run(desk, &arguments.to_string()));
    assert_eq!(value["changed"], false, "{value}");
    let accounts = value["accounts"].as_array().unwrap_or_else(|| panic!("{value}"));
    accounts.iter().map(|account| account["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn accounts_are_listed_and_filtered() {
    let desk = desk();
    for (arguments, expected) in [
        (json!({}), &["act-00000001", "act-00000002", "act-00000003"][..]),
        (json!({"name": "two"}), &["act-00000002", "act-00000003"]),
        (json!({"id": "act-00000003"}), &["act-00000003"]),
        (json!({"cloud_account_id": 222222222222u64}), &["act-00000002"]),
        (json!({"aws_account_id": "111111111111", "name": "two"}), &[]),
        (json!({"name": "none"}), &[]),
        (
            json!({"name": "", "id": null, "_ansible_check_mode": true}),
            &["act-00000001", "act-00000002", "act-00000003"],
        ),
    ] {
        assert_eq!(ids(&desk, &arguments), expected, "{arguments}");
    }
    let value = answer(&run(&desk, "{\"id\": \"act-00000002\"}"));
    let expected = json!([{
        "id": "act-00000002", "name": "two", "cloud_account_id": "222222222222", "cloud_provider": "AWS",
    }]);
    assert_eq!(value["accounts"], expected);
}

#[test]
fn what_cannot_be_done_is_one_clear_answer() {
    let desk = desk();
    for (arguments, words) in [
        (
            json!({"nmae": CANARY}),
            "nmae (did you mean name?). Supported parameters include: account_id (spotinst_account_id",
        ),
        (
            json!({"timeout": "soon"}),
            "argument 'timeout' is of type <class 'str'> and we were unable to convert to int",
        ),
        (json!({"timeout": 0}), "value of timeout must be 1 or more, got: 0"),
        (json!({"allow_http": "perhaps"}), "unable to convert to bool"),
        (json!({"name": ["a"]}), "argument 'name' is of type <class 'list'>"),
        (json!({"base_url": "http://example.com"}), "cannot use http://example.com"),
        (json!({"credentials_file": "/none"}), "cannot read the credentials file /none"),
        (json!({"api_token": "another"}), "token"),
    ] {
        let value = answer(&run(&desk, &arguments.to_string()));
        let message = value["msg"].as_str().unwrap_or_else(|| panic!("{arguments}: {value}"));
        assert!(message.contains(words), "{arguments}: {message}");
        assert_eq!(message.lines().count(), 1, "{message}");
        assert!(value["retryable"].is_boolean());
    }
    for text in ["", "null", "[]", "{", &format!("{{\"api_token\": {CANARY}}}")] {
        let value = answer(&run(&desk, text));
        assert!(value["msg"].as_str().unwrap().contains("no JSON object"), "{text}: {value}");
    }
    let module = named(&desk, "AnsiballZ_spot_account_info");
    let missing = ran(desk.clean(Command::new(&module)).arg("/none").output().unwrap());
    assert!(answer(&missing)["msg"].as_str().unwrap().contains("cannot read the arguments"));
    let without = ran(desk.clean(Command::new(&module)).output().unwrap());
    assert!(answer(&without)["msg"].as_str().unwrap().contains("no file with arguments"));
}

#[test]
fn a_failure_of_the_api_keeps_the_vendors_details() {
    let desk = desk();
    desk.fault(json!({"kind": "status", "status": 400}));
    let value = answer(&run(&desk, "{}"));
    assert_eq!(
        (&value["http_status"], &value["retryable"]),
        (&json!(400), &json!(false)),
        "{value}"
    );
    assert!(value["request_id"].is_string(), "{value}");
    desk.mend();
    desk.fault(json!({"kind": "status", "status": 503}));
    let value = answer(&run(&desk, "{\"timeout\": 2}"));
    assert_eq!(value["retryable"], true, "{value}");
}

#[test]
fn aliases_work_and_the_last_one_wins_with_a_warning() {
    let desk = desk();
    for alias in ["api_token", "spotinst_api_token", "spotinst_token", "token"] {
        let mut arguments = json!({"id": "act-00000001"});
        arguments[alias] = json!(CANARY);
        assert_eq!(ids(&desk, &arguments), ["act-00000001"], "{alias}");
    }
    let both = answer(&run(&desk, &json!({"api_token": "x", "token": CANARY}).to_string()));
    assert_eq!(both["warnings"], json!(["Both option api_token and its alias token are set."]));
    assert_eq!(both["accounts"].as_array().unwrap().len(), 3);
}

#[test]
fn a_slow_api_is_spoken_of_on_stderr() {
    let desk = desk();
    desk.fault(json!({"kind": "latency", "ms": 2600}));
    let run = run(&desk, "{}");
    assert_eq!(answer(&run)["accounts"].as_array().unwrap().len(), 3);
    assert!(run.stderr.starts_with("progress: reading the accounts"), "{run:?}");
}

#[test]
fn by_hand_a_module_reads_a_file_or_stdin() {
    let desk = desk();
    let file = desk.file("args.json", "{\"id\": \"act-00000001\"}");
    let by_file = desk.run(["module", "spot_account_info", file.to_str().unwrap()]);
    let mut child = desk
        .command()
        .args(["module", "spotinst.esg.spot_account_info", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"{\"id\": \"act-00000001\"}").unwrap();
    let by_stdin = ran(child.wait_with_output().unwrap());
    assert_eq!(answer(&by_file), answer(&by_stdin));
    let wrong = desk.run(["module", "spot_acount_info", "-"]);
    wrong.assert_failed(4, &["no module \"spot_acount_info\"", "spot_account_info"]);
}

/// Killed without a chance to clean up, Ansible must not leave a module behind.
#[test]
fn a_module_ends_with_its_caller() {
    let desk = desk();
    desk.fault(json!({"kind": "latency", "ms": 60_000}));
    let mut child = desk
        .command()
        .args(["module", "--lifeline", "spot_account_info", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lifeline = child.stdin.take().unwrap();
    lifeline.write_all(b"{}\n").unwrap();
    let start = Instant::now();
    while desk.paths().is_empty() {
        assert!(
            start.elapsed() < Duration::from_secs(20),
            "it asks as soon as it has its arguments"
        );
        std::thread::yield_now();
    }
    assert!(child.try_wait().unwrap().is_none(), "it waits for the API");
    drop(lifeline);
    let code = child.wait().unwrap().code();
    assert_eq!(code, Some(1));
    assert!(start.elapsed() < Duration::from_secs(30));
    let mut stdout = String::new();
    child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
    assert_eq!(stdout, "");
}
