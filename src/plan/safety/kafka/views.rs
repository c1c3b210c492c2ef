//! What brokers tell of the topics, and whether it may be believed.

use std::collections::BTreeSet;

use super::quorum::is_in_step;
use super::{Asked, Judged, none_of};
use crate::domain::{KafkaNodeId, KafkaView, Obstacle, ObstacleKind};

/// So many brokers must tell the same: one that is cut off goes on telling what was.
const NEEDED: usize = 2;

/// A broker and what it tells.
type View<'a> = (KafkaNodeId, Result<&'a KafkaView, &'a Obstacle>);

impl<'a> Asked<'a> {
    /// What each broker but the target tells. The target's word does not count: it is the one that is doubted.
    fn told_by_others(&self) -> Result<Vec<View<'a>>, &'a Obstacle> {
        let views = self.cluster.views.as_ref()?.iter();
        let others = views.filter(|(broker, _)| **broker != self.wanted.target);
        Ok(others.map(|(broker, told)| (*broker, told.as_ref())).collect())
    }

    /// What the first of them tells who tells anything: `views_agree` holds whoever else tells against it.
    pub(super) fn view(&self) -> Result<&'a KafkaView, &'a Obstacle> {
        const NOBODY: &Obstacle = &Obstacle { kind: ObstacleKind::Empty, detail: String::new() };
        let mut obstacle = NOBODY;
        for (_, told) in self.told_by_others()? {
            match told {
                Ok(view) => return Ok(view),
                Err(why) => obstacle = why,
            }
        }
        Err(obstacle)
    }

    /// A broker's metadata may be old: what two that are in step with the quorum tell alike is taken for so. Where there is but
    /// one besides the target, as in a cluster of two, nobody confirms what it tells, and that is unknown in every phase.
    pub(super) fn views_agree(&self) -> Judged {
        let told = match self.told_by_others() {
            Ok(told) => told,
            Err(obstacle) => return Judged::unknown(obstacle.to_string()),
        };
        let mut views = Vec::new();
        for (broker, told) in told {
            match told {
                Ok(view) => views.push((broker, view)),
                Err(obstacle) => return Judged::unknown(obstacle.to_string()),
            }
        }
        let names = views.iter().map(|(broker, _)| broker.to_string()).collect::<Vec<_>>();
        let names = names.join(" and ");
        let [(_, first), others @ ..] = views.as_slice() else {
            return Judged::unknown("no broker besides the target tells of the topics");
        };
        if views.len() < NEEDED {
            return Judged::unknown(format!(
                "of the topics only broker {names} tells besides the target, and nobody confirms it"
            ));
        }
        if let Some(doubt) = views.iter().find_map(|(broker, _)| self.doubt(*broker)) {
            return doubt;
        }
        let partitions = views.iter().flat_map(|(_, view)| view.partitions.keys());
        let partitions: BTreeSet<_> = partitions
            .filter(|it| {
                others.iter().any(|(_, view)| view.partitions.get(it) != first.partitions.get(it))
            })
            .collect();
        let topics = views.iter().flat_map(|(_, view)| view.topics.keys());
        let topics: BTreeSet<_> = topics
            .filter(|it| {
                others.iter().any(|(_, view)| view.topics.get(*it) != first.topics.get(*it))
            })
            .collect();
        let settings = topics.into_iter().map(|it| format!("the settings of {it}"));
        let differing = partitions.into_iter().map(ToString::to_string).chain(settings);
        let good =
            format!("brokers {names} tell the same of {} partitions", first.partitions.len());
        none_of(differing, &good, &format!("brokers {names} tell different things of"))
    }

    /// Why a broker's view may be old, though another one of the same age agrees. With its own quorum a broker has its metadata from
    /// there; that nobody leads it is told elsewhere.
    fn doubt(&self, broker: KafkaNodeId) -> Option<Judged> {
        let Ok(Some(quorum)) = &self.cluster.quorum else { return None };
        let leader = quorum.leader.filter(|leader| *leader != broker)?;
        let leading = quorum.voters.get(&leader)?;
        let follower = quorum.voters.get(&broker).or_else(|| quorum.observers.get(&broker));
        let Some(follower) = follower else {
            return Some(Judged::unknown(format!(
                "how far broker {broker} follows the quorum is not told"
            )));
        };
        let is_late = !is_in_step(follower, leading, quorum);
        is_late.then(|| {
            Judged::fail(format!("broker {broker} is behind the quorum: what it tells is old"))
        })
    }
}
