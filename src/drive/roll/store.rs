//! Journals on disk: one file a run, a line an event, each on the disk before what it announces is done.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use thiserror::Error;

use crate::domain::Clock;
use crate::drive::environment::Environment;
use crate::plan::roll::{Entry, Event, JournalError, Planned, Run};

const ENDING: &str = "jsonl";

/// How often it is tried to get the lock.
const TRY_AGAIN: Duration = Duration::from_millis(100);

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
    #[error(
        "the journal {} is damaged: {problem}; what that run did is not known, so look at its group, then move the file away",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
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
    #[error("{} has been locked by another process for {} s; is it stopped?", path.display(), after.as_secs())]
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
}

/// Held while it is decided who carries out what.
#[derive(Debug)]
pub struct Deciding {
    _lock: File,
}

impl Runs {
    /// The runs whose journals are, or will be, in this folder.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The runs in the folder that is named, or that the environment names, or that the user's system sets aside.
    ///
    /// # Errors
    ///
    /// There is none.
    pub fn find(named: Option<&str>, environment: &Environment) -> Result<Self, StoreError> {
        let named = named.filter(|named| !named.is_empty());
        let folder = match named.or_else(|| environment.get("SPOTINST_ESG_STATE_DIR")) {
            Some(named) => Some(environment.expand(named)),
            None => environment.state_folder().map(|folder| folder.join("runs")),
        };
        match folder {
            Some(folder) if folder.is_relative() => Err(StoreError::Relative { folder }),
            Some(folder) => Ok(Self::new(folder)),
            None => Err(StoreError::NoFolder),
        }
    }

    /// Where they are.
    pub fn folder(&self) -> &Path {
        &self.folder
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

    /// Every run, oldest first.
    ///
    /// # Errors
    ///
    /// The folder or a journal cannot be read: a run that is not known may be anything.
    pub fn all(&self) -> Result<Vec<Run>, StoreError> {
        let mut runs = self.each()?.into_iter().collect::<Result<Vec<_>, _>>()?;
        runs.sort_by_key(|run| (run.began_at, run.id().to_owned()));
        Ok(runs)
    }

    /// Every run, each with what keeps it from being read, in the order of their names.
    ///
    /// # Errors
    ///
    /// The folder cannot be read.
    pub fn each(&self) -> Result<Vec<Result<Run, StoreError>>, StoreError> {
        let fail = |source| StoreError::Io {
            attempt: "read the folder of journals",
            path: self.folder.clone(),
            source,
        };
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(fail(error)),
        };
        let mut paths = Vec::new();
        for entry in entries {
            let path = entry.map_err(fail)?.path();
            if path.extension().is_some_and(|ending| ending == ENDING) {
                paths.push(path);
            }
        }
        paths.sort();
        let run = |path: &PathBuf| {
            // A pipe, for instance, would be waited for.
            if !path.is_file() {
                let problem = "it is no file".to_owned();
                return Err(StoreError::Damaged { path: path.clone(), problem });
            }
            Ok(read(path)?.0)
        };
        Ok(paths.iter().map(run).collect())
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
        let path = self.folder.join(format!("{id}.{ENDING}"));
        match read(&path) {
            Ok((run, whole)) => Ok(Journal { path, run, whole }),
            Err(StoreError::Io { source, .. })
                if matches!(
                    source.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::InvalidFilename
                ) =>
            {
                Err(none())
            }
            Err(error) => Err(error),
        }
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

    fn make_folder(&self) -> Result<(), StoreError> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder).map_err(|source| {
            StoreError::Io {
                attempt: "make the folder of journals",
                path: self.folder.clone(),
                source,
            }
        })
    }
}

/// The journal of one run, with the run as it tells it.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    run: Run,
    /// How much of the file is whole lines.
    whole: u64,
}

impl Journal {
    /// The run.
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Adds an event; it is on the disk when this returns.
    ///
    /// # Errors
    ///
    /// It may not be on the disk: what it announces must not be done.
    pub fn write(&mut self, clock: &dyn Clock, event: Event) -> Result<(), StoreError> {
        let entry = Entry { at: clock.now(), event };
        let path = &self.path;
        let fail =
            |source| StoreError::Io { attempt: "write the journal", path: path.clone(), source };
        let text = line(&entry).map_err(fail)?;
        let mut file = OpenOptions::new().read(true).write(true).open(path).map_err(fail)?;
        file.lock().map_err(fail)?;
        let end = self.whole;
        // A whole line that is not known here is another process's: what this one believes of the run is old.
        let mut tail = Vec::new();
        file.seek(SeekFrom::Start(end)).and_then(|_| file.read_to_end(&mut tail)).map_err(fail)?;
        if tail.contains(&b'\n') {
            return Err(StoreError::Overtaken { id: self.run.id().to_owned() });
        }
        // A line that was cut off on its way to the disk announced nothing that was done.
        file.seek(SeekFrom::Start(end))
            .and_then(|_| file.write_all(&text))
            .and_then(|()| file.set_len(end + text.len() as u64))
            .and_then(|()| file.sync_all())
            .map_err(fail)?;
        self.whole += text.len() as u64;
        self.run.note(&entry);
        Ok(())
    }

    /// Every entry, oldest first.
    ///
    /// # Errors
    ///
    /// It cannot be read.
    pub fn entries(&self) -> Result<Vec<Entry>, StoreError> {
        parse(&self.path).map(|(entries, _)| entries)
    }
}

fn line(entry: &Entry) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(entry)?;
    line.push(b'\n');
    Ok(line)
}

fn read(path: &Path) -> Result<(Run, u64), StoreError> {
    let (entries, whole) = parse(path)?;
    let damaged = |problem: String| StoreError::Damaged { path: path.to_owned(), problem };
    let run = Run::read(&entries).map_err(|error: JournalError| damaged(error.to_string()))?;
    // A copy would be a second run that nobody ends.
    if path.file_stem().and_then(|name| name.to_str()) != Some(run.id()) {
        return Err(damaged(format!("it is a copy of the journal of run {}", run.id())));
    }
    Ok((run, whole))
}

/// The entries, and how much of the file is whole lines: what follows the last line end was cut off on its way to the disk.
fn parse(path: &Path) -> Result<(Vec<Entry>, u64), StoreError> {
    let fail =
        |source| StoreError::Io { attempt: "read the journal", path: path.to_owned(), source };
    let mut bytes = Vec::new();
    File::open(path).and_then(|mut file| file.read_to_end(&mut bytes)).map_err(fail)?;
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let mut entries = Vec::new();
    for (index, line) in bytes[..whole].split_inclusive(|byte| *byte == b'\n').enumerate() {
        let entry = serde_json::from_slice(line).map_err(|error| StoreError::Damaged {
            path: path.to_owned(),
            problem: format!("line {}: {error}", index + 1),
        })?;
        entries.push(entry);
    }
    Ok((entries, whole as u64))
}
