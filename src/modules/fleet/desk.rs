//! What everything about a fleet begins with: the fleet, its machines, the market.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::args::{FleetArgs, OrderArg, TemplateArgs};
use super::supply::prices;
use crate::ansible::{Context, Failure};
use crate::domain::{
    Blueprint, Clock, Ec2Instance, ImageId, InstanceId, MicroUsd, Region, one_line,
};
use crate::drive::launch::{Drain, Fleet, Fleets, Job, Launcher, Memory, Site, built, preflight};
use crate::drive::market::Cloud;
use crate::drive::{Progress, SystemClock};
use crate::modules::{World, market};
use crate::plan::launch::{
    CLUSTER_TAG, Counts, ENDING, FLEET_TAG, Ladder, LadderSettings, Order, Prices, Spread,
    check_name, check_tags,
};

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
        self.prepared(wanted, terms, false)
    }

    /// The same where a named zone without an offer is left out and named in a warning, and does not keep others from being launched in.
    pub(in crate::modules) fn ready_where_offered(
        &self,
        wanted: u32,
        terms: Terms,
    ) -> Result<Ready, Failure> {
        Ok(self.prepared(wanted, terms, true)?.0)
    }

    fn prepared(
        &self,
        wanted: u32,
        terms: Terms,
        where_offered: bool,
    ) -> Result<(Ready, Prices), Failure> {
        let args = &self.args;
        let mut blueprint = self.blueprint()?;
        let mut site = Site {
            zones: args.zones.clone().unwrap_or_default(),
            subnets: args.subnets.clone().unwrap_or_default(),
            vpc: args.vpc_id.clone(),
        };
        let cloud = self.cloud.as_ref();
        let built = built(cloud, &self.region, &site, &mut blueprint)?;
        let (market, ranking, mut warnings) = self.ranked(built.as_ref())?;
        let offers = ranking.offers;
        if where_offered {
            warnings.extend(self.narrowed(&mut site, &offers)?);
        }
        let ground = preflight(cloud, &self.region, &site, &offers)?;
        warnings.extend(self.lacking(&ground, &market)?);
        let now = self.clock.now();
        let memory = Memory::new(self.fleets.memory(), args.capacity_memory);
        let ladder = Ladder::new(LadderSettings {
            offers,
            zones: ground.zones.clone(),
            spread: terms.spread,
            on_demand: args.on_demand,
            max_price: args.policy.clone().unwrap_or_default().policy()?.max_price,
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

/// How many are in each zone.
pub(in crate::modules) fn counts(machines: &[Ec2Instance]) -> Counts {
    let mut counts = Counts::new();
    for zone in machines.iter().filter_map(|it| it.availability_zone.clone()) {
        *counts.entry(zone).or_default() += 1;
    }
    counts
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
