//! Which of the organisation's accounts is meant.

use thiserror::Error;

use crate::domain::{Account, AccountId, printable};

/// What is said of the account. At least one of the three is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountWanted {
    /// Its id: then a name is what it is to be called.
    pub id: Option<AccountId>,
    /// Its name.
    pub name: Option<String>,
    /// The AWS account that it is connected to, or is to be, twelve digits.
    pub cloud_account: Option<String>,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// It is there.
    Found {
        /// The account.
        account: Account,
        /// What it is to be called instead.
        rename: Option<String>,
    },
    /// There is none, and one of this name could be made.
    Missing {
        /// The name.
        name: String,
    },
}

/// Why no account is taken. Each holds what was seen.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AccountRefusal {
    /// No account has the id.
    #[error("there is no account {id} that this token can see")]
    NoSuchId {
        /// The id.
        id: AccountId,
    },
    /// None is there, and without a name none can be made.
    #[error("no account is connected to AWS account {cloud_account}: give `name` to have one made")]
    NameMissing {
        /// The AWS account.
        cloud_account: String,
    },
    /// The vendor would not take the name (OpenAPI description: createAccount).
    #[error("the name {} holds no letter from a to z, which the vendor wants", printable(name))]
    NameWithoutLetter {
        /// The name.
        name: String,
    },
    /// Several fit.
    #[error("{} accounts fit ({}): give `id`", ids.len(), shown(ids))]
    Several {
        /// All of them.
        ids: Vec<AccountId>,
    },
    /// It is connected to another AWS account.
    #[error("account {id} is connected to AWS account {found}, and not to {wanted}")]
    OtherCloud {
        /// The account.
        id: AccountId,
        /// What it is connected to.
        found: String,
        /// What it was to be connected to.
        wanted: String,
    },
    /// It may be connected to any AWS account.
    #[error(
        "what the vendor sends for the AWS account of {} cannot be read, so whether it is {wanted} nobody can tell: give `id` without \
         `cloud_account_id`, or wait until it can be read",
        shown(ids)
    )]
    CloudUnread {
        /// All that may be the one.
        ids: Vec<AccountId>,
        /// The AWS account that is wanted.
        wanted: String,
    },
    /// The plan allows no further account, and which of those that are there is meant nobody can tell.
    #[error(
        "the vendor makes no further account, and the organisation has {count}, so which is meant cannot be told: give `id`"
    )]
    NoneToAdopt {
        /// How many there are.
        count: usize,
    },
}

fn shown(ids: &[AccountId]) -> String {
    ids.iter().map(AccountId::as_str).collect::<Vec<_>>().join(", ")
}

/// Finds the account: by its id; else among those connected to the AWS account, by the name if several are; else by
/// the name among the rest.
///
/// # Errors
///
/// Several fit, the one that fits is connected to another AWS account, or none fits and none can be made.
pub fn choose(wanted: &AccountWanted, accounts: &[Account]) -> Result<Choice, AccountRefusal> {
    if let Some(id) = &wanted.id {
        let found = accounts.iter().find(|account| account.id == *id);
        let account = found.ok_or_else(|| AccountRefusal::NoSuchId { id: id.clone() })?;
        fits_cloud(wanted, account)?;
        let rename = wanted.name.clone().filter(|name| *name != account.name);
        if let Some(name) = &rename {
            has_letter(name)?;
        }
        return Ok(Choice::Found { account: account.clone(), rename });
    }
    let is_named = |account: &&Account| wanted.name.as_ref() == Some(&account.name);
    if let Some(cloud) = &wanted.cloud_account {
        let is_connected = |account: &&Account| account.cloud_account_id.as_ref() == Some(cloud);
        let connected: Vec<&Account> = accounts.iter().filter(is_connected).collect();
        let named: Vec<&Account> = connected.iter().copied().filter(&is_named).collect();
        let fitting = if named.is_empty() { connected } else { named };
        if let Some(account) = one_of(&fitting)? {
            return Ok(Choice::Found { account: account.clone(), rename: None });
        }
        let unread = accounts.iter().filter(|account| account.is_cloud_unread);
        let ids: Vec<AccountId> = unread.map(|account| account.id.clone()).collect();
        if !ids.is_empty() {
            return Err(AccountRefusal::CloudUnread { ids, wanted: cloud.clone() });
        }
    }
    let Some(name) = &wanted.name else {
        let cloud_account = wanted.cloud_account.clone().unwrap_or_default();
        return Err(AccountRefusal::NameMissing { cloud_account });
    };
    let named: Vec<&Account> = accounts.iter().filter(is_named).collect();
    if let Some(account) = one_of(&named)? {
        fits_cloud(wanted, account)?;
        return Ok(Choice::Found { account: account.clone(), rename: None });
    }
    has_letter(name)?;
    Ok(Choice::Missing { name: name.clone() })
}

/// The only account of an organisation whose plan allows no other one.
///
/// # Errors
///
/// There are several, or it is connected to another AWS account.
pub fn adopt_only(wanted: &AccountWanted, accounts: &[Account]) -> Result<Account, AccountRefusal> {
    let [account] = accounts else {
        return Err(AccountRefusal::NoneToAdopt { count: accounts.len() });
    };
    fits_cloud(wanted, account)?;
    Ok(account.clone())
}

