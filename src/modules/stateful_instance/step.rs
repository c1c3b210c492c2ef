//! A recycle as a step of a roll.

use std::time::Duration;

use super::answer::{self, Returns};
use super::{Args, MARGIN, State, failure, outcome};
use crate::ansible::{Context, Failure, Outcome, Planned};
use crate::domain::{StatefulAction, StatefulInstanceId, StatefulTarget};
use crate::drive::roll::{Recycled, RollError, sight};
use crate::drive::stateful::Job;
use crate::drive::{Progress, watched};
use crate::modules::{World, rolling};

/// The step is taken only if the run allows it, which is decided when it is taken.
pub(super) fn plan<'c>(
    args: Args,
    run_id: String,
    context: Context<'c, World>,
) -> Result<Planned<'c, Returns>, Failure> {
    if args.state != State::Recycled || !args.wait {
        return Err(Failure::new("option run_id needs state: recycled and wait: true"));
    }
    let waits = Duration::from_secs(u64::from(args.wait_timeout) + MARGIN) + rolling::SETTING_UP;
    let (session, client) = args.connection.open_for(context.world, waits)?;
    let account = crate::modules::connection::only(session.accounts()?)?;
    let runs = rolling::runs(args.state_dir.as_deref(), context.world)?;
    let journal = runs.open(&run_id).map_err(RollError::from)?;
    rolling::same_account(journal.run(), &account)?;
    let job = args.job(account)?;
    if args.group_id.as_deref() != Some(journal.run().plan.group.as_str()) {
        let group = &journal.run().plan.group;
        return Err(Failure::new(format!(
            "run {run_id} rolls group {group}: set group_id to that"
        )));
    }
    let id = StatefulInstanceId::new(&args.id);
    let planned = rolling::node_of(journal.run(), &id, &job.doing())?.planned.instance_id.clone();
    if let (Some(expected), Some(planned)) = (&args.instance_id, &planned)
        && expected != planned.as_str()
    {
        return Err(Failure::new(format!(
            "option instance_id is {expected}, and run {run_id} knows {} as {planned}",
            args.id
        )));
    }
    let clock = session.clock.clone();
    let progress = Progress::new(clock.as_ref(), context.progress);
    // Also in check mode: what is another's is not foreseen as one's own.
    rolling::roller(&client, clock.as_ref(), &progress, &runs, context.world).take_up(&run_id)?;
    let seen = watched(&progress, &format!("reading {}", job.target), || {
        rolling::roller(&client, clock.as_ref(), &progress, &runs, context.world)
            .survey(journal.run())
    })?;
    let sight = sight(&seen, &id);
    let diff = (
        answer::shown(sight.snapshot.as_ref()),
        answer::shown(answer::expected(&job, &sight).as_ref()),
    );
    let returns = Returns::present(&job, sight.snapshot.as_ref());
    let message = format!("would {} as a step of run {run_id}", job.doing());
    let act = move || {
        let clock = session.clock.as_ref();
        let progress = Progress::new(clock, context.progress);
        let roller = rolling::roller(&client, clock, &progress, &runs, context.world);
        let mut journal = roller.take_up(&run_id)?;
        let before = journal.run().clone();
        let recycled = roller.recycle(&mut journal, &id, &job.expectations, job.wait_timeout, seen);
        let failed = match recycled {
            Ok(Recycled::Carried(carried)) => return Ok(outcome(&job, *carried)),
            Ok(Recycled::Already(node)) => return Ok(already(&job, &node.seen)),
            Err(RollError::Act(failed)) => failure(&job, *failed),
            // Its machine was replaced, and the run is frozen.
            Err(error @ RollError::NotSame { .. }) => Failure::from(error).changed(true),
            Err(error) => Failure::from(error),
        };
        Err(rolling::after_changes(failed, &before, journal.run()))
    };
    Ok(Planned::change(returns, act).with_diff(diff.0, diff.1).with_message(message))
}

fn already(job: &Job, seen: &crate::plan::stateful::Snapshot) -> Outcome<Returns> {
    Outcome {
        changed: false,
        after: Some(answer::shown(Some(seen))),
        message: Some(format!("{} had been replaced already, and is as wanted", job.target)),
        ..Outcome::from(Returns::present(job, Some(seen)))
    }
}

/// Whoever acts on a group that is being rolled takes a second node down. A resume takes none down.
///
/// Answers why it cannot be told, if it cannot.
pub(super) fn is_beside_a_roll(
    args: &Args,
    job: &Job,
    world: &World,
) -> Result<Option<String>, Failure> {
    let StatefulTarget::Grouped { group, .. } = &job.target else { return Ok(None) };
    if job.action == StatefulAction::Resume {
        return Ok(None);
    }
    let advice = "give run_id if this is a step of it, ";
    let folder = Some(args.state_dir.as_deref());
    rolling::beside_a_roll(group, &job.doing(), advice, folder, world)
}
