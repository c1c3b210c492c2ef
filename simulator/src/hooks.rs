//! Machines that come and go, told in order to whoever runs commands for them. Nothing runs here.
//!
//! While a command has not ended, the stateful instance that it is for stays where it is: it is `ACTIVE` only after its
//! launch was carried out, and its volumes are attached elsewhere only after its termination was.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;
use serde::Deserialize;

use crate::chronicle::Cause;
use crate::estate::{Device, Group, Machine, StatefulInstance};
use crate::lifecycle::{Action, Effect, Phase, State};
use crate::stateful::{Deletions, Underway};
use crate::world::World;

/// Commands that a fleet wants to have run: program and arguments, without a shell.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Hooks {
    /// For each machine that appears; it exists only if this succeeds.
    pub(crate) launch: Vec<String>,
    /// For each machine that goes.
    pub(crate) terminate: Vec<String>,
    /// Real seconds after which a command is killed and counts as failed.
    pub(crate) timeout_seconds: f64,
}

impl Default for Hooks {
    fn default() -> Hooks {
        Hooks { launch: Vec::new(), terminate: Vec::new(), timeout_seconds: 60.0 }
    }
}

impl Hooks {
    /// Why they make no sense, if so.
    pub(crate) fn objection(&self) -> Option<String> {
        if !(0.1..=86_400.0).contains(&self.timeout_seconds) {
            let given = self.timeout_seconds;
            return Some(format!("`hooks.timeout_seconds` is {given}, not between 0.1 and 86400"));
        }
        let nameless = |command: &[String]| command.first().is_some_and(String::is_empty);
        let nameless = nameless(&self.launch) || nameless(&self.terminate);
        nameless.then(|| "`hooks` has a command without a name".to_owned())
    }
}

/// What is to be done outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JobKind {
    /// A machine appeared.
    Launched,
    /// A machine went.
    Terminated,
    /// Volumes are no more; no machine is concerned.
    Discarded,
}

/// One thing to be done outside, with everything that must be known for it.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) id: u64,
    pub(crate) kind: JobKind,
    pub(crate) hooks: Arc<Hooks>,
    pub(crate) group_id: String,
    pub(crate) group_name: String,
    /// Empty for a member of a group without state.
    pub(crate) stateful_id: String,
    pub(crate) instance_id: String,
    pub(crate) image: String,
    pub(crate) private_ip: String,
    pub(crate) zone: String,
    /// Data volumes, without the root volume.
    pub(crate) volumes: Vec<Device>,
    /// Volumes that end with it.
    pub(crate) discarded: Vec<String>,
}

/// Jobs that are to be fetched, and those that have not ended.
#[derive(Clone, Debug, Default)]
pub(crate) struct HookQueue {
    /// Whether anyone runs the jobs; if not there are none, and nothing waits.
    pub(crate) served: bool,
    pub(crate) jobs: VecDeque<Job>,
    pub(crate) outstanding: BTreeSet<u64>,
    planned: u64,
}

impl HookQueue {
    fn push(&mut self, mut job: Job) -> u64 {
        self.planned += 1;
        job.id = self.planned;
        self.outstanding.insert(job.id);
        self.jobs.push_back(job);
        self.planned
    }
}

fn job(
    kind: JobKind,
    group: &Group,
    ssi: Option<&StatefulInstance>,
    machine: &Machine,
) -> Option<Job> {
    let image = ssi.map_or_else(|| group.image(), |ssi| &ssi.image);
    Some(Job {
        id: 0,
        kind,
        hooks: Arc::clone(group.hooks.as_ref()?),
        group_id: group.id.clone(),
        group_name: group.name().to_owned(),
        stateful_id: ssi.map(|ssi| ssi.id.clone()).unwrap_or_default(),
        instance_id: machine.instance_id.clone(),
        image: image.to_owned(),
        private_ip: machine.private_ip.clone(),
        zone: machine.zone.clone(),
        volumes: ssi.map(|ssi| ssi.data.clone()).unwrap_or_default(),
        discarded: Vec::new(),
    })
}

impl World {
    /// From now on someone fetches the jobs. The machines that exist appear; those of active instances are active only
    /// when their launch was carried out.
    pub(crate) fn serve_hooks(&mut self, now: Timestamp) {
        self.hooks.served = true;
        let groups: Vec<String> = self.estate.groups.iter().map(|group| group.id.clone()).collect();
        for id in groups {
            let size = self.estate.group(&id).map_or(0, |group| group.stateful.len());
            for index in 0..size {
                let launched = self.machine_appeared(&id, index, now);
                let Some(job) = launched else { continue };
                self.change(now, |estate| {
                    let ssi = &mut estate.group_mut(&id)?.stateful[index];
                    if ssi.state == State::Active {
                        ssi.state = State::Resuming;
                        ssi.underway = Some(starting(job));
                        ssi.epoch += 1;
                    }
                    Some(())
                });
            }
            let members = self.estate.group(&id).map(|group| group.members.clone());
            for member in members.unwrap_or_default() {
                self.member_appeared(&id, &member);
            }
        }
    }

    /// Volumes of all groups with hooks.
    pub(crate) fn hooked_volumes(&self) -> Vec<String> {
        let groups = self.estate.groups.iter().filter(|group| group.hooks.is_some());
        let devices = groups.flat_map(|group| &group.stateful).flat_map(|ssi| &ssi.data);
        devices.map(|device| device.volume.clone()).collect()
    }

