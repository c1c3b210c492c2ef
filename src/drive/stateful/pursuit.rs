//! One action, from asking for it to what is proved of its outcome.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::act::{Actor, Carried, Job};
use super::error::{ActError, Failed};
use super::sight::{Sight, glance, recount};
use crate::domain::{LogLine, StatefulAction, StatefulState, StatefulTarget};
use crate::drive::concurrently::watched;
use crate::drive::wait::{TimeUp, pause_near, until, until_paused, usual_pause};
use crate::plan::Verdict;
use crate::plan::stateful::{
    Check, Outlook, Phases, Snapshot, Trace, Watch, checks, knowing_nothing, trace, unmet,
};
use crate::spot::{Sent, SpotError};

/// How long is looked for an effect before an action whose reply was lost counts as not carried out.
pub const TRACE_WINDOW: Duration = Duration::from_secs(120);

/// How long the group's status may lag behind the list of stateful instances (vendor's clients know it does).
const STATUS_GRACE: Duration = Duration::from_secs(120);

/// How far the vendor's clock may be behind and ahead of ours when its log is read.
const LOG_BACK: SignedDuration = SignedDuration::from_mins(1);
const LOG_AHEAD: SignedDuration = SignedDuration::from_hours(24);

/// Most lines of the log that are kept as evidence.
const LOG_LINES: usize = 20;

/// Whether it is a refusal that does not say why; it may be none, see [`crate::spot::Client::act`].
fn tells_nothing(error: &SpotError) -> bool {
    matches!(error, SpotError::Masked { .. })
}

/// One action under way.
pub(super) struct Pursuit<'a> {
    actor: Actor<'a>,
    job: &'a Job,
    sight: &'a Sight,
    watch: Watch,
    phases: Phases,
    began: Duration,
    began_at: Timestamp,
    sent: u32,
    last: Option<Snapshot>,
    checks: Vec<Check>,
    warnings: Vec<String>,
}

