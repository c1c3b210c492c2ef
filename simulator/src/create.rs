//! Groups that come and go: creation with its checks, deletion with what it leaves behind.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::autonomous::Rates;
use crate::chronicle::Cause;
use crate::envelope::{Answer, Refusal};
use crate::estate::{Group, Network, StatefulInstance};
use crate::group_config::merge;
use crate::groups;
use crate::ids::Ids;
use crate::machines::retained;
use crate::schedule;
use crate::shapes::Shapes;
use crate::stateful::Deletions;
use crate::validation;
use crate::world::{Call, World};

/// `POST /aws/ec2/group`: instances start to launch at once, the lists fill later.
pub(crate) fn create(world: &mut World, call: &Call<'_>) -> Result<Answer, Refusal> {
    let asked = &call.body["group"];
    if !asked.is_object() {
        return Err(Refusal::invalid("body:group", "\"group\" is required".to_owned()));
    }
    validation::required(asked)?;
    let mut config = json!({});
    merge(&mut config, asked);
    validation::check(&config)?;
    validation::check_revert(&config)?;
    let id = world.ids.group();
    let ordinal = world.created_groups;
    let group = founded(&id, call, with_defaults(config), ordinal, world.new_hooks.clone());
    schedule::check(&group.config, group.is_stateful())?;
    let images = group.config.pointer("/compute/launchSpecification/imageId");
    if let Some(image) = images.and_then(Value::as_str).filter(|image| !world.images.exists(image))
    {
        return Err(Refusal::unknown_image(image));
    }
    world.created_groups += 1;
    let now = call.now;
    world.change(now, |estate| estate.groups.push(Arc::new(group)));
    world.fill_pool(&id, &[], now);
    world.plan_tasks(&id, now);
    world.fit_to_target(&id, false, Cause::Capacity, now);
    groups::answer(&world.estate, call, &id)
}

/// What the vendor answers for fields that were not given, as its description and its Terraform provider tell them.
fn with_defaults(config: Value) -> Value {
    let mut whole = json!({
        "strategy": {
            "fallbackToOd": true,
            "utilizeReservedInstances": false,
            "revertToSpot": {"performAt": "always"},
            "scalingStrategy": {"terminationPolicy": "default"},
        },
        "compute": {"launchSpecification": {
            "tenancy": "default",
            "ebsOptimized": false,
            "healthCheckGracePeriod": 300,
            "autoHealing": true,
        }},
        "scaling": {},
        "scheduling": {},
        "thirdPartiesIntegration": {},
    });
    if config.pointer("/strategy/onDemandCount").is_none() {
        whole["strategy"]["risk"] = json!(100);
    }
    merge(&mut whole, &config);
    whole
}

fn founded(
    id: &str,
    call: &Call<'_>,
    mut config: Value,
    ordinal: u32,
    hooks: Option<Arc<crate::hooks::Hooks>>,
) -> Group {
    let now = call.now;
    config["id"] = json!(id);
    config["createdAt"] = json!(now.to_string());
    config["updatedAt"] = json!(now.to_string());
    let interfaces = &config["compute"]["launchSpecification"]["networkInterfaces"];
    let public_ip = interfaces[0]["associatePublicIpAddress"].as_bool().unwrap_or(false);
    let network = Network {
        base: 0x0a00_0000 + (ordinal % 4096) * Network::BLOCK,
        size: Network::BLOCK,
        zones: zones(&config),
        taken: 0,
    };
    let mut group = Group {
        id: id.to_owned(),
        account: call.account.to_owned(),
        config,
        root_device: "/dev/xvda".to_owned(),
        public_ip,
        spot_capacity: true,
        network,
        stateful: Vec::new(),
        members: Vec::new(),
        suspensions: BTreeMap::new(),
        logs: Vec::new(),
        events: Vec::new(),
        deployments: Vec::new(),
        backups: Vec::new(),
        rates: Rates::default(),
        hooks,
        schedule_epoch: 0,
        shapes: Shapes::default(),
    };
    group.log(now, "INFO", format!("Group {id} successfully created."), None);
    group.event(now, "Create", Vec::new());
    group
}

