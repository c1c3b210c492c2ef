//! ZooKeeper servers, recycled by the simulator while a client writes.

#![allow(clippy::unwrap_used, reason = "what a test cannot go on without, it panics on")]

mod clusters;
mod support;

use clusters::gates::{gate, patient};
use clusters::ledger::{Ledger, Writer, plain};
use clusters::sampler::{Role, Sampler, State};
use clusters::yard::{Node, Yard};
use clusters::zookeeper::{CLUSTER, Gate, found, probe, settle, writer};
use serde_json::json;

const SOURCE: &str = include_str!("clusters_zookeeper.rs");

/// Holds what each server has against what was acknowledged.
fn verify(yard: &Yard, nodes: &[Node], ledger: &Ledger) {
    for node in nodes {
        let found = found(yard, node);
        assert_eq!(ledger.lost(&found), Vec::<&str>::new(), "at {}", node.address);
    }
}

#[test]
fn a_stopped_server_is_recycled_and_nothing_acknowledged_is_lost() {
    if !clusters::can_run(SOURCE) {
        return;
    }
    let yard = Yard::open(&[CLUSTER]);
    let nodes = yard.found("zookeeper");
    let leader = settle(&nodes, 2);
    let target = nodes.iter().find(|node| node.number != leader).unwrap();
    let sampler = Sampler::start(&nodes, probe);
    let mut writer = Writer::start(&yard, &writer(&nodes), plain);
    writer.wait_for(200);

    yard.stop(target);
    let others: Vec<Node> =
        nodes.iter().filter(|node| node.number != target.number).cloned().collect();
    assert_eq!(settle(&others, 1), leader);
    let (before, after) = yard.recycle(target);
    assert_eq!(after.volume, before.volume);
    assert_eq!(yard.process(target), None, "a machine that comes back starts nothing by itself");
    writer.wait_for(200);
    yard.start(target);
    assert_eq!(settle(&nodes, 2), leader);
    writer.wait_for(200);

    let ledger = writer.stop();
    verify(&yard, &nodes, &ledger);
    let samples = sampler.finish();
    assert_eq!(samples.max_down(), 1);
    assert!(samples.states(target.number - 1).contains(&State::Down));
    assert!(!samples.states(leader - 1).contains(&State::Up(Role::Follower)));
    samples.report(&ledger);
}

#[test]
fn a_machine_that_is_terminated_takes_its_running_server_along() {
    if !clusters::can_run(SOURCE) {
        return;
    }
    let yard = Yard::open(&[CLUSTER]);
    let nodes = yard.found("zookeeper");
    let old = nodes.iter().find(|node| node.number == settle(&nodes, 2)).unwrap();
    let mut writer = Writer::start(&yard, &writer(&nodes), plain);
    writer.wait_for(50);
    yard.recycle(old);
    assert_eq!((yard.process(old), probe(old)), (None, State::Down));
    let others: Vec<Node> =
        nodes.iter().filter(|node| node.number != old.number).cloned().collect();
    assert_ne!(settle(&others, 1), old.number);
    writer.wait_for(50);
    yard.start(old);
    settle(&nodes, 2);
    verify(&yard, &nodes, &writer.stop());
}

/// What the ledger is for: without it nobody would notice.
#[test]
fn a_cluster_whose_disks_are_emptied_has_lost_what_it_acknowledged() {
    if !clusters::can_run(SOURCE) {
        return;
    }
    let yard = Yard::open(&[CLUSTER]);
    let nodes = yard.found("zookeeper");
    settle(&nodes, 2);
    let mut writer = Writer::start(&yard, &writer(&nodes), plain);
    writer.wait_for(50);
    let ledger = writer.stop();
    for node in &nodes {
        yard.stop(node);
        std::fs::remove_dir_all(yard.disk(node).join("version-2")).unwrap();
        std::fs::write(yard.disk(node).join("initialize"), "").unwrap();
    }
    nodes.iter().for_each(|node| yard.start(node));
    settle(&nodes, 2);
    assert_eq!(ledger.lost(&found(&yard, &nodes[0])).len(), ledger.entries.len());
}

#[test]
fn the_gate_tells_what_the_ensemble_can_lose() {
    if !clusters::can_run(SOURCE) {
        return;
    }
    let yard = Yard::open(&[CLUSTER]);
    let nodes = yard.found("zookeeper");
    let leader = settle(&nodes, 2);
    let target = nodes.iter().find(|node| node.number == leader).unwrap();
    let other = nodes.iter().find(|node| node.number != leader).unwrap();
    for asked in [Gate::Words, Gate::Admin] {
        for node in &nodes {
            gate(&asked, &nodes, "pre", node, &json!({})).open();
        }
        gate(&asked, &nodes, "mid", target, &json!({})).shut_for(&["target_stopped"]);
    }
    // One that is not asked about might be the one that is behind.
    let two: Vec<Node> = nodes.iter().filter(|node| node.number != 3).cloned().collect();
    gate(&Gate::Words, &two, "pre", &two[0], &json!({})).shut_for(&["same_membership"]);

    // The leader goes: the others choose one of theirs, and neither may go with it.
    yard.stop(target);
    for asked in [Gate::Words, Gate::Admin] {
        gate(&asked, &nodes, "mid", target, &patient()).open();
        let found = gate(&asked, &nodes, "pre", other, &json!({}));
        found.shut_for(&["servers_serve", "followers_synced", "majority_without_target"]);
        gate(&asked, &nodes, "post", target, &json!({})).shut_for(&["servers_serve"]);
    }
    // Without a majority the last one still answers, and serves nobody.
    yard.stop(other);
    let more = json!({"samples": 1, "wait_timeout": 0});
    clusters::until("the last one has noticed", 300, || {
        let found = gate(&Gate::Words, &nodes, "mid", target, &more);
        found.names().contains("one_leader").then_some(())
    });
    yard.start(other);
    yard.start(target);
    gate(&Gate::Words, &nodes, "post", target, &patient()).open();
}
