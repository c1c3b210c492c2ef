//! Killed anywhere, run again: it goes on, nothing is done twice, and everything is as it should be.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};
use spotinst_esg::plan::roll::{Outcome, Phase};

use super::desk::{Desk, Driver, Ended, Killed, fleet};

/// Short phases, so that there are few looks and every one of them can be the last.
const QUICK: &str = "latency: {stale_seconds: 3, accepted_seconds: 1, terminating_seconds: 2, replacing_seconds: 2, booting_seconds: 2}";

fn desk(nodes: usize, group: &str) -> Desk {
    Desk::with(&fleet(nodes, QUICK, group))
}

/// After all is done: each machine was given up once, every node is new, and the settings are as before, but for the image.
fn assert_rolled(desk: &Desk, nodes: usize, told: &str) {
    let mut gone = desk.terminated();
    gone.sort();
    let expected: Vec<String> = (1..=nodes).map(|n| format!("i-{n}")).collect();
    assert_eq!(gone, expected, "{told}: each machine was given up once");
    for (id, state, _, image) in desk.nodes() {
        assert_eq!((state.as_str(), image.as_str()), ("ACTIVE", "ami-2"), "{told}: {id}");
    }
    assert_eq!(desk.violations(Some("ami-2")), Vec::<String>::new(), "{told}");
    let mut settings = desk.before.clone();
    settings["image"] = json!("ami-2");
    assert_eq!(desk.settings(), settings, "{told}");
}

/// Every reading of the clock is a place to be killed at: there is one before and after each call of the API, one before each line
/// of the journal, and one at each pause.
#[test]
fn a_roll_that_is_killed_at_any_point_is_finished_by_the_next() {
    let mut deadly = 1;
    loop {
        let desk = desk(2, "");
        desk.clock.deadly.store(deadly, Ordering::Relaxed);
        let killed = matches!(Driver::new(2).roll(&desk), Ended::Killed);
        desk.clock.deadly.store(0, Ordering::Relaxed);
        let told = format!("killed at reading {deadly}");
        let second = Driver::new(1).roll(&desk);
        assert!(matches!(second.outcome(), None | Some(Outcome::Completed)), "{told}: {second:?}");
        assert!(!matches!(second, Ended::Refused(_) | Ended::Unfinished(_)), "{told}: {second:?}");
        assert_rolled(&desk, 2, &told);
        assert!(matches!(Driver::new(3).roll(&desk), Ended::Nothing), "{told}");
        if !killed {
            break;
        }
        deadly += 1;
    }
    assert!(deadly > 150, "there were {deadly} places only");
}

/// How long a recycle took is what the next roll's plan tells, whoever carried this one to its end.
#[test]
fn a_node_that_is_gone_on_with_keeps_how_long_its_recycle_took() {
    let desk = desk(2, "");
    let mut driver = Driver::new(2);
    driver.before_step = Box::new(|_, _, phase| {
        if phase == Phase::Identity {
            std::panic::panic_any(Killed);
        }
    });
    assert!(matches!(driver.roll(&desk), Ended::Killed));
    let took = |desk: &Desk| {
        let run = desk.runs.all().unwrap().runs.pop().unwrap();
        let seconds = run.nodes.iter().map(|node| node.recycled.as_ref().map(|it| it.seconds));
        seconds.collect::<Vec<_>>()
    };
    let before: Vec<f64> = took(&desk).into_iter().flatten().collect();
    assert!(before.len() == 1 && before[0] > 0.0, "{before:?}");
    Driver::new(1).roll(&desk).completed();
    let after = took(&desk);
    assert!(after.iter().all(|it| it.is_some_and(|it| it > 0.0)), "{after:?}");
    assert!(after.contains(&Some(before[0])), "{after:?}");
}

/// Killed twice, at seeded places, with another process each time.
#[test]
fn a_roll_that_is_killed_again_and_again_is_finished_in_the_end() {
    for seed in 0..60 {
        let mut chance = fastrand::Rng::with_seed(seed);
        let desk = desk(3, "");
        let mut told = format!("seed {seed}: killed at");
        let kills = chance.u32(2..12);
        for kill in 0..kills {
            let next = desk.clock.readings.load(Ordering::Relaxed) + chance.u64(1..250);
            desk.clock.deadly.store(next, Ordering::Relaxed);
            told.push_str(&format!(" {next}"));
            match Driver::new(2 * (kill + 1)).roll(&desk) {
                Ended::Killed | Ended::Run(_, Outcome::Completed, None) | Ended::Nothing => {}
                other => panic!("{told}: {other:?}"),
            }
        }
        desk.clock.deadly.store(0, Ordering::Relaxed);
        match Driver::new(1).roll(&desk) {
            Ended::Run(_, Outcome::Completed, None) | Ended::Nothing => {}
            other => panic!("{told}: {other:?}"),
        }
        assert_rolled(&desk, 3, &told);
    }
}

/// The person gives up instead of running again.
#[test]
fn a_roll_that_is_killed_anywhere_can_be_given_up_and_leaves_nothing_behind() {
    let mut deadly = 1;
    loop {
        let desk = desk(1, "");
        desk.clock.deadly.store(deadly, Ordering::Relaxed);
        let killed = matches!(Driver::new(2).roll(&desk), Ended::Killed);
        desk.clock.deadly.store(0, Ordering::Relaxed);
        let told = format!("killed at reading {deadly}");
        if !killed {
            break;
        }
        let me = Driver::new(1);
        for run in desk.runs.all().unwrap().runs {
            desk.as_roller(&me, |roller| {
                let mut journal = desk.runs.open(run.id()).unwrap();
                if journal.run().ended.is_none() {
                    roller
                        .give_up(&mut journal, "a person said so".to_owned())
                        .unwrap_or_else(|e| panic!("{told}: {e}"));
                }
            });
        }
        // The recycle that was under way ends by itself.
        desk.advance(600);
        assert_eq!(without_image(desk.settings()), without_image(desk.before.clone()), "{told}");
        let is_done =
            desk.runs.all().unwrap().runs.iter().any(|run| run.nodes[0].phase == Phase::Done);
        // It is put back, but not from under what all nodes run by now.
        let image = if is_done { "ami-2" } else { "ami-1" };
        assert_eq!(desk.settings()["image"], image, "{told}");
        deadly += 1;
    }
    assert!(deadly > 80, "there were {deadly} places only");
}

fn without_image(mut settings: Value) -> Value {
    settings["image"] = Value::Null;
    settings
}

/// A line of the journal that was cut off on its way to the disk is as if it had not been written.
#[test]
fn a_torn_line_is_no_line() {
    let desk = desk(2, "");
    desk.clock.deadly.store(120, Ordering::Relaxed);
    assert!(matches!(Driver::new(2).roll(&desk), Ended::Killed));
    desk.clock.deadly.store(0, Ordering::Relaxed);
    let id = desk.runs.all().unwrap().runs[0].id().to_owned();
    let path = desk.runs.folder().join(format!("{id}.jsonl"));
    let mut text = std::fs::read_to_string(&path).unwrap();
    text.push_str("{\"at\":\"2026-11-20T12:00:00Z\",\"event\":\"entered\",\"node\":\"ss");
    std::fs::write(&path, text).unwrap();
    assert_eq!(Driver::new(1).roll(&desk).completed(), id, "it went on with the same run");
    assert_rolled(&desk, 2, "torn");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{text}");
}
