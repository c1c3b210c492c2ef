//! The journals of a fleet on the disk: a file a run, a line an event, each there before what it announces is done.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::LaunchError;
use crate::domain::{Clock, InstanceId};
use crate::drive::environment::Environment;
use crate::drive::progress::Progress;
use crate::drive::wait::until;
use crate::plan::launch::{
    Entry, Event, Launched, MoveEntry, MoveEvent, Moving, Run, moving_of, run_of,
};

/// The folder of all fleets of an AWS account: a fleet of the same name in another account is another fleet.
#[derive(Clone, Debug)]
pub struct Fleets {
    /// That of all accounts, in which fleets lay before the account was looked at.
    all: PathBuf,
    account: String,
}

/// One fleet, held by this process until it is dropped.
#[derive(Debug)]
pub struct Fleet {
    folder: PathBuf,
    name: String,
    account: String,
    _lock: File,
}

/// A file of lines, each on the disk before what it announces is done.
#[derive(Debug)]
struct Lines {
    path: PathBuf,
    file: File,
}

/// The journal of a run.
#[derive(Debug)]
pub(super) struct Journal {
    lines: Lines,
    pub(super) run: Run,
}

/// The journal of a rebalance.
#[derive(Debug)]
pub(super) struct MoveJournal {
    lines: Lines,
    pub(super) moving: Moving,
}

fn failed(attempt: &'static str, path: &Path, reason: &dyn std::fmt::Display) -> LaunchError {
    LaunchError::Journal { attempt, path: path.to_owned(), reason: reason.to_string() }
}

/// A fleet's name, and a machine that its journals tell of.
pub type OfFleet = (String, Launched);

impl Fleets {
    /// Those of an account, below the folder that is named, or that the environment names, or that the user's system sets aside.
    ///
    /// # Errors
    ///
    /// There is none, or the account is no number.
    pub fn find(
        named: Option<&str>,
        environment: &Environment,
        account: &str,
    ) -> Result<Self, LaunchError> {
        if account.is_empty() || !account.bytes().all(|it| it.is_ascii_digit()) {
            return Err(LaunchError::NoAccount { told: account.chars().take(80).collect() });
        }
        let named = named.filter(|named| !named.is_empty());
        let folder = match named.or_else(|| environment.get("SPOTINST_ESG_STATE_DIR")) {
            Some(named) => Some(environment.expand(named)),
            None => environment.state_folder().cloned(),
        };
        let folder = folder.filter(|it| it.is_absolute()).ok_or(LaunchError::NoFolder)?;
        Ok(Self { all: folder.join("launches"), account: account.to_owned() })
    }

    fn folder(&self) -> PathBuf {
        self.all.join(&self.account)
    }

    /// Refuses what is of nobody knows which account.
    fn unassigned(&self, below: &Path) -> Result<(), LaunchError> {
        let (from, to) = (self.all.join(below), self.folder().join(below));
        match from.is_dir() {
            true => Err(LaunchError::Unassigned { from, to, account: self.account.clone() }),
            false => Ok(()),
        }
    }

