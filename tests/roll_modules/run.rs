//! `recycle_run`: begin, note, end; and what earlier runs make of a start.

use serde_json::{Value, json};

use super::{edit, edit_group, mutations, texts};
use crate::support::cli::Desk;
use crate::support::roll::{self, Controller, Living, PROCESSES, THREE, journals, settings, with};

fn start(controller: Controller<'_>, more: &Value) -> Value {
    controller.run("started", &with(controller.aim(), more)).well()
}

fn journal(desk: &Desk, run: &str) -> String {
    std::fs::read_to_string(journals(desk).join(format!("{run}.jsonl"))).unwrap()
}

/// The whole life of a run: foreseen, begun, carried out, ended, and then there is nothing to do any more.
#[test]
fn a_run_leaves_every_setting_as_it_found_it_and_the_image_it_brought() {
    let desk = roll::desk(THREE);
    let controller = Controller::gone(&desk);
    let before = settings(&desk);

    let check = json!({"_ansible_check_mode": true, "_ansible_diff": true});
    let foreseen = start(controller, &check);
    assert_eq!((&foreseen["changed"], &foreseen["run_id"]), (&json!(true), &Value::Null));
    assert_eq!(texts(&foreseen["nodes"], "id"), ["ssi-1", "ssi-3", "ssi-2"]);
    assert_eq!(texts(&foreseen["changes"], "setting"), ["suspensions", "image"]);
    let diff = foreseen["diff"].to_string();
    assert!(diff.contains("ami-1") && diff.contains("ami-2"), "{diff}");
    assert!(foreseen["msg"].as_str().unwrap().starts_with("would start: 3 nodes"), "{foreseen}");
    assert_eq!(mutations(&desk), 0);
    assert!(!journals(&desk).exists());

    let begun = start(controller, &json!({"_ansible_diff": true}));
    let run = begun["run_id"].as_str().unwrap();
    assert_eq!(
        (&begun["changed"], &begun["resumed"], &begun["put_back"]),
        (&json!(true), &json!(false), &json!([]))
    );
    assert_eq!(begun["diff"], foreseen["diff"]);
    assert!(begun["msg"].as_str().unwrap().contains(run), "{begun}");
    let (image, _, suspended) = settings(&desk);
    // Not before the canary: an interruption would boot it elsewhere.
    assert_eq!((image, suspended.as_array().unwrap().len()), (json!("ami-1"), PROCESSES));
    assert!(
        suspended.as_array().unwrap().iter().all(|it| it["expiresAt"].is_string()),
        "{suspended}"
    );

    for (index, node) in ["ssi-1", "ssi-3", "ssi-2"].into_iter().enumerate() {
        let told = controller.advance(run, node, "pre_gate").well();
        assert_eq!(told["changed"], false, "a note changes nothing of the group");
        let place = format!("node {} of 3 ({node}): pre_gate", index + 1);
        assert!(told["msg"].as_str().unwrap().starts_with(&place), "{told}");
        controller.roll(run, node);
        assert_eq!(settings(&desk).0, "ami-2");
    }
    let check = with(check, &json!({"run_id": run}));
    let would = controller.run("finished", &check).well();
    assert!(would["diff"].to_string().contains("suspensions"), "{would}");
    assert_eq!((&would["changed"], &would["outcome"]), (&json!(true), &json!("completed")));
    assert_eq!(settings(&desk).2.as_array().unwrap().len(), PROCESSES);
    let ended = controller.finish(run).well();
    assert_eq!(
        (&ended["changed"], &ended["outcome"], &ended["left"]),
        (&json!(true), &json!("completed"), &json!({}))
    );
    let seconds = &ended["summary"][0]["seconds"];
    assert!(seconds["recycling"].as_f64().unwrap() > 0.0, "{ended}");
    assert!(ended["msg"].as_str().unwrap().contains("completed: 3 of 3 nodes"), "{ended}");
    assert_eq!(settings(&desk), (json!("ami-2"), before.1, before.2));

    let asked = mutations(&desk);
    for _ in 0..2 {
        let again = controller.finish(run).well();
        assert_eq!((&again["changed"], &again["outcome"]), (&json!(false), &json!("completed")));
        let nothing = start(controller, &json!({}));
        assert_eq!((&nothing["changed"], &nothing["run_id"]), (&json!(false), &Value::Null));
        assert!(nothing["msg"].as_str().unwrap().starts_with("nothing to roll"), "{nothing}");
    }
    assert_eq!(mutations(&desk), asked);
    assert_eq!(journals(&desk).read_dir().unwrap().count(), 2, "the journal and the lock");
    let state = desk.simulator.control("GET", "/_sim/state", Value::Null);
    assert_eq!(state["terminatedInstances"].as_array().unwrap().len(), 3, "each once");
}

