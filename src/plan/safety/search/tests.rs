//! Tables for each predicate, and random clusters against what is true of them.

use proptest::prelude::*;

use super::*;
use crate::domain::{
    Obstacle, ObstacleKind, SearchHealth, SearchIdentity, SearchProduct, SearchSetting,
    SearchStatus, ShardRecovery, Voting, Watermark,
};
use crate::plan::Verdict;
use crate::plan::safety::Technology;
use crate::plan::safety::objects::judged_by;

fn name(id: usize) -> String {
    format!("n{id}")
}

fn obstacle() -> Obstacle {
    Obstacle { kind: ObstacleKind::Time, detail: "x".to_owned() }
}

fn copy(index: &str, shard: u64, node: usize) -> ShardCopy {
    let state = "STARTED".to_owned();
    ShardCopy {
        index: index.to_owned(),
        shard,
        state,
        node: Some(name(node)),
        may_be_primary: true,
    }
}

/// A healthy cluster of `count` nodes that do everything; the first is the master. One index, a shard with two copies.
fn cluster(count: usize) -> SearchCluster {
    let node = |id: usize| {
        let roles = ["cluster_manager", "data", "ingest"].map(str::to_owned).into();
        (name(id), SearchNode { id: format!("id{id}"), roles })
    };
    SearchCluster {
        identity: Ok(SearchIdentity {
            product: SearchProduct::OpenSearch,
            version: "2.19.1".to_owned(),
            cluster_uuid: Some("u1".to_owned()),
        }),
        health: Ok(SearchHealth {
            status: SearchStatus::Green,
            timed_out: false,
            nodes: count as u64,
            active: 2,
            relocating: 0,
            initializing: 0,
            unassigned: 0,
            in_flight_fetches: 0,
            pending_tasks: 0,
        }),
        nodes: Ok((1..=count).map(node).collect()),
        master: Ok(Some(name(1))),
        shards: Ok(vec![copy("logs", 0, 1), copy("logs", 0, 2)]),
        voting: Ok(Voting {
            committed: (1..=count).map(|id| format!("id{id}")).collect(),
            exclusions: Vec::new(),
        }),
        settings: Ok(Vec::new()),
        shutdowns: Ok(Vec::new()),
        disks: Ok((1..=count).map(|id| (name(id), 50.0)).collect()),
        high_watermark: Ok(Watermark::Percent(90.0)),
        snapshots: Ok(Vec::new()),
        recoveries: Ok(Vec::new()),
    }
}

/// Without one of its nodes, as the others carry on.
fn without(mut it: SearchCluster, target: usize) -> SearchCluster {
    it.nodes.as_mut().unwrap().remove(&name(target));
    if it.master == Ok(Some(name(target))) {
        it.master = Ok(Some(name(if target == 1 { 2 } else { 1 })));
    }
    for copy in it.shards.as_mut().unwrap() {
        if copy.node == Some(name(target)) {
            (copy.node, copy.state) = (None, "UNASSIGNED".to_owned());
        }
    }
    let health = it.health.as_mut().unwrap();
    (health.status, health.unassigned) = (SearchStatus::Yellow, 1);
    health.nodes -= 1;
    it
}

fn question(count: usize, phase: Phase, target: usize) -> SearchQuestion {
    SearchQuestion {
        question: Question { gate: "es".to_owned(), phase, target: name(target) },
        nodes: (1..=count).map(name).collect(),
        cluster_uuid: None,
        node_id: None,
        extent: Extent::Whole,
    }
}

/// What does not pass, where as many copies are counted as are listed.
fn unmet(it: &SearchCluster, question: &SearchQuestion) -> BTreeMap<(String, String), Verdict> {
    let mut it = it.clone();
    let listed = it.shards.iter().flatten().filter(|copy| copy.serves()).count() as u64;
    if let Ok(health) = &mut it.health {
        health.active = listed;
    }
    unmet_as_told(&it, question)
}

fn unmet_as_told(
    it: &SearchCluster,
    question: &SearchQuestion,
) -> BTreeMap<(String, String), Verdict> {
    let bad = judge(it, question).into_iter().filter(|finding| finding.verdict != Verdict::Pass);
    bad.map(|it| ((it.name.replace("es.", ""), it.object), it.verdict)).collect()
}

