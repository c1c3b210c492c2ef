//! Machines and requests as they are shown.

use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::{Ec2Instance, Lifecycle};
use crate::plan::launch::{Attempt, Class, Outcome};

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

/// A request for a machine.
#[derive(Serialize, JsonSchema)]
pub(in crate::modules) struct ShownAttempt {
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

/// A request as it is shown.
pub(in crate::modules) fn attempt(it: &Attempt) -> ShownAttempt {
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
