//! Which machine is asked for next: ranked offers in the zone, then in other zones, then on demand.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::class::Class;
use crate::domain::MicroUsd;
use crate::plan::offers::Offer;

/// So often in a row throttling is waited out.
const PATIENCE: u32 = 6;

/// How machines are spread over zones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spread {
    /// The zone with the fewest comes first.
    Even,
    /// The best offer comes first, wherever it is.
    Price,
}

/// A type in a zone in a market.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// The type.
    pub machine_type: String,
    /// The zone.
    pub zone: String,
    /// Whether as spot instance.
    pub is_spot: bool,
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rung {
    /// Type, zone and market.
    pub place: Place,
    /// What an hour is expected to cost; none on demand where no price is known.
    pub price: Option<MicroUsd>,
    /// What it costs on demand.
    pub on_demand: Option<MicroUsd>,
}

/// Why nothing more is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// Every rung was tried, or is remembered to be without capacity.
    Exhausted {
        /// How many rungs are left out since they lacked capacity a while ago.
        remembered: usize,
        /// Whether the spot quota is used up.
        spot_quota: bool,
        /// How many offers cost more on demand than an hour may, or an amount that is not known.
        too_dear: usize,
        /// Subnets without free addresses.
        full: Vec<String>,
    },
    /// EC2 refuses in a way that no other rung would change.
    Refused {
        /// What kind.
        class: Class,
        /// EC2's code.
        code: String,
        /// EC2's words.
        message: String,
    },
    /// Too many calls, also after waits.
    Throttled,
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exhausted { remembered, spot_quota, too_dear, full } => {
                f.write_str("every offer was tried")?;
                if *spot_quota {
                    f.write_str(", and the account's spot quota is used up")?;
                }
                if *remembered > 0 {
                    write!(f, ", and {remembered} lacked capacity a while ago")?;
                }
                if *too_dear > 0 {
                    write!(
                        f,
                        ", and {too_dear} are not known to cost at most max_price on demand"
                    )?;
                }
                if !full.is_empty() {
                    write!(f, ", and no address is free in {}", full.join(", "))?;
                }
                Ok(())
            }
            Self::Refused { class, code, message } => {
                write!(f, "EC2 refuses ({}): {code}: {message}", class.as_str())
            }
            Self::Throttled => f.write_str("EC2 throttles these calls, also after waits"),
        }
    }
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Ask for this.
    Ask(Rung),
    /// Nothing more.
    Stop(Stop),
}

/// What a ladder is made from.
#[derive(Clone, Debug)]
pub struct LadderSettings {
    /// What fits, the best first.
    pub offers: Vec<Offer>,
    /// Where machines may be.
    pub zones: BTreeSet<String>,
    /// How they are spread.
    pub spread: Spread,
    /// Whether on-demand machines will do in the end.
    pub on_demand: bool,
    /// The most that an hour on demand may cost, as the policy has it for offers; none for whatever it costs.
    pub max_price: Option<MicroUsd>,
    /// What lacked capacity a while ago.
    pub remembered: BTreeSet<Place>,
}

/// The ladder, with what its answers have taught.
#[derive(Clone, Debug)]
pub struct Ladder {
    settings: LadderSettings,
    blocked: BTreeSet<Place>,
    short: BTreeSet<Place>,
    unsupported: BTreeSet<String>,
    /// Subnets without free addresses, and the default ones of zones as those.
    full: BTreeSet<String>,
    /// Zones of which all subnets are.
    closed: BTreeSet<String>,
    spot_quota: bool,
    on_demand_quota: bool,
    throttled: u32,
    stop: Option<Stop>,
}

impl Ladder {
    /// Nothing learnt yet.
    pub fn new(settings: LadderSettings) -> Self {
        Self {
            settings,
            blocked: BTreeSet::new(),
            short: BTreeSet::new(),
            unsupported: BTreeSet::new(),
            full: BTreeSet::new(),
            closed: BTreeSet::new(),
            spot_quota: false,
            on_demand_quota: false,
            throttled: 0,
            stop: None,
        }
    }

    /// What is asked for next, where so many machines are in each zone.
    pub fn next(&self, counts: &BTreeMap<String, u32>) -> Step {
        if let Some(stop) = &self.stop {
            return Step::Stop(stop.clone());
        }
        let zones = self.zones(counts);
        let spot = || self.first(&zones, true);
        let on_demand = || self.first(&zones, false);
        match spot().or_else(on_demand) {
            Some(rung) => Step::Ask(rung),
            None => {
                let remembered = self.settings.remembered.len();
                let full = self.full.iter().cloned().collect();
                let (spot_quota, too_dear) = (self.spot_quota, self.too_dear());
                Step::Stop(Stop::Exhausted { remembered, spot_quota, too_dear, full })
            }
        }
    }

    /// From now on only these zones. What was learnt stays learnt.
    pub fn only_in(&mut self, zones: BTreeSet<String>) {
        self.settings.zones = zones;
    }

    /// What lacked capacity, to be remembered for a while.
    pub fn short(&self) -> &BTreeSet<Place> {
        &self.short
    }

