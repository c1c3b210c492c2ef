//! The role `spot_fleet` by its playbooks, on the modules of `amazon.aws` and `community.aws`, against moto behind the proxy.

#![cfg(feature = "aws")]
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without, it panics on")]

#[path = "launch/grounds.rs"]
mod grounds;
mod support;

use std::io::Write;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};
use support::ansible::{ansible, root};
use support::cli::{Desk, Ran, ran};
use support::market::{Market, Snag};
use support::module::call_with;
use support::moto;

const REGION: &str = "eu-west-1";

/// A cluster that no other test has.
struct Site {
    desk: Desk,
    market: Market,
    cluster: String,
}

impl Site {
    fn new() -> Self {
        let cluster = format!("cluster-{}", fastrand::u32(..));
        Self { desk: Desk::with(""), market: Market::before(moto::shared()), cluster }
    }

    fn play(&self, playbook: &str, variables: &Value, arguments: &[&str]) -> Ran {
        let mut all = json!({
            "spot_fleet_cluster": self.cluster, "spot_fleet_region": REGION,
        });
        for (name, value) in variables.as_object().unwrap() {
            all[name] = value.clone();
        }
        all.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        let mut command = ansible(&self.desk, "aws", "ansible-playbook");
        command.envs(self.market.environment());
        if playbook == "interruption_queue" {
            // The queue's module reads headers, of which the proxy knows nothing.
            command.env("AWS_ENDPOINT_URL", moto::shared().url());
        }
        command.arg(format!("spotinst.esg.{playbook}")).args(["-e", &all.to_string()]);
        ran(command.args(arguments).output().unwrap())
    }

    /// Foreseen, done, foreseen again and done again.
    fn settled(&self, variables: &Value) {
        for (arguments, expected) in [(&["--check"][..], 1), (&[], 1), (&["--check"], 0), (&[], 0)]
        {
            let run = self.play("fleet", variables, arguments);
            assert_eq!(changed(&run), expected, "{variables} {arguments:?}: {}", run.stdout);
        }
    }

    fn call(&self, module: &str, arguments: &Value) -> Value {
        call_with(&self.desk, module, arguments, &self.market.environment()).well()
    }

    /// Id and zone of each machine.
    fn machines(&self) -> Vec<(String, String)> {
        let told = self.call("spot_instance_info", &json!({"name": self.cluster, "prices": false}));
        let text = |it: &Value, name: &str| it[name].as_str().unwrap().to_owned();
        let all = told["instances"].as_array().unwrap().iter();
        all.map(|it| (text(it, "id"), text(it, "zone"))).collect()
    }

    fn onboarded(&self) -> Value {
        let template = format!("template-{}", self.cluster);
        grounds::template(&template);
        json!({
            "spot_fleet_state": "onboard", "spot_fleet_launch_template": {"name": template, "version": "$Latest"},
            "spot_fleet_subnets": grounds::subnets(&["eu-west-1a", "eu-west-1b"]),
            "spot_fleet_policy": {"instance_types": ["c6i.large", "m6i.large"], "current_generation": "any"},
        })
    }
}

/// How many tasks the recap says were changed.
fn changed(run: &Ran) -> usize {
    assert_eq!(run.code, 0, "{}\n{}", run.stdout, run.stderr);
    let recap = run.stdout.rsplit_once("changed=").unwrap().1;
    recap.split_whitespace().next().unwrap().parse().unwrap()
}

