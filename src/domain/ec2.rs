//! What EC2 itself says of an instance.

use std::collections::BTreeMap;

use super::open_enum::open_enum;
use super::{ImageId, InstanceId, Lifecycle};

/// Facts of one EC2 instance, as DescribeInstances gives them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ec2Instance {
    /// Its id.
    pub id: InstanceId,
    /// `running`, `stopped`, … in EC2's spelling.
    pub state: Option<String>,
    /// Instance type.
    pub instance_type: Option<String>,
    /// Availability zone.
    pub availability_zone: Option<String>,
    /// Present private address.
    pub private_ip: Option<String>,
    /// Present public address.
    pub public_ip: Option<String>,
    /// Private DNS name.
    pub private_dns_name: Option<String>,
    /// Public DNS name.
    pub public_dns_name: Option<String>,
    /// Spot or on-demand.
    pub lifecycle: Option<Lifecycle>,
    /// The image it runs.
    pub image_id: Option<ImageId>,
    /// Subnet.
    pub subnet_id: Option<String>,
    /// VPC.
    pub vpc_id: Option<String>,
    /// `x86_64`, `arm64`, …
    pub architecture: Option<String>,
    /// When it was launched, ISO 8601 in UTC.
    pub launched_at: Option<String>,
    /// Its tags: anyone who may tag instances writes them, so they are an outsider's input.
    pub tags: BTreeMap<String, String>,
}

open_enum! {
    /// What a status check of EC2 says (EC2 API: DescribeInstanceStatus).
    StatusCheck {
        /// It passes.
        Ok = "ok",
        /// It fails.
        Impaired = "impaired",
        /// It has not been made yet: the machine starts.
        Initializing = "initializing",
        /// EC2 cannot tell.
        InsufficientData = "insufficient-data",
        /// It is not made of this machine, such as one that is stopped.
        NotApplicable = "not-applicable",
    }
}

/// EC2's status checks of one instance. What EC2 does not tell is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceHealth {
    /// The instance.
    pub id: InstanceId,
    /// `running`, `stopped`, … in EC2's spelling.
    pub state: Option<String>,
    /// The host and the network beneath it.
    pub system: Option<StatusCheck>,
    /// Its own operating system.
    pub instance: Option<StatusCheck>,
    /// Its volumes, as far as they answer; told of some instance types only.
    pub volumes: Option<StatusCheck>,
}
