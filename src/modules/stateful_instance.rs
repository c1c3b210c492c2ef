//! `stateful_instance`: act on one stateful instance and prove what came of it.

mod answer;
mod step;
mod traces;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::World;
use super::connection::Connection;
use crate::ansible::{Context, Failure, Module, Outcome, Planned};
use crate::domain::{
    AccountId, Clock, Deallocation, GroupId, ImageId, InstanceId, ManagedInstanceId,
    StatefulAction, StatefulInstanceId, StatefulTarget,
};
use crate::drive::stateful::{Actor, Carried, Failed, Job, Records, Sight, unproved};
use crate::drive::{Progress, Session};
use crate::plan::stateful::{Demand, Expectations, Settled, Snapshot, Step};
use crate::spot::{Client, ErrorKind};
use answer::Returns;

/// What a wait needs besides the wait itself: looks after a lost reply, and at a status that lags.
const MARGIN: u64 = 600;

/// Recycles, pauses, resumes or deallocates a stateful instance, or deletes one of its volumes, and waits until that is
/// proved to be done.
///
/// It acts on a stateful instance of an Elastigroup or on a managed instance, which the vendor also calls a stateful node.
///
/// A recycle terminates the EC2 instance and launches another around the volumes and the address that are persisted. It is
/// done when the instance is `ACTIVE` as another EC2 instance with a later launch time, never by the sight of a state in
/// between. A fall-back to `PAUSED` or `ERROR` is a failure that quotes the vendor's log.
///
/// With `instance_id` a recycle is idempotent: if that instance has been replaced already there is nothing to do, if its
/// replacement is underway it is waited for, and nothing is asked for twice. Without it each call recycles. An instance that was
/// never that of the stateful instance is refused: that it was must be shown by a journal here or by the vendor's log, which goes
/// back three months.
///
/// Whether the machine that runs has the volumes, zone and address of the one before can be told only if someone has written down what
/// that had: this module does before it asks for a recycle, and a run does in its journal. Where nobody has, what persistence promises
/// is not proved and the task fails; `checks` waives it.
///
/// A recycle or a pause where data volumes do not come back needs `confirm_data_loss`, unless it is a step of a run, whose plan has asked.
///
/// An action is asked for once. Should the reply be lost, the instance is looked at for up to two minutes; only if it
/// stays untouched is the action asked for once more.
#[derive(Deserialize, JsonSchema)]
#[schemars(extend("x-required-if" = [["state", "volume_deleted", ["volume_id"]]]))]
pub(super) struct Args {
    /// The Elastigroup, such as `sig-12345678`. Not needed for a managed instance.
    #[schemars(extend("x-aliases" = ["esg_id", "esg", "elastigroup_id"]))]
    group_id: Option<String>,
    /// The stateful instance, such as `ssi-12345678`, or the managed instance, such as `smi-12345678`.
    #[schemars(extend("x-aliases" = ["ssi", "ssi_id", "stateful_instance_id"]))]
    id: String,
    /// What it is to be.
    state: State,
    /// The EC2 instance that it is believed to run as. If it runs as another one nothing is changed.
    #[schemars(extend("x-refuses-empty" = "for whichever it runs as"))]
    instance_id: Option<String>,
    /// The image that a recycled instance must have.
    ///
    /// It is refused beforehand if another image is configured, or if the root volume is persisted, since then no new
    /// image reaches the instance.
    #[schemars(extend("x-refuses-empty" = "for whichever image it comes with"))]
    image_id: Option<String>,
    /// What else must hold after a recycle, and, as far as a paused instance shows it, after a resume.
    #[serde(default)]
    checks: Checks,
    /// The volume that is to be deleted.
    volume_id: Option<String>,
    /// The run of `recycle_run` that this recycle is a step of.
    ///
    /// Then it is done only if the run is held by this caller and its journal allows it, if every other instance of the group
    /// runs with its volumes, if the platform is kept from replacing machines, and if the group launches what the run wants; the
    /// first step sets that. A recycle that fails after it was asked for freezes the run.
    #[schemars(extend("x-refuses-empty" = "if it is no step of a run"))]
    run_id: Option<String>,
    /// Whether it may be done although a roll of the group is open, of which it is no step.
    #[serde(default)]
    ignore_open_run: bool,
    /// Folder of the journals. `~/.local/state/spotinst-esg/runs` when not given.
    #[schemars(extend("x-type" = "path", "x-env" = ["SPOTINST_ESG_STATE_DIR"], "x-refuses-empty" = "for the usual folder"))]
    state_dir: Option<String>,
    /// What a deallocation deletes at once. The vendor keeps the rest for some days.
    #[serde(default)]
    deallocation: DeallocationArgs,
    /// Whether data may be lost for good: volumes, snapshots or images of a deallocated instance, a volume of a managed instance, of
    /// which the vendor does not tell whose it is, and, in a recycle or a pause, what is on data volumes that are not reattached
    /// (they are not persisted, or by snapshots: `onLaunch`), or that may be left in another zone (the group has several, and
    /// persists no address).
    #[serde(default)]
    confirm_data_loss: bool,
    /// Whether to wait until it is done. Without, only the vendor's consent is waited for and nothing is proved.
    #[serde(default = "yes")]
    wait: bool,
    /// Longest wait, in seconds.
    #[serde(default = "half_an_hour")]
    #[schemars(range(min = 1))]
    wait_timeout: u32,
    #[serde(flatten)]
    connection: Connection,
}

