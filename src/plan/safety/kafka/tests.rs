//! Tables for each predicate, and random clusters against what is true of them.

use proptest::prelude::*;

use super::*;
use crate::domain::{
    KafkaBroker, KafkaLogDirs, KafkaQuorum, KafkaQuorumReplica, KafkaTopic, Obstacle, ObstacleKind,
};
use crate::plan::Verdict;
use crate::plan::safety::Technology;
use crate::plan::safety::objects::judged_by;

fn obstacle() -> Obstacle {
    Obstacle { kind: ObstacleKind::Time, detail: "x".to_owned() }
}

fn partition(topic: &str, number: i32) -> KafkaPartition {
    KafkaPartition { topic: topic.to_owned(), number }
}

fn replicas(ids: &[KafkaNodeId]) -> KafkaReplicas {
    KafkaReplicas {
        leader: ids.first().copied(),
        leader_epoch: Some(7),
        replicas: ids.to_vec(),
        in_sync: ids.iter().copied().collect(),
        offline: BTreeSet::new(),
    }
}

fn topic(min: u32) -> KafkaTopic {
    KafkaTopic { min_in_sync: Some(min), unclean_election: Some(false) }
}

fn views(it: &mut KafkaCluster) -> &mut BTreeMap<KafkaNodeId, Result<KafkaView, Obstacle>> {
    it.views.as_mut().unwrap()
}

/// What the second broker tells of the partitions.
fn second(it: &mut KafkaCluster) -> &mut Partitions {
    &mut views(it).get_mut(&2).unwrap().as_mut().unwrap().partitions
}

/// Changes what all tell of the topic's settings.
fn settings(it: &mut KafkaCluster, change: impl Fn(&mut Option<KafkaTopic>)) {
    for view in views(it).values_mut() {
        let topics = &mut view.as_mut().unwrap().topics;
        let mut told = topics.remove("orders");
        change(&mut told);
        topics.extend(told.map(|told| ("orders".to_owned(), told)));
    }
}

/// Says of each broker's disks what the partitions say.
fn lay_out(it: &mut KafkaCluster, partitions: Partitions) {
    for (broker, dirs) in &mut it.log_dirs {
        let here = partitions.iter().filter(|(_, told)| told.replicas.contains(broker));
        dirs.as_mut().unwrap().replicas = here.map(|(partition, _)| partition.clone()).collect();
    }
    let tellers: Vec<KafkaNodeId> = it.log_dirs.keys().copied().take(3).collect();
    let topics = BTreeMap::from([("orders".to_owned(), topic(2))]);
    let view = KafkaView { partitions, topics };
    it.views = Ok(tellers.into_iter().map(|id| (id, Ok(view.clone()))).collect());
}

/// A healthy cluster of brokers that are controllers, too; the first leads the quorum. One topic on all of them, of which
/// writes need two.
fn cluster(count: KafkaNodeId) -> KafkaCluster {
    let ids: Vec<KafkaNodeId> = (1..=count).collect();
    let voter = KafkaQuorumReplica { log_end: Some(500), caught_up_ms: Some(10_000) };
    let mut it = KafkaCluster {
        members: Ok(KafkaMembers {
            cluster_id: "k1".to_owned(),
            controller: Some(2),
            brokers: ids.iter().map(|id| (*id, KafkaBroker::default())).collect(),
        }),
        views: Ok(BTreeMap::new()),
        reassignments: Ok(BTreeSet::new()),
        log_dirs: ids.iter().map(|id| (*id, Ok(KafkaLogDirs::default()))).collect(),
        answers: ids.iter().map(|id| (*id, Ok(()))).collect(),
        quorum: Ok(Some(KafkaQuorum {
            leader: Some(1),
            epoch: Some(4),
            voters: ids.iter().map(|id| (*id, voter.clone())).collect(),
            observers: BTreeMap::new(),
            fetch_timeout_ms: None,
        })),
    };
    let turned = |by: usize| {
        let mut ids = ids.clone();
        let by = by % ids.len();
        ids.rotate_left(by);
        replicas(&ids)
    };
    let partitions = (0..3).map(|number| (partition("orders", number), turned(number as usize)));
    lay_out(&mut it, partitions.collect());
    it
}

