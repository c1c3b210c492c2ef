//! The folder of journals: one file a run.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use thiserror::Error;

use super::journal::{Journal, found, line};
use crate::domain::Clock;
use crate::drive::environment::Environment;
use crate::plan::roll::{Damaged, Entry, Event, Planned, Run, runs_command};

/// How the names of journals end.
pub(super) const ENDING: &str = "jsonl";

/// How often it is tried to get the lock.
pub(super) const TRY_AGAIN: Duration = Duration::from_millis(100);

/// Why a journal cannot be used.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The system refuses.
    #[error("cannot {attempt} {}: {source}", path.display())]
    Io {
        /// What was attempted.
        attempt: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It cannot be read as a journal.
    #[error("{0}")]
    Damaged(Box<Damaged>),
    /// It is no journal that a person may take out of the way.
    #[error(
        "run {id} can be read and is open: let it go on, or give it up with `{}`",
        runs_command("restore", id, state_dir.as_deref())
    )]
    Healthy {
        /// The run.
        id: String,
        /// Where its journal is, if not where journals usually are.
        state_dir: Option<PathBuf>,
    },
    /// Another process has written to the journal meanwhile.
    #[error("another process has gone on with run {id} meanwhile; nothing more is done here")]
    Overtaken {
        /// The run.
        id: String,
    },
    /// Where journals are depends on where the program is started.
    #[error("the folder of journals, {}, is not named from the root on: another start would not find them", folder.display())]
    Relative {
        /// What was named.
        folder: PathBuf,
    },
    /// Nothing says where journals are.
    #[error(
        "there is no folder for journals, since no home folder is known; name one with state_dir or SPOTINST_ESG_STATE_DIR"
    )]
    NoFolder,
    /// No run has this id.
    #[error("there is no run {id} in {}; see `spotinst-esg runs list`", folder.display())]
    NoRun {
        /// The id.
        id: String,
        /// Where it was looked for.
        folder: PathBuf,
    },
    /// Another process keeps all others out for too long.
    #[error("{} has been locked by another process for {} s; nothing was written: see whether that is stopped, and run this again", path.display(), after.as_secs())]
    Locked {
        /// The lock.
        path: PathBuf,
        /// How long was waited.
        after: Duration,
    },
}

/// All runs of one user on one computer.
#[derive(Clone, Debug)]
pub struct Runs {
    folder: PathBuf,
    /// Whether it is where journals are when nobody says otherwise.
    is_usual: bool,
}

/// What is in a folder of journals.
#[derive(Clone, Debug, Default)]
pub struct Journals {
    /// Every run that can be read, oldest first.
    pub runs: Vec<Run>,
    /// The others, in the order of their names.
    pub damaged: Vec<Damaged>,
}

/// Held while it is decided who carries out what.
#[derive(Debug)]
pub struct Deciding {
    _lock: File,
}

