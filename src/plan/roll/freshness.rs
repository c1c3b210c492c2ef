//! How long what a gate has seen says something of the present.

use jiff::{SignedDuration, Timestamp};

use super::event::MidGate;
use super::run::{NodeRun, Run};
use super::step::Hold;
use crate::plan::Verdict;

/// For so long a gate that has passed says something of the present: settings may have to be asked for again meanwhile, and a
/// rate limit be waited for, which takes three minutes at most. In longer another node may have gone down unseen.
pub(super) const GATE_COUNTS: SignedDuration = SignedDuration::from_mins(5);

/// Whether a gate has passed since the node entered its mid-gate, where the run needs one, and not long before `now`, by the
/// clock that the journal is written by.
///
/// # Errors
///
/// None has, or the last one did not pass, or the rate limit or a play that dawdles has made it old.
pub fn has_passed_mid_gate(run: &Run, node: &NodeRun, now: Timestamp) -> Result<(), Hold> {
    match (run.plan.mid_gate, node.mid_gate) {
        (MidGate::None, _) => Ok(()),
        (MidGate::Required, Some((Verdict::Pass, at))) => {
            // A clock that was set back tells no age either.
            let age = now.duration_since(at).abs();
            if age <= GATE_COUNTS { Ok(()) } else { Err(Hold::OldMidGate(age)) }
        }
        (MidGate::Required, found) => Err(Hold::NoMidGate(found.map(|(verdict, _)| verdict))),
    }
}

/// Whether a service may be stopped on the strength of the gate before, where one was looked at: it passed, and not long before `now`,
/// by the clock that the journal is written by.
///
/// # Errors
///
/// It did not pass, or what came between has made it old.
pub fn has_fresh_pre_gate(node: &NodeRun, now: Timestamp) -> Result<(), Hold> {
    match node.pre_gate {
        None => Ok(()),
        Some((Verdict::Pass, at)) => {
            let age = now.duration_since(at).abs();
            if age <= GATE_COUNTS { Ok(()) } else { Err(Hold::OldPreGate(age)) }
        }
        Some((found, _)) => Err(Hold::ShutPreGate(found)),
    }
}
