//! The frame around every answer, and what an answer without result means.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::error::SpotError;
use super::request::Request;
use crate::domain::VendorTime;
use crate::domain::printable;

/// Longest text of the network that a message repeats, in characters.
const EXCERPT: usize = 200;

/// The vendor's code and words for errors it does not show.
const MASK_CODE: &str = "GENERAL_ERROR";
const MASK_WORDS: &str = "an unknown error occurred";

/// An HTTP answer, complete.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
    /// The request id of the headers; the body's is preferred.
    pub(super) request_id: Option<String>,
    /// Where a redirect points to.
    pub(super) location: Option<String>,
}

/// What a successful answer holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Reply {
    /// The items, nested lists flattened.
    pub(super) items: Vec<Value>,
    /// What was odd about the frame.
    pub(super) oddities: Vec<String>,
    /// What the frame says that it holds and does not.
    pub(super) left_out: Vec<String>,
    /// When the vendor wrote it, by the vendor's clock.
    pub(super) written_at: Option<Timestamp>,
}

/// Opens an answer. `secret` is struck from every text an error repeats.
///
/// The body's status is checked besides HTTP's: the vendor repeats it there, and some failures say 200 in HTTP only.
pub(super) fn open(request: &Request, answer: &Answer, secret: &str) -> Result<Reply, SpotError> {
    let frame = Frame { request, answer, secret };
    if (300..400).contains(&answer.status) {
        return Err(frame.redirected());
    }
    let parsed = serde_json::from_slice::<Value>(&answer.body);
    let succeeded = matches!(answer.status, 200 | 201);
    let response =
        parsed.as_ref().ok().and_then(|body| body.get("response")).and_then(Value::as_object);
    match response {
        Some(response) => {
            let request_id = parsed.as_ref().ok().and_then(|body| body.pointer("/request/id"));
            let request_id = request_id.and_then(Value::as_str).filter(|id| !id.is_empty());
            let written = parsed.as_ref().ok().and_then(|body| body.pointer("/request/timestamp"));
            let written = written.and_then(Value::as_str).map(VendorTime::new);
            let mut reply = frame.read(response, request_id.map(str::to_owned))?;
            reply.written_at = written.and_then(|time| time.instant());
            Ok(reply)
        }
        None if succeeded => Err(match parsed {
            Ok(body) => {
                let got = kind_of(&body);
                frame.bad(format!("expected a JSON object with `response`, got {got}"), false)
            }
            Err(error) if error.is_eof() && !answer.body.is_empty() => {
                frame.bad("the JSON ends in the middle".to_owned(), true)
            }
            Err(_) => frame.bad(format!("expected JSON, got {}", frame.quoted_body()), false),
        }),
        None if answer.status == 404 => {
            let problem = format!("expected JSON, got {}; check the address", frame.quoted_body());
            Err(frame.bad(problem, false))
        }
        None => Err(frame.failed(answer.status, Vec::new(), frame.quoted_body(), None)),
    }
}

struct Frame<'a> {
    request: &'a Request,
    answer: &'a Answer,
    secret: &'a str,
}

/// One element of the vendor's `errors`.
struct Fault {
    code: Option<String>,
    message: Option<String>,
    field: Option<String>,
}

