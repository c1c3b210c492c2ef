//! What a change of a group's capacity was decided on, and whether it is so still.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::change::at;
use super::refusal::whole;
use super::shrinking::rests;
use crate::domain::{StatefulInstance, StatefulInstanceId};

/// The stateful instances of a group that run or are about to. What cannot be read may run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Running {
    ids: BTreeSet<StatefulInstanceId>,
    unread: usize,
}

impl Running {
    /// Those of a list, of which so many could not be read.
    pub fn of(instances: &[StatefulInstance], unread: usize) -> Self {
        let running = instances.iter().filter(|ssi| !rests(&ssi.state));
        Self { ids: running.map(|ssi| ssi.id.clone()).collect(), unread }
    }

    /// How many.
    pub fn count(&self) -> usize {
        self.ids.len() + self.unread
    }

    /// The same without those that were paused since.
    #[must_use]
    pub fn without(mut self, gone: &[String]) -> Self {
        self.ids.retain(|id| !gone.iter().any(|gone| gone == id.as_str()));
        self
    }

    /// What differs, in words.
    fn differs(&self, now: &Self) -> Vec<String> {
        let listed = |ids: BTreeSet<&StatefulInstanceId>, words: &str| {
            let ids: Vec<&str> = ids.into_iter().map(StatefulInstanceId::as_str).collect();
            (!ids.is_empty()).then(|| format!("{} {words}", ids.join(", ")))
        };
        let came = listed(now.ids.difference(&self.ids).collect(), "runs and did not");
        let went = listed(self.ids.difference(&now.ids).collect(), "ran and does not");
        let unread = (self.unread != now.unread).then(|| {
            format!("{} instances cannot be read where {} could not", now.unread, self.unread)
        });
        came.into_iter().chain(went).chain(unread).collect()
    }
}

/// What has changed since a capacity was decided on: of the capacity, which is sent whole, and of the stateful instances
/// that ran and that run, where they were counted. The vendor takes a capacity that is sent for the wish of the moment: one that was
/// read before another's change undoes it, and pauses instances that nobody named.
pub fn moved(
    before: &Map<String, Value>,
    now: &Map<String, Value>,
    running: Option<(&Running, &Running)>,
) -> Option<String> {
    let (before, now) = (Value::Object(before.clone()), Value::Object(now.clone()));
    let mut words = Vec::new();
    for name in ["minimum", "target", "maximum"] {
        let path = format!("capacity.{name}");
        let (was, is) = (at(&before, &path), at(&now, &path));
        let agree = match (whole(was), whole(is)) {
            (Some(was), Some(is)) => was == is,
            _ => was == is,
        };
        if !agree {
            words.push(format!("its {name} was {was} and is {is}"));
        }
    }
    words.extend(running.map(|(ran, run)| ran.differs(run)).unwrap_or_default());
    (!words.is_empty()).then(|| words.join(", "))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::StatefulState;

    fn ssi(id: &str, state: &str) -> StatefulInstance {
        StatefulInstance {
            id: StatefulInstanceId::new(id),
            instance_id: None,
            private_ip: None,
            image_id: None,
            state: StatefulState::parse(state),
            devices: Vec::new(),
            launched_at: None,
            created_at: None,
        }
    }

    fn capacity(target: Value) -> Map<String, Value> {
        let capacity = json!({"minimum": 0, "target": target, "maximum": 9, "unit": "instance"});
        Map::from_iter([("capacity".to_owned(), capacity)])
    }

    #[test]
    fn what_changed_since_is_told_and_what_was_paused_for_it_is_no_change() {
        let decided =
            Running::of(&[ssi("a", "ACTIVE"), ssi("b", "RECYCLING"), ssi("c", "PAUSED")], 0);
        assert_eq!(decided.count(), 2);
        let now = Running::of(&[ssi("a", "PAUSED"), ssi("b", "ACTIVE"), ssi("c", "PAUSED")], 0);
        let expected = decided.clone().without(&["a".to_owned()]);
        let still = |now: &Running, target| {
            moved(&capacity(json!(3)), &capacity(target), Some((&expected, now)))
        };
        assert_eq!(still(&now, json!(3)), None);
        assert_eq!(still(&now, json!("3")), None, "a number may be a text");
        assert_eq!(still(&now, json!(7)).unwrap(), "its target was 3 and is 7");
        assert_eq!(still(&now, Value::Null).unwrap(), "its target was 3 and is null");
        let more = Running::of(&[ssi("c", "RESUMING"), ssi("d", "LATER")], 1);
        let words = "c, d runs and did not, b ran and does not, 1 instances cannot be read where 0 could not";
        assert_eq!(still(&more, json!(3)).unwrap(), words);
        assert_eq!(more.count(), 3);
        assert_eq!(moved(&capacity(json!(3)), &capacity(json!(3)), None), None);
    }
}
