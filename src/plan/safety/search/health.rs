//! Whether the cluster is at rest, and how far it is from it.

use super::{Asked, Judged, KIND, Phase};
use crate::domain::{SearchHealth, SearchStatus, ShardRecovery};
use crate::plan::gate::Finding;

/// More tasks that wait for the master are a master that does not keep up.
const MOST_PENDING: u64 = 9;

/// More than any recovery brings back, in bytes and operations: how far one has to go is told against it, since the size of the whole
/// grows while it is under way.
const MOST_RECOVERED: u64 = 1 << 50;

impl Asked<'_> {
    /// One finding for each copy that is being recovered. What has been brought back brings it nearer, so that a large shard is no
    /// standstill, and one that begins again and again is.
    pub(super) fn no_recovery(&self) -> Vec<Finding> {
        const NAME: &str = "no_recovery";
        let recoveries = match &self.cluster.recoveries {
            Ok(recoveries) => recoveries,
            Err(obstacle) => {
                return vec![self.whole(NAME, Judged::unknown(obstacle.to_string()))];
            }
        };
        if recoveries.is_empty() {
            return vec![self.whole(NAME, Judged::pass("no shard is being recovered"))];
        }
        let finding = |it: &ShardRecovery| {
            let ShardRecovery { index, shard, node, stage, recovered } = it;
            let text = format!("stage {stage}, {recovered} bytes and operations are back");
            let judged = Judged::fail(text).off_by(MOST_RECOVERED.saturating_sub(*recovered));
            let object = format!("{index}[{shard}] on {node}");
            self.wanted.question.finding(KIND, NAME, &object, judged)
        };
        recoveries.iter().map(finding).collect()
    }
}

pub(super) fn settled(health: &SearchHealth, phase: Phase) -> Judged {
    if health.timed_out {
        return Judged::unknown("the cluster had still to settle when it answered");
    }
    let SearchHealth {
        relocating, initializing, unassigned, in_flight_fetches, pending_tasks, ..
    } = *health;
    // Without the target its copies are without a node, as they should be.
    let unassigned = if phase == Phase::Mid { 0 } else { unassigned };
    let moving = relocating + initializing + unassigned + in_flight_fetches;
    let text = format!(
        "{relocating} shards move, {initializing} are made, {unassigned} have no node, {in_flight_fetches} are asked for, \
         {pending_tasks} tasks wait"
    );
    let late = pending_tasks.saturating_sub(MOST_PENDING);
    match moving + late {
        0 => Judged::pass(text),
        off => Judged::fail(text).off_by(off),
    }
}

pub(super) fn status(health: &SearchHealth, phase: Phase) -> Judged {
    let text = format!("the cluster is {}", health.status);
    match (&health.status, phase) {
        (SearchStatus::Green, _) | (SearchStatus::Yellow, Phase::Mid) => Judged::pass(text),
        (SearchStatus::Yellow | SearchStatus::Red, _) => Judged::fail(text),
        (SearchStatus::Other(_), _) => Judged::unknown(text),
    }
}
