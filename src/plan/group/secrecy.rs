//! What of a configuration may be shown.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::change::FieldChange;

/// Scripts, which the vendor takes and gives in base64.
const SCRIPTS: &[&str] = &["userData", "shutdownScript"];

/// Fields of third parties (OpenAPI description: `thirdPartiesIntegration`) that hold credentials.
const CREDENTIALS: &[&str] =
    &["aclToken", "accessKey", "password", "privateKey", "secretKey", "token"];

/// How scripts are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secrecy {
    /// As a digest by which two can be told apart.
    Digest,
    /// As the text that they are.
    Plain,
}

/// Whether a path names a credential of a third party.
pub(super) fn is_credential(path: &str) -> bool {
    let name = path.rsplit('.').next().unwrap_or(path);
    path.starts_with("thirdPartiesIntegration.") && CREDENTIALS.contains(&name)
}

/// What stands for a script that is not shown.
pub fn digest(text: &str) -> String {
    let bytes = STANDARD.decode(joined(text)).unwrap_or_else(|_| text.as_bytes().to_vec());
    let hash = Sha256::digest(&bytes);
    let hex: String = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}… of {} bytes", bytes.len())
}

/// Base64 without the line breaks that it may have.
fn joined(text: &str) -> String {
    text.split_whitespace().collect()
}

impl Secrecy {
    /// A configuration as it may be shown.
    pub fn shown(self, config: &Map<String, Value>) -> Map<String, Value> {
        self.within(config, "")
    }

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
            Self::Plain => plain().unwrap_or_else(|| text.to_owned()),
        }
    }

    /// The changes by path, before and after, as they may be shown.
    pub fn sides(self, changes: &[FieldChange]) -> (Value, Value) {
        let side = |of: fn(&FieldChange) -> &Value| {
            let pairs = changes.iter().map(|it| (it.path.clone(), self.value(&it.path, of(it))));
            Value::Object(pairs.collect())
        };
        (side(|change| &change.before), side(|change| &change.after))
    }
}
