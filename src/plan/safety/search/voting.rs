//! Who votes for the master, and whether the target's vote can be spared.

use super::{Asked, Judged, Phase};
use crate::domain::SearchNode;

/// With fewer there is none to spare: of two that may be elected one alone is no majority.
const LEAST_MANAGERS: usize = 3;

/// Whether a node has a vote (`master` in Elasticsearch and old OpenSearch, else `cluster_manager`).
fn votes(node: &SearchNode) -> bool {
    node.roles.contains("master") || node.roles.contains("cluster_manager")
}

/// Whether a node may be elected: one that is `voting_only` (Elasticsearch) breaks ties for others.
fn may_be_elected(node: &SearchNode) -> bool {
    votes(node) && !node.roles.contains("voting_only")
}

impl Asked<'_> {
    /// More than half of those whose votes count are there, the target not counted until it is back. It goes by the voting
    /// configuration that was agreed on, not by a count of nodes.
    pub(super) fn voting_majority(&self) -> Judged {
        let (voting, nodes) = match (&self.cluster.voting, &self.cluster.nodes) {
            (Ok(voting), Ok(nodes)) => (voting, nodes),
            (Err(obstacle), _) | (_, Err(obstacle)) => {
                return Judged::unknown(obstacle.to_string());
            }
        };
        if !voting.exclusions.is_empty() {
            let excluded = voting.exclusions.join(", ");
            return Judged::fail(format!("excluded from voting by someone: {excluded}"));
        }
        let all = voting.committed.len();
        if all == 0 {
            return Judged::unknown("nobody votes, as it is told");
        }
        let counts = |name: &str| self.phase == Phase::Post || name != self.target();
        let there = nodes
            .iter()
            .filter(|(name, node)| {
                // One that came back without the role may be among the voters for long.
                counts(name) && votes(node) && voting.committed.contains(&node.id)
            })
            .count();
        let text = format!("{there} of {all} votes are there without {}", self.target());
        let text = if self.phase == Phase::Post {
            format!("{there} of {all} votes are there")
        } else {
            text
        };
        if there * 2 > all { Judged::pass(text) } else { Judged::fail(text) }
    }

    /// Where the target votes, at least three do: a majority of the votes can be kept with fewer, by a voting configuration of one, and
    /// then nothing else may happen while the target is away. And another one than the target may be elected.
    pub(super) fn managers_to_spare(&self) -> Judged {
        let nodes = match &self.cluster.nodes {
            Ok(nodes) => nodes,
            Err(obstacle) => return Judged::unknown(obstacle.to_string()),
        };
        let Some(target) = nodes.get(self.target()) else {
            return Judged::unknown(format!("{} is none of the nodes", self.target()));
        };
        if !votes(target) {
            return Judged::pass(format!("{} cannot be elected", self.target()));
        }
        let mut others = nodes.iter().filter(|(name, _)| *name != self.target());
        if !others.any(|(_, node)| may_be_elected(node)) {
            return Judged::fail(format!("without {} nobody may be elected", self.target()));
        }
        let all = nodes.values().filter(|node| votes(node)).count();
        let text = format!("{all} nodes may be elected, {LEAST_MANAGERS} are needed to spare one");
        if all >= LEAST_MANAGERS { Judged::pass(text) } else { Judged::fail(text) }
    }
}
