//! Elastigroups.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::Decoded;
use super::fields::{Fields, id_of, label};
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
    let launch = fields.object("compute", oddities).object("launchSpecification", oddities);
    let value = Group {
        id: GroupId::new(id.as_str()),
        name: fields.text("name", oddities).unwrap_or_default(),
        account_id: account.clone(),
        region: fields.text("region", oddities).map(Region::new),
        persistence: persistence(&strategy, oddities),
        image_id: image(&launch, oddities),
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
