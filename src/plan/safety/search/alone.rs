//! Whether a node may be lost, by its shards alone: judged once more when allocation is restricted, since an index may have been
//! made in between.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::domain::{ShardCopy, ShardSight};
use crate::plan::Waiver;

/// The predicate of a gate that this is.
pub const COPIES_ELSEWHERE: &str = "copies_elsewhere";

/// Whether each shard with a copy on a node has another one that serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Elsewhere {
    /// Each has.
    All,
    /// These have none.
    Missing(Alone),
    /// The node is none of the cluster's.
    NoNode,
    /// It cannot be told.
    Unknown(String),
}

/// Shards without another copy that serves, by index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Alone(pub BTreeMap<String, BTreeSet<u64>>);

impl fmt::Display for Alone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told = |(index, shards): (&String, &BTreeSet<u64>)| {
            let shards: Vec<String> = shards.iter().map(u64::to_string).collect();
            format!("{index} (shard {})", shards.join(", "))
        };
        f.write_str(&self.0.iter().map(told).collect::<Vec<_>>().join("; "))
    }
}

/// The shards with a copy on the node of which no other copy serves.
pub(super) fn alone_on<'a>(
    shards: &'a [ShardCopy],
    target: &str,
) -> BTreeMap<&'a str, BTreeSet<u64>> {
    let on_target = |copy: &&ShardCopy| copy.node.as_deref() == Some(target);
    let elsewhere: BTreeSet<(&str, u64)> = shards
        .iter()
        .filter(|copy| copy.serves() && copy.may_be_primary && !on_target(copy))
        .map(|copy| (copy.index.as_str(), copy.shard))
        .collect();
    let mut by_index: BTreeMap<&str, BTreeSet<u64>> = BTreeMap::new();
    for copy in shards.iter().filter(on_target) {
        if !elsewhere.contains(&(copy.index.as_str(), copy.shard)) {
            by_index.entry(&copy.index).or_default().insert(copy.shard);
        }
    }
    by_index
}