    /// Tells of the machine of a stateful instance; what is underway waits for the end of it.
    pub(crate) fn machine_appeared(
        &mut self,
        group_id: &str,
        index: usize,
        now: Timestamp,
    ) -> Option<u64> {
        let group = self.estate.group(group_id).filter(|_| self.hooks.served)?;
        let ssi = &group.stateful[index];
        let job = job(JobKind::Launched, group, Some(ssi), ssi.machine.as_ref()?)?;
        let id = self.hooks.push(job);
        self.await_job(group_id, index, id, now);
        Some(id)
    }

    /// Tells that the machine of a stateful instance went. `was` is the instance with it.
    pub(crate) fn machine_went(
        &mut self,
        group_id: &str,
        index: usize,
        was: &StatefulInstance,
        now: Timestamp,
    ) {
        let Some(group) = self.estate.group(group_id).filter(|_| self.hooks.served) else { return };
        let Some(machine) = was.machine.as_ref() else { return };
        let Some(mut job) = job(JobKind::Terminated, group, Some(was), machine) else { return };
        if group.stateful[index].data.is_empty() {
            job.discarded = was.data.iter().map(|device| device.volume.clone()).collect();
        }
        let id = self.hooks.push(job);
        self.await_job(group_id, index, id, now);
    }

    pub(crate) fn member_appeared(&mut self, group_id: &str, machine: &Machine) {
        self.tell_member(JobKind::Launched, group_id, machine);
    }

    pub(crate) fn member_went(&mut self, group_id: &str, machine: &Machine) {
        self.tell_member(JobKind::Terminated, group_id, machine);
    }

    fn tell_member(&mut self, kind: JobKind, group_id: &str, machine: &Machine) {
        let group = self.estate.group(group_id).filter(|_| self.hooks.served);
        if let Some(job) = group.and_then(|group| job(kind, group, None, machine)) {
            self.hooks.push(job);
        }
    }

    /// Tells that volumes are no more.
    pub(crate) fn volumes_went(&mut self, volumes: Vec<String>) {
        if !self.hooks.served || volumes.is_empty() {
            return;
        }
        let empty = String::new;
        self.hooks.push(Job {
            id: 0,
            kind: JobKind::Discarded,
            hooks: Arc::new(Hooks::default()),
            group_id: empty(),
            group_name: empty(),
            stateful_id: empty(),
            instance_id: empty(),
            image: empty(),
            private_ip: empty(),
            zone: empty(),
            volumes: Vec::new(),
            discarded: volumes,
        });
    }

    fn await_job(&mut self, group_id: &str, index: usize, job: u64, now: Timestamp) {
        self.change(now, |estate| {
            let ssi = estate.group_mut(group_id)?.stateful.get_mut(index)?;
            ssi.underway.as_mut()?.awaiting = Some(job);
            Some(())
        });
    }

    /// A job has ended, well or with a failure: what waited for it goes on.
    pub(crate) fn job_ended(&mut self, job: &Job, failure: Option<&str>, now: Timestamp) {
        self.begin();
        self.hooks.outstanding.remove(&job.id);
        if let Some(failure) = failure {
            let what = if job.kind == JobKind::Launched { "Launch" } else { "Terminate" };
            let message = format!("{what} hook of instance {} failed: {failure}", job.instance_id);
            let resource = [&job.stateful_id, &job.instance_id];
            let resource = resource.into_iter().find(|id| !id.is_empty());
            self.note(&job.group_id, "ERROR", &message, resource.map_or("", |id| id), now);
        }
        let waits = |ssi: &StatefulInstance| {
            ssi.underway.as_ref().is_some_and(|underway| underway.awaiting == Some(job.id))
        };
        let group = self.estate.group(&job.group_id);
        let Some(index) = group.and_then(|group| group.stateful.iter().position(waits)) else {
            return;
        };
        if failure.is_some() && job.kind == JobKind::Launched {
            return self.launch_failed(&job.group_id, index, now);
        }
        let held = self.change(now, |estate| {
            let ssi = &mut estate.group_mut(&job.group_id)?.stateful[index];
            let underway = ssi.underway.as_mut()?;
            underway.awaiting = None;
            std::mem::take(&mut underway.held).then_some(ssi.epoch)
        });
        if let Some(epoch) = held {
            self.step(&job.group_id, &job.stateful_id, epoch, now);
        }
    }

    fn launch_failed(&mut self, group_id: &str, index: usize, now: Timestamp) {
        self.terminate(group_id, index, now);
        self.change(now, |estate| {
            let ssi = &mut estate.group_mut(group_id)?.stateful[index];
            ssi.state = State::Error;
            ssi.underway = None;
            ssi.epoch += 1;
            Some(())
        });
    }
}

/// On the way to `ACTIVE`, with nothing left to do but to wait for the job.
fn starting(job: u64) -> Underway {
    let last = Phase { state: State::Active, effect: Effect::Nothing, seconds: 0.0 };
    Underway {
        action: Action::Resume,
        cause: Cause::Simulator,
        ahead: VecDeque::from([last]),
        mishap: None,
        deletions: Deletions::default(),
        awaiting: Some(job),
        held: true,
    }
}

#[cfg(test)]
mod tests;
