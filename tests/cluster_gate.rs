//! `cluster_gate` as Ansible runs it: the binary under the module's name, against servers on this machine.

#![allow(clippy::unwrap_used, reason = "what a test cannot go on without, it panics on")]

mod support;

use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use support::canned::{Canned, Reply};
use support::cli::Desk;
use support::cluster::closed_port;
use support::module::{Called, call};

fn desk() -> Desk {
    Desk::with("")
}

/// Calls it with these gates; one look unless `more` says otherwise.
fn gate(desk: &Desk, gates: &Value, more: Value) -> Called {
    let mut arguments = json!({"gates": gates, "samples": 1, "wait_timeout": 0});
    for (name, value) in more.as_object().unwrap() {
        arguments[name] = value.clone();
    }
    call(desk, "cluster_gate", &arguments)
}

/// Answers the path `/value/X` with `{"value": X}`, `/status/X` with that status, and others as named.
fn cluster() -> Canned {
    Canned::start(|request| {
        let path = request.head.split(' ').nth(1).unwrap();
        let (kind, rest) = path[1..].split_once('/').unwrap_or((&path[1..], ""));
        match kind {
            "value" => Reply::json(200, format!("{{\"status\": 200, \"value\": {rest}}}")),
            "status" => Reply::json(rest.parse().unwrap(), "{}"),
            "echo" => Reply::json(200, json!({"head": request.head}).to_string()),
            "series" => Reply::json(200, series(rest.split('/').next().unwrap())),
            _ => Reply::html(200, "<html>Please sign in</html>"),
        }
    })
}

/// `a=1,b=2` as Prometheus answers.
fn series(pairs: &str) -> String {
    let each = pairs.split(',').filter_map(|pair| pair.split_once('='));
    let result: Vec<Value> = each
        .map(|(broker, value)| json!({"metric": {"broker": broker}, "value": [1, value]}))
        .collect();
    json!({"status": "success", "data": {"resultType": "vector", "result": result}}).to_string()
}

#[test]
fn each_kind_passes_fails_or_is_unknown_with_its_evidence() {
    let (desk, server) = (desk(), cluster());
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let open = listener.local_addr().unwrap().port();
    let url = |path: &str| format!("{}{path}", server.url());
    let http = |path: &str, more: Value| merged(json!({"kind": "http", "url": url(path)}), more);
    let at_value =
        |path: &str, more: Value| http(path, merged(json!({"json_path": "$.value"}), more));
    let query = |pairs: &str, more: Value| {
        merged(
            json!({"kind": "prometheus", "url": url(&format!("/series/{pairs}")), "query": "q"}),
            more,
        )
    };
    let command = |script: &str, more: Value| {
        merged(json!({"kind": "command", "command": ["sh", "-c", script]}), more)
    };
    for (one, verdict, words) in [
        (json!({"kind": "tcp", "host": "127.0.0.1", "port": open}), "pass", "is accepted"),
        (json!({"kind": "tcp", "host": "127.0.0.1", "port": closed_port()}), "fail", "is refused"),
        (json!({"kind": "tcp", "host": "none.invalid", "port": 1}), "unknown", ""),
        (http("/status/200", json!({})), "pass", "status 200"),
        (http("/status/404", json!({})), "fail", "status 404, 200 wanted"),
        (http("/status/404", json!({"status": [200, "404"]})), "pass", "status 404"),
        (http("/status/404", json!({"status": 404})), "pass", "status 404"),
        (http("/status/403", json!({})), "unknown", "status 403"),
        (http("/status/503", json!({})), "unknown", "status 503"),
        (at_value("/value/0", json!({"equals": 0})), "pass", "0, 0 wanted"),
        (at_value("/value/0", json!({"equals": "0"})), "pass", "0, \"0\" wanted"),
        (at_value("/value/7", json!({"equals": 0})), "fail", "7, 0 wanted"),
        (at_value("/value/7", json!({"max": "6.5"})), "fail", "7, at most 6.5 wanted"),
        (at_value("/value/null", json!({"equals": 0})), "unknown", "null"),
        (
            at_value("/page", json!({"equals": 0})),
            "unknown",
            "not JSON: \"<html>Please sign in</html>\"",
        ),
        (at_value("/status/200", json!({"equals": 0})), "unknown", "nothing is at $"),
        (http("/page", json!({"matches": "sign in"})), "pass", "sign in"),
        (query("a=0,b=0", json!({"equals": 0})), "pass", "0, 0 wanted"),
        (query("a=0,b=3", json!({"max": 0})), "fail", "3.0, at most 0 wanted"),
        (query("a=NaN", json!({"max": 0})), "unknown", "NaN"),
        (query("", json!({"max": 0})), "unknown", "no series"),
        (query("", json!({"max": 0, "empty": "pass"})), "pass", "no series"),
        (query("", json!({"max": 0, "empty": "fail"})), "fail", "no series"),
        (command("echo 3", json!({"min": 2})), "pass", "\"3\", at least 2"),
        (command("exit 4", json!({})), "fail", "exit status 4, 0 wanted"),
        (command("exit 4", json!({"exit_status": 4})), "pass", "exit status 4"),
        (
            command("echo '{\"a\": [1, 2]}'", json!({"json_path": "$.a[*]", "max": 1})),
            "fail",
            "2, at most 1",
        ),
        (
            command("sleep 100", json!({"timeout": 1})),
            "unknown",
            "no answer in time: ended after 1 s",
        ),
        (json!({"kind": "command", "command": ["/none"]}), "unknown", "cannot start the command"),
    ] {
        let called = gate(&desk, &json!([merged(json!({"name": "it"}), one.clone())]), json!({}));
        let answer = called.answer;
        assert_eq!(answer["verdict"], verdict, "{one}: {answer}");
        assert_eq!(answer["failed"] == true, verdict != "pass", "{answer}");
        assert_eq!((&answer["changed"], &answer["looks"]), (&json!(false), &json!(1)));
        let found = answer["predicates"].as_array().unwrap();
        let worst = found.iter().find(|it| it["verdict"] == verdict).unwrap();
        assert!(worst["evidence"].as_str().unwrap().contains(words), "{one}: {answer}");
        assert_eq!(
            (&worst["name"], &worst["kind"], &worst["waived"]),
            (&json!("it"), &one["kind"], &json!(false))
        );
        if verdict != "pass" {
            let message = answer["msg"].as_str().unwrap();
            assert!(message.contains("it (") && message.contains(words), "{message}");
            assert!(message.contains(&format!("verdict {verdict}")), "{message}");
            assert_eq!(answer["retryable"], true);
        }
    }
}

