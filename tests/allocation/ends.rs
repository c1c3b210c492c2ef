//! Runs that end, or do not, with something owed to a cluster.

use serde_json::{Value, json};

use super::{names, restrict};
use crate::support::roll::{self, Controller, THREE, settings, with};
use crate::support::searching::Searching;

fn cluster(search: &Searching) -> Value {
    json!({"kind": "elasticsearch", "urls": [search.url()]})
}

fn position(names: &[String], name: &str) -> usize {
    names.iter().position(|it| it == name).unwrap_or_else(|| panic!("no {name} in {names:?}"))
}

#[test]
fn a_run_puts_back_first_what_it_owes_a_cluster() {
    let (desk, search) = (roll::desk(THREE), Searching::start());
    let controller = Controller::gone(&desk);
    let run = controller.start();
    restrict(&controller, &run, &search, &json!({})).well();
    let end = json!({"run_id": run, "cluster": cluster(&search)});
    let check = controller
        .run("finished", &with(end.clone(), &json!({"_ansible_check_mode": true})))
        .well();
    assert!(check["msg"].as_str().unwrap().contains("of elasticsearch cluster u1"), "{check}");
    assert_eq!(search.allocation().0, "primaries");
    assert_eq!(controller.run("finished", &end).well()["outcome"], "aborted");
    assert_eq!(search.allocation(), (Value::Null, Value::Null));
    let names = names(&desk, &run);
    assert!(position(&names, "cluster_restored") < position(&names, "restoring"), "{names:?}");
    assert_eq!(settings(&desk).2, json!([]));
    assert_eq!(controller.run("finished", &end).well()["changed"], false);
}

/// The group's settings are put back all the same, and nothing is forgotten.
#[test]
fn without_access_it_does_not_end_and_the_next_start_does_not_overlook_it() {
    let (desk, search) = (roll::desk(THREE), Searching::start());
    search.set("persistent", json!("all"));
    let controller = Controller::gone(&desk);
    let run = controller.start();
    restrict(&controller, &run, &search, &json!({})).well();
    let closed = json!({"kind": "elasticsearch", "urls": ["http://127.0.0.1:9"], "api_key_file": "/none/such"});
    for cluster in [Value::Null, closed] {
        let called = controller.run("finished", &json!({"run_id": run, "cluster": cluster}));
        let line = called.failed();
        for words in [
            "is not ended",
            "cluster.routing.allocation.enable",
            "cluster u1",
            "persistent all, transient null",
            search.url(),
            "elasticsearch_allocation",
            "--cluster FILE",
        ] {
            assert!(line.contains(words), "{words}: {line}");
        }
        assert_eq!(line.contains("/none/such"), !cluster.is_null(), "{line}");
        assert_eq!(called.answer["error_code"], "CLUSTER_OWED");
        assert_eq!(settings(&desk).2, json!([]), "the group's own are put back");
    }
    assert_eq!(search.allocation().0, "primaries");

    // With another aim, by someone else.
    let second = Controller::gone(&desk);
    let other = with(second.aim(), &json!({"image_id": "ami-3"}));
    let refused = second.run("started", &other);
    assert!(refused.failed().contains("nothing is begun before"), "{}", refused.failed());
    assert!(refused.failed().contains("persistent all"), "{}", refused.failed());
    assert_eq!(search.allocation().0, "primaries");

    // With the same aim it is gone on with, and still owes it.
    let third = Controller::gone(&desk);
    assert_eq!(third.start(), run);
    assert!(third.finish(&run).failed().contains("cluster u1"));

    // Whoever begins another with access puts it back first.
    let fourth = Controller::gone(&desk);
    let begun = fourth.run("started", &with(other, &json!({"cluster": cluster(&search)}))).well();
    assert_eq!(begun["put_back"], json!([run]));
    assert_eq!(search.allocation(), (json!("all"), Value::Null));
}

/// Nothing stands in the way of a run whose cluster is of a kind of which nothing is changed.
#[test]
fn a_cluster_of_another_kind_owes_nothing() {
    let desk = roll::desk(THREE);
    let controller = Controller::gone(&desk);
    for cluster in [
        json!({"kind": "zookeeper", "servers": ["127.0.0.1:9"]}),
        json!({"kind": "kafka", "bootstrap": ["127.0.0.1:9", "127.0.0.2:9"]}),
        json!({"kind": "elasticsearch", "urls": ["http://127.0.0.1:9"]}),
    ] {
        let run = controller.start();
        let end = json!({"run_id": run, "cluster": cluster});
        assert_eq!(controller.run("finished", &end).well()["outcome"], "aborted");
    }
}

#[test]
fn a_frozen_run_gives_a_cluster_back_what_it_owes() {
    let (desk, search) = (roll::desk(THREE), Searching::start());
    let controller = Controller::gone(&desk);
    let run = controller.start();
    restrict(&controller, &run, &search, &json!({})).well();
    let freeze = json!({"run_id": run, "node": "ssi-1", "phase": "frozen", "reason": "odd"});
    controller.run("advanced", &freeze).well();
    assert!(controller.finish(&run).failed().contains("cluster u1"));
    let end = json!({"run_id": run, "cluster": cluster(&search)});
    assert_eq!(controller.run("finished", &end).well()["outcome"], "frozen");
    assert_eq!(search.allocation(), (Value::Null, Value::Null));
}
