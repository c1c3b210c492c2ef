//! What happens without being asked for: interruptions, healing, replacements of the vendor's own accord.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::actions::{Due, DueKind};
use crate::chronicle::{Autonomous, Cause};
use crate::clock::{later, seconds};
use crate::estate::{Group, Machine};
use crate::ids::Ids;
use crate::lifecycle::{Action, State};
use crate::stateful::Deletions;
use crate::windows;
use crate::world::World;

/// How often a group sees something that nobody asked for: mean events per virtual hour, drawn from the seed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rates {
    /// AWS takes a Spot instance back; nothing prevents it.
    pub interruption: f64,
    /// An instance becomes unhealthy and is replaced, unless `AUTO_HEALING` is suspended or the group heals nothing.
    pub unhealthy: f64,
    /// The vendor expects an interruption, unless `PREVENTIVE_REPLACEMENT` is suspended.
    pub preventive_replacement: f64,
    /// An instance does not fit the strategy, unless `OUT_OF_STRATEGY` is suspended.
    pub out_of_strategy: f64,
    /// An on-demand instance becomes a Spot one where the group's `revertToSpot` says so, unless `REVERT_PREFERRED` is
    /// suspended.
    pub revert_to_spot: f64,
}

impl Rates {
    fn all(self) -> [(Cause, f64); 5] {
        [
            (Cause::Interruption, self.interruption),
            (Cause::Unhealthy, self.unhealthy),
            (Cause::PreventiveReplacement, self.preventive_replacement),
            (Cause::OutOfStrategy, self.out_of_strategy),
            (Cause::RevertToSpot, self.revert_to_spot),
        ]
    }

    /// Why the rates make no sense, if so.
    pub(crate) fn objection(self) -> Option<String> {
        let senseless = |rate: &f64| !(0.0..=3600.0).contains(rate);
        let (_, rate) = self.all().into_iter().find(|(_, rate)| senseless(rate))?;
        Some(format!("`autonomous`: {rate} is no rate per hour between 0 and 3600"))
    }

    fn of(self, cause: Cause) -> f64 {
        self.all().into_iter().find(|(one, _)| *one == cause).map_or(0.0, |(_, rate)| rate)
    }
}

/// The sources of chance, one for each group and cause, so that nothing else changes when what happens.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fate {
    sources: BTreeMap<(String, Cause), Ids>,
    /// Events planned for an earlier count are void.
    epoch: u64,
}

/// What came of something that the vendor wanted to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fated {
    Done,
    Blocked(String),
    /// There is no such running instance, or an action on it is underway.
    Impossible,
}

impl World {
    /// Plans the first event of each kind that has a rate; earlier plans are void.
    pub(crate) fn plan_fate(&mut self, now: Timestamp) {
        self.fate = Fate { sources: BTreeMap::new(), epoch: self.fate.epoch + 1 };
        let seed = self.seed();
        let rates: Vec<(String, Rates)> =
            self.estate.groups.iter().map(|group| (group.id.clone(), group.rates)).collect();
        for (group, rates) in rates {
            for (cause, _) in rates.all().into_iter().filter(|(_, rate)| *rate > 0.0) {
                let source = Ids::named(seed, &format!("fate/{group}/{cause:?}"));
                self.fate.sources.insert((group.clone(), cause), source);
                self.plan_event(&group, cause, now);
            }
        }
    }

    fn plan_event(&mut self, group: &str, cause: Cause, now: Timestamp) {
        let rate = self.estate.group(group).map_or(0.0, |group| group.rates.of(cause));
        let key = (group.to_owned(), cause);
        let Some(source) = self.fate.sources.get_mut(&key).filter(|_| rate > 0.0) else { return };
        // The gaps of events that come at random at a mean rate; at least a second, so that time gets on.
        let hours = -(1.0 - source.fraction()).ln() / rate;
        let gap = seconds(hours * 3600.0).max(SignedDuration::from_secs(1));
        let what = DueKind::Fate { cause, epoch: self.fate.epoch };
        let due = Due { group: group.to_owned(), instance: String::new(), what };
        self.agenda.plan(later(now, gap), due);
    }

    /// An event of that cause is due in the group: it strikes one of the instances it can strike.
    pub(crate) fn strike_fate(&mut self, group_id: &str, cause: Cause, epoch: u64, now: Timestamp) {
        if epoch != self.fate.epoch {
            return;
        }
        self.plan_event(group_id, cause, now);
        let key = (group_id.to_owned(), cause);
        // Drawn also when nothing can be struck, so that the next event does not depend on that.
        let Some(draw) = self.fate.sources.get_mut(&key).map(Ids::fraction) else { return };
        let Some(group) = self.estate.group(group_id) else { return };
        let eligible = eligible(group, cause, now);
        let Some(instance) = pick(&eligible, draw) else { return };
        if cause == Cause::Unhealthy {
            self.sicken(group_id, &instance, now);
        } else {
            self.replace_by_itself(&instance, cause, now);
        }
    }

    fn sicken(&mut self, group_id: &str, instance: &str, now: Timestamp) {
        let ssi = self.change(now, |estate| {
            let group = estate.group_mut(group_id)?;
            for member in group.members.iter_mut().filter(|one| one.instance_id == instance) {
                member.health = "UNHEALTHY".to_owned();
            }
            let ssi = group.stateful.iter_mut().find(|ssi| ssi.is(instance))?;
            if let Some(machine) = &mut ssi.machine {
                machine.health = "UNHEALTHY".to_owned();
            }
            Some(ssi.id.clone())
        });
        self.plan_healing(group_id, &ssi.unwrap_or_else(|| instance.to_owned()), now);
    }

