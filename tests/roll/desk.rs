//! A cluster in the simulator, a driver that rolls it as the role does, and the simulator's truth.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde_json::{Value, json};
use spot_sim::{Fleet, Request, Server};
use spotinst_esg::domain::{AccountId, Clock, GroupId, ImageId, MachineImage, StatefulInstanceId};
use spotinst_esg::drive::Progress;
use spotinst_esg::drive::roll::{Beginning, Journal, RollError, Roller, Runs, Start, survey};
use spotinst_esg::plan::roll::{
    Draft, Holder, ImageSight, Liveness, MidGate, Opening, Outcome, Past, Phase, SUSPENDED, Target,
    Wanted, Wish, draft,
};
use spotinst_esg::plan::stateful::Expectations;
use spotinst_esg::spot::{Client, ClientConfig, Endpoint, Pacing};
use tempfile::TempDir;

use super::direct::Direct;

const START: &str = "2026-11-20T12:00:00Z";
const PATIENCE: Duration = Duration::from_secs(900);

/// What else lives in the same time hears of it at least this often.
const SLICE: Duration = Duration::from_secs(5);

/// What a killed program dies of.
pub(crate) struct Killed;

/// Where a program stands still, as by a signal, until it is let go on.
pub(crate) struct Halt {
    /// At which reading.
    pub(crate) at: u64,
    /// Hears of it when it does.
    pub(crate) halted: Sender<()>,
    /// Lets it go on.
    pub(crate) go_on: Receiver<()>,
}

/// Time that passes by sleeping only, here and in the simulator, and that may kill who reads it.
pub(crate) struct Hand {
    slept: Mutex<Duration>,
    sim: Arc<Server>,
    /// How often it was read or slept by.
    pub(crate) readings: AtomicU64,
    /// The reading that kills; none if zero.
    pub(crate) deadly: AtomicU64,
    /// How far it is ahead of the simulator's, in seconds.
    pub(crate) ahead: AtomicI64,
    /// Where its reader stands still, if anywhere.
    pub(crate) halt: Mutex<Option<Halt>>,
    /// What else lives in this time, and is told how much of it has passed.
    pub(crate) passed: OnceLock<Passed>,
}

/// Told how much time has passed.
type Passed = Box<dyn Fn(Duration) + Send + Sync>;

impl Hand {
    fn count(&self) {
        let reading = self.readings.fetch_add(1, Ordering::Relaxed) + 1;
        if reading == self.deadly.load(Ordering::Relaxed) {
            panic_any(Killed);
        }
        let halt = {
            let mut halt = self.halt.lock().unwrap();
            if halt.as_ref().is_some_and(|halt| halt.at == reading) { halt.take() } else { None }
        };
        if let Some(Halt { halted, go_on, .. }) = halt {
            halted.send(()).unwrap();
            go_on.recv().unwrap();
        }
    }
}

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        self.count();
        let passed = SignedDuration::try_from(*self.slept.lock().unwrap()).unwrap();
        let ahead = SignedDuration::from_secs(self.ahead.load(Ordering::Relaxed));
        START.parse::<Timestamp>().unwrap() + passed + ahead
    }

    fn monotonic(&self) -> Duration {
        *self.slept.lock().unwrap()
    }

    fn sleep(&self, duration: Duration) {
        self.count();
        let mut left = duration;
        loop {
            let slice = if self.passed.get().is_some() { left.min(SLICE) } else { left };
            left -= slice;
            *self.slept.lock().unwrap() += slice;
            self.sim.control("POST", "/_sim/advance", json!({"seconds": slice.as_secs_f64()}));
            if let Some(passed) = self.passed.get() {
                passed(slice);
            }
            if left.is_zero() {
                return;
            }
        }
    }
}

/// The simulator, a client of it, and what was seen of the truth.
pub(crate) struct Desk {
    pub(crate) sim: Arc<Server>,
    pub(crate) clock: Arc<Hand>,
    pub(crate) client: Client,
    _folder: TempDir,
    pub(crate) runs: Runs,
    pub(crate) said: Mutex<Vec<String>>,
    /// Settings as they were before.
    pub(crate) before: Value,
    /// The volumes of each node as they were before.
    pub(crate) volumes: BTreeMap<String, Vec<String>>,
}

