//! Fleet files: read, checked, explained.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use crate::clock::{ClockMode, ClockSettings};
use crate::describe::{Access, FleetDescription, GroupDescription, InstanceDescription};
use crate::hooks::Hooks;
use crate::lifecycle::State;

/// The fleet that is shipped with the simulator.
pub const DEMO_FLEET: &str = include_str!("../fleets/demo.yml");

/// A description of everything that is simulated, parsed and checked.
#[derive(Clone, Debug)]
pub struct Fleet {
    description: Arc<FleetDescription>,
    seed: u64,
}

/// Why a fleet cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    /// The file cannot be read.
    #[error("cannot read {file}: {source}")]
    Unreadable {
        /// The file.
        file: String,
        /// Why not.
        source: std::io::Error,
    },
    /// It is no YAML, has an unknown key or a value of the wrong kind.
    #[error("{file}:{line}:{column}: {message}")]
    Syntax {
        /// The file, or `fleet` for text without one.
        file: String,
        /// The line, from 1; 0 when it is not known.
        line: u64,
        /// The column, from 1; 0 when it is not known.
        column: u64,
        /// What is wrong there.
        message: String,
    },
    /// It contradicts itself.
    #[error("{file}: {problem}")]
    Contradiction {
        /// The file, or `fleet` for text without one.
        file: String,
        /// What contradicts what.
        problem: String,
    },
}

impl Fleet {
    /// Reads a fleet from YAML text.
    ///
    /// # Errors
    /// When the text is no fleet: unknown keys, wrong types, or things that contradict each other.
    pub fn from_yaml(text: &str) -> Result<Fleet, FleetError> {
        Fleet::parse(text, "fleet")
    }

    /// Reads a fleet from a file; errors name it.
    ///
    /// # Errors
    /// When the file cannot be read or is no fleet.
    pub fn from_file(path: &Path) -> Result<Fleet, FleetError> {
        let file = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => Fleet::parse(&text, &file),
            Err(source) => Err(FleetError::Unreadable { file, source }),
        }
    }

    /// The fleet of [`DEMO_FLEET`].
    ///
    /// # Panics
    /// Never: a test reads the same text.
    #[must_use]
    pub fn demo() -> Fleet {
        match Fleet::parse(DEMO_FLEET, "fleets/demo.yml") {
            Ok(fleet) => fleet,
            Err(error) => panic!("the demo fleet is broken: {error}"),
        }
    }

    fn parse(text: &str, file: &str) -> Result<Fleet, FleetError> {
        let parsed: Result<FleetDescription, _> = serde_yaml::from_str(text);
        let description = parsed.map_err(|error| {
            let place = error.location();
            FleetError::Syntax {
                file: file.to_owned(),
                line: place.as_ref().map_or(0, |place| place.line()),
                column: place.as_ref().map_or(0, |place| place.column()),
                message: plain(&error),
            }
        })?;
        if let Some(problem) = contradiction(&description) {
            return Err(FleetError::Contradiction { file: file.to_owned(), problem });
        }
        let seed = description.seed;
        Ok(Fleet { description: Arc::new(description), seed })
    }

    /// The same fleet with another seed.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Fleet {
        self.seed = seed;
        self
    }

    /// The same fleet with another clock mode or speed.
    #[must_use]
    pub fn with_clock(mut self, mode: Option<ClockMode>, speed: Option<f64>) -> Fleet {
        let clock = &mut Arc::make_mut(&mut self.description).clock;
        clock.mode = mode.unwrap_or(clock.mode);
        clock.speed = speed.unwrap_or(clock.speed);
        self
    }

    /// The same fleet with another folder for the folders that stand for volumes.
    #[must_use]
    pub fn with_volume_folder(mut self, folder: &Path) -> Fleet {
        Arc::make_mut(&mut self.description).volume_folder = Some(folder.to_owned());
        self
    }

    /// Where hooks find the folders that stand for volumes.
    pub(crate) fn volume_folder(&self) -> Option<&Path> {
        self.description.volume_folder.as_deref()
    }

    /// Whether commands are to be run for machines that appear or go.
    #[must_use]
    pub fn has_hooks(&self) -> bool {
        let groups = &self.description.groups;
        self.description.hooks.is_some() || groups.iter().any(|group| group.hooks.is_some())
    }

    /// The seed of ids and probabilities.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The clock.
    #[must_use]
    pub fn clock(&self) -> ClockSettings {
        self.description.clock
    }

    pub(crate) fn description(&self) -> &FleetDescription {
        &self.description
    }

    /// A line about its size, for people.
    #[must_use]
    pub fn summary(&self) -> String {
        let estate = crate::populate::populate(&self.description, self.seed);
        let stateful: usize = estate.groups.iter().map(|group| group.stateful.len()).sum();
        let members: usize = estate.groups.iter().map(|group| group.members.len()).sum();
        format!(
            "{} groups, {stateful} stateful instances, {members} members, {} managed instances, \
             {} accounts, {} tokens",
            estate.groups.len(),
            estate.managed.len(),
            self.description.accounts.len(),
            self.description.tokens.len(),
        )
    }
}

