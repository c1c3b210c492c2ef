//! Rolls over clusters, by seed: what came of each, and what was violated.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::Value;
use spotinst_esg::domain::Clock;
use spotinst_esg::drive::roll::RollError;
use spotinst_esg::plan::roll::{Outcome, Taken};

use super::cluster::Cluster;
use super::desk::{Desk, Driver, Ended, fleet};
use super::kafka::{Kafka, Mode};
use super::mishaps::{Planned, Technology, draw};
use super::plant::Plant;
use super::role::{Role, Skips};
use super::search::Search;
use super::stage::{Invariant, Stage};
use super::zookeeper::ZooKeeper;

/// What is stuck is not looked at for longer.
const LONGEST_RECYCLE: Duration = Duration::from_secs(400);

/// How a roll ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum End {
    Completed,
    Aborted,
    Frozen,
}

/// One roll.
pub(crate) struct Told {
    pub(crate) seed: u64,
    pub(crate) technology: Technology,
    pub(crate) mode: String,
    pub(crate) mishaps: Vec<Planned>,
    pub(crate) end: End,
    pub(crate) violations: Vec<(Invariant, String)>,
    /// Which of the mishaps have happened.
    pub(crate) struck: Vec<Planned>,
    /// How often something went wrong between a gate and the step behind it.
    pub(crate) unforeseen: u64,
    /// What was said, for whoever looks into one.
    pub(crate) said: Vec<String>,
}

/// What a roll is to be.
pub(crate) struct Plan {
    pub(crate) technology: Technology,
    pub(crate) skips: Skips,
    /// What goes wrong; drawn by the seed if none.
    pub(crate) mishaps: Option<Vec<Planned>>,
    pub(crate) kills: bool,
}

impl Plan {
    /// The plan of a seed: a third of each technology, one of ten with nothing going wrong.
    pub(crate) fn of(seed: u64) -> Self {
        let technology = match seed % 3 {
            0 => Technology::ZooKeeper,
            1 => Technology::Kafka,
            _ => Technology::Search,
        };
        let is_calm = (seed / 3).is_multiple_of(10);
        Self {
            technology,
            skips: Skips::default(),
            mishaps: is_calm.then(Vec::new),
            kills: !is_calm,
        }
    }
}

fn world(chance: &mut fastrand::Rng, nodes: usize, is_calm: bool) -> Desk {
    let stale = if is_calm { 0 } else { chance.u32(0..20) };
    let head = format!(
        "seed: {}\nlatency: {{stale_seconds: {stale}, accepted_seconds: 3, terminating_seconds: {}, replacing_seconds: {}, booting_seconds: {}}}",
        chance.u32(..),
        chance.u32(2..8),
        chance.u32(2..10),
        chance.u32(5..20),
    );
    Desk::with(&fleet(nodes, &head, ""))
}

fn model(
    chance: &mut fastrand::Rng,
    technology: Technology,
    state: &Value,
) -> (Plant, Box<dyn Cluster>, String) {
    let nodes = state["groups"][0]["statefulInstances"].as_array().map_or(0, Vec::len);
    let leader = chance.usize(..nodes);
    match technology {
        Technology::ZooKeeper => {
            let plant = Plant::new(state, 0);
            let cluster = ZooKeeper::new(&plant, leader);
            (plant, Box::new(cluster), "ensemble".to_owned())
        }
        Technology::Kafka => {
            let all = [Mode::Combined, Mode::Controllers, Mode::Brokers, Mode::ZooKeeper];
            let mode = all[chance.usize(..all.len())];
            let plant = Plant::new(state, mode.beside());
            let cluster = Kafka::new(&plant, mode, leader);
            (plant, Box::new(cluster), format!("{mode:?}"))
        }
        Technology::Search => {
            let plant = Plant::new(state, 0);
            let cluster = Search::new(&plant, leader);
            (plant, Box::new(cluster), "cluster".to_owned())
        }
    }
}

