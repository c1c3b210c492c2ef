//! Whether an action is done, from one look after the other.

use std::fmt;
use std::time::Duration;

use super::snapshot::Snapshot;
use super::stage::{Course, Stage, stage};
use crate::domain::{InstanceId, StatefulAction, StatefulState};

/// How long PAUSED may last inside a recycle before it counts as a fall-back. The vendor gives no figure; launching
/// takes minutes (help: stateful instances), so less would give up a recycle that is merely slow.
pub(super) const PAUSED_GRACE: Duration = Duration::from_secs(180);

/// How long PAUSED must last once a machine was being launched: no recycle goes back on purpose, only stale lists do.
pub(super) const RELAPSE_GRACE: Duration = Duration::from_secs(30);

/// What one more look made of it.
#[derive(Clone, Debug, PartialEq)]
pub enum Outlook {
    /// Done, and this is the instance now; none if it is gone, as was wanted.
    Done(Option<Box<Snapshot>>),
    /// Not yet, or not proved.
    NotYet(Waiting),
    /// It will not be done.
    Never(Failure),
}

/// What a wait is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// Nothing has been seen to begin: the old state is still shown, perhaps by a list that lags.
    Begin(StatefulState),
    /// It is underway.
    Progress(StatefulState),
    /// What was seen has to be seen once more.
    Confirmation(&'static str),
    /// The new instance's launch time is not later than the old one's.
    LaunchTime,
    /// It runs without an instance id.
    InstanceId,
    /// A state that is not known, which proves nothing.
    KnownState(StatefulState),
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Begin(state) => write!(f, "still {state}, not seen to begin"),
            Self::Progress(state) => write!(f, "{state}"),
            Self::Confirmation(what) => write!(f, "{what}, to be seen once more"),
            Self::LaunchTime => f.write_str("ACTIVE, but its launch time is not later than before"),
            Self::InstanceId => f.write_str("ACTIVE, but without an instance id"),
            Self::KnownState(state) => write!(f, "{state}, a state that is not known"),
        }
    }
}

/// Why it will not be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It ended in ERROR.
    Error,
    /// It fell back to PAUSED and stayed there.
    Paused {
        /// For how long it was seen so.
        lasted: Duration,
    },
    /// It is not listed any more.
    Vanished,
    /// Someone gives it up.
    Deallocated(StatefulState),
    /// It was to be paused and runs again.
    RunsAgain(InstanceId),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error => f.write_str("it went to ERROR"),
            Self::Paused { lasted } => {
                write!(f, "it fell back to PAUSED and was still so after {} s", lasted.as_secs())
            }
            Self::Vanished => f.write_str("it is not listed any more"),
            Self::Deallocated(state) => write!(f, "it is being deallocated ({state})"),
            Self::RunsAgain(id) => write!(f, "it runs again, as {id}"),
        }
    }
}

/// Whether an action whose reply was lost has left a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trace {
    /// It has begun, or something else has.
    Begun,
    /// The instance is as it was.
    Untouched,
    /// What is seen proves neither.
    Unclear,
}

/// Looks for a trace of an action in one look. A list that lags shows none, so only looks over some time tell.
pub fn trace(action: &StatefulAction, before: &Snapshot, observed: Option<&Snapshot>) -> Trace {
    let Some(observed) = observed else {
        return match action {
            StatefulAction::Deallocate(_) => Trace::Begun,
            StatefulAction::Recycle
            | StatefulAction::Pause
            | StatefulAction::Resume
            | StatefulAction::DeleteVolume(_) => Trace::Unclear,
        };
    };
    if let StatefulAction::DeleteVolume(volume) = action
        && before.has_volume(volume)
        && !observed.has_volume(volume)
    {
        return Trace::Begun;
    }
    let is_other = match (&before.instance_id, &observed.instance_id) {
        (Some(before), Some(observed)) => before != observed,
        (None, Some(_)) => true,
        (Some(_) | None, None) => false,
    };
    match stage(&observed.state) {
        Stage::Unknown => Trace::Unclear,
        seen if seen != stage(&before.state) || is_other => Trace::Begun,
        Stage::Active | Stage::Paused | Stage::Underway(_) | Stage::Gone | Stage::Failed => {
            Trace::Untouched
        }
    }
}

/// What has to be seen in two looks that follow each other.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Claim {
    Runs(InstanceId),
    Absent,
    VolumeGone,
}

