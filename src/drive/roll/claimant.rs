//! Who may take a run: what can be decided and written without the vendor.

use std::time::Duration;

use super::error::RollError;
use super::journal::Journal;
use super::store::{Deciding, Runs, StoreError};
use crate::domain::Clock;
use crate::plan::roll::{Claim, Event, Holder, Liveness, Run, claim};

/// How long another process may take to decide.
const PATIENCE: Duration = Duration::from_secs(150);

/// Someone who wants to carry out runs, or to decide about them.
#[derive(Clone, Copy)]
pub struct Claimant<'a> {
    /// Time.
    pub clock: &'a dyn Clock,
    /// Where journals are.
    pub runs: &'a Runs,
    /// Who it is.
    pub me: &'a Holder,
    /// Whether another still lives.
    pub liveness: fn(&Holder) -> Liveness,
}

impl Claimant<'_> {
    /// Who may go on with a run.
    pub fn claim(&self, run: &Run) -> Claim {
        let liveness = run.holder.as_ref().map_or(Liveness::Unknown, self.liveness);
        let (holder, silence) = (run.holder.as_ref(), run.silence());
        claim(holder, run.last_sign, self.me, liveness, silence, self.clock.now())
    }

    /// Lets a frozen run be gone on with, as a person may who has looked. To one that is not frozen nothing is done.
    ///
    /// # Errors
    ///
    /// Its holder lives.
    pub fn thaw(&self, journal: &mut Journal, reason: String) -> Result<(), RollError> {
        let _deciding = self.deciding()?;
        self.take_over(journal)?;
        if journal.run().frozen.is_none() {
            return Ok(());
        }
        Ok(journal.write(self.clock, Event::Thawed { reason })?)
    }

    /// The run of this id, for what it owes of a cluster to be put back by whoever may: its holder, or anyone if he is gone. Then it
    /// is the caller's from now on. One that has ended is answered as it is.
    ///
    /// # Errors
    ///
    /// There is none, or its holder lives and is someone else.
    pub fn take_to_restore(&self, run_id: &str) -> Result<Journal, RollError> {
        let _deciding = self.deciding()?;
        let mut journal = self.runs.open(run_id)?;
        match self.claim(journal.run()) {
            Claim::Held(holder) => {
                return Err(RollError::NotHolder {
                    run_id: run_id.to_owned(),
                    holder: Box::new(holder),
                });
            }
            Claim::Abandoned(_) => {
                let (holder, come_up) = (self.me.clone(), Vec::new());
                journal.write(self.clock, Event::Held { holder, come_up })?;
            }
            Claim::Own | Claim::Free => {}
        }
        Ok(journal)
    }

    /// Keeps others from deciding at the same time.
    ///
    /// # Errors
    ///
    /// The folder of journals cannot be used, or another process does not let go.
    pub fn deciding(&self) -> Result<Deciding, StoreError> {
        self.runs.deciding(self.clock, PATIENCE)
    }

    /// Reads the journal again, since others may have written to it, and refuses what is theirs. To be called while nobody else
    /// decides.
    pub(super) fn take_over(&self, journal: &mut Journal) -> Result<(), RollError> {
        let run_id = journal.run().id().to_owned();
        *journal = self.runs.open(&run_id)?;
        match self.claim(journal.run()) {
            Claim::Held(holder) => Err(RollError::NotHolder { run_id, holder: Box::new(holder) }),
            Claim::Free | Claim::Own | Claim::Abandoned(_) => Ok(()),
        }
    }
}