impl Frame<'_> {
    fn read(
        &self,
        response: &Map<String, Value>,
        request_id: Option<String>,
    ) -> Result<Reply, SpotError> {
        let mut reply = Reply::default();
        let stated = response.get("status").and_then(|status| status.get("code")).and_then(integer);
        let http = self.answer.status;
        let status = match (http, stated) {
            (200 | 201, Some(stated)) => u16::try_from(stated).unwrap_or(500),
            (200 | 201, None) => {
                reply.oddities.push("the reply does not say its status".to_owned());
                http
            }
            _ => http,
        };
        if !matches!(status, 200 | 201) {
            let words = self.words(response);
            return Err(self.failed(status, self.faults(response), words, request_id));
        }
        let count = response.get("count").and_then(integer);
        match response.get("items") {
            // A list without its items says nothing of what there is; only a count of none makes it an empty list.
            None if self.request.method == "GET" && count != Some(0) => {
                let problem = "expected `items`, got a reply without any".to_owned();
                return Err(self.bad(problem, false));
            }
            None | Some(Value::Null) => {}
            Some(Value::Array(items)) => flatten(items, &mut reply.items),
            Some(Value::Object(empty)) if empty.is_empty() => {}
            Some(item @ Value::Object(_)) => reply.items.push(item.clone()),
            Some(other) => {
                let problem = format!("expected `items` to be a list, got {}", kind_of(other));
                return Err(self.bad(problem, false));
            }
        }
        if let Some(count) = count
            && usize::try_from(count) != Ok(reply.items.len())
        {
            let items = reply.items.len();
            let text = format!("the reply counts {count} items and holds {items}");
            // The vendor's own samples miscount, so a wrong number proves no loss; holding none of many does.
            if items == 0 { reply.left_out.push(text) } else { reply.oddities.push(text) }
        }
        Ok(reply)
    }

    fn faults(&self, response: &Map<String, Value>) -> Vec<Fault> {
        let errors: &[Value] = match response.get("errors") {
            Some(Value::Array(errors)) => errors,
            Some(one @ Value::Object(_)) => std::slice::from_ref(one),
            _ => &[],
        };
        let text = |error: &Value, key: &str| {
            let text = match error.get(key)? {
                Value::String(text) => text.clone(),
                Value::Number(number) => number.to_string(),
                _ => return None,
            };
            (!text.is_empty()).then(|| excerpt(&text, self.secret))
        };
        errors
            .iter()
            .map(|error| Fault {
                code: text(error, "code"),
                message: text(error, "message"),
                field: text(error, "field"),
            })
            .collect()
    }

    /// What the vendor says where it lists no errors: `data` (429) or the status's own words.
    fn words(&self, response: &Map<String, Value>) -> String {
        let data = response.get("data").and_then(Value::as_str);
        let status = response.get("status").and_then(|status| status.get("message"));
        let words = data.or_else(|| status.and_then(Value::as_str)).unwrap_or("no reason given");
        excerpt(words, self.secret)
    }

    /// The error that an answer without success stands for.
    fn failed(
        &self,
        status: u16,
        faults: Vec<Fault>,
        words: String,
        request_id: Option<String>,
    ) -> SpotError {
        let request_id = self.id(request_id);
        let doing = self.request.doing.clone();
        let missing = faults.iter().find_map(|fault| {
            fault.code.clone().filter(|code| code.to_ascii_uppercase().ends_with("_DOESNT_EXIST"))
        });
        let first = missing.clone().or_else(|| faults.iter().find_map(|fault| fault.code.clone()));
        let code = first.map(String::into_boxed_str);
        let field = faults.iter().find_map(|fault| fault.field.as_deref().map(Box::from));
        let message = joined(&faults).unwrap_or(words);
        let masked =
            code.as_deref() == Some(MASK_CODE) || message.to_ascii_lowercase().contains(MASK_WORDS);
        match status {
            401 => SpotError::Unauthorized { doing, message, code, request_id },
            403 => SpotError::Forbidden { doing, message, code, request_id },
            429 => SpotError::RateLimited {
                doing,
                route: self.request.limited_route(),
                retry_after: std::time::Duration::ZERO,
                request_id,
            },
            400..=499 if missing.is_some() || status == 404 => {
                let thing = self.missing_thing(missing.as_deref());
                SpotError::NotFound { doing, thing, status, code, message, request_id }
            }
            400 if masked => SpotError::Masked { doing, status, code, message, request_id },
            500..=599 => {
                SpotError::Unavailable { doing, status, code, message, attempts: 1, request_id }
            }
            _ => SpotError::Rejected { doing, status, code, message, field, request_id },
        }
    }

    /// The request's own thing, unless the code names its account (`Account_DOESNT_EXIST`, spelled so).
    fn missing_thing(&self, code: Option<&str>) -> String {
        let account = self.request.query.iter().find(|(name, _)| *name == "accountId");
        match (code, account) {
            (Some(code), Some((_, account)))
                if code.to_ascii_uppercase().starts_with("ACCOUNT_") =>
            {
                format!("account {}", printable(account))
            }
            _ => self.request.thing.clone(),
        }
    }

    fn redirected(&self) -> SpotError {
        let target = self.answer.location.as_deref().map(|location| {
            // What follows `?` may be a session or a signature.
            let location = location.split(['?', '#']).next().unwrap_or_default();
            format!(" to {}", excerpt(location, self.secret))
        });
        let problem = format!(
            "it redirects{}, and redirects are not followed because the token would go along",
            target.unwrap_or_default()
        );
        self.bad(problem, false)
    }

    fn bad(&self, problem: String, is_torn: bool) -> SpotError {
        SpotError::BadReply {
            doing: self.request.doing.clone(),
            server: String::new(),
            status: self.answer.status,
            problem,
            is_torn,
            request_id: self.id(None),
        }
    }

    fn id(&self, of_body: Option<String>) -> Option<Box<str>> {
        let id = of_body.or_else(|| self.answer.request_id.clone())?;
        Some(excerpt(&id, self.secret).into_boxed_str())
    }

    fn quoted_body(&self) -> String {
        if self.request.answers_secret {
            return "a body that may hold a secret".to_owned();
        }
        // Room for a token that begins inside the excerpt and ends behind it.
        let head = &self.answer.body[..self.answer.body.len().min(16 * EXCERPT)];
        match String::from_utf8_lossy(head).trim() {
            "" => "an empty body".to_owned(),
            text => format!("\"{}\"", excerpt(text, self.secret)),
        }
    }
}

/// All messages; the code of each but the first stands before its message.
fn joined(faults: &[Fault]) -> Option<String> {
    let mut parts = Vec::new();
    for (index, fault) in faults.iter().enumerate() {
        match (&fault.code, &fault.message) {
            (Some(code), Some(message)) if index > 0 => parts.push(format!("{code}: {message}")),
            (_, Some(message)) => parts.push(message.clone()),
            (Some(code), None) => parts.push(code.clone()),
            (None, None) => {}
        }
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// Lists within lists become one list: costs come that way, and nothing says that others never will.
fn flatten(items: &[Value], into: &mut Vec<Value>) {
    for item in items {
        match item {
            Value::Array(inner) => flatten(inner, into),
            other => into.push(other.clone()),
        }
    }
}

/// A whole number, also where it comes as a text.
fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// What a JSON value is, for a message.
pub(super) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object without it",
    }
}

/// The beginning of a text of the network: one line, printable, without the secret.
pub(super) fn excerpt(text: &str, secret: &str) -> String {
    // A secret too short to be one would strike out ordinary words.
    let struck = if secret.len() >= 8 { text.replace(secret, "***") } else { text.to_owned() };
    let mut kept: String = struck.chars().take(EXCERPT).collect();
    if kept.len() < struck.len() {
        kept.push('…');
    }
    printable(&kept)
}

#[cfg(test)]
mod tests;
