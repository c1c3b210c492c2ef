//! Suspended processes of a group, each with or without an end.

use serde_json::{Value, json};

use crate::clock::{later, seconds};
use crate::envelope::{Answer, Refusal};
use crate::estate::{Estate, Group};
use crate::world::{Call, World};

const PROCESSES: &[&str] = &[
    "AUTO_SCALE",
    "AUTO_HEALING",
    "OUT_OF_STRATEGY",
    "PREVENTIVE_REPLACEMENT",
    "REVERT_PREFERRED",
    "SCHEDULING",
];

/// `GET /aws/ec2/group/{groupId}/suspension`
pub(crate) fn list(estate: &Estate, call: &Call<'_>) -> Result<Answer, Refusal> {
    let group = call.group(estate)?;
    let shapes = group.shapes.within(call.shapes);
    let items = vec![item(group, call)];
    Ok(Answer::Items { kind: "spotinst:aws:ec2:suspension", items, shapes })
}

fn item(group: &Group, call: &Call<'_>) -> Value {
    let shapes = group.shapes.within(call.shapes);
    let active = group.suspensions.iter().filter(|(name, _)| group.is_suspended(name, call.now));
    let (mut processes, mut suspensions) = (Vec::new(), Vec::new());
    for (name, until) in active {
        processes.push(json!(name));
        let expires_at = until.map(|until| shapes.time(until));
        suspensions.push(json!({"name": name, "expiresAt": expires_at}));
    }
    json!({"groupId": group.id, "processes": processes, "suspensions": suspensions})
}

/// `POST …/suspension`: `processes` for good, `suspensions` with a time to live in minutes.
pub(crate) fn suspend(world: &mut World, call: &Call<'_>) -> Result<Answer, Refusal> {
    let id = call.group(&world.estate)?.id.clone();
    let mut wanted = Vec::new();
    for name in names(&call.body["processes"])? {
        wanted.push((name, None));
    }
    for (index, entry) in call.body["suspensions"].as_array().into_iter().flatten().enumerate() {
        let name = known(&entry["name"])?;
        let ttl = &entry["ttlInMinutes"];
        let until = match ttl.as_f64() {
            Some(minutes) if minutes > 0.0 => Some(later(call.now, seconds(minutes * 60.0))),
            None if ttl.is_null() => None,
            _ => {
                let field = format!("body:suspensions.{index}.ttlInMinutes");
                let message = "\"ttlInMinutes\" must be a positive number".to_owned();
                return Err(Refusal::invalid(&field, message));
            }
        };
        wanted.push((name, until));
    }
    if wanted.is_empty() {
        let message = "\"value\" must contain at least one of [processes, suspensions]".to_owned();
        return Err(Refusal::invalid("body", message));
    }
    world.change(call.now, |estate| {
        if let Some(group) = estate.group_mut(&id) {
            group.suspensions.extend(wanted);
        }
    });
    list(&world.estate, call)
}

/// `DELETE …/suspension`, with the processes in a body.
pub(crate) fn remove(world: &mut World, call: &Call<'_>) -> Result<Answer, Refusal> {
    let id = call.group(&world.estate)?.id.clone();
    let removed = names(&call.body["processes"])?;
    if removed.is_empty() {
        return Err(Refusal::invalid("body:processes", "\"processes\" is required".to_owned()));
    }
    world.change(call.now, |estate| {
        if let Some(group) = estate.group_mut(&id) {
            group.suspensions.retain(|name, _| !removed.contains(name));
        }
    });
    list(&world.estate, call)
}

fn names(list: &Value) -> Result<Vec<String>, Refusal> {
    list.as_array().into_iter().flatten().map(known).collect()
}

fn known(name: &Value) -> Result<String, Refusal> {
    let found = name.as_str().filter(|name| PROCESSES.contains(name));
    found.map(str::to_owned).ok_or_else(|| {
        let message = format!("\"name\" must be one of [{}]", PROCESSES.join(", "));
        Refusal::invalid("body:processes", message)
    })
}
