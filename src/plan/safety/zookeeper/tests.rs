//! Tables for each predicate, and random ensembles against what is true of them.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::domain::{EnsembleMember, Membership, Obstacle, ObstacleKind};
use crate::plan::Verdict;

const STAGES: [(ServerMode, &str); 3] = [
    (ServerMode::Leader, "leading - broadcast"),
    (ServerMode::Follower, "following - broadcast"),
    (ServerMode::Observer, "observing - broadcast"),
];

fn address(id: usize) -> String {
    format!("zk{id}:2181")
}

fn membership(voters: usize, observers: usize) -> Membership {
    let member = |id: usize| {
        let quorum_address = format!("zk{id}:2888:3888");
        (id as u64, EnsembleMember { quorum_address, is_voter: id <= voters })
    };
    let members = (1..=voters + observers).map(member).collect();
    Membership { members, tells_observers: true }
}

fn obstacle(kind: ObstacleKind) -> Obstacle {
    Obstacle { kind, detail: "x".to_owned() }
}

/// A healthy ensemble; the first server leads.
fn ensemble(voters: usize, observers: usize) -> Ensemble {
    let server = |id: usize| {
        let at = if id == 1 { 0 } else { 1 + usize::from(id > voters) };
        let (mode, stage) = STAGES[at].clone();
        let leads = id == 1;
        let monitor = Monitor {
            peer_state: Some(stage.to_owned()),
            synced_followers: leads.then_some(voters as u64 - 1),
            synced_non_voting_followers: leads.then_some(0),
            pending_syncs: leads.then_some(0),
        };
        let serving =
            Serving { mode, outstanding: 0, slowest_ms: Some(3), znodes: 1000, connections: None };
        let server = EnsembleServer {
            presence: Ok(Presence::Serving(serving)),
            monitor: Ok(monitor),
            members: Ok(membership(voters, observers)),
        };
        (address(id), server)
    };
    Ensemble { servers: (1..=voters + observers).map(server).collect() }
}

fn question(phase: Phase, target: usize) -> Question {
    Question { gate: "zk".to_owned(), phase, target: address(target) }
}

fn server(ensemble: &mut Ensemble, id: usize) -> &mut EnsembleServer {
    ensemble.servers.get_mut(&address(id)).unwrap()
}

fn serving(ensemble: &mut Ensemble, id: usize) -> &mut Serving {
    match &mut server(ensemble, id).presence {
        Ok(Presence::Serving(serving)) => serving,
        other => panic!("{other:?}"),
    }
}

fn monitor(ensemble: &mut Ensemble, id: usize) -> &mut Monitor {
    server(ensemble, id).monitor.as_mut().unwrap()
}

fn stop(ensemble: &mut Ensemble, id: usize) {
    let gone = || obstacle(ObstacleKind::Connection);
    *server(ensemble, id) = EnsembleServer {
        presence: Ok(Presence::Refused),
        monitor: Err(gone()),
        members: Err(gone()),
    };
}

/// What does not pass, by name without the gate's, with verdict.
fn unmet(ensemble: &Ensemble, question: &Question) -> BTreeMap<(String, String), Verdict> {
    let found = judge(ensemble, question);
    let bad = found.into_iter().filter(|finding| finding.verdict != Verdict::Pass);
    bad.map(|it| ((it.name.replace("zk.", ""), it.object), it.verdict)).collect()
}

fn names(unmet: &BTreeMap<(String, String), Verdict>) -> BTreeSet<(&str, Verdict)> {
    unmet.iter().map(|((name, _), verdict)| (name.as_str(), *verdict)).collect()
}

/// A server that becomes slow while it is watched is watched anew; one that is slow all the time is not.
#[test]
fn a_request_far_slower_than_any_before_begins_the_looks_anew() {
    use crate::plan::gate::{End, Step, Terms, Watch};
    use std::time::Duration;
    let secs = Duration::from_secs;
    let terms =
        Terms { samples: 2, spacing: secs(2), window: Duration::ZERO, limit: secs(4), stall: None };
    for (slowest, passed) in [
        ([Some(3), Some(200)], true),
        ([Some(900), Some(1000)], true),
        ([Some(900), Some(1100)], false),
        ([Some(3), Some(700)], false),
        ([Some(u64::MAX), Some(u64::MAX)], true),
        ([None, None], false),
    ] {
        let mut watch = Watch::new(terms, Vec::new());
        let steps = slowest.map(|slowest| {
            let mut it = ensemble(3, 0);
            serving(&mut it, 2).slowest_ms = slowest;
            let at = if watch.report().looks == 0 { 0 } else { 2 };
            watch.weigh(secs(at), judge(&it, &question(Phase::Pre, 3)))
        });
        assert_eq!(steps[1] == Step::Over(End::Passed), passed, "{slowest:?}: {steps:?}");
    }
}

