//! One observation of the fleet: few calls, many at a time.

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

use super::concurrently::{each, watched};
use super::ec2::{Ec2, Ec2Error, RegionFacts};
use super::progress::Progress;
use crate::domain::{
    AccountFleet, AccountId, Fleet, Group, GroupFleet, InstanceId, ManagedInstance, Notice, Region,
    Subject,
};
use crate::plan::inventory::{Ec2Mode, Include, Scope};
use crate::spot::{Client, Listed, SpotError};

/// What is to be observed.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Accounts, each once.
    pub accounts: Vec<AccountId>,
    /// Which of their groups and managed instances.
    pub scope: Scope,
    /// What of the groups.
    pub include: Include,
    /// Whether EC2 is asked.
    pub ec2: Ec2Mode,
    /// Most calls under way at once; at least one.
    pub concurrency: usize,
}

/// Why nothing could be observed.
#[derive(Debug, Error)]
pub enum ObserveError {
    /// No account could be listed; this is the first failure.
    #[error(transparent)]
    Spot(#[from] SpotError),
    /// EC2 was asked for without condition and cannot be asked.
    #[error("cannot read EC2's facts, which `ec2: true` asks for: {0}")]
    Ec2(Ec2Error),
}

/// Reads everything that is wanted.
///
/// Calls to Spot: one an account, one more an account for managed instances, then one a stateful group, plus one a
/// group for its status where EC2 is not asked or did not answer, plus one a managed instance. A part that cannot
/// be read is a failure notice and leaves the rest; odd replies are notices too.
///
/// # Errors
///
/// The first failure, if no account at all could be listed, and EC2's, if it was asked for without condition.
pub fn observe(
    client: &Client,
    wanted: &Wanted,
    connect: impl FnOnce() -> Result<Box<dyn Ec2>, Ec2Error> + Send,
    progress: &Progress<'_>,
) -> Result<Fleet, ObserveError> {
    // Finding AWS credentials may ask a metadata service: let it run beside the first calls.
    let (lists, ec2) = std::thread::scope(|scope| {
        let ec2 = (wanted.ec2 != Ec2Mode::Never).then(|| scope.spawn(connect));
        let lists = list_accounts(client, wanted, progress);
        let panicked = |_| Err(Ec2Error::Failed("the AWS client stopped".to_owned()));
        let join = || ec2.map(|thread| thread.join().unwrap_or_else(panicked));
        (lists, watched(progress, "looking for AWS credentials", join))
    });
    let mut fleet = lists?;
    let ec2 = usable(ec2, wanted.ec2, &mut fleet)?;
    let calls = calls(&fleet, wanted, ec2.is_none());
    make(client, wanted, &mut fleet, &calls, progress)?;
    if let Some(ec2) = ec2 {
        let failed = describe(&mut fleet, ec2.as_ref(), wanted.ec2, progress)?;
        let calls = status_of_regions(&fleet, &failed);
        // All of these may fail: the stateful instances are known without them, and each failure is told.
        make(client, wanted, &mut fleet, &calls, progress).unwrap_or_default();
    }
    Ok(fleet)
}

/// EC2, if it can and may be asked.
fn usable(
    connected: Option<Result<Box<dyn Ec2>, Ec2Error>>,
    mode: Ec2Mode,
    fleet: &mut Fleet,
) -> Result<Option<Box<dyn Ec2>>, ObserveError> {
    match (connected, mode) {
        (None, _) => Ok(None),
        (Some(Ok(ec2)), _) => Ok(Some(ec2)),
        (Some(Err(Ec2Error::NoCredentials(_) | Ec2Error::NotBuilt)), Ec2Mode::Auto) => Ok(None),
        (Some(Err(error)), Ec2Mode::Auto) => {
            let text = format!("{error}; the group status serves instead");
            fleet.notices.push(Notice::failure(Subject::Aws, text));
            Ok(None)
        }
        (Some(Err(error)), Ec2Mode::Always | Ec2Mode::Never) => Err(ObserveError::Ec2(error)),
    }
}

fn reading(calls: usize) -> impl Fn(usize) -> String {
    move |done| format!("reading the Spot API: {done} of {calls} calls")
}

/// Lists the accounts' groups and managed instances; those in scope are kept.
fn list_accounts(
    client: &Client,
    wanted: &Wanted,
    progress: &Progress<'_>,
) -> Result<Fleet, SpotError> {
    let line = reading(wanted.accounts.len());
    let lists = each(&wanted.accounts, wanted.concurrency, progress, line, |account| {
        let managed =
            wanted.include.managed_instances.then(|| client.list_managed_instances(account));
        (client.list_groups(account), managed)
    });
    let mut fleet = Fleet::default();
    let mut failed = Vec::new();
    let mut seen = BTreeSet::new();
    for (id, (groups, managed)) in wanted.accounts.iter().zip(lists) {
        let subject = Subject::Account(id.clone());
        failed.extend(groups.as_ref().err().cloned());
        let groups = kept(groups, &subject, &mut fleet.notices);
        let managed = managed.map(|managed| kept(managed, &subject, &mut fleet.notices));
        let managed = managed.unwrap_or_default();
        seen.extend(groups.iter().map(|g| (g.id.as_str().to_owned(), g.name.clone())));
        seen.extend(managed.iter().map(|m| (m.id.as_str().to_owned(), m.name.clone())));
        fleet.accounts.push(AccountFleet {
            id: id.clone(),
            groups: in_scope(groups, wanted),
            managed: managed.into_iter().filter(|m| holds(&wanted.scope, m)).collect(),
        });
    }
    if failed.len() == wanted.accounts.len()
        && let Some(first) = failed.into_iter().next()
    {
        return Err(first);
    }
    // What could not be listed may hold what a pattern asks for.
    if fleet.missing().is_empty() {
        let seen: Vec<_> = seen.iter().map(|(id, name)| (id.as_str(), name.as_str())).collect();
        for pattern in wanted.scope.unmatched(&seen) {
            let text = "option elastigroups asks for it, but nothing has this id or name";
            let subject = Subject::InventoryGroup(pattern.to_owned());
            fleet.notices.push(Notice::oddity(subject, text));
        }
    }
    Ok(fleet)
}

fn in_scope(groups: Vec<Group>, wanted: &Wanted) -> Vec<GroupFleet> {
    let is_wanted = |group: &Group| {
        let kind = (wanted.include.stateful && group.persistence.may_have_stateful_instances())
            || wanted.include.members;
        kind && wanted.scope.holds(group)
    };
    let unread = |group| GroupFleet { group, stateful: Vec::new(), members: None };
    groups.into_iter().filter(is_wanted).map(unread).collect()
}

fn holds(scope: &Scope, managed: &ManagedInstance) -> bool {
    scope.holds_parts(managed.region.as_ref(), [managed.id.as_str(), &managed.name], &managed.tags)
}

/// One call to make, by where its answer belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Call {
    Stateful { account: usize, group: usize },
    Status { account: usize, group: usize },
    Managed { account: usize, managed: usize },
}

