//! `recycle_plan`: what stands in the way, what is taken upon oneself, what is rolled in which order.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{edit, edit_group, mutations, texts};
use crate::support::cli::Desk;
use crate::support::module::{Called, call};
use crate::support::roll::{self, Controller, Living, THREE, journals, with};

fn called(desk: &Desk, more: &Value) -> Called {
    call(desk, "recycle_plan", &with(Controller::gone(desk).aim(), more))
}

fn plan(desk: &Desk, more: &Value) -> Value {
    let answer = called(desk, more).well();
    assert_eq!(answer["changed"], false);
    answer
}

/// The usual waivers and these.
fn waiving(more: &[Value]) -> Value {
    let usual = json!({"predicate": "image_available", "reason": "no EC2 here"});
    let usual_2 = json!({"predicate": "image_architecture", "reason": "no EC2 here"});
    let all = [&[usual, usual_2], more].concat();
    json!({"waivers": all})
}

#[expect(clippy::disallowed_methods, reason = "the binary under test has the real clock")]
fn now() -> Timestamp {
    Timestamp::now()
}

fn in_hours(hours: i64) -> String {
    (now() + SignedDuration::from_hours(hours)).to_string()
}

fn task(task: Value) -> Value {
    json!({"group": "sig-1", "set": {"scheduling.tasks": [task]}})
}

/// How a group is shaped, and which predicates must say what of which object with which words.
type Case =
    (&'static str, Value, &'static [(&'static str, &'static str, &'static str, &'static str)]);

fn cases() -> Vec<Case> {
    let group = |set: Value| json!({"group": "sig-1", "set": set});
    let one = |set: Value| json!({"instance": "ssi-2", "set": set});
    let persistence = |key: &str, value: Value| {
        let mut set = json!({});
        set[format!("strategy.persistence.{key}")] = value;
        group(set)
    };
    vec![
        ("half read", one(json!({"id": null})), &[("listed_whole", "sig-1", "unknown", "no id")]),
        (
            "on launch",
            persistence("blockDevicesMode", json!("onLaunch")),
            &[("data_reattached", "sig-1", "fail", "copies of snapshots")],
        ),
        (
            "new mode",
            persistence("blockDevicesMode", json!("teleport")),
            &[("data_reattached", "sig-1", "unknown", "teleport is not known")],
        ),
        (
            "no mode",
            json!({"group": "sig-1", "unset": ["strategy.persistence.blockDevicesMode"]}),
            &[("data_reattached", "sig-1", "unknown", "not told")],
        ),
        (
            "no data",
            persistence("shouldPersistBlockDevices", json!(false)),
            &[("data_reattached", "sig-1", "fail", "not persisted")],
        ),
        (
            "no address",
            persistence("shouldPersistPrivateIp", json!(false)),
            &[
                ("zone_pinned", "sig-1", "fail", "eu-west-1a, eu-west-1b"),
                ("private_ip_persisted", "sig-1", "fail", "new address"),
            ],
        ),
        (
            "root",
            persistence("shouldPersistRootDevice", json!(true)),
            &[
                ("root_replaceable", "sig-1", "fail", "acknowledge_root_data_loss"),
                ("drift_knowable", "ssi-1", "unknown", "persisted root"),
                ("drift_knowable", "ssi-2", "unknown", "persisted root"),
                ("drift_knowable", "ssi-3", "unknown", "persisted root"),
            ],
        ),
        (
            "no image told",
            json!({"overlay": {"imageId": null}}),
            &[("drift_knowable", "ssi-2", "unknown", "not told")],
        ),
        (
            "no healing",
            group(json!({"compute.launchSpecification.autoHealing": false})),
            &[("auto_healing_on", "sig-1", "fail", "autoHealing is off")],
        ),
        (
            "recycle soon",
            task(
                json!({"taskType": "statefulRecycle", "isEnabled": true, "startTime": in_hours(1)}),
            ),
            &[("no_scheduled_task", "sig-1", "fail", "statefulRecycle at ")],
        ),
        (
            "who knows when",
            task(
                json!({"taskType": "roll", "isEnabled": true, "frequency": "monthly", "startTime": in_hours(-9)}),
            ),
            &[("no_scheduled_task", "sig-1", "unknown", "monthly")],
        ),
        (
            "who knows what",
            task(json!({"cronExpression": "* * * * *"})),
            &[("no_scheduled_task", "sig-1", "fail", "due: ")],
        ),
        (
            "backup",
            task(json!({"taskType": "backup_ami", "frequency": "daily"})),
            &[("no_ami_backup", "sig-1", "fail", "an AMI backup is scheduled")],
        ),
        ("paused", one(json!({"state": "PAUSED"})), &[("active", "ssi-2", "fail", "it is PAUSED")]),
        (
            "strange",
            one(json!({"state": "DANCING"})),
            &[("active", "ssi-2", "fail", "it is DANCING")],
        ),
        (
            "no volumes listed",
            one(json!({"devices": []})),
            &[("volumes_known", "ssi-2", "unknown", "lists none of this instance")],
        ),
        (
            "a volume without id",
            json!({"overlay": {"devices": [{"deviceName": "/dev/xvda"}, {"deviceName": "/dev/xvdb"}]}}),
            &[("volumes_known", "ssi-2", "unknown", "no volume is told of /dev/xvdb")],
        ),
        (
            "suspended",
            json!({"suspensions": format!("[{{name: AUTO_HEALING}}, {{name: SCHEDULING, expires_at: '{}'}}]", in_hours(2))}),
            &[
                (
                    "no_foreign_suspension",
                    "AUTO_HEALING",
                    "fail",
                    "suspended without an end, and by no run",
                ),
                ("no_foreign_suspension", "SCHEDULING", "fail", "suspended until 2"),
            ],
        ),
        (
            "no machine told",
            one(json!({"instanceId": null})),
            &[("active", "ssi-2", "unknown", "ACTIVE without an instance id")],
        ),
    ]
}

