//! Why a step of a roll was not taken, or came to nothing.

use std::fmt;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::journal::Journal;
use super::store::{Runs, StoreError};
use crate::domain::StatefulInstanceId;
use crate::drive::stateful::Failed;
use crate::drive::wait::TimeUp;
use crate::plan::roll::{Finding, Hold, Holder, Taken, runs_command};
use crate::spot::{ErrorKind, SpotError};

/// Why a step of a roll was not taken, or came to nothing.
#[derive(Debug, Error)]
pub enum RollError {
    /// The journal cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The API failed.
    #[error("{0}")]
    Spot(Box<SpotError>),
    /// Another run must be waited for or looked at first.
    #[error("cannot start the roll: {0}")]
    Taken(Taken),
    /// The plan has blockers.
    #[error("cannot start the roll of group {group}: {}", told(blockers))]
    Blocked {
        /// The group.
        group: String,
        /// What stands in the way.
        blockers: Vec<Finding>,
    },
    /// Someone else carries the run out.
    #[error("cannot go on with run {run_id}: {holder} carries it out")]
    NotHolder {
        /// The run.
        run_id: String,
        /// Who does.
        holder: Box<Holder>,
    },
    /// Who carried the run out is gone, and nobody has taken his place.
    #[error(
        "cannot go on with run {run_id}: {holder}, which carried it out, is gone; start it again"
    )]
    Abandoned {
        /// The run.
        run_id: String,
        /// Who did.
        holder: Box<Holder>,
    },
    /// A step may not be taken.
    #[error("cannot {doing}: {hold}")]
    Held {
        /// What was attempted on what.
        doing: String,
        /// Why.
        hold: Hold,
    },
    /// A setting was asked for and not seen.
    #[error("cannot {doing}: asked for, but not seen after {time}; {found}")]
    NotSeen {
        /// What was attempted on what.
        doing: String,
        /// How long and how often was looked.
        time: TimeUp,
        /// What was seen instead.
        found: String,
    },
    /// Settings of a cluster are still to be put back, so the run does not end. Those of its group are put back.
    #[error(
        "run {run_id} is not ended, still to be put back is {}: {why}; the group's own settings are put back; give the cluster's \
         access, as option cluster when the run is ended or with `spotinst-esg runs restore {run_id} --cluster FILE --reason …`, \
         or put it back with elasticsearch_allocation (state restored)", .owed.join("; ")
    )]
    ClusterOwed {
        /// The run.
        run_id: String,
        /// What, where, and to which value.
        owed: Vec<String>,
        /// Why it was not put back.
        why: String,
    },
    /// The recycle came to nothing.
    #[error("{}", .0.error)]
    Act(Box<Failed>),
    /// The new machine is not what was left.
    #[error("node {node} was recycled, but: {hold}")]
    NotSame {
        /// The node.
        node: StatefulInstanceId,
        /// What is not the same.
        hold: Hold,
    },
}

fn told(blockers: &[Finding]) -> String {
    blockers.iter().map(Finding::to_string).collect::<Vec<_>>().join("; ")
}

impl From<SpotError> for RollError {
    fn from(error: SpotError) -> Self {
        Self::Spot(Box::new(error))
    }
}

impl RollError {
    /// A step that may not be taken; `doing` completes "cannot …".
    pub(super) fn held(doing: impl Into<String>) -> impl FnOnce(Hold) -> Self {
        let doing = doing.into();
        move |hold| Self::Held { doing, hold }
    }

