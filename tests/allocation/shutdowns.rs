//! Nodes that are registered to be shut down.

use serde_json::{Value, json};

use super::{restore, restrict};
use crate::support::roll::{self, Controller, THREE};
use crate::support::searching::Searching;

fn registered(search: &Searching) -> Value {
    search.state.lock().unwrap().shutdowns["i3"].clone()
}

#[test]
fn a_node_is_registered_with_a_delay_and_the_registration_deleted() {
    let (desk, search) = (roll::desk(THREE), Searching::start());
    let controller = Controller::gone(&desk);
    let run = controller.start();
    let more = json!({"node_shutdown": true, "allocation_delay": "45m"});
    restrict(&controller, &run, &search, &more).well();
    let found = registered(&search);
    assert_eq!((&found["type"], &found["allocation_delay"]), (&json!("RESTART"), &json!("45m")));
    assert_eq!(found["reason"], format!("spotinst-esg run {run}"));
    assert_eq!(restrict(&controller, &run, &search, &more).well()["changed"], false);
    restore(&controller, &run, &search).well();
    assert_eq!((registered(&search), search.allocation().0), (Value::Null, Value::Null));
}

#[test]
fn one_that_stalls_is_taken_back_with_everything_else() {
    let (desk, search) = (roll::desk(THREE), Searching::start());
    search.state.lock().unwrap().shutdown_status = "STALLED".to_owned();
    let controller = Controller::gone(&desk);
    let run = controller.start();
    let called = restrict(&controller, &run, &search, &json!({"node_shutdown": true}));
    assert!(called.failed().contains("STALLED"), "{}", called.failed());
    assert_eq!(called.answer["error_code"], "CLUSTER_SHUTDOWN_STALLED");
    assert_eq!((registered(&search), search.allocation().0), (Value::Null, Value::Null));
    controller.finish(&run).well();
}

#[test]
fn one_that_does_not_come_about_in_time_is_taken_back_too() {
    let (desk, search) = (roll::desk(THREE), Searching::start());
    search.state.lock().unwrap().shutdown_status = "IN_PROGRESS".to_owned();
    let controller = Controller::gone(&desk);
    let run = controller.start();
    let more = json!({"node_shutdown": true, "wait_timeout": 1});
    let called = restrict(&controller, &run, &search, &more);
    assert!(called.failed().contains("IN_PROGRESS"), "{}", called.failed());
    assert_eq!((registered(&search), search.allocation().0), (Value::Null, Value::Null));
}

/// Someone has replaced the registration: it is his.
#[test]
fn another_registration_is_left() {
    let (desk, search) = (roll::desk(THREE), Searching::start());
    let controller = Controller::gone(&desk);
    let run = controller.start();
    let more = json!({"node_shutdown": true});
    restrict(&controller, &run, &search, &more).well();
    search.state.lock().unwrap().shutdowns["i3"]["type"] = json!("REMOVE");
    let called = restrict(&controller, &run, &search, &more);
    assert!(called.failed().contains("registered to REMOVE"), "{}", called.failed());
    let back = restore(&controller, &run, &search).well();
    assert!(back["warnings"].to_string().contains("registered to REMOVE"), "{back}");
    assert_eq!(registered(&search)["type"], "REMOVE");
    assert_eq!(search.allocation().0, Value::Null);
}

#[test]
fn where_there_is_no_register_nothing_is_set() {
    for (product, version) in [("opensearch", "2.19.1"), ("elasticsearch", "7.14.2")] {
        let (desk, search) = (roll::desk(THREE), Searching::start());
        {
            let mut state = search.state.lock().unwrap();
            (state.product, state.version) = (product, version.to_owned());
        }
        let controller = Controller::gone(&desk);
        let run = controller.start();
        let called = restrict(&controller, &run, &search, &json!({"node_shutdown": true}));
        assert!(called.failed().contains(version), "{}", called.failed());
        assert_eq!(search.orders(), Vec::<String>::new());
        restrict(&controller, &run, &search, &json!({})).well();
        restore(&controller, &run, &search).well();
        assert_eq!(search.allocation().0, Value::Null);
    }
}

#[test]
fn a_delay_is_a_time() {
    let (desk, search) = (roll::desk(THREE), Searching::start());
    let controller = Controller::gone(&desk);
    let run = controller.start();
    for delay in ["", "30", "m", "0m", "30 m", "1d", "-5m", "30m\",\"x"] {
        let more = json!({"node_shutdown": true, "allocation_delay": delay});
        let called = restrict(&controller, &run, &search, &more);
        if delay.is_empty() {
            // Nothing was given, so it is the default.
            called.well();
            restore(&controller, &run, &search).well();
        } else {
            assert!(called.failed().contains("allocation_delay is a time"), "{delay}");
        }
    }
}
