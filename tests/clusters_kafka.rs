//! Kafka brokers, recycled by the simulator while a client writes.

#![allow(clippy::unwrap_used, reason = "what a test cannot go on without, it panics on")]

mod clusters;
mod support;

#[cfg(feature = "kafka")]
use clusters::gates::{Asked, gate, patient, patient_beside_an_ensemble};
#[cfg(feature = "kafka")]
use clusters::kafka::Gate;
use clusters::kafka::{
    CLUSTER, WITH_ZOOKEEPER, found, make_topic, probe, probe_with_zookeeper, settle, understand,
    writer,
};
use clusters::ledger::Writer;
use clusters::sampler::{Probe, Role, Sampler, State, sample};
#[cfg(feature = "kafka")]
use clusters::secured::{self, As};
use clusters::yard::{Node, Yard};
use clusters::{until, zookeeper};
#[cfg(feature = "kafka")]
use serde_json::{Value, json};
#[cfg(feature = "kafka")]
use support::roll::{self, Controller, THREE, journals, with};

const SOURCE: &str = include_str!("clusters_kafka.rs");

/// Stops a broker, has its machine recycled, starts it again, and holds what can be read against what was acknowledged.
fn recycle(yard: &Yard, technology: &str, nodes: &[Node], target: &Node, probe: Probe) {
    let others: Vec<Node> =
        nodes.iter().filter(|node| node.number != target.number).cloned().collect();
    let sampler = Sampler::start(nodes, probe);
    let mut writer = Writer::start(yard, &writer(yard, technology, nodes), understand);
    writer.wait_for(200);

    yard.stop(target);
    assert!(yard.disk(target).join("kafka/.kafka_cleanshutdown").exists());
    settle(yard, technology, &others, 2);
    let (before, after) = yard.recycle(target);
    assert_eq!(after.volume, before.volume);
    assert_eq!(yard.process(target), None, "a machine that comes back starts nothing by itself");
    writer.wait_for(200);
    yard.start(target);
    settle(yard, technology, nodes, 3);
    writer.wait_for(200);

    let ledger = writer.stop();
    let found = found(yard, technology, nodes);
    assert_eq!(ledger.lost(&found), Vec::<&str>::new());
    let samples = sampler.finish();
    assert_eq!(samples.max_down(), 1);
    assert!(samples.states(target.number - 1).contains(&State::Down));
    samples.report(&ledger);
}

#[test]
fn a_stopped_node_is_recycled_and_nothing_acknowledged_is_lost() {
    if !clusters::can_run(SOURCE) {
        return;
    }
    let yard = Yard::open(&[CLUSTER]);
    let nodes = yard.found("kafka");
    make_topic(&yard, "kafka", &nodes);
    settle(&yard, "kafka", &nodes, 3);
    let leader = until("one controller leads and all say so", 300, || {
        let states = sample(&nodes, probe);
        let leads = |state: &&State| **state == State::Up(Role::Leader);
        let is_settled = !states.contains(&State::Idle) && states.iter().filter(leads).count() == 1;
        let index = states.iter().position(|state| leads(&state))?;
        is_settled.then(|| nodes[index].number)
    });
    let target = nodes.iter().find(|node| node.number != leader).unwrap();
    recycle(&yard, "kafka", &nodes, target, probe);
}

#[test]
fn a_stopped_broker_with_its_metadata_in_zookeeper_is_recycled_and_nothing_acknowledged_is_lost() {
    if !clusters::can_run(SOURCE) {
        return;
    }
    let yard = Yard::open(&[zookeeper::CLUSTER, WITH_ZOOKEEPER]);
    zookeeper::settle(&yard.found("zookeeper"), 2);
    let nodes = yard.found("kafka-zk");
    make_topic(&yard, "kafka-zk", &nodes);
    settle(&yard, "kafka-zk", &nodes, 3);
    #[cfg(feature = "kafka")]
    for node in &nodes {
        gate(&Gate, &nodes, "pre", node, &patient_beside_an_ensemble()).open();
    }
    recycle(&yard, "kafka-zk", &nodes, &nodes[0], probe_with_zookeeper);
}

/// Leadership goes back to a broker by itself, in minutes; a test does not wait for that.
#[cfg(feature = "kafka")]
fn but_for_leadership(mut more: Value) -> Value {
    more["waivers"] =
        json!([{"predicate": "g.preferred_leaders", "reason": "it comes back in minutes"}]);
    more
}

#[cfg(feature = "kafka")]
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
#[cfg(feature = "kafka")]
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
#[cfg(feature = "kafka")]
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
