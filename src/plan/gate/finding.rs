//! What one look found of one predicate.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::plan::Verdict;

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
