//! Looking at a group as a whole.

use crate::domain::{AccountId, GroupId, StatefulInstance, StatefulInstanceId};
use crate::drive::concurrently::both;
use crate::drive::instances::{instances_and_status, instances_beside};
use crate::drive::stateful::Sight;
use crate::plan::roll::{Node, Survey};
use crate::plan::stateful::Promises;
use crate::spot::{Client, SpotError};

/// Reads everything a decision about the group needs: five calls, one to each route, at the same time.
///
/// So the list of instances may be a moment older than the suspensions beside it, and what the platform began in that moment
/// would not be in it. Before a machine is given up there are therefore two looks, one after the other: what was seen to be
/// suspended in the first was so before the second looked who runs.
///
/// # Errors
///
/// The first in the order configuration, deployments, suspensions, status, instances.
pub fn survey(client: &Client, account: &AccountId, group: &GroupId) -> Result<Survey, SpotError> {
    let at_once = client.reads_at_once();
    let settings = || {
        both(at_once, || client.get_group(account, group), || client.deployments(account, group))
    };
    let running = || {
        both(at_once, || client.suspensions(account, group), || client.group_status(account, group))
    };
    let rest = || both(at_once, settings, running);
    let (rest, listed) = instances_beside(client, account, group, rest)?;
    let ((config, deployments), (suspensions, status)) = rest;
    let left_out = [
        config.left_out,
        deployments.left_out,
        suspensions.left_out,
        status.left_out,
        listed.left_out,
    ]
    .concat();
    let oddities = [config.oddities, suspensions.oddities, listed.oddities].concat();
    let Some(found) = config.items.into_iter().next() else {
        return Err(SpotError::BadReply {
            doing: format!("read the configuration of group {group}"),
            server: String::new(),
            status: 200,
            problem: left_out.join("; "),
            is_torn: true,
            request_id: None,
        });
    };
    let node = |instance: &StatefulInstance| Node::new(instance, &status.items);
    Ok(Survey {
        group: found,
        nodes: listed.items.iter().map(node).collect(),
        suspensions: suspensions.items,
        deployments: deployments.items,
        left_out,
        oddities,
        at: client.vendor_now(),
    })
}

/// Only the instances, in two calls at the same time, and what could not be taken of them.
///
/// # Errors
///
/// That of the status, else that of the list.
pub(super) fn nodes(
    client: &Client,
    account: &AccountId,
    group: &GroupId,
) -> Result<(Vec<Node>, Vec<String>), SpotError> {
    let (listed, status) = instances_and_status(client, account, group)?;
    let node = |instance: &StatefulInstance| Node::new(instance, &status.items);
    let left_out = [status.left_out, listed.left_out].concat();
    Ok((listed.items.iter().map(node).collect(), left_out))
}

/// One instance of the survey, as an action on it needs it.
pub fn sight(survey: &Survey, id: &StatefulInstanceId) -> Sight {
    let mine = survey.nodes.iter().find(|node| node.id == *id);
    let others = survey.nodes.iter().filter(|node| node.id != *id);
    let volumes = |node: &Node| {
        let ids = node.seen.devices.iter().filter_map(|device| device.volume_id.clone());
        ids.map(|volume| (volume, node.id.as_str().to_owned())).collect::<Vec<_>>()
    };
    Sight {
        snapshot: mine.map(|node| node.seen.clone()),
        promises: Promises::from(&survey.group),
        lists_volumes: true,
        // A step of a roll knows its machine by its journal.
        machines_of_others: Vec::new(),
        known_before: None,
        by_journal: true,
        volumes_of_others: others.flat_map(volumes).collect(),
        oddities: Vec::new(),
    }
}
