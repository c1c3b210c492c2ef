//! From options to what is wanted of a configuration, in the vendor's spelling.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::options::{
    BlockDeviceOptions, DataMode, GroupOptions, HttpTokens, InstanceTypeOptions, MetadataOptions,
    Orientation, PerformAt, PersistenceOptions, SignalName, StrategyOptions, TaskFrequency,
    TaskOptions, Tenancy, TerminationPolicy, Unit, ZoneOptions,
};
use crate::plan::group::{credentials, overlaid};

/// Fields that only the vendor writes: whoever gives a whole configuration back gives them, too.
const READ_ONLY: &[&str] = &["id", "createdAt", "updatedAt"];

/// Fields as far as they are given.
#[derive(Default)]
struct Fields(Map<String, Value>);

impl Fields {
    fn set(&mut self, key: &str, value: Option<impl Into<Value>>) -> &mut Self {
        if let Some(value) = value {
            self.0.insert(key.to_owned(), value.into());
        }
        self
    }

    /// An object in which nothing is given is not given.
    fn nest(&mut self, key: &str, inner: Fields) -> &mut Self {
        if !inner.0.is_empty() {
            self.0.insert(key.to_owned(), Value::Object(inner.0));
        }
        self
    }
}

impl GroupOptions {
    /// What is wanted: `spec` with the options over it.
    pub(super) fn wish(&self, region: Option<&str>) -> Map<String, Value> {
        let mut spec = self.spec.clone().unwrap_or_default();
        // As a request to the vendor has it.
        if let (1, Some(Value::Object(inner))) = (spec.len(), spec.get("group")) {
            spec = inner.clone();
        }
        for name in READ_ONLY {
            spec.shift_remove(*name);
        }
        let mut group = Fields::default();
        group.set("name", self.name.clone()).set("description", self.description.clone());
        group.set("region", region);
        if let Some(capacity) = &self.capacity {
            let mut fields = Fields::default();
            let unit = capacity.unit.map(|unit| match unit {
                Unit::Instance => "instance",
                Unit::Weight => "weight",
            });
            fields.set("target", capacity.target).set("minimum", capacity.minimum);
            fields.set("maximum", capacity.maximum).set("unit", unit);
            group.nest("capacity", fields);
        }
        group.nest("strategy", self.strategy_fields()).nest("compute", self.compute_fields());
        if let Some(tasks) = &self.scheduled_tasks {
            let tasks: Vec<Value> = tasks.iter().map(task).collect();
            group.set("scheduling", Some(json!({ "tasks": tasks })));
        }
        overlaid(&spec, &group.0)
    }

    fn strategy_fields(&self) -> Fields {
        let mut fields = self.strategy.as_ref().map(strategy).unwrap_or_default();
        if let Some(wanted) = &self.persistence {
            fields.nest("persistence", persistence(wanted));
        }
        let signals = self.signals.as_ref().map(|signals| {
            let one = |signal: &super::options::SignalOptions| {
                let name = match signal.name {
                    SignalName::InstanceReady => "INSTANCE_READY",
                    SignalName::InstanceReadyToShutdown => "INSTANCE_READY_TO_SHUTDOWN",
                };
                json!({"name": name, "timeout": signal.timeout})
            };
            signals.iter().map(one).collect::<Vec<Value>>()
        });
        fields.set("signals", signals);
        fields
    }

    fn compute_fields(&self) -> Fields {
        let mut compute = Fields::default();
        let zones = self.zones.as_ref().map(|zones| zones.iter().map(zone).collect::<Vec<Value>>());
        compute.set("availabilityZones", zones).set("subnetIds", self.subnet_ids.clone());
        compute.set("preferredAvailabilityZones", self.preferred_zones.clone());
        compute.set("product", self.product.clone()).set("privateIps", self.private_ips.clone());
        compute.set("elasticIps", self.elastic_ips.clone());
        if let Some(types) = &self.instance_types {
            compute.nest("instanceTypes", instance_types(types));
        }
        compute.nest("launchSpecification", self.launch_fields());
        compute
    }

