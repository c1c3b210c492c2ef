use serde_json::{Value, json};

use crate::request::Delivery;
use crate::scenario::{Scenario, code};

const GROUPS: &str = "/aws/ec2/group?accountId=act-1";

/// The least that makes a group with state.
fn least() -> Value {
    json!({
        "name": "made", "region": "us-east-1",
        "capacity": {"minimum": 0, "target": 3, "maximum": 5, "unit": "instance"},
        "strategy": {
            "availabilityVsCost": "balanced",
            "persistence": {"shouldPersistBlockDevices": true, "blockDevicesMode": "reattach", "shouldPersistPrivateIp": true},
        },
        "compute": {
            "product": "Linux/UNIX (Amazon VPC)",
            "instanceTypes": {"ondemand": "m5.large", "spot": ["m5.large"]},
            "availabilityZones": [
                {"name": "us-east-1a", "subnetIds": ["subnet-1"]}, {"name": "us-east-1b", "subnetIds": ["subnet-2"]},
            ],
            "launchSpecification": {
                "imageId": "ami-1", "securityGroupIds": ["sg-1"], "monitoring": false,
                "blockDeviceMappings": [{"deviceName": "/dev/xvdb", "ebs": {"volumeSize": 10}}],
            },
        },
    })
}

fn post(sim: &mut Scenario, group: Value) -> crate::request::Outcome {
    sim.send("admin", "POST", GROUPS, json!({"group": group}))
}

fn made(sim: &mut Scenario, group: Value) -> String {
    let outcome = post(sim, group);
    assert_eq!(outcome.status, 200, "{}", outcome.json());
    outcome.json()["response"]["items"][0]["id"].as_str().unwrap().to_owned()
}

#[test]
fn a_new_group_launches_its_target_over_its_zones_and_keeps_what_it_was_given() {
    let mut sim = Scenario::new();
    let id = made(&mut sim, least());
    assert!(sim.status(&id).is_empty(), "nothing runs yet");
    assert_eq!(sim.list(&id).len(), 3);
    sim.advance(3600.0);
    let members = sim.status(&id);
    let zones: Vec<&Value> = members.iter().map(|member| &member["availabilityZone"]).collect();
    assert_eq!(zones, ["us-east-1a", "us-east-1b", "us-east-1a"]);
    assert!(sim.list(&id).iter().all(|ssi| ssi["state"] == "ACTIVE"));
    let group = &sim.get(&format!("/aws/ec2/group/{id}"))[0];
    assert_eq!(group["strategy"]["risk"], 100);
    assert_eq!(
        group["compute"]["launchSpecification"]["blockDeviceMappings"][0]["ebs"]["volumeSize"],
        10
    );
    let (one, two) = (made(&mut sim, least()), made(&mut sim, least()));
    assert_ne!(one, two, "names are not unique");
    sim.advance(3600.0);
    let address = |sim: &mut Scenario, id: &str| sim.status(id)[0]["privateIp"].clone();
    assert_ne!(address(&mut sim, &one), address(&mut sim, &two));
}

#[test]
fn a_group_without_state_gets_members() {
    let mut sim = Scenario::new();
    let mut group = least();
    group["strategy"]["persistence"] = Value::Null;
    let id = made(&mut sim, group);
    assert_eq!((sim.status(&id).len(), sim.list(&id).len()), (3, 0));
}

