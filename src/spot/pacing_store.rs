//! Where budgets are kept: in this process, or in a file shared with the user's other processes.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::pacing::{Admission, Budget, Observation, Ticket};

const DATA_FILE: &str = "pacing.json";
const LOCK_FILE: &str = "pacing.lock";
const VERSION: u32 = 1;

/// A larger file than this is not ours, in bytes.
const MAX_FILE: u64 = 1 << 20;

/// The rate limits of all routes; clones share them.
///
/// Budgets are kept per organisation, told apart by a digest of endpoint and token, and per route. The token itself is
/// never written.
#[derive(Clone)]
pub struct Pacing {
    inner: Arc<Inner>,
}

struct Inner {
    ledger: Mutex<Ledger>,
    file: Option<SharedFile>,
    /// Whether the file turned out unusable meanwhile.
    is_lost: AtomicBool,
    notice: Mutex<Option<String>>,
}

/// All budgets: by organisation, then by route.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Ledger {
    version: u32,
    budgets: BTreeMap<String, BTreeMap<String, Budget>>,
}

impl Default for Ledger {
    fn default() -> Self {
        Self { version: VERSION, budgets: BTreeMap::new() }
    }
}

/// What is known of one route's limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteBudget {
    /// Method and path template, such as `GET /aws/ec2/group/{groupId}/status`.
    pub route: String,
    /// Requests the vendor allows in its window of 60 s; none where it does not tell.
    pub limit: Option<u32>,
    /// Requests left; zero while blocked.
    pub remaining: Option<u32>,
    /// Until another request is allowed; zero if one is allowed now.
    pub reset_in: Option<Duration>,
}

impl Pacing {
    /// Kept in this process only.
    pub fn in_memory() -> Self {
        Self::with_file(None, None)
    }

    /// Kept in a file in `dir`, which is made if it is missing. Never fails: where the folder cannot be used, budgets
    /// are kept in memory and [`Self::notice`] tells why.
    pub fn shared(dir: PathBuf) -> Self {
        match SharedFile::open(&dir) {
            Ok(file) => Self::with_file(Some(file), None),
            Err(error) => Self::with_file(None, Some(unshared(&dir, &error))),
        }
    }

    /// Why the budgets are not shared between processes, if they were meant to be.
    pub fn notice(&self) -> Option<String> {
        locked(&self.inner.notice).clone()
    }

    pub(super) fn admit(&self, organisation: &str, route: &str, now: Timestamp) -> Admission {
        let holder = std::process::id();
        self.with_budget(organisation, route, now, |budget| match budget.admit(holder, now) {
            // A process that was killed settles nothing; without this look the others would wait for it in vain.
            Admission::Busy if budget.forget_ended(is_running) => budget.admit(holder, now),
            other => other,
        })
    }

    pub(super) fn settle(
        &self,
        organisation: &str,
        route: &str,
        ticket: Ticket,
        observation: Observation,
        now: Timestamp,
    ) -> Duration {
        self.with_budget(organisation, route, now, |budget| budget.settle(ticket, observation, now))
    }

    pub(super) fn budgets(&self, organisation: &str, now: Timestamp) -> Vec<RouteBudget> {
        self.with_ledger(|ledger| {
            let routes = ledger.budgets.get(organisation).into_iter().flatten();
            routes
                .map(|(route, budget)| {
                    let (limit, remaining, reset_in) = budget.view(now);
                    RouteBudget { route: route.clone(), limit, remaining, reset_in }
                })
                .collect()
        })
    }

    /// Whether more than half of what a route allows is left, or nothing is known of a limit.
    pub(super) fn is_ample(&self, organisation: &str, route: &str, now: Timestamp) -> bool {
        self.with_budget(organisation, route, now, |budget| match budget.view(now) {
            (Some(limit), Some(remaining), _) => remaining > limit / 2,
            (None, Some(remaining), _) => remaining > 0,
            (_, None, _) => true,
        })
    }

    fn with_file(file: Option<SharedFile>, notice: Option<String>) -> Self {
        let (ledger, notice) = (Mutex::new(Ledger::default()), Mutex::new(notice));
        Self { inner: Arc::new(Inner { ledger, file, is_lost: AtomicBool::new(false), notice }) }
    }

    fn with_budget<R>(
        &self,
        organisation: &str,
        route: &str,
        now: Timestamp,
        change: impl FnOnce(&mut Budget) -> R,
    ) -> R {
        self.with_ledger(|ledger| {
            ledger.budgets.retain(|name, routes| {
                routes.retain(|_, budget| !budget.is_stale(now));
                name == organisation || !routes.is_empty()
            });
            let routes = ledger.budgets.entry(organisation.to_owned()).or_default();
            change(routes.entry(route.to_owned()).or_default())
        })
    }