fn yes() -> bool {
    true
}

fn half_an_hour() -> u32 {
    1800
}

#[derive(Clone, Copy, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum State {
    /// It runs as a new EC2 instance.
    Recycled,
    /// It does not run, and what is persisted is kept.
    Paused,
    /// It runs.
    Resumed,
    /// It is given up.
    Deallocated,
    /// It is paused and has the volume no more.
    VolumeDeleted,
}

/// What must hold after a recycle or a resume.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema, Serialize)]
#[serde(default)]
struct Checks {
    /// The data volumes are the same ones.
    #[schemars(extend("x-refuses-empty" = "for auto"))]
    same_volumes: Wanted,
    /// The availability zone is the same.
    #[schemars(extend("x-refuses-empty" = "for auto"))]
    same_zone: Wanted,
    /// The private address is the same.
    #[schemars(extend("x-refuses-empty" = "for auto"))]
    same_private_ip: Wanted,
}

#[derive(Clone, Copy, Default, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
enum Wanted {
    /// It must hold if persistence promises it.
    #[default]
    Auto,
    /// It must be proved. What cannot be is refused before anything is terminated.
    Required,
    /// It is reported and fails nothing.
    Waived,
}

/// What a deallocation deletes at once.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema, Serialize)]
#[serde(default)]
struct DeallocationArgs {
    /// The images made of its root volume. Needs `confirm_data_loss`.
    delete_images: bool,
    /// Its network interface, and with it the private address.
    delete_network_interfaces: bool,
    /// Its volumes. Needs `confirm_data_loss`.
    delete_volumes: bool,
    /// Its snapshots. Needs `confirm_data_loss`.
    delete_snapshots: bool,
}

impl From<Wanted> for Demand {
    fn from(wanted: Wanted) -> Self {
        match wanted {
            Wanted::Auto => Self::Auto,
            Wanted::Required => Self::Required,
            Wanted::Waived => Self::Waived,
        }
    }
}

impl Args {
    fn target(&self) -> Result<StatefulTarget, Failure> {
        match &self.group_id {
            _ if self.id.starts_with("smi-") => {
                Ok(StatefulTarget::Managed(ManagedInstanceId::new(&self.id)))
            }
            Some(group) => Ok(StatefulTarget::Grouped {
                group: GroupId::new(group),
                id: StatefulInstanceId::new(&self.id),
            }),
            None => Err(Failure::new(format!(
                "cannot act on {:?}: group_id is missing, the Elastigroup it is in (only a managed instance, smi-…, \
                 has none)",
                self.id
            ))),
        }
    }

    fn action(&self) -> StatefulAction {
        match self.state {
            State::Recycled => StatefulAction::Recycle,
            State::Paused => StatefulAction::Pause,
            State::Resumed => StatefulAction::Resume,
            State::Deallocated => StatefulAction::Deallocate(Deallocation {
                delete_images: self.deallocation.delete_images,
                delete_network_interfaces: self.deallocation.delete_network_interfaces,
                delete_volumes: self.deallocation.delete_volumes,
                delete_snapshots: self.deallocation.delete_snapshots,
            }),
            State::VolumeDeleted => {
                StatefulAction::DeleteVolume(self.volume_id.clone().unwrap_or_default())
            }
        }
    }

