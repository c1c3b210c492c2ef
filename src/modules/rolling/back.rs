//! An earlier run that is taken back, as options of a roll.

use super::{RollOptions, same_account};
use crate::ansible::Failure;
use crate::domain::{AccountId, GroupId};
use crate::drive::roll::{RollError, Runs};
use crate::modules::World;
use crate::plan::roll::{Rollback, rollback};

impl RollOptions {
    /// The group that is rolled: the one that is named, or that of the run that is taken back.
    ///
    /// # Errors
    ///
    /// Neither is named, or they are two.
    pub(in crate::modules) fn group(
        &self,
        named: Option<&str>,
        world: &World,
    ) -> Result<GroupId, Failure> {
        let Some(run_id) = &self.rollback_of else {
            let missing = "group_id is missing, the Elastigroup that is to be rolled";
            return named.map(GroupId::new).ok_or_else(|| Failure::new(missing));
        };
        let journal = self.runs(world)?.open(run_id).map_err(RollError::from)?;
        let group = &journal.run().plan.group;
        match named {
            Some(named) if named != group.as_str() => Err(Failure::new(format!(
                "run {run_id} was of group {group}, not of {named}: leave group_id out or set it to that"
            ))),
            Some(_) | None => Ok(group.clone()),
        }
    }

    /// The same options, with the run that is taken back resolved into an image and nodes.
    ///
    /// # Errors
    ///
    /// There is no way back from it, it is of another account, or a node is named that it did not roll.
    pub(super) fn resolved(&self, runs: &Runs, account: &AccountId) -> Result<Self, Failure> {
        let Some(run_id) = &self.rollback_of else { return Ok(self.clone()) };
        let journal = runs.open(run_id).map_err(RollError::from)?;
        same_account(journal.run(), account)?;
        let Rollback { image, nodes } = rollback(journal.run())
            .map_err(|why| Failure::new(format!("cannot roll back run {run_id}: {why}")))?;
        let nodes: Vec<String> = nodes.iter().map(ToString::to_string).collect();
        let named = self.only.iter().flatten();
        if let Some(other) = { named }.find(|only| !nodes.contains(only)) {
            return Err(Failure::new(format!(
                "cannot roll back run {run_id}: option only names {other}, and it rolled {}",
                nodes.join(", ")
            )));
        }
        let only = Some(self.only.clone().unwrap_or(nodes));
        Ok(Self { image_id: Some(image.to_string()), only, ..self.clone() })
    }
}
