//! Launching machines beside the managed groups, so that nothing that was launched is ever forgotten.

mod drain;
mod ending;
mod error;
mod journal;
mod launcher;
mod memory;
mod preflight;
mod profiles;
mod rebalancer;
mod replacer;
mod sending;
mod settling;
mod waiting;

pub use drain::Drain;
pub use error::LaunchError;
pub use journal::{Fleet, Fleets, OfFleet};
pub use launcher::{Job, Launcher, Report};
pub use memory::Memory;
pub use preflight::{Built, Ground, Site, built, preflight};
pub use profiles::{Kept, Profiles, SPOTTER_SETTINGS};
pub use rebalancer::{Check, Moved, Rebalance, Standstill};
pub use replacer::{Replace, Replaced};
pub use settling::{Account, Bare};
pub use waiting::{End, Unseen};
