//! What a new group is made of: what is wanted, and what has to be said besides.

use serde_json::{Map, Value, json};

use super::change::{at, merged, put};
use super::normal::{is_nothing, normal};
use super::refusal::{PERSISTENCE, Refusal, SWITCHES, check_switches, is_on};

/// What a new group must name (OpenAPI description: elastigroupAwsCreate), as the module's options have it.
const REQUIRED: &[(&[&str], &str)] = &[
    (&["name"], "name"),
    (&["region"], "region"),
    (&["capacity.target"], "capacity.target"),
    (&["compute.availabilityZones", "compute.subnetIds"], "zones or subnet_ids"),
    (&["compute.launchSpecification.imageId", "compute.launchSpecification.images"], "image_id"),
    (&["compute.launchSpecification.securityGroupIds"], "security_group_ids"),
    (
        &["compute.instanceTypes.spot", "compute.instanceTypes.resourceRequirements"],
        "instance_types.spot",
    ),
    (
        &["compute.instanceTypes.ondemand", "compute.instanceTypes.onDemandTypes"],
        "instance_types.on_demand",
    ),
];

/// The whole configuration of a new group.
///
/// What the vendor wants to be told and has an obvious answer is added: the unit, the product, orientation `balanced`, no
/// detailed monitoring, minimum and maximum as the target. Version 2 of the metadata service is required unless something else
/// is said; how data volumes come back is never left to the vendor's default, which its pages do not agree on.
///
/// # Errors
///
/// [`Refusal::Missing`], [`Refusal::NoSwitch`], [`Refusal::DataModeUnknown`], [`Refusal::CapacityOrder`].
pub fn completed(wanted: &Map<String, Value>) -> Result<Map<String, Value>, Refusal> {
    check_switches(wanted)?;
    // A null clears something, and there is nothing yet.
    let wanted = merged(&Map::new(), &normal(wanted));
    let mut whole = Value::Object(wanted);
    let missing = REQUIRED.iter().filter(|(paths, _)| {
        paths.iter().all(|path| {
            let value = at(&whole, path);
            is_nothing(value) && !value.is_number()
        })
    });
    let missing: Vec<&'static str> = missing.map(|(_, option)| *option).collect();
    if !missing.is_empty() {
        return Err(Refusal::Missing { options: missing });
    }
    let target = at(&whole, "capacity.target").clone();
    let mut defaults = vec![
        ("capacity.minimum", target.clone()),
        ("capacity.maximum", target),
        ("capacity.unit", json!("instance")),
        ("strategy.availabilityVsCost", json!("balanced")),
        ("compute.product", json!("Linux/UNIX (Amazon VPC)")),
        ("compute.launchSpecification.monitoring", json!(false)),
        ("compute.launchSpecification.metadataOptions.httpTokens", json!("required")),
    ];
    if at(&whole, "strategy.onDemandCount").is_null() {
        defaults.push(("strategy.risk", json!(100)));
    }
    let persistence = at(&whole, PERSISTENCE).clone();
    if !is_nothing(&persistence) {
        if is_on(&persistence["shouldPersistBlockDevices"])
            && is_nothing(&persistence["blockDevicesMode"])
        {
            return Err(Refusal::DataModeUnknown);
        }
        // What is off is said, too: the vendor's defaults are not documented. What is neither was refused above.
        for name in SWITCHES {
            put(&mut whole, &format!("{PERSISTENCE}.{name}"), json!(is_on(&persistence[*name])));
        }
    }
    for (path, value) in defaults {
        if at(&whole, path).is_null() {
            put(&mut whole, path, value);
        }
    }
    super::refusal::check_order(&whole)?;
    match whole {
        Value::Object(whole) => Ok(whole),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Ok(Map::new())
        }
    }
}
