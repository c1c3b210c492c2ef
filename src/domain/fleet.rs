//! One observation of everything in scope.

use std::collections::BTreeMap;
use std::fmt;

use super::{
    AccountId, Ec2Instance, Group, GroupId, InstanceId, ManagedInstance, ManagedInstanceId, Member,
    Region, StatefulInstance,
};

/// What was read in one go: the input of every decision.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fleet {
    /// One entry an account, in the order asked.
    pub accounts: Vec<AccountFleet>,
    /// EC2's own facts, where AWS was asked and answered.
    pub ec2: BTreeMap<InstanceId, Ec2Instance>,
    /// What could not be read or looked wrong. Nothing is left out in silence.
    pub notices: Vec<Notice>,
}

impl Fleet {
    /// What the observation should hold and does not, in the order it was found missing. Empty means complete.
    pub fn missing(&self) -> Vec<&Notice> {
        self.notices.iter().filter(|notice| notice.is_failure).collect()
    }
}

/// What was read of one account.
#[derive(Clone, Debug, PartialEq)]
pub struct AccountFleet {
    /// The account.
    pub id: AccountId,
    /// Its groups, those in scope.
    pub groups: Vec<GroupFleet>,
    /// Its managed instances, if they were asked for.
    pub managed: Vec<ManagedInstance>,
}

/// What was read of one group.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupFleet {
    /// Its configuration.
    pub group: Group,
    /// Its stateful instances, in the vendor's order; none where they were not asked for.
    pub stateful: Vec<StatefulInstance>,
    /// Its running EC2 instances, if the status was read.
    pub members: Option<Vec<Member>>,
}

impl GroupFleet {
    /// The group as a notice names it.
    pub fn subject(&self) -> Subject {
        Subject::Group(self.group.id.clone(), self.group.name.clone())
    }
}

/// Something the operator must know, about a named thing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Notice {
    /// What it is about.
    pub subject: Subject,
    /// What was attempted or seen, and why it matters: a lowercase fragment.
    pub text: String,
    /// Whether something the user asked for is missing because of it; `strict` refuses those.
    pub is_failure: bool,
}

impl Notice {
    /// Something is missing.
    pub fn failure(subject: Subject, text: impl Into<String>) -> Self {
        Self { subject, text: text.into(), is_failure: true }
    }

    /// Nothing is missing, yet something is odd.
    pub fn oddity(subject: Subject, text: impl Into<String>) -> Self {
        Self { subject, text: text.into(), is_failure: false }
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.subject, self.text)
    }
}

/// What a notice is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// A Spot account.
    Account(AccountId),
    /// An Elastigroup, with its name.
    Group(GroupId, String),
    /// A managed instance.
    Managed(ManagedInstanceId),
    /// An AWS region.
    Region(Region),
    /// A host of the inventory.
    Host(String),
    /// A group of the inventory.
    InventoryGroup(String),
    /// AWS as a whole.
    Aws,
    /// The inventory's cache.
    Cache,
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(id) => write!(f, "account {id}"),
            Self::Group(id, name) => write!(f, "group {id} ({name:?})"),
            Self::Managed(id) => write!(f, "managed instance {id}"),
            Self::Region(region) => write!(f, "region {region}"),
            Self::Host(name) => write!(f, "host {name:?}"),
            Self::InventoryGroup(name) => write!(f, "inventory group {name:?}"),
            Self::Aws => f.write_str("AWS"),
            Self::Cache => f.write_str("cache"),
        }
    }
}
