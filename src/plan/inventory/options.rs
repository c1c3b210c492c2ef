//! The options of an inventory file, as typed and as meant.

use std::collections::BTreeMap;

use thiserror::Error;

use super::lenient::{
    expressions, tags_or_none, text_or_none, texts_or_none, truth, truth_or_none,
    whole_number_or_none,
};
use super::{Constructed, GroupNames, HostnameSource, KeyedGroup, Scope};
use crate::domain::StatefulState;

/// What is listed besides the groups themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Include {
    /// Stateful instances of Elastigroups.
    pub stateful: bool,
    /// Running EC2 instances of groups that are no stateful instances.
    pub members: bool,
    /// Managed instances.
    pub managed_instances: bool,
}

/// Whether EC2 is asked for its facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ec2Mode {
    /// If AWS credentials are found; otherwise the group status endpoint serves.
    Auto,
    /// Always; no credentials is an error.
    Always,
    /// Never.
    Never,
}

/// The options that shape the document, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Which groups are in.
    pub scope: Scope,
    /// What is listed.
    pub include: Include,
    /// Only instances in these states; empty means all.
    pub states: Vec<StatefulState>,
    /// Where a host's name comes from, first hit wins; the stable id ends the list.
    pub hostnames: Vec<HostnameSource>,
    /// Put before every variable's name.
    pub hostvar_prefix: String,
    /// How groups are spelled.
    pub group_names: GroupNames,
    /// Whether what is missing is an error.
    pub strict: bool,
}

/// Every option of an inventory file by its own name, none of them checked beyond its type.
///
/// Read from the YAML file, or from the JSON that the Ansible plugin hands over.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default)]
#[expect(
    missing_docs,
    reason = "the options are documented where users read them, in the plugin's documentation"
)]
pub struct FileOptions {
    #[serde(deserialize_with = "text_or_none")]
    pub plugin: Option<String>,
    #[serde(alias = "spotinst_account", alias = "account_id", deserialize_with = "texts_or_none")]
    pub spotinst_account_id: Option<Vec<String>>,
    #[serde(alias = "spotinst_token", alias = "api_token", alias = "token")]
    pub spotinst_api_token: Option<secrecy::SecretString>,
    #[serde(alias = "base_url", deserialize_with = "text_or_none")]
    pub spotinst_base_url: Option<String>,
    #[serde(deserialize_with = "truth")]
    pub allow_http: bool,
    #[serde(deserialize_with = "text_or_none")]
    pub credentials_file: Option<String>,
    #[serde(deserialize_with = "text_or_none")]
    pub credentials_profile: Option<String>,
    #[serde(deserialize_with = "text_or_none")]
    pub aws_profile: Option<String>,
    #[serde(deserialize_with = "texts_or_none")]
    pub regions: Option<Vec<String>>,
    #[serde(deserialize_with = "texts_or_none")]
    pub elastigroups: Option<Vec<String>>,
    #[serde(deserialize_with = "tags_or_none")]
    pub tags: Option<BTreeMap<String, Vec<String>>>,
    #[serde(deserialize_with = "texts_or_none")]
    pub include: Option<Vec<String>>,
    #[serde(deserialize_with = "texts_or_none")]
    pub states: Option<Vec<String>>,
    #[serde(deserialize_with = "texts_or_none")]
    pub hostnames: Option<Vec<String>>,
    #[serde(deserialize_with = "text_or_none")]
    pub hostvar_prefix: Option<String>,
    #[serde(deserialize_with = "text_or_none")]
    pub group_names: Option<String>,
    #[serde(deserialize_with = "text_or_none")]
    pub ec2: Option<String>,
    #[serde(deserialize_with = "truth")]
    pub strict: bool,
    #[serde(deserialize_with = "truth_or_none")]
    pub cache: Option<bool>,
    #[serde(deserialize_with = "text_or_none")]
    pub cache_plugin: Option<String>,
    #[serde(deserialize_with = "text_or_none")]
    pub cache_connection: Option<String>,
    #[serde(deserialize_with = "whole_number_or_none")]
    pub cache_timeout: Option<u64>,
    #[serde(deserialize_with = "text_or_none")]
    pub cache_prefix: Option<String>,
    #[serde(deserialize_with = "whole_number_or_none")]
    pub stale_if_error: Option<u64>,
    #[serde(deserialize_with = "whole_number_or_none")]
    pub concurrency: Option<u64>,
    #[serde(deserialize_with = "whole_number_or_none")]
    pub timeout: Option<u64>,
    #[serde(deserialize_with = "truth")]
    pub use_extra_vars: bool,
    #[serde(deserialize_with = "expressions")]
    pub compose: BTreeMap<String, String>,
    #[serde(deserialize_with = "expressions")]
    pub groups: BTreeMap<String, String>,
    pub keyed_groups: Option<Vec<KeyedGroup>>,
    #[serde(deserialize_with = "truth_or_none")]
    pub leading_separator: Option<bool>,
}

