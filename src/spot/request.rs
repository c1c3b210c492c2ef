//! Requests as data: nothing here sends anything.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::Value;

use super::error::SpotError;
use crate::domain::{AccountId, GroupId, ManagedInstanceId, printable};

/// Whether a request may be sent again when nobody knows what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Idempotency {
    /// It changes nothing: sending it again is harmless.
    Read,
    /// It may have taken effect: only a 429 proves that it has not, so only then is it sent again.
    Mutation,
}

/// One request to the Spot API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Request {
    /// HTTP method.
    pub(super) method: &'static str,
    /// Path template: what the vendor's limits are counted by, as far as is known.
    pub(super) route: &'static str,
    /// Path with encoded ids.
    pub(super) path: String,
    /// Query pairs, not encoded.
    pub(super) query: Vec<(&'static str, String)>,
    /// What is sent along; none for an empty body.
    pub(super) body: Option<Value>,
    /// Longest wait for the rate limit before it is sent; none for as long as the client has time.
    pub(super) patience: Option<Duration>,
    /// Whether the answer holds a secret, so that no word of it may be repeated.
    pub(super) answers_secret: bool,
    /// Whether it may be sent twice.
    pub(super) idempotency: Idempotency,
    /// What is attempted on what: completes "cannot …".
    pub(super) doing: String,
    /// The thing that is missing if the vendor says that something is.
    pub(super) thing: String,
}

impl Request {
    /// All groups of an account, in all regions (OpenAPI description: listElastigroups).
    pub(super) fn list_groups(account: &AccountId) -> Result<Self, SpotError> {
        let doing = format!("list the groups of account {account}");
        let call = Self::get("/aws/ec2/group", &[], doing, format!("account {account}"))?;
        Ok(call.in_account(account))
    }

    /// One group.
    pub(super) fn get_group(account: &AccountId, group: &GroupId) -> Result<Self, SpotError> {
        Self::of_group("/aws/ec2/group/{groupId}", "read the configuration of", account, group)
    }

    /// The stateful instances of a group.
    pub(super) fn list_stateful_instances(
        account: &AccountId,
        group: &GroupId,
    ) -> Result<Self, SpotError> {
        let route = "/aws/ec2/group/{groupId}/statefulInstance";
        Self::of_group(route, "list the stateful instances of", account, group)
    }

    /// The running EC2 instances of a group.
    pub(super) fn group_status(account: &AccountId, group: &GroupId) -> Result<Self, SpotError> {
        Self::of_group("/aws/ec2/group/{groupId}/status", "read the status of", account, group)
    }

    /// The health of a group's EC2 instances.
    pub(super) fn instance_healthiness(
        account: &AccountId,
        group: &GroupId,
    ) -> Result<Self, SpotError> {
        let route = "/aws/ec2/group/{groupId}/instanceHealthiness";
        Self::of_group(route, "read the instance health of", account, group)
    }

    /// All managed instances of an account.
    pub(super) fn list_managed_instances(account: &AccountId) -> Result<Self, SpotError> {
        let doing = format!("list the managed instances of account {account}");
        let call = Self::get("/aws/ec2/managedInstance", &[], doing, format!("account {account}"))?;
        Ok(call.in_account(account))
    }

    /// The status of a managed instance.
    pub(super) fn managed_instance_status(
        account: &AccountId,
        id: &ManagedInstanceId,
    ) -> Result<Self, SpotError> {
        let doing = format!("read the status of managed instance {id}");
        let route = "/aws/ec2/managedInstance/{MI_ID}/status";
        let call = Self::get(route, &[id.as_str()], doing, format!("managed instance {id}"))?;
        Ok(call.in_account(account))
    }

    /// The accounts of the organisation; `cloud_account_id` keeps those connected to that AWS account, and without
    /// it the vendor asks for an organisation administrator's token. Never bound to one Spot account.
    pub(super) fn list_accounts(cloud_account_id: Option<&str>) -> Result<Self, SpotError> {
        let (doing, thing) = match cloud_account_id {
            Some(id) => (
                format!("list the accounts connected to AWS account {id}"),
                format!("AWS account {id}"),
            ),
            None => ("list the organisation's accounts".to_owned(), "the organisation".to_owned()),
        };
        let mut call = Self::get("/setup/account", &[], doing, thing)?;
        call.query.extend(cloud_account_id.map(|id| ("cloudAccountId", id.to_owned())));
        Ok(call)
    }

    fn of_group(
        route: &'static str,
        verb: &str,
        account: &AccountId,
        group: &GroupId,
    ) -> Result<Self, SpotError> {
        let doing = format!("{verb} group {group}");
        let call = Self::get(route, &[group.as_str()], doing, format!("group {group}"))?;
        Ok(call.in_account(account))
    }

    fn get(
        route: &'static str,
        ids: &[&str],
        doing: String,
        thing: String,
    ) -> Result<Self, SpotError> {
        Self::new("GET", route, ids, doing, thing)
    }

    /// A request without query and body; `GET` reads, everything else changes something.
    pub(super) fn new(
        method: &'static str,
        route: &'static str,
        ids: &[&str],
        doing: String,
        thing: String,
    ) -> Result<Self, SpotError> {
        // An id is any text, so what it adds to a message is made printable here, once.
        let doing = printable(&doing);
        let path = match filled(route, ids) {
            Ok(path) => path,
            Err(problem) => return Err(SpotError::InvalidId { doing, problem }),
        };
        let idempotency = if method == "GET" { Idempotency::Read } else { Idempotency::Mutation };
        let (query, thing) = (Vec::new(), printable(&thing));
        let (body, patience, answers_secret) = (None, None, false);
        Ok(Self {
            method,
            route,
            path,
            query,
            body,
            patience,
            answers_secret,
            idempotency,
            doing,
            thing,
        })
    }

