//! Parts of a cluster that can be looked at.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use super::canned::{Canned, Reply};
use super::keepers::{Said, keeper, well};
use super::searching::Searching;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// A port of loopback at which nothing listens.
pub(crate) fn closed_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

/// Examples of gates, turned to servers that are there and answer as hoped, and to short pauses.
pub(crate) fn rehearsed(examples: &str) -> String {
    let server = Canned::start(|request| {
        let sample = r#"{"metric":{},"value":[1,"0"]}"#;
        let body = if request.head.contains("/api/v1/query") {
            format!(
                r#"{{"status":"success","data":{{"resultType":"vector","result":[{sample}]}}}}"#
            )
        } else {
            r#"{"status": "green", "value": {"Value": 1}}"#.to_owned()
        };
        Reply::json(200, body)
    });
    let port = server.url().rsplit(':').next().unwrap();
    let shortened = examples.lines().map(|line| {
        let name = line.trim_start().split_once(':').map(|(name, _)| name);
        match name {
            Some("spacing" | "window") => format!("{}: 1", line.split(':').next().unwrap()),
            _ => line.to_owned(),
        }
    });
    let keepers = ["leader", "follower", "follower"];
    let keepers = keepers.map(|mode| keeper(move |word| Said::Text(well(word, mode, 3))));
    let searching = Searching::start();
    let nodes = ["10.0.0.21", "10.0.0.22", "10.0.0.23"].map(|it| format!("https://{it}:9200"));
    let shortened = shortened
        .map(|line| nodes.iter().fold(line, |line, node| line.replace(node, searching.url())));
    shortened
        .collect::<Vec<_>>()
        .join("\n")
        .replace("http://prometheus.example.com:9090", server.url())
        .replace("10.0.0.11:2181", &keepers[0])
        .replace("10.0.0.12:2181", &keepers[1])
        .replace("10.0.0.13:2181", &keepers[2])
        .replace("search-", "n")
        .replace("https://10.0.0.1:9200", server.url())
        .replace("http://10.0.0.1:8778", server.url())
        .replace("host: 10.0.0.1", "host: 127.0.0.1")
        .replace("port: 9092", &format!("port: {port}"))
        .replace("/etc/ssl/cluster-ca.pem", &Secured::authority().display().to_string())
        .replace("{{ monitor_password }}", "canary")
        .replace("[/usr/local/bin/zk-synced, --count]", "[echo, '2']")
}

/// A server that speaks TLS as 127.0.0.1 with a certificate of an authority that nobody else knows.
pub(crate) struct Secured {
    pub(crate) port: u16,
}

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/tls").join(name)
}

/// How to speak TLS as 127.0.0.1 with the certificate of [`Secured::authority`].
pub(crate) fn server_config() -> Arc<ServerConfig> {
    let certificate = CertificateDer::from_pem_file(file("server.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(file("server.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    Arc::new(config)
}

impl Secured {
    /// Answers everything with status 200 and an empty JSON object.
    pub(crate) fn start() -> Self {
        let config = server_config();
        let listener = TcpListener::bind(("0.0.0.0", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
                // A client that does not trust it hangs up.
                answer(StreamOwned::new(connection, stream.unwrap())).unwrap_or_default();
            }
        });
        Self { port }
    }

    /// The authority's certificate.
    pub(crate) fn authority() -> PathBuf {
        file("ca.pem")
    }
}

fn answer(stream: StreamOwned<ServerConnection, std::net::TcpStream>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            return Ok(());
        }
    }
    let stream = reader.get_mut();
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")?;
    stream.conn.send_close_notify();
    stream.flush()
}
