//! Managed instances, the vendor's successor product for single instances.

use serde_json::{Map, Value, json};

use crate::envelope::{Answer, Refusal};
use crate::estate::{Estate, ManagedInstance};
use crate::world::Call;

const KIND: &str = "spotinst:aws:ec2:managedInstance";

/// `GET /aws/ec2/managedInstance`
pub(crate) fn list(estate: &Estate, call: &Call<'_>) -> Result<Answer, Refusal> {
    let managed = estate.managed.iter().filter(|one| one.account == call.account);
    let items = managed.map(|one| item(one, call, false)).collect();
    Ok(Answer::Items { kind: KIND, items, shapes: call.shapes })
}

/// `GET /aws/ec2/managedInstance/{MI_ID}`
pub(crate) fn get(estate: &Estate, call: &Call<'_>) -> Result<Answer, Refusal> {
    let items = vec![item(find(estate, call)?, call, true)];
    Ok(Answer::Items { kind: KIND, items, shapes: call.shapes })
}

/// `GET /aws/ec2/managedInstance/{MI_ID}/status`
pub(crate) fn status(estate: &Estate, call: &Call<'_>) -> Result<Answer, Refusal> {
    let (managed, shapes) = (find(estate, call)?, call.shapes);
    let mut item = Map::new();
    item.insert("id".to_owned(), json!(managed.id));
    item.insert("name".to_owned(), json!(managed.name));
    item.insert("status".to_owned(), json!(managed.state.name()));
    item.insert("imageId".to_owned(), json!(managed.image));
    let machine = managed.machine.as_ref();
    let field = |value: Option<&String>| value.map(|value| json!(value));
    shapes.put(&mut item, "instanceId", field(machine.map(|one| &one.instance_id)));
    shapes.put(&mut item, "instanceType", field(machine.map(|one| &one.instance_type)));
    shapes.put(&mut item, "privateIp", field(managed.private_ip.as_ref()));
    shapes.put(&mut item, "publicIp", field(machine.and_then(|one| one.public_ip.as_ref())));
    shapes.put(&mut item, "launchedAt", managed.launched_at.map(|at| json!(shapes.time(at))));
    item.insert("createdAt".to_owned(), json!(shapes.time(managed.created_at)));
    let items = vec![Value::Object(item)];
    Ok(Answer::Items { kind: "spotinst:aws:ec2:managedInstanceStatus", items, shapes })
}

pub(crate) fn find<'e>(
    estate: &'e Estate,
    call: &Call<'_>,
) -> Result<&'e ManagedInstance, Refusal> {
    let id = call.parameter(0);
    let mut owned = estate.managed.iter().filter(|one| one.account == call.account);
    let found = owned.find(|one| one.id == id).map(AsRef::as_ref);
    found.ok_or_else(|| Refusal::unknown_managed_instance(id))
}

/// Flat, as the vendor's Go SDK reads it. The vendor's description nests it, differently in the list and in the single
/// answer; the switch `managed_as_described` answers that way.
fn item(managed: &ManagedInstance, call: &Call<'_>, single: bool) -> Value {
    let created_at = call.shapes.time(managed.created_at);
    let (id, config) = (&managed.id, &managed.config);
    if call.shapes.managed_as_described == Some(true) {
        return if single {
            json!([{"managedInstance": config}])
        } else {
            json!({"id": id, "config": config, "createdAt": created_at, "updatedAt": created_at})
        };
    }
    let mut item = Map::new();
    item.insert("id".to_owned(), json!(id));
    item.extend(crate::group_config::object(config));
    item.insert("createdAt".to_owned(), json!(created_at));
    item.insert("updatedAt".to_owned(), json!(created_at));
    Value::Object(item)
}
