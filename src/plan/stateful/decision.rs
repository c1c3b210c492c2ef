//! Whether an action may begin.

use std::fmt;

use super::checks::{Check, Demand, checks, knowing_nothing, reattaches, untold};
use super::refusal::Refusal;
use super::snapshot::{Promises, Snapshot};
use super::stage::{Course, Stage, stage};
use crate::domain::{BlockDevicesMode, Deallocation, ImageId, InstanceId, StatefulAction};
use crate::plan::Verdict;

/// What the caller expects and allows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expectations {
    /// The EC2 instance it is believed to run as.
    pub instance_id: Option<InstanceId>,
    /// The image a recycled instance must have.
    pub image_id: Option<ImageId>,
    /// The data volumes must be the same.
    pub same_volumes: Demand,
    /// The zone must be the same.
    pub same_zone: Demand,
    /// The private address must be the same.
    pub same_private_ip: Demand,
    /// Data may be deleted for good.
    pub confirm_data_loss: bool,
}

/// What was read before.
#[derive(Clone, Copy, Debug)]
pub struct Situation<'a> {
    /// The instance, if it is listed.
    pub observed: Option<&'a Snapshot>,
    /// What its configuration promises.
    pub promises: &'a Promises,
    /// Whether the vendor tells whose volumes are whose.
    pub lists_volumes: bool,
    /// Another instance that has the volume to be deleted.
    pub volume_holder: Option<&'a str>,
    /// What is known of the expected machine where another one runs by now; none if nobody has written it down.
    pub known_before: Option<&'a Snapshot>,
    /// Whether a journal knows what the machine had, and what has to be the same is judged by that.
    pub by_journal: bool,
}

/// What is to be done now.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Ask for it.
    Act {
        /// What the outcome is judged against.
        before: Box<Snapshot>,
    },
    /// It is underway already: wait for it, ask for nothing.
    Join {
        /// What the outcome is judged against.
        before: Box<Snapshot>,
    },
    /// It is so already.
    Nothing(Settled),
}

/// Why there is nothing to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Settled {
    /// It is paused.
    Paused,
    /// It runs.
    Active,
    /// It is not there.
    Absent,
    /// It has been replaced since the caller looked, and what was asked of the replacement is proved.
    Replaced {
        /// The instance the caller knows.
        expected: InstanceId,
        /// The one that runs.
        found: InstanceId,
        /// What was looked at.
        checks: Vec<Check>,
    },
    /// It has no such volume.
    NoVolume {
        /// Those it has.
        has: Vec<String>,
    },
}

impl fmt::Display for Settled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Paused => f.write_str("it is paused already"),
            Self::Active => f.write_str("it is active already"),
            Self::Absent => f.write_str("it is not there"),
            Self::Replaced { expected, found, .. } => {
                write!(f, "instance {expected} has been replaced by {found} already")
            }
            Self::NoVolume { has } if has.is_empty() => f.write_str("it has no volumes"),
            Self::NoVolume { has } => {
                write!(f, "it has no such volume, only {}", has.join(", "))
            }
        }
    }
}

/// Decides from one look. The rules are those of the vendor's console and documented clients: recycle and pause what is
/// active, resume what is paused, deallocate what is active, paused or failed, delete a volume of what is paused.
///
/// A recycle that names the instance it expects joins one that is underway. Without it the two could not be told
/// apart, so it is refused.
///
/// # Errors
///
/// The first reason found not to begin.
pub fn may_act(
    action: &StatefulAction,
    situation: &Situation<'_>,
    expectations: &Expectations,
) -> Result<Step, Refusal> {
    match action {
        StatefulAction::Recycle => may_recycle(situation, expectations),
        StatefulAction::Pause => may_pause(situation, expectations),
        StatefulAction::Resume => may_resume(situation, expectations),
        StatefulAction::Deallocate(what) => may_deallocate(*what, situation, expectations),
        StatefulAction::DeleteVolume(volume) => may_delete_volume(volume, situation, expectations),
    }
}

