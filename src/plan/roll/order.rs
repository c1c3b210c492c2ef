//! In which order nodes are rolled.

use std::collections::BTreeMap;

use super::survey::Node;
use crate::domain::StatefulInstanceId;

/// What the caller says of the order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrderWish {
    /// The first one; without it the first of the order that follows.
    pub canary: Option<StatefulInstanceId>,
    /// The last ones, in this order: a cluster's leader, for instance.
    pub last: Vec<StatefulInstanceId>,
}

/// The canary first, then zone by zone, then the ones that were asked to be last.
///
/// Within a zone it goes by id, zones go by name, and nodes of a zone that is not told come after the others: so the order is
/// the same each time.
pub fn order<'a>(nodes: impl IntoIterator<Item = &'a Node>, wish: &OrderWish) -> Vec<&'a Node> {
    let place = |node: &Node| wish.last.iter().position(|last| *last == node.id);
    let mut keyed: BTreeMap<_, &Node> = BTreeMap::new();
    for node in nodes {
        let is_canary = wish.canary.as_ref() == Some(&node.id);
        let zone = &node.seen.availability_zone;
        let last = place(node);
        keyed.insert(
            (!is_canary, last.map(|place| place + 1), zone.is_none(), zone, &node.id),
            node,
        );
    }
    keyed.into_values().collect()
}
