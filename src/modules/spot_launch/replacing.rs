//! One machine in the place of another.

use std::time::Duration;

use serde_json::json;

use super::answer::{self, Returns};
use crate::ansible::{Failure, Outcome, Planned};
use crate::domain::{Clock, InstanceId};
use crate::drive::Progress;
use crate::drive::launch::{LaunchError, Launcher, Replace};
use crate::modules::fleet::{Desk, Ready, Terms, counts};
use crate::plan::launch::{Counts, REPLACES_TAG, Replacement, Spread};

/// Another in the place of this one.
pub(super) fn planned<'c>(
    desk: Desk<'c>,
    named: &str,
    terms: Terms,
) -> Result<Planned<'c, Returns>, Failure> {
    let id = InstanceId::new(named);
    let progress = Progress::new(&desk.clock, desk.context.progress);
    let launcher = Launcher { cloud: desk.cloud.as_ref(), clock: &desk.clock, progress: &progress };
    let cluster = desk.args.cluster.as_deref();
    let (machines, replacement) = launcher.replacement(&desk.fleet, &desk.region, cluster, &id)?;
    let mut returns = Returns::of(&machines);
    let (message, stays, ready) = match replacement {
        Replacement::Done { new, lives } => return Ok(finished(returns, &id, &new, lives)),
        Replacement::Finish { new, .. } => {
            (format!("would drain and terminate {id}, for which {new} stands in"), true, None)
        }
        Replacement::Launch { zone, old } => {
            let total = u32::try_from(machines.len()).unwrap_or(u32::MAX);
            desk.within(total.saturating_add(1))?;
            let place = match zone.as_str() {
                "" => "anywhere".to_owned(),
                zone => format!("in {zone}, or else elsewhere,"),
            };
            let ready = Some((ready(&desk, &id, &zone, terms)?, zone));
            match old {
                Some(_) => {
                    let text = format!("would launch one {place} then drain and terminate {id}");
                    (text, true, ready)
                }
                None => {
                    let text =
                        format!("would launch one {place} for {id}, which is on its way out");
                    (text, false, ready)
                }
            }
        }
    };
    returns.terminated = if stays { vec![id.to_string()] } else { Vec::new() };
    let launched = usize::from(ready.is_some());
    let warnings = ready.as_ref().map(|(it, _)| it.warnings.clone()).unwrap_or_default();
    let before = json!({"machines": machines.len(), "zones": counts(&machines)});
    let total = machines.len() + launched - usize::from(stays);
    let after = json!({"machines": total, "launched": launched, "terminated": returns.terminated});
    let wait = terms.wait.then(|| Duration::from_secs(desk.args.wait_timeout.into()));
    let act = move || carried(&desk, ready, &id, wait);
    Ok(Planned::change(returns, act)
        .with_message(message)
        .with_diff(before, after)
        .with_warnings(warnings))
}

/// What stood in may be gone as well: that is told, and is no reason to launch.
fn finished<'c>(
    mut returns: Returns,
    id: &InstanceId,
    new: &InstanceId,
    lives: bool,
) -> Planned<'c, Returns> {
    if lives {
        let text = format!("{id} is gone, and {new} stands in for it");
        return Planned::unchanged(returns).with_message(text);
    }
    let text = format!(
        "{id} is gone, and so is {new}, which stood in for it; nothing was launched: if one is missing, exact_count counts"
    );
    returns.stand_in_gone = Some(new.to_string());
    Planned::unchanged(returns).with_message(text.clone()).with_warnings(vec![text])
}

fn ready(desk: &Desk<'_>, id: &InstanceId, zone: &str, terms: Terms) -> Result<Ready, Failure> {
    let terms = Terms { spread: Spread::Even, resume: false, clean_up: true, ..terms };
    // A machine that goes is replaced wherever it may be.
    let mut ready = desk.ready_where_offered(1, terms)?;
    ready.job.blueprint.tags.insert(REPLACES_TAG.to_owned(), id.to_string());
    let progress = Progress::new(&desk.clock, desk.context.progress);
    let launcher = Launcher { cloud: desk.cloud.as_ref(), clock: &desk.clock, progress: &progress };
    match launcher.rehearse(&ready.job, &ready.ladder, &first(&ready, zone))? {
        Some(stop) => Err(Failure::new(format!("{stop}; nothing was launched"))),
        None => Ok(ready),
    }
}

