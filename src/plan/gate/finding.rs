//! What one look found of one predicate.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What is known of a predicate. The greater one outweighs the lesser.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It holds.
    Pass,
    /// Nothing was seen that would prove it either way. It is never taken for a pass.
    Unknown,
    /// It does not hold.
    Fail,
}

impl Verdict {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Unknown => "unknown",
            Self::Fail => "fail",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One predicate of one object in one look.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The predicate's name, stable from look to look.
    pub name: String,
    /// How it was looked at, such as `tcp`.
    pub kind: String,
    /// What was looked at, such as an address or the labels of a series; printable and without secrets.
    pub object: String,
    /// What is known.
    pub verdict: Verdict,
    /// What was seen: a lowercase fragment on one line, printable and without secrets.
    pub evidence: String,
    /// The value that was judged, if there is one and it is short.
    pub value: Option<Value>,
    /// How far a measured value is from where it is wanted; 0 where it is, none if nothing was measured.
    #[serde(default, skip)]
    pub distance: Option<f64>,
}

impl Finding {
    /// What tells it from the others of a look.
    pub(super) fn key(&self) -> (&str, &str) {
        (&self.name, &self.object)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, kind, object, verdict, evidence, .. } = self;
        write!(f, "{name} ({kind} {object}) {verdict}: {evidence}")
    }
}
