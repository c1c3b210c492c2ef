//! What a broker answers, from what it knows.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::describe_cluster_response::DescribeClusterBroker;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResult,
};
use kafka_protocol::messages::describe_log_dirs_response::{
    DescribeLogDirsPartition, DescribeLogDirsResult, DescribeLogDirsTopic,
};
use kafka_protocol::messages::describe_quorum_response::{PartitionData, ReplicaState, TopicData};
use kafka_protocol::messages::list_partition_reassignments_response::{
    OngoingPartitionReassignment, OngoingTopicReassignment,
};
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::{
    ApiKey, ApiVersionsResponse, BrokerId, DescribeClusterResponse, DescribeConfigsResponse,
    DescribeLogDirsResponse, DescribeQuorumResponse, ListPartitionReassignmentsResponse,
    MetadataResponse, RequestKind, ResponseKind, TopicName,
};
use kafka_protocol::protocol::StrBytes;

use super::{Known, Partition, Topic};

const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
const LEADER_NOT_AVAILABLE: i16 = 5;
const INVALID_REQUEST: i16 = 42;
const KAFKA_STORAGE_ERROR: i16 = 56;

const TOPIC: i8 = 2;
const BROKER: i8 = 4;

/// What is served.
const SERVED: [ApiKey; 9] = [
    ApiKey::ApiVersions,
    ApiKey::Metadata,
    ApiKey::DescribeCluster,
    ApiKey::DescribeConfigs,
    ApiKey::DescribeLogDirs,
    ApiKey::DescribeQuorum,
    ApiKey::ListPartitionReassignments,
    ApiKey::SaslHandshake,
    ApiKey::SaslAuthenticate,
];

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

fn topic_name(name: &str) -> TopicName {
    TopicName(text(name))
}

fn ids(ids: &[i32]) -> Vec<BrokerId> {
    ids.iter().copied().map(BrokerId).collect()
}

pub(super) fn versions() -> ResponseKind {
    let range = |key: &ApiKey| {
        let versions = key.valid_versions();
        ApiVersion::default()
            .with_api_key(*key as i16)
            .with_min_version(versions.min)
            .with_max_version(versions.max)
    };
    let keys = SERVED.iter().map(range).collect();
    ResponseKind::ApiVersions(ApiVersionsResponse::default().with_api_keys(keys))
}

/// The answer of broker `id`.
pub(super) fn answer(
    known: &Known,
    addresses: &BTreeMap<i32, SocketAddr>,
    id: i32,
    request: &RequestKind,
) -> ResponseKind {
    let it = Answering { known, addresses, id };
    match request {
        RequestKind::Metadata(asked) => {
            let named: Option<Vec<String>> = asked.topics.as_ref().map(|topics| {
                let names = topics.iter().filter_map(|it| it.name.as_ref());
                names.map(|name| name.to_string()).collect()
            });
            ResponseKind::Metadata(it.metadata(named.as_deref()))
        }
        RequestKind::DescribeCluster(_) => ResponseKind::DescribeCluster(it.cluster()),
        RequestKind::DescribeConfigs(asked) => {
            let results = asked.resources.iter().map(|resource| it.config(resource)).collect();
            let answer = DescribeConfigsResponse::default().with_results(results);
            ResponseKind::DescribeConfigs(answer)
        }
        RequestKind::DescribeLogDirs(_) => ResponseKind::DescribeLogDirs(it.log_dirs()),
        RequestKind::DescribeQuorum(_) => ResponseKind::DescribeQuorum(it.quorum()),
        RequestKind::ListPartitionReassignments(_) => {
            ResponseKind::ListPartitionReassignments(it.moving())
        }
        other => panic!("{other:?}"),
    }
}

struct Answering<'a> {
    known: &'a Known,
    addresses: &'a BTreeMap<i32, SocketAddr>,
    id: i32,
}

impl<'a> Answering<'a> {
    fn address(&self, id: i32) -> SocketAddr {
        self.addresses[self.known.astray.get(&id).unwrap_or(&id)]
    }

    fn live(&self) -> impl Iterator<Item = i32> {
        self.addresses.keys().copied().filter(|id| !self.known.fenced.contains(id))
    }

    /// With a quorum of their own brokers name one of those that are live.
    fn controller(&self) -> BrokerId {
        BrokerId(self.live().last().unwrap_or(-1))
    }

    /// The topics as this broker knows them, which the one who asks may describe.
    fn topics(&self) -> impl Iterator<Item = (&'a String, &'a Topic)> {
        let topics = self.known.old.get(&self.id).unwrap_or(&self.known.topics);
        topics.iter().filter(|(name, _)| !self.known.hidden.contains(*name))
    }

    fn metadata(&self, named: Option<&[String]>) -> MetadataResponse {
        let broker = |id: i32| {
            let address = self.address(id);
            MetadataResponseBroker::default()
                .with_node_id(BrokerId(id))
                .with_host(text(&address.ip().to_string()))
                .with_port(i32::from(address.port()))
        };
        let is_named =
            |name: &String| named.is_none_or(|names| names.iter().any(|named| named == name));
        let topics = self.topics().filter(|(name, _)| is_named(name)).map(|(name, topic)| {
            let partitions = topic.partitions.iter().zip(0..);
            MetadataResponseTopic::default().with_name(Some(topic_name(name))).with_partitions(
                partitions.map(|(it, number)| self.partition(it, number)).collect(),
            )
        });
        MetadataResponse::default()
            .with_brokers(self.live().map(broker).collect())
            .with_cluster_id(Some(text("fakes")))
            .with_controller_id(self.controller())
            .with_topics(topics.collect())
    }