/// As after a roll that was given up at its last node: no machine is touched, and the image of the group is set.
#[test]
fn a_run_without_nodes_sets_the_image_that_all_nodes_have() {
    let desk = roll::desk(THREE);
    let controller = Controller::gone(&desk);
    let before = settings(&desk);
    for node in ["ssi-1", "ssi-2", "ssi-3"] {
        edit(&desk, json!({"instance": node, "set": {"imageId": "ami-2"}}));
    }
    let check = json!({"_ansible_check_mode": true, "_ansible_diff": true});
    let foreseen = start(controller, &check);
    let words = "the group's image is to be ami-2";
    assert!(foreseen["msg"].as_str().unwrap().ends_with(words), "{foreseen}");
    assert_eq!((&foreseen["changed"], &foreseen["nodes"]), (&json!(true), &json!([])));
    assert_eq!(texts(&foreseen["changes"], "setting"), ["suspensions", "image"]);
    let diff = &foreseen["diff"];
    assert!(diff.to_string().contains("ami-1") && diff.to_string().contains("ami-2"), "{diff}");
    assert_eq!(mutations(&desk), 0);

    let begun = start(controller, &json!({}));
    let run = begun["run_id"].as_str().unwrap();
    let would = controller.run("finished", &with(check, &json!({"run_id": run}))).well();
    assert!(would["msg"].as_str().unwrap().ends_with(words), "{would}");
    let ended = controller.finish(run).well();
    assert_eq!((&ended["changed"], &ended["outcome"]), (&json!(true), &json!("completed")));
    assert_eq!(settings(&desk), (json!("ami-2"), before.1, before.2));
    let asked = mutations(&desk);
    let nothing = start(controller, &json!({}));
    assert_eq!((&nothing["changed"], &nothing["run_id"]), (&json!(false), &Value::Null));
    assert_eq!(mutations(&desk), asked);
    let state = desk.simulator.control("GET", "/_sim/state", Value::Null);
    assert_eq!(state["terminatedInstances"], json!([]));
}

#[test]
fn a_run_of_someone_who_lives_is_left_to_him() {
    let desk = roll::desk(THREE);
    let (living, me) = (Living::start(), Controller::gone(&desk));
    let holder = Controller { desk: &desk, pid: living.id(), group: "sig-1" };
    let run = holder.start();
    let written = journal(&desk, &run);
    for more in [json!({}), json!({"_ansible_check_mode": true}), json!({"image_id": "ami-3"})] {
        let refused = me.run("started", &with(me.aim(), &more));
        let line = refused.failed();
        for words in [run.as_str(), &format!("process {} on ", living.id()), " ago", "no_other_run"]
        {
            assert!(line.contains(words), "{words}: {line}");
        }
        assert_eq!(refused.answer["changed"], false);
    }
    for refused in
        [me.advance(&run, "ssi-1", "pre_gate"), me.recycle(&run, "ssi-1"), me.finish(&run)]
    {
        assert!(
            refused.failed().contains(&format!("process {} on ", living.id())),
            "{}",
            refused.failed()
        );
        assert_eq!(refused.answer["error_code"], "RUN_NOT_HELD");
    }
    assert_eq!(journal(&desk, &run), written);
    // He himself may begin again as often as he likes.
    let again = start(holder, &json!({}));
    assert_eq!((&again["run_id"], &again["resumed"]), (&json!(run), &json!(true)));
}

#[test]
fn groups_of_one_system_are_rolled_one_after_the_other() {
    let desk = roll::desk(&roll::singles(1..=3));
    let living = Living::start();
    let of = |group, system: &str| {
        let controller = Controller { desk: &desk, pid: living.id(), group };
        controller.run("started", &with(controller.aim(), &json!({"system": system})))
    };
    let first = of("sig-1", "kafka-prod").well()["run_id"].as_str().unwrap().to_owned();
    let other = Controller::gone(&desk).of("sig-2");
    let refused = other.run("started", &with(other.aim(), &json!({"system": "kafka-prod"})));
    assert!(
        refused.failed().contains(&first) && refused.failed().contains("kafka-prod"),
        "{}",
        refused.failed()
    );
    // Nor by the same holder, and his first run goes on.
    let refused = of("sig-2", "kafka-prod");
    assert!(refused.failed().contains(&first), "{}", refused.failed());
    assert!(!journal(&desk, &first).contains("\"event\":\"ended\""));
    let aim = json!({"system": "kafka-prod", "image_id": "ami-3"});
    let holder = Controller { desk: &desk, pid: living.id(), group: "sig-1" };
    let refused = holder.run("started", &with(holder.aim(), &aim));
    assert!(refused.failed().contains(&first), "{}", refused.failed());
    of("sig-3", "zookeeper").well();
}

