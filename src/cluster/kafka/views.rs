//! What one broker tells of the partitions, asked over a connection to that broker.
//!
//! The library's own requests for metadata go to whichever broker it picks. Its pool connects to a broker by id, with the same
//! TLS and login as all else; what is sent over that connection is ours.

use std::collections::BTreeMap;
use std::time::Duration;

use krafka::__private::kafka_metadata;
use krafka::__private::network::BrokerConnection;
use krafka::__private::protocol::{
    ApiKey, DescribeConfigsRequest, DescribeConfigsResponse, MetadataRequest, MetadataResponse,
    VersionedDecode, VersionedEncode,
};
use krafka::KrafkaError;
use krafka::ProtocolErrorKind::{Malformed, UnknownApiVersion};
use tokio::task::JoinSet;

use super::asked::{told, within};
use super::read;
use crate::domain::{KafkaNodeId, KafkaTold};

/// The first version of Metadata that tells how many leaders a partition has had, and the last one that is known here.
const METADATA: (i16, i16) = (7, 13);

const DESCRIBE_CONFIGS: (i16, i16) = (1, 4);

/// Asks each of some brokers, all at once.
pub(super) async fn views(
    kafka: &krafka::Kafka,
    brokers: impl IntoIterator<Item = KafkaNodeId>,
    timeout: Duration,
) -> BTreeMap<KafkaNodeId, KafkaTold> {
    let mut asked = JoinSet::new();
    for broker in brokers {
        let kafka = kafka.clone();
        asked.spawn(async move {
            let told_by = format!("Metadata of broker {broker}");
            let view = within(timeout, "Metadata", view(&kafka, broker)).await;
            (broker, view.and_then(read::view).map_err(|error| told(&told_by, &error)))
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
async fn view(kafka: &krafka::Kafka, broker: KafkaNodeId) -> krafka::Result<MetadataResponse> {
    let connection = kafka_metadata(kafka).get_broker_connection(broker).await?;
    let mut request = DescribeConfigsRequest::for_broker(broker);
    for resource in &mut request.resources {
        resource.config_names = Some(vec!["broker.id".to_owned()]);
    }
    let answer: DescribeConfigsResponse =
        exchange(&connection, ApiKey::DescribeConfigs, DESCRIBE_CONFIGS, &request).await?;
    let wanted = broker.to_string();
    let Some(itself) = answer.results.into_iter().find(|it| it.resource_name == wanted) else {
        let text = format!("who answers at {} does not show itself", connection.address());
        return Err(KrafkaError::protocol_kind(Malformed, text));
    };
    if !itself.error_code.is_ok() {
        let text = itself.error_message.unwrap_or_default();
        let text = format!("who answers at {} is not it: {text}", connection.address());
        return Err(KrafkaError::broker(itself.error_code, text));
    }
    exchange(&connection, ApiKey::Metadata, METADATA, &MetadataRequest::all_topics()).await
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
