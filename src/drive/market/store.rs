//! Spot prices as others left them: in Systems Manager as Spotter lays them out, or in a file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::kept::whole;
use super::prices::dollars;
use super::{Cloud, MarketError};
use crate::domain::{Market, MicroUsd, Parameter, Region, Sourced, SpotPrice};
use crate::drive::ec2::Ec2Error;
use crate::plan::offers::Ranking;

/// Where Spotter keeps prices: what it writes now, and what it wrote before.
pub const SPOTTER_PREFIXES: [&str; 2] = ["/spotter/prices", "/spotter/spot"];

/// Systems Manager takes no more in a standard parameter, in bytes.
const LARGEST: usize = 4096;

/// What is the same is written again when it is so old, in seconds: well within what counts as young.
const FRESH_S: i64 = 900;

/// Systems Manager dates what it is given by itself: prices that are older than this, in seconds, would become young there.
const REDATED_S: i64 = 60;

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
    /// When the oldest was looked at.
    at: Timestamp,
    /// When each zone was looked at; one that is not among them, when all were.
    #[serde(default)]
    ages: BTreeMap<String, Timestamp>,
    zones: BTreeMap<String, Vec<Value>>,
}

impl StoreFile {
    fn age(&self, zone: &str) -> Timestamp {
        self.ages.get(zone).copied().unwrap_or(self.at)
    }

    /// None if there is no such file.
    fn read(path: &Path, region: &Region) -> Result<Option<Self>, MarketError> {
        let place = path.display().to_string();
        let fail = |reason: String| MarketError::Store { place: place.clone(), reason };
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(fail(error.to_string())),
        };
        let file: Self = serde_json::from_slice(&bytes).map_err(|error| fail(error.to_string()))?;
        if file.region != region.as_str() {
            let region = region.to_string();
            return Err(MarketError::OtherRegion { place, found: file.region, region });
        }
        Ok(Some(file))
    }
}

/// What is kept.
pub(super) struct Read {
    /// Prices, as old as the oldest.
    pub(super) spot: Sourced<Vec<SpotPrice>>,
    /// The zones of which it is kept that nothing is offered there.
    pub(super) empty_zones: BTreeSet<String>,
    /// When each zone was looked at.
    pub(super) zone_ages: BTreeMap<String, Timestamp>,
}

/// Reads what is kept there.
///
/// # Errors
///
/// It cannot be read, or an entry is none.
pub(super) fn read(store: &Store, region: &Region, cloud: &dyn Cloud) -> Result<Read, MarketError> {
    match store {
        Store::Ssm { prefix } => read_parameters(prefix, region, cloud),
        Store::File(path) => {
            let place = path.display().to_string();
            let fail = |reason: String| MarketError::Store { place: place.clone(), reason };
            let file = StoreFile::read(path, region)?;
            let file = file.ok_or_else(|| fail("there is no such file".to_owned()))?;
            let mut data = Vec::new();
            for (zone, entries) in &file.zones {
                data.extend(listed(zone, entries).map_err(fail)?);
            }
            let zones = file.zones.keys();
            let zone_ages: BTreeMap<_, _> = zones.map(|it| (it.clone(), file.age(it))).collect();
            let at = zone_ages.values().min().map_or(file.at, |oldest| (*oldest).min(file.at));
            let empty = file.zones.iter().filter(|(_, entries)| entries.is_empty());
            let empty_zones = empty.map(|(zone, _)| zone.clone()).collect();
            Ok(Read { spot: Sourced { source: place.clone(), at, data }, empty_zones, zone_ages })
        }
    }
}

fn read_parameters(prefix: &str, region: &Region, cloud: &dyn Cloud) -> Result<Read, MarketError> {
    let (mut data, mut empty_zones) = (Vec::new(), BTreeSet::new());
    let mut zone_ages = BTreeMap::new();
    for parameter in cloud.parameters_below(region, prefix)? {
        let fail = |reason: String| MarketError::Store {
            place: format!("parameter {}", parameter.name),
            reason,
        };
        let Some(zone) = zone_of(&parameter.name, prefix, region) else { continue };
        let entries: Vec<Value> = serde_json::from_str(&parameter.value)
            .map_err(|error| fail(format!("it is no JSON list: {error}")))?;
        data.extend(listed(zone, &entries).map_err(fail)?);
        if entries.is_empty() {
            empty_zones.insert(zone.to_owned());
        }
        // One that does not tell its age is of any age.
        zone_ages.insert(zone.to_owned(), parameter.at.unwrap_or(Timestamp::UNIX_EPOCH));
    }
    let source = format!("SSM {prefix}");
    match zone_ages.values().min().copied() {
        Some(at) => Ok(Read { spot: Sourced { source, at, data }, empty_zones, zone_ages }),
        None => Err(MarketError::Store {
            place: source,
            reason: format!("there is no parameter {prefix}/ZONE of a zone of {region}"),
        }),
    }
}

