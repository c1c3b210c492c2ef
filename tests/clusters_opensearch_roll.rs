//! An OpenSearch cluster, rolled by the shipped playbook while a client writes, and what the playbook must not go on with.

#![allow(clippy::unwrap_used, reason = "what a test cannot go on without, it panics on")]

mod clusters;
mod support;

use std::os::unix::process::CommandExt;
use std::process::Stdio;

use clusters::gates::Asked;
use clusters::ledger::{Writer, plain};
use clusters::opensearch::{
    CLUSTER, Gate, INDEX, TOO_LONG, ask, found, make_index, probe, set, settle, writer,
};
use clusters::play::{NEW, Player, changed};
use clusters::sampler::Sampler;
use clusters::until;
use clusters::yard::{Node, Yard};
use serde_json::{Value, json};
use support::cli::Ran;

const SOURCE: &str = include_str!("clusters_opensearch_roll.rs");
const PLAYBOOK: &str = "spotinst.esg.recycle_elasticsearch";

/// The setting that keeps replicas of a node that is away from being made elsewhere.
const ALLOCATION: &str = "cluster.routing.allocation.enable";

/// The cluster, green and with the index.
fn founded(yard: &Yard) -> Vec<Node> {
    let nodes = yard.found("opensearch");
    settle(&nodes, "green");
    make_index(&nodes[0]);
    settle(&nodes, "green");
    nodes
}

/// What the playbook is told of these machines.
fn variables(player: &Player<'_>, more: &Value) -> Value {
    let mut all = json!({
        "recycle_elasticsearch_scheme": "http",
        "recycle_elasticsearch_nodes": ["node-1", "node-2", "node-3"],
        // The names of these stateful instances end in the number of the node.
        "recycle_elasticsearch_member": "node-{{ rolling_recycle_node.id[-1] }}",
        "recycle_elasticsearch_services": [player.on_machine("service")],
        "recycle_elasticsearch_data_dir": player.on_machine("data"),
        "recycle_elasticsearch_spacing": 1,
        "recycle_elasticsearch_after_samples": 3,
        "recycle_elasticsearch_after_window": 2,
        "recycle_elasticsearch_bake_seconds": 0,
        "recycle_elasticsearch_canary_bake_seconds": 2,
        "rolling_recycle_gate_waivers": [{
            "predicate": "elasticsearch.disk_headroom", "reason": "the disk is that of whoever runs the tests",
        }],
    });
    for (name, value) in more.as_object().unwrap() {
        all[name] = value.clone();
    }
    all
}

/// All settings of the cluster.
fn settings(node: &Node) -> Value {
    until("the settings are told", 100, || {
        ask(node, "GET", "/_cluster/settings?flat_settings=true", &Value::Null)
    })
}

/// Waits until a part of an index has no copy that serves.
fn is_red(node: &Node, index: &str) {
    until("the index is red", 300, || {
        let health = ask(node, "GET", &format!("/_cluster/health/{index}"), &Value::Null)?;
        (health["status"] == "red").then_some(())
    });
}

/// A play that must stop, and for this.
fn stopped(ran: &Ran, why: &[&str]) {
    assert_eq!(ran.code, 2, "{}\n{}", ran.stdout, ran.stderr);
    let told = ran.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    let missing: Vec<_> = why.iter().filter(|words| !told.contains(*words)).collect();
    assert!(missing.is_empty(), "{missing:?} in\n{}", ran.stdout);
}

