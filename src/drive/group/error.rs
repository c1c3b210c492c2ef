//! Why a group is not as it is to be.

use thiserror::Error;

use crate::domain::GroupId;
use crate::drive::wait::TimeUp;
use crate::spot::{SpotError, Unseen};

/// What went wrong with a group.
#[derive(Debug, Error)]
pub enum GroupError {
    /// The vendor or the way to it.
    #[error(transparent)]
    Spot(#[from] SpotError),
    /// It was done, or perhaps so, and cannot be looked at since.
    #[error("{unseen}")]
    Unseen {
        /// The group.
        id: GroupId,
        /// What was done to it, and why it cannot be seen.
        unseen: Unseen,
    },
    /// A creation may have been carried out, and nobody can tell.
    #[error(
        "cannot tell whether group {name:?} was made: {error}; and it cannot be looked for since: {reading}; look for it \
         before it is made again: a second run does"
    )]
    UnknownCreation {
        /// Its name.
        name: String,
        /// What became of the request.
        error: Box<SpotError>,
        /// Why it cannot be looked for.
        reading: String,
    },
    /// A creation was asked for twice, and neither answer came nor a group.
    #[error(
        "cannot tell whether group {name:?} was made: {error}; it was asked for twice, and two minutes after each time no such group \
         is listed; look for it before it is made again: a second run does"
    )]
    Lost {
        /// Its name.
        name: String,
        /// What became of the second request.
        error: Box<SpotError>,
    },
    /// It was asked for twice: the first answer was lost, and the second refuses, which says nothing of the first.
    #[error(
        "{what} was perhaps {done} by a request whose answer was lost, and it is refused now: {error}; a second run sees what is there"
    )]
    RefusedSince {
        /// What it was asked for.
        what: String,
        /// The group, if it was there before.
        id: Option<GroupId>,
        /// What was asked for.
        done: &'static str,
        /// The refusal.
        error: Box<SpotError>,
    },
    /// After a lost answer more than one new group has the name.
    #[error(
        "group {name:?} was asked for and now there are several new groups of that name: {}; delete those that are too many",
        ids.iter().map(GroupId::to_string).collect::<Vec<_>>().join(", ")
    )]
    Twins {
        /// Its name.
        name: String,
        /// The new groups.
        ids: Vec<GroupId>,
    },
    /// A group that the vendor says it has made is not there.
    #[error(
        "the vendor says that it has made group {id}, and {} later it is still not there ({words}): look in the Spot console, \
         then run this again",
        after
    )]
    NotMade {
        /// The group.
        id: GroupId,
        /// How long it was looked for.
        after: TimeUp,
        /// What reading it says.
        words: String,
    },
    /// An update was answered as made, and is not.
    #[error(
        "the vendor has accepted the change of group {id} and has not kept all of it: {} still differ after {after}; set them \
         by hand or ask the vendor",
        fields.join(", ")
    )]
    NotKept {
        /// The group.
        id: GroupId,
        /// What is not kept.
        fields: Vec<String>,
        /// How long it was looked.
        after: TimeUp,
    },
    /// It is not as it was any more when its capacity was decided on.
    #[error(
        "group {id} is not as it was when its capacity was decided on: {words}; {}; look who else changes it, then run this again",
        if *is_resent {
            "a request to change it got no answer, and none was sent since"
        } else {
            "the change was not sent"
        }
    )]
    Moved {
        /// The group.
        id: GroupId,
        /// What is otherwise.
        words: String,
        /// Whether the change was sent before, without an answer.
        is_resent: bool,
    },
    /// A deletion was accepted, and the group is still there.
    #[error(
        "the vendor has accepted to delete group {id}, and it is still there after {after}; run this again"
    )]
    StillThere {
        /// The group.
        id: GroupId,
        /// How long it was looked.
        after: TimeUp,
    },
    /// It does not get the instances that it is to have, or not in time.
    #[error("group {id} is not ready: {words}{}{hint}", log.as_ref().map(|log| format!("; its log says: {log}")).unwrap_or_default())]
    NotReady {
        /// The group.
        id: GroupId,
        /// What is there and what is missing.
        words: String,
        /// The latest line of its log that tells of a failure.
        log: Option<String>,
        /// What to do.
        hint: &'static str,
        /// Whether more time may help.
        is_late: bool,
    },
}

impl GroupError {
    /// The vendor's error, if it is one.
    pub fn spot(&self) -> Option<&SpotError> {
        match self {
            Self::Spot(error) => Some(error),
            Self::UnknownCreation { error, .. }
            | Self::Lost { error, .. }
            | Self::RefusedSince { error, .. }
            | Self::Unseen { unseen: Unseen { error, .. }, .. } => Some(error),
            Self::Twins { .. }
            | Self::NotMade { .. }
            | Self::NotKept { .. }
            | Self::Moved { .. }
            | Self::StillThere { .. }
            | Self::NotReady { .. } => None,
        }
    }

    /// Whether something may have been made or changed before it failed.
    pub fn may_have_changed(&self) -> bool {
        match self {
            Self::Spot(_) => false,
            Self::Moved { is_resent, .. } => *is_resent,
            Self::UnknownCreation { .. }
            | Self::Lost { .. }
            | Self::RefusedSince { .. }
            | Self::Unseen { .. }
            | Self::Twins { .. }
            | Self::NotMade { .. }
            | Self::NotKept { .. }
            | Self::StillThere { .. }
            | Self::NotReady { .. } => true,
        }
    }

    /// The group that it is about, where that is known.
    pub fn id(&self) -> Option<&GroupId> {
        match self {
            Self::Unseen { id, .. }
            | Self::NotMade { id, .. }
            | Self::NotKept { id, .. }
            | Self::Moved { id, .. }
            | Self::StillThere { id, .. }
            | Self::NotReady { id, .. } => Some(id),
            Self::RefusedSince { id, .. } => id.as_ref(),
            Self::Spot(_)
            | Self::UnknownCreation { .. }
            | Self::Lost { .. }
            | Self::Twins { .. } => None,
        }
    }

    /// The same, once it is known that it was done.
    pub(super) fn since(self, id: &GroupId, done: &'static str) -> Self {
        match self {
            Self::Spot(error) => {
                let unseen = Unseen::of(format!("group {id}"), format!("was {done}"))(error);
                Self::Unseen { id: id.clone(), unseen }
            }
            other => other,
        }
    }

    /// The same, if it answers to a request that was sent since another one got no answer.
    pub(super) fn after_lost(self, id: &GroupId, done: &'static str) -> Self {
        match self {
            Self::Spot(error) => Self::RefusedSince {
                what: format!("group {id}"),
                id: Some(id.clone()),
                done,
                error: Box::new(error),
            },
            other => other,
        }
    }

    /// Whether the same task may succeed later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Spot(error) => error.is_transient(),
            Self::Unseen { .. }
            | Self::UnknownCreation { .. }
            | Self::Lost { .. }
            | Self::RefusedSince { .. }
            | Self::NotMade { .. }
            | Self::Moved { .. }
            | Self::StillThere { .. } => true,
            Self::NotReady { is_late, .. } => *is_late,
            Self::Twins { .. } | Self::NotKept { .. } => false,
        }
    }
}
