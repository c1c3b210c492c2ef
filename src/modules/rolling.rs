//! What the modules of a roll share: the aim and the plan as options.

mod shown;

mod back;
mod beside;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::World;
use super::connection::Connection;
use super::waivers::{WaiverArgs, waivers};
use crate::ansible::Failure;
use crate::domain::{AccountId, GroupId, ImageId, Region, StatefulInstanceId, one_line};
use crate::drive::roll::{BeginError, RollError, Roller, Runs, survey};
use crate::drive::{
    ImageWanted, ImagesError, Progress, Session, ec2_access, look_up_image, watched,
};
use crate::plan::roll::{
    Draft, Hold, ImageSight, NodeRun, Opening, OrderWish, Past, Run, Survey, Taken, Target, Wanted,
    Wish, changed_between, draft,
};
use crate::spot::Client;

pub(super) use beside::beside_a_roll;
pub(super) use shown::{
    PlannedNode, ShownChange, ShownFinding, changes_of, findings_of, nodes_of, shown_changes,
    shown_nodes, told,
};

/// What settings need to be seen, and put back, besides the calls themselves.
pub(in crate::modules) const SETTING_UP: Duration = Duration::from_secs(900);

/// The aim of a roll and what is taken upon oneself. To be flattened into a module's arguments.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub(super) struct RollOptions {
    /// The logical system that the group is part of, such as `kafka-prod`. Several groups may share one, and only one of
    /// them is rolled at a time. The group's id when not given.
    #[schemars(extend("x-refuses-empty" = "for the group's id"))]
    pub(super) system: Option<String>,
    /// The image that every instance shall run.
    #[schemars(extend("x-refuses-empty" = "for the group's present configuration"))]
    pub(super) image_id: Option<String>,
    /// The image that every instance shall run, by its name.
    #[schemars(extend("x-refuses-empty" = "for the group's present configuration"))]
    pub(super) image: Option<ImageByName>,
    /// The SSM parameter that holds the id of the image that every instance shall run.
    #[schemars(extend("x-refuses-empty" = "for the group's present configuration"))]
    pub(super) image_ssm_parameter: Option<String>,
    /// Every instance shall have been launched after this moment, such as `2026-11-20T00:00:00Z`; a date alone means its
    /// midnight in UTC.
    ///
    /// Without this and without an image, the group's present configuration is brought to every instance.
    #[schemars(extend("x-refuses-empty" = "for the group's present configuration"))]
    pub(super) launched_after: Option<String>,
    /// An earlier run that is taken back: the image that its nodes ran before it, and only the nodes that it rolled.
    ///
    /// Not where a new version has changed its data on the disk so that the old one cannot read it.
    #[schemars(extend("x-refuses-empty" = "where no run is taken back"))]
    pub(super) rollback_of: Option<String>,
    /// The stateful instance to begin with.
    pub(super) canary: Option<String>,
    /// The stateful instances to end with, in this order: the cluster's leader, for instance.
    #[serde(default)]
    pub(super) last: Vec<String>,
    /// Only these stateful instances; the whole group when not given. An empty list is refused.
    #[schemars(extend("x-refuses-empty" = "for the whole group"))]
    pub(super) only: Option<Vec<String>>,
    /// Whether what is on root volumes may be lost, where they are persisted. A new image cannot reach an instance otherwise:
    /// their persistence is switched off for the time of the roll.
    #[serde(default)]
    pub(super) acknowledge_root_data_loss: bool,
    /// Predicates of the plan that are taken upon oneself. They are still looked at and reported.
    #[serde(default)]
    pub(super) waivers: Vec<WaiverArgs>,
    /// How far ahead scheduled tasks of the group are looked for, in minutes. Twice the expected duration when not given, an
    /// hour at least.
    #[schemars(range(min = 1))]
    pub(super) horizon_minutes: Option<u32>,
    /// Folder of the journals. `~/.local/state/spotinst-esg/runs` when not given.
    #[schemars(extend("x-type" = "path", "x-env" = ["SPOTINST_ESG_STATE_DIR"], "x-refuses-empty" = "for the usual folder"))]
    pub(super) state_dir: Option<String>,
}

