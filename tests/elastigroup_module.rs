//! The modules of groups as Ansible runs them, against the simulator.

#![allow(clippy::unwrap_used, reason = "what a test cannot go on without, it panics on")]

mod support;

#[path = "elastigroup/described.rs"]
mod described;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use support::cli::{CANARY, Desk};
use support::module::{Called, call};
use support::roll::{self, Controller};

/// Three brokers, one of them paused; a group without state; two of a name. What takes minutes elsewhere is over at once.
const FLEET: &str = "groups:
  - {name: kafka, id: sig-1, region: eu-west-1, image: ami-1, persistence: {data: reattach, private_ip: true},
     zones: [{name: eu-west-1a, subnet: subnet-a}], tags: {Role: kafka}, volumes: [{device: /dev/xvdb, size: 100}],
     capacity: {minimum: 0, target: 2, maximum: 5},
     stateful: [{id: ssi-1}, {id: ssi-2}, {id: ssi-3, state: PAUSED}]}
  - {name: web, id: sig-2, region: eu-west-1, members: [{count: 2}], capacity: {minimum: 0, maximum: 9}}
  - {name: twin, id: sig-3, region: eu-west-1}
  - {name: twin, id: sig-4, region: eu-west-1}
";

/// The vendor's log is asked for by time, so the simulator's day is today.
#[expect(clippy::disallowed_methods, reason = "the binary under test has the real clock")]
fn desk() -> Desk {
    let start = jiff::Timestamp::now();
    Desk::with(&format!("clock: {{speed: 500, start: '{start}'}}\n{FLEET}"))
}

fn requests(desk: &Desk, method: &str) -> usize {
    desk.simulator.requests().iter().filter(|request| request.method == method).count()
}

fn mutations(desk: &Desk) -> usize {
    ["POST", "PUT", "DELETE"].iter().map(|method| requests(desk, method)).sum()
}

/// The body of the last request of this method.
fn sent(desk: &Desk, method: &str) -> Value {
    let requests = desk.simulator.requests();
    let last = requests.into_iter().rfind(|request| request.method == method).unwrap();
    serde_json::to_value(&last).unwrap()["body"].clone()
}

fn with(mut arguments: Value, more: &Value) -> Value {
    for (name, value) in more.as_object().unwrap() {
        arguments[name] = value.clone();
    }
    arguments
}

fn keep(desk: &Desk, arguments: &Value) -> Called {
    call(desk, "elastigroup", arguments)
}

fn resize(desk: &Desk, arguments: &Value) -> Called {
    call(desk, "elastigroup_capacity", arguments)
}

fn groups(desk: &Desk, more: &Value) -> Vec<Value> {
    let answer = call(desk, "elastigroup_info", more).well();
    answer["elastigroups"].as_array().unwrap().clone()
}

/// A new group with state.
fn zookeeper() -> Value {
    json!({
        "name": "zookeeper", "region": "eu-west-1", "description": "votes",
        "capacity": {"target": 2, "minimum": 0, "maximum": 3},
        "zones": [{"name": "eu-west-1a", "subnet_ids": ["subnet-a"]}, {"name": "eu-west-1b", "subnet_ids": ["subnet-b"]}],
        "image_id": "ami-7", "instance_types": {"on_demand": ["m5.large"], "spot": ["m5.large", "m5a.large"]},
        "strategy": {"on_demand_count": 1, "orientation": "availability_oriented", "draining_timeout": 60,
            "revert_to_spot": {"perform_at": "time_window", "time_windows": ["Sun:03:00-Sun:05:00"]}},
        "persistence": {"data": "reattach", "private_ip": true},
        "security_group_ids": ["sg-1"], "iam_role": "arn:aws:iam::1:instance-profile/zk", "key_pair": "ops",
        "tags": {"Role": "zookeeper", "Port": 2181}, "health_check": {"type": "EC2", "grace_period": 300},
        "block_devices": [{"device_name": "/dev/xvdb", "volume_type": "gp3", "volume_size": 50}],
        "user_data": "#!/bin/sh\necho s3cret-user-data\n", "signals": [{"name": "INSTANCE_READY"}],
        "scheduled_tasks": [{"task_type": "statefulRecycle", "cron_expression": "0 4 * * 0", "enabled": false}],
    })
}

const CHECK: &str = "{\"_ansible_check_mode\": true, \"_ansible_diff\": true}";

fn checked(arguments: &Value) -> Value {
    with(arguments.clone(), &serde_json::from_str(CHECK).unwrap())
}

fn edit(desk: &Desk, edit: Value) {
    let edited = desk.simulator.control("POST", "/_sim/edit", edit);
    assert!(edited["error"].is_null(), "{edited}");
}

/// Create, change, delete; each foreseen, done, foreseen again, done again.
#[test]
fn a_group_is_made_changed_and_deleted_once_each() {
    let desk = desk();
    let changed = with(
        zookeeper(),
        &json!({"description": null, "capacity": {"target": 3},
        "tags": {"Role": "zookeeper"}, "spec": {"strategy": {"lifetimePeriod": "7"}}}),
    );
    let gone = json!({"name": "zookeeper", "region": "eu-west-1", "state": "absent", "confirm_data_loss": true});
    let mut asked = 0;
    for (arguments, words) in [(zookeeper(), "create"), (changed, "change"), (gone, "delete")] {
        let foreseen = keep(&desk, &checked(&arguments)).well();
        assert_eq!((&foreseen["changed"], mutations(&desk)), (&json!(true), asked), "{foreseen}");
        assert!(
            foreseen["msg"].as_str().unwrap().starts_with(&format!("would {words}")),
            "{foreseen}"
        );
        assert_ne!(foreseen["diff"]["before"], foreseen["diff"]["after"], "{foreseen}");
        let done = keep(&desk, &with(arguments.clone(), &json!({"_ansible_diff": true}))).well();
        asked += 1;
        assert_eq!((&done["changed"], mutations(&desk)), (&json!(true), asked), "{done}");
        for again in [checked(&arguments), arguments.clone()] {
            let again = keep(&desk, &again).well();
            assert_eq!((&again["changed"], mutations(&desk)), (&json!(false), asked), "{again}");
        }
    }
    let flags = &sent(&desk, "DELETE")["statefulDeallocation"];
    let expected = json!({"shouldDeleteImages": false, "shouldDeleteNetworkInterfaces": true,
        "shouldDeleteVolumes": false, "shouldDeleteSnapshots": false});
    assert_eq!(flags, &expected);
}

