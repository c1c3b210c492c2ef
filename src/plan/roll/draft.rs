//! The plan of a roll: which nodes, in which order, what is set before, what stands in the way.

use jiff::SignedDuration;

use super::event::Switch;
use super::finding::{Finding, waive};
use super::opening::Taken;
use super::order::{OrderWish, order};
use super::past::Past;
use super::preflight::{NEVER_WAIVED, PREDICATES, Preflight, preflight};
use super::survey::{ImageSight, Node, Survey};
use super::target::{Match, Target, Wanted};
use crate::domain::StatefulInstanceId;
use crate::plan::{Verdict, Waiver};

/// Without an earlier roll to go by, a node is given this long when scheduled tasks are looked at.
const NODE_WITHOUT_HISTORY: SignedDuration = SignedDuration::from_mins(30);

/// Nothing that is due within this time is left unseen, however quick the roll may be.
const SHORTEST_HORIZON: SignedDuration = SignedDuration::from_hours(1);

/// What the caller wants of a plan.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wish {
    /// The order.
    pub order: OrderWish,
    /// Only these nodes; all if there is no such list.
    pub only: Option<Vec<StatefulInstanceId>>,
    /// Whether what is on root volumes may be lost.
    pub acknowledge_root_data_loss: bool,
    /// What the caller takes upon himself.
    pub waivers: Vec<Waiver>,
    /// How far ahead scheduled tasks are looked for; by the expected duration if not said.
    pub horizon: Option<SignedDuration>,
}

/// A plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// The aim.
    pub target: Target,
    /// What will be rolled, in order, and why.
    pub nodes: Vec<Choice>,
    /// What is left alone, and why.
    pub skipped: Vec<Choice>,
    /// The zone that is begun: where machines are as wanted already and others are not yet, the one whose machine was launched last.
    pub begun_zone: Option<String>,
    /// What must be set before the first recycle or, of an image that all instances have already and the group has not, at the end.
    pub switch: Option<Switch>,
    /// Every predicate.
    pub findings: Vec<Finding>,
    /// How long it will take, in seconds, by earlier rolls.
    pub expected_seconds: Option<f64>,
    /// Instances whose being down was waived.
    pub may_be_down: Vec<StatefulInstanceId>,
    /// Instances of which it was waived that the vendor does not list their volumes.
    pub volumes_unknown: Vec<StatefulInstanceId>,
    /// The nodes that alone may be rolled; all if none is named.
    pub only: Vec<StatefulInstanceId>,
    /// What is odd.
    pub warnings: Vec<String>,
}

/// A node, and why it is where it is in the plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// The node.
    pub node: Node,
    /// Why.
    pub why: String,
}

impl Draft {
    /// Whether it would change nothing.
    pub fn is_idle(&self) -> bool {
        self.nodes.is_empty() && self.switch.is_none()
    }

    /// What stands in the way.
    pub fn blockers(&self) -> Vec<&Finding> {
        self.findings.iter().filter(|finding| finding.blocks()).collect()
    }
}

/// Plans from one look. `past` is what other runs tell; `taken` is one of them that stands in the way.
pub fn draft(
    survey: &Survey,
    target: Target,
    image: &ImageSight,
    wish: &Wish,
    past: &Past,
    taken: Option<&Taken>,
) -> Draft {
    let (chosen, skipped) = choose(survey, &target, wish, past);
    let nodes: Vec<Choice> = {
        let in_order = order(chosen.iter().map(|choice| &choice.node), &wish.order);
        let of = |node: &&Node| chosen.iter().find(|choice| choice.node.id == node.id).cloned();
        in_order.iter().filter_map(of).collect()
    };
    let begun_zone = begun_zone(survey, &target, past, &nodes);
    let expected_seconds = median(&past.seconds).map(|each| each * nodes.len() as f64);
    let horizon = wish.horizon.unwrap_or_else(|| horizon(expected_seconds, nodes.len()));
    let ids: Vec<StatefulInstanceId> = named(wish);
    let mut findings = preflight(Preflight {
        survey,
        target: &target,
        image,
        horizon,
        acknowledge_root_data_loss: wish.acknowledge_root_data_loss,
        nodes: &ids,
        only: wish.only.as_deref(),
        past,
    });
    findings.push(no_other_run(survey, taken));
    let mut warnings = waive(&mut findings, &wish.waivers, NEVER_WAIVED, PREDICATES);
    warnings.extend(survey.oddities.iter().cloned());
    let waived = |name: &str| -> Vec<StatefulInstanceId> {
        let waived = findings.iter().filter(|it| it.name == name && it.waived.is_some());
        waived.map(|finding| StatefulInstanceId::new(finding.object.as_str())).collect()
    };
    let (may_be_down, volumes_unknown) = (waived("active"), waived("volumes_known"));
    let switch = switch(survey, &target);
    let switch = if nodes.is_empty() { image_alone(switch, survey, &target, past) } else { switch };
    Draft {
        target,
        nodes,
        skipped,
        begun_zone,
        switch,
        findings,
        expected_seconds,
        may_be_down,
        volumes_unknown,
        only: wish.only.clone().unwrap_or_default(),
        warnings,
    }
}

