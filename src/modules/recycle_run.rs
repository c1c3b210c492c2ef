//! `recycle_run`: begin a roll, note where it is, end it.

mod alike;
mod answer;

use std::collections::BTreeMap;
use std::mem::take;
use std::path::Path;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::World;
use super::clusters::{ClusterArgs, Reached};
use super::connection::Connection;
use super::rolling::{self, Made, RollOptions, SETTING_UP};
use crate::ansible::{Context, Failure, Module, Outcome, Planned};
use crate::domain::{Clock, StatefulInstanceId};
use crate::drive::Progress;
use crate::drive::roll::{Beginning, RollError, Roller, Start};
use crate::plan::roll::{
    Finding, MidGate, Opening, PROOFS, Phase, come_up, ignored_options, is_kept_by, run_id,
    runs_command,
};
use answer::Returns;

/// Begins a roll of a stateful Elastigroup, notes which phase each of its nodes enters, and ends it with every setting as it was
/// found.
///
/// The role `rolling_recycle` calls it; so can a playbook of your own.
///
/// `started` plans as `recycle_plan` does and refuses if anything stands in the way. It takes a lease on the group and its
/// system, writes a journal, and suspends what would replace or add machines by itself, each for a limited time that is prolonged
/// while the run lives. A run with the same aim that was cut off is gone on with instead: it keeps its plan, and a warning names
/// each other option that is not as it was when it began. If nothing is to be done nothing is changed. If every instance is as
/// wanted and the group's image is not, the run has no nodes, and `finished` sets the image.
///
/// `advanced` notes that a node enters a phase. Before `pre_gate` and `mid_gate` it waits until every other instance runs.
///
/// The image, and a persisted root, are set just before the first recycle, by `stateful_instance` with `run_id`.
///
/// `finished` puts everything back: suspensions, root persistence and, unless the roll is complete, the image. What someone else
/// has set meanwhile is left and told. What the run has changed of a cluster (`elasticsearch_allocation`) goes back first, by option
/// `cluster`; without access to it the run stays open, and the task fails with what is owed where.
///
/// A node that is between losing its machine and being proved to be back freezes the run: then a person has to look, and let it go
/// on with `spotinst-esg runs resume` or give it up with `spotinst-esg runs restore`. While its new machine is not proved it may yet
/// boot, so image and root persistence then stay as the run has set them, and what is suspended stays so for a day, that no other
/// node boots from them; `left` tells it.
#[derive(Deserialize, JsonSchema)]
#[schemars(extend(
    "x-mutually-exclusive" = [["image_id", "image", "image_ssm_parameter", "launched_after", "rollback_of"]],
    "x-required-if" = [
        ["state", "advanced", ["run_id", "node", "phase"]],
        ["state", "finished", ["run_id"]]
    ]
))]
pub(super) struct Args {
    /// What is done.
    #[serde(default)]
    state: State,
    /// The Elastigroup, such as `sig-12345678`. `started` needs it, unless `rollback_of` tells it.
    #[schemars(extend("x-aliases" = ["esg_id", "esg", "elastigroup_id"]))]
    group_id: Option<String>,
    /// The run, as `started` answered it.
    run_id: Option<String>,
    /// The stateful instance that enters a phase.
    node: Option<String>,
    /// The phase that it enters.
    phase: Option<PhaseArg>,
    /// Why, when a node is frozen or a roll ends early.
    reason: Option<String>,
    /// For how many minutes processes are suspended at a time.
    #[serde(default = "an_hour")]
    #[schemars(range(min = 15, max = 10080))]
    suspend_minutes: u32,
    /// Whether the image is put back if the roll does not end well.
    #[serde(default = "yes")]
    revert_image_on_abort: bool,
    /// How long other instances are waited for before `pre_gate` and `mid_gate`, in seconds.
    #[serde(default = "a_quarter")]
    #[schemars(range(min = 0))]
    wait_timeout: u32,
    /// For `started`: whether a gate must have passed before a machine is given up. Then none is before `cluster_gate`, with `run_id`
    /// and `node`, has passed since the node entered `mid_gate`. Without, nothing shows that the cluster does without the node.
    #[serde(default = "yes")]
    require_mid_gate: bool,
    /// For `started`: what the caller proves of each node besides, by words of its own, such as `services` or `gates_after 1`. The run
    /// keeps them, and who goes on with it must prove no less: else its last nodes would count like its first.
    #[serde(default)]
    proofs: Vec<String>,
    /// How the cluster is asked whose settings the run may have changed, by the options of the gate of its kind. `finished` puts
    /// back by it what is still owed there, before anything else, and so does `started` with what was cut off. Without it a run
    /// that owes a cluster something does not end, while its group's settings are put back all the same.
    cluster: Option<ClusterArgs>,
    #[serde(flatten)]
    roll: RollOptions,
    #[serde(flatten)]
    connection: Connection,
}

