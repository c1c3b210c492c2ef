//! Machines, their disks, and whether the service on them runs.

use std::collections::BTreeMap;

use serde_json::Value;

use super::data::{Disk, Log};

/// So often the platform takes snapshots, in seconds.
const SNAPSHOT_EVERY: f64 = 300.0;

/// The service of a node.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Service {
    /// No process.
    Down,
    /// It starts, and is up at this time.
    Starting(f64),
    /// It is up since this time.
    Up(f64),
}

/// A node: a stateful instance, or a machine beside the group.
#[derive(Clone, Debug)]
pub(crate) struct Host {
    /// The stateful instance's id.
    pub(crate) id: String,
    /// The machine; none while it has none.
    pub(crate) machine: Option<String>,
    /// The disk that is mounted.
    pub(crate) disk: usize,
    /// The service.
    pub(crate) service: Service,
    /// Whether the last stop was in order.
    pub(crate) was_clean: bool,
    /// The disk that the service ran on last.
    pub(crate) ran_on: usize,
    /// Whether the service was stopped by the one who rolls, and may not start by itself.
    pub(crate) is_held: bool,
    /// How long a start takes, in seconds.
    pub(crate) boots: f64,
    /// It never comes up.
    pub(crate) crashes: bool,
    zone: String,
    volume: String,
}

/// What came of a look at the platform.
#[derive(Debug, PartialEq)]
pub(crate) enum Seen {
    /// The machine of this host went.
    Gone(usize),
    /// A machine of this host appeared.
    Came(usize),
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Plant {
    /// The nodes of the group, then those beside it.
    pub(crate) hosts: Vec<Host>,
    /// All disks that ever were.
    disks: Vec<Disk>,
    snapshots: BTreeMap<usize, Disk>,
    volumes: BTreeMap<String, usize>,
    snapshot_at: f64,
    /// The time, in seconds since the beginning.
    pub(crate) now: f64,
}

impl Plant {
    /// The nodes that the platform tells of, all up, and so many machines beside them.
    pub(crate) fn new(state: &Value, beside: usize) -> Self {
        let mut plant = Self::default();
        for node in instances(state) {
            plant.add(text(&node["id"]), text(&node["instanceId"]));
            let at = plant.hosts.len() - 1;
            plant.hosts[at].zone = text(&node["availabilityZone"]);
            plant.hosts[at].volume = text(&node["devices"][0]["volume"]);
            let volume = plant.hosts[at].volume.clone();
            plant.volumes.insert(volume, at);
        }
        for n in 0..beside {
            plant.add(format!("beside-{n}"), "i-beside".to_owned());
        }
        plant
    }

    fn add(&mut self, id: String, machine: String) {
        let disk = self.disks.len();
        self.disks.push(Disk::blank(disk as u64));
        self.hosts.push(Host {
            id,
            machine: Some(machine),
            disk,
            service: Service::Up(-1000.0),
            was_clean: true,
            ran_on: disk,
            is_held: false,
            boots: 12.0,
            crashes: false,
            zone: String::new(),
            volume: String::new(),
        });
    }

    /// The host of a stateful instance.
    pub(crate) fn host(&self, id: &str) -> usize {
        self.hosts.iter().position(|host| host.id == id).unwrap_or_default()
    }

    /// Whether the service of a host is up.
    pub(crate) fn is_up(&self, host: usize) -> bool {
        matches!(self.hosts[host].service, Service::Up(_))
    }

    /// Whether it came up after that time.
    pub(crate) fn came_up_since(&self, host: usize, time: f64) -> bool {
        matches!(self.hosts[host].service, Service::Up(since) if since > time)
    }

    /// The disk of a host.
    pub(crate) fn disk(&self, host: usize) -> &Disk {
        &self.disks[self.hosts[host].disk]
    }

    /// A copy on the disk of a host.
    pub(crate) fn log(&self, host: usize, slot: usize) -> Log {
        self.disk(host).log(slot)
    }

