//! `spot_launch`: plain EC2 spot instances by ranked offers, so many as are wanted.

mod answer;
mod ending;
mod ground;
mod launching;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use super::World;
use super::connection::Connection;
use super::market::{PolicyArgs, SourceArgs};
use crate::ansible::{Context, Failure, Module, Planned};
use crate::drive::launch::LaunchError;
use answer::Returns;
pub(in crate::modules) use answer::{ShownMachine, machine};
use ground::Desk;

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
#[schemars(extend("x-mutually-exclusive" = [["count", "exact_count"]]))]
pub(super) struct Args {
    /// The fleet.
    name: String,
    /// What is to be.
    #[serde(default = "present")]
    state: State,
    /// Launch so many more.
    #[schemars(range(min = 1, max = 1000))]
    count: Option<u32>,
    /// Have exactly so many: launch what is missing, terminate what is too many.
    #[schemars(range(min = 0, max = 1000))]
    exact_count: Option<u32>,
    /// Most machines that the fleet may have; a launch that would exceed it is refused.
    #[schemars(range(min = 1))]
    max_total: Option<u32>,
    /// How machines are spread over zones.
    #[serde(default = "even")]
    spread: SpreadArg,
    /// Which go first where there are too many.
    #[serde(default = "oldest")]
    scale_in_order: OrderArg,
    /// Zones; all with an offer when not given.
    zones: Option<Vec<String>>,
    /// Subnets, of which a zone may have several; the zones' default ones when not given.
    subnets: Option<Vec<String>>,
    /// The VPC that the subnets must be in.
    vpc_id: Option<String>,
    /// Launch template.
    launch_template: Option<TemplateArgs>,
    /// Image; overrides the template's.
    image_id: Option<String>,
    /// Key pair; overrides the template's.
    key_name: Option<String>,
    /// Security groups; override the template's.
    security_group_ids: Option<Vec<String>>,
    /// User data as it is; overrides the template's. It is never shown and in no journal.
    #[schemars(extend("x-no-log" = true))]
    user_data: Option<String>,
    /// Name or ARN of an instance profile; overrides the template's.
    iam_instance_profile: Option<String>,
    /// Tags of machines and volumes, besides those of the fleet.
    tags: Option<BTreeMap<String, String>>,
    /// Whether on-demand machines will do where no offer has capacity.
    #[serde(default)]
    on_demand: bool,
    /// Most that an hour of a spot instance may ever cost, in dollars. EC2 takes it back when the price rises above.
    spot_max_price: Option<String>,
    /// What becomes of what was launched if it is not all.
    #[serde(default = "keep")]
    on_partial: PartialArg,
    /// Command that drains a machine before it is terminated; id and private address are added as its last arguments. No shell reads it.
    drain_command: Option<Vec<String>>,
    /// Longest that it may take, in seconds.
    #[serde(default = "ten_minutes")]
    #[schemars(range(min = 1))]
    drain_timeout: u32,
    /// Whether it is launched by prices that are older than O(max_price_age).
    #[serde(default)]
    allow_stale: bool,
    /// For how many seconds an offer without capacity is not asked for again, by any launch of this user.
    #[serde(default = "three_minutes")]
    capacity_memory: u32,
    /// How long a machine is looked for whose launch got no answer, in seconds.
    #[serde(default = "half_a_minute")]
    settle_timeout: u32,
    /// Whether to wait until what was launched runs.
    #[serde(default = "yes")]
    wait: bool,
    /// Longest wait, in seconds.
    #[serde(default = "ten_minutes")]
    #[schemars(range(min = 1))]
    wait_timeout: u32,
    /// Folder of the journals. C(~/.local/state/spotinst-esg) when not given.
    #[schemars(extend("x-type" = "path", "x-env" = ["SPOTINST_ESG_STATE_DIR"]))]
    state_dir: Option<String>,
    /// What is wanted of an offer.
    #[serde(default)]
    policy: PolicyArgs,
    #[serde(flatten)]
    sources: SourceArgs,
    #[serde(flatten)]
    connection: Connection,
}

fn present() -> State {
    State::Present
}

fn even() -> SpreadArg {
    SpreadArg::Even
}

fn oldest() -> OrderArg {
    OrderArg::Oldest
}

fn keep() -> PartialArg {
    PartialArg::Keep
}

fn ten_minutes() -> u32 {
    600
}

fn three_minutes() -> u32 {
    180
}

fn half_a_minute() -> u32 {
    30
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

#[derive(Clone, Copy, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
enum OrderArg {
    /// Who was launched first.
    Oldest,
    /// Who was launched last.
    Newest,
    /// Who costs most now.
    MostExpensive,
    /// The oldest in the zone that has the most.
    AzImbalance,
}

#[derive(Clone, Copy, Deserialize, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum PartialArg {
    /// It stays, and running again launches the rest.
    Keep,
    /// It is terminated again.
    Terminate,
}

/// A launch template.
#[derive(Clone, Deserialize, JsonSchema, Serialize)]
struct TemplateArgs {
    /// Its id.
    id: Option<String>,
    /// Its name, if no id is given.
    name: Option<String>,
    /// A number, V($Latest) or V($Default).
    #[serde(default = "default_version")]
    version: String,
}

fn default_version() -> String {
    "$Default".to_owned()
}

impl From<LaunchError> for Failure {
    fn from(error: LaunchError) -> Self {
        match error {
            LaunchError::Ec2(error) => error.into(),
            other => Self::new(other.to_string()),
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
        let desk = Desk::open(args, context)?;
        match (desk.args.state, desk.args.count, desk.args.exact_count) {
            (State::Absent, None, None) => ending::all(desk),
            (State::Absent, _, _) => {
                Err(Failure::new("state absent ends all machines: leave count and exact_count out"))
            }
            (State::Present, None, None) => {
                Err(Failure::new("one of count and exact_count is missing: how many are wanted"))
            }
            (State::Present, Some(count), _) => launching::more(desk, count),
            (State::Present, None, Some(exact)) => launching::exactly(desk, exact),
        }
    }
}