#[test]
fn a_run_that_was_cut_off_is_gone_on_with_where_it_stopped() {
    let desk = roll::desk(THREE);
    let first = Controller::gone(&desk);
    let run = first.start();
    first.roll(&run, "ssi-1");
    first.prepare(&run, "ssi-3");
    let second = Controller::gone(&desk);
    for lost in [second.advance(&run, "ssi-3", "mid_gate"), second.finish(&run)] {
        assert!(lost.failed().contains("start it again"), "{}", lost.failed());
    }
    let would = start(second, &json!({"_ansible_check_mode": true}));
    assert!(
        would["msg"].as_str().unwrap().contains(&format!("would go on with run {run}")),
        "{would}"
    );
    let resumed = start(second, &json!({}));
    assert_eq!((&resumed["run_id"], &resumed["resumed"]), (&json!(run), &json!(true)));
    assert_eq!(texts(&resumed["nodes"], "id"), ["ssi-3", "ssi-2"]);
    assert_eq!(texts(&resumed["nodes"], "phase"), ["pre_gate", "planned"]);
    assert_eq!(resumed["nodes"][0]["position"], 2);
    assert_eq!(
        (&resumed["nodes"][0]["must_start"], &resumed["nodes"][1]["must_start"]),
        (&json!(true), &json!(false))
    );
    // What its gates saw is old: that it is still itself may be asked, and then its pre-gate comes first.
    second.advance(&run, "ssi-3", "draining").well();
    for early in [second.advance(&run, "ssi-3", "stopped"), second.recycle(&run, "ssi-3")] {
        assert!(early.failed().contains("cannot "), "{}", early.failed());
    }
    let early = second.advance(&run, "ssi-3", "mid_gate");
    assert!(early.failed().contains("bring it to phase pre_gate"), "{}", early.failed());
    for phase in ["pre_gate", "draining", "stopped", "mid_gate"] {
        second.advance(&run, "ssi-3", phase).well();
    }
    second.recycle(&run, "ssi-3").well();
    // Cut off once more, after the machine was given up: nothing is given up twice.
    let third = Controller::gone(&desk);
    let resumed = start(third, &json!({}));
    assert_eq!(texts(&resumed["nodes"], "phase"), ["recycling", "planned"]);
    let already = third.recycle(&run, "ssi-3").well();
    assert_eq!(already["changed"], false, "{already}");
    for phase in roll::AFTERWARDS {
        third.advance(&run, "ssi-3", phase).well();
    }
    third.roll(&run, "ssi-2");
    assert_eq!(third.finish(&run).well()["outcome"], "completed");
    let state = desk.simulator.control("GET", "/_sim/state", Value::Null);
    assert_eq!(state["terminatedInstances"].as_array().unwrap().len(), 3);
}

/// What the name means by now is another matter: the plan says which image its nodes are to have.
#[test]
fn a_run_is_gone_on_with_towards_the_image_that_its_name_meant_when_it_began() {
    let desk = roll::desk(THREE);
    let first = Controller::gone(&desk);
    let run = first.start();
    first.roll(&run, "ssi-1");
    let path = roll::journals(&desk).join(format!("{run}.jsonl"));
    let by_id = r#""wanted":{"kind":"image","id":"ami-2"}"#;
    let by_name =
        r#""wanted":{"kind":"named_image","name":"kafka-*","owners":["self"],"newest":true}"#;
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(by_id), "{text}");
    std::fs::write(&path, text.replace(by_id, by_name)).unwrap();
    let second = Controller::gone(&desk);
    let name = json!({"name": "kafka-*", "newest": true});
    let aim = with(second.aim(), &json!({"image_id": null, "image": name}));
    // There is nobody here who could say what the name means.
    let resumed = second.run("started", &aim).well();
    assert_eq!(
        (&resumed["run_id"], &resumed["resumed"], &resumed["image_id"]),
        (&json!(run), &json!(true), &json!("ami-2"))
    );
    let image = resumed["predicates"].as_array().unwrap().iter();
    let image = { image }.find(|it| it["name"] == "image_available").unwrap();
    assert!(image.to_string().contains("ami-2"), "{image}");
    for node in ["ssi-2", "ssi-3"] {
        second.roll(&run, node);
    }
    assert_eq!(second.finish(&run).well()["outcome"], "completed");
    let anew = second.run("started", &aim);
    assert!(anew.failed().contains("cannot plan the roll"), "{}", anew.failed());
}

