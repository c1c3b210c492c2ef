//! Calls about the organisation: accounts, users, and what connects accounts to AWS.

use serde_json::{Map, Value, json};

use super::actions::{Sent, was_not_carried_out};
use super::client::Client;
use super::error::SpotError;
use super::request::Request;
use super::wire::Decoded;
use super::{Listed, wire};
use crate::domain::{
    Account, AccountId, ExternalId, Grants, NewUser, PolicyMapping, User, UserDetails, UserId,
};

const ACCOUNT: &str = "/setup/account/{accountId}";
const USER: &str = "/setup/user/{userId}";
const CREDENTIALS: &str = "/setup/credentials/aws";

/// What is known of something that was to be made. Creation has no key that would make sending it again harmless.
#[derive(Clone, Debug)]
#[must_use = "an unknown outcome has to be looked for"]
pub enum Made<T> {
    /// It was made.
    Made(T),
    /// It was certainly not made.
    Refused(SpotError),
    /// It may have been made, and nothing is known of it.
    Unknown(SpotError),
}

impl Client {
    /// Makes an account; only an organisation administrator's token may.
    pub fn create_account(&self, name: &str) -> Made<Account> {
        self.make(Request::create_account(name), "account", wire::account)
    }

    /// Gives an account another name.
    pub fn rename_account(&self, account: &AccountId, name: &str) -> Sent {
        self.send(Request::rename_account(account, name))
    }

    /// Deletes an account. The vendor keeps the organisation's default account.
    pub fn delete_account(&self, account: &AccountId) -> Sent {
        let doing = format!("delete account {account}");
        let thing = format!("account {account}");
        self.send(Request::new("DELETE", ACCOUNT, &[account.as_str()], doing, thing))
    }

    /// Makes a new external id, which ends all earlier ones of the account.
    pub fn create_external_id(&self, account: &AccountId) -> Made<ExternalId> {
        self.make(Request::create_external_id(account), "external id", wire::external_id)
    }

    /// Has the vendor assume this role for the account. It is refused until the role is there and trusts the latest
    /// external id.
    pub fn set_iam_role(&self, account: &AccountId, arn: &str) -> Sent {
        self.send(Request::set_iam_role(account, arn))
    }

    /// The role by which the account is connected; none if it is not. Not in the vendor's description, but read by its Go
    /// SDK: where a server does not have it, it is not found.
    ///
    /// # Errors
    ///
    /// Those of every read, and that what is sent for the role cannot be read: it may be any.
    pub fn iam_role(&self, account: &AccountId) -> Result<Option<String>, SpotError> {
        let doing = format!("read the IAM role of account {account}");
        let thing = format!("account {account}");
        let call = Request::new("GET", CREDENTIALS, &[], doing.clone(), thing)?;
        let reply = self.call(&call.in_account(account))?;
        let listed = wire::listed(reply, "set of credentials", wire::iam_role);
        match listed.oddities.into_iter().chain(listed.left_out).next() {
            Some(problem) if listed.items.is_empty() => Err(self.unreadable(doing, problem)),
            Some(_) | None => Ok(listed.items.into_iter().flatten().next()),
        }
    }

    /// The users of the organisation; only an organisation administrator's token may ask.
    ///
    /// # Errors
    ///
    /// Those of every read.
    pub fn list_users(&self) -> Result<Listed<User>, SpotError> {
        let doing = "list the organisation's users".to_owned();
        let thing = "the organisation".to_owned();
        let call = Request::new("GET", "/setup/organization/user", &[], doing, thing)?;
        Ok(wire::listed(self.call(&call)?, "user", wire::user))
    }

    /// One user with rights and tokens; none if the reply does not hold it.
    ///
    /// # Errors
    ///
    /// Those of every read.
    pub fn user(&self, id: &UserId) -> Result<Option<UserDetails>, SpotError> {
        let (doing, thing) = (format!("read user {id}"), format!("user {id}"));
        let call = Request::new("GET", USER, &[id.as_str()], doing, thing)?;
        let listed = wire::listed(self.call(&call)?, "user", wire::user_details);
        Ok(listed.items.into_iter().find(|found| found.user.id == *id))
    }

    /// Makes a programmatic user. Its token is in the answer, and never again anywhere.
    pub fn create_programmatic_user(
        &self,
        name: &str,
        description: Option<&str>,
        grants: &Grants,
    ) -> Made<NewUser> {
        let request = Request::create_programmatic_user(name, description, grants);
        self.make(request, "programmatic user", wire::new_user)
    }

    /// Gives a user these policies in place of those it has. Not in the vendor's description, but sent by its Go SDK.
    pub fn set_policies(&self, user: &UserId, policies: &[PolicyMapping]) -> Sent {
        self.send(Request::set_policies(user, policies))
    }

    /// Deletes a user, and its tokens with it.
    pub fn delete_user(&self, user: &UserId) -> Sent {
        let (doing, thing) = (format!("delete user {user}"), format!("user {user}"));
        self.send(Request::new("DELETE", USER, &[user.as_str()], doing, thing))
    }

    /// The error of a reply that came and of which a part that matters cannot be read.
    pub fn unreadable(&self, doing: String, problem: String) -> SpotError {
        let (server, request_id) = (self.endpoint.to_string(), None);
        SpotError::BadReply { doing, server, status: 200, problem, is_torn: false, request_id }
    }

