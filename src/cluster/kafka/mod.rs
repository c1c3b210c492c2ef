//! What a Kafka cluster tells, in builds with and without Kafka.

#[cfg(feature = "kafka")]
mod asked;
#[cfg(feature = "kafka")]
mod elect;
#[cfg(feature = "kafka")]
mod read;

use std::fmt;
use std::path::PathBuf;

use secrecy::SecretString;
use thiserror::Error;

#[cfg(feature = "kafka")]
pub use asked::Kafka;
#[cfg(not(feature = "kafka"))]
pub use missing::Kafka;

use super::tls::ClientFiles;

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

#[cfg(not(feature = "kafka"))]
mod missing {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use super::{KafkaError, KafkaTarget};
    use crate::domain::{KafkaCluster, KafkaPartition, Obstacle};

    /// There is none in this build.
    #[derive(Debug)]
    pub enum Kafka {}

    impl Kafka {
        /// Always an error.
        ///
        /// # Errors
        ///
        /// Always [`KafkaError::NotBuilt`].
        pub fn new(_: &KafkaTarget) -> Result<Self, KafkaError> {
            Err(KafkaError::NotBuilt)
        }

        /// Is never called.
        pub fn look(&self, _: Duration) -> KafkaCluster {
            match *self {}
        }

        /// Is never called.
        ///
        /// # Errors
        ///
        /// None, for the same reason.
        pub fn elect(
            &self,
            _: &[KafkaPartition],
            _: Duration,
        ) -> Result<BTreeMap<KafkaPartition, Result<(), String>>, Obstacle> {
            match *self {}
        }

        /// Is never called.
        pub fn secrets(&self) -> &[String] {
            match *self {}
        }
    }
}
