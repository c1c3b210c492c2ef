//! One machine in the place of another: launched, waited for, and only then the other drained and terminated.

use std::collections::BTreeSet;
use std::time::Duration;

use super::drain::Drain;
use super::error::LaunchError;
use super::journal::Fleet;
use super::launcher::{Job, Launcher, Report, tag};
use super::settling::Bare;
use crate::domain::{Ec2Instance, InstanceId, Region};
use crate::plan::launch::{Counts, ENDING, FLEET_TAG, Ladder, Launched, Replacement, Sight, lives};

/// What is to be replaced, and how.
pub struct Replace<'a> {
    /// The machine.
    pub id: InstanceId,
    /// The region.
    pub region: Region,
    /// The cluster whose profile says what is launched; none if options say it.
    pub cluster: Option<String>,
    /// What is launched, and from which rung on; none if one stands in already.
    pub launch: Option<(Job, &'a mut Ladder, Counts)>,
    /// The most machines that the fleet may have.
    pub max_total: Option<u32>,
    /// What is done before the machine is terminated.
    pub drain: &'a Drain,
    /// How long it is waited until one runs that was launched before; none not to wait.
    pub wait: Option<Duration>,
    /// How long a machine that was asked for is looked for when no answer came.
    pub settle: Duration,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Replaced {
    /// The machines of the fleet, as they were listed last before the machine went.
    pub machines: Vec<Ec2Instance>,
    /// The launch.
    pub report: Report,
    /// Whether the machine was terminated.
    pub has_ended: bool,
}

impl Launcher<'_> {
    /// The machines of a fleet that are not on their way out, and what is to be done to replace one. Changes nothing.
    ///
    /// # Errors
    ///
    /// AWS does not answer, a journal's folder cannot be read, or the machine is not to be replaced.
    pub fn replacement(
        &self,
        fleet: &Fleet,
        region: &Region,
        cluster: Option<&str>,
        id: &InstanceId,
    ) -> Result<(Vec<Ec2Instance>, Replacement), LaunchError> {
        let mut listed = self.cloud.tagged_instances(region, &tag(FLEET_TAG, fleet.name()))?;
        let kept = fleet.launched()?;
        let stands_in = |it: &&Launched| it.replaces.as_deref() == Some(id.as_str());
        let mut ids: BTreeSet<InstanceId> =
            kept.iter().filter(stands_in).map(|it| it.instance.clone()).collect();
        ids.insert(id.clone());
        ids.retain(|id| !listed.iter().any(|it| it.id == *id));
        let ids: Vec<InstanceId> = ids.into_iter().collect();
        let told = if ids.is_empty() { Vec::new() } else { self.cloud.instances(region, &ids)? };
        let sight =
            Sight { fleet: fleet.name(), cluster, id, listed: &listed, told: &told, kept: &kept };
        let replacement = sight.replacement()?;
        listed.retain(|it| it.state.as_deref() != Some(ENDING));
        Ok((listed, replacement))
    }

    /// Replaces a machine, or goes on with it. What was launched in its place before is found, and nothing launched again.
    ///
    /// If the launch falls short, or what it launched does not run in time, the report says so and the machine stays.
    ///
    /// # Errors
    ///
    /// With what was done until then: the journal cannot be written, AWS does not answer, what stands in does not run, the drain does not
    /// succeed.
    pub fn replace(
        &self,
        fleet: &Fleet,
        what: Replace<'_>,
    ) -> Result<Replaced, (LaunchError, Box<Replaced>)> {
        let mut done = Replaced::default();
        match self.replacing(fleet, what, &mut done) {
            Ok(()) => Ok(done),
            Err(error) => Err((error, Box::new(done))),
        }
    }

    fn replacing(
        &self,
        fleet: &Fleet,
        mut what: Replace<'_>,
        done: &mut Replaced,
    ) -> Result<(), LaunchError> {
        let cluster = what.cluster.as_deref();
        // A launch of before an interruption may be found only now.
        let removed = &mut done.report.removed;
        self.settle_steps(fleet, &what.region, what.settle, removed, Bare::Refuse)?;
        let (machines, replacement) = self.replacement(fleet, &what.region, cluster, &what.id)?;
        done.machines = machines;
        let new = match replacement {
            Replacement::Done { .. } => return Ok(()),
            Replacement::Finish { new, old: _ } => {
                self.awaited(fleet, &what, new.clone())?;
                Some(new)
            }
            Replacement::Launch { .. } => {
                let total = u32::try_from(done.machines.len()).unwrap_or(u32::MAX);
                if let Some(most) = what.max_total.filter(|most| total >= *most) {
                    let text = format!("there are {total} machines and max_total is {most}");
                    return Err(LaunchError::Refused(text));
                }
                let Some((job, ladder, counts)) = &mut what.launch else {
                    let text = format!("what stood in for {} is gone: run this again", what.id);
                    return Err(LaunchError::Refused(text));
                };
                (job.resume, job.is_step) = (false, true);
                let ended = std::mem::take(&mut done.report.removed);
                let (report, failed) = match self.launch(fleet, job, ladder, counts) {
                    Ok(report) => (report, None),
                    Err((error, report)) => (*report, Some(error)),
                };
                done.report = report;
                done.report.removed.extend(ended);
                if let Some(error) = failed {
                    return Err(error);
                }
                let report = &done.report;
                if report.unfulfilled > 0 || !report.not_running.is_empty() {
                    return Ok(());
                }
                report.launched.keys().next().cloned()
            }
        };
        done.machines = self.living(fleet, &what.region)?;
        let Some(old) = done.machines.iter().find(|it| it.id == what.id) else {
            return self.gone(fleet, &what);
        };
        self.progress.tick(|| format!("draining {}", old.id));
        what.drain.drain(old)?;
        // A drain takes its time, and EC2 may have taken back meanwhile what stands in.
        done.machines = self.living(fleet, &what.region)?;
        if let Some(new) = new.filter(|new| !done.machines.iter().any(|it| it.id == *new)) {
            return Err(LaunchError::StandInGone { new, old: what.id });
        }
        let tags = tag(FLEET_TAG, fleet.name());
        self.end_surely(&what.region, &tags, std::slice::from_ref(&what.id), what.settle)?;
        done.has_ended = true;
        Ok(())
    }

    /// The machines of a fleet that are not on their way out.
    fn living(&self, fleet: &Fleet, region: &Region) -> Result<Vec<Ec2Instance>, LaunchError> {
        let mut listed = self.cloud.tagged_instances(region, &tag(FLEET_TAG, fleet.name()))?;
        listed.retain(lives);
        Ok(listed)
    }

    /// What is not listed may have lost its tag only.
    fn gone(&self, fleet: &Fleet, what: &Replace<'_>) -> Result<(), LaunchError> {
        let told = self.cloud.instances(&what.region, std::slice::from_ref(&what.id))?;
        match told.iter().any(lives) {
            false => Ok(()),
            true => Err(LaunchError::LostTag {
                instance: what.id.clone(),
                fleet: fleet.name().to_owned(),
            }),
        }
    }

    /// One of an earlier run may not run yet, or never.
    fn awaited(
        &self,
        fleet: &Fleet,
        what: &Replace<'_>,
        new: InstanceId,
    ) -> Result<(), LaunchError> {
        let Some(limit) = what.wait else { return Ok(()) };
        let tags = tag(FLEET_TAG, fleet.name());
        let mut unseen = self.late(&what.region, &tags, vec![new], limit);
        if let Some(end) = unseen.ended.pop() {
            return Err(LaunchError::StandInEnded { end, old: what.id.clone() });
        }
        match (unseen.machines.pop(), unseen.error) {
            (None, _) => Ok(()),
            (Some(_), Some(error)) => Err(error.into()),
            (Some(new), None) => {
                Err(LaunchError::Late { new, old: what.id.clone(), limit_s: limit.as_secs() })
            }
        }
    }
}
