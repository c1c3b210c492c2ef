//! The request log holds no credential: this is the only way into it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::Value;

use crate::faults::Fault;
use crate::request::{LoggedRequest, Request};

const BLANK: &str = "REDACTED";
const SECRET_HEADERS: &[&str] = &["authorization", "proxy-authorization", "cookie", "x-api-key"];

impl LoggedRequest {
    /// The line for a request, with everything blanked out that is one of `secrets` or travels in a header for secrets.
    pub(crate) fn redacted(
        request: &Request,
        secrets: &BTreeSet<&str>,
        template: &str,
        status: u16,
        now: Timestamp,
        struck: &[Fault],
    ) -> LoggedRequest {
        let blank = |text: &str| {
            let known = secrets.iter().filter(|secret| !secret.is_empty());
            known.fold(text.to_owned(), |text, secret| text.replace(secret, BLANK))
        };
        let mut headers = BTreeMap::new();
        for (name, value) in &request.headers {
            let secret = SECRET_HEADERS.contains(&name.as_str());
            headers.insert(name.clone(), if secret { BLANK.to_owned() } else { blank(value) });
        }
        let body = blank(&String::from_utf8_lossy(&request.body));
        let body = match serde_json::from_str(&body) {
            Ok(json) => json,
            Err(_) if body.is_empty() => Value::Null,
            Err(_) => Value::String(body),
        };
        LoggedRequest {
            method: request.method.clone(),
            path: blank(&request.path),
            query: blank(&request.query),
            route: template.to_owned(),
            status,
            headers,
            body,
            at: now.to_string(),
            faults: struck.iter().map(|fault| fault.id).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_nowhere_in_the_line() {
        let pairs = [("authorization", "Bearer s3cret"), ("x-note", "again s3cret")];
        let headers = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let request = Request {
            method: "PUT".to_owned(),
            path: "/a/s3cret".to_owned(),
            query: "token=s3cret".to_owned(),
            headers: headers.to_vec(),
            body: br#"{"k":"s3cret"}"#.to_vec(),
        };
        let secrets = BTreeSet::from(["s3cret"]);
        let line = LoggedRequest::redacted(&request, &secrets, "", 200, Timestamp::UNIX_EPOCH, &[]);
        assert!(!serde_json::to_string(&line).unwrap().contains("s3cret"));
        assert_eq!(line.headers["authorization"], BLANK);
    }
}
