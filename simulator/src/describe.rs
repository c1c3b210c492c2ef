//! The keys of a fleet file, as they are read; unknown keys are refused.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::addresses::AddressBlock;
use crate::administration::{AdministrationSettings, Right, UserKind};
use crate::autonomous::Rates;
use crate::clock::ClockSettings;
use crate::deployments::DeploymentStatus;
use crate::faults::FaultSpec;
use crate::hooks::Hooks;
use crate::images::Images;
use crate::lifecycle::{Behaviour, Latency, State};
use crate::limits::LimitSettings;
use crate::shapes::Shapes;

/// A whole fleet file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct FleetDescription {
    pub(crate) seed: u64,
    pub(crate) clock: ClockSettings,
    pub(crate) organisation: Organisation,
    pub(crate) tokens: Vec<Token>,
    pub(crate) accounts: Vec<Account>,
    pub(crate) administration: AdministrationSettings,
    pub(crate) limits: LimitSettings,
    pub(crate) latency: Latency,
    pub(crate) behaviour: Behaviour,
    /// Of each group that has none of its own.
    pub(crate) autonomous: Rates,
    pub(crate) shapes: Shapes,
    pub(crate) faults: Vec<FaultSpec>,
    pub(crate) images: Images,
    /// Of each group that has none of its own.
    pub(crate) hooks: Option<Hooks>,
    /// Where hooks find the folders that stand for volumes.
    pub(crate) volume_folder: Option<PathBuf>,
    pub(crate) groups: Vec<GroupDescription>,
    pub(crate) generate: Option<Generate>,
    pub(crate) managed_instances: Vec<ManagedDescription>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Organisation {
    pub(crate) id: u64,
    pub(crate) name: String,
}

impl Default for Organisation {
    fn default() -> Organisation {
        Organisation { id: 606_012_341_234, name: "Demo".to_owned() }
    }
}

/// What a token may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Access {
    /// Everything; an administrator of the organisation.
    #[default]
    All,
    /// Read and write in the accounts listed.
    Accounts,
    /// Read only, in the accounts listed or, without a list, in all.
    Viewer,
    /// Known, and allowed nothing.
    None,
    /// What was granted account by account, as to programmatic users.
    #[serde(skip)]
    Granted,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Token {
    pub(crate) token: String,
    #[serde(default)]
    pub(crate) access: Access,
    #[serde(default)]
    pub(crate) accounts: Vec<String>,
    /// Whose it is.
    #[serde(default)]
    pub(crate) kind: UserKind,
    /// What its user is called.
    #[serde(default)]
    pub(crate) name: Option<String>,
    #[serde(skip)]
    pub(crate) grants: BTreeMap<String, Right>,
    #[serde(skip)]
    pub(crate) user: Option<String>,
}

impl Token {
    /// What it may do in an account.
    pub(crate) fn right(&self, account: &str) -> Option<Right> {
        let is_listed = self.accounts.iter().any(|one| one == account);
        match self.access {
            Access::All => Some(Right::Editor),
            Access::Accounts => is_listed.then_some(Right::Editor),
            Access::Viewer => (self.accounts.is_empty() || is_listed).then_some(Right::Viewer),
            Access::Granted => self.grants.get(account).or_else(|| self.grants.get("*")).copied(),
            Access::None => None,
        }
    }
}

impl fmt::Debug for Token {
    /// Without the token: a failing test prints whole fleets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("access", &self.access)
            .field("accounts", &self.accounts)
            .finish_non_exhaustive()
    }
}

