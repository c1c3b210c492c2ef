//! What the client library's answers say, in our own nouns.

use std::collections::{BTreeMap, HashMap};
use std::str::FromStr;

use krafka::__private::protocol::{
    DescribeConfigsResponse, DescribeConfigsResult, MetadataResponse,
};
use krafka::admin::{
    ClusterDescription, ConfigEntry, LogDirDescription, QuorumInfo, QuorumReplica,
};
use krafka::error::ErrorCode;
use krafka::{KrafkaError, ProtocolErrorKind};

use crate::domain::{
    KafkaBroker, KafkaLogDirs, KafkaMembers, KafkaNodeId, KafkaPartition, KafkaQuorum,
    KafkaQuorumReplica, KafkaReplicas, KafkaTopic, printable,
};

/// A node that is none.
const NOBODY: KafkaNodeId = -1;

/// So many replicas must be in sync for a write with all acknowledgements.
pub(super) const MIN_IN_SYNC: &str = "min.insync.replicas";

/// Whether a replica that is not in sync may come to lead.
pub(super) const UNCLEAN: &str = "unclean.leader.election.enable";

pub(super) fn partition(topic: &str, number: i32) -> KafkaPartition {
    KafkaPartition { topic: printable(topic), number }
}

pub(super) fn members(told: ClusterDescription) -> KafkaMembers {
    let broker = |it: krafka::admin::ClusterBroker| {
        let rack = it.rack.map(|rack| printable(&rack));
        (it.id, KafkaBroker { rack, is_fenced: it.is_fenced })
    };
    KafkaMembers {
        cluster_id: printable(&told.cluster_id),
        controller: (told.controller_id > NOBODY).then_some(told.controller_id),
        brokers: told.brokers.into_iter().map(broker).collect(),
    }
}

/// All partitions that the one who asked may see.
pub(super) fn partitions(
    told: MetadataResponse,
) -> krafka::Result<BTreeMap<KafkaPartition, KafkaReplicas>> {
    if !told.error_code.is_ok() {
        return Err(KrafkaError::broker(told.error_code, "of all topics"));
    }
    let mut partitions = BTreeMap::new();
    for topic in told.topics {
        let name = topic.name.unwrap_or_default();
        if !topic.error_code.is_ok() || name.is_empty() {
            return Err(KrafkaError::broker(topic.error_code, format!("of topic {name:?}")));
        }
        for it in topic.partitions {
            let at = partition(&name, it.partition_index);
            if !is_told(it.error_code) {
                return Err(KrafkaError::broker(it.error_code, format!("of partition {at}")));
            }
            let replicas = KafkaReplicas {
                leader: (it.leader_id > NOBODY).then_some(it.leader_id),
                leader_epoch: (it.leader_epoch >= 0).then_some(it.leader_epoch),
                replicas: it.replica_nodes,
                in_sync: it.isr_nodes.into_iter().collect(),
                offline: it.offline_replicas.into_iter().collect(),
            };
            // Names that differ by what is not shown alone would hide one another.
            if partitions.contains_key(&at) {
                let text = format!("partition {at} is told of twice");
                return Err(KrafkaError::protocol_kind(ProtocolErrorKind::Malformed, text));
            }
            partitions.insert(at, replicas);
        }
    }
    Ok(partitions)
}

/// What holds for topics. One that may not be described stays out, and what is not told of it is unknown.
pub(super) fn topics(told: DescribeConfigsResponse) -> BTreeMap<String, KafkaTopic> {
    let told = told.results.into_iter().filter(|it| it.error_code.is_ok());
    let topic = |it: DescribeConfigsResult| {
        let value = |name: &str| {
            let entry = it.configs.iter().find(|entry| entry.name == name)?;
            Some(entry.value.as_deref()?.trim())
        };
        let topic = KafkaTopic {
            min_in_sync: value(MIN_IN_SYNC).and_then(|it| it.parse().ok()),
            unclean_election: value(UNCLEAN).and_then(|it| it.parse().ok()),
        };
        (printable(&it.resource_name), topic)
    };
    told.map(topic).collect()
}

/// Whether a partition is told of: that somebody is down is told by these codes.
fn is_told(code: ErrorCode) -> bool {
    code.is_ok()
        || matches!(
            code,
            ErrorCode::LeaderNotAvailable
                | ErrorCode::ReplicaNotAvailable
                | ErrorCode::ListenerNotFound
        )
}

/// A value, if it is told and is one of its kind.
pub(super) fn value<T: FromStr>(entries: &[ConfigEntry], name: &str) -> Option<T> {
    let entry = entries.iter().find(|entry| entry.name == name)?;
    entry.value.as_deref()?.trim().parse().ok()
}

pub(super) fn quorum(told: QuorumInfo, fetch_timeout_ms: Option<u64>) -> KafkaQuorum {
    let replica = |it: QuorumReplica| {
        let replica = KafkaQuorumReplica {
            log_end: (it.log_end_offset >= 0).then_some(it.log_end_offset),
            caught_up_ms: it.last_caught_up_timestamp.filter(|at| *at >= 0),
        };
        (it.replica_id, replica)
    };
    KafkaQuorum {
        leader: (told.leader_id > NOBODY).then_some(told.leader_id),
        epoch: (told.leader_epoch >= 0).then_some(told.leader_epoch),
        voters: told.voters.into_iter().map(replica).collect(),
        observers: told.observers.into_iter().map(replica).collect(),
        fetch_timeout_ms,
    }
}

pub(super) fn log_dirs(
    told: HashMap<String, Result<LogDirDescription, krafka::KrafkaError>>,
) -> KafkaLogDirs {
    let mut dirs = KafkaLogDirs::default();
    for (folder, described) in told {
        let Ok(described) = described else {
            dirs.offline.push(printable(&folder));
            continue;
        };
        for (it, replica) in described.replicas {
            if !replica.is_future {
                dirs.lag = dirs.lag.saturating_add(u64::try_from(replica.offset_lag).unwrap_or(0));
                dirs.replicas.insert(partition(&it.topic, it.partition));
            }
        }
    }
    dirs.offline.sort();
    dirs
}

/// Whether a broker answers so to one who is not allowed to ask.
pub(super) fn is_forbidden(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::TopicAuthorizationFailed
            | ErrorCode::ClusterAuthorizationFailed
            | ErrorCode::GroupAuthorizationFailed
            | ErrorCode::SaslAuthenticationFailed
    )
}
