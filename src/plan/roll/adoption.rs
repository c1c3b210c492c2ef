//! What a start says that goes on with a run which began otherwise.

use std::collections::BTreeMap;

use serde_json::Value;

use super::event::Planned;

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
