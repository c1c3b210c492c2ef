//! A Kafka cluster as its brokers tell of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::{ClusterView, NodeView, Obstacle, Standing};

/// A broker's or controller's id.
pub type KafkaNodeId = i32;

/// What a cluster said in one look. Each part was asked for by itself and may be missing by itself.
#[derive(Clone, Debug, PartialEq)]
pub struct KafkaCluster {
    /// Who belongs to it.
    pub members: Result<KafkaMembers, Obstacle>,
    /// Its topics, as each of several brokers tells of them by itself.
    pub views: Result<BTreeMap<KafkaNodeId, Result<KafkaView, Obstacle>>, Obstacle>,
    /// Partitions that are being moved.
    pub reassignments: Result<BTreeSet<KafkaPartition>, Obstacle>,
    /// What lies on the disks of each live broker, as that broker tells it.
    pub log_dirs: BTreeMap<KafkaNodeId, Result<KafkaLogDirs, Obstacle>>,
    /// Whether each live broker answers for itself.
    pub answers: BTreeMap<KafkaNodeId, Result<(), Obstacle>>,
    /// The metadata quorum; none in ZooKeeper mode.
    pub quorum: Result<Option<KafkaQuorum>, Obstacle>,
}

/// What a broker tells of the topics that the one who asks may see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KafkaView {
    /// Where each partition is.
    pub partitions: BTreeMap<KafkaPartition, KafkaReplicas>,
    /// What holds for each topic; one whose settings are not told is missing.
    pub topics: BTreeMap<String, KafkaTopic>,
}

/// Who belongs to a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KafkaMembers {
    /// The cluster's unique id.
    pub cluster_id: String,
    /// The active controller; in KRaft mode a random broker, so it counts in ZooKeeper mode only.
    pub controller: Option<KafkaNodeId>,
    /// Brokers that are registered.
    pub brokers: BTreeMap<KafkaNodeId, KafkaBroker>,
}

/// A registered broker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KafkaBroker {
    /// Its rack: the zone, as a rule.
    pub rack: Option<String>,
    /// Whether it is registered and takes no part.
    pub is_fenced: bool,
}

/// A partition of a topic.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KafkaPartition {
    /// The topic.
    pub topic: String,
    /// Its number.
    pub number: i32,
}

/// Where a partition is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KafkaReplicas {
    /// Who leads it.
    pub leader: Option<KafkaNodeId>,
    /// How many leaders it has had: of two brokers that tell of the same one, the older view has fewer. None if it is not told.
    pub leader_epoch: Option<i32>,
    /// Who has a replica; the first one is to lead.
    pub replicas: Vec<KafkaNodeId>,
    /// Whose replica is in sync.
    pub in_sync: BTreeSet<KafkaNodeId>,
    /// Whose replica is offline.
    pub offline: BTreeSet<KafkaNodeId>,
}

/// What holds for a topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KafkaTopic {
    /// So many replicas must be in sync for a write with all acknowledgements; none if it is not told.
    pub min_in_sync: Option<u32>,
    /// Whether a replica that is not in sync may come to lead, which loses writes; none if it is not told.
    pub unclean_election: Option<bool>,
}

/// What lies on a broker's disks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KafkaLogDirs {
    /// Its replicas, without those that are still being copied from one folder to another.
    pub replicas: BTreeSet<KafkaPartition>,
    /// How far its replicas are behind, in records, added up.
    pub lag: u64,
    /// Folders that it cannot use.
    pub offline: Vec<String>,
}

/// The quorum of controllers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KafkaQuorum {
    /// Who leads it.
    pub leader: Option<KafkaNodeId>,
    /// How many leaders it has had; none if it is not told.
    pub epoch: Option<i32>,
    /// Who votes.
    pub voters: BTreeMap<KafkaNodeId, KafkaQuorumReplica>,
    /// Who follows without a vote: brokers that are no controllers.
    pub observers: BTreeMap<KafkaNodeId, KafkaQuorumReplica>,
    /// After how long without a fetch a voter is taken for lost, in milliseconds, where it is told.
    pub fetch_timeout_ms: Option<u64>,
}

/// How far a voter or an observer is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KafkaQuorumReplica {
    /// The end of its log; none if it is not known.
    pub log_end: Option<i64>,
    /// When it was last level with the leader, by the leader's clock in milliseconds; none if it is not known.
    pub caught_up_ms: Option<i64>,
}

impl KafkaCluster {
    /// How many partitions a broker leads, by the first view that there is; none if there is none.
    pub fn led_by(&self, node: KafkaNodeId) -> Option<u64> {
        let view = self.views.as_ref().ok()?.values().flatten().next()?;
        u64::try_from(view.partitions.values().filter(|it| it.leader == Some(node)).count()).ok()
    }
}

impl From<&KafkaCluster> for ClusterView {
    /// In KRaft mode the standing in the quorum; brokers that are none of its voters observe.
    fn from(cluster: &KafkaCluster) -> Self {
        let mut view = Self::default();
        let brokers = cluster.members.as_ref().map(|it| it.brokers.keys()).into_iter().flatten();
        let quorum = cluster.quorum.as_ref();
        let voters = quorum.iter().filter_map(|it| it.as_ref()).flat_map(|it| it.voters.keys());
        let nodes: BTreeSet<KafkaNodeId> = brokers.chain(voters).copied().collect();
        for node in nodes {
            let standing = match (&cluster.quorum, &cluster.members) {
                (Err(obstacle), _) | (Ok(None), Err(obstacle)) => {
                    Standing::Unknown(obstacle.to_string())
                }
                (Ok(Some(quorum)), _) if quorum.leader == Some(node) => Standing::Leader,
                (Ok(Some(quorum)), _) if quorum.voters.contains_key(&node) => Standing::Follower,
                (Ok(Some(_)), _) => Standing::Observer,
                (Ok(None), Ok(members)) if members.controller == Some(node) => Standing::Leader,
                (Ok(None), Ok(_)) => Standing::Follower,
            };
            let is_voter =
                quorum.iter().any(|it| it.as_ref().is_some_and(|it| it.voters.contains_key(&node)));
            let is_broker = cluster.members.as_ref().is_ok_and(|it| it.brokers.contains_key(&node));
            let roles = [("controller", is_voter), ("broker", is_broker)];
            let roles = roles.into_iter().filter(|(_, is_it)| *is_it);
            let roles = roles.map(|(role, _)| role.to_owned()).collect();
            let load = cluster.led_by(node);
            view.note(node.to_string(), NodeView { standing, roles, load });
        }
        view
    }
}

impl fmt::Display for KafkaPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.number)
    }
}
