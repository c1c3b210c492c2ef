//! Why there is no ranking, or nothing in it.

use std::fmt;

use serde::Serialize;
use thiserror::Error;

use super::rules::{Miss, Rule};

/// A policy that no offer whatever can meet.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PolicyError {
    /// A lower bound is above its upper one.
    #[error("the policy contradicts itself: min_{name} is {least} and max_{name} is {most}")]
    Bounds {
        /// Which.
        name: &'static str,
        /// The lower.
        least: u64,
        /// The upper.
        most: u64,
    },
    /// No spot instance is free.
    #[error("the policy asks for a saving of {0} percent: it is 0 to 99")]
    Saving(u32),
    /// No spot instance is free.
    #[error(
        "the policy allows {percent} percent of the on-demand price and wants a saving of {saving}: nothing is free"
    )]
    NoPrice {
        /// The saving wanted.
        saving: u32,
        /// The share allowed.
        percent: u32,
    },
    /// Each family that is allowed is denied.
    #[error("the policy contradicts itself: families_denied has all of families_allowed ({})", .0.join(", "))]
    Families(Vec<String>),
    /// A cap of nothing.
    #[error("the policy allows no offer: top_n_per_az and max_per_family_per_az are at least 1")]
    Caps,
    /// Nothing to rank by.
    #[error(
        "the policy has nothing to rank by: one of the weights price_per_vcpu and price_per_gib must be above 0"
    )]
    Weightless,
}

/// Why nothing was ranked.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RankError {
    /// The policy is at fault.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// A source told nothing: that is no market without offers but a source that failed.
    #[error(
        "nothing is ranked: {source_name} told no {figure} for {region}; check the source, the region and the permissions"
    )]
    Empty {
        /// What is missing.
        figure: &'static str,
        /// Who should have told.
        source_name: String,
        /// Of where.
        region: String,
    },
    /// A rule cannot be judged, since nobody was asked for what it is about.
    #[error(
        "nothing is ranked: {rule} cannot be judged without {figure}; name a source of them or leave the rule out"
    )]
    Unsourced {
        /// The rule.
        rule: Rule,
        /// What is missing.
        figure: &'static str,
    },
}

/// The offer that missed the least.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Nearest {
    /// Its type.
    pub instance_type: String,
    /// Its zone.
    pub zone: String,
    /// What it missed.
    pub misses: Vec<Miss>,
}

/// Everything was dropped: by what, and how near the nearest came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NothingLeft {
    /// How many offers there were.
    pub considered: usize,
    /// How many of them each rule drops, the most first.
    pub dropped_by: Vec<(Rule, usize)>,
    /// The one that missed the fewest rules, and among those by the least; none if there were no offers.
    pub nearest: Option<Nearest>,
}

impl fmt::Display for NothingLeft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(nearest) = &self.nearest else {
            return f.write_str("no type has a price in the zones asked for");
        };
        let whole = self.dropped_by.iter().filter(|(_, count)| *count == self.considered);
        let whole: Vec<&str> = whole.map(|(rule, _)| rule.as_str()).collect();
        write!(f, "none of {} offers fits the policy: ", self.considered)?;
        if whole.is_empty() {
            let counts =
                self.dropped_by.iter().map(|(rule, count)| format!("{rule} drops {count}"));
            write!(f, "{}", counts.collect::<Vec<_>>().join(", "))?;
        } else {
            write!(f, "{} alone excludes them all", whole.join(" as well as "))?;
        }
        let misses: Vec<String> = nearest.misses.iter().map(ToString::to_string).collect();
        let (name, zone) = (&nearest.instance_type, &nearest.zone);
        write!(f, "; nearest is {name} in {zone}, where {}", misses.join(" and "))
    }
}
