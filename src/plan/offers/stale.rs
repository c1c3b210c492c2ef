//! How old the figures are.

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;
use serde::Serialize;

use crate::domain::Market;

/// What a market is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Figure {
    /// What the types are.
    InstanceTypes,
    /// Spot prices.
    SpotPrices,
    /// On-demand prices.
    OnDemandPrices,
    /// Interruption rates.
    Interruptions,
    /// Placement scores.
    PlacementScores,
}

impl Figure {
    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InstanceTypes => "instance types",
            Self::SpotPrices => "spot prices",
            Self::OnDemandPrices => "on-demand prices",
            Self::Interruptions => "interruption rates",
            Self::PlacementScores => "placement scores",
        }
    }

    /// Types, on-demand prices and rates change by the week, not by the minute.
    fn patience(self, of_prices: i64) -> i64 {
        const MONTH: i64 = 30 * 86_400;
        match self {
            Self::SpotPrices | Self::PlacementScores => of_prices,
            Self::InstanceTypes | Self::OnDemandPrices | Self::Interruptions => {
                of_prices.max(MONTH)
            }
        }
    }
}

/// A figure that is older than it may be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stale {
    /// What.
    pub figure: Figure,
    /// Who told it.
    pub source: String,
    /// Of spot prices the zones, where each has its own age; of all else none.
    pub zones: Vec<String>,
    /// How old the oldest is, in seconds; below 0 if it was told in the future.
    pub age_s: i64,
    /// How old it may be, in seconds.
    pub bound_s: i64,
}

impl fmt::Display for Stale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, source, age, bound) =
            (self.figure.as_str(), &self.source, self.age_s, self.bound_s);
        write!(f, "{what} of {source}")?;
        if !self.zones.is_empty() {
            write!(f, " in {}", self.zones.join(", "))?;
        }
        let most = if self.zones.len() > 1 { "up to " } else { "" };
        if age < 0 {
            return write!(f, " are dated {most}{} s in the future", age.unsigned_abs());
        }
        write!(f, " are {most}{age} s old, more than the {bound} s allowed")
    }
}

/// A clock may be off by so much, in seconds.
const CLOCK_SKEW: i64 = 300;

/// Every figure that is older than `max_age_s`; for what changes by the week a month is always young enough. A date in the
/// future proves nothing of age, so it is as good as an old one. Where zones have their own ages, those of the zones that are wanted count.
pub fn stale(
    market: &Market,
    is_wanted: &dyn Fn(&str) -> bool,
    max_age_s: u32,
    now: Timestamp,
) -> Vec<Stale> {
    let figures = [
        Some((Figure::InstanceTypes, &market.types.source, market.types.at)),
        market.on_demand.as_ref().map(|it| (Figure::OnDemandPrices, &it.source, it.at)),
        market.interruptions.as_ref().map(|it| (Figure::Interruptions, &it.source, it.at)),
        market.placement.as_ref().map(|it| (Figure::PlacementScores, &it.source, it.at)),
    ];
    let judged = |figure: Figure, source: &str, at: Timestamp| {
        let age_s = now.as_second() - at.as_second();
        let bound_s = figure.patience(i64::from(max_age_s));
        let is_stale = age_s > bound_s || age_s < -CLOCK_SKEW;
        let (source, zones) = (source.to_owned(), Vec::new());
        is_stale.then_some(Stale { figure, source, zones, age_s, bound_s })
    };
    let of_prices = |at: Timestamp| judged(Figure::SpotPrices, &market.spot.source, at);
    let mut all = match market.zone_ages.is_empty() {
        true => of_prices(market.spot.at).into_iter().collect(),
        false => {
            let zones = priced(market).into_iter().filter(|zone| is_wanted(zone));
            let each = zones.filter_map(|zone| Some((zone, of_prices(market.priced_at(zone))?)));
            together(each)
        }
    };
    all.extend(figures.into_iter().flatten().filter_map(|(what, from, at)| judged(what, from, at)));
    all.sort_by_key(|it| it.figure);
    all
}

/// The zones of which spot prices are told, or that there are none.
fn priced(market: &Market) -> BTreeSet<&str> {
    let zones = market.spot.data.iter().map(|price| price.zone.as_str());
    let zones = zones.chain(market.empty_zones.iter().map(String::as_str));
    zones.chain(market.zone_ages.keys().map(String::as_str)).collect()
}

/// Old zones in one, and those of the future in another.
fn together<'a>(each: impl Iterator<Item = (&'a str, Stale)>) -> Vec<Stale> {
    let mut all: Vec<Stale> = Vec::new();
    for (zone, stale) in each {
        let is_early = stale.age_s < 0;
        match all.iter_mut().find(|it| (it.age_s < 0) == is_early) {
            None => all.push(Stale { zones: vec![zone.to_owned()], ..stale }),
            Some(one) => {
                one.zones.push(zone.to_owned());
                let most = if is_early { i64::min } else { i64::max };
                one.age_s = most(one.age_s, stale.age_s);
            }
        }
    }
    all
}
