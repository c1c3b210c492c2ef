//! What brokers tell of the partitions, and whether it may be believed.

use std::collections::BTreeSet;

use super::{Asked, Judged, Partitions, is_in_step, none_of};
use crate::domain::{KafkaNodeId, KafkaPartition, Obstacle, ObstacleKind};

/// So many brokers must tell the same: one that is cut off goes on telling what was.
const NEEDED: usize = 2;

/// A broker and what it tells.
type View<'a> = (KafkaNodeId, Result<&'a Partitions, &'a Obstacle>);

impl<'a> Asked<'a> {
    /// What each broker but the target tells. The target's word does not count: it is the one that is doubted.
    fn told_by_others(&self) -> Result<Vec<View<'a>>, &'a Obstacle> {
        let views = self.cluster.views.as_ref()?.iter();
        let others = views.filter(|(broker, _)| **broker != self.wanted.target);
        Ok(others.map(|(broker, told)| (*broker, told.as_ref())).collect())
    }

    /// What the first of them tells who tells anything: `views_agree` holds whoever else tells against it.
    pub(super) fn partitions(&self) -> Result<&'a Partitions, &'a Obstacle> {
        const NOBODY: &Obstacle = &Obstacle { kind: ObstacleKind::Empty, detail: String::new() };
        let mut obstacle = NOBODY;
        for (_, told) in self.told_by_others()? {
            match told {
                Ok(partitions) => return Ok(partitions),
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
                Ok(partitions) => views.push((broker, partitions)),
                Err(obstacle) => return Judged::unknown(obstacle.to_string()),
            }
        }
        let names = views.iter().map(|(broker, _)| broker.to_string()).collect::<Vec<_>>();
        let names = names.join(" and ");
        let [(_, first), others @ ..] = views.as_slice() else {
            return Judged::unknown("no broker besides the target tells of the partitions");
        };
        if views.len() < NEEDED {
            return Judged::unknown(format!(
                "of the partitions only broker {names} tells besides the target, and nobody confirms it"
            ));
        }
        if let Some(doubt) = views.iter().find_map(|(broker, _)| self.doubt(*broker)) {
            return doubt;
        }
        let all = views.iter().flat_map(|(_, view)| view.keys());
        let differing = all.filter(|partition| {
            others.iter().any(|(_, view)| view.get(*partition) != first.get(*partition))
        });
        let differing: BTreeSet<&KafkaPartition> = differing.collect();
        let good = format!("brokers {names} tell the same of {} partitions", first.len());
        none_of(differing.into_iter(), &good, &format!("brokers {names} tell different things of"))
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
