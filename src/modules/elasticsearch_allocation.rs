//! `elasticsearch_allocation`: keep replicas of a node that is about to be away from being made elsewhere, and put that back.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::World;
use super::clusters::{AccessArgs, ClusterArgs, ClusterKind, SearchArgs};
use super::connection::Connection;
use super::rolling;
use super::waivers::{WaiverArgs, waivers_of_copies};
use crate::ansible::{Context, Failure, Module, Outcome, Planned};
use crate::domain::{Clock, SearchProduct, StatefulInstanceId, one_line};
use crate::drive::gate::Search;
use crate::drive::roll::{
    Claimant, ClusterAccess, ClusterError, ClusterSight, Hand, Journal, Restrict, RollError, Runs,
};
use crate::drive::{Observer, Progress, SystemClock};
use crate::plan::roll::{
    ALLOCATION, ClusterSetting, PRIMARIES, Restriction, Run, Scopes, Standing, restriction,
};
use crate::plan::safety::Elsewhere;

/// The calls to the Spot API of a task may go on for so much longer than it waits.
const MARGIN: Duration = Duration::from_secs(3600);

/// Restricts the allocation of shards of an Elasticsearch or OpenSearch cluster while a node is rolled, and puts it back.
///
/// `restricted` is for the time before the node's service is stopped. It writes the values that the setting
/// `cluster.routing.allocation.enable` has in both scopes to the journal of the run, and then sets the persistent one to
/// `primaries`: new indices still get their primaries, and replicas of the node that is away are not made elsewhere. Then it looks
/// once more whether each shard with a copy on the node has another one that serves, since an index may have been made in between.
/// If not, it puts the setting back, waits until the replica is there, and begins anew, up to three times. At last it flushes, so
/// that little has to be replayed when the node comes back; what cannot be flushed is a warning.
///
/// A setting that someone else has restricted, and any transient value, which would take precedence, are left as they are and the
/// task fails, telling what was found. If anything else is in the way what this task has set is put back, as far as that can be done.
///
/// `restored` is for the time after the node has come back. It puts back what the run has changed, as the journal has it: a
/// setting that was not there is taken away. What someone else has set meanwhile is left and told. It can also be run by hand, when
/// whoever carried the run out is gone.
///
/// What is not put back stays owed: `recycle_run` with `state=finished` and option `cluster` puts it back, and so does
/// `spotinst-esg runs restore` with `--cluster`. A run that owes it does not end.
///
/// How the cluster is asked is said either by `cluster`, the mapping that gates and `recycle_run` take, or by the same options one
/// by one. `timeout` is for the Spot API, which is asked by `restricted` only, to keep the run's lease.
#[derive(Deserialize, JsonSchema)]
#[schemars(extend(
    "x-required-one-of" = [["cluster", "urls"]],
    "x-mutually-exclusive" = [["cluster", "urls"]],
    "x-required-if" = [["state", "restricted", ["node", "target"]]]
))]
pub(super) struct Args {
    /// What is done.
    state: State,
    /// The run of `recycle_run` in whose journal it is kept. Without one nobody would know later what was there before.
    run_id: String,
    /// The stateful instance that is rolled.
    node: Option<String>,
    /// The name that the cluster has for it (`node.name`).
    target: Option<String>,
    /// Whether everything is written to disk in the end.
    #[serde(default = "yes")]
    flush: bool,
    /// Whether the node is also registered for a restart, and that is waited for. Elasticsearch from 7.15 on only, and its
    /// makers do not support that others do so. If it stalls, everything is put back and the task fails.
    #[serde(default)]
    node_shutdown: bool,
    /// With `node_shutdown`: how long the cluster waits for the node before it makes its replicas elsewhere.
    #[serde(default = "half_an_hour")]
    allocation_delay: String,
    /// Waivers as `cluster_gate` takes them: those of `copies_elsewhere`, with or without the name of a gate before it, count here
    /// as they do there, and others are without effect.
    #[serde(default)]
    waivers: Vec<WaiverArgs>,
    /// How long each thing is waited for, in seconds: an answer, a setting that was set, a replica, a shutdown.
    #[serde(default = "five_minutes")]
    #[schemars(range(min = 1, max = 86400))]
    wait_timeout: u32,
    /// How the cluster is asked, as one mapping; of kind `elasticsearch`.
    cluster: Option<ClusterArgs>,
    /// Folder of the journals. `~/.local/state/spotinst-esg/runs` when not given.
    #[schemars(extend("x-type" = "path", "x-env" = ["SPOTINST_ESG_STATE_DIR"], "x-refuses-empty" = "for the usual folder"))]
    state_dir: Option<String>,
    #[serde(flatten)]
    access: AccessArgs,
    #[serde(flatten)]
    search: SearchArgs,
    #[serde(flatten)]
    connection: Connection,
}

