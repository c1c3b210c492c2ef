//! What a change of a group was decided on, and whether it is so still.

use super::error::GroupError;
use super::keeper::Keeper;
use crate::domain::{AccountId, Group, StatefulInstance};
use crate::plan::group::{Running, moved};
use crate::spot::{Client, Listed, SpotError};

/// What an update was decided on.
#[derive(Clone, Debug)]
pub struct Basis<'a> {
    /// The group as it was read.
    pub group: &'a Group,
    /// The stateful instances that ran, without those that were paused for the change; none if they did not matter.
    pub running: Option<Running>,
    /// Whether it does not matter which stateful instances a group has that persists nothing, see [`kept_instances`].
    pub may_lose: bool,
}

/// The stateful instances of a group. One that persists nothing, or nothing any more, keeps those that it had; where it never had any
/// there may be no such list.
///
/// # Errors
///
/// The list cannot be read. Of a group that persists nothing `may_lose` says that it does not matter then which those are.
pub fn kept_instances(
    client: &Client,
    account: &AccountId,
    group: &Group,
    may_lose: bool,
) -> Result<Listed<StatefulInstance>, SpotError> {
    let nothing = || Listed { items: Vec::new(), oddities: Vec::new(), left_out: Vec::new() };
    let is_declared = group.persistence.may_have_stateful_instances();
    match client.list_stateful_instances(account, &group.id) {
        Err(SpotError::NotFound { .. }) if !is_declared => Ok(nothing()),
        Err(SpotError::Rejected { .. }) if !is_declared && may_lose => Ok(nothing()),
        other => other,
    }
}

impl Keeper<'_> {
    /// Sees that a group has the capacity and runs the instances that a change of its capacity was decided on.
    pub(super) fn check_unmoved(
        &self,
        basis: &Basis<'_>,
        is_resent: bool,
    ) -> Result<(), GroupError> {
        let id = &basis.group.id;
        let listed = self.client.get_group(self.account, id)?;
        let Some(now) = listed.items.first() else {
            let words = format!("it cannot be read: {}", listed.left_out.join("; "));
            return Err(GroupError::Moved { id: id.clone(), words, is_resent });
        };
        let run = match &basis.running {
            Some(_) => {
                let listed = kept_instances(self.client, self.account, now, basis.may_lose)?;
                Some(Running::of(&listed.items, listed.left_out.len()))
            }
            None => None,
        };
        let running = basis.running.as_ref().zip(run.as_ref());
        match moved(&basis.group.raw, &now.raw, running) {
            Some(words) => Err(GroupError::Moved { id: id.clone(), words, is_resent }),
            None => Ok(()),
        }
    }
}
