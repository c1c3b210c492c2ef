//! The shipped playbooks, run by real Ansible over the machines of a yard.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::until;
use super::yard::{Node, Yard};
use crate::support::ansible::{ansible, program};
use crate::support::cli::{Desk, Ran, ran};
use crate::support::killing::kill;

/// The Ansible that rolls: the newest.
const VERSION: &str = "ansible";

/// The image that the machines begin with, and the one that is rolled to.
pub(crate) const NEW: &str = "ami-2";

/// Stands for the service manager of a machine: a service is named by the program that starts and stops it.
const MANAGER: &str = "#!/usr/bin/python
import subprocess
from ansible.module_utils.basic import AnsibleModule
module = AnsibleModule(argument_spec=dict(name=dict(type='path'), state=dict(), use=dict()))
name, verb = module.params['name'], {'started': 'start', 'stopped': 'stop'}[module.params['state']]
runs = subprocess.run([name, 'status'], stdout=subprocess.DEVNULL).returncode == 0
if runs == (verb == 'start'):
    module.exit_json(changed=False)
done = subprocess.run([name, verb], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
if done.returncode:
    module.fail_json(msg=done.stdout.strip())
module.exit_json(changed=True)
";

/// Stands for a machine's `findmnt`: its disk is a link to the folder that stands for the volume.
const FINDMNT: &str = "#!/bin/sh
for path; do :; done
disk=\"${path%%/data*}/data\"
test -d \"$disk\" && echo \"$(basename \"$(readlink -f \"$disk\")\") /data\"
";

/// Runs playbooks for one yard.
pub(crate) struct Player<'a> {
    yard: &'a Yard,
    desk: Desk,
    technology: &'static str,
}

impl<'a> Player<'a> {
    /// Rolls the cluster of this technology to [`NEW`].
    pub(crate) fn new(yard: &'a Yard, technology: &'static str) -> Self {
        let desk = Desk::with("");
        desk.file("library/yard_manager.py", MANAGER);
        let findmnt = desk.file("bin/findmnt", FINDMNT);
        fs::set_permissions(findmnt, fs::Permissions::from_mode(0o755)).unwrap();
        Self { yard, desk, technology }
    }

