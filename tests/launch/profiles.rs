//! `spot_profile` and launching from a cluster's profile, against moto.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::grounds::{subnets, template};
use super::support::module::{Called, call_with};
use super::support::moto;
use super::{Stage, policy};

const REGION: &str = "eu-west-1";

impl Stage {
    fn profile(&self, module: &str, arguments: &Value) -> Called {
        let mut all = json!({"cluster": self.name});
        for (name, value) in arguments.as_object().unwrap() {
            all[name] = value.clone();
        }
        call_with(&self.desk, module, &all, &self.market.environment())
    }

    fn parameter(&self) -> String {
        format!("/spotter/settings/{}", self.name)
    }
}

/// Reads the settings of a cluster by their description alone: `{cluster_name, launch_template_id, subnet_ids, subnet_map zone to
/// subnet, region}`.
struct Settings {
    template: String,
    subnets: Vec<String>,
    of_zone: BTreeMap<String, String>,
    region: String,
}

fn settings(text: &str, cluster: &str) -> Settings {
    let told: Value = serde_json::from_str(text).unwrap();
    assert_eq!(told["cluster_name"], cluster);
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    let zones = told["subnet_map"].as_object().unwrap().iter();
    Settings {
        template: word(&told["launch_template_id"]),
        subnets: told["subnet_ids"].as_array().unwrap().iter().map(word).collect(),
        of_zone: zones.map(|(zone, subnet)| (zone.clone(), word(subnet))).collect(),
        region: word(&told["region"]),
    }
}

#[test]
fn what_is_kept_is_read_by_whoever_knows_the_layout_and_launched_from() {
    let stage = Stage::new();
    let name = format!("template-{}", stage.name);
    let (id, all) = (template(&name), subnets(&["eu-west-1a", "eu-west-1a", "eu-west-1b"]));
    let given = json!({
        "launch_template": {"name": name, "version": "$Latest"}, "subnets": all, "policy": policy(),
    });
    stage.profile("spot_profile", &given).well();
    let text = moto::shared().parameter(REGION, &stage.parameter());
    let kept = settings(&text, &stage.name);
    assert_eq!((kept.template, kept.region.as_str()), (id.clone(), REGION));
    assert_eq!(kept.subnets, all);
    let zones = [("eu-west-1a", &all[0]), ("eu-west-1b", &all[2])];
    let zones = zones.map(|(zone, subnet)| (zone.to_owned(), subnet.clone()));
    assert_eq!(kept.of_zone, BTreeMap::from(zones));
    assert_eq!(stage.profile("spot_profile", &given).well()["changed"], false);

    let launch = json!({"count": 2, "cluster": stage.name, "image_id": null, "policy": null});
    stage.call(&launch).well();
    let sent = stage.market.bodies("RunInstances").pop().unwrap();
    assert_eq!(sent["LaunchTemplate.LaunchTemplateId"], id);
    assert_eq!(sent["LaunchTemplate.Version"], "2");
    assert!(all.contains(&sent["SubnetId"]) && sent["InstanceType"].ends_with(".large"));
    let zones: Vec<String> = stage.zones().into_keys().collect();
    assert_eq!(zones, ["eu-west-1a", "eu-west-1b"], "where its subnets are");
    // The task's own option wins.
    stage
        .call(&json!({"count": 1, "cluster": stage.name, "image_id": null, "subnets": [all[2]]}))
        .well();
    assert_eq!(stage.zones()["eu-west-1b"], 2);
    let spread = json!({"name": stage.name, "zones": ["eu-west-1a"]});
    let done = stage.profile("spot_rebalance", &spread).well();
    assert_eq!(done["zones"], json!({"eu-west-1a": 3}), "{done}");
    // A fleet ends also without its profile.
    stage.profile("spot_profile", &json!({"state": "absent"})).well();
    let gone = stage.call(&launch);
    assert!(gone.failed().contains("there is no profile of cluster"), "{}", gone.failed());
    stage.call(&json!({"state": "absent", "cluster": stage.name})).well();
    assert!(stage.machines().is_empty());
}

