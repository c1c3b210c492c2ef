//! A world with a hand on its clock, for the tests beside it.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::clock::{later, seconds};
use crate::fleet::Fleet;
use crate::request::{Outcome, Request};
use crate::world::World;

pub(crate) const FLEET: &str = "
tokens:
  - {token: admin}
  - {token: viewer, access: viewer}
  - {token: other, access: accounts, accounts: [act-2]}
  - {token: nobody, access: none}
accounts: [{id: act-1, name: one}, {id: act-2, name: two, provider_external_id: '1'}]
groups:
  - {name: plain, id: sig-plain, region: us-east-1, image: ami-new, persistence: {data: reattach, private_ip: true},
     volumes: [{device: /dev/xvdb}], stateful: [{id: ssi-1, image: ami-old}, {id: ssi-2}, {id: ssi-3, state: PAUSED}],
     capacity: {minimum: 0, maximum: 5}}
  - {name: rooted, id: sig-root, region: us-east-1, image: ami-new, persistence: {root: true, data: on_launch},
     volumes: [{device: /dev/xvdb}], stateful: [{id: ssi-r}]}
  - {name: pooled, id: sig-pool, region: us-east-1, persistence: {private_ip: true}, private_ips: [10.1.1.1, 10.1.1.2]}
  - {name: web, id: sig-web, region: us-east-1, members: [{count: 2}], capacity: {minimum: 0, maximum: 5}}
";

/// A world, the virtual time, and what was last answered.
pub(crate) struct Scenario {
    pub(crate) world: World,
    pub(crate) now: Timestamp,
}

impl Scenario {
    pub(crate) fn new() -> Scenario {
        Scenario::with("")
    }

    /// The fleet above with more text in front.
    pub(crate) fn with(head: &str) -> Scenario {
        let fleet = Fleet::from_yaml(&format!("{head}\n{FLEET}")).unwrap();
        Scenario { world: World::new(&fleet), now: fleet.clock().start }
    }

    pub(crate) fn advance(&mut self, by: f64) {
        self.now = later(self.now, seconds(by));
    }

    pub(crate) fn send(&mut self, token: &str, method: &str, target: &str, body: Value) -> Outcome {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let request = Request {
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers: vec![("authorization".to_owned(), format!("Bearer {token}"))],
            body: if body.is_null() { Vec::new() } else { body.to_string().into_bytes() },
        };
        self.world.handle(&request, self.now)
    }

    pub(crate) fn get(&mut self, target: &str) -> Vec<Value> {
        let outcome = self.send("admin", "GET", target, Value::Null);
        assert_eq!(outcome.status, 200, "GET {target}: {}", outcome.json());
        outcome.json()["response"]["items"].as_array().cloned().unwrap_or_default()
    }

    pub(crate) fn put(&mut self, target: &str, body: Value) -> Outcome {
        self.send("admin", "PUT", target, body)
    }

    /// Asks for an action and says how it was answered.
    pub(crate) fn act(&mut self, group: &str, ssi: &str, action: &str) -> u16 {
        self.put(&format!("/aws/ec2/group/{group}/statefulInstance/{ssi}/{action}"), Value::Null)
            .status
    }

    pub(crate) fn list(&mut self, group: &str) -> Vec<Value> {
        self.get(&format!("/aws/ec2/group/{group}/statefulInstance"))
    }

    pub(crate) fn ssi(&mut self, group: &str, id: &str) -> Value {
        let found = self.list(group).into_iter().find(|item| item["id"] == id);
        found.unwrap_or_else(|| panic!("{id} is not listed"))
    }

    pub(crate) fn state(&mut self, group: &str, id: &str) -> String {
        self.ssi(group, id)["state"].as_str().unwrap_or_default().to_owned()
    }

    pub(crate) fn status(&mut self, group: &str) -> Vec<Value> {
        self.get(&format!("/aws/ec2/group/{group}/status"))
    }

    pub(crate) fn fault(&mut self, fault: Value) {
        self.world.faults.add(serde_json::from_value(fault).unwrap());
    }
}

/// The code of the first error of an answer.
pub(crate) fn code(outcome: &Outcome) -> String {
    outcome.json()["response"]["errors"][0]["code"].as_str().unwrap_or_default().to_owned()
}

/// A capacity update of a group.
pub(crate) fn target(target: u32) -> Value {
    json!({"group": {"capacity": {"target": target}}})
}
