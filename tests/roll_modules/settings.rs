//! What a run changes of a group, and what it leaves as a person has set it.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use spot_sim::Request;

use super::{edit_group, texts};
use crate::support::cli::{ACCOUNT, CANARY, Desk};
use crate::support::roll::{self, Controller, PROCESSES, THREE, settings, with};

#[expect(clippy::disallowed_methods, reason = "the binary under test has the real clock")]
fn in_minutes(minutes: i64) -> Timestamp {
    Timestamp::now() + SignedDuration::from_mins(minutes)
}

fn suspended(desk: &Desk) -> Vec<(String, Option<Timestamp>)> {
    let found = settings(desk).2;
    let one = |it: &Value| {
        let end = it["expiresAt"].as_str().map(|at| at.parse().unwrap());
        (it["name"].as_str().unwrap().to_owned(), end)
    };
    let mut all: Vec<_> = found.as_array().unwrap().iter().map(one).collect();
    all.sort();
    all
}

/// As a person does over the API.
fn suspend(desk: &Desk, process: &str, minutes: u32) {
    let body = json!({"suspensions": [{"name": process, "ttlInMinutes": minutes}]});
    let sent = desk.simulator.handle(&Request {
        method: "POST".to_owned(),
        path: "/aws/ec2/group/sig-1/suspension".to_owned(),
        query: format!("accountId={ACCOUNT}"),
        headers: vec![("authorization".to_owned(), format!("Bearer {CANARY}"))],
        body: body.to_string().into_bytes(),
    });
    assert_eq!(sent.status, 200, "{sent:?}");
}

/// The same aim, although someone has suspended processes.
fn waiving(mut aim: Value) -> Value {
    let waiver = json!({"predicate": "no_foreign_suspension", "reason": "ours"});
    aim["waivers"].as_array_mut().unwrap().push(waiver);
    aim
}

#[test]
fn what_a_person_had_suspended_is_so_afterwards_with_the_end_it_had() {
    let (soon, late) = (in_minutes(20), in_minutes(600));
    let before = format!(
        "suspensions: [{{name: AUTO_HEALING}}, {{name: AUTO_SCALE, expires_at: '{soon}'}}, \
         {{name: SCHEDULING, expires_at: '{late}'}}], stateful:"
    );
    for (rolls, outcome) in [(false, "aborted"), (true, "completed")] {
        let desk = roll::desk(&THREE.replace("stateful:", &before));
        let found = suspended(&desk);
        let controller = Controller::gone(&desk);
        let refused = controller.run("started", &controller.aim()).failed().to_owned();
        for name in ["AUTO_HEALING", "AUTO_SCALE", "SCHEDULING"] {
            assert!(refused.contains(&format!("no_foreign_suspension of {name}")), "{refused}");
        }
        let begun = controller.run("started", &waiving(controller.aim())).well();
        let run = begun["run_id"].as_str().unwrap().to_owned();
        let during = suspended(&desk);
        assert_eq!(during.len(), PROCESSES, "{during:?}");
        let end = |name: &str| during.iter().find(|(it, _)| it == name).unwrap().1;
        assert_eq!(end("AUTO_HEALING"), None);
        assert_eq!(end("SCHEDULING"), Some(late), "it lasts long enough");
        assert!(end("AUTO_SCALE").unwrap() > in_minutes(50), "{during:?}");
        if rolls {
            for node in ["ssi-1", "ssi-3", "ssi-2"] {
                controller.roll(&run, node);
            }
        }
        assert_eq!(controller.finish(&run).well()["outcome"], outcome);
        let after = suspended(&desk);
        assert_eq!(after.len(), found.len(), "{after:?}");
        for ((name, end), (name_before, end_before)) in after.iter().zip(&found) {
            assert_eq!(name, name_before);
            match (end, end_before) {
                (Some(end), Some(before)) => {
                    let off = end.duration_since(*before).abs();
                    assert!(off <= SignedDuration::from_mins(2), "{name}: {off:?}");
                }
                (end, before) => assert_eq!(end, before, "{name}"),
            }
        }
    }
}

