//! The inventory from end to end: cache, observation, document.

use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;
use thiserror::Error;

use super::cache::{Cache, CacheError, Entry};
use super::ec2::{Ec2Access, connect};
use super::observe::{ObserveError, Wanted, observe};
use super::progress::Progress;
use crate::domain::{Clock, Notice};
use crate::plan::inventory::{Constructed, ConstructedError, Options, build};
use crate::spot::{Client, SpotError};

/// Everything one inventory needs.
#[derive(Debug)]
pub struct InventoryRequest {
    /// What is read.
    pub wanted: Wanted,
    /// What the document looks like.
    pub options: Options,
    /// What is made of its variables.
    pub constructed: Constructed,
    /// How AWS is reached, if it is.
    pub ec2: Ec2Access,
    /// The cache, if it is used.
    pub cache: Option<CacheUse>,
}

/// How the cache is used.
#[derive(Debug)]
pub struct CacheUse {
    /// Where the entries are.
    pub folder: PathBuf,
    /// The API's address: two servers never share an entry.
    pub endpoint: String,
    /// The options as typed, without secrets: other options, other entry.
    pub options: serde_json::Value,
    /// How long an entry is fresh; zero means for ever, as Ansible has it.
    pub timeout: Duration,
    /// For how long after that an entry may still serve while the API fails; zero means not at all.
    pub stale_if_error: Duration,
    /// Whether the user asked for fresh data: nothing stored is served.
    pub refresh: bool,
    /// The process that asks again only when it wants fresh data, if there is such.
    pub reader: Option<String>,
    /// Longest wait for another process that makes the same entry.
    pub patience: Duration,
}

/// The document and what there is to say of it.
#[derive(Debug)]
pub struct Answer {
    /// The JSON that Ansible reads from an inventory script.
    pub document: Box<RawValue>,
    /// One line each.
    pub warnings: Vec<String>,
}

