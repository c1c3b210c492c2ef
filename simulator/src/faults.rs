//! Faults: which requests they strike, and what they do to them.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ids::Ids;
use crate::lifecycle::Action;
use crate::routes::{covers, is_known};

/// What a fault does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// The answer leaves `ms` real milliseconds later.
    Latency,
    /// 429 in the vendor's shape; `reset: false` leaves out the hint, `retry_after` adds a header the vendor does not have.
    RateLimited,
    /// `status` with a body of `format`; nothing is changed unless `committed`.
    Status,
    /// The request is carried out; 200 with an HTML body is answered.
    Html,
    /// The request is carried out; the JSON of the answer stops in the middle, its length is right.
    BrokenJson,
    /// The request is carried out; the connection closes after `bytes` of the body, or half of it.
    Truncated,
    /// `response.count` is off by `by`.
    CountOff,
    /// All items come twice.
    DuplicateItems,
    /// The connection closes without an answer and nothing was changed.
    CutBeforeCommit,
    /// The request is carried out; the connection closes without an answer.
    CutAfterCommit,
    /// A change is answered as if it had been made, and is not kept.
    LostUpdate,
    /// An update of a group is answered as if it had been made; `fields` are not kept.
    PartialUpdate,
    /// A read answers as of `seconds` ago, or with the state before the last change.
    Stale,
    /// The request is carried out; `response.status.code` is `code` while the HTTP status is 200.
    BodyCode,
    /// The request is carried out; `body` is answered with `status` or 200.
    Body,
    /// The next matching action on a stateful instance ends in the state `ends`, never with `STUCK`, or with `GONE` the
    /// instance is no more.
    Lifecycle,
    /// The next launch of a matching stateful instance of a group goes wrong as `twist` says.
    Relaunch,
}

/// What is wrong with a machine that was launched to replace another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Twist {
    /// It is in another zone, so its data volumes are copies made from snapshots.
    OtherZone,
    /// Its data volumes are new ones.
    LostVolumes,
    /// It has another address than the persisted one.
    OtherAddress,
}

/// The form of an error's body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum BodyFormat {
    /// The vendor's error envelope.
    #[default]
    Json,
    /// A page as load balancers send.
    Html,
    /// Bare words, such as `Bad Request`.
    Text,
}

/// A fault as it is written in a fleet file or sent to the control API.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct FaultSpec {
    /// What it does.
    pub kind: FaultKind,
    /// Strikes only this route template (the names of parameters do not matter) or this very path.
    #[serde(default)]
    pub route: Option<String>,
    /// Strikes only this method.
    #[serde(default)]
    pub method: Option<String>,
    /// Strikes from the nth matching request on, counted from 1 and from when the fault was added.
    #[serde(default)]
    pub nth: Option<u64>,
    /// Strikes this many times, then never again. With `nth` alone: once. Else without end.
    #[serde(default)]
    pub count: Option<u64>,
    /// Strikes with this probability, 0 to 1.
    #[serde(default)]
    pub probability: Option<f64>,
    /// `latency`: real milliseconds.
    #[serde(default)]
    pub ms: Option<u64>,
    /// `status`, `body`: the HTTP status.
    #[serde(default)]
    pub status: Option<u16>,
    /// `status`: the form of the body.
    #[serde(default)]
    pub format: BodyFormat,
    /// `status`: carry the request out all the same.
    #[serde(default)]
    pub committed: bool,
    /// `status`: `code` of the error, such as `CANT_CREATE_GROUP`. `body_code`: a number.
    #[serde(default)]
    pub code: Option<Value>,
    /// `status`, `lifecycle`: the message.
    #[serde(default)]
    pub message: Option<String>,
    /// `rate_limited`: whether `X-RateLimit-Reset` is sent; true unless given.
    #[serde(default)]
    pub reset: Option<bool>,
    /// `rate_limited`, `status`: seconds for a `Retry-After` header.
    #[serde(default)]
    pub retry_after: Option<u64>,
    /// `truncated`: bytes of the body that are sent.
    #[serde(default)]
    pub bytes: Option<usize>,
    /// `count_off`: the difference; 1 unless given.
    #[serde(default)]
    pub by: Option<i64>,
    /// `partial_update`: the fields that stay as they were, by dotted paths such as `strategy.persistence`.
    #[serde(default)]
    pub fields: Vec<String>,
    /// `stale`: virtual seconds; the state before the last change when absent.
    #[serde(default)]
    pub seconds: Option<f64>,
    /// `body`: what is answered instead; a string is sent as text.
    #[serde(default)]
    pub body: Option<Value>,
    /// `lifecycle`: the action; any when absent.
    #[serde(default)]
    pub action: Option<Action>,
    /// `lifecycle`: `ERROR`, `PAUSED`, another state, or `STUCK`.
    #[serde(default)]
    pub ends: Option<String>,
    /// `relaunch`: what is wrong.
    #[serde(default)]
    pub twist: Option<Twist>,
    /// `lifecycle`, `relaunch`: the stateful instance or group by id; any when absent.
    #[serde(default)]
    pub target: Option<String>,
}