    /// Every machine of a region that was ever launched, as far as the journals can be read, each with its fleet; and which cannot, and
    /// why.
    ///
    /// # Errors
    ///
    /// The region's folder cannot be read.
    pub fn launched(&self, region: &str) -> Result<(Vec<OfFleet>, Vec<String>), LaunchError> {
        let folder = self.folder().join(region);
        let (mut all, mut unread) = (Vec::new(), Vec::new());
        unread.extend(self.unassigned(Path::new(region)).err().map(|error| error.to_string()));
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((all, unread)),
            Err(error) => return Err(failed("read the folder of journals", &folder, &error)),
        };
        // What is no folder is no fleet.
        for folder in entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()) {
            let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let paths = match journals(&folder) {
                Ok(paths) => paths,
                Err(error) => {
                    unread.push(error.to_string());
                    continue;
                }
            };
            for path in paths {
                match launched_by(&path, &self.account) {
                    Ok(of_run) => all.extend(of_run.into_iter().map(|it| (name.clone(), it))),
                    Err(error) => unread.push(error.to_string()),
                }
            }
        }
        Ok((all, unread))
    }

    /// Where what lacks capacity is remembered. The same zone has another name in another account.
    pub fn memory(&self) -> PathBuf {
        self.folder().join("shortages.json")
    }

    /// Takes a fleet, and waits for so long until no other process holds it.
    ///
    /// # Errors
    ///
    /// As [`Self::take`] tells when the time is over.
    pub fn take_within(
        &self,
        region: &str,
        name: &str,
        patience: Duration,
        (clock, progress): (&dyn Clock, &Progress<'_>),
    ) -> Result<Fleet, LaunchError> {
        let mut busy = None;
        let taken = until(clock, patience, || match self.take(region, name) {
            Ok(fleet) => Ok(Some(fleet)),
            Err(error @ LaunchError::Busy { .. }) => {
                progress.tick(|| format!("waiting for fleet {name}: another process works on it"));
                busy = Some(error);
                Ok(None)
            }
            Err(error) => Err(error),
        })?;
        let fault = || failed("lock", &self.all, &"nobody tells why it is held");
        taken.map_err(|_| busy.unwrap_or_else(fault))
    }

    /// Takes a fleet: no other process of this user works on it meanwhile.
    ///
    /// # Errors
    ///
    /// Another process does, the folder cannot be written, or there are journals of the fleet that do not tell their account.
    pub fn take(&self, region: &str, name: &str) -> Result<Fleet, LaunchError> {
        let below = Path::new(region).join(name);
        self.unassigned(&below)?;
        let folder = self.folder().join(below);
        make(&folder)?;
        let path = folder.join("lock");
        let fail = |error: io::Error| failed("lock", &path, &error);
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(fail)?;
        match lock.try_lock() {
            Ok(()) => {
                let (name, account) = (name.to_owned(), self.account.clone());
                Ok(Fleet { folder, name, account, _lock: lock })
            }
            Err(TryLockError::WouldBlock) => {
                Err(LaunchError::Busy { fleet: name.to_owned(), path })
            }
            Err(TryLockError::Error(error)) => Err(fail(error)),
        }
    }
}

impl Fleet {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The number of its AWS account.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// Refuses to go on with what is of another account: its machines are not seen from here, and others are.
    fn own(&self, lines: &Lines, of: Option<&String>) -> Result<(), LaunchError> {
        match of.filter(|of| **of != self.account) {
            None => Ok(()),
            Some(of) => Err(LaunchError::OtherAccount {
                path: lines.path.clone(),
                of: of.clone(),
                account: self.account.clone(),
            }),
        }
    }

    /// The runs that have not ended, the newest first: at most one that may be gone on with, and steps of something larger.
    ///
    /// # Errors
    ///
    /// A journal cannot be read, so that what it did is not known, or is of another account.
    pub(super) fn open_runs(&self) -> Result<Vec<Journal>, LaunchError> {
        let mut open = Vec::new();
        for path in journals(&self.folder)? {
            open.extend(Journal::open(path)?.filter(|it| it.run.ended.is_none()));
        }
        open.iter().try_for_each(|it| self.own(&it.lines, it.run.account.as_ref()))?;
        Ok(open)
    }

    /// What was terminated in rebalances, each after one was launched for it, as far as their journals can be read.
    ///
    /// # Errors
    ///
    /// Their folder cannot be read.
    pub(super) fn moved(&self) -> Result<BTreeSet<InstanceId>, LaunchError> {
        let mut all = BTreeSet::new();
        for path in journals(&self.moves())? {
            let (lines, _) = parsed::<MoveEntry>(&path)?;
            let entries: Vec<MoveEntry> = lines.into_iter().flatten().collect();
            let moving = moving_of(&entries).ok();
            let is_own = |of: &String| *of == self.account;
            let moving = moving.filter(|it| it.account.as_ref().is_none_or(is_own));
            all.extend(moving.map(|it| it.left).unwrap_or_default());
        }
        Ok(all)
    }

