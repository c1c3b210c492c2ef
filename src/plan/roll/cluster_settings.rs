//! Settings of a cluster that a run changes: what is owed of them, and what has to be done to leave them as they were found.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::event::Event;
use super::run::Run;
use super::standing::Standing;
use crate::domain::{SearchShutdown, StatefulInstanceId};

/// The setting that says which shards may be given a node.
pub const ALLOCATION: &str = "cluster.routing.allocation.enable";

/// What a run sets it to: replicas of a node that is away are not made elsewhere, and new indices still get their primaries.
pub const PRIMARIES: &str = "primaries";

/// What it is where nobody has set it.
const ALL: &str = "all";

/// A setting of a cluster that a run is about to change, as it was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterChange {
    /// The node whose roll needs it.
    pub node: StatefulInstanceId,
    /// What the cluster is, such as `elasticsearch`.
    pub kind: String,
    /// The cluster's unique id.
    pub cluster: String,
    /// Where it was asked, without credentials.
    pub urls: Vec<String>,
    /// Which setting.
    pub setting: ClusterSetting,
    /// What it was before.
    pub before: Scopes,
    /// What this run sets.
    pub ours: String,
}

/// A setting of a cluster.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case")]
pub enum ClusterSetting {
    /// Which shards may be given a node.
    Allocation,
    /// That a node is registered to be shut down.
    NodeShutdown {
        /// The node's persistent id.
        node_id: String,
    },
}

/// The values of a setting in its scopes; none where it is not set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scopes {
    /// The one that survives restarts of the whole cluster.
    pub persistent: Option<String>,
    /// The one that takes precedence.
    pub transient: Option<String>,
}

/// A partition of Kafka whose leader is about to be elected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Displaced {
    /// Topic and number.
    pub partition: String,
    /// Who leads it.
    pub leader: Option<i32>,
    /// Who is to lead it.
    pub preferred: i32,
}

/// What a run has changed of a cluster, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterRecord {
    /// What was changed, with the values from before.
    pub change: ClusterChange,
    /// What became of it.
    pub standing: Standing,
}

/// Whether allocation may be restricted for a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Restriction {
    /// It is, by this run.
    Ours,
    /// It is not yet.
    Due,
    /// Someone else has set it.
    Foreign(String),
}

/// What has to be done to put allocation back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutBack {
    /// Whether the persistent value is this run's to put back.
    pub is_due: bool,
    /// What someone else has set since, which is left.
    pub left: Vec<String>,
}

impl ClusterSetting {
    /// In words.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Allocation => "allocation",
            Self::NodeShutdown { .. } => "node_shutdown",
        }
    }
}

impl ClusterChange {
    /// What it was, in words.
    pub fn told_before(&self) -> String {
        match self.setting {
            ClusterSetting::Allocation => self.before.to_string(),
            ClusterSetting::NodeShutdown { .. } => "not registered".to_owned(),
        }
    }

    /// What this run sets, in words.
    pub fn told_ours(&self) -> String {
        match &self.setting {
            ClusterSetting::Allocation => format!("persistent {}", self.ours),
            ClusterSetting::NodeShutdown { node_id } => {
                format!("node {node_id} registered to {}", self.ours)
            }
        }
    }

    fn is_of(&self, cluster: &str, setting: &ClusterSetting) -> bool {
        self.cluster == cluster && self.setting == *setting
    }
}

impl fmt::Display for ClusterChange {
    /// What is to be put back, where, and to what.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, cluster, urls, .. } = self;
        match &self.setting {
            ClusterSetting::Allocation => {
                write!(f, "{ALLOCATION} of {kind} cluster {cluster} to {}", self.before)?;
            }
            ClusterSetting::NodeShutdown { node_id } => {
                write!(
                    f,
                    "the shutdown of node {node_id} of {kind} cluster {cluster}, to be deleted"
                )?;
            }
        }
        write!(f, " (this run set {}; at {})", self.told_ours(), urls.join(", "))
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told = |value: &Option<String>| value.clone().unwrap_or_else(|| "null".to_owned());
        write!(f, "persistent {}, transient {}", told(&self.persistent), told(&self.transient))
    }
}