/// The ladder begins where there are fewest: all other zones are told to have one.
fn first(ready: &Ready, zone: &str) -> Counts {
    let zones = ready.job.ground.zones.iter();
    zones.map(|it| (it.clone(), u32::from(it != zone))).collect()
}

fn carried(
    desk: &Desk<'_>,
    ready: Option<(Ready, String)>,
    id: &InstanceId,
    wait: Option<Duration>,
) -> Result<Outcome<Returns>, Failure> {
    let progress = Progress::new(&desk.clock, desk.context.progress);
    let launcher = Launcher { cloud: desk.cloud.as_ref(), clock: &desk.clock, progress: &progress };
    let (mut ladder, memory, launch) = match ready {
        None => (None, None, None),
        Some((ready, zone)) => {
            let counts = first(&ready, &zone);
            (Some(ready.ladder), Some(ready.memory), Some((ready.job, counts)))
        }
    };
    let drain = desk.drain();
    let launch = launch.zip(ladder.as_mut()).map(|((job, counts), ladder)| (job, ladder, counts));
    let what = Replace {
        id: id.clone(),
        region: desk.region.clone(),
        cluster: desk.args.cluster.clone(),
        launch,
        max_total: desk.args.max_total,
        drain: &drain,
        wait,
        settle: desk.settle(),
    };
    let done = launcher.replace(&desk.fleet, what);
    if let (Some(memory), Some(ladder)) = (memory, ladder) {
        memory.add(desk.region.as_str(), ladder.short(), desk.clock.now());
    }
    let (done, error) = match done {
        Ok(done) => (done, None),
        Err((error, done)) => (*done, Some(error)),
    };
    let report = &done.report;
    let mut returns = Returns::of(&done.machines);
    returns.account(report);
    let changed =
        !report.launched.is_empty() || !report.unknown.is_empty() || !report.removed.is_empty();
    if let Some(error) = error {
        let more = match &error {
            LaunchError::Late { .. }
            | LaunchError::StandInGone { .. }
            | LaunchError::StandInEnded { .. }
            | LaunchError::LostTag { .. }
            | LaunchError::Drain { .. }
            | LaunchError::Alive { .. }
            | LaunchError::Unheard { .. }
            | LaunchError::NotEnded { .. } => String::new(),
            _ => format!("; {id} was not terminated"),
        };
        let changed = changed || error.may_have_ended();
        return Err(failed(&returns, Failure::from(error).adding(&more), changed));
    }
    if report.unfulfilled > 0 || !report.not_running.is_empty() {
        let message = format!("{}; {id} was not terminated", answer::told(report));
        let failure = Failure::new(message).retryable(true);
        let failure = failure.with_warnings(report.warnings.iter().cloned());
        return Err(failed(&returns, failure, changed));
    }
    let told = answer::told(report);
    if !done.has_ended {
        let message = format!("{told}; {id} is gone already");
        let (outcome, warnings) = (Outcome::from(returns), report.warnings.clone());
        return Ok(Outcome { message: Some(message), changed, warnings, ..outcome });
    }
    let (left, mut warnings) = desk.machines_after();
    warnings.extend(report.warnings.iter().cloned());
    let mut returns = Returns::of(&left);
    returns.account(report);
    returns.terminated.push(id.to_string());
    let message = format!("{told}, terminated {id}");
    Ok(Outcome { message: Some(message), warnings, ..Outcome::from(returns) })
}

fn failed(returns: &Returns, failure: Failure, changed: bool) -> Failure {
    let all = returns.evidence().into_iter();
    all.fold(failure.changed(changed), |it, (name, value)| it.with(&name, value))
}
