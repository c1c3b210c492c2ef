//! One machine in the place of another.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;

use super::answer::{self, Returns};
use crate::ansible::{Failure, Outcome, Planned};
use crate::domain::{Clock, Ec2Instance, InstanceId};
use crate::drive::Progress;
use crate::drive::launch::{Launcher, Report};
use crate::modules::fleet::{Desk, Ready, Terms, counts};
use crate::plan::launch::{Counts, FLEET_TAG, REPLACES_TAG, Spread};

/// The machine that is to go, and what stands in for it.
struct Pair {
    old: Option<Ec2Instance>,
    new: Option<Ec2Instance>,
}

fn pair(machines: &[Ec2Instance], id: &InstanceId) -> Pair {
    let stands_in =
        |it: &&Ec2Instance| it.tags.get(REPLACES_TAG).is_some_and(|old| old == id.as_str());
    Pair {
        old: machines.iter().find(|it| it.id == *id).cloned(),
        new: machines.iter().find(stands_in).cloned(),
    }
}

/// Another in the place of this one.
pub(super) fn planned<'c>(
    desk: Desk<'c>,
    named: &str,
    terms: Terms,
) -> Result<Planned<'c, Returns>, Failure> {
    let id = InstanceId::new(named);
    let machines = desk.machines()?;
    let Pair { old, new } = pair(&machines, &id);
    let mut returns = Returns::of(&machines);
    let stays = old.is_some();
    let old = match (old, &new) {
        (Some(old), _) => old,
        (None, Some(new)) => {
            let text = format!("{id} is gone, and {} stands in for it", new.id);
            return Ok(Planned::unchanged(returns).with_message(text));
        }
        // It is on its way out already, or is none.
        (None, None) => desk.listed()?.into_iter().find(|it| it.id == id).ok_or_else(|| {
            Failure::new(format!(
                "{id} is no living machine of fleet {}, and nothing stands in for it; nothing was launched",
                desk.args.name
            ))
        })?,
    };
    let zone = old.availability_zone.clone().unwrap_or_default();
    let ready = match new {
        Some(_) => None,
        None => {
            let total = u32::try_from(machines.len()).unwrap_or(u32::MAX);
            desk.within(total.saturating_add(1))?;
            Some(ready(&desk, &id, &zone, terms)?)
        }
    };
    returns.terminated = if stays { vec![id.to_string()] } else { Vec::new() };
    let launched = usize::from(ready.is_some());
    let message = match launched {
        _ if !stays => format!(
            "would launch one in {zone}, or else elsewhere, for {id}, which is on its way out"
        ),
        0 => format!("would drain and terminate {id}, for which another stands in already"),
        _ => {
            format!("would launch one in {zone}, or else elsewhere, then drain and terminate {id}")
        }
    };
    let warnings = ready.as_ref().map(|it| it.warnings.clone()).unwrap_or_default();
    let before = json!({"machines": machines.len(), "zones": counts(&machines)});
    let total = machines.len() + launched - usize::from(stays);
    let after = json!({"machines": total, "launched": launched, "terminated": returns.terminated});
    let wait = terms.wait.then(|| Duration::from_secs(desk.args.wait_timeout.into()));
    let act = move || carried(&desk, ready, &id, &zone, wait);
    Ok(Planned::change(returns, act)
        .with_message(message)
        .with_diff(before, after)
        .with_warnings(warnings))
}

fn ready(desk: &Desk<'_>, id: &InstanceId, zone: &str, terms: Terms) -> Result<Ready, Failure> {
    let terms = Terms { spread: Spread::Even, resume: false, clean_up: true, ..terms };
    let mut ready = desk.ready(1, terms)?;
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
    ready: Option<Ready>,
    id: &InstanceId,
    zone: &str,
    wait: Option<Duration>,
) -> Result<Outcome<Returns>, Failure> {
    let progress = Progress::new(&desk.clock, desk.context.progress);
    let launcher = Launcher { cloud: desk.cloud.as_ref(), clock: &desk.clock, progress: &progress };
    let tags = BTreeMap::from([(FLEET_TAG.to_owned(), desk.args.name.clone())]);
    launcher.settle(&desk.fleet, &desk.region, desk.settle())?;
    let mut machines = desk.machines()?;
    let mut report = Report::default();
    // A launch of before an interruption may have been found only now.
    if let (Some(mut ready), None) = (ready, pair(&machines, id).new) {
        desk.within(u32::try_from(machines.len()).unwrap_or(u32::MAX).saturating_add(1))?;
        let mut counts = first(&ready, zone);
        let done = launcher.launch(&desk.fleet, &ready.job, &mut ready.ladder, &mut counts);
        ready.memory.add(desk.region.as_str(), ready.ladder.short(), desk.clock.now());
        report = done.map_err(|error| Failure::from(error).changed(true))?;
        machines = desk.machines().map_err(|error| {
            let mut returns = Returns::of(&machines);
            returns.account(&report);
            failed(
                &returns,
                error.adding(&format!("; {id} was not terminated")),
                !report.launched.is_empty(),
            )
        })?;
    }
    let mut returns = Returns::of(&machines);
    returns.account(&report);
    // One of an earlier run may not run yet, or never.
    if let (true, Some(limit), Some(new)) =
        (report.launched.is_empty(), wait, pair(&machines, id).new)
    {
        let late = launcher.late(&desk.region, &tags, vec![new.id.clone()], limit)?;
        if !late.is_empty() {
            let (new, limit) = (new.id, limit.as_secs());
            let text = format!(
                "{new}, which stands in for {id}, does not run within {limit} s; {id} was not terminated"
            );
            return Err(failed(&returns, Failure::new(text).retryable(true), false));
        }
    }
    let changed = !report.launched.is_empty() || !report.unknown.is_empty();
    if report.unfulfilled > 0 || !report.not_running.is_empty() {
        let message = format!("{}; {id} was not terminated", answer::told(&report));
        return Err(failed(&returns, Failure::new(message).retryable(true), changed));
    }
    let mut warnings = Vec::new();
    let mut message = answer::told(&report);
    if let Some(old) = pair(&machines, id).old {
        let drained = desk.drain().drain(&old).and_then(|()| {
            launcher.end_surely(&desk.region, &tags, std::slice::from_ref(id), desk.settle())
        });
        drained.map_err(|error| failed(&returns, Failure::from(error), changed))?;
        let (left, unlisted) = desk.machines_after();
        (returns, warnings) = (Returns::of(&left), unlisted);
        returns.account(&report);
        returns.terminated = vec![id.to_string()];
        message = format!("{message}, terminated {id}");
    } else {
        message = format!("{message}; {id} is gone already");
    }
    Ok(Outcome { message: Some(message), warnings, ..Outcome::from(returns) })
}

fn failed(returns: &Returns, failure: Failure, changed: bool) -> Failure {
    let all = returns.evidence().into_iter();
    all.fold(failure.changed(changed), |it, (name, value)| it.with(&name, value))
}