    fn launch_fields(&self) -> Fields {
        let mut launch = Fields::default();
        launch.set("imageId", self.image_id.clone()).set("keyPair", self.key_pair.clone());
        launch.set("securityGroupIds", self.security_group_ids.clone());
        launch.set("monitoring", self.monitoring).set("ebsOptimized", self.ebs_optimized);
        let tenancy = self.tenancy.map(|tenancy| match tenancy {
            Tenancy::Default => "default",
            Tenancy::Dedicated => "dedicated",
        });
        launch.set("tenancy", tenancy);
        let role = self.iam_role.as_ref().map(|role| match role.starts_with("arn:") {
            true => json!({ "arn": role }),
            false => json!({ "name": role }),
        });
        launch.set("iamRole", role);
        let encoded = |text: &String| STANDARD.encode(text);
        let user_data = self.user_data.as_ref().map(encoded).or(self.user_data_base64.clone());
        launch.set("userData", user_data);
        launch.set("shutdownScript", self.shutdown_script.as_ref().map(encoded));
        let tags = self.tags.as_ref().map(|tags| {
            let tags = tags.iter().map(|(key, value)| json!({"tagKey": key, "tagValue": value}));
            tags.collect::<Vec<Value>>()
        });
        launch.set("tags", tags);
        if let Some(wanted) = &self.metadata {
            launch.nest("metadataOptions", metadata(wanted));
        }
        if let Some(public) = self.public_ip {
            let interface = json!([{"deviceIndex": 0, "associatePublicIpAddress": public}]);
            launch.set("networkInterfaces", Some(interface));
        }
        let devices = self.block_devices.as_ref();
        let devices = devices.map(|all| all.iter().map(block_device).collect::<Vec<Value>>());
        launch.set("blockDeviceMappings", devices);
        launch.set("loadBalancersConfig", self.balancers());
        if let Some(check) = &self.health_check {
            launch.set("healthCheckType", check.kind.clone());
            launch.set("healthCheckGracePeriod", check.grace_period);
            let duration = check.unhealthy_duration;
            launch.set("healthCheckUnhealthyDurationBeforeReplacement", duration);
            launch.set("autoHealing", check.auto_healing);
        }
        launch
    }

    /// Both kinds are one list with the vendor.
    fn balancers(&self) -> Option<Value> {
        if self.load_balancers.is_none() && self.target_group_arns.is_none() {
            return None;
        }
        let classic = self.load_balancers.iter().flatten();
        let classic = classic.map(|name| json!({"name": name, "type": "CLASSIC"}));
        let targets = self.target_group_arns.iter().flatten().map(|arn| {
            // arn:aws:elasticloadbalancing:REGION:ACCOUNT:targetgroup/NAME/ID
            let name = arn.split('/').nth(1).unwrap_or(arn);
            json!({"arn": arn, "name": name, "type": "TARGET_GROUP"})
        });
        Some(json!({ "loadBalancers": classic.chain(targets).collect::<Vec<Value>>() }))
    }
}

fn zone(zone: &ZoneOptions) -> Value {
    let mut fields = Fields::default();
    fields.set("name", Some(zone.name.clone())).set("subnetIds", zone.subnet_ids.clone());
    fields.set("placementGroupName", zone.placement_group.clone());
    Value::Object(fields.0)
}

fn instance_types(types: &InstanceTypeOptions) -> Fields {
    let mut fields = Fields::default();
    match types.on_demand.as_deref() {
        None => {}
        Some([one]) => {
            fields.set("ondemand", Some(one.clone()));
        }
        Some(several) => {
            fields.set("onDemandTypes", Some(several.to_vec()));
        }
    }
    fields.set("spot", types.spot.clone()).set("preferredSpot", types.preferred_spot.clone());
    let weights = types.weights.as_ref().map(|weights| {
        let one = |(kind, weight): (&String, &u32)| json!({"instanceType": kind, "weightedCapacity": weight});
        weights.iter().map(one).collect::<Vec<Value>>()
    });
    fields.set("weights", weights);
    fields
}

