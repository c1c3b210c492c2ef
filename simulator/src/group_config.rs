//! The configuration of a group in the vendor's shape, made from a fleet file's description.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::describe::{DataPersistence, GroupDescription, ManagedDescription, Persistence};
use crate::ids::Ids;

pub(crate) const PRODUCT: &str = "Linux/UNIX (Amazon VPC)";
pub(crate) const INSTANCE_TYPE: &str = "m5.large";

/// Deep-merges a partial update: objects merge, arrays and scalars replace, null removes.
pub(crate) fn merge(target: &mut Value, patch: &Value) {
    let (Value::Object(fields), Value::Object(changes)) = (&mut *target, patch) else {
        *target = patch.clone();
        return;
    };
    for (key, change) in changes {
        match change {
            Value::Null => {
                fields.shift_remove(key);
            }
            Value::Object(_) => {
                let field = fields.entry(key.clone()).or_insert_with(|| json!({}));
                if !field.is_object() {
                    *field = json!({});
                }
                merge(field, change);
            }
            Value::Array(_) | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                fields.insert(key.clone(), change.clone());
            }
        }
    }
}

fn tags(tags: &BTreeMap<String, String>) -> Value {
    tags.iter().map(|(key, value)| json!({"tagKey": key, "tagValue": value})).collect()
}

fn persistence(persistence: Persistence) -> Option<Value> {
    let data = persistence.data != DataPersistence::Off;
    if !persistence.root && !data && !persistence.private_ip {
        return None;
    }
    let mut fields = json!({
        "shouldPersistRootDevice": persistence.root,
        "shouldPersistBlockDevices": data,
        "shouldPersistPrivateIp": persistence.private_ip,
    });
    match persistence.data {
        DataPersistence::Off => {}
        DataPersistence::Reattach => fields["blockDevicesMode"] = json!("reattach"),
        DataPersistence::OnLaunch => fields["blockDevicesMode"] = json!("onLaunch"),
    }
    Some(fields)
}

fn strategy(group: &GroupDescription) -> Value {
    let mut strategy = json!({
        "risk": 100,
        "availabilityVsCost": "balanced",
        "fallbackToOd": true,
        "drainingTimeout": 120,
        "utilizeReservedInstances": false,
        "revertToSpot": {"performAt": "always"},
        "scalingStrategy": {"terminationPolicy": "default"},
    });
    if let Some(persistence) = persistence(group.persistence) {
        strategy["persistence"] = persistence;
        // Reverting to Spot would recycle data nodes at any time: real clusters switch it off.
        strategy["revertToSpot"] = json!({"performAt": "never"});
    }
    strategy
}

fn launch_specification(group: &GroupDescription, ids: &mut Ids) -> Value {
    let security_groups = match group.security_groups.as_slice() {
        [] => vec![ids.security_group()],
        given => given.to_vec(),
    };
    let mut launch = json!({
        "imageId": group.image.clone().unwrap_or_else(|| ids.image()),
        "securityGroupIds": security_groups,
        "monitoring": false,
        "ebsOptimized": true,
        "tenancy": "default",
        "healthCheckType": "EC2",
        "healthCheckGracePeriod": 300,
        "healthCheckUnhealthyDurationBeforeReplacement": 120,
        "autoHealing": true,
        "metadataOptions": {"httpTokens": "required", "httpPutResponseHopLimit": 2},
        "tags": tags(&group.tags),
    });
    if let Some(key_pair) = &group.key_pair {
        launch["keyPair"] = json!(key_pair);
    }
    if let Some(arn) = &group.iam_role_arn {
        launch["iamRole"] = json!({"arn": arn});
    }
    let volumes = group.volumes.iter().map(|volume| {
        json!({"deviceName": volume.device, "ebs": {
            "volumeType": volume.volume_type.as_deref().unwrap_or("gp3"),
            "volumeSize": volume.size,
            "encrypted": volume.encrypted,
            "deleteOnTermination": group.persistence.data == DataPersistence::Off,
        }})
    });
    let volumes: Vec<Value> = volumes.collect();
    if !volumes.is_empty() {
        launch["blockDeviceMappings"] = Value::Array(volumes);
    }
    launch
}

fn compute(group: &GroupDescription, zones: &[(String, String)], ids: &mut Ids) -> Value {
    let on_demand = group.instance_types.on_demand.as_deref().unwrap_or(INSTANCE_TYPE);
    let spot = match group.instance_types.spot.as_slice() {
        [] => vec![on_demand.to_owned()],
        given => given.to_vec(),
    };
    let zones = zones.iter().map(|(name, subnet)| json!({"name": name, "subnetIds": [subnet]}));
    let mut compute = json!({
        "product": group.product.as_deref().unwrap_or(PRODUCT),
        "instanceTypes": {"ondemand": on_demand, "spot": spot},
        "availabilityZones": zones.collect::<Vec<Value>>(),
        "launchSpecification": launch_specification(group, ids),
    });
    if !group.private_ips.is_empty() {
        compute["privateIps"] = json!(group.private_ips);
    }
    compute
}