#[derive(Clone, Copy, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum State {
    /// Only primaries are allocated, and each shard of the node has another copy.
    Restricted,
    /// What the run has changed is as it was before.
    Restored,
}

fn yes() -> bool {
    true
}

fn half_an_hour() -> String {
    "30m".to_owned()
}

fn five_minutes() -> u32 {
    300
}

/// What is answered.
#[derive(Default, Serialize, JsonSchema)]
pub(super) struct Returns {
    /// The cluster's unique id; null if nothing was asked of it.
    cluster_uuid: Option<String>,
    /// What the setting was before the run changed it, and will be again.
    before: Option<ShownScopes>,
    /// What it is now, or would be.
    allocation: Option<ShownScopes>,
    /// Of `restricted`: the persistent id that `target` has, by which phase `back` of `cluster_gate` knows it again; null if it is
    /// not in the cluster.
    #[schemars(extend("x-sample" = "u4fMLrTzQFW1h0eUqPPjSw"))]
    node_id: Option<String>,
    /// What of clusters is still to be put back for this run.
    owed: Vec<String>,
    /// What was left as someone else has set it.
    left: Vec<String>,
}

#[derive(Serialize, JsonSchema)]
struct ShownScopes {
    /// Its persistent value; null if there is none.
    persistent: Option<String>,
    /// Its transient value; null if there is none.
    transient: Option<String>,
}

impl From<Scopes> for ShownScopes {
    fn from(Scopes { persistent, transient }: Scopes) -> Self {
        Self { persistent, transient }
    }
}

/// The module.
pub(super) struct ElasticsearchAllocation;

impl Module<World> for ElasticsearchAllocation {
    type Args = Args;
    type Returns = Returns;

    const NAME: &'static str = "elasticsearch_allocation";
    const EXAMPLES: &'static str = include_str!("elasticsearch_allocation.examples.yml");
    const CHANGES: bool = true;

    fn plan<'c>(
        &self,
        mut args: Args,
        context: Context<'c, World>,
    ) -> Result<Planned<'c, Returns>, Failure> {
        let cluster = args.cluster.take().unwrap_or_else(|| {
            let access = std::mem::take(&mut args.access);
            ClusterArgs::search(access, std::mem::take(&mut args.search))
        });
        let (search, timeout) = searched(&cluster, context.world)?;
        let warnings = cluster.warnings(context.world);
        let reach = Reach {
            runs: rolling::runs(args.state_dir.as_deref(), context.world)?,
            cluster,
            patience: Duration::from_secs(u64::from(args.wait_timeout)),
            clock: SystemClock::start(),
            search,
            timeout,
            context,
        };
        let planned = match args.state {
            State::Restricted => restricted(args, reach),
            State::Restored => restored(args, reach),
        };
        planned.map(|planned| planned.with_warnings(warnings))
    }
}

