//! `elastigroup_suspension`: keeping the platform from acting on a group by itself.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::World;
use super::connection::Connection;
use super::elastigroup::target;
use super::rolling::beside_a_roll;
use crate::ansible::{Context, Failure, Module, Outcome, Planned};
use crate::domain::{AccountId, Group, Process, Suspension};
use crate::plan::group::{SuspensionWish, all_meant, unseen, unsettled};
use crate::spot::{Client, Listed, Sent, Unseen};

/// Suspends processes of an Elastigroup for a time, or lets them go on.
///
/// AWS taking a Spot instance back is none of these processes and cannot be suspended.
///
/// A suspension always ends by itself, after `ttl_minutes`. One that is there already is left alone as long as at least half of
/// that time is left of it, or if it is told to have no end; otherwise it gets the new end, also where nothing is told of the end that
/// it has. A process that goes on stays so.
#[derive(Deserialize, JsonSchema)]
#[schemars(extend("x-required-one-of" = [["id", "name"]]))]
pub(super) struct Args {
    /// The group's id, such as `sig-12345678`.
    #[schemars(extend("x-aliases" = ["group_id", "esg_id"]))]
    id: Option<String>,
    /// Its name, if it is the only one of that name.
    name: Option<String>,
    /// What becomes of the processes.
    state: State,
    /// The processes; all of them when not given.
    #[schemars(extend("x-refuses-empty" = "for all of them"))]
    processes: Option<Vec<ProcessName>>,
    /// How long they are suspended, in minutes.
    #[serde(default = "an_hour")]
    #[schemars(range(min = 1, max = 525_600))]
    ttl_minutes: u32,
    /// Whether it may be done although a roll of the group is open, which suspends processes itself.
    #[serde(default)]
    ignore_open_run: bool,
    /// Folder of the journals of rolls. `~/.local/state/spotinst-esg/runs` when not given.
    #[schemars(extend("x-type" = "path", "x-env" = ["SPOTINST_ESG_STATE_DIR"], "x-refuses-empty" = "for the usual folder"))]
    state_dir: Option<String>,
    #[serde(flatten)]
    connection: Connection,
}

#[derive(Clone, Copy, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum State {
    /// They are suspended.
    Suspended,
    /// They go on.
    Resumed,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum ProcessName {
    /// Scaling by policies.
    AutoScale,
    /// Replacing instances that fail their health check.
    AutoHealing,
    /// Replacing instances that no longer fit the group's strategy.
    OutOfStrategy,
    /// Replacing Spot instances that are likely to be taken back.
    PreventiveReplacement,
    /// Going back to preferred instance types.
    RevertPreferred,
    /// Scheduled tasks.
    Scheduling,
}

impl From<ProcessName> for Process {
    fn from(name: ProcessName) -> Self {
        match name {
            ProcessName::AutoScale => Self::AutoScale,
            ProcessName::AutoHealing => Self::AutoHealing,
            ProcessName::OutOfStrategy => Self::OutOfStrategy,
            ProcessName::PreventiveReplacement => Self::PreventiveReplacement,
            ProcessName::RevertPreferred => Self::RevertPreferred,
            ProcessName::Scheduling => Self::Scheduling,
        }
    }
}

fn an_hour() -> u32 {
    60
}

/// A suspended process.
#[derive(Clone, Serialize, JsonSchema)]
pub(super) struct ShownSuspension {
    /// What is suspended.
    process: String,
    /// When it goes on by itself; null if no end was told.
    expires_at: Option<String>,
    #[serde(skip)]
    is_fresh: bool,
    #[serde(skip)]
    is_end_untold: bool,
}

/// What is answered.
#[derive(Clone, Serialize, JsonSchema)]
pub(super) struct Returns {
    /// The group's id.
    id: String,
    /// Its name.
    name: String,
    /// All processes that are suspended now; in check mode without ends that are not there yet.
    suspensions: Vec<ShownSuspension>,
    /// The processes that were suspended or that go on, or would.
    changed_processes: Vec<String>,
}

/// How long what is suspended now will be so.
fn lasting(args: &Args) -> String {
    format!("for {} minutes from now", args.ttl_minutes)
}

/// The processes with the ends of their suspensions; `fresh` stands for the end of one that is not suspended yet.
fn sides(suspensions: &[ShownSuspension], fresh: &str) -> Value {
    let one = |it: &ShownSuspension| {
        let end = match (&it.expires_at, it.is_fresh) {
            (_, true) => fresh,
            (Some(end), false) => end,
            (None, false) if it.is_end_untold => "with an end that is not told",
            (None, false) => "without end",
        };
        (it.process.clone(), json!(end))
    };
    json!({"suspended": Value::Object(suspensions.iter().map(one).collect())})
}

fn shown(suspensions: &[Suspension]) -> Vec<ShownSuspension> {
    let one = |suspension: &Suspension| ShownSuspension {
        process: suspension.process.to_string(),
        expires_at: suspension.expires_at.as_ref().map(|at| at.as_str().to_owned()),
        is_fresh: false,
        is_end_untold: suspension.is_end_untold(),
    };
    suspensions.iter().map(one).collect()
}

/// The module.
pub(super) struct ElastigroupSuspension;

impl Module<World> for ElastigroupSuspension {
    type Args = Args;
    type Returns = Returns;

    const NAME: &'static str = "elastigroup_suspension";
    const EXAMPLES: &'static str = include_str!("elastigroup_suspension.examples.yml");
    const CHANGES: bool = true;