    /// Every machine that was ever launched for it, as far as its journals can be read.
    ///
    /// # Errors
    ///
    /// Their folder cannot be read.
    pub fn launched(&self) -> Result<Vec<Launched>, LaunchError> {
        let mut all = Vec::new();
        for path in journals(&self.folder)? {
            all.extend(launched_by(&path, &self.account)?);
        }
        Ok(all)
    }

    /// A new run with this beginning.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub(super) fn begin(&self, clock: &dyn Clock, event: &Event) -> Result<Journal, LaunchError> {
        let fault = || failed("begin the journal", &self.folder, &"it is no beginning");
        let run = Run::begin(event).ok_or_else(fault)?;
        let mut journal = Journal { lines: Lines::create(&self.folder, &run.id)?, run };
        journal.write(clock, event)?;
        Ok(journal)
    }

    /// Rebalances have a folder of their own, since a launch is a run of its own within them.
    fn moves(&self) -> PathBuf {
        self.folder.join("rebalances")
    }

    /// The rebalance that has not ended, if there is one.
    ///
    /// # Errors
    ///
    /// A journal cannot be read, so that how many machines the fleet is to have is not known, or is of another account.
    pub(super) fn open_moving(&self) -> Result<Option<MoveJournal>, LaunchError> {
        for path in journals(&self.moves())? {
            let Some((lines, entries)) = Lines::open::<MoveEntry>(path)? else { continue };
            let moving = moving_of(&entries).map_err(|torn| lines.unreadable(&torn))?;
            if moving.ended.is_none() {
                self.own(&lines, moving.account.as_ref())?;
                return Ok(Some(MoveJournal { lines, moving }));
            }
        }
        Ok(None)
    }

    /// A new rebalance with this beginning.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub(super) fn begin_moving(
        &self,
        clock: &dyn Clock,
        event: &MoveEvent,
    ) -> Result<MoveJournal, LaunchError> {
        let folder = self.moves();
        make(&folder)?;
        let fault = || failed("begin the journal", &folder, &"it is no beginning");
        let moving = Moving::begin(event).ok_or_else(fault)?;
        let mut journal = MoveJournal { lines: Lines::create(&folder, &moving.run)?, moving };
        journal.write(clock, event)?;
        Ok(journal)
    }

    /// Ends a rebalance that is unfinished: from now on the fleet has as many machines as something else says.
    ///
    /// # Errors
    ///
    /// Its journal cannot be read or written.
    pub fn end_moving(&self, clock: &dyn Clock, reason: &str) -> Result<(), LaunchError> {
        match self.open_moving()? {
            None => Ok(()),
            Some(mut open) => open.write(clock, &MoveEvent::Ended { reason: reason.to_owned() }),
        }
    }
}

impl MoveJournal {
    /// Adds an event; it is on the disk when this returns.
    pub(super) fn write(
        &mut self,
        clock: &dyn Clock,
        event: &MoveEvent,
    ) -> Result<(), LaunchError> {
        self.lines.add(&MoveEntry { at: clock.now(), event: event.clone() })?;
        self.moving.note(event);
        Ok(())
    }
}

impl Journal {
    /// One that was begun; none if it was killed before its first line was whole, so that nothing was done.
    fn open(path: PathBuf) -> Result<Option<Self>, LaunchError> {
        let Some((lines, entries)) = Lines::open::<Entry>(path)? else { return Ok(None) };
        let run = run_of(&entries).map_err(|torn| lines.unreadable(&torn))?;
        Ok(Some(Self { lines, run }))
    }

    /// Adds an event; it is on the disk when this returns.
    pub(super) fn write(&mut self, clock: &dyn Clock, event: &Event) -> Result<(), LaunchError> {
        self.lines.add(&Entry { at: clock.now(), event: event.clone() })?;
        self.run.note(event);
        Ok(())
    }
}

