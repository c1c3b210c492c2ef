//! `elasticsearch_allocation`, and what ends a run that owes a cluster something, against clusters that say what real ones do not
//! say on demand.

#![allow(clippy::unwrap_used, reason = "what a test cannot go on without, it panics on")]

mod support;

#[path = "allocation/ends.rs"]
mod ends;
#[path = "allocation/faults.rs"]
mod faults;
#[path = "allocation/identity.rs"]
mod identity;
#[path = "allocation/secrets.rs"]
mod secrets;
#[path = "allocation/shutdowns.rs"]
mod shutdowns;

use std::fs;

use serde_json::{Value, json};
use support::cli::Desk;
use support::module::Called;
use support::roll::{self, Controller, THREE, journals, with};
use support::searching::{ENABLE, Searching};

const ORDERS: [&str; 2] = ["restrict", "flush"];

/// `restricted` for the usual node.
fn restrict(controller: &Controller<'_>, run: &str, search: &Searching, more: &Value) -> Called {
    let usual = json!({
        "state": "restricted", "run_id": run, "node": "ssi-3", "target": "n3", "urls": [search.url()], "wait_timeout": 3,
    });
    controller.call("elasticsearch_allocation", &with(usual, more))
}

fn restore(controller: &Controller<'_>, run: &str, search: &Searching) -> Called {
    let usual =
        json!({"state": "restored", "run_id": run, "urls": [search.url()], "wait_timeout": 3});
    controller.call("elasticsearch_allocation", &usual)
}

fn restrictions(called: &Searching) -> usize {
    let set = format!("{{\"persistent\":{{\"{ENABLE}\":\"primaries\"}}}}");
    called.orders().iter().filter(|it| it.contains(&set)).count()
}

/// The events of a journal, by their names.
fn events(desk: &Desk, run: &str) -> Vec<(String, Value)> {
    let text = fs::read_to_string(journals(desk).join(format!("{run}.jsonl"))).unwrap();
    let line = |line: &str| {
        let event: Value = serde_json::from_str(line).unwrap();
        (event["event"].as_str().unwrap().to_owned(), event)
    };
    text.lines().map(line).collect()
}

fn names(desk: &Desk, run: &str) -> Vec<String> {
    events(desk, run).into_iter().map(|(name, _)| name).collect()
}

#[test]
fn it_is_restricted_and_put_back_and_both_are_done_once() {
    for before in [Value::Null, json!("all")] {
        let (desk, search) = (roll::desk(THREE), Searching::start());
        search.set("persistent", before.clone());
        let controller = Controller::gone(&desk);
        let run = controller.start();

        let check = restrict(
            &controller,
            &run,
            &search,
            &json!({"_ansible_check_mode": true, "_ansible_diff": true}),
        )
        .well();
        assert_eq!((&check["changed"], search.orders().len()), (&json!(true), 0));
        assert_eq!(check["diff"]["after"][ENABLE]["persistent"], "primaries", "{check}");
        assert!(!names(&desk, &run).contains(&"cluster_setting".to_owned()));

        let done = restrict(&controller, &run, &search, &json!({})).well();
        assert_eq!(done["changed"], true);
        assert_eq!(done["before"], json!({"persistent": before, "transient": null}));
        assert_eq!(done["owed"].as_array().unwrap().len(), 1);
        assert_eq!(search.allocation(), (json!("primaries"), Value::Null));
        let orders = search.orders();
        assert_eq!((orders.len(), restrictions(&search)), (ORDERS.len(), 1), "{orders:?}");
        assert_eq!(orders[1], "POST /_flush");
        let journal = events(&desk, &run);
        let (_, kept) = journal.iter().find(|(name, _)| name == "cluster_setting").unwrap();
        assert_eq!(kept["before"], json!({"persistent": before, "transient": null}));
        assert_eq!((&kept["cluster"], &kept["ours"]), (&json!("u1"), &json!("primaries")));
        assert_eq!(kept["urls"], json!([format!("{}/", search.url())]));

        let again = restrict(&controller, &run, &search, &json!({})).well();
        assert_eq!((&again["changed"], restrictions(&search)), (&json!(false), 1));

        let back = restore(&controller, &run, &search).well();
        assert_eq!((&back["changed"], &back["owed"]), (&json!(true), &json!([])));
        assert_eq!(search.allocation(), (before, Value::Null));
        let count = search.orders().len();
        assert_eq!(restore(&controller, &run, &search).well()["changed"], false);
        assert_eq!(search.orders().len(), count);
        assert_eq!(controller.finish(&run).well()["outcome"], "aborted");
    }
}

