//! Where a run is, for the person who follows it.

use std::fmt;

use jiff::{SignedDuration, Timestamp};

use super::opening::told;
use super::phase::Phase;
use super::run::{NodeRun, Run};
use crate::domain::StatefulInstanceId;

/// Which node a run is at, in which phase, and how far it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whereabouts {
    /// The node.
    pub node: StatefulInstanceId,
    /// Which one it is of all, in the order in which they are really rolled.
    pub position: usize,
    /// How many there are.
    pub count: usize,
    /// Its phase.
    pub phase: Phase,
    /// How long has been rolled so far. Time in which nobody did is none of it.
    pub elapsed: SignedDuration,
    /// How long it will take yet, by earlier runs.
    pub to_go: Option<SignedDuration>,
}

impl Whereabouts {
    /// Where a run is that acts on this node `now`.
    pub fn of(run: &Run, node: &StatefulInstanceId, now: Timestamp) -> Self {
        let spent = |it: &NodeRun| {
            let is_here =
                it.planned.id == *node && !matches!(it.phase, Phase::Planned | Phase::Done);
            let here =
                if is_here { now.duration_since(it.since).as_secs_f64().max(0.0) } else { 0.0 };
            it.total_seconds() + here
        };
        let count = run.nodes.len();
        let done = run.nodes.iter().filter(|it| it.phase == Phase::Done).count();
        let here = run.node(node);
        let is_done = here.is_some_and(|it| it.phase == Phase::Done);
        let left = count.saturating_sub(done);
        #[expect(clippy::cast_precision_loss, reason = "a group has few nodes")]
        let to_go = run.plan.expected_seconds.map(|expected| {
            let each = expected / count.max(1) as f64;
            let begun = if is_done { 0.0 } else { here.map_or(0.0, spent).min(each) };
            (each * left as f64 - begun).max(0.0)
        });
        let seconds = |it: f64| SignedDuration::try_from_secs_f64(it).unwrap_or_default();
        Self {
            node: node.clone(),
            position: if is_done { done } else { done + 1 },
            count,
            phase: here.map_or(Phase::Planned, |it| it.phase),
            elapsed: seconds(run.nodes.iter().map(spent).fold(0.0, |sum, it| sum + it)),
            to_go: to_go.map(seconds),
        }
    }
}

impl fmt::Display for Whereabouts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { node, position, count, phase, elapsed, to_go } = self;
        write!(f, "node {position} of {count} ({node}): {phase}, {} so far", told(*elapsed))?;
        match to_go {
            Some(to_go) => write!(f, ", about {} to go", told(*to_go)),
            None => Ok(()),
        }
    }
}
