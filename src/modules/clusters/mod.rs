//! Clusters as options: how the servers of one are asked. The gate reads them, and so do the modules that ask who leads or set
//! something there.

mod ensemble;
mod kafka;
mod reached;
mod search;
pub(super) mod secret;
mod secured;

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use secrecy::SecretString;
use serde::Deserialize;

use super::World;
use crate::ansible::Failure;
use crate::drive::Observer;
use crate::drive::gate::{HttpTarget, Login};
use crate::plan::roll::{Entry, clusters_of_kind};

pub(super) use ensemble::EnsembleArgs;
pub(super) use kafka::KafkaArgs;
pub use reached::Reached;
pub(super) use search::SearchArgs;
pub(super) use secured::TlsArgs;

/// A cluster, by the options that the gates of its kind take, so that one mapping serves both.
#[derive(Deserialize, JsonSchema)]
#[schemars(extend(
    "x-required-together" = [["client_cert", "client_key"]],
    "x-required-if" = [
        ["kind", "zookeeper", ["servers"]],
        ["kind", "elasticsearch", ["urls"]],
        ["kind", "kafka", ["bootstrap"]]
    ]
))]
pub(super) struct ClusterArgs {
    /// What it is.
    pub(super) kind: ClusterKind,
    /// How long one look may take, in seconds.
    #[serde(default = "ten")]
    #[schemars(range(min = 1, max = 600))]
    timeout: u32,
    #[serde(flatten)]
    access: AccessArgs,
    #[serde(flatten)]
    ensemble: EnsembleArgs,
    #[serde(flatten)]
    search: SearchArgs,
    #[serde(flatten)]
    kafka: KafkaArgs,
    #[serde(flatten)]
    tls: TlsArgs,
}

/// Who asks a cluster, and whom it trusts.
#[derive(Default, Deserialize, JsonSchema)]
pub(super) struct AccessArgs {
    /// Of `elasticsearch`: headers to send. Their values are hidden wherever they would show.
    #[schemars(with = "Option<BTreeMap<String, String>>", extend("x-no-log" = true))]
    headers: Option<BTreeMap<String, SecretString>>,
    /// Of `elasticsearch`: name for HTTP's basic authentication. Of `kafka`: name for SASL.
    username: Option<String>,
    /// Of `elasticsearch` and `kafka`: its password.
    #[schemars(
        with = "Option<String>",
        extend("x-no-log" = true, "x-env" = ["SPOTINST_ESG_CLUSTER_PASSWORD"])
    )]
    password: Option<SecretString>,
    /// Of `elasticsearch` and `kafka`: file whose first line is the password.
    #[schemars(extend("x-type" = "path"))]
    password_file: Option<String>,
    /// Of `elasticsearch` and `kafka`: whether the server must prove who it is; it must when not given.
    validate_certs: Option<bool>,
    /// File with the certificates that are trusted in place of the system's, in PEM.
    #[schemars(extend("x-type" = "path"))]
    ca_path: Option<String>,
}

/// What a cluster is.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(super) enum ClusterKind {
    /// A ZooKeeper ensemble.
    Zookeeper,
    /// An Elasticsearch or OpenSearch cluster.
    Elasticsearch,
    /// A Kafka cluster.
    Kafka,
}

fn ten() -> u32 {
    10
}

impl ClusterKind {
    /// The word for it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Zookeeper => "zookeeper",
            Self::Elasticsearch => "elasticsearch",
            Self::Kafka => "kafka",
        }
    }
}

impl ClusterArgs {
    /// An Elasticsearch or OpenSearch cluster.
    pub(super) fn search(access: AccessArgs, search: SearchArgs) -> Self {
        Self { access, search, ..Self::bare(ClusterKind::Elasticsearch) }
    }

    /// A Kafka cluster.
    pub(super) fn kafka(access: AccessArgs, kafka: KafkaArgs, tls: TlsArgs) -> Self {
        Self { access, kafka, tls, ..Self::bare(ClusterKind::Kafka) }
    }

    fn bare(kind: ClusterKind) -> Self {
        Self {
            kind,
            timeout: ten(),
            access: AccessArgs::default(),
            ensemble: EnsembleArgs::default(),
            search: SearchArgs::default(),
            kafka: KafkaArgs::default(),
            tls: TlsArgs::default(),
        }
    }

