//! `spot_aws_connection` and its info, external ids in files.

use std::path::Path;

use serde_json::{Value, json};

use crate::{Desk, call, desk, foreseen, mutations, settled};

const MODULE: &str = "spot_aws_connection";
const ROLE: &str = "arn:aws:iam::222222222222:role/Spot";

fn kept(file: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

fn prepared(file: &Path) -> Value {
    json!({"account_id": "act-00000002", "state": "prepared", "role_arn": ROLE, "id_file": file})
}

fn connected() -> Value {
    json!({"account_id": "act-00000002", "state": "connected", "role_arn": ROLE, "wait_timeout": 2})
}

/// IAM has the role, with this external id in its trust.
fn make_role(desk: &Desk, external_id: &Value) {
    let trust = json!({"Statement": [{
        "Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": {"AWS": "arn:aws:iam::922761411349:root"},
        "Condition": {"StringEquals": {"sts:ExternalId": external_id}},
    }]});
    let answer = desk.simulator.control("POST", "/_sim/role", json!({"arn": ROLE, "trust": trust}));
    assert!(answer.get("error").is_none(), "{answer}");
}

fn info(desk: &Desk) -> Value {
    let asked = json!({"account_id": "act-00000002"});
    call(desk, "spot_aws_connection_info", &asked).well()
}

#[test]
fn an_account_is_prepared_connected_and_left_alone() {
    let desk = desk("administration: {role_settle_seconds: 2}\n");
    let file = desk.home.path().join("id");
    let made = settled(&desk, MODULE, &prepared(&file));
    let id = kept(&file)["external_id"].clone();
    assert!(!made.to_string().contains(id.as_str().unwrap()), "{made}");
    assert_eq!(made["valid_until"], kept(&file)["valid_until"]);
    assert_eq!(info(&desk)["connected"], false);
    make_role(&desk, &id);
    let mut patient = connected();
    patient["wait_timeout"] = json!(60);
    let done = settled(&desk, MODULE, &patient);
    // IAM had to settle first.
    assert!(done["attempts"].as_u64().unwrap() > 1, "{done}");
    let info = info(&desk);
    assert_eq!(
        (&info["connected"], &info["cloud_account_id"], &info["iam_role"]),
        (&json!(true), &json!("222222222222"), &json!(ROLE))
    );
    // What is connected needs no external id, not even a lost one.
    std::fs::remove_file(&file).unwrap();
    assert_eq!(foreseen(&desk, MODULE, &prepared(&file))["changed"], false);
}

#[test]
fn an_external_id_is_made_anew_when_it_ends_too_soon() {
    let desk = desk("administration: {external_id_hours: 0.1}\n");
    let file = desk.home.path().join("id");
    let first = call(&desk, MODULE, &prepared(&file)).well();
    assert!(first["changed"] == true, "{first}");
    // It is good for six minutes, and a quarter of an hour is wanted.
    assert_eq!(foreseen(&desk, MODULE, &prepared(&file))["changed"], true);
    let mut enough = prepared(&file);
    enough["min_validity"] = json!(60);
    assert_eq!(foreseen(&desk, MODULE, &enough)["changed"], false);
    let mut id = kept(&file);
    id["valid_until"] = Value::Null;
    std::fs::write(&file, id.to_string()).unwrap();
    let why = foreseen(&desk, MODULE, &enough);
    assert!(why["msg"].as_str().unwrap().contains("until when"), "{why}");
}

/// It may be kept nowhere else.
#[test]
fn what_is_kept_of_another_account_or_cannot_be_read_is_not_written_over() {
    let desk = desk("");
    let file = desk.home.path().join("id");
    let other = json!({"account_id": "act-00000001", "external_id": "theirs", "valid_until": "2099-01-01T00:00:00Z"});
    for (text, words) in [
        (other.to_string(), "external id of account act-00000001"),
        ("a plain text".to_owned(), "something that is no external id"),
    ] {
        std::fs::write(&file, &text).unwrap();
        for (renew, is_check) in [(false, true), (false, false), (true, false)] {
            let mut all = prepared(&file);
            all["renew"] = json!(renew);
            all["_ansible_check_mode"] = json!(is_check);
            let refused = call(&desk, MODULE, &all);
            assert_eq!(refused.answer["error_code"], "OTHER_EXTERNAL_ID", "{}", refused.answer);
            let said = refused.failed();
            assert!(said.contains(words), "{said}");
            assert!(!said.contains("theirs") && !said.contains("plain text"), "{said}");
        }
        assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
    }
    assert!(mutations(&desk).is_empty());
}

/// What it is connected to decides whether a new external id is made, which ends those before.
#[test]
fn an_entry_of_the_account_that_cannot_be_read_makes_no_external_id() {
    let desk = desk("");
    let file = desk.home.path().join("id");
    for items in [
        json!([{"name": "two"}, {"accountId": "act-00000001", "name": "one"}]),
        json!([{"accountId": "act-00000002", "name": "two", "providerExternalId": {"id": "222222222222"}}]),
    ] {
        crate::answered(&desk, "/setup/account", &items);
        let called = call(&desk, MODULE, &prepared(&file));
        let said = called.failed();
        assert!(said.contains("cannot tell what account act-00000002 is connected to"), "{said}");
        desk.mend();
    }
    crate::answered(&desk, "/setup/credentials/aws", &json!([{"iamRole": [ROLE]}]));
    let said = call(&desk, MODULE, &prepared(&file));
    assert!(said.failed().contains("cannot read the IAM role"), "{}", said.answer);
    assert!(mutations(&desk).is_empty() && !file.exists());
}

#[test]
fn a_role_that_cannot_be_assumed_is_explained_with_what_to_look_at() {
    let desk = desk("");
    let file = desk.home.path().join("id");
    call(&desk, MODULE, &prepared(&file)).well();
    let missing = call(&desk, MODULE, &connected());
    assert_eq!(missing.answer["error_code"], "ROLE_NOT_TAKEN");
    let line = missing.failed();
    assert!(line.contains("CANT_ASSUME_ROLE") && line.contains("latest external id"), "{line}");
    make_role(&desk, &json!("another"));
    assert_eq!(call(&desk, MODULE, &connected()).answer["error_code"], "ROLE_NOT_TAKEN");
    assert_eq!(info(&desk)["connected"], false);
}

#[test]
fn a_lost_answer_is_looked_into_before_the_role_is_set_again() {
    let desk = desk("");
    let file = desk.home.path().join("id");
    call(&desk, MODULE, &prepared(&file)).well();
    make_role(&desk, &kept(&file)["external_id"]);
    let route = "/setup/credentials/aws";
    desk.fault(json!({"kind": "cut_after_commit", "method": "POST", "route": route, "count": 1}));
    call(&desk, MODULE, &connected()).well();
    let set = mutations(&desk).into_iter().filter(|line| line == "POST /setup/credentials/aws");
    assert_eq!(set.count(), 1);
}

/// The role was taken, or may have been, whatever is seen or said since.
#[test]
fn a_role_that_was_perhaps_taken_is_told_as_a_change() {
    let route = "/setup/credentials/aws";
    let unreadable = json!({"kind": "status", "status": 403, "method": "GET", "route": route, "nth": 2, "count": 99});
    let cut = |kind: &str| json!({"kind": kind, "method": "POST", "route": route, "count": 1});
    let refused = json!({"kind": "status", "status": 403, "method": "POST", "route": route, "nth": 2, "count": 99});
    let cases = [
        (vec![unreadable.clone()], true, "was given the role"),
        (vec![cut("cut_after_commit"), unreadable], true, "was perhaps connected by the role"),
        (vec![cut("cut_before_commit"), refused.clone()], true, "is refused now"),
        (vec![cut("cut_before_commit")], false, "did not take the role"),
    ];
    for (faults, has_role, words) in cases {
        let desk = desk("");
        let file = desk.home.path().join("id");
        call(&desk, MODULE, &prepared(&file)).well();
        if has_role {
            make_role(&desk, &kept(&file)["external_id"]);
        }
        faults.into_iter().for_each(|fault| desk.fault(fault));
        let called = call(&desk, MODULE, &connected());
        assert!(called.failed().contains(words), "{}", called.answer);
        let told = (&called.answer["changed"], &called.answer["retryable"]);
        assert_eq!(told, (&json!(true), &json!(true)), "{}", called.answer);
    }
    // One that is refused at once was not.
    let desk = desk("");
    desk.fault(json!({"kind": "status", "status": 403, "method": "POST", "route": route}));
    let called = call(&desk, MODULE, &connected());
    assert_eq!(
        (&called.answer["failed"], &called.answer["changed"]),
        (&json!(true), &json!(false))
    );
}

#[test]
fn an_external_id_that_was_perhaps_made_is_told_as_a_change() {
    let desk = desk("");
    let file = desk.home.path().join("id");
    desk.fault(json!({"kind": "cut_after_commit", "method": "POST", "count": 1}));
    let called = call(&desk, MODULE, &prepared(&file));
    assert!(called.failed().contains("external id"), "{}", called.answer);
    assert_eq!(called.answer["changed"], true, "{}", called.answer);
    call(&desk, MODULE, &prepared(&file)).well();
}

#[test]
fn an_account_stays_with_its_aws_account() {
    let desk = desk("");
    let other = json!({"account_id": "act-00000001", "state": "connected", "role_arn": ROLE});
    let refused = call(&desk, MODULE, &other);
    assert_eq!(refused.answer["error_code"], "OTHER_CLOUD_ACCOUNT", "{}", refused.answer);
    assert!(mutations(&desk).is_empty());
}

#[test]
fn where_the_vendor_tells_no_roles_its_list_must_do() {
    let desk = desk("administration: {tells_roles: false}\n");
    let role = "arn:aws:iam::111111111111:role/x";
    let asked = json!({"account_id": "act-00000001", "state": "connected", "role_arn": role});
    let answer = call(&desk, MODULE, &asked).well();
    assert_eq!(answer["changed"], false);
    assert!(answer["warnings"][0].as_str().unwrap().contains("not by which role"), "{answer}");
    assert!(mutations(&desk).is_empty());
    // It may be another one, which is to go.
    let mut set = asked.clone();
    set["set_untold"] = json!(true);
    desk.fault(json!({"kind": "body", "method": "POST", "count": 1,
        "body": {"request": {}, "response": {"status": {"code": 200, "message": "OK"}}}}));
    let answer = call(&desk, MODULE, &set).well();
    assert_eq!((&answer["changed"], mutations(&desk).len()), (&json!(true), 1), "{answer}");
}

#[test]
fn what_is_kept_goes_and_what_is_anothers_stays() {
    let desk = desk("");
    let file = desk.home.path().join("id");
    call(&desk, MODULE, &prepared(&file)).well();
    let absent = json!({"account_id": "act-00000002", "state": "absent", "id_file": file});
    settled(&desk, MODULE, &absent);
    assert!(!file.exists());
    std::fs::write(&file, "something else").unwrap();
    let refused = call(&desk, MODULE, &absent);
    assert!(refused.failed().contains("left as it is") && file.exists(), "{}", refused.answer);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let desk = desk("");
    for (arguments, words) in [
        (json!({"state": "connected"}), "role_arn"),
        (json!({"state": "connected", "role_arn": "arn:aws:iam::1:user/x"}), "ARN of an IAM role"),
        (json!({"state": "prepared"}), "no place"),
        (json!({"state": "joined"}), "prepared"),
    ] {
        let refused = call(&desk, MODULE, &arguments);
        assert!(refused.failed().contains(words), "{arguments}: {}", refused.answer);
    }
    assert!(mutations(&desk).is_empty());
}
