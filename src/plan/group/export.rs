//! A configuration in a form that can be given back.

use serde_json::{Map, Value};

use super::normal::{is_nothing, normal};
use super::secrecy::{is_credential, is_of_third_parties};

/// What only the vendor writes.
const READ_ONLY: &[&str] = &["id", "createdAt", "updatedAt"];

/// A configuration to be given back.
#[derive(Clone, Debug, PartialEq)]
pub struct Export {
    /// What the option `spec` of `elastigroup` takes.
    pub spec: Map<String, Value>,
    /// What is left out of it because it is a credential of a third party, by path.
    pub left_out: Vec<String>,
}

/// Everything of a configuration that can be set, without what holds nothing and without credentials of third parties.
///
/// Given back to the same group it changes nothing; given to another name or region it makes a copy.
pub fn export(raw: &Map<String, Value>, with_user_data: bool) -> Export {
    let mut left_out = Vec::new();
    let mut spec = kept(&normal(raw), "", &mut left_out);
    for name in READ_ONLY {
        spec.shift_remove(*name);
    }
    if !with_user_data {
        let launch =
            spec.get_mut("compute").and_then(|compute| compute.get_mut("launchSpecification"));
        if let Some(launch) = launch.and_then(Value::as_object_mut) {
            for name in ["userData", "shutdownScript"] {
                if launch.shift_remove(name).is_some() {
                    left_out.push(format!("compute.launchSpecification.{name}"));
                }
            }
        }
    }
    Export { spec, left_out }
}

fn kept(
    fields: &Map<String, Value>,
    parent: &str,
    left_out: &mut Vec<String>,
) -> Map<String, Value> {
    let mut kept_fields = Map::new();
    for (key, value) in fields {
        let path = if parent.is_empty() { key.clone() } else { format!("{parent}.{key}") };
        if is_nothing(value) {
            continue;
        }
        if is_credential(&path) {
            left_out.push(path);
            continue;
        }
        let value = match value {
            Value::Object(inner) => Value::Object(kept(inner, &path, left_out)),
            // Elsewhere a list is taken as it is.
            Value::Array(_) if is_of_third_parties(&path) => {
                let open = without_credentials(value, &path, left_out);
                // A list is replaced whole, so one whose items are nothing else is left as it is.
                if is_emptied(value, &open) {
                    left_out.push(path);
                    continue;
                }
                open
            }
            other => other.clone(),
        };
        kept_fields.insert(key.clone(), value);
    }
    kept_fields
}

fn without_credentials(value: &Value, path: &str, left_out: &mut Vec<String>) -> Value {
    match value {
        Value::Object(fields) => {
            let mut open = Map::new();
            for (key, value) in fields {
                let inner = format!("{path}.{key}");
                if !is_credential(&inner) || is_nothing(value) {
                    open.insert(key.clone(), without_credentials(value, &inner, left_out));
                } else if !left_out.contains(&inner) {
                    left_out.push(inner);
                }
            }
            Value::Object(open)
        }
        Value::Array(items) => {
            items.iter().map(|item| without_credentials(item, path, left_out)).collect()
        }
        other => other.clone(),
    }
}

/// Whether something in it holds nothing any more.
fn is_emptied(before: &Value, after: &Value) -> bool {
    if is_nothing(after) {
        return !is_nothing(before);
    }
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => {
            after.iter().any(|(key, after)| before.get(key).is_some_and(|it| is_emptied(it, after)))
        }
        (Value::Array(before), Value::Array(after)) => {
            before.iter().zip(after).any(|(before, after)| is_emptied(before, after))
        }
        _ => false,
    }
}
