//! Groups: list, get, update, capacity.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::chronicle::Cause;
use crate::create;
use crate::envelope::{Answer, Refusal};
use crate::estate::{Estate, Group, StatefulInstance};
use crate::group_config::merge;
use crate::lifecycle::{Action, State};
use crate::schedule;
use crate::stateful::Deletions;
use crate::validation;
use crate::world::{Call, World};

const KIND: &str = "spotinst:aws:ec2:group";

/// `GET /aws/ec2/group`: all groups of the account with their whole configuration, in all regions.
pub(crate) fn list(estate: &Estate, call: &Call<'_>) -> Result<Answer, Refusal> {
    let named = call.request.query_value("name");
    let groups = estate.groups.iter().filter(|group| group.account == call.account);
    let groups = groups.filter(|group| named.as_deref().is_none_or(|name| group.name() == name));
    let items = groups.map(|group| item(group, call)).collect();
    // What belongs to one item was shaped above; the envelope follows the fleet.
    Ok(Answer::Items { kind: KIND, items, shapes: call.shapes })
}

/// `GET /aws/ec2/group/{groupId}`
pub(crate) fn get(estate: &Estate, call: &Call<'_>) -> Result<Answer, Refusal> {
    let id = call.group(estate)?.id.clone();
    answer(estate, call, &id)
}

/// One group as an answer.
pub(crate) fn answer(estate: &Estate, call: &Call<'_>, id: &str) -> Result<Answer, Refusal> {
    let group = estate.group(id).ok_or_else(|| Refusal::unknown_group(id))?;
    let shapes = group.shapes.within(call.shapes);
    Ok(Answer::Items { kind: KIND, items: vec![item(group, call)], shapes })
}

fn item(group: &Group, call: &Call<'_>) -> Value {
    let shapes = group.shapes.within(call.shapes);
    let mut config = group.config.clone();
    for key in ["createdAt", "updatedAt"] {
        let at = config[key].as_str().and_then(|text| text.parse::<Timestamp>().ok());
        if let Some(at) = at {
            config[key] = json!(shapes.time(at));
        }
    }
    shapes.item(shapes.group(config))
}

/// `PUT /aws/ec2/group/{groupId}`: a partial update. Running instances do not change; a new capacity takes effect.
pub(crate) fn update(world: &mut World, call: &Call<'_>) -> Result<Answer, Refusal> {
    let group = updatable(&world.estate, call)?;
    let patch = &call.body["group"];
    if !patch.is_object() {
        return Err(Refusal::invalid("body:group", "\"group\" is required".to_owned()));
    }
    let mut config = group.config.clone();
    merge(&mut config, patch);
    for fixed in ["/id", "/region", "/createdAt", "/capacity/unit", "/compute/product"] {
        let changed = patch
            .pointer(fixed)
            .is_some_and(|_| config.pointer(fixed) != group.config.pointer(fixed));
        if changed {
            let field = format!("body:group{}", fixed.replace('/', "."));
            let name = fixed.rsplit('/').next().unwrap_or(fixed);
            return Err(Refusal::invalid(&field, format!("\"{name}\" is not allowed")));
        }
    }
    validation::check(&config)?;
    if patch.pointer("/strategy/revertToSpot").is_some()
        || patch.pointer("/strategy/availabilityVsCost").is_some()
        || patch.pointer("/compute/launchSpecification/images").is_some()
    {
        validation::check_revert(&config)?;
    }
    if patch.get("scheduling").is_some() {
        let stateful = group.is_stateful() || !group.stateful.is_empty();
        schedule::check(&config, stateful)?;
    }
    if let Some(image) = patch.pointer("/compute/launchSpecification/imageId")
        && let Some(unknown) = image.as_str().filter(|id| !world.images.exists(id))
    {
        return Err(Refusal::unknown_image(unknown));
    }
    let resume = call.request.query_flag("shouldResumeStateful");
    let apply_tags = call.request.query_flag("autoApplyTags");
    let resize = patch.get("capacity").is_some();
    let before = create::pool(&group.config);
    store(world, call, config, apply_tags);
    world.fill_pool(call.parameter(0), &before, call.now);
    if resize {
        world.fit_to_target(call.parameter(0), resume, Cause::Capacity, call.now);
    }
    get(&world.estate, call)
}

/// The group, unless a deployment runs: the vendor then accepts no update, capacity included.
fn updatable<'e>(estate: &'e Estate, call: &Call<'_>) -> Result<&'e Group, Refusal> {
    let group = call.group(estate)?;
    if group.deployment_runs() { Err(Refusal::deployment_runs()) } else { Ok(group) }
}

