//! An Elasticsearch or OpenSearch cluster as it tells of itself.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::{ClusterView, NodeView, Obstacle, Standing};

/// What a cluster said in one look. Each part was asked for by itself and may be missing by itself.
#[derive(Clone, Debug, PartialEq)]
pub struct SearchCluster {
    /// Which one it is.
    pub identity: Result<SearchIdentity, Obstacle>,
    /// How it is.
    pub health: Result<SearchHealth, Obstacle>,
    /// Its nodes by their names.
    pub nodes: Result<BTreeMap<String, SearchNode>, Obstacle>,
    /// The name of the elected master; none while none is elected.
    pub master: Result<Option<String>, Obstacle>,
    /// All copies of all shards.
    pub shards: Result<Vec<ShardCopy>, Obstacle>,
    /// Who votes for the master.
    pub voting: Result<Voting, Obstacle>,
    /// What is set that is not set for good: name and value, by scope and name.
    pub settings: Result<Vec<SearchSetting>, Obstacle>,
    /// Nodes that are registered to be shut down, by their ids; OpenSearch has no such register.
    pub shutdowns: Result<Vec<String>, Obstacle>,
    /// How full the disks are, in percent by node name.
    pub disks: Result<BTreeMap<String, f64>, Obstacle>,
    /// How full a disk may be before shards are moved away from it.
    pub high_watermark: Result<Watermark, Obstacle>,
    /// Snapshots that are being taken.
    pub snapshots: Result<Vec<String>, Obstacle>,
    /// Copies that are being recovered.
    pub recoveries: Result<Vec<ShardRecovery>, Obstacle>,
}

/// A copy of a shard that is being recovered: from its own disk, from another copy, from a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardRecovery {
    /// The index.
    pub index: String,
    /// The shard's number.
    pub shard: u64,
    /// The name of the node that gets it.
    pub node: String,
    /// How far it is, such as `index` or `translog`.
    pub stage: String,
    /// How much has been brought back: bytes of files, and operations that were done anew.
    pub recovered: u64,
}

/// Which cluster it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchIdentity {
    /// Which of the two.
    pub product: SearchProduct,
    /// Its version.
    pub version: String,
    /// The cluster's unique id; none while it has not formed.
    pub cluster_uuid: Option<String>,
}

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SearchProduct {
    /// Elasticsearch.
    Elasticsearch,
    /// OpenSearch.
    OpenSearch,
}

/// A traffic light.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SearchStatus {
    /// All copies of all shards are there.
    Green,
    /// All primaries are there.
    Yellow,
    /// A primary is missing.
    Red,
    /// A word that is not known.
    Other(String),
}

/// How a cluster is.
#[derive(Clone, Debug, PartialEq)]
pub struct SearchHealth {
    /// The light.
    pub status: SearchStatus,
    /// Whether the cluster had still to settle when it answered, so that the rest may be out of date.
    pub timed_out: bool,
    /// How many nodes it has.
    pub nodes: u64,
    /// Copies of shards that serve.
    pub active: u64,
    /// Shards under way between nodes.
    pub relocating: u64,
    /// Shards being made.
    pub initializing: u64,
    /// Shards without a node, those whose placement waits among them.
    pub unassigned: u64,
    /// Questions to nodes about their shards.
    pub in_flight_fetches: u64,
    /// Tasks that wait for the master.
    pub pending_tasks: u64,
}

/// A node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchNode {
    /// Its persistent id, which lives in its data folder.
    pub id: String,
    /// What it does.
    pub roles: BTreeSet<String>,
}

/// One copy of a shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardCopy {
    /// The index.
    pub index: String,
    /// The shard's number.
    pub shard: u64,
    /// `STARTED`, `RELOCATING`, `INITIALIZING`, `UNASSIGNED`.
    pub state: String,
    /// The node's name; none if it is nowhere.
    pub node: Option<String>,
    /// Whether it is or may become the primary: a copy for searches alone (OpenSearch) takes no writes.
    pub may_be_primary: bool,
}

impl ShardCopy {
    /// Whether it can serve: one that moves is whole until the other end has taken over.
    pub fn serves(&self) -> bool {
        self.node.is_some() && matches!(self.state.as_str(), "STARTED" | "RELOCATING")
    }
}

/// What one look at a cluster tells of its shards. Each part may be missing by itself.
#[derive(Clone, Debug, PartialEq)]
pub struct ShardSight {
    /// Its nodes by their names.
    pub nodes: Result<BTreeMap<String, SearchNode>, Obstacle>,
    /// All copies of all shards.
    pub shards: Result<Vec<ShardCopy>, Obstacle>,
    /// How it is, asked last.
    pub health: Result<SearchHealth, Obstacle>,
}

/// A node that is registered to be shut down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchShutdown {
    /// How, such as `RESTART`.
    pub kind: String,
    /// Why, in the words of whoever registered it.
    pub reason: String,
    /// How far it is, such as `COMPLETE`.
    pub status: String,
}

/// Who votes for the master.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Voting {
    /// The ids of the nodes whose votes count, as last agreed.
    pub committed: BTreeSet<String>,
    /// Those that someone has excluded.
    pub exclusions: Vec<String>,
}

/// A setting of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchSetting {
    /// `transient` or `persistent`.
    pub scope: &'static str,
    /// Its name, with dots.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// How full a disk may be.
#[derive(Clone, Debug, PartialEq)]
pub enum Watermark {
    /// Percent used.
    Percent(f64),
    /// Told in another way, such as bytes free.
    Other(String),
}

impl From<&SearchCluster> for ClusterView {
    fn from(cluster: &SearchCluster) -> Self {
        let mut view = Self::default();
        let Ok(nodes) = &cluster.nodes else { return view };
        let copies = |name: &str| {
            let shards = cluster.shards.as_ref().ok()?;
            u64::try_from(shards.iter().filter(|it| it.node.as_deref() == Some(name)).count()).ok()
        };
        for (name, node) in nodes {
            let votes = node.roles.contains("master") || node.roles.contains("cluster_manager");
            let standing = match &cluster.master {
                Err(obstacle) => Standing::Unknown(obstacle.to_string()),
                Ok(Some(master)) if master == name => Standing::Leader,
                Ok(_) if votes => Standing::Follower,
                Ok(_) => Standing::Observer,
            };
            view.note(name, NodeView { standing, roles: node.roles.clone(), load: copies(name) });
        }
        view
    }
}

impl fmt::Display for SearchStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Green => "green",
            Self::Yellow => "yellow",
            Self::Red => "red",
            Self::Other(word) => word,
        })
    }
}