/// Puts an answer where it belongs; tells the failure, if it is one.
type Settle = Box<dyn FnOnce(&mut Fleet) -> Option<SpotError> + Send>;

/// The calls of the second round, routes in turn so that each route's budget is used alike.
fn calls(fleet: &Fleet, wanted: &Wanted, without_ec2: bool) -> Vec<Call> {
    let mut calls = Vec::new();
    for (account, of) in fleet.accounts.iter().enumerate() {
        for (group, GroupFleet { group: config, .. }) in of.groups.iter().enumerate() {
            // Also members need the list, to tell which of them are stateful instances.
            if config.persistence.may_have_stateful_instances() {
                calls.push(Call::Stateful { account, group });
            }
            if without_ec2 || wanted.include.members {
                calls.push(Call::Status { account, group });
            }
        }
        calls.extend((0..of.managed.len()).map(|managed| Call::Managed { account, managed }));
    }
    calls
}

fn status_of_regions(fleet: &Fleet, failed: &BTreeSet<Region>) -> Vec<Call> {
    let mut calls = Vec::new();
    for (account, of) in fleet.accounts.iter().enumerate() {
        for (group, fleet) in of.groups.iter().enumerate() {
            let in_failed =
                fleet.group.region.as_ref().is_none_or(|region| failed.contains(region));
            if in_failed && fleet.members.is_none() {
                calls.push(Call::Status { account, group });
            }
        }
    }
    calls
}

/// Makes the calls. Some may fail; if all do, nothing is known of any host and the first failure is the result.
fn make(
    client: &Client,
    wanted: &Wanted,
    fleet: &mut Fleet,
    calls: &[Call],
    progress: &Progress<'_>,
) -> Result<(), SpotError> {
    let asked: &Fleet = fleet;
    let line = reading(calls.len());
    let answers = each(calls, wanted.concurrency, progress, line, |call| call.make(client, asked));
    let failures: Vec<_> = answers.into_iter().filter_map(|settle| settle(fleet)).collect();
    let all = !calls.is_empty() && failures.len() == calls.len();
    failures.into_iter().next().filter(|_| all).map_or(Ok(()), Err)
}

