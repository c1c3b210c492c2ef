//! `kafka_leadership`: partitions are led by the brokers that are to lead them.

use std::cell::RefCell;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::World;
use super::clusters::{AccessArgs, ClusterArgs, ClusterKind, KafkaArgs, TlsArgs};
use super::connection::Connection;
use super::rolling;
use crate::ansible::{Context, Failure, Module, Outcome, Planned};
use crate::domain::{KafkaNodeId, StatefulInstanceId};
use crate::drive::gate::KafkaClient;
use crate::drive::roll::{RollError, StoreError};
use crate::drive::{Elector, LeadershipError, Notes, Observer, Progress, SystemClock};
use crate::plan::roll::{Displaced, Entry};
use crate::plan::safety::{Astray, Leadership};

/// The calls to the Spot API of a task may go on for so much longer than it waits.
const MARGIN: Duration = Duration::from_secs(3600);

/// Has partitions of Kafka led by their preferred replicas again.
///
/// When a broker is stopped others take over what it leads, and keep it when it comes back; without this everything is led in the
/// end by the brokers that were not yet rolled. It asks for the election of the preferred leader of those partitions only whose
/// preferred replica is in sync and does not lead, and looks until they are led so. No partition changes its replicas, and no
/// replica that is not in sync comes to lead.
///
/// It needs `Alter` on the cluster. Where that is not granted it waits for as long for the cluster to do so by itself
/// (`auto.leader.rebalance.enable`, which is on by default and looks every five minutes), warns, and fails with `CLUSTER_REFUSED` if it
/// does not.
///
/// Partitions whose preferred replica is not in sync are left and named in a warning: `cluster_gate` waits for those.
///
/// How the cluster is asked is said either by `cluster`, the mapping that gates and `cluster_order` take, or by the same options one
/// by one. `timeout` is for the Spot API, which is asked only where `run_id` is given.
#[derive(Deserialize, JsonSchema)]
#[schemars(extend(
    "x-required-one-of" = [["cluster", "bootstrap"]],
    "x-mutually-exclusive" = [["cluster", "bootstrap"]],
    "x-required-together" = [["run_id", "node"], ["client_cert", "client_key"]]
))]
pub(super) struct Args {
    /// What is to be.
    #[serde(default)]
    state: State,
    /// The id of a broker: only what it is to lead. Without it everything.
    target: Option<KafkaNodeId>,
    /// How long it is waited for, in seconds.
    #[serde(default = "two_minutes")]
    #[schemars(range(min = 1, max = 86400))]
    wait_timeout: u32,
    /// How the cluster is asked, as one mapping; of kind `kafka`.
    cluster: Option<ClusterArgs>,
    /// The run of `recycle_run` that it is a part of. Then the partitions and their leaders go into its journal before it is asked
    /// for, and its lease is kept.
    run_id: Option<String>,
    /// The stateful instance of the run for which it is done.
    node: Option<String>,
    /// Folder of the journals, where `run_id` is given. `~/.local/state/spotinst-esg/runs` when not given.
    #[schemars(extend("x-type" = "path", "x-env" = ["SPOTINST_ESG_STATE_DIR"], "x-refuses-empty" = "for the usual folder"))]
    state_dir: Option<String>,
    #[serde(flatten)]
    access: AccessArgs,
    #[serde(flatten)]
    kafka: KafkaArgs,
    #[serde(flatten)]
    tls: TlsArgs,
    #[serde(flatten)]
    connection: Connection,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    /// Every partition is led by its preferred replica, if that is in sync.
    #[default]
    Preferred,
}

fn two_minutes() -> u32 {
    120
}

/// What is answered.
#[derive(Serialize, JsonSchema)]
pub(super) struct Returns {
    /// What is, or would be, led by others than before.
    partitions: Vec<Moved>,
    /// What is left, since the replica that is to lead it is not in sync.
    not_in_sync: Vec<Moved>,
}

#[derive(Serialize, JsonSchema)]
struct Moved {
    /// The topic.
    topic: String,
    /// The partition's number.
    partition: i32,
    /// Who led it; null if nobody did.
    leader: Option<KafkaNodeId>,
    /// Who is to lead it.
    preferred: KafkaNodeId,
}

impl From<&Astray> for Moved {
    fn from(Astray { partition, leader, preferred }: &Astray) -> Self {
        let (topic, partition) = (partition.topic.clone(), partition.number);
        Self { topic, partition, leader: *leader, preferred: *preferred }
    }
}

fn returns(astray: &[Astray], behind: &[Astray]) -> Returns {
    let moved = |list: &[Astray]| list.iter().map(Into::into).collect();
    Returns { partitions: moved(astray), not_in_sync: moved(behind) }
}

/// The module.
pub(super) struct KafkaLeadership;

impl Module<World> for KafkaLeadership {
    type Args = Args;
    type Returns = Returns;

    const NAME: &'static str = "kafka_leadership";
    const EXAMPLES: &'static str = include_str!("kafka_leadership.examples.yml");
    const CHANGES: bool = true;

