//! `spot_rebalance`: a fleet spread evenly over zones, each launch before what it stands in for goes.

mod answer;
mod gate;
mod moving;

use schemars::JsonSchema;
use serde::Deserialize;

use super::World;
use super::cluster_gate::Checks;
use super::fleet::{Desk, FleetArgs};
use crate::ansible::{Context, Failure, Module, Planned};
use answer::Returns;

/// Spreads a fleet of M(spotinst.esg.spot_launch) evenly over zones.
///
/// It moves as few machines as it takes: one is launched where there are too few, by the same ranked offers and the same ladder as
/// M(spotinst.esg.spot_launch), but in that zone only; when it runs and O(gate) and O(gate_command) are content, one is drained and
/// terminated where there are too many. So the fleet never has fewer machines than before, and never fewer that run.
///
/// In check mode the whole plan is told, with C(--diff) by zone, and EC2 is asked whether it would launch the first.
///
/// How many machines the fleet has is written to a journal first. A run that was killed is gone on with by running the same again;
/// what was begun to be drained goes first then, and its drain command may run twice. A run of M(spotinst.esg.spot_launch) in between sets another count
/// and ends the rebalance.
///
/// A zone without capacity is left out: nothing is terminated for a machine that was not launched, the others are spread as evenly as
/// they can be, and the task fails with every attempt and with how many moves are missing.
#[derive(Deserialize, JsonSchema)]
pub(super) struct Args {
    /// By how many the fleet may be larger meanwhile, within O(max_total).
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 100))]
    max_surge: u32,
    /// What must hold before any machine goes: the same as the options of M(spotinst.esg.cluster_gate) of these names.
    #[schemars(extend("x-keeps-empty" = true))]
    gate: Option<Checks>,
    /// Command that must end with status 0 for each machine that was launched before any other goes; id and private address are
    /// added as its last arguments. It is run again and again until it does. No shell reads it.
    #[schemars(extend("x-keeps-empty" = true))]
    gate_command: Option<Vec<String>>,
    /// Longest that is waited for O(gate_command), in seconds.
    #[serde(default = "ten_minutes")]
    #[schemars(range(min = 1))]
    gate_timeout: u32,
    #[serde(flatten)]
    fleet: FleetArgs,
}

fn one() -> u32 {
    1
}

fn ten_minutes() -> u32 {
    600
}

/// The module.
pub(super) struct SpotRebalance;

impl Module<World> for SpotRebalance {
    type Args = Args;
    type Returns = Returns;

    const NAME: &'static str = "spot_rebalance";
    const EXAMPLES: &'static str = include_str!("spot_rebalance.examples.yml");
    const CHANGES: bool = true;

    fn plan<'c>(
        &self,
        args: Args,
        context: Context<'c, World>,
    ) -> Result<Planned<'c, Returns>, Failure> {
        let Args { max_surge, gate, gate_command, gate_timeout, fleet } = args;
        let gates = gate::Gates::new(gate, gate_command, gate_timeout, &fleet, context.world)?;
        let desk = Desk::open(fleet, context)?;
        moving::planned(desk, gates, max_surge)
    }
}
