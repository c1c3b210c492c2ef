//! The inventory from end to end: cache, observation, document.

use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;
use thiserror::Error;

use super::cache::{self, Cache, CacheError, Entry, Reader};
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
    /// Whose answer it is.
    pub origin: Origin,
    /// The cache, if it is used.
    pub cache: Option<CacheUse>,
}

/// What tells answers to like questions apart.
#[derive(Debug, Serialize)]
pub struct Origin {
    /// The API's address: two servers never share an answer.
    pub endpoint: String,
    /// Tells tokens apart without telling them: another token may see other things.
    pub token_digest: String,
    /// The options as typed, without secrets: other options, other answer.
    pub options: serde_json::Value,
}

/// How the cache is used.
#[derive(Debug)]
pub struct CacheUse {
    /// Where the entries are.
    pub folder: PathBuf,
    /// How long an entry is fresh; zero means for ever, as Ansible has it.
    pub timeout: Duration,
    /// For how long after that an entry may still serve while the API fails; zero means not at all.
    pub stale_if_error: Duration,
    /// Whether the user asked for fresh data: nothing stored is served.
    pub refresh: bool,
    /// The process that asks again only when it wants fresh data, if there is such.
    pub reader: Option<Reader>,
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
    /// Whether it holds everything that was asked for; only then may it be kept.
    pub is_complete: bool,
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
    match Cache::open(&using.folder, &key_material(request)) {
        Ok(cache) => Cached { request, cache: &cache, using, clock, progress }.answer(client),
        Err(error) if request.options.strict => Err(error.into()),
        Err(error) => {
            let answer = fresh(client, request, progress)?.answer;
            Ok(with(vec![format!("cache: {error}")], answer))
        }
    }
}

fn key_material(request: &InventoryRequest) -> impl Serialize + '_ {
    let accounts: Vec<&str> = request.wanted.accounts.iter().map(|id| id.as_str()).collect();
    let aws = (cfg!(feature = "aws"), &request.ec2.profile, &request.ec2.endpoint_url);
    // Ansible makes what is constructed itself, so its documents are not those of the script.
    let constructed = !request.constructed.is_empty();
    (accounts, &request.origin, aws, constructed)
}

/// Names what an inventory of this request depends on, for caches other than this program's own.
///
/// # Errors
///
/// Never for a request that this program made.
pub fn cache_key(request: &InventoryRequest) -> Result<String, InventoryError> {
    Ok(cache::key(&key_material(request))?)
}

/// One inventory by way of the cache.
struct Cached<'a> {
    request: &'a InventoryRequest,
    cache: &'a Cache,
    using: &'a CacheUse,
    clock: &'a dyn Clock,
    progress: &'a Progress<'a>,
}