#[test]
fn a_start_that_goes_on_with_a_run_says_which_of_its_options_have_no_effect() {
    let desk = roll::desk(THREE);
    let first = Controller::gone(&desk);
    let run = start(first, &json!({"canary": "ssi-2"}))["run_id"].as_str().unwrap().to_owned();
    let aim = Controller::gone(&desk).aim();
    let mut waivers = aim["waivers"].clone();
    waivers.as_array_mut().unwrap().push(json!({"predicate": "active", "reason": "r"}));
    // Of a run that began with an order of its own, and with less than all.
    let some = json!(["ssi-1", "ssi-2", "ssi-3", "ssi-9"]);
    let gated = with(aim.clone(), &json!({"require_mid_gate": true}));
    let refused = Controller::gone(&desk).run("started", &gated);
    let words = format!("run {run} began with require_mid_gate: false and keeps it");
    assert!(refused.failed().contains(&words), "{}", refused.failed());
    let more = json!({"only": some, "suspend_minutes": 90,
                      "horizon_minutes": 30, "waivers": waivers});
    // It holds no other system, so that a run of that could begin beside it.
    let other = with(aim.clone(), &json!({"system": "another"}));
    let refused = Controller::gone(&desk).run("started", &other);
    let words = format!("run {run} began with system \"system-of-sig-1\" and keeps it");
    assert!(refused.failed().contains(&words), "{}", refused.failed());
    for check in [true, false] {
        let more = with(more.clone(), &json!({"_ansible_check_mode": check}));
        let resumed = start(Controller::gone(&desk), &more);
        let warnings = resumed["warnings"].to_string();
        for words in [
            "canary is ignored: run ",
            "began with \\\"ssi-2\\\" and keeps it; given now: null",
            "only is ignored",
            "began with [] and keeps it; given now: [\\\"ssi-1\\\"",
            "suspend_minutes is ignored",
            "began with 60 and keeps it; given now: 90",
            "horizon_minutes is ignored",
            "waivers is ignored",
        ] {
            assert!(warnings.contains(words), "{words}: {warnings}");
        }
        assert!(!warnings.contains("last is ignored"), "{warnings}");
        if !check {
            assert_eq!(texts(&resumed["nodes"], "id"), ["ssi-2", "ssi-1", "ssi-3"]);
        }
    }
    let planned = Controller::gone(&desk).call("recycle_plan", &aim).well();
    assert_eq!(planned["open_run"], json!(run));
    assert!(planned["warnings"].to_string().contains("canary is ignored"), "{planned}");
    let same = start(Controller::gone(&desk), &json!({"canary": "ssi-2"}));
    assert!(!same["warnings"].to_string().contains("is ignored"), "{same}");
}

/// Else its last nodes would count like its first.
#[test]
fn a_run_is_not_gone_on_with_by_who_proves_less_of_its_nodes() {
    let desk = roll::desk(THREE);
    let first = Controller::gone(&desk);
    let run = start(first, &json!({"proofs": ["services", "gates_after 1"]}))["run_id"].clone();
    for (proofs, missing) in [
        (json!([]), "services, gates_after 1;"),
        (json!(["services"]), "leaves out: gates_after 1;"),
        (json!(["gates_after 1", "gates_after 2"]), "leaves out: services;"),
    ] {
        for check in [true, false] {
            let less = json!({"proofs": proofs, "_ansible_check_mode": check});
            let second = Controller::gone(&desk);
            let refused = second.run("started", &with(second.aim(), &less));
            assert!(refused.failed().contains(missing), "{proofs}: {}", refused.failed());
            assert!(refused.failed().contains("spotinst-esg runs restore"), "{}", refused.failed());
        }
    }
    let more = json!({"proofs": ["gates_after 1", "node_access", "services"]});
    let resumed = start(Controller::gone(&desk), &more);
    assert_eq!(resumed["run_id"], run);
    assert!(!resumed["warnings"].to_string().contains("proofs"), "{resumed}");
}

/// Between two nodes it is like a new roll; in the middle of one that node is seen through.
#[test]
fn what_has_come_up_since_keeps_a_run_that_was_cut_off_from_the_next_node() {
    let desk = roll::desk(THREE);
    let first = Controller::gone(&desk);
    let run = first.start();
    first.roll(&run, "ssi-1");
    edit_group(&desk, json!({"strategy.persistence.blockDevicesMode": "onLaunch"}));
    let second = Controller::gone(&desk);
    for check in [true, false] {
        let more = with(second.aim().clone(), &json!({"_ansible_check_mode": check}));
        let refused = second.run("started", &more);
        assert!(refused.failed().contains("data_reattached"), "{}", refused.failed());
    }
    edit_group(&desk, json!({"strategy.persistence.blockDevicesMode": "reattach"}));
    let third = Controller::gone(&desk);
    start(third, &json!({}));
    third.prepare(&run, "ssi-2");
    edit_group(&desk, json!({"strategy.persistence.blockDevicesMode": "onLaunch"}));
    let resumed = start(Controller::gone(&desk), &json!({}));
    let warned = format!("{run} is seen through all the same: data_reattached");
    assert!(resumed["warnings"].to_string().contains(&warned), "{resumed}");
}