/// The group, edited; what no edit can do is in an overlay of one instance.
fn shaped(shape: &Value) -> Desk {
    if let Some(overlay) = shape.get("overlay") {
        let one = format!("id: ssi-2, overlay: {overlay},");
        return roll::desk(&THREE.replace("id: ssi-2,", &one));
    }
    if let Some(list) = shape.get("suspensions") {
        let list = format!("suspensions: {}, stateful:", list.as_str().unwrap());
        return roll::desk(&THREE.replace("stateful:", &list));
    }
    let desk = roll::desk(THREE);
    edit(&desk, shape.clone());
    desk
}

/// Each blocks by its name, with evidence, in the plan and in a start; waived with a reason it does not, where it may be.
#[test]
fn every_predicate_blocks_until_it_is_waived() {
    for (name, shape, expected) in cases() {
        let desk = shaped(&shape);
        let answer = plan(&desk, &json!({}));
        let blockers = &answer["blockers"];
        let named: Vec<(&str, &str, &str)> = blockers
            .as_array()
            .unwrap()
            .iter()
            .map(|it| {
                (
                    it["name"].as_str().unwrap(),
                    it["object"].as_str().unwrap(),
                    it["verdict"].as_str().unwrap(),
                )
            })
            .collect();
        let wanted: Vec<_> =
            expected.iter().map(|(name, object, verdict, _)| (*name, *object, *verdict)).collect();
        assert_eq!(named, wanted, "{name}: {blockers}");
        for (blocker, (_, _, _, words)) in blockers.as_array().unwrap().iter().zip(expected) {
            assert!(blocker["evidence"].as_str().unwrap().contains(words), "{name}: {blocker}");
        }
        assert_eq!(answer["is_ready"], false, "{name}");
        let refused = Controller::gone(&desk).run("started", &Controller::gone(&desk).aim());
        assert_eq!(refused.answer["error_code"], "PLAN_BLOCKED", "{name}: {}", refused.answer);
        assert!(refused.failed().contains(expected[0].0), "{name}: {}", refused.failed());
        assert!(refused.answer["predicates"].as_array().unwrap().len() > 10, "{name}");

        let waivers: Vec<Value> = expected.iter()
            .map(|(predicate, object, _, _)| json!({"predicate": predicate, "reason": "I know", "objects": [object]}))
            .collect();
        let waived = plan(&desk, &waiving(&waivers));
        let may_be = expected[0].0 != "listed_whole";
        assert_eq!(waived["is_ready"], may_be, "{name}: {}", waived["blockers"]);
        if may_be {
            let marked = waived["predicates"].as_array().unwrap().iter();
            assert_eq!(
                marked.filter(|it| it["waived"] == "I know").count(),
                expected.len(),
                "{name}"
            );
        } else {
            let warnings = waived["warnings"].to_string();
            assert!(warnings.contains("listed_whole: it cannot be waived"), "{warnings}");
        }
        assert_eq!(mutations(&desk), 0, "{name}");
        assert!(!journals(&desk).exists(), "{name}: a plan leaves nothing behind");
    }
}

