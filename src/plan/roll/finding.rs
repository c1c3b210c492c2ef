//! Named predicates with what they saw, and what was waived of them.

use crate::plan::{Verdict, Waiver};

/// One predicate about one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The predicate's name, stable.
    pub name: &'static str,
    /// What it is about: an id.
    pub object: String,
    /// What was found.
    pub verdict: Verdict,
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
        verdict: Verdict,
        evidence: impl Into<String>,
    ) -> Self {
        Self { name, object: object.into(), verdict, evidence: evidence.into(), waived: None }
    }

    /// Whether it stands in the way: what is not known is not safe.
    pub fn blocks(&self) -> bool {
        self.verdict != Verdict::Pass && self.waived.is_none()
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { name, object, evidence, .. } = self;
        write!(f, "{name} of {object} ({}: {evidence})", self.verdict.as_str())
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
        for finding in
            findings.iter_mut().filter(|finding| waiver.covers(finding.name, &finding.object))
        {
            if finding.verdict != Verdict::Pass {
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