fn strategy(wanted: &StrategyOptions) -> Fields {
    let mut fields = Fields::default();
    fields.set("risk", wanted.risk).set("onDemandCount", wanted.on_demand_count);
    let orientation = wanted.orientation.map(|orientation| match orientation {
        Orientation::Balanced => "balanced",
        Orientation::CostOriented => "costOriented",
        Orientation::AvailabilityOriented => "availabilityOriented",
        Orientation::Cheapest => "cheapest",
        Orientation::EqualZoneDistribution => "equalAzDistribution",
    });
    fields.set("availabilityVsCost", orientation);
    fields.set("fallbackToOd", wanted.fallback_to_on_demand);
    fields.set("drainingTimeout", wanted.draining_timeout);
    fields.set("utilizeReservedInstances", wanted.utilize_reserved_instances);
    fields.set("utilizeCommitments", wanted.utilize_commitments);
    fields.set("restrictSingleAz", wanted.restrict_single_zone);
    fields.set("maxReplacementsPercentage", wanted.max_replacements_percentage);
    if let Some(revert) = &wanted.revert_to_spot {
        let (perform_at, windows) = match revert.perform_at {
            // Windows that stay behind would be refused.
            PerformAt::Never => ("never", Some(Vec::new())),
            PerformAt::Always => ("always", Some(Vec::new())),
            PerformAt::TimeWindow => ("timeWindow", revert.time_windows.clone()),
        };
        let mut inner = Fields::default();
        inner.set("performAt", Some(perform_at)).set("timeWindows", windows);
        fields.nest("revertToSpot", inner);
    }
    if let Some(policy) = wanted.termination_policy {
        let policy = match policy {
            TerminationPolicy::Default => "default",
            TerminationPolicy::NewestInstance => "newestInstance",
        };
        fields.set("scalingStrategy", Some(json!({ "terminationPolicy": policy })));
    }
    fields
}

fn persistence(wanted: &PersistenceOptions) -> Fields {
    let mut fields = Fields::default();
    fields.set("shouldPersistRootDevice", wanted.root);
    let (data, mode) = match wanted.data {
        None => (None, None),
        Some(DataMode::Off) => (Some(false), None),
        Some(DataMode::Reattach) => (Some(true), Some("reattach")),
        Some(DataMode::OnLaunch) => (Some(true), Some("onLaunch")),
    };
    fields.set("shouldPersistBlockDevices", data).set("blockDevicesMode", mode);
    fields.set("shouldPersistPrivateIp", wanted.private_ip);
    fields
}

fn metadata(wanted: &MetadataOptions) -> Fields {
    let mut fields = Fields::default();
    let tokens = wanted.http_tokens.map(|tokens| match tokens {
        HttpTokens::Required => "required",
        HttpTokens::Optional => "optional",
    });
    fields.set("httpTokens", tokens).set("httpPutResponseHopLimit", wanted.hop_limit);
    let tags = wanted.instance_tags.map(|on| if on { "Enabled" } else { "Disabled" });
    fields.set("instanceMetadataTags", tags);
    fields
}

fn block_device(wanted: &BlockDeviceOptions) -> Value {
    let mut ebs = Fields::default();
    ebs.set("volumeType", wanted.volume_type.clone()).set("volumeSize", wanted.volume_size);
    ebs.set("iops", wanted.iops).set("throughput", wanted.throughput);
    ebs.set("encrypted", wanted.encrypted).set("kmsKeyId", wanted.kms_key_id.clone());
    ebs.set("snapshotId", wanted.snapshot_id.clone());
    ebs.set("deleteOnTermination", wanted.delete_on_termination);
    let mut fields = Fields::default();
    fields.set("deviceName", Some(wanted.device_name.clone()));
    fields.set("virtualName", wanted.virtual_name.clone()).nest("ebs", ebs);
    Value::Object(fields.0)
}

fn task(wanted: &TaskOptions) -> Value {
    let mut fields = Fields::default();
    fields.set("taskType", Some(wanted.task_type.clone())).set("isEnabled", Some(wanted.enabled));
    fields.set("cronExpression", wanted.cron_expression.clone());
    let frequency = wanted.frequency.map(|frequency| match frequency {
        TaskFrequency::Hourly => "hourly",
        TaskFrequency::Daily => "daily",
        TaskFrequency::Weekly => "weekly",
    });
    fields.set("frequency", frequency).set("startTime", wanted.start_time.clone());
    // A task of a group without state spells the same numbers otherwise.
    let names = match wanted.task_type == "scale" {
        true => ["scaleTargetCapacity", "scaleMinCapacity", "scaleMaxCapacity"],
        false => ["targetCapacity", "minCapacity", "maxCapacity"],
    };
    fields.set(names[0], wanted.target_capacity).set(names[1], wanted.min_capacity);
    fields.set(names[2], wanted.max_capacity).set("adjustment", wanted.adjustment);
    fields.set("batchSizePercentage", wanted.batch_size_percentage);
    fields.set("gracePeriod", wanted.grace_period);
    Value::Object(fields.0)
}

