//! A launch that is killed at each of its writes and calls, and run again: against a cloud in memory, so that every moment can be
//! tried, and every two.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use jiff::Timestamp;
use spotinst_esg::domain::*;
use spotinst_esg::drive::launch::{
    Bare, Fleet, Fleets, Ground, Job, LaunchError, Launcher, Report,
};
use spotinst_esg::drive::market::Cloud;
use spotinst_esg::drive::{Ec2Error, Environment, Progress};
use spotinst_esg::plan::launch::{FLEET_TAG, Ladder, LadderSettings, Spread};
use spotinst_esg::plan::offers::{Offer, Score};

const WANTED: u32 = 3;
pub(crate) const ACCOUNT: &str = "123456789012";

type Told<T> = Result<T, Ec2Error>;

/// What a kill looks like from inside.
pub(crate) struct Killed;

/// A cloud, and time, that end the process at the n-th thing that happens.
pub(crate) struct Fake {
    /// By token, as EC2 knows repetitions.
    pub(crate) launched: Mutex<BTreeMap<String, Ec2Instance>>,
    pub(crate) gone: Mutex<BTreeSet<InstanceId>>,
    pub(crate) moments: Mutex<(usize, usize)>,
    seconds: Mutex<u64>,
    /// Whether the zone `a` has capacity for one only.
    is_short: bool,
    /// For so many seconds after a launch nothing is listed.
    late_s: u64,
    /// For so many seconds after a launch none is known that is to be terminated.
    unknown_s: u64,
    last_launch_s: Mutex<u64>,
    /// Which is taken back while the gate of a rebalance is watched.
    pub(crate) taken_at_gate: Mutex<Option<InstanceId>>,
    /// So many live after each end.
    pub(crate) floor: usize,
    /// Why what is launched in the zone `a` ends before it runs, if it does.
    pub(crate) falls: Option<&'static str>,
}

impl Fake {
    pub(crate) fn new(is_short: bool) -> Self {
        Self {
            launched: Mutex::default(),
            gone: Mutex::default(),
            moments: Mutex::new((0, 0)),
            seconds: Mutex::default(),
            is_short,
            late_s: 0,
            unknown_s: 0,
            last_launch_s: Mutex::default(),
            taken_at_gate: Mutex::default(),
            floor: 0,
            falls: None,
        }
    }

    pub(crate) fn kill_at(&self, moment: usize) {
        *self.moments.lock().unwrap() = (0, moment);
    }

    pub(crate) fn moment(&self) {
        let is_last = {
            let mut moments = self.moments.lock().unwrap();
            moments.0 += 1;
            moments.0 == moments.1
        };
        if is_last {
            std::panic::resume_unwind(Box::new(Killed));
        }
    }

    pub(crate) fn living(&self) -> Vec<Ec2Instance> {
        let gone = self.gone.lock().unwrap();
        let all = self.launched.lock().unwrap();
        all.values().filter(|it| !gone.contains(&it.id)).cloned().collect()
    }
}

impl Clock for Fake {
    fn now(&self) -> Timestamp {
        self.moment();
        Timestamp::UNIX_EPOCH
    }

    fn monotonic(&self) -> Duration {
        Duration::from_secs(*self.seconds.lock().unwrap())
    }

    fn sleep(&self, duration: Duration) {
        *self.seconds.lock().unwrap() += duration.as_secs().max(1);
    }
}

fn none<T>() -> Told<T> {
    Err(Ec2Error::Failed("a launch asks for nothing of this".to_owned()))
}

impl Cloud for Fake {
    fn account(&self) -> Told<String> {
        Ok(ACCOUNT.to_owned())
    }

    fn run_instance(&self, _: &Region, order: &LaunchOrder<'_>) -> Told<LaunchAnswer> {
        self.moment();
        let request_id = None;
        let full = self.living().iter().any(|it| it.availability_zone.as_deref() == Some("a"));
        let known = self.launched.lock().unwrap().get(order.token).cloned();
        if known.is_none() && self.is_short && order.zone == "a" && full {
            let code = "InsufficientInstanceCapacity".to_owned();
            return Ok(LaunchAnswer::Refused(Refusal { code, message: String::new(), request_id }));
        }
        let instance = known.unwrap_or_else(|| {
            let mut tags = order.blueprint.tags.clone();
            tags.extend(order.tags.clone());
            let mut all = self.launched.lock().unwrap();
            let made = instance(&format!("i-{}", all.len() + 1), order.zone, tags);
            all.insert(order.token.to_owned(), made.clone());
            *self.last_launch_s.lock().unwrap() = *self.seconds.lock().unwrap();
            if self.falls.is_some() && order.zone == "a" {
                self.gone.lock().unwrap().insert(made.id.clone());
            }
            made
        });
        self.moment();
        Ok(LaunchAnswer::Launched { instance: Box::new(instance), request_id })
    }

