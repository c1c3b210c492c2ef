//! The formats of the credentials file.
//!
//! The vendor's tools write different ones at the same path: INI (Go), YAML or INI (Python), flat lines (Ansible), JSON
//! (Go, as a fallback). They are told apart by their first characters and line shapes.

use std::collections::BTreeMap;

use ini::{Ini, ParseOption, Properties};
use secrecy::SecretString;
use serde_json::Value;

use super::credentials::DEFAULT_PROFILE;

/// What one profile holds.
#[derive(Clone, Debug, Default)]
pub(super) struct Entry {
    pub(super) token: Option<SecretString>,
    pub(super) accounts: Vec<String>,
}

/// All profiles of a file, by name.
#[derive(Clone, Debug, Default)]
pub(super) struct Profiles(BTreeMap<String, Entry>);

impl Profiles {
    /// Reads a file; an error is the number of the line that is not understood, from 1.
    pub(super) fn parse(text: &str) -> Result<Self, usize> {
        let text = text.trim_start_matches('\u{feff}');
        match first_content(text) {
            None => Ok(Self::default()),
            Some(line) if line.starts_with('{') => Self::from_json(text),
            Some(_) if has_section(text) => Self::from_ini(text),
            Some(_) if has_nested_map(text) => Self::from_yaml(text),
            Some(_) => Self::from_ini(text),
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&Entry> {
        self.0.get(name)
    }

    fn from_json(text: &str) -> Result<Self, usize> {
        let value: Value = serde_json::from_str(text).map_err(|error| error.line().max(1))?;
        Self::from_map(&value).ok_or(1)
    }

    /// Only a map of profiles is written as YAML by the vendor's tools; a flat file is read as INI.
    fn from_yaml(text: &str) -> Result<Self, usize> {
        let profiles: BTreeMap<String, Option<yaml::Profile>> = serde_yaml::from_str(text)
            .map_err(|error| {
                let line = error.location().map_or(1, |location| location.line());
                usize::try_from(line).unwrap_or(usize::MAX).max(1)
            })?;
        let entries = profiles.into_iter().map(|(name, profile)| {
            let profile = profile.unwrap_or_default();
            let token = profile.token.map(SecretString::from);
            (name, Entry { token, accounts: profile.account.unwrap_or_default().0 })
        });
        Ok(Self(entries.collect()))
    }

    fn from_ini(text: &str) -> Result<Self, usize> {
        // A backslash is an ordinary character in a token.
        let options = ParseOption { enabled_escape: false, ..ParseOption::default() };
        let ini = Ini::load_from_str_opt(text, options).map_err(|error| error.line.max(1))?;
        let mut profiles = BTreeMap::<String, Entry>::new();
        for (section, properties) in &ini {
            let name = section.unwrap_or(DEFAULT_PROFILE).to_owned();
            profiles.entry(name).or_default().fill_from_ini(properties);
        }
        Ok(Self(profiles))
    }

    /// Texts at the top are the default profile, maps are profiles.
    fn from_map(value: &Value) -> Option<Self> {
        let top = value.as_object()?;
        let mut profiles = BTreeMap::<String, Entry>::new();
        for (key, value) in top {
            match value {
                Value::Object(fields) => {
                    let entry = profiles.entry(key.clone()).or_default();
                    fields.iter().for_each(|(key, value)| entry.fill(key, texts(value)));
                }
                other => {
                    profiles.entry(DEFAULT_PROFILE.to_owned()).or_default().fill(key, texts(other));
                }
            }
        }
        Some(Self(profiles))
    }
}

impl Entry {
    fn fill_from_ini(&mut self, properties: &Properties) {
        for (key, value) in properties {
            self.fill(key, vec![without_comment(value).to_owned()]);
        }
    }

    /// The first value of a field counts; unknown fields belong to other tools.
    fn fill(&mut self, key: &str, values: Vec<String>) {
        match key.trim().to_ascii_lowercase().as_str() {
            "token" if self.token.is_none() => {
                self.token = values.into_iter().next().map(SecretString::from);
            }
            "account" | "account_id" | "accountid" if self.accounts.is_empty() => {
                self.accounts = values;
            }
            _ => {}
        }
    }
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Number(number) => vec![number.to_string()],
        Value::Array(values) => values.iter().flat_map(texts).collect(),
        Value::Null | Value::Bool(_) | Value::Object(_) => Vec::new(),
    }
}

/// The first line that is neither blank nor a comment.
fn first_content(text: &str) -> Option<&str> {
    content_lines(text).map(str::trim_start).next()
}

fn content_lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| {
        let line = line.trim();
        !line.is_empty() && !line.starts_with(['#', ';']) && line != "---"
    })
}

fn has_section(text: &str) -> bool {
    content_lines(text).any(|line| line.trim_start().starts_with('['))
}

/// A key with nothing behind its colon, or a flow map: only YAML has these.
fn has_nested_map(text: &str) -> bool {
    content_lines(text).any(|line| {
        let line = line.split(" #").next().unwrap_or(line).trim_end();
        let indented = line.starts_with([' ', '\t']);
        !indented && (line.ends_with(':') || line.contains(": {")) || line.starts_with("  - ")
    })
}

/// Cuts a comment that follows a value on its line, as the vendor's Go tools do.
fn without_comment(value: &str) -> &str {
    let end = [" #", " ;", "\t#", "\t;"].iter().filter_map(|mark| value.find(mark)).min();
    value[..end.unwrap_or(value.len())].trim()
}

mod yaml {
    use std::fmt;

    use serde::Deserialize;
    use serde::de::{Deserializer, SeqAccess, Visitor};

    /// The token is read as a text, so that one of digits keeps its spelling.
    #[derive(Default, Deserialize)]
    pub(super) struct Profile {
        pub(super) token: Option<String>,
        #[serde(alias = "account_id", alias = "accountId")]
        pub(super) account: Option<Accounts>,
    }

    /// One account or a list of them.
    #[derive(Default)]
    pub(super) struct Accounts(pub(super) Vec<String>);

    impl<'de> Deserialize<'de> for Accounts {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_any(AccountsVisitor)
        }
    }

    struct AccountsVisitor;

    impl<'de> Visitor<'de> for AccountsVisitor {
        type Value = Accounts;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an account id or a list of them")
        }

        fn visit_str<E>(self, text: &str) -> Result<Accounts, E> {
            Ok(Accounts(vec![text.to_owned()]))
        }

        fn visit_unit<E>(self) -> Result<Accounts, E> {
            Ok(Accounts::default())
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Accounts, A::Error> {
            let mut ids = Vec::new();
            while let Some(id) = list.next_element()? {
                ids.push(id);
            }
            Ok(Accounts(ids))
        }
    }
}
