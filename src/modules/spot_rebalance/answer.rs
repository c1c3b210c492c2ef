//! What a rebalance answers.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::domain::Ec2Instance;
use crate::drive::launch::Moved;
use crate::modules::fleet::{ShownAttempt, ShownMachine, attempt, counts, machine};
use crate::plan::launch::{Counts, Shift};

/// What is answered.
#[derive(Serialize, JsonSchema)]
pub(in crate::modules) struct Returns {
    /// The machines of the fleet, by id.
    #[schemars(extend("x-returned" = "always"))]
    instances: Vec<ShownMachine>,
    /// How many machines the fleet is to have.
    #[schemars(extend("x-returned" = "always"))]
    count: u32,
    /// How many are in each zone.
    #[schemars(extend("x-returned" = "always"))]
    zones: BTreeMap<String, u32>,
    /// How many are to be in each zone.
    #[schemars(extend("x-returned" = "always"))]
    target: BTreeMap<String, u32>,
    /// What was launched; in check mode, nothing.
    #[schemars(extend("x-returned" = "always"))]
    launched: Vec<String>,
    /// What was terminated, in order; in check mode, what would be.
    #[schemars(extend("x-returned" = "always"))]
    pub(super) terminated: Vec<String>,
    /// The steps as they were planned, such as V(launch one in eu-west-1b) and V(terminate i-0123456789abcdef0).
    #[schemars(extend("x-returned" = "always"))]
    steps: Vec<String>,
    /// Every request for a machine, in order.
    #[schemars(extend("x-returned" = "always"))]
    attempts: Vec<ShownAttempt>,
    /// How many launches are missing to an even spread.
    #[schemars(extend("x-returned" = "always"))]
    unfulfilled: u32,
    /// Requests of which it is not known whether they launched anything.
    #[schemars(extend("x-returned" = "always"))]
    unknown: Vec<String>,
}

impl Returns {
    /// What is planned.
    pub(super) fn planned(
        machines: &[Ec2Instance],
        count: u32,
        target: Counts,
        steps: &[Shift],
    ) -> Self {
        let going = steps.iter().filter_map(|step| match step {
            Shift::Leave { instance } => Some(instance.to_string()),
            Shift::Launch { .. } | Shift::Even => None,
        });
        Self {
            instances: machines.iter().map(machine).collect(),
            count,
            zones: counts(machines),
            target,
            launched: Vec::new(),
            terminated: going.collect(),
            steps: steps.iter().map(worded).collect(),
            attempts: Vec::new(),
            unfulfilled: 0,
            unknown: Vec::new(),
        }
    }

    /// What was done.
    pub(super) fn account(&mut self, moved: &Moved, machines: Option<&[Ec2Instance]>) {
        if let Some(machines) = machines {
            self.instances = machines.iter().map(machine).collect();
            self.zones = counts(machines);
        }
        self.launched = moved.launched.keys().map(ToString::to_string).collect();
        self.terminated = moved.terminated.iter().map(ToString::to_string).collect();
        self.attempts = moved.attempts.iter().map(attempt).collect();
        self.unfulfilled = moved.unfulfilled;
        self.unknown = moved.unknown.clone();
    }

    /// The same for a failure.
    pub(super) fn evidence(&self) -> Vec<(String, Value)> {
        match serde_json::to_value(self) {
            Ok(Value::Object(all)) => all.into_iter().collect(),
            Ok(_) | Err(_) => Vec::new(),
        }
    }
}

fn worded(step: &Shift) -> String {
    match step {
        Shift::Launch { zone } => format!("launch one in {zone}"),
        Shift::Leave { instance } => format!("terminate {instance}"),
        Shift::Even => "nothing".to_owned(),
    }
}
