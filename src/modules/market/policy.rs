//! The option `policy`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::ansible::Failure;
use crate::domain::{Interruption, MicroUsd};
use crate::plan::offers::{Policy, Profile, Weights, Wish};

/// What is wanted of an offer. A bound or list that is not given leaves all in.
#[derive(Clone, Deserialize, JsonSchema, Serialize)]
#[serde(default)]
pub(in crate::modules) struct PolicyArgs {
    /// Only these availability zones.
    zones: Option<Vec<String>>,
    /// Only types of these names, in which C(*) and C(?) may stand.
    instance_types: Option<Vec<String>>,
    /// Only types that run one of these, such as C(x86_64) or C(arm64).
    architectures: Option<Vec<String>>,
    /// Fewest virtual processors.
    min_vcpus: Option<u32>,
    /// Most virtual processors.
    max_vcpus: Option<u32>,
    /// Least memory, in MiB.
    min_memory_mib: Option<u64>,
    /// Most memory, in MiB.
    max_memory_mib: Option<u64>,
    /// Only these families, such as C(m7g), in which C(*) and C(?) may stand.
    families_allowed: Option<Vec<String>>,
    /// None of these families, in which C(*) and C(?) may stand.
    families_denied: Option<Vec<String>>,
    /// Whether EC2 counts the type to the current generation.
    current_generation: WishArg,
    /// Whether the processor works on credits.
    burstable: WishArg,
    /// Whether there is no hypervisor under it.
    bare_metal: WishArg,
    /// Whether there is a graphics processor.
    gpu: WishArg,
    /// Whether there are disks in the machine itself.
    local_disk: WishArg,
    /// Fewest pods that its addresses are enough for, as EKS counts them.
    min_pods: Option<u32>,
    /// Most such pods.
    max_pods: Option<u32>,
    /// Least saving over on-demand, in percent.
    min_saving_percent: Option<u32>,
    /// Highest price of an hour, in dollars, such as C(0.05). What is launched on demand keeps to it, too.
    max_price: Option<String>,
    /// Highest price in percent of on-demand.
    max_price_percent: Option<u32>,
    /// Highest interruption rate: C(<5%), C(5-10%), C(10-15%), C(15-20%) or C(>20%).
    max_interruption: Option<String>,
    /// Whether a type of which no rate is known meets C(max_interruption).
    allow_unknown_interruption: bool,
    /// Most offers of one family in a zone.
    max_per_family_per_az: Option<u32>,
    /// Most offers in a zone.
    #[schemars(range(min = 1))]
    top_n_per_az: u32,
    /// What an interruption costs: chooses the weights that are not given.
    profile: ProfileArg,
    /// What the score is made of.
    weights: WeightsArgs,
}

impl Default for PolicyArgs {
    fn default() -> Self {
        let usual = Policy::default();
        Self {
            zones: None,
            instance_types: None,
            architectures: None,
            min_vcpus: None,
            max_vcpus: None,
            min_memory_mib: None,
            max_memory_mib: None,
            families_allowed: None,
            families_denied: None,
            current_generation: usual.current_generation.into(),
            burstable: usual.burstable.into(),
            bare_metal: usual.bare_metal.into(),
            gpu: usual.gpu.into(),
            local_disk: usual.local_disk.into(),
            min_pods: None,
            max_pods: None,
            min_saving_percent: None,
            max_price: None,
            max_price_percent: None,
            max_interruption: None,
            allow_unknown_interruption: false,
            max_per_family_per_az: None,
            top_n_per_az: usual.top_n_per_az,
            profile: ProfileArg::Stateless,
            weights: WeightsArgs::default(),
        }
    }
}

#[derive(Clone, Copy, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
enum WishArg {
    /// With or without.
    Any,
    /// With it only.
    Required,
    /// Without it only.
    Excluded,
}

impl From<Wish> for WishArg {
    fn from(wish: Wish) -> Self {
        match wish {
            Wish::Any => Self::Any,
            Wish::Required => Self::Required,
            Wish::Excluded => Self::Excluded,
        }
    }
}

impl From<WishArg> for Wish {
    fn from(wish: WishArg) -> Self {
        match wish {
            WishArg::Any => Self::Any,
            WishArg::Required => Self::Required,
            WishArg::Excluded => Self::Excluded,
        }
    }
}

