//! Where the figures of the spot market come from, and where they are kept.

mod advisor;
mod cloud;
mod gather;
mod kept;
mod prices;
mod store;

pub use cloud::{Cloud, connect as connect_cloud};
pub use gather::{OnDemandFrom, SpotFrom, Wanted, gather};
pub use kept::{keep, kept};
pub use store::{Draft, SPOTTER_PREFIXES, Store, draft, forget};

use std::path::PathBuf;

use thiserror::Error;

use super::ec2::Ec2Error;

/// Why the figures cannot be had or kept.
#[derive(Debug, Error)]
pub enum MarketError {
    /// AWS does not tell.
    #[error(transparent)]
    Ec2(#[from] Ec2Error),
    /// A file cannot be used.
    #[error("cannot {attempt} {}: {reason}", path.display())]
    File {
        /// What was attempted.
        attempt: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        reason: String,
    },
    /// The interruption feed cannot be used.
    #[error("cannot read the interruption feed {source_name}: {reason}")]
    Feed {
        /// Its address or path.
        source_name: String,
        /// Why.
        reason: String,
    },
    /// What is in a store is no list of prices.
    #[error("cannot read the prices in {place}: {reason}")]
    Store {
        /// Parameter or file.
        place: String,
        /// Why.
        reason: String,
    },
    /// Old prices would become young.
    #[error(
        "these prices are {age_s} s old, and {place} would date them now, so that they would be launched from: nothing was kept; ask the market, or keep them in a file"
    )]
    Redated {
        /// The store.
        place: String,
        /// How old they are, in seconds.
        age_s: i64,
    },
    /// A zone does not exist, or this account may not use it.
    #[error("there is no availability zone {zone} in {region}; there is {}", known.join(", "))]
    NoZone {
        /// As it was named.
        zone: String,
        /// Where it was looked for.
        region: String,
        /// What there is.
        known: Vec<String>,
    },
    /// An instance type does not exist in the region.
    #[error("there is no instance type {name} in {region}; nothing was done")]
    NoType {
        /// As it was named.
        name: String,
        /// Where it was looked for.
        region: String,
    },
    /// What was written down is of another region.
    #[error("{place} is about region {found}, and {region} is asked for")]
    OtherRegion {
        /// The file.
        place: String,
        /// What it is about.
        found: String,
        /// What is asked for.
        region: String,
    },
}
