use serde_json::{Value, json};

use crate::scenario::{Scenario, code};
use crate::trust::VENDOR_ACCOUNT;

const ROLE: &str = "arn:aws:iam::123456789012:role/SpotRole";
const CREDENTIALS: &str = "/setup/credentials/aws?accountId=act-1";

fn item(scenario: &mut Scenario, method: &str, target: &str, body: Value) -> Value {
    let outcome = scenario.send("admin", method, target, body);
    assert_eq!(outcome.status, 200, "{method} {target}: {}", outcome.json());
    outcome.json()["response"]["items"][0].clone()
}

fn trust(external_id: &Value) -> Value {
    json!({"Statement": [{
        "Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": {"AWS": format!("arn:aws:iam::{VENDOR_ACCOUNT}:root")},
        "Condition": {"StringEquals": {"sts:ExternalId": external_id}},
    }]})
}

fn set_credentials(scenario: &mut Scenario) -> (u16, String) {
    let body = json!({"credentials": {"iamRole": ROLE}});
    let outcome = scenario.send("admin", "POST", CREDENTIALS, body);
    (outcome.status, code(&outcome))
}

fn external_id(scenario: &mut Scenario) -> Value {
    let target = "/setup/credentials/aws/externalId?accountId=act-1";
    item(scenario, "POST", target, Value::Null)["externalId"].clone()
}

#[test]
fn credentials_are_refused_until_the_role_trusts_the_latest_external_id_and_has_settled() {
    let mut scenario = Scenario::with("administration: {role_settle_seconds: 10}");
    let refused = (400, "CANT_ASSUME_ROLE".to_owned());
    let first = external_id(&mut scenario);
    assert_eq!(set_credentials(&mut scenario), refused, "there is no role");
    let latest = external_id(&mut scenario);
    scenario.world.learn_role(ROLE, Some(trust(&first)), scenario.now);
    scenario.advance(11.0);
    assert_eq!(set_credentials(&mut scenario), refused, "an earlier external id");
    scenario.world.learn_role(ROLE, Some(trust(&latest)), scenario.now);
    assert_eq!(set_credentials(&mut scenario), refused, "IAM has not settled");
    scenario.advance(11.0);
    assert_eq!(set_credentials(&mut scenario).0, 200);
    let connected = scenario.get("/setup/account?cloudAccountId=123456789012");
    assert_eq!((connected.len(), &connected[0]["cloudProvider"]), (1, &json!("AWS")));
    assert_eq!(scenario.get(CREDENTIALS)[0]["iamRole"], ROLE);
    assert!(
        scenario
            .world
            .log
            .iter()
            .all(|line| !format!("{line:?}").contains(latest.as_str().unwrap()))
    );
}

#[test]
fn an_external_id_that_has_expired_counts_no_more() {
    let mut scenario = Scenario::with("administration: {external_id_hours: 1}");
    let id = external_id(&mut scenario);
    scenario.world.learn_role(ROLE, Some(trust(&id)), scenario.now);
    scenario.advance(3601.0);
    assert_eq!(set_credentials(&mut scenario).0, 400);
}

#[test]
fn a_programmatic_token_is_told_once_and_has_the_rights_granted() {
    let mut scenario = Scenario::new();
    let accounts = json!([{"id": "act-1", "role": "viewer"}, {"id": "act-2", "role": "editor"}]);
    let body = json!({"name": "robot", "accounts": accounts});
    let made = item(&mut scenario, "POST", "/setup/user/programmatic", body);
    let (id, token) = (made["id"].as_str().unwrap(), made["token"].as_str().unwrap());
    let target = json!({"group": {"description": "x"}});
    for (method, path, body, expected) in [
        ("GET", "/aws/ec2/group?accountId=act-1", Value::Null, 200),
        ("PUT", "/aws/ec2/group/sig-plain?accountId=act-1", target, 400),
        ("GET", "/setup/account", Value::Null, 400),
        ("GET", "/setup/organization/user", Value::Null, 400),
        ("POST", "/setup/account", json!({"account": {"name": "x"}}), 400),
    ] {
        let outcome = scenario.send(token, method, path, body);
        assert_eq!(outcome.status, expected, "{method} {path}: {}", outcome.json());
        assert!(expected == 200 || code(&outcome) == "GENERAL_ERROR", "{}", outcome.json());
    }
    let details = scenario.send("admin", "GET", &format!("/setup/user/{id}"), Value::Null).json();
    let digits = details["response"]["items"][0]["tokens"][0]["tokenLastDigits"].as_str().unwrap();
    assert!(token.ends_with(digits) && !details.to_string().contains(token), "{details}");
    assert!(scenario.world.log.iter().all(|line| !format!("{line:?}").contains(token)));
    item(&mut scenario, "DELETE", &format!("/setup/user/{id}"), Value::Null);
    let outcome = scenario.send(token, "GET", "/aws/ec2/group?accountId=act-1", Value::Null);
    assert_eq!(outcome.status, 401);
}

#[test]
fn a_new_account_has_an_id_and_answers_of_aws_once_it_is_connected() {
    let mut scenario = Scenario::new();
    let made = item(&mut scenario, "POST", "/setup/account", json!({"account": {"name": "new"}}));
    assert!(made["accountId"].is_null() && made["organizationId"].is_string(), "{made}");
    let id = made["id"].as_str().unwrap();
    let groups = format!("/aws/ec2/group?accountId={id}");
    assert_eq!(scenario.send("admin", "GET", &groups, Value::Null).status, 400);
    let deleted = format!("/setup/account/{id}");
    assert_eq!(scenario.send("other", "DELETE", &deleted, Value::Null).status, 400);
    item(&mut scenario, "DELETE", &deleted, Value::Null);
    let outcome = scenario.send("admin", "DELETE", "/setup/account/act-1", Value::Null);
    assert_eq!(code(&outcome), "CANT_DELETE_ACCOUNT");
    let outcome =
        scenario.send("admin", "POST", "/setup/account", json!({"account": {"name": "1"}}));
    assert_eq!(code(&outcome), "ValidationError");
}

#[test]
fn a_plan_may_allow_no_further_account() {
    let mut scenario = Scenario::with("administration: {account_limit: 2}");
    let body = json!({"account": {"name": "new"}});
    let outcome = scenario.send("admin", "POST", "/setup/account", body);
    assert_eq!(code(&outcome), "ACCOUNT_LIMIT_REACHED");
}

#[test]
fn a_lost_update_leaves_no_account_behind() {
    let mut scenario = Scenario::new();
    scenario.fault(json!({"kind": "lost_update", "route": "/setup/account", "method": "POST"}));
    item(&mut scenario, "POST", "/setup/account", json!({"account": {"name": "new"}}));
    assert_eq!(scenario.get("/setup/account").len(), 2);
}