#[test]
fn a_fleet_is_onboarded_scaled_spread_and_offboarded() {
    let site = Site::new();
    site.settled(&site.onboarded());
    site.settled(&json!({"spot_fleet_exact_count": 3}));
    assert_eq!(site.machines().len(), 3);
    let none = site.play("fleet", &json!({}), &[]);
    assert!(none.code != 0 && none.stdout.contains("One of spot_fleet_count"), "{}", none.stdout);
    site.call(
        "spot_launch",
        &json!({"name": site.cluster, "cluster": site.cluster, "exact_count": 0}),
    );
    let only =
        json!({"name": site.cluster, "cluster": site.cluster, "count": 3, "zones": ["eu-west-1b"]});
    site.call("spot_launch", &only);
    site.settled(&json!({
        "spot_fleet_state": "rebalance", "spot_fleet_drain_command": ["true"], "spot_fleet_gate_command": ["true"],
    }));
    let zones: std::collections::BTreeSet<String> =
        site.machines().into_iter().map(|it| it.1).collect();
    assert_eq!(zones.len(), 2);
    let prefix = format!("/prices-{}", site.cluster);
    let refresh = json!({"spot_fleet_state": "refresh_prices", "spot_fleet_store_prefix": prefix});
    assert_eq!(changed(&site.play("fleet", &refresh, &[])), 1);
    let unknown = json!({"spot_fleet_state": "refresh_prices", "spot_fleet_cluster": "no-such", "spot_fleet_store_prefix": prefix});
    let unknown = site.play("fleet", &unknown, &[]);
    assert!(
        unknown.code != 0 && unknown.stdout.contains("no profile of cluster no-such"),
        "{}",
        unknown.stdout
    );
    assert!(
        unknown.stdout.contains(&site.cluster),
        "the known ones are listed: {}",
        unknown.stdout
    );
    let kept = moto::shared().parameter(REGION, &format!("{prefix}/eu-west-1a"));
    assert!(kept.contains("c6i.large") && !kept.contains("r6i"), "by the profile's policy: {kept}");
    let offboard = json!({"spot_fleet_state": "offboard"});
    let asked = site.play("fleet", &offboard, &[]);
    assert_eq!(changed(&asked), 0);
    assert!(
        asked.stdout.contains("Nothing was done. With spot_fleet_confirm_offboard=true 3 machines")
    );
    let sure = json!({"spot_fleet_state": "offboard", "spot_fleet_confirm_offboard": true});
    // Another fleet lives from the same profile, and is not ended as one of another cluster either.
    let second = format!("{}-second", site.cluster);
    site.call("spot_launch", &json!({"name": second, "cluster": site.cluster, "count": 1}));
    let refused = site.play("fleet", &sure, &[]);
    let words = refused.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(refused.code != 0 && words.contains(&format!("1 machines of {second}")), "{words}");
    let mut other = sure.clone();
    other["spot_fleet_cluster"] = json!("no-such");
    other["spot_fleet_name"] = json!(second);
    let refused = site.play("fleet", &other, &[]);
    let words = refused.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(refused.code != 0 && words.contains("and spot_fleet_cluster is no-such"), "{words}");
    assert_eq!(site.machines().len(), 3);
    site.call("spot_launch", &json!({"name": second, "state": "absent"}));
    assert_eq!(changed(&site.play("fleet", &sure, &[])), 2);
    assert!(site.machines().is_empty());
    assert_eq!(changed(&site.play("fleet", &sure, &[])), 0);
}

#[test]
fn nodes_of_an_eks_cluster_get_their_template_and_labels() {
    let site = Site::new();
    let eks = json!({
        "endpoint": "https://eks.example.com", "certificate_authority": "Q0E=", "service_cidr": "10.100.0.0/16",
        "node_role_arn": "arn:aws:iam::123456789012:role/node", "instance_profile": "arn:aws:iam::123456789012:instance-profile/node",
        "image_id": "ami-12c6146b", "security_group_ids": ["sg-1"], "labels": {"tier": "spot", "a/b": "c"},
    });
    let onboard = json!({
        "spot_fleet_state": "onboard", "spot_fleet_eks": eks,
        "spot_fleet_subnets": grounds::subnets(&["eu-west-1a"]),
    });
    let first = site.play("fleet", &onboard, &["--check"]);
    assert!(changed(&first) >= 1, "{}", first.stdout);
    changed(&site.play("fleet", &onboard, &[]));
    let again = site.play("fleet", &onboard, &[]);
    // moto takes an update of a stack that changes nothing for one; CloudFormation refuses it, and the module calls that unchanged.
    let told = changed(&again);
    let stack = again.stdout.split("TASK [").find(|it| it.contains("Let the nodes into")).unwrap();
    assert_eq!(told, usize::from(stack.contains("changed:")), "{}", again.stdout);
    let name = format!("{}-spot", site.cluster);
    let data = grounds::asked(
        &[
            ("Action", "DescribeLaunchTemplateVersions"),
            ("LaunchTemplateName", name.as_str()),
            ("LaunchTemplateVersion.1", "$Latest"),
        ],
        "userData",
    );
    let bytes = decoded(&data[0]);
    let text = String::from_utf8(bytes).unwrap();
    let config = text.split("\n\n").find(|part| part.starts_with('{')).unwrap();
    let config: Value = serde_json::from_str(config).unwrap();
    assert_eq!(config["kind"], "NodeConfig");
    assert_eq!(config["spec"]["cluster"]["name"], json!(site.cluster));
    assert_eq!(config["spec"]["kubelet"]["flags"], json!(["--node-labels=a/b=c,tier=spot"]));
    let kept = site.call("spot_profile_info", &json!({"cluster": site.cluster}));
    assert_eq!(kept["profiles"][0]["launch_template_version"], "$Latest");
    let both = json!({"spot_fleet_state": "onboard", "spot_fleet_eks": eks, "spot_fleet_launch_template": {"name": "x"}});
    assert!(
        site.play("fleet", &both, &[]).stdout.contains("spot_fleet_eks makes a launch template")
    );
    let sure = json!({"spot_fleet_state": "offboard", "spot_fleet_confirm_offboard": true, "spot_fleet_eks": eks});
    changed(&site.play("fleet", &sure, &[]));
    let left = site.call("spot_profile_info", &json!({"cluster": site.cluster}));
    assert_eq!(left["profiles"], json!([]));
}

