//! A file of on-demand prices, for where the Pricing API cannot be asked.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::MarketError;
use crate::domain::{MicroUsd, Region, Sourced};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PriceFile {
    region: String,
    at: Timestamp,
    /// Dollars an hour, as text or number.
    prices: BTreeMap<String, Value>,
}

/// Reads it.
///
/// # Errors
///
/// It cannot be read, is of another region, or a price is none.
pub(super) fn read(
    path: &Path,
    region: &Region,
) -> Result<Sourced<BTreeMap<String, MicroUsd>>, MarketError> {
    let attempt = "read the price file";
    let fail = |reason: String| MarketError::File { attempt, path: path.to_owned(), reason };
    let text = std::fs::read_to_string(path).map_err(|error| fail(error.to_string()))?;
    let file: PriceFile = serde_json::from_str(&text).map_err(|error| fail(error.to_string()))?;
    if file.region != region.as_str() {
        return Err(MarketError::OtherRegion {
            place: path.display().to_string(),
            found: file.region,
            region: region.to_string(),
        });
    }
    let mut prices = BTreeMap::new();
    for (name, told) in file.prices {
        let price = dollars(&told)
            .ok_or_else(|| fail(format!("the price of {name} is {told}, which is no amount")))?;
        prices.insert(name, price);
    }
    Ok(Sourced { source: path.display().to_string(), at: file.at, data: prices })
}

/// Dollars as text or as a number, which may be written with an exponent.
pub(super) fn dollars(told: &Value) -> Option<MicroUsd> {
    match told {
        Value::String(text) => MicroUsd::parse(text),
        Value::Number(number) => MicroUsd::parse(&number.to_string()).or_else(|| {
            let number = number.as_f64().filter(|it| it.is_finite() && (0.0..1e9).contains(it))?;
            MicroUsd::parse(&format!("{number:.9}"))
        }),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}
