//! From what was read to hosts and their variables, before they have names.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::Options;
use crate::domain::{
    AccountFleet, AccountId, Device, Ec2Instance, Fleet, Group, GroupFleet, GroupId, ImageId,
    InstanceId, Lifecycle, ManagedInstance, Member, Notice, Persistence, Region, StatefulInstance,
    StatefulState, Subject, VendorTime,
};

/// What a host is to the vendor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HostKind {
    /// A stateful instance of an Elastigroup.
    Stateful,
    /// A running EC2 instance of an Elastigroup.
    Member,
    /// A managed instance.
    ManagedInstance,
}

impl HostKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Stateful => "stateful",
            Self::Member => "member",
            Self::ManagedInstance => "managed_instance",
        }
    }
}

/// A host that has no name yet.
#[derive(Clone, Debug)]
pub(super) struct Unnamed {
    /// Stable and unique: the last resort of a name.
    pub(super) id: String,
    /// Everything known of it.
    pub(super) facts: Facts,
    /// The Elastigroups (or the managed instance) it comes from, by the vendor's id.
    pub(super) owners: BTreeSet<String>,
    /// Its variables, prefixed.
    pub(super) vars: Map<String, Value>,
}

/// What a name may be made of, each the best that any source said.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Facts {
    pub(super) instance_id: Option<String>,
    pub(super) private_ip: Option<String>,
    pub(super) public_ip: Option<String>,
    pub(super) private_dns_name: Option<String>,
    pub(super) public_dns_name: Option<String>,
    pub(super) tags: BTreeMap<String, String>,
}

/// What one source of the vendor says of one host; EC2's word is added later and wins for what changes.
struct Draft<'a> {
    kind: HostKind,
    id: &'a str,
    account_id: &'a AccountId,
    owner: Owner<'a>,
    state: Option<&'a StatefulState>,
    instance_id: Option<&'a InstanceId>,
    image_id: Option<&'a ImageId>,
    persisted_ip: Option<&'a str>,
    devices: &'a [Device],
    created_at: Option<&'a VendorTime>,
    launched_at: Option<&'a VendorTime>,
    running: Option<Running<'a>>,
}

/// The configuration a host comes from.
struct Owner<'a> {
    group: Option<(&'a GroupId, &'a str)>,
    name: &'a str,
    region: Option<&'a Region>,
    image_id: Option<&'a ImageId>,
    persistence: &'a Persistence,
    tags: &'a BTreeMap<String, String>,
}

/// What the vendor says of the EC2 instance behind a host.
struct Running<'a> {
    instance_type: Option<&'a str>,
    availability_zone: Option<&'a str>,
    private_ip: Option<&'a str>,
    public_ip: Option<&'a str>,
    lifecycle: Option<&'a Lifecycle>,
}

impl<'a> Running<'a> {
    fn of_member(member: &'a Member) -> Self {
        Self {
            instance_type: member.instance_type.as_deref(),
            availability_zone: member.availability_zone.as_deref(),
            private_ip: member.private_ip.as_deref(),
            public_ip: member.public_ip.as_deref(),
            lifecycle: member.lifecycle.as_ref(),
        }
    }
}

/// Lists every host that `options` include, in the order read; one id told twice is one host in both groups.
pub(super) fn collect(fleet: &Fleet, options: &Options, notices: &mut Vec<Notice>) -> Vec<Unnamed> {
    let mut hosts: Vec<Unnamed> = Vec::new();
    let mut index: BTreeMap<String, usize> = BTreeMap::new();
    for account in &fleet.accounts {
        for draft in drafts(account, options) {
            let host = draft.finish(fleet, options, notices);
            match index.get(&host.id) {
                Some(&at) => {
                    let text = "is listed twice; it is shown once, in all its groups";
                    notices.push(Notice::oddity(Subject::Host(host.id.clone()), text));
                    hosts[at].owners.extend(host.owners);
                }
                None => {
                    index.insert(host.id.clone(), hosts.len());
                    hosts.push(host);
                }
            }
        }
    }
    hosts
}

fn drafts<'a>(account: &'a AccountFleet, options: &'a Options) -> Vec<Draft<'a>> {
    let in_states = |draft: &Draft<'_>| {
        options.states.is_empty() || draft.state.is_none_or(|state| options.states.contains(state))
    };
    let of_groups = account.groups.iter().flat_map(|group| group_drafts(group, options));
    let managed = options.include.managed_instances.then_some(&account.managed);
    of_groups.chain(managed.into_iter().flatten().map(managed_draft)).filter(in_states).collect()
}

fn group_drafts<'a>(fleet: &'a GroupFleet, options: &Options) -> Vec<Draft<'a>> {
    let members = fleet.members.as_deref().unwrap_or_default();
    let mut drafts = Vec::new();
    if options.include.stateful {
        drafts
            .extend(fleet.stateful.iter().map(|instance| stateful_draft(fleet, instance, members)));
    }
    if options.include.members {
        let taken: BTreeSet<_> =
            fleet.stateful.iter().filter_map(|s| s.instance_id.as_ref()).collect();
        let free =
            |member: &&Member| member.instance_id.as_ref().is_some_and(|id| !taken.contains(id));
        drafts.extend(members.iter().filter(free).filter_map(|member| member_draft(fleet, member)));
    }
    drafts
}

