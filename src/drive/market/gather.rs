//! One look at a region's market, from all the sources that are named.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use jiff::Timestamp;

use super::store::{self, Read, Store};
use super::{Cloud, MarketError, advisor, prices};
use crate::domain::{Market, Region, Sourced};
use crate::drive::ec2::Ec2Error;
use crate::plan::offers::{Policy, rank};

/// Where spot prices come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SpotFrom {
    /// EC2, now.
    Market,
    /// What was kept.
    Store(Store),
}

/// Where on-demand prices come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OnDemandFrom {
    /// The Pricing API.
    Api,
    /// A file.
    File(PathBuf),
    /// Nowhere.
    Nowhere,
}

/// What is to be known, and from where.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The region.
    pub region: Region,
    /// Zones that must exist.
    pub zones: Vec<String>,
    /// Names of types, with `*` and `?`, that the answer may be limited to; none for all.
    pub patterns: Vec<String>,
    /// Where spot prices come from.
    pub spot: SpotFrom,
    /// Where on-demand prices come from.
    pub on_demand: OnDemandFrom,
    /// Address or path of the interruption feed.
    pub interruptions: Option<(String, PathBuf)>,
    /// For how many machines placement scores are asked for; none to leave them.
    pub placement: Option<u32>,
    /// What a type has to be for its score to matter.
    pub policy: Policy,
}

/// EC2 scores at most so many types at once.
///
/// Source: EC2 API reference, `GetSpotPlacementScores`, parameter `InstanceType.N`.
const MOST_SCORED: usize = 1000;

/// Looks, all sources at once.
///
/// # Errors
///
/// A source that is named does not tell, or a zone or a type that is named by its whole name does not exist.
pub fn gather(wanted: &Wanted, cloud: &dyn Cloud, now: Timestamp) -> Result<Market, MarketError> {
    let region = &wanted.region;
    let sourced = |source: &str| source.to_owned();
    let (types, spot, on_demand, interruptions) = std::thread::scope(|scope| {
        let types = scope.spawn(|| cloud.machine_types(region, &wanted.patterns));
        let spot = scope.spawn(|| match &wanted.spot {
            SpotFrom::Market => {
                let data = cloud.spot_prices(region, now)?;
                let source = sourced("EC2 DescribeSpotPriceHistory");
                let (empty_zones, zone_ages) = (BTreeSet::new(), BTreeMap::new());
                Ok(Read { spot: Sourced { source, at: now, data }, empty_zones, zone_ages })
            }
            SpotFrom::Store(store) => store::read(store, region, cloud),
        });
        let on_demand = scope.spawn(|| match &wanted.on_demand {
            OnDemandFrom::Api => {
                let data = cloud.on_demand_prices(region)?;
                Ok(Some(Sourced { source: sourced("AWS Pricing GetProducts"), at: now, data }))
            }
            OnDemandFrom::File(path) => prices::read(path, region).map(Some),
            OnDemandFrom::Nowhere => Ok(None),
        });
        let rates = wanted.interruptions.as_ref();
        let rates = rates.map(|(source, path)| advisor::read(source, path, region, now));
        (joined(types), joined(spot), joined(on_demand), rates.transpose())
    });
    let types = types??;
    known_zones(wanted, cloud)?;
    for name in wanted.patterns.iter().filter(|name| !name.contains(['*', '?'])) {
        if !types.iter().any(|kind| kind.name == *name) {
            return Err(MarketError::NoType { name: name.clone(), region: region.to_string() });
        }
    }
    let Read { spot, empty_zones, zone_ages } = spot??;
    let mut market = Market {
        region: region.clone(),
        types: Sourced { source: sourced("EC2 DescribeInstanceTypes"), at: now, data: types },
        spot,
        empty_zones,
        zone_ages,
        on_demand: on_demand??,
        interruptions: interruptions?,
        placement: None,
    };
    if let Some(count) = wanted.placement {
        // What cannot be ranked is told by whoever ranks it, and of nothing that fits there is no score.
        let fitting = rank(&market, &wanted.policy).map(|it| it.fitting_types());
        let (names, source) = scored(fitting.unwrap_or_default());
        if !names.is_empty() {
            let data = cloud.placement_scores(region, &names, count)?;
            market.placement = Some(Sourced { source, at: now, data });
        }
    }
    Ok(market)
}

/// The types whose scores are asked for, of those that fit, the best first; and what is told of that.
fn scored(mut fitting: Vec<String>) -> (Vec<String>, String) {
    const SOURCE: &str = "EC2 GetSpotPlacementScores";
    let all = fitting.len();
    fitting.truncate(MOST_SCORED);
    match all > MOST_SCORED {
        false => (fitting, SOURCE.to_owned()),
        true => (fitting, format!("{SOURCE} (of the best {MOST_SCORED} of {all} types that fit)")),
    }
}

fn known_zones(wanted: &Wanted, cloud: &dyn Cloud) -> Result<(), MarketError> {
    if wanted.zones.is_empty() {
        return Ok(());
    }
    let known = cloud.zones(&wanted.region)?;
    match wanted.zones.iter().find(|zone| !known.contains_key(*zone)) {
        None => Ok(()),
        Some(zone) => Err(MarketError::NoZone {
            zone: zone.clone(),
            region: wanted.region.to_string(),
            known: known.into_keys().collect(),
        }),
    }
}

/// A thread that panicked has no answer.
fn joined<T>(thread: std::thread::ScopedJoinHandle<'_, T>) -> Result<T, MarketError> {
    thread.join().map_err(|_| {
        MarketError::Ec2(Ec2Error::Failed(
            "ask for the market: a thread has ended early".to_owned(),
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_asked_for_of_the_best_and_what_is_left_out_is_told() {
        let fitting = |many: usize| (0..many).rev().map(|it| format!("f{it:04}.large")).collect();
        let (names, source) = scored(fitting(1000));
        assert_eq!((names.len(), source.as_str()), (1000, "EC2 GetSpotPlacementScores"));
        let (names, source) = scored(fitting(1203));
        assert_eq!((names.len(), names[0].as_str()), (1000, "f1202.large"), "not by name");
        assert!(source.ends_with("(of the best 1000 of 1203 types that fit)"), "{source}");
    }
}
