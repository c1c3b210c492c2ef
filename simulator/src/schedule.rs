//! Scheduled tasks of groups, run by the virtual clock. All times are UTC.
//!
//! Fields and kinds of tasks are in the vendor's description of `scheduling.tasks`; what the stateful kinds do is in its
//! help pages.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::actions::{Due, DueKind};
use crate::chronicle::{Autonomous, Cause};
use crate::clock::later;
use crate::envelope::Refusal;
use crate::estate::Group;
use crate::lifecycle::State;
use crate::world::World;

/// Kinds for groups with state.
const STATEFUL: &[&str] = &["statefulUpdateCapacity", "statefulRecycle"];
/// Kinds for all groups.
const COMMON: &[&str] = &["backup_ami"];
/// Kinds for groups without state. Of these only `scale` and `roll` do anything here.
const STATELESS: &[&str] = &[
    "scale",
    "scaleUp",
    "percentageScaleUp",
    "scaleDown",
    "percentageScaleDown",
    "roll",
    "clusterRoll",
];

/// A Sunday at midnight; what recurs without a start time recurs from here, which is an assumption.
const ANCHOR: Timestamp = Timestamp::constant(259_200, 0);

fn tasks(config: &Value) -> &[Value] {
    config["scheduling"]["tasks"].as_array().map_or(&[], Vec::as_slice)
}

/// Five fields, in UTC.
fn cron(expression: &str) -> Result<cronexpr::Crontab, String> {
    if expression.split_whitespace().count() != 5 {
        return Err("has not five fields".to_owned());
    }
    let parsed = cronexpr::parse_crontab(&format!("{expression} UTC"));
    parsed.map_err(|error| error.to_string().lines().next().unwrap_or_default().to_owned())
}

fn step(frequency: &str) -> Option<SignedDuration> {
    match frequency {
        "hourly" => Some(SignedDuration::from_hours(1)),
        "daily" => Some(SignedDuration::from_hours(24)),
        "weekly" => Some(SignedDuration::from_hours(24 * 7)),
        _ => None,
    }
}

fn start_time(task: &Value) -> Option<Timestamp> {
    task["startTime"].as_str().and_then(|text| text.parse().ok())
}

/// Whether the task runs once only: it has a start and nothing by which it recurs.
fn is_one_shot(task: &Value) -> bool {
    start_time(task).is_some() && task["frequency"].is_null() && task["cronExpression"].is_null()
}

/// When the task runs next, after an instant.
fn next(task: &Value, after: Timestamp) -> Option<Timestamp> {
    if task["isEnabled"].as_bool() == Some(false) {
        return None;
    }
    let start = start_time(task);
    let second = SignedDuration::from_secs(1);
    let not_before = start.map(|start| start.saturating_sub(second).unwrap_or(start));
    let after = not_before.map_or(after, |start| start.max(after));
    if let Some(expression) = task["cronExpression"].as_str() {
        return cron(expression).ok()?.find_next(after).ok().map(|at| at.timestamp());
    }
    if let Some(step) = task["frequency"].as_str().and_then(step) {
        let base = start.unwrap_or(ANCHOR);
        let passed = after.duration_since(base).as_secs();
        let periods = passed.div_euclid(step.as_secs()) + 1;
        let span = SignedDuration::from_secs(periods.max(0).saturating_mul(step.as_secs()));
        return Some(later(base, span));
    }
    start.filter(|start| *start > after)
}

/// What is wrong with the tasks of a configuration, in whatever group: the place and the problem.
pub(crate) fn objection(config: &Value) -> Option<(String, String)> {
    tasks(config).iter().enumerate().find_map(|(index, task)| {
        let place = |key: &str| format!("scheduling.tasks.{index}.{key}");
        let problem = |key: &str, text: String| Some((place(key), format!("\"{key}\" {text}")));
        let kind = task["taskType"].as_str().unwrap_or_default();
        if ![STATEFUL, COMMON, STATELESS].concat().contains(&kind) {
            let all = [STATEFUL, COMMON, STATELESS].concat().join(", ");
            return problem("taskType", format!("must be one of [{all}]"));
        }
        if !task["frequency"].is_null() && !task["cronExpression"].is_null() {
            let text = "conflicts with \"cronExpression\": only one of them may be used".to_owned();
            return problem("frequency", text);
        }
        if let Some(expression) = task["cronExpression"].as_str()
            && let Err(why) = cron(expression)
        {
            return problem("cronExpression", format!("must be a valid cron expression: {why}"));
        }
        if task["frequency"].as_str().is_some_and(|frequency| step(frequency).is_none()) {
            return problem("frequency", "must be one of [hourly, daily, weekly]".to_owned());
        }
        let start = &task["startTime"];
        if !start.is_null() && start_time(task).is_none() {
            return problem("startTime", "must be a valid ISO 8601 date".to_owned());
        }
        None
    })
}

/// Refuses tasks that make no sense, or not in such a group. Which kinds belong to which groups is in the vendor's
/// description, the code of the refusal is invented.
pub(crate) fn check(config: &Value, stateful: bool) -> Result<(), Refusal> {
    if let Some((place, problem)) = objection(config) {
        return Err(Refusal::invalid(&format!("body:group.{place}"), problem));
    }
    let foreign = if stateful { STATELESS } else { STATEFUL };
    let is_foreign =
        |task: &&Value| task["taskType"].as_str().is_some_and(|k| foreign.contains(&k));
    match tasks(config).iter().find(is_foreign) {
        Some(task) => Err(Refusal::foreign_task(&task["taskType"], stateful)),
        None => Ok(()),
    }
}

