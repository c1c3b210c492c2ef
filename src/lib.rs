//! The engine of `spotinst-esg`: sees, rolls and reports on Spot stateful Elastigroups in AWS.

pub mod ansible;
#[cfg(feature = "aws")]
pub mod aws;
pub mod cli;
pub mod cluster;
pub mod domain;
pub mod drive;
pub mod modules;
pub mod plan;
pub mod spot;
