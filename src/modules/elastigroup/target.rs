//! What the modules of groups share: which group is meant, and what stands in the way.

use serde_json::{Map, Value};

use crate::ansible::{Context, Failure};
use crate::domain::{AccountId, Group, GroupId, StatefulInstance};
use crate::drive::group::kept_instances;
use crate::drive::{Progress, Session, watched};
use crate::modules::World;
use crate::plan::group::{FieldChange, Found, Refusal, Running, Wanted, changes, find};
use crate::spot::{Client, Listed, SpotError};

/// What a wait needs besides itself: looks after a lost answer, reading back.
pub(in crate::modules) const MARGIN: u64 = 480;

/// All groups of the account, told of if it takes long.
pub(in crate::modules) fn groups(
    client: &Client,
    account: &AccountId,
    context: Context<'_, World>,
    session: &Session,
) -> Result<Listed<Group>, Failure> {
    let progress = Progress::new(session.clock.as_ref(), context.progress);
    let line = format!("listing the groups of account {account}");
    Ok(watched(&progress, &line, || client.list_groups(account))?)
}

/// Where a group is.
pub(in crate::modules) enum Sought<'g> {
    /// There.
    There(&'g Group),
    /// Nowhere.
    Nowhere {
        /// Groups of its name in other regions.
        elsewhere: Vec<String>,
    },
}

/// Looks for the group that is meant.
///
/// # Errors
///
/// Several are called so, or it cannot be told which is meant.
pub(in crate::modules) fn sought<'g>(
    wanted: Wanted<'_>,
    groups: &'g Listed<Group>,
) -> Result<Sought<'g>, Failure> {
    let shown = wanted.id.or(wanted.name).unwrap_or_default();
    match find(wanted, &groups.items, &groups.left_out) {
        Found::One(group) => Ok(Sought::There(group)),
        Found::Nothing { elsewhere } => Ok(Sought::Nowhere { elsewhere }),
        Found::Several(ids) => Err(several(shown, &ids)),
        Found::Unsure(why) => {
            let hint =
                if wanted.id.is_none() { ", or name a group that is there by id" } else { "" };
            Err(Failure::new(format!(
                "cannot tell whether there is a group {shown:?}: {why}; nothing was done: run this again{hint}"
            ))
            .retryable(true))
        }
    }
}

/// The one group that is meant; it must be there.
pub(in crate::modules) fn one(
    id: Option<&str>,
    name: Option<&str>,
    region: Option<&str>,
    groups: &Listed<Group>,
) -> Result<Group, Failure> {
    match sought(Wanted { id, name, region }, groups)? {
        Sought::There(group) => Ok(group.clone()),
        Sought::Nowhere { elsewhere } => {
            let shown = id.or(name).unwrap_or_default();
            let elsewhere = match &elsewhere[..] {
                [] => String::new(),
                found => format!("; it is in another region: {}", found.join(", ")),
            };
            Err(Failure::new(format!("there is no group {shown}{elsewhere}"))
                .with_error_code(Some("GROUP_DOESNT_EXIST")))
        }
    }
}

/// Several groups have the name.
fn several(name: &str, ids: &[GroupId]) -> Failure {
    let ids: Vec<&str> = ids.iter().map(GroupId::as_str).collect();
    Failure::new(format!(
        "{} groups are called {name:?}: {}; name one of them by id",
        ids.len(),
        ids.join(", ")
    ))
    .with("ids", ids.iter().map(|id| Value::from(*id)).collect::<Vec<Value>>())
}

/// A refusal as a failure.
pub(in crate::modules) fn refused(doing: &str, refusal: &Refusal) -> Failure {
    Failure::new(format!("cannot {doing}: {refusal}"))
}

/// The stateful instances of a group. One that persists nothing, or nothing any more, keeps those that it had; where it never had any
/// there may be no such list.
///
/// # Errors
///
/// The list cannot be read. Of a group that persists nothing `may_lose` says that it does not matter then which those are.
pub(in crate::modules) fn stateful(
    client: &Client,
    account: &AccountId,
    group: &Group,
    may_lose: bool,
) -> Result<Listed<StatefulInstance>, Failure> {
    let is_declared = group.persistence.may_have_stateful_instances();
    kept_instances(client, account, group, may_lose).map_err(|error| match error {
        // A refusal says nothing of what there is.
        error @ SpotError::Rejected { .. } if !is_declared => Failure::from(error)
            .adding(&format!(
                "; so nobody can tell whether group {} has stateful instances: run this again, or set confirm_data_loss if they \
                 and their data may go",
                group.id
            ))
            .retryable(true),
        error => error.into(),
    })
}

/// The stateful instances that run or are about to, if the target of a group that may have some is to sink.
pub(in crate::modules) fn running(
    client: &Client,
    account: &AccountId,
    group: &Group,
    wanted: &Map<String, Value>,
    may_lose: bool,
) -> Result<Option<Running>, Failure> {
    let changes = changes(wanted, &group.raw);
    if changes.of("capacity.target").is_none_or(FieldChange::keeps_up) {
        return Ok(None);
    }
    let listed = stateful(client, account, group, may_lose)?;
    Ok(Some(Running::of(&listed.items, listed.left_out.len())))
}
