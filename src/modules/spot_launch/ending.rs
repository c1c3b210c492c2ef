//! Fewer machines, or none.

use std::collections::BTreeMap;

use serde_json::json;

use super::answer::Returns;
use crate::ansible::{Failure, Outcome, Planned};
use crate::domain::{Ec2Instance, InstanceId};
use crate::drive::Progress;
use crate::drive::launch::Launcher;
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
        let name = desk.args.name.clone();
        return Ok(Planned::unchanged(Returns::of(&[]))
            .with_message(format!("fleet {name} has no machines"))
            .with_warnings(warnings));
    }
    Ok(planned(desk, machines, 0)?.with_warnings(warnings))
}

/// As many as are wanted.
pub(super) fn too_many<'c>(
    desk: Desk<'c>,
    exact: u32,
    machines: Vec<Ec2Instance>,
) -> Result<Planned<'c, Returns>, Failure> {
    planned(desk, machines, usize::try_from(exact).unwrap_or(usize::MAX))
}

fn planned<'c>(
    desk: Desk<'c>,
    machines: Vec<Ec2Instance>,
    stay: usize,
) -> Result<Planned<'c, Returns>, Failure> {
    let going = going(&desk, &machines, stay)?;
    let before = json!({"machines": machines.len(), "zones": counts(&machines)});
    let after = json!({"machines": stay, "terminated": going});
    let mut expected = Returns::of(&machines);
    expected.terminated = going.iter().map(ToString::to_string).collect();
    let message = format!("would terminate {}: {}", going.len(), listed(&going));
    let act = move || ended(&desk, stay);
    Ok(Planned::change(expected, act).with_message(message).with_diff(before, after))
}

fn going(
    desk: &Desk<'_>,
    machines: &[Ec2Instance],
    stay: usize,
) -> Result<Vec<InstanceId>, Failure> {
    let order = desk.order();
    let known = match order {
        Order::Dearest if stay > 0 => prices(&desk.ranked(None)?.0),
        _ => Prices::default(),
    };
    let count = machines.len().saturating_sub(stay);
    Ok(leaving(&standing(machines, &known), count, order))
}

/// An unfinished launch is settled first, so that nothing of it turns up afterwards.
fn ended(desk: &Desk<'_>, stay: usize) -> Result<Outcome<Returns>, Failure> {
    let progress = Progress::new(&desk.clock, desk.context.progress);
    let launcher = Launcher { cloud: desk.cloud.as_ref(), clock: &desk.clock, progress: &progress };
    desk.fleet.end_moving(&desk.clock, "an end followed")?;
    launcher.settle(&desk.fleet, &desk.region, desk.settle())?;
    let machines = desk.machines()?;
    let going = going(desk, &machines, stay)?;
    let drain = desk.drain();
    let tags = BTreeMap::from([(FLEET_TAG.to_owned(), desk.args.name.clone())]);
    let mut done: Vec<InstanceId> = Vec::new();
    for id in &going {
        let Some(machine) = machines.iter().find(|it| it.id == *id) else { continue };
        progress
            .tick(|| format!("draining {id}: {} of {} are terminated", done.len(), going.len()));
        let carried = drain.drain(machine).and_then(|()| {
            launcher.end_surely(&desk.region, &tags, std::slice::from_ref(id), desk.settle())
        });
        if let Err(error) = carried {
            let names: Vec<String> = done.iter().map(ToString::to_string).collect();
            let changed = !done.is_empty() || error.may_have_ended();
            return Err(Failure::from(error).changed(changed).with("terminated", names));
        }
        done.push(id.clone());
    }
    let (left, warnings) = desk.machines_after();
    let mut returns = Returns::of(&left);
    returns.terminated = done.iter().map(ToString::to_string).collect();
    let message = format!("terminated {}: {}", done.len(), listed(&done));
    let outcome = Outcome::from(returns);
    Ok(Outcome { message: Some(message), changed: !done.is_empty(), warnings, ..outcome })
}