/// A template of the platform's own may serve other machines.
#[test]
fn a_launch_template_that_others_made_is_neither_changed_nor_deleted() {
    let site = Site::new();
    let name = format!("{}-spot", site.cluster);
    grounds::asked(
        &[
            ("Action", "CreateLaunchTemplate"),
            ("LaunchTemplateName", name.as_str()),
            ("LaunchTemplateData.ImageId", "ami-12c6146b"),
        ],
        "launchTemplateId",
    );
    let versions = || {
        let asked =
            [("Action", "DescribeLaunchTemplateVersions"), ("LaunchTemplateName", name.as_str())];
        grounds::asked(&asked, "versionNumber")
    };
    assert_eq!(versions(), ["1"]);
    let eks = json!({
        "endpoint": "https://eks.example.com", "certificate_authority": "Q0E=", "service_cidr": "10.100.0.0/16",
        "node_role_arn": "arn:aws:iam::123456789012:role/node", "instance_profile": "arn:aws:iam::123456789012:instance-profile/node",
        "image_id": "ami-12c6146b", "security_group_ids": ["sg-1"],
    });
    // Without the variable the region is that of the environment.
    for (state, region) in
        [("onboard", json!(REGION)), ("onboard", json!(null)), ("offboard", json!(null))]
    {
        let wanted = json!({
            "spot_fleet_state": state, "spot_fleet_region": region, "spot_fleet_eks": eks, "spot_fleet_confirm_offboard": true,
            "spot_fleet_subnets": grounds::subnets(&["eu-west-1a"]),
        });
        let run = site.play("fleet", &wanted, &[]);
        assert_ne!(run.code, 0, "{state}: {}", run.stdout);
        assert!(run.stdout.contains("so something else made it"), "{state}: {}", run.stdout);
        assert_eq!(versions(), ["1"], "{state}");
    }
}

/// Base64 without a crate for it.
fn decoded(text: &str) -> Vec<u8> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bits = (0_u32, 0);
    let mut bytes = Vec::new();
    for value in text.bytes().filter_map(|it| DIGITS.iter().position(|digit| *digit == it)) {
        bits = (bits.0 << 6 | u32::try_from(value).unwrap(), bits.1 + 6);
        if bits.1 >= 8 {
            bits.1 -= 8;
            bytes.push(u8::try_from(bits.0 >> bits.1 & 0xff).unwrap());
        }
    }
    bytes
}

