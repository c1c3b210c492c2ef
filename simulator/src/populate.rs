//! From the description in a fleet file to the estate a run starts with.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::addresses::AddressBlock;
use crate::autonomous::Rates;
use crate::deployments::Deployment;
use crate::describe::{CapacityDescription, DataPersistence};
use crate::describe::{
    DeviceDescription, FleetDescription, Generate, GroupDescription, InstanceDescription,
    InstanceTypes, Lifecycle, ManagedDescription, Persistence, VolumeDescription, Zone,
};
use crate::estate::StatefulInstance;
use crate::estate::{Device, Estate, Group, LogLine, Machine, ManagedInstance, Network};
use crate::group_config::{INSTANCE_TYPE, group_config, managed_config, mapped_devices, object};
use crate::ids::Ids;
use crate::lifecycle::State;
use crate::shapes::Shapes;

/// The estate at the start of a run with the given seed.
pub(crate) fn populate(fleet: &FleetDescription, seed: u64) -> Estate {
    let start = fleet.clock.start;
    let account = fleet.accounts.first().map(|account| account.id.clone()).unwrap_or_default();
    let generated = fleet.generate.as_ref().map(generated_groups).unwrap_or_default();
    let groups = fleet.groups.iter().chain(&generated).enumerate();
    let groups = groups.map(|(ordinal, description)| {
        let mut group = GroupBuilder::new(description, ordinal, start, seed).build(&account);
        let hooks = description.hooks.as_ref().or(fleet.hooks.as_ref());
        group.hooks = hooks.cloned().map(Arc::new);
        group.rates = description.autonomous.unwrap_or(fleet.autonomous);
        Arc::new(group)
    });
    let managed = fleet.managed_instances.iter();
    let managed =
        managed.map(|description| Arc::new(managed_instance(description, &account, start, seed)));
    Estate { groups: groups.collect(), managed: managed.collect() }
}

struct GroupBuilder<'a> {
    description: &'a GroupDescription,
    start: Timestamp,
    ids: Ids,
    network: Network,
    zones: Vec<(String, String)>,
    root_device: String,
}

