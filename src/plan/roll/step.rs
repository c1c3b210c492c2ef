//! Whether one step may be taken, decided anew before each.

use std::fmt;

use jiff::{SignedDuration, Timestamp};

use super::coming_back::{comes_back, other_persistence};
use super::event::{Planned, PlannedNode};
use super::freshness::{GATE_COUNTS, has_passed_mid_gate};
use super::opening::told;
use super::other_roll::OtherRoll;
use super::phase::Phase;
use super::run::{Frozen, NodeRun, Run};
use super::survey::{Node, Survey};
use super::suspended::{Foreign, foreign, lapsing};
use super::volumes::has_its_volumes;
use crate::domain::{Deployment, ImageId, InstanceId, Process, StatefulInstanceId, StatefulState};
use crate::plan::Verdict;

/// What is suspended while a run lives: everything by which the platform replaces or adds machines by itself (OpenAPI
/// description: suspendProcessesRequestBody). Interruptions by AWS cannot be suspended.
pub const SUSPENDED: [Process; 6] = [
    Process::AutoHealing,
    Process::PreventiveReplacement,
    Process::OutOfStrategy,
    Process::RevertPreferred,
    Process::AutoScale,
    Process::Scheduling,
];

/// Why a step is not taken. Nothing was changed by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hold {
    /// The run has no such node.
    NoSuchNode(StatefulInstanceId),
    /// The run is over.
    Over,
    /// The run is frozen.
    Frozen(String),
    /// Another node is between its first step and its last.
    OtherInFlight {
        /// Which.
        node: StatefulInstanceId,
        /// Its phase.
        phase: Phase,
    },
    /// The phase does not follow the one the node is in.
    OutOfOrder {
        /// Where it is.
        from: Phase,
        /// Where it was to go.
        to: Phase,
    },
    /// It was cut off with its service stopped, perhaps, and what its gates saw is old.
    CutOff {
        /// The phase that it may not enter.
        to: Phase,
    },
    /// Since the run began something has come up that would have kept it from beginning.
    CameUp(Vec<String>),
    /// Its machine is not proved to be replaced.
    NotRecycled {
        /// The phase that needs it.
        to: Phase,
    },
    /// Its recycle may have been asked for and is not seen to begin.
    MayBeAsked,
    /// The look was incomplete.
    Incomplete(String),
    /// It is not listed any more.
    Vanished,
    /// It runs as another machine than it should.
    OtherInstance {
        /// The one this run knows.
        expected: Option<InstanceId>,
        /// The one seen.
        found: Option<InstanceId>,
    },
    /// It was replaced as this run had asked, and the new machine is not as wanted.
    NotAsWanted {
        /// The new machine.
        found: Option<InstanceId>,
        /// What it is instead.
        why: String,
    },
    /// It does not run.
    NotActive(StatefulState),
    /// It is in another zone than when the run began.
    OtherZone {
        /// The zone then.
        before: String,
        /// The zone now.
        after: String,
    },
    /// It has another address than when the run began, and the address is persisted.
    OtherAddress {
        /// The address then.
        before: String,
        /// The address now.
        after: String,
    },
    /// It has other volumes than when the run began.
    OtherVolumes {
        /// Which node.
        node: StatefulInstanceId,
        /// Before.
        expected: Vec<String>,
        /// Now.
        found: Vec<String>,
    },
    /// The vendor does not tell something of it that it told when the run began. A list may be late.
    Untold {
        /// Which node.
        node: StatefulInstanceId,
        /// What is not told.
        what: &'static str,
    },
    /// The vendor did not list its volumes when the run began, and nobody has waived it.
    UnknownVolumes(StatefulInstanceId),
    /// No gate has passed since it entered its mid-gate; with what the last one found, if there was one.
    NoMidGate(Option<Verdict>),
    /// The gate passed so long ago that it says nothing of the present.
    OldMidGate(SignedDuration),
    /// What the last gate before its stop found is no pass.
    ShutPreGate(Verdict),
    /// The gate before its stop passed so long ago that it says nothing of the present.
    OldPreGate(SignedDuration),
    /// Others do not run.
    OthersDown(Vec<(StatefulInstanceId, StatefulState)>),
    /// The platform may replace machines by itself.
    NotSuspended(Vec<String>),
    /// Someone else has suspended processes since the run began.
    ForeignSuspensions(Vec<Foreign>),
    /// The group's image is not the one this run needs.
    OtherImage {
        /// The one needed.
        expected: Option<ImageId>,
        /// The one configured.
        found: Option<ImageId>,
    },
    /// What the group persists was changed.
    OtherPersistence(&'static str),
    /// What the plan relied on, and has not waived, holds no more.
    HoldsNoMore(Vec<String>),
    /// A deployment runs.
    Deployment,
    /// Another run rolls the same cluster.
    OtherRoll(Box<OtherRoll>),
}

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id =
            |id: &Option<InstanceId>| id.as_ref().map_or("none", InstanceId::as_str).to_owned();
        let image = |id: &Option<ImageId>| id.as_ref().map_or("none", ImageId::as_str).to_owned();
        match self {
            Self::NoSuchNode(node) => write!(f, "the run has no node {node}"),
            Self::Over => f.write_str("the run is over; start it again"),
            Self::Frozen(reason) => write!(f, "the run is frozen: {reason}"),
            Self::OtherInFlight { node, phase } => {
                write!(f, "node {node} is in phase {phase}; one node at a time")
            }
            Self::OutOfOrder { from, to } => write!(f, "phase {to} does not follow {from}"),
            Self::CutOff { to } => write!(
                f,
                "it was cut off before, and what its gates saw is old, so it may not go to phase {to}: start its service again on \
                 the same machine and bring it to phase pre_gate"
            ),
            Self::CameUp(found) => write!(
                f,
                "since the run began something has come up that would have kept it from beginning: {}; see to it, or waive it, and \
                 run this again",
                found.join("; ")
            ),
            Self::NotRecycled { to } => {
                write!(f, "its recycle is not proved, so it may not go to phase {to}")
            }
            Self::MayBeAsked => f.write_str(
                "its recycle may have been asked for before and is not seen to begin; start the run again",
            ),
            Self::Incomplete(what) => write!(f, "not everything could be read: {what}"),
            Self::Vanished => f.write_str("the group lists it no more"),
            Self::OtherInstance { expected, found } => write!(
                f,
                "it runs as {}, and this run knows it as {}: someone else has acted on it",
                id(found),
                id(expected)
            ),
            Self::NotAsWanted { found, why } => write!(
                f,
                "its machine was replaced, as this run had asked, but the new one, {}, is not as wanted: it {why}; give the run up and \
                 begin anew, and it is rolled once more",
                id(found)
            ),
            Self::OtherVolumes { node, expected, found } => write!(
                f,
                "{node} has the volumes {} and had {} when the run began: it may have lost data",
                list(found),
                list(expected)
            ),
            Self::Untold { node, what } => write!(
                f,
                "the vendor does not tell the {what} of {node}, as it did when the run began, so that it is the same cannot be told"
            ),
            Self::UnknownVolumes(node) => write!(
                f,
                "the vendor did not list the volumes of {node} when the run began, so that it has the same now cannot be told"
            ),
            Self::NoMidGate(found) => {
                let found = found.map_or("none was run", |verdict| verdict.as_str());
                write!(
                    f,
                    "no gate has passed since it entered phase mid_gate (the last one: {found}); run cluster_gate with run_id and \
                     node, or start the run with require_mid_gate: false"
                )
            }
            Self::OldMidGate(age) => write!(
                f,
                "its gate passed {} ago, longer than the {} for which it counts; bring the node to phase mid_gate again and run \
                 cluster_gate",
                told(*age),
                told(GATE_COUNTS)
            ),
            Self::ShutPreGate(found) => {
                write!(f, "the last gate before its stop found: {}", found.as_str())
            }
            Self::OldPreGate(age) => write!(
                f,
                "the last gate before its stop passed {} ago, longer than the {} for which it counts, and another node may be down \
                 since: nothing was stopped; let what takes so long between the two end with a look (cluster_gate with run_id and node)",
                told(*age),
                told(GATE_COUNTS)
            ),
            Self::NotActive(state) => write!(f, "it is {state}"),
            Self::OtherAddress { before, after } => {
                write!(f, "it had the address {before}, which is persisted, and has {after}")
            }
            Self::OtherZone { before, after } => {
                write!(f, "it was in zone {before} and is in {after}")
            }
            Self::OthersDown(down) => {
                let each =
                    |(id, state): &(StatefulInstanceId, StatefulState)| format!("{id} is {state}");
                write!(
                    f,
                    "others do not run: {}",
                    down.iter().map(each).collect::<Vec<_>>().join(", ")
                )
            }
            Self::NotSuspended(missing) => {
                write!(
                    f,
                    "the platform may replace machines by itself: not suspended are {}",
                    missing.join(", ")
                )
            }
            Self::ForeignSuspensions(found) => write!(
                f,
                "someone else has suspended processes since the run began ({}) and may be at work on the group; see who it is, \
                 end this run, and begin anew when that is over, or with no_foreign_suspension waived",
                found.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
            ),
            Self::OtherImage { expected, found } => write!(
                f,
                "the group's image is {}, and this run needs {}: someone else has changed it",
                image(found),
                image(expected)
            ),
            Self::OtherPersistence(what) => {
                write!(f, "someone has changed what the group persists: {what}")
            }
            Self::HoldsNoMore(found) => write!(
                f,
                "what the run began on holds no more: {}; set it as it was and run this again, or end the run and begin anew with that \
                 waived",
                found.join("; ")
            ),
            Self::Deployment => f.write_str("a deployment of the group runs"),
            Self::OtherRoll(other) => other.fmt(f),
        }
    }
}

