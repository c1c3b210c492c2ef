//! `spot_profile`: what a cluster's spot instances are launched from, kept in Systems Manager.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::World;
use super::connection::Connection;
use super::fleet::{ShownProfile, TemplateArgs};
use super::market::{self, PolicyArgs};
use crate::ansible::{Context, Failure, Module, Outcome, Planned};
use crate::domain::{Region, TemplateName};
use crate::drive::launch::{LaunchError, Profiles, SPOTTER_SETTINGS};
use crate::drive::market::Cloud;
use crate::plan::launch::{Profile, check_cluster};

/// Keeps the profile of a cluster in Systems Manager: launch template, subnets by zone, and policy.
///
/// It is kept as Spotter keeps the settings of its clusters, C(/spotter/settings/CLUSTER), so that each reads what the other has
/// written; several subnets of a zone and the policy are kept besides. M(spotinst.esg.spot_launch) and M(spotinst.esg.spot_rebalance)
/// launch from it with their option O(ignore:cluster).
///
/// What is not given stays as it is, and so does what others keep in the same parameter. A new profile needs O(launch_template) and
/// O(subnets). A template or subnet that does not exist is refused.
#[derive(Deserialize, JsonSchema)]
pub(super) struct Args {
    /// The cluster.
    cluster: String,
    /// Whether there is to be a profile.
    #[serde(default = "present")]
    state: State,
    /// The path of the parameters.
    #[serde(default = "settings")]
    settings_prefix: String,
    /// Launch template. It is kept by its id.
    launch_template: Option<TemplateArgs>,
    /// Subnets, of which a zone may have several; in one VPC.
    subnets: Option<Vec<String>>,
    /// What is wanted of an offer. It takes the place of the whole policy that is kept.
    policy: Option<PolicyArgs>,
    #[serde(flatten)]
    connection: Connection,
}

fn present() -> State {
    State::Present
}

fn settings() -> String {
    SPOTTER_SETTINGS.to_owned()
}

#[derive(Clone, Copy, Deserialize, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    /// There is one, as described.
    Present,
    /// There is none.
    Absent,
}

/// What is answered.
#[derive(Clone, Serialize, JsonSchema)]
pub(super) struct Returns {
    /// The parameter.
    #[schemars(extend("x-returned" = "always", "x-sample" = "/spotter/settings/prod"))]
    parameter: String,
    /// What it holds; null if there is none.
    #[schemars(extend("x-returned" = "always"))]
    profile: Option<ShownProfile>,
}

/// The module.
pub(super) struct SpotProfile;

impl Module<World> for SpotProfile {
    type Args = Args;
    type Returns = Returns;

    const NAME: &'static str = "spot_profile";
    const EXAMPLES: &'static str = include_str!("spot_profile.examples.yml");
    const CHANGES: bool = true;

    fn plan<'c>(
        &self,
        args: Args,
        context: Context<'c, World>,
    ) -> Result<Planned<'c, Returns>, Failure> {
        check_cluster(&args.cluster).map_err(|error| Failure::new(error.to_string()))?;
        let region = market::region(&args.connection, context.world)?;
        let cloud = market::cloud(&args.connection, context.world)?;
        let profiles = Profiles::new(cloud.as_ref(), &region, &args.settings_prefix)?;
        let parameter = profiles.parameter(&args.cluster);
        match args.state {
            State::Present => {
                let before = profiles.read(&args.cluster)?;
                let after = wanted(&args, before.clone(), cloud.as_ref(), &region)?;
                after.text().map_err(|error| Failure::new(format!("{parameter}: {error}")))?;
                let returns = Returns { parameter, profile: Some(ShownProfile::from(&after)) };
                let was = before.as_ref().map_or(Value::Null, Profile::document);
                if was == after.document() {
                    return Ok(Planned::unchanged(returns).with_message("it is kept so already"));
                }
                let message = format!("would write {}", returns.parameter);
                let (diff, done) = (after.document(), returns.clone());
                let prefix = args.settings_prefix;
                let act = move || {
                    let profiles = Profiles::new(cloud.as_ref(), &region, &prefix)?;
                    profiles.write(&after).map_err(unsure)?;
                    let message = Some(format!("wrote {}", done.parameter));
                    Ok(Outcome { message, ..Outcome::from(done) })
                };
                Ok(Planned::change(returns, act).with_message(message).with_diff(was, diff))
            }
            State::Absent => absent(args, cloud, region),
        }
    }
}

