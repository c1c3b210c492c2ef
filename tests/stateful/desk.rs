//! One clock for us and the simulator, and the simulator's truth.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde_json::{Value, json};
use spot_sim::{Fleet, Server};
use spotinst_esg::domain::{
    AccountId, Clock, GroupId, InstanceId, ManagedInstanceId, StatefulAction, StatefulInstanceId,
    StatefulTarget,
};
use spotinst_esg::drive::Progress;
use spotinst_esg::drive::stateful::{ActError, Actor, Carried, Failed, Job, Records};
use spotinst_esg::plan::stateful::{Expectations, Settled, Step};
use spotinst_esg::spot::{Client, ClientConfig, Endpoint, Pacing};

use super::direct::Direct;

const START: &str = "2026-11-20T12:00:00Z";

/// Three brokers and a managed instance; `{head}` is put in front.
const FLEET: &str = "
tokens: [{token: a-token-that-is-secret}]
accounts: [{id: act-1, name: one}]
limits: {default: 100000}
groups:
  - {name: kafka, id: sig-1, region: eu-west-1, image: ami-2, persistence: {data: reattach, private_ip: true},
     zones: [{name: eu-west-1a}, {name: eu-west-1b}], volumes: [{device: /dev/xvdb}], created_at: '2026-11-01T00:00:00Z',
     stateful: [{id: ssi-1, instance_id: i-1, image: ami-1, launched_at: '2026-11-10T00:00:00Z'}, {id: ssi-2, instance_id: i-2}, {id: ssi-3, state: PAUSED}]}
managed_instances: [{name: one, id: smi-1, region: eu-west-1, instance_id: i-smi}]
";

/// Time that passes by sleeping only, here and in the simulator.
pub(crate) struct Hand {
    slept: Mutex<Duration>,
    /// What the simulator is told in the middle of the next pause of half a minute or more.
    pub(crate) meanwhile: Mutex<Option<(&'static str, Value)>>,
    /// What it is told once so much time has passed.
    pub(crate) later: Mutex<Option<(Duration, &'static str, Value)>>,
    sim: Arc<Server>,
}

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        START.parse::<Timestamp>().unwrap() + SignedDuration::try_from(self.monotonic()).unwrap()
    }

    fn monotonic(&self) -> Duration {
        *self.slept.lock().unwrap()
    }

    fn sleep(&self, duration: Duration) {
        *self.slept.lock().unwrap() += duration;
        if duration >= Duration::from_secs(30)
            && let Some((path, body)) = self.meanwhile.lock().unwrap().take()
        {
            self.sim.control("POST", path, body);
        }
        self.sim.control("POST", "/_sim/advance", json!({"seconds": duration.as_secs_f64()}));
        let now = self.monotonic();
        let due = self.later.lock().unwrap().take_if(|(at, ..)| *at <= now);
        if let Some((_, path, body)) = due {
            self.sim.control("POST", path, body);
        }
    }
}

/// The simulator, a client of it, and what was said.
pub(crate) struct Desk {
    pub(crate) sim: Arc<Server>,
    pub(crate) clock: Arc<Hand>,
    pub(crate) client: Client,
    pub(crate) said: Mutex<Vec<String>>,
    /// Where what a machine had is written down.
    pub(crate) folder: tempfile::TempDir,
}

/// How an attempt ended that changed nothing, or what came of it.
pub(crate) type Ran = Result<Ended, Box<Failed>>;

#[derive(Debug)]
pub(crate) enum Ended {
    Carried(Box<Carried>),
    Nothing(Settled),
}

