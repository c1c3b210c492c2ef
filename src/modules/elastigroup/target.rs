//! What the modules of groups share: which group is meant, and what stands in the way.

use serde_json::{Map, Value};

use crate::ansible::{Context, Failure};
use crate::domain::{AccountId, Group, GroupId, StatefulState};
use crate::drive::{Progress, Session, watched};
use crate::modules::World;
use crate::plan::group::{Found, Refusal, Wanted, changes, find};
use crate::spot::{Client, Listed};

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

/// How many stateful instances run or are about to, if the target of a stateful group is to sink.
pub(in crate::modules) fn running(
    client: &Client,
    account: &AccountId,
    group: &Group,
    wanted: &Map<String, Value>,
) -> Result<Option<usize>, Failure> {
    let changes_target = changes(wanted, &group.raw).of("capacity.target").is_some();
    if !changes_target || !group.persistence.may_have_stateful_instances() {
        return Ok(None);
    }
    let listed = client.list_stateful_instances(account, &group.id)?;
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