impl Hold {
    /// Whether it may pass by itself, so that waiting is of use.
    pub fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::OthersDown(_)
                | Self::Incomplete(_)
                | Self::NotActive(_)
                | Self::Deployment
                | Self::Untold { .. }
        )
    }
}

fn list(ids: &[String]) -> String {
    if ids.is_empty() { "none".to_owned() } else { ids.join(", ") }
}

/// Whether a node may enter a phase, by the journal alone.
///
/// # Errors
///
/// It may not.
pub fn may_enter<'a>(
    run: &'a Run,
    id: &StatefulInstanceId,
    to: Phase,
) -> Result<&'a NodeRun, Hold> {
    if run.ended.is_some() {
        return Err(Hold::Over);
    }
    let node = run.node(id).ok_or_else(|| Hold::NoSuchNode(id.clone()))?;
    if let Some(frozen) = &run.frozen
        && !(to == Phase::Draining && may_start_again(frozen, node))
    {
        return Err(Hold::Frozen(frozen.reason.clone()));
    }
    if let Some(other) = run.in_flight().filter(|other| other.planned.id != *id) {
        let (node, phase) = (other.planned.id.clone(), other.phase);
        return Err(Hold::OtherInFlight { node, phase });
    }
    let from = node.phase;
    let is_past_return = node.asked.is_some() || node.recycled.is_some();
    // Before its machine is given up a node may begin anew; after that it only goes on.
    let is_in_order = match to {
        Phase::Planned => false,
        Phase::Recycling => matches!(from, Phase::MidGate | Phase::Recycling),
        // What was cut off there is proved anew from its identity on.
        _ if is_past_return => to > Phase::Recycling && from != Phase::Done || to == Phase::Done,
        _ if from == Phase::Planned => to == Phase::PreGate,
        _ => to < Phase::Recycling && from != Phase::Done,
    };
    if to > Phase::Recycling && node.recycled.is_none() {
        return Err(Hold::NotRecycled { to });
    }
    if !is_in_order {
        return Err(Hold::OutOfOrder { from, to });
    }
    if to == Phase::PreGate && !run.come_up.is_empty() {
        return Err(Hold::CameUp(run.come_up.clone()));
    }
    // Its pre-gate comes first; and that it is still itself may be asked before, by bringing it to phase draining.
    let takes_it_down = matches!(to, Phase::Stopped | Phase::MidGate | Phase::Recycling);
    if node.is_cut_off && !is_past_return && takes_it_down {
        return Err(Hold::CutOff { to });
    }
    Ok(node)
}

