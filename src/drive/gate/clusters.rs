//! Clusters as sources of a gate: observed as a whole, judged by the predicates of their technology.

use std::time::Duration;

use super::{Source, conceal};
use crate::cluster::{KafkaClient, Search, ZooKeeper};
use crate::domain::Clock;
use crate::plan::gate::Finding;
use crate::plan::safety::{
    KafkaQuestion, Question, SearchQuestion, judge_kafka, judge_search, judge_zookeeper,
};

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

/// An Elasticsearch or OpenSearch cluster and what is asked of it.
#[derive(Debug)]
pub struct SearchCluster {
    /// Who is asked.
    pub observer: Search,
    /// What.
    pub question: SearchQuestion,
    /// How long one question may take; a look asks a dozen.
    pub timeout: Duration,
}

impl Source for SearchCluster {
    fn look(&self, clock: &dyn Clock) -> Vec<Finding> {
        let seen = self.observer.look(self.timeout, clock);
        let mut findings = judge_search(&seen, &self.question);
        conceal(&mut findings, self.observer.secrets());
        findings
    }
}

/// A Kafka cluster and what is asked of it.
#[derive(Debug)]
pub struct KafkaCluster {
    /// Who is asked.
    pub observer: Box<dyn KafkaClient>,
    /// What.
    pub question: KafkaQuestion,
    /// How long one question may take; all of a look is over within twice that.
    pub timeout: Duration,
}

impl Source for KafkaCluster {
    fn look(&self, _: &dyn Clock) -> Vec<Finding> {
        let seen = self.observer.look(self.timeout);
        let mut findings = judge_kafka(&seen, &self.question);
        conceal(&mut findings, self.observer.secrets());
        findings
    }
}
