//! The organisation itself: its users, and how its accounts are linked to AWS accounts.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::describe::{Account, Token};
use crate::ids::Ids;

/// The `administration` part of a fleet file. The vendor publishes none of these numbers.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct AdministrationSettings {
    /// How many accounts the plan allows; a free plan allows one. No limit when absent.
    pub(crate) account_limit: Option<usize>,
    /// Virtual hours for which an external id is good.
    pub(crate) external_id_hours: f64,
    /// Virtual seconds from a role's last change until it can be assumed.
    pub(crate) role_settle_seconds: f64,
    /// Where IAM is asked for roles, such as a simulator of AWS: `http://` and a loopback address. Roles told over the
    /// control API are known besides.
    pub(crate) iam_endpoint: Option<String>,
    /// Answer where an account's role is read, which the vendor's description does not have.
    pub(crate) tells_roles: bool,
}

impl Default for AdministrationSettings {
    fn default() -> AdministrationSettings {
        AdministrationSettings {
            account_limit: None,
            external_id_hours: 24.0,
            role_settle_seconds: 0.0,
            iam_endpoint: None,
            tells_roles: true,
        }
    }
}

/// The vendor's two kinds of user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum UserKind {
    /// A person.
    #[default]
    Personal,
    /// A program.
    Programmatic,
}

/// What a user may do in one account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Right {
    Viewer,
    Editor,
}

/// A policy that a user has, with the accounts it is for.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Mapping {
    pub(crate) policy: String,
    pub(crate) name: String,
    pub(crate) accounts: Vec<String>,
}

/// One user of the organisation.
#[derive(Clone, Debug)]
pub(crate) struct User {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) kind: UserKind,
    pub(crate) mappings: Vec<Mapping>,
    pub(crate) created_at: Timestamp,
    /// The end of the token, all that is told of it later.
    pub(crate) last_digits: String,
}

/// How many characters of a token are told later.
const LAST_DIGITS: usize = 4;

/// The end of a token.
pub(crate) fn last_digits(token: &str) -> String {
    let from = token.char_indices().rev().nth(LAST_DIGITS - 1).map_or(0, |(index, _)| index);
    token[from..].to_owned()
}

/// An external id: what the trust of a role has to ask for.
#[derive(Clone)]
pub(crate) struct ExternalId {
    pub(crate) value: String,
    pub(crate) valid_until: Timestamp,
}

impl fmt::Debug for ExternalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExternalId").field("valid_until", &self.valid_until).finish_non_exhaustive()
    }
}

/// How an account is linked, or is about to be.
#[derive(Clone, Debug, Default)]
pub(crate) struct Link {
    /// The latest one; an earlier one counts no more.
    pub(crate) external_id: Option<ExternalId>,
    pub(crate) role: Option<String>,
}

/// An IAM role as far as it matters here.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Role {
    pub(crate) trust: Value,
    pub(crate) since: Timestamp,
}

/// What the organisation's administration knows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Administration {
    pub(crate) settings: AdministrationSettings,
    pub(crate) users: Vec<User>,
    pub(crate) links: BTreeMap<String, Link>,
    pub(crate) roles: BTreeMap<String, Role>,
}

impl Administration {
    /// With a user for each token of the fleet, and a link for each account with a role.
    pub(crate) fn new(
        settings: AdministrationSettings,
        tokens: &mut [Token],
        accounts: &[Account],
        seed: u64,
        start: Timestamp,
    ) -> Administration {
        let mut ids = Ids::named(seed, "users");
        let mut users = Vec::new();
        for (token, number) in tokens.iter_mut().zip(1..) {
            let id = ids.user(token.kind);
            token.user = Some(id.clone());
            users.push(User {
                id,
                name: token.name.clone().unwrap_or_else(|| format!("user-{number}")),
                kind: token.kind,
                mappings: Vec::new(),
                created_at: start,
                last_digits: last_digits(&token.token),
            });
        }
        let link = |account: &Account| {
            let role = Some(account.iam_role.clone()?);
            Some((account.id.clone(), Link { role, ..Link::default() }))
        };
        let links = accounts.iter().filter_map(link).collect();
        Administration { settings, users, links, ..Administration::default() }
    }

    /// Takes note of what IAM has by that name now; none for nothing.
    pub(crate) fn learn_role(&mut self, arn: &str, trust: Option<Value>, now: Timestamp) {
        let Some(trust) = trust else {
            self.roles.remove(arn);
            return;
        };
        if self.roles.get(arn).is_none_or(|known| known.trust != trust) {
            self.roles.insert(arn.to_owned(), Role { trust, since: now });
        }
    }

    /// What is to be kept out of the request log.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &str> {
        let ids = self.links.values().filter_map(|link| link.external_id.as_ref());
        ids.map(|id| id.value.as_str())
    }
}

#[cfg(test)]
mod tests;
