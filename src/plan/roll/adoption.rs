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
        let has_effect = match name.as_str() {
            // Nodes that it leaves out are not rolled, or the start is refused.
            "only" => is_among(plan, now),
            // One that is withdrawn counts no more, and for what is looked at anew a new one does.
            "waivers" => new_waivers(then, now)
                .all(|name| LOOKED_AT_ANEW.contains(&name) && !JUDGED_BY_THE_PLAN.contains(&name)),
            // Less is refused, and more is done.
            PROOFS => true,
            _ => false,
        };
        (then != now && !has_effect).then(|| {
            format!("{name} is ignored: run {run_id}, which is gone on with, began with {then} and keeps it; given now: {now}")
        })
    };
    asked.iter().filter_map(differs).collect()
}

/// The option that tells what is proved of each node, as a journal keeps it.
pub const PROOFS: &str = "proofs";

/// What the run began to prove of its nodes and is not among what is proved now. Of a run that does not tell, nothing is missed.
pub fn missing_proofs(plan: &Planned, now: &[String]) -> Vec<String> {
    let then = plan.options.get(PROOFS).and_then(Value::as_array).into_iter().flatten();
    let then = then.filter_map(Value::as_str);
    then.filter(|proof| !now.iter().any(|it| it == proof)).map(str::to_owned).collect()
}

/// Whether nodes are named, all of them nodes of the run.
fn is_among(plan: &Planned, only: &Value) -> bool {
    let named = only.as_array().map(Vec::as_slice).unwrap_or_default();
    let is_mine = |id: &Value| plan.nodes.iter().any(|node| Some(node.id.as_str()) == id.as_str());
    !named.is_empty() && named.iter().all(is_mine)
}

/// The predicates that are waived now and were not then, or not for the same objects.
fn new_waivers<'a>(then: &'a Value, now: &'a Value) -> impl Iterator<Item = &'a str> {
    let given = |waivers: &'a Value| waivers.as_array().into_iter().flatten();
    let is_same =
        |a: &Value, b: &Value| a["predicate"] == b["predicate"] && a["objects"] == b["objects"];
    let is_new = move |it: &&Value| !given(then).any(|then| is_same(then, it));
    given(now).filter(is_new).map(|it| it["predicate"].as_str().unwrap_or_default())
}

/// What is judged again before each step, by the waivers that the run began with: a new one has no effect.
const JUDGED_BY_THE_PLAN: &[&str] = &["auto_healing_on", "zone_pinned"];

/// What is looked at anew when a run that was cut off is gone on with: time has passed.
const LOOKED_AT_ANEW: &[&str] = &[
    "auto_healing_on",
    "data_reattached",
    "image_architecture",
    "image_available",
    "no_ami_backup",
    "no_scheduled_task",
    "zone_pinned",
];

/// What has come up since a run began that would have kept it from beginning, or was waived then and is waived no more.
pub fn come_up<'a>(run: &Run, findings: &'a [Finding]) -> Vec<&'a Finding> {
    let counts = |it: &&Finding| {
        let is_looked_at = LOOKED_AT_ANEW.contains(&it.name);
        let was_waived = waived_by(&run.plan, it).is_some();
        let is_new = JUDGED_BY_THE_PLAN.contains(&it.name) && !was_waived;
        let blocks = it.blocks() || (is_new && it.waived.is_some());
        blocks && (is_looked_at || was_waived)
    };
    findings.iter().filter(counts).collect()
}

/// With which reason a run waives a finding.
pub fn waived_by<'a>(plan: &'a Planned, finding: &Finding) -> Option<&'a str> {
    let start = format!("{} of {} (", finding.name, finding.object);
    let waived = plan.waived.iter().find(|waived| waived.starts_with(&start))?;
    Some(waived.rsplit_once("): waived, ").map_or(waived.as_str(), |(_, reason)| reason))
}

/// Whether that keeps it from going on: not in the middle of a node, which has to be seen through, nor once all are done.
pub fn is_kept_by(run: &Run, come_up: &[&Finding]) -> bool {
    let is_left = run.nodes.iter().any(|node| node.phase == Phase::Planned);
    !come_up.is_empty() && is_left && run.in_flight().is_none()
}