#[test]
fn a_new_group_is_sent_whole_waited_for_and_told() {
    let desk = desk();
    let made = keep(&desk, &zookeeper()).well();
    let group = &sent(&desk, "POST")["group"];
    assert_eq!(
        group["strategy"]["persistence"],
        json!({
        "shouldPersistBlockDevices": true, "blockDevicesMode": "reattach", "shouldPersistPrivateIp": true,
        "shouldPersistRootDevice": false})
    );
    assert_eq!(group["strategy"]["risk"], Value::Null);
    let launch = &group["compute"]["launchSpecification"];
    assert_eq!(launch["metadataOptions"], json!({"httpTokens": "required"}));
    assert_eq!(launch["userData"], STANDARD.encode("#!/bin/sh\necho s3cret-user-data\n"));
    assert_eq!(
        launch["tags"],
        json!([{"tagKey": "Port", "tagValue": "2181"}, {"tagKey": "Role", "tagValue": "zookeeper"}])
    );
    assert_eq!(launch["iamRole"], json!({"arn": "arn:aws:iam::1:instance-profile/zk"}));
    assert_eq!(group["strategy"]["signals"], json!([{"name": "INSTANCE_READY", "timeout": 1800}]));
    let hosts = made["instances"].as_array().unwrap();
    assert_eq!((hosts.len(), &made["created"]), (2, &json!(true)));
    for host in hosts {
        assert_eq!(
            (&host["state"], &host["health"]),
            (&json!("ACTIVE"), &json!("HEALTHY")),
            "{host}"
        );
        assert!(host["privateIp"].is_string() && host["instanceId"].is_string(), "{host}");
    }
}

#[test]
fn only_what_is_described_is_managed_and_sent() {
    let desk = desk();
    let done = keep(
        &desk,
        &json!({"id": "sig-1", "description": "brokers", "image_id": "ami-2", "wait": false}),
    )
    .well();
    let body = json!({"group": {"description": "brokers", "compute": {"launchSpecification": {"imageId": "ami-2"}}}});
    assert_eq!(sent(&desk, "PUT"), body);
    let paths: Vec<&Value> =
        done["changes"].as_array().unwrap().iter().map(|change| &change["path"]).collect();
    assert_eq!(paths, ["description", "compute.launchSpecification.imageId"]);
    assert_eq!(done["changes"][1]["before"], "ami-1");
    // By name as well, and a list is one field.
    let done = keep(
        &desk,
        &json!({"name": "kafka", "tags": {"Role": "kafka", "Team": "a"}, "wait": false}),
    )
    .well();
    assert_eq!(done["changes"].as_array().unwrap().len(), 1);
    assert_eq!(
        sent(&desk, "PUT")["group"]["compute"]["launchSpecification"]["tags"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    // Null and an empty list clear.
    let cleared = json!({"id": "sig-1", "tags": {}, "spec": {"description": null}, "wait": false});
    keep(&desk, &cleared).well();
    assert_eq!(sent(&desk, "PUT")["group"]["description"], Value::Null);
    let group = &groups(&desk, &json!({"ids": ["sig-1"]}))[0];
    assert!(group["spec"]["description"].is_null());
    assert!(group["spec"]["compute"]["launchSpecification"]["tags"].is_null());
    assert_eq!(keep(&desk, &cleared).well()["changed"], false);
}

#[test]
fn what_cannot_be_is_refused_before_anything_is_sent() {
    let table = [
        (
            json!({"id": "sig-1", "region": "us-east-1"}),
            "region is \"eu-west-1\" and cannot become",
        ),
        (json!({"id": "sig-1", "capacity": {"unit": "weight"}}), "capacity.unit"),
        (json!({"name": "twin", "description": "x"}), "2 groups are called \"twin\": sig-3, sig-4"),
        (json!({"id": "sig-9", "description": "x"}), "there is no group sig-9"),
        (json!({"name": "new"}), "set these options"),
        (json!({"description": "x"}), "set id or name"),
        (json!({"id": "", "name": "kafka"}), "option id is empty"),
        (json!({"id": "sig-1", "capacity": {"target": 1}}), "elastigroup_capacity"),
        (json!({"id": "sig-1", "capacity": {"target": 9}}), "minimum 0, target 9, maximum 5"),
        (json!({"id": "sig-1", "persistence": {"data": "off"}}), "confirm_data_loss"),
        (json!({"id": "sig-1", "state": "absent"}), "has 3 instances: set confirm_data_loss"),
        (
            json!({"id": "sig-1", "state": "absent", "confirm_data_loss": true, "region": "us-east-1"}),
            "it is in eu-west-1, and region is us-east-1; nothing was deleted",
        ),
        (json!({"id": "sig-1", "descripton": "x"}), "did you mean description"),
        (json!({"id": "sig-1", "capacity": {"taget": 1}}), "capacity.taget (did you mean target?)"),
        (json!({"id": "sig-1", "strategy": {"risk": 120}}), "risk"),
        (
            json!({"id": "sig-1", "strategy": {"risk": 1, "on_demand_count": 1}}),
            "mutually exclusive",
        ),
        (
            json!({"id": "sig-1", "user_data": "a", "user_data_base64": "YQ=="}),
            "mutually exclusive",
        ),
        (json!({"id": "sig-1", "image_id": "ami-1", "image": {"name": "a"}}), "mutually exclusive"),
        (json!({"id": "sig-1", "zones": "a"}), "zones"),
        (json!({"id": "sig-1", "spec": "not a mapping"}), "spec"),
    ];
    let desk = desk();
    for (arguments, words) in table {
        let called = keep(&desk, &arguments);
        assert!(called.failed().contains(words), "{arguments}: {}", called.failed());
    }
    assert_eq!(mutations(&desk), 0);
}

/// What cannot be asked is no reason to do otherwise than was wanted.
#[cfg(not(feature = "aws"))]
#[test]
fn a_build_without_aws_looks_no_image_up_and_says_so() {
    let desk = desk();
    for more in [
        json!({"image": {"name": "kafka-*", "newest": true}}),
        json!({"image_ssm_parameter": "/kafka/image"}),
        json!({"image_id": "ami-9", "preflight": "required"}),
    ] {
        let called = keep(&desk, &with(json!({"id": "sig-1", "wait": false}), &more));
        assert!(called.failed().contains("built without AWS support"), "{}", called.failed());
    }
    assert_eq!(mutations(&desk), 0);
    keep(&desk, &json!({"id": "sig-1", "image_id": "ami-9", "wait": false})).well();
}

#[test]
fn a_group_of_the_name_elsewhere_is_another_one() {
    let desk = desk();
    let arguments =
        with(zookeeper(), &json!({"name": "kafka", "region": "us-east-1", "wait": false}));
    let made = keep(&desk, &arguments).well();
    assert_eq!(made["created"], true);
    assert!(made["warnings"][0].as_str().unwrap().contains("sig-1 in eu-west-1"), "{made}");
    let twice = keep(&desk, &json!({"name": "kafka", "description": "which"}));
    assert!(twice.failed().contains("2 groups are called"));
}

/// One that never arrived is looked for by two minutes of the real clock; that is shown in `groups.rs`.
#[test]
fn after_a_lost_answer_it_is_looked_for_before_it_is_made_again() {
    let desk = desk();
    desk.fault(json!({"kind": "cut_after_commit", "method": "POST", "route": "/aws/ec2/group", "count": 1}));
    let made = keep(&desk, &with(zookeeper(), &json!({"wait": false}))).well();
    assert_eq!((requests(&desk, "POST"), &made["created"]), (1, &json!(true)));
    assert_eq!(groups(&desk, &json!({"names": ["zookeeper"]})).len(), 1);
}

/// A group of yesterday in which nothing changes, and an instance of unknown health: told and not waited for.
#[test]
fn what_is_amiss_in_a_group_that_is_as_described_is_a_warning_and_no_wait() {
    let desk = Desk::with(
        "groups: [{name: kafka, id: sig-1, region: eu-west-1, created_at: '2020-01-01T00:00:00Z',
           persistence: {data: reattach}, stateful: [{id: ssi-1}, {id: ssi-2}]}]",
    );
    desk.simulator.control(
        "POST",
        "/_sim/edit",
        json!({"instance": "ssi-1", "set": {"health": "INSUFFICIENT_DATA"}}),
    );
    let before = desk.simulator.requests().len();
    let described = json!({"id": "sig-1", "name": "kafka", "wait_timeout": 5});
    let told = keep(&desk, &described).well();
    assert_eq!(told["changed"], false);
    let warning = told["warnings"][0].as_str().unwrap();
    assert!(warning.contains("not yet: ssi-1 INSUFFICIENT_DATA"), "{warning}");
    let sick = told["instances"].as_array().unwrap().iter().find(|host| host["id"] == "ssi-1");
    assert_eq!(sick.unwrap()["health"], "INSUFFICIENT_DATA");
    // One look: the groups, and three lists of the one.
    assert_eq!(desk.simulator.requests().len() - before, 4);
}

