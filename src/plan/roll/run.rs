//! A run as its journal tells it.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use thiserror::Error;

use super::cluster_settings::ClusterRecord;
use super::event::{Entry, Event, FORM, Outcome, Planned, PlannedNode, Setting, Switch};
use super::holder::Holder;
use super::phase::Phase;
use crate::domain::{ImageId, InstanceId, StatefulInstanceId};
use crate::plan::Verdict;

/// A holder that nobody can see is believed in for this long at least: a recycle alone may take it without a word.
const SHORTEST_SILENCE: SignedDuration = SignedDuration::from_hours(1);

/// Why a journal tells nothing.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum JournalError {
    /// It holds no whole line.
    #[error("it holds nothing")]
    Empty,
    /// It does not begin with a plan.
    #[error("it does not begin with a plan")]
    NoPlan,
    /// It was written by a newer program.
    #[error("it is of form {0}, this program reads {FORM}; use the newer program that wrote it")]
    Newer(u32),
}

/// A run: what was planned, and how far it has come.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// What was planned.
    pub plan: Planned,
    /// When it was planned.
    pub began_at: Timestamp,
    /// When something was written last.
    pub last_sign: Timestamp,
    /// Who carries it out; none once it has ended.
    pub holder: Option<Holder>,
    /// What had come up when its holder took it, and keeps it from taking another node down.
    pub come_up: Vec<String>,
    /// Its nodes, in the order they are rolled.
    pub nodes: Vec<NodeRun>,
    /// Which processes it has suspended, or was about to, and the ends that it asked for, by the vendor's clock.
    pub suspended: BTreeMap<String, Vec<Timestamp>>,
    /// When it last suspended any, or was about to, by our clock.
    pub suspended_at: Option<Timestamp>,
    /// When all that it needs was last seen to be suspended for as long as it asked, by our clock.
    pub prolonged_at: Option<Timestamp>,
    /// Whether it has set the group's image, or was about to.
    pub has_set_image: bool,
    /// Whether it has switched the root's persistence off, or was about to.
    pub has_set_root: bool,
    /// Whether the vendor was seen to have both as this run needs them.
    pub is_switched: bool,
    /// When it last had both set.
    pub switched_at: Option<Timestamp>,
    /// Settings that were left as they are when it ended, with the reason.
    pub left: BTreeMap<Setting, String>,
    /// What it has changed of clusters, or was about to.
    pub cluster: Vec<ClusterRecord>,
    /// Why nothing more is done, until a person says so.
    pub frozen: Option<Frozen>,
    /// How it ended, if it did.
    pub ended: Option<Ended>,
}

/// One node of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeRun {
    /// What it was.
    pub planned: PlannedNode,
    /// Where it is.
    pub phase: Phase,
    /// Since when.
    pub since: Timestamp,
    /// The machine whose replacement was asked for, or about to be, and when.
    pub asked: Option<(InstanceId, Timestamp)>,
    /// What it was replaced by.
    pub recycled: Option<Replacement>,
    /// What the last gate found since the node entered its pre-gate and before its stop, and when; none if there was none.
    pub pre_gate: Option<(Verdict, Timestamp)>,
    /// What the last gate found since the node entered its mid-gate under its present holder, and when; none if there was none.
    pub mid_gate: Option<(Verdict, Timestamp)>,
    /// Whether whoever had it in hand is gone and no pre-gate has been entered since, so that its service may be stopped and what
    /// the gates saw is old.
    pub is_cut_off: bool,
    /// How long each phase took in total, in seconds.
    pub spent: BTreeMap<Phase, f64>,
}

/// What a node was replaced by.
#[derive(Clone, Debug, PartialEq)]
pub struct Replacement {
    /// The machine.
    pub instance_id: InstanceId,
    /// The image it booted from.
    pub image_id: Option<ImageId>,
    /// How long it took, in seconds; zero if it was found replaced.
    pub seconds: f64,
}

/// Why nothing more is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frozen {
    /// Because of which node, if of one.
    pub node: Option<StatefulInstanceId>,
    /// Why.
    pub reason: String,
    /// Since when.
    pub at: Timestamp,
}

/// The end of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// How.
    pub outcome: Outcome,
    /// Why, if not well.
    pub reason: Option<String>,
    /// When.
    pub at: Timestamp,
}

impl NodeRun {
    /// Where it is taken up again. A machine whose replacement was not asked for is still there, and what the gates saw of the
    /// cluster without it is old.
    pub fn taken_up_at(&self) -> Phase {
        match self.phase {
            Phase::Recycling if self.asked.is_none() && self.recycled.is_none() => Phase::PreGate,
            phase => phase.taken_up_at(),
        }
    }

