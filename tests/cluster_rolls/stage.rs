//! A cluster on the machines of the simulated group, in the simulator's time; what befalls it; and what must never happen.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use serde_json::{Value, json};
use spot_sim::Server;
use spotinst_esg::domain::{Clock, ClusterView};
use spotinst_esg::drive::gate::Source;
use spotinst_esg::plan::gate::Finding;
use spotinst_esg::plan::roll::Phase;
use spotinst_esg::plan::safety;

use super::cluster::Cluster;
use super::mishaps::{Mishap, Planned, Trouble, Whom};
use super::plant::{Plant, Seen, Service};

/// For so many seconds after something was over the cluster may still suffer from it.
const AFTERMATH: f64 = 120.0;

/// For so many seconds a gate that has passed may be gone by when a service is stopped, and when a machine is given up: what
/// happens meanwhile nobody could have seen. The latter is what the roll promises, since it may have to wait for a rate limit.
const FRESH: [f64; 2] = [120.0, 300.0];

/// What must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Invariant {
    /// Nothing that was acknowledged is lost.
    I1,
    /// Writes are taken again within bounds.
    I3,
    /// Never two down by the roll.
    I4,
    /// Those who vote keep a majority.
    I5,
    /// A gate that passes tells the truth.
    I6,
    /// On its own disk, or not started.
    I7,
    /// Nothing is left behind.
    I8,
    /// Every run ends.
    I9,
}

/// What is noted by the one who rolls, where a kill does not reach it.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    /// The filesystem that each node had before its service was stopped.
    pub(crate) records: BTreeMap<String, u64>,
    /// The cluster's setting as it was before it was changed.
    pub(crate) owed: Option<Option<String>>,
}

/// All that lives beside the roll.
pub(crate) struct Scene {
    pub(crate) plant: Plant,
    pub(crate) cluster: Box<dyn Cluster>,
    pub(crate) notes: Notes,
    /// What was violated, and how.
    pub(crate) violations: Vec<(Invariant, String)>,
    /// How often something went wrong between a gate and the step behind it.
    pub(crate) unforeseen: u64,
    mishaps: Vec<(Planned, Stand)>,
    troubles: Vec<Trouble>,
    looked: Option<Looked>,
    rolled: usize,
    phase: Phase,
    target: Option<usize>,
    accepted: usize,
    excused_until: f64,
    /// Whether nobody rolls: whoever did was killed, and nobody has noticed.
    pub(crate) is_deserted: bool,
    stalled: f64,
}

/// The last look of a gate, and what was wrong in truth at that moment.
struct Looked {
    target: usize,
    phase: safety::Phase,
    at: f64,
    wrong: Vec<(Invariant, String)>,
}

/// Where a mishap is.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Stand {
    Waiting,
    Due(f64),
    On(f64, usize),
    Over,
}

/// The scene, shared with the clock and the gates.
pub(crate) struct Stage {
    sim: Arc<Server>,
    scene: Mutex<Scene>,
}

impl Stage {
    pub(crate) fn new(
        sim: &Arc<Server>,
        plant: Plant,
        cluster: Box<dyn Cluster>,
        mishaps: Vec<Planned>,
    ) -> Arc<Self> {
        let scene = Scene {
            plant,
            cluster,
            notes: Notes::default(),
            violations: Vec::new(),
            unforeseen: 0,
            looked: None,
            mishaps: mishaps.into_iter().map(|mishap| (mishap, Stand::Waiting)).collect(),
            troubles: Vec::new(),
            rolled: 0,
            phase: Phase::Planned,
            target: None,
            accepted: 0,
            excused_until: 0.0,
            is_deserted: false,
            stalled: 0.0,
        };
        Arc::new(Self { sim: Arc::clone(sim), scene: Mutex::new(scene) })
    }