#[test]
fn the_playbook_rolls_every_node_and_nothing_acknowledged_is_lost() {
    if !clusters::can_run(SOURCE) {
        return;
    }
    let yard = Yard::open(&[CLUSTER]);
    let nodes = founded(&yard);
    let manager = settle(&nodes, "green");
    let player = Player::new(&yard, "opensearch");
    let before = (player.settings(), settings(&nodes[0]));
    let sampler = Sampler::start(&nodes, probe);
    let mut writer = Writer::start(&yard, &writer(&nodes), plain);
    writer.wait_for(200);

    let rolled = player.play(PLAYBOOK, &variables(&player, &json!({})));
    assert_eq!(rolled.code, 0, "{}\n{}", rolled.stdout, rolled.stderr);
    writer.wait_for(200);
    let ledger = writer.stop();
    settle(&nodes, "green");
    for node in &nodes {
        assert_eq!(ledger.lost(&found(&yard, node)), Vec::<&str>::new(), "at {}", node.address);
    }
    let samples = sampler.finish();
    samples.report(&ledger);
    assert!(ledger.goes_on(TOO_LONG), "{} ms without a write", ledger.longest_pause());
    for line in rolled.stdout.lines().filter(|line| line.contains(" done ")) {
        println!("{}", line.trim());
    }
    assert_eq!(samples.max_down(), 1);
    assert!(!samples.lost_its_quorum());
    let order: Vec<usize> = player.recycled().iter().map(|node| node.number).collect();
    assert_eq!(order.len(), 3);
    assert_eq!(order[2], manager, "the elected manager is rolled last: {order:?}");
    assert_eq!(player.images(), [NEW; 3]);
    assert_eq!((player.settings(), settings(&nodes[0])), before);
    assert_eq!(player.image(), NEW);

    let again = player.play(PLAYBOOK, &variables(&player, &json!({})));
    assert_eq!(changed(&again), 0);
    assert_eq!(player.recycled().len(), 3);
}

#[test]
fn the_playbook_stops_at_what_would_lose_data_and_leaves_the_settings_as_they_were() {
    if !clusters::can_run(SOURCE) {
        return;
    }
    let yard = Yard::open(&[CLUSTER]);
    let nodes = founded(&yard);
    let player = Player::new(&yard, "opensearch");
    let manager = settle(&nodes, "green");
    let target = nodes.iter().find(|node| node.number != manager).unwrap();
    let other = nodes.iter().find(|node| node.number == manager).unwrap();
    let third = nodes.iter().find(|it| ![manager, target.number].contains(&it.number)).unwrap();
    let as_found = (player.settings(), player.image(), settings(other));
    let now = || (player.settings(), player.image(), settings(other));
    let impatient =
        json!({"rolling_recycle_only": [target.stateful_id], "rolling_recycle_before_timeout": 3});

    // Green, and the node holds the only copy of an index.
    let single = json!({"settings": {"number_of_shards": 1, "number_of_replicas": 0,
        "index.routing.allocation.require._name": Gate.name(target)}});
    ask(other, "PUT", "/single", &single).unwrap();
    settle(&nodes, "green");
    let ran = player.play(PLAYBOOK, &variables(&player, &impatient));
    stopped(&ran, &["copies_elsewhere", "single"]);
    assert_eq!((player.recycled().len(), now()), (0, as_found.clone()));
    // What the gate has kept from happening.
    yard.stop(target);
    is_red(other, "single");
    yard.start(target);
    settle(&nodes, "green");
    ask(other, "DELETE", "/single", &Value::Null).unwrap();

    // Someone else has restricted allocation.
    set(other, ALLOCATION, &json!("primaries"));
    let ran = player.play(PLAYBOOK, &variables(&player, &impatient));
    stopped(&ran, &["nothing_left_over", "cluster.routing.allocation.enable is primaries"]);
    assert_eq!(settings(other)["persistent"][ALLOCATION], "primaries");
    // What the gate has kept from happening: the next node goes while the last one has yet to get its copies back.
    yard.stop(target);
    yard.start(target);
    settle(&nodes, "yellow");
    yard.stop(third);
    is_red(other, INDEX);
    yard.start(third);
    set(other, ALLOCATION, &Value::Null);
    settle(&nodes, "green");
    assert_eq!((player.recycled().len(), now()), (0, as_found.clone()));

    // The new machine has another disk, which is blank.
    let recycle = player.file(
        "recycle.yml",
        &format!(
            "- name: Replace the machine\n  ansible.builtin.include_tasks: \"{{{{ role_path }}}}/tasks/recycle.yml\"\n\
             - name: Give it a blank disk\n  ansible.builtin.shell: mkdir {0} && ln -sfn {0} {1}\n",
            yard.path("blank").display(),
            player.on_machine("data"),
        ),
    );
    let only = json!({"rolling_recycle_only": [target.stateful_id],
        "recycle_elasticsearch_tasks": {"recycle": recycle}});
    let ran = player.play(PLAYBOOK, &variables(&player, &only));
    stopped(&ran, &["does not have the old one's data", "is frozen"]);
    assert_eq!(player.recycled().len(), 1);
    assert_eq!(yard.process(target), None, "it is not started on other data");
    assert_eq!(now(), as_found, "allocation and the group are as they were");
    // What the gate has kept from happening: it is started as it came, with allocation as a roll restricts it, and the next one goes.
    set(other, ALLOCATION, &json!("primaries"));
    yard.start(target);
    settle(&nodes, "yellow");
    yard.stop(third);
    is_red(other, INDEX);
}

