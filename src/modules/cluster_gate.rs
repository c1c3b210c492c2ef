//! `cluster_gate`: wait until named predicates hold, or say which do not.

mod breadth;
mod checks;
mod gates;
mod part;

use std::convert::Infallible;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::World;
use super::connection::Connection;
use crate::ansible::{Context, Failure, Module, Outcome, Planned};
use crate::drive::gate::{Gate, SoFar, Vigil};
use crate::drive::{Progress, SystemClock};
use crate::plan::Verdict;
use crate::plan::gate::{Report, Reported};
pub(super) use checks::Checks;
use part::Part;

/// Waits until a cluster is as it must be, judged by named predicates with their evidence.
///
/// Each look asks all of `gates`. It succeeds when all of them pass in `samples` looks in a row, `spacing` seconds apart, over
/// at least `window` seconds; and fails when that does not come about in time, naming each predicate that does not pass and
/// what was seen. It changes nothing.
///
/// A predicate passes, fails or is unknown. Unknown is what proves nothing about the thing itself, and it never counts as
/// good: the task fails then, too.
///
/// `tcp` passes if the connection is accepted and fails if it is refused. It is unknown if the name cannot be resolved, the
/// network or the machine cannot be reached, or no answer comes in time. An open port alone proves little.
///
/// `http` passes if the status is one of `status` and the value is as expected. It fails if the value is not as expected, or
/// with another status of 200 to 299 or 400 to 499. It is unknown with the statuses 1xx, 3xx, 401, 403, 407, 408, 425, 429 and
/// 5xx unless they are expected, if no answer comes or not in time, without trust in the certificate, if the answer is no JSON
/// where a JSON path is given, if nothing is at the path, if what is there is of another kind than what is expected, or if the
/// answer is longer than a mebibyte. If several values are at the path all must be as expected.
///
/// `command` passes if the exit status is as expected and so is what it writes. It fails if either is not. It is unknown if
/// it cannot be started, is ended by a signal or does not end in time; then it is killed with all that it started.
///
/// `prometheus` passes if every series of the instant query is within the bounds; each is reported as an object of its own. It
/// fails if one is not. It is unknown if the query gives no series (unless `empty` says otherwise), more than 500 of them, a value
/// that is no finite number, an error, or a warning that the result is not whole.
///
/// `zookeeper` asks every server of an ensemble and gives several predicates, named after the gate: `NAME.servers_serve`,
/// `NAME.one_leader`, `NAME.followers_synced` (as many followers are in step with the leader as there are voters besides it,
/// and none is still brought up to date), `NAME.in_broadcast`, `NAME.majority_without_target` (with fewer than three voters no
/// server can be lost), `NAME.same_membership` (all tell the same members, and those are the servers that are asked) and
/// `NAME.few_outstanding`; in `pre` and `post` `NAME.latency_steady` (a request that takes twice as long as any before, and longer than
/// 256 ms, begins the looks in a row anew); in phase `mid` also `NAME.target_stopped`, in phase `post` also `NAME.znodes_alike`. A word
/// that is not in the server's whitelist, an empty and a half answer are unknown.
///
/// `elasticsearch` asks an Elasticsearch or OpenSearch cluster: `NAME.identified`, `NAME.settled` (no shard moves, is made or has no
/// node), `NAME.status` (green; in phase `mid` yellow will do), `NAME.nodes_present` (exactly `nodes`, without `target` in phase
/// `mid`), `NAME.master_elected`, `NAME.voting_majority`. In phase `pre` also `NAME.copies_elsewhere` (each shard with a copy on
/// `target` has another that serves; green does not say that), `NAME.managers_to_spare` (three may be elected, if `target` may), `NAME.roles_elsewhere` by role, `NAME.disk_headroom` by node and
/// `NAME.no_snapshot`; in `mid` and `post` `NAME.copies_serve`; in `post` `NAME.no_recovery`, where what is brought back of a shard is progress; in `pre` and `post` `NAME.nothing_left_over` (allocation is not restricted, no node excluded
/// or registered to be shut down). With `node_id` also `NAME.same_node` in `pre` and `post`. In phase `back` only whether the nodes are
/// members again, `target` with that id: `NAME.identified`, `NAME.nodes_present`, `NAME.master_elected`, `NAME.same_node`. An index that does not pass is an object of its own, and a waiver names those that it covers.
///
/// `kafka` asks a Kafka cluster, with its own quorum or with ZooKeeper: `NAME.identified`, `NAME.brokers_live` (exactly `brokers`,
/// without `target` in phase `mid`), of a `target` that is none of them `NAME.target_known` (it votes in the quorum), `NAME.views_agree` (two brokers or more, none of them `target` and
/// all in step with the quorum, tell the same of all topics; unknown where there is but one besides `target`), `NAME.visible` (what lies on
/// the brokers' disks is what the metadata tells: who is not allowed to see a topic would find all well), `NAME.folders_usable`, `NAME.led`,
/// `NAME.replicas_online`, `NAME.in_sync`, `NAME.above_min_in_sync` (writes are taken without `target`), `NAME.clean_elections`,
/// `NAME.no_reassignment`, and `NAME.quorum_in_step` or, with ZooKeeper, `NAME.controller_known` and before the stop `NAME.ensemble_asked` (a gate of kind `zookeeper` is among `gates`); in `pre` `NAME.voters_to_spare` (three or more vote, whether `target` does or not); in `pre` and `post` `NAME.quorum_steady`
/// (an election begins the looks in a row anew); with `controllers` `NAME.voters_expected`; in phase `post` also
/// `NAME.target_answers` and `NAME.preferred_leaders`. A topic that does not pass is an object of its own, and a waiver names
/// those that it covers. Brokers that cannot be reached, or that do not let one ask, are unknown.
///
/// `ec2` asks EC2 of a machine: `NAME.running`, `NAME.system_status`, `NAME.instance_status` and, where EC2 tells of it,
/// `NAME.volumes_status`. A check that is impaired or has yet to be made fails; what EC2 cannot tell, an instance that it does not
/// list, and credentials that may not ask (`ec2:DescribeInstanceStatus`) are unknown. A build without AWS refuses this kind.
///
/// With `run_id` a gate of kind `elasticsearch` or `kafka` must see the cluster that the first gate of that name in the run saw, by its
/// unique id; another one fails `NAME.identified`. And it fails where another run of the same folder of journals that is not over has
/// seen that cluster before: one node of a cluster at a time may be down, also where its groups were not given one `system`.
///
/// A series that vanishes has not been seen to be well: with other objects than in the look before, counting begins anew.
///
/// In check mode it looks once, reports what it sees and does not fail, since what is to come before has not been done. The
/// commands are run in check mode as well, so they must only look. With `look: false` it does not even look.
#[derive(Deserialize, JsonSchema)]
#[schemars(extend("x-required-together" = [["run_id", "node"]]))]
pub(super) struct Args {
    /// Whether it looks. If not, the options are only read: what cannot be understood fails, nothing is asked or run, and nothing
    /// is proved, so the verdict is `unknown`. Not for the gate of a run, which is there to be looked at.
    #[serde(default = "yes")]
    look: bool,
    /// The run of `recycle_run` that this gate is a part of. While it waits, the run's lease is kept and its suspensions are
    /// renewed, and in the end its report goes into the run's journal. Only then the Spot API is asked at all.
    #[schemars(extend("x-refuses-empty" = "if it is the gate of no run"))]
    run_id: Option<String>,
    /// The stateful instance of the run whose gate it is.
    #[schemars(extend("x-refuses-empty" = "if it is the gate of no run"))]
    node: Option<String>,
    /// Folder of the journals, where `run_id` is given. `~/.local/state/spotinst-esg/runs` when not given.
    #[schemars(extend("x-type" = "path", "x-env" = ["SPOTINST_ESG_STATE_DIR"], "x-refuses-empty" = "for the usual folder"))]
    state_dir: Option<String>,
    #[serde(flatten)]
    checks: Checks,
    #[serde(flatten)]
    connection: Connection,
}