#[test]
fn a_warning_replaces_the_machine_of_a_fleet_once_and_is_recorded() {
    let site = Site::new();
    changed(&site.play("fleet", &site.onboarded(), &[]));
    changed(&site.play("fleet", &json!({"spot_fleet_exact_count": 2}), &[]));
    let (old, zone) = site.machines()[0].clone();
    let log = site.desk.home.path().join("prepared");
    let script =
        site.desk.file("prepare", &format!("#!/bin/sh\necho \"$1 $2\" >> {}\n", log.display()));
    let record = site.desk.home.path().join("record.jsonl");
    let warning = json!({
        "spot_fleet_instance": old, "spot_fleet_event": "interruption", "spot_fleet_record": record,
        "spot_fleet_prepare_command": ["/bin/sh", script],
    });
    changed(&site.play("interruption", &warning, &["--check"]));
    assert!(site.machines().iter().any(|it| it.0 == old) && !record.exists());
    changed(&site.play("interruption", &warning, &[]));
    let left = site.machines();
    assert!(left.len() == 2 && left.iter().all(|it| it.0 != old), "{left:?}");
    assert!(left.iter().any(|it| it.1 == zone), "in the same zone");
    let told = std::fs::read_to_string(&log).unwrap();
    assert!(told.starts_with(&format!("{old} ")) && told.lines().count() == 1, "{told}");
    let line = std::fs::read_to_string(&record).unwrap();
    let line: Value = serde_json::from_str(line.trim_end()).unwrap();
    assert_eq!((&line["event"], &line["instance"]), (&json!("interruption"), &json!(old)));
    assert_eq!((&line["fleet"], &line["terminated"]), (&json!(site.cluster), &json!([old])));
    // The same warning again: the machine is gone.
    let again = site.play("interruption", &warning, &[]);
    assert_eq!(changed(&again), 0, "{}", again.stdout);
    assert_eq!(site.machines(), left);
    let unknown = json!({"spot_fleet_instance": "i-0123456789abcdef0"});
    let unknown = site.play("interruption", &unknown, &[]);
    assert!(changed(&unknown) == 0 && unknown.stdout.contains("is of no fleet here"));
    for hostile in ["i-0123; rm -rf /", "i-", "", "x", "i-0123456789abcdef0\\nx"] {
        let run = site.play("interruption", &json!({"spot_fleet_instance": hostile}), &[]);
        assert!(run.code != 0, "{hostile}");
        assert!(run.stdout.contains("The event names no machine"), "{hostile}: {}", run.stdout);
    }
    let nowhere = json!({"spot_fleet_instance": old, "spot_fleet_region": "../x"});
    assert!(site.play("interruption", &nowhere, &[]).stdout.contains("The event names no machine"));
    let odd = json!({"spot_fleet_instance": old, "spot_fleet_event": "storm"});
    assert!(site.play("interruption", &odd, &[]).stdout.contains("storm"));
    assert_eq!(site.machines(), left);
}

/// What fails does not keep the rest from being done, and is told in the end.
#[test]
fn a_machine_that_cannot_be_prepared_is_replaced_and_recorded_all_the_same() {
    let site = Site::new();
    let mut onboard = site.onboarded();
    changed(&site.play("fleet", &onboard, &[]));
    changed(&site.play("fleet", &json!({"spot_fleet_exact_count": 2}), &[]));
    let (old, zone) = site.machines()[0].clone();
    let other = if zone == "eu-west-1a" { "eu-west-1b" } else { "eu-west-1a" };
    let record = site.desk.home.path().join("record.jsonl");
    let line = || -> Value {
        let text = std::fs::read_to_string(&record).unwrap();
        serde_json::from_str(text.lines().last().unwrap()).unwrap()
    };
    let script = site.desk.file("prepare", "#!/bin/sh\necho no such node >&2\nexit 3\n");
    let warning = json!({
        "spot_fleet_instance": old, "spot_fleet_record": record, "spot_fleet_prepare_command": ["/bin/sh", script],
        "spot_fleet_zones": [other],
    });
    let run = site.play("interruption", &warning, &[]);
    assert!(run.code != 0 && run.stdout.contains("prepare failed: "), "{}", run.stdout);
    assert!(run.stdout.contains("no such node"), "{}", run.stdout);
    let left = site.machines();
    assert!(left.len() == 2 && left.iter().all(|it| it.0 != old), "{left:?}");
    assert!(left.iter().all(|it| it.1 == other), "nothing is launched in other zones: {left:?}");
    let told = line();
    assert_eq!(
        (&told["failed"][0]["step"], &told["terminated"]),
        (&json!("prepare"), &json!([old]))
    );
    // A machine of another cluster's profile is not replaced by this one's.
    let cluster = site.cluster.replace("cluster", "other");
    let other = json!({
        "spot_fleet_instance": left[0].0, "spot_fleet_record": record, "spot_fleet_cluster": cluster,
    });
    onboard["spot_fleet_cluster"] = json!(cluster);
    changed(&site.play("fleet", &onboard, &[]));
    let run = site.play("interruption", &other, &[]);
    assert!(run.code != 0 && run.stdout.contains("replace failed: "), "{}", run.stdout);
    assert!(run.stdout.contains("was launched from the profile of cluster"), "{}", run.stdout);
    assert_eq!((site.machines(), &line()["failed"][0]["step"]), (left, &json!("replace")));
    // Nothing stands in any more: that is no success.
    let all: Vec<String> = site.machines().into_iter().map(|it| it.0).collect();
    moto::shared().terminate_instances(REGION, &all);
    let run = site.play(
        "interruption",
        &json!({"spot_fleet_instance": old, "spot_fleet_record": record}),
        &[],
    );
    assert!(run.code != 0 && run.stdout.contains("which stood in for it"), "{}", run.stdout);
    assert_eq!((site.machines().len(), &line()["failed"][0]["step"]), (0, &json!("replace")));
}

