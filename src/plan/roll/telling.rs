//! The lines of a journal in words.

use std::fmt;

use super::event::{Event, Switch};

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Planned(plan) => write!(
                f,
                "planned: {} nodes of group {} to {}, by version {}",
                plan.nodes.len(),
                plan.group,
                plan.target.wanted,
                plan.program
            ),
            Self::Held { holder, come_up } if come_up.is_empty() => {
                write!(f, "carried out by {holder}")
            }
            Self::Held { holder, come_up } => write!(
                f,
                "carried out by {holder}, and no other node is taken down, because of {}",
                come_up.join("; ")
            ),
            Self::Alive => f.write_str("alive"),
            Self::Suspending { processes, minutes, .. } => {
                write!(f, "about to suspend {} for {minutes} min", processes.join(", "))
            }
            Self::Suspended => f.write_str("seen as suspended"),
            Self::Switching { change } => write!(f, "about to set {}", switched(change)),
            Self::Switched => f.write_str("seen as set"),
            Self::Entered { node, phase } => write!(f, "node {node} enters phase {phase}"),
            Self::Asking { node, instance_id } => {
                write!(f, "about to ask for a recycle of node {node}, which runs as {instance_id}")
            }
            Self::NotAsked { node, reason } => {
                write!(f, "no recycle of node {node} was begun: {reason}")
            }
            Self::Recycled { node, instance_id, image_id, seconds } => {
                let image = image_id.as_ref().map_or("an image not told", |image| image.as_str());
                write!(f, "node {node} runs as {instance_id} with {image}, after {seconds:.0} s")
            }
            Self::Gate { node, report } => write!(f, "gate of node {node}: {report}"),
            Self::Frozen { node: Some(node), reason } => {
                write!(f, "frozen at node {node}: {reason}")
            }
            Self::Frozen { node: None, reason } => write!(f, "frozen: {reason}"),
            Self::Thawed { reason } => write!(f, "let go on: {reason}"),
            Self::ClusterSetting(change) => write!(
                f,
                "about to change {} of {} cluster {} from {} to {}",
                change.setting.as_str(),
                change.kind,
                change.cluster,
                change.told_before(),
                change.told_ours()
            ),
            Self::ClusterRestored { cluster, setting, left: None } => {
                write!(f, "put back {} of cluster {cluster}", setting.as_str())
            }
            Self::ClusterRestored { cluster, setting, left: Some(reason) } => {
                write!(f, "left {} of cluster {cluster} as it is: {reason}", setting.as_str())
            }
            Self::Electing { node, partitions } => write!(
                f,
                "about to have {} partitions led by their preferred replicas, for node {node}",
                partitions.len()
            ),
            Self::Restoring { setting } => write!(f, "about to put back {}", setting.as_str()),
            Self::Restored { setting, left: None } => write!(f, "put back {}", setting.as_str()),
            Self::Restored { setting, left: Some(reason) } => {
                write!(f, "left {} as it is: {reason}", setting.as_str())
            }
            Self::Ended { outcome, reason: None } => write!(f, "ended: {}", outcome.as_str()),
            Self::Ended { outcome, reason: Some(reason) } => {
                write!(f, "ended: {}, {reason}", outcome.as_str())
            }
        }
    }
}

fn switched(change: &Switch) -> String {
    let from = change.image_from.as_ref().map_or("none", |image| image.as_str());
    let image = change.image_to.as_ref().map(|to| format!("the image from {from} to {to}"));
    let root = change.root_persistence_off.then(|| "root volumes to not persisted".to_owned());
    image.into_iter().chain(root).collect::<Vec<_>>().join(" and ")
}
