//! Predicates over one observation.

use serde_json::Value;

use super::expectation::{Expectation, excerpt, quoted};
use super::finding::Finding;
use crate::domain::{Captured, Observation, Seen, one_line};
use crate::plan::Verdict;

/// What is asked of an observation.
#[derive(Clone, Debug)]
pub enum Predicate {
    /// A connection is accepted.
    Accepts,
    /// An HTTP answer has one of the statuses, and its body is as expected.
    Answers {
        /// The statuses that are good.
        statuses: Vec<u16>,
        /// What the body must hold.
        expects: Option<Expectation>,
    },
    /// A command ends with the status, and its stdout is as expected.
    Exits {
        /// The status that is good.
        status: i32,
        /// What stdout must hold.
        expects: Option<Expectation>,
    },
    /// Each series of a query is as expected.
    Measures {
        /// What each value must be.
        expects: Expectation,
        /// What it means if there is no series.
        when_empty: Verdict,
    },
}

/// One judgement.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// What is known.
    pub verdict: Verdict,
    /// What was seen.
    pub evidence: String,
    /// The value that was judged, if it is short.
    pub value: Option<Value>,
    /// How far it is from where it is wanted.
    pub distance: Option<f64>,
}

impl Judged {
    fn new(verdict: Verdict, evidence: impl Into<String>) -> Self {
        Self { verdict, evidence: evidence.into(), value: None, distance: None }
    }

    pub(super) fn unknown(evidence: impl Into<String>) -> Self {
        Self::new(Verdict::Unknown, evidence)
    }

    /// The one that is worse; of equal ones this one.
    pub(super) fn or_worse(self, other: Self) -> Self {
        if other.verdict > self.verdict { other } else { self }
    }

    /// One more thing that was asked of the same value.
    pub(super) fn add(&mut self, verdict: Verdict, words: &str) {
        self.verdict = self.verdict.max(verdict);
        if !words.is_empty() {
            self.evidence = format!("{}, {words}", self.evidence);
        }
    }

    pub(super) fn is_off_by(&mut self, distance: f64) {
        self.distance = Some(self.distance.unwrap_or(0.0).max(distance));
    }
}

/// Statuses that speak of the way to the thing, not of the thing: asked for elsewhere, not allowed to ask, too often, or
/// the server's own trouble.
fn proves_nothing(status: u16) -> bool {
    matches!(status, 0..=199 | 300..=399 | 401 | 403 | 407 | 408 | 425 | 429 | 500..)
}

impl Predicate {
    /// Judges one observation: one finding, or one for each series of a query.
    pub fn judge(&self, name: &str, kind: &str, observation: &Observation) -> Vec<Finding> {
        let finding = |object: &str, judged: Judged| {
            let Judged { verdict, evidence, value, distance } = judged;
            let (name, kind) = (name.to_owned(), kind.to_owned());
            Finding { name, kind, object: one_line(object), verdict, evidence, value, distance }
        };
        let object = &observation.object;
        let judged = match (self, &observation.seen) {
            (_, Err(obstacle)) => Judged::unknown(quoted(&obstacle.to_string())),
            (Self::Accepts, Ok(Seen::Accepted)) => {
                Judged::new(Verdict::Pass, "the connection is accepted")
            }
            (Self::Accepts, Ok(Seen::Refused)) => {
                Judged::new(Verdict::Fail, "the connection is refused")
            }
            (Self::Answers { statuses, expects }, Ok(Seen::Answered { status, body })) => {
                answered(statuses, expects.as_ref(), *status, body)
            }
            (Self::Exits { status, expects }, Ok(exited @ Seen::Exited { .. })) => {
                ended(*status, expects.as_ref(), exited)
            }
            (Self::Measures { when_empty, .. }, Ok(Seen::Series(series))) if series.is_empty() => {
                Judged::new(*when_empty, "the query gives no series")
            }
            (Self::Measures { expects, .. }, Ok(Seen::Series(series))) => {
                let each = series.iter();
                return each
                    .map(|one| finding(&one.labels, expects.judge_number(one.value)))
                    .collect();
            }
            // An HTTP service that refuses connections says nothing of what it was to be asked.
            (_, Ok(Seen::Refused)) => Judged::unknown("the connection is refused"),
            (
                _,
                Ok(Seen::Accepted | Seen::Answered { .. } | Seen::Exited { .. } | Seen::Series(_)),
            ) => Judged::unknown("something of another kind was seen"),
        };
        vec![finding(object, judged)]
    }
}

fn answered(
    statuses: &[u16],
    expects: Option<&Expectation>,
    status: u16,
    body: &Captured,
) -> Judged {
    if !statuses.contains(&status) {
        let wanted: Vec<String> = statuses.iter().map(u16::to_string).collect();
        let evidence = format!("status {status}, {} wanted", wanted.join(" or "));
        let is_unknown = proves_nothing(status);
        return Judged::new(if is_unknown { Verdict::Unknown } else { Verdict::Fail }, evidence);
    }
    match expects {
        None => Judged::new(Verdict::Pass, format!("status {status}")),
        Some(expects) => expects.judge_text(body),
    }
}

fn ended(wanted: i32, expects: Option<&Expectation>, exited: &Seen) -> Judged {
    let Seen::Exited { status, stdout, stderr } = exited else {
        return Judged::unknown("it has not ended");
    };
    if *status != wanted {
        let said = if stderr.bytes.is_empty() { stdout } else { stderr };
        let evidence = format!("exit status {status}, {wanted} wanted; it says {}", excerpt(said));
        return Judged::new(Verdict::Fail, evidence);
    }
    match expects {
        None => Judged::new(Verdict::Pass, format!("exit status {status}")),
        Some(expects) => expects.judge_text(stdout),
    }
}
