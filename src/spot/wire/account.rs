//! Accounts, users, and what connects accounts to AWS.

use std::collections::BTreeMap;

use secrecy::SecretString;
use serde_json::{Map, Value};

use super::Decoded;
use super::fields::{Fields, id_of, label};
use crate::domain::{
    Account, AccountId, ExternalId, NewUser, PolicyMapping, TokenTrace, User, UserDetails,
    UserGroup, UserId, UserKind,
};

/// An account: the list calls its id `accountId`, creation `id`.
pub(in crate::spot) fn account(
    object: Map<String, Value>,
    oddities: &mut Vec<String>,
) -> Option<Decoded<Account>> {
    let id = id_of(&object, &["accountId", "id"])?;
    let label = label("account", Some(&id));
    let fields = Fields::new(&label, &object);
    let before = oddities.len();
    let cloud_account_id = fields.text("providerExternalId", oddities);
    let is_cloud_unread = oddities.len() > before;
    let value = Account {
        id: AccountId::new(id.as_str()),
        name: fields.text("name", oddities).unwrap_or_default(),
        cloud_account_id,
        is_cloud_unread,
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
    // Whatever is odd about rights hides some of them, so it is kept with those that were read.
    let mut unread = Vec::new();
    let (mut policies, mut policy_names) = (Vec::new(), BTreeMap::new());
    for one in fields.objects("policies", &mut unread) {
        let accounts = one.texts("accountIds", &mut unread);
        match one.text("policyId", &mut unread) {
            Some(policy) => {
                let name = one.text("policyName", oddities);
                policy_names.extend(name.map(|name| (policy.clone(), name)));
                policies.push(PolicyMapping { policy, accounts });
            }
            None => unread.push("a policy of the user has no id: left out".to_owned()),
        }
    }
    if object.get("groups").is_none_or(Value::is_null) {
        unread.push("the groups of the user are not told".to_owned());
    }
    let groups = fields.objects("groups", &mut unread).into_iter();
    let groups = groups.map(|one| UserGroup {
        id: one.text("id", oddities).unwrap_or_default(),
        name: one.text("name", oddities).unwrap_or_default(),
        policies: one.texts("policyNames", oddities),
    });
    let groups = groups.collect();
    let tokens = fields.objects("tokens", oddities).into_iter().map(|one| TokenTrace {
        name: one.text("name", oddities),
        last_digits: one.text("tokenLastDigits", oddities),
    });
    let tokens = tokens.collect();
    let Decoded { id, value: user } = user(object.clone(), oddities)?;
    let value = UserDetails { user, policies, policy_names, groups, unread, tokens };
    Some(Decoded { id, value })
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

/// The role by which an account is connected, if it is by any.
pub(in crate::spot) fn iam_role(
    object: Map<String, Value>,
    oddities: &mut Vec<String>,
) -> Option<Decoded<Option<String>>> {
    let before = oddities.len();
    let value = Fields::new("the credentials", &object).text("iamRole", oddities);
    (oddities.len() == before).then_some(Decoded { id: None, value })
}
