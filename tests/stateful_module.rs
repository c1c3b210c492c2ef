//! `stateful_instance` and `stateful_instance_info` as Ansible runs them, against the simulator.

#![allow(clippy::unwrap_used, reason = "what a test cannot go on without, it panics on")]

mod support;

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use support::cli::{CANARY, Desk};
use support::module::{Called, call};

const ACT: &str = "stateful_instance";
const INFO: &str = "stateful_instance_info";

/// Two brokers that run and one that is paused; what takes minutes elsewhere is over in under a second.
const FLEET: &str = "groups:
  - {name: kafka, id: sig-1, region: eu-west-1, image: ami-2, persistence: {data: reattach, private_ip: true},
     zones: [{name: eu-west-1a}, {name: eu-west-1b}], created_at: '2025-11-01T00:00:00Z', tags: {Role: kafka},
     volumes: [{device: /dev/xvdb}], capacity: {minimum: 0, maximum: 9},
     stateful: [{id: ssi-1, instance_id: i-1, private_ip: 10.0.0.1, image: ami-1, zone: eu-west-1a},
                {id: ssi-2, instance_id: i-2, private_ip: 10.0.0.2},
                {id: ssi-3, state: PAUSED, private_ip: 10.0.0.3,
                 devices: [{device: /dev/xvdb, volume: vol-a}, {device: /dev/xvdc, volume: vol-b}]}]}
  - {name: es, id: sig-2, region: us-east-1, image: ami-9, persistence: {root: true, data: on_launch},
     created_at: '2025-11-01T00:00:00Z', volumes: [{device: /dev/xvdb}], stateful: [{id: ssi-9, instance_id: i-9}]}
managed_instances: [{name: one, id: smi-1, region: eu-west-1, instance_id: i-smi, created_at: '2025-11-01T00:00:00Z'},
                    {name: two, id: smi-2, region: eu-west-1, state: PAUSED, created_at: '2025-11-01T00:00:00Z',
                     devices: [{device: /dev/xvdb, volume: vol-c}]}]
";

fn desk() -> Desk {
    at_speed(500)
}

/// The vendor's log is asked for by time, so the simulator's day is today.
#[expect(clippy::disallowed_methods, reason = "the binary under test has the real clock")]
fn at_speed(speed: u32) -> Desk {
    let start = jiff::Timestamp::now();
    Desk::with(&format!("clock: {{speed: {speed}, start: '{start}'}}\n{FLEET}"))
}

/// Requests that could change something.
fn mutations(desk: &Desk) -> usize {
    desk.simulator.requests().iter().filter(|request| request.method != "GET").count()
}

fn with(mut arguments: Value, more: &Value) -> Value {
    for (name, value) in more.as_object().unwrap() {
        arguments[name] = value.clone();
    }
    arguments
}

fn ssi(id: &str, state: &str) -> Value {
    let group = if id == "ssi-9" { "sig-2" } else { "sig-1" };
    json!({"group_id": group, "id": id, "state": state})
}

fn recycle() -> Value {
    with(ssi("ssi-1", "recycled"), &json!({"instance_id": "i-1"}))
}

fn act(desk: &Desk, arguments: &Value) -> Called {
    call(desk, ACT, arguments)
}

/// Of a managed instance the vendor lists no volumes: that one is there is shown all the same, and that it is gone only the vendor knows.
#[test]
fn a_volume_of_a_managed_instance_is_deleted_and_asked_for_again() {
    let desk = desk();
    let arguments = json!({
        "id": "smi-2", "state": "volume_deleted", "volume_id": "vol-c", "confirm_data_loss": true, "_ansible_diff": true,
    });
    let check = with(arguments.clone(), &json!({"_ansible_check_mode": true}));
    for (called, sent) in [(&check, 0), (&arguments, 1)] {
        let answer = act(&desk, called).well();
        assert_eq!((&answer["changed"], mutations(&desk)), (&json!(true), sent), "{answer}");
        assert_eq!(answer["diff"]["before"]["dataVolumes"], json!(["vol-c"]), "{answer}");
        assert_eq!(answer["diff"]["after"]["dataVolumes"], json!([]), "{answer}");
    }
    let again = act(&desk, &arguments).well();
    assert_eq!((&again["changed"], mutations(&desk)), (&json!(false), 2), "{again}");
    let words =
        "nothing to delete volume vol-c of managed instance smi-2: the vendor knows no such volume";
    assert_eq!((&again["msg"], &again["warnings"]), (&json!(words), &json!([words])), "{again}");
    assert_eq!(again["diff"]["before"], again["diff"]["after"], "{again}");

    // An instance that is not there is no volume that is not there.
    let other = with(arguments, &json!({"id": "smi-9"}));
    let refused = act(&desk, &other);
    assert!(refused.failed().contains("smi-9"), "{}", refused.answer);
}

