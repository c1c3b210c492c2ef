//! Machine images and what they must fit.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::operation::describe_images::builders::DescribeImagesFluentBuilder;
use aws_sdk_ec2::types::{DeviceType, Image};

use super::AwsError;
use super::ec2::{Ec2, FILTER_VALUES, filter, text};
use super::pages::Pages;
use crate::domain::{ImageId, MachineImage, Region, RootDevice, VendorTime};

/// EC2's largest page of images.
const PAGE: i32 = 1000;
/// EC2's largest page of instance types; there are about a thousand.
const TYPES_PAGE: i32 = 100;

/// What is attempted, for messages.
pub(super) fn attempt(region: &Region) -> String {
    format!("read the machine images of region {region}")
}

/// What is attempted, for messages.
pub(super) fn types_attempt(region: &Region) -> String {
    format!("read the instance types of region {region}")
}

/// Those of `ids` that can be seen, newest first.
pub(super) async fn by_id(ec2: &Ec2, ids: &[ImageId]) -> Result<Vec<MachineImage>, AwsError> {
    // In a filter these two stand for other text, and no id has them.
    let is_one = |id: &&str| !id.is_empty() && !id.contains(['*', '?']);
    let wanted: BTreeSet<&str> = ids.iter().map(ImageId::as_str).filter(is_one).collect();
    let all: Vec<&str> = wanted.iter().copied().collect();
    let mut found = Vec::new();
    for chunk in all.chunks(FILTER_VALUES) {
        let asked = ec2.client.describe_images().include_deprecated(true).include_disabled(true);
        found.extend(collect(ec2, &asked.filters(filter("image-id", chunk))).await?);
    }
    found.retain(|image| wanted.contains(image.id.as_str()));
    Ok(newest_first(found))
}

/// Those with a name of this pattern, newest first.
pub(super) async fn by_name(
    ec2: &Ec2,
    pattern: &str,
    owners: &[String],
) -> Result<Vec<MachineImage>, AwsError> {
    let owners = if owners.is_empty() { vec!["self".to_owned()] } else { owners.to_vec() };
    let asked = ec2.client.describe_images().set_owners(Some(owners));
    let asked = asked.filters(filter("name", [pattern])).filters(filter("state", ["available"]));
    Ok(newest_first(collect(ec2, &asked).await?))
}

/// The architectures of those types that the region knows.
pub(super) async fn architectures(
    ec2: &Ec2,
    instance_types: &[String],
) -> Result<BTreeMap<String, Vec<String>>, AwsError> {
    let call = ec2.call(types_attempt(&ec2.region), "ec2:DescribeInstanceTypes");
    let is_one = |name: &&str| !name.is_empty() && !name.contains(['*', '?']);
    let wanted: BTreeSet<&str> = instance_types.iter().map(String::as_str).filter(is_one).collect();
    let wanted: Vec<&str> = wanted.into_iter().collect();
    let mut found = BTreeMap::new();
    for chunk in wanted.chunks(FILTER_VALUES) {
        let asked = ec2.client.describe_instance_types().max_results(TYPES_PAGE);
        let asked = asked.filters(filter("instance-type", chunk));
        let mut pages = Pages::new(&call);
        loop {
            let sent = asked.clone().set_next_token(pages.next.take()).send().await;
            let page = sent.map_err(|error| call.failure(error))?;
            for known in page.instance_types.unwrap_or_default() {
                let Some(name) = known.instance_type.map(|name| name.as_str().to_owned()) else {
                    continue;
                };
                let processor = known.processor_info.and_then(|info| info.supported_architectures);
                let kinds = processor.unwrap_or_default().into_iter();
                found.insert(name, kinds.map(|kind| kind.as_str().to_owned()).collect());
            }
            if pages.is_last(page.next_token)? {
                break;
            }
        }
    }
    found.retain(|name, _| wanted.contains(&name.as_str()));
    Ok(found)
}

async fn collect(
    ec2: &Ec2,
    asked: &DescribeImagesFluentBuilder,
) -> Result<Vec<MachineImage>, AwsError> {
    let call = ec2.call(attempt(&ec2.region), "ec2:DescribeImages");
    let mut pages = Pages::new(&call);
    let mut found = Vec::new();
    loop {
        let page = asked.clone().max_results(PAGE).set_next_token(pages.next.take());
        let page = page.send().await.map_err(|error| call.failure(error))?;
        found.extend(page.images.unwrap_or_default().into_iter().filter_map(image));
        if pages.is_last(page.next_token)? {
            return Ok(found);
        }
    }
}

/// By creation, images without a date last; ids end ties.
fn newest_first(mut images: Vec<MachineImage>) -> Vec<MachineImage> {
    let instant = |image: &MachineImage| image.created_at.as_ref().and_then(VendorTime::instant);
    images.sort_by(|a, b| instant(b).cmp(&instant(a)).then_with(|| a.id.cmp(&b.id)));
    images.dedup_by(|a, b| a.id == b.id);
    images
}

/// The facts of an image; none if it has no id.
fn image(image: Image) -> Option<MachineImage> {
    let root = root(&image);
    Some(MachineImage {
        root,
        id: ImageId::new(text(image.image_id)?),
        name: text(image.name),
        architecture: image.architecture.map(|kind| kind.as_str().to_owned()),
        state: image.state.map(|state| state.as_str().to_owned()),
        created_at: text(image.creation_date).map(VendorTime::new),
    })
}

/// What an image boots from; its size is that of the snapshot, or what the image says besides.
fn root(image: &Image) -> Option<RootDevice> {
    let name = text(image.root_device_name.clone())?;
    let is_ebs = image.root_device_type.as_ref().map(|kind| *kind == DeviceType::Ebs);
    let mappings = image.block_device_mappings.iter().flatten();
    let own = mappings.filter(|it| it.device_name.as_deref() == Some(name.as_str()));
    let sizes = own.filter_map(|it| it.ebs.as_ref()?.volume_size);
    let size_gib = sizes.filter_map(|size| u64::try_from(size).ok()).max();
    Some(RootDevice { name, is_ebs, size_gib })
}