fn may_recycle(situation: &Situation<'_>, expectations: &Expectations) -> Result<Step, Refusal> {
    let observed = situation.observed.ok_or(Refusal::Absent)?;
    match stage(&observed.state) {
        Stage::Active => {
            let found = observed.instance_id.as_ref().ok_or(Refusal::NoInstance)?;
            match &expectations.instance_id {
                Some(expected) if expected != found => {
                    replaced(expected, found, observed, situation, expectations)
                }
                Some(_) | None => {
                    is_provable(observed, situation.promises, expectations)?;
                    keeps_data(observed, situation.promises, expectations)?;
                    is_told(observed, situation, expectations)?;
                    Ok(act(observed))
                }
            }
        }
        Stage::Underway(Course::Recycling | Course::Resuming | Course::Pausing) => {
            match &expectations.instance_id {
                Some(expected) => {
                    let before = known(expected, observed, situation.known_before);
                    Ok(Step::Join { before: Box::new(before) })
                }
                None => Err(Refusal::Busy { state: observed.state.clone(), may_join: true }),
            }
        }
        Stage::Underway(Course::Deallocating) => Err(busy(observed)),
        Stage::Gone => Err(Refusal::Absent),
        Stage::Paused | Stage::Failed | Stage::Unknown => Err(wrong(observed, "ACTIVE")),
    }
}

/// An instance that is not the expected one is the result that was wanted, if everything asked for is proved of it. It is compared
/// with what was written down of the expected one, by the same rules as right after a recycle. Where nothing was, what binds and is
/// unknown is not proved: the data may be lost.
fn replaced(
    expected: &InstanceId,
    found: &InstanceId,
    observed: &Snapshot,
    situation: &Situation<'_>,
    expectations: &Expectations,
) -> Result<Step, Refusal> {
    let known = situation.known_before;
    let mut checks = checks(known, observed, situation.promises, expectations);
    if known.is_none() {
        knowing_nothing(&mut checks);
    }
    let unmet = super::checks::unmet(&checks);
    let is_wrong = unmet.iter().any(|check| check.verdict == Verdict::Fail);
    let unmet: Vec<String> =
        unmet.iter().map(|check| format!("{} ({})", check.name, check.evidence)).collect();
    let (expected, found) = (expected.clone(), found.clone());
    if unmet.is_empty() {
        return Ok(Step::Nothing(Settled::Replaced { expected, found, checks }));
    }
    if is_wrong {
        return Err(Refusal::OtherInstance { expected, found: Some(found), unmet });
    }
    Err(Refusal::ReplacedUnproved { expected, found, unknown: unmet })
}

/// What is known of the expected instance once its replacement may have begun. What is seen of it then may be the half of it.
fn known(expected: &InstanceId, observed: &Snapshot, known: Option<&Snapshot>) -> Snapshot {
    if observed.instance_id.as_ref() == Some(expected) {
        return known.map_or_else(|| observed.clone(), |known| observed.filled_from(known));
    }
    known.cloned().unwrap_or_else(|| Snapshot::replaced(expected.clone(), observed))
}

