//! What became of runs that were interrupted.

use std::time::Duration;

use super::error::LaunchError;
use super::journal::{Fleet, Journal};
use super::launcher::{Job, Launcher, tag};
use super::sending::{Before, Told, unknown};
use crate::domain::{Ec2Instance, InstanceId, Region};
use crate::drive::ec2::Ec2Error;
use crate::drive::wait::until;
use crate::plan::launch::{Attempt, Event, FLEET_TAG, LAUNCH_TAG, Outcome};

/// What an earlier run left.
pub struct Account {
    /// How many it has launched that may not be listed yet.
    pub done: u32,
    /// How many it was to launch; 0 if a launch of so many more is another, and does not go on with it.
    pub wanted: u32,
    /// The tokens of its requests without a known outcome.
    pub pending: Vec<String>,
    /// Digest of what it launches.
    pub blueprint: String,
    /// Whether an unfinished run was about to terminate machines, so that some that are listed are to go.
    pub is_ending: bool,
}

/// What becomes of a run whose machines live and have lost their tags.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Bare {
    /// It is not ended: another might be launched for them.
    Refuse,
    /// It is ended, and whoever asked has warned of them.
    Leave,
}

impl Account {
    /// How many of what it was to launch are there, those among these machines of which no answer told.
    pub fn done_with(&self, machines: &[Ec2Instance]) -> u32 {
        let is_pending = |it: &&Ec2Instance| {
            it.tags.get(LAUNCH_TAG).is_some_and(|token| self.pending.contains(token))
        };
        let found = machines.iter().filter(is_pending).count();
        self.done.saturating_add(u32::try_from(found).unwrap_or(u32::MAX))
    }
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
        let is_ending = open.iter().any(|it| !it.run.ending().is_empty());
        Ok(open.into_iter().next().map(|journal| Account {
            done: journal.run.done(),
            wanted: match journal.run.is_step || journal.run.is_exact {
                true => 0,
                false => journal.run.wanted,
            },
            pending: journal.run.pending().into_iter().map(|it| it.token).collect(),
            blueprint: journal.run.blueprint,
            is_ending,
        }))
    }

    /// Finds out what became of each request that has no answer, and ends what is a step of something larger. A run that may be gone on
    /// with remains one, and so does what nobody sees of it yet: whoever goes on with it sends it again. What is terminated by that is
    /// added to `ended`.
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
        bare: Bare,
    ) -> Result<(), LaunchError> {
        for mut journal in fleet.open_runs()? {
            if journal.run.is_step {
                self.settle_run(&mut journal, region, patience, ended, bare)?;
            } else {
                self.seen(&mut journal, region)?;
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
        bare: Bare,
    ) -> Result<(), LaunchError> {
        for mut journal in fleet.open_runs()? {
            self.settle_run(&mut journal, region, patience, ended, bare)?;
        }
        Ok(())
    }

    /// Writes down which requests without an answer have launched what is listed now.
    pub(super) fn seen(&self, journal: &mut Journal, region: &Region) -> Result<(), LaunchError> {
        for attempt in journal.run.pending() {
            if let Some(outcome) = self.find(region, &attempt.token, Duration::ZERO)? {
                let token = attempt.token;
                journal.write(self.clock, &Event::Answered { token, outcome })?;
            }
        }
        Ok(())
    }

    /// Sends requests of before an interruption again that launched nothing that is listed, with the same token: that launches nothing
    /// twice. Why nothing more is to be asked, if so.
    pub(super) fn go_on(
        &self,
        journal: &mut Journal,
        job: &Job,
    ) -> Result<Option<String>, LaunchError> {
        for Attempt { token, rung, subnet, .. } in journal.run.pending() {
            let before = match journal.run.blueprint == job.digest {
                true => Before::Same,
                false => Before::Other,
            };
            let place = &rung.place;
            // With other options it might be launched where none is wanted any more.
            let told = match before == Before::Other && !job.ground.takes(place, subnet.as_deref())
            {
                false => {
                    self.send(job, &journal.run.id, &rung, subnet.as_deref(), &token, before)?
                }
                true => match self.find(&job.region, &token, job.settle)? {
                    Some(outcome) => Told::Known(outcome),
                    None => {
                        let reason = format!("none is wanted in {} any more", place.zone);
                        Told::Silence(unknown(&token, &reason, before))
                    }
                },
            };
            match told {
                Told::Known(outcome) => {
                    journal.write(self.clock, &Event::Answered { token, outcome })?;
                }
                Told::Silence(reason) => return Ok(Some(reason)),
            }
        }
        Ok(None)
    }

    /// Finds out what became of each request without an answer of a run that nobody goes on with.
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
        bare: Bare,
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
        if bare == Bare::Refuse {
            self.untagged(&journal.run, region, &missing)?;
        }
        journal.write(self.clock, &Event::Ended { reason: "another one followed".to_owned() })
    }
}
