//! Waits for machines that were launched: until they are listed, and until they run.

use std::collections::BTreeMap;
use std::time::Duration;

use super::error::LaunchError;
use super::journal::Journal;
use super::launcher::{Job, Launcher, Report, tag};
use crate::domain::{Ec2Instance, InstanceId, Region};
use crate::drive::ec2::Ec2Error;
use crate::drive::wait::until;
use crate::plan::launch::{ENDING, Event, RUN_TAG, Run, lives};

/// What EC2 calls a machine that does its work.
pub(super) const RUNS: &str = "running";

impl Launcher<'_> {
    /// Waits until machines with these tags run; those that do not in time.
    ///
    /// # Errors
    ///
    /// AWS does not answer.
    pub fn late(
        &self,
        region: &Region,
        tags: &BTreeMap<String, String>,
        ids: Vec<InstanceId>,
        limit: Duration,
    ) -> Result<Vec<InstanceId>, LaunchError> {
        self.watched(region, tags, ids, limit, |it| it.state.as_deref() == Some(RUNS))
    }

    /// Waits until all run, or at least are listed, so that whoever counts next counts them; those that do not run in time.
    pub(super) fn running(
        &self,
        job: &Job,
        report: &Report,
    ) -> Result<Vec<InstanceId>, LaunchError> {
        let tags = tag(RUN_TAG, &report.run);
        let ids = report.launched.keys().cloned().collect();
        match job.wait {
            Some(limit) => self.late(&job.region, &tags, ids, limit),
            None => {
                let _unlisted = self.watched(&job.region, &tags, ids, job.settle, |_| true)?;
                Ok(Vec::new())
            }
        }
    }

    /// What a run launched before it was interrupted may have been taken back since. It counts no more, so that it is missing again.
    pub(super) fn count_again(&self, journal: &mut Journal, job: &Job) -> Result<(), LaunchError> {
        let tags = tag(RUN_TAG, &journal.run.id);
        let ids = journal.run.launched().into_keys().collect();
        let lives = |it: &Ec2Instance| it.state.as_deref() != Some(ENDING);
        let instances = self.watched(&job.region, &tags, ids, job.settle, lives)?;
        if instances.is_empty() {
            return Ok(());
        }
        self.untagged(&journal.run, &job.region, &instances)?;
        journal.write(self.clock, &Event::Gone { instances })
    }

    /// Refuses to take machines for gone that live and have lost their tags only.
    pub(super) fn untagged(
        &self,
        run: &Run,
        region: &Region,
        ids: &[InstanceId],
    ) -> Result<(), LaunchError> {
        let mut told =
            if ids.is_empty() { Vec::new() } else { self.cloud.instances(region, ids)? };
        // What has the run's tag is listed, or will be.
        told.retain(|it| lives(it) && !it.tags.contains_key(RUN_TAG));
        match told.is_empty() {
            true => Ok(()),
            false => Err(LaunchError::Untagged {
                instances: told.into_iter().map(|it| it.id).collect(),
                fleet: run.fleet.clone(),
                run: run.id.clone(),
            }),
        }
    }

    /// Waits until each is listed and good; those that are not in time.
    fn watched(
        &self,
        region: &Region,
        tags: &BTreeMap<String, String>,
        mut left: Vec<InstanceId>,
        limit: Duration,
        is_good: impl Fn(&Ec2Instance) -> bool,
    ) -> Result<Vec<InstanceId>, LaunchError> {
        if left.is_empty() {
            return Ok(left);
        }
        let _left_or_none = until(self.clock, limit, || {
            let listed = self.cloud.tagged_instances(region, tags)?;
            left.retain(|id| !listed.iter().any(|it| it.id == *id && is_good(it)));
            self.progress.tick(|| format!("waiting for {} machines", left.len()));
            Ok::<_, Ec2Error>(left.is_empty().then_some(()))
        })?;
        Ok(left)
    }
}
