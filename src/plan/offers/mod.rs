//! Which spot offers to take, best first: join, filter, score, cap. The same input always gives the same order, whatever
//! order it came in.

mod explain;
mod fault;
mod policy;
mod rank;
mod rules;
mod score;
mod stale;
#[cfg(test)]
mod tests;

pub use explain::{Explained, Fate, explain};
pub use fault::{Nearest, NothingLeft, PolicyError, RankError};
pub use policy::{Policy, Profile, Weights, Wish};
pub use rank::{Cap, Capped, Dropped, Offer, Ranking, rank};
pub use rules::{Miss, Rule};
pub use score::{Score, Unweighed, unweighed};
pub use stale::{Figure, Stale, stale};
