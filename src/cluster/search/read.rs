//! What the answers say. The same in both products unless it is said otherwise.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::domain::{
    Obstacle, ObstacleKind, SearchHealth, SearchIdentity, SearchNode, SearchProduct, SearchSetting,
    SearchShutdown, SearchStatus, ShardCopy, ShardRecovery, Voting, Watermark, printable,
};

const WATERMARK: &str = "cluster.routing.allocation.disk.watermark.high";

type Read<T> = Result<T, Obstacle>;

fn odd<T>(what: &str) -> Read<T> {
    let detail = format!("{what} is told in another way");
    Err(Obstacle { kind: ObstacleKind::NotUnderstood, detail })
}

fn text<'a>(told: &'a Value, key: &str) -> Option<&'a str> {
    told.get(key).and_then(Value::as_str)
}

fn list<'a>(told: &'a Value, what: &str) -> Read<&'a Vec<Value>> {
    told.as_array().map_or_else(|| odd(what), Ok)
}

/// A number, also where it is written as a text, as the listing endpoints do.
fn number(told: &Value) -> Option<u64> {
    told.as_u64().or_else(|| told.as_str()?.trim().parse().ok())
}

/// `GET /`. OpenSearch names itself; Elasticsearch does only by its words of welcome.
pub(super) fn identity(told: &Value) -> Read<SearchIdentity> {
    let version = told.get("version").and_then(|it| text(it, "number"));
    let distribution = told.get("version").and_then(|it| text(it, "distribution"));
    let product = match (distribution, text(told, "tagline")) {
        (Some("opensearch"), _) => SearchProduct::OpenSearch,
        // With compatibility.override_main_response_version it leaves its name out.
        (None, Some(tagline)) if tagline.starts_with("The OpenSearch Project") => {
            SearchProduct::OpenSearch
        }
        (None, Some("You Know, for Search")) => SearchProduct::Elasticsearch,
        _ => return odd("which product it is"),
    };
    let Some(version) = version else { return odd("the version") };
    let uuid = text(told, "cluster_uuid").filter(|uuid| !uuid.is_empty() && *uuid != "_na_");
    Ok(SearchIdentity { product, version: printable(version), cluster_uuid: uuid.map(printable) })
}

pub(super) fn health(told: &Value) -> Read<SearchHealth> {
    let count = |key: &str| told.get(key).and_then(Value::as_u64);
    let (
        Some(status),
        Some(timed_out),
        Some(nodes),
        Some(active),
        Some(relocating),
        Some(initializing),
        Some(unassigned),
        Some(in_flight_fetches),
        Some(pending_tasks),
    ) = (
        text(told, "status"),
        told.get("timed_out").and_then(Value::as_bool),
        count("number_of_nodes"),
        count("active_shards"),
        count("relocating_shards"),
        count("initializing_shards"),
        count("unassigned_shards"),
        count("number_of_in_flight_fetch"),
        count("number_of_pending_tasks"),
    )
    else {
        return odd("the cluster's health");
    };
    let status = match status {
        "green" => SearchStatus::Green,
        "yellow" => SearchStatus::Yellow,
        "red" => SearchStatus::Red,
        other => SearchStatus::Other(printable(other)),
    };
    Ok(SearchHealth {
        status,
        timed_out,
        nodes,
        active,
        relocating,
        initializing,
        unassigned,
        in_flight_fetches,
        pending_tasks,
    })
}

pub(super) fn nodes(told: &Value) -> Read<BTreeMap<String, SearchNode>> {
    let Some(told) = told.get("nodes").and_then(Value::as_object) else { return odd("the nodes") };
    let mut nodes = BTreeMap::new();
    for (id, node) in told {
        let (Some(name), Some(roles)) =
            (text(node, "name"), node.get("roles").and_then(Value::as_array))
        else {
            return odd("a node");
        };
        let roles: BTreeSet<String> =
            roles.iter().filter_map(Value::as_str).map(printable).collect();
        let node = SearchNode { id: printable(id), roles };
        if nodes.insert(printable(name), node).is_some() {
            return odd("which node is which, for two have one name: it");
        }
    }
    Ok(nodes)
}

pub(super) fn master(told: &Value) -> Read<Option<String>> {
    let rows = list(told, "the elected master")?;
    let name = rows.first().and_then(|row| text(row, "node"));
    Ok(name.filter(|name| *name != "-").map(printable))
}

