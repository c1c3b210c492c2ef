//! What OpenSearch nodes say of themselves over HTTP.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use super::gates::Asked;
use super::sampler::{Role, State, connect};
use super::yard::{Cluster, Node, Yard, client};
use super::{script, told, until};

/// Three nodes that hold data and may manage the cluster.
pub(crate) const CLUSTER: Cluster = Cluster { technology: "opensearch", ensemble: None };

/// No writer may go for so long without an acknowledgement, also while another manager is elected.
pub(crate) const TOO_LONG: Duration = Duration::from_secs(40);

/// The index that is written: three shards, each on two nodes.
pub(crate) const INDEX: &str = "ledger";

const PORT: u16 = 9200;

/// The gate.
pub(crate) struct Gate;

impl Asked for Gate {
    fn options(&self, nodes: &[Node]) -> Value {
        let urls: Vec<String> =
            nodes.iter().map(|node| format!("http://{}:{PORT}", node.address)).collect();
        let names: Vec<String> = nodes.iter().map(|node| self.name(node)).collect();
        json!({"kind": "elasticsearch", "urls": urls, "nodes": names})
    }

    fn name(&self, node: &Node) -> String {
        format!("node-{}", node.number)
    }
}

/// What a node answers, whatever the status; nothing if that is no JSON.
pub(crate) fn ask(node: &Node, method: &str, path: &str, body: &Value) -> Option<Value> {
    let url = format!("http://{}:{PORT}{path}", node.address);
    let request = client().request(method.parse().unwrap(), url);
    let request = match body {
        Value::Null => request,
        body => request.header("content-type", "application/json").body(body.to_string()),
    };
    serde_json::from_str(&request.send().ok()?.text().ok()?).ok()
}

/// What a node is, by its own view of the cluster.
pub(crate) fn probe(node: &Node) -> State {
    if let Err(state) = connect(node, PORT) {
        return state;
    }
    let path = "/_cluster/state/cluster_manager_node,nodes?local=true";
    let Some(view) = ask(node, "GET", path, &Value::Null) else { return State::Idle };
    let manager =
        view["cluster_manager_node"].as_str().and_then(|id| view["nodes"][id]["name"].as_str());
    match manager {
        Some(name) if name == format!("node-{}", node.number) => State::Up(Role::Leader),
        Some(_) => State::Up(Role::Follower),
        None => State::Idle,
    }
}

/// Whether the votes of the cluster are settled: while they are changed an election needs a majority of the old voters and one of the
/// new ones, and of all three nodes each has a vote. Right after a node has come with another id neither is so.
fn has_votes(node: &Node, nodes: usize) -> Option<bool> {
    let path =
        "/_cluster/state/nodes,metadata?filter_path=nodes.*.name,metadata.cluster_coordination";
    let state = ask(node, "GET", path, &Value::Null)?;
    let votes = &state["metadata"]["cluster_coordination"];
    let voters = votes["last_committed_config"].as_array()?;
    let is_here = |id: &Value| id.as_str().is_some_and(|id| state["nodes"].get(id).is_some());
    let has_all = voters.len() == 3 && (nodes < 3 || voters.iter().all(is_here));
    Some(has_all && votes["last_accepted_config"] == votes["last_committed_config"])
}

/// Waits until the cluster has that many nodes and this status, with nothing under way; returns the manager's number.
pub(crate) fn settle(nodes: &[Node], status: &str) -> usize {
    until(&format!("{} nodes and {status}", nodes.len()), 900, || {
        let health = ask(&nodes[0], "GET", "/_cluster/health", &Value::Null)?;
        let none = ["initializing_shards", "relocating_shards", "number_of_in_flight_fetch"];
        let is_settled = health["status"] == status
            && health["number_of_nodes"] == nodes.len()
            && none.iter().all(|name| health[name] == 0)
            && has_votes(&nodes[0], nodes.len())?;
        let is_manager = |node: &&Node| probe(node) == State::Up(Role::Leader);
        nodes.iter().find(is_manager).filter(|_| is_settled).map(|node| node.number)
    })
}

/// Makes the index.
pub(crate) fn make_index(node: &Node) {
    let settings = json!({"settings": {"number_of_shards": 3, "number_of_replicas": 1}});
    let answer =
        until("the index is made", 100, || ask(node, "PUT", &format!("/{INDEX}"), &settings));
    // The answer to an earlier request may have come too late.
    let is_there = answer["error"]["type"] == "resource_already_exists_exception";
    assert!(is_there || answer["acknowledged"] == true, "{answer}");
}

/// Sets a persistent setting of the cluster.
pub(crate) fn set(node: &Node, name: &str, value: &Value) {
    let answer = ask(node, "PUT", "/_cluster/settings", &json!({"persistent": {name: value}}));
    assert!(answer.as_ref().is_some_and(|answer| answer["acknowledged"] == true), "{answer:?}");
}

/// A program that indexes documents one after the other, at whichever node answers.
pub(crate) fn writer(nodes: &[Node]) -> Command {
    let mut command = script("writers/opensearch.py");
    command.arg("write").args(nodes.iter().map(|it| format!("{}:{PORT}", it.address)));
    command
}

/// Everything that a search at one node finds.
pub(crate) fn found(yard: &Yard, node: &Node) -> BTreeSet<String> {
    let mut command = script("writers/opensearch.py");
    command.arg("read").arg(format!("{}:{PORT}", node.address));
    told(&mut yard.guarded(&command)).lines().map(str::to_owned).collect()
}
