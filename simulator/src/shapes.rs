//! Irregular shapes: the ways in which answers of the vendor differ from what a client may expect, each with a switch.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// How a field without a value is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Unset {
    /// The key is missing.
    #[default]
    Absent,
    /// The key is there, with null.
    Null,
    /// The key is there, with an empty string.
    Empty,
}

/// How timestamps are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TimestampShape {
    /// `2018-01-07T07:30:58.622Z`
    #[default]
    Zulu,
    /// `2018-08-29T18:09:01.431+0000`, an offset without a colon.
    Offset,
}

/// How `strategy.persistence` is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PersistenceShape {
    /// As the clients of the vendor read it.
    #[default]
    Object,
    /// As the vendor's description has it: an array with the object in it.
    Array,
    /// `{}`, whatever the group persists.
    Empty,
}

/// How `response.items` is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ItemsShape {
    /// An array.
    #[default]
    Array,
    /// One item as it is, without the array; none as `{}`; several stay an array.
    Object,
    /// Nested once more, as the vendor's description of costs has it.
    Nested,
    /// No items as null instead of an empty array.
    Null,
}

/// Which numbers are written as strings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum NumberShape {
    /// None.
    #[default]
    Numbers,
    /// Those seen as strings in the wild: volume sizes and the hop limit.
    Volumes,
    /// All numbers in items.
    Strings,
}