#[test]
fn what_someone_else_has_restricted_is_left_and_told() {
    let (desk, search) = (roll::desk(THREE), Searching::start());
    let controller = Controller::gone(&desk);
    let run = controller.start();
    for (scope, value) in [
        ("persistent", "primaries"),
        ("persistent", "none"),
        ("transient", "primaries"),
        ("transient", "all"),
    ] {
        search.set(scope, json!(value));
        for check in [true, false] {
            let called =
                restrict(&controller, &run, &search, &json!({"_ansible_check_mode": check}));
            let line = called.failed();
            assert!(line.contains(&format!("{scope} {value}")), "{line}");
            assert_eq!(called.answer["error_code"], "CLUSTER_SETTING_FOREIGN");
            assert_eq!(called.answer["changed"], false);
        }
        search.set(scope, Value::Null);
    }
    assert_eq!(search.orders(), Vec::<String>::new());
    assert!(!names(&desk, &run).contains(&"cluster_setting".to_owned()));
}

/// What is changed by someone else while it is restricted is not overwritten when it is put back.
#[test]
fn what_someone_else_sets_meanwhile_is_left() {
    for (scope, value, after) in [
        ("persistent", "none", (json!("none"), Value::Null)),
        ("transient", "all", (Value::Null, json!("all"))),
    ] {
        let (desk, search) = (roll::desk(THREE), Searching::start());
        let controller = Controller::gone(&desk);
        let run = controller.start();
        restrict(&controller, &run, &search, &json!({})).well();
        search.set(scope, json!(value));
        let refused = restrict(&controller, &run, &search, &json!({}));
        assert!(refused.failed().contains(value), "{}", refused.failed());
        let back = restore(&controller, &run, &search).well();
        assert_eq!(search.allocation(), after);
        let warning = back["warnings"][0].as_str().unwrap();
        assert!(warning.contains(&format!("{scope} {ENABLE} is {value}")), "{back}");
        assert_eq!(back["owed"], json!([]));
        let ended = controller.finish(&run).well();
        assert!(ended["warnings"].to_string().contains("which this run did not set"), "{ended}");
    }
}

#[test]
fn a_node_that_the_cluster_does_not_have_is_refused_before_anything_is_set() {
    let (desk, search) = (roll::desk(THREE), Searching::start());
    let controller = Controller::gone(&desk);
    let run = controller.start();
    let called = restrict(&controller, &run, &search, &json!({"target": "n9"}));
    assert!(called.failed().contains("n9 is none of its nodes"), "{}", called.failed());
    assert_eq!(search.orders(), Vec::<String>::new());
}

/// A run that is gone on with comes by again when the service is stopped.
#[test]
fn a_node_that_was_stopped_since_is_no_failure() {
    let gone = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let is_gone = std::sync::Arc::clone(&gone);
    let search = Searching::with(move |_, path, state| {
        if !is_gone.load(std::sync::atomic::Ordering::SeqCst) {
            return None;
        }
        let shards = state.shards.as_array_mut().unwrap();
        shards.retain(|row| row["node"] != "n3");
        (path == "/_nodes").then(|| {
            let mut told = support::searching::well(path);
            told["nodes"].as_object_mut().unwrap().remove("i3");
            support::searching::Fault::Instead(support::canned::Reply::json(200, told.to_string()))
        })
    });
    let desk = roll::desk(THREE);
    let controller = Controller::gone(&desk);
    let run = controller.start();
    restrict(&controller, &run, &search, &json!({})).well();
    gone.store(true, std::sync::atomic::Ordering::SeqCst);
    let again = restrict(&controller, &run, &search, &json!({})).well();
    assert_eq!((&again["changed"], restrictions(&search)), (&json!(false), 1));
    assert!(again["warnings"].to_string().contains("its shards are not judged"), "{again}");
    assert_eq!(search.allocation().0, "primaries");
}