/// What of the arguments, as they were typed, may show nowhere: scripts as they are and in base64, wherever they are given, and
/// credentials of third parties.
pub(super) fn secrets(arguments: &Map<String, Value>) -> Vec<String> {
    let spec = match arguments.get("spec") {
        Some(Value::String(text)) => serde_json::from_str(text).unwrap_or(Value::Null),
        Some(other) => other.clone(),
        None => Value::Null,
    };
    let group = spec.get("group").unwrap_or(&spec);
    let mut secrets = scripts(arguments, group);
    secrets.extend(group.as_object().map(credentials).unwrap_or_default());
    // Whoever repeats it may leave out the line break at its end.
    let trimmed: Vec<String> = secrets.iter().map(|secret| secret.trim().to_owned()).collect();
    secrets.extend(trimmed);
    secrets.retain(|secret| !secret.trim().is_empty());
    secrets
}

fn scripts(arguments: &Map<String, Value>, group: &Value) -> Vec<String> {
    let is_shown = match arguments.get("user_data_is_secret") {
        Some(Value::Bool(is_secret)) => !is_secret,
        Some(Value::String(text)) => {
            matches!(
                text.trim().to_ascii_lowercase().as_str(),
                "no" | "false" | "off" | "0" | "n" | "f"
            )
        }
        Some(Value::Number(number)) => number.as_f64() == Some(0.0),
        _ => false,
    };
    if is_shown {
        return Vec::new();
    }
    let text = |name: &str| arguments.get(name).and_then(Value::as_str).map(str::to_owned);
    let plain = [text("user_data"), text("shutdown_script")].into_iter().flatten();
    let mut secrets: Vec<String> =
        plain.flat_map(|plain| [STANDARD.encode(&plain), plain]).collect();
    let launch = &group["compute"]["launchSpecification"];
    let coded = ["userData", "shutdownScript"].map(|name| launch[name].as_str().map(str::to_owned));
    for coded in coded.into_iter().flatten().chain(text("user_data_base64")) {
        let joined: String = coded.split_whitespace().collect();
        let plain = STANDARD.decode(&joined).ok().and_then(|it| String::from_utf8(it).ok());
        secrets.extend(plain);
        secrets.extend([coded, joined]);
    }
    secrets
}

#[cfg(test)]
mod property_tests;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_are_secret_in_both_forms_wherever_they_are_given() {
        let plain = "#!/bin/sh\necho a\n";
        let coded = STANDARD.encode(plain);
        let in_spec = json!({"compute": {"launchSpecification": {"userData": coded}}});
        for arguments in [
            json!({"user_data": plain}),
            json!({"user_data_base64": coded}),
            json!({"shutdown_script": plain}),
            json!({"spec": in_spec}),
            json!({"spec": {"group": in_spec}}),
            json!({"spec": in_spec.to_string()}),
        ] {
            let found = secrets(arguments.as_object().unwrap());
            assert!(found.contains(&plain.to_owned()) && found.contains(&coded), "{arguments}");
        }
    }

    #[test]
    fn credentials_of_third_parties_are_secret_whatever_is_said_of_scripts() {
        let held = json!({"chef": {"pemKey": "k-one", "chefServer": "s"}, "rightScale": [{"refreshToken": "k-two"}]});
        let arguments =
            json!({"spec": {"thirdPartiesIntegration": held}, "user_data_is_secret": false});
        assert_eq!(secrets(arguments.as_object().unwrap()), ["k-one", "k-two", "k-one", "k-two"]);
    }

    #[test]
    fn what_is_no_secret_is_left_alone() {
        for arguments in [
            json!({"user_data": "#!/bin/sh\necho a\n", "user_data_is_secret": false}),
            json!({"user_data": "#!/bin/sh\necho a\n", "user_data_is_secret": "no"}),
            json!({"user_data": " \n", "user_data_base64": ""}),
            json!({"spec": "no mapping"}),
        ] {
            let found = secrets(arguments.as_object().unwrap());
            assert!(found.iter().all(|secret| secret == "IAo="), "{arguments}: {found:?}");
        }
    }
}