/// Each state: foreseen without a request, done with one, foreseen and done again without.
#[test]
fn every_state_is_reached_once_and_check_mode_asks_for_nothing() {
    let deletes = json!({
        "confirm_data_loss": true,
        "deallocation": {"delete_images": true, "delete_volumes": true},
    });
    for arguments in [
        recycle(),
        ssi("ssi-1", "paused"),
        ssi("ssi-3", "resumed"),
        with(ssi("ssi-2", "deallocated"), &deletes),
        ssi("ssi-2", "deallocated"),
        with(ssi("ssi-3", "volume_deleted"), &json!({"volume_id": "vol-a"})),
        json!({"id": "smi-1", "state": "recycled", "instance_id": "i-smi", "confirm_data_loss": true}),
        json!({"id": "smi-1", "state": "paused", "confirm_data_loss": true}),
        json!({"id": "smi-2", "state": "resumed"}),
        with(json!({"id": "smi-1", "state": "deallocated"}), &deletes),
    ] {
        let desk = desk();
        let check =
            with(arguments.clone(), &json!({"_ansible_check_mode": true, "_ansible_diff": true}));
        let foreseen = act(&desk, &check).well();
        assert_eq!((&foreseen["changed"], mutations(&desk)), (&json!(true), 0), "{arguments}");
        assert!(foreseen["msg"].as_str().unwrap().starts_with("would "), "{foreseen}");
        assert_ne!(foreseen["diff"]["before"], foreseen["diff"]["after"], "{arguments}");

        let done = act(&desk, &with(arguments.clone(), &json!({"_ansible_diff": true}))).well();
        assert_eq!((&done["changed"], mutations(&desk)), (&json!(true), 1), "{done}");
        assert_eq!(done["requests"], 1);
        assert_ne!(done["diff"]["before"], done["diff"]["after"], "{done}");
        assert_eq!(done["stateful"], done["after"]);
        let states = done["phases"].as_array().unwrap();
        assert!(states.iter().all(|phase| phase["seconds"].is_number()), "{done}");
        assert_eq!(foreseen["before"], done["before"], "{arguments}");

        for again in [&check, &arguments] {
            let again = act(&desk, again).well();
            assert_eq!((&again["changed"], mutations(&desk)), (&json!(false), 1), "{again}");
            assert!(again["msg"].as_str().unwrap().starts_with("nothing to "), "{again}");
        }
    }
}

