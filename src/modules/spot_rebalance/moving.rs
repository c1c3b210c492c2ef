//! The plan of a rebalance, and carrying it out.

use std::collections::BTreeSet;

use serde_json::json;

use super::answer::Returns;
use super::gate::Gates;
use crate::ansible::{Failure, Outcome, Planned};
use crate::domain::{Clock, Ec2Instance};
use crate::drive::Progress;
use crate::drive::launch::{LaunchError, Launcher, Moved, Rebalance, Standstill};
use crate::modules::fleet::{Desk, Ready, Terms, counts, run_id};
use crate::plan::launch::{Counts, Field, Order, Prices, Shift, Spread, standing};

/// Each launch is of one machine in one zone, and what falls short of it is the next step's business.
const TERMS: Terms = Terms { spread: Spread::Even, resume: false, clean_up: true, wait: true };

/// The plan.
pub(super) fn planned<'c>(
    desk: Desk<'c>,
    gates: Gates,
    max_surge: u32,
) -> Result<Planned<'c, Returns>, Failure> {
    let mut machines = desk.machines()?;
    desk.of_cluster(&machines)?;
    let progress = Progress::new(&desk.clock, desk.context.progress);
    let launcher = Launcher { cloud: desk.cloud.as_ref(), clock: &desk.clock, progress: &progress };
    let unfinished = launcher.unfinished_moving(&desk.fleet)?;
    if let Some(Standstill { left, .. }) = &unfinished {
        machines.retain(|it| !left.contains(&it.id));
    }
    launcher.accounted(&desk.fleet, &machines)?;
    if let Some(untagged) = desk.untagged(&machines)? {
        return Err(Failure::new(format!("{untagged}; nothing was launched")));
    }
    let total = u32::try_from(machines.len()).unwrap_or(u32::MAX);
    let count = unfinished.as_ref().map_or(total, |it| it.count);
    if total == 0 && count == 0 {
        let returns = Returns::planned(&machines, 0, Counts::new(), &[]);
        let name = &desk.args.name;
        return Ok(
            Planned::unchanged(returns).with_message(format!("fleet {name} has no machines"))
        );
    }
    let (ready, prices) = desk.ready_with_prices(1, TERMS)?;
    let field = field(&desk, &ready, &machines, count, max_surge)?;
    let (steps, target) = foreseen(&field, &machines, &prices, unfinished.as_ref());
    let returns = Returns::planned(&machines, count, target.clone(), &steps);
    let mut warnings = gates.warnings.clone();
    warnings.extend(ready.warnings.clone());
    warnings.extend(closed(&field, &counts(&machines)));
    if steps.is_empty() && unfinished.is_none() {
        let message = format!("{count} machines are spread as evenly as they can be");
        return Ok(Planned::unchanged(returns).with_message(message).with_warnings(warnings));
    }
    let launches = steps.iter().filter(|it| matches!(it, Shift::Launch { .. })).count();
    desk.within(total.saturating_add(u32::from(launches > 0)))?;
    rehearsed(&launcher, &ready, &steps)?;
    let message = told(&steps, launches, unfinished.is_some());
    let before = json!({"zones": counts(&machines), "machines": ids(&machines)});
    let gone: Vec<String> = returns.terminated.clone();
    let stay = ids(&machines).into_iter().filter(|id| !gone.contains(id));
    let after =
        json!({"zones": target, "machines": stay.collect::<Vec<_>>(), "launched": launches});
    let done = Returns::planned(&[], count, target, &steps);
    let act = move || carried(&desk, ready, field, &prices, &gates, done);
    Ok(Planned::change(returns, act)
        .with_message(message)
        .with_diff(before, after)
        .with_warnings(warnings))
}

fn ids(machines: &[Ec2Instance]) -> Vec<String> {
    machines.iter().map(|it| it.id.to_string()).collect()
}

fn told(steps: &[Shift], launches: usize, is_unfinished: bool) -> String {
    let going = steps.len() - launches;
    let first = if is_unfinished { "would go on with an unfinished rebalance: " } else { "" };
    format!("{first}would launch {launches} and terminate {going}, one after the other")
}

/// Where machines may stay, and where they can be launched.
fn field(
    desk: &Desk<'_>,
    ready: &Ready,
    machines: &[Ec2Instance],
    count: u32,
    max_surge: u32,
) -> Result<Field, Failure> {
    let args = &desk.args;
    let ground = &ready.job.ground;
    let zones: BTreeSet<String> = match (&args.zones, &args.subnets) {
        (Some(zones), _) if !zones.is_empty() => zones.iter().cloned().collect(),
        (_, Some(subnets)) if !subnets.is_empty() => ground.subnets.keys().cloned().collect(),
        (_, _) => ground.zones.iter().cloned().chain(counts(machines).into_keys()).collect(),
    };
    let room = args.max_total.map_or(max_surge, |most| max_surge.min(most.saturating_sub(count)));
    if room == 0 {
        return Err(Failure::new(format!(
            "fleet {} has {count} machines and max_total leaves no room to launch one before another goes; nothing was done",
            args.name
        )));
    }
    let order = match desk.order() {
        // Within a zone there is nothing to be balanced.
        Order::ZoneBalance => Order::Oldest,
        other => other,
    };
    Ok(Field { zones, open: ground.zones.clone(), count, surge: room, order })
}