#[test]
fn a_whole_cluster_passes_before_between_and_after() {
    for target in 1..=3 {
        for phase in [Phase::Pre, Phase::Post] {
            assert_eq!(unmet(&cluster(3), &question(3, phase, target)), BTreeMap::new());
        }
        let mid = without(cluster(3), target);
        assert_eq!(unmet(&mid, &question(3, Phase::Mid, target)), BTreeMap::new());
        let after = unmet(&mid, &question(3, Phase::Post, target));
        assert!(after.contains_key(&("nodes_present".to_owned(), "cluster".to_owned())));
    }
}

fn be(it: &mut SearchCluster, id: usize, role: &str) {
    it.nodes.as_mut().unwrap().get_mut(&name(id)).unwrap().roles.insert(role.to_owned());
}

fn be_no_longer(it: &mut SearchCluster, id: usize, role: &str) {
    it.nodes.as_mut().unwrap().get_mut(&name(id)).unwrap().roles.remove(role);
}

type Change = fn(&mut SearchCluster);

type Case = (&'static str, Phase, Change, &'static [(&'static str, &'static str, Verdict)]);

fn health(it: &mut SearchCluster) -> &mut SearchHealth {
    it.health.as_mut().unwrap()
}

fn set(it: &mut SearchCluster, scope: &'static str, name: &str, value: &str) {
    let (name, value) = (name.to_owned(), value.to_owned());
    it.settings.as_mut().unwrap().push(SearchSetting { scope, name, value });
}

