//! What shows that a machine which is gone was that of the stateful instance.

use jiff::SignedDuration;

use super::Args;
use crate::domain::{InstanceId, StatefulTarget};
use crate::drive::stateful::{Job, Sight};
use crate::modules::{World, rolling};
use crate::plan::roll::Run;
use crate::plan::stateful::{Refusal, Step, Traces, origin};
use crate::spot::Client;

/// For so long the vendor keeps a group's log (OpenAPI description: logs).
const KEPT: SignedDuration = SignedDuration::from_hours(90 * 24);

/// Whether the expected machine, which is not there any more, ever was that of the instance; only where the step relies on it.
///
/// # Errors
///
/// Nothing shows it.
pub(super) fn was_its_machine(
    args: &Args,
    job: &Job,
    step: &Step,
    sight: &Sight,
    client: &Client,
    world: &World,
) -> Result<(), Refusal> {
    let Some(expected) = &job.expectations.instance_id else { return Ok(()) };
    let present = sight.snapshot.as_ref();
    let found = present.and_then(|present| present.instance_id.as_ref());
    let relies = matches!(
        step,
        Step::Nothing(crate::plan::stateful::Settled::Replaced { .. }) | Step::Join { .. }
    );
    if !relies || found == Some(expected) {
        return Ok(());
    }
    let mut traces = Traces::default();
    journals(args, job, expected, world, &mut traces);
    let other = sight.machines_of_others.iter().find(|(machine, _)| machine == expected);
    traces.of_another = traces.of_another.or_else(|| other.map(|(_, id)| id.clone()));
    // The journal of a run is proof enough.
    if traces.run.is_none() {
        let now = client.vendor_now();
        let from = now.checked_sub(KEPT).unwrap_or(now);
        let to = now.checked_add(SignedDuration::from_hours(1)).unwrap_or(now);
        match client.log_of(&job.account, &job.target, expected, from, to) {
            Ok(listed) => traces.log = listed.items,
            Err(error) => traces.unread.push(error.to_string()),
        }
    }
    let launched = present.and_then(|present| present.launched_at.as_ref());
    origin(expected, found, launched.map(|at| at.as_str()), &traces).map(drop)
}

fn journals(args: &Args, job: &Job, expected: &InstanceId, world: &World, traces: &mut Traces) {
    let StatefulTarget::Grouped { group, id } = &job.target else { return };
    let Ok(runs) = rolling::runs(args.state_dir.as_deref(), world) else { return };
    for folder in [runs.history(), runs] {
        let known = match folder.all() {
            Ok(known) => known.runs,
            Err(error) => {
                traces.unread.push(error.to_string());
                continue;
            }
        };
        for run in known.iter().filter(|run| run.plan.group == *group) {
            match holder(run, expected) {
                Some(mine) if mine == id.as_str() => traces.run = Some(run.id().to_owned()),
                Some(other) => traces.of_another = Some(other.to_owned()),
                None => {}
            }
        }
    }
}

/// The instance whose machine it was, by the journal of a run.
fn holder<'a>(run: &'a Run, machine: &InstanceId) -> Option<&'a str> {
    let replaced = run.nodes.iter().filter(|node| {
        node.recycled.as_ref().is_some_and(|replaced| replaced.instance_id == *machine)
    });
    let rolled = run.nodes.iter().map(|node| &node.planned);
    let planned = rolled.chain(&run.plan.others);
    let planned = planned.filter(|node| node.instance_id.as_ref() == Some(machine));
    let replaced = replaced.map(|node| &node.planned);
    planned.chain(replaced).map(|node| node.id.as_str()).next()
}
