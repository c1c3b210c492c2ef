//! A ZooKeeper ensemble, rolled by the shipped playbook while a client writes.

#![allow(clippy::unwrap_used, reason = "what a test cannot go on without, it panics on")]

mod clusters;
mod support;

use clusters::ledger::{Ledger, Writer, plain};
use clusters::play::{NEW, Player, changed};
use clusters::sampler::Sampler;
use clusters::yard::{Node, Yard};
use clusters::zookeeper::{CLUSTER, found, probe, settle, writer};
use serde_json::{Value, json};

const SOURCE: &str = include_str!("clusters_zookeeper_roll.rs");
const PLAYBOOK: &str = "spotinst.esg.recycle_zookeeper";

/// What the playbook is told of these machines.
fn variables(player: &Player<'_>, more: &Value) -> Value {
    let mut all = json!({
        "recycle_zookeeper_services": [player.on_machine("service")],
        "recycle_zookeeper_data_dir": player.on_machine("data"),
        "recycle_zookeeper_spacing": 1,
        "recycle_zookeeper_after_samples": 3,
        "recycle_zookeeper_after_window": 2,
        "recycle_zookeeper_bake_seconds": 0,
        "recycle_zookeeper_canary_bake_seconds": 2,
    });
    for (name, value) in more.as_object().unwrap() {
        all[name] = value.clone();
    }
    all
}

fn verify(yard: &Yard, nodes: &[Node], ledger: &Ledger) {
    for node in nodes {
        let found = found(yard, node);
        assert_eq!(ledger.lost(&found), Vec::<&str>::new(), "at {}", node.address);
    }
}

#[test]
fn the_playbook_rolls_every_server_and_nothing_acknowledged_is_lost() {
    if !clusters::can_run(SOURCE) {
        return;
    }
    let yard = Yard::open(&[CLUSTER]);
    let nodes = yard.found("zookeeper");
    let leader = settle(&nodes, 2);
    let player = Player::new(&yard, "zookeeper");
    let before = player.settings();
    let sampler = Sampler::start(&nodes, probe);
    let mut writer = Writer::start(&yard, &writer(&nodes), plain);
    writer.wait_for(200);

    let rolled = player.play(PLAYBOOK, &variables(&player, &json!({})));
    assert_eq!(rolled.code, 0, "{}\n{}", rolled.stdout, rolled.stderr);
    writer.wait_for(200);
    let ledger = writer.stop();
    verify(&yard, &nodes, &ledger);
    let samples = sampler.finish();
    samples.report(&ledger);
    assert_eq!(samples.max_down(), 1);
    let order: Vec<usize> = player.recycled().iter().map(|node| node.number).collect();
    assert_eq!(order.len(), 3);
    assert_eq!(order[2], leader, "who leads is rolled last: {order:?}");
    let down = samples.down_without_leader();
    assert!(down.iter().all(|index| *index == leader - 1), "{down:?}");
    assert_eq!(player.images(), [NEW; 3]);
    assert_eq!((player.settings(), player.image().as_str()), (before, NEW));

    let again = player.play(PLAYBOOK, &variables(&player, &json!({})));
    assert_eq!(changed(&again), 0);
    assert_eq!(player.recycled().len(), 3);
}
