//! Whether a node has the volumes that it had: nothing else tells that its data came with it.

use super::event::{Planned, PlannedNode};
use super::finding::Finding;
use super::step::Hold;
use super::survey::{Node, Survey};
use crate::domain::{Device, InstanceId, VendorTime};
use crate::plan::Verdict;
use crate::plan::stateful::Snapshot;

/// Of an instance whose data volumes are not listed it can never be said that it came back with the same. Those that are not
/// rolled count as well: one that AWS takes back meanwhile has to come back with its data.
pub(super) fn volumes_known(survey: &Survey) -> Vec<Finding> {
    let judged = survey.nodes.iter().map(|node| {
        let (volumes, untold) = (node.seen.data_volumes(), node.seen.untold_volumes());
        let (verdict, evidence) = if !survey.group.persistence.block_devices {
            (Verdict::Pass, "its data volumes are not persisted, so it keeps none".to_owned())
        } else if !untold.is_empty() {
            (Verdict::Unknown, format!("no volume is told of {}", untold.join(", ")))
        } else if volumes.is_empty() {
            let evidence =
                "the group persists data volumes, and the vendor lists none of this instance";
            (Verdict::Unknown, evidence.to_owned())
        } else {
            (Verdict::Pass, format!("it has {}", volumes.join(", ")))
        };
        Finding::new("volumes_known", node.id.as_str(), verdict, evidence)
    });
    judged.collect()
}

/// What a run knows of a node as it was when the run began, to compare its new machine with. Of one whose volumes were not all told
/// it knows none.
pub fn known_before(plan: &Planned, planned: &PlannedNode) -> Snapshot {
    let is_told = !plan.volumes_unknown.contains(&planned.id);
    let volumes = planned.volumes.iter().filter(|_| is_told);
    let device = |volume: &String| Device {
        device_name: None,
        volume_id: Some(volume.clone()),
        snapshot_id: None,
    };
    let unknown = || InstanceId::new("");
    Snapshot {
        image_id: planned.image_id.clone(),
        private_ip: planned.private_ip.clone(),
        availability_zone: planned.zone.clone(),
        devices: volumes.map(device).collect(),
        launched_at: planned.launched_at.as_deref().map(VendorTime::new),
        ..Snapshot::unseen(planned.instance_id.clone().unwrap_or_else(unknown))
    }
}

/// What its volumes are must be what they were: else the data went elsewhere. Where it was waived that some were not told, those
/// that were must still be there.
pub(super) fn has_its_volumes(
    plan: &Planned,
    planned: &PlannedNode,
    seen: &Node,
) -> Result<(), Hold> {
    let mut found: Vec<String> = seen.seen.data_volumes().into_iter().map(str::to_owned).collect();
    let mut expected = planned.volumes.clone();
    found.sort();
    expected.sort();
    let is_same = if plan.volumes_unknown.contains(&planned.id) {
        expected.iter().all(|volume| found.contains(volume))
    } else if expected.is_empty() && plan.persistence.block_devices {
        return Err(Hold::UnknownVolumes(planned.id.clone()));
    } else {
        expected.is_empty() || found == expected
    };
    if is_same {
        return Ok(());
    }
    // A list that is late may lack some of them, but shows no others.
    if found.iter().all(|volume| expected.contains(volume)) {
        return Err(Hold::Untold { node: planned.id.clone(), what: "data volumes" });
    }
    let (node, expected) = (planned.id.clone(), planned.volumes.clone());
    Err(Hold::OtherVolumes { node, expected, found })
}