/// What the page about Kafka tells to ask of Cruise Control, of answers as that gives them.
#[test]
fn a_mover_that_is_at_work_or_would_heal_keeps_the_gate_shut() {
    let page = std::fs::read_to_string("docs/kafka.md").unwrap();
    let told = |name: &str| {
        let begin = page.find(&format!("{{name: {name}, ")).unwrap();
        let end = begin + page[begin..].find('}').unwrap();
        serde_yaml::from_str::<Value>(&page[begin..=end]).unwrap()
    };
    let server = Canned::start(|request| {
        let path = request.head.split(' ').nth(1).unwrap();
        let (of, more) = path.split_once("/kafkacruisecontrol/state?json=true&").unwrap();
        let is_busy = of == "/busy";
        Reply::json(200, match more {
            "substates=executor" => json!({"ExecutorState": {
                "state": if is_busy { "INTER_BROKER_REPLICA_MOVEMENT_TASK_IN_PROGRESS" } else { "NO_TASK_IN_PROGRESS" }
            }, "version": 1}),
            "substates=anomaly_detector" => json!({"AnomalyDetectorState": {
                "selfHealingEnabled": if is_busy { json!(["BROKER_FAILURE"]) } else { json!([]) },
                "selfHealingDisabled": ["GOAL_VIOLATION"]
            }, "version": 1}),
            _ => json!({}),
        }.to_string())
    });
    for (name, of, verdict) in [
        ("mover", "idle", "pass"),
        ("mover", "busy", "fail"),
        ("healing", "idle", "pass"),
        ("healing", "busy", "fail"),
    ] {
        let mut one = told(name);
        let url = one["url"].as_str().unwrap();
        let asked = url.replace("http://cruise-control:9090", &format!("{}/{of}", server.url()));
        one["url"] = json!(asked);
        let answer = gate(&desk(), &json!([one]), json!({})).answer;
        assert_eq!(answer["verdict"], verdict, "{name} {of}: {answer}");
    }
}

fn merged(mut one: Value, other: Value) -> Value {
    for (name, value) in other.as_object().unwrap() {
        one[name] = value.clone();
    }
    one
}