impl<'a> Pursuit<'a> {
    pub(super) fn new(actor: Actor<'a>, job: &'a Job, sight: &'a Sight, before: Snapshot) -> Self {
        let (began, began_at) = (actor.clock.monotonic(), actor.clock.now());
        let mut phases = Phases::default();
        let present = sight.snapshot.as_ref().unwrap_or(&before);
        phases.note(present.state.as_str(), began);
        Self {
            actor,
            job,
            sight,
            last: sight.snapshot.clone(),
            watch: Watch::new(job.action.clone(), before),
            phases,
            began,
            began_at,
            sent: 0,
            checks: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// Asks for it, and once more if the reply was lost and nothing came of it.
    pub(super) fn send(&mut self) -> Result<(), ActError> {
        let job = self.job;
        self.actor.progress.tell(&format!("asking to {}", job.doing()));
        let error = match self.ask()? {
            None | Some(Sent::Accepted) => return Ok(()),
            Some(Sent::Refused(error)) => return Err(ActError::NotDone(Box::new(error))),
            Some(Sent::Unknown(error)) => Box::new(error),
        };
        let is_masked = tells_nothing(&error);
        let odd = if is_masked { "an answer told nothing" } else { "a reply was lost" };
        self.warnings.push(format!("{odd}: {error}"));
        match self.look_for_trace()? {
            Traced::Begun => return Ok(()),
            // Most likely it is not allowed, and then it will not be the next time either.
            Traced::Untouched(_) if is_masked => return Err(ActError::NotDone(error)),
            // Only now may it be asked for again.
            Traced::Untouched(_) => {}
            Traced::Unclear(time) => {
                return Err(ActError::Unknown { doing: job.doing(), error, time });
            }
        }
        let (error, is_refusal) = match self.ask()? {
            None | Some(Sent::Accepted) => return Ok(()),
            // It may well mean that the first request is under way behind a list that lags.
            Some(Sent::Refused(error)) => (Box::new(error), true),
            Some(Sent::Unknown(error)) => {
                let is_refusal = tells_nothing(&error);
                (Box::new(error), is_refusal)
            }
        };
        match self.look_for_trace()? {
            Traced::Begun => Ok(()),
            Traced::Untouched(_) if is_refusal => Err(ActError::NotDone(error)),
            Traced::Untouched(time) | Traced::Unclear(time) => {
                Err(ActError::Unknown { doing: job.doing(), error, time })
            }
        }
    }

    /// Asks for it as soon as the rate limit allows, and never on the strength of an old look: after a block the
    /// instance is looked at again. None if by then there is nothing left to ask for.
    fn ask(&mut self) -> Result<Option<Sent>, ActError> {
        let Actor { client, clock, progress, permit } = self.actor;
        let job = self.job;
        loop {
            if let Some(reason) = permit.and_then(|permit| permit().err()) {
                return Err(ActError::Withheld { doing: job.doing(), reason, sent: self.sent });
            }
            let sent = watched(progress, &format!("asking to {}", job.doing()), || {
                client.act(&job.account, &job.target, &job.action)
            });
            let (wait, why) = match &sent {
                Sent::Refused(SpotError::RateLimited { retry_after, .. }) => {
                    ((*retry_after).max(Duration::from_secs(1)), "the rate limit blocks")
                }
                Sent::Refused(SpotError::Late { .. }) => {
                    (Duration::from_secs(1), "what was seen before is old, which delays")
                }
                Sent::Accepted | Sent::Refused(_) | Sent::Unknown(_) => {
                    self.sent += 1;
                    return Ok(Some(sent));
                }
            };
            if clock.monotonic().saturating_sub(self.began) + wait > job.wait_timeout {
                return Ok(Some(sent));
            }
            let seconds = wait.as_secs();
            progress.tell(&format!("{why} asking to {} for {seconds} s", job.doing()));
            clock.sleep(wait);
            let seen = self.see()?;
            match seen.map(|_| trace(&job.action, self.watch.before(), self.last.as_ref())) {
                Some(Trace::Untouched) => {}
                Some(Trace::Begun) => {
                    self.warnings
                        .push("someone else acted before it could be asked for".to_owned());
                    return Ok(None);
                }
                Some(Trace::Unclear) | None => return Ok(Some(sent)),
            }
        }
    }

    /// Looks whether anything came of a request whose reply was lost.
    fn look_for_trace(&mut self) -> Result<Traced, ActError> {
        self.actor.progress.tell(&format!(
            "no reply tells what came of asking to {}; looking for up to {} s whether it took effect",
            self.job.doing(),
            TRACE_WINDOW.as_secs()
        ));
        let mut found = Trace::Unclear;
        let outcome = until(self.actor.clock, TRACE_WINDOW, || {
            found = match self.see()? {
                Some(_) => trace(&self.job.action, self.watch.before(), self.last.as_ref()),
                None => Trace::Unclear,
            };
            Ok::<_, ActError>((found == Trace::Begun).then_some(()))
        })?;
        Ok(match (outcome, found) {
            (Ok(()), _) => Traced::Begun,
            (Err(time), Trace::Untouched) => Traced::Untouched(time),
            (Err(time), Trace::Begun | Trace::Unclear) => Traced::Unclear(time),
        })
    }

    /// One look, judged; none if nothing could be read this time.
    fn see(&mut self) -> Result<Option<Outlook>, ActError> {
        let (client, job) = (self.actor.client, self.job);
        let waits = format!("looking at {}", job.target);
        let look = || glance(client, &job.account, &job.target);
        match watched(self.actor.progress, &waits, look) {
            Ok(seen) => {
                let now = self.actor.clock.monotonic();
                let state = seen.as_ref().map_or("absent", |seen| seen.state.as_str()).to_owned();
                let verdict = self.watch.judge(seen.as_ref(), now);
                if self.phases.note(&state, now) {
                    self.actor.progress.tell(&self.line(&state, now));
                }
                self.last = seen;
                Ok(Some(verdict))
            }
            Err(error) if ends_sight(&error) => {
                Err(ActError::Blind { doing: job.doing(), error: Box::new(error) })
            }
            Err(error) => {
                // It ends a look that took its time, and says what that was spent on.
                self.actor.progress.tell(&format!("{}: {error}; looking again", job.target.id()));
                Ok(None)
            }
        }
    }

    fn line(&self, state: &str, now: Duration) -> String {
        format!(
            "{} of {}: {state}, {} s after asking, {} s at most",
            self.job.action.verb(),
            self.job.target.id(),
            now.saturating_sub(self.began).as_secs(),
            self.job.wait_timeout.as_secs()
        )
    }

    /// Waits until it is done, and checks what came of it.
    pub(super) fn see_through(&mut self) -> Result<(), ActError> {
        if !self.job.wait {
            return self.see().map(drop);
        }
        let after = self.wait()?;
        self.last = after;
        match self.job.action {
            StatefulAction::Recycle | StatefulAction::Resume => self.settle(),
            StatefulAction::Pause
            | StatefulAction::Deallocate(_)
            | StatefulAction::DeleteVolume(_) => Ok(()),
        }
    }

    fn wait(&mut self) -> Result<Option<Snapshot>, ActError> {
        let spent = self.actor.clock.monotonic().saturating_sub(self.began);
        let left = self.job.wait_timeout.saturating_sub(spent);
        let mut waiting_on = "nothing could be read".to_owned();
        let job = self.job;
        let ends: Vec<Duration> =
            job.earlier.iter().filter_map(|took| took.checked_sub(spent)).collect();
        let client = self.actor.client;
        let pause = |after| match &job.target {
            StatefulTarget::Grouped { group, .. } if client.may_list_often(&job.account, group) => {
                pause_near(after, &ends)
            }
            StatefulTarget::Grouped { .. } | StatefulTarget::Managed(_) => usual_pause(after),
        };
        let outcome = until_paused(self.actor.clock, left, pause, || match self.see()? {
            Some(Outlook::Done(after)) => Ok(Some(after.map(|after| *after))),
            Some(Outlook::NotYet(waiting)) => {
                waiting_on = waiting.to_string();
                let now = self.actor.clock.monotonic();
                self.actor.progress.tick(|| self.line(&waiting_on, now));
                Ok(None)
            }
            Some(Outlook::Never(failure)) => {
                Err(ActError::Failed { doing: self.job.doing(), failure, log: None })
            }
            None => Ok(None),
        })?;
        outcome.map_err(|time| ActError::TimeUp {
            doing: self.job.doing(),
            time: TimeUp { after: time.after + spent, ..time },
            waiting_on,
            log: None,
        })
    }

    /// Reads it again with zone and address, and again while the status lags, until everything that binds is proved or disproved.
    fn settle(&mut self) -> Result<(), ActError> {
        let Some(done) = self.last.clone() else { return Ok(()) };
        // Whether it still was as it had come back when it was last seen; a look that failed tells nothing.
        let mut is_there = None;
        let outcome = until(self.actor.clock, STATUS_GRACE, || {
            let seen = match recount(self.actor.client, &self.job.account, &self.job.target) {
                Ok(seen) => seen,
                Err(error) if ends_sight(&error) => {
                    return Err(ActError::Blind {
                        doing: self.job.doing(),
                        error: Box::new(error),
                    });
                }
                Err(_) => return Ok(None),
            };
            let seen = seen.filter(|seen| is_still(seen, &done));
            is_there = Some(seen.is_some());
            let Some(seen) = seen else { return Ok(None) };
            self.checks = self.judged(&seen);
            self.last = Some(seen);
            let is_open =
                self.checks.iter().any(|check| !check.is_met && check.verdict == Verdict::Unknown);
            Ok((!is_open).then_some(()))
        })?;
        match (outcome, is_there) {
            (Err(_), Some(false)) => return Err(self.unsettled(&done)),
            (Err(_), None) => self.judge_by_list(&done)?,
            (Ok(()), _) | (Err(_), Some(true)) => {}
        }
        let unmet: Vec<Check> = unmet(&self.checks).into_iter().cloned().collect();
        if unmet.is_empty() {
            return Ok(());
        }
        Err(ActError::Unmet { doing: self.job.doing(), unmet })
    }

    /// No look told zone and address. The list alone may still prove all that binds; what it does not tell is not proved.
    fn judge_by_list(&mut self, done: &Snapshot) -> Result<(), ActError> {
        let seen = glance(self.actor.client, &self.job.account, &self.job.target);
        let Some(seen) = seen.ok().flatten().filter(|seen| is_still(seen, done)) else {
            return Err(self.unsettled(done));
        };
        self.checks = self.judged(&seen);
        knowing_nothing(&mut self.checks);
        self.last = Some(seen);
        Ok(())
    }

    /// By what was promised when it began: the configuration may have changed since. Whoever joins a recycle that is underway, with no
    /// journal, may have seen the half of what there was before, so that what is unknown is not proved. What was paused ran in no zone.
    fn judged(&self, seen: &Snapshot) -> Vec<Check> {
        let (before, promises) = (self.watch.before(), &self.sight.promises);
        let mut expectations = self.job.expectations.clone();
        if self.job.action == StatefulAction::Resume {
            expectations.image_id = None;
            return checks(Some(before), seen, promises, &expectations);
        }
        let mut found = checks(Some(before), seen, promises, &expectations);
        if before.is_unseen() || (self.sight.lists_volumes && !self.sight.by_journal) {
            knowing_nothing(&mut found);
        }
        found
    }

    fn unsettled(&self, done: &Snapshot) -> ActError {
        let name = |snapshot: &Snapshot| {
            let id = snapshot.instance_id.as_ref().map_or("no instance", |id| id.as_str());
            format!("{} as {id}", snapshot.state)
        };
        let now = glance(self.actor.client, &self.job.account, &self.job.target);
        let now = match now {
            Ok(Some(seen)) => name(&seen),
            Ok(None) => "no more".to_owned(),
            Err(error) => format!("no more, since no look succeeded ({error})"),
        };
        ActError::Unsettled { doing: self.job.doing(), was: name(done), now }
    }

    pub(super) fn end(mut self, outcome: Result<(), ActError>) -> Result<Carried, Box<Failed>> {
        let now = self.actor.clock.monotonic();
        let before = Some(self.watch.before().clone());
        let Err(mut error) = outcome else {
            self.warnings.extend(unproved(&self.checks));
            return Ok(Carried {
                before,
                after: self.last,
                phases: self.phases.until(now),
                checks: self.checks,
                sent: self.sent,
                warnings: self.warnings,
            });
        };
        let log = self.evidence();
        let worst = log.iter().rev().find(|line| line.severity.as_deref() == Some("ERROR"));
        let worst = worst.map(|line| line.message.clone());
        match &mut error {
            ActError::Failed { log, .. } | ActError::TimeUp { log, .. } => *log = worst,
            ActError::Unread(_)
            | ActError::Refused { .. }
            | ActError::Withheld { .. }
            | ActError::NotDone(_)
            | ActError::Unknown { .. }
            | ActError::Blind { .. }
            | ActError::Unmet { .. }
            | ActError::Unsettled { .. } => {}
        }
        Err(Box::new(Failed {
            error,
            before,
            last: self.last,
            phases: self.phases.until(now),
            checks: self.checks,
            log,
            sent: self.sent,
            warnings: self.warnings,
        }))
    }

    /// The lines of the vendor's log that concern this instance or warn, since just before it began.
    fn evidence(&mut self) -> Vec<LogLine> {
        let clamp = |moment: Result<Timestamp, jiff::Error>| moment.unwrap_or(self.began_at);
        let from = clamp(self.began_at.checked_sub(LOG_BACK));
        let to = clamp(self.began_at.checked_add(LOG_AHEAD));
        let mut lines = match self.actor.client.log(&self.job.account, &self.job.target, from, to) {
            Ok(listed) => listed.items,
            Err(error) => {
                self.warnings.push(error.to_string());
                return Vec::new();
            }
        };
        let before = self.watch.before().instance_id.as_ref();
        let after = self.last.as_ref().and_then(|last| last.instance_id.as_ref());
        let ids: Vec<&str> = std::iter::once(self.job.target.id())
            .chain(before.into_iter().chain(after).map(|id| id.as_str()))
            .collect();
        let warns = |line: &LogLine| {
            matches!(line.severity.as_deref(), Some("WARN" | "ERROR"))
                || ids.iter().any(|id| line.message.contains(id))
        };
        lines.retain(warns);
        lines.truncate(LOG_LINES);
        // The vendor has the newest first.
        lines.reverse();
        lines
    }
}

/// One warning for each check that binds and could not come out, however good the rest is.
pub fn unproved(checks: &[Check]) -> impl Iterator<Item = String> + '_ {
    let open = checks.iter().filter(|it| it.is_binding && it.verdict == Verdict::Unknown);
    open.map(|check| format!("not proved is {}: {}", check.name, check.evidence))
}

fn is_still(seen: &Snapshot, done: &Snapshot) -> bool {
    seen.instance_id == done.instance_id && seen.state == StatefulState::Active
}

enum Traced {
    Begun,
    Untouched(TimeUp),
    Unclear(TimeUp),
}

/// Whether looking again would be in vain. A masked refusal is not among them: the vendor masks its own faults so.
pub(in crate::drive) fn ends_sight(error: &SpotError) -> bool {
    matches!(
        error,
        SpotError::Unauthorized { .. } | SpotError::Forbidden { .. } | SpotError::NotFound { .. }
    )
}
