//! A cluster that carries out some of what it is asked for, and what is told of that.

use std::collections::BTreeMap;
use std::sync::Mutex;

use super::*;
use crate::cluster::Elected;
use crate::domain::{KafkaCluster, KafkaReplicas, KafkaView, Obstacle};
use crate::drive::hand_clock::HandClock;

fn partition(number: i32) -> KafkaPartition {
    KafkaPartition { topic: "t".to_owned(), number }
}

/// Three partitions that broker 1 should lead and broker 2 leads.
#[derive(Debug)]
struct Fake {
    leaders: Mutex<BTreeMap<i32, KafkaNodeId>>,
    /// The partition that nobody else comes to lead.
    stubborn: Option<i32>,
    /// Whether it is allowed at all.
    refuses: bool,
    /// After so many looks the cluster has elected them by itself.
    own_after: Option<u32>,
    looks: Mutex<u32>,
}

impl Fake {
    fn new(stubborn: Option<i32>, refuses: bool) -> Self {
        let leaders = Mutex::new((0..3).map(|it| (it, 2)).collect());
        Self { leaders, stubborn, refuses, own_after: None, looks: Mutex::new(0) }
    }
}

impl KafkaClient for Fake {
    fn look(&self, _: Duration) -> KafkaCluster {
        let replicas = |leader: KafkaNodeId| KafkaReplicas {
            leader: Some(leader),
            leader_epoch: Some(1),
            replicas: vec![1, 2],
            in_sync: [1, 2].into(),
            offline: [].into(),
        };
        let mut leaders = self.leaders.lock().unwrap();
        let mut looks = self.looks.lock().unwrap();
        *looks += 1;
        if self.own_after.is_some_and(|after| *looks > after) {
            leaders.values_mut().for_each(|leader| *leader = 1);
        }
        let partitions = leaders.iter().map(|(number, it)| (partition(*number), replicas(*it)));
        let view = KafkaView { partitions: partitions.collect(), ..KafkaView::default() };
        let unknown = Obstacle { kind: ObstacleKind::Time, detail: String::new() };
        KafkaCluster {
            members: Err(unknown.clone()),
            views: Ok([(1, Ok(view.clone())), (2, Ok(view))].into()),
            reassignments: Err(unknown.clone()),
            log_dirs: BTreeMap::new(),
            answers: BTreeMap::new(),
            quorum: Err(unknown),
        }
    }

    fn elect(&self, partitions: &[KafkaPartition], _: Duration) -> Result<Elected, Obstacle> {
        if self.refuses {
            let detail = "not authorized, said a-secret".to_owned();
            return Err(Obstacle { kind: ObstacleKind::NotAllowed, detail });
        }
        let mut leaders = self.leaders.lock().unwrap();
        let mut answer = |it: &KafkaPartition| {
            if self.stubborn == Some(it.number) {
                return (it.clone(), Err("preferred leader not available".to_owned()));
            }
            leaders.insert(it.number, 1);
            (it.clone(), Ok(()))
        };
        Ok(partitions.iter().map(&mut answer).collect())
    }

    fn secrets(&self) -> &[String] {
        static SECRETS: std::sync::LazyLock<Vec<String>> =
            std::sync::LazyLock::new(|| vec!["a-secret".to_owned()]);
        &SECRETS
    }
}

/// What came of it, what was asked for by then, and what was noted before.
fn elected(fake: &Fake) -> (Result<Option<String>, String>, Vec<i32>, Vec<i32>) {
    let (clock, silent) = (HandClock::default(), |_: &str| {});
    let progress = Progress::new(&clock, &silent);
    let elector = Elector {
        kafka: fake,
        timeout: Duration::from_secs(1),
        clock: &clock,
        progress: &progress,
        patience: Duration::from_secs(60),
        target: None,
        clusters: &[],
    };
    let numbers = |of: &[Astray]| of.iter().map(|it| it.partition.number).collect::<Vec<_>>();
    let (mut asked, mut noted) = (Vec::new(), Vec::new());
    let mut before = |astray: &[Astray]| {
        noted.extend(numbers(astray));
        Ok(())
    };
    let notes = Notes { before: &mut before, beat: &mut || Ok(()) };
    let outcome = elector.elect(notes, &mut asked).map_err(|it| it.to_string());
    (outcome, numbers(&asked), noted)
}

#[test]
fn all_are_led_by_their_preferred_replicas() {
    let fake = Fake::new(None, false);
    assert_eq!(elected(&fake), (Ok(None), vec![0, 1, 2], vec![0, 1, 2]));
    assert_eq!(elected(&fake), (Ok(None), vec![], vec![]), "and then nothing is asked for");
}

/// Two of three lead elsewhere by then.
#[test]
fn what_was_asked_for_is_told_though_one_does_not_come_about() {
    let fake = Fake::new(Some(1), false);
    let (outcome, asked, noted) = elected(&fake);
    let words = outcome.unwrap_err();
    assert!(words.contains("t-1") && words.contains("not available"), "{words}");
    assert_eq!((asked, noted), (vec![0, 1, 2], vec![0, 1, 2]));
    assert_eq!(*fake.leaders.lock().unwrap(), [(0, 1), (1, 2), (2, 1)].into());
}

#[test]
fn of_what_is_not_allowed_nothing_was_asked_for() {
    let (outcome, asked, noted) = elected(&Fake::new(None, true));
    let words = outcome.unwrap_err();
    assert!(words.contains("not authorized") && !words.contains("a-secret"), "{words}");
    assert!(words.contains("after 60 s") && words.contains("grant Alter"), "{words}");
    assert_eq!((asked, noted), (vec![], vec![0, 1, 2]));
}

/// A right that is not there keeps nobody from seeing that the cluster needs no one to ask.
#[test]
fn what_is_not_allowed_and_comes_about_by_itself_is_well() {
    let fake = Fake { own_after: Some(4), ..Fake::new(None, true) };
    let (outcome, asked, noted) = elected(&fake);
    let why = outcome.unwrap().unwrap();
    assert!(why.contains("not authorized") && !why.contains("a-secret"), "{why}");
    assert_eq!((asked, noted), (vec![], vec![0, 1, 2]));
}
