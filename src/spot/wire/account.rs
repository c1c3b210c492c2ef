//! Accounts.

use serde_json::{Map, Value};

use super::Decoded;
use super::fields::{Fields, id_of, label};
use crate::domain::{Account, AccountId};

/// An account: the list calls its id `accountId`, creation `id`.
pub(in crate::spot) fn account(
    object: Map<String, Value>,
    oddities: &mut Vec<String>,
) -> Option<Decoded<Account>> {
    let id = id_of(&object, &["accountId", "id"])?;
    let label = label("account", Some(&id));
    let fields = Fields::new(&label, &object);
    let value = Account {
        id: AccountId::new(id.as_str()),
        name: fields.text("name", oddities).unwrap_or_default(),
        cloud_account_id: fields.text("providerExternalId", oddities),
        cloud_provider: fields.text("cloudProvider", oddities),
    };
    Some(Decoded { id: Some(id), value })
}