/// An image by its name.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub(super) struct ImageByName {
    /// Its name; `*` and `?` stand for other text.
    name: String,
    /// Who may have made it: account ids, `self`, or EC2's words such as `amazon`.
    #[serde(default = "own")]
    owners: Vec<String>,
    /// Whether the newest is meant where several fit. Otherwise several are a failure.
    #[serde(default)]
    newest: bool,
}

impl ImageByName {
    /// For who looks it up.
    pub(super) fn wanted(&self) -> ImageWanted {
        let Self { name, owners, newest } = self.clone();
        ImageWanted::Named { name, owners, newest }
    }
}

fn own() -> Vec<String> {
    vec!["self".to_owned()]
}

impl RollOptions {
    /// The aim, as it was asked for.
    fn wanted(&self) -> Result<Wanted, Failure> {
        if let Some(id) = &self.image_id {
            return Ok(Wanted::Image { id: ImageId::new(id) });
        }
        if let Some(ImageByName { name, owners, newest }) = self.image.clone() {
            return Ok(Wanted::NamedImage { name, owners, newest });
        }
        if let Some(name) = self.image_ssm_parameter.clone() {
            return Ok(Wanted::SsmParameter { name });
        }
        let Some(text) = &self.launched_after else { return Ok(Wanted::PresentConfiguration) };
        let midnight = format!("{text}T00:00:00Z");
        let moment: Result<Timestamp, _> = text.parse().or_else(|_| midnight.parse());
        let moment = moment.map_err(|error| {
            Failure::new(format!(
                "option launched_after is {text:?}, which is no moment ({error}); write 2026-11-20T00:00:00Z or 2026-11-20"
            ))
        })?;
        Ok(Wanted::LaunchedAfter { moment })
    }

    fn wish(&self) -> Result<Wish, Failure> {
        let ids = |ids: &[String]| -> Vec<_> { ids.iter().map(StatefulInstanceId::new).collect() };
        if let Some(canary) = &self.canary {
            let canary_is =
                |what: &str| Err(Failure::new(format!("canary {} is {what}", one_line(canary))));
            if self.last.contains(canary) {
                return canary_is("also one of last: it cannot go first and last");
            }
            if self.only.as_ref().is_some_and(|only| !only.contains(canary)) {
                return canary_is("none of only, so it would not be rolled");
            }
        }
        Ok(Wish {
            order: OrderWish {
                canary: self.canary.as_ref().map(StatefulInstanceId::new),
                last: ids(&self.last),
            },
            only: self.only.as_deref().map(ids),
            acknowledge_root_data_loss: self.acknowledge_root_data_loss,
            waivers: waivers(&self.waivers)?,
            horizon: self.horizon_minutes.map(|minutes| SignedDuration::from_mins(minutes.into())),
        })
    }

    /// The system.
    pub(super) fn system(&self, group: &GroupId) -> String {
        self.system.clone().unwrap_or_else(|| group.to_string())
    }

