//! What happened and why, for tests that compare what a client believes with the truth.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::estate::Group;
use crate::lifecycle::Action;

/// What set something off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Cause {
    /// A request for this very instance.
    Api,
    /// A request for another capacity, or a group below its target.
    Capacity,
    /// A deployment of a group without state.
    Deployment,
    /// A scheduled task of the group.
    Schedule,
    /// AWS takes a Spot instance back.
    Interruption,
    /// The instance is unhealthy.
    Unhealthy,
    /// The vendor expects an interruption soon.
    PreventiveReplacement,
    /// The group deviates from its strategy.
    OutOfStrategy,
    /// Spot capacity can be had again for an on-demand instance.
    RevertToSpot,
    /// The simulator itself: a fleet's start, or the end of a run.
    Simulator,
}

impl Cause {
    /// Whether nobody asked for it.
    pub(crate) fn is_autonomous(self) -> bool {
        match self {
            Cause::Api | Cause::Capacity | Cause::Deployment | Cause::Simulator => false,
            Cause::Schedule
            | Cause::Interruption
            | Cause::Unhealthy
            | Cause::PreventiveReplacement
            | Cause::OutOfStrategy
            | Cause::RevertToSpot => true,
        }
    }

    /// The process whose suspension prevents it. Nothing suspends an interruption.
    ///
    /// The names of the processes say which is which, except for the way back to Spot: that `REVERT_PREFERRED` covers it
    /// is an assumption.
    pub(crate) fn process(self) -> Option<&'static str> {
        match self {
            Cause::Unhealthy => Some("AUTO_HEALING"),
            Cause::PreventiveReplacement => Some("PREVENTIVE_REPLACEMENT"),
            Cause::OutOfStrategy => Some("OUT_OF_STRATEGY"),
            Cause::RevertToSpot => Some("REVERT_PREFERRED"),
            Cause::Schedule => Some("SCHEDULING"),
            Cause::Api
            | Cause::Capacity
            | Cause::Deployment
            | Cause::Interruption
            | Cause::Simulator => None,
        }
    }

    /// For a line in a log.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Cause::Api => "requested",
            Cause::Capacity => "capacity changed",
            Cause::Deployment => "replaced by a deployment",
            Cause::Schedule => "scheduled task",
            Cause::Interruption => "Spot interruption",
            Cause::Unhealthy => "unhealthy, to be replaced",
            Cause::PreventiveReplacement => "preventive replacement",
            Cause::OutOfStrategy => "out of strategy, to be replaced",
            Cause::RevertToSpot => "reverts to Spot",
            Cause::Simulator => "simulator",
        }
    }
}

/// An action that was accepted, and what was true at that instant.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Accepted {
    pub(crate) at: Timestamp,
    /// Absent for a managed instance.
    pub(crate) group_id: Option<String>,
    /// The stateful instance, or the managed one.
    pub(crate) stateful_instance_id: String,
    pub(crate) action: Action,
    pub(crate) cause: Cause,
    /// The group at that instant: states, suspended processes, image, persistence.
    pub(crate) sight: Value,
}

/// Something that the simulated vendor wanted to do by itself.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Autonomous {
    pub(crate) at: Timestamp,
    pub(crate) cause: Cause,
    pub(crate) group_id: String,
    /// The kind of a scheduled task; what it does to single instances follows on lines of their own.
    pub(crate) task: Option<String>,
    /// Absent for a member of a group without state, and for a task.
    pub(crate) stateful_instance_id: Option<String>,
    /// The machine that was to be replaced.
    pub(crate) instance_id: Option<String>,
    /// What kept it from happening: a suspended process, or `autoHealing`.
    pub(crate) blocked_by: Option<String>,
}

/// A machine that is no more.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Termination {
    pub(crate) at: Timestamp,
    pub(crate) instance_id: String,
    /// Absent for a managed instance.
    pub(crate) group_id: Option<String>,
    /// Absent for a member of a group without state.
    pub(crate) stateful_instance_id: Option<String>,
    /// The action in whose course it went; absent for a member.
    pub(crate) action: Option<Action>,
    pub(crate) cause: Cause,
    pub(crate) autonomous: bool,
}

/// Everything of note since the start of the run, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chronicle {
    pub(crate) accepted: Vec<Accepted>,
    pub(crate) autonomous: Vec<Autonomous>,
    pub(crate) terminations: Vec<Termination>,
}

impl Chronicle {
    /// For each stateful instance: recycles that a client asked for, and those nobody asked for.
    pub(crate) fn recycles(&self) -> BTreeMap<&str, (u64, u64)> {
        let mut counts: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
        for one in self.accepted.iter().filter(|one| one.action == Action::Recycle) {
            let count = counts.entry(&one.stateful_instance_id).or_default();
            if one.cause.is_autonomous() {
                count.1 += 1;
            } else {
                count.0 += 1;
            }
        }
        counts
    }

    /// Notes that a machine went.
    pub(crate) fn terminated(
        &mut self,
        at: Timestamp,
        instance_id: String,
        holder: (Option<&str>, Option<&str>),
        action: Option<Action>,
        cause: Cause,
    ) {
        self.terminations.push(Termination {
            at,
            instance_id,
            group_id: holder.0.map(str::to_owned),
            stateful_instance_id: holder.1.map(str::to_owned),
            action,
            cause,
            autonomous: cause.is_autonomous(),
        });
    }

    /// Whether there was a machine of that id that is no more.
    pub(crate) fn is_gone(&self, instance_id: &str) -> bool {
        self.terminations.iter().any(|one| one.instance_id == instance_id)
    }
}

/// What a gate would have to have known about the group at `now`.
pub(crate) fn sight(group: &Group, now: Timestamp) -> Value {
    let states: BTreeMap<&str, &str> =
        group.stateful.iter().map(|ssi| (ssi.id.as_str(), ssi.state.name())).collect();
    let volumes: BTreeMap<&str, Vec<&str>> = group
        .stateful
        .iter()
        .map(|ssi| (ssi.id.as_str(), ssi.data.iter().map(|it| it.volume.as_str()).collect()))
        .collect();
    let suspended: Vec<&String> =
        group.suspensions.keys().filter(|name| group.is_suspended(name, now)).collect();
    json!({
        "states": states,
        "volumes": volumes,
        "autoHealing": group.config["compute"]["launchSpecification"]["autoHealing"],
        "suspended": suspended,
        "imageId": group.image(),
        "persistence": group.config["strategy"]["persistence"],
        "deploymentRuns": group.deployment_runs(),
    })
}