impl<'a> GroupBuilder<'a> {
    fn new(
        description: &'a GroupDescription,
        ordinal: usize,
        start: Timestamp,
        seed: u64,
    ) -> GroupBuilder<'a> {
        let mut ids = Ids::named(seed, &format!("{}/{ordinal}", description.name));
        let named = |zone: &Zone, ids: &mut Ids| {
            (zone.name.clone(), zone.subnet.clone().unwrap_or_else(|| ids.subnet()))
        };
        let zones: Vec<(String, String)> = match description.zones.as_slice() {
            [] => vec![(format!("{}a", description.region), ids.subnet())],
            given => given.iter().map(|zone| named(zone, &mut ids)).collect(),
        };
        // Each group has a block of 10.0.0.0/8.
        let block = u32::try_from(ordinal).unwrap_or(0) % 4096;
        let block = description.addresses.unwrap_or(AddressBlock {
            base: 0x0a00_0000 + block * Network::BLOCK,
            size: Network::BLOCK,
        });
        let network = Network {
            base: block.base,
            size: block.size,
            zones: zones.iter().map(|(name, _)| name.clone()).collect(),
            taken: 0,
        };
        let root_device = description.root_device.clone().unwrap_or_else(|| "/dev/xvda".to_owned());
        GroupBuilder { description, start, ids, network, zones, root_device }
    }

    fn build(mut self, default_account: &str) -> Group {
        let description = self.description;
        let id = description.id.clone().unwrap_or_else(|| self.ids.group());
        let stateful = expand(&description.stateful);
        let members = expand(&description.members);
        let paused = |one: &&InstanceDescription| {
            matches!(one.state, Some(State::Paused | State::Deallocated))
        };
        let size = stateful.iter().chain(&members).filter(|one| !paused(one)).count();
        let config = group_config(description, &id, &self.zones, size, self.start, &mut self.ids);
        let mut group = Group {
            id,
            account: description.account.clone().unwrap_or_else(|| default_account.to_owned()),
            config,
            root_device: self.root_device.clone(),
            public_ip: description.public_ip,
            spot_capacity: description.spot_capacity,
            network: self.network.clone(),
            stateful: Vec::new(),
            members: Vec::new(),
            suspensions: BTreeMap::new(),
            logs: Vec::new(),
            events: Vec::new(),
            deployments: Vec::new(),
            backups: Vec::new(),
            rates: Rates::default(),
            hooks: None,
            schedule_epoch: 0,
            shapes: description.shapes,
        };
        for (index, one) in stateful.iter().enumerate() {
            let instance = self.stateful_instance(&group, one, index);
            group.stateful.push(instance);
        }
        self.pool(&mut group);
        // A group without state has nothing to keep for a member that does not run.
        for (index, one) in members.iter().filter(|one| !paused(one)).enumerate() {
            let member = self.machine(one, index, one.launched_at.unwrap_or(self.start));
            group.members.push(member);
        }
        group.network = self.network;
        for suspension in &description.suspensions {
            group.suspensions.insert(suspension.name.clone(), suspension.expires_at);
        }
        let created = format!("Group {} successfully created.", group.id);
        let created_at = description.created_at.unwrap_or(self.start);
        group.log(created_at, "INFO", created, None);
        group.event(created_at, "Create", Vec::new());
        for one in &description.deployments {
            let id = one.id.clone().unwrap_or_else(|| self.ids.deployment());
            let at = one.created_at.unwrap_or(self.start);
            group.deployments.push(Deployment::placed(id, one.status, at));
        }
        group.logs.extend(description.logs.iter().map(|line| LogLine {
            at: line.at,
            severity: line.severity.clone().unwrap_or_else(|| "INFO".to_owned()),
            message: line.message.clone(),
            resource: line.resource.clone(),
        }));
        group
    }

    /// The addresses of the pool that no described instance has: one paused instance each, to be resumed by hand.
    fn pool(&mut self, group: &mut Group) {
        for address in &self.description.private_ips {
            let has = |ssi: &StatefulInstance| ssi.private_ip.as_ref() == Some(address);
            if !self.description.persistence.private_ip || group.stateful.iter().any(has) {
                continue;
            }
            let paused = InstanceDescription {
                state: Some(State::Paused),
                private_ip: Some(address.clone()),
                ..InstanceDescription::default()
            };
            let instance = self.stateful_instance(group, &paused, group.stateful.len());
            group.stateful.push(instance);
        }
    }

    fn zone(&self, one: &InstanceDescription, index: usize) -> String {
        one.zone.clone().unwrap_or_else(|| self.zones[index % self.zones.len()].0.clone())
    }

    fn instance_type(&self, one: &InstanceDescription) -> String {
        let types = &self.description.instance_types;
        let fallback = match one.lifecycle {
            Lifecycle::Spot => types.spot.first().or(types.on_demand.as_ref()),
            Lifecycle::OnDemand => types.on_demand.as_ref().or(types.spot.first()),
        };
        let fallback = fallback.map_or(INSTANCE_TYPE, String::as_str);
        one.instance_type.clone().unwrap_or_else(|| fallback.to_owned())
    }

    fn machine(
        &mut self,
        one: &InstanceDescription,
        index: usize,
        launched_at: Timestamp,
    ) -> Machine {
        let zone = self.zone(one, index);
        let root = one.devices.iter().find(|device| device.device == self.root_device);
        let volume = root.and_then(|device| device.volume.clone());
        let public_ip = one.public_ip.clone();
        Machine {
            instance_id: one.instance_id.clone().unwrap_or_else(|| self.ids.instance()),
            instance_type: self.instance_type(one),
            private_ip: one.private_ip.clone().unwrap_or_else(|| self.network.address(&zone)),
            public_ip: public_ip
                .or_else(|| self.description.public_ip.then(|| self.ids.public_ip())),
            spot_request: (one.lifecycle == Lifecycle::Spot).then(|| self.ids.spot_request()),
            root: Device {
                name: self.root_device.clone(),
                volume: volume.unwrap_or_else(|| self.ids.volume()),
                snapshot: root.and_then(|device| device.snapshot.clone()),
                made_from: None,
            },
            zone,
            health: one.health.clone().unwrap_or_else(|| "HEALTHY".to_owned()),
            launched_at,
            locked: false,
            protected_until: None,
            overlay: serde_json::Map::new(),
        }
    }

    fn stateful_instance(
        &mut self,
        group: &Group,
        one: &InstanceDescription,
        index: usize,
    ) -> StatefulInstance {
        let state = one.state.clone().unwrap_or(State::Active);
        let created_at = one.created_at.or(self.description.created_at).unwrap_or(self.start);
        let running =
            !matches!(state, State::Paused | State::Deallocated | State::Error | State::Resume);
        let launched_at = one.launched_at.or(running.then_some(created_at));
        let mut machine = self.machine(one, index, launched_at.unwrap_or(created_at));
        let image = one.image.clone().unwrap_or_else(|| group.image().to_owned());
        let persisted = group.persisted();
        if persisted.root && machine.root.snapshot.is_none() {
            machine.root.snapshot = Some(self.ids.snapshot());
        }
        let private_ip = persisted.private_ip.then(|| machine.private_ip.clone());
        let (kept_root, zone) =
            (persisted.root.then(|| machine.root.clone()), machine.zone.clone());
        StatefulInstance {
            id: one.id.clone().unwrap_or_else(|| self.ids.stateful_instance()),
            state,
            created_at,
            launched_at,
            image: image.clone(),
            // An image of its own was made of a root volume that came from the group's image.
            lineage: if persisted.root { group.image().to_owned() } else { image },
            zone,
            instance_type: machine.instance_type.clone(),
            private_ip,
            data: self.data(group, one),
            kept_root: kept_root.filter(|_| !running),
            machine: (running || one.instance_id.is_some()).then_some(machine),
            underway: None,
            epoch: 0,
            shapes: one.shapes,
            overlay: object(&one.overlay),
        }
    }

    fn data(&mut self, group: &Group, one: &InstanceDescription) -> Vec<Device> {
        if !one.devices.is_empty() {
            let data = one.devices.iter().filter(|device| device.device != self.root_device);
            let data = data.map(|device| Device {
                name: device.device.clone(),
                volume: device.volume.clone().unwrap_or_else(|| self.ids.volume()),
                snapshot: device.snapshot.clone(),
                made_from: None,
            });
            return data.collect();
        }
        let names = mapped_devices(&group.config, &self.root_device);
        let snapshots = group.persisted().data && !group.persisted().reattach;
        let made = names.into_iter().map(|name| Device {
            name,
            volume: self.ids.volume(),
            snapshot: snapshots.then(|| self.ids.snapshot()),
            made_from: None,
        });
        made.collect()
    }
}

