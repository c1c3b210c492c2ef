//! What the modules of groups answer.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::ansible::Failure;
use crate::domain::Group;
use crate::drive::group::{GroupError, Standing};
use crate::plan::group::{Changes, Secrecy, export};

/// One field that changes.
#[derive(Serialize, JsonSchema)]
pub(in crate::modules) struct ShownField {
    /// Where it is, such as `capacity.target`.
    path: String,
    /// What was there; null for nothing.
    before: Value,
    /// What is there now; null for nothing.
    after: Value,
}

/// What is answered.
#[derive(Default, Serialize, JsonSchema)]
pub(in crate::modules) struct Returns {
    /// The group's id.
    #[schemars(extend("x-returned" = "when there is a group"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// Its name.
    #[schemars(extend("x-returned" = "when there is or was a group"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// Its region.
    #[schemars(extend("x-returned" = "when there is or was a group"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<String>,
    /// The fields that change, a list being one field.
    #[schemars(extend("x-returned" = "when it is to be present"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    changes: Option<Vec<ShownField>>,
    /// The configuration as it is stored, or would be in check mode. User data is a digest, or, if it is no
    /// secret, in base64.
    #[schemars(extend("x-returned" = "when it is to be present"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    spec: Option<Map<String, Value>>,
    /// The group's instances: `id` and `state` of a stateful one, `instanceId`, `privateIp`, `publicIp`, `availabilityZone`,
    /// `instanceType`, `lifecycle` and, where it was waited for, `health`.
    #[schemars(extend("x-returned" = "when it was waited for"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    instances: Option<Vec<Value>>,
    /// Whether the group was made by this task.
    #[schemars(extend("x-returned" = "when it is to be present"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<bool>,
}

impl Returns {
    /// Of a group that is there.
    pub(in crate::modules) fn of(group: &Group) -> Self {
        Self {
            id: Some(group.id.to_string()),
            name: Some(group.name.clone()),
            region: group.region.as_ref().map(|region| region.as_str().to_owned()),
            ..Self::default()
        }
    }

    /// Of a group that is not there yet.
    pub(in crate::modules) fn of_config(config: &Map<String, Value>) -> Self {
        let text = |key: &str| config.get(key).and_then(Value::as_str).map(str::to_owned);
        Self { name: text("name"), region: text("region"), ..Self::default() }
    }

    /// With what changes.
    pub(in crate::modules) fn with_changes(mut self, changes: &Changes, secrecy: Secrecy) -> Self {
        let (before, after) = secrecy.sides(&changes.0);
        let shown = changes.0.iter().map(|change| ShownField {
            path: change.path.clone(),
            before: before[&change.path].clone(),
            after: after[&change.path].clone(),
        });
        self.changes = Some(shown.collect());
        self
    }

    /// With the configuration.
    pub(in crate::modules) fn with_spec(
        mut self,
        config: &Map<String, Value>,
        secrecy: Secrecy,
    ) -> Self {
        self.spec = Some(secrecy.shown(&export(config, true).spec));
        self
    }

    /// With the instances.
    pub(in crate::modules) fn with_instances(mut self, standing: &Standing) -> Self {
        self.instances = Some(standing.hosts.iter().map(|host| json!(host)).collect());
        self
    }

    /// Saying whether it was made.
    pub(in crate::modules) fn created(mut self, is_new: bool) -> Self {
        self.created = Some(is_new);
        self
    }
}

/// A failure with the vendor's own words beside it.
pub(in crate::modules) fn failed(error: &GroupError, has_changed: bool) -> Failure {
    let failure = Failure::new(error.to_string());
    let failure = match error.spot() {
        Some(spot) => failure
            .with_error_code(spot.error_code())
            .with_http_status(spot.http_status())
            .with_request_id(spot.request_id()),
        None => failure,
    };
    let failure = match error.id() {
        Some(id) => failure.with("id", id.as_str()),
        None => failure,
    };
    failure.retryable(error.is_transient()).changed(has_changed)
}
