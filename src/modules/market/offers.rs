//! Offers as they are shown.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::{Market, MicroUsd, Sourced};
use crate::plan::offers::{Cap, Explained, Fate, Miss, NothingLeft, Offer, Ranking, Score};

/// An offer, with source and age of every figure.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(in crate::modules) struct Shown {
    /// Its place, from 1; 0 where it was dropped or cut off.
    rank: usize,
    /// The type.
    #[schemars(extend("x-sample" = "m7g.large"))]
    instance_type: String,
    /// The zone.
    #[schemars(extend("x-sample" = "eu-west-1a"))]
    zone: String,
    /// The architectures it runs.
    architectures: Vec<String>,
    /// Virtual processors.
    vcpus: u32,
    /// Memory, in MiB.
    memory_mib: u64,
    /// Price of an hour, in dollars.
    #[schemars(extend("x-sample" = "0.0353"))]
    price: String,
    /// The same in millionths of a dollar.
    price_micro_usd: u64,
    /// Since when it is in force, null where that is not told.
    price_since: Option<String>,
    /// Where it comes from, and how many seconds ago.
    price_source: ShownSource,
    /// Price of an hour on demand, in dollars, null where it is not known.
    on_demand_price: Option<String>,
    /// Likewise.
    on_demand_source: Option<ShownSource>,
    /// What is saved, in percent of on-demand, null where that is not known.
    saving_percent: Option<f64>,
    /// How often the type is taken back, null where that is not known.
    #[schemars(extend("x-sample" = "5-10%"))]
    interruption: Option<String>,
    /// Likewise.
    interruption_source: Option<ShownSource>,
    /// How likely a request succeeds in the zone, from 1 to 10, null where that is not known.
    placement_score: Option<u8>,
    /// Likewise.
    placement_source: Option<ShownSource>,
    /// What it is ranked by: dollars of an hour of what the weights say; less is better.
    score: ShownScore,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
