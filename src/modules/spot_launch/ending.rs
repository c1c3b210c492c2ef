//! Fewer machines, or none.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::answer::Returns;
use crate::ansible::{Failure, Outcome, Planned};
use crate::domain::{Ec2Instance, InstanceId};
use crate::drive::Progress;
use crate::drive::launch::{Bare, Launcher};
use crate::modules::fleet::{Desk, counts, listed, prices};
use crate::plan::launch::{FLEET_TAG, Order, Prices, leaving, standing};

/// None.
pub(super) fn all<'c>(desk: Desk<'c>) -> Result<Planned<'c, Returns>, Failure> {
    let machines = desk.machines()?;
    let progress = Progress::new(&desk.clock, desk.context.progress);
    let launcher = Launcher { cloud: desk.cloud.as_ref(), clock: &desk.clock, progress: &progress };
    let is_unfinished = launcher.unfinished(&desk.fleet)?.is_some();
    let warnings: Vec<String> = desk.untagged(&machines)?.into_iter().collect();
    if machines.is_empty() && !is_unfinished {
        let message = format!("fleet {} has no machines", desk.args.name);
        return Ok(as_it_is(desk, &machines, message).with_warnings(warnings));
    }
    Ok(planned(desk, machines, 0)?.with_warnings(warnings))
}

/// Nothing is missing, and nothing too many. From here on the fleet has as many machines as this says, and no longer those of an
/// unfinished rebalance.
pub(super) fn as_it_is<'c>(
    desk: Desk<'c>,
    machines: &[Ec2Instance],
    message: String,
) -> Planned<'c, Returns> {
    let (returns, told) = (Returns::of(machines), message.clone());
    let act = move || {
        desk.fleet.end_moving(&desk.clock, "its count was said")?;
        Ok(Outcome { message: Some(told), ..Outcome::from(returns) })
    };
    Planned::looking_on(Returns::of(machines), act).with_message(message)
}

/// As many as are wanted.
pub(super) fn too_many<'c>(
    desk: Desk<'c>,
    exact: u32,
    machines: Vec<Ec2Instance>,
) -> Result<Planned<'c, Returns>, Failure> {
    let bare: Vec<String> = desk.untagged(&machines)?.into_iter().collect();
    let stay = usize::try_from(exact).unwrap_or(usize::MAX);
    Ok(planned(desk, machines, stay)?.with_warnings(bare))
}

fn planned<'c>(
    desk: Desk<'c>,
    machines: Vec<Ec2Instance>,
    stay: usize,
) -> Result<Planned<'c, Returns>, Failure> {
    let count = machines.len().saturating_sub(stay);
    let going = leaving(&standing(&machines, &known(&desk, stay)?), count, desk.order());
    let before = json!({"machines": machines.len(), "zones": counts(&machines)});
    let after = json!({"machines": stay, "terminated": going});
    let mut expected = Returns::of(&machines);
    expected.terminated = going.iter().map(ToString::to_string).collect();
    let message = format!("would terminate {}: {}", going.len(), listed(&going));
    let unsure = {
        let progress = Progress::new(&desk.clock, desk.context.progress);
        let cloud = desk.cloud.as_ref();
        let launcher = Launcher { cloud, clock: &desk.clock, progress: &progress };
        launcher.rehearse_end(&desk.region, &going)?
    };
    let unsure = unsure.map(|error| format!("{error}: it may not let them be terminated"));
    let act = move || ended(&desk, stay);
    let planned = Planned::change(expected, act).with_message(message);
    Ok(planned.with_diff(before, after).with_warnings(unsure))
}

/// What an hour costs now, where that says who goes.
fn known(desk: &Desk<'_>, stay: usize) -> Result<Prices, Failure> {
    match desk.order() {
        Order::Dearest if stay > 0 => Ok(prices(&desk.ranked(None)?.0)),
        _ => Ok(Prices::default()),
    }
}

/// What has gone until now, and what was drained and may stay.
#[derive(Default)]
struct Course {
    done: Vec<InstanceId>,
    drained: BTreeSet<InstanceId>,
    warnings: Vec<String>,
}