impl FaultSpec {
    /// Why the fault makes no sense, if so.
    pub(crate) fn objection(&self) -> Option<String> {
        let needs = |missing: bool, what: &str| {
            missing.then(|| format!("kind {:?} needs {what}", self.kind))
        };
        let odds = self.probability.filter(|p| !(0.0..=1.0).contains(p));
        if let Some(odds) = odds {
            return Some(format!("probability is {odds}, not between 0 and 1"));
        }
        if self.status.is_some_and(|status| !(100..=599).contains(&status)) {
            return Some("status is not an HTTP status".to_owned());
        }
        if let Some(route) = self.route.as_deref().filter(|route| !is_known(route)) {
            return Some(format!("no simulated route is {route}"));
        }
        match self.kind {
            FaultKind::Latency => needs(self.ms.is_none(), "`ms`"),
            FaultKind::Status => needs(self.status.is_none(), "`status`"),
            FaultKind::Body => needs(self.body.is_none(), "`body`"),
            FaultKind::Lifecycle => needs(self.ends.is_none(), "`ends`"),
            FaultKind::PartialUpdate => needs(self.fields.is_empty(), "`fields`"),
            FaultKind::Relaunch => needs(self.twist.is_none(), "`twist`"),
            FaultKind::BodyCode => {
                let number = self.code.as_ref().is_some_and(Value::is_u64);
                needs(!number, "a number as `code`")
            }
            FaultKind::RateLimited
            | FaultKind::Html
            | FaultKind::BrokenJson
            | FaultKind::Truncated
            | FaultKind::CountOff
            | FaultKind::DuplicateItems
            | FaultKind::CutBeforeCommit
            | FaultKind::CutAfterCommit
            | FaultKind::LostUpdate
            | FaultKind::Stale => None,
        }
    }

    fn matches(&self, method: &str, template: &str, path: &str) -> bool {
        let route = self.route.as_deref();
        !matches!(self.kind, FaultKind::Lifecycle | FaultKind::Relaunch)
            && self.method.as_deref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
            && route.is_none_or(|wanted| covers(wanted, template, path))
    }
}

/// A fault with its counters.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Fault {
    pub(crate) id: u64,
    #[serde(flatten)]
    pub(crate) spec: FaultSpec,
    /// Requests that matched.
    pub(crate) seen: u64,
    /// Requests that were struck.
    pub(crate) struck: u64,
}

impl Fault {
    fn strikes(&mut self, ids: &mut Ids) -> bool {
        self.seen += 1;
        let last = match (self.spec.count, self.spec.nth) {
            (Some(count), _) => count,
            (None, Some(_)) => 1,
            (None, None) => u64::MAX,
        };
        let due = self.seen >= self.spec.nth.unwrap_or(1) && self.struck < last;
        let struck = due && self.spec.probability.is_none_or(|odds| ids.happens(odds));
        self.struck += u64::from(struck);
        struck
    }
}