/// Every name an inventory file may use, aliases included.
pub const OPTION_NAMES: &[&str] = &[
    "account_id",
    "allow_http",
    "api_token",
    "aws_profile",
    "base_url",
    "cache",
    "cache_connection",
    "cache_plugin",
    "cache_prefix",
    "cache_timeout",
    "compose",
    "concurrency",
    "credentials_file",
    "credentials_profile",
    "ec2",
    "elastigroups",
    "group_names",
    "groups",
    "hostnames",
    "hostvar_prefix",
    "include",
    "keyed_groups",
    "leading_separator",
    "plugin",
    "regions",
    "spotinst_account",
    "spotinst_account_id",
    "spotinst_api_token",
    "spotinst_base_url",
    "spotinst_token",
    "stale_if_error",
    "states",
    "strict",
    "tags",
    "timeout",
    "token",
    "use_extra_vars",
];

/// What is wrong with an option.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum OptionError {
    /// No option has this name.
    #[error("unknown option {name:?}{}; known options: {}", did_you_mean(nearest), OPTION_NAMES.join(", "))]
    Unknown {
        /// As typed.
        name: String,
        /// The known name most like it.
        nearest: Option<&'static str>,
    },
    /// The value is not one of those allowed.
    #[error("option {option} is {value:?}{}; allowed: {allowed}", did_you_mean_owned(nearest))]
    Choice {
        /// The option.
        option: &'static str,
        /// As typed.
        value: String,
        /// The allowed value most like it.
        nearest: Option<String>,
        /// All allowed values.
        allowed: String,
    },
    /// The value has the right type and cannot be used.
    #[error("option {option} is {value:?}: {why}")]
    Invalid {
        /// The option.
        option: &'static str,
        /// As typed.
        value: String,
        /// Why, and what would do.
        why: &'static str,
    },
}

fn did_you_mean(nearest: &Option<&'static str>) -> String {
    nearest.map(|name| format!(", did you mean {name:?}?")).unwrap_or_default()
}

fn did_you_mean_owned(nearest: &Option<String>) -> String {
    nearest.as_deref().map(|name| format!(", did you mean {name:?}?")).unwrap_or_default()
}

/// The candidate most like `word`, if any is near enough to be a slip of the fingers.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let score =
        |candidate: &&str| strsim::jaro_winkler(&word.to_lowercase(), &candidate.to_lowercase());
    candidates
        .into_iter()
        .map(|candidate| (score(&candidate), candidate))
        .filter(|(score, _)| *score > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0).then_with(|| b.1.cmp(a.1)))
        .map(|(_, candidate)| candidate)
}

/// Refuses names that no option has.
///
/// # Errors
///
/// The first unknown name, with the known one most like it.
pub fn check_option_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<(), OptionError> {
    for name in names {
        if !OPTION_NAMES.contains(&name) {
            let nearest = nearest(name, OPTION_NAMES.iter().copied());
            return Err(OptionError::Unknown { name: name.to_owned(), nearest });
        }
    }
    Ok(())
}