fn before() -> Vec<Case> {
    use Phase::Pre;
    use Verdict::{Fail, Unknown};
    const ALL: &str = "cluster";
    vec![
        ("yellow", Pre, |it| health(it).status = SearchStatus::Yellow, &[("status", ALL, Fail)]),
        ("red", Pre, |it| health(it).status = SearchStatus::Red, &[("status", ALL, Fail)]),
        (
            "another light",
            Pre,
            |it| {
                health(it).status = SearchStatus::Other("blue".to_owned());
            },
            &[("status", ALL, Unknown)],
        ),
        (
            "still settling",
            Pre,
            |it| health(it).timed_out = true,
            &[("shards", ALL, Unknown), ("settled", ALL, Unknown)],
        ),
        ("a shard moves", Pre, |it| health(it).relocating = 1, &[("settled", ALL, Fail)]),
        ("a shard waits", Pre, |it| health(it).unassigned = 1, &[("settled", ALL, Fail)]),
        ("many tasks", Pre, |it| health(it).pending_tasks = 10, &[("settled", ALL, Fail)]),
        (
            "no word of its health",
            Pre,
            |it| it.health = Err(obstacle()),
            &[("shards", ALL, Unknown), ("settled", ALL, Unknown), ("status", ALL, Unknown)],
        ),
        (
            "green, and the only copy on the target",
            Pre,
            |it| {
                it.shards.as_mut().unwrap().push(copy("single", 0, 3));
            },
            &[("copies_elsewhere", "single", Fail)],
        ),
        (
            "the other copy is still made",
            Pre,
            |it| {
                it.shards = Ok(vec![copy("logs", 0, 3), copy("logs", 0, 2)]);
                it.shards.as_mut().unwrap()[1].state = "INITIALIZING".to_owned();
            },
            &[("copies_elsewhere", "logs", Fail)],
        ),
        (
            "the other copy moves",
            Pre,
            |it| {
                it.shards = Ok(vec![copy("logs", 0, 3), copy("logs", 0, 2)]);
                it.shards.as_mut().unwrap()[1].state = "RELOCATING".to_owned();
            },
            &[],
        ),
        (
            "no word of the shards",
            Pre,
            |it| it.shards = Err(obstacle()),
            &[("shards", ALL, Unknown)],
        ),
        ("no master", Pre, |it| it.master = Ok(None), &[("master_elected", ALL, Fail)]),
        (
            "excluded",
            Pre,
            |it| {
                it.voting.as_mut().unwrap().exclusions.push("n2".to_owned());
            },
            &[("voting_majority", ALL, Fail)],
        ),
        (
            "one that is gone still votes",
            Pre,
            |it| {
                let voting = it.voting.as_mut().unwrap();
                voting.committed.remove("id2");
                voting.committed.insert("id9".to_owned());
            },
            &[("voting_majority", ALL, Fail)],
        ),
        (
            "two of three came back without the role, and are voters yet",
            Pre,
            |it| {
                for id in [1, 3] {
                    it.nodes
                        .as_mut()
                        .unwrap()
                        .get_mut(&name(id))
                        .unwrap()
                        .roles
                        .retain(|it| !it.contains("manager") && it != "master");
                }
            },
            &[("voting_majority", ALL, Fail)],
        ),
        (
            "allocation restricted for now",
            Pre,
            |it| {
                set(it, "persistent", ENABLE, "all");
                set(it, "transient", ENABLE, "primaries");
            },
            &[("nothing_left_over", ALL, Fail)],
        ),
        (
            "a node is emptied",
            Pre,
            |it| {
                set(it, "persistent", "cluster.routing.allocation.exclude._name", "n2");
            },
            &[("nothing_left_over", ALL, Fail)],
        ),
        (
            "set and harmless",
            Pre,
            |it| {
                set(it, "persistent", ENABLE, "all");
                set(it, "persistent", "cluster.routing.allocation.exclude._ip", "");
                set(it, "transient", "indices.recovery.max_bytes_per_sec", "40mb");
            },
            &[],
        ),
        (
            "a shutdown is registered",
            Pre,
            |it| {
                it.shutdowns = Ok(vec!["id2".to_owned()]);
            },
            &[("nothing_left_over", ALL, Fail)],
        ),
        (
            "the only one to take in",
            Pre,
            |it| {
                for id in [1, 2] {
                    be_no_longer(it, id, "ingest");
                }
            },
            &[("roles_elsewhere", "ingest", Fail)],
        ),
        (
            "the only one of two roles",
            Pre,
            |it| {
                for role in ["ml", "transform"] {
                    be(it, 3, role);
                }
            },
            &[("roles_elsewhere", "ml", Fail), ("roles_elsewhere", "transform", Fail)],
        ),
        ("the only one that only votes", Pre, |it| be(it, 3, "voting_only"), &[]),
        ("the others hold data of any tier", Pre, |it| be(it, 3, "data_warm"), &[]),
        (
            "the only one with the cache of the frozen tier",
            Pre,
            |it| be(it, 3, "data_frozen"),
            &[("roles_elsewhere", "data_frozen", Fail)],
        ),
        (
            "the only one of all data, beside tiers that take in",
            Pre,
            |it| {
                for id in [1, 2] {
                    be_no_longer(it, id, "data");
                    be(it, id, "data_hot");
                    be(it, id, "data_content");
                }
            },
            &[],
        ),
        (
            "the only one of all data, beside a tier that takes nothing in",
            Pre,
            |it| {
                for id in [1, 2] {
                    be_no_longer(it, id, "data");
                    be(it, id, "data_warm");
                }
            },
            &[("roles_elsewhere", "data", Fail)],
        ),
        (
            "another is full",
            Pre,
            |it| {
                it.disks.as_mut().unwrap().insert(name(1), 90.0);
            },
            &[("disk_headroom", "n1", Fail)],
        ),
        (
            "another of the frozen tier is full of its cache",
            Pre,
            |it| {
                it.disks.as_mut().unwrap().insert(name(1), 95.0);
                be_no_longer(it, 1, "data");
                be(it, 1, "data_frozen");
            },
            &[],
        ),
        (
            "another is not told of",
            Pre,
            |it| {
                it.disks.as_mut().unwrap().remove(&name(1));
            },
            &[("disk_headroom", "n1", Unknown)],
        ),
        (
            "the target is full",
            Pre,
            |it| {
                it.disks.as_mut().unwrap().insert(name(3), 99.0);
            },
            &[],
        ),
        (
            "bytes",
            Pre,
            |it| it.high_watermark = Ok(Watermark::Other("5gb".to_owned())),
            &[("disk_headroom", ALL, Unknown)],
        ),
        (
            "a snapshot",
            Pre,
            |it| it.snapshots = Ok(vec!["s1".to_owned()]),
            &[("no_snapshot", ALL, Fail)],
        ),
        (
            "a stranger",
            Pre,
            |it| {
                let node = it.nodes.as_ref().unwrap()["n1"].clone();
                it.nodes.as_mut().unwrap().insert("n9".to_owned(), node);
            },
            &[("disk_headroom", "n9", Unknown), ("nodes_present", ALL, Fail)],
        ),
        (
            "not formed",
            Pre,
            |it| it.identity.as_mut().unwrap().cluster_uuid = None,
            &[("identified", ALL, Fail)],
        ),
    ]
}

