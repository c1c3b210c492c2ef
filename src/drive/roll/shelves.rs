//! Where journals go that are no longer looked at by each start: history, and what a person took out of the way. They are
//! renamed, never changed or deleted.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Serialize;

use super::journal::found;
use super::store::{Deciding, ENDING, Journals, Runs, StoreError};
use crate::plan::roll::to_put_away;

/// The folder, within that of the journals, of what ended long ago.
const HISTORY: &str = "ended";

/// The folder, within that of the journals, of what a person took out of the way.
const ASIDE: &str = "set-aside";

/// What the role knows of the disks of a run's nodes is in a folder of the run's name with this ending.
const DISKS: &str = "nodes";

/// What is noted of a journal that is taken out of the way.
#[derive(Serialize)]
struct SetAside<'a> {
    at: Timestamp,
    journal: String,
    problem: Option<&'a str>,
    reason: &'a str,
}

impl Runs {
    /// The runs that ended long ago and were put away.
    pub fn history(&self) -> Self {
        Self::new(self.folder().join(HISTORY))
    }

    /// Puts away what ended long ago, so that not every start reads it. [`Runs::open`] finds it all the same. Cut off anywhere,
    /// each journal is in the one place or in the other.
    ///
    /// # Errors
    ///
    /// One cannot be moved; those before it are.
    pub fn put_away(
        &self,
        _deciding: &Deciding,
        known: &Journals,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let old = to_put_away(&known.runs, now);
        if old.is_empty() {
            return Ok(());
        }
        let history = self.history();
        history.make_folder()?;
        for run in old {
            self.shelve(run.id(), &history, run.id())?;
        }
        self.keep(&history)
    }

    /// Takes a journal out of the way, with the reason noted beside it; answers where it is now.
    ///
    /// # Errors
    ///
    /// It is open and can be read, or there is none, or it cannot be moved.
    pub fn set_aside(
        &self,
        _deciding: &Deciding,
        name: &str,
        reason: &str,
        now: Timestamp,
    ) -> Result<PathBuf, StoreError> {
        let path = self.folder().join(format!("{name}.{ENDING}"));
        let problem = match found(&path) {
            Some(Ok(run)) if run.is_open() => {
                let state_dir = self.named().map(Path::to_owned);
                return Err(StoreError::Healthy { id: run.id().to_owned(), state_dir });
            }
            Some(Ok(_)) => None,
            Some(Err(damaged)) => Some(damaged.problem),
            None => {
                let folder = self.folder().to_owned();
                return Err(StoreError::NoRun { id: name.to_owned(), folder });
            }
        };
        let aside = Self::new(self.folder().join(ASIDE));
        aside.make_folder()?;
        // A run of this name may have been set aside before.
        let names = std::iter::once(name.to_owned()).chain((2..).map(|n| format!("{name}.{n}")));
        let is_free = |name: &String| !aside.folder().join(format!("{name}.{ENDING}")).exists();
        let free = names.into_iter().find(is_free).unwrap_or_else(|| name.to_owned());
        let journal = format!("{free}.{ENDING}");
        let to = aside.folder().join(&journal);
        aside.note(&SetAside { at: now, journal, problem: problem.as_deref(), reason })?;
        self.shelve(name, &aside, &free)?;
        self.keep(&aside)?;
        Ok(to)
    }

    /// Adds to the list of what was taken out of the way, and why.
    fn note(&self, noted: &SetAside<'_>) -> Result<(), StoreError> {
        let path = self.folder().join("reasons");
        let fail =
            |source| StoreError::Io { attempt: "note the reason in", path: path.clone(), source };
        let mut line = serde_json::to_vec(noted).map_err(|error| fail(error.into()))?;
        line.push(b'\n');
        let mut file =
            OpenOptions::new().create(true).append(true).mode(0o600).open(&path).map_err(fail)?;
        file.write_all(&line).and_then(|()| file.sync_all()).map_err(fail)
    }

    /// Moves a journal, and what the role knows of the disks of its nodes, which is of no use without it: so that goes first.
    fn shelve(&self, name: &str, to: &Self, new_name: &str) -> Result<(), StoreError> {
        for ending in [DISKS, ENDING] {
            let from = self.folder().join(format!("{name}.{ending}"));
            let to = to.folder().join(format!("{new_name}.{ending}"));
            match rename(&from, &to) {
                Err(error) if ending == DISKS && error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => {
                    return Err(StoreError::Io { attempt: "move the journal", path: from, source });
                }
                Ok(()) => {}
            }
        }
        Ok(())
    }

    /// Sees to it that what was moved is on the disk where it is now, before it is gone where it was.
    fn keep(&self, to: &Self) -> Result<(), StoreError> {
        for folder in [to.folder(), self.folder()] {
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(|source| {
                StoreError::Io { attempt: "write the folder", path: folder.to_owned(), source }
            })?;
        }
        Ok(())
    }
}

/// Renames, but over nothing.
fn rename(from: &Path, to: &Path) -> io::Result<()> {
    if to.symlink_metadata().is_ok() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    fs::rename(from, to)
}