/// The zones that a configuration launches in; one that names subnets only launches in the first of its region.
pub(crate) fn zones(config: &Value) -> Vec<String> {
    let named = config["compute"]["availabilityZones"].as_array().into_iter().flatten();
    let named = named.filter_map(|zone| zone["name"].as_str().map(str::to_owned));
    let zones: Vec<String> = named.collect();
    match zones.is_empty() {
        true => vec![format!("{}a", config["region"].as_str().unwrap_or_default())],
        false => zones,
    }
}

/// The addresses that a configuration sets aside.
pub(crate) fn pool(config: &Value) -> Vec<String> {
    let pool = config["compute"]["privateIps"].as_array().into_iter().flatten();
    pool.filter_map(|entry| entry.as_str().map(str::to_owned)).collect()
}

/// `DELETE /aws/ec2/group/{groupId}`: everything is terminated; what the flags do not delete is kept for a while.
pub(crate) fn delete(world: &mut World, call: &Call<'_>) -> Result<Answer, Refusal> {
    let id = call.group(&world.estate)?.id.clone();
    let flags = &call.body["statefulDeallocation"];
    let deletions = match flags {
        Value::Null => Deletions::default(),
        given => Deletions::deserialize(given).map_err(|error| {
            Refusal::invalid("body:statefulDeallocation", format!("\"value\" {error}"))
        })?,
    };
    world.give_up(&id, deletions, call.now);
    Ok(Answer::Done)
}

impl World {
    fn give_up(&mut self, id: &str, deletions: Deletions, now: Timestamp) {
        let Some(group) = self.estate.group(id) else { return };
        let (persisted, count) = (group.persisted(), group.stateful.len());
        for index in 0..count {
            self.terminate(id, index, now);
        }
        self.fit_members(id, 0, now);
        let Some(group) = self.estate.group(id) else { return };
        let instances = group.stateful.clone();
        let (mut ids, hours) = (self.ids.clone(), self.behaviour.retention_hours);
        let mut gone = Vec::new();
        for ssi in &instances {
            self.retained.extend(retained(ssi, persisted, deletions, hours, now, &mut ids));
            if deletions.volumes {
                gone.extend(ssi.data.iter().map(|device| device.volume.clone()));
            }
        }
        self.ids = ids;
        self.change(now, |estate| estate.groups.retain(|group| group.id != id));
        self.volumes_went(gone);
    }

    /// One paused instance for each address of the pool that has none; those whose address left the pool go, if they
    /// were never resumed (vendor help: persist network).
    pub(crate) fn fill_pool(&mut self, id: &str, before: &[String], now: Timestamp) {
        let mut ids: Ids = self.ids.clone();
        self.change(now, |estate| {
            let Some(group) = estate.group_mut(id) else { return };
            if !group.persisted().private_ip {
                return;
            }
            let pool = pool(&group.config);
            let left = |address: &String| before.contains(address) && !pool.contains(address);
            group.stateful.retain(|ssi| {
                ssi.launched_at.is_some()
                    || ssi.underway.is_some()
                    || !ssi.private_ip.as_ref().is_some_and(left)
            });
            for address in pool {
                if group.stateful.iter().any(|ssi| ssi.private_ip.as_ref() == Some(&address)) {
                    continue;
                }
                let zones = &group.network.zones;
                let zone = zones.get(group.stateful.len() % zones.len().max(1)).cloned();
                let zone = zone.unwrap_or_default();
                let mut fresh = StatefulInstance::unborn(ids.stateful_instance(), group, zone, now);
                fresh.private_ip = Some(address);
                group.stateful.push(fresh);
            }
        });
        self.ids = ids;
    }
}

#[cfg(test)]
mod tests;
