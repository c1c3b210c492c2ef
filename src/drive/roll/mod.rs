//! Carrying out a roll: journal, lease, settings, and the one step that cannot be taken back.
//!
//! Every process that works on a run reads its journal first and looks at the group anew; what is decided is decided in
//! [`crate::plan::roll`].

mod begin;
mod claimant;
mod error;
mod finish;
mod journal;
mod recycle;
mod roller;
mod settings;
mod shelves;
mod store;
mod survey;

pub use begin::{Beginning, Begun, Start};
pub use claimant::Claimant;
pub use error::{BeginError, RollError};
pub use journal::Journal;
pub use recycle::Recycled;
pub use roller::Roller;
pub use store::{Deciding, Journals, Runs, StoreError};
pub use survey::{sight, survey};
