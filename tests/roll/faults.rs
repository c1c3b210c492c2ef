//! Each fault of the platform by itself: what it does to the roll, and what it leaves.

use std::time::Duration;

use jiff::SignedDuration;
use serde_json::{Value, json};
use spotinst_esg::domain::{Clock as _, StatefulInstanceId};
use spotinst_esg::drive::roll::{Beginning, Journal, RollError, Roller, Start};
use spotinst_esg::plan::roll::{Hold, MidGate, Outcome, Phase, Setting};
use spotinst_esg::plan::stateful::Expectations;

use super::desk::{Desk, Driver, Ended, fleet};

/// Rolls three nodes with this fault; settings must be as before afterwards, but for the image of a roll that is complete.
fn rolled(fault: Value) -> (Desk, Ended) {
    rolled_in(Desk::new(3), fault)
}

fn rolled_in(desk: Desk, fault: Value) -> (Desk, Ended) {
    desk.fault(fault);
    let ended = Driver::new(1).roll(&desk);
    assert_eq!(desk.violations(Some("ami-2")), Vec::<String>::new(), "{ended:?}");
    let mut settings = desk.settings();
    let outcome = ended.outcome();
    if matches!(outcome, Some(Outcome::Completed | Outcome::Frozen)) {
        assert_eq!(settings["image"], "ami-2");
        settings["image"] = desk.before["image"].clone();
    }
    // A node that may yet boot is all that image and suspensions stay for.
    if outcome == Some(Outcome::Frozen) {
        assert_eq!(settings["suspensions"].as_array().map(Vec::len), Some(6), "{settings}");
        settings["suspensions"] = desk.before["suspensions"].clone();
    }
    assert_eq!(settings, desk.before, "{ended:?}");
    (desk, ended)
}

/// A person gives the run up, and then everything is as before.
fn given_up(desk: &Desk, id: &str) {
    desk.as_roller(&Driver::new(1), |roller| {
        roller.give_up(&mut desk.runs.open(id).unwrap(), "given up by hand".to_owned()).unwrap();
    });
    assert_eq!(desk.settings(), desk.before);
}

const RECYCLE: &str = "/aws/ec2/group/{groupId}/statefulInstance/{statefulInstanceId}/recycle";
const LIST: &str = "/aws/ec2/group/{groupId}/statefulInstance";
const GROUP: &str = "/aws/ec2/group/{groupId}";
const SUSPENSION: &str = "/aws/ec2/group/{groupId}/suspension";

#[test]
fn what_passes_does_not_end_a_roll_and_repeats_nothing() {
    for fault in [
        json!({"kind": "status", "status": 503, "route": RECYCLE, "method": "PUT", "nth": 1, "committed": true}),
        json!({"kind": "cut_after_commit", "route": RECYCLE, "method": "PUT", "nth": 1}),
        json!({"kind": "cut_before_commit", "route": RECYCLE, "method": "PUT", "nth": 1}),
        json!({"kind": "cut_after_commit", "route": GROUP, "method": "PUT", "nth": 1}),
        json!({"kind": "cut_before_commit", "route": GROUP, "method": "PUT", "nth": 1}),
        json!({"kind": "lost_update", "route": GROUP, "method": "PUT", "nth": 1}),
        json!({"kind": "cut_after_commit", "route": SUSPENSION, "method": "POST", "nth": 1}),
        json!({"kind": "cut_before_commit", "route": SUSPENSION, "method": "DELETE", "nth": 1}),
        json!({"kind": "status", "status": 500, "route": SUSPENSION, "method": "DELETE", "nth": 1, "committed": true}),
        json!({"kind": "status", "status": 503, "route": LIST, "nth": 4, "count": 12}),
        json!({"kind": "stale", "seconds": 60, "route": LIST, "nth": 6, "count": 40}),
        json!({"kind": "rate_limited", "retry_after": 40, "route": RECYCLE, "method": "PUT", "nth": 1, "count": 2}),
        json!({"kind": "rate_limited", "retry_after": 20, "nth": 9, "count": 3}),
        json!({"kind": "html", "route": LIST, "nth": 5, "count": 3}),
    ] {
        let (desk, ended) = rolled(fault.clone());
        assert_eq!(ended.outcome(), Some(Outcome::Completed), "{fault}: {ended:?}");
        let mut gone = desk.terminated();
        gone.sort();
        assert_eq!(gone, ["i-1", "i-2", "i-3"], "{fault}");
    }
}