/// The zone of a parameter. Others may keep more below the same path, and deeper below.
fn zone_of<'a>(name: &'a str, prefix: &str, region: &Region) -> Option<&'a str> {
    let zone = name.strip_prefix(prefix)?.strip_prefix('/')?;
    (zone.starts_with(region.as_str()) && !zone.contains('/')).then_some(zone)
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

/// What is to be written, compared with what is kept.
#[derive(Clone, Debug)]
pub struct Draft {
    /// How many zones have offers.
    pub zones: usize,
    /// What is kept of each zone that changes, null if nothing is, and what will be.
    pub changes: BTreeMap<String, (Value, Value)>,
    /// Zones of which something is kept and no price is known now: that stays, and grows old.
    pub unpriced: Vec<String>,
    writes: Vec<Write>,
}

#[derive(Clone, Debug)]
enum Write {
    /// It may hold what is kept already, and only date it anew.
    Parameter {
        name: String,
        text: String,
        is_change: bool,
    },
    File {
        path: PathBuf,
        text: Vec<u8>,
    },
}

/// Which zones a refresh is about, and what is known of them.
struct Scope<'a> {
    market: &'a Market,
    /// Those that were asked for; all if empty.
    asked: &'a [String],
    /// Those of which their source tells prices, or that nothing is offered there.
    known: BTreeSet<&'a str>,
}

impl Scope<'_> {
    fn is_ours(&self, zone: &str) -> bool {
        zone.starts_with(self.market.region.as_str())
            && (self.asked.is_empty() || self.asked.iter().any(|it| it == zone))
    }

    /// A zone without any price is one that nobody told of, and not one without offers.
    fn is_known(&self, zone: &str) -> bool {
        self.known.contains(zone)
    }

    /// Since when the oldest prices are known of those that are kept now.
    fn oldest(&self) -> Timestamp {
        let ours = self.known.iter().filter(|zone| self.is_ours(zone));
        ours.map(|zone| self.market.priced_at(zone)).min().unwrap_or(self.market.spot.at)
    }
}

/// Compares a ranking of a market with what is kept. A zone that was looked at and has prices, and no offers any more, is to have an empty
/// list: what is kept would be launched from. One without any price keeps its own. What is written is never younger than the prices; now it is `at`. What is the same is written again when it is [`FRESH_S`] old, so that its age tells when it was looked at.
///
/// # Errors
///
/// What is kept cannot be read or is no store, a list does not fit, or the prices are old and the store would date them now.
pub fn draft(
    store: &Store,
    market: &Market,
    ranking: &Ranking,
    looked_at: &[String],
    at: Timestamp,
    cloud: &dyn Cloud,
) -> Result<Draft, MarketError> {
    let zones: BTreeSet<&str> = ranking.offers.iter().map(|offer| offer.zone.as_str()).collect();
    let lists = zones.iter().map(|zone| ((*zone).to_owned(), Value::Array(list(ranking, zone))));
    let lists: BTreeMap<String, Value> = lists.collect();
    let (changes, unpriced, writes) = (BTreeMap::new(), Vec::new(), Vec::new());
    let mut draft = Draft { zones: lists.len(), changes, unpriced, writes };
    let priced = market.spot.data.iter().map(|price| price.zone.as_str());
    let known = priced.chain(market.empty_zones.iter().map(String::as_str)).collect();
    let scope = Scope { market, asked: looked_at, known };
    match store {
        Store::Ssm { prefix } => {
            let age_s = at.as_second() - scope.oldest().as_second();
            if age_s > REDATED_S {
                return Err(MarketError::Redated { place: format!("SSM {prefix}"), age_s });
            }
            let kept = cloud.parameters_below(&market.region, prefix)?;
            draft.parameters(prefix, kept, lists, at, &scope)?;
        }
        Store::File(path) => draft.file(path, lists, at, &scope)?,
    }
    Ok(draft)
}

fn is_old(then: Option<Timestamp>, at: Timestamp) -> bool {
    then.is_none_or(|then| at.as_second() - then.as_second() >= FRESH_S)
}