    /// The same, to be written to.
    pub(crate) fn log_mut(&mut self, host: usize, slot: usize) -> &mut Log {
        let disk = self.hosts[host].disk;
        self.disks[disk].log_mut(slot)
    }

    /// Stops the service. Whoever rolls keeps it from starting by itself.
    pub(crate) fn stop(&mut self, host: usize, is_clean: bool, is_held: bool) {
        let it = &mut self.hosts[host];
        if it.service != Service::Down {
            it.was_clean = is_clean;
        }
        (it.service, it.is_held) = (Service::Down, is_held);
    }

    /// Starts the service. Answers whether it starts on another disk than it ran on.
    pub(crate) fn start(&mut self, host: usize) -> bool {
        let now = self.now;
        let it = &mut self.hosts[host];
        it.is_held = false;
        if it.machine.is_none() || it.service != Service::Down {
            return false;
        }
        // What was not closed in order is read through first.
        let recovery = if it.was_clean { 0.0 } else { 90.0 };
        it.service = Service::Starting(now + it.boots + recovery);
        let is_other = it.disk != it.ran_on;
        it.ran_on = it.disk;
        is_other
    }

    /// The volume holds nothing any more: it was formatted, or something else is mounted in its place.
    pub(crate) fn blank(&mut self, host: usize) {
        let disk = self.disks.len();
        self.disks.push(Disk::blank(disk as u64));
        self.hosts[host].disk = disk;
        let volume = self.hosts[host].volume.clone();
        self.volumes.insert(volume, disk);
    }

    /// Lets time pass for services and snapshots.
    pub(crate) fn pass(&mut self, span: f64) {
        self.now += span;
        for host in &mut self.hosts {
            if let Service::Starting(at) = host.service
                && at <= self.now
            {
                host.service =
                    if host.crashes { Service::Starting(self.now + 20.0) } else { Service::Up(at) };
            }
        }
        if self.now >= self.snapshot_at {
            self.snapshot_at = self.now + SNAPSHOT_EVERY;
            for host in &self.hosts {
                self.snapshots.insert(host.disk, self.disks[host.disk].clone());
            }
        }
    }

    /// Takes over what the platform did with machines and volumes.
    pub(crate) fn look(&mut self, state: &Value) -> Vec<Seen> {
        let mut seen = Vec::new();
        for node in instances(state) {
            let Some(at) = self.hosts.iter().position(|host| node["id"] == host.id.as_str()) else {
                continue;
            };
            let machine = node["instanceId"].as_str();
            if self.hosts[at].machine.as_deref() == machine {
                continue;
            }
            if self.hosts[at].machine.take().is_some() {
                let (is_held, was_down) =
                    (self.hosts[at].is_held, self.hosts[at].service == Service::Down);
                self.stop(at, was_down, is_held);
                seen.push(Seen::Gone(at));
            }
            if let Some(machine) = machine {
                self.hosts[at].machine = Some(machine.to_owned());
                self.attach(at, &text(&node["devices"][0]["volume"]), node);
                seen.push(Seen::Came(at));
            }
        }
        seen
    }

    /// A volume that nobody knows is blank, or in another zone a copy made from the last snapshot.
    fn attach(&mut self, at: usize, volume: &str, node: &Value) {
        let zone = text(&node["availabilityZone"]);
        let disk = match self.volumes.get(volume) {
            Some(disk) => *disk,
            None => {
                let disk = self.disks.len();
                let old = self.snapshots.get(&self.hosts[at].disk);
                let copy = old.filter(|_| zone != self.hosts[at].zone).cloned();
                self.disks.push(copy.unwrap_or_else(|| Disk::blank(disk as u64)));
                self.volumes.insert(volume.to_owned(), disk);
                disk
            }
        };
        let host = &mut self.hosts[at];
        (host.disk, host.zone, host.volume) = (disk, zone, volume.to_owned());
    }
}

fn instances(state: &Value) -> impl Iterator<Item = &Value> {
    state["groups"][0]["statefulInstances"].as_array().into_iter().flatten()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