#[derive(Clone, Copy, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
enum ProfileArg {
    /// Next to nothing.
    Stateless,
    /// Minutes of reduced redundancy, so the rate weighs five times as much.
    Stateful,
}

#[derive(Clone, Copy, Default, Deserialize, JsonSchema, Serialize)]
#[serde(default)]
struct WeightsArgs {
    /// Of the price of a virtual processor, against O(policy.weights.price_per_gib). 1 when not given.
    price_per_vcpu: Option<u32>,
    /// Of the price of a GiB of memory. 0 when not given.
    price_per_gib: Option<u32>,
    /// Percent of the price for each percent of the interruption rate. 1 when not given, 5 with the profile C(stateful).
    interruption: Option<u32>,
    /// Percent of the price for each point that the placement score lacks of 10. 1 when not given.
    placement: Option<u32>,
}

impl PolicyArgs {
    /// As it is typed: what is as usual is left out.
    pub(in crate::modules) fn typed(&self) -> Map<String, Value> {
        let whole = |it: &Self| match serde_json::to_value(it) {
            Ok(Value::Object(all)) => all,
            Ok(_) | Err(_) => Map::new(),
        };
        let (mut typed, usual) = (whole(self), whole(&Self::default()));
        typed.retain(|name, value| usual.get(name) != Some(value));
        for value in typed.values_mut() {
            if let Value::Object(part) = value {
                part.retain(|_, it| !it.is_null());
            }
        }
        typed
    }

    /// The same for the layers below.
    ///
    /// # Errors
    ///
    /// A text that is no price or no rate.
    pub(in crate::modules) fn policy(&self) -> Result<Policy, Failure> {
        let profile = match self.profile {
            ProfileArg::Stateless => Profile::Stateless,
            ProfileArg::Stateful => Profile::Stateful,
        };
        let (usual, given) = (profile.weights(), self.weights);
        let list = |names: &Option<Vec<String>>| names.clone().unwrap_or_default();
        Ok(Policy {
            zones: list(&self.zones),
            instance_types: list(&self.instance_types),
            architectures: list(&self.architectures),
            min_vcpus: self.min_vcpus,
            max_vcpus: self.max_vcpus,
            min_memory_mib: self.min_memory_mib,
            max_memory_mib: self.max_memory_mib,
            families_allowed: list(&self.families_allowed),
            families_denied: list(&self.families_denied),
            current_generation: self.current_generation.into(),
            burstable: self.burstable.into(),
            bare_metal: self.bare_metal.into(),
            gpu: self.gpu.into(),
            local_disk: self.local_disk.into(),
            min_pods: self.min_pods,
            max_pods: self.max_pods,
            min_saving_percent: self.min_saving_percent,
            max_price: price("policy.max_price", self.max_price.as_deref())?,
            max_price_percent: self.max_price_percent,
            max_interruption: self.max_interruption.as_deref().map(rate).transpose()?,
            allow_unknown_interruption: self.allow_unknown_interruption,
            max_per_family_per_az: self.max_per_family_per_az,
            top_n_per_az: self.top_n_per_az,
            weights: Weights {
                price_per_vcpu: given.price_per_vcpu.unwrap_or(usual.price_per_vcpu),
                price_per_gib: given.price_per_gib.unwrap_or(usual.price_per_gib),
                interruption: given.interruption.unwrap_or(usual.interruption),
                placement: given.placement.unwrap_or(usual.placement),
            },
        })
    }
}

/// A price that was typed.
///
/// # Errors
///
/// It is none.
pub(in crate::modules) fn price(
    option: &str,
    typed: Option<&str>,
) -> Result<Option<MicroUsd>, Failure> {
    let read = |text: &str| {
        MicroUsd::parse(text).filter(|price| price.micros() > 0).ok_or_else(|| {
            Failure::new(format!(
                "option {option} is {text:?}: it is dollars an hour, such as 0.05"
            ))
        })
    };
    typed.map(read).transpose()
}

fn rate(text: &str) -> Result<Interruption, Failure> {
    Interruption::parse(text).ok_or_else(|| {
        let all = Interruption::ALL.map(Interruption::as_str).join(", ");
        Failure::new(format!("option policy.max_interruption is {text:?}: it is one of {all}"))
    })
}