    /// What the caller can do about it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Spot(error) => error.kind(),
            Self::Act(failed) => failed.error.kind(),
            Self::Store(StoreError::NoRun { .. }) => ErrorKind::NotFound,
            Self::Store(StoreError::NoFolder | StoreError::Relative { .. }) => ErrorKind::Usage,
            Self::NotSeen { .. } | Self::Store(StoreError::Locked { .. }) => ErrorKind::Timeout,
            Self::Store(
                StoreError::Io { .. }
                | StoreError::Damaged(_)
                | StoreError::Healthy { .. }
                | StoreError::Overtaken { .. },
            )
            | Self::Taken(_)
            | Self::Blocked { .. }
            | Self::NotHolder { .. }
            | Self::Abandoned { .. }
            | Self::Held { .. }
            | Self::ClusterOwed { .. }
            | Self::NotSame { .. } => ErrorKind::Other,
        }
    }

    /// The failure of the API behind it, if there is one.
    pub fn spot(&self) -> Option<&SpotError> {
        match self {
            Self::Spot(error) => Some(error),
            Self::Act(failed) => failed.error.spot(),
            Self::Store(_)
            | Self::Taken(_)
            | Self::Blocked { .. }
            | Self::NotHolder { .. }
            | Self::Abandoned { .. }
            | Self::Held { .. }
            | Self::NotSeen { .. }
            | Self::ClusterOwed { .. }
            | Self::NotSame { .. } => None,
        }
    }

    /// Whether the same may succeed later without anything being changed.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Spot(error) => error.is_transient(),
            Self::Act(failed) => failed.error.is_transient(),
            Self::Taken(Taken::Held { .. }) | Self::Store(StoreError::Locked { .. }) => true,
            Self::Held { hold, .. } => matches!(hold, Hold::OthersDown(_) | Hold::Incomplete(_)),
            Self::Store(_)
            | Self::Taken(_)
            | Self::Blocked { .. }
            | Self::NotHolder { .. }
            | Self::Abandoned { .. }
            | Self::NotSeen { .. }
            | Self::ClusterOwed { .. }
            | Self::NotSame { .. } => false,
        }
    }
}

/// Why a roll was not begun or gone on with, and what became of its run.
#[derive(Debug, Error)]
#[error("{error}{}", self.became())]
pub struct BeginError {
    /// Why.
    pub error: Box<RollError>,
    /// The run that had been begun or taken up by then; none if nothing had been written.
    pub run: Option<Left>,
}

/// What became of the run of a start that failed.
#[derive(Debug)]
pub enum Left {
    /// It is open: the next start goes on with it, and what it has set is not put back yet.
    Open {
        /// Its id.
        id: String,
        /// Where its journal is, if not where journals usually are.
        state_dir: Option<PathBuf>,
    },
    /// It is open only because of what it owes of a cluster, which the failure tells.
    Owing(String),
    /// It was ended, with its settings put back; it had touched no node.
    Ended(String),
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open { id, state_dir } => write!(
                f,
                "run {id} is open, and what it has set of the group is not put back: see to the cause and run this again, or \
                 give it up with `{}`",
                runs_command("restore", id, state_dir.as_deref())
            ),
            Self::Owing(id) => write!(f, "nothing is begun before run {id} has ended"),
            Self::Ended(id) => {
                write!(f, "run {id} was begun for it and ended again, before any node was touched")
            }
        }
    }
}

impl<E: Into<RollError>> From<E> for BeginError {
    fn from(error: E) -> Self {
        Self { error: Box::new(error.into()), run: None }
    }
}

impl BeginError {
    /// What became of the run, to be put behind the error; nothing if there is none.
    pub fn became(&self) -> String {
        self.run.as_ref().map(|run| format!("; {run}")).unwrap_or_default()
    }

    pub(super) fn left_open(error: RollError, journal: &Journal, runs: &Runs) -> Self {
        let (id, state_dir) = (journal.run().id().to_owned(), runs.named().map(Path::to_owned));
        let left = match error {
            RollError::ClusterOwed { .. } => Left::Owing(id),
            _ => Left::Open { id, state_dir },
        };
        Self { error: Box::new(error), run: Some(left) }
    }

    pub(super) fn ended(error: RollError, journal: &Journal) -> Self {
        Self { error: Box::new(error), run: Some(Left::Ended(journal.run().id().to_owned())) }
    }
}