/// Whether a node that was stopped may be started again though the run is frozen: because of another one, without which it is needed
/// the more, and its own machine was not given up.
fn may_start_again(frozen: &Frozen, node: &NodeRun) -> bool {
    let is_because_of_another =
        frozen.node.as_ref().is_some_and(|because| *because != node.planned.id);
    is_because_of_another && node.must_start() && node.asked.is_none() && node.recycled.is_none()
}

/// Whether a node may be touched: it is what this run knows, everything else runs, and nobody else is at work.
///
/// # Errors
///
/// The first thing found that is not proved.
pub fn may_go_on(run: &Run, node: &NodeRun, survey: &Survey) -> Result<(), Hold> {
    is_itself(&run.plan, node, &survey.nodes, &survey.left_out)?;
    others_run(run, node, survey)?;
    let is_waived = |deployment: &Deployment| {
        deployment.id.as_ref().is_some_and(|id| run.plan.waived_deployments.contains(id))
    };
    if survey.deployments.iter().any(|it| !it.is_over() && !is_waived(it)) {
        return Err(Hold::Deployment);
    }
    nobody_else_suspends(run, survey)
}

/// Whether nobody has suspended processes since the run began: another controller would, before it gives a machine up.
///
/// # Errors
///
/// Someone has.
pub fn nobody_else_suspends(run: &Run, survey: &Survey) -> Result<(), Hold> {
    let found = foreign(&survey.suspensions, survey.at, &run.suspended, &run.plan.suspended_before);
    if found.is_empty() { Ok(()) } else { Err(Hold::ForeignSuspensions(found)) }
}

