//! Rolls as the role carries them out, call by call, with the processes that may hold them.

use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use super::cli::{CANARY, Desk};
use super::module::{Called, call_with};

/// A group of three brokers that is over a recycle in a fraction of a second.
pub(crate) const THREE: &str = "groups:
  - {name: kafka, id: sig-1, region: eu-west-1, image: ami-1, persistence: {data: reattach, private_ip: true},
     zones: [{name: eu-west-1a}, {name: eu-west-1b}], created_at: '2025-11-01T00:00:00Z', volumes: [{device: /dev/xvdb}],
     capacity: {minimum: 0, maximum: 9},
     stateful: [{id: ssi-1, instance_id: i-1, private_ip: 10.0.0.1, zone: eu-west-1a},
                {id: ssi-2, instance_id: i-2, private_ip: 10.0.0.2, zone: eu-west-1b},
                {id: ssi-3, instance_id: i-3, private_ip: 10.0.0.3, zone: eu-west-1a}]}
";

/// A group of one broker, `sig-N` with `ssi-N`, for each of the numbers.
pub(crate) fn singles(numbers: std::ops::RangeInclusive<u32>) -> String {
    let one = |n: u32| {
        format!(
            "  - {{name: broker-{n}, id: sig-{n}, region: eu-west-1, image: ami-1, persistence: {{data: reattach, \
             private_ip: true}}, zones: [{{name: eu-west-1a}}], created_at: '2025-11-01T00:00:00Z', \
             volumes: [{{device: /dev/xvdb}}], stateful: [{{id: ssi-{n}, instance_id: i-{n}, private_ip: 10.0.0.{n}}}]}}\n"
        )
    };
    format!("groups:\n{}", numbers.map(one).collect::<String>())
}

/// How many processes a run suspends.
pub(crate) const PROCESSES: usize = 6;

/// Phases after the recycle, in order.
pub(crate) const AFTERWARDS: [&str; 5] = ["identity", "starting", "post_gate", "baking", "done"];

/// A simulator whose clock is the real one, since suspensions are compared with it.
pub(crate) fn desk(groups: &str) -> Desk {
    Desk::with_whole(&fleet(groups))
}

/// The fleet of [`desk`].
#[expect(clippy::disallowed_methods, reason = "the binary under test has the real clock")]
pub(crate) fn fleet(groups: &str) -> String {
    let start = jiff::Timestamp::now();
    format!(
        "tokens: [{{token: {CANARY}}}]\naccounts: [{{id: act-00000001, name: one}}]\nlimits: {{default: 100000}}
clock: {{speed: 1, start: '{start}'}}
latency: {{accepted_seconds: 0.1, terminating_seconds: 0.1, imaging_seconds: 0.1, replacing_seconds: 0.1, booting_seconds: 0.1}}\n{groups}"
    )
}

/// One object with the fields of another set; those that are null are taken out.
pub(crate) fn with(mut arguments: Value, more: &Value) -> Value {
    for (name, value) in more.as_object().unwrap() {
        match value {
            Value::Null => drop(arguments.as_object_mut().unwrap().remove(name)),
            value => arguments[name] = value.clone(),
        }
    }
    arguments
}

/// The id of a process that has ended.
pub(crate) fn dead() -> u32 {
    let mut child = Command::new("true").stdin(Stdio::null()).spawn().unwrap();
    let id = child.id();
    child.wait().unwrap();
    id
}

/// A process that runs until it is dropped.
pub(crate) struct Living(Child);

impl Living {
    pub(crate) fn start() -> Self {
        Self(Command::new("sleep").arg("600").stdin(Stdio::null()).spawn().unwrap())
    }

    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Living {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// Someone who rolls a group.
#[derive(Clone, Copy)]
pub(crate) struct Controller<'a> {
    pub(crate) desk: &'a Desk,
    pub(crate) pid: u32,
    pub(crate) group: &'a str,
}

impl<'a> Controller<'a> {
    /// One whose process has ended, of the group `sig-1`.
    pub(crate) fn gone(desk: &'a Desk) -> Self {
        Self { desk, pid: dead(), group: "sig-1" }
    }

    /// The same of another group.
    pub(crate) fn of(self, group: &'a str) -> Self {
        Self { group, ..self }
    }

    pub(crate) fn call(&self, module: &str, arguments: &Value) -> Called {
        let pid = self.pid.to_string();
        call_with(self.desk, module, arguments, &[("SPOTINST_ESG_CONTROLLER", &pid)])
    }

    /// `recycle_run` with this state. Nothing here has a gate, unless it says so.
    pub(crate) fn run(&self, state: &str, arguments: &Value) -> Called {
        let usual = match state {
            "started" => json!({"state": state, "require_mid_gate": false}),
            _ => json!({"state": state}),
        };
        self.call("recycle_run", &with(usual, arguments))
    }

    /// Begins the usual roll; answers its id.
    pub(crate) fn start(&self) -> String {
        let begun = self.run("started", &self.aim()).well();
        begun["run_id"].as_str().unwrap().to_owned()
    }

    /// The aim and the waivers of every roll here: no EC2 is there to be asked.
    pub(crate) fn aim(&self) -> Value {
        json!({
            "group_id": self.group, "image_id": "ami-2", "system": format!("system-of-{}", self.group),
            "waivers": [{"predicate": "image_available", "reason": "no EC2 here"},
                        {"predicate": "image_architecture", "reason": "no EC2 here"}],
        })
    }

    pub(crate) fn advance(&self, run: &str, node: &str, phase: &str) -> Called {
        self.run(
            "advanced",
            &json!({"run_id": run, "node": node, "phase": phase, "wait_timeout": 2}),
        )
    }

    /// Everything up to the recycle.
    pub(crate) fn prepare(&self, run: &str, node: &str) {
        for phase in ["pre_gate", "draining", "stopped", "mid_gate"] {
            self.advance(run, node, phase).well();
        }
    }

    pub(crate) fn recycle(&self, run: &str, node: &str) -> Called {
        let step = json!({
            "group_id": self.group, "id": node, "state": "recycled", "run_id": run, "wait_timeout": 20,
        });
        self.call("stateful_instance", &step)
    }

    /// A node from its first phase to its last.
    pub(crate) fn roll(&self, run: &str, node: &str) {
        self.prepare(run, node);
        self.recycle(run, node).well();
        for phase in AFTERWARDS {
            self.advance(run, node, phase).well();
        }
    }

    pub(crate) fn finish(&self, run: &str) -> Called {
        self.run("finished", &json!({"run_id": run}))
    }
}

/// The folder of the journals.
pub(crate) fn journals(desk: &Desk) -> std::path::PathBuf {
    desk.home.path().join(".local/state/spotinst-esg/runs")
}

/// A group's image, whether its root is persisted, and what of it is suspended.
pub(crate) fn settings(desk: &Desk) -> (Value, Value, Value) {
    let state = desk.simulator.control("GET", "/_sim/state", Value::Null);
    let group = &state["groups"][0];
    let config = &group["config"];
    let root = config["strategy"]["persistence"]["shouldPersistRootDevice"].clone();
    (
        config["compute"]["launchSpecification"]["imageId"].clone(),
        root,
        group["suspensions"].clone(),
    )
}
