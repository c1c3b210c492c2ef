//! Reading and setting what a run changes of an Elasticsearch or OpenSearch cluster, with patience for what passes.

use std::time::Duration;

use super::cluster_error::ClusterError;
use super::error::RollError;
use super::journal::Journal;
use crate::cluster::{Search, SearchMember, Told};
use crate::domain::{Clock, Obstacle, ObstacleKind, SearchIdentity, SearchSetting};
use crate::drive::gate::concealed;
use crate::drive::progress::Progress;
use crate::drive::wait::until;
use crate::plan::roll::{ALLOCATION, Scopes};

/// How a cluster is reached whose settings a run changes.
#[derive(Clone, Copy, Debug)]
pub struct ClusterAccess<'a> {
    /// Its nodes.
    pub search: &'a Search,
    /// How long one question may take.
    pub timeout: Duration,
}

/// Called now and then while something is waited for, so that the run's lease is kept.
pub type Beat<'b> = &'b mut dyn FnMut(&mut Journal) -> Result<(), RollError>;

/// Someone who sets things in a cluster.
#[derive(Clone, Copy)]
pub struct Hand<'a> {
    /// How it is reached.
    pub access: ClusterAccess<'a>,
    /// Time.
    pub clock: &'a dyn Clock,
    /// Tells the person who waits.
    pub progress: &'a Progress<'a>,
    /// How long each thing is waited for.
    pub patience: Duration,
}

/// A cluster as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterSight {
    /// Its unique id.
    pub cluster: String,
    /// Product and version.
    pub identity: SearchIdentity,
    /// What is set of allocation.
    pub allocation: Scopes,
}

/// What one attempt gave: something, or what was in the way and may pass.
pub(super) type Attempt<T> = Result<Result<T, String>, ClusterError>;

impl<'a> Hand<'a> {
    /// The cluster, as soon as one of its nodes answers.
    ///
    /// # Errors
    ///
    /// None answers in time, or one does not let us ask.
    pub fn sight(&self, doing: &str) -> Result<ClusterSight, ClusterError> {
        self.patiently(doing, || {
            let member = match self.member(doing, None)? {
                Ok(member) => member,
                Err(found) => return Ok(Err(found)),
            };
            let allocation = match self.allocation(doing, &member)? {
                Ok(allocation) => allocation,
                Err(found) => return Ok(Err(found)),
            };
            let (cluster, identity) = (member.cluster().to_owned(), member.identity().clone());
            Ok(Ok(ClusterSight { cluster, identity, allocation }))
        })
    }

    /// Attempts until something comes of it.
    pub(super) fn patiently<T>(
        &self,
        doing: &str,
        mut attempt: impl FnMut() -> Attempt<T>,
    ) -> Result<T, ClusterError> {
        let mut found = "nothing could be read".to_owned();
        let outcome = until(self.clock, self.patience, || match attempt()? {
            Ok(answer) => Ok::<_, ClusterError>(Some(answer)),
            Err(other) => {
                found = other;
                self.progress.tick(|| format!("waiting to {doing}: {found}"));
                Ok(None)
            }
        })?;
        outcome.map_err(|time| ClusterError::NotSeen { doing: doing.to_owned(), time, found })
    }

    /// A node that answers for the cluster, for this very one if it is `expected`.
    pub(super) fn member(&self, doing: &str, expected: Option<&str>) -> Attempt<SearchMember<'a>> {
        let ClusterAccess { search, timeout } = self.access;
        let member = match search.member(timeout, self.clock) {
            Ok(member) => member,
            Err(obstacle) => return self.passing(doing, &obstacle),
        };
        match expected {
            Some(expected) if expected != member.cluster() => Err(ClusterError::OtherCluster {
                doing: doing.to_owned(),
                expected: expected.to_owned(),
                found: member.cluster().to_owned(),
            }),
            Some(_) | None => Ok(Ok(member)),
        }
    }

    /// What is set of allocation.
    pub(super) fn allocation(&self, doing: &str, member: &SearchMember<'_>) -> Attempt<Scopes> {
        match member.settings() {
            Ok(settings) => Ok(Ok(scopes(&settings))),
            Err(obstacle) => self.passing(doing, &obstacle),
        }
    }

    /// What came of telling it something; what may have been done is looked for.
    pub(super) fn told(&self, doing: &str, told: Told) -> Attempt<()> {
        match told {
            Told::Done => Ok(Ok(())),
            Told::Unknown(obstacle) => Ok(Err(self.shown(&obstacle))),
            Told::Refused(obstacle) => Err(self.refused(doing, &obstacle)),
        }
    }

    /// What is in the way, if it may pass.
    pub(super) fn passing<T>(&self, doing: &str, obstacle: &Obstacle) -> Attempt<T> {
        match obstacle.kind {
            ObstacleKind::NotAllowed => Err(self.refused(doing, obstacle)),
            _ => Ok(Err(self.shown(obstacle))),
        }
    }

    fn refused(&self, doing: &str, obstacle: &Obstacle) -> ClusterError {
        ClusterError::Refused { doing: doing.to_owned(), detail: self.shown(obstacle) }
    }

    /// Servers repeat what they are sent, passwords among it.
    pub(super) fn shown(&self, words: &impl ToString) -> String {
        concealed(&words.to_string(), self.access.search.secrets())
    }
}

fn scopes(settings: &[SearchSetting]) -> Scopes {
    let value = |scope: &str| {
        let is_it = |it: &&SearchSetting| it.scope == scope && it.name == ALLOCATION;
        settings.iter().find(is_it).map(|it| it.value.clone())
    };
    Scopes { persistent: value("persistent"), transient: value("transient") }
}
