//! Deployments ("rolls") of groups: only those without state can be rolled, and while one runs a group takes no update.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::actions::{Due, DueKind};
use crate::chronicle::Cause;
use crate::clock::{later, seconds};
use crate::envelope::{Answer, Refusal};
use crate::estate::{Estate, Group};
use crate::shapes::{Shapes, TimestampShape};
use crate::world::{Call, World};

const KIND: &str = "spotinst:aws:ec2:group:roll";

/// Where a deployment is, in the words of the vendor's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DeploymentStatus {
    #[serde(alias = "STARTING")]
    Starting,
    #[serde(alias = "IN_PROGRESS")]
    InProgress,
    #[serde(alias = "FINISHED")]
    Finished,
    #[serde(alias = "FAILED")]
    Failed,
    #[serde(alias = "STOPPED")]
    Stopped,
}

impl DeploymentStatus {
    pub(crate) fn runs(self) -> bool {
        matches!(self, DeploymentStatus::Starting | DeploymentStatus::InProgress)
    }
}

/// One deployment of a group.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Deployment {
    pub(crate) id: String,
    pub(crate) status: DeploymentStatus,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) grace_period: u64,
    /// Machines to be replaced, by batch; those at the front are next.
    pub(crate) batches: Vec<Vec<String>>,
    /// How many batches are done.
    pub(crate) done: usize,
}

impl Deployment {
    /// One that does nothing and only has a status.
    pub(crate) fn placed(id: String, status: DeploymentStatus, now: Timestamp) -> Deployment {
        let batches = vec![Vec::new()];
        let done = usize::from(status == DeploymentStatus::Finished);
        let (created_at, updated_at) = (now, now);
        Deployment { id, status, created_at, updated_at, grace_period: 300, batches, done }
    }

    fn progress(&self) -> usize {
        self.done * 100 / self.batches.len().max(1)
    }

    fn current_batch(&self) -> usize {
        (self.done + 1).min(self.batches.len())
    }
}

impl Group {
    /// Whether a deployment runs.
    pub(crate) fn deployment_runs(&self) -> bool {
        self.deployments.iter().any(|one| one.status.runs())
    }
}

/// The vendor's recorded answers about deployments and events have offsets in their timestamps.
pub(crate) fn recorded(shapes: Shapes) -> Shapes {
    Shapes { timestamps: shapes.timestamps.or(Some(TimestampShape::Offset)), ..shapes }
}

/// `GET /aws/ec2/group/{groupId}/roll`: newest first unless `sort` says otherwise.
pub(crate) fn list(estate: &Estate, call: &Call<'_>) -> Result<Answer, Refusal> {
    let group = call.group(estate)?;
    let shapes = group.shapes.within(call.shapes);
    let limit = call.request.query_value("limit").map(|text| text.parse::<usize>());
    let Ok(limit) = limit.unwrap_or(Ok(usize::MAX)) else {
        return Err(Refusal::invalid("query:limit", "\"limit\" must be a number".to_owned()));
    };
    let ascending = call.request.query_value("sort").is_some_and(|sort| sort.ends_with(":ASC"));
    let mut all: Vec<&Deployment> = group.deployments.iter().collect();
    if !ascending {
        all.reverse();
    }
    let items = all.into_iter().take(limit).map(|one| item(group, one, recorded(shapes)));
    Ok(Answer::Items { kind: KIND, items: items.collect(), shapes })
}

fn item(group: &Group, one: &Deployment, shapes: Shapes) -> Value {
    let green: usize = one.batches.iter().take(one.done).map(Vec::len).sum();
    let all: usize = one.batches.iter().map(Vec::len).sum();
    json!({
        "id": one.id,
        "status": one.status,
        "progress": {"unit": "percent", "value": one.progress()},
        "currentBatch": one.current_batch(),
        "numOfBatches": one.batches.len(),
        "gracePeriod": one.grace_period,
        "blueInstances": if all == 0 { group.target() } else { all - green },
        "greenInstances": green,
        "createdAt": shapes.time(one.created_at),
        "updatedAt": shapes.time(one.updated_at),
    })
}

/// `PUT /aws/ec2/group/{groupId}/roll`
pub(crate) fn start(world: &mut World, call: &Call<'_>) -> Result<Answer, Refusal> {
    let group = call.group(&world.estate)?;
    let shapes = group.shapes.within(call.shapes);
    let number = |name: &str| {
        let missing =
            || Refusal::invalid(&format!("body:{name}"), format!("\"{name}\" is required"));
        call.body[name].as_u64().ok_or_else(missing)
    };
    let (share, grace_period) = (number("batchSizePercentage")?, number("gracePeriod")?);
    if !(1..=100).contains(&share) {
        let message = "\"batchSizePercentage\" must be less than or equal to 100".to_owned();
        return Err(Refusal::invalid("body:batchSizePercentage", message));
    }
    let id = group.id.clone();
    let deployment = world.deploy(&id, share, grace_period, call.now)?;
    // Recorded once without any item: clients have to list the deployments then.
    if world.behaviour.empty_roll_answers {
        return Ok(Answer::Items { kind: KIND, items: Vec::new(), shapes });
    }
    let item = json!({
        "id": deployment.id,
        "status": "STARTING",
        "progress": {"unit": "percent", "value": 0},
        "currentBatch": deployment.current_batch(),
        "numOfBatches": deployment.batches.len(),
    });
    Ok(Answer::Items { kind: KIND, items: vec![item], shapes })
}

