//! Rolls a group as the role does: between gates over the cluster, one node after the other, whoever leads last.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use spotinst_esg::domain::{Leadership, StatefulInstanceId};
use spotinst_esg::drive::gate::{Gate, run};
use spotinst_esg::drive::roll::{Beginning, Journal, RollError, Roller};
use spotinst_esg::drive::{Progress, until};
use spotinst_esg::plan::Verdict;
use spotinst_esg::plan::gate::Terms;
use spotinst_esg::plan::roll::{NodeRun, Opening, Phase};
use spotinst_esg::plan::safety;
use spotinst_esg::plan::stateful::Expectations;

use super::desk::{Desk, Driver, Ended, Killed};
use super::stage::{Scene, Stage};

const PATIENCE: Duration = Duration::from_secs(300);

/// What is left out, to see what comes of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Skips {
    pub(crate) pre_gate: bool,
    pub(crate) mid_gate: bool,
    pub(crate) identity: bool,
    pub(crate) post_gate: bool,
}

/// One process that rolls.
pub(crate) struct Role<'a> {
    pub(crate) desk: &'a Desk,
    pub(crate) stage: &'a Arc<Stage>,
    pub(crate) driver: Driver,
    pub(crate) skips: Skips,
    /// How long it takes to do something on a node, in seconds.
    pub(crate) pace: u64,
}

/// Why the roll does not go on.
type Why = String;

fn terms(samples: u32, spacing: u64, window: u64, limit: u64, stall: Option<u64>) -> Terms {
    let seconds = Duration::from_secs;
    Terms {
        samples,
        spacing: seconds(spacing),
        window: seconds(window),
        limit: seconds(limit),
        stall: stall.map(seconds),
    }
}

fn told(error: RollError) -> Why {
    error.to_string()
}

