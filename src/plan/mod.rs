//! Decisions over domain values: synchronous, deterministic, without I/O.

pub mod account;
pub mod gate;
pub mod group;
pub mod inventory;
pub mod roll;
pub mod safety;
pub mod stateful;

mod verdict;
mod waiver;

pub use verdict::Verdict;
pub use waiver::Waiver;
