//! Having partitions of Kafka led by the replicas that are to lead them.

use std::time::Duration;

use thiserror::Error;

use super::gate::concealed;
use super::progress::Progress;
use super::roll::RollError;
use super::wait::{TimeUp, until};
use crate::cluster::KafkaClient;
use crate::domain::{Clock, KafkaNodeId, KafkaPartition, ObstacleKind};
use crate::plan::safety::{Astray, Leadership, leadership};

/// So many partitions are named in one line.
const NAMED: usize = 20;

/// Why partitions are not led as they are to be.
#[derive(Debug, Error)]
pub enum LeadershipError {
    /// The run that it is for cannot be gone on with.
    #[error(transparent)]
    Roll(#[from] RollError),
    /// It is not allowed, and did not come about by itself.
    #[error(
        "cannot have preferred leaders elected: {why}; nobody else had them elected either, after {time}: grant Alter on the cluster, or \
         let it rebalance leaders by itself (auto.leader.rebalance.enable)"
    )]
    Refused {
        /// What was said against it.
        why: String,
        /// How long and how often was looked.
        time: TimeUp,
    },
    /// It did not come about in time.
    #[error("cannot have preferred leaders elected, after {time}: {found}")]
    NotSeen {
        /// How long and how often was looked.
        time: TimeUp,
        /// What was seen instead.
        found: String,
    },
}

/// What came of asking.
enum Asked {
    /// Nothing was said against it.
    Taken,
    /// This was.
    Against(String),
    /// It is not allowed, and nothing was done.
    Refused(String),
}

/// What is called while it lasts.
pub struct Notes<'n> {
    /// Before anything is asked for: what will be.
    pub before: &'n mut dyn FnMut(&[Astray]) -> Result<(), RollError>,
    /// Now and then.
    pub beat: &'n mut dyn FnMut() -> Result<(), RollError>,
}

/// Someone who has leaders elected.
#[derive(Clone, Copy)]
pub struct Elector<'a> {
    /// The cluster.
    pub kafka: &'a dyn KafkaClient,
    /// How long one question may take.
    pub timeout: Duration,
    /// Time.
    pub clock: &'a dyn Clock,
    /// Tells the person who waits.
    pub progress: &'a Progress<'a>,
    /// How long it is waited for.
    pub patience: Duration,
    /// Only what this broker is to lead; all if none.
    pub target: Option<KafkaNodeId>,
    /// The unique ids that the cluster may have; any if none.
    pub clusters: &'a [String],
}

impl Elector<'_> {
    /// Who leads what, as soon as two looks agree.
    ///
    /// # Errors
    ///
    /// They do not in time.
    pub fn look(&self) -> Result<Leadership, LeadershipError> {
        let mut found = String::new();
        let looked = until(self.clock, self.patience, || match self.seen() {
            Ok(seen) => Ok::<_, LeadershipError>(Some(seen)),
            Err(other) => {
                found = other;
                self.progress.tick(|| format!("waiting to see who leads: {found}"));
                Ok(None)
            }
        })?;
        looked.map_err(|time| LeadershipError::NotSeen { time, found })
    }

    fn seen(&self) -> Result<Leadership, String> {
        let look = self.kafka.look(self.timeout);
        if let Ok(members) = &look.members
            && !self.clusters.is_empty()
            && !self.clusters.contains(&members.cluster_id)
        {
            let wanted = self.clusters.join(" or ");
            return Err(format!("it is cluster {}, and {wanted} is wanted", members.cluster_id));
        }
        leadership(&look, self.target).map_err(|it| self.shown(&it))
    }

    /// Has leaders elected until every preferred replica that is in sync leads. Where that is not allowed it is waited for all the
    /// same, since a cluster does so by itself, as a rule; answers why it was not allowed.
    ///
    /// # Errors
    ///
    /// It does not come about in time; some may be elected by then, and `asked` tells which were asked for.
    pub fn elect(
        &self,
        notes: Notes<'_>,
        asked: &mut Vec<Astray>,
    ) -> Result<Option<String>, LeadershipError> {
        let Notes { before, beat } = notes;
        let (mut found, mut refused) = (String::new(), None);
        let outcome = until(self.clock, self.patience, || {
            beat()?;
            let astray = match self.seen() {
                Ok(seen) if seen.astray.is_empty() => return Ok(Some(())),
                Ok(seen) => seen.astray,
                Err(other) => {
                    found = other;
                    return Ok(None);
                }
            };
            if refused.is_some() {
                self.progress.tick(|| format!("waiting for the cluster's own: {}", told(&astray)));
                return Ok(None);
            }
            let is_new = |it: &&Astray| asked.iter().all(|old| old.partition != it.partition);
            let new: Vec<Astray> = astray.iter().filter(is_new).cloned().collect();
            if !new.is_empty() {
                before(&new)?;
            }
            self.progress.tell(&format!("having {} leaders elected", astray.len()));
            match self.ask(&astray) {
                Asked::Taken => found = told(&astray),
                Asked::Against(why) => found = why,
                Asked::Refused(why) => {
                    self.progress
                        .tell(&format!("not allowed: {why}; waiting for the cluster's own"));
                    refused = Some(why);
                    return Ok(None);
                }
            }
            asked.extend(new);
            match self.seen() {
                Ok(seen) if seen.astray.is_empty() => Ok(Some(())),
                Ok(_) | Err(_) => {
                    self.progress.tick(|| format!("waiting for preferred leaders: {found}"));
                    Ok::<_, LeadershipError>(None)
                }
            }
        })?;
        match (outcome, refused) {
            (Ok(()), refused) => Ok(refused),
            (Err(time), Some(why)) => Err(LeadershipError::Refused { why, time }),
            (Err(time), None) => Err(LeadershipError::NotSeen { time, found }),
        }
    }

    fn ask(&self, astray: &[Astray]) -> Asked {
        let partitions: Vec<KafkaPartition> =
            astray.iter().map(|it| it.partition.clone()).collect();
        match self.kafka.elect(&partitions, self.timeout) {
            Ok(answers) => {
                let mut against =
                    answers.into_iter().filter_map(|(it, result)| Some((it, result.err()?)));
                match against.next() {
                    Some((it, why)) => Asked::Against(self.shown(&format!("{it}: {why}"))),
                    None => Asked::Taken,
                }
            }
            Err(obstacle) if obstacle.kind == ObstacleKind::NotAllowed => {
                Asked::Refused(self.shown(&obstacle.to_string()))
            }
            Err(obstacle) => Asked::Against(self.shown(&obstacle.to_string())),
        }
    }

    fn shown(&self, text: &str) -> String {
        concealed(text, self.kafka.secrets())
    }
}

fn told(astray: &[Astray]) -> String {
    let named: Vec<String> = astray.iter().take(NAMED).map(ToString::to_string).collect();
    let more = astray.len().saturating_sub(NAMED);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!("{}{more}", named.join("; "))
}

#[cfg(test)]
mod tests;
