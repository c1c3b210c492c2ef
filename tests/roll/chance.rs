//! Seeded mishaps of all kinds at once, over whole rolls: what must hold whatever happens.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use serde_json::{Value, json};
use spotinst_esg::plan::roll::{Outcome, Phase};

use super::desk::{Desk, Driver, Ended, fleet};

/// How many rolls one test carries out; several tests run side by side.
const ROLLS: u64 = 500;

fn pick<'a>(chance: &mut fastrand::Rng, of: &[&'a str]) -> &'a str {
    of[chance.usize(..of.len())]
}

/// A fault of the network, the server or the platform, some time soon.
fn mishap(chance: &mut fastrand::Rng) -> Value {
    let kinds = [
        "cut_before_commit",
        "cut_after_commit",
        "html",
        "broken_json",
        "truncated",
        "rate_limited",
        "duplicate_items",
        "stale",
        "lost_update",
        "partial_update",
        "status",
        "masked",
        "lifecycle",
        "relaunch",
    ];
    let kind = pick(chance, &kinds);
    let mut fault = json!({"kind": kind, "nth": chance.u32(1..120), "count": chance.u32(1..6)});
    match kind {
        "status" => {
            let status = [400, 408, 409, 429, 500, 502, 503, 504][chance.usize(..8)];
            fault["status"] = json!(status);
            fault["committed"] = json!(status >= 500 && chance.bool());
        }
        "rate_limited" => fault["retry_after"] = json!(chance.u32(0..60)),
        "stale" => fault["seconds"] = json!(chance.u32(1..100)),
        "partial_update" => {
            fault = json!({"kind": kind, "nth": chance.u32(1..3), "count": 1,
                "fields": [pick(chance, &["strategy.persistence", "compute.launchSpecification.imageId"])]});
        }
        // Of a recycle it may mean that it was carried out all the same.
        "masked" => {
            fault = json!({"kind": "status", "status": 400, "message": "An unknown error occurred",
                "committed": chance.bool(), "nth": chance.u32(1..4), "count": 1,
                "route": "/aws/ec2/group/{groupId}/statefulInstance/{statefulInstanceId}/recycle"});
        }
        "lifecycle" => {
            let ends = pick(chance, &["ERROR", "PAUSED", "STUCK", "GONE", "HIBERNATED"]);
            fault = json!({"kind": kind, "ends": ends, "nth": chance.u32(1..4), "count": 1});
        }
        "relaunch" => {
            let twist = pick(chance, &["other_zone", "lost_volumes", "other_address"]);
            fault = json!({"kind": kind, "twist": twist, "count": 1});
        }
        _ => {}
    }
    if !matches!(kind, "lifecycle" | "relaunch" | "partial_update" | "masked") && chance.bool() {
        fault["method"] = json!(pick(chance, &["GET", "PUT", "POST", "DELETE"]));
        if fault["method"] != "GET" {
            fault["nth"] = json!(chance.u32(1..4));
        }
    }
    fault
}

fn world(chance: &mut fastrand::Rng) -> (String, usize) {
    let skipped = pick(chance, &["", "RECYCLE", "RECYCLING", "RECYCLE, RECYCLING", "PAUSING"]);
    let autonomous = match chance.u32(..3) {
        0 => format!(
            "autonomous: {{interruption: {}, unhealthy: 2, preventive_replacement: 4}}",
            chance.u32(1..8)
        ),
        _ => String::new(),
    };
    let head = format!(
        "seed: {}
latency: {{stale_seconds: {}, booting_seconds: {}, replacing_seconds: {}}}
behaviour: {{recycle_path: {}, skip_states: [{skipped}]}}
{autonomous}",
        chance.u32(..),
        chance.u32(0..60),
        chance.u32(0..90),
        chance.u32(0..60),
        pick(chance, &["recycling", "pausing_resuming"]),
    );
    let nodes = chance.usize(2..5);
    let text = fleet(nodes, &head, "");
    let is_root = chance.u32(..4) == 0;
    let text = if is_root {
        text.replace("persistence: {data", "persistence: {root: true, data")
    } else {
        text
    };
    (text, nodes)
}

/// What a roll may leave behind when everything is over: nothing, except what it says that it left. The image is the new one if a
/// roll came to its end, else the one that was there before.
fn assert_settled(desk: &Desk, told: &str) {
    let mut wanted = desk.before.clone();
    for run in desk.runs.all().unwrap().runs {
        assert!(run.ended.is_some(), "{told}: {} has not ended", run.id());
        assert!(run.left.is_empty(), "{told}: {:?}", run.left);
        if run.ended.as_ref().is_some_and(|ended| ended.outcome == Outcome::Completed) {
            wanted["image"] = json!("ami-2");
        }
    }
    assert_eq!(desk.settings(), wanted, "{told}");
}

/// By id the volumes, where the machine is, and its address, by the simulator's own knowledge.
type Places = BTreeMap<String, (Value, Value, Value)>;