fn owner(group: &Group) -> Owner<'_> {
    Owner {
        group: Some((&group.id, &group.name)),
        name: &group.name,
        region: group.region.as_ref(),
        image_id: group.image_id.as_ref(),
        persistence: &group.persistence,
        tags: &group.tags,
    }
}

fn stateful_draft<'a>(
    fleet: &'a GroupFleet,
    instance: &'a StatefulInstance,
    members: &'a [Member],
) -> Draft<'a> {
    let mine = |member: &&Member| {
        instance.instance_id.is_some() && member.instance_id == instance.instance_id
    };
    Draft {
        kind: HostKind::Stateful,
        id: instance.id.as_str(),
        account_id: &fleet.group.account_id,
        owner: owner(&fleet.group),
        state: Some(&instance.state),
        instance_id: instance.instance_id.as_ref(),
        image_id: instance.image_id.as_ref(),
        persisted_ip: instance.private_ip.as_deref(),
        devices: &instance.devices,
        created_at: instance.created_at.as_ref(),
        launched_at: instance.launched_at.as_ref(),
        running: members.iter().find(mine).map(Running::of_member),
    }
}

fn member_draft<'a>(fleet: &'a GroupFleet, member: &'a Member) -> Option<Draft<'a>> {
    let instance_id = member.instance_id.as_ref()?;
    Some(Draft {
        kind: HostKind::Member,
        id: instance_id.as_str(),
        account_id: &fleet.group.account_id,
        owner: owner(&fleet.group),
        state: None,
        instance_id: Some(instance_id),
        image_id: None,
        persisted_ip: None,
        devices: &[],
        created_at: None,
        launched_at: member.created_at.as_ref(),
        running: Some(Running::of_member(member)),
    })
}

fn managed_draft(managed: &ManagedInstance) -> Draft<'_> {
    let status = managed.status.as_ref();
    Draft {
        kind: HostKind::ManagedInstance,
        id: managed.id.as_str(),
        account_id: &managed.account_id,
        owner: Owner {
            group: None,
            name: &managed.name,
            region: managed.region.as_ref(),
            image_id: managed.configured_image_id.as_ref(),
            persistence: &managed.persistence,
            tags: &managed.tags,
        },
        state: status.map(|status| &status.state),
        instance_id: managed.instance_id(),
        image_id: status.and_then(|status| status.image_id.as_ref()),
        persisted_ip: None,
        devices: status.map_or(&[], |status| &status.devices),
        created_at: managed.created_at.as_ref().or(status.and_then(|s| s.created_at.as_ref())),
        launched_at: status.and_then(|status| status.launched_at.as_ref()),
        running: status.map(|status| Running {
            instance_type: status.instance_type.as_deref(),
            availability_zone: None,
            private_ip: status.private_ip.as_deref(),
            public_ip: status.public_ip.as_deref(),
            lifecycle: None,
        }),
    }
}

