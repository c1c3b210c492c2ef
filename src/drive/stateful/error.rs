//! Why an action came to nothing, with what was seen of it.

use thiserror::Error;

use crate::domain::LogLine;
use crate::drive::wait::TimeUp;
use crate::plan::stateful::{Check, Failure, LOOK_FIRST, Phase, Refusal, Snapshot};
use crate::spot::{ErrorKind, SpotError};

/// Why an action came to nothing. `doing` completes "cannot …".
#[derive(Debug, Error)]
pub enum ActError {
    /// Something could not be read before anything was sent.
    #[error("{0}")]
    Unread(Box<SpotError>),
    /// It was not begun.
    #[error("cannot {doing}: {refusal}")]
    Refused {
        /// What was attempted on what.
        doing: String,
        /// Why, with evidence.
        refusal: Box<Refusal>,
    },
    /// It may not be asked for any more, or not once more.
    #[error("cannot {doing}: {reason}")]
    Withheld {
        /// What was attempted on what.
        doing: String,
        /// Why.
        reason: String,
        /// How often it had been asked for before.
        sent: u32,
    },
    /// The vendor refused it, or it could not be sent, or it refused without a reason and nothing was seen to come of it: nothing has
    /// been changed.
    #[error("{0}")]
    NotDone(Box<SpotError>),
    /// The reply was lost, and looking did not tell whether it took effect.
    #[error(
        "cannot {doing}: the reply was lost ({error}), and {time} did not tell whether it took effect; look at the \
         instance before trying again"
    )]
    Unknown {
        /// What was attempted on what.
        doing: String,
        /// How the reply was lost.
        error: Box<SpotError>,
        /// How long was looked.
        time: TimeUp,
    },
    /// It went wrong.
    #[error("cannot {doing}: {failure}{}", explained(log))]
    Failed {
        /// What was attempted on what.
        doing: String,
        /// How.
        failure: Failure,
        /// The vendor's last word on it.
        log: Option<String>,
    },
    /// It was not seen to end in time.
    #[error(
        "cannot {doing}: not done after {time}, last {waiting_on}; it may still end well: look at the instance, or \
         raise wait_timeout{}",
        explained(log)
    )]
    TimeUp {
        /// What was attempted on what.
        doing: String,
        /// How long and how often was looked.
        time: TimeUp,
        /// What was seen last.
        waiting_on: String,
        /// The vendor's last word on it.
        log: Option<String>,
    },
    /// It was begun and can be seen no more.
    #[error("cannot tell what became of it after asking to {doing}: {error}")]
    Blind {
        /// What was attempted on what.
        doing: String,
        /// Why nothing can be read.
        error: Box<SpotError>,
    },
    /// It was done, and something that must hold is not proved.
    #[error("asked to {doing}: it was done, but not proved is {}; {LOOK_FIRST}", told(unmet))]
    Unmet {
        /// What was done on what.
        doing: String,
        /// The checks that are not met.
        unmet: Vec<Check>,
    },
    /// It was done, and then the instance changed again.
    #[error(
        "asked to {doing}: it was done as {was}, but then it was seen {now}; someone else acts on it, too"
    )]
    Unsettled {
        /// What was done on what.
        doing: String,
        /// The new instance.
        was: String,
        /// What was seen afterwards.
        now: String,
    },
}

fn explained(log: &Option<String>) -> String {
    log.as_ref().map(|line| format!("; the vendor's log says: {line}")).unwrap_or_default()
}

fn told(checks: &[Check]) -> String {
    let one =
        |check: &Check| format!("{} ({}: {})", check.name, check.verdict.as_str(), check.evidence);
    checks.iter().map(one).collect::<Vec<_>>().join("; ")
}

impl ActError {
    /// What the caller can do about it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Unread(error) | Self::NotDone(error) | Self::Blind { error, .. } => error.kind(),
            Self::TimeUp { .. } => ErrorKind::Timeout,
            Self::Refused { refusal, .. } if **refusal == Refusal::Absent => ErrorKind::NotFound,
            Self::Refused { .. }
            | Self::Withheld { .. }
            | Self::Unknown { .. }
            | Self::Failed { .. }
            | Self::Unmet { .. }
            | Self::Unsettled { .. } => ErrorKind::Other,
        }
    }

    /// The failure of the API behind it, if there is one.
    pub fn spot(&self) -> Option<&SpotError> {
        match self {
            Self::Unread(error)
            | Self::NotDone(error)
            | Self::Blind { error, .. }
            | Self::Unknown { error, .. } => Some(error),
            Self::Refused { .. }
            | Self::Withheld { .. }
            | Self::Failed { .. }
            | Self::TimeUp { .. }
            | Self::Unmet { .. }
            | Self::Unsettled { .. } => None,
        }
    }

    /// Whether the same task may succeed later without anything being changed. After something was begun only a new
    /// look can tell, so only what failed before counts.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unread(error) | Self::NotDone(error) => error.is_transient(),
            Self::Refused { refusal, .. } => {
                let of_now = |it: &Refusal| {
                    matches!(
                        it,
                        Refusal::Busy { .. } | Refusal::NoInstance | Refusal::Untold { .. }
                    )
                };
                of_now(refusal)
            }
            Self::Withheld { .. }
            | Self::Unknown { .. }
            | Self::Failed { .. }
            | Self::TimeUp { .. }
            | Self::Blind { .. }
            | Self::Unmet { .. }
            | Self::Unsettled { .. } => false,
        }
    }
}

/// An action that came to nothing, with the evidence.
#[derive(Debug)]
pub struct Failed {
    /// Why.
    pub error: ActError,
    /// What was there before.
    pub before: Option<Snapshot>,
    /// What was seen last.
    pub last: Option<Snapshot>,
    /// The states that were seen.
    pub phases: Vec<Phase>,
    /// What was looked at afterwards.
    pub checks: Vec<Check>,
    /// The vendor's log since it began, as far as it concerns this instance, oldest line first.
    pub log: Vec<LogLine>,
    /// How often it was asked for.
    pub sent: u32,
    /// What is odd besides.
    pub warnings: Vec<String>,
}

impl Failed {
    /// Nothing was begun.
    pub fn unbegun(error: ActError, seen: Option<Snapshot>) -> Self {
        let (phases, checks, log, warnings) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { error, before: seen.clone(), last: seen, phases, checks, log, sent: 0, warnings }
    }

    /// Whether anything was, or may have been, changed.
    pub fn has_changed(&self) -> bool {
        match &self.error {
            ActError::Unread(_) | ActError::Refused { .. } | ActError::NotDone(_) => false,
            ActError::Withheld { sent, .. } => *sent > 0,
            ActError::Unknown { .. }
            | ActError::Failed { .. }
            | ActError::TimeUp { .. }
            | ActError::Blind { .. }
            | ActError::Unmet { .. }
            | ActError::Unsettled { .. } => true,
        }
    }
}
