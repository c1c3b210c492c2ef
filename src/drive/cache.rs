//! The inventory's cache: one file an entry, private to the user, replaced whole.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::domain::Clock;

/// Counts up whenever the document or the entry changes its shape: older entries become misses.
const SCHEMA: u32 = 1;

/// Why the cache cannot be used.
#[derive(Debug, Error)]
#[error("cannot {attempt} {}: {source}; name a folder of your own with cache_connection, or set cache: false", path.display())]
pub struct CacheError {
    attempt: &'static str,
    path: PathBuf,
    source: io::Error,
}

/// One place in the cache.
#[derive(Clone, Debug)]
pub struct Cache {
    key: String,
    file: PathBuf,
}

/// What an entry holds.
#[derive(Debug)]
pub struct Entry {
    /// The document as JSON, unparsed.
    pub document: Box<RawValue>,
    /// What was odd when it was made.
    pub warnings: Vec<String>,
    /// When its reading began: what it tells may be as old as that.
    pub created_at: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct Stored<'a> {
    schema: u32,
    key: String,
    created_at: Timestamp,
    warnings: Vec<String>,
    #[serde(borrow)]
    document: &'a RawValue,
}

/// A process that reads inventories: known by a name that no other process has, and a test whether one still runs.
#[derive(Clone, Debug)]
pub struct Reader {
    /// Usable as a file's name.
    pub name: String,
    /// Whether the process of that name still runs.
    pub is_running: fn(&str) -> bool,
}

/// Held while an entry is made anew, so that of many processes one asks the API; let go when dropped, and by the
/// system if its holder dies.
#[derive(Debug)]
pub struct Refreshing {
    _lock: File,
}

impl Cache {
    /// The place in `folder` for what `material` (accounts, endpoint, options, …) describes. Makes the folder,
    /// private to the user, if it is missing.
    ///
    /// # Errors
    ///
    /// The folder can be neither used nor made.
    pub fn open(folder: &Path, material: &impl Serialize) -> Result<Self, CacheError> {
        let fail = |source| CacheError {
            attempt: "use the cache folder",
            path: folder.to_owned(),
            source,
        };
        make_private_folder(folder).map_err(fail)?;
        let key = key(material).map_err(|e| fail(e.into()))?;
        let file = folder.join(format!("spotinst_esg_inventory_{}.json", &key[..16]));
        Ok(Self { key, file })
    }

    /// Whether `folder` takes files; nothing of the trial stays.
    ///
    /// # Errors
    ///
    /// It does not.
    pub fn try_folder(folder: &Path) -> Result<(), CacheError> {
        let attempt = "use the cache folder";
        let fail = |source| CacheError { attempt, path: folder.to_owned(), source };
        make_private_folder(folder).map_err(fail)?;
        tempfile::tempfile_in(folder).map(drop).map_err(fail)
    }

    /// What is stored. A missing, torn or foreign file is a miss, and so is one that others may read or write: it
    /// is not one that this program left.
    ///
    /// # Errors
    ///
    /// The file is there and cannot be read.
    pub fn read(&self) -> Result<Option<Entry>, CacheError> {
        let fail =
            |source| CacheError { attempt: "read the cache file", path: self.file.clone(), source };
        let mut file = match File::open(&self.file) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(fail(e)),
        };
        if !is_private(&file.metadata().map_err(fail)?) {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(fail)?;
        let Ok(stored) = serde_json::from_slice::<Stored<'_>>(&bytes) else { return Ok(None) };
        Ok((stored.schema == SCHEMA && stored.key == self.key).then(|| Entry {
            document: stored.document.to_owned(),
            warnings: stored.warnings,
            created_at: stored.created_at,
        }))
    }

