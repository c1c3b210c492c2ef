//! What of a configuration may be shown.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::change::FieldChange;

/// Scripts, which the vendor takes and gives in base64.
const SCRIPTS: &[&str] = &["userData", "shutdownScript"];

/// Fields of third parties (OpenAPI description: `thirdPartiesIntegration`) that hold credentials.
const CREDENTIALS: &[&str] = &[
    "aclToken",
    "accessKey",
    "password",
    "pemKey",
    "privateKey",
    "refreshToken",
    "secretKey",
    "token",
];

/// How scripts are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secrecy {
    /// As a digest by which two can be told apart.
    Digest,
    /// As the text that they are, and in a whole configuration, which may be given back, in base64 as the vendor has them.
    Plain,
}

/// How a script is written.
#[derive(Clone, Copy)]
enum Form {
    Digest,
    Base64,
    Text,
}

/// Where a configuration tells of third parties.
const THIRD_PARTIES: &str = "thirdPartiesIntegration";

/// Whether a path is of a third party.
pub(super) fn is_of_third_parties(path: &str) -> bool {
    path.strip_prefix(THIRD_PARTIES).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Whether a path names a credential of a third party.
pub(super) fn is_credential(path: &str) -> bool {
    let name = path.rsplit('.').next().unwrap_or(path);
    is_of_third_parties(path) && CREDENTIALS.contains(&name)
}

/// What stands for a script that is not shown.
pub fn digest(text: &str) -> String {
    let bytes = STANDARD.decode(joined(text)).unwrap_or_else(|_| text.as_bytes().to_vec());
    let hash = Sha256::digest(&bytes);
    let hex: String = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}… of {} bytes", bytes.len())
}

/// Whether a script, as it is or in base64, is what stands for one that is not shown.
pub fn is_digest(text: &str) -> bool {
    let plain = STANDARD.decode(joined(text)).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let is_it = |text: &str| text.starts_with("sha256:") && text.trim_end().ends_with(" bytes");
    is_it(text) || plain.is_some_and(|plain| is_it(&plain))
}

/// Base64 without the line breaks that it may have.
fn joined(text: &str) -> String {
    text.split_whitespace().collect()
}

/// The credentials of third parties in a configuration, which may show nowhere.
pub fn credentials(config: &Map<String, Value>) -> Vec<String> {
    fn below(path: &str, value: &Value, found: &mut Vec<String>) {
        match value {
            Value::String(text) if is_credential(path) => found.push(text.clone()),
            Value::Object(fields) => {
                for (key, value) in fields {
                    below(&format!("{path}.{key}"), value, found);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| below(path, item, found)),
            Value::Null | Value::String(_) | Value::Number(_) | Value::Bool(_) => {}
        }
    }
    let mut found = Vec::new();
    if let Some(held) = config.get(THIRD_PARTIES) {
        below(THIRD_PARTIES, held, &mut found);
    }
    found
}

impl Secrecy {
    /// A configuration as it may be shown, and given back where nothing of it is a digest.
    pub fn shown(self, config: &Map<String, Value>) -> Map<String, Value> {
        let form = match self {
            Self::Digest => Form::Digest,
            Self::Plain => Form::Base64,
        };
        form.within(config, "")
    }

    /// The changes by path, before and after, as they may be shown.
    pub fn sides(self, changes: &[FieldChange]) -> (Value, Value) {
        let form = match self {
            Self::Digest => Form::Digest,
            Self::Plain => Form::Text,
        };
        let side = |of: fn(&FieldChange) -> &Value| {
            let pairs = changes.iter().map(|it| (it.path.clone(), form.value(&it.path, of(it))));
            Value::Object(pairs.collect())
        };
        (side(|change| &change.before), side(|change| &change.after))
    }
}

impl Form {
    fn within(self, fields: &Map<String, Value>, parent: &str) -> Map<String, Value> {
        let show = |(key, value): (&String, &Value)| {
            let path = if parent.is_empty() { key.clone() } else { format!("{parent}.{key}") };
            (key.clone(), self.value(&path, value))
        };
        fields.iter().map(show).collect()
    }

    fn value(self, path: &str, value: &Value) -> Value {
        let name = path.rsplit('.').next().unwrap_or(path);
        match value {
            Value::String(text) if SCRIPTS.contains(&name) => json!(self.script(text)),
            Value::Null => Value::Null,
            Value::String(text) if is_credential(path) => json!(digest(text)),
            _ if is_credential(path) => json!("********"),
            Value::Object(inner) => Value::Object(self.within(inner, path)),
            Value::Array(items) => items.iter().map(|item| self.value(path, item)).collect(),
            Value::String(_) | Value::Number(_) | Value::Bool(_) => value.clone(),
        }
    }

    fn script(self, text: &str) -> String {
        let plain = || String::from_utf8(STANDARD.decode(joined(text)).ok()?).ok();
        match self {
            Self::Digest => digest(text),
            Self::Base64 => text.to_owned(),
            Self::Text => plain().unwrap_or_else(|| text.to_owned()),
        }
    }
}
