//! Scheduled tasks of a group.

use super::fields::Fields;
use crate::domain::{Frequency, ScheduledTask, TaskKind};

/// The tasks; one that does not say what it does is kept, or its absence would look safe.
pub(super) fn scheduled_tasks(
    scheduling: &Fields<'_>,
    oddities: &mut Vec<String>,
) -> Vec<ScheduledTask> {
    let tasks = scheduling.objects("tasks", oddities);
    tasks.iter().map(|task| scheduled_task(task, oddities)).collect()
}

fn scheduled_task(task: &Fields<'_>, oddities: &mut Vec<String>) -> ScheduledTask {
    let kind = task.text("taskType", oddities).unwrap_or_default();
    if kind.is_empty() {
        oddities.push(format!("a scheduled task of {} has no taskType", task.label()));
    }
    let frequency = task.text("frequency", oddities);
    ScheduledTask {
        is_enabled: task.switch("isEnabled", oddities),
        kind: TaskKind::parse(&kind),
        cron: task.text("cronExpression", oddities),
        frequency: frequency.map(|frequency| Frequency::parse(&frequency)),
        starts_at: task.time("startTime", oddities),
    }
}
