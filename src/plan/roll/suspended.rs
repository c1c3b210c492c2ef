//! Whose suspensions those of a group are.

use std::collections::BTreeMap;
use std::fmt;

use jiff::{SignedDuration, Timestamp};

use super::event::SuspendedBefore;
use super::finding::Finding;
use super::past::Past;
use super::run::Run;
use super::step::SUSPENDED;
use super::survey::Survey;
use crate::domain::{Process, Suspension, VendorTime};
use crate::plan::Verdict;

/// How far the end of a suspension may be from the one that was asked for: the vendor counts whole minutes, by its own clock.
const LEEWAY: SignedDuration = SignedDuration::from_mins(5);

/// The ends that were asked for, of each process, by the vendor's clock.
pub(super) type Asked = BTreeMap<String, Vec<Timestamp>>;

/// A suspension that someone else has made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreign {
    /// The process, in the vendor's spelling.
    pub process: String,
    /// Its end, in the vendor's spelling; none if it has none or none was told.
    pub until: Option<String>,
    /// Whether it was told to have no end.
    pub is_endless: bool,
}

/// The processes that are not suspended for at least `left` from now, by the vendor's clock. Where nothing is told of the end, as by older
/// servers, it is the one that the run has asked for.
pub fn lapsing(run: &Run, survey: &Survey, left: SignedDuration) -> Vec<Process> {
    let until = survey.at.checked_add(left).unwrap_or(Timestamp::MAX);
    short_of(until, &survey.suspensions, &run.suspended)
}

/// The processes that are not suspended until then.
pub(super) fn short_of(
    until: Timestamp,
    suspensions: &[Suspension],
    asked: &Asked,
) -> Vec<Process> {
    let is_asked_until = |process: &Process| {
        let asked = asked.get(process.as_str());
        asked.is_some_and(|ends| ends.iter().any(|end| *end >= until))
    };
    let lasts = |it: &Suspension| match &it.expires_at {
        Some(_) => end(it).is_some_and(|end| end >= until),
        None => it.is_endless || is_asked_until(&it.process),
    };
    let is_kept =
        |process: &Process| suspensions.iter().any(|it| it.process == *process && lasts(it));
    SUSPENDED.into_iter().filter(|process| !is_kept(process)).collect()
}

impl Foreign {
    fn end(&self) -> String {
        match &self.until {
            Some(until) => format!("until {until}"),
            None if self.is_endless => "without an end".to_owned(),
            None => "without an end that is told".to_owned(),
        }
    }
}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.process, self.end())
    }
}

/// Whether this end is one of those that were asked for.
pub(super) fn is_asked(end: Option<Timestamp>, asked: &[Timestamp]) -> bool {
    end.is_some_and(|end| asked.iter().any(|asked| is_near(end, *asked)))
}

fn is_near(one: Timestamp, other: Timestamp) -> bool {
    one.duration_since(other).abs() <= LEEWAY
}

/// When a suspension ends; none if it has no end, or none that can be read.
pub(super) fn end(suspension: &Suspension) -> Option<Timestamp> {
    suspension.expires_at.as_ref().and_then(VendorTime::instant)
}

/// The suspensions in force at this moment that are neither of those that were `asked` for nor of those that were there `before`. One whose
/// end has passed is none.
///
/// An older server tells no ends: there a process that was asked for counts as suspended by who asked. Without an end none is asked for.
pub(super) fn foreign(
    suspensions: &[Suspension],
    at: Timestamp,
    asked: &Asked,
    before: &[SuspendedBefore],
) -> Vec<Foreign> {
    let is_ours = |it: &Suspension| {
        let asked = asked.get(it.process.as_str());
        asked.is_some_and(|asked| it.is_end_untold() || is_asked(end(it), asked))
    };
    let was_there = |it: &Suspension| {
        before.iter().filter(|then| then.process == it.process.as_str()).any(|then| {
            match (&then.expires_at, &it.expires_at) {
                (None, None) => true,
                (Some(then), Some(now)) if then == now.as_str() => true,
                (Some(then), Some(_)) => {
                    let then = VendorTime::new(then.as_str()).instant();
                    is_asked(end(it), then.as_slice())
                }
                (None, Some(_)) | (Some(_), None) => false,
            }
        })
    };
    let is_over = |it: &Suspension| end(it).is_some_and(|end| end <= at);
    let others = suspensions.iter().filter(|it| !is_over(it) && !is_ours(it) && !was_there(it));
    let told = |it: &Suspension| Foreign {
        process: it.process.as_str().to_owned(),
        until: it.expires_at.as_ref().map(|at| at.as_str().to_owned()),
        is_endless: it.is_endless,
    };
    let mut found: Vec<Foreign> = others.map(told).collect();
    found.sort_by(|a, b| a.process.cmp(&b.process));
    found
}

/// Someone suspended processes: a person, or another controller that rolls this group and whose journals are elsewhere. One
/// finding for each process, so that each can be waived by its name.
pub(super) fn no_foreign_suspension(survey: &Survey, past: &Past) -> Vec<Finding> {
    let name = "no_foreign_suspension";
    let found = foreign(&survey.suspensions, survey.at, &past.suspended, &[]);
    if found.is_empty() {
        let evidence = "nothing is suspended, or only by runs that are known here";
        return vec![Finding::new(name, survey.group.id.as_str(), Verdict::Pass, evidence)];
    }
    let judged = |it: &Foreign| {
        let evidence = format!(
            "suspended {}, and by no run that is known here: someone else may be at work on the group",
            it.end()
        );
        Finding::new(name, it.process.as_str(), Verdict::Fail, evidence)
    };
    found.iter().map(judged).collect()
}