impl Draft<'_> {
    fn finish(self, fleet: &Fleet, options: &Options, notices: &mut Vec<Notice>) -> Unnamed {
        let ec2 = self.instance_id.and_then(|id| fleet.ec2.get(id));
        let facts = self.facts(ec2);
        if let (Some(persisted), Some(present)) = (self.persisted_ip, facts.private_ip.as_deref())
            && persisted != present
        {
            let text = format!("has address {present}, yet its persisted address is {persisted}");
            notices.push(Notice::oddity(Subject::Host(self.id.to_owned()), text));
        }
        Unnamed {
            id: self.id.to_owned(),
            owners: BTreeSet::from([self
                .owner
                .group
                .map_or(self.id, |(id, _)| id.as_str())
                .to_owned()]),
            vars: self.vars(options, &facts, ec2),
            facts,
        }
    }

    /// The present address is what runs now, by EC2's word, then the group status's; the persisted one serves
    /// where nothing runs.
    fn facts(&self, ec2: Option<&Ec2Instance>) -> Facts {
        let running = self.running.as_ref();
        let from_ec2 =
            |field: fn(&Ec2Instance) -> &Option<String>| ec2.and_then(|e| field(e).clone());
        let or_status = |field: Option<&str>| field.map(str::to_owned);
        Facts {
            instance_id: self.instance_id.map(|id| id.as_str().to_owned()),
            private_ip: from_ec2(|e| &e.private_ip)
                .or_else(|| or_status(running.and_then(|r| r.private_ip)))
                .or_else(|| or_status(self.persisted_ip)),
            public_ip: from_ec2(|e| &e.public_ip)
                .or_else(|| or_status(running.and_then(|r| r.public_ip))),
            private_dns_name: from_ec2(|e| &e.private_dns_name),
            public_dns_name: from_ec2(|e| &e.public_dns_name),
            tags: ec2.map_or(self.owner.tags, |e| &e.tags).clone(),
        }
    }

    fn vars(
        &self,
        options: &Options,
        facts: &Facts,
        ec2: Option<&Ec2Instance>,
    ) -> Map<String, Value> {
        let mut vars = Vars { prefix: &options.hostvar_prefix, map: Map::new() };
        self.predecessor_vars(&mut vars, facts);
        let running = self.running.as_ref();
        vars.text("kind", Some(self.kind.as_str()));
        vars.text("name", Some(self.owner.name));
        vars.text("region", self.owner.region.map(Region::as_str));
        vars.text(
            "availabilityZone",
            ec2.and_then(|e| e.availability_zone.as_deref())
                .or_else(|| running.and_then(|r| r.availability_zone)),
        );
        vars.text(
            "instanceType",
            ec2.and_then(|e| e.instance_type.as_deref())
                .or_else(|| running.and_then(|r| r.instance_type)),
        );
        vars.text(
            "lifecycle",
            ec2.and_then(|e| e.lifecycle.as_ref())
                .or_else(|| running.and_then(|r| r.lifecycle))
                .map(Lifecycle::as_str),
        );
        vars.text("publicIp", facts.public_ip.as_deref());
        vars.put("tags", json!(facts.tags));
        vars.text("esg_imageId", self.owner.image_id.map(ImageId::as_str));
        if let Some(drift) = self.image_drift() {
            vars.put("image_drift", Value::Bool(drift));
        }
        vars.put("persistence", persistence_json(self.owner.persistence));
        if let Some(ec2) = ec2 {
            ec2_vars(&mut vars, ec2);
        }
        if let Some(address) = &facts.private_ip {
            vars.map.insert("ansible_host".to_owned(), Value::String(address.clone()));
        }
        vars.map
    }

    /// The predecessor's twelve names, spelled as it spelled them.
    fn predecessor_vars(&self, vars: &mut Vars<'_>, facts: &Facts) {
        vars.text("accountId", Some(self.account_id.as_str()));
        vars.text("createdAt", self.created_at.map(VendorTime::as_str));
        if self.kind != HostKind::Member {
            vars.put("devices", self.devices.iter().map(device_json).collect());
        }
        if let Some((id, name)) = self.owner.group {
            vars.text("esg_id", Some(id.as_str()));
            vars.text("esg_name", Some(name));
        }
        vars.text("id", Some(self.id));
        vars.text("imageId", self.image_id.map(ImageId::as_str));
        vars.text("instanceId", facts.instance_id.as_deref());
        vars.text("launchedAt", self.launched_at.map(VendorTime::as_str));
        vars.text("privateIp", self.persisted_ip.or(facts.private_ip.as_deref()));
        vars.text("state", self.state.map(StatefulState::as_str));
    }

    /// With a persisted root the running image is one that the platform made from a snapshot, so the two never
    /// compare (vendor help: root volume persistence). Unknown images prove nothing either.
    fn image_drift(&self) -> Option<bool> {
        match (self.owner.persistence.root_device, self.owner.image_id, self.image_id) {
            (false, Some(wanted), Some(present)) => Some(wanted != present),
            (true, _, _) | (false, None, _) | (false, _, None) => None,
        }
    }
}

struct Vars<'a> {
    prefix: &'a str,
    map: Map<String, Value>,
}

impl Vars<'_> {
    fn put(&mut self, name: &str, value: Value) {
        self.map.insert(format!("{}{name}", self.prefix), value);
    }

    /// A fact nobody told is no variable: a template that needs it must fail rather than read a lie.
    fn text(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.put(name, Value::String(value.to_owned()));
        }
    }
}

fn device_json(device: &Device) -> Value {
    let fields = [
        ("deviceName", &device.device_name),
        ("volumeId", &device.volume_id),
        ("snapshotId", &device.snapshot_id),
    ];
    let told = fields.into_iter().filter_map(|(name, value)| {
        value.as_ref().map(|value| (name.to_owned(), Value::String(value.clone())))
    });
    Value::Object(told.collect())
}

fn persistence_json(persistence: &Persistence) -> Value {
    let mut object = json!({
        "rootDevice": persistence.root_device,
        "blockDevices": persistence.block_devices,
        "privateIp": persistence.private_ip,
    });
    if let Some(mode) = &persistence.block_devices_mode {
        object["blockDevicesMode"] = Value::String(mode.as_str().to_owned());
    }
    object
}

fn ec2_vars(vars: &mut Vars<'_>, ec2: &Ec2Instance) {
    vars.text("ec2_state", ec2.state.as_deref());
    vars.text("ec2_imageId", ec2.image_id.as_ref().map(ImageId::as_str));
    vars.text("ec2_launchedAt", ec2.launched_at.as_deref());
    vars.text("architecture", ec2.architecture.as_deref());
    vars.text("privateDnsName", ec2.private_dns_name.as_deref());
    vars.text("publicDnsName", ec2.public_dns_name.as_deref());
    vars.text("subnetId", ec2.subnet_id.as_deref());
    vars.text("vpcId", ec2.vpc_id.as_deref());
}
