//! Keeping the platform from acting on a group by itself, for a time.

use serde_json::{Value, json};

use super::actions::Sent;
use super::client::Client;
use super::envelope::excerpt;
use super::error::SpotError;
use super::request::Request;
use super::{Listed, wire};
use crate::domain::{AccountId, GroupId, Process, Suspension};

/// One path for reading, making and removing.
const ROUTE: &str = "/aws/ec2/group/{groupId}/suspension";

impl Client {
    /// The suspended processes of a group, each once.
    ///
    /// An older server tells no ends: then a suspension without end may have one all the same.
    ///
    /// # Errors
    ///
    /// Those of every read.
    pub fn suspensions(
        &self,
        account: &AccountId,
        group: &GroupId,
    ) -> Result<Listed<Suspension>, SpotError> {
        let reply = self.call(&Request::list_suspensions(account, group)?)?;
        let sent = wire::listed(reply, "list of suspensions", wire::suspensions);
        let mut found = Listed {
            items: Vec::<Suspension>::new(),
            oddities: sent.oddities,
            left_out: sent.left_out,
        };
        for item in sent.items {
            if let Some(other) = item.group.filter(|named| named != group) {
                let other = excerpt(other.as_str(), "");
                found.left_out.push(format!("the reply holds group {other} instead: left out"));
                continue;
            }
            found.left_out.extend(item.left_out);
            for suspension in item.suspensions {
                match found.items.iter().find(|known| known.process == suspension.process) {
                    None => found.items.push(suspension),
                    Some(known) if *known == suspension => {}
                    Some(known) => {
                        let process = excerpt(known.process.as_str(), "");
                        let twice = format!("{process} is suspended twice with different ends");
                        found.left_out.push(format!("{twice}: the second is left out"));
                    }
                }
            }
        }
        Ok(found)
    }

    /// Suspends processes for `ttl_minutes`; zero counts as one, for a time that is left out means for ever. A process
    /// that is suspended already gets the new end. No process at all needs no call.
    pub fn suspend(
        &self,
        account: &AccountId,
        group: &GroupId,
        processes: &[Process],
        ttl_minutes: u32,
    ) -> Sent {
        match processes {
            [] => Sent::Accepted,
            _ => self.send(Request::suspend(account, group, processes, ttl_minutes)),
        }
    }

    /// Lets processes go on; one that is not suspended stays as it is. No process at all needs no call.
    pub fn unsuspend(&self, account: &AccountId, group: &GroupId, processes: &[Process]) -> Sent {
        match processes {
            [] => Sent::Accepted,
            _ => self.send(Request::unsuspend(account, group, processes)),
        }
    }
}

impl Request {
    fn list_suspensions(account: &AccountId, group: &GroupId) -> Result<Self, SpotError> {
        Self::of_suspensions(
            "GET",
            format!("read the suspensions of group {group}"),
            account,
            group,
        )
    }

    fn suspend(
        account: &AccountId,
        group: &GroupId,
        processes: &[Process],
        ttl_minutes: u32,
    ) -> Result<Self, SpotError> {
        let doing = format!("suspend {} of group {group}", listed(processes));
        let mut call = Self::of_suspensions("POST", doing, account, group)?;
        let ttl = ttl_minutes.max(1);
        let one = |process: &Process| json!({"name": process.as_str(), "ttlInMinutes": ttl});
        let suspensions: Vec<Value> = processes.iter().map(one).collect();
        call.body = Some(json!({ "suspensions": suspensions }));
        Ok(call)
    }

    fn unsuspend(
        account: &AccountId,
        group: &GroupId,
        processes: &[Process],
    ) -> Result<Self, SpotError> {
        let doing = format!("let {} of group {group} go on", listed(processes));
        let mut call = Self::of_suspensions("DELETE", doing, account, group)?;
        let names: Vec<&str> = processes.iter().map(Process::as_str).collect();
        call.body = Some(json!({ "processes": names }));
        Ok(call)
    }

    fn of_suspensions(
        method: &'static str,
        doing: String,
        account: &AccountId,
        group: &GroupId,
    ) -> Result<Self, SpotError> {
        let thing = format!("group {group}");
        Ok(Self::new(method, ROUTE, &[group.as_str()], doing, thing)?.in_account(account))
    }
}

/// The names, for messages.
fn listed(processes: &[Process]) -> String {
    processes.iter().map(Process::as_str).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spot::Idempotency;

    fn ids() -> (AccountId, GroupId) {
        (AccountId::new("act-1"), GroupId::new("sig/1"))
    }

    #[test]
    fn each_call_is_the_vendors_request() {
        let (account, group) = ids();
        let processes = [Process::AutoHealing, Process::Other("LATER".to_owned())];
        let named = json!({"processes": ["AUTO_HEALING", "LATER"]});
        let limited = json!({"suspensions": [
            {"name": "AUTO_HEALING", "ttlInMinutes": 45}, {"name": "LATER", "ttlInMinutes": 45}]});
        let table = [
            (Request::list_suspensions(&account, &group), "GET", None),
            (Request::suspend(&account, &group, &processes, 45), "POST", Some(limited)),
            (Request::unsuspend(&account, &group, &processes), "DELETE", Some(named)),
        ];
        for (request, method, body) in table {
            let request = request.unwrap();
            assert_eq!(request.path, "/aws/ec2/group/sig%2F1/suspension");
            assert_eq!(request.query, [("accountId", "act-1".to_owned())]);
            assert_eq!((request.method, request.body), (method, body));
            assert_eq!(request.idempotency == Idempotency::Read, method == "GET");
        }
    }

    #[test]
    fn no_suspension_is_for_ever() {
        let (account, group) = ids();
        let request = Request::suspend(&account, &group, &[Process::Scheduling], 0).unwrap();
        assert_eq!(request.body.unwrap()["suspensions"][0]["ttlInMinutes"], 1);
    }
}
