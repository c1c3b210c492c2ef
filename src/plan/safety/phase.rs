//! At which point of a node's roll a cluster is judged.

use crate::domain::{Obstacle, printable};
use crate::plan::Verdict;
use crate::plan::gate::Finding;

/// Where in the roll of one node the question is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Before its service is stopped: the cluster is whole and can lose it.
    Pre,
    /// Its service is stopped, its machine not yet given up: the others carry on without it.
    Mid,
    /// It is back: the cluster is as whole as before.
    Post,
}

/// What is asked of a cluster.
#[derive(Clone, Debug)]
pub struct Question {
    /// What the findings' names begin with: the gate's name.
    pub gate: String,
    /// Where in the roll.
    pub phase: Phase,
    /// The node that is rolled, by the name that it has in what is seen.
    pub target: String,
}

impl Question {
    /// Whether this is the node whose absence is wanted.
    pub(super) fn is_away(&self, node: &str) -> bool {
        self.phase == Phase::Mid && node == self.target
    }

    /// A finding of the predicate `name`, called `gate.name`.
    pub(super) fn finding(&self, kind: &str, name: &str, object: &str, judged: Judged) -> Finding {
        Finding {
            name: format!("{}.{name}", self.gate),
            kind: kind.to_owned(),
            object: printable(object),
            verdict: judged.verdict,
            evidence: judged.evidence,
            value: None,
            distance: judged.distance,
        }
    }
}

/// What is known of one predicate.
pub(super) struct Judged {
    verdict: Verdict,
    evidence: String,
    distance: Option<f64>,
}

impl Judged {
    pub(super) fn pass(evidence: impl Into<String>) -> Self {
        Self { verdict: Verdict::Pass, evidence: evidence.into(), distance: None }
    }

    pub(super) fn fail(evidence: impl Into<String>) -> Self {
        Self { verdict: Verdict::Fail, evidence: evidence.into(), distance: None }
    }

    pub(super) fn unknown(evidence: impl Into<String>) -> Self {
        Self { verdict: Verdict::Unknown, evidence: evidence.into(), distance: None }
    }

    /// How far it is from where it is wanted: what comes nearer is progress.
    pub(super) fn off_by(self, distance: u64) -> Self {
        // Counts of nodes and requests are far below where this loses precision.
        #[expect(clippy::cast_precision_loss, reason = "a count, not a measurement")]
        let distance = Some(distance as f64);
        Self { distance, ..self }
    }
}

/// Judges what was told; what was not is unknown.
pub(super) fn or_unknown<T>(
    told: &Result<T, Obstacle>,
    judge: impl FnOnce(&T) -> Judged,
) -> Judged {
    match told {
        Ok(told) => judge(told),
        Err(obstacle) => Judged::unknown(obstacle.to_string()),
    }
}