#[test]
fn a_recycle_answers_what_was_there_before_and_what_is_there_now() {
    let desk = desk();
    let arguments = with(recycle(), &json!({"image_id": "ami-2", "_ansible_verbosity": 3}));
    let called = act(&desk, &arguments);
    assert!(called.run.stderr.contains("progress: recycle of ssi-1: RECYCL"), "{:?}", called.run);
    let done = called.well();
    let (before, after) = (&done["before"], &done["after"]);
    assert_eq!((&before["instanceId"], &before["imageId"]), (&json!("i-1"), &json!("ami-1")));
    assert_eq!((&after["state"], &after["imageId"]), (&json!("ACTIVE"), &json!("ami-2")));
    assert_ne!(after["instanceId"], "i-1");
    assert!(after["launchedAt"].as_str() > before["launchedAt"].as_str());
    for same in ["id", "esg_id", "accountId", "privateIp", "availabilityZone", "createdAt"] {
        assert!(before[same].is_string(), "{same} of {before}");
        assert_eq!(before[same], after[same], "{same}");
    }
    assert_eq!(done["stateful"]["privateIp"], "10.0.0.1");
    let checks = done["checks"].as_array().unwrap();
    let names: Vec<_> = checks.iter().map(|check| check["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["image_id", "same_volumes", "same_zone", "same_private_ip"]);
    assert!(
        checks.iter().all(|check| check["result"] == "pass" && check["binding"] == true),
        "{done}"
    );
    assert_eq!(done["phases"][0]["state"], "ACTIVE");
    let told = done["msg"].as_str().unwrap();
    assert!(told.contains("from i-1 to i-"), "{told}");
    assert!(done.get("warnings").is_none(), "{done}");
}

#[test]
fn the_predecessors_options_still_mean_the_same() {
    let desk = desk();
    let old = json!({
        "esg": "sig-1", "ssi": "ssi-1", "state": "recycled", "timeout": 600,
        "spotinst_account_id": "act-00000001", "spotinst_api_token": CANARY, "aws_profile": "none",
    });
    let done = call(&desk, "spotinst_aws_stateful", &old).well();
    assert_eq!(done["stateful"]["privateIp"], "10.0.0.1");
    assert_eq!((&done["changed"], mutations(&desk)), (&json!(true), 1));
}

/// The second look comes too late to see what there was before: it is compared with what the first has written down.
#[test]
fn a_recycle_that_lost_its_volumes_fails_again_when_it_is_asked_for_again() {
    let desk = desk();
    let fault = json!({"kind": "relaunch", "twist": "lost_volumes"});
    desk.simulator.control("POST", "/_sim/faults", fault);
    let arguments = with(recycle(), &json!({"wait_timeout": 60}));
    let lost = act(&desk, &arguments);
    for words in ["not proved is same_volumes", "start nothing on it", "waived by checks"] {
        assert!(lost.failed().contains(words), "{words}: {}", lost.failed());
    }
    assert_eq!(lost.answer["changed"], true);
    let again = act(&desk, &arguments);
    for words in ["expected instance i-1", "same_volumes (before vol-", "start nothing on it"] {
        assert!(again.failed().contains(words), "{words}: {}", again.failed());
    }
    assert_eq!(again.answer["changed"], false);
    // On another controller nobody knows.
    let elsewhere = desk.home.path().join("elsewhere");
    let other = with(arguments.clone(), &json!({"state_dir": elsewhere}));
    let unknown = act(&desk, &other);
    for words in ["i-1 has been replaced by i-", "same_volumes (the volumes before are not known)"]
    {
        assert!(unknown.failed().contains(words), "{words}: {}", unknown.failed());
    }
    let waiver = json!({"checks": {"same_volumes": "waived", "same_zone": "waived", "same_private_ip": "waived"}});
    assert_eq!(act(&desk, &with(other, &waiver)).well()["changed"], false);
    assert_eq!(mutations(&desk), 1);
}

#[test]
fn what_cannot_be_written_down_is_told() {
    let desk = desk();
    let file = desk.file("state/recycled", "in the way");
    let arguments = with(recycle(), &json!({"state_dir": file.parent().unwrap()}));
    let done = act(&desk, &arguments).well();
    let warning = done["warnings"][0].as_str().unwrap();
    assert!(warning.contains("could not be written down"), "{done}");
}

/// That a machine is not there says nothing of whether it ever was.
#[test]
fn a_machine_that_was_never_its_own_is_refused_and_one_that_was_replaced_long_ago_is_not() {
    let desk = desk();
    let of = |machine: &str| with(recycle(), &json!({"instance_id": machine}));
    call(&desk, "stateful_instance", &recycle()).well();
    let first = desk.simulator.control("GET", "/_sim/state", Value::Null);
    let now = first["groups"][0]["statefulInstances"][0]["instanceId"].as_str().unwrap().to_owned();
    let again = call(&desk, "stateful_instance", &of(&now)).well();
    assert_eq!(again["changed"], true);
    let sent = mutations(&desk);
    for former in ["i-1", now.as_str()] {
        let same = call(&desk, "stateful_instance", &of(former)).well();
        assert_eq!(same["changed"], false, "{former}: {same}");
    }
    let misspelt = call(&desk, "stateful_instance", &of("i-11"));
    for words in ["i-11 is not known to have been its machine", "it runs as i-", "launched 20"] {
        assert!(misspelt.failed().contains(words), "{words}: {}", misspelt.failed());
    }
    let other = call(&desk, "stateful_instance", &of("i-2"));
    assert!(other.failed().contains("but that of ssi-2"), "{}", other.failed());
    // What was written down here is proof enough. Unknown is not well: without it and the log nothing shows it.
    let fault = json!({"kind": "status", "status": 503, "route": "/aws/ec2/group/{groupId}/logs"});
    desk.simulator.control("POST", "/_sim/faults", fault);
    assert_eq!(call(&desk, "stateful_instance", &of("i-1")).well()["changed"], false);
    std::fs::remove_dir_all(records(&desk)).unwrap();
    let unread = call(&desk, "stateful_instance", &of("i-1"));
    assert!(unread.failed().contains("(not read: "), "{}", unread.failed());
    assert_eq!(mutations(&desk), sent);
}

#[test]
fn what_is_refused_is_one_line_and_sends_nothing() {
    let desk = desk();
    for (arguments, words) in [
        (with(recycle(), &json!({"instance_id": "i-7", "image_id": "ami-7"})), &["i-7", "i-1"][..]),
        (with(recycle(), &json!({"image_id": "ami-7"})), &["ami-7", "ami-2 is configured"]),
        (
            with(ssi("ssi-9", "recycled"), &json!({"image_id": "ami-9"})),
            &["root volume is persisted"],
        ),
        (
            with(ssi("ssi-9", "recycled"), &json!({"checks": {"same_volumes": "required"}})),
            &["same_volumes is required", "reattach"],
        ),
        (ssi("ssi-3", "recycled"), &["PAUSED", "must be ACTIVE"]),
        (ssi("ssi-0", "paused"), &["ssi-0", "not listed"]),
        (json!({"id": "ssi-1", "state": "paused"}), &["group_id is missing"]),
        (with(recycle(), &json!({"instance_id": " "})), &["option instance_id is empty"]),
        (with(recycle(), &json!({"image_id": ""})), &["option image_id is empty"]),
        (with(recycle(), &json!({"instance_id": null})), &["option instance_id is empty (null)"]),
        (with(recycle(), &json!({"image_id": null})), &["option image_id is empty (null)"]),
        (with(recycle(), &json!({"run_id": ""})), &["option run_id is empty"]),
        (with(recycle(), &json!({"checks": {"same_zone": ""}})), &["option same_zone is empty"]),
        (with(ssi("ssi-0", "deallocated"), &json!({})), &[]),
        (
            json!({"group_id": "sig-0", "id": "ssi-1", "state": "paused"}),
            &["group sig-0 does not exist"],
        ),
        (ssi("ssi-1", "volume_deleted"), &["volume_id"]),
        (with(ssi("ssi-3", "volume_deleted"), &json!({"volume_id": "vol-none"})), &[]),
        (
            with(ssi("ssi-1", "deallocated"), &json!({"deallocation": {"delete_volumes": true}})),
            &["confirm_data_loss"],
        ),
        (
            with(ssi("ssi-1", "deallocated"), &json!({"deallocation": {"delete_images": true}})),
            &["confirm_data_loss"],
        ),
        (ssi("ssi-9", "recycled"), &["onLaunch", "not reattached", "set confirm_data_loss"]),
        (ssi("ssi-9", "paused"), &["onLaunch", "not reattached", "set confirm_data_loss"]),
        (ssi("ssi-1", "recyled"), &["state"]),
        (with(recycle(), &json!({"wait_timeout": 0})), &["wait_timeout"]),
        (with(recycle(), &json!({"ssl": 1})), &["ssl"]),
    ] {
        let called = act(&desk, &arguments);
        if words.is_empty() {
            let answer = called.well();
            let word = if arguments["state"] == "deallocated" { "not there" } else { "vol-a" };
            assert!(answer["warnings"][0].as_str().unwrap().contains(word), "{answer}");
            continue;
        }
        for word in words {
            assert!(called.failed().contains(word), "{word}: {}", called.failed());
        }
        assert_eq!(called.answer["changed"], false, "{}", called.answer);
    }
    assert_eq!(mutations(&desk), 0);
}

#[test]
fn what_goes_wrong_fails_with_the_vendors_log() {
    let desk = desk();
    desk.fault(json!({"kind": "lifecycle", "ends": "ERROR", "message": "no such subnet"}));
    let called = act(&desk, &recycle());
    assert!(called.failed().contains("it went to ERROR"), "{}", called.failed());
    assert!(called.failed().contains("no such subnet"), "{}", called.failed());
    let answer = &called.answer;
    assert_eq!((&answer["changed"], &answer["requests"]), (&json!(true), &json!(1)));
    assert_eq!(answer["before"]["instanceId"], "i-1");
    assert_eq!(answer["after"]["state"], "ERROR");
    assert!(answer["log"].as_array().unwrap().iter().any(|line| line["severity"] == "ERROR"));
    assert_eq!(mutations(&desk), 1);

    let desk = self::desk();
    desk.fault(json!({"kind": "lifecycle", "ends": "STUCK"}));
    let called = act(&desk, &with(recycle(), &json!({"wait_timeout": 3})));
    assert!(called.failed().contains("not done after 3 s and"), "{}", called.failed());
    assert!(called.failed().contains("RECYCLING"), "{}", called.failed());
    assert_eq!(mutations(&desk), 1);
}

#[test]
fn a_lost_reply_is_followed_by_a_look_and_one_recycle() {
    let desk = desk();
    desk.fault(json!({"kind": "cut_after_commit", "method": "PUT", "count": 1}));
    let done = act(&desk, &recycle()).well();
    assert_eq!((&done["requests"], mutations(&desk)), (&json!(1), 1));
    assert!(done["warnings"][0].as_str().unwrap().contains("a reply was lost"), "{done}");
    assert_ne!(done["after"]["instanceId"], "i-1");
}

#[test]
fn without_waiting_the_next_call_waits_for_the_same_recycle() {
    let desk = at_speed(60);
    let begun = act(&desk, &with(recycle(), &json!({"wait": false}))).well();
    assert!(begun["msg"].as_str().unwrap().contains("not waited"), "{begun}");
    let unnamed = act(&desk, &ssi("ssi-1", "recycled"));
    assert!(unnamed.failed().contains("name the expected instance_id"), "{}", unnamed.failed());
    assert_eq!(unnamed.answer["retryable"], true);
    let done = act(&desk, &recycle()).well();
    assert_eq!((&done["requests"], &done["changed"]), (&json!(0), &json!(true)));
    assert_eq!((done["after"]["state"].as_str(), mutations(&desk)), (Some("ACTIVE"), 1));
}

/// What the list shows of it while it is under way may be less than there was.
#[test]
#[expect(clippy::disallowed_methods, reason = "the binary under test has the real clock")]
fn a_recycle_that_is_joined_is_compared_with_the_record_of_its_machine() {
    let desk = Desk::with(&format!("clock: {{mode: virtual}}\n{FLEET}"));
    act(&desk, &with(recycle(), &json!({"wait": false}))).well();
    desk.simulator.control("POST", "/_sim/advance", json!({"seconds": 15}));
    let state = desk.simulator.control("GET", "/_sim/state", Value::Null);
    let mine = &state["groups"][0]["statefulInstances"][0];
    assert_eq!((&mine["state"], &mine["instanceId"]), (&json!("RECYCLING"), &json!("i-1")));
    let bare = json!({"instance": "ssi-1", "set": {"devices": []}});
    assert!(desk.simulator.control("POST", "/_sim/edit", bare)["error"].is_null());
    let (seen, is_over) = (desk.simulator.requests().len(), AtomicBool::new(false));
    let joined = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                // Not before it has looked for the first time.
                if desk.simulator.requests().len() >= seen + 3 {
                    desk.simulator.control("POST", "/_sim/advance", json!({"seconds": 10}));
                }
                std::thread::sleep(std::time::Duration::from_millis(100));
            }
        });
        let joined = act(&desk, &recycle());
        is_over.store(true, Ordering::Relaxed);
        joined
    });
    assert!(joined.failed().contains("not proved is same_volumes (fail"), "{}", joined.failed());
    assert_eq!(mutations(&desk), 1);
}

