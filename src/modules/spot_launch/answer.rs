//! What a launch answers.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::domain::{Ec2Instance, MicroUsd};
use crate::drive::launch::{End, Report};
use crate::modules::fleet::{ShownAttempt, ShownMachine, attempt, machine};
use crate::modules::market::percent;
use crate::plan::launch::Rung;

/// What is answered.
#[derive(Serialize, JsonSchema)]
pub(in crate::modules) struct Returns {
    /// The machines of the fleet, by id.
    #[schemars(extend("x-returned" = "always"))]
    instances: Vec<ShownMachine>,
    /// The run, as its journal is called; null if none was needed.
    #[schemars(extend("x-returned" = "always"))]
    run: Option<String>,
    /// What was launched.
    #[schemars(extend("x-returned" = "always"))]
    launched: Vec<String>,
    /// What was terminated.
    #[schemars(extend("x-returned" = "always"))]
    pub(super) terminated: Vec<String>,
    /// What stood in for the machine of O(replace) and is gone as well, so that nothing stands in for it; null if there is none.
    #[schemars(extend("x-returned" = "always"))]
    pub(super) stand_in_gone: Option<String>,
    /// Every request of the run, in order.
    #[schemars(extend("x-returned" = "always"))]
    attempts: Vec<ShownAttempt>,
    /// How many are missing.
    #[schemars(extend("x-returned" = "always"))]
    unfulfilled: u32,
    /// Requests of which it is not known whether they launched anything.
    #[schemars(extend("x-returned" = "always"))]
    unknown: Vec<String>,
    /// What was launched and was not seen to run in time. The same task again waits for it and launches nothing more.
    #[schemars(extend("x-returned" = "always"))]
    not_running: Vec<String>,
    /// What was launched and came to an end before it ran, and why. It is missing, unless another was launched for it.
    #[schemars(extend("x-returned" = "always"))]
    ended: Vec<ShownEnd>,
    /// What an hour of what was launched costs, in dollars; null if a price is not known.
    #[schemars(extend("x-returned" = "always"))]
    hourly_cost: Option<String>,
    /// What is saved over on-demand, in percent; null if a price is not known.
    #[schemars(extend("x-returned" = "always"))]
    saving_percent: Option<f64>,
}

/// A machine that came to an end before it ran.
#[derive(Serialize, JsonSchema)]
struct ShownEnd {
    /// The machine.
    #[schemars(extend("x-sample" = "i-0123456789abcdef0"))]
    instance: String,
    /// Its type.
    instance_type: String,
    /// Its zone.
    zone: String,
    /// The kind of reason, such as V(capacity), after which the next offer is tried.
    class: String,
    /// EC2's code, such as V(Server.InsufficientInstanceCapacity); null if it gives none.
    code: Option<String>,
    /// EC2's words.
    message: Option<String>,
}

impl ShownEnd {
    fn of(rung: &Rung, end: &End) -> Self {
        Self {
            instance: end.instance.to_string(),
            instance_type: rung.place.machine_type.clone(),
            zone: rung.place.zone.clone(),
            class: end.class().as_str().to_owned(),
            code: end.reason.as_ref().map(|it| it.code.clone()),
            message: end.reason.as_ref().map(|it| it.message.clone()),
        }
    }
}

impl Returns {
    /// A fleet that nothing is done about.
    pub(super) fn of(machines: &[Ec2Instance]) -> Self {
        Self {
            instances: machines.iter().map(machine).collect(),
            run: None,
            launched: Vec::new(),
            terminated: Vec::new(),
            stand_in_gone: None,
            attempts: Vec::new(),
            unfulfilled: 0,
            unknown: Vec::new(),
            not_running: Vec::new(),
            ended: Vec::new(),
            hourly_cost: None,
            saving_percent: None,
        }
    }

    /// What was done.
    pub(super) fn account(&mut self, report: &Report) {
        let rungs = || report.launched.values();
        let sum = |prices: Option<Vec<MicroUsd>>| {
            prices.map(|all| all.into_iter().fold(MicroUsd::default(), MicroUsd::plus))
        };
        let cost = sum(rungs().map(|rung| rung.price).collect());
        let full = sum(rungs().map(|rung| rung.on_demand).collect());
        let saving = cost.zip(full).and_then(|(cost, full)| cost.saving_over(full));
        self.run = Some(report.run.clone()).filter(|run| !run.is_empty());
        self.launched = report.launched.keys().map(ToString::to_string).collect();
        self.terminated = report.removed.iter().map(ToString::to_string).collect();
        self.attempts = report.attempts.iter().map(attempt).collect();
        self.unfulfilled = report.unfulfilled;
        self.unknown = report.unknown.clone();
        self.not_running = report.not_running.iter().map(ToString::to_string).collect();
        self.ended = report.ended.iter().map(|(rung, end)| ShownEnd::of(rung, end)).collect();
        self.hourly_cost = cost.map(|cost| cost.to_string());
        self.saving_percent = saving.map(percent);
    }

    /// The same for a failure.
    pub(super) fn evidence(&self) -> Vec<(String, Value)> {
        match serde_json::to_value(self) {
            Ok(Value::Object(all)) => all.into_iter().collect(),
            Ok(_) | Err(_) => Vec::new(),
        }
    }
}

/// One sentence on what was done.
pub(super) fn told(report: &Report) -> String {
    let launched = report.launched.len();
    if report.unfulfilled == 0 && report.not_running.is_empty() {
        let told = match launched {
            0 => "nothing was missing".to_owned(),
            _ => format!("launched {launched}"),
        };
        return match report.removed.len() {
            0 => told,
            more => format!("{told}, terminated {more} that an earlier run was about to terminate"),
        };
    }
    if report.unfulfilled == 0 {
        let late = report.not_running.iter().map(ToString::to_string).collect::<Vec<_>>();
        let late = late.join(", ");
        let done = match launched {
            0 => "nothing was missing".to_owned(),
            _ => format!("launched {launched}"),
        };
        let is_own = report.not_running.iter().all(|id| report.launched.contains_key(id));
        return match &report.unseen {
            None if is_own => format!("{done}, of which {late} do not run in time"),
            None => format!("{done}, and {late} do not run in time"),
            Some(error) => format!("{done}, and whether {late} run is not known: {error}"),
        };
    }
    let why = report.stop.as_deref().unwrap_or("not all were launched");
    let kept = if !report.removed.is_empty() && launched > 0 {
        let again = report.removed.len();
        format!("{again} were launched and terminated again, {launched} live on: run this again")
    } else if report.removed.is_empty() {
        format!("{launched} were launched and are kept")
    } else {
        format!("{} were launched and terminated again", report.removed.len())
    };
    format!("{} are missing: {why}; {kept}", report.unfulfilled)
}
