//! Access to EC2's facts, in builds with and without it.

use std::collections::BTreeMap;
use std::time::Duration;

use thiserror::Error;

use crate::domain::{Ec2Instance, InstanceHealth, InstanceId, Region};

/// Why EC2's facts cannot be had. Holds no secret.
#[derive(Clone, Debug, Error)]
pub enum Ec2Error {
    /// No credentials are configured: ordinary where AWS is optional.
    #[error("{0}")]
    NoCredentials(String),
    /// Credentials are meant and cannot be used.
    #[error("{0}")]
    Credentials(String),
    /// No answer in time.
    #[error("{0}")]
    Timeout(String),
    /// Too many calls, also after the retries.
    #[error("{0}")]
    Throttled(String),
    /// The credentials are good and not allowed to do this: it was not done.
    #[error("{0}")]
    Denied(String),
    /// AWS understood and refuses for a reason of its own, or was not asked at all: it was not done.
    #[error("{0}")]
    Refused(String),
    /// Anything else.
    #[error("{0}")]
    Failed(String),
    /// This binary was built without the feature `aws`.
    #[error(
        "this binary was built without AWS support; install a build with it, or do without EC2 (ec2: false in an inventory)"
    )]
    NotBuilt,
}

impl Ec2Error {
    /// Whether a change that was asked for may have been made all the same: no answer came, or none that tells.
    pub fn may_be_done(&self) -> bool {
        matches!(self, Self::Timeout(_) | Self::Failed(_))
    }
}

/// What to reach AWS with.
#[derive(Clone, Debug)]
pub struct Ec2Access {
    /// Profile of the AWS configuration; none for the SDK's own choice.
    pub profile: Option<String>,
    /// Another server for all services, as `AWS_ENDPOINT_URL` names it.
    pub endpoint_url: Option<String>,
    /// Whether the instance metadata service may be asked for credentials.
    pub use_metadata_service: bool,
    /// Longest wait for the credentials, and again for the facts of all regions together.
    pub timeout: Duration,
}

/// The facts of one region's instances, or why they are missing.
pub(super) type RegionFacts = (Region, Result<Vec<Ec2Instance>, Ec2Error>);

/// Something that knows EC2 instances.
pub trait Ec2: Send + Sync {
    /// Reads the facts of instances, region by region; an unknown id is left out.
    fn describe(&self, wanted: BTreeMap<Region, Vec<InstanceId>>) -> Vec<RegionFacts>;
}

#[cfg(feature = "aws")]
mod real {
    use super::{
        BTreeMap, Ec2, Ec2Access, Ec2Error, InstanceHealth, InstanceId, Region, RegionFacts,
    };
    use crate::aws::{Aws, AwsConfig, AwsError};

    impl From<AwsError> for Ec2Error {
        fn from(error: AwsError) -> Self {
            let text = error.to_string();
            match error {
                AwsError::NoCredentials => Self::NoCredentials(text),
                AwsError::Credentials { .. } => Self::Credentials(text),
                AwsError::Timeout { .. } => Self::Timeout(text),
                AwsError::Throttled { .. } => Self::Throttled(text),
                AwsError::Denied { .. } => Self::Denied(text),
                // What goes wrong inside AWS may go wrong after it was done.
                AwsError::Rejected { status: None | Some(400..=499), .. }
                | AwsError::Endpoint { .. }
                | AwsError::Start { .. } => Self::Refused(text),
                AwsError::Rejected { .. }
                | AwsError::Unreachable { .. }
                | AwsError::BadReply { .. } => Self::Failed(text),
            }
        }
    }

    impl Ec2 for Aws {
        fn describe(&self, wanted: BTreeMap<Region, Vec<InstanceId>>) -> Vec<RegionFacts> {
            let facts = self.describe_many(wanted).into_iter();
            facts.map(|(region, facts)| (region, facts.map_err(Ec2Error::from))).collect()
        }
    }