/// Judges one action over many looks.
///
/// A recycle or resume is done when the instance is ACTIVE as another EC2 instance whose launch time is later. Where
/// either launch time is missing or unreadable the id alone must be new, and is believed after two looks in a row show
/// the same. ERROR ends it. PAUSED ends a recycle when no RESUMING follows for three minutes, and for half a minute
/// once a launch was seen. Absence, too, is believed only after two looks in a row.
#[derive(Clone, Debug)]
pub struct Watch {
    action: StatefulAction,
    before: Snapshot,
    /// Whether any look showed that it had begun.
    has_begun: bool,
    /// Whether a launch was under way.
    was_launching: bool,
    paused_since: Option<Duration>,
    claim: Option<Claim>,
}

impl Watch {
    /// Before the first look; `before` is what the outcome is compared with.
    pub fn new(action: StatefulAction, before: Snapshot) -> Self {
        Self {
            action,
            before,
            has_begun: false,
            was_launching: false,
            paused_since: None,
            claim: None,
        }
    }

    /// What it is compared with.
    pub fn before(&self) -> &Snapshot {
        &self.before
    }

    /// Judges one more look, made at `now` by a clock that never goes back.
    pub fn judge(&mut self, observed: Option<&Snapshot>, now: Duration) -> Outlook {
        self.has_begun |= trace(&self.action, &self.before, observed) == Trace::Begun;
        let Some(observed) = observed else { return self.absent() };
        let stage = stage(&observed.state);
        self.was_launching |= stage == Stage::Underway(Course::Resuming);
        if stage != Stage::Paused {
            self.paused_since = None;
        }
        let claimed = self.claim.take();
        match &self.action {
            StatefulAction::Recycle | StatefulAction::Resume => {
                self.launched(stage, observed, claimed, now)
            }
            StatefulAction::Pause => self.paused(stage, observed, claimed),
            StatefulAction::Deallocate(_) => self.deallocated(stage, observed),
            StatefulAction::DeleteVolume(volume) => {
                let volume = volume.clone();
                self.volume_deleted(&volume, stage, observed, claimed)
            }
        }
    }

    fn absent(&mut self) -> Outlook {
        if self.claim != Some(Claim::Absent) {
            self.claim = Some(Claim::Absent);
            return Outlook::NotYet(Waiting::Confirmation("not listed"));
        }
        match &self.action {
            StatefulAction::Deallocate(_) => Outlook::Done(None),
            StatefulAction::Recycle
            | StatefulAction::Pause
            | StatefulAction::Resume
            | StatefulAction::DeleteVolume(_) => Outlook::Never(Failure::Vanished),
        }
    }

    /// Recycle and resume: a machine must be launched.
    fn launched(
        &mut self,
        stage: Stage,
        observed: &Snapshot,
        claimed: Option<Claim>,
        now: Duration,
    ) -> Outlook {
        let state = observed.state.clone();
        match stage {
            Stage::Active => self.runs(observed, claimed),
            Stage::Paused => self.is_paused(state, now),
            Stage::Underway(Course::Deallocating) | Stage::Gone => {
                Outlook::Never(Failure::Deallocated(state))
            }
            Stage::Underway(Course::Pausing | Course::Resuming | Course::Recycling) => {
                Outlook::NotYet(Waiting::Progress(state))
            }
            Stage::Failed => Outlook::Never(Failure::Error),
            Stage::Unknown => Outlook::NotYet(Waiting::KnownState(state)),
        }
    }

    fn runs(&mut self, observed: &Snapshot, claimed: Option<Claim>) -> Outlook {
        let Some(id) = &observed.instance_id else {
            return Outlook::NotYet(Waiting::InstanceId);
        };
        if self.before.instance_id.as_ref() == Some(id) {
            return Outlook::NotYet(Waiting::Begin(observed.state.clone()));
        }
        let launched = |snapshot: &Snapshot| snapshot.launched_at.as_ref()?.instant();
        match (launched(&self.before), launched(observed)) {
            (Some(before), Some(after)) if after > before => done(observed),
            (Some(_), Some(_)) => Outlook::NotYet(Waiting::LaunchTime),
            (None, _) | (_, None) => {
                let claim = Claim::Runs(id.clone());
                if claimed.as_ref() == Some(&claim) {
                    return done(observed);
                }
                self.claim = Some(claim);
                Outlook::NotYet(Waiting::Confirmation("ACTIVE as a new instance"))
            }
        }
    }

