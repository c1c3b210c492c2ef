//! Updates that are answered as made and of which a part is not kept, as was seen in the wild.

use jiff::Timestamp;
use serde_json::Value;

use crate::edit::{put, take};
use crate::estate::Estate;
use crate::faults::{Fault, FaultKind};
use crate::operation::Operation;
use crate::world::{Call, World};

/// Fields of a configuration by their dotted paths, with what was there.
pub(crate) type Kept = Vec<(String, Option<Value>)>;

/// What an update of a group will not change, if a fault says so.
pub(crate) fn kept(
    estate: &Estate,
    call: &Call<'_>,
    operation: Operation,
    struck: &[Fault],
) -> Option<Kept> {
    if !matches!(operation, Operation::UpdateGroup | Operation::UpdateCapacity) {
        return None;
    }
    let partial = struck.iter().find(|fault| fault.spec.kind == FaultKind::PartialUpdate)?;
    let config = &call.group(estate).ok()?.config;
    let found = |path: &String| {
        let value = config.pointer(&format!("/{}", path.replace('.', "/")));
        (path.clone(), value.cloned())
    };
    Some(partial.spec.fields.iter().map(found).collect())
}

/// Puts back what was there before.
pub(crate) fn put_back(world: &mut World, group: &str, kept: &Kept, now: Timestamp) {
    world.change(now, |estate| {
        let Some(group) = estate.group_mut(group) else { return };
        for (path, value) in kept {
            match value {
                Some(value) => put(&mut group.config, path, value.clone()),
                None => take(&mut group.config, path),
            }
        }
    });
    world.plan_tasks(group, now);
}