impl Draft {
    fn parameters(
        &mut self,
        prefix: &str,
        kept: Vec<Parameter>,
        mut lists: BTreeMap<String, Value>,
        at: Timestamp,
        scope: &Scope<'_>,
    ) -> Result<(), MarketError> {
        let kept = kept.into_iter().filter_map(|it| {
            let zone = zone_of(&it.name, prefix, &scope.market.region)?.to_owned();
            Some((zone, it))
        });
        let kept: BTreeMap<String, Parameter> = kept.collect();
        for zone in kept.keys().filter(|zone| scope.is_ours(zone)) {
            match scope.is_known(zone) {
                true => drop(lists.entry(zone.clone()).or_insert_with(|| json!([]))),
                false => self.unpriced.push(zone.clone()),
            }
        }
        for (zone, list) in lists {
            let (name, text) = (format!("{prefix}/{zone}"), list.to_string());
            if text.len() > LARGEST {
                let reason = format!(
                    "they are {} bytes, and a parameter takes {LARGEST}: lower top_n_per_az",
                    text.len()
                );
                return Err(MarketError::Store { place: name, reason });
            }
            let before = kept.get(&zone);
            // What is no JSON is shown as it is.
            let was = before.map_or(Value::Null, |it| {
                serde_json::from_str(&it.value).unwrap_or_else(|_| json!(it.value))
            });
            let is_change = was != list;
            if is_change || is_old(before.and_then(|it| it.at), at) {
                self.writes.push(Write::Parameter { name, text, is_change });
            }
            self.compare(zone, was, list);
        }
        Ok(())
    }

    fn file(
        &mut self,
        path: &Path,
        mut lists: BTreeMap<String, Value>,
        at: Timestamp,
        scope: &Scope<'_>,
    ) -> Result<(), MarketError> {
        let market = scope.market;
        let file = StoreFile::read(path, &market.region)?;
        let is_looked_at = |zone: &str| scope.is_ours(zone) && scope.is_known(zone);
        let mut ages: BTreeMap<String, Timestamp> =
            lists.keys().map(|zone| (zone.clone(), market.priced_at(zone))).collect();
        for (zone, before) in file.iter().flat_map(|file| &file.zones) {
            if scope.is_ours(zone) && !scope.is_known(zone) {
                self.unpriced.push(zone.clone());
            }
            // Nobody asked about the others, or told of them: they stay, and are as old as they were.
            let seen = market.priced_at(zone);
            let (stays, age) = match is_looked_at(zone) {
                true => (Vec::new(), seen),
                false => (before.clone(), file.as_ref().map_or(seen, |it| it.age(zone))),
            };
            lists.entry(zone.clone()).or_insert_with(|| Value::Array(stays));
            ages.entry(zone.clone()).or_insert(age);
        }
        let ours = |zone: &&String| is_looked_at(zone);
        let then = |file: &StoreFile| ages.keys().filter(ours).map(|zone| file.age(zone)).min();
        let then = file.as_ref().and_then(then);
        let kept = file.map(|it| it.zones).unwrap_or_default();
        let array = |list: &Value| list.as_array().cloned().unwrap_or_default();
        let zones = lists.iter().map(|(zone, list)| (zone.clone(), array(list))).collect();
        for (zone, list) in lists {
            let was = kept.get(&zone).map_or(Value::Null, |it| Value::Array(it.clone()));
            self.compare(zone, was, list);
        }
        if !self.changes.is_empty() || is_old(then, at) {
            let oldest = ages.values().min().copied().unwrap_or(market.spot.at);
            let region = market.region.to_string();
            let file = StoreFile { region, at: oldest, ages, zones };
            let text = serde_json::to_vec_pretty(&file).map_err(|error| MarketError::Store {
                place: path.display().to_string(),
                reason: error.to_string(),
            })?;
            self.writes.push(Write::File { path: path.to_owned(), text });
        }
        Ok(())
    }

    fn compare(&mut self, zone: String, was: Value, list: Value) {
        if was != list {
            self.changes.insert(zone, (was, list));
        }
    }

    /// Writes it.
    ///
    /// # Errors
    ///
    /// It cannot be written; with how many parameters hold another list since, those of which no answer came among them.
    pub fn write(&self, region: &Region, cloud: &dyn Cloud) -> Result<(), (MarketError, usize)> {
        let mut changed = 0;
        for write in &self.writes {
            match write {
                Write::Parameter { name, text, is_change } => {
                    let put = cloud.put_parameter(region, name, text);
                    let may_be = put.as_ref().err().is_none_or(Ec2Error::may_be_done);
                    changed += usize::from(*is_change && may_be);
                    put.map_err(|error| (error.into(), changed))?;
                }
                Write::File { path, text } => {
                    whole(path, text).map_err(|error| (error, changed))?;
                }
            }
        }
        Ok(())
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_what_is_directly_below_the_prefix() {
        let region = Region::new("eu-west-1");
        let of = |name| zone_of(name, "/prices", &region);
        assert_eq!(of("/prices/eu-west-1a"), Some("eu-west-1a"));
        for other in [
            "/prices/old/eu-west-1a",
            "/prices/eu-west-1a/old",
            "/prices2/eu-west-1a",
            "/prices/eu-west-2a",
            "/prices/notes",
            "/prices",
        ] {
            assert_eq!(of(other), None, "{other}");
        }
    }
}
