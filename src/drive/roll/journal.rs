//! The journal of one run on the disk: a line an event, each there before what it announces is done.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::store::{ENDING, StoreError, TRY_AGAIN};
use crate::domain::Clock;
use crate::plan::roll::{Damaged, Entry, Event, JournalError, Run};

/// How long another process may take to write a line.
const PATIENCE: Duration = Duration::from_secs(30);

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

    pub(super) fn open(path: PathBuf) -> Result<Self, StoreError> {
        let (run, whole) = read(&path)?;
        Ok(Self { path, run, whole })
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
        lock(&file, path, clock)?;
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

    /// Whether what is known here of the run is still all that there is: to be asked before something is sent again that was
    /// written down a while ago.
    ///
    /// # Errors
    ///
    /// [`StoreError::Overtaken`], or it cannot be read.
    pub fn is_ours(&self) -> Result<(), StoreError> {
        let bytes = bytes(&self.path)?;
        let whole = usize::try_from(self.whole).unwrap_or(usize::MAX);
        match bytes.get(whole..) {
            Some(tail) if !tail.contains(&b'\n') => Ok(()),
            Some(_) | None => Err(StoreError::Overtaken { id: self.run.id().to_owned() }),
        }
    }

    /// Every entry, oldest first.
    ///
    /// # Errors
    ///
    /// It cannot be read.
    pub fn entries(&self) -> Result<Vec<Entry>, StoreError> {
        parse(&self.path, &bytes(&self.path)?).map(|(entries, _)| entries)
    }
}

/// Keeps others from writing meanwhile. One that does not let go is stopped in the middle of a line, and is not waited for without
/// an end.
fn lock(file: &File, path: &Path, clock: &dyn Clock) -> Result<(), StoreError> {
    let began = clock.monotonic();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::Error(source)) => {
                return Err(StoreError::Io {
                    attempt: "lock the journal",
                    path: path.into(),
                    source,
                });
            }
            Err(TryLockError::WouldBlock) => {}
        }
        let after = clock.monotonic().saturating_sub(began);
        if after >= PATIENCE {
            return Err(StoreError::Locked { path: path.into(), after });
        }
        clock.sleep(TRY_AGAIN);
    }
}

pub(super) fn line(entry: &Entry) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(entry)?;
    line.push(b'\n');
    Ok(line)
}

/// What a file in the folder of journals is; none if it is gone since it was listed.
pub(super) fn found(path: &Path) -> Option<Result<Run, Damaged>> {
    // A pipe, for instance, would be waited for.
    match path.metadata() {
        Ok(it) if it.is_file() => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound && !path.is_symlink() => return None,
        Ok(_) | Err(_) => {
            return Some(Err(Damaged::new(path.to_owned(), &[], "it is no file".to_owned())));
        }
    }
    match read(path) {
        Ok((run, _)) => Some(Ok(run)),
        Err(StoreError::Damaged(damaged)) => Some(Err(*damaged)),
        Err(StoreError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => None,
        Err(error) => {
            let problem = match error {
                StoreError::Io { source, .. } => format!("it cannot be read: {source}"),
                other => other.to_string(),
            };
            Some(Err(Damaged::new(path.to_owned(), &[], problem)))
        }
    }
}

fn read(path: &Path) -> Result<(Run, u64), StoreError> {
    let bytes = bytes(path)?;
    let (entries, whole) = parse(path, &bytes)?;
    let damaged = |problem: String| damaged(path, &bytes, problem);
    let run = Run::read(&entries).map_err(|error: JournalError| damaged(error.to_string()))?;
    // A copy would be a second run that nobody ends.
    if path.file_name() != Some(format!("{}.{ENDING}", run.id()).as_ref()) {
        return Err(damaged(format!("it is a copy of the journal of run {}", run.id())));
    }
    Ok((run, whole))
}

fn bytes(path: &Path) -> Result<Vec<u8>, StoreError> {
    let fail =
        |source| StoreError::Io { attempt: "read the journal", path: path.to_owned(), source };
    let mut bytes = Vec::new();
    File::open(path).and_then(|mut file| file.read_to_end(&mut bytes)).map_err(fail)?;
    Ok(bytes)
}

/// The entries, and how much of the file is whole lines: what follows the last line end was cut off on its way to the disk.
fn parse(path: &Path, bytes: &[u8]) -> Result<(Vec<Entry>, u64), StoreError> {
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let mut entries = Vec::new();
    for (index, line) in bytes[..whole].split_inclusive(|byte| *byte == b'\n').enumerate() {
        let entry = serde_json::from_slice(line)
            .map_err(|error| damaged(path, bytes, format!("line {}: {error}", index + 1)))?;
        entries.push(entry);
    }
    Ok((entries, whole as u64))
}

fn damaged(path: &Path, bytes: &[u8], problem: String) -> StoreError {
    StoreError::Damaged(Box::new(Damaged::new(path.to_owned(), bytes, problem)))
}
