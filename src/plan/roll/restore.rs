//! What has to be done to leave the settings as they were found.

use std::fmt;

use jiff::{SignedDuration, Timestamp};

use super::event::{Outcome, Setting, SuspendedBefore};
use super::run::Run;
use super::survey::Survey;
use super::suspended::{end, is_asked};
use crate::domain::{GroupChange, Process, Suspension};

/// A setting that was asked for longer ago and is not there will not appear any more; and no look is so old.
const SETTLED: SignedDuration = SignedDuration::from_mins(10);

/// One setting, and what is to be done about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Restoration {
    /// Which.
    pub setting: Setting,
    /// What to do.
    pub act: RestoreAct,
}

/// What is to be done about a setting.
#[derive(Clone, Debug, PartialEq)]
pub enum RestoreAct {
    /// It is as it was.
    Nothing,
    /// Someone else has changed it since: it is left, and told.
    Leave(String),
    /// The group is changed back.
    Update(GroupChange),
    /// Processes are let go, and some suspended again for as long as they still would be.
    Suspensions {
        /// Those to let go.
        release: Vec<Process>,
        /// Those to suspend again, with minutes.
        again: Vec<(Process, u32)>,
        /// Those that someone else has suspended for longer since.
        left: Vec<String>,
    },
}

impl fmt::Display for RestoreAct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("it is as it was"),
            Self::Leave(reason) => write!(f, "leave it: {reason}"),
            Self::Update(change) => write!(f, "set {change}"),
            Self::Suspensions { release, again, left } => {
                let mut parts = Vec::new();
                let names: Vec<&str> = release.iter().map(Process::as_str).collect();
                if !names.is_empty() {
                    parts.push(format!("let go on: {}", names.join(", ")));
                }
                parts.extend(
                    again
                        .iter()
                        .map(|(it, minutes)| format!("suspend {it} for {minutes} min, as before")),
                );
                parts.extend(left.iter().map(|reason| format!("leave it: {reason}")));
                f.write_str(&parts.join("; "))
            }
        }
    }
}

/// Compares what is owed at this outcome with what is there. What someone else has set since is not overwritten.
pub fn restorations(run: &Run, outcome: Outcome, survey: &Survey) -> Vec<Restoration> {
    let act = |setting| match setting {
        Setting::RootPersistence => root(run, survey),
        Setting::Image => image(run, survey),
        Setting::Suspensions => suspensions(run, &survey.suspensions, survey.at),
    };
    run.owed(outcome)
        .into_iter()
        .map(|setting| Restoration { setting, act: act(setting) })
        .collect()
}

/// Whether a group that looks as before is so. What was asked for and never seen may yet come about, and a look soon after it was
/// seen may be an old one: then it is put back all the same.
fn is_past(run: &Run) -> bool {
    run.is_switched && run.switched_at.is_none_or(|at| run.last_sign.duration_since(at) >= SETTLED)
}

fn root(run: &Run, survey: &Survey) -> RestoreAct {
    let before = &run.plan.persistence;
    if survey.group.persistence.root_device == before.root_device && is_past(run) {
        return RestoreAct::Nothing;
    }
    // The switches that someone else may have changed meanwhile go back as they are now.
    let mut persistence = survey.group.persistence.clone();
    persistence.root_device = before.root_device;
    RestoreAct::Update(GroupChange { persistence: Some(persistence), ..GroupChange::default() })
}

fn image(run: &Run, survey: &Survey) -> RestoreAct {
    let Some(switch) = &run.plan.switch else { return RestoreAct::Nothing };
    let (found, ours, before) = (&survey.group.image_id, &switch.image_to, &switch.image_from);
    if found == before && is_past(run) {
        return RestoreAct::Nothing;
    }
    let name = |id: &Option<crate::domain::ImageId>| {
        id.as_ref().map_or("none", |id| id.as_str()).to_owned()
    };
    match before {
        Some(previous) if found == ours || found == before => RestoreAct::Update(GroupChange {
            image_id: Some(previous.clone()),
            ..GroupChange::default()
        }),
        None if found == ours => RestoreAct::Leave("the group named no image before".to_owned()),
        Some(_) | None => RestoreAct::Leave(format!(
            "the group's image is {}, which this run did not set (it set {})",
            name(found),
            name(ours)
        )),
    }
}

pub(super) fn suspensions(run: &Run, present: &[Suspension], at: Timestamp) -> RestoreAct {
    let (mut release, mut again, mut left) = (Vec::new(), Vec::new(), Vec::new());
    for (name, ours) in &run.suspended {
        let process = Process::parse(name);
        let found = present.iter().find(|it| it.process == process);
        let Some(found) = found else {
            // It may yet appear, if it was asked for a moment ago.
            let is_recent =
                run.suspended_at.is_some_and(|at| run.last_sign.duration_since(at) < SETTLED);
            if is_recent {
                release.push(process);
            }
            continue;
        };
        // An older server tells no ends: there what this run asked for is this run's. It asks for none without an end.
        if !found.is_end_untold() && !is_asked(end(found), ours) {
            let until = found.expires_at.as_ref().map_or("for good", |at| at.as_str());
            left.push(format!("{name} is suspended by someone else ({until})"));
            continue;
        }
        // Until when it was to last before nobody knows, so it is not ended before its time; the run's own end comes in any case.
        let is_it = |it: &SuspendedBefore| it.process == *name && it.expires_at.is_none();
        if found.is_end_untold() && run.plan.suspended_before.iter().any(is_it) {
            left.push(format!("{name} was suspended before, until when was not told"));
            continue;
        }
        match still_to_last(run, name, at) {
            Some(minutes) => again.push((process, minutes)),
            None => release.push(process),
        }
    }
    if release.is_empty() && again.is_empty() {
        return match left.is_empty() {
            true => RestoreAct::Nothing,
            false => RestoreAct::Leave(left.join("; ")),
        };
    }
    RestoreAct::Suspensions { release, again, left }
}

/// How long a suspension that was there before would still last, in minutes.
fn still_to_last(run: &Run, name: &str, now: Timestamp) -> Option<u32> {
    let before = run.plan.suspended_before.iter().find(|it| it.process == name)?;
    let end = crate::domain::VendorTime::new(before.expires_at.as_deref()?).instant()?;
    let seconds = end.duration_since(now).as_secs();
    (seconds > 0).then(|| u32::try_from(seconds.div_euclid(60) + 1).unwrap_or(u32::MAX))
}
