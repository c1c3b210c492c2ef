//! Runs as data: what `--output json` prints, and what tables are made of.

use std::path::Path;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::cluster::{self, ShownClusterSetting};
use crate::domain::shell_word;
use crate::plan::roll::{
    ChangedSetting, Damaged, Entry, Liveness, NodeRun, Phase, Run, Status, Wanted, runs_command,
};

/// A row of a list.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Listed {
    /// A run whose journal can be read.
    Run(ListedRun),
    /// One whose journal cannot.
    Damaged(DamagedRun),
}

/// A run in a list.
#[derive(Debug, Serialize)]
pub(super) struct ListedRun {
    pub(super) run: String,
    pub(super) group: String,
    pub(super) group_name: String,
    pub(super) system: String,
    pub(super) target: String,
    pub(super) status: &'static str,
    pub(super) done: usize,
    pub(super) node_count: usize,
    pub(super) began: Timestamp,
    pub(super) last_sign: Timestamp,
    pub(super) holder: Option<String>,
}

impl ListedRun {
    pub(super) fn of(run: &Run, status: Status) -> Self {
        Self {
            run: run.id().to_owned(),
            group: run.plan.group.to_string(),
            group_name: run.plan.group_name.clone(),
            system: run.plan.system.clone(),
            target: run.plan.target.wanted.to_string(),
            status: status.as_str(),
            done: run.done(),
            node_count: run.nodes.len(),
            began: run.began_at,
            last_sign: run.last_sign,
            holder: run.holder.as_ref().map(ToString::to_string),
        }
    }
}

/// A run in a list whose journal cannot be read.
#[derive(Debug, Serialize)]
pub(super) struct DamagedRun {
    pub(super) run: String,
    pub(super) group: Option<String>,
    pub(super) system: Option<String>,
    pub(super) status: &'static str,
    /// What is wrong with it.
    pub(super) problem: String,
    /// What to do about it.
    pub(super) next: String,
}

impl From<&Damaged> for DamagedRun {
    fn from(damaged: &Damaged) -> Self {
        Self {
            run: damaged.name(),
            group: damaged.head.as_ref().map(|head| head.group.to_string()),
            system: damaged.head.as_ref().map(|head| head.system.clone()),
            status: "damaged",
            problem: damaged.problem.clone(),
            next: damaged.remedy(),
        }
    }
}

/// A run in full.
#[derive(Debug, Serialize)]
pub(super) struct ShownRun {
    #[serde(flatten)]
    pub(super) head: ListedRun,
    pub(super) account: String,
    pub(super) image_id: Option<String>,
    /// `alive`, `gone` or `unknown`; nothing without a holder.
    pub(super) holder_is: Option<&'static str>,
    pub(super) frozen: Option<ShownFreeze>,
    pub(super) ended: Option<ShownEnd>,
    pub(super) expected_seconds: Option<f64>,
    pub(super) nodes: Vec<ShownNode>,
    pub(super) others: Vec<String>,
    pub(super) settings: Vec<ShownSetting>,
    pub(super) cluster_settings: Vec<ShownClusterSetting>,
    pub(super) waived: Vec<String>,
    pub(super) next: Vec<String>,
    pub(super) journal: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) events: Option<Vec<Entry>>,
}

#[derive(Debug, Serialize)]
pub(super) struct ShownFreeze {
    pub(super) node: Option<String>,
    pub(super) reason: String,
    pub(super) since: Timestamp,
}

#[derive(Debug, Serialize)]
pub(super) struct ShownEnd {
    pub(super) outcome: &'static str,
    pub(super) reason: Option<String>,
    pub(super) at: Timestamp,
}

#[derive(Debug, Serialize)]
pub(super) struct ShownNode {
    pub(super) id: String,
    pub(super) phase: &'static str,
    pub(super) since: Timestamp,
    pub(super) instance_before: Option<String>,
    pub(super) instance_after: Option<String>,
    pub(super) image_before: Option<String>,
    pub(super) image_after: Option<String>,
    /// A machine whose replacement was asked for and is not proved.
    pub(super) asked: Option<String>,
    /// By phase, in their order.
    pub(super) seconds: Map<String, Value>,
    pub(super) total_seconds: f64,
}

#[derive(Debug, Serialize)]
pub(super) struct ShownSetting {
    pub(super) setting: &'static str,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) standing: String,
}

impl From<ChangedSetting> for ShownSetting {
    fn from(changed: ChangedSetting) -> Self {
        Self {
            setting: changed.setting.as_str(),
            from: changed.from,
            to: changed.to,
            standing: changed.standing.to_string(),
        }
    }
}

impl From<&NodeRun> for ShownNode {
    fn from(node: &NodeRun) -> Self {
        let tenths = |seconds: f64| (seconds * 10.0).round() / 10.0;
        let text = |id: &dyn ToString| id.to_string();
        let seconds = |(at, spent): (&Phase, &f64)| (at.as_str().to_owned(), tenths(*spent).into());
        let recycled = node.recycled.as_ref();
        Self {
            id: node.planned.id.to_string(),
            phase: node.phase.as_str(),
            since: node.since,
            instance_before: node.planned.instance_id.as_ref().map(|id| text(id)),
            instance_after: recycled.map(|it| text(&it.instance_id)),
            image_before: node.planned.image_id.as_ref().map(|id| text(id)),
            image_after: recycled.and_then(|it| it.image_id.as_ref()).map(|id| text(id)),
            asked: node.asked.as_ref().filter(|_| recycled.is_none()).map(|(id, _)| text(id)),
            seconds: node.spent.iter().map(seconds).collect(),
            total_seconds: tenths(node.total_seconds()),
        }
    }
}