    /// Spot or AWS takes the machine of a stateful instance or a member, both by any of their ids, unless that is
    /// suspended: a stateful instance then recycles by itself.
    pub(crate) fn replace_by_itself(
        &mut self,
        instance: &str,
        cause: Cause,
        now: Timestamp,
    ) -> Fated {
        let Some(group) = self.estate.holder_of(instance) else { return Fated::Impossible };
        let group_id = group.id.clone();
        let ssi = group.stateful.iter().find(|ssi| ssi.is(instance));
        if ssi.is_some_and(|ssi| ssi.machine.is_none() || ssi.underway.is_some()) {
            return Fated::Impossible;
        }
        let member = group.members.iter().find(|one| one.instance_id == instance);
        if ssi.is_none() && member.is_none() {
            return Fated::Impossible;
        }
        let machine = ssi.and_then(|ssi| ssi.machine.as_ref()).or(member);
        let blocked = obstacle(group, cause, now);
        self.chronicle.autonomous.push(Autonomous {
            at: now,
            cause,
            group_id: group_id.clone(),
            task: None,
            stateful_instance_id: ssi.map(|ssi| ssi.id.clone()),
            instance_id: machine.map(|machine| machine.instance_id.clone()),
            blocked_by: blocked.clone(),
        });
        if let Some(process) = blocked {
            return Fated::Blocked(process);
        }
        let words = cause.words();
        match ssi.map(|ssi| ssi.id.clone()) {
            Some(id) => {
                let message = format!("Stateful instance {id}: {words}.");
                self.note(&group_id, "WARN", &message, &id, now);
                self.start(&group_id, &id, Action::Recycle, Deletions::default(), cause, now);
            }
            None => {
                let message = format!("Instance {instance}: {words}.");
                self.note(&group_id, "WARN", &message, instance, now);
                self.replace_member(&group_id, instance, cause, now);
            }
        }
        Fated::Done
    }

    /// Plans a look at an instance that became unhealthy.
    pub(crate) fn plan_healing(&mut self, group: &str, instance: &str, now: Timestamp) {
        let what = DueKind::Heal { told: false };
        let due = Due { group: group.to_owned(), instance: instance.to_owned(), what };
        self.agenda.plan(later(now, seconds(self.behaviour.healing_seconds)), due);
    }

    /// Replaces the instance if it is still unhealthy; while healing is suspended it looks again each minute.
    pub(crate) fn heal(&mut self, due: &Due, told: bool, now: Timestamp) {
        let Some(group) = self.estate.group(&due.group) else { return };
        let ssi = group.stateful.iter().find(|ssi| ssi.id == due.instance);
        let member = group.members.iter().find(|one| one.instance_id == due.instance);
        let machine = ssi.and_then(|ssi| ssi.machine.as_ref()).or(member);
        let unhealthy = machine.is_some_and(|machine| machine.health == "UNHEALTHY");
        if !unhealthy || ssi.is_some_and(|ssi| ssi.underway.is_some()) {
            return;
        }
        let suspended = group.is_suspended("AUTO_HEALING", now);
        // Told once, however often it looks.
        if !told || !suspended {
            self.replace_by_itself(&due.instance.clone(), Cause::Unhealthy, now);
        }
        if suspended {
            let what = DueKind::Heal { told: true };
            self.agenda.plan(later(now, seconds(60.0)), Due { what, ..due.clone() });
        }
    }
}

/// What keeps the vendor from doing it.
fn obstacle(group: &Group, cause: Cause, now: Timestamp) -> Option<String> {
    let launch = &group.config["compute"]["launchSpecification"];
    if cause == Cause::Unhealthy && launch["autoHealing"].as_bool() == Some(false) {
        return Some("autoHealing".to_owned());
    }
    let process = cause.process().filter(|process| group.is_suspended(process, now));
    process.map(str::to_owned)
}

/// The running instances that such an event can strike, by the ids of their machines.
fn eligible(group: &Group, cause: Cause, now: Timestamp) -> Vec<String> {
    let settled = group.stateful.iter().filter(|ssi| ssi.state == State::Active);
    let settled = settled.filter(|ssi| ssi.underway.is_none());
    let machines = settled.filter_map(|ssi| ssi.machine.as_ref()).chain(&group.members);
    let reverts = cause == Cause::RevertToSpot && reverts_to_spot(group, now);
    let fits = |machine: &&Machine| match cause {
        Cause::Interruption => machine.spot_request.is_some(),
        Cause::RevertToSpot => machine.spot_request.is_none() && reverts,
        Cause::Unhealthy => machine.health != "UNHEALTHY",
        _ => true,
    };
    machines.filter(fits).map(|machine| machine.instance_id.clone()).collect()
}

/// `strategy.revertToSpot`: always unless it says otherwise.
fn reverts_to_spot(group: &Group, now: Timestamp) -> bool {
    let revert = &group.config["strategy"]["revertToSpot"];
    match revert["performAt"].as_str() {
        Some("never") => false,
        Some("timeWindow") => {
            let windows = revert["timeWindows"].as_array().into_iter().flatten();
            windows.filter_map(|window| window.as_str()).any(|window| windows::covers(window, now))
        }
        _ => group.spot_capacity,
    }
}

fn pick(from: &[String], draw: f64) -> Option<String> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a share of a small number"
    )]
    let index = (draw * from.len() as f64) as usize;
    from.get(index).cloned()
}

#[cfg(test)]
mod tests;
