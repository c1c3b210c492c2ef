//! A run is about one cluster: the one that its first gate saw.

use serde_json::json;

use super::support::roll::{self, Controller, THREE, with};
use super::support::searching::Searching;

#[test]
fn a_later_gate_that_sees_another_cluster_stays_shut() {
    let desk = roll::desk(THREE);
    let (search, other) = (Searching::start(), Searching::start());
    other.state.lock().unwrap().uuid = "u2".to_owned();
    let controller = Controller::gone(&desk);
    let run = controller.start();
    let gate = |search: &Searching, node: &str, more: &serde_json::Value| {
        let gate = json!({"name": "search", "kind": "elasticsearch", "phase": "pre", "urls": [search.url()],
            "nodes": ["n1", "n2", "n3"], "target": "n3"});
        let usual =
            json!({"gates": [gate], "samples": 1, "wait_timeout": 0, "run_id": run, "node": node});
        controller.call("cluster_gate", &with(usual, more))
    };
    let check = json!({"_ansible_check_mode": true});
    gate(&other, "ssi-1", &check).well();
    let first = gate(&search, "ssi-1", &json!({})).well();
    let identified = &first["predicates"][0];
    assert_eq!(
        (&identified["name"], &identified["value"]),
        (&json!("search.identified"), &json!("u1"))
    );

    let shut = gate(&other, "ssi-2", &json!({}));
    let line = shut.failed();
    assert!(line.contains("it is cluster u2, and was u1 before"), "{line}");
    assert_eq!(gate(&other, "ssi-2", &check).well()["verdict"], "fail", "in check mode it is told");
    gate(&search, "ssi-2", &json!({})).well();
    // Who knows better says so.
    let waiver = json!({"predicate": "search.identified", "reason": "restored from a snapshot under a new name"});
    gate(&other, "ssi-3", &json!({"waivers": [waiver]})).well();
}

/// Nor is anything set in another cluster than the gates of the run have seen, or than is named.
#[test]
fn nothing_is_set_in_another_cluster() {
    let desk = roll::desk(THREE);
    let (search, other) = (Searching::start(), Searching::start());
    other.state.lock().unwrap().uuid = "u2".to_owned();
    let controller = Controller::gone(&desk);
    let run = controller.start();
    let gate = json!({"name": "search", "kind": "elasticsearch", "phase": "pre", "urls": [search.url()],
        "nodes": ["n1", "n2", "n3"], "target": "n3"});
    let gate =
        json!({"gates": [gate], "samples": 1, "wait_timeout": 0, "run_id": run, "node": "ssi-3"});
    controller.call("cluster_gate", &gate).well();
    for more in [json!({}), json!({"cluster_uuid": "u1"}), json!({"_ansible_check_mode": true})] {
        let called = super::restrict(&controller, &run, &other, &more);
        let line = called.failed();
        assert!(line.contains("it is cluster u2, and u1 is the one"), "{line}");
    }
    assert_eq!(other.orders(), Vec::<String>::new());
    super::restrict(&controller, &run, &search, &json!({})).well();
}

/// Nobody has said that the two groups are of one system, and a cluster bears to lose one node.
#[test]
fn a_cluster_that_another_open_run_rolls_keeps_the_gate_shut() {
    let desk = roll::desk(&roll::singles(1..=2));
    let (search, other) = (Searching::start(), Searching::start());
    other.state.lock().unwrap().uuid = "u2".to_owned();
    let first = Controller::gone(&desk);
    let second = first.of("sig-2");
    let (one, two) = (first.start(), second.start());
    let gate = |controller: &Controller<'_>, run: &str, node: &str, search: &Searching| {
        let gate = json!({"name": "search", "kind": "elasticsearch", "phase": "pre", "urls": [search.url()],
            "nodes": ["n1", "n2", "n3"], "target": "n3"});
        let once =
            json!({"gates": [gate], "samples": 1, "wait_timeout": 0, "run_id": run, "node": node});
        controller.call("cluster_gate", &once)
    };
    gate(&first, &one, "ssi-1", &search).well();
    let refused = gate(&second, &two, "ssi-2", &search);
    for words in [
        &format!(
            "cannot go on with node ssi-2 in run {two}: the gate sees elasticsearch cluster u1"
        ),
        &format!("run {one} rolls group sig-1 (system \"system-of-sig-1\"), begun by process"),
        "set system (rolling_recycle_system) to one name for all groups of the cluster",
    ] {
        assert!(refused.failed().contains(words), "{words}: {}", refused.failed());
    }
    assert_eq!(refused.answer["error_code"], "STEP_HELD");
    assert!(!super::names(&desk, &two).contains(&"gate".to_owned()), "nothing of it is kept");
    // Another cluster is nobody's, and this one is free when the run is over.
    gate(&first, &one, "ssi-1", &search).well();
    first.finish(&one).well();
    gate(&second, &two, "ssi-2", &search).well();
    let three = first.start();
    gate(&first, &three, "ssi-1", &other).well();
}
