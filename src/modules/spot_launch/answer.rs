//! What a launch answers.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::domain::{Ec2Instance, Lifecycle, MicroUsd};
use crate::drive::launch::Report;
use crate::modules::market::percent;
use crate::plan::launch::{Attempt, Class, Outcome};

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
    /// Every request of the run, in order.
    #[schemars(extend("x-returned" = "always"))]
    attempts: Vec<ShownAttempt>,
    /// How many are missing.
    #[schemars(extend("x-returned" = "always"))]
    unfulfilled: u32,
    /// Requests of which it is not known whether they launched anything.
    #[schemars(extend("x-returned" = "always"))]
    unknown: Vec<String>,
    /// What was launched and was not seen to run in time.
    #[schemars(extend("x-returned" = "always"))]
    not_running: Vec<String>,
    /// What an hour of what was launched costs, in dollars; null if a price is not known.
    #[schemars(extend("x-returned" = "always"))]
    hourly_cost: Option<String>,
    /// What is saved over on-demand, in percent; null if a price is not known.
    #[schemars(extend("x-returned" = "always"))]
    saving_percent: Option<f64>,
}

/// A machine.
#[derive(Serialize, JsonSchema)]
pub(in crate::modules) struct ShownMachine {
    /// Its id.
    #[schemars(extend("x-sample" = "i-0123456789abcdef0"))]
    id: String,
    /// Its type.
    pub(in crate::modules) instance_type: Option<String>,
    /// Its zone.
    pub(in crate::modules) zone: Option<String>,
    /// EC2's word for its state.
    #[schemars(extend("x-sample" = "running"))]
    state: Option<String>,
    /// V(spot) or V(on-demand).
    lifecycle: Option<String>,
    /// Its private address.
    private_ip: Option<String>,
    /// Its subnet.
    subnet: Option<String>,
    /// When it was launched.
    launched_at: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct ShownAttempt {
    /// The client token, which is the tag V(spotinst-esg:launch), too.
    token: String,
    /// The type.
    instance_type: String,
    /// The zone.
    zone: String,
    /// V(spot) or V(on-demand).
    market: String,
    /// The subnet, null for the zone's default one.
    subnet: Option<String>,
    /// What an hour was expected to cost, in dollars.
    price: Option<String>,
    /// V(launched), V(refused), V(lost) or V(unknown).
    #[schemars(extend("x-sample" = "refused"))]
    outcome: String,
    /// The machine.
    instance: Option<String>,
    /// The kind of refusal, such as V(capacity) or V(quota).
    class: Option<String>,
    /// EC2's code and words.
    reason: Option<String>,
    /// What AWS support asks for.
    request_id: Option<String>,
}

/// A machine as it is shown.
pub(in crate::modules) fn machine(it: &Ec2Instance) -> ShownMachine {
    ShownMachine {
        id: it.id.to_string(),
        instance_type: it.instance_type.clone(),
        zone: it.availability_zone.clone(),
        state: it.state.clone(),
        lifecycle: it.lifecycle.as_ref().map(Lifecycle::to_string),
        private_ip: it.private_ip.clone(),
        subnet: it.subnet_id.clone(),
        launched_at: it.launched_at.clone(),
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
            attempts: Vec::new(),
            unfulfilled: 0,
            unknown: Vec::new(),
            not_running: Vec::new(),
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

fn attempt(it: &Attempt) -> ShownAttempt {
    let place = &it.rung.place;
    let mut shown = ShownAttempt {
        token: it.token.clone(),
        instance_type: place.machine_type.clone(),
        zone: place.zone.clone(),
        market: if place.is_spot { "spot" } else { "on-demand" }.to_owned(),
        subnet: it.subnet.clone(),
        price: it.rung.price.map(|price| price.to_string()),
        outcome: "unknown".to_owned(),
        instance: None,
        class: None,
        reason: None,
        request_id: None,
    };
    match &it.outcome {
        None => {}
        Some(Outcome::Launched { instance, request_id }) => {
            shown.outcome = "launched".to_owned();
            shown.instance = Some(instance.to_string());
            shown.request_id.clone_from(request_id);
        }
        Some(Outcome::Refused(refusal)) => {
            shown.outcome = "refused".to_owned();
            shown.class = Some(Class::of(&refusal.code).as_str().to_owned());
            shown.reason = Some(format!("{}: {}", refusal.code, refusal.message));
            shown.request_id.clone_from(&refusal.request_id);
        }
        Some(Outcome::Lost { reason }) => {
            shown.outcome = "lost".to_owned();
            shown.reason = Some(reason.clone());
        }
    }
    shown
}

/// One sentence on what was done.
pub(super) fn told(report: &Report) -> String {
    let launched = report.launched.len();
    if report.unfulfilled == 0 && report.not_running.is_empty() {
        return match launched {
            0 => "nothing was missing".to_owned(),
            _ => format!("launched {launched}"),
        };
    }
    if report.unfulfilled == 0 {
        let late = report.not_running.iter().map(ToString::to_string).collect::<Vec<_>>();
        return format!("launched {launched}, of which {} do not run in time", late.join(", "));
    }
    let why = report.stop.as_deref().unwrap_or("not all were launched");
    let kept = if report.removed.is_empty() {
        format!("{launched} were launched and are kept")
    } else {
        format!("{} were launched and terminated again", report.removed.len())
    };
    format!("{} are missing: {why}; {kept}", report.unfulfilled)
}