/// The cluster of that mapping.
///
/// # Errors
///
/// It is of another kind, or an option cannot be understood.
pub(super) fn searched(
    cluster: &ClusterArgs,
    world: &World,
) -> Result<(Search, Duration), Failure> {
    match cluster.observer(world)? {
        Observer::Search(search) => Ok((search, cluster.timeout())),
        Observer::ZooKeeper(_) | Observer::Kafka(_) => Err(Failure::new(format!(
            "cluster: only settings of kind {} are changed by a run, and this one is {}",
            ClusterKind::Elasticsearch.as_str(),
            cluster.kind.as_str()
        ))),
    }
}

/// What a task works with.
struct Reach<'c> {
    runs: Runs,
    cluster: ClusterArgs,
    patience: Duration,
    clock: SystemClock,
    search: Search,
    timeout: Duration,
    context: Context<'c, World>,
}

impl Reach<'_> {
    fn hand<'a>(&'a self, clock: &'a dyn Clock, progress: &'a Progress<'a>) -> Hand<'a> {
        let access = ClusterAccess { search: &self.search, timeout: self.timeout };
        Hand { access, clock, progress, patience: self.patience }
    }

    fn journal(&self, run_id: &str) -> Result<Journal, Failure> {
        Ok(self.runs.open(run_id).map_err(RollError::from)?)
    }
}

impl Args {
    fn order(&self) -> Result<Restrict, Failure> {
        let target = self.target.as_deref().unwrap_or_default().trim().to_owned();
        let delay = self.allocation_delay.trim().to_owned();
        let number = delay.trim_end_matches(char::is_alphabetic);
        let is_time = number.parse::<u32>().is_ok_and(|it| it > 0)
            && matches!(&delay[number.len()..], "s" | "m" | "h");
        if !is_time {
            let given = one_line(&delay);
            let text = format!(
                "allocation_delay is a time such as 30m, in s, m or h; this is none: {given}"
            );
            return Err(Failure::new(text));
        }
        Ok(Restrict {
            node: StatefulInstanceId::new(self.node.as_deref().unwrap_or_default()),
            target,
            waivers: waivers_of_copies(&self.waivers)?,
            flushes: self.flush,
            shutdown: self.node_shutdown.then_some(delay),
        })
    }
}