    /// Whether its service may be stopped on the machine that it still has, so that it is started there before anything else.
    pub fn must_start(&self) -> bool {
        self.phase != Phase::PreGate && self.taken_up_at() == Phase::PreGate
    }

    /// Whether this run has told its service to start on the machine that replaced the old one. If not, only the image can have
    /// started what runs there.
    pub fn was_started(&self) -> bool {
        self.phase >= Phase::Starting || self.spent.contains_key(&Phase::Starting)
    }

    /// The machine that it should run as, as far as this run knows.
    pub fn instance_id(&self) -> Option<&InstanceId> {
        let replaced = self.recycled.as_ref().map(|replaced| &replaced.instance_id);
        replaced.or(self.planned.instance_id.as_ref())
    }

    /// Seconds in all phases so far, the present one not counted.
    pub fn total_seconds(&self) -> f64 {
        // A sum of nothing would be -0.
        self.spent.values().fold(0.0, |total, spent| total + spent)
    }

    fn enter(&mut self, phase: Phase, at: Timestamp) {
        if self.phase != Phase::Planned && self.phase != Phase::Done {
            *self.spent.entry(self.phase).or_default() +=
                at.duration_since(self.since).as_secs_f64().max(0.0);
        }
        if phase < Phase::Recycling {
            self.mid_gate = None;
        }
        if phase <= Phase::PreGate {
            self.pre_gate = None;
        }
        self.is_cut_off &= phase != Phase::PreGate;
        (self.phase, self.since) = (phase, at);
    }
}

impl Run {
    /// Reads a journal's entries.
    ///
    /// # Errors
    ///
    /// It tells nothing that can be relied on.
    pub fn read(entries: &[Entry]) -> Result<Self, JournalError> {
        let (first, rest) = entries.split_first().ok_or(JournalError::Empty)?;
        let Event::Planned(plan) = &first.event else { return Err(JournalError::NoPlan) };
        if plan.form > FORM {
            return Err(JournalError::Newer(plan.form));
        }
        let node = |planned: &PlannedNode| NodeRun {
            planned: planned.clone(),
            phase: Phase::Planned,
            since: first.at,
            asked: None,
            recycled: None,
            pre_gate: None,
            mid_gate: None,
            is_cut_off: false,
            spent: BTreeMap::new(),
        };
        let mut run = Self {
            nodes: plan.nodes.iter().map(node).collect(),
            plan: (**plan).clone(),
            began_at: first.at,
            last_sign: first.at,
            holder: None,
            come_up: Vec::new(),
            suspended: BTreeMap::new(),
            suspended_at: None,
            prolonged_at: None,
            has_set_image: false,
            has_set_root: false,
            is_switched: false,
            switched_at: None,
            left: BTreeMap::new(),
            cluster: Vec::new(),
            frozen: None,
            ended: None,
        };
        rest.iter().for_each(|entry| run.note(entry));
        Ok(run)
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.plan.run_id
    }

    /// Takes one more entry in.
    pub fn note(&mut self, entry: &Entry) {
        let at = entry.at;
        let silence = at.duration_since(self.last_sign).max(SignedDuration::ZERO);
        self.last_sign = self.last_sign.max(at);
        match &entry.event {
            Event::Held { holder, come_up } => {
                self.holder = Some(holder.clone());
                self.come_up.clone_from(come_up);
                self.ended = None;
                self.pass_over(silence);
                self.forget_gates();
            }
            Event::Suspending { processes, minutes, from } => {
                self.suspended_at = Some(at);
                let until = *from + SignedDuration::from_mins(i64::from(*minutes));
                for process in processes {
                    self.suspended.entry(process.clone()).or_default().push(until);
                }
            }
            Event::Switching { change } => {
                self.has_set_image |= change.image_to.is_some();
                self.has_set_root |= change.root_persistence_off;
            }
            Event::Suspended => self.prolonged_at = Some(at),
            Event::Switched => (self.is_switched, self.switched_at) = (true, Some(at)),
            Event::Restored { setting, left } => self.restored(*setting, left.as_ref()),
            Event::Frozen { node, reason } => {
                let (node, reason) = (node.clone(), reason.clone());
                self.frozen = Some(Frozen { node, reason, at });
            }
            Event::Thawed { .. } => {
                self.frozen = None;
                self.pass_over(silence);
                self.forget_gates();
            }
            Event::Ended { outcome, reason } => {
                self.holder = None;
                self.ended = Some(Ended { outcome: *outcome, reason: reason.clone(), at });
            }
            Event::Entered { node, .. }
            | Event::Asking { node, .. }
            | Event::NotAsked { node, .. }
            | Event::Recycled { node, .. }
            | Event::Gate { node, .. } => {
                if let Some(mine) = self.nodes.iter_mut().find(|mine| mine.planned.id == *node) {
                    mine.note(&entry.event, at);
                }
            }
            Event::ClusterSetting(_) | Event::ClusterRestored { .. } => {
                self.note_cluster(&entry.event);
            }
            Event::Planned(_) | Event::Alive | Event::Electing { .. } | Event::Restoring { .. } => {
            }
        }
    }

