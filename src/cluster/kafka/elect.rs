//! Having partitions led by the replicas that are to lead them: the only thing of Kafka that is ever changed.

use std::collections::BTreeMap;
use std::time::Duration;

use krafka::admin::{ElectLeadersOptions, ElectionType, TopicPartition};

use super::Kafka;
use super::asked::{SHORTEST, late, told, within};
use super::read;
use crate::domain::{KafkaPartition, Obstacle, one_line};

/// Of each partition whether its preferred replica leads it now, or what was said instead.
type Elected = BTreeMap<KafkaPartition, Result<(), String>>;

impl Kafka {
    /// Asks for the preferred leaders of these partitions; all of it is over within twice `timeout`.
    ///
    /// # Errors
    ///
    /// Whether it was done is not known.
    pub fn elect(
        &self,
        partitions: &[KafkaPartition],
        timeout: Duration,
    ) -> Result<Elected, Obstacle> {
        let timeout = timeout.max(SHORTEST);
        let asked = self.runtime.block_on(async {
            tokio::time::timeout(timeout * 2, self.elect_within(partitions, timeout)).await
        });
        asked.unwrap_or_else(|_| Err(late("ElectLeaders")))
    }

    async fn elect_within(
        &self,
        partitions: &[KafkaPartition],
        timeout: Duration,
    ) -> Result<Elected, Obstacle> {
        let mut obstacle = late("bootstrap");
        for broker in &self.target.bootstrap {
            let kafka = match self.connect(broker, timeout).await {
                Ok(kafka) => kafka,
                Err(error) => {
                    obstacle = told(&format!("broker {broker}"), &error);
                    continue;
                }
            };
            let wanted = partitions.iter().map(|it| TopicPartition::new(&it.topic, it.number));
            let options = ElectLeadersOptions::default().timeout(timeout);
            let (admin, wanted) = (kafka.admin(), Some(wanted.collect()));
            let asked = admin.elect_leaders(ElectionType::Preferred, wanted, options);
            let answer = within(timeout, "ElectLeaders", asked).await;
            let answer = answer.map_err(|error| told("ElectLeaders", &error))?;
            return Ok(answer
                .into_iter()
                .map(|(it, result)| {
                    let result = result.map_err(|error| one_line(&error.to_string()));
                    (read::partition(&it.topic, it.partition), result)
                })
                .collect());
        }
        Err(obstacle)
    }
}
