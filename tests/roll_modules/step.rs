//! `stateful_instance` as a step of a run.

use serde_json::{Value, json};

use super::{edit_group, mutations};
use crate::support::roll::{self, Controller, Living, THREE, settings, with};

fn step(run: &str, node: &str) -> Value {
    json!({"group_id": "sig-1", "id": node, "state": "recycled", "run_id": run, "wait_timeout": 20})
}

#[test]
fn a_step_is_foreseen_without_being_taken_and_taken_once() {
    let desk = roll::desk(THREE);
    let controller = Controller::gone(&desk);
    let run = controller.start();
    controller.prepare(&run, "ssi-1");
    let before = (mutations(&desk), settings(&desk));
    let check = json!({"_ansible_check_mode": true, "_ansible_diff": true});
    let would = controller.call("stateful_instance", &with(step(&run, "ssi-1"), &check)).well();
    assert_eq!(would["changed"], true);
    assert!(would["msg"].as_str().unwrap().contains(&format!("as a step of run {run}")), "{would}");
    assert!(would["diff"].is_object() || would["diff"].is_array(), "{would}");
    assert_eq!((mutations(&desk), settings(&desk)), before);

    let done = controller.recycle(&run, "ssi-1").well();
    assert_eq!((&done["changed"], &done["requests"]), (&json!(true), &json!(1)));
    assert_eq!(done["before"]["instanceId"], "i-1");
    assert_eq!(done["after"]["imageId"], "ami-2");
    let volume = |of: &str| {
        let devices = done[of]["devices"].as_array().unwrap().iter();
        devices
            .filter(|it| it["deviceName"] == "/dev/xvdb")
            .map(|it| &it["volumeId"])
            .collect::<Vec<_>>()
    };
    assert!(!volume("before").is_empty());
    assert_eq!(volume("before"), volume("after"));
    assert_eq!(
        (&done["stateful"]["privateIp"], &done["after"]["state"]),
        (&json!("10.0.0.1"), &json!("ACTIVE"))
    );
    assert_eq!(settings(&desk).0, "ami-2");

    let asked = mutations(&desk);
    let again = controller.recycle(&run, "ssi-1").well();
    assert_eq!((&again["changed"], mutations(&desk)), (&json!(false), asked));
    assert!(again["msg"].as_str().unwrap().contains("replaced already"), "{again}");
}

#[test]
fn a_step_that_makes_no_sense_is_refused() {
    let desk = roll::desk(THREE);
    let controller = Controller::gone(&desk);
    let run = controller.start();
    controller.prepare(&run, "ssi-1");
    let sent = mutations(&desk);
    for (more, words) in [
        (json!({"state": "paused"}), "needs state: recycled"),
        (json!({"wait": false}), "wait: true"),
        (json!({"group_id": "sig-2"}), "rolls group sig-1"),
        (json!({"group_id": null}), "group_id"),
        (json!({"run_id": "none"}), "there is no run none"),
        (json!({"id": "ssi-9"}), "ssi-9"),
        (json!({"id": "ssi-2"}), "one node at a time"),
        (json!({"state_dir": "/nowhere"}), "there is no run"),
        (json!({"runid": "x"}), "runid"),
    ] {
        let refused = controller.call("stateful_instance", &with(step(&run, "ssi-1"), &more));
        assert!(refused.failed().contains(words), "{more}: {}", refused.failed());
        assert_eq!(refused.answer["changed"], false, "{more}");
    }
    assert_eq!(mutations(&desk), sent);
}

