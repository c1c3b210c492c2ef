//! Accounts, users, and what connects accounts to AWS.

use secrecy::SecretString;
use serde_json::{Map, Value};

use super::Decoded;
use super::fields::{Fields, id_of, label};
use crate::domain::{
    Account, AccountId, ExternalId, NewUser, PolicyMapping, TokenTrace, User, UserDetails, UserId,
    UserKind,
};

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

/// A user, as lists and single answers have it.
pub(in crate::spot) fn user(
    object: Map<String, Value>,
    oddities: &mut Vec<String>,
) -> Option<Decoded<User>> {
    let id = id_of(&object, &["userId", "id"])?;
    let label = label("user", Some(&id));
    let fields = Fields::new(&label, &object);
    let kind = match fields.text("type", oddities).unwrap_or_default() {
        kind if kind.eq_ignore_ascii_case("personal") => UserKind::Personal,
        kind if kind.eq_ignore_ascii_case("programmatic") => UserKind::Programmatic,
        other => UserKind::Other(other),
    };
    let name = fields.text("username", oddities).or_else(|| fields.text("name", oddities));
    let value = User { id: UserId::new(id.as_str()), name: name.unwrap_or_default(), kind };
    Some(Decoded { id: Some(id), value })
}

/// A user with rights and tokens.
pub(in crate::spot) fn user_details(
    object: Map<String, Value>,
    oddities: &mut Vec<String>,
) -> Option<Decoded<UserDetails>> {
    let fields = Fields::new("user", &object);
    let policies = fields.objects("policies", oddities).into_iter().filter_map(|one| {
        let policy = one.text("policyId", oddities)?;
        Some(PolicyMapping { policy, accounts: one.texts("accountIds", oddities) })
    });
    let policies = policies.collect();
    let tokens = fields.objects("tokens", oddities).into_iter().map(|one| TokenTrace {
        name: one.text("name", oddities),
        last_digits: one.text("tokenLastDigits", oddities),
    });
    let tokens = tokens.collect();
    let Decoded { id, value: user } = user(object.clone(), oddities)?;
    Some(Decoded { id, value: UserDetails { user, policies, tokens } })
}

/// A user that has just been made, with its token.
pub(in crate::spot) fn new_user(
    object: Map<String, Value>,
    oddities: &mut Vec<String>,
) -> Option<Decoded<NewUser>> {
    let id = id_of(&object, &["id", "userId"])?;
    let token = Fields::new("the new user", &object).text("token", oddities)?;
    let value = NewUser { id: UserId::new(id.as_str()), token: SecretString::from(token) };
    Some(Decoded { id: Some(id), value })
}

/// An external id.
pub(in crate::spot) fn external_id(
    object: Map<String, Value>,
    oddities: &mut Vec<String>,
) -> Option<Decoded<ExternalId>> {
    let fields = Fields::new("the external id", &object);
    let value = SecretString::from(fields.text("externalId", oddities)?);
    let valid_until = fields.time("maxValidUntil", oddities);
    Some(Decoded { id: None, value: ExternalId { value, valid_until } })
}

/// The role by which an account is connected.
pub(in crate::spot) fn iam_role(
    object: Map<String, Value>,
    oddities: &mut Vec<String>,
) -> Option<Decoded<String>> {
    let value = Fields::new("the credentials", &object).text("iamRole", oddities)?;
    Some(Decoded { id: None, value })
}