/// Without one of its brokers, as the others carry on.
fn without(mut it: KafkaCluster, target: KafkaNodeId) -> KafkaCluster {
    it.members.as_mut().unwrap().brokers.remove(&target);
    it.log_dirs.remove(&target);
    it.answers.remove(&target);
    views(&mut it).remove(&target);
    for view in views(&mut it).values_mut() {
        for told in view.as_mut().unwrap().partitions.values_mut() {
            told.in_sync.remove(&target);
            if told.replicas.contains(&target) {
                told.offline.insert(target);
            }
            told.leader = told.in_sync.first().copied();
        }
    }
    if let Ok(Some(quorum)) = &mut it.quorum {
        let next = quorum.voters.keys().copied().find(|id| *id != target);
        if quorum.leader == Some(target) {
            quorum.leader = next;
        }
        if let Some(voter) = quorum.voters.get_mut(&target) {
            *voter = KafkaQuorumReplica { log_end: Some(400), caught_up_ms: Some(1) };
        }
    }
    it
}

fn question(count: KafkaNodeId, phase: Phase, target: KafkaNodeId) -> KafkaQuestion {
    KafkaQuestion {
        question: Question { gate: "k".to_owned(), phase, target: target.to_string() },
        target,
        brokers: (1..=count).collect(),
        controllers: None,
        cluster_id: None,
        asks_ensemble: false,
        margin: 0,
    }
}

fn unmet(it: &KafkaCluster, question: &KafkaQuestion) -> BTreeMap<(String, String), Verdict> {
    let bad = judge(it, question).into_iter().filter(|finding| finding.verdict != Verdict::Pass);
    bad.map(|it| ((it.name.replace("k.", ""), it.object), it.verdict)).collect()
}

#[test]
fn a_whole_cluster_passes_before_between_and_after() {
    for target in 1..=3 {
        for phase in [Phase::Pre, Phase::Post] {
            assert_eq!(unmet(&cluster(3), &question(3, phase, target)), BTreeMap::new());
        }
        let mid = without(cluster(3), target);
        assert_eq!(unmet(&mid, &question(3, Phase::Mid, target)), BTreeMap::new(), "{target}");
        let after = unmet(&mid, &question(3, Phase::Post, target));
        assert!(after.contains_key(&("brokers_live".to_owned(), "cluster".to_owned())));
    }
}

#[test]
fn in_zookeeper_mode_the_controller_counts() {
    let mut it = cluster(3);
    it.quorum = Ok(None);
    let alone = question(3, Phase::Pre, 2);
    let unasked = ("ensemble_asked".to_owned(), "cluster".to_owned());
    assert_eq!(unmet(&it, &alone), [(unasked, Verdict::Fail)].into(), "the ensemble may be ill");
    assert_eq!(unmet(&it, &question(3, Phase::Post, 2)), BTreeMap::new());
    let asked = KafkaQuestion { asks_ensemble: true, ..alone };
    assert_eq!(unmet(&it, &asked), BTreeMap::new());
    it.members.as_mut().unwrap().controller = None;
    let found = unmet(&it, &asked);
    assert_eq!(
        found,
        [(("controller_known".to_owned(), "cluster".to_owned()), Verdict::Fail)].into()
    );
}

type Change = fn(&mut KafkaCluster);

type Case = (&'static str, Phase, Change, &'static [(&'static str, &'static str, Verdict)]);

/// Changes what all views tell of a partition.
fn told(it: &mut KafkaCluster, number: i32, change: impl Fn(&mut KafkaReplicas)) {
    for view in views(it).values_mut() {
        change(view.as_mut().unwrap().partitions.get_mut(&partition("orders", number)).unwrap());
    }
}

fn quorum(it: &mut KafkaCluster) -> &mut KafkaQuorum {
    it.quorum.as_mut().unwrap().as_mut().unwrap()
}

