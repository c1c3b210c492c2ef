//! A group in the simulator, and a folder for each of its nodes: its data, and what its service was told.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::ansible::ansible;
use crate::support::cli::{Desk, Ran, ran};

/// The newest Ansible, where one is enough.
pub(crate) const NEWEST: &str = "ansible";

pub(crate) const OLD: &str = "ami-00000000000000001";
pub(crate) const NEW: &str = "ami-00000000000000002";

/// Stands for the service manager of a node: what a service is told is in the file of its name, and all of it in a log beside.
const MANAGER: &str = "#!/usr/bin/python
import os
from ansible.module_utils.basic import AnsibleModule
module = AnsibleModule(argument_spec=dict(name=dict(type='path'), state=dict(), use=dict()), supports_check_mode=True)
name, wanted = module.params['name'], module.params['state']
before = open(name).read()
if module.check_mode:
    module.exit_json(changed=before != wanted)
with open(name + '.log', 'a') as log:
    log.write(wanted + ' ')
if os.path.exists(name + '.not-' + wanted):
    module.fail_json(msg='it will not be ' + wanted)
with open(name, 'w') as file:
    file.write(wanted)
module.exit_json(changed=before != wanted)
";

/// Stands for the node's `findmnt`: each folder of data says itself on which disk it is.
const FINDMNT: &str = "#!/bin/sh\nfor path; do :; done\ncat \"$path/.disk\"\n";

/// The journal's clock is the computer's own, so the simulator's has to go with it.
#[expect(
    clippy::disallowed_methods,
    reason = "a test that starts other processes lives in their time"
)]
fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

pub(crate) struct Site {
    pub(crate) desk: Desk,
    pub(crate) count: usize,
}

impl Site {
    /// A group of so many nodes, named `ssi-01` and so on, with addresses of loopback.
    pub(crate) fn with(count: usize) -> Self {
        Self::made(count, true, false, &["eu-west-1a"])
    }

    /// The same, whose roots are persisted as well.
    pub(crate) fn with_persisted_roots(count: usize) -> Self {
        Self::made(count, true, true, &["eu-west-1a"])
    }

    /// The same, whose nodes come back with other addresses.
    pub(crate) fn moving(count: usize) -> Self {
        Self::made(count, false, false, &["eu-west-1a"])
    }

    /// The same, by turns in one zone and in another.
    pub(crate) fn in_two_zones(count: usize) -> Self {
        Self::made(count, true, false, &["eu-west-1a", "eu-west-1b"])
    }

    fn made(count: usize, are_kept: bool, is_root: bool, zones: &[&str]) -> Self {
        let zones: Vec<String> = zones.iter().map(|zone| format!("{{name: {zone}}}")).collect();
        let nodes: Vec<String> = (1..=count)
            .map(|n| format!("{{id: ssi-{n:02}, private_ip: 127.0.0.{}}}", n + 1))
            .collect();
        let desk = Desk::with(&format!(
            "clock: {{start: '{}'}}
latency: {{accepted_seconds: 0.1, terminating_seconds: 0.1, imaging_seconds: 0.1, replacing_seconds: 0.1, booting_seconds: 0.1}}
groups:
  - {{name: kafka, id: sig-1, region: eu-west-1, image: {OLD}, persistence: {{root: {is_root}, data: reattach, private_ip: {are_kept}}},
     zones: [{}],
     created_at: '2025-11-01T00:00:00Z', volumes: [{{device: /dev/xvdb}}], capacity: {{minimum: 0, maximum: 99}},
     stateful: [{}]}}
",
            now(),
            zones.join(", "),
            nodes.join(", ")
        ));
        let site = Self { desk, count };
        site.desk.file("library/fake_manager.py", MANAGER);
        site.program("findmnt", FINDMNT);
        for node in site.nodes() {
            site.desk.file(&format!("nodes/{node}/data/.disk"), &format!("uuid-{node}  /data\n"));
            site.desk.file(&format!("nodes/{node}/data/meta.properties"), &format!("id={node}\n"));
            site.desk.file(&format!("nodes/{node}/kafka"), "started");
        }
        site
    }

