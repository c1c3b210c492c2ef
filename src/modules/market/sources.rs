//! The options that say where figures come from.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::ansible::Failure;
use crate::domain::{Market, Region};
use crate::drive::Environment;
use crate::drive::market::{
    Cloud, OnDemandFrom, SPOTTER_PREFIXES, SpotFrom, Store, Wanted, gather, kept,
};
use crate::plan::offers::Policy;

/// Where the figures come from. To be flattened into a module's arguments.
#[derive(Clone, Deserialize, JsonSchema)]
pub(in crate::modules) struct SourceArgs {
    /// Where on-demand prices come from: C(api) asks the Pricing API, C(none) nobody, and a path names a JSON file
    /// C({"region": …, "at": …, "prices": {TYPE: DOLLARS}}).
    #[serde(default = "api")]
    on_demand_prices: String,
    /// Where interruption rates come from: address or path of the spot advisor's C(spot-advisor-data.json). Nowhere when not given.
    interruption_feed: Option<String>,
    /// For how many machines spot placement scores are asked for, of the types that fit the policy. They are not asked for when not
    /// given.
    #[schemars(range(min = 1))]
    placement_target: Option<u32>,
    /// Where spot prices come from: C(market) asks EC2, C(ssm) reads what is kept in Systems Manager below O(store_prefix), a path
    /// names a file that M(spotinst.esg.spot_offer_info) has written by its C(store).
    #[serde(default = "market")]
    spot_prices: String,
    /// Path in Systems Manager of prices that are kept, as C(/spotter/prices). Spotter's older one is C(/spotter/spot).
    #[serde(default = "prefix")]
    store_prefix: String,
    /// File that M(spotinst.esg.spot_offer_info) has written by its C(save_to), to be ranked again; then nothing is asked.
    #[schemars(extend("x-type" = "path"))]
    replay: Option<String>,
    /// How old spot prices and placement scores may be, in seconds. What changes by the week may be a month old.
    #[serde(default = "an_hour")]
    #[schemars(range(min = 1))]
    pub(in crate::modules) max_price_age: u32,
}

fn api() -> String {
    "api".to_owned()
}

fn market() -> String {
    "market".to_owned()
}

fn prefix() -> String {
    SPOTTER_PREFIXES[0].to_owned()
}

fn an_hour() -> u32 {
    3600
}

/// A store as it is named: `ssm`, or the path of a file.
pub(in crate::modules) fn store(
    named: &str,
    prefix: &str,
    environment: &Environment,
) -> Result<Store, Failure> {
    if named != "ssm" && named.eq_ignore_ascii_case("ssm") {
        return Err(Failure::new(format!(
            "{named:?} is written ssm; a file of that name is ./{named}"
        )));
    }
    if named != "ssm" {
        return Ok(Store::File(environment.expand(named)));
    }
    let prefix = prefix.trim_end_matches('/');
    if !prefix.starts_with('/') || prefix.len() < 2 {
        let text = "option store_prefix is the path of parameters and begins with /, such as /spotter/prices";
        return Err(Failure::new(text));
    }
    Ok(Store::Ssm { prefix: prefix.to_owned() })
}

impl SourceArgs {
    /// The prefix of the store.
    pub(in crate::modules) fn store_prefix(&self) -> &str {
        &self.store_prefix
    }

    /// The market as the sources tell it. With `whole`, types that the policy does not name are looked at, too.
    ///
    /// # Errors
    ///
    /// A source cannot be had.
    pub(in crate::modules) fn market(
        &self,
        region: &Region,
        policy: &Policy,
        whole: bool,
        cloud: &dyn Fn() -> Result<Box<dyn Cloud>, Failure>,
        environment: &Environment,
        now: jiff::Timestamp,
    ) -> Result<Market, Failure> {
        if let Some(path) = &self.replay {
            return Ok(kept(&environment.expand(path), region)?);
        }
        let spot = match self.spot_prices.as_str() {
            "market" => SpotFrom::Market,
            named => SpotFrom::Store(store(named, &self.store_prefix, environment)?),
        };
        let on_demand = match self.on_demand_prices.as_str() {
            "api" => OnDemandFrom::Api,
            "none" => OnDemandFrom::Nowhere,
            path => OnDemandFrom::File(environment.expand(path)),
        };
        let feed = self.interruption_feed.clone();
        let wanted = Wanted {
            region: region.clone(),
            zones: policy.zones.clone(),
            patterns: if whole { Vec::new() } else { policy.instance_types.clone() },
            spot,
            on_demand,
            interruptions: feed.map(|source| (source.clone(), environment.expand(&source))),
            placement: self.placement_target,
            policy: policy.clone(),
        };
        Ok(gather(&wanted, cloud()?.as_ref(), now)?)
    }
}
