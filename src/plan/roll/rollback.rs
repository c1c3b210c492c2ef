//! What taking an earlier run back means.

use std::fmt;

use super::run::Run;
use crate::domain::{ImageId, StatefulInstanceId};

/// The way back from a run: what its nodes ran before, and which of them it rolled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rollback {
    /// The image that they ran.
    pub image: ImageId,
    /// Those that it gave a new machine, in the order it did.
    pub nodes: Vec<StatefulInstanceId>,
}

/// Why there is no way back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoRollback {
    /// It rolled nothing.
    NothingRolled,
    /// What a node ran before is not known.
    ImageUnknown {
        /// Which.
        node: StatefulInstanceId,
    },
    /// Its nodes ran several images before.
    SeveralImages(Vec<(StatefulInstanceId, ImageId)>),
    /// Its nodes ran before what they were rolled to.
    SameImage(ImageId),
}

impl fmt::Display for NoRollback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NothingRolled => f.write_str("it gave no node a new machine"),
            Self::ImageUnknown { node } => {
                write!(f, "which image {node} ran before is not known; name one with image_id")
            }
            Self::SeveralImages(before) => {
                let each =
                    |(node, image): &(StatefulInstanceId, ImageId)| format!("{node} ran {image}");
                let told: Vec<String> = before.iter().map(each).collect();
                let told = told.join(", ");
                write!(
                    f,
                    "its nodes ran several images before ({told}); roll each by image_id and only"
                )
            }
            Self::SameImage(image) => write!(f, "its nodes ran {image} before as well"),
        }
    }
}

/// The way back from a run.
///
/// # Errors
///
/// There is none, or not a single one.
pub fn rollback(run: &Run) -> Result<Rollback, NoRollback> {
    let mut before = Vec::new();
    let mut is_other = false;
    for node in &run.nodes {
        let Some(replaced) = &node.recycled else { continue };
        let id = node.planned.id.clone();
        // With a persisted root a machine boots from an image that the platform made of the node's own root, which is nobody else's
        //: what the group named is what it was launched from first.
        let image = match run.plan.persistence.root_device {
            true => run.plan.switch.as_ref().and_then(|switch| switch.image_from.clone()),
            false => node.planned.image_id.clone(),
        };
        let Some(image) = image else {
            return Err(NoRollback::ImageUnknown { node: id });
        };
        is_other |= replaced.image_id.as_ref() != Some(&image);
        before.push((id, image));
    }
    let Some((_, image)) = before.first().cloned() else { return Err(NoRollback::NothingRolled) };
    if before.iter().any(|(_, other)| *other != image) {
        return Err(NoRollback::SeveralImages(before));
    }
    if !is_other {
        return Err(NoRollback::SameImage(image));
    }
    Ok(Rollback { image, nodes: before.into_iter().map(|(id, _)| id).collect() })
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::domain::InstanceId;
    use crate::plan::roll::{Entry, Event, Switch};

    /// A run over these nodes, each with the image before and, if it was rolled, the image after.
    fn run(nodes: &[(&str, Option<&str>, Option<&str>)]) -> Run {
        let planned = |(id, before, _): &(&str, Option<&str>, Option<&str>)| serde_json::json!({"id": id, "instance_id": "i-old", "image_id": before, "volumes": []});
        let plan = serde_json::json!({
            "event": "planned", "form": 1, "run_id": "r", "program": "0", "account": "act-1", "group": "sig-1",
            "group_name": "g", "system": "s",
            "target": {"wanted": {"kind": "present_configuration"}, "image_id": null},
            "persistence": {"root_device": false, "block_devices": true, "private_ip": true, "block_devices_mode": "reattach"},
            "suspended_before": [], "suspend_minutes": 60, "revert_image_on_abort": true, "waived": [],
            "others": [], "may_be_down": [], "waived_deployments": [],
            "nodes": nodes.iter().map(planned).collect::<Vec<_>>(),
        });
        let entry = |event: Event| Entry { at: Timestamp::UNIX_EPOCH, event };
        let mut entries = vec![entry(serde_json::from_value(plan).unwrap())];
        for (id, _, after) in nodes {
            if let Some(after) = after {
                entries.push(entry(Event::Recycled {
                    node: StatefulInstanceId::new(*id),
                    instance_id: InstanceId::new("i-new"),
                    image_id: Some(ImageId::new(*after)),
                    seconds: 1.0,
                }));
            }
        }
        Run::read(&entries).unwrap()
    }

    #[test]
    fn only_rolled_nodes_go_back_to_the_one_image_they_ran() {
        let found = run(&[
            ("ssi-1", Some("ami-1"), Some("ami-2")),
            ("ssi-2", Some("ami-1"), Some("ami-2")),
            ("ssi-3", Some("ami-0"), None),
        ]);
        let nodes = vec![StatefulInstanceId::new("ssi-1"), StatefulInstanceId::new("ssi-2")];
        assert_eq!(rollback(&found), Ok(Rollback { image: ImageId::new("ami-1"), nodes }));
    }

    /// Each boots from an image of its own root then, and the group's is the one that they were launched from.
    #[test]
    fn nodes_with_persisted_roots_go_back_to_the_image_that_the_group_named() {
        let mut found = run(&[
            ("ssi-1", Some("ami-root-1"), Some("ami-2")),
            ("ssi-2", Some("ami-root-2"), Some("ami-2")),
        ]);
        found.plan.persistence.root_device = true;
        let told = rollback(&found).unwrap_err().to_string();
        assert!(told.contains("which image ssi-1 ran before is not known"), "{told}");
        found.plan.switch = Some(Switch {
            image_from: Some(ImageId::new("ami-1")),
            image_to: Some(ImageId::new("ami-2")),
            root_persistence_off: true,
        });
        assert_eq!(rollback(&found).unwrap().image, ImageId::new("ami-1"));
    }

    #[test]
    fn there_is_no_way_back_from_what_is_not_known_or_not_one() {
        let told = |nodes: &[_]| rollback(&run(nodes)).unwrap_err().to_string();
        assert_eq!(told(&[("ssi-1", Some("ami-1"), None)]), "it gave no node a new machine");
        assert!(told(&[("ssi-1", None, Some("ami-2"))]).contains("which image ssi-1 ran"));
        let several =
            [("ssi-1", Some("ami-1"), Some("ami-2")), ("ssi-2", Some("ami-0"), Some("ami-2"))];
        assert!(told(&several).contains("ssi-1 ran ami-1, ssi-2 ran ami-0"));
        let same = [("ssi-1", Some("ami-1"), Some("ami-1"))];
        assert_eq!(told(&same), "its nodes ran ami-1 before as well");
    }
}
