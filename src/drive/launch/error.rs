//! Why nothing was launched, or not all.

use std::path::PathBuf;

use thiserror::Error;

use super::waiting::End;
use crate::domain::InstanceId;
use crate::drive::ec2::Ec2Error;
use crate::plan::launch::{FLEET_TAG, Irreplaceable, TagError};

/// Why a launch cannot begin or go on.
#[derive(Debug, Error)]
pub enum LaunchError {
    /// AWS does not answer.
    #[error(transparent)]
    Ec2(#[from] Ec2Error),
    /// Name or tags.
    #[error(transparent)]
    Tags(#[from] TagError),
    /// A machine is not to be replaced.
    #[error(transparent)]
    Irreplaceable(#[from] Irreplaceable),
    /// Machines live and have lost their tags.
    #[error(
        "{} of fleet {fleet}, launched by run {run}, live and have lost their tags, so that they are counted nowhere: put {FLEET_TAG}={fleet} back or terminate them, and run this again",
        names(instances)
    )]
    Untagged {
        /// Which.
        instances: Vec<InstanceId>,
        /// Their fleet.
        fleet: String,
        /// The run that launched them.
        run: String,
    },
    /// What stands in for a machine does not run.
    #[error(
        "{new}, which stands in for {old}, does not run within {limit_s} s; {old} was not terminated"
    )]
    Late {
        /// What stands in.
        new: InstanceId,
        /// For which.
        old: InstanceId,
        /// How long it was waited, in seconds.
        limit_s: u64,
    },
    /// A machine that was to go lives and has lost its tag meanwhile.
    #[error(
        "{instance} lives and has lost its tag: put {FLEET_TAG}={fleet} back and run this again, or terminate it; it was not terminated"
    )]
    LostTag {
        /// Which.
        instance: InstanceId,
        /// Its fleet.
        fleet: String,
    },
    /// What stood in for a machine was taken back while that was drained.
    #[error(
        "{new}, which was to stand in for {old}, is gone again; {old} was not terminated: run this again to launch another"
    )]
    StandInGone {
        /// What stood in.
        new: InstanceId,
        /// For which.
        old: InstanceId,
    },
    /// What stands in for a machine came to an end before it ran.
    #[error(
        "{end}, and was to stand in for {old}; {old} was not terminated: run this again to launch another"
    )]
    StandInEnded {
        /// What stood in, and why it ended.
        end: End,
        /// For which.
        old: InstanceId,
    },
    /// What is asked cannot be launched.
    #[error("{0}; nothing was launched")]
    Refused(String),
    /// The journal cannot be written: what it announces is not done.
    #[error("cannot {attempt} {}: {reason}", path.display())]
    Journal {
        /// What was attempted.
        attempt: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        reason: String,
    },
    /// Another process works on the fleet.
    #[error("another process works on fleet {fleet} now (it holds {}); nothing was done here: wait for it, or have this wait by lock_timeout", path.display())]
    Busy {
        /// The fleet.
        fleet: String,
        /// The lock.
        path: PathBuf,
    },
    /// AWS names no account.
    #[error("AWS calls the account {told:?}, which is no number of an account; nothing was done")]
    NoAccount {
        /// What it said.
        told: String,
    },
    /// A journal does not tell of which account its fleet is.
    #[error(
        "the journals in {} do not tell of which AWS account their fleet is, so that nothing is done by them; if it is of {account}, the account of these credentials, move the folder to {}, else to that of its own account beside it, and run this again",
        from.display(),
        to.display()
    )]
    Unassigned {
        /// The folder.
        from: PathBuf,
        /// Where it belongs if it is of this account.
        to: PathBuf,
        /// The account of these credentials.
        account: String,
    },
    /// A journal is of another account.
    #[error(
        "the journal {} is of AWS account {of}, and these credentials are of {account}; nothing was done: run this with credentials of {of}, or move the journal to the folder of its account",
        path.display()
    )]
    OtherAccount {
        /// The journal.
        path: PathBuf,
        /// Its account.
        of: String,
        /// The account of these credentials.
        account: String,
    },
    /// Somebody else launches machines of a fleet that is rebalanced.
    #[error(
        "{strangers} more machines of fleet {fleet} live than the {count} that its rebalance began with, and it has not launched them: by that count none is terminated; say how many are wanted with spot_launch and exact_count, which ends the rebalance, and run this again"
    )]
    Strangers {
        /// The fleet.
        fleet: String,
        /// How many the rebalance began with.
        count: u32,
        /// How many more there are.
        strangers: u32,
    },
    /// There is no folder for journals.
    #[error(
        "there is no folder for journals, since no home folder is known; name one with state_dir or SPOTINST_ESG_STATE_DIR"
    )]
    NoFolder,
    /// A cluster's profile cannot be used.
    #[error("cannot use the profile {place}: {reason}")]
    Profile {
        /// Where it is kept.
        place: String,
        /// Why.
        reason: String,
    },
    /// What was launched is not good enough for another machine to go.
    #[error("{reason}; nothing was terminated for it")]
    Unfit {
        /// Why.
        reason: String,
    },
    /// EC2 lists machines that it does not know when they are to be terminated.
    #[error(
        "EC2 knows nothing of {} when they are to be terminated, and lists them: they live on; run this again",
        names(instances)
    )]
    Alive {
        /// Which.
        instances: Vec<InstanceId>,
    },
    /// EC2 was to terminate machines and gave no answer, or none that tells whether it did.
    #[error("{error}; whether {} was terminated is not known: run this again", names(instances))]
    Unheard {
        /// Which.
        instances: Vec<InstanceId>,
        /// What came instead.
        error: Ec2Error,
    },
    /// EC2 was to terminate machines and refuses, or does not let these credentials.
    #[error("{error}; {} was not terminated", names(instances))]
    NotEnded {
        /// Which.
        instances: Vec<InstanceId>,
        /// Why.
        error: Ec2Error,
    },
    /// A machine could not be drained.
    #[error("cannot drain {instance}: {reason}; it was not terminated")]
    Drain {
        /// Which.
        instance: String,
        /// Why.
        reason: String,
    },
}

impl LaunchError {
    /// What came instead of the news that machines are terminated.
    pub(super) fn of_end(instances: &[InstanceId], error: Ec2Error) -> Self {
        let instances = instances.to_vec();
        match error {
            Ec2Error::NoCredentials(_)
            | Ec2Error::Credentials(_)
            | Ec2Error::Denied(_)
            | Ec2Error::Refused(_)
            | Ec2Error::NotBuilt => Self::NotEnded { instances, error },
            // That the last try was throttled tells nothing of those before.
            Ec2Error::Timeout(_) | Ec2Error::Throttled(_) | Ec2Error::Failed(_) => {
                Self::Unheard { instances, error }
            }
        }
    }

    /// Whether the same again would end the same way until a person has done something else.
    pub fn needs_a_person(&self) -> bool {
        matches!(
            self,
            Self::Tags(_)
                | Self::Irreplaceable(_)
                | Self::Untagged { .. }
                | Self::LostTag { .. }
                | Self::Refused(_)
                | Self::NoAccount { .. }
                | Self::Unassigned { .. }
                | Self::OtherAccount { .. }
                | Self::Strangers { .. }
                | Self::NoFolder
                | Self::Profile { .. }
        )
    }

    /// Whether machines may have been terminated that nobody heard of: then something may have changed.
    pub fn may_have_ended(&self) -> bool {
        matches!(self, Self::Unheard { .. })
    }
}

fn names(instances: &[InstanceId]) -> String {
    instances.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
