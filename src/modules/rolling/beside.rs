//! Whether a group is being rolled while another module wants to change it.

use crate::ansible::Failure;
use crate::domain::GroupId;
use crate::drive::roll::{RollError, Runs, StoreError};
use crate::modules::World;
use crate::plan::roll::runs_command;

/// Whoever changes a group that is being rolled upsets the roll, and whoever acts on one of its instances takes a second node down.
/// `folder` is none where the caller does not mind; `advice` is what else the caller can do, ending with a comma and a blank.
///
/// Answers why it cannot be told, if it cannot.
pub(in crate::modules) fn beside_a_roll(
    group: &GroupId,
    doing: &str,
    advice: &str,
    folder: Option<Option<&str>>,
    world: &World,
) -> Result<Option<String>, Failure> {
    let Some(state_dir) = folder else { return Ok(None) };
    let refused = |words: String| {
        Failure::new(format!("cannot {doing}: {words}")).with_error_code(Some("RUN_OPEN"))
    };
    let runs = match Runs::find(state_dir, &world.environment) {
        Ok(runs) => runs,
        // Nobody here rolls where no folder is known. One that is named and cannot be used may hold a run.
        Err(error @ StoreError::NoFolder) => {
            return Ok(Some(format!("whether a roll is open is not known: {error}")));
        }
        Err(error) => return Err(RollError::from(error).into()),
    };
    let known = match runs.all() {
        Ok(known) => known,
        Err(error) => {
            return Err(refused(format!(
                "whether a roll of group {group} is open is not known: {error}; see to that, or set ignore_open_run"
            )));
        }
    };
    if let Some(run) = known.runs.iter().find(|run| run.is_open() && run.plan.group == *group) {
        return Err(refused(format!(
            "run {} of group {group} is open; let it finish, {advice}give it up with `{}`, or set ignore_open_run",
            run.id(),
            runs_command("restore", run.id(), runs.named())
        )));
    }
    match known.damaged.iter().find(|it| it.may_be_of(group)) {
        Some(damaged) => Err(refused(format!(
            "whether a roll of group {group} is open is not known: {damaged}; see to that, or set ignore_open_run"
        ))),
        None => Ok(None),
    }
}
