//! The vendor's own rolls of a group. While one runs, the group takes no update.

use super::open_enum::open_enum;

open_enum! {
    /// How far a deployment is; the vendor spells it in either case.
    DeploymentStatus {
        /// Accepted, not begun.
        Starting = "starting",
        /// Replacing instances.
        InProgress = "in_progress",
        /// Ended well.
        Finished = "finished",
        /// Ended with an error.
        Failed = "failed",
        /// Stopped by someone.
        Stopped = "stopped",
    }
}

impl DeploymentStatus {
    /// Whether it certainly runs no more. A status that is missing or newer than this program proves nothing.
    pub fn is_over(&self) -> bool {
        match self {
            Self::Finished | Self::Failed | Self::Stopped => true,
            Self::Starting | Self::InProgress | Self::Other(_) => false,
        }
    }
}

/// A deployment: the vendor's API calls it a roll, too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deployment {
    /// Its id, `sbgd-…`.
    pub id: Option<String>,
    /// How far it is.
    pub status: DeploymentStatus,
}

impl Deployment {
    /// Whether it certainly runs no more.
    pub fn is_over(&self) -> bool {
        self.status.is_over()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_end_that_is_known_is_one() {
        let table = [
            ("FINISHED", true),
            ("failed", true),
            ("Stopped", true),
            ("STARTING", false),
            ("in_progress", false),
            ("", false),
            ("rolled_back", false),
        ];
        for (status, expected) in table {
            let deployment = Deployment { id: None, status: DeploymentStatus::parse(status) };
            assert_eq!(deployment.is_over(), expected, "{status:?}");
        }
    }
}
