//! Real clusters: servers as processes on loopback addresses, whose machines are made and ended by the simulator.
//!
//! A test opens a [`Yard`](yard::Yard), provisions and starts its nodes, lets a [`Writer`](ledger::Writer) write, does what it is about,
//! and holds what can be read afterwards against what was acknowledged. Nothing here but `gates` uses the product.

#![allow(dead_code, reason = "every test binary compiles the whole folder and uses its own part")]
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without, it panics on")]

pub(crate) mod gates;
pub(crate) mod kafka;
pub(crate) mod ledger;
pub(crate) mod opensearch;
pub(crate) mod play;
pub(crate) mod sampler;
pub(crate) mod secured;
pub(crate) mod yard;
pub(crate) mod zookeeper;

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Once;
use std::thread;
use std::time::Duration;

/// The oldest Java on which all of them run.
const OLDEST_JAVA: u32 = 17;

/// Looks are this far apart.
const PAUSE: Duration = Duration::from_millis(100);

/// Looks ten times a second until there is something to return; gives up after `looks`.
pub(crate) fn until<T>(what: &str, looks: u32, mut look: impl FnMut() -> Option<T>) -> T {
    for _ in 0..looks {
        if let Some(found) = look() {
            return found;
        }
        pause();
    }
    panic!("not seen within {looks} looks: {what}");
}

#[expect(clippy::disallowed_methods, reason = "there is no event to wait for in another process")]
fn pause() {
    thread::sleep(PAUSE);
}

/// Whether the servers are there. If not, says once how many tests of this source were not run, and why; fails in CI.
pub(crate) fn can_run(source: &str) -> bool {
    let Some(reason) = lacking() else { return true };
    let line = not_run(source, &reason);
    assert!(!is_ci(), "{line}");
    static SAID: Once = Once::new();
    // Written past the harness, which keeps to itself what a test prints that passes; of all tests together `cargo xtask test` says it.
    SAID.call_once(|| {
        if !is_said() {
            std::io::stderr().write_all(format!("{line}\n").as_bytes()).unwrap();
        }
    });
    false
}

/// The line that says so.
pub(crate) fn not_run(source: &str, reason: &str) -> String {
    let count = source.lines().filter(|line| line.trim() == "#[test]").count();
    format!("Not run: {count} of the tests on real servers, since {reason}.")
}

/// What is missing on this computer, if anything.
fn lacking() -> Option<String> {
    // Java tells its version on stderr, such as `openjdk version "17.0.15"`.
    let java = Command::new("java").arg("-version").stdin(Stdio::null()).output().ok();
    let told = java.map(|output| String::from_utf8_lossy(&output.stderr).into_owned());
    let version = told
        .as_deref()
        .and_then(|told| told.split('"').nth(1)?.split(['.', '-']).next()?.parse::<u32>().ok());
    if version.is_none_or(|version| version < OLDEST_JAVA) {
        let found = version.map_or("none".to_owned(), |version| format!("Java {version}"));
        return Some(format!(
            "there is {found} on PATH; Java {OLDEST_JAVA} or newer and Maven are needed"
        ));
    }
    let needed = [software().join("complete"), crate::support::tools().join("clients/complete")];
    let missing = needed.iter().find(|path| !path.exists())?;
    Some(format!("{} is missing; `cargo xtask tools` makes it, with Maven", missing.display()))
}

#[expect(clippy::disallowed_methods, reason = "a test asks where it runs")]
fn is_ci() -> bool {
    std::env::var_os("CI").is_some()
}

#[expect(clippy::disallowed_methods, reason = "a test asks who runs it")]
fn is_said() -> bool {
    std::env::var_os("SPOTINST_ESG_SERVERS").is_some_and(|servers| servers == "none")
}

/// Where the servers are.
fn software() -> PathBuf {
    crate::support::tools().join("clusters")
}

/// A program of this folder, run by the Python that has the clients.
fn script(name: &str) -> Command {
    let mut command = Command::new(crate::support::tools().join("clients/bin/python"));
    command.arg("-B").arg(source(name)).stdin(Stdio::null());
    command
}

/// A file of this folder.
fn source(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/clusters").join(name)
}

/// What a command wrote on stdout; panics with all it wrote if it failed.
pub(crate) fn told(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{text}\n{errors}", output.status);
    text
}