impl Role<'_> {
    /// Rolls; a kill ends it wherever it is.
    pub(crate) fn roll(&self) -> Ended {
        match catch_unwind(AssertUnwindSafe(|| self.try_roll())) {
            Ok(ended) => ended,
            Err(payload) if payload.is::<Killed>() => Ended::Killed,
            Err(payload) => std::panic::resume_unwind(payload),
        }
    }

    fn try_roll(&self) -> Ended {
        self.desk.as_roller(&self.driver, |roller| {
            let mut journal = match self.begin(roller) {
                Ok(Some(journal)) => journal,
                Ok(None) => {
                    self.put_back();
                    return Ended::Nothing;
                }
                Err(error) => return Ended::Refused(error),
            };
            let trouble = self.nodes(roller, &mut journal).err();
            if let Some(trouble) = &trouble {
                self.desk.said.lock().unwrap().push(trouble.clone());
            }
            self.put_back();
            let id = journal.run().id().to_owned();
            let ended =
                roller.take_up(&id).and_then(|mut journal| roller.finish(&mut journal, trouble));
            match ended {
                Ok(outcome) => Ended::Run(id, outcome, None),
                Err(error) => Ended::Unfinished(error),
            }
        })
    }

    fn begin(&self, roller: &Roller<'_>) -> Result<Option<Journal>, RollError> {
        loop {
            let (draft, seen) = self.driver.plan(self.desk)?;
            let journals = self.desk.runs.all().unwrap();
            let opening = roller.would_open(journals, &seen.group.id, &self.driver.system, &draft);
            let opening = opening.map_err(RollError::Taken)?;
            if opening == Opening::Begin && draft.is_idle() && draft.blockers().is_empty() {
                return Ok(None);
            }
            match roller.begin(&self.driver.start(self.desk), &draft, &seen) {
                Ok(Beginning::Begun(begun)) => return Ok(Some(begun.journal)),
                Ok(Beginning::PutBack(_)) => {}
                Err(error) => return Err(*error.error),
            }
        }
    }

    fn nodes(&self, roller: &Roller<'_>, journal: &mut Journal) -> Result<(), Why> {
        if journal.run().in_flight().is_none() {
            self.put_back();
        }
        while let Some(node) = self.next(journal)? {
            self.node(roller, journal, &node)?;
        }
        Ok(())
    }

    /// What is in flight; else one that does not lead, or the last one.
    fn next(&self, journal: &Journal) -> Result<Option<NodeRun>, Why> {
        if let Some(node) = journal.run().in_flight() {
            return Ok(Some(node.clone()));
        }
        let left: Vec<&NodeRun> =
            journal.run().nodes.iter().filter(|node| node.phase != Phase::Done).collect();
        if left.is_empty() {
            return Ok(None);
        }
        let leader = self.leader()?;
        let leads = |node: &&&NodeRun| {
            let scene = self.stage.scene();
            scene.cluster.name(scene.plant.host(node.planned.id.as_str())) == leader
        };
        let next = left.iter().find(|node| !leads(node)).or(left.first());
        Ok(next.map(|node| (**node).clone()))
    }

    fn leader(&self) -> Result<String, Why> {
        let clock = &*self.desk.clock;
        let found =
            until(clock, Duration::from_secs(300), || match self.stage.standings().leadership() {
                Leadership::One(leader) => Ok(Some(leader.to_owned())),
                Leadership::Nobody | Leadership::Several(_) | Leadership::Unknown(_) => {
                    Ok::<_, Why>(None)
                }
            })?;
        found.map_err(|_| "it is not known who leads".to_owned())
    }

    fn node(&self, roller: &Roller<'_>, journal: &mut Journal, node: &NodeRun) -> Result<(), Why> {
        let id = &node.planned.id;
        let host = self.stage.scene().plant.host(id.as_str());
        let from = node.taken_up_at();
        // As another process would.
        *journal = roller.take_up(journal.run().id()).map_err(told)?;
        // It was cut off: what the gate before saw is old, and its service may be stopped.
        if node.must_start()
            && let Err(why) = self.start_again(roller, journal, id, host)
        {
            return Err(self.freeze(roller, journal, id, why));
        }
        let phases = Phase::ALL.into_iter();
        for phase in phases.filter(|phase| *phase >= from && *phase > Phase::Planned) {
            let done = journal.run().done();
            self.stage.enter(done, phase, host);
            if phase == Phase::Draining
                && journal.run().in_flight().is_none()
                && self.next(journal)?.is_some_and(|next| next.planned.id != *id)
            {
                // It has come to lead meanwhile.
                return Ok(());
            }
            if let Err(why) = self.step(roller, journal, id, host, phase) {
                let why = format!("{id}, {phase}: {why}");
                return Err(self.leave(roller, journal, id, host, phase, why));
            }
        }
        Ok(())
    }

    fn step(
        &self,
        roller: &Roller<'_>,
        journal: &mut Journal,
        id: &StatefulInstanceId,
        host: usize,
        phase: Phase,
    ) -> Result<(), Why> {
        if phase == Phase::Recycling {
            let seen = roller.survey(journal.run()).map_err(told)?;
            let (wanted, limit) = (Expectations::default(), self.driver.wait_timeout);
            return roller.recycle(journal, id, &wanted, limit, seen).map(drop).map_err(told);
        }
        roller.advance(journal, id, phase, PATIENCE).map_err(told)?;
        match phase {
            Phase::PreGate if !self.skips.pre_gate => {
                let terms = terms(3, 5, 0, 300, None);
                self.gate(roller, journal, id, host, safety::Phase::Pre, terms)
            }
            Phase::Draining => self.drain(host),
            Phase::Stopped => {
                self.record(id, host);
                self.desk.advance(self.pace);
                self.stage.stop(host);
                self.desk.advance(self.pace);
                Ok(())
            }
            Phase::MidGate if self.skips.mid_gate => {
                let report = json!({"verdict": "pass"});
                roller.note_gate(journal, id, report).map_err(told)
            }
            Phase::MidGate => {
                let terms = terms(3, 5, 0, 120, None);
                self.gate(roller, journal, id, host, safety::Phase::Mid, terms)
            }
            Phase::Identity if !self.skips.identity => {
                self.desk.advance(self.pace);
                self.identify(id, host)
            }
            Phase::Starting => {
                self.desk.advance(self.pace);
                self.stage.start(host);
                self.join(host)
            }
            Phase::PostGate if !self.skips.post_gate => {
                let terms = terms(6, 10, 60, 3600, Some(400));
                self.gate(roller, journal, id, host, safety::Phase::Post, terms)
            }
            Phase::Baking if !self.skips.post_gate => {
                let terms = terms(3, 15, 45, 600, Some(400));
                self.gate(roller, journal, id, host, safety::Phase::Post, terms)
            }
            _ => Ok(()),
        }
    }

    fn gate(
        &self,
        roller: &Roller<'_>,
        journal: &mut Journal,
        id: &StatefulInstanceId,
        host: usize,
        phase: safety::Phase,
        terms: Terms,
    ) -> Result<(), Why> {
        let gate =
            Gate { sources: vec![self.stage.source(host, phase)], terms, waivers: Vec::new() };
        let quiet = |_: &str| {};
        let progress = Progress::new(&*self.desk.clock, &quiet);
        let report = run(&gate, &*self.desk.clock, &progress, || roller.keep_alive(journal));
        let report = report.map_err(told)?;
        let kept: Value = json!({"verdict": report.verdict});
        roller.note_gate(journal, id, kept).map_err(told)?;
        if report.verdict == Verdict::Pass { Ok(()) } else { Err(report.to_string()) }
    }

    /// Where the cluster has a setting for it, its own value is noted, and then it is set. What is new since the gate is seen, or
    /// waited for.
    fn drain(&self, host: usize) -> Result<(), Why> {
        for _ in 0..3 {
            if !self.set() || self.has_copies_elsewhere(host) {
                return Ok(());
            }
            self.put_back();
            self.desk.advance(60);
        }
        Err("something on it has no other copy".to_owned())
    }

    fn set(&self) -> bool {
        let mut scene = self.stage.scene();
        let Some(wanted) = scene.cluster.wanted_setting() else { return false };
        let present = scene.cluster.setting();
        scene.notes.owed.get_or_insert(present);
        scene.cluster.set(Some(wanted.to_owned()));
        true
    }

    fn has_copies_elsewhere(&self, host: usize) -> bool {
        if self.skips.pre_gate {
            return true;
        }
        let mut scene = self.stage.scene();
        let Scene { plant, cluster, .. } = &mut *scene;
        let findings = cluster.judge(plant, host, safety::Phase::Pre);
        let mut about =
            findings.iter().filter(|it| it.name.ends_with("copies_elsewhere")).peekable();
        about.peek().is_some() && about.all(|it| it.verdict == Verdict::Pass)
    }

    /// Puts the cluster's setting back, if it was changed.
    pub(crate) fn put_back(&self) {
        let mut scene = self.stage.scene();
        if let Some(before) = scene.notes.owed.clone() {
            scene.cluster.set(before);
            scene.notes.owed = None;
        }
    }

    fn record(&self, id: &StatefulInstanceId, host: usize) {
        let mut scene = self.stage.scene();
        let uuid = scene.plant.disk(host).uuid;
        scene.notes.records.entry(id.to_string()).or_insert(uuid);
    }

    fn identify(&self, id: &StatefulInstanceId, host: usize) -> Result<(), Why> {
        let scene = self.stage.scene();
        let (before, now) = (scene.notes.records.get(id.as_str()), scene.plant.disk(host).uuid);
        if before == Some(&now) {
            return Ok(());
        }
        Err(format!("its filesystem was {before:?} and is {now}"))
    }

    /// Only where a setting keeps copies from being made is it waited for before the gate.
    fn join(&self, host: usize) -> Result<(), Why> {
        if self.stage.scene().notes.owed.is_none() {
            return Ok(());
        }
        let clock = &*self.desk.clock;
        let joined = until(clock, Duration::from_secs(360), || {
            let view = self.stage.standings();
            let name = self.stage.scene().cluster.name(host);
            let is_there = view.nodes().any(|(node, _)| node == name);
            Ok::<_, Why>(is_there.then_some(()))
        })?;
        joined.map_err(|_| "it has not joined".to_owned())?;
        self.put_back();
        Ok(())
    }

    /// As the role leaves a node at which it failed.
    fn leave(
        &self,
        roller: &Roller<'_>,
        journal: &mut Journal,
        id: &StatefulInstanceId,
        host: usize,
        phase: Phase,
        why: Why,
    ) -> Why {
        if phase == Phase::PreGate {
            return why;
        }
        if phase > Phase::Recycling {
            return self.freeze(roller, journal, id, why);
        }
        match self.start_again(roller, journal, id, host) {
            Ok(()) => why,
            Err(more) => self.freeze(roller, journal, id, format!("{why}; and then {more}")),
        }
    }

    fn freeze(
        &self,
        roller: &Roller<'_>,
        journal: &mut Journal,
        id: &StatefulInstanceId,
        why: Why,
    ) -> Why {
        if journal.run().frozen.is_none() {
            roller.freeze(journal, Some(id.clone()), why.clone()).unwrap();
        }
        why
    }

    /// Starts a node again whose machine was not given up, and sees that the cluster has it back.
    fn start_again(
        &self,
        roller: &Roller<'_>,
        journal: &mut Journal,
        id: &StatefulInstanceId,
        host: usize,
    ) -> Result<(), Why> {
        roller.advance(journal, id, Phase::Draining, PATIENCE).map_err(told)?;
        self.stage.start(host);
        self.put_back();
        let terms = terms(6, 10, 60, 3600, Some(400));
        self.gate(roller, journal, id, host, safety::Phase::Post, terms)
    }
}
