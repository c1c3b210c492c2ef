//! What the benchmarks share: a simulator with a home folder, the measuring, the table.

#![expect(
    clippy::disallowed_methods,
    reason = "a benchmark reads the clock and its own environment"
)]
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
#![expect(unreachable_pub, reason = "each benchmark is a program of its own")]
#![allow(dead_code, reason = "not every benchmark needs all of it")]

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use spot_sim::{Fleet, Server};
use tempfile::TempDir;

pub const BINARY: &str = env!("CARGO_BIN_EXE_spotinst-esg");

/// Runs them in turn and prints their rows; fails if a bound is broken.
pub fn report(benches: &[fn() -> Vec<Row>]) -> ExitCode {
    println!("{:<62} {:>10} {:>10}  verdict", "what", "measured", "bound");
    let mut all_kept = true;
    for bench in benches {
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

pub struct Row {
    pub what: String,
    pub measured: f64,
    pub bound: Option<f64>,
}

pub fn row(what: impl Into<String>, measured: f64, bound: impl Into<Option<f64>>) -> Row {
    Row { what: what.into(), measured, bound: bound.into() }
}

/// A simulator and a home folder.
pub struct Desk {
    pub simulator: Server,
    pub home: TempDir,
}

impl Desk {
    /// `fleet` is what a fleet file has besides token, account and limits.
    pub fn with(fleet: &str) -> Self {
        let fleet = format!(
            "tokens: [{{token: bench}}]\naccounts: [{{id: act-00000001, name: bench}}]\nlimits: {{default: 1000000}}\n{fleet}"
        );
        let simulator = Server::start(Fleet::from_yaml(&fleet).unwrap()).unwrap();
        Self { simulator, home: TempDir::new().unwrap() }
    }

    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
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

    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.home.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

/// The time now, for the clock of a simulator.
pub fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

/// Wall time in seconds of a process that ends well.
pub fn seconds(mut command: Command) -> f64 {
    let begun = Instant::now();
    let output = command.output().unwrap();
    let took = begun.elapsed();
    let [stdout, stderr] = [&output.stdout, &output.stderr].map(|it| String::from_utf8_lossy(it));
    assert!(output.status.success(), "{stdout}{stderr}");
    took.as_secs_f64()
}

/// Median wall time in milliseconds, after one run that is not counted.
pub fn median_ms(runs: usize, mut command: impl FnMut() -> Command) -> f64 {
    let mut times: Vec<f64> = (0..=runs).map(|_| seconds(command())).skip(1).collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2] * 1000.0
}

/// A program of Ansible that runs the binary that was built for the benchmark.
pub fn ansible(desk: &Desk, name: &str) -> Command {
    let mut command = desk.command(tools().join("ansible/bin").join(name));
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("ansible/ansible.cfg");
    command.env("ANSIBLE_CONFIG", config).env("SPOTINST_ESG_BINARY", BINARY);
    command
}

/// Where the Python environments are.
pub fn tools() -> PathBuf {
    let default = || Path::new(env!("CARGO_MANIFEST_DIR")).join(".tools");
    std::env::var_os("SPOTINST_ESG_TOOLS").map_or_else(default, PathBuf::from)
}