#[test]
fn what_ec2_does_not_tell_blocks_like_anything_else() {
    let desk = roll::desk(THREE);
    let answer = plan(&desk, &json!({"waivers": []}));
    assert_eq!(texts(&answer["blockers"], "name"), ["image_available", "image_architecture"]);
    assert_eq!(texts(&answer["blockers"], "verdict"), ["unknown", "unknown"]);
    assert_eq!(
        texts(&answer["nodes"], "id"),
        ["ssi-1", "ssi-3", "ssi-2"],
        "the order is told all the same"
    );
    // Without EC2 a name is no image.
    for (aim, words) in [
        (json!({"image": {"name": "kafka-*"}}), "image"),
        (json!({"image_ssm_parameter": "/kafka/image"}), "image"),
    ] {
        let arguments = with(json!({"group_id": "sig-1"}), &aim);
        let refused = call(&desk, "recycle_plan", &arguments);
        let told = refused.failed();
        assert!(told.starts_with("cannot plan the roll: ") && told.contains(words), "{told}");
    }
}

#[test]
fn an_order_that_contradicts_itself_is_refused() {
    let desk = roll::desk(THREE);
    for (more, words) in [
        (json!({"canary": "ssi-1", "last": ["ssi-1"]}), "canary ssi-1 is also one of last"),
        (json!({"canary": "ssi-1", "only": ["ssi-2"]}), "canary ssi-1 is none of only"),
    ] {
        let refused = called(&desk, &more);
        assert!(refused.failed().contains(words), "{}", refused.failed());
    }
}

#[test]
fn a_running_deployment_blocks_and_one_that_is_over_does_not() {
    for (status, blocks) in [
        ("in_progress", true),
        ("starting", true),
        ("finished", false),
        ("failed", false),
        ("stopped", false),
    ] {
        let deployments = format!("    deployments: [{{id: sbgd-1, status: {status}}}]\n");
        let desk = roll::desk(
            &THREE
                .replace("    stateful:", "    deployments: [],\n     stateful:")
                .replace("deployments: []", deployments.trim()),
        );
        let answer = plan(&desk, &json!({}));
        let expected: &[&str] = if blocks { &["no_deployment"] } else { &[] };
        assert_eq!(
            texts(&answer["blockers"], "name"),
            expected,
            "{status}: {}",
            answer["blockers"]
        );
        if blocks {
            assert!(
                answer["blockers"][0]["evidence"].as_str().unwrap().contains("sbgd-1"),
                "{answer}"
            );
        }
    }
}

