//! What exists in the simulated organisation: groups, their instances, managed instances.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::autonomous::Rates;
use crate::deployments::Deployment;
use crate::events::Event;
use crate::hooks::Hooks;
use crate::lifecycle::State;
use crate::shapes::Shapes;
use crate::stateful::Underway;

/// Everything with a history. Cloning is cheap: groups are shared until one changes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Estate {
    pub(crate) groups: Vec<Arc<Group>>,
    pub(crate) managed: Vec<Arc<ManagedInstance>>,
}

impl Estate {
    pub(crate) fn group(&self, id: &str) -> Option<&Group> {
        self.groups.iter().find(|group| group.id == id).map(Arc::as_ref)
    }

    pub(crate) fn group_mut(&mut self, id: &str) -> Option<&mut Group> {
        self.groups.iter_mut().find(|group| group.id == id).map(Arc::make_mut)
    }

    /// Gives all groups the same rates.
    pub(crate) fn set_rates(&mut self, rates: Rates) {
        for group in &mut self.groups {
            Arc::make_mut(group).rates = rates;
        }
    }

    /// The group that holds a stateful instance or machine of that id, or has the id itself.
    pub(crate) fn holder_of(&self, id: &str) -> Option<&Group> {
        let holds = |group: &&Arc<Group>| {
            group.id == id
                || group.stateful.iter().any(|ssi| ssi.is(id))
                || group.members.iter().any(|member| member.instance_id == id)
        };
        self.groups.iter().find(holds).map(Arc::as_ref)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Device {
    pub(crate) name: String,
    pub(crate) volume: String,
    pub(crate) snapshot: Option<String>,
    /// The volume that this one is a copy of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) made_from: Option<String>,
}

impl Device {
    /// A volume that is no copy.
    pub(crate) fn new(name: String, volume: String, snapshot: Option<String>) -> Device {
        Device { name, volume, snapshot, made_from: None }
    }
}

/// A running EC2 instance.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Machine {
    pub(crate) instance_id: String,
    pub(crate) instance_type: String,
    pub(crate) zone: String,
    pub(crate) private_ip: String,
    pub(crate) public_ip: Option<String>,
    /// Absent for an on-demand instance.
    pub(crate) spot_request: Option<String>,
    pub(crate) root: Device,
    pub(crate) health: String,
    pub(crate) launched_at: Timestamp,
    pub(crate) locked: bool,
    pub(crate) protected_until: Option<Timestamp>,
    /// The fields put over its line in `status`, as they are.
    pub(crate) overlay: Map<String, Value>,
}

#[derive(Clone, Debug)]
pub(crate) struct StatefulInstance {
    pub(crate) id: String,
    pub(crate) state: State,
    pub(crate) created_at: Timestamp,
    pub(crate) launched_at: Option<Timestamp>,
    pub(crate) image: String,
    /// The image that the root volume once came from; an image made of a persisted root volume has the same one.
    pub(crate) lineage: String,
    pub(crate) zone: String,
    pub(crate) instance_type: String,
    /// The address it keeps, when the group persists addresses.
    pub(crate) private_ip: Option<String>,
    /// Data volumes, without the root volume.
    pub(crate) data: Vec<Device>,
    /// What is left of the root volume while there is no machine.
    pub(crate) kept_root: Option<Device>,
    pub(crate) machine: Option<Machine>,
    pub(crate) underway: Option<Underway>,
    /// Steps planned for an earlier count are void.
    pub(crate) epoch: u64,
    pub(crate) shapes: Shapes,
    pub(crate) overlay: Map<String, Value>,
}

impl StatefulInstance {
    /// Whether it has that id, its own or its machine's.
    pub(crate) fn is(&self, id: &str) -> bool {
        self.id == id || self.machine.as_ref().is_some_and(|machine| machine.instance_id == id)
    }
}

#[derive(Clone, Debug)]
pub(crate) struct LogLine {
    pub(crate) at: Timestamp,
    pub(crate) severity: String,
    pub(crate) message: String,
    pub(crate) resource: Option<String>,
}

/// How the machines of a group get their addresses.
#[derive(Clone, Debug)]
pub(crate) struct Network {
    pub(crate) base: u32,
    pub(crate) size: u32,
    pub(crate) zones: Vec<String>,
    pub(crate) taken: u32,
}

impl Network {
    /// Addresses of one group.
    pub(crate) const BLOCK: u32 = 4096;

