//! Kafka, rolled by the shipped playbook while a producer writes, and what the playbook refuses to go through.

#![cfg(feature = "kafka")]
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without, it panics on")]

mod clusters;
mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;

use clusters::gates::{gate, patient_beside_an_ensemble};
use clusters::kafka::{
    CLUSTER, Gate, TOO_LONG, WITH_ZOOKEEPER, acknowledges, acknowledges_in, found, make_topic,
    make_topic_called, not_once_in_order, probe, probe_with_zookeeper, settle, understand, writer,
};
use clusters::ledger::{Ledger, Writer};
use clusters::play::{NEW, Player, changed};
use clusters::sampler::{Probe, Role, Sampler, State, sample};
use clusters::yard::{Node, Yard};
use clusters::{until, zookeeper};
use serde_json::{Value, json};
use support::cli::Ran;

const SOURCE: &str = include_str!("clusters_kafka_roll.rs");
const PLAYBOOK: &str = "spotinst.esg.recycle_kafka";

/// A topic that takes no write without all of its replicas.
const STRICT: &str = "strict";

/// What the playbook is told of these machines.
fn variables(player: &Player<'_>, more: &Value) -> Value {
    let mut all = json!({
        "recycle_kafka_brokers": [1, 2, 3],
        // The ids of stateful instances end with the number.
        "recycle_kafka_member": "{{ rolling_recycle_node.id[-1:] }}",
        "recycle_kafka_services": [player.on_machine("service")],
        "recycle_kafka_log_dirs": [player.on_machine("data/kafka")],
        "recycle_kafka_spacing": 1,
        "recycle_kafka_after_samples": 3,
        "recycle_kafka_after_window": 2,
        "recycle_kafka_bake_seconds": 0,
        "recycle_kafka_canary_bake_seconds": 2,
    });
    for (name, value) in more.as_object().unwrap() {
        all[name] = value.clone();
    }
    all
}

/// The brokers of a cluster with the topic, all in sync.
fn founded(yard: &Yard, technology: &str) -> Vec<Node> {
    let nodes = yard.found(technology);
    make_topic(yard, technology, &nodes);
    settle(yard, technology, &nodes, 3);
    nodes
}

/// Waits until all say the same of who is the active controller of KRaft.
fn active_controller(nodes: &[Node]) {
    until("one controller leads and all say so", 300, || {
        let states = sample(nodes, probe);
        let leads = |state: &&State| **state == State::Up(Role::Leader);
        let is_settled = !states.contains(&State::Idle) && states.iter().filter(leads).count() == 1;
        is_settled.then_some(())
    });
}

/// The number of the broker that is the controller of a cluster with ZooKeeper, as the gate tells it.
fn controller(nodes: &[Node]) -> usize {
    let said = gate(&Gate, nodes, "pre", &nodes[0], &patient_beside_an_ensemble());
    said.open();
    let answer: Value = serde_json::from_str(&said.whole).unwrap();
    let predicates = answer["predicates"].as_array().unwrap();
    let told = predicates.iter().find(|it| it["name"] == "g.controller_known").unwrap();
    let evidence = told["evidence"].as_str().unwrap();
    evidence.split(' ').next().unwrap().parse().unwrap_or_else(|_| panic!("{told}"))
}

