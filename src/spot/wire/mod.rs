//! The vendor's objects as domain values. Tolerant: what is missing is none, what is new is kept or passed over, what
//! is odd is named.

mod account;
mod deployment;
mod fields;
mod group;
mod instance;
mod log;
mod managed;
mod scheduled_task;
mod suspension;

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::Listed;
use super::envelope::{Reply, excerpt};

pub(super) use account::{account, external_id, iam_role, new_user, user, user_details};
pub(super) use deployment::deployment;
pub(super) use group::group;
pub(super) use instance::{healthiness, member, stateful_instance};
pub(super) use log::log_line;
pub(super) use managed::{managed_instance, managed_status};
pub(super) use suspension::suspensions;

/// So many cases tell what is wrong with a reply; a million would hide it.
const MOST_TOLD: usize = 20;

/// One decoded item and the id that must be unique among its like, if it has one.
pub(super) struct Decoded<T> {
    id: Option<String>,
    value: T,
}

/// An item that is passed on as the vendor sent it.
pub(super) fn as_it_is(object: Map<String, Value>) -> Decoded<Map<String, Value>> {
    Decoded { id: None, value: object }
}

/// Decodes all items of a reply. `kind` is what one is called in oddities.
///
/// What is no object and what `decode` returns nothing for (it lacks its id) is left out; of several with the same id
/// the first is kept. Each such case is told.
pub(super) fn listed<T>(
    reply: Reply,
    kind: &str,
    mut decode: impl FnMut(Map<String, Value>, &mut Vec<String>) -> Option<Decoded<T>>,
) -> Listed<T> {
    let Reply { items: sent, mut oddities, mut left_out, .. } = reply;
    let mut items = Vec::with_capacity(sent.len());
    let mut seen = BTreeSet::new();
    for (index, item) in sent.into_iter().enumerate() {
        let place = index + 1;
        let Value::Object(object) = item else {
            left_out.push(format!("item {place} of the reply is no {kind}: left out"));
            continue;
        };
        let Some(Decoded { id, value }) = decode(object, &mut oddities) else {
            left_out.push(format!("{kind} at place {place} of the reply has no id: left out"));
            continue;
        };
        if let Some(id) = id
            && !seen.insert(id.clone())
        {
            let id = excerpt(&id, "");
            oddities.push(format!("{kind} {id} is listed twice: the second is left out"));
            continue;
        }
        items.push(value);
    }
    for told in [&mut oddities, &mut left_out] {
        let more = told.len().saturating_sub(MOST_TOLD);
        if more > 0 {
            told.truncate(MOST_TOLD);
            told.push(format!("and {more} more like these"));
        }
    }
    Listed { items, oddities, left_out }
}

#[cfg(test)]
mod tests;
