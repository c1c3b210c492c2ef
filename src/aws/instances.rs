//! Facts of EC2 instances.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use aws_sdk_ec2::types::{Filter, Instance, InstanceLifecycleType, StateReason as ToldReason};
use aws_smithy_types::date_time::Format;

use super::AwsError;
use super::ec2::{Ec2, FILTER_VALUES, filter, text};
use super::error::Call;
use crate::domain::{Ec2Instance, ImageId, InstanceId, Lifecycle, Region, StateReason};

/// EC2's largest page.
const PAGE: i32 = 1000;
/// A million instances: beyond it the server is going round in circles.
const PAGES: usize = 1000;
/// The tag that the platform puts on every instance it launches.
const PLATFORM_TAG: (&str, &str) = ("tag:spotinst:aws:ec2:group:createdBy", "spotinst");

/// What is attempted, for messages.
pub(super) fn attempt(region: &Region) -> String {
    format!("read the EC2 instances of region {region}")
}

impl Ec2 {
    fn instances_call(&self) -> Call<'_> {
        self.call(attempt(&self.region), "ec2:DescribeInstances")
    }

    /// Reads pages until there are no more, or until nothing wanted is left to find.
    async fn collect(&self, filter: Filter, search: &mut Search) -> Result<(), AwsError> {
        let mut seen = HashSet::new();
        let mut token: Option<String> = None;
        for _ in 0..PAGES {
            let asked = self.client.describe_instances().filters(filter.clone()).max_results(PAGE);
            let sent = asked.set_next_token(token.take()).send().await;
            let page = sent.map_err(|error| self.instances_call().failure(error))?;
            let reservations = page.reservations.unwrap_or_default();
            for instance in reservations.into_iter().flat_map(|r| r.instances.unwrap_or_default()) {
                search.take(instance);
            }
            let Some(next) = page.next_token.filter(|next| !next.is_empty()) else { return Ok(()) };
            if search.missing.is_empty() {
                return Ok(());
            }
            if !seen.insert(next.clone()) {
                return Err(self.instances_call().bad_reply("the same page token came twice"));
            }
            token = Some(next);
        }
        Err(self.instances_call().bad_reply(&format!("more than {PAGES} pages")))
    }
}

/// What is still to be found and what was.
struct Search {
    missing: BTreeSet<String>,
    found: BTreeMap<InstanceId, Ec2Instance>,
}

impl Search {
    fn take(&mut self, instance: Instance) {
        let wanted = instance.instance_id.as_deref().is_some_and(|id| self.missing.remove(id));
        if let (true, Some(facts)) = (wanted, facts(instance)) {
            self.found.insert(facts.id.clone(), facts);
        }
    }
}

/// Finds those of `ids` that exist.
pub(super) async fn describe(ec2: Ec2, ids: &[InstanceId]) -> Result<Vec<Ec2Instance>, AwsError> {
    let missing = ids.iter().map(|id| id.as_str().to_owned()).filter(|id| !id.is_empty()).collect();
    let mut search = Search { missing, found: BTreeMap::new() };
    // Listing what the platform launched costs one call a thousand instances, asking by id one a two hundred.
    if search.missing.len() > FILTER_VALUES {
        ec2.collect(filter(PLATFORM_TAG.0, [PLATFORM_TAG.1]), &mut search).await?;
    }
    let left: Vec<String> = search.missing.iter().cloned().collect();
    for chunk in left.chunks(FILTER_VALUES) {
        ec2.collect(filter("instance-id", chunk), &mut search).await?;
    }
    Ok(search.found.into_values().collect())
}

/// The facts of an instance; none if it has no id.
pub(super) fn facts(instance: Instance) -> Option<Ec2Instance> {
    let lifecycle = match instance.instance_lifecycle {
        None => Lifecycle::OnDemand,
        Some(InstanceLifecycleType::Spot) => Lifecycle::Spot,
        Some(other) => Lifecycle::Other(other.as_str().to_owned()),
    };
    let tags = instance.tags.unwrap_or_default().into_iter();
    Some(Ec2Instance {
        id: InstanceId::new(text(instance.instance_id)?),
        state: instance.state.and_then(|state| state.name).map(|name| name.as_str().to_owned()),
        state_reason: instance.state_reason.and_then(reason),
        instance_type: instance.instance_type.map(|kind| kind.as_str().to_owned()),
        availability_zone: instance.placement.and_then(|place| text(place.availability_zone)),
        private_ip: text(instance.private_ip_address),
        public_ip: text(instance.public_ip_address),
        private_dns_name: text(instance.private_dns_name),
        public_dns_name: text(instance.public_dns_name),
        lifecycle: Some(lifecycle),
        image_id: text(instance.image_id).map(ImageId::new),
        subnet_id: text(instance.subnet_id),
        vpc_id: text(instance.vpc_id),
        architecture: instance.architecture.map(|kind| kind.as_str().to_owned()),
        launched_at: instance.launch_time.and_then(|time| time.fmt(Format::DateTime).ok()),
        tags: tags.filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default()))).collect(),
    })
}

/// Why an instance is in its state; none if EC2 gives no code.
fn reason(told: ToldReason) -> Option<StateReason> {
    Some(StateReason { code: text(told.code)?, message: told.message.unwrap_or_default() })
}
