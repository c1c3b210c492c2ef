//! Looking at one stateful instance.

use crate::domain::{
    AccountId, GroupId, InstanceId, StatefulInstance, StatefulInstanceId, StatefulTarget,
};
use crate::drive::instances::instances_and_status;
use crate::plan::stateful::{Promises, Snapshot};
use crate::spot::{Client, SpotError};

/// A full look: the instance, what its configuration promises, and whose its neighbours' volumes are.
#[derive(Clone, Debug)]
pub struct Sight {
    /// The instance, if it is listed.
    pub snapshot: Option<Snapshot>,
    /// What its configuration promises; nothing if that is not there.
    pub promises: Promises,
    /// Whether the vendor tells whose volumes are whose.
    pub lists_volumes: bool,
    /// Which other instance of the group has which volume.
    pub volumes_of_others: Vec<(String, String)>,
    /// Which other instance of the group runs as which machine.
    pub machines_of_others: Vec<(InstanceId, String)>,
    /// What is known of the machine that the caller expects and that is gone: nothing, unless someone has written it down.
    pub known_before: Option<Snapshot>,
    /// Whether a journal knows what the machine had, and what has to be the same is judged by that.
    pub by_journal: bool,
    /// What was odd.
    pub oddities: Vec<String>,
}

impl Sight {
    /// Another instance of the group that has this volume.
    pub fn holder_of(&self, volume: &str) -> Option<&str> {
        let found = self.volumes_of_others.iter().find(|(other, _)| other == volume);
        found.map(|(_, holder)| holder.as_str())
    }
}

/// Reads everything a decision needs: three calls for an instance of a group, two for a managed one.
///
/// # Errors
///
/// The first call that fails. A group that does not exist is an error, an instance that does not is none.
pub fn look(
    client: &Client,
    account: &AccountId,
    target: &StatefulTarget,
) -> Result<Sight, SpotError> {
    match target {
        StatefulTarget::Grouped { group, id } => grouped(client, account, group, id),
        StatefulTarget::Managed(id) => {
            let listed = client.list_managed_instances(account)?;
            let managed = listed.items.iter().find(|managed| managed.id == *id);
            let snapshot = match managed {
                Some(_) => glance(client, account, target)?,
                None => None,
            };
            Ok(Sight {
                snapshot,
                promises: managed.map(Promises::from).unwrap_or_default(),
                lists_volumes: false,
                volumes_of_others: Vec::new(),
                machines_of_others: Vec::new(),
                known_before: None,
                by_journal: false,
                oddities: listed.oddities,
            })
        }
    }
}

fn grouped(
    client: &Client,
    account: &AccountId,
    group: &GroupId,
    id: &StatefulInstanceId,
) -> Result<Sight, SpotError> {
    let config = client.get_group(account, group)?;
    let status = client.group_status(account, group)?;
    // Last, since this is what a decision compares: each call may have to wait for the rate limit.
    let listed = client.list_stateful_instances(account, group)?;
    let mine = listed.items.iter().find(|instance| instance.id == *id);
    let oddities = [config.oddities, status.oddities, listed.oddities].concat();
    let others = listed.items.iter().filter(|instance| instance.id != *id);
    let machine = |other: &StatefulInstance| {
        other.instance_id.clone().map(|machine| (machine, other.id.to_string()))
    };
    Ok(Sight {
        machines_of_others: others.clone().filter_map(machine).collect(),
        snapshot: mine.map(|instance| Snapshot::of_stateful(instance, &status.items)),
        promises: config.items.first().map(Promises::from).unwrap_or_default(),
        lists_volumes: true,
        volumes_of_others: others.flat_map(volumes).collect(),
        known_before: None,
        by_journal: false,
        oddities,
    })
}

/// One instance with zone and address, but not what its configuration promises: two calls at the same time for an instance of a
/// group, one for a managed one. None if it is not there.
///
/// # Errors
///
/// The first call that fails.
pub(super) fn recount(
    client: &Client,
    account: &AccountId,
    target: &StatefulTarget,
) -> Result<Option<Snapshot>, SpotError> {
    let StatefulTarget::Grouped { group, id } = target else {
        return glance(client, account, target);
    };
    let (listed, status) = instances_and_status(client, account, group)?;
    let mine = listed.items.iter().find(|instance| instance.id == *id);
    Ok(mine.map(|instance| Snapshot::of_stateful(instance, &status.items)))
}

fn volumes(instance: &StatefulInstance) -> Vec<(String, String)> {
    let ids = instance.devices.iter().filter_map(|device| device.volume_id.clone());
    ids.map(|volume| (volume, instance.id.as_str().to_owned())).collect()
}

/// A quick look for waiting: one call, without zone and, where it is not persisted, without address.
pub(super) fn glance(
    client: &Client,
    account: &AccountId,
    target: &StatefulTarget,
) -> Result<Option<Snapshot>, SpotError> {
    match target {
        StatefulTarget::Grouped { group, id } => {
            let listed = client.list_stateful_instances(account, group)?;
            let mine = listed.items.iter().find(|instance| instance.id == *id);
            Ok(mine.map(|instance| Snapshot::of_stateful(instance, &[])))
        }
        StatefulTarget::Managed(id) => match client.managed_instance_status(account, id) {
            Ok(listed) => Ok(listed.items.first().map(Snapshot::of_managed)),
            Err(SpotError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        },
    }
}