impl Call {
    fn make(self, client: &Client, fleet: &Fleet) -> Settle {
        match self {
            Self::Stateful { account, group } => {
                let of = &fleet.accounts[account];
                let reply = client.list_stateful_instances(&of.id, &of.groups[group].group.id);
                let subject = of.groups[group].subject();
                Box::new(move |fleet| {
                    let failure = reply.as_ref().err().cloned();
                    let instances = kept(reply, &subject, &mut fleet.notices);
                    fleet.accounts[account].groups[group].stateful = instances;
                    failure
                })
            }
            Self::Status { account, group } => {
                let of = &fleet.accounts[account];
                let reply = client.group_status(&of.id, &of.groups[group].group.id);
                let subject = of.groups[group].subject();
                Box::new(move |fleet| {
                    let failure = reply.as_ref().err().cloned();
                    let members = kept(reply, &subject, &mut fleet.notices);
                    fleet.accounts[account].groups[group].members = Some(members);
                    failure
                })
            }
            Self::Managed { account, managed } => {
                let of = &fleet.accounts[account];
                let id = of.managed[managed].id.clone();
                let reply = client.managed_instance_status(&of.id, &id);
                Box::new(move |fleet| {
                    let failure = reply.as_ref().err().cloned();
                    let status = kept(reply, &Subject::Managed(id), &mut fleet.notices);
                    fleet.accounts[account].managed[managed].status = status.into_iter().next();
                    failure
                })
            }
        }
    }
}

fn kept<T>(
    reply: Result<Listed<T>, SpotError>,
    subject: &Subject,
    notices: &mut Vec<Notice>,
) -> Vec<T> {
    match reply {
        Ok(listed) => {
            let odd = |text| Notice::oddity(subject.clone(), text);
            let lost = |text| Notice::failure(subject.clone(), text);
            notices.extend(listed.oddities.into_iter().map(odd));
            notices.extend(listed.left_out.into_iter().map(lost));
            listed.items
        }
        Err(error) => {
            notices.push(Notice::failure(subject.clone(), error.to_string()));
            Vec::new()
        }
    }
}

/// Adds EC2's facts; answers the regions that could not be read.
fn describe(
    fleet: &mut Fleet,
    ec2: &dyn Ec2,
    mode: Ec2Mode,
    progress: &Progress<'_>,
) -> Result<BTreeSet<Region>, ObserveError> {
    let mut wanted: BTreeMap<Region, Vec<InstanceId>> = BTreeMap::new();
    for account in &fleet.accounts {
        for group in &account.groups {
            if let Some(region) = &group.group.region {
                let members = group.members.iter().flatten().filter_map(|m| m.instance_id.as_ref());
                let stateful = group.stateful.iter().filter_map(|s| s.instance_id.as_ref());
                wanted.entry(region.clone()).or_default().extend(stateful.chain(members).cloned());
            }
        }
        for managed in &account.managed {
            if let (Some(region), Some(id)) = (&managed.region, managed.instance_id()) {
                wanted.entry(region.clone()).or_default().push(id.clone());
            }
        }
    }
    wanted.retain(|_, ids| !ids.is_empty());
    for ids in wanted.values_mut() {
        ids.sort();
        ids.dedup();
    }
    let mut failed = BTreeSet::new();
    let line = format!("asking EC2 in {} regions", wanted.len());
    let answers = watched(progress, &line, || ec2.describe(wanted.clone()));
    for (region, facts) in answers {
        match (facts, mode) {
            (Err(error), Ec2Mode::Always) => return Err(ObserveError::Ec2(error)),
            (facts, _) => add_region(fleet, &wanted, (region, facts), &mut failed),
        }
    }
    Ok(failed)
}

fn add_region(
    fleet: &mut Fleet,
    wanted: &BTreeMap<Region, Vec<InstanceId>>,
    (region, facts): RegionFacts,
    failed: &mut BTreeSet<Region>,
) {
    match facts {
        Ok(facts) => {
            fleet.ec2.extend(facts.into_iter().map(|facts| (facts.id.clone(), facts)));
            let unknown = |id: &&InstanceId| !fleet.ec2.contains_key(*id);
            let missing: Vec<&str> = wanted
                .get(&region)
                .into_iter()
                .flatten()
                .filter(unknown)
                .map(InstanceId::as_str)
                .collect();
            if !missing.is_empty() {
                let text = format!(
                    "EC2 does not know {} of its instances ({}{}); is this the AWS account they run in?",
                    missing.len(),
                    missing.iter().take(5).copied().collect::<Vec<_>>().join(", "),
                    if missing.len() > 5 { ", …" } else { "" }
                );
                fleet.notices.push(Notice::oddity(Subject::Region(region.clone()), text));
                failed.insert(region);
            }
        }
        Err(error) => {
            let text = format!("{error}; the group status serves instead");
            fleet.notices.push(Notice::failure(Subject::Region(region.clone()), text));
            failed.insert(region);
        }
    }
}
