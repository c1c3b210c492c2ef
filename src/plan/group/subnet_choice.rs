//! Which subnets of a VPC a group launches in.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::domain::{RouteTable, Subnet, VpcWanted, printable};

/// Which kind of subnets is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SubnetKind {
    /// All.
    #[default]
    Any,
    /// Those with no route to an internet gateway.
    Private,
    /// Those with one.
    Public,
}

impl SubnetKind {
    /// As the option has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Private => "private",
            Self::Public => "public",
        }
    }
}

/// What is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubnetsWanted {
    /// The VPC.
    pub vpc: VpcWanted,
    /// The zones, each of which has to have one; all that have any, if none is named.
    pub zones: Vec<String>,
    /// The kind.
    pub kind: SubnetKind,
    /// Tags that they have.
    pub tags: BTreeMap<String, String>,
}

/// Why no subnets are chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubnetsProblem {
    /// There is no such VPC.
    NoVpc {
        /// What was looked for.
        wanted: VpcWanted,
    },
    /// More than one VPC fits.
    SeveralVpcs {
        /// What was looked for.
        wanted: VpcWanted,
        /// Those that fit.
        ids: Vec<String>,
    },
    /// Nobody can tell whether a subnet is private: its route table is not to be seen.
    RoutesUnknown {
        /// The subnet.
        subnet: String,
    },
    /// Zones without such a subnet.
    Missing {
        /// The VPC.
        vpc: String,
        /// The kind.
        kind: SubnetKind,
        /// The zones that were asked for and have none; empty if none was named and none has.
        zones: Vec<String>,
        /// The zones that have one.
        others: Vec<String>,
    },
}

impl fmt::Display for SubnetsProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoVpc { wanted } => {
                write!(f, "there is no {wanted}: check region, id and tags of option subnets")
            }
            Self::SeveralVpcs { wanted, ids } => write!(
                f,
                "several are the {wanted}: {}; name one by subnets.vpc_id",
                ids.join(", ")
            ),
            Self::RoutesUnknown { subnet } => write!(
                f,
                "whether subnet {} is private cannot be told, as no route table of it is to be seen: set subnets.kind to any, \
                 or name subnets by zones",
                printable(subnet)
            ),
            Self::Missing { vpc, kind, zones, others } => {
                let kind = if *kind == SubnetKind::Any { "such" } else { kind.as_str() };
                write!(f, "VPC {} has no {kind} subnet", printable(vpc))?;
                if !zones.is_empty() {
                    write!(f, " in {}", zones.join(", "))?;
                }
                match others.is_empty() {
                    true => f.write_str(": check kind and tags of option subnets"),
                    false => write!(f, "; it has in {}", others.join(", ")),
                }
            }
        }
    }
}

/// The one VPC that is meant.
///
/// # Errors
///
/// None or several are.
pub fn one_vpc(wanted: &VpcWanted, found: &[String]) -> Result<String, SubnetsProblem> {
    let wanted = wanted.clone();
    match found {
        [one] => Ok(one.clone()),
        [] => Err(SubnetsProblem::NoVpc { wanted }),
        several => Err(SubnetsProblem::SeveralVpcs { wanted, ids: several.to_vec() }),
    }
}

/// The subnets of a VPC that are wanted, by zone. `tables` are its route tables; they count only where the kind matters.
///
/// A subnet is public if its route table, or that of the VPC if it has none of its own, has a route to an internet gateway
/// (VPC user guide, "Subnet types"). Whether it gives out public addresses says nothing of that.
///
/// # Errors
///
/// A zone has none, or the routes of a subnet cannot be told.
pub fn choose_subnets(
    wanted: &SubnetsWanted,
    vpc: &str,
    subnets: &[Subnet],
    tables: &[RouteTable],
) -> Result<BTreeMap<String, Vec<String>>, SubnetsProblem> {
    let mut chosen: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for subnet in subnets {
        let fits = match wanted.kind {
            SubnetKind::Any => true,
            SubnetKind::Private => !is_public(subnet, tables)?,
            SubnetKind::Public => is_public(subnet, tables)?,
        };
        if fits {
            chosen.entry(subnet.zone.clone()).or_default().push(subnet.id.clone());
        }
    }
    let named: BTreeSet<&String> = wanted.zones.iter().collect();
    let missing: Vec<String> =
        named.iter().filter(|zone| !chosen.contains_key(**zone)).map(|it| (*it).clone()).collect();
    if chosen.is_empty() || !missing.is_empty() {
        return Err(SubnetsProblem::Missing {
            vpc: vpc.to_owned(),
            kind: wanted.kind,
            zones: missing,
            others: chosen.into_keys().collect(),
        });
    }
    if !named.is_empty() {
        chosen.retain(|zone, _| named.contains(zone));
    }
    chosen.values_mut().for_each(|ids| ids.sort());
    Ok(chosen)
}

