//! VPCs, their subnets and routes, security groups and key pairs.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::{Filter, RouteState, RouteTableAssociationStateCode};

use super::ec2::{Ec2, FILTER_VALUES, filter, text};
use super::pages::Pages;
use super::{Aws, AwsError};
use crate::domain::{Region, Route, RouteTable, SecurityGroup, Subnet, VpcWanted, printable};

const PAGE: i32 = 100;

impl Aws {
    /// Reads the ids of the VPCs that are meant, sorted.
    ///
    /// # Errors
    ///
    /// Any [`AwsError`] of a call. Nothing is returned of an answer that is incomplete.
    pub fn vpcs(&self, region: &Region, wanted: &VpcWanted) -> Result<Vec<String>, AwsError> {
        let ec2 = self.ec2(region);
        let attempt = format!("read the VPCs of region {region}");
        self.bounded(attempt.clone(), vpcs(&ec2, attempt, wanted))
    }

    /// Reads the subnets of a VPC that have all these tags, sorted by id; in a tag's value `*` and `?` stand for other text.
    ///
    /// # Errors
    ///
    /// As [`Self::vpcs`].
    pub fn subnets_of(
        &self,
        region: &Region,
        vpc: &str,
        tags: &BTreeMap<String, String>,
    ) -> Result<Vec<Subnet>, AwsError> {
        let ec2 = self.ec2(region);
        let attempt = format!("read the subnets of region {region}");
        let filters = std::iter::once(filter("vpc-id", [vpc])).chain(tagged(tags)).collect();
        self.bounded(attempt.clone(), subnets(&ec2, &attempt, filters))
    }

    /// Reads those of the subnets that exist, sorted by id.
    ///
    /// # Errors
    ///
    /// As [`Self::vpcs`].
    pub fn subnets(&self, region: &Region, ids: &[String]) -> Result<Vec<Subnet>, AwsError> {
        let ec2 = self.ec2(region);
        let attempt = format!("read the subnets of region {region}");
        let question = async {
            let mut found = Vec::new();
            for chunk in exact(ids).chunks(FILTER_VALUES) {
                found.extend(subnets(&ec2, &attempt, vec![filter("subnet-id", chunk)]).await?);
            }
            Ok(found)
        };
        self.bounded(attempt.clone(), question)
    }

    /// Reads the route tables of a VPC, sorted by id.
    ///
    /// # Errors
    ///
    /// As [`Self::vpcs`].
    pub fn route_tables(&self, region: &Region, vpc: &str) -> Result<Vec<RouteTable>, AwsError> {
        let ec2 = self.ec2(region);
        let attempt = format!("read the route tables of region {region}");
        self.bounded(attempt.clone(), route_tables(&ec2, attempt, vpc))
    }

    /// Reads those of the security groups that exist, sorted by id.
    ///
    /// # Errors
    ///
    /// As [`Self::vpcs`].
    pub fn security_groups(
        &self,
        region: &Region,
        ids: &[String],
    ) -> Result<Vec<SecurityGroup>, AwsError> {
        let ec2 = self.ec2(region);
        let attempt = format!("read the security groups of region {region}");
        let filters = vec![filter("group-id", exact(ids))];
        self.bounded(attempt.clone(), security_groups(&ec2, attempt, filters))
    }

    /// Reads those of the security groups of a VPC that have one of these names, sorted by id.
    ///
    /// # Errors
    ///
    /// As [`Self::vpcs`].
    pub fn security_groups_named(
        &self,
        region: &Region,
        vpc: &str,
        names: &[String],
    ) -> Result<Vec<SecurityGroup>, AwsError> {
        let ec2 = self.ec2(region);
        let attempt = format!("read the security groups of region {region}");
        let filters = vec![filter("vpc-id", [vpc]), filter("group-name", exact(names))];
        self.bounded(attempt.clone(), security_groups(&ec2, attempt, filters))
    }

    /// Whether a region has an SSH key pair of that name.
    ///
    /// # Errors
    ///
    /// As [`Self::vpcs`].
    pub fn has_key_pair(&self, region: &Region, name: &str) -> Result<bool, AwsError> {
        let ec2 = self.ec2(region);
        let attempt = format!("look for the key pair {} in region {region}", printable(name));
        let question = async {
            let call = ec2.call(attempt.clone(), "ec2:DescribeKeyPairs");
            let names = exact(&[name.to_owned()]);
            if names.is_empty() {
                return Ok(false);
            }
            let asked = ec2.client.describe_key_pairs().filters(filter("key-name", names));
            let reply = asked.send().await.map_err(|error| call.failure(error))?;
            let mut pairs = reply.key_pairs.unwrap_or_default().into_iter();
            Ok(pairs.any(|pair| pair.key_name.as_deref() == Some(name)))
        };
        self.bounded(attempt.clone(), question)
    }
}

/// Those that mean themselves: in a filter `*` and `?` stand for other text, and no id or key has them.
fn exact(texts: &[String]) -> Vec<String> {
    let is_one = |text: &&String| !text.is_empty() && !text.contains(['*', '?']);
    let all: BTreeSet<&String> = texts.iter().filter(is_one).collect();
    all.into_iter().cloned().collect()
}

fn tagged(tags: &BTreeMap<String, String>) -> impl Iterator<Item = Filter> + '_ {
    tags.iter().map(|(key, value)| filter(&format!("tag:{key}"), [value]))
}

