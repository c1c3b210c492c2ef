//! What stays set when a roll ends early, is given up, or is gone on with.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use spotinst_esg::domain::{Clock as _, StatefulInstanceId};
use spotinst_esg::drive::roll::RollError;
use spotinst_esg::plan::roll::{Hold, Outcome, Phase};

use super::desk::{Desk, Driver, Ended, fleet};

/// The settings of before, with the image that was rolled out.
fn renewed(desk: &Desk) -> Value {
    let mut settings = desk.before.clone();
    settings["image"] = json!("ami-2");
    settings
}

/// All is as wanted but the image of the group, which is set without a machine being touched; and then nothing is left to do.
fn ends_with_its_image(desk: &Desk) {
    assert_eq!(desk.settings(), desk.before, "the image was put back");
    assert!(desk.nodes().iter().all(|node| node.1 == "ACTIVE" && node.3 == "ami-2"));
    let machines = desk.nodes();
    Driver::new(3).roll(desk).completed();
    assert_eq!((desk.settings(), desk.nodes()), (renewed(desk), machines));
    let asked = desk.mutations();
    assert!(matches!(Driver::new(5).roll(desk), Ended::Nothing));
    assert_eq!(desk.mutations(), asked);
}

/// AWS takes the last node before its turn, and the platform boots the new image by itself.
#[test]
fn a_roll_that_ended_because_its_last_node_was_replaced_is_run_again_for_its_image() {
    let desk = Desk::new(3);
    let mut driver = Driver::new(1);
    driver.before_step = Box::new(|desk, id, phase| {
        if phase == Phase::PreGate && desk.terminated().len() == 2 {
            let nodes = desk.nodes();
            let instance = &nodes.iter().find(|node| node.0 == id).unwrap().2;
            desk.sim.control("POST", "/_sim/interrupt", json!({"instanceId": instance}));
            desk.advance(600);
        }
    });
    let ended = driver.roll(&desk);
    let Ended::Run(_, Outcome::Aborted, Some(RollError::Held { hold, .. })) = &ended else {
        panic!("{ended:?}")
    };
    assert!(matches!(hold, Hold::OtherInstance { .. }), "{hold}");
    ends_with_its_image(&desk);
}

/// Its last node was not seen to be back, and a person who finds it well gives the roll up.
#[test]
fn a_roll_that_is_given_up_at_its_last_node_is_run_again_for_its_image() {
    let desk = Desk::new(1);
    let mut driver = Driver::new(1);
    driver.before_step = Box::new(|desk, id, phase| {
        if phase == Phase::Baking {
            let volumes = json!([{"deviceName": "/dev/xvdb", "volumeId": "vol-other"}]);
            desk.edit(json!({"instance": id, "set": {"devices": volumes}}));
        }
    });
    let ended = driver.roll(&desk);
    let Ended::Run(id, Outcome::Frozen, _) = &ended else { panic!("{ended:?}") };
    desk.as_roller(&driver, |roller| {
        roller.give_up(&mut desk.runs.open(id).unwrap(), "it is well".to_owned()).unwrap();
    });
    let ended = desk.runs.open(id).unwrap().run().ended.clone();
    assert_eq!(ended.map(|it| it.outcome), Some(Outcome::Aborted));
    ends_with_its_image(&desk);
}

/// Where others are not as wanted the image stays as it is: it is set for the canary and not before.
#[test]
fn the_image_is_not_set_for_a_part_of_the_nodes() {
    let desk = Desk::new(2);
    desk.edit(json!({"instance": "ssi-1", "set": {"imageId": "ami-2"}}));
    let mut driver = Driver::new(1);
    driver.wish.only = Some(vec![StatefulInstanceId::new("ssi-1")]);
    assert!(matches!(driver.roll(&desk), Ended::Nothing));
    assert_eq!((desk.settings(), desk.mutations()), (desk.before.clone(), 0));
}

/// It lasts for good, so it is not one of the roll's own, which all have an end.
#[test]
fn what_another_suspends_for_good_while_a_roll_lives_ends_it_and_is_left() {
    for process in ["AUTO_HEALING", "AUTO_SCALE"] {
        let desk = Desk::new(3);
        let mut driver = Driver::new(1);
        driver.before_step = Box::new(move |desk, _, phase| {
            if phase == Phase::MidGate && desk.terminated().len() == 1 {
                desk.suspend(process, None);
            }
        });
        let ended = driver.roll(&desk);
        let Ended::Run(id, Outcome::Aborted, Some(error)) = &ended else { panic!("{ended:?}") };
        assert!(error.to_string().contains("someone else has suspended processes"), "{error}");
        assert_eq!(desk.terminated().len(), 1);
        let left = desk.runs.open(id).unwrap().run().left.clone();
        assert!(left.values().any(|why| why.contains(process)), "{left:?}");
        let suspended = json!([{"name": process, "expiresAt": null}]);
        assert_eq!(desk.settings()["suspensions"], suspended);
    }
}

/// A roll of one node with this latency that is killed as soon as its recycle is under way.
fn killed_after_asking(latency: &str, wait_timeout: Duration) -> Desk {
    for more in 1.. {
        let desk = Desk::with(&fleet(1, latency, ""));
        let mut driver = Driver::new(2);
        driver.wait_timeout = wait_timeout;
        driver.before_step = Box::new(move |desk, _, phase| {
            if phase == Phase::Recycling {
                let next = desk.clock.readings.load(Ordering::Relaxed) + more;
                desk.clock.deadly.store(next, Ordering::Relaxed);
            }
        });
        assert!(matches!(driver.roll(&desk), Ended::Killed), "it is asked for before its end");
        desk.clock.deadly.store(0, Ordering::Relaxed);
        let accepted = desk.state()["accepted"].clone();
        if accepted.as_array().unwrap().iter().any(|one| one["action"] == "recycle") {
            return desk;
        }
    }
    unreachable!("the range has no end")
}

/// What was suspended before the kill would end in the middle of the wait, and the platform could replace what has just been launched.
#[test]
fn a_recycle_that_is_joined_after_a_kill_is_waited_for_with_everything_suspended() {
    let patience = Duration::from_secs(3000);
    let desk = killed_after_asking("latency: {booting_seconds: 4200}", patience);
    desk.advance(1500);
    let mut driver = Driver::new(1);
    driver.wait_timeout = patience;
    let lasting = Arc::new(Mutex::new(None));
    let seen = Arc::clone(&lasting);
    driver.before_step = Box::new(move |desk, _, phase| {
        if phase == Phase::Identity {
            let (now, suspended) = (desk.clock.now(), desk.settings()["suspensions"].clone());
            let lasts =
                |it: &&Value| it["expiresAt"].as_str().unwrap().parse::<Timestamp>().unwrap() > now;
            let count = suspended.as_array().unwrap().iter().filter(lasts).count();
            *seen.lock().unwrap() = Some(count);
        }
    });
    driver.roll(&desk).completed();
    assert_eq!(*lasting.lock().unwrap(), Some(6));
    assert_eq!(desk.terminated().len(), 1);
}
