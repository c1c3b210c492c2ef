//! What the journal of a rebalance holds: each line is there before what it announces is done.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::event::Torn;
use crate::domain::InstanceId;

/// A line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MoveEntry {
    /// When it was written.
    pub at: Timestamp,
    /// What it says.
    #[serde(flatten)]
    pub event: MoveEvent,
}

/// What happens in a rebalance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum MoveEvent {
    /// It begins.
    Begun {
        /// The rebalance.
        run: String,
        /// The fleet.
        fleet: String,
        /// The region.
        region: String,
        /// How many machines the fleet has, and has in the end.
        count: u32,
        /// How many of them run: never fewer do.
        running: u32,
        /// The AWS account; none in journals of before it was written down.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        account: Option<String>,
    },
    /// One machine is about to be launched, by the launch of this name.
    Launching {
        /// The launch.
        launch: String,
        /// The zone.
        zone: String,
    },
    /// A machine is about to be drained and terminated.
    Leaving {
        /// Which.
        instance: InstanceId,
    },
    /// It was terminated.
    Left {
        /// Which.
        instance: InstanceId,
    },
    /// It is over.
    Ended {
        /// Why.
        reason: String,
    },
}

/// A rebalance as its journal tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moving {
    /// Its id.
    pub run: String,
    /// How many machines the fleet has in the end.
    pub count: u32,
    /// How many run at least.
    pub running: u32,
    /// The AWS account; none if that was not written down.
    pub account: Option<String>,
    /// Its launches, of which each machine has the name as its tag.
    pub launches: Vec<String>,
    /// What was about to go.
    pub leaving: BTreeSet<InstanceId>,
    /// What has gone, whatever EC2 still lists.
    pub left: BTreeSet<InstanceId>,
    /// Why it is over; none if it is not.
    pub ended: Option<String>,
}

impl Moving {
    /// The rebalance of a first line.
    pub fn begin(event: &MoveEvent) -> Option<Self> {
        let MoveEvent::Begun { run, count, running, account, .. } = event else { return None };
        Some(Self {
            run: run.clone(),
            count: *count,
            running: *running,
            account: account.clone(),
            launches: Vec::new(),
            leaving: BTreeSet::new(),
            left: BTreeSet::new(),
            ended: None,
        })
    }

    /// Takes the next line in.
    pub fn note(&mut self, event: &MoveEvent) {
        match event {
            MoveEvent::Begun { .. } => {}
            MoveEvent::Launching { launch, .. } => self.launches.push(launch.clone()),
            MoveEvent::Leaving { instance } => {
                self.leaving.insert(instance.clone());
            }
            MoveEvent::Left { instance } => {
                self.left.insert(instance.clone());
            }
            MoveEvent::Ended { reason } => self.ended = Some(reason.clone()),
        }
    }
}

/// The rebalance that these lines tell.
///
/// # Errors
///
/// The first line is no beginning.
pub fn moving_of(entries: &[MoveEntry]) -> Result<Moving, Torn> {
    let first = entries.first().and_then(|entry| Moving::begin(&entry.event));
    let mut moving = first.ok_or(Torn { line: 1, problem: "does not begin a rebalance" })?;
    for entry in entries.iter().skip(1) {
        moving.note(&entry.event);
    }
    Ok(moving)
}
