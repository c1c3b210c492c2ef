//! What ZooKeeper servers say of themselves, in their four-letter words.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use super::gates::Asked;
use super::sampler::{Role, State, connect};
use super::yard::{Cluster, Node, Yard};
use super::{script, told, until};

/// Three servers.
pub(crate) const CLUSTER: Cluster = Cluster { technology: "zookeeper", ensemble: None };

/// No writer may go for so long without an acknowledgement: less than
/// twice `initLimit`, which is 20 s here (see `technologies.py`).
pub(crate) const TOO_LONG: Duration = Duration::from_secs(30);

/// The port of its clients.
pub(crate) const PORT: u16 = 2181;

/// The gate over four-letter words, or over the AdminServer.
pub(crate) enum Gate {
    Words,
    Admin,
}

impl Asked for Gate {
    fn options(&self, nodes: &[Node]) -> Value {
        let servers: Vec<String> = nodes.iter().map(|node| self.name(node)).collect();
        match self {
            Self::Words => json!({"kind": "zookeeper", "servers": servers}),
            Self::Admin => json!({"kind": "zookeeper", "servers": servers, "metrics": "admin"}),
        }
    }

    fn name(&self, node: &Node) -> String {
        format!("{}:{PORT}", node.address)
    }
}

/// What a server answers to a word; without an answer, what it is then.
pub(crate) fn ask(node: &Node, word: &str) -> Result<String, State> {
    let mut stream = connect(node, PORT)?;
    let mut text = String::new();
    let asked = stream.write_all(word.as_bytes());
    asked.and_then(|()| stream.read_to_string(&mut text)).map_err(|_| State::Idle)?;
    Ok(text)
}

/// What a server is.
pub(crate) fn probe(node: &Node) -> State {
    let text = match ask(node, "srvr") {
        Ok(text) => text,
        Err(state) => return state,
    };
    match text.lines().find_map(|line| line.strip_prefix("Mode: ")) {
        Some("leader") => State::Up(Role::Leader),
        Some("follower") => State::Up(Role::Follower),
        _ => State::Idle,
    }
}

/// The metrics of a server that serves.
pub(crate) fn metrics(node: &Node) -> BTreeMap<String, String> {
    let text = ask(node, "mntr").unwrap_or_default();
    let pairs = text.lines().filter_map(|line| line.split_once('\t'));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Waits until one leads and that many follow it in step; returns the leader's number.
pub(crate) fn settle(nodes: &[Node], followers: usize) -> usize {
    until(&format!("a leader with {followers} followers in step"), 600, || {
        let metrics: Vec<_> = nodes.iter().map(metrics).collect();
        let is = |index: usize, name: &str, wanted: &str| {
            metrics[index].get(name).is_some_and(|value| value == wanted)
        };
        let serving = |index: &usize| {
            is(*index, "zk_peer_state", "leading - broadcast")
                || is(*index, "zk_peer_state", "following - broadcast")
        };
        let leader = (0..nodes.len()).find(|index| is(*index, "zk_server_state", "leader"))?;
        let is_settled = is(leader, "zk_synced_followers", &followers.to_string())
            && is(leader, "zk_pending_syncs", "0")
            && (0..nodes.len()).filter(serving).count() == followers + 1;
        is_settled.then_some(nodes[leader].number)
    })
}

/// A program that writes by kazoo, a client of its own project.
pub(crate) fn writer(nodes: &[Node]) -> Command {
    let mut command = script("writers/zookeeper.py");
    let hosts: Vec<String> = nodes.iter().map(|it| format!("{}:{PORT}", it.address)).collect();
    command.arg("write").arg(hosts.join(","));
    command
}

/// Everything that can be read at one server.
pub(crate) fn found(yard: &Yard, node: &Node) -> BTreeSet<String> {
    let mut command = script("writers/zookeeper.py");
    command.arg("read").arg(format!("{}:{PORT}", node.address));
    told(&mut yard.guarded(&command)).lines().map(str::to_owned).collect()
}