    fn tagged_instances(
        &self,
        _: &Region,
        tags: &BTreeMap<String, String>,
    ) -> Told<Vec<Ec2Instance>> {
        if *self.seconds.lock().unwrap() < *self.last_launch_s.lock().unwrap() + self.late_s {
            return Ok(Vec::new());
        }
        let fits =
            |it: &Ec2Instance| tags.iter().all(|(key, value)| it.tags.get(key) == Some(value));
        Ok(self.living().into_iter().filter(fits).collect())
    }

    fn instances(&self, _: &Region, ids: &[InstanceId]) -> Told<Vec<Ec2Instance>> {
        let gone = self.gone.lock().unwrap();
        let mut all: Vec<Ec2Instance> = self.launched.lock().unwrap().values().cloned().collect();
        all.retain(|it| ids.contains(&it.id));
        for it in all.iter_mut().filter(|it| gone.contains(&it.id)) {
            // EC2 takes the tags away after a while.
            (it.state, it.tags) = (Some("terminated".to_owned()), BTreeMap::new());
            let reason = |code: &str| StateReason { code: code.to_owned(), message: String::new() };
            it.state_reason = self.falls.map(reason);
        }
        Ok(all)
    }

    fn terminate_instances(&self, _: &Region, ids: &[InstanceId]) -> Told<Vec<InstanceId>> {
        self.moment();
        let now = *self.seconds.lock().unwrap();
        if now < *self.last_launch_s.lock().unwrap() + self.unknown_s {
            return Ok(ids.to_vec());
        }
        self.gone.lock().unwrap().extend(ids.iter().cloned());
        let left = self.living().len();
        assert!(left >= self.floor, "{left} live after {ids:?} are ended");
        self.moment();
        Ok(Vec::new())
    }

    fn rehearse_end(&self, _: &Region, _: &[InstanceId]) -> Told<()> {
        none()
    }
    fn machine_types(&self, _: &Region, _: &[String]) -> Told<Vec<MachineType>> {
        none()
    }
    fn spot_prices(&self, _: &Region, _: Timestamp) -> Told<Vec<SpotPrice>> {
        none()
    }
    fn on_demand_prices(&self, _: &Region) -> Told<BTreeMap<String, MicroUsd>> {
        none()
    }
    fn placement_scores(&self, _: &Region, _: &[String], _: u32) -> Told<BTreeMap<String, u8>> {
        none()
    }
    fn zones(&self, _: &Region) -> Told<BTreeMap<String, String>> {
        none()
    }
    fn parameter(&self, _: &Region, _: &str) -> Told<Option<String>> {
        none()
    }
    fn parameters_below(&self, _: &Region, _: &str) -> Told<Vec<Parameter>> {
        none()
    }
    fn put_parameter(&self, _: &Region, _: &str, _: &str) -> Told<()> {
        none()
    }
    fn delete_parameters(&self, _: &Region, _: &[String]) -> Told<()> {
        none()
    }
    fn subnets(&self, _: &Region, _: &[String]) -> Told<Vec<Subnet>> {
        none()
    }
    fn template(&self, _: &Region, _: &TemplateName) -> Told<Option<Template>> {
        none()
    }
    fn image(&self, _: &Region, _: &ImageId) -> Told<Option<MachineImage>> {
        none()
    }
}

pub(crate) fn instance(id: &str, zone: &str, tags: BTreeMap<String, String>) -> Ec2Instance {
    Ec2Instance {
        id: InstanceId::new(id),
        state: Some("running".to_owned()),
        state_reason: None,
        instance_type: None,
        availability_zone: Some(zone.to_owned()),
        private_ip: None,
        public_ip: None,
        private_dns_name: None,
        public_dns_name: None,
        lifecycle: Some(Lifecycle::Spot),
        image_id: None,
        subnet_id: None,
        vpc_id: None,
        architecture: None,
        launched_at: None,
        tags,
    }
}

