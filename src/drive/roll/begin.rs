//! Beginning a run, or going on with one that was cut off.

use std::collections::BTreeMap;

use super::error::{BeginError, RollError};
use super::journal::Journal;
use super::roller::Roller;
use super::store::Journals;
use super::survey::survey;
use crate::domain::{AccountId, GroupId, StatefulInstanceId};
use crate::plan::roll::{
    Draft, Event, FORM, Finding, Intent, Liveness, MidGate, Opening, Planned, Run, Survey,
    SuspendedBefore, Taken, come_up, is_kept_by, nobody_else_suspends, opening,
};

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
        let (only, state_dir) = (draft.only.as_slice(), self.runs.named());
        opening(known, Intent { group, system, wanted, only, me, now, state_dir })
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
        let held = |come_up| Event::Held { holder: self.me.clone(), come_up };
        let holder = held(Vec::new());
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
                let blockers = come_up(&run, &draft.findings);
                if is_kept_by(&run, &blockers) {
                    let blockers = blockers.into_iter().cloned().collect();
                    return Err(RollError::Blocked { group: group.to_string(), blockers }.into());
                }
                // What is in the middle is seen through, and no other is begun.
                let come_up = blockers.into_iter().map(ToString::to_string).collect();
                let mut journal = self.runs.open(run.id())?;
                journal.write(self.clock, held(come_up))?;
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
                    finished.map_err(|error| BeginError::left_open(error, journal, self.runs))?;
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
                    return Err(BeginError::left_open(error, &journal, self.runs));
                }
                match self.finish(&mut journal, Some(error.to_string())) {
                    Ok(_) => Err(BeginError::ended(error, &journal)),
                    Err(second) => {
                        self.progress.tell(&format!("the run could not be ended either: {second}"));
                        Err(BeginError::left_open(error, &journal, self.runs))
                    }
                }
            }
        }
    }
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
