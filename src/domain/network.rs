//! Networks as EC2 describes them.

use std::collections::{BTreeMap, BTreeSet};

/// Which VPC is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VpcWanted {
    /// The one with this id.
    Id(String),
    /// The one with all these tags; in a value `*` and `?` stand for other text.
    Tags(BTreeMap<String, String>),
    /// The region's default one.
    Default,
}

impl std::fmt::Display for VpcWanted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Id(id) => write!(f, "VPC {}", super::printable(id)),
            Self::Tags(tags) => {
                let shown: Vec<String> = tags
                    .iter()
                    .map(|(key, value)| {
                        format!("{}={}", super::printable(key), super::printable(value))
                    })
                    .collect();
                write!(f, "VPC with the tags {}", shown.join(", "))
            }
            Self::Default => f.write_str("default VPC"),
        }
    }
}

/// The routes of some subnets of a VPC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteTable {
    /// Its id.
    pub id: String,
    /// Whether it is that of all subnets of the VPC that have none of their own.
    pub is_main: bool,
    /// The subnets that it is that of.
    pub subnets: BTreeSet<String>,
    /// Its routes.
    pub routes: Vec<Route>,
}

/// A route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The gateway that it leads to, such as `igw-…`, `vgw-…` or `local`; none where it leads to something else, such as a
    /// NAT gateway.
    pub gateway: Option<String>,
    /// Whether what it leads to is gone.
    pub is_blackhole: bool,
}

/// A security group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecurityGroup {
    /// Its id.
    pub id: String,
    /// Its name, which is unique in its VPC.
    pub name: String,
    /// Its VPC.
    pub vpc: String,
}