fn between() -> Vec<Case> {
    use Phase::Mid;
    use Verdict::Fail;
    const ALL: &str = "cluster";
    vec![
        ("red", Mid, |it| health(it).status = SearchStatus::Red, &[("status", ALL, Fail)]),
        (
            "it is still there",
            Mid,
            |it| {
                let node = it.nodes.as_ref().unwrap()["n1"].clone();
                it.nodes.as_mut().unwrap().insert("n3".to_owned(), node);
            },
            &[("nodes_present", ALL, Fail)],
        ),
        (
            "one more is gone",
            Mid,
            |it| *it = without(it.clone(), 2),
            &[("nodes_present", ALL, Fail), ("voting_majority", ALL, Fail)],
        ),
        (
            "its index was the only one",
            Mid,
            |it| {
                let gone = ShardCopy {
                    node: None,
                    state: "UNASSIGNED".to_owned(),
                    ..copy("single", 0, 3)
                };
                it.shards.as_mut().unwrap().push(gone);
            },
            &[("copies_serve", "single", Fail)],
        ),
        (
            "allocation is restricted by the roll",
            Mid,
            |it| {
                set(it, "persistent", ENABLE, "primaries");
            },
            &[],
        ),
    ]
}

#[test]
fn whatever_is_wrong_is_said_by_its_predicate() {
    for (what, phase, change, expected) in before().into_iter().chain(between()) {
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
        for (name, object) in found.into_keys().filter(|(_, object)| object.starts_with("logs")) {
            let judged = judged_by(Technology::Search, &name);
            assert_eq!(judged, Some("index"), "a waiver of {name} has to name {object}");
        }
    }
}

/// One who may not see all indices is shown fewer, without a word; and a copy for searches alone takes no writes.
#[test]
fn what_is_not_listed_and_what_cannot_lead_proves_nothing() {
    let mut it = cluster(3);
    it.health.as_mut().unwrap().active = 420;
    let asked = question(3, Phase::Pre, 3);
    let expected = (("shards".to_owned(), "cluster".to_owned()), Verdict::Unknown);
    assert_eq!(unmet_as_told(&it, &asked), [expected.clone()].into());
    it.shards = Ok(Vec::new());
    assert_eq!(unmet_as_told(&it, &asked), [expected].into());
    let searching = ShardCopy { may_be_primary: false, ..copy("logs", 0, 1) };
    it.shards = Ok(vec![copy("logs", 0, 3), searching]);
    let found = unmet(&it, &asked);
    assert_eq!(found, [(("copies_elsewhere".to_owned(), "logs".to_owned()), Verdict::Fail)].into());
}

#[test]
fn another_cluster_at_the_same_address_does_not_pass() {
    let mut asked = question(3, Phase::Post, 1);
    asked.cluster_uuid = Some("u2".to_owned());
    let found = unmet(&cluster(3), &asked);
    assert_eq!(found, [(("identified".to_owned(), "cluster".to_owned()), Verdict::Fail)].into());
}

/// A large shard takes longer than a standstill is waited for: what has been brought back counts.
#[test]
fn what_a_recovery_brings_back_brings_it_nearer() {
    let told = |recovered| {
        let mut it = cluster(3);
        let recovery = |shard, recovered| ShardRecovery {
            index: "logs".to_owned(),
            shard,
            node: "n3".to_owned(),
            stage: "index".to_owned(),
            recovered,
        };
        it.recoveries = Ok(vec![recovery(0, recovered), recovery(1, 7)]);
        let found = judge(&it, &question(3, Phase::Post, 3));
        found.into_iter().filter(|it| it.name == "es.no_recovery").collect::<Vec<_>>()
    };
    let (before, after) = (told(1_000_000), told(1_000_001));
    let objects: Vec<&str> = before.iter().map(|it| it.object.as_str()).collect();
    assert_eq!(objects, ["logs[0] on n3", "logs[1] on n3"]);
    assert!(before.iter().all(|it| it.verdict == Verdict::Fail), "{before:?}");
    assert!(after[0].distance < before[0].distance && after[1].distance == before[1].distance);

    let mut silent = cluster(3);
    silent.recoveries = Err(obstacle());
    let expected = [(("no_recovery".to_owned(), "cluster".to_owned()), Verdict::Unknown)].into();
    assert_eq!(unmet(&silent, &question(3, Phase::Post, 3)), expected);
    assert_eq!(unmet(&silent, &question(3, Phase::Pre, 3)), BTreeMap::new());
}

