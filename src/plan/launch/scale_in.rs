//! Which machines go when there are too many.

use std::collections::BTreeMap;

use crate::domain::{Ec2Instance, InstanceId, Lifecycle, MicroUsd};

/// What EC2 calls a machine that is on its way out and has no end of its own in its list.
pub const ENDING: &str = "shutting-down";

/// What EC2 calls a machine that is gone and that it tells of for a while.
pub const TERMINATED: &str = "terminated";

/// Who goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Who was launched first.
    Oldest,
    /// Who was launched last.
    Newest,
    /// Who costs most now; of whom no price is known before all others.
    Dearest,
    /// The oldest in the zone that has the most, again and again.
    ZoneBalance,
}

/// A machine that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Its id.
    pub id: InstanceId,
    /// Its zone; empty if EC2 does not tell.
    pub zone: String,
    /// When it was launched, as EC2 writes it; those of which it is not told count as the oldest.
    pub launched_at: Option<String>,
    /// What an hour costs now.
    pub price: Option<MicroUsd>,
}

/// What an hour costs now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prices {
    /// Of a spot instance, by type and zone.
    pub spot: BTreeMap<(String, String), MicroUsd>,
    /// Of any other, by type.
    pub on_demand: BTreeMap<String, MicroUsd>,
}

/// Machines as it is decided over them.
pub fn standing(machines: &[Ec2Instance], prices: &Prices) -> Vec<Standing> {
    let one = |it: &Ec2Instance| {
        let zone = it.availability_zone.clone().unwrap_or_default();
        let kind = it.instance_type.clone().unwrap_or_default();
        let price = match &it.lifecycle {
            Some(Lifecycle::Spot) => prices.spot.get(&(kind, zone.clone())).copied(),
            Some(Lifecycle::OnDemand) => prices.on_demand.get(&kind).copied(),
            Some(Lifecycle::Other(_)) | None => None,
        };
        Standing { id: it.id.clone(), zone, launched_at: it.launched_at.clone(), price }
    };
    machines.iter().map(one).collect()
}

/// The `count` machines that go, the first one first. Ties end by id.
pub fn leaving(standing: &[Standing], count: usize, order: Order) -> Vec<InstanceId> {
    let mut left: Vec<&Standing> = standing.iter().collect();
    let age = |it: &Standing| (it.launched_at.clone(), it.id.clone());
    match order {
        Order::Oldest | Order::ZoneBalance => left.sort_by_key(|it| age(it)),
        Order::Newest => left.sort_by_key(|it| std::cmp::Reverse(age(it))),
        Order::Dearest => left.sort_by_key(|it| {
            (std::cmp::Reverse(it.price.map_or(u64::MAX, MicroUsd::micros)), age(it))
        }),
    }
    if order != Order::ZoneBalance {
        return left.into_iter().take(count).map(|it| it.id.clone()).collect();
    }
    let mut zones: BTreeMap<&str, Vec<&Standing>> = BTreeMap::new();
    for it in left {
        zones.entry(&it.zone).or_default().push(it);
    }
    let mut going = Vec::new();
    while going.len() < count {
        let fullest = zones
            .iter_mut()
            .max_by(|(a, of_a), (b, of_b)| of_a.len().cmp(&of_b.len()).then_with(|| b.cmp(a)));
        match fullest {
            Some((_, members)) if !members.is_empty() => going.push(members.remove(0).id.clone()),
            Some(_) | None => break,
        }
    }
    going
}