/// Rolls one.
pub(crate) fn roll(seed: u64, plan: Plan) -> Told {
    let mut chance = fastrand::Rng::with_seed(seed);
    let nodes = match plan.technology {
        Technology::ZooKeeper => [3, 3, 3, 3, 5][chance.usize(..5)],
        Technology::Kafka | Technology::Search => [3, 3, 3, 3, 4][chance.usize(..5)],
    };
    let is_calm = plan.mishaps.as_ref().is_some_and(Vec::is_empty);
    let desk = world(&mut chance, nodes, is_calm);
    let (plant, cluster, mode) = model(&mut chance, plan.technology, &desk.state());
    let mishaps = plan.mishaps.unwrap_or_else(|| draw(&mut chance, plan.technology, nodes));
    let stage = Stage::new(&desk.sim, plant, cluster, mishaps.clone());
    let before = stage.scene().cluster.setting();
    let clockwork = Arc::clone(&stage);
    desk.clock.passed.set(Box::new(move |span| clockwork.pass(span))).ok().unwrap();
    let pace = chance.u64(1..15);
    let mut last = Ended::Nothing;
    for attempt in 0..3 {
        let kill = plan.kills && chance.u32(..3) == 0 && attempt < 2;
        let at = desk.clock.readings.load(Ordering::Relaxed) + chance.u64(1..900);
        desk.clock.deadly.store(if kill { at } else { 0 }, Ordering::Relaxed);
        let began = desk.clock.monotonic();
        let mut driver = Driver::new(if kill { 2 } else { 1 });
        driver.wait_timeout = LONGEST_RECYCLE;
        let role = Role { desk: &desk, stage: &stage, driver, skips: plan.skips, pace };
        last = role.roll();
        desk.clock.deadly.store(0, Ordering::Relaxed);
        let took = desk.clock.monotonic() - began;
        if took.as_secs() > 12 * 3600 {
            stage.scene().violate(Invariant::I9, format!("it took {} s", took.as_secs()));
        }
        if !matches!(last, Ended::Killed | Ended::Unfinished(_)) {
            break;
        }
        // Somebody notices, and starts it again.
        stage.scene().is_deserted = true;
        desk.advance(chance.u64(..1200));
        stage.scene().is_deserted = false;
    }
    desk.said.lock().unwrap().push(format!("it ended as {last:?}"));
    let end = end_of(&last);
    conclude(&desk, &stage, before, &last);
    let scene = stage.scene();
    Told {
        seed,
        technology: plan.technology,
        mode: format!("{mode} of {nodes}"),
        mishaps,
        end,
        violations: scene.violations.clone(),
        struck: scene.struck(),
        unforeseen: scene.unforeseen,
        said: desk.said.lock().unwrap().clone(),
    }
}

fn end_of(ended: &Ended) -> End {
    match ended {
        Ended::Refused(RollError::Taken(Taken::Frozen { .. })) => End::Frozen,
        Ended::Run(_, Outcome::Completed, _) | Ended::Nothing => End::Completed,
        Ended::Run(_, Outcome::Aborted, _) | Ended::Refused(_) => End::Aborted,
        Ended::Run(_, Outcome::Frozen, _) | Ended::Unfinished(_) | Ended::Killed => End::Frozen,
    }
}

/// A person sees to what is left; then everything must be as before, and nothing lost.
fn conclude(desk: &Desk, stage: &Arc<Stage>, before: Option<String>, last: &Ended) {
    if matches!(last, Ended::Killed | Ended::Unfinished(_)) {
        stage.scene().violate(Invariant::I9, format!("it did not end: {last:?}"));
    }
    if !matches!(last, Ended::Killed) && stage.scene().cluster.setting() != before {
        stage.scene().violate(Invariant::I8, "the cluster's setting is another".to_owned());
    }
    desk.sim.control("DELETE", "/_sim/faults", Value::Null);
    let me = Driver::new(1);
    for run in desk.runs.all().unwrap().runs {
        desk.as_roller(&me, |roller| {
            let mut journal = desk.runs.open(run.id()).unwrap();
            if journal.run().is_open() {
                roller.give_up(&mut journal, "the test is over".to_owned()).unwrap();
            }
        });
    }
    let mut settings = desk.settings();
    settings["image"] = desk.before["image"].clone();
    if settings != desk.before {
        let how = format!("the group's settings are {settings}, and were {}", desk.before);
        stage.scene().violate(Invariant::I8, how);
    }
    if let Some(wrong) = desk.violations(Some("ami-2")).first() {
        stage.scene().violate(Invariant::I4, wrong.clone());
    }
    desk.advance(150);
    for is_last in [false, true] {
        stage.scene().mend(is_last);
        desk.advance(150);
    }
}