#[test]
fn all_must_pass_and_each_that_does_not_is_named() {
    let (desk, server) = (desk(), cluster());
    let gates = json!([
        {"name": "lag", "kind": "prometheus", "url": format!("{}/series/a=0,b=9", server.url()), "query": "q", "max": 1},
        {"name": "page", "kind": "http", "url": format!("{}/status/500", server.url())},
        {"name": "fine", "kind": "http", "url": format!("{}/status/200", server.url())},
    ]);
    let called = gate(&desk, &gates, json!({}));
    let line = called.failed();
    for words in [
        "the gate stays shut, verdict fail: 2 of 4 predicates pass, after 1 look and 0 s; not passed: lag (p",
        "lag (prometheus {broker=\"b\"}) fail: 9.0, at most 1 wanted; page (http http://127.0.0.1",
        "/status/500) unknown: status 500, 200 wanted",
    ] {
        assert!(line.contains(words), "{line}");
    }
    assert!(!line.contains("fine"), "{line}");
    let names: Vec<&str> = called.answer["predicates"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["lag", "lag", "page", "fine"]);
}

#[test]
fn what_is_waived_is_reported_and_warned_of() {
    let (desk, server) = (desk(), cluster());
    let url = format!("{}/series/a=0,b=9", server.url());
    let gates = json!([{"name": "lag", "kind": "prometheus", "url": url, "query": "q", "max": 1}]);
    let waiver = |objects: Value| json!({"waivers": [{"predicate": "lag", "reason": "rebuilt until noon", "objects": objects}]});
    for objects in [json!("{broker=\"b\"}"), json!(["*b*"])] {
        let answer = gate(&desk, &gates, waiver(objects.clone())).well();
        assert_eq!(answer["verdict"], "pass", "{answer}");
        let b = &answer["predicates"][1];
        assert_eq!((&b["verdict"], &b["waived"]), (&json!("fail"), &json!(true)), "{answer}");
        let warning = answer["warnings"][0].as_str().unwrap();
        assert!(warning.contains("waived (rebuilt until noon): lag"), "{warning}");
    }
    for objects in [json!([]), json!(""), json!(["a"]), json!("{broker=\"a\"}")] {
        let called = gate(&desk, &gates, waiver(objects.clone()));
        called.failed();
        let warning = called.answer["warnings"][0].as_str().unwrap();
        assert!(warning.contains("waiver of lag has no effect"), "{objects}: {warning}");
    }
    let misspelt = gate(&desk, &gates, json!({"waivers": [{"predicate": "lagg", "reason": "x"}]}));
    assert!(misspelt.answer["warnings"][0].as_str().unwrap().contains("lagg has no effect"));
}

