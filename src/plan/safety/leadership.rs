//! Which partitions of Kafka are not led by the replicas that are to lead them.

use std::fmt;

use crate::domain::{KafkaCluster, KafkaNodeId, KafkaPartition};

/// A partition that another replica leads than the one that is to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Astray {
    /// The partition.
    pub partition: KafkaPartition,
    /// Who leads it.
    pub leader: Option<KafkaNodeId>,
    /// Who is to.
    pub preferred: KafkaNodeId,
}

impl fmt::Display for Astray {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let leader = self.leader.map_or_else(|| "nobody".to_owned(), |it| format!("broker {it}"));
        write!(f, "{} is led by {leader}, not by broker {}", self.partition, self.preferred)
    }
}

/// Who leads what, as far as it is not as it is to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leadership {
    /// What can be put right: the preferred replica is in sync and does not lead.
    pub astray: Vec<Astray>,
    /// What cannot yet: the preferred replica is not in sync.
    pub behind: Vec<Astray>,
}

/// Judges one look: of those partitions that `target` is to lead, or of all.
///
/// # Errors
///
/// It is not known: a look failed, or two looks do not agree.
pub fn leadership(
    cluster: &KafkaCluster,
    target: Option<KafkaNodeId>,
) -> Result<Leadership, String> {
    let views = cluster.views.as_ref().map_err(ToString::to_string)?;
    let mut told = None;
    for (broker, view) in views {
        let view = view.as_ref().map_err(|obstacle| format!("broker {broker}: {obstacle}"))?;
        match told {
            None => told = Some((broker, &view.partitions)),
            Some((_, first)) if first == &view.partitions => {}
            Some((other, _)) => {
                return Err(format!("brokers {other} and {broker} tell of other partitions"));
            }
        }
    }
    let Some((_, first)) = told else { return Err("nobody was asked".to_owned()) };
    let mut found = Leadership::default();
    for (partition, seen) in first {
        let Some(preferred) = seen.replicas.first().copied() else { continue };
        let is_meant = target.is_none_or(|target| target == preferred);
        if !is_meant || seen.leader == Some(preferred) {
            continue;
        }
        let (partition, leader) = (partition.clone(), seen.leader);
        let astray = Astray { partition, leader, preferred };
        // An election among those that are in sync loses nothing; the broker would refuse another.
        if seen.in_sync.contains(&preferred) && !seen.offline.contains(&preferred) {
            found.astray.push(astray);
        } else {
            found.behind.push(astray);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::domain::{KafkaReplicas, KafkaView, Obstacle, ObstacleKind};

    type View = BTreeMap<KafkaPartition, KafkaReplicas>;

    fn whole(view: Result<View, Obstacle>) -> Result<KafkaView, Obstacle> {
        view.map(|partitions| KafkaView { partitions, ..KafkaView::default() })
    }

    fn cluster(views: Vec<Result<View, Obstacle>>) -> KafkaCluster {
        let unknown = Obstacle { kind: ObstacleKind::Time, detail: String::new() };
        KafkaCluster {
            members: Err(unknown.clone()),
            views: Ok((1..).zip(views.into_iter().map(whole)).collect()),
            reassignments: Err(unknown.clone()),
            log_dirs: BTreeMap::new(),
            answers: BTreeMap::new(),
            quorum: Err(unknown),
        }
    }

    /// Leader, replicas, those in sync, and those offline.
    type Row<'a> = (Option<i32>, &'a [i32], &'a [i32], &'a [i32]);

    /// Partitions of one topic.
    fn view(all: &[Row<'_>]) -> View {
        let one = |(number, (leader, replicas, in_sync, offline)): (usize, &Row<'_>)| {
            let partition =
                KafkaPartition { topic: "t".to_owned(), number: i32::try_from(number).unwrap() };
            let replicas = KafkaReplicas {
                leader: *leader,
                leader_epoch: Some(1),
                replicas: replicas.to_vec(),
                in_sync: in_sync.iter().copied().collect(),
                offline: offline.iter().copied().collect(),
            };
            (partition, replicas)
        };
        all.iter().enumerate().map(one).collect()
    }

    #[test]
    fn what_is_led_by_another_is_put_right_if_its_own_replica_is_in_sync() {
        let seen = view(&[
            (Some(1), &[1, 2], &[1, 2], &[]),
            (Some(2), &[1, 2], &[1, 2], &[]),
            (Some(2), &[1, 2], &[2], &[]),
            (None, &[1, 2], &[1], &[1]),
            (None, &[1, 2], &[1], &[]),
            (Some(1), &[3, 1], &[1, 3], &[]),
            (Some(1), &[], &[], &[]),
        ]);
        let numbers =
            |list: &[Astray]| list.iter().map(|it| it.partition.number).collect::<Vec<_>>();
        for (target, astray, behind) in [
            (None, vec![1, 4, 5], vec![2, 3]),
            (Some(1), vec![1, 4], vec![2, 3]),
            (Some(3), vec![5], vec![]),
            (Some(9), vec![], vec![]),
        ] {
            let found =
                leadership(&cluster(vec![Ok(seen.clone()), Ok(seen.clone())]), target).unwrap();
            assert_eq!(
                (numbers(&found.astray), numbers(&found.behind)),
                (astray, behind),
                "{target:?}"
            );
        }
    }

    #[test]
    fn what_two_looks_do_not_agree_on_is_not_known() {
        let one = view(&[(Some(1), &[1, 2], &[1, 2], &[])]);
        let other = view(&[(Some(2), &[1, 2], &[1, 2], &[])]);
        let late = Obstacle { kind: ObstacleKind::Time, detail: "late".to_owned() };
        for views in [
            vec![],
            vec![Err(late.clone())],
            vec![Ok(one.clone()), Err(late)],
            vec![Ok(one), Ok(other)],
        ] {
            assert!(leadership(&cluster(views.clone()), None).is_err(), "{views:?}");
        }
    }
}
