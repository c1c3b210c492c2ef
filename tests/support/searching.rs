//! An OpenSearch cluster that says what a test tells it to.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::canned::{Canned, Reply};

/// What a whole OpenSearch cluster of three nodes says, by path.
pub(crate) fn well(path: &str) -> Value {
    let role = ["cluster_manager", "data"];
    let node = |id: u8| json!({"name": format!("n{id}"), "roles": role});
    match path {
        "/" => {
            json!({"cluster_uuid": "u1", "version": {"distribution": "opensearch", "number": "2.19.1"}, "tagline": "x"})
        }
        "/_nodes" => json!({"nodes": {"i1": node(1), "i2": node(2), "i3": node(3)}}),
        "/_cat/master" => json!([{"node": "n1"}]),
        "/_cat/shards" => json!([
            {"index": "logs", "shard": "0", "prirep": "p", "state": "STARTED", "node": "n2"},
            {"index": "logs", "shard": "0", "prirep": "r", "state": "STARTED", "node": "n3"}
        ]),
        "/_cluster/state/metadata" => json!({"metadata": {"cluster_coordination": {
            "last_committed_config": ["i1", "i2", "i3"], "voting_config_exclusions": []}}}),
        "/_cluster/settings" => json!({"persistent": {}, "transient": {},
            "defaults": {"cluster.routing.allocation.disk.watermark.high": "90%"}}),
        "/_cat/allocation" => json!([
            {"node": "n1", "disk.percent": "20"}, {"node": "n2", "disk.percent": "30"}, {"node": "UNASSIGNED", "disk.percent": null}
        ]),
        "/_cat/recovery" => json!([]),
        "/_snapshot/_status" => json!({"snapshots": []}),
        "/_cluster/health" => {
            json!({"status": "green", "timed_out": false, "number_of_nodes": 3, "active_shards": 2, "relocating_shards": 0,
            "initializing_shards": 0, "unassigned_shards": 0, "number_of_in_flight_fetch": 0, "number_of_pending_tasks": 0})
        }
        other => json!({"error": format!("no handler for {other}")}),
    }
}

fn path(head: &str) -> String {
    let target = head.split(' ').nth(1).unwrap();
    target.split('?').next().unwrap().to_owned()
}

/// A cluster that is whole but for what `twist` says of a path.
pub(crate) fn cluster(twist: impl Fn(&str) -> Option<Reply> + Send + 'static) -> Canned {
    Canned::start(move |request| {
        let path = path(&request.head);
        twist(&path).unwrap_or_else(|| Reply::json(200, well(&path).to_string()))
    })
}

/// What a cluster that is told things remembers.
pub(crate) struct State {
    /// `persistent` and `transient`.
    pub(crate) settings: Value,
    /// Rows of `_cat/shards`.
    pub(crate) shards: Value,
    /// Registered shutdowns by node id.
    pub(crate) shutdowns: Value,
    /// How far a shutdown is once it is registered.
    pub(crate) shutdown_status: String,
    pub(crate) product: &'static str,
    pub(crate) version: String,
    pub(crate) uuid: String,
    /// How `_flush` answers.
    pub(crate) flush: (u16, Value),
}

/// What a fault makes of a request: an answer in its place, or one given after it was carried out.
pub(crate) enum Fault {
    Instead(Reply),
    After(Reply),
}

/// A cluster that takes settings, shutdowns and flushes.
pub(crate) struct Searching {
    server: Canned,
    pub(crate) state: Arc<Mutex<State>>,
}

type Twist = dyn FnMut(&str, &str, &mut State) -> Option<Fault> + Send;

pub(crate) const ENABLE: &str = "cluster.routing.allocation.enable";

impl Searching {
    pub(crate) fn start() -> Self {
        Self::with(|_, _, _| None)
    }

    /// `twist` sees method, path and state of each request before it is carried out.
    pub(crate) fn with(
        twist: impl FnMut(&str, &str, &mut State) -> Option<Fault> + Send + 'static,
    ) -> Self {
        let state = Arc::new(Mutex::new(State {
            settings: json!({"persistent": {}, "transient": {}}),
            shards: json!([
                {"index": "logs", "shard": "0", "prirep": "p", "state": "STARTED", "node": "n2"},
                {"index": "logs", "shard": "0", "prirep": "r", "state": "STARTED", "node": "n3"}
            ]),
            shutdowns: json!({}),
            shutdown_status: "COMPLETE".to_owned(),
            product: "elasticsearch",
            version: "8.15.0".to_owned(),
            uuid: "u1".to_owned(),
            flush: (200, json!({"_shards": {"total": 2, "successful": 2, "failed": 0}})),
        }));
        let twist: Mutex<Box<Twist>> = Mutex::new(Box::new(twist));
        let shared = Arc::clone(&state);
        let server = Canned::start(move |request| {
            let mut state = shared.lock().unwrap();
            let method = request.head.split(' ').next().unwrap().to_owned();
            let path = path(&request.head);
            let fault = (*twist.lock().unwrap())(&method, &path, &mut state);
            match fault {
                Some(Fault::Instead(reply)) => reply,
                Some(Fault::After(reply)) => {
                    state.answer(&method, &path, &request.body);
                    reply
                }
                None => state.answer(&method, &path, &request.body),
            }
        });
        Self { server, state }
    }