#[test]
fn a_recycle_that_is_asked_for_twice_in_a_moment_is_sent_once() {
    let desk =
        Desk::with(&format!("clock: {{speed: 60}}\nlatency: {{stale_seconds: 120}}\n{FLEET}"));
    let impatient = with(recycle(), &json!({"wait": false}));
    assert_eq!(act(&desk, &impatient).well()["changed"], true);
    let second = act(&desk, &impatient).well();
    assert_eq!((&second["changed"], mutations(&desk)), (&json!(false), 1), "{second}");
    assert!(second["msg"].as_str().unwrap().contains("underway already"), "{second}");
}

#[test]
fn a_record_that_is_torn_is_told_with_the_refusal() {
    let desk = desk();
    act(&desk, &recycle()).well();
    std::fs::write(records(&desk).join("ssi-1.i-1.json"), "{\"instance_id\": ").unwrap();
    let again = act(&desk, &recycle());
    assert!(again.failed().contains("no record here tells"), "{}", again.failed());
    let warnings = again.answer["warnings"].to_string();
    assert!(warnings.contains("the record of what i-1 had cannot be read"), "{warnings}");
}

#[test]
fn what_may_come_back_in_another_zone_needs_to_be_confirmed() {
    let desk = desk();
    let loose =
        json!({"group": "sig-1", "set": {"strategy.persistence.shouldPersistPrivateIp": false}});
    assert!(desk.simulator.control("POST", "/_sim/edit", loose)["error"].is_null());
    for state in ["recycled", "paused"] {
        let refused = act(&desk, &ssi("ssi-1", state));
        for words in ["several zones, eu-west-1a, eu-west-1b", "set confirm_data_loss"] {
            assert!(refused.failed().contains(words), "{words}: {}", refused.failed());
        }
    }
    assert_eq!(mutations(&desk), 0);
    let sure = with(recycle(), &json!({"confirm_data_loss": true}));
    assert_eq!(act(&desk, &sure).well()["changed"], true);
}