/// A number in the vendor's or in its clients' spelling: `MinCapacity` or `minCapacity`.
fn number(task: &Value, key: &str) -> Option<u64> {
    let mut described = key.to_owned();
    described[..1].make_ascii_uppercase();
    task[key].as_u64().or_else(|| task[described.as_str()].as_u64())
}

/// The capacity that a task sets, on top of the present one, if it is sound.
fn capacity(group: &Group, task: &Value, keys: [&str; 3]) -> Option<Value> {
    let mut capacity = group.config["capacity"].clone();
    for (name, key) in ["minimum", "target", "maximum"].into_iter().zip(keys) {
        if let Some(value) = number(task, key) {
            capacity[name] = json!(value);
        }
    }
    let size = |name: &str| capacity[name].as_u64().unwrap_or(0);
    let sound = size("minimum") <= size("target") && size("target") <= size("maximum");
    sound.then_some(capacity)
}

impl World {
    /// Plans the next run of the group's tasks; earlier plans are void.
    pub(crate) fn plan_tasks(&mut self, id: &str, now: Timestamp) {
        let Some(group) = self.estate.group_mut(id) else { return };
        if group.schedule_epoch == 0 && tasks(&group.config).is_empty() {
            return;
        }
        group.schedule_epoch += 1;
        let epoch = group.schedule_epoch;
        let soonest = tasks(&group.config).iter().filter_map(|task| next(task, now)).min();
        if let Some(at) = soonest {
            let (group, instance) = (id.to_owned(), String::new());
            self.agenda.plan(at, Due { group, instance, what: DueKind::Tasks { epoch } });
        }
    }

    /// Runs the tasks that are due at this very instant.
    pub(crate) fn run_tasks(&mut self, id: &str, epoch: u64, now: Timestamp) {
        let Some(group) = self.estate.group(id).filter(|one| one.schedule_epoch == epoch) else {
            return;
        };
        let before = now.saturating_sub(SignedDuration::from_secs(1)).unwrap_or(now);
        let due = |task: &&Value| next(task, before) == Some(now);
        let due: Vec<Value> = tasks(&group.config).iter().filter(due).cloned().collect();
        for task in due {
            let ran = self.run_task(id, &task, now);
            if ran && is_one_shot(&task) {
                // The vendor deletes a task that runs only once from the configuration.
                self.change(now, |estate| {
                    let group = estate.group_mut(id)?;
                    let all = group.config["scheduling"]["tasks"].as_array_mut()?;
                    all.retain(|one| *one != task);
                    Some(())
                });
            }
        }
        self.plan_tasks(id, now);
    }

    /// Runs a task unless something keeps it from running; answers whether it ran.
    fn run_task(&mut self, id: &str, task: &Value, now: Timestamp) -> bool {
        let Some(group) = self.estate.group(id) else { return false };
        let kind = task["taskType"].as_str().unwrap_or_default().to_owned();
        let blocked_by = if group.is_suspended("SCHEDULING", now) {
            Some("SCHEDULING".to_owned())
        } else if group.deployment_runs() && kind != "statefulRecycle" {
            Some("deployment".to_owned())
        } else {
            None
        };
        let ran = blocked_by.is_none();
        self.chronicle.autonomous.push(Autonomous {
            at: now,
            cause: Cause::Schedule,
            group_id: id.to_owned(),
            task: Some(kind.clone()),
            stateful_instance_id: None,
            instance_id: None,
            blocked_by,
        });
        if !ran {
            return false;
        }
        self.note(id, "INFO", &format!("Scheduled task {kind} of group {id} runs."), id, now);
        match kind.as_str() {
            "statefulRecycle" => self.recycle_active(id, now),
            "statefulUpdateCapacity" => {
                let keys = ["minCapacity", "targetCapacity", "maxCapacity"];
                self.resize_by_task(id, task, keys, now);
            }
            "scale" => {
                let keys = ["scaleMinCapacity", "scaleTargetCapacity", "scaleMaxCapacity"];
                self.resize_by_task(id, task, keys, now);
            }
            "backup_ami" if self.backs_up(id) => self.backup_image(id, now),
            "roll" => {
                let share = task["batchSizePercentage"].as_u64().unwrap_or(20).clamp(1, 100);
                let grace_period = task["gracePeriod"].as_u64().unwrap_or(300);
                if let Err(refusal) = self.deploy(id, share, grace_period, now) {
                    self.note(id, "WARN", &refusal.message, id, now);
                }
            }
            other => {
                let message = format!("Scheduled task {other} of group {id} did nothing.");
                self.note(id, "WARN", &message, id, now);
            }
        }
        true
    }

    /// Only active instances; paused ones and those in error are ignored.
    fn recycle_active(&mut self, id: &str, now: Timestamp) {
        let Some(group) = self.estate.group(id) else { return };
        let active = group.stateful.iter().filter(|ssi| ssi.state == State::Active);
        let active: Vec<String> = active.map(|ssi| ssi.id.clone()).collect();
        for instance in active {
            self.replace_by_itself(&instance, Cause::Schedule, now);
        }
    }

    /// Paused instances are resumed first when the target grows, as documented for this task.
    fn resize_by_task(&mut self, id: &str, task: &Value, keys: [&str; 3], now: Timestamp) {
        let Some(capacity) = self.estate.group(id).and_then(|group| capacity(group, task, keys))
        else {
            let message = format!("Scheduled task of group {id}: its capacity makes no sense.");
            return self.note(id, "WARN", &message, id, now);
        };
        self.change(now, |estate| {
            if let Some(group) = estate.group_mut(id) {
                group.config["capacity"] = capacity;
                group.config["updatedAt"] = json!(now.to_string());
            }
        });
        self.fit_to_target(id, true, Cause::Schedule, now);
    }
}

#[cfg(test)]
mod tests;