    fn plan<'c>(
        &self,
        args: Args,
        context: Context<'c, World>,
    ) -> Result<Planned<'c, Returns>, Failure> {
        let (session, client) = args.connection.open(context.world)?;
        let account = super::connection::only(session.accounts()?)?;
        let groups = target::groups(&client, &account, context, &session)?;
        let region = args.connection.region.as_deref();
        let group = target::one(args.id.as_deref(), args.name.as_deref(), region, &groups)?;
        let wish = match args.state {
            State::Suspended => SuspensionWish::Suspended { minutes: args.ttl_minutes },
            State::Resumed => SuspensionWish::Resumed,
        };
        let present = read(&client, &account, &group)?;
        let processes: Vec<Process> = match &args.processes {
            Some(names) => names.iter().map(|name| Process::from(*name)).collect(),
            None => all_meant(wish, &present),
        };
        let todo = unsettled(&processes, wish, &present, client.vendor_now());
        let names: Vec<String> = todo.iter().map(ToString::to_string).collect();
        let mut expected: Vec<ShownSuspension> = shown(&present);
        expected.retain(|it| !names.contains(&it.process));
        if args.state == State::Suspended {
            let fresh = |name: &String| ShownSuspension {
                process: name.clone(),
                expires_at: None,
                is_fresh: true,
                is_end_untold: false,
            };
            expected.extend(names.iter().map(fresh));
        }
        let (before, after) = (sides(&shown(&present), ""), sides(&expected, &lasting(&args)));
        let returns = |suspensions| Returns {
            id: group.id.to_string(),
            name: group.name.clone(),
            suspensions,
            changed_processes: names.clone(),
        };
        if todo.is_empty() {
            let message = format!("the processes of group {} are as they should be", group.id);
            return Ok(Planned::unchanged(returns(shown(&present)))
                .with_diff(before, after)
                .with_message(message));
        }
        let verb = if args.state == State::Suspended { "suspend" } else { "let go on" };
        let doing = format!("{verb} {} of group {}", names.join(", "), group.id);
        let unread = beside_a_roll(
            &group.id,
            &doing,
            "",
            (!args.ignore_open_run).then_some(args.state_dir.as_deref()),
            context.world,
        )?;
        let planned = returns(expected);
        let done = planned.clone();
        Ok(Planned::change(planned, move || {
            make(&client, &account, &group, &todo, wish)?;
            let now = read_since(&client, &account, &group, wish)?;
            let left = unseen(&todo, wish, &now, client.vendor_now());
            if let [first, ..] = &left[..] {
                return Err(Failure::new(format!(
                    "the vendor has accepted to {doing}, and {first} is not so: run this again"
                ))
                .retryable(true)
                .changed(true));
            }
            Ok(Outcome::from(Returns { suspensions: shown(&now), ..done }))
        })
        .with_diff(before, after)
        .with_message(format!("would {verb} {}", names.join(", ")))
        .with_warnings(unread))
    }
}

/// All of them, or none can be told from the rest.
fn read(client: &Client, account: &AccountId, group: &Group) -> Result<Vec<Suspension>, Failure> {
    whole(client.suspensions(account, &group.id)?, group)
}

/// The same, once something was done, or perhaps so.
fn read_since(
    client: &Client,
    account: &AccountId,
    group: &Group,
    wish: SuspensionWish,
) -> Result<Vec<Suspension>, Failure> {
    let done = match wish {
        SuspensionWish::Suspended { .. } => "had processes suspended, or perhaps so",
        SuspensionWish::Resumed => "had processes let go on, or perhaps so",
    };
    let listed = client.suspensions(account, &group.id);
    let listed = listed.map_err(Unseen::of(format!("group {}", group.id), done))?;
    whole(listed, group).map_err(|failure| failure.changed(true))
}

fn whole(listed: Listed<Suspension>, group: &Group) -> Result<Vec<Suspension>, Failure> {
    match &listed.left_out[..] {
        [] => Ok(listed.items),
        [first, ..] => Err(Failure::new(format!(
            "cannot tell what is suspended of group {}: {first}",
            group.id
        ))
        .with(
            "suspensions",
            shown(&listed.items).iter().map(|it| json!(it)).collect::<Vec<Value>>(),
        )),
    }
}

/// An answer that is lost is looked for; what is asked for twice is the same as once.
fn make(
    client: &Client,
    account: &AccountId,
    group: &Group,
    processes: &[Process],
    wish: SuspensionWish,
) -> Result<(), Failure> {
    let send = || match wish {
        SuspensionWish::Suspended { minutes } => {
            client.suspend(account, &group.id, processes, minutes)
        }
        SuspensionWish::Resumed => client.unsuspend(account, &group.id, processes),
    };
    match send() {
        Sent::Accepted => Ok(()),
        Sent::Refused(error) => Err(error.into()),
        Sent::Unknown(_) => {
            let now: Timestamp = client.vendor_now();
            let seen = read_since(client, account, group, wish)?;
            if unsettled(processes, wish, &seen, now).is_empty() {
                return Ok(());
            }
            // Neither answer says anything of the first request.
            match send() {
                Sent::Accepted => Ok(()),
                Sent::Refused(error) | Sent::Unknown(error) => Err(Failure::from(error)
                    .adding("; an earlier request got no answer: a second run sees what is there")
                    .retryable(true)
                    .changed(true)),
            }
        }
    }
}