#[test]
fn a_short_secret_is_struck_from_what_the_vendor_says() {
    let desk = desk();
    let coded = STANDARD.encode("pw1");
    desk.fault(
        json!({"kind": "status", "status": 400, "code": "ValidationError", "method": "POST",
        "message": format!("\"userData\" {coded}, which is pw1, is odd"), "count": 1}),
    );
    let called = keep(&desk, &with(zookeeper(), &json!({"user_data": "pw1", "wait": false})));
    let line = called.failed();
    assert!(line.contains("is odd") && !line.contains("pw1") && !line.contains(&coded), "{line}");
}

#[test]
fn a_creation_that_cannot_be_looked_for_is_not_repeated() {
    let desk = desk();
    desk.fault(json!({"kind": "cut_after_commit", "method": "POST", "route": "/aws/ec2/group", "count": 1}));
    desk.fault(json!({"kind": "status", "status": 403, "method": "GET", "route": "/aws/ec2/group", "nth": 2, "count": 9}));
    let called = keep(&desk, &with(zookeeper(), &json!({"wait": false})));
    assert!(
        called.failed().contains("cannot tell whether group \"zookeeper\" was made"),
        "{}",
        called.failed()
    );
    assert_eq!(requests(&desk, "POST"), 1);
    // A second run finds it.
    desk.mend();
    assert_eq!(keep(&desk, &with(zookeeper(), &json!({"wait": false}))).well()["changed"], false);
}

/// What was done is told, also if the group cannot be read since.
#[test]
fn what_was_done_is_told_though_it_cannot_be_read_since() {
    for (arguments, route, nth, words) in [
        (
            with(zookeeper(), &json!({"wait": false})),
            "/aws/ec2/group/{groupId}",
            1,
            "was made, and cannot be read since",
        ),
        (
            json!({"id": "sig-1", "description": "x", "wait": false}),
            "/aws/ec2/group/{groupId}",
            1,
            "was changed, and cannot be read since",
        ),
        (
            json!({"id": "sig-2", "state": "absent"}),
            "/aws/ec2/group/{groupId}",
            1,
            "was deleted, and cannot be read since",
        ),
    ] {
        let desk = desk();
        desk.fault(json!({"kind": "status", "status": 403, "method": "GET", "route": route, "nth": nth, "count": 99}));
        let called = keep(&desk, &arguments);
        assert!(called.failed().contains(words), "{}", called.answer);
        assert_eq!(
            (&called.answer["changed"], mutations(&desk)),
            (&json!(true), 1),
            "{}",
            called.answer
        );
        assert!(called.answer["id"].as_str().unwrap().starts_with("sig-"), "{}", called.answer);
        desk.mend();
        assert_eq!(keep(&desk, &arguments).well()["changed"], false, "{arguments}");
    }
}

#[test]
fn a_suspension_that_cannot_be_seen_since_is_told_as_a_change() {
    let desk = desk();
    let route = "/aws/ec2/group/{groupId}/suspension";
    desk.fault(json!({"kind": "status", "status": 403, "method": "GET", "route": route, "nth": 2, "count": 99}));
    let arguments = json!({"id": "sig-1", "processes": ["AUTO_HEALING"], "state": "suspended"});
    let called = call(&desk, "elastigroup_suspension", &arguments);
    let words = "group sig-1 had processes suspended, or perhaps so, and cannot be read since";
    assert!(called.failed().contains(words), "{}", called.failed());
    assert!(called.failed().contains("a second run sees what is there"), "{}", called.failed());
    assert_eq!(
        (&called.answer["changed"], mutations(&desk)),
        (&json!(true), 1),
        "{}",
        called.answer
    );
}

