//! A cluster to which what a run owes it can be given back.

use std::time::Duration;

use super::{ClusterArgs, World};
use crate::drive::Observer;
use crate::drive::gate::Search;
use crate::drive::roll::ClusterAccess;

/// How a cluster is reached whose settings a run may owe. What keeps it from being reached keeps nothing else from being put back,
/// so it is kept, too.
pub(in crate::modules) enum Reached {
    /// Nobody has said how, or it is of a kind of which a run changes no settings.
    No,
    /// So.
    By(Box<Search>, Duration),
    /// It cannot be.
    Not(String),
}

impl Reached {
    /// By the options, if they are given.
    pub(in crate::modules) fn of(cluster: Option<&ClusterArgs>, world: &World) -> Self {
        let Some(cluster) = cluster else { return Self::No };
        match cluster.observer(world) {
            Ok(Observer::Search(search)) => Self::By(Box::new(search), cluster.timeout()),
            Ok(Observer::ZooKeeper(_) | Observer::Kafka(_)) => Self::No,
            Err(failure) => Self::Not(format!("option {}", failure.message())),
        }
    }

    /// For whoever carries out a run.
    pub(in crate::modules) fn access(&self) -> Option<Result<ClusterAccess<'_>, &str>> {
        match self {
            Self::No => None,
            Self::By(search, timeout) => Some(Ok(ClusterAccess { search, timeout: *timeout })),
            Self::Not(why) => Some(Err(why)),
        }
    }
}
