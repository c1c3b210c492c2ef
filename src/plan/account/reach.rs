//! How far the rights of a user reach, as far as is told.

use std::fmt;

use crate::domain::{UserDetails, UserGroup};

/// What the rights of a user say against accounts that are named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// All that it may do is in these accounts.
    Within,
    /// It may do something in others, or in the whole organisation.
    Beyond,
    /// It is in these user groups, which may allow it more: for which accounts is not told.
    Grouped(Vec<String>),
    /// This of its rights is not known.
    Unknown(String),
    /// It has no rights in any account.
    Nowhere,
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Within => f.write_str("it is for the accounts that are named alone"),
            Self::Beyond => f.write_str("it is not for the accounts that are named alone"),
            Self::Grouped(groups) => write!(
                f,
                "the vendor does not tell what it may do as one of the user group {}",
                groups.join(" and of ")
            ),
            Self::Unknown(what) => write!(f, "what it may do is not known ({what})"),
            Self::Nowhere => {
                f.write_str("it has no rights in any account, as where its account was deleted")
            }
        }
    }
}

/// Judges what a user may do. Whatever is not known of it may be anything.
pub fn reach(user: &UserDetails, named: &[&str]) -> Reach {
    let is_named = |account: &String| named.contains(&account.as_str());
    let has_rights = user.policies.iter().any(|policy| !policy.accounts.is_empty());
    // A policy without accounts is one of the organisation, or what is left of one of an account that was deleted.
    let is_within = |accounts: &Vec<String>| !accounts.is_empty() && accounts.iter().all(is_named);
    if has_rights && !user.policies.iter().all(|policy| is_within(&policy.accounts)) {
        return Reach::Beyond;
    }
    if !user.groups.is_empty() {
        return Reach::Grouped(user.groups.iter().map(called).collect());
    }
    match user.unread.first() {
        Some(what) => Reach::Unknown(what.clone()),
        None if has_rights => Reach::Within,
        None => Reach::Nowhere,
    }
}

/// A group by its name and id, as far as they are told.
pub fn called(group: &UserGroup) -> String {
    match (group.name.as_str(), group.id.as_str()) {
        ("", "") => "without name and id".to_owned(),
        (name, "") => name.to_owned(),
        ("", id) => id.to_owned(),
        (name, id) => format!("{name} ({id})"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::domain::{PolicyMapping, User, UserId, UserKind};

    fn user(policies: &[&[&str]], groups: &[&str], unread: &[&str]) -> UserDetails {
        let policy = |accounts: &&[&str]| PolicyMapping {
            policy: "pol-1".to_owned(),
            accounts: accounts.iter().map(|one| (*one).to_owned()).collect(),
        };
        let group = |name: &&str| UserGroup {
            id: "ugr-1".to_owned(),
            name: (*name).to_owned(),
            policies: vec!["Admin".to_owned()],
        };
        UserDetails {
            user: User {
                id: UserId::new("pu-1"),
                name: "robot".to_owned(),
                kind: UserKind::Programmatic,
            },
            policies: policies.iter().map(policy).collect(),
            policy_names: BTreeMap::new(),
            groups: groups.iter().map(group).collect(),
            unread: unread.iter().map(|what| (*what).to_owned()).collect(),
            tokens: Vec::new(),
        }
    }

    #[test]
    fn what_is_not_known_of_a_users_rights_is_not_within_the_accounts() {
        let odd = "groups of user pu-1 is not a list: ignored";
        let grouped = || Reach::Grouped(vec!["Admins (ugr-1)".to_owned()]);
        let table = [
            (user(&[&["act-1"]], &[], &[]), Reach::Within),
            (user(&[&["act-1"], &["act-1", "act-2"]], &[], &[]), Reach::Within),
            (user(&[&["act-1"]], &["Admins"], &[]), grouped()),
            (user(&[], &["Admins"], &[]), grouped()),
            (user(&[&["act-1"]], &[], &[odd]), Reach::Unknown(odd.to_owned())),
            (user(&[], &[], &[odd]), Reach::Unknown(odd.to_owned())),
            (user(&[], &[], &[]), Reach::Nowhere),
            (user(&[&[]], &[], &[]), Reach::Nowhere),
            (user(&[&["act-1"], &[]], &[], &[]), Reach::Beyond),
            (user(&[&["act-1", "act-3"]], &["Admins"], &[odd]), Reach::Beyond),
            (user(&[&["*"]], &[], &[]), Reach::Beyond),
        ];
        for (user, expected) in table {
            assert_eq!(reach(&user, &["act-1", "act-2"]), expected, "{user:?}");
        }
        assert!(grouped().to_string().contains("Admins (ugr-1)"));
    }
}
