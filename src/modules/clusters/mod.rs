//! Clusters as options: how the servers of one are asked.

mod ensemble;
mod kafka;
mod search;
mod secured;

use super::World;

pub(super) use ensemble::EnsembleArgs;
pub(super) use kafka::KafkaArgs;
pub(super) use search::SearchArgs;
pub(super) use secured::TlsArgs;
