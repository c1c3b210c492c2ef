//! What the module answers.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::ansible::Failure;
use crate::drive::roll::Journal;
use crate::modules::rolling::{self, Made, PlannedNode, ShownChange, ShownFinding};
use crate::plan::roll::{ClusterRecord, NodeRun, Outcome, Phase, Run, Standing, told};
use jiff::SignedDuration;

/// What is answered.
#[derive(Default, Serialize, JsonSchema)]
pub(in crate::modules) struct Returns {
    /// The run; null if there is none, because nothing is to be done or because of check mode.
    #[schemars(extend("x-returned" = "always"))]
    run_id: Option<String>,
    /// The file of its journal; null if there is no run.
    #[schemars(extend("x-returned" = "state is started"))]
    journal: Option<String>,
    /// The folder of its journal, where that is not the usual one: commands about it have to name it with `--state-dir`.
    #[schemars(extend("x-returned" = "state is started"))]
    state_dir: Option<String>,
    /// Whether it had been cut off before; in check mode, whether one that was is gone on with.
    #[schemars(extend("x-returned" = "state is started"))]
    resumed: bool,
    /// Runs that were cut off and have been ended first.
    #[schemars(extend("x-returned" = "state is started"))]
    put_back: Vec<String>,
    /// The group.
    #[schemars(extend("x-returned" = "state is started"))]
    group_id: Option<String>,
    /// The logical system.
    #[schemars(extend("x-returned" = "state is started"))]
    system: Option<String>,
    /// The image that a recycled instance boots from.
    #[schemars(extend("x-returned" = "state is started"))]
    image_id: Option<String>,
    /// What is, or would be, recycled, in order. Those that are done already are not in it.
    #[schemars(extend("x-returned" = "state is started"))]
    nodes: Vec<PlannedNode>,
    /// The zone that is begun and not ended, for option `after_zone` of `cluster_order`: that of the node that was done last or, of a
    /// roll that begins, where the machine is that was launched last of those that are as wanted already. Null if there is none.
    #[schemars(extend("x-returned" = "state is started"))]
    last_zone: Option<String>,
    /// What is left alone.
    // Not `skipped`: Ansible takes an answer with that key for a task that was skipped.
    #[schemars(extend("x-returned" = "state is started"))]
    left_alone: Vec<PlannedNode>,
    /// What is, or would be, changed of the group.
    #[schemars(extend("x-returned" = "state is started"))]
    changes: Vec<ShownChange>,
    /// Everything that was judged.
    #[schemars(extend("x-returned" = "state is started"))]
    predicates: Vec<ShownFinding>,
    /// How long it takes by earlier rolls, in seconds; null without any.
    #[schemars(extend("x-returned" = "state is started"))]
    expected_seconds: Option<f64>,
    /// `completed`, `aborted` or `frozen`.
    #[schemars(extend("x-returned" = "state is finished"))]
    outcome: Option<String>,
    /// Why it did not end well.
    #[schemars(extend("x-returned" = "state is finished"))]
    reason: Option<String>,
    /// How long each node took.
    #[schemars(extend("x-returned" = "state is finished"))]
    summary: Vec<NodeSummary>,
    /// Settings that are left as they are, with the reason: someone else has set them meanwhile, or the run is frozen at a node that
    /// may yet boot from them.
    #[schemars(extend("x-returned" = "state is finished"))]
    left: BTreeMap<String, String>,
}

/// How long a node took.
#[derive(Serialize, JsonSchema)]
struct NodeSummary {
    /// The stateful instance.
    id: String,
    /// Where it is.
    phase: String,
    /// The EC2 instance that it runs as, as far as the run knows.
    instance_id: Option<String>,
    /// Seconds in each phase.
    seconds: BTreeMap<String, f64>,
    /// Seconds in all of them.
    total_seconds: f64,
}

impl From<&NodeRun> for NodeSummary {
    fn from(node: &NodeRun) -> Self {
        // A sum of nothing is -0.0.
        let tenths = |seconds: f64| (seconds * 10.0).round() / 10.0 + 0.0;
        let seconds = |(phase, spent): (&Phase, &f64)| (phase.as_str().to_owned(), tenths(*spent));
        Self {
            id: node.planned.id.to_string(),
            phase: node.phase.as_str().to_owned(),
            instance_id: node.instance_id().map(ToString::to_string),
            seconds: node.spent.iter().map(seconds).collect(),
            total_seconds: tenths(node.total_seconds()),
        }
    }
}

impl Returns {
    /// Nothing but the run.
    pub(super) fn of(run_id: &str) -> Self {
        Self { run_id: Some(run_id.to_owned()), ..Self::default() }
    }

    /// What would be done.
    pub(super) fn planned(made: &Made, system: &str) -> Self {
        let Made { draft, survey, .. } = made;
        Self {
            group_id: Some(survey.group.id.to_string()),
            system: Some(system.to_owned()),
            image_id: draft.target.image_id.as_ref().map(ToString::to_string),
            nodes: rolling::shown_nodes(&draft.nodes, true),
            last_zone: draft.begun_zone.clone(),
            left_alone: rolling::shown_nodes(&draft.skipped, false),
            changes: rolling::shown_changes(survey, draft),
            predicates: draft.findings.iter().map(Into::into).collect(),
            expected_seconds: draft.expected_seconds,
            ..Self::default()
        }
    }

