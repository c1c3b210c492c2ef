//! A cluster that is asked what it is: who leads it, and so in which order its nodes are rolled.

use std::time::Duration;

use thiserror::Error;

use super::progress::Progress;
use super::wait::{TimeUp, until};
use crate::cluster::{KafkaClient, Search, ZooKeeper};
use crate::domain::{Clock, ClusterView};
use crate::plan::safety::{Candidate, NoOrder, Placed, Technology, order};

/// Who is asked.
#[derive(Debug)]
pub enum Observer {
    /// A ZooKeeper ensemble.
    ZooKeeper(ZooKeeper),
    /// An Elasticsearch or OpenSearch cluster.
    Search(Search),
    /// A Kafka cluster.
    Kafka(Box<dyn KafkaClient>),
}

/// Why it was not found out in which order nodes are to be rolled.
#[derive(Debug, Error)]
pub enum OrderError {
    /// It will not pass by itself.
    #[error("cannot order the nodes: {0}")]
    Refused(NoOrder),
    /// It did not pass in time.
    #[error("cannot order the nodes, after {time}: {reason}")]
    Waited {
        /// How long was waited.
        time: TimeUp,
        /// What was found last.
        reason: NoOrder,
    },
}

impl Observer {
    /// Asks once; each question within `timeout`.
    pub fn view(&self, timeout: Duration, clock: &dyn Clock) -> ClusterView {
        match self {
            Self::ZooKeeper(zookeeper) => (&zookeeper.look(timeout, clock)).into(),
            Self::Search(search) => (&search.look(timeout, clock)).into(),
            Self::Kafka(kafka) => (&kafka.look(timeout)).into(),
        }
    }

    /// What it is, as far as the order goes.
    pub fn technology(&self) -> Technology {
        match self {
            Self::ZooKeeper(_) => Technology::ZooKeeper,
            Self::Search(_) => Technology::Search,
            Self::Kafka(_) => Technology::Kafka,
        }
    }

    /// What may show nowhere, though a server may well repeat it.
    pub fn secrets(&self) -> &[String] {
        match self {
            Self::ZooKeeper(_) => &[],
            Self::Search(search) => search.secrets(),
            Self::Kafka(kafka) => kafka.secrets(),
        }
    }

    /// The nodes in the order in which they are to be rolled, waiting for `limit` until it is known who leads.
    ///
    /// # Errors
    ///
    /// It is not known in time, or never will be.
    pub fn order(
        &self,
        candidates: &[Candidate],
        after: Option<&str>,
        timing: Timing<'_>,
    ) -> Result<Vec<Placed>, OrderError> {
        let Timing { clock, progress, timeout, limit } = timing;
        let mut last = NoOrder::Nobody;
        let found = until(clock, limit, || {
            let view = self.view(timeout, clock);
            match order(self.technology(), &view, candidates, after) {
                Ok(placed) => Ok(Some(placed)),
                Err(reason) if reason.may_pass() => {
                    progress.tick(|| format!("waiting for an order: {reason}"));
                    last = reason;
                    Ok(None)
                }
                Err(reason) => Err(OrderError::Refused(reason)),
            }
        })?;
        found.map_err(|time| OrderError::Waited { time, reason: last })
    }
}

/// How long it is asked, and who is told.
#[derive(Clone, Copy)]
pub struct Timing<'a> {
    /// Time.
    pub clock: &'a dyn Clock,
    /// Tells the person who waits.
    pub progress: &'a Progress<'a>,
    /// How long one question may take.
    pub timeout: Duration,
    /// How long it is waited until it is known who leads.
    pub limit: Duration,
}
