//! What a Kafka cluster tells, in builds with and without Kafka.

#[cfg(feature = "kafka")]
mod asked;
#[cfg(feature = "kafka")]
mod elect;
#[cfg(feature = "kafka")]
mod read;
#[cfg(feature = "kafka")]
mod views;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use thiserror::Error;

use super::tls::ClientFiles;
use crate::domain::{KafkaCluster, KafkaPartition, Obstacle};

/// Of each partition whether its preferred replica leads it now, or what was said instead.
pub type Elected = BTreeMap<KafkaPartition, Result<(), String>>;

/// All that is asked of a Kafka cluster, whichever library carries it: nothing outside this folder knows which.
pub trait KafkaClient: fmt::Debug + Send + Sync {
    /// Asks once; all of it is over within twice `timeout`.
    fn look(&self, timeout: Duration) -> KafkaCluster;

    /// Asks for the preferred leaders of these partitions; all of it is over within twice `timeout`.
    ///
    /// # Errors
    ///
    /// Whether it was done is not known, or, with [`crate::domain::ObstacleKind::NotAllowed`], it was not.
    fn elect(&self, partitions: &[KafkaPartition], timeout: Duration) -> Result<Elected, Obstacle>;

    /// What may show nowhere, though a server may well repeat it.
    fn secrets(&self) -> &[String];
}

/// Makes ready to ask; nothing is sent.
///
/// # Errors
///
/// What is wanted cannot be asked for.
#[cfg(feature = "kafka")]
pub fn kafka_client(target: &KafkaTarget) -> Result<Box<dyn KafkaClient>, KafkaError> {
    Ok(Box::new(asked::Kafka::new(target)?))
}

/// There is no Kafka in this build.
///
/// # Errors
///
/// Always [`KafkaError::NotBuilt`].
#[cfg(not(feature = "kafka"))]
pub fn kafka_client(_: &KafkaTarget) -> Result<Box<dyn KafkaClient>, KafkaError> {
    Err(KafkaError::NotBuilt)
}

/// How a cluster is asked.
#[derive(Clone, Debug)]
pub struct KafkaTarget {
    /// Brokers, `host:port`: two or more, from which the rest of the cluster is found.
    pub bootstrap: Vec<String>,
    /// How the connection is protected; none sends plainly.
    pub tls: Option<KafkaTls>,
    /// Who asks; none asks as nobody.
    pub login: Option<KafkaLogin>,
}

/// How a connection is protected.
#[derive(Clone, Debug)]
pub struct KafkaTls {
    /// Certificates of those who vouch for brokers, PEM; none trusts the authorities of the web.
    pub ca: Option<PathBuf>,
    /// Who asks, where brokers want a certificate.
    pub client: Option<ClientFiles>,
    /// Whether brokers must prove who they are.
    pub validate_certs: bool,
}

/// Who asks, by SASL.
#[derive(Clone)]
pub enum KafkaLogin {
    /// `PLAIN`.
    Plain(String, SecretString),
    /// `SCRAM-SHA-256`.
    ScramSha256(String, SecretString),
    /// `SCRAM-SHA-512`.
    ScramSha512(String, SecretString),
    /// `OAUTHBEARER`, with a token.
    OAuthBearer(SecretString),
}

/// Why a cluster cannot even be asked. It completes "gate x: ".
#[derive(Debug, Error)]
pub enum KafkaError {
    /// Too few to ask.
    #[error("bootstrap names {0} brokers; two or more are needed, since one of them may be down")]
    TooFew(usize),
    /// No address.
    #[error("{0:?} is no broker; expected host:port")]
    Broker(String),
    /// The client cannot be set up.
    #[error("cannot set up the Kafka client: {0}")]
    Setup(String),
    /// This binary was built without the feature `kafka`.
    #[error("this binary was built without Kafka support; install a build with it")]
    NotBuilt,
}

impl fmt::Debug for KafkaLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain(..) => "PLAIN",
            Self::ScramSha256(..) => "SCRAM-SHA-256",
            Self::ScramSha512(..) => "SCRAM-SHA-512",
            Self::OAuthBearer(_) => "OAUTHBEARER",
        })
    }
}

impl KafkaTarget {
    /// What may show nowhere, though a server may well repeat it.
    #[cfg(feature = "kafka")]
    fn secrets(&self) -> Vec<String> {
        use secrecy::ExposeSecret;
        let secret = match &self.login {
            None => return Vec::new(),
            Some(
                KafkaLogin::Plain(_, secret)
                | KafkaLogin::ScramSha256(_, secret)
                | KafkaLogin::ScramSha512(_, secret)
                | KafkaLogin::OAuthBearer(secret),
            ) => secret,
        };
        vec![secret.expose_secret().to_owned()]
    }
}
