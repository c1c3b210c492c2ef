//! A kill together with something else that goes wrong.

use std::sync::Mutex;
use std::sync::atomic::Ordering;

use serde_json::{Value, json};
use spotinst_esg::plan::roll::{Outcome, Phase};

use super::desk::{Desk, Driver, Ended, fleet};

const QUICK: &str = "latency: {stale_seconds: 3, accepted_seconds: 1, terminating_seconds: 2, replacing_seconds: 2, booting_seconds: 2}";
const RECYCLE: &str = "/aws/ec2/group/{groupId}/statefulInstance/{statefulInstanceId}/recycle";
const LIST: &str = "/aws/ec2/group/{groupId}/statefulInstance";
const GROUP: &str = "/aws/ec2/group/{groupId}";
const SUSPENSION: &str = "/aws/ec2/group/{groupId}/suspension";

/// A group whose root is persisted, so that two changes of its configuration are needed, one of them to put it back.
fn with_root(nodes: usize) -> Desk {
    Desk::with(
        &fleet(nodes, QUICK, "").replace("persistence: {data", "persistence: {root: true, data"),
    )
}

fn driver(pid: u32) -> Driver {
    let mut driver = Driver::new(pid);
    driver.wish.acknowledge_root_data_loss = true;
    driver
}

/// The first is killed at this reading; answers how it ended and how the next one does.
fn killed_at(desk: &Desk, deadly: u64, make: impl Fn(u32) -> Driver) -> (Ended, Ended) {
    desk.clock.deadly.store(deadly, Ordering::Relaxed);
    let first = make(2).roll(desk);
    desk.clock.deadly.store(0, Ordering::Relaxed);
    (first, make(1).roll(desk))
}

/// Settings as before, but for the image of what was rolled.
fn assert_put_back(desk: &Desk, told: &str) {
    let mut settings = desk.settings();
    settings["image"] = desk.before["image"].clone();
    assert_eq!(settings, desk.before, "{told}");
    assert_eq!(desk.violations(Some("ami-2")), Vec::<String>::new(), "{told}");
}

/// Gives up what is frozen; what stays set until then is not what was there before.
fn give_up(desk: &Desk, told: &str) {
    desk.as_roller(&driver(1), |roller| {
        for run in desk.runs.all().unwrap().runs {
            let mut journal = desk.runs.open(run.id()).unwrap();
            if !run.held().is_empty() {
                assert_ne!(desk.settings(), desk.before, "{told}");
            }
            roller.give_up(&mut journal, "a person said so".to_owned()).unwrap();
        }
    });
}

/// Every third place is tried, others for each fault: [`super::kills`] tries them all.
///
/// Where the list flips back and forth it may end early, or frozen: what may have been asked for is for a person to look at.
fn kills_with(faults: &[Value], may_stop: bool) {
    for (first, fault) in (1..).zip(faults) {
        for deadly in (first..).step_by(3) {
            let desk = with_root(1);
            desk.fault(fault.clone());
            let (first, second) = killed_at(&desk, deadly, driver);
            let told = format!("{fault}, killed at reading {deadly}: {first:?}, then {second:?}");
            let is_stopped = may_stop
                && matches!(
                    second,
                    Ended::Run(_, Outcome::Frozen | Outcome::Aborted, _) | Ended::Refused(_)
                );
            if !is_stopped {
                let is_well =
                    matches!(second, Ended::Nothing | Ended::Run(_, Outcome::Completed, None));
                assert!(is_well, "{told}");
                let is_rolled =
                    |it: &(String, String, String, String)| it.1 == "ACTIVE" && it.3 == "ami-2";
                assert!(desk.nodes().iter().all(is_rolled), "{told}");
            }
            let gone = desk.terminated();
            assert!(gone == ["i-1"] || is_stopped && gone.is_empty(), "{told}: {gone:?}");
            if second.outcome() == Some(Outcome::Frozen) {
                give_up(&desk, &told);
            }
            assert_put_back(&desk, &told);
            if !matches!(first, Ended::Killed) {
                assert!(deadly > 60, "{told}: there were few places only");
                break;
            }
        }
    }
}

#[test]
fn a_kill_while_the_rate_limit_blocks_a_setting_or_its_putting_back() {
    let blocked = |route, method, nth| json!({"kind": "rate_limited", "retry_after": 30, "route": route, "method": method, "nth": nth, "count": 2});
    kills_with(
        &[blocked(GROUP, "PUT", 1), blocked(GROUP, "PUT", 2), blocked(SUSPENSION, "DELETE", 1)],
        false,
    );
}

#[test]
fn a_kill_after_a_lost_reply() {
    let lost = |route, method, nth| json!({"kind": "cut_after_commit", "route": route, "method": method, "nth": nth});
    kills_with(
        &[
            lost(SUSPENSION, "POST", 1),
            lost(GROUP, "PUT", 1),
            lost(RECYCLE, "PUT", 1),
            lost(GROUP, "PUT", 2),
        ],
        false,
    );
}

