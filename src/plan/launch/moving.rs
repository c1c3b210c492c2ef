//! What the journal of a rebalance holds: each line is there before what it announces is done.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::contract::{REPLACES_TAG, RUN_TAG};
use super::event::Torn;
use super::replacement::Launched;
use crate::domain::{Ec2Instance, InstanceId};

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

    /// How many machines live that it does not account for: more than it began with, less what it ended of them, and not launched by
    /// it. Somebody else launched them, and its count says nothing of them. `living` are those that have not gone, `kept` what the
    /// fleet's journals say that was launched.
    ///
    /// What stands in for a machine that lives as well is counted with that one.
    pub fn strangers(&self, living: &[Ec2Instance], kept: &[Launched]) -> u32 {
        let is_own_run = |run: &String| self.launches.contains(run);
        let own: BTreeSet<&InstanceId> =
            kept.iter().filter(|it| is_own_run(&it.run)).map(|it| &it.instance).collect();
        let is_own =
            |it: &Ec2Instance| own.contains(&it.id) || it.tags.get(RUN_TAG).is_some_and(is_own_run);
        let stands_in = |it: &Ec2Instance| {
            let old = it.tags.get(REPLACES_TAG);
            old.is_some_and(|old| living.iter().any(|it| it.id.as_str() == old))
        };
        let others = living.iter().filter(|it| !is_own(it) && !stands_in(it)).count();
        let ended = self.left.iter().filter(|id| !own.contains(id)).count();
        u32::try_from(others + ended).unwrap_or(u32::MAX).saturating_sub(self.count)
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