    /// While nobody rolled no time was spent on the node in flight: it would pass for the phase's own.
    fn pass_over(&mut self, silence: SignedDuration) {
        for node in self.nodes.iter_mut().filter(|node| node.phase.is_in_flight()) {
            node.since = node.since.checked_add(silence).unwrap_or(node.since);
        }
    }

    /// What was seen of the cluster before a pause of unknown length is old.
    fn forget_gates(&mut self) {
        for node in &mut self.nodes {
            (node.pre_gate, node.mid_gate) = (None, None);
            let may_be_stopped = node.phase.is_in_flight() && node.phase <= Phase::Recycling;
            node.is_cut_off |= may_be_stopped && node.recycled.is_none();
        }
    }

    fn restored(&mut self, setting: Setting, left: Option<&String>) {
        match left {
            Some(reason) => self.left.insert(setting, reason.clone()),
            None => self.left.remove(&setting),
        };
        match setting {
            Setting::Suspensions => {
                self.suspended.clear();
                (self.suspended_at, self.prolonged_at) = (None, None);
            }
            Setting::Image => (self.has_set_image, self.is_switched) = (false, false),
            Setting::RootPersistence => (self.has_set_root, self.is_switched) = (false, false),
        }
    }

    /// The node of this id.
    pub fn node(&self, id: &StatefulInstanceId) -> Option<&NodeRun> {
        self.nodes.iter().find(|node| node.planned.id == *id)
    }

    /// The node that is between its first step and its last. One at a time is.
    pub fn in_flight(&self) -> Option<&NodeRun> {
        self.nodes.iter().find(|node| node.phase.is_in_flight())
    }

    /// The node whose machine is being, or may be being, replaced, or was and is not proved to be back.
    pub fn past_return(&self) -> Option<&NodeRun> {
        self.in_flight().filter(|node| node.asked.is_some() || node.recycled.is_some())
    }

    /// The node whose replacement was asked for, or is under way, and not proved. Its machine may be launched at any moment, from
    /// what the group names then.
    pub fn unproved(&self) -> Option<&NodeRun> {
        let is_frozen_at = |node: &NodeRun| {
            let frozen = self.frozen.as_ref().and_then(|frozen| frozen.node.as_ref());
            frozen == Some(&node.planned.id) && node.phase == Phase::Recycling
        };
        self.in_flight()
            .filter(|node| node.recycled.is_none() && (node.asked.is_some() || is_frozen_at(node)))
    }

    /// Whether every node is as wanted.
    pub fn is_complete(&self) -> bool {
        self.nodes.iter().all(|node| node.phase == Phase::Done)
    }

    /// How many nodes are done.
    pub fn done(&self) -> usize {
        self.nodes.iter().filter(|node| node.phase == Phase::Done).count()
    }

    /// The zone of the node that was done last, which is ended before another is begun; none if none is done, or its zone is not known.
    pub fn last_zone(&self) -> Option<&str> {
        let done = self.nodes.iter().filter(|node| node.phase == Phase::Done);
        done.max_by_key(|node| node.since)?.planned.zone.as_deref()
    }

    /// Whether it may still be gone on with: it has not ended, or only because it was frozen.
    pub fn is_open(&self) -> bool {
        self.ended.as_ref().is_none_or(|ended| ended.outcome == Outcome::Frozen)
    }

    /// The change of the group that is missing to its end: every node is as wanted, and the image, which was put back while the run
    /// was frozen or had never to be set, is not the group's. What the platform boots later must not be the old one.
    pub fn image_to_keep(&self) -> Option<Switch> {
        let switch = self.unset_image().filter(|_| self.outcome() == Outcome::Completed)?;
        Some(Switch { root_persistence_off: false, ..switch.clone() })
    }

