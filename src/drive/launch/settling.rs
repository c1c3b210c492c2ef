//! What became of runs that were interrupted.

use std::time::Duration;

use super::error::LaunchError;
use super::journal::{Fleet, Journal};
use super::launcher::{Launcher, tag};
use crate::domain::{InstanceId, Region};
use crate::drive::ec2::Ec2Error;
use crate::drive::wait::until;
use crate::plan::launch::{Event, FLEET_TAG, Outcome};

/// What an earlier run left.
pub struct Account {
    /// How many it has launched that may not be listed yet.
    pub done: u32,
    /// How many it was to launch; 0 if nothing but what it is a step of may go on with it.
    pub wanted: u32,
    /// How many requests of it have no known outcome.
    pub pending: usize,
}

impl Launcher<'_> {
    /// What an unfinished run of the fleet has done; none if there is none. Changes nothing.
    ///
    /// # Errors
    ///
    /// Its journal cannot be read.
    pub fn unfinished(&self, fleet: &Fleet) -> Result<Option<Account>, LaunchError> {
        let mut open = fleet.open_runs()?;
        open.sort_by_key(|it| it.run.is_step);
        Ok(open.into_iter().next().map(|journal| Account {
            done: journal.run.done(),
            wanted: if journal.run.is_step { 0 } else { journal.run.wanted },
            pending: journal.run.pending().len(),
        }))
    }

    /// Finds out what became of each request that has no answer, and ends what is a step of something larger. A run that may be gone on
    /// with remains one. What is terminated by that is added to `ended`.
    ///
    /// # Errors
    ///
    /// AWS does not answer, or the journal cannot be written.
    pub(super) fn settle_steps(
        &self,
        fleet: &Fleet,
        region: &Region,
        patience: Duration,
        ended: &mut Vec<InstanceId>,
    ) -> Result<(), LaunchError> {
        for mut journal in fleet.open_runs()? {
            if journal.run.is_step {
                self.settle_run(&mut journal, region, patience, ended)?;
            } else {
                self.answered(&mut journal, region, patience)?;
            }
        }
        Ok(())
    }

    /// Finds out what became of each request of unfinished runs that has no answer, and ends those runs. What they were about to
    /// terminate is terminated, and added to `ended`, whatever fails afterwards.
    ///
    /// # Errors
    ///
    /// AWS does not answer, or the journal cannot be written.
    pub fn settle(
        &self,
        fleet: &Fleet,
        region: &Region,
        patience: Duration,
        ended: &mut Vec<InstanceId>,
    ) -> Result<(), LaunchError> {
        for mut journal in fleet.open_runs()? {
            self.settle_run(&mut journal, region, patience, ended)?;
        }
        Ok(())
    }

    /// Finds out what became of each request of a run that has no answer.
    fn answered(
        &self,
        journal: &mut Journal,
        region: &Region,
        patience: Duration,
    ) -> Result<(), LaunchError> {
        for attempt in journal.run.pending() {
            let found = self.find(region, &attempt.token, patience)?;
            let outcome = found.unwrap_or_else(|| Outcome::Lost {
                reason: "no machine with its tag was seen".to_owned(),
            });
            journal.write(self.clock, &Event::Answered { token: attempt.token, outcome })?;
        }
        Ok(())
    }

    fn settle_run(
        &self,
        journal: &mut Journal,
        region: &Region,
        patience: Duration,
        ended: &mut Vec<InstanceId>,
    ) -> Result<(), LaunchError> {
        self.end_again(journal, region, patience, ended)?;
        self.answered(journal, region, patience)?;
        let tags = tag(FLEET_TAG, &journal.run.fleet);
        let mut missing: Vec<InstanceId> = journal.run.launched().into_keys().collect();
        // What was launched a moment ago may not be listed yet. What is gone for good never will be.
        let _listed_or_late = until(self.clock, patience, || {
            let listed = self.cloud.tagged_instances(region, &tags)?;
            missing.retain(|id| !listed.iter().any(|it| it.id == *id));
            Ok::<_, Ec2Error>(missing.is_empty().then_some(()))
        })?;
        self.untagged(&journal.run, region, &missing)?;
        journal.write(self.clock, &Event::Ended { reason: "another one followed".to_owned() })
    }
}
