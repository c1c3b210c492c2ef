//! A ZooKeeper ensemble, rolled by the shipped playbook while a client writes.

#![allow(clippy::unwrap_used, reason = "what a test cannot go on without, it panics on")]

mod clusters;
mod support;

use clusters::ledger::{Ledger, Writer, plain};
use clusters::play::{NEW, Player, changed};
use clusters::sampler::Sampler;
use clusters::yard::{Node, Yard};
use clusters::zookeeper::{CLUSTER, TOO_LONG, found, probe, settle, writer};
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
    assert!(ledger.goes_on(TOO_LONG), "{} ms without a write", ledger.longest_pause());
    assert_eq!(samples.max_down(), 1);
    assert!(!samples.lost_its_quorum());
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

/// The others of a node.
fn others(nodes: &[Node], number: usize) -> Vec<Node> {
    nodes.iter().filter(|node| node.number != number).cloned().collect()
}

#[test]
fn a_roll_that_is_killed_in_each_phase_goes_on_when_it_is_run_again() {
    if !clusters::can_run(SOURCE) {
        return;
    }
    let yard = Yard::open(&[CLUSTER]);
    let nodes = yard.found("zookeeper");
    settle(&nodes, 2);
    let player = Player::new(&yard, "zookeeper");
    let before = player.settings();
    let sampler = Sampler::start(&nodes, probe);
    let mut writer = Writer::start(&yard, &writer(&nodes), plain);
    writer.wait_for(50);
    let all = variables(&player, &json!({}));
    let mut killed = Vec::new();
    for phase in [
        "pre_gate",
        "draining",
        "stopped",
        "mid_gate",
        "recycling",
        "identity",
        "starting",
        "post_gate",
        "baking",
    ] {
        if player.play_until(PLAYBOOK, &all, phase) {
            killed.push(phase);
        }
    }
    assert!(killed.len() >= 8, "it was over before: {killed:?}");
    let rolled = player.play(PLAYBOOK, &all);
    assert_eq!(rolled.code, 0, "{}\n{}", rolled.stdout, rolled.stderr);
    settle(&nodes, 2);
    let ledger = writer.stop();
    verify(&yard, &nodes, &ledger);
    let samples = sampler.finish();
    samples.report(&ledger);
    assert!(ledger.goes_on(TOO_LONG), "{} ms without a write", ledger.longest_pause());
    assert_eq!(samples.max_down(), 1);
    assert!(!samples.lost_its_quorum());
    let numbers: std::collections::BTreeSet<usize> =
        player.recycled().iter().map(|node| node.number).collect();
    assert_eq!((player.recycled().len(), numbers.len()), (3, 3), "each once");
    assert_eq!(player.images(), [NEW; 3]);
    assert_eq!(player.settings(), before);
    assert_eq!(changed(&player.play(PLAYBOOK, &all)), 0);
}

/// The loss that the gates are for: a follower is behind, another one comes back with an empty disk, and the leader is taken down.
#[test]
fn an_empty_disk_beside_a_server_that_is_behind_loses_writes_and_the_gates_do_not_let_it_come_to_that()
 {
    if !clusters::can_run(SOURCE) {
        return;
    }
    let yard = Yard::open(&[CLUSTER]);
    let nodes = yard.found("zookeeper");
    let leader = settle(&nodes, 2);
    let leads = nodes.iter().find(|node| node.number == leader).unwrap();
    let followers = others(&nodes, leader);
    let [behind, blank] = &followers[..] else { panic!("{followers:?}") };
    let player = Player::new(&yard, "zookeeper");
    yard.stop(behind);
    let mut writer = Writer::start(&yard, &writer(&nodes), plain);
    writer.wait_for(200);
    let ledger = writer.stop();

    // With the gates nothing is even stopped.
    let more =
        json!({"rolling_recycle_before_timeout": 3, "rolling_recycle_only": [blank.stateful_id]});
    let ran = player.play(PLAYBOOK, &variables(&player, &more));
    assert_ne!(ran.code, 0, "{}", ran.stdout);
    assert!(ran.stdout.contains("zookeeper.followers_synced"), "{}", ran.stdout);
    assert!(player.recycled().is_empty());
    assert!(yard.process(blank).is_some());

    // Without them: it is recycled, its new disk is empty and told to be so, and the leader is the next.
    yard.stop(blank);
    yard.recycle(blank);
    std::fs::remove_dir_all(yard.disk(blank).join("version-2")).unwrap();
    std::fs::write(yard.disk(blank).join("initialize"), "").unwrap();
    yard.stop(leads);
    yard.start(behind);
    yard.start(blank);
    settle(&others(&nodes, leader), 1);
    let lost = ledger.lost(&found(&yard, behind)).len();
    assert_eq!(lost, ledger.entries.len(), "all that was acknowledged is lost");
}

