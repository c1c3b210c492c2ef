//! Asking brokers through the client library; none of its types leaves this folder.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::time::Duration;

use krafka::admin::{
    AdminClient, ConfigResource, DescribeClusterOptions, DescribeConfigsOptions,
    DescribeLogDirsOptions, DescribeMetadataQuorumOptions, DescribeTopicsOptions,
    ListPartitionReassignmentsOptions, ListTopicsOptions,
};
use krafka::auth::{AuthConfig, TlsConfig};
use krafka::{KrafkaError, ProtocolErrorKind};
use secrecy::ExposeSecret;
use tokio::runtime::Runtime;

use super::{KafkaError, KafkaLogin, KafkaTarget, KafkaTls, read};
use crate::domain::{
    KafkaCluster, KafkaLogDirs, KafkaMembers, KafkaNodeId, KafkaPartition, KafkaQuorum,
    KafkaReplicas, KafkaTopic, Obstacle, ObstacleKind, one_line,
};

/// So many looks at the partitions, each over a connection of its own.
const VIEWS: usize = 2;

/// The library refuses to wait for less.
pub(super) const SHORTEST: Duration = Duration::from_millis(500);

const MIN_IN_SYNC: &str = "min.insync.replicas";
const UNCLEAN: &str = "unclean.leader.election.enable";
const FETCH_TIMEOUT: &str = "controller.quorum.fetch.timeout.ms";

/// A cluster that can be asked any number of times.
#[derive(Debug)]
pub struct Kafka {
    pub(super) runtime: Runtime,
    pub(super) target: KafkaTarget,
    secrets: Vec<String>,
}

type Partitions = BTreeMap<KafkaPartition, KafkaReplicas>;

impl Kafka {
    /// Makes ready; nothing is sent.
    ///
    /// # Errors
    ///
    /// What is wanted cannot be asked for.
    pub fn new(target: &KafkaTarget) -> Result<Self, KafkaError> {
        let brokers: BTreeSet<&str> = target.bootstrap.iter().map(|it| it.trim()).collect();
        for broker in &brokers {
            let port = broker.rsplit_once(':').map(|(host, port)| (host, port.parse::<u16>()));
            if !matches!(port, Some((host, Ok(1..))) if !host.is_empty()) {
                return Err(KafkaError::Broker(one_line(broker)));
            }
        }
        if brokers.len() < VIEWS {
            return Err(KafkaError::TooFew(brokers.len()));
        }
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(1).enable_all().build();
        let runtime = runtime.map_err(|error| KafkaError::Setup(error.to_string()))?;
        Ok(Self { runtime, target: target.clone(), secrets: target.secrets() })
    }

    /// What may show nowhere, though a server may well repeat it.
    pub fn secrets(&self) -> &[String] {
        &self.secrets
    }

    /// Asks once; all of it is over within twice `timeout`. The library asks whichever broker it picks, so the views may be of
    /// one broker, and of the one that is rolled: what counts is that look after look agrees.
    pub fn look(&self, timeout: Duration) -> KafkaCluster {
        let timeout = timeout.max(SHORTEST);
        let looked = self
            .runtime
            .block_on(async { tokio::time::timeout(timeout * 2, self.look_within(timeout)).await });
        looked.unwrap_or_else(|_| nothing(&late("a look")))
    }

    async fn look_within(&self, timeout: Duration) -> KafkaCluster {
        let mut asked: Vec<krafka::Kafka> = Vec::new();
        let mut obstacle = None;
        for broker in &self.target.bootstrap {
            match self.connect(broker, timeout).await {
                Ok(kafka) => asked.push(kafka),
                Err(error) => obstacle = Some(told(&format!("broker {broker}"), &error)),
            }
            if asked.len() == VIEWS {
                break;
            }
        }
        let Some(first) = asked.first() else {
            return nothing(&obstacle.unwrap_or_else(|| late("bootstrap")));
        };
        let admin = first.admin();
        let mut views = Vec::new();
        for kafka in &asked {
            views.push(partitions(&kafka.admin(), timeout).await);
        }
        let members = members(&admin, timeout).await;
        let live: Vec<KafkaNodeId> =
            members.iter().flat_map(|it| it.brokers.keys().copied()).collect();
        let (topics, quorum, moving, dirs, answers) = tokio::join!(
            topics(&admin, views.iter().flatten().next(), timeout),
            quorum(&admin, live.first().copied(), timeout),
            reassignments(&admin, timeout),
            log_dirs(&admin, &live, timeout),
            answers(&admin, &live, timeout),
        );
        KafkaCluster {
            members,
            views,
            topics,
            reassignments: moving,
            log_dirs: dirs,
            answers,
            quorum,
        }
    }

