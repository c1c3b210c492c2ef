//! Having partitions led by the replicas that are to lead them: the only thing of Kafka that is ever changed.

use std::time::Duration;

use krafka::admin::{ElectLeadersOptions, ElectionType, TopicPartition};

use super::asked::{Kafka, told, within};
use super::{Elected, read};
use crate::domain::{KafkaPartition, Obstacle, one_line};

impl Kafka {
    pub(super) async fn elect_within(
        &self,
        partitions: &[KafkaPartition],
        timeout: Duration,
    ) -> Result<Elected, Obstacle> {
        let kafka = self.connect(timeout).await?;
        let wanted = partitions.iter().map(|it| TopicPartition::new(&it.topic, it.number));
        let options = ElectLeadersOptions::default().timeout(timeout);
        let (admin, wanted) = (kafka.admin(), Some(wanted.collect()));
        let asked = admin.elect_leaders(ElectionType::Preferred, wanted, options);
        let answer = within(timeout, "ElectLeaders", asked).await;
        let answer = answer.map_err(|error| told("ElectLeaders", &error))?;
        Ok(answer
            .into_iter()
            .map(|(it, result)| {
                let result = result.map_err(|error| one_line(&error.to_string()));
                (read::partition(&it.topic, it.partition), result)
            })
            .collect())
    }
}
