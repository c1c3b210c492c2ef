//! Instances of a group: stateful ones, running ones, and their health.

use serde_json::{Map, Value};

use super::Decoded;
use super::fields::{Fields, id_of, label};
use crate::domain::{
    Device, Health, Healthiness, ImageId, InstanceId, Lifecycle, Member, StatefulInstance,
    StatefulInstanceId, StatefulState,
};

/// An item of the list of stateful instances.
pub(in crate::spot) fn stateful_instance(
    object: Map<String, Value>,
    oddities: &mut Vec<String>,
) -> Option<Decoded<StatefulInstance>> {
    let id = id_of(&object, &["id"])?;
    let label = label("stateful instance", Some(&id));
    let fields = Fields::new(&label, &object);
    let value = StatefulInstance {
        id: StatefulInstanceId::new(id.as_str()),
        instance_id: fields.text("instanceId", oddities).map(InstanceId::new),
        private_ip: fields.text("privateIp", oddities),
        image_id: fields.text("imageId", oddities).map(ImageId::new),
        state: state(&label, &fields, "state", oddities),
        devices: devices(&fields, oddities),
        launched_at: fields.time("launchedAt", oddities),
        created_at: fields.time("createdAt", oddities),
    };
    Some(Decoded { id: Some(id), value })
}

/// An item of a group's status.
pub(in crate::spot) fn member(
    object: Map<String, Value>,
    oddities: &mut Vec<String>,
) -> Option<Decoded<Member>> {
    let id = id_of(&object, &["instanceId"]);
    let label = label("instance", id.as_deref());
    let fields = Fields::new(&label, &object);
    let value = Member {
        instance_id: id.as_deref().map(InstanceId::new),
        instance_type: fields.text("instanceType", oddities),
        availability_zone: fields.text("availabilityZone", oddities),
        private_ip: fields.text("privateIp", oddities),
        public_ip: fields.text("publicIp", oddities),
        lifecycle: lifecycle(&fields, oddities),
        status: fields.text("status", oddities),
        created_at: fields.time("createdAt", oddities),
    };
    Some(Decoded { id, value })
}

/// An item of a group's health.
pub(in crate::spot) fn healthiness(
    object: Map<String, Value>,
    oddities: &mut Vec<String>,
) -> Option<Decoded<Healthiness>> {
    let id = id_of(&object, &["instanceId"])?;
    let label = label("instance", Some(&id));
    let health = Fields::new(&label, &object).text("healthStatus", oddities);
    let value = Healthiness {
        instance_id: InstanceId::new(id.as_str()),
        health: health.map_or(Health::Unknown, |health| Health::parse(&health)),
    };
    Some(Decoded { id: Some(id), value })
}

/// The state; one that is missing is a state nobody knows, with no text.
pub(super) fn state(
    label: &str,
    fields: &Fields<'_>,
    key: &str,
    oddities: &mut Vec<String>,
) -> StatefulState {
    let text = fields.text(key, oddities).unwrap_or_default();
    if text.is_empty() {
        oddities.push(format!("{label} has no {key}"));
    }
    StatefulState::parse(&text)
}

/// The volumes, in the vendor's order; one that names nothing at all is passed over.
pub(super) fn devices(fields: &Fields<'_>, oddities: &mut Vec<String>) -> Vec<Device> {
    let mut devices = Vec::new();
    for part in fields.objects("devices", oddities) {
        let device = Device {
            device_name: part.text("deviceName", oddities),
            volume_id: part.text("volumeId", oddities),
            snapshot_id: part.text("snapshotId", oddities),
        };
        if device.device_name.is_some()
            || device.volume_id.is_some()
            || device.snapshot_id.is_some()
        {
            devices.push(device);
        }
    }
    devices
}

/// The vendor says on-demand by sending null for the Spot request; sending nothing says nothing.
fn lifecycle(fields: &Fields<'_>, oddities: &mut Vec<String>) -> Option<Lifecycle> {
    if fields.is_null("spotInstanceRequestId") {
        return Some(Lifecycle::OnDemand);
    }
    fields.text("spotInstanceRequestId", oddities).map(|_| Lifecycle::Spot)
}