fn is_public(subnet: &Subnet, tables: &[RouteTable]) -> Result<bool, SubnetsProblem> {
    let own = tables.iter().find(|table| table.subnets.contains(&subnet.id));
    let table = own.or_else(|| tables.iter().find(|table| table.is_main));
    let table = table.ok_or_else(|| SubnetsProblem::RoutesUnknown { subnet: subnet.id.clone() })?;
    let leads_out = |gateway: &str| gateway.starts_with("igw-");
    Ok(table
        .routes
        .iter()
        .any(|route| !route.is_blackhole && route.gateway.as_deref().is_some_and(leads_out)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Route;

    fn subnet(id: &str, zone: &str) -> Subnet {
        let (id, zone, vpc) = (id.to_owned(), zone.to_owned(), "vpc-1".to_owned());
        Subnet { id, zone, vpc, free_addresses: 9 }
    }

    fn table(is_main: bool, subnets: &[&str], gateways: &[(&str, bool)]) -> RouteTable {
        let route = |(gateway, is_blackhole): &(&str, bool)| Route {
            gateway: (!gateway.is_empty()).then(|| (*gateway).to_owned()),
            is_blackhole: *is_blackhole,
        };
        RouteTable {
            id: "rtb-1".to_owned(),
            is_main,
            subnets: subnets.iter().map(|id| (*id).to_owned()).collect(),
            routes: gateways.iter().map(route).collect(),
        }
    }

    fn choose(
        kind: SubnetKind,
        zones: &[&str],
        tables: &[RouteTable],
    ) -> Result<Vec<String>, SubnetsProblem> {
        let zones = zones.iter().map(|zone| (*zone).to_owned()).collect();
        let wanted = SubnetsWanted { vpc: VpcWanted::Default, zones, kind, tags: BTreeMap::new() };
        let subnets =
            [subnet("s-3", "a"), subnet("s-1", "a"), subnet("s-2", "b"), subnet("s-4", "c")];
        let chosen = choose_subnets(&wanted, "vpc-1", &subnets, tables)?;
        Ok(chosen.into_iter().map(|(zone, ids)| format!("{zone}={}", ids.join("+"))).collect())
    }

    #[test]
    fn a_subnet_is_public_by_its_own_route_table_or_else_by_the_main_one() {
        let tables = [
            table(true, &[], &[("local", false)]),
            table(false, &["s-1", "s-2"], &[("local", false), ("igw-1", false)]),
            table(false, &["s-4"], &[("igw-2", true), ("", false), ("vgw-1", false)]),
        ];
        let public = choose(SubnetKind::Public, &[], &tables).unwrap();
        assert_eq!(public, ["a=s-1", "b=s-2"]);
        let private = choose(SubnetKind::Private, &[], &tables).unwrap();
        assert_eq!(private, ["a=s-3", "c=s-4"], "a gateway that is gone leads nowhere");
        let main = [table(true, &[], &[("igw-1", false)]), table(false, &["s-1"], &[])];
        assert_eq!(choose(SubnetKind::Private, &[], &main).unwrap(), ["a=s-1"]);
        assert_eq!(choose(SubnetKind::Any, &["a"], &[]).unwrap(), ["a=s-1+s-3"]);
    }

    #[test]
    fn what_is_not_there_or_not_known_is_told_and_not_guessed() {
        let unknown = choose(SubnetKind::Private, &[], &[table(false, &["s-1"], &[])]);
        assert!(matches!(unknown, Err(SubnetsProblem::RoutesUnknown { .. })));
        let main = [table(true, &[], &[]), table(false, &["s-2"], &[("igw-1", false)])];
        let missing = choose(SubnetKind::Private, &["a", "b", "d"], &main).unwrap_err();
        let words = missing.to_string();
        assert!(words.contains("no private subnet in b, d; it has in a, c"), "{words}");
        let none = choose(SubnetKind::Public, &[], &main[..1]).unwrap_err().to_string();
        assert!(none.contains("no public subnet: check"), "{none}");
    }

    #[test]
    fn one_vpc_is_meant() {
        let found = |ids: &[&str]| {
            let ids: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
            one_vpc(&VpcWanted::Default, &ids)
        };
        assert_eq!(found(&["vpc-1"]), Ok("vpc-1".to_owned()));
        assert!(matches!(found(&[]), Err(SubnetsProblem::NoVpc { .. })));
        assert!(matches!(found(&["vpc-1", "vpc-2"]), Err(SubnetsProblem::SeveralVpcs { .. })));
    }
}
