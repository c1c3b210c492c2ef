//! Speed and size against the bounds that the project promises. Run it with `cargo xtask bench`.
//!
//! Whole processes are measured, as a user starts them, in turn and several times; the median is compared. Where a ratio is
//! promised both sides are measured in this run. The exit code is not zero if a bound is broken.

#![expect(clippy::unwrap_used, reason = "what a benchmark cannot go on without, it panics on")]

mod desk;

use std::path::Path;
use std::process::{Command, ExitCode};

use desk::{BINARY, Desk, Row, median_ms, row, tools};

const LATENCY_MS: u32 = 50;
const CONCURRENCY: usize = 16;

fn main() -> ExitCode {
    desk::report(&[version, refresh, from_cache, through_ansible])
}

/// A simulator of `groups` groups of five.
fn groups(groups: usize, latency_ms: u32) -> Desk {
    Desk::with(&format!(
        "latency: {{answer_ms: {latency_ms}}}\n\
         generate: {{groups: {groups}, instances_per_group: 5, stateless_groups: {groups}, account: act-00000001}}"
    ))
}

/// Prints what the binary lists by this file.
fn list(desk: &Desk, file: &Path) -> Command {
    let mut command = desk.command(BINARY);
    command.args(["inventory", "--list", "--config"]).arg(file);
    command
}

fn version() -> Vec<Row> {
    let desk = groups(1, 0);
    let run = || {
        let mut command = desk.command(BINARY);
        command.arg("--version");
        command
    };
    vec![row("--version, ms", median_ms(21, run), 10.0)]
}

/// 200 groups of five at 50 ms a call; the critical path is the list and then the rest, sixteen at a time.
fn refresh() -> Vec<Row> {
    let desk = groups(200, LATENCY_MS);
    let file =
        desk.file("b.spotinst_esg.yml", "plugin: spotinst_esg\nec2: false\nconcurrency: 16\n");
    let before = desk.simulator.requests().len();
    assert!(list(&desk, &file).output().unwrap().status.success());
    let calls = desk.simulator.requests().len() - before;
    let rounds = 1 + (calls - 1).div_ceil(CONCURRENCY);
    let path = rounds as f64 * f64::from(LATENCY_MS);
    let cold = median_ms(5, || {
        // Another home each time: nothing is known of the rate limits, as on the first run of all.
        let fresh = desk.home.path().join(format!("cold-{}", desk.simulator.requests().len()));
        let mut command = list(&desk, &file);
        command.env("HOME", fresh);
        command
    });
    let warm = median_ms(5, || list(&desk, &file));
    vec![
        row("200 stateful and 200 stateless groups of 5, 50 ms a call: calls", calls as f64, 401.0),
        row("  critical path of the calls, 16 at a time, ms", path, None),
        row("  wall over critical path, rate limits unknown", cold / path, 1.5),
        row("  wall over critical path, rate limits known", warm / path, 1.5),
    ]
}

fn from_cache() -> Vec<Row> {
    let desk = groups(2000, 0);
    let text = "plugin: spotinst_esg\nec2: false\ncache: true\ncache_timeout: 0\nconcurrency: 16\n";
    let file = desk.file("b.spotinst_esg.yml", text);
    let output = list(&desk, &file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let calls = desk.simulator.requests().len();
    let wall = median_ms(21, || list(&desk, &file));
    let peak = peak_mib(&desk, &file);
    assert_eq!(desk.simulator.requests().len(), calls, "the cache was not used");
    vec![
        row("10 000 hosts listed from the cache, ms", wall, 100.0),
        row("  peak memory, MiB", peak, 64.0),
        row("  document, MiB", output.stdout.len() as f64 / 1_048_576.0, None),
    ]
}

/// Python knows the operating system's own account of a child that has ended.
fn peak_mib(desk: &Desk, file: &Path) -> f64 {
    const MEASURE: &str = "import resource, subprocess, sys\n\
        subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)\n\
        print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)";
    let mut command = desk.command(tools().join("ansible/bin/python"));
    command.args(["-c", MEASURE, BINARY, "inventory", "--list", "--config"]).arg(file);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().parse::<f64>().unwrap() / 1024.0
}

/// 1 000 hosts: the plugin beside the very same document through Ansible's own `script` plugin.
fn through_ansible() -> Vec<Row> {
    use std::os::unix::fs::PermissionsExt;
    let desk = groups(200, 0);
    let text = "plugin: spotinst_esg\nec2: false\ncache: true\ncache_timeout: 0\n";
    let plugin = desk.file("b.spotinst_esg.yml", text);
    let document = desk.file("document.json", "");
    std::fs::write(&document, list(&desk, &plugin).output().unwrap().stdout).unwrap();
    let script = desk.file("script", &format!("#!/bin/sh\ncat {}\n", document.display()));
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    let ansible = |file: &Path, how: &str| {
        let mut command = desk::ansible(&desk, "ansible-inventory");
        command.arg("-i").arg(file).arg(how);
        command
    };
    let by_plugin = median_ms(7, || ansible(&plugin, "--list"));
    let by_script = median_ms(7, || ansible(&script, "--list"));
    let graph_plugin = median_ms(7, || ansible(&plugin, "--graph"));
    let graph_script = median_ms(7, || ansible(&script, "--graph"));
    vec![
        row(
            "ansible-inventory --list, 1 000 hosts, the plugin from its cache, ms",
            by_plugin,
            None,
        ),
        row("  over the same document by the script plugin", by_plugin / by_script, None),
        row(
            "ansible-inventory --graph, 1 000 hosts, the plugin from its cache, ms",
            graph_plugin,
            None,
        ),
        row("  over the same document by the script plugin", graph_plugin / graph_script, None),
    ]
}