/// The message without the place, which goes in front of it.
fn plain(error: &serde_yaml::Error) -> String {
    let text = error.without_snippet().to_string();
    match text.rsplit_once(" at line ") {
        Some((message, _)) => message.to_owned(),
        None => text,
    }
}

fn contradiction(fleet: &FleetDescription) -> Option<String> {
    if let Some(endpoint) = &fleet.administration.iam_endpoint
        && let Err(objection) = crate::iam::host(endpoint)
    {
        return Some(objection);
    }
    let accounts: BTreeSet<&str> = fleet.accounts.iter().map(|one| one.id.as_str()).collect();
    if accounts.is_empty() {
        return Some("`accounts` is empty: at least one account is needed".to_owned());
    }
    if fleet.tokens.is_empty() {
        return Some("`tokens` is empty: nobody could call the API".to_owned());
    }
    let speed = fleet.clock.speed;
    if !speed.is_finite() || speed < 0.0 {
        return Some(format!("`clock.speed` is {speed}: it must be zero or more"));
    }
    let unknown = |account: &Option<String>| {
        account.as_deref().filter(|id| !accounts.contains(id)).map(str::to_owned)
    };
    for token in &fleet.tokens {
        if let Some(id) = token.accounts.iter().find(|id| !accounts.contains(id.as_str())) {
            return Some(format!("a token names account {id}, which is not in `accounts`"));
        }
        if token.access == Access::Accounts && token.accounts.is_empty() {
            return Some("a token has `access: accounts` and no `accounts`".to_owned());
        }
    }
    for group in &fleet.groups {
        if let Some(id) = unknown(&group.account) {
            return Some(format!("group {}: account {id} is not in `accounts`", group.name));
        }
        if let Some(problem) = group_contradiction(group) {
            return Some(format!("group {}: {problem}", group.name));
        }
    }
    let generated = fleet.generate.as_ref().and_then(|generate| unknown(&generate.account));
    if let Some(id) = generated {
        return Some(format!("`generate.account` {id} is not in `accounts`"));
    }
    for managed in &fleet.managed_instances {
        if let Some(id) = unknown(&managed.account) {
            return Some(format!("managed instance {}: account {id} is not there", managed.name));
        }
    }
    if let Some(problem) = fleet.autonomous.objection() {
        return Some(problem);
    }
    let mut hooks =
        fleet.groups.iter().filter_map(|group| group.hooks.as_ref()).chain(&fleet.hooks);
    if let Some(problem) = hooks.find_map(Hooks::objection) {
        return Some(problem);
    }
    if let Some(problem) = blocks(fleet) {
        return Some(problem);
    }
    if let Some(problem) = sizes(fleet) {
        return Some(problem);
    }
    for (index, fault) in fleet.faults.iter().enumerate() {
        if let Some(objection) = fault.objection() {
            return Some(format!("fault {}: {objection}", index + 1));
        }
    }
    twice(fleet)
}

/// Blocks of addresses that are too small, or that two groups have.
fn blocks(fleet: &FleetDescription) -> Option<String> {
    let with = |group: &&GroupDescription| group.addresses.is_some();
    let groups: Vec<&GroupDescription> = fleet.groups.iter().filter(with).collect();
    for (index, group) in groups.iter().enumerate() {
        let block = group.addresses?;
        let count = |one: &InstanceDescription| one.count.unwrap_or(1);
        let size: u32 = group.stateful.iter().chain(&group.members).map(count).sum();
        let zones = u32::try_from(group.zones.len().max(1)).unwrap_or(1);
        // Four addresses of each zone are kept free, as AWS does, and one is needed to replace an instance.
        if block.size / zones < size + 5 {
            return Some(format!("group {}: its `addresses` are too few", group.name));
        }
        let mut rest = groups[index + 1..].iter();
        let overlaps =
            |other: &&&GroupDescription| other.addresses.is_some_and(|it| it.overlaps(block));
        if let Some(other) = rest.find(overlaps) {
            let (one, other) = (&group.name, &other.name);
            return Some(format!("groups {one} and {other} have some `addresses` in common"));
        }
    }
    None
}

