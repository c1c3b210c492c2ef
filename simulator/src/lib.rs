//! A faithful simulator of the Spot API for AWS Elastigroups.
//!
//! [`World`] is pure: requests and virtual instants go in, answers come out, and equal seeds give equal runs. [`Server`]
//! puts it behind HTTP on a loopback address, with a control API under `/_sim/` to move time, inject faults and read back
//! what was asked. [`Fleet`] describes what exists.

mod accounts;
mod actions;
mod addresses;
mod administration;
mod auth;
mod autonomous;
mod backups;
mod bench;
mod chronicle;
mod clock;
mod control;
mod create;
mod credentials;
mod deployments;
mod describe;
mod dispatch;
mod distortion;
mod edit;
mod envelope;
mod estate;
mod events;
mod faults;
mod fleet;
mod group_config;
mod groups;
mod hooks;
mod http;
mod iam;
mod ids;
mod images;
mod instances;
mod lifecycle;
mod limits;
mod logs;
mod machines;
mod managed;
mod managed_actions;
mod members;
mod operation;
mod overview;
mod partial;
mod populate;
mod redaction;
mod request;
mod routes;
mod runner;
#[cfg(test)]
mod scenario;
mod schedule;
mod server;
mod shapes;
mod simulation;
mod stateful;
mod suspensions;
mod trust;
mod users;
mod validation;
mod volumes;
mod windows;
mod wire;
mod world;

pub use autonomous::Rates;
pub use clock::{ClockMode, ClockSettings};
pub use control::CONTROLS;
pub use faults::{BodyFormat, FaultKind, FaultSpec, Twist};
pub use fleet::{DEMO_FLEET, Fleet, FleetError};
pub use lifecycle::{Action, Behaviour, Latency, OnDeallocate, RecyclePath};
pub use limits::LimitSettings;
pub use request::{Delivery, LoggedRequest, Outcome, Request};
pub use routes::{ROUTES, Route};
pub use server::Server;
pub use shapes::{ItemsShape, NumberShape, PersistenceShape, Shapes, TimestampShape, Unset};
pub use world::World;