    pub(super) async fn connect(
        &self,
        broker: &str,
        timeout: Duration,
    ) -> krafka::Result<krafka::Kafka> {
        let mut builder = krafka::Kafka::builder(broker)
            .client_id("spotinst-esg")
            .connect_timeout(timeout)
            .request_timeout(timeout)
            .allow_auto_create_topics(false);
        if let Some(security) = self.security() {
            builder = builder.security(security);
        }
        within(timeout, "connect", builder.connect()).await
    }

    fn security(&self) -> Option<AuthConfig> {
        let login = self.target.login.as_ref().map(|login| match login {
            KafkaLogin::Plain(name, secret) => AuthConfig::sasl_plain(name, secret.expose_secret()),
            KafkaLogin::ScramSha256(name, secret) => {
                AuthConfig::sasl_scram_sha256(name, secret.expose_secret())
            }
            KafkaLogin::ScramSha512(name, secret) => {
                AuthConfig::sasl_scram_sha512(name, secret.expose_secret())
            }
            KafkaLogin::OAuthBearer(token) => AuthConfig::sasl_oauthbearer(token.expose_secret()),
        });
        match (login, self.target.tls.as_ref().map(tls)) {
            (Some(login), Some(tls)) => Some(login.with_tls(tls)),
            (None, Some(tls)) => Some(AuthConfig::ssl(tls)),
            (login, None) => login,
        }
    }
}

fn tls(wanted: &KafkaTls) -> TlsConfig {
    let mut tls = if wanted.validate_certs { TlsConfig::new() } else { TlsConfig::insecure() };
    if let Some(ca) = &wanted.ca {
        tls = tls.with_ca_cert(ca.display().to_string());
    }
    if let Some(client) = &wanted.client {
        let (certificate, key) = (client.certificate.display(), client.key.display());
        tls = tls.with_client_cert(certificate.to_string(), key.to_string());
    }
    tls
}

/// The library bounds each of its attempts; this bounds the call.
pub(super) async fn within<T>(
    timeout: Duration,
    what: &str,
    call: impl Future<Output = krafka::Result<T>>,
) -> krafka::Result<T> {
    let ended = tokio::time::timeout(timeout, call).await;
    ended.unwrap_or_else(|_| Err(KrafkaError::timeout(what)))
}

async fn members(admin: &AdminClient, timeout: Duration) -> Result<KafkaMembers, Obstacle> {
    let options = DescribeClusterOptions::default().timeout(timeout);
    let asked = within(timeout, "DescribeCluster", admin.describe_cluster(options)).await;
    asked.map(read::members).map_err(|error| told("DescribeCluster", &error))
}

/// All partitions that the one who asks may see.
async fn partitions(admin: &AdminClient, timeout: Duration) -> Result<Partitions, Obstacle> {
    let options = ListTopicsOptions::default().include_internal(true).timeout(timeout);
    let names = within(timeout, "ListTopics", admin.list_topics(options)).await;
    let names = names.map_err(|error| told("Metadata", &error))?;
    if names.is_empty() {
        return Ok(Partitions::new());
    }
    let options = DescribeTopicsOptions::default().timeout(timeout);
    let asked = within(timeout, "DescribeTopics", admin.describe_topics(&names, options)).await;
    let mut partitions = Partitions::new();
    for (name, described) in asked.map_err(|error| told("DescribeTopics", &error))? {
        let described = described.map_err(|error| told(&format!("topic {name}"), &error))?;
        partitions.extend(read::partitions(described));
    }
    Ok(partitions)
}

async fn topics(
    admin: &AdminClient,
    partitions: Option<&Partitions>,
    timeout: Duration,
) -> Result<BTreeMap<String, KafkaTopic>, Obstacle> {
    let names: BTreeSet<&String> =
        partitions.into_iter().flatten().map(|(it, _)| &it.topic).collect();
    if names.is_empty() {
        return Ok(BTreeMap::new());
    }
    let resources: Vec<ConfigResource> =
        names.into_iter().map(|name| ConfigResource::topic(name.clone())).collect();
    let wanted = vec![MIN_IN_SYNC.to_owned(), UNCLEAN.to_owned()];
    let options = DescribeConfigsOptions::default().config_names(wanted).timeout(timeout);
    let asked =
        within(timeout, "DescribeConfigs", admin.describe_configs(resources, options)).await;
    let asked = asked.map_err(|error| told("DescribeConfigs", &error))?;
    let mut topics = BTreeMap::new();
    for (resource, entries) in asked {
        // A topic that may not be described stays out, and what is not told of it is unknown.
        if let Ok(entries) = entries {
            let topic = KafkaTopic {
                min_in_sync: read::value(&entries, MIN_IN_SYNC),
                unclean_election: read::value(&entries, UNCLEAN),
            };
            topics.insert(resource.name, topic);
        }
    }
    Ok(topics)
}