/// The whole configuration. `size` is the number of running instances, the target unless one is given.
pub(crate) fn group_config(
    group: &GroupDescription,
    id: &str,
    zones: &[(String, String)],
    size: usize,
    start: Timestamp,
    ids: &mut Ids,
) -> Value {
    let size = u32::try_from(size).unwrap_or(u32::MAX);
    let target = group.capacity.target.unwrap_or(size);
    let created_at = group.created_at.unwrap_or(start);
    let mut config = json!({
        "id": id,
        "name": group.name,
        "region": group.region,
        "capacity": {
            "minimum": group.capacity.minimum.unwrap_or(target),
            "maximum": group.capacity.maximum.unwrap_or(target.max(size)),
            "target": target,
            "unit": "instance",
        },
        "strategy": strategy(group),
        "compute": compute(group, zones, ids),
        "scaling": {},
        "scheduling": {},
        "thirdPartiesIntegration": {},
        "createdAt": created_at.to_string(),
        "updatedAt": group.updated_at.unwrap_or(created_at).to_string(),
    });
    if let Some(description) = &group.description {
        config["description"] = json!(description);
    }
    if group.config.is_object() {
        merge(&mut config, &group.config);
    }
    config
}

/// The configuration of a managed instance.
pub(crate) fn managed_config(
    managed: &ManagedDescription,
    image: &str,
    instance_type: &str,
    ids: &mut Ids,
) -> Value {
    let mut config = json!({
        "name": managed.name,
        "region": managed.region,
        "strategy": {
            "lifeCycle": "spot",
            "orientation": "availabilityOriented",
            "drainingTimeout": 120,
            "fallbackToOd": true,
            "revertToSpot": {"performAt": "never"},
        },
        "persistence": {
            "persistRootDevice": true,
            "persistBlockDevices": true,
            "persistPrivateIp": true,
            "blockDevicesMode": "reattach",
        },
        "healthCheck": {"type": "EC2", "gracePeriod": 120, "unhealthyDuration": 120, "autoHealing": true},
        "compute": {
            "product": "Linux/UNIX",
            "subnetIds": [managed.subnet.clone().unwrap_or_else(|| ids.subnet())],
            "vpcId": managed.vpc.as_deref().unwrap_or("vpc-0123456789abcdef0"),
            "launchSpecification": {
                "instanceTypes": {"preferredType": instance_type, "types": [instance_type]},
                "imageId": image,
                "securityGroupIds": [ids.security_group()],
                "tags": tags(&managed.tags),
                "monitoring": false,
                "ebsOptimized": true,
                "tenancy": "default",
            },
        },
        "scheduling": {"tasks": []},
    });
    if managed.config.is_object() {
        merge(&mut config, &managed.config);
    }
    config
}

/// The data devices that a configuration maps, by name.
pub(crate) fn mapped_devices(config: &Value, root_device: &str) -> Vec<String> {
    let mappings = &config["compute"]["launchSpecification"]["blockDeviceMappings"];
    let names = mappings.as_array().into_iter().flatten().filter_map(|mapping| {
        let name = mapping["deviceName"].as_str()?;
        (name != root_device && !mapping["ebs"].is_null()).then(|| name.to_owned())
    });
    names.collect()
}

/// The fields of an object, or none.
pub(crate) fn object(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_merge_is_deep_replaces_arrays_and_removes_nulls() {
        let mut config = json!({"a": {"b": 1, "list": [1, 2]}, "c": 3, "gone": {"x": 1}});
        merge(
            &mut config,
            &json!({"a": {"list": [9], "n": null}, "gone": null, "new": {"k": null}}),
        );
        assert_eq!(config, json!({"a": {"b": 1, "list": [9]}, "c": 3, "new": {}}));
    }

    proptest! {
        #[test]
        fn merging_twice_changes_no_more_than_once(key in "[a-c]", other in "[a-c]", value in 0..9) {
            let patch = json!({key: {other: value}, "z": null});
            let mut once = json!({"a": {"b": [1]}, "z": 1});
            merge(&mut once, &patch);
            let mut twice = once.clone();
            merge(&mut twice, &patch);
            prop_assert_eq!(once, twice);
        }
    }
}