#[test]
fn a_task_outside_the_horizon_does_not_block_and_an_expression_that_nobody_can_read_does() {
    let recycle =
        |more: Value| task(with(json!({"taskType": "statefulRecycle", "isEnabled": true}), &more));
    for (shape, horizon, blocks) in [
        (recycle(json!({"startTime": in_hours(5)})), json!(null), false),
        (recycle(json!({"startTime": in_hours(5)})), json!(360), true),
        (recycle(json!({"startTime": in_hours(-5)})), json!(360), false),
        (recycle(json!({"startTime": in_hours(-5), "frequency": "hourly"})), json!(null), true),
        (recycle(json!({"startTime": in_hours(5), "isEnabled": false})), json!(360), false),
        (recycle(json!({"cronExpression": "*/5 * * * *"})), json!(6), true),
        (recycle(json!({"cronExpression": "now and then"})), json!(1), true),
    ] {
        let desk = roll::desk(THREE);
        edit(&desk, shape.clone());
        let answer = plan(&desk, &json!({"horizon_minutes": horizon}));
        let expected: &[&str] = if blocks { &["no_scheduled_task"] } else { &[] };
        assert_eq!(texts(&answer["blockers"], "name"), expected, "{shape}: {}", answer["blockers"]);
    }
}

#[test]
fn waivers_that_mean_nothing_are_told_and_those_without_a_reason_are_refused() {
    let desk = roll::desk(THREE);
    for (waiver, words) in [
        (json!({"predicate": "active", "reason": "r"}), "waiver of active: nothing needs it"),
        (
            json!({"predicate": "actve", "reason": "r"}),
            "waiver of actve: there is no such predicate, only ",
        ),
        (
            json!({"predicate": "no_other_run", "reason": "r"}),
            "waiver of no_other_run: it cannot be waived",
        ),
        (
            json!({"predicate": "listed_whole", "reason": "r"}),
            "waiver of listed_whole: it cannot be waived",
        ),
        (
            json!({"predicate": "image_available", "reason": "r", "objects": ["ssi-1"]}),
            "image_available: nothing needs it",
        ),
    ] {
        let answer = plan(&desk, &waiving(std::slice::from_ref(&waiver)));
        let warnings = answer["warnings"].to_string();
        assert!(warnings.contains(words), "{waiver}: {warnings}");
        assert_eq!(answer["is_ready"], true, "{waiver}");
    }
    for (waivers, words) in [
        (json!([{"predicate": "active", "reason": " "}]), "active gives no reason"),
        (json!([{"predicate": "active", "reason": ""}]), "reason found in waivers"),
        (json!([{"predicate": "active"}]), "reason"),
        (json!([{"reason": "r"}]), "predicate"),
        (json!([{"predicate": "active", "reason": "r", "object": "ssi-1"}]), "object"),
        (json!(["active"]), "waivers"),
        (json!("active"), "waivers"),
    ] {
        let refused = called(&desk, &json!({"waivers": waivers}));
        assert!(refused.failed().contains(words), "{waivers}: {}", refused.failed());
    }
    // One that is waived for one instance holds for that one only.
    edit(&desk, json!({"instance": "ssi-1", "set": {"state": "PAUSED"}}));
    edit(&desk, json!({"instance": "ssi-2", "set": {"state": "ERROR"}}));
    let waiver = json!({"predicate": "active", "reason": "r", "objects": ["ssi-1"]});
    let answer = plan(&desk, &waiving(&[waiver]));
    assert_eq!(texts(&answer["blockers"], "object"), ["ssi-2"]);
}

