//! What the journals of other runs tell a plan.

use super::phase::Phase;
use super::run::Run;
use super::survey::Node;
use super::suspended::Asked;
use super::target::{Match, Target, Wanted};
use crate::domain::{GroupId, ImageId, InstanceId, Persistence, StatefulInstanceId};

/// What the journals of other runs tell a plan.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Past {
    /// How many seconds nodes of the group, or of its system, took.
    pub(super) seconds: Vec<f64>,
    /// Machines that a run has brought an image to.
    brought: Vec<Brought>,
    /// What runs of the group have suspended, or were about to, and not put back.
    pub(super) suspended: Asked,
}

/// A machine that was seen to boot an image on a fresh root volume, and whose node was rolled to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Brought {
    run_id: String,
    node: StatefulInstanceId,
    instance_id: InstanceId,
    image_id: ImageId,
}

impl Past {
    /// From all runs that are known.
    pub fn of<'a>(runs: impl IntoIterator<Item = &'a Run>, group: &GroupId, system: &str) -> Self {
        let mut past = Self::default();
        for run in runs {
            if run.plan.group == *group || run.plan.system == system {
                past.seconds.extend(run.node_seconds());
            }
            if run.plan.group == *group {
                past.brought.extend(brought(run));
                for (process, ends) in &run.suspended {
                    past.suspended.entry(process.clone()).or_default().extend(ends);
                }
            }
        }
        past
    }

    /// With what runs that were put away have brought; of durations and suspensions they tell nothing any more.
    #[must_use]
    pub fn with_history<'a>(
        mut self,
        runs: impl IntoIterator<Item = &'a Run>,
        group: &GroupId,
    ) -> Self {
        let mine = runs.into_iter().filter(|run| run.plan.group == *group);
        self.brought.extend(mine.flat_map(brought));
        self
    }

    /// Compares a node with the aim. Where its root is persisted no image tells what is on it; that a run has brought the image
    /// to this very machine does.
    pub(super) fn matches(&self, target: &Target, node: &Node, persistence: &Persistence) -> Match {
        let is_for_image = !matches!(target.wanted, Wanted::LaunchedAfter { .. });
        let is_meant = |it: &&Brought| {
            it.node == node.id
                && node.seen.instance_id.as_ref() == Some(&it.instance_id)
                && target.image_id.as_ref() == Some(&it.image_id)
        };
        let found = self.brought.iter().find(is_meant);
        match found.filter(|_| persistence.root_device && is_for_image) {
            Some(it) => Match::There(format!(
                "run {} brought {} to it as {}",
                it.run_id, it.image_id, it.instance_id
            )),
            None => target.matches(&node.seen, persistence),
        }
    }
}

/// A run that left root volumes persisted has brought no image, whatever its nodes were said to run.
fn brought(run: &Run) -> Vec<Brought> {
    let is_off = run.plan.switch.as_ref().is_some_and(|switch| switch.root_persistence_off);
    if run.plan.persistence.root_device && !is_off {
        return Vec::new();
    }
    let done = run.nodes.iter().filter(|node| node.phase == Phase::Done);
    let each = done.filter_map(|node| {
        let replaced = node.recycled.as_ref()?;
        Some(Brought {
            run_id: run.id().to_owned(),
            node: node.planned.id.clone(),
            instance_id: replaced.instance_id.clone(),
            image_id: replaced.image_id.clone()?,
        })
    });
    each.collect()
}
