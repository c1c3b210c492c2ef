//! What one look found of one predicate.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::plan::Verdict;

/// How the name of the predicate ends that says which cluster it is, and the kinds that have it.
const IDENTIFIED: &str = ".identified";
const CLUSTERS: [&str; 2] = ["kafka", "elasticsearch"];

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
    /// What was seen, with this value.
    pub(in crate::plan) fn valued(self, value: Option<Value>) -> Self {
        Self { value, ..self }
    }

    /// Which cluster it is, by the unique id that it gives itself, where this says so.
    pub(in crate::plan) fn identity(&self) -> Option<&str> {
        let says_so = self.name.ends_with(IDENTIFIED)
            && CLUSTERS.contains(&self.kind.as_str())
            && self.verdict == Verdict::Pass;
        self.value.as_ref().filter(|_| says_so)?.as_str()
    }

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