fn records(desk: &Desk) -> std::path::PathBuf {
    support::roll::journals(desk).join("recycled")
}

fn listed(desk: &Desk, arguments: &Value) -> Vec<String> {
    let answer = call(desk, INFO, arguments).well();
    assert_eq!(answer["changed"], false);
    let found = answer["stateful_instances"].as_array().unwrap();
    found.iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn instances_are_listed_by_every_filter_with_the_inventorys_facts() {
    let desk = desk();
    for (arguments, expected) in [
        (json!({}), &["ssi-9", "ssi-1", "ssi-2", "ssi-3"][..]),
        (json!({"elastigroups": ["ka*"]}), &["ssi-1", "ssi-2", "ssi-3"]),
        (json!({"group_id": "sig-2"}), &["ssi-9"]),
        (json!({"esg": "es,none"}), &["ssi-9"]),
        (json!({"ids": ["ssi-2", "i-9"]}), &["ssi-9", "ssi-2"]),
        (json!({"states": "paused"}), &["ssi-3"]),
        (json!({"tags": {"Role": "kafka"}, "states": ["ACTIVE"]}), &["ssi-1", "ssi-2"]),
        (json!({"tags": {"Role": []}, "regions": ["us-east-1"]}), &[]),
        (json!({"regions": ["us-east-1"], "_ansible_check_mode": true}), &["ssi-9"]),
        (json!({"include": ["managed_instances"]}), &["smi-1", "smi-2"]),
        (json!({"ids": "ssi-none"}), &[]),
    ] {
        assert_eq!(listed(&desk, &arguments), expected, "{arguments}");
    }
    assert_eq!(mutations(&desk), 0);
    let mine = call(&desk, INFO, &json!({"ids": "ssi-1"})).well()["stateful_instances"][0].clone();
    let inventory = desk.list("hostnames: [id]").document();
    for (name, value) in inventory["_meta"]["hostvars"]["ssi-1"].as_object().unwrap() {
        let bare = name.strip_prefix("spotinst_").unwrap_or(name);
        assert_eq!(&mine[bare], value, "{name}");
    }
    for (arguments, word) in [
        (json!({"states": ["ACTVE"]}), "did you mean \"ACTIVE\""),
        (json!({"include": ["all"]}), "option include"),
        (json!({"tags": {"a": {"b": 1}}}), "option tags"),
        (json!({"ec2": "perhaps"}), "option ec2"),
    ] {
        let called = call(&desk, INFO, &arguments);
        assert!(called.failed().contains(word), "{}", called.failed());
    }
}

#[test]
fn a_part_that_cannot_be_read_fails_the_list_unless_that_is_allowed() {
    let desk = desk();
    let route = "/aws/ec2/group/sig-2/statefulInstance";
    desk.fault(json!({"kind": "status", "status": 403, "route": route}));
    let called = call(&desk, INFO, &json!({}));
    assert!(called.failed().contains("sig-2"), "{}", called.failed());
    let answer = call(&desk, INFO, &json!({"strict": false})).well();
    assert_eq!(answer["stateful_instances"].as_array().unwrap().len(), 3);
    assert!(answer["warnings"][0].as_str().unwrap().contains("sig-2"), "{answer}");
}

/// The vendor's limit is shared by all processes of the user, which is what keeps them from the penalty.
#[test]
fn fifty_recycles_and_lists_at_once_under_a_strict_limit_meet_no_refusal() {
    const LIMIT: usize = 40;
    let instances: String =
        (0..50).map(|n| format!("{{id: ssi-{n:02}, instance_id: i-{n:02}}}, ")).collect();
    // Two seconds stand for the vendor's sixty.
    let desk = Desk::with_whole(&format!(
        "tokens: [{{token: {CANARY}}}]\naccounts: [{{id: act-00000001, name: one}}]
limits: {{default: {LIMIT}, window_seconds: 2}}
latency: {{accepted_seconds: 1, terminating_seconds: 1, replacing_seconds: 1, booting_seconds: 1}}
groups: [{{name: many, id: sig-1, region: eu-west-1, created_at: '2025-11-01T00:00:00Z',
  persistence: {{data: reattach, private_ip: true}}, volumes: [{{device: /dev/xvdb}}], stateful: [{instances}]}}]"
    ));
    std::thread::scope(|scope| {
        for n in 0..50 {
            let desk = &desk;
            scope.spawn(move || {
                let (id, instance_id) = (format!("ssi-{n:02}"), format!("i-{n:02}"));
                let arguments = with(ssi(&id, "recycled"), &json!({"instance_id": instance_id}));
                let done = act(desk, &arguments).well();
                assert_eq!(done["requests"], 1, "{done}");
                assert_eq!(listed(desk, &json!({"ids": id})), [id]);
            });
        }
    });
    let requests = desk.simulator.requests();
    assert!(requests.iter().all(|request| request.status != 429), "a refusal for the limit");
    let route = "/aws/ec2/group/{groupId}/statefulInstance";
    let of_route = requests.iter().filter(|request| request.route == route);
    let times: Vec<jiff::Timestamp> = of_route.map(|request| request.at.parse().unwrap()).collect();
    let within = |from: &jiff::Timestamp| {
        let is_within =
            |at: &&jiff::Timestamp| *at >= from && at.duration_since(*from).as_millis() < 2000;
        times.iter().filter(is_within).count()
    };
    let busiest = times.iter().map(within).max().unwrap();
    assert!((LIMIT * 3 / 4..=LIMIT).contains(&busiest), "{busiest}: the limit was met, not passed");
    assert_eq!(mutations(&desk), 50);
    let state = desk.simulator.control("GET", "/_sim/state", Value::Null);
    let mut gone: Vec<String> =
        serde_json::from_value(state["terminatedInstances"].clone()).unwrap();
    gone.sort();
    assert_eq!(gone, (0..50).map(|n| format!("i-{n:02}")).collect::<Vec<_>>());
}
