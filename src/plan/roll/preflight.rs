//! Whether a group may be rolled at all.

use jiff::{SignedDuration, Timestamp};

use super::finding::Finding;
use super::past::Past;
use super::schedule::{NextRun, next_run};
use super::survey::{ImageSight, Node, Survey};
use super::suspended::no_foreign_suspension;
use super::target::{Match, Target, Wanted};
use super::volumes::volumes_known;
use crate::domain::{BlockDevicesMode, Group, ScheduledTask, StatefulInstanceId, TaskKind};
use crate::plan::Verdict;
use crate::plan::stateful::ZonePin;

/// All predicates of a plan.
pub const PREDICATES: &[&str] = &[
    "listed_whole",
    "data_reattached",
    "zone_pinned",
    "private_ip_persisted",
    "root_replaceable",
    "drift_knowable",
    "auto_healing_on",
    "no_deployment",
    "no_scheduled_task",
    "no_ami_backup",
    "image_available",
    "image_architecture",
    "active",
    "volumes_known",
    "no_foreign_suspension",
    "no_other_run",
];

/// Those that nobody can take upon himself: without them nothing else is known.
pub const NEVER_WAIVED: &[&str] = &["listed_whole", "no_other_run"];

/// What is judged.
#[derive(Clone, Copy, Debug)]
pub(super) struct Preflight<'a> {
    /// What was seen.
    pub(super) survey: &'a Survey,
    /// The aim.
    pub(super) target: &'a Target,
    /// The aim's image.
    pub(super) image: &'a ImageSight,
    /// Until when it may take.
    pub(super) horizon: SignedDuration,
    /// Whether what is on root volumes may be lost.
    pub(super) acknowledge_root_data_loss: bool,
    /// The nodes that the caller names.
    pub(super) nodes: &'a [StatefulInstanceId],
    /// Those that alone may be rolled; all if none is named.
    pub(super) only: Option<&'a [StatefulInstanceId]>,
    /// What other runs tell.
    pub(super) past: &'a Past,
}

/// Everything that can be said before anything is done, good and bad.
pub(super) fn preflight(it: Preflight<'_>) -> Vec<Finding> {
    let group = it.survey.group.id.as_str();
    let mut found: Vec<Finding> = [
        listed_whole(&it),
        data_reattached(&it),
        zone_pinned(&it.survey.group),
        private_ip_persisted(&it),
        root_replaceable(&it),
        auto_healing_on(&it.survey.group),
        no_deployment(&it),
        no_scheduled_task(&it),
        no_ami_backup(&it),
        image_available(it.target, it.image),
        image_architecture(it.image),
    ]
    .into_iter()
    .map(|(name, verdict, evidence)| Finding::new(name, group, verdict, evidence))
    .collect();
    found.extend(drift_knowable(&it));
    found.extend(active(&it));
    found.extend(volumes_known(it.survey));
    found.extend(no_foreign_suspension(it.survey, it.past));
    found
}