impl Cached<'_> {
    fn answer(
        &self,
        client: impl FnOnce() -> Result<Client, SpotError>,
    ) -> Result<Answer, InventoryError> {
        let mut troubles = Vec::new();
        let asked_at = self.clock.now();
        let refresh = self.using.refresh || self.is_asked_again(&mut troubles)?;
        if !refresh && let Some(entry) = self.stored(&mut troubles)?.filter(|e| self.is_fresh(e)) {
            return Ok(with(troubles, entry.into()));
        }
        let waiting =
            || self.progress.tick(|| "waiting for another process that asks the same".to_owned());
        let refreshing = self.cache.refreshing(self.clock, self.using.patience, &waiting);
        let _refreshing = self.survived(refreshing, &mut troubles)?.flatten();
        // Whoever held the lock may have made just what is wanted; for a refresh only if it began to read after that
        // was asked for.
        let stored = match self.stored(&mut troubles)? {
            Some(entry) if self.is_fresh(&entry) && (!refresh || entry.created_at > asked_at) => {
                return Ok(with(troubles, entry.into()));
            }
            other => other.filter(|_| !refresh),
        };
        let read_at = self.clock.now();
        match fresh(client, self.request, self.progress) {
            Ok(Fresh { answer, missing }) if missing.is_empty() => {
                let written = self.cache.write(&answer.document, &answer.warnings, read_at);
                self.survived(written, &mut troubles)?;
                Ok(with(troubles, answer))
            }
            Ok(Fresh { answer, missing }) => {
                let stale = stored.and_then(|entry| self.stale(entry, &join(&missing)));
                Ok(with(troubles, stale.unwrap_or(answer)))
            }
            Err(error) => {
                let stale = stored.and_then(|entry| self.stale(entry, &error.to_string()));
                stale.map(|answer| with(troubles, answer)).ok_or(error)
            }
        }
    }

    /// Where the answer cannot be had otherwise, a cache that fails is a trouble to tell, unless `strict`.
    fn survived<T>(
        &self,
        result: Result<T, CacheError>,
        troubles: &mut Vec<String>,
    ) -> Result<Option<T>, InventoryError> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(error) if self.request.options.strict => Err(error.into()),
            Err(error) => {
                troubles.push(format!("cache: {error}"));
                Ok(None)
            }
        }
    }

    /// Unknown counts as asked: fresh data is never wrong.
    fn is_asked_again(&self, troubles: &mut Vec<String>) -> Result<bool, InventoryError> {
        let Some(reader) = &self.using.reader else { return Ok(false) };
        let has_read = self.cache.has_read(reader);
        Ok(self.survived(has_read, troubles)?.unwrap_or(true))
    }

    fn stored(&self, troubles: &mut Vec<String>) -> Result<Option<Entry>, InventoryError> {
        Ok(self.survived(self.cache.read(), troubles)?.flatten())
    }

    fn is_fresh(&self, entry: &Entry) -> bool {
        let timeout = self.using.timeout;
        age(entry, self.clock.now()).is_some_and(|age| timeout.is_zero() || age <= timeout)
    }

    /// The stored answer, if it may still serve, with the reason why it does.
    fn stale(&self, entry: Entry, why: &str) -> Option<Answer> {
        let age = age(&entry, self.clock.now())?;
        let using = self.using;
        let longest = using.timeout.saturating_add(using.stale_if_error);
        (!using.stale_if_error.is_zero() && age <= longest).then(|| {
            let age = words(age);
            let text =
                format!("cache: serving the answer of {age} ago, because this failed: {why}");
            with(vec![text], entry.into())
        })
    }
}

/// Puts warnings before those of the answer.
fn with(mut warnings: Vec<String>, mut answer: Answer) -> Answer {
    warnings.append(&mut answer.warnings);
    Answer { warnings, ..answer }
}

/// The entry's age; none if it lies in the future, as after the clock was set back: its age is unknown then.
fn age(entry: &Entry, now: Timestamp) -> Option<Duration> {
    Duration::try_from(now.duration_since(entry.created_at)).ok()
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
        Self { document: entry.document, warnings: entry.warnings, is_complete: true }
    }
}

struct Fresh {
    answer: Answer,
    /// What the answer should hold and does not.
    missing: Vec<Notice>,
}

fn fresh(
    client: impl FnOnce() -> Result<Client, SpotError>,
    request: &InventoryRequest,
    progress: &Progress<'_>,
) -> Result<Fresh, InventoryError> {
    let client = client()?;
    let connect = || connect(&request.ec2);
    let fleet = observe(&client, &request.wanted, connect, progress)?;
    let missing: Vec<Notice> = fleet.missing().into_iter().cloned().collect();
    if request.options.strict && !missing.is_empty() {
        return Err(InventoryError::Incomplete(missing));
    }
    let (document, notices) = build(&fleet, &request.options, &request.constructed)?;
    let mut json = Vec::new();
    document.write_script_json(&mut json)?;
    let document = RawValue::from_string(String::from_utf8_lossy(&json).into_owned())?;
    let warnings = notices.iter().map(Notice::to_string).collect();
    let answer = Answer { document, warnings, is_complete: missing.is_empty() };
    Ok(Fresh { answer, missing })
}