#[test]
fn what_became_of_a_machine_freezes_the_roll_before_a_second_one_is_touched() {
    for fault in [
        json!({"kind": "lifecycle", "ends": "ERROR", "message": "no capacity"}),
        json!({"kind": "lifecycle", "ends": "PAUSED", "message": "address taken"}),
        json!({"kind": "lifecycle", "ends": "STUCK"}),
        json!({"kind": "lifecycle", "ends": "GONE"}),
        json!({"kind": "lifecycle", "ends": "HIBERNATED"}),
        json!({"kind": "relaunch", "twist": "other_zone"}),
        json!({"kind": "relaunch", "twist": "lost_volumes"}),
        json!({"kind": "relaunch", "twist": "other_address"}),
    ] {
        let (desk, ended) = rolled(fault.clone());
        let Ended::Run(id, outcome, Some(error)) = &ended else { panic!("{fault}: {ended:?}") };
        assert_eq!(*outcome, Outcome::Frozen, "{fault}: {error}");
        assert_eq!(desk.terminated().len(), 1, "{fault}: one machine and no more");
        let refused = Driver::new(1).roll(&desk);
        let Ended::Refused(error) = &refused else { panic!("{fault}: {refused:?}") };
        let error = error.to_string();
        assert!(error.contains("frozen") && error.contains(&format!("runs show {id}")), "{error}");
        given_up(&desk, id);
    }
}

#[test]
fn a_frozen_roll_goes_on_after_a_person_has_mended_the_node_and_said_so() {
    let (desk, ended) = rolled(json!({"kind": "lifecycle", "ends": "PAUSED", "count": 1}));
    let Ended::Run(id, Outcome::Frozen, _) = ended else { panic!("{ended:?}") };
    let frozen = desk.runs.open(&id).unwrap().run().frozen.clone().unwrap().node.unwrap();
    // The group still launches the new image.
    desk.act(&format!("/aws/ec2/group/sig-1/statefulInstance/{frozen}/resume"));
    desk.advance(300);
    let me = Driver::new(1);
    desk.as_roller(&me, |roller| {
        roller.thaw(&mut desk.runs.open(&id).unwrap(), "resumed by hand".to_owned()).unwrap();
    });
    assert_eq!(me.roll(&desk).completed(), id);
    assert_eq!(desk.terminated().len(), 3, "the mended node was not recycled again");
    assert!(desk.nodes().iter().all(|node| node.3 == "ami-2"));
}

/// The image is put back when a roll freezes, and every node has the new one when it ends well: so has the group then, or the platform
/// would boot the old one on what the new one has written.
#[test]
fn a_roll_that_froze_at_its_last_node_and_is_gone_on_with_ends_with_its_image() {
    for kills in [false, true] {
        let (desk, mut me) = (Desk::new(1), Driver::new(1));
        let mine = desk.volumes["ssi-1"][0].clone();
        me.before_step = Box::new(|desk, id, phase| {
            if phase == Phase::Baking {
                let volumes = json!([{"deviceName": "/dev/xvdb", "volumeId": "vol-other"}]);
                desk.edit(json!({"instance": id, "set": {"devices": volumes}}));
            }
        });
        let Ended::Run(id, Outcome::Frozen, Some(error)) = me.roll(&desk) else { panic!() };
        assert!(error.to_string().contains("vol-other"), "{error}");
        assert_eq!(desk.settings()["image"], "ami-1", "put back while a person looks");
        let volumes = json!([{"deviceName": "/dev/xvdb", "volumeId": mine}]);
        desk.edit(json!({"instance": "ssi-1", "set": {"devices": volumes}}));
        let mut again = Driver::new(2);
        desk.as_roller(&again, |roller| {
            roller.thaw(&mut desk.runs.open(&id).unwrap(), "mended".to_owned()).unwrap();
        });
        if kills {
            // In the middle of its end: the next one finds the intent in the journal, and not the image.
            desk.fault(json!({"kind": "status", "status": 401, "count": 9, "route": GROUP, "method": "PUT"}));
            let ended = again.roll(&desk);
            assert!(matches!(ended, Ended::Unfinished(_)), "{ended:?}");
            desk.sim.control("DELETE", "/_sim/faults", Value::Null);
            again = Driver::new(5);
        }
        assert_eq!(again.roll(&desk).completed(), id);
        assert_eq!(desk.terminated().len(), 1);
        let mut settings = desk.settings();
        assert_eq!(settings["image"], "ami-2", "after {kills}");
        settings["image"] = desk.before["image"].clone();
        assert_eq!(settings, desk.before);
    }
}