#[test]
fn options_that_would_prove_less_than_they_seem_to_are_refused() {
    let desk = desk();
    let tcp = || json!({"name": "a", "kind": "tcp", "host": "127.0.0.1", "port": 1});
    let http = |more: Value| {
        merged(json!({"name": "a", "kind": "http", "url": "http://127.0.0.1:1"}), more)
    };
    let query = |more: Value| {
        merged(
            json!({"name": "a", "kind": "prometheus", "url": "http://127.0.0.1:1", "query": "q"}),
            more,
        )
    };
    let many = |gates: Value| json!({"gates": gates});
    let one = |gate: Value| json!({"gates": [gate]});
    for (arguments, words) in [
        (json!({}), "missing required arguments: gates"),
        (many(json!([])), "gates is empty"),
        (one(http(json!({"matches": " "}))), "matches everything"),
        (many(json!("tcp")), "Elements value for option 'gates'"),
        (many(json!([tcp(), tcp()])), "two gates are called a"),
        (one(merged(tcp(), json!({"hots": "x"}))), "gates.hots (did you mean host?)"),
        (
            one(merged(tcp(), json!({"port": "ssh"}))),
            "argument 'port' is of type <class 'str'> found in gates",
        ),
        (one(merged(tcp(), json!({"port": 0}))), "value of port must be from 1 to 65535"),
        (
            one(json!({"name": "a", "kind": "tcp", "host": "h"})),
            "kind is tcp but all of the following are missing: port",
        ),
        (
            one(json!({"name": "a", "kind": "http"})),
            "kind is http but all of the following are missing: url",
        ),
        (one(json!({"name": "a", "kind": "command"})), "are missing: command"),
        (one(json!({"name": "a", "kind": "prometheus", "url": "x"})), "are missing: query"),
        (
            one(merged(tcp(), json!({"kind": "udp"}))),
            "value of kind must be one of: tcp, http, command, prometheus",
        ),
        (
            one(merged(tcp(), json!({"equals": 1}))),
            "gate a: equals is an option of http and command and prometheus, and it is tcp",
        ),
        (one(merged(tcp(), json!({"query": "q"}))), "query is an option of prometheus"),
        (one(merged(tcp(), json!({"name": " a"}))), "the name of a gate"),
        (one(merged(tcp(), json!({"name": "a\u{1b}[2J"}))), "the name of a gate"),
        (one(http(json!({"json_path": "$.a"}))), "nothing says what it must be"),
        (one(http(json!({"json_path": "", "equals": 1}))), "no JSON path"),
        (one(http(json!({"json_path": null}))), "option json_path is empty (null) found in gates"),
        (one(http(json!({"equals": null}))), "option equals is empty (null) found in gates"),
        (one(http(json!({"matches": null}))), "option matches is empty (null) found in gates"),
        (one(http(json!({"max": null}))), "option max is empty (null) found in gates"),
        (
            json!({"gates": [tcp()], "waivers": [{"predicate": "a", "reason": "b", "objects": null}]}),
            "option objects is empty (null) found in waivers",
        ),
        (json!({"gates": [tcp()], "run_id": "", "node": "ssi-1"}), "option run_id is empty"),
        (json!({"gates": [tcp(), null]}), "element 2 of 2 is null"),
        (
            one(http(json!({"json_path": "$.a", "max": ""}))),
            "argument 'max' is of type <class 'str'>",
        ),
        (one(http(json!({"matches": "["}))), "no regular expression"),
        (one(http(json!({"min": 3, "max": 2}))), "min 3 is more than max 2"),
        (one(http(json!({"method": "DELETE"}))), "value of method must be one of: GET, HEAD, POST"),
        (one(http(json!({"status": [20]}))), "status is a list"),
        (one(http(json!({"status": []}))), "status is a list"),
        (one(http(json!({"username": "me"}))), "username needs password, password_file or"),
        (one(http(json!({"url": "http://me:canary@h/"}))), "holds credentials"),
        (one(http(json!({"ca_path": "/none.pem"}))), "cannot use the certificates of /none.pem"),
        (one(query(json!({}))), "nothing says what the values must be"),
        (one(query(json!({"equals": "green"}))), "equals is a number"),
        (one(query(json!({"json_path": "$"}))), "json_path is an option of http and command"),
        (one(json!({"name": "a", "kind": "command", "command": []})), "begins with a program"),
        (
            json!({"gates": [tcp()], "wait_timeout": 9}),
            "less than the 10 s that samples, spacing and window take",
        ),
        (json!({"gates": [tcp()], "samples": 0}), "value of samples must be from 1 to 1000"),
        (
            json!({"gates": [tcp()], "waivers": [{"predicate": "a"}]}),
            "missing required arguments: reason",
        ),
        (
            json!({"gates": [tcp()], "waivers": [{"predicate": "a", "reason": " "}]}),
            "gives no reason",
        ),
        (json!({"gates": [tcp()], "time_out": 5}), "did you mean timeout?"),
    ] {
        let called = call(&desk, "cluster_gate", &arguments);
        let line = called.failed();
        assert!(line.contains(words), "{arguments}: {line}");
        assert!(!line.contains("canary"), "{line}");
        assert!(called.answer.get("verdict").is_none(), "nothing was looked at: {line}");
    }
}

#[test]
fn in_check_mode_it_looks_once_and_fails_nothing() {
    let (desk, server) = (desk(), cluster());
    for (status, verdict) in [(200, "pass"), (404, "fail"), (500, "unknown")] {
        let gates = json!([{"name": "a", "kind": "http", "url": format!("{}/status/{status}", server.url())}]);
        let more = json!({"samples": 3, "wait_timeout": 900, "_ansible_check_mode": true});
        let answer = gate(&desk, &gates, more).well();
        assert_eq!((&answer["verdict"], &answer["looks"]), (&json!(verdict), &json!(1)));
        assert_eq!(answer["changed"], false);
        let message = answer["msg"].as_str().unwrap();
        assert!(message.contains("check mode: looked once and waited for nothing"), "{message}");
    }
    let wrong = gate(&desk, &json!([]), json!({"_ansible_check_mode": true}));
    assert!(wrong.failed().contains("gates is empty"), "what is wrong is wrong in check mode, too");
}