fn restricted<'c>(args: Args, reach: Reach<'c>) -> Result<Planned<'c, Returns>, Failure> {
    let order = args.order()?;
    let say = reach.context.progress;
    let progress = Progress::new(&reach.clock, say);
    let hand = reach.hand(&reach.clock, &progress);
    let journal = reach.journal(&args.run_id)?;
    let doing = format!("restrict allocation for node {}", order.target);
    let sight = hand.sight(&doing)?;
    let expected = reach.cluster.expected(&journal.entries().map_err(RollError::from)?);
    if !expected.is_empty() && !expected.contains(&sight.cluster) {
        let (expected, found) = (expected.join(" or "), sight.cluster);
        return Err(ClusterError::OtherCluster { doing, expected, found }.into());
    }
    if order.shutdown.is_some() {
        knows_shutdowns(&sight, &doing)?;
    }
    let run = journal.run();
    let owed = run.cluster_owes(&sight.cluster, &ClusterSetting::Allocation);
    let found = match restriction(owed, &sight.allocation) {
        Restriction::Foreign(evidence) => {
            return Err(ClusterError::Foreign { doing, evidence }.into());
        }
        free => free,
    };
    let before = owed.map_or_else(|| sight.allocation.clone(), |owed| owed.before.clone());
    let elsewhere = hand.look(&order, &sight.cluster, &doing)?;
    if found == Restriction::Due && elsewhere == Ok(Elsewhere::NoNode) {
        return Err(ClusterError::NoNode { doing, target: order.target }.into());
    }
    let node_id = hand.persistent_id(&order.target, &sight.cluster, &doing)?;
    let is_there = found == Restriction::Ours
        && order.shutdown.is_none()
        && matches!(elsewhere, Ok(Elsewhere::All | Elsewhere::NoNode));
    let (session, client) =
        args.connection.open_for(reach.context.world, reach.patience + MARGIN)?;
    let after = Scopes { persistent: Some(PRIMARIES.to_owned()), ..before.clone() };
    let expected = Returns {
        node_id: node_id.clone(),
        ..told(run, Some(&sight.cluster), Some(before.clone()), Some(after.clone()))
    };
    let seen = sight.allocation.clone();
    let message = format!(
        "would set persistent {ALLOCATION} of cluster {} to {PRIMARIES} (it is {seen})",
        sight.cluster
    );
    let run_id = args.run_id;
    let act = move || {
        let clock = session.clock.as_ref();
        let progress = Progress::new(clock, say);
        let world = reach.context.world;
        let roller = rolling::roller(&client, clock, &progress, &reach.runs, world);
        let mut journal = roller.take_up(&run_id)?;
        let hand = reach.hand(clock, &progress);
        let done = hand.restrict(&mut journal, &order, &mut |it| roller.keep_alive(it));
        let done = done.map_err(|error| still_owing(journal.run(), error.into()))?;
        let returns = Returns {
            node_id,
            ..told(journal.run(), Some(&sight.cluster), Some(before), Some(after))
        };
        let verb = if done.changed { "is restricted" } else { "was restricted already" };
        Ok(Outcome {
            changed: done.changed,
            message: Some(format!("allocation of cluster {} {verb} to {PRIMARIES}", sight.cluster)),
            warnings: done.warnings,
            ..Outcome::from(returns)
        })
    };
    if is_there {
        return Ok(Planned::looking_on(expected, act)
            .with_message(format!("allocation is restricted to {PRIMARIES} already")));
    }
    let (old, new) = (json!({ALLOCATION: seen}), json!({ALLOCATION: expected.allocation.as_ref()}));
    Ok(Planned::change(expected, act).with_diff(old, new).with_message(message))
}

fn restored<'c>(args: Args, reach: Reach<'c>) -> Result<Planned<'c, Returns>, Failure> {
    let journal = reach.journal(&args.run_id)?;
    let run = journal.run();
    let owed: Vec<Value> = run.cluster_owed().iter().map(|it| json!(it.to_string())).collect();
    if owed.is_empty() {
        let message = format!("run {} owes no cluster anything", args.run_id);
        return Ok(Planned::unchanged(told(run, None, None, None)).with_message(message));
    }
    let allocation = run
        .cluster_owed()
        .into_iter()
        .find(|it| it.setting == ClusterSetting::Allocation)
        .map(|it| it.before.clone());
    let returns = told(run, None, allocation.clone(), allocation);
    let message = format!("would put back, for run {}: {}", args.run_id, words(&owed));
    let diff = (json!({"to be put back": owed}), json!({"to be put back": []}));
    let act = move || {
        let say = reach.context.progress;
        let progress = Progress::new(&reach.clock, say);
        let world = reach.context.world;
        let claimant = Claimant {
            clock: &reach.clock,
            runs: &reach.runs,
            me: &world.caller,
            liveness: world.liveness,
        };
        let mut journal = claimant.take_to_restore(&args.run_id)?;
        let hand = reach.hand(&reach.clock, &progress);
        let before = journal.run().clone();
        let was_owed = before.cluster_owed().len();
        let put_back = hand.put_back(&mut journal, &mut |_| Ok(()));
        let sight = put_back.and_then(|()| hand.sight("read what is set"));
        let run = journal.run();
        let sight = sight.map_err(|it| rolling::after_changes(it.into(), &before, run))?;
        let still = run.cluster_owed().len();
        if still > 0 && still == was_owed {
            let words: Vec<String> = run.cluster_owed().iter().map(ToString::to_string).collect();
            return Err(Failure::new(format!(
                "cannot put back {}: this is cluster {}, of which run {} has changed nothing",
                words.join("; "),
                sight.cluster,
                args.run_id
            ))
            .with_error_code(Some("CLUSTER_OTHER")));
        }
        let returns = told(run, Some(&sight.cluster), None, Some(sight.allocation));
        let left = returns.left.iter().map(|left| format!("left as it is: {left}"));
        let owed = returns.owed.iter().map(|owed| format!("still to be put back: {owed}"));
        let warnings = left.chain(owed).collect();
        let message =
            format!("put back what run {} has changed of cluster {}", args.run_id, sight.cluster);
        Ok(Outcome { message: Some(message), warnings, ..Outcome::from(returns) })
    };
    Ok(Planned::change(returns, act).with_diff(diff.0, diff.1).with_message(message))
}

