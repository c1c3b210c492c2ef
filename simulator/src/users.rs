//! Users of the organisation and their tokens, which are told once.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::administration::{Mapping, Right, User, UserKind, last_digits};
use crate::describe::{Access, Token};
use crate::envelope::{Answer, Refusal};
use crate::world::{Call, World};

/// The policies that every organisation has: id, name, what it allows.
const POLICIES: &[(&str, &str, Right)] = &[
    ("pol-11111111", "Account Viewer", Right::Viewer),
    ("pol-22222222", "Account Editor", Right::Editor),
];

/// Only administrators ask about users.
fn only_administrators(call: &Call<'_>) -> Result<(), Refusal> {
    if call.token.access == Access::All { Ok(()) } else { Err(Refusal::masked()) }
}

/// `GET /setup/organization/user`
pub(crate) fn list(world: &World, call: &Call<'_>) -> Result<Answer, Refusal> {
    only_administrators(call)?;
    let items = world.administration.users.iter().map(|user| Value::Object(head(user))).collect();
    Ok(Answer::Items { kind: "spotinst:setup:organization:user", items, shapes: call.shapes })
}

/// `GET /setup/user/{userId}`
pub(crate) fn get(world: &World, call: &Call<'_>) -> Result<Answer, Refusal> {
    only_administrators(call)?;
    let user = found(world, call)?;
    let mut item = head(user);
    item.remove("groupNames");
    item.insert("groups".to_owned(), json!([]));
    let policies = user.mappings.iter().map(|one| {
        json!({"policyId": one.policy, "policyName": one.name, "policyType": "ACCOUNT", "accountIds": one.accounts})
    });
    item.insert("policies".to_owned(), policies.collect());
    let token = json!({
        "createdAt": call.shapes.time(user.created_at), "name": "token", "tokenId": 1,
        "tokenLastDigits": user.last_digits,
    });
    item.insert("tokens".to_owned(), json!([token]));
    let (kind, items) = ("spotinst:setup:access:user", vec![Value::Object(item)]);
    Ok(Answer::Items { kind, items, shapes: call.shapes })
}

/// `POST /setup/user/programmatic`
pub(crate) fn create(world: &mut World, call: &Call<'_>) -> Result<Answer, Refusal> {
    only_administrators(call)?;
    let name = call.body["name"].as_str().unwrap_or_default();
    if name.is_empty() || name.contains(['+', '=', '@']) {
        let message = "\"name\" is not allowed to be empty or to hold + = @".to_owned();
        return Err(Refusal::invalid("body:name", message));
    }
    let mappings = mappings(world, &call.body)?;
    let id = world.ids.user(UserKind::Programmatic);
    let token = world.ids.token();
    let user = User {
        id: id.clone(),
        name: name.to_owned(),
        kind: UserKind::Programmatic,
        created_at: call.now,
        last_digits: last_digits(&token),
        mappings,
    };
    world.tokens.push(Token {
        token: token.clone(),
        access: Access::Granted,
        accounts: Vec::new(),
        kind: UserKind::Programmatic,
        name: None,
        grants: grants(&user.mappings),
        user: Some(id.clone()),
    });
    world.administration.users.push(user);
    let item = json!({"id": id, "name": name, "token": token});
    let (kind, shapes) = ("spotinst:setup:programmaticUser", call.shapes);
    Ok(Answer::Items { kind, items: vec![item], shapes })
}

/// `PUT /setup/user/{userId}/policyMapping`
pub(crate) fn map(world: &mut World, call: &Call<'_>) -> Result<Answer, Refusal> {
    only_administrators(call)?;
    let id = found(world, call)?.id.clone();
    let wanted = mappings(world, &json!({"policies": call.body["policies"]}))?;
    for token in world.tokens.iter_mut().filter(|token| token.user.as_ref() == Some(&id)) {
        token.grants = grants(&wanted);
    }
    for user in world.administration.users.iter_mut().filter(|user| user.id == id) {
        user.mappings.clone_from(&wanted);
    }
    Ok(Answer::Done)
}

/// `DELETE /setup/user/{userId}`: its tokens end with it.
pub(crate) fn delete(world: &mut World, call: &Call<'_>) -> Result<Answer, Refusal> {
    only_administrators(call)?;
    let id = found(world, call)?.id.clone();
    world.administration.users.retain(|user| user.id != id);
    world.tokens.retain(|token| token.user.as_ref() != Some(&id));
    Ok(Answer::Done)
}