pub(crate) fn offer(zone: &str, micros: u64) -> Offer {
    let score = u128::from(micros);
    Offer {
        kind: MachineType { name: "c.large".to_owned(), vcpus: 2, ..MachineType::default() },
        zone: zone.to_owned(),
        price: MicroUsd::new(micros),
        since: None,
        on_demand: None,
        saving: None,
        interruption: None,
        placement: None,
        score: Score {
            total_pico_usd: score,
            per_vcpu_pico_usd: score,
            per_gib_pico_usd: score,
            interruption_percent: 0,
            placement_percent: 0,
        },
    }
}

pub(crate) fn ladder() -> Ladder {
    Ladder::new(LadderSettings {
        offers: vec![offer("a", 10), offer("b", 20)],
        zones: ["a", "b"].map(str::to_owned).into(),
        spread: Spread::Price,
        on_demand: false,
        max_price: None,
        remembered: BTreeSet::new(),
    })
}

pub(crate) fn job(run: usize, wanted: u32, clean_up: bool) -> Job {
    let tags = BTreeMap::from([(FLEET_TAG.to_owned(), "fleet".to_owned())]);
    Job {
        region: Region::new("eu-west-1"),
        run_id: format!("run-{run:04}"),
        wanted,
        max_total: None,
        resume: true,
        is_step: false,
        blueprint: Blueprint { tags, ..Blueprint::default() },
        digest: "same".to_owned(),
        ground: Ground::default(),
        max_price: None,
        clean_up,
        wait: Some(Duration::from_secs(60)),
        settle: Duration::from_secs(2),
    }
}

/// The fleet's lock. Another test of this process that starts a program may hold a copy of it for a moment, until that program runs.
#[expect(
    clippy::disallowed_methods,
    reason = "a program that another test starts runs in its own time"
)]
pub(crate) fn taken(fleets: &Fleets) -> Fleet {
    for _ in 0..1000 {
        match fleets.take("eu-west-1", "fleet") {
            Err(LaunchError::Busy { .. }) => std::thread::sleep(Duration::from_millis(5)),
            other => return other.unwrap(),
        }
    }
    panic!("the fleet stays locked")
}

/// One start of the program: `exact` counts the fleet again, as the module does. None if it was killed.
fn start(folder: &Path, cloud: &Fake, run: usize, exact: bool, clean_up: bool) -> Option<Report> {
    let environment = Environment::new(BTreeMap::new(), None, None, Some(folder.to_owned()));
    let fleets = Fleets::find(None, &environment, ACCOUNT).unwrap();
    let carried = catch_unwind(AssertUnwindSafe(|| {
        let fleet = taken(&fleets);
        let quiet = |_: &str| {};
        let progress = Progress::new(cloud, &quiet);
        let launcher = Launcher { cloud, clock: cloud, progress: &progress };
        let mut wanted = WANTED;
        if exact {
            let (region, patience) = (Region::new("eu-west-1"), Duration::from_secs(2));
            launcher.settle(&fleet, &region, patience, &mut Vec::new(), Bare::Refuse).unwrap();
            wanted -= u32::try_from(cloud.living().len()).unwrap();
            if wanted == 0 {
                return Report::default();
            }
        }
        let job = job(run, wanted, clean_up);
        let report = launcher.launch(&fleet, &job, &mut ladder(), &mut BTreeMap::new()).unwrap();
        // As if it were killed before the answer is given.
        cloud.moment();
        launcher.conclude(&fleet, &report.run).unwrap();
        report
    }));
    match carried {
        Ok(report) => Some(report),
        Err(killed) => {
            assert!(killed.is::<Killed>(), "it failed otherwise than by the kill");
            None
        }
    }
}

/// How many moments a launch has that nobody kills.
fn moments(exact: bool, is_short: bool) -> usize {
    let folder = tempfile::TempDir::new().unwrap();
    let cloud = Fake::new(is_short);
    let report = start(folder.path(), &cloud, 0, exact, false).unwrap();
    assert_eq!((report.unfulfilled, cloud.living().len()), (0, WANTED as usize));
    cloud.moments.lock().unwrap().0
}