pub(super) type Found = (&'static str, Verdict, String);

fn listed_whole(it: &Preflight<'_>) -> Found {
    match it.survey.left_out.as_slice() {
        [] => ("listed_whole", Verdict::Pass, "everything the vendor listed was read".to_owned()),
        missing => ("listed_whole", Verdict::Unknown, missing.join("; ")),
    }
}

/// With `onLaunch` the volumes are new copies of snapshots that are up to minutes old (vendor help: data volume
/// persistence), so writes that were acknowledged since would be lost.
fn data_reattached(it: &Preflight<'_>) -> Found {
    let persistence = &it.survey.group.persistence;
    let (verdict, evidence) = match &persistence.block_devices_mode {
        _ if !persistence.block_devices => {
            (Verdict::Fail, "data volumes are not persisted".to_owned())
        }
        Some(BlockDevicesMode::Reattach) => {
            (Verdict::Pass, "blockDevicesMode is reattach".to_owned())
        }
        Some(mode @ BlockDevicesMode::OnLaunch) => (
            Verdict::Fail,
            format!("blockDevicesMode is {mode}: volumes come back as copies of snapshots"),
        ),
        Some(mode) => (Verdict::Unknown, format!("blockDevicesMode {mode} is not known")),
        None => (Verdict::Unknown, "blockDevicesMode is not told".to_owned()),
    };
    ("data_reattached", verdict, evidence)
}

pub(super) fn zone_pinned(group: &Group) -> Found {
    let pin = ZonePin::from(group);
    let verdict = match pin {
        ZonePin::Several(_) => Verdict::Fail,
        ZonePin::Untold => Verdict::Unknown,
        ZonePin::Address | ZonePin::Zone(_) | ZonePin::Subnet(_) => Verdict::Pass,
    };
    ("zone_pinned", verdict, pin.to_string())
}

fn private_ip_persisted(it: &Preflight<'_>) -> Found {
    let (verdict, evidence) = if it.survey.group.persistence.private_ip {
        (Verdict::Pass, "addresses stay the same")
    } else {
        (Verdict::Fail, "each recycled instance gets a new address")
    };
    ("private_ip_persisted", verdict, evidence.to_owned())
}

fn root_replaceable(it: &Preflight<'_>) -> Found {
    let is_persisted = it.survey.group.persistence.root_device;
    if is_persisted && matches!(it.target.wanted, Wanted::LaunchedAfter { .. }) {
        let evidence = "root volumes are persisted and stay so: no image is to be brought";
        return ("root_replaceable", Verdict::Pass, evidence.to_owned());
    }
    let (verdict, evidence) = match (is_persisted, it.acknowledge_root_data_loss) {
        (false, _) => (Verdict::Pass, "root volumes are not persisted"),
        (true, true) => {
            (Verdict::Pass, "root volumes are persisted, and their loss is acknowledged")
        }
        (true, false) => (
            Verdict::Fail,
            "root volumes are persisted: a new image reaches an instance only if its root volume is given up; set \
             acknowledge_root_data_loss if that may be",
        ),
    };
    ("root_replaceable", verdict, evidence.to_owned())
}

pub(super) fn auto_healing_on(group: &Group) -> Found {
    let (verdict, evidence) = match group.auto_healing {
        Some(true) => (Verdict::Pass, "autoHealing is on"),
        None => (Verdict::Pass, "autoHealing is not set, so it is on"),
        Some(false) => {
            (Verdict::Fail, "autoHealing is off, and then no recycle starts in a stateful group")
        }
    };
    ("auto_healing_on", verdict, evidence.to_owned())
}

fn no_deployment(it: &Preflight<'_>) -> Found {
    let running: Vec<String> = it
        .survey
        .deployments
        .iter()
        .filter(|deployment| !deployment.is_over())
        .map(|it| format!("{} is {}", it.id.as_deref().unwrap_or("one without id"), it.status))
        .collect();
    if running.is_empty() {
        return ("no_deployment", Verdict::Pass, "no deployment runs".to_owned());
    }
    ("no_deployment", Verdict::Fail, running.join(", "))
}

/// The vendor's documents allow two kinds that act on stateful instances; one that is not known may act on them, too.
fn no_scheduled_task(it: &Preflight<'_>) -> Found {
    let until = it.survey.at.checked_add(it.horizon).unwrap_or(Timestamp::MAX);
    let (mut due, mut unclear) = (Vec::new(), Vec::new());
    for task in it.survey.group.tasks.iter().filter(|task| task.kind != TaskKind::BackupAmi) {
        match next_run(task, it.survey.at) {
            NextRun::At(at) if at <= until => due.push(format!("{} at {at}", task.kind)),
            NextRun::At(_) | NextRun::Never => {}
            NextRun::Unknown(why) => unclear.push(format!("{}: {why}", task.kind)),
        }
    }
    let (verdict, evidence) = match (due.as_slice(), unclear.as_slice()) {
        ([], []) => (Verdict::Pass, format!("none is due before {until}")),
        ([], unclear) => (Verdict::Unknown, unclear.join("; ")),
        (due, _) => (Verdict::Fail, format!("due: {}", due.join(", "))),
    };
    ("no_scheduled_task", verdict, evidence)
}

/// It rewrites the group's image (vendor help: AMI auto backup).
fn no_ami_backup(it: &Preflight<'_>) -> Found {
    let is_on =
        |task: &&ScheduledTask| task.kind == TaskKind::BackupAmi && task.is_enabled != Some(false);
    match it.survey.group.tasks.iter().find(is_on) {
        None => ("no_ami_backup", Verdict::Pass, "no AMI backup is scheduled".to_owned()),
        Some(_) => (
            "no_ami_backup",
            Verdict::Fail,
            "an AMI backup is scheduled, and it sets the group's image".to_owned(),
        ),
    }
}

fn image_available(target: &Target, sight: &ImageSight) -> Found {
    let name = target.image_id.as_ref().map_or("none", |image| image.as_str());
    let (verdict, evidence) = match sight {
        ImageSight::Unknown(why) => (Verdict::Unknown, format!("image {name}: {why}")),
        ImageSight::Absent => {
            (Verdict::Fail, format!("image {name} is not there, or not for this account"))
        }
        ImageSight::Seen { image, .. } => match image.state.as_deref() {
            Some("available") => (Verdict::Pass, format!("image {name} is available")),
            Some(state) => (Verdict::Fail, format!("image {name} is {state}")),
            None => (Verdict::Unknown, format!("the state of image {name} is not told")),
        },
    };
    ("image_available", verdict, evidence)
}

/// An instance's type runs one architecture, and the images that run at present tell which.
fn image_architecture(sight: &ImageSight) -> Found {
    let (verdict, evidence) = match sight {
        ImageSight::Unknown(why) => (Verdict::Unknown, why.clone()),
        ImageSight::Absent => (Verdict::Unknown, "the image is not there".to_owned()),
        ImageSight::Seen { image, present } => {
            let known = |arch: &Option<String>| arch.clone();
            let wanted = known(&image.architecture);
            let present: Vec<String> =
                present.iter().filter_map(|it| known(&it.architecture)).collect();
            match wanted {
                None => (Verdict::Unknown, "its architecture is not told".to_owned()),
                Some(_) if present.is_empty() => (
                    Verdict::Unknown,
                    "no image that runs at present is known to AWS any more".to_owned(),
                ),
                Some(wanted) if present.iter().all(|it| *it == wanted) => {
                    (Verdict::Pass, format!("{wanted}, as at present"))
                }
                Some(wanted) => {
                    (Verdict::Fail, format!("{wanted}, but at present runs {}", present.join(", ")))
                }
            }
        }
    };
    ("image_architecture", verdict, evidence)
}

/// A loss of root volumes that is acknowledged makes it not matter, but for one that may be as wanted: nobody asked to lose that
/// for nothing, so it has to be said that it counts as being so. What is not asked for need not be known.
fn drift_knowable(it: &Preflight<'_>) -> Vec<Finding> {
    let persistence = &it.survey.group.persistence;
    let is_asked = |node: &&Node| it.only.is_none_or(|only| only.contains(&node.id));
    let judged = it.survey.nodes.iter().filter(is_asked).filter_map(|node| {
        match it.past.matches(it.target, node, persistence) {
            Match::Unknowable(_) if it.acknowledge_root_data_loss && persistence.root_device => {
                None
            }
            Match::Unknowable(why) | Match::OnPaper(why) if node.is_active() => {
                Some(Finding::new("drift_knowable", node.id.as_str(), Verdict::Unknown, why))
            }
            Match::Unknowable(_) | Match::OnPaper(_) | Match::There(_) | Match::Differs(_) => None,
        }
    });
    let found: Vec<Finding> = judged.collect();
    if found.is_empty() {
        let evidence = "of each instance it can be told whether it is as wanted";
        return vec![Finding::new(
            "drift_knowable",
            it.survey.group.id.as_str(),
            Verdict::Pass,
            evidence,
        )];
    }
    found
}

/// One that is down already is one that the cluster must do without besides the one being rolled.
fn active(it: &Preflight<'_>) -> Vec<Finding> {
    let judged = it.survey.nodes.iter().map(|node| {
        let (verdict, evidence) = match (&node.seen.instance_id, node.is_active()) {
            (Some(id), true) => (Verdict::Pass, format!("{} as {id}", node.seen.state)),
            (None, _) if node.seen.state == crate::domain::StatefulState::Active => {
                (Verdict::Unknown, "ACTIVE without an instance id".to_owned())
            }
            (_, _) => (Verdict::Fail, format!("it is {}", node.seen.state)),
        };
        Finding::new("active", node.id.as_str(), verdict, evidence)
    });
    let mut found: Vec<Finding> = judged.collect();
    let listed = |id: &StatefulInstanceId| it.survey.nodes.iter().any(|node| node.id == *id);
    for id in it.nodes.iter().filter(|id| !listed(id)) {
        found.push(Finding::new(
            "active",
            id.as_str(),
            Verdict::Fail,
            "the group has no such instance",
        ));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ImageId, MachineImage};

    fn image(architecture: Option<&str>, state: Option<&str>) -> MachineImage {
        MachineImage {
            id: ImageId::new("ami-2"),
            name: None,
            architecture: architecture.map(str::to_owned),
            state: state.map(str::to_owned),
            created_at: None,
            root: None,
        }
    }

    #[test]
    fn an_image_must_be_known_to_be_there_and_to_fit_what_runs() {
        let id = ImageId::new("ami-2");
        let target = Target { wanted: Wanted::Image { id: id.clone() }, image_id: Some(id) };
        let (arm, intel) = (Some("arm64"), Some("x86_64"));
        let ready = |architecture: Option<&str>| image(architecture, Some("available"));
        let seen = |image: MachineImage, present: &[Option<&str>]| ImageSight::Seen {
            image,
            present: present.iter().map(|architecture| ready(*architecture)).collect(),
        };
        let (pass, fail, unknown) = (Verdict::Pass, Verdict::Fail, Verdict::Unknown);
        for (sight, expected) in [
            (ImageSight::Unknown("no credentials".to_owned()), (unknown, unknown)),
            (ImageSight::Absent, (fail, unknown)),
            (seen(ready(intel), &[intel, intel]), (pass, pass)),
            (seen(ready(arm), &[intel]), (pass, fail)),
            (seen(ready(intel), &[intel, arm]), (pass, fail)),
            (seen(ready(intel), &[]), (pass, unknown)),
            (seen(ready(intel), &[None]), (pass, unknown)),
            (seen(ready(None), &[intel]), (pass, unknown)),
            (seen(image(intel, Some("pending")), &[intel]), (fail, pass)),
            (seen(image(intel, Some("deregistered")), &[intel]), (fail, pass)),
            (seen(image(intel, None), &[intel]), (unknown, pass)),
        ] {
            let found = (image_available(&target, &sight).1, image_architecture(&sight).1);
            assert_eq!(found, expected, "{sight:?}");
        }
    }
}
