//! What can be said of a group's configuration, as options.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

/// What is wanted of the configuration. To be flattened into the module's arguments.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
pub(super) struct GroupOptions {
    /// Its name. It finds the group if `id` is not given, and then must be the only one of that name (in its region, if
    /// `region` is given). With `id` it renames the group.
    pub(super) name: Option<String>,
    /// What it is for.
    pub(super) description: Option<String>,
    /// How many instances it has.
    pub(super) capacity: Option<CapacityOptions>,
    /// The availability zones that it launches in, each with its subnets.
    #[schemars(extend("x-aliases" = ["availability_zones"]))]
    pub(super) zones: Option<Vec<ZoneOptions>>,
    /// The subnets that it launches in, where `zones` are not named.
    pub(super) subnet_ids: Option<Vec<String>>,
    /// The zones that are preferred.
    pub(super) preferred_zones: Option<Vec<String>>,
    /// The operating system, such as `Linux/UNIX (Amazon VPC)`, which a new group has if nothing else is said.
    pub(super) product: Option<String>,
    /// The image that its instances boot from. Instances that run keep theirs until they are recycled.
    pub(super) image_id: Option<String>,
    /// The instance types.
    pub(super) instance_types: Option<InstanceTypeOptions>,
    /// How Spot and on-demand instances are chosen.
    pub(super) strategy: Option<StrategyOptions>,
    /// What outlives the replacement of an instance. A group that persists anything is a stateful one.
    pub(super) persistence: Option<PersistenceOptions>,
    /// The pool of private addresses. The vendor makes one paused stateful instance for each, which is resumed by hand.
    pub(super) private_ips: Option<Vec<String>>,
    /// The elastic addresses, by allocation id.
    pub(super) elastic_ips: Option<Vec<String>>,
    /// The security groups.
    pub(super) security_group_ids: Option<Vec<String>>,
    /// The SSH key pair, by its name.
    #[schemars(extend("x-no-log" = false))]
    pub(super) key_pair: Option<String>,
    /// The instance profile, by its ARN or its name.
    pub(super) iam_role: Option<String>,
    /// The script or document that a new machine gets, as it is.
    pub(super) user_data: Option<String>,
    /// The same in base64.
    pub(super) user_data_base64: Option<String>,
    /// A script that is run before a machine ends, as it is.
    pub(super) shutdown_script: Option<String>,
    /// The tags of its instances. A change replaces all of them.
    pub(super) tags: Option<BTreeMap<String, String>>,
    /// The metadata service of its instances. A new group requires version 2 of it if nothing else is said.
    pub(super) metadata: Option<MetadataOptions>,
    /// Whether its instances are monitored in detail.
    pub(super) monitoring: Option<bool>,
    /// Whether its instances have bandwidth of their own to EBS.
    pub(super) ebs_optimized: Option<bool>,
    /// Whether its instances share hardware.
    pub(super) tenancy: Option<Tenancy>,
    /// Whether its instances get public addresses. It names the first network interface, in place of all that there are; for more
    /// see `spec`.
    pub(super) public_ip: Option<bool>,
    /// The volumes of its instances. A change replaces all of them.
    pub(super) block_devices: Option<Vec<BlockDeviceOptions>>,
    /// The classic load balancers that its instances are registered with, by name. With the vendor these and `target_group_arns` are one
    /// list, which is replaced whole: where one of the two options is given and the other is not, none of the other kind stay.
    pub(super) load_balancers: Option<Vec<String>>,
    /// The target groups that its instances are registered with, by ARN. See `load_balancers`.
    pub(super) target_group_arns: Option<Vec<String>>,
    /// How its instances' health is checked.
    pub(super) health_check: Option<HealthCheckOptions>,
    /// What it does by the clock. A change replaces all of it.
    pub(super) scheduled_tasks: Option<Vec<TaskOptions>>,
    /// The signals that its instances send. A change replaces all of them.
    pub(super) signals: Option<Vec<SignalOptions>>,
    /// Any other field of the vendor's API, spelled and nested as there, inside its `group`. Null clears a field. The options
    /// above win over it.
    ///
    /// `elastigroup_info` answers with it: given back it changes nothing, and with another name or region it makes a copy.
    pub(super) spec: Option<Map<String, Value>>,
}

