//! EC2's own checks of a new machine, as one more gate after a node's start.

use std::collections::BTreeMap;
use std::sync::Mutex;

use serde_json::{Value, json};

use crate::site::{NEWEST, Site, last_words};
use crate::support::cli::{Ran, ran};
use crate::support::health::{KEYS, ec2};

/// Rolls one node with EC2 at this address, and more variables.
fn roll(site: &Site, url: &str, more: Value) -> Ran {
    let mut all = json!({"rolling_recycle_only": ["ssi-01"], "rolling_recycle_ec2_status": true});
    all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let more = all;
    let mut command = site.command(NEWEST, "spotinst.esg.recycle", &more);
    ran(command.envs(KEYS).env("AWS_ENDPOINT_URL", url).output().unwrap())
}

#[test]
fn a_node_is_done_when_the_checks_of_its_new_machine_pass() {
    let site = Site::with(2);
    let before = site.group()["statefulInstances"][0]["instanceId"].clone();
    let looks = Mutex::new(BTreeMap::<String, usize>::new());
    let server = ec2(move |id| {
        let mut looks = looks.lock().unwrap();
        let look = looks.entry(id.to_owned()).or_default();
        *look += 1;
        Some(("running", "ok", if *look < 3 { "initializing" } else { "ok" }, None))
    });
    let run = roll(&site, server.url(), json!({"rolling_recycle_after_timeout": 60}));
    assert_eq!(run.code, 0, "{}\n{}", run.stdout, run.stderr);
    let now = site.group()["statefulInstances"][0]["instanceId"].clone();
    assert_ne!(before, now);
    let asked: Vec<String> = server
        .requests()
        .into_iter()
        .filter(|it| it.body.contains("InstanceStatus"))
        .map(|it| it.body)
        .collect();
    assert_eq!(asked.len(), 3, "{asked:?}");
    let new = format!("InstanceId.1={}", now.as_str().unwrap());
    assert!(asked.iter().all(|body| body.contains(&new)), "{new}: {asked:?}");
}

#[test]
fn a_new_machine_that_ec2_finds_impaired_ends_the_roll() {
    let site = Site::with(2);
    let server = ec2(|_| Some(("running", "impaired", "ok", None)));
    let run = roll(&site, server.url(), json!({}));
    let words = last_words(&run);
    for told in ["EC2.system_status", "the check is impaired", "is frozen"] {
        assert!(words.contains(told), "{told}: {words}");
    }
    site.assert_recycled_once(&["ssi-01".to_owned()]);
}

#[test]
fn an_old_machine_that_is_started_again_is_not_judged_by_what_is_asked_of_a_new_one() {
    let site = Site::with(2);
    let server = ec2(|_| Some(("running", "impaired", "ok", None)));
    let shut = json!([{"name": "shut", "kind": "command", "command": ["false"]}]);
    let run = roll(&site, server.url(), json!({"rolling_recycle_gates_between": shut}));
    let words = last_words(&run);
    assert!(words.contains("its service was started again there"), "{words}");
    assert!(!words.contains("is frozen"), "{words}");
    let asked = server.requests().into_iter().filter(|it| it.body.contains("InstanceStatus"));
    assert_eq!((asked.count(), site.recycles().len()), (0, 0));
    assert_eq!(site.told("ssi-01"), "stopped started");
}