impl Run {
    /// What of clusters is still to be put back, in the order in which it is: the latest change first.
    pub fn cluster_owed(&self) -> Vec<&ClusterChange> {
        let owed = self.cluster.iter().filter(|it| it.standing == Standing::Owed);
        owed.map(|it| &it.change).rev().collect()
    }

    /// What of this setting is still to be put back.
    pub fn cluster_owes(&self, cluster: &str, setting: &ClusterSetting) -> Option<&ClusterChange> {
        self.cluster_owed().into_iter().find(|change| change.is_of(cluster, setting))
    }

    pub(super) fn note_cluster(&mut self, event: &Event) {
        match event {
            Event::ClusterSetting(change) => {
                let is_same =
                    |it: &ClusterRecord| it.change.is_of(&change.cluster, &change.setting);
                match self.cluster.iter().position(is_same) {
                    // What it was before this run is what was found first.
                    Some(at) if self.cluster[at].standing == Standing::Owed => return,
                    Some(at) => drop(self.cluster.remove(at)),
                    None => {}
                }
                let change = (**change).clone();
                self.cluster.push(ClusterRecord { change, standing: Standing::Owed });
            }
            Event::ClusterRestored { cluster, setting, left } => {
                for record in &mut self.cluster {
                    if record.change.is_of(cluster, setting) {
                        record.standing = match left {
                            Some(reason) => Standing::Left(reason.clone()),
                            None => Standing::PutBack,
                        };
                    }
                }
            }
            Event::Planned(_)
            | Event::Held { .. }
            | Event::Alive
            | Event::Suspending { .. }
            | Event::Switching { .. }
            | Event::Suspended
            | Event::Switched
            | Event::Entered { .. }
            | Event::Asking { .. }
            | Event::NotAsked { .. }
            | Event::Recycled { .. }
            | Event::Gate { .. }
            | Event::Frozen { .. }
            | Event::Thawed { .. }
            | Event::Electing { .. }
            | Event::Restoring { .. }
            | Event::Restored { .. }
            | Event::Ended { .. } => {}
        }
    }
}

/// Whether allocation may be restricted, from what is owed and what is set. A transient value takes precedence over what this
/// run sets, so whatever it is it stands in the way.
pub fn restriction(owed: Option<&ClusterChange>, seen: &Scopes) -> Restriction {
    let foreign = |before: &str| {
        let text = format!(
            "{ALLOCATION} is {seen}, which this run did not set{before}; see who set it, and put it back first"
        );
        Restriction::Foreign(text)
    };
    let Some(owed) = owed else {
        let is_free =
            seen.transient.is_none() && seen.persistent.as_deref().is_none_or(|value| value == ALL);
        return if is_free { Restriction::Due } else { foreign("") };
    };
    if seen.transient != owed.before.transient {
        foreign(&format!(" (it found {})", owed.before))
    } else if seen.persistent.as_deref() == Some(&owed.ours) {
        Restriction::Ours
    } else if seen.persistent == owed.before.persistent {
        Restriction::Due
    } else {
        foreign(&format!(" (it found {} and set {})", owed.before, owed.told_ours()))
    }
}

/// What of a change of allocation is to be put back. What is as before is set once more all the same: a request of a process
/// that died may still be on its way.
pub fn put_allocation_back(change: &ClusterChange, seen: &Scopes) -> PutBack {
    let (before, mut left) = (&change.before, Vec::new());
    let told = |value: &Option<String>| value.clone().unwrap_or_else(|| "null".to_owned());
    let is_due = seen.persistent == before.persistent
        || seen.persistent.as_deref() == Some(change.ours.as_str());
    if !is_due {
        left.push(format!(
            "persistent {ALLOCATION} is {}, which this run did not set (it found {} and set {})",
            told(&seen.persistent),
            told(&before.persistent),
            change.ours
        ));
    }
    if seen.transient != before.transient {
        left.push(format!(
            "transient {ALLOCATION} is {}, which this run did not set (it found {})",
            told(&seen.transient),
            told(&before.transient)
        ));
    }
    PutBack { is_due, left }
}

/// Why a node is registered to be shut down, so that it is known again.
pub fn shutdown_reason(run_id: &str) -> String {
    format!("spotinst-esg run {run_id}")
}