/// An account, oldest first in the file: the first one is the default account of the organisation.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Account {
    pub(crate) id: String,
    pub(crate) name: String,
    #[serde(default, alias = "providerExternalId")]
    pub(crate) provider_external_id: Option<String>,
    #[serde(default, alias = "cloudProvider")]
    pub(crate) cloud_provider: Option<String>,
    #[serde(default, alias = "createdAt")]
    pub(crate) created_at: Option<Timestamp>,
    /// The role by which it is connected from the start.
    #[serde(default)]
    pub(crate) iam_role: Option<String>,
    /// Whether it answers of AWS only while it is connected; so it is with all that are made over the API.
    #[serde(default)]
    pub(crate) needs_credentials: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Zone {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) subnet: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DataPersistence {
    #[default]
    Off,
    Reattach,
    #[serde(alias = "onLaunch")]
    OnLaunch,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Persistence {
    pub(crate) root: bool,
    pub(crate) data: DataPersistence,
    pub(crate) private_ip: bool,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct CapacityDescription {
    pub(crate) target: Option<u32>,
    pub(crate) minimum: Option<u32>,
    pub(crate) maximum: Option<u32>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct VolumeDescription {
    pub(crate) device: String,
    #[serde(default = "hundred")]
    pub(crate) size: u32,
    #[serde(default, rename = "type")]
    pub(crate) volume_type: Option<String>,
    #[serde(default)]
    pub(crate) encrypted: bool,
}

fn hundred() -> u32 {
    100
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct InstanceTypes {
    pub(crate) on_demand: Option<String>,
    pub(crate) spot: Vec<String>,
}

/// One Elastigroup.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GroupDescription {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) id: Option<String>,
    /// The account's id; the default account when absent.
    #[serde(default)]
    pub(crate) account: Option<String>,
    #[serde(default)]
    pub(crate) description: Option<String>,
    pub(crate) region: String,
    #[serde(default)]
    pub(crate) zones: Vec<Zone>,
    #[serde(default)]
    pub(crate) image: Option<String>,
    #[serde(default)]
    pub(crate) product: Option<String>,
    #[serde(default)]
    pub(crate) instance_types: InstanceTypes,
    #[serde(default)]
    pub(crate) persistence: Persistence,
    #[serde(default)]
    pub(crate) capacity: CapacityDescription,
    #[serde(default)]
    pub(crate) tags: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) volumes: Vec<VolumeDescription>,
    #[serde(default)]
    pub(crate) root_device: Option<String>,
    #[serde(default)]
    pub(crate) security_groups: Vec<String>,
    #[serde(default)]
    pub(crate) key_pair: Option<String>,
    #[serde(default)]
    pub(crate) iam_role_arn: Option<String>,
    /// The pool of private addresses, `compute.privateIps`.
    #[serde(default)]
    pub(crate) private_ips: Vec<String>,
    #[serde(default)]
    pub(crate) public_ip: bool,
    #[serde(default)]
    pub(crate) created_at: Option<Timestamp>,
    #[serde(default)]
    pub(crate) updated_at: Option<Timestamp>,
    /// Whether Spot capacity can be had; without it launches are on-demand.
    #[serde(default = "yes")]
    pub(crate) spot_capacity: bool,
    #[serde(default)]
    pub(crate) stateful: Vec<InstanceDescription>,
    #[serde(default)]
    pub(crate) members: Vec<InstanceDescription>,
    #[serde(default)]
    pub(crate) suspensions: Vec<SuspensionDescription>,
    #[serde(default)]
    pub(crate) deployments: Vec<DeploymentDescription>,
    #[serde(default)]
    pub(crate) autonomous: Option<Rates>,
    #[serde(default)]
    pub(crate) hooks: Option<Hooks>,
    /// Where the private addresses come from, instead of a part of 10.0.0.0/8.
    #[serde(default)]
    pub(crate) addresses: Option<AddressBlock>,
    #[serde(default)]
    pub(crate) logs: Vec<LogDescription>,
    /// Deep-merged over the group's configuration, in the vendor's own spelling.
    #[serde(default)]
    pub(crate) config: Value,
    #[serde(default)]
    pub(crate) shapes: Shapes,
}

fn yes() -> bool {
    true
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Lifecycle {
    #[default]
    Spot,
    #[serde(alias = "od", rename = "on-demand", alias = "on_demand")]
    OnDemand,
}

/// One stateful instance or one member; `count` makes that many alike, which then may not have ids or addresses of their own.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct InstanceDescription {
    pub(crate) count: Option<u32>,
    /// The stateful instance's id, `ssi-…`.
    pub(crate) id: Option<String>,
    /// The EC2 instance's id, `i-…`; give it to share instances with a simulator of EC2.
    pub(crate) instance_id: Option<String>,
    pub(crate) private_ip: Option<String>,
    pub(crate) public_ip: Option<String>,
    pub(crate) zone: Option<String>,
    #[serde(rename = "type")]
    pub(crate) instance_type: Option<String>,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) state: Option<State>,
    pub(crate) image: Option<String>,
    pub(crate) devices: Vec<DeviceDescription>,
    pub(crate) health: Option<String>,
    pub(crate) created_at: Option<Timestamp>,
    pub(crate) launched_at: Option<Timestamp>,
    /// Fields put over the answer's item as they are, in the vendor's spelling.
    pub(crate) overlay: Value,
    pub(crate) shapes: Shapes,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeviceDescription {
    #[serde(alias = "deviceName")]
    pub(crate) device: String,
    #[serde(alias = "volumeId", default)]
    pub(crate) volume: Option<String>,
    #[serde(alias = "snapshotId", default)]
    pub(crate) snapshot: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SuspensionDescription {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) expires_at: Option<Timestamp>,
}

/// A deployment that does nothing; one that runs keeps the group from being updated.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeploymentDescription {
    #[serde(default)]
    pub(crate) id: Option<String>,
    pub(crate) status: DeploymentStatus,
    #[serde(default)]
    pub(crate) created_at: Option<Timestamp>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogDescription {
    pub(crate) at: Timestamp,
    #[serde(default)]
    pub(crate) severity: Option<String>,
    pub(crate) message: String,
    #[serde(default)]
    pub(crate) resource: Option<String>,
}

/// Many groups alike, for benchmarks.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Generate {
    pub(crate) groups: u32,
    #[serde(default = "three")]
    pub(crate) instances_per_group: u32,
    #[serde(default)]
    pub(crate) stateless_groups: u32,
    #[serde(default)]
    pub(crate) account: Option<String>,
    #[serde(default = "a_region")]
    pub(crate) region: String,
    #[serde(default = "a_prefix")]
    pub(crate) name_prefix: String,
    #[serde(default)]
    pub(crate) tags: BTreeMap<String, String>,
    /// In each stateful group, how many of the instances are paused.
    #[serde(default)]
    pub(crate) paused_per_group: u32,
}

fn three() -> u32 {
    3
}

fn a_region() -> String {
    "us-east-1".to_owned()
}

fn a_prefix() -> String {
    "generated".to_owned()
}

/// One managed instance (the vendor's "stateful node").
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ManagedDescription {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) id: Option<String>,
    #[serde(default)]
    pub(crate) account: Option<String>,
    pub(crate) region: String,
    #[serde(default)]
    pub(crate) zone: Option<String>,
    #[serde(default)]
    pub(crate) subnet: Option<String>,
    #[serde(default)]
    pub(crate) vpc: Option<String>,
    #[serde(default)]
    pub(crate) instance_id: Option<String>,
    #[serde(default)]
    pub(crate) private_ip: Option<String>,
    #[serde(default)]
    pub(crate) public_ip: Option<String>,
    #[serde(default, rename = "type")]
    pub(crate) instance_type: Option<String>,
    #[serde(default)]
    pub(crate) image: Option<String>,
    #[serde(default)]
    pub(crate) state: Option<State>,
    #[serde(default)]
    pub(crate) tags: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) created_at: Option<Timestamp>,
    #[serde(default)]
    pub(crate) launched_at: Option<Timestamp>,
    #[serde(default)]
    pub(crate) devices: Vec<DeviceDescription>,
    /// Deep-merged over the configuration, in the vendor's own spelling.
    #[serde(default)]
    pub(crate) config: Value,
}