#[test]
fn a_suspension_that_has_ended_meanwhile_is_let_go() {
    let before =
        format!("suspensions: [{{name: AUTO_SCALE, expires_at: '{}'}}], stateful:", in_minutes(1));
    let desk = roll::desk(&THREE.replace("stateful:", &before));
    let controller = Controller::gone(&desk);
    let begun = controller.run("started", &waiving(controller.aim())).well();
    let run = begun["run_id"].as_str().unwrap();
    let path = roll::journals(&desk).join(format!("{run}.jsonl"));
    // The minute is over: in the journal it was over before.
    let text = std::fs::read_to_string(&path).unwrap();
    let past = in_minutes(-1).to_string();
    let (head, rest) = text.split_once("\"expires_at\":\"").unwrap();
    let (_, tail) = rest.split_once('"').unwrap();
    std::fs::write(&path, format!("{head}\"expires_at\":\"{past}\"{tail}")).unwrap();
    controller.finish(run).well();
    assert_eq!(suspended(&desk), []);
}

#[test]
fn what_a_person_suspends_for_longer_while_the_run_lives_is_left_and_told() {
    let desk = roll::desk(THREE);
    let controller = Controller::gone(&desk);
    let run = controller.start();
    suspend(&desk, "AUTO_SCALE", 6000);
    let ended = controller.finish(&run).well();
    assert!(ended["left"]["suspensions"].as_str().unwrap().contains("AUTO_SCALE"), "{ended}");
    assert!(ended["warnings"][0].as_str().unwrap().contains("suspensions is left"), "{ended}");
    let left = suspended(&desk);
    assert_eq!(left.len(), 1, "{left:?}");
    assert!(left[0].0 == "AUTO_SCALE" && left[0].1.unwrap() > in_minutes(5000), "{left:?}");
}

#[test]
fn an_image_that_a_person_sets_meanwhile_stops_the_roll_and_is_left() {
    let desk = roll::desk(THREE);
    let controller = Controller::gone(&desk);
    let run = controller.start();
    controller.roll(&run, "ssi-1");
    edit_group(&desk, json!({"compute.launchSpecification.imageId": "ami-9"}));
    controller.prepare(&run, "ssi-3");
    let refused = controller.recycle(&run, "ssi-3");
    let words = "the group's image is ami-9, and this run needs ami-2: someone else has changed it";
    assert!(refused.failed().contains(words), "{}", refused.failed());
    assert_eq!(refused.answer["error_code"], "STEP_HELD");
    let ended = controller.finish(&run).well();
    assert!(ended["left"]["image"].as_str().unwrap().contains("ami-9"), "{ended}");
    assert_eq!((settings(&desk).0, settings(&desk).2), (json!("ami-9"), json!([])));
}

#[test]
fn an_image_that_a_person_sets_before_the_first_recycle_is_not_overwritten() {
    let desk = roll::desk(THREE);
    let controller = Controller::gone(&desk);
    let run = controller.start();
    controller.prepare(&run, "ssi-1");
    edit_group(&desk, json!({"compute.launchSpecification.imageId": "ami-9"}));
    let refused = controller.recycle(&run, "ssi-1");
    assert!(refused.failed().contains("the group's image is ami-9"), "{}", refused.failed());
    let ended = controller.finish(&run).well();
    assert_eq!((&ended["outcome"], &ended["left"]), (&json!("aborted"), &json!({})));
    assert_eq!(settings(&desk).0, "ami-9");
}

#[test]
fn the_image_is_kept_after_an_early_end_where_that_was_asked_for() {
    let desk = roll::desk(THREE);
    let controller = Controller::gone(&desk);
    let aim = with(controller.aim(), &json!({"revert_image_on_abort": false}));
    let begun = controller.run("started", &aim).well();
    let run = begun["run_id"].as_str().unwrap();
    controller.roll(run, "ssi-1");
    assert_eq!(controller.finish(run).well()["outcome"], "aborted");
    assert_eq!((settings(&desk).0, settings(&desk).2), (json!("ami-2"), json!([])));
    // The same roll again does the others.
    let again = controller.run("started", &aim).well();
    assert_eq!(texts(&again["nodes"], "id"), ["ssi-3", "ssi-2"]);
    assert_eq!(texts(&again["changes"], "setting"), ["suspensions"]);
}

