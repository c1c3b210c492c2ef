//! The difference between what is wanted of a configuration and what is there, field by field.

use serde_json::{Map, Value};

use super::normal::{is_as_wanted, is_nothing, normal};
use super::refusal::whole;

/// Objects that are sent whole when anything in them changes: it is not documented whether they are merged, and some of
/// their fields are required by others.
const WHOLE: &[&str] = &[
    "capacity",
    "strategy.persistence",
    "strategy.revertToSpot",
    "compute.launchSpecification.metadataOptions",
    "compute.launchSpecification.cpuOptions",
];

/// Fields of which only one may be there (vendor description, and its refusals).
const EXCLUSIVE: &[(&str, &str)] = &[
    ("strategy.risk", "strategy.onDemandCount"),
    ("compute.availabilityZones", "compute.subnetIds"),
    ("compute.instanceTypes.ondemand", "compute.instanceTypes.onDemandTypes"),
    ("compute.instanceTypes.spot", "compute.instanceTypes.resourceRequirements"),
    ("compute.launchSpecification.imageId", "compute.launchSpecification.images"),
    ("compute.launchSpecification.iamRole.arn", "compute.launchSpecification.iamRole.name"),
];

/// One field that is not as it should be. A list is one field: it is replaced whole.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldChange {
    /// Where it is, such as `capacity.target`.
    pub path: String,
    /// What is there; null for nothing.
    pub before: Value,
    /// What is wanted; null to clear it.
    pub after: Value,
}

impl FieldChange {
    /// Whether it is a number that does not sink. What is no whole number may.
    pub fn keeps_up(&self) -> bool {
        match (whole(&self.before), whole(&self.after)) {
            (Some(before), Some(after)) => after >= before,
            _ => false,
        }
    }
}

/// All that is not as it should be, in the order of the wish.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changes(pub Vec<FieldChange>);

impl Changes {
    /// Whether all is as it should be.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The change of the field at a path.
    pub fn of(&self, path: &str) -> Option<&FieldChange> {
        self.0.iter().find(|change| change.path == path)
    }

    /// The body of the update that makes them: nothing but what changes, and what has to be sent along with it.
    pub fn patch(&self, current: &Map<String, Value>) -> Map<String, Value> {
        let current = Value::Object(normal(current));
        let mut patch = Value::Object(Map::new());
        for change in &self.0 {
            let whole = WHOLE.iter().find(|whole| is_below(&change.path, whole));
            if let Some(whole) = whole
                && at(&patch, whole).is_null()
                && let Value::Object(present) = at(&current, whole)
            {
                let mut present = present.clone();
                present.retain(|_, value| !value.is_null());
                // It cannot change, and the vendor's own tools leave it out.
                present.shift_remove("unit");
                put(&mut patch, whole, Value::Object(present));
            }
            put(&mut patch, &change.path, change.after.clone());
        }
        match patch {
            Value::Object(patch) => patch,
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_) => Map::new(),
        }
    }
}

fn is_below(path: &str, parent: &str) -> bool {
    path.strip_prefix(parent).is_some_and(|rest| rest.starts_with('.'))
}

/// What has to change so that `current` is as `wanted` has it. Only what is named in `wanted` counts.
pub fn changes(wanted: &Map<String, Value>, current: &Map<String, Value>) -> Changes {
    let (wanted, current) = (normal(wanted), normal(current));
    let mut found = Vec::new();
    differ(&wanted, &current, "", &mut found);
    let (wanted, current) = (Value::Object(wanted), Value::Object(current));
    for (one, other) in EXCLUSIVE {
        for (chosen, left) in [(one, other), (other, one)] {
            let is_chosen = !is_nothing(at(&wanted, chosen));
            let is_in_the_way = !is_nothing(at(&current, left)) && at(&wanted, left).is_null();
            if is_chosen && is_in_the_way && !found.iter().any(|change| change.path == **left) {
                found.push(FieldChange {
                    path: (*left).to_owned(),
                    before: at(&current, left).clone(),
                    after: Value::Null,
                });
            }
        }
    }
    Changes(found)
}

