//! What is to be done to an Elastigroup's configuration: what is wanted against what is there.

mod capacity;
mod change;
mod creation;
mod export;
mod finding;
mod image_check;
mod normal;
mod readiness;
mod refusal;
mod secrecy;
mod shrinking;
mod suspending;

pub use capacity::{Aim, AimError, Capacity, Stretch, resized};
pub use change::{Changes, FieldChange, changes, merged, not_kept, overlaid};
pub use creation::completed;
pub use export::{Export, export};
pub use finding::{Found, Wanted, find};
pub use image_check::{ImageProblem, image_problem};
pub use readiness::{Host, Readiness, hosts, judge};
pub use refusal::{Consent, Refusal, check_update};
pub use secrecy::{Secrecy, digest};
pub use shrinking::{ShrinkRefusal, Way, way};
pub use suspending::{SuspensionWish, unsettled};

#[cfg(test)]
mod tests;