/// Every node that the caller names must exist.
fn named(wish: &Wish) -> Vec<StatefulInstanceId> {
    let wished = wish.order.canary.iter().chain(&wish.order.last).chain(wish.only.iter().flatten());
    wished.cloned().collect()
}

fn choose(
    survey: &Survey,
    target: &Target,
    wish: &Wish,
    past: &Past,
) -> (Vec<Choice>, Vec<Choice>) {
    let (mut chosen, mut skipped) = (Vec::new(), Vec::new());
    for node in &survey.nodes {
        let put = |why: String| Choice { node: node.clone(), why };
        if wish.only.as_ref().is_some_and(|only| !only.contains(&node.id)) {
            skipped.push(put("not among those asked for".to_owned()));
            continue;
        }
        if !node.is_active() {
            skipped.push(put(format!("it is {}", node.seen.state)));
            continue;
        }
        match past.matches(target, node, &survey.group.persistence) {
            Match::There(why) => skipped.push(put(format!("as wanted: {why}"))),
            // It stands in the way unless someone has said that it counts as wanted.
            Match::OnPaper(why) => skipped.push(put(format!("taken as wanted: {why}"))),
            Match::Differs(why) | Match::Unknowable(why) => chosen.push(put(why)),
        }
    }
    (chosen, skipped)
}

/// A roll that is run again after it was given up ends the zone that it had begun before it goes to another.
fn begun_zone(survey: &Survey, target: &Target, past: &Past, left: &[Choice]) -> Option<String> {
    let zone = |node: &Node| node.seen.availability_zone.clone();
    let is_left = |zone: &String| {
        left.iter().any(|choice| choice.node.seen.availability_zone.as_ref() == Some(zone))
    };
    let is_there = |node: &&Node| {
        node.is_active()
            && matches!(past.matches(target, node, &survey.group.persistence), Match::There(_))
    };
    let launched = |node: &Node| node.seen.launched_at.as_ref().and_then(|at| at.instant());
    let begun = survey.nodes.iter().filter(is_there);
    let begun = begun.filter_map(|node| Some((launched(node), zone(node).filter(is_left)?)));
    begun.max().map(|(_, zone)| zone)
}

/// The image is set for the canary and not before, and a persisted root is given up for the time of the roll: it would keep
/// the new image out (vendor help: root volume persistence).
fn switch(survey: &Survey, target: &Target) -> Option<Switch> {
    let group = &survey.group;
    let image_to = match &target.wanted {
        Wanted::LaunchedAfter { .. } | Wanted::PresentConfiguration => None,
        Wanted::Image { .. } | Wanted::NamedImage { .. } | Wanted::SsmParameter { .. } => {
            target.image_id.clone().filter(|image| group.image_id.as_ref() != Some(image))
        }
    };
    let brings_image = !matches!(target.wanted, Wanted::LaunchedAfter { .. });
    let root_persistence_off = brings_image && group.persistence.root_device;
    (image_to.is_some() || root_persistence_off).then(|| Switch {
        image_from: group.image_id.clone(),
        image_to,
        root_persistence_off,
    })
}

/// What is missing where nothing is left to roll: a roll that was given up at its last node has put the group's image back, and the
/// platform would boot the old one on what the new one has written.
fn image_alone(
    switch: Option<Switch>,
    survey: &Survey,
    target: &Target,
    past: &Past,
) -> Option<Switch> {
    let persistence = &survey.group.persistence;
    let is_there = |node: &Node| {
        matches!(past.matches(target, node, persistence), Match::There(_) | Match::OnPaper(_))
    };
    // One that does not run stands in the way unless that is waived.
    let mut active = survey.nodes.iter().filter(|node| node.is_active()).peekable();
    let is_whole = active.peek().is_some() && active.all(is_there);
    let switch = switch.filter(|switch| is_whole && switch.image_to.is_some())?;
    Some(Switch { root_persistence_off: false, ..switch })
}

fn no_other_run(survey: &Survey, taken: Option<&Taken>) -> Finding {
    let (verdict, evidence) = match taken {
        None => (Verdict::Pass, "no other run of the group or its system is open".to_owned()),
        Some(taken) => (Verdict::Fail, taken.to_string()),
    };
    Finding::new("no_other_run", survey.group.id.as_str(), verdict, evidence)
}

fn horizon(expected_seconds: Option<f64>, nodes: usize) -> SignedDuration {
    let expected = expected_seconds
        .and_then(|seconds| SignedDuration::try_from_secs_f64(seconds * 2.0).ok())
        .unwrap_or(NODE_WITHOUT_HISTORY * i32::try_from(nodes).unwrap_or(i32::MAX));
    expected.max(SHORTEST_HORIZON)
}

/// The middle one; of an even number the greater of the two in the middle, since it is better to be early.
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied()
}