impl World {
    /// Begins a deployment over the members of a group without state.
    pub(crate) fn deploy(
        &mut self,
        id: &str,
        share: u64,
        grace_period: u64,
        now: Timestamp,
    ) -> Result<Deployment, Refusal> {
        let group = self.estate.group(id).ok_or_else(|| Refusal::unknown_group(id))?;
        if group.is_stateful() {
            return Err(Refusal::stateful_deployment(id));
        }
        if group.deployment_runs() {
            return Err(Refusal::deployment_runs());
        }
        let minimum = group.config["capacity"]["minimum"].as_u64().unwrap_or(0);
        let members: Vec<String> =
            group.members.iter().map(|member| member.instance_id.clone()).collect();
        if u64::try_from(members.len()).unwrap_or(u64::MAX) < minimum {
            return Err(Refusal::below_minimum(id));
        }
        let size = members.len() * usize::try_from(share).unwrap_or(100) / 100;
        let mut batches: Vec<Vec<String>> =
            members.chunks(size.max(1)).map(<[String]>::to_vec).collect();
        if batches.is_empty() {
            batches.push(Vec::new());
        }
        let deployment = Deployment {
            batches,
            grace_period,
            ..Deployment::placed(self.ids.deployment(), DeploymentStatus::Starting, now)
        };
        let new = deployment.clone();
        self.change(now, |estate| {
            if let Some(group) = estate.group_mut(id) {
                let message = format!("Deployment {} of group {id} was started.", new.id);
                group.log(now, "INFO", message, None);
                group.deployments.push(new);
            }
        });
        self.plan_deployment(id, &deployment.id, self.latency.accepted_seconds, now);
        Ok(deployment)
    }

    fn plan_deployment(&mut self, group: &str, deployment: &str, after: f64, now: Timestamp) {
        let (group, instance) = (group.to_owned(), deployment.to_owned());
        let due = Due { group, instance, what: DueKind::Deployment };
        self.agenda.plan(later(now, seconds(after)), due);
    }

    /// The next step of a deployment: from starting to its first batch, or from one batch to the next.
    pub(crate) fn step_deployment(&mut self, group_id: &str, id: &str, now: Timestamp) {
        let Some(group) = self.estate.group(group_id) else { return };
        let Some(one) = group.deployments.iter().find(|one| one.id == id) else { return };
        let batch = match one.status {
            DeploymentStatus::Starting => Vec::new(),
            DeploymentStatus::InProgress => one.batches.get(one.done).cloned().unwrap_or_default(),
            DeploymentStatus::Finished | DeploymentStatus::Failed | DeploymentStatus::Stopped => {
                return;
            }
        };
        for instance in batch {
            self.replace_member(group_id, &instance, Cause::Deployment, now);
        }
        let runs = self.change(now, |estate| {
            let group = estate.group_mut(group_id)?;
            let one = group.deployments.iter_mut().find(|one| one.id == id)?;
            one.updated_at = now;
            if one.status == DeploymentStatus::Starting {
                one.status = DeploymentStatus::InProgress;
            } else {
                one.done += 1;
            }
            if one.done >= one.batches.len() {
                one.status = DeploymentStatus::Finished;
                let message = format!("Deployment {id} of group {group_id} is finished.");
                group.log(now, "INFO", message, None);
                return None;
            }
            Some(())
        });
        if runs.is_some() {
            let latency = self.latency;
            let takes = latency.replacing_seconds + latency.booting_seconds;
            self.plan_deployment(group_id, id, takes.max(1.0), now);
        }
    }

    /// Puts a deployment on any group, or gives the one that runs another status; it does nothing.
    ///
    /// `lasts` is after how many virtual seconds it is finished by itself.
    pub(crate) fn place_deployment(
        &mut self,
        group_id: &str,
        status: DeploymentStatus,
        lasts: Option<f64>,
        now: Timestamp,
    ) -> Result<Value, String> {
        let fresh = self.ids.deployment();
        let id = self.change(now, |estate| {
            let group = estate.group_mut(group_id).ok_or_else(|| format!("no group {group_id}"))?;
            if let Some(one) = group.deployments.iter_mut().rev().find(|one| one.status.runs()) {
                (one.status, one.updated_at) = (status, now);
                return Ok::<String, String>(one.id.clone());
            }
            group.deployments.push(Deployment::placed(fresh.clone(), status, now));
            Ok(fresh)
        })?;
        if let Some(lasts) = lasts {
            self.plan_deployment(group_id, &id, lasts, now);
        }
        Ok(json!({"id": id, "status": status}))
    }
}

#[cfg(test)]
mod tests;