/// One description for each instance: `count: n` becomes n.
fn expand(descriptions: &[InstanceDescription]) -> Vec<InstanceDescription> {
    let copies = |one: &InstanceDescription| usize::try_from(one.count.unwrap_or(1)).unwrap_or(1);
    descriptions.iter().flat_map(|one| std::iter::repeat_n(one.clone(), copies(one))).collect()
}

fn managed_instance(
    description: &ManagedDescription,
    account: &str,
    start: Timestamp,
    seed: u64,
) -> ManagedInstance {
    let mut ids = Ids::named(seed, &description.name);
    let image = description.image.clone().unwrap_or_else(|| ids.image());
    let instance_type = description.instance_type.as_deref().unwrap_or(INSTANCE_TYPE);
    let config = managed_config(description, &image, instance_type, &mut ids);
    let state = description.state.clone().unwrap_or(State::Active);
    let created_at = description.created_at.unwrap_or(start);
    let private_ip = description.private_ip.clone().unwrap_or_else(|| "10.255.0.10".to_owned());
    let machine = Machine {
        instance_id: description.instance_id.clone().unwrap_or_else(|| ids.instance()),
        instance_type: instance_type.to_owned(),
        zone: description.zone.clone().unwrap_or_else(|| format!("{}a", description.region)),
        private_ip: private_ip.clone(),
        public_ip: description.public_ip.clone(),
        spot_request: Some(ids.spot_request()),
        root: Device {
            name: "/dev/xvda".to_owned(),
            volume: ids.volume(),
            snapshot: None,
            made_from: None,
        },
        health: "HEALTHY".to_owned(),
        launched_at: description.launched_at.unwrap_or(created_at),
        locked: false,
        protected_until: None,
        overlay: serde_json::Map::new(),
    };
    ManagedInstance {
        id: description.id.clone().unwrap_or_else(|| ids.managed_instance()),
        account: description.account.clone().unwrap_or_else(|| account.to_owned()),
        name: description.name.clone(),
        config,
        launched_at: Some(machine.launched_at),
        machine: (state == State::Active).then(|| machine.clone()),
        last_machine: (state != State::Active).then_some(machine),
        data: description.devices.iter().map(|device| managed_device(device, &mut ids)).collect(),
        underway: None,
        epoch: 0,
        logs: Vec::new(),
        state,
        image,
        private_ip: Some(private_ip),
        created_at,
    }
}

