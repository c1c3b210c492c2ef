//! How actions proceed over virtual time: the agenda, and what happens when a step is due.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use crate::chronicle::{Accepted, Cause, sight};
use crate::clock::{later, seconds};
use crate::estate::{Estate, StatefulInstance};
use crate::lifecycle::{Action, Effect, OnDeallocate, Phase, State, phases};
use crate::machines::{NoLaunch, retained};
use crate::stateful::{Deletions, Underway};
use crate::world::World;

/// Something that happens later to a stateful instance.
#[derive(Clone, Debug)]
pub(crate) struct Due {
    pub(crate) group: String,
    pub(crate) instance: String,
    pub(crate) what: DueKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DueKind {
    /// The next phase of the action that was underway at this epoch.
    Step { epoch: u64 },
    /// The next phase of the action on a managed instance that was underway at this epoch.
    ManagedStep { epoch: u64 },
    /// The vendor looks whether an unhealthy instance is to be replaced; `told`: that healing is suspended is known.
    Heal { told: bool },
    /// Something that nobody asked for strikes the group, if the plans of this epoch still hold.
    Fate { cause: Cause, epoch: u64 },
    /// Scheduled tasks run, if the plans of this epoch still hold.
    Tasks { epoch: u64 },
    /// The next step of the deployment that `instance` names.
    Deployment,
}

/// What is to happen, in order of time and then of planning.
#[derive(Clone, Debug, Default)]
pub(crate) struct Agenda {
    due: BTreeMap<(Timestamp, u64), Due>,
    planned: u64,
}

impl Agenda {
    pub(crate) fn plan(&mut self, at: Timestamp, due: Due) {
        self.planned += 1;
        self.due.insert((at, self.planned), due);
    }

    /// When something is to happen next.
    pub(crate) fn next_at(&self) -> Option<Timestamp> {
        self.due.first_key_value().map(|((at, _), _)| *at)
    }

    fn next(&mut self, now: Timestamp) -> Option<(Timestamp, Due)> {
        let (key, _) = self.due.first_key_value().filter(|((at, _), _)| *at <= now)?;
        let key = *key;
        self.due.remove(&key).map(|due| (key.0, due))
    }
}

fn place(estate: &Estate, group: &str, instance: &str) -> Option<usize> {
    let group = estate.group(group)?;
    group.stateful.iter().position(|ssi| ssi.id == instance)
}

impl World {
    /// Lets everything happen that is due by `now`, each thing at its own instant.
    pub(crate) fn settle(&mut self, now: Timestamp) {
        while let Some((at, due)) = self.agenda.next(now) {
            match due.what {
                DueKind::Step { epoch } => self.step(&due.group, &due.instance, epoch, at),
                DueKind::ManagedStep { epoch } => self.step_managed(&due.instance, epoch, at),
                DueKind::Heal { told } => self.heal(&due, told, at),
                DueKind::Fate { cause, epoch } => self.strike_fate(&due.group, cause, epoch, at),
                DueKind::Tasks { epoch } => self.run_tasks(&due.group, epoch, at),
                DueKind::Deployment => self.step_deployment(&due.group, &due.instance, at),
            }
        }
        let expired = self.retained.iter().filter(|kept| kept.expires_at <= now);
        let expired = expired.filter(|kept| kept.kind == "volume").map(|kept| kept.id.clone());
        let expired: Vec<String> = expired.collect();
        self.retained.retain(|kept| kept.expires_at > now);
        self.volumes_went(expired);
        for index in 0..self.estate.groups.len() {
            let over = |until: &Option<Timestamp>| until.is_some_and(|until| until <= now);
            if self.estate.groups[index].suspensions.values().any(over) {
                let id = self.estate.groups[index].id.clone();
                self.change(now, |estate| {
                    if let Some(group) = estate.group_mut(&id) {
                        group.suspensions.retain(|_, until| !over(until));
                    }
                });
            }
        }
    }

