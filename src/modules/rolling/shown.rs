//! How a plan is shown.

use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::plan::roll::{Choice, Draft, Finding, NodeRun, Phase, Run, Survey, Switch, waived_by};

/// A node of a plan.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(in crate::modules) struct PlannedNode {
    /// The stateful instance.
    #[schemars(extend("x-sample" = "ssi-12345678"))]
    pub(in crate::modules) id: String,
    /// The EC2 instance that it runs as.
    pub(in crate::modules) instance_id: Option<String>,
    /// The image that booted from.
    pub(in crate::modules) image_id: Option<String>,
    /// Its private address.
    pub(in crate::modules) private_ip: Option<String>,
    /// Its zone.
    pub(in crate::modules) zone: Option<String>,
    /// Its data volumes.
    pub(in crate::modules) volumes: Vec<String>,
    /// When it was launched.
    pub(in crate::modules) launched_at: Option<String>,
    /// Its place in the roll, from 1; 0 if it is left alone.
    pub(in crate::modules) position: usize,
    /// Whether it is the first.
    pub(in crate::modules) is_canary: bool,
    /// Where it is: `planned`, or the phase at which it is taken up again.
    pub(in crate::modules) phase: String,
    /// Whether it was cut off before its machine was given up, with its service stopped, perhaps: start that again on the machine
    /// that it still has before the phase at which it is taken up. `advanced` to `draining` proves that it still has it.
    pub(in crate::modules) must_start: bool,
    /// Whether the run has told its service to start on the new machine. Else only the image can have started what runs there, on
    /// data that nobody has looked at.
    pub(in crate::modules) was_started: bool,
    /// Why it is rolled, or left alone.
    pub(in crate::modules) why: String,
}

/// A predicate of a plan.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(in crate::modules) struct ShownFinding {
    /// Its name.
    pub(in crate::modules) name: String,
    /// What it is about: the id of the group or of an instance.
    object: String,
    /// `pass`, `fail` or `unknown`.
    verdict: String,
    /// What was seen.
    pub(in crate::modules) evidence: String,
    /// Why it does not count, if it was waived.
    waived: Option<String>,
}

impl From<&Finding> for ShownFinding {
    fn from(finding: &Finding) -> Self {
        Self {
            name: finding.name.to_owned(),
            object: finding.object.clone(),
            verdict: finding.verdict.as_str().to_owned(),
            evidence: finding.evidence.clone(),
            waived: finding.waived.clone(),
        }
    }
}

/// Nodes of a plan in their order; those that are left alone have no place.
pub(in crate::modules) fn shown_nodes(choices: &[Choice], is_rolled: bool) -> Vec<PlannedNode> {
    let shown = |(index, choice): (usize, &Choice)| {
        let planned = choice.node.planned();
        PlannedNode {
            id: planned.id.to_string(),
            instance_id: planned.instance_id.map(|id| id.to_string()),
            image_id: planned.image_id.map(|id| id.to_string()),
            private_ip: planned.private_ip,
            zone: planned.zone,
            volumes: planned.volumes,
            launched_at: planned.launched_at,
            position: if is_rolled { index + 1 } else { 0 },
            is_canary: is_rolled && index == 0,
            phase: "planned".to_owned(),
            must_start: false,
            was_started: false,
            why: choice.why.clone(),
        }
    };
    choices.iter().enumerate().map(shown).collect()
}

/// A setting that a roll changes.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(in crate::modules) struct ShownChange {
    /// `suspensions`, `image` or `root_persistence`.
    setting: String,
    /// What it is.
    from: Value,
    /// What it will be while the roll lasts.
    to: Value,
    /// What it will be afterwards, if all goes well.
    afterwards: Value,
}

/// What a roll changes of a group.
pub(in crate::modules) fn shown_changes(survey: &Survey, draft: &Draft) -> Vec<ShownChange> {
    if draft.is_idle() {
        return Vec::new();
    }
    let suspended = survey.suspensions.iter().map(|it| it.process.as_str()).collect();
    changes(suspended, draft.switch.as_ref())
}

/// What a run that is gone on with changes of its group, by its own plan: the group is in the middle of it.
pub(in crate::modules) fn changes_of(run: &Run) -> Vec<ShownChange> {
    let suspended = run.plan.suspended_before.iter().map(|it| it.process.as_str()).collect();
    changes(suspended, run.plan.switch.as_ref())
}

