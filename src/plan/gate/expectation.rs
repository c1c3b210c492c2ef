//! What a found value is expected to be.

use regex::Regex;
use serde_json::Value;
use serde_json_path::JsonPath;
use thiserror::Error;

use super::predicate::Judged;
use crate::domain::{Captured, one_line};
use crate::plan::Verdict;

/// Longest text that is quoted from outside, in characters.
const MOST_QUOTED: usize = 120;

/// An expectation as it is typed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wanted {
    /// Where in a JSON text the value is (RFC 9535); without it the value is the whole text.
    pub json_path: Option<String>,
    /// The value itself.
    pub equals: Option<Value>,
    /// The least that it may be.
    pub minimum: Option<f64>,
    /// The most that it may be.
    pub maximum: Option<f64>,
    /// A regular expression that is found in the text.
    pub matches: Option<String>,
}

/// What a found value is expected to be. All that is wanted must hold.
#[derive(Clone, Debug)]
pub struct Expectation {
    path: Option<JsonPath>,
    equals: Option<Value>,
    minimum: Option<f64>,
    maximum: Option<f64>,
    matches: Option<Regex>,
}

/// Why what was typed is no expectation. It completes "gate x: ".
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ExpectationError {
    /// No JSON path.
    #[error("json_path {path:?} is no JSON path (RFC 9535, such as $.status): {problem}")]
    Path {
        /// As it was typed.
        path: String,
        /// What is wrong with it.
        problem: String,
    },
    /// No regular expression.
    #[error("matches is no regular expression: {0}")]
    Pattern(String),
    /// A value is looked up and never judged.
    #[error(
        "json_path finds a value and nothing says what it must be; add equals, min, max or matches"
    )]
    Idle,
    /// No value can be within.
    #[error("min {minimum} is more than max {maximum}")]
    Crossed {
        /// The lower bound.
        minimum: String,
        /// The upper bound.
        maximum: String,
    },
    /// Infinite, or not a number.
    #[error("min and max must be finite numbers")]
    Boundless,
}

impl Expectation {
    /// Reads what was typed; none if nothing is wanted.
    ///
    /// # Errors
    ///
    /// It can never be met, or says nothing.
    pub fn read(wanted: &Wanted) -> Result<Option<Self>, ExpectationError> {
        let path = wanted.json_path.as_ref().map(|path| {
            JsonPath::parse(path).map_err(|error| ExpectationError::Path {
                path: quoted(path),
                problem: quoted(&error.to_string()),
            })
        });
        let path = path.transpose()?;
        // It would be found in everything.
        if wanted.matches.as_ref().is_some_and(|pattern| pattern.trim().is_empty()) {
            return Err(ExpectationError::Pattern(
                "it is empty, and so matches everything".to_owned(),
            ));
        }
        let matches = wanted.matches.as_ref().map(|pattern| {
            Regex::new(pattern)
                .map_err(|error| ExpectationError::Pattern(one_line(&error.to_string())))
        });
        let matches = matches.transpose()?;
        let (minimum, maximum) = (wanted.minimum, wanted.maximum);
        if [minimum, maximum].into_iter().flatten().any(|bound| !bound.is_finite()) {
            return Err(ExpectationError::Boundless);
        }
        if let (Some(least), Some(most)) = (minimum, maximum)
            && least > most
        {
            let (minimum, maximum) = (least.to_string(), most.to_string());
            return Err(ExpectationError::Crossed { minimum, maximum });
        }
        let equals = wanted.equals.clone();
        if equals.is_none() && minimum.is_none() && maximum.is_none() && matches.is_none() {
            return if path.is_some() { Err(ExpectationError::Idle) } else { Ok(None) };
        }
        Ok(Some(Self { path, equals, minimum, maximum, matches }))
    }

    /// Judges a text: the value at the path, or all of it without the blanks around it.
    pub(super) fn judge_text(&self, text: &Captured) -> Judged {
        if text.is_cut {
            return Judged::unknown(format!("more than {} bytes, not judged", text.bytes.len()));
        }
        let Some(path) = &self.path else {
            return match std::str::from_utf8(&text.bytes) {
                Ok(text) => self.judge(&Value::from(text.trim())),
                Err(_) => Judged::unknown("the text is not UTF-8"),
            };
        };
        let Ok(document) = serde_json::from_slice::<Value>(&text.bytes) else {
            return Judged::unknown(format!("not JSON: {}", excerpt(text)));
        };
        let found = path.query(&document).all();
        let Some((first, rest)) = found.split_first() else {
            return Judged::unknown(format!("nothing is at {}", quoted(&path.to_string())));
        };
        let first = self.judge(first);
        if rest.is_empty() {
            return first;
        }
        let count = found.len();
        let rest: Vec<Judged> = rest.iter().map(|value| self.judge(value)).collect();
        // Together they come nearer if any of them does.
        let distances = rest.iter().chain([&first]).filter_map(|judged| judged.distance);
        let distance = distances.reduce(|sum, one| sum + one);
        let worst = rest.into_iter().fold(first, Judged::or_worse);
        let evidence = match worst.verdict {
            Verdict::Pass => format!("{count} values, among them {}", worst.evidence),
            Verdict::Unknown | Verdict::Fail => {
                format!("of {count} values one: {}", worst.evidence)
            }
        };
        Judged { evidence, distance, ..worst }
    }