/// In memory where there is such a place: each line of a journal is brought to the disk, which takes longer than all the rest.
fn folder() -> TempDir {
    TempDir::new_in("/dev/shm").or_else(|_| TempDir::new()).unwrap()
}

/// Fleet of one group with so many brokers; `head` is put in front, `group` into the group.
pub(crate) fn fleet(nodes: usize, head: &str, group: &str) -> String {
    let zones = ["a", "b", "c"];
    let stateful: Vec<String> = (1..=nodes)
        .map(|n| {
            format!(
                "{{id: ssi-{n}, instance_id: i-{n}, zone: eu-west-1{}}}",
                zones[n % zones.len()]
            )
        })
        .collect();
    format!(
        "clock: {{mode: virtual, start: '{START}'}}
{head}
tokens: [{{token: a-token-that-is-secret}}]
accounts: [{{id: act-1, name: one}}]
limits: {{default: 1000000}}
groups:
  - {{name: kafka, id: sig-1, region: eu-west-1, image: ami-1, persistence: {{data: reattach, private_ip: true}},
     zones: [{{name: eu-west-1a}}, {{name: eu-west-1b}}, {{name: eu-west-1c}}], volumes: [{{device: /dev/xvdb}}],
     created_at: '2026-11-01T00:00:00Z', {group}
     stateful: [{}]}}
",
        stateful.join(", ")
    )
}

impl Desk {
    pub(crate) fn new(nodes: usize) -> Self {
        Self::with(&fleet(nodes, "", ""))
    }

    pub(crate) fn with(fleet: &str) -> Self {
        quiet_kills();
        let fleet = Fleet::from_yaml(fleet).unwrap_or_else(|error| panic!("{error}\n{fleet}"));
        let sim = Arc::new(Server::start(fleet).unwrap());
        let clock = Arc::new(Hand {
            slept: Mutex::default(),
            sim: Arc::clone(&sim),
            readings: AtomicU64::new(0),
            deadly: AtomicU64::new(0),
            ahead: AtomicI64::new(0),
            halt: Mutex::default(),
            passed: OnceLock::new(),
        });
        let endpoint = Endpoint::parse(&sim.url(), false).unwrap();
        let token = SecretString::from("a-token-that-is-secret".to_owned());
        let time = Arc::clone(&clock) as Arc<dyn Clock>;
        let mut config = ClientConfig::new(endpoint, token, time, Pacing::in_memory());
        config.reads_at_once = false;
        config.carrier = Some(Arc::new(Direct(Arc::clone(&sim))));
        let client = Client::new(config).unwrap();
        let folder = folder();
        let runs = Runs::new(folder.path().join("runs"));
        let (said, before) = (Mutex::default(), Value::Null);
        let mut desk = Self {
            sim,
            clock,
            client,
            _folder: folder,
            runs,
            said,
            before,
            volumes: BTreeMap::new(),
        };
        desk.before = desk.settings();
        desk.volumes = desk.volumes();
        desk
    }

    pub(crate) fn fault(&self, fault: Value) {
        let answer = self.sim.control("POST", "/_sim/faults", fault.clone());
        assert!(answer["error"].is_null(), "{fault}: {answer}");
    }

    pub(crate) fn edit(&self, edit: Value) {
        let answer = self.sim.control("POST", "/_sim/edit", edit.clone());
        assert!(answer["error"].is_null(), "{edit}: {answer}");
    }

    pub(crate) fn state(&self) -> Value {
        self.sim.control("GET", "/_sim/state", Value::Null)
    }

    /// What a roll may change of the group and must put back.
    pub(crate) fn settings(&self) -> Value {
        let group = &self.state()["groups"][0];
        let config = &group["config"];
        json!({
            "image": config["compute"]["launchSpecification"]["imageId"],
            "persistence": config["strategy"]["persistence"],
            "suspensions": group["suspensions"],
        })
    }

    fn volumes(&self) -> BTreeMap<String, Vec<String>> {
        let state = self.state();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let volumes = |it: &Value| {
            it["devices"].as_array().unwrap().iter().map(|it| text(&it["volume"])).collect()
        };
        let nodes = state["groups"][0]["statefulInstances"].as_array().unwrap().iter();
        nodes.map(|it| (text(&it["id"]), volumes(it))).collect()
    }