impl Args {
    /// What a journal keeps of the options besides the aim.
    fn kept(&self, made: &Made) -> BTreeMap<String, Value> {
        let mut kept = made.options.kept(&made.survey.group.id);
        kept.extend([
            ("suspend_minutes".to_owned(), json!(self.suspend_minutes)),
            ("revert_image_on_abort".to_owned(), json!(self.revert_image_on_abort)),
            ("require_mid_gate".to_owned(), json!(self.require_mid_gate)),
            (PROOFS.to_owned(), json!(self.proofs)),
        ]);
        kept
    }
}

fn an_hour() -> u32 {
    60
}

fn yes() -> bool {
    true
}

fn a_quarter() -> u32 {
    900
}

#[derive(Clone, Copy, Default, Deserialize, JsonSchema, Serialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum State {
    /// The roll is begun, or gone on with.
    #[default]
    Started,
    /// A node has entered a phase.
    Advanced,
    /// The roll is ended.
    Finished,
}

#[derive(Clone, Copy, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum PhaseArg {
    /// Whether the cluster can do without it is being looked at.
    PreGate,
    /// Its work is handed to others.
    Draining,
    /// Its service is being stopped.
    Stopped,
    /// Whether the cluster really does without it is being looked at.
    MidGate,
    /// Whether the new machine has the old one's data is being looked at.
    Identity,
    /// Its service is being started.
    Starting,
    /// Whether the cluster has it back is being looked at.
    PostGate,
    /// It is watched for a while.
    Baking,
    /// It is rolled.
    Done,
    /// Nothing more is done until a person has looked.
    Frozen,
}

impl PhaseArg {
    /// None for a freeze.
    fn phase(self) -> Option<Phase> {
        Some(match self {
            Self::PreGate => Phase::PreGate,
            Self::Draining => Phase::Draining,
            Self::Stopped => Phase::Stopped,
            Self::MidGate => Phase::MidGate,
            Self::Identity => Phase::Identity,
            Self::Starting => Phase::Starting,
            Self::PostGate => Phase::PostGate,
            Self::Baking => Phase::Baking,
            Self::Done => Phase::Done,
            Self::Frozen => return None,
        })
    }
}

/// The module.
pub(super) struct RecycleRun;

impl Module<World> for RecycleRun {
    type Args = Args;
    type Returns = Returns;

    const NAME: &'static str = "recycle_run";
    const EXAMPLES: &'static str = include_str!("recycle_run.examples.yml");
    const CHANGES: bool = true;

    fn plan<'c>(
        &self,
        args: Args,
        context: Context<'c, World>,
    ) -> Result<Planned<'c, Returns>, Failure> {
        match args.state {
            State::Started => start(args, context),
            State::Advanced => advance(args, context),
            State::Finished => finish(args, context),
        }
    }
}

fn start<'c>(args: Args, context: Context<'c, World>) -> Result<Planned<'c, Returns>, Failure> {
    let group = args.roll.group(args.group_id.as_deref(), context.world)?;
    let made =
        rolling::make(&args.roll, &args.connection, &group, context.world, context.progress)?;
    let Made { draft, survey, opening, .. } = &made;
    let mut warnings = draft.warnings.clone();
    let returns = match opening {
        Some(Opening::Adopt(run)) => Returns::gone_on(&made, run),
        Some(Opening::Begin | Opening::PutBack(_)) | None => {
            Returns::planned(&made, &args.roll.system(&group))
        }
    };
    let message = rolling::told(draft, survey);
    let adopted = match opening {
        Some(Opening::Adopt(run)) => {
            args.is_alike(run, made.runs.named())?;
            warnings.extend(ignored_options(&run.plan, &args.kept(&made)));
            let blockers = come_up(run, &draft.findings);
            if is_kept_by(run, &blockers) {
                let blockers = blockers.into_iter().cloned().collect();
                let error = RollError::Blocked { group: group.to_string(), blockers };
                return Err(returns.evidence(Failure::from(error)).with_warnings(warnings));
            }
            let told = |it: &Finding| format!("{} is seen through all the same: {it}", run.id());
            warnings.extend(blockers.into_iter().map(told));
            Some(run.id().to_owned())
        }
        Some(Opening::PutBack(runs)) => {
            let ids: Vec<&str> = runs.iter().map(|run| run.id()).collect();
            warnings.push(format!("a run that was cut off is ended first: {}", ids.join(", ")));
            None
        }
        Some(Opening::Begin) | None => None,
    };
    let must_put_back = matches!(opening, Some(Opening::PutBack(_)));
    // What was cut off is put back in any case; then it is planned anew.
    if adopted.is_none() && !must_put_back {
        let blockers: Vec<_> = draft.blockers().into_iter().cloned().collect();
        if !blockers.is_empty() {
            let error = RollError::Blocked { group: group.to_string(), blockers };
            return Err(returns.evidence(Failure::from(error)).with_warnings(warnings));
        }
        if draft.is_idle() {
            return Ok(Planned::unchanged(returns).with_message(message).with_warnings(warnings));
        }
    }
    if let Some(Opening::Adopt(run)) = opening
        && run.holder.as_ref() == Some(&context.world.caller)
    {
        let journal = made.runs.open(run.id()).map_err(RollError::from)?;
        let message = format!("run {} is begun already", run.id());
        let returns = Returns::begun(&made, &journal, true, Vec::new());
        return Ok(Planned::unchanged(returns).with_message(message).with_warnings(warnings));
    }
    let message = match &adopted {
        Some(id) => format!("would go on with run {id}, which was cut off"),
        None => format!("would start: {message}"),
    };
    let diff = answer::diff(&made);
    Ok(Planned::change(returns, move || begin(&args, made, context))
        .with_diff(diff.0, diff.1)
        .with_message(message)
        .with_warnings(warnings))
}

