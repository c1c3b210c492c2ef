//! Where a run stands, for people: its status, what became of the settings it changed, what is to be looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::event::{Entry, Event, Outcome, Setting};
use super::holder::Claim;
use super::phase::Phase;
use super::run::{NodeRun, Run};
use super::step::{Hold, is_same_node};
use super::survey::{Node, Survey};
use crate::domain::StatefulInstanceId;

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Someone carries it out.
    Running,
    /// Nobody carries it out any more, and it has not ended.
    Interrupted,
    /// Nothing more is done until a person has looked.
    Frozen,
    /// Every node is as wanted.
    Completed,
    /// It was given up.
    Aborted,
}

impl Status {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Interrupted => "interrupted",
            Self::Frozen => "frozen",
            Self::Completed => "completed",
            Self::Aborted => "aborted",
        }
    }
}

/// What became of a setting that a run changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is still to be put back.
    Owed,
    /// It was put back.
    PutBack,
    /// It was left as someone else had set it.
    Left(String),
    /// It stays, as was wanted.
    Kept,
    /// It stays until a person has decided about the node that the run is frozen at.
    Held(String),
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Owed => f.write_str("to be put back"),
            Self::PutBack => f.write_str("put back"),
            Self::Left(reason) => write!(f, "left: {reason}"),
            Self::Kept => f.write_str("kept"),
            Self::Held(reason) => f.write_str(reason),
        }
    }
}

/// A setting that a run changed, or was about to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedSetting {
    /// Which.
    pub setting: Setting,
    /// What it was.
    pub from: String,
    /// What it was set to.
    pub to: String,
    /// What became of it.
    pub standing: Standing,
}

/// What was seen of a node that a person is to look at.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeLook {
    /// Which.
    pub id: StatefulInstanceId,
    /// How it is at the vendor; none if it is not listed.
    pub seen: Option<Node>,
    /// What is not as this run knows it.
    pub odd: Vec<String>,
}

impl Run {
    /// Where it stands; `claim` is that of any caller.
    pub fn status(&self, claim: &Claim) -> Status {
        match self.ended.as_ref().map(|ended| ended.outcome) {
            Some(Outcome::Completed) => return Status::Completed,
            Some(Outcome::Aborted) => return Status::Aborted,
            Some(Outcome::Frozen) | None => {}
        }
        match claim {
            _ if self.frozen.is_some() => Status::Frozen,
            Claim::Own | Claim::Held(_) => Status::Running,
            Claim::Free | Claim::Abandoned(_) => Status::Interrupted,
        }
    }

    /// The settings it changed, from its journal's entries.
    pub fn changed_settings(&self, entries: &[Entry]) -> Vec<ChangedSetting> {
        let (mut processes, mut image, mut root) = (BTreeSet::new(), None, false);
        for entry in entries {
            match &entry.event {
                Event::Suspending { processes: more, .. } => processes.extend(more.iter().cloned()),
                Event::Switching { change } => {
                    let from = change.image_from.as_ref().map_or("none", |id| id.as_str());
                    if let Some(to) = &change.image_to {
                        image = Some((from.to_owned(), to.as_str().to_owned()));
                    }
                    root |= change.root_persistence_off;
                }
                Event::Planned(_)
                | Event::Held { .. }
                | Event::Alive
                | Event::Suspended
                | Event::Switched
                | Event::Entered { .. }
                | Event::Asking { .. }
                | Event::NotAsked { .. }
                | Event::Recycled { .. }
                | Event::Gate { .. }
                | Event::Frozen { .. }
                | Event::Thawed { .. }
                | Event::ClusterSetting(_)
                | Event::ClusterRestored { .. }
                | Event::Electing { .. }
                | Event::Restoring { .. }
                | Event::Restored { .. }
                | Event::Ended { .. } => {}
            }
        }
        let mut changed = Vec::new();
        if !processes.is_empty() {
            let all = processes.into_iter().collect::<Vec<_>>().join(", ");
            changed.push((Setting::Suspensions, self.told_suspensions_before(), all));
        }
        changed.extend(image.map(|(from, to)| (Setting::Image, from, to)));
        if root {
            let words = ("persisted".to_owned(), "not persisted".to_owned());
            changed.push((Setting::RootPersistence, words.0, words.1));
        }
        let told = |(setting, from, to)| {
            let standing = self.standing(setting);
            ChangedSetting { setting, from, to, standing }
        };
        changed.into_iter().map(told).collect()
    }

    fn told_suspensions_before(&self) -> String {
        let each = self.plan.suspended_before.iter().map(|it| match &it.expires_at {
            Some(until) => format!("{} until {until}", it.process),
            None => format!("{} without an end", it.process),
        });
        let all: Vec<String> = each.collect();
        if all.is_empty() { "none".to_owned() } else { all.join(", ") }
    }

