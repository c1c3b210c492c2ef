//! `spot_offer_info`: what the spot market offers, the best first.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::World;
use super::connection::Connection;
use super::market::{
    self, PolicyArgs, Shown, ShownExplanation, ShownNothing, SourceArgs, explained, shown, store,
};
use crate::ansible::{Context, Failure, Module, Outcome, Planned};
use crate::domain::{Clock, Market};
use crate::drive::market::{draft, keep};
use crate::drive::{Progress, SystemClock, watched};
use crate::plan::offers::{Policy, Ranking, explain, rank, stale, unweighed};

/// Ranks what the EC2 spot market offers, by a policy.
///
/// Instance types and present spot prices come from EC2, on-demand prices from the Pricing API in pages or from a file,
/// interruption rates and placement scores from where they are asked for. Every figure tells its source and its age. The same
/// figures always give the same order; ties end by name.
///
/// The list is empty, and that is no failure, if nothing fits the policy; then RV(nothing_left) of the answer says which rules
/// exclude everything and how close the nearest offer came. A source that tells nothing at all is a failure.
#[derive(Deserialize, JsonSchema)]
pub(super) struct Args {
    /// What is wanted.
    #[serde(default)]
    policy: PolicyArgs,
    /// A type of which is told what became of it, zone by zone: its place, or which rules dropped it.
    explain: Option<String>,
    /// File to write the figures to, so that they can be ranked again with O(replay).
    #[schemars(extend("x-type" = "path"))]
    save_to: Option<String>,
    /// Where the ranking is kept for others: C(ssm) writes parameters below O(store_prefix) as Spotter lays them out, a path
    /// names a file.
    store: Option<String>,
    #[serde(flatten)]
    sources: SourceArgs,
    #[serde(flatten)]
    connection: Connection,
}

/// What is answered.
#[derive(Clone, Serialize, JsonSchema)]
pub(super) struct Returns {
    /// The offers that fit, the best first over all zones.
    #[schemars(extend("x-returned" = "always"))]
    offers: Vec<Shown>,
    /// Why there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-returned" = "if nothing fits"))]
    nothing_left: Option<ShownNothing>,
    /// What became of the type that was asked about.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-returned" = "with explain"))]
    explanation: Option<Vec<ShownExplanation>>,
    /// How many types with a price in how many zones were looked at.
    #[schemars(extend("x-returned" = "always"))]
    considered: usize,
    /// How many zones have offers that are kept for others.
    #[schemars(extend("x-returned" = "always"))]
    stored_zones: usize,
}

/// The module.
pub(super) struct SpotOfferInfo;

impl Module<World> for SpotOfferInfo {
    type Args = Args;
    type Returns = Returns;

    const NAME: &'static str = "spot_offer_info";
    const EXAMPLES: &'static str = include_str!("spot_offer_info.examples.yml");
    const CHANGES: bool = true;