    pub(crate) fn scene(&self) -> MutexGuard<'_, Scene> {
        self.scene.lock().unwrap()
    }

    /// So much time has passed in the simulator: so it does here.
    pub(crate) fn pass(&self, span: Duration) {
        let state = self.sim.control("GET", "/_sim/machines", Value::Null);
        let mut scene = self.scene();
        scene.judge_recycles(&self.sim, &state);
        for seen in scene.plant.look(&state) {
            scene.take_in(seen);
        }
        let span = span.as_secs_f64();
        scene.plant.pass(span);
        scene.befall(&self.sim);
        let Scene { plant, cluster, .. } = &mut *scene;
        cluster.pass(plant, span);
        scene.watch(span);
    }

    /// Notes how far the roll is: what goes wrong goes by that.
    pub(crate) fn enter(&self, rolled: usize, phase: Phase, target: usize) {
        let mut scene = self.scene();
        (scene.rolled, scene.phase, scene.target) = (rolled, phase, Some(target));
    }

    /// Stops the service of a node as the role does.
    pub(crate) fn stop(&self, target: usize) {
        let mut scene = self.scene();
        let is_up = matches!(scene.plant.hosts[target].service, Service::Up(_));
        if is_up {
            scene.judge(target, false);
        }
        let is_clean = !scene.take_trouble(Trouble::UncleanStop);
        scene.plant.stop(target, is_clean, true);
    }

    /// Starts the service of a node as the role does.
    pub(crate) fn start(&self, target: usize) {
        let mut scene = self.scene();
        if scene.plant.start(target) {
            let id = scene.plant.hosts[target].id.clone();
            scene.violate(Invariant::I7, format!("{id} was started on another disk"));
        }
    }

    /// A gate's source.
    pub(crate) fn source(self: &Arc<Self>, target: usize, phase: safety::Phase) -> Box<dyn Source> {
        Box::new(Sight { stage: Arc::clone(self), target, phase })
    }

    /// What is known of who leads.
    pub(crate) fn standings(&self) -> ClusterView {
        let mut scene = self.scene();
        let Scene { plant, cluster, .. } = &mut *scene;
        cluster.standings(plant)
    }
}

/// What a gate looks at.
struct Sight {
    stage: Arc<Stage>,
    target: usize,
    phase: safety::Phase,
}

impl Source for Sight {
    fn look(&self, _: &dyn Clock) -> Vec<Finding> {
        let mut scene = self.stage.scene();
        let Self { target, phase, .. } = *self;
        let wrong = scene.wrong(target, phase == safety::Phase::Mid);
        scene.looked = Some(Looked { target, phase, at: scene.plant.now, wrong });
        let Scene { plant, cluster, .. } = &mut *scene;
        cluster.judge(plant, target, phase)
    }
}

impl Scene {
    pub(crate) fn violate(&mut self, invariant: Invariant, how: String) {
        let when = self.plant.now;
        if !self.violations.iter().any(|(known, _)| *known == invariant) {
            self.violations.push((invariant, format!("at {when:.0} s: {how}")));
        }
    }

    /// What is wrong in truth if a node is stopped now, or its machine given up.
    fn wrong(&self, target: usize, is_stopped: bool) -> Vec<(Invariant, String)> {
        let id = &self.plant.hosts[target].id;
        let doing = if is_stopped { "was recycled" } else { "was stopped" };
        let mut wrong = Vec::new();
        let others = self.plant.hosts.iter().enumerate().filter(|(host, _)| *host != target);
        let down = others.filter(|(host, _)| !self.plant.is_up(*host)).map(|(_, it)| &*it.id);
        let down: Vec<&str> = down.collect();
        if !down.is_empty() {
            wrong.push((Invariant::I4, format!("{id} {doing} while {down:?} were down")));
        }
        if let Err(why) = self.cluster.keeps_quorum(&self.plant, target) {
            wrong.push((Invariant::I5, format!("{id} {doing}, but {why}")));
        }
        if let Err(why) = self.cluster.lets_go(&self.plant, target, is_stopped) {
            wrong.push((Invariant::I6, format!("{id} {doing}, but {why}")));
        }
        wrong
    }

