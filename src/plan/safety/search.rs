//! Elasticsearch and OpenSearch: whether a cluster can lose a node.
//!
//! Green alone does not prove it: an index without replicas is green until its node is gone. So each shard with a copy on
//! the node must have another copy that serves, and the vote for a master must be won without it.

mod alone;
mod health;
mod spare;
mod voting;

use std::collections::{BTreeMap, BTreeSet};

use alone::alone_on;
use health::{settled, status};

use super::phase::{Judged, Phase, Question, or_unknown};
use crate::domain::{SearchCluster, SearchNode, ShardCopy};
use crate::plan::gate::Finding;

pub use alone::{Alone, COPIES_ELSEWHERE, Elsewhere, copies_elsewhere};

const KIND: &str = "elasticsearch";

/// What may be set of allocation for good.
const ENABLE: &str = "cluster.routing.allocation.enable";
const EXCLUDE: &str = "cluster.routing.allocation.exclude.";

/// What is asked of a cluster besides what is asked of each.
#[derive(Clone, Debug)]
pub struct SearchQuestion {
    /// Phase and target: a node's name.
    pub question: Question,
    /// The names of all nodes that there should be, the target among them.
    pub nodes: BTreeSet<String>,
    /// Which cluster it must be, by its unique id; any if none.
    pub cluster_uuid: Option<String>,
    /// Which persistent id the target must have; any if none.
    pub node_id: Option<String>,
    /// What is asked of a node that has come back.
    pub extent: Extent,
}

/// How much is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// That the cluster is as its phase wants it.
    Whole,
    /// Only that the target can be lost at this moment: all nodes are there, and the others have a master, a majority and each of its
    /// shards. It holds while a roll restricts allocation, too.
    Losable,
    /// Only that the nodes that there should be are members, the target as itself: its shards may have yet to be given to it.
    Members,
}

/// Judges one look at a cluster.
///
/// `identified`, `settled`, `status`, `nodes_present`, `master_elected`, `shards` (all that serve are listed), `copies_elsewhere` by index (pre), `copies_serve` by index
/// (mid and post), `voting_majority`, `managers_to_spare` (pre), `nothing_left_over` (pre and post), `roles_elsewhere` by role (pre), `disk_headroom` by node (pre),
/// `no_snapshot` (pre), `no_recovery` (post), `same_node` (where an id is wanted); the names begin with the gate's. Of [`Extent::Members`] only
/// `identified`, `nodes_present`, `master_elected` and `same_node`; of [`Extent::Losable`] the first three of these, `voting_majority`,
/// `managers_to_spare`, `shards` and `copies_elsewhere`.
pub fn judge(cluster: &SearchCluster, question: &SearchQuestion) -> Vec<Finding> {
    let it = Asked { cluster, wanted: question, phase: question.question.phase };
    let mut found = vec![
        it.whole("identified", it.identified()).valued(it.uuid().map(Into::into)),
        it.whole("nodes_present", or_unknown(&cluster.nodes, |nodes| it.nodes_present(nodes))),
        it.whole("master_elected", it.master_elected()),
    ];
    if let Some(wanted) = question.node_id.as_deref().filter(|_| it.phase != Phase::Mid) {
        found.push(it.whole("same_node", it.same_node(wanted)));
    }
    if question.extent == Extent::Members {
        return found;
    }
    found.push(it.whole("voting_majority", it.voting_majority()));
    found.extend(it.of_shards());
    if it.phase == Phase::Pre {
        found.push(it.whole("managers_to_spare", it.managers_to_spare()));
    }
    if question.extent == Extent::Losable {
        return found;
    }
    found.extend([
        it.whole("settled", or_unknown(&cluster.health, |health| settled(health, it.phase))),
        it.whole("status", or_unknown(&cluster.health, |health| status(health, it.phase))),
    ]);
    if it.phase != Phase::Mid {
        found.push(it.whole("nothing_left_over", it.nothing_left_over()));
    }
    if it.phase == Phase::Post {
        found.extend(it.no_recovery());
    }
    if it.phase == Phase::Pre {
        found.extend(it.roles_elsewhere());
        found.extend(it.disk_headroom());
        found.push(it.whole("no_snapshot", or_unknown(&cluster.snapshots, |it| no_snapshot(it))));
    }
    found
}

struct Asked<'a> {
    cluster: &'a SearchCluster,
    wanted: &'a SearchQuestion,
    phase: Phase,
}