#[test]
fn what_makes_no_sense_is_refused_with_the_field() {
    let table: &[(&str, Value, &str, &str)] = &[
        ("/name", Value::Null, "name", "is required"),
        ("/region", Value::Null, "region", "is required"),
        ("/id", json!("sig-1"), "id", "is not allowed"),
        ("/capacity/unit", Value::Null, "capacity.unit", "is required"),
        ("/capacity/minimum", json!(4), "capacity.minimum", "must be less than or equal to 3"),
        ("/capacity/maximum", json!(2), "capacity.target", "must be less than or equal to 2"),
        ("/capacity/target", json!("x"), "capacity.target", "must be a number"),
        (
            "/strategy/availabilityVsCost",
            json!("best"),
            "strategy.availabilityVsCost",
            "must be one of",
        ),
        ("/strategy/risk", json!(101), "strategy.risk", "must be less than or equal to 100"),
        ("/strategy/signals", json!([{"name": "X"}]), "strategy.signals.0.name", "must be one of"),
        (
            "/strategy/signals",
            json!([{"name": "INSTANCE_READY", "timeout": 5}]),
            "strategy.signals.0.timeout",
            "must be larger than or equal to 60",
        ),
        ("/compute/availabilityZones", Value::Null, "compute.availabilityZones", "is required"),
        ("/compute/availabilityZones", json!("a"), "compute.availabilityZones", "must be an array"),
        (
            "/compute/subnetIds",
            json!(["subnet-1"]),
            "compute",
            "exclusive peers [availabilityZones, subnetIds]",
        ),
        (
            "/compute/instanceTypes/onDemandTypes",
            json!(["m5.large"]),
            "compute.instanceTypes",
            "Cannot set both 'ondemand' and 'onDemandTypes'",
        ),
        (
            "/compute/instanceTypes/resourceRequirements",
            json!({}),
            "compute.instanceTypes",
            "exclusive peers [resourceRequirements, spot]",
        ),
        (
            "/compute/launchSpecification/images",
            json!([{"id": "ami-2"}]),
            "compute.launchSpecification",
            "exclusive peers [imageId, images]",
        ),
        (
            "/compute/launchSpecification/userData",
            json!("#!/bin/sh"),
            "compute.launchSpecification.userData",
            "must be a valid base64 string",
        ),
        (
            "/compute/launchSpecification/metadataOptions",
            json!({"httpTokens": "no"}),
            "compute.launchSpecification.metadataOptions.httpTokens",
            "must be one of",
        ),
        (
            "/scheduling",
            json!({"tasks": [{"taskType": "roll", "cronExpression": "0 0 * * *"}]}),
            "scheduling.tasks.taskType",
            "can't be used in a stateful group",
        ),
    ];
    let mut sim = Scenario::new();
    let before = sim.get(GROUPS).len();
    for (place, value, field, words) in table {
        let mut group = least();
        let (parent, key) = place.rsplit_once('/').unwrap();
        group.pointer_mut(parent).unwrap()[key] = value.clone();
        let outcome = post(&mut sim, group);
        let error = outcome.json()["response"]["errors"][0].clone();
        assert_eq!((outcome.status, &error["code"]), (400, &json!("ValidationError")), "{place}");
        assert_eq!(error["field"], format!("body:group.{field}"), "{error}");
        assert!(error["message"].as_str().unwrap().contains(words), "{error}");
    }
    assert_eq!(sim.get(GROUPS).len(), before, "nothing was made");
}

#[test]
fn windows_for_reverting_and_several_images_depend_on_state() {
    let mut sim = Scenario::new();
    let mut group = least();
    group["strategy"]["revertToSpot"] = json!({"performAt": "never"});
    made(&mut sim, group.clone());
    group["strategy"]["persistence"] = Value::Null;
    assert_eq!(code(&post(&mut sim, group.clone())), "ValidationError");
    group["strategy"]["availabilityVsCost"] = json!("availabilityOriented");
    let launch = group.pointer_mut("/compute/launchSpecification").unwrap();
    launch["imageId"] = Value::Null;
    launch["images"] = json!([{"id": "ami-1"}, {"id": "ami-2"}]);
    made(&mut sim, group.clone());
    group["strategy"]["persistence"] = json!({"shouldPersistPrivateIp": true});
    assert_eq!(code(&post(&mut sim, group)), "ValidationError");
}

#[test]
fn an_image_that_is_nowhere_makes_no_group() {
    let mut sim = Scenario::with("images: [{id: ami-1, exists: false}]");
    assert_eq!(code(&post(&mut sim, least())), "CANT_VALIDATE_IMAGE");
}

