//! Edits from outside the API, so that tests can shape data that is rare in the wild.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::estate::{Device, Group, Machine, StatefulInstance};
use crate::lifecycle::State;
use crate::shapes::Shapes;
use crate::world::World;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Edit {
    #[serde(default)]
    group: Option<String>,
    #[serde(default)]
    instance: Option<String>,
    #[serde(default)]
    managed: Option<String>,
    #[serde(default)]
    set: Map<String, Value>,
    #[serde(default)]
    unset: Vec<String>,
}

/// `POST /_sim/edit`
pub(crate) fn edit(world: &mut World, body: &Value, now: Timestamp) -> Result<Value, String> {
    let edit = Edit::deserialize(body).map_err(|error| error.to_string())?;
    match (&edit.group, &edit.instance, &edit.managed) {
        (Some(id), None, None) => edit_group(world, id, &edit, now),
        (None, Some(id), None) => edit_instance(world, id, &edit, now),
        (None, None, Some(id)) => edit_managed(world, id, &edit, now),
        _ => Err("name exactly one of `group`, `instance` and `managed`".to_owned()),
    }
}

/// Sets a value deep in a configuration; `path` has dots between its keys.
pub(crate) fn put(config: &mut Value, path: &str, value: Value) {
    let mut place = config;
    for key in path.split('.') {
        if !place.is_object() {
            *place = json!({});
        }
        let Value::Object(fields) = place else { return };
        place = fields.entry(key).or_insert(Value::Null);
    }
    *place = value;
}

pub(crate) fn take(config: &mut Value, path: &str) {
    let (parent, key) = path.rsplit_once('.').unwrap_or(("", path));
    let pointer =
        if parent.is_empty() { String::new() } else { format!("/{}", parent.replace('.', "/")) };
    if let Some(fields) = config.pointer_mut(&pointer).and_then(Value::as_object_mut) {
        fields.shift_remove(key);
    }
}

fn edit_config(config: &mut Value, edit: &Edit) {
    for (path, value) in &edit.set {
        put(config, path, value.clone());
    }
    for path in &edit.unset {
        take(config, path);
    }
}

fn edit_group(world: &mut World, id: &str, edit: &Edit, now: Timestamp) -> Result<Value, String> {
    let edited = world.change(now, |estate| {
        let group = estate.group_mut(id).ok_or_else(|| format!("no group {id}"))?;
        let mut rest = Edit {
            group: None,
            instance: None,
            managed: None,
            set: Map::new(),
            unset: edit.unset.clone(),
        };
        for (key, value) in &edit.set {
            match key.as_str() {
                "shapes" => group.shapes = parsed(value)?,
                "spotCapacity" => group.spot_capacity = parsed(value)?,
                "account" => group.account = parsed(value)?,
                _ => {
                    rest.set.insert(key.clone(), value.clone());
                }
            }
        }
        edit_config(&mut group.config, &rest);
        Ok(json!({"group": group.config}))
    });
    world.plan_tasks(id, now);
    edited
}

fn edit_managed(world: &mut World, id: &str, edit: &Edit, now: Timestamp) -> Result<Value, String> {
    world.change(now, |estate| {
        let found = estate.managed.iter_mut().find(|managed| managed.id == id);
        let managed =
            found.map(Arc::make_mut).ok_or_else(|| format!("no managed instance {id}"))?;
        let mut rest = Map::new();
        for (key, value) in &edit.set {
            match key.as_str() {
                "state" => managed.state = parsed(value)?,
                "imageId" => managed.image = parsed(value)?,
                "privateIp" => managed.private_ip = parsed(value)?,
                _ => {
                    rest.insert(key.clone(), value.clone());
                }
            }
        }
        for (path, value) in rest {
            put(&mut managed.config, &path, value);
        }
        for path in &edit.unset {
            take(&mut managed.config, path);
        }
        Ok(json!({"config": managed.config}))
    })
}