fn changes(suspended: Vec<&str>, switch: Option<&Switch>) -> Vec<ShownChange> {
    let all: Vec<&str> = crate::plan::roll::SUSPENDED.iter().map(|it| it.as_str()).collect();
    let mut changes = vec![ShownChange {
        setting: "suspensions".to_owned(),
        from: json!(suspended),
        to: json!(all),
        afterwards: json!(suspended),
    }];
    if let Some(Switch { image_from, image_to, root_persistence_off }) = switch {
        if let Some(to) = image_to {
            changes.push(ShownChange {
                setting: "image".to_owned(),
                from: json!(image_from),
                to: json!(to),
                afterwards: json!(to),
            });
        }
        if *root_persistence_off {
            changes.push(ShownChange {
                setting: "root_persistence".to_owned(),
                from: json!(true),
                to: json!(false),
                afterwards: json!(true),
            });
        }
    }
    changes
}

/// What was judged, with what the run waives of it; what it waived and is waived no more counts.
pub(in crate::modules) fn findings_of(run: &Run, findings: &[Finding]) -> Vec<ShownFinding> {
    let shown = |finding: &Finding| {
        let by_run = waived_by(&run.plan, finding).filter(|_| !finding.blocks());
        let waived = by_run.map(str::to_owned).or_else(|| finding.waived.clone());
        ShownFinding { waived, ..finding.into() }
    };
    findings.iter().map(shown).collect()
}

/// Nodes of a run that are not done, as they are taken up again.
pub(in crate::modules) fn nodes_of(run: &Run) -> Vec<PlannedNode> {
    let (done, mut left): (Vec<&NodeRun>, Vec<&NodeRun>) =
        run.nodes.iter().partition(|node| node.phase == Phase::Done);
    // The order of the plan may not be the one in which they are really rolled, so what is in flight is the next one after those done.
    let has_begun = |node: &NodeRun| {
        node.must_start() || !matches!(node.taken_up_at(), Phase::Planned | Phase::PreGate)
    };
    left.sort_by_key(|node| !has_begun(node));
    let first = done.len() + 1;
    left.iter().enumerate().map(|(at, node)| taken_up(first + at, node)).collect()
}

fn taken_up(position: usize, node: &NodeRun) -> PlannedNode {
    let planned = &node.planned;
    PlannedNode {
        id: planned.id.to_string(),
        instance_id: node.instance_id().map(ToString::to_string),
        image_id: planned.image_id.as_ref().map(ToString::to_string),
        private_ip: planned.private_ip.clone(),
        zone: planned.zone.clone(),
        volumes: planned.volumes.clone(),
        launched_at: planned.launched_at.clone(),
        position,
        is_canary: position == 1,
        phase: node.taken_up_at().as_str().to_owned(),
        must_start: node.must_start(),
        was_started: node.was_started(),
        why: format!("in phase {}", node.phase),
    }
}

/// A plan in one sentence.
pub(in crate::modules) fn told(draft: &Draft, survey: &Survey) -> String {
    let (count, group) = (draft.nodes.len(), &survey.group.id);
    let wanted = &draft.target.wanted;
    let blocked = draft.blockers().len();
    if count == 0 && blocked > 0 {
        return format!(
            "nothing can be planned in group {group}, {blocked} things stand in the way"
        );
    }
    if let (0, Some(image)) = (count, draft.switch.as_ref().and_then(|it| it.image_to.as_ref())) {
        return format!(
            "nothing to roll in group {group}: every instance is as wanted ({wanted}); the group's image is to be {image}"
        );
    }
    if count == 0 {
        return format!(
            "nothing to roll in group {group}: every instance asked for is as wanted ({wanted})"
        );
    }
    let order: Vec<&str> = draft.nodes.iter().map(|choice| choice.node.id.as_str()).collect();
    let expected = match draft
        .expected_seconds
        .and_then(|it| SignedDuration::try_from_secs_f64(it).ok())
    {
        Some(expected) => format!("about {} by earlier rolls", crate::plan::roll::told(expected)),
        None => "its duration is not known, there is no earlier roll".to_owned(),
    };
    let blockers = match draft.blockers().len() {
        0 => "nothing stands in the way".to_owned(),
        1 => "1 blocker".to_owned(),
        many => format!("{many} blockers"),
    };
    format!(
        "{count} nodes of group {group} to bring to {wanted}: {}; {expected}; {blockers}",
        order.join(", ")
    )
}
