//! What the modules about accounts, users and connections share.

mod places;
mod shown;

pub(super) use places::{Places, SsmArgs};
pub(super) use shown::ShownAccount;

use crate::ansible::Failure;
use crate::drive::{ConnectError, SinkError};
use crate::plan::account::{AccountRefusal, LinkRefusal};
use crate::spot::{Sent, SpotError};

impl From<SinkError> for Failure {
    fn from(error: SinkError) -> Self {
        Self::new(error.to_string()).with_error_code(Some("SINK"))
    }
}

impl From<AccountRefusal> for Failure {
    fn from(refusal: AccountRefusal) -> Self {
        Self::new(refusal.to_string()).with_error_code(Some("ACCOUNT_NOT_CHOSEN"))
    }
}

impl From<LinkRefusal> for Failure {
    fn from(refusal: LinkRefusal) -> Self {
        Self::new(refusal.to_string()).with_error_code(Some("OTHER_CLOUD_ACCOUNT"))
    }
}

impl From<ConnectError> for Failure {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::Spot(error) => error.into(),
            ConnectError::Unseen(unseen) => unseen.into(),
            ConnectError::RefusedSince { error: ref refusal, .. } => Self::new(error.to_string())
                .with_error_code(refusal.error_code())
                .with_http_status(refusal.http_status())
                .with_request_id(refusal.request_id())
                .changed(true)
                .retryable(true),
            ConnectError::NotTaken { is_unsure, .. } => Self::new(error.to_string())
                .with_error_code(Some("ROLE_NOT_TAKEN"))
                .changed(is_unsure)
                .retryable(true),
            ConnectError::NotSeen { .. } => Self::new(error.to_string())
                .with_error_code(Some("NOT_CONNECTED"))
                .changed(true)
                .retryable(true),
        }
    }
}

/// Nothing was found in a list, and not all of the list could be read.
pub(super) fn untold(what: &str, left_out: &[String]) -> Result<(), Failure> {
    match left_out {
        [] => Ok(()),
        [first, ..] => Err(Failure::new(format!("cannot tell whether {what} is there: {first}"))
            .with_error_code(Some("LIST_INCOMPLETE"))
            .retryable(true)),
    }
}

/// Takes what was accepted for done, since it is looked at afterwards, and so what may have been done.
///
/// # Errors
///
/// It was refused.
pub(super) fn accepted(sent: Sent) -> Result<Option<SpotError>, Failure> {
    match sent {
        Sent::Accepted => Ok(None),
        Sent::Refused(error) => Err(error.into()),
        Sent::Unknown(error) => Ok(Some(error)),
    }
}