/// Instances keep their data whatever the group's configuration says since.
#[test]
fn a_group_whose_persistence_was_cleared_is_not_deleted_without_consent() {
    let desk = desk();
    let cleared =
        json!({"id": "sig-1", "spec": {"strategy": {"persistence": null}}, "wait": false});
    assert!(keep(&desk, &cleared).failed().contains("set confirm_data_loss"));
    keep(&desk, &with(cleared, &json!({"confirm_data_loss": true}))).well();
    let gone = json!({"id": "sig-1", "state": "absent"});
    let called = keep(&desk, &gone);
    assert!(called.failed().contains("is stateful and has 3 instances"), "{}", called.answer);
    assert_eq!(requests(&desk, "DELETE"), 0);
    keep(&desk, &with(gone, &json!({"confirm_data_loss": true}))).well();
}

/// Nor does the vendor choose which of them goes.
#[test]
fn a_group_whose_persistence_was_cleared_does_not_shrink_by_chance() {
    for cleared in [Value::Null, json!({})] {
        let desk = desk();
        let edit = json!({"group": "sig-1", "set": {"strategy.persistence": cleared}});
        let edited = desk.simulator.control("POST", "/_sim/edit", edit);
        assert!(edited["error"].is_null(), "{edited}");
        let smaller = json!({"id": "sig-1", "capacity": {"target": 1}, "wait": false, "confirm_data_loss": true});
        let called = keep(&desk, &smaller);
        assert!(called.failed().contains("while 2 stateful instances run"), "{}", called.answer);
        let step = json!({"id": "sig-1", "target": "-1", "confirm_data_loss": true});
        let called = resize(&desk, &step);
        assert!(
            called.failed().contains("1 of its stateful instances have to go"),
            "{}",
            called.answer
        );
        assert_eq!(mutations(&desk), 0);
        let named =
            resize(&desk, &with(step, &json!({"instances": ["ssi-1"], "wait": false}))).well();
        assert_eq!(named["removed"], json!(["ssi-1"]), "{named}");
    }
}

/// A refusal of the vendor's says nothing of what a group has.
#[test]
fn what_the_vendor_does_not_tell_of_a_group_may_be_there() {
    let route = "/aws/ec2/group/{groupId}/statefulInstance";
    let smaller = json!({"id": "sig-2", "capacity": {"target": 1}, "wait": false});
    let resized = json!({"id": "sig-2", "target": 0, "wait": false});
    let gone = json!({"id": "sig-2", "state": "absent"});
    let desk = desk();
    let fault = json!({"kind": "status", "status": 400, "code": "RequestLimitExceeded",
        "message": "Request limit exceeded.", "method": "GET", "route": route});
    desk.fault(fault);
    // What grows loses nothing.
    let grown = json!({"id": "sig-2", "capacity": {"target": 3}, "wait": false});
    assert_eq!(keep(&desk, &grown).well()["changed"], true);
    let table =
        [("elastigroup", smaller), ("elastigroup_capacity", resized), ("elastigroup", gone)];
    for (module, arguments) in table {
        let asked = mutations(&desk);
        let called = call(&desk, module, &arguments);
        let words = "set confirm_data_loss if they and their data may go";
        assert!(called.failed().contains(words), "{}", called.answer);
        assert_eq!(
            (&called.answer["retryable"], mutations(&desk)),
            (&json!(true), asked),
            "{}",
            called.answer
        );
        let sure = with(arguments, &json!({"confirm_data_loss": true}));
        assert_eq!(call(&desk, module, &sure).well()["changed"], true);
    }
}

/// A group that the vendor does not tell whole may be the one that is meant, and what is not known is no reason to act.
#[test]
fn a_group_that_is_told_without_name_or_region_is_not_taken_for_another_one() {
    let new = with(zookeeper(), &json!({"wait": false}));
    let web = json!({"name": "web", "region": "eu-west-1"});
    let gone = with(web.clone(), &json!({"state": "absent"}));
    for (untold, arguments) in [
        (json!({"group": "sig-3", "unset": ["name"]}), &new),
        (json!({"group": "sig-2", "unset": ["name"]}), &gone),
        (json!({"group": "sig-3", "unset": ["name"]}), &gone),
        (json!({"group": "sig-2", "unset": ["region"]}), &gone),
        (json!({"group": "sig-2", "unset": ["region"]}), &web),
    ] {
        let desk = desk();
        edit(&desk, untold.clone());
        let called = keep(&desk, arguments);
        let words = "cannot tell whether there is a group";
        assert!(called.failed().contains(words), "{untold}: {}", called.failed());
        assert_eq!(
            (&called.answer["retryable"], mutations(&desk)),
            (&json!(true), 0),
            "{}",
            called.answer
        );
    }
    let desk = desk();
    edit(&desk, json!({"group": "sig-2", "unset": ["name", "region"]}));
    for module in ["elastigroup_capacity", "elastigroup_suspension"] {
        let more = match module {
            "elastigroup_capacity" => json!({"target": 1}),
            _ => json!({"state": "resumed"}),
        };
        let called = call(&desk, module, &with(web.clone(), &more));
        assert!(called.failed().contains("no name of group sig-2"), "{}", called.failed());
    }
    let told = call(&desk, "elastigroup_info", &json!({"names": ["kafka"]})).well();
    assert_eq!(told["elastigroups"].as_array().unwrap().len(), 1);
    assert!(told["warnings"].to_string().contains("no name of group sig-2"), "{told}");
    // By id it is known, but not where it is.
    let gone = json!({"id": "sig-2", "region": "eu-west-1", "state": "absent"});
    let called = keep(&desk, &gone);
    assert!(called.failed().contains("leave region out"), "{}", called.failed());
    assert_eq!(mutations(&desk), 0);
    assert_eq!(keep(&desk, &json!({"id": "sig-2", "state": "absent"})).well()["changed"], true);
}

