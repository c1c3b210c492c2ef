//! Groups that come, change and go as a whole.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::actions::{Sent, flags, was_not_carried_out};
use super::client::Client;
use super::error::SpotError;
use super::request::Request;
use super::{Listed, wire};
use crate::domain::{AccountId, Deallocation, Group, GroupId, LogLine};

/// What is known of a creation after it was sent. There is no key by which the vendor would know a second one again.
#[derive(Debug)]
#[must_use = "an unknown outcome has to be looked for"]
pub enum Created {
    /// The vendor says that it has made this group.
    Made(Box<Group>),
    /// It has certainly made none.
    Refused(SpotError),
    /// It may have made one. Before another is asked for, it has to be looked for.
    Unknown(SpotError),
}

/// How an update is applied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UpdateManner {
    /// Where a larger target needs instances, paused ones are resumed before new ones are made. The vendor's description
    /// does not have it; its Go SDK and its Terraform provider send it.
    pub resume_paused: bool,
    /// Changed tags are put on the instances that run.
    pub apply_tags: bool,
}

impl Client {
    /// Makes a group, whose instances begin to launch at once.
    pub fn create_group(&self, account: &AccountId, config: &Map<String, Value>) -> Created {
        let request = Request::create_group(account, config);
        let reply = match request.and_then(|request| self.call(&request.impatient())) {
            Ok(reply) => reply,
            Err(error) if was_not_carried_out(&error) => return Created::Refused(error),
            Err(error) => return Created::Unknown(error),
        };
        let listed = wire::listed(reply, "group", |item, odd| wire::group(account, item, odd));
        match listed.items.into_iter().next() {
            Some(group) => Created::Made(Box::new(group)),
            None => Created::Unknown(SpotError::BadReply {
                doing: "create a group".to_owned(),
                server: "the vendor".to_owned(),
                status: 200,
                problem: "it says that a group was made and does not tell which".to_owned(),
                is_torn: false,
                request_id: None,
            }),
        }
    }

    /// Changes a group's configuration by what is in `patch`; null clears. Running instances stay as they are, save for a
    /// new capacity. An accepted change may still not have been stored whole, so it has to be read again.
    pub fn patch_group(
        &self,
        account: &AccountId,
        group: &GroupId,
        patch: &Map<String, Value>,
        manner: UpdateManner,
    ) -> Sent {
        self.send(Request::patch_group(account, group, patch, manner))
    }

    /// Deletes a group and terminates all its instances.
    pub fn delete_group(&self, account: &AccountId, group: &GroupId, what: Deallocation) -> Sent {
        self.send(Request::delete_group(account, group, what))
    }

    /// What happened in a group since the beginning of a day in UTC, newest first, as the vendor tells it.
    ///
    /// # Errors
    ///
    /// Those of every read.
    pub fn group_events(
        &self,
        account: &AccountId,
        group: &GroupId,
        since: Timestamp,
    ) -> Result<Listed<Map<String, Value>>, SpotError> {
        let reply = self.call(&Request::group_events(account, group, since)?)?;
        Ok(wire::listed(reply, "event", |item, _| Some(wire::as_it_is(item))))
    }

    /// The group's log between two moments, newest line first, fit to be shown.
    ///
    /// # Errors
    ///
    /// Those of every read.
    pub fn group_log(
        &self,
        account: &AccountId,
        group: &GroupId,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Listed<LogLine>, SpotError> {
        let thing = format!("group {group}");
        self.log_lines(Request::log_under(account, group.as_str(), thing, from, to)?)
    }
}

impl Request {
    fn create_group(account: &AccountId, config: &Map<String, Value>) -> Result<Self, SpotError> {
        let name = config.get("name").and_then(Value::as_str).unwrap_or_default();
        let doing = format!("create group {name:?}");
        let mut call =
            Self::new("POST", "/aws/ec2/group", &[], doing, format!("account {account}"))?;
        call.body = Some(json!({ "group": config }));
        Ok(call.in_account(account))
    }

    fn patch_group(
        account: &AccountId,
        group: &GroupId,
        patch: &Map<String, Value>,
        manner: UpdateManner,
    ) -> Result<Self, SpotError> {
        let (route, thing) = ("/aws/ec2/group/{groupId}", format!("group {group}"));
        let doing = format!("change the configuration of {thing}");
        let mut call = Self::new("PUT", route, &[group.as_str()], doing, thing)?;
        if manner.resume_paused {
            call.query.push(("shouldResumeStateful", "true".to_owned()));
        }
        if manner.apply_tags {
            call.query.push(("autoApplyTags", "true".to_owned()));
        }
        call.body = Some(json!({ "group": patch }));
        Ok(call.in_account(account))
    }

    fn delete_group(
        account: &AccountId,
        group: &GroupId,
        what: Deallocation,
    ) -> Result<Self, SpotError> {
        let (route, thing) = ("/aws/ec2/group/{groupId}", format!("group {group}"));
        let mut call =
            Self::new("DELETE", route, &[group.as_str()], format!("delete {thing}"), thing)?;
        call.body = Some(json!({ "statefulDeallocation": flags(what) }));
        Ok(call.in_account(account))
    }

    fn group_events(
        account: &AccountId,
        group: &GroupId,
        since: Timestamp,
    ) -> Result<Self, SpotError> {
        let (route, thing) = ("/aws/ec2/group/{groupId}/events", format!("group {group}"));
        let doing = format!("read the events of {thing}");
        let mut call = Self::new("GET", route, &[group.as_str()], doing, thing)?;
        call.query.push(("fromDate", since.strftime("%Y-%m-%d").to_string()));
        Ok(call.in_account(account))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spot::Idempotency;

    fn ids() -> (AccountId, GroupId) {
        (AccountId::new("act-1"), GroupId::new("sig/1"))
    }

    fn body() -> Map<String, Value> {
        json!({"name": "a\"b", "strategy": {"signals": null}}).as_object().cloned().unwrap()
    }

    #[test]
    fn each_call_is_the_vendors_request_and_a_null_is_sent() {
        let (account, group) = ids();
        let manner = UpdateManner { resume_paused: true, apply_tags: true };
        let all = json!({
            "shouldDeleteImages": false, "shouldDeleteNetworkInterfaces": true,
            "shouldDeleteVolumes": false, "shouldDeleteSnapshots": false,
        });
        let what = Deallocation { delete_network_interfaces: true, ..Deallocation::default() };
        let table = [
            (
                Request::create_group(&account, &body()),
                "POST /aws/ec2/group",
                json!({"group": body()}),
                0,
            ),
            (
                Request::patch_group(&account, &group, &body(), manner),
                "PUT /aws/ec2/group/sig%2F1",
                json!({"group": body()}),
                2,
            ),
            (
                Request::delete_group(&account, &group, what),
                "DELETE /aws/ec2/group/sig%2F1",
                json!({"statefulDeallocation": all}),
                0,
            ),
        ];
        for (request, line, body, flags) in table {
            let request = request.unwrap();
            assert_eq!(format!("{} {}", request.method, request.path), line);
            assert_eq!(request.body, Some(body));
            assert_eq!(request.idempotency, Idempotency::Mutation);
            assert_eq!(request.query.len(), flags + 1);
            assert_eq!(request.query.last(), Some(&("accountId", "act-1".to_owned())));
        }
        let since = "2026-11-20T23:00:00Z".parse().unwrap();
        let events = Request::group_events(&account, &group, since).unwrap();
        assert_eq!(events.query[0], ("fromDate", "2026-11-20".to_owned()));
    }
}
