//! Clusters as sources of a gate: observed as a whole, judged by the predicates of their technology.

use std::time::Duration;

use super::Source;
use crate::cluster::ZooKeeper;
use crate::domain::Clock;
use crate::plan::gate::Finding;
use crate::plan::safety::{Question, judge_zookeeper};

/// A ZooKeeper ensemble and what is asked of it.
#[derive(Debug)]
pub struct Ensemble {
    /// Who is asked.
    pub observer: ZooKeeper,
    /// What.
    pub question: Question,
    /// How long one look may take.
    pub timeout: Duration,
}

impl Source for Ensemble {
    fn look(&self, clock: &dyn Clock) -> Vec<Finding> {
        judge_zookeeper(&self.observer.look(self.timeout, clock), &self.question)
    }
}
