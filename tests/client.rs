//! The Spot client against the simulator, and against raw bytes where the transport itself fails.

#![expect(clippy::unwrap_used, reason = "what a test cannot prepare fails it")]

#[path = "support/description.rs"]
mod description;
#[path = "client/support.rs"]
mod support;

#[path = "client/conformity.rs"]
mod conformity;
#[path = "client/group_settings.rs"]
mod group_settings;
#[path = "client/pacing.rs"]
mod pacing;
#[path = "client/transport.rs"]
mod transport;

use serde_json::json;
use spotinst_esg::domain::{AccountId, GroupId, ManagedInstanceId, StatefulState};
use spotinst_esg::spot::{Client, ErrorKind, SpotError};

use support::{ACCOUNT, TestClock, client, config, demo, fault, settings};

fn account() -> AccountId {
    AccountId::new(ACCOUNT)
}

/// Reads everything of the first account; what was odd comes back.
fn read_all(client: &Client) -> (usize, usize, Vec<String>) {
    let mut odd = Vec::new();
    let groups = client.list_groups(&account()).unwrap();
    odd.extend(groups.oddities);
    let mut instances = 0;
    for group in &groups.items {
        assert!(!group.raw.is_empty());
        let one = client.get_group(&account(), &group.id).unwrap();
        assert_eq!(one.items[0].id, group.id);
        let stateful = client.list_stateful_instances(&account(), &group.id).unwrap();
        instances += stateful.items.len();
        let status = client.group_status(&account(), &group.id).unwrap();
        let health = client.instance_healthiness(&account(), &group.id).unwrap();
        odd.extend(one.oddities.into_iter().chain(stateful.oddities));
        odd.extend(status.oddities.into_iter().chain(health.oddities));
    }
    let managed = client.list_managed_instances(&account()).unwrap();
    odd.extend(managed.oddities);
    for instance in managed.items {
        let status = client.managed_instance_status(&account(), &instance.id).unwrap();
        odd.extend(status.oddities);
        assert!(!status.items[0].state.as_str().is_empty() && !instance.name.is_empty());
    }
    (groups.items.len(), instances, odd)
}

#[test]
fn the_whole_fleet_is_read_without_oddity() {
    let sim = demo();
    let (client, clock) = client(&sim);
    let (groups, instances, odd) = read_all(&client);
    assert!(groups >= 3 && instances >= 9, "{groups} groups, {instances} instances");
    assert_eq!(odd, Vec::<String>::new());
    let accounts = client.list_accounts(None).unwrap();
    assert_eq!(accounts.items.len(), 3);
    assert_eq!(client.list_accounts(Some("123456789012")).unwrap().items.len(), 1);
    assert!(clock.pauses().is_empty());
    assert!(client.budgets().iter().all(|budget| budget.limit == Some(10_000)));
    assert_eq!(client.budgets().len(), 8);
}

#[test]
fn every_irregular_shape_reads_the_same() {
    let sim = demo();
    let expected = {
        let (groups, instances, _) = read_all(&client(&sim).0);
        (groups, instances)
    };
    for shapes in [
        json!({"numbers": "strings"}),
        json!({"unset": "null", "instance_id": "null"}),
        json!({"unset": "empty", "instance_id": "empty"}),
        json!({"timestamps": "offset"}),
        json!({"persistence": "array"}),
        json!({"items": "object"}),
        json!({"items": "nested"}),
        json!({"items": "null"}),
        json!({"omit_kind": true, "omit_count": true, "omit_request": true}),
        json!({"omit_times": true, "omit_devices": true, "lower_case_states": true}),
        json!({"organisation_id_as_string": true, "managed_as_described": true}),
        json!({"unknown_fields": true}),
    ] {
        settings(&sim, json!({"shapes": shapes}));
        let (groups, instances, odd) = read_all(&client(&sim).0);
        assert_eq!((groups, instances), expected, "{shapes}");
        assert_eq!(odd, Vec::<String>::new(), "{shapes}");
    }
}

#[test]
fn a_state_of_tomorrow_arrives_as_a_value() {
    let sim = demo();
    let (client, _) = client(&sim);
    let group = client.list_groups(&account()).unwrap().items.remove(0);
    let instance = client.list_stateful_instances(&account(), &group.id).unwrap().items.remove(0);
    let edit = json!({"instance": instance.id.as_str(), "set": {"state": "HIBERNATED"}});
    sim.control("POST", "/_sim/edit", edit);
    let again = client.list_stateful_instances(&account(), &group.id).unwrap().items.remove(0);
    assert_eq!(again.state, StatefulState::Other("HIBERNATED".into()));
}

#[test]
fn odd_counts_and_repeated_items_are_survived_and_named() {
    let sim = demo();
    let (client, _) = client(&sim);
    let groups = client.list_groups(&account()).unwrap().items.len();
    fault(&sim, json!({"kind": "count_off", "count": 1}));
    let listed = client.list_groups(&account()).unwrap();
    assert_eq!((listed.items.len(), listed.oddities.len()), (groups, 1));
    fault(&sim, json!({"kind": "duplicate_items", "count": 1}));
    let listed = client.list_groups(&account()).unwrap();
    assert_eq!(listed.items.len(), groups);
    assert!(listed.oddities.iter().filter(|odd| odd.contains("twice")).count() == groups);
}

