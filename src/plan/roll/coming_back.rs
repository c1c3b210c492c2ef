//! Whether a machine that is given up comes back, with its data.

use super::adoption::waived_by;
use super::finding::Finding;
use super::preflight::{auto_healing_on, zone_pinned};
use super::run::Run;
use super::step::Hold;
use super::survey::Survey;
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