/// All steps, and how many are in each zone after them.
fn foreseen(
    field: &Field,
    machines: &[Ec2Instance],
    prices: &Prices,
    unfinished: Option<&Standstill>,
) -> (Vec<Shift>, Counts) {
    let all = standing(machines, prices);
    let begun = unfinished.map(|it| it.leaving.clone()).unwrap_or_default();
    (field.foresee(&all, &begun), field.target(&counts(machines)))
}

/// Zones in which a machine may be and none can be launched, where that is in the way.
fn closed(field: &Field, here: &Counts) -> Vec<String> {
    let ideal = Field { open: field.zones.clone(), ..field.clone() }.target(here);
    let lacking = field.zones.iter().filter(|zone| {
        let wanted = ideal.get(*zone).copied().unwrap_or_default();
        !field.open.contains(*zone) && here.get(*zone).copied().unwrap_or_default() < wanted
    });
    lacking
        .map(|zone| format!("no offer that fits the policy is in {zone}, which has too few"))
        .collect()
}

/// Asks EC2 whether it would launch the first.
fn rehearsed(launcher: &Launcher<'_>, ready: &Ready, steps: &[Shift]) -> Result<(), Failure> {
    let zone = steps.iter().find_map(|step| match step {
        Shift::Launch { zone } => Some(zone.clone()),
        Shift::Leave { .. } | Shift::Even => None,
    });
    let Some(zone) = zone else { return Ok(()) };
    let mut ladder = ready.ladder.clone();
    ladder.only_in(BTreeSet::from([zone]));
    match launcher.rehearse(&ready.job, &ladder, &Counts::new())? {
        Some(stop @ crate::plan::launch::Stop::Refused { .. }) => {
            Err(Failure::new(format!("{stop}; nothing was launched")))
        }
        Some(_) | None => Ok(()),
    }
}

fn carried(
    desk: &Desk<'_>,
    mut ready: Ready,
    field: Field,
    prices: &Prices,
    gates: &Gates,
    mut returns: Returns,
) -> Result<Outcome<Returns>, Failure> {
    let progress = Progress::new(&desk.clock, desk.context.progress);
    let launcher = Launcher { cloud: desk.cloud.as_ref(), clock: &desk.clock, progress: &progress };
    let drain = desk.drain();
    let check = |new: &[Ec2Instance]| gates.watch(new, &desk.clock, &progress);
    let what = Rebalance {
        run_id: run_id(desk.clock.now(), desk.context.world.seed),
        job: ready.job,
        field,
        prices,
        drain: &drain,
        check: &check,
    };
    let done = launcher.rebalance(&desk.fleet, what, &mut ready.ladder);
    ready.memory.add(desk.region.as_str(), ready.ladder.short(), desk.clock.now());
    let (moved, error) = match done {
        Ok(moved) => (moved, None),
        Err((error, moved)) => (*moved, Some(error)),
    };
    let machines = desk.machines();
    returns.account(&moved, machines.as_deref().ok());
    ended(returns, &moved, error)
}

fn ended(
    returns: Returns,
    moved: &Moved,
    error: Option<LaunchError>,
) -> Result<Outcome<Returns>, Failure> {
    let (launched, gone) = (moved.launched.len(), moved.terminated.len());
    let may_have_ended = error.as_ref().is_some_and(LaunchError::may_have_ended);
    let changed = launched > 0 || gone > 0 || !moved.unknown.is_empty() || may_have_ended;
    let done = format!("launched {launched} and terminated {gone}");
    let retryable = !error.as_ref().is_some_and(LaunchError::needs_a_person);
    let failure = match error {
        Some(error) => {
            let words = match retryable {
                true => format!("; {done} before: run this again to go on"),
                false => format!("; {done} before"),
            };
            Failure::from(error).adding(&words)
        }
        None if moved.unfulfilled > 0 || !moved.unknown.is_empty() => {
            let why = moved.stop.as_deref().unwrap_or("not all were launched");
            Failure::new(format!(
                "{} are missing to an even spread: {why}; {done}",
                moved.unfulfilled
            ))
        }
        None => {
            let outcome = Outcome::from(returns);
            return Ok(Outcome { message: Some(done), changed, ..outcome });
        }
    };
    let failure = failure.changed(changed).retryable(retryable);
    Err(returns.evidence().into_iter().fold(failure, |it, (name, value)| it.with(&name, value)))
}
