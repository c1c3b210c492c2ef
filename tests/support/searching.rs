//! An OpenSearch cluster that says what a test tells it to.

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