async fn quorum(
    admin: &AdminClient,
    broker: Option<KafkaNodeId>,
    timeout: Duration,
) -> Result<Option<KafkaQuorum>, Obstacle> {
    let options = DescribeMetadataQuorumOptions::default().timeout(timeout);
    let asked = within(timeout, "DescribeQuorum", admin.describe_metadata_quorum(options)).await;
    let asked = match asked {
        Ok(asked) => asked,
        // A broker in ZooKeeper mode has no such request.
        Err(error) if error.protocol_error_kind() == Some(ProtocolErrorKind::UnknownApiVersion) => {
            return Ok(None);
        }
        Err(error) => return Err(told("DescribeQuorum", &error)),
    };
    let mut fetch_timeout_ms = None;
    if let Some(broker) = broker {
        let options = DescribeConfigsOptions::default()
            .config_names(vec![FETCH_TIMEOUT.to_owned()])
            .timeout(timeout);
        let resource = ConfigResource::broker(broker);
        let asked = within(timeout, "DescribeConfigs", admin.describe_configs([resource], options));
        let entries = asked.await.ok().and_then(|asked| asked.into_values().next());
        fetch_timeout_ms =
            entries.and_then(Result::ok).and_then(|it| read::value(&it, FETCH_TIMEOUT));
    }
    Ok(Some(read::quorum(asked, fetch_timeout_ms)))
}

async fn reassignments(
    admin: &AdminClient,
    timeout: Duration,
) -> Result<BTreeSet<KafkaPartition>, Obstacle> {
    let options = ListPartitionReassignmentsOptions::default().timeout(timeout);
    let what = "ListPartitionReassignments";
    let asked = within(timeout, what, admin.list_partition_reassignments(options)).await;
    let asked = asked.map_err(|error| told(what, &error))?;
    Ok(asked.into_keys().map(|it| read::partition(&it.topic, it.partition)).collect())
}

async fn log_dirs(
    admin: &AdminClient,
    brokers: &[KafkaNodeId],
    timeout: Duration,
) -> BTreeMap<KafkaNodeId, Result<KafkaLogDirs, Obstacle>> {
    let options = DescribeLogDirsOptions::default().timeout(timeout);
    let asked = admin.describe_log_dirs(brokers.iter().copied(), options);
    match within(timeout, "DescribeLogDirs", asked).await {
        Ok(asked) => asked
            .into_iter()
            .map(|(broker, dirs)| {
                (broker, dirs.map(read::log_dirs).map_err(|error| told("DescribeLogDirs", &error)))
            })
            .collect(),
        Err(error) => {
            brokers.iter().map(|broker| (*broker, Err(told("DescribeLogDirs", &error)))).collect()
        }
    }
}

/// A broker's own configuration is told by that broker only, so who tells it serves requests.
async fn answers(
    admin: &AdminClient,
    brokers: &[KafkaNodeId],
    timeout: Duration,
) -> BTreeMap<KafkaNodeId, Result<(), Obstacle>> {
    let options = DescribeConfigsOptions::default()
        .config_names(vec!["broker.id".to_owned()])
        .timeout(timeout);
    let resources: Vec<ConfigResource> =
        brokers.iter().map(|id| ConfigResource::broker(*id)).collect();
    match within(timeout, "DescribeConfigs", admin.describe_configs(resources, options)).await {
        Ok(mut asked) => brokers
            .iter()
            .map(|id| {
                let answer = asked.remove(&ConfigResource::broker(*id));
                let answer = answer.unwrap_or_else(|| Err(KrafkaError::timeout("DescribeConfigs")));
                (*id, answer.map(drop).map_err(|error| told("DescribeConfigs", &error)))
            })
            .collect(),
        Err(error) => {
            brokers.iter().map(|id| (*id, Err(told("DescribeConfigs", &error)))).collect()
        }
    }
}

pub(super) fn late(what: &str) -> Obstacle {
    Obstacle { kind: ObstacleKind::Time, detail: what.to_owned() }
}

/// What was in the way: never a proof that a broker is down.
pub(super) fn told(what: &str, error: &KrafkaError) -> Obstacle {
    let kind = match error {
        KrafkaError::Network(_) => ObstacleKind::Connection,
        KrafkaError::Timeout { .. } => ObstacleKind::Time,
        KrafkaError::Auth { .. } => ObstacleKind::NotAllowed,
        KrafkaError::Broker { code, .. } if read::is_forbidden(*code) => ObstacleKind::NotAllowed,
        _ => ObstacleKind::NotUnderstood,
    };
    Obstacle { kind, detail: format!("{what}: {}", one_line(&error.to_string())) }
}

fn nothing(obstacle: &Obstacle) -> KafkaCluster {
    KafkaCluster {
        members: Err(obstacle.clone()),
        views: vec![Err(obstacle.clone())],
        topics: Err(obstacle.clone()),
        reassignments: Err(obstacle.clone()),
        log_dirs: BTreeMap::new(),
        answers: BTreeMap::new(),
        quorum: Err(obstacle.clone()),
    }
}