    fn plan<'c>(
        &self,
        args: Args,
        context: Context<'c, World>,
    ) -> Result<Planned<'c, Returns>, Failure> {
        let world = context.world;
        let policy = args.policy.policy()?;
        policy.check().map_err(|error| Failure::new(error.to_string()))?;
        let region = market::region(&args.connection, world)?;
        let clock = SystemClock::start();
        let progress = Progress::new(&clock, context.progress);
        let now = clock.now();
        let connect = || market::cloud(&args.connection, world);
        let asked = format!("reading the spot market of {region}");
        let market = watched(&progress, &asked, || {
            let whole = args.explain.is_some();
            args.sources.market(&region, &policy, whole, &connect, &world.environment, now)
        })?;
        let ranking = rank(&market, &policy).map_err(|error| Failure::new(error.to_string()))?;
        let mut returns = returns(&args, &ranking, &market, now)?;
        let mut warnings = warnings(&args, &policy, &ranking, &market, now);
        // A copy of what was told changes nothing that is managed; in check mode it is not made either.
        let save_to = args.save_to.as_ref();
        let save_to = save_to.map(|path| (world.environment.expand(path), market.clone()));
        let save = move || save_to.map_or(Ok(()), |(path, market)| keep(&market, &path));
        let Some(named) = &args.store else {
            let act = {
                let returns = returns.clone();
                move || Ok(save().map(|()| Outcome::from(returns))?)
            };
            return Ok(Planned::looking_on(returns, act).with_warnings(warnings));
        };
        let place = store(named, args.sources.store_prefix(), &world.environment)?;
        if ranking.offers.is_empty() {
            // What is kept stays: an empty list would be read as a market without offers.
            let act = {
                let returns = returns.clone();
                move || Ok(save().map(|()| Outcome::from(returns))?)
            };
            return Ok(Planned::looking_on(returns, act).with_warnings(warnings));
        }
        let draft = {
            let cloud = connect()?;
            draft(&place, &market, &ranking, &policy.zones, now, cloud.as_ref())?
        };
        warnings.extend(unpriced(&draft.unpriced, named));
        returns.stored_zones = draft.zones;
        let expected = returns.clone();
        let side = |is_after: bool| {
            let pick = |(before, after): &(Value, Value)| {
                if is_after { after.clone() } else { before.clone() }
            };
            let all = draft.changes.iter().map(|(zone, both)| (zone.clone(), pick(both)));
            Value::Object(all.collect())
        };
        let (before, after) = (side(false), side(true));
        let changed: Vec<String> = draft.changes.keys().cloned().collect();
        let act = move || {
            save()?;
            let cloud = market::cloud(&args.connection, world)?;
            draft.write(&region, cloud.as_ref()).map_err(|(error, written)| {
                let failure = Failure::from(error).changed(written > 0);
                match (written, draft.changes.len()) {
                    (0, _) => failure,
                    (some, all) => failure.adding(&format!(
                        "; of {all} zones with other offers {some} were written before"
                    )),
                }
            })?;
            Ok(Outcome::from(returns))
        };
        if changed.is_empty() {
            return Ok(Planned::looking_on(expected, act).with_warnings(warnings));
        }
        let zones = changed.join(", ");
        Ok(Planned::change(expected, act)
            .with_message(format!("other offers are kept in {named} of {zones}"))
            .with_diff(before, after)
            .with_warnings(warnings))
    }
}

fn returns(
    args: &Args,
    ranking: &Ranking,
    market: &Market,
    now: jiff::Timestamp,
) -> Result<Returns, Failure> {
    let explanation = match &args.explain {
        None => None,
        Some(name) => {
            if !market.types.data.iter().any(|kind| kind.name == *name) {
                let region = &market.region;
                return Err(Failure::new(format!("there is no instance type {name} in {region}")));
            }
            Some(explained(&explain(ranking, name), market, now))
        }
    };
    Ok(Returns {
        offers: shown(ranking, market, now),
        nothing_left: ranking.nothing_left().as_ref().map(ShownNothing::from),
        explanation,
        considered: ranking.offers.len() + ranking.capped.len() + ranking.dropped.len(),
        stored_zones: 0,
    })
}

/// What is kept of zones without a price stays, which whoever launches from it is to know.
fn unpriced(zones: &[String], store: &str) -> Option<String> {
    let names = zones.join(", ");
    (!zones.is_empty()).then(|| {
        format!(
            "no type has a price in {names} now: what {store} holds of that stays as it was and grows old; if nothing is to be launched there any more, take it out"
        )
    })
}

fn warnings(
    args: &Args,
    policy: &Policy,
    ranking: &Ranking,
    market: &Market,
    now: jiff::Timestamp,
) -> Vec<String> {
    let is_wanted = |zone: &str| policy.takes(zone);
    let old = stale(market, &is_wanted, args.sources.max_price_age, now);
    let mut warnings: Vec<String> = old.iter().map(ToString::to_string).collect();
    if !ranking.unpriced_zones.is_empty() {
        let zones = ranking.unpriced_zones.join(", ");
        warnings.push(format!("no type has a price in {zones}: no offer is from there"));
    }
    if !ranking.undescribed.is_empty() && args.explain.is_some() {
        let names = ranking.undescribed.join(", ");
        warnings.push(format!("EC2 does not describe {names}, which have a price: left out"));
    }
    warnings.extend(unweighed(policy, market).iter().map(ToString::to_string));
    warnings.extend(ranking.nothing_left().map(|nothing| nothing.to_string()));
    if let Some(name) = args.explain.as_ref().filter(|name| explain(ranking, name).is_empty()) {
        warnings.push(format!("{name} has no spot price in any zone that was looked at"));
    }
    warnings
}