/// What a fleet was launched from is not known if no profile says it.
#[test]
fn the_machine_of_a_fleet_without_a_profile_is_not_replaced_and_that_is_said() {
    let site = Site::new();
    let launch = json!({
        "name": site.cluster, "image_id": "ami-12c6146b", "count": 1, "settle_timeout": 1,
        "policy": {"instance_types": ["c6i.large"], "current_generation": "any"},
    });
    site.call("spot_launch", &launch);
    let old = site.machines();
    let record = site.desk.home.path().join("record.jsonl");
    let warning = json!({
        "spot_fleet_instance": old[0].0, "spot_fleet_record": record, "spot_fleet_cluster": null,
    });
    let run = site.play("interruption", &warning, &[]);
    assert_ne!(run.code, 0, "{}", run.stdout);
    let line = std::fs::read_to_string(&record).unwrap();
    let line: Value = serde_json::from_str(line.trim_end()).unwrap();
    let said = line["failed"][0]["reason"].as_str().unwrap();
    let words = format!("fleet {} was launched from options of a task", site.cluster);
    assert!(said.contains("there is no profile of cluster") && said.contains(&words), "{said}");
    assert_eq!(site.machines(), old);
    // One of the fleet's name is enough.
    changed(&site.play("fleet", &site.onboarded(), &[]));
    changed(&site.play("interruption", &warning, &[]));
    assert!(site.machines().iter().all(|it| it.0 != old[0].0));
}

/// A machine that goes is prepared, whether EC2 says whose it is or not.
#[test]
fn what_cannot_be_looked_up_is_prepared_and_recorded_and_told() {
    let site = Site::new();
    let (action, code) = ("DescribeInstances", "UnauthorizedOperation");
    site.market.snag(Snag { action, with: "", code, times: 99, waits: false });
    let log = site.desk.home.path().join("prepared");
    let script =
        site.desk.file("prepare", &format!("#!/bin/sh\necho \"$1\" >> {}\n", log.display()));
    let record = site.desk.home.path().join("record.jsonl");
    let warning = json!({
        "spot_fleet_instance": "i-0123456789abcdef0", "spot_fleet_record": record,
        "spot_fleet_prepare_command": ["/bin/sh", script],
    });
    // The play of another warning is about to add its line.
    std::fs::write(&record, "{\"earlier\": 1}\n").unwrap();
    let mut other = std::fs::OpenOptions::new().append(true).open(&record).unwrap();
    let run = site.play("interruption", &warning, &[]);
    other.write_all(b"{\"other\": 1}\n").unwrap();
    assert!(run.code != 0 && run.stdout.contains("look failed: "), "{}", run.stdout);
    assert!(!run.stdout.contains("is of no fleet here"), "{}", run.stdout);
    assert_eq!(std::fs::read_to_string(&log).unwrap(), "i-0123456789abcdef0\n");
    let text = std::fs::read_to_string(&record).unwrap();
    let lines: Vec<Value> = text.lines().map(|it| serde_json::from_str(it).unwrap()).collect();
    assert_eq!(lines.len(), 3, "{text}");
    let line = &lines[1];
    assert_eq!((&line["failed"][0]["step"], &line["fleet"]), (&json!("look"), &Value::Null));
    assert_eq!((&lines[0]["earlier"], &lines[2]["other"]), (&json!(1), &json!(1)), "{text}");
    // What cannot be recorded is told, with the reason.
    let nowhere = json!({
        "spot_fleet_instance": "i-0123456789abcdef0", "spot_fleet_record": "/proc/none/record",
    });
    let run = site.play("interruption", &nowhere, &[]);
    assert!(
        run.code != 0 && run.stdout.contains("record failed: cannot append to"),
        "{}",
        run.stdout
    );
}