    /// What a journal keeps of the options besides the aim.
    pub(super) fn kept(&self, group: &GroupId) -> BTreeMap<String, Value> {
        let kept = [
            ("system", json!(self.system(group))),
            ("canary", json!(self.canary)),
            ("last", json!(self.last)),
            ("only", json!(self.only.as_deref().unwrap_or_default())),
            ("acknowledge_root_data_loss", json!(self.acknowledge_root_data_loss)),
            ("waivers", json!(self.waivers)),
            ("horizon_minutes", json!(self.horizon_minutes)),
        ];
        kept.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// The journals.
    pub(super) fn runs(&self, world: &World) -> Result<Runs, Failure> {
        runs(self.state_dir.as_deref(), world)
    }
}

/// The journals in the folder that the option, the environment or the system names.
pub(super) fn runs(option: Option<&str>, world: &World) -> Result<Runs, Failure> {
    Ok(Runs::find(option, &world.environment).map_err(RollError::from)?)
}

/// Whether a run is of the account that is asked; another would answer that there is no such group.
///
/// # Errors
///
/// It is of another.
pub(super) fn same_account(run: &Run, account: &AccountId) -> Result<(), Failure> {
    let own = &run.plan.account;
    if own == account {
        return Ok(());
    }
    Err(Failure::new(format!(
        "run {} is of account {own}, and account {account} is set: set account_id to {own}",
        run.id()
    )))
}

/// A better word than that there is no such group, if the journals tell of an open run of it in another account.
fn elsewhere(runs: &Runs, group: &GroupId, account: &AccountId) -> Option<Failure> {
    let known = runs.all().ok()?;
    let mut open = known.runs.iter().filter(|run| run.plan.group == *group && run.is_open());
    open.find_map(|run| same_account(run, account).err())
}

/// A plan, and everything it was made of.
pub(super) struct Made {
    /// The options, with a run that is taken back resolved.
    pub(super) options: RollOptions,
    pub(super) session: Session,
    pub(super) client: Client,
    pub(super) account: AccountId,
    pub(super) runs: Runs,
    pub(super) survey: Survey,
    pub(super) draft: Draft,
    pub(super) opening: Option<Opening>,
}

/// Looks at the group and plans; nothing is changed.
pub(super) fn make(
    options: &RollOptions,
    connection: &Connection,
    group: &GroupId,
    world: &World,
    say: &(dyn Fn(&str) + Sync),
) -> Result<Made, Failure> {
    let (session, client) = connection.open_for(world, SETTING_UP)?;
    let account = super::connection::only(session.accounts()?)?;
    let runs = options.runs(world)?;
    let options = options.resolved(&runs, &account)?;
    let (wish, wanted) = (options.wish()?, options.wanted()?);
    let clock = session.clock.clone();
    let progress = Progress::new(clock.as_ref(), say);
    let seen =
        watched(&progress, &format!("reading group {group}"), || survey(&client, &account, group))
            .map_err(|error| {
                elsewhere(&runs, group, &account).unwrap_or_else(|| Failure::from(error))
            })?;
    if let Wanted::LaunchedAfter { moment } = &wanted
        && *moment > seen.at
    {
        return Err(Failure::new(format!(
            "option launched_after is {moment}, which is still to come: no launch could be later"
        )));
    }
    let meaning = meant(&runs, group, &wanted)?;
    let resolved = |meaning: Option<&ImageId>| {
        watched(&progress, "looking up the machine image", || {
            resolve(wanted.clone(), meaning, &seen, connection, world)
        })
    };
    let system = options.system(group);
    let decided = |(target, image): (Target, ImageSight)| -> Result<_, Failure> {
        let roller = roller(&client, clock.as_ref(), &progress, &runs, world);
        let known = runs.all().map_err(RollError::from)?;
        // Only where a root is persisted is it asked who brought what; else old journals tell nothing.
        let old = match seen.group.persistence.root_device {
            true => runs.history().all().map_err(RollError::from)?.runs,
            false => Vec::new(),
        };
        let past = Past::of(known.runs.iter(), group, &system).with_history(&old, group);
        let others = known.damaged.iter().filter(|it| !it.may_concern(group, &system));
        let warnings: Vec<String> = others.map(ToString::to_string).collect();
        let bare = draft(&seen, target, &image, &wish, &past, None);
        let (mut draft, opening) = match roller.would_open(known, group, &system, &bare) {
            Ok(opening) => {
                // Its settings are put back first; a person has to look all the same.
                let frozen = match &opening {
                    Opening::PutBack(runs) => {
                        runs.iter().find_map(|run| Taken::frozen(run, roller.runs.named()))
                    }
                    Opening::Begin | Opening::Adopt(_) => None,
                };
                let drafted = match frozen {
                    Some(taken) => draft(&seen, bare.target, &image, &wish, &past, Some(&taken)),
                    None => bare,
                };
                (drafted, Some(opening))
            }
            Err(taken) => (draft(&seen, bare.target, &image, &wish, &past, Some(&taken)), None),
        };
        draft.warnings.extend(warnings);
        Ok((draft, opening))
    };
    let (draft, opening) = match decided(resolved(meaning.as_ref())?)? {
        // A run that is begun anew takes the name as it is meant now.
        (_, opening) if meaning.is_some() && !matches!(opening, Some(Opening::Adopt(_))) => {
            decided(resolved(None)?)?
        }
        decided => decided,
    };
    Ok(Made { options, session, client, account, runs, survey: seen, draft, opening })
}

/// A failure, with what the run had changed of its group by then.
pub(super) fn after_changes(failure: Failure, before: &Run, after: &Run) -> Failure {
    let changes = changed_between(before, after);
    if changes.is_empty() {
        return failure;
    }
    let words = format!("; by then {}", changes.join(", "));
    failure.adding(&words).changed(true).with("changed_before", changes)
}

/// The node of a run.
///
/// # Errors
///
/// It has no such node.
pub(super) fn node_of<'r>(
    run: &'r Run,
    id: &StatefulInstanceId,
    doing: &str,
) -> Result<&'r NodeRun, Failure> {
    let (doing, hold) = (doing.to_owned(), Hold::NoSuchNode(id.clone()));
    run.node(id).ok_or_else(|| RollError::Held { doing, hold }.into())
}