    /// What each node runs as, and its image.
    pub(crate) fn nodes(&self) -> Vec<(String, String, String, String)> {
        let state = self.state();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let node = |it: &Value| {
            (text(&it["id"]), text(&it["state"]), text(&it["instanceId"]), text(&it["imageId"]))
        };
        state["groups"][0]["statefulInstances"].as_array().unwrap().iter().map(node).collect()
    }

    /// How many requests could have changed something.
    pub(crate) fn mutations(&self) -> usize {
        self.sim.requests().iter().filter(|request| request.method != "GET").count()
    }

    /// Machines that were terminated so far, for whatever reason.
    pub(crate) fn terminated(&self) -> Vec<String> {
        let state = self.state();
        let gone = state["terminatedInstances"].as_array().unwrap();
        let name = |it: &Value| {
            it.as_str().or_else(|| it["instanceId"].as_str()).unwrap_or_default().to_owned()
        };
        gone.iter().map(name).collect()
    }

    /// What was not true, by the simulator's own knowledge, at the instants at which machines were given up.
    pub(crate) fn violations(&self, image: Option<&str>) -> Vec<String> {
        let state = self.state();
        let mut wrong = Vec::new();
        let accepted = state["accepted"].as_array().unwrap();
        for one in accepted.iter().filter(|one| one["action"] == "recycle" && one["cause"] == "api")
        {
            let sight = &one["sight"];
            let node = one["statefulInstanceId"].as_str().unwrap();
            let mut note = |what: String| wrong.push(format!("when {node} was recycled, {what}"));
            for (id, state) in sight["states"].as_object().unwrap() {
                if state != "ACTIVE" && id != node {
                    note(format!("{id} was {state}"));
                }
            }
            for (id, volumes) in sight["volumes"].as_object().unwrap() {
                if self.volumes.get(id).is_some_and(|before| json!(before) != *volumes) {
                    note(format!("{id} had the volumes {volumes}, and not those of before"));
                }
            }
            if sight["autoHealing"] == false {
                note("the group did not heal its machines".to_owned());
            }
            let suspended = sight["suspended"].as_array().unwrap();
            for process in &SUSPENDED {
                if !suspended.contains(&json!(process.as_str())) {
                    note(format!("{process} was not suspended"));
                }
            }
            if let Some(image) = image {
                if sight["imageId"] != image {
                    note(format!("the image was {}", sight["imageId"]));
                }
                if sight["persistence"]["shouldPersistRootDevice"] == true {
                    note("the root was persisted".to_owned());
                }
            }
            if sight["deploymentRuns"] == true {
                note("a deployment ran".to_owned());
            }
        }
        wrong
    }
}

/// How a driver's run ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// Nothing was to be done.
    Nothing,
    /// It came to its end, with the error that ended it early.
    Run(String, Outcome, Option<RollError>),
    /// It was refused before anything was done.
    Refused(RollError),
    /// It could not even end the run.
    Unfinished(RollError),
    /// It was killed.
    Killed,
}

impl Ended {
    pub(crate) fn outcome(&self) -> Option<Outcome> {
        match self {
            Self::Run(_, outcome, _) => Some(*outcome),
            _ => None,
        }
    }

    pub(crate) fn completed(self) -> String {
        match self {
            Self::Run(id, Outcome::Completed, None) => id,
            other => panic!("{other:?}"),
        }
    }
}

/// Something that happens before a step: node and phase.
type BeforeStep = dyn Fn(&Desk, &str, Phase);

/// A driver: one process that rolls the group as the role does.
pub(crate) struct Driver {
    pub(crate) me: Holder,
    pub(crate) wanted: Wanted,
    pub(crate) wish: Wish,
    pub(crate) liveness: fn(&Holder) -> Liveness,
    pub(crate) system: String,
    pub(crate) wait_timeout: Duration,
    /// Whether its gates are looked at, and pass.
    pub(crate) looks_at_gates: bool,
    /// Whether a gate before each node's stop is looked at, too.
    pub(crate) looks_before: bool,
    /// Where its journals are, if not where the desk's are.
    pub(crate) elsewhere: Option<Runs>,
    pub(crate) suspend_minutes: u32,
    /// Called before each step: node and phase.
    pub(crate) before_step: Box<BeforeStep>,
}