    /// The facade's words for `access`.
    pub(in crate::drive) fn aws_config(access: &Ec2Access) -> AwsConfig {
        AwsConfig {
            profile: access.profile.clone(),
            endpoint_url: access.endpoint_url.clone(),
            use_metadata_service: access.use_metadata_service,
            timeout: access.timeout,
            ..AwsConfig::default()
        }
    }

    /// Finds credentials and makes ready to ask EC2.
    ///
    /// # Errors
    ///
    /// Any [`Ec2Error`].
    pub fn connect(access: &Ec2Access) -> Result<Box<dyn Ec2>, Ec2Error> {
        Ok(Box::new(Aws::connect(aws_config(access))?))
    }

    /// EC2's status checks of an instance; none if EC2 does not know it, or not yet.
    ///
    /// # Errors
    ///
    /// Any [`Ec2Error`].
    pub(in crate::drive) fn health(
        access: &Ec2Access,
        region: &Region,
        id: &InstanceId,
    ) -> Result<Option<InstanceHealth>, Ec2Error> {
        Ok(Aws::connect(aws_config(access))?.instance_health(region, id)?)
    }

    /// Account and role that the credentials belong to, as one line.
    ///
    /// # Errors
    ///
    /// Any [`Ec2Error`].
    pub fn identity(access: &Ec2Access) -> Result<String, Ec2Error> {
        let identity = Aws::connect(aws_config(access))?.identity()?;
        Ok(format!("account {}, {}", identity.account, identity.arn))
    }
}

#[cfg(not(feature = "aws"))]
mod real {
    use super::{Ec2, Ec2Access, Ec2Error, InstanceHealth, InstanceId, Region};

    /// Tells that this build has no AWS support.
    ///
    /// # Errors
    ///
    /// Always [`Ec2Error::NotBuilt`].
    pub fn connect(_access: &Ec2Access) -> Result<Box<dyn Ec2>, Ec2Error> {
        Err(Ec2Error::NotBuilt)
    }

    /// Tells that this build has no AWS support.
    ///
    /// # Errors
    ///
    /// Always [`Ec2Error::NotBuilt`].
    pub(in crate::drive) fn health(
        _access: &Ec2Access,
        _region: &Region,
        _id: &InstanceId,
    ) -> Result<Option<InstanceHealth>, Ec2Error> {
        Err(Ec2Error::NotBuilt)
    }

    /// Tells that this build has no AWS support.
    ///
    /// # Errors
    ///
    /// Always [`Ec2Error::NotBuilt`].
    pub fn identity(_access: &Ec2Access) -> Result<String, Ec2Error> {
        Err(Ec2Error::NotBuilt)
    }
}

#[cfg(feature = "aws")]
pub(super) use real::aws_config;
pub(super) use real::health;
pub use real::{connect, identity};

#[cfg(all(test, feature = "aws"))]
mod tests {
    use super::Ec2Error;
    use crate::aws::AwsError;

    /// An answer that refuses tells that nothing was done, and one of a fault inside AWS does not.
    #[test]
    fn what_is_refused_was_not_done_and_what_failed_may_be() {
        let rejected = |status| AwsError::Rejected {
            attempt: "terminate i-1".to_owned(),
            code: "OperationNotPermitted".to_owned(),
            message: "it is protected".to_owned(),
            request_id: None,
            status,
        };
        for (status, may_be_done) in [(None, false), (Some(400), false), (Some(500), true)] {
            let error = Ec2Error::from(rejected(status));
            assert_eq!(error.may_be_done(), may_be_done, "{status:?}: {error:?}");
        }
        let (url, reason) = ("x".to_owned(), "no URL".to_owned());
        assert!(!Ec2Error::from(AwsError::Endpoint { url, reason }).may_be_done());
        let (attempt, reason) = ("terminate i-1".to_owned(), "it broke".to_owned());
        assert!(Ec2Error::from(AwsError::Unreachable { attempt, reason }).may_be_done());
    }
}
