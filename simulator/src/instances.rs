//! Running machines: status, healthiness, lock, interruption. Paused stateful instances have none and appear nowhere here.

use serde_json::{Map, Value, json};

use crate::chronicle::Cause;
use crate::envelope::{Answer, Refusal};
use crate::estate::{Estate, Group, Machine};
use crate::shapes::Shapes;
use crate::world::{Call, World};

fn machines(group: &Group) -> impl Iterator<Item = &Machine> {
    let stateful = group.stateful.iter().filter_map(|ssi| ssi.machine.as_ref());
    stateful.chain(&group.members)
}

/// `GET /aws/ec2/group/{groupId}/status`
pub(crate) fn status(estate: &Estate, call: &Call<'_>) -> Result<Answer, Refusal> {
    let group = call.group(estate)?;
    let shapes = group.shapes.within(call.shapes);
    let items = machines(group).map(|machine| status_item(group, machine, shapes)).collect();
    Ok(Answer::Items { kind: "spotinst:aws:ec2:group", items, shapes })
}

fn status_item(group: &Group, machine: &Machine, shapes: Shapes) -> Value {
    let mut item = Map::new();
    let spot = machine.spot_request.is_some();
    // Null, not absent, for an on-demand instance: the vendor's own example says so.
    item.insert("spotInstanceRequestId".to_owned(), json!(machine.spot_request));
    item.insert("instanceId".to_owned(), json!(machine.instance_id));
    item.insert("instanceType".to_owned(), json!(machine.instance_type));
    let product = group.product().trim_end_matches(" (Amazon VPC)");
    item.insert("product".to_owned(), json!(product));
    item.insert("groupId".to_owned(), json!(group.id));
    item.insert("availabilityZone".to_owned(), json!(machine.zone));
    item.insert("privateIp".to_owned(), json!(machine.private_ip));
    shapes.put(&mut item, "publicIp", machine.public_ip.as_ref().map(|address| json!(address)));
    item.insert("createdAt".to_owned(), json!(shapes.time(machine.launched_at)));
    item.insert("status".to_owned(), json!(if spot { "fulfilled" } else { "running" }));
    item.insert("lockStatus".to_owned(), json!(if machine.locked { "locked" } else { "unlocked" }));
    let protected = machine.protected_until.map(|until| json!(shapes.time(until)));
    shapes.put(&mut item, "protectedUntil", protected);
    item.extend(machine.overlay.clone());
    Value::Object(item)
}

/// `GET /aws/ec2/group/{groupId}/instanceHealthiness`
pub(crate) fn healthiness(estate: &Estate, call: &Call<'_>) -> Result<Answer, Refusal> {
    let group = call.group(estate)?;
    let shapes = group.shapes.within(call.shapes);
    let item = |machine: &Machine| {
        let mut item = Map::new();
        item.insert("instanceId".to_owned(), json!(machine.instance_id));
        // Another name than in `status`, for the same thing.
        let request = machine.spot_request.as_ref().map(|id| json!(id));
        let life_cycle = if request.is_some() { "SPOT" } else { "OD" };
        shapes.put(&mut item, "spotRequestId", request);
        item.insert("groupId".to_owned(), json!(group.id));
        item.insert("availabilityZone".to_owned(), json!(machine.zone));
        item.insert("lifeCycle".to_owned(), json!(life_cycle));
        item.insert("healthStatus".to_owned(), json!(machine.health));
        Value::Object(item)
    };
    let items = machines(group).map(item).collect();
    Ok(Answer::Items { kind: "spotinst:aws:ec2:group:instanceHealthiness", items, shapes })
}

/// `GET /aws/ec2/instance/{instanceId}`
pub(crate) fn lifecycle(
    world: &World,
    estate: &Estate,
    call: &Call<'_>,
) -> Result<Answer, Refusal> {
    let id = call.parameter(0);
    let groups = estate.groups.iter().filter(|group| group.account == call.account);
    let mut all = groups.flat_map(|group| machines(group));
    let state = if all.any(|machine| machine.instance_id == id) {
        "ACTIVE"
    } else if world.chronicle.is_gone(id) {
        "TERMINATING"
    } else {
        return Err(Refusal::unknown_instance(id));
    };
    let items = vec![json!({"instanceId": id, "lifeCycleState": state})];
    Ok(Answer::Items { kind: "spotinst:aws:ec2:instance", items, shapes: call.shapes })
}

/// `POST /aws/ec2/instance/interruption`: the vendor's own way to rehearse a Spot interruption.
pub(crate) fn interrupt(world: &mut World, call: &Call<'_>) -> Result<Answer, Refusal> {
    let ids = call.body["instancesToInterrupt"].as_array().cloned().unwrap_or_default();
    let ids: Vec<String> = ids.iter().filter_map(|id| id.as_str().map(str::to_owned)).collect();
    if ids.is_empty() {
        let message = "\"instancesToInterrupt\" is required".to_owned();
        return Err(Refusal::invalid("body:instancesToInterrupt", message));
    }
    for id in &ids {
        owned(world, call, id)?;
    }
    for id in &ids {
        world.replace_by_itself(id, Cause::Interruption, call.now);
    }
    Ok(Answer::Done)
}

/// `POST /aws/ec2/instance/{instanceId}/lock` and `…/unlock`
pub(crate) fn lock(world: &mut World, call: &Call<'_>, lock: bool) -> Result<Answer, Refusal> {
    let id = call.parameter(0).to_owned();
    let group = owned(world, call, &id)?;
    let ttl = call.request.query_value("ttlInMinutes");
    let minutes = ttl.and_then(|text| text.parse::<f64>().ok());
    let until =
        minutes.map(|minutes| crate::clock::later(call.now, crate::clock::seconds(minutes * 60.0)));
    world.change(call.now, |estate| {
        let Some(group) = estate.group_mut(&group) else { return };
        let stateful = group.stateful.iter_mut().filter_map(|ssi| ssi.machine.as_mut());
        let all = stateful.chain(&mut group.members);
        for machine in all.filter(|machine| machine.instance_id == id) {
            machine.locked = lock;
            machine.protected_until = until.filter(|_| lock);
        }
    });
    Ok(Answer::Done)
}

/// The group of a machine, if the account has it.
fn owned(world: &World, call: &Call<'_>, id: &str) -> Result<String, Refusal> {
    let groups = world.estate.groups.iter().filter(|group| group.account == call.account);
    let mut holders = groups.filter(|group| machines(group).any(|one| one.instance_id == id));
    let found = holders.next().map(|group| group.id.clone());
    found.ok_or_else(|| Refusal::unknown_instance(id))
}
