//! `compose`, `groups` and `keyed_groups` without Python: the same results that Ansible's own base class gives.
//!
//! The Ansible plugin leaves them to Ansible. Here they serve the ways in that have no Python, for Jinja
//! expressions without Ansible's own filters, tests and lookups; one that needs those is named, never guessed.

use std::collections::BTreeMap;

use minijinja::{Environment, Expression, UndefinedBehavior, Value};
use serde::Deserialize;
use serde_json::Map;
use thiserror::Error;

use super::document::{Document, is_template};
use super::lenient::Text;
use super::names::{is_no_group_name, safe_group_name};
use crate::domain::{Notice, Subject};

/// Variables and groups made of other variables.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Constructed {
    /// Variable name and the expression of its value.
    pub compose: BTreeMap<String, String>,
    /// Group name and the condition under which a host is in it.
    pub groups: BTreeMap<String, String>,
    /// Groups named by a value.
    pub keyed_groups: Vec<KeyedGroup>,
    /// Whether a group without prefix still begins with the separator.
    pub leading_separator: bool,
}

/// One entry of `keyed_groups`, with Ansible's own fields.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields are Ansible's, documented by its constructed fragment")]
pub struct KeyedGroup {
    pub key: String,
    #[serde(default)]
    pub prefix: String,
    #[serde(default = "underscore")]
    pub separator: String,
    #[serde(default)]
    pub parent_group: Option<String>,
    #[serde(default, deserialize_with = "optional_text")]
    pub default_value: Option<String>,
    #[serde(default)]
    pub trailing_separator: Option<bool>,
}

fn underscore() -> String {
    "_".to_owned()
}

fn optional_text<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Option<String>, D::Error> {
    Text::deserialize(d).map(|text| text.0)
}

/// Why a constructed variable or group could not be made.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("cannot evaluate {place} for host {host:?}: {why}")]
pub struct ConstructedError {
    /// The option and its key.
    pub place: String,
    /// The host it was tried for.
    pub host: String,
    /// The evaluator's word.
    pub why: String,
}

/// An expression that was parsed, or the reason why not.
struct Compiled<'a> {
    place: String,
    expression: Result<Expression<'a, 'a>, String>,
}

impl Compiled<'_> {
    fn eval(&self, host: &str, vars: &Value) -> Result<Value, ConstructedError> {
        let error = |why: String| ConstructedError {
            place: self.place.clone(),
            host: host.to_owned(),
            why,
        };
        let expression = self.expression.as_ref().map_err(|why| error(why.clone()))?;
        let value = expression.eval(vars).map_err(|e| error(explain(&e)))?;
        if value.is_undefined() {
            Err(error("the result is undefined".to_owned()))
        } else {
            Ok(value)
        }
    }
}

fn explain(error: &minijinja::Error) -> String {
    let advice = match error.kind() {
        minijinja::ErrorKind::UnknownFilter
        | minijinja::ErrorKind::UnknownTest
        | minijinja::ErrorKind::UnknownFunction
        | minijinja::ErrorKind::UnknownMethod => {
            "; what is Ansible's own works through the Ansible plugin only"
        }
        _ => "",
    };
    format!("{error}{advice}")
}

impl Constructed {
    /// Whether there is nothing to make.
    pub fn is_empty(&self) -> bool {
        self.compose.is_empty() && self.groups.is_empty() && self.keyed_groups.is_empty()
    }

    /// Adds to `document` what the expressions make of each host's variables.
    ///
    /// # Errors
    ///
    /// With `strict` the first expression that fails. Without it a failure leaves that one thing out, as Ansible
    /// does, and the first failure of each expression is a notice, as Ansible does not.
    pub(super) fn apply(
        &self,
        document: &mut Document,
        strict: bool,
        notices: &mut Vec<Notice>,
    ) -> Result<(), ConstructedError> {
        if self.is_empty() {
            return Ok(());
        }
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment
            .set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        let compile = |place: String, text: &str| Compiled {
            place,
            expression: environment
                .compile_expression_owned(text.to_owned())
                .map_err(|e| explain(&e)),
        };
        let compose: Vec<_> = self
            .compose
            .iter()
            .map(|(name, text)| (name, compile(format!("compose.{name}"), text)))
            .collect();
        let groups: Vec<_> = self
            .groups
            .iter()
            .map(|(name, text)| (safe_group_name(name), compile(format!("groups.{name}"), text)))
            .collect();
        let keyed: Vec<_> = self
            .keyed_groups
            .iter()
            .map(|entry| (entry, compile(format!("keyed_groups ({})", entry.key), &entry.key)))
            .collect();
        let mut failures = Failures { strict, first: BTreeMap::new() };
        let hosts: Vec<String> = document.hosts.keys().cloned().collect();
        for host in &hosts {
            let before = context(document, host);
            for (name, expression) in &compose {
                let made = expression.eval(host, &before);
                if let Some(value) = failures.keep(made)? {
                    set(document, host, name, &value);
                }
            }
            let after = context(document, host);
            for (group, condition) in &groups {
                let made =
                    condition.eval(host, &after).and_then(|value| as_bool(condition, host, &value));
                if failures.keep(made)? == Some(true) {
                    failures.keep(join(document, host, group, &condition.place))?;
                }
            }
            for (entry, key) in &keyed {
                let made =
                    key.eval(host, &after).and_then(|value| {
                        entry.names(&value, self.leading_separator).map_err(|why| {
                            ConstructedError { place: key.place.clone(), host: host.clone(), why }
                        })
                    });
                for name in failures.keep(made)?.into_iter().flatten() {
                    failures.keep(join(document, host, &name, &key.place))?;
                    failures.keep(entry.add_to_parent(document, host, &name, &key.place))?;
                }
            }
        }
        notices.extend(failures.first.into_values());
        Ok(())
    }
}

