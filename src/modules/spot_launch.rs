//! `spot_launch`: plain EC2 spot instances by ranked offers, so many as are wanted.

mod answer;
mod ending;
mod launching;
mod replacing;
mod there;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::World;
use super::fleet::{Desk, FleetArgs, Terms};
use crate::ansible::{Context, Failure, Module, Planned};
use crate::plan::launch::Spread;
use answer::Returns;

/// Launches EC2 spot instances from ranked offers, falls back where there is no capacity, and keeps a count.
///
/// Each machine is asked for by itself, with a client token and with tags from its first moment, and a line in a journal before and
/// after. So whatever happens, an answer that is lost or a controller that is killed, running the same task again launches nothing
/// twice and comes to the count.
///
/// Where EC2 has no capacity the next offer of the zone is asked for, then other zones', then, with O(on_demand), the same on demand. A
/// quota that is used up ends spot, a type that is not supported is dropped, throttling is waited out; missing permissions and
/// wrong parameters end it at once. What is missing then is told, with every attempt, and fails the task.
///
/// The tags V(spotinst-esg:fleet), V(spotinst-esg:run) and V(spotinst-esg:launch) say what belongs to a fleet; nothing else does. No maximum price is
/// set unless it is asked for: EC2 then takes at most the on-demand price.
#[derive(Deserialize, JsonSchema)]
#[schemars(extend("x-mutually-exclusive" = [["count", "exact_count", "replace"]]))]
pub(super) struct Args {
    /// What is to be.
    #[serde(default = "present")]
    state: State,
    /// Launch so many more. Where the answer to a request was lost, the same count sends it again with its client token.
    #[schemars(range(min = 1, max = 1000))]
    count: Option<u32>,
    /// Have exactly so many: launch what is missing, terminate what is too many. A machine that was stopped counts, and is named in a
    /// warning: it may be started again.
    #[schemars(range(min = 0, max = 1000))]
    exact_count: Option<u32>,
    /// The id of a machine of the fleet: launch another in its zone, or where that has no capacity in another, and when that runs drain
    /// and terminate this one. The tag V(spotinst-esg:replaces) says what stands in for what, so that a warning that comes twice
    /// launches one. O(max_total) has to leave room for one more.
    replace: Option<String>,
    /// How machines are spread over zones.
    #[serde(default = "even")]
    spread: SpreadArg,
    /// What becomes of what was launched if it is not all.
    #[serde(default = "keep")]
    on_partial: PartialArg,
    /// Whether to wait until what was launched runs.
    #[serde(default = "yes")]
    wait: bool,
    #[serde(flatten)]
    fleet: FleetArgs,
}

fn present() -> State {
    State::Present
}

fn even() -> SpreadArg {
    SpreadArg::Even
}

fn keep() -> PartialArg {
    PartialArg::Keep
}

fn yes() -> bool {
    true
}

#[derive(Clone, Copy, Deserialize, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    /// There are as many as asked for.
    Present,
    /// There are none.
    Absent,
}

#[derive(Clone, Copy, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
enum SpreadArg {
    /// The zone with the fewest comes first.
    Even,
    /// The best offer comes first, wherever it is.
    Price,
}

#[derive(Clone, Copy, Deserialize, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum PartialArg {
    /// It stays, and running again launches the rest.
    Keep,
    /// It is terminated again.
    Terminate,
}

impl Args {
    fn terms(&self) -> Terms {
        Terms {
            spread: match self.spread {
                SpreadArg::Even => Spread::Even,
                SpreadArg::Price => Spread::Price,
            },
            resume: true,
            clean_up: self.on_partial == PartialArg::Terminate,
            wait: self.wait,
        }
    }
}

/// The module.
pub(super) struct SpotLaunch;

impl Module<World> for SpotLaunch {
    type Args = Args;
    type Returns = Returns;

    const NAME: &'static str = "spot_launch";
    const EXAMPLES: &'static str = include_str!("spot_launch.examples.yml");
    const CHANGES: bool = true;

    fn plan<'c>(
        &self,
        args: Args,
        context: Context<'c, World>,
    ) -> Result<Planned<'c, Returns>, Failure> {
        let terms = args.terms();
        let Args { state, count, exact_count, replace, mut fleet, .. } = args;
        if state == State::Absent {
            // A fleet can be ended after its cluster's profile was.
            fleet.cluster = None;
        }
        let desk = Desk::open(fleet, context)?;
        if let Some(id) = replace {
            return match state {
                State::Present => replacing::planned(desk, &id, terms),
                State::Absent => {
                    Err(Failure::new("state absent ends all machines: leave replace out"))
                }
            };
        }
        match (state, count, exact_count) {
            (State::Absent, None, None) => ending::all(desk),
            (State::Absent, _, _) => {
                Err(Failure::new("state absent ends all machines: leave count and exact_count out"))
            }
            (State::Present, None, None) => Err(Failure::new(
                "one of count and exact_count is missing: how many are wanted (or replace: which)",
            )),
            (State::Present, Some(count), _) => launching::more(desk, count, terms),
            (State::Present, None, Some(exact)) => launching::exactly(desk, exact, terms),
        }
    }
}