#[test]
fn killed_at_any_moment_and_run_again_it_comes_to_the_count() {
    for exact in [false, true] {
        for is_short in [false, true] {
            let many = moments(exact, is_short);
            assert!(many >= 12, "{many}");
            for first in 1..=many {
                for second in (1..=many).step_by(3) {
                    let folder = tempfile::TempDir::new().unwrap();
                    let cloud = Fake::new(is_short);
                    cloud.kill_at(first);
                    assert!(start(folder.path(), &cloud, 1, exact, false).is_none());
                    cloud.kill_at(second);
                    let ended = start(folder.path(), &cloud, 2, exact, false);
                    cloud.kill_at(0);
                    if ended.is_none() {
                        let report = start(folder.path(), &cloud, 3, exact, false).unwrap();
                        assert_eq!((report.unfulfilled, &report.unknown), (0, &Vec::new()));
                    }
                    let living = cloud.living();
                    let case = format!("exact {exact}, short {is_short}, at {first} and {second}");
                    assert_eq!(living.len(), WANTED as usize, "{case}");
                    assert!(living.iter().all(|it| it.tags[FLEET_TAG] == "fleet"), "{case}");
                }
            }
        }
    }
}

/// The last line may be half on the disk: it announced nothing that was done.
#[test]
fn a_line_that_was_cut_off_is_no_obstacle() {
    let many = moments(false, false);
    for first in 2..=many {
        let folder = tempfile::TempDir::new().unwrap();
        let cloud = Fake::new(false);
        cloud.kill_at(first);
        assert!(start(folder.path(), &cloud, 1, false, false).is_none());
        let journals = folder.path().join("launches/123456789012/eu-west-1/fleet");
        let journal = std::fs::read_dir(journals).unwrap().flatten().map(|it| it.path());
        let journal = journal.into_iter().find(|it| it.extension().is_some_and(|it| it == "jsonl"));
        if let Some(journal) = journal {
            let mut text = std::fs::read_to_string(&journal).unwrap();
            text.push_str("{\"at\":\"1970-01-01T00:00:00Z\",\"event\":\"ask");
            std::fs::write(&journal, text).unwrap();
        }
        cloud.kill_at(0);
        let report = start(folder.path(), &cloud, 2, false, false).unwrap();
        assert_eq!((report.unfulfilled, cloud.living().len()), (0, WANTED as usize), "at {first}");
    }
}

/// With `on_partial: terminate` nothing of a launch that falls short stays, whenever it is killed.
#[test]
fn a_clean_up_that_was_killed_is_carried_on() {
    struct Ends;
    let run = |kill: usize| {
        let folder = tempfile::TempDir::new().unwrap();
        let cloud = Fake::new(true);
        let attempt = |number: usize| {
            let environment =
                Environment::new(BTreeMap::new(), None, None, Some(folder.path().to_owned()));
            let fleets = Fleets::find(None, &environment, ACCOUNT).unwrap();
            catch_unwind(AssertUnwindSafe(|| {
                let fleet = taken(&fleets);
                let quiet = |_: &str| {};
                let progress = Progress::new(&cloud, &quiet);
                let launcher = Launcher { cloud: &cloud, clock: &cloud, progress: &progress };
                // Only the zone that has room for one.
                let settings = LadderSettings {
                    offers: vec![offer("a", 10)],
                    zones: ["a".to_owned()].into(),
                    spread: Spread::Even,
                    on_demand: false,
                    max_price: None,
                    remembered: BTreeSet::new(),
                };
                let mut ladder = Ladder::new(settings);
                let job = job(number, WANTED, true);
                launcher.launch(&fleet, &job, &mut ladder, &mut BTreeMap::new()).unwrap()
            }))
            .map_err(|_| Ends)
        };
        cloud.kill_at(kill);
        let killed = attempt(1).is_err();
        cloud.kill_at(0);
        if killed {
            let report = attempt(2).unwrap_or_else(|_| panic!("nobody kills it"));
            assert_eq!(report.unfulfilled, WANTED, "at {kill}");
        }
        assert_eq!(cloud.living().len(), 0, "at {kill}");
        killed
    };
    let mut kill = 1;
    while run(kill) {
        kill += 1;
    }
    assert!(kill > 8, "{kill}");
}