#[test]
fn the_order_is_canary_then_zone_by_zone_then_those_that_are_to_be_last() {
    let desk = roll::desk(THREE);
    for (wish, expected) in [
        (json!({}), &["ssi-1", "ssi-3", "ssi-2"][..]),
        (json!({"canary": "ssi-2"}), &["ssi-2", "ssi-1", "ssi-3"]),
        (json!({"last": ["ssi-1"]}), &["ssi-3", "ssi-2", "ssi-1"]),
        (json!({"last": ["ssi-3", "ssi-1"]}), &["ssi-2", "ssi-3", "ssi-1"]),
        (json!({"last": "ssi-3,ssi-1"}), &["ssi-2", "ssi-3", "ssi-1"]),
        (
            json!({"canary": "ssi-3", "last": ["ssi-1"], "only": ["ssi-1", "ssi-3"]}),
            &["ssi-3", "ssi-1"],
        ),
        (json!({"only": ["ssi-2"]}), &["ssi-2"]),
    ] {
        let answer = plan(&desk, &wish);
        assert_eq!(texts(&answer["nodes"], "id"), expected, "{wish}");
        let nodes = answer["nodes"].as_array().unwrap();
        for (index, node) in nodes.iter().enumerate() {
            assert_eq!(
                (&node["position"], &node["is_canary"]),
                (&json!(index + 1), &json!(index == 0))
            );
        }
        assert_eq!(nodes.len() + answer["left_alone"].as_array().unwrap().len(), 3, "{answer}");
    }
    for wish in [
        json!({"canary": "ssi-9"}),
        json!({"last": ["ssi-9"]}),
        json!({"only": ["ssi-1", "ssi-9"]}),
    ] {
        let answer = plan(&desk, &wish);
        let blocker = &answer["blockers"][0];
        assert_eq!(
            (&blocker["name"], &blocker["object"]),
            (&json!("active"), &json!("ssi-9")),
            "{wish}"
        );
        assert!(blocker["evidence"].as_str().unwrap().contains("no such instance"), "{blocker}");
    }
    // Where no zone is told an instance comes after those whose zone is.
    edit(
        &desk,
        json!({"instance": "ssi-1", "set": {"state": "ACTIVE", "availabilityZone": "eu-west-1c"}}),
    );
    assert_eq!(texts(&plan(&desk, &json!({}))["nodes"], "id"), ["ssi-3", "ssi-2", "ssi-1"]);
}

#[test]
fn what_is_as_wanted_already_is_left_alone() {
    let desk = roll::desk(THREE);
    edit(&desk, json!({"instance": "ssi-3", "set": {"imageId": "ami-2"}}));
    let answer = plan(&desk, &json!({}));
    assert_eq!(texts(&answer["nodes"], "id"), ["ssi-1", "ssi-2"]);
    assert_eq!(answer["left_alone"][0]["why"], "as wanted: runs ami-2");
    assert_eq!(
        (&answer["left_alone"][0]["position"], &answer["left_alone"][0]["is_canary"]),
        (&json!(0), &json!(false))
    );

    let launched = [
        ("ssi-1", "2026-03-01T00:00:00.000Z"),
        ("ssi-2", "2026-03-02T00:00:00.000Z"),
        ("ssi-3", "2026-03-03T12:00:00.000Z"),
    ];
    for (id, at) in launched {
        edit(&desk, json!({"instance": id, "set": {"launchedAt": at}}));
    }
    let of = |aim: Value| call(&desk, "recycle_plan", &with(json!({"group_id": "sig-1"}), &aim));
    for (after, expected) in [
        ("2026-03-03", &["ssi-1", "ssi-2"][..]),
        ("2026-03-03T00:00:00Z", &["ssi-1", "ssi-2"]),
        ("20260303", &["ssi-1", "ssi-2"]),
        ("2026-03-03T02:00:00+02:00", &["ssi-1", "ssi-2"]),
        // Not after that moment.
        ("2026-03-02T00:00:00Z", &["ssi-1", "ssi-2"]),
        ("2026-03-01T23:59:59.999Z", &["ssi-1"]),
        ("2026-02-01", &[]),
    ] {
        let answer = of(json!({"launched_after": after})).well();
        assert_eq!(texts(&answer["nodes"], "id"), expected, "{after}: {answer}");
        assert_eq!(answer["image_id"], "ami-1", "the group's own");
        let image = answer["changes"].as_array().unwrap().iter().any(|it| it["setting"] == "image");
        assert!(!image, "{answer}");
    }
    for (aim, words) in [
        (json!({"launched_after": "2099-01-01"}), "still to come"),
        (json!({"launched_after": ""}), "launched_after is empty"),
        (json!({"image_id": ""}), "image_id is empty"),
        (json!({"image_ssm_parameter": " "}), "image_ssm_parameter is empty"),
    ] {
        let refused = of(aim.clone());
        assert!(refused.failed().contains(words), "{aim}: {}", refused.failed());
    }
    for aim in [
        json!({"only": []}),
        json!({"only": ""}),
        json!({"only": null}),
        json!({"only": ","}),
        json!({"image": ""}),
        json!({"rollback_of": ""}),
        json!({"image_id": null}),
        json!({"image": null}),
        json!({"launched_after": null}),
        json!({"rollback_of": null}),
        json!({"system": ""}),
        json!({"state_dir": ""}),
        json!({"state_dir": null}),
    ] {
        let (name, _) = aim.as_object().unwrap().iter().next().unwrap();
        let mut given = aim.clone();
        given["group_id"] = json!("sig-1");
        let refused = call(&desk, "recycle_plan", &given);
        let words = format!("option {name} is empty");
        assert!(refused.failed().contains(&words), "{aim}: {}", refused.failed());
        assert!(refused.failed().contains("leave the option out"), "{}", refused.failed());
    }
    let holed = of(json!({"only": ["ssi-1", null]}));
    assert!(holed.failed().contains("element 2 of 2 is null"), "{}", holed.failed());
    for odd in ["yesterday", "2026-13-01", "2026-03-03 00:00"] {
        let refused = of(json!({"launched_after": odd}));
        assert!(refused.failed().contains("which is no moment"), "{odd}: {}", refused.failed());
    }
    // The group's present configuration is the aim where none is named.
    let present = of(json!({})).well();
    assert_eq!(texts(&present["nodes"], "id"), ["ssi-3"]);
    assert_eq!(present["target"], "the group's present configuration");
    assert_eq!(texts(&present["changes"], "setting"), ["suspensions"]);
}

