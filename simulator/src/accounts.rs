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

/// `POST /setup/account`: the new one is called `id` here and `accountId` in lists, and the organisation is a string.
pub(crate) fn create(world: &mut World, call: &Call<'_>) -> Result<Answer, Refusal> {
    only_administrators(call)?;
    let name = named(&call.body)?;
    let limit = world.administration.settings.account_limit;
    if limit.is_some_and(|limit| world.accounts.len() >= limit) {
        return Err(Refusal::account_limit());
    }
    let account = Account {
        id: world.ids.account(),
        name,
        provider_external_id: None,
        cloud_provider: None,
        created_at: Some(call.now),
        iam_role: None,
        needs_credentials: true,
    };
    let shapes = call.shapes;
    let as_string = shapes.organisation_id_as_string != Some(false);
    let item = json!({
        "id": account.id, "name": account.name, "organizationId": organisation(world, as_string),
    });
    world.accounts.push(account);
    Ok(Answer::Items { kind: KIND, items: vec![item], shapes })
}

/// `PUT /setup/account/{accountId}`: the name.
pub(crate) fn update(world: &mut World, call: &Call<'_>) -> Result<Answer, Refusal> {
    only_administrators(call)?;
    let (id, name) = (call.parameter(0), named(&call.body)?);
    let found = world.accounts.iter_mut().find(|account| account.id == id);
    found.ok_or_else(|| Refusal::unknown_account(id))?.name = name;
    Ok(Answer::Done)
}

/// `DELETE /setup/account/{accountId}`: never the default account, and none that manages something.
pub(crate) fn delete(world: &mut World, call: &Call<'_>) -> Result<Answer, Refusal> {
    only_administrators(call)?;
    let id = call.parameter(0);
    let place = world.accounts.iter().position(|account| account.id == id);
    let place = place.ok_or_else(|| Refusal::unknown_account(id))?;
    let estate = &world.estate;
    let is_used = estate.groups.iter().any(|group| group.account == id)
        || estate.managed.iter().any(|managed| managed.account == id);
    if place == 0 || is_used {
        return Err(Refusal::kept_account(id));
    }
    world.accounts.remove(place);
    world.administration.links.remove(id);
    for token in &mut world.tokens {
        token.grants.remove(id);
    }
    Ok(Answer::Done)
}

fn only_administrators(call: &Call<'_>) -> Result<(), Refusal> {
    if call.token.access == Access::All { Ok(()) } else { Err(Refusal::masked()) }
}

/// The name in a body (OpenAPI description: createAccount wants a letter in it).
fn named(body: &Value) -> Result<String, Refusal> {
    let name = body["account"]["name"].as_str().unwrap_or_default();
    if name.bytes().any(|byte| byte.is_ascii_alphabetic()) {
        return Ok(name.to_owned());
    }
    let message = "\"name\" must contain at least one letter".to_owned();
    Err(Refusal::invalid("body:account.name", message))
}

fn organisation(world: &World, as_string: bool) -> Value {
    let id = world.organisation.id;
    if as_string { json!(id.to_string()) } else { json!(id) }
}

fn sees(token: &Token, account: &Account) -> bool {
    token.right(&account.id).is_some()
}

fn item(world: &World, account: &Account, call: &Call<'_>) -> Value {
    let shapes = call.shapes;
    let as_string = shapes.organisation_id_as_string == Some(true);
    let mut item = Map::new();
    item.insert("accountId".to_owned(), json!(account.id));
    item.insert("name".to_owned(), json!(account.name));
    item.insert("organizationId".to_owned(), organisation(world, as_string));
    let external = account.provider_external_id.as_ref().map(|id| json!(id));
    shapes.put(&mut item, "providerExternalId", external);
    let provider = account.cloud_provider.as_ref().map(|provider| json!(provider));
    shapes.put(&mut item, "cloudProvider", provider);
    let created_at = account.created_at.map(|at| json!(shapes.time(at)));
    shapes.put(&mut item, "createdAt", created_at);
    Value::Object(item)
}
