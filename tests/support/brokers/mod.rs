//! Brokers of Kafka that tell what a test has them know: what real ones do not tell on demand. They speak Kafka's protocol by a codec
//! that is not that of the gate's client.

mod answers;
mod login;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use bytes::{Buf, Bytes, BytesMut};
use kafka_protocol::messages::{ApiKey, RequestKind, ResponseHeader};
use kafka_protocol::protocol::{Encodable, decode_request_header_from_buffer};
use rustls::{ServerConnection, StreamOwned};

#[allow(unused_imports, reason = "every test binary uses its own part")]
pub(crate) use self::login::{Login, Mechanism};
use super::cluster::server_config;

/// What brokers know.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    pub(crate) topics: BTreeMap<String, Topic>,
    /// Topics that the one who asks may not describe: left out, without a word.
    pub(crate) hidden: BTreeSet<String>,
    /// What single brokers know of the topics in place of that.
    pub(crate) old: BTreeMap<i32, BTreeMap<String, Topic>>,
    /// Brokers that are registered and take no part.
    pub(crate) fenced: BTreeSet<i32>,
    /// Brokers that answer ApiVersions only.
    pub(crate) mute: BTreeSet<i32>,
    /// Brokers that are told to be where another one is.
    pub(crate) astray: BTreeMap<i32, i32>,
    pub(crate) moving: BTreeMap<String, i32>,
    /// Folders that brokers cannot use.
    pub(crate) broken: BTreeMap<i32, String>,
    pub(crate) quorum: Quorum,
    pub(crate) login: Option<Login>,
}

/// A topic and its partitions.
#[derive(Clone, Debug)]
pub(crate) struct Topic {
    /// None is not told.
    pub(crate) min_in_sync: Option<String>,
    pub(crate) partitions: Vec<Partition>,
}

#[derive(Clone, Debug)]
pub(crate) struct Partition {
    pub(crate) leader: i32,
    pub(crate) epoch: i32,
    pub(crate) replicas: Vec<i32>,
    pub(crate) in_sync: Vec<i32>,
}

/// What is told of the quorum, of which all brokers are voters.
#[derive(Clone, Debug)]
pub(crate) struct Quorum {
    pub(crate) leader: i32,
    /// By how many records and milliseconds voters are behind.
    pub(crate) behind: BTreeMap<i32, (i64, i64)>,
}

impl Default for Quorum {
    fn default() -> Self {
        Self { leader: 1, behind: BTreeMap::new() }
    }
}

impl Topic {
    /// A partition on all of three brokers, led by each in turn.
    pub(crate) fn whole() -> Self {
        let partition = |ids: [i32; 3]| Partition {
            leader: ids[0],
            epoch: 4,
            replicas: ids.to_vec(),
            in_sync: ids.to_vec(),
        };
        let partitions = [[1, 2, 3], [2, 3, 1], [3, 1, 2]].map(partition).to_vec();
        Self { min_in_sync: Some("2".to_owned()), partitions }
    }
}

/// Three brokers on loopback for as long as the test binary runs.
pub(crate) struct Brokers {
    shared: Arc<Shared>,
}

struct Shared {
    known: Mutex<Known>,
    addresses: BTreeMap<i32, SocketAddr>,
    has_tls: bool,
    answered: Mutex<Vec<(i32, ApiKey)>>,
}

impl Brokers {
    /// They know the topic `orders` and whatever `change` makes of that.
    pub(crate) fn start(change: impl FnOnce(&mut Known)) -> Self {
        Self::begin(false, change)
    }

    /// The same behind TLS, with a certificate of the authority of the tests.
    pub(crate) fn start_with_tls(change: impl FnOnce(&mut Known)) -> Self {
        Self::begin(true, change)
    }

    fn begin(has_tls: bool, change: impl FnOnce(&mut Known)) -> Self {
        let mut known =
            Known { topics: [("orders".to_owned(), Topic::whole())].into(), ..Known::default() };
        change(&mut known);
        let bound = (1..=3).map(|id| (id, TcpListener::bind(("127.0.0.1", 0)).unwrap()));
        let listeners: BTreeMap<i32, TcpListener> = bound.collect();
        let addresses = listeners.iter().map(|(id, it)| (*id, it.local_addr().unwrap())).collect();
        let answered = Mutex::new(Vec::new());
        let shared = Arc::new(Shared { known: Mutex::new(known), addresses, has_tls, answered });
        for (id, listener) in listeners {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                for stream in listener.incoming().flatten() {
                    let shared = Arc::clone(&shared);
                    thread::spawn(move || shared.serve(id, stream));
                }
            });
        }
        Self { shared }
    }

    /// Where they are, by id.
    pub(crate) fn bootstrap(&self) -> Vec<String> {
        self.shared.addresses.values().map(ToString::to_string).collect()
    }

    /// From now on they know something else.
    pub(crate) fn learn(&self, change: impl FnOnce(&mut Known)) {
        change(&mut self.shared.known.lock().unwrap());
    }

    /// Which brokers answered this.
    pub(crate) fn answered(&self, key: ApiKey) -> BTreeSet<i32> {
        let answered = self.shared.answered.lock().unwrap();
        answered.iter().filter(|(_, it)| *it == key).map(|(id, _)| *id).collect()
    }
}

impl Shared {
    /// Errors are the other side's affair: it may have hung up, or not trust the certificate.
    fn serve(&self, id: i32, stream: TcpStream) {
        if self.has_tls {
            let session = ServerConnection::new(server_config()).unwrap();
            self.talk(id, StreamOwned::new(session, stream)).unwrap_or_default();
        } else {
            self.talk(id, stream).unwrap_or_default();
        }
    }

    fn talk(&self, id: i32, mut stream: impl Read + Write) -> std::io::Result<()> {
        let mut talk = login::Talk::default();
        loop {
            let mut length = [0; 4];
            stream.read_exact(&mut length)?;
            let mut frame = vec![0; u32::from_be_bytes(length) as usize];
            stream.read_exact(&mut frame)?;
            let mut frame = Bytes::from(frame);
            let header = decode_request_header_from_buffer(&mut frame).unwrap();
            let (version, number) = (header.request_api_version, header.correlation_id);
            let key = ApiKey::try_from(header.request_api_key).unwrap();
            let request = RequestKind::decode(key, &mut frame, version).unwrap();
            assert!(!frame.has_remaining(), "{request:?}");
            let known = self.known.lock().unwrap().clone();
            let answer = match (key, &known.login) {
                (ApiKey::ApiVersions, _) => Some(answers::versions()),
                _ if known.mute.contains(&id) => continue,
                (ApiKey::SaslHandshake | ApiKey::SaslAuthenticate, Some(login)) => {
                    Some(talk.answer(login, &request))
                }
                (_, Some(_)) if !talk.is_known() => None,
                _ => Some(answers::answer(&known, &self.addresses, id, &request)),
            };
            // One who is not logged in is hung up on.
            let Some(answer) = answer else { return Ok(()) };
            self.answered.lock().unwrap().push((id, key));
            let mut bytes = BytesMut::from(&[0_u8; 4][..]);
            let head = ResponseHeader::default().with_correlation_id(number);
            head.encode(&mut bytes, answer.header_version(version)).unwrap();
            answer.encode(&mut bytes, version).unwrap();
            let length = u32::try_from(bytes.len() - 4).unwrap();
            bytes[..4].copy_from_slice(&length.to_be_bytes());
            stream.write_all(&bytes)?;
            stream.flush()?;
        }
    }
}
