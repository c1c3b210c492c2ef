//! Where one node is in its roll.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The phases of one node, in their order. Everything before [`Phase::Recycling`] can be taken back by starting the
/// service again; terminating the machine cannot, so the mid-gate stands between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Nothing has been done to it.
    Planned,
    /// Whether the cluster can do without it is being looked at.
    PreGate,
    /// Its work is handed to others.
    Draining,
    /// Its service is stopped.
    Stopped,
    /// Whether the cluster really does without it is being looked at.
    MidGate,
    /// The machine is being replaced.
    Recycling,
    /// Whether the new machine has the old one's data is being looked at.
    Identity,
    /// Its service is started.
    Starting,
    /// Whether the cluster has it back is being looked at.
    PostGate,
    /// It is watched for a while.
    Baking,
    /// It is rolled.
    Done,
}

impl Phase {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Planned,
        Self::PreGate,
        Self::Draining,
        Self::Stopped,
        Self::MidGate,
        Self::Recycling,
        Self::Identity,
        Self::Starting,
        Self::PostGate,
        Self::Baking,
        Self::Done,
    ];

    /// The word for it, as modules and journals spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::PreGate => "pre_gate",
            Self::Draining => "draining",
            Self::Stopped => "stopped",
            Self::MidGate => "mid_gate",
            Self::Recycling => "recycling",
            Self::Identity => "identity",
            Self::Starting => "starting",
            Self::PostGate => "post_gate",
            Self::Baking => "baking",
            Self::Done => "done",
        }
    }

    /// Where a node is taken up again whose roll was cut off in this phase. Gates are judged anew: what they saw is old.
    pub fn taken_up_at(self) -> Self {
        match self {
            Self::Planned | Self::PreGate => Self::Planned,
            // Its service may be stopped already: it is started again on the same machine, and then the gate before that is asked.
            Self::Draining | Self::Stopped | Self::MidGate => Self::PreGate,
            Self::Recycling | Self::Done => self,
            // By now it may be yet another machine.
            Self::Identity | Self::Starting | Self::PostGate | Self::Baking => Self::Identity,
        }
    }

    /// Whether the platform may be waited for before a node in this phase enters the next one. From the gate that shows that the
    /// cluster can do without it to the stop of its service nothing is waited for: what the gate saw would be old, and a machine
    /// that has come back meanwhile says nothing of its service.
    pub fn may_wait_before(self, to: Self) -> bool {
        self >= to || !matches!(to, Self::Draining | Self::Stopped)
    }

    /// Whether the node is between its first step and its last.
    pub fn is_in_flight(self) -> bool {
        !matches!(self, Self::Planned | Self::PreGate | Self::Done)
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
