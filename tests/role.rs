//! The role and its playbooks by real Ansible against the simulator, with folders as nodes.

#![allow(clippy::unwrap_used, reason = "what a test cannot go on without, it panics on")]

mod support;

#[cfg(feature = "aws")]
#[path = "role/ec2.rs"]
mod ec2;
#[path = "role/failures.rs"]
mod failures;
#[path = "role/gates.rs"]
mod gates;
#[path = "role/kills.rs"]
mod kills;
#[path = "role/node.rs"]
mod node;
#[path = "role/order.rs"]
mod order;
#[path = "role/reach.rs"]
mod reach;
#[path = "role/recovery.rs"]
mod recovery;
#[path = "role/rolls.rs"]
mod rolls;
#[path = "role/site.rs"]
mod site;
#[path = "role/systemd.rs"]
mod systemd;
#[path = "role/unmount.rs"]
mod unmount;
#[path = "role/words.rs"]
mod words;