/// Whoever leaves the gate out, or goes on after it has failed, gives no machine up.
#[test]
fn a_machine_is_given_up_only_after_a_gate_that_has_passed_since_its_service_was_stopped() {
    let desk = roll::desk(THREE);
    let controller = Controller::gone(&desk);
    let begun =
        controller.run("started", &with(controller.aim(), &json!({"require_mid_gate": true})));
    let begun = begun.well();
    let run = begun["run_id"].as_str().unwrap();
    let gate = |node: &str, command: &str| {
        let gates = json!([{"name": "quiet", "kind": "command", "command": [command]}]);
        let gate =
            json!({"gates": gates, "samples": 1, "wait_timeout": 0, "run_id": run, "node": node});
        controller.call("cluster_gate", &gate)
    };
    let held = |words: &str| {
        let refused = controller.recycle(run, "ssi-1");
        assert!(refused.failed().contains(words), "{words}: {}", refused.failed());
        assert_eq!(refused.answer["error_code"], "STEP_HELD");
        assert_eq!(settings(&desk).0, "ami-1", "nor is the image set");
    };
    // Of the time before, and of another node.
    controller.advance(run, "ssi-1", "pre_gate").well();
    gate("ssi-1", "true").well();
    controller.prepare(run, "ssi-1");
    gate("ssi-2", "true").well();
    held("no gate has passed since it entered phase mid_gate (the last one: none was run)");
    gate("ssi-1", "true").well();
    gate("ssi-1", "false").failed();
    held("the last one: fail");
    gate("ssi-1", "true").well();
    // It began anew, and so must the gate.
    controller.prepare(run, "ssi-1");
    held("the last one: none was run");
    gate("ssi-1", "true").well();
    // Nor does what another process saw count, which is gone.
    let second = Controller::gone(&desk);
    second.run("started", &with(second.aim(), &json!({"require_mid_gate": true}))).well();
    let refused = second.recycle(run, "ssi-1");
    assert!(refused.failed().contains("what its gates saw is old"), "{}", refused.failed());
    second.prepare(run, "ssi-1");
    let refused = second.recycle(run, "ssi-1");
    assert!(refused.failed().contains("none was run"), "{}", refused.failed());
    let state = desk.simulator.control("GET", "/_sim/state", Value::Null);
    assert_eq!(state["terminatedInstances"], json!([]));
    let gates = json!([{"name": "quiet", "kind": "command", "command": ["true"]}]);
    let gate = json!({"gates": gates, "samples": 1, "run_id": run, "node": "ssi-1"});
    second.call("cluster_gate", &gate).well();
    second.recycle(run, "ssi-1").well();
}

/// The machine that goes is the one the journal knows, whatever the caller says.
#[test]
fn a_node_that_someone_else_has_replaced_is_not_replaced_again() {
    let desk = roll::desk(THREE);
    let controller = Controller::gone(&desk);
    let run = controller.start();
    controller.prepare(&run, "ssi-1");
    // By a person, and with the old image.
    let mut person =
        json!({"group_id": "sig-1", "id": "ssi-1", "state": "recycled", "instance_id": "i-1"});
    let refused = controller.call("stateful_instance", &person);
    assert!(
        refused.failed().contains(&format!("run {run} of group sig-1 is open")),
        "{}",
        refused.failed()
    );
    person["ignore_open_run"] = json!(true);
    controller.call("stateful_instance", &person).well();
    let mut other = json!({"group_id": "sig-1", "id": "ssi-1", "state": "recycled", "run_id": run});
    other["instance_id"] = json!("i-2");
    let refused = controller.call("stateful_instance", &other);
    assert!(refused.failed().contains("knows ssi-1 as i-1"), "{}", refused.failed());
    let refused = controller.recycle(&run, "ssi-1");
    assert!(
        refused.failed().contains("this run knows it as i-1: someone else has acted on it"),
        "{}",
        refused.failed()
    );
    assert_eq!(refused.answer["error_code"], "STEP_HELD");
    let state = desk.simulator.control("GET", "/_sim/state", Value::Null);
    assert_eq!(state["terminatedInstances"], json!(["i-1"]));
}

