//! Stateful instances as the API shows them, and the actions on them.

use std::collections::VecDeque;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::chronicle::Cause;
use crate::envelope::{Answer, Refusal};
use crate::estate::{Device, Estate, Group, StatefulInstance};
use crate::lifecycle::{Action, Effect, Phase};
use crate::shapes::{Shapes, put_unset};
use crate::world::{Call, World};

/// An action in progress.
#[derive(Clone, Debug)]
pub(crate) struct Underway {
    pub(crate) action: Action,
    pub(crate) cause: Cause,
    pub(crate) ahead: VecDeque<Phase>,
    /// The state it ends in instead of the promised one, with the reason for the log.
    pub(crate) mishap: Option<(String, Option<String>)>,
    pub(crate) deletions: Deletions,
    /// The command outside that must have ended before it goes on.
    pub(crate) awaiting: Option<u64>,
    /// Whether it would have gone on by now.
    pub(crate) held: bool,
}

impl Underway {
    /// The end of the action and the reason, if a mishap strikes now: where it would launch, release or end.
    pub(crate) fn strikes(&self) -> Option<(String, String)> {
        let decisive =
            |phase: &Phase| phase.effect == Effect::Launch || phase.effect == Effect::Release;
        let turns = self.ahead.len() == 1 || self.ahead.front().is_some_and(decisive);
        let (ends, reason) = self.mishap.clone().filter(|_| turns)?;
        Some((ends, reason.unwrap_or_else(|| "An unexpected error occurred".to_owned())))
    }
}

/// What a deallocation deletes at once; the rest is kept for a while.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Deletions {
    #[serde(rename = "shouldDeleteImages")]
    pub(crate) images: bool,
    #[serde(rename = "shouldDeleteNetworkInterfaces")]
    pub(crate) network_interfaces: bool,
    #[serde(rename = "shouldDeleteVolumes")]
    pub(crate) volumes: bool,
    #[serde(rename = "shouldDeleteSnapshots")]
    pub(crate) snapshots: bool,
}

impl Default for Deletions {
    /// The defaults that the vendor documents for the deletion of a group.
    fn default() -> Deletions {
        Deletions { images: false, network_interfaces: true, volumes: false, snapshots: false }
    }
}

/// `GET …/statefulInstance`. The kind is the recorded one; the vendor's description has none.
pub(crate) fn list(estate: &Estate, call: &Call<'_>) -> Result<Answer, Refusal> {
    let group = call.group(estate)?;
    let outer = group.shapes.within(call.shapes);
    let items = group.stateful.iter().map(|ssi| item(group, ssi, ssi.shapes.within(outer)));
    let items = items.collect();
    Ok(Answer::Items { kind: "spotinst:aws:ec2:statefulInstance", items, shapes: outer })
}

/// openapi: the item of `paths./aws/ec2/group/{groupId}/statefulInstance.get`.
pub(crate) fn item(group: &Group, ssi: &StatefulInstance, shapes: Shapes) -> Value {
    let mut item = Map::new();
    item.insert("id".to_owned(), json!(ssi.id));
    let instance_id = ssi.machine.as_ref().map(|machine| json!(machine.instance_id));
    put_unset(&mut item, "instanceId", instance_id, shapes.instance_id.unwrap_or_default());
    let persisted = group.persisted();
    let private_ip = ssi.private_ip.as_ref().filter(|_| persisted.private_ip);
    shapes.put(&mut item, "privateIp", private_ip.map(|address| json!(address)));
    item.insert("imageId".to_owned(), json!(ssi.image));
    let state = ssi.state.name();
    let lower = shapes.lower_case_states == Some(true);
    item.insert("state".to_owned(), if lower { json!(state.to_lowercase()) } else { json!(state) });
    if shapes.omit_devices != Some(true) {
        let root = ssi.machine.as_ref().map(|machine| &machine.root).or(ssi.kept_root.as_ref());
        let devices = root.into_iter().chain(&ssi.data).map(|device| device_item(device, shapes));
        item.insert("devices".to_owned(), devices.collect());
    }
    if shapes.omit_times != Some(true) {
        shapes.put(&mut item, "launchedAt", ssi.launched_at.map(|at| json!(shapes.time(at))));
        item.insert("createdAt".to_owned(), json!(shapes.time(ssi.created_at)));
    }
    item.extend(ssi.overlay.clone());
    shapes.item(Value::Object(item))
}