#[test]
fn a_machine_that_comes_back_with_another_disk_is_not_started_and_freezes_the_roll() {
    if !clusters::can_run(SOURCE) {
        return;
    }
    let yard = Yard::open(&[CLUSTER]);
    let nodes = yard.found("zookeeper");
    settle(&nodes, 2);
    let player = Player::new(&yard, "zookeeper");
    let role = concat!(env!("CARGO_MANIFEST_DIR"), "/roles/rolling_recycle/tasks/recycle.yml");
    let tasks = player.tasks(
        "recycle",
        &format!(
            "- ansible.builtin.include_tasks: {role}\n- ansible.builtin.file: {{path: '{}', state: absent}}\n  delegate_to: localhost\n",
            player.on_machine("data/version-2")
        ),
    );
    let more = json!({"rolling_recycle_tasks": tasks});
    let ran = player.play(PLAYBOOK, &variables(&player, &more));
    assert_ne!(ran.code, 0, "{}", ran.stdout);
    assert!(ran.stdout.contains("older than the old one's"), "{}", ran.stdout);
    let recycled = player.recycled();
    assert_eq!(recycled.len(), 1);
    assert_eq!(yard.process(&recycled[0]), None, "its service was not started");
    // The others carry on, and nothing rolls further until a person has looked.
    settle(&others(&nodes, recycled[0].number), 1);
    let again = player.play(PLAYBOOK, &variables(&player, &more));
    assert!(again.code != 0 && again.stdout.contains("frozen"), "{}", again.stdout);
    assert_eq!(player.recycled().len(), 1);
}

/// A copy of a node's disk as it is now, as the platform takes one every five minutes.
fn snapshot(yard: &Yard, node: &Node) -> std::path::PathBuf {
    let copy = yard.path(&format!("snapshot-{}", node.number));
    clusters::told(std::process::Command::new("cp").arg("-rL").arg(yard.disk(node)).arg(&copy));
    copy
}

/// Puts such a copy on the node's present disk.
fn put_back(yard: &Yard, node: &Node, copy: &std::path::Path) {
    for entry in std::fs::read_dir(yard.disk(node)).unwrap() {
        clusters::told(std::process::Command::new("rm").arg("-r").arg(entry.unwrap().path()));
    }
    clusters::told(
        std::process::Command::new("cp").arg("-r").arg(copy.join(".")).arg(yard.disk(node)),
    );
}

/// A volume that the platform makes anew from its last snapshot has the same filesystem, the same id and the same epochs: only the
/// volume's own id tells that it is old. Two such servers outvote the one that knows better.
#[test]
fn a_volume_from_a_snapshot_is_not_started_and_two_of_them_lose_writes() {
    if !clusters::can_run(SOURCE) {
        return;
    }
    let yard = Yard::open(&[CLUSTER]);
    let nodes = yard.found("zookeeper");
    let leader = settle(&nodes, 2);
    let leads = nodes.iter().find(|node| node.number == leader).unwrap();
    let followers = others(&nodes, leader);
    let [first, second] = &followers[..] else { panic!("{followers:?}") };
    let player = Player::new(&yard, "zookeeper");
    let snapshots = [snapshot(&yard, first), snapshot(&yard, second)];
    let mut writer = Writer::start(&yard, &writer(&nodes), plain);
    writer.wait_for(200);
    let ledger = writer.stop();

    // With the gates the first one is not started, and there is no second.
    yard.control(
        "POST",
        "/_sim/faults",
        json!({"kind": "relaunch", "twist": "lost_volumes", "count": 1}),
    );
    let more = json!({"rolling_recycle_only": [first.stateful_id, second.stateful_id]});
    let ran = player.play(PLAYBOOK, &variables(&player, &more));
    assert_ne!(ran.code, 0, "{}", ran.stdout);
    assert!(ran.stdout.contains("same_volumes"), "{}", ran.stdout);
    let recycled = player.recycled();
    assert_eq!(recycled.len(), 1);
    assert_eq!(yard.process(&recycled[0]), None, "its service was not started");
    settle(&others(&nodes, recycled[0].number), 1);

    // Without them: it is started as it came, and so is the next one; then comes the leader's turn.
    let next = followers.iter().find(|node| node.number != recycled[0].number).unwrap();
    yard.stop(next);
    yard.recycle(next);
    yard.stop(leads);
    for (node, copy) in followers.iter().zip(&snapshots) {
        put_back(&yard, node, copy);
        yard.start(node);
    }
    settle(&followers, 1);
    let lost = ledger.lost(&found(&yard, first)).len();
    assert_eq!(lost, ledger.entries.len(), "all that was acknowledged is lost");
}

#[test]
fn a_second_server_that_is_lost_in_the_middle_keeps_the_machine_of_the_first() {
    if !clusters::can_run(SOURCE) {
        return;
    }
    let yard = Yard::open(&[CLUSTER]);
    let nodes = yard.found("zookeeper");
    let leader = settle(&nodes, 2);
    let [first, second] = &others(&nodes, leader)[..] else { panic!() };
    let player = Player::new(&yard, "zookeeper");
    let service = yard.path(&format!("nodes/{}/service", second.address));
    let tasks = player.tasks(
        "drain",
        &format!("- ansible.builtin.command: {} stop\n  changed_when: true\n", service.display()),
    );
    let more = json!({
        "rolling_recycle_tasks": tasks, "rolling_recycle_only": [first.stateful_id],
        "rolling_recycle_between_timeout": 5, "rolling_recycle_after_timeout": 5,
    });
    let ran = player.play(PLAYBOOK, &variables(&player, &more));
    assert_ne!(ran.code, 0, "{}", ran.stdout);
    assert!(ran.stdout.contains("mid_gate"), "{}", ran.stdout);
    assert!(player.recycled().is_empty(), "its machine was not given up");
    assert!(yard.process(first).is_some(), "its service was started again");
    settle(&others(&nodes, second.number), 1);
    // What the gate kept: without both of them nobody is served.
    yard.stop(first);
    clusters::until("the last one serves nobody", 300, || {
        (probe(nodes.iter().find(|it| it.number == leader).unwrap())
            == clusters::sampler::State::Idle)
            .then_some(())
    });
}
