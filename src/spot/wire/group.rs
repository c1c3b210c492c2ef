//! Elastigroups.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::Decoded;
use super::fields::{Fields, id_of, label};
use super::scheduled_task::scheduled_tasks;
use crate::domain::{AccountId, BlockDevicesMode, Group, GroupId, ImageId, Persistence, Region};

/// A group as the list and the single read give it: both send the whole configuration.
pub(in crate::spot) fn group(
    account: &AccountId,
    object: Map<String, Value>,
    oddities: &mut Vec<String>,
) -> Option<Decoded<Group>> {
    let id = id_of(&object, &["id"])?;
    let label = label("group", Some(&id));
    let fields = Fields::new(&label, &object);
    let strategy = fields.object("strategy", oddities);
    let compute = fields.object("compute", oddities);
    let launch = compute.object("launchSpecification", oddities);
    let value = Group {
        id: GroupId::new(id.as_str()),
        name: fields.text("name", oddities).unwrap_or_default(),
        account_id: account.clone(),
        region: fields.text("region", oddities).map(Region::new),
        persistence: persistence(&strategy, oddities),
        image_id: image(&launch, oddities),
        names_images_in_list: names_images_in_list(&launch),
        zones: zones(&compute, oddities),
        subnet_ids: subnets(&compute, oddities),
        auto_healing: launch.switch("autoHealing", oddities),
        instance_types: instance_types(&compute, oddities),
        tasks: scheduled_tasks(&fields.object("scheduling", oddities), oddities),
        tags: tags(&label, &launch, oddities),
        raw: Map::new(),
    };
    Some(Decoded { id: Some(id), value: Group { raw: object, ..value } })
}

/// What is persisted. The description says a list, everything else sends an object; groups and managed instances spell
/// the switches differently.
pub(super) fn persistence(parent: &Fields<'_>, oddities: &mut Vec<String>) -> Persistence {
    let mut found = Persistence::default();
    for part in parent.objects("persistence", oddities) {
        let mut is_declared = false;
        let mut on = |keys: [&str; 2]| {
            let switch = keys.iter().find_map(|key| part.switch(key, oddities));
            is_declared |= switch.is_some();
            switch.unwrap_or_default()
        };
        found.root_device |= on(["shouldPersistRootDevice", "persistRootDevice"]);
        found.block_devices |= on(["shouldPersistBlockDevices", "persistBlockDevices"]);
        found.private_ip |= on(["shouldPersistPrivateIp", "persistPrivateIp"]);
        found.is_declared |= is_declared;
        let mode = part.text("blockDevicesMode", oddities);
        found.block_devices_mode =
            found.block_devices_mode.or(mode.map(|mode| BlockDevicesMode::parse(&mode)));
    }
    found
}

/// The image of a launch specification: `imageId`, or the only one of `images`.
fn image(launch: &Fields<'_>, oddities: &mut Vec<String>) -> Option<ImageId> {
    let named = launch.text("imageId", oddities).or_else(|| {
        let images = launch.objects("images", oddities);
        let mut ids = images.iter().filter_map(|image| image.text("id", oddities));
        let only = ids.next()?;
        ids.next().is_none().then_some(only)
    });
    named.map(ImageId::new)
}

/// Whether the list form is in use. The vendor takes either form and never both.
fn names_images_in_list(launch: &Fields<'_>) -> bool {
    // What is odd about the fields was told when the image was read.
    let mut told = Vec::new();
    launch.text("imageId", &mut told).is_none() && !launch.objects("images", &mut told).is_empty()
}

/// The zones' names, each once: one zone may be listed for several subnets.
fn zones(compute: &Fields<'_>, oddities: &mut Vec<String>) -> Vec<String> {
    let zones = compute.objects("availabilityZones", oddities);
    each_once(zones.iter().filter_map(|zone| zone.text("name", oddities)).collect())
}

/// The subnets: of the group, or of its zones under either of two names.
fn subnets(compute: &Fields<'_>, oddities: &mut Vec<String>) -> Vec<String> {
    let mut subnets = compute.texts("subnetIds", oddities);
    // What is odd about the list itself was told with the zones.
    for zone in compute.objects("availabilityZones", &mut Vec::new()) {
        subnets.extend(zone.texts("subnetIds", oddities));
        subnets.extend(zone.text("subnetId", oddities));
    }
    each_once(subnets)
}

fn instance_types(compute: &Fields<'_>, oddities: &mut Vec<String>) -> Vec<String> {
    let types = compute.object("instanceTypes", oddities);
    let lists = ["ondemand", "onDemandTypes", "preferredSpot", "spot"];
    each_once(lists.iter().flat_map(|list| types.texts(list, oddities)).collect())
}

/// The texts in their order, without repetitions.
fn each_once(texts: Vec<String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    texts.into_iter().filter(|text| seen.insert(text.clone())).collect()
}

/// Tags; a tag without a value has an empty one.
pub(super) fn tags(
    label: &str,
    parent: &Fields<'_>,
    oddities: &mut Vec<String>,
) -> BTreeMap<String, String> {
    let mut tags = BTreeMap::new();
    for tag in parent.objects("tags", oddities) {
        let Some(key) = tag.text("tagKey", oddities) else {
            oddities.push(format!("a tag of {label} has no key: left out"));
            continue;
        };
        let value = tag.text("tagValue", oddities).unwrap_or_default();
        tags.entry(key).or_insert(value);
    }
    tags
}