/// Why the registration of a node is left as it is, if it is someone else's.
pub fn left_shutdown(run_id: &str, seen: &SearchShutdown) -> Option<String> {
    let SearchShutdown { kind, reason, .. } = seen;
    let is_ours = kind.eq_ignore_ascii_case("restart") && *reason == shutdown_reason(run_id);
    (!is_ours).then(|| {
        format!("it is registered to {kind} because of {reason:?}, which this run did not ask for")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scopes(persistent: Option<&str>, transient: Option<&str>) -> Scopes {
        let owned = |it: Option<&str>| it.map(str::to_owned);
        Scopes { persistent: owned(persistent), transient: owned(transient) }
    }

    fn change(before: Option<&str>) -> ClusterChange {
        ClusterChange {
            node: StatefulInstanceId::new("ssi-1"),
            kind: "elasticsearch".to_owned(),
            cluster: "u1".to_owned(),
            urls: vec!["http://10.0.0.1:9200/".to_owned()],
            setting: ClusterSetting::Allocation,
            before: scopes(before, None),
            ours: PRIMARIES.to_owned(),
        }
    }

    #[test]
    fn allocation_is_restricted_unless_someone_else_has_set_it() {
        let is_foreign = |found: &Restriction| matches!(found, Restriction::Foreign(_));
        for (persistent, transient, is_due) in [
            (None, None, true),
            (Some("all"), None, true),
            // Someone else's, whichever it is.
            (Some("primaries"), None, false),
            (Some("none"), None, false),
            (Some("splendid"), None, false),
            (None, Some("primaries"), false),
            (Some("all"), Some("none"), false),
            // It allows all, and would do so all the same with what this run sets.
            (None, Some("all"), false),
        ] {
            let found = restriction(None, &scopes(persistent, transient));
            assert_eq!(found == Restriction::Due, is_due, "{persistent:?} {transient:?}");
            assert_eq!(is_foreign(&found), !is_due, "{persistent:?} {transient:?}");
        }
    }

    #[test]
    fn a_restriction_that_is_owed_is_ours_or_was_cut_off_or_was_changed_by_someone() {
        for (before, persistent, transient, expected) in [
            (None, Some("primaries"), None, Some(Restriction::Ours)),
            (None, None, None, Some(Restriction::Due)),
            (Some("all"), Some("all"), None, Some(Restriction::Due)),
            (Some("all"), None, None, None),
            (None, Some("none"), None, None),
            (None, Some("primaries"), Some("all"), None),
        ] {
            let change = change(before);
            let found = restriction(Some(&change), &scopes(persistent, transient));
            match expected {
                Some(expected) => assert_eq!(found, expected, "{before:?} {persistent:?}"),
                None => assert!(matches!(found, Restriction::Foreign(_)), "{found:?}"),
            }
        }
    }

    #[test]
    fn what_someone_else_has_set_meanwhile_is_left_and_told() {
        for (before, persistent, transient, is_due, left) in [
            (None, Some("primaries"), None, true, 0),
            (Some("all"), Some("primaries"), None, true, 0),
            // It looks as before; the request may still be on its way.
            (Some("all"), Some("all"), None, true, 0),
            (None, None, None, true, 0),
            (None, Some("none"), None, false, 1),
            (Some("all"), None, None, false, 1),
            (None, Some("primaries"), Some("all"), true, 1),
            (None, Some("none"), Some("none"), false, 2),
        ] {
            let found = put_allocation_back(&change(before), &scopes(persistent, transient));
            let about = format!("{before:?} {persistent:?} {transient:?}: {found:?}");
            assert_eq!((found.is_due, found.left.len()), (is_due, left), "{about}");
        }
    }

    #[test]
    fn a_registration_is_known_again_by_its_reason() {
        let seen = |kind: &str, reason: &str| SearchShutdown {
            kind: kind.to_owned(),
            reason: reason.to_owned(),
            status: "COMPLETE".to_owned(),
        };
        assert_eq!(left_shutdown("r", &seen("RESTART", "spotinst-esg run r")), None);
        for (kind, reason) in
            [("RESTART", "spotinst-esg run s"), ("REMOVE", "spotinst-esg run r"), ("REPLACE", "x")]
        {
            assert!(left_shutdown("r", &seen(kind, reason)).is_some(), "{kind} {reason}");
        }
    }
}
