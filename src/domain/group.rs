//! Elastigroups and their running members.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::open_enum::open_enum;
use super::{
    AccountId, GroupId, ImageId, InstanceId, Lifecycle, Region, ScheduledTask, VendorTime,
};

open_enum! {
    /// What happens to persisted data volumes when an instance is replaced.
    BlockDevicesMode {
        /// The same volume is attached again (in the same zone; elsewhere a copy from the latest snapshot).
        Reattach = "reattach",
        /// New volumes are made from snapshots at launch.
        OnLaunch = "onLaunch",
    }
}

open_enum! {
    /// What the platform believes of an instance's health.
    Health {
        /// Passed its check.
        Healthy = "HEALTHY",
        /// Failed its check.
        Unhealthy = "UNHEALTHY",
        /// Not enough results yet.
        InsufficientData = "INSUFFICIENT_DATA",
        /// No check or no answer.
        Unknown = "UNKNOWN",
    }
}

/// What of an instance outlives its replacement. A group is stateful if any of the three is on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Persistence {
    /// The root volume; then a changed group image does not reach existing instances.
    pub root_device: bool,
    /// The data volumes.
    pub block_devices: bool,
    /// The private address.
    pub private_ip: bool,
    /// How data volumes come back; the vendor's default is not documented.
    pub block_devices_mode: Option<BlockDevicesMode>,
    /// Whether the vendor sent any switch, on or off. A group that never persisted anything has none.
    pub is_declared: bool,
}

impl Persistence {
    /// Whether a group with these switches is stateful.
    pub fn is_stateful(&self) -> bool {
        self.root_device || self.block_devices || self.private_ip
    }

    /// Whether there may be stateful instances. Switching the last one off leaves those that exist, and it is a step of
    /// the vendor's own way to a new image (vendor help: root volume persistence).
    pub fn may_have_stateful_instances(&self) -> bool {
        self.is_stateful() || self.is_declared
    }
}

/// An Elastigroup: what this program reads of it, and the vendor's whole object beside it.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Its id.
    pub id: GroupId,
    /// Its name: neither unique nor restricted in spelling.
    pub name: String,
    /// The Spot account it was listed under.
    pub account_id: AccountId,
    /// Its AWS region.
    pub region: Option<Region>,
    /// What outlives a replacement.
    pub persistence: Persistence,
    /// The image new instances boot from; none where the group names several or none.
    pub image_id: Option<ImageId>,
    /// Whether it names its image in a list (`images`), where most have `imageId`; a change must keep the form.
    pub names_images_in_list: bool,
    /// The availability zones it launches in, each once. A group may name subnets instead: then there are none.
    pub zones: Vec<String>,
    /// The subnets it launches in, by zone or for all, each once.
    pub subnet_ids: Vec<String>,
    /// Whether unhealthy instances are replaced; none where the vendor does not say (its default is to replace). "No
    /// recycling will start if false", says the vendor of stateful groups.
    pub auto_healing: Option<bool>,
    /// Every instance type it may launch, Spot and on-demand, each once; none where it asks for resources instead.
    pub instance_types: Vec<String>,
    /// What it does by the clock.
    pub tasks: Vec<ScheduledTask>,
    /// Tags its instances get.
    pub tags: BTreeMap<String, String>,
    /// Everything the vendor sent, unknown fields included, so that nothing is lost on the way back.
    pub raw: Map<String, Value>,
}

/// A running EC2 instance of a group, as the group's status tells it. Paused instances are absent there.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// The EC2 instance; none while a Spot request is not fulfilled.
    pub instance_id: Option<InstanceId>,
    /// EC2 instance type.
    pub instance_type: Option<String>,
    /// Availability zone.
    pub availability_zone: Option<String>,
    /// Present private address.
    pub private_ip: Option<String>,
    /// Present public address.
    pub public_ip: Option<String>,
    /// Spot if it has a Spot request, on-demand if the vendor says it has none, else unknown.
    pub lifecycle: Option<Lifecycle>,
    /// The vendor's status word: `fulfilled` for Spot, `running` for on-demand.
    pub status: Option<String>,
    /// When it was launched.
    pub created_at: Option<VendorTime>,
}

/// What the platform believes of one instance's health.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Healthiness {
    /// The EC2 instance.
    pub instance_id: InstanceId,
    /// The result of the group's health check.
    pub health: Health,
}
