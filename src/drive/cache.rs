//! The inventory's cache: one file an entry, private to the user, replaced whole.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
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

/// How many readers an entry remembers.
const READERS: usize = 64;

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
    /// When it was made.
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
        let material = serde_json::to_vec(&(SCHEMA, material)).map_err(|e| fail(e.into()))?;
        let digest = Sha256::digest(&material);
        let key: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        let file = folder.join(format!("spotinst_esg_inventory_{}.json", &key[..16]));
        Ok(Self { key, file })
    }

    /// The file of this place.
    pub fn path(&self) -> &Path {
        &self.file
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
        now: Timestamp,
    ) -> Result<(), CacheError> {
        let fail = |source| CacheError {
            attempt: "write the cache file",
            path: self.file.clone(),
            source,
        };
        let stored = Stored {
            schema: SCHEMA,
            key: self.key.clone(),
            created_at: now,
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
    /// The list of readers cannot be written.
    pub fn has_read(&self, reader: &str) -> Result<bool, CacheError> {
        let path = self.file.with_extension("readers");
        let fail = |source| CacheError {
            attempt: "write the cache's list of readers",
            path: path.clone(),
            source,
        };
        let known = fs::read_to_string(&path).unwrap_or_default();
        let mut readers: Vec<&str> = known.lines().collect();
        if readers.contains(&reader) {
            return Ok(true);
        }
        readers.push(reader);
        let recent = readers[readers.len().saturating_sub(READERS)..].join("\n");
        self.replace(&path, |writer| writer.write_all(recent.as_bytes())).map_err(fail)?;
        Ok(false)
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

#[cfg(unix)]
fn make_private_folder(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(not(unix))]
fn make_private_folder(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}

#[cfg(unix)]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;
    options.mode(0o600)
}

#[cfg(not(unix))]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

#[cfg(unix)]
fn is_private(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    metadata.is_file() && metadata.mode() & 0o077 == 0
}

#[cfg(not(unix))]
fn is_private(metadata: &fs::Metadata) -> bool {
    metadata.is_file()
}
