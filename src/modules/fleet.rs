//! What the modules of fleets share: their options, what they begin with, machines as they are shown.

mod args;
mod desk;
mod profile;
mod shown;
mod supply;

use crate::ansible::Failure;
use crate::drive::launch::LaunchError;

pub(super) use args::{FleetArgs, TemplateArgs};
pub(super) use desk::{Desk, Ready, Terms, counts, listed, run_id};
pub(super) use profile::ShownProfile;
pub(super) use shown::{ShownAttempt, ShownMachine, attempt, machine};
pub(super) use supply::prices;

impl From<LaunchError> for Failure {
    fn from(error: LaunchError) -> Self {
        match error {
            LaunchError::Ec2(error) => error.into(),
            unheard @ LaunchError::Unheard { .. } => {
                Self::new(unheard.to_string()).changed(true).retryable(true)
            }
            gone @ LaunchError::StandInGone { .. } => Self::new(gone.to_string()).retryable(true),
            other => Self::new(other.to_string()),
        }
    }
}
