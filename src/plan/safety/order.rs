//! In which order the nodes of a cluster are rolled, judged from who leads it and what each does.
//!
//! Who leads comes last of its kind, since every change of leader costs the clients a pause; and the order is decided anew before
//! each node, since the lead moves meanwhile.

use std::collections::BTreeSet;
use std::fmt;

use crate::domain::{ClusterView, Leadership, NodeView, Standing};

/// What a cluster is, as far as the order goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Technology {
    /// Observers, then followers, then the leader.
    ZooKeeper,
    /// Data nodes by tier, those that may be elected as well after those that may not, then nodes without data, then those that may
    /// only be elected; the elected master last of all.
    Search,
    /// Controllers, the active one last, then brokers; with ZooKeeper the broker that is the controller last.
    Kafka,
}

/// A node that has yet to be rolled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The stateful instance.
    pub id: String,
    /// The name that it has in what the cluster tells.
    pub member: String,
    /// Its zone, if it is known.
    pub zone: Option<String>,
}

/// A node in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// The node.
    pub candidate: Candidate,
    /// What it is to the others.
    pub standing: Standing,
    /// How much it serves, if that is told.
    pub load: Option<u64>,
}

/// Why there is no order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoOrder {
    /// The cluster does not tell of this node, so nobody knows what would be rolled.
    NotSeen(Candidate),
    /// Two nodes are said to be the same member.
    Twice {
        /// The member.
        member: String,
    },
    /// Nobody leads.
    Nobody,
    /// Several say that they lead.
    Several(Vec<String>),
    /// It is not known of these whether they lead.
    Unknown(Vec<(String, Standing)>),
}

impl NoOrder {
    /// Whether it may pass by itself, as an election does.
    pub fn may_pass(&self) -> bool {
        !matches!(self, Self::Twice { .. })
    }
}

impl fmt::Display for NoOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSeen(Candidate { id, member, .. }) => {
                write!(f, "the cluster tells of no member {member}, which node {id} is said to be")
            }
            Self::Twice { member } => write!(f, "two nodes are said to be member {member}"),
            Self::Nobody => f.write_str("nobody leads the cluster"),
            Self::Several(leaders) => {
                write!(f, "several say that they lead the cluster: {}", leaders.join(", "))
            }
            Self::Unknown(nodes) => {
                let each = nodes.iter().map(|(node, standing)| format!("{node} ({standing})"));
                let each: Vec<String> = each.collect();
                write!(f, "it is not known who leads the cluster: {}", each.join(", "))
            }
        }
    }
}

/// The nodes in the order in which they are to be rolled: by what they do, who leads last; zone by zone, the zone of `after` first;
/// then by load, the least first, and by id. Without `after` the first one is the canary: the one with the least load of those that
/// come first, wherever it is, and its zone goes on.
///
/// # Errors
///
/// It is not known who leads, or of a node which member it is. Unknown is never taken for a follower.
pub fn order(
    technology: Technology,
    view: &ClusterView,
    candidates: &[Candidate],
    after: Option<&str>,
) -> Result<Vec<Placed>, NoOrder> {
    let mut members = BTreeSet::new();
    for candidate in candidates {
        if !members.insert(&candidate.member) {
            return Err(NoOrder::Twice { member: candidate.member.clone() });
        }
    }
    let leader = leader(view)?;
    let mut keyed = Vec::new();
    for candidate in candidates {
        let found = view.nodes().find(|(name, _)| *name == candidate.member);
        let Some((name, node)) = found else { return Err(NoOrder::NotSeen(candidate.clone())) };
        keyed.push((class(technology, node, name == leader), candidate, node));
    }
    let least = |(class, candidate, node): &(Class, &Candidate, &NodeView)| {
        (*class, node.load.unwrap_or(u64::MAX), candidate.id.clone())
    };
    let canary = keyed.iter().min_by_key(|it| least(it)).map(|(_, candidate, _)| *candidate);
    let zone = after.or_else(|| canary.and_then(|it| it.zone.as_deref()));
    keyed.sort_by_cached_key(|(class, candidate, node)| {
        let is_canary = after.is_none() && canary == Some(*candidate);
        let is_elsewhere = zone.is_none() || candidate.zone.as_deref() != zone;
        let place = (candidate.zone.is_none(), candidate.zone.clone());
        let load = node.load.unwrap_or(u64::MAX);
        (*class, !is_canary, is_elsewhere, place, load, candidate.id.clone())
    });
    let placed = keyed.into_iter().map(|(_, candidate, node)| Placed {
        candidate: candidate.clone(),
        standing: node.standing.clone(),
        load: node.load,
    });
    Ok(placed.collect())
}

fn leader(view: &ClusterView) -> Result<&str, NoOrder> {
    let owned = |nodes: Vec<&str>| nodes.into_iter().map(str::to_owned).collect();
    match view.leadership() {
        Leadership::One(leader) => Ok(leader),
        Leadership::Nobody => Err(NoOrder::Nobody),
        Leadership::Several(leaders) => Err(NoOrder::Several(owned(leaders))),
        Leadership::Unknown(nodes) => {
            let told = |node: &str| (node.to_owned(), view.standing(node));
            Err(NoOrder::Unknown(nodes.into_iter().map(told).collect()))
        }
    }
}

/// Which nodes come first: by number, and whoever leads after those of the same number.
type Class = (u8, bool);

fn class(technology: Technology, node: &NodeView, leads: bool) -> Class {
    let number = match technology {
        Technology::ZooKeeper => u8::from(node.standing != Standing::Observer),
        Technology::Kafka => u8::from(!node.roles.contains("controller")),
        Technology::Search if leads => 7,
        Technology::Search => search_class(&node.roles),
    };
    (number, leads)
}

/// The tiers from the coldest on: what is lost of a cold one for a while hurts the least.
fn search_class(roles: &BTreeSet<String>) -> u8 {
    const TIERS: [&[&str]; 3] = [&["data_frozen"], &["data_cold"], &["data_warm"]];
    let has = |names: &[&str]| names.iter().any(|name| roles.contains(*name));
    let is_electable = has(&["master", "cluster_manager"]);
    let holds_more = has(&["data", "data_hot", "data_content"]);
    let tier = TIERS.iter().rposition(|tier| has(tier));
    match (holds_more, tier, is_electable) {
        (true, _, is_electable) => 3 + u8::from(is_electable),
        // A loss of one that may be elected is a loss for the vote, however cold its data is.
        (false, Some(_), true) => 4,
        (false, Some(tier), false) => u8::try_from(tier).unwrap_or(0),
        (false, None, false) => 5,
        (false, None, true) => 6,
    }
}

#[cfg(test)]
mod tests;
