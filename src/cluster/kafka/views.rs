//! What one broker tells of the topics, asked over a connection to that broker.
//!
//! The library's own requests for metadata go to whichever broker it picks. Its pool connects to a broker by id, with the same
//! TLS and login as all else; what is sent over that connection is ours.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use krafka::__private::kafka_metadata;
use krafka::__private::network::BrokerConnection;
use krafka::__private::protocol::{
    ApiKey, DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResponse,
    MetadataRequest, MetadataResponse, VersionedDecode, VersionedEncode,
};
use krafka::KrafkaError;
use krafka::ProtocolErrorKind::{Malformed, UnknownApiVersion};
use krafka::admin::ConfigResourceType::{self, Broker, Topic};
use tokio::task::JoinSet;

use super::asked::{told, within};
use super::read;
use crate::domain::{KafkaNodeId, KafkaView, Obstacle};

/// The first version of Metadata that tells how many leaders a partition has had, and the last one that is known here.
const METADATA: (i16, i16) = (7, 13);

const DESCRIBE_CONFIGS: (i16, i16) = (1, 4);

/// Asks each of some brokers, all at once.
pub(super) async fn views(
    kafka: &krafka::Kafka,
    brokers: impl IntoIterator<Item = KafkaNodeId>,
    timeout: Duration,
) -> BTreeMap<KafkaNodeId, Result<KafkaView, Obstacle>> {
    let mut asked = JoinSet::new();
    for broker in brokers {
        let kafka = kafka.clone();
        asked.spawn(async move {
            let view = within(timeout, "Metadata", view(&kafka, broker)).await;
            (broker, view.map_err(|error| told(&format!("Metadata of broker {broker}"), &error)))
        });
    }
    let mut views = BTreeMap::new();
    while let Some(view) = asked.join_next().await {
        views.extend(view);
    }
    views
}

/// The connection is made to the address that is told for this broker. That it is this one that answers there, and no other one
/// behind a shared or inherited address, is shown by its configuration: a broker refuses to tell that of another.
async fn view(kafka: &krafka::Kafka, broker: KafkaNodeId) -> krafka::Result<KafkaView> {
    let connection = kafka_metadata(kafka).get_broker_connection(broker).await?;
    let itself = broker.to_string();
    let answer = configurations(&connection, Broker, &[&itself], &["broker.id"]).await?;
    let Some(told) = answer.results.into_iter().find(|it| it.resource_name == itself) else {
        let text = format!("who answers at {} does not show itself", connection.address());
        return Err(KrafkaError::protocol_kind(Malformed, text));
    };
    if !told.error_code.is_ok() {
        let text = told.error_message.unwrap_or_default();
        let text = format!("who answers at {} is not it: {text}", connection.address());
        return Err(KrafkaError::broker(told.error_code, text));
    }
    let all = MetadataRequest::all_topics();
    let answer: MetadataResponse = exchange(&connection, ApiKey::Metadata, METADATA, &all).await?;
    let names: BTreeSet<&str> = answer.topics.iter().filter_map(|it| it.name.as_deref()).collect();
    let names: Vec<&str> = names.into_iter().collect();
    let topics = if names.is_empty() {
        BTreeMap::new()
    } else {
        let wanted = &[read::MIN_IN_SYNC, read::UNCLEAN];
        read::topics(configurations(&connection, Topic, &names, wanted).await?)
    };
    Ok(KafkaView { partitions: read::partitions(answer)?, topics })
}

/// Some settings of things of a kind.
async fn configurations(
    connection: &BrokerConnection,
    kind: ConfigResourceType,
    names: &[&str],
    wanted: &[&str],
) -> krafka::Result<DescribeConfigsResponse> {
    let wanted: Vec<String> = wanted.iter().map(|it| (*it).to_owned()).collect();
    let resource = |name: &&str| DescribeConfigsResource {
        resource_type: kind,
        resource_name: (*name).to_owned(),
        config_names: Some(wanted.clone()),
    };
    let request = DescribeConfigsRequest {
        resources: names.iter().map(resource).collect(),
        include_synonyms: false,
        include_documentation: false,
    };
    exchange(connection, ApiKey::DescribeConfigs, DESCRIBE_CONFIGS, &request).await
}

async fn exchange<T: VersionedDecode>(
    connection: &BrokerConnection,
    key: ApiKey,
    (oldest, newest): (i16, i16),
    request: &impl VersionedEncode,
) -> krafka::Result<T> {
    let Some(version) = connection.negotiate_api_version(key, newest, oldest) else {
        let text =
            format!("{} has no {key:?} of version {oldest} to {newest}", connection.address());
        return Err(KrafkaError::protocol_kind(UnknownApiVersion, text));
    };
    let sent =
        connection.send_request(key, version, |buffer| request.encode_versioned(version, buffer));
    T::decode_versioned(version, &mut sent.await?)
}