    pub(super) fn in_account(mut self, account: &AccountId) -> Self {
        self.query.push(("accountId", account.as_str().to_owned()));
        self
    }

    /// What the vendor limits: method and path template.
    pub(super) fn limited_route(&self) -> String {
        format!("{} {}", self.method, self.route)
    }
}

/// Puts the ids, in order, where the template has braces.
///
/// An id that is empty or only dots would name another path, even encoded: URL rules resolve `%2e%2e` like `..`.
fn filled(route: &str, ids: &[&str]) -> Result<String, String> {
    let mut ids = ids.iter();
    let mut path = String::with_capacity(route.len() + 16);
    for segment in route.split('/').skip(1) {
        path.push('/');
        if !segment.starts_with('{') {
            path.push_str(segment);
            continue;
        }
        let id = ids.next().copied().unwrap_or_default();
        if matches!(id, "" | "." | "..") {
            return Err(format!("{id:?} is no identifier"));
        }
        push_encoded(&mut path, id);
    }
    Ok(path)
}

/// Percent-encodes all but the characters that mean nothing anywhere in a URL (RFC 3986: unreserved).
fn push_encoded(path: &mut String, id: &str) {
    for byte in id.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                path.push(char::from(byte));
            }
            other => {
                // Writing to a String cannot fail.
                let _ = write!(path, "%{other:02X}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::spot::Endpoint;

    fn account() -> AccountId {
        AccountId::new("act-1")
    }

    fn url(request: &Request) -> String {
        let endpoint = Endpoint::parse("https://api.example/base/", false).unwrap();
        endpoint.url(&request.path, &request.query).to_string()
    }

    #[test]
    fn each_call_has_the_vendors_url() {
        let group = GroupId::new("sig-1");
        let id = ManagedInstanceId::new("smi-1");
        let table = [
            (Request::list_groups(&account()), "/aws/ec2/group?accountId=act-1"),
            (Request::get_group(&account(), &group), "/aws/ec2/group/sig-1?accountId=act-1"),
            (
                Request::list_stateful_instances(&account(), &group),
                "/aws/ec2/group/sig-1/statefulInstance?accountId=act-1",
            ),
            (
                Request::group_status(&account(), &group),
                "/aws/ec2/group/sig-1/status?accountId=act-1",
            ),
            (
                Request::instance_healthiness(&account(), &group),
                "/aws/ec2/group/sig-1/instanceHealthiness?accountId=act-1",
            ),
            (
                Request::list_managed_instances(&account()),
                "/aws/ec2/managedInstance?accountId=act-1",
            ),
            (
                Request::managed_instance_status(&account(), &id),
                "/aws/ec2/managedInstance/smi-1/status?accountId=act-1",
            ),
            (Request::list_accounts(None), "/setup/account"),
            (Request::list_accounts(Some("1234")), "/setup/account?cloudAccountId=1234"),
        ];
        for (request, expected) in table {
            let request = request.unwrap();
            assert_eq!(url(&request), format!("https://api.example/base{expected}"));
            assert_eq!((request.method, request.idempotency), ("GET", Idempotency::Read));
        }
    }

    #[test]
    fn a_hostile_id_stays_one_path_segment() {
        let request = Request::group_status(&account(), &GroupId::new("../../x?y#z")).unwrap();
        let expected = "/aws/ec2/group/..%2F..%2Fx%3Fy%23z/status?accountId=act-1";
        assert_eq!(url(&request), format!("https://api.example/base{expected}"));
    }

    #[test]
    fn an_account_id_cannot_add_query_pairs() {
        let request = Request::list_groups(&AccountId::new("act-1&x=y#z")).unwrap();
        assert!(url(&request).ends_with("?accountId=act-1%26x%3Dy%23z"));
    }

    #[test]
    fn ids_that_would_name_another_path_are_refused() {
        for id in ["", ".", ".."] {
            let error = Request::get_group(&account(), &GroupId::new(id)).unwrap_err();
            assert!(matches!(error, SpotError::InvalidId { .. }), "{error}");
        }
    }

    #[test]
    fn control_characters_of_an_id_reach_no_message() {
        let request = Request::get_group(&account(), &GroupId::new("sig\u{1b}[2J\n")).unwrap();
        assert!(request.doing.chars().all(|c| !c.is_control()), "{:?}", request.doing);
    }

    proptest! {
        #[test]
        fn any_id_comes_back_from_the_url_as_it_was(id in "\\PC{1,30}|[ -~]{1,30}") {
            prop_assume!(!matches!(id.as_str(), "." | ".."));
            let request = Request::group_status(&account(), &GroupId::new(id.clone())).unwrap();
            let endpoint = Endpoint::parse("https://api.example", false).unwrap();
            let url = endpoint.url(&request.path, &request.query);
            let segments: Vec<_> = url.path_segments().unwrap().collect();
            prop_assert_eq!(segments.len(), 5);
            prop_assert_eq!(decoded(segments[3]), id);
            prop_assert_eq!(segments[4], "status");
        }
    }

    fn decoded(segment: &str) -> String {
        let (mut bytes, mut rest) = (Vec::new(), segment.bytes());
        while let Some(byte) = rest.next() {
            if byte == b'%' {
                let hex: String =
                    [rest.next(), rest.next()].iter().flatten().map(|b| char::from(*b)).collect();
                bytes.push(u8::from_str_radix(&hex, 16).unwrap());
            } else {
                bytes.push(byte);
            }
        }
        String::from_utf8(bytes).unwrap()
    }
}
