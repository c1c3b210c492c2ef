//! The gate of kind `ec2`: the binary as a module, against moto and against an EC2 that says what a test wants.

#![cfg(feature = "aws")]
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without, it panics on")]

mod support;

use serde_json::{Value, json};
use support::cli::Desk;
use support::health::{KEYS, Told, ec2};
use support::module::{Called, call_with};
use support::moto::{self, Launch};

fn desk() -> Desk {
    Desk::with("groups: []")
}

fn gate(id: &str) -> Value {
    json!({"name": "machine", "kind": "ec2", "instance_id": id, "region": "eu-west-1"})
}

/// One gate, looked at once.
fn look(url: &str, gate: &Value) -> Called {
    let arguments = json!({"gates": [gate], "samples": 1, "wait_timeout": 0});
    let environment = [&KEYS[..], &[("AWS_ENDPOINT_URL", url)]].concat();
    call_with(&desk(), "cluster_gate", &arguments, &environment)
}

/// Name, verdict and evidence of each predicate.
fn told(answer: &Value) -> Vec<(String, String, String)> {
    let text = |it: &Value| it.as_str().unwrap().to_owned();
    let all = answer["predicates"].as_array().unwrap().iter();
    all.map(|it| (text(&it["name"]), text(&it["verdict"]), text(&it["evidence"]))).collect()
}

#[test]
fn a_machine_that_runs_and_passes_its_checks_opens_the_gate() {
    let moto = moto::shared();
    let id = moto.run_instances("eu-west-1", &Launch::default())[0].clone();
    let answer = look(moto.url(), &gate(&id)).well();
    assert_eq!((&answer["verdict"], &answer["changed"]), (&json!("pass"), &json!(false)));
    let names: Vec<String> = told(&answer).into_iter().map(|it| it.0).collect();
    assert_eq!(names, ["machine.running", "machine.system_status", "machine.instance_status"]);
}

#[test]
fn a_machine_that_ec2_does_not_know_proves_nothing() {
    let called = look(moto::shared().url(), &gate("i-0123456789abcdef0"));
    assert!(called.failed().contains("machine.running"), "{}", called.failed());
    for (name, verdict, evidence) in told(&called.answer) {
        assert_eq!(verdict, "unknown", "{name}");
        assert_eq!(evidence, "EC2 does not list it, or not yet", "{name}");
    }
}

#[test]
fn what_is_impaired_or_not_yet_made_fails_and_what_ec2_cannot_tell_is_unknown() {
    let cases: [(Told, [&str; 4]); 4] = [
        (("running", "ok", "initializing", Some("ok")), ["pass", "pass", "fail", "pass"]),
        (("running", "impaired", "ok", Some("impaired")), ["pass", "fail", "pass", "fail"]),
        (
            ("stopped", "not-applicable", "not-applicable", Some("insufficient-data")),
            ["fail", "unknown", "unknown", "unknown"],
        ),
        (("shutting-down", "ok", "new-word", Some("ok")), ["fail", "pass", "unknown", "pass"]),
    ];
    for (told_by_ec2, wanted) in cases {
        let server = ec2(move |_| Some(told_by_ec2));
        let called = look(server.url(), &gate("i-1"));
        let verdicts: Vec<String> = told(&called.answer).into_iter().map(|it| it.1).collect();
        assert_eq!(verdicts, wanted, "{told_by_ec2:?}");
        assert_eq!(called.answer["failed"], true);
    }
}

#[test]
fn credentials_that_may_not_ask_and_none_at_all_are_unknown_and_say_what_to_do() {
    let server = support::canned::Canned::start(|_| {
        support::canned::Reply::xml(
            403,
            "<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>no</Message></Error></Errors></Response>",
        )
    });
    let called = look(server.url(), &gate("i-1"));
    let (_, verdict, evidence) = told(&called.answer).remove(0);
    assert_eq!(verdict, "unknown");
    assert!(evidence.contains("ec2:DescribeInstanceStatus"), "{evidence}");
    assert!(evidence.contains("instance i-1 in region eu-west-1"), "{evidence}");

    let arguments = json!({"gates": [gate("i-1")], "samples": 1, "wait_timeout": 0});
    let called = call_with(&desk(), "cluster_gate", &arguments, &[]);
    let (_, verdict, evidence) = told(&called.answer).remove(0);
    assert_eq!(verdict, "unknown");
    assert!(evidence.contains("AWS_ACCESS_KEY_ID"), "{evidence}");
}

#[test]
fn options_that_cannot_be_meant_are_refused_before_anything_is_asked() {
    let server = ec2(|_| None);
    for (change, words) in [
        (json!({"instance_id": "ssi-1"}), "instance_id is no id of an instance"),
        (json!({"instance_id": ""}), "instance_id is no id of an instance"),
        (json!({"instance_id": null}), "instance_id"),
        (json!({"region": null}), "region"),
        (json!({"url": "http://127.0.0.1"}), "url is an option of"),
    ] {
        let mut gate = gate("i-1");
        for (name, value) in change.as_object().unwrap() {
            gate[name] = value.clone();
        }
        let called = look(server.url(), &gate);
        assert!(called.failed().contains(words), "{change}: {}", called.failed());
    }
    assert_eq!(server.requests().len(), 0);
}