/// In the middle of a node nothing is left lying about, and the next one is refused.
#[test]
fn what_was_waived_and_is_waived_no_more_counts_for_the_next_node() {
    let desk = roll::desk(THREE);
    let first = Controller::gone(&desk);
    let run = first.start();
    let aim = with(first.aim(), &json!({"waivers": [first.aim()["waivers"][0]]}));
    first.prepare(&run, "ssi-1");
    first.recycle(&run, "ssi-1").well();
    let second = Controller::gone(&desk);
    let resumed = second.run("started", &aim).well();
    assert!(resumed["warnings"].to_string().contains("seen through"), "{resumed}");
    assert!(!resumed["warnings"].to_string().contains("waivers is ignored"), "{resumed}");
    for phase in roll::AFTERWARDS {
        second.advance(&run, "ssi-1", phase).well();
    }
    let refused = second.advance(&run, "ssi-3", "pre_gate");
    for words in ["image_architecture of sig-1 (unknown", "something has come up"] {
        assert!(refused.failed().contains(words), "{}", refused.failed());
    }
    // Between two nodes it is refused at once; and gone on with when it is waived again.
    let refused = Controller::gone(&desk).run("started", &aim);
    assert!(refused.failed().contains("image_architecture"), "{}", refused.failed());
    let third = Controller::gone(&desk);
    let planned = third.call("recycle_plan", &third.aim()).well();
    let resumed = start(third, &json!({}));
    // The plan is the run's own, though the group is in the middle of it.
    for shown in [&planned, &resumed] {
        let changes = &shown["changes"];
        assert_eq!(changes[0]["from"], json!([]), "{shown}");
        assert_eq!((&changes[1]["from"], &changes[1]["to"]), (&json!("ami-1"), &json!("ami-2")));
        assert_eq!(texts(&shown["nodes"], "id"), ["ssi-3", "ssi-2"]);
        let waived = shown["predicates"].as_array().unwrap().iter();
        let waived = waived.filter(|it| it["waived"] == "no EC2 here").count();
        assert_eq!(waived, 2, "{shown}");
    }
    third.advance(&run, "ssi-3", "pre_gate").well();
}

/// Nodes that are not asked for are never rolled.
#[test]
fn a_start_for_some_nodes_goes_on_with_no_run_that_has_others_left() {
    let desk = roll::desk(THREE);
    let first = Controller::gone(&desk);
    let run = first.start();
    first.roll(&run, "ssi-1");
    first.prepare(&run, "ssi-3");
    // In the middle of a node nothing is decided for the others.
    let only = |nodes: &[&str]| json!({"only": nodes});
    for some in [only(&["ssi-3"]), only(&["ssi-1"])] {
        let refused = Controller::gone(&desk).run("started", &with(first.aim(), &some));
        let words = "cut off while ssi-3 was in phase mid_gate, and only leaves out ssi-2";
        assert!(refused.failed().contains(words), "{}", refused.failed());
    }
    // Whoever asks for all that it has left goes on with it, without a word.
    let second = Controller::gone(&desk);
    let resumed = start(second, &only(&["ssi-2", "ssi-3"]));
    assert_eq!(resumed["run_id"], json!(run));
    assert!(!resumed["warnings"].to_string().contains("is ignored"), "{resumed}");
    second.roll(&run, "ssi-3");
    // Between two nodes it is ended, and a run of its own begun.
    let begun = start(Controller::gone(&desk), &only(&["ssi-1", "ssi-3"]));
    assert_eq!((&begun["put_back"], &begun["run_id"]), (&json!([run]), &Value::Null));
}

#[test]
fn a_run_of_another_aim_that_was_cut_off_between_two_nodes_is_ended_first() {
    let desk = roll::desk(THREE);
    let first = Controller::gone(&desk);
    let run = first.start();
    first.roll(&run, "ssi-1");
    assert_eq!(settings(&desk).0, "ami-2");
    let second = Controller::gone(&desk);
    let would = start(second, &json!({"image_id": "ami-3", "_ansible_check_mode": true}));
    assert!(would["warnings"].to_string().contains(&run), "{would}");
    assert_eq!(settings(&desk).0, "ami-2");
    let begun = start(second, &json!({"image_id": "ami-3"}));
    assert_eq!(begun["put_back"], json!([run]));
    let other = begun["run_id"].as_str().unwrap();
    assert_ne!(other, run);
    assert_eq!(settings(&desk).0, "ami-1", "as it was before the first");
    assert!(journal(&desk, &run).contains("another roll was started"));
    second.roll(other, "ssi-1");
    assert_eq!(second.finish(other).well()["outcome"], "aborted");
    assert_eq!((settings(&desk).0, settings(&desk).2), (json!("ami-1"), json!([])));
}

