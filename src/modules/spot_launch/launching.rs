//! More machines, or as many as are wanted.

use serde_json::json;

use super::answer::{self, Returns};
use super::{ending, there};
use crate::ansible::{Failure, Outcome, Planned};
use crate::domain::{Clock, Ec2Instance, InstanceId};
use crate::drive::Progress;
use crate::drive::launch::{Account, Bare, Launcher, Report};
use crate::modules::fleet::{Desk, Ready, Terms, counts};
use crate::plan::launch::is_at_rest;

/// So many more.
pub(super) fn more<'c>(
    desk: Desk<'c>,
    count: u32,
    terms: Terms,
) -> Result<Planned<'c, Returns>, Failure> {
    let machines = desk.machines()?;
    desk.of_cluster(&machines)?;
    let progress = Progress::new(&desk.clock, desk.context.progress);
    let launcher = Launcher { cloud: desk.cloud.as_ref(), clock: &desk.clock, progress: &progress };
    let unfinished = launcher.unfinished(&desk.fleet)?;
    let done = match &unfinished {
        Some(account) if account.wanted == count => account.done_with(&machines),
        Some(_) | None => 0,
    };
    let present = u32::try_from(machines.len()).unwrap_or(u32::MAX);
    let left = count.saturating_sub(done);
    desk.within(present.saturating_add(left))?;
    let mut ready = desk.ready(count, terms)?;
    ready.warnings.extend(desk.untagged(&machines)?);
    let resumed = unfinished.filter(|it| it.wanted == count);
    ready.warnings.extend(resumed.and_then(|it| launched_otherwise(&it, &ready.job.digest)));
    let message = if done > 0 {
        format!("would go on with an unfinished launch: {left} of {count} are missing")
    } else {
        format!("would launch {count}")
    };
    let goal = Goal { left, total: present.saturating_add(left), is_exact: false };
    begin(desk, ready, &machines, goal, &message)
}

/// That machines count which an unfinished launch has launched from something else: its `count` is what says that it is the same.
fn launched_otherwise(unfinished: &Account, digest: &str) -> Option<String> {
    let asked = unfinished.pending.len() + usize::try_from(unfinished.done).unwrap_or(usize::MAX);
    (asked > 0 && unfinished.blueprint != digest).then(|| {
        format!(
            "an unfinished launch of {} is gone on with, and what it has asked for so far ({asked}) was launched from another template, image or other options \
             than these: it counts as it is; replace these machines (replace) if they are to be like the rest",
            unfinished.wanted
        )
    })
}

/// Exactly so many.
pub(super) fn exactly<'c>(
    desk: Desk<'c>,
    exact: u32,
    terms: Terms,
) -> Result<Planned<'c, Returns>, Failure> {
    let machines = desk.machines()?;
    desk.of_cluster(&machines)?;
    let present = u32::try_from(machines.len()).unwrap_or(u32::MAX);
    let progress = Progress::new(&desk.clock, desk.context.progress);
    let launcher = Launcher { cloud: desk.cloud.as_ref(), clock: &desk.clock, progress: &progress };
    let unfinished = launcher.unfinished(&desk.fleet)?;
    desk.within(exact)?;
    let stopped = stopped(&machines);
    if exact < present {
        return Ok(ending::too_many(desk, exact, machines)?.with_warnings(stopped));
    }
    // What an unfinished launch was about to terminate is listed, and will be missing.
    if exact == present && !unfinished.as_ref().is_some_and(|it| it.is_ending) {
        let planned = there::planned(desk, machines, unfinished.is_some(), terms);
        return Ok(planned.with_warnings(stopped));
    }
    // A count that others are missing to would launch them once more.
    if exact > present
        && let Some(untagged) = desk.untagged(&machines)?
    {
        return Err(Failure::new(format!("{untagged}; nothing was launched")));
    }
    let mut ready = desk.ready(exact - present, Terms { resume: false, ..terms })?;
    let message = match exact - present {
        0 => format!("there are {exact}; would find out what an unfinished launch has launched"),
        more => format!("would launch {more} to have {exact}"),
    };
    ready.warnings.extend(stopped);
    let goal = Goal { left: exact - present, total: exact, is_exact: true };
    begin(desk, ready, &machines, goal, &message)
}