    /// Runs `change` alone: among threads by the mutex, among processes by the file's lock. Both are held for the
    /// arithmetic only.
    fn with_ledger<R>(&self, change: impl FnOnce(&mut Ledger) -> R) -> R {
        let mut ledger = locked(&self.inner.ledger);
        let is_lost = self.inner.is_lost.load(Ordering::Relaxed);
        let Some(file) = self.inner.file.as_ref().filter(|_| !is_lost) else {
            return change(&mut ledger);
        };
        let opened = file.begin(&mut ledger);
        let result = change(&mut ledger);
        if let Err(error) = opened.and_then(|open| file.commit(open, &ledger)) {
            // The copy in memory carries on alone: to try again at every call could cost a second each.
            self.inner.is_lost.store(true, Ordering::Relaxed);
            locked(&self.inner.notice).get_or_insert_with(|| unshared(&file.dir, &error));
        }
        result
    }
}

/// Whether a process runs, as far as the system tells: where it does not, every one may.
fn is_running(id: u32) -> bool {
    let processes = Path::new("/proc");
    !processes.join("self").exists() || processes.join(id.to_string()).exists()
}

fn unshared(dir: &Path, error: &io::Error) -> String {
    format!("cannot share rate limits with other processes in {}: {error}", dir.display())
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic elsewhere leaves plain numbers behind, which the vendor's next answer corrects.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The file and the lock beside it.
struct SharedFile {
    dir: PathBuf,
    lock: File,
}

/// The file while its lock is held; dropping it ends that.
struct OpenFile<'a> {
    data: File,
    before: Vec<u8>,
    _lock: Unlock<'a>,
}

struct Unlock<'a>(&'a File);

impl Drop for Unlock<'_> {
    fn drop(&mut self) {
        // Nothing can be done about a failure, and closing the file unlocks it as well.
        let _ = self.0.unlock();
    }
}

impl SharedFile {
    fn open(dir: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        if fs::metadata(dir)?.permissions().mode() & 0o002 != 0 {
            return Err(io::Error::other("everybody may write there"));
        }
        let lock = private_file(&dir.join(LOCK_FILE))?;
        private_file(&dir.join(DATA_FILE))?;
        Ok(Self { dir: dir.to_owned(), lock })
    }

    /// The lock is held for microseconds, so whoever holds it longer is stopped or stuck, and is not waited for.
    #[expect(
        clippy::disallowed_methods,
        reason = "too short to be an argument: nobody should ever wait here"
    )]
    fn wait_for_lock(&self) -> io::Result<()> {
        const PAUSE: Duration = Duration::from_millis(5);
        for _ in 0..200 {
            match self.lock.try_lock() {
                Ok(()) => return Ok(()),
                Err(TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
        Err(io::Error::other("another process has held the lock for over a second"))
    }

    /// Locks and reads. A file that is torn or not ours leaves `ledger` as it is: a new start with what we know.
    fn begin(&self, ledger: &mut Ledger) -> io::Result<OpenFile<'_>> {
        self.wait_for_lock()?;
        let unlock = Unlock(&self.lock);
        let mut data = private_file(&self.dir.join(DATA_FILE))?;
        let mut before = Vec::new();
        (&mut data).take(MAX_FILE).read_to_end(&mut before)?;
        if let Ok(read) = serde_json::from_slice::<Ledger>(&before)
            && read.version == VERSION
        {
            *ledger = read;
        }
        Ok(OpenFile { data, before, _lock: unlock })
    }

    /// Writes in place, without waiting for the disk: a torn file costs one probe.
    fn commit(&self, mut open: OpenFile<'_>, ledger: &Ledger) -> io::Result<()> {
        let after = serde_json::to_vec(ledger)?;
        if after == open.before {
            return Ok(());
        }
        open.data.seek(SeekFrom::Start(0))?;
        open.data.write_all(&after)?;
        open.data.set_len(after.len() as u64)
    }
}

/// Opens for reading and writing, made with mode 0600 if missing; a link could lead to anywhere and is refused.
fn private_file(path: &Path) -> io::Result<File> {
    if fs::symlink_metadata(path).is_ok_and(|found| !found.is_file()) {
        return Err(io::Error::other(format!("{} is no ordinary file", path.display())));
    }
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

#[cfg(test)]
mod tests;
