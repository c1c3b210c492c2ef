//! `spot_instance_info`: the machines of fleets.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::World;
use super::connection::Connection;
use super::fleet::{ShownMachine, machine, prices};
use super::market::{self, PolicyArgs, SourceArgs, percent};
use crate::ansible::{Context, Failure, Module, Planned};
use crate::domain::{Clock, Ec2Instance, InstanceId, Lifecycle, Market, MicroUsd, Region};
use crate::drive::launch::Fleets;
use crate::drive::market::Cloud;
use crate::drive::{Environment, Progress, SystemClock, watched};
use crate::plan::launch::{CLUSTER_TAG, FLEET_TAG, Launched, RUN_TAG, check_name, lives};
use crate::plan::offers::stale;

/// Lists what M(spotinst.esg.spot_launch) has launched, with zones, present prices and savings.
///
/// The list is empty, and that is no failure, if there is nothing. Machines on their way out are no part of it, but where they are named
/// by O(ids). A price that is not known is null.
#[derive(Deserialize, JsonSchema)]
pub(super) struct Args {
    /// Only this fleet.
    name: Option<String>,
    /// Only these machines, whatever their state, for as long as EC2 tells of them, which is about an hour after their end. One that has lost
    /// its tags, as EC2 takes them away after the end, is listed if a journal of this user says of which fleet it was.
    ids: Option<Vec<String>>,
    /// Folder of the journals. C(~/.local/state/spotinst-esg) when not given. They are read with O(ids) only.
    #[schemars(extend("x-type" = "path", "x-env" = ["SPOTINST_ESG_STATE_DIR"]))]
    state_dir: Option<String>,
    /// Whether present prices are asked for.
    #[serde(default = "yes")]
    prices: bool,
    #[serde(flatten)]
    sources: SourceArgs,
    #[serde(flatten)]
    connection: Connection,
}

fn yes() -> bool {
    true
}

/// What is answered.
#[derive(Serialize, JsonSchema)]
pub(super) struct Returns {
    /// The machines, by fleet and id.
    #[schemars(extend("x-returned" = "always"))]
    instances: Vec<Found>,
    /// By fleet, how many are in each zone that are not on their way out.
    #[schemars(extend("x-returned" = "always"))]
    zones: BTreeMap<String, BTreeMap<String, u32>>,
    /// What an hour of all that are not on their way out costs now, in dollars; null if a price is not known.
    #[schemars(extend("x-returned" = "always"))]
    hourly_cost: Option<String>,
    /// What is saved over on-demand, in percent; null if a price is not known.
    #[schemars(extend("x-returned" = "always"))]
    saving_percent: Option<f64>,
}

#[derive(Serialize, JsonSchema)]
struct Found {
    /// The fleet.
    fleet: String,
    /// The run that launched it.
    run: Option<String>,
    /// The cluster from whose profile it was launched.
    cluster: Option<String>,
    /// Whether it has the tag of its fleet.
    tagged: bool,
    #[serde(flatten)]
    machine: ShownMachine,
    /// What an hour costs now, in dollars.
    price: Option<String>,
    /// What it costs on demand, in dollars.
    on_demand_price: Option<String>,
    /// What is saved, in percent.
    saving_percent: Option<f64>,
    /// Its tags.
    tags: BTreeMap<String, String>,
}

/// The module.
pub(super) struct SpotInstanceInfo;

impl Module<World> for SpotInstanceInfo {
    type Args = Args;
    type Returns = Returns;

    const NAME: &'static str = "spot_instance_info";
    const EXAMPLES: &'static str = include_str!("spot_instance_info.examples.yml");
    const CHANGES: bool = false;

