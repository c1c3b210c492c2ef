//! What Ansible and the controller add to a roll, against the bounds that the project promises. Run it with `cargo xtask bench`. What
//! the vendor takes is not theirs: neither a recycle nor its answers in between.
//!
//! The cost of one task is the difference between playbooks with many tasks and with one, so that what each playbook costs once
//! does not count. The exit code is not zero if a bound is broken.

#![expect(clippy::unwrap_used, reason = "what a benchmark cannot go on without, it panics on")]

mod desk;

use std::net::TcpListener;
use std::process::{Command, ExitCode};

use desk::{Desk, Row, median_ms, row, tools};
use jiff::Timestamp;

const TASKS: usize = 41;
const NODES: usize = 9;

/// An API as it answers, and how long a recycle takes there: seconds from the request until `ACTIVE`, in the middle between two
/// looks, since on average a change is noticed half a pause late. From the second node on looks are half a second apart, and an
/// answer.
#[derive(Clone, Copy)]
struct Vendor {
    answer_ms: u32,
    recycle: f64,
}

/// One that answers at once.
const QUICK: Vendor = Vendor { answer_ms: 0, recycle: 3.75 };

/// One as far away as the real one: the looks of a recycle are at 0.1 s, and every 0.6 s from then on.
const FAR: Vendor = Vendor { answer_ms: 100, recycle: 4.0 };

fn main() -> ExitCode {
    desk::report(&[tasks, || roll(QUICK), || roll(FAR)])
}

/// A task that changes nothing, by modules of ours, of Ansible's own on the controller, and of those that start a Python.
fn tasks() -> Vec<Row> {
    let desk = Desk::with("");
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().unwrap().port();
    std::thread::spawn(move || server.incoming().for_each(drop));
    let gate = format!(
        "spotinst.esg.cluster_gate: {{samples: 1, gates: [{{name: open, kind: tcp, host: 127.0.0.1, port: {port}}}]}}"
    );
    let debug = per_task_ms(&desk, "ansible.builtin.debug: {msg: word}");
    let stat = per_task_ms(&desk, "ansible.builtin.stat: {path: /}");
    let command = per_task_ms(&desk, "ansible.builtin.command: {argv: ['true']}");
    let gate = per_task_ms(&desk, &gate);
    let calls = desk.simulator.requests().len();
    let info = per_task_ms(&desk, "spotinst.esg.spot_account_info: {}");
    assert!(desk.simulator.requests().len() > calls + TASKS, "the API was not asked");
    vec![
        row("one task of ansible.builtin.debug, ms", debug, None),
        row("one task of ansible.builtin.stat, connection local, ms", stat, None),
        row("one task of ansible.builtin.command, connection local, ms", command, None),
        row("one task of cluster_gate, one open port, ms", gate, None),
        row("  over ansible.builtin.debug", gate / debug, None),
        row("  over ansible.builtin.stat", gate / stat, 1.0),
        row("one task of spot_account_info, one API call, ms", info, None),
        row("  over ansible.builtin.debug", info / debug, None),
        row("  over ansible.builtin.stat", info / stat, 1.0),
    ]
}

fn per_task_ms(desk: &Desk, task: &str) -> f64 {
    let wall = |count: usize| {
        let tasks = format!("    - {task}\n").repeat(count);
        let play = format!(
            "- hosts: localhost\n  connection: local\n  gather_facts: false\n  tasks:\n{tasks}"
        );
        let file = desk.file(&format!("{count}.yml"), &play);
        median_ms(3, || {
            let mut command = playbook(desk);
            command.arg(&file);
            command
        })
    };
    (wall(TASKS) - wall(1)) / (TASKS - 1) as f64
}

fn playbook(desk: &Desk) -> Command {
    let mut command = desk::ansible(desk, "ansible-playbook");
    command.args(["-i", "localhost,", "-e"]);
    let python = tools().join("ansible/bin/python");
    command.arg(format!("ansible_python_interpreter={}", python.display()));
    command
}