/// A template writes a switch as a text.
#[test]
fn a_new_group_has_the_state_that_a_text_says() {
    let desk = desk();
    let mut arguments = zookeeper();
    arguments.as_object_mut().unwrap().remove("persistence");
    arguments["spec"] = json!({"strategy": {"persistence": {"shouldPersistBlockDevices": "True",
        "blockDevicesMode": "reattach"}}});
    let arguments = with(arguments, &json!({"wait": false}));
    keep(&desk, &arguments).well();
    let sent = &sent(&desk, "POST")["group"]["strategy"]["persistence"];
    assert_eq!(sent["shouldPersistBlockDevices"], true, "{sent}");
    assert_eq!(keep(&desk, &arguments).well()["changed"], false);
}

/// An answer shows a digest in place of a script. Given back it would be the script.
#[test]
fn what_stands_for_a_script_is_not_taken_for_one() {
    let desk = desk();
    let made =
        keep(&desk, &with(zookeeper(), &json!({"user_data": "#!/bin/sh\n", "wait": false}))).well();
    let again =
        json!({"name": "another", "region": "eu-west-1", "spec": made["spec"], "wait": false});
    let called = keep(&desk, &again);
    assert!(
        called.failed().contains("userData is what stands for it in an answer"),
        "{}",
        called.answer
    );
    assert_eq!(requests(&desk, "POST"), 1);
}

#[test]
fn a_creation_that_is_throttled_is_tried_again_and_a_refusal_is_told() {
    let desk = desk();
    desk.fault(json!({"kind": "status", "status": 400, "code": "CANT_CREATE_GROUP", "method": "POST", "count": 1}));
    keep(&desk, &with(zookeeper(), &json!({"wait": false}))).well();
    assert_eq!(requests(&desk, "POST"), 2);
    let odd = with(
        zookeeper(),
        &json!({"name": "odd", "spec": {"strategy": {"availabilityVsCost": "best"}}, "strategy": {}}),
    );
    let called = keep(&desk, &odd);
    assert!(
        called.failed().contains("body:group.strategy.availabilityVsCost"),
        "{}",
        called.failed()
    );
    assert_eq!(called.answer["error_code"], "ValidationError");
}

#[test]
fn consent_without_effect_is_a_failure_that_names_the_fields() {
    let desk = desk();
    desk.fault(json!({"kind": "lost_update", "method": "PUT"}));
    let called = keep(&desk, &json!({"id": "sig-1", "description": "x", "wait": false}));
    assert!(called.failed().contains("has not kept all of it: description"), "{}", called.failed());
    desk.mend();
    desk.fault(json!({"kind": "partial_update", "method": "PUT", "fields": ["compute.launchSpecification.imageId"]}));
    let called = keep(
        &desk,
        &json!({"id": "sig-1", "description": "y", "image_id": "ami-3", "wait": false}),
    );
    assert!(called.failed().contains("compute.launchSpecification.imageId"), "{}", called.failed());
    assert_eq!(called.answer["changed"], true);
    desk.mend();
    desk.fault(json!({"kind": "lost_update", "method": "POST", "route": "/aws/ec2/group"}));
    let called = keep(&desk, &with(zookeeper(), &json!({"wait": false})));
    assert!(called.failed().contains("still not there"), "{}", called.failed());
}

#[test]
fn a_lost_answer_of_an_update_or_a_deletion_is_looked_for() {
    for kind in ["cut_after_commit", "cut_before_commit"] {
        let desk = desk();
        desk.fault(json!({"kind": kind, "method": "PUT", "count": 1}));
        keep(&desk, &json!({"id": "sig-1", "description": "x", "wait": false})).well();
        let again = usize::from(kind == "cut_before_commit");
        assert_eq!(requests(&desk, "PUT"), 1 + again, "{kind}");
        desk.fault(json!({"kind": kind, "method": "DELETE", "count": 1}));
        let gone = json!({"id": "sig-2", "state": "absent"});
        keep(&desk, &gone).well();
        assert_eq!(requests(&desk, "DELETE"), 1 + again, "{kind}");
        assert_eq!(keep(&desk, &gone).well()["changed"], false);
    }
}

/// A refusal says nothing of an earlier request that got no answer.
#[test]
fn what_is_refused_after_a_lost_answer_may_have_been_done() {
    for (module, method, arguments) in [
        ("elastigroup", "PUT", json!({"id": "sig-1", "description": "x", "wait": false})),
        ("elastigroup", "DELETE", json!({"id": "sig-2", "state": "absent"})),
        (
            "elastigroup_suspension",
            "POST",
            json!({"id": "sig-1", "processes": ["AUTO_HEALING"], "state": "suspended"}),
        ),
        ("elastigroup_capacity", "PUT", json!({"id": "sig-2", "target": 3, "wait": false})),
    ] {
        let desk = desk();
        let refused = json!({"kind": "status", "status": 403, "method": method, "count": 1});
        desk.fault(refused.clone());
        let called = call(&desk, module, &arguments);
        assert_eq!(
            (&called.answer["failed"], &called.answer["changed"]),
            (&json!(true), &json!(false)),
            "{}",
            called.answer
        );
        desk.mend();
        desk.fault(json!({"kind": "cut_before_commit", "method": method, "count": 1}));
        desk.fault(with(refused, &json!({"nth": 2})));
        let called = call(&desk, module, &arguments);
        assert!(called.failed().contains("a second run sees what is there"), "{}", called.answer);
        let told =
            (&called.answer["changed"], &called.answer["retryable"], &called.answer["http_status"]);
        assert_eq!(told, (&json!(true), &json!(true), &json!(403)), "{}", called.answer);
        assert_eq!(call(&desk, module, &arguments).well()["changed"], true);
        assert_eq!(call(&desk, module, &arguments).well()["changed"], false);
    }
}

#[test]
fn a_wait_that_cannot_end_well_fails_with_the_log() {
    let desk = desk();
    desk.fault(
        json!({"kind": "lifecycle", "ends": "ERROR", "message": "no capacity in eu-west-1a"}),
    );
    let called = keep(&desk, &zookeeper());
    let line = called.failed();
    assert!(
        line.contains("is in state ERROR") && line.contains("no capacity in eu-west-1a"),
        "{line}"
    );
    assert_eq!((&called.answer["changed"], called.answer["id"].is_string()), (&json!(true), true));
}

