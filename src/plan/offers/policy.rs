//! What is wanted of an offer.

use serde::{Deserialize, Serialize};

use super::fault::PolicyError;
use crate::domain::{Interruption, MicroUsd};

/// How a trait of a type is wished for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wish {
    /// With or without.
    #[default]
    Any,
    /// With it only.
    Required,
    /// Without it only.
    Excluded,
}

/// What an interruption costs whoever runs there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// Next to nothing: another machine takes over at once.
    #[default]
    Stateless,
    /// Minutes of reduced redundancy, so it weighs five times as much.
    Stateful,
}

/// What the score is made of. Only their proportion matters for the two prices; the other two are percent of the price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Weights {
    /// Of the price of a virtual processor.
    pub price_per_vcpu: u32,
    /// Of the price of a GiB of memory.
    pub price_per_gib: u32,
    /// So many percent of the price for each percent of the interruption rate.
    pub interruption: u32,
    /// So many percent of the price for each point that the placement score lacks of 10.
    pub placement: u32,
}

impl Weights {
    /// Spotter's score: the price of a virtual processor and nothing else.
    pub const PRICE_PER_VCPU: Self =
        Self { price_per_vcpu: 1, price_per_gib: 0, interruption: 0, placement: 0 };
}

impl Default for Weights {
    fn default() -> Self {
        Profile::Stateless.weights()
    }
}

impl Profile {
    /// The weights that this profile stands for.
    pub fn weights(self) -> Weights {
        let interruption = match self {
            Self::Stateless => 1,
            Self::Stateful => 5,
        };
        Weights { interruption, placement: 1, ..Weights::PRICE_PER_VCPU }
    }
}

/// What is wanted of an offer. An empty list, like a bound that is not given, leaves all in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "each is the option of that name, documented where users read options"
)]
pub struct Policy {
    pub zones: Vec<String>,
    pub instance_types: Vec<String>,
    pub architectures: Vec<String>,
    pub min_vcpus: Option<u32>,
    pub max_vcpus: Option<u32>,
    pub min_memory_mib: Option<u64>,
    pub max_memory_mib: Option<u64>,
    pub families_allowed: Vec<String>,
    pub families_denied: Vec<String>,
    pub current_generation: Wish,
    pub burstable: Wish,
    pub bare_metal: Wish,
    pub gpu: Wish,
    pub local_disk: Wish,
    pub min_pods: Option<u32>,
    pub max_pods: Option<u32>,
    pub min_saving_percent: Option<u32>,
    /// Of an hour.
    pub max_price: Option<MicroUsd>,
    pub max_price_percent: Option<u32>,
    pub max_interruption: Option<Interruption>,
    pub allow_unknown_interruption: bool,
    pub max_per_family_per_az: Option<u32>,
    pub top_n_per_az: u32,
    pub weights: Weights,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            zones: Vec::new(),
            instance_types: Vec::new(),
            architectures: Vec::new(),
            min_vcpus: None,
            max_vcpus: None,
            min_memory_mib: None,
            max_memory_mib: None,
            families_allowed: Vec::new(),
            families_denied: Vec::new(),
            current_generation: Wish::Required,
            burstable: Wish::Excluded,
            bare_metal: Wish::Excluded,
            gpu: Wish::Any,
            local_disk: Wish::Any,
            min_pods: None,
            max_pods: None,
            min_saving_percent: None,
            max_price: None,
            max_price_percent: None,
            max_interruption: None,
            allow_unknown_interruption: false,
            max_per_family_per_az: None,
            top_n_per_az: 6,
            weights: Weights::default(),
        }
    }
}

impl Policy {
    /// Whether offers of a zone are looked at.
    pub fn takes(&self, zone: &str) -> bool {
        self.zones.is_empty() || self.zones.iter().any(|it| it == zone)
    }

    /// What no offer whatever can meet.
    ///
    /// # Errors
    ///
    /// The rules contradict each other, or there is nothing to rank by.
    pub fn check(&self) -> Result<(), PolicyError> {
        let bounds = [
            ("vcpus", self.min_vcpus.map(u64::from), self.max_vcpus.map(u64::from)),
            ("memory_mib", self.min_memory_mib, self.max_memory_mib),
            ("pods", self.min_pods.map(u64::from), self.max_pods.map(u64::from)),
        ];
        for (name, least, most) in bounds {
            if let (Some(least), Some(most)) = (least, most)
                && least > most
            {
                return Err(PolicyError::Bounds { name, least, most });
            }
        }
        if self.min_saving_percent.is_some_and(|percent| percent >= 100) {
            return Err(PolicyError::Saving(self.min_saving_percent.unwrap_or_default()));
        }
        if let (Some(saving), Some(percent)) = (self.min_saving_percent, self.max_price_percent)
            && percent == 0
        {
            return Err(PolicyError::NoPrice { saving, percent });
        }
        let denied = |family: &&String| self.families_denied.contains(family);
        if !self.families_allowed.is_empty() && self.families_allowed.iter().all(|f| denied(&f)) {
            return Err(PolicyError::Families(self.families_allowed.clone()));
        }
        if self.top_n_per_az == 0 || self.max_per_family_per_az == Some(0) {
            return Err(PolicyError::Caps);
        }
        if self.weights.price_per_vcpu == 0 && self.weights.price_per_gib == 0 {
            return Err(PolicyError::Weightless);
        }
        Ok(())
    }

    /// Whether it cannot be judged without on-demand prices.
    pub fn needs_on_demand(&self) -> bool {
        self.min_saving_percent.is_some() || self.max_price_percent.is_some()
    }

    /// Whether it cannot be judged without interruption rates.
    pub fn needs_interruptions(&self) -> bool {
        self.max_interruption.is_some() && !self.allow_unknown_interruption
    }
}
