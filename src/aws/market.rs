//! The spot market: types, prices, placement scores.

use std::collections::BTreeMap;

use aws_sdk_ec2::primitives::DateTime;
use aws_sdk_ec2::types::{InstanceTypeInfo, SpotPrice as Price};
use aws_smithy_types::date_time::Format;
use jiff::Timestamp;

use super::ec2::{Ec2, filter, text};
use super::pages::Pages;
use super::{Aws, AwsError};
use crate::domain::{MachineType, MicroUsd, Region, SpotPrice};

/// EC2's largest page of instance types.
const TYPES_PAGE: i32 = 100;
/// EC2's largest page of prices.
const PRICES_PAGE: i32 = 1000;
/// What a Linux machine in a VPC is sold as; the second is the older word for the same.
const PRODUCTS: [&str; 2] = ["Linux/UNIX", "Linux/UNIX (Amazon VPC)"];

impl Aws {
    /// Reads what instance types of a region are, sorted by name: all, or those whose names fit one of `patterns`, in which
    /// `*` and `?` stand for other text.
    ///
    /// # Errors
    ///
    /// Any [`AwsError`] of a call. Nothing is returned of an answer that is incomplete.
    pub fn machine_types(
        &self,
        region: &Region,
        patterns: &[String],
    ) -> Result<Vec<MachineType>, AwsError> {
        let ec2 = self.ec2(region);
        let attempt = format!("read the instance types of region {region}");
        self.bounded(attempt.clone(), types(&ec2, &attempt, patterns))
    }

    /// Reads the present spot price of each type in each zone of a region, for Linux in a VPC.
    ///
    /// # Errors
    ///
    /// As [`Self::machine_types`].
    pub fn spot_prices(&self, region: &Region, now: Timestamp) -> Result<Vec<SpotPrice>, AwsError> {
        let ec2 = self.ec2(region);
        let attempt = format!("read the spot prices of region {region}");
        self.bounded(attempt.clone(), prices(&ec2, &attempt, now))
    }

    /// Asks how likely a request for `count` machines of any of these types, at most 1000, succeeds, zone by zone, from 1 to 10.
    ///
    /// # Errors
    ///
    /// As [`Self::machine_types`].
    pub fn placement_scores(
        &self,
        region: &Region,
        types: &[String],
        count: u32,
    ) -> Result<BTreeMap<String, u8>, AwsError> {
        let ec2 = self.ec2(region);
        let attempt = format!("read the spot placement scores of region {region}");
        self.bounded(attempt.clone(), scores(&ec2, &attempt, types, count))
    }

    /// The availability zones that this account may use, by name, with their ids.
    ///
    /// # Errors
    ///
    /// As [`Self::machine_types`].
    pub fn zones(&self, region: &Region) -> Result<BTreeMap<String, String>, AwsError> {
        let ec2 = self.ec2(region);
        let attempt = format!("read the availability zones of region {region}");
        self.bounded(attempt.clone(), zones(&ec2, &attempt))
    }
}

async fn types(
    ec2: &Ec2,
    attempt: &str,
    patterns: &[String],
) -> Result<Vec<MachineType>, AwsError> {
    let call = ec2.call(attempt.to_owned(), "ec2:DescribeInstanceTypes");
    let mut asked = ec2.client.describe_instance_types().max_results(TYPES_PAGE);
    if !patterns.is_empty() {
        asked = asked.filters(filter("instance-type", patterns));
    }
    let mut pages = Pages::new(&call);
    let mut found = BTreeMap::new();
    loop {
        let sent = asked.clone().set_next_token(pages.next.take()).send().await;
        let page = sent.map_err(|error| call.failure(error))?;
        let kinds = page.instance_types.unwrap_or_default().into_iter().filter_map(machine_type);
        found.extend(kinds.map(|kind| (kind.name.clone(), kind)));
        if pages.is_last(page.next_token)? {
            return Ok(found.into_values().collect());
        }
    }
}

/// The facts of a type; none if it has no name.
fn machine_type(info: InstanceTypeInfo) -> Option<MachineType> {
    let count = |number: Option<i32>| number.and_then(|number| u32::try_from(number).ok());
    let size = |number: Option<i64>| number.and_then(|number| u64::try_from(number).ok());
    let processor = info.processor_info.and_then(|it| it.supported_architectures);
    let architectures = processor.unwrap_or_default().into_iter();
    let classes = info.supported_usage_classes;
    let devices = info.gpu_info.and_then(|it| it.gpus).unwrap_or_default().into_iter();
    let network = info.network_info;
    let (interfaces, addresses) = match network {
        Some(it) => (it.maximum_network_interfaces, it.ipv4_addresses_per_interface),
        None => (None, None),
    };
    let disks = info.instance_storage_info.and_then(|it| it.total_size_in_gb);
    Some(MachineType {
        name: text(info.instance_type.map(|kind| kind.as_str().to_owned()))?,
        architectures: architectures.map(|kind| kind.as_str().to_owned()).collect(),
        vcpus: count(info.v_cpu_info.and_then(|it| it.default_v_cpus)).unwrap_or_default(),
        memory_mib: size(info.memory_info.and_then(|it| it.size_in_mib)).unwrap_or_default(),
        current_generation: info.current_generation,
        burstable: info.burstable_performance_supported,
        bare_metal: info.bare_metal,
        gpus: devices.filter_map(|it| count(it.count)).fold(0, u32::saturating_add),
        local_disk_gb: size(disks).unwrap_or_default(),
        interfaces: count(interfaces),
        addresses_per_interface: count(addresses),
        spot: classes.map(|all| all.iter().any(|class| class.as_str() == "spot")),
    })
}

