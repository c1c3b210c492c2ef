//! A cluster as its observers saw it.

use std::collections::{BTreeMap, BTreeSet};

use super::one_line;

/// A cluster at one moment, by its nodes' names. What was not seen is unknown and never guessed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClusterView {
    nodes: BTreeMap<String, NodeView>,
}

/// One node of it.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeView {
    /// What the node is to the others.
    pub standing: Standing,
    /// What it does, in the words of its technology; empty where all do the same.
    pub roles: BTreeSet<String>,
    /// How much it serves at present, in what its technology counts: partitions led, copies of shards, connections. None if it is
    /// not told.
    pub load: Option<u64>,
}

impl NodeView {
    /// A node of which no more is known.
    pub fn standing(standing: Standing) -> Self {
        Self { standing, roles: BTreeSet::new(), load: None }
    }
}

/// What a node is to the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The others follow it: a controller, an elected master.
    Leader,
    /// It votes and follows.
    Follower,
    /// It follows without a vote.
    Observer,
    /// It takes no part at present: its process is down, or it has no quorum. It certainly does not lead.
    Away,
    /// Nobody could tell, and why: a lowercase fragment. It may well lead.
    Unknown(String),
}

/// Who leads, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leadership<'a> {
    /// This node and no other: every node's standing is known.
    One(&'a str),
    /// Every node's standing is known and none leads.
    Nobody,
    /// Several say that they lead, as happens during an election.
    Several(Vec<&'a str>),
    /// The standing of these nodes is not known, so any of them may lead.
    Unknown(Vec<&'a str>),
}

impl ClusterView {
    /// Notes a node; a second note of the same name stands.
    pub fn note(&mut self, node: impl Into<String>, view: NodeView) {
        self.nodes.insert(node.into(), view);
    }

    /// Leaves a node out of what is known.
    pub fn forget(&mut self, node: &str) {
        self.nodes.remove(node);
    }

    /// The nodes in the order of their names.
    pub fn nodes(&self) -> impl Iterator<Item = (&str, &NodeView)> {
        self.nodes.iter().map(|(name, view)| (name.as_str(), view))
    }

    /// The standing of a node; unknown if the node was not seen.
    pub fn standing(&self, node: &str) -> Standing {
        match self.nodes.get(node) {
            Some(view) => view.standing.clone(),
            None => Standing::Unknown("it was not seen".to_owned()),
        }
    }

    /// Who leads.
    pub fn leadership(&self) -> Leadership<'_> {
        let those = |is: fn(&Standing) -> bool| -> Vec<&str> {
            self.nodes().filter(|(_, view)| is(&view.standing)).map(|(name, _)| name).collect()
        };
        let leaders = those(|standing| *standing == Standing::Leader);
        let unknown = those(|standing| matches!(standing, Standing::Unknown(_)));
        match leaders[..] {
            [_, _, ..] => Leadership::Several(leaders),
            _ if !unknown.is_empty() => Leadership::Unknown(unknown),
            [one] => Leadership::One(one),
            [] => Leadership::Nobody,
        }
    }
}

impl std::fmt::Display for Standing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Leader => f.write_str("leader"),
            Self::Follower => f.write_str("follower"),
            Self::Observer => f.write_str("observer"),
            Self::Away => f.write_str("away"),
            Self::Unknown(why) => write!(f, "unknown: {}", one_line(why)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(standings: &[Standing]) -> ClusterView {
        let mut view = ClusterView::default();
        for (at, standing) in standings.iter().enumerate() {
            view.note(format!("n{at}"), NodeView::standing(standing.clone()));
        }
        view
    }

    #[test]
    fn one_leads_only_if_all_others_are_known_not_to() {
        use Standing::{Away, Follower, Leader, Observer};
        let unknown = || Standing::Unknown("no answer".to_owned());
        for (standings, expected) in [
            (vec![Follower, Leader, Observer], Leadership::One("n1")),
            (vec![Follower, Follower], Leadership::Nobody),
            (vec![Away, Leader], Leadership::One("n1")),
            (vec![Leader, Follower, Leader], Leadership::Several(vec!["n0", "n2"])),
            (vec![Leader, Leader, unknown()], Leadership::Several(vec!["n0", "n1"])),
            (vec![Leader, unknown()], Leadership::Unknown(vec!["n1"])),
            (vec![unknown(), unknown()], Leadership::Unknown(vec!["n0", "n1"])),
            (vec![], Leadership::Nobody),
        ] {
            assert_eq!(view(&standings).leadership(), expected, "{standings:?}");
        }
    }

    #[test]
    fn a_node_that_was_not_seen_is_unknown() {
        let view = view(&[Standing::Leader]);
        assert_eq!(view.standing("n0"), Standing::Leader);
        assert_eq!(view.standing("n9").to_string(), "unknown: it was not seen");
    }
}
