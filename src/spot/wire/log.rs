//! Lines of a group's log.

use serde_json::{Map, Value};

use super::Decoded;
use super::fields::Fields;
use crate::domain::LogLine;

/// One line. It has no id, so none counts as repeated.
pub(in crate::spot) fn log_line(
    object: Map<String, Value>,
    oddities: &mut Vec<String>,
) -> Option<Decoded<LogLine>> {
    let fields = Fields::new("a log line", &object);
    let value = LogLine {
        at: fields.time("createdAt", oddities),
        severity: fields.text("severity", oddities),
        message: fields.text("message", oddities).unwrap_or_default(),
    };
    Some(Decoded { id: None, value })
}
