//! Names of hosts and groups: as the vendor has them, unless that would mislead.

use std::collections::{BTreeMap, BTreeSet};

use super::Options;
use super::document::{Document, GroupEntry, is_template};
use super::hosts::Unnamed;
use super::options::{OptionError, choice};
use crate::domain::{Fleet, Group, GroupFleet, Notice, Subject};

/// How groups are spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupNames {
    /// As the vendor has them.
    Raw,
    /// Every character that Ansible calls invalid replaced by an underscore.
    Safe,
    /// Both spellings, where they differ.
    Both,
}

impl GroupNames {
    pub(super) fn parse(word: &str) -> Result<Self, OptionError> {
        match word {
            "raw" => Ok(Self::Raw),
            "safe" => Ok(Self::Safe),
            "both" => Ok(Self::Both),
            other => Err(choice("group_names", other, &["raw", "safe", "both"])),
        }
    }

    fn spellings(self, name: &str) -> BTreeSet<String> {
        let safe = safe_group_name(name);
        match self {
            Self::Raw => BTreeSet::from([name.to_owned()]),
            Self::Safe => BTreeSet::from([safe]),
            Self::Both => BTreeSet::from([name.to_owned(), safe]),
        }
    }
}

/// A place a host's name may come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostnameSource {
    /// The vendor's stable id: `ssi-…`, `smi-…`, for plain members `i-…`.
    Id,
    /// The EC2 instance id.
    InstanceId,
    /// The present private address.
    PrivateIp,
    /// The present public address.
    PublicIp,
    /// EC2's private DNS name.
    PrivateDnsName,
    /// EC2's public DNS name.
    PublicDnsName,
    /// The value of a tag.
    Tag(String),
}

impl HostnameSource {
    const WORDS: &[&str] = &[
        "id",
        "instance_id",
        "private_ip",
        "public_ip",
        "private_dns_name",
        "public_dns_name",
        "tag:NAME",
    ];

    pub(super) fn parse(word: &str) -> Result<Self, OptionError> {
        if let Some(tag) = word.strip_prefix("tag:").filter(|tag| !tag.is_empty()) {
            return Ok(Self::Tag(tag.to_owned()));
        }
        match word.to_ascii_lowercase().replace(['_', '-'], "").as_str() {
            "id" => Ok(Self::Id),
            "instanceid" => Ok(Self::InstanceId),
            "privateip" | "privateipaddress" => Ok(Self::PrivateIp),
            "publicip" | "ipaddress" => Ok(Self::PublicIp),
            "privatednsname" => Ok(Self::PrivateDnsName),
            "publicdnsname" | "dnsname" => Ok(Self::PublicDnsName),
            _ => Err(choice("hostnames", word, Self::WORDS)),
        }
    }

    fn name(&self, host: &Unnamed) -> Option<String> {
        let facts = &host.facts;
        match self {
            Self::Id => Some(host.id.clone()),
            Self::InstanceId => facts.instance_id.clone(),
            Self::PrivateIp => facts.private_ip.clone(),
            Self::PublicIp => facts.public_ip.clone(),
            Self::PrivateDnsName => facts.private_dns_name.clone(),
            Self::PublicDnsName => facts.public_dns_name.clone(),
            Self::Tag(name) => facts.tags.get(name).cloned(),
        }
        .filter(|name| !name.is_empty())
    }
}

/// Ansible's own rule (`to_safe_group_name`): a first character that is no letter and no underscore, and any
/// further one that is no letter, digit or underscore, becomes an underscore.
pub fn safe_group_name(name: &str) -> String {
    let replace = |(at, c): (usize, char)| match c {
        '_' => c,
        c if c.is_alphanumeric() && (at > 0 || !c.is_numeric()) => c,
        _ => '_',
    };
    name.chars().enumerate().map(replace).collect()
}

/// Names every host and group.
pub(super) fn assign(
    hosts: Vec<Unnamed>,
    fleet: &Fleet,
    options: &Options,
    notices: &mut Vec<Notice>,
) -> Document {
    let owners = owners(fleet);
    let ids: BTreeSet<&str> = hosts.iter().map(|host| host.id.as_str()).collect();
    let names = group_names(&owners, &ids, options, notices);
    let mut document = Document::default();
    for spelling in names.values().flatten() {
        document.groups.insert(spelling.clone(), GroupEntry::default());
    }
    let host_names = host_names(&hosts, &ids, &document, options, notices);
    for (host, name) in hosts.into_iter().zip(host_names) {
        for spelling in host.owners.iter().filter_map(|id| names.get(id)).flatten() {
            document.groups.entry(spelling.clone()).or_default().hosts.insert(name.clone());
        }
        document.hosts.insert(name, host.vars);
    }
    document
}

/// What gives its hosts groups to be in.
struct Owner<'a> {
    id: &'a str,
    name: &'a str,
    /// The group that always serves: the Elastigroup's id; for managed instances one that holds them all.
    base: &'a str,
    subject: Subject,
}

fn owners(fleet: &Fleet) -> Vec<Owner<'_>> {
    let of_group = |group: &'_ Group| Subject::Group(group.id.clone(), group.name.clone());
    let mut owners = Vec::new();
    for account in &fleet.accounts {
        owners.extend(account.groups.iter().map(|GroupFleet { group, .. }| Owner {
            id: group.id.as_str(),
            name: &group.name,
            base: group.id.as_str(),
            subject: of_group(group),
        }));
        owners.extend(account.managed.iter().map(|managed| Owner {
            id: managed.id.as_str(),
            name: &managed.name,
            base: "managed_instances",
            subject: Subject::Managed(managed.id.clone()),
        }));
    }
    owners
}

