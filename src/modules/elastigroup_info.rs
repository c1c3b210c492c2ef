//! `elastigroup_info`: which groups there are, and how they are configured.

use std::time::Duration;

use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use wildmatch::WildMatch;

use super::World;
use super::connection::Connection;
use super::elastigroup::answer::failed;
use super::elastigroup::target;
use crate::ansible::{Context, Failure, Module, Planned};
use crate::domain::{AccountId, Group, Suspension};
use crate::drive::group::Keeper;
use crate::drive::{Progress, Session};
use crate::plan::group::{Secrecy, export};
use crate::spot::Client;

/// Lists Elastigroups with their configuration, and on request with their instances, suspensions, events and log.
///
/// `spec` is what the option of that name of `elastigroup` takes. Given back to the same group it changes nothing, so a group that
/// was made by hand is adopted; with another `name` or `region` it makes a copy, of which images, subnets and the like have to be
/// named anew where they are another region's.
///
/// The list is empty, and that is no failure, if nothing matches. All filters that are given must agree.
#[derive(Deserialize, JsonSchema)]
pub(super) struct Args {
    /// Only groups with these ids.
    #[schemars(extend("x-aliases" = ["id", "group_id", "esg_id"]))]
    ids: Option<Vec<String>>,
    /// Only groups with these names, in which `*` and `?` may stand.
    #[schemars(extend("x-aliases" = ["name"]))]
    names: Option<Vec<String>>,
    /// Only groups in these regions.
    regions: Option<Vec<String>>,
    /// Only groups that are stateful, or only those that are not.
    stateful: Option<bool>,
    /// Whether user data and shutdown script are in `spec`, for a copy that is to have them; they then show in the output, so give the task
    /// `no_log` where they hold secrets. Otherwise they are named in `left_out`.
    #[serde(default)]
    with_user_data: bool,
    /// Whether the instances are told.
    #[serde(default)]
    with_instances: bool,
    /// Whether the suspended processes are told.
    #[serde(default)]
    with_suspensions: bool,
    /// So many hours back events are told; the vendor counts whole days.
    #[schemars(range(min = 1, max = 87_600))]
    events_hours: Option<u32>,
    /// So many hours back the log is told, at most a thousand lines, newest first. The vendor keeps three months.
    #[schemars(range(min = 1, max = 2_400))]
    log_hours: Option<u32>,
    /// Only lines of the log of these severities, such as `ERROR` and `WARN`.
    log_severities: Option<Vec<String>>,
    #[serde(flatten)]
    connection: Connection,
}

/// One group.
#[derive(Serialize, JsonSchema)]
struct ShownGroup {
    /// Its id.
    id: String,
    /// Its name.
    name: String,
    /// The account that it is in.
    account_id: String,
    /// Its region.
    region: Option<String>,
    /// Whether it persists anything.
    stateful: bool,
    /// When it was made, as the vendor writes it.
    created_at: Option<String>,
    /// When it was changed, as the vendor writes it.
    updated_at: Option<String>,
    /// Its configuration, to be given to `elastigroup`.
    spec: Map<String, Value>,
    /// Fields that are not in `spec`, because they are credentials of a third party, or user data that was not asked for.
    left_out: Vec<String>,
    /// A digest of its user data, by which two can be told apart.
    user_data_digest: Option<String>,
    /// Its instances, as `elastigroup` tells them.
    #[schemars(extend("x-returned" = "with with_instances"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    instances: Option<Vec<Value>>,
    /// Its suspended processes, each with `process` and `expires_at`.
    #[schemars(extend("x-returned" = "with with_suspensions"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    suspensions: Option<Vec<Value>>,
    /// What happened in it, as the vendor tells it, newest first.
    #[schemars(extend("x-returned" = "with events_hours"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    events: Option<Vec<Value>>,
    /// Its log, each line with `at`, `severity` and `message`.
    #[schemars(extend("x-returned" = "with log_hours"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    log: Option<Vec<Value>>,
}

/// What is answered.
#[derive(Serialize, JsonSchema)]
pub(super) struct Returns {
    /// The groups that match, by account, name and id.
    elastigroups: Vec<ShownGroup>,
}

/// The module.
pub(super) struct ElastigroupInfo;

impl Args {
    fn is_wanted(&self, group: &Group) -> bool {
        self.has_name(group) && self.is_there(group) && self.is_wanted_besides(group)
    }

    fn has_name(&self, group: &Group) -> bool {
        let is_called = |pattern: &String| WildMatch::new(pattern).matches(&group.name);
        self.names.as_ref().is_none_or(|names| names.iter().any(is_called))
    }

    fn is_there(&self, group: &Group) -> bool {
        let region = group.region.as_ref().map_or("", |region| region.as_str());
        self.regions.as_ref().is_none_or(|regions| regions.iter().any(|it| it == region))
    }

    fn is_wanted_besides(&self, group: &Group) -> bool {
        let has_id =
            self.ids.as_ref().is_none_or(|ids| ids.iter().any(|id| id == group.id.as_str()));
        let is_stateful = group.persistence.is_stateful();
        has_id && self.stateful.is_none_or(|wanted| wanted == is_stateful)
    }

    /// That a group is left out because the vendor does not tell by what it would be chosen.
    fn doubt(&self, group: &Group) -> Option<String> {
        let untold = if group.name.is_empty() { "name" } else { "region" };
        let may_have_name = group.name.is_empty() || self.has_name(group);
        let may_be_there = group.region.is_none() || self.is_there(group);
        let may_be_wanted = may_have_name && may_be_there && self.is_wanted_besides(group);
        (may_be_wanted && !self.is_wanted(group)).then(|| {
            format!(
                "the vendor tells no {untold} of group {}, which is left out and may be one that is asked for",
                group.id
            )
        })
    }
}

