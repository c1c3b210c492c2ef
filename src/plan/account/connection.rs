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

impl StoredExternalId {
    /// Until when it is good; none if that is not told, or cannot be read.
    pub fn end(&self) -> Option<Timestamp> {
        self.valid_until.as_deref().and_then(|end| VendorTime::new(end).instant())
    }
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
    /// Until when the one kept is good is not told, or not so that it can be read.
    EndUntold,
    /// Several are kept, and which of them is the latest cannot be told.
    Several,
    /// It ends too soon, or has ended.
    Expires(String),
    /// It was asked for.
    Renewed,
}

impl std::fmt::Display for Issue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Nothing => f.write_str("none is kept"),
            Self::EndUntold => f.write_str("nobody can tell until when the one kept is good"),
            Self::Several => {
                f.write_str("several are kept, and nobody can tell which is the latest")
            }
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

/// Places hold what is not to be written over: it may be kept nowhere else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Which of the task's places, from zero, and the account whose external id it holds; none if it holds something else.
    pub places: Vec<(usize, Option<String>)>,
}

/// The external ids that are kept for an account, the one that ends last, which the vendor presents, in front. One whose end is not told
/// may end after all others.
pub fn latest<'a>(account: &AccountId, kept: &'a [Kept]) -> Vec<&'a StoredExternalId> {
    let own = kept.iter().filter_map(|it| match it {
        Kept::Id(id) if id.account_id == account.as_str() => Some(id),
        Kept::Id(_) | Kept::Nothing | Kept::Unreadable => None,
    });
    let mut own: Vec<&StoredExternalId> = own.collect();
    let end = |it: &StoredExternalId| it.end().unwrap_or(Timestamp::MAX);
    own.sort_by_key(|it| std::cmp::Reverse(end(it)));
    own
}

/// Decides whether a new external id is needed. `role` is the one that the account is to be connected by; without it
/// any connection will do. `kept` is what each place holds, `margin` how much longer an external id has to be good.
///
/// # Errors
///
/// One is to be put into the places, and some hold what is none of the account.
pub fn prepare(
    link: &Link,
    role: Option<&RoleArn>,
    kept: &[Kept],
    renew: bool,
    now: Timestamp,
    margin: SignedDuration,
) -> Result<Preparation, Taken> {
    let is_connected = match role {
        Some(role) => matches!(linking(link, role), Ok(Linking::Done { .. })),
        None => link.is_connected(),
    };
    if is_connected && !renew {
        return Ok(Preparation::Connected);
    }
    let places: Vec<(usize, Option<String>)> = kept
        .iter()
        .enumerate()
        .filter_map(|(place, it)| match it {
            Kept::Id(id) if id.account_id != link.account.as_str() => {
                Some((place, Some(id.account_id.clone())))
            }
            Kept::Unreadable => Some((place, None)),
            Kept::Id(_) | Kept::Nothing => None,
        })
        .collect();
    if !places.is_empty() {
        return Err(Taken { places });
    }
    if renew {
        return Ok(Preparation::New(Issue::Renewed));
    }
    let own = latest(&link.account, kept);
    let Some((first, others)) = own.split_first() else {
        return Ok(Preparation::New(Issue::Nothing));
    };
    let Some(end) = first.end() else { return Ok(Preparation::New(Issue::EndUntold)) };
    let is_as_late = |it: &&StoredExternalId| it.end() == Some(end);
    if others.iter().any(|it| is_as_late(it) && it.external_id != first.external_id) {
        return Ok(Preparation::New(Issue::Several));
    }
    if end.duration_since(now) < margin {
        let until = first.valid_until.clone().unwrap_or_default();
        return Ok(Preparation::New(Issue::Expires(until)));
    }
    Ok(Preparation::Kept((*first).clone()))
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

    fn id(account: &str, value: &str, end: Option<&str>) -> Kept {
        Kept::Id(StoredExternalId {
            account_id: account.to_owned(),
            external_id: value.to_owned(),
            valid_until: end.map(str::to_owned),
        })
    }

    fn decided(link: &Link, kept: &[Kept], renew: bool) -> Result<Preparation, Taken> {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        prepare(link, Some(&role()), kept, renew, now, SignedDuration::from_mins(10))
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
        let kept = |account: &str, end: Option<&str>| id(account, "x", end);
        let prepare = |link: Link, kept: Kept, renew: bool| {
            super::prepare(&link, Some(&role()), &[kept], renew, now, margin).unwrap()
        };
        let open = || link(None, RoleSeen::Nothing);
        let good = || kept("act-1", Some("2026-01-01T01:00:00.000Z"));
        assert!(matches!(prepare(open(), good(), false), Preparation::Kept(_)));
        let soon = "2026-01-01T00:05:00.000Z";
        for (kept, why) in [
            (Kept::Nothing, Issue::Nothing),
            (kept("act-1", None), Issue::EndUntold),
            (kept("act-1", Some("soon")), Issue::EndUntold),
            (kept("act-1", Some(soon)), Issue::Expires(soon.to_owned())),
        ] {
            assert_eq!(prepare(open(), kept, false), Preparation::New(why));
        }
        let connected = || link(Some("123456789012"), RoleSeen::Role(ARN.to_owned()));
        assert_eq!(prepare(connected(), Kept::Nothing, false), Preparation::Connected);
        assert_eq!(prepare(connected(), good(), true), Preparation::New(Issue::Renewed));
    }

    #[test]
    fn what_is_no_external_id_of_the_account_is_written_over_by_none() {
        let good = id("act-1", "x", Some("2026-01-01T01:00:00Z"));
        let other = id("act-2", "x", Some("2027-01-01T00:00:00Z"));
        let connected = link(Some("123456789012"), RoleSeen::Role(ARN.to_owned()));
        let all = [Kept::Nothing, good, other, Kept::read(Some("plain"))];
        let places = vec![(2, Some("act-2".to_owned())), (3, None)];
        let taken = Err(Taken { places });
        let open = link(None, RoleSeen::Nothing);
        for renew in [true, false] {
            assert_eq!(decided(&open, &all, renew), taken);
        }
        assert_eq!(decided(&connected, &all, true), taken);
        // Of an account that is connected nothing is written.
        assert_eq!(decided(&connected, &all, false), Ok(Preparation::Connected));
    }

    #[test]
    fn of_several_external_ids_the_latest_is_the_one_that_the_vendor_presents() {
        let old = id("act-1", "old", Some("2026-01-01T01:00:00Z"));
        let new = id("act-1", "new", Some("2026-01-01T02:00:00Z"));
        let as_new = id("act-1", "as-new", Some("2026-01-01T02:00:00.000Z"));
        let untold = id("act-1", "untold", None);
        let open = link(None, RoleSeen::Nothing);
        let table = [
            (vec![old.clone(), new.clone()], Ok("new")),
            (vec![new.clone(), Kept::Nothing, old.clone()], Ok("new")),
            (vec![new.clone(), new.clone()], Ok("new")),
            (vec![new.clone(), as_new], Err(Issue::Several)),
            (vec![new, untold, old], Err(Issue::EndUntold)),
        ];
        for (kept, expected) in table {
            let found = match decided(&open, &kept, false) {
                Ok(Preparation::Kept(id)) => Ok(id.external_id),
                Ok(Preparation::New(why)) => Err(why),
                other => panic!("{other:?}"),
            };
            assert_eq!(found, expected.map(str::to_owned), "{kept:?}");
        }
    }
}