    /// Judges a number.
    pub(super) fn judge_number(&self, number: f64) -> Judged {
        match serde_json::Number::from_f64(number) {
            Some(number) => self.judge(&Value::Number(number)),
            None => Judged::unknown(format!("{number} is no finite number")),
        }
    }

    fn judge(&self, found: &Value) -> Judged {
        let mut judged = Judged {
            verdict: Verdict::Pass,
            evidence: shown(found),
            value: short(found),
            distance: None,
        };
        if let Some(wanted) = &self.equals {
            let verdict = match is_equal(wanted, found) {
                Some(true) => Verdict::Pass,
                Some(false) => Verdict::Fail,
                None => Verdict::Unknown,
            };
            judged.add(verdict, &format!("{} wanted", shown(wanted)));
            if let (Some(wanted), Some(found)) = (number(wanted), number(found)) {
                judged.is_off_by((wanted - found).abs());
            }
        }
        for (bound, is_least) in [(self.minimum, true), (self.maximum, false)] {
            let Some(bound) = bound else { continue };
            let words = format!("at {} {bound} wanted", if is_least { "least" } else { "most" });
            match number(found) {
                Some(found) => {
                    let beyond = if is_least { bound - found } else { found - bound };
                    let verdict = if beyond <= 0.0 { Verdict::Pass } else { Verdict::Fail };
                    judged.add(verdict, &words);
                    judged.is_off_by(beyond.max(0.0));
                }
                None => judged.add(Verdict::Unknown, &format!("no number, {words}")),
            }
        }
        if let Some(pattern) = &self.matches {
            match text(found) {
                Some(text) if pattern.is_match(&text) => judged.add(Verdict::Pass, ""),
                Some(_) => judged
                    .add(Verdict::Fail, &format!("a match of {} wanted", quoted(pattern.as_str()))),
                None => judged.add(Verdict::Unknown, "no text to match"),
            }
        }
        judged
    }
}

/// Whether the found value is the wanted one; none if they are of kinds that do not compare.
///
/// A template gives texts, so a wanted text may be the number or the truth that was found; and some servers send numbers
/// as texts.
fn is_equal(wanted: &Value, found: &Value) -> Option<bool> {
    match (wanted, found) {
        (Value::String(wanted), Value::String(found)) => Some(wanted == found),
        (Value::Bool(wanted), Value::Bool(found)) => Some(wanted == found),
        (Value::Array(_), Value::Array(_)) | (Value::Object(_), Value::Object(_)) => {
            Some(wanted == found)
        }
        (Value::Bool(truth), Value::String(text)) | (Value::String(text), Value::Bool(truth)) => {
            let said = [("true", true), ("false", false)];
            let said = said.into_iter().find(|(word, _)| text.trim().eq_ignore_ascii_case(word));
            said.map(|(_, said)| said == *truth)
        }
        (Value::Number(_), Value::Number(_))
        | (Value::Number(_), Value::String(_))
        | (Value::String(_), Value::Number(_)) => {
            // Beyond 2^53 two whole numbers may be the same float, so they are compared as they are.
            if let (Some(wanted), Some(found)) = (wanted.as_i64(), found.as_i64()) {
                return Some(wanted == found);
            }
            #[expect(
                clippy::float_cmp,
                reason = "equal is what was asked for; a range is min and max"
            )]
            Some(number(wanted)? == number(found)?)
        }
        _ => None,
    }
}

/// A number, also one that is written as a text.
fn number(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    number.filter(|number: &f64| number.is_finite())
}

/// What a pattern is looked for in.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A value fit to be shown: a scalar as it is, the rest by its kind.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Number(_) | Value::Bool(_) => value.to_string(),
        Value::String(text) => format!("\"{}\"", quoted(text)),
        Value::Array(items) => format!("a list of {}", items.len()),
        Value::Object(fields) => format!("a mapping of {}", fields.len()),
    }
}

fn short(value: &Value) -> Option<Value> {
    match value {
        Value::Number(_) | Value::Bool(_) => Some(value.clone()),
        Value::String(text) => Some(Value::from(quoted(text))),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The beginning of a text from outside, on one line.
pub(super) fn quoted(text: &str) -> String {
    let mut line = one_line(text);
    if let Some((at, _)) = line.char_indices().nth(MOST_QUOTED) {
        line.truncate(at);
        line.push('…');
    }
    line
}

/// The beginning of what was captured, on one line.
pub(super) fn excerpt(captured: &Captured) -> String {
    // No more than can be shown is decoded.
    let start = &captured.bytes[..captured.bytes.len().min(MOST_QUOTED * 8)];
    match quoted(&String::from_utf8_lossy(start)) {
        empty if empty.is_empty() => "nothing".to_owned(),
        line => format!("\"{line}\""),
    }
}