#[test]
fn a_persisted_root_is_given_up_for_the_time_of_the_roll_where_its_loss_is_acknowledged() {
    let desk = roll::desk(&THREE.replace("persistence: {data", "persistence: {root: true, data"));
    let controller = Controller::gone(&desk);
    assert_eq!(settings(&desk).1, true);
    let refused = controller.run("started", &controller.aim());
    assert!(refused.failed().contains("root_replaceable"), "{}", refused.failed());
    let aim = with(controller.aim(), &json!({"acknowledge_root_data_loss": true}));
    let begun = controller.run("started", &aim).well();
    let run = begun["run_id"].as_str().unwrap();
    assert_eq!(texts(&begun["changes"], "setting"), ["suspensions", "image", "root_persistence"]);
    assert_eq!(settings(&desk).1, true, "not before the canary");
    for node in ["ssi-1", "ssi-3", "ssi-2"] {
        controller.prepare(run, node);
        let recycled = controller.recycle(run, node).well();
        assert_eq!(recycled["after"]["imageId"], "ami-2", "{recycled}");
        assert_eq!(settings(&desk).1, false);
        for phase in roll::AFTERWARDS {
            controller.advance(run, node, phase).well();
        }
    }
    assert_eq!(controller.finish(run).well()["outcome"], "completed");
    assert_eq!((settings(&desk).0, settings(&desk).1), (json!("ami-2"), json!(true)));
    assert_eq!(settings(&desk).2, json!([]));

    // Ended early, image and root go back.
    let aim = with(aim, &json!({"image_id": "ami-3"}));
    let run = controller.run("started", &aim).well()["run_id"].as_str().unwrap().to_owned();
    controller.roll(&run, "ssi-1");
    assert_eq!((settings(&desk).0, settings(&desk).1), (json!("ami-3"), json!(false)));
    assert_eq!(controller.finish(&run).well()["outcome"], "aborted");
    assert_eq!((settings(&desk).0, settings(&desk).1), (json!("ami-2"), json!(true)));
}

#[test]
fn what_a_person_changes_of_persistence_meanwhile_stops_the_roll() {
    for (key, words) in [
        ("shouldPersistPrivateIp", "private addresses"),
        ("shouldPersistBlockDevices", "data volumes"),
        ("shouldPersistRootDevice", "root volumes"),
    ] {
        let desk = roll::desk(THREE);
        let controller = Controller::gone(&desk);
        let run = controller.start();
        controller.prepare(&run, "ssi-1");
        let mut set = json!({});
        set[format!("strategy.persistence.{key}")] = json!(key == "shouldPersistRootDevice");
        edit_group(&desk, set);
        let refused = controller.recycle(&run, "ssi-1");
        assert!(
            refused.failed().contains(&format!("what the group persists: {words}")),
            "{}",
            refused.failed()
        );
        let state = desk.simulator.control("GET", "/_sim/state", Value::Null);
        assert_eq!(state["terminatedInstances"], json!([]));
    }
}

/// A launch time alone needs no other image, so a persisted root may stay.
#[test]
fn a_roll_for_the_launch_time_touches_neither_image_nor_root() {
    let desk = roll::desk(&THREE.replace("persistence: {data", "persistence: {root: true, data"));
    let controller = Controller::gone(&desk);
    let aim = with(controller.aim(), &json!({"image_id": null, "launched_after": "2026-01-01"}));
    let aim = with(aim, &json!({"launched_after": in_minutes(0).to_string()}));
    let begun = controller.run("started", &aim).well();
    assert_eq!(texts(&begun["changes"], "setting"), ["suspensions"]);
    let run = begun["run_id"].as_str().unwrap();
    for node in ["ssi-1", "ssi-3", "ssi-2"] {
        controller.roll(run, node);
        assert_eq!((settings(&desk).0, settings(&desk).1), (json!("ami-1"), json!(true)));
    }
    assert_eq!(controller.finish(run).well()["outcome"], "completed");
    let again = controller.run("started", &aim).well();
    assert_eq!(again["changed"], false, "{again}");
}
