//! Servers that speak four-letter words as a test tells them to: what real ensembles do not do on demand.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::cluster::server_config;

/// What comes of a word.
#[derive(Clone, Debug)]
pub(crate) enum Said {
    /// This, and the server hangs up.
    Text(String),
    /// Nothing, until the other side hangs up.
    Silence,
}

/// A server on loopback for as long as the test binary runs: its address. Answers each word with what `answer` makes of it.
pub(crate) fn keeper(answer: impl Fn(&str) -> Said + Send + 'static) -> String {
    start("127.0.0.1", None, answer)
}

/// The same on another address of loopback.
pub(crate) fn keeper_on(address: &str, answer: impl Fn(&str) -> Said + Send + 'static) -> String {
    start(address, None, answer)
}

/// The same behind TLS.
pub(crate) fn keeper_with_tls(answer: impl Fn(&str) -> Said + Send + 'static) -> String {
    start("127.0.0.1", Some(server_config()), answer)
}

/// A server that begins to shake hands and never comes to an end of it: a byte now and then.
pub(crate) fn dripping() -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || {
                // The head of a long record, then what it holds.
                let head = [0x16, 0x03, 0x03, 0x40, 0x00, 0x02];
                let mut bytes = head.into_iter().chain(std::iter::repeat(0));
                while stream.write_all(&[bytes.next().unwrap()]).is_ok() {
                    pause();
                }
            });
        }
    });
    address
}

#[expect(clippy::disallowed_methods, reason = "it is slow on purpose")]
fn pause() {
    thread::sleep(std::time::Duration::from_millis(100));
}

fn start(
    address: &str,
    tls: Option<Arc<ServerConfig>>,
    answer: impl Fn(&str) -> Said + Send + 'static,
) -> String {
    let listener = TcpListener::bind((address, 0)).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            match &tls {
                None => serve(stream, &answer),
                Some(config) => {
                    let session = ServerConnection::new(Arc::clone(config)).unwrap();
                    serve(StreamOwned::new(session, stream), &answer);
                }
            }
        }
    });
    address
}

/// Errors are the other side's affair: it may have hung up.
fn serve(mut stream: impl Read + Write, answer: &impl Fn(&str) -> Said) {
    let mut word = [0; 4];
    if stream.read_exact(&mut word).is_err() {
        return;
    }
    match answer(&String::from_utf8_lossy(&word)) {
        Said::Text(text) => {
            stream.write_all(text.as_bytes()).and_then(|()| stream.flush()).unwrap_or_default();
        }
        Said::Silence => drop(stream.read(&mut word)),
    }
}

/// What a server that is well says, as 3.9 says it.
pub(crate) fn well(word: &str, mode: &str, voters: usize) -> String {
    let synced = voters - 1;
    let stage = if mode == "leader" { "leading" } else { "following" };
    match word {
        "srvr" => format!(
            "Zookeeper version: 3.9.3-c26634f34490bb0ea7a09cc51e05ede3b4e320ee, built on 2024-10-17 23:21 UTC\n\
             Latency min/avg/max: 0/0.3125/3\nReceived: 17\nSent: 16\nConnections: 1\nOutstanding: 0\n\
             Zxid: 0x100000002\nMode: {mode}\nNode count: 5\n"
        ),
        "mntr" => {
            let counts = format!(
                "zk_synced_followers\t{synced}.0\nzk_synced_non_voting_followers\t0\nzk_pending_syncs\t0\n"
            );
            let counts = if mode == "leader" { counts } else { String::new() };
            format!(
                "zk_version\t3.9.3\nzk_server_state\t{mode}\nzk_peer_state\t{stage} - broadcast\n{counts}"
            )
        }
        "conf" => {
            let line = |id| format!("server.{id}=10.0.0.{id}:2888:3888:participant;0.0.0.0:2181\n");
            let members: String = (1..=voters).map(line).collect();
            format!("clientPort=2181\nserverId=1\nmembership: \n{members}version=0")
        }
        other => format!("{other} is not executed because it is not in the whitelist.\n"),
    }
}
