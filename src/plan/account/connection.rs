//! Whether an account is connected to AWS, and what is to be done until it is.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::RoleArn;
use crate::domain::{Account, AccountId, VendorTime};

/// What the vendor tells of the role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoleSeen {
    /// This one.
    Role(String),
    /// None.
    Nothing,
    /// It does not tell.
    Untold,
}

/// How an account stands to AWS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The account.
    pub account: AccountId,
    /// The AWS account that the organisation's list has for it.
    pub cloud_account: Option<String>,
    /// The role.
    pub role: RoleSeen,
}

impl Link {
    /// By the organisation's list and the question for the role.
    pub fn new(account: &Account, role: RoleSeen) -> Self {
        Self { account: account.id.clone(), cloud_account: account.cloud_account_id.clone(), role }
    }

    /// Whether it is connected to anything.
    pub fn is_connected(&self) -> bool {
        self.cloud_account.is_some()
    }
}

/// An external id as it is kept: in one piece, so that it is never without its end and its account.
#[derive(Clone, Deserialize, PartialEq, Eq, Serialize)]
pub struct StoredExternalId {
    /// The Spot account it was made for.
    pub account_id: String,
    /// The id.
    pub external_id: String,
    /// Until when the vendor presents it, in its own spelling; null if it did not tell.
    pub valid_until: Option<String>,
}

impl std::fmt::Debug for StoredExternalId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoredExternalId")
            .field("account_id", &self.account_id)
            .field("valid_until", &self.valid_until)
            .finish_non_exhaustive()
    }
}

/// Why a new external id is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Issue {
    /// None is kept.
    Nothing,
    /// What is kept was made for another account.
    OtherAccount(String),
    /// What is kept is no external id with an end.
    Unreadable,
    /// It ends too soon, or has ended.
    Expires(String),
    /// It was asked for.
    Renewed,
}

impl std::fmt::Display for Issue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Nothing => f.write_str("none is kept"),
            Self::OtherAccount(other) => write!(f, "the one kept is for account {other}"),
            Self::Unreadable => f.write_str("what is kept cannot be read as one"),
            Self::Expires(end) => write!(f, "the one kept is good until {end} only"),
            Self::Renewed => f.write_str("a new one was asked for"),
        }
    }
}

/// What is to be done so that a role can be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Preparation {
    /// The account is connected by that role: no external id is needed.
    Connected,
    /// The one that is kept is good.
    Kept(StoredExternalId),
    /// A new one is to be made, which ends the earlier ones.
    New(Issue),
}

/// What is kept, as far as it can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// Nothing.
    Nothing,
    /// Something else.
    Unreadable,
    /// This.
    Id(StoredExternalId),
}

impl Kept {
    /// By the text that is kept.
    pub fn read(text: Option<&str>) -> Self {
        let Some(text) = text else { return Self::Nothing };
        serde_json::from_str(text).map_or(Self::Unreadable, Self::Id)
    }
}

/// Decides whether a new external id is needed. `role` is the one that the account is to be connected by; without it
/// any connection will do. `margin` is how much longer it has to be good.
pub fn prepare(
    link: &Link,
    role: Option<&RoleArn>,
    kept: Kept,
    renew: bool,
    now: Timestamp,
    margin: SignedDuration,
) -> Preparation {
    if renew {
        return Preparation::New(Issue::Renewed);
    }
    let is_connected = match role {
        Some(role) => matches!(linking(link, role), Ok(Linking::Done { .. })),
        None => link.is_connected(),
    };
    if is_connected {
        return Preparation::Connected;
    }
    let kept = match kept {
        Kept::Nothing => return Preparation::New(Issue::Nothing),
        Kept::Unreadable => return Preparation::New(Issue::Unreadable),
        Kept::Id(kept) => kept,
    };
    if kept.account_id != link.account.as_str() {
        return Preparation::New(Issue::OtherAccount(kept.account_id));
    }
    let end = kept.valid_until.as_deref().map(VendorTime::new);
    let Some(instant) = end.as_ref().and_then(VendorTime::instant) else {
        return Preparation::New(Issue::Unreadable);
    };
    if instant.duration_since(now) < margin {
        return Preparation::New(Issue::Expires(
            end.map(|end| end.to_string()).unwrap_or_default(),
        ));
    }
    Preparation::Kept(kept)
}

