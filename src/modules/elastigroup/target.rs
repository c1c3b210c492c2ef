//! What the modules of groups share: which group is meant, and what stands in the way.

use serde_json::{Map, Value};

use crate::ansible::{Context, Failure};
use crate::domain::{AccountId, Group, GroupId, StatefulInstance, StatefulState};
use crate::drive::{Progress, Session, watched};
use crate::modules::World;
use crate::plan::group::{FieldChange, Found, Refusal, Wanted, changes, find};
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

/// The one group that is meant; it must be there.
pub(in crate::modules) fn one(
    id: Option<&str>,
    name: Option<&str>,
    region: Option<&str>,
    groups: &Listed<Group>,
) -> Result<Group, Failure> {
    let shown = id.or(name).unwrap_or_default();
    match find(Wanted { id, name, region }, &groups.items) {
        Found::One(group) => Ok(group.clone()),
        Found::Several(ids) => Err(several(shown, &ids)),
        Found::Nothing { elsewhere } => {
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
pub(in crate::modules) fn several(name: &str, ids: &[GroupId]) -> Failure {
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
    let nothing = || Listed { items: Vec::new(), oddities: Vec::new(), left_out: Vec::new() };
    let is_declared = group.persistence.may_have_stateful_instances();
    match client.list_stateful_instances(account, &group.id) {
        Ok(listed) => Ok(listed),
        Err(SpotError::NotFound { .. }) if !is_declared => Ok(nothing()),
        Err(SpotError::Rejected { .. }) if !is_declared && may_lose => Ok(nothing()),
        // A refusal says nothing of what there is.
        Err(error @ SpotError::Rejected { .. }) if !is_declared => Err(Failure::from(error)
            .adding(&format!(
                "; so nobody can tell whether group {} has stateful instances: run this again, or set confirm_data_loss if they \
                 and their data may go",
                group.id
            ))
            .retryable(true)),
        Err(error) => Err(error.into()),
    }
}

/// How many stateful instances run or are about to, if the target of a group that may have some is to sink.
pub(in crate::modules) fn running(
    client: &Client,
    account: &AccountId,
    group: &Group,
    wanted: &Map<String, Value>,
    may_lose: bool,
) -> Result<Option<usize>, Failure> {
    let changes = changes(wanted, &group.raw);
    if changes.of("capacity.target").is_none_or(FieldChange::keeps_up) {
        return Ok(None);
    }
    let listed = stateful(client, account, group, may_lose)?;
    let rests = |state: &StatefulState| {
        matches!(
            state,
            StatefulState::Pause
                | StatefulState::Pausing
                | StatefulState::Paused
                | StatefulState::Deallocate
                | StatefulState::Deallocating
                | StatefulState::Deallocated
        )
    };
    // What cannot be read may run.
    let unread = listed.left_out.len();
    Ok(Some(listed.items.iter().filter(|ssi| !rests(&ssi.state)).count() + unread))
}