impl Ended {
    pub(crate) fn carried(self) -> Carried {
        match self {
            Self::Carried(carried) => *carried,
            Self::Nothing(settled) => panic!("nothing done: {settled}"),
        }
    }
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self::with("")
    }

    /// The fleet with more of the simulator's settings.
    pub(crate) fn with(head: &str) -> Self {
        let clock = format!("clock: {{mode: virtual, start: '{START}'}}");
        let fleet = Fleet::from_yaml(&format!("{clock}\n{head}\n{FLEET}")).unwrap();
        let sim = Arc::new(Server::start(fleet).unwrap());
        let clock = Arc::new(Hand {
            slept: Mutex::default(),
            meanwhile: Mutex::default(),
            later: Mutex::default(),
            sim: Arc::clone(&sim),
        });
        let endpoint = Endpoint::parse(&sim.url(), false).unwrap();
        let token = SecretString::from("a-token-that-is-secret".to_owned());
        let time = Arc::clone(&clock) as Arc<dyn Clock>;
        let mut config = ClientConfig::new(endpoint, token, time, Pacing::in_memory());
        config.reads_at_once = false;
        config.carrier = Some(Arc::new(Direct(Arc::clone(&sim))));
        let folder = tempfile::tempdir().unwrap();
        Self { client: Client::new(config).unwrap(), clock, sim, said: Mutex::default(), folder }
    }

    pub(crate) fn fault(&self, fault: Value) {
        let answer = self.sim.control("POST", "/_sim/faults", fault);
        assert!(answer["error"].is_null(), "{answer}");
    }

    pub(crate) fn edit(&self, instance: &str, set: Value) {
        let edit = json!({"instance": instance, "set": set});
        let answer = self.sim.control("POST", "/_sim/edit", edit);
        assert!(answer["error"].is_null(), "{answer}");
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.clock.sleep(Duration::from_secs(seconds));
    }

    /// Looks, decides and carries out, as the module does.
    pub(crate) fn run(&self, job: &Job) -> Ran {
        self.try_run(job).unwrap()
    }

    /// The same; nothing if not even the first look succeeds.
    pub(crate) fn try_run(&self, job: &Job) -> Option<Ran> {
        let clock: &dyn Clock = &*self.clock;
        let say = |line: &str| self.said.lock().unwrap().push(line.to_owned());
        let progress = Progress::new(clock, &say);
        let actor = Actor { client: &self.client, clock, progress: &progress, permit: None };
        let records = Records::beside(self.folder.path());
        let mut sight = actor.look(job, Some(&records)).ok()?;
        if let Some(expected) = &job.expectations.instance_id {
            sight.known_before = records.of(&job.target, expected).unwrap();
        }
        Some(match job.decide(&sight) {
            Ok(Step::Act { before }) => {
                let keep =
                    || records.keep(&job.target, &before, clock.now()).map_err(|e| e.to_string());
                Actor { permit: Some(&keep), ..actor }
                    .act(job, &sight, (*before).clone())
                    .map(carried)
            }
            Ok(Step::Join { before }) => actor.follow(job, &sight, *before).map(carried),
            Ok(Step::Nothing(settled)) => Ok(Ended::Nothing(settled)),
            Err(error) => Err(refused(error)),
        })
    }

    /// Paths of all requests that could change something, answered or not.
    pub(crate) fn mutations(&self) -> Vec<String> {
        let requests = self.sim.requests().into_iter().filter(|request| request.method != "GET");
        requests.map(|request| request.path).collect()
    }

    /// The simulator's own view of a stateful instance.
    pub(crate) fn truth(&self, id: &str) -> Value {
        let state = self.sim.control("GET", "/_sim/state", Value::Null);
        let groups = state["groups"].as_array().unwrap().clone();
        let mut all =
            groups.iter().flat_map(|group| group["statefulInstances"].as_array().unwrap());
        all.find(|instance| instance["id"] == id).cloned().unwrap_or_default()
    }

    /// Machines that were terminated so far.
    pub(crate) fn terminated(&self) -> Vec<Value> {
        let state = self.sim.control("GET", "/_sim/state", Value::Null);
        state["terminatedInstances"].as_array().unwrap().clone()
    }
}

fn carried(carried: Carried) -> Ended {
    Ended::Carried(Box::new(carried))
}

fn refused(error: ActError) -> Box<Failed> {
    let (phases, checks, log) = (Vec::new(), Vec::new(), Vec::new());
    let (before, last, warnings) = (None, None, Vec::new());
    Box::new(Failed { error, before, last, phases, checks, log, sent: 0, warnings })
}

pub(crate) fn job(id: &str, action: StatefulAction) -> Job {
    let target = match id.strip_prefix("smi-") {
        Some(_) => StatefulTarget::Managed(ManagedInstanceId::new(id)),
        None => StatefulTarget::Grouped {
            group: GroupId::new("sig-1"),
            id: StatefulInstanceId::new(id),
        },
    };
    Job {
        account: AccountId::new("act-1"),
        target,
        action,
        expectations: Expectations::default(),
        wait: true,
        wait_timeout: Duration::from_secs(1800),
        earlier: Vec::new(),
    }
}

/// A recycle of `ssi-1` that names the instance it expects.
pub(crate) fn recycle() -> Job {
    expecting(job("ssi-1", StatefulAction::Recycle), "i-1")
}

pub(crate) fn expecting(mut job: Job, id: &str) -> Job {
    job.expectations.instance_id = Some(InstanceId::new(id));
    job
}
