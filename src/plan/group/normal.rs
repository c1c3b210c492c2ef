//! One form for what the vendor writes in several.

use serde_json::{Map, Value};

/// Lists whose order means nothing, with the field that tells their items apart; none where the items are texts.
const SETS: &[(&str, Option<&str>)] = &[
    ("tags", Some("tagKey")),
    ("availabilityZones", Some("name")),
    ("weights", Some("instanceType")),
    ("signals", Some("name")),
    ("blockDeviceMappings", Some("deviceName")),
    ("subnetIds", None),
    ("securityGroupIds", None),
    ("elasticIps", None),
    ("privateIps", None),
    ("preferredAvailabilityZones", None),
    ("preferredSpot", None),
    ("timeWindows", None),
];

/// The configuration with its persistence as one object and the fields of scheduled tasks in lower camel case, as the
/// vendor's clients write them; its description says a list and upper camel case.
pub(super) fn normal(config: &Map<String, Value>) -> Map<String, Value> {
    let mut config = Value::Object(config.clone());
    if let Some(persistence) = config.pointer_mut("/strategy/persistence")
        && let Value::Array(parts) = persistence
    {
        let mut whole = Map::new();
        for part in parts.iter().filter_map(Value::as_object) {
            whole.extend(part.clone());
        }
        *persistence = Value::Object(whole);
    }
    let tasks = config.pointer_mut("/scheduling/tasks").and_then(Value::as_array_mut);
    for task in tasks.into_iter().flatten().filter_map(Value::as_object_mut) {
        for name in ["MinCapacity", "MaxCapacity", "TargetCapacity"] {
            if let Some(value) = task.shift_remove(name) {
                let lower = format!("{}{}", name[..1].to_ascii_lowercase(), &name[1..]);
                task.entry(lower).or_insert(value);
            }
        }
    }
    match config {
        Value::Object(config) => config,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Map::new()
        }
    }
}

/// Whether the vendor holds nothing there: absent, null and empty are the same to it.
pub(super) fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.values().all(is_nothing),
        Value::String(text) => text.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Whether `found` is as `wanted` has it. Of objects only the fields that are wanted count; of lists all items do, and
/// their order unless it means nothing; numbers may be written as texts.
pub(super) fn is_as_wanted(name: &str, wanted: &Value, found: &Value) -> bool {
    match (wanted, found) {
        (wanted, found) if is_nothing(wanted) => is_nothing(found),
        (Value::Object(wanted), Value::Object(found)) => wanted
            .iter()
            .all(|(key, value)| is_as_wanted(key, value, found.get(key).unwrap_or(&Value::Null))),
        (Value::Array(wanted), Value::Array(found)) => lists_agree(name, wanted, found),
        (Value::Object(_) | Value::Array(_), _) | (_, Value::Object(_) | Value::Array(_)) => false,
        (wanted, found) => scalars_agree(name, wanted, found),
    }
}

fn lists_agree(name: &str, wanted: &[Value], found: &[Value]) -> bool {
    if wanted.len() != found.len() {
        return false;
    }
    let in_order = |pairs: Vec<(&Value, &Value)>| {
        pairs.into_iter().all(|(wanted, found)| is_as_wanted("", wanted, found))
    };
    let Some((_, key)) = SETS.iter().find(|(set, _)| *set == name) else {
        return in_order(wanted.iter().zip(found).collect());
    };
    let sorted = |items: &'_ [Value]| {
        let mut sorted: Vec<(String, usize)> = items
            .iter()
            .enumerate()
            .map(|(index, item)| (key.map_or_else(|| text(item), |key| text(&item[key])), index))
            .collect();
        sorted.sort();
        sorted.into_iter().map(|(_, index)| index).collect::<Vec<_>>()
    };
    let pairs = sorted(wanted).into_iter().zip(sorted(found));
    in_order(pairs.map(|(one, other)| (&wanted[one], &found[other])).collect())
}

fn scalars_agree(name: &str, wanted: &Value, found: &Value) -> bool {
    let (one, other) = (text(wanted), text(found));
    if one == other {
        return true;
    }
    if wanted.is_boolean() || found.is_boolean() {
        // Templates and the vendor's Python tools write switches as texts in any case.
        return one.eq_ignore_ascii_case(&other);
    }
    match name {
        // Both spellings are used and returned.
        "product" => plain_product(&one) == plain_product(&other),
        "userData" | "shutdownScript" => {
            let without_breaks = |text: &str| text.split_whitespace().collect::<String>();
            without_breaks(&one) == without_breaks(&other)
        }
        _ => match (one.parse::<f64>(), other.parse::<f64>()) {
            (Ok(one), Ok(other)) => {
                let is_number = |value: &Value| value.is_number();
                // Two texts are compared as they are: "1.0" and "1" may be versions.
                (is_number(wanted) || is_number(found)) && (one - other).abs() < f64::EPSILON
            }
            _ => false,
        },
    }
}

fn plain_product(text: &str) -> &str {
    text.strip_suffix(" (Amazon VPC)").unwrap_or(text)
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