macro_rules! shapes {
    ($($(#[$doc:meta])* $name:ident: $kind:ty,)*) => {
        /// The switches, each unset unless given; what an item leaves unset its group decides, then the fleet.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct Shapes {
            $($(#[$doc])*
            #[serde(skip_serializing_if = "Option::is_none")] pub $name: Option<$kind>,)*
        }

        impl Shapes {
            /// These switches, with those of `outer` where none is set here.
            #[must_use]
            pub fn within(self, outer: Shapes) -> Shapes {
                Shapes { $($name: self.$name.or(outer.$name),)* }
            }
        }
    };
}

shapes! {
    /// Numbers as strings.
    numbers: NumberShape,
    /// Fields that have no value, except `instanceId`.
    unset: Unset,
    /// `instanceId` of a stateful instance that has no machine.
    instance_id: Unset,
    /// Timestamps in items and in the echoed request.
    timestamps: TimestampShape,
    /// `strategy.persistence` of groups.
    persistence: PersistenceShape,
    /// `response.items`.
    items: ItemsShape,
    /// Leave out `response.kind`.
    omit_kind: bool,
    /// Leave out `response.count`.
    omit_count: bool,
    /// Leave out `request`.
    omit_request: bool,
    /// Leave out `createdAt` and `launchedAt` of stateful instances, as recorded in 2018.
    omit_times: bool,
    /// Leave out `devices` of stateful instances.
    omit_devices: bool,
    /// States in lower case.
    lower_case_states: bool,
    /// `organizationId` of accounts as a string.
    organisation_id_as_string: bool,
    /// Wrap the item of a capacity update in `capacity`, as the vendor's description has it.
    wrap_capacity: bool,
    /// Managed instances nested as the vendor's description has them, not flat.
    managed_as_described: bool,
    /// Add a field to each item that no client knows.
    unknown_fields: bool,
}

impl Shapes {
    /// Puts a value, or what stands for none.
    pub(crate) fn put(self, item: &mut Map<String, Value>, key: &str, value: Option<Value>) {
        put_unset(item, key, value, self.unset.unwrap_or_default());
    }

    /// Writes an instant.
    pub(crate) fn time(self, at: jiff::Timestamp) -> String {
        match self.timestamps.unwrap_or_default() {
            TimestampShape::Zulu => at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
            TimestampShape::Offset => at.strftime("%Y-%m-%dT%H:%M:%S%.3f+0000").to_string(),
        }
    }

    /// The shape of a group, given in its regular form.
    pub(crate) fn group(self, mut config: Value) -> Value {
        let persistence = config.pointer_mut("/strategy/persistence");
        match (self.persistence.unwrap_or_default(), persistence) {
            (PersistenceShape::Array, Some(found)) => *found = json!([found.take()]),
            (PersistenceShape::Empty, Some(found)) => *found = json!({}),
            (PersistenceShape::Object | PersistenceShape::Array, _) => {}
            (PersistenceShape::Empty, None) => {
                if let Some(strategy) = config.get_mut("strategy").and_then(Value::as_object_mut) {
                    strategy.insert("persistence".to_owned(), json!({}));
                }
            }
        }
        if self.unset == Some(Unset::Null) {
            null_unset_fields(&mut config);
        }
        config
    }

    /// What is common to all items: numbers and unknown fields.
    pub(crate) fn item(self, mut item: Value) -> Value {
        match self.numbers.unwrap_or_default() {
            NumberShape::Numbers => {}
            NumberShape::Volumes => numbers_to_strings(&mut item, false),
            NumberShape::Strings => numbers_to_strings(&mut item, true),
        }
        if let (Some(true), Some(fields)) = (self.unknown_fields, item.as_object_mut()) {
            let unknown = json!({"enabled": true, "levels": [1, "two", null]});
            fields.insert("fieldOfTheFuture".to_owned(), unknown);
        }
        item
    }

    /// The shape of `response.items`.
    pub(crate) fn items(self, mut items: Vec<Value>) -> Value {
        match self.items.unwrap_or_default() {
            ItemsShape::Object if items.len() == 1 => items.remove(0),
            ItemsShape::Object if items.is_empty() => json!({}),
            ItemsShape::Null if items.is_empty() => Value::Null,
            ItemsShape::Nested => json!([items]),
            ItemsShape::Array | ItemsShape::Object | ItemsShape::Null => Value::Array(items),
        }
    }
}

/// Puts a value, or the given stand-in for none.
pub(crate) fn put_unset(
    item: &mut Map<String, Value>,
    key: &str,
    value: Option<Value>,
    unset: Unset,
) {
    let value = match (value, unset) {
        (Some(value), _) => value,
        (None, Unset::Absent) => return,
        (None, Unset::Null) => Value::Null,
        (None, Unset::Empty) => json!(""),
    };
    item.insert(key.to_owned(), value);
}

const OFTEN_NULL: &[(&str, &[&str])] = &[
    ("", &["description", "scaling", "scheduling", "thirdPartiesIntegration"]),
    ("/capacity", &["unit"]),
    ("/strategy", &["onDemandCount", "persistence", "signals", "scalingStrategy"]),
    ("/compute", &["elasticIps", "privateIps", "preferredAvailabilityZones", "subnetIds"]),
    ("/compute/instanceTypes", &["preferredSpot", "weights"]),
    (
        "/compute/launchSpecification",
        &[
            "userData",
            "shutdownScript",
            "loadBalancersConfig",
            "iamRole",
            "keyPair",
            "images",
            "tags",
        ],
    ),
];

fn null_unset_fields(config: &mut Value) {
    for (pointer, keys) in OFTEN_NULL {
        if let Some(fields) = config.pointer_mut(pointer).and_then(Value::as_object_mut) {
            for key in *keys {
                fields.entry(*key).or_insert(Value::Null);
            }
        }
    }
}

const SEEN_AS_STRINGS: &[&str] = &["volumeSize", "iops", "throughput", "httpPutResponseHopLimit"];

fn numbers_to_strings(value: &mut Value, all: bool) {
    match value {
        Value::Number(number) if all => *value = Value::String(number.to_string()),
        Value::Array(items) => items.iter_mut().for_each(|item| numbers_to_strings(item, all)),
        Value::Object(fields) => {
            for (key, field) in fields {
                numbers_to_strings(field, all || SEEN_AS_STRINGS.contains(&key.as_str()));
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_decides_before_its_group_and_the_group_before_the_fleet() {
        let item = Shapes { instance_id: Some(Unset::Null), ..Shapes::default() };
        let fleet =
            Shapes { instance_id: Some(Unset::Empty), omit_kind: Some(true), ..Shapes::default() };
        let merged = item.within(fleet);
        assert_eq!((merged.instance_id, merged.omit_kind), (Some(Unset::Null), Some(true)));
    }

    #[test]
    fn volume_sizes_become_strings_and_other_numbers_stay() {
        let shapes = Shapes { numbers: Some(NumberShape::Volumes), ..Shapes::default() };
        let shaped = shapes.item(json!({"ebs": {"volumeSize": 22}, "target": 3}));
        assert_eq!(shaped, json!({"ebs": {"volumeSize": "22"}, "target": 3}));
    }

    #[test]
    fn persistence_can_be_an_array_or_empty() {
        let config = json!({"strategy": {"persistence": {"shouldPersistPrivateIp": true}}});
        let array = Shapes { persistence: Some(PersistenceShape::Array), ..Shapes::default() };
        let expected = json!([{"shouldPersistPrivateIp": true}]);
        assert_eq!(array.group(config.clone())["strategy"]["persistence"], expected);
        let empty = Shapes { persistence: Some(PersistenceShape::Empty), ..Shapes::default() };
        assert_eq!(empty.group(config)["strategy"]["persistence"], json!({}));
    }
}
