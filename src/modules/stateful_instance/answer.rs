//! What the module answers.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::ansible::Failure;
use crate::domain::{
    Device, ImageId, InstanceId, LogLine, StatefulAction, StatefulState, StatefulTarget, VendorTime,
};
use crate::drive::stateful::{ActError, Carried, Failed, Job, Sight};
use crate::plan::stateful::{Check, Phase, Snapshot};

/// What is answered.
#[derive(Serialize, JsonSchema)]
pub(in crate::modules) struct Returns {
    /// The instance before, null if it was not there.
    #[schemars(extend("x-returned" = "always"))]
    before: Option<Facts>,
    /// The instance now, null if it is gone, or if it cannot be told because of check mode.
    #[schemars(extend("x-returned" = "always"))]
    after: Option<Facts>,
    /// The same as `after`, in check mode as `before`; the name that `spotinst_aws_stateful` had for it.
    #[schemars(extend("x-returned" = "always"))]
    stateful: Option<Facts>,
    /// The states that were seen, in order.
    #[schemars(extend("x-returned" = "always"))]
    phases: Vec<SeenPhase>,
    /// What was proved of a recycled instance.
    #[schemars(extend("x-returned" = "always"))]
    checks: Vec<SeenCheck>,
    /// How often the vendor was asked to act: 0 if it was underway or done already, 2 after a lost reply.
    #[schemars(extend("x-returned" = "always"))]
    requests: u32,
    /// The vendor's log since it began, as far as it is about this instance or warns, oldest line first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-returned" = "on failure"))]
    log: Vec<SeenLine>,
}

/// A stateful instance in the vendor's own names. What the vendor does not tell is left out.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Facts {
    /// The account.
    account_id: String,
    /// The Elastigroup; left out for a managed instance.
    #[serde(rename = "esg_id", skip_serializing_if = "Option::is_none")]
    esg_id: Option<String>,
    /// The id that stays the same.
    #[schemars(extend("x-sample" = "ssi-12345678"))]
    id: String,
    /// The vendor's word for its state.
    #[schemars(extend("x-sample" = "ACTIVE"))]
    state: String,
    /// The EC2 instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    instance_id: Option<String>,
    /// The image it booted from.
    #[serde(skip_serializing_if = "Option::is_none")]
    image_id: Option<String>,
    /// Its private address.
    #[serde(skip_serializing_if = "Option::is_none")]
    private_ip: Option<String>,
    /// Its zone, while it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    availability_zone: Option<String>,
    /// Its volumes.
    devices: Vec<FactsDevice>,
    /// When the EC2 instance was launched.
    #[serde(skip_serializing_if = "Option::is_none")]
    launched_at: Option<String>,
    /// When the stateful instance was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct FactsDevice {
    /// Its name, such as `/dev/xvdb`.
    #[serde(skip_serializing_if = "Option::is_none")]
    device_name: Option<String>,
    /// The volume.
    #[serde(skip_serializing_if = "Option::is_none")]
    volume_id: Option<String>,
    /// Its latest snapshot.
    #[serde(skip_serializing_if = "Option::is_none")]
    snapshot_id: Option<String>,
}

#[derive(Serialize, JsonSchema)]
struct SeenPhase {
    /// The vendor's word for the state, or `absent`.
    #[schemars(extend("x-sample" = "RECYCLING"))]
    state: String,
    /// How long it was the last one seen.
    seconds: f64,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct SeenLine {
    /// When it was written, by the vendor's clock.
    created_at: Option<String>,
    /// The vendor's word for how grave it is.
    #[schemars(extend("x-sample" = "ERROR"))]
    severity: Option<String>,
    /// What it says.
    message: String,
}

#[derive(Serialize, JsonSchema)]
struct SeenCheck {
    /// `image_id`, `same_volumes`, `same_zone` or `same_private_ip`.
    name: String,
    /// `pass`, `fail` or `unknown`.
    result: String,
    /// Whether it was asked for or is promised by persistence.
    binding: bool,
    /// What was seen.
    evidence: String,
}

impl Returns {
    /// Nothing was done.
    pub(super) fn present(job: &Job, present: Option<&Snapshot>) -> Self {
        let facts = || present.map(|present| facts(job, present));
        Self {
            before: facts(),
            after: facts(),
            stateful: facts(),
            phases: Vec::new(),
            checks: Vec::new(),
            requests: 0,
            log: Vec::new(),
        }
    }

