//! Four-letter words: one connection a word, and the answer ends with it.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use super::{CLIENT_PORT, ZooKeeperError};
use crate::cluster::limits::{MOST_KEPT, read_some};
use crate::cluster::tcp::Tcp;
use crate::domain::{Clock, Obstacle, ObstacleKind, one_line, printable};

/// A server's client port.
pub(super) struct Wire {
    tcp: Tcp,
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
}

/// What came of a word.
#[derive(Debug, PartialEq)]
pub(super) enum Reply {
    /// Nothing listens there.
    Refused,
    /// This was said.
    Text(String),
}

impl Wire {
    pub(super) fn new(text: &str, tls: Option<Arc<ClientConfig>>) -> Result<Self, ZooKeeperError> {
        let refused = || ZooKeeperError::Server(one_line(text));
        let (host, port) = split(text.trim()).ok_or_else(refused)?;
        let name = |config| {
            let name = ServerName::try_from(host.to_owned()).map_err(|_| refused())?;
            Ok::<_, ZooKeeperError>((config, name))
        };
        let tls = tls.map(name).transpose()?;
        Ok(Self { tcp: Tcp { host: host.to_owned(), port }, tls })
    }

    pub(super) fn host(&self) -> &str {
        &self.tcp.host
    }

    /// Says a word and reads until the server hangs up.
    pub(super) fn ask(
        &self,
        word: &str,
        timeout: Duration,
        clock: &dyn Clock,
    ) -> Result<Reply, Obstacle> {
        let ends = clock.monotonic().saturating_add(timeout);
        let Some(stream) = self.tcp.connect(timeout, clock)? else { return Ok(Reply::Refused) };
        let late = || Obstacle {
            kind: ObstacleKind::Time,
            detail: format!("{word} within {} s", timeout.as_secs()),
        };
        let stream = Timed { stream, ends, clock };
        let go_on = || clock.monotonic() <= ends;
        let read = match &self.tls {
            None => exchange(stream, word, go_on),
            Some((config, name)) => {
                let session = ClientConnection::new(Arc::clone(config), name.clone());
                let session = session.map_err(|error| Obstacle {
                    kind: ObstacleKind::Tls,
                    detail: error.to_string(),
                })?;
                exchange(StreamOwned::new(session, stream), word, go_on)
            }
        };
        match read {
            Ok(Some(captured)) if captured.is_cut => {
                Err(Obstacle { kind: ObstacleKind::TooLarge, detail: word.to_owned() })
            }
            Ok(Some(captured)) => {
                Ok(Reply::Text(String::from_utf8_lossy(&captured.bytes).into_owned()))
            }
            Ok(None) => Err(late()),
            Err(error) => Err(obstacle(&error, &late)),
        }
    }
}

fn exchange(
    mut stream: impl Read + Write,
    word: &str,
    go_on: impl FnMut() -> bool,
) -> io::Result<Option<crate::domain::Captured>> {
    stream.write_all(word.as_bytes())?;
    stream.flush()?;
    read_some(&mut UntilHungUp(stream), MOST_KEPT, go_on)
}

/// A connection that is over at a moment, however slowly bytes come in: TLS shakes hands in many small reads.
struct Timed<'a> {
    stream: TcpStream,
    ends: Duration,
    clock: &'a dyn Clock,
}

impl Timed<'_> {
    fn left(&self) -> io::Result<Duration> {
        let left = self.ends.saturating_sub(self.clock.monotonic());
        if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
    }
}

impl Read for Timed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(Some(self.left()?))?;
        self.stream.read(buffer)
    }
}

impl Write for Timed<'_> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(Some(self.left()?))?;
        self.stream.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// Servers hang up without taking leave of TLS, and some reset the connection once they have answered; whether the answer is
/// whole is told by what it says.
struct UntilHungUp<S>(S);

impl<S: Read> Read for UntilHungUp<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
            read => read,
        }
    }
}

fn obstacle(error: &io::Error, late: &dyn Fn() -> Obstacle) -> Obstacle {
    if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) {
        return late();
    }
    let is_tls = error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>());
    let kind = if is_tls { ObstacleKind::Tls } else { ObstacleKind::Broken };
    Obstacle { kind, detail: error.to_string() }
}

/// `host`, `host:port`, or an IPv6 address in brackets with or without a port.
fn split(text: &str) -> Option<(&str, u16)> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']')?;
            host.parse::<std::net::Ipv6Addr>().ok()?;
            (host, if port.is_empty() { None } else { Some(port.strip_prefix(':')?) })
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    if host.is_empty() || !host.chars().all(is_name) {
        return None;
    }
    let port = port.map_or(Some(CLIENT_PORT), |port| port.parse().ok().filter(|port| *port > 0))?;
    Some((host, port))
}

impl fmt::Display for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&printable(&self.tcp.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_hosts_with_or_without_a_port() {
        for (text, expected) in [
            ("zk1", Some(("zk1", 2181))),
            ("10.0.0.1:2281", Some(("10.0.0.1", 2281))),
            ("[::1]", Some(("::1", 2181))),
            ("[::1]:22", Some(("::1", 22))),
            ("", None),
            (":2181", None),
            ("zk1:", None),
            ("zk1:0", None),
            ("zk1:x", None),
            ("::1", None),
            ("[zk1]:1", None),
            ("[::1]22", None),
            ("zk1/chroot", None),
            ("a,b", None),
        ] {
            assert_eq!(split(text), expected, "{text}");
        }
    }
}
