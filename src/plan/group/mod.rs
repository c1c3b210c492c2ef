//! What is to be done to an Elastigroup's configuration: what is wanted against what is there.

mod capacity;
mod change;
mod creation;
mod export;
mod finding;
mod normal;
mod refusal;
mod secrecy;

pub use capacity::{Aim, AimError, Capacity, Stretch, resized};
pub use change::{Changes, FieldChange, changes, merged, not_kept};
pub use creation::completed;
pub use export::{Export, export};
pub use finding::{Found, Wanted, find};
pub use refusal::{Consent, Refusal, check_update};
pub use secrecy::{Secrecy, digest};

#[cfg(test)]
mod tests;
