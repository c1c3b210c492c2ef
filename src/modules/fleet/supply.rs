//! The market as a launch sees it: how old it is where machines are wanted, what it offers there, and what it lacks.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::desk::Desk;
use crate::ansible::Failure;
use crate::domain::{Clock, Market};
use crate::drive::launch::{Built, Ground, Site};
use crate::drive::{Progress, watched};
use crate::modules::market;
use crate::plan::launch::Prices;
use crate::plan::offers::{Offer, Policy, Ranking, Stale, rank, stale, unweighed};

impl Desk<'_> {
    /// The market, young enough or allowed to be old, and its ranking, in which only what the image runs on fits.
    pub(in crate::modules) fn ranked(
        &self,
        built: Option<&Built>,
    ) -> Result<(Market, Ranking, Vec<String>), Failure> {
        let args = &self.args;
        let mut policy = args.policy.clone().unwrap_or_default().policy()?;
        if let Some(Built { image, architecture }) = built {
            let wanted = &policy.architectures;
            if !wanted.is_empty() && !wanted.contains(architecture) {
                return Err(Failure::new(format!(
                    "image {image} is for {architecture}, and the policy's architectures are {}: set architectures to {architecture}, or take another image; nothing was launched",
                    wanted.join(", ")
                )));
            }
            policy.architectures = vec![architecture.clone()];
        }
        let world = self.context.world;
        let now = self.clock.now();
        let progress = Progress::new(&self.clock, self.context.progress);
        let connect = || market::cloud(&args.connection, world);
        let asked = format!("reading the spot market of {}", self.region);
        let market = watched(&progress, &asked, || {
            args.sources.market(&self.region, &policy, false, &connect, &world.environment, now)
        })?;
        let old = self.old(&market, &policy, now)?;
        if !old.is_empty() && !args.allow_stale {
            let of_zones = old.iter().any(|it| !it.zones.is_empty());
            let leave = if of_zones { ", leave these zones out" } else { "" };
            let old: Vec<String> = old.iter().map(ToString::to_string).collect();
            return Err(Failure::new(format!(
                "{}: nothing was launched; refresh them{leave}, or set allow_stale",
                old.join("; ")
            )));
        }
        let mut old: Vec<String> = old.iter().map(ToString::to_string).collect();
        old.extend(unweighed(&policy, &market).iter().map(ToString::to_string));
        let ranking = rank(&market, &policy).map_err(|error| Failure::new(error.to_string()))?;
        match ranking.nothing_left() {
            Some(nothing) => {
                let runs =
                    built.map(|it| format!("; image {} is for {}", it.image, it.architecture));
                let runs = runs.unwrap_or_default();
                Err(Failure::new(format!("{nothing}{runs}; nothing was launched")))
            }
            None => Ok((market, ranking, old)),
        }
    }

    /// Whether machines may be in a zone, as far as policy and option say.
    fn wants(&self, policy: &Policy, zone: &str) -> bool {
        let named = self.args.zones.as_deref().unwrap_or_default();
        policy.takes(zone) && (named.is_empty() || named.iter().any(|it| it == zone))
    }

    /// What is too old of the zones in which machines are wanted. Where others are kept with them, that those grow old is no matter.
    fn old(&self, market: &Market, policy: &Policy, now: Timestamp) -> Result<Vec<Stale>, Failure> {
        let bound = self.args.sources.max_price_age;
        let old = stale(market, &|zone| self.wants(policy, zone), bound, now);
        let subnets = self.args.subnets.as_deref().unwrap_or_default();
        if subnets.is_empty() || old.iter().all(|it| it.zones.is_empty()) {
            return Ok(old);
        }
        let subnets = self.cloud.subnets(&self.region, subnets)?;
        let has = |zone: &str| subnets.iter().any(|it| it.zone == zone);
        Ok(stale(market, &|zone| self.wants(policy, zone) && has(zone), bound, now))
    }

    /// Takes named zones without an offer out of the site as long as another is left, and tells which.
    pub(super) fn narrowed(
        &self,
        site: &mut Site,
        offers: &[Offer],
    ) -> Result<Vec<String>, Failure> {
        let is_offered = |zone: &String| offers.iter().any(|it| it.zone == *zone);
        if !site.zones.iter().any(is_offered) || site.zones.iter().all(is_offered) {
            return Ok(Vec::new());
        }
        // What does not exist is refused.
        let known = self.cloud.zones(&self.region)?;
        let zones = std::mem::take(&mut site.zones).into_iter();
        let (left, out): (Vec<String>, Vec<String>) =
            zones.partition(|zone| is_offered(zone) || !known.contains_key(zone));
        site.zones = left;
        let nothing = |zone: String| format!("{OFFER} in {zone}: nothing is launched there");
        Ok(out.into_iter().map(nothing).collect())
    }

    /// What zones lack in which machines are wanted.
    ///
    /// # Errors
    ///
    /// No price of one of them is known, and that is not allowed.
    pub(super) fn lacking(&self, ground: &Ground, market: &Market) -> Result<Vec<String>, Failure> {
        let unpriced = self.unpriced(ground, market)?;
        let mut lacking: Vec<String> = unpriced.iter().map(|it| lacks(PRICE, it, ground)).collect();
        if !unpriced.is_empty() && !self.args.allow_stale {
            let then = ground.zones.iter().map(|zone| market.priced_at(zone)).min();
            let then = then.unwrap_or(market.spot.at);
            return Err(Failure::new(format!(
                "{} (spot prices of {}, {} s old); nothing was launched: refresh them, leave that zone out, or set allow_stale",
                lacking.join("; "),
                market.spot.source,
                self.clock.now().as_second() - then.as_second()
            )));
        }
        if self.args.zones.as_ref().is_none_or(Vec::is_empty) {
            let all = ground.subnets.keys();
            let left = all.filter(|it| !ground.zones.contains(*it) && !unpriced.contains(it));
            lacking.extend(left.map(|zone| lacks(OFFER, zone, ground)));
        }
        Ok(lacking.into_iter().map(|it| format!("{it}: nothing is launched there")).collect())
    }

    /// Zones in which machines are wanted and of which no price is known: those of the subnets, unless others are named, and those of
    /// the policy.
    fn unpriced(&self, ground: &Ground, market: &Market) -> Result<Vec<String>, Failure> {
        let args = &self.args;
        let policy = args.policy.clone().unwrap_or_default().policy()?;
        let is_wanted = |zone: &str| {
            self.wants(&policy, zone)
                && (ground.subnets.is_empty() || ground.subnets.contains_key(zone))
        };
        let is_told = |zone: &String| {
            market.spot.data.iter().any(|price| price.zone == *zone)
                || market.empty_zones.contains(zone)
        };
        let all: BTreeSet<String> = ground.subnets.keys().chain(&policy.zones).cloned().collect();
        Ok(all.into_iter().filter(|zone| is_wanted(zone) && !is_told(zone)).collect())
    }
}

const PRICE: &str = "no type has a price";
const OFFER: &str = "no offer that fits the policy is";

/// What a zone lacks, with its subnets.
fn lacks(what: &str, zone: &str, ground: &Ground) -> String {
    let subnets = ground.subnets.get(zone).into_iter().flatten();
    let ids: Vec<&str> = subnets.map(|it| it.id.as_str()).collect();
    match ids[..] {
        [] => format!("{what} in {zone}"),
        [id] => format!("{what} in {zone}, where {id} is"),
        _ => format!("{what} in {zone}, where {} are", ids.join(", ")),
    }
}

/// What an hour of each type costs now.
pub(in crate::modules) fn prices(market: &Market) -> Prices {
    let prices = market.spot.data.iter();
    let spot = prices.map(|it| ((it.machine_type.clone(), it.zone.clone()), it.price)).collect();
    // What spot prices were kept with may tell the others, too.
    let told = market.spot.data.iter();
    let told = told.filter_map(|it| Some((it.machine_type.clone(), it.on_demand?)));
    let listed = market.on_demand.iter().flat_map(|it| it.data.clone());
    Prices { spot, on_demand: told.chain(listed).collect() }
}
