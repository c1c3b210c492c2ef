//! Calls that act on stateful instances, and what is known of them afterwards.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::client::Client;
use super::error::{SpotError, TransportFault};
use super::request::Request;
use super::{Listed, wire};
use crate::domain::{
    AccountId, Deallocation, GroupId, InstanceId, LogLine, ManagedInstanceId, StatefulAction,
    StatefulInstanceId, StatefulTarget,
};

/// How old may be what a mutation is based on when it is sent. A block for the rate limit lasts a minute and longer, and
/// by then the instance may be another one, or the group be configured by someone else.
const PATIENCE: Duration = Duration::from_secs(10);

/// Most log lines the vendor gives at once (OpenAPI description: elastigroupAwsGetLogs).
const LOG_LIMIT: &str = "1000";

/// What is known of a mutation after it was sent.
#[derive(Clone, Debug)]
#[must_use = "an unknown outcome has to be looked for"]
pub enum Sent {
    /// The vendor has accepted it and carries it out in its own time.
    Accepted,
    /// It was certainly not carried out: refused, or never on its way.
    Refused(SpotError),
    /// It may have been carried out or not. It must not be sent again before its effect has been looked for.
    Unknown(SpotError),
}

impl Client {
    /// Asks for an action. The vendor answers before it begins; only observing tells how it ends.
    ///
    /// It is sent again after a refusal for the rate limit, which proves that it was not carried out, and never
    /// otherwise. A longer block than ten seconds is a refusal: the instance has to be looked at again after it.
    ///
    /// A refusal whose reason the vendor masks is unknown: its framework answers 400 with the same words for whatever status it
    /// does not pass on (`OutboundResponseFilter` of its public sources), a failure after the effect among them.
    pub fn act(
        &self,
        account: &AccountId,
        target: &StatefulTarget,
        action: &StatefulAction,
    ) -> Sent {
        match self.send(Request::act(account, target, action)) {
            Sent::Refused(error @ SpotError::Masked { .. }) => Sent::Unknown(error),
            sent => sent,
        }
    }

    /// Sends a mutation and says what is known of it: see [`Client::act`] for when it is sent again.
    pub(super) fn send(&self, request: Result<Request, SpotError>) -> Sent {
        match request.and_then(|request| self.call(&request.impatient())) {
            Ok(_) => Sent::Accepted,
            Err(error) if was_not_carried_out(&error) => Sent::Refused(error),
            Err(error) => Sent::Unknown(error),
        }
    }