    /// Replaces what is stored, whole or not at all.
    ///
    /// # Errors
    ///
    /// The folder is full or not writable.
    pub fn write(
        &self,
        document: &RawValue,
        warnings: &[String],
        read_at: Timestamp,
    ) -> Result<(), CacheError> {
        let fail = |source| CacheError {
            attempt: "write the cache file",
            path: self.file.clone(),
            source,
        };
        let stored = Stored {
            schema: SCHEMA,
            key: self.key.clone(),
            created_at: read_at,
            warnings: warnings.to_vec(),
            document,
        };
        self.replace(&self.file, |writer| {
            serde_json::to_writer(writer, &stored).map_err(Into::into)
        })
        .map_err(fail)
    }

    /// Waits for the right to make the entry anew, at most `patience`; after that nobody is waited for any
    /// more. `waiting` is called now and then meanwhile.
    ///
    /// # Errors
    ///
    /// The lock file can be neither opened nor made.
    pub fn refreshing(
        &self,
        clock: &dyn Clock,
        patience: Duration,
        waiting: &dyn Fn(),
    ) -> Result<Option<Refreshing>, CacheError> {
        let path = self.file.with_extension("lock");
        let fail =
            |source| CacheError { attempt: "lock the cache with", path: path.clone(), source };
        let lock = private(OpenOptions::new().create(true).truncate(false).write(true))
            .open(&path)
            .map_err(fail)?;
        let begun = clock.monotonic();
        loop {
            match lock.try_lock() {
                Ok(()) => return Ok(Some(Refreshing { _lock: lock })),
                Err(TryLockError::Error(e)) => return Err(fail(e)),
                Err(TryLockError::WouldBlock) if clock.monotonic() - begun >= patience => {
                    return Ok(None);
                }
                Err(TryLockError::WouldBlock) => {
                    waiting();
                    clock.sleep(Duration::from_millis(50));
                }
            }
        }
    }

    /// Whether `reader` has been here before; it has from now on.
    ///
    /// A script gets no word from Ansible when the user asks for a refresh; but the same Ansible process asks a
    /// second time only then.
    ///
    /// # Errors
    ///
    /// The reader cannot be remembered.
    pub fn has_read(&self, reader: &Reader) -> Result<bool, CacheError> {
        let folder = self.file.with_extension("readers");
        let attempt = "remember a reader in the cache folder";
        let fail = |source| CacheError { attempt, path: folder.clone(), source };
        make_private_folder(&folder).map_err(fail)?;
        // One file a reader, made only once: no two processes can take each other's place.
        match private(OpenOptions::new().create_new(true).write(true))
            .open(folder.join(&reader.name))
        {
            Ok(_) => {
                forget_ended(&folder, reader);
                Ok(false)
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(true),
            Err(error) => Err(fail(error)),
        }
    }

    fn replace(
        &self,
        path: &Path,
        fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<()> {
        let folder = path.parent().unwrap_or(Path::new("."));
        let mut file = tempfile::Builder::new().prefix(".spotinst_esg").tempfile_in(folder)?;
        let mut writer = io::BufWriter::new(file.as_file_mut());
        fill(&mut writer)?;
        writer.flush()?;
        drop(writer);
        file.persist(path).map_err(|e| e.error)?;
        Ok(())
    }
}

/// What cannot be removed is in nobody's way.
fn forget_ended(folder: &Path, reader: &Reader) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let is_ended = entry.file_name().to_str().is_some_and(|name| !(reader.is_running)(name));
        if is_ended {
            fs::remove_file(entry.path()).unwrap_or_default();
        }
    }
}

/// The digest of what an answer depends on.
///
/// # Errors
///
/// The material cannot be written as JSON.
pub(super) fn key(material: &impl Serialize) -> serde_json::Result<String> {
    let digest = Sha256::digest(serde_json::to_vec(&(SCHEMA, material))?);
    Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn make_private_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options.mode(0o600)
}

/// Only this user can have written it. Where the system does not tell who that is, the mode must do: another's private
/// file cannot be read then, unless by root.
fn is_private(file: &fs::Metadata) -> bool {
    let is_mine = fs::metadata("/proc/self").map_or(true, |own| own.uid() == file.uid());
    file.is_file() && file.mode() & 0o077 == 0 && is_mine
}