fn sizes(fleet: &FleetDescription) -> Option<String> {
    let most = crate::estate::Network::BLOCK / 4;
    let excessive = fleet.generate.as_ref().is_some_and(|generate| {
        let groups = generate.groups.saturating_add(generate.stateless_groups);
        groups > 4000 || generate.instances_per_group > most
    });
    if excessive {
        return Some(format!("`generate` makes at most 4000 groups of {most} instances"));
    }
    let mut routes = fleet.limits.routes.keys();
    let simulated = |route: &&String| {
        let path = route.split_once(' ').map(|(_, path)| path.trim());
        path.is_some_and(crate::routes::is_known)
    };
    let unknown = routes.find(|route| !simulated(route))?;
    Some(format!(
        "`limits.routes`: {unknown:?} is no simulated route such as \"GET /aws/ec2/group\""
    ))
}

fn group_contradiction(group: &GroupDescription) -> Option<String> {
    let persists = group.persistence.root
        || group.persistence.private_ip
        || group.persistence.data != crate::describe::DataPersistence::Off;
    if let Some(problem) = group.autonomous.and_then(crate::Rates::objection) {
        return Some(problem);
    }
    if let Some((place, problem)) = crate::schedule::objection(&group.config) {
        return Some(format!("{place}: {problem}"));
    }
    if !group.stateful.is_empty() && !persists {
        return Some("has `stateful` instances and persists nothing: use `members`".to_owned());
    }
    for one in group.stateful.iter().chain(&group.members) {
        let down = matches!(one.state, Some(State::Paused | State::Deallocated));
        if down && one.instance_id.is_some() {
            return Some(
                "a paused instance has no `instance_id`; use `overlay` to show one".to_owned(),
            );
        }
        if one.count.is_some_and(|count| count > 1) && is_named(one) {
            return Some("`count` together with an id or address: write one entry each".to_owned());
        }
        let known =
            |zone: &String| group.zones.is_empty() || group.zones.iter().any(|z| z.name == *zone);
        if let Some(zone) = one.zone.as_ref().filter(|zone| !known(zone)) {
            return Some(format!("zone {zone} is not in `zones`"));
        }
    }
    None
}

fn is_named(one: &InstanceDescription) -> bool {
    one.id.is_some() || one.instance_id.is_some() || one.private_ip.is_some()
}

/// Ids that two things have.
fn twice(fleet: &FleetDescription) -> Option<String> {
    let instances =
        fleet.groups.iter().flat_map(|group| group.stateful.iter().chain(&group.members));
    let ids = instances.flat_map(|one| [&one.id, &one.instance_id]);
    let groups = fleet.groups.iter().map(|group| &group.id);
    let managed = fleet.managed_instances.iter().flat_map(|one| [&one.id, &one.instance_id]);
    let mut seen: BTreeSet<&str> = fleet.accounts.iter().map(|one| one.id.as_str()).collect();
    if seen.len() < fleet.accounts.len() {
        return Some("two accounts have the same id".to_owned());
    }
    let mut all = ids.chain(groups).chain(managed).filter_map(|id| id.as_deref());
    all.find(|id| !seen.insert(id)).map(|id| format!("{id} is the id of two things"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "tokens: [{token: t}]\naccounts: [{id: act-1, name: a}]\n";

    #[test]
    fn the_demo_fleet_is_sound() {
        assert!(Fleet::demo().summary().contains("managed instances"));
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_place() {
        let text = format!("{HEAD}groups:\n  - name: g\n    region: us-east-1\n    colour: red\n");
        let error = Fleet::from_yaml(&text).unwrap_err();
        let FleetError::Syntax { line, column, message, .. } = &error else { panic!("{error}") };
        assert_eq!((*line, *column), (6, 5), "{message}");
        assert!(error.to_string().starts_with("fleet:6:5: unknown field `colour`"), "{error}");
    }

    #[test]
    fn contradictions_are_refused() {
        let refuse = |rest: &str| {
            let error = Fleet::from_yaml(&format!("{HEAD}{rest}")).unwrap_err();
            assert!(matches!(error, FleetError::Contradiction { .. }), "{error}");
            error.to_string()
        };
        let group = "groups:\n  - {name: g, region: r";
        assert!(refuse(&format!("{group}, account: act-9}}")).contains("act-9"));
        assert!(refuse(&format!("{group}, stateful: [{{}}]}}")).contains("persists nothing"));
        let twins = ", persistence: {root: true}, stateful: [{id: ssi-1}, {id: ssi-1}]}";
        assert!(refuse(&format!("{group}{twins}")).contains("two things"));
        assert!(refuse("faults: [{kind: latency}]").contains("ms"));
        assert!(refuse("faults: [{kind: html, route: /nowhere}]").contains("/nowhere"));
        assert!(refuse("limits: {routes: {'GET /nowhere': 3}}").contains("/nowhere"));
        assert!(refuse("generate: {groups: 5000}").contains("4000"));
        let paused = ", persistence: {root: true}, stateful: [{state: PAUSED, instance_id: i-1}]}";
        assert!(refuse(&format!("{group}{paused}")).contains("overlay"));
    }
}