#[test]
fn a_step_that_went_wrong_freezes_the_run() {
    for (fault, words, code) in [
        (
            json!({"kind": "lifecycle", "ends": "ERROR", "message": "no such subnet"}),
            "no such subnet",
            Value::Null,
        ),
        (json!({"kind": "relaunch", "twist": "lost_volumes"}), "same_volumes", Value::Null),
        (json!({"kind": "relaunch", "twist": "other_address"}), "same_private_ip", Value::Null),
    ] {
        let desk = roll::desk(THREE);
        let controller = Controller::gone(&desk);
        let run = controller.start();
        controller.prepare(&run, "ssi-1");
        desk.fault(fault.clone());
        let failed = controller.recycle(&run, "ssi-1");
        assert!(failed.failed().contains(words), "{fault}: {}", failed.failed());
        assert_eq!(
            (&failed.answer["changed"], &failed.answer["error_code"]),
            (&json!(true), &code),
            "{fault}"
        );
        for refused in
            [controller.recycle(&run, "ssi-1"), controller.advance(&run, "ssi-2", "pre_gate")]
        {
            assert!(
                refused.failed().contains("the run is frozen"),
                "{fault}: {}",
                refused.failed()
            );
        }
        assert_eq!(controller.finish(&run).well()["outcome"], "frozen", "{fault}");
    }
}

#[test]
fn a_step_that_the_vendor_refuses_leaves_the_run_open() {
    let desk = roll::desk(THREE);
    let controller = Controller::gone(&desk);
    let run = controller.start();
    controller.prepare(&run, "ssi-1");
    desk.fault(json!({"kind": "status", "status": 400, "code": "BUSY", "method": "PUT", "message": "not now",
                      "route": "/aws/ec2/group/{groupId}/statefulInstance/{statefulInstanceId}/recycle"}));
    let refused = controller.recycle(&run, "ssi-1");
    for words in ["not now", "by then ", "the group's image was set to ami-2"] {
        assert!(refused.failed().contains(words), "{words}: {}", refused.failed());
    }
    assert_eq!(refused.answer["changed"], true, "the image has been set by then");
    assert!(refused.answer["changed_before"].is_array(), "{}", refused.answer);
    let again = controller.recycle(&run, "ssi-1");
    assert!(again.failed().contains("not now"), "{}", again.failed());
    assert_eq!(again.answer["changed"], false, "the second time nothing was: {}", again.failed());
    desk.mend();
    controller.recycle(&run, "ssi-1").well();
}

/// Whoever foresees a step of a run that is another's, or over, or of a node that it has not, foresees nothing.
#[test]
fn check_mode_foresees_no_step_that_could_not_be_taken() {
    let desk = roll::desk(THREE);
    let living = Living::start();
    let controller = Controller { desk: &desk, pid: living.id(), group: "sig-1" };
    let run = controller.start();
    controller.prepare(&run, "ssi-1");
    let sent = mutations(&desk);
    let check = json!({"_ansible_check_mode": true});
    let advanced = |by: Controller<'_>, run: &str, node: &str| {
        let note = json!({"run_id": run, "node": node, "phase": "mid_gate"});
        by.run("advanced", &with(note, &check))
    };
    let finished =
        |by: Controller<'_>, run: &str| by.run("finished", &with(json!({"run_id": run}), &check));
    let recycled = |by: Controller<'_>, run: &str, node: &str| {
        by.call("stateful_instance", &with(step(run, node), &check))
    };
    advanced(controller, &run, "ssi-1").well();
    finished(controller, &run).well();
    recycled(controller, &run, "ssi-1").well();
    let other = Living::start();
    let other = Controller { desk: &desk, pid: other.id(), group: "sig-1" };
    for (refused, words) in [
        (advanced(other, &run, "ssi-1"), "carries it out"),
        (finished(other, &run), "carries it out"),
        (recycled(other, &run, "ssi-1"), "carries it out"),
        (advanced(controller, "none", "ssi-1"), "there is no run none"),
        (finished(controller, "none"), "there is no run none"),
        (recycled(controller, "none", "ssi-1"), "there is no run none"),
        (advanced(controller, &run, "ssi-9"), "the run has no node ssi-9"),
        (recycled(controller, &run, "ssi-9"), "the run has no node ssi-9"),
    ] {
        assert!(refused.failed().contains(words), "{words}: {}", refused.failed());
    }
    assert_eq!(mutations(&desk), sent);
    controller.finish(&run).well();
    let over = advanced(controller, &run, "ssi-1");
    assert!(over.failed().contains("the run is over"), "{}", over.failed());
}

