//! Which clusters the gates of a run have seen.

use std::collections::BTreeMap;

use super::event::{Entry, Event};
use crate::plan::gate::Report;

/// A cluster that a gate has seen.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClusterSeen {
    /// The gate's kind.
    pub kind: String,
    /// Its unique id.
    pub id: String,
}

/// Each cluster that a gate of this run has seen, by the name of the predicate that says so. The first word counts: what a later gate
/// sees under the same name must be the same cluster.
pub fn clusters_seen(entries: &[Entry]) -> BTreeMap<String, ClusterSeen> {
    let mut seen = BTreeMap::new();
    for entry in entries {
        let Event::Gate { report, .. } = &entry.event else { continue };
        let Ok(report) = serde_json::from_value::<Report>(report.clone()) else { continue };
        for (finding, id) in report.clusters() {
            let cluster = ClusterSeen { kind: finding.kind.clone(), id: id.to_owned() };
            seen.entry(finding.name.clone()).or_insert(cluster);
        }
    }
    seen
}

/// The ids of the clusters of one kind that the gates of this run have seen; what is set may be set there only.
pub fn clusters_of_kind(entries: &[Entry], kind: &str) -> Vec<String> {
    let seen = clusters_seen(entries).into_values();
    seen.filter(|cluster| cluster.kind == kind).map(|cluster| cluster.id).collect()
}
