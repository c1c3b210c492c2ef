//! One machine in the place of another.

use serde_json::json;

use super::answer::{self, Returns};
use crate::ansible::{Failure, Outcome, Planned};
use crate::domain::{Clock, Ec2Instance, InstanceId};
use crate::drive::Progress;
use crate::drive::launch::{Launcher, Report};
use crate::modules::fleet::{Desk, Ready, Terms, counts};
use crate::plan::launch::{Counts, REPLACES_TAG, Spread};

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
    let Some(old) = old else {
        return match new {
            Some(new) => Ok(Planned::unchanged(returns)
                .with_message(format!("{id} is gone, and {} stands in for it", new.id))),
            None => Err(Failure::new(format!(
                "{id} is no living machine of fleet {}, and nothing stands in for it; nothing was launched",
                desk.args.name
            ))),
        };
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
    returns.terminated = vec![id.to_string()];
    let launched = usize::from(ready.is_some());
    let message = match launched {
        0 => format!("would drain and terminate {id}, for which another stands in already"),
        _ => {
            format!("would launch one in {zone}, or else elsewhere, then drain and terminate {id}")
        }
    };
    let warnings = ready.as_ref().map(|it| it.warnings.clone()).unwrap_or_default();
    let before = json!({"machines": machines.len(), "zones": counts(&machines)});
    let after = json!({"machines": machines.len() - 1 + launched, "launched": launched, "terminated": [id]});
    let act = move || carried(&desk, ready, &id, &zone);
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
) -> Result<Outcome<Returns>, Failure> {
    let progress = Progress::new(&desk.clock, desk.context.progress);
    let launcher = Launcher { cloud: desk.cloud.as_ref(), clock: &desk.clock, progress: &progress };
    launcher.settle(&desk.fleet, &desk.region, desk.settle())?;
    let mut machines = desk.machines()?;
    let mut report = Report::default();
    // A launch of before an interruption may have been found only now.
    if let (Some(mut ready), None) = (ready, pair(&machines, id).new) {
        let mut counts = first(&ready, zone);
        let done = launcher.launch(&desk.fleet, &ready.job, &mut ready.ladder, &mut counts);
        ready.memory.add(desk.region.as_str(), ready.ladder.short(), desk.clock.now());
        report = done.map_err(|error| Failure::from(error).changed(true))?;
        machines = desk.machines()?;
    }
    let mut returns = Returns::of(&machines);
    returns.account(&report);
    let changed = !report.launched.is_empty() || !report.unknown.is_empty();
    if report.unfulfilled > 0 || !report.not_running.is_empty() {
        let message = format!("{}; {id} was not terminated", answer::told(&report));
        return Err(failed(&returns, Failure::new(message).retryable(true), changed));
    }
    if let Some(old) = pair(&machines, id).old {
        let drained = desk.drain().drain(&old).and_then(|()| {
            Ok(desk.cloud.terminate_instances(&desk.region, std::slice::from_ref(id))?)
        });
        drained.map_err(|error| failed(&returns, Failure::from(error), changed))?;
        returns = Returns::of(&desk.machines()?);
        returns.account(&report);
        returns.terminated = vec![id.to_string()];
    }
    let message = format!("{}, terminated {id}", answer::told(&report));
    Ok(Outcome { message: Some(message), ..Outcome::from(returns) })
}

fn failed(returns: &Returns, failure: Failure, changed: bool) -> Failure {
    let all = returns.evidence().into_iter();
    all.fold(failure.changed(changed), |it, (name, value)| it.with(&name, value))
}