/// Machines that do not run, and are counted all the same: whoever stopped them may start them again, and then one that was launched
/// for them would be one too many.
fn stopped(machines: &[Ec2Instance]) -> Vec<String> {
    let at_rest = machines.iter().filter(|it| is_at_rest(it));
    let told = at_rest.map(|it| {
        let state = it.state.as_deref().unwrap_or_default();
        let why = it.state_reason.as_ref().map(|it| format!(" ({it})")).unwrap_or_default();
        format!("{} is {state}{why}", it.id)
    });
    let told: Vec<String> = told.collect();
    match told[..] {
        [] => Vec::new(),
        _ => vec![format!(
            "{}, and counts all the same: start what is to work, or terminate it and run this again to launch another",
            told.join(", ")
        )],
    }
}

/// How many are to be launched, as far as is known now, and how many there are then.
#[derive(Clone, Copy)]
struct Goal {
    left: u32,
    total: u32,
    is_exact: bool,
}

fn begin<'c>(
    desk: Desk<'c>,
    ready: Ready,
    machines: &[Ec2Instance],
    goal: Goal,
    message: &str,
) -> Result<Planned<'c, Returns>, Failure> {
    let before = counts(machines);
    {
        let progress = Progress::new(&desk.clock, desk.context.progress);
        let cloud = desk.cloud.as_ref();
        let launcher = Launcher { cloud, clock: &desk.clock, progress: &progress };
        if goal.left > 0
            && let Some(stop) = launcher.rehearse(&ready.job, &ready.ladder, &before)?
        {
            return Err(Failure::new(format!("{stop}; nothing was launched")));
        }
    }
    let warnings = ready.warnings.clone();
    let (wait, late) = (ready.job.wait.filter(|_| goal.is_exact), there::starting(machines));
    let expected = Returns::of(machines);
    let present = machines.len();
    let act = move || {
        let mut report = carried(&desk, ready, goal.is_exact.then_some(goal.total))?;
        if let Some(limit) = wait.filter(|_| report.unfulfilled == 0) {
            there::await_counted(&desk, limit, late, &mut report);
        }
        let answer = reported(&desk, &report);
        let progress = Progress::new(&desk.clock, desk.context.progress);
        let cloud = desk.cloud.as_ref();
        let launcher = Launcher { cloud, clock: &desk.clock, progress: &progress };
        // What does not run yet is waited for by the same task again, which is to launch no more.
        let concluded = match report.unfulfilled == 0 && report.not_running.is_empty() {
            true => launcher.conclude(&desk.fleet, &report.run),
            false => Ok(()),
        };
        // What was launched is told all the same.
        match (concluded, answer) {
            (Ok(()), answer) => answer,
            (Err(error), Ok(mut outcome)) => {
                outcome.warnings.push(format!(
                    "{error}: all was launched, and the same task again finds that out and launches no more"
                ));
                Ok(outcome)
            }
            (Err(error), Err(failure)) => Err(failure.adding(&format!("; besides, {error}"))),
        }
    };
    Ok(Planned::change(expected, act)
        .with_message(message)
        .with_diff(json!({"machines": present, "zones": before}), json!({"machines": goal.total}))
        .with_warnings(warnings))
}