fn cases() -> Vec<Case> {
    use Phase::{Mid, Post, Pre};
    use Verdict::{Fail, Unknown};
    const ALL: &str = "cluster";
    vec![
        (
            "one is gone",
            Pre,
            |it| drop(it.members.as_mut().unwrap().brokers.remove(&2)),
            &[("brokers_live", ALL, Fail)],
        ),
        (
            "one is fenced",
            Pre,
            |it| {
                it.members.as_mut().unwrap().brokers.get_mut(&2).unwrap().is_fenced = true;
            },
            &[("brokers_live", ALL, Fail)],
        ),
        (
            "a stranger",
            Pre,
            |it| {
                it.members.as_mut().unwrap().brokers.insert(9, KafkaBroker::default());
            },
            &[("brokers_live", ALL, Fail)],
        ),
        (
            "nobody leads one",
            Pre,
            |it| told(it, 0, |it| it.leader = None),
            &[("led", "orders", Fail)],
        ),
        (
            "one replica is offline",
            Pre,
            |it| {
                told(it, 0, |it| {
                    it.offline.insert(2);
                })
            },
            &[("replicas_online", "orders", Fail)],
        ),
        (
            "a folder is offline",
            Pre,
            |it| {
                it.log_dirs.get_mut(&2).unwrap().as_mut().unwrap().offline.push("/d".to_owned());
            },
            &[("folders_usable", ALL, Fail)],
        ),
        (
            "one lags",
            Pre,
            |it| {
                told(it, 0, |it| {
                    it.in_sync.remove(&2);
                })
            },
            &[("in_sync", "orders", Fail), ("above_min_in_sync", "orders", Fail)],
        ),
        (
            "the target lags, and nobody needs it",
            Pre,
            |it| {
                told(it, 0, |it| {
                    it.in_sync.remove(&3);
                });
            },
            &[("in_sync", "orders", Fail)],
        ),
        (
            "writes need all",
            Pre,
            |it| {
                settings(it, |it| *it = Some(topic(3)));
            },
            &[("above_min_in_sync", "orders", Fail)],
        ),
        (
            "nobody tells what writes need",
            Pre,
            |it| {
                settings(it, |it| it.as_mut().unwrap().min_in_sync = None);
            },
            &[("above_min_in_sync", "orders", Unknown)],
        ),
        (
            "unclean elections",
            Pre,
            |it| {
                settings(it, |it| it.as_mut().unwrap().unclean_election = Some(true));
            },
            &[("clean_elections", "orders", Fail)],
        ),
        (
            "a topic that nobody describes",
            Pre,
            |it| settings(it, |it| *it = None),
            &[("above_min_in_sync", "orders", Unknown), ("clean_elections", "orders", Unknown)],
        ),
        (
            "one is moved",
            Pre,
            |it| {
                it.reassignments.as_mut().unwrap().insert(partition("orders", 1));
            },
            &[("no_reassignment", "orders", Fail)],
        ),
        (
            "one is hidden from the one who asks",
            Pre,
            |it| {
                let dirs = it.log_dirs.get_mut(&1).unwrap().as_mut().unwrap();
                dirs.replicas.insert(partition("secret", 0));
            },
            &[("visible", ALL, Fail)],
        ),
        (
            "nobody may look at disks",
            Pre,
            |it| {
                it.log_dirs.values_mut().for_each(|dirs| *dirs = Err(obstacle()));
            },
            &[("visible", ALL, Unknown), ("folders_usable", ALL, Unknown)],
        ),
        (
            "a disk came back empty",
            Pre,
            |it| {
                it.log_dirs.get_mut(&1).unwrap().as_mut().unwrap().replicas.clear();
            },
            &[("visible", ALL, Fail)],
        ),
        (
            "one broker's view is older",
            Pre,
            |it| {
                second(it).get_mut(&partition("orders", 0)).unwrap().in_sync.remove(&3);
            },
            &[("views_agree", ALL, Fail)],
        ),
        (
            "one broker's view is older by a leader that is the same",
            Pre,
            |it| {
                second(it).get_mut(&partition("orders", 0)).unwrap().leader_epoch = Some(6);
            },
            &[("views_agree", ALL, Fail)],
        ),
        (
            "one view has a topic more",
            Pre,
            |it| {
                second(it).insert(partition("new", 0), replicas(&[1]));
            },
            &[("views_agree", ALL, Fail)],
        ),
        (
            "one tells older settings",
            Pre,
            |it| {
                let view = views(it).get_mut(&2).unwrap().as_mut().unwrap();
                view.topics.insert("orders".to_owned(), topic(1));
            },
            &[("views_agree", ALL, Fail)],
        ),
        (
            "what the target tells does not count",
            Pre,
            |it| drop(views(it).insert(3, Ok(KafkaView::default()))),
            &[],
        ),
        (
            "one and the target tell",
            Pre,
            |it| drop(views(it).remove(&2)),
            &[("views_agree", ALL, Unknown)],
        ),
        ("one tells", Mid, |it| drop(views(it).remove(&2)), &[("views_agree", ALL, Unknown)]),
        (
            "one of them does not tell",
            Pre,
            |it| drop(views(it).insert(2, Err(obstacle()))),
            &[("views_agree", ALL, Unknown)],
        ),
        (
            "a teller that has no vote is behind",
            Pre,
            |it| {
                let mut late = quorum(it).voters.remove(&2).unwrap();
                late.caught_up_ms = Some(8000);
                quorum(it).observers.insert(2, late);
                let spare = quorum(it).voters[&1].clone();
                quorum(it).voters.insert(4, spare);
            },
            &[("views_agree", ALL, Fail)],
        ),
        (
            "how far a teller follows is not told",
            Pre,
            |it| {
                let voter = quorum(it).voters.remove(&2).unwrap();
                quorum(it).voters.insert(4, voter);
            },
            &[("views_agree", ALL, Unknown)],
        ),
        (
            "the quorum has no leader",
            Pre,
            |it| quorum(it).leader = None,
            &[("quorum_in_step", ALL, Fail), ("quorum_steady", ALL, Fail)],
        ),
        (
            "its epoch is not told",
            Pre,
            |it| quorum(it).epoch = None,
            &[("quorum_steady", ALL, Unknown)],
        ),
        (
            "one does not tell of its folders",
            Post,
            |it| drop(it.log_dirs.insert(3, Err(obstacle()))),
            &[("visible", ALL, Unknown), ("folders_usable", ALL, Unknown)],
        ),
        (
            "a voter is late",
            Pre,
            |it| {
                quorum(it).voters.get_mut(&2).unwrap().caught_up_ms = Some(8000);
            },
            &[("quorum_in_step", ALL, Fail), ("views_agree", ALL, Fail)],
        ),
        (
            "a voter's log is short",
            Pre,
            |it| {
                quorum(it).voters.get_mut(&1).unwrap().log_end = Some(5000);
            },
            &[("quorum_in_step", ALL, Fail), ("views_agree", ALL, Fail)],
        ),
        (
            "a voter is not known to be level",
            Pre,
            |it| {
                quorum(it).voters.get_mut(&2).unwrap().caught_up_ms = None;
            },
            &[("quorum_in_step", ALL, Fail), ("views_agree", ALL, Fail)],
        ),
        (
            "the target is late",
            Pre,
            |it| {
                quorum(it).voters.get_mut(&3).unwrap().caught_up_ms = Some(0);
            },
            &[],
        ),
        (
            "no word of the quorum",
            Pre,
            |it| it.quorum = Err(obstacle()),
            &[("quorum_in_step", ALL, Unknown)],
        ),
        (
            "it still runs",
            Mid,
            |it| *it = cluster(3),
            &[("led", "orders", Fail), ("brokers_live", ALL, Fail)],
        ),
        (
            "one more is gone",
            Mid,
            |it| *it = without(it.clone(), 2),
            &[
                ("brokers_live", ALL, Fail),
                ("replicas_online", "orders", Fail),
                ("in_sync", "orders", Fail),
                ("above_min_in_sync", "orders", Fail),
                ("views_agree", ALL, Unknown),
                ("quorum_in_step", ALL, Fail),
            ],
        ),
        (
            "it does not lead again",
            Post,
            |it| told(it, 2, |it| it.leader = Some(1)),
            &[("preferred_leaders", ALL, Fail)],
        ),
        (
            "it does not answer",
            Post,
            |it| drop(it.answers.insert(3, Err(obstacle()))),
            &[("target_answers", ALL, Unknown)],
        ),
        (
            "it is late",
            Post,
            |it| {
                quorum(it).voters.get_mut(&3).unwrap().caught_up_ms = Some(0);
            },
            &[("quorum_in_step", ALL, Fail)],
        ),
    ]
}

