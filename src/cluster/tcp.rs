//! Whether something accepts connections.

use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::mpsc;
use std::time::Duration;

use crate::domain::{Clock, Observation, Obstacle, ObstacleKind, Seen, printable};

/// An address to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tcp {
    /// Name or address.
    pub host: String,
    /// Port.
    pub port: u16,
}

impl Tcp {
    /// Connects and hangs up. Of a name with several addresses one that accepts is enough, and all must refuse.
    pub fn look(&self, timeout: Duration, clock: &dyn Clock) -> Observation {
        let object = self.to_string();
        match self.connect(timeout, clock) {
            Ok(Some(_hung_up)) => Observation { object, seen: Ok(Seen::Accepted) },
            Ok(None) => Observation { object, seen: Ok(Seen::Refused) },
            Err(obstacle) => Observation { object, seen: Err(obstacle) },
        }
    }

    /// Connects to the first address that accepts; none means that all refuse.
    ///
    /// # Errors
    ///
    /// What is in the way; it proves nothing about what listens there.
    pub(super) fn connect(
        &self,
        timeout: Duration,
        clock: &dyn Clock,
    ) -> Result<Option<TcpStream>, Obstacle> {
        let ends = clock.monotonic().saturating_add(timeout);
        let addresses =
            self.resolve(timeout).map_err(|(kind, detail)| Obstacle { kind, detail })?;
        let mut obstacle = None;
        for address in &addresses {
            let left = ends.saturating_sub(clock.monotonic()).max(Duration::from_millis(1));
            match TcpStream::connect_timeout(address, left) {
                Ok(stream) => return Ok(Some(stream)),
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
                Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                    let detail = format!("{address} within {} s", timeout.as_secs());
                    obstacle = Some(Obstacle { kind: ObstacleKind::Time, detail });
                }
                Err(error) => {
                    let detail = format!("{address}: {error}");
                    obstacle = Some(Obstacle { kind: ObstacleKind::Connection, detail });
                }
            }
        }
        obstacle.map_or(Ok(None), Err)
    }

    /// Resolves aside, since the system's resolver knows no deadline. One that hangs ends by itself later.
    fn resolve(&self, timeout: Duration) -> Result<Vec<SocketAddr>, (ObstacleKind, String)> {
        let (sender, receiver) = mpsc::channel();
        let wanted = (bare(&self.host).to_owned(), self.port);
        std::thread::spawn(move || {
            let addresses = wanted.to_socket_addrs().map(Iterator::collect::<Vec<_>>);
            // Nobody is there to hear it once the time is up.
            sender.send(addresses).unwrap_or_default();
        });
        match receiver.recv_timeout(timeout) {
            Ok(Ok(addresses)) if addresses.is_empty() => {
                Err((ObstacleKind::Name, "it has no address".to_owned()))
            }
            Ok(Ok(addresses)) => Ok(addresses),
            Ok(Err(error)) => Err((ObstacleKind::Name, error.to_string())),
            Err(_) => Err((ObstacleKind::Time, "its name is still being resolved".to_owned())),
        }
    }
}

/// An IPv6 address without brackets.
fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host)
}

impl std::fmt::Display for Tcp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let host = printable(bare(&self.host));
        if host.contains(':') {
            write!(f, "[{host}]:{}", self.port)
        } else {
            write!(f, "{host}:{}", self.port)
        }
    }
}
