//! The step that cannot be taken back: giving up a node's machine for a new one.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::error::RollError;
use super::journal::Journal;
use super::roller::{OLD_LIST, Roller};
use super::survey::{nodes, sight};
use crate::domain::{ImageId, InstanceId, StatefulAction, StatefulInstanceId, StatefulTarget};
use crate::drive::stateful::{ActError, Actor, Carried, Failed, Job, Permit, Sight, TRACE_WINDOW};
use crate::drive::wait::until;
use crate::plan::roll::{
    Event, Hold, Match, Node, NodeRun, Phase, Planned, Run, Survey, Wanted, has_passed_mid_gate,
    is_as_wanted, is_itself, is_same_node, known_before, may_enter, may_go_on, may_recycle,
};
use crate::plan::stateful::{Expectations, Snapshot, Step};

/// How long an instance that was asked for long ago is looked at before it counts as untouched.
const SECOND_LOOK: Duration = Duration::from_secs(30);

/// Suspensions last at least this much longer than the recycle is waited for.
const MARGIN: Duration = Duration::from_secs(600);

/// How many earlier recycles tell when one is expected to end: the latest ones, since machines and volumes change.
const EARLIER: usize = 8;

/// What came of it.
#[derive(Debug)]
pub enum Recycled {
    /// It was recycled.
    Carried(Box<Carried>),
    /// It had been replaced already, by this run before it was cut off or by the platform, and is as wanted.
    Already(Box<Node>),
}

