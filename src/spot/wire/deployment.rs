//! Deployments of a group.

use serde_json::{Map, Value};

use super::Decoded;
use super::fields::{Fields, id_of, label};
use crate::domain::{Deployment, DeploymentStatus};

/// An item of the list; one without id or status is kept, for it may be running.
pub(in crate::spot) fn deployment(
    object: Map<String, Value>,
    oddities: &mut Vec<String>,
) -> Option<Decoded<Deployment>> {
    let id = id_of(&object, &["id"]);
    let label = label("deployment", id.as_deref());
    let status = Fields::new(&label, &object).text("status", oddities).unwrap_or_default();
    if status.is_empty() {
        oddities.push(format!("{label} has no status"));
    }
    let value = Deployment { id: id.clone(), status: DeploymentStatus::parse(&status) };
    Some(Decoded { id, value })
}