impl FileOptions {
    /// Checks what shapes the document.
    ///
    /// # Errors
    ///
    /// A value outside its choices or bounds.
    pub fn document_options(&self) -> Result<Options, OptionError> {
        let prefix = self.hostvar_prefix.clone().unwrap_or_else(|| "spotinst_".to_owned());
        if !is_identifier_start(&prefix) {
            return Err(OptionError::Invalid {
                option: "hostvar_prefix",
                value: prefix,
                why: "a variable's name holds letters, digits and underscores and starts with no digit",
            });
        }
        let sources = self.hostnames.as_deref().unwrap_or_default();
        Ok(Options {
            scope: Scope::new(
                self.regions.clone().unwrap_or_default(),
                self.elastigroups.clone().unwrap_or_default(),
                self.tags.clone().unwrap_or_default(),
            ),
            include: self.include()?,
            states: self.states()?,
            hostnames: sources
                .iter()
                .map(|s| HostnameSource::parse(s))
                .collect::<Result<_, _>>()?,
            hostvar_prefix: prefix,
            group_names: GroupNames::parse(self.group_names.as_deref().unwrap_or("raw"))?,
            strict: self.strict,
        })
    }

    /// Whether EC2 is asked.
    ///
    /// # Errors
    ///
    /// A word other than `auto`, `true` or `false` (and YAML's other spellings of the two).
    pub fn ec2_mode(&self) -> Result<Ec2Mode, OptionError> {
        match self.ec2.as_deref().unwrap_or("auto").to_ascii_lowercase().as_str() {
            "auto" => Ok(Ec2Mode::Auto),
            "true" | "yes" | "on" | "1" => Ok(Ec2Mode::Always),
            "false" | "no" | "off" | "0" => Ok(Ec2Mode::Never),
            other => Err(choice("ec2", other, &["auto", "true", "false"])),
        }
    }

    /// The expressions that make variables and groups of variables.
    pub fn constructed(&self) -> Constructed {
        Constructed {
            compose: self.compose.clone(),
            groups: self.groups.clone(),
            keyed_groups: self.keyed_groups.clone().unwrap_or_default(),
            leading_separator: self.leading_separator.unwrap_or(true),
        }
    }

    /// What of the options shapes the stored document, without secrets: the cache's key is made of it.
    pub fn cache_key(&self) -> serde_json::Value {
        let keyed = |entry: &KeyedGroup| format!("{entry:?}");
        serde_json::json!({
            "regions": self.regions,
            "elastigroups": self.elastigroups,
            "tags": self.tags,
            "include": self.include,
            "states": self.states,
            "hostnames": self.hostnames,
            "hostvar_prefix": self.hostvar_prefix,
            "group_names": self.group_names,
            "ec2": self.ec2,
            "strict": self.strict,
            "compose": self.compose,
            "groups": self.groups,
            "keyed_groups": self.keyed_groups.iter().flatten().map(keyed).collect::<Vec<_>>(),
            "leading_separator": self.leading_separator,
        })
    }

    fn include(&self) -> Result<Include, OptionError> {
        const KINDS: &[&str] = &["stateful", "members", "managed_instances"];
        let Some(words) = &self.include else {
            return Ok(Include { stateful: true, members: false, managed_instances: false });
        };
        if let Some(unknown) = words.iter().find(|word| !KINDS.contains(&word.as_str())) {
            return Err(choice("include", unknown, KINDS));
        }
        let has = |kind: &str| words.iter().any(|word| word == kind);
        Ok(Include {
            stateful: has("stateful"),
            members: has("members"),
            managed_instances: has("managed_instances"),
        })
    }

    fn states(&self) -> Result<Vec<StatefulState>, OptionError> {
        let words = self.states.as_deref().unwrap_or_default();
        words
            .iter()
            .map(|word| match StatefulState::parse(word) {
                StatefulState::Other(_) => Err(choice("states", word, StatefulState::KNOWN)),
                known => Ok(known),
            })
            .collect()
    }
}

/// The error for a value outside its choices.
pub(super) fn choice(option: &'static str, value: &str, allowed: &[&str]) -> OptionError {
    OptionError::Choice {
        option,
        value: value.to_owned(),
        nearest: nearest(value, allowed.iter().copied()).map(str::to_owned),
        allowed: allowed.join(", "),
    }
}

fn is_identifier_start(text: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.chars().all(word) && !text.starts_with(|c: char| c.is_ascii_digit())
}