/// What came of many.
#[derive(Default)]
pub(crate) struct Tally {
    /// By technology and whether nothing went wrong: how many ended how.
    pub(crate) ends: BTreeMap<(Technology, bool), BTreeMap<End, u64>>,
    /// How often each mishap happened, and how those rolls ended.
    pub(crate) struck: BTreeMap<String, BTreeMap<End, u64>>,
    pub(crate) unforeseen: u64,
    /// Seeds by invariant.
    pub(crate) violated: BTreeMap<Invariant, Vec<u64>>,
}

impl Tally {
    pub(crate) fn add(&mut self, told: &Told) {
        let key = (told.technology, told.mishaps.is_empty());
        *self.ends.entry(key).or_default().entry(told.end).or_default() += 1;
        for mishap in &told.struck {
            let ends = self.struck.entry(mishap.mishap.kind()).or_default();
            *ends.entry(told.end).or_default() += 1;
        }
        self.unforeseen += told.unforeseen;
        for (invariant, _) in &told.violations {
            self.violated.entry(*invariant).or_default().push(told.seed);
        }
    }

    pub(crate) fn count(&self, technology: Technology, is_calm: bool, end: Option<End>) -> u64 {
        let Some(ends) = self.ends.get(&(technology, is_calm)) else { return 0 };
        ends.iter().filter(|(one, _)| end.is_none_or(|end| end == **one)).map(|(_, n)| n).sum()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "technology  mishaps  completed  aborted  frozen")?;
        for ((technology, is_calm), ends) in &self.ends {
            let of = |end| ends.get(&end).copied().unwrap_or(0);
            let (done, aborted, frozen) = (of(End::Completed), of(End::Aborted), of(End::Frozen));
            let name = format!("{technology:?}");
            let with = if *is_calm { "none" } else { "some" };
            writeln!(f, "{name:<11} {with:<8} {done:>9} {aborted:>8} {frozen:>7}")?;
        }
        writeln!(f, "what went wrong             completed  aborted  frozen")?;
        for (kind, ends) in &self.struck {
            let of = |end| ends.get(&end).copied().unwrap_or(0);
            let (done, aborted, frozen) = (of(End::Completed), of(End::Aborted), of(End::Frozen));
            writeln!(f, "{kind:<27} {done:>9} {aborted:>8} {frozen:>7}")?;
        }
        writeln!(f, "went wrong between a gate and the step behind it: {} times", self.unforeseen)?;
        writeln!(f, "invariant   violated")?;
        use Invariant::{I1, I3, I4, I5, I6, I7, I8, I9};
        for invariant in [I1, I3, I4, I5, I6, I7, I8, I9] {
            let mut seeds = self.violated.get(&invariant).cloned().unwrap_or_default();
            seeds.sort_unstable();
            let some: Vec<String> = seeds.iter().take(10).map(u64::to_string).collect();
            let some = if some.is_empty() {
                String::new()
            } else {
                format!(" by seeds {}", some.join(", "))
            };
            writeln!(f, "{:<11} {:>8}{some}", format!("{invariant:?}"), seeds.len())?;
        }
        Ok(())
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, technology, mode, mishaps, end, violations, said, .. } = self;
        writeln!(f, "seed {seed}: {technology:?}, {mode}, {end:?}")?;
        mishaps.iter().try_for_each(|mishap| writeln!(f, "  mishap: {mishap:?}"))?;
        said.iter().rev().take(4).rev().try_for_each(|line| writeln!(f, "  said: {line}"))?;
        violations.iter().try_for_each(|(which, how)| writeln!(f, "  violated {which:?} {how}"))
    }
}
