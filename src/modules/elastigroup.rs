//! `elastigroup`: a group as it is described, or none.

pub(super) mod answer;
mod deletion;
mod lookups;
mod options;
mod preflight;
pub(super) mod target;
mod wish;

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::World;
use super::connection::Connection;
use super::rolling::{ImageByName, beside_a_roll};
use crate::ansible::{Context, Failure, Module, Outcome, Planned};
use crate::domain::{AccountId, Group, GroupId, VendorTime};
use crate::drive::group::{Awaited, Basis, Keeper, Patience, Standing};
use crate::drive::{Progress, Session};
use crate::plan::group::{
    Changes, Consent, Goal, Running, Secrecy, Wanted, changes, check_update, completed, is_digest,
    merged,
};
use crate::spot::{Client, UpdateManner};
use answer::{Returns, failed};
use options::GroupOptions;
use preflight::Preflight;
use target::{MARGIN, Sought, refused, running, sought};

/// Makes an Elastigroup, changes it to what is described, or deletes it.
///
/// Only what is given is managed: other fields stay as they are, whoever has set them. Each field is compared by itself; a list is
/// one field, replaced whole where it differs, and its order counts only where it means something. An empty list clears a
/// field, and so does null in `spec`. A field of a list's item that is not named is not compared.
///
/// The group is found by `id`, or by `name` if it is the only one of that name in its `region`; two of a name are an error. Where
/// the vendor tells a group without its name or region, so that it may be the one, nothing is done.
/// What cannot change (region, product, unit of capacity) is refused before anything is sent.
///
/// What was changed is read back, since the vendor's consent does not prove that it is stored. Creation has no key by which the
/// vendor would know a second one: after a lost answer it is looked for a new group of the name before another is made.
///
/// Instances that run are not touched, save for the capacity: a new image reaches a stateful instance when it is recycled, see
/// `recycle_run` and `stateful_instance`. A smaller target never makes a stateful group shrink by chance: it is refused while more
/// instances run; name those that go to `elastigroup_capacity`. With a larger one paused instances are resumed first.
#[derive(Deserialize, JsonSchema)]
#[schemars(extend(
    "x-mutually-exclusive" = [
        ["user_data", "user_data_base64"], ["zones", "subnet_ids", "subnets"],
        ["security_group_ids", "security_group_names"], ["image_id", "image", "image_ssm_parameter"],
    ],
))]
pub(super) struct Args {
    /// Whether there is to be such a group.
    #[serde(default = "present")]
    state: State,
    /// The group's id, such as `sig-12345678`.
    #[schemars(extend("x-aliases" = ["group_id", "esg_id"], "x-keeps-empty" = true))]
    id: Option<String>,
    #[serde(flatten)]
    options: GroupOptions,
    /// The image that its instances boot from, by its name. It is looked up in AWS, in the group's region.
    image: Option<ImageByName>,
    /// The SSM parameter that holds the id of the image that its instances boot from.
    #[schemars(extend("x-keeps-empty" = true))]
    image_ssm_parameter: Option<String>,
    /// The subnets of a VPC, by zone; they become `zones`. They are looked up in AWS, in the group's region.
    subnets: Option<lookups::SubnetOptions>,
    /// The security groups by their names, in the VPC of the subnets. They are looked up in AWS.
    security_group_names: Option<Vec<String>>,
    /// Whether AWS is asked if what changes is there and fits: that an image is ready, fits the instance types and its root the
    /// block devices; that subnets are in their zones and in one VPC, and the security groups in it; that key pair and instance
    /// profile are there.
    #[serde(default = "auto")]
    preflight: Preflight,
    /// Whether user data and shutdown script are secret. Then they are shown as digests, and struck from all that is answered.
    #[serde(default = "yes")]
    user_data_is_secret: bool,
    /// Whether changed tags are put on instances that run.
    #[schemars(extend("x-aliases" = ["auto_apply_tags"]))]
    #[serde(default)]
    apply_tags: bool,
    /// What is deleted with a stateful group. The vendor keeps the rest for some days. All four are always sent.
    #[serde(default)]
    deallocation: deletion::DeletionOptions,
    /// Whether data may be lost: a stateful group with instances be deleted, the persistence of volumes be switched off, or a zone be
    /// taken away whose volumes are attached again. Also whether a group that persists nothing may shrink or be deleted although the
    /// vendor does not tell which stateful instances it has from before.
    #[serde(default)]
    confirm_data_loss: bool,
    /// Whether it may be done although a roll of the group is open.
    #[serde(default)]
    ignore_open_run: bool,
    /// Folder of the journals of rolls. `~/.local/state/spotinst-esg/runs` when not given.
    #[schemars(extend("x-type" = "path", "x-env" = ["SPOTINST_ESG_STATE_DIR"], "x-refuses-empty" = "for the usual folder"))]
    state_dir: Option<String>,
    /// Whether to wait until as much runs as the group is to have, and is healthy. Where `capacity.unit` is `weight`, the weights
    /// of the instances are counted.
    ///
    /// Where nothing changes, or nothing that makes it grow, it waits for what is seen to be underway only. What else is amiss,
    /// such as an unhealthy instance, is a warning at once, and an instance that was paused stays paused. A group that was made
    /// less than `wait_timeout` ago is waited for as a new one, since the run that made it may have been cut off.
    #[schemars(extend("x-aliases" = ["wait_for_instances"]))]
    #[serde(default = "yes")]
    wait: bool,
    /// Whether health counts in the wait, in a group that has a health check.
    #[serde(default = "yes")]
    wait_for_health: bool,
    /// Longest wait, in seconds.
    #[serde(default = "half_an_hour")]
    #[schemars(range(min = 1))]
    wait_timeout: u32,
    #[serde(flatten)]
    connection: Connection,
}

