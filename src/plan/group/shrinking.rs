//! Which stateful instances go when a group gets smaller, and which come when it grows.

use std::collections::BTreeMap;
use std::fmt;

use crate::domain::{StatefulInstance, StatefulInstanceId, StatefulState};

/// How a stateful group gets to another target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// By its target alone: nothing that runs has to go.
    Target {
        /// Paused instances, which are resumed before new ones are made.
        paused: usize,
        /// How many new ones that leaves to be made, or what weight.
        made: usize,
    },
    /// These are paused first; then the target follows.
    Remove(Vec<StatefulInstanceId>),
    /// The instances that are named went already.
    Gone,
}

/// Why a stateful group does not get smaller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShrinkRefusal {
    /// The instances that are named are not as many as have to go.
    Count {
        /// How many have to go, or what weight.
        wanted: usize,
        /// How many of those that run are named, or what weight.
        named: usize,
        /// Whether weights are counted.
        is_weighed: bool,
        /// Those that run.
        running: Vec<StatefulInstanceId>,
    },
    /// An instance is named that the group does not have.
    Unknown {
        /// What was named.
        id: String,
        /// Those that run.
        running: Vec<StatefulInstanceId>,
    },
    /// An instance that is named is underway to somewhere, or its state is not known.
    Unsettled {
        /// The instance.
        id: StatefulInstanceId,
        /// Its state.
        state: StatefulState,
    },
    /// Instances are named, and the target does not sink.
    NotSmaller,
}

impl fmt::Display for ShrinkRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let listed = |ids: &[StatefulInstanceId]| {
            ids.iter().map(StatefulInstanceId::as_str).collect::<Vec<_>>().join(", ")
        };
        match self {
            Self::Count { wanted, named, is_weighed: true, running } => write!(
                f,
                "stateful instances of a weight of {wanted} have to go, and no more than it takes, and option instances names \
                 such of {named} that run; the vendor would choose, so name them (it runs {})",
                listed(running)
            ),
            Self::Count { wanted, named, is_weighed: false, running } => write!(
                f,
                "{wanted} of its stateful instances have to go and option instances names {named} that run; the vendor \
                 would choose, so name them (it runs {})",
                listed(running)
            ),
            Self::Unknown { id, running } => {
                write!(f, "it has no stateful instance {id} (it runs {})", listed(running))
            }
            Self::Unsettled { id, state } => write!(
                f,
                "stateful instance {id} is in state {state}: only one that is ACTIVE or PAUSED can be taken out; wait until \
                 it is, or see to it"
            ),
            Self::NotSmaller => f.write_str(
                "option instances names what goes when a stateful group gets smaller, and its target does not sink",
            ),
        }
    }
}

/// Whether it neither runs nor is about to.
pub(super) fn rests(state: &StatefulState) -> bool {
    matches!(
        state,
        StatefulState::Pause
            | StatefulState::Pausing
            | StatefulState::Paused
            | StatefulState::Deallocate
            | StatefulState::Deallocating
            | StatefulState::Deallocated
    )
}

/// From which target to which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The present one.
    pub before: usize,
    /// The one that is wanted.
    pub after: usize,
    /// Whether it was counted from the present one.
    pub is_relative: bool,
}