#[test]
fn the_end_of_a_run_of_another_aim_may_leave_nothing_to_roll() {
    let desk = roll::desk(THREE);
    let first = Controller::gone(&desk);
    let run = first.start();
    first.roll(&run, "ssi-1");
    let second = Controller::gone(&desk);
    // Back to the old image, of the nodes that have it still.
    let only = json!({"image_id": "ami-1", "only": ["ssi-2", "ssi-3"]});
    let ended = start(second, &only);
    assert_eq!(
        (&ended["changed"], &ended["run_id"], &ended["put_back"]),
        (&json!(true), &Value::Null, &json!([run]))
    );
    assert_eq!((settings(&desk).0, settings(&desk).2), (json!("ami-1"), json!([])));
    let again = start(second, &only);
    assert_eq!((&again["changed"], &again["put_back"]), (&json!(false), &json!([])));
}

#[test]
fn a_run_of_another_aim_that_was_cut_off_in_the_middle_of_a_node_is_to_be_finished_first() {
    let desk = roll::desk(THREE);
    let first = Controller::gone(&desk);
    let run = first.start();
    first.prepare(&run, "ssi-1");
    let second = Controller::gone(&desk);
    for more in
        [json!({"image_id": "ami-3"}), json!({"image_id": "ami-3", "_ansible_check_mode": true})]
    {
        let refused = second.run("started", &with(second.aim(), &more));
        for words in [run.as_str(), "ssi-1 was in phase mid_gate", "image ami-2", "runs restore"] {
            assert!(refused.failed().contains(words), "{words}: {}", refused.failed());
        }
    }
    assert_eq!(settings(&desk).2.as_array().unwrap().len(), PROCESSES);
}

#[test]
fn a_frozen_run_is_in_the_way_until_a_person_has_decided() {
    let desk = roll::desk(THREE);
    let controller = Controller::gone(&desk);
    let run = controller.start();
    controller.prepare(&run, "ssi-1");
    let reason = "the service does not stop";
    let freeze = json!({"run_id": run, "node": "ssi-1", "phase": "frozen", "reason": reason});
    controller.run("advanced", &freeze).well();
    for refused in
        [controller.advance(&run, "ssi-1", "draining"), controller.recycle(&run, "ssi-1")]
    {
        assert!(
            refused.failed().contains(&format!("the run is frozen: {reason}")),
            "{}",
            refused.failed()
        );
        assert_eq!(refused.answer["error_code"], "STEP_HELD");
    }
    // Its settings have yet to be put back, and it stands in the way all the same.
    let other = Controller::gone(&desk);
    let plan = other.call("recycle_plan", &other.aim()).well();
    assert!(plan["blockers"].to_string().contains("no_other_run"), "{plan}");
    assert!(plan["warnings"].to_string().contains("would be ended first"), "{plan}");
    let ended = controller.finish(&run).well();
    assert_eq!((&ended["outcome"], &ended["reason"]), (&json!("frozen"), &json!(reason)));
    assert_eq!(settings(&desk).2, json!([]), "what the run set is put back all the same");
    assert_eq!(controller.finish(&run).well()["changed"], false);
    let other = Controller::gone(&desk);
    for more in [json!({}), json!({"image_id": "ami-3"})] {
        let refused = other.run("started", &with(other.aim(), &more));
        for words in [&run, "is frozen at ssi-1", reason, "runs show"] {
            assert!(refused.failed().contains(words), "{words}: {}", refused.failed());
        }
    }
    let resume = desk.run(["runs", "resume", &run, "--reason", "it stopped now", "--yes"]);
    assert_eq!(resume.code, 0, "{resume:?}");
    let resumed = start(other, &json!({}));
    assert_eq!((&resumed["run_id"], &resumed["resumed"]), (&json!(run), &json!(true)));
    assert_eq!(settings(&desk).2.as_array().unwrap().len(), PROCESSES);
    other.prepare(&run, "ssi-1");
    other.recycle(&run, "ssi-1").well();
}