/// EC2 lists what was launched a little late. A launch that waits for nothing else waits for that, so that whoever counts next
/// counts right.
#[test]
fn a_launch_does_not_end_before_its_machines_are_listed() {
    for wait in [None, Some(Duration::from_secs(60))] {
        let folder = tempfile::TempDir::new().unwrap();
        let cloud = Fake { late_s: 2, ..Fake::new(false) };
        let environment =
            Environment::new(BTreeMap::new(), None, None, Some(folder.path().to_owned()));
        let fleet = taken(&Fleets::find(None, &environment, ACCOUNT).unwrap());
        let quiet = |_: &str| {};
        let progress = Progress::new(&cloud, &quiet);
        let launcher = Launcher { cloud: &cloud, clock: &cloud, progress: &progress };
        let job = Job { wait, settle: Duration::from_secs(10), ..job(1, WANTED, false) };
        let report = launcher.launch(&fleet, &job, &mut ladder(), &mut BTreeMap::new()).unwrap();
        assert_eq!((report.unfulfilled, report.not_running), (0, Vec::new()));
        let tags = BTreeMap::from([(FLEET_TAG.to_owned(), "fleet".to_owned())]);
        let listed = cloud.tagged_instances(&job.region, &tags).unwrap();
        assert_eq!(listed.len(), WANTED as usize, "wait {wait:?}");
    }
}

/// EC2 knows nothing for a while of what it launched: it is not gone for that, and named again until it is.
#[test]
fn what_ec2_does_not_know_yet_is_terminated_later_and_until_then_told_to_live() {
    let folder = tempfile::TempDir::new().unwrap();
    let mut settings = ladder_of_one_zone();
    let cloud = Fake { unknown_s: 30, ..Fake::new(true) };
    let environment = Environment::new(BTreeMap::new(), None, None, Some(folder.path().to_owned()));
    let fleet = taken(&Fleets::find(None, &environment, ACCOUNT).unwrap());
    let quiet = |_: &str| {};
    let progress = Progress::new(&cloud, &quiet);
    let launcher = Launcher { cloud: &cloud, clock: &cloud, progress: &progress };
    let short = job(1, WANTED, true);
    let report = launcher.launch(&fleet, &short, &mut settings, &mut BTreeMap::new()).unwrap();
    assert_eq!((report.launched.len(), report.removed.len(), cloud.living().len()), (1, 0, 1));
    let again = launcher.launch(&fleet, &short, &mut settings, &mut BTreeMap::new());
    let (again, _) = again.unwrap_err();
    assert!(again.to_string().contains("i-1") && again.to_string().contains("live on"), "{again}");
    let patient = Job { settle: Duration::from_secs(60), ..job(2, WANTED, true) };
    let report = launcher.launch(&fleet, &patient, &mut settings, &mut BTreeMap::new()).unwrap();
    assert_eq!((report.launched.len(), cloud.living().len()), (0, 0));
}

fn ladder_of_one_zone() -> Ladder {
    Ladder::new(LadderSettings {
        offers: vec![offer("a", 10)],
        zones: ["a".to_owned()].into(),
        spread: Spread::Even,
        on_demand: false,
        max_price: None,
        remembered: BTreeSet::new(),
    })
}

/// A run that fell short is gone on with after EC2 took back what it had launched.
#[test]
fn what_was_taken_back_between_two_runs_is_missing_again() {
    let folder = tempfile::TempDir::new().unwrap();
    let cloud = Fake::new(true);
    let environment = Environment::new(BTreeMap::new(), None, None, Some(folder.path().to_owned()));
    let fleet = taken(&Fleets::find(None, &environment, ACCOUNT).unwrap());
    let quiet = |_: &str| {};
    let progress = Progress::new(&cloud, &quiet);
    let launcher = Launcher { cloud: &cloud, clock: &cloud, progress: &progress };
    let job = job(1, WANTED, false);
    let mut short = ladder_of_one_zone();
    let report = launcher.launch(&fleet, &job, &mut short, &mut BTreeMap::new()).unwrap();
    assert_eq!((report.unfulfilled, report.launched.len()), (2, 1));
    let taken = cloud.living().remove(0).id;
    cloud.gone.lock().unwrap().insert(taken.clone());
    let report = launcher.launch(&fleet, &job, &mut ladder(), &mut BTreeMap::new()).unwrap();
    assert_eq!((report.unfulfilled, report.not_running), (0, Vec::new()));
    assert!(report.launched.len() == WANTED as usize && !report.launched.contains_key(&taken));
    assert_eq!(cloud.living().len(), WANTED as usize);
}