/// Launches what is missing once it has been counted again.
fn carried(desk: &Desk<'_>, mut ready: Ready, exact: Option<u32>) -> Result<Report, Failure> {
    let progress = Progress::new(&desk.clock, desk.context.progress);
    let launcher = Launcher { cloud: desk.cloud.as_ref(), clock: &desk.clock, progress: &progress };
    // From here on the fleet has as many machines as this says, and no longer those of a rebalance.
    desk.fleet.end_moving(&desk.clock, "a launch followed")?;
    let open = launcher.unfinished(&desk.fleet)?;
    let resumed = open.filter(|it| exact.is_none() && it.wanted == ready.job.wanted);
    let mut ended = Vec::new();
    let counted = counted(desk, &launcher, &mut ready, exact, resumed, &mut ended);
    // What an unfinished launch was about to terminate is told, whatever comes after.
    let machines = counted.map_err(|failure| match ended.is_empty() {
        true => failure,
        false => {
            let names = ended.iter().map(ToString::to_string).collect::<Vec<_>>();
            ending::but_ended(failure, &ended).with("terminated", names)
        }
    })?;
    if exact.is_some() && ready.job.wanted == 0 {
        return Ok(Report { removed: ended, ..Report::default() });
    }
    let mut counts = counts(&machines);
    let report = launcher.launch(&desk.fleet, &ready.job, &mut ready.ladder, &mut counts);
    ready.memory.add(desk.region.as_str(), ready.ladder.short(), desk.clock.now());
    let told = |mut report: Report| {
        report.removed.extend(ended);
        report
    };
    let (error, report) = match report {
        Ok(report) => return Ok(told(report)),
        Err((error, report)) => (error, told(*report)),
    };
    let changed = !report.launched.is_empty()
        || !report.unknown.is_empty()
        || !report.removed.is_empty()
        || error.may_have_ended();
    let mut returns = Returns::of(&desk.machines_after().0);
    returns.account(&report);
    let failure = Failure::from(error).changed(changed).adding(
        "; what was launched is in the journal and has the fleet's tag: run this again to go on",
    );
    Err(returns.evidence().into_iter().fold(failure, |it, (name, value)| it.with(&name, value)))
}

/// The machines of the fleet, counted once an unfinished launch that is not gone on with has been settled, and how many are wanted
/// then.
fn counted(
    desk: &Desk<'_>,
    launcher: &Launcher<'_>,
    ready: &mut Ready,
    exact: Option<u32>,
    resumed: Option<Account>,
    ended: &mut Vec<InstanceId>,
) -> Result<Vec<Ec2Instance>, Failure> {
    match (&resumed, exact) {
        (Some(_), _) => {}
        // A count warns of what lost its tags, and launches nothing for it.
        (None, None) => {
            launcher.settle(&desk.fleet, &desk.region, desk.settle(), ended, Bare::Leave)?;
        }
        (None, Some(_)) => {
            launcher.settle(&desk.fleet, &desk.region, desk.settle(), ended, Bare::Refuse)?
        }
    }
    let mut machines = desk.machines()?;
    machines.retain(|it| !ended.contains(&it.id));
    let present = u32::try_from(machines.len()).unwrap_or(u32::MAX);
    match exact {
        None => {
            // What an unfinished launch had launched may be listed only now.
            let done = resumed.map_or(0, |it| it.done_with(&machines));
            desk.within(present.saturating_add(ready.job.wanted.saturating_sub(done)))?;
        }
        Some(exact) if present > exact => return Err(too_many(present, exact)),
        Some(exact) => ready.job.wanted = exact - present,
    }
    Ok(machines)
}

pub(super) fn too_many(present: u32, exact: u32) -> Failure {
    Failure::new(format!(
        "an unfinished launch had launched more than was listed: there are {present}, {exact} are wanted; run this again"
    ))
}

pub(super) fn reported(desk: &Desk<'_>, report: &Report) -> Result<Outcome<Returns>, Failure> {
    let (machines, mut warnings) = desk.machines_after();
    warnings.extend(report.ended.iter().map(|(_, end)| end.to_string()));
    warnings.extend(report.warnings.iter().cloned());
    let mut returns = Returns::of(&machines);
    returns.account(report);
    let count = report.launched.len();
    let message = answer::told(report);
    if report.unfulfilled > 0 || !report.not_running.is_empty() {
        let changed = count > 0 || !report.removed.is_empty() || !report.unknown.is_empty();
        let failure =
            Failure::new(message).changed(changed).retryable(true).with_warnings(warnings);
        return Err(returns
            .evidence()
            .into_iter()
            .fold(failure, |failure, (name, value)| failure.with(&name, value)));
    }
    let outcome = Outcome::from(returns);
    let changed = count > 0 || !report.removed.is_empty();
    Ok(Outcome { message: Some(message), changed, warnings, ..outcome })
}