#[test]
fn one_node_at_a_time_and_each_in_its_order() {
    let desk = roll::desk(THREE);
    let controller = Controller::gone(&desk);
    let run = controller.start();
    let held = |node: &str, phase: &str, words: &str| {
        let refused = controller.advance(&run, node, phase);
        assert!(refused.failed().contains(words), "{node} {phase}: {}", refused.failed());
        assert_eq!(refused.answer["error_code"], "STEP_HELD");
    };
    held("ssi-9", "pre_gate", "the run has no node ssi-9");
    for phase in roll::AFTERWARDS {
        held("ssi-1", phase, "its recycle is not proved");
    }
    assert!(
        controller.recycle(&run, "ssi-1").failed().contains("recycling does not follow planned")
    );
    controller.advance(&run, "ssi-1", "pre_gate").well();
    controller.advance(&run, "ssi-1", "pre_gate").well();
    // What is looked at is not in flight yet.
    controller.advance(&run, "ssi-2", "pre_gate").well();
    controller.advance(&run, "ssi-1", "draining").well();
    held("ssi-2", "draining", "node ssi-1 is in phase draining; one node at a time");
    assert!(controller.recycle(&run, "ssi-2").failed().contains("one node at a time"));
    assert!(
        controller.recycle(&run, "ssi-1").failed().contains("recycling does not follow draining")
    );
    // Before its machine is given up a node may begin anew.
    for phase in ["stopped", "mid_gate", "pre_gate", "draining", "mid_gate"] {
        controller.advance(&run, "ssi-1", phase).well();
    }
    controller.recycle(&run, "ssi-1").well();
    for phase in ["pre_gate", "draining", "stopped", "mid_gate"] {
        held("ssi-1", phase, "does not follow recycling");
    }
    held("ssi-2", "pre_gate", "node ssi-1 is in phase recycling");
    for phase in ["identity", "starting", "post_gate", "baking", "post_gate", "baking", "done"] {
        controller.advance(&run, "ssi-1", phase).well();
    }
    held("ssi-1", "pre_gate", "does not follow done");
    assert!(controller.recycle(&run, "ssi-1").failed().contains("recycling does not follow done"));
    assert_eq!(controller.finish(&run).well()["outcome"], "aborted");
    held("ssi-2", "pre_gate", "the run is over");
}

#[test]
fn an_early_end_says_whether_a_service_may_be_stopped_or_a_person_must_look() {
    let desk = roll::desk(THREE);
    let controller = Controller::gone(&desk);
    let run = controller.start();
    controller.prepare(&run, "ssi-1");
    let ended = controller.finish(&run).well();
    assert_eq!(ended["outcome"], "aborted");
    assert!(ended["reason"].as_str().unwrap().contains("its service may be stopped"), "{ended}");
    assert_eq!(settings(&desk).2, json!([]));

    let run = controller.start();
    controller.prepare(&run, "ssi-1");
    controller.recycle(&run, "ssi-1").well();
    let ended =
        controller.run("finished", &json!({"run_id": run, "reason": "a task failed"})).well();
    assert_eq!(ended["outcome"], "frozen");
    assert!(ended["reason"].as_str().unwrap().contains("recycling: a task failed"), "{ended}");
    assert_eq!((settings(&desk).0, settings(&desk).2), (json!("ami-1"), json!([])));
}

#[test]
fn a_node_waits_while_others_are_down_and_a_deployment_runs() {
    let desk = roll::desk(THREE);
    let controller = Controller::gone(&desk);
    let run = controller.start();
    controller.prepare(&run, "ssi-1");
    edit(&desk, json!({"instance": "ssi-2", "set": {"state": "PAUSED"}}));
    let refused = controller.advance(&run, "ssi-1", "mid_gate");
    assert!(
        refused.failed().contains("others do not run: ssi-2 is PAUSED"),
        "{}",
        refused.failed()
    );
    assert_eq!(refused.answer["retryable"], true);
    let refused = controller.recycle(&run, "ssi-1");
    assert!(
        refused.failed().contains("others do not run: ssi-2 is PAUSED"),
        "{}",
        refused.failed()
    );
    assert_eq!(settings(&desk).0, "ami-1", "the platform may boot that one from the group's image");
    edit(&desk, json!({"instance": "ssi-2", "set": {"state": "ACTIVE"}}));
    let deployment = json!({"group": "sig-1", "status": "IN_PROGRESS", "seconds": 1.5});
    let placed = desk.simulator.control("POST", "/_sim/deployment", deployment);
    assert!(placed.get("error").is_none(), "{placed}");
    assert!(controller.recycle(&run, "ssi-1").failed().contains("a deployment of the group runs"));
    // It is waited for, and then it is over.
    let patient = json!({"run_id": run, "node": "ssi-1", "phase": "mid_gate", "wait_timeout": 60});
    controller.run("advanced", &patient).well();
    let volumes = json!([{"deviceName": "/dev/xvdb", "volumeId": "vol-other"}]);
    edit(&desk, json!({"instance": "ssi-2", "set": {"devices": volumes}}));
    let refused = controller.recycle(&run, "ssi-1");
    assert!(refused.failed().contains("ssi-2 has the volumes vol-other"), "{}", refused.failed());
    let state = desk.simulator.control("GET", "/_sim/state", Value::Null);
    assert_eq!(state["terminatedInstances"], json!([]));
}

