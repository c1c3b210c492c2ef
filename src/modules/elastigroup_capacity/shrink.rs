//! The instances that go.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Args, Removal, Run};
use crate::ansible::Failure;
use crate::domain::{Deallocation, StatefulAction, StatefulInstanceId, StatefulTarget};
use crate::drive::Progress;
use crate::drive::stateful::{Actor, Job, look};
use crate::plan::stateful::{Demand, Expectations, Step};

/// What is deleted of an instance that is given up.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema, Serialize)]
#[serde(default)]
pub(super) struct DeallocationOptions {
    /// The images made of its root volume. Needs `confirm_data_loss`.
    delete_images: bool,
    /// Its network interface, and with it the private address.
    delete_network_interfaces: bool,
    /// Its volumes. Needs `confirm_data_loss`.
    delete_volumes: bool,
    /// Its snapshots. Needs `confirm_data_loss`.
    delete_snapshots: bool,
}

/// What cannot be meant is refused before anything is paused.
pub(super) fn check(args: &Args) -> Result<(), Failure> {
    let what = args.deallocation;
    let deletes = what.delete_volumes || what.delete_snapshots || what.delete_images;
    if args.removal == Removal::Deallocated && deletes && !args.confirm_data_loss {
        return Err(Failure::new(
            "volumes, snapshots or images would be deleted for good: set confirm_data_loss if they may be",
        ));
    }
    Ok(())
}

/// What came of pausing or giving up.
#[derive(Default)]
pub(super) struct Carried {
    /// What was odd.
    pub(super) warnings: Vec<String>,
    /// Whether anything was changed.
    pub(super) has_changed: bool,
}

/// Pauses one after the other, each until it is proved.
pub(super) fn pause(
    run: &Run<'_>,
    progress: &Progress<'_>,
    ids: &[String],
) -> Result<Carried, Failure> {
    act(run, progress, ids, &StatefulAction::Pause, Carried::default())
}

/// Gives up what was paused; `so_far` is what came of that.
pub(super) fn deallocate(
    run: &Run<'_>,
    progress: &Progress<'_>,
    ids: &[String],
    so_far: Carried,
) -> Result<Carried, Failure> {
    let options = run.args.deallocation;
    let what = Deallocation {
        delete_images: options.delete_images,
        delete_network_interfaces: options.delete_network_interfaces,
        delete_volumes: options.delete_volumes,
        delete_snapshots: options.delete_snapshots,
    };
    act(run, progress, ids, &StatefulAction::Deallocate(what), so_far)
}

fn act(
    run: &Run<'_>,
    progress: &Progress<'_>,
    ids: &[String],
    action: &StatefulAction,
    mut carried: Carried,
) -> Result<Carried, Failure> {
    let clock = run.session.clock.as_ref();
    let actor = Actor { client: &run.client, clock, progress, permit: None };
    for (index, id) in ids.iter().enumerate() {
        let job = Job {
            account: run.account.clone(),
            target: StatefulTarget::Grouped {
                group: run.group.id.clone(),
                id: StatefulInstanceId::new(id.as_str()),
            },
            action: action.clone(),
            expectations: Expectations {
                instance_id: None,
                image_id: None,
                same_volumes: Demand::Auto,
                same_zone: Demand::Auto,
                same_private_ip: Demand::Auto,
                confirm_data_loss: run.args.confirm_data_loss,
            },
            wait: true,
            wait_timeout: Duration::from_secs(run.args.wait_timeout.into()),
            earlier: Vec::new(),
        };
        let rest = ids[index..].join(", ");
        let rest = match matches!(action, StatefulAction::Deallocate(_)) {
            true => format!("; still to be given up: {rest}"),
            false => format!("; the target was not changed for {rest}"),
        };
        let worded = |failure: Failure| failure.adding(&rest).changed(carried.has_changed);
        let sight = look(&run.client, &job.account, &job.target)
            .map_err(|error| worded(Failure::from(error)))?;
        let step = job.decide(&sight).map_err(|error| worded(Failure::new(error.to_string())))?;
        let done = match step {
            Step::Nothing(_) => continue,
            Step::Act { before } => actor.act(&job, &sight, *before),
            Step::Join { before } => actor.follow(&job, &sight, *before),
        };
        let done = done.map_err(|failed| {
            let has_changed = carried.has_changed || failed.has_changed();
            worded(Failure::new(failed.error.to_string())).changed(has_changed)
        })?;
        carried.has_changed = true;
        carried.warnings.extend(done.warnings);
    }
    Ok(carried)
}
