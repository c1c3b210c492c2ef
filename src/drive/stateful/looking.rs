//! The look that an action begins with: one more, and one more, where what it shows may be old.

use std::time::Duration;

use super::act::{Actor, Job};
use super::error::ActError;
use super::pursuit::{TRACE_WINDOW, ends_sight};
use super::record::Records;
use super::sight::{Sight, look};
use crate::domain::{InstanceId, StatefulAction, StatefulState};
use crate::drive::concurrently::watched;
use crate::drive::wait::until;
use crate::plan::stateful::Refusal;
use crate::spot::SpotError;

/// For so long is looked again where the vendor does not tell what a recycle has to prove: its list, or the status, may be late.
const LATE: Duration = Duration::from_secs(120);

impl Actor<'_> {
    /// Looks at what is to be acted on. Before a recycle also again: while one that was asked for a short time ago, by the records, may
    /// have begun behind a list that lags, and while what has to be the same afterwards is not told.
    ///
    /// # Errors
    ///
    /// The first look fails, or a later one in a way that looking again does not mend.
    pub fn look(&self, job: &Job, records: Option<&Records>) -> Result<Sight, SpotError> {
        let waits = format!("reading {}", job.target);
        let read = || look(self.client, &job.account, &job.target);
        let mut sight = watched(self.progress, &waits, read)?;
        if job.action == StatefulAction::Recycle {
            let unreadable = match records {
                Some(records) => self.until_begun(job, records, &mut sight)?,
                None => None,
            };
            self.until_told(job, &mut sight)?;
            sight.oddities.extend(unreadable);
        }
        Ok(sight)
    }

    /// Answers why the record cannot be read, if so: then it may have been asked for just now.
    fn until_begun(
        &self,
        job: &Job,
        records: &Records,
        sight: &mut Sight,
    ) -> Result<Option<String>, SpotError> {
        let Some(machine) = runs_as(sight).cloned() else { return Ok(None) };
        if job.expectations.instance_id.as_ref().is_some_and(|expected| *expected != machine) {
            return Ok(None);
        }
        let now = self.clock.now();
        let (asked_at, unreadable) = match records.asked_at(&job.target, &machine) {
            Ok(asked_at) => (asked_at, None),
            Err(error) => {
                let words = format!("the record of what {machine} had cannot be read: {error}");
                (Some(now), Some(words))
            }
        };
        let Some(asked_at) = asked_at else { return Ok(None) };
        let passed = Duration::try_from(now.duration_since(asked_at)).unwrap_or_default();
        let left = TRACE_WINDOW.saturating_sub(passed);
        if left.is_zero() {
            return Ok(unreadable);
        }
        self.progress.tell(&format!(
            "it may have been asked before to {}; looking for up to {} s whether that took effect",
            job.doing(),
            left.as_secs()
        ));
        let _over = until(self.clock, left, || {
            self.again(job, sight)?;
            Ok::<_, SpotError>((runs_as(sight) != Some(&machine)).then_some(()))
        })?;
        Ok(unreadable)
    }

    fn until_told(&self, job: &Job, sight: &mut Sight) -> Result<(), SpotError> {
        if !is_untold(job, sight) {
            return Ok(());
        }
        self.progress.tell(&format!(
            "the vendor does not tell all of {} that must be the same afterwards; looking for up to {} s",
            job.target,
            LATE.as_secs()
        ));
        let _over = until(self.clock, LATE, || {
            self.again(job, sight)?;
            Ok::<_, SpotError>((!is_untold(job, sight)).then_some(()))
        })?;
        Ok(())
    }

    fn again(&self, job: &Job, sight: &mut Sight) -> Result<(), SpotError> {
        match look(self.client, &job.account, &job.target) {
            Ok(seen) => *sight = seen,
            Err(error) if ends_sight(&error) => return Err(error),
            Err(error) => self.progress.tell(&format!("{error}; looking again")),
        }
        Ok(())
    }
}

/// The machine, if it is shown as running and untouched.
fn runs_as(sight: &Sight) -> Option<&InstanceId> {
    let seen = sight.snapshot.as_ref().filter(|seen| seen.state == StatefulState::Active)?;
    seen.instance_id.as_ref()
}

fn is_untold(job: &Job, sight: &Sight) -> bool {
    matches!(
        job.decide(sight),
        Err(ActError::Refused { refusal, .. }) if matches!(*refusal, Refusal::Untold { .. })
    )
}
