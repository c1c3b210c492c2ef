//! Connecting an account to AWS: looking how it stands, and setting its role until the vendor can assume it.

use std::time::Duration;

use thiserror::Error;

use super::progress::Progress;
use super::wait::{TimeUp, until};
use crate::domain::{Account, AccountId, Clock};
use crate::plan::account::{Link, Linking, RoleArn, RoleSeen, linking};
use crate::spot::{Client, Listed, Sent, SpotError, Unseen};

/// After the role was taken, the lists follow within this time.
const SETTLING: Duration = Duration::from_secs(60);

/// Why an account is not connected in the end.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// The vendor cannot be asked, or refuses for a reason that waiting does not change.
    #[error(transparent)]
    Spot(#[from] SpotError),
    /// The role was taken, or perhaps so, and the account cannot be looked at since.
    #[error(transparent)]
    Unseen(#[from] Unseen),
    /// The role was perhaps taken by a request whose answer was lost, and is refused since.
    #[error(
        "the role {role} was perhaps taken by a request whose answer was lost, and is refused now: {error}; a second run looks first"
    )]
    RefusedSince {
        /// The role.
        role: String,
        /// The refusal.
        error: Box<SpotError>,
    },
    /// The role was not taken in time.
    #[error(
        "the vendor did not take the role {role} within {after}: {last}; the role must exist, trust the vendor's AWS account, \
         and ask for the latest external id, which must not have expired: state=prepared tells until when it is good"
    )]
    NotTaken {
        /// The role.
        role: String,
        /// How long and how often it was tried.
        after: TimeUp,
        /// What the vendor said last.
        last: Box<SpotError>,
        /// Whether an answer was lost, so that it may have been taken all the same.
        is_unsure: bool,
    },
    /// The role was taken, and the account still does not answer as a connected one.
    #[error(
        "the vendor took the role {role}, and after {after} account {account} is not connected: {seen}"
    )]
    NotSeen {
        /// The role.
        role: String,
        /// The account.
        account: AccountId,
        /// How long and how often it was looked.
        after: TimeUp,
        /// What was seen last.
        seen: String,
    },
}

/// Accounts of the organisation.
pub struct AccountsSeen {
    /// These.
    pub listed: Listed<Account>,
    /// The AWS account whose accounts alone were told; none if all were. Then one that is not among them may be there all the same.
    pub only_of: Option<String>,
}

/// Connects accounts.
pub struct Onboarder<'a> {
    /// The API.
    pub client: &'a Client,
    /// Time.
    pub clock: &'a dyn Clock,
    /// A word now and then.
    pub progress: &'a Progress<'a>,
}