impl Roller<'_> {
    /// Recycles a node of a run, or finishes what was begun, and proves what came of it.
    ///
    /// The machine that goes is the one the journal knows. `seen` is the look that the step begins with. The recycle is asked for
    /// only when everything of [`may_recycle`] holds in it and, right before, in another look, after the intent is on the disk; and
    /// so again before it is asked for once more.
    ///
    /// # Errors
    ///
    /// [`RollError::Held`]: nothing was done. Else the run is frozen, unless the vendor certainly did nothing.
    pub fn recycle(
        &self,
        journal: &mut Journal,
        id: &StatefulInstanceId,
        wanted: &Expectations,
        wait_timeout: Duration,
        mut seen: Survey,
    ) -> Result<Recycled, RollError> {
        let doing = format!("recycle node {id}");
        may_enter(journal.run(), id, Phase::Recycling).map_err(RollError::held(doing.as_str()))?;
        let node = of(journal, id, &doing)?;
        self.until_told(journal, &node, &mut seen)?;
        if let Some(already) = self.already(journal, &node, &seen, &doing)? {
            self.note(journal, id, &already.seen, Duration::ZERO)?;
            return Ok(Recycled::Already(Box::new(already)));
        }
        // What is under way by itself is waited for; else nothing of the group changes unless the step could be taken.
        let step = self.job(journal, &node, wanted, wait_timeout).decide(&sight(&seen, id));
        let is_joined = matches!(step, Ok(Step::Join { .. }));
        if node.asked.is_none() {
            // Before any setting is touched.
            has_passed_mid_gate(journal.run(), &node, self.clock.now())
                .map_err(RollError::held(doing.as_str()))?;
            // As long as the image is to be set, it cannot.
            if !is_joined {
                may_go_on(journal.run(), &node, &seen).or_else(|hold| {
                    self.freeze_for_lost_data(journal, &hold)?;
                    Err(RollError::held(doing.as_str())(hold))
                })?;
            }
            let is_suspended = self.keep_suspended(journal, &seen, Some(wait_timeout + MARGIN))?;
            let is_switched = self.keep_switched(journal, &seen)?;
            if is_suspended || is_switched {
                seen = self.survey(journal.run())?;
            }
        } else if is_joined {
            // Whoever asked for it may have been cut off long ago.
            self.keep_suspended(journal, &seen, Some(wait_timeout + MARGIN))?;
        }
        let job = self.job(journal, &node, wanted, wait_timeout);
        let sight = sight(&seen, id);
        let step = match job.decide(&sight) {
            Ok(step) => step,
            Err(error) => {
                // What keeps the run from it is the better reason, and harmless.
                if node.asked.is_none() {
                    may_recycle(journal.run(), &node, &seen, self.clock.now())
                        .map_err(RollError::held(doing.as_str()))?;
                }
                return self.refused(journal, &node, &sight, error);
            }
        };
        let began = self.clock.monotonic();
        let carried = match step {
            // A list that lags may show the old machine once more.
            Step::Act { .. } if node.asked.is_some() => {
                return Err(RollError::held(doing)(Hold::MayBeAsked));
            }
            Step::Act { before } => {
                if let Err(hold) = may_recycle(journal.run(), &node, &seen, self.clock.now()) {
                    self.freeze_for_lost_data(journal, &hold)?;
                    return Err(RollError::held(doing)(hold));
                }
                self.enter(journal, id)?;
                let journal = Mutex::new(&mut *journal);
                let permit = || self.permit(&journal, id, &doing);
                self.actor(Some(&permit)).act(&job, &sight, *before)
            }
            Step::Join { .. } => {
                let before = before(&journal.run().plan, &node, &sight.snapshot);
                self.enter(journal, id)?;
                self.actor(None).follow(&job, &sight, before)
            }
            Step::Nothing(_) => {
                return Err(RollError::held(doing)(Hold::OtherInstance {
                    expected: node.instance_id().cloned(),
                    found: sight.snapshot.and_then(|seen| seen.instance_id),
                }));
            }
        };
        match carried {
            Ok(carried) => self.prove(journal, &node, carried, began),
            Err(failed) => self.failed(journal, id, failed),
        }
    }

    /// Looks again for a while where the vendor does not tell, of the node or another, what it told when the run began: its list may
    /// be late.
    fn until_told(
        &self,
        journal: &Journal,
        node: &NodeRun,
        seen: &mut Survey,
    ) -> Result<(), RollError> {
        let run = journal.run();
        let is_late = |seen: &Survey| {
            let mine = seen.nodes.iter().find(|found| found.id == node.planned.id);
            let judged = mine.filter(|mine| mine.is_active());
            let judged = judged.map(|mine| is_same_node(&run.plan, &node.planned, mine));
            matches!(judged, Some(Err(Hold::Untold { .. })))
                || matches!(may_go_on(run, node, seen), Err(Hold::Untold { .. }))
        };
        let _over = until(self.clock, OLD_LIST, || {
            if !is_late(seen) {
                return Ok::<_, RollError>(Some(()));
            }
            self.progress
                .tick(|| "waiting until the vendor tells volumes, zone and address".to_owned());
            *seen = self.survey(run)?;
            Ok(None)
        })?;
        Ok(())
    }

    fn actor<'b>(&'b self, permit: Option<&'b Permit<'b>>) -> Actor<'b> {
        Actor { client: self.client, clock: self.clock, progress: self.progress, permit }
    }

    /// Right before each sending: everything must hold at that moment, and the intent be on the disk. The first look may be minutes
    /// old by now, since the vendor's rate limit or a lost reply was waited for.
    fn permit(
        &self,
        journal: &Mutex<&mut Journal>,
        id: &StatefulInstanceId,
        doing: &str,
    ) -> Result<(), String> {
        let mut journal = journal.lock().unwrap_or_else(PoisonError::into_inner);
        let mut look = || -> Result<(), RollError> {
            let seen = self.survey(journal.run())?;
            let node = of(&journal, id, doing)?;
            may_recycle(journal.run(), &node, &seen, self.clock.now())
                .map_err(RollError::held(doing))?;
            let instance_id = node.planned.instance_id.unwrap_or_else(|| InstanceId::new(""));
            Ok(journal.write(self.clock, Event::Asking { node: id.clone(), instance_id })?)
        };
        look().map_err(|error| error.to_string())
    }

    /// A recycle that may have been asked for before this process took the run up: a list that lags must have had its time. What
    /// stays untouched was not carried out; then the node begins anew, with gates of its own.
    pub(super) fn look_for_an_earlier_ask(&self, journal: &mut Journal) -> Result<(), RollError> {
        let Some(node) = journal.run().in_flight().cloned() else { return Ok(()) };
        let (id, Some((asked, at)), None) = (node.planned.id, node.asked, node.recycled) else {
            return Ok(());
        };
        let is_untouched = |seen: &Survey| {
            seen.nodes.iter().any(|node| {
                node.id == id && node.is_active() && node.seen.instance_id.as_ref() == Some(&asked)
            })
        };
        let passed = self.clock.now().duration_since(at);
        let passed = Duration::try_from(passed).unwrap_or_default();
        // Also long after, one look alone might be at an old list.
        let left = TRACE_WINDOW.saturating_sub(passed).max(SECOND_LOOK);
        let mut last = self.survey(journal.run())?;
        if is_untouched(&last) {
            self.progress.tell(&format!(
                "a recycle of {id} may have been asked for before; looking for up to {} s whether it took effect",
                left.as_secs()
            ));
            let _over = until(self.clock, left, || {
                last = self.survey(journal.run())?;
                Ok::<_, RollError>((!is_untouched(&last)).then_some(()))
            })?;
        }
        if is_untouched(&last) {
            let reason =
                format!("untouched {} s after it may have been asked for", TRACE_WINDOW.as_secs());
            journal.write(self.clock, Event::NotAsked { node: id, reason })?;
        }
        Ok(())
    }

    /// Whether the node runs as a new machine that is as wanted, with its data.
    fn already(
        &self,
        journal: &mut Journal,
        node: &NodeRun,
        seen: &Survey,
        doing: &str,
    ) -> Result<Option<Node>, RollError> {
        let id = &node.planned.id;
        let found = seen.nodes.iter().find(|found| found.id == *id);
        let Some(found) = found.filter(|found| found.is_active()) else { return Ok(None) };
        if found.seen.instance_id.as_ref() == node.planned.instance_id.as_ref() {
            return Ok(None);
        }
        if let Err(hold) = is_same_node(&journal.run().plan, &node.planned, found) {
            let reason = format!("it runs as another machine, and {hold}");
            self.freeze(journal, Some(id.clone()), reason)?;
            return Err(RollError::NotSame { node: id.clone(), hold });
        }
        let plan = &journal.run().plan;
        let persistence =
            plan.persistence.with_root(plan.switch.is_none() && plan.persistence.root_device);
        match plan.target.matches(&found.seen, &persistence) {
            Match::There(_) => Ok(Some(found.clone())),
            Match::Differs(why) if node.asked.is_some() => {
                let found = found.seen.instance_id.clone();
                Err(RollError::held(doing)(Hold::NotAsWanted { found, why }))
            }
            Match::Differs(_) | Match::OnPaper(_) | Match::Unknowable(_) => {
                let (expected, found) =
                    (node.planned.instance_id.clone(), found.seen.instance_id.clone());
                Err(RollError::held(doing)(Hold::OtherInstance { expected, found }))
            }
        }
    }

    fn job(
        &self,
        journal: &Journal,
        node: &NodeRun,
        wanted: &Expectations,
        wait_timeout: Duration,
    ) -> Job {
        let plan = &journal.run().plan;
        let mut expectations = wanted.clone();
        expectations.instance_id = node.planned.instance_id.clone();
        // Whether volumes come back was asked by the plan (`data_reattached`).
        expectations.confirm_data_loss = true;
        if !matches!(plan.target.wanted, Wanted::LaunchedAfter { .. }) {
            expectations.image_id = plan.target.image_id.clone();
        }
        Job {
            account: plan.account.clone(),
            target: StatefulTarget::Grouped {
                group: plan.group.clone(),
                id: node.planned.id.clone(),
            },
            action: StatefulAction::Recycle,
            expectations,
            wait: true,
            wait_timeout,
            earlier: self.earlier(journal.run()),
        }
    }

    /// How long recycles took that tell of the next one: of this run, then of earlier runs of the same group or system, the
    /// latest first.
    fn earlier(&self, run: &Run) -> Vec<Duration> {
        let latest = |run: &Run| run.recycle_times().into_iter().rev().collect::<Vec<_>>();
        let mut times = latest(run);
        if times.len() < EARLIER {
            // A journal that cannot be read costs no more than a change that is noticed later.
            let known = self.runs.all().unwrap_or_default().runs;
            let is_alike = |other: &&Run| {
                other.id() != run.id()
                    && (other.plan.group == run.plan.group || other.plan.system == run.plan.system)
            };
            times.extend(known.iter().rev().filter(is_alike).flat_map(latest));
        }
        times.truncate(EARLIER);
        times
    }

    fn enter(&self, journal: &mut Journal, id: &StatefulInstanceId) -> Result<(), RollError> {
        if journal.run().node(id).is_none_or(|node| node.phase != Phase::Recycling) {
            let (node, phase) = (id.clone(), Phase::Recycling);
            journal.write(self.clock, Event::Entered { node, phase })?;
        }
        self.progress.tell(&self.place(journal.run(), id).to_string());
        Ok(())
    }

    fn prove(
        &self,
        journal: &mut Journal,
        node: &NodeRun,
        carried: Carried,
        began: Duration,
    ) -> Result<Recycled, RollError> {
        let id = &node.planned.id;
        if let Some(after) = &carried.after {
            let found = self.told(journal, node, after)?;
            if let Err(hold) = is_as_wanted(&journal.run().plan, &node.planned, &found) {
                self.freeze(journal, Some(id.clone()), format!("it was recycled, but {hold}"))?;
                return Err(RollError::NotSame { node: id.clone(), hold });
            }
            let took = self.clock.monotonic().saturating_sub(began);
            self.note(journal, id, after, took)?;
        }
        Ok(Recycled::Carried(Box::new(carried)))
    }

    /// The new machine with everything that is compared, as soon as the vendor tells it, or as it is told after a while.
    fn told(&self, journal: &Journal, node: &NodeRun, after: &Snapshot) -> Result<Node, RollError> {
        let (run, id) = (journal.run(), &node.planned.id);
        let mut found = Node { id: id.clone(), seen: after.clone() };
        let _over = until(self.clock, OLD_LIST, || {
            let judged = is_as_wanted(&run.plan, &node.planned, &found);
            if !matches!(judged, Err(Hold::Untold { .. })) {
                return Ok::<_, RollError>(Some(()));
            }
            let (seen, _) = self.patiently(run, nodes)?;
            let is_it = |it: &Node| it.id == *id && it.seen.instance_id == after.instance_id;
            if let Some(more) = seen.into_iter().find(is_it) {
                found = more;
            }
            Ok(None)
        })?;
        Ok(found)
    }

    fn note(
        &self,
        journal: &mut Journal,
        id: &StatefulInstanceId,
        after: &Snapshot,
        took: Duration,
    ) -> Result<(), RollError> {
        self.enter(journal, id)?;
        let image_id: Option<ImageId> = after.image_id.clone();
        // Who goes on with a run finds what it has noted, with the time that it took.
        let noted = journal.run().node(id).and_then(|node| node.recycled.as_ref());
        let is_noted = noted.is_some_and(|it| Some(&it.instance_id) == after.instance_id.as_ref());
        if let Some(instance_id) = after.instance_id.clone().filter(|_| !is_noted) {
            let (node, seconds) = (id.clone(), took.as_secs_f64());
            let event = Event::Recycled { node, instance_id, image_id, seconds };
            journal.write(self.clock, event)?;
        }
        Ok(())
    }

    fn failed(
        &self,
        journal: &mut Journal,
        id: &StatefulInstanceId,
        failed: Box<Failed>,
    ) -> Result<Recycled, RollError> {
        let reason = failed.error.to_string();
        let is_asked = journal.run().node(id).is_some_and(|node| node.asked.is_some());
        if failed.has_changed() {
            self.freeze(journal, Some(id.clone()), reason)?;
        } else if is_asked {
            journal.write(self.clock, Event::NotAsked { node: id.clone(), reason })?;
            self.look_why_not(journal, id)?;
        }
        Err(RollError::Act(failed))
    }

    /// The vendor refuses to recycle a machine that is gone already, and the list may be the last to tell: the platform may
    /// bring the node back as another one, without its data, and nobody may take that for the node that was left.
    fn look_why_not(
        &self,
        journal: &mut Journal,
        id: &StatefulInstanceId,
    ) -> Result<(), RollError> {
        let run = journal.run();
        let Some(node) = run.node(id).cloned() else { return Ok(()) };
        let left = until(self.clock, SECOND_LOOK, || {
            let (seen, left_out) = self.patiently(run, nodes)?;
            let is_itself = is_itself(&run.plan, &node, &seen, &left_out);
            let is_late = |hold: &Hold| matches!(hold, Hold::Incomplete(_) | Hold::Untold { .. });
            Ok::<_, RollError>(is_itself.err().filter(|hold| !is_late(hold)))
        })?;
        match left {
            Ok(hold) => self.freeze(journal, Some(id.clone()), hold.to_string()),
            Err(_) => Ok(()),
        }
    }

    /// What is under way and cannot be followed needs a person; what was never begun does not.
    fn refused(
        &self,
        journal: &mut Journal,
        node: &NodeRun,
        sight: &Sight,
        error: ActError,
    ) -> Result<Recycled, RollError> {
        if node.asked.is_some() {
            self.freeze(journal, Some(node.planned.id.clone()), error.to_string())?;
        }
        Err(RollError::Act(Box::new(Failed::unbegun(error, sight.snapshot.clone()))))
    }
}

fn of(journal: &Journal, id: &StatefulInstanceId, doing: &str) -> Result<NodeRun, RollError> {
    let none = || RollError::held(doing)(Hold::NoSuchNode(id.clone()));
    journal.run().node(id).cloned().ok_or_else(none)
}

/// What the outcome of a recycle that is under way is compared with: the node as the journal knows it.
fn before(plan: &Planned, node: &NodeRun, present: &Option<Snapshot>) -> Snapshot {
    match present {
        Some(present) if present.instance_id == node.planned.instance_id => present.clone(),
        Some(_) | None => known_before(plan, &node.planned),
    }
}