/// A persisted root may hold anything, whatever image the instance is said to run.
#[test]
fn an_image_on_a_persisted_root_is_no_proof_and_may_be_said_to_be_as_wanted() {
    let desk = roll::desk(&THREE.replace("persistence: {data", "persistence: {root: true, data"));
    edit(&desk, json!({"instance": "ssi-3", "set": {"imageId": "ami-2"}}));
    let acknowledged = json!({"acknowledge_root_data_loss": true});
    let answer = plan(&desk, &acknowledged);
    assert_eq!(texts(&answer["blockers"], "name"), ["drift_knowable"]);
    assert_eq!(texts(&answer["blockers"], "object"), ["ssi-3"]);
    let evidence = answer["blockers"][0]["evidence"].as_str().unwrap();
    assert!(evidence.starts_with("runs ami-2 on paper"), "{evidence}");
    let waiver = json!({"predicate": "drift_knowable", "reason": "I looked", "objects": ["ssi-3"]});
    let waived = plan(&desk, &with(acknowledged.clone(), &waiving(&[waiver])));
    assert_eq!(waived["is_ready"], true, "{waived}");
    assert_eq!(texts(&waived["nodes"], "id"), ["ssi-1", "ssi-2"]);
    assert!(waived["left_alone"][0]["why"].as_str().unwrap().starts_with("taken as wanted"));
    // What is not asked for need not be known, and a launch time needs no image.
    let only = plan(&desk, &with(acknowledged, &json!({"only": ["ssi-1"]})));
    assert_eq!(only["is_ready"], true, "{only}");
    let later = plan(&desk, &json!({"image_id": null, "launched_after": "2026-01-01"}));
    assert_eq!(later["is_ready"], true, "{later}");
}

#[test]
fn nothing_to_do_is_said_and_changes_nothing() {
    let desk = roll::desk(THREE);
    let answer = plan(&desk, &json!({"image_id": "ami-1"}));
    assert_eq!((&answer["nodes"], &answer["changes"]), (&json!([]), &json!([])));
    assert!(
        answer["msg"].as_str().unwrap().starts_with("nothing to roll in group sig-1"),
        "{answer}"
    );
    assert_eq!(answer["is_ready"], true);
}

#[test]
fn what_is_suspended_already_would_be_so_afterwards() {
    let desk =
        roll::desk(&THREE.replace("stateful:", "suspensions: [{name: AUTO_HEALING}], stateful:"));
    let answer = plan(&desk, &json!({}));
    assert_eq!(texts(&answer["blockers"], "object"), ["AUTO_HEALING"]);
    let change = &answer["changes"][0];
    assert_eq!(
        (&change["from"], &change["afterwards"]),
        (&json!(["AUTO_HEALING"]), &json!(["AUTO_HEALING"]))
    );
    assert_eq!(change["to"].as_array().unwrap().len(), 6);
    let image = &answer["changes"][1];
    assert_eq!(
        image,
        &json!({"setting": "image", "from": "ami-1", "to": "ami-2", "afterwards": "ami-2"})
    );
}