struct ShownSource {
    /// Who told.
    #[schemars(extend("x-sample" = "EC2 DescribeSpotPriceHistory"))]
    source: String,
    /// How many seconds ago.
    age_seconds: i64,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
struct ShownScore {
    /// What offers are ordered by, in dollars.
    total: String,
    /// Dollars for each virtual processor.
    per_vcpu: String,
    /// Dollars for each GiB of memory.
    per_gib: String,
    /// What the interruption rate adds, in percent.
    interruption_percent: u64,
    /// What the placement score adds, in percent.
    placement_percent: u64,
}

/// What became of a type in a zone.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(in crate::modules) struct ShownExplanation {
    /// The zone.
    zone: String,
    /// `ranked`, `capped` or `dropped`.
    #[schemars(extend("x-sample" = "dropped"))]
    fate: String,
    /// Why, in words.
    reason: String,
    /// The rules that it misses.
    misses: Vec<ShownMiss>,
    /// The offer.
    offer: Shown,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
struct ShownMiss {
    /// The rule, named as the option of the policy.
    #[schemars(extend("x-sample" = "min_vcpus"))]
    rule: String,
    /// What it wants.
    wanted: String,
    /// What the offer has.
    found: String,
}

/// Everything was dropped: by what, and how near the nearest came.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(in crate::modules) struct ShownNothing {
    /// In words.
    reason: String,
    /// How many offers there were.
    considered: usize,
    /// How many of them each rule drops, the most first.
    dropped_by: Vec<ShownCount>,
    /// The offer that missed the fewest rules, and by the least.
    nearest: Option<ShownNearest>,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
struct ShownCount {
    /// The rule.
    rule: String,
    /// How many offers it drops.
    offers: usize,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
struct ShownNearest {
    /// The type.
    instance_type: String,
    /// The zone.
    zone: String,
    /// What it missed.
    misses: Vec<ShownMiss>,
}

impl From<&Miss> for ShownMiss {
    fn from(miss: &Miss) -> Self {
        Self { rule: miss.rule.to_string(), wanted: miss.wanted.clone(), found: miss.found.clone() }
    }
}

impl From<&NothingLeft> for ShownNothing {
    fn from(nothing: &NothingLeft) -> Self {
        let count = |(rule, offers): &(_, usize)| ShownCount {
            rule: crate::plan::offers::Rule::to_string(rule),
            offers: *offers,
        };
        Self {
            reason: nothing.to_string(),
            considered: nothing.considered,
            dropped_by: nothing.dropped_by.iter().map(count).collect(),
            nearest: nothing.nearest.as_ref().map(|nearest| ShownNearest {
                instance_type: nearest.instance_type.clone(),
                zone: nearest.zone.clone(),
                misses: nearest.misses.iter().map(ShownMiss::from).collect(),
            }),
        }
    }
}

/// The offers of a ranking, the best first.
pub(in crate::modules) fn shown(ranking: &Ranking, market: &Market, now: Timestamp) -> Vec<Shown> {
    let offers = (1..).zip(&ranking.offers);
    offers.map(|(rank, offer)| one(rank, offer, market, now)).collect()
}

/// What became of a type, zone by zone.
pub(in crate::modules) fn explained(
    all: &[Explained],
    market: &Market,
    now: Timestamp,
) -> Vec<ShownExplanation> {
    let explanation = |it: &Explained| {
        let (fate, rank, reason, misses) = match &it.fate {
            Fate::Ranked { in_zone, overall } => {
                let reason = format!("number {in_zone} in its zone, number {overall} over all");
                ("ranked", *overall, reason, Vec::new())
            }
            Fate::Capped(cap) => {
                let option = match cap {
                    Cap::Family => "max_per_family_per_az",
                    Cap::Zone => "top_n_per_az",
                };
                ("capped", 0, format!("it fits, and {option} better ones came before it"), vec![])
            }
            Fate::Dropped(misses) => {
                let words: Vec<String> = misses.iter().map(ToString::to_string).collect();
                let misses = misses.iter().map(ShownMiss::from).collect();
                ("dropped", 0, words.join(" and "), misses)
            }
        };
        ShownExplanation {
            zone: it.offer.zone.clone(),
            fate: fate.to_owned(),
            reason,
            misses,
            offer: one(rank, &it.offer, market, now),
        }
    };
    all.iter().map(explanation).collect()
}

fn one(rank: usize, offer: &Offer, market: &Market, now: Timestamp) -> Shown {
    let spot = age(&market.spot.source, market.priced_at(&offer.zone), now);
    let listed = market.on_demand.as_ref().filter(|it| it.data.contains_key(&offer.kind.name));
    let on_demand_source = match (listed, offer.on_demand) {
        (Some(list), _) => Some(source(list, now)),
        (None, Some(_)) => Some(spot.clone()),
        (None, None) => None,
    };
    let rates = market.interruptions.as_ref().filter(|_| offer.interruption.is_some());
    let scores = market.placement.as_ref().filter(|_| offer.placement.is_some());
    Shown {
        rank,
        instance_type: offer.kind.name.clone(),
        zone: offer.zone.clone(),
        architectures: offer.kind.architectures.clone(),
        vcpus: offer.kind.vcpus,
        memory_mib: offer.kind.memory_mib,
        price: offer.price.to_string(),
        price_micro_usd: offer.price.micros(),
        price_since: offer.since.map(|at| at.to_string()),
        price_source: spot,
        on_demand_price: offer.on_demand.map(|price| price.to_string()),
        on_demand_source,
        saving_percent: offer.saving.map(percent),
        interruption: offer.interruption.map(|rate| rate.as_str().to_owned()),
        interruption_source: rates.map(|rates| source(rates, now)),
        placement_score: offer.placement,
        placement_source: scores.map(|scores| source(scores, now)),
        score: score(&offer.score),
    }
}

fn source<T>(figures: &Sourced<T>, now: Timestamp) -> ShownSource {
    age(&figures.source, figures.at, now)
}

fn age(source: &str, at: Timestamp, now: Timestamp) -> ShownSource {
    ShownSource { source: source.to_owned(), age_seconds: now.as_second() - at.as_second() }
}

fn score(score: &Score) -> ShownScore {
    ShownScore {
        total: dollars(score.total_pico_usd),
        per_vcpu: dollars(score.per_vcpu_pico_usd),
        per_gib: dollars(score.per_gib_pico_usd),
        interruption_percent: score.interruption_percent,
        placement_percent: score.placement_percent,
    }
}

/// Rounded to millionths; what is ordered by is finer.
fn dollars(pico: u128) -> String {
    MicroUsd::new(u64::try_from(pico / 1_000_000).unwrap_or(u64::MAX)).to_string()
}

/// Hundredths of a percent, as percent.
#[expect(clippy::cast_precision_loss, reason = "a percentage has few digits")]
pub(in crate::modules) fn percent(hundredths: i64) -> f64 {
    hundredths as f64 / 100.0
}