fn differ(
    wanted: &Map<String, Value>,
    current: &Map<String, Value>,
    parent: &str,
    found: &mut Vec<FieldChange>,
) {
    for (key, value) in wanted {
        let path = if parent.is_empty() { key.clone() } else { format!("{parent}.{key}") };
        let present = current.get(key).unwrap_or(&Value::Null);
        match (value, present) {
            (Value::Object(wanted), Value::Object(present)) => {
                differ(wanted, present, &path, found);
            }
            // Below something that is not there each field that is wanted is one that changes.
            (Value::Object(wanted), _) => differ(wanted, &Map::new(), &path, found),
            _ if is_as_wanted(key, value, present) => {}
            _ => {
                let after = if is_nothing(value) { Value::Null } else { value.clone() };
                found.push(FieldChange { path, before: present.clone(), after });
            }
        }
    }
}

/// Which of the changes the vendor answered as made and did not keep, by what is there afterwards.
pub fn not_kept(wanted: &Map<String, Value>, after: &Map<String, Value>) -> Vec<String> {
    changes(wanted, after).0.into_iter().map(|change| change.path).collect()
}

/// One wish over another: objects by field, everything else replaced. Nulls stay, for they are wishes, too. Of fields that exclude
/// each other the one of the wish on top stays alone.
pub fn overlaid(under: &Map<String, Value>, over: &Map<String, Value>) -> Map<String, Value> {
    let mut whole = Value::Object(laid(under, over));
    let over = Value::Object(over.clone());
    for (one, other) in EXCLUSIVE {
        for (chosen, left) in [(one, other), (other, one)] {
            if !is_nothing(at(&over, chosen)) && at(&over, left).is_null() {
                take(&mut whole, left);
            }
        }
    }
    match whole {
        Value::Object(whole) => whole,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Map::new()
        }
    }
}

fn laid(under: &Map<String, Value>, over: &Map<String, Value>) -> Map<String, Value> {
    let mut whole = under.clone();
    for (key, value) in over {
        let value = match (value, whole.get(key)) {
            (Value::Object(over), Some(Value::Object(under))) => Value::Object(laid(under, over)),
            (other, _) => other.clone(),
        };
        whole.insert(key.clone(), value);
    }
    whole
}

/// A configuration with a wish merged into it as the vendor merges an update: objects by field, lists whole, null clears.
pub fn merged(current: &Map<String, Value>, wish: &Map<String, Value>) -> Map<String, Value> {
    let mut whole = current.clone();
    for (key, value) in wish {
        match (value, whole.get(key)) {
            (Value::Null, _) => {
                whole.shift_remove(key);
            }
            (Value::Object(wish), Some(Value::Object(present))) => {
                let inner = merged(present, wish);
                whole.insert(key.clone(), Value::Object(inner));
            }
            (Value::Object(wish), _) => {
                let inner = merged(&Map::new(), wish);
                whole.insert(key.clone(), Value::Object(inner));
            }
            (other, _) => {
                whole.insert(key.clone(), other.clone());
            }
        }
    }
    whole
}

/// The value at a dotted path; null for nothing.
pub(super) fn at<'v>(config: &'v Value, path: &str) -> &'v Value {
    path.split('.').fold(config, |place, key| place.get(key).unwrap_or(&Value::Null))
}

/// Takes away what is at a dotted path.
fn take(config: &mut Value, path: &str) {
    let mut place = config;
    let mut keys = path.split('.').peekable();
    while let (Some(key), Value::Object(fields)) = (keys.next(), place) {
        if keys.peek().is_none() {
            fields.shift_remove(key);
            return;
        }
        let Some(next) = fields.get_mut(key) else { return };
        place = next;
    }
}

/// Puts a value at a dotted path.
pub(super) fn put(config: &mut Value, path: &str, value: Value) {
    let mut place = config;
    for key in path.split('.') {
        if !place.is_object() {
            *place = Value::Object(Map::new());
        }
        let Value::Object(fields) = place else { return };
        place = fields.entry(key).or_insert(Value::Null);
    }
    *place = value;
}