/// How to get from what is there to another target. `named` are the instances that may go, by their id or their EC2
/// instance's; `weights` is what they weigh, where the target counts weights.
///
/// # Errors
///
/// Why it is left as it is.
pub fn way(
    instances: &[StatefulInstance],
    step: Step,
    named: &[String],
    weights: Option<&BTreeMap<StatefulInstanceId, usize>>,
) -> Result<Way, ShrinkRefusal> {
    let Step { before, after, is_relative } = step;
    let weigh = |id: &StatefulInstanceId| match weights {
        Some(weights) => weights.get(id).copied().unwrap_or(1),
        None => 1,
    };
    let running: Vec<&StatefulInstance> =
        instances.iter().filter(|ssi| !rests(&ssi.state)).collect();
    let ids = || running.iter().map(|ssi| ssi.id.clone()).collect::<Vec<_>>();
    let mut chosen = Vec::new();
    let mut gone = 0;
    for name in named {
        let is_it = |ssi: &&StatefulInstance| {
            let machine = ssi.instance_id.as_ref().map(|id| id.as_str());
            ssi.id.as_str() == name || machine == Some(name.as_str())
        };
        match instances.iter().find(is_it) {
            None => return Err(ShrinkRefusal::Unknown { id: name.clone(), running: ids() }),
            Some(ssi) if rests(&ssi.state) => gone += 1,
            Some(ssi) if ssi.state != StatefulState::Active => {
                let (id, state) = (ssi.id.clone(), ssi.state.clone());
                return Err(ShrinkRefusal::Unsettled { id, state });
            }
            Some(ssi) if chosen.contains(&ssi.id) => {}
            Some(ssi) => chosen.push(ssi.id.clone()),
        }
    }
    let runs: usize = running.iter().map(|ssi| weigh(&ssi.id)).sum();
    // A step that was taken before is not taken twice: what was named for it is paused, and the target has followed. Where it has
    // not, fewer run than it says, and it follows now.
    if is_relative && gone > 0 && chosen.is_empty() && after < before && runs > after {
        return Ok(Way::Gone);
    }
    let surplus = runs.saturating_sub(after);
    let goes: usize = chosen.iter().map(weigh).sum();
    let lightest = chosen.iter().map(weigh).min().unwrap_or(0);
    // Enough, and each of them is needed for it.
    let is_enough = goes >= surplus && (chosen.is_empty() || goes - lightest < surplus);
    if !is_enough {
        let (wanted, named, is_weighed) = (surplus, goes, weights.is_some());
        return Err(match after < before || surplus > 0 {
            true => ShrinkRefusal::Count { wanted, named, is_weighed, running: ids() },
            false => ShrinkRefusal::NotSmaller,
        });
    }
    if surplus > 0 {
        return Ok(Way::Remove(chosen));
    }
    let missing = after.saturating_sub(runs);
    let paused = instances.iter().filter(|ssi| ssi.state == StatefulState::Paused).count();
    let paused = paused.min(missing);
    Ok(Way::Target { paused, made: missing - paused })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::InstanceId;

    fn ssi(id: &str, state: &str) -> StatefulInstance {
        StatefulInstance {
            id: StatefulInstanceId::new(id),
            instance_id: Some(InstanceId::new(format!("i-{id}"))),
            private_ip: None,
            image_id: None,
            state: StatefulState::parse(state),
            devices: Vec::new(),
            launched_at: None,
            created_at: None,
        }
    }

    fn three() -> Vec<StatefulInstance> {
        vec![ssi("a", "ACTIVE"), ssi("b", "ACTIVE"), ssi("c", "ACTIVE"), ssi("d", "PAUSED")]
    }

    fn step(before: usize, after: usize, is_relative: bool) -> Step {
        Step { before, after, is_relative }
    }

    #[test]
    fn where_weights_are_counted_as_much_weight_goes_as_has_to() {
        let weights = ["a", "b", "c", "d"].into_iter().zip([2, 2, 4, 4]);
        let weights = weights.map(|(id, weight)| (StatefulInstanceId::new(id), weight)).collect();
        let go = |after: usize, named: &[&str]| {
            let named: Vec<String> = named.iter().map(|name| (*name).to_owned()).collect();
            way(&three(), step(8, after, false), &named, Some(&weights))
        };
        assert!(matches!(go(6, &["a"]), Ok(Way::Remove(ids)) if ids.len() == 1));
        assert!(matches!(go(4, &["a", "b"]), Ok(Way::Remove(ids)) if ids.len() == 2));
        // More may go where no less would do.
        assert!(matches!(go(5, &["c"]), Ok(Way::Remove(ids)) if ids.len() == 1));
        for named in [&[][..], &["a", "b"], &["d"]] {
            let refused = go(6, named);
            let is_count =
                matches!(refused, Err(ShrinkRefusal::Count { wanted: 2, is_weighed: true, .. }));
            assert!(is_count, "{named:?}: {refused:?}");
        }
    }

    fn go(
        before: usize,
        after: usize,
        named: &[&str],
        relative: bool,
    ) -> Result<Way, ShrinkRefusal> {
        let named: Vec<String> = named.iter().map(|name| (*name).to_owned()).collect();
        way(&three(), Step { before, after, is_relative: relative }, &named, None)
    }

    #[test]
    fn nothing_that_runs_goes_unless_it_is_named() {
        let gone =
            |ids: &[&str]| Way::Remove(ids.iter().map(|id| StatefulInstanceId::new(*id)).collect());
        assert_eq!(go(3, 2, &["b"], false), Ok(gone(&["b"])));
        assert_eq!(go(3, 1, &["b", "i-c"], false), Ok(gone(&["b", "c"])));
        for named in [&[][..], &["a", "b"], &["d"]] {
            assert!(
                matches!(go(3, 2, named, false), Err(ShrinkRefusal::Count { wanted: 1, .. })),
                "{named:?}"
            );
        }
        assert!(matches!(go(3, 2, &["x"], false), Err(ShrinkRefusal::Unknown { .. })));
        assert_eq!(go(3, 4, &["a"], false), Err(ShrinkRefusal::NotSmaller));
        let unsettled = way(&[ssi("a", "RECYCLING")], step(1, 0, false), &["a".to_owned()], None);
        assert!(matches!(unsettled, Err(ShrinkRefusal::Unsettled { .. })));
        // A state of tomorrow counts as one that runs.
        assert!(way(&[ssi("a", "LATER")], step(1, 0, false), &[], None).is_err());
    }

    #[test]
    fn a_target_above_what_runs_takes_none_and_resumes_before_it_makes() {
        assert_eq!(go(4, 3, &[], false), Ok(Way::Target { paused: 0, made: 0 }));
        assert_eq!(go(3, 5, &[], false), Ok(Way::Target { paused: 1, made: 1 }));
    }

    #[test]
    fn a_relative_step_with_named_instances_is_taken_once() {
        assert_eq!(go(3, 2, &["d"], true), Ok(Way::Gone));
        assert!(go(3, 2, &["d"], false).is_err());
        // Cut off between the pause and the target: the target is still to follow.
        let two = [ssi("a", "ACTIVE"), ssi("d", "PAUSED")];
        let cut_off = way(&two, step(2, 1, true), &["d".to_owned()], None);
        assert_eq!(cut_off, Ok(Way::Target { paused: 0, made: 0 }));
    }
}
