//! What everything about a fleet begins with: the fleet, its machines, the market.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::args::{FleetArgs, OrderArg, TemplateArgs};
use crate::ansible::{Context, Failure};
use crate::domain::{
    Blueprint, Clock, Ec2Instance, ImageId, InstanceId, Market, MicroUsd, Region, one_line,
};
use crate::drive::launch::{
    Built, Drain, Fleet, Fleets, Ground, Job, Launcher, Memory, Site, built, preflight,
};
use crate::drive::market::Cloud;
use crate::drive::{Progress, SystemClock, watched};
use crate::modules::{World, market};
use crate::plan::launch::{
    CLUSTER_TAG, Counts, ENDING, FLEET_TAG, Ladder, LadderSettings, Order, Prices, Spread,
    check_name, check_tags,
};
use crate::plan::offers::{Ranking, rank, stale};

/// The fleet, held, and who is asked about it.
pub(in crate::modules) struct Desk<'c> {
    pub(in crate::modules) args: FleetArgs,
    pub(in crate::modules) context: Context<'c, World>,
    pub(in crate::modules) region: Region,
    pub(in crate::modules) cloud: Box<dyn Cloud>,
    pub(in crate::modules) fleets: Fleets,
    pub(in crate::modules) fleet: Fleet,
    pub(in crate::modules) clock: SystemClock,
}

/// How a launch is to go.
#[derive(Clone, Copy)]
pub(in crate::modules) struct Terms {
    /// How machines are spread over zones.
    pub(in crate::modules) spread: Spread,
    /// Whether an unfinished launch of as many is gone on with.
    pub(in crate::modules) resume: bool,
    /// Whether what was launched is terminated if it is not all.
    pub(in crate::modules) clean_up: bool,
    /// Whether it is waited until all run.
    pub(in crate::modules) wait: bool,
}

/// A launch that is ready to begin.
pub(in crate::modules) struct Ready {
    pub(in crate::modules) job: Job,
    pub(in crate::modules) ladder: Ladder,
    pub(in crate::modules) memory: Memory,
    pub(in crate::modules) warnings: Vec<String>,
}

impl<'c> Desk<'c> {
    pub(in crate::modules) fn open(
        args: FleetArgs,
        context: Context<'c, World>,
    ) -> Result<Self, Failure> {
        let bad = |error: crate::plan::launch::TagError| Failure::new(error.to_string());
        check_name(&args.name).map_err(bad)?;
        check_tags(&args.tags.clone().unwrap_or_default()).map_err(bad)?;
        let region = market::region(&args.connection, context.world)?;
        let cloud = market::cloud(&args.connection, context.world)?;
        let (folder, environment) = (args.state_dir.as_deref(), &context.world.environment);
        let fleets = Fleets::find(folder, environment, &cloud.account()?)?;
        let args = args.with_profile(cloud.as_ref(), &region)?;
        let clock = SystemClock::start();
        let fleet = {
            let patience = Duration::from_secs(args.lock_timeout.into());
            let progress = Progress::new(&clock, context.progress);
            fleets.take_within(region.as_str(), &args.name, patience, (&clock, &progress))?
        };
        Ok(Self { args, context, region, cloud, fleets, fleet, clock })
    }

    /// The machines of the fleet that are not on their way out.
    pub(in crate::modules) fn machines(&self) -> Result<Vec<Ec2Instance>, Failure> {
        let mut all = self.listed()?;
        all.retain(|it| it.state.as_deref() != Some(ENDING));
        Ok(all)
    }

    /// The machines of the fleet, those on their way out among them.
    pub(in crate::modules) fn listed(&self) -> Result<Vec<Ec2Instance>, Failure> {
        let tags = BTreeMap::from([(FLEET_TAG.to_owned(), self.args.name.clone())]);
        Ok(self.cloud.tagged_instances(&self.region, &tags)?)
    }

    /// The same after something was done, which is told whether they can be listed or not: then there are none, and a warning.
    pub(in crate::modules) fn machines_after(&self) -> (Vec<Ec2Instance>, Vec<String>) {
        match self.machines() {
            Ok(machines) => (machines, Vec::new()),
            Err(error) => {
                let text =
                    format!("{error}: instances is empty, and what was done is told besides");
                (Vec::new(), vec![text])
            }
        }
    }