fn places(desk: &Desk) -> Places {
    let state = desk.state();
    let place = |node: &Value| {
        let volumes = node["devices"].as_array().unwrap().iter().map(|it| it["volumeId"].clone());
        let place =
            (volumes.collect(), node["availabilityZone"].clone(), node["privateIp"].clone());
        (node["id"].as_str().unwrap().to_owned(), place)
    };
    state["groups"][0]["statefulInstances"].as_array().unwrap().iter().map(place).collect()
}

/// A node that is called done has the disks, the zone and the address that it had, unless the platform replaced it by itself.
fn assert_in_place(desk: &Desk, run: &str, before: &Places, told: &str) {
    let (after, state) = (places(desk), desk.state());
    // One that the platform replaced may have gone by that altogether.
    let by_itself = |id: &str| {
        let mut accepted = state["accepted"].as_array().unwrap().iter();
        accepted.any(|one| one["statefulInstanceId"] == id && one["cause"] != "api")
    };
    for node in &desk.runs.open(run).unwrap().run().nodes {
        let id = node.planned.id.as_str();
        if node.phase == Phase::Done && !by_itself(id) {
            assert_eq!(after[id], before[id], "{told}: {id} is called done");
        }
    }
}

fn rolls(first: u64) {
    for seed in first..first + ROLLS {
        let mut chance = fastrand::Rng::with_seed(seed);
        let (text, nodes) = world(&mut chance);
        let desk = Desk::with(&text);
        let faults: Vec<Value> = (0..chance.usize(0..4)).map(|_| mishap(&mut chance)).collect();
        let told = format!("seed {seed}: {faults:?}\n{text}");
        faults.into_iter().for_each(|fault| desk.fault(fault));
        let before = places(&desk);
        for attempt in 0..3 {
            let kill = chance.u32(..3) == 0 && attempt < 2;
            let at = desk.clock.readings.load(Ordering::Relaxed) + chance.u64(1..600);
            desk.clock.deadly.store(if kill { at } else { 0 }, Ordering::Relaxed);
            let mut driver = Driver::new(if kill { 2 } else { 1 });
            driver.wish.acknowledge_root_data_loss = true;
            // Every run must end, in bounded time: a day would be none.
            let now = || desk.state()["now"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
            let began = now();
            let ended = driver.roll(&desk);
            assert!(now().duration_since(began).as_hours() < 12, "{told}: {ended:?}");
            assert_eq!(desk.violations(Some("ami-2")), Vec::<String>::new(), "{told}: {ended:?}");
            if let Ended::Run(id, outcome, error) = &ended {
                let run = desk.runs.open(id).unwrap().run().clone();
                let is_done = run.nodes.iter().all(|node| node.phase == Phase::Done);
                assert_eq!(
                    *outcome == Outcome::Completed,
                    is_done && error.is_none(),
                    "{told}: {ended:?}"
                );
                assert_in_place(&desk, id, &before, &told);
            }
            desk.clock.deadly.store(0, Ordering::Relaxed);
        }
        finish_all(&desk);
        assert_settled(&desk, &told);
        assert_once(&desk, &told, nodes);
    }
}

/// A person gives up what is left once the server is well again.
fn finish_all(desk: &Desk) {
    desk.sim.control("DELETE", "/_sim/faults", Value::Null);
    let me = Driver::new(1);
    for run in desk.runs.all().unwrap().runs {
        desk.as_roller(&me, |roller| {
            let mut journal = desk.runs.open(run.id()).unwrap();
            if journal.run().is_open() {
                roller.give_up(&mut journal, "the test is over".to_owned()).unwrap();
            }
        });
    }
}

/// No machine was ever given up twice by us, and none that came of a recycle of ours: a node is asked for once, unless the platform
/// itself replaced it since, or a run ended in between.
fn assert_once(desk: &Desk, told: &str, nodes: usize) {
    let state = desk.state();
    let requests = state["accepted"].as_array().unwrap().iter();
    let ours = requests.filter(|one| one["action"] == "recycle" && one["cause"] == "api");
    let mut counts = BTreeMap::new();
    for one in ours {
        *counts.entry(one["statefulInstanceId"].as_str().unwrap().to_owned()).or_insert(0u32) += 1;
    }
    assert!(counts.len() <= nodes, "{told}");
    for node in state["groups"][0]["statefulInstances"].as_array().unwrap() {
        let id = node["id"].as_str().unwrap();
        let by_itself = node["recyclesByItself"].as_u64().unwrap_or_default();
        let asked = counts.get(id).copied().unwrap_or_default();
        assert!(u64::from(asked) <= 1 + by_itself, "{told}: {id} was recycled {asked} times");
    }
}

#[test]
fn no_mishap_breaks_what_a_roll_promises_first_part() {
    rolls(0);
}

#[test]
fn no_mishap_breaks_what_a_roll_promises_second_part() {
    rolls(10_000);
}

#[test]
fn no_mishap_breaks_what_a_roll_promises_third_part() {
    rolls(20_000);
}

#[test]
fn no_mishap_breaks_what_a_roll_promises_fourth_part() {
    rolls(30_000);
}
