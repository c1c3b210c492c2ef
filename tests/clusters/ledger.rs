//! What a continuous writer was promised, and what is there afterwards.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::Duration;

use serde_json::Value;

use super::until;
use super::yard::Yard;

/// One write that the servers acknowledged.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Acknowledged {
    /// What was written and where, as a reader tells it too.
    pub(crate) what: String,
    /// When the acknowledgement came, in milliseconds by the writer's clock.
    pub(crate) at: u64,
}

/// All acknowledged writes, in their order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) entries: Vec<Acknowledged>,
}

/// How a line of a writer is understood; nothing for what is no acknowledgement.
pub(crate) type Understand = fn(&Value) -> Option<Acknowledged>;

impl Ledger {
    /// From the lines of a writer, of which the last may be cut off.
    pub(crate) fn of(text: &str, understand: Understand) -> Self {
        let values = text.lines().filter_map(|line| serde_json::from_str(line).ok());
        Self { entries: values.filter_map(|value: Value| understand(&value)).collect() }
    }

    /// Acknowledged writes that a reader did not find.
    pub(crate) fn lost(&self, found: &BTreeSet<String>) -> Vec<&str> {
        let missing = self.entries.iter().filter(|entry| !found.contains(&entry.what));
        missing.map(|entry| entry.what.as_str()).collect()
    }

    /// Whether writes were never refused or left waiting for as long as is too long for their technology.
    pub(crate) fn goes_on(&self, too_long: Duration) -> bool {
        u128::from(self.longest_pause()) < too_long.as_millis()
    }

    /// The longest time without an acknowledgement, in milliseconds.
    pub(crate) fn longest_pause(&self) -> u64 {
        let pairs = self.entries.windows(2);
        pairs.map(|pair| pair[1].at.saturating_sub(pair[0].at)).max().unwrap_or(0)
    }
}

/// A program that writes until it is stopped.
pub(crate) struct Writer {
    process: Child,
    file: PathBuf,
    understand: Understand,
}

impl Writer {
    /// Starts it; its lines on stdout are the ledger.
    pub(crate) fn start(yard: &Yard, command: &Command, understand: Understand) -> Self {
        let file = yard.path("ledger");
        let log = File::create(yard.path("writer.log")).unwrap();
        let mut guarded = yard.guarded(command);
        guarded.stdout(File::create(&file).unwrap()).stderr(log);
        Self { process: guarded.spawn().unwrap(), file, understand }
    }

    /// Waits for that many more acknowledged writes.
    pub(crate) fn wait_for(&mut self, more: usize) {
        let wanted = self.ledger().entries.len() + more;
        until("more writes are acknowledged", 600, || {
            let ended = self.process.try_wait().unwrap();
            assert!(ended.is_none(), "the writer ended: {ended:?}");
            (self.ledger().entries.len() >= wanted).then_some(())
        });
    }

    /// Lets it end, and returns everything that was acknowledged.
    pub(crate) fn stop(mut self) -> Ledger {
        let id = rustix::process::Pid::from_child(&self.process);
        rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
        self.process.wait().unwrap();
        self.ledger()
    }

    fn ledger(&self) -> Ledger {
        Ledger::of(&fs::read_to_string(&self.file).unwrap(), self.understand)
    }
}

/// How a line of the writers in `writers/` is understood.
pub(crate) fn plain(line: &Value) -> Option<Acknowledged> {
    let what = line["acknowledged"].as_str()?.to_owned();
    Some(Acknowledged { what, at: line["at"].as_u64()? })
}