/// What is to be done about the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Linking {
    /// It is connected by that role, as far as the vendor tells.
    Done {
        /// Whether the vendor told the role, and not only the AWS account.
        proved: bool,
    },
    /// The role is to be set.
    Set,
}

/// Why a connection is not touched.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LinkRefusal {
    /// Connected to another AWS account than the role's.
    #[error(
        "account {account} is connected to AWS account {found}, and the role is one of {wanted}: an account stays with its \
         AWS account, so make another one"
    )]
    OtherCloud {
        /// The account.
        account: AccountId,
        /// What it is connected to.
        found: String,
        /// Where the role is.
        wanted: String,
    },
}

/// Decides whether the role is to be set.
///
/// # Errors
///
/// The account is connected to another AWS account.
pub fn linking(link: &Link, role: &RoleArn) -> Result<Linking, LinkRefusal> {
    match &link.cloud_account {
        None => Ok(Linking::Set),
        Some(found) if found != role.account() => Err(LinkRefusal::OtherCloud {
            account: link.account.clone(),
            found: found.clone(),
            wanted: role.account().to_owned(),
        }),
        Some(_) => Ok(match &link.role {
            RoleSeen::Role(seen) if seen == role.as_str() => Linking::Done { proved: true },
            RoleSeen::Role(_) | RoleSeen::Nothing => Linking::Set,
            RoleSeen::Untold => Linking::Done { proved: false },
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:iam::123456789012:role/x";

    fn link(cloud: Option<&str>, role: RoleSeen) -> Link {
        let account = AccountId::new("act-1");
        Link { account, cloud_account: cloud.map(str::to_owned), role }
    }

    fn role() -> RoleArn {
        RoleArn::parse(ARN).unwrap()
    }

    #[test]
    fn a_role_is_set_until_the_vendor_tells_of_it() {
        let here = Some("123456789012");
        let set = |text: &str| RoleSeen::Role(text.to_owned());
        let table = [
            (link(None, RoleSeen::Nothing), Some(Linking::Set)),
            (link(here, set(ARN)), Some(Linking::Done { proved: true })),
            (link(here, RoleSeen::Untold), Some(Linking::Done { proved: false })),
            (link(here, set("arn:aws:iam::123456789012:role/y")), Some(Linking::Set)),
            (link(here, RoleSeen::Nothing), Some(Linking::Set)),
            (link(Some("999999999999"), RoleSeen::Untold), None),
        ];
        for (link, expected) in table {
            assert_eq!(linking(&link, &role()).ok(), expected, "{link:?}");
        }
    }

    #[test]
    fn an_external_id_is_kept_while_it_is_good_and_needed() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let margin = SignedDuration::from_mins(10);
        let kept = |account: &str, end: Option<&str>| {
            Kept::Id(StoredExternalId {
                account_id: account.to_owned(),
                external_id: "x".to_owned(),
                valid_until: end.map(str::to_owned),
            })
        };
        let prepare = |link: Link, kept: Kept, renew: bool| {
            super::prepare(&link, Some(&role()), kept, renew, now, margin)
        };
        let open = || link(None, RoleSeen::Nothing);
        let good = || kept("act-1", Some("2026-01-01T01:00:00.000Z"));
        assert!(matches!(prepare(open(), good(), false), Preparation::Kept(_)));
        let soon = "2026-01-01T00:05:00.000Z";
        for (kept, why) in [
            (Kept::Nothing, Issue::Nothing),
            (Kept::read(Some("plain")), Issue::Unreadable),
            (kept("act-1", None), Issue::Unreadable),
            (kept("act-2", Some("2027-01-01T00:00:00Z")), Issue::OtherAccount("act-2".to_owned())),
            (kept("act-1", Some(soon)), Issue::Expires(soon.to_owned())),
        ] {
            assert_eq!(prepare(open(), kept, false), Preparation::New(why));
        }
        let connected = || link(Some("123456789012"), RoleSeen::Role(ARN.to_owned()));
        assert_eq!(prepare(connected(), Kept::Nothing, false), Preparation::Connected);
        assert_eq!(prepare(connected(), good(), true), Preparation::New(Issue::Renewed));
    }
}
