//! The command `runs`: which rolls were begun, where each is, and what a person may do about one.

mod cluster;
mod restore;
mod resume;
mod set_aside;
mod shown;
mod tables;

use jiff::Timestamp;
use serde::Serialize;

use super::arguments::{
    JournalArguments, OutputForm, RunsArguments, RunsCommand, RunsListArguments, RunsShowArguments,
};
use super::caller;
use super::failure::{Failure, OTHER, PARTIAL};
use super::output;
use crate::domain::{Clock, one_line};
use crate::drive::roll::{Claimant, Journal, Journals, Runs};
use crate::drive::{Environment, Session, SessionOptions, SystemClock};
use crate::plan::roll::{Claim, Holder, Liveness, Run};
use crate::spot::Client;
use shown::{Listed, ListedRun, ShownRun};

/// Runs the command.
pub(super) fn run(arguments: &RunsArguments, environment: &Environment) -> Result<u8, Failure> {
    match &arguments.command {
        RunsCommand::List(arguments) => list(arguments, environment),
        RunsCommand::Show(arguments) => show(arguments, environment).map(|()| 0),
        RunsCommand::Resume(arguments) => resume::run(arguments, environment).map(|()| 0),
        RunsCommand::Restore(arguments) => restore::run(arguments, environment).map(|()| 0),
        RunsCommand::SetAside(arguments) => set_aside::run(arguments, environment).map(|()| 0),
    }
}

/// The journals, and who looks at them when.
struct Desk<'a> {
    runs: Runs,
    clock: SystemClock,
    environment: &'a Environment,
}

impl<'a> Desk<'a> {
    fn open(arguments: &JournalArguments, environment: &'a Environment) -> Result<Self, Failure> {
        let runs = Runs::find(arguments.state_dir.as_deref(), environment)?;
        Ok(Self { runs, clock: SystemClock::start(), environment })
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// As whom a run is judged and taken: as its holder, if that is who called this program, else as this very process.
    fn me(&self, run: &Run) -> Holder {
        let caller = caller::of(self.environment);
        if run.holder.as_ref() == Some(&caller) { caller } else { caller::itself() }
    }

    fn claim(&self, run: &Run) -> Claim {
        self.claimant(&self.me(run)).claim(run)
    }

    fn claimant<'b>(&'b self, me: &'b Holder) -> Claimant<'b> {
        let (clock, runs) = (&self.clock, &self.runs);
        Claimant { clock, runs, me, liveness: caller::liveness }
    }

    fn shown(&self, journal: &Journal) -> Result<ShownRun, Failure> {
        let entries = journal.entries()?;
        let run = journal.run();
        let judged = shown::Judged {
            status: run.status(&self.claim(run)),
            liveness: run.holder.as_ref().map_or(Liveness::Unknown, caller::liveness),
            now: self.now(),
            state_dir: self.runs.named(),
        };
        Ok(ShownRun::of(run, &entries, &judged, journal.path()))
    }

    /// A client for what may take `seconds` altogether.
    fn client(&self, seconds: u64) -> Result<Client, Failure> {
        let options = SessionOptions { timeout_s: Some(seconds), ..SessionOptions::default() };
        let session = Session::open(&options, self.environment, fastrand::u64(..))?;
        Ok(session.client(session.token()?)?)
    }
}

fn list(arguments: &RunsListArguments, environment: &Environment) -> Result<u8, Failure> {
    let desk = Desk::open(&arguments.journals, environment)?;
    let Journals { runs: mut known, mut damaged } = desk.runs.all()?;
    if arguments.all {
        let history = desk.runs.history().all()?;
        known.extend(history.runs);
        damaged.extend(history.damaged);
    }
    known.retain(|run| !arguments.open || run.is_open());
    known.sort_by(|a, b| (b.began_at, a.id()).cmp(&(a.began_at, b.id())));
    // What is damaged comes first, since it keeps rolls from being begun.
    let mut listed: Vec<Listed> = damaged.iter().map(|it| Listed::Damaged(it.into())).collect();
    let readable = known.iter().map(|run| ListedRun::of(run, run.status(&desk.claim(run))));
    listed.extend(readable.map(Listed::Run));
    for damaged in &damaged {
        output::talk(&format!("warning: {}", one_line(&damaged.to_string())));
    }
    if listed.is_empty() {
        let open = if arguments.open { "open " } else { "" };
        output::talk(&format!("no {open}runs in {}", desk.runs.folder().display()));
    }
    give(&listed, arguments.journals.output, || tables::list(&listed, desk.now()))?;
    Ok(if damaged.is_empty() { 0 } else { PARTIAL })
}

fn show(arguments: &RunsShowArguments, environment: &Environment) -> Result<(), Failure> {
    let desk = Desk::open(&arguments.journals, environment)?;
    let journal = desk.runs.open(&arguments.run)?;
    let mut shown = desk.shown(&journal)?;
    if arguments.events {
        shown.events = Some(journal.entries()?);
    }
    give(&shown, arguments.journals.output, || tables::show(&shown, desk.now()))
}

/// Prints data in the form asked for.
fn give<T: Serialize>(
    data: &T,
    form: OutputForm,
    table: impl FnOnce() -> String,
) -> Result<(), Failure> {
    let fail = |why: String| Failure::new(OTHER, format!("cannot write the answer: {why}"));
    let text = match form {
        OutputForm::Json => {
            serde_json::to_string_pretty(data).map_err(|e| fail(e.to_string()))? + "\n"
        }
        OutputForm::Yaml => serde_yaml::to_string(data).map_err(|e| fail(e.to_string()))?,
        OutputForm::Table => table(),
    };
    output::data(text.as_bytes())
}