impl Runs {
    /// The runs whose journals are, or will be, in this folder.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder, is_usual: false }
    }

    /// The runs in the folder that is named, or that the environment names, or that the user's system sets aside.
    ///
    /// # Errors
    ///
    /// There is none.
    pub fn find(named: Option<&str>, environment: &Environment) -> Result<Self, StoreError> {
        let named = named.filter(|named| !named.is_empty());
        let usual = environment.state_folder().map(|folder| folder.join("runs"));
        let folder = match named.or_else(|| environment.get("SPOTINST_ESG_STATE_DIR")) {
            Some(named) => Some(environment.expand(named)),
            None => usual.clone(),
        };
        match folder {
            Some(folder) if folder.is_relative() => Err(StoreError::Relative { folder }),
            Some(folder) => Ok(Self { is_usual: Some(&folder) == usual.as_ref(), folder }),
            None => Err(StoreError::NoFolder),
        }
    }

    /// Where they are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where they are, if not where they usually are: then a command about them has to name it.
    pub fn named(&self) -> Option<&Path> {
        (!self.is_usual).then_some(self.folder.as_path())
    }

    /// Keeps other processes from deciding at the same time.
    ///
    /// # Errors
    ///
    /// The folder cannot be made or written, or another process does not let go within `patience`.
    pub fn deciding(&self, clock: &dyn Clock, patience: Duration) -> Result<Deciding, StoreError> {
        self.make_folder()?;
        let path = self.folder.join("lock");
        let fail = |source| StoreError::Io { attempt: "lock", path: path.clone(), source };
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(fail)?;
        let began = clock.monotonic();
        loop {
            match lock.try_lock() {
                Ok(()) => return Ok(Deciding { _lock: lock }),
                Err(TryLockError::Error(source)) => return Err(fail(source)),
                Err(TryLockError::WouldBlock) => {}
            }
            let after = clock.monotonic().saturating_sub(began);
            if after >= patience {
                return Err(StoreError::Locked { path, after });
            }
            clock.sleep(TRY_AGAIN);
        }
    }

    /// Every journal that has not been put away.
    ///
    /// # Errors
    ///
    /// The folder cannot be read: runs that are not known may be anything.
    pub fn all(&self) -> Result<Journals, StoreError> {
        let fail = |source| StoreError::Io {
            attempt: "read the folder of journals",
            path: self.folder.clone(),
            source,
        };
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Journals::default()),
            Err(error) => return Err(fail(error)),
        };
        let mut all = Journals::default();
        for entry in entries {
            let path = entry.map_err(fail)?.path();
            if path.extension().is_none_or(|ending| ending != ENDING) {
                continue;
            }
            match found(&path) {
                Some(Ok(run)) => all.runs.push(run),
                Some(Err(damaged)) => all.damaged.push(damaged),
                None => {}
            }
        }
        all.runs.sort_by_key(|run| (run.began_at, run.id().to_owned()));
        all.damaged.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(all)
    }

    /// The journal of one run.
    ///
    /// # Errors
    ///
    /// There is none, or it cannot be read.
    pub fn open(&self, id: &str) -> Result<Journal, StoreError> {
        let none = || StoreError::NoRun { id: id.to_owned(), folder: self.folder.clone() };
        // An id is a file's name here, so it must not lead elsewhere.
        if id.is_empty() || id.starts_with('.') || id.contains(['/', '\0']) {
            return Err(none());
        }
        // Before the older ones: a run that is being put away is in the one folder or in the other.
        for folder in [&self.folder, &self.history().folder] {
            match Journal::open(folder.join(format!("{id}.{ENDING}"))) {
                Err(StoreError::Io { source, .. })
                    if matches!(
                        source.kind(),
                        io::ErrorKind::NotFound | io::ErrorKind::InvalidFilename
                    ) => {}
                opened => return opened,
            }
        }
        Err(none())
    }

    /// Makes the journal of a new run, with its plan and its holder in it, or none.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn create(
        &self,
        clock: &dyn Clock,
        plan: Planned,
        first: Event,
    ) -> Result<Journal, StoreError> {
        self.make_folder()?;
        let id = plan.run_id.clone();
        let path = self.folder.join(format!("{id}.{ENDING}"));
        let fail =
            |source| StoreError::Io { attempt: "write the journal", path: path.clone(), source };
        let at = clock.now();
        let entries =
            [Entry { at, event: Event::Planned(Box::new(plan)) }, Entry { at, event: first }];
        let mut text = Vec::new();
        for entry in &entries {
            text.extend(line(entry).map_err(fail)?);
        }
        let mut file =
            tempfile::Builder::new().prefix(".new").tempfile_in(&self.folder).map_err(fail)?;
        file.write_all(&text).and_then(|()| file.as_file().sync_all()).map_err(fail)?;
        file.persist_noclobber(&path).map_err(|error| fail(error.error))?;
        // Only then is the name on the disk, too.
        File::open(&self.folder).and_then(|folder| folder.sync_all()).map_err(fail)?;
        self.open(&id)
    }

    pub(super) fn make_folder(&self) -> Result<(), StoreError> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder).map_err(|source| {
            StoreError::Io {
                attempt: "make the folder of journals",
                path: self.folder.clone(),
                source,
            }
        })
    }
}