fn device_item(device: &Device, shapes: Shapes) -> Value {
    let mut item = Map::new();
    item.insert("deviceName".to_owned(), json!(device.name));
    item.insert("volumeId".to_owned(), json!(device.volume));
    shapes.put(&mut item, "snapshotId", device.snapshot.as_ref().map(|id| json!(id)));
    Value::Object(item)
}

/// `PUT …/statefulInstance/{statefulInstanceId}/…`: accepted at once, carried out over virtual time.
pub(crate) fn act(world: &mut World, call: &Call<'_>, action: Action) -> Result<Answer, Refusal> {
    let (group, ssi) = find(&world.estate, call)?;
    let busy = ssi.underway.as_ref().filter(|underway| underway.ahead.front().is_some());
    let expected = action.accepted_in(&world.behaviour);
    if busy.is_some() || !expected.contains(&ssi.state) {
        let names: Vec<&str> = expected.iter().map(|state| state.name()).collect();
        return Err(Refusal::wrong_state(&ssi.id, ssi.state.name(), &names.join(", ")));
    }
    let deletions = match action {
        Action::Deallocate => deletions(&call.body),
        Action::Pause | Action::Resume | Action::Recycle => Deletions::default(),
    };
    let (group, ssi) = (group.id.clone(), ssi.id.clone());
    world.start(&group, &ssi, action, deletions, Cause::Api, call.now);
    Ok(Answer::Done)
}

/// The optional body that the vendor's Jenkins plugin sends; without it the defaults hold.
fn deletions(body: &Value) -> Deletions {
    Deletions::deserialize(&body["statefulDeallocation"]).unwrap_or_default()
}

/// `DELETE …/volume/{volumeId}`: only a paused instance gives up a volume.
pub(crate) fn delete_volume(world: &mut World, call: &Call<'_>) -> Result<Answer, Refusal> {
    let (group, ssi) = find(&world.estate, call)?;
    if ssi.state != crate::lifecycle::State::Paused {
        return Err(Refusal::wrong_state(&ssi.id, ssi.state.name(), "PAUSED"));
    }
    let volume = call.parameter(2).to_owned();
    if !ssi.data.iter().any(|device| device.volume == volume) {
        return Err(Refusal::unknown_volume(&volume));
    }
    let (group, ssi, now) = (group.id.clone(), ssi.id.clone(), call.now);
    world.volumes_went(vec![volume.clone()]);
    world.change(now, |estate| {
        let Some(group) = estate.group_mut(&group) else { return };
        let message = format!("Volume {volume} of stateful instance {ssi} was deleted.");
        group.log(now, "INFO", message, Some(&ssi));
        for instance in group.stateful.iter_mut().filter(|instance| instance.id == ssi) {
            instance.data.retain(|device| device.volume != volume);
        }
    });
    Ok(Answer::Done)
}

fn find<'e>(
    estate: &'e Estate,
    call: &Call<'_>,
) -> Result<(&'e Group, &'e StatefulInstance), Refusal> {
    let group = call.group(estate)?;
    let id = call.parameter(1);
    let found = group.stateful.iter().find(|ssi| ssi.id == id);
    found.map(|ssi| (group, ssi)).ok_or_else(|| Refusal::unknown_stateful_instance(id))
}

impl StatefulInstance {
    /// A new one that was never launched.
    pub(crate) fn unborn(
        id: String,
        group: &Group,
        zone: String,
        now: Timestamp,
    ) -> StatefulInstance {
        let types = &group.config["compute"]["instanceTypes"];
        let instance_type = types["spot"][0].as_str().or_else(|| types["ondemand"].as_str());
        StatefulInstance {
            id,
            state: crate::lifecycle::State::Paused,
            created_at: now,
            launched_at: None,
            image: group.image().to_owned(),
            lineage: group.image().to_owned(),
            zone,
            instance_type: instance_type.unwrap_or(crate::group_config::INSTANCE_TYPE).to_owned(),
            private_ip: None,
            data: Vec::new(),
            kept_root: None,
            machine: None,
            underway: None,
            epoch: 0,
            shapes: Shapes::default(),
            overlay: Map::new(),
        }
    }
}

#[cfg(test)]
mod tests;
