//! What the gate tells of Kafka brokers, and leadership that is given back to one.

#![cfg(feature = "kafka")]
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without, it panics on")]

mod clusters;
mod support;

use clusters::gates::{Asked, gate, patient};
use clusters::kafka::{CLUSTER, Gate, make_topic, settle};
use clusters::secured::{self, As};
use clusters::until;
use clusters::yard::{Node, Yard};
use serde_json::{Value, json};
use support::roll::{self, Controller, THREE, journals, with};

const SOURCE: &str = include_str!("clusters_kafka.rs");

/// Leadership goes back to a broker by itself, in minutes; a test does not wait for that.
fn but_for_leadership(mut more: Value) -> Value {
    more["waivers"] =
        json!([{"predicate": "g.preferred_leaders", "reason": "it comes back in minutes"}]);
    more
}

#[test]
fn the_gate_tells_what_the_cluster_can_lose() {
    if !clusters::can_run(SOURCE) {
        return;
    }
    let yard = Yard::open(&[CLUSTER]);
    let nodes = yard.found("kafka");
    make_topic(&yard, "kafka", &nodes);
    settle(&yard, "kafka", &nodes, 3);
    for node in &nodes {
        gate(&Gate, &nodes, "pre", node, &patient()).open();
    }
    let (target, other) = (&nodes[2], &nodes[0]);
    gate(&Gate, &nodes, "mid", target, &json!({})).shut_for(&["brokers_live"]);
    yard.stop(target);
    gate(&Gate, &nodes, "mid", target, &patient()).open();
    let found = gate(&Gate, &nodes, "pre", other, &json!({}));
    found.shut_for(&["brokers_live", "in_sync", "above_min_in_sync", "replicas_online"]);
    gate(&Gate, &nodes, "post", target, &json!({})).shut_for(&["brokers_live", "target_answers"]);
    until("a voter that is gone is out of step", 300, || {
        let found = gate(&Gate, &nodes, "pre", other, &json!({}));
        found.names().contains("quorum_in_step").then_some(())
    });
    yard.start(target);
    gate(&Gate, &nodes, "post", target, &but_for_leadership(patient())).open();
    leads_again(&nodes, target);
    gate(&Gate, &nodes, "post", target, &patient()).open();
}

/// The broker is given back what it is to lead, once.
fn leads_again(nodes: &[Node], target: &Node) {
    let desk = roll::desk(THREE);
    let controller = Controller::gone(&desk);
    let run = controller.start();
    let mut cluster = Gate.options(nodes);
    cluster.as_object_mut().unwrap().remove("brokers");
    let call = |more: &Value| {
        let usual = json!({"cluster": cluster, "target": Gate.name(target), "run_id": run, "node": "ssi-3"});
        controller.call("kafka_leadership", &with(usual, more)).well()
    };
    let check = call(&json!({"_ansible_check_mode": true, "_ansible_diff": true}));
    assert_eq!(check["changed"], true, "{check}");
    let partitions = check["partitions"].as_array().unwrap();
    assert!(!partitions.is_empty(), "{check}");
    assert!(partitions.iter().all(|it| it["preferred"] == target.number), "{check}");
    assert!(partitions.iter().all(|it| it["leader"] != target.number), "{check}");
    let journal = || std::fs::read_to_string(journals(&desk).join(format!("{run}.jsonl"))).unwrap();
    assert!(!journal().contains("electing"));
    let done = call(&json!({}));
    assert_eq!((&done["changed"], &done["partitions"]), (&json!(true), &check["partitions"]));
    assert!(journal().contains("electing"));
    assert_eq!(call(&json!({}))["changed"], false);
    let all = controller.call("kafka_leadership", &json!({"cluster": cluster})).well();
    assert_eq!(call(&json!({"target": null}))["changed"], false, "{all}");
    controller.finish(&run).well();
}

/// Nobody but those whom the brokers let in is told anything, and whoever may not see all is told of no safety.
#[test]
fn the_gate_is_let_in_by_login_or_certificate_and_passes_only_for_one_who_sees_all() {
    if !clusters::can_run(SOURCE) {
        return;
    }
    let yard = Yard::open(&[secured::CLUSTER]);
    secured::make_certificates(&yard);
    let nodes = yard.found("kafka-secured");
    make_topic(&yard, "kafka-secured", &nodes);
    secured::limit(&yard, &nodes);
    settle(&yard, "kafka-secured", &nodes, 3);
    let login = |mechanism, name, password| As::login(&yard, mechanism, name, password);
    let one_look = json!({});

    gate(&login("plain", "gate", "gates-own-word"), &nodes, "pre", &nodes[2], &patient()).open();
    gate(&login("scram-sha-256", "gate", "gates-own-word"), &nodes, "pre", &nodes[1], &one_look)
        .open();
    gate(&login("scram-sha-512", "gate", "gates-own-word"), &nodes, "pre", &nodes[2], &one_look)
        .open();
    gate(&As::certificate(&yard), &nodes, "pre", &nodes[0], &one_look).open();

    let strangers = [
        login("plain", "gate", "hidden-word-78"),
        login("scram-sha-256", "gate", "hidden-word-78"),
        login("scram-sha-512", "gate", "hidden-word-78"),
        login("plain", "gate", "gates-own-word").without(&["ca_path"]),
        As::certificate(&yard).without(&["client_cert", "client_key"]),
    ];
    for stranger in strangers {
        let said = gate(&stranger, &nodes, "pre", &nodes[2], &one_look);
        assert!(!said.whole.contains("-word"), "{}", said.whole);
        let answer: Value = serde_json::from_str(&said.whole).unwrap();
        let predicates = answer["predicates"].as_array().unwrap();
        assert!(predicates.len() > 8, "{answer}");
        for predicate in predicates {
            assert_eq!(predicate["verdict"], "unknown", "{predicate}");
        }
    }

    let limited = login("scram-sha-256", "limited", "limited-own-word");
    let said = gate(&limited, &nodes, "pre", &nodes[2], &one_look);
    assert_eq!(said.names(), ["visible"].into(), "{}", said.whole);
    assert!(said.whole.contains(&format!("holds {}-", secured::HIDDEN)), "{}", said.whole);
}
