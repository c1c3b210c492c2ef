//! The kind `kafka` of `cluster_gate`, where no broker is, and against brokers of the tests' own.

#![allow(clippy::unwrap_used, reason = "what a test cannot go on without, it panics on")]

#[cfg(feature = "kafka")]
#[path = "cluster_kafka/fakes.rs"]
mod fakes;
mod support;

use serde_json::{Value, json};
use support::cli::Desk;
use support::module::{Called, call};

fn look(more: &Value) -> Called {
    let mut gate = json!({
        "name": "k", "kind": "kafka", "bootstrap": ["127.0.0.1:1", "127.0.0.2:1"], "brokers": [1, "2", 3], "phase": "pre",
        "target": 3, "timeout": 1
    });
    for (name, value) in more.as_object().unwrap() {
        gate[name] = value.clone();
    }
    let arguments = json!({"gates": [gate], "samples": 1, "wait_timeout": 0});
    call(&Desk::with(""), "cluster_gate", &arguments)
}

#[test]
#[cfg(not(feature = "kafka"))]
fn a_build_without_kafka_says_so() {
    let called = look(&json!({}));
    assert!(called.failed().contains("gate k: this binary was built without Kafka support"));
    let bootstrap = ["127.0.0.1:1", "127.0.0.2:1"];
    for options in [
        json!({"bootstrap": bootstrap}),
        json!({"cluster": {"kind": "kafka", "bootstrap": bootstrap}, "target": 1}),
    ] {
        let called = call(&Desk::with(""), "kafka_leadership", &options);
        let words = "this binary was built without Kafka support";
        assert!(called.failed().contains(words), "{}", called.failed());
    }
}

/// Whatever is in the way is no proof that a broker is down.
#[test]
#[cfg(feature = "kafka")]
fn brokers_that_cannot_be_reached_are_unknown() {
    let called =
        look(&json!({"sasl_mechanism": "plain", "username": "me", "password": "hidden-word-78"}));
    let predicates = called.answer["predicates"].as_array().unwrap();
    assert!(predicates.len() > 8, "{predicates:?}");
    for predicate in predicates {
        assert_eq!(predicate["verdict"], "unknown", "{predicate}");
        assert!(predicate["evidence"].as_str().unwrap().contains("cannot connect"), "{predicate}");
    }
    assert!(!called.run.stdout.contains("hidden-word-78"));
}

#[test]
#[cfg(feature = "kafka")]
fn what_cannot_be_asked_is_refused_before_anything_is() {
    for (more, words) in [
        (json!({"bootstrap": []}), "bootstrap names 0 brokers; two or more"),
        (json!({"bootstrap": ["127.0.0.1:1", "127.0.0.1:1"]}), "bootstrap names 1 brokers"),
        (
            json!({"bootstrap": ["127.0.0.1", "127.0.0.2:1"]}),
            "\"127.0.0.1\" is no broker; expected host:port",
        ),
        (json!({"target": "n3"}), "target \"n3\" is no id"),
        (json!({"brokers": [1, 1]}), "brokers names each of them once"),
        (json!({"sasl_mechanism": "plain"}), "takes username and password"),
        (
            json!({"sasl_mechanism": "oauthbearer"}),
            "takes oauth_token, or oauth_token_file, and nothing else",
        ),
        (
            json!({"username": "me", "password": "hidden-word-78"}),
            "without effect without sasl_mechanism",
        ),
        (json!({"ca_path": "/none"}), "without effect without tls"),
        (json!({"client_cert": "/c", "client_key": "/k"}), "without effect without tls"),
        (json!({"nodes": ["a"]}), "nodes is an option of elasticsearch, and it is kafka"),
    ] {
        let called = look(&more);
        let refused = called.failed();
        assert!(refused.contains(words), "{more}: {refused}");
        assert!(called.answer.get("predicates").is_none(), "nothing was looked at");
    }
}
