//! Gates: named predicates over what observers saw, and whether they have held for long enough.
//!
//! [`Predicate::judge`] makes findings of one observation, [`Watch`] weighs one look after the other: so many passes in a
//! row, so far apart, over so long a time, until the time is up or nothing moves any more. Unknown never passes. Predicates
//! of another making, such as those over a `domain::ClusterView`, give [`Finding`]s as well and are weighed likewise.

mod expectation;
mod finding;
mod machine;
mod predicate;
mod report;
mod terms;
mod watch;

#[cfg(test)]
mod tests;

pub use expectation::{Expectation, ExpectationError, Wanted};
pub use finding::Finding;
pub use machine::judge_machine;
pub use predicate::{Judged, Predicate};
pub use report::{End, Report, Reported};
pub use terms::{Terms, TermsError};
pub use watch::{Step, Watch};