    /// A file of the test's own, such as a task file.
    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        self.desk.file(name, text)
    }

    /// The path of something on the machine of whichever node it is the turn of.
    pub(crate) fn on_machine(&self, inside: &str) -> String {
        let nodes = self.yard.path("nodes");
        format!("{}/{{{{ rolling_recycle_address }}}}/{inside}", nodes.display())
    }

    /// `ansible-playbook` for one of the collection's playbooks; `more` are variables.
    pub(crate) fn command(&self, playbook: &str, more: &Value) -> Command {
        let python = program(VERSION, "python");
        let inventory = self.desk.options(&format!(
            "ec2: false\nhostnames: [id]\ncompose: {{ansible_connection: \"'local'\", ansible_python_interpreter: \"'{}'\"}}",
            python.display()
        ));
        let variables = self.variables(more).to_string();
        let name = format!("variables-{}.json", fastrand::u64(..));
        let variables = self.desk.file(&name, &variables);
        let mut command = ansible(&self.desk, VERSION, "ansible-playbook");
        let path = command
            .get_envs()
            .find_map(|(name, value)| (name == "PATH").then_some(value?.to_str()?.to_owned()));
        let bin = self.desk.home.path().join("bin");
        let (url, token) = self.yard.api();
        command
            .env("PATH", format!("{}:{}", bin.display(), path.unwrap()))
            .env("ANSIBLE_LIBRARY", self.desk.home.path().join("library"))
            .env("SPOTINST_ESG_STATE_DIR", self.state())
            .env("SPOTINST_BASE_URL", url)
            .env("SPOTINST_API_TOKEN", token)
            .arg("-i")
            .arg(inventory)
            .arg(playbook)
            .arg("-e")
            .arg(format!("@{}", variables.display()));
        command
    }

    /// Runs a playbook to its end.
    pub(crate) fn play(&self, playbook: &str, more: &Value) -> Ran {
        ran(self.command(playbook, more).output().unwrap())
    }

    /// Runs a playbook until a node enters `phase`, and kills it there with all that it started. Answers whether it did: it may have
    /// ended before.
    pub(crate) fn play_until(&self, playbook: &str, more: &Value, phase: &str) -> bool {
        let entered = self.entered(phase);
        let mut command = self.command(playbook, more);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let is_there = until(&format!("a node enters {phase}"), 1800, || {
            if self.entered(phase) > entered {
                return Some(true);
            }
            child.try_wait().unwrap().map(|_| false)
        });
        kill(child);
        is_there
    }

    /// How often nodes have entered a phase, by the journals.
    fn entered(&self, phase: &str) -> usize {
        let word = format!("\"phase\":\"{phase}\"");
        let files = fs::read_dir(self.state()).into_iter().flatten().flatten();
        let journals = files.filter(|it| it.path().extension().is_some_and(|it| it == "jsonl"));
        let texts = journals.map(|it| fs::read_to_string(it.path()).unwrap_or_default());
        texts.map(|text| text.lines().filter(|line| line.contains(&word)).count()).sum()
    }

    /// A task file that stands for one of the role's.
    pub(crate) fn tasks(&self, phase: &str, text: &str) -> Value {
        let file = self.file(&format!("tasks/{phase}.yml"), text);
        json!({ phase: file })
    }

    /// The folder of the journals.
    pub(crate) fn state(&self) -> PathBuf {
        self.yard.path("state")
    }

    /// What every roll here is given; `more` wins. Looks are few and close, since what is tested is not patience.
    fn variables(&self, more: &Value) -> Value {
        let group = &self.yard.nodes(self.technology)[0].group_id;
        let mut all = json!({
            "rolling_recycle_group_id": group,
            "rolling_recycle_image_id": NEW,
            "rolling_recycle_become": false,
            "rolling_recycle_service_manager": "ansible.legacy.yard_manager",
            "rolling_recycle_identity_timeout": 5,
            "rolling_recycle_before_samples": 2,
            "rolling_recycle_before_timeout": 60,
            "rolling_recycle_between_samples": 2,
            "rolling_recycle_between_timeout": 60,
            "rolling_recycle_after_timeout": 120,
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

    /// The nodes in the order in which their recycles were asked for.
    pub(crate) fn recycled(&self) -> Vec<Node> {
        let nodes = self.yard.nodes(self.technology);
        let asked = self.yard.requests().into_iter().filter_map(|path| {
            let id = path.strip_suffix("/recycle")?.rsplit('/').next()?.to_owned();
            nodes.iter().find(|node| node.stateful_id == id).cloned()
        });
        asked.collect()
    }

    /// What a roll leaves as it found it, but for the image, which stays if it went well.
    pub(crate) fn settings(&self) -> Value {
        let group = self.group();
        let mut config = group["config"].clone();
        config["updatedAt"] = Value::Null;
        config["compute"]["launchSpecification"]["imageId"] = Value::Null;
        json!({"config": config, "suspensions": group["suspensions"]})
    }

    /// The image that the group names.
    pub(crate) fn image(&self) -> String {
        let group = self.group();
        let image = &group["config"]["compute"]["launchSpecification"]["imageId"];
        image.as_str().unwrap_or_default().to_owned()
    }

    /// The image that the machine of each node booted from, as its launch hook was told.
    pub(crate) fn images(&self) -> Vec<String> {
        let nodes = self.yard.nodes(self.technology);
        let image = |node: &Node| {
            let path = self.yard.path(&format!("nodes/{}/machine.json", node.address));
            let about: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
            about["image"].as_str().unwrap().to_owned()
        };
        nodes.iter().map(image).collect()
    }

    fn group(&self) -> Value {
        let id = &self.yard.nodes(self.technology)[0].group_id;
        let state = self.yard.control("GET", "/_sim/state", Value::Null);
        let groups = state["groups"].as_array().unwrap();
        groups.iter().find(|group| group["id"] == **id).unwrap_or_else(|| panic!("{state}")).clone()
    }
}

/// How many tasks the recap says were changed, of a play that went well.
pub(crate) fn changed(ran: &Ran) -> usize {
    assert_eq!(ran.code, 0, "{}\n{}", ran.stdout, ran.stderr);
    let recap = ran.stdout.rsplit_once("changed=").unwrap().1;
    recap.split_whitespace().next().unwrap().parse().unwrap()
}