/// Rolls all three while a producer writes, `last` at the end or whoever controls then, and holds what can be read against what was acknowledged.
fn roll(
    yard: &Yard,
    technology: &'static str,
    last: Option<usize>,
    probe: Probe,
    more: &Value,
) -> Ledger {
    let nodes = yard.nodes(technology);
    let player = Player::new(yard, technology);
    let before = player.settings();
    let sampler = Sampler::start(&nodes, probe);
    let mut writer = Writer::start(yard, &writer(yard, technology, &nodes), understand);
    writer.wait_for(200);

    let rolled = player.play(PLAYBOOK, &variables(&player, more));
    assert_eq!(rolled.code, 0, "{}\n{}", rolled.stdout, rolled.stderr);
    writer.wait_for(200);
    let ledger = writer.stop();
    let found = found(yard, technology, &nodes);
    assert_eq!(ledger.lost(&found), Vec::<&str>::new());
    assert_eq!(not_once_in_order(&found), Vec::<String>::new());
    let samples = sampler.finish();
    samples.report(&ledger);
    assert!(ledger.goes_on(TOO_LONG), "{} ms without a write", ledger.longest_pause());
    assert_eq!(samples.max_down(), 1);
    // In ZooKeeper mode nobody is asked who controls.
    let tells = samples.rows.iter().flatten().any(|state| *state == State::Up(Role::Leader));
    assert!(!tells || !samples.lost_its_quorum());
    assert_eq!(tells, last.is_none(), "the controllers of a quorum were seen to lead");
    let order: Vec<usize> = player.recycled().iter().map(|node| node.number).collect();
    assert_eq!(order.len(), 3, "{order:?}");
    // On a busy computer another may come to control meanwhile; who did when its turn came counts.
    if let Some(last) = last {
        assert_eq!(order[2], last, "who controls is rolled last: {order:?}");
    } else {
        let early: Vec<usize> = order[..2].iter().map(|number| number - 1).collect();
        let led: Vec<_> = early.iter().filter(|it| samples.led_before_it_went(**it)).collect();
        assert!(led.is_empty(), "stopped while it controlled: {led:?}, {order:?}");
    }
    assert_eq!(player.images(), [NEW; 3]);
    assert_eq!((player.settings(), player.image().as_str()), (before, NEW));
    for node in &nodes {
        // With every broker leading what it is to lead.
        gate(&Gate, &nodes, "post", node, &json!({})).open();
    }

    let again = player.play(PLAYBOOK, &variables(&player, more));
    assert_eq!(changed(&again), 0, "{}", again.stdout);
    assert_eq!(player.recycled().len(), 3);
    ledger
}

/// Fails unless the playbook ended with all of these words.
fn ended_with(ran: &Ran, words: &[&str]) {
    assert_ne!(ran.code, 0, "{}\n{}", ran.stdout, ran.stderr);
    let told = ran.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    let missing: Vec<_> = words.iter().filter(|it| !told.contains(**it)).collect();
    assert!(missing.is_empty(), "{missing:?}: {}\n{}", ran.stdout, ran.stderr);
}

