//! Whether a machine that is given up comes back, with its data.

use super::adoption::waived_by;
use super::event::{Planned, PlannedNode};
use super::finding::Finding;
use super::preflight::{auto_healing_on, zone_pinned};
use super::run::Run;
use super::step::{Hold, is_same_node};
use super::survey::{Node, Survey};
use super::target::Wanted;
use crate::domain::Persistence;

/// Whether the group still brings a machine back, and where its volumes are: neither is one of the settings that are compared.
///
/// # Errors
///
/// What would have kept the run from beginning, unless that was waived then.
pub(super) fn comes_back(run: &Run, survey: &Survey) -> Result<(), Hold> {
    let group = &survey.group;
    let judged = [zone_pinned(group), auto_healing_on(group)].into_iter();
    let findings = judged
        .map(|(name, verdict, words)| Finding::new(name, group.id.as_str(), verdict, words))
        .filter(|it| it.blocks() && waived_by(&run.plan, it).is_none());
    let found: Vec<String> = findings.map(|it| it.to_string()).collect();
    if found.is_empty() { Ok(()) } else { Err(Hold::HoldsNoMore(found)) }
}

/// Whether the machine that a recycle brought is the node with its data, and runs the image that the run is to bring. A root that was
/// persisted is given up for a roll to an image, so that its image tells.
///
/// # Errors
///
/// What it is not.
pub fn is_as_wanted(plan: &Planned, planned: &PlannedNode, seen: &Node) -> Result<(), Hold> {
    is_same_node(plan, planned, seen)?;
    let by_image = !matches!(plan.target.wanted, Wanted::LaunchedAfter { .. });
    let Some(wanted) = plan.target.image_id.as_ref().filter(|_| by_image) else { return Ok(()) };
    match &seen.seen.image_id {
        Some(image) if image == wanted => Ok(()),
        Some(image) => {
            let found = seen.seen.instance_id.clone();
            Err(Hold::NotAsWanted { found, why: format!("runs {image}") })
        }
        None => Err(Hold::Untold { node: planned.id.clone(), what: "image" }),
    }
}

/// What is persisted otherwise than needed.
pub fn other_persistence(needed: &Persistence, found: &Persistence) -> Option<&'static str> {
    let compared = [
        (found.root_device == needed.root_device, "root volumes"),
        (found.block_devices == needed.block_devices, "data volumes"),
        (found.private_ip == needed.private_ip, "private addresses"),
        (found.block_devices_mode == needed.block_devices_mode, "the way data volumes come back"),
    ];
    compared.into_iter().find(|(is_same, _)| !is_same).map(|(_, what)| what)
}
