//! Observers: each looks once at one thing and tells what it saw, or what was in the way. None of them decides. Two can also be told
//! to set something, once.
//!
//! A look is bounded in time and in what it reads, and names what it looks at without credentials.

mod command;
mod http;
mod kafka;
mod limits;
mod prometheus;
mod search;
mod tcp;
mod tls;
mod zookeeper;

pub use command::Command;
pub use http::{Http, HttpError, HttpTarget, Login};
pub use kafka::{
    Elected, KafkaClient, KafkaError, KafkaLogin, KafkaTarget, KafkaTls, kafka_client,
};
pub use prometheus::Prometheus;
pub use search::{Search, SearchMember, SearchTarget, Told};
pub use tcp::Tcp;
pub use tls::{ClientFiles, TlsFiles, TlsFilesError};
pub use zookeeper::{ADMIN_PORT, CLIENT_PORT, Metrics, ZooKeeper, ZooKeeperError, ZooKeeperTarget};
