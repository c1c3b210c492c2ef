//! The spot market: what can be had, and for how much.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{MicroUsd, Region};

/// What an instance type is, as EC2 describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MachineType {
    /// Its name, such as `m7g.large`.
    pub name: String,
    /// The architectures it runs, in EC2's spelling: `x86_64`, `arm64`, …
    pub architectures: Vec<String>,
    /// Virtual processors.
    pub vcpus: u32,
    /// Memory, in MiB.
    pub memory_mib: u64,
    /// Whether EC2 counts it to the current generation; none if it does not tell.
    pub current_generation: Option<bool>,
    /// Whether its processor works on credits.
    pub burstable: Option<bool>,
    /// Whether there is no hypervisor under it.
    pub bare_metal: Option<bool>,
    /// Graphics processors.
    pub gpus: u32,
    /// Disks in the machine itself, in GB altogether.
    pub local_disk_gb: u64,
    /// Most network interfaces.
    pub interfaces: Option<u32>,
    /// Most IPv4 addresses of one interface.
    pub addresses_per_interface: Option<u32>,
    /// Whether it can be had as a spot instance; none if EC2 does not tell.
    pub spot: Option<bool>,
}

impl MachineType {
    /// What stands before the point of its name, such as `m7g`.
    pub fn family(&self) -> &str {
        self.name.split('.').next().unwrap_or_default()
    }

    /// How many pods its addresses are enough for with the network plugin of EKS: each interface keeps one address for
    /// itself, and two pods use the host's. None if EC2 does not tell interfaces or addresses.
    ///
    /// Source: `amazon-vpc-cni-k8s`, `misc/eni-max-pods.txt`.
    pub fn pods(&self) -> Option<u32> {
        let (interfaces, addresses) = (self.interfaces?, self.addresses_per_interface?);
        interfaces.checked_mul(addresses.checked_sub(1)?)?.checked_add(2)
    }
}

/// The spot price of a type in a zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpotPrice {
    /// The type.
    pub machine_type: String,
    /// The availability zone.
    pub zone: String,
    /// What an hour costs.
    #[serde(rename = "price_micro_usd")]
    pub price: MicroUsd,
    /// Since when, where that is told.
    pub since: Option<Timestamp>,
    /// What an hour of the same costs on demand, where the source of the price tells it.
    #[serde(default, rename = "on_demand_micro_usd", skip_serializing_if = "Option::is_none")]
    pub on_demand: Option<MicroUsd>,
}

/// How often a type is taken back, as the spot advisor counts it over a month.
///
/// Source: `spot-advisor-data.json`, whose `ranges` number them from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Interruption {
    /// Under 5 %.
    #[serde(rename = "<5%")]
    Under5,
    /// 5 to 10 %.
    #[serde(rename = "5-10%")]
    To10,
    /// 10 to 15 %.
    #[serde(rename = "10-15%")]
    To15,
    /// 15 to 20 %.
    #[serde(rename = "15-20%")]
    To20,
    /// Over 20 %.
    #[serde(rename = ">20%")]
    Over20,
}

impl Interruption {
    /// All, the rarest first.
    pub const ALL: [Self; 5] = [Self::Under5, Self::To10, Self::To15, Self::To20, Self::Over20];

    /// As it is shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Under5 => "<5%",
            Self::To10 => "5-10%",
            Self::To15 => "10-15%",
            Self::To20 => "15-20%",
            Self::Over20 => ">20%",
        }
    }

    /// Reads what is shown, with any dash.
    pub fn parse(text: &str) -> Option<Self> {
        let plain: String = text.trim().replace(['–', '‑', '—'], "-");
        Self::ALL.into_iter().find(|it| it.as_str() == plain)
    }

    /// The number in the advisor's feed.
    pub fn from_index(index: u64) -> Option<Self> {
        Self::ALL.get(usize::try_from(index).ok()?).copied()
    }

    /// Its upper end, in percent; of the last one, which has none, a quarter.
    pub fn percent(self) -> u32 {
        match self {
            Self::Under5 => 5,
            Self::To10 => 10,
            Self::To15 => 15,
            Self::To20 => 20,
            Self::Over20 => 25,
        }
    }
}

/// Figures, with where they come from and how old they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sourced<T> {
    /// Who told, such as `EC2 DescribeSpotPriceHistory` or a file's name.
    pub source: String,
    /// When it was asked, or when what it told was written down.
    pub at: Timestamp,
    /// What it told.
    pub data: T,
}

/// What is known of one region's market at a time. It can be written down and ranked again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Market {
    /// The region.
    pub region: Region,
    /// The types.
    pub types: Sourced<Vec<MachineType>>,
    /// Present spot prices.
    pub spot: Sourced<Vec<SpotPrice>>,
    /// Zones of which their source tells that nothing is offered there; of others without a price it tells nothing.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub empty_zones: BTreeSet<String>,
    /// When each zone's spot prices were looked at; those of a zone that is not among them are as old as `spot`, which is as old as the
    /// oldest.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub zone_ages: BTreeMap<String, Timestamp>,
    /// What an hour costs on demand, by type; none if nobody was asked.
    pub on_demand: Option<Sourced<BTreeMap<String, MicroUsd>>>,
    /// How often types are taken back; none if nobody was asked.
    pub interruptions: Option<Sourced<BTreeMap<String, Interruption>>>,
    /// How likely a request succeeds by zone, from 1 to 10; none if nobody was asked.
    pub placement: Option<Sourced<BTreeMap<String, u8>>>,
}

impl Market {
    /// When the spot prices of a zone were looked at.
    pub fn priced_at(&self, zone: &str) -> Timestamp {
        self.zone_ages.get(zone).copied().unwrap_or(self.spot.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pods_are_what_the_network_plugin_counts() {
        let of = |interfaces, addresses| MachineType {
            interfaces: Some(interfaces),
            addresses_per_interface: Some(addresses),
            ..MachineType::default()
        };
        // m5.large and t3.nano.
        assert_eq!((of(3, 10).pods(), of(2, 2).pods()), (Some(29), Some(4)));
        assert_eq!((of(3, 0).pods(), of(u32::MAX, 9).pods()), (None, None));
        assert_eq!(MachineType::default().pods(), None);
    }

    #[test]
    fn intervals_are_read_as_they_are_shown() {
        for (index, it) in (0..).zip(Interruption::ALL) {
            assert_eq!(Interruption::parse(it.as_str()), Some(it));
            assert_eq!(Interruption::from_index(index), Some(it));
        }
        assert_eq!(Interruption::parse("10‑15%"), Some(Interruption::To15));
        assert_eq!((Interruption::parse("often"), Interruption::from_index(5)), (None, None));
    }
}