fn begin(
    args: &Args,
    made: Made,
    context: Context<'_, World>,
) -> Result<Outcome<Returns>, Failure> {
    let mut ended = Vec::new();
    begin_after(args, made, context, &mut ended).map_err(|failure| {
        if ended.is_empty() {
            return failure;
        }
        let words = format!(
            "; before that, what was cut off was ended and its settings put back: {}",
            ended.join(", ")
        );
        failure.adding(&words).changed(true).with("put_back", ended)
    })
}

/// Begins, and keeps in `ended` which runs were ended for it.
fn begin_after(
    args: &Args,
    mut made: Made,
    context: Context<'_, World>,
    ended: &mut Vec<String>,
) -> Result<Outcome<Returns>, Failure> {
    loop {
        match attempt(args, &made, context)? {
            Beginning::Begun(begun) => {
                let (run, path) = (begun.journal.run(), begun.journal.path().display());
                let verb = if begun.is_resumed { "goes on" } else { "started" };
                let (id, done, count) = (run.id(), run.done(), run.nodes.len());
                let message =
                    format!("run {id} {verb}: {done} of {count} nodes done; journal {path}");
                let returns = Returns::begun(&made, &begun.journal, begun.is_resumed, take(ended));
                let outcome = Outcome::from(returns);
                return Ok(Outcome { message: Some(message), ..outcome });
            }
            Beginning::PutBack(ids) => ended.extend(ids),
        }
        let group = made.survey.group.id.clone();
        made =
            rolling::make(&args.roll, &args.connection, &group, context.world, context.progress)?;
        let has_more = made.opening.as_ref().is_none_or(|opening| *opening != Opening::Begin);
        if made.draft.is_idle() && !has_more {
            let returns = Returns::planned(&made, &args.roll.system(&group)).after(take(ended));
            let message = "a run that was cut off was ended; nothing is to be rolled".to_owned();
            return Ok(Outcome { message: Some(message), ..Outcome::from(returns) });
        }
    }
}

fn attempt(args: &Args, made: &Made, context: Context<'_, World>) -> Result<Beginning, Failure> {
    let Made { session, client, account, runs, survey, draft, .. } = made;
    let clock = session.clock.as_ref();
    let progress = Progress::new(clock, context.progress);
    let reached = Reached::of(args.cluster.as_ref(), context.world);
    let roller = Roller {
        cluster: reached.access(),
        ..rolling::roller(client, clock, &progress, runs, context.world)
    };
    let system = args.roll.system(&survey.group.id);
    let start = Start {
        run_id: run_id(clock.now(), &survey.group.id, &system, context.world.seed),
        account: account.clone(),
        system,
        suspend_minutes: args.suspend_minutes,
        revert_image_on_abort: args.revert_image_on_abort,
        mid_gate: if args.require_mid_gate { MidGate::Required } else { MidGate::None },
        options: args.kept(made),
    };
    Ok(roller.begin(&start, draft, survey)?)
}

