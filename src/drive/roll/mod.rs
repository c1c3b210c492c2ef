//! Carrying out a roll: journal, lease, settings, and the one step that cannot be taken back.
//!
//! Every process that works on a run reads its journal first and looks at the group anew; what is decided is decided in
//! [`crate::plan::roll`].

mod claimant;
mod error;
mod finish;
mod recycle;
mod roller;
mod settings;
mod store;
mod survey;

pub use claimant::Claimant;
pub use error::RollError;
pub use recycle::Recycled;
pub use roller::{Beginning, Begun, Roller, Start};
pub use store::{Deciding, Journal, Runs, StoreError};
pub use survey::survey;
