//! The end of machines, which is not believed before EC2 has heard of it, and the end of runs.

use std::collections::BTreeMap;
use std::time::Duration;

use super::error::LaunchError;
use super::journal::{Fleet, Journal};
use super::launcher::{Launcher, tag};
use crate::domain::{InstanceId, Region};
use crate::drive::ec2::Ec2Error;
use crate::drive::wait::until;
use crate::plan::launch::{ENDING, Event, RUN_TAG, lives};

/// What did not come to an end by a call.
pub(super) struct Ends {
    /// What lives on.
    pub(super) living: Vec<InstanceId>,
    /// What EC2 knows nothing of, and lists nowhere.
    unknown: Vec<InstanceId>,
}

impl Launcher<'_> {
    /// Terminates machines.
    ///
    /// # Errors
    ///
    /// AWS does not answer, so that it is not known whether they were terminated, or does not let it be done, or some live on as
    /// [`Self::end`] tells.
    pub fn end_surely(
        &self,
        region: &Region,
        tags: &BTreeMap<String, String>,
        ids: &[InstanceId],
        patience: Duration,
    ) -> Result<(), LaunchError> {
        let Ends { living, .. } = self.end(region, tags, ids, patience)?;
        if living.is_empty() { Ok(()) } else { Err(LaunchError::Alive { instances: living }) }
    }

    /// Asks EC2 whether it would terminate machines; why nobody knows, if so.
    ///
    /// # Errors
    ///
    /// It would not.
    pub fn rehearse_end(
        &self,
        region: &Region,
        ids: &[InstanceId],
    ) -> Result<Option<Ec2Error>, LaunchError> {
        if ids.is_empty() {
            return Ok(None);
        }
        match self.cloud.rehearse_end(region, ids) {
            Ok(()) => Ok(None),
            Err(error) => match LaunchError::of_end(ids, error) {
                LaunchError::Unheard { error, .. } => Ok(Some(error)),
                other => Err(other),
            },
        }
    }

    /// Terminates machines. A machine of which EC2 says that there is none may have been launched a moment ago:
    /// it is named again for as long as `patience`, and gone only if by then no machine with these tags is it.
    pub(super) fn end(
        &self,
        region: &Region,
        tags: &BTreeMap<String, String>,
        ids: &[InstanceId],
        patience: Duration,
    ) -> Result<Ends, LaunchError> {
        let mut left = ids.to_vec();
        let heard = until(self.clock, patience, || {
            let asked = self.cloud.terminate_instances(region, &left);
            left = asked.map_err(|error| LaunchError::of_end(&left, error))?;
            Ok::<_, LaunchError>(left.is_empty().then_some(()))
        })?;
        let mut unknown = Vec::new();
        if heard.is_err() {
            let listed = self.cloud.tagged_instances(region, tags);
            let listed =
                listed.map_err(|error| LaunchError::Unheard { instances: left.clone(), error })?;
            let lives = |id: &InstanceId| {
                let mut found = listed.iter().filter(|it| it.id == *id);
                found.any(|it| it.state.as_deref() != Some(ENDING))
            };
            unknown.extend(left.iter().filter(|id| !lives(id)).cloned());
            left.retain(lives);
        }
        Ok(Ends { living: left, unknown })
    }

    /// What was to be terminated may still run, if the end came before the call. What is ended here is added to `ended`, also where
    /// others live on.
    pub(super) fn end_again(
        &self,
        journal: &Journal,
        region: &Region,
        patience: Duration,
        ended: &mut Vec<InstanceId>,
    ) -> Result<(), LaunchError> {
        let mut ids = journal.run.ending();
        if ids.is_empty() {
            return Ok(());
        }
        // Of what is on its way out already nothing is changed.
        let told = self.cloud.instances(region, &ids)?;
        ids.retain(|id| told.iter().filter(|it| it.id == *id).all(lives));
        if ids.is_empty() {
            return Ok(());
        }
        let ends = self.end(region, &tag(RUN_TAG, &journal.run.id), &ids, patience)?;
        ids.retain(|id| !ends.living.contains(id) && !ends.unknown.contains(id));
        ended.extend(ids);
        match ends.living.is_empty() {
            true => Ok(()),
            false => Err(LaunchError::Alive { instances: ends.living }),
        }
    }

    /// Ends a run of which all is done. If that cannot be written, whoever comes next finds out as much as of a run that was killed.
    pub(super) fn over(&self, journal: &mut Journal, reason: &str) -> Option<String> {
        let ended = journal.write(self.clock, &Event::Ended { reason: reason.to_owned() });
        ended.err().map(|error| {
            format!("{error}: all that was asked for was done, and the next run looks at it again")
        })
    }

    /// Ends a run that is complete and may be gone on with ([`super::Job::resume`]). To be called when nothing can keep its answer from
    /// being given any more: until then a repetition finds what was launched, and launches nothing more.
    ///
    /// # Errors
    ///
    /// Its journal cannot be read or written.
    pub fn conclude(&self, fleet: &Fleet, run: &str) -> Result<(), LaunchError> {
        match fleet.open_runs()?.into_iter().find(|it| it.run.id == run) {
            Some(mut open) => {
                open.write(self.clock, &Event::Ended { reason: "complete".to_owned() })
            }
            None => Ok(()),
        }
    }
}