/// Someone knows that an instance is down, and that a deployment of long ago never ended.
#[test]
fn what_was_waived_stays_waived_for_each_step() {
    let deployment = "deployments: [{id: sbgd-1, status: in_progress}],\n     stateful:";
    let desk = roll::desk(&THREE.replace("stateful:", deployment));
    edit(&desk, json!({"instance": "ssi-2", "set": {"state": "PAUSED"}}));
    let controller = Controller::gone(&desk);
    // The vendor lets no image be set while a deployment runs.
    let after = json!({"image_id": null, "launched_after": "2026-01-01"});
    let mut aim = with(controller.aim(), &after);
    let refused = controller.run("started", &aim);
    assert!(
        refused.failed().contains("no_deployment") && refused.failed().contains("active of ssi-2")
    );
    let waivers = aim["waivers"].as_array_mut().unwrap();
    waivers
        .push(json!({"predicate": "active", "reason": "broken since May", "objects": ["ssi-2"]}));
    waivers.push(json!({"predicate": "no_deployment", "reason": "it never ended"}));
    let begun = controller.run("started", &aim).well();
    let run = begun["run_id"].as_str().unwrap();
    assert_eq!(texts(&begun["nodes"], "id"), ["ssi-1", "ssi-3"]);
    assert_eq!(begun["left_alone"][0]["why"], "it is PAUSED");
    controller.roll(run, "ssi-1");
    // Another one that is down is not what was waived.
    edit(&desk, json!({"instance": "ssi-1", "set": {"state": "PAUSED"}}));
    let refused = controller.advance(run, "ssi-3", "pre_gate");
    assert!(
        refused.failed().contains("others do not run: ssi-1 is PAUSED"),
        "{}",
        refused.failed()
    );
    edit(&desk, json!({"instance": "ssi-1", "set": {"state": "ACTIVE"}}));
    controller.roll(run, "ssi-3");
    assert_eq!(controller.finish(run).well()["outcome"], "completed");
    let shown = desk.run(["runs", "show", run]);
    assert!(shown.stdout.contains("broken since May"), "{shown:?}");
}

#[test]
fn what_is_missing_wrong_or_unknown_is_refused() {
    let desk = roll::desk(THREE);
    let controller = Controller::gone(&desk);
    let run = controller.start();
    for (arguments, words) in [
        (json!({"state": "started"}), &["group_id"][..]),
        (json!({"state": "advanced", "run_id": run}), &["node", "phase"]),
        (json!({"state": "finished"}), &["run_id"]),
        (json!({"state": "ended", "run_id": run}), &["state", "finished"]),
        (
            json!({"state": "advanced", "run_id": run, "node": "ssi-1", "phase": "recycling"}),
            &["phase"],
        ),
        (json!({"state": "finished", "run_id": "none"}), &["there is no run none"]),
        (json!({"state": "finished", "run_id": "../x"}), &["there is no run ../x"]),
        (
            json!({"state": "advanced", "run_id": "none", "node": "ssi-1", "phase": "done"}),
            &["there is no run none"],
        ),
        (with(controller.aim(), &json!({"suspend_minutes": 5})), &["suspend_minutes", "15"]),
        (with(controller.aim(), &json!({"suspend_minutes": "an hour"})), &["suspend_minutes"]),
        (with(controller.aim(), &json!({"wait_timeout": -1})), &["wait_timeout"]),
        (with(controller.aim(), &json!({"imageid": "ami-2"})), &["imageid", "image_id"]),
        (with(controller.aim(), &json!({"launched_after": "2026-01-01"})), &["mutually exclusive"]),
    ] {
        let refused = controller.call("recycle_run", &arguments);
        for word in words {
            assert!(refused.failed().contains(word), "{arguments}: {}", refused.failed());
        }
        assert_eq!(refused.answer["changed"], false);
    }
    // A folder of one's own is another world.
    let folder = desk.home.path().join("elsewhere").display().to_string();
    let elsewhere = json!({"run_id": run, "state_dir": folder});
    assert!(controller.run("finished", &elsewhere).failed().contains(&folder));
    let named = controller
        .run("finished", &json!({"run_id": run, "state_dir": "~/.local/state/spotinst-esg/runs"}));
    assert_eq!(named.well()["outcome"], "aborted");
}
