//! The settings of a group that a run changes: each asked for after it was written down, and believed when it was seen.

use std::time::Duration;

use jiff::SignedDuration;

use super::error::RollError;
use super::journal::Journal;
use super::roller::Roller;
use crate::domain::{GroupChange, Persistence, Process};
use crate::drive::stateful::ends_sight;
use crate::drive::wait::until;
use crate::plan::roll::{
    Event, Hold, Outcome, RestoreAct, Setting, Survey, lapsing, other_persistence, restorations,
};
use crate::spot::Sent;

/// How long a changed setting is looked for. The vendor may accept a change and not keep it (seen by others).
const SEEN_WITHIN: Duration = Duration::from_secs(120);

/// How long the rate limit may keep a setting from being asked for at all: the request of a process that died on its way counts
/// for a minute, and the vendor's blocks may follow each other.
const ASKED_WITHIN: Duration = Duration::from_secs(180);

impl Roller<'_> {
    /// Suspends what would replace or add machines, for the run's time or `at_least` that long, where it is not suspended for
    /// half of it already. Answers whether it had to.
    pub(super) fn keep_suspended(
        &self,
        journal: &mut Journal,
        seen: &Survey,
        at_least: Option<Duration>,
    ) -> Result<bool, RollError> {
        let usual = journal.run().plan.suspend_minutes;
        let needed = at_least.map_or(0, |needed| needed.as_secs().div_ceil(60) + 1);
        let minutes = usual.max(u32::try_from(needed).unwrap_or(u32::MAX));
        let left = match at_least {
            Some(needed) => SignedDuration::try_from(needed).unwrap_or(SignedDuration::MAX),
            None => SignedDuration::from_mins(i64::from(minutes)) / 2,
        };
        let missing = lapsing(journal.run(), seen, left);
        if missing.is_empty() {
            return Ok(false);
        }
        let names = missing.iter().map(|process| process.as_str().to_owned()).collect();
        journal
            .write(self.clock, Event::Suspending { processes: names, minutes, from: seen.at })?;
        let (account, group) = (&journal.run().plan.account, &journal.run().plan.group);
        let doing = format!("suspend {} of group {group}", words(&missing));
        let ask = || self.client.suspend(account, group, &missing, minutes);
        self.set(journal, &doing, ask, || {
            let mut found = seen.clone();
            found.suspensions = self.client.suspensions(account, group)?.items;
            found.at = self.client.vendor_now();
            let left = left.min(SignedDuration::from_mins(i64::from(minutes) - 1));
            let missing = lapsing(journal.run(), &found, left);
            Ok(if missing.is_empty() {
                Ok(())
            } else {
                Err(format!("not suspended: {}", words(&missing)))
            })
        })?;
        journal.write(self.clock, Event::Suspended)?;
        Ok(true)
    }

    /// Sets image and root persistence as the run needs them for its first recycle. Answers whether it had to.
    pub(super) fn keep_switched(
        &self,
        journal: &mut Journal,
        seen: &Survey,
    ) -> Result<bool, RollError> {
        let run = journal.run();
        let Some(change) = run.plan.switch.clone() else { return Ok(false) };
        if run.is_switched {
            return Ok(false);
        }
        let group = run.plan.group.clone();
        let doing = format!("set image and root persistence of group {group}");
        let is_foreign = change.image_to.is_some()
            && seen.group.image_id != change.image_from
            && seen.group.image_id != change.image_to;
        if is_foreign {
            let (expected, found) = (change.image_from, seen.group.image_id.clone());
            return Err(RollError::held(doing)(Hold::OtherImage { expected, found }));
        }
        // The switches that are not ours go back as they are, and must be as they were.
        let found = &seen.group.persistence;
        let planned = run.plan.persistence.with_root(found.root_device);
        if let Some(what) = other_persistence(&planned, found) {
            return Err(RollError::held(doing)(Hold::OtherPersistence(what)));
        }
        let persistence = change
            .root_persistence_off
            .then(|| Persistence { root_device: false, ..found.clone() });
        let update = GroupChange { image_id: change.image_to.clone(), persistence };
        let in_list = seen.group.names_images_in_list;
        journal.write(self.clock, Event::Switching { change })?;
        self.progress.tell(&format!("setting group {group}: {update}"));
        self.update(&doing, journal, &update, in_list)?;
        journal.write(self.clock, Event::Switched)?;
        Ok(true)
    }

    /// Sets the image again that all nodes have, where it was put back meanwhile. What someone else has set since is left, and told.
    pub(super) fn keep_image(&self, journal: &mut Journal) -> Result<(), RollError> {
        let Some(change) = journal.run().image_to_keep() else { return Ok(()) };
        let group = self.survey_to_end(journal.run())?.group;
        if group.image_id == change.image_to {
            return Ok(());
        }
        let (id, image_id) = (&journal.run().plan.group, change.image_to.clone());
        if group.image_id != change.image_from {
            let found = group.image_id.as_ref().map_or("none", |image| image.as_str());
            self.progress.tell(&format!(
                "the image of group {id} is {found}, which this run did not set: it is left so"
            ));
            return Ok(());
        }
        let doing = format!("set the image of group {id} again");
        let update = GroupChange { image_id, persistence: None };
        journal.write(self.clock, Event::Switching { change })?;
        self.progress.tell(&doing);
        self.update(&doing, journal, &update, group.names_images_in_list)?;
        Ok(journal.write(self.clock, Event::Switched)?)
    }

    fn update(
        &self,
        doing: &str,
        journal: &Journal,
        update: &GroupChange,
        in_list: bool,
    ) -> Result<(), RollError> {
        let (account, group) = (&journal.run().plan.account, &journal.run().plan.group);
        self.set(
            journal,
            doing,
            || self.client.update_group(account, group, update, in_list),
            || {
                let found = self.client.get_group(account, group)?;
                let Some(found) = found.items.first() else {
                    return Ok(Err("the group was not told".to_owned()));
                };
                let is_image = update.image_id.is_none() || found.image_id == update.image_id;
                let is_root = update
                    .persistence
                    .as_ref()
                    .is_none_or(|wanted| wanted.root_device == found.persistence.root_device);
                let image = found.image_id.as_ref().map_or("none", |image| image.as_str());
                let root = found.persistence.root_device;
                Ok(if is_image && is_root {
                    Ok(())
                } else {
                    Err(format!("image is {image}, root volumes persisted: {root}"))
                })
            },
        )
    }

    /// Asks for a setting and looks until it is there. Asking twice does no more than asking once, so it is asked again when it
    /// is not seen after a third of the time, and after a lost reply; unless another process has taken the run over since.
    fn set(
        &self,
        journal: &Journal,
        doing: &str,
        ask: impl Fn() -> Sent,
        look: impl Fn() -> Result<Result<(), String>, crate::spot::SpotError>,
    ) -> Result<(), RollError> {
        let mut found = "nothing could be read".to_owned();
        let attempt = |found: &mut String| {
            journal.is_ours()?;
            match ask() {
                Sent::Accepted => Ok(true),
                Sent::Refused(error) if error.is_transient() => {
                    *found = error.to_string();
                    Ok(false)
                }
                Sent::Refused(error) => Err(RollError::from(error)),
                Sent::Unknown(error) => {
                    *found = error.to_string();
                    Ok(true)
                }
            }
        };
        let not_seen = |time, found| RollError::NotSeen { doing: doing.to_owned(), time, found };
        let asked = until(self.clock, ASKED_WITHIN, || {
            let is_asked = attempt(&mut found)?;
            self.progress.tick(|| format!("waiting to {doing}: {found}"));
            Ok::<_, RollError>(is_asked.then_some(()))
        })?;
        if let Err(time) = asked {
            return Err(not_seen(time, found));
        }
        let mut asked_at = self.clock.monotonic();
        let outcome = until(self.clock, SEEN_WITHIN, || {
            let now = self.clock.monotonic();
            if now.saturating_sub(asked_at) > SEEN_WITHIN / 3 && attempt(&mut found)? {
                asked_at = self.clock.monotonic();
            }
            match look() {
                Ok(Ok(())) => return Ok(Some(())),
                Ok(Err(other)) => found = other,
                Err(error) if ends_sight(&error) => return Err(RollError::from(error)),
                Err(error) => found = error.to_string(),
            }
            self.progress.tick(|| format!("waiting to {doing}: {found}"));
            Ok(None)
        })?;
        outcome.map_err(|time| not_seen(time, found))
    }

    /// Puts back everything that is owed at this outcome.
    pub(super) fn restore(&self, journal: &mut Journal, outcome: Outcome) -> Result<(), RollError> {
        if journal.run().owed(outcome).is_empty() {
            return Ok(());
        }
        let seen = self.survey_to_end(journal.run())?;
        for restoration in restorations(journal.run(), outcome, &seen) {
            let setting = restoration.setting;
            journal.write(self.clock, Event::Restoring { setting })?;
            let left = self.put_back(journal, setting, restoration.act, &seen)?;
            journal.write(self.clock, Event::Restored { setting, left })?;
        }
        Ok(())
    }

    /// Answers why it was left, if it was.
    fn put_back(
        &self,
        journal: &Journal,
        setting: Setting,
        act: RestoreAct,
        seen: &Survey,
    ) -> Result<Option<String>, RollError> {
        let (account, group) = (&journal.run().plan.account, &journal.run().plan.group);
        let doing = format!("put back {} of group {group}", setting.as_str());
        self.progress.tell(&doing.replacen("put", "putting", 1));
        match act {
            RestoreAct::Nothing => Ok(None),
            RestoreAct::Leave(reason) => Ok(Some(reason)),
            RestoreAct::Update(update) => {
                self.update(&doing, journal, &update, seen.group.names_images_in_list)?;
                Ok(None)
            }
            RestoreAct::Suspensions { release, again, left } => {
                if !release.is_empty() {
                    self.set(
                        journal,
                        &doing,
                        || self.client.unsuspend(account, group, &release),
                        || {
                            let found = self.client.suspensions(account, group)?.items;
                            let still: Vec<Process> = release
                                .iter()
                                .filter(|process| found.iter().any(|it| it.process == **process))
                                .cloned()
                                .collect();
                            Ok(if still.is_empty() {
                                Ok(())
                            } else {
                                Err(format!("still suspended: {}", words(&still)))
                            })
                        },
                    )?;
                }
                for (process, minutes) in again {
                    let one = std::slice::from_ref(&process);
                    let end = self.client.vendor_now()
                        + SignedDuration::from_mins(i64::from(minutes) + 1);
                    self.set(
                        journal,
                        &doing,
                        || self.client.suspend(account, group, one, minutes),
                        || {
                            let found = self.client.suspensions(account, group)?.items;
                            let is_there = found.iter().any(|it| {
                                let at = it.expires_at.as_ref().and_then(|at| at.instant());
                                it.process == process && at.is_some_and(|at| at <= end)
                            });
                            Ok(if is_there {
                                Ok(())
                            } else {
                                Err(format!("{process} is not suspended as before"))
                            })
                        },
                    )?;
                }
                Ok((!left.is_empty()).then(|| left.join("; ")))
            }
        }
    }
}

fn words(processes: &[Process]) -> String {
    processes.iter().map(Process::as_str).collect::<Vec<_>>().join(", ")
}