/// A service that is stopped as by a machine that loses its power, beside the proper one of each machine.
fn make_harsh(yard: &Yard, nodes: &[Node]) {
    let text = "#!/bin/sh
proper=\"$(dirname \"$0\")/service\"
test \"$1\" = stop || exec \"$proper\" \"$@\"
kill -KILL \"$(\"$proper\" status)\"
while \"$proper\" status >/dev/null; do sleep 0.1; done
";
    for node in nodes {
        let path = yard.path(&format!("nodes/{}/harsh", node.address));
        fs::write(&path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
}

#[test]
fn the_playbook_rolls_every_node_and_nothing_acknowledged_is_lost() {
    if !clusters::can_run(SOURCE) {
        return;
    }
    let yard = Yard::open(&[CLUSTER]);
    let nodes = founded(&yard, "kafka");
    active_controller(&nodes);
    roll(&yard, "kafka", None, probe, &json!({}));
}

#[test]
fn the_playbook_gives_up_no_machine_after_an_unclean_stop_or_where_writes_would_stop() {
    if !clusters::can_run(SOURCE) {
        return;
    }
    let yard = Yard::open(&[CLUSTER]);
    let nodes = founded(&yard, "kafka");
    let player = Player::new(&yard, "kafka");
    let before = (player.settings(), player.image());

    let hasty = json!({"rolling_recycle_before_timeout": 5});
    make_harsh(&yard, &nodes);
    let harsh = json!({"recycle_kafka_services": [player.on_machine("harsh")]});
    let ran = player.play(PLAYBOOK, &variables(&player, &harsh));
    let words = [
        "was not stopped cleanly",
        ".kafka_cleanshutdown is missing",
        "its service was started again there",
    ];
    ended_with(&ran, &words);
    settle(&yard, "kafka", &nodes, 3);

    // A topic that cannot do without any of its replicas.
    make_topic_called(&yard, "kafka", &nodes, STRICT, &["min.insync.replicas=3"]);
    assert!(acknowledges_in(&yard, "kafka", &nodes, STRICT));
    let ran = player.play(PLAYBOOK, &variables(&player, &hasty));
    ended_with(&ran, &["kafka.above_min_in_sync", STRICT]);
    assert_eq!(player.recycled().len(), 0);

    yard.stop(&nodes[0]);
    settle(&yard, "kafka", &nodes[1..], 2);
    assert!(acknowledges(&yard, "kafka", &nodes));
    assert!(!acknowledges_in(&yard, "kafka", &nodes, STRICT), "the step that was refused");
    let ran = player.play(PLAYBOOK, &variables(&player, &hasty));
    ended_with(&ran, &["kafka.brokers_live"]);
    assert_eq!(player.recycled().len(), 0);
    assert_eq!((player.settings(), player.image()), before);
    assert!(yard.process(&nodes[1]).is_some() && yard.process(&nodes[2]).is_some());

    // This step was refused, too.
    yard.stop(&nodes[1]);
    assert!(!acknowledges(&yard, "kafka", &nodes), "writes need two of three");
}

/// Gives the machine up as the role does; the disk of the new one turns out to be blank.
const RECYCLE_TO_A_BLANK_DISK: &str = "
- name: Replace the machine
  spotinst.esg.stateful_instance:
    state: recycled
    group_id: '{{ __rolling_recycle_run.group_id }}'
    id: '{{ rolling_recycle_node.id }}'
    run_id: '{{ __rolling_recycle_run.run_id }}'
  register: __rolling_recycle_recycled

- name: Lose what was on its disk
  ansible.builtin.shell: rm -rf FOLDER && mkdir FOLDER
";

fn blank(yard: &Yard, node: &Node) {
    let folder = yard.disk(node).join("kafka");
    fs::remove_dir_all(&folder).unwrap();
    fs::create_dir(folder).unwrap();
}

#[test]
fn the_playbook_rolls_brokers_with_zookeeper_and_starts_none_on_a_blank_disk() {
    if !clusters::can_run(SOURCE) {
        return;
    }
    let yard = Yard::open(&[zookeeper::CLUSTER, WITH_ZOOKEEPER]);
    let ensemble = yard.found("zookeeper");
    zookeeper::settle(&ensemble, 2);
    let nodes = founded(&yard, "kafka-zk");
    let servers: Vec<String> =
        ensemble.iter().map(|it| format!("{}:{}", it.address, zookeeper::PORT)).collect();
    let more = json!({"recycle_kafka_more_gates": [
        {"name": "ensemble", "kind": "zookeeper", "phase": "pre", "servers": servers, "target": servers[0]}
    ]});
    let last = controller(&nodes);
    let ledger = roll(&yard, "kafka-zk", Some(last), probe_with_zookeeper, &more);

    let player = Player::new(&yard, "kafka-zk");
    let tasks = RECYCLE_TO_A_BLANK_DISK.replace("FOLDER", &player.on_machine("data/kafka"));
    let mut other = more.clone();
    other["rolling_recycle_image_id"] = json!("ami-3");
    other["recycle_kafka_tasks"] = json!({"recycle": player.file("recycle.yml", &tasks)});
    let ran = player.play(PLAYBOOK, &variables(&player, &other));
    ended_with(
        &ran,
        &["does not have the old one's data", "its service was not started", "is frozen"],
    );
    let recycled = player.recycled();
    assert_eq!(recycled.len(), 4, "one more than before");
    let hit = &recycled[3];
    assert_eq!(yard.process(hit), None);
    let others: Vec<Node> = nodes.iter().filter(|it| it.number != hit.number).cloned().collect();
    let there = found(&yard, "kafka-zk", &others);
    assert_eq!(ledger.lost(&there), Vec::<&str>::new());

    // What was refused, on the day on which it hurts: the one with the blank disk is the last that was in sync.
    yard.start(hit);
    settle(&yard, "kafka-zk", &nodes, 3);
    others.iter().for_each(|node| yard.stop(node));
    yard.stop(hit);
    yard.recycle(hit);
    blank(&yard, hit);
    yard.start(hit);
    others.iter().for_each(|node| yard.start(node));
    settle(&yard, "kafka-zk", &nodes, 3);
    let there = found(&yard, "kafka-zk", &nodes);
    assert_eq!(ledger.lost(&there).len(), ledger.entries.len(), "all of it is lost, on all three");
}
