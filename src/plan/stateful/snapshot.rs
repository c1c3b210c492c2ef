//! One observation of one stateful instance.

use crate::domain::{
    Device, Group, ImageId, InstanceId, ManagedInstance, ManagedStatus, Member, Persistence,
    StatefulInstance, StatefulState, VendorTime,
};

/// What was seen of a stateful instance at one time. What the vendor did not tell is none.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// Where it is in its life.
    pub state: StatefulState,
    /// The EC2 instance.
    pub instance_id: Option<InstanceId>,
    /// The image it boots from.
    pub image_id: Option<ImageId>,
    /// The address of the running machine, else the persisted one.
    pub private_ip: Option<String>,
    /// The zone of the running machine.
    pub availability_zone: Option<String>,
    /// Its volumes, the root's among them.
    pub devices: Vec<Device>,
    /// When the EC2 instance was launched.
    pub launched_at: Option<VendorTime>,
    /// When the stateful instance was made.
    pub created_at: Option<VendorTime>,
}

/// What the configuration promises of a replacement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Promises {
    /// What outlives it.
    pub persistence: Persistence,
    /// The image that a replacement boots from, unless the root is persisted.
    pub image_id: Option<ImageId>,
}

impl From<&Group> for Promises {
    fn from(group: &Group) -> Self {
        Self { persistence: group.persistence.clone(), image_id: group.image_id.clone() }
    }
}

impl From<&ManagedInstance> for Promises {
    fn from(managed: &ManagedInstance) -> Self {
        Self {
            persistence: managed.persistence.clone(),
            image_id: managed.configured_image_id.clone(),
        }
    }
}

impl Snapshot {
    /// From the list of a group's stateful instances; its status, where it was read, adds zone and present address.
    pub fn of_stateful(instance: &StatefulInstance, members: &[Member]) -> Self {
        let mine = |member: &&Member| {
            instance.instance_id.is_some() && member.instance_id == instance.instance_id
        };
        let member = members.iter().find(mine);
        let present = member.and_then(|member| member.private_ip.clone());
        Self {
            state: instance.state.clone(),
            instance_id: instance.instance_id.clone(),
            image_id: instance.image_id.clone(),
            private_ip: present.or_else(|| instance.private_ip.clone()),
            availability_zone: member.and_then(|member| member.availability_zone.clone()),
            devices: instance.devices.clone(),
            launched_at: instance.launched_at.clone(),
            created_at: instance.created_at.clone(),
        }
    }

    /// From a managed instance's status, which tells no zone and, as described, no volumes.
    pub fn of_managed(status: &ManagedStatus) -> Self {
        Self {
            state: status.state.clone(),
            instance_id: status.instance_id.clone(),
            image_id: status.image_id.clone(),
            private_ip: status.private_ip.clone(),
            availability_zone: None,
            devices: status.devices.clone(),
            launched_at: status.launched_at.clone(),
            created_at: status.created_at.clone(),
        }
    }

    /// What can be said of an instance that was replaced before it was looked at: its id, nothing else.
    pub fn replaced(expected: InstanceId, present: &Self) -> Self {
        Self { created_at: present.created_at.clone(), ..Self::unseen(expected) }
    }

    /// What can be said of an instance that is not listed: its machine's id, nothing else.
    pub fn unseen(expected: InstanceId) -> Self {
        Self {
            state: StatefulState::Active,
            instance_id: Some(expected),
            image_id: None,
            private_ip: None,
            availability_zone: None,
            devices: Vec::new(),
            launched_at: None,
            created_at: None,
        }
    }

    /// Whether nothing but the machine's id is known.
    pub(crate) fn is_unseen(&self) -> bool {
        self.devices.is_empty()
            && self.image_id.is_none()
            && self.private_ip.is_none()
            && self.availability_zone.is_none()
            && self.launched_at.is_none()
    }

    /// Ids of the volumes besides the root's, in the vendor's order.
    pub fn data_volumes(&self) -> Vec<&str> {
        let data = |device: &&Device| !device.device_name.as_deref().is_some_and(is_root);
        self.devices.iter().filter(data).filter_map(|device| device.volume_id.as_deref()).collect()
    }

    /// Names of the devices besides the root's whose volume was not told.
    pub fn untold_volumes(&self) -> Vec<&str> {
        let named = self.devices.iter().filter(|device| device.volume_id.is_none());
        named
            .map(|device| device.device_name.as_deref().unwrap_or("a device without a name"))
            .filter(|name| !is_root(name))
            .collect()
    }

    /// Whether it is known to have this volume.
    pub fn has_volume(&self, volume: &str) -> bool {
        self.devices.iter().any(|device| device.volume_id.as_deref() == Some(volume))
    }
}

/// The names EC2 reserves for root volumes (EC2 user guide: device names); a root volume is new after each recycle.
fn is_root(device_name: &str) -> bool {
    matches!(device_name, "/dev/sda1" | "/dev/xvda" | "/dev/sda")
}