/// What a roll is carried out with.
pub(super) fn roller<'a>(
    client: &'a Client,
    clock: &'a dyn crate::domain::Clock,
    progress: &'a Progress<'a>,
    runs: &'a Runs,
    world: &'a World,
) -> Roller<'a> {
    Roller {
        client,
        clock,
        progress,
        runs,
        me: &world.caller,
        liveness: world.liveness,
        cluster: None,
    }
}

/// The image that a name, or a parameter, meant when the open run of that aim began: it is gone on with as it was planned, also where
/// the name means another image by now, or none.
fn meant(runs: &Runs, group: &GroupId, wanted: &Wanted) -> Result<Option<ImageId>, Failure> {
    if !matches!(wanted, Wanted::NamedImage { .. } | Wanted::SsmParameter { .. }) {
        return Ok(None);
    }
    let known = runs.all().map_err(RollError::from)?.runs;
    let is_it =
        |run: &&Run| run.is_open() && run.plan.group == *group && run.plan.target.wanted == *wanted;
    Ok(known.iter().find(is_it).and_then(|run| run.plan.target.image_id.clone()))
}

/// `meaning` is the image that a name stands for, where that is not to be looked up.
fn resolve(
    wanted: Wanted,
    meaning: Option<&ImageId>,
    seen: &Survey,
    connection: &Connection,
    world: &World,
) -> Result<(Target, ImageSight), Failure> {
    let asked = match &wanted {
        Wanted::NamedImage { .. } | Wanted::SsmParameter { .. } if meaning.is_some() => {
            meaning.cloned().map(ImageWanted::Id)
        }
        Wanted::Image { id } => Some(ImageWanted::Id(id.clone())),
        Wanted::NamedImage { name, owners, newest } => {
            Some(ImageWanted::Named { name: name.clone(), owners: owners.clone(), newest: *newest })
        }
        Wanted::SsmParameter { name } => Some(ImageWanted::SsmParameter(name.clone())),
        Wanted::LaunchedAfter { .. } | Wanted::PresentConfiguration => {
            seen.group.image_id.clone().map(ImageWanted::Id)
        }
    };
    let Some(asked) = asked else {
        let sight = ImageSight::Unknown("the group names no image, or several".to_owned());
        return Ok((Target { wanted, image_id: None }, sight));
    };
    let Some(region) =
        seen.group.region.clone().or_else(|| connection.region.clone().map(Region::new))
    else {
        return unresolved(
            wanted,
            asked,
            "the vendor does not tell the group's region; set region".to_owned(),
        );
    };
    let present: Vec<ImageId> = {
        let all = seen.nodes.iter().filter_map(|node| node.seen.image_id.clone());
        all.collect::<std::collections::BTreeSet<_>>().into_iter().collect()
    };
    let access = ec2_access(&connection.session_options(), &world.environment);
    match look_up_image(&access, &region, &asked, &present) {
        Ok(found) => match found.image {
            Some(image) => {
                let target = Target { wanted, image_id: Some(image.id.clone()) };
                Ok((target, ImageSight::Seen { image, present: found.others }))
            }
            None => match asked {
                ImageWanted::Id(id) => {
                    Ok((Target { wanted, image_id: Some(id) }, ImageSight::Absent))
                }
                ImageWanted::Named { .. } | ImageWanted::SsmParameter(_) => Err(Failure::new(
                    format!("cannot plan the roll: there is no {wanted} in region {region}"),
                )),
            },
        },
        Err(error @ (ImagesError::Ambiguous { .. } | ImagesError::BadParameter(_))) => {
            Err(Failure::new(format!("cannot {error}")))
        }
        Err(error) => unresolved(wanted, asked, format!("cannot {error}")),
    }
}

