//! `elastigroup_capacity`: how many instances a group has.

mod shrink;

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::World;
use super::connection::Connection;
use super::elastigroup::answer::failed;
use super::elastigroup::target::{self, MARGIN};
use super::rolling::beside_a_roll;
use crate::ansible::{Context, Failure, Module, Outcome, Planned};
use crate::domain::{AccountId, Group, StatefulInstance, StatefulInstanceId};
use crate::drive::group::{Awaited, Basis, Keeper, Patience, Standing};
use crate::drive::{Progress, Session};
use crate::plan::group::{
    Aim, Capacity, Goal, Running, Step, Stretch, Way, changes, hosts, resized, way,
};
use crate::spot::{Client, UpdateManner};

/// Sets the target of an Elastigroup, and its bounds.
///
/// The target is a number, or counted from the present one: `+n`, `-n`, or `x` and a factor, which is rounded up. Only a number is
/// idempotent.
///
/// A stateful group never gets smaller by chance: the vendor does not say which instance it pauses, so `instances` names as many as
/// have to go. They are paused one after the other, each until that is proved, and then the target follows, unless someone has
/// changed the capacity or the instances that run in the meantime: then the task fails and tells which it has paused. With
/// `removal: deallocated` they are given up after that. When a stateful group grows, paused instances are resumed before new ones
/// are made.
#[derive(Deserialize, JsonSchema)]
#[schemars(extend(
    "x-required-one-of" = [["id", "name"], ["target", "minimum", "maximum"]],
))]
pub(super) struct Args {
    /// The group's id, such as `sig-12345678`.
    #[schemars(extend("x-aliases" = ["group_id", "esg_id"]))]
    id: Option<String>,
    /// Its name, if it is the only one of that name.
    name: Option<String>,
    /// The target: `5`, `+2`, `-1` or `x1.5`. Put `+2` between quotes: YAML reads it as the number 2 without them.
    target: Option<String>,
    /// The least target.
    #[schemars(range(min = 0))]
    minimum: Option<u32>,
    /// The largest target.
    #[schemars(range(min = 0))]
    maximum: Option<u32>,
    /// No target is set that is larger than this. One that is counted stops there; a number over it is refused.
    #[schemars(range(min = 0), extend("x-keeps-empty" = true))]
    ceiling: Option<u32>,
    /// Whether a bound that is in the target's way, and is not given, moves along.
    #[serde(default)]
    move_bounds: bool,
    /// The stateful instances that go when the group gets smaller, by id (`ssi-…`, or `i-…`).
    #[schemars(extend("x-aliases" = ["stateful_instances"]))]
    instances: Option<Vec<String>>,
    /// What becomes of them.
    #[serde(default = "paused")]
    removal: Removal,
    /// What is deleted of those that are given up. The vendor keeps the rest for some days.
    #[serde(default)]
    deallocation: shrink::DeallocationOptions,
    /// Whether data may be lost for good: volumes, snapshots and images that are deleted, and what is on data volumes that are not
    /// reattached, when an instance is paused. Also whether a group that persists nothing may shrink although the vendor does not
    /// tell which stateful instances it has from before.
    #[serde(default)]
    confirm_data_loss: bool,
    /// Whether paused instances are resumed before new ones are made when a stateful group grows.
    #[serde(default = "yes")]
    resume_paused: bool,
    /// Whether it may be done although a roll of the group is open.
    #[serde(default)]
    ignore_open_run: bool,
    /// Folder of the journals of rolls. `~/.local/state/spotinst-esg/runs` when not given.
    #[schemars(extend("x-type" = "path", "x-env" = ["SPOTINST_ESG_STATE_DIR"], "x-refuses-empty" = "for the usual folder"))]
    state_dir: Option<String>,
    /// Whether to wait until as many instances run as there are to be, and are healthy.
    #[serde(default = "yes")]
    wait: bool,
    /// Whether health counts in the wait, in a group that has a health check.
    #[serde(default = "yes")]
    wait_for_health: bool,
    /// Longest wait, in seconds, and for each instance that goes.
    #[serde(default = "half_an_hour")]
    #[schemars(range(min = 1))]
    wait_timeout: u32,
    #[serde(flatten)]
    connection: Connection,
}

#[derive(Clone, Copy, Deserialize, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Removal {
    /// They are paused: their volumes and addresses are kept, and they can be resumed.
    Paused,
    /// They are given up.
    Deallocated,
}

