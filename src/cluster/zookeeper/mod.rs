//! What a ZooKeeper ensemble tells: four-letter words on the client port, or the AdminServer.

mod admin;
mod read;
mod wire;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use self::wire::Wire;
use super::http::HttpError;
use super::tls::{TlsFiles, TlsFilesError};
use crate::domain::{Clock, Ensemble, EnsembleServer, Obstacle, ObstacleKind};

/// The client port that ZooKeeper's own examples use.
pub const CLIENT_PORT: u16 = 2181;

/// The AdminServer's port unless it is set otherwise.
pub const ADMIN_PORT: u16 = 8080;

/// Where servers tell more than whether they serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metrics {
    /// By the words `mntr` and `conf`, which have to be in `4lw.commands.whitelist`.
    Words,
    /// By the AdminServer at this port.
    Admin {
        /// Its port.
        port: u16,
        /// Whether it is asked by HTTPS.
        https: bool,
    },
    /// Nowhere.
    None,
}

/// How an ensemble is asked.
#[derive(Clone, Debug)]
pub struct ZooKeeperTarget {
    /// Its servers, `host` or `host:port`.
    pub servers: Vec<String>,
    /// Where they tell more.
    pub metrics: Metrics,
    /// How the words are protected; none sends them plainly.
    pub tls: Option<TlsFiles>,
    /// Whom to trust as AdminServer; none trusts those whom the system does.
    pub admin_trust: Option<TlsFiles>,
}

/// Why an ensemble cannot even be asked. It completes "gate x: ".
#[derive(Debug, thiserror::Error)]
pub enum ZooKeeperError {
    /// Nobody to ask.
    #[error("servers is empty; name every server of the ensemble")]
    NoServers,
    /// No address.
    #[error("{0:?} is no server; expected host or host:port")]
    Server(String),
    /// One server twice: it would be counted twice.
    #[error("server {0} is named twice")]
    Twice(String),
    /// The certificates.
    #[error(transparent)]
    Tls(#[from] TlsFilesError),
    /// The AdminServer.
    #[error("AdminServer: {0}")]
    Admin(#[from] HttpError),
}

/// An ensemble that can be asked any number of times.
pub struct ZooKeeper {
    servers: BTreeMap<String, Server>,
}

struct Server {
    wire: Wire,
    more: More,
}

enum More {
    Words,
    Admin(Box<admin::Admin>),
    None,
}

impl ZooKeeper {
    /// Makes ready; nothing is sent.
    ///
    /// # Errors
    ///
    /// What is wanted cannot be asked for.
    pub fn new(target: &ZooKeeperTarget) -> Result<Self, ZooKeeperError> {
        let tls = target.tls.as_ref().map(TlsFiles::client).transpose()?.map(Arc::new);
        let mut servers = BTreeMap::new();
        for text in &target.servers {
            let wire = Wire::new(text, tls.clone())?;
            let more = match target.metrics {
                Metrics::Words => More::Words,
                Metrics::None => More::None,
                Metrics::Admin { port, https } => {
                    let files = target.admin_trust.as_ref();
                    More::Admin(Box::new(admin::Admin::new(wire.host(), port, https, files)?))
                }
            };
            let address = wire.to_string();
            if servers.insert(address.clone(), Server { wire, more }).is_some() {
                return Err(ZooKeeperError::Twice(address));
            }
        }
        if servers.is_empty() {
            return Err(ZooKeeperError::NoServers);
        }
        Ok(Self { servers })
    }

    /// The address of a server as it stands in what is seen: with its port.
    ///
    /// # Errors
    ///
    /// It is no address.
    pub fn address(text: &str) -> Result<String, ZooKeeperError> {
        Wire::new(text, None).map(|wire| wire.to_string())
    }

    /// The addresses of all servers.
    pub fn addresses(&self) -> impl Iterator<Item = &str> {
        self.servers.keys().map(String::as_str)
    }

    /// Asks all servers at the same time; each question of each server within `timeout`.
    pub fn look(&self, timeout: Duration, clock: &dyn Clock) -> Ensemble {
        let ask = |server: &Server| server.look(timeout, clock);
        let servers = thread::scope(|scope| {
            let asked: Vec<_> = self
                .servers
                .iter()
                .map(|(address, server)| (address.clone(), scope.spawn(move || ask(server))))
                .collect();
            asked
                .into_iter()
                .map(|(address, thread)| {
                    let told = thread.join().unwrap_or_else(|_| lost());
                    (address, told)
                })
                .collect()
        });
        Ensemble { servers }
    }
}

impl Server {
    /// Asks for everything, one question after the other: together they may take `timeout`.
    fn look(&self, timeout: Duration, clock: &dyn Clock) -> EnsembleServer {
        let ends = clock.monotonic().saturating_add(timeout);
        let left = || ends.saturating_sub(clock.monotonic());
        let presence = self.wire.ask("srvr", left(), clock).and_then(|it| read::presence(&it));
        let (monitor, members) = match &self.more {
            More::Words => (
                self.wire.ask("mntr", left(), clock).and_then(|it| read::monitor(&it)),
                self.wire.ask("conf", left(), clock).and_then(|it| read::membership(&it)),
            ),
            More::Admin(admin) => (admin.monitor(left(), clock), admin.membership(left(), clock)),
            More::None => (Err(not_asked()), Err(not_asked())),
        };
        EnsembleServer { presence, monitor, members }
    }
}

fn not_asked() -> Obstacle {
    Obstacle {
        kind: ObstacleKind::NotAllowed,
        detail: "metrics is none, so it is not asked".to_owned(),
    }
}

/// The thread that asked has panicked.
fn lost() -> EnsembleServer {
    let obstacle = || Obstacle { kind: ObstacleKind::Broken, detail: String::new() };
    EnsembleServer { presence: Err(obstacle()), monitor: Err(obstacle()), members: Err(obstacle()) }
}

impl fmt::Debug for ZooKeeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ZooKeeper({})", self.addresses().collect::<Vec<_>>().join(", "))
    }
}