async fn vpcs(ec2: &Ec2, attempt: String, wanted: &VpcWanted) -> Result<Vec<String>, AwsError> {
    let call = ec2.call(attempt, "ec2:DescribeVpcs");
    let filters = match wanted {
        VpcWanted::Id(id) => vec![filter("vpc-id", [id])],
        VpcWanted::Tags(tags) => tagged(tags).collect(),
        VpcWanted::Default => vec![filter("is-default", ["true"])],
    };
    let asked = ec2.client.describe_vpcs().set_filters(Some(filters)).max_results(PAGE);
    let mut pages = Pages::new(&call);
    let mut found = BTreeSet::new();
    loop {
        let sent = asked.clone().set_next_token(pages.next.take()).send().await;
        let page = sent.map_err(|error| call.failure(error))?;
        found.extend(page.vpcs.unwrap_or_default().into_iter().filter_map(|it| text(it.vpc_id)));
        if pages.is_last(page.next_token)? {
            break;
        }
    }
    if let VpcWanted::Id(id) = wanted {
        found.retain(|it| it == id);
    }
    Ok(found.into_iter().collect())
}

async fn subnets(ec2: &Ec2, attempt: &str, filters: Vec<Filter>) -> Result<Vec<Subnet>, AwsError> {
    let call = ec2.call(attempt.to_owned(), "ec2:DescribeSubnets");
    let asked = ec2.client.describe_subnets().set_filters(Some(filters));
    let mut pages = Pages::new(&call);
    let mut found = BTreeMap::new();
    loop {
        let sent = asked.clone().set_next_token(pages.next.take()).send().await;
        let page = sent.map_err(|error| call.failure(error))?;
        for it in page.subnets.unwrap_or_default() {
            let free = it.available_ip_address_count.and_then(|free| u32::try_from(free).ok());
            let (id, zone, vpc) = (text(it.subnet_id), text(it.availability_zone), text(it.vpc_id));
            if let (Some(id), Some(zone), Some(vpc)) = (id, zone, vpc) {
                let free_addresses = free.unwrap_or_default();
                found.insert(id.clone(), Subnet { id, zone, vpc, free_addresses });
            }
        }
        if pages.is_last(page.next_token)? {
            return Ok(found.into_values().collect());
        }
    }
}

async fn route_tables(ec2: &Ec2, attempt: String, vpc: &str) -> Result<Vec<RouteTable>, AwsError> {
    let call = ec2.call(attempt, "ec2:DescribeRouteTables");
    let asked = ec2.client.describe_route_tables().filters(filter("vpc-id", [vpc]));
    let asked = asked.max_results(PAGE);
    let mut pages = Pages::new(&call);
    let mut found = BTreeMap::new();
    loop {
        let sent = asked.clone().set_next_token(pages.next.take()).send().await;
        let page = sent.map_err(|error| call.failure(error))?;
        for table in page.route_tables.unwrap_or_default().into_iter().filter_map(route_table) {
            found.insert(table.id.clone(), table);
        }
        if pages.is_last(page.next_token)? {
            return Ok(found.into_values().collect());
        }
    }
}

fn route_table(table: aws_sdk_ec2::types::RouteTable) -> Option<RouteTable> {
    let associations = table.associations.unwrap_or_default().into_iter();
    let associations: Vec<_> = associations
        .filter(|it| {
            let state = it.association_state.as_ref().and_then(|state| state.state.clone());
            // An association that ends or was never made leaves the subnet to the main table.
            !matches!(
                state,
                Some(
                    RouteTableAssociationStateCode::Disassociated
                        | RouteTableAssociationStateCode::Disassociating
                        | RouteTableAssociationStateCode::Failed
                )
            )
        })
        .collect();
    let routes = table.routes.unwrap_or_default().into_iter().map(|route| Route {
        gateway: text(route.gateway_id),
        is_blackhole: route.state == Some(RouteState::Blackhole),
    });
    Some(RouteTable {
        id: text(table.route_table_id)?,
        is_main: associations.iter().any(|it| it.main == Some(true)),
        subnets: associations.into_iter().filter_map(|it| text(it.subnet_id)).collect(),
        routes: routes.collect(),
    })
}

async fn security_groups(
    ec2: &Ec2,
    attempt: String,
    filters: Vec<Filter>,
) -> Result<Vec<SecurityGroup>, AwsError> {
    let call = ec2.call(attempt, "ec2:DescribeSecurityGroups");
    // A filter without values is none, and would find all there are.
    if filters.iter().any(|it| it.values.as_ref().is_none_or(Vec::is_empty)) {
        return Ok(Vec::new());
    }
    let asked = ec2.client.describe_security_groups().set_filters(Some(filters)).max_results(PAGE);
    let mut pages = Pages::new(&call);
    let mut found = BTreeMap::new();
    loop {
        let sent = asked.clone().set_next_token(pages.next.take()).send().await;
        let page = sent.map_err(|error| call.failure(error))?;
        for it in page.security_groups.unwrap_or_default() {
            if let (Some(id), Some(vpc)) = (text(it.group_id), text(it.vpc_id)) {
                let name = it.group_name.unwrap_or_default();
                found.insert(id.clone(), SecurityGroup { id, name, vpc });
            }
        }
        if pages.is_last(page.next_token)? {
            return Ok(found.into_values().collect());
        }
    }
}