#[derive(Clone, Copy, Deserialize, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    /// There is, as described.
    Present,
    /// There is none.
    Absent,
}

fn auto() -> Preflight {
    Preflight::Auto
}

fn present() -> State {
    State::Present
}

fn yes() -> bool {
    true
}

fn half_an_hour() -> u32 {
    1800
}

/// The module.
pub(super) struct Elastigroup;

impl Module<World> for Elastigroup {
    type Args = Args;
    type Returns = Returns;

    const NAME: &'static str = "elastigroup";
    const EXAMPLES: &'static str = include_str!("elastigroup.examples.yml");
    const CHANGES: bool = true;

    fn secrets(arguments: &Map<String, Value>) -> Vec<String> {
        wish::secrets(arguments)
    }

    fn plan<'c>(
        &self,
        args: Args,
        context: Context<'c, World>,
    ) -> Result<Planned<'c, Returns>, Failure> {
        if args.id.as_ref().is_some_and(|id| id.trim().is_empty()) {
            return Err(Failure::new("option id is empty: name a group, or leave the option out"));
        }
        let wanted = args.options.wish(args.connection.region.as_deref());
        let text = |key: &str| wanted.get(key).and_then(Value::as_str).map(str::to_owned);
        let (name, region) = (text("name"), text("region"));
        if args.id.is_none() && name.is_none() {
            return Err(Failure::new("cannot tell which group is meant: set id or name"));
        }
        for script in ["userData", "shutdownScript"] {
            let given =
                wanted.get("compute").and_then(|it| it.get("launchSpecification")?.get(script));
            if given.and_then(Value::as_str).is_some_and(is_digest) {
                return Err(Failure::new(format!(
                    "{script} is what stands for it in an answer, where it is not shown: give the script itself, or leave it out of \
                     what is given back"
                )));
            }
        }
        let wait = if args.wait { u64::from(args.wait_timeout) } else { 0 };
        let time = Duration::from_secs(wait.saturating_add(MARGIN));
        let (session, client) = args.connection.open_for(context.world, time)?;
        let account = super::connection::only(session.accounts()?)?;
        let groups = target::groups(&client, &account, context, &session)?;
        let asked =
            Wanted { id: args.id.as_deref(), name: name.as_deref(), region: region.as_deref() };
        let found = sought(asked, &groups)?;
        let place = match &found {
            Sought::There(group) => group.region.as_ref().map(|region| region.as_str().to_owned()),
            Sought::Nowhere { .. } => region.clone(),
        };
        let mut run = Run { args, account, session, client, wanted, context };
        if run.args.state == State::Present {
            run.look_up(place.as_deref())?;
        }
        match found {
            Sought::There(group) if run.args.state == State::Absent => run.delete(group),
            Sought::There(group) => run.change(group.clone()),
            Sought::Nowhere { .. } if run.args.state == State::Absent => Ok(run.nothing()),
            Sought::Nowhere { elsewhere } => run.make(&groups.items, &elsewhere),
        }
    }
}