/// Judges one look. Waivers are those of the gate: of `copies_elsewhere`, with or without the name of a gate before it.
pub fn copies_elsewhere(sight: &ShardSight, target: &str, waivers: &[Waiver]) -> Elsewhere {
    let (nodes, shards, health) = match (&sight.nodes, &sight.shards, &sight.health) {
        (Ok(nodes), Ok(shards), Ok(health)) => (nodes, shards, health),
        (Err(obstacle), _, _) | (_, Err(obstacle), _) | (_, _, Err(obstacle)) => {
            return Elsewhere::Unknown(obstacle.to_string());
        }
    };
    if !nodes.contains_key(target) {
        return Elsewhere::NoNode;
    }
    // A list that leaves copies out proves nothing of those.
    let listed = shards.iter().filter(|copy| copy.serves()).count() as u64;
    if health.timed_out || listed != health.active {
        let text = format!(
            "the cluster has still to settle: {listed} copies that serve are listed, {} are counted",
            health.active
        );
        return Elsewhere::Unknown(text);
    }
    let is_waived = |index: &str| {
        waivers.iter().any(|waiver| {
            let name = &waiver.predicate;
            let is_it = name.rsplit('.').next() == Some(COPIES_ELSEWHERE);
            is_it && waiver.covers(name, index)
        })
    };
    let alone: BTreeMap<String, BTreeSet<u64>> = alone_on(shards, target)
        .into_iter()
        .filter(|(index, _)| !is_waived(index))
        .map(|(index, shards)| (index.to_owned(), shards))
        .collect();
    if alone.is_empty() { Elsewhere::All } else { Elsewhere::Missing(Alone(alone)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Obstacle, ObstacleKind, SearchHealth, SearchNode, SearchStatus};

    fn copy(index: &str, state: &str, node: Option<&str>) -> ShardCopy {
        ShardCopy {
            index: index.to_owned(),
            shard: 0,
            state: state.to_owned(),
            node: node.map(str::to_owned),
            may_be_primary: true,
        }
    }

    fn sight(shards: Vec<ShardCopy>) -> ShardSight {
        let node = |id: &str| SearchNode { id: id.to_owned(), roles: BTreeSet::new() };
        let active = shards.iter().filter(|copy| copy.serves()).count() as u64;
        let health = SearchHealth {
            status: SearchStatus::Green,
            timed_out: false,
            nodes: 2,
            active,
            relocating: 0,
            initializing: 0,
            unassigned: 0,
            in_flight_fetches: 0,
            pending_tasks: 0,
        };
        ShardSight {
            nodes: Ok([("t".to_owned(), node("1")), ("o".to_owned(), node("2"))].into()),
            shards: Ok(shards),
            health: Ok(health),
        }
    }

    fn waiver(predicate: &str, objects: Option<&[&str]>) -> Waiver {
        Waiver {
            predicate: predicate.to_owned(),
            reason: "rebuilt daily".to_owned(),
            objects: objects.map(|it| it.iter().map(|it| (*it).to_owned()).collect()),
        }
    }

    #[test]
    fn another_copy_counts_if_it_serves_elsewhere_and_may_lead() {
        let on = |node| Some(node);
        let mine = || copy("a", "STARTED", on("t"));
        let search_only = ShardCopy { may_be_primary: false, ..copy("a", "STARTED", Some("o")) };
        for (other, is_elsewhere) in [
            (copy("a", "STARTED", on("o")), true),
            (copy("a", "RELOCATING", on("o")), true),
            (copy("a", "INITIALIZING", on("o")), false),
            (copy("a", "UNASSIGNED", None), false),
            (copy("b", "STARTED", on("o")), false),
            (copy("a", "STARTED", on("t")), false),
            (search_only, false),
        ] {
            let found = copies_elsewhere(&sight(vec![mine(), other.clone()]), "t", &[]);
            assert_eq!(found == Elsewhere::All, is_elsewhere, "{other:?}: {found:?}");
        }
        let nothing_there = sight(vec![copy("a", "STARTED", on("o"))]);
        assert_eq!(copies_elsewhere(&nothing_there, "t", &[]), Elsewhere::All);
    }

    #[test]
    fn what_was_waived_at_the_gate_is_waived_here() {
        let sight = sight(vec![copy("a", "STARTED", Some("t")), copy("b", "STARTED", Some("t"))]);
        for (waivers, missing) in [
            (vec![], "a (shard 0); b (shard 0)"),
            (vec![waiver("es.copies_elsewhere", Some(&["a"]))], "b (shard 0)"),
            (vec![waiver("copies_elsewhere", Some(&["b"]))], "a (shard 0)"),
            (vec![waiver("es.copies_serve", None)], "a (shard 0); b (shard 0)"),
            (vec![waiver("es.copies_elsewhere", Some(&[]))], "a (shard 0); b (shard 0)"),
        ] {
            let Elsewhere::Missing(alone) = copies_elsewhere(&sight, "t", &waivers) else {
                panic!("{waivers:?}")
            };
            assert_eq!(alone.to_string(), missing, "{waivers:?}");
        }
        let all = [waiver("es.copies_elsewhere", None)];
        assert_eq!(copies_elsewhere(&sight, "t", &all), Elsewhere::All);
    }

    #[test]
    fn what_is_not_told_is_unknown_and_a_node_that_is_not_there_is_none() {
        let whole = sight(vec![copy("a", "STARTED", Some("o"))]);
        assert_eq!(copies_elsewhere(&whole, "x", &[]), Elsewhere::NoNode);
        let obstacle = Obstacle { kind: ObstacleKind::Time, detail: "late".to_owned() };
        let mut more = whole.clone();
        more.health.as_mut().unwrap().active += 1;
        let mut late = whole.clone();
        late.health.as_mut().unwrap().timed_out = true;
        for blind in [
            ShardSight { nodes: Err(obstacle.clone()), ..whole.clone() },
            ShardSight { shards: Err(obstacle.clone()), ..whole.clone() },
            ShardSight { health: Err(obstacle), ..whole.clone() },
            more,
            late,
        ] {
            let found = copies_elsewhere(&blind, "t", &[]);
            assert!(matches!(found, Elsewhere::Unknown(_)), "{blind:?}: {found:?}");
        }
    }
}