pub(super) fn shards(told: &Value) -> Read<Vec<ShardCopy>> {
    let copy = |row: &Value| {
        let (Some(index), Some(shard), Some(state)) =
            (text(row, "index"), row.get("shard").and_then(number), text(row, "state"))
        else {
            return odd("a shard");
        };
        // A copy that moves is listed as "from -> address id to".
        let node = text(row, "node").and_then(|node| node.split(" -> ").next());
        Ok(ShardCopy {
            index: printable(index),
            shard,
            state: printable(state),
            node: node.filter(|node| !node.is_empty()).map(printable),
            may_be_primary: matches!(text(row, "prirep"), Some("p" | "r")),
        })
    };
    list(told, "the shards")?.iter().map(copy).collect()
}

pub(super) fn voting(told: &Value) -> Read<Voting> {
    let Some(told) = told.pointer("/metadata/cluster_coordination") else {
        return odd("who votes");
    };
    let Some(committed) = told.get("last_committed_config").and_then(Value::as_array) else {
        return odd("who votes");
    };
    let exclusions = told.get("voting_config_exclusions").and_then(Value::as_array);
    let excluded = |it: &Value| {
        printable(text(it, "node_name").or_else(|| text(it, "node_id")).unwrap_or("a node"))
    };
    Ok(Voting {
        committed: committed.iter().filter_map(Value::as_str).map(printable).collect(),
        exclusions: exclusions.into_iter().flatten().map(excluded).collect(),
    })
}

fn scope<'a>(told: &'a Value, name: &str) -> Read<&'a Map<String, Value>> {
    told.get(name).and_then(Value::as_object).map_or_else(|| odd("the settings"), Ok)
}

pub(super) fn settings(told: &Value) -> Read<Vec<SearchSetting>> {
    let mut settings = Vec::new();
    for name in ["transient", "persistent"] {
        for (key, value) in scope(told, name)? {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let (key, value) = (printable(key), printable(&value));
            settings.push(SearchSetting { scope: name, name: key, value });
        }
    }
    Ok(settings)
}

/// Where disks count as too full, transient before persistent before built in.
pub(super) fn watermark(told: &Value) -> Read<Watermark> {
    for name in ["transient", "persistent", "defaults"] {
        let Some(value) = scope(told, name)?.get(WATERMARK).and_then(Value::as_str) else {
            continue;
        };
        let value = value.trim();
        let percent = value.strip_suffix('%').and_then(|it| it.trim().parse::<f64>().ok());
        let ratio = || value.parse::<f64>().ok().filter(|it| (0.0..=1.0).contains(it));
        let percent = percent.or_else(|| ratio().map(|it| it * 100.0));
        return Ok(percent.map_or_else(|| Watermark::Other(printable(value)), Watermark::Percent));
    }
    odd("how full disks may be")
}

/// Elasticsearch: nodes that are registered to be shut down. A build without the register takes `shutdown` for the name of a node,
/// finds none and answers with an empty mapping.
pub(super) fn shutdowns(told: &Value) -> Read<Vec<String>> {
    let is_of_nodes = told.get("_nodes").is_some_and(Value::is_object);
    let is_empty = told.get("nodes").and_then(Value::as_object).is_some_and(Map::is_empty);
    if is_of_nodes && is_empty {
        return Ok(Vec::new());
    }
    let Some(nodes) = told.get("nodes").and_then(Value::as_array) else {
        return odd("what is to be shut down");
    };
    Ok(nodes.iter().map(|it| printable(text(it, "node_id").unwrap_or("a node"))).collect())
}

/// How one node is registered, if it is.
pub(super) fn shutdown(told: &Value, node_id: &str) -> Read<Option<SearchShutdown>> {
    let Some(nodes) = told.get("nodes").and_then(Value::as_array) else {
        return odd("what is to be shut down");
    };
    let Some(node) = nodes.iter().find(|it| text(it, "node_id") == Some(node_id)) else {
        return Ok(None);
    };
    let (Some(kind), Some(status)) = (text(node, "type"), text(node, "status")) else {
        return odd("how a node is to be shut down");
    };
    Ok(Some(SearchShutdown {
        kind: printable(kind),
        reason: printable(text(node, "reason").unwrap_or("")),
        status: printable(status),
    }))
}

pub(super) fn disks(told: &Value) -> Read<BTreeMap<String, f64>> {
    let mut disks = BTreeMap::new();
    for row in list(told, "how full disks are")? {
        let Some(node) = text(row, "node") else { return odd("how full disks are") };
        let percent = row.get("disk.percent");
        let percent =
            percent.and_then(|it| it.as_f64().or_else(|| it.as_str()?.trim().parse().ok()));
        // Shards without a node have a row of their own.
        if let Some(percent) = percent {
            disks.insert(printable(node), percent);
        }
    }
    Ok(disks)
}