fn paused() -> Removal {
    Removal::Paused
}

fn yes() -> bool {
    true
}

fn half_an_hour() -> u32 {
    1800
}

/// A capacity as it is shown.
#[derive(Clone, Copy, Serialize, JsonSchema)]
struct Shown {
    /// The least target.
    minimum: u32,
    /// How many instances there are to be.
    target: u32,
    /// The largest target.
    maximum: u32,
}

impl From<Capacity> for Shown {
    fn from(capacity: Capacity) -> Self {
        Self { minimum: capacity.minimum, target: capacity.target, maximum: capacity.maximum }
    }
}

/// What is answered.
#[derive(Clone, Serialize, JsonSchema)]
pub(super) struct Returns {
    /// The group's id.
    id: String,
    /// Its name.
    name: String,
    /// The capacity before.
    before: Shown,
    /// The capacity now, or in check mode the one that would be.
    capacity: Shown,
    /// The stateful instances that went, or would.
    removed: Vec<String>,
    /// The group's instances, as `elastigroup` tells them.
    #[schemars(extend("x-returned" = "when it was waited for"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    instances: Option<Vec<Value>>,
}

/// The module.
pub(super) struct ElastigroupCapacity;

impl Module<World> for ElastigroupCapacity {
    type Args = Args;
    type Returns = Returns;

    const NAME: &'static str = "elastigroup_capacity";
    const EXAMPLES: &'static str = include_str!("elastigroup_capacity.examples.yml");
    const CHANGES: bool = true;

    fn plan<'c>(
        &self,
        args: Args,
        context: Context<'c, World>,
    ) -> Result<Planned<'c, Returns>, Failure> {
        let aim = args.target.as_deref().map(Aim::parse).transpose();
        let aim = aim.map_err(|error| Failure::new(error.to_string()))?;
        let named = args.instances.clone().unwrap_or_default();
        shrink::check(&args)?;
        let waits =
            u64::from(args.wait_timeout) * (u64::try_from(named.len()).unwrap_or(0) * 2 + 1);
        let time = Duration::from_secs(waits.saturating_add(MARGIN));
        let (session, client) = args.connection.open_for(context.world, time)?;
        let account = super::connection::only(session.accounts()?)?;
        let groups = target::groups(&client, &account, context, &session)?;
        let region = args.connection.region.as_deref();
        let group = target::one(args.id.as_deref(), args.name.as_deref(), region, &groups)?;
        let doing = format!("set the capacity of group {} ({})", group.name, group.id);
        let before = capacity(&group)?;
        let stretch = Stretch {
            minimum: args.minimum,
            maximum: args.maximum,
            bounds: args.move_bounds,
            ceiling: args.ceiling,
        };
        let after = resized(before, aim, stretch)
            .map_err(|error| Failure::new(format!("cannot {doing}: {error}")))?;
        let is_relative = matches!(aim, Some(Aim::By(_) | Aim::Times(_)));
        let running = None;
        let run =
            Run { args, account, session, client, group, context, before, after, named, running };
        run.decide(&doing, is_relative)
    }
}

/// The capacity as it is.
fn capacity(group: &Group) -> Result<Capacity, Failure> {
    let capacity = group.raw.get("capacity").cloned().unwrap_or(Value::Null);
    let number = |name: &str| match &capacity[name] {
        Value::String(text) => text.parse().ok(),
        other => other.as_u64().and_then(|number| u32::try_from(number).ok()),
    };
    match (number("minimum"), number("target"), number("maximum")) {
        (Some(minimum), Some(target), Some(maximum)) => Ok(Capacity { minimum, target, maximum }),
        _ => Err(Failure::new(format!(
            "the vendor does not tell the capacity of group {}",
            group.id
        ))),
    }
}

/// One call of the module.
struct Run<'c> {
    args: Args,
    account: AccountId,
    session: Session,
    client: Client,
    group: Group,
    context: Context<'c, World>,
    before: Capacity,
    after: Capacity,
    named: Vec<String>,
    /// The stateful instances that ran when it was decided; none if they did not matter.
    running: Option<Running>,
}

impl<'c> Run<'c> {
    fn returns(&self, after: Capacity, removed: &[String]) -> Returns {
        Returns {
            id: self.group.id.to_string(),
            name: self.group.name.clone(),
            before: self.before.into(),
            capacity: after.into(),
            removed: removed.to_vec(),
            instances: None,
        }
    }

