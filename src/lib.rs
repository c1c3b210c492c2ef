//! The engine of `spotinst-esg`: sees, rolls and reports on Spot stateful Elastigroups in AWS.

#[cfg(feature = "aws")]
pub mod aws;
pub mod domain;
pub mod plan;
pub mod spot;
