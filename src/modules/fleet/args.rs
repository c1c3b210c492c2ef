//! The options that say what a fleet is made of.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::drive::launch::SPOTTER_SETTINGS;
use crate::modules::connection::Connection;
use crate::modules::market::{PolicyArgs, SourceArgs};

/// What a fleet is made of and how it is looked after. To be flattened into a module's arguments.
#[derive(Deserialize, JsonSchema)]
pub(in crate::modules) struct FleetArgs {
    /// The fleet.
    pub(in crate::modules) name: String,
    /// Most machines that the fleet may have; a launch that would exceed it is refused.
    #[schemars(range(min = 1), extend("x-keeps-empty" = true))]
    pub(in crate::modules) max_total: Option<u32>,
    /// Which go first where there are too many.
    #[serde(default = "oldest")]
    pub(in crate::modules) scale_in_order: OrderArg,
    /// Zones; all with an offer when not given.
    pub(in crate::modules) zones: Option<Vec<String>>,
    /// Subnets, of which a zone may have several; the zones' default ones when not given.
    pub(in crate::modules) subnets: Option<Vec<String>>,
    /// The VPC that the subnets must be in.
    pub(in crate::modules) vpc_id: Option<String>,
    /// Launch template.
    pub(in crate::modules) launch_template: Option<TemplateArgs>,
    /// Image; overrides the template's.
    pub(in crate::modules) image_id: Option<String>,
    /// Key pair; overrides the template's.
    pub(in crate::modules) key_name: Option<String>,
    /// Security groups; override the template's.
    pub(in crate::modules) security_group_ids: Option<Vec<String>>,
    /// User data as it is; overrides the template's. It is never shown and in no journal.
    #[schemars(extend("x-no-log" = true))]
    pub(in crate::modules) user_data: Option<String>,
    /// Name or ARN of an instance profile; overrides the template's.
    pub(in crate::modules) iam_instance_profile: Option<String>,
    /// Tags of machines and volumes, besides those of the fleet.
    pub(in crate::modules) tags: Option<BTreeMap<String, String>>,
    /// Whether on-demand machines will do where no offer has capacity.
    #[serde(default)]
    pub(in crate::modules) on_demand: bool,
    /// Most that an hour of a spot instance may ever cost, in dollars. EC2 takes it back when the price rises above.
    #[schemars(extend("x-refuses-empty" = "for no such bound"))]
    pub(in crate::modules) spot_max_price: Option<String>,
    /// Command that drains a machine before it is terminated; id and private address are added as its last arguments. No shell reads it.
    #[schemars(extend("x-refuses-empty" = "if nothing is to be drained"))]
    pub(in crate::modules) drain_command: Option<Vec<String>>,
    /// Longest that it may take, in seconds.
    #[serde(default = "ten_minutes")]
    #[schemars(range(min = 1))]
    pub(in crate::modules) drain_timeout: u32,
    /// Whether it is launched by prices that are older than O(max_price_age), or while no price is known of a zone of O(subnets) or of
    /// the policy: there nothing is launched then.
    #[serde(default)]
    pub(in crate::modules) allow_stale: bool,
    /// For how many seconds an offer without capacity is not asked for again, by any launch of this user.
    #[serde(default = "three_minutes")]
    pub(in crate::modules) capacity_memory: u32,
    /// How long a machine is looked for whose launch got no answer, in seconds.
    #[serde(default = "half_a_minute")]
    pub(in crate::modules) settle_timeout: u32,
    /// Longest wait, in seconds.
    #[serde(default = "ten_minutes")]
    #[schemars(range(min = 1))]
    pub(in crate::modules) wait_timeout: u32,
    /// How long it is waited for another process of this user that works on the fleet, in seconds; then it fails and nothing is done.
    #[serde(default)]
    pub(in crate::modules) lock_timeout: u32,
    /// Folder of the journals. C(~/.local/state/spotinst-esg) when not given.
    #[schemars(extend("x-type" = "path", "x-env" = ["SPOTINST_ESG_STATE_DIR"]))]
    pub(in crate::modules) state_dir: Option<String>,
    /// What is wanted of an offer.
    pub(in crate::modules) policy: Option<PolicyArgs>,
    /// Cluster whose profile, as M(spotinst.esg.spot_profile) or Spotter keeps it, gives launch template, subnets and policy where the
    /// task does not.
    pub(in crate::modules) cluster: Option<String>,
    /// The path of the profiles.
    #[serde(default = "settings")]
    pub(in crate::modules) settings_prefix: String,
    #[serde(flatten)]
    pub(in crate::modules) sources: SourceArgs,
    #[serde(flatten)]
    pub(in crate::modules) connection: Connection,
}

fn settings() -> String {
    SPOTTER_SETTINGS.to_owned()
}

fn oldest() -> OrderArg {
    OrderArg::Oldest
}

fn ten_minutes() -> u32 {
    600
}

fn three_minutes() -> u32 {
    180
}

fn half_a_minute() -> u32 {
    30
}

#[derive(Clone, Copy, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::modules) enum OrderArg {
    /// Who was launched first.
    Oldest,
    /// Who was launched last.
    Newest,
    /// Who costs most now.
    MostExpensive,
    /// The oldest in the zone that has the most.
    AzImbalance,
}

/// A launch template.
#[derive(Clone, Deserialize, JsonSchema, Serialize)]
pub(in crate::modules) struct TemplateArgs {
    /// Its id.
    pub(in crate::modules) id: Option<String>,
    /// Its name, if no id is given.
    pub(in crate::modules) name: Option<String>,
    /// A number, V($Latest) or V($Default).
    #[serde(default = "default_version")]
    pub(in crate::modules) version: String,
}

fn default_version() -> String {
    "$Default".to_owned()
}
