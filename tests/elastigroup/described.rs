//! The module against the vendor's description of groups: what it sends for each of its options, and what becomes of the examples.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use spotinst_esg::ansible::{ArgumentSpec, Shape};
use spotinst_esg::modules;

use crate::support::description::{EXCEPTIONS, description, misfits};
use crate::{desk, groups, keep, sent, with};

/// Options that are no field of a group's configuration.
const OF_THE_TASK: &[&str] = &[
    "account_id",
    "allow_http",
    "api_token",
    "apply_tags",
    "aws_profile",
    "base_url",
    "confirm_data_loss",
    "credentials_file",
    "credentials_profile",
    "deallocation",
    "id",
    "ignore_open_run",
    "image",
    "image_ssm_parameter",
    "preflight",
    "security_group_names",
    "spec",
    "state",
    "state_dir",
    "subnets",
    "timeout",
    "user_data_is_secret",
    "wait",
    "wait_for_health",
    "wait_timeout",
];

/// Groups that have each option among them, those that exclude each other in several.
fn wishes() -> Vec<Value> {
    let first = json!({
        "name": "all", "region": "eu-west-1", "description": "what it is for",
        "capacity": {"target": 0, "minimum": 0, "maximum": 3, "unit": "instance"},
        "zones": [{"name": "eu-west-1a", "subnet_ids": ["subnet-a"], "placement_group": "near"}],
        "preferred_zones": ["eu-west-1a"], "product": "Linux/UNIX (Amazon VPC)", "image_id": "ami-7",
        "instance_types": {"on_demand": ["m5.large"], "spot": ["m5.large"], "preferred_spot": ["m5.large"]},
        "strategy": {
            "risk": 50, "orientation": "availability_oriented", "fallback_to_on_demand": true, "draining_timeout": 60,
            "utilize_reserved_instances": false, "utilize_commitments": true, "restrict_single_zone": false,
            "max_replacements_percentage": 10,
            "revert_to_spot": {"perform_at": "time_window", "time_windows": ["Sun:03:00-Sun:05:00"]},
        },
        "persistence": {"root": true, "data": "reattach", "private_ip": true},
        "private_ips": ["10.0.0.1"], "elastic_ips": ["eipalloc-1"], "security_group_ids": ["sg-1"],
        "key_pair": "ops", "iam_role": "arn:aws:iam::1:instance-profile/p",
        "user_data": "#!/bin/sh\n", "shutdown_script": "exit 0\n", "tags": {"Role": "all"},
        "metadata": {"http_tokens": "required", "hop_limit": 2, "instance_tags": true},
        "monitoring": true, "ebs_optimized": true, "tenancy": "dedicated", "public_ip": false,
        "block_devices": [{
            "device_name": "/dev/xvdb", "volume_type": "gp3", "volume_size": 50, "iops": 3000, "throughput": 125,
            "encrypted": true, "kms_key_id": "alias/aws/ebs", "snapshot_id": "snap-1", "delete_on_termination": false,
        }],
        "load_balancers": ["classic"],
        "target_group_arns": ["arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/t/1"],
        "health_check": {"type": "EC2", "grace_period": 300, "unhealthy_duration": 60, "auto_healing": true},
        "scheduled_tasks": [{
            "task_type": "statefulUpdateCapacity", "enabled": true, "cron_expression": "0 1 * * *",
            "target_capacity": 2, "min_capacity": 1, "max_capacity": 3,
        }],
        "signals": [{"name": "INSTANCE_READY", "timeout": 600}, {"name": "INSTANCE_READY_TO_SHUTDOWN", "timeout": 600}],
    });
    let mut second = with(
        first.clone(),
        &json!({
            "name": "others", "capacity": {"target": 0, "minimum": 0, "maximum": 3, "unit": "weight"},
            "subnet_ids": ["subnet-a"], "user_data_base64": "ZWNobwo=", "iam_role": "p",
            "instance_types": {"on_demand": ["m5.large", "m5.xlarge"], "spot": ["m5.large"], "weights": {"m5.large": 2}},
            "strategy": {
                "on_demand_count": 1, "orientation": "equal_zone_distribution", "termination_policy": "newest_instance",
                "revert_to_spot": {"perform_at": "always"},
            },
            "block_devices": [{"device_name": "/dev/xvdc", "virtual_name": "ephemeral0"}],
            "scheduled_tasks": [
                {"task_type": "scale", "frequency": "daily", "start_time": "2026-11-20T00:00:00Z",
                    "target_capacity": 2, "min_capacity": 1, "max_capacity": 3},
                {"task_type": "scaleUp", "cron_expression": "0 2 * * *", "adjustment": 1},
                {"task_type": "roll", "cron_expression": "0 3 * * *", "batch_size_percentage": 20, "grace_period": 300},
            ],
        }),
    );
    for name in ["zones", "user_data", "persistence"] {
        second.as_object_mut().unwrap().remove(name);
    }
    vec![first, second]
}

