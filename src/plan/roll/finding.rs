//! Named predicates with what they saw, and what was waived of them.

use serde::{Deserialize, Serialize};

use crate::plan::stateful::Proof;

/// One predicate about one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The predicate's name, stable.
    pub name: &'static str,
    /// What it is about: an id.
    pub object: String,
    /// What was found.
    pub proof: Proof,
    /// What was seen, a lowercase fragment.
    pub evidence: String,
    /// Why it does not count, if someone said so.
    pub waived: Option<String>,
}

impl Finding {
    /// A finding that counts.
    pub fn new(
        name: &'static str,
        object: impl Into<String>,
        proof: Proof,
        evidence: impl Into<String>,
    ) -> Self {
        Self { name, object: object.into(), proof, evidence: evidence.into(), waived: None }
    }

    /// Whether it stands in the way: what is not known is not safe.
    pub fn blocks(&self) -> bool {
        self.proof != Proof::Pass && self.waived.is_none()
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { name, object, evidence, .. } = self;
        write!(f, "{name} of {object} ({}: {evidence})", self.proof.as_str())
    }
}

/// A predicate that someone takes upon himself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiver {
    /// The predicate.
    pub predicate: String,
    /// Why.
    pub reason: String,
    /// Of which things; of all if none is named.
    pub objects: Vec<String>,
}

impl Waiver {
    fn covers(&self, finding: &Finding) -> bool {
        let is_meant = self.objects.is_empty() || self.objects.contains(&finding.object);
        self.predicate == finding.name && is_meant
    }
}

/// Marks what is waived; `never` names the predicates that nobody can take upon himself. Answers what is odd about the
/// waivers.
pub(super) fn waive(
    findings: &mut [Finding],
    waivers: &[Waiver],
    never: &[&str],
    known: &[&str],
) -> Vec<String> {
    let mut odd = Vec::new();
    for waiver in waivers {
        let name = &waiver.predicate;
        if never.contains(&name.as_str()) {
            odd.push(format!("waiver of {name}: it cannot be waived"));
            continue;
        }
        if !known.contains(&name.as_str()) {
            odd.push(format!(
                "waiver of {name}: there is no such predicate, only {}",
                known.join(", ")
            ));
            continue;
        }
        let mut is_used = false;
        for finding in findings.iter_mut().filter(|finding| waiver.covers(finding)) {
            if finding.proof != Proof::Pass {
                is_used = true;
                finding.waived = Some(waiver.reason.clone());
            }
        }
        if !is_used {
            odd.push(format!("waiver of {name}: nothing needs it"));
        }
    }
    odd
}
