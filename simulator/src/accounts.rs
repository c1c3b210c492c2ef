//! The accounts of the organisation.

use serde_json::{Map, Value, json};

use crate::describe::{Access, Account, Token};
use crate::envelope::{Answer, Refusal};
use crate::world::{Call, World};

const KIND: &str = "spotinst:setup:account";

/// `GET /setup/account`: all accounts for an administrator; with `cloudAccountId` those linked to that cloud account.
pub(crate) fn list(world: &World, call: &Call<'_>) -> Result<Answer, Refusal> {
    let wanted = call.request.query_value("cloudAccountId");
    if wanted.is_none() && call.token.access != Access::All {
        return Err(Refusal::masked());
    }
    let accounts = world.accounts.iter().filter(|account| sees(call.token, account));
    let accounts = accounts.filter(|one| wanted.is_none() || one.provider_external_id == wanted);
    let items = accounts.map(|account| item(world, account, call)).collect();
    Ok(Answer::Items { kind: KIND, items, shapes: call.shapes })
}

/// `GET /setup/account/{accountId}`: used by the vendor's Go SDK.
pub(crate) fn get(world: &World, call: &Call<'_>) -> Result<Answer, Refusal> {
    let id = call.parameter(0);
    let found = world.accounts.iter().find(|account| account.id == id);
    let account = found.ok_or_else(|| Refusal::unknown_account(id))?;
    if !sees(call.token, account) {
        return Err(Refusal::masked());
    }
    let items = vec![item(world, account, call)];
    Ok(Answer::Items { kind: KIND, items, shapes: call.shapes })
}

fn sees(token: &Token, account: &Account) -> bool {
    match token.access {
        Access::All => true,
        Access::Accounts => token.accounts.contains(&account.id),
        Access::Viewer => token.accounts.is_empty() || token.accounts.contains(&account.id),
        Access::None => false,
    }
}

fn item(world: &World, account: &Account, call: &Call<'_>) -> Value {
    let shapes = call.shapes;
    let organisation = world.organisation.id;
    let as_string = shapes.organisation_id_as_string == Some(true);
    let mut item = Map::new();
    item.insert("accountId".to_owned(), json!(account.id));
    item.insert("name".to_owned(), json!(account.name));
    let id = if as_string { json!(organisation.to_string()) } else { json!(organisation) };
    item.insert("organizationId".to_owned(), id);
    let external = account.provider_external_id.as_ref().map(|id| json!(id));
    shapes.put(&mut item, "providerExternalId", external);
    let provider = account.cloud_provider.as_ref().map(|provider| json!(provider));
    shapes.put(&mut item, "cloudProvider", provider);
    let created_at = account.created_at.map(|at| json!(shapes.time(at)));
    shapes.put(&mut item, "createdAt", created_at);
    Value::Object(item)
}
