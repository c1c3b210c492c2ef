//! Acting on stateful instances against the simulator, in time that passes by sleeping only.

#![expect(clippy::unwrap_used, reason = "what a test cannot prepare fails it")]

#[path = "stateful/chance.rs"]
mod chance;
#[path = "stateful/desk.rs"]
mod desk;
#[path = "support/direct.rs"]
mod direct;
#[path = "stateful/faults.rs"]
mod faults;
#[path = "stateful/lost.rs"]
mod lost;
#[path = "stateful/outcomes.rs"]
mod outcomes;