#[test]
fn a_step_waits_for_what_the_platform_began_by_itself() {
    let desk = roll::desk(THREE);
    let controller = Controller::gone(&desk);
    let run = controller.start();
    controller.roll(&run, "ssi-1");
    controller.prepare(&run, "ssi-3");
    // An interruption cannot be suspended; it boots the wanted image by now.
    desk.simulator.control("POST", "/_sim/interrupt", json!({"instanceId": "i-3"}));
    let done = controller.recycle(&run, "ssi-3").well();
    assert_eq!((&done["requests"], &done["after"]["imageId"]), (&json!(0), &json!("ami-2")));
    for phase in roll::AFTERWARDS {
        controller.advance(&run, "ssi-3", phase).well();
    }
    // And for one that was over before it was looked at.
    controller.prepare(&run, "ssi-2");
    desk.simulator.control("POST", "/_sim/interrupt", json!({"instanceId": "i-2"}));
    let person = json!({"elastigroups": ["sig-1"], "ids": ["ssi-2"], "states": ["ACTIVE"]});
    let is_back = || {
        let listed = controller.call("stateful_instance_info", &person).well();
        let found = listed["stateful_instances"].as_array().unwrap();
        found.iter().any(|it| it["instanceId"] != "i-2")
    };
    assert!((0..200).any(|_| is_back()), "a launch takes a fraction of a second");
    let done = controller.recycle(&run, "ssi-2").well();
    assert_eq!(done["changed"], false, "{done}");
    for phase in roll::AFTERWARDS {
        controller.advance(&run, "ssi-2", phase).well();
    }
    assert_eq!(controller.finish(&run).well()["outcome"], "completed");
}

/// Neither is among the settings that are compared, and by both a machine may not come back with its data.
#[test]
fn a_group_that_heals_no_more_or_has_another_zone_holds_the_step() {
    let zones = |names: &[&str]| {
        let zones: Vec<Value> = names.iter().map(|name| json!({"name": name})).collect();
        json!({"compute.availabilityZones": zones})
    };
    let one = with(
        zones(&["eu-west-1a"]),
        &json!({"strategy.persistence.shouldPersistPrivateIp": false}),
    );
    let healing_off = json!({"compute.launchSpecification.autoHealing": false});
    for (before, meanwhile, words) in [
        (json!({}), healing_off, "auto_healing_on of sig-1"),
        (one, zones(&["eu-west-1a", "eu-west-1b"]), "zone_pinned of sig-1"),
    ] {
        let desk = roll::desk(THREE);
        edit_group(&desk, before);
        let controller = Controller::gone(&desk);
        let mut waivers = controller.aim()["waivers"].clone();
        let more = json!({"predicate": "private_ip_persisted", "reason": "no address here"});
        waivers.as_array_mut().unwrap().push(more);
        let aim = with(controller.aim(), &json!({"waivers": waivers}));
        let begun = controller.run("started", &aim).well();
        let run = begun["run_id"].as_str().unwrap();
        controller.prepare(run, "ssi-1");
        edit_group(&desk, meanwhile);
        let held = controller.recycle(run, "ssi-1");
        for words in [words, "what the run began on holds no more"] {
            assert!(held.failed().contains(words), "{words}: {}", held.failed());
        }
        let sent = desk.simulator.requests();
        assert!(sent.iter().all(|it| !it.path.ends_with("/recycle")), "{sent:?}");
    }
}
