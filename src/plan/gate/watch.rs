//! Weighing one look after the other.

use std::collections::BTreeMap;
use std::time::Duration;

use super::finding::Finding;
use super::report::{End, Report, Reported};
use super::terms::Terms;
use crate::plan::{Verdict, Waiver};

/// A name and an object.
type Key = (String, String);

/// What is to be done after a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Look again after this pause.
    Again(Duration),
    /// No more.
    Over(End),
}

/// A gate being watched.
#[derive(Clone, Debug)]
pub struct Watch {
    terms: Terms,
    waivers: Vec<(Waiver, Use)>,
    began: Option<Duration>,
    last_at: Duration,
    looks: u32,
    last: Vec<Reported>,
    row: Option<Row>,
    moved_at: Duration,
    marks: BTreeMap<Key, Mark>,
    identities: BTreeMap<String, String>,
    interrupted_by: Option<Finding>,
    end: Option<End>,
}

/// What became of a waiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Use {
    /// It was about nothing that was looked at.
    None,
    /// What it is about held all the time.
    Needless,
    /// The gate would have been shut without it.
    Needed,
}

/// Good looks in a row, all of the same objects.
#[derive(Clone, Debug)]
struct Row {
    keys: Vec<Key>,
    first: Duration,
    last: Duration,
    count: u32,
}

/// How a predicate stood, and the nearest that its value came to where it is wanted while it stood so.
#[derive(Clone, Copy, Debug)]
struct Mark {
    verdict: Verdict,
    nearest: Option<f64>,
}

impl Watch {
    /// Nothing has been looked at yet.
    pub fn new(terms: Terms, waivers: Vec<Waiver>) -> Self {
        Self {
            terms,
            waivers: waivers.into_iter().map(|waiver| (waiver, Use::None)).collect(),
            began: None,
            last_at: Duration::ZERO,
            looks: 0,
            last: Vec::new(),
            row: None,
            moved_at: Duration::ZERO,
            marks: BTreeMap::new(),
            identities: BTreeMap::new(),
            interrupted_by: None,
            end: None,
        }
    }

    /// Which clusters earlier gates of the same name have seen, by the predicate's name: they must be the same.
    pub fn of_clusters(self, identities: BTreeMap<String, String>) -> Self {
        Self { identities, ..self }
    }

    /// Weighs one look that ended `at` this time of a clock that never goes back.
    pub fn weigh(&mut self, at: Duration, findings: Vec<Finding>) -> Step {
        let began = *self.began.get_or_insert(at);
        self.looks = self.looks.saturating_add(1);
        let findings: Vec<Finding> = findings.into_iter().map(|it| self.identify(it)).collect();
        let moved = self.has_moved(&findings);
        self.last = findings.into_iter().map(|finding| self.waive(finding)).collect();
        let is_good = !self.last.is_empty() && self.last.iter().all(Reported::is_met);
        if is_good {
            self.lengthen_row(at);
        } else if self.row.take().is_some() {
            let spoiler = self.last.iter().find(|reported| !reported.is_met());
            self.interrupted_by = spoiler.map(|reported| reported.finding.clone());
        }
        if moved || is_good || self.looks == 1 {
            self.moved_at = at;
        }
        self.last_at = at;
        self.end = self.over(at, began);
        self.end.map_or(Step::Again(self.terms.spacing), Step::Over)
    }

    fn over(&self, at: Duration, began: Duration) -> Option<End> {
        if let Some(row) = &self.row
            && row.count >= self.terms.samples
            && row.last.saturating_sub(row.first) >= self.terms.window
        {
            return Some(End::Passed);
        }
        let still = at.saturating_sub(self.moved_at);
        if self.terms.stall.is_some_and(|stall| still >= stall) {
            return Some(End::Stalled(still.as_secs()));
        }
        (at.saturating_sub(began) >= self.terms.limit).then_some(End::TimeUp)
    }