#[test]
fn whatever_is_wrong_is_said_by_its_predicate() {
    for (what, phase, change, expected) in cases() {
        let mut it = cluster(3);
        if phase == Phase::Mid {
            it = without(it, 3);
        }
        change(&mut it);
        let found = unmet(&it, &question(3, phase, 3));
        let expected = expected
            .iter()
            .map(|(name, object, verdict)| (((*name).to_owned(), (*object).to_owned()), *verdict));
        assert_eq!(found, expected.collect(), "{what}");
        for (name, object) in found.into_keys().filter(|(_, object)| object == "orders") {
            let judged = judged_by(Technology::Kafka, &name);
            assert_eq!(judged, Some("topic"), "a waiver of {name} has to name {object}");
        }
    }
}

#[test]
fn a_margin_and_another_cluster_are_judged_where_they_are_asked_for() {
    let mut asked = question(3, Phase::Pre, 3);
    asked.margin = 1;
    let found = unmet(&cluster(3), &asked);
    assert_eq!(
        found,
        [(("above_min_in_sync".to_owned(), "orders".to_owned()), Verdict::Fail)].into()
    );
    let mut asked = question(3, Phase::Post, 3);
    asked.cluster_id = Some("k2".to_owned());
    let found = unmet(&cluster(3), &asked);
    assert_eq!(found, [(("identified".to_owned(), "cluster".to_owned()), Verdict::Fail)].into());
}

