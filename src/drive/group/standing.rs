//! What a group has, and the wait until it has what it is to have.

use std::time::Duration;

use jiff::SignedDuration;

use super::error::GroupError;
use super::keeper::Keeper;
use crate::domain::{Group, GroupId, StatefulInstance};
use crate::drive::wait::until;
use crate::plan::group::{Goal, Host, Readiness, hosts, judge};

/// How far back the group's log is searched for why it is not ready.
const BACK: SignedDuration = SignedDuration::from_hours(1);

/// What a group has at one moment.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    /// Its instances.
    pub hosts: Vec<Host>,
    /// Those with state.
    pub stateful: Vec<StatefulInstance>,
    /// What was odd about the lists.
    pub oddities: Vec<String>,
}

/// How a wait is made.
#[derive(Clone, Debug)]
pub struct Patience {
    /// What is to run.
    pub goal: Goal,
    /// Longest wait.
    pub limit: Duration,
    /// What is waited for.
    pub awaited: Awaited,
}

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaited {
    /// All that the group is to have.
    All,
    /// The same, but what someone has paused stays paused, and what has failed is told.
    AllButPaused,
    /// What is seen to be underway. What falls short of the goal besides is told and not waited for.
    Underway,
}

impl Awaited {
    /// Whether it is not waited for what shows itself so.
    fn takes(self, judged: &Readiness) -> bool {
        match self {
            Self::All => false,
            Self::AllButPaused => matches!(judged, Readiness::Never(_) | Readiness::Still(_)),
            Self::Underway => !matches!(judged, Readiness::NotYet(_)),
        }
    }
}

impl Keeper<'_> {
    /// Looks at the instances of a group.
    ///
    /// # Errors
    ///
    /// [`GroupError::Spot`].
    pub fn standing(&self, group: &Group, with_health: bool) -> Result<Standing, GroupError> {
        let mut oddities = Vec::new();
        let stateful = match group.persistence.may_have_stateful_instances() {
            true => {
                let listed = self.client.list_stateful_instances(self.account, &group.id)?;
                oddities.extend(listed.left_out);
                listed.items
            }
            false => Vec::new(),
        };
        let members = self.client.group_status(self.account, &group.id)?;
        oddities.extend(members.left_out);
        let health = match with_health {
            true => {
                let listed = self.client.instance_healthiness(self.account, &group.id)?;
                oddities.extend(listed.left_out);
                Some(listed.items)
            }
            false => None,
        };
        let hosts = hosts(&stateful, &members.items, health.as_deref());
        Ok(Standing { hosts, stateful, oddities })
    }

    /// Waits until a group has its instances.
    ///
    /// # Errors
    ///
    /// [`GroupError::NotReady`], [`GroupError::Spot`].
    pub fn settle(&self, group: &Group, patience: &Patience) -> Result<Standing, GroupError> {
        let id = &group.id;
        let mut words = String::new();
        let mut still = 0;
        let settled = until(self.clock, patience.limit, || {
            let standing = self.standing(group, patience.goal.is_checked)?;
            let judged = judge(&patience.goal, &standing.stateful, &standing.hosts);
            if patience.awaited.takes(&judged) {
                let mut standing = standing;
                // That someone paused an instance needs no word.
                if let Readiness::Never(why) | Readiness::Ill(why) | Readiness::Short(why) = judged
                {
                    standing.oddities.push(format!("group {id} is not as it is to be: {why}"));
                }
                return Ok(Some(standing));
            }
            match judged {
                Readiness::Ready => return Ok(Some(standing)),
                Readiness::Never(why) => {
                    let hint = "; see to that instance, or pause or deallocate it";
                    return Err(self.not_ready(id, why, hint, false));
                }
                Readiness::Still(why) => {
                    // A list may lag behind for a moment, but not for long.
                    still += 1;
                    words = why;
                }
                Readiness::NotYet(why) | Readiness::Ill(why) | Readiness::Short(why) => {
                    still = 0;
                    words = why;
                }
            }
            self.progress.tick(|| format!("waiting for group {id}: {words}"));
            Ok::<_, GroupError>(None)
        })?;
        settled.map_err(|after| {
            let words = match still {
                0 => format!("{words} after {after}"),
                _ => format!("{words} and nothing is underway after {after}"),
            };
            let hint = "; wait_timeout sets how long is waited";
            self.not_ready(id, words, hint, true)
        })
    }

    fn not_ready(
        &self,
        id: &GroupId,
        words: String,
        hint: &'static str,
        is_late: bool,
    ) -> GroupError {
        let now = self.client.vendor_now();
        let from = now.checked_sub(BACK).unwrap_or(now);
        let lines = self.client.group_log(self.account, id, from, now);
        let is_failure = |severity: &Option<String>| {
            severity.as_deref().is_some_and(|it| it == "ERROR" || it == "WARN")
        };
        let log = lines.ok().and_then(|lines| {
            lines.items.into_iter().find(|line| is_failure(&line.severity)).map(|line| line.message)
        });
        GroupError::NotReady { id: id.clone(), words, log, hint, is_late }
    }
}