    /// A cluster that is asked by other addresses, or through a balancer that points elsewhere since, may be well and is not
    /// the one whose node is rolled.
    fn identify(&mut self, finding: Finding) -> Finding {
        let Some(seen) = finding.identity().map(str::to_owned) else { return finding };
        let first = self.identities.entry(finding.name.clone()).or_insert_with(|| seen.clone());
        if *first == seen {
            return finding;
        }
        let evidence = format!("it is cluster {seen}, and was {first} before");
        Finding { verdict: Verdict::Fail, evidence, ..finding }
    }

    fn waive(&mut self, finding: Finding) -> Reported {
        let used = if finding.verdict == Verdict::Pass { Use::Needless } else { Use::Needed };
        let mut waived = None;
        for (waiver, so_far) in &mut self.waivers {
            if waiver.covers(&finding.name, &finding.object) {
                *so_far = used.max(*so_far);
                waived.get_or_insert_with(|| waiver.reason.clone());
            }
        }
        Reported { finding, waived }
    }

    /// Adds a good look. Other objects than before are another row: what vanished has not been seen to be well.
    fn lengthen_row(&mut self, at: Duration) {
        let mut keys: Vec<Key> =
            self.last.iter().map(|reported| owned(&reported.finding)).collect();
        keys.sort();
        match &mut self.row {
            Some(row) if row.keys == keys => {
                // Two looks at one moment are one proof.
                if at.saturating_sub(row.last) >= self.terms.spacing {
                    row.count = row.count.saturating_add(1);
                    row.last = at;
                }
            }
            _ => self.row = Some(Row { keys, first: at, last: at, count: 1 }),
        }
    }

    /// Whether any verdict changed or any value came nearer than it has been.
    fn has_moved(&mut self, findings: &[Finding]) -> bool {
        let mut moved = false;
        for finding in findings {
            let (verdict, distance) = (finding.verdict, finding.distance);
            let mark = self.marks.entry(owned(finding)).or_insert(Mark { verdict, nearest: None });
            if mark.verdict != verdict {
                *mark = Mark { verdict, nearest: distance };
                moved = true;
                continue;
            }
            let Some(distance) = distance else { continue };
            match mark.nearest {
                Some(nearest) if distance >= nearest => {}
                Some(_) => {
                    mark.nearest = Some(distance);
                    moved = true;
                }
                None => mark.nearest = Some(distance),
            }
        }
        moved
    }

    /// What is known so far, and of the whole once it is over.
    ///
    /// Before that the verdict is the last look's. A gate that ends without having held for long enough is unknown even if
    /// its last look was good.
    pub fn report(&self) -> Report {
        let unmet = self.last.iter().filter(|reported| !reported.is_met());
        let seen = unmet.map(|reported| reported.finding.verdict).max().unwrap_or(Verdict::Pass);
        let verdict = match (seen, self.end) {
            _ if self.last.is_empty() => Verdict::Unknown,
            (Verdict::Pass, Some(End::TimeUp | End::Stalled(_))) => Verdict::Unknown,
            (seen, _) => seen,
        };
        let began = self.began.unwrap_or(self.last_at);
        Report {
            verdict,
            end: self.end,
            predicates: self.last.clone(),
            looks: self.looks,
            in_a_row: self.row.as_ref().map_or(0, |row| row.count),
            samples: self.terms.samples,
            waited_seconds: self.last_at.saturating_sub(began).as_secs(),
            interrupted_by: self.interrupted_by.clone(),
            warnings: self.warnings(),
        }
    }

    fn warnings(&self) -> Vec<String> {
        let waived = self.last.iter().filter_map(|reported| {
            let reason = reported.waived.as_ref()?;
            let is_needed = reported.finding.verdict != Verdict::Pass;
            is_needed.then(|| format!("waived ({reason}): {}", reported.finding))
        });
        let useless = self.waivers.iter().filter_map(|(waiver, used)| {
            let why = match used {
                Use::None => "it is about nothing that was looked at",
                Use::Needless => "what it is about passes",
                Use::Needed => return None,
            };
            Some(format!("the waiver of {} has no effect: {why}", waiver.predicate))
        });
        waived.chain(useless).collect()
    }
}

fn owned(finding: &Finding) -> Key {
    let (name, object) = finding.key();
    (name.to_owned(), object.to_owned())
}