    fn make<T>(
        &self,
        request: Result<Request, SpotError>,
        kind: &str,
        decode: impl FnMut(Map<String, Value>, &mut Vec<String>) -> Option<Decoded<T>>,
    ) -> Made<T> {
        let request = match request {
            Ok(request) => request.impatient(),
            Err(error) => return Made::Refused(error),
        };
        match self.call(&request) {
            Ok(reply) => match wire::listed(reply, kind, decode).items.into_iter().next() {
                Some(made) => Made::Made(made),
                None => {
                    let problem = format!("the reply does not hold the new {kind}");
                    Made::Unknown(self.unreadable(request.doing, problem))
                }
            },
            Err(error) if was_not_carried_out(&error) => Made::Refused(error),
            Err(error) => Made::Unknown(error),
        }
    }
}

impl Request {
    fn create_account(name: &str) -> Result<Self, SpotError> {
        let doing = format!("make the account {name}");
        let mut call =
            Self::new("POST", "/setup/account", &[], doing, "the organisation".to_owned())?;
        call.body = Some(json!({"account": {"name": name}}));
        Ok(call)
    }

    fn rename_account(account: &AccountId, name: &str) -> Result<Self, SpotError> {
        let (doing, thing) = (format!("rename account {account}"), format!("account {account}"));
        let mut call = Self::new("PUT", ACCOUNT, &[account.as_str()], doing, thing)?;
        call.body = Some(json!({"account": {"name": name}}));
        Ok(call)
    }

    fn create_external_id(account: &AccountId) -> Result<Self, SpotError> {
        let doing = format!("make an external id for account {account}");
        let route = "/setup/credentials/aws/externalId";
        let mut call = Self::new("POST", route, &[], doing, format!("account {account}"))?;
        call.answers_secret = true;
        Ok(call.in_account(account))
    }

    fn set_iam_role(account: &AccountId, arn: &str) -> Result<Self, SpotError> {
        let doing = format!("connect account {account} by the role {arn}");
        let mut call = Self::new("POST", CREDENTIALS, &[], doing, format!("account {account}"))?;
        call.body = Some(json!({"credentials": {"iamRole": arn}}));
        Ok(call.in_account(account))
    }

    fn create_programmatic_user(
        name: &str,
        description: Option<&str>,
        grants: &Grants,
    ) -> Result<Self, SpotError> {
        let doing = format!("make the programmatic user {name}");
        let thing = "an account or policy that it names".to_owned();
        let mut call = Self::new("POST", "/setup/user/programmatic", &[], doing, thing)?;
        let mut body = json!({"name": name});
        if let Some(description) = description {
            body["description"] = json!(description);
        }
        match grants {
            Grants::Accounts(accounts) => {
                let one = |(id, role): &_| json!({"id": id, "role": role});
                body["accounts"] = accounts.iter().map(one).collect();
            }
            Grants::Policies(policies) => body["policies"] = mappings(policies),
        }
        call.body = Some(body);
        call.answers_secret = true;
        Ok(call)
    }

    fn set_policies(user: &UserId, policies: &[PolicyMapping]) -> Result<Self, SpotError> {
        let route = "/setup/user/{userId}/policyMapping";
        let (doing, thing) = (format!("set the policies of user {user}"), format!("user {user}"));
        let mut call = Self::new("PUT", route, &[user.as_str()], doing, thing)?;
        call.body = Some(json!({"policies": mappings(policies)}));
        Ok(call)
    }
}

fn mappings(policies: &[PolicyMapping]) -> Value {
    let one = |it: &PolicyMapping| json!({"policyId": it.policy, "accountIds": it.accounts});
    policies.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::AccountRole;

    #[test]
    fn each_call_is_the_vendors_request() {
        let account = AccountId::new("act/1");
        let grants = Grants::Accounts(vec![(account.clone(), AccountRole::Viewer)]);
        let policies =
            [PolicyMapping { policy: "pol-1".to_owned(), accounts: vec!["*".to_owned()] }];
        let mapped = json!([{"policyId": "pol-1", "accountIds": ["*"]}]);
        let user = UserId::new("pu-1");
        let table = [
            (
                Request::create_account("x"),
                "POST /setup/account",
                json!({"account": {"name": "x"}}),
                None,
            ),
            (
                Request::rename_account(&account, "x"),
                "PUT /setup/account/act%2F1",
                json!({"account": {"name": "x"}}),
                None,
            ),
            (
                Request::set_iam_role(&account, "arn"),
                "POST /setup/credentials/aws",
                json!({"credentials": {"iamRole": "arn"}}),
                Some("act/1"),
            ),
            (
                Request::create_programmatic_user("p", None, &grants),
                "POST /setup/user/programmatic",
                json!({"name": "p", "accounts": [{"id": "act/1", "role": "viewer"}]}),
                None,
            ),
            (
                Request::create_programmatic_user(
                    "p",
                    Some("d"),
                    &Grants::Policies(policies.to_vec()),
                ),
                "POST /setup/user/programmatic",
                json!({"name": "p", "description": "d", "policies": mapped}),
                None,
            ),
            (
                Request::set_policies(&user, &policies),
                "PUT /setup/user/pu-1/policyMapping",
                json!({"policies": mapped}),
                None,
            ),
        ];
        for (request, line, body, in_account) in table {
            let request = request.unwrap();
            assert_eq!(format!("{} {}", request.method, request.path), line);
            assert_eq!(request.body, Some(body), "{line}");
            let query: Vec<_> = request.query.iter().map(|(_, value)| value.as_str()).collect();
            assert_eq!(query, in_account.into_iter().collect::<Vec<_>>(), "{line}");
        }
        assert!(Request::create_external_id(&account).unwrap().answers_secret);
    }
}
