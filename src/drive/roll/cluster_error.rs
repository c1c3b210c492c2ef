//! Why a setting of a cluster was not set, or not put back.

use thiserror::Error;

use super::error::RollError;
use super::store::StoreError;
use crate::drive::wait::TimeUp;
use crate::plan::safety::Alone;

/// Why a setting of a cluster was not set, or not put back. `doing` completes "cannot …" and names the cluster.
#[derive(Debug, Error)]
pub enum ClusterError {
    /// The run cannot be gone on with.
    #[error(transparent)]
    Roll(#[from] RollError),
    /// The cluster will not do it, or does not let one ask.
    #[error("cannot {doing}: {detail}")]
    Refused {
        /// What was attempted on what.
        doing: String,
        /// What it says.
        detail: String,
    },
    /// Someone else has set it.
    #[error("cannot {doing}: {evidence}")]
    Foreign {
        /// What was attempted on what.
        doing: String,
        /// What was found.
        evidence: String,
    },
    /// It was not seen in time.
    #[error("cannot {doing}, after {time}: {found}")]
    NotSeen {
        /// What was attempted on what.
        doing: String,
        /// How long and how often was looked.
        time: TimeUp,
        /// What was seen instead.
        found: String,
    },
    /// It is another cluster than the one that was named, that the run's gates have seen, or that it has changed.
    #[error(
        "cannot {doing}: it is cluster {found}, and {expected} is the one that this run is about"
    )]
    OtherCluster {
        /// What was attempted on what.
        doing: String,
        /// The one that it should be.
        expected: String,
        /// The one that answers.
        found: String,
    },
    /// The node cannot be lost.
    #[error(
        "cannot {doing}: no other copy serves of {alone}, after {rounds} attempts, and allocation is put back; wait for their \
         replicas or give them some, or waive copies_elsewhere of them"
    )]
    Alone {
        /// What was attempted on what.
        doing: String,
        /// Whose only copy is on it.
        alone: Alone,
        /// How often allocation was restricted.
        rounds: u32,
    },
    /// The cluster has no such node.
    #[error("cannot {doing}: {target} is none of its nodes (node.name)")]
    NoNode {
        /// What was attempted on what.
        doing: String,
        /// The node's name.
        target: String,
    },
    /// The shutdown of a node does not come about.
    #[error("cannot {doing}: its shutdown is {status}, and what was set is put back")]
    Stalled {
        /// What was attempted on what.
        doing: String,
        /// What is told of it.
        status: String,
    },
}

impl From<StoreError> for ClusterError {
    fn from(error: StoreError) -> Self {
        Self::Roll(error.into())
    }
}

impl ClusterError {
    /// Whether the same may succeed later without anything being changed.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Roll(error) => error.is_transient(),
            Self::NotSeen { .. } | Self::Alone { .. } | Self::Stalled { .. } => true,
            Self::Refused { .. }
            | Self::Foreign { .. }
            | Self::OtherCluster { .. }
            | Self::NoNode { .. } => false,
        }
    }
}
