//! The one JSON object that a module answers with.

use serde::Serialize;
use serde_json::{Map, Value};

use super::module::Failure;

/// What stands for a secret in an answer.
pub const HIDDEN: &str = "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER";

/// An answer as Ansible reads it. Arguments are never repeated in it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Reply {
    /// Whether anything was changed, or would be if it is check mode.
    pub changed: bool,
    /// Whether it failed: Ansible looks at this and not at the exit code.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub failed: bool,
    /// A sentence for the person; always there if it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub msg: Option<String>,
    /// Of a failure: the server's own code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
    /// Of a failure: the HTTP status of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_status: Option<u16>,
    /// Of a failure: the server's id of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Of a failure: whether the same task may succeed later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retryable: Option<bool>,
    /// What `--diff` shows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diff: Option<Diff>,
    /// What is odd but no failure.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// What will stop to work in a later version.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub deprecations: Vec<Deprecation>,
    /// The module's own returns.
    #[serde(flatten)]
    pub returns: Map<String, Value>,
}

/// Something before and after.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Diff {
    /// What it was like.
    pub before: Value,
    /// What it is like now, or would be.
    pub after: Value,
}

/// Something that will stop to work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Deprecation {
    /// What, and what to use instead.
    pub msg: String,
    /// The collection's version without it.
    pub version: String,
    /// The collection.
    pub collection_name: String,
}

impl Reply {
    /// A failure of which only a sentence is known.
    pub fn failed(message: impl Into<String>) -> Self {
        Failure::new(message).into()
    }

    /// The reply as JSON, in which no text holds any of the secrets.
    pub(super) fn to_json(&self, secrets: &[String]) -> Vec<u8> {
        let whole = serde_json::to_value(self).map(|mut value| {
            hide(&mut value, secrets);
            value.to_string()
        });
        // Only returns with keys that are no texts cannot be written, and that is the module's fault.
        let text = whole.unwrap_or_else(|error| {
            let msg = format!("internal error: the answer cannot be written as JSON: {error}");
            serde_json::json!({"failed": true, "changed": self.changed, "msg": msg}).to_string()
        });
        text.into_bytes()
    }
}

impl From<Failure> for Reply {
    fn from(Failure(failure): Failure) -> Self {
        Self {
            changed: failure.changed,
            failed: true,
            msg: Some(failure.message),
            error_code: failure.error_code,
            http_status: failure.http_status,
            request_id: failure.request_id,
            retryable: Some(failure.retryable),
            warnings: failure.warnings,
            returns: failure.evidence,
            ..Self::default()
        }
    }
}

/// Puts something else in place of secrets, wherever they are in a value.
fn hide(value: &mut Value, secrets: &[String]) {
    match value {
        Value::String(text) => *text = without(text, secrets),
        Value::Array(items) => items.iter_mut().for_each(|item| hide(item, secrets)),
        Value::Object(map) => {
            map.values_mut().for_each(|item| hide(item, secrets));
            if map.keys().any(|key| secrets.iter().any(|secret| key.contains(secret))) {
                let renamed = std::mem::take(map).into_iter();
                *map = renamed.map(|(key, item)| (without(&key, secrets), item)).collect();
            }
        }
        Value::Number(_) | Value::Bool(_) | Value::Null => {}
    }
}

/// A secret that is shorter is taken out only where it stands by itself: taking each `a` out would leave nothing to read.
const SHORTEST_ANYWHERE: usize = 4;
const STARS: &str = "********";

/// The text without any of the secrets.
pub(super) fn without(text: &str, secrets: &[String]) -> String {
    if secrets.iter().any(|secret| text == secret) {
        return HIDDEN.to_owned();
    }
    // The longest first: one secret may be a part of another.
    let mut found: Vec<&String> = secrets.iter().filter(|it| text.contains(it.as_str())).collect();
    found.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    found.iter().fold(text.to_owned(), |text, secret| {
        match secret.chars().count() < SHORTEST_ANYWHERE {
            true => without_word(&text, secret),
            false => text.replace(secret.as_str(), STARS),
        }
    })
}

/// A text without a short secret where that stands by itself.
fn without_word(text: &str, secret: &str) -> String {
    let (mut clean, mut rest) = (String::new(), text);
    while let Some(at) = rest.find(secret) {
        let (before, after) = (&rest[..at], &rest[at + secret.len()..]);
        let joins = |neighbour: Option<char>, own: Option<char>| {
            let is_word = |it: Option<char>| it.is_some_and(char::is_alphanumeric);
            is_word(neighbour) && is_word(own)
        };
        let is_part =
            joins(before.chars().next_back().or(clean.chars().next_back()), secret.chars().next())
                || joins(after.chars().next(), secret.chars().next_back());
        clean.push_str(before);
        clean.push_str(if is_part { secret } else { STARS });
        rest = after;
    }
    clean + rest
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_short_secret_is_taken_out_where_it_stands_by_itself() {
        let secrets = ["a1".to_owned(), "YTE=".to_owned()];
        let text = "\"userData\" a1 (YTE=) is odd: 'a1', ba1, a12, a1";
        let clean = without(text, &secrets);
        assert_eq!(
            clean,
            "\"userData\" ******** (********) is odd: '********', ba1, a12, ********"
        );
        assert_eq!(without("a1", &secrets), HIDDEN);
    }

    #[test]
    fn secrets_show_nowhere_in_an_answer() {
        let secrets = ["s3cret".to_owned(), "s3cret-longer".to_owned()];
        let mut value = json!({
            "whole": "s3cret", "part": "token s3cret-longer!", "list": [{"in": "xs3crety"}], "s3cret": 1, "n": 5,
        });
        hide(&mut value, &secrets);
        let expected = json!({
            "whole": HIDDEN, "part": "token ********!", "list": [{"in": "x********y"}],
            "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER": 1, "n": 5,
        });
        assert_eq!(value, expected);
    }

    #[test]
    fn a_success_says_no_more_than_it_has_to() {
        let reply = Reply { changed: true, ..Reply::default() };
        assert_eq!(reply.to_json(&[]), br#"{"changed":true}"#);
    }

    #[test]
    fn a_failure_always_says_whether_to_try_again() {
        let failure = Failure::new("no").with("evidence", 5).with_http_status(Some(429));
        let json = Reply::from(failure.retryable(true)).to_json(&[]);
        let value: Value = serde_json::from_slice(&json).unwrap();
        let expected = json!({
            "changed": false, "failed": true, "msg": "no", "http_status": 429, "retryable": true, "evidence": 5,
        });
        assert_eq!(value, expected);
    }
}
