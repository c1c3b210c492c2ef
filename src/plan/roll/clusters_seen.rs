//! Which clusters the gates of a run have seen.

use std::collections::BTreeMap;

use super::event::{Entry, Event};
use crate::plan::gate::Report;

/// The unique id of each cluster that a gate of this run has seen, by the name of the predicate that says so. The first word counts:
/// what a later gate sees under the same name must be the same cluster.
pub fn clusters_seen(entries: &[Entry]) -> BTreeMap<String, String> {
    let mut seen = BTreeMap::new();
    for entry in entries {
        let Event::Gate { report, .. } = &entry.event else { continue };
        let Ok(report) = serde_json::from_value::<Report>(report.clone()) else { continue };
        for (name, id) in report.clusters() {
            seen.entry(name.to_owned()).or_insert_with(|| id.to_owned());
        }
    }
    seen
}