/// Whether the machine of a node may be given up now: besides [`may_go_on`], the cluster was seen to do without it, the platform
/// leaves all others alone, and the group launches what it should.
///
/// # Errors
///
/// The first thing found that is not proved.
pub fn may_recycle(run: &Run, node: &NodeRun, survey: &Survey, now: Timestamp) -> Result<(), Hold> {
    may_go_on(run, node, survey)?;
    has_passed_mid_gate(run, node, now)?;
    is_suspended(run, survey)?;
    is_configured(run, survey)?;
    comes_back(run, survey)
}

/// Whether a node is the machine that this run knows, running, with its data.
///
/// # Errors
///
/// What it is not.
pub fn is_itself(
    plan: &Planned,
    node: &NodeRun,
    nodes: &[Node],
    left_out: &[String],
) -> Result<(), Hold> {
    if !left_out.is_empty() {
        return Err(Hold::Incomplete(left_out.join("; ")));
    }
    let seen = nodes.iter().find(|seen| seen.id == node.planned.id).ok_or(Hold::Vanished)?;
    if seen.seen.instance_id.as_ref() != node.instance_id() {
        let (expected, found) = (node.instance_id().cloned(), seen.seen.instance_id.clone());
        return Err(Hold::OtherInstance { expected, found });
    }
    if !seen.is_active() {
        return Err(Hold::NotActive(seen.seen.state.clone()));
    }
    is_same_node(plan, &node.planned, seen)
}