/// How many instances.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
pub(super) struct CapacityOptions {
    /// How many there are to be.
    #[schemars(range(min = 0))]
    pub(super) target: Option<u32>,
    /// The least target. As the target in a new group, if it is not given.
    #[schemars(range(min = 0))]
    pub(super) minimum: Option<u32>,
    /// The largest target. As the target in a new group, if it is not given.
    #[schemars(range(min = 0))]
    pub(super) maximum: Option<u32>,
    /// What is counted. It cannot change. The vendor advises against weights for stateful groups.
    pub(super) unit: Option<Unit>,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Unit {
    /// Instances.
    Instance,
    /// Their weights.
    Weight,
}

/// A zone.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub(super) struct ZoneOptions {
    /// Its name, such as `eu-west-1a`.
    pub(super) name: String,
    /// The subnets there.
    #[schemars(extend("x-aliases" = ["subnet_id"]))]
    pub(super) subnet_ids: Option<Vec<String>>,
    /// The placement group there.
    #[schemars(extend("x-aliases" = ["placement_group_name"]))]
    pub(super) placement_group: Option<String>,
}

/// Instance types.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
pub(super) struct InstanceTypeOptions {
    /// The type of on-demand instances; of several the first that can be had.
    pub(super) on_demand: Option<Vec<String>>,
    /// The types of Spot instances.
    pub(super) spot: Option<Vec<String>>,
    /// Those of them that are preferred.
    pub(super) preferred_spot: Option<Vec<String>>,
    /// What an instance of a type counts, where the capacity's unit is `weight`.
    pub(super) weights: Option<BTreeMap<String, u32>>,
}

