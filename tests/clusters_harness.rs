//! What tests on real servers rely on, shown without a server.

#![allow(clippy::unwrap_used, reason = "what a test cannot go on without, it panics on")]

mod clusters;
mod support;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use clusters::ledger::{Ledger, plain};
use clusters::sampler::{Role, Samples, State};
use clusters::yard::guarded;
use clusters::{kafka, opensearch, until, zookeeper};

/// A process that ends with the test, also if that fails.
struct Held(Child);

impl Drop for Held {
    fn drop(&mut self) {
        // It may have ended, which is as good.
        self.0.kill().unwrap_or_default();
        self.0.wait().unwrap();
    }
}

/// A process that holds a yard's pipe open, as a test does, and one that is guarded there and its own process's id.
fn guard(yard: &Path) -> (Held, Held, u32) {
    let pipe = yard.join("alive");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let script = "exec 3<>\"$0\"; echo open; exec sleep 600";
    let mut holder = Command::new("sh");
    holder.args(["-c", script]).arg(&pipe).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut holder = Held(holder.spawn().unwrap());
    line(&mut holder);
    let mut command = Command::new("sh");
    command.args(["-c", "echo $$; exec sleep 600"]);
    let mut guard = Held(guarded(yard, &command).stdout(Stdio::piped()).spawn().unwrap());
    let process = line(&mut guard).parse().unwrap();
    assert!(runs(process));
    (holder, guard, process)
}

fn line(process: &mut Held) -> String {
    let mut line = String::new();
    BufReader::new(process.0.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    line.trim().to_owned()
}

/// Whether a process runs; one that has ended and that nobody has asked about does not.
fn runs(process: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    status.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

#[test]
fn what_is_guarded_ends_when_the_test_is_killed() {
    let yard = tempfile::tempdir().unwrap();
    let (holder, mut guard, process) = guard(yard.path());
    drop(holder);
    guard.0.wait().unwrap();
    assert!(!runs(process));
    let late = guarded(yard.path(), &Command::new("true")).output().unwrap();
    let told = String::from_utf8_lossy(&late.stderr);
    assert!(!late.status.success() && told.contains("the test has ended"), "{told}");
}

#[test]
fn what_is_guarded_ends_when_its_guard_is_killed() {
    let yard = tempfile::tempdir().unwrap();
    let (holder, guard, process) = guard(yard.path());
    drop(guard);
    until("the process ends", 100, || Some(()).filter(|()| !runs(process)));
    drop(holder);
}

#[test]
fn what_is_guarded_is_told_to_end_when_its_guard_is() {
    let yard = tempfile::tempdir().unwrap();
    let (holder, mut guard, process) = guard(yard.path());
    let id = rustix::process::Pid::from_child(&guard.0);
    rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
    assert_eq!(guard.0.wait().unwrap().code(), Some(15), "the signal that ended what it guarded");
    assert!(!runs(process));
    drop(holder);
}

#[test]
fn a_ledger_tells_what_is_lost_and_how_long_nothing_was_acknowledged() {
    let text = "{\"acknowledged\": \"1 a\", \"at\": 1000}\nnoise\n{\"failed\": \"2 b\", \"at\": 1100}\n\
                {\"acknowledged\": \"3 c\", \"at\": 1700}\n{\"acknowledged\": \"4 d\", \"at\": 1750}\n{\"ackn";
    let ledger = Ledger::of(text, plain);
    let found = |all: &[&str]| all.iter().map(|it| (*it).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(ledger.lost(&found(&["1 a", "2 b", "3 c", "4 d"])), Vec::<&str>::new());
    assert_eq!(ledger.lost(&found(&["1 a", "3 other", "4 d"])), ["3 c"]);
    assert_eq!(ledger.longest_pause(), 700);
    let bound = Duration::from_secs(30);
    assert!(ledger.goes_on(bound));
    let late = format!("{text}\n{{\"acknowledged\": \"5 e\", \"at\": 31750}}\n");
    assert!(!Ledger::of(&late, plain).goes_on(bound), "half a minute without a write");
    assert!(Ledger::of(&late, plain).goes_on(Duration::from_secs(31)), "and no longer");
    let bounds = [kafka::TOO_LONG, zookeeper::TOO_LONG, opensearch::TOO_LONG];
    assert_eq!(bounds.map(|it| it.as_secs()), [30, 30, 40], "what each technology may take");
}

#[test]
fn records_that_are_there_twice_or_out_of_order_are_told() {
    let found = |records: &[&str]| -> BTreeSet<String> {
        records.iter().map(|record| (*record).to_owned()).collect()
    };
    let good = found(&["ledger-0 at 9: 1", "ledger-0 at 10: 4", "ledger-1 at 0: 2"]);
    assert_eq!(kafka::not_once_in_order(&good), Vec::<String>::new());
    let twice = found(&["ledger-0 at 9: 1", "ledger-0 at 10: 1"]);
    assert_eq!(kafka::not_once_in_order(&twice).len(), 1);
    let turned = found(&["ledger-0 at 9: 4", "ledger-0 at 10: 1"]);
    assert_eq!(kafka::not_once_in_order(&turned), ["ledger-0: 4 comes before 1"]);
}

#[test]
fn samples_tell_the_most_nodes_that_were_down_at_once() {
    let (up, led) = (State::Up(Role::Follower), State::Up(Role::Leader));
    let rows = vec![
        vec![led, State::Down, up],
        vec![State::Down, State::Idle, State::Down],
        vec![State::Down, led, up],
    ];
    let samples = Samples { rows };
    assert_eq!(samples.max_down(), 2);
    assert_eq!(samples.states(1), [State::Down, State::Idle, led].into());
}

#[test]
fn tests_that_are_not_run_are_counted() {
    let source = "#[test]\nfn one() {}\n    #[test]\n    fn two() {}\n// not #[test]\n";
    let line = clusters::not_run(source, "there is no Java");
    assert_eq!(line, "Not run: 2 of the tests on real servers, since there is no Java.");
}