impl Module<World> for ElastigroupInfo {
    type Args = Args;
    type Returns = Returns;

    const NAME: &'static str = "elastigroup_info";
    const EXAMPLES: &'static str = include_str!("elastigroup_info.examples.yml");
    const CHANGES: bool = false;

    fn plan<'c>(
        &self,
        args: Args,
        context: Context<'c, World>,
    ) -> Result<Planned<'c, Returns>, Failure> {
        let (session, client) = args.connection.open(context.world)?;
        let (mut shown, mut warnings) = (Vec::new(), Vec::new());
        for account in session.accounts()? {
            let listed = target::groups(&client, &account, context, &session)?;
            warnings.extend(listed.left_out.iter().chain(&listed.oddities).cloned());
            warnings.extend(listed.items.iter().filter_map(|group| args.doubt(group)));
            let reader = Reader {
                args: &args,
                session: &session,
                client: &client,
                context,
                account: &account,
            };
            for group in listed.items.iter().filter(|group| args.is_wanted(group)) {
                shown.push(reader.group(group, &mut warnings)?);
            }
        }
        shown.sort_by(|one, other| {
            let key = |it: &ShownGroup| (it.account_id.clone(), it.name.clone(), it.id.clone());
            key(one).cmp(&key(other))
        });
        Ok(Planned::unchanged(Returns { elastigroups: shown }).with_warnings(warnings))
    }
}

struct Reader<'a, 'c> {
    args: &'a Args,
    session: &'a Session,
    client: &'a Client,
    context: Context<'c, World>,
    account: &'a AccountId,
}

impl Reader<'_, '_> {
    fn group(&self, group: &Group, warnings: &mut Vec<String>) -> Result<ShownGroup, Failure> {
        let exported = export(&group.raw, self.args.with_user_data);
        let text = |key: &str| group.raw.get(key).and_then(Value::as_str).map(str::to_owned);
        let digests = Secrecy::Digest.shown(&group.raw);
        let launch = digests.get("compute").and_then(|compute| compute.get("launchSpecification"));
        let user_data = launch.and_then(|launch| launch.get("userData")).and_then(Value::as_str);
        Ok(ShownGroup {
            id: group.id.to_string(),
            name: group.name.clone(),
            account_id: self.account.to_string(),
            region: group.region.as_ref().map(|region| region.as_str().to_owned()),
            stateful: group.persistence.is_stateful(),
            created_at: text("createdAt"),
            updated_at: text("updatedAt"),
            spec: exported.spec,
            left_out: exported.left_out,
            user_data_digest: user_data.map(str::to_owned),
            instances: self.instances(group, warnings)?,
            suspensions: self.suspensions(group, warnings)?,
            events: self.events(group, warnings)?,
            log: self.log(group, warnings)?,
        })
    }

    fn instances(
        &self,
        group: &Group,
        warnings: &mut Vec<String>,
    ) -> Result<Option<Vec<Value>>, Failure> {
        if !self.args.with_instances {
            return Ok(None);
        }
        let clock = self.session.clock.as_ref();
        let progress = Progress::new(clock, self.context.progress);
        let keeper =
            Keeper { client: self.client, account: self.account, clock, progress: &progress };
        let standing = keeper.standing(group, true).map_err(|error| failed(&error, false))?;
        warnings.extend(standing.oddities);
        Ok(Some(standing.hosts.iter().map(|host| json!(host)).collect()))
    }

    fn suspensions(
        &self,
        group: &Group,
        warnings: &mut Vec<String>,
    ) -> Result<Option<Vec<Value>>, Failure> {
        if !self.args.with_suspensions {
            return Ok(None);
        }
        let listed = self.client.suspensions(self.account, &group.id)?;
        warnings.extend(listed.left_out);
        let one = |it: &Suspension| {
            let end = it.expires_at.as_ref().map(|at| at.as_str());
            json!({"process": it.process.as_str(), "expires_at": end})
        };
        Ok(Some(listed.items.iter().map(one).collect()))
    }

    fn events(
        &self,
        group: &Group,
        warnings: &mut Vec<String>,
    ) -> Result<Option<Vec<Value>>, Failure> {
        let Some(hours) = self.args.events_hours else { return Ok(None) };
        let since = self.back(hours);
        let listed = self.client.group_events(self.account, &group.id, since)?;
        warnings.extend(listed.left_out);
        Ok(Some(listed.items.into_iter().map(Value::Object).collect()))
    }

    fn log(
        &self,
        group: &Group,
        warnings: &mut Vec<String>,
    ) -> Result<Option<Vec<Value>>, Failure> {
        let Some(hours) = self.args.log_hours else { return Ok(None) };
        let (from, to) = (self.back(hours), self.client.vendor_now());
        let listed = self.client.group_log(self.account, &group.id, from, to)?;
        warnings.extend(listed.left_out);
        let wanted = self.args.log_severities.as_ref();
        let is_wanted = |severity: &Option<String>| {
            wanted.is_none_or(|wanted| {
                wanted
                    .iter()
                    .any(|it| severity.as_deref().is_some_and(|s| s.eq_ignore_ascii_case(it)))
            })
        };
        let lines = listed.items.iter().filter(|line| is_wanted(&line.severity)).map(|line| {
            let at = line.at.as_ref().map(|at| at.as_str());
            json!({"at": at, "severity": line.severity, "message": line.message})
        });
        Ok(Some(lines.collect()))
    }

    fn back(&self, hours: u32) -> jiff::Timestamp {
        let now = self.client.vendor_now();
        let span = Duration::from_secs(u64::from(hours) * 3600);
        now.checked_sub(SignedDuration::try_from(span).unwrap_or_default()).unwrap_or(now)
    }
}