/// One call of the module.
struct Run<'c> {
    args: Args,
    account: AccountId,
    session: Session,
    client: Client,
    wanted: Map<String, Value>,
    context: Context<'c, World>,
}

impl<'c> Run<'c> {
    fn secrecy(&self) -> Secrecy {
        if self.args.user_data_is_secret { Secrecy::Digest } else { Secrecy::Plain }
    }

    fn with_keeper<T>(&self, work: impl FnOnce(Keeper<'_>) -> T) -> T {
        let clock = self.session.clock.as_ref();
        let progress = Progress::new(clock, self.context.progress);
        work(Keeper { client: &self.client, account: &self.account, clock, progress: &progress })
    }

    /// Waits for the instances if that is wanted.
    fn settled(
        &self,
        group: &Group,
        awaited: Awaited,
        has_changed: bool,
    ) -> Result<Option<Standing>, Failure> {
        if !self.args.wait {
            return Ok(None);
        }
        let mut patience = Patience {
            goal: Goal::of(&group.raw, self.args.wait_for_health),
            limit: Duration::from_secs(self.args.wait_timeout.into()),
            awaited,
        };
        let rest =
            age(group, self.client.vendor_now()).and_then(|age| patience.limit.checked_sub(age));
        if let (Awaited::Underway, Some(rest)) = (awaited, rest) {
            // The run that has made it may have been cut off in its wait.
            patience.limit = rest;
            patience.awaited = Awaited::AllButPaused;
        }
        let standing = self.with_keeper(|keeper| keeper.settle(group, &patience));
        standing.map(Some).map_err(|error| {
            failed(&error, has_changed)
                .with("id", group.id.as_str())
                .with("name", group.name.as_str())
        })
    }

    /// A new group.
    fn make(self, groups: &[Group], elsewhere: &[String]) -> Result<Planned<'c, Returns>, Failure> {
        if let Some(id) = &self.args.id {
            return Err(Failure::new(format!(
                "there is no group {id} in account {}: leave id out if one is to be made",
                self.account
            )));
        }
        let shown = self.wanted.get("name").and_then(Value::as_str).unwrap_or_default();
        let config = completed(&self.wanted)
            .map_err(|refusal| refused(&format!("create group {shown:?}"), &refusal))?;
        let elsewhere = (!elsewhere.is_empty()).then(|| {
            format!(
                "a group {shown:?} is there in another region ({}): this is another one",
                elsewhere.join(", ")
            )
        });
        let unchecked = self.preflight(&config, &changes(&config, &Map::new()))?;
        let warnings = elsewhere.into_iter().chain(unchecked);
        let secrecy = self.secrecy();
        let none = Map::new();
        let returns = Returns::of_config(&config)
            .with_changes(&changes(&config, &none), secrecy)
            .with_spec(&config, secrecy)
            .created(true);
        let after = Value::Object(secrecy.shown(&config));
        let message = format!("would create group {shown:?}");
        let known: Vec<GroupId> = groups.iter().map(|group| group.id.clone()).collect();
        Ok(Planned::change(returns, move || self.made(&config, &known))
            .with_diff(json!({}), after)
            .with_message(message)
            .with_warnings(warnings))
    }

    fn made(
        self,
        config: &Map<String, Value>,
        known: &[GroupId],
    ) -> Result<Outcome<Returns>, Failure> {
        let made = self
            .with_keeper(|keeper| keeper.create(config, known))
            .map_err(|error| failed(&error, error.may_have_changed()))?;
        let group = made.group;
        let mut warnings = Vec::new();
        let missing = crate::plan::group::not_kept(config, &group.raw);
        if !missing.is_empty() {
            let error = crate::drive::group::GroupError::NotKept {
                id: group.id.clone(),
                fields: missing,
                after: crate::drive::TimeUp::default(),
            };
            return Err(failed(&error, true).with("id", group.id.as_str()));
        }
        if made.sent > 1 {
            warnings.push(format!("group {} was asked for {} times", group.id, made.sent));
        }
        let secrecy = self.secrecy();
        let mut returns = Returns::of(&group)
            .with_changes(&changes(config, &Map::new()), secrecy)
            .with_spec(&group.raw, secrecy)
            .created(true);
        if let Some(standing) = self.settled(&group, Awaited::All, true)? {
            returns = returns.with_instances(&standing);
            warnings.extend(standing.oddities);
        }
        let mut outcome = Outcome::from(returns);
        outcome.message = Some(format!("group {} ({}) was created", group.name, group.id));
        outcome.warnings = warnings;
        Ok(outcome)
    }

