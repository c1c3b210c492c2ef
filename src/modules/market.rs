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

/// `error_code` where there are no credentials of AWS that can be used.
pub(crate) const AWS_CREDENTIALS: &str = "AWS_CREDENTIALS";
/// `error_code` where AWS does not answer in time.
pub(crate) const AWS_TIMEOUT: &str = "AWS_TIMEOUT";
/// `error_code` where AWS has too many calls.
pub(crate) const AWS_THROTTLED: &str = "AWS_THROTTLED";

impl From<Ec2Error> for Failure {
    fn from(error: Ec2Error) -> Self {
        let is_retryable = matches!(error, Ec2Error::Timeout(_) | Ec2Error::Throttled(_));
        let code = match &error {
            Ec2Error::NoCredentials(_) | Ec2Error::Credentials(_) => Some(AWS_CREDENTIALS),
            Ec2Error::Timeout(_) => Some(AWS_TIMEOUT),
            Ec2Error::Throttled(_) => Some(AWS_THROTTLED),
            Ec2Error::Denied(_)
            | Ec2Error::Refused(_)
            | Ec2Error::Failed(_)
            | Ec2Error::NotBuilt => None,
        };
        Self::new(error.to_string()).with_error_code(code).retryable(is_retryable)
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
