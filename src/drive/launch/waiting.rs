//! Waits for machines that were launched: until they are listed, and until they run.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::fmt;
use std::time::Duration;

use super::error::LaunchError;
use super::journal::{Fleet, Journal};
use super::launcher::{Job, Launcher, tag};
use crate::domain::{Ec2Instance, InstanceId, Region, StateReason};
use crate::drive::ec2::Ec2Error;
use crate::drive::wait::until;
use crate::plan::launch::{Class, Counts, ENDING, Event, FLEET_TAG, Ladder, Launched, Run, lives};

/// So many instances are asked for by id in one call.
const MOST_LOOKED_FOR: usize = 200;

/// What was waited for in vain.
#[derive(Debug, Default)]
pub struct Unseen {
    /// Which were not seen as they were to be.
    pub machines: Vec<InstanceId>,
    /// Which came to an end before they were.
    pub ended: Vec<End>,
    /// Why nobody knows how they are: what came instead of the last look. None if it was seen that they are not.
    pub error: Option<Ec2Error>,
}

/// A machine that came to an end before it ran.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// Which.
    pub instance: InstanceId,
    /// Why; none if EC2 does not tell.
    pub reason: Option<StateReason>,
}

impl End {
    /// What kind of reason it is.
    pub fn class(&self) -> Class {
        self.reason.as_ref().map_or(Class::Unknown, |it| Class::of_end(&it.code))
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reason {
            Some(reason) => write!(f, "{} was ended before it ran ({reason})", self.instance),
            None => write!(f, "{} was ended before it ran, and EC2 gives no reason", self.instance),
        }
    }
}

/// What EC2 calls a machine that does its work.
pub(super) const RUNS: &str = "running";