impl Lines {
    /// A new file in a folder that is there.
    fn create(folder: &Path, name: &str) -> Result<Self, LaunchError> {
        let path = folder.join(format!("{name}.jsonl"));
        let fail = |error: io::Error| failed("write the journal", &path, &error);
        let file = OpenOptions::new()
            .create_new(true)
            .append(true)
            .mode(0o600)
            .open(&path)
            .map_err(fail)?;
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(fail)?;
        Ok(Self { path, file })
    }

    /// What a file holds that is not over; none if not even its first line is whole. A line that was cut off announced nothing that was
    /// done. One that is damaged hides what was done, unless another says that it is all over.
    fn open<E: Line>(path: PathBuf) -> Result<Option<(Self, Vec<E>)>, LaunchError> {
        let fail = |reason: &dyn std::fmt::Display| failed("read the journal", &path, reason);
        let (lines, whole) = parsed::<E>(&path)?;
        if lines.iter().flatten().any(Line::is_end) || lines.is_empty() {
            return Ok(None);
        }
        let mut entries = Vec::new();
        for (number, line) in (1..).zip(lines) {
            entries.push(line.map_err(|error| {
                fail(&format!(
                    "line {number} is damaged: {error}; look which machines have its name as tag spotinst-esg:run, and move the file away when all are as they are to be"
                ))
            })?);
        }
        let file = OpenOptions::new().append(true).open(&path).map_err(|error| fail(&error))?;
        file.set_len(whole).map_err(|error| fail(&error))?;
        Ok(Some((Self { path, file }, entries)))
    }

    fn add(&mut self, entry: &impl Serialize) -> Result<(), LaunchError> {
        let fail = |error: io::Error| failed("write the journal", &self.path, &error);
        let mut line = serde_json::to_vec(entry).map_err(|error| fail(error.into()))?;
        line.push(b'\n');
        self.file.write_all(&line).and_then(|()| self.file.sync_all()).map_err(fail)
    }

    fn unreadable(&self, reason: &dyn std::fmt::Display) -> LaunchError {
        failed("read the journal", &self.path, reason)
    }
}

/// An event in a journal.
trait Line: DeserializeOwned {
    /// Whether all is over with it.
    fn is_end(&self) -> bool;
}

impl Line for Entry {
    fn is_end(&self) -> bool {
        matches!(self.event, Event::Ended { .. })
    }
}

impl Line for MoveEntry {
    fn is_end(&self) -> bool {
        matches!(self.event, MoveEvent::Ended { .. })
    }
}

/// The whole lines of a file, and how many bytes they are.
fn parsed<E: Line>(path: &Path) -> Result<(Vec<Result<E, serde_json::Error>>, u64), LaunchError> {
    let read = fs::read(path).map_err(|error| failed("read the journal", path, &error))?;
    let whole = read.iter().rposition(|it| *it == b'\n').map_or(0, |at| at + 1);
    let lines = read[..whole].split(|it| *it == b'\n').filter(|line| !line.is_empty());
    Ok((lines.map(serde_json::from_slice).collect(), whole as u64))
}

/// What a journal says that was launched in an account. A line that cannot be read is left out: it stops whoever would go on with
/// it, and is no reason not to believe the others.
fn launched_by(path: &Path, account: &str) -> Result<Vec<Launched>, LaunchError> {
    let (lines, _) = parsed::<Entry>(path)?;
    let entries: Vec<Entry> = lines.into_iter().flatten().collect();
    let run = run_of(&entries).ok();
    let run = run.filter(|it| it.account.as_deref().is_none_or(|of| of == account));
    Ok(run.map(|it| it.ever_launched()).unwrap_or_default())
}

/// The journals in a folder, the newest first; none if there is no such folder.
fn journals(folder: &Path) -> Result<Vec<PathBuf>, LaunchError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed("read the folder of journals", folder, &error)),
    };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "jsonl"));
    paths.sort();
    paths.reverse();
    Ok(paths)
}

fn make(folder: &Path) -> Result<(), LaunchError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|error| failed("make the folder of journals", folder, &error))
}
