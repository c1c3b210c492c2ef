//! What an Elasticsearch or OpenSearch cluster tells.

use std::collections::BTreeMap;

use spotinst_esg::domain::{
    Obstacle, SearchCluster, SearchHealth, SearchIdentity, SearchNode, SearchProduct,
    SearchSetting, SearchStatus, ShardCopy, ShardRecovery, Voting, Watermark,
};

use super::cluster::{half, silence};
use super::plant::Plant;
use super::search::{Search, State, node_id};

fn nothing() -> SearchCluster {
    let none = || -> Obstacle { silence() };
    SearchCluster {
        identity: Err(none()),
        health: Err(none()),
        nodes: Err(none()),
        master: Err(none()),
        shards: Err(none()),
        voting: Err(none()),
        settings: Err(none()),
        shutdowns: Err(none()),
        disks: Err(none()),
        high_watermark: Err(none()),
        snapshots: Err(none()),
        recoveries: Err(none()),
    }
}

/// One look.
pub(crate) fn view(search: &Search, plant: &Plant) -> SearchCluster {
    let there: Vec<usize> =
        search.nodes.iter().copied().filter(|node| search.has(plant, *node)).collect();
    let is_asked = there.iter().any(|node| !search.silent.contains(node));
    // Without a master nothing is told but what a node knows of itself.
    if !is_asked || !search.masters.serves() {
        return nothing();
    }
    let name = |node: usize| format!("es-{}", node + 1);
    let mut roles = ["data".to_owned(), "ingest".to_owned()].into_iter().collect::<Vec<_>>();
    roles.push("cluster_manager".to_owned());
    let node = |at: &usize| {
        let votes = search.masters.members.contains(at);
        let roles = roles.iter().filter(|role| votes || *role != "cluster_manager");
        let node = SearchNode { id: node_id(plant, *at), roles: roles.cloned().collect() };
        (name(*at), node)
    };
    let shards = if search.is_half { Err(half()) } else { Ok(copies(search)) };
    SearchCluster {
        identity: Ok(SearchIdentity {
            product: SearchProduct::OpenSearch,
            version: "2.19.1".to_owned(),
            cluster_uuid: Some("a-cluster".to_owned()),
        }),
        health: Ok(health(search, there.len())),
        nodes: Ok(there.iter().map(node).collect()),
        master: Ok(search.masters.leader.map(name)),
        shards,
        voting: Ok(Voting { committed: search.committed.clone(), exclusions: Vec::new() }),
        settings: Ok(settings(search)),
        shutdowns: Ok(Vec::new()),
        disks: Ok(there.iter().map(|node| (name(*node), 40.0)).collect::<BTreeMap<_, _>>()),
        high_watermark: Ok(Watermark::Percent(90.0)),
        snapshots: Ok(search.snapshot_runs.then(|| "nightly".to_owned()).into_iter().collect()),
        recoveries: Ok(recoveries(search)),
    }
}

fn copies(search: &Search) -> Vec<ShardCopy> {
    let of = |shard: &super::search::Shard| -> Vec<ShardCopy> {
        let copy = |copy: &super::search::Copy| {
            let state = match copy.state {
                State::Started => "STARTED",
                State::Initializing(_) => "INITIALIZING",
                State::Unassigned => "UNASSIGNED",
            };
            let is_placed = copy.state != State::Unassigned;
            ShardCopy {
                index: shard.index.clone(),
                shard: shard.number,
                state: state.to_owned(),
                node: is_placed.then(|| format!("es-{}", copy.node + 1)),
                may_be_primary: true,
            }
        };
        shard.copies.iter().map(copy).collect()
    };
    search.shards.iter().flat_map(of).collect()
}

fn recoveries(search: &Search) -> Vec<ShardRecovery> {
    let of = |shard: &super::search::Shard| -> Vec<ShardRecovery> {
        let is_made = |copy: &&super::search::Copy| matches!(copy.state, State::Initializing(_));
        let recovery = |copy: &super::search::Copy| ShardRecovery {
            index: shard.index.clone(),
            shard: shard.number,
            node: format!("es-{}", copy.node + 1),
            stage: "index".to_owned(),
            recovered: 0,
        };
        shard.copies.iter().filter(is_made).map(recovery).collect()
    };
    search.shards.iter().flat_map(of).collect()
}

fn health(search: &Search, nodes: usize) -> SearchHealth {
    let all = || search.shards.iter().flat_map(|shard| &shard.copies);
    let count = |is: fn(&State) -> bool| all().filter(|copy| is(&copy.state)).count() as u64;
    let is_red = search.shards.iter().any(|shard| shard.copies[0].state != State::Started);
    let unassigned = count(|state| *state == State::Unassigned);
    let initializing = count(|state| matches!(state, State::Initializing(_)));
    let status = match (is_red, unassigned + initializing) {
        (true, _) => SearchStatus::Red,
        (false, 0) => SearchStatus::Green,
        (false, _) => SearchStatus::Yellow,
    };
    SearchHealth {
        status,
        timed_out: false,
        nodes: nodes as u64,
        active: count(|state| *state == State::Started),
        relocating: 0,
        initializing,
        unassigned,
        in_flight_fetches: 0,
        pending_tasks: 0,
    }
}

fn settings(search: &Search) -> Vec<SearchSetting> {
    let set = |scope: &'static str, value: &str| SearchSetting {
        scope,
        name: "cluster.routing.allocation.enable".to_owned(),
        value: value.to_owned(),
    };
    let ours = search.enable.iter().map(|value| set("persistent", value));
    let left = search.left_over.then(|| set("transient", "primaries"));
    ours.chain(left).collect()
}
