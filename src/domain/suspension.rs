//! What the platform does to a group of its own accord, and when it may not.

use super::VendorTime;
use super::open_enum::open_enum;

open_enum! {
    /// One of the platform's own doings in a group that can be suspended (OpenAPI description: suspend processes). AWS
    /// taking a Spot instance back is none of them.
    Process {
        /// Scaling by policies.
        AutoScale = "AUTO_SCALE",
        /// Replacing instances that fail their health check.
        AutoHealing = "AUTO_HEALING",
        /// Replacing instances that no longer fit the group's strategy.
        OutOfStrategy = "OUT_OF_STRATEGY",
        /// Replacing Spot instances that are likely to be taken back.
        PreventiveReplacement = "PREVENTIVE_REPLACEMENT",
        /// Going back to preferred instance types.
        RevertPreferred = "REVERT_PREFERRED",
        /// Scheduled tasks.
        Scheduling = "SCHEDULING",
    }
}

/// One suspended process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suspension {
    /// What is suspended.
    pub process: Process,
    /// When it goes on by itself; none if it has no end, or none is told.
    pub expires_at: Option<VendorTime>,
    /// Whether it is told that it has no end.
    pub is_endless: bool,
}

impl Suspension {
    /// Whether nothing is told of its end, as by older servers: then it may end at any moment.
    pub fn is_end_untold(&self) -> bool {
        self.expires_at.is_none() && !self.is_endless
    }
}
