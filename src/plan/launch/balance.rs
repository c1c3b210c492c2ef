//! An even spread of a fleet over zones: one step at a time, each launch before what it stands in for goes.

use std::collections::{BTreeMap, BTreeSet};

use super::scale_in::{Order, Standing, leaving};
use crate::domain::InstanceId;

/// How many machines are in each zone.
pub type Counts = BTreeMap<String, u32>;

/// Where machines may be, and how many are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Zones where machines may stay.
    pub zones: BTreeSet<String>,
    /// Those of them in which a machine can be launched.
    pub open: BTreeSet<String>,
    /// How many machines there are to be.
    pub count: u32,
    /// By how many the fleet may be larger meanwhile; at least one.
    pub surge: u32,
    /// Who goes first in a zone that has too many.
    pub order: Order,
}

/// What comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shift {
    /// One more is launched here.
    Launch {
        /// The zone.
        zone: String,
    },
    /// This one goes, once those that stand in for it are good.
    Leave {
        /// Which.
        instance: InstanceId,
    },
    /// The spread is as even as the open zones allow.
    Even,
}

/// How many are in each zone.
pub fn counted(standing: &[Standing]) -> Counts {
    let mut counts = Counts::new();
    for it in standing {
        *counts.entry(it.zone.clone()).or_default() += 1;
    }
    counts
}

impl Field {
    /// How many are to be in each zone: as even as it can be, and of all such spreads one that moves the fewest machines. A zone that
    /// is not open gets none, one where no machine may stay loses all that other zones can take.
    pub fn target(&self, counts: &Counts) -> Counts {
        let zones = counts.keys().chain(&self.zones);
        let mut target: Counts = zones.map(|zone| (zone.clone(), 0)).collect();
        let here = |zone: &str| counts.get(zone).copied().unwrap_or(0);
        for _ in 0..self.count {
            let has_one = |zone: &str, so_far: u32| so_far < here(zone);
            let fits = |(zone, so_far): &(&String, &u32)| {
                self.zones.contains(*zone) && (has_one(zone, **so_far) || self.open.contains(*zone))
            };
            let first = |(zone, so_far): &(&String, &u32)| {
                (**so_far, !has_one(zone, **so_far), (*zone).clone())
            };
            let best = target.iter().filter(fits).min_by_key(first);
            // Where nothing is open, a machine stays even where it should not be.
            let best = best.or_else(|| target.iter().find(|(zone, had)| has_one(zone, **had)));
            let Some(zone) = best.map(|(zone, _)| zone.clone()) else { break };
            *target.entry(zone).or_default() += 1;
        }
        target
    }

    /// The next step from here. `begun` are those that a step was begun with before, which go before others of their zone.
    pub fn step(&self, standing: &[Standing], begun: &BTreeSet<InstanceId>) -> Shift {
        let counts = counted(standing);
        let target = self.target(&counts);
        let total = u32::try_from(standing.len()).unwrap_or(u32::MAX);
        let of = |all: &Counts, zone: &str| all.get(zone).copied().unwrap_or(0);
        let lacking = target.iter().filter(|(zone, wanted)| of(&counts, zone) < **wanted);
        let emptiest = lacking.min_by_key(|(zone, _)| (of(&counts, zone), (*zone).clone()));
        if let Some((zone, _)) = emptiest
            && total < self.count.saturating_add(self.surge.max(1))
        {
            return Shift::Launch { zone: zone.clone() };
        }
        if total > self.count {
            let surplus = |zone: &str| of(&counts, zone).saturating_sub(of(&target, zone));
            let fullest = counts.keys().max_by_key(|zone| {
                let is_begun =
                    standing.iter().any(|it| it.zone == **zone && begun.contains(&it.id));
                let surplus = surplus(zone);
                (surplus > 0, surplus > 0 && is_begun, surplus, std::cmp::Reverse((*zone).clone()))
            });
            if let Some(instance) = fullest.and_then(|zone| self.first(standing, zone, begun)) {
                return Shift::Leave { instance };
            }
        }
        Shift::Even
    }

    fn first(
        &self,
        standing: &[Standing],
        zone: &str,
        begun: &BTreeSet<InstanceId>,
    ) -> Option<InstanceId> {
        let here: Vec<Standing> = standing.iter().filter(|it| it.zone == zone).cloned().collect();
        let (first, others): (Vec<_>, Vec<_>) =
            here.into_iter().partition(|it| begun.contains(&it.id));
        let from = if first.is_empty() { others } else { first };
        leaving(&from, 1, self.order).pop()
    }

    /// All steps from here, if every launch succeeds. What is launched has no id yet and stays.
    pub fn foresee(&self, standing: &[Standing], begun: &BTreeSet<InstanceId>) -> Vec<Shift> {
        let mut all = standing.to_vec();
        let mut steps = Vec::new();
        // Each machine moves at most once, and what is missing is launched at most once.
        let count = usize::try_from(self.count).unwrap_or_default();
        let most = 2 * (standing.len() + count) + 1;
        while steps.len() < most {
            let step = self.step(&all, begun);
            match &step {
                Shift::Launch { zone } => all.push(Standing {
                    id: InstanceId::new(format!("new-{}", steps.len() + 1)),
                    zone: zone.clone(),
                    launched_at: Some(LAST.to_owned()),
                    price: None,
                }),
                Shift::Leave { instance } => all.retain(|it| it.id != *instance),
                Shift::Even => break,
            }
            steps.push(step);
        }
        steps
    }
}

/// Later than anything that EC2 writes.
const LAST: &str = "9999";