    /// The image that it is to set and has not, or has put back.
    fn unset_image(&self) -> Option<&Switch> {
        let is_set = self.has_set_image && self.is_switched;
        self.plan.switch.as_ref().filter(|switch| switch.image_to.is_some() && !is_set)
    }

    /// How it ends when it is given up: where every node is as wanted, the image that it has set for them stays.
    pub fn given_up(&self) -> Outcome {
        let is_whole = self.is_complete() && self.unset_image().is_none();
        if is_whole { Outcome::Completed } else { Outcome::Aborted }
    }

    /// How it would end now.
    pub fn outcome(&self) -> Outcome {
        if self.frozen.is_some() || self.past_return().is_some() {
            Outcome::Frozen
        } else if self.is_complete() {
            Outcome::Completed
        } else {
            Outcome::Aborted
        }
    }

    /// The settings that are to be put back when it ends so. A roll that is complete keeps its image; one that is frozen keeps
    /// [`Run::held`].
    pub fn owed(&self, outcome: Outcome) -> Vec<Setting> {
        if outcome == Outcome::Frozen && !self.held().is_empty() {
            return Vec::new();
        }
        self.set_and_not_wanted(outcome)
    }

    /// The settings that stay as the run set them while it is frozen at a node that is not proved to be back: that may yet boot
    /// from the group's image, and what is suspended keeps the platform from booting it on others meanwhile.
    pub fn held(&self) -> Vec<Setting> {
        let has_set = self.has_set_image || self.has_set_root;
        if !has_set || self.unproved().is_none() {
            return Vec::new();
        }
        let mut held = self.set_and_not_wanted(Outcome::Frozen);
        if self.has_set_image && !held.contains(&Setting::Image) {
            held.insert(0, Setting::Image);
        }
        held
    }

    /// Until when everything that it has suspended stays so, by the vendor's clock.
    pub fn suspended_until(&self) -> Option<Timestamp> {
        self.suspended.values().filter_map(|ends| ends.iter().max()).min().copied()
    }

    fn set_and_not_wanted(&self, outcome: Outcome) -> Vec<Setting> {
        let reverts = outcome != Outcome::Completed && self.plan.revert_image_on_abort;
        // First what protects a node that the platform might replace meanwhile; suspensions last.
        let owed = [
            (self.has_set_root, Setting::RootPersistence),
            (self.has_set_image && reverts, Setting::Image),
            (!self.suspended.is_empty(), Setting::Suspensions),
        ];
        owed.into_iter().filter(|(is_owed, _)| *is_owed).map(|(_, setting)| setting).collect()
    }

    /// How long without a sign of life its holder may be believed in: as long as what it suspended stays so.
    pub fn silence(&self) -> SignedDuration {
        SignedDuration::from_mins(i64::from(self.plan.suspend_minutes)).max(SHORTEST_SILENCE)
    }

    /// Seconds from first to last phase of each node that is done.
    pub fn node_seconds(&self) -> Vec<f64> {
        let done = self.nodes.iter().filter(|node| node.phase == Phase::Done);
        done.map(NodeRun::total_seconds).collect()
    }

    /// How long each recycle took that was seen to its end, in the order of the nodes.
    pub fn recycle_times(&self) -> Vec<Duration> {
        let replaced = self.nodes.iter().filter_map(|node| node.recycled.as_ref());
        let times = replaced.filter_map(|it| Duration::try_from_secs_f64(it.seconds).ok());
        times.filter(|took| !took.is_zero()).collect()
    }
}

impl NodeRun {
    fn note(&mut self, event: &Event, at: Timestamp) {
        match event {
            Event::Entered { phase, .. } => self.enter(*phase, at),
            Event::Asking { instance_id, .. } => self.asked = Some((instance_id.clone(), at)),
            Event::NotAsked { .. } => self.asked = None,
            Event::Recycled { instance_id, image_id, seconds, .. } => {
                let (instance_id, image_id) = (instance_id.clone(), image_id.clone());
                self.recycled = Some(Replacement { instance_id, image_id, seconds: *seconds });
            }
            Event::Gate { report, .. } => {
                let verdict = serde_json::from_value(report["verdict"].clone());
                let found = Some((verdict.unwrap_or(Verdict::Unknown), at));
                match self.phase {
                    Phase::PreGate | Phase::Draining => self.pre_gate = found,
                    Phase::MidGate | Phase::Recycling => self.mid_gate = found,
                    _ => {}
                }
            }
            Event::Planned(_)
            | Event::Held { .. }
            | Event::Alive
            | Event::Suspending { .. }
            | Event::Switching { .. }
            | Event::Suspended
            | Event::Switched
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
}
