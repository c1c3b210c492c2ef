//! Managed instances: the vendor's successor product for single stateful machines.

use std::collections::BTreeMap;

use super::{
    AccountId, Device, ImageId, InstanceId, ManagedInstanceId, Persistence, Region, StatefulState,
    VendorTime,
};

/// A managed instance: its configuration from the list and, once read, its status.
#[derive(Clone, Debug, PartialEq)]
pub struct ManagedInstance {
    /// Its id.
    pub id: ManagedInstanceId,
    /// Its name: neither unique nor restricted in spelling.
    pub name: String,
    /// The Spot account it was listed under.
    pub account_id: AccountId,
    /// Its AWS region.
    pub region: Option<Region>,
    /// What outlives a replacement.
    pub persistence: Persistence,
    /// The image its configuration names.
    pub configured_image_id: Option<ImageId>,
    /// Tags its instance gets.
    pub tags: BTreeMap<String, String>,
    /// Its live half; none where it was not read.
    pub status: Option<ManagedStatus>,
    /// When the managed instance was made.
    pub created_at: Option<VendorTime>,
}

/// The status of a managed instance: what its configuration in the list does not tell.
#[derive(Clone, Debug, PartialEq)]
pub struct ManagedStatus {
    /// Where it is in its life.
    pub state: StatefulState,
    /// The EC2 instance; none while paused.
    pub instance_id: Option<InstanceId>,
    /// EC2 instance type.
    pub instance_type: Option<String>,
    /// The image it runs.
    pub image_id: Option<ImageId>,
    /// Present private address.
    pub private_ip: Option<String>,
    /// Present public address.
    pub public_ip: Option<String>,
    /// Its volumes, where the vendor lists them.
    pub devices: Vec<Device>,
    /// When the present EC2 instance was launched.
    pub launched_at: Option<VendorTime>,
    /// When the managed instance was made; the list does not always tell.
    pub created_at: Option<VendorTime>,
}

impl ManagedInstance {
    /// The EC2 instance; none while paused or unread.
    pub fn instance_id(&self) -> Option<&InstanceId> {
        self.status.as_ref()?.instance_id.as_ref()
    }
}
