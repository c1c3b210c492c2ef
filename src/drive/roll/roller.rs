//! Who carries out a run, and the steps that continue it.

use std::time::Duration;

use jiff::SignedDuration;

use super::claimant::Claimant;
use super::error::RollError;
use super::hand::ClusterAccess;
use super::journal::Journal;
use super::store::Runs;
use super::survey::{nodes, survey};
use crate::domain::{AccountId, Clock, GroupId, StatefulInstanceId};
use crate::drive::progress::Progress;
use crate::drive::stateful::ends_sight;
use crate::drive::wait::until;
use crate::plan::roll::{
    Claim, Displaced, Event, Hold, Holder, Liveness, Node, Phase, Run, Survey, Whereabouts,
    has_fresh_pre_gate, is_itself, may_enter, may_go_on,
};
use crate::spot::{Client, SpotError};

/// How long a server may stumble.
const STUMBLE: Duration = Duration::from_secs(120);

/// How long it may be away where there is nothing to do but to go back: a service that is stopped, or settings that are to be put back,
/// stay as they are for the night else.
const OUTAGE: Duration = Duration::from_secs(15 * 60);

/// For how long a list may show what was before.
pub(super) const OLD_LIST: Duration = Duration::from_secs(120);

/// For how long a list that cannot be read whole is looked at where nothing is waited for.
const SECOND_LOOK: Duration = Duration::from_secs(30);

/// A sign of life is written when the last is older.
const HEARTBEAT: SignedDuration = SignedDuration::from_secs(30);

/// What a roll is carried out with.
#[derive(Clone, Copy)]
pub struct Roller<'a> {
    /// The API.
    pub client: &'a Client,
    /// Time.
    pub clock: &'a dyn Clock,
    /// Tells the person who waits.
    pub progress: &'a Progress<'a>,
    /// Where journals are.
    pub runs: &'a Runs,
    /// Who carries it out.
    pub me: &'a Holder,
    /// Whether another still does.
    pub liveness: fn(&Holder) -> Liveness,
    /// How the cluster is reached whose settings a run may owe, or why it cannot be; none if nobody has said.
    pub cluster: Option<Result<ClusterAccess<'a>, &'a str>>,
}