    fn standing(&self, setting: Setting) -> Standing {
        let outcome = self.ended.as_ref().map_or_else(|| self.outcome(), |ended| ended.outcome);
        let is_set = match setting {
            Setting::Suspensions => !self.suspended.is_empty(),
            Setting::Image => self.has_set_image,
            Setting::RootPersistence => self.has_set_root,
        };
        if self.ended.is_some()
            && let Some(reason) = self.held_reasons().remove(&setting)
        {
            return Standing::Held(reason);
        }
        match self.left.get(&setting) {
            _ if self.owed(outcome).contains(&setting) || self.held().contains(&setting) => {
                Standing::Owed
            }
            Some(reason) => Standing::Left(reason.clone()),
            None if is_set => Standing::Kept,
            None => Standing::PutBack,
        }
    }

    /// Of each setting that stays while the run is frozen: how long, and why.
    pub fn held_reasons(&self) -> BTreeMap<Setting, String> {
        let Some(node) = self.unproved() else { return BTreeMap::new() };
        let id = &node.planned.id;
        let image = self.plan.switch.as_ref().and_then(|switch| switch.image_to.as_ref());
        let told = |setting: &Setting| match setting {
            Setting::Image => format!(
                "stays {} until a person has decided about {id}, which may yet boot from it",
                image.map_or("as it was set", |image| image.as_str())
            ),
            Setting::RootPersistence => format!(
                "stays off until a person has decided about {id}, which may yet boot with its old root otherwise"
            ),
            Setting::Suspensions => format!(
                "stay until {}, so that the platform boots no other node from what is not proved; then they end by themselves",
                self.suspended_until().map_or("they end".to_owned(), |until| format!("{until:.0}"))
            ),
        };
        self.held().into_iter().map(|setting| (setting, told(&setting))).collect()
    }

    /// What is to be done by hand about the node that is between its first step and its last, if the run goes no further.
    pub fn left_in_flight(&self) -> Option<String> {
        let node = self.in_flight()?;
        let (id, phase) = (&node.planned.id, node.phase);
        let machine = node.planned.instance_id.as_ref().map_or("none", |id| id.as_str());
        if let Some(replaced) = &node.recycled {
            return Some(format!(
                "node {id} is in phase {phase}: its machine {machine} was given up for {}, and that is not proved to be well; its service \
                 may be stopped: look at it and at its data before it is started",
                replaced.instance_id
            ));
        }
        if self.unproved().is_some() {
            let asked = match &node.asked {
                Some((machine, at)) => {
                    format!("the replacement of {machine} was asked for at {at:.0}")
                }
                None => format!("its machine {machine} is being replaced, not by this run"),
            };
            return Some(format!(
                "node {id} is in phase {phase}: {asked} and is not proved; it may yet boot, and then from what the group names at that \
                 moment; its service is stopped, or will be: look at it and at its data before its service is started"
            ));
        }
        let is_stopped = matches!(phase, Phase::Stopped | Phase::MidGate | Phase::Recycling);
        let service = if is_stopped { "is, or may be, stopped" } else { "may be drained" };
        Some(format!(
            "node {id} is in phase {phase}: its machine {machine} was not asked to be replaced, its service {service}; start it again"
        ))
    }

    /// What a person looks at who is to decide about it: the node that it is frozen at, else those that are not done, and every
    /// other one that does not run.
    pub fn to_look_at(&self, survey: &Survey) -> Vec<NodeLook> {
        let frozen_at = self.frozen.as_ref().and_then(|frozen| frozen.node.as_ref());
        let is_asked = |node: &&NodeRun| match frozen_at {
            Some(id) => node.planned.id == *id,
            None => node.phase != Phase::Done,
        };
        let mut looks: Vec<NodeLook> =
            self.nodes.iter().filter(is_asked).map(|node| self.look(node, survey)).collect();
        for node in survey.nodes.iter().filter(|node| !node.is_active()) {
            if looks.iter().all(|look| look.id != node.id) {
                let odd = vec![Hold::NotActive(node.seen.state.clone()).to_string()];
                looks.push(NodeLook { id: node.id.clone(), seen: Some(node.clone()), odd });
            }
        }
        looks
    }

    fn look(&self, node: &NodeRun, survey: &Survey) -> NodeLook {
        let id = node.planned.id.clone();
        let Some(seen) = survey.nodes.iter().find(|seen| seen.id == id) else {
            return NodeLook { id, seen: None, odd: vec![Hold::Vanished.to_string()] };
        };
        let mut odd = Vec::new();
        if !seen.is_active() {
            odd.push(Hold::NotActive(seen.seen.state.clone()).to_string());
        }
        let (expected, found) = (node.instance_id().cloned(), seen.seen.instance_id.clone());
        // A machine whose replacement was asked for is expected to be another one.
        let is_expected = expected == found || (node.asked.is_some() && node.recycled.is_none());
        if !is_expected {
            odd.push(Hold::OtherInstance { expected, found }.to_string());
        }
        if let Err(hold) = is_same_node(&self.plan, &node.planned, seen) {
            odd.push(hold.to_string());
        }
        NodeLook { id, seen: Some(seen.clone()), odd }
    }
}