pub(crate) fn holder(pid: u32) -> Holder {
    Holder { host: "control".to_owned(), boot: None, pid: Some(pid), started: None, among: None }
}

/// Odd processes live, even ones are dead.
fn by_parity(holder: &Holder) -> Liveness {
    if holder.pid.unwrap_or_default() % 2 == 1 { Liveness::Alive } else { Liveness::Dead }
}

impl Driver {
    pub(crate) fn new(pid: u32) -> Self {
        Self {
            me: holder(pid),
            wanted: Wanted::Image { id: ImageId::new("ami-2") },
            wish: Wish::default(),
            liveness: by_parity,
            system: "kafka".to_owned(),
            wait_timeout: Duration::from_secs(1200),
            looks_at_gates: true,
            looks_before: false,
            elsewhere: None,
            suspend_minutes: 60,
            before_step: Box::new(|_, _, _| {}),
        }
    }

    fn target(&self, configured: Option<ImageId>) -> Target {
        let image_id = match &self.wanted {
            Wanted::Image { id } => Some(id.clone()),
            _ => configured,
        };
        Target { wanted: self.wanted.clone(), image_id }
    }

    /// Rolls; a kill ends it wherever it is.
    pub(crate) fn roll(&self, desk: &Desk) -> Ended {
        let rolled = catch_unwind(AssertUnwindSafe(|| self.try_roll(desk)));
        match rolled {
            Ok(ended) => ended,
            Err(payload) if payload.is::<Killed>() => Ended::Killed,
            Err(payload) => std::panic::resume_unwind(payload),
        }
    }

    pub(crate) fn plan(
        &self,
        desk: &Desk,
    ) -> Result<(Draft, spotinst_esg::plan::roll::Survey), RollError> {
        let (account, group) = (AccountId::new("act-1"), GroupId::new("sig-1"));
        let seen = survey(&desk.client, &account, &group)?;
        let target = self.target(seen.group.image_id.clone());
        let known = |id: &str| MachineImage {
            id: ImageId::new(id),
            name: None,
            architecture: Some("arm64".to_owned()),
            state: Some("available".to_owned()),
            created_at: None,
            root: None,
        };
        let sight = ImageSight::Seen { image: known("ami-2"), present: vec![known("ami-1")] };
        let past = Past::of(&self.runs(desk).all()?.runs, &group, &self.system);
        Ok((draft(&seen, target, &sight, &self.wish, &past, None), seen))
    }

    fn runs<'a>(&'a self, desk: &'a Desk) -> &'a Runs {
        self.elsewhere.as_ref().unwrap_or(&desk.runs)
    }

    pub(crate) fn start(&self, desk: &Desk) -> Start {
        Start {
            run_id: format!("run-{:05}", desk.clock.readings.load(Ordering::Relaxed)),
            account: AccountId::new("act-1"),
            system: self.system.clone(),
            suspend_minutes: self.suspend_minutes,
            revert_image_on_abort: true,
            mid_gate: MidGate::Required,
            options: [("system".to_owned(), json!(self.system))].into(),
        }
    }

    fn try_roll(&self, desk: &Desk) -> Ended {
        let clock: &dyn Clock = &*desk.clock;
        let say = |line: &str| desk.said.lock().unwrap().push(line.to_owned());
        let progress = Progress::new(clock, &say);
        let roller = Roller {
            client: &desk.client,
            clock,
            progress: &progress,
            runs: self.runs(desk),
            me: &self.me,
            liveness: self.liveness,
            cluster: None,
        };
        let mut journal = loop {
            let (draft, seen) = match self.plan(desk) {
                Ok(planned) => planned,
                Err(error) => return Ended::Refused(error),
            };
            let journals = self.runs(desk).all().unwrap();
            let opening = match roller.would_open(journals, &seen.group.id, &self.system, &draft) {
                Ok(opening) => opening,
                Err(taken) => return Ended::Refused(RollError::Taken(taken)),
            };
            if opening == Opening::Begin && draft.is_idle() && draft.blockers().is_empty() {
                return Ended::Nothing;
            }
            match roller.begin(&self.start(desk), &draft, &seen) {
                Ok(Beginning::Begun(begun)) => break begun.journal,
                Ok(Beginning::PutBack(_)) => {}
                Err(error) => return Ended::Refused(*error.error),
            }
        };
        let error = self.nodes(desk, &roller, &mut journal).err();
        let reason = error.as_ref().map(ToString::to_string);
        let id = journal.run().id().to_owned();
        // As the next task of a play would, in a process of its own.
        let ended = roller.take_up(&id).and_then(|mut journal| roller.finish(&mut journal, reason));
        match ended {
            Ok(outcome) => Ended::Run(id, outcome, error),
            Err(error) => Ended::Unfinished(error),
        }
    }