    /// Subnets without free addresses.
    pub fn full(&self) -> &BTreeSet<String> {
        &self.full
    }

    /// That a subnet of a zone, or its default one, has no free address; whether the zone has another one.
    pub fn is_full(&mut self, zone: &str, subnet: Option<&str>, has_another: bool) {
        self.full
            .insert(subnet.map_or_else(|| format!("the default subnet of {zone}"), str::to_owned));
        if !has_another {
            self.closed.insert(zone.to_owned());
        }
    }

    /// That a rung was launched.
    pub fn launched(&mut self) {
        self.throttled = 0;
    }

    /// That EC2 launched a rung and ended it before it ran, for such a reason; whether there is something else to ask for.
    pub fn ended(&mut self, rung: &Rung, class: Class) -> bool {
        let is_short = class == Class::Capacity;
        if is_short {
            self.short.insert(rung.place.clone());
            self.blocked.insert(rung.place.clone());
        }
        is_short
    }

    /// What a refusal of a rung teaches; how often in a row it was throttled, if it is to be waited.
    pub fn refused(&mut self, rung: &Rung, code: &str, message: &str) -> Option<u32> {
        let place = rung.place.clone();
        match Class::of(code) {
            Class::Capacity => {
                self.short.insert(place.clone());
                self.blocked.insert(place);
            }
            // Which subnet it was only whoever asked knows: [`Self::is_full`].
            Class::Addresses => {}
            Class::Quota if place.is_spot => self.spot_quota = true,
            Class::Quota => self.on_demand_quota = true,
            Class::PriceTooLow => drop(self.blocked.insert(place)),
            Class::Unsupported => drop(self.unsupported.insert(place.machine_type)),
            Class::Throttled => {
                self.throttled += 1;
                if self.throttled < PATIENCE {
                    return Some(self.throttled);
                }
                self.stop = Some(Stop::Throttled);
            }
            class @ (Class::Auth | Class::Parameter | Class::Unknown) => {
                let (code, message) = (code.to_owned(), message.to_owned());
                self.stop = Some(Stop::Refused { class, code, message });
            }
        }
        None
    }

    /// The zones in the order in which they are tried: those of one inner list are as good as each other.
    fn zones(&self, counts: &BTreeMap<String, u32>) -> Vec<Vec<&str>> {
        let zones = self.settings.zones.difference(&self.closed).map(String::as_str);
        match self.settings.spread {
            Spread::Price => vec![zones.collect()],
            Spread::Even => {
                let mut by_count: BTreeMap<u32, Vec<&str>> = BTreeMap::new();
                for zone in zones {
                    by_count.entry(counts.get(zone).copied().unwrap_or(0)).or_default().push(zone);
                }
                by_count.into_values().collect()
            }
        }
    }

    /// The best open rung of a market, in the first zones that have one.
    fn first(&self, zones: &[Vec<&str>], is_spot: bool) -> Option<Rung> {
        let is_closed = if is_spot { self.spot_quota } else { self.on_demand_quota };
        if is_closed || (!is_spot && !self.settings.on_demand) {
            return None;
        }
        zones.iter().find_map(|alike| {
            let here = self.settings.offers.iter().filter(|it| alike.contains(&it.zone.as_str()));
            let open = here.filter(|offer| self.is_open(offer, is_spot));
            let best =
                if is_spot { open.into_iter().next() } else { open.min_by_key(by_full_price) };
            best.map(|offer| rung(offer, is_spot))
        })
    }

    fn is_open(&self, offer: &Offer, is_spot: bool) -> bool {
        let place = place(offer, is_spot);
        !self.blocked.contains(&place)
            && !self.settings.remembered.contains(&place)
            && !self.unsupported.contains(&place.machine_type)
            && (is_spot || !self.is_too_dear(offer))
    }

    /// How many offers are not asked for on demand, for what they cost there.
    fn too_dear(&self) -> usize {
        let offers = self.settings.offers.iter().filter(|_| self.settings.on_demand);
        offers.filter(|offer| self.is_too_dear(offer)).count()
    }

    /// The policy has held its bound against the spot price alone.
    fn is_too_dear(&self, offer: &Offer) -> bool {
        let most = self.settings.max_price;
        most.is_some_and(|most| offer.on_demand.is_none_or(|price| price > most))
    }
}

fn place(offer: &Offer, is_spot: bool) -> Place {
    Place { machine_type: offer.kind.name.clone(), zone: offer.zone.clone(), is_spot }
}

fn rung(offer: &Offer, is_spot: bool) -> Rung {
    let price = if is_spot { Some(offer.price) } else { offer.on_demand };
    Rung { place: place(offer, is_spot), price, on_demand: offer.on_demand }
}

/// On demand the price of a processor decides, as known there; an unknown one comes last. Within a family it is the same for every
/// size, and then the smallest bill decides.
fn by_full_price(offer: &&Offer) -> (u128, Option<MicroUsd>, String, String) {
    let full = offer.on_demand.map_or(u128::MAX, |price| {
        u128::from(price.micros()) * 1_000_000 / u128::from(offer.kind.vcpus.max(1))
    });
    (full, offer.on_demand, offer.kind.name.clone(), offer.zone.clone())
}