/// Each option by its path.
fn options(spec: &ArgumentSpec, parent: &str, found: &mut BTreeSet<String>) {
    for option in &spec.options {
        let path = format!("{parent}{}", option.name);
        if OF_THE_TASK.contains(&path.as_str()) {
            continue;
        }
        let inner = match &option.shape {
            Shape::List(item) => item,
            other => other,
        };
        match inner {
            Shape::Options(spec) => options(spec, &format!("{path}."), found),
            _ => drop(found.insert(path)),
        }
    }
}

/// What is given, in the same way.
fn given(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    found.insert(path.to_owned());
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                let inner = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                given(value, &inner, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| given(item, path, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Every option is sent as a field that the vendor describes, with a type and a choice that it describes, in a new group and in a
/// change.
#[test]
fn what_is_sent_for_each_option_is_what_the_vendor_describes() {
    let Some(description) = description() else { return };
    let schema = |path: &str, method: &str| {
        let operation = &description["paths"][path][method];
        operation["requestBody"]["content"]["application/json"]["schema"].clone()
    };
    let module = modules::ALL.iter().find(|module| module.name() == "elastigroup").unwrap();
    let (mut all, mut said) = (BTreeSet::new(), BTreeSet::new());
    options(&module.spec().unwrap(), "", &mut all);
    wishes().iter().for_each(|wish| given(wish, "", &mut said));
    let missing: Vec<&String> = all.difference(&said).collect();
    assert!(missing.is_empty(), "no group here has {missing:?}");

    let mut found = BTreeSet::new();
    // One is changed that is stateful, as the first is, and one that is not.
    for (wish, id) in wishes().into_iter().zip(["sig-1", "sig-2"]) {
        let desk = desk();
        keep(&desk, &with(wish.clone(), &json!({"wait": false}))).well();
        found.extend(misfits(&schema("/aws/ec2/group", "post"), &sent(&desk, "POST")));
        let capacity = json!({"target": 2, "minimum": 1, "maximum": 4});
        let meant =
            json!({"id": id, "capacity": capacity, "wait": false, "confirm_data_loss": true});
        keep(&desk, &with(wish, &meant)).well();
        found.extend(misfits(&schema("/aws/ec2/group/{groupId}", "put"), &sent(&desk, "PUT")));
    }
    let known: BTreeSet<String> = EXCEPTIONS.iter().map(|(path, _)| (*path).to_owned()).collect();
    assert_eq!(found, known);
}

/// What the schema of groups has as examples, in a form in which it can be one group: of what excludes each other all is there.
fn fitted(mut example: Value) -> Value {
    for (place, keys) in [
        ("", &["id", "createdAt", "updatedAt"][..]),
        ("/strategy", &["onDemandCount"]),
        ("/compute", &["subnetIds"]),
        ("/compute/instanceTypes", &["onDemandTypes", "resourceRequirements"]),
        ("/compute/launchSpecification", &["images"]),
    ] {
        if let Some(fields) = example.pointer_mut(place).and_then(Value::as_object_mut) {
            keys.iter().for_each(|key| drop(fields.shift_remove(*key)));
        }
    }
    // A stateful group is allowed fewer kinds of tasks than the description has examples of.
    example["scheduling"] = json!({"tasks": [{"taskType": "backup_ami", "cronExpression": "0 1 * * *", "isEnabled": true}]});
    for script in ["userData", "shutdownScript"] {
        example["compute"]["launchSpecification"][script] = json!("ZWNobw==");
    }
    example
}

/// A group that was adopted as the vendor tells it is as described.
fn given_back(desk: &crate::Desk, id: &Value) {
    let told = &groups(desk, &json!({"ids": [id], "with_user_data": true}))[0];
    let back = json!({"id": id, "spec": told["spec"], "wait": false});
    let answer = keep(desk, &back).well();
    assert_eq!(answer["changed"], false, "{answer}");
}

/// Whatever the vendor's description gives as an example of a group is made, read and given back without a change; so is what it
/// gives as a change of one.
#[test]
fn the_examples_of_the_vendors_description_are_made_and_are_as_described() {
    let Some(description) = description() else { return };
    let example = |path: &str, method: &str| {
        let operation = &description["paths"][path][method];
        let example =
            example_of(&operation["requestBody"]["content"]["application/json"]["schema"]);
        assert!(example["group"]["compute"].is_object(), "{method} {path}: {example}");
        fitted(example["group"].clone())
    };
    let desk = desk();
    let new = example("/aws/ec2/group", "post");
    let arguments =
        json!({"name": "of-the-vendor", "region": "us-east-1", "spec": new, "wait": false});
    let made = keep(&desk, &arguments).well();
    assert_eq!(made["created"], true, "{made}");
    assert_eq!(keep(&desk, &arguments).well()["changed"], false);
    given_back(&desk, &made["id"]);

    let mut change = example("/aws/ec2/group/{groupId}", "put");
    // These cannot change.
    for (place, key) in [("", "region"), ("/capacity", "unit"), ("/compute", "product")] {
        let fields = change.pointer_mut(place).and_then(Value::as_object_mut);
        fields.unwrap().shift_remove(key);
    }
    let arguments =
        json!({"id": "sig-2", "spec": change, "wait": false, "confirm_data_loss": true});
    assert_eq!(keep(&desk, &arguments).well()["changed"], true);
    assert_eq!(keep(&desk, &arguments).well()["changed"], false);
    given_back(&desk, &json!("sig-2"));
}

/// What the description gives as an answer is adopted as it is, odd shapes included.
#[test]
fn the_examples_of_what_the_vendor_answers_change_nothing_when_given_back() {
    let Some(description) = description() else { return };
    for (path, method) in [
        ("/aws/ec2/group", "get"),
        ("/aws/ec2/group/{groupId}", "get"),
        ("/aws/ec2/group", "post"),
        ("/aws/ec2/group/{groupId}", "put"),
    ] {
        let content = &description["paths"][path][method]["responses"]["200"]["content"];
        let answer = example_of(&content["application/json"]["schema"]);
        let item = &answer["response"]["items"][0];
        let item = if item["group"].is_object() { &item["group"] } else { item };
        assert!(item["compute"].is_object(), "{method} {path}: {answer}");
        let desk = desk();
        let is_ours =
            |key: &&String| !["id", "name", "createdAt", "updatedAt"].contains(&key.as_str());
        let fields = item.as_object().unwrap();
        let set: serde_json::Map<String, Value> =
            fields.keys().filter(is_ours).map(|key| (key.clone(), fields[key].clone())).collect();
        let edit = json!({"group": "sig-2", "set": set});
        let edited = desk.simulator.control("POST", "/_sim/edit", edit);
        assert!(edited["error"].is_null(), "{edited}");
        given_back(&desk, &json!("sig-2"));
    }
}

/// A value made of the examples of a schema's fields.
fn example_of(schema: &Value) -> Value {
    if let Some(parts) = schema["allOf"].as_array() {
        return parts.iter().map(example_of).fold(Value::Null, united);
    }
    for choice in ["oneOf", "anyOf"] {
        if let Some(parts) = schema[choice].as_array() {
            return parts.first().map(example_of).unwrap_or_default();
        }
    }
    match schema["type"].as_str() {
        Some("object") => {
            let fields = schema["properties"].as_object().into_iter().flatten();
            let fields = fields.map(|(key, inner)| (key.clone(), example_of(inner)));
            Value::Object(fields.filter(|(_, value)| !value.is_null()).collect())
        }
        Some("array") => match example_of(&schema["items"]) {
            Value::Null => Value::Null,
            // The example of an item is now and then the whole list.
            list @ Value::Array(_) => list,
            one => json!([one]),
        },
        Some("string") => match (&schema["enum"][0], &schema["example"]) {
            (Value::Null, example) => example.clone(),
            (first, _) => first.clone(),
        },
        Some("integer" | "number") => match &schema["example"] {
            number @ Value::Number(_) => number.clone(),
            _ => Value::Null,
        },
        Some("boolean") => json!(true),
        _ => Value::Null,
    }
}

/// Both at once, field by field.
fn united(one: Value, other: Value) -> Value {
    match (one, other) {
        (Value::Object(mut fields), Value::Object(more)) => {
            for (key, value) in more {
                let known = fields.get_mut(&key).map(Value::take).unwrap_or_default();
                fields.insert(key, united(known, value));
            }
            Value::Object(fields)
        }
        (one, Value::Null) => one,
        (_, other) => other,
    }
}