impl Roller<'_> {
    /// The run of this id, if it is this caller's to go on with.
    ///
    /// # Errors
    ///
    /// It is someone else's, or it is over.
    pub fn take_up(&self, run_id: &str) -> Result<Journal, RollError> {
        let journal = self.runs.open(run_id)?;
        match self.claim(journal.run()) {
            Claim::Own => Ok(journal),
            Claim::Held(holder) => {
                Err(RollError::NotHolder { run_id: run_id.to_owned(), holder: Box::new(holder) })
            }
            Claim::Abandoned(holder) => {
                Err(RollError::Abandoned { run_id: run_id.to_owned(), holder: Box::new(holder) })
            }
            Claim::Free => Err(RollError::held(format!("go on with run {run_id}"))(Hold::Over)),
        }
    }

    /// Who may go on with a run.
    pub fn claim(&self, run: &Run) -> Claim {
        self.claimant().claim(run)
    }

    pub(super) fn claimant(&self) -> Claimant<'_> {
        let Self { clock, runs, me, liveness, .. } = *self;
        Claimant { clock, runs, me, liveness }
    }

    /// One look at the group of a run, tried for a while: in the middle of a roll a server that stumbles is no reason to end it.
    ///
    /// # Errors
    ///
    /// The last one after two minutes; at once where looking again is in vain.
    pub fn survey(&self, run: &Run) -> Result<Survey, RollError> {
        self.patiently(run, survey)
    }

    /// The same where the run is to be ended: that waits until an outage is over, for a quarter of an hour at most.
    pub(super) fn survey_to_end(&self, run: &Run) -> Result<Survey, RollError> {
        self.patiently_for(OUTAGE, run, survey)
    }

    pub(super) fn patiently<T>(
        &self,
        run: &Run,
        look: impl Fn(&Client, &AccountId, &GroupId) -> Result<T, SpotError>,
    ) -> Result<T, RollError> {
        self.patiently_for(STUMBLE, run, look)
    }

    fn patiently_for<T>(
        &self,
        limit: Duration,
        run: &Run,
        look: impl Fn(&Client, &AccountId, &GroupId) -> Result<T, SpotError>,
    ) -> Result<T, RollError> {
        let (account, group) = (&run.plan.account, &run.plan.group);
        let mut last = None;
        let outcome = until(self.clock, limit, || match look(self.client, account, group) {
            Ok(seen) => Ok(Some(seen)),
            Err(error) if ends_sight(&error) => Err(RollError::from(error)),
            Err(error) => {
                self.progress.tick(|| format!("{error}; looking again"));
                last = Some(error);
                Ok(None)
            }
        })?;
        outcome.map_err(|time| match last {
            Some(error) => RollError::from(error),
            None => RollError::NotSeen {
                doing: format!("read group {group}"),
                time,
                found: "nothing could be read".to_owned(),
            },
        })
    }

    /// A sign of life, and suspensions that last: to be called now and then while a step takes long.
    ///
    /// # Errors
    ///
    /// The journal cannot be written, or the platform cannot be kept from acting.
    pub fn keep_alive(&self, journal: &mut Journal) -> Result<(), RollError> {
        let run = journal.run();
        let now = self.clock.now();
        if now.duration_since(run.last_sign).abs() < HEARTBEAT {
            return Ok(());
        }
        let whole = SignedDuration::from_mins(i64::from(run.plan.suspend_minutes));
        // By our own clock on both ends: the vendor's may be another.
        let since = run.prolonged_at.or(run.suspended_at).unwrap_or(run.began_at);
        let passed = now.duration_since(since).abs();
        journal.write(self.clock, Event::Alive)?;
        if passed <= whole / 2 {
            return Ok(());
        }
        // While a quarter is left, an outage ends no gate: with the next sign of life it is tried again.
        let lasts = passed <= whole * 3 / 4;
        let patience = if lasts { SECOND_LOOK } else { STUMBLE };
        match self.patiently_for(patience, journal.run(), survey) {
            Ok(seen) => self.keep_suspended(journal, &seen, None).map(drop),
            Err(error) if lasts && error.is_transient() => {
                self.progress
                    .tell(&format!("{error}; what is suspended lasts, and is prolonged later"));
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Notes that a node enters a phase. Before its first step the platform is waited for until all other nodes run; not where
    /// that would make a gate old, see [`Phase::may_wait_before`].
    ///
    /// # Errors
    ///
    /// It may not enter it, or the platform is not ready within `patience`.
    pub fn advance(
        &self,
        journal: &mut Journal,
        id: &StatefulInstanceId,
        phase: Phase,
        patience: Duration,
    ) -> Result<(), RollError> {
        let doing = format!("bring node {id} to phase {phase}");
        may_enter(journal.run(), id, phase).map_err(RollError::held(doing.as_str()))?;
        // To bring a node back where it was, it only has to be itself: while others are down as well it is needed the more.
        let goes_on = phase == Phase::PreGate
            || journal.run().node(id).is_some_and(|node| {
                node.phase < phase || (node.phase == phase && phase == Phase::MidGate)
            });
        match self.keep_alive(journal) {
            // What follows waits for the vendor by itself, and longer.
            Err(error) if phase < Phase::Recycling && !goes_on && error.is_transient() => {
                self.progress.tell(&error.to_string());
            }
            alive => alive?,
        }
        if phase < Phase::Recycling && goes_on {
            self.await_platform(journal, id, phase, &doing, patience)?;
            if phase == Phase::Stopped
                && let Some(node) = journal.run().node(id)
            {
                has_fresh_pre_gate(node, self.clock.now())
                    .map_err(RollError::held(doing.as_str()))?;
            }
        } else if is_proved(phase) {
            let is_back = phase < Phase::Recycling;
            let limit = if is_back { OUTAGE } else { STUMBLE };
            let (seen, left_out) = self.present_nodes(journal.run(), id, limit)?;
            self.prove_node(journal, id, &seen, &left_out, &doing)?;
        }
        if journal.run().node(id).is_none_or(|node| node.phase != phase) {
            journal.write(self.clock, Event::Entered { node: id.clone(), phase })?;
        }
        self.progress.tell(&self.place(journal.run(), id).to_string());
        Ok(())
    }

    /// The nodes at present. A list that lags may show once more the machine that this run has seen replaced, or not yet all of the
    /// new one; that proves nothing, so it is looked again for a while.
    fn present_nodes(
        &self,
        run: &Run,
        id: &StatefulInstanceId,
        limit: Duration,
    ) -> Result<(Vec<Node>, Vec<String>), RollError> {
        let mut last = self.patiently_for(limit, run, nodes)?;
        let is_old = |(seen, left_out): &(Vec<Node>, Vec<String>)| {
            let replaced = run.node(id).filter(|node| node.recycled.is_some());
            replaced.is_some_and(|node| {
                matches!(is_itself(&run.plan, node, seen, left_out),
                    Err(Hold::OtherInstance { found, .. }) if found == node.planned.instance_id)
            }) || run.node(id).is_some_and(|node| {
                matches!(is_itself(&run.plan, node, seen, left_out), Err(Hold::Untold { .. }))
            })
        };
        // If it stays so, it is no old list.
        let _over = until(self.clock, OLD_LIST, || {
            if !is_old(&last) {
                return Ok::<_, RollError>(Some(()));
            }
            last = self.patiently(run, nodes)?;
            Ok(None)
        })?;
        Ok(last)
    }

    /// Before anything is done on the node itself: it is the machine that this run knows, with its data. Once its service may have
    /// been stopped, another one in its place is for a person to look at.
    fn prove_node(
        &self,
        journal: &mut Journal,
        id: &StatefulInstanceId,
        seen: &[Node],
        left_out: &[String],
        doing: &str,
    ) -> Result<(), RollError> {
        let Some(node) = journal.run().node(id) else { return Ok(()) };
        match is_itself(&journal.run().plan, node, seen, left_out) {
            Ok(()) => Ok(()),
            Err(hold) => {
                let is_in_flight = node.phase.is_in_flight();
                if is_in_flight && !matches!(hold, Hold::Incomplete(_)) {
                    self.freeze(journal, Some(id.clone()), hold.to_string())?;
                }
                Err(RollError::held(doing)(hold))
            }
        }
    }

    /// A node that came back with other volumes is no longer what the cluster counts on; the next plan would take it as it is.
    pub(super) fn freeze_for_lost_data(
        &self,
        journal: &mut Journal,
        hold: &Hold,
    ) -> Result<(), RollError> {
        match hold {
            Hold::OtherVolumes { node, .. } | Hold::Untold { node, .. } => {
                self.freeze(journal, Some(node.clone()), hold.to_string())
            }
            _ => Ok(()),
        }
    }

    fn await_platform(
        &self,
        journal: &mut Journal,
        id: &StatefulInstanceId,
        phase: Phase,
        doing: &str,
        patience: Duration,
    ) -> Result<(), RollError> {
        let mut last = None;
        // One that was cut off begins anew, and may have lost its machine meanwhile.
        let is_in_flight = journal.run().node(id).is_some_and(|node| node.phase.is_in_flight());
        let mut is_unproved = is_proved(phase) || is_in_flight;
        let may_wait = journal.run().node(id).is_none_or(|node| node.phase.may_wait_before(phase));
        let patience = if may_wait { patience } else { patience.min(SECOND_LOOK) };
        let outcome = until(self.clock, patience, || {
            let seen = self.survey(journal.run())?;
            // In the first look that tells, the node itself is no matter of patience.
            let is_late = journal.run().node(id).is_some_and(|node| {
                let judged = is_itself(&journal.run().plan, node, &seen.nodes, &seen.left_out);
                matches!(judged, Err(Hold::Untold { .. }))
            });
            if is_unproved && seen.left_out.is_empty() && !is_late {
                self.prove_node(journal, id, &seen.nodes, &seen.left_out, doing)?;
                is_unproved = false;
            }
            self.keep_suspended(journal, &seen, None)?;
            let Some(node) = journal.run().node(id) else {
                return Err(RollError::held(doing)(Hold::NoSuchNode(id.clone())));
            };
            match may_go_on(journal.run(), node, &seen) {
                Ok(()) => Ok(Some(())),
                Err(hold)
                    if hold.may_pass() && (may_wait || matches!(hold, Hold::Incomplete(_))) =>
                {
                    self.progress.tick(|| format!("node {id} waits: {hold}"));
                    last = Some(hold);
                    self.keep_alive(journal)?;
                    Ok(None)
                }
                Err(hold) => {
                    self.freeze_for_lost_data(journal, &hold)?;
                    Err(RollError::held(doing)(hold))
                }
            }
        })?;
        if outcome.is_ok() {
            return Ok(());
        }
        let hold = last.unwrap_or_else(|| Hold::Incomplete("nothing was read".to_owned()));
        self.freeze_for_lost_data(journal, &hold)?;
        Err(RollError::held(doing)(hold))
    }

    /// Where a run is, for the person who follows it.
    pub fn place(&self, run: &Run, id: &StatefulInstanceId) -> Whereabouts {
        Whereabouts::of(run, id, self.clock.now())
    }

    /// Keeps what a gate of a node saw.
    ///
    /// # Errors
    ///
    /// The journal cannot be written.
    pub fn note_gate(
        &self,
        journal: &mut Journal,
        node: &StatefulInstanceId,
        report: serde_json::Value,
    ) -> Result<(), RollError> {
        Ok(journal.write(self.clock, Event::Gate { node: node.clone(), report })?)
    }

    /// Notes which partitions are about to be led by others, with their leaders.
    ///
    /// # Errors
    ///
    /// The journal cannot be written.
    pub fn note_electing(
        &self,
        journal: &mut Journal,
        node: &StatefulInstanceId,
        partitions: Vec<Displaced>,
    ) -> Result<(), RollError> {
        Ok(journal.write(self.clock, Event::Electing { node: node.clone(), partitions })?)
    }

    /// Freezes a run: nothing more is done to it until a person has looked.
    ///
    /// # Errors
    ///
    /// The journal cannot be written.
    pub fn freeze(
        &self,
        journal: &mut Journal,
        node: Option<StatefulInstanceId>,
        reason: String,
    ) -> Result<(), RollError> {
        Ok(journal.write(self.clock, Event::Frozen { node, reason })?)
    }
}

/// Whether the node itself is looked at before it enters the phase: in those in which something is done on it.
fn is_proved(phase: Phase) -> bool {
    !matches!(phase, Phase::Planned | Phase::PreGate | Phase::Recycling)
}
