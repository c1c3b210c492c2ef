//! Managed instances.

use serde_json::{Map, Value};

use super::Decoded;
use super::fields::{Fields, id_of, label};
use super::group::{persistence, tags};
use super::instance::{devices, state};
use crate::domain::{
    AccountId, ImageId, InstanceId, ManagedInstance, ManagedInstanceId, ManagedStatus, Region,
};

/// An item of the list: the configuration, without the live half. It lies in `config`, or bare as other lists have it.
pub(in crate::spot) fn managed_instance(
    account: &AccountId,
    object: Map<String, Value>,
    oddities: &mut Vec<String>,
) -> Option<Decoded<ManagedInstance>> {
    let id = id_of(&object, &["id"])?;
    let label = label("managed instance", Some(&id));
    let item = Fields::new(&label, &object);
    let config = match object.get("config") {
        Some(Value::Object(config)) => Fields::new(&label, config),
        _ => Fields::new(&label, &object),
    };
    let launch = config.object("compute", oddities).object("launchSpecification", oddities);
    let value = ManagedInstance {
        id: ManagedInstanceId::new(id.as_str()),
        name: config.text("name", oddities).unwrap_or_default(),
        account_id: account.clone(),
        region: config.text("region", oddities).map(Region::new),
        persistence: persistence(&config, oddities),
        configured_image_id: launch.text("imageId", oddities).map(ImageId::new),
        tags: tags(&label, &launch, oddities),
        status: None,
        created_at: item.time("createdAt", oddities),
    };
    Some(Decoded { id: Some(id), value })
}

/// The item of a status reply. The state is called `status` there.
pub(in crate::spot) fn managed_status(
    id: &ManagedInstanceId,
    object: Map<String, Value>,
    oddities: &mut Vec<String>,
) -> Option<Decoded<ManagedStatus>> {
    let label = label("managed instance", Some(id.as_str()));
    let fields = Fields::new(&label, &object);
    let value = ManagedStatus {
        state: state(&label, &fields, "status", oddities),
        instance_id: fields.text("instanceId", oddities).map(InstanceId::new),
        instance_type: fields.text("instanceType", oddities),
        image_id: fields.text("imageId", oddities).map(ImageId::new),
        private_ip: fields.text("privateIp", oddities),
        public_ip: fields.text("publicIp", oddities),
        devices: devices(&fields, oddities),
        launched_at: fields.time("launchedAt", oddities),
        created_at: fields.time("createdAt", oddities),
    };
    Some(Decoded { id: id_of(&object, &["id"]), value })
}