#[test]
fn no_secret_shows_even_if_the_server_repeats_it() {
    let (desk, server) = (desk(), cluster());
    let gates = json!([
        {"name": "echo", "kind": "http", "url": format!("{}/echo/?key=canary-query", server.url()), "json_path": "$.head",
         "headers": {"Authorization": "Bearer canary-bearer", "X-Key": "canary-header"}, "equals": "x"},
        {"name": "login", "kind": "http", "url": format!("{}/echo/", server.url()), "json_path": "$.head",
         "username": "me", "password": "canary-password", "matches": "^x"},
        {"name": "html", "kind": "prometheus", "url": format!("{}/page", server.url()), "query": "canary{}",
         "headers": {"X-Key": "canary-header"}, "max": 1},
        {"name": "run", "kind": "command", "command": ["sh", "-c", "exit 1", "canary-argument"]},
    ]);
    for more in [json!({}), json!({"_ansible_check_mode": true, "_ansible_verbosity": 4})] {
        let called = gate(&desk, &gates, more);
        let text = format!("{}{}", called.run.stdout, called.run.stderr);
        // The query of the URL is the server's own words here, and no secret that was given as one.
        let text = text.replace("canary-query", "");
        assert!(!text.contains("canary"), "{text}");
        // "me:canary-password" as HTTP writes it.
        assert!(!text.contains("bWU6Y2FuYXJ5"), "{text}");
    }
    assert!(
        server.requests().iter().any(|it| it.head.contains("authorization: Bearer canary-bearer"))
    );
}

/// Good only from the third look on.
fn recovering() -> Canned {
    let looks = AtomicUsize::new(0);
    Canned::start(move |_| {
        let value = 2_usize.saturating_sub(looks.fetch_add(1, Ordering::Relaxed));
        Reply::json(200, value.to_string())
    })
}

#[test]
fn it_waits_until_the_gate_opens_and_says_what_for() {
    let (desk, server) = (desk(), recovering());
    let gates =
        json!([{"name": "lag", "kind": "http", "url": server.url(), "json_path": "$", "max": 0}]);
    let more = json!({"samples": 2, "spacing": 1, "wait_timeout": 60, "stall_timeout": 30});
    let called = gate(&desk, &gates, more);
    let stderr = called.run.stderr.clone();
    let answer = called.well();
    assert_eq!((&answer["verdict"], &answer["looks"]), (&json!("pass"), &json!(4)), "{answer}");
    assert_eq!(server.requests().len(), 4);
    assert!(stderr.contains("progress: 0 of 1 predicates pass"), "{stderr}");
    assert!(stderr.contains("waiting for lag (http http://127.0.0.1"), "{stderr}");
}

#[test]
fn it_gives_up_at_the_limit_or_when_nothing_moves() {
    let (desk, server) = (desk(), cluster());
    let gates = json!([{"name": "lag", "kind": "http", "url": format!("{}/value/7", server.url()),
                        "json_path": "$.value", "max": 0}]);
    let called = gate(&desk, &gates, json!({"spacing": 1, "wait_timeout": 2}));
    let line = called.failed();
    assert!(line.contains("0 of 1 predicates pass, after "), "{line}");
    assert!(called.answer["waited_seconds"].as_u64() >= Some(2), "{}", called.answer);
    let stalled =
        gate(&desk, &gates, json!({"spacing": 1, "wait_timeout": 900, "stall_timeout": 1}));
    assert!(stalled.failed().contains("given up, nothing moved for 1 s"), "{}", stalled.answer);
}

/// What is wrong with it is told, and nothing is asked or run.
#[test]
fn a_gate_that_is_only_read_is_not_looked_at() {
    let (desk, server) = (desk(), cluster());
    let ran = desk.home.path().join("ran");
    let gates = json!([
        {"name": "run", "kind": "command", "command": ["touch", ran]},
        {"name": "ask", "kind": "http", "url": server.url()},
    ]);
    let read = gate(&desk, &gates, json!({"look": false})).well();
    assert_eq!(
        (&read["verdict"], &read["predicates"], &read["looks"]),
        (&json!("unknown"), &json!([]), &json!(0))
    );
    for (gates, more, words) in [
        (json!([{"name": "a", "kind": "tcp", "hots": "x"}]), json!({}), "hots"),
        (json!([{"name": "a", "kind": "tcp", "host": "x", "port": "many"}]), json!({}), "port"),
        (json!([{"name": "a", "kind": "http", "url": "htp:/x"}]), json!({}), "gate a: "),
        (gates.clone(), json!({"samples": 3, "spacing": 1, "window": 86401}), "window"),
        (gates, json!({"run_id": "r", "node": "ssi-1"}), "run r relies on what its gates see"),
    ] {
        let refused = gate(&desk, &gates, merged(json!({"look": false}), more));
        assert!(refused.failed().contains(words), "{words}: {}", refused.failed());
    }
    assert_eq!((ran.exists(), server.requests().len()), (false, 0));
}
