//! The vendor's own Python client, unchanged, against the simulator: what it reads is what we list.

#![allow(clippy::unwrap_used, reason = "what a test cannot go on without, it panics on")]

mod support;

use std::process::Command;

use serde_json::Value;
use support::cli::{Desk, ran};

const SCRIPT: &str = r#"
import json, sys
from spotinst_sdk2 import SpotinstSession
session = SpotinstSession(base_url=sys.argv[1], auth_token="demo-token", account_id="act-demo0001")
groups = session.client("elastigroup_aws", print_output=False)
found = {}
for group in groups.get_elastigroups():
    found[group["id"]] = [instance["id"] for instance in groups.get_stateful_instances(group["id"])]
json.dump(found, sys.stdout)
"#;

#[test]
fn the_vendors_client_lists_the_same_groups_and_stateful_instances() {
    let desk = Desk::with_whole(spot_sim::DEMO_FLEET);
    let python = support::tools().join("servers/bin/python");
    assert!(python.exists(), "{} is missing: run `cargo xtask tools`", python.display());
    let mut vendor = desk.clean(Command::new(python));
    let theirs =
        ran(vendor.args(["-c", SCRIPT, &desk.simulator.url()]).output().unwrap()).document();
    let mut command = desk.command();
    command.env("SPOTINST_API_TOKEN", "demo-token").env("SPOTINST_ACCOUNT_ID", "act-demo0001");
    let ours = ran(command.args(["inventory", "--list"]).output().unwrap()).document();
    let mut groups = 0;
    for (group, ids) in theirs.as_object().unwrap() {
        let mut ids: Vec<&str> =
            ids.as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
        if ids.is_empty() {
            assert!(ours.get(group).is_none(), "{group} is stateless");
            continue;
        }
        let hosts = ours[group]["hosts"].as_array().unwrap().iter();
        let var = |host: &Value| &ours["_meta"]["hostvars"][host.as_str().unwrap()]["spotinst_id"];
        let mut listed: Vec<&str> = hosts.map(|host| var(host).as_str().unwrap()).collect();
        ids.sort_unstable();
        listed.sort_unstable();
        assert_eq!(listed, ids, "{group}");
        groups += 1;
    }
    assert_eq!(groups, 3, "the demo fleet has three clusters: {theirs}");
}