/// All faults of a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults {
    pub(crate) all: Vec<Fault>,
    next_id: u64,
}

impl Faults {
    pub(crate) fn add(&mut self, spec: FaultSpec) -> u64 {
        self.next_id += 1;
        self.all.push(Fault { id: self.next_id, spec, seen: 0, struck: 0 });
        self.next_id
    }

    /// The faults that strike this request, oldest first.
    pub(crate) fn strike(
        &mut self,
        method: &str,
        template: &str,
        path: &str,
        ids: &mut Ids,
    ) -> Vec<Fault> {
        let matching =
            self.all.iter_mut().filter(|fault| fault.spec.matches(method, template, path));
        matching.filter_map(|fault| fault.strikes(ids).then(|| fault.clone())).collect()
    }

    /// How an action on a stateful instance goes wrong, if it does: the end state and the message.
    pub(crate) fn mishap(
        &mut self,
        action: Action,
        instance: &str,
        group: &str,
        ids: &mut Ids,
    ) -> Option<(String, Option<String>)> {
        let matching = self.all.iter_mut().filter(|fault| {
            let spec = &fault.spec;
            spec.kind == FaultKind::Lifecycle
                && spec.action.is_none_or(|wanted| wanted == action)
                && spec.target.as_deref().is_none_or(|id| id == instance || id == group)
        });
        for fault in matching {
            if fault.strikes(ids) {
                return Some((fault.spec.ends.clone()?, fault.spec.message.clone()));
            }
        }
        None
    }
}

impl Faults {
    /// What is wrong with the machine that is launched now, if anything.
    pub(crate) fn twist(&mut self, instance: &str, group: &str, ids: &mut Ids) -> Option<Twist> {
        let matching = self.all.iter_mut().filter(|fault| {
            let spec = &fault.spec;
            spec.kind == FaultKind::Relaunch
                && spec.target.as_deref().is_none_or(|id| id == instance || id == group)
        });
        for fault in matching {
            if fault.strikes(ids) {
                return fault.spec.twist;
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn struck(spec: Value, asks: u64) -> Vec<u64> {
        let mut faults = Faults::default();
        faults.add(serde_json::from_value(spec).unwrap());
        let mut ids = Ids::new(1);
        let mut ask =
            || faults.strike("GET", "/aws/ec2/group/{groupId}", "/aws/ec2/group/sig-1", &mut ids);
        (1..=asks).filter(|_| !ask().is_empty()).collect()
    }

    #[test]
    fn a_fault_strikes_the_nth_request_once_or_count_times() {
        assert_eq!(struck(json!({"kind": "html", "nth": 3}), 6), [3]);
        assert_eq!(struck(json!({"kind": "html", "nth": 3, "count": 2}), 6), [3, 4]);
        assert_eq!(struck(json!({"kind": "html", "count": 2}), 6), [1, 2]);
        assert_eq!(struck(json!({"kind": "html"}), 3), [1, 2, 3]);
    }

    #[test]
    fn a_fault_matches_by_template_path_and_method() {
        let hit = |spec| !struck(spec, 1).is_empty();
        assert!(hit(json!({"kind": "html", "route": "/aws/ec2/group/{id}"})));
        assert!(hit(json!({"kind": "html", "route": "/aws/ec2/group/sig-1"})));
        assert!(!hit(json!({"kind": "html", "route": "/aws/ec2/group/sig-2"})));
        assert!(!hit(json!({"kind": "html", "method": "PUT"})));
        assert!(!hit(json!({"kind": "html", "probability": 0.0})));
    }

    #[test]
    fn senseless_faults_are_refused() {
        let spec = |value| serde_json::from_value::<FaultSpec>(value).unwrap().objection();
        assert!(spec(json!({"kind": "latency"})).is_some());
        assert!(spec(json!({"kind": "html", "probability": 1.5})).is_some());
        assert!(spec(json!({"kind": "body_code", "code": "x"})).is_some());
        assert!(spec(json!({"kind": "stale"})).is_none());
    }
}
