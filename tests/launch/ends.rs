//! Fewer machines: what is asked beforehand, and what is told of those that went.

use serde_json::{Value, json};

use super::Stage;
use super::support::cli::ran;
use super::support::market::{Fault, Snag};
use super::support::moto;
use super::{IMAGE, policy};

fn ids(stage: &Stage) -> Vec<String> {
    stage.machines().into_keys().collect()
}

fn snag(stage: &Stage, code: &'static str) {
    let action = "TerminateInstances";
    stage.market.snag(Snag { action, with: "", code, times: 99, waits: false });
}

/// EC2 is asked before anything is drained, in check mode, too.
#[test]
fn whether_ec2_would_terminate_is_asked_beforehand() {
    for end in [json!({"exact_count": 1}), json!({"state": "absent"})] {
        let stage = Stage::new();
        stage.call(&json!({"exact_count": 2})).well();
        let mut check = end.clone();
        check["_ansible_check_mode"] = json!(true);
        stage.call(&check).well();
        let asked = stage.market.bodies("TerminateInstances");
        assert_eq!((asked.len(), asked[0]["DryRun"].as_str()), (1, "true"), "{asked:?}");
        snag(&stage, "UnauthorizedOperation");
        for mut refused in [check, end] {
            refused["drain_command"] = json!(["/bin/false"]);
            let called = stage.call(&refused);
            let said = called.failed();
            assert!(said.contains("grant the action ec2:TerminateInstances"), "{said}");
            assert!(said.ends_with("was not terminated"), "{said}");
        }
        assert_eq!(ids(&stage).len(), 2);
    }
}

/// Machines without a tag keep nobody from ending the others, nor a count from going on, which has launched them.
#[test]
fn what_lost_its_tags_is_warned_of_by_who_launches_nothing_for_it() {
    for (next, living, launches) in [
        (json!({"state": "absent"}), 0, 3),
        (json!({"exact_count": 0}), 0, 3),
        (json!({"count": 3}), 2, 4),
        (json!({"count": 1}), 2, 4),
    ] {
        let stage = Stage::new();
        let quota =
            Fault { zone: Some("eu-west-1c"), ..Fault::refuse("MaxSpotInstanceCountExceeded") };
        stage.market.fault(quota);
        stage.market.price("c6i.large", "eu-west-1c", Some("0.0390"));
        stage.call(&json!({"count": 3})).failed();
        stage.market.mend();
        assert_eq!((ids(&stage).len(), stage.launches()), (2, 3), "one was refused");
        let bare = ids(&stage)[0].clone();
        stage.ec2("DeleteTags", &[("ResourceId.1", &bare), ("Tag.1.Key", "spotinst-esg:fleet")]);
        let done = stage.call(&next).well();
        assert!(done["warnings"].to_string().contains(&bare), "{next}: {done}");
        assert_eq!((ids(&stage).len(), stage.launches()), (living, launches), "{next}: {done}");
        moto::shared().terminate_instances("eu-west-1", &[bare]);
    }
}

/// One went, and the next cannot be drained.
#[test]
fn who_was_terminated_before_a_failure_is_told() {
    for form in ["json", "table"] {
        let stage = Stage::new();
        stage.call(&json!({"exact_count": 3})).well();
        let all = ids(&stage);
        let once = stage.desk.home.path().join("once");
        let script = format!("#!/bin/sh\nmkdir {}\n", once.display());
        let options = json!({
            "name": stage.name, "image_id": IMAGE, "exact_count": 0, "policy": policy(),
            "settle_timeout": 1,
            "drain_command": ["/bin/sh", stage.desk.file("drain", &script)],
        });
        let file = stage.desk.file("launch.yml", &options.to_string());
        let mut command = stage.desk.command();
        command.envs(stage.market.environment()).args(["launch", file.to_str().unwrap(), "--yes"]);
        let done = ran(command.args(["--output", form]).output().unwrap());
        let left = ids(&stage);
        let gone = all.iter().find(|id| !left.contains(id)).unwrap();
        assert_eq!((done.code == 0, left.len()), (false, 2), "{done:?}");
        let words = format!("terminated before that 1: {gone}");
        assert!(done.stderr.contains(&words), "{words}: {done:?}");
        if form == "json" {
            let told: Value = serde_json::from_str(&done.stdout).unwrap();
            assert_eq!(told["terminated"], json!([gone]), "{told}");
        } else {
            assert!(done.stdout.contains(&format!("terminated 1: {gone}")), "{done:?}");
        }
    }
}
