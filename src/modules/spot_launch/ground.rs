//! What every launch and every end begins with: fleet, machines, market.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::{Args, OrderArg, PartialArg, SpreadArg};
use crate::ansible::{Context, Failure};
use crate::domain::{
    Blueprint, Clock, Ec2Instance, ImageId, Market, MicroUsd, Region, TemplateName, one_line,
};
use crate::drive::launch::{Drain, Fleet, Fleets, Job, Memory, Site, preflight};
use crate::drive::market::Cloud;
use crate::drive::{Progress, SystemClock, watched};
use crate::modules::{World, market};
use crate::plan::launch::{
    FLEET_TAG, Ladder, LadderSettings, Order, Spread, Standing, check_name, check_tags,
};
use crate::plan::offers::{Ranking, rank, stale};

/// What has no end of its own in EC2's list.
const ENDING: &str = "shutting-down";

/// The fleet, held, and who is asked about it.
pub(super) struct Desk<'c> {
    pub(super) args: Args,
    pub(super) context: Context<'c, World>,
    pub(super) region: Region,
    pub(super) cloud: Box<dyn Cloud>,
    pub(super) fleets: Fleets,
    pub(super) fleet: Fleet,
    pub(super) clock: SystemClock,
}

/// A launch that is ready to begin.
pub(super) struct Ready {
    pub(super) job: Job,
    pub(super) ladder: Ladder,
    pub(super) memory: Memory,
    pub(super) warnings: Vec<String>,
}

impl<'c> Desk<'c> {
    pub(super) fn open(args: Args, context: Context<'c, World>) -> Result<Self, Failure> {
        let bad = |error: crate::plan::launch::TagError| Failure::new(error.to_string());
        check_name(&args.name).map_err(bad)?;
        check_tags(&args.tags.clone().unwrap_or_default()).map_err(bad)?;
        let region = market::region(&args.connection, context.world)?;
        let fleets = Fleets::find(args.state_dir.as_deref(), &context.world.environment)?;
        let cloud = market::cloud(&args.connection, context.world)?;
        let fleet = fleets.take(region.as_str(), &args.name)?;
        let clock = SystemClock::start();
        Ok(Self { args, context, region, cloud, fleets, fleet, clock })
    }

    /// The machines of the fleet that are not on their way out.
    pub(super) fn machines(&self) -> Result<Vec<Ec2Instance>, Failure> {
        let tags = BTreeMap::from([(FLEET_TAG.to_owned(), self.args.name.clone())]);
        let mut all = self.cloud.tagged_instances(&self.region, &tags)?;
        all.retain(|it| it.state.as_deref() != Some(ENDING));
        Ok(all)
    }

    pub(super) fn settle(&self) -> Duration {
        Duration::from_secs(self.args.settle_timeout.into())
    }

    pub(super) fn drain(&self) -> Drain {
        Drain {
            command: self.args.drain_command.clone().unwrap_or_default(),
            timeout: Duration::from_secs(self.args.drain_timeout.into()),
        }
    }

    pub(super) fn order(&self) -> Order {
        match self.args.scale_in_order {
            OrderArg::Oldest => Order::Oldest,
            OrderArg::Newest => Order::Newest,
            OrderArg::MostExpensive => Order::Dearest,
            OrderArg::AzImbalance => Order::ZoneBalance,
        }
    }

    /// The market, young enough or allowed to be old, and its ranking.
    pub(super) fn ranked(&self) -> Result<(Market, Ranking, Vec<String>), Failure> {
        let args = &self.args;
        let policy = args.policy.policy()?;
        let world = self.context.world;
        let now = self.clock.now();
        let progress = Progress::new(&self.clock, self.context.progress);
        let connect = || market::cloud(&args.connection, world);
        let asked = format!("reading the spot market of {}", self.region);
        let market = watched(&progress, &asked, || {
            args.sources.market(&self.region, &policy, false, &connect, &world.environment, now)
        })?;
        let old = stale(&market, args.sources.max_price_age, now);
        let old: Vec<String> = old.iter().map(ToString::to_string).collect();
        if !old.is_empty() && !args.allow_stale {
            let text = old.join("; ");
            return Err(Failure::new(format!(
                "{text}: nothing was launched; refresh them, or set allow_stale"
            )));
        }
        let ranking = rank(&market, &policy).map_err(|error| Failure::new(error.to_string()))?;
        match ranking.nothing_left() {
            Some(nothing) => Err(Failure::new(format!("{nothing}; nothing was launched"))),
            None => Ok((market, ranking, old)),
        }
    }