    /// A node is stopped, or its machine given up. What is wrong then is a violation unless it was well when the gate before was
    /// looked at last, and that is not long ago.
    fn judge(&mut self, target: usize, is_stopped: bool) {
        let before = if is_stopped { safety::Phase::Mid } else { safety::Phase::Pre };
        for (invariant, how) in self.wrong(target, is_stopped) {
            let looked =
                self.looked.as_ref().filter(|it| (it.target, it.phase) == (target, before));
            let fresh = FRESH[usize::from(is_stopped)];
            let is_fresh = looked.is_some_and(|it| self.plant.now - it.at <= fresh);
            let was_wrong = looked.is_none_or(|it| it.wrong.iter().any(|it| it.0 == invariant));
            if is_fresh && !was_wrong {
                self.unforeseen += 1;
                continue;
            }
            let age = looked.map(|it| self.plant.now - it.at);
            self.violate(invariant, format!("{how} (seconds since the gate: {age:?})"));
        }
    }

    /// Recycles that were accepted since the last look. No time has passed in the cluster since.
    fn judge_recycles(&mut self, sim: &Server, state: &Value) {
        let accepted = state["accepted"].as_array().cloned().unwrap_or_default();
        for one in accepted.iter().skip(self.accepted) {
            if one["action"] != "recycle" || one["cause"] != "api" {
                continue;
            }
            let id = one["statefulInstanceId"].as_str().unwrap_or_default();
            let target = self.plant.host(id);
            self.judge(target, true);
            let twists = [
                (Trouble::OtherZone, "other_zone"),
                (Trouble::LostVolumes, "lost_volumes"),
                (Trouble::OtherAddress, "other_address"),
            ];
            for (trouble, twist) in twists {
                if self.take_trouble(trouble) {
                    let fault =
                        json!({"kind": "relaunch", "twist": twist, "count": 1, "target": id});
                    sim.control("POST", "/_sim/faults", fault);
                }
            }
        }
        self.accepted = accepted.len();
    }

    fn take_trouble(&mut self, trouble: Trouble) -> bool {
        let at = self.troubles.iter().position(|one| *one == trouble);
        at.map(|at| self.troubles.remove(at)).is_some()
    }

    fn take_in(&mut self, seen: Seen) {
        match seen {
            Seen::Gone(host) if self.target != Some(host) => self.excuse(),
            Seen::Gone(_) => {}
            Seen::Came(host) => {
                let is_rolled = self.target == Some(host) && self.plant.hosts[host].is_held;
                if is_rolled && self.take_trouble(Trouble::BlankDisk) {
                    self.plant.blank(host);
                }
                if is_rolled && self.take_trouble(Trouble::SlowBoot) {
                    self.plant.hosts[host].boots = 300.0;
                }
                if is_rolled && self.take_trouble(Trouble::CrashLoop) {
                    self.plant.hosts[host].crashes = true;
                }
                // Nobody keeps it from starting by itself.
                if !self.plant.hosts[host].is_held {
                    self.plant.start(host);
                }
            }
        }
    }

    fn excuse(&mut self) {
        self.excused_until = self.excused_until.max(self.plant.now + AFTERMATH);
    }

    fn whom(&self, whom: Whom, target: usize) -> usize {
        let group = self.plant.hosts.iter().filter(|host| host.id.starts_with("ssi")).count();
        match whom {
            Whom::Target => target,
            Whom::Other(n) => (target + n) % group,
        }
    }

    /// What is due goes wrong, and what has lasted long enough is over.
    fn befall(&mut self, sim: &Server) {
        let Some(target) = self.target else { return };
        for at in 0..self.mishaps.len() {
            let (planned, stand) = self.mishaps[at].clone();
            let now = self.plant.now;
            let has_come = (self.rolled, self.phase) >= (planned.after, planned.phase);
            let stand = match stand {
                Stand::Waiting if has_come => Stand::Due(now + planned.delay),
                Stand::Due(due) if due <= now => {
                    let whom = self.begin(sim, &planned.mishap, target);
                    Stand::On(now + planned.lasts, whom)
                }
                Stand::On(until, whom) if until <= now => {
                    self.end(&planned.mishap, whom);
                    Stand::Over
                }
                Stand::On(..) => {
                    self.excuse();
                    stand
                }
                Stand::Waiting | Stand::Due(_) | Stand::Over => stand,
            };
            self.mishaps[at].1 = stand;
        }
    }