/// An hour of one large shard is waited for, though nothing else comes nearer; a recovery that brings nothing back is given up.
#[test]
fn one_large_shard_is_no_standstill() {
    use crate::plan::gate::{End, Step, Terms, Watch};
    use std::time::Duration;
    let terms = Terms {
        samples: 6,
        spacing: Duration::from_secs(5),
        window: Duration::from_secs(60),
        limit: Duration::from_secs(6 * 3600),
        stall: Some(Duration::from_secs(600)),
    };
    let mut watch = Watch::new(terms, Vec::new());
    let mut look = |seconds: u64, recovered: u64| {
        let mut it = without(cluster(3), 3);
        it.nodes = cluster(3).nodes;
        (health(&mut it).nodes, health(&mut it).initializing) = (3, 1);
        let recovery = ShardRecovery {
            index: "logs".to_owned(),
            shard: 0,
            node: "n3".to_owned(),
            stage: "index".to_owned(),
            recovered,
        };
        it.recoveries = Ok(vec![recovery]);
        watch.weigh(Duration::from_secs(seconds), judge(&it, &question(3, Phase::Post, 3)))
    };
    for minute in 0..60 {
        let step = look(minute * 60, minute * 1_000_000);
        assert!(matches!(step, Step::Again(_)), "{minute}: {step:?}");
    }
    let stuck: Vec<Step> = (60..=69).map(|minute| look(minute * 60, 59_000_000)).collect();
    assert!(stuck[..9].iter().all(|step| matches!(step, Step::Again(_))), "{stuck:?}");
    assert_eq!(stuck[9], Step::Over(End::Stalled(600)));
}

/// A balancer that points elsewhere since: all is well there, and nothing is proved of the cluster that is rolled.
#[test]
fn another_cluster_than_before_keeps_the_gate_shut() {
    use crate::plan::gate::{End, Step, Terms, Watch};
    use std::time::Duration;
    let second = Duration::from_secs(1);
    let terms =
        Terms { samples: 1, spacing: second, window: Duration::ZERO, limit: second, stall: None };
    let look = |uuid: Option<&str>| {
        let mut it = cluster(3);
        it.identity.as_mut().unwrap().cluster_uuid = uuid.map(str::to_owned);
        judge(&it, &question(3, Phase::Pre, 3))
    };
    let own = look(Some("u1"));
    let name = own.iter().map(|it| it.name.clone()).find(|it| it.ends_with("identified")).unwrap();
    for (known, uuids, opens) in [
        (None, &[Some("u2")][..], true),
        (Some("u1"), &[Some("u1")], true),
        (Some("u1"), &[Some("u2"), Some("u2")], false),
        (Some("u1"), &[None, Some("u1")], true),
        (None, &[None, Some("u2")], true),
    ] {
        let known = known.map(|id: &str| (name.clone(), id.to_owned()));
        let mut watch = Watch::new(terms, Vec::new()).of_clusters(known.into_iter().collect());
        let steps: Vec<Step> =
            (0..).zip(uuids).map(|(at, uuid)| watch.weigh(second * at, look(*uuid))).collect();
        let is_open = steps.last() == Some(&Step::Over(End::Passed));
        assert_eq!(is_open, opens, "{uuids:?}: {steps:?}");
        if !opens {
            let report = watch.report();
            let spoilt = report.unmet();
            assert_eq!(spoilt.len(), 1);
            assert_eq!(spoilt[0].finding.evidence, "it is cluster u2, and was u1 before");
        }
    }
    // Within one watch as well.
    let mut watch = Watch::new(Terms { samples: 2, ..terms }, Vec::new());
    watch.weigh(Duration::ZERO, own);
    assert_eq!(watch.weigh(second, look(Some("u2"))), Step::Over(End::TimeUp));
}