    /// Everything looked at that a launch needs.
    pub(super) fn ready(&self, wanted: u32, resume: bool) -> Result<Ready, Failure> {
        let (market, ranking, mut warnings) = self.ranked()?;
        let args = &self.args;
        let mut blueprint = self.blueprint()?;
        let site = Site {
            zones: args.zones.clone().unwrap_or_default(),
            subnets: args.subnets.clone().unwrap_or_default(),
            vpc: args.vpc_id.clone(),
        };
        let mut offers = ranking.offers;
        let ground = preflight(self.cloud.as_ref(), &self.region, &site, &mut blueprint, &offers)?;
        if let Some(kind) = &ground.architecture {
            offers.retain(|offer| offer.kind.architectures.contains(kind));
            if offers.is_empty() {
                return Err(Failure::new(format!(
                    "no offer that fits the policy runs the image, which is for {kind}; nothing was launched"
                )));
            }
        }
        let unpriced = &ranking.unpriced_zones;
        warnings.extend(unpriced.iter().map(|zone| format!("no type has a price in {zone}")));
        let now = self.clock.now();
        let memory = Memory::new(self.fleets.memory(), args.capacity_memory);
        let ladder = Ladder::new(LadderSettings {
            offers,
            zones: ground.zones.clone(),
            spread: match args.spread {
                SpreadArg::Even => Spread::Even,
                SpreadArg::Price => Spread::Price,
            },
            on_demand: args.on_demand,
            remembered: memory.places(market.region.as_str(), now),
        });
        let max_price = market::price("spot_max_price", args.spot_max_price.as_deref())?;
        let digest = digest(&blueprint, max_price);
        let job = Job {
            region: self.region.clone(),
            run_id: run_id(now, self.context.world.seed),
            wanted,
            resume,
            blueprint,
            digest,
            ground,
            max_price,
            clean_up: args.on_partial == PartialArg::Terminate,
            wait: args.wait.then(|| Duration::from_secs(args.wait_timeout.into())),
            settle: self.settle(),
        };
        Ok(Ready { job, ladder, memory, warnings })
    }

    fn blueprint(&self) -> Result<Blueprint, Failure> {
        let args = &self.args;
        let template = match &args.launch_template {
            None => None,
            Some(it) if it.id.is_none() && it.name.is_none() => {
                return Err(Failure::new("option launch_template needs id or name"));
            }
            Some(it) => Some(TemplateName {
                id: it.id.clone(),
                name: it.name.clone(),
                version: it.version.clone(),
            }),
        };
        let mut tags = args.tags.clone().unwrap_or_default();
        tags.insert(FLEET_TAG.to_owned(), args.name.clone());
        Ok(Blueprint {
            template,
            image_id: args.image_id.as_ref().map(ImageId::new),
            key_name: args.key_name.clone(),
            security_group_ids: args.security_group_ids.clone().unwrap_or_default(),
            user_data: args.user_data.clone(),
            instance_profile: args.iam_instance_profile.clone(),
            tags,
        })
    }
}

/// How many are in each zone.
pub(super) fn counts(machines: &[Ec2Instance]) -> BTreeMap<String, u32> {
    let mut counts = BTreeMap::new();
    for zone in machines.iter().filter_map(|it| it.availability_zone.clone()) {
        *counts.entry(zone).or_default() += 1;
    }
    counts
}

/// What an hour of each costs now.
pub(super) fn prices(market: &Market) -> BTreeMap<(String, String), MicroUsd> {
    let prices = market.spot.data.iter();
    prices.map(|it| ((it.machine_type.clone(), it.zone.clone()), it.price)).collect()
}

/// Machines as it is decided over them.
pub(super) fn standing(
    machines: &[Ec2Instance],
    prices: &BTreeMap<(String, String), MicroUsd>,
) -> Vec<Standing> {
    let one = |it: &Ec2Instance| {
        let zone = it.availability_zone.clone().unwrap_or_default();
        let key = (it.instance_type.clone().unwrap_or_default(), zone.clone());
        let price = prices.get(&key).copied();
        Standing { id: it.id.clone(), zone, launched_at: it.launched_at.clone(), price }
    };
    machines.iter().map(one).collect()
}

fn digest(blueprint: &Blueprint, max_price: Option<MicroUsd>) -> String {
    let text = serde_json::to_vec(&(blueprint, max_price)).unwrap_or_default();
    Sha256::digest(text).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// Runs sort by time; the rest keeps two of one second apart. With a number behind it is a client token, of at most 64 characters.
fn run_id(now: jiff::Timestamp, seed: u64) -> String {
    format!("{}-{seed:016x}", now.strftime("%Y%m%dT%H%M%SZ"))
}

/// Names on one line.
pub(super) fn listed<T: ToString>(names: &[T]) -> String {
    let names: BTreeSet<String> = names.iter().map(ToString::to_string).collect();
    one_line(&names.into_iter().collect::<Vec<_>>().join(", "))
}