#[test]
fn what_spotter_wrote_is_launched_from_and_what_it_keeps_besides_stays() {
    let stage = Stage::new();
    let (id, all) =
        (template(&format!("template-{}", stage.name)), subnets(&["eu-west-1b", "eu-west-1b"]));
    let written = json!({
        "cluster_name": stage.name, "launch_template_id": id, "subnet_ids": all,
        "subnet_map": {"eu-west-1b": all[1]}, "region": REGION, "owner": {"team": "{{ x }}"},
    });
    moto::shared().put_parameter(REGION, &stage.parameter(), &written.to_string());
    stage.call(&json!({"count": 2, "cluster": stage.name, "image_id": null})).well();
    assert_eq!(stage.zones().into_keys().collect::<Vec<_>>(), ["eu-west-1b"]);
    let policy = json!({"policy": {"min_vcpus": 2}});
    let check =
        json!({"policy": {"min_vcpus": 2}, "_ansible_check_mode": true, "_ansible_diff": true});
    let foreseen = stage.profile("spot_profile", &check).well();
    assert_eq!(foreseen["diff"]["before"]["owner"], foreseen["diff"]["after"]["owner"]);
    assert_eq!(moto::shared().parameter(REGION, &stage.parameter()), written.to_string());
    stage.profile("spot_profile", &policy).well();
    let text = moto::shared().parameter(REGION, &stage.parameter());
    let told: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&told["owner"], &told["policy"]), (&written["owner"], &json!({"min_vcpus": 2})));
    assert_eq!(settings(&text, &stage.name).subnets, all);
}

#[test]
fn hostile_and_torn_profiles_are_named_and_nothing_is_launched() {
    let stage = Stage::new();
    let launch = || {
        stage.call(&json!({"count": 1, "cluster": stage.name, "image_id": null, "policy": null}))
    };
    for (text, words) in [
        ("{\"cluster_name\": \"other\"}", "cluster_name is \"other\""),
        ("{\"launch_template_id\": \"lt-1\", \"subnet_i", "it is no profile: EOF"),
        ("[1]", "it is no profile"),
        ("{\"subnet_ids\": [\"$(id)\"]}", "subnet_ids is no list of subnets"),
        ("{\"region\": \"us-east-1\"}", "is of region us-east-1, not eu-west-1"),
        ("{\"policy\": {\"min_cpus\": 4}}", "min_cpus"),
        ("{\"policy\": {\"min_vcpus\": \"many\"}}", "min_vcpus"),
        ("{}", "neither launch_template nor image_id is given"),
    ] {
        moto::shared()
            .ssm(
                REGION,
                "PutParameter",
                &json!({
                    "Name": stage.parameter(), "Value": text, "Type": "String", "Overwrite": true,
                }),
            )
            .unwrap();
        let called = launch();
        assert!(called.failed().contains(words), "{text}: {}", called.failed());
    }
    assert_eq!((stage.launches(), stage.machines().len()), (0, 0));
    moto::shared()
        .ssm(
            REGION,
            "PutParameter",
            &json!({
                "Name": stage.parameter(), "Value": "torn", "Type": "String", "Overwrite": true,
            }),
        )
        .unwrap();
    let listed = stage.profile("spot_profile_info", &json!({})).well();
    assert_eq!(listed["damaged"][0]["parameter"], json!(stage.parameter()));
    assert!(listed["warnings"][0].as_str().unwrap().contains("is left out"), "{listed}");
    let kept = stage.profile("spot_profile", &json!({"policy": {}}));
    assert!(kept.failed().contains("it is no profile"), "what is damaged is not written over");
    assert_eq!(stage.profile("spot_profile", &json!({"state": "absent"})).well()["changed"], true);
    for (arguments, words) in [
        (json!({}), "a new one needs launch_template and subnets"),
        (
            json!({"launch_template": {"id": "lt-none"}, "subnets": ["subnet-none"]}),
            "no launch template lt-none",
        ),
        (json!({"cluster": "a/b"}), "the cluster \"a/b\" is not"),
        (json!({"settings_prefix": "here"}), "it is no path of parameters"),
    ] {
        let called = stage.profile("spot_profile", &arguments);
        assert!(called.failed().contains(words), "{arguments}: {}", called.failed());
    }
    let one = template(&format!("template-{}", stage.name));
    let (a, b) = (subnets(&["eu-west-1a"]), subnets(&["eu-west-1b"]));
    for (ids, words) in [
        (json!(["subnet-none"]), "no subnet subnet-none"),
        (json!([]), "subnets is empty"),
        (json!([a[0], b[0]]), " and not in vpc-"),
    ] {
        let called =
            stage.profile("spot_profile", &json!({"launch_template": {"id": one}, "subnets": ids}));
        assert!(called.failed().contains(words), "{ids}: {}", called.failed());
    }
    assert!(
        moto::shared().ssm(REGION, "GetParameter", &json!({"Name": stage.parameter()})).is_err()
    );
}