    /// What was begun.
    pub(super) fn begun(
        made: &Made,
        journal: &Journal,
        is_resumed: bool,
        put_back: Vec<String>,
    ) -> Self {
        Self {
            run_id: Some(journal.run().id().to_owned()),
            journal: Some(journal.path().display().to_string()),
            state_dir: made.runs.named().map(|folder| folder.display().to_string()),
            resumed: is_resumed,
            put_back,
            ..Self::gone_on(made, journal.run())
        }
    }

    /// What is left to do of a run, which its own plan says and not the present look: a node in the middle of its recycle is
    /// nothing that would be rolled now.
    pub(super) fn gone_on(made: &Made, run: &Run) -> Self {
        let nodes = rolling::nodes_of(run);
        let mut planned = Self::planned(made, &run.plan.system);
        planned.left_alone.retain(|alone| nodes.iter().all(|node| node.id != alone.id));
        Self {
            resumed: true,
            image_id: run.plan.target.image_id.as_ref().map(ToString::to_string),
            nodes,
            last_zone: run
                .last_zone()
                .map_or_else(|| planned.last_zone.clone(), |zone| Some(zone.to_owned())),
            changes: rolling::changes_of(run),
            predicates: rolling::findings_of(run, &made.draft.findings),
            expected_seconds: run.plan.expected_seconds,
            ..planned
        }
    }

    /// After these runs were ended.
    pub(super) fn after(self, put_back: Vec<String>) -> Self {
        Self { put_back, ..self }
    }

    /// How it ended, or stands.
    pub(super) fn ended(run: &Run) -> Self {
        let ended = run.ended.as_ref();
        let held = if ended.is_some() { run.held_reasons() } else { BTreeMap::new() };
        let left = run.left.clone().into_iter().chain(held);
        let left = left.map(|(setting, why)| (setting.as_str().to_owned(), why));
        Self {
            run_id: Some(run.id().to_owned()),
            outcome: Some(ended.map_or_else(|| run.outcome(), |it| it.outcome).as_str().to_owned()),
            reason: ended.and_then(|ended| ended.reason.clone()),
            summary: run.nodes.iter().map(Into::into).collect(),
            left: left.collect(),
            ..Self::default()
        }
    }

    /// What a refusal tells besides its line.
    pub(super) fn evidence(&self, failure: Failure) -> Failure {
        let value = |it: Result<Value, _>| it.unwrap_or_default();
        failure
            .with("predicates", value(serde_json::to_value(&self.predicates)))
            .with("nodes", value(serde_json::to_value(&self.nodes)))
    }
}

/// What `--diff` shows of a start.
pub(super) fn diff(made: &Made) -> (Value, Value) {
    let Made { draft, survey, .. } = made;
    let images = |to: Option<&str>| {
        let node = |choice: &crate::plan::roll::Choice| {
            let now = choice.node.seen.image_id.as_ref().map_or("none", |id| id.as_str());
            (choice.node.id.to_string(), to.unwrap_or(now).to_owned())
        };
        draft.nodes.iter().map(node).collect::<BTreeMap<_, _>>()
    };
    let wanted = draft.target.image_id.as_ref().map(|image| image.as_str());
    let configured = survey.group.image_id.as_ref().map(|image| image.as_str());
    let after = draft.switch.as_ref().and_then(|it| it.image_to.as_ref()).map(|it| it.as_str());
    (
        json!({"group image": configured, "instances": images(None)}),
        json!({"group image": after.or(configured), "instances": images(wanted)}),
    )
}

/// What was left of a cluster as someone else has set it.
pub(super) fn left_of_cluster(record: &ClusterRecord) -> Option<String> {
    let Standing::Left(why) = &record.standing else { return None };
    let (setting, cluster) = (record.change.setting.as_str(), &record.change.cluster);
    Some(format!("{setting} of cluster {cluster} is left: {why}"))
}

/// A run that ended, in a few words.
pub(super) fn summary(run: &Run) -> String {
    let outcome = run.ended.as_ref().map_or(run.outcome(), |ended| ended.outcome);
    let took = run.last_sign.duration_since(run.began_at);
    let (done, count) = (run.done(), run.nodes.len());
    let reason = run.ended.as_ref().and_then(|ended| ended.reason.as_ref());
    let reason = reason.map(|reason| format!("; {reason}")).unwrap_or_default();
    let slowest = run
        .nodes
        .iter()
        .max_by(|a, b| a.total_seconds().total_cmp(&b.total_seconds()))
        .filter(|_| outcome == Outcome::Completed)
        .map(|node| {
            let seconds =
                SignedDuration::try_from_secs_f64(node.total_seconds()).unwrap_or_default();
            format!("; the longest, {}, took {}", node.planned.id, told(seconds))
        });
    format!(
        "run {} {}: {done} of {count} nodes in {}{}{reason}",
        run.id(),
        outcome.as_str(),
        told(took),
        slowest.unwrap_or_default()
    )
}