/// Spellings of each owner's groups, by its id. The base always serves; the name only where it cannot mislead.
fn group_names(
    owners: &[Owner<'_>],
    hosts: &BTreeSet<&str>,
    options: &Options,
    notices: &mut Vec<Notice>,
) -> BTreeMap<String, BTreeSet<String>> {
    let bases: BTreeSet<String> =
        owners.iter().flat_map(|owner| options.group_names.spellings(owner.base)).collect();
    let mut claims: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    let mut names: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for owner in owners {
        let spellings = names.entry(owner.id.to_owned()).or_default();
        spellings.extend(options.group_names.spellings(owner.base));
        let mut name = owner.name.to_owned();
        if is_template(&name) {
            name = safe_group_name(&name);
            let text = format!("has template marks in its name; it is listed as {name:?}");
            notices.push(Notice::oddity(owner.subject.clone(), text));
        }
        let wanted = options.group_names.spellings(&name);
        if let Some(why) = wanted.iter().find_map(|name| misleads(name, owner, &bases, hosts)) {
            let text = format!("its hosts are listed under {} only: {why}", owner.base);
            notices.push(Notice::oddity(owner.subject.clone(), text));
            continue;
        }
        for spelling in wanted {
            claims.entry(spelling.clone()).or_default().insert(owner.id);
            spellings.insert(spelling);
        }
    }
    for (name, owners) in claims.iter().filter(|(_, owners)| owners.len() > 1) {
        let owners: Vec<&str> = owners.iter().copied().collect();
        let text = format!("is the name of {}; it holds the hosts of all", owners.join(" and "));
        notices.push(Notice::oddity(Subject::InventoryGroup(name.clone()), text));
    }
    names
}

fn misleads(
    name: &str,
    owner: &Owner<'_>,
    bases: &BTreeSet<String>,
    hosts: &BTreeSet<&str>,
) -> Option<String> {
    if let Some(why) = is_no_group_name(name) {
        return Some(why);
    }
    if name != owner.base && bases.contains(name) {
        return Some(format!("another group is listed as {name:?}"));
    }
    hosts.contains(name).then(|| format!("{name:?} is the id of a host"))
}

/// Why no group may be called so, whoever asks for it.
pub(super) fn is_no_group_name(name: &str) -> Option<String> {
    if name.trim().is_empty() {
        return Some("its name is empty".to_owned());
    }
    let means_else = ["all", "ungrouped", "_meta"].contains(&name);
    means_else.then(|| format!("{name:?} means something else to Ansible"))
}

/// One name a host, in the order of `hosts`. A name that two hosts claim goes to neither: which of them came
/// first may change from one call to the next, and a play must not move with it.
fn host_names(
    hosts: &[Unnamed],
    ids: &BTreeSet<&str>,
    document: &Document,
    options: &Options,
    notices: &mut Vec<Notice>,
) -> Vec<String> {
    let default = [HostnameSource::PrivateIp];
    let sources: &[HostnameSource] =
        if options.hostnames.is_empty() { &default } else { &options.hostnames };
    let wanted: Vec<String> =
        hosts.iter().map(|host| preferred(host, ids, sources, document, notices)).collect();
    let mut takers: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (host, name) in hosts.iter().zip(&wanted) {
        takers.entry(name).or_default().push(&host.id);
    }
    for (name, ids) in takers.iter().filter(|(_, ids)| ids.len() > 1) {
        let text = format!("is claimed by {}; each is listed by its id", ids.join(" and "));
        notices.push(Notice::oddity(Subject::Host((*name).to_owned()), text));
    }
    let is_taken = |name: &str| takers.get(name).is_some_and(|ids| ids.len() > 1);
    hosts
        .iter()
        .zip(&wanted)
        .map(|(host, name)| if is_taken(name) { last_resort(host, document) } else { name.clone() })
        .collect()
}

/// The id; told apart from a group of that name, which no vendor should ever send.
fn last_resort(host: &Unnamed, document: &Document) -> String {
    let is_free =
        |name: &str| !document.groups.contains_key(name) && is_no_group_name(name).is_none();
    let mut name = host.id.clone();
    while !is_free(&name) {
        name.insert_str(0, "instance-");
    }
    name
}

fn preferred(
    host: &Unnamed,
    ids: &BTreeSet<&str>,
    sources: &[HostnameSource],
    document: &Document,
    notices: &mut Vec<Notice>,
) -> String {
    for name in sources.iter().filter_map(|source| source.name(host)) {
        let why = if document.groups.contains_key(&name) || name == "all" || name == "ungrouped" {
            "a group has that name, and Ansible would give it the host's variables"
        } else if name != host.id && ids.contains(name.as_str()) {
            "it is the id of another host"
        } else if is_template(&name) {
            "it holds template marks"
        } else if name.contains(|c: char| c.is_control() || c.is_whitespace()) {
            "it holds blanks or control characters"
        } else {
            return name;
        };
        let text = format!("cannot be named {name:?}: {why}");
        notices.push(Notice::oddity(Subject::Host(host.id.clone()), text));
    }
    last_resort(host, document)
}