impl Launcher<'_> {
    /// Waits until machines with these tags run; those that do not in time, and those that never will.
    pub fn late(
        &self,
        region: &Region,
        tags: &BTreeMap<String, String>,
        ids: Vec<InstanceId>,
        limit: Duration,
    ) -> Unseen {
        self.watched(region, tags, ids, limit, true, |it| it.state.as_deref() == Some(RUNS))
    }

    /// Waits until all run, or at least are listed, so that whoever counts next counts them; those that were not seen to be so.
    pub(super) fn running(&self, job: &Job, ids: Vec<InstanceId>) -> Unseen {
        let tags = of_fleet(job);
        match job.wait {
            Some(limit) => self.late(&job.region, &tags, ids, limit),
            None => self.watched(&job.region, &tags, ids, job.settle, false, |_| true),
        }
    }

    /// Takes machines that came to an end before they ran for not launched; why nothing more is to be asked, if so. What lacked capacity
    /// is an offer that failed, and the next one is tried. Whatever else it was, the next one would end likewise.
    pub(super) fn fell(
        &self,
        journal: &mut Journal,
        ladder: &mut Ladder,
        counts: &mut Counts,
        seen: &Unseen,
    ) -> Result<Option<String>, LaunchError> {
        let launched = journal.run.launched();
        let instances = seen.ended.iter().map(|it| it.instance.clone()).collect();
        journal.write(self.clock, &Event::Gone { instances })?;
        // While others do not run either nothing is launched besides.
        let mut stop = (!seen.machines.is_empty()).then(|| seen.ended.first()).flatten();
        for end in &seen.ended {
            let Some(rung) = launched.get(&end.instance) else { continue };
            if let Some(count) = counts.get_mut(&rung.place.zone) {
                *count = count.saturating_sub(1);
            }
            self.progress.tick(|| end.to_string());
            if !ladder.ended(rung, end.class()) {
                stop = stop.or(Some(end));
            }
        }
        Ok(stop.map(End::to_string))
    }

    /// What a run launched before it was interrupted may have been taken back since. It counts no more, so that it is missing again.
    /// What was replaced or moved to another zone since counts, and so does what lives and has lost its tags only.
    pub(super) fn count_again(
        &self,
        fleet: &Fleet,
        journal: &mut Journal,
        job: &Job,
    ) -> Result<(), LaunchError> {
        let tags = tag(FLEET_TAG, fleet.name());
        let ids = journal.run.launched().into_keys().collect();
        let lives = |it: &Ec2Instance| it.state.as_deref() != Some(ENDING);
        let unseen = self.watched(&job.region, &tags, ids, job.settle, false, lives);
        if let Some(error) = unseen.error {
            return Err(error.into());
        }
        let missing = unseen.machines;
        if missing.is_empty() {
            return Ok(());
        }
        let (mut stood_in, mut instances) = self.stood_in(fleet, &job.region, missing)?;
        let bare = self.bare(&job.region, &instances)?;
        instances.retain(|id| !bare.contains(id));
        stood_in.extend(bare);
        if !stood_in.is_empty() {
            journal.write(self.clock, &Event::StoodIn { instances: stood_in })?;
        }
        if instances.is_empty() {
            return Ok(());
        }
        journal.write(self.clock, &Event::Gone { instances })
    }

    /// Refuses to launch for what is missing to a count if it only lost the fleet's tag. Of what is not listed the last few hundred are
    /// looked for.
    pub(super) fn all_tagged(
        &self,
        fleet: &Fleet,
        region: &Region,
        listed: &[Ec2Instance],
    ) -> Result<(), LaunchError> {
        let mut bare = self.lost(fleet, region, listed)?;
        match bare.pop() {
            None => Ok(()),
            Some(last) => {
                let run = last.run;
                let instances = bare.into_iter().map(|it| it.instance).chain([last.instance]);
                let (instances, fleet) = (instances.collect(), fleet.name().to_owned());
                Err(LaunchError::Untagged { instances, fleet, run })
            }
        }
    }

    /// What lives, was launched for the fleet as its journals say, and has no fleet's tag any more. Of what is not listed the last few
    /// hundred are looked for.
    ///
    /// # Errors
    ///
    /// AWS does not answer, or the folder of journals cannot be read.
    pub fn lost(
        &self,
        fleet: &Fleet,
        region: &Region,
        listed: &[Ec2Instance],
    ) -> Result<Vec<Launched>, LaunchError> {
        let mut kept = fleet.launched()?;
        kept.retain(|it| !listed.iter().any(|machine| machine.id == it.instance));
        kept.truncate(MOST_LOOKED_FOR);
        if kept.is_empty() {
            return Ok(kept);
        }
        let ids: Vec<InstanceId> = kept.iter().map(|it| it.instance.clone()).collect();
        let told = self.cloud.instances(region, &ids)?;
        let is_bare = |it: &Ec2Instance| lives(it) && !it.tags.contains_key(FLEET_TAG);
        kept.retain(|kept| told.iter().any(|it| it.id == kept.instance && is_bare(it)));
        Ok(kept)
    }

    /// Those in whose place another is there, and those in whose place there is none.
    fn stood_in(
        &self,
        fleet: &Fleet,
        region: &Region,
        ids: Vec<InstanceId>,
    ) -> Result<(Vec<InstanceId>, Vec<InstanceId>), LaunchError> {
        let (kept, moved) = (fleet.launched()?, fleet.moved()?);
        let mut listed = self.cloud.tagged_instances(region, &tag(FLEET_TAG, fleet.name()))?;
        listed.retain(lives);
        let has_another = |id: &InstanceId| {
            let (mut seen, mut all) = (BTreeSet::new(), vec![id.clone()]);
            while let Some(id) = all.pop() {
                if moved.contains(&id) || listed.iter().any(|it| it.id == id) {
                    return true;
                }
                let next = kept.iter().filter(|it| it.replaces.as_deref() == Some(id.as_str()));
                all.extend(next.map(|it| it.instance.clone()).filter(|it| seen.insert(it.clone())));
            }
            false
        };
        Ok(ids.into_iter().partition(has_another))
    }

    /// Refuses to take machines for gone that live and have lost their tags only.
    pub(super) fn untagged(
        &self,
        run: &Run,
        region: &Region,
        ids: &[InstanceId],
    ) -> Result<(), LaunchError> {
        let instances = self.bare(region, ids)?;
        match instances.is_empty() {
            true => Ok(()),
            false => Err(LaunchError::Untagged {
                instances,
                fleet: run.fleet.clone(),
                run: run.id.clone(),
            }),
        }
    }

    /// Those that live and have lost their fleet's tag.
    fn bare(&self, region: &Region, ids: &[InstanceId]) -> Result<Vec<InstanceId>, LaunchError> {
        let mut told =
            if ids.is_empty() { Vec::new() } else { self.cloud.instances(region, ids)? };
        // What has the fleet's tag is listed, or will be, whatever other tag it lost.
        told.retain(|it| lives(it) && !it.tags.contains_key(FLEET_TAG));
        Ok(told.into_iter().map(|it| it.id).collect())
    }

    /// Waits until each is listed and good; those that are not in time. With `is_final`, those that are at their end are waited for no
    /// more. A look that fails is no end of it: what is not known now may be known at the next one.
    fn watched(
        &self,
        region: &Region,
        tags: &BTreeMap<String, String>,
        mut left: Vec<InstanceId>,
        limit: Duration,
        is_final: bool,
        is_good: impl Fn(&Ec2Instance) -> bool,
    ) -> Unseen {
        if left.is_empty() {
            return Unseen::default();
        }
        let (mut last, mut ended) = (None, Vec::new());
        let Ok(_left_or_none) = until(self.clock, limit, || {
            match self.cloud.tagged_instances(region, tags) {
                Ok(listed) => {
                    left.retain(|id| !listed.iter().any(|it| it.id == *id && is_good(it)));
                    last = None;
                    if is_final {
                        let ends = self.ends(region, &listed, &left);
                        ended.extend(ends.unwrap_or_else(|error| {
                            last = Some(error);
                            Vec::new()
                        }));
                        left.retain(|id| !ended.iter().any(|it: &End| it.instance == *id));
                    }
                }
                Err(error) => last = Some(error),
            }
            self.progress.tick(|| match &last {
                None => format!("waiting for {} machines", left.len()),
                Some(error) => format!("waiting for {} machines: {error}", left.len()),
            });
            Ok::<_, Infallible>(left.is_empty().then_some(()))
        });
        Unseen { machines: left, ended, error: last }
    }

    /// Which of these are on their way out or gone. Those that are gone are listed no more, and known for a while.
    fn ends(
        &self,
        region: &Region,
        listed: &[Ec2Instance],
        ids: &[InstanceId],
    ) -> Result<Vec<End>, Ec2Error> {
        let mut all = listed.to_vec();
        let mut unlisted = ids.to_vec();
        unlisted.retain(|id| !listed.iter().any(|it| it.id == *id));
        if !unlisted.is_empty() {
            all.extend(self.cloud.instances(region, &unlisted)?);
        }
        let is_at_end = |it: &Ec2Instance| ids.contains(&it.id) && !lives(it);
        let ends = all.into_iter().filter(is_at_end);
        Ok(ends.map(|it| End { instance: it.id, reason: it.state_reason }).collect())
    }
}

/// What all machines of a job's fleet have.
pub(super) fn of_fleet(job: &Job) -> BTreeMap<String, String> {
    tag(FLEET_TAG, job.blueprint.tags.get(FLEET_TAG).map_or("", String::as_str))
}