    /// Refuses a cluster that the fleet is not of: its profile would make another kind of machine.
    pub(in crate::modules) fn of_cluster(&self, machines: &[Ec2Instance]) -> Result<(), Failure> {
        let Some(asked) = &self.args.cluster else { return Ok(()) };
        let is_tagged = |it: &Ec2Instance| it.tags.contains_key(CLUSTER_TAG);
        let kept = match machines.iter().all(is_tagged) {
            true => Vec::new(),
            false => self.fleet.launched()?,
        };
        let other = machines.iter().find_map(|it| {
            let known = kept.iter().find(|kept| kept.instance == it.id);
            let found = it.tags.get(CLUSTER_TAG).or(known.and_then(|it| it.cluster.as_ref()))?;
            (found != asked).then_some((&it.id, found))
        });
        match other {
            None => Ok(()),
            Some((id, found)) => Err(Failure::new(format!(
                "fleet {} is of cluster {found} ({id} was launched from its profile), and cluster {asked} is asked for; nothing was launched",
                self.args.name
            ))),
        }
    }

    /// Machines that live, were launched for the fleet as its journals say, and have no fleet's tag any more: so that they are counted
    /// nowhere. Of those that are not listed the last few hundred are looked for.
    pub(in crate::modules) fn untagged(
        &self,
        listed: &[Ec2Instance],
    ) -> Result<Option<String>, Failure> {
        let progress = Progress::new(&self.clock, self.context.progress);
        let cloud = self.cloud.as_ref();
        let launcher = Launcher { cloud, clock: &self.clock, progress: &progress };
        let lost = launcher.lost(&self.fleet, &self.region, listed)?;
        let names: Vec<InstanceId> = lost.into_iter().map(|it| it.instance).collect();
        let name = &self.args.name;
        Ok((!names.is_empty()).then(|| {
            format!(
                "{} live, were launched for fleet {name} and have lost their tags, so that they are counted nowhere: put {FLEET_TAG}={name} back or terminate them",
                self::listed(&names)
            )
        }))
    }

    /// Refuses what would make the fleet larger than it may be.
    pub(in crate::modules) fn within(&self, total: u32) -> Result<(), Failure> {
        match self.args.max_total {
            Some(most) if total > most => Err(Failure::new(format!(
                "fleet {} would have {total} machines, and max_total is {most}; nothing was launched",
                self.args.name
            ))),
            Some(_) | None => Ok(()),
        }
    }

    pub(in crate::modules) fn settle(&self) -> Duration {
        Duration::from_secs(self.args.settle_timeout.into())
    }

    pub(in crate::modules) fn drain(&self) -> Drain {
        Drain {
            command: self.args.drain_command.clone().unwrap_or_default(),
            timeout: Duration::from_secs(self.args.drain_timeout.into()),
        }
    }

