//! The vendor's API description, and what of a request does not fit it.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

/// Where bodies are other than the description says, by path, with the source that is believed instead.
pub(crate) const EXCEPTIONS: &[(&str, &str)] = &[
    (
        "group.strategy.persistence",
        "described as a list; one object in the Go, Python and Java SDKs, the Jenkins plugin and the vendor's help",
    ),
    (
        "group.scheduling.tasks.minCapacity",
        "described as MinCapacity; spelled so by the Go SDK and the Terraform provider",
    ),
    (
        "group.scheduling.tasks.maxCapacity",
        "described as MaxCapacity; spelled so by the Go SDK and the Terraform provider",
    ),
    ("group.scheduling.tasks.adjustment", "sent by the Go SDK and the Terraform provider"),
    ("group.scheduling.tasks.gracePeriod", "sent by the Go SDK and the Terraform provider"),
    (
        "group.compute.launchSpecification.iamRole.arn",
        "described in the answer of a group only; sent by the Go SDK and the Terraform provider",
    ),
    (
        "group.compute.launchSpecification.tenancy",
        "described in the answer of a group only; sent by the Go SDK and the Terraform provider",
    ),
    (
        "group.compute.launchSpecification.blockDeviceMappings.virtualName",
        "sent by the Go SDK and the Terraform provider",
    ),
];

/// The description, if it lies beside the project.
#[expect(clippy::print_stdout, reason = "a test that checked nothing says so")]
pub(crate) fn description() -> Option<Value> {
    let relative = "../shared/spec/spot-openapi-subset.json";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(relative);
    match std::fs::read(&path) {
        Ok(bytes) => Some(serde_json::from_slice(&bytes).unwrap()),
        Err(error) => {
            assert!(!is_ci(), "{relative} is needed: {error}");
            println!("note: {relative} is missing, so nothing was held against it");
            None
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a test asks where it runs")]
fn is_ci() -> bool {
    std::env::var_os("CI").is_some()
}

/// The paths at which a body is other than the schema says: fields that are not described, other types, other choices. Null clears a
/// field and fits all.
pub(crate) fn misfits(schema: &Value, sent: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    collect(schema, sent, "", &mut found);
    found
}

fn collect(schema: &Value, sent: &Value, path: &str, found: &mut BTreeSet<String>) {
    for choice in ["allOf", "oneOf", "anyOf"] {
        if let Some(parts) = schema[choice].as_array() {
            let tried = parts.iter().map(|part| {
                let mut inner = BTreeSet::new();
                collect(part, sent, path, &mut inner);
                inner
            });
            found.extend(tried.min_by_key(BTreeSet::len).unwrap_or_default());
            return;
        }
    }
    let fits = match schema["type"].as_str() {
        Some("object") => sent.is_object(),
        Some("array") => sent.is_array(),
        Some("string") => sent.is_string(),
        Some("integer") => sent.is_u64() || sent.is_i64(),
        Some("number") => sent.is_number(),
        Some("boolean") => sent.is_boolean(),
        Some(other) => panic!("{path}: the description has a type {other}"),
        None => true,
    };
    let choices = schema["enum"].as_array();
    let is_choice = choices.is_none_or(|choices| choices.contains(sent));
    let is_fitting = sent.is_null() || (fits && is_choice);
    if !is_fitting {
        found.insert(path.to_owned());
    }
    match sent {
        Value::Object(fields) => {
            // Where one is sent in place of a list, the list's items describe it.
            let schema = if schema["type"] == "array" { &schema["items"] } else { schema };
            for (key, value) in fields {
                let inner = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                match &schema["properties"][key] {
                    Value::Null => drop(found.insert(inner)),
                    described => collect(described, value, &inner, found),
                }
            }
        }
        Value::Array(items) => {
            items.iter().for_each(|item| collect(&schema["items"], item, path, found));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
