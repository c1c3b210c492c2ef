//! What can be done to a stateful instance, and to which.

use std::fmt;

use super::{GroupId, ManagedInstanceId, StatefulInstanceId, VendorTime};

/// One machine that the vendor keeps the state of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StatefulTarget {
    /// A stateful instance of an Elastigroup.
    Grouped {
        /// The group.
        group: GroupId,
        /// Its instance.
        id: StatefulInstanceId,
    },
    /// A managed instance.
    Managed(ManagedInstanceId),
}

impl StatefulTarget {
    /// The id that stays the same over recycles.
    pub fn id(&self) -> &str {
        match self {
            Self::Grouped { id, .. } => id.as_str(),
            Self::Managed(id) => id.as_str(),
        }
    }
}

impl fmt::Display for StatefulTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Grouped { group, id } => write!(f, "stateful instance {id} of group {group}"),
            Self::Managed(id) => write!(f, "managed instance {id}"),
        }
    }
}

/// What is done to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StatefulAction {
    /// Terminate the machine and launch another around what is persisted.
    Recycle,
    /// Terminate the machine, keep what is persisted.
    Pause,
    /// Launch a machine around what was kept.
    Resume,
    /// Terminate the machine and give up what was kept.
    Deallocate(Deallocation),
    /// Delete one kept volume, by its id.
    DeleteVolume(String),
}

impl StatefulAction {
    /// The verb, for messages.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Recycle => "recycle",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Deallocate(_) => "deallocate",
            Self::DeleteVolume(_) => "delete a volume of",
        }
    }
}

/// What a deallocation deletes at once. What it does not is kept for some days by the vendor (help: stateful instance
/// actions), then deleted all the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deallocation {
    /// Images made of the root volume.
    pub delete_images: bool,
    /// The network interface, and with it the address.
    pub delete_network_interfaces: bool,
    /// All volumes.
    pub delete_volumes: bool,
    /// All snapshots.
    pub delete_snapshots: bool,
}

/// A line of a group's log: the only place where a failed action is explained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// When it was written.
    pub at: Option<VendorTime>,
    /// `INFO`, `WARN`, … in the vendor's spelling.
    pub severity: Option<String>,
    /// What it says.
    pub message: String,
}
