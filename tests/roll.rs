//! Whole rolls against the simulator, in time that passes by sleeping only: what must hold whatever goes wrong, and wherever the
//! program is killed.

#![expect(clippy::unwrap_used, reason = "what a test cannot prepare fails it")]

#[path = "roll/chance.rs"]
mod chance;
#[path = "roll/desk.rs"]
mod desk;
#[path = "support/direct.rs"]
mod direct;
#[path = "roll/ends.rs"]
mod ends;
#[path = "roll/faults.rs"]
mod faults;
#[path = "roll/kills.rs"]
mod kills;
#[path = "roll/leases.rs"]
mod leases;
#[path = "roll/looks.rs"]
mod looks;
#[path = "roll/mishaps.rs"]
mod mishaps;
#[path = "roll/overtaken.rs"]
mod overtaken;
#[path = "roll/pace.rs"]
mod pace;
#[path = "roll/rolls.rs"]
mod rolls;