/// A roll by the role, without gates and without access to the nodes: what is not the vendor's time is ours.
fn roll(vendor: Vendor) -> Vec<Row> {
    let Vendor { answer_ms, recycle } = vendor;
    let quarter = recycle / 4.0;
    let desk = Desk::with(&format!(
        "clock: {{start: '{}'}}\n\
         latency: {{answer_ms: {answer_ms}, accepted_seconds: {quarter}, terminating_seconds: {quarter}, replacing_seconds: {quarter}, booting_seconds: {quarter}}}\n\
         groups:\n  - {{name: nodes, id: sig-00000001, region: r, image: ami-00000001, created_at: 2025-01-01T00:00:00Z, \
         persistence: {{data: reattach, private_ip: true}}, volumes: [{{device: /dev/xvdb}}], stateful: [{{count: {NODES}}}]}}",
        desk::now()
    ));
    let run = || {
        let mut command = playbook(&desk);
        command.arg("spotinst.esg.recycle");
        for variable in [
            "{rolling_recycle_group_id: sig-00000001, rolling_recycle_image_id: ami-00000002, rolling_recycle_node_access: false}",
            "{rolling_recycle_bake_seconds: 0, rolling_recycle_canary_bake_seconds: 0, rolling_recycle_without_gates: true}",
            "{rolling_recycle_waivers: [{predicate: image_available, reason: simulated}, {predicate: image_architecture, reason: simulated}]}",
        ] {
            command.args(["-e", variable]);
        }
        desk::seconds(command)
    };
    let wall = run();
    let noticed = lags(&desk, recycle);
    let answers = answers(&desk, vendor) / NODES as f64;
    let idle = run();
    let added = wall / NODES as f64 - recycle;
    let lag = noticed.iter().sum::<f64>() / NODES as f64;
    vec![
        row(
            format!("a roll of {NODES} nodes, {recycle} s each, {answer_ms} ms an answer, s"),
            wall,
            None,
        ),
        row("  added for each node, s", added, None),
        row("    while the vendor answers, between recycles, s", answers, None),
        row("    beyond the vendor's own time, s", added - answers, 2.0),
        row("    until the change at the vendor was noticed, s", lag, None),
        row("    everything else, s", added - answers - lag, None),
        row("  calls of the API for each node, looks while it waits included", calls(&desk), None),
        row("the same again, with nothing to do, s", idle, None),
    ]
}

/// Seconds in which at least one answer was waited for, but for those in which a node was recycled: that long the vendor takes,
/// however quick the controller is.
fn answers(desk: &Desk, vendor: Vendor) -> f64 {
    let takes = f64::from(vendor.answer_ms) / 1000.0;
    let (mut waited, mut until) = (0.0, f64::MIN);
    for request in desk.simulator.requests() {
        let asked = at(&request.at);
        if request.path.ends_with("/recycle") {
            until = until.max(asked + vendor.recycle);
            continue;
        }
        // What overlaps counts once, and a recycle is the node's time.
        waited += (asked + takes - until.max(asked)).max(0.0);
        until = until.max(asked + takes);
    }
    waited
}

fn at(text: &str) -> f64 {
    text.parse::<Timestamp>().unwrap().as_millisecond() as f64 / 1000.0
}

/// From one recycle to the next, on average.
fn calls(desk: &Desk) -> f64 {
    let requests = desk.simulator.requests();
    let mut asked = (0..requests.len()).filter(|at| requests[*at].path.ends_with("/recycle"));
    let (first, last) = (asked.next().unwrap(), asked.next_back().unwrap());
    (last - first) as f64 / (NODES - 1) as f64
}

/// Of each recycle, the seconds from `ACTIVE` at the vendor to the look that saw it.
fn lags(desk: &Desk, recycle: f64) -> Vec<f64> {
    let requests = desk.simulator.requests();
    let asked = requests.iter().enumerate().filter(|(_, it)| it.path.ends_with("/recycle"));
    let lags: Vec<f64> = asked
        .map(|(index, request)| {
            let active = at(&request.at) + recycle;
            let mut looks = requests[index + 1..].iter().map(|it| at(&it.at));
            looks.find(|look| *look >= active).unwrap() - active
        })
        .collect();
    assert_eq!(lags.len(), NODES, "each node is recycled once");
    lags
}