/// Without an id that is nobody's nothing is lost, and the broker that is stopped in truth was not looked at.
#[test]
fn a_target_that_is_nobody_is_refused() {
    let unknown = ("target_known".to_owned(), "cluster".to_owned());
    for phase in [Phase::Pre, Phase::Mid, Phase::Post] {
        let found = unmet(&cluster(3), &question(3, phase, 99));
        assert_eq!(found.get(&unknown), Some(&Verdict::Fail), "{phase:?}: {found:?}");
    }
    let mut apart = question(3, Phase::Pre, 3);
    apart.brokers = [1, 2].into();
    assert_eq!(unmet(&cluster(3), &apart).get(&unknown), None, "it votes");
    let mut silent = cluster(3);
    silent.quorum =
        Err(crate::domain::Obstacle { kind: ObstacleKind::Time, detail: "x".to_owned() });
    assert_eq!(unmet(&silent, &apart).get(&unknown), Some(&Verdict::Unknown));
}

/// Where they are named just the controllers vote: a folder that was made anew votes as another one.
#[test]
fn those_vote_that_are_expected() {
    let expected = ("voters_expected".to_owned(), "cluster".to_owned());
    for (wanted, verdict) in [
        ([1, 2, 3].as_slice(), None),
        (&[1, 2], Some(Verdict::Fail)),
        (&[1, 2, 3, 4], Some(Verdict::Fail)),
        (&[1, 2, 4], Some(Verdict::Fail)),
    ] {
        for phase in [Phase::Pre, Phase::Mid, Phase::Post] {
            let it = if phase == Phase::Mid { without(cluster(3), 3) } else { cluster(3) };
            let controllers = Some(wanted.iter().copied().collect());
            let asked = KafkaQuestion { controllers, ..question(3, phase, 3) };
            let verdict = verdict.map(|verdict| (expected.clone(), verdict));
            assert_eq!(unmet(&it, &asked), verdict.into_iter().collect(), "{wanted:?}");
        }
    }
}

/// Whoever is elected while one looks on begins the looks anew.
#[test]
fn an_election_is_another_object() {
    let steady = |epoch| {
        let mut it = cluster(3);
        quorum(&mut it).epoch = Some(epoch);
        let found = judge(&it, &question(3, Phase::Post, 3));
        found.into_iter().find(|it| it.name == "k.quorum_steady").unwrap()
    };
    let (before, after) = (steady(4), steady(5));
    assert_eq!((before.verdict, after.verdict), (Verdict::Pass, Verdict::Pass));
    assert_ne!(before.object, after.object);
}

#[test]
fn with_two_voters_none_can_be_lost() {
    let found = unmet(&cluster(2), &question(2, Phase::Pre, 2));
    for name in ["quorum_in_step", "voters_to_spare"] {
        assert_eq!(found[&(name.to_owned(), "cluster".to_owned())], Verdict::Fail, "{found:?}");
    }
}