    fn is_paused(&mut self, state: StatefulState, now: Duration) -> Outlook {
        let may_stay = match self.action {
            // Where it comes from: only a launch that was seen to begin can fall back.
            StatefulAction::Resume => !self.was_launching,
            StatefulAction::Recycle
            | StatefulAction::Pause
            | StatefulAction::Deallocate(_)
            | StatefulAction::DeleteVolume(_) => false,
        };
        if may_stay {
            return Outlook::NotYet(Waiting::Begin(state));
        }
        let since = *self.paused_since.get_or_insert(now);
        let lasted = now.saturating_sub(since);
        let grace = if self.was_launching { RELAPSE_GRACE } else { PAUSED_GRACE };
        if lasted >= grace {
            return Outlook::Never(Failure::Paused { lasted });
        }
        Outlook::NotYet(Waiting::Progress(state))
    }

    fn paused(&mut self, stage: Stage, observed: &Snapshot, claimed: Option<Claim>) -> Outlook {
        let state = observed.state.clone();
        match stage {
            Stage::Paused => done(observed),
            Stage::Active => match &observed.instance_id {
                Some(id) if self.before.instance_id.as_ref() != Some(id) => {
                    let claim = Claim::Runs(id.clone());
                    if claimed.as_ref() == Some(&claim) {
                        return Outlook::Never(Failure::RunsAgain(id.clone()));
                    }
                    self.claim = Some(claim);
                    Outlook::NotYet(Waiting::Confirmation("ACTIVE as another instance"))
                }
                Some(_) | None => Outlook::NotYet(Waiting::Begin(state)),
            },
            Stage::Underway(Course::Deallocating) | Stage::Gone => {
                Outlook::Never(Failure::Deallocated(state))
            }
            Stage::Underway(Course::Pausing | Course::Resuming | Course::Recycling) => {
                Outlook::NotYet(Waiting::Progress(state))
            }
            Stage::Failed => Outlook::Never(Failure::Error),
            Stage::Unknown => Outlook::NotYet(Waiting::KnownState(state)),
        }
    }

    fn deallocated(&mut self, stage: Stage, observed: &Snapshot) -> Outlook {
        let state = observed.state.clone();
        match stage {
            // How long it stays listed is not documented, so it counts like absence.
            Stage::Gone => Outlook::Done(None),
            Stage::Active | Stage::Paused => Outlook::NotYet(Waiting::Begin(state)),
            Stage::Failed if super::stage::stage(&self.before.state) != Stage::Failed => {
                Outlook::Never(Failure::Error)
            }
            Stage::Failed if self.has_begun => Outlook::Never(Failure::Error),
            Stage::Failed => Outlook::NotYet(Waiting::Begin(state)),
            Stage::Underway(_) => Outlook::NotYet(Waiting::Progress(state)),
            Stage::Unknown => Outlook::NotYet(Waiting::KnownState(state)),
        }
    }

    fn volume_deleted(
        &mut self,
        volume: &str,
        stage: Stage,
        observed: &Snapshot,
        claimed: Option<Claim>,
    ) -> Outlook {
        let state = observed.state.clone();
        match stage {
            Stage::Paused => {
                // Where volumes are not listed the vendor's word is all there is.
                if !self.before.has_volume(volume) {
                    return done(observed);
                }
                if observed.has_volume(volume) {
                    return Outlook::NotYet(Waiting::Begin(state));
                }
                if claimed == Some(Claim::VolumeGone) {
                    return done(observed);
                }
                self.claim = Some(Claim::VolumeGone);
                Outlook::NotYet(Waiting::Confirmation("volume not listed"))
            }
            Stage::Underway(Course::Deallocating) | Stage::Gone => {
                Outlook::Never(Failure::Deallocated(state))
            }
            Stage::Active | Stage::Underway(_) => Outlook::NotYet(Waiting::Progress(state)),
            Stage::Failed => Outlook::Never(Failure::Error),
            Stage::Unknown => Outlook::NotYet(Waiting::KnownState(state)),
        }
    }
}

fn done(observed: &Snapshot) -> Outlook {
    Outlook::Done(Some(Box::new(observed.clone())))
}