    fn job(&self, account: AccountId) -> Result<Job, Failure> {
        Ok(Job {
            account,
            target: self.target()?,
            action: self.action(),
            expectations: Expectations {
                instance_id: self.instance_id.as_ref().map(InstanceId::new),
                image_id: self.image_id.as_ref().map(ImageId::new),
                same_volumes: self.checks.same_volumes.into(),
                same_zone: self.checks.same_zone.into(),
                same_private_ip: self.checks.same_private_ip.into(),
                confirm_data_loss: self.confirm_data_loss,
            },
            wait: self.wait,
            wait_timeout: Duration::from_secs(self.wait_timeout.into()),
            earlier: Vec::new(),
        })
    }

    /// The calls may go on for as long as is waited.
    fn session(&self, world: &World) -> Result<(Session, Client), Failure> {
        let wait = if self.wait { u64::from(self.wait_timeout) } else { 0 };
        self.connection.open_for(world, Duration::from_secs(wait.saturating_add(MARGIN)))
    }
}

/// The module.
pub(super) struct StatefulInstance;

impl Module<World> for StatefulInstance {
    type Args = Args;
    type Returns = Returns;

    const NAME: &'static str = "stateful_instance";
    const EXAMPLES: &'static str = include_str!("stateful_instance.examples.yml");
    const CHANGES: bool = true;
    const FORMER_NAMES: &'static [&'static str] = &["spotinst_aws_stateful"];

    fn plan<'c>(
        &self,
        args: Args,
        context: Context<'c, World>,
    ) -> Result<Planned<'c, Returns>, Failure> {
        if let Some(run_id) = args.run_id.clone() {
            return step::plan(args, run_id, context);
        }
        let (session, client) = args.session(context.world)?;
        let account = super::connection::only(session.accounts()?)?;
        let job = args.job(account)?;
        let mut unread = None;
        if !args.ignore_open_run {
            unread = step::is_beside_a_roll(&args, &job, context.world)?;
        }
        let clock = session.clock.as_ref();
        let progress = Progress::new(clock, context.progress);
        let records = traces::records(&args, context.world);
        let actor = Actor { client: &client, clock, progress: &progress, permit: None };
        let mut sight = actor.look(&job, records.as_ref())?;
        let (known, unreadable) = traces::known_before(&args, &job, &sight, context.world);
        sight.known_before = known;
        sight.oddities.extend(unread.into_iter().chain(unreadable));
        let oddities = sight.oddities.clone();
        let step = job.decide(&sight);
        traces::was_its_machine(&args, &job, &step, &sight, &client, context.world)
            .map_err(|refusal| answer::refused(&sight, &job)(job.refused(refusal)))?;
        let step = step.map_err(answer::refused(&sight, &job))?;
        let (before, is_joined) = match step {
            Step::Nothing(settled) => {
                return Ok(nothing(&job, &sight, &settled).with_warnings(oddities));
            }
            Step::Join { .. } if !job.wait => {
                let returns = Returns::present(&job, sight.snapshot.as_ref());
                let message = format!("{} is underway already", job.doing());
                return Ok(Planned::unchanged(returns)
                    .with_message(message)
                    .with_warnings(oddities));
            }
            Step::Act { before } => (*before, false),
            Step::Join { before } => (*before, true),
        };
        let expected = answer::expected(&job, &sight);
        let diff = (answer::shown_before(&job, &before), answer::shown(expected.as_ref()));
        let verb = if is_joined { "wait for it: " } else { "" };
        let message = format!("would {verb}{}", job.doing());
        let returns = Returns::planned(&job, &before, expected.as_ref());
        let attempt = Attempt { session, client, job, sight, before, is_joined, records };
        Ok(Planned::change(returns, move || attempt.make(context))
            .with_diff(diff.0, diff.1)
            .with_message(message)
            .with_warnings(oddities))
    }
}

fn nothing<'c>(job: &Job, sight: &Sight, settled: &Settled) -> Planned<'c, Returns> {
    let mut returns = Returns::present(job, sight.snapshot.as_ref());
    let present = answer::shown(sight.snapshot.as_ref());
    let message = format!("nothing to {}: {settled}", job.doing());
    let mut warnings = Vec::new();
    match settled {
        Settled::Replaced { checks, .. } => {
            returns.set_checks(checks);
            warnings.extend(unproved(checks));
        }
        // What is not there may as well be misspelt.
        Settled::NoVolume { .. } | Settled::Absent => warnings.push(message.clone()),
        Settled::Paused | Settled::Active => {}
    }
    Planned::unchanged(returns)
        .with_diff(present.clone(), present)
        .with_message(message)
        .with_warnings(warnings)
}

/// Everything that acting takes.
struct Attempt {
    session: Session,
    client: Client,
    job: Job,
    sight: Sight,
    before: Snapshot,
    is_joined: bool,
    records: Option<Records>,
}

