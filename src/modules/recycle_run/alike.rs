//! What whoever goes on with a run has to ask for as it was asked for when the run began.

use std::path::Path;

use super::Args;
use crate::ansible::Failure;
use crate::plan::roll::{MidGate, Run, missing_proofs, runs_command};

impl Args {
    /// Whether this start may go on with the run.
    ///
    /// # Errors
    ///
    /// It asks for something else than what the run began with and keeps.
    pub(super) fn is_alike(&self, run: &Run, state_dir: Option<&Path>) -> Result<(), Failure> {
        self.same_gate(run, state_dir)?;
        self.same_system(run, state_dir)?;
        self.same_proofs(run, state_dir)
    }

    /// Whether a run that is gone on with needs a gate before each recycle as this start says: who asks for one must not find it
    /// left out, and who has none would learn of it only once a service is stopped.
    fn same_gate(&self, run: &Run, state_dir: Option<&Path>) -> Result<(), Failure> {
        let needs = run.plan.mid_gate == MidGate::Required;
        if needs == self.require_mid_gate {
            return Ok(());
        }
        let id = run.id();
        Err(Failure::new(format!(
            "run {id} began with require_mid_gate: {needs} and keeps it, and this start says {}: start it as it began, or give it \
             up with `{}`",
            self.require_mid_gate,
            runs_command("restore", id, state_dir)
        )))
    }

    /// Whether a run that is gone on with holds the system that this start names: it has taken no lease on another, so that a run of
    /// that could begin beside it.
    fn same_system(&self, run: &Run, state_dir: Option<&Path>) -> Result<(), Failure> {
        let (id, held) = (run.id(), &run.plan.system);
        match &self.roll.system {
            Some(system) if system != held => Err(Failure::new(format!(
                "run {id} began with system {held:?} and keeps it, and this start says {system:?}, which it does not hold: start it \
                 as it began, or give it up with `{}`",
                runs_command("restore", id, state_dir)
            ))),
            Some(_) | None => Ok(()),
        }
    }

    /// Whether this start proves of each node what a run that is gone on with began to prove.
    fn same_proofs(&self, run: &Run, state_dir: Option<&Path>) -> Result<(), Failure> {
        let missing = missing_proofs(&run.plan, &self.proofs);
        if missing.is_empty() {
            return Ok(());
        }
        let id = run.id();
        Err(Failure::new(format!(
            "run {id} began with proofs of its nodes that this start leaves out: {}; start it as it began, or give it up with `{}`",
            missing.join(", "),
            runs_command("restore", id, state_dir)
        )))
    }
}
