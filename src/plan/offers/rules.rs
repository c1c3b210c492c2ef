//! The rules of a policy, and by how much an offer misses them.

use std::fmt;

use serde::Serialize;
use wildmatch::WildMatch;

use super::policy::{Policy, Wish};
use crate::domain::{Interruption, MachineType, MicroUsd};

/// A rule, named as the option that sets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is the option of that name")]
pub enum Rule {
    /// EC2 says that the type cannot be had as spot instance.
    Spot,
    InstanceTypes,
    Architectures,
    MinVcpus,
    MaxVcpus,
    MinMemoryMib,
    MaxMemoryMib,
    FamiliesAllowed,
    FamiliesDenied,
    CurrentGeneration,
    Burstable,
    BareMetal,
    Gpu,
    LocalDisk,
    MinPods,
    MaxPods,
    MinSavingPercent,
    MaxPrice,
    MaxPricePercent,
    MaxInterruption,
}

impl Rule {
    /// The option's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Spot => "spot",
            Self::InstanceTypes => "instance_types",
            Self::Architectures => "architectures",
            Self::MinVcpus => "min_vcpus",
            Self::MaxVcpus => "max_vcpus",
            Self::MinMemoryMib => "min_memory_mib",
            Self::MaxMemoryMib => "max_memory_mib",
            Self::FamiliesAllowed => "families_allowed",
            Self::FamiliesDenied => "families_denied",
            Self::CurrentGeneration => "current_generation",
            Self::Burstable => "burstable",
            Self::BareMetal => "bare_metal",
            Self::Gpu => "gpu",
            Self::LocalDisk => "local_disk",
            Self::MinPods => "min_pods",
            Self::MaxPods => "max_pods",
            Self::MinSavingPercent => "min_saving_percent",
            Self::MaxPrice => "max_price",
            Self::MaxPricePercent => "max_price_percent",
            Self::MaxInterruption => "max_interruption",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A rule that an offer misses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Miss {
    /// The rule.
    pub rule: Rule,
    /// What it wants.
    pub wanted: String,
    /// What the offer has.
    pub found: String,
    /// By how many hundredths of a percent of what is wanted it is missed; none where it is a matter of yes or no, or not
    /// known.
    pub off_by: Option<u64>,
}

impl fmt::Display for Miss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} wants {} and it is {}", self.rule, self.wanted, self.found)
    }
}

/// What the rules look at.
pub(super) struct Subject<'a> {
    pub(super) kind: &'a MachineType,
    pub(super) price: MicroUsd,
    pub(super) on_demand: Option<MicroUsd>,
    pub(super) interruption: Option<Interruption>,
}

/// Whether a name is one of the patterns, in which `*` and `?` stand for other text.
pub(super) fn fits(patterns: &[String], name: &str) -> bool {
    patterns.iter().any(|pattern| WildMatch::new(pattern).matches(name))
}

/// Every rule that the offer misses, in the order of the rules.
pub(super) fn misses(policy: &Policy, it: &Subject<'_>) -> Vec<Miss> {
    let kind = it.kind;
    let mut found = Found(Vec::new());
    if kind.spot == Some(false) {
        found.plain(Rule::Spot, "a type that can be had as spot", "one that cannot");
    }
    if !policy.instance_types.is_empty() && !fits(&policy.instance_types, &kind.name) {
        found.plain(Rule::InstanceTypes, &policy.instance_types.join(", "), &kind.name);
    }
    let architectures = &policy.architectures;
    let has_one = kind.architectures.iter().any(|one| architectures.contains(one));
    if !architectures.is_empty() && !has_one {
        let has = kind.architectures.join(", ");
        found.plain(Rule::Architectures, &architectures.join(" or "), &has);
    }
    let vcpus = Some(u64::from(kind.vcpus));
    found.at_least(Rule::MinVcpus, policy.min_vcpus.map(u64::from), vcpus);
    found.at_most(Rule::MaxVcpus, policy.max_vcpus.map(u64::from), vcpus);
    found.at_least(Rule::MinMemoryMib, policy.min_memory_mib, Some(kind.memory_mib));
    found.at_most(Rule::MaxMemoryMib, policy.max_memory_mib, Some(kind.memory_mib));
    let family = kind.family();
    if !policy.families_allowed.is_empty() && !fits(&policy.families_allowed, family) {
        found.plain(Rule::FamiliesAllowed, &policy.families_allowed.join(", "), family);
    }
    if fits(&policy.families_denied, family) {
        let wanted = format!("none of {}", policy.families_denied.join(", "));
        found.plain(Rule::FamiliesDenied, &wanted, family);
    }
    found.wish(Rule::CurrentGeneration, policy.current_generation, kind.current_generation);
    found.wish(Rule::Burstable, policy.burstable, kind.burstable);
    found.wish(Rule::BareMetal, policy.bare_metal, kind.bare_metal);
    found.wish(Rule::Gpu, policy.gpu, Some(kind.gpus > 0));
    found.wish(Rule::LocalDisk, policy.local_disk, Some(kind.local_disk_gb > 0));
    let pods = kind.pods().map(u64::from);
    found.at_least(Rule::MinPods, policy.min_pods.map(u64::from), pods);
    found.at_most(Rule::MaxPods, policy.max_pods.map(u64::from), pods);
    money(policy, it, &mut found);
    found.0
}

