//! Spot prices as others left them: in Systems Manager as Spotter lays them out, or in a file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::kept::whole;
use super::prices::dollars;
use super::{Cloud, MarketError};
use crate::domain::{MicroUsd, Region, Sourced, SpotPrice};
use crate::plan::offers::Ranking;

/// Where Spotter keeps prices: what it writes now, and what it wrote before.
pub const SPOTTER_PREFIXES: [&str; 2] = ["/spotter/prices", "/spotter/spot"];

/// Systems Manager takes no more in a standard parameter, in bytes.
const LARGEST: usize = 4096;

/// Where prices are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Store {
    /// Parameters `<prefix>/<zone>`, each a JSON list of `{instance_type, spot_price, …}`.
    Ssm {
        /// Without a slash at its end.
        prefix: String,
    },
    /// A file with the same lists by zone.
    File(PathBuf),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoreFile {
    region: String,
    at: Timestamp,
    zones: BTreeMap<String, Vec<Value>>,
}

/// Reads what is kept there. It is as old as its oldest part.
///
/// # Errors
///
/// It cannot be read, or an entry is none.
pub(super) fn read(
    store: &Store,
    region: &Region,
    cloud: &dyn Cloud,
) -> Result<Sourced<Vec<SpotPrice>>, MarketError> {
    match store {
        Store::Ssm { prefix } => read_parameters(prefix, region, cloud),
        Store::File(path) => {
            let place = path.display().to_string();
            let fail = |reason: String| MarketError::Store { place: place.clone(), reason };
            let bytes = std::fs::read(path).map_err(|error| fail(error.to_string()))?;
            let file: StoreFile =
                serde_json::from_slice(&bytes).map_err(|error| fail(error.to_string()))?;
            if file.region != region.as_str() {
                let region = region.to_string();
                return Err(MarketError::OtherRegion { place, found: file.region, region });
            }
            let mut data = Vec::new();
            for (zone, entries) in &file.zones {
                data.extend(listed(zone, entries).map_err(fail)?);
            }
            Ok(Sourced { source: place.clone(), at: file.at, data })
        }
    }
}

fn read_parameters(
    prefix: &str,
    region: &Region,
    cloud: &dyn Cloud,
) -> Result<Sourced<Vec<SpotPrice>>, MarketError> {
    let mut data = Vec::new();
    let mut oldest: Option<Timestamp> = None;
    for parameter in cloud.parameters_below(region, prefix)? {
        let fail = |reason: String| MarketError::Store {
            place: format!("parameter {}", parameter.name),
            reason,
        };
        let zone = parameter.name.rsplit('/').next().unwrap_or_default();
        // Others may keep more below the same path.
        if !zone.starts_with(region.as_str()) {
            continue;
        }
        let entries: Vec<Value> = serde_json::from_str(&parameter.value)
            .map_err(|error| fail(format!("it is no JSON list: {error}")))?;
        data.extend(listed(zone, &entries).map_err(fail)?);
        // One that does not tell its age is of any age.
        let at = parameter.at.unwrap_or(Timestamp::UNIX_EPOCH);
        oldest = Some(oldest.map_or(at, |oldest| oldest.min(at)));
    }
    let source = format!("SSM {prefix}");
    Ok(Sourced { source, at: oldest.unwrap_or(Timestamp::UNIX_EPOCH), data })
}

/// The prices of a zone's list.
fn listed(zone: &str, entries: &[Value]) -> Result<Vec<SpotPrice>, String> {
    let read = |entry: &Value| {
        let machine_type = entry["instance_type"].as_str()?.to_owned();
        Some(SpotPrice {
            machine_type,
            zone: zone.to_owned(),
            price: dollars(&entry["spot_price"])?,
            since: None,
            on_demand: entry.get("on_demand_price").and_then(dollars),
        })
    };
    let priced = entries.iter().map(|entry| {
        read(entry).ok_or_else(|| {
            let shown: String = entry.to_string().chars().take(80).collect();
            format!("{shown} has no instance_type or no spot_price")
        })
    });
    priced.collect()
}

/// A zone's list of a ranking, the best first.
fn list(ranking: &Ranking, zone: &str) -> Vec<Value> {
    let entry = |offer: &crate::plan::offers::Offer| {
        let mut entry = Map::new();
        entry.insert("instance_type".to_owned(), json!(offer.kind.name));
        entry.insert("spot_price".to_owned(), number(offer.price));
        if let Some(full) = offer.on_demand {
            entry.insert("on_demand_price".to_owned(), number(full));
        }
        Value::Object(entry)
    };
    ranking.of_zone(zone).map(entry).collect()
}

/// Dollars as a number: the nearest one to so few digits is shown with these digits again.
fn number(price: MicroUsd) -> Value {
    price.to_string().parse::<f64>().map_or(Value::Null, |dollars| json!(dollars))
}

/// Writes a ranking, zone by zone, and tells how many zones.
///
/// # Errors
///
/// It cannot be written; with parameters some zones may have been.
pub fn write(
    store: &Store,
    region: &Region,
    ranking: &Ranking,
    at: Timestamp,
    cloud: &dyn Cloud,
) -> Result<usize, MarketError> {
    let zones: BTreeSet<&str> = ranking.offers.iter().map(|offer| offer.zone.as_str()).collect();
    match store {
        Store::Ssm { prefix } => {
            let mut texts = Vec::new();
            for zone in &zones {
                let text = Value::Array(list(ranking, zone)).to_string();
                let place = format!("{prefix}/{zone}");
                if text.len() > LARGEST {
                    let reason = format!(
                        "they are {} bytes, and a parameter takes {LARGEST}: lower top_n_per_az",
                        text.len()
                    );
                    return Err(MarketError::Store { place, reason });
                }
                texts.push((place, text));
            }
            for (name, text) in &texts {
                cloud.put_parameter(region, name, text)?;
            }
        }
        Store::File(path) => {
            let lists = zones.iter().map(|zone| ((*zone).to_owned(), list(ranking, zone)));
            let file = StoreFile { region: region.to_string(), at, zones: lists.collect() };
            let text = serde_json::to_vec_pretty(&file).map_err(|error| MarketError::Store {
                place: path.display().to_string(),
                reason: error.to_string(),
            })?;
            whole(path, &text)?;
        }
    }
    Ok(zones.len())
}

/// Deletes what is kept below a prefix, and tells the names.
///
/// # Errors
///
/// It cannot be read or deleted.
pub fn forget(
    prefix: &str,
    region: &Region,
    cloud: &dyn Cloud,
) -> Result<Vec<String>, MarketError> {
    let kept = cloud.parameters_below(region, prefix)?;
    let names: Vec<String> = kept.into_iter().map(|it| it.name).collect();
    cloud.delete_parameters(region, &names)?;
    Ok(names)
}