impl Asked<'_> {
    fn target(&self) -> &str {
        &self.wanted.question.target
    }

    fn whole(&self, name: &str, judged: Judged) -> Finding {
        self.wanted.question.finding(KIND, name, "cluster", judged)
    }

    /// Those of the target are elsewhere, or, where it is away or back, all are served.
    fn of_shards(&self) -> Vec<Finding> {
        let shards = match &self.cluster.shards {
            Ok(shards) => shards,
            Err(obstacle) => {
                return vec![self.whole("shards", Judged::unknown(obstacle.to_string()))];
            }
        };
        let mut found = vec![self.whole("shards", self.all_listed(shards))];
        found.extend(match self.phase {
            Phase::Pre => self.copies_elsewhere(shards),
            Phase::Mid | Phase::Post => self.copies_serve(shards),
        });
        found
    }

    fn uuid(&self) -> Option<&str> {
        self.cluster.identity.as_ref().ok()?.cluster_uuid.as_deref()
    }

    fn identified(&self) -> Judged {
        let told = match &self.cluster.identity {
            Ok(told) => told,
            Err(obstacle) => return Judged::unknown(obstacle.to_string()),
        };
        let text = format!("{:?} {}", told.product, told.version);
        match (&told.cluster_uuid, &self.wanted.cluster_uuid) {
            (None, _) => Judged::fail(format!("{text}: it belongs to no formed cluster")),
            (Some(uuid), Some(wanted)) if uuid != wanted => {
                Judged::fail(format!("{text}: it is cluster {uuid}, {wanted} is wanted"))
            }
            (Some(uuid), _) => Judged::pass(format!("{text}, cluster {uuid}")),
        }
    }

    /// Exactly the nodes that there should be: one that is not known may be the one that a shard's only copy is on.
    fn nodes_present(&self, nodes: &BTreeMap<String, SearchNode>) -> Judged {
        let is_wanted = |name: &&String| !self.wanted.question.is_away(name);
        let wanted: BTreeSet<&String> = self.wanted.nodes.iter().filter(is_wanted).collect();
        let there: BTreeSet<&String> = nodes.keys().collect();
        let names = |set: BTreeSet<&&String>| {
            set.into_iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ")
        };
        // A node that does not answer for itself is left out of the list, and counted all the same.
        if let Ok(health) = &self.cluster.health
            && health.nodes != there.len() as u64
        {
            let (counted, told) = (health.nodes, there.len());
            return Judged::fail(format!(
                "{counted} nodes are counted, and {told} tell of themselves"
            ));
        }
        let missing = names(wanted.difference(&there).collect());
        let extra = names(there.difference(&wanted).collect());
        match (missing.is_empty(), extra.is_empty()) {
            (true, true) => Judged::pass(format!("the {} nodes are there", wanted.len())),
            (true, false) => Judged::fail(format!("not expected: {extra}")),
            (false, true) => Judged::fail(format!("missing: {missing}"))
                .off_by(wanted.difference(&there).count() as u64),
            (false, false) => Judged::fail(format!("missing: {missing}; not expected: {extra}")),
        }
    }

    /// The id lives in the data folder, so another one tells that the node came back with another folder or an empty one.
    fn same_node(&self, wanted: &str) -> Judged {
        or_unknown(&self.cluster.nodes, |nodes| match nodes.get(self.target()) {
            None => Judged::unknown(format!("{} is none of the nodes", self.target())),
            Some(SearchNode { id, .. }) if id == wanted => {
                Judged::pass(format!("{} has the persistent id {id}", self.target()))
            }
            Some(SearchNode { id, .. }) => Judged::fail(format!(
                "{} has the persistent id {id}, and {wanted} is wanted: it does not have the data folder that it had",
                self.target()
            )),
        })
    }

    fn master_elected(&self) -> Judged {
        match (&self.cluster.master, &self.cluster.nodes) {
            (Err(obstacle), _) => Judged::unknown(obstacle.to_string()),
            (Ok(None), _) => Judged::fail("no master is elected"),
            (Ok(Some(master)), _) if self.wanted.question.is_away(master) => {
                Judged::fail(format!("{master} is still the master"))
            }
            (Ok(Some(master)), Ok(nodes)) if !nodes.contains_key(master) => {
                Judged::fail(format!("the master {master} is none of the nodes"))
            }
            (Ok(Some(master)), _) => Judged::pass(format!("{master} is the master")),
        }
    }

    /// A list that leaves copies out, as one that may not see them all would, proves nothing of those.
    fn all_listed(&self, shards: &[ShardCopy]) -> Judged {
        or_unknown(&self.cluster.health, |health| {
            let listed = shards.iter().filter(|copy| copy.serves()).count() as u64;
            let text =
                format!("{listed} copies that serve are listed, {} are counted", health.active);
            // A cluster that has still to settle may not list yet what it has made.
            let is_told = listed == health.active && !health.timed_out;
            if is_told { Judged::pass(text) } else { Judged::unknown(text) }
        })
    }

    /// One finding for each index that has a copy on the target.
    fn copies_elsewhere(&self, shards: &[ShardCopy]) -> Vec<Finding> {
        let on_target = |copy: &&ShardCopy| copy.node.as_deref() == Some(self.target());
        let by_index = alone_on(shards, self.target());
        let judged: BTreeSet<&str> =
            shards.iter().filter(on_target).map(|copy| copy.index.as_str()).collect();
        self.by_index("copies_elsewhere", judged.into_iter(), &by_index, |alone| {
            format!("no other copy serves of shard {alone}")
        })
    }

    /// One finding for each index: each of its shards is served by someone.
    fn copies_serve(&self, shards: &[ShardCopy]) -> Vec<Finding> {
        let is_away = |copy: &ShardCopy| {
            copy.node.as_deref().is_some_and(|node| self.wanted.question.is_away(node))
        };
        let served: BTreeSet<(&str, u64)> = shards
            .iter()
            .filter(|copy| copy.serves() && copy.may_be_primary && !is_away(copy))
            .map(|copy| (copy.index.as_str(), copy.shard))
            .collect();
        let mut by_index: BTreeMap<&str, BTreeSet<u64>> = BTreeMap::new();
        for copy in shards.iter().filter(|it| !served.contains(&(it.index.as_str(), it.shard))) {
            by_index.entry(&copy.index).or_default().insert(copy.shard);
        }
        let all: BTreeSet<&str> = shards.iter().map(|copy| copy.index.as_str()).collect();
        self.by_index("copies_serve", all.into_iter(), &by_index, |alone| {
            format!("no copy serves of shard {alone}")
        })
    }

    /// The good indices in one finding, and each bad one in its own, so that a waiver can name it.
    fn by_index<'i>(
        &self,
        name: &str,
        all: impl Iterator<Item = &'i str>,
        bad: &BTreeMap<&'i str, BTreeSet<u64>>,
        told: impl Fn(&str) -> String,
    ) -> Vec<Finding> {
        let good = all.filter(|index| !bad.contains_key(index)).count();
        let bad = bad.iter().map(|(index, shards)| {
            let shards: Vec<String> = shards.iter().map(u64::to_string).collect();
            (*index, Judged::fail(told(&shards.join(", "))).off_by(shards.len() as u64))
        });
        self.each(name, Judged::pass(format!("of {good} indices it holds")), bad)
    }

    /// What holds of the others in one finding, and each object of which it does not in its own, so that a waiver covers no more than
    /// it names.
    fn each<'o>(
        &self,
        name: &str,
        rest: Judged,
        unmet: impl IntoIterator<Item = (&'o str, Judged)>,
    ) -> Vec<Finding> {
        let mut found = vec![self.whole(name, rest)];
        found.extend(
            unmet
                .into_iter()
                .map(|(object, judged)| self.wanted.question.finding(KIND, name, object, judged)),
        );
        found
    }

    fn nothing_left_over(&self) -> Judged {
        let (settings, shutdowns) = match (&self.cluster.settings, &self.cluster.shutdowns) {
            (Ok(settings), Ok(shutdowns)) => (settings, shutdowns),
            (Err(obstacle), _) | (_, Err(obstacle)) => {
                return Judged::unknown(obstacle.to_string());
            }
        };
        let mut left: Vec<String> = settings
            .iter()
            .filter(|it| match it.name.as_str() {
                ENABLE => it.value != "all",
                name => name.starts_with(EXCLUDE) && !it.value.is_empty(),
            })
            .map(|it| format!("{} {} is {}", it.scope, it.name, it.value))
            .collect();
        left.extend(shutdowns.iter().map(|node| format!("{node} is registered to be shut down")));
        if left.is_empty() {
            Judged::pass("allocation is not restricted and no node is to be shut down")
        } else {
            Judged::fail(left.join("; "))
        }
    }
}

fn no_snapshot(running: &[String]) -> Judged {
    if running.is_empty() {
        Judged::pass("no snapshot is being taken")
    } else {
        Judged::fail(format!("being taken: {}", running.join(", ")))
    }
}

#[cfg(test)]
mod tests;
