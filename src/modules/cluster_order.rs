//! `cluster_order`: in which order the nodes of a cluster are rolled.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::World;
use super::clusters::ClusterArgs;
use super::connection::Connection;
use crate::ansible::{Context, Failure, Module, Planned};
use crate::domain::{Standing, one_line};
use crate::drive::{Observer, Progress, SystemClock, Timing};
use crate::plan::safety::{Candidate, Placed};

/// Tells in which order the nodes of a ZooKeeper, Kafka, Elasticsearch or OpenSearch cluster are to be rolled, by who leads it now.
///
/// It changes nothing. The role `rolling_recycle` asks it before each node, since the lead moves as nodes are rolled.
///
/// Of ZooKeeper observers come first, then followers, then the leader. Of Kafka controllers come first, the active one last of
/// them, then brokers; with ZooKeeper the broker that is the controller comes last. Of Elasticsearch and OpenSearch nodes with data
/// come first, from the frozen tier to the hot one, those that may be elected master after those that may not; then nodes without
/// data, then those that may only be elected; the elected master comes last.
///
/// Among alike nodes it goes zone by zone, the zone of `after_zone` first, and then by what they serve at present: the least first.
/// Without `after_zone` the very first one is the canary, the one of all alike that serves the least.
///
/// While it is not known who leads, because a server does not answer or none is elected, there is no order: it waits, and fails
/// after `wait_timeout`.
#[derive(Deserialize, JsonSchema)]
pub(super) struct Args {
    /// How the cluster is asked, by the options of the gate of its kind.
    cluster: ClusterArgs,
    /// The nodes that have yet to be rolled.
    nodes: Vec<NodeArgs>,
    /// The zone of the node that was rolled last.
    after_zone: Option<String>,
    /// How long it waits until it is known who leads, in seconds.
    #[serde(default = "a_minute")]
    #[schemars(range(max = 86400))]
    wait_timeout: u32,
    #[allow(dead_code, reason = "every module takes them, and this one asks no Spot API")]
    #[serde(flatten)]
    connection: Connection,
}

#[derive(Deserialize, JsonSchema)]
struct NodeArgs {
    /// The stateful instance.
    id: String,
    /// The name that the cluster has for it: `host` or `host:port` of ZooKeeper, `node.name` of Elasticsearch, the id of Kafka.
    member: String,
    /// Its zone.
    zone: Option<String>,
}

fn a_minute() -> u32 {
    60
}

/// What is answered.
#[derive(Serialize, JsonSchema)]
pub(super) struct Returns {
    /// The nodes in their order, with the same names as in `nodes`.
    order: Vec<Ordered>,
}

#[derive(Serialize, JsonSchema)]
struct Ordered {
    /// The stateful instance.
    #[schemars(extend("x-sample" = "ssi-12345678"))]
    id: String,
    /// The name that the cluster has for it.
    member: String,
    /// Its zone, if it was given.
    zone: Option<String>,
    /// `leader`, `follower`, `observer` or `away`.
    #[schemars(extend("x-sample" = "follower"))]
    standing: String,
    /// What it serves at present: connections of ZooKeeper, partitions that a broker leads, copies of shards. Null if it is not told.
    load: Option<u64>,
}

impl From<Placed> for Ordered {
    fn from(Placed { candidate, standing, load }: Placed) -> Self {
        let Candidate { id, member, zone } = candidate;
        Self { id, member, zone, standing: standing.to_string(), load }
    }
}

impl Args {
    fn candidates(&self, observer: &Observer) -> Result<Vec<Candidate>, Failure> {
        let member = |text: &str| match observer {
            Observer::ZooKeeper(_) => {
                crate::drive::gate::ZooKeeper::address(text).map_err(|it| it.to_string())
            }
            Observer::Search(_) | Observer::Kafka(_) => match text.trim() {
                "" => Err("it is empty".to_owned()),
                text => Ok(text.to_owned()),
            },
        };
        let candidate = |node: &NodeArgs| {
            let refused = |why: String| {
                Failure::new(format!("the member of node {}: {why}", one_line(&node.id)))
            };
            let member = member(&node.member).map_err(refused)?;
            let zone = node.zone.clone().filter(|zone| !zone.is_empty());
            Ok(Candidate { id: node.id.clone(), member, zone })
        };
        self.nodes.iter().map(candidate).collect()
    }
}

/// The module.
pub(super) struct ClusterOrder;

impl Module<World> for ClusterOrder {
    type Args = Args;
    type Returns = Returns;

    const NAME: &'static str = "cluster_order";
    const EXAMPLES: &'static str = include_str!("cluster_order.examples.yml");
    const CHANGES: bool = false;

    fn plan<'c>(
        &self,
        args: Args,
        context: Context<'c, World>,
    ) -> Result<Planned<'c, Returns>, Failure> {
        let observer = args.cluster.observer(context.world)?;
        let candidates = args.candidates(&observer)?;
        let clock = SystemClock::start();
        let progress = Progress::new(&clock, context.progress);
        let timing = Timing {
            clock: &clock,
            progress: &progress,
            timeout: args.cluster.timeout(),
            limit: Duration::from_secs(u64::from(args.wait_timeout)),
        };
        let after = args.after_zone.as_deref().filter(|zone| !zone.is_empty());
        let placed = observer.order(&candidates, after, timing).map_err(|error| {
            let text = crate::drive::gate::concealed(&error.to_string(), observer.secrets());
            Failure::new(text).retryable(true)
        })?;
        let leads = placed.iter().find(|it| it.standing == Standing::Leader);
        let message = match leads {
            Some(leader) => format!("node {} leads the cluster", leader.candidate.id),
            None => "none of these nodes leads the cluster".to_owned(),
        };
        let order = placed.into_iter().map(Ordered::from).collect();
        Ok(Planned::unchanged(Returns { order }).with_message(message))
    }
}