fn yes() -> bool {
    true
}

/// What is answered, of a failure as well.
#[derive(Serialize, JsonSchema)]
pub(super) struct Returns {
    /// What is known of all of it: `pass`, `fail` or `unknown`. In check mode, what the one look found.
    #[schemars(extend("x-returned" = "when it was looked", "x-sample" = "pass"))]
    verdict: String,
    /// What the last look found, in the order of `gates`.
    #[schemars(extend("x-returned" = "when it was looked"))]
    predicates: Vec<Found>,
    /// How often it looked.
    #[schemars(extend("x-returned" = "when it was looked"))]
    looks: u32,
    /// How long it waited, from the first look to the last.
    #[schemars(extend("x-returned" = "when it was looked"))]
    waited_seconds: u64,
}

#[derive(Serialize, JsonSchema)]
struct Found {
    /// The name of the gate.
    name: String,
    /// How it was looked at.
    #[schemars(extend("x-sample" = "prometheus"))]
    kind: String,
    /// What was looked at: an address, a URL without its query, a program, or the labels of a series.
    #[schemars(extend("x-sample" = "{job=\"kafka\"}"))]
    object: String,
    /// `pass`, `fail` or `unknown`.
    verdict: String,
    /// What was seen.
    #[schemars(extend("x-sample" = "12, at most 0 wanted"))]
    evidence: String,
    /// The value that was judged, null if there is none or it is a list or a mapping.
    value: Option<Value>,
    /// Whether it need not pass.
    waived: bool,
}