fn store(world: &mut World, call: &Call<'_>, mut config: Value, apply_tags: bool) {
    let (id, now) = (call.parameter(0).to_owned(), call.now);
    config["updatedAt"] = json!(now.to_string());
    world.change(now, |estate| {
        let Some(group) = estate.group_mut(&id) else { return };
        let (before, after) = (create::zones(&group.config), create::zones(&config));
        if before != after {
            group.network.zones = after;
        }
        group.config = config;
        group.log(now, "INFO", format!("Group {id} successfully updated."), None);
        group.event(now, "Update", Vec::new());
        if apply_tags {
            group.log(now, "INFO", format!("Tags of group {id} were applied."), None);
        }
    });
    world.plan_tasks(call.parameter(0), now);
}

/// `PUT /aws/ec2/group/{groupId}/capacity`
pub(crate) fn update_capacity(world: &mut World, call: &Call<'_>) -> Result<Answer, Refusal> {
    let group = updatable(&world.estate, call)?;
    let patch = &call.body["capacity"];
    if !patch.is_object() {
        return Err(Refusal::invalid("body:capacity", "\"capacity\" is required".to_owned()));
    }
    let mut config = group.config.clone();
    for key in ["minimum", "maximum", "target"] {
        if !patch[key].is_null() {
            config["capacity"][key] = patch[key].clone();
        }
    }
    validation::check_capacity(&config["capacity"])?;
    let capacity = &config["capacity"];
    let mut item = json!({
        "minimum": capacity["minimum"], "maximum": capacity["maximum"], "target": capacity["target"],
    });
    let shapes = group.shapes.within(call.shapes);
    if shapes.wrap_capacity == Some(true) {
        item = json!({"capacity": item});
    }
    store(world, call, config, false);
    world.fit_to_target(call.parameter(0), false, Cause::Capacity, call.now);
    Ok(Answer::Items { kind: "spotinst:aws:ec2:group:capacity", items: vec![item], shapes })
}

impl Group {
    /// Those that count for the target: running, or on the way there.
    fn counted(&self) -> Vec<&StatefulInstance> {
        let leaving = |ssi: &StatefulInstance| match &ssi.underway {
            Some(underway) => matches!(underway.action, Action::Pause | Action::Deallocate),
            None => matches!(
                ssi.state,
                State::Paused
                    | State::Pause
                    | State::Pausing
                    | State::Deallocate
                    | State::Deallocating
                    | State::Deallocated
            ),
        };
        self.stateful.iter().filter(|ssi| !leaving(ssi)).collect()
    }

    pub(crate) fn decrement(&mut self) {
        let capacity = &mut self.config["capacity"];
        let target = capacity["target"].as_u64().unwrap_or(0).saturating_sub(1);
        let minimum = capacity["minimum"].as_u64().unwrap_or(0).min(target);
        capacity["target"] = json!(target);
        capacity["minimum"] = json!(minimum);
    }
}

impl World {
    /// Pauses or adds instances until the group has as many as its target says.
    ///
    /// Which ones the vendor pauses is not documented; here it is the newest ones. Paused ones are resumed only when
    /// `resume` is set, new ones are made otherwise.
    pub(crate) fn fit_to_target(&mut self, id: &str, resume: bool, cause: Cause, now: Timestamp) {
        let Some(group) = self.estate.group(id) else { return };
        let target = group.target();
        // While all switches are off for a moment, a group does not forget that it is a stateful one.
        if !group.is_stateful() && group.stateful.is_empty() {
            return self.fit_members(id, target, now);
        }
        let counted = group.counted();
        let excess = counted.iter().rev().filter(|ssi| ssi.state == State::Active);
        let excess = excess.take(counted.len().saturating_sub(target)).map(|ssi| ssi.id.clone());
        let pausing: Vec<String> = excess.collect();
        let missing = target.saturating_sub(counted.len());
        let paused = group.stateful.iter().filter(|ssi| ssi.state == State::Paused && resume);
        let mut starting: Vec<String> = paused.take(missing).map(|ssi| ssi.id.clone()).collect();
        let zones = group.network.zones.clone();
        let existing = group.stateful.len();
        for number in starting.len()..missing {
            let zone = zones.get((existing + number) % zones.len().max(1)).cloned();
            let (zone, fresh) = (zone.unwrap_or_default(), self.ids.stateful_instance());
            self.change(now, |estate| {
                if let Some(group) = estate.group_mut(id) {
                    let ssi = StatefulInstance::unborn(fresh.clone(), group, zone, now);
                    group.stateful.push(ssi);
                }
            });
            starting.push(fresh);
        }
        for ssi in pausing {
            self.start(id, &ssi, Action::Pause, Deletions::default(), cause, now);
        }
        for ssi in starting {
            self.start(id, &ssi, Action::Resume, Deletions::default(), cause, now);
        }
    }
}
