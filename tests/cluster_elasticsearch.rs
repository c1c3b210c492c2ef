//! The kind `elasticsearch` of `cluster_gate`, against servers that say what real ones do not say on demand.

#![allow(clippy::unwrap_used, reason = "what a test cannot go on without, it panics on")]

mod support;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use support::canned::Reply;
use support::cli::Desk;
use support::cluster::closed_port;
use support::module::{Called, call};
use support::searching::{cluster, well};

fn look(urls: &[String], phase: &str, more: &Value) -> Called {
    let mut gate = json!({
        "name": "es", "kind": "elasticsearch", "urls": urls, "nodes": ["n1", "n2", "n3"], "phase": phase, "target": "n3",
        "timeout": 2
    });
    for (name, value) in more.as_object().unwrap() {
        gate[name] = value.clone();
    }
    let arguments = json!({"gates": [gate], "samples": 1, "wait_timeout": 0});
    call(&Desk::with(""), "cluster_gate", &arguments)
}

/// What does not pass: verdict and evidence by name and object.
fn unmet(called: &Called) -> BTreeMap<(String, String), (String, String)> {
    let text = |it: &Value, key: &str| it[key].as_str().unwrap().to_owned();
    let predicates = called.answer["predicates"].as_array();
    let predicates = predicates.unwrap_or_else(|| panic!("{}", called.answer));
    assert!(!predicates.is_empty());
    let bad = predicates.iter().filter(|it| it["verdict"] != "pass");
    bad.map(|it| {
        ((text(it, "name"), text(it, "object")), (text(it, "verdict"), text(it, "evidence")))
    })
    .collect()
}

#[test]
fn a_cluster_that_is_whole_passes_before_and_after() {
    let server = cluster(|_| None);
    for phase in ["pre", "post"] {
        let answer = look(&[server.url().to_owned()], phase, &json!({"cluster_uuid": "u1"})).well();
        assert_eq!((&answer["verdict"], &answer["changed"]), (&json!("pass"), &json!(false)));
    }
    let methods =
        server.requests().into_iter().map(|it| it.head.split(' ').next().unwrap().to_owned());
    assert!(methods.into_iter().all(|method| method == "GET"), "a gate changes nothing");
}

#[test]
fn a_node_that_is_down_is_passed_over_and_the_next_is_asked() {
    let server = cluster(|path| match path {
        "/_nodes" => {
            let mut told = well(path);
            told["nodes"].as_object_mut().unwrap().remove("i3");
            Some(Reply::json(200, told.to_string()))
        }
        "/_cluster/health" => {
            let mut told = well(path);
            (told["status"], told["unassigned_shards"]) = (json!("yellow"), json!(1));
            told["number_of_nodes"] = json!(2);
            Some(Reply::json(200, told.to_string()))
        }
        _ => None,
    });
    let gone = format!("http://127.0.0.1:{}", closed_port());
    look(&[gone.clone(), server.url().to_owned()], "mid", &json!({})).well();
    let found = unmet(&look(&[gone], "mid", &json!({})));
    assert!(
        found.values().all(|(verdict, _)| verdict == "unknown") && found.len() > 5,
        "{found:?}"
    );
}

/// What stands between, what is not allowed, what is half: none of it is health, and each says what it is.
#[test]
fn what_tells_nothing_is_unknown_and_says_why() {
    type Twist = fn(&str) -> Option<Reply>;
    let cases: [(&str, Twist, &str, &str, &str); 7] = [
        (
            "a proxy's page",
            |_| Some(Reply::html(200, "<html>Please sign in</html>")),
            "es.identified",
            "unknown",
            "does not answer in JSON",
        ),
        (
            "no permission",
            |path| (path == "/_cat/shards").then(|| Reply::json(403, "{}")),
            "es.shards",
            "unknown",
            "status 403",
        ),
        (
            "nothing settled, told with 408",
            |path| {
                (path == "/_cluster/health").then(|| {
                    let mut told = well(path);
                    told["timed_out"] = json!(true);
                    Reply::json(408, told.to_string())
                })
            },
            "es.settled",
            "unknown",
            "had still to settle",
        ),
        (
            "408 of someone else",
            |path| (path == "/_cluster/health").then(|| Reply::html(408, "late")),
            "es.status",
            "unknown",
            "status 408",
        ),
        (
            "no master",
            |path| (path == "/_cat/master").then(|| Reply::json(503, "{}")),
            "es.master_elected",
            "unknown",
            "status 503",
        ),
        (
            "half a word",
            |path| (path == "/_nodes").then(|| Reply::json(200, "{\"nodes\": {")),
            "es.nodes_present",
            "unknown",
            "does not answer in JSON",
        ),
        (
            "another kind of answer",
            |path| (path == "/_cluster/settings").then(|| Reply::json(200, "[]")),
            "es.nothing_left_over",
            "unknown",
            "told in another way",
        ),
    ];
    for (what, twist, name, verdict, words) in cases {
        let server = cluster(twist);
        let found = unmet(&look(&[server.url().to_owned()], "pre", &json!({})));
        let key = (name.to_owned(), "cluster".to_owned());
        let (said, evidence) = found.get(&key).unwrap_or_else(|| panic!("{what}: {found:?}"));
        assert_eq!(said, verdict, "{what}: {evidence}");
        assert!(evidence.contains(words), "{what}: {evidence}");
    }
}