    fn decide(mut self, doing: &str, is_relative: bool) -> Result<Planned<'c, Returns>, Failure> {
        let mut removed = Vec::new();
        if let Some(stateful) = self.stateful(doing)? {
            let count = |capacity: u32| usize::try_from(capacity).unwrap_or(usize::MAX);
            let (from, to) = (count(self.before.target), count(self.after.target));
            let bounds_only = self.args.target.is_none();
            let named = if bounds_only { &[][..] } else { &self.named };
            // What is there already needs no reason, whoever is paused.
            if to < from || !named.is_empty() {
                let weights = self.weights(&stateful)?;
                let step = Step { before: from, after: to, is_relative };
                let way = way(&stateful, step, named, weights.as_ref())
                    .map_err(|refusal| Failure::new(format!("cannot {doing}: {refusal}")));
                let resting = self.given_up(&stateful, named);
                match self.settled_before(way, to == from)? {
                    Some(Way::Remove(ids)) => {
                        removed = ids.iter().map(ToString::to_string).chain(resting).collect();
                    }
                    Some(Way::Target { .. }) => removed = resting,
                    // The step was taken; what is left of it is to give up what it paused.
                    Some(Way::Gone) | None if !resting.is_empty() => {
                        (self.after, removed) = (self.before, resting);
                    }
                    Some(Way::Gone) | None => {
                        let words = format!(
                            "{} of group {} rest already and its target has followed: nothing to do",
                            self.named.join(", "),
                            self.group.id
                        );
                        return Ok(self.unchanged().with_message(words));
                    }
                }
            }
        } else if !self.named.is_empty() {
            return Err(Failure::new(format!(
                "cannot {doing}: option instances is for stateful groups, and this one keeps nothing"
            )));
        }
        if self.before == self.after && removed.is_empty() {
            return Ok(self.unchanged());
        }
        let unread = beside_a_roll(
            &self.group.id,
            doing,
            "",
            (!self.args.ignore_open_run).then_some(self.args.state_dir.as_deref()),
            self.context.world,
        )?;
        let sides = |capacity: Capacity, instances: &[String]| json!({"capacity": Shown::from(capacity), "instances": instances});
        let expected = self.returns(self.after, &removed);
        let diff = (sides(self.before, &removed), sides(self.after, &[]));
        let message = format!("would {doing} to {}", self.after.target);
        Ok(Planned::change(expected, move || self.make(&removed))
            .with_diff(diff.0, diff.1)
            .with_message(message)
            .with_warnings(unread))
    }

    /// The stateful instances; none if the group has no state. One that persists nothing any more keeps those that it had.
    fn stateful(&mut self, doing: &str) -> Result<Option<Vec<StatefulInstance>>, Failure> {
        let is_declared = self.group.persistence.may_have_stateful_instances();
        let sinks = self.after.target < self.before.target || !self.named.is_empty();
        if !is_declared && !sinks {
            return Ok(None);
        }
        let may_lose = self.args.confirm_data_loss;
        let listed = target::stateful(&self.client, &self.account, &self.group, may_lose)?;
        if let [first, ..] = &listed.left_out[..] {
            return Err(Failure::new(format!("cannot {doing}: {first}")).retryable(true));
        }
        self.running = Some(Running::of(&listed.items, 0));
        Ok((is_declared || !listed.items.is_empty()).then_some(listed.items))
    }

    /// Those of the named that are paused, or about to be, and are to be given up.
    fn given_up(&self, stateful: &[StatefulInstance], named: &[String]) -> Vec<String> {
        use crate::domain::StatefulState::{Pause, Paused, Pausing};
        let is_named = |ssi: &&StatefulInstance| {
            let machine = ssi.instance_id.as_ref().map(|id| id.as_str());
            named.iter().any(|name| ssi.id.as_str() == name || machine == Some(name.as_str()))
        };
        let rests = |ssi: &&StatefulInstance| matches!(ssi.state, Pause | Pausing | Paused);
        let those = stateful.iter().filter(|_| self.args.removal == Removal::Deallocated);
        those.filter(is_named).filter(rests).map(|ssi| ssi.id.to_string()).collect()
    }

    /// What the stateful instances weigh, in a group that counts weights.
    fn weights(
        &self,
        stateful: &[StatefulInstance],
    ) -> Result<Option<BTreeMap<StatefulInstanceId, usize>>, Failure> {
        let goal = Goal::of(&self.group.raw, false);
        if goal.weights.is_none() {
            return Ok(None);
        }
        let members = self.client.group_status(&self.account, &self.group.id)?;
        let weighed = hosts(stateful, &members.items, None).into_iter().filter_map(|host| {
            let weight = goal.weight(host.instance_type.as_deref());
            Some((StatefulInstanceId::new(host.id?), weight))
        });
        Ok(Some(weighed.collect()))
    }

    /// Named instances that went, and a target that is reached already, are no reason to fail.
    fn settled_before(
        &self,
        way: Result<Way, Failure>,
        is_reached: bool,
    ) -> Result<Option<Way>, Failure> {
        match way {
            Err(_) if is_reached && self.all_named_rest()? => Ok(None),
            other => other.map(Some),
        }
    }

    fn all_named_rest(&self) -> Result<bool, Failure> {
        use crate::domain::StatefulState::{Deallocated, Paused};
        let listed = self.client.list_stateful_instances(&self.account, &self.group.id)?;
        let rests = |name: &String| {
            let found = listed.items.iter().find(|ssi| ssi.id.as_str() == name);
            found.is_none_or(|ssi| matches!(ssi.state, Paused | Deallocated))
        };
        Ok(self.named.iter().all(rests))
    }

    fn unchanged(&self) -> Planned<'c, Returns> {
        let side = json!({"capacity": Shown::from(self.before)});
        Planned::unchanged(self.returns(self.before, &[]))
            .with_diff(side.clone(), side)
            .with_message(format!("group {} has that capacity", self.group.id))
    }

    fn make(self, removed: &[String]) -> Result<Outcome<Returns>, Failure> {
        let clock = self.session.clock.as_ref();
        let progress = Progress::new(clock, self.context.progress);
        let keeper =
            Keeper { client: &self.client, account: &self.account, clock, progress: &progress };
        let mut carried = shrink::pause(&self, &progress, removed)?;
        let mut stored = self.group.clone();
        let wanted = wish(self.after);
        let found = changes(&wanted, &self.group.raw);
        if !found.is_empty() {
            let manner = UpdateManner {
                resume_paused: self.args.resume_paused
                    && self.after.target > self.before.target
                    && self.group.persistence.may_have_stateful_instances(),
                apply_tags: false,
            };
            // The pauses took their time.
            let basis = Basis {
                group: &self.group,
                running: self.running.clone().map(|ran| ran.without(removed)),
                may_lose: self.args.confirm_data_loss,
            };
            stored = keeper.update(&basis, &wanted, &found, manner).map_err(|error| {
                let has_changed = carried.has_changed || error.may_have_changed();
                let paused = match carried.has_changed {
                    true => format!("; paused for it: {}", removed.join(", ")),
                    false => String::new(),
                };
                failed(&error, has_changed).adding(&paused).with("removed", removed)
            })?;
            carried.has_changed = true;
        }
        if self.args.removal == Removal::Deallocated {
            carried = shrink::deallocate(&self, &progress, removed, carried)?;
        }
        let mut warnings = carried.warnings;
        let now = capacity(&stored).map_err(|failure| failure.changed(carried.has_changed))?;
        let mut returns = self.returns(now, removed);
        if self.args.wait {
            let standing = self.settle(keeper, &stored)?;
            warnings.extend(standing.oddities.clone());
            returns.instances = Some(standing.hosts.iter().map(|host| json!(host)).collect());
        }
        let mut outcome = Outcome::from(returns);
        let target = self.after.target;
        outcome.message = Some(format!("group {} has a target of {target}", self.group.id));
        outcome.warnings = warnings;
        Ok(outcome)
    }

    fn settle(&self, keeper: Keeper<'_>, stored: &Group) -> Result<Standing, Failure> {
        let grows = self.after.target > self.before.target;
        let patience = Patience {
            goal: Goal::of(&stored.raw, self.args.wait_for_health),
            limit: Duration::from_secs(self.args.wait_timeout.into()),
            awaited: if grows { Awaited::All } else { Awaited::Underway },
        };
        keeper.settle(stored, &patience).map_err(|error| failed(&error, true))
    }
}

fn wish(capacity: Capacity) -> Map<String, Value> {
    let mut wish = Map::new();
    wish.insert("capacity".to_owned(), json!(Shown::from(capacity)));
    wish
}
