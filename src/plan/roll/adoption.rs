//! What a start says that goes on with a run which began otherwise.

use std::collections::BTreeMap;

use serde_json::Value;

use super::event::Planned;
use super::finding::Finding;
use super::phase::Phase;
use super::run::Run;

/// A run that was cut off keeps its plan. One line for each option of this start that is not as it was when the run began, and
/// that has no effect therefore.
pub fn ignored_options(plan: &Planned, asked: &BTreeMap<String, Value>) -> Vec<String> {
    let run_id = &plan.run_id;
    if plan.options.is_empty() {
        return vec![format!(
            "run {run_id} does not tell with which options it began; it keeps its plan, whatever this start says"
        )];
    }
    let differs = |(name, now): (&String, &Value)| {
        let then = plan.options.get(name).unwrap_or(&Value::Null);
        (then != now).then(|| {
            format!("{name} is ignored: run {run_id}, which is gone on with, began with {then} and keeps it; given now: {now}")
        })
    };
    asked.iter().filter_map(differs).collect()
}

/// What is looked at anew when a run that was cut off is gone on with: time has passed, and these are not judged before each step.
const LOOKED_AT_ANEW: &[&str] = &[
    "auto_healing_on",
    "data_reattached",
    "image_architecture",
    "image_available",
    "no_ami_backup",
    "no_scheduled_task",
];

/// What has come up since a run began that would have kept it from beginning. What was waived when it began stays so.
pub fn come_up<'a>(run: &Run, findings: &'a [Finding]) -> Vec<&'a Finding> {
    let was_waived = |it: &Finding| {
        let start = format!("{} of {} (", it.name, it.object);
        run.plan.waived.iter().any(|waived| waived.starts_with(&start))
    };
    let is_new =
        |it: &&Finding| it.blocks() && LOOKED_AT_ANEW.contains(&it.name) && !was_waived(it);
    findings.iter().filter(is_new).collect()
}

/// Whether that keeps it from going on: not in the middle of a node, which has to be seen through, nor once all are done.
pub fn is_kept_by(run: &Run, come_up: &[&Finding]) -> bool {
    let is_left = run.nodes.iter().any(|node| node.phase == Phase::Planned);
    !come_up.is_empty() && is_left && run.in_flight().is_none()
}