    fn plan<'c>(
        &self,
        mut args: Args,
        context: Context<'c, World>,
    ) -> Result<Planned<'c, Returns>, Failure> {
        let State::Preferred = args.state;
        let cluster = args.cluster.take().unwrap_or_else(|| {
            let (access, tls) = (std::mem::take(&mut args.access), std::mem::take(&mut args.tls));
            ClusterArgs::kafka(access, std::mem::take(&mut args.kafka), tls)
        });
        let kafka = asked(&cluster, context.world)?;
        let clusters = cluster.expected(&args.entries(context.world)?);
        let (clock, timeout) = (SystemClock::start(), cluster.timeout());
        let (patience, target) = (Duration::from_secs(u64::from(args.wait_timeout)), args.target);
        let found = {
            let progress = Progress::new(&clock, context.progress);
            let (kafka, clock, progress, clusters) = (&*kafka, &clock, &progress, &*clusters);
            Elector { kafka, timeout, clock, progress, patience, target, clusters }.look()?
        };
        let Leadership { astray, behind } = found;
        let mut warnings = cluster.warnings(context.world);
        warnings.extend(behind.iter().map(|it| format!("{it}, which is not in sync")));
        let answer = returns(&astray, &behind);
        if astray.is_empty() {
            let message = "every preferred replica that is in sync leads".to_owned();
            return Ok(Planned::unchanged(answer).with_message(message).with_warnings(warnings));
        }
        let leaders = |of: &dyn Fn(&Astray) -> Value| -> Value {
            astray
                .iter()
                .map(|it| (it.partition.to_string(), of(it)))
                .collect::<serde_json::Map<_, _>>()
                .into()
        };
        let (before, after) = (leaders(&|it| json!(it.leader)), leaders(&|it| json!(it.preferred)));
        let message = format!("would have {} preferred leaders elected", astray.len());
        let act = move || {
            let progress = Progress::new(&clock, context.progress);
            let (kafka, clock, progress, clusters) = (&*kafka, &clock, &progress, &*clusters);
            let elector = Elector { kafka, timeout, clock, progress, patience, target, clusters };
            let mut asked = Vec::new();
            let refused = elect(&args, &elector, context, &mut asked)
                .map_err(|failure| after_asking(failure, &asked))?;
            let message = match &refused {
                None => format!("{} partitions are led by their preferred replicas", asked.len()),
                Some(_) => "the preferred replicas came to lead by themselves".to_owned(),
            };
            let warnings = refused.map(|why| format!("an election is not allowed: {why}"));
            Ok(Outcome {
                changed: !asked.is_empty(),
                message: Some(message),
                warnings: warnings.into_iter().collect(),
                ..Outcome::from(returns(&asked, &behind))
            })
        };
        Ok(Planned::change(answer, act)
            .with_diff(before, after)
            .with_message(message)
            .with_warnings(warnings))
    }
}

impl Args {
    /// What the run's journal says, if there is one; a run that is not there yet, as in check mode, has none.
    fn entries(&self, world: &World) -> Result<Vec<Entry>, Failure> {
        let Some(run_id) = &self.run_id else { return Ok(Vec::new()) };
        match rolling::runs(self.state_dir.as_deref(), world)?.open(run_id) {
            Ok(journal) => Ok(journal.entries().map_err(RollError::from)?),
            Err(StoreError::NoRun { .. }) => Ok(Vec::new()),
            Err(error) => Err(RollError::from(error).into()),
        }
    }
}

fn asked(cluster: &ClusterArgs, world: &World) -> Result<Box<dyn KafkaClient>, Failure> {
    match cluster.observer(world)? {
        Observer::Kafka(kafka) => Ok(kafka),
        Observer::ZooKeeper(_) | Observer::Search(_) => Err(Failure::new(format!(
            "cluster: it is of kind {}, and only {} has leaders of partitions",
            cluster.kind.as_str(),
            ClusterKind::Kafka.as_str()
        ))),
    }
}

/// Has them elected, as a part of a run if there is one; answers why it was not allowed, though it came about.
fn elect(
    args: &Args,
    elector: &Elector<'_>,
    context: Context<'_, World>,
    asked: &mut Vec<Astray>,
) -> Result<Option<String>, Failure> {
    let (Some(run_id), Some(node)) = (&args.run_id, &args.node) else {
        let notes = Notes { before: &mut |_| Ok(()), beat: &mut || Ok(()) };
        return Ok(elector.elect(notes, asked)?);
    };
    let world = context.world;
    let (session, client) = args.connection.open_for(world, elector.patience + MARGIN)?;
    let runs = rolling::runs(args.state_dir.as_deref(), world)?;
    let clock = session.clock.as_ref();
    let roller = rolling::roller(&client, clock, elector.progress, &runs, world);
    let node = StatefulInstanceId::new(node);
    // Two who write, one after the other.
    let journal = RefCell::new(roller.take_up(run_id)?);
    let mut before = |astray: &[Astray]| {
        let displaced = astray.iter().map(|it| Displaced {
            partition: it.partition.to_string(),
            leader: it.leader,
            preferred: it.preferred,
        });
        roller.note_electing(&mut journal.borrow_mut(), &node, displaced.collect())
    };
    let mut beat = || -> Result<(), RollError> { roller.keep_alive(&mut journal.borrow_mut()) };
    Ok(elector.elect(Notes { before: &mut before, beat: &mut beat }, asked)?)
}

/// Leaders that were asked for may lead by the time that it fails.
fn after_asking(failure: Failure, asked: &[Astray]) -> Failure {
    if asked.is_empty() {
        return failure;
    }
    let words = format!("; by then {} partitions may be led by others than before", asked.len());
    failure.adding(&words).changed(true)
}

impl From<LeadershipError> for Failure {
    fn from(error: LeadershipError) -> Self {
        match error {
            LeadershipError::Roll(error) => error.into(),
            LeadershipError::Refused { .. } => {
                Self::new(error.to_string()).with_error_code(Some("CLUSTER_REFUSED"))
            }
            LeadershipError::NotSeen { .. } => Self::new(error.to_string())
                .with_error_code(Some("CLUSTER_NOT_SEEN"))
                .retryable(true),
        }
    }
}