    /// A group that is there.
    fn change(self, group: Group) -> Result<Planned<'c, Returns>, Failure> {
        let doing = format!("change group {} ({})", group.name, group.id);
        let consent = Consent { data_loss: self.args.confirm_data_loss };
        let may_lose = consent.data_loss;
        let running = running(&self.client, &self.account, &group, &self.wanted, may_lose)?;
        let count = running.as_ref().map(Running::count);
        let found = check_update(&self.wanted, &group.raw, count, consent)
            .map_err(|refusal| refused(&doing, &refusal).with("id", group.id.as_str()))?;
        let secrecy = self.secrecy();
        let returns = Returns::of(&group).with_changes(&found, secrecy).created(false);
        let (before, after) = secrecy.sides(&found.0);
        if found.is_empty() {
            let returns = returns.with_spec(&group.raw, secrecy);
            let message = format!("group {} ({}) is as described", group.name, group.id);
            return Ok(Planned::looking_on(returns, move || self.looked_on(&group))
                .with_diff(before, after)
                .with_message(message));
        }
        let args = &self.args;
        let unread = beside_a_roll(
            &group.id,
            &doing,
            "",
            (!args.ignore_open_run).then_some(args.state_dir.as_deref()),
            self.context.world,
        )?;
        let planned = merged(&group.raw, &found.patch(&group.raw));
        let unchecked = self.preflight(&planned, &found)?;
        let returns = returns.with_spec(&planned, secrecy);
        let names: Vec<&str> = found.0.iter().map(|change| change.path.as_str()).collect();
        let message = format!("would {doing}: {}", names.join(", "));
        Ok(Planned::change(returns, move || self.changed(&group, &found, running))
            .with_diff(before, after)
            .with_message(message)
            .with_warnings(unread.into_iter().chain(unchecked)))
    }

    fn changed(
        self,
        group: &Group,
        found: &Changes,
        running: Option<Running>,
    ) -> Result<Outcome<Returns>, Failure> {
        let grows = found.of("capacity.target").is_some_and(|change| {
            let number = |value: &Value| match value {
                Value::String(text) => text.parse::<u64>().ok(),
                other => other.as_u64(),
            };
            number(&change.after) > number(&change.before)
        });
        let manner = UpdateManner {
            resume_paused: grows && group.persistence.may_have_stateful_instances(),
            apply_tags: self.args.apply_tags
                && found.of("compute.launchSpecification.tags").is_some(),
        };
        let basis = Basis { group, running, may_lose: self.args.confirm_data_loss };
        let stored =
            self.with_keeper(|keeper| keeper.update(&basis, &self.wanted, found, manner)).map_err(
                |error| failed(&error, error.may_have_changed()).with("id", group.id.as_str()),
            )?;
        let secrecy = self.secrecy();
        let mut returns = Returns::of(&stored)
            .with_changes(found, secrecy)
            .with_spec(&stored.raw, secrecy)
            .created(false);
        let mut warnings = Vec::new();
        let awaited = if grows { Awaited::All } else { Awaited::Underway };
        if let Some(standing) = self.settled(&stored, awaited, true)? {
            returns = returns.with_instances(&standing);
            warnings = standing.oddities;
        }
        let mut outcome = Outcome::from(returns);
        outcome.message = Some(format!("group {} ({}) was changed", stored.name, stored.id));
        outcome.warnings = warnings;
        Ok(outcome)
    }

    fn looked_on(self, group: &Group) -> Result<Outcome<Returns>, Failure> {
        let secrecy = self.secrecy();
        let mut returns = Returns::of(group)
            .with_changes(&Changes::default(), secrecy)
            .with_spec(&group.raw, secrecy)
            .created(false);
        let mut warnings = Vec::new();
        if let Some(standing) = self.settled(group, Awaited::Underway, false)? {
            returns = returns.with_instances(&standing);
            warnings = standing.oddities;
        }
        let mut outcome = Outcome::from(returns);
        outcome.warnings = warnings;
        Ok(outcome)
    }
}

/// How long ago a group was made; none if the vendor does not tell.
fn age(group: &Group, now: jiff::Timestamp) -> Option<Duration> {
    let made = group.raw.get("createdAt")?.as_str().map(VendorTime::new)?.instant()?;
    Some(now.duration_since(made).try_into().unwrap_or_default())
}