    /// The next address in the block of the zone; after some thousands they come round again.
    pub(crate) fn address(&mut self, zone: &str) -> String {
        let zones = u32::try_from(self.zones.len().max(1)).unwrap_or(1);
        let index = self.zones.iter().position(|known| known == zone).unwrap_or(0);
        let size = (self.size / zones).max(5);
        let start = self.base + u32::try_from(index).unwrap_or(0) * size;
        self.taken += 1;
        // AWS keeps the first four addresses of a subnet.
        std::net::Ipv4Addr::from(start + 4 + self.taken % (size - 4)).to_string()
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) id: String,
    pub(crate) account: String,
    /// The configuration in its regular shape, as the vendor's list answers it.
    pub(crate) config: Value,
    pub(crate) root_device: String,
    pub(crate) public_ip: bool,
    pub(crate) spot_capacity: bool,
    pub(crate) network: Network,
    pub(crate) stateful: Vec<StatefulInstance>,
    pub(crate) members: Vec<Machine>,
    /// Suspended processes with the end of the suspension.
    pub(crate) suspensions: BTreeMap<String, Option<Timestamp>>,
    pub(crate) logs: Vec<LogLine>,
    pub(crate) events: Vec<Event>,
    pub(crate) deployments: Vec<Deployment>,
    /// Images that backups made, newest last.
    pub(crate) backups: Vec<String>,
    pub(crate) rates: Rates,
    pub(crate) hooks: Option<Arc<Hooks>>,
    /// Runs of scheduled tasks that were planned for an earlier count are void.
    pub(crate) schedule_epoch: u64,
    pub(crate) shapes: Shapes,
}

/// What the group keeps of an instance that goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Persisted {
    pub(crate) root: bool,
    pub(crate) data: bool,
    /// The same volumes come back, instead of new ones made from snapshots.
    pub(crate) reattach: bool,
    pub(crate) private_ip: bool,
}

impl Group {
    fn text(&self, pointer: &str) -> &str {
        self.config.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    pub(crate) fn name(&self) -> &str {
        self.text("/name")
    }

    pub(crate) fn image(&self) -> &str {
        self.text("/compute/launchSpecification/imageId")
    }

    pub(crate) fn product(&self) -> &str {
        self.text("/compute/product")
    }

    pub(crate) fn persisted(&self) -> Persisted {
        let persistence = &self.config["strategy"]["persistence"];
        let flag = |name: &str| persistence[name].as_bool().unwrap_or(false);
        Persisted {
            root: flag("shouldPersistRootDevice"),
            data: flag("shouldPersistBlockDevices"),
            reattach: persistence["blockDevicesMode"].as_str() == Some("reattach"),
            private_ip: flag("shouldPersistPrivateIp"),
        }
    }

    pub(crate) fn is_stateful(&self) -> bool {
        let persisted = self.persisted();
        persisted.root || persisted.data || persisted.private_ip
    }

    pub(crate) fn target(&self) -> usize {
        let target = self.config["capacity"]["target"].as_u64().unwrap_or(0);
        usize::try_from(target).unwrap_or(usize::MAX)
    }

    /// An address that nothing in the group has, if there is one.
    pub(crate) fn free_address(&mut self, zone: &str) -> Option<String> {
        for _ in 0..self.network.size {
            let address = self.network.address(zone);
            let machines = self.stateful.iter().filter_map(|ssi| ssi.machine.as_ref());
            let kept = self.stateful.iter().filter_map(|ssi| ssi.private_ip.as_ref());
            let mut used = machines.chain(&self.members).map(|one| &one.private_ip).chain(kept);
            if !used.any(|used| *used == address) {
                return Some(address);
            }
        }
        None
    }

    pub(crate) fn is_suspended(&self, process: &str, now: Timestamp) -> bool {
        let until = self.suspensions.get(process);
        until.is_some_and(|until| until.is_none_or(|until| until > now))
    }

    pub(crate) fn log(
        &mut self,
        at: Timestamp,
        severity: &str,
        message: String,
        resource: Option<&str>,
    ) {
        let resource = resource.map(str::to_owned);
        self.logs.push(LogLine { at, severity: severity.to_owned(), message, resource });
    }
}

/// The vendor's "stateful node": one instance without a group.
#[derive(Clone, Debug)]
pub(crate) struct ManagedInstance {
    pub(crate) id: String,
    pub(crate) account: String,
    pub(crate) name: String,
    pub(crate) config: Value,
    pub(crate) state: State,
    pub(crate) image: String,
    pub(crate) machine: Option<Machine>,
    /// The machine it had, which the next one is like.
    pub(crate) last_machine: Option<Machine>,
    /// Data volumes, which its status does not tell.
    pub(crate) data: Vec<Device>,
    pub(crate) underway: Option<Underway>,
    /// Steps planned for an earlier count are void.
    pub(crate) epoch: u64,
    pub(crate) logs: Vec<LogLine>,
    pub(crate) private_ip: Option<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) launched_at: Option<Timestamp>,
}

/// A resource that outlives the stateful instance it belonged to.
#[derive(Clone, Debug)]
pub(crate) struct Retained {
    pub(crate) kind: &'static str,
    pub(crate) id: String,
    pub(crate) stateful_instance: String,
    pub(crate) expires_at: Timestamp,
}

impl Retained {
    pub(crate) fn value(&self) -> Value {
        json!({
            "kind": self.kind,
            "id": self.id,
            "statefulInstanceId": self.stateful_instance,
            "expiresAt": self.expires_at.to_string(),
        })
    }
}