/// Terminating an instance to find out that the result cannot be what was asked for would be one step too far.
fn is_provable(
    before: &Snapshot,
    promises: &Promises,
    expectations: &Expectations,
) -> Result<(), Refusal> {
    if let Some(wanted) = &expectations.image_id {
        if promises.persistence.root_device {
            return Err(Refusal::ImageUnprovable { wanted: wanted.clone() });
        }
        if let Some(configured) = promises.image_id.as_ref().filter(|it| *it != wanted) {
            let (wanted, configured) = (wanted.clone(), configured.clone());
            return Err(Refusal::OtherImage { wanted, configured });
        }
    }
    let hopeless = |name, because| Err(Refusal::CheckHopeless { name, because });
    if expectations.same_volumes == Demand::Required {
        if !reattaches(&promises.persistence) {
            return hopeless("same_volumes", "the persistence does not reattach data volumes");
        }
        if before.data_volumes().is_empty() {
            return hopeless("same_volumes", "the vendor lists no data volumes of it");
        }
    }
    if expectations.same_zone == Demand::Required && before.availability_zone.is_none() {
        return hopeless("same_zone", "the vendor does not tell its present zone");
    }
    if expectations.same_private_ip == Demand::Required {
        if !promises.persistence.private_ip {
            return hopeless("same_private_ip", "the private address is not persisted");
        }
        if before.private_ip.is_none() {
            return hopeless("same_private_ip", "the vendor does not tell its present address");
        }
    }
    Ok(())
}

/// What has to be the same and is not told now could not be proved afterwards. Of a managed instance the vendor tells neither zone nor
/// volumes, ever.
fn is_told(
    observed: &Snapshot,
    situation: &Situation<'_>,
    expectations: &Expectations,
) -> Result<(), Refusal> {
    if !situation.lists_volumes || situation.by_journal {
        return Ok(());
    }
    match untold(observed, situation.promises, expectations) {
        unknown if unknown.is_empty() => Ok(()),
        unknown => Err(Refusal::Untold { unknown }),
    }
}

fn may_pause(situation: &Situation<'_>, expectations: &Expectations) -> Result<Step, Refusal> {
    let observed = situation.observed.ok_or(Refusal::Absent)?;
    match stage(&observed.state) {
        Stage::Active => {
            is_expected(observed, expectations)?;
            keeps_data(observed, situation.promises, expectations)?;
            Ok(act(observed))
        }
        Stage::Paused => Ok(Step::Nothing(Settled::Paused)),
        Stage::Underway(Course::Pausing) => {
            is_expected(observed, expectations)?;
            Ok(join(observed))
        }
        Stage::Underway(Course::Resuming | Course::Recycling | Course::Deallocating) => {
            Err(busy(observed))
        }
        Stage::Gone => Err(Refusal::Absent),
        Stage::Failed | Stage::Unknown => Err(wrong(observed, "ACTIVE")),
    }
}

fn may_resume(situation: &Situation<'_>, expectations: &Expectations) -> Result<Step, Refusal> {
    let observed = situation.observed.ok_or(Refusal::Absent)?;
    match stage(&observed.state) {
        Stage::Paused => Ok(act(observed)),
        Stage::Active => {
            is_expected(observed, expectations)?;
            Ok(Step::Nothing(Settled::Active))
        }
        Stage::Underway(Course::Resuming) => Ok(join(observed)),
        Stage::Underway(Course::Pausing | Course::Recycling | Course::Deallocating) => {
            Err(busy(observed))
        }
        Stage::Gone => Err(Refusal::Absent),
        Stage::Failed | Stage::Unknown => Err(wrong(observed, "PAUSED")),
    }
}

fn may_deallocate(
    what: Deallocation,
    situation: &Situation<'_>,
    expectations: &Expectations,
) -> Result<Step, Refusal> {
    let Some(observed) = situation.observed else { return Ok(Step::Nothing(Settled::Absent)) };
    match stage(&observed.state) {
        Stage::Active | Stage::Paused | Stage::Failed => {
            is_expected(observed, expectations)?;
            // With `onLaunch` the snapshots are the data, so they count like volumes; and so do the images made of a root.
            let loses = what.delete_volumes || what.delete_snapshots || what.delete_images;
            if loses && !expectations.confirm_data_loss {
                let volumes = observed.data_volumes().into_iter().map(str::to_owned).collect();
                return Err(Refusal::DataLossUnconfirmed { volumes });
            }
            Ok(act(observed))
        }
        Stage::Underway(Course::Deallocating) => Ok(join(observed)),
        Stage::Underway(Course::Pausing | Course::Resuming | Course::Recycling) => {
            Err(busy(observed))
        }
        Stage::Gone => Ok(Step::Nothing(Settled::Absent)),
        Stage::Unknown => Err(wrong(observed, "ACTIVE, PAUSED or ERROR")),
    }
}

