//! The stages: join, filter, score, order, cap.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::fault::{Nearest, NothingLeft, RankError};
use super::policy::Policy;
use super::rules::{Miss, Rule, Subject, misses};
use super::score::{Chances, Score, score};
use crate::domain::{Interruption, MachineType, Market, MicroUsd, SpotPrice};

/// What can be had: a type in a zone, with all that is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The type.
    pub kind: MachineType,
    /// The zone.
    pub zone: String,
    /// What an hour costs.
    pub price: MicroUsd,
    /// Since when, where that is told.
    pub since: Option<Timestamp>,
    /// What an hour costs on demand.
    pub on_demand: Option<MicroUsd>,
    /// What is saved, in hundredths of a percent of that.
    pub saving: Option<i64>,
    /// How often the type is taken back.
    pub interruption: Option<Interruption>,
    /// How likely a request succeeds in the zone, from 1 to 10.
    pub placement: Option<u8>,
    /// What it is ranked by.
    pub score: Score,
}

impl Offer {
    /// Ties of the score end by name, so that none is left to chance.
    fn key(&self) -> (u128, &str, &str) {
        (self.score.total_pico_usd, &self.kind.name, &self.zone)
    }
}

/// An offer that rules dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// What was dropped.
    pub offer: Offer,
    /// By which rules.
    pub misses: Vec<Miss>,
}

/// What cut an offer off that fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cap {
    /// `max_per_family_per_az`.
    Family,
    /// `top_n_per_az`.
    Zone,
}

/// An offer that fits, behind enough better ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capped {
    /// What was cut off.
    pub offer: Offer,
    /// By what.
    pub cap: Cap,
}

/// What came of ranking.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ranking {
    /// What fits, the best first over all zones.
    pub offers: Vec<Offer>,
    /// What does not, by name.
    pub dropped: Vec<Dropped>,
    /// What fits and was cut off, the best first.
    pub capped: Vec<Capped>,
    /// Types with a price that nobody described; they are no offers.
    pub undescribed: Vec<String>,
    /// Zones that were asked for and have no price at all.
    pub unpriced_zones: Vec<String>,
}

impl Ranking {
    /// The offers of a zone, the best first.
    pub fn of_zone<'a>(&'a self, zone: &'a str) -> impl Iterator<Item = &'a Offer> {
        self.offers.iter().filter(move |offer| offer.zone == zone)
    }

    /// The types of which an offer fits, cut off or not, the best first.
    pub fn fitting_types(&self) -> Vec<String> {
        let capped = self.capped.iter().map(|capped| &capped.offer);
        let mut fitting: Vec<&Offer> = self.offers.iter().chain(capped).collect();
        fitting.sort_by(|a, b| a.key().cmp(&b.key()));
        let mut seen = BTreeSet::new();
        let names = fitting.into_iter().map(|offer| &offer.kind.name);
        names.filter(|name| seen.insert(*name)).cloned().collect()
    }

    /// Why there is no offer; none if there is one.
    pub fn nothing_left(&self) -> Option<NothingLeft> {
        if !self.offers.is_empty() {
            return None;
        }
        let mut counts: BTreeMap<Rule, usize> = BTreeMap::new();
        for miss in self.dropped.iter().flat_map(|dropped| &dropped.misses) {
            *counts.entry(miss.rule).or_default() += 1;
        }
        let mut dropped_by: Vec<(Rule, usize)> = counts.into_iter().collect();
        dropped_by.sort_by_key(|(rule, count)| (usize::MAX - count, *rule));
        let far = |dropped: &&Dropped| {
            // What is missed by yes or no is farther than anything that is missed by a number.
            let far = dropped.misses.iter().map(|miss| miss.off_by.unwrap_or(u64::from(u32::MAX)));
            (dropped.misses.len(), far.fold(0_u64, u64::saturating_add))
        };
        let nearest = self.dropped.iter().min_by_key(far).map(|dropped| Nearest {
            instance_type: dropped.offer.kind.name.clone(),
            zone: dropped.offer.zone.clone(),
            misses: dropped.misses.clone(),
        });
        Some(NothingLeft { considered: self.dropped.len(), dropped_by, nearest })
    }
}

/// Ranks what a market offers.
///
/// # Errors
///
/// The policy contradicts itself, a source told nothing at all, or a rule is about what nobody was asked for. That nothing
/// fits is no error: see [`Ranking::nothing_left`].
pub fn rank(market: &Market, policy: &Policy) -> Result<Ranking, RankError> {
    policy.check()?;
    fed(market, policy)?;
    let kinds = described(&market.types.data);
    let mut ranking = Ranking::default();
    let mut undescribed = BTreeSet::new();
    let mut unpriced: BTreeSet<&str> = policy.zones.iter().map(String::as_str).collect();
    let mut fitting = Vec::new();
    for price in joined(&market.spot.data, &policy.zones).into_values() {
        unpriced.remove(price.zone.as_str());
        let Some(kind) = kinds.get(price.machine_type.as_str()) else {
            undescribed.insert(price.machine_type.clone());
            continue;
        };
        let offer = offer(market, policy, kind, price);
        let subject = Subject {
            kind,
            price: offer.price,
            on_demand: offer.on_demand,
            interruption: offer.interruption,
        };
        let misses = misses(policy, &subject);
        if misses.is_empty() {
            fitting.push(offer);
        } else {
            ranking.dropped.push(Dropped { offer, misses });
        }
    }
    fitting.sort_by(|a, b| a.key().cmp(&b.key()));
    cap(policy, fitting, &mut ranking);
    ranking.undescribed = undescribed.into_iter().collect();
    ranking.unpriced_zones = unpriced.into_iter().map(str::to_owned).collect();
    Ok(ranking)
}

