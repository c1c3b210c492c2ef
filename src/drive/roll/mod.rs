//! Carrying out a roll: journal, lease, settings, and the one step that cannot be taken back.
//!
//! Every process that works on a run reads its journal first and looks at the group anew; what is decided is decided in
//! [`crate::plan::roll`].

mod allocation;
mod alone;
mod begin;
mod claimant;
mod cluster_back;
mod cluster_error;
mod error;
mod finish;
mod hand;
mod journal;
mod recycle;
mod roller;
mod settings;
mod shelves;
mod store;
mod survey;

pub use allocation::{Restrict, Restricted};
pub use begin::{Beginning, Begun, Start};
pub use claimant::Claimant;
pub use cluster_error::ClusterError;
pub use error::{BeginError, RollError};
pub use hand::{Beat, ClusterAccess, ClusterSight, Hand};
pub use journal::Journal;
pub use recycle::Recycled;
pub use roller::Roller;
pub use store::{Deciding, Journals, Runs, StoreError};
pub use survey::{sight, survey};

/// How long each setting of a cluster is waited for when a run is ended.
const CLUSTER_PATIENCE: std::time::Duration = std::time::Duration::from_secs(120);
