//! Inventory files, and the request of the Ansible plugin.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::failure::{Failure, OTHER, USAGE};
use crate::plan::inventory::{FileOptions, check_option_names};

const PLUGIN_NAMES: [&str; 2] = ["spotinst_esg", "spotinst.esg.spotinst_esg"];

/// Reads an inventory file.
pub(super) fn read(path: &Path) -> Result<FileOptions, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        let text = format!("cannot read the inventory file {}: {error}", path.display());
        Failure::new(if error.kind() == std::io::ErrorKind::NotFound { USAGE } else { OTHER }, text)
    })?;
    parse(&text, &path.display().to_string())
}

fn parse(text: &str, path: &str) -> Result<FileOptions, Failure> {
    if text.starts_with("$ANSIBLE_VAULT") {
        let text = format!(
            "{path}: a vaulted file can be read by the Ansible plugin only; use the environment or \
             ~/.spotinst/credentials, or run `ansible-inventory` with the collection spotinst.esg"
        );
        return Err(Failure::new(USAGE, text));
    }
    // Names first: a misspelt option deserves a better word than the type error that may follow from it.
    let names: BTreeMap<String, IgnoredAny> = located(text, path)?;
    check_option_names(names.keys().map(String::as_str))
        .map_err(|error| Failure::new(USAGE, format!("{path}: {error}")))?;
    let options: FileOptions = located(text, path)?;
    match options.plugin.as_deref() {
        Some(plugin) if PLUGIN_NAMES.contains(&plugin) => {}
        Some(other) => {
            let text = format!(
                "{path}: option plugin is {other:?}; this program serves {}",
                PLUGIN_NAMES[0]
            );
            return Err(Failure::new(USAGE, text));
        }
        None => {
            let text =
                format!("{path}: option plugin is missing; write `plugin: {}`", PLUGIN_NAMES[0]);
            return Err(Failure::new(USAGE, text));
        }
    }
    refuse_templates(text, path)?;
    Ok(options)
}

/// Deserialises YAML; a failure names file, line, column and option.
fn located<'t, T: Deserialize<'t>>(text: &'t str, path: &str) -> Result<T, Failure> {
    let options = serde_yaml::options! { with_snippet: false };
    serde_yaml::from_str_with_options(text, options).map_err(|error| {
        let why = error.to_string();
        let why = strip_place(&why);
        let Some(at) = error.location() else {
            return Failure::new(USAGE, format!("{path}: cannot read the inventory file: {why}"));
        };
        let option = option_at(text, at.line()).map(|name| format!(", option {name}"));
        Failure::new(
            USAGE,
            format!(
                "{path}:{}:{}: cannot read the inventory file{}: {why}",
                at.line(),
                at.column(),
                option.unwrap_or_default()
            ),
        )
    })
}

/// The option that a line belongs to: the last top-level key at or above it.
fn option_at(text: &str, line: u64) -> Option<&str> {
    let until = text.lines().take(usize::try_from(line).ok()?);
    let keys = until.filter_map(|line| line.split_once(':')).map(|(key, _)| key);
    let is_name =
        |key: &&str| !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    keys.filter(is_name).last()
}

/// The parser names the place in a form of its own; once is enough.
fn strip_place(why: &str) -> &str {
    let why = why.split(" at line ").next().unwrap_or(why);
    // What follows is advice for programmers.
    why.split(", set DuplicateKeyPolicy").next().unwrap_or(why)
}

/// Templates and vaulted values are Ansible's: here they would be taken literally, a vaulted token sent to a server.
fn refuse_templates(text: &str, path: &str) -> Result<(), Failure> {
    let constructed = ["compose:", "groups:", "keyed_groups:"];
    let mut in_constructed = false;
    for (at, line) in text.lines().enumerate() {
        let code = line.split(" #").next().unwrap_or(line);
        if !line.starts_with([' ', '#', '-']) && !line.trim().is_empty() {
            in_constructed = constructed.iter().any(|key| line.starts_with(key));
        }
        let what = if line.trim_start().starts_with('#') || in_constructed {
            continue;
        } else if code.contains("!vault") {
            "a vaulted value"
        } else if code.contains("{{") || code.contains("{%") {
            "a template"
        } else {
            continue;
        };
        let text = format!(
            "{path}:{}: {what} can be read by the Ansible plugin only; use the environment or \
             ~/.spotinst/credentials, or run `ansible-inventory` with the collection spotinst.esg",
            at + 1
        );
        return Err(Failure::new(USAGE, text));
    }
    Ok(())
}

/// What the Ansible plugin asks.
#[derive(Debug, Deserialize)]
pub(super) struct PluginRequest {
    protocol: u32,
    /// The inventory file, for messages.
    #[serde(default)]
    pub(super) source: String,
    /// Whether the user asked for fresh data.
    #[serde(default)]
    pub(super) refresh: bool,
    /// Whether only the key is wanted, under which a cache of Ansible's may keep the answer.
    #[serde(default)]
    pub(super) only_key: bool,
    /// Options, resolved by Ansible.
    #[serde(default)]
    pub(super) options: serde_json::Map<String, serde_json::Value>,
}

/// The version of the conversation with the plugin; both sides must agree.
pub(super) const PROTOCOL: u32 = 1;

/// Reads the Ansible plugin's request.
pub(super) fn read_request(bytes: &[u8]) -> Result<(PluginRequest, FileOptions), Failure> {
    let broken =
        |why: String| Failure::new(USAGE, format!("cannot read the plugin's request: {why}"));
    let request: PluginRequest =
        serde_json::from_slice(bytes).map_err(|e| broken(e.to_string()))?;
    if request.protocol != PROTOCOL {
        let text = format!(
            "plugin and binary do not fit: the plugin speaks protocol {}, this binary {PROTOCOL}; install both from \
             the same collection",
            request.protocol
        );
        return Err(Failure::new(USAGE, text));
    }
    let named = |why: String| Failure::new(USAGE, format!("{}: {why}", request.source));
    check_option_names(request.options.keys().map(String::as_str))
        .map_err(|e| named(e.to_string()))?;
    let mut options = FileOptions::default();
    for (name, value) in &request.options {
        // One by one, so that the message can name the option.
        let one = serde_json::Map::from_iter([(name.clone(), value.clone())]);
        FileOptions::deserialize(serde_json::Value::Object(one)).map_err(|error| {
            named(format!("option {name}: {}", strip_place(&error.to_string())))
        })?;
    }
    if !request.options.is_empty() {
        let all = serde_json::Value::Object(request.options.clone());
        options = FileOptions::deserialize(all).map_err(|e| named(e.to_string()))?;
    }
    Ok((request, options))
}
