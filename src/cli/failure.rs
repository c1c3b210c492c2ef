//! Failures as a person and a shell see them.

use crate::domain::one_line;
use crate::drive::roll::{RollError, StoreError};
use crate::drive::{Ec2Error, InventoryError, ObserveError, SessionError};
use crate::plan::inventory::OptionError;
use crate::plan::roll::{Hold, Taken};
use crate::spot::{ErrorKind, SpotError};

pub(super) const OTHER: u8 = 1;
pub(super) const USAGE: u8 = 2;
pub(super) const CREDENTIALS: u8 = 3;
pub(super) const NOT_FOUND: u8 = 4;
pub(super) const RATE_LIMITED: u8 = 5;
pub(super) const TIMEOUT: u8 = 6;
pub(super) const PARTIAL: u8 = 7;
pub(super) const REFUSED: u8 = 8;
pub(super) const FROZEN: u8 = 9;

/// What ends a command: a message and an exit code.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) code: u8,
    message: String,
}

impl Failure {
    pub(super) fn new(code: u8, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// The message on one line, whatever a server or a file put into it.
    pub(super) fn line(&self) -> String {
        one_line(&self.message)
    }
}

impl From<ErrorKind> for u8 {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::Usage => USAGE,
            ErrorKind::Credentials => CREDENTIALS,
            ErrorKind::NotFound => NOT_FOUND,
            ErrorKind::RateLimited => RATE_LIMITED,
            ErrorKind::Timeout => TIMEOUT,
            ErrorKind::Other => OTHER,
        }
    }
}

impl From<SpotError> for Failure {
    fn from(error: SpotError) -> Self {
        Self::new(error.kind().into(), error.to_string())
    }
}

impl From<SessionError> for Failure {
    fn from(error: SessionError) -> Self {
        Self::new(error.kind().into(), error.to_string())
    }
}

impl From<OptionError> for Failure {
    fn from(error: OptionError) -> Self {
        Self::new(USAGE, error.to_string())
    }
}

impl From<&Ec2Error> for u8 {
    fn from(error: &Ec2Error) -> Self {
        match error {
            Ec2Error::NoCredentials(_) | Ec2Error::Credentials(_) => CREDENTIALS,
            Ec2Error::NotBuilt => USAGE,
            Ec2Error::Timeout(_) => TIMEOUT,
            Ec2Error::Throttled(_) => RATE_LIMITED,
            Ec2Error::Denied(_) | Ec2Error::Refused(_) | Ec2Error::Failed(_) => OTHER,
        }
    }
}

impl From<InventoryError> for Failure {
    fn from(error: InventoryError) -> Self {
        let code = match &error {
            InventoryError::Client(spot) | InventoryError::Observe(ObserveError::Spot(spot)) => {
                spot.kind().into()
            }
            InventoryError::Observe(ObserveError::Ec2(ec2)) => ec2.into(),
            InventoryError::Incomplete(_) => PARTIAL,
            InventoryError::Constructed(_) => USAGE,
            InventoryError::Cache(_) | InventoryError::Document(_) => OTHER,
        };
        Self::new(code, error.to_string())
    }
}

impl From<RollError> for Failure {
    fn from(error: RollError) -> Self {
        let code = match &error {
            RollError::Taken(Taken::Frozen { .. })
            | RollError::Held { hold: Hold::Frozen(_), .. }
            | RollError::NotSame { .. } => FROZEN,
            RollError::Taken(
                Taken::Held { .. } | Taken::InFlight { .. } | Taken::LeftOut { .. },
            )
            | RollError::NotHolder { .. }
            | RollError::Abandoned { .. }
            | RollError::Held { .. }
            | RollError::Blocked { .. }
            | RollError::Store(StoreError::Healthy { .. }) => REFUSED,
            RollError::ClusterOwed { .. } => PARTIAL,
            RollError::Taken(Taken::Damaged(_))
            | RollError::Store(_)
            | RollError::Spot(_)
            | RollError::NotSeen { .. }
            | RollError::Act(_) => error.kind().into(),
        };
        Self::new(code, error.to_string())
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        RollError::from(error).into()
    }
}
