//! How old the figures are.

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
    /// How old it is, in seconds; below 0 if it was told in the future.
    pub age_s: i64,
    /// How old it may be, in seconds.
    pub bound_s: i64,
}

impl fmt::Display for Stale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, source, age, bound) =
            (self.figure.as_str(), &self.source, self.age_s, self.bound_s);
        if age < 0 {
            return write!(
                f,
                "{what} of {source} are dated {} s in the future",
                age.unsigned_abs()
            );
        }
        write!(f, "{what} of {source} are {age} s old, more than the {bound} s allowed")
    }
}

/// A clock may be off by so much, in seconds.
const CLOCK_SKEW: i64 = 300;

/// Every figure that is older than `max_age_s`; for what changes by the week a month is always young enough. A date in the
/// future proves nothing of age, so it is as good as an old one.
pub fn stale(market: &Market, max_age_s: u32, now: Timestamp) -> Vec<Stale> {
    let figures = [
        Some((Figure::InstanceTypes, &market.types.source, market.types.at)),
        Some((Figure::SpotPrices, &market.spot.source, market.spot.at)),
        market.on_demand.as_ref().map(|it| (Figure::OnDemandPrices, &it.source, it.at)),
        market.interruptions.as_ref().map(|it| (Figure::Interruptions, &it.source, it.at)),
        market.placement.as_ref().map(|it| (Figure::PlacementScores, &it.source, it.at)),
    ];
    let judged = figures.into_iter().flatten().filter_map(|(figure, source, at)| {
        let age_s = now.as_second() - at.as_second();
        let bound_s = figure.patience(i64::from(max_age_s));
        let is_stale = age_s > bound_s || age_s < -CLOCK_SKEW;
        is_stale.then(|| Stale { figure, source: source.clone(), age_s, bound_s })
    });
    judged.collect()
}
