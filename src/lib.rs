//! The engine of `spotinst-esg`: sees, rolls and reports on Spot stateful Elastigroups in AWS.

pub mod domain;
pub mod spot;