    pub(crate) fn url(&self) -> &str {
        self.server.url()
    }

    /// Persistent and transient value of the setting.
    pub(crate) fn allocation(&self) -> (Value, Value) {
        let settings = &self.state.lock().unwrap().settings;
        (settings["persistent"][ENABLE].clone(), settings["transient"][ENABLE].clone())
    }

    pub(crate) fn set(&self, scope: &str, value: Value) {
        self.state.lock().unwrap().set(scope, ENABLE, value);
    }

    /// What came besides looks: method, path and body.
    pub(crate) fn orders(&self) -> Vec<String> {
        let orders = self.server.requests().into_iter().map(|it| {
            let mut words = it.head.split(' ');
            let (method, target) = (words.next().unwrap(), words.next().unwrap());
            format!("{method} {target} {}", it.body).trim().to_owned()
        });
        orders.filter(|it| !it.starts_with("GET ")).collect()
    }

    pub(crate) fn heads(&self) -> String {
        self.server.requests().into_iter().map(|it| it.head).collect()
    }
}

impl State {
    pub(crate) fn set(&mut self, scope: &str, name: &str, value: Value) {
        let scope = self.settings[scope].as_object_mut().unwrap();
        match value {
            Value::Null => drop(scope.remove(name)),
            value => drop(scope.insert(name.to_owned(), value)),
        }
    }

    /// One more index with a primary on this node, and its replica as the state says.
    pub(crate) fn add_index(&mut self, name: &str, node: &str, replica: Value) {
        let row = |prirep: &str, state: &str, node: Value| json!({"index": name, "shard": "0", "prirep": prirep, "state": state, "node": node});
        let shards = self.shards.as_array_mut().unwrap();
        shards.push(row("p", "STARTED", json!(node)));
        let state = if replica.is_null() { "UNASSIGNED" } else { "STARTED" };
        shards.push(row("r", state, replica));
    }

    pub(crate) fn is_restricted(&self) -> bool {
        let (persistent, transient) =
            (&self.settings["persistent"][ENABLE], &self.settings["transient"][ENABLE]);
        (if transient.is_null() { persistent } else { transient }) == "primaries"
    }

    fn answer(&mut self, method: &str, path: &str, body: &str) -> Reply {
        let told: Value = serde_json::from_str(body).unwrap_or_default();
        let done = || Reply::json(200, json!({"acknowledged": true}).to_string());
        match (method, path) {
            ("PUT", "/_cluster/settings") => {
                for scope in ["persistent", "transient"] {
                    let settings = told[scope].as_object().cloned().unwrap_or_default();
                    for (name, value) in settings {
                        self.set(scope, &name, value);
                    }
                }
                done()
            }
            ("POST", "/_flush") => Reply::json(self.flush.0, self.flush.1.to_string()),
            (_, path) if path.starts_with("/_nodes/") && path.ends_with("/shutdown") => {
                let id = path.trim_start_matches("/_nodes/").trim_end_matches("/shutdown");
                self.shutdown(method, id, &told)
            }
            ("GET", path) => Reply::json(200, self.told(path).to_string()),
            (method, path) => {
                Reply::json(405, json!({"error": format!("no {method} of {path}")}).to_string())
            }
        }
    }

    fn shutdown(&mut self, method: &str, id: &str, told: &Value) -> Reply {
        let done = || Reply::json(200, json!({"acknowledged": true}).to_string());
        let known = self.shutdowns.as_object_mut().unwrap();
        match method {
            "PUT" => {
                known.insert(
                    id.to_owned(),
                    json!({"node_id": id, "type": told["type"].as_str().unwrap().to_uppercase(),
                        "reason": told["reason"], "allocation_delay": told["allocation_delay"]}),
                );
                done()
            }
            "DELETE" => match known.remove(id) {
                Some(_) => done(),
                None => Reply::json(404, json!({"error": {"reason": "no such node"}}).to_string()),
            },
            _ => {
                let status = self.shutdown_status.clone();
                let nodes: Vec<Value> = known
                    .get(id)
                    .into_iter()
                    .map(|it| {
                        let mut told = it.clone();
                        told["status"] = json!(status);
                        told
                    })
                    .collect();
                Reply::json(200, json!({"nodes": nodes}).to_string())
            }
        }
    }

    fn told(&self, path: &str) -> Value {
        let mut told = well(path);
        match path {
            "/" if self.product == "elasticsearch" => {
                json!({"cluster_uuid": self.uuid, "version": {"number": self.version}, "tagline": "You Know, for Search"})
            }
            "/" => {
                told["cluster_uuid"] = json!(self.uuid);
                told["version"]["number"] = json!(self.version);
                told
            }
            "/_cluster/settings" => {
                for scope in ["persistent", "transient"] {
                    told[scope] = self.settings[scope].clone();
                }
                told
            }
            "/_cat/shards" => self.shards.clone(),
            "/_nodes/shutdown" => {
                let all: Vec<&Value> = self.shutdowns.as_object().unwrap().values().collect();
                json!({"nodes": all})
            }
            "/_cluster/health" => {
                let shards = self.shards.as_array().unwrap();
                let active = shards.iter().filter(|it| it["state"] == "STARTED").count();
                told["active_shards"] = json!(active);
                told["unassigned_shards"] = json!(shards.len() - active);
                told
            }
            _ => told,
        }
    }
}