/// What is known of a run besides its journal.
pub(super) struct Judged<'a> {
    pub(super) status: Status,
    pub(super) liveness: Liveness,
    pub(super) now: Timestamp,
    /// Where journals are, if not where they usually are, so that commands to be typed next name it too.
    pub(super) state_dir: Option<&'a Path>,
}

impl ShownRun {
    pub(super) fn of(run: &Run, entries: &[Entry], judged: &Judged<'_>, journal: &Path) -> Self {
        let holder_is = run.holder.as_ref().map(|_| match judged.liveness {
            Liveness::Alive => "alive",
            Liveness::Dead => "gone",
            Liveness::Unknown => "unknown",
        });
        Self {
            head: ListedRun::of(run, judged.status),
            account: run.plan.account.to_string(),
            image_id: run.plan.target.image_id.as_ref().map(ToString::to_string),
            holder_is,
            frozen: run.frozen.as_ref().map(|frozen| ShownFreeze {
                node: frozen.node.as_ref().map(ToString::to_string),
                reason: frozen.reason.clone(),
                since: frozen.at,
            }),
            ended: run.ended.as_ref().map(|ended| ShownEnd {
                outcome: ended.outcome.as_str(),
                reason: ended.reason.clone(),
                at: ended.at,
            }),
            expected_seconds: run.plan.expected_seconds,
            nodes: run.nodes.iter().map(Into::into).collect(),
            others: run.plan.others.iter().map(|node| node.id.to_string()).collect(),
            settings: run.changed_settings(entries).into_iter().map(Into::into).collect(),
            cluster_settings: run.cluster.iter().map(Into::into).collect(),
            waived: run.plan.waived.clone(),
            next: next(run, judged),
            journal: journal.display().to_string(),
            events: None,
        }
    }
}

/// What a person can do now.
fn next(run: &Run, judged: &Judged<'_>) -> Vec<String> {
    let mut next: Vec<String> = Vec::new();
    let command = |word: &str| runs_command(word, run.id(), judged.state_dir);
    let give_up = format!(
        "or give it up, which puts back what it owes (see with --dry-run first): {}",
        command("restore")
    );
    match judged.status {
        Status::Running => {
            let holder = run.holder.as_ref().map_or("nobody".to_owned(), ToString::to_string);
            next.push(match (judged.liveness, run.last_sign.checked_add(run.silence())) {
                (Liveness::Unknown, Ok(until)) if until > judged.now => format!(
                    "wait for {holder}, which cannot be seen from here; without a sign of life until {until:.0} it is taken \
                     for gone"
                ),
                _ => format!("wait for {holder}, or end it: then the run can be gone on with or given up"),
            });
        }
        Status::Interrupted => {
            next.extend([go_on(run, judged.state_dir), give_up]);
            next.extend(run.left_in_flight());
        }
        Status::Frozen => {
            next.extend(run.left_in_flight());
            next.push(format!("when it is seen to be well, let it go on: {}", command("resume")));
            next.extend([format!("then {}", go_on(run, judged.state_dir)), give_up]);
        }
        Status::Completed => {}
        Status::Aborted => next.extend(run.left_in_flight()),
    }
    next.extend(cluster::what_to_do(run));
    next
}

/// How a run is gone on with.
pub(super) fn go_on(run: &Run, state_dir: Option<&Path>) -> String {
    let variables = Value::Object(aim(run, state_dir)).to_string();
    format!(
        "go on where it stopped by running what began it once more, with the same aim; with the collection's playbook, and its \
         other variables as they were: ansible-playbook spotinst.esg.recycle -e {}",
        shell_word(&variables)
    )
}

/// The variables that mean the same aim again.
fn aim(run: &Run, state_dir: Option<&Path>) -> Map<String, Value> {
    let group = run.plan.group.as_str();
    let mut options: Vec<(&str, Value)> = vec![("group_id", json!(group))];
    if run.plan.system != group {
        options.push(("system", json!(run.plan.system)));
    }
    match &run.plan.target.wanted {
        Wanted::Image { id } => options.push(("image_id", json!(id))),
        Wanted::NamedImage { name, owners, newest } => {
            options.push(("image", json!({"name": name, "owners": owners, "newest": newest})));
        }
        Wanted::SsmParameter { name } => options.push(("image_ssm_parameter", json!(name))),
        Wanted::LaunchedAfter { moment } => options.push(("launched_after", json!(moment))),
        Wanted::PresentConfiguration => {}
    }
    options.extend(state_dir.map(|folder| ("state_dir", json!(folder))));
    let named = |(name, value): (&str, Value)| (format!("rolling_recycle_{name}"), value);
    options.into_iter().map(named).collect()
}
