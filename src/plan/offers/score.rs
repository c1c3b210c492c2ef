//! What an offer is worth: its price, made dearer by what speaks against it.

use std::fmt;

use serde::Serialize;

use super::policy::{Policy, Weights};
use crate::domain::{Interruption, Market, MicroUsd};

/// What a rate that is not known counts as: unknown is never better than known.
const WORST_RATE: u64 = 25;
/// The best placement score that EC2 gives, and the worst.
const BEST_PLACEMENT: u64 = 10;
const WORST_PLACEMENT: u64 = 1;
/// Fine enough to tell any two prices over any two numbers of processors up to a thousand apart.
const PICO_PER_MICRO: u128 = 1_000_000;
const MIB_PER_GIB: u128 = 1024;

/// The score and what it is made of; less is better. The unit of money is the millionth of a millionth of a dollar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Score {
    /// What offers are ranked by.
    pub total_pico_usd: u128,
    /// The price of an hour of one virtual processor.
    pub per_vcpu_pico_usd: u128,
    /// The price of an hour of one GiB of memory.
    pub per_gib_pico_usd: u128,
    /// What the interruption rate adds, in percent of the price.
    pub interruption_percent: u64,
    /// What the placement score adds, in percent of the price.
    pub placement_percent: u64,
}

/// What a policy weighs more than it does by itself, of which no figures were asked for, so that it adds nothing to any offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unweighed {
    /// Interruption rates, with their weight.
    Interruption(u32),
    /// Placement scores, with their weight.
    Placement(u32),
}

impl fmt::Display for Unweighed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, weight, option) = match self {
            Self::Interruption(weight) => ("interruptions", weight, "interruption_feed"),
            Self::Placement(weight) => ("placement", weight, "placement_target"),
        };
        write!(
            f,
            "the policy weighs {what} {weight} times, and nothing was asked of them, so they add nothing to any offer: give \
             {option}"
        )
    }
}

/// What the policy wants weighed and cannot be. The weights that a policy has by itself are not asked for by anybody.
pub fn unweighed(policy: &Policy, market: &Market) -> Vec<Unweighed> {
    let (asked, usual) = (policy.weights, Weights::default());
    let rates = market.interruptions.is_none() && asked.interruption > usual.interruption;
    let scores = market.placement.is_none() && asked.placement > usual.placement;
    let found = [
        (rates, Unweighed::Interruption(asked.interruption)),
        (scores, Unweighed::Placement(asked.placement)),
    ];
    found.into_iter().filter(|(is_it, _)| *is_it).map(|(_, it)| it).collect()
}

/// What is known of the chances of an offer.
pub(super) struct Chances {
    /// Whether rates were asked for at all; if not they add nothing to any offer.
    pub(super) rates_known: bool,
    pub(super) interruption: Option<Interruption>,
    /// Likewise for placement.
    pub(super) placements_known: bool,
    pub(super) placement: Option<u8>,
}

pub(super) fn score(
    weights: &Weights,
    price: MicroUsd,
    vcpus: u32,
    memory_mib: u64,
    chances: &Chances,
) -> Score {
    let pico = u128::from(price.micros()) * PICO_PER_MICRO;
    let per_vcpu = pico / u128::from(vcpus.max(1));
    let per_gib = pico * MIB_PER_GIB / u128::from(memory_mib.max(1));
    let (of_vcpu, of_gib) = (u128::from(weights.price_per_vcpu), u128::from(weights.price_per_gib));
    let base = (per_vcpu * of_vcpu + per_gib * of_gib) / (of_vcpu + of_gib).max(1);
    let rate = chances.interruption.map_or(WORST_RATE, |rate| u64::from(rate.percent()));
    let rate = if chances.rates_known { rate } else { 0 };
    let placement = chances.placement.map_or(WORST_PLACEMENT, u64::from);
    let lacks = BEST_PLACEMENT - placement.clamp(WORST_PLACEMENT, BEST_PLACEMENT);
    let lacks = if chances.placements_known { lacks } else { 0 };
    let interruption_percent = rate * u64::from(weights.interruption);
    let placement_percent = lacks * u64::from(weights.placement);
    let percent = 100 + u128::from(interruption_percent) + u128::from(placement_percent);
    Score {
        total_pico_usd: base * percent / 100,
        per_vcpu_pico_usd: per_vcpu,
        per_gib_pico_usd: per_gib,
        interruption_percent,
        placement_percent,
    }
}
