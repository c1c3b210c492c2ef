//! Decisions over domain values: synchronous, deterministic, without I/O.

pub mod inventory;
pub mod roll;
pub mod stateful;