    fn plan<'c>(
        &self,
        args: Args,
        context: Context<'c, World>,
    ) -> Result<Planned<'c, Returns>, Failure> {
        if let Some(name) = &args.name {
            check_name(name).map_err(|error| Failure::new(error.to_string()))?;
        }
        let world = context.world;
        let region = market::region(&args.connection, world)?;
        let cloud = market::cloud(&args.connection, world)?;
        let clock = SystemClock::start();
        let progress = Progress::new(&clock, context.progress);
        let any = args.name.clone().unwrap_or_else(|| "*".to_owned());
        let (mut machines, kept, unread) = match &args.ids {
            Some(ids) => by_id(&args, cloud.as_ref(), &region, ids, &world.environment)?,
            None => {
                let tags = BTreeMap::from([(FLEET_TAG.to_owned(), any)]);
                let mut machines = cloud.tagged_instances(&region, &tags)?;
                machines.retain(lives);
                (machines, BTreeMap::new(), Vec::new())
            }
        };
        let fleet = |it: &Ec2Instance| fleet(it, &kept).map(str::to_owned);
        machines.retain(|it| args.name.is_none() || fleet(it) == args.name);
        machines.sort_by_key(|it| (fleet(it), it.id.clone()));
        let market = if args.prices && !machines.is_empty() {
            let policy = PolicyArgs::default().policy()?;
            let connect = || market::cloud(&args.connection, world);
            let asked = format!("reading the spot market of {region}");
            let now = clock.now();
            Some(watched(&progress, &asked, || {
                args.sources.market(&region, &policy, false, &connect, &world.environment, now)
            })?)
        } else {
            None
        };
        let bare = machines.iter().filter(|it| lives(it) && !it.tags.contains_key(FLEET_TAG));
        let warnings = bare.map(|it| {
            let (id, fleet) = (&it.id, fleet(it).unwrap_or_default());
            format!("{id} was launched for fleet {fleet} and has lost its tags, so that it is counted nowhere: put {FLEET_TAG}={fleet} back or terminate it")
        });
        let mut warnings: Vec<String> = warnings.chain(unread).collect();
        let is_there =
            |zone: &str| machines.iter().any(|it| it.availability_zone.as_deref() == Some(zone));
        let is_stale = |market| stale(market, &is_there, args.sources.max_price_age, clock.now());
        let old = market.as_ref().map(is_stale).unwrap_or_default();
        warnings.extend(old.iter().map(ToString::to_string));
        Ok(Planned::unchanged(returns(&machines, &kept, market.as_ref())).with_warnings(warnings))
    }
}

/// What journals say of machines, with their fleets, by id.
type Kept = BTreeMap<InstanceId, (String, Launched)>;

/// Machines of fleets by id, what journals say of them, and which journals cannot be read.
fn by_id(
    args: &Args,
    cloud: &dyn Cloud,
    region: &Region,
    ids: &[String],
    environment: &Environment,
) -> Result<(Vec<Ec2Instance>, Kept, Vec<String>), Failure> {
    let ids: Vec<InstanceId> = ids.iter().map(InstanceId::new).collect();
    let mut machines = if ids.is_empty() { Vec::new() } else { cloud.instances(region, &ids)? };
    let (mut kept, mut unread) = (Kept::new(), Vec::new());
    let has_lost =
        |it: &Ec2Instance| !it.tags.contains_key(FLEET_TAG) || !it.tags.contains_key(CLUSTER_TAG);
    if machines.iter().any(has_lost) {
        let fleets = Fleets::find(args.state_dir.as_deref(), environment, &cloud.account()?)?;
        let (all, damaged) = fleets.launched(region.as_str())?;
        unread = damaged;
        kept.extend(all.into_iter().map(|(fleet, it)| (it.instance.clone(), (fleet, it))));
    }
    machines.retain(|it| fleet(it, &kept).is_some());
    Ok((machines, kept, unread))
}

/// The fleet of a machine, by its tag or else by a journal.
fn fleet<'a>(it: &'a Ec2Instance, kept: &'a Kept) -> Option<&'a str> {
    let tag = it.tags.get(FLEET_TAG).map(String::as_str);
    tag.or_else(|| kept.get(&it.id).map(|(fleet, _)| fleet.as_str()))
}

/// What an hour costs now, and on demand by `listed`.
fn price_of(
    it: &Ec2Instance,
    market: &Market,
    listed: &BTreeMap<String, MicroUsd>,
) -> (Option<MicroUsd>, Option<MicroUsd>) {
    let (Some(kind), Some(zone)) = (&it.instance_type, &it.availability_zone) else {
        return (None, None);
    };
    let spot = market.spot.data.iter();
    let spot = spot.filter(|price| price.machine_type == *kind && price.zone == *zone);
    let spot = spot.map(|price| price.price).min();
    let full = listed.get(kind).copied();
    match &it.lifecycle {
        Some(Lifecycle::Spot) => (spot, full),
        Some(Lifecycle::OnDemand) => (full, full),
        Some(Lifecycle::Other(_)) | None => (None, full),
    }
}