    /// Nothing has been done yet.
    pub(super) fn planned(job: &Job, before: &Snapshot, expected: Option<&Snapshot>) -> Self {
        let after = expected.map(|expected| facts(job, expected));
        Self { after, ..Self::present(job, Some(before)) }
    }

    /// It was done.
    pub(super) fn of(job: &Job, carried: &Carried) -> Self {
        let after = || carried.after.as_ref().map(|after| facts(job, after));
        Self {
            before: carried.before.as_ref().map(|before| facts(job, before)),
            after: after(),
            stateful: after(),
            phases: phases(&carried.phases),
            checks: checks(&carried.checks),
            requests: carried.sent,
            log: Vec::new(),
        }
    }

    pub(super) fn set_checks(&mut self, found: &[Check]) {
        self.checks = checks(found);
    }
}

fn phases(phases: &[Phase]) -> Vec<SeenPhase> {
    let tenths = |phase: &Phase| (phase.lasted.as_secs_f64() * 10.0).round() / 10.0;
    let seen = |phase: &Phase| SeenPhase { state: phase.state.clone(), seconds: tenths(phase) };
    phases.iter().map(seen).collect()
}

fn checks(checks: &[Check]) -> Vec<SeenCheck> {
    let seen = |check: &Check| SeenCheck {
        name: check.name.to_owned(),
        result: check.verdict.as_str().to_owned(),
        binding: check.is_binding,
        evidence: check.evidence.clone(),
    };
    checks.iter().map(seen).collect()
}

fn facts(job: &Job, snapshot: &Snapshot) -> Facts {
    let device = |device: &Device| FactsDevice {
        device_name: device.device_name.clone(),
        volume_id: device.volume_id.clone(),
        snapshot_id: device.snapshot_id.clone(),
    };
    let text = |time: &VendorTime| time.as_str().to_owned();
    Facts {
        account_id: job.account.to_string(),
        esg_id: match &job.target {
            StatefulTarget::Grouped { group, .. } => Some(group.to_string()),
            StatefulTarget::Managed(_) => None,
        },
        id: job.target.id().to_owned(),
        state: snapshot.state.to_string(),
        instance_id: snapshot.instance_id.as_ref().map(ToString::to_string),
        image_id: snapshot.image_id.as_ref().map(ToString::to_string),
        private_ip: snapshot.private_ip.clone(),
        availability_zone: snapshot.availability_zone.clone(),
        devices: snapshot.devices.iter().map(device).collect(),
        launched_at: snapshot.launched_at.as_ref().map(text),
        created_at: snapshot.created_at.as_ref().map(text),
    }
}

/// What check mode foresees: only what is certain.
pub(super) fn expected(job: &Job, sight: &Sight) -> Option<Snapshot> {
    let mut after = sight.snapshot.clone()?;
    let persistence = &sight.promises.persistence;
    match &job.action {
        StatefulAction::Deallocate(_) => return None,
        StatefulAction::DeleteVolume(volume) => {
            after.devices.retain(|device| device.volume_id.as_ref() != Some(volume));
            return Some(after);
        }
        StatefulAction::Pause => after.state = StatefulState::Paused,
        StatefulAction::Recycle | StatefulAction::Resume => {
            after.state = StatefulState::Active;
            after.image_id = sight.promises.image_id.clone().filter(|_| !persistence.root_device);
        }
    }
    // The next machine is a new one, of which nothing is known but what persists.
    (after.instance_id, after.launched_at, after.availability_zone) = (None, None, None);
    after.private_ip = after.private_ip.filter(|_| persistence.private_ip);
    let keeps = |device: &Device| persistence.block_devices && device.volume_id.is_some();
    let data: Vec<String> = after.data_volumes().into_iter().map(str::to_owned).collect();
    after.devices.retain(|device| {
        keeps(device) && device.volume_id.as_ref().is_some_and(|volume| data.contains(volume))
    });
    Some(after)
}

/// What `--diff` shows of what there is before. Of a managed instance the vendor lists no volumes, so that one is to be deleted would not show.
pub(super) fn shown_before(job: &Job, before: &Snapshot) -> Value {
    let mut shown = shown(Some(before));
    if let StatefulAction::DeleteVolume(volume) = &job.action
        && let Some(listed) = shown["dataVolumes"].as_array_mut()
        && !listed.iter().any(|it| it == volume.as_str())
    {
        listed.push(json!(volume.as_str()));
    }
    shown
}

/// What `--diff` shows of it.
pub(super) fn shown(snapshot: Option<&Snapshot>) -> Value {
    let Some(snapshot) = snapshot else { return json!({"state": "absent"}) };
    let mut shown = Map::new();
    shown.insert("state".to_owned(), json!(snapshot.state.as_str()));
    let texts = [
        ("instanceId", snapshot.instance_id.as_ref().map(InstanceId::as_str)),
        ("imageId", snapshot.image_id.as_ref().map(ImageId::as_str)),
        ("privateIp", snapshot.private_ip.as_deref()),
    ];
    for (name, text) in texts {
        let text = text.unwrap_or("none, or not known yet");
        shown.insert(name.to_owned(), json!(text));
    }
    shown.insert("dataVolumes".to_owned(), json!(snapshot.data_volumes()));
    Value::Object(shown)
}

/// One sentence on what was done.
pub(super) fn told(job: &Job, carried: &Carried) -> String {
    let id = |snapshot: &Option<Snapshot>| {
        snapshot.as_ref().and_then(|it| it.instance_id.as_ref().map(ToString::to_string))
    };
    let seconds: u64 = carried.phases.iter().map(|phase| phase.lasted.as_secs()).sum();
    if !job.wait {
        return format!("asked to {}, not waited", job.doing());
    }
    let (target, before) = (&job.target, id(&carried.before).unwrap_or_else(|| "none".to_owned()));
    match (&job.action, id(&carried.after)) {
        (StatefulAction::Recycle, Some(after)) => {
            format!("recycled {target} from {before} to {after} in {seconds} s")
        }
        (StatefulAction::Resume, Some(after)) => {
            format!("resumed {target} as {after} in {seconds} s")
        }
        (StatefulAction::DeleteVolume(volume), _) => {
            format!("deleted volume {volume} of {target} in {seconds} s")
        }
        (StatefulAction::Pause, _) => format!("paused {target} in {seconds} s"),
        (StatefulAction::Deallocate(_), _) => format!("deallocated {target} in {seconds} s"),
        (StatefulAction::Recycle | StatefulAction::Resume, None) => {
            format!("asked to {}", job.doing())
        }
    }
}

/// A refusal, with what was seen.
pub(super) fn refused<'a>(sight: &'a Sight, job: &'a Job) -> impl FnOnce(ActError) -> Failure + 'a {
    move |error| {
        let seen = sight.snapshot.as_ref().map(|snapshot| facts(job, snapshot));
        Failure::new(error.to_string())
            .retryable(error.is_transient())
            .with("before", value(seen))
            .with_warnings(sight.oddities.clone())
    }
}

/// What is answered of a failure.
pub(super) fn evidence(job: &Job, failed: &Failed) -> Vec<(String, Value)> {
    let snapshot = |it: &Option<Snapshot>| value(it.as_ref().map(|it| facts(job, it)));
    let line = |line: &LogLine| SeenLine {
        created_at: line.at.as_ref().map(ToString::to_string),
        severity: line.severity.clone(),
        message: line.message.clone(),
    };
    let log: Vec<SeenLine> = failed.log.iter().map(line).collect();
    let fields = [
        ("before", snapshot(&failed.before)),
        ("after", snapshot(&failed.last)),
        ("phases", value(phases(&failed.phases))),
        ("checks", value(checks(&failed.checks))),
        ("log", value(log)),
        ("requests", json!(failed.sent)),
    ];
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// These types are plain, so they can always be written.
fn value<T: Serialize>(it: T) -> Value {
    serde_json::to_value(it).unwrap_or_default()
}
