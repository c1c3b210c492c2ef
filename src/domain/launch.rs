//! Launching machines: what is asked of EC2 and what it answers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Ec2Instance, ImageId, MicroUsd};

/// A launch template, as it is named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateName {
    /// Its id, `lt-…`; else its name counts.
    pub id: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// A number, `$Latest` or `$Default`.
    pub version: String,
}

/// What a version of a launch template says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// Its id.
    pub id: String,
    /// The number behind `$Latest` or `$Default`.
    pub version: i64,
    /// The image, if it names one by id.
    pub image: Option<ImageId>,
    /// Whether it sets market options, which a launch must not contradict.
    pub sets_market: bool,
    /// Whether it describes network interfaces, beside which a subnet cannot be named.
    pub has_interfaces: bool,
}

/// A subnet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subnet {
    /// Its id.
    pub id: String,
    /// Its zone.
    pub zone: String,
    /// Its VPC.
    pub vpc: String,
    /// Addresses that are free.
    pub free_addresses: u32,
}

/// What stays the same of all machines of a launch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each is RunInstances' own parameter of that name")]
pub struct Blueprint {
    pub template: Option<TemplateName>,
    pub image_id: Option<ImageId>,
    pub key_name: Option<String>,
    pub security_group_ids: Vec<String>,
    /// As it is, not yet in base64.
    pub user_data: Option<String>,
    /// A name, or an ARN.
    pub instance_profile: Option<String>,
    pub tags: BTreeMap<String, String>,
}

/// One machine that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaunchOrder<'a> {
    /// What stays the same.
    pub blueprint: &'a Blueprint,
    /// The type.
    pub machine_type: &'a str,
    /// The zone.
    pub zone: &'a str,
    /// The subnet; the zone's default one if none.
    pub subnet: Option<&'a str>,
    /// Whether as spot instance.
    pub is_spot: bool,
    /// The most that an hour may cost; none leaves it to EC2, which takes no more than on demand.
    pub max_price: Option<MicroUsd>,
    /// Tags of this one, besides the blueprint's.
    pub tags: BTreeMap<String, String>,
    /// What EC2 knows a repetition by.
    pub token: &'a str,
    /// Whether EC2 is only asked if it would.
    pub is_rehearsal: bool,
}

/// EC2 understood and refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// EC2's code.
    pub code: String,
    /// EC2's words.
    pub message: String,
    /// What AWS support asks for.
    pub request_id: Option<String>,
}

/// What EC2 answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LaunchAnswer {
    /// It was launched.
    Launched {
        /// The machine.
        instance: Box<Ec2Instance>,
        /// What AWS support asks for.
        request_id: Option<String>,
    },
    /// It would have been.
    WouldLaunch,
    /// It was not and will not be.
    Refused(Refusal),
}

/// A parameter of Systems Manager.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its whole name.
    pub name: String,
    /// Its value.
    pub value: String,
    /// When it was written.
    pub at: Option<jiff::Timestamp>,
}