fn advance<'c>(args: Args, context: Context<'c, World>) -> Result<Planned<'c, Returns>, Failure> {
    let run_id = args.run_id.clone().unwrap_or_default();
    let id = StatefulInstanceId::new(args.node.clone().unwrap_or_default());
    let returns = || Returns::of(&run_id);
    let patience = Duration::from_secs(args.wait_timeout.into());
    let (session, client) = args.connection.open_for(context.world, patience + SETTING_UP)?;
    let runs = args.roll.runs(context.world)?;
    {
        // Also in check mode: a run that is another's, or over, or without the node, is gone on with by nobody.
        let progress = Progress::new(session.clock.as_ref(), context.progress);
        let clock = session.clock.as_ref();
        let roller = rolling::roller(&client, clock, &progress, &runs, context.world);
        let journal = roller.take_up(&run_id)?;
        rolling::node_of(journal.run(), &id, &format!("advance node {id} of run {run_id}"))?;
    }
    let act = {
        let (run_id, answer) = (run_id.clone(), returns());
        move || {
            let clock = session.clock.as_ref();
            let progress = Progress::new(clock, context.progress);
            let roller = rolling::roller(&client, clock, &progress, &runs, context.world);
            let mut journal = roller.take_up(&run_id)?;
            let message = match args.phase.and_then(PhaseArg::phase) {
                Some(phase) => {
                    roller.advance(&mut journal, &id, phase, patience)?;
                    roller.place(journal.run(), &id).to_string()
                }
                None => {
                    let reason =
                        args.reason.unwrap_or_else(|| "the caller asked for it".to_owned());
                    let message = format!("run {run_id} is frozen at {id}: {reason}");
                    roller.freeze(&mut journal, Some(id), reason)?;
                    message
                }
            };
            Ok(Outcome { message: Some(message), ..Outcome::from(answer) })
        }
    };
    // A note changes nothing of the group.
    Ok(Planned::looking_on(returns(), act))
}

/// What to do about a run that could not be ended.
fn stays_open(run_id: &str, state_dir: Option<&Path>) -> String {
    format!(
        "; run {run_id} stays open: see to the cause and end it again, which goes on where this failed, or give it up with `{}`",
        runs_command("restore", run_id, state_dir)
    )
}

fn finish<'c>(args: Args, context: Context<'c, World>) -> Result<Planned<'c, Returns>, Failure> {
    let run_id = args.run_id.clone().unwrap_or_default();
    let (session, client) = args.connection.open_for(context.world, SETTING_UP)?;
    let runs = args.roll.runs(context.world)?;
    let journal = runs.open(&run_id).map_err(RollError::from)?;
    let returns = Returns::ended(journal.run());
    if let Some(ended) = &journal.run().ended {
        let message = format!("run {run_id} has ended already: {}", ended.outcome.as_str());
        return Ok(Planned::unchanged(returns).with_message(message));
    }
    {
        let progress = Progress::new(session.clock.as_ref(), context.progress);
        let clock = session.clock.as_ref();
        rolling::roller(&client, clock, &progress, &runs, context.world).take_up(&run_id)?;
    }
    let outcome = journal.run().outcome();
    let mut owed: Vec<String> =
        journal.run().cluster_owed().iter().map(ToString::to_string).collect();
    owed.extend(journal.run().owed(outcome).iter().map(|it| it.as_str().to_owned()));
    let diff = (json!({"to be put back": owed}), json!({"to be put back": []}));
    let image = journal.run().image_to_keep().and_then(|change| change.image_to);
    let image = image.map(|image| format!("; the group's image is to be {image}"));
    let message = format!(
        "would end run {run_id} as {}, and put back: {}{}",
        outcome.as_str(),
        owed.join(", "),
        image.unwrap_or_default()
    );
    let act = move || {
        let clock = session.clock.as_ref();
        let progress = Progress::new(clock, context.progress);
        let reached = Reached::of(args.cluster.as_ref(), context.world);
        let roller = Roller {
            cluster: reached.access(),
            ..rolling::roller(&client, clock, &progress, &runs, context.world)
        };
        let mut journal = roller.take_up(&run_id)?;
        let before = journal.run().clone();
        roller.finish(&mut journal, args.reason).map_err(|error| {
            let is_owed = matches!(error, RollError::ClusterOwed { .. });
            let failure = Failure::from(error).changed(is_owed);
            let failure = rolling::after_changes(failure, &before, journal.run());
            if is_owed { failure } else { failure.adding(&stays_open(&run_id, runs.named())) }
        })?;
        let run = journal.run();
        let left = run
            .left
            .iter()
            .map(|(setting, why)| format!("{} is left: {why}", setting.as_str()))
            .chain(run.cluster.iter().filter_map(answer::left_of_cluster));
        let held = run.held_reasons();
        let held = held.iter().map(|(setting, why)| format!("{} {why}", setting.as_str()));
        Ok(Outcome {
            message: Some(answer::summary(run)),
            warnings: left.chain(held).collect(),
            ..Outcome::from(Returns::ended(run))
        })
    };
    Ok(Planned::change(returns, act).with_diff(diff.0, diff.1).with_message(message))
}
