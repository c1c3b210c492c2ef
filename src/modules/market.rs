//! What the modules of the spot market share: the policy, the sources of figures, and offers as they are shown.

mod offers;
mod policy;
mod sources;

use std::time::Duration;

use super::World;
use super::connection::Connection;
use crate::ansible::Failure;
use crate::domain::Region;
use crate::drive::market::{Cloud, MarketError, connect_cloud};
use crate::drive::{Ec2Access, Ec2Error, ec2_access};

pub(super) use offers::{Shown, ShownExplanation, ShownNothing, explained, percent, shown};
pub(super) use policy::{PolicyArgs, price};
pub(super) use sources::{SourceArgs, store};

/// The region that is meant.
///
/// # Errors
///
/// Nobody names one.
pub(super) fn region(connection: &Connection, world: &World) -> Result<Region, Failure> {
    let named = connection.region.as_deref().filter(|region| !region.is_empty());
    let inherited = world.environment.first(&["AWS_REGION", "AWS_DEFAULT_REGION"]);
    match named.or(inherited.map(|(_, region)| region)) {
        Some(region) => Ok(Region::new(region)),
        None => Err(Failure::new("no AWS region: set option region, or AWS_REGION")),
    }
}

/// Credentials found, nothing asked. Each call may take the whole of `timeout`.
///
/// # Errors
///
/// There are none.
pub(super) fn cloud(connection: &Connection, world: &World) -> Result<Box<dyn Cloud>, Failure> {
    let access = Ec2Access {
        timeout: Duration::from_secs(connection.timeout),
        ..ec2_access(&connection.session_options(), &world.environment)
    };
    Ok(connect_cloud(&access)?)
}

impl From<Ec2Error> for Failure {
    fn from(error: Ec2Error) -> Self {
        let is_retryable = matches!(error, Ec2Error::Timeout(_) | Ec2Error::Throttled(_));
        Self::new(error.to_string()).retryable(is_retryable)
    }
}

impl From<MarketError> for Failure {
    fn from(error: MarketError) -> Self {
        match error {
            MarketError::Ec2(error) => error.into(),
            other => Self::new(other.to_string()),
        }
    }
}