fn edit_instance(
    world: &mut World,
    id: &str,
    edit: &Edit,
    now: Timestamp,
) -> Result<Value, String> {
    let holder = world.estate.holder_of(id).map(|group| group.id.clone());
    let holder = holder.ok_or_else(|| format!("no instance {id}"))?;
    let found = |world: &World| {
        let group = world.estate.group(&holder)?;
        let index = group.stateful.iter().position(|ssi| ssi.is(id))?;
        Some((index, group.stateful[index].clone()))
    };
    let before = found(world);
    let outcome = world.change(now, |estate| {
        let group = estate.group_mut(&holder).ok_or("the group is gone")?;
        match group.stateful.iter().position(|ssi| ssi.is(id)) {
            Some(index) => edit_stateful(&mut group.stateful[index], edit),
            None => edit_member(group, id, edit),
        }
    })?;
    if edit.set.get("machine").is_some_and(Value::is_null)
        && let Some((index, was)) = before
    {
        world.machine_went(&holder, index, &was, now);
    }
    if edit.set.get("health").and_then(Value::as_str) == Some("UNHEALTHY") {
        let ssi = world
            .estate
            .group(&holder)
            .and_then(|group| group.stateful.iter().find(|ssi| ssi.is(id)));
        if let Some(id) = ssi.map(|ssi| ssi.id.clone()) {
            world.plan_healing(&holder, &id, now);
        }
    }
    Ok(outcome)
}

fn edit_stateful(ssi: &mut StatefulInstance, edit: &Edit) -> Result<Value, String> {
    for (key, value) in &edit.set {
        match key.as_str() {
            "state" => {
                // The state is put there by hand: whatever was underway is off.
                ssi.state = State::parse(&parsed::<String>(value)?);
                ssi.underway = None;
                ssi.epoch += 1;
            }
            "imageId" => ssi.image = parsed(value)?,
            "privateIp" => ssi.private_ip = parsed(value)?,
            "createdAt" => ssi.created_at = parsed(value)?,
            "launchedAt" => ssi.launched_at = parsed(value)?,
            "availabilityZone" => ssi.zone = parsed(value)?,
            "shapes" => ssi.shapes = parsed::<Shapes>(value)?,
            "machine" if value.is_null() => ssi.machine = None,
            "devices" => ssi.data = devices(value)?,
            _ if set_machine(ssi.machine.as_mut(), key, value)? => {}
            _ => {
                ssi.overlay.insert(key.clone(), value.clone());
            }
        }
        if let ("availabilityZone" | "privateIp", Some(machine)) = (key.as_str(), &mut ssi.machine)
        {
            set_machine(Some(machine), key, value)?;
        }
    }
    for key in &edit.unset {
        ssi.overlay.shift_remove(key);
    }
    Ok(json!({"id": ssi.id, "state": ssi.state, "overlay": ssi.overlay, "machine": ssi.machine}))
}

fn edit_member(group: &mut Group, id: &str, edit: &Edit) -> Result<Value, String> {
    let found = group.members.iter_mut().find(|member| member.instance_id == id);
    let member = found.ok_or_else(|| format!("no instance {id}"))?;
    for (key, value) in &edit.set {
        if !set_machine(Some(member), key, value)? {
            member.overlay.insert(key.clone(), value.clone());
        }
    }
    for key in &edit.unset {
        member.overlay.shift_remove(key);
    }
    Ok(json!({"machine": member}))
}

/// Sets a field of a machine; answers whether it has such a field.
fn set_machine(machine: Option<&mut Machine>, key: &str, value: &Value) -> Result<bool, String> {
    let Some(machine) = machine else { return Ok(false) };
    match key {
        // An odd id, such as an empty one, belongs into the answer only: see the caller.
        "instanceId" if value.as_str().is_some_and(|id| !id.is_empty()) => {
            machine.instance_id = parsed(value)?;
        }
        "instanceType" => machine.instance_type = parsed(value)?,
        "availabilityZone" => machine.zone = parsed(value)?,
        "privateIp" if value.is_string() => machine.private_ip = parsed(value)?,
        "publicIp" => machine.public_ip = parsed(value)?,
        "spotInstanceRequestId" => machine.spot_request = parsed(value)?,
        "health" => machine.health = parsed(value)?,
        "status" => {
            machine.overlay.insert("status".to_owned(), value.clone());
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn devices(value: &Value) -> Result<Vec<Device>, String> {
    let all = value.as_array().ok_or("`devices` must be a list")?;
    let device = |one: &Value| {
        let text = |key: &str| one[key].as_str().map(str::to_owned);
        let missing = || format!("a device needs deviceName and volumeId: {one}");
        let (name, volume) = text("deviceName").zip(text("volumeId")).ok_or_else(missing)?;
        Ok(Device { name, volume, snapshot: text("snapshotId"), made_from: None })
    };
    all.iter().map(device).collect()
}

fn parsed<T: serde::de::DeserializeOwned>(value: &Value) -> Result<T, String> {
    T::deserialize(value).map_err(|error| error.to_string())
}