#[test]
fn a_kill_while_the_list_flips_back_to_what_was() {
    kills_with(
        &[
            json!({"kind": "stale", "seconds": 60, "route": LIST, "nth": 6, "count": 40}),
            json!({"kind": "stale", "seconds": 20, "route": LIST, "probability": 0.4}),
        ],
        true,
    );
}

/// The recycle ends in an error, which freezes the roll; and anywhere around that the program is killed.
#[test]
fn a_kill_while_a_roll_freezes() {
    let mut frozen = 0;
    for deadly in (1..).step_by(2) {
        let desk = with_root(2);
        desk.fault(json!({"kind": "lifecycle", "ends": "ERROR", "message": "no capacity"}));
        let (first, second) = killed_at(&desk, deadly, driver);
        let told = format!("killed at reading {deadly}: {first:?}, then {second:?}");
        assert_eq!(desk.terminated().len(), 1, "{told}: one machine and no more");
        let is_frozen = matches!(second, Ended::Refused(_) | Ended::Run(_, Outcome::Frozen, _));
        assert!(is_frozen, "{told}");
        frozen += 1;
        let settings = desk.settings();
        assert_eq!(settings["image"], "ami-2", "{told}");
        assert_eq!(settings["persistence"]["shouldPersistRootDevice"], false, "{told}");
        assert_eq!(settings["suspensions"].as_array().map(Vec::len), Some(6), "{told}");
        assert!(matches!(driver(3).roll(&desk), Ended::Refused(_)), "{told}");
        give_up(&desk, &told);
        assert_eq!(desk.settings(), desk.before, "{told}");
        if !matches!(first, Ended::Killed) {
            break;
        }
    }
    assert!(frozen > 30, "there were {frozen} places only");
}

/// Each step takes longer than half of what is suspended at a time, so each renews it.
#[test]
fn a_kill_while_suspensions_are_renewed() {
    let slow = |pid| {
        let mut driver = driver(pid);
        driver.suspend_minutes = 15;
        driver.wait_timeout = std::time::Duration::from_secs(120);
        // Behind the gate before the recycle there is less time than that.
        driver.before_step = Box::new(|desk, _, phase| {
            desk.advance(if phase == Phase::Recycling { 100 } else { 500 });
        });
        driver
    };
    for deadly in (1..).step_by(3) {
        let desk = with_root(1);
        let (first, second) = killed_at(&desk, deadly, slow);
        let told = format!("killed at reading {deadly}: {first:?}, then {second:?}");
        assert!(
            matches!(second, Ended::Nothing | Ended::Run(_, Outcome::Completed, None)),
            "{told}"
        );
        assert_eq!(desk.terminated(), ["i-1"], "{told}");
        assert_put_back(&desk, &told);
        if !matches!(first, Ended::Killed) {
            let renewed = desk.sim.requests();
            let renewed = renewed.iter().filter(|it| it.method == "POST").count();
            assert!(renewed > 4, "{renewed}");
            break;
        }
    }
}

/// AWS takes the very node whose turn it is, and the platform brings it back without its data: it is never taken for done, and no
/// other machine is given up.
#[test]
fn a_node_that_loses_its_machine_and_its_data_in_any_phase_ends_the_roll() {
    for phase in Phase::ALL.into_iter().filter(|phase| *phase > Phase::Planned) {
        // Afterwards no call of the vendor's refuses anything: what the list does not tell yet only gates can see.
        let shortest = if phase > Phase::Recycling { 5 } else { 0 };
        for pause in [shortest, 300] {
            let desk = with_root(3);
            let mut driver = driver(1);
            let first = Mutex::new(true);
            driver.before_step = Box::new(move |desk, id, at| {
                if at == phase && std::mem::take(&mut *first.lock().unwrap()) {
                    desk.fault(json!({"kind": "relaunch", "twist": "lost_volumes", "count": 1}));
                    let nodes = desk.nodes();
                    let instance = &nodes.iter().find(|node| node.0 == id).unwrap().2;
                    desk.sim.control("POST", "/_sim/interrupt", json!({"instanceId": instance}));
                    desk.advance(pause);
                }
            });
            let ended = driver.roll(&desk);
            let told = format!("taken away before {phase}, {pause} s: {ended:?}");
            let Ended::Run(id, outcome, Some(_)) = &ended else { panic!("{told}") };
            let run = desk.runs.open(id).unwrap().run().clone();
            assert_ne!(*outcome, Outcome::Completed, "{told}");
            assert_eq!(run.done(), 0, "{told}");
            if phase > Phase::Draining {
                assert_eq!(*outcome, Outcome::Frozen, "{told}");
            }
            let state = desk.state();
            let asked = state["accepted"].as_array().unwrap().iter();
            let asked =
                asked.filter(|it| it["action"] == "recycle" && it["cause"] == "api").count();
            assert_eq!(asked, usize::from(phase > Phase::Recycling), "{told}");
            assert_eq!(desk.violations(Some("ami-2")), Vec::<String>::new(), "{told}");
            if !run.held().is_empty() {
                assert_eq!(run.nodes[0].phase, Phase::Recycling, "{told}");
                give_up(&desk, &told);
            }
            assert_eq!(desk.settings(), desk.before, "{told}");
        }
    }
}
