//! Who carries out a run, and the steps that begin and continue it.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::SignedDuration;

use super::claimant::Claimant;
use super::error::{BeginError, RollError};
use super::journal::Journal;
use super::store::{Journals, Runs};
use super::survey::{nodes, survey};
use crate::domain::{AccountId, Clock, GroupId, StatefulInstanceId};
use crate::drive::progress::Progress;
use crate::drive::stateful::ends_sight;
use crate::drive::wait::until;
use crate::plan::roll::{
    Claim, Draft, Event, FORM, Finding, Hold, Holder, Intent, Liveness, MidGate, Node, Opening,
    Phase, Planned, Run, Survey, SuspendedBefore, Taken, is_itself, may_enter, may_go_on,
    nobody_else_suspends, opening, told,
};
use crate::spot::{Client, SpotError};

/// How long a server may stumble.
const STUMBLE: Duration = Duration::from_secs(120);

/// For how long a list may show what was before.
const OLD_LIST: Duration = Duration::from_secs(120);

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
}

/// What a start needs besides its plan.
#[derive(Clone, Debug)]
pub struct Start {
    /// The id of the run, if one is begun.
    pub run_id: String,
    /// The account.
    pub account: AccountId,
    /// The system.
    pub system: String,
    /// For how many minutes processes are suspended at a time.
    pub suspend_minutes: u32,
    /// Whether the image is put back if it does not end well.
    pub revert_image_on_abort: bool,
    /// Whether a mid-gate must pass before a machine is given up.
    pub mid_gate: MidGate,
    /// The caller's options, by their names: they are kept, to be compared with those of a start that goes on with the run.
    pub options: BTreeMap<String, serde_json::Value>,
}

/// What came of a start.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "one is made for each start")]
pub enum Beginning {
    /// A run may be gone on with.
    Begun(Begun),
    /// These runs were ended instead: it has to be planned anew.
    PutBack(Vec<String>),
}

/// A run that may be gone on with.
#[derive(Debug)]
pub struct Begun {
    /// Its journal.
    pub journal: Journal,
    /// Whether it was cut off before.
    pub is_resumed: bool,
}