#[test]
fn odd_shapes_of_the_vendor_make_no_change() {
    let shapes = json!({"numbers": "strings", "persistence": "array", "unset": "null", "unknown_fields": true});
    let desk = desk();
    let before = keep(&desk, &with(zookeeper(), &json!({"wait": false}))).well();
    let edit = json!({"group": before["id"], "set": {"shapes": shapes}});
    let edited = desk.simulator.control("POST", "/_sim/edit", edit);
    assert!(edited["error"].is_null(), "{edited}");
    let again = keep(&desk, &with(zookeeper(), &json!({"wait": false}))).well();
    assert_eq!((&again["changed"], &again["changes"]), (&json!(false), &json!([])));
}

#[test]
fn what_the_info_module_tells_can_be_given_back_and_copied() {
    let desk = desk();
    keep(&desk, &with(zookeeper(), &json!({"wait": false}))).well();
    let asked = mutations(&desk);
    for group in groups(&desk, &json!({"with_user_data": true})) {
        let adopted = json!({"id": group["id"], "spec": group["spec"], "wait": false});
        let adopted = keep(&desk, &adopted).well();
        assert_eq!((&adopted["changed"], mutations(&desk)), (&json!(false), asked), "{group}");
    }
    let original = &groups(&desk, &json!({"names": ["zoo*"], "with_user_data": true}))[0];
    let copy =
        json!({"name": "copy", "region": "us-east-1", "spec": original["spec"], "wait": false});
    keep(&desk, &copy).well();
    let copied = &groups(&desk, &json!({"names": ["copy"], "with_user_data": true}))[0];
    let (mut one, mut other) = (original["spec"].clone(), copied["spec"].clone());
    for spec in [&mut one, &mut other] {
        spec.as_object_mut().unwrap().retain(|key, _| key != "name" && key != "region");
    }
    assert_eq!(one, other);
}