    /// Begins an action. The caller has checked that the instance may do it.
    pub(crate) fn start(
        &mut self,
        group: &str,
        instance: &str,
        action: Action,
        deletions: Deletions,
        cause: Cause,
        now: Timestamp,
    ) {
        self.accept(Some(group), instance, action, cause, now);
        let mishap = self.faults.mishap(action, instance, group, &mut self.chance);
        let (latency, behaviour) = (self.latency, self.behaviour.clone());
        let jitter: Vec<f64> = (0..8).map(|_| self.chance.jitter(latency.jitter)).collect();
        let epoch = self.change(now, |estate| {
            let index = place(estate, group, instance)?;
            let group = estate.group_mut(group)?;
            let root = group.persisted().root;
            let message = format!("Stateful instance {instance}: {} was accepted.", action.name());
            group.log(now, "INFO", message, Some(instance));
            let ssi = &mut group.stateful[index];
            let mut ahead = phases(action, &ssi.state, root, &latency, &behaviour);
            for (phase, factor) in ahead.iter_mut().zip(jitter) {
                phase.seconds *= factor;
            }
            ssi.underway = Some(Underway {
                action,
                cause,
                ahead: ahead.into(),
                mishap,
                deletions,
                awaiting: None,
                held: false,
            });
            ssi.epoch += 1;
            Some(ssi.epoch)
        });
        if let Some(epoch) = epoch {
            self.step(group, instance, epoch, now);
        }
    }

    /// Enters the next phase, and all that follow at the same instant.
    pub(crate) fn step(&mut self, group: &str, instance: &str, epoch: u64, now: Timestamp) {
        while let Some(phase) = self.next_phase(group, instance, epoch, now) {
            self.apply(group, instance, phase.effect, now);
            if phase.seconds > 0.0 {
                let due = Due {
                    group: group.to_owned(),
                    instance: instance.to_owned(),
                    what: DueKind::Step { epoch },
                };
                self.agenda.plan(later(now, seconds(phase.seconds)), due);
                return;
            }
        }
    }

    /// Moves the instance into its next phase, or into the mishap that stands in for it.
    fn next_phase(
        &mut self,
        group: &str,
        instance: &str,
        epoch: u64,
        now: Timestamp,
    ) -> Option<Phase> {
        self.change(now, |estate| {
            let index = place(estate, group, instance)?;
            let group = estate.group_mut(group)?;
            let ssi = &mut group.stateful[index];
            if ssi.epoch != epoch {
                return None;
            }
            let underway = ssi.underway.as_mut()?;
            if underway.awaiting.is_some() {
                underway.held = true;
                return None;
            }
            if let Some((ends, reason)) = underway.strikes() {
                let action = underway.action;
                if ends.eq_ignore_ascii_case("STUCK") {
                    // It stays underway for good: nothing is planned, and further actions are refused.
                    return None;
                }
                ssi.state = State::parse(&ends);
                ssi.underway = None;
                if ends.eq_ignore_ascii_case("GONE") {
                    group.stateful.remove(index);
                }
                let message =
                    format!("Failed to {} stateful instance {instance}: {reason}", action.name());
                group.log(now, "ERROR", message, Some(instance));
                return None;
            }
            let phase = underway.ahead.pop_front()?;
            ssi.state = phase.state.clone();
            if underway.ahead.is_empty() {
                ssi.underway = None;
                let message = format!("Stateful instance {instance} is {}.", ssi.state);
                group.log(now, "INFO", message, Some(instance));
            }
            Some(phase)
        })
    }

    fn apply(&mut self, group: &str, instance: &str, effect: Effect, now: Timestamp) {
        let Some(index) = place(&self.estate, group, instance) else { return };
        match effect {
            Effect::Nothing => {}
            Effect::Terminate => self.terminate(group, index, now),
            Effect::Launch => self.launch(group, index, now),
            Effect::Release => self.release(group, index, now),
            Effect::Remove => self.remove(group, index, now),
        }
    }

    pub(crate) fn terminate(&mut self, group: &str, index: usize, now: Timestamp) {
        let mut ids = self.ids.clone();
        let gone = self.change(now, |estate| {
            let group = estate.group_mut(group)?;
            let ssi = &group.stateful[index];
            let machine = ssi.machine.clone()?;
            let action = ssi.underway.as_ref().map(|underway| underway.action);
            let cause = ssi.underway.as_ref().map_or(Cause::Simulator, |underway| underway.cause);
            let was = ssi.clone();
            group.terminate(index, &mut ids);
            let gone = &machine.instance_id;
            let message =
                format!("Instance {gone} of stateful instance {} was terminated.", was.id);
            group.log(now, "INFO", message, Some(gone));
            Some((machine, was, action, cause))
        });
        self.ids = ids;
        let Some((machine, was, action, cause)) = gone else { return };
        let holder = (Some(group), Some(was.id.as_str()));
        self.chronicle.terminated(now, machine.instance_id, holder, action, cause);
        self.machine_went(group, index, &was, now);
    }