#[test]
fn a_whole_ensemble_passes_before_between_and_after() {
    for (voters, observers) in [(3, 0), (5, 0), (3, 1), (4, 2)] {
        for target in 1..=voters + observers {
            let mut it = ensemble(voters, observers);
            for phase in [Phase::Pre, Phase::Post] {
                assert_eq!(unmet(&it, &question(phase, target)), BTreeMap::new());
            }
            if target == 1 {
                // The next one has taken over.
                serving(&mut it, 2).mode = ServerMode::Leader;
                *monitor(&mut it, 2) = monitor(&mut it, 1).clone();
            }
            stop(&mut it, target);
            let leader = if target == 1 { 2 } else { 1 };
            if target <= voters {
                monitor(&mut it, leader).synced_followers = Some(voters as u64 - 2);
            }
            assert_eq!(unmet(&it, &question(Phase::Mid, target)), BTreeMap::new(), "{target}");
            let after = unmet(&it, &question(Phase::Post, target));
            let name = ("servers_serve".to_owned(), address(target));
            assert_eq!(after.get(&name), Some(&Verdict::Fail));
        }
    }
}

type Change = fn(&mut Ensemble);

type Case = (&'static str, Phase, Change, &'static [(&'static str, Verdict)]);

/// What is wrong, the phase, and what must say so.
fn cases() -> Vec<Case> {
    use Phase::{Mid, Post, Pre};
    use Verdict::{Fail, Unknown};
    vec![
        (
            "a follower lags",
            Pre,
            |it| monitor(it, 1).synced_followers = Some(1),
            &[("followers_synced", Fail), ("majority_without_target", Fail)],
        ),
        (
            "one is still brought up to date",
            Pre,
            |it| monitor(it, 1).pending_syncs = Some(1),
            &[("followers_synced", Fail)],
        ),
        (
            "the leader counts nobody",
            Pre,
            |it| monitor(it, 1).synced_followers = None,
            &[("followers_synced", Unknown), ("majority_without_target", Unknown)],
        ),
        (
            "a joiner is counted",
            Pre,
            |it| {
                monitor(it, 1).synced_followers = Some(2);
                monitor(it, 1).synced_non_voting_followers = Some(1);
            },
            &[("followers_synced", Fail), ("majority_without_target", Fail)],
        ),
        (
            "two lead",
            Pre,
            |it| serving(it, 3).mode = ServerMode::Leader,
            &[("one_leader", Fail), ("followers_synced", Fail), ("majority_without_target", Fail)],
        ),
        (
            "none leads",
            Pre,
            |it| serving(it, 1).mode = ServerMode::Follower,
            &[("one_leader", Fail), ("followers_synced", Fail), ("majority_without_target", Fail)],
        ),
        (
            "another is silent",
            Pre,
            |it| {
                server(it, 3).presence = Err(obstacle(ObstacleKind::Time));
            },
            &[
                ("servers_serve", Unknown),
                ("one_leader", Unknown),
                ("followers_synced", Unknown),
                ("majority_without_target", Unknown),
                ("few_outstanding", Unknown),
                ("latency_steady", Unknown),
            ],
        ),
        (
            "another is down",
            Pre,
            |it| stop(it, 3),
            &[
                ("servers_serve", Fail),
                ("in_broadcast", Unknown),
                ("same_membership", Unknown),
                ("few_outstanding", Unknown),
                ("latency_steady", Unknown),
            ],
        ),
        (
            "another has lost the others",
            Pre,
            |it| {
                server(it, 3).presence = Ok(Presence::NotServing);
            },
            &[("servers_serve", Fail), ("few_outstanding", Unknown), ("latency_steady", Unknown)],
        ),
        (
            "another stands alone",
            Pre,
            |it| serving(it, 3).mode = ServerMode::Standalone,
            &[("servers_serve", Fail)],
        ),
        (
            "another is read-only",
            Pre,
            |it| serving(it, 3).mode = ServerMode::ReadOnly,
            &[("servers_serve", Fail)],
        ),
        (
            "a word nobody knows",
            Pre,
            |it| {
                serving(it, 3).mode = ServerMode::Other("captain".to_owned());
            },
            &[
                ("servers_serve", Unknown),
                ("one_leader", Unknown),
                ("followers_synced", Unknown),
                ("majority_without_target", Unknown),
            ],
        ),
        (
            "synchronizing",
            Pre,
            |it| {
                monitor(it, 2).peer_state = Some("following - synchronization".to_owned());
            },
            &[("in_broadcast", Fail)],
        ),
        ("no stage", Pre, |it| monitor(it, 2).peer_state = None, &[("in_broadcast", Unknown)]),
        (
            "not allowed to tell",
            Pre,
            |it| {
                server(it, 2).members = Err(obstacle(ObstacleKind::NotAllowed));
            },
            &[("same_membership", Unknown)],
        ),
        (
            "they disagree",
            Pre,
            |it| server(it, 2).members = Ok(membership(4, 0)),
            &[("same_membership", Fail)],
        ),
        ("busy", Pre, |it| serving(it, 2).outstanding = 50, &[("few_outstanding", Fail)]),
        ("it still runs", Mid, |_| (), &[("target_stopped", Fail), ("followers_synced", Fail)]),
        (
            "it still runs without a quorum",
            Mid,
            |it| {
                server(it, 3).presence = Ok(Presence::NotServing);
                monitor(it, 1).synced_followers = Some(1);
            },
            &[("target_stopped", Fail)],
        ),
        (
            "nobody knows whether it runs",
            Mid,
            |it| {
                server(it, 3).presence = Err(obstacle(ObstacleKind::Time));
                monitor(it, 1).synced_followers = Some(1);
            },
            &[("target_stopped", Unknown)],
        ),
        (
            "one more is gone",
            Mid,
            |it| {
                stop(it, 3);
                monitor(it, 1).synced_followers = Some(0);
            },
            &[("followers_synced", Fail), ("majority_without_target", Fail)],
        ),
        ("an empty tree", Post, |it| serving(it, 3).znodes = 5, &[("znodes_alike", Fail)]),
    ]
}

#[test]
fn whatever_is_wrong_is_said_by_its_predicate() {
    for (what, phase, change, expected) in cases() {
        let mut it = ensemble(3, 0);
        change(&mut it);
        let found = unmet(&it, &question(phase, 3));
        assert_eq!(names(&found), expected.iter().copied().collect(), "{what}");
    }
}

#[test]
fn an_ensemble_that_is_not_asked_as_a_whole_or_is_too_small_does_not_pass() {
    let mut part = ensemble(5, 0);
    part.servers.remove(&address(5));
    let found = unmet(&part, &question(Phase::Pre, 2));
    assert_eq!(names(&found), [("same_membership", Verdict::Fail)].into());
    let found = unmet(&ensemble(2, 0), &question(Phase::Pre, 2));
    assert_eq!(names(&found), [("majority_without_target", Verdict::Fail)].into());
    let found = unmet(&ensemble(3, 0), &question(Phase::Pre, 9));
    assert_eq!(names(&found), [("servers_serve", Verdict::Unknown)].into());
}

/// A server as it truly is.
#[derive(Clone, Debug)]
struct Truth {
    is_up: bool,
    is_synced: bool,
    tells: bool,
}

fn truth() -> impl Strategy<Value = Truth> {
    let mostly = || prop::bool::weighted(0.85);
    (mostly(), mostly(), mostly()).prop_map(|(is_up, is_synced, tells)| Truth {
        is_up,
        is_synced,
        tells,
    })
}

/// What an honest observer sees of it. The first that is up and in step leads, if a majority is.
fn seen(truths: &[Truth]) -> Ensemble {
    let mut it = ensemble(truths.len(), 0);
    let in_step = |truth: &Truth| truth.is_up && truth.is_synced;
    let synced = truths.iter().filter(|truth| in_step(truth)).count();
    let leader = truths.iter().position(in_step).filter(|_| synced > truths.len() / 2);
    let leading = monitor(&mut it, 1).clone();
    for (at, truth) in truths.iter().enumerate() {
        let id = at + 1;
        let leads = leader == Some(at);
        serving(&mut it, id).mode = if leads { ServerMode::Leader } else { ServerMode::Follower };
        *monitor(&mut it, id) = if leads {
            Monitor { synced_followers: Some(synced as u64 - 1), ..leading.clone() }
        } else {
            let stage = if truth.is_synced { "broadcast" } else { "synchronization" };
            Monitor { peer_state: Some(format!("following - {stage}")), ..Monitor::default() }
        };
        if leader.is_none() {
            server(&mut it, id).presence = Ok(Presence::NotServing);
        }
        if !truth.is_up {
            stop(&mut it, id);
        }
        if !truth.tells {
            server(&mut it, id).presence = Err(obstacle(ObstacleKind::Time));
        }
    }
    it
}

proptest! {
    /// Whatever passes is safe: without the target a majority is in step, by counting what is true.
    #[test]
    fn what_passes_can_lose_the_target(
        truths in prop::collection::vec(truth(), 1..8),
        target in any::<prop::sample::Index>(),
    ) {
        let target = target.index(truths.len());
        if unmet(&seen(&truths), &question(Phase::Pre, target + 1)).is_empty() {
            let others = truths.iter().enumerate().filter(|(at, _)| *at != target);
            let in_step = others.filter(|(_, truth)| truth.is_up && truth.is_synced).count();
            prop_assert!(in_step > truths.len() / 2, "{truths:?} {target}");
            prop_assert!(truths.len() >= 3);
            prop_assert!(truths.iter().all(|truth| truth.is_up && truth.is_synced));
        }
    }

    /// And what is whole passes: a gate that never opens is no gate.
    #[test]
    fn what_is_whole_passes(voters in 3..8_usize, target in any::<prop::sample::Index>()) {
        let truths = vec![Truth { is_up: true, is_synced: true, tells: true }; voters];
        let question = question(Phase::Pre, target.index(voters) + 1);
        prop_assert_eq!(unmet(&seen(&truths), &question), BTreeMap::new());
    }
}