impl Attempt {
    fn make(self, context: Context<'_, World>) -> Result<Outcome<Returns>, Failure> {
        let clock = self.session.clock.as_ref();
        let progress = Progress::new(clock, context.progress);
        let unkept = Mutex::new(None);
        let permit = || {
            // Whether it is kept or not: that it is not is told, and no reason to leave the machine as it is.
            *unkept.lock().unwrap_or_else(PoisonError::into_inner) = self.keep_record(clock.now());
            Ok(())
        };
        let actor =
            Actor { client: &self.client, clock, progress: &progress, permit: Some(&permit) };
        let before = self.before.clone();
        let carried = if self.is_joined {
            actor.follow(&self.job, &self.sight, before)
        } else {
            actor.act(&self.job, &self.sight, before)
        };
        let mut unkept = unkept.into_inner().unwrap_or_else(PoisonError::into_inner);
        if carried.as_ref().is_err_and(|failed| !failed.has_changed()) {
            unkept = unkept.or(self.take_back());
        }
        match carried {
            Ok(carried) => {
                let mut outcome = outcome(&self.job, carried);
                outcome.warnings.extend(unkept);
                Ok(outcome)
            }
            Err(failed) => match no_such_volume(&self.job, &failed) {
                Some(outcome) => Ok(outcome),
                None => Err(failure(&self.job, *failed).with_warnings(unkept)),
            },
        }
    }

    /// Whoever asks for the same recycle again, after it is done, has nothing else to compare with. Answers why nothing is kept, if
    /// nothing is.
    fn keep_record(&self, now: Timestamp) -> Option<String> {
        // What is seen of a recycle that is underway already may be the half of it.
        if self.job.action != StatefulAction::Recycle || self.is_joined {
            return None;
        }
        let why = match &self.records {
            None => "no folder for it is known; name one with state_dir".to_owned(),
            Some(records) => records.keep(&self.job.target, &self.before, now).err()?.to_string(),
        };
        Some(format!(
            "what {} has could not be written down ({why}), so the same task, run again, cannot prove that its data was kept",
            self.job.target
        ))
    }

    /// What the vendor has certainly not done need not be looked for by the next call.
    fn take_back(&self) -> Option<String> {
        if self.job.action != StatefulAction::Recycle || self.is_joined {
            return None;
        }
        let machine = self.before.instance_id.as_ref()?;
        let error = self.records.as_ref()?.not_asked(&self.job.target, machine).err()?;
        Some(format!(
            "that {} was not recycled could not be written down: {error}",
            self.job.target
        ))
    }
}

fn outcome(job: &Job, carried: Carried) -> Outcome<Returns> {
    let (after, message) = (answer::shown(carried.after.as_ref()), answer::told(job, &carried));
    let mut outcome = Outcome::from(Returns::of(job, &carried));
    outcome.after = Some(after);
    outcome.message = Some(message);
    outcome.warnings = carried.warnings;
    outcome
}

/// Of a managed instance the vendor lists no volumes, so only by asking for it to be deleted is it learnt that one is not there.
fn no_such_volume(job: &Job, failed: &Failed) -> Option<Outcome<Returns>> {
    let (StatefulAction::DeleteVolume(_), StatefulTarget::Managed(_)) = (&job.action, &job.target)
    else {
        return None;
    };
    let seen = failed.last.as_ref()?;
    let is_missing = failed.error.spot()?.kind() == ErrorKind::NotFound;
    // A first reply that was lost may have deleted it.
    (is_missing && failed.sent <= 1).then(|| {
        let message = format!("nothing to {}: the vendor knows no such volume", job.doing());
        Outcome {
            changed: false,
            after: Some(answer::shown_before(job, seen)),
            message: Some(message.clone()),
            warnings: [failed.warnings.clone(), vec![message]].concat(),
            ..Outcome::from(Returns::present(job, Some(seen)))
        }
    })
}

fn failure(job: &Job, failed: Failed) -> Failure {
    let failure = match failed.error.spot() {
        Some(error) => Failure::new(failed.error.to_string())
            .with_error_code(error.error_code())
            .with_http_status(error.http_status())
            .with_request_id(error.request_id()),
        None => Failure::new(failed.error.to_string()),
    };
    let failure = failure.retryable(failed.error.is_transient()).changed(failed.has_changed());
    let failure = failure.with_warnings(failed.warnings.clone());
    answer::evidence(job, &failed)
        .into_iter()
        .fold(failure, |it, (name, value)| it.with(&name, value))
}