#[test]
fn green_does_not_hide_an_index_whose_only_copy_is_on_the_target() {
    let server = cluster(|path| {
        let mut told = well(path);
        match path {
            "/_cat/shards" => told.as_array_mut().unwrap().push(
                json!({"index": "single", "shard": "0", "prirep": "p", "state": "STARTED", "node": "n3"}),
            ),
            "/_cluster/health" => told["active_shards"] = json!(3),
            _ => return None,
        }
        Some(Reply::json(200, told.to_string()))
    });
    let urls = [server.url().to_owned()];
    let found = unmet(&look(&urls, "pre", &json!({})));
    let expected = ("fail".to_owned(), "no other copy serves of shard 0".to_owned());
    assert_eq!(found, [(("es.copies_elsewhere".to_owned(), "single".to_owned()), expected)].into());
    // It can be taken upon oneself by name, and only by that name.
    let gate = json!({"name": "es", "kind": "elasticsearch", "urls": urls, "nodes": ["n1", "n2", "n3"], "phase": "pre", "target": "n3"});
    for (object, passes) in [("single", true), ("other", false)] {
        let waiver = json!({"predicate": "es.copies_elsewhere", "reason": "rebuilt daily", "objects": [object]});
        let arguments =
            json!({"gates": [gate], "samples": 1, "wait_timeout": 0, "waivers": [waiver]});
        let called = call(&Desk::with(""), "cluster_gate", &arguments);
        assert_eq!(called.answer["failed"] != true, passes, "{}", called.answer);
    }
    // Of every index, also those that are made tomorrow, only where that is said.
    let mut waiver = json!({"predicate": "es.copies_elsewhere", "reason": "rebuilt daily"});
    let waived = |waiver: &Value| {
        let arguments =
            json!({"gates": [gate], "samples": 1, "wait_timeout": 0, "waivers": [waiver]});
        call(&Desk::with(""), "cluster_gate", &arguments)
    };
    let refused = waived(&waiver);
    assert!(
        refused.failed().contains("es.copies_elsewhere names no objects"),
        "{}",
        refused.answer
    );
    waiver["objects"] = json!(["*"]);
    let warned = waived(&waiver).well();
    assert!(warned["warnings"].to_string().contains("covers every index"), "{warned}");
}

#[test]
fn elasticsearch_has_a_register_of_shutdowns_unless_it_was_built_without() {
    let elastic = json!({"cluster_uuid": "u1", "version": {"number": "8.15.0"}, "tagline": "You Know, for Search"});
    for (status, body, passes) in [
        (200, json!({"nodes": []}), true),
        (200, json!({"nodes": [{"node_id": "i2", "type": "RESTART"}]}), false),
        (400, json!({"error": "no handler"}), true),
        (
            200,
            json!({"_nodes": {"total": 0, "successful": 0, "failed": 0}, "cluster_name": "c", "nodes": {}}),
            true,
        ),
        (200, json!({"nodes": {}}), false),
        (403, json!({}), false),
        // Of whoever stands between.
        (404, json!({}), false),
        (405, json!("<html>no</html>"), false),
    ] {
        let (elastic, answer) = (elastic.to_string(), body.to_string());
        let server = cluster(move |path| match path {
            "/" => Some(Reply::json(200, elastic.clone())),
            "/_nodes/shutdown" => Some(Reply::json(status, answer.clone())),
            _ => None,
        });
        let called = look(&[server.url().to_owned()], "pre", &json!({}));
        assert_eq!(called.answer["failed"] != true, passes, "{status} {body}: {}", called.answer);
    }
}

#[test]
fn credentials_go_to_the_cluster_and_show_nowhere() {
    let server = cluster(|path| {
        (path == "/_cat/master")
            .then(|| Reply::json(200, json!([{"node": "echo-hidden-key-77"}]).to_string()))
    });
    let urls = [server.url().to_owned()];
    let called = look(&urls, "pre", &json!({"api_key": "hidden-key-77"}));
    let heads: Vec<String> =
        server.requests().into_iter().map(|it| it.head.to_lowercase()).collect();
    assert!(
        heads.iter().all(|head| head.contains("authorization: apikey hidden-key-77")),
        "{heads:?}"
    );
    assert!(
        !called.run.stdout.contains("hidden-key-77")
            && !called.run.stderr.contains("hidden-key-77")
    );
    assert!(called.run.stdout.contains("the master echo-********"), "{}", called.run.stdout);
}

#[test]
fn what_cannot_be_asked_is_refused_before_anything_is() {
    for (more, words) in [
        (json!({"urls": []}), "urls is empty"),
        (json!({"urls": ["n1:9200"]}), "http"),
        (json!({"urls": ["http://me:secret@127.0.0.1:1"]}), "holds credentials"),
        (json!({"target": "n9"}), "target n9 is none of the nodes n1, n2, n3"),
        (json!({"nodes": ["n3", "n3"]}), "nodes names each node once"),
        (
            json!({"url": "http://127.0.0.1:1"}),
            "url is an option of http and prometheus, and it is elasticsearch",
        ),
        (json!({"servers": ["a"]}), "servers is an option of zookeeper, and it is elasticsearch"),
        (
            json!({"api_key": "hidden-key-77", "username": "me", "password": "hidden-word-78"}),
            "either api_key or username",
        ),
        (json!({"ca_path": "/none/ca.pem"}), "cannot use the certificates of /none/ca.pem"),
    ] {
        let called = look(&["http://127.0.0.1:1".to_owned()], "pre", &more);
        let refused = called.failed();
        assert!(refused.contains(words), "{more}: {refused}");
        assert!(called.answer.get("predicates").is_none(), "nothing was looked at");
    }
}
