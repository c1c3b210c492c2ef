//! What goes into the world and what comes out of it; no HTTP library appears here.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One request to the simulated API.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// `GET`, `PUT`, …
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// The query as sent, without the question mark; empty when there is none.
    pub query: String,
    /// Header names in lower case, with their values.
    pub headers: Vec<(String, String)>,
    /// The body as sent.
    pub body: Vec<u8>,
}

impl Request {
    /// The value of a header, by its lower-case name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The decoded value of the first query parameter of that name.
    #[must_use]
    pub fn query_value(&self, name: &str) -> Option<String> {
        let decode = |text: &str| percent_decode(&text.replace('+', " "));
        self.query.split('&').find_map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(key) == name).then(|| decode(value))
        })
    }

    /// A boolean query parameter in any capitalisation: clients of the vendor send `true` and Python's `True`.
    #[must_use]
    pub fn query_flag(&self, name: &str) -> bool {
        self.query_value(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// Path and query as the envelope echoes them.
    #[must_use]
    pub fn target(&self) -> String {
        if self.query.is_empty() {
            self.path.clone()
        } else {
            format!("{}?{}", self.path, self.query)
        }
    }
}

/// Decodes `%xx`; malformed sequences stay as they are.
pub(crate) fn percent_decode(text: &str) -> String {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let code = tail.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        match code.and_then(|two| u8::from_str_radix(two, 16).ok()) {
            Some(value) if byte == b'%' => {
                decoded.push(value);
                rest = &tail[2..];
            }
            _ => {
                decoded.push(byte);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

/// What reaches the client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Delivery {
    /// The whole answer.
    #[default]
    Whole,
    /// Nothing: the connection closes without an answer.
    Cut,
    /// The head and this many bytes of the body; then the connection closes.
    Truncated(usize),
}

/// The answer of the world to one request.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The HTTP status.
    pub status: u16,
    /// The headers, in order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// Real time to wait before the answer leaves.
    pub delay: Duration,
    /// How much of it reaches the client.
    pub delivery: Delivery,
}

impl Outcome {
    /// The body as JSON; null when it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The value of a header, by its name in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// One line of the request log. Tokens are blanked out before it is stored.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct LoggedRequest {
    /// The method.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// The query as sent, without the question mark; empty when there is none.
    pub query: String,
    /// The route template; empty when the path is not simulated.
    pub route: String,
    /// The HTTP status that was answered; 0 when the connection was cut instead.
    pub status: u16,
    /// The headers by lower-case name, credentials replaced by `REDACTED`.
    pub headers: BTreeMap<String, String>,
    /// The body: JSON as sent, any other text as a string, null when there was none.
    pub body: Value,
    /// The virtual instant of the request.
    pub at: String,
    /// The faults that struck it, by id.
    pub faults: Vec<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn query_values_are_decoded_and_flags_take_any_case() {
        let query = "accountId=act-1&name=a%20b+c&flag=True&odd=%zz".to_owned();
        let request = Request { query, ..Request::default() };
        assert_eq!(request.query_value("name").as_deref(), Some("a b c"));
        assert_eq!(request.query_value("odd").as_deref(), Some("%zz"));
        assert!(request.query_flag("flag"));
        assert_eq!(request.query_value("missing"), None);
    }
}