#[test]
fn a_node_that_comes_back_with_another_id_freezes_the_roll_before_anything_is_given_to_it() {
    if !clusters::can_run(SOURCE) {
        return;
    }
    let yard = Yard::open(&[CLUSTER]);
    let nodes = founded(&yard);
    let player = Player::new(&yard, "opensearch");
    let manager = settle(&nodes, "green");
    let target = nodes.iter().find(|node| node.number != manager).unwrap();
    let other = nodes.iter().find(|node| node.number == manager).unwrap();
    let before = settings(other);
    let empty = player.file(
        "start.yml",
        &format!(
            "- name: Lose what is on the disk\n  ansible.builtin.shell: rm -r {0}/opensearch/*\n\
             - name: Start it\n  ansible.builtin.include_tasks: \"{{{{ role_path }}}}/tasks/start.yml\"\n",
            player.on_machine("data"),
        ),
    );
    let ran = player.play(
        PLAYBOOK,
        &variables(
            &player,
            &json!({"rolling_recycle_only": [target.stateful_id], "rolling_recycle_after_stall_timeout": 20,
                "recycle_elasticsearch_tasks": {"start": empty}}),
        ),
    );
    stopped(&ran, &["same_node", "has the persistent id", "is frozen"]);
    let (_, restored) = ran.stdout.split_once("Wait until the cluster has it back").unwrap();
    assert!(!restored.contains("Put allocation back"), "{}", ran.stdout);
    assert_eq!(settings(other), before, "the end of the roll puts it back");
}

#[test]
fn a_roll_that_was_killed_after_draining_is_gone_on_with_and_puts_allocation_back() {
    if !clusters::can_run(SOURCE) {
        return;
    }
    let yard = Yard::open(&[CLUSTER]);
    let nodes = founded(&yard);
    let player = Player::new(&yard, "opensearch");
    let manager = settle(&nodes, "green");
    let target = nodes.iter().find(|node| node.number != manager).unwrap();
    let other = nodes.iter().find(|node| node.number == manager).unwrap();
    let before = (player.settings(), settings(other));
    let only = json!({"rolling_recycle_only": [target.stateful_id]});

    let waits = player.file(
        "stop.yml",
        "- name: Stop it\n  ansible.builtin.include_tasks: \"{{ role_path }}/tasks/stop.yml\"\n\
         - name: Wait\n  ansible.builtin.command: sleep 120\n",
    );
    let mut slow = only.clone();
    slow["recycle_elasticsearch_tasks"] = json!({"stop": waits});
    let mut command = player.command(PLAYBOOK, &variables(&player, &slow));
    command.stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
    let mut play = command.spawn().unwrap();
    until("the node is stopped", 1200, || {
        assert_eq!(play.try_wait().unwrap(), None, "the play has ended");
        let is_restricted = settings(other)["persistent"][ALLOCATION] == "primaries";
        (is_restricted && yard.process(target).is_none()).then_some(())
    });
    let group = rustix::process::Pid::from_child(&play);
    rustix::process::kill_process_group(group, rustix::process::Signal::KILL).unwrap();
    play.wait().unwrap();
    assert_eq!(settings(other)["persistent"][ALLOCATION], "primaries");

    let ran = player.play(PLAYBOOK, &variables(&player, &only));
    assert_eq!(ran.code, 0, "{}\n{}", ran.stdout, ran.stderr);
    // It comes back as itself before allocation is put back, and only then is the gate before asked.
    let (_, later) = ran.stdout.split_once("Wait until the cluster has it back as itself").unwrap();
    let (back, later) = later.split_once("Put allocation back").unwrap();
    assert!(!back.contains("skipping"), "{}", ran.stdout);
    assert!(later.contains("Gates before"), "{}", ran.stdout);
    assert_eq!(player.recycled().len(), 1);
    settle(&nodes, "green");
    assert_eq!((player.settings(), settings(other)), before);
}