fn found<'w>(world: &'w World, call: &Call<'_>) -> Result<&'w User, Refusal> {
    let id = call.parameter(0);
    let found = world.administration.users.iter().find(|user| user.id == id);
    found.ok_or_else(|| Refusal::unknown_user(id))
}

fn head(user: &User) -> Map<String, Value> {
    let email = match user.kind {
        UserKind::Personal => json!(format!("{}@example.com", user.name)),
        UserKind::Programmatic => Value::Null,
    };
    let mut item = Map::new();
    item.insert("userId".to_owned(), json!(user.id));
    item.insert("username".to_owned(), json!(user.name));
    if !email.is_null() {
        item.insert("email".to_owned(), email);
    }
    item.insert("type".to_owned(), json!(user.kind));
    item.insert("mfa".to_owned(), json!(false));
    item.insert("groupNames".to_owned(), json!([]));
    item
}

/// What the body grants: by accounts or by policies, and not by both.
fn mappings(world: &World, body: &Value) -> Result<Vec<Mapping>, Refusal> {
    let list = |key: &str| body[key].as_array().filter(|list| !list.is_empty());
    let exists = |id: &str| id == "*" || world.accounts.iter().any(|account| account.id == id);
    let unknown = |id: &str| Err(Refusal::unknown_account(id));
    let mut found: Vec<Mapping> = Vec::new();
    let mut grant = |policy: &(&str, &str, Right), account: &str| match found
        .iter_mut()
        .find(|one| one.policy == policy.0)
    {
        Some(one) => one.accounts.push(account.to_owned()),
        None => found.push(Mapping {
            policy: policy.0.to_owned(),
            name: policy.1.to_owned(),
            accounts: vec![account.to_owned()],
        }),
    };
    match (list("accounts"), list("policies")) {
        (Some(accounts), None) => {
            for one in accounts {
                let id = one["id"].as_str().unwrap_or_default();
                let role = one["role"].as_str().unwrap_or_default();
                let policy = POLICIES.iter().find(|(_, _, right)| json!(right) == json!(role));
                let policy = policy.ok_or_else(|| {
                    let message = "\"role\" must be one of [viewer, editor]".to_owned();
                    Refusal::invalid("body:accounts.role", message)
                })?;
                if !exists(id) {
                    return unknown(id);
                }
                grant(policy, id);
            }
        }
        (None, Some(policies)) => {
            for one in policies {
                let id = one["policyId"].as_str().unwrap_or_default();
                let policy = POLICIES.iter().find(|(known, _, _)| *known == id);
                let policy = policy.ok_or_else(|| Refusal::unknown_policy(id))?;
                for account in one["accountIds"].as_array().into_iter().flatten() {
                    let account = account.as_str().unwrap_or_default();
                    if !exists(account) {
                        return unknown(account);
                    }
                    grant(policy, account);
                }
            }
        }
        _ => {
            let message = "exactly one of \"accounts\" and \"policies\" is required".to_owned();
            return Err(Refusal::invalid("body:accounts", message));
        }
    }
    Ok(found)
}

/// By account; of two rights the wider counts.
fn grants(mappings: &[Mapping]) -> BTreeMap<String, Right> {
    let mut grants = BTreeMap::new();
    for mapping in mappings {
        let policy = POLICIES.iter().find(|(id, _, _)| *id == mapping.policy);
        let right = policy.map_or(Right::Viewer, |(_, _, right)| *right);
        for account in &mapping.accounts {
            let known = grants.entry(account.clone()).or_insert(right);
            if right == Right::Editor {
                *known = right;
            }
        }
    }
    grants
}

/// `GET /setup/organization/policy`
pub(crate) fn policies(call: &Call<'_>) -> Result<Answer, Refusal> {
    only_administrators(call)?;
    let items = POLICIES.iter().map(|(id, name, right)| {
        let action = match right {
            Right::Viewer => "*:describe*",
            Right::Editor => "*",
        };
        json!({
            "id": id, "name": name, "description": name, "type": "ACCOUNT",
            "policyContent": {"statements": [{"effect": "ALLOW", "actions": [action], "resources": ["*"]}]},
        })
    });
    let (kind, shapes) = ("spotinst:setup:organization:policy", call.shapes);
    Ok(Answer::Items { kind, items: items.collect(), shapes })
}
