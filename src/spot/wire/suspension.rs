//! Suspended processes of a group.

use serde_json::{Map, Value};

use super::Decoded;
use super::fields::{Fields, id_of, label};
use crate::domain::{GroupId, Process, Suspension};
use crate::spot::envelope::excerpt;

/// What one item holds.
pub(in crate::spot) struct SuspensionsOfGroup {
    /// The group that the item names, if it names any.
    pub(in crate::spot) group: Option<GroupId>,
    /// Each process once, in the vendor's order.
    pub(in crate::spot) suspensions: Vec<Suspension>,
    /// What was sent and could not be taken.
    pub(in crate::spot) left_out: Vec<String>,
}

/// An item: all suspensions of one group. Newer replies tell each with its end, older ones list the processes only; both
/// forms may come together.
pub(in crate::spot) fn suspensions(
    object: Map<String, Value>,
    oddities: &mut Vec<String>,
) -> Option<Decoded<SuspensionsOfGroup>> {
    let id = id_of(&object, &["groupId"]);
    let label = match &id {
        Some(id) => label("group", Some(id)),
        None => "the reply".to_owned(),
    };
    let fields = Fields::new(&label, &object);
    let mut left_out = Vec::new();
    let mut suspensions: Vec<Suspension> = Vec::new();
    // Whatever is odd about the lists costs a suspension, so it is told as lost.
    for part in fields.objects("suspensions", &mut left_out) {
        let Some(name) = part.text("name", &mut left_out) else {
            left_out.push(format!("a suspension of {label} names no process: left out"));
            continue;
        };
        let process = Process::parse(&name);
        let expires_at = part.time("expiresAt", oddities);
        // Null is the vendor's word for a suspension that is there until it is deleted; a key that is missing says nothing.
        let is_endless = part.is_null("expiresAt");
        let read = Suspension { process: process.clone(), expires_at, is_endless };
        match suspensions.iter().find(|known| known.process == process) {
            None => suspensions.push(read),
            Some(known) if *known == read => {}
            Some(_) => {
                let process = excerpt(process.as_str(), "");
                left_out.push(format!(
                    "{process} of {label} is suspended twice with different ends: the second is left out"
                ));
            }
        }
    }
    for name in fields.texts("processes", &mut left_out) {
        let process = Process::parse(&name);
        if suspensions.iter().all(|known| known.process != process) {
            suspensions.push(Suspension { process, expires_at: None, is_endless: false });
        }
    }
    let group = id.as_deref().map(GroupId::new);
    // Not unique: what several items say of one group is put together.
    Some(Decoded { id: None, value: SuspensionsOfGroup { group, suspensions, left_out } })
}
