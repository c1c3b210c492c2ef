//! How much the waivers of a gate cover.

use super::gates::{GateArgs, Kind};
use crate::plan::Waiver;
use crate::plan::safety::{Technology, covers_the_unknown};

impl GateArgs {
    /// What is to be warned of a waiver, if it is about a predicate of this gate.
    ///
    /// # Errors
    ///
    /// It covers more than anybody can know.
    pub(super) fn covers(&self, waiver: &Waiver) -> Result<Option<String>, String> {
        let technology = match self.kind {
            Kind::Zookeeper => Technology::ZooKeeper,
            Kind::Elasticsearch => Technology::Search,
            Kind::Kafka => Technology::Kafka,
            Kind::Tcp | Kind::Http | Kind::Command | Kind::Prometheus | Kind::Ec2 => {
                return Ok(None);
            }
        };
        let name = waiver.predicate.strip_prefix(&self.name).and_then(|it| it.strip_prefix('.'));
        name.map_or(Ok(None), |name| covers_the_unknown(technology, name, waiver))
    }
}