fn money(policy: &Policy, it: &Subject<'_>, found: &mut Found) {
    if let Some(least) = policy.min_saving_percent {
        let least = i64::from(least) * 100;
        let saving = it.on_demand.and_then(|full| it.price.saving_over(full));
        if saving.is_none_or(|saving| saving < least) {
            let shown = saving.map_or_else(|| "not known".to_owned(), percent);
            let off = saving.and_then(|saving| u64::try_from(least - saving).ok());
            found.push(Rule::MinSavingPercent, percent(least), shown, off);
        }
    }
    if let Some(most) = policy.max_price
        && it.price > most
    {
        let off = off(it.price.micros(), most.micros());
        found.push(Rule::MaxPrice, format!("at most {most}"), it.price.to_string(), off);
    }
    if let Some(most) = policy.max_price_percent {
        let share = it.on_demand.filter(|full| full.micros() > 0);
        // Rounded up: a price that is above the bound by less than can be shown is above it.
        let share = share.map(|full| {
            let (price, full) = (u128::from(it.price.micros()), u128::from(full.micros()));
            u64::try_from((price * 10_000).div_ceil(full)).unwrap_or(u64::MAX)
        });
        let most = u64::from(most) * 100;
        if share.is_none_or(|share| share > most) {
            let shown = |share: u64| i64::try_from(share).map_or("more".to_owned(), percent);
            let has = share.map_or_else(|| "not known".to_owned(), shown);
            let wanted = format!("at most {} of on-demand", shown(most));
            found.push(Rule::MaxPricePercent, wanted, has, share.map(|share| share - most));
        }
    }
    if let Some(most) = policy.max_interruption {
        let wanted = format!("at most {}", most.as_str());
        match it.interruption {
            None if policy.allow_unknown_interruption => {}
            None => found.plain(Rule::MaxInterruption, &wanted, "not known"),
            Some(rate) if rate <= most => {}
            Some(rate) => {
                let off = off(rate.percent().into(), most.percent().into());
                found.push(Rule::MaxInterruption, wanted, rate.as_str().to_owned(), off);
            }
        }
    }
}

/// Hundredths of a percent, as percent.
pub(super) fn percent(hundredths: i64) -> String {
    let sign = if hundredths < 0 { "-" } else { "" };
    let (whole, rest) = (hundredths.unsigned_abs() / 100, hundredths.unsigned_abs() % 100);
    if rest == 0 { format!("{sign}{whole} %") } else { format!("{sign}{whole}.{rest:02} %") }
}

fn off(found: u64, wanted: u64) -> Option<u64> {
    let far = u128::from(found.abs_diff(wanted)) * 10_000 / u128::from(wanted.max(1));
    u64::try_from(far).ok()
}

struct Found(Vec<Miss>);

impl Found {
    fn push(&mut self, rule: Rule, wanted: String, found: String, off_by: Option<u64>) {
        self.0.push(Miss { rule, wanted, found, off_by });
    }

    fn plain(&mut self, rule: Rule, wanted: &str, found: &str) {
        self.push(rule, wanted.to_owned(), found.to_owned(), None);
    }

    fn at_least(&mut self, rule: Rule, bound: Option<u64>, has: Option<u64>) {
        let Some(bound) = bound else { return };
        if has.is_none_or(|has| has < bound) {
            self.bound(rule, format!("at least {bound}"), bound, has);
        }
    }

    fn at_most(&mut self, rule: Rule, bound: Option<u64>, has: Option<u64>) {
        let Some(bound) = bound else { return };
        if has.is_none_or(|has| has > bound) {
            self.bound(rule, format!("at most {bound}"), bound, has);
        }
    }

    fn bound(&mut self, rule: Rule, wanted: String, bound: u64, has: Option<u64>) {
        let shown = has.map_or_else(|| "not known".to_owned(), |has| has.to_string());
        self.push(rule, wanted, shown, has.and_then(|has| off(has, bound)));
    }

    /// What is not known is neither with nor without.
    fn wish(&mut self, rule: Rule, wish: Wish, has: Option<bool>) {
        let word = |with: bool| if with { "yes" } else { "no" };
        let wanted = match wish {
            Wish::Any => return,
            Wish::Required => true,
            Wish::Excluded => false,
        };
        if has != Some(wanted) {
            self.plain(rule, word(wanted), has.map_or("not known", word));
        }
    }
}
