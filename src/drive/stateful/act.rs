//! Carrying an action out.

use std::time::Duration;

use super::error::{ActError, Failed};
use super::pursuit::Pursuit;
use super::sight::Sight;
use crate::domain::{AccountId, Clock, StatefulAction, StatefulTarget};
use crate::drive::progress::Progress;
use crate::plan::stateful::{
    Check, Expectations, Phase, Refusal, Situation, Snapshot, Step, may_act,
};
use crate::spot::Client;

/// What is to be done to which instance.
#[derive(Clone, Debug)]
pub struct Job {
    /// The account it is in.
    pub account: AccountId,
    /// The instance.
    pub target: StatefulTarget,
    /// What is done.
    pub action: StatefulAction,
    /// What the caller expects and allows.
    pub expectations: Expectations,
    /// Whether to wait until it is done.
    pub wait: bool,
    /// Longest wait.
    pub wait_timeout: Duration,
    /// How long the like took before, as far as known: near these times it is looked more often.
    pub earlier: Vec<Duration>,
}

impl Job {
    /// Completes "cannot …".
    pub fn doing(&self) -> String {
        match &self.action {
            StatefulAction::DeleteVolume(volume) => {
                format!("delete volume {volume} of {}", self.target)
            }
            StatefulAction::Recycle
            | StatefulAction::Pause
            | StatefulAction::Resume
            | StatefulAction::Deallocate(_) => format!("{} {}", self.action.verb(), self.target),
        }
    }

    /// Decides from what was seen.
    ///
    /// # Errors
    ///
    /// [`ActError::Refused`].
    pub fn decide(&self, sight: &Sight) -> Result<Step, ActError> {
        let volume_holder = match &self.action {
            StatefulAction::DeleteVolume(volume) => sight.holder_of(volume),
            StatefulAction::Recycle
            | StatefulAction::Pause
            | StatefulAction::Resume
            | StatefulAction::Deallocate(_) => None,
        };
        let situation = Situation {
            observed: sight.snapshot.as_ref(),
            promises: &sight.promises,
            lists_volumes: sight.lists_volumes,
            volume_holder,
            known_before: sight.known_before.as_ref(),
            by_journal: sight.by_journal,
        };
        may_act(&self.action, &situation, &self.expectations)
            .map_err(|refusal| self.refused(refusal))
    }

    /// Why it is not begun.
    pub fn refused(&self, refusal: Refusal) -> ActError {
        ActError::Refused { doing: self.doing(), refusal: Box::new(refusal) }
    }
}

/// What came of an action.
#[derive(Clone, Debug)]
pub struct Carried {
    /// The instance before.
    pub before: Option<Snapshot>,
    /// The instance now; none if it is gone.
    pub after: Option<Snapshot>,
    /// The states that were seen.
    pub phases: Vec<Phase>,
    /// What is proved of it.
    pub checks: Vec<Check>,
    /// How often it was asked for: 0 where it was joined, 2 where a reply was lost.
    pub sent: u32,
    /// What is odd.
    pub warnings: Vec<String>,
}

/// Says whether an action may be asked for right now, and if not, why.
pub type Permit<'a> = dyn Fn() -> Result<(), String> + Sync + 'a;

/// What an action is carried out with.
#[derive(Clone, Copy)]
pub struct Actor<'a> {
    /// The API.
    pub client: &'a Client,
    /// Time.
    pub clock: &'a dyn Clock,
    /// Tells the person who waits.
    pub progress: &'a Progress<'a>,
    /// Asked before each sending, if there is one.
    pub permit: Option<&'a Permit<'a>>,
}

impl Actor<'_> {
    /// Asks for the action and sees it through.
    ///
    /// # Errors
    ///
    /// Everything but its success, with what was seen.
    pub fn act(&self, job: &Job, sight: &Sight, before: Snapshot) -> Result<Carried, Box<Failed>> {
        let mut pursuit = Pursuit::new(*self, job, sight, before);
        let outcome = pursuit.send().and_then(|()| pursuit.see_through());
        pursuit.end(outcome)
    }

    /// Sees an action through that was asked for before, by us or someone else.
    ///
    /// # Errors
    ///
    /// Everything but its success, with what was seen.
    pub fn follow(
        &self,
        job: &Job,
        sight: &Sight,
        before: Snapshot,
    ) -> Result<Carried, Box<Failed>> {
        let mut pursuit = Pursuit::new(*self, job, sight, before);
        let outcome = pursuit.see_through();
        pursuit.end(outcome)
    }
}
