//! The kind `zookeeper` of `cluster_gate`, against servers that say what real ones do not say on demand.

#![allow(clippy::unwrap_used, reason = "what a test cannot go on without, it panics on")]

mod support;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use support::canned::{Canned, Reply};
use support::cli::Desk;
use support::cluster::{Secured, closed_port};
use support::keepers::{Said, dripping, keeper, keeper_on, keeper_with_tls, well};
use support::module::{Called, call};

fn text(said: impl Into<String>) -> Said {
    Said::Text(said.into())
}

fn good(mode: &'static str) -> impl Fn(&str) -> Said + Send + 'static {
    move |word| text(well(word, mode, 3))
}

/// A leader, a follower, and a third one.
fn three(third: impl Fn(&str) -> Said + Send + 'static) -> Vec<String> {
    vec![keeper(good("leader")), keeper(good("follower")), keeper(third)]
}

fn look(servers: &[String], phase: &str, target: &str, more: &Value) -> Called {
    let mut gate = json!({
        "name": "zk", "kind": "zookeeper", "servers": servers, "phase": phase, "target": target, "timeout": 2
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
    let predicates =
        called.answer["predicates"].as_array().unwrap_or_else(|| panic!("{}", called.answer));
    assert!(!predicates.is_empty());
    let bad = predicates.iter().filter(|it| it["verdict"] != "pass");
    bad.map(|it| {
        assert_eq!(it["kind"], "zookeeper");
        ((text(it, "name"), text(it, "object")), (text(it, "verdict"), text(it, "evidence")))
    })
    .collect()
}

#[test]
fn an_ensemble_that_is_whole_passes_and_changes_nothing() {
    let servers = three(good("follower"));
    for phase in ["pre", "post"] {
        let answer = look(&servers, phase, &servers[2], &json!({})).well();
        assert_eq!((&answer["verdict"], &answer["changed"]), (&json!("pass"), &json!(false)));
        let names = answer["predicates"].as_array().unwrap();
        let names: Vec<&str> = names.iter().map(|it| it["name"].as_str().unwrap()).collect();
        assert!(names.contains(&"zk.followers_synced") && names.contains(&"zk.servers_serve"));
        assert_eq!(names.contains(&"zk.znodes_alike"), phase == "post");
    }
}

#[test]
fn without_the_target_the_others_carry_on() {
    let leader = keeper(|word| text(well(word, "leader", 3).replace("\t2.0", "\t1.0")));
    let gone = format!("127.0.0.1:{}", closed_port());
    let servers = vec![leader, keeper(good("follower")), gone.clone()];
    look(&servers, "mid", &gone, &json!({})).well();
    let before = look(&servers, "pre", &gone, &json!({}));
    let why = &unmet(&before)[&("zk.servers_serve".to_owned(), gone)];
    assert_eq!(why, &("fail".to_owned(), "the connection is refused".to_owned()));
}

/// Each of these closes the connection in the ordinary way, or not at all, and none of them is health.
#[test]
fn what_tells_nothing_is_unknown_and_says_why() {
    let whitelist = |word: &str| match word {
        "srvr" => text(well(word, "follower", 3)),
        other => text(format!("{other} is not executed because it is not in the whitelist.\n")),
    };
    let half = |word: &str| {
        let said = well(word, "follower", 3);
        text(&said[..said.len() / 2])
    };
    let lost = |_: &str| text("This ZooKeeper instance is not currently serving requests\n");
    let page = |_: &str| text("HTTP/1.1 400 Bad Request\r\n\r\n<html>Bad Request</html>\n");
    let large = |word: &str| text(well(word, "follower", 3).repeat(20_000));
    type Answers = Box<dyn Fn(&str) -> Said + Send>;
    let cases: [(&str, Answers, &str, &str, &str); 8] = [
        (
            "whitelist",
            Box::new(whitelist),
            "zk.in_broadcast",
            "unknown",
            "mntr is not in its 4lw.commands.whitelist",
        ),
        ("nothing", Box::new(|_| text("")), "zk.servers_serve", "unknown", "the answer is empty"),
        ("half", Box::new(half), "zk.servers_serve", "unknown", "the answer to srvr is half"),
        ("lost", Box::new(lost), "zk.servers_serve", "fail", "it has no quorum"),
        ("page", Box::new(page), "zk.servers_serve", "unknown", "does not speak as ZooKeeper"),
        ("silent", Box::new(|_| Said::Silence), "zk.servers_serve", "unknown", "no answer in time"),
        ("endless", Box::new(large), "zk.servers_serve", "unknown", "too large"),
        (
            "imok",
            Box::new(|_| text("imok")),
            "zk.servers_serve",
            "unknown",
            "does not speak as ZooKeeper",
        ),
    ];
    for (what, third, name, verdict, words) in cases {
        let servers = three(third);
        let found = unmet(&look(&servers, "pre", &servers[0], &json!({})));
        let key = (name.to_owned(), servers[2].clone());
        let (said, evidence) = found.get(&key).unwrap_or_else(|| panic!("{what}: {found:?}"));
        assert_eq!(said, verdict, "{what}: {evidence}");
        assert!(evidence.contains(words), "{what}: {evidence}");
    }
}

#[test]
fn two_leaders_are_an_election_and_no_proof() {
    let servers = three(good("leader"));
    let found = unmet(&look(&servers, "pre", &servers[1], &json!({})));
    let (verdict, evidence) = &found[&("zk.one_leader".to_owned(), "ensemble".to_owned())];
    assert_eq!(verdict, "fail");
    assert!(evidence.starts_with("several lead: "), "{evidence}");
}

#[test]
fn words_go_through_tls_where_the_server_is_trusted() {
    let servers = vec![
        keeper_with_tls(good("leader")),
        keeper_with_tls(good("follower")),
        keeper_with_tls(good("follower")),
    ];
    let trusting = json!({"tls": true, "ca_path": Secured::authority()});
    look(&servers, "pre", &servers[1], &trusting).well();
    // Another authority, no TLS at all on the other side, and TLS where plain words are expected.
    let plain = three(good("follower"));
    let why = &unmet(&look(&plain, "pre", &plain[1], &trusting));
    assert!(
        why.values().any(|(verdict, evidence)| verdict == "unknown"
            && evidence.contains("no trusted connection")),
        "{why:?}"
    );
    let why = &unmet(&look(&servers, "pre", &servers[1], &json!({})));
    assert!(why.values().all(|(verdict, _)| verdict == "unknown"), "{why:?}");
}

#[test]
fn a_server_that_never_ends_its_handshake_is_late() {
    let servers =
        vec![dripping(), keeper_with_tls(good("leader")), keeper_with_tls(good("follower"))];
    let trusting = json!({"tls": true, "ca_path": Secured::authority(), "timeout": 1});
    let found = unmet(&look(&servers, "pre", &servers[1], &trusting));
    let (verdict, evidence) = &found[&("zk.servers_serve".to_owned(), servers[0].clone())];
    assert_eq!(verdict, "unknown");
    assert!(evidence.contains("no answer in time"), "{evidence}");
}

/// What an AdminServer says, as 3.9 says it.
fn admin(address: &str, port: u16, mode: &'static str) {
    let body = move |path: &str| match path {
        "/commands/monitor" if mode == "leader" => json!({
            "command": "monitor", "error": null, "server_state": "leader", "peer_state": "leading - broadcast",
            "synced_followers": 2, "synced_non_voting_followers": 0, "pending_syncs": 0
        }),
        "/commands/monitor" => json!({
            "command": "monitor", "error": null, "server_state": "follower", "peer_state": "following - broadcast"
        }),
        "/commands/voting_view" => {
            let voter = |id: u8| json!({"server_addresses": [format!("10.0.0.{id}:2888")], "learner_type": "PARTICIPANT"});
            json!({"command": "voting_view", "error": null, "current_config": {"1": voter(1), "2": voter(2), "3": voter(3)}})
        }
        _ => json!({"error": "no such command"}),
    };
    Canned::start_on((address, port), move |request| {
        Reply::json(200, body(request.head.split(' ').nth(1).unwrap()).to_string())
    });
}

#[test]
fn the_admin_server_tells_what_no_whitelist_hides() {
    let only_srvr = |mode: &'static str| {
        move |word: &str| match word {
            "srvr" => text(well(word, mode, 3)),
            other => text(format!("{other} is not executed because it is not in the whitelist.\n")),
        }
    };
    let port = closed_port();
    let mut servers = Vec::new();
    for (last, mode) in [(11, "leader"), (12, "follower"), (13, "follower")] {
        let address = format!("127.0.7.{last}");
        admin(&address, port, mode);
        servers.push(keeper_on(&address, only_srvr(mode)));
    }
    let by_admin = json!({"metrics": "admin", "admin_port": port});
    look(&servers, "pre", &servers[1], &by_admin).well();
    let by_words = unmet(&look(&servers, "pre", &servers[1], &json!({})));
    assert!(by_words.contains_key(&("zk.followers_synced".to_owned(), "ensemble".to_owned())));
    let none = unmet(&look(&servers, "pre", &servers[1], &json!({"metrics": "none"})));
    let (verdict, evidence) = &none[&("zk.followers_synced".to_owned(), "ensemble".to_owned())];
    assert_eq!(verdict, "unknown");
    assert!(evidence.contains("metrics is none"), "{evidence}");
}

#[test]
fn what_cannot_be_asked_is_refused_before_anything_is() {
    let one = |more: Value| {
        let mut gate = json!({"name": "zk", "kind": "zookeeper", "servers": ["a", "b", "c"], "phase": "pre", "target": "a"});
        for (name, value) in more.as_object().unwrap() {
            gate[name] = value.clone();
        }
        let gate = gate.as_object().unwrap().iter().filter(|(_, value)| !value.is_null());
        let gate: serde_json::Map<_, _> = gate.map(|(k, v)| (k.clone(), v.clone())).collect();
        call(&Desk::with(""), "cluster_gate", &json!({"gates": [gate], "wait_timeout": 60}))
            .failed()
            .to_owned()
    };
    for (more, words) in [
        (json!({"servers": []}), "gate zk: servers is empty"),
        (json!({"servers": ["a", "a:2181"]}), "gate zk: server a:2181 is named twice"),
        (json!({"servers": ["a b"]}), "is no server; expected host or host:port"),
        (json!({"target": "d"}), "target d:2181 is none of the servers a:2181, b:2181, c:2181"),
        (json!({"target": null}), "target"),
        (json!({"phase": "before"}), "phase"),
        (json!({"port": 1}), "port is an option of tcp, and it is zookeeper"),
        (json!({"equals": 1}), "equals is an option of"),
        (json!({"tls": true}), "tls needs ca_path"),
        (json!({"ca_path": "/x"}), "ca_path is without effect without tls or admin_https"),
        (
            json!({"tls": true, "ca_path": "/none/ca.pem"}),
            "cannot use the certificates of /none/ca.pem",
        ),
        (json!({"admin_port": 1}), "without effect unless metrics is admin"),
        (json!({"client_cert": "/x"}), "client_key"),
        (json!({"metrics": "guess"}), "metrics"),
    ] {
        let refused = one(more.clone());
        assert!(refused.contains(words), "{more}: {refused}");
    }
    let foreign =
        json!({"gates": [{"name": "t", "kind": "tcp", "host": "a", "port": 1, "servers": ["a"]}]});
    let called = call(&Desk::with(""), "cluster_gate", &foreign);
    let refused = called.failed();
    assert!(refused.contains("servers is an option of zookeeper, and it is tcp"), "{refused}");
}
