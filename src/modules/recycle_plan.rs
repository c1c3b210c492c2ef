//! `recycle_plan`: what a roll would do, in which order, and what stands in its way.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::World;
use super::connection::Connection;
use super::rolling::{self, PlannedNode, RollOptions, ShownChange, ShownFinding};
use crate::ansible::{Context, Failure, Module, Planned};
use crate::plan::roll::{Opening, ignored_options};

/// Plans a roll of a stateful Elastigroup and changes nothing.
///
/// It looks at the group, its instances, suspensions, deployments, scheduled tasks and image, and at the journals of other
/// rolls, and says which instances would be recycled in which order, which are as wanted already, what would be changed of the
/// group meanwhile, and what stands in the way.
///
/// Each predicate has a name, a verdict (`pass`, `fail` or `unknown`) and evidence. What fails or is unknown blocks the roll,
/// unless it is waived with a reason. `listed_whole` and `no_other_run` cannot be waived.
///
/// The predicates are `listed_whole`, `data_reattached`, `zone_pinned`, `private_ip_persisted`, `root_replaceable`,
/// `drift_knowable`, `auto_healing_on`, `no_deployment`, `no_scheduled_task`, `no_ami_backup`, `image_available`,
/// `image_architecture`, `active` and `volumes_known` (one for each instance), `no_foreign_suspension` (one for each process that
/// someone else has suspended) and `no_other_run`.
///
/// Where root volumes are persisted no image tells what is on them. An instance that is said to run the wanted one already blocks as
/// unknown (`drift_knowable`), unless a journal here proves that a run has brought that image to this very machine; waived, it
/// counts as being as wanted and is left alone.
#[derive(Deserialize, JsonSchema)]
#[schemars(extend("x-mutually-exclusive" = [["image_id", "image", "image_ssm_parameter", "launched_after", "rollback_of"]]))]
pub(super) struct Args {
    /// The Elastigroup, such as `sig-12345678`. Not needed with `rollback_of`, which tells it.
    #[schemars(extend("x-aliases" = ["esg_id", "esg", "elastigroup_id"]))]
    group_id: Option<String>,
    #[serde(flatten)]
    roll: RollOptions,
    #[serde(flatten)]
    connection: Connection,
}

/// What is answered.
#[derive(Serialize, JsonSchema)]
pub(super) struct Returns {
    /// The group.
    group_id: String,
    /// The group's name.
    group_name: String,
    /// The logical system.
    system: String,
    /// What is to be brought about, in words.
    target: String,
    /// The image that a recycled instance boots from; null if the group names none.
    image_id: Option<String>,
    /// What would be recycled, in order.
    nodes: Vec<PlannedNode>,
    /// What would be left alone.
    // Not `skipped`: Ansible takes an answer with that key for a task that was skipped.
    left_alone: Vec<PlannedNode>,
    /// What would be changed of the group.
    changes: Vec<ShownChange>,
    /// Everything that was judged.
    predicates: Vec<ShownFinding>,
    /// Those that stand in the way.
    blockers: Vec<ShownFinding>,
    /// Whether nothing stands in the way.
    is_ready: bool,
    /// How long it would take by earlier rolls, in seconds; null without any.
    expected_seconds: Option<f64>,
    /// A run that was cut off and would be gone on with; null if there is none.
    open_run: Option<String>,
}

/// The module.
pub(super) struct RecyclePlan;

impl Module<World> for RecyclePlan {
    type Args = Args;
    type Returns = Returns;

    const NAME: &'static str = "recycle_plan";
    const EXAMPLES: &'static str = include_str!("recycle_plan.examples.yml");
    const CHANGES: bool = false;

    fn plan<'c>(
        &self,
        args: Args,
        context: Context<'c, World>,
    ) -> Result<Planned<'c, Returns>, Failure> {
        let group = args.roll.group(args.group_id.as_deref(), context.world)?;
        let made =
            rolling::make(&args.roll, &args.connection, &group, context.world, context.progress)?;
        let (draft, survey) = (&made.draft, &made.survey);
        let blockers: Vec<ShownFinding> = draft.blockers().into_iter().map(Into::into).collect();
        let mut warnings = draft.warnings.clone();
        let open_run = match &made.opening {
            Some(Opening::Adopt(run)) => {
                warnings.extend(ignored_options(&run.plan, &made.options.kept(&group)));
                Some(run.id().to_owned())
            }
            Some(Opening::PutBack(runs)) => {
                let ids: Vec<&str> = runs.iter().map(|run| run.id()).collect();
                warnings.push(format!(
                    "a run that was cut off would be ended first: {}",
                    ids.join(", ")
                ));
                None
            }
            Some(Opening::Begin) | None => None,
        };
        let message = rolling::told(draft, survey);
        let adopted = match &made.opening {
            Some(Opening::Adopt(run)) => Some(run.as_ref()),
            Some(Opening::Begin | Opening::PutBack(_)) | None => None,
        };
        let mut left_alone = rolling::shown_nodes(&draft.skipped, false);
        let (nodes, changes, predicates) = match adopted {
            Some(run) => {
                let nodes = rolling::nodes_of(run);
                left_alone.retain(|alone| nodes.iter().all(|node| node.id != alone.id));
                (nodes, rolling::changes_of(run), rolling::findings_of(run, &draft.findings))
            }
            None => (
                rolling::shown_nodes(&draft.nodes, true),
                rolling::shown_changes(survey, draft),
                draft.findings.iter().map(Into::into).collect(),
            ),
        };
        let returns = Returns {
            group_id: group.to_string(),
            group_name: survey.group.name.clone(),
            system: args.roll.system(&group),
            target: draft.target.wanted.to_string(),
            image_id: draft.target.image_id.as_ref().map(ToString::to_string),
            nodes,
            left_alone,
            changes,
            predicates,
            is_ready: blockers.is_empty(),
            blockers,
            expected_seconds: draft.expected_seconds,
            open_run,
        };
        Ok(Planned::unchanged(returns).with_message(message).with_warnings(warnings))
    }
}