/// A write without an answer may have been done.
fn unsure(error: LaunchError) -> Failure {
    let may_be_done = matches!(&error, LaunchError::Ec2(error) if error.may_be_done());
    Failure::from(error).changed(may_be_done)
}

/// What is damaged can be taken away, too.
fn absent<'c>(
    args: Args,
    cloud: Box<dyn Cloud>,
    region: Region,
) -> Result<Planned<'c, Returns>, Failure> {
    let profiles = Profiles::new(cloud.as_ref(), &region, &args.settings_prefix)?;
    let returns = Returns { parameter: profiles.parameter(&args.cluster), profile: None };
    let kept = cloud.parameter(&region, &returns.parameter)?;
    let Some(text) = kept else {
        return Ok(Planned::unchanged(returns).with_message("there is none"));
    };
    let was = serde_json::from_str(&text).unwrap_or(Value::String(text));
    let (message, done) = (format!("would delete {}", returns.parameter), returns.clone());
    let act = move || {
        let profiles = Profiles::new(cloud.as_ref(), &region, &args.settings_prefix)?;
        profiles.forget(&args.cluster).map_err(unsure)?;
        let message = Some(format!("deleted {}", done.parameter));
        Ok(Outcome { message, ..Outcome::from(done) })
    };
    Ok(Planned::change(returns, act).with_message(message).with_diff(was, Value::Null))
}

fn wanted(
    args: &Args,
    before: Option<Profile>,
    cloud: &dyn Cloud,
    region: &Region,
) -> Result<Profile, Failure> {
    let is_new = before.is_none();
    if is_new && (args.launch_template.is_none() || args.subnets.is_none()) {
        return Err(Failure::new(format!(
            "cluster {} has no profile yet: a new one needs launch_template and subnets",
            args.cluster
        )));
    }
    let mut profile = before.unwrap_or_default();
    if let Some(other) = profile.region.as_ref().filter(|it| *it != region.as_str()) {
        let text = format!("the profile of {} is of region {other}, not {region}", args.cluster);
        return Err(Failure::new(text));
    }
    profile.cluster.clone_from(&args.cluster);
    profile.region = Some(region.to_string());
    if let Some(named) = &args.launch_template {
        profile.template = Some(template(named.name()?, cloud, region)?);
    }
    if let Some(ids) = &args.subnets {
        (profile.subnets, profile.by_zone) = subnets(ids, cloud, region)?;
    }
    if let Some(policy) = &args.policy {
        let checked = policy.policy()?;
        checked.check().map_err(|error| Failure::new(error.to_string()))?;
        profile.policy = Some(policy.typed());
    }
    Ok(profile)
}

/// The template's id; the version stays as it is meant.
fn template(
    mut named: TemplateName,
    cloud: &dyn Cloud,
    region: &Region,
) -> Result<TemplateName, Failure> {
    let Some(found) = cloud.template(region, &named)? else {
        let shown = named.id.or(named.name).unwrap_or_default();
        let version = named.version;
        return Err(Failure::new(format!(
            "there is no launch template {shown} with version {version} in {region}; nothing was written"
        )));
    };
    (named.id, named.name) = (Some(found.id), None);
    Ok(named)
}

type ByZone = BTreeMap<String, Vec<String>>;

fn subnets(
    ids: &[String],
    cloud: &dyn Cloud,
    region: &Region,
) -> Result<(Vec<String>, ByZone), Failure> {
    let found = cloud.subnets(region, ids)?;
    let (mut all, mut by_zone) = (Vec::new(), ByZone::new());
    for id in ids {
        let Some(subnet) = found.iter().find(|it| it.id == *id) else {
            let text = format!("there is no subnet {id} in {region}; nothing was written");
            return Err(Failure::new(text));
        };
        if subnet.vpc != found[0].vpc {
            let text = format!("subnet {id} is in {} and not in {}", subnet.vpc, found[0].vpc);
            return Err(Failure::new(format!("{text}; nothing was written")));
        }
        if !all.contains(id) {
            all.push(id.clone());
            by_zone.entry(subnet.zone.clone()).or_default().push(id.clone());
        }
    }
    if all.is_empty() {
        return Err(Failure::new("option subnets is empty: name one; nothing was written"));
    }
    Ok((all, by_zone))
}
