//! Stateful instances of an Elastigroup.

use super::open_enum::open_enum;
use super::{ImageId, InstanceId, StatefulInstanceId, VendorTime};

open_enum! {
    /// Where a stateful instance is in its life (OpenAPI description, list of stateful instances).
    StatefulState {
        /// Running.
        Active = "ACTIVE",
        /// A pause was accepted and has not begun.
        Pause = "PAUSE",
        /// The EC2 instance is being terminated, its resources kept.
        Pausing = "PAUSING",
        /// No EC2 instance; volumes and address are kept.
        Paused = "PAUSED",
        /// A resume was accepted and has not begun.
        Resume = "RESUME",
        /// A new EC2 instance is being launched with the kept resources.
        Resuming = "RESUMING",
        /// A recycle was accepted and has not begun.
        Recycle = "RECYCLE",
        /// The EC2 instance is being replaced.
        Recycling = "RECYCLING",
        /// A deallocation was accepted and has not begun.
        Deallocate = "DEALLOCATE",
        /// The instance and its resources are being given up.
        Deallocating = "DEALLOCATING",
        /// Gone; may stay listed for an unknown time.
        Deallocated = "DEALLOCATED",
        /// An action failed; the group's log says why.
        Error = "ERROR",
    }
}

/// One volume of a stateful instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Device name such as `/dev/xvdb`.
    pub device_name: Option<String>,
    /// The volume attached or kept.
    pub volume_id: Option<String>,
    /// The latest snapshot, where the persistence mode makes any.
    pub snapshot_id: Option<String>,
}

/// A stateful instance as the group's list tells it.
#[derive(Clone, Debug, PartialEq)]
pub struct StatefulInstance {
    /// Stable across recycles. An item without one is refused by the reader and reported.
    pub id: StatefulInstanceId,
    /// The EC2 instance; none while paused (the vendor sends nothing, null or an empty text).
    pub instance_id: Option<InstanceId>,
    /// The persisted private address; none unless the group persists it.
    pub private_ip: Option<String>,
    /// The image it boots from; with a persisted root one that the platform made from a snapshot.
    pub image_id: Option<ImageId>,
    /// Where it is in its life.
    pub state: StatefulState,
    /// Its volumes, in the vendor's order.
    pub devices: Vec<Device>,
    /// When the present EC2 instance was launched.
    pub launched_at: Option<VendorTime>,
    /// When the stateful instance was made; may lie after `launched_at`.
    pub created_at: Option<VendorTime>,
}