    fn partition(&self, it: &Partition, number: i32) -> MetadataResponsePartition {
        let offline = it.replicas.iter().filter(|id| self.known.fenced.contains(id));
        MetadataResponsePartition::default()
            .with_error_code(if it.leader < 0 { LEADER_NOT_AVAILABLE } else { 0 })
            .with_partition_index(number)
            .with_leader_id(BrokerId(it.leader))
            .with_leader_epoch(it.epoch)
            .with_replica_nodes(ids(&it.replicas))
            .with_isr_nodes(ids(&it.in_sync))
            .with_offline_replicas(offline.copied().map(BrokerId).collect())
    }

    /// As a broker answers that is asked for those that are fenced, too.
    fn cluster(&self) -> DescribeClusterResponse {
        let broker = |id: i32| {
            let address = self.address(id);
            DescribeClusterBroker::default()
                .with_broker_id(BrokerId(id))
                .with_host(text(&address.ip().to_string()))
                .with_port(i32::from(address.port()))
                .with_is_fenced(self.known.fenced.contains(&id))
        };
        DescribeClusterResponse::default()
            .with_cluster_id(text("fakes"))
            .with_controller_id(self.controller())
            .with_brokers(self.addresses.keys().copied().map(broker).collect())
    }

    fn config(&self, asked: &DescribeConfigsResource) -> DescribeConfigsResult {
        let result = DescribeConfigsResult::default()
            .with_resource_type(asked.resource_type)
            .with_resource_name(asked.resource_name.clone());
        let refused = |code: i16, why: &str| {
            result.clone().with_error_code(code).with_error_message(Some(text(why)))
        };
        let id = self.id;
        match (asked.resource_type, self.topics().find(|(name, _)| ***name == *asked.resource_name))
        {
            (BROKER, _) if *asked.resource_name == *id.to_string() => {
                let named = entry("broker.id", Some(&id.to_string()));
                let timeout = entry("controller.quorum.fetch.timeout.ms", Some("2000"));
                result.with_configs(vec![named, timeout])
            }
            (BROKER, _) => {
                let other = &asked.resource_name;
                let why = format!(
                    "Unexpected broker id, expected {id} or empty string, but received {other}"
                );
                refused(INVALID_REQUEST, &why)
            }
            (TOPIC, Some((_, topic))) => result.with_configs(vec![
                entry("min.insync.replicas", topic.min_in_sync.as_deref()),
                entry("unclean.leader.election.enable", Some("false")),
            ]),
            _ => refused(UNKNOWN_TOPIC_OR_PARTITION, "there is none"),
        }
    }

    /// What lies on a disk lies there for whoever may look at disks.
    fn log_dirs(&self) -> DescribeLogDirsResponse {
        let topics = self.known.topics.iter().filter_map(|(name, topic)| {
            let here = topic.partitions.iter().zip(0..);
            let here = here.filter(|(it, _)| it.replicas.contains(&self.id));
            let partitions: Vec<_> = here
                .map(|(_, number)| DescribeLogDirsPartition::default().with_partition_index(number))
                .collect();
            (!partitions.is_empty()).then(|| {
                DescribeLogDirsTopic::default()
                    .with_name(topic_name(name))
                    .with_partitions(partitions)
            })
        });
        let used = DescribeLogDirsResult::default()
            .with_log_dir(text("/var/lib/kafka"))
            .with_topics(topics.collect());
        let broken = self.known.broken.get(&self.id).map(|folder| {
            DescribeLogDirsResult::default()
                .with_log_dir(text(folder))
                .with_error_code(KAFKA_STORAGE_ERROR)
        });
        let results = std::iter::once(used).chain(broken).collect();
        DescribeLogDirsResponse::default().with_results(results)
    }

    fn quorum(&self) -> DescribeQuorumResponse {
        let quorum = &self.known.quorum;
        let voter = |id: i32| {
            let (records, late) = quorum.behind.get(&id).copied().unwrap_or_default();
            ReplicaState::default()
                .with_replica_id(BrokerId(id))
                .with_log_end_offset(50_000 - records)
                .with_last_fetch_timestamp(1_700_000_000_000 - late)
                .with_last_caught_up_timestamp(1_700_000_000_000 - late)
        };
        let partition = PartitionData::default()
            .with_leader_id(BrokerId(quorum.leader))
            .with_leader_epoch(3)
            .with_high_watermark(50_000)
            .with_current_voters(self.addresses.keys().copied().map(voter).collect());
        let topic = TopicData::default()
            .with_topic_name(topic_name("__cluster_metadata"))
            .with_partitions(vec![partition]);
        DescribeQuorumResponse::default().with_topics(vec![topic])
    }

    fn moving(&self) -> ListPartitionReassignmentsResponse {
        let topic = |(name, number): (&String, &i32)| {
            let partition = OngoingPartitionReassignment::default()
                .with_partition_index(*number)
                .with_replicas(ids(&[1, 2, 3]))
                .with_adding_replicas(ids(&[3]));
            OngoingTopicReassignment::default()
                .with_name(topic_name(name))
                .with_partitions(vec![partition])
        };
        let topics = self.known.moving.iter().map(topic).collect();
        ListPartitionReassignmentsResponse::default().with_topics(topics)
    }
}

fn entry(name: &str, value: Option<&str>) -> DescribeConfigsResourceResult {
    DescribeConfigsResourceResult::default().with_name(text(name)).with_value(value.map(text))
}