/// Warnings come together, and each has its own process.
#[test]
fn every_line_of_the_record_stays_however_many_are_added_at_once() {
    let home = tempfile::tempdir().unwrap();
    let record = home.path().join("new/record.jsonl");
    let script = root().join("roles/spot_fleet/files/record.py");
    let start = |line: &str| {
        let mut command = std::process::Command::new("python3");
        command.arg(&script).arg(&record).arg(line).spawn().unwrap()
    };
    let line = |number: usize| format!("{{\"{number}\": \"{}\"}}", "é".repeat(5000));
    let all: Vec<_> = (0..24).map(|number| start(&line(number))).collect();
    for mut one in all {
        assert!(one.wait().unwrap().success());
    }
    let text = std::fs::read_to_string(&record).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    let mut wanted: Vec<String> = (0..24).map(line).collect();
    wanted.sort();
    assert_eq!(lines.len(), 24);
    assert!(lines.iter().zip(&wanted).all(|(line, wanted)| line == wanted), "each is whole");
    let mode = std::fs::metadata(&record).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // After one that was cut off.
    std::fs::write(&record, "{\"torn").unwrap();
    assert!(start("{}").wait().unwrap().success());
    assert_eq!(std::fs::read_to_string(&record).unwrap(), "{\"torn\n{}\n");
}

#[test]
fn a_stateful_groups_machine_is_prepared_and_watched_only() {
    let site = Site { desk: Desk::with_whole(spot_sim::DEMO_FLEET), ..Site::new() };
    let state = site.desk.simulator.control("GET", "/_sim/state", Value::Null);
    let id = state
        .to_string()
        .split("\"i-")
        .nth(1)
        .map(|it| format!("i-{}", it.split('"').next().unwrap()));
    let log = site.desk.home.path().join("prepared");
    let script =
        site.desk.file("prepare", &format!("#!/bin/sh\necho \"$1 $2\" >> {}\n", log.display()));
    let watched = site.desk.home.path().join("watched");
    let warning = json!({
        "spot_fleet_instance": id.unwrap(), "spot_fleet_stateful": true,
        "spot_fleet_prepare_command": ["/bin/sh", script],
        "spot_fleet_gates": [{"name": "all", "kind": "command", "command": ["/usr/bin/touch", watched]}],
    });
    let mut command = ansible(&site.desk, "aws", "ansible-playbook");
    command.envs(site.market.environment());
    command.env("SPOTINST_API_TOKEN", "demo-token").env("SPOTINST_ACCOUNT_ID", "act-demo0001");
    command.args(["spotinst.esg.interruption", "-e", &warning.to_string()]);
    let run = ran(command.output().unwrap());
    assert_eq!(run.code, 0, "{}", run.stdout);
    let told = std::fs::read_to_string(&log).unwrap();
    assert!(told.starts_with(warning["spot_fleet_instance"].as_str().unwrap()), "{told}");
    assert!(watched.exists(), "its gates were looked at: {}", run.stdout);
    assert!(site.market.bodies("RunInstances").is_empty(), "the platform replaces it");
}

