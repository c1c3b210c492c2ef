//! One observation of one stateful instance.

use std::fmt;

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
    /// What keeps a replacement in its zone; none for a managed instance, of which that is not read.
    pub pin: Option<ZonePin>,
}

/// What keeps the machines of a group in the zones in which they are. A volume lives in one zone; in another the vendor makes a copy
/// from a snapshot (help: data volume persistence). A kept network interface holds an instance in its subnet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ZonePin {
    /// The persisted address.
    Address,
    /// The group has no other zone.
    Zone(String),
    /// The group has no other subnet.
    Subnet(String),
    /// Nothing: it has several zones.
    Several(Vec<String>),
    /// Its zones are not told.
    Untold,
}

impl ZonePin {
    /// Whether it is certain that they stay.
    pub fn holds(&self) -> bool {
        match self {
            Self::Address | Self::Zone(_) | Self::Subnet(_) => true,
            Self::Several(_) | Self::Untold => false,
        }
    }
}

impl From<&Group> for ZonePin {
    fn from(group: &Group) -> Self {
        match (group.zones.as_slice(), group.subnet_ids.as_slice()) {
            _ if group.persistence.private_ip => Self::Address,
            ([zone], _) => Self::Zone(zone.clone()),
            ([], [subnet]) => Self::Subnet(subnet.clone()),
            ([], _) => Self::Untold,
            (several, _) => Self::Several(several.to_vec()),
        }
    }
}

impl fmt::Display for ZonePin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address => f.write_str("the persisted address keeps each instance in its subnet"),
            Self::Zone(zone) => write!(f, "the group has one zone, {zone}"),
            Self::Subnet(subnet) => write!(f, "the group has one subnet, {subnet}"),
            Self::Untold => f.write_str("the group names no zones"),
            Self::Several(zones) => write!(
                f,
                "the group has several zones, {}, and persists no address",
                zones.join(", ")
            ),
        }
    }
}

impl From<&Group> for Promises {
    fn from(group: &Group) -> Self {
        Self {
            persistence: group.persistence.clone(),
            image_id: group.image_id.clone(),
            pin: Some(ZonePin::from(group)),
        }
    }
}

impl From<&ManagedInstance> for Promises {
    fn from(managed: &ManagedInstance) -> Self {
        Self {
            persistence: managed.persistence.clone(),
            image_id: managed.configured_image_id.clone(),
            pin: None,
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

    /// The same with what is not told here and was known of the same machine.
    pub fn filled_from(&self, known: &Self) -> Self {
        if self.instance_id != known.instance_id {
            return self.clone();
        }
        let is_told = !self.data_volumes().is_empty() && self.untold_volumes().is_empty();
        let devices = if is_told || known.data_volumes().is_empty() { self } else { known };
        let (mine, other) = (self.clone(), known.clone());
        Self {
            image_id: mine.image_id.or(other.image_id),
            private_ip: mine.private_ip.or(other.private_ip),
            availability_zone: mine.availability_zone.or(other.availability_zone),
            devices: devices.devices.clone(),
            launched_at: mine.launched_at.or(other.launched_at),
            created_at: mine.created_at.or(other.created_at),
            ..mine
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