#[test]
fn passing_failures_of_the_server_cost_a_pause_and_no_result() {
    for kind in [
        json!({"kind": "status", "status": 500}),
        json!({"kind": "status", "status": 502, "format": "html"}),
        json!({"kind": "status", "status": 503, "format": "text"}),
        json!({"kind": "status", "status": 503, "retry_after": 7}),
        json!({"kind": "broken_json"}),
        json!({"kind": "truncated"}),
        json!({"kind": "truncated", "bytes": 0}),
        json!({"kind": "cut_before_commit"}),
        json!({"kind": "cut_after_commit"}),
        json!({"kind": "body_code", "code": 500}),
    ] {
        let sim = demo();
        let (client, clock) = client(&sim);
        let mut twice = kind.clone();
        twice["count"] = json!(2);
        fault(&sim, twice);
        let listed = client.list_groups(&account());
        assert!(listed.is_ok_and(|listed| !listed.items.is_empty()), "{kind}");
        assert_eq!(sim.requests().len(), 3, "{kind}");
        let pauses = clock.pauses();
        assert_eq!(pauses.len(), 2, "{kind}");
        let least = kind["retry_after"].as_f64().unwrap_or(0.5);
        assert!(pauses[0].as_secs_f64() >= least, "{kind}: {pauses:?}");
    }
}

#[test]
fn lasting_failures_end_after_five_attempts() {
    let sim = demo();
    let (client, clock) = client(&sim);
    fault(&sim, json!({"kind": "status", "status": 503, "message": "maintenance"}));
    let error = client.list_groups(&account()).unwrap_err();
    assert!(matches!(error, SpotError::Unavailable { status: 503, attempts: 5, .. }), "{error:?}");
    assert!(error.to_string().contains("after 5 attempts"), "{error}");
    assert_eq!((sim.requests().len(), clock.pauses().len()), (5, 4));
}

#[test]
fn final_answers_are_asked_for_once() {
    let html = json!({"kind": "html"});
    for (kind, expected) in [
        (json!({"kind": "status", "status": 400, "format": "text"}), ErrorKind::Other),
        (json!({"kind": "status", "status": 403}), ErrorKind::Credentials),
        (json!({"kind": "status", "status": 409, "code": "BUSY"}), ErrorKind::Other),
        (json!({"kind": "body", "body": [1, 2]}), ErrorKind::Other),
        (html, ErrorKind::Other),
    ] {
        let sim = demo();
        let (client, clock) = client(&sim);
        fault(&sim, kind.clone());
        let error = client.list_groups(&account()).unwrap_err();
        assert_eq!((error.kind(), error.is_transient()), (expected, false), "{kind}: {error}");
        assert_eq!((sim.requests().len(), clock.pauses().len()), (1, 0), "{kind}");
    }
}

#[test]
fn what_does_not_exist_is_named() {
    let sim = demo();
    let (client, _) = client(&sim);
    let error = client.get_group(&account(), &GroupId::new("sig-none")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    assert_eq!((error.http_status(), error.error_code()), (Some(400), Some("GROUP_DOESNT_EXIST")));
    assert!(error.request_id().is_some());
    assert!(error.to_string().contains("group sig-none does not exist"), "{error}");

    let error = client.list_groups(&AccountId::new("act-none")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    assert!(error.to_string().contains("account act-none does not exist"), "{error}");

    let none = ManagedInstanceId::new("smi-none");
    let error = client.managed_instance_status(&account(), &none).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
}

#[test]
fn a_hostile_id_asks_for_nothing_else() {
    let sim = demo();
    let (client, _) = client(&sim);
    for id in ["../../setup/account", "sig-1?accountId=x", "sig-1#x", "%2e%2e", "ü/\u{0}"] {
        client.get_group(&account(), &GroupId::new(id)).unwrap_err();
    }
    for request in sim.requests() {
        let logged = serde_json::to_value(&request).unwrap();
        assert_eq!(
            logged["template"].as_str().unwrap_or("/aws/ec2/group/{groupId}"),
            "/aws/ec2/group/{groupId}"
        );
    }
    let before = sim.requests().len();
    let error = client.get_group(&account(), &GroupId::new("..")).unwrap_err();
    assert_eq!((error.kind(), sim.requests().len()), (ErrorKind::Usage, before));
}

#[test]
fn a_wrong_token_is_a_credentials_error_that_does_not_show_it() {
    let sim = demo();
    let clock = TestClock::new(None);
    let mut wrong = config(&sim.url(), &clock);
    wrong.token = secrecy::SecretString::from("wr0ng-s3cret-token".to_owned());
    let client = Client::new(wrong).unwrap();
    let error = client.list_groups(&account()).unwrap_err();
    assert!(matches!(error, SpotError::Unauthorized { .. }), "{error}");
    assert_eq!(error.kind(), ErrorKind::Credentials);
    assert!(!format!("{error} {error:?} {client:?}").contains("s3cret"));
}

#[test]
fn a_missing_permission_looks_masked() {
    let sim = demo();
    let clock = TestClock::new(None);
    let mut powerless = config(&sim.url(), &clock);
    powerless.token = secrecy::SecretString::from("demo-nothing".to_owned());
    let error = Client::new(powerless).unwrap().list_groups(&account()).unwrap_err();
    assert!(matches!(error, SpotError::Masked { .. }), "{error}");
    assert!(error.to_string().contains("permission"), "{error}");
}