#[test]
fn the_info_module_filters_and_tells_what_is_asked_for() {
    let desk = desk();
    let ids = |more: Value| -> Vec<String> {
        groups(&desk, &more).iter().map(|group| group["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(json!({"stateful": true})), ["sig-1"]);
    assert_eq!(ids(json!({"names": ["tw?n"]})), ["sig-3", "sig-4"]);
    assert_eq!(ids(json!({"ids": "sig-2,sig-9"})), ["sig-2"]);
    assert!(ids(json!({"regions": ["us-east-1"]})).is_empty());
    let told = json!({"ids": ["sig-1"], "with_instances": true, "with_suspensions": true, "events_hours": 48, "log_hours": 48});
    let group = &groups(&desk, &told)[0];
    assert_eq!(group["instances"].as_array().unwrap().len(), 3);
    assert_eq!(group["suspensions"], json!([]));
    assert_eq!(group["events"][0]["eventType"], "Create");
    assert!(
        group["log"][0]["message"].as_str().unwrap().contains("successfully created"),
        "{group}"
    );
    let none = json!({"ids": ["sig-1"], "log_hours": 48, "log_severities": ["ERROR"]});
    assert_eq!(groups(&desk, &none)[0]["log"], json!([]));
    assert!(groups(&desk, &json!({"ids": ["sig-1"]}))[0].get("log").is_none());
}

#[test]
fn secret_user_data_shows_nowhere_and_other_user_data_is_readable() {
    let secret = format!("#!/bin/sh\nexport TOKEN={CANARY}\n");
    let coded = STANDARD.encode(&secret);
    let desk = desk();
    // A server that repeats what it was sent.
    desk.fault(
        json!({"kind": "status", "status": 400, "code": "ValidationError", "method": "POST",
        "message": format!("\"userData\" {coded} is odd"), "count": 1}),
    );
    for (given, fails) in [
        (json!({"user_data": secret}), true),
        (
            json!({"user_data": secret, "_ansible_check_mode": true, "_ansible_diff": true, "_ansible_verbosity": 4}),
            false,
        ),
        (json!({"user_data_base64": coded, "_ansible_diff": true, "_ansible_verbosity": 4}), false),
        (json!({"spec": {"compute": {"launchSpecification": {"userData": coded}}}}), false),
    ] {
        let mut arguments = zookeeper();
        arguments.as_object_mut().unwrap().remove("user_data");
        // `call` itself looks for the canary; here is looked for the other form.
        let called = keep(&desk, &with(arguments, &with(given, &json!({"wait": false}))));
        assert!(
            !called.run.stdout.contains(&coded) && !called.run.stderr.contains(&coded),
            "{:?}",
            called.run
        );
        assert_eq!(called.answer["failed"] == true, fails, "{}", called.answer);
    }
    // And a change of it is seen by its digest.
    let mut arguments = zookeeper();
    arguments["_ansible_diff"] = json!(true);
    let changed = keep(&desk, &with(arguments.clone(), &json!({"wait": false}))).well();
    let path = "compute.launchSpecification.userData";
    let (before, after) = (&changed["diff"]["before"][path], &changed["diff"]["after"][path]);
    assert!(before.as_str().unwrap().starts_with("sha256:") && before != after, "{changed}");
    let shown = with(
        arguments,
        &json!({"user_data": "#!/bin/sh\ntrue\n", "user_data_is_secret": false, "wait": false}),
    );
    let shown = keep(&desk, &shown).well();
    assert_eq!(shown["diff"]["after"][path], "#!/bin/sh\ntrue\n");
    // What is answered can be given back.
    let given = json!({"name": "zookeeper", "region": "eu-west-1", "spec": shown["spec"], "user_data_is_secret": false, "wait": false});
    let again = keep(&desk, &given).well();
    assert_eq!((&again["changed"], &again["changes"]), (&json!(false), &json!([])), "{again}");
    let told = groups(&desk, &json!({"names": ["zookeeper"]}))[0].clone();
    assert_eq!(told["left_out"], json!([path]));
    assert!(told["user_data_digest"].as_str().unwrap().starts_with("sha256:"), "{told}");
}

/// Grow, shrink and grow without state; each foreseen, done, and for a number done again.
#[test]
fn a_capacity_is_reached_once() {
    let table = [
        (json!({"id": "sig-2", "target": 4}), 4, 1),
        (json!({"name": "web", "target": "1"}), 1, 1),
        (json!({"id": "sig-1", "target": 3}), 3, 1),
        (json!({"id": "sig-1", "target": 2, "instances": ["ssi-2"]}), 2, 2),
        (json!({"id": "sig-1", "minimum": 1}), 2, 1),
        (json!({"id": "sig-1", "target": 7, "move_bounds": true}), 7, 1),
    ];
    let desk = desk();
    let mut asked = 0;
    for (arguments, target, calls) in table {
        let foreseen = resize(&desk, &checked(&arguments)).well();
        assert_eq!(
            (&foreseen["changed"], mutations(&desk)),
            (&json!(true), asked),
            "{arguments}: {foreseen}"
        );
        let done = resize(&desk, &arguments).well();
        asked += calls;
        assert_eq!(
            (&done["changed"], mutations(&desk)),
            (&json!(true), asked),
            "{arguments}: {done}"
        );
        assert_eq!(done["capacity"]["target"], target);
        let runs = |host: &&Value| host["state"].is_null() || host["state"] == "ACTIVE";
        let running = done["instances"].as_array().unwrap().iter().filter(runs).count();
        assert_eq!(running, target, "{done}");
        for again in [checked(&arguments), arguments.clone()] {
            let again = resize(&desk, &again).well();
            assert_eq!((&again["changed"], mutations(&desk)), (&json!(false), asked), "{again}");
        }
    }
}

#[test]
fn paused_instances_come_back_before_new_ones_are_made_and_none_goes_by_chance() {
    let desk = desk();
    let grown = resize(&desk, &json!({"id": "sig-1", "target": "+2"})).well();
    let hosts = grown["instances"].as_array().unwrap();
    let ids: Vec<&Value> = hosts.iter().map(|host| &host["id"]).collect();
    assert!(ids.contains(&&json!("ssi-3")) && hosts.len() == 4, "{grown}");
    assert!(hosts.iter().all(|host| host["state"] == "ACTIVE"), "{grown}");
    let asked = mutations(&desk);
    for (arguments, words) in [
        (json!({"id": "sig-1", "target": "-1"}), "1 of its stateful instances have to go"),
        (json!({"id": "sig-1", "target": 3, "instances": ["ssi-1", "ssi-2"]}), "names 2 that run"),
        (json!({"id": "sig-1", "target": 3, "instances": ["ssi-9"]}), "no stateful instance ssi-9"),
        (json!({"id": "sig-1", "target": 9}), "not between the minimum 0 and the maximum 5"),
        (json!({"id": "sig-1", "target": 5, "ceiling": 4}), "over the ceiling of 4"),
        (json!({"id": "sig-1", "target": "lots"}), "is \"lots\""),
        (json!({"id": "sig-2", "target": 1, "instances": ["i-1"]}), "is for stateful groups"),
        (json!({"id": "sig-1"}), "one of the following is required"),
        (json!({"id": "sig-9", "target": 1}), "there is no group sig-9"),
        (
            json!({"id": "sig-1", "target": 3, "instances": ["ssi-1"], "removal": "deallocated",
                "deallocation": {"delete_volumes": true}}),
            "confirm_data_loss",
        ),
    ] {
        let called = resize(&desk, &arguments);
        assert!(called.failed().contains(words), "{arguments}: {}", called.failed());
    }
    assert_eq!(mutations(&desk), asked);
    // The one that is named, and no other; a second time nothing.
    let step = json!({"id": "sig-1", "target": "-1", "instances": ["ssi-2"]});
    let done = resize(&desk, &step).well();
    assert_eq!((&done["removed"], &done["capacity"]["target"]), (&json!(["ssi-2"]), &json!(3)));
    assert_eq!(resize(&desk, &step).well()["changed"], false);
    let given_up =
        json!({"id": "sig-1", "target": 2, "instances": ["ssi-1"], "removal": "deallocated"});
    let done = resize(&desk, &given_up).well();
    let hosts = done["instances"].as_array().unwrap();
    let left =
        |id: &str| hosts.iter().any(|host| host["id"] == id && host["state"] != "DEALLOCATED");
    assert!(!left("ssi-1") && left("ssi-2") && left("ssi-3") && hosts.len() <= 4, "{done}");
    assert_eq!(resize(&desk, &given_up).well()["changed"], false);
}

/// Only a group that grows takes paused instances back.
#[test]
fn bounds_and_a_target_that_sinks_leave_paused_instances_paused() {
    let asks_to_resume = |desk: &Desk| {
        let requests = desk.simulator.requests();
        let last = requests.iter().rfind(|request| request.method == "PUT").unwrap();
        serde_json::to_string(last).unwrap().contains("shouldResumeStateful=true")
    };
    let desk = desk();
    let up = |target: u32| json!({"id": "sig-1", "capacity": {"target": target}, "wait": false});
    keep(&desk, &up(3)).well();
    assert!(asks_to_resume(&desk));
    let fleet = FLEET.replace("target: 2, maximum: 5", "target: 4, maximum: 5");
    for (module, arguments) in [
        ("elastigroup", json!({"id": "sig-1", "capacity": {"target": 2}, "wait": false})),
        ("elastigroup_capacity", json!({"id": "sig-1", "target": 3, "wait": false})),
        ("elastigroup_capacity", json!({"id": "sig-1", "minimum": 1, "wait": false})),
    ] {
        let desk = Desk::with(&fleet);
        assert_eq!(call(&desk, module, &arguments).well()["changed"], true);
        assert!(!asks_to_resume(&desk), "{module} {arguments}");
    }
}

#[test]
fn an_instance_that_is_paused_already_is_given_up() {
    let desk = desk();
    let given_up =
        json!({"id": "sig-1", "target": 2, "instances": ["ssi-3"], "removal": "deallocated"});
    let foreseen = resize(&desk, &checked(&given_up)).well();
    assert_eq!((&foreseen["changed"], mutations(&desk)), (&json!(true), 0), "{foreseen}");
    let done = resize(&desk, &given_up).well();
    assert_eq!((&done["changed"], &done["removed"]), (&json!(true), &json!(["ssi-3"])), "{done}");
    assert_eq!(done["capacity"]["target"], 2);
    let asked = mutations(&desk);
    assert_eq!(resize(&desk, &given_up).well()["changed"], false);
    // A step that was taken is not taken again, and what it paused is still to be given up.
    let desk = self::desk();
    let step = json!({"id": "sig-1", "target": "-1", "instances": ["ssi-2"]});
    resize(&desk, &step).well();
    let done = resize(&desk, &with(step, &json!({"removal": "deallocated"}))).well();
    assert_eq!(
        (&done["removed"], &done["capacity"]["target"]),
        (&json!(["ssi-2"]), &json!(1)),
        "{done}"
    );
    assert!(asked > 0);
}

/// While instances are paused, which takes minutes, others change the group too.
#[test]
fn a_target_that_was_counted_before_the_pauses_does_not_undo_what_was_set_since() {
    let step = json!({"id": "sig-1", "target": "-1", "instances": ["ssi-1"], "wait": false});
    for (change, words) in [
        (json!({"group": "sig-1", "set": {"capacity.target": 4}}), "its target was 2 and is 4"),
        (json!({"instance": "ssi-3", "set": {"state": "ACTIVE"}}), "ssi-3 runs and did not"),
    ] {
        let desk = desk();
        let called = std::thread::scope(|scope| {
            let resized = scope.spawn(|| resize(&desk, &step));
            let is_asked = || {
                let asked = desk.simulator.requests();
                asked.iter().any(|it| it.method == "PUT" && it.path.contains("statefulInstance"))
            };
            while !is_asked() && !resized.is_finished() {
                std::thread::yield_now();
            }
            edit(&desk, change);
            resized.join().unwrap()
        });
        assert!(called.failed().contains(words), "{}", called.failed());
        assert!(called.failed().contains("paused for it: ssi-1"), "{}", called.failed());
        let answer = &called.answer;
        assert_eq!(
            (&answer["changed"], &answer["retryable"], &answer["removed"]),
            (&json!(true), &json!(true), &json!(["ssi-1"])),
            "{answer}"
        );
        assert_eq!(mutations(&desk), 1, "only the pause: {answer}");
    }
}

/// What was paused was changed, also if the next instance cannot be looked at.
#[test]
fn instances_that_went_before_a_failure_are_told_as_a_change() {
    let route = "/aws/ec2/group/{groupId}";
    let two = json!({"id": "sig-1", "target": 0, "instances": ["ssi-1", "ssi-2"]});
    let one = json!({"id": "sig-1", "target": 1, "instances": ["ssi-1"], "removal": "deallocated"});
    for (arguments, nth, has_changed, words) in [
        (&two, 1, false, "the target was not changed for ssi-1, ssi-2"),
        (&two, 2, true, "the target was not changed for ssi-2"),
        (&two, 3, true, "paused for it: ssi-1, ssi-2"),
        (&one, 4, true, "still to be given up: ssi-1"),
    ] {
        let desk = desk();
        desk.fault(json!({"kind": "status", "status": 403, "method": "GET", "route": route, "nth": nth, "count": 99}));
        let called = resize(&desk, arguments);
        assert!(called.failed().contains(words), "{}", called.answer);
        assert_eq!(called.answer["changed"], has_changed, "{}", called.answer);
        assert_eq!(called.answer["http_status"], 403, "{}", called.answer);
        desk.mend();
        assert_eq!(resize(&desk, arguments).well()["changed"], true);
        assert_eq!(resize(&desk, arguments).well()["changed"], false);
    }
}

/// Suspend, let go on; each foreseen, done, foreseen again, done again.
#[test]
fn processes_are_suspended_and_let_go_on_once() {
    let desk = desk();
    let suspend = json!({"id": "sig-1", "state": "suspended", "processes": ["AUTO_HEALING", "SCHEDULING"], "ttl_minutes": 100_000});
    let resume = json!({"name": "kafka", "state": "resumed"});
    let longer = with(suspend.clone(), &json!({"ttl_minutes": 500_000}));
    let mut asked = 0;
    for (arguments, names) in [
        (&suspend, json!(["AUTO_HEALING", "SCHEDULING"])),
        (&longer, json!(["AUTO_HEALING", "SCHEDULING"])),
        (&resume, json!(["AUTO_HEALING", "SCHEDULING"])),
    ] {
        let foreseen = call(&desk, "elastigroup_suspension", &checked(arguments)).well();
        assert_eq!((&foreseen["changed"], mutations(&desk)), (&json!(true), asked), "{foreseen}");
        let done = call(&desk, "elastigroup_suspension", arguments).well();
        asked += 1;
        assert_eq!((&done["changed"], mutations(&desk)), (&json!(true), asked), "{done}");
        let mut changed = done["changed_processes"].as_array().unwrap().clone();
        changed.sort_by_key(Value::to_string);
        assert_eq!(Value::from(changed), names, "{done}");
        for again in [checked(arguments), arguments.clone()] {
            let again = call(&desk, "elastigroup_suspension", &again).well();
            assert_eq!((&again["changed"], mutations(&desk)), (&json!(false), asked), "{again}");
        }
    }
    desk.fault(json!({"kind": "lost_update", "method": "POST"}));
    let called = call(&desk, "elastigroup_suspension", &suspend);
    assert!(called.failed().contains("is not so: run this again"), "{}", called.failed());
    let called = call(
        &desk,
        "elastigroup_suspension",
        &json!({"id": "sig-1", "state": "suspended", "processes": ["ALL"]}),
    );
    assert!(called.failed().contains("must be one of"), "{}", called.failed());
}

/// While a roll is open, whoever changes its group upsets it.
#[test]
fn nothing_is_changed_beside_an_open_roll_unless_that_is_meant() {
    let desk = roll::desk(roll::THREE);
    let run = Controller::gone(&desk).start();
    let asked = mutations(&desk);
    let table = [
        ("elastigroup", json!({"id": "sig-1", "description": "x", "wait": false})),
        ("elastigroup", json!({"id": "sig-1", "state": "absent", "confirm_data_loss": true})),
        ("elastigroup_capacity", json!({"id": "sig-1", "target": 4, "wait": false})),
        ("elastigroup_suspension", json!({"id": "sig-1", "state": "resumed"})),
    ];
    for (module, arguments) in &table {
        let called = call(&desk, module, arguments);
        assert!(
            called.failed().contains(&format!("run {run} of group sig-1 is open")),
            "{}",
            called.failed()
        );
        assert_eq!(called.answer["error_code"], "RUN_OPEN");
    }
    assert_eq!(mutations(&desk), asked);
    let meant = with(table[0].1.clone(), &json!({"ignore_open_run": true}));
    assert_eq!(keep(&desk, &meant).well()["changed"], true);
}
