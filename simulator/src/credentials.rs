//! Linking an account to an AWS account: external ids, and the role that the vendor assumes.

use serde_json::{Value, json};

use crate::administration::ExternalId;
use crate::clock::{later, seconds};
use crate::envelope::{Answer, Refusal};
use crate::trust::lets_vendor_in;
use crate::world::{Call, World};

/// `POST /setup/credentials/aws/externalId`: a new one each time, and only the latest counts.
pub(crate) fn create_external_id(world: &mut World, call: &Call<'_>) -> Result<Answer, Refusal> {
    let value = world.ids.external_id(call.account);
    let hours = world.administration.settings.external_id_hours;
    let valid_until = later(call.now, seconds(hours * 3600.0));
    let item = json!({"externalId": value, "maxValidUntil": call.shapes.time(valid_until)});
    let link = world.administration.links.entry(call.account.to_owned()).or_default();
    link.external_id = Some(ExternalId { value, valid_until });
    let (kind, shapes) = ("spotinst:setup:aws:externalId", call.shapes);
    Ok(Answer::Items { kind, items: vec![item], shapes })
}

/// `POST /setup/credentials/aws`: refused until the role is there and trusts the latest external id.
pub(crate) fn set(world: &mut World, call: &Call<'_>) -> Result<Answer, Refusal> {
    let arn = role_of(&call.body);
    let Some(cloud_account) = account_of_role(arn) else {
        let message = "\"iamRole\" must be the ARN of an IAM role".to_owned();
        return Err(Refusal::invalid("body:credentials.iamRole", message));
    };
    let administration = &mut world.administration;
    let settled = seconds(administration.settings.role_settle_seconds);
    let role = administration.roles.get(arn).filter(|role| later(role.since, settled) <= call.now);
    let id = administration.links.get(call.account).and_then(|link| link.external_id.as_ref());
    let id = id.filter(|id| call.now < id.valid_until);
    let is_let_in = role.zip(id).is_some_and(|(role, id)| lets_vendor_in(&role.trust, &id.value));
    if !is_let_in {
        return Err(Refusal::unassumable(arn));
    }
    let link = administration.links.entry(call.account.to_owned()).or_default();
    link.role = Some(arn.to_owned());
    if let Some(account) = world.accounts.iter_mut().find(|one| one.id == call.account) {
        account.provider_external_id = Some(cloud_account.to_owned());
        account.cloud_provider = Some("AWS".to_owned());
    }
    Ok(Answer::Done)
}

/// `GET /setup/credentials/aws`: used by the vendor's Go SDK.
pub(crate) fn get(world: &World, call: &Call<'_>) -> Result<Answer, Refusal> {
    let administration = &world.administration;
    if !administration.settings.tells_roles {
        return Err(Refusal::unknown_route(&call.request.method, &call.request.path));
    }
    let role = administration.links.get(call.account).and_then(|link| link.role.as_ref());
    let items = role.map(|arn| json!({"iamRole": arn})).into_iter().collect();
    let (kind, shapes) = ("spotinst:setup:aws:credentials", call.shapes);
    Ok(Answer::Items { kind, items, shapes })
}

/// The role that a body names.
pub(crate) fn role_of(body: &Value) -> &str {
    body["credentials"]["iamRole"].as_str().unwrap_or_default()
}

/// The AWS account in the ARN of a role.
fn account_of_role(arn: &str) -> Option<&str> {
    let mut parts = arn.splitn(6, ':');
    let (arn, _partition, iam) = (parts.next()?, parts.next()?, parts.next()?);
    let (region, account, role) = (parts.next()?, parts.next()?, parts.next()?);
    let is_role = role.strip_prefix("role/").is_some_and(|name| !name.is_empty());
    let is_account = !account.is_empty() && account.bytes().all(|byte| byte.is_ascii_digit());
    (arn == "arn" && iam == "iam" && region.is_empty() && is_role && is_account).then_some(account)
}
