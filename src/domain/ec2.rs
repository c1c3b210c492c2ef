//! What EC2 itself says of an instance.

use std::collections::BTreeMap;
use std::fmt;

use super::open_enum::open_enum;
use super::{ImageId, InstanceId, Lifecycle};

/// Facts of one EC2 instance, as DescribeInstances gives them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ec2Instance {
    /// Its id.
    pub id: InstanceId,
    /// `running`, `stopped`, … in EC2's spelling.
    pub state: Option<String>,
    /// Why it is in that state, of one that was stopped or ended.
    pub state_reason: Option<StateReason>,
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

/// Why EC2 changed the state of an instance last (EC2 API: StateReason).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateReason {
    /// Such as `Server.InsufficientInstanceCapacity`.
    pub code: String,
    /// EC2's words.
    pub message: String,
}

impl fmt::Display for StateReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // EC2 often repeats the code as the beginning of its words.
        let words = self.message.strip_prefix(&self.code).unwrap_or(&self.message);
        match words.trim_start_matches([':', ' ']) {
            "" => f.write_str(&self.code),
            words => write!(f, "{}: {words}", self.code),
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_told_once() {
        let reason = |code: &str, message: &str| {
            StateReason { code: code.to_owned(), message: message.to_owned() }.to_string()
        };
        let code = "Client.VolumeLimitExceeded";
        assert_eq!(
            reason(code, "Client.VolumeLimitExceeded: Volume limit exceeded"),
            "Client.VolumeLimitExceeded: Volume limit exceeded"
        );
        assert_eq!(reason(code, "No room"), "Client.VolumeLimitExceeded: No room");
        assert_eq!((reason(code, ""), reason(code, code)), (code.to_owned(), code.to_owned()));
    }
}