/// Of two that may be elected one votes, so the other can be lost by the vote; then nothing else may happen.
#[test]
fn a_node_that_may_be_elected_is_one_of_three() {
    let spare = ("managers_to_spare".to_owned(), "cluster".to_owned());
    let mut it = cluster(3);
    it.nodes.as_mut().unwrap().get_mut("n2").unwrap().roles.remove("cluster_manager");
    it.voting.as_mut().unwrap().committed = ["id1".to_owned()].into();
    let found = unmet(&it, &question(3, Phase::Pre, 3));
    assert_eq!(found, [(spare, Verdict::Fail)].into());
    assert_eq!(unmet(&it, &question(3, Phase::Pre, 2)), BTreeMap::new(), "it cannot be elected");
    assert_eq!(unmet(&it, &question(3, Phase::Post, 3)), BTreeMap::new());
}

/// One that only breaks ties cannot take over.
#[test]
fn without_the_only_one_that_may_be_elected_nobody_leads() {
    let mut it = cluster(3);
    for node in ["n2", "n3"] {
        let node = it.nodes.as_mut().unwrap().get_mut(node).unwrap();
        node.roles.insert("voting_only".to_owned());
    }
    let spare = ("managers_to_spare".to_owned(), "cluster".to_owned());
    let found = unmet(&it, &question(3, Phase::Pre, 1));
    assert_eq!(found.get(&spare), Some(&Verdict::Fail), "{found:?}");
    // Two that may be elected, and a third vote.
    it.nodes.as_mut().unwrap().get_mut("n2").unwrap().roles.remove("voting_only");
    let found = unmet(&it, &question(3, Phase::Pre, 1));
    assert_eq!(found.get(&spare), None, "{found:?}");
}

/// It is counted, and does not answer for itself: nobody knows which it is.
#[test]
fn a_node_that_is_counted_and_does_not_tell_of_itself_is_no_good_sign() {
    let mut it = cluster(3);
    health(&mut it).nodes = 4;
    let present = ("nodes_present".to_owned(), "cluster".to_owned());
    let found = unmet(&it, &question(3, Phase::Pre, 3));
    assert_eq!(found.get(&present), Some(&Verdict::Fail), "{found:?}");
}

/// What is wrong with a cluster that is whole otherwise.
#[derive(Clone, Debug)]
enum Defect {
    None,
    /// A copy does not serve.
    Copy(prop::sample::Index),
    /// Only these vote, some of whom there may not be.
    Voters(BTreeSet<usize>),
}

fn defect() -> impl Strategy<Value = Defect> {
    prop_oneof![
        2 => Just(Defect::None),
        2 => any::<prop::sample::Index>().prop_map(Defect::Copy),
        1 => prop::collection::btree_set(1..8_usize, 1..6).prop_map(Defect::Voters),
    ]
}

proptest! {
    /// What is whole and can lose the target passes, and whatever passes can: by counting, without the target each shard that it
    /// has a copy of is served and the vote is won.
    #[test]
    fn what_is_whole_passes_and_what_passes_can_lose_the_target(
        count in 3..6_usize,
        target in any::<prop::sample::Index>(),
        placed in prop::collection::vec((any::<prop::sample::Index>(), 1..4_usize), 1..6),
        defect in defect(),
    ) {
        let target = target.index(count) + 1;
        let mut shards = Vec::new();
        for (shard, (first, copies)) in placed.into_iter().enumerate() {
            let on = (0..copies).map(|by| (first.index(count) + by) % count + 1);
            shards.extend(on.map(|node| copy("logs", shard as u64, node)));
        }
        let mut voters: BTreeSet<usize> = (1..=count).collect();
        match &defect {
            Defect::None => {}
            Defect::Copy(which) => {
                let which = which.index(shards.len());
                shards[which].state = "INITIALIZING".to_owned();
            }
            Defect::Voters(only) => voters.clone_from(only),
        }
        let mut it = cluster(count);
        it.shards = Ok(shards.clone());
        it.voting.as_mut().unwrap().committed = voters.iter().map(|id| format!("id{id}")).collect();
        let is_served = |shard: u64| {
            shards.iter().any(|it| it.shard == shard && it.serves() && it.node != Some(name(target)))
        };
        let mut lost = shards.iter().filter(|copy| copy.node == Some(name(target)));
        let left = voters.iter().filter(|id| **id <= count && **id != target).count();
        let is_safe = lost.all(|copy| is_served(copy.shard)) && left * 2 > voters.len();
        for (phase, it) in [(Phase::Pre, it.clone()), (Phase::Mid, without(it, target))] {
            let found = unmet(&it, &question(count, phase, target));
            prop_assert!(is_safe || !found.is_empty(), "{phase:?}: it passes");
            match defect {
                Defect::None => prop_assert_eq!(found.is_empty(), is_safe, "{:?}: {:?}", phase, found),
                Defect::Copy(_) | Defect::Voters(_) => {}
            }
        }
    }
}

