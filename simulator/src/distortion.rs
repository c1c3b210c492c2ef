//! What faults do to answers.

use std::time::Duration;

use serde_json::{Value, json};

use crate::envelope::{self, Echo, Refusal};
use crate::faults::{BodyFormat, Fault, FaultKind, FaultSpec};
use crate::request::{Delivery, Outcome};
use crate::world::answered;

const PAGE: &str = "<!DOCTYPE html>\n<html><head><title>We'll be right back</title></head>\
                    <body><h1>We'll be right back</h1></body></html>\n";

/// The answer that is given without the request being carried out, if a fault demands that.
pub(crate) fn instead(struck: &[Fault], echo: &Echo) -> Option<Outcome> {
    let mut outcome = struck.iter().find_map(|fault| match fault.spec.kind {
        FaultKind::RateLimited => Some(answered(429, &envelope::rate_limited(echo))),
        FaultKind::Status if !fault.spec.committed => Some(failure(&fault.spec, echo)),
        FaultKind::CutBeforeCommit => {
            Some(Outcome { delivery: Delivery::Cut, ..answered(200, &Value::Null) })
        }
        _ => None,
    })?;
    delay(&mut outcome, struck);
    Some(outcome)
}

/// The answer after the request was carried out.
pub(crate) fn after(mut outcome: Outcome, struck: &[Fault], echo: &Echo) -> Outcome {
    delay(&mut outcome, struck);
    let delay = outcome.delay;
    for fault in struck {
        outcome = distort(outcome, &fault.spec, echo);
    }
    Outcome { delay, ..outcome }
}

/// The headers that a fault adds or takes away, after the regular ones are there.
pub(crate) fn headers(outcome: &mut Outcome, struck: &[Fault], penalty: u64) {
    for FaultSpec { kind, reset, retry_after, .. } in struck.iter().map(|fault| &fault.spec) {
        let mut set = |name: &str, value: Option<String>| {
            outcome.headers.retain(|(known, _)| known != name);
            outcome.headers.extend(value.map(|value| (name.to_owned(), value)));
        };
        if *kind == FaultKind::RateLimited {
            let hint = reset.unwrap_or(true).then(|| penalty.to_string());
            set("x-ratelimit-remaining", Some("0".to_owned()));
            set("x-ratelimit-reset", hint);
        }
        if let Some(seconds) = retry_after {
            set("retry-after", Some(seconds.to_string()));
        }
    }
}

fn delay(outcome: &mut Outcome, struck: &[Fault]) {
    let latency = struck.iter().filter(|fault| fault.spec.kind == FaultKind::Latency);
    let total = latency.filter_map(|fault| fault.spec.ms).sum();
    outcome.delay += Duration::from_millis(total);
}

fn distort(mut outcome: Outcome, spec: &FaultSpec, echo: &Echo) -> Outcome {
    match spec.kind {
        FaultKind::Status => failure(spec, echo),
        FaultKind::Html => page(200),
        FaultKind::BrokenJson => {
            outcome.body.truncate(outcome.body.len() * 2 / 3);
            outcome
        }
        FaultKind::Truncated => {
            // At least one byte stays behind, or nothing would be cut.
            let last = outcome.body.len().saturating_sub(1);
            let bytes = spec.bytes.unwrap_or(outcome.body.len() / 2).min(last);
            Outcome { delivery: Delivery::Truncated(bytes), ..outcome }
        }
        FaultKind::CutAfterCommit => Outcome { delivery: Delivery::Cut, ..outcome },
        FaultKind::CountOff => edited(outcome, |body| {
            if let Some(count) = body.pointer_mut("/response/count") {
                *count = json!((count.as_i64().unwrap_or(0) + spec.by.unwrap_or(1)).max(0));
            }
        }),
        FaultKind::DuplicateItems => edited(outcome, |body| {
            let items = body.pointer_mut("/response/items").and_then(Value::as_array_mut);
            if let Some(items) = items {
                items.extend(items.clone());
                let count = items.len();
                body["response"]["count"] = json!(count);
            }
        }),
        FaultKind::BodyCode => edited(outcome, |body| {
            if let Some(status) = body.pointer_mut("/response/status") {
                let code = spec.code.as_ref().and_then(Value::as_u64).unwrap_or(500);
                let text = u16::try_from(code).map_or("Unknown", envelope::status_text);
                *status = json!({"code": code, "message": text});
            }
        }),
        FaultKind::Body => {
            let status = spec.status.unwrap_or(200);
            match spec.body.as_ref() {
                Some(Value::String(text)) => text_body(status, "text/plain", text),
                body => answered(status, body.unwrap_or(&Value::Null)),
            }
        }
        FaultKind::Latency
        | FaultKind::RateLimited
        | FaultKind::CutBeforeCommit
        | FaultKind::LostUpdate
        | FaultKind::PartialUpdate
        | FaultKind::Stale
        | FaultKind::Lifecycle
        | FaultKind::Relaunch => outcome,
    }
}

fn edited(outcome: Outcome, edit: impl FnOnce(&mut Value)) -> Outcome {
    let mut body = outcome.json();
    edit(&mut body);
    Outcome { body: body.to_string().into_bytes(), ..outcome }
}

fn failure(spec: &FaultSpec, echo: &Echo) -> Outcome {
    let status = spec.status.unwrap_or(500);
    let text = envelope::status_text(status);
    match spec.format {
        BodyFormat::Html => page(status),
        BodyFormat::Text => {
            text_body(status, "text/plain", spec.message.as_deref().unwrap_or(text))
        }
        BodyFormat::Json if status == 429 => answered(429, &envelope::rate_limited(echo)),
        BodyFormat::Json => {
            let code = spec.code.as_ref().and_then(Value::as_str).unwrap_or("GENERAL_ERROR");
            let message = spec.message.as_deref().unwrap_or("An unknown error occurred");
            let (code, message) = (code.to_owned(), message.to_owned());
            answered(
                status,
                &envelope::refused(echo, &Refusal { status, code, message, field: None }),
            )
        }
    }
}

fn page(status: u16) -> Outcome {
    text_body(status, "text/html; charset=utf-8", PAGE)
}

fn text_body(status: u16, content_type: &str, text: &str) -> Outcome {
    let headers = vec![("content-type".to_owned(), content_type.to_owned())];
    Outcome { headers, body: text.as_bytes().to_vec(), ..answered(status, &Value::Null) }
}