async fn prices(ec2: &Ec2, attempt: &str, now: Timestamp) -> Result<Vec<SpotPrice>, AwsError> {
    let call = ec2.call(attempt.to_owned(), "ec2:DescribeSpotPriceHistory");
    let moment = DateTime::from_secs(now.as_second());
    // From now to now, that is the price in force of each.
    let asked = ec2
        .client
        .describe_spot_price_history()
        .start_time(moment)
        .end_time(moment)
        .set_product_descriptions(Some(PRODUCTS.map(str::to_owned).to_vec()))
        .max_results(PRICES_PAGE);
    let mut pages = Pages::new(&call);
    // A history tells older prices too: the newest of each product counts.
    let mut newest: BTreeMap<(String, String, String), SpotPrice> = BTreeMap::new();
    loop {
        let sent = asked.clone().set_next_token(pages.next.take()).send().await;
        let page = sent.map_err(|error| call.failure(error))?;
        for told in page.spot_price_history.unwrap_or_default() {
            let Some((product, price)) = spot_price(told) else {
                return Err(call.bad_reply("a price without type, zone or amount"));
            };
            let key = (price.machine_type.clone(), price.zone.clone(), product);
            let place = newest.entry(key).or_insert_with(|| price.clone());
            if (price.since, place.price) > (place.since, price.price) {
                *place = price;
            }
        }
        if pages.is_last(page.next_token)? {
            return Ok(newest.into_values().collect());
        }
    }
}

fn spot_price(told: Price) -> Option<(String, SpotPrice)> {
    let product = told.product_description.map(|it| it.as_str().to_owned());
    let since = told.timestamp.and_then(|time| time.fmt(Format::DateTime).ok());
    let price = SpotPrice {
        machine_type: text(told.instance_type.map(|kind| kind.as_str().to_owned()))?,
        zone: text(told.availability_zone)?,
        price: MicroUsd::parse(&told.spot_price?)?,
        since: since.and_then(|time| time.parse().ok()),
        on_demand: None,
    };
    Some((product.unwrap_or_default(), price))
}

async fn scores(
    ec2: &Ec2,
    attempt: &str,
    types: &[String],
    count: u32,
) -> Result<BTreeMap<String, u8>, AwsError> {
    let names = zones(ec2, attempt).await?;
    let by_id: BTreeMap<&str, &str> =
        names.iter().map(|(name, id)| (id.as_str(), name.as_str())).collect();
    let call = ec2.call(attempt.to_owned(), "ec2:GetSpotPlacementScores");
    let asked = ec2
        .client
        .get_spot_placement_scores()
        .set_instance_types(Some(types.to_vec()))
        .target_capacity(i32::try_from(count.max(1)).unwrap_or(i32::MAX))
        .single_availability_zone(true)
        .region_names(ec2.region.as_str());
    let mut pages = Pages::new(&call);
    let mut found = BTreeMap::new();
    loop {
        let sent = asked.clone().set_next_token(pages.next.take()).send().await;
        let page = sent.map_err(|error| call.failure(error))?;
        for told in page.spot_placement_scores.unwrap_or_default() {
            let zone = told.availability_zone_id.as_deref().and_then(|id| by_id.get(id));
            let score = told.score.and_then(|score| u8::try_from(score).ok());
            if let (Some(zone), Some(score)) = (zone, score) {
                found.insert((*zone).to_owned(), score);
            }
        }
        if pages.is_last(page.next_token)? {
            return Ok(found);
        }
    }
}

async fn zones(ec2: &Ec2, attempt: &str) -> Result<BTreeMap<String, String>, AwsError> {
    let call = ec2.call(attempt.to_owned(), "ec2:DescribeAvailabilityZones");
    let asked = ec2.client.describe_availability_zones();
    let sent = asked.filters(filter("state", ["available"])).send().await;
    let reply = sent.map_err(|error| call.failure(error))?;
    let zones = reply.availability_zones.unwrap_or_default().into_iter();
    Ok(zones.filter_map(|zone| Some((text(zone.zone_name)?, text(zone.zone_id)?))).collect())
}