impl Course {
    /// The machines that are there, whatever EC2 still lists.
    fn left(&self, desk: &Desk<'_>) -> Result<Vec<Ec2Instance>, Failure> {
        let mut machines = desk.machines()?;
        machines.retain(|it| !self.done.contains(&it.id));
        Ok(machines)
    }

    /// One after the other, and never more than are too many: a drain takes its time, and EC2 may take others back meanwhile.
    fn go(&mut self, desk: &Desk<'_>, launcher: &Launcher<'_>, stay: usize) -> Result<(), Failure> {
        let tags = BTreeMap::from([(FLEET_TAG.to_owned(), desk.args.name.clone())]);
        let (known, drain) = (known(desk, stay)?, desk.drain());
        let mut machines = self.left(desk)?;
        let first = machines.len().saturating_sub(stay);
        loop {
            let going = leaving(
                &standing(&machines, &known),
                machines.len().saturating_sub(stay),
                desk.order(),
            );
            let next = going.iter().find_map(|id| machines.iter().find(|it| it.id == *id));
            let Some(machine) = next else { return Ok(()) };
            let id = machine.id.clone();
            let done = self.done.len();
            launcher.progress.tick(|| format!("draining {id}: {done} of {first} are terminated"));
            if self.drained.insert(id.clone()) {
                drain.drain(machine)?;
            }
            if !drain.command.is_empty() {
                machines = self.left(desk)?;
                if machines.len() <= stay || !machines.iter().any(|it| it.id == id) {
                    if machines.iter().any(|it| it.id == id) {
                        self.warnings.push(format!(
                            "{id} was drained and stays: others were taken back meanwhile"
                        ));
                    }
                    continue;
                }
            }
            launcher.end_surely(&desk.region, &tags, std::slice::from_ref(&id), desk.settle())?;
            machines.retain(|it| it.id != id);
            self.done.push(id);
        }
    }
}

/// A failure after which these were terminated all the same.
pub(super) fn but_ended(failure: Failure, ended: &[InstanceId]) -> Failure {
    match ended {
        [] => failure,
        _ => failure.changed(true).adding(&format!(
            "; terminated before that {}: {}",
            ended.len(),
            listed(ended)
        )),
    }
}

/// An unfinished launch is settled first, so that nothing of it turns up afterwards.
fn ended(desk: &Desk<'_>, stay: usize) -> Result<Outcome<Returns>, Failure> {
    let progress = Progress::new(&desk.clock, desk.context.progress);
    let launcher = Launcher { cloud: desk.cloud.as_ref(), clock: &desk.clock, progress: &progress };
    desk.fleet.end_moving(&desk.clock, "an end followed")?;
    let mut course = Course::default();
    // What lost its tags was warned of, and keeps no other from being ended.
    let settled =
        launcher.settle(&desk.fleet, &desk.region, desk.settle(), &mut course.done, Bare::Leave);
    let gone = settled.map_err(Failure::from).and_then(|()| course.go(desk, &launcher, stay));
    let names = |course: &Course| course.done.iter().map(ToString::to_string).collect::<Vec<_>>();
    if let Err(failure) = gone {
        return Err(but_ended(failure, &course.done).with("terminated", names(&course)));
    }
    let (mut left, warnings) = desk.machines_after();
    left.retain(|it| !course.done.contains(&it.id));
    let mut returns = Returns::of(&left);
    returns.terminated = names(&course);
    let changed = !course.done.is_empty();
    let message = format!("terminated {}: {}", course.done.len(), listed(&course.done));
    if warnings.is_empty() && left.len() < stay {
        let (name, here) = (&desk.args.name, left.len());
        let text = format!(
            "fleet {name} has {here} machines and is to have {stay}: others were taken back meanwhile; {message}; run this again to launch what is missing"
        );
        let failure = Failure::new(text).changed(changed).retryable(true);
        let all = returns.evidence().into_iter();
        return Err(all.fold(failure, |it, (name, value)| it.with(&name, value)));
    }
    course.warnings.extend(warnings);
    let outcome = Outcome::from(returns);
    Ok(Outcome { message: Some(message), changed, warnings: course.warnings, ..outcome })
}