/// An id is known without AWS; a name is not.
fn unresolved(
    wanted: Wanted,
    asked: ImageWanted,
    why: String,
) -> Result<(Target, ImageSight), Failure> {
    match asked {
        ImageWanted::Id(id) => {
            Ok((Target { wanted, image_id: Some(id) }, ImageSight::Unknown(why)))
        }
        ImageWanted::Named { .. } | ImageWanted::SsmParameter(_) => {
            Err(Failure::new(format!("cannot plan the roll: {why}")))
        }
    }
}

impl From<RollError> for Failure {
    fn from(error: RollError) -> Self {
        let failure = Self::new(error.to_string()).retryable(error.is_transient());
        match error.spot() {
            Some(spot) => failure
                .with_error_code(spot.error_code())
                .with_http_status(spot.http_status())
                .with_request_id(spot.request_id()),
            None => failure.with_error_code(code(&error)),
        }
    }
}

impl From<BeginError> for Failure {
    fn from(error: BeginError) -> Self {
        let (became, has_written) = (error.became(), error.run.is_some());
        Self::from(*error.error).adding(&became).changed(has_written)
    }
}

/// A code of our own where the vendor has none.
fn code(error: &RollError) -> Option<&'static str> {
    match error {
        RollError::Taken(Taken::Held { .. }) => Some("RUN_HELD"),
        RollError::Taken(Taken::Frozen { .. }) => Some("RUN_FROZEN"),
        RollError::Taken(Taken::InFlight { .. } | Taken::LeftOut { .. }) => Some("RUN_CUT_OFF"),
        RollError::Taken(Taken::Damaged(_)) => Some("JOURNAL"),
        RollError::Blocked { .. } => Some("PLAN_BLOCKED"),
        RollError::Held { .. } => Some("STEP_HELD"),
        RollError::NotHolder { .. } | RollError::Abandoned { .. } => Some("RUN_NOT_HELD"),
        RollError::NotSeen { .. } => Some("SETTING_NOT_SEEN"),
        RollError::NotSame { .. } => Some("NODE_NOT_SAME"),
        RollError::ClusterOwed { .. } => Some("CLUSTER_OWED"),
        RollError::Store(_) => Some("JOURNAL"),
        RollError::Spot(_) | RollError::Act(_) => None,
    }
}