    /// Notes an action with what was true when it was accepted.
    pub(crate) fn accept(
        &mut self,
        group: Option<&str>,
        instance: &str,
        action: Action,
        cause: Cause,
        now: Timestamp,
    ) {
        let found = group.and_then(|id| self.estate.group(id));
        self.chronicle.accepted.push(Accepted {
            at: now,
            group_id: group.map(str::to_owned),
            stateful_instance_id: instance.to_owned(),
            action,
            cause,
            sight: found.map_or(Value::Null, |group| sight(group, now)),
        });
    }

    fn launch(&mut self, group: &str, index: usize, now: Timestamp) {
        let instance = self.estate.group(group).map(|group| group.stateful[index].id.clone());
        let images = self.images.clone();
        let twist = self.faults.twist(&instance.unwrap_or_default(), group, &mut self.chance);
        let mut ids = self.ids.clone();
        let launched = self.change(now, |estate| {
            let Some(group) = estate.group_mut(group) else { return false };
            if let Some(twist) = twist {
                group.twist(index, twist, &mut ids);
            }
            if let Err(why) = group.launch(index, &mut ids, &images, now) {
                let (state, reason) = match why {
                    NoLaunch::Capacity => (
                        State::Paused,
                        "no Spot capacity, and no fallback to on-demand. It was paused again"
                            .to_owned(),
                    ),
                    NoLaunch::Address => {
                        (State::Error, "no address of its group is free".to_owned())
                    }
                    NoLaunch::Image(image) => {
                        (State::Error, format!("image {image} does not boot"))
                    }
                };
                let ssi = &mut group.stateful[index];
                ssi.state = state;
                ssi.underway = None;
                ssi.epoch += 1;
                let id = ssi.id.clone();
                let message = format!("Can't launch stateful instance {id}: {reason}.");
                group.log(now, "ERROR", message, Some(&id));
                return false;
            }
            true
        });
        self.ids = ids;
        if launched {
            self.machine_appeared(group, index, now);
        }
    }

    fn release(&mut self, group: &str, index: usize, now: Timestamp) {
        let Some(found) = self.estate.group(group) else { return };
        let ssi = &found.stateful[index];
        let deletions = ssi.underway.as_ref().map(|one| one.deletions).unwrap_or_default();
        let hours = self.behaviour.retention_hours;
        let kept = retained(ssi, found.persisted(), deletions, hours, now, &mut self.ids);
        let deleted: Vec<String> = match deletions.volumes {
            true => ssi.data.iter().map(|device| device.volume.clone()).collect(),
            false => Vec::new(),
        };
        self.retained.extend(kept);
        let (pool_address, persists) = (ssi.private_ip.clone(), found.persisted().private_ip);
        let in_pool = |address: &String| {
            let pool = found.config["compute"]["privateIps"].as_array();
            pool.is_some_and(|pool| pool.iter().any(|entry| entry.as_str() == Some(address)))
        };
        let pool_address = pool_address.filter(|address| persists && in_pool(address));
        let zone = ssi.zone.clone();
        let on_deallocate = self.behaviour.on_deallocate;
        let mut ids = self.ids.clone();
        self.change(now, |estate| {
            let Some(group) = estate.group_mut(group) else { return };
            let ssi = &mut group.stateful[index];
            ssi.data.clear();
            ssi.kept_root = None;
            ssi.private_ip = None;
            if on_deallocate == OnDeallocate::Decrement {
                group.decrement();
            }
            if let Some(address) = pool_address {
                // An address of the pool always has its instance, paused until someone resumes it.
                let mut fresh = StatefulInstance::unborn(ids.stateful_instance(), group, zone, now);
                fresh.private_ip = Some(address);
                group.stateful.push(fresh);
            }
        });
        self.ids = ids;
        self.volumes_went(deleted);
        if on_deallocate == OnDeallocate::Replace {
            self.fit_to_target(group, false, Cause::Capacity, now);
        }
    }

    fn remove(&mut self, group: &str, index: usize, now: Timestamp) {
        self.change(now, |estate| {
            if let Some(group) = estate.group_mut(group) {
                group.stateful.remove(index);
            }
        });
    }

    pub(crate) fn note(
        &mut self,
        group: &str,
        severity: &str,
        message: &str,
        resource: &str,
        now: Timestamp,
    ) {
        self.change(now, |estate| {
            if let Some(group) = estate.group_mut(group) {
                group.log(now, severity, message.to_owned(), Some(resource));
            }
        });
    }
}