    /// The unique ids that it may have: the one that was named, or those that the gates of its kind have seen in a run; any if none.
    pub(super) fn expected(&self, entries: &[Entry]) -> Vec<String> {
        let named = match self.kind {
            ClusterKind::Elasticsearch => self.search.cluster_uuid.clone(),
            ClusterKind::Kafka => self.kafka.cluster_id.clone(),
            ClusterKind::Zookeeper => None,
        };
        named.map_or_else(|| clusters_of_kind(entries, self.kind.as_str()), |id| vec![id])
    }

    /// How long one look may take.
    pub(super) fn timeout(&self) -> Duration {
        Duration::from_secs(u64::from(self.timeout))
    }

    /// Ready to be asked; nothing is sent.
    ///
    /// # Errors
    ///
    /// An option cannot be understood, or is of another kind.
    pub(super) fn observer(&self, world: &World) -> Result<Observer, Failure> {
        let refused = |why: &dyn std::fmt::Display| Failure::new(format!("cluster: {why}"));
        self.refuse_foreign().map_err(|text| refused(&text))?;
        let ca_path = self.access.ca_path.as_deref();
        let observer = match self.kind {
            ClusterKind::Zookeeper => {
                self.ensemble.observer(&self.tls, ca_path, world).map(Observer::ZooKeeper)
            }
            ClusterKind::Elasticsearch => {
                let made = self.http(world).and_then(|http| self.search.observer(http, world));
                made.map(Observer::Search)
            }
            ClusterKind::Kafka => {
                let validates = self.access.validate_certs;
                let made = self.login(world).and_then(|login| {
                    self.kafka.observer(&self.tls, login, ca_path, validates, world)
                });
                made.map(Observer::Kafka)
            }
        };
        observer.map_err(|text| refused(&text))
    }

    /// What is to be told of the files that hold its secrets.
    pub(super) fn warnings(&self, world: &World) -> Vec<String> {
        let (key, token) = (&self.search.api_key_file, &self.kafka.oauth_token_file);
        secret::warnings([self.access.password_file.as_ref(), key.as_ref(), token.as_ref()], world)
    }

    fn login(&self, world: &World) -> Result<Option<Login>, String> {
        let (password, file) =
            (self.access.password.as_ref(), self.access.password_file.as_deref());
        secret::login(self.access.username.as_ref(), password, file, world)
    }

    fn http(&self, world: &World) -> Result<HttpTarget, String> {
        Ok(HttpTarget {
            url: String::new(),
            method: "GET".to_owned(),
            headers: self.access.headers.clone().unwrap_or_default(),
            login: self.login(world)?,
            body: None,
            follow_redirects: false,
            validate_certs: self.access.validate_certs.unwrap_or(true),
            ca_path: self.access.ca_path.as_ref().map(|path| world.environment.expand(path)),
        })
    }

    fn refuse_foreign(&self) -> Result<(), String> {
        use ClusterKind::{Elasticsearch, Kafka, Zookeeper};
        let is_one_of = |kinds: &[ClusterKind]| kinds.contains(&self.kind);
        let own = [
            ("headers", self.access.headers.is_some(), is_one_of(&[Elasticsearch])),
            ("username", self.access.username.is_some(), is_one_of(&[Elasticsearch, Kafka])),
            ("password", self.access.password.is_some(), is_one_of(&[Elasticsearch, Kafka])),
            (
                "password_file",
                self.access.password_file.is_some(),
                is_one_of(&[Elasticsearch, Kafka]),
            ),
            (
                "validate_certs",
                self.access.validate_certs.is_some(),
                is_one_of(&[Elasticsearch, Kafka]),
            ),
        ];
        let of = |given: &[(&'static str, bool)], fits: bool| {
            given.iter().map(|(name, is_given)| (*name, *is_given, fits)).collect::<Vec<_>>()
        };
        let all = own
            .into_iter()
            .chain(of(&self.ensemble.given(), is_one_of(&[Zookeeper])))
            .chain(of(&self.search.given(), is_one_of(&[Elasticsearch])))
            .chain(of(&self.kafka.given(), is_one_of(&[Kafka])))
            .chain(of(&self.tls.given(), is_one_of(&[Zookeeper, Kafka])));
        for (option, is_given, fits) in all {
            if is_given && !fits {
                return Err(format!("{option} is no option of {}", self.kind.as_str()));
            }
        }
        Ok(())
    }
}