fn one_of<'a>(fitting: &[&'a Account]) -> Result<Option<&'a Account>, AccountRefusal> {
    match fitting {
        [] => Ok(None),
        [account] => Ok(Some(account)),
        several => {
            let ids = several.iter().map(|account| account.id.clone()).collect();
            Err(AccountRefusal::Several { ids })
        }
    }
}

fn fits_cloud(wanted: &AccountWanted, account: &Account) -> Result<(), AccountRefusal> {
    match (&wanted.cloud_account, &account.cloud_account_id) {
        (Some(wanted), Some(found)) if wanted != found => Err(AccountRefusal::OtherCloud {
            id: account.id.clone(),
            found: found.clone(),
            wanted: wanted.clone(),
        }),
        (Some(wanted), None) if account.is_cloud_unread => Err(AccountRefusal::CloudUnread {
            ids: vec![account.id.clone()],
            wanted: wanted.clone(),
        }),
        _ => Ok(()),
    }
}

fn has_letter(name: &str) -> Result<(), AccountRefusal> {
    if name.bytes().any(|byte| byte.is_ascii_alphabetic()) {
        return Ok(());
    }
    Err(AccountRefusal::NameWithoutLetter { name: name.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(id: &str, name: &str, cloud: Option<&str>) -> Account {
        Account {
            id: AccountId::new(id),
            name: name.to_owned(),
            cloud_account_id: cloud.map(str::to_owned),
            is_cloud_unread: false,
            cloud_provider: cloud.map(|_| "AWS".to_owned()),
        }
    }

    fn accounts() -> Vec<Account> {
        vec![
            account("act-1", "prod", Some("111")),
            account("act-2", "test", None),
            account("act-3", "test", Some("333")),
            account("act-4", "other", Some("333")),
        ]
    }

    fn wanted(id: Option<&str>, name: Option<&str>, cloud: Option<&str>) -> AccountWanted {
        AccountWanted {
            id: id.map(AccountId::new),
            name: name.map(str::to_owned),
            cloud_account: cloud.map(str::to_owned),
        }
    }

    #[test]
    fn an_account_is_found_by_id_cloud_account_or_name() {
        let table = [
            (wanted(Some("act-1"), None, None), "act-1", None),
            (wanted(Some("act-1"), Some("new"), None), "act-1", Some("new")),
            (wanted(None, Some("whatever"), Some("111")), "act-1", None),
            (wanted(None, Some("other"), Some("333")), "act-4", None),
            (wanted(None, Some("prod"), None), "act-1", None),
        ];
        for (wanted, id, name) in table {
            let Ok(Choice::Found { account, rename }) = choose(&wanted, &accounts()) else {
                panic!("{wanted:?}")
            };
            assert_eq!((account.id.as_str(), rename.as_deref()), (id, name), "{wanted:?}");
        }
        let missing = choose(&wanted(None, Some("new"), Some("999")), &accounts());
        assert_eq!(missing, Ok(Choice::Missing { name: "new".to_owned() }));
    }

    #[test]
    fn what_is_not_certain_is_refused_with_what_was_seen() {
        let table = [
            (wanted(Some("act-9"), None, None), "act-9"),
            (wanted(None, None, Some("999")), "999"),
            (wanted(None, Some("12"), None), "letter"),
            (wanted(None, Some("test"), None), "act-2, act-3"),
            (wanted(None, None, Some("333")), "act-3, act-4"),
            (wanted(None, Some("prod"), Some("999")), "connected to AWS account 111"),
            (wanted(Some("act-1"), None, Some("999")), "connected to AWS account 111"),
        ];
        for (wanted, words) in table {
            let error = choose(&wanted, &accounts()).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn an_account_that_may_be_connected_to_any_aws_account_may_be_the_one() {
        let odd = Account { is_cloud_unread: true, ..account("act-9", "odd", None) };
        let all = [accounts(), vec![odd.clone()]].concat();
        let new = wanted(None, Some("new"), Some("999"));
        assert!(choose(&new, &all).unwrap_err().to_string().contains("act-9"));
        let named = wanted(Some("act-9"), None, Some("999"));
        assert!(matches!(choose(&named, &all), Err(AccountRefusal::CloudUnread { .. })));
        assert!(matches!(adopt_only(&new, &[odd]), Err(AccountRefusal::CloudUnread { .. })));
        // Where no AWS account is asked for, or another one has it, it does not matter.
        for wanted in [wanted(None, Some("new"), None), wanted(None, None, Some("111"))] {
            assert!(choose(&wanted, &all).is_ok(), "{wanted:?}");
        }
    }

    #[test]
    fn only_a_single_account_is_adopted_and_never_another_clouds() {
        let single = [account("act-1", "default", Some("111"))];
        assert_eq!(
            adopt_only(&wanted(None, Some("x"), None), &single).unwrap().id.as_str(),
            "act-1"
        );
        assert!(adopt_only(&wanted(None, Some("x"), Some("222")), &single).is_err());
        assert!(adopt_only(&wanted(None, Some("x"), None), &accounts()).is_err());
    }
}