/// A failure that leaves something behind says what.
fn still_owing(run: &Run, failure: Failure) -> Failure {
    let owed: Vec<String> = run.cluster_owed().iter().map(ToString::to_string).collect();
    if owed.is_empty() {
        return failure;
    }
    failure.adding(&format!("; still to be put back: {}", owed.join("; "))).changed(true)
}

fn words(owed: &[Value]) -> String {
    owed.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("; ")
}

fn told(
    run: &Run,
    cluster: Option<&str>,
    before: Option<Scopes>,
    allocation: Option<Scopes>,
) -> Returns {
    let left = run.cluster.iter().filter_map(|it| match &it.standing {
        Standing::Left(reason) | Standing::Held(reason) => Some(reason.clone()),
        Standing::Owed | Standing::PutBack | Standing::Kept => None,
    });
    Returns {
        cluster_uuid: cluster.map(str::to_owned),
        before: before.map(Into::into),
        allocation: allocation.map(Into::into),
        node_id: None,
        owed: run.cluster_owed().iter().map(ToString::to_string).collect(),
        left: left.collect(),
    }
}

/// Elasticsearch has the register since 7.15, OpenSearch never had it.
fn knows_shutdowns(sight: &ClusterSight, doing: &str) -> Result<(), Failure> {
    let identity = &sight.identity;
    let mut numbers = identity.version.split('.').map(|it| it.parse::<u32>().unwrap_or(0));
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if identity.product == SearchProduct::Elasticsearch && version >= (7, 15) {
        return Ok(());
    }
    Err(Failure::new(format!(
        "cannot {doing}: node_shutdown needs Elasticsearch 7.15 or later, and this is {:?} {}; leave it out",
        identity.product, identity.version
    )))
}

impl From<ClusterError> for Failure {
    fn from(error: ClusterError) -> Self {
        let (retryable, line) = (error.is_transient(), error.to_string());
        let code = match &error {
            ClusterError::Roll(_) => None,
            ClusterError::Refused { .. } => Some("CLUSTER_REFUSED"),
            ClusterError::Foreign { .. } => Some("CLUSTER_SETTING_FOREIGN"),
            ClusterError::NotSeen { .. } => Some("CLUSTER_NOT_SEEN"),
            ClusterError::OtherCluster { .. } => Some("CLUSTER_OTHER"),
            ClusterError::Alone { .. } => Some("CLUSTER_SHARDS_ALONE"),
            ClusterError::NoNode { .. } => Some("CLUSTER_NO_NODE"),
            ClusterError::Stalled { .. } => Some("CLUSTER_SHUTDOWN_STALLED"),
        };
        match error {
            ClusterError::Roll(error) => error.into(),
            ClusterError::Alone { alone, .. } => {
                let indices: Vec<&String> = alone.0.keys().collect();
                Failure::new(line)
                    .with_error_code(code)
                    .retryable(retryable)
                    .with("indices", json!(indices))
            }
            ClusterError::Refused { .. }
            | ClusterError::Foreign { .. }
            | ClusterError::NotSeen { .. }
            | ClusterError::OtherCluster { .. }
            | ClusterError::NoNode { .. }
            | ClusterError::Stalled { .. } => {
                Failure::new(line).with_error_code(code).retryable(retryable)
            }
        }
    }
}
