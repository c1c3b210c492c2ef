//! What shows that a machine which is gone was that of the stateful instance.

use jiff::SignedDuration;

use super::Args;
use crate::domain::{InstanceId, StatefulAction, StatefulState, StatefulTarget};
use crate::drive::stateful::{ActError, Job, Records, Sight};
use crate::modules::{World, rolling};
use crate::plan::roll::{Run, known_before as known_of};
use crate::plan::stateful::{Refusal, Settled, Snapshot, Step, Traces, origin};
use crate::spot::Client;

/// For so long the vendor keeps a group's log (OpenAPI description: logs).
const KEPT: SignedDuration = SignedDuration::from_hours(90 * 24);

/// Where records of machines are; none where no folder is known.
pub(super) fn records(args: &Args, world: &World) -> Option<Records> {
    let runs = rolling::runs(args.state_dir.as_deref(), world).ok()?;
    Some(Records::beside(runs.folder()))
}

/// What is known of the expected machine if it is not there any more, or is being replaced: by the record of the recycle that replaces
/// it, else by the journal of a run. And why something could not be read, if so.
pub(super) fn known_before(
    args: &Args,
    job: &Job,
    sight: &Sight,
    world: &World,
) -> (Option<Snapshot>, Option<String>) {
    let Some(expected) = &job.expectations.instance_id else { return (None, None) };
    // While it is replaced a list may show it still, and no more of it than the half.
    let runs = |seen: &Snapshot| {
        seen.instance_id.as_ref() == Some(expected) && seen.state == StatefulState::Active
    };
    if job.action != StatefulAction::Recycle || sight.snapshot.as_ref().is_some_and(runs) {
        return (None, None);
    }
    match records(args, world).map(|records| records.of(&job.target, expected)) {
        Some(Ok(Some(known))) => return (Some(known), None),
        Some(Err(error)) => {
            let words = format!("the record of what {expected} had cannot be read: {error}");
            return (None, Some(words));
        }
        Some(Ok(None)) | None => {}
    }
    let StatefulTarget::Grouped { group, id } = &job.target else { return (None, None) };
    let Ok(runs) = rolling::runs(args.state_dir.as_deref(), world) else { return (None, None) };
    let planned = |run: &Run| {
        let mut all = run.nodes.iter().map(|node| &node.planned).chain(&run.plan.others);
        let mine = all.find(|it| it.id == *id && it.instance_id.as_ref() == Some(expected))?;
        Some(known_of(&run.plan, mine))
    };
    let known = [runs.history(), runs].into_iter().find_map(|folder| {
        let known = folder.all().unwrap_or_default().runs;
        known.iter().filter(|run| run.plan.group == *group).find_map(planned)
    });
    (known, None)
}

/// Whether the expected machine, which is not there any more, ever was that of the instance; only where the step relies on it.
///
/// # Errors
///
/// Nothing shows it.
pub(super) fn was_its_machine(
    args: &Args,
    job: &Job,
    step: &Result<Step, ActError>,
    sight: &Sight,
    client: &Client,
    world: &World,
) -> Result<(), Refusal> {
    let Some(expected) = &job.expectations.instance_id else { return Ok(()) };
    let present = sight.snapshot.as_ref();
    let found = present.and_then(|present| present.instance_id.as_ref());
    let relies = match step {
        Ok(Step::Nothing(Settled::Replaced { .. }) | Step::Join { .. }) => true,
        Err(ActError::Refused { refusal, .. }) => {
            matches!(**refusal, Refusal::ReplacedUnproved { .. })
        }
        Ok(Step::Act { .. } | Step::Nothing(_)) | Err(_) => false,
    };
    if !relies || found == Some(expected) {
        return Ok(());
    }
    let mut traces = Traces::default();
    journals(args, job, expected, world, &mut traces);
    let other = sight.machines_of_others.iter().find(|(machine, _)| machine == expected);
    traces.of_another = traces.of_another.or_else(|| other.map(|(_, id)| id.clone()));
    let record = records(args, world).map(|records| records.of(&job.target, expected));
    traces.is_recorded = matches!(record, Some(Ok(Some(_))));
    // The journal of a run is proof enough, and so is a record.
    if traces.run.is_none() && !traces.is_recorded {
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