/// An index made after the gate and before allocation was restricted has its only copy on the node.
#[test]
fn an_index_made_in_between_gets_its_replica_first() {
    let mut is_new = true;
    let search = Searching::with(move |method, path, state| {
        if method == "PUT" && path == "/_cluster/settings" && std::mem::take(&mut is_new) {
            state.add_index("fresh", "n3", Value::Null);
        } else if path == "/_cat/shards" && !state.is_restricted() {
            let rows = state.shards.as_array_mut().unwrap();
            for row in rows.iter_mut().filter(|row| row["state"] == "UNASSIGNED") {
                (row["state"], row["node"]) = (json!("STARTED"), json!("n1"));
            }
        }
        None
    });
    let desk = roll::desk(THREE);
    let controller = Controller::gone(&desk);
    let run = controller.start();
    let done = restrict(&controller, &run, &search, &json!({})).well();
    assert_eq!((&done["changed"], restrictions(&search)), (&json!(true), 2));
    assert_eq!(search.allocation().0, "primaries");
    let changes = |name: &str| names(&desk, &run).iter().filter(|it| *it == name).count();
    assert_eq!((changes("cluster_setting"), changes("cluster_restored")), (2, 1));
    restore(&controller, &run, &search).well();
    assert_eq!(search.allocation(), (Value::Null, Value::Null));
}

#[test]
fn an_index_that_gets_no_replica_is_named_and_allocation_put_back() {
    let desk = roll::desk(THREE);
    let controller = Controller::gone(&desk);
    let run = controller.start();
    let search = Searching::start();
    search.state.lock().unwrap().add_index("single", "n3", Value::Null);
    let called = restrict(&controller, &run, &search, &json!({}));
    let line = called.failed();
    assert!(line.contains("no other copy serves of single (shard 0)"), "{line}");
    assert!(!line.contains("still to be put back"), "{line}");
    assert_eq!(called.answer["indices"], json!(["single"]));
    assert_eq!(search.allocation(), (Value::Null, Value::Null));
    controller.finish(&run).well();

    // Someone has taken that upon himself, at the gate and here.
    let run = controller.start();
    let waivers = json!([{"predicate": "es.copies_elsewhere", "reason": "rebuilt daily", "objects": ["single"]}]);
    restrict(&controller, &run, &search, &json!({"waivers": waivers})).well();
    assert_eq!(search.allocation().0, "primaries");
}

/// Each time allocation is restricted there is one more index whose only copy is on the node.
#[test]
fn it_is_given_up_after_three_rounds() {
    let mut count = 0;
    let search = Searching::with(move |method, path, state| {
        if method == "PUT" && path == "/_cluster/settings" && !state.is_restricted() {
            count += 1;
            state.add_index(&format!("fresh-{count}"), "n3", Value::Null);
        } else if path == "/_cat/shards" && !state.is_restricted() {
            let rows = state.shards.as_array_mut().unwrap();
            for row in rows.iter_mut().filter(|row| row["state"] == "UNASSIGNED") {
                (row["state"], row["node"]) = (json!("STARTED"), json!("n1"));
            }
        }
        None
    });
    let desk = roll::desk(THREE);
    let controller = Controller::gone(&desk);
    let run = controller.start();
    let called = restrict(&controller, &run, &search, &json!({}));
    assert!(called.failed().contains("after 3 attempts"), "{}", called.failed());
    assert_eq!(restrictions(&search), 3);
    assert_eq!(search.allocation(), (Value::Null, Value::Null));
}
