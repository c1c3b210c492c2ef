//! Rolls that leave a check out: what comes of it is seen. And the same with the check: it is not.

use spotinst_esg::plan::roll::Phase;

use super::cluster::Ailment;
use super::mishaps::{FOR_GOOD, Mishap, Planned, Technology, Trouble, Whom};
use super::role::Skips;
use super::rolls::{End, Plan, roll};
use super::stage::Invariant;

const ALL: [Technology; 3] = [Technology::ZooKeeper, Technology::Kafka, Technology::Search];

/// So many seeds are tried for each technology.
const SEEDS: u64 = 6;

fn planned(after: usize, phase: Phase, lasts: f64, mishap: Mishap) -> Planned {
    Planned { after, phase, delay: 0.0, lasts, mishap }
}

/// Rolls with and without a check; answers how often each invariant was violated without it.
fn without(technology: Technology, skips: Skips, mishaps: &[Planned]) -> Vec<Invariant> {
    let mut violated = Vec::new();
    for seed in 0..SEEDS {
        let plan =
            |skips| Plan { technology, skips, mishaps: Some(mishaps.to_vec()), kills: false };
        let checked = roll(seed, plan(Skips::default()));
        assert!(checked.violations.is_empty(), "{checked}");
        let unchecked = roll(seed, plan(skips));
        violated.extend(unchecked.violations.iter().map(|(invariant, _)| *invariant));
    }
    violated
}

/// Another node is down when the second is to be stopped.
#[test]
fn without_the_gate_before_a_node_is_stopped_that_cannot_be_spared() {
    for technology in ALL {
        let killed = Mishap::Killed(Whom::Other(1));
        let mishaps = [planned(1, Phase::PreGate, 200.0, killed)];
        let skips = Skips { pre_gate: true, ..Skips::default() };
        let violated = without(technology, skips, &mishaps);
        for invariant in [Invariant::I4, Invariant::I6] {
            assert!(violated.contains(&invariant), "{technology:?}: {violated:?}");
        }
    }
}

/// Another node goes down while the second is being stopped.
#[test]
fn without_the_gate_between_a_machine_is_given_up_that_cannot_be_spared() {
    for technology in ALL {
        let killed = Mishap::Killed(Whom::Other(1));
        let mishaps = [planned(1, Phase::Stopped, 200.0, killed)];
        let skips = Skips { mid_gate: true, ..Skips::default() };
        let violated = without(technology, skips, &mishaps);
        for invariant in [Invariant::I4, Invariant::I6] {
            assert!(violated.contains(&invariant), "{technology:?}: {violated:?}");
        }
    }
}

/// The volume of the first has nothing on it when it comes back.
#[test]
fn without_the_proof_of_identity_a_node_starts_on_a_blank_disk() {
    for technology in ALL {
        let mishaps = [planned(0, Phase::PreGate, FOR_GOOD, Mishap::Next(Trouble::BlankDisk))];
        let skips = Skips { identity: true, ..Skips::default() };
        let violated = without(technology, skips, &mishaps);
        assert!(violated.contains(&Invariant::I7), "{technology:?}: {violated:?}");
    }
}

/// Each comes back blank, none is brought up to date in time, and nobody looks.
#[test]
fn without_any_check_acknowledged_writes_are_lost() {
    for technology in ALL {
        let mut mishaps = Vec::new();
        for after in 0..4 {
            let blank = Mishap::Next(Trouble::BlankDisk);
            mishaps.push(planned(after, Phase::PreGate, FOR_GOOD, blank));
            for other in 1..4 {
                let lags = Mishap::Cluster(Ailment::Lags, Whom::Other(other));
                mishaps.push(planned(after, Phase::Starting, FOR_GOOD, lags));
            }
        }
        let skips = Skips { pre_gate: true, mid_gate: true, identity: true, post_gate: true };
        let violated = without(technology, skips, &mishaps);
        for invariant in [Invariant::I1, Invariant::I6, Invariant::I7] {
            assert!(violated.contains(&invariant), "{technology:?}: {violated:?}");
        }
    }
}

/// What was waited for would be back, and its service not yet: the gate has seen it before.
#[test]
fn a_machine_that_is_taken_away_behind_the_gate_is_not_waited_for() {
    for technology in ALL {
        let mut ends = Vec::new();
        for seed in 0..SEEDS {
            for delay in [0.0, 4.0, 8.0] {
                let gone = Mishap::Interrupted(Whom::Other(1));
                let gone = planned(1, Phase::PreGate, FOR_GOOD, gone);
                let mishaps = Some(vec![Planned { delay, ..gone }]);
                let told =
                    roll(seed, Plan { technology, skips: Skips::default(), mishaps, kills: false });
                assert!(told.violations.is_empty(), "{told}");
                ends.push(told.end);
            }
        }
        assert!(ends.contains(&End::Aborted), "{technology:?}: {ends:?}");
    }
}
