//! The stateful instances of a group, read together with what else a decision needs.

use std::time::Duration;

use super::concurrently::both;
use crate::domain::{AccountId, GroupId, Member, StatefulInstance};
use crate::spot::{Client, Listed, SpotError};

/// The instances are read again when the rest came so much later.
const AGED: Duration = Duration::from_secs(1);

/// Reads the list of stateful instances at the same time as `rest`.
///
/// The list is what ages: it tells who runs. Where `rest` has to wait, for a rate limit or a server that stumbles, the list is read
/// once more after it, so that it is never older by more than a second than what it is judged with. Each route has its own rate
/// limit and is asked by one call at a time.
///
/// What a decision needs to have seen *before* it looks who runs must be read before this.
///
/// # Errors
///
/// That of `rest`, else that of the list, whichever was told first.
pub(super) fn instances_beside<R>(
    client: &Client,
    account: &AccountId,
    group: &GroupId,
    rest: impl FnOnce() -> Result<R, SpotError>,
) -> Result<(R, Listed<StatefulInstance>), SpotError> {
    let list = || client.list_stateful_instances(account, group);
    let dated = || list().map(|listed| (listed, client.monotonic()));
    let (rest, (listed, answered)) = both(client.reads_at_once(), rest, dated)?;
    let is_aged = client.monotonic().saturating_sub(answered) > AGED;
    Ok((rest, if is_aged { list()? } else { listed }))
}

/// The instances, and the group's status, which adds zone and present address.
///
/// # Errors
///
/// That of the status, else that of the list.
pub(super) fn instances_and_status(
    client: &Client,
    account: &AccountId,
    group: &GroupId,
) -> Result<(Listed<StatefulInstance>, Listed<Member>), SpotError> {
    let status = || client.group_status(account, group);
    let (status, listed) = instances_beside(client, account, group, status)?;
    Ok((listed, status))
}