/// Spot and on-demand.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[schemars(extend("x-mutually-exclusive" = [["risk", "on_demand_count"]]))]
pub(super) struct StrategyOptions {
    /// The share of Spot instances, in percent. 100 in a new group, if neither this nor `on_demand_count` is given.
    #[schemars(range(min = 0, max = 100))]
    pub(super) risk: Option<u32>,
    /// So many instances are on-demand, and all others Spot.
    #[schemars(range(min = 0))]
    pub(super) on_demand_count: Option<u32>,
    /// What counts when Spot instances are chosen. `balanced` in a new group.
    pub(super) orientation: Option<Orientation>,
    /// Whether on-demand instances stand in where no Spot instance can be had.
    pub(super) fallback_to_on_demand: Option<bool>,
    /// How long an instance is drained before it ends, in seconds.
    #[schemars(range(min = 0))]
    pub(super) draining_timeout: Option<u32>,
    /// Whether reserved instances are used up first.
    pub(super) utilize_reserved_instances: Option<bool>,
    /// Whether savings plans are used up first.
    pub(super) utilize_commitments: Option<bool>,
    /// Whether all instances are to be in one zone.
    pub(super) restrict_single_zone: Option<bool>,
    /// How many percent of the instances the platform replaces at once at most.
    #[schemars(range(min = 0, max = 100))]
    pub(super) max_replacements_percentage: Option<u32>,
    /// When on-demand instances are replaced by Spot ones again. Set it to `never` or to windows for clusters with data.
    pub(super) revert_to_spot: Option<RevertOptions>,
    /// Which instance goes when the group without state shrinks.
    pub(super) termination_policy: Option<TerminationPolicy>,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Orientation {
    /// The risk of an interruption and the price.
    Balanced,
    /// The price.
    CostOriented,
    /// The risk of an interruption.
    AvailabilityOriented,
    /// The lowest price.
    Cheapest,
    /// An even spread over the zones.
    EqualZoneDistribution,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum TerminationPolicy {
    /// As the vendor chooses.
    Default,
    /// The newest.
    NewestInstance,
}

/// Going back to Spot.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[schemars(extend("x-required-if" = [["perform_at", "time_window", ["time_windows"]]]))]
pub(super) struct RevertOptions {
    /// When.
    pub(super) perform_at: PerformAt,
    /// Windows in UTC, such as `Sun:03:00-Sun:05:00`.
    pub(super) time_windows: Option<Vec<String>>,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum PerformAt {
    /// Not at all.
    Never,
    /// As soon as there is a Spot instance.
    Always,
    /// Within the windows.
    TimeWindow,
}

/// What is persisted.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
pub(super) struct PersistenceOptions {
    /// The root volume. Then a new image does not reach instances that are there.
    pub(super) root: Option<bool>,
    /// The data volumes, and how they come back.
    pub(super) data: Option<DataMode>,
    /// The private address.
    pub(super) private_ip: Option<bool>,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum DataMode {
    /// They are not persisted.
    Off,
    /// The same volumes are attached again.
    Reattach,
    /// New volumes are made from snapshots at launch.
    OnLaunch,
}

/// The metadata service.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
pub(super) struct MetadataOptions {
    /// Whether a session token is required, which is version 2.
    pub(super) http_tokens: Option<HttpTokens>,
    /// How many hops an answer may take.
    #[schemars(range(min = 1, max = 64))]
    pub(super) hop_limit: Option<u32>,
    /// Whether an instance can read its tags there.
    pub(super) instance_tags: Option<bool>,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum HttpTokens {
    /// It is.
    Required,
    /// It is not.
    Optional,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Tenancy {
    /// They do.
    Default,
    /// They do not.
    Dedicated,
}

/// A volume.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub(super) struct BlockDeviceOptions {
    /// The device, such as `/dev/xvdb`.
    pub(super) device_name: String,
    /// Its type, such as `gp3`.
    pub(super) volume_type: Option<String>,
    /// Its size, in GiB.
    #[schemars(range(min = 1))]
    pub(super) volume_size: Option<u32>,
    /// Its operations per second.
    pub(super) iops: Option<u32>,
    /// Its throughput, in MiB per second.
    #[schemars(range(min = 125))]
    pub(super) throughput: Option<u32>,
    /// Whether it is encrypted.
    pub(super) encrypted: Option<bool>,
    /// The key that it is encrypted with.
    pub(super) kms_key_id: Option<String>,
    /// The snapshot that it is made from.
    pub(super) snapshot_id: Option<String>,
    /// Whether it goes with its machine. Volumes that are persisted should not.
    pub(super) delete_on_termination: Option<bool>,
    /// The instance store volume that it is, instead of an EBS volume.
    pub(super) virtual_name: Option<String>,
}

/// A health check.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
pub(super) struct HealthCheckOptions {
    /// Its kind, such as `EC2`, `ELB`, `TARGET_GROUP` or `HCS`.
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    /// How long a new instance is left alone, in seconds.
    pub(super) grace_period: Option<u32>,
    /// How long an instance is unhealthy before it is replaced, in seconds.
    pub(super) unhealthy_duration: Option<u32>,
    /// Whether unhealthy instances are replaced.
    pub(super) auto_healing: Option<bool>,
}

/// A scheduled task.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[schemars(extend("x-mutually-exclusive" = [["frequency", "cron_expression"]]))]
pub(super) struct TaskOptions {
    /// What is done, such as `statefulUpdateCapacity`, `statefulRecycle` or `backup_ami`; in a group without state also
    /// `scale`, `roll` and others of the vendor's.
    pub(super) task_type: String,
    /// Whether it is done at all.
    #[serde(default = "yes")]
    pub(super) enabled: bool,
    /// When, as five fields of cron, in UTC.
    pub(super) cron_expression: Option<String>,
    /// How often.
    pub(super) frequency: Option<TaskFrequency>,
    /// When first, such as `2026-11-20T00:00:00Z`; alone, once.
    pub(super) start_time: Option<String>,
    /// The target that it sets.
    pub(super) target_capacity: Option<u32>,
    /// The minimum that it sets.
    pub(super) min_capacity: Option<u32>,
    /// The maximum that it sets.
    pub(super) max_capacity: Option<u32>,
    /// By how many instances it scales.
    pub(super) adjustment: Option<u32>,
    /// The share of a batch of a roll, in percent.
    pub(super) batch_size_percentage: Option<u32>,
    /// How long a roll waits for a batch, in seconds.
    pub(super) grace_period: Option<u32>,
}

fn yes() -> bool {
    true
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum TaskFrequency {
    /// Each hour.
    Hourly,
    /// Each day.
    Daily,
    /// Each week.
    Weekly,
}

/// A signal.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub(super) struct SignalOptions {
    /// Its name.
    pub(super) name: SignalName,
    /// How long it is waited for, in seconds. It is always sent, for the vendor's pages do not agree on a default.
    #[serde(default = "half_an_hour")]
    #[schemars(range(min = 60, max = 1800))]
    pub(super) timeout: u32,
}

fn half_an_hour() -> u32 {
    1800
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum SignalName {
    /// The instance is ready to serve.
    InstanceReady,
    /// The instance may end.
    InstanceReadyToShutdown,
}