    /// A program that every node has.
    pub(crate) fn program(&self, name: &str, text: &str) {
        use std::os::unix::fs::PermissionsExt;
        let path = self.desk.file(&format!("bin/{name}"), text);
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    pub(crate) fn nodes(&self) -> Vec<String> {
        (1..=self.count).map(|n| format!("ssi-{n:02}")).collect()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.desk.home.path().join(name)
    }

    /// What the service of a node was told, in order.
    pub(crate) fn told(&self, node: &str) -> String {
        let log = fs::read_to_string(self.path(&format!("nodes/{node}/kafka.log")));
        log.unwrap_or_default().trim_end().to_owned()
    }

    /// A file of tasks that stands for one of the role's.
    pub(crate) fn tasks(&self, name: &str, text: &str) -> Value {
        let file = self.desk.file(&format!("tasks/{name}.yml"), text);
        json!({ name: file.to_str().unwrap() })
    }

    /// What every roll here is given; `more` wins.
    pub(crate) fn variables(&self, more: &Value) -> Value {
        let home = self.desk.home.path().to_str().unwrap();
        let mut all = json!({
            "rolling_recycle_group_id": "sig-1",
            "rolling_recycle_image_id": NEW,
            "rolling_recycle_state_dir": self.path("state"),
            "rolling_recycle_become": false,
            "rolling_recycle_service_manager": "ansible.legacy.fake_manager",
            "rolling_recycle_services": [format!("{home}/nodes/{{{{ rolling_recycle_node.id }}}}/kafka")],
            "rolling_recycle_data_paths":
                [{"path": format!("{home}/nodes/{{{{ rolling_recycle_node.id }}}}/data"), "markers": ["meta.properties"]}],
            "rolling_recycle_identity_timeout": 1,
            "rolling_recycle_gate_spacing": 1,
            "rolling_recycle_before_samples": 1,
            "rolling_recycle_before_timeout": 0,
            "rolling_recycle_between_samples": 1,
            "rolling_recycle_between_timeout": 0,
            "rolling_recycle_after_samples": 1,
            "rolling_recycle_after_window": 0,
            "rolling_recycle_after_timeout": 0,
            "rolling_recycle_after_stall_timeout": 0,
            "rolling_recycle_bake_seconds": 0,
            "rolling_recycle_canary_bake_seconds": 0,
            "rolling_recycle_without_gates": true,
            "rolling_recycle_waivers": [
                {"predicate": "image_available", "reason": "there is no EC2 here"},
                {"predicate": "image_architecture", "reason": "there is no EC2 here"},
            ],
        });
        for (name, value) in more.as_object().unwrap() {
            all[name] = value.clone();
        }
        all
    }

    /// `ansible-playbook` with the inventory of the group, in which every node is reached locally.
    pub(crate) fn command(&self, version: &str, playbook: &str, more: &Value) -> Command {
        let python = crate::support::ansible::program(version, "python");
        let inventory = self.desk.options(&format!(
            "ec2: false\nhostnames: [id]\ncompose: {{ansible_connection: \"'local'\", ansible_python_interpreter: \"'{}'\"}}",
            python.display()
        ));
        let name = format!("variables-{}.json", fastrand::u64(..));
        let variables = self.desk.file(&name, &self.variables(more).to_string());
        let mut command = ansible(&self.desk, version, "ansible-playbook");
        let path = command
            .get_envs()
            .find_map(|(name, value)| (name == "PATH").then_some(value?.to_str()?.to_owned()));
        command
            .env("PATH", format!("{}:{}", self.path("bin").display(), path.unwrap()))
            .env("ANSIBLE_LIBRARY", self.path("library"))
            .env("SPOTINST_ESG_STATE_DIR", self.path("state"))
            .arg("-i")
            .arg(inventory)
            .arg(playbook)
            .arg("-e")
            .arg(format!("@{}", variables.display()));
        command
    }

    /// Rolls the group.
    pub(crate) fn roll(&self, version: &str, more: &Value, arguments: &[&str]) -> Ran {
        let mut command = self.command(version, "spotinst.esg.recycle", more);
        ran(command.args(arguments).output().unwrap())
    }

    /// The group as it really is.
    pub(crate) fn group(&self) -> Value {
        self.desk.simulator.control("GET", "/_sim/state", Value::Null)["groups"][0].clone()
    }

    /// What a roll must leave as it found it.
    pub(crate) fn settings(&self) -> Value {
        let mut group = self.group();
        group["config"]["updatedAt"] = Value::Null;
        json!({"config": group["config"], "suspensions": group["suspensions"]})
    }

    /// Besides the image, which a roll that went well keeps.
    pub(crate) fn assert_restored(&self, mut before: Value, image: &str) {
        before["config"]["compute"]["launchSpecification"]["imageId"] = json!(image);
        assert_eq!(self.settings(), before);
    }

    /// The image that each node runs.
    pub(crate) fn images(&self) -> Vec<String> {
        let group = self.group();
        let nodes = group["statefulInstances"].as_array().unwrap().clone();
        nodes.iter().map(|node| node["imageId"].as_str().unwrap().to_owned()).collect()
    }

    /// How often a recycle of each node was asked for.
    pub(crate) fn recycles(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for request in self.desk.simulator.requests() {
            let parts: Vec<&str> = request.path.split('/').collect();
            if let [.., node, "recycle"] = parts.as_slice() {
                *counts.entry((*node).to_owned()).or_default() += 1;
            }
        }
        counts
    }

    /// Each of these nodes was recycled once, and nothing else.
    pub(crate) fn assert_recycled_once(&self, nodes: &[String]) {
        let once: BTreeMap<String, usize> = nodes.iter().map(|node| (node.clone(), 1)).collect();
        assert_eq!(self.recycles(), once);
    }

    /// The journals, oldest first.
    pub(crate) fn journals(&self) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(self.path("state")) else { return Vec::new() };
        let paths = entries.map(|entry| entry.unwrap().path());
        let mut journals: Vec<PathBuf> =
            paths.filter(|path| path.extension().is_some_and(|it| it == "jsonl")).collect();
        journals.sort();
        journals
    }

    /// The id of the newest run.
    pub(crate) fn run_id(&self) -> String {
        let journals = self.journals();
        journals.last().unwrap().file_stem().unwrap().to_str().unwrap().to_owned()
    }
}

/// How many tasks the recap says were changed, of a play that went well.
pub(crate) fn changed(run: &Ran) -> usize {
    assert_eq!(run.code, 0, "{}\n{}", run.stdout, run.stderr);
    let recap = run.stdout.rsplit_once("changed=").unwrap().1;
    recap.split_whitespace().next().unwrap().parse().unwrap()
}

/// The last failure that is shown, which must come after everything but the recap.
pub(crate) fn last_words(run: &Ran) -> String {
    assert_ne!(run.code, 0, "{}", run.stdout);
    let (before, recap) = run.stdout.rsplit_once("PLAY RECAP").unwrap();
    let line = before.trim_end().lines().last().unwrap();
    assert!(line.starts_with("fatal: "), "{before}\n{recap}");
    line.to_owned()
}