struct Failures {
    strict: bool,
    first: BTreeMap<String, Notice>,
}

impl Failures {
    fn keep<T>(
        &mut self,
        made: Result<T, ConstructedError>,
    ) -> Result<Option<T>, ConstructedError> {
        match made {
            Ok(value) => Ok(Some(value)),
            Err(error) if self.strict => Err(error),
            Err(error) => {
                let subject = Subject::Host(error.host.clone());
                let text = format!("{} was left out: {}", error.place, error.why);
                self.first.entry(error.place).or_insert_with(|| Notice::oddity(subject, text));
                Ok(None)
            }
        }
    }
}

/// A host's variables with those that Ansible adds to every host.
fn context(document: &Document, host: &str) -> Value {
    let mut vars = document.hosts.get(host).cloned().unwrap_or_default();
    let short = host.split('.').next().unwrap_or(host);
    let groups = document.groups.iter().filter(|(_, group)| group.hosts.contains(host));
    vars.insert("inventory_hostname".to_owned(), host.into());
    vars.insert("inventory_hostname_short".to_owned(), short.into());
    vars.insert("group_names".to_owned(), groups.map(|(name, _)| name.clone()).collect());
    Value::from(minijinja::value::Serde(&vars))
}

/// Puts the host into the group, unless a group of that name would mislead Ansible.
fn join(
    document: &mut Document,
    host: &str,
    group: &str,
    place: &str,
) -> Result<(), ConstructedError> {
    allowed(document, host, group, place)?;
    document.groups.entry(group.to_owned()).or_default().hosts.insert(host.to_owned());
    Ok(())
}

fn allowed(
    document: &Document,
    host: &str,
    group: &str,
    place: &str,
) -> Result<(), ConstructedError> {
    let is_host = || document.hosts.contains_key(group).then(|| "a host has that name".to_owned());
    let refuse = |why: String| ConstructedError {
        place: place.to_owned(),
        host: host.to_owned(),
        why: format!("no group can be named {group:?}: {why}"),
    };
    is_no_group_name(group).or_else(is_host).map_or(Ok(()), |why| Err(refuse(why)))
}

fn set(document: &mut Document, host: &str, name: &str, value: &Value) {
    let value = serde_json::to_value(value).unwrap_or(serde_json::Value::Null);
    document.hosts.entry(host.to_owned()).or_default().insert(name.to_owned(), value);
}

fn as_bool(place: &Compiled<'_>, host: &str, value: &Value) -> Result<bool, ConstructedError> {
    bool::try_from(value.clone()).map_err(|_| ConstructedError {
        place: place.place.clone(),
        host: host.to_owned(),
        why: format!("a condition is true or false, not {value}"),
    })
}

impl KeyedGroup {
    fn names(&self, key: &Value, leading_separator: bool) -> Result<Vec<String>, String> {
        if self.default_value.is_some() && self.trailing_separator.is_some() {
            return Err("default_value and trailing_separator exclude each other".to_owned());
        }
        let is_empty = |value: &Value| value.is_none() || value.as_str() == Some("");
        let bare = match (&self.default_value, serde_json::to_value(key)) {
            (Some(default), _) if is_empty(key) => vec![default.clone()],
            (_, Ok(serde_json::Value::String(text))) if !text.is_empty() => vec![text],
            (default, Ok(serde_json::Value::Array(items))) => items
                .iter()
                .map(|item| match (default, plain(item)) {
                    (Some(default), text) if text.is_empty() => default.clone(),
                    (_, text) => text,
                })
                .collect(),
            (_, Ok(serde_json::Value::Object(map))) => self.of_map(&map),
            (_, Ok(serde_json::Value::String(_) | serde_json::Value::Null)) => {
                return Err("the key is empty".to_owned());
            }
            (_, Ok(other)) => {
                return Err(format!("the key is {other}, not a text, list or dictionary"));
            }
            (_, Err(e)) => return Err(e.to_string()),
        };
        let bare_prefix = self.prefix.is_empty() && !leading_separator;
        let separator = if bare_prefix { "" } else { &self.separator };
        let name = |bare: String| safe_group_name(&format!("{}{separator}{bare}", self.prefix));
        Ok(bare.into_iter().map(name).collect())
    }

    fn of_map(&self, map: &Map<String, serde_json::Value>) -> Vec<String> {
        map.iter()
            .map(|(name, value)| match (plain(value), &self.default_value) {
                (text, Some(default)) if text.is_empty() => {
                    format!("{name}{}{default}", self.separator)
                }
                (text, None) if text.is_empty() && self.trailing_separator == Some(false) => {
                    name.clone()
                }
                (text, _) => format!("{name}{}{text}", self.separator),
            })
            .collect()
    }

    fn add_to_parent(
        &self,
        document: &mut Document,
        host: &str,
        name: &str,
        place: &str,
    ) -> Result<(), ConstructedError> {
        let Some(parent) = &self.parent_group else { return Ok(()) };
        if is_template(parent) {
            let why = "a template in parent_group works through the Ansible plugin only".to_owned();
            return Err(ConstructedError { place: place.to_owned(), host: host.to_owned(), why });
        }
        let parent = safe_group_name(parent);
        allowed(document, host, &parent, place)?;
        if document.groups.contains_key(name) && parent != name {
            document.groups.entry(parent).or_default().children.insert(name.to_owned());
        }
        Ok(())
    }
}

/// A value as Python prints it inside a name.
fn plain(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Null => String::new(),
        serde_json::Value::Bool(true) => "True".to_owned(),
        serde_json::Value::Bool(false) => "False".to_owned(),
        other => other.to_string(),
    }
}
