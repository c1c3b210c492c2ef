//! Speed and size against the bounds that the project promises. Run it with `cargo xtask bench`.
//!
//! Whole processes are measured, as a user starts them, in turn and several times; the median is compared. Where a ratio is
//! promised both sides are measured in this run. The exit code is not zero if a bound is broken.

#![expect(
    clippy::disallowed_methods,
    reason = "a benchmark reads the clock and its own environment"
)]
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
#![expect(clippy::unwrap_used, reason = "what a benchmark cannot go on without, it panics on")]

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use spot_sim::{Fleet, Server};
use tempfile::TempDir;

const BINARY: &str = env!("CARGO_BIN_EXE_spotinst-esg");
const LATENCY_MS: u32 = 50;
const CONCURRENCY: usize = 16;

fn main() -> ExitCode {
    println!("{:<62} {:>10} {:>10}  verdict", "whole process, median", "measured", "bound");
    let mut all_kept = true;
    for bench in [version, refresh, from_cache, through_ansible] {
        for row in bench() {
            let verdict = match row.bound {
                Some(bound) if row.measured > bound => {
                    all_kept = false;
                    "BROKEN"
                }
                Some(_) => "kept",
                None => "",
            };
            let bound = row.bound.map(|bound| format!("{bound:.2}")).unwrap_or_default();
            println!("{:<62} {:>10.2} {bound:>10}  {verdict}", row.what, row.measured);
        }
    }
    if all_kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

struct Row {
    what: String,
    measured: f64,
    bound: Option<f64>,
}

fn row(what: impl Into<String>, measured: f64, bound: impl Into<Option<f64>>) -> Row {
    Row { what: what.into(), measured, bound: bound.into() }
}

/// A simulator of `groups` groups of five, and a home folder.
struct Desk {
    simulator: Server,
    home: TempDir,
}

impl Desk {
    fn new(groups: usize, latency_ms: u32) -> Self {
        let fleet = format!(
            "tokens: [{{token: bench}}]\naccounts: [{{id: act-00000001, name: bench}}]\nlimits: {{default: 1000000}}\n\
             latency: {{answer_ms: {latency_ms}}}\n\
             generate: {{groups: {groups}, instances_per_group: 5, stateless_groups: {groups}, account: act-00000001}}"
        );
        let simulator = Server::start(Fleet::from_yaml(&fleet).unwrap()).unwrap();
        Self { simulator, home: TempDir::new().unwrap() }
    }

    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("HOME", self.home.path())
            .env("PATH", "/usr/bin:/bin")
            .env("LC_ALL", "C.UTF-8")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("SPOTINST_BASE_URL", self.simulator.url())
            .env("SPOTINST_API_TOKEN", "bench")
            .env("SPOTINST_ACCOUNT_ID", "act-00000001")
            .current_dir(self.home.path())
            .stdin(Stdio::null());
        command
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.home.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn list(&self, file: &Path) -> Command {
        let mut command = self.command(BINARY);
        command.args(["inventory", "--list", "--config"]).arg(file);
        command
    }
}

/// Median wall time in milliseconds, after one run that is not counted.
fn median_ms(runs: usize, mut command: impl FnMut() -> Command) -> f64 {
    let mut times: Vec<Duration> = (0..=runs)
        .map(|_| {
            let mut command = command();
            let begun = Instant::now();
            let output = command.output().unwrap();
            let took = begun.elapsed();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            took
        })
        .skip(1)
        .collect();
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1000.0
}

fn version() -> Vec<Row> {
    let desk = Desk::new(1, 0);
    let run = || {
        let mut command = desk.command(BINARY);
        command.arg("--version");
        command
    };
    vec![row("--version, ms", median_ms(21, run), 10.0)]
}

/// 200 groups of five at 50 ms a call; the critical path is the list and then the rest, sixteen at a time.
fn refresh() -> Vec<Row> {
    let desk = Desk::new(200, LATENCY_MS);
    let file =
        desk.file("b.spotinst_esg.yml", "plugin: spotinst_esg\nec2: false\nconcurrency: 16\n");
    let before = desk.simulator.requests().len();
    assert!(desk.list(&file).output().unwrap().status.success());
    let calls = desk.simulator.requests().len() - before;
    let rounds = 1 + (calls - 1).div_ceil(CONCURRENCY);
    let path = rounds as f64 * f64::from(LATENCY_MS);
    let cold = median_ms(5, || {
        // Another home each time: nothing is known of the rate limits, as on the first run of all.
        let fresh = desk.home.path().join(format!("cold-{}", desk.simulator.requests().len()));
        let mut command = desk.list(&file);
        command.env("HOME", fresh);
        command
    });
    let warm = median_ms(5, || desk.list(&file));
    vec![
        row("200 stateful and 200 stateless groups of 5, 50 ms a call: calls", calls as f64, 401.0),
        row("  critical path of the calls, 16 at a time, ms", path, None),
        row("  wall over critical path, rate limits unknown", cold / path, 1.5),
        row("  wall over critical path, rate limits known", warm / path, 1.5),
    ]
}

fn from_cache() -> Vec<Row> {
    let desk = Desk::new(2000, 0);
    let text = "plugin: spotinst_esg\nec2: false\ncache: true\ncache_timeout: 0\nconcurrency: 16\n";
    let file = desk.file("b.spotinst_esg.yml", text);
    let output = desk.list(&file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let calls = desk.simulator.requests().len();
    let wall = median_ms(21, || desk.list(&file));
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
    let desk = Desk::new(200, 0);
    let text = "plugin: spotinst_esg\nec2: false\ncache: true\ncache_timeout: 0\n";
    let plugin = desk.file("b.spotinst_esg.yml", text);
    let document = desk.file("document.json", "");
    std::fs::write(&document, desk.list(&plugin).output().unwrap().stdout).unwrap();
    let script = desk.file("script", &format!("#!/bin/sh\ncat {}\n", document.display()));
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    let ansible = |file: &Path, how: &str| {
        let mut command = desk.command(tools().join("ansible/bin/ansible-inventory"));
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        command
            .env("ANSIBLE_CONFIG", root.join("ansible/ansible.cfg"))
            .env("SPOTINST_ESG_BINARY", BINARY);
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

fn tools() -> PathBuf {
    let default = || Path::new(env!("CARGO_MANIFEST_DIR")).join(".tools");
    std::env::var_os("SPOTINST_ESG_TOOLS").map_or_else(default, PathBuf::from)
}