/// A broker without a vote can be lost by the quorum, and while it is away nothing else may happen.
#[test]
fn with_two_voters_no_broker_is_rolled_without_a_waiver() {
    let spare = ("voters_to_spare".to_owned(), "cluster".to_owned());
    for left in [1, 2] {
        let mut it = cluster(3);
        let voters = std::mem::take(&mut quorum(&mut it).voters);
        let (voters, observers) = voters.into_iter().partition(|(id, _)| *id <= left);
        (quorum(&mut it).voters, quorum(&mut it).observers) = (voters, observers);
        assert_eq!(
            unmet(&it, &question(3, Phase::Pre, 3)),
            [(spare.clone(), Verdict::Fail)].into()
        );
        assert_eq!(unmet(&it, &question(3, Phase::Post, 3)), BTreeMap::new());
    }
}

/// Of two brokers one is left to tell, in every phase.
#[test]
fn with_two_brokers_nobody_confirms_what_the_other_one_tells() {
    for (it, phase) in
        [(cluster(2), Phase::Pre), (without(cluster(2), 2), Phase::Mid), (cluster(2), Phase::Post)]
    {
        let found = unmet(&it, &question(2, phase, 2));
        assert_eq!(found[&("views_agree".to_owned(), "cluster".to_owned())], Verdict::Unknown);
    }
}

/// What is wrong with a cluster that is whole otherwise.
#[derive(Clone, Debug)]
enum Defect {
    None,
    /// A replica is not in sync: which partition's, and which of its.
    Lags(prop::sample::Index, prop::sample::Index),
    /// A voter that leads neither with nor without the target is late.
    Late(prop::sample::Index),
}

fn defect() -> impl Strategy<Value = Defect> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        2 => Just(Defect::None),
        2 => (index(), index()).prop_map(|(at, which)| Defect::Lags(at, which)),
        1 => index().prop_map(Defect::Late),
    ]
}

proptest! {
    /// What is whole and can lose the target passes, and whatever passes can: by counting, without the target each of its
    /// partitions has as many in sync as writes need and one at least, and a majority of the voters is in step.
    #[test]
    fn what_is_whole_passes_and_what_passes_can_lose_the_target(
        count in 3..6_i32,
        target in any::<prop::sample::Index>(),
        placed in prop::collection::vec((any::<prop::sample::Index>(), 1..4_usize), 1..5),
        min in 0..3_u32,
        defect in defect(),
    ) {
        let ids: Vec<KafkaNodeId> = (1..=count).collect();
        let target = ids[target.index(ids.len())];
        let mut partitions = Partitions::new();
        for (number, (first, copies)) in placed.into_iter().enumerate() {
            let turned = ids.iter().cycle().skip(first.index(ids.len())).take(copies);
            let on: Vec<KafkaNodeId> = turned.copied().collect();
            partitions.insert(partition("orders", number as i32), replicas(&on));
        }
        let mut late = None;
        match &defect {
            Defect::None => {}
            Defect::Lags(at, which) => {
                let at = at.index(partitions.len());
                let told = partitions.values_mut().nth(at).unwrap();
                told.in_sync.remove(&told.replicas[which.index(told.replicas.len())]);
                told.leader = told.in_sync.first().copied();
            }
            Defect::Late(which) => {
                let next = if target == 1 { 2 } else { 1 };
                let may: Vec<_> = ids.iter().filter(|id| ![1, next, target].contains(id)).collect();
                late = Some(*may[which.index(may.len())]);
            }
        }
        let mut it = cluster(count);
        lay_out(&mut it, partitions.clone());
        settings(&mut it, |it| *it = Some(topic(min)));
        if let Some(late) = late {
            quorum(&mut it).voters.get_mut(&late).unwrap().caught_up_ms = Some(0);
        }
        let of_target = partitions.values().filter(|told| told.replicas.contains(&target));
        let takes_writes = of_target.into_iter().all(|told| {
            told.in_sync.iter().filter(|id| **id != target).count() >= (min as usize).max(1)
        });
        let in_step = ids.iter().filter(|id| **id != target && Some(**id) != late).count();
        let is_safe = takes_writes && in_step > ids.len() / 2;
        for (phase, it) in [(Phase::Pre, it.clone()), (Phase::Mid, without(it, target))] {
            let found = unmet(&it, &question(count, phase, target));
            prop_assert!(is_safe || !found.is_empty(), "{phase:?}: it passes");
            match defect {
                Defect::None => prop_assert_eq!(found.is_empty(), is_safe, "{:?}: {:?}", phase, found),
                Defect::Lags(..) | Defect::Late(_) => {}
            }
        }
    }
}
