//! What the gate tells of OpenSearch nodes, and allocation that is restricted and put back.

#![allow(clippy::unwrap_used, reason = "what a test cannot go on without, it panics on")]

mod clusters;
mod support;

use clusters::gates::{Asked, gate, patient};
use clusters::opensearch::{CLUSTER, Gate, ask, make_index, set, settle};
use clusters::yard::{Node, Yard};
use serde_json::{Value, json};
use support::roll::{self, Controller, THREE, with};

const SOURCE: &str = include_str!("clusters_opensearch.rs");

/// The setting that keeps replicas of a node that is away from being made elsewhere.
const ALLOCATION: &str = "cluster.routing.allocation.enable";

/// Waits for the cluster with a node that has come back, seen by those that stayed.
fn settle_with(others: &[Node], target: &Node, status: &str) -> usize {
    let nodes: Vec<Node> = others.iter().chain([target]).cloned().collect();
    settle(&nodes, status)
}

#[test]
fn the_gate_tells_what_the_cluster_can_lose() {
    if !clusters::can_run(SOURCE) {
        return;
    }
    let yard = Yard::open(&[CLUSTER]);
    let nodes = yard.found("opensearch");
    settle(&nodes, "green");
    make_index(&nodes[0]);
    let manager = settle(&nodes, "green");
    for node in &nodes {
        gate(&Gate, &nodes, "pre", node, &patient()).open();
    }
    let target = nodes.iter().find(|node| node.number != manager).unwrap();
    let others: Vec<Node> =
        nodes.iter().filter(|node| node.number != target.number).cloned().collect();

    // Green, and one node holds the only copy.
    let index = json!({"settings": {"number_of_shards": 1, "number_of_replicas": 0,
        "index.routing.allocation.require._name": format!("node-{}", target.number)}});
    ask(&nodes[0], "PUT", "/single", &index).unwrap();
    settle(&nodes, "green");
    let found = gate(&Gate, &nodes, "pre", target, &json!({}));
    let expected = ("copies_elsewhere".to_owned(), "single".to_owned());
    assert_eq!(found.unmet, [expected].into(), "{}", found.whole);
    gate(&Gate, &nodes, "pre", &others[0], &patient()).open();
    let waiver = json!({"predicate": "g.copies_elsewhere", "reason": "rebuilt daily", "objects": ["single"]});
    gate(&Gate, &nodes, "pre", target, &json!({"waivers": [waiver]})).open();
    ask(&nodes[0], "DELETE", "/single", &Value::Null).unwrap();

    gate(&Gate, &nodes, "mid", target, &json!({})).shut_for(&["nodes_present"]);
    set(&others[0], ALLOCATION, &json!("primaries"));
    gate(&Gate, &nodes, "pre", target, &json!({})).shut_for(&["nothing_left_over"]);
    yard.stop(target);
    gate(&Gate, &nodes, "mid", target, &patient()).open();
    let found = gate(&Gate, &nodes, "pre", &others[0], &json!({}));
    found.shut_for(&["nodes_present", "status", "voting_majority", "copies_elsewhere"]);
    yard.start(target);
    settle_with(&others, target, "yellow");
    let found = gate(&Gate, &nodes, "post", target, &json!({}));
    found.shut_for(&["nothing_left_over"]);
    set(&others[0], ALLOCATION, &Value::Null);
    gate(&Gate, &nodes, "post", target, &patient()).open();
}

/// With a run of its own, on the simulator's group: what is set of the cluster is what counts here.
#[test]
fn allocation_is_restricted_and_put_back_as_it_was() {
    if !clusters::can_run(SOURCE) {
        return;
    }
    let yard = Yard::open(&[CLUSTER]);
    let nodes = yard.found("opensearch");
    settle(&nodes, "green");
    make_index(&nodes[0]);
    settle(&nodes, "green");
    set(&nodes[0], "action.auto_create_index", &json!("false"));
    let settings = || ask(&nodes[1], "GET", "/_cluster/settings?flat_settings=true", &Value::Null);
    let before = settings().unwrap();
    let desk = roll::desk(THREE);
    let controller = Controller::gone(&desk);
    let run = controller.start();
    let mut cluster = Gate.options(&nodes);
    cluster.as_object_mut().unwrap().remove("nodes");
    let target = Gate.name(&nodes[2]);
    let restricted = json!({"state": "restricted", "run_id": run, "node": "ssi-3", "target": target, "cluster": cluster,
        "wait_timeout": 60});
    let restored =
        json!({"state": "restored", "run_id": run, "cluster": cluster, "wait_timeout": 60});
    let call = |arguments: &Value| controller.call("elasticsearch_allocation", arguments).well();

    let done = call(&restricted);
    assert_eq!((&done["changed"], done.get("warnings")), (&json!(true), None), "flushed as well");
    assert_eq!(settings().unwrap()["persistent"][ALLOCATION], "primaries");
    assert_eq!(call(&restricted)["changed"], false);
    yard.stop(&nodes[2]);
    settle(&nodes[..2], "yellow");
    let away = call(&restricted);
    assert_eq!(away["changed"], false);
    assert!(away["warnings"][0].as_str().unwrap().contains("not judged"), "{away}");
    yard.start(&nodes[2]);
    settle_with(&nodes[..2], &nodes[2], "yellow");
    assert_eq!(call(&restored)["changed"], true);
    assert_eq!(settings().unwrap(), before);
    assert_eq!(call(&restored)["changed"], false);
    settle(&nodes, "green");

    // An index without replicas: named, and nothing is left behind.
    let index = json!({"settings": {"number_of_shards": 1, "number_of_replicas": 0,
        "index.routing.allocation.require._name": target}});
    ask(&nodes[0], "PUT", "/single", &index).unwrap();
    settle(&nodes, "green");
    let hasty = json!({"wait_timeout": 2});
    let refused = controller.call("elasticsearch_allocation", &with(restricted.clone(), &hasty));
    assert!(refused.failed().contains("single (shard 0)"), "{}", refused.failed());
    assert_eq!(settings().unwrap(), before);

    // Whoever ends the run puts back what is left.
    let waivers = json!([{"predicate": "g.copies_elsewhere", "reason": "rebuilt daily", "objects": ["single"]}]);
    call(&with(restricted, &json!({"waivers": waivers})));
    assert_ne!(settings().unwrap(), before);
    let end = json!({"run_id": run, "cluster": cluster});
    assert_eq!(controller.run("finished", &end).well()["outcome"], "aborted");
    assert_eq!(settings().unwrap(), before);
}
