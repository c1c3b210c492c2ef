//! What came of a gate.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::finding::Finding;
use crate::plan::Verdict;

/// Most findings that a message names; the report has them all.
const MOST_NAMED: usize = 20;

/// Why no more is looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// All predicates have held for as long as was asked.
    Passed,
    /// The time is up.
    TimeUp,
    /// Nothing has moved for so long, in seconds.
    Stalled(u64),
}

/// What came of a gate: a plain value that can be kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// What is known of the whole.
    pub verdict: Verdict,
    /// Why no more was looked; none while that is not over.
    pub end: Option<End>,
    /// What the last look found, in the order of the gates.
    pub predicates: Vec<Reported>,
    /// How often was looked.
    pub looks: u32,
    /// How many looks in a row, up to the last, found everything good.
    pub in_a_row: u32,
    /// How many were wanted.
    pub samples: u32,
    /// From the first look to the last, in seconds.
    pub waited_seconds: u64,
    /// What last came between good looks.
    pub interrupted_by: Option<Finding>,
    /// What is odd but no failure, each on one line: what is waived, and waivers without effect.
    pub warnings: Vec<String>,
}

/// A finding, and whether it counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reported {
    /// What was found.
    #[serde(flatten)]
    pub finding: Finding,
    /// Why it need not hold; none if it must.
    pub waived: Option<String>,
}

impl Reported {
    /// Whether the gate is open as far as this goes.
    pub fn is_met(&self) -> bool {
        self.finding.verdict == Verdict::Pass || self.waived.is_some()
    }
}

impl Report {
    /// The clusters that were seen: the finding that says so, and their unique ids.
    pub fn clusters(&self) -> impl Iterator<Item = (&Finding, &str)> {
        let findings = self.predicates.iter().map(|reported| &reported.finding);
        findings.filter_map(|finding| Some((finding, finding.identity()?)))
    }

    /// The predicates for which the gate is not open.
    pub fn unmet(&self) -> Vec<&Reported> {
        self.predicates.iter().filter(|reported| !reported.is_met()).collect()
    }

    /// How many pass, and how many do not and need not: "2 of 3 predicates pass, 1 is waived".
    pub fn tally(&self) -> String {
        let is_good = |reported: &&Reported| reported.finding.verdict == Verdict::Pass;
        let (all, good) = (self.predicates.len(), self.predicates.iter().filter(is_good).count());
        let pass = format!("{good} of {all} predicates pass");
        match all - good - self.unmet().len() {
            0 => pass,
            1 => format!("{pass}, 1 is waived"),
            waived => format!("{pass}, {waived} are waived"),
        }
    }
}

/// One line for the person: what is known and of what it failed.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { looks, waited_seconds, in_a_row, samples, .. } = self;
        let (all, tally, unmet) = (self.predicates.len(), self.tally(), self.unmet());
        let times = |count: u32| if count == 1 { "look" } else { "looks" };
        let after = format!("after {looks} {} and {waited_seconds} s", times(*looks));
        match (unmet.len(), self.end) {
            (0, _) if all == 0 => write!(f, "there is no predicate to judge, {after}")?,
            (0, Some(End::Passed)) => write!(f, "{tally}, {after}")?,
            (0, None) => write!(f, "{tally}, in {in_a_row} of {samples} looks")?,
            (0, Some(End::TimeUp | End::Stalled(_))) => {
                write!(
                    f,
                    "{after} {tally}, but only for {in_a_row} {} in a row of {samples} wanted, or not for long enough",
                    times(*in_a_row)
                )?;
                if let Some(finding) = &self.interrupted_by {
                    write!(f, "; last in between: {finding}")?;
                }
            }
            _ => write!(f, "{tally}, {after}")?,
        }
        if let Some(End::Stalled(seconds)) = self.end {
            write!(f, " (given up, nothing moved for {seconds} s)")?;
        }
        for (at, reported) in unmet.iter().take(MOST_NAMED).enumerate() {
            write!(f, "{} {}", if at == 0 { "; not passed:" } else { ";" }, reported.finding)?;
        }
        match unmet.len().saturating_sub(MOST_NAMED) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}