impl From<Report> for Returns {
    fn from(report: Report) -> Self {
        Self {
            verdict: report.verdict.to_string(),
            predicates: report.predicates.into_iter().map(Found::from).collect(),
            looks: report.looks,
            waited_seconds: report.waited_seconds,
        }
    }
}

impl From<Reported> for Found {
    fn from(Reported { finding, waived }: Reported) -> Self {
        Self {
            name: finding.name,
            kind: finding.kind,
            object: finding.object,
            verdict: finding.verdict.to_string(),
            evidence: finding.evidence,
            value: finding.value,
            waived: waived.is_some(),
        }
    }
}

impl Args {
    /// What is answered where nothing is looked at.
    fn read<'c>(&self) -> Result<Planned<'c, Returns>, Failure> {
        if let Some(run_id) = &self.run_id {
            return Err(Failure::new(format!(
                "option look is false, and run {run_id} relies on what its gates see: leave look or run_id out"
            )));
        }
        let returns = Returns {
            verdict: Verdict::Unknown.to_string(),
            predicates: Vec::new(),
            looks: 0,
            waited_seconds: 0,
        };
        let count = self.checks.gates.len();
        let message = format!("read only, not looked at: {count} predicates can be understood");
        Ok(Planned::unchanged(returns).with_message(message))
    }
}

/// The module.
pub(super) struct ClusterGate;

impl Module<World> for ClusterGate {
    type Args = Args;
    type Returns = Returns;

    const NAME: &'static str = "cluster_gate";
    const EXAMPLES: &'static str = include_str!("cluster_gate.examples.yml");
    const CHANGES: bool = false;

    fn plan<'c>(
        &self,
        args: Args,
        context: Context<'c, World>,
    ) -> Result<Planned<'c, Returns>, Failure> {
        let gate = args.checks.gate(&args.connection, context.world)?;
        if !args.look {
            return args.read();
        }
        let clock = SystemClock::start();
        let progress = Progress::new(&clock, context.progress);
        let part = args.part(context.world)?;
        let known = part.as_ref().map(Part::clusters).transpose()?.unwrap_or_default();
        let mut vigil = Vigil::new(&gate, &clock, &progress).of_clusters(known);
        vigil.look();
        let so_far = vigil.leave();
        let report = so_far.report();
        let message = format!(
            "check mode: looked once and waited for nothing; verdict {}: {report}",
            report.verdict
        );
        let warnings = args.checks.warnings(context.world);
        Ok(Planned::looking_on(report.into(), move || go_on(&gate, &clock, so_far, part, context))
            .with_message(message)
            .with_warnings(warnings))
    }
}

fn go_on(
    gate: &Gate,
    clock: &SystemClock,
    so_far: SoFar,
    part: Option<Part>,
    context: Context<'_, World>,
) -> Result<Outcome<Returns>, Failure> {
    let progress = Progress::new(clock, context.progress);
    let first = so_far.report();
    let vigil = Vigil::resume(gate, clock, &progress, so_far);
    let report = match part {
        Some(part) => part.watch(vigil, &first, &progress, context.world)?,
        None => {
            let Ok(report) = vigil.finish(|| Ok::<_, Infallible>(()));
            report
        }
    };
    let warnings = report.warnings.clone();
    match report.verdict {
        Verdict::Pass => {
            let message = report.to_string();
            let mut outcome = Outcome::from(Returns::from(report));
            (outcome.message, outcome.warnings) = (Some(message), warnings);
            Ok(outcome)
        }
        Verdict::Fail | Verdict::Unknown => Err(shut(report).with_warnings(warnings)),
    }
}

fn shut(report: Report) -> Failure {
    let failure =
        Failure::new(format!("the gate stays shut, verdict {}: {report}", report.verdict));
    let returns = serde_json::to_value(Returns::from(report)).unwrap_or_default();
    let fields = returns.as_object().into_iter().flatten();
    fields.fold(failure.retryable(true), |it, (name, value)| it.with(name, value.clone()))
}