fn may_delete_volume(
    volume: &str,
    situation: &Situation<'_>,
    expectations: &Expectations,
) -> Result<Step, Refusal> {
    let observed = situation.observed.ok_or(Refusal::Absent)?;
    if let Some(holder) = situation.volume_holder {
        let (volume, holder) = (volume.to_owned(), holder.to_owned());
        return Err(Refusal::VolumeOfAnother { volume, holder });
    }
    let is_told = situation.lists_volumes || !observed.devices.is_empty();
    if is_told && !observed.has_volume(volume) {
        let has = observed.devices.iter().filter_map(|device| device.volume_id.clone()).collect();
        return Ok(Step::Nothing(Settled::NoVolume { has }));
    }
    match stage(&observed.state) {
        Stage::Paused if !is_told && !expectations.confirm_data_loss => {
            Err(Refusal::VolumeUnproved { volume: volume.to_owned() })
        }
        Stage::Paused => Ok(act(observed)),
        Stage::Underway(_) => Err(busy(observed)),
        Stage::Gone => Err(Refusal::Absent),
        Stage::Active | Stage::Failed | Stage::Unknown => Err(wrong(observed, "PAUSED")),
    }
}

/// Without volumes that come back, what is on them ends with the machine, or goes back to the last snapshot. Somebody has to have
/// said that this is meant; and so in another zone, where a volume is made from a snapshot. The vendor may list no volumes that it does not keep, so none listed is no proof that there are none.
fn keeps_data(
    observed: &Snapshot,
    promises: &Promises,
    expectations: &Expectations,
) -> Result<(), Refusal> {
    if expectations.confirm_data_loss {
        return Ok(());
    }
    if reattaches(&promises.persistence) {
        let loose = promises.pin.as_ref().filter(|pin| !pin.holds());
        return loose.map_or(Ok(()), |pin| Err(Refusal::ZoneNotPinned { pin: pin.clone() }));
    }
    let volumes = observed.data_volumes().into_iter().map(str::to_owned).collect();
    let mode = match &promises.persistence.block_devices_mode {
        _ if !promises.persistence.block_devices => None,
        mode => Some(mode.as_ref().map_or("of no named mode", BlockDevicesMode::as_str).to_owned()),
    };
    Err(Refusal::DataNotReattached { volumes, mode })
}

/// Compare and act: an instance that is shown must be the expected one.
fn is_expected(observed: &Snapshot, expectations: &Expectations) -> Result<(), Refusal> {
    match (&expectations.instance_id, &observed.instance_id) {
        (Some(expected), Some(found)) if expected != found => {
            let (expected, found) = (expected.clone(), Some(found.clone()));
            Err(Refusal::OtherInstance { expected, found, unmet: Vec::new() })
        }
        (Some(expected), None) if stage(&observed.state) == Stage::Active => {
            let (expected, found) = (expected.clone(), None);
            Err(Refusal::OtherInstance { expected, found, unmet: Vec::new() })
        }
        (Some(_), Some(_) | None) | (None, _) => Ok(()),
    }
}

fn act(observed: &Snapshot) -> Step {
    Step::Act { before: Box::new(observed.clone()) }
}

fn join(observed: &Snapshot) -> Step {
    Step::Join { before: Box::new(observed.clone()) }
}

fn busy(observed: &Snapshot) -> Refusal {
    Refusal::Busy { state: observed.state.clone(), may_join: false }
}

fn wrong(observed: &Snapshot, needed: &'static str) -> Refusal {
    Refusal::WrongState { state: observed.state.clone(), needed }
}
