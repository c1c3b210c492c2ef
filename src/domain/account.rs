//! A Spot organisation: its accounts, its users, and what connects accounts to AWS.

use std::collections::BTreeMap;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::{AccountId, UserId, VendorTime};

/// One Spot account that the token can see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its id: the list calls it `accountId`, creation `id`.
    pub id: AccountId,
    /// The name given by its owner; empty where the vendor sends none.
    pub name: String,
    /// The AWS account it is connected to, once it is.
    pub cloud_account_id: Option<String>,
    /// Whether something was sent for the AWS account that cannot be read: then it may be connected to any.
    pub is_cloud_unread: bool,
    /// The vendor's word for the cloud, such as `AWS`, once it is connected.
    pub cloud_provider: Option<String>,
}

/// An external id: what the trust of an IAM role has to ask of the vendor. Only the latest of an account counts.
#[derive(Clone, Debug)]
pub struct ExternalId {
    /// The id.
    pub value: SecretString,
    /// Until when the vendor presents it; none where the vendor does not tell.
    pub valid_until: Option<VendorTime>,
}

/// The two kinds of user, and room for what the vendor may add.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserKind {
    /// A person; its tokens end with it.
    Personal,
    /// A program.
    Programmatic,
    /// A word of the vendor's that this program does not know.
    Other(String),
}

impl UserKind {
    /// The vendor's word.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Personal => "personal",
            Self::Programmatic => "programmatic",
            Self::Other(word) => word,
        }
    }
}

/// A user of the organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Its id, `u-…` or `pu-…`.
    pub id: UserId,
    /// Its name; empty where the vendor sends none.
    pub name: String,
    /// Whether it is a person.
    pub kind: UserKind,
}

/// A policy of the organisation, for some accounts; `*` stands for all.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PolicyMapping {
    /// The policy's id, `pol-…`.
    pub policy: String,
    /// The accounts it is for.
    pub accounts: Vec<String>,
}

/// A group of users. What its policies allow, and for which accounts they are, is not told with the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserGroup {
    /// The group's id, `ugr-…`; empty where the vendor sends none.
    pub id: String,
    /// Its name; empty where the vendor sends none.
    pub name: String,
    /// The names of its policies.
    pub policies: Vec<String>,
}

/// What is told of a token after it was shown once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenTrace {
    /// What the token is called.
    pub name: Option<String>,
    /// Its last characters; none where the vendor sends none.
    pub last_digits: Option<String>,
}

/// A user with its rights and tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserDetails {
    /// The user.
    pub user: User,
    /// Its own policies.
    pub policies: Vec<PolicyMapping>,
    /// What those of them are called whose name is told, by their ids.
    pub policy_names: BTreeMap<String, String>,
    /// The groups that it is in, whose policies it has besides.
    pub groups: Vec<UserGroup>,
    /// What of its policies and groups is not told or cannot be read: then it may do more than these two say.
    pub unread: Vec<String>,
    /// Its tokens.
    pub tokens: Vec<TokenTrace>,
}

/// What a programmatic user may do in an account (OpenAPI description: createProgrammaticUser).
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AccountRole {
    /// Read.
    Viewer,
    /// Read and change.
    Editor,
}

/// What a new programmatic user is granted: one of the two, never both (OpenAPI description: createProgrammaticUser).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grants {
    /// A role in each of these accounts.
    Accounts(Vec<(AccountId, AccountRole)>),
    /// These policies.
    Policies(Vec<PolicyMapping>),
}

/// A programmatic user that has just been made.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// Its id.
    pub id: UserId,
    /// Its token, which is never told again.
    pub token: SecretString,
}