    /// The group's log between two moments, newest line first; a managed instance's log goes by its own id. The messages
    /// are fit to be shown.
    ///
    /// # Errors
    ///
    /// Those of every read.
    pub fn log(
        &self,
        account: &AccountId,
        target: &StatefulTarget,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Listed<LogLine>, SpotError> {
        self.log_lines(Request::log(account, target, from, to)?)
    }

    /// The lines of the same log that are about one EC2 instance.
    ///
    /// # Errors
    ///
    /// Those of every read.
    pub fn log_of(
        &self,
        account: &AccountId,
        target: &StatefulTarget,
        machine: &InstanceId,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Listed<LogLine>, SpotError> {
        let mut call = Request::log(account, target, from, to)?;
        call.query.push(("resourceId", machine.to_string()));
        self.log_lines(call)
    }

    pub(super) fn log_lines(&self, call: Request) -> Result<Listed<LogLine>, SpotError> {
        let reply = self.call(&call)?;
        let mut lines = wire::listed(reply, "log line", wire::log_line);
        for line in &mut lines.items {
            line.message = self.shown(&line.message);
        }
        Ok(lines)
    }
}

/// Whether the error proves that a mutation had no effect.
///
/// A 4xx is the vendor's refusal, save 408, which a proxy sends while the request may be under way. TLS faults are
/// unknown because one may strike the answer as well as the handshake.
pub(super) fn was_not_carried_out(error: &SpotError) -> bool {
    let is_refusal = |status: u16| (400..500).contains(&status) && status != 408;
    match error {
        SpotError::Unauthorized { .. }
        | SpotError::Forbidden { .. }
        | SpotError::RateLimited { .. }
        | SpotError::Late { .. }
        | SpotError::InvalidId { .. }
        | SpotError::InvalidEndpoint { .. }
        | SpotError::Setup { .. }
        | SpotError::Credentials(_) => true,
        SpotError::Masked { status, .. }
        | SpotError::NotFound { status, .. }
        | SpotError::Rejected { status, .. }
        | SpotError::BadReply { status, .. } => is_refusal(*status),
        SpotError::Unavailable { .. } => false,
        SpotError::Transport { fault, .. } => match fault {
            TransportFault::Dns | TransportFault::Connect | TransportFault::ConnectTimeout => true,
            TransportFault::Tls | TransportFault::Timeout | TransportFault::Cut => false,
        },
        // Only a refusal for the rate limit is followed by another try, so that is how the last one ended.
        SpotError::Deadline { attempts, last, .. } => {
            *attempts == 0 || last.as_deref().is_some_and(was_not_carried_out)
        }
    }
}

impl Request {
    /// An action, with its body where it has one.
    fn act(
        account: &AccountId,
        target: &StatefulTarget,
        action: &StatefulAction,
    ) -> Result<Self, SpotError> {
        let call = match target {
            StatefulTarget::Grouped { group, id } => act_in_group(target, group, id, action)?,
            StatefulTarget::Managed(id) => act_on_managed(target, id, action)?,
        };
        Ok(call.in_account(account))
    }

    /// The same request, given up where the rate limit would delay it for long.
    pub(super) fn impatient(mut self) -> Self {
        self.patience = Some(PATIENCE);
        self
    }

    fn log(
        account: &AccountId,
        target: &StatefulTarget,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Self, SpotError> {
        match target {
            StatefulTarget::Grouped { group, .. } => {
                Self::log_under(account, group.as_str(), format!("group {group}"), from, to)
            }
            StatefulTarget::Managed(id) => {
                Self::log_under(account, id.as_str(), target.to_string(), from, to)
            }
        }
    }

    /// The log that goes by an id, a group's or a managed instance's.
    pub(super) fn log_under(
        account: &AccountId,
        id: &str,
        thing: String,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Self, SpotError> {
        let route = "/aws/ec2/group/{groupId}/logs";
        let mut call = Self::new("GET", route, &[id], format!("read the log of {thing}"), thing)?;
        for (name, moment) in [("fromDate", from), ("toDate", to)] {
            call.query.push((name, moment.as_millisecond().to_string()));
        }
        call.query.push(("limit", LOG_LIMIT.to_owned()));
        Ok(call.in_account(account))
    }
}

fn act_in_group(
    target: &StatefulTarget,
    group: &GroupId,
    id: &StatefulInstanceId,
    action: &StatefulAction,
) -> Result<Request, SpotError> {
    let (method, route) = match action {
        StatefulAction::Recycle => {
            ("PUT", "/aws/ec2/group/{groupId}/statefulInstance/{statefulInstanceId}/recycle")
        }
        StatefulAction::Pause => {
            ("PUT", "/aws/ec2/group/{groupId}/statefulInstance/{statefulInstanceId}/pause")
        }
        StatefulAction::Resume => {
            ("PUT", "/aws/ec2/group/{groupId}/statefulInstance/{statefulInstanceId}/resume")
        }
        StatefulAction::Deallocate(_) => {
            ("PUT", "/aws/ec2/group/{groupId}/statefulInstance/{statefulInstanceId}/deallocate")
        }
        StatefulAction::DeleteVolume(_) => (
            "DELETE",
            "/aws/ec2/group/{groupId}/statefulInstance/{statefulInstanceId}/volume/{volumeId}",
        ),
    };
    let volume = volume_of(action);
    let ids: Vec<&str> = [group.as_str(), id.as_str()].into_iter().chain(volume).collect();
    let mut call = Request::new(method, route, &ids, doing(target, action), thing(target, action))?;
    if let StatefulAction::Deallocate(what) = action {
        // Not in the description, but sent by the vendor's own Jenkins plugin; without it the flags are anyone's guess.
        call.body = Some(json!({"statefulDeallocation": flags(*what)}));
    }
    Ok(call)
}

fn act_on_managed(
    target: &StatefulTarget,
    id: &ManagedInstanceId,
    action: &StatefulAction,
) -> Result<Request, SpotError> {
    let (method, route) = match action {
        StatefulAction::Recycle => ("PUT", "/aws/ec2/managedInstance/{MI_ID}/recycle"),
        StatefulAction::Pause => ("PUT", "/aws/ec2/managedInstance/{MI_ID}/pause"),
        StatefulAction::Resume => ("PUT", "/aws/ec2/managedInstance/{MI_ID}/resume"),
        StatefulAction::Deallocate(_) => ("DELETE", "/aws/ec2/managedInstance/{MI_ID}"),
        StatefulAction::DeleteVolume(_) => {
            ("DELETE", "/aws/ec2/managedInstance/{MI_ID}/volume/{volumeId}")
        }
    };
    let ids: Vec<&str> = std::iter::once(id.as_str()).chain(volume_of(action)).collect();
    let mut call = Request::new(method, route, &ids, doing(target, action), thing(target, action))?;
    if let StatefulAction::Deallocate(what) = action {
        let mut config = flags(*what);
        // Otherwise the machine would go on running, unmanaged.
        config["shouldTerminateInstance"] = Value::Bool(true);
        call.body = Some(json!({"deallocationConfig": config}));
    }
    Ok(call)
}

fn volume_of(action: &StatefulAction) -> Option<&str> {
    match action {
        StatefulAction::DeleteVolume(volume) => Some(volume),
        StatefulAction::Recycle
        | StatefulAction::Pause
        | StatefulAction::Resume
        | StatefulAction::Deallocate(_) => None,
    }
}

fn doing(target: &StatefulTarget, action: &StatefulAction) -> String {
    match volume_of(action) {
        Some(volume) => format!("delete volume {volume} of {target}"),
        None => format!("{} {target}", action.verb()),
    }
}

/// What does not exist if the vendor says that something does not.
fn thing(target: &StatefulTarget, action: &StatefulAction) -> String {
    match volume_of(action) {
        Some(volume) => format!("volume {volume} of {target}, or that instance,"),
        None => target.to_string(),
    }
}

/// All four, always: the vendor's pages contradict each other on what is deleted when one is left out.
pub(super) fn flags(what: Deallocation) -> Value {
    json!({
        "shouldDeleteImages": what.delete_images,
        "shouldDeleteNetworkInterfaces": what.delete_network_interfaces,
        "shouldDeleteVolumes": what.delete_volumes,
        "shouldDeleteSnapshots": what.delete_snapshots,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grouped() -> StatefulTarget {
        StatefulTarget::Grouped {
            group: GroupId::new("sig-1"),
            id: StatefulInstanceId::new("ssi/1"),
        }
    }

    fn request(target: &StatefulTarget, action: &StatefulAction) -> Request {
        Request::act(&AccountId::new("act-1"), target, action).unwrap()
    }

    #[test]
    fn each_action_is_the_vendors_request() {
        let all = Deallocation { delete_images: true, ..Deallocation::default() };
        let managed = StatefulTarget::Managed(ManagedInstanceId::new("smi-1"));
        let ssi = "PUT /aws/ec2/group/sig-1/statefulInstance/ssi%2F1";
        let smi = "PUT /aws/ec2/managedInstance/smi-1";
        let volume = StatefulAction::DeleteVolume("vol-1".to_owned());
        let table = [
            (grouped(), StatefulAction::Recycle, format!("{ssi}/recycle")),
            (grouped(), StatefulAction::Pause, format!("{ssi}/pause")),
            (grouped(), StatefulAction::Resume, format!("{ssi}/resume")),
            (grouped(), StatefulAction::Deallocate(all), format!("{ssi}/deallocate")),
            (
                grouped(),
                volume.clone(),
                "DELETE /aws/ec2/group/sig-1/statefulInstance/ssi%2F1/volume/vol-1".to_owned(),
            ),
            (managed.clone(), StatefulAction::Recycle, format!("{smi}/recycle")),
            (managed.clone(), StatefulAction::Pause, format!("{smi}/pause")),
            (managed.clone(), StatefulAction::Resume, format!("{smi}/resume")),
            (
                managed.clone(),
                StatefulAction::Deallocate(all),
                "DELETE /aws/ec2/managedInstance/smi-1".to_owned(),
            ),
            (managed, volume, "DELETE /aws/ec2/managedInstance/smi-1/volume/vol-1".to_owned()),
        ];
        for (target, action, expected) in table {
            let request = request(&target, &action);
            assert_eq!(format!("{} {}", request.method, request.path), expected);
            assert_eq!(request.query, [("accountId", "act-1".to_owned())]);
            let has_body = matches!(action, StatefulAction::Deallocate(_));
            assert_eq!(request.body.is_some(), has_body, "{expected}");
        }
    }

    #[test]
    fn a_deallocation_says_all_four_flags() {
        let what = Deallocation { delete_volumes: true, ..Deallocation::default() };
        let body = request(&grouped(), &StatefulAction::Deallocate(what)).body.unwrap();
        let expected = json!({
            "shouldDeleteImages": false,
            "shouldDeleteNetworkInterfaces": false,
            "shouldDeleteVolumes": true,
            "shouldDeleteSnapshots": false,
        });
        assert_eq!(body, json!({"statefulDeallocation": expected}));
    }

    #[test]
    fn only_a_refusal_proves_that_nothing_was_done() {
        let doing = || "recycle it".to_owned();
        let rejected = |status| SpotError::Rejected {
            doing: doing(),
            status,
            code: None,
            message: String::new(),
            field: None,
            request_id: None,
        };
        let transport = |fault| SpotError::Transport {
            doing: doing(),
            server: String::new(),
            fault,
            detail: String::new(),
            attempts: 1,
        };
        let deadline = |attempts, last: Option<SpotError>| SpotError::Deadline {
            doing: doing(),
            after: Duration::ZERO,
            attempts,
            last: last.map(Box::new),
        };
        let limited = SpotError::RateLimited {
            doing: doing(),
            route: String::new(),
            retry_after: Duration::ZERO,
            request_id: None,
        };
        let table = [
            (rejected(400), true),
            (rejected(409), true),
            (rejected(408), false),
            (rejected(202), false),
            (transport(TransportFault::Connect), true),
            (transport(TransportFault::Cut), false),
            (transport(TransportFault::Timeout), false),
            (transport(TransportFault::Tls), false),
            (deadline(0, None), true),
            (deadline(1, Some(limited)), true),
            (deadline(1, None), false),
        ];
        for (error, expected) in table {
            assert_eq!(was_not_carried_out(&error), expected, "{error:?}");
        }
    }
}