#[test]
fn a_lost_answer_leaves_the_group_and_a_lost_effect_leaves_none() {
    let mut sim = Scenario::new();
    let named = |sim: &mut Scenario| sim.get("/aws/ec2/group?accountId=act-1&name=made").len();
    sim.fault(json!({"kind": "cut_after_commit", "method": "POST", "route": "/aws/ec2/group", "count": 1}));
    assert_eq!(post(&mut sim, least()).delivery, Delivery::Cut);
    assert_eq!(named(&mut sim), 1);
    sim.fault(
        json!({"kind": "lost_update", "method": "POST", "route": "/aws/ec2/group", "count": 1}),
    );
    let outcome = post(&mut sim, least());
    let id = outcome.json()["response"]["items"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!((outcome.status, named(&mut sim)), (200, 1));
    let gone = sim.send("admin", "GET", &format!("/aws/ec2/group/{id}"), Value::Null);
    assert_eq!(code(&gone), "GROUP_DOESNT_EXIST");
    sim.fault(json!({"kind": "status", "status": 400, "code": "CANT_CREATE_GROUP", "method": "POST", "count": 1}));
    assert_eq!(
        (code(&post(&mut sim, least())).as_str(), named(&mut sim)),
        ("CANT_CREATE_GROUP", 1)
    );
}

#[test]
fn a_pool_of_addresses_has_its_paused_instances_and_follows_updates() {
    let mut sim = Scenario::new();
    let mut group = least();
    group["capacity"]["target"] = json!(0);
    group["compute"]["privateIps"] = json!(["10.1.0.5", "10.1.0.6"]);
    let id = made(&mut sim, group);
    let addresses = |sim: &mut Scenario| -> Vec<Value> {
        sim.list(&id).iter().map(|ssi| ssi["privateIp"].clone()).collect()
    };
    assert_eq!(addresses(&mut sim), ["10.1.0.5", "10.1.0.6"]);
    let update = json!({"group": {"compute": {"privateIps": ["10.1.0.6", "10.1.0.7"]}}});
    assert_eq!(sim.put(&format!("/aws/ec2/group/{id}"), update).status, 200);
    assert_eq!(addresses(&mut sim), ["10.1.0.6", "10.1.0.7"]);
}

#[test]
fn a_deletion_ends_all_and_keeps_what_the_flags_do_not_delete() {
    let table = [
        (Value::Null, vec!["volume", "volume", "volume"]),
        (json!({"shouldDeleteVolumes": true}), vec![]),
        (
            json!({"shouldDeleteVolumes": true, "shouldDeleteNetworkInterfaces": false}),
            vec!["network_interface", "network_interface", "network_interface"],
        ),
    ];
    for (flags, kept) in table {
        let mut sim = Scenario::new();
        let mut group = least();
        group["compute"]["availabilityZones"] =
            json!([{"name": "us-east-1a", "subnetIds": ["subnet-1"]}]);
        let id = made(&mut sim, group);
        sim.advance(3600.0);
        let body =
            if flags.is_null() { Value::Null } else { json!({"statefulDeallocation": flags}) };
        let outcome = sim.send("admin", "DELETE", &format!("/aws/ec2/group/{id}"), body);
        assert_eq!(outcome.status, 200, "{}", outcome.json());
        let left: Vec<&str> = sim.world.retained.iter().map(|one| one.kind).collect();
        assert_eq!(left, kept, "{flags}");
        let again = sim.send("admin", "DELETE", &format!("/aws/ec2/group/{id}"), Value::Null);
        assert_eq!(code(&again), "GROUP_DOESNT_EXIST");
        sim.advance(3600.0);
        assert!(sim.get(GROUPS).iter().all(|group| group["id"] != id.as_str()));
    }
}

#[test]
fn a_group_may_go_while_its_instances_are_underway() {
    let mut sim = Scenario::new();
    let id = made(&mut sim, least());
    sim.advance(10.0);
    let outcome = sim.send("admin", "DELETE", &format!("/aws/ec2/group/{id}"), Value::Null);
    assert_eq!(outcome.status, 200);
    sim.advance(86_400.0);
    assert_eq!(sim.get(GROUPS).len(), 4);
}

#[test]
fn a_viewer_neither_makes_nor_deletes() {
    let mut sim = Scenario::new();
    let outcome = sim.send("viewer", "POST", GROUPS, json!({"group": least()}));
    assert_eq!(code(&outcome), "GENERAL_ERROR");
    let outcome = sim.send("viewer", "DELETE", "/aws/ec2/group/sig-plain", Value::Null);
    assert_eq!(code(&outcome), "GENERAL_ERROR");
}