/// Begins a roll, and brings its first node until its service is stopped.
fn with_one_stopped(desk: &Desk, act: impl FnOnce(&Roller<'_>, Journal, StatefulInstanceId)) {
    let driver = Driver::new(1);
    let (draft, seen) = driver.plan(desk).unwrap();
    desk.as_roller(&driver, |roller| {
        let Ok(Beginning::Begun(begun)) = roller.begin(&driver.start(desk), &draft, &seen) else {
            panic!()
        };
        let (mut journal, id) = (begun.journal, StatefulInstanceId::new("ssi-1"));
        for phase in [Phase::PreGate, Phase::Draining, Phase::Stopped] {
            roller.advance(&mut journal, &id, phase, Duration::from_secs(900)).unwrap();
        }
        act(roller, journal, id);
    });
}

/// Another node loses its data while the first is stopped. Nothing more is rolled, and yet the one that still has its machine may be
/// started there: with both away more is lost.
#[test]
fn a_stopped_node_may_be_started_again_though_the_roll_is_frozen_at_another() {
    let desk = Desk::new(3);
    with_one_stopped(&desk, |roller, mut journal, id| {
        let patience = Duration::from_secs(900);
        let volumes = json!([{"deviceName": "/dev/xvdb", "volumeId": "vol-other"}]);
        desk.edit(json!({"instance": "ssi-2", "set": {"devices": volumes}}));
        let held = roller.advance(&mut journal, &id, Phase::MidGate, patience).unwrap_err();
        assert!(held.to_string().contains("vol-other"), "{held}");
        let frozen = journal.run().frozen.clone().unwrap();
        assert_eq!(frozen.node, Some(StatefulInstanceId::new("ssi-2")));

        let held = roller.advance(&mut journal, &id, Phase::MidGate, patience).unwrap_err();
        assert!(held.to_string().contains("the run is frozen"), "{held}");
        roller.advance(&mut journal, &id, Phase::Draining, patience).unwrap();
        assert!(journal.run().frozen.is_some(), "it stays so");
        let other = StatefulInstanceId::new("ssi-3");
        let held = roller.advance(&mut journal, &other, Phase::Draining, patience).unwrap_err();
        assert!(held.to_string().contains("the run is frozen"), "no other is taken down: {held}");

        // Its own machine is looked at first.
        desk.edit(json!({"instance": "ssi-1", "set": {"devices": []}}));
        roller.advance(&mut journal, &id, Phase::Draining, patience).unwrap_err();
    });
}

/// The launch is still under way when its time is up: what it boots from stays until a person has decided, and no other node is
/// booted from it for a day.
#[test]
fn a_recycle_that_outlasts_its_time_boots_what_was_wanted_and_is_gone_on_with() {
    let slow = "latency: {booting_seconds: 600}";
    let group = "persistence: {root: true, data: reattach, private_ip: true},";
    let fleet =
        fleet(2, slow, "").replace("persistence: {data: reattach, private_ip: true},", group);
    let (desk, mut me) = (Desk::with(&fleet), Driver::new(1));
    me.wish.acknowledge_root_data_loss = true;
    me.wait_timeout = Duration::from_secs(120);
    let ended = me.roll(&desk);
    let Ended::Run(id, Outcome::Frozen, Some(_)) = &ended else { panic!("{ended:?}") };
    let run = desk.runs.open(id).unwrap().run().clone();
    let held = [Setting::RootPersistence, Setting::Image, Setting::Suspensions];
    assert_eq!(run.held(), held);
    let settings = desk.settings();
    assert_eq!(settings["image"], "ami-2");
    assert_eq!(settings["persistence"]["shouldPersistRootDevice"], false);
    assert_eq!(settings["suspensions"].as_array().map(Vec::len), Some(6));
    let until = run.suspended_until().unwrap();
    let lasts = until.duration_since(desk.clock.now());
    assert!(lasts > SignedDuration::from_hours(23), "{lasts:?}");
    let reasons = run.held_reasons();
    assert!(reasons[&Setting::Suspensions].contains(&format!("{until:.0}")), "{reasons:?}");
    // It boots in the end, from what the run had set; a person lets it go on.
    desk.advance(900);
    assert_eq!(desk.nodes().iter().filter(|node| node.3 == "ami-2").count(), 1);
    desk.as_roller(&me, |roller| {
        roller.thaw(&mut desk.runs.open(id).unwrap(), "it was slow".to_owned()).unwrap();
    });
    me.wait_timeout = Duration::from_secs(1200);
    assert_eq!(me.roll(&desk).completed(), *id);
    assert_eq!(desk.terminated().len(), 2, "each machine was given up once");
    let mut settings = desk.settings();
    settings["image"] = desk.before["image"].clone();
    assert_eq!(settings, desk.before);
}

/// What was set is put back, and yet the old image was booted: it is told for what it is, and a new roll takes the node again.
#[test]
fn a_node_that_came_back_with_the_old_image_is_told_as_such_and_rolled_again() {
    let (desk, mut me) =
        (Desk::with(&fleet(1, "latency: {terminating_seconds: 600}", "")), Driver::new(1));
    me.wait_timeout = Duration::from_secs(120);
    let ended = me.roll(&desk);
    let Ended::Run(id, Outcome::Frozen, Some(_)) = &ended else { panic!("{ended:?}") };
    desk.edit(json!({"group": "sig-1", "set": {"compute.launchSpecification.imageId": "ami-1"}}));
    desk.advance(900);
    desk.as_roller(&me, |roller| {
        roller.thaw(&mut desk.runs.open(id).unwrap(), "looked".to_owned()).unwrap();
    });
    let ended = me.roll(&desk);
    let Ended::Run(_, Outcome::Frozen, Some(error)) = &ended else { panic!("{ended:?}") };
    assert!(error.to_string().contains("the new one, i-"), "{error}");
    assert!(error.to_string().contains("not as wanted: it runs ami-1"), "{error}");
    given_up(&desk, id);
    Driver::new(1).roll(&desk).completed();
    assert!(desk.nodes().iter().all(|node| node.3 == "ami-2"));
}

/// Another node is taken away by AWS while one is being rolled: the roll waits for it before the next machine is given up.
#[test]
fn an_interruption_of_another_node_is_waited_for() {
    for phase in [Phase::PreGate, Phase::MidGate, Phase::Recycling, Phase::Identity, Phase::Done] {
        let desk = Desk::new(3);
        let mut driver = Driver::new(1);
        let other = std::sync::Mutex::new(Some("ssi-2"));
        driver.before_step = Box::new(move |desk, id, at| {
            if at == phase
                && id != "ssi-2"
                && let Some(other) = other.lock().unwrap().take()
            {
                let nodes = desk.nodes();
                let instance = &nodes.iter().find(|node| node.0 == other).unwrap().2;
                desk.sim.control("POST", "/_sim/interrupt", json!({"instanceId": instance}));
            }
        });
        let ended = driver.roll(&desk);
        assert_eq!(desk.violations(Some("ami-2")), Vec::<String>::new(), "{phase}: {ended:?}");
        match &ended {
            // Its image tells whether it is as wanted; if so the platform has rolled it by itself.
            Ended::Run(_, Outcome::Completed, None) => {}
            // At the last moment there is no time to wait: nothing is done, and the roll ends.
            Ended::Run(_, Outcome::Aborted, Some(RollError::Held { hold, .. })) => {
                assert!(
                    matches!(hold, Hold::OthersDown(_) | Hold::OtherInstance { .. }),
                    "{phase}: {hold}"
                );
            }
            other => panic!("{phase}: {other:?}"),
        }
        // Run again it finishes either way, once the other is back.
        desk.advance(600);
        let again = Driver::new(3).roll(&desk);
        assert!(
            matches!(again, Ended::Nothing | Ended::Run(_, Outcome::Completed, None)),
            "{phase}: {again:?}"
        );
        assert!(desk.nodes().iter().all(|node| node.3 == "ami-2"));
    }
}

#[test]
fn what_a_person_changes_meanwhile_ends_the_roll_and_is_left_as_it_is() {
    let change = |at: Phase, edit: Value| {
        let desk = Desk::new(3);
        let mut driver = Driver::new(1);
        let edit = std::sync::Mutex::new(Some(edit));
        let first = std::sync::Mutex::new(None::<String>);
        driver.before_step = Box::new(move |desk, id, phase| {
            let mut first = first.lock().unwrap();
            let is_second = *first.get_or_insert_with(|| id.to_owned()) != id;
            if is_second
                && phase == at
                && let Some(edit) = edit.lock().unwrap().take()
            {
                desk.edit(edit);
            }
        });
        let ended = driver.roll(&desk);
        assert_eq!(desk.violations(Some("ami-2")), Vec::<String>::new(), "{ended:?}");
        assert_eq!(desk.terminated().len(), 1, "{ended:?}");
        let Ended::Run(id, Outcome::Aborted, Some(error)) = ended else { panic!("{ended:?}") };
        (desk, id, error.to_string())
    };
    let image = json!({"group": "sig-1", "set": {"compute.launchSpecification.imageId": "ami-9"}});
    let (desk, id, error) = change(Phase::MidGate, image);
    assert!(error.contains("ami-9"), "{error}");
    assert_eq!(desk.settings()["image"], "ami-9");
    let left = desk.runs.open(&id).unwrap().run().left.clone();
    assert!(left.values().any(|why| why.contains("ami-9")), "{left:?}");

    let persistence =
        json!({"group": "sig-1", "set": {"strategy.persistence.blockDevicesMode": "onLaunch"}});
    let (desk, _, error) = change(Phase::Recycling, persistence);
    assert!(error.contains("persists"), "{error}");
    assert_eq!(desk.settings()["image"], "ami-1");
    assert_eq!(desk.settings()["persistence"]["blockDevicesMode"], "onLaunch");
}

#[test]
fn a_token_that_expires_leaves_a_run_that_the_next_one_finishes() {
    let desk = Desk::new(3);
    let mut driver = Driver::new(2);
    driver.before_step = Box::new(|desk, id, phase| {
        if id == "ssi-2" && phase == Phase::Draining {
            desk.fault(json!({"kind": "status", "status": 401, "count": 1000}));
        }
    });
    let Ended::Unfinished(error) = driver.roll(&desk) else { panic!() };
    assert!(error.to_string().contains("401"), "{error}");
    desk.sim.control("DELETE", "/_sim/faults", Value::Null);
    Driver::new(1).roll(&desk).completed();
    let mut settings = desk.settings();
    settings["image"] = desk.before["image"].clone();
    assert_eq!(settings, desk.before);
}

#[test]
fn a_roll_that_may_not_suspend_anything_does_not_begin_and_leaves_nothing() {
    for fault in [
        json!({"kind": "status", "status": 403, "route": SUSPENSION, "method": "POST"}),
        json!({"kind": "status", "status": 400, "route": SUSPENSION, "method": "POST"}),
        json!({"kind": "lost_update", "route": SUSPENSION, "method": "POST"}),
    ] {
        let desk = Desk::new(2);
        desk.fault(fault.clone());
        let Ended::Refused(error) = Driver::new(1).roll(&desk) else { panic!("{fault}") };
        assert!(error.to_string().contains("suspend"), "{error}");
        let runs = desk.runs.all().unwrap().runs;
        assert!(runs.iter().all(|run| run.ended.is_some()), "{fault}: {runs:?}");
        assert_eq!((desk.settings(), desk.terminated().len()), (desk.before.clone(), 0), "{fault}");
    }
}

#[test]
fn a_clock_that_goes_wrong_by_hours_does_not_matter() {
    for ahead in [-36_000, -900, 900, 36_000] {
        let slow = "latency: {booting_seconds: 900}";
        let desk = Desk::with(&fleet(3, slow, ""));
        desk.clock.ahead.store(ahead, std::sync::atomic::Ordering::Relaxed);
        Driver::new(1).roll(&desk).completed();
        assert_eq!(desk.violations(Some("ami-2")), Vec::<String>::new(), "{ahead}");
        assert_eq!(desk.settings()["suspensions"], json!([]), "{ahead}");
    }
}

#[test]
fn suspensions_last_through_a_slow_roll() {
    let slow = "latency: {booting_seconds: 1500}";
    let desk = Desk::with(&fleet(3, slow, ""));
    let mut driver = Driver::new(1);
    driver.wait_timeout = std::time::Duration::from_secs(3000);
    driver.roll(&desk).completed();
    assert_eq!(desk.violations(Some("ami-2")), Vec::<String>::new());
    assert_eq!(desk.settings()["suspensions"], json!([]));
}

/// From now on nothing of the API answers but with 503, until so much time has passed.
fn outage(desk: &Desk, lasts: Duration) {
    desk.fault(json!({"kind": "status", "status": 503, "count": 1_000_000}));
    let (sim, left) = (std::sync::Arc::clone(&desk.sim), std::sync::Mutex::new(lasts));
    let passed = move |slice: Duration| {
        let mut left = left.lock().unwrap();
        if !left.is_zero() && *left <= slice {
            sim.control("DELETE", "/_sim/faults", Value::Null);
        }
        *left = left.saturating_sub(slice);
    };
    assert!(desk.clock.passed.set(Box::new(passed)).is_ok());
}

/// A service that is stopped is not left so for the night by ten minutes in which the vendor cannot be asked, nor is the image.
#[test]
fn an_outage_is_waited_out_to_take_a_stopped_node_back_and_to_end_the_run() {
    let desk = Desk::new(3);
    with_one_stopped(&desk, |roller, mut journal, id| {
        let patience = Duration::from_secs(900);
        outage(&desk, Duration::from_secs(600));
        // To go on it is not waited so long.
        let error = roller.advance(&mut journal, &id, Phase::MidGate, patience).unwrap_err();
        assert!(error.is_transient(), "{error}");
        roller.advance(&mut journal, &id, Phase::Draining, patience).unwrap();
        assert!(journal.run().frozen.is_none());
        assert_eq!(roller.finish(&mut journal, None).unwrap(), Outcome::Aborted);
    });
    assert_eq!(desk.settings(), desk.before);

    // Also where suspensions are about to end.
    let desk = Desk::new(3);
    with_one_stopped(&desk, |roller, mut journal, id| {
        desk.advance(u64::from(journal.run().plan.suspend_minutes) * 60 * 4 / 5);
        outage(&desk, Duration::from_secs(600));
        roller.advance(&mut journal, &id, Phase::Draining, Duration::from_secs(900)).unwrap();
        assert!(journal.run().frozen.is_none());
    });

    let desk = Desk::new(3);
    with_one_stopped(&desk, |roller, mut journal, id| {
        roller.advance(&mut journal, &id, Phase::Draining, Duration::from_secs(900)).unwrap();
        outage(&desk, Duration::from_secs(600));
        assert_eq!(roller.finish(&mut journal, None).unwrap(), Outcome::Aborted);
    });
    assert_eq!(desk.settings(), desk.before);
}

/// Suspensions of an hour are prolonged after half of it; an outage then ends nothing that watches, and it is made up for.
#[test]
fn suspensions_that_cannot_be_prolonged_yet_end_no_gate_while_they_last() {
    let desk = Desk::new(3);
    with_one_stopped(&desk, |roller, mut journal, _| {
        let minutes = u64::from(journal.run().plan.suspend_minutes);
        desk.advance(minutes * 60 * 11 / 20);
        let before = journal.run().suspended_at;
        outage(&desk, Duration::from_secs(200));
        roller.keep_alive(&mut journal).unwrap();
        assert_eq!(journal.run().suspended_at, before, "nothing was prolonged");
        desk.advance(240);
        roller.keep_alive(&mut journal).unwrap();
        assert!(journal.run().suspended_at > before, "it was tried again");
    });

    // One that was asked for and is not seen is asked for again as well.
    let desk = Desk::new(3);
    with_one_stopped(&desk, |roller, mut journal, _| {
        let minutes = u64::from(journal.run().plan.suspend_minutes);
        desk.advance(minutes * 60 * 11 / 20);
        desk.fault(json!({"kind": "status", "status": 503, "route": SUSPENSION, "method": "POST"}));
        roller.keep_alive(&mut journal).unwrap_err();
        desk.sim.control("DELETE", "/_sim/faults", Value::Null);
        let (asked, seen) = (journal.run().suspended_at, journal.run().prolonged_at);
        assert!(asked > seen, "it was asked for and not seen");
        desk.advance(60);
        roller.keep_alive(&mut journal).unwrap();
        assert!(journal.run().prolonged_at > asked, "it was asked for again");
    });

    // Of those that are about to end it is not borne.
    let desk = Desk::new(3);
    with_one_stopped(&desk, |roller, mut journal, _| {
        let minutes = u64::from(journal.run().plan.suspend_minutes);
        desk.advance(minutes * 60 * 4 / 5);
        outage(&desk, Duration::from_secs(3000));
        let error = roller.keep_alive(&mut journal).unwrap_err();
        assert!(error.is_transient(), "{error}");
    });
}

/// The cluster has lost one already, so it is not kept waiting for the one whose service was stopped.
#[test]
fn a_node_is_taken_back_at_once_while_another_is_down() {
    let desk = Desk::new(3);
    with_one_stopped(&desk, |roller, mut journal, id| {
        let patience = Duration::from_secs(900);
        desk.act("/aws/ec2/group/sig-1/statefulInstance/ssi-2/pause");
        desk.advance(120);
        let before = desk.clock.now();
        roller.advance(&mut journal, &id, Phase::Draining, patience).unwrap();
        let waited = desk.clock.now().duration_since(before).as_secs();
        assert!(waited < 60, "it was waited for {waited} s");
        // To be stopped again it needs the others.
        let held = roller.advance(&mut journal, &id, Phase::PreGate, patience).unwrap_err();
        assert!(held.to_string().contains("ssi-2"), "{held}");
        assert!(journal.run().frozen.is_none());
    });
}

/// The look by which the settings are put back may be older than the switch that it is to undo.
#[test]
fn settings_are_put_back_that_an_old_look_shows_as_they_were() {
    let desk = Desk::with(
        &fleet(2, "", "").replace("persistence: {data", "persistence: {root: true, data"),
    );
    let mut driver = Driver::new(1);
    driver.wish.acknowledge_root_data_loss = true;
    let (draft, seen) = driver.plan(&desk).unwrap();
    let start = Start { mid_gate: MidGate::None, ..driver.start(&desk) };
    desk.as_roller(&driver, |roller| {
        let Ok(Beginning::Begun(begun)) = roller.begin(&start, &draft, &seen) else { panic!() };
        let (mut journal, id) = (begun.journal, StatefulInstanceId::new("ssi-1"));
        for phase in [Phase::PreGate, Phase::Draining, Phase::Stopped, Phase::MidGate] {
            roller.advance(&mut journal, &id, phase, Duration::from_secs(60)).unwrap();
        }
        desk.fault(json!({"kind": "status", "status": 400, "code": "BUSY", "method": "PUT", "route": RECYCLE}));
        let seen = roller.survey(journal.run()).unwrap();
        let wanted = Expectations::default();
        roller.recycle(&mut journal, &id, &wanted, Duration::from_secs(60), seen).unwrap_err();
        assert_eq!(desk.settings()["persistence"]["shouldPersistRootDevice"], false);
        desk.fault(
            json!({"kind": "stale", "seconds": 80, "count": 1, "method": "GET", "route": GROUP}),
        );
        assert_eq!(roller.finish(&mut journal, None).unwrap(), Outcome::Aborted);
    });
    assert_eq!(desk.settings(), desk.before);
}