/// Minutes may have passed since the gate before, while copies were made of an index without any.
#[test]
fn a_node_can_still_be_lost_while_allocation_is_restricted() {
    let still = SearchQuestion { extent: Extent::Losable, ..question(3, Phase::Pre, 2) };
    let whole = SearchQuestion { extent: Extent::Whole, ..still.clone() };
    let mut restricted = cluster(3);
    set(&mut restricted, "persistent", ENABLE, "primaries");
    // An index was made on the others meanwhile, and its replicas are given to nobody.
    restricted.health.as_mut().unwrap().status = SearchStatus::Yellow;
    restricted.health.as_mut().unwrap().unassigned = 1;
    assert_eq!(unmet(&restricted, &still), BTreeMap::new());
    assert_eq!(unmet(&restricted, &whole).len(), 3);
    let names = |of: &[(&str, &str, Verdict)]| -> BTreeMap<(String, String), Verdict> {
        of.iter()
            .map(|(name, object, it)| (((*name).to_owned(), (*object).to_owned()), *it))
            .collect()
    };
    // Another one has died meanwhile, and the target is one of two.
    let two = without(restricted.clone(), 3);
    let found = unmet(&two, &still);
    for name in ["nodes_present", "voting_majority"] {
        assert_eq!(
            found.get(&(name.to_owned(), "cluster".to_owned())),
            Some(&Verdict::Fail),
            "{found:?}"
        );
    }
    let mut late = restricted.clone();
    late.health.as_mut().unwrap().timed_out = true;
    assert_eq!(unmet(&late, &still), names(&[("shards", "cluster", Verdict::Unknown)]));
    let mut blind = restricted.clone();
    blind.shards = Err(obstacle());
    assert_eq!(unmet(&blind, &still), names(&[("shards", "cluster", Verdict::Unknown)]));
}

#[test]
fn a_node_is_back_only_with_the_id_it_had() {
    let back = SearchQuestion {
        node_id: Some("id2".to_owned()),
        extent: Extent::Members,
        ..question(3, Phase::Post, 2)
    };
    let same = ("same_node".to_owned(), "cluster".to_owned());
    let present = ("nodes_present".to_owned(), "cluster".to_owned());

    // Its replicas have yet to be given to it.
    let mut restricted = cluster(3);
    restricted.health.as_mut().unwrap().status = SearchStatus::Yellow;
    restricted.health.as_mut().unwrap().unassigned = 1;
    let setting = SearchSetting {
        scope: "persistent",
        name: ENABLE.to_owned(),
        value: "primaries".to_owned(),
    };
    restricted.settings = Ok(vec![setting]);
    assert_eq!(unmet(&restricted, &back), BTreeMap::new());
    let whole = SearchQuestion { extent: Extent::Whole, ..back.clone() };
    assert_eq!(unmet(&restricted, &whole).len(), 3);
    assert_eq!(unmet(&cluster(3), &whole), BTreeMap::new());

    let away = without(cluster(3), 2);
    let expected = [(present, Verdict::Fail), (same.clone(), Verdict::Unknown)].into();
    assert_eq!(unmet(&away, &back), expected);

    let mut another = cluster(3);
    another.nodes.as_mut().unwrap().get_mut("n2").unwrap().id = "id9".to_owned();
    assert_eq!(unmet(&another, &back), [(same.clone(), Verdict::Fail)].into());
    assert_eq!(unmet(&another, &whole).get(&same), Some(&Verdict::Fail));

    let mut silent = cluster(3);
    silent.nodes = Err(obstacle());
    assert_eq!(unmet(&silent, &back).get(&same), Some(&Verdict::Unknown));
}
