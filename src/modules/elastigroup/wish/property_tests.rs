//! Whatever is said by options: once it is so it is so, nothing else has moved, and the same said by `spec` is the same.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::modules::elastigroup::options::GroupOptions;
use crate::plan::group::{Changes, changes, merged, not_kept};

/// Each option, with values that it may have.
fn table() -> Vec<(&'static str, Vec<Value>)> {
    vec![
        ("name", vec![json!("a"), json!("b")]),
        ("description", vec![json!(""), json!("what it is for")]),
        (
            "capacity",
            vec![
                json!({"target": 0}),
                json!({"target": 3, "minimum": 1, "maximum": 9, "unit": "instance"}),
            ],
        ),
        (
            "zones",
            vec![
                json!([{"name": "r-1a", "subnet_ids": ["subnet-a"]}]),
                json!([{"name": "r-1b"}, {"name": "r-1a", "placement_group": "p"}]),
            ],
        ),
        ("subnet_ids", vec![json!(["subnet-a", "subnet-b"])]),
        ("preferred_zones", vec![json!([]), json!(["r-1a"])]),
        ("product", vec![json!("Linux/UNIX (Amazon VPC)")]),
        ("image_id", vec![json!("ami-2")]),
        (
            "instance_types",
            vec![
                json!({"on_demand": ["m5.large"]}),
                json!({"on_demand": ["m5.large", "m5.xlarge"], "spot": ["m5.large"], "weights": {"m5.large": 2}}),
                json!({"spot": ["c5.large"], "preferred_spot": ["c5.large"]}),
            ],
        ),
        (
            "strategy",
            vec![
                json!({"risk": 100}),
                json!({"on_demand_count": 1, "fallback_to_on_demand": false}),
                json!({"orientation": "equal_zone_distribution", "revert_to_spot": {"perform_at": "time_window", "time_windows": ["Mon:01:00-Mon:02:00"]}}),
                json!({"draining_timeout": 0, "utilize_commitments": true, "termination_policy": "newest_instance"}),
            ],
        ),
        (
            "persistence",
            vec![
                json!({"data": "reattach", "private_ip": true}),
                json!({"data": "off", "root": false}),
                json!({"data": "on_launch", "root": true}),
            ],
        ),
        ("private_ips", vec![json!([]), json!(["10.0.0.1"])]),
        ("elastic_ips", vec![json!(["eipalloc-1"])]),
        ("security_group_ids", vec![json!(["sg-1"]), json!(["sg-2", "sg-1"])]),
        ("key_pair", vec![json!("key")]),
        ("iam_role", vec![json!("arn:aws:iam::222222222222:instance-profile/p"), json!("p")]),
        ("user_data", vec![json!(""), json!("#!/bin/sh\n")]),
        ("shutdown_script", vec![json!("exit 0\n")]),
        ("tags", vec![json!({}), json!({"Name": "x", "Port": "1"})]),
        (
            "metadata",
            vec![
                json!({"http_tokens": "required"}),
                json!({"hop_limit": 2, "instance_tags": false}),
            ],
        ),
        ("monitoring", vec![json!(true), json!(false)]),
        ("ebs_optimized", vec![json!(true), json!(false)]),
        ("tenancy", vec![json!("dedicated")]),
        ("public_ip", vec![json!(true), json!(false)]),
        (
            "block_devices",
            vec![
                json!([]),
                json!([{"device_name": "/dev/xvdb", "volume_type": "gp3", "volume_size": 9, "encrypted": true}]),
            ],
        ),
        ("load_balancers", vec![json!([]), json!(["lb"])]),
        (
            "target_group_arns",
            vec![json!(["arn:aws:elasticloadbalancing:r:222222222222:targetgroup/t/1"])],
        ),
        (
            "health_check",
            vec![json!({"type": "EC2", "grace_period": 300}), json!({"auto_healing": false})],
        ),
        (
            "scheduled_tasks",
            vec![
                json!([]),
                json!([{"task_type": "scale", "cron_expression": "0 1 * * *", "target_capacity": 2, "enabled": true}]),
            ],
        ),
        ("signals", vec![json!([{"name": "INSTANCE_READY", "timeout": 600}])]),
    ]
}

/// Some of the options, each with one of its values.
fn some() -> impl Strategy<Value = Value> {
    let length = table().len();
    prop::collection::vec(prop::option::of(any::<prop::sample::Index>()), length).prop_map(
        |chosen| {
            let given = table().into_iter().zip(chosen);
            let given = given.filter_map(|((name, values), at)| {
                Some((name.to_owned(), values[at?.index(values.len())].clone()))
            });
            Value::Object(given.collect())
        },
    )
}

fn wish(options: &Value) -> Map<String, Value> {
    serde_json::from_value::<GroupOptions>(options.clone()).unwrap().wish(Some("r"))
}

proptest! {
    #[test]
    fn what_is_wanted_by_options_is_wanted_once(before in some(), options in some()) {
        let mut current = wish(&before);
        let other = json!({"nomad": {"masterHost": "h"}});
        current.insert("thirdPartiesIntegration".to_owned(), other.clone());
        current.insert("id".to_owned(), json!("sig-1"));
        let wanted = wish(&options);
        let patch = changes(&wanted, &current).patch(&current);
        let after = merged(&current, &patch);
        prop_assert_eq!(changes(&wanted, &after), Changes::default());
        prop_assert_eq!(not_kept(&wanted, &after), Vec::<String>::new());
        prop_assert_eq!(&after["thirdPartiesIntegration"], &other);
        // What no option speaks of stays.
        for name in ["capacity", "scheduling"] {
            if !wanted.contains_key(name) {
                prop_assert_eq!(after.get(name), current.get(name));
            }
        }
    }

    #[test]
    fn the_same_by_spec_is_the_same(options in some()) {
        let wanted = wish(&options);
        prop_assert_eq!(wish(&json!({ "spec": wanted })), wanted);
    }
}