fn returns(machines: &[Ec2Instance], kept: &Kept, market: Option<&Market>) -> Returns {
    let (mut zones, mut instances) = (BTreeMap::new(), Vec::new());
    let (mut cost, mut whole) = (Some(MicroUsd::default()), Some(MicroUsd::default()));
    // What spot prices were kept with may tell those on demand, too.
    let listed = market.map(|market| prices(market).on_demand).unwrap_or_default();
    for it in machines {
        let known = kept.get(&it.id).map(|(_, it)| it);
        let fleet = fleet(it, kept).unwrap_or_default().to_owned();
        let cluster = it.tags.get(CLUSTER_TAG).cloned();
        let run = it.tags.get(RUN_TAG).cloned();
        let (price, full) = market.map_or((None, None), |market| price_of(it, market, &listed));
        if lives(it) {
            let zone = it.availability_zone.clone().unwrap_or_default();
            let of_fleet: &mut BTreeMap<String, u32> = zones.entry(fleet.clone()).or_default();
            *of_fleet.entry(zone).or_default() += 1;
            // One that is not known leaves its own sum unknown, and not the other.
            cost = cost.zip(price).map(|(sum, price)| sum.plus(price));
            whole = whole.zip(full).map(|(sum, full)| sum.plus(full));
        }
        let saving = price.zip(full).and_then(|(price, full)| price.saving_over(full));
        instances.push(Found {
            fleet,
            run: run.or_else(|| known.map(|it| it.run.clone())),
            cluster: cluster.or_else(|| known.and_then(|it| it.cluster.clone())),
            tagged: it.tags.contains_key(FLEET_TAG),
            machine: machine(it),
            price: price.map(|price| price.to_string()),
            on_demand_price: full.map(|full| full.to_string()),
            saving_percent: saving.map(percent),
            tags: it.tags.clone(),
        });
    }
    Returns {
        instances,
        zones,
        hourly_cost: cost.map(|cost| cost.to_string()),
        saving_percent: cost
            .zip(whole)
            .and_then(|(cost, whole)| cost.saving_over(whole))
            .map(percent),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::domain::{Sourced, SpotPrice};

    fn machine(id: &str, state: &str) -> Ec2Instance {
        Ec2Instance {
            id: InstanceId::new(id),
            state: Some(state.to_owned()),
            state_reason: None,
            instance_type: Some("c6i.large".to_owned()),
            availability_zone: Some("eu-west-1a".to_owned()),
            private_ip: None,
            public_ip: None,
            private_dns_name: None,
            public_dns_name: None,
            lifecycle: Some(Lifecycle::Spot),
            image_id: None,
            subnet_id: None,
            vpc_id: None,
            architecture: None,
            launched_at: None,
            tags: BTreeMap::from([(FLEET_TAG.to_owned(), "workers".to_owned())]),
        }
    }

    #[test]
    fn what_is_on_its_way_out_is_neither_counted_nor_costed() {
        let all = [
            machine("i-1", "running"),
            machine("i-2", "shutting-down"),
            machine("i-3", "terminated"),
            machine("i-4", "stopped"),
        ];
        let told = returns(&all, &Kept::new(), None);
        assert_eq!(told.instances.len(), 4, "they were named");
        assert_eq!(told.zones["workers"], BTreeMap::from([("eu-west-1a".to_owned(), 2)]));
        assert_eq!(told.hourly_cost, None);
        let told = returns(&all[1..3], &Kept::new(), None);
        assert_eq!((told.zones.len(), told.hourly_cost.as_deref()), (0, Some("0.0000")));
    }

    #[test]
    fn prices_on_demand_that_were_kept_with_spot_prices_tell_the_saving() {
        let region = Region::new("eu-west-1");
        let at = "2026-11-20T12:00:00Z".parse().unwrap();
        let price = SpotPrice {
            machine_type: "c6i.large".to_owned(),
            zone: "eu-west-1a".to_owned(),
            price: MicroUsd::new(30_000),
            since: None,
            on_demand: Some(MicroUsd::new(90_000)),
        };
        let kept = |price: SpotPrice| Market {
            region: region.clone(),
            types: Sourced { data: Vec::new(), source: String::new(), at },
            spot: Sourced { data: vec![price], source: String::new(), at },
            empty_zones: BTreeSet::new(),
            zone_ages: BTreeMap::new(),
            on_demand: None,
            interruptions: None,
            placement: None,
        };
        let machines = [machine("i-1", "running")];
        let told = returns(&machines, &Kept::new(), Some(&kept(price.clone())));
        assert_eq!(
            (told.hourly_cost.as_deref(), told.saving_percent),
            (Some("0.0300"), Some(66.66))
        );
        // Without them the cost is known all the same.
        let told =
            returns(&machines, &Kept::new(), Some(&kept(SpotPrice { on_demand: None, ..price })));
        assert_eq!((told.hourly_cost.as_deref(), told.saving_percent), (Some("0.0300"), None));
    }
}