    fn begin(&mut self, sim: &Server, mishap: &Mishap, target: usize) -> usize {
        self.excuse();
        match mishap {
            Mishap::Cluster(make, whom) => {
                let host = self.whom(*whom, target);
                self.cluster.afflict(&mut self.plant, make(host));
                host
            }
            Mishap::Next(trouble) => {
                self.troubles.push(*trouble);
                target
            }
            Mishap::Interrupted(whom) => {
                let host = self.whom(*whom, target);
                let id = self.plant.hosts[host].id.clone();
                // Refused if something is under way there.
                sim.control("POST", "/_sim/interrupt", json!({"instanceId": id}));
                host
            }
            Mishap::Killed(whom) => {
                let host = self.whom(*whom, target);
                if !self.plant.hosts[host].is_held {
                    self.plant.stop(host, false, false);
                }
                host
            }
            Mishap::Platform(fault) => {
                let answer = sim.control("POST", "/_sim/faults", fault.clone());
                assert!(answer["error"].is_null(), "{fault}: {answer}");
                target
            }
        }
    }

    fn end(&mut self, mishap: &Mishap, host: usize) {
        self.excuse();
        match mishap {
            Mishap::Cluster(make, _) => self.cluster.cure(&mut self.plant, make(host)),
            Mishap::Killed(_) if !self.plant.hosts[host].is_held => drop(self.plant.start(host)),
            Mishap::Next(_) | Mishap::Interrupted(_) | Mishap::Killed(_) | Mishap::Platform(_) => {}
        }
    }

    /// What holds at every moment.
    fn watch(&mut self, span: f64) {
        if let Some(lost) = self.cluster.lost(&self.plant) {
            self.violate(Invariant::I1, lost);
        }
        let others = (0..self.plant.hosts.len()).filter(|host| Some(*host) != self.target);
        if others.into_iter().any(|host| !self.plant.is_up(host)) {
            self.excuse();
        }
        // What went wrong behind a gate's back is for the next one to find, and nobody asks it.
        if self.is_deserted && self.unforeseen > 0 {
            self.excuse();
        }
        let stalled = self.cluster.takes_writes(&self.plant).err();
        let is_excused = self.plant.now < self.excused_until;
        self.stalled = if stalled.is_some() && !is_excused { self.stalled + span } else { 0.0 };
        if self.stalled > self.cluster.longest_stall() {
            let what = stalled.unwrap_or_default();
            self.violate(Invariant::I3, format!("{what} has taken no write for too long"));
        }
    }

    /// Those of the mishaps that have happened.
    pub(crate) fn struck(&self) -> Vec<Planned> {
        let has_struck = |stand: &Stand| matches!(stand, Stand::On(..) | Stand::Over);
        let all = self.mishaps.iter().filter(|(_, stand)| has_struck(stand));
        all.map(|(planned, _)| planned.clone()).collect()
    }

    /// A person sees to everything: what ails is over, what is down is started, what lost its disk last.
    pub(crate) fn mend(&mut self, is_last: bool) {
        for at in 0..self.mishaps.len() {
            if let (planned, Stand::On(_, whom)) = self.mishaps[at].clone() {
                self.end(&planned.mishap, whom);
            }
            self.mishaps[at].1 = Stand::Over;
        }
        self.troubles.clear();
        for host in 0..self.plant.hosts.len() {
            let it = &mut self.plant.hosts[host];
            (it.crashes, it.boots) = (false, 12.0);
            if is_last || it.disk == it.ran_on {
                self.plant.start(host);
            }
        }
    }
}