pub(super) fn snapshots(told: &Value) -> Read<Vec<String>> {
    let Some(running) = told.get("snapshots").and_then(Value::as_array) else {
        return odd("which snapshots are taken");
    };
    Ok(running.iter().map(|it| printable(text(it, "snapshot").unwrap_or("one"))).collect())
}

/// What is listed of recoveries that are under way.
pub(super) fn recoveries(told: &Value) -> Read<Vec<ShardRecovery>> {
    let recovery = |row: &Value| {
        let counted = |key: &str| row.get(key).and_then(number).unwrap_or(0);
        let (Some(index), Some(shard), Some(stage)) =
            (text(row, "index"), row.get("shard").and_then(number), text(row, "stage"))
        else {
            return odd("a recovery");
        };
        Ok(ShardRecovery {
            index: printable(index),
            shard,
            node: printable(text(row, "target_node").unwrap_or("a node")),
            stage: printable(stage),
            recovered: counted("bytes_recovered").saturating_add(counted("translog_ops_recovered")),
        })
    };
    list(told, "what is recovered")?.iter().map(recovery).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_two_products_are_told_apart() {
        let open = json!({"cluster_uuid": "u1", "version": {"distribution": "opensearch", "number": "2.19.1"},
            "tagline": "The OpenSearch Project: https://opensearch.org/"});
        let told = identity(&open).unwrap();
        assert_eq!(told.product, SearchProduct::OpenSearch);
        assert_eq!(told.cluster_uuid.as_deref(), Some("u1"));
        let compatible = json!({"cluster_uuid": "u1", "version": {"number": "7.10.2"},
            "tagline": "The OpenSearch Project: https://opensearch.org/"});
        assert_eq!(identity(&compatible).unwrap().product, SearchProduct::OpenSearch);
        let elastic = json!({"cluster_uuid": "_na_", "version": {"number": "8.15.0"}, "tagline": "You Know, for Search"});
        let told = identity(&elastic).unwrap();
        assert_eq!((told.product, told.cluster_uuid), (SearchProduct::Elasticsearch, None));
        for other in [json!({}), json!({"version": {"number": "1"}}), json!([]), Value::Null] {
            assert_eq!(identity(&other).unwrap_err().kind, ObstacleKind::NotUnderstood);
        }
    }

    #[test]
    fn a_copy_that_moves_is_where_it_was() {
        let rows = json!([
            {"index": "a", "shard": "0", "prirep": "p", "state": "STARTED", "node": "n1"},
            {"index": "a", "shard": "0", "prirep": "r", "state": "RELOCATING", "node": "n2 -> 127.0.0.3 x n3"},
            {"index": "a", "shard": "1", "prirep": "r", "state": "UNASSIGNED", "node": null}
        ]);
        let copies = shards(&rows).unwrap();
        assert_eq!(copies[1].node.as_deref(), Some("n2"));
        let serving: Vec<bool> = copies.iter().map(ShardCopy::serves).collect();
        assert_eq!(serving, [true, true, false]);
        assert!(shards(&json!([{"index": "a"}])).is_err() && shards(&json!({})).is_err());
    }

    #[test]
    fn a_transient_watermark_comes_before_the_others() {
        let defaults = json!({(WATERMARK): "90%"});
        let of = |transient: Value, persistent: Value| {
            watermark(
                &json!({"transient": transient, "persistent": persistent, "defaults": defaults}),
            )
        };
        assert_eq!(of(json!({}), json!({})), Ok(Watermark::Percent(90.0)));
        assert_eq!(of(json!({}), json!({(WATERMARK): "0.8"})), Ok(Watermark::Percent(80.0)));
        let bytes = of(json!({(WATERMARK): "50gb"}), json!({(WATERMARK): "0.8"}));
        assert_eq!(bytes, Ok(Watermark::Other("50gb".to_owned())));
        assert!(watermark(&json!({"transient": {}, "persistent": {}})).is_err());
    }

    #[test]
    fn nodes_of_one_name_cannot_be_told_apart() {
        let node = json!({"name": "n1", "roles": ["data"]});
        assert_eq!(nodes(&json!({"nodes": {"a": node}})).unwrap().len(), 1);
        assert!(nodes(&json!({"nodes": {"a": node, "b": node}})).is_err());
        assert!(nodes(&json!({})).is_err());
    }
}