impl Onboarder<'_> {
    /// The organisation's accounts; where the token may not list them, those connected to `cloud_account`.
    ///
    /// # Errors
    ///
    /// Those of every read.
    pub fn accounts(&self, cloud_account: Option<&str>) -> Result<AccountsSeen, SpotError> {
        match (self.client.list_accounts(None), cloud_account) {
            (Err(error), Some(cloud)) if is_denial(&error) => {
                let listed = self.client.list_accounts(Some(cloud))?;
                Ok(AccountsSeen { listed, only_of: Some(cloud.to_owned()) })
            }
            (listed, _) => Ok(AccountsSeen { listed: listed?, only_of: None }),
        }
    }

    /// How an account stands to AWS.
    ///
    /// # Errors
    ///
    /// Those of every read, and that the account's entry in the list cannot be read or found among those that can: it may be connected
    /// to anything. Where the token may not list accounts, the role tells.
    pub fn link(&self, account: &AccountId, cloud: Option<&str>) -> Result<Link, SpotError> {
        let role = match self.client.iam_role(account) {
            Ok(Some(role)) => RoleSeen::Role(role),
            Ok(None) => RoleSeen::Nothing,
            Err(error) if is_no_answer(&error) => RoleSeen::Untold,
            Err(error) => return Err(error),
        };
        let listed = match self.accounts(cloud) {
            Ok(seen) => self.entry(account, seen.listed)?,
            Err(error) if is_denial(&error) && role != RoleSeen::Untold => None,
            Err(error) => return Err(error),
        };
        let listed = listed.and_then(|one| one.cloud_account_id);
        let cloud_account = listed.or_else(|| match &role {
            RoleSeen::Role(role) => RoleArn::parse(role).map(|role| role.account().to_owned()),
            RoleSeen::Nothing | RoleSeen::Untold => None,
        });
        Ok(Link { account: account.clone(), cloud_account, role })
    }

    /// The account's entry in a list; none if the list does not have it.
    fn entry(
        &self,
        account: &AccountId,
        listed: Listed<Account>,
    ) -> Result<Option<Account>, SpotError> {
        let unreadable = |problem: String| {
            let doing = format!("tell what account {account} is connected to");
            Err(self.client.unreadable(doing, problem))
        };
        match (listed.items.into_iter().find(|one| one.id == *account), listed.left_out.first()) {
            (Some(one), _) if one.is_cloud_unread => unreadable(format!(
                "what is sent for the AWS account of account {account} is no text"
            )),
            (None, Some(first)) => unreadable(format!(
                "account {account} is not among those of the list that can be read: {first}"
            )),
            (found, _) => Ok(found),
        }
    }

    /// Whether the vendor answers for the account as it does for connected ones: what it would say instead, if not.
    ///
    /// # Errors
    ///
    /// Anything but a refusal.
    pub fn probe(&self, account: &AccountId) -> Result<Option<SpotError>, SpotError> {
        match self.client.list_groups(account) {
            Ok(_) => Ok(None),
            Err(error) if is_no_answer(&error) => Ok(Some(error)),
            Err(error) => Err(error),
        }
    }

    /// Has the vendor assume the role, again and again while IAM settles, and waits until the account answers as connected.
    /// Says how often it was tried. Setting the same role twice is setting it once.
    ///
    /// # Errors
    ///
    /// Any [`ConnectError`].
    pub fn connect(
        &self,
        account: &AccountId,
        role: &RoleArn,
        patience: Duration,
    ) -> Result<u32, ConnectError> {
        let (mut attempts, mut last, mut is_unsure) = (0, None, false);
        let taken = until(self.clock, patience, || {
            attempts += 1;
            let error = match self.client.set_iam_role(account, role.as_str()) {
                Sent::Accepted => return Ok(Some(())),
                Sent::Refused(error) if is_no_answer(&error) => error,
                Sent::Refused(error) if is_unsure => {
                    let (role, error) = (role.to_string(), Box::new(error));
                    return Err(ConnectError::RefusedSince { role, error });
                }
                Sent::Refused(error) => return Err(error.into()),
                Sent::Unknown(error) => {
                    is_unsure = true;
                    let done = format!("was perhaps connected by the role {role}");
                    let link = self.link(account, Some(role.account()));
                    let link = link.map_err(Unseen::of(format!("account {account}"), done))?;
                    // By another role, perhaps, it was connected before; and to set it twice is to set it once.
                    if matches!(linking(&link, role), Ok(Linking::Done { proved: true })) {
                        return Ok(Some(()));
                    }
                    error
                }
            };
            self.progress.tick(|| {
                format!("waiting until the vendor can assume {role}: {error} (attempt {attempts})")
            });
            last = Some(error);
            Ok(None)
        })?;
        if let (Err(after), Some(last)) = (taken, last) {
            let (role, last) = (role.to_string(), Box::new(last));
            return Err(ConnectError::NotTaken { role, after, last, is_unsure });
        }
        self.see(account, role)?;
        Ok(attempts)
    }

    /// Waits until lists and a real call show what was accepted.
    fn see(&self, account: &AccountId, role: &RoleArn) -> Result<(), ConnectError> {
        let mut seen = String::new();
        let connected = until(self.clock, SETTLING, || {
            let link = self.link(account, Some(role.account()))?;
            if !matches!(linking(&link, role), Ok(Linking::Done { .. })) {
                let cloud = link.cloud_account.as_deref().unwrap_or("no AWS account");
                seen = format!("the organisation's list has {cloud} for it");
            } else if let Some(error) = self.probe(account)? {
                seen = error.to_string();
            } else {
                return Ok(Some(()));
            }
            self.progress.tick(|| format!("waiting until account {account} is connected: {seen}"));
            Ok::<_, SpotError>(None)
        });
        let done = format!("was given the role {role}");
        let connected = connected.map_err(Unseen::of(format!("account {account}"), done))?;
        connected.map_err(|after| ConnectError::NotSeen {
            role: role.to_string(),
            account: account.clone(),
            after,
            seen,
        })
    }
}

/// Whether the vendor denies it to the token; it masks that.
fn is_denial(error: &SpotError) -> bool {
    matches!(error, SpotError::Masked { .. } | SpotError::Forbidden { .. })
}

/// Whether the vendor refuses what it was asked, while the token is good and it is there: a state that may pass.
fn is_no_answer(error: &SpotError) -> bool {
    matches!(
        error,
        SpotError::Masked { .. } | SpotError::NotFound { .. } | SpotError::Rejected { .. }
    )
}