/// Why there is no inventory.
#[derive(Debug, Error)]
pub enum InventoryError {
    /// No client could be made.
    #[error(transparent)]
    Client(#[from] SpotError),
    /// Nothing could be observed.
    #[error(transparent)]
    Observe(#[from] ObserveError),
    /// `strict`, and something is missing.
    #[error("the inventory is incomplete, which `strict: true` refuses: {}", join(.0))]
    Incomplete(Vec<Notice>),
    /// `strict`, and an expression failed.
    #[error(transparent)]
    Constructed(#[from] ConstructedError),
    /// `strict`, and the cache cannot be used.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// The document cannot be written: a fault of this program.
    #[error("cannot write the inventory document: {0}")]
    Document(#[from] serde_json::Error),
}

fn join(notices: &[Notice]) -> String {
    notices.iter().map(Notice::to_string).collect::<Vec<_>>().join("; ")
}

/// Answers from the cache where that is allowed, else from the API, which then fills the cache.
///
/// Only complete inventories are stored: a group that could not be read today must not be missing for an hour.
/// A cache that cannot be used is a warning and the answer comes from the API, unless `strict`.
///
/// # Errors
///
/// Any [`InventoryError`]; with a stored answer that `stale_if_error` still allows, the failure is a warning instead.
pub fn inventory(
    client: impl FnOnce() -> Result<Client, SpotError>,
    request: &InventoryRequest,
    clock: &dyn Clock,
    progress: &Progress<'_>,
) -> Result<Answer, InventoryError> {
    let Some(using) = &request.cache else {
        return fresh(client, request, progress).map(|f| f.answer);
    };
    match Cache::open(&using.folder, &key_material(request, using)) {
        Ok(cache) => cached(client, request, &cache, using, clock, progress),
        Err(error) if request.options.strict => Err(error.into()),
        Err(error) => {
            let mut answer = fresh(client, request, progress)?.answer;
            answer.warnings.insert(0, format!("cache: {error}"));
            Ok(answer)
        }
    }
}

fn key_material<'a>(request: &'a InventoryRequest, using: &'a CacheUse) -> impl Serialize + 'a {
    let accounts: Vec<&str> = request.wanted.accounts.iter().map(|id| id.as_str()).collect();
    let aws = (&request.ec2.profile, &request.ec2.endpoint_url);
    // Ansible makes what is constructed itself, so its documents are not those of the script.
    let constructed = !request.constructed.is_empty();
    (accounts, &using.endpoint, &using.options, aws, constructed)
}

fn cached(
    client: impl FnOnce() -> Result<Client, SpotError>,
    request: &InventoryRequest,
    cache: &Cache,
    using: &CacheUse,
    clock: &dyn Clock,
    progress: &Progress<'_>,
) -> Result<Answer, InventoryError> {
    let mut troubles = Vec::new();
    let mut noted = |result: Result<Option<Entry>, CacheError>| {
        result.unwrap_or_else(|error| {
            troubles.push(format!("cache: {error}"));
            None
        })
    };
    let asked_again = using.reader.as_deref().map(|reader| cache.has_read(reader));
    let refresh = using.refresh || matches!(asked_again, Some(Ok(true)));
    let is_fresh = |entry: &Entry| {
        age(entry, clock.now()).is_some_and(|age| using.timeout.is_zero() || age <= using.timeout)
    };
    if !refresh && let Some(entry) = noted(cache.read()).filter(is_fresh) {
        return Ok(entry.into());
    }
    let begun = clock.now();
    let waiting = || progress.tick(|| "waiting for another process that asks the same".to_owned());
    let _refreshing = cache.refreshing(clock, using.patience, &waiting);
    // Whoever held the lock may have made just what is wanted here; for a refresh only if it began after it was asked.
    let stored = noted(cache.read());
    let serves = |entry: &Entry| is_fresh(entry) && (!refresh || entry.created_at > begun);
    let stored = match stored {
        Some(entry) if serves(&entry) => return Ok(entry.into()),
        other => other,
    };
    match fresh(client, request, progress) {
        Ok(Fresh { mut answer, is_complete }) => {
            if is_complete
                && let Err(error) = cache.write(&answer.document, &answer.warnings, clock.now())
            {
                troubles.push(format!("cache: {error}"));
            }
            answer.warnings.splice(0..0, troubles);
            Ok(answer)
        }
        Err(error) => {
            match stored.filter(|_| !refresh).and_then(|entry| stale(entry, using, clock.now())) {
                Some((mut answer, age)) => {
                    let text = format!(
                        "cache: serving the answer of {age} ago, because this failed: {error}"
                    );
                    answer.warnings.insert(0, text);
                    Ok(answer)
                }
                None => Err(error),
            }
        }
    }
}

/// The entry's age; none if it lies in the future, as after the clock was set back: its age is unknown then.
fn age(entry: &Entry, now: Timestamp) -> Option<Duration> {
    Duration::try_from(now.duration_since(entry.created_at)).ok()
}

fn stale(entry: Entry, using: &CacheUse, now: Timestamp) -> Option<(Answer, String)> {
    let age = age(&entry, now)?;
    let is_allowed = !using.stale_if_error.is_zero()
        && age <= using.timeout.saturating_add(using.stale_if_error);
    is_allowed.then(|| (entry.into(), words(age)))
}

/// An age in words a person reads at a glance.
fn words(age: Duration) -> String {
    match age.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7200 => format!("{} min", seconds / 60),
        seconds => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

impl From<Entry> for Answer {
    fn from(entry: Entry) -> Self {
        Self { document: entry.document, warnings: entry.warnings }
    }
}

struct Fresh {
    answer: Answer,
    is_complete: bool,
}

fn fresh(
    client: impl FnOnce() -> Result<Client, SpotError>,
    request: &InventoryRequest,
    progress: &Progress<'_>,
) -> Result<Fresh, InventoryError> {
    let client = client()?;
    let connect = || connect(&request.ec2);
    let fleet = observe(&client, &request.wanted, connect, progress)?;
    let (document, notices) = build(&fleet, &request.options, &request.constructed)?;
    let failures: Vec<Notice> =
        notices.iter().filter(|notice| notice.is_failure).cloned().collect();
    if request.options.strict && !failures.is_empty() {
        return Err(InventoryError::Incomplete(failures));
    }
    let mut json = Vec::new();
    document.write_script_json(&mut json)?;
    let document = RawValue::from_string(String::from_utf8_lossy(&json).into_owned())?;
    let warnings = notices.iter().map(Notice::to_string).collect();
    Ok(Fresh { answer: Answer { document, warnings }, is_complete: failures.is_empty() })
}
