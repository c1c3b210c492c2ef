//! The live half of a managed instance.

use crate::domain::{Device, ImageId, InstanceId, ManagedInstance, StatefulState, VendorTime};

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
    /// When the managed instance was made.
    pub created_at: Option<VendorTime>,
}

impl ManagedStatus {
    /// Completes what the list told. The list's creation time stays where it has one.
    pub fn complete(self, instance: &mut ManagedInstance) {
        instance.state = Some(self.state);
        instance.instance_id = self.instance_id;
        instance.instance_type = self.instance_type;
        instance.image_id = self.image_id;
        instance.private_ip = self.private_ip;
        instance.public_ip = self.public_ip;
        instance.devices = self.devices;
        instance.launched_at = self.launched_at;
        instance.created_at = instance.created_at.take().or(self.created_at);
    }
}
