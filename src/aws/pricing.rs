//! On-demand prices, from the Pricing API in pages of a hundred: never a call a type.

use std::collections::BTreeMap;

use aws_sdk_pricing::types::{Filter, FilterType};
use serde::Deserialize;

use super::error::Call;
use super::pages::Pages;
use super::{Aws, AwsError, transport};
use crate::domain::{MicroUsd, Region};

/// The Pricing API serves all regions from a few; this one is on in every account of the ordinary partition.
const SERVED_FROM: &str = "us-east-1";
const PAGE: i32 = 100;

/// What of a product's description is used. Source: AWS Price List, `FormatVersion` `aws_v1`.
#[derive(Deserialize)]
struct Product {
    product: Described,
    terms: Terms,
}

#[derive(Deserialize)]
struct Described {
    attributes: Attributes,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Attributes {
    instance_type: Option<String>,
}

#[derive(Deserialize)]
struct Terms {
    #[serde(rename = "OnDemand", default)]
    on_demand: BTreeMap<String, Term>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Term {
    price_dimensions: BTreeMap<String, Dimension>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Dimension {
    unit: Option<String>,
    price_per_unit: BTreeMap<String, String>,
}

impl Product {
    /// Type and price of an hour; none where it is sold otherwise.
    fn hour(self) -> Option<(String, MicroUsd)> {
        let name = self.product.attributes.instance_type?;
        let dimensions = self.terms.on_demand.into_values().flat_map(|it| it.price_dimensions);
        let hourly = dimensions.map(|(_, it)| it).filter(|it| it.unit.as_deref() == Some("Hrs"));
        let prices = hourly.filter_map(|it| MicroUsd::parse(it.price_per_unit.get("USD")?));
        // What costs nothing is a capacity that is paid for elsewhere.
        Some((name, prices.filter(|price| price.micros() > 0).min()?))
    }
}

impl Aws {
    /// Reads what an hour of each type costs on demand in a region, for Linux on shared hardware.
    ///
    /// # Errors
    ///
    /// Any [`AwsError`] of a call. Nothing is returned of an answer that is incomplete.
    pub fn on_demand_prices(
        &self,
        region: &Region,
    ) -> Result<BTreeMap<String, MicroUsd>, AwsError> {
        let attempt = format!("read the on-demand prices of region {region}");
        self.bounded(attempt.clone(), prices(self, region, attempt))
    }
}

async fn prices(
    aws: &Aws,
    region: &Region,
    attempt: String,
) -> Result<BTreeMap<String, MicroUsd>, AwsError> {
    let call = Call {
        attempt,
        action: "pricing:GetProducts",
        redactor: &aws.redactor,
        timeout: aws.timeout,
    };
    let config = aws_sdk_pricing::config::Builder::from(&aws.config)
        .region(aws_config::Region::new(SERVED_FROM))
        .interceptor(transport::Guard)
        .build();
    let wanted = [
        ("regionCode", region.as_str()),
        ("operatingSystem", "Linux"),
        ("preInstalledSw", "NA"),
        ("tenancy", "Shared"),
        ("capacitystatus", "Used"),
    ];
    let filters = wanted.map(|(field, value)| {
        Filter::builder().r#type(FilterType::TermMatch).field(field).value(value).build()
    });
    let filters: Vec<Filter> = filters.into_iter().flatten().collect();
    let asked = aws_sdk_pricing::Client::from_conf(config)
        .get_products()
        .service_code("AmazonEC2")
        .set_filters(Some(filters))
        .format_version("aws_v1")
        .max_results(PAGE);
    let mut pages = Pages::new(&call);
    let mut found: BTreeMap<String, MicroUsd> = BTreeMap::new();
    loop {
        let sent = asked.clone().set_next_token(pages.next.take()).send().await;
        let page = sent.map_err(|error| call.failure(error))?;
        for text in page.price_list.unwrap_or_default() {
            let product: Product = serde_json::from_str(&text).map_err(|error| {
                call.bad_reply(&format!("a product that cannot be read: {error}"))
            })?;
            if let Some((name, price)) = product.hour() {
                let place = found.entry(name).or_insert(price);
                *place = price.min(*place);
            }
        }
        if pages.is_last(page.next_token)? {
            return Ok(found);
        }
    }
}
