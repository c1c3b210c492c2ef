//! The inventory document and its rendering.

use std::collections::{BTreeMap, BTreeSet};

use serde::ser::{SerializeMap, Serializer};
use serde_json::{Map, Value};

/// An inventory: groups of hosts and each host's variables.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Document {
    /// By name.
    pub groups: BTreeMap<String, GroupEntry>,
    /// Variables by host name. Every host is in at least one group.
    pub hosts: BTreeMap<String, Map<String, Value>>,
}

/// What a group holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupEntry {
    /// Names of hosts.
    pub hosts: BTreeSet<String>,
    /// Names of groups.
    pub children: BTreeSet<String>,
}

impl Document {
    /// Writes the JSON that Ansible reads from an inventory script.
    ///
    /// A text that Ansible might take for a template is wrapped as `{"__ansible_unsafe": …}`: tags and names are
    /// an outsider's input, and variables of a script are templated.
    ///
    /// # Errors
    ///
    /// Those of the writer.
    pub fn write_script_json<W: std::io::Write>(&self, writer: W) -> serde_json::Result<()> {
        let mut serializer = serde_json::Serializer::new(writer);
        let mut map = serializer.serialize_map(Some(self.groups.len() + 1))?;
        map.serialize_entry("_meta", &Meta { hostvars: &self.hosts })?;
        for (name, group) in &self.groups {
            map.serialize_entry(name, &group.to_json())?;
        }
        map.end()
    }
}

impl GroupEntry {
    fn to_json(&self) -> Value {
        let list = |names: &BTreeSet<String>| names.iter().cloned().map(Value::String).collect();
        let mut object = Map::new();
        object.insert("hosts".to_owned(), Value::Array(list(&self.hosts)));
        if !self.children.is_empty() {
            object.insert("children".to_owned(), Value::Array(list(&self.children)));
        }
        Value::Object(object)
    }
}

/// Whether Ansible could take `text` for a template: the three markers of Jinja, or the header with which a
/// text may choose markers of its own.
pub fn is_template(text: &str) -> bool {
    text.starts_with("#jinja2:") || ["{{", "{%", "{#"].iter().any(|marker| text.contains(marker))
}

struct Meta<'a> {
    hostvars: &'a BTreeMap<String, Map<String, Value>>,
}

impl serde::Serialize for Meta<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut meta = serializer.serialize_map(Some(1))?;
        meta.serialize_entry("hostvars", &Hostvars(self.hostvars))?;
        meta.end()
    }
}

struct Hostvars<'a>(&'a BTreeMap<String, Map<String, Value>>);

impl serde::Serialize for Hostvars<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(host, vars)| (host, Guarded::Object(vars))))
    }
}

/// Serialises with templates wrapped and without a copy: ten thousand hosts must fit in little memory.
enum Guarded<'a> {
    Object(&'a Map<String, Value>),
    Array(&'a [Value]),
    Other(&'a Value),
    Template(&'a str),
}

impl<'a> Guarded<'a> {
    fn new(value: &'a Value) -> Self {
        match value {
            Value::Object(map) => Self::Object(map),
            Value::Array(items) => Self::Array(items),
            Value::String(text) if is_template(text) => Self::Template(text),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                Self::Other(value)
            }
        }
    }
}

impl serde::Serialize for Guarded<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Object(map) => {
                serializer.collect_map(map.iter().map(|(name, value)| (name, Guarded::new(value))))
            }
            Self::Array(items) => serializer.collect_seq(items.iter().map(Guarded::new)),
            Self::Other(value) => value.serialize(serializer),
            Self::Template(text) => serializer.collect_map([("__ansible_unsafe", text)]),
        }
    }
}