    pub(in crate::modules) fn order(&self) -> Order {
        match self.args.scale_in_order {
            OrderArg::Oldest => Order::Oldest,
            OrderArg::Newest => Order::Newest,
            OrderArg::MostExpensive => Order::Dearest,
            OrderArg::AzImbalance => Order::ZoneBalance,
        }
    }

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
            Some(nothing) => {
                let runs =
                    built.map(|it| format!("; image {} is for {}", it.image, it.architecture));
                let runs = runs.unwrap_or_default();
                Err(Failure::new(format!("{nothing}{runs}; nothing was launched")))
            }
            None => Ok((market, ranking, old)),
        }
    }

    /// Everything looked at that a launch needs.
    pub(in crate::modules) fn ready(&self, wanted: u32, terms: Terms) -> Result<Ready, Failure> {
        Ok(self.ready_with_prices(wanted, terms)?.0)
    }

    /// The same, with what an hour of each type costs now.
    pub(in crate::modules) fn ready_with_prices(
        &self,
        wanted: u32,
        terms: Terms,
    ) -> Result<(Ready, Prices), Failure> {
        let args = &self.args;
        let mut blueprint = self.blueprint()?;
        let site = Site {
            zones: args.zones.clone().unwrap_or_default(),
            subnets: args.subnets.clone().unwrap_or_default(),
            vpc: args.vpc_id.clone(),
        };
        let cloud = self.cloud.as_ref();
        let built = built(cloud, &self.region, &site, &mut blueprint)?;
        let (market, ranking, mut warnings) = self.ranked(built.as_ref())?;
        let offers = ranking.offers;
        let ground = preflight(cloud, &self.region, &site, &offers)?;
        let now = self.clock.now();
        let unpriced = self.unpriced(&ground, &market)?;
        let mut lacking: Vec<String> =
            unpriced.iter().map(|it| lacks(PRICE, it, &ground)).collect();
        if !unpriced.is_empty() && !args.allow_stale {
            let age = now.as_second() - market.spot.at.as_second();
            return Err(Failure::new(format!(
                "{} (spot prices of {}, {age} s old); nothing was launched: refresh them, leave that zone out, or set allow_stale",
                lacking.join("; "),
                market.spot.source
            )));
        }
        if site.zones.is_empty() {
            let all = ground.subnets.keys();
            let left = all.filter(|it| !ground.zones.contains(*it) && !unpriced.contains(it));
            lacking.extend(left.map(|zone| lacks(OFFER, zone, &ground)));
        }
        let nothing = |it: String| format!("{it}: nothing is launched there");
        warnings.extend(lacking.into_iter().map(nothing));
        let memory = Memory::new(self.fleets.memory(), args.capacity_memory);
        let ladder = Ladder::new(LadderSettings {
            offers,
            zones: ground.zones.clone(),
            spread: terms.spread,
            on_demand: args.on_demand,
            remembered: memory.places(market.region.as_str(), now),
        });
        let max_price = market::price("spot_max_price", args.spot_max_price.as_deref())?;
        let digest = digest(&blueprint, max_price);
        let job = Job {
            region: self.region.clone(),
            run_id: run_id(now, self.context.world.seed),
            wanted,
            max_total: args.max_total,
            resume: terms.resume,
            is_step: false,
            blueprint,
            digest,
            ground,
            max_price,
            clean_up: terms.clean_up,
            wait: terms.wait.then(|| Duration::from_secs(args.wait_timeout.into())),
            settle: self.settle(),
        };
        Ok((Ready { job, ladder, memory, warnings }, prices(&market)))
    }

    /// Zones in which machines are wanted and of which no price is known: those of the subnets, unless others are named, and those of
    /// the policy.
    fn unpriced(&self, ground: &Ground, market: &Market) -> Result<Vec<String>, Failure> {
        let args = &self.args;
        let of_policy = args.policy.clone().unwrap_or_default().policy()?.zones;
        let named = args.zones.clone().unwrap_or_default();
        let is_wanted = |zone: &String| {
            (of_policy.is_empty() || of_policy.contains(zone))
                && (named.is_empty() || named.contains(zone))
                && (ground.subnets.is_empty() || ground.subnets.contains_key(zone))
        };
        let is_told = |zone: &String| {
            market.spot.data.iter().any(|price| price.zone == *zone)
                || market.empty_zones.contains(zone)
        };
        let all: BTreeSet<String> = ground.subnets.keys().chain(&of_policy).cloned().collect();
        Ok(all.into_iter().filter(|zone| is_wanted(zone) && !is_told(zone)).collect())
    }

    fn blueprint(&self) -> Result<Blueprint, Failure> {
        let args = &self.args;
        let template = args.launch_template.as_ref().map(TemplateArgs::name).transpose()?;
        let mut tags = args.tags.clone().unwrap_or_default();
        tags.insert(FLEET_TAG.to_owned(), args.name.clone());
        tags.extend(args.cluster.iter().map(|it| (CLUSTER_TAG.to_owned(), it.clone())));
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

/// How many are in each zone.
pub(in crate::modules) fn counts(machines: &[Ec2Instance]) -> Counts {
    let mut counts = Counts::new();
    for zone in machines.iter().filter_map(|it| it.availability_zone.clone()) {
        *counts.entry(zone).or_default() += 1;
    }
    counts
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

fn digest(blueprint: &Blueprint, max_price: Option<MicroUsd>) -> String {
    let text = serde_json::to_vec(&(blueprint, max_price)).unwrap_or_default();
    Sha256::digest(text).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// Runs sort by time; the rest keeps two of one second apart. With a number behind it is a client token, of at most 64 characters.
pub(in crate::modules) fn run_id(now: jiff::Timestamp, seed: u64) -> String {
    format!("{}-{seed:016x}", now.strftime("%Y%m%dT%H%M%SZ"))
}

/// Names on one line.
pub(in crate::modules) fn listed<T: ToString>(names: &[T]) -> String {
    let names: BTreeSet<String> = names.iter().map(ToString::to_string).collect();
    one_line(&names.into_iter().collect::<Vec<_>>().join(", "))
}
