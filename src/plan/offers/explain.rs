//! Why an offer is where it is, or is not there.

use super::rank::{Cap, Offer, Ranking};
use super::rules::Miss;

/// What became of a type in a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is one of the offers.
    Ranked {
        /// Its place in its zone, from 1.
        in_zone: usize,
        /// Its place over all, from 1.
        overall: usize,
    },
    /// It fits, and enough better ones were before it.
    Capped(Cap),
    /// Rules dropped it.
    Dropped(Vec<Miss>),
}

/// A type in a zone, with what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained {
    /// The offer.
    pub offer: Offer,
    /// What became of it.
    pub fate: Fate,
}

/// What became of a type, zone by zone. Empty if it has no price in any zone that was looked at.
pub fn explain(ranking: &Ranking, machine_type: &str) -> Vec<Explained> {
    let is_it = |offer: &Offer| offer.kind.name == machine_type;
    let mut all = Vec::new();
    for (index, offer) in ranking.offers.iter().enumerate().filter(|(_, offer)| is_it(offer)) {
        let before = ranking.offers[..index].iter().filter(|it| it.zone == offer.zone).count();
        let fate = Fate::Ranked { in_zone: before + 1, overall: index + 1 };
        all.push(Explained { offer: offer.clone(), fate });
    }
    for capped in ranking.capped.iter().filter(|capped| is_it(&capped.offer)) {
        all.push(Explained { offer: capped.offer.clone(), fate: Fate::Capped(capped.cap) });
    }
    for dropped in ranking.dropped.iter().filter(|dropped| is_it(&dropped.offer)) {
        let fate = Fate::Dropped(dropped.misses.clone());
        all.push(Explained { offer: dropped.offer.clone(), fate });
    }
    all.sort_by(|a, b| a.offer.zone.cmp(&b.offer.zone));
    all
}