#[test]
fn the_duration_comes_from_earlier_journals_of_the_group_or_its_system() {
    let desk = roll::desk(THREE);
    let before = plan(&desk, &json!({}));
    assert_eq!(before["expected_seconds"], Value::Null);
    assert!(before["msg"].as_str().unwrap().contains("not known"), "{before}");
    let controller = Controller::gone(&desk);
    let run = controller.start();
    for node in ["ssi-1", "ssi-3"] {
        controller.roll(&run, node);
    }
    // Nodes that were done count, whatever became of the run.
    let ended = controller.finish(&run).well();
    assert_eq!(ended["outcome"], "aborted");
    let each: Vec<f64> = ended["summary"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|node| node["phase"] == "done")
        .map(|node| node["total_seconds"].as_f64().unwrap())
        .collect();
    assert_eq!(each.len(), 2, "{ended}");
    let aim = json!({"image_id": "ami-3"});
    let expected = plan(&desk, &aim)["expected_seconds"].as_f64().unwrap();
    let longer = each.iter().copied().fold(0.0, f64::max);
    assert!((expected - 3.0 * longer).abs() < 0.5, "{expected}: {each:?}");
    assert!(plan(&desk, &aim)["msg"].as_str().unwrap().contains("by earlier rolls"));
}

#[test]
fn another_run_is_named_and_one_that_was_cut_off_would_be_gone_on_with() {
    let desk = roll::desk(THREE);
    let living = Living::start();
    let holder = Controller { desk: &desk, pid: living.id(), group: "sig-1" };
    let run = holder.start();
    let answer = plan(&desk, &json!({}));
    assert_eq!(texts(&answer["blockers"], "name"), ["no_other_run"]);
    let evidence = answer["blockers"][0]["evidence"].as_str().unwrap();
    for words in [run.as_str(), &format!("process {}", living.id()), "begun ", "last sign of life "]
    {
        assert!(evidence.contains(words), "{words}: {evidence}");
    }
    assert_eq!(answer["open_run"], Value::Null);
    drop(living);
    let answer = plan(&desk, &json!({}));
    assert_eq!((&answer["open_run"], &answer["is_ready"]), (&json!(run), &json!(true)));
    let other = plan(&desk, &json!({"image_id": "ami-3"}));
    assert_eq!((&other["open_run"], &other["is_ready"]), (&Value::Null, &json!(true)));
}

#[test]
fn wrong_types_and_unknown_options_are_refused_before_anything_is_read() {
    let desk = roll::desk(THREE);
    for (more, words) in [
        (json!({"grup_id": "sig-1"}), &["grup_id", "group_id"][..]),
        (json!({"image_id": "ami-2", "launched_after": "2026-01-01"}), &["mutually exclusive"]),
        (json!({"image": "ami-2", "image_id": null}), &["image"]),
        (json!({"image": {"owners": ["self"]}, "image_id": null}), &["name"]),
        (json!({"only": {"a": 1}}), &["only"]),
        (json!({"horizon_minutes": 0}), &["horizon_minutes"]),
        (json!({"horizon_minutes": "soon"}), &["horizon_minutes"]),
        (json!({"acknowledge_root_data_loss": "perhaps"}), &["acknowledge_root_data_loss"]),
        (json!({"group_id": null}), &["group_id"]),
    ] {
        let refused = called(&desk, &more);
        for word in words {
            assert!(refused.failed().contains(word), "{more}: {}", refused.failed());
        }
    }
    assert_eq!(desk.paths(), Vec::<String>::new());
    let refused = called(&desk, &json!({"group_id": "sig-9"}));
    assert!(refused.failed().contains("sig-9"), "{}", refused.failed());
    edit_group(&desk, json!({"name": "kafka"}));
}