/// Whether the machine that a node runs as now is what it was promised to be.
///
/// # Errors
///
/// What it is not.
pub fn is_same_node(plan: &Planned, planned: &PlannedNode, seen: &Node) -> Result<(), Hold> {
    has_its_volumes(plan, planned, seen)?;
    let zones = (&planned.zone, &seen.seen.availability_zone);
    let untold = |what| Err(Hold::Untold { node: planned.id.clone(), what });
    match zones {
        (Some(before), Some(after)) if before != after => {
            return Err(Hold::OtherZone { before: before.clone(), after: after.clone() });
        }
        (Some(_), None) => return untold("zone"),
        (Some(_) | None, Some(_)) | (None, None) => {}
    }
    match (&planned.private_ip, &seen.seen.private_ip) {
        _ if !plan.persistence.private_ip => Ok(()),
        (Some(before), Some(after)) if before != after => {
            Err(Hold::OtherAddress { before: before.clone(), after: after.clone() })
        }
        (Some(_), None) => untold("persisted address"),
        (Some(_) | None, Some(_)) | (None, None) => Ok(()),
    }
}

/// The budget is one: whoever else is down, for whatever reason, uses it up. One that was replaced meanwhile, by an
/// interruption, counts as up only if it has its volumes.
fn others_run(run: &Run, node: &NodeRun, survey: &Survey) -> Result<(), Hold> {
    let others: Vec<&PlannedNode> = {
        let rolled = run.nodes.iter().map(|node| &node.planned);
        rolled.chain(&run.plan.others).filter(|other| other.id != node.planned.id).collect()
    };
    let may_be_down = |id: &StatefulInstanceId| run.plan.may_be_down.contains(id);
    let mut down = Vec::new();
    for other in &others {
        match survey.nodes.iter().find(|seen| seen.id == other.id) {
            Some(seen) if seen.is_active() => has_its_volumes(&run.plan, other, seen)?,
            _ if may_be_down(&other.id) => {}
            Some(seen) => down.push((other.id.clone(), seen.seen.state.clone())),
            None => down.push((other.id.clone(), StatefulState::Other("not listed".to_owned()))),
        }
    }
    let is_known = |id: &StatefulInstanceId| {
        *id == node.planned.id || others.iter().any(|other| other.id == *id)
    };
    let new = survey.nodes.iter().filter(|seen| !is_known(&seen.id) && !seen.is_active());
    down.extend(new.map(|seen| (seen.id.clone(), seen.seen.state.clone())));
    if down.is_empty() { Ok(()) } else { Err(Hold::OthersDown(down)) }
}

/// How long a suspension must still last when a machine is given up.
const LEAST_LEFT: SignedDuration = SignedDuration::from_mins(5);

fn is_suspended(run: &Run, survey: &Survey) -> Result<(), Hold> {
    let missing = lapsing(run, survey, LEAST_LEFT);
    if missing.is_empty() {
        return Ok(());
    }
    Err(Hold::NotSuspended(missing.iter().map(|process| process.as_str().to_owned()).collect()))
}

fn is_configured(run: &Run, survey: &Survey) -> Result<(), Hold> {
    let group = &survey.group;
    let switch = run.plan.switch.as_ref();
    let expected = match switch {
        Some(switch) => switch.image_to.as_ref().or(switch.image_from.as_ref()),
        None => run.plan.target.image_id.as_ref(),
    };
    if expected.is_some() && group.image_id.as_ref() != expected {
        let (expected, found) = (expected.cloned(), group.image_id.clone());
        return Err(Hold::OtherImage { expected, found });
    }
    let before = &run.plan.persistence;
    let is_off = switch.is_some_and(|switch| switch.root_persistence_off);
    let needed = before.with_root(before.root_device && !is_off);
    match other_persistence(&needed, &group.persistence) {
        Some(what) => Err(Hold::OtherPersistence(what)),
        None => Ok(()),
    }
}