fn managed_device(device: &DeviceDescription, ids: &mut Ids) -> Device {
    let volume = device.volume.clone().unwrap_or_else(|| ids.volume());
    Device {
        name: device.device.clone(),
        volume,
        snapshot: device.snapshot.clone(),
        made_from: None,
    }
}

/// The groups of the compact form: stateful ones with reattached data and persisted addresses, then stateless ones.
fn generated_groups(generate: &Generate) -> Vec<GroupDescription> {
    let total = generate.groups + generate.stateless_groups;
    (0..total).map(|number| generated_group(generate, number)).collect()
}

fn generated_group(generate: &Generate, number: u32) -> GroupDescription {
    let stateful = number < generate.groups;
    let zone = |letter| Zone { name: format!("{}{letter}", generate.region), subnet: None };
    let paused = generate.paused_per_group.min(generate.instances_per_group);
    let running = generate.instances_per_group - paused;
    let some = |count, state| InstanceDescription {
        count: Some(count),
        state: Some(state),
        ..InstanceDescription::default()
    };
    let instances = vec![some(running, State::Active), some(paused, State::Paused)];
    let (stateful_instances, members) =
        if stateful { (instances, Vec::new()) } else { (Vec::new(), instances) };
    let mut tags = generate.tags.clone();
    tags.entry("Name".to_owned())
        .or_insert_with(|| format!("{}-{number:04}", generate.name_prefix));
    let data = if stateful { DataPersistence::Reattach } else { DataPersistence::Off };
    let volume = VolumeDescription {
        device: "/dev/xvdb".to_owned(),
        size: 100,
        volume_type: None,
        encrypted: true,
    };
    GroupDescription {
        name: format!("{}-{number:04}", generate.name_prefix),
        id: None,
        account: generate.account.clone(),
        description: None,
        region: generate.region.clone(),
        zones: vec![zone('a'), zone('b'), zone('c')],
        image: None,
        product: None,
        instance_types: InstanceTypes::default(),
        persistence: Persistence { root: false, data, private_ip: stateful },
        capacity: CapacityDescription::default(),
        tags,
        volumes: vec![volume],
        root_device: None,
        security_groups: Vec::new(),
        key_pair: None,
        iam_role_arn: None,
        private_ips: Vec::new(),
        public_ip: false,
        created_at: None,
        updated_at: None,
        spot_capacity: true,
        stateful: stateful_instances,
        members,
        suspensions: Vec::new(),
        deployments: Vec::new(),
        autonomous: None,
        hooks: None,
        addresses: None,
        logs: Vec::new(),
        config: serde_json::Value::Null,
        shapes: Shapes::default(),
    }
}