impl Roller<'_> {
    /// What a start would do first, by the journals that there are; nothing is written.
    ///
    /// # Errors
    ///
    /// Another run must be waited for or looked at first.
    pub fn would_open(
        &self,
        journals: Journals,
        group: &GroupId,
        system: &str,
        draft: &Draft,
    ) -> Result<Opening, Taken> {
        let Journals { runs, damaged } = journals;
        if let Some(damaged) = damaged.into_iter().find(|it| it.may_concern(group, system)) {
            return Err(Taken::Damaged(Box::new(damaged)));
        }
        let judged = |run: Run| {
            let liveness = run.holder.as_ref().map_or(Liveness::Unknown, self.liveness);
            (run, liveness)
        };
        let (wanted, me, now) = (&draft.target.wanted, self.me, self.clock.now());
        let known = runs.into_iter().map(judged).collect();
        opening(known, Intent { group, system, wanted, me, now })
    }

    /// Begins a run, or goes on with one of the same aim. Runs of another aim that were cut off between two nodes are ended
    /// instead; then the plan has to be made anew, since they had changed settings.
    ///
    /// # Errors
    ///
    /// Another run is in the way, or the plan has blockers, or a setting cannot be set. A run that was gone on with stays open
    /// then, so that the next start goes on with it.
    pub fn begin(
        &self,
        start: &Start,
        draft: &Draft,
        seen: &Survey,
    ) -> Result<Beginning, BeginError> {
        let group = &seen.group.id;
        let deciding = self.claimant().deciding()?;
        let known = self.runs.all()?;
        if let Err(error) = self.runs.put_away(&deciding, &known, self.clock.now()) {
            self.progress.tell(&format!("an old journal could not be put away: {error}"));
        }
        let opened =
            self.would_open(known, group, &start.system, draft).map_err(RollError::Taken)?;
        let holder = Event::Held { holder: self.me.clone() };
        let (mut journal, is_resumed) = match opened {
            Opening::Begin => {
                let blockers: Vec<_> = draft.blockers().into_iter().cloned().collect();
                if !blockers.is_empty() {
                    return Err(RollError::Blocked { group: group.to_string(), blockers }.into());
                }
                // Another run may have ended since the plan was made, and another controller may have begun.
                let now = survey(self.client, &start.account, group)?;
                let is_same = now.group.image_id == seen.group.image_id
                    && now.group.persistence == seen.group.persistence
                    && is_suspended_as(&now, seen);
                if !is_same {
                    return Ok(Beginning::PutBack(Vec::new()));
                }
                let journal = self.runs.create(self.clock, planned(start, draft, &now), holder)?;
                (journal, false)
            }
            Opening::Adopt(run) => {
                let mut journal = self.runs.open(run.id())?;
                journal.write(self.clock, holder)?;
                (journal, true)
            }
            Opening::PutBack(runs) => {
                let mut journals = Vec::new();
                for run in &runs {
                    let mut journal = self.runs.open(run.id())?;
                    journal.write(self.clock, holder.clone())?;
                    journals.push(journal);
                }
                drop(deciding);
                for journal in &mut journals {
                    let reason = "cut off, and another roll was started".to_owned();
                    let finished = self.finish(journal, Some(reason));
                    finished.map_err(|error| BeginError::left_open(error, journal))?;
                }
                return Ok(Beginning::PutBack(
                    runs.iter().map(|run| run.id().to_owned()).collect(),
                ));
            }
        };
        drop(deciding);
        let suspended = self.survey(journal.run()).and_then(|seen| {
            // The last look before this run's own suspensions would hide those of another controller.
            if !is_resumed {
                let doing = format!("begin run {}", journal.run().id());
                nobody_else_suspends(journal.run(), &seen).map_err(RollError::held(doing))?;
            }
            self.keep_suspended(&mut journal, &seen, None)
        });
        let looked = suspended.and_then(|_| self.look_for_an_earlier_ask(&mut journal));
        match looked {
            Ok(()) => Ok(Beginning::Begun(Begun { journal, is_resumed })),
            Err(error) => {
                // What was just begun has touched no node: nothing of it shall stay. If not even that can be done, the
                // next start finds it cut off.
                if is_resumed {
                    return Err(BeginError::left_open(error, &journal));
                }
                match self.finish(&mut journal, Some(error.to_string())) {
                    Ok(_) => Err(BeginError::ended(error, &journal)),
                    Err(second) => {
                        self.progress.tell(&format!("the run could not be ended either: {second}"));
                        Err(BeginError::left_open(error, &journal))
                    }
                }
            }
        }
    }

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

    pub(super) fn patiently<T>(
        &self,
        run: &Run,
        look: impl Fn(&Client, &AccountId, &GroupId) -> Result<T, SpotError>,
    ) -> Result<T, RollError> {
        let (account, group) = (&run.plan.account, &run.plan.group);
        let mut last = None;
        let outcome = until(self.clock, STUMBLE, || match look(self.client, account, group) {
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
        let half = SignedDuration::from_mins(i64::from(run.plan.suspend_minutes)) / 2;
        // By our own clock on both ends: the vendor's may be another.
        let since = run.suspended_at.unwrap_or(run.began_at);
        let is_lapsing = now.duration_since(since).abs() > half;
        journal.write(self.clock, Event::Alive)?;
        if is_lapsing {
            let seen = self.survey(journal.run())?;
            self.keep_suspended(journal, &seen, None)?;
        }
        Ok(())
    }

    /// Notes that a node enters a phase. Before its first step the platform is waited for until all other nodes run.
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
        self.keep_alive(journal)?;
        let goes_on = journal.run().node(id).is_some_and(|node| node.phase <= phase);
        if phase < Phase::Recycling && goes_on {
            self.await_platform(journal, id, phase, &doing, patience)?;
        } else if is_proved(phase) {
            let (seen, left_out) = self.present_nodes(journal.run(), id)?;
            self.prove_node(journal, id, &seen, &left_out, &doing)?;
        }
        if journal.run().node(id).is_none_or(|node| node.phase != phase) {
            journal.write(self.clock, Event::Entered { node: id.clone(), phase })?;
        }
        self.progress.tell(&self.place(journal.run(), id));
        Ok(())
    }

    /// The nodes at present. A list that lags may show once more the machine that this run has seen replaced; that proves nothing,
    /// so it is looked again for a while.
    fn present_nodes(
        &self,
        run: &Run,
        id: &StatefulInstanceId,
    ) -> Result<(Vec<Node>, Vec<String>), RollError> {
        let mut last = self.patiently(run, nodes)?;
        let is_old = |(seen, left_out): &(Vec<Node>, Vec<String>)| {
            let replaced = run.node(id).filter(|node| node.recycled.is_some());
            replaced.is_some_and(|node| {
                matches!(is_itself(&run.plan, node, seen, left_out),
                    Err(Hold::OtherInstance { found, .. }) if found == node.planned.instance_id)
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
            Hold::OtherVolumes { node, .. } => {
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
        let mut is_unproved = is_proved(phase);
        let outcome = until(self.clock, patience, || {
            let seen = self.survey(journal.run())?;
            // In the first look that tells, the node itself is no matter of patience.
            if is_unproved && seen.left_out.is_empty() {
                self.prove_node(journal, id, &seen.nodes, &seen.left_out, doing)?;
                is_unproved = false;
            }
            self.keep_suspended(journal, &seen, None)?;
            let Some(node) = journal.run().node(id) else {
                return Err(RollError::held(doing)(Hold::NoSuchNode(id.clone())));
            };
            match may_go_on(journal.run(), node, &seen) {
                Ok(()) => Ok(Some(())),
                Err(hold) if hold.may_pass() => {
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
        let nothing = || Hold::Incomplete("nothing was read".to_owned());
        outcome.map_err(|_| RollError::held(doing)(last.unwrap_or_else(nothing)))
    }

    /// Where a run is, for the person who follows it.
    pub fn place(&self, run: &Run, id: &StatefulInstanceId) -> String {
        let count = run.nodes.len();
        let position =
            run.nodes.iter().position(|node| node.planned.id == *id).map_or(0, |at| at + 1);
        let phase = run.node(id).map_or(Phase::Planned, |node| node.phase);
        let elapsed = self.clock.now().duration_since(run.began_at);
        let expected = run.plan.expected_seconds.map(|expected| {
            let left = (expected - elapsed.as_secs_f64()).max(0.0);
            let left = SignedDuration::try_from_secs_f64(left).unwrap_or_default();
            format!(", about {} to go", told(left))
        });
        format!(
            "node {position} of {count} ({id}): {phase}, {} since the start{}",
            told(elapsed),
            expected.unwrap_or_default()
        )
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

fn planned(start: &Start, draft: &Draft, seen: &Survey) -> Planned {
    let rolled: Vec<_> = draft.nodes.iter().map(|choice| choice.node.planned()).collect();
    let is_rolled = |id: &StatefulInstanceId| rolled.iter().any(|node| node.id == *id);
    let waived = draft.findings.iter().filter_map(|finding| {
        finding.waived.as_ref().map(|reason| format!("{finding}: waived, {reason}"))
    });
    let suspended = seen.suspensions.iter().map(|it| SuspendedBefore {
        process: it.process.as_str().to_owned(),
        expires_at: it.expires_at.as_ref().map(|at| at.as_str().to_owned()),
    });
    Planned {
        form: FORM,
        run_id: start.run_id.clone(),
        program: env!("CARGO_PKG_VERSION").to_owned(),
        account: start.account.clone(),
        group: seen.group.id.clone(),
        group_name: seen.group.name.clone(),
        system: start.system.clone(),
        target: draft.target.clone(),
        others: seen
            .nodes
            .iter()
            .filter(|node| !is_rolled(&node.id))
            .map(|it| it.planned())
            .collect(),
        switch: draft.switch.clone(),
        persistence: (&seen.group.persistence).into(),
        suspended_before: suspended.collect(),
        suspend_minutes: start.suspend_minutes,
        revert_image_on_abort: start.revert_image_on_abort,
        waived: waived.collect(),
        may_be_down: draft.may_be_down.clone(),
        waived_deployments: waived_deployments(draft, seen),
        expected_seconds: draft.expected_seconds,
        mid_gate: start.mid_gate,
        volumes_unknown: draft.volumes_unknown.clone(),
        options: start.options.clone(),
        nodes: rolled,
    }
}

/// In whichever order the vendor lists them.
fn is_suspended_as(now: &Survey, then: &Survey) -> bool {
    now.suspensions.len() == then.suspensions.len()
        && now.suspensions.iter().all(|it| then.suspensions.contains(it))
}

/// The vendor's own samples hold deployments that began years ago and never ended, so one can be waived, by its id.
fn waived_deployments(draft: &Draft, seen: &Survey) -> Vec<String> {
    let is_waived = |it: &Finding| it.name == "no_deployment" && it.waived.is_some();
    if !draft.findings.iter().any(is_waived) {
        return Vec::new();
    }
    let running = seen.deployments.iter().filter(|deployment| !deployment.is_over());
    running.filter_map(|deployment| deployment.id.clone()).collect()
}
