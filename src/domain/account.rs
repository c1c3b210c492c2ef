//! Accounts of a Spot organisation.

use super::AccountId;

/// One Spot account that the token can see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its id: the list calls it `accountId`, creation `id`.
    pub id: AccountId,
    /// The name given by its owner; empty where the vendor sends none.
    pub name: String,
    /// The AWS account it is connected to, once it is.
    pub cloud_account_id: Option<String>,
    /// The vendor's word for the cloud, such as `AWS`, once it is connected.
    pub cloud_provider: Option<String>,
}
