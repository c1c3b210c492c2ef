//! Asking brokers through the client library; none of its types leaves this folder.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::time::Duration;

use krafka::admin::{
    AdminClient, ConfigResource, DescribeClusterOptions, DescribeConfigsOptions,
    DescribeLogDirsOptions, DescribeMetadataQuorumOptions, ListPartitionReassignmentsOptions,
};
use krafka::auth::{AuthConfig, TlsConfig};
use krafka::{KrafkaError, ProtocolErrorKind};
use secrecy::ExposeSecret;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use super::views::views;
use super::{Elected, KafkaClient, KafkaError, KafkaLogin, KafkaTarget, KafkaTls, read};
use crate::domain::{
    KafkaBroker, KafkaCluster, KafkaLogDirs, KafkaMembers, KafkaNodeId, KafkaPartition,
    KafkaQuorum, Obstacle, ObstacleKind, one_line,
};

/// So many brokers tell of the topics: two without the one that is rolled, should it be among them.
const VIEWS: usize = 3;

/// So many brokers are needed to find the cluster, and are tried first.
const WAYS_IN: usize = 2;

/// The library refuses to wait for less.
pub(super) const SHORTEST: Duration = Duration::from_millis(500);

const FETCH_TIMEOUT: &str = "controller.quorum.fetch.timeout.ms";

/// A cluster that can be asked any number of times.
#[derive(Debug)]
pub(super) struct Kafka {
    pub(super) runtime: Runtime,
    pub(super) target: KafkaTarget,
    secrets: Vec<String>,
}

impl KafkaClient for Kafka {
    fn look(&self, timeout: Duration) -> KafkaCluster {
        let timeout = timeout.max(SHORTEST);
        let looked = self
            .runtime
            .block_on(async { tokio::time::timeout(timeout * 2, self.look_within(timeout)).await });
        looked.unwrap_or_else(|_| nothing(&late("a look")))
    }

    fn elect(&self, partitions: &[KafkaPartition], timeout: Duration) -> Result<Elected, Obstacle> {
        let timeout = timeout.max(SHORTEST);
        let asked = self.runtime.block_on(async {
            tokio::time::timeout(timeout * 2, self.elect_within(partitions, timeout)).await
        });
        asked.unwrap_or_else(|_| Err(late("ElectLeaders")))
    }

    fn secrets(&self) -> &[String] {
        &self.secrets
    }
}

/// Attempts to find the cluster by one broker each.
type Tried = JoinSet<Result<krafka::Kafka, Obstacle>>;

impl Kafka {
    /// Makes ready; nothing is sent.
    ///
    /// # Errors
    ///
    /// What is wanted cannot be asked for.
    pub(super) fn new(target: &KafkaTarget) -> Result<Self, KafkaError> {
        let brokers: BTreeSet<&str> = target.bootstrap.iter().map(|it| it.trim()).collect();
        for broker in &brokers {
            let port = broker.rsplit_once(':').map(|(host, port)| (host, port.parse::<u16>()));
            if !matches!(port, Some((host, Ok(1..))) if !host.is_empty()) {
                return Err(KafkaError::Broker(one_line(broker)));
            }
        }
        if brokers.len() < WAYS_IN {
            return Err(KafkaError::TooFew(brokers.len()));
        }
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(1).enable_all().build();
        let runtime = runtime.map_err(|error| KafkaError::Setup(error.to_string()))?;
        Ok(Self { runtime, target: target.clone(), secrets: target.secrets() })
    }

    /// Of the topics the first brokers by id that are live tell, each by itself; for all else the library asks whichever broker it
    /// picks, or each for its own.
    async fn look_within(&self, timeout: Duration) -> KafkaCluster {
        let kafka = match self.connect(timeout).await {
            Ok(kafka) => kafka,
            Err(obstacle) => return nothing(&obstacle),
        };
        let admin = kafka.admin();
        let members = members(&admin, timeout).await;
        let is_live = |it: &(&KafkaNodeId, &KafkaBroker)| !it.1.is_fenced;
        let live: Vec<KafkaNodeId> = members
            .iter()
            .flat_map(|it| it.brokers.iter().filter(is_live))
            .map(|(id, _)| *id)
            .collect();
        let (views, quorum, moving, dirs, answers) = tokio::join!(
            views(&kafka, live.iter().copied().take(VIEWS), timeout),
            quorum(&admin, live.first().copied(), timeout),
            reassignments(&admin, timeout),
            log_dirs(&admin, &live, timeout),
            answers(&admin, &live, timeout),
        );
        KafkaCluster {
            views: members.as_ref().map(|_| views).map_err(Obstacle::clone),
            members,
            reassignments: moving,
            log_dirs: dirs,
            answers,
            quorum,
        }
    }

    /// Finds the cluster by the first broker that lets one in. Some are tried at first; the others, too, where none of those has let
    /// one in by half of the time, since a broker that hangs takes all that it is given.
    pub(super) async fn connect(&self, timeout: Duration) -> Result<krafka::Kafka, Obstacle> {
        let (first, others) = self.target.bootstrap.split_at(WAYS_IN);
        let mut tried = Tried::new();
        let mut obstacle = late("bootstrap");
        self.try_each(first, timeout, &mut tried);
        let head_start = first_in(&mut tried, &mut obstacle);
        if let Ok(Some(kafka)) = tokio::time::timeout(timeout / 2, head_start).await {
            return Ok(kafka);
        }
        self.try_each(others, timeout, &mut tried);
        first_in(&mut tried, &mut obstacle).await.ok_or(obstacle)
    }

    fn try_each(&self, brokers: &[String], timeout: Duration, tried: &mut Tried) {
        for broker in brokers {
            let (builder, broker) = (self.builder(broker, timeout), broker.clone());
            tried.spawn(async move {
                let kafka = within(timeout, "connect", builder.connect()).await;
                kafka.map_err(|error| told(&format!("broker {broker}"), &error))
            });
        }
    }

    fn builder(&self, broker: &str, timeout: Duration) -> krafka::KafkaBuilder {
        let builder = krafka::Kafka::builder(broker)
            .client_id("spotinst-esg")
            .connect_timeout(timeout)
            .request_timeout(timeout)
            .allow_auto_create_topics(false);
        match self.security() {
            Some(security) => builder.security(security),
            None => builder,
        }
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

/// The first that has come in; where none has, the last obstacle is noted.
async fn first_in(tried: &mut Tried, obstacle: &mut Obstacle) -> Option<krafka::Kafka> {
    while let Some(ended) = tried.join_next().await {
        match ended {
            Ok(Ok(kafka)) => return Some(kafka),
            Ok(Err(why)) => *obstacle = why,
            Err(_) => {}
        }
    }
    None
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
        views: Err(obstacle.clone()),
        reassignments: Err(obstacle.clone()),
        log_dirs: BTreeMap::new(),
        answers: BTreeMap::new(),
        quorum: Err(obstacle.clone()),
    }
}
