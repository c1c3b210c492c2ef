//! Accounts as they are answered with.

use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::Account;

#[derive(Clone, Serialize, JsonSchema)]
pub(in crate::modules) struct ShownAccount {
    /// The account's id.
    #[schemars(extend("x-sample" = "act-12345678"))]
    pub(in crate::modules) id: String,
    /// The name given by its owner; empty where the vendor sends none.
    pub(in crate::modules) name: String,
    /// The AWS account it is connected to, null until it is.
    #[schemars(extend("x-sample" = "123456789012"))]
    pub(in crate::modules) cloud_account_id: Option<String>,
    /// The vendor's word for the cloud, null until it is connected.
    #[schemars(extend("x-sample" = "AWS"))]
    pub(in crate::modules) cloud_provider: Option<String>,
}

impl From<Account> for ShownAccount {
    fn from(account: Account) -> Self {
        Self {
            id: account.id.to_string(),
            name: account.name,
            cloud_account_id: account.cloud_account_id,
            cloud_provider: account.cloud_provider,
        }
    }
}
