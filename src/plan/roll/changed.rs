//! What a run has changed of its group between two moments.

use super::run::{NodeRun, Run};
use crate::domain::ImageId;

/// What was changed, each in a few words; nothing if all is as it was. A setting that was asked for and not seen may be changed, so it
/// is told as well.
pub fn changed_between(before: &Run, after: &Run) -> Vec<String> {
    let mut changed = Vec::new();
    let mut told = |words: String| changed.push(words);
    if before.suspended != after.suspended {
        let words = if after.suspended.is_empty() { "were put back" } else { "were set" };
        told(format!("suspensions {words}"));
    }
    let switch = after.plan.switch.as_ref();
    let image = |id: Option<&ImageId>| id.map_or("none", ImageId::as_str).to_owned();
    let doubt = if after.is_switched { "" } else { ", as far as can be told" };
    match (before.has_set_image, after.has_set_image) {
        (false, true) => {
            let to = image(switch.and_then(|it| it.image_to.as_ref()));
            told(format!("the group's image was set to {to}{doubt}"));
        }
        (true, false) => {
            let from = image(switch.and_then(|it| it.image_from.as_ref()));
            let words = match after.left.contains_key(&super::event::Setting::Image) {
                true => "was left as someone else has set it".to_owned(),
                false => format!("was put back to {from}"),
            };
            told(format!("the group's image {words}"));
        }
        (false, false) | (true, true) => {}
    }
    match (before.has_set_root, after.has_set_root) {
        (false, true) => told(format!("the persistence of root volumes was switched off{doubt}")),
        (true, false) => told("the persistence of root volumes was put back".to_owned()),
        (false, false) | (true, true) => {}
    }
    if before.cluster != after.cluster {
        told("settings of its cluster were changed".to_owned());
    }
    let earlier = |node: &NodeRun| before.node(&node.planned.id);
    for node in &after.nodes {
        let was_asked = earlier(node).is_some_and(|then| then.asked == node.asked);
        if node.asked.is_some() && !was_asked {
            told(format!("node {} was asked to be recycled", node.planned.id));
        }
    }
    changed
}
