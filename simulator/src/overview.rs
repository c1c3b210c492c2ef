//! The whole state as JSON, for tests and for people.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::estate::{Group, ManagedInstance, Retained, StatefulInstance};
use crate::simulation::Simulation;
use crate::world::World;

/// `GET /_sim/state`
pub(crate) fn state(simulation: &Simulation, now: Timestamp) -> Value {
    let world = &simulation.world;
    let recycles = world.chronicle.recycles();
    let groups = world.estate.groups.iter().map(|one| group(one, &recycles));
    let groups: Vec<Value> = groups.collect();
    let gone: Vec<&str> =
        world.chronicle.terminations.iter().map(|one| one.instance_id.as_str()).collect();
    let managed: Vec<Value> = world.estate.managed.iter().map(|one| managed(one)).collect();
    let retained: Vec<Value> = world.retained.iter().map(Retained::value).collect();
    json!({
        "now": now.to_string(),
        "clock": simulation.clock.mode(),
        "seed": world.seed(),
        "organisation": world.organisation,
        "accounts": world.accounts,
        "administration": administration(world),
        "groups": groups,
        "managedInstances": managed,
        "retained": retained,
        "terminatedInstances": gone,
        "terminations": world.chronicle.terminations,
        "accepted": world.chronicle.accepted,
        "autonomous": world.chronicle.autonomous,
        "faults": world.faults.all,
        "images": world.images,
        "limits": world.limiter.settings,
        "latency": world.latency,
        "behaviour": world.behaviour,
        "shapes": world.shapes,
        "hooksUnderway": world.hooks.outstanding.len(),
        "requests": world.log.len(),
    })
}

/// Users and links, without tokens and external ids.
fn administration(world: &World) -> Value {
    let administration = &world.administration;
    let users = administration.users.iter().map(|user| {
        json!({"id": user.id, "name": user.name, "type": user.kind, "policies": user.mappings})
    });
    let links = administration.links.iter().map(|(account, link)| {
        let valid_until = link.external_id.as_ref().map(|id| id.valid_until.to_string());
        json!({"account": account, "role": link.role, "externalIdValidUntil": valid_until})
    });
    json!({
        "settings": administration.settings,
        "users": users.collect::<Vec<_>>(),
        "links": links.collect::<Vec<_>>(),
        "roles": administration.roles.keys().collect::<Vec<_>>(),
    })
}

/// `GET /_sim/machines`
pub(crate) fn machines(simulation: &Simulation) -> Value {
    let world = &simulation.world;
    let instance = |ssi: &StatefulInstance| {
        json!({
            "id": ssi.id,
            "instanceId": ssi.machine.as_ref().map(|machine| machine.instance_id.as_str()),
            "availabilityZone": ssi.zone,
            "devices": ssi.data.iter().map(|device| json!({"volume": device.volume})).collect::<Vec<_>>(),
        })
    };
    let group = |group: &Group| {
        let stateful: Vec<Value> = group.stateful.iter().map(instance).collect();
        json!({"id": group.id, "statefulInstances": stateful})
    };
    let accepted = world.chronicle.accepted.iter().map(|one| {
        json!({
            "action": one.action,
            "cause": one.cause,
            "statefulInstanceId": one.stateful_instance_id,
        })
    });
    json!({
        "groups": world.estate.groups.iter().map(|one| group(one)).collect::<Vec<_>>(),
        "accepted": accepted.collect::<Vec<_>>(),
    })
}

/// Recycles of each stateful instance that were accepted, and those it did by itself.
type Recycles<'a> = BTreeMap<&'a str, (u64, u64)>;

fn group(group: &Group, recycles: &Recycles<'_>) -> Value {
    let stateful = group
        .stateful
        .iter()
        .map(|ssi| stateful(ssi, recycles.get(ssi.id.as_str()).copied().unwrap_or_default()));
    let stateful: Vec<Value> = stateful.collect();
    json!({
        "id": group.id,
        "name": group.name(),
        "accountId": group.account,
        "stateful": group.is_stateful(),
        "spotCapacity": group.spot_capacity,
        "config": group.config,
        "statefulInstances": stateful,
        "members": group.members,
        "autonomousRates": group.rates,
        "deployments": group.deployments,
        "events": group.events,
        "imageBackups": group.backups,
        "suspensions": group.suspensions.iter().map(|(name, until)| {
            json!({"name": name, "expiresAt": until.map(|until| until.to_string())})
        }).collect::<Vec<Value>>(),
        "logs": group.logs.iter().map(|line| {
            json!({"at": line.at.to_string(), "severity": line.severity, "message": line.message})
        }).collect::<Vec<Value>>(),
    })
}

fn stateful(ssi: &StatefulInstance, recycles: (u64, u64)) -> Value {
    json!({
        "id": ssi.id,
        "state": ssi.state,
        "underway": ssi.underway.as_ref().map(|underway| underway.action),
        "imageId": ssi.image,
        "imageLineage": ssi.lineage,
        "availabilityZone": ssi.zone,
        "privateIp": ssi.private_ip,
        "instanceId": ssi.machine.as_ref().map(|machine| machine.instance_id.as_str()),
        "machine": ssi.machine,
        "devices": ssi.data,
        "keptRoot": ssi.kept_root,
        "createdAt": ssi.created_at.to_string(),
        "launchedAt": ssi.launched_at.map(|at| at.to_string()),
        "recyclesAccepted": recycles.0,
        "recyclesByItself": recycles.1,
    })
}

fn managed(managed: &ManagedInstance) -> Value {
    json!({
        "id": managed.id,
        "name": managed.name,
        "accountId": managed.account,
        "state": managed.state,
        "imageId": managed.image,
        "privateIp": managed.private_ip,
        "machine": managed.machine,
        "devices": managed.data,
        "underway": managed.underway.as_ref().map(|underway| underway.action),
        "config": managed.config,
    })
}