/// A source that told nothing has failed, whatever it says of itself.
fn fed(market: &Market, policy: &Policy) -> Result<(), RankError> {
    let empty = |figure: &'static str, source: &str| RankError::Empty {
        figure,
        source_name: source.to_owned(),
        region: market.region.to_string(),
    };
    if market.types.data.is_empty() {
        return Err(empty("instance types", &market.types.source));
    }
    if market.spot.data.is_empty() {
        return Err(empty("spot prices", &market.spot.source));
    }
    if let Some(prices) = market.on_demand.as_ref().filter(|it| it.data.is_empty()) {
        return Err(empty("on-demand prices", &prices.source));
    }
    if let Some(rates) = market.interruptions.as_ref().filter(|it| it.data.is_empty()) {
        return Err(empty("interruption rates", &rates.source));
    }
    if let Some(scores) = market.placement.as_ref().filter(|it| it.data.is_empty()) {
        return Err(empty("placement scores", &scores.source));
    }
    let quoted = market.spot.data.iter().any(|price| price.on_demand.is_some());
    if policy.needs_on_demand() && market.on_demand.is_none() && !quoted {
        let rule = match policy.min_saving_percent {
            Some(_) => Rule::MinSavingPercent,
            None => Rule::MaxPricePercent,
        };
        return Err(RankError::Unsourced { rule, figure: "on-demand prices" });
    }
    if policy.needs_interruptions() && market.interruptions.is_none() {
        let rule = Rule::MaxInterruption;
        return Err(RankError::Unsourced { rule, figure: "interruption rates" });
    }
    Ok(())
}

/// The types by name; of two descriptions of one, always the same.
fn described(types: &[MachineType]) -> BTreeMap<&str, &MachineType> {
    let mut kinds: BTreeMap<&str, &MachineType> = BTreeMap::new();
    for kind in types {
        let place = kinds.entry(&kind.name).or_insert(kind);
        *place = kind.min(place);
    }
    kinds
}

/// The lowest price of each type in each zone.
fn joined<'a>(
    prices: &'a [SpotPrice],
    zones: &[String],
) -> BTreeMap<(&'a str, &'a str), &'a SpotPrice> {
    let mut lowest: BTreeMap<(&str, &str), &SpotPrice> = BTreeMap::new();
    // Beyond the price, what is told of it decides which of two equal ones stays, so that their order does not.
    let key = |it: &SpotPrice| (it.price, it.since, it.on_demand);
    for price in prices.iter().filter(|it| zones.is_empty() || zones.contains(&it.zone)) {
        let place = lowest.entry((&price.machine_type, &price.zone)).or_insert(price);
        if key(price) < key(place) {
            *place = price;
        }
    }
    lowest
}

fn offer(market: &Market, policy: &Policy, kind: &MachineType, price: &SpotPrice) -> Offer {
    let listed = market.on_demand.as_ref().and_then(|it| it.data.get(&kind.name)).copied();
    let on_demand = listed.or(price.on_demand);
    let interruption =
        market.interruptions.as_ref().and_then(|it| it.data.get(&kind.name)).copied();
    let placement = market.placement.as_ref().and_then(|it| it.data.get(&price.zone)).copied();
    let chances = Chances {
        rates_known: market.interruptions.is_some(),
        interruption,
        placements_known: market.placement.is_some(),
        placement,
    };
    Offer {
        kind: kind.clone(),
        zone: price.zone.clone(),
        price: price.price,
        since: price.since,
        on_demand,
        saving: on_demand.and_then(|full| price.price.saving_over(full)),
        interruption,
        placement,
        score: score(&policy.weights, price.price, kind.vcpus, kind.memory_mib, &chances),
    }
}

/// Zone by zone: so many of a family, and of those so many.
fn cap(policy: &Policy, fitting: Vec<Offer>, ranking: &mut Ranking) {
    let mut of_family: BTreeMap<(String, String), u32> = BTreeMap::new();
    let mut of_zone: BTreeMap<String, u32> = BTreeMap::new();
    for offer in fitting {
        let family = (offer.zone.clone(), offer.kind.family().to_owned());
        let family = of_family.entry(family).or_default();
        let zone = of_zone.entry(offer.zone.clone()).or_default();
        if policy.max_per_family_per_az.is_some_and(|most| *family >= most) {
            ranking.capped.push(Capped { offer, cap: Cap::Family });
        } else if *zone >= policy.top_n_per_az {
            ranking.capped.push(Capped { offer, cap: Cap::Zone });
        } else {
            *family += 1;
            *zone += 1;
            ranking.offers.push(offer);
        }
    }
}