    fn nodes(
        &self,
        desk: &Desk,
        roller: &Roller<'_>,
        journal: &mut Journal,
    ) -> Result<(), RollError> {
        let left = |node: &&spotinst_esg::plan::roll::NodeRun| node.phase != Phase::Done;
        let nodes: Vec<_> = journal.run().nodes.iter().filter(left).cloned().collect();
        for node in nodes {
            let id = &node.planned.id;
            let from = node.taken_up_at();
            for phase in
                Phase::ALL.into_iter().filter(|phase| *phase >= from && *phase > Phase::Planned)
            {
                (self.before_step)(desk, id.as_str(), phase);
                // Each task of a play reads the journal anew.
                *journal = roller.take_up(journal.run().id())?;
                self.step(roller, journal, id, phase)?;
            }
        }
        Ok(())
    }

    fn step(
        &self,
        roller: &Roller<'_>,
        journal: &mut Journal,
        id: &StatefulInstanceId,
        phase: Phase,
    ) -> Result<(), RollError> {
        if phase == Phase::Recycling {
            let seen = roller.survey(journal.run())?;
            return roller
                .recycle(journal, id, &Expectations::default(), self.wait_timeout, seen)
                .map(drop);
        }
        roller.advance(journal, id, phase, PATIENCE)?;
        let looks = match phase {
            Phase::PreGate => self.looks_before,
            phase => self.looks_at_gates && phase == Phase::MidGate,
        };
        if looks {
            roller.note_gate(journal, id, json!({"verdict": "pass"}))?;
        }
        Ok(())
    }
}

impl Desk {
    /// Suspends a process as a person would.
    pub(crate) fn suspend(&self, process: &str, minutes: Option<u32>) {
        let body = match minutes {
            Some(minutes) => json!({"suspensions": [{"name": process, "ttlInMinutes": minutes}]}),
            None => json!({"processes": [process]}),
        };
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let outcome = self.sim.handle(&Request {
            method: "POST".to_owned(),
            path: "/aws/ec2/group/sig-1/suspension".to_owned(),
            query: "accountId=act-1".to_owned(),
            headers: vec![
                header("authorization", "Bearer a-token-that-is-secret"),
                header("content-type", "application/json"),
            ],
            body: body.to_string().into_bytes(),
        });
        assert_eq!(outcome.status, 200, "{}", outcome.json());
    }
}

impl Desk {
    /// Lets time pass.
    pub(crate) fn advance(&self, seconds: u64) {
        self.clock.sleep(Duration::from_secs(seconds));
    }

    /// Does something as this driver's process.
    pub(crate) fn as_roller<T>(&self, driver: &Driver, act: impl FnOnce(&Roller<'_>) -> T) -> T {
        let clock: &dyn Clock = &*self.clock;
        let say = |line: &str| self.said.lock().unwrap().push(line.to_owned());
        let progress = Progress::new(clock, &say);
        act(&Roller {
            client: &self.client,
            clock,
            progress: &progress,
            runs: driver.runs(self),
            me: &driver.me,
            liveness: driver.liveness,
            cluster: None,
        })
    }
}

impl Desk {
    /// Sends a PUT without a body, as a person would who acts by hand.
    pub(crate) fn act(&self, path: &str) {
        let authorization =
            ("authorization".to_owned(), "Bearer a-token-that-is-secret".to_owned());
        let outcome = self.sim.handle(&Request {
            method: "PUT".to_owned(),
            path: path.to_owned(),
            query: "accountId=act-1".to_owned(),
            headers: vec![authorization],
            body: Vec::new(),
        });
        assert_eq!(outcome.status, 200, "{}", outcome.json());
    }
}

/// A kill is no failure that anybody wants to read of.
fn quiet_kills() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !info.payload().is::<Killed>() {
                usual(info);
            }
        }));
    });
}
