//! Members of groups without state: they come and go, and nothing of them is kept.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::chronicle::Cause;
use crate::estate::Machine;
use crate::world::World;

fn launched(machines: &[Machine]) -> Value {
    let spots = machines.iter().filter(|machine| machine.spot_request.is_some());
    let spots: Vec<Value> =
        spots.map(|machine| json!({"spotInstanceRequestId": machine.spot_request})).collect();
    let others = machines.iter().filter(|machine| machine.spot_request.is_none());
    let others: Vec<&str> = others.map(|machine| machine.instance_id.as_str()).collect();
    json!({"type": "scaleUp", "newSpots": spots, "newInstances": others})
}

fn ended(machines: &[Machine]) -> Value {
    let spots = machines.iter().filter_map(|machine| machine.spot_request.as_ref());
    let spots: Vec<Value> = spots.map(|id| json!({"spotInstanceRequestId": id})).collect();
    let others = machines.iter().filter(|machine| machine.spot_request.is_none());
    let others: Vec<&str> = others.map(|machine| machine.instance_id.as_str()).collect();
    json!({"type": "scaleDown", "terminatedSpots": spots, "terminatedInstances": others})
}

fn replaced(old: &Machine, new: &[Machine]) -> Value {
    let requests: Vec<&String> =
        new.iter().filter_map(|machine| machine.spot_request.as_ref()).collect();
    let others = new.iter().filter(|machine| machine.spot_request.is_none());
    let others: Vec<&str> = others.map(|machine| machine.instance_id.as_str()).collect();
    let old_request: Vec<&String> = old.spot_request.iter().collect();
    let old_other: Vec<&str> = match old.spot_request {
        Some(_) => Vec::new(),
        None => vec![old.instance_id.as_str()],
    };
    json!({
        "type": "recoverInstances",
        "newSpotRequestIds": requests,
        "oldSpotRequestIds": old_request,
        "newInstanceIds": others,
        "oldInstanceIds": old_other,
    })
}

impl World {
    /// Takes a member away and launches another one with the group's configuration as it is now.
    pub(crate) fn replace_member(
        &mut self,
        group_id: &str,
        instance: &str,
        cause: Cause,
        now: Timestamp,
    ) {
        let mut ids = self.ids.clone();
        let old = self.change(now, |estate| {
            let group = estate.group_mut(group_id)?;
            let index = group.members.iter().position(|one| one.instance_id == instance)?;
            let old = group.members.remove(index);
            let before = group.members.len();
            group.launch_member(&mut ids, now);
            let new = group.members[before..].to_vec();
            group.event(now, "InstanceReplacement", vec![replaced(&old, &new)]);
            Some((old, new))
        });
        self.ids = ids;
        if let Some((old, new)) = old {
            self.member_went(group_id, &old);
            for machine in &new {
                self.member_appeared(group_id, machine);
            }
            self.chronicle.terminated(now, old.instance_id, (Some(group_id), None), None, cause);
        }
    }

    /// Launches or ends members until there are as many as the target says.
    pub(crate) fn fit_members(&mut self, group_id: &str, target: usize, now: Timestamp) {
        let mut ids = self.ids.clone();
        let (new, surplus) = self.change(now, |estate| {
            let Some(group) = estate.group_mut(group_id) else { return Default::default() };
            let had = group.members.len();
            while group.members.len() < target {
                let before = group.members.len();
                group.launch_member(&mut ids, now);
                if group.members.len() == before {
                    break;
                }
            }
            if group.members.len() > had {
                let part = launched(&group.members[had..]);
                group.event(now, "Scale", vec![part]);
            }
            let new = group.members[had.min(group.members.len())..].to_vec();
            let surplus = group.members.split_off(target.min(group.members.len()));
            if !surplus.is_empty() {
                group.event(now, "Scale", vec![ended(&surplus)]);
            }
            (new, surplus)
        });
        self.ids = ids;
        for machine in &new {
            self.member_appeared(group_id, machine);
        }
        for machine in surplus {
            self.member_went(group_id, &machine);
            let holder = (Some(group_id), None);
            self.chronicle.terminated(now, machine.instance_id, holder, None, Cause::Capacity);
        }
    }
}