#[test]
fn warnings_are_put_into_a_queue_that_only_the_rule_writes_to() {
    let site = Site::new();
    let name = format!("queue-{}", site.cluster);
    let wanted = json!({"spot_fleet_queue": name});
    assert!(changed(&site.play("interruption_queue", &wanted, &[])) >= 2);
    let again = site.play("interruption_queue", &wanted, &[]);
    assert_eq!(changed(&again), 0, "{}", again.stdout);
    let asked = json!({"Name": name});
    let rule = moto::shared().json(REGION, "events", "AWSEvents.DescribeRule", &asked).unwrap();
    let pattern: Value = serde_json::from_str(rule["EventPattern"].as_str().unwrap()).unwrap();
    assert_eq!(pattern["detail-type"].as_array().unwrap().len(), 2);
    let targets = json!({"Rule": name});
    let targets =
        moto::shared().json(REGION, "events", "AWSEvents.ListTargetsByRule", &targets).unwrap();
    assert!(targets["Targets"][0]["Arn"].as_str().unwrap().ends_with(&format!(":{name}")));
    let gone = json!({"spot_fleet_queue": name, "spot_fleet_queue_state": "absent"});
    assert!(changed(&site.play("interruption_queue", &gone, &[])) >= 2);
    assert!(moto::shared().json(REGION, "events", "AWSEvents.DescribeRule", &asked).is_err());
}

/// A name is no proof of who made something: neither rule nor queue of somebody else is changed or deleted.
#[test]
fn a_queue_or_rule_that_others_made_is_neither_changed_nor_deleted() {
    let site = Site::new();
    let name = format!("queue-{}", site.cluster);
    let own = json!({
        "Name": name, "Description": "ours", "EventPattern": r#"{"source":["other"]}"#,
    });
    moto::shared().json(REGION, "events", "AWSEvents.PutRule", &own).unwrap();
    let rule = || {
        let asked = json!({"Name": name});
        moto::shared().json(REGION, "events", "AWSEvents.DescribeRule", &asked).unwrap()
    };
    for (state, arguments) in [("present", &[][..]), ("absent", &[]), ("absent", &["--check"])] {
        let wanted = json!({"spot_fleet_queue": name, "spot_fleet_queue_state": state});
        let run = site.play("interruption_queue", &wanted, arguments);
        assert_ne!(run.code, 0, "{state}: {}", run.stdout);
        assert!(run.stdout.contains("so something else made it"), "{state}: {}", run.stdout);
        assert_eq!(rule()["Description"], "ours", "{state}");
    }
    let taken = json!({"spot_fleet_queue": name, "spot_fleet_take_over": true});
    assert!(changed(&site.play("interruption_queue", &taken, &[])) >= 2);
    assert!(rule()["Description"].as_str().unwrap().ends_with("(spotinst-esg interruptions)"));
    // From now on it is the role's own.
    let gone = json!({"spot_fleet_queue": name, "spot_fleet_queue_state": "absent"});
    assert!(changed(&site.play("interruption_queue", &gone, &[])) >= 2);
}

/// The rulebooks hand nothing of an event on that is not checked, and refuse the rest by their last rule.
#[test]
fn the_rulebooks_are_staged_and_check_what_they_hand_on() {
    let staged =
        root().join("target/stage/ansible_collections/spotinst/esg/extensions/eda/rulebooks");
    for (file, body) in [("interruption.yml", "body"), ("interruption_webhook.yml", "payload")] {
        let text = std::fs::read_to_string(staged.join(file)).unwrap();
        let book: Value = serde_yaml::from_str(&text).unwrap();
        let rules = book[0]["rules"].as_array().unwrap();
        assert_eq!(rules.len(), 3, "{file}");
        for rule in &rules[..2] {
            let condition = rule["condition"].as_str().unwrap();
            let play = &rule["action"]["run_playbook"];
            assert_eq!(play["name"], "spotinst.esg.interruption");
            for handed in ["spot_fleet_instance", "spot_fleet_region"] {
                let value = play["extra_vars"][handed].as_str().unwrap();
                let path = value.trim_matches(['{', '}', ' ']).replace('\'', "\"");
                assert!(path.starts_with(&format!("event.{body}.")), "{file}: {path}");
                assert!(
                    condition.contains(&format!("{path} is search(\"^")),
                    "{file}: {condition}"
                );
            }
            assert_eq!(play["extra_vars"].as_object().unwrap().len(), 3, "{file}");
        }
        assert!(rules[2]["action"]["debug"]["msg"].as_str().unwrap().contains("was refused"));
    }
}
