//! The simulator over HTTP, as clients meet it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};
use spot_sim::{Fleet, Server};

const SSI: &str = "/aws/ec2/group/sig-1f0a5b3c/statefulInstance";

struct Demo {
    server: Server,
    client: reqwest::blocking::Client,
}

impl Demo {
    fn new() -> Demo {
        Demo::of(Fleet::demo().with_clock(Some(spot_sim::ClockMode::Virtual), None))
    }

    fn of(fleet: Fleet) -> Demo {
        rustls::crypto::ring::default_provider().install_default().ok();
        let client = reqwest::blocking::Client::builder().timeout(Duration::from_secs(20));
        let server = Server::start(fleet).expect("a free port");
        Demo { server, client: client.no_proxy().build().expect("a client") }
    }

    fn send(&self, method: &str, path: &str, body: &Value) -> reqwest::Result<(u16, String)> {
        let method = method.parse().expect("a method");
        let request = self.client.request(method, format!("{}{path}", self.server.url()));
        let request = request.header("authorization", "Bearer demo-token");
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let response = request.body(text).send()?;
        Ok((response.status().as_u16(), response.text()?))
    }

    fn json(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let seed = self.server.seed();
        let (status, text) = self
            .send(method, path, body)
            .unwrap_or_else(|error| panic!("{method} {path}: {error} (seed {seed})"));
        let json = serde_json::from_str(&text)
            .unwrap_or_else(|error| panic!("{method} {path}: {error} in {text} (seed {seed})"));
        (status, json)
    }

    fn fault(&self, fault: Value) {
        let answer = self.server.control("POST", "/_sim/faults", fault);
        assert!(answer["id"].is_u64(), "{answer}");
    }

    /// Everything the server sends on a connection of its own.
    fn raw(&self, path: &str) -> Vec<u8> {
        let address: SocketAddr = self.server.url()[7..].parse().expect("an address");
        let mut stream = TcpStream::connect(address).expect("a connection");
        let request = format!(
            "PUT {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer demo-token\r\ncontent-length: 0\r\n\
             connection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).expect("sent");
        let mut received = Vec::new();
        // A reset instead of an orderly end is as good a cut.
        stream.read_to_end(&mut received).ok();
        received
    }
}

#[test]
fn a_recycle_from_request_to_active() {
    let demo = Demo::new();
    let items = |demo: &Demo| demo.json("GET", SSI, &Value::Null).1["response"]["items"].clone();
    let before = items(&demo);
    let (status, answer) = demo.json("PUT", &format!("{SSI}/ssi-5e1f0001/recycle"), &Value::Null);
    assert_eq!(status, 200);
    assert_eq!(answer["response"], json!({"status": {"code": 200, "message": "OK"}}));
    assert_eq!(answer["request"]["url"], format!("{SSI}/ssi-5e1f0001/recycle"));
    demo.server.control("POST", "/_sim/advance", json!({"seconds": 600}));
    let after = items(&demo);
    assert_eq!(after[0]["state"], "ACTIVE");
    assert_ne!(after[0]["instanceId"], before[0]["instanceId"]);
    assert_eq!(after[0]["privateIp"], before[0]["privateIp"]);
}

#[test]
fn an_answer_has_the_limit_headers_and_echoes_path_and_query() {
    let demo = Demo::new();
    let url = format!("{}/aws/ec2/group?accountId=act-demo0001&x=%20", demo.server.url());
    let request = demo.client.get(url).header("authorization", "Bearer demo-token");
    let response = request.send().expect("an answer");
    let header = |name: &str| response.headers()[name].to_str().map(str::to_owned).ok();
    assert_eq!(header("X-RateLimit-Limit").as_deref(), Some("10000"));
    assert_eq!(header("X-RateLimit-Remaining").as_deref(), Some("9999"));
    assert_eq!(header("X-RateLimit-Reset").as_deref(), Some("0"));
    let body: Value = serde_json::from_str(&response.text().expect("a body")).expect("JSON");
    assert_eq!(body["request"]["url"], "/aws/ec2/group?accountId=act-demo0001&x=%20");
    assert_eq!(body["response"]["count"], 4);
}

#[test]
fn a_cut_connection_delivers_no_byte_before_and_after_the_commit() {
    for (kind, state) in [("cut_before_commit", "ACTIVE"), ("cut_after_commit", "RECYCLE")] {
        let demo = Demo::new();
        demo.fault(json!({"kind": kind, "method": "PUT"}));
        let path = format!("{SSI}/ssi-5e1f0001/recycle");
        assert_eq!(demo.raw(&path), b"", "{kind}");
        let (_, list) = demo.json("GET", SSI, &Value::Null);
        assert_eq!(list["response"]["items"][0]["state"], state, "{kind}");
        assert!(demo.send("PUT", &path, &Value::Null).is_err(), "a client sees an error");
        // On the connections that remain everything goes on.
        assert_eq!(demo.json("GET", SSI, &Value::Null).0, 200);
        assert!(demo.server.requests().iter().any(|line| line.status == 0 && line.method == "PUT"));
    }
}

#[test]
fn a_truncated_body_announces_more_than_it_sends() {
    let demo = Demo::new();
    demo.fault(json!({"kind": "truncated", "bytes": 10, "method": "PUT"}));
    let received = demo.raw(&format!("{SSI}/ssi-5e1f0001/recycle"));
    let text = String::from_utf8_lossy(&received);
    let (head, body) = text.split_once("\r\n\r\n").expect("a whole head");
    assert!(head.starts_with("HTTP/1.1 200 OK"));
    assert_eq!(body, "{\"request\"");
    assert!(!head.to_lowercase().contains("content-length: 10\r"));
    assert!(demo.send("PUT", &format!("{SSI}/ssi-5e1f0002/recycle"), &Value::Null).is_err());
}

#[test]
fn latency_is_real_and_does_not_hold_up_others() {
    let demo = Demo::new();
    demo.fault(json!({"kind": "latency", "ms": 1500, "route": SSI}));
    let slow = || demo.json("GET", SSI, &Value::Null).0;
    let both = std::thread::scope(|scope| {
        let slow = scope.spawn(slow);
        assert_eq!(demo.json("GET", "/aws/ec2/group", &Value::Null).0, 200);
        assert!(!slow.is_finished(), "the quick answer does not wait for the slow one");
        slow.join().expect("an answer")
    });
    assert_eq!(both, 200);
}

#[test]
fn the_log_has_every_request_and_no_token() {
    let demo = Demo::new();
    demo.json("GET", "/aws/ec2/group?accountId=act-demo0001&token=demo-token", &Value::Null);
    demo.json("PUT", "/aws/ec2/group/sig-1f0a5b3c", &json!({"group": {"description": "x"}}));
    let url = format!("{}/aws/ec2/group", demo.server.url());
    demo.client.get(url).header("authorization", "Bearer unknown-token").send().expect("401");
    let log = demo.server.requests();
    let brief =
        |index: usize| (log[index].method.as_str(), log[index].route.as_str(), log[index].status);
    assert_eq!(log.len(), 3);
    assert_eq!(brief(0), ("GET", "/aws/ec2/group", 200));
    assert_eq!(brief(1), ("PUT", "/aws/ec2/group/{groupId}", 200));
    assert_eq!(brief(2), ("GET", "/aws/ec2/group", 401));
    assert_eq!(log[1].body["group"]["description"], "x");
    assert_eq!(log[0].headers["authorization"], "REDACTED");
    let over_http = demo.json("GET", "/_sim/requests", &Value::Null).1;
    assert_eq!(over_http["requests"].as_array().map(Vec::len), Some(3));
    let state = demo.json("GET", "/_sim/state", &Value::Null).1;
    for text in [over_http.to_string(), state.to_string()] {
        assert!(!text.contains("demo-token") && !text.contains("unknown-token"));
    }
    demo.server.control("DELETE", "/_sim/requests", Value::Null);
    assert!(demo.server.requests().is_empty());
}

#[test]
fn the_control_api_moves_time_interrupts_edits_and_resets() {
    let demo = Demo::new();
    let health = demo.json("GET", "/_sim/health", &Value::Null).1;
    assert_eq!((&health["status"], &health["clock"]), (&json!("ok"), &json!("virtual")));
    let advanced = demo.json("POST", "/_sim/advance", &json!({"seconds": 90})).1;
    assert_eq!(advanced["now"], "2026-01-01T00:01:30Z");
    let id = json!({"instanceId": "i-0a1b2c3d4e5f60001"});
    assert_eq!(demo.json("POST", "/_sim/interrupt", &id).0, 200);
    assert_eq!(demo.json("POST", "/_sim/interrupt", &id).0, 400);
    let edit = json!({"instance": "ssi-5e1f0002", "set": {"state": "ERROR"}});
    assert_eq!(demo.json("POST", "/_sim/edit", &edit).0, 200);
    let list = demo.json("GET", SSI, &Value::Null).1;
    let states: Vec<&Value> =
        list["response"]["items"].as_array().expect("items").iter().map(|i| &i["state"]).collect();
    assert_eq!(states, ["RECYCLE", "ERROR", "ACTIVE"]);
    let settings = json!({"shapes": {"omit_kind": true}, "limits": {"default": 1}});
    assert_eq!(demo.json("POST", "/_sim/settings", &settings).0, 200);
    assert!(demo.json("GET", SSI, &Value::Null).1["response"].get("kind").is_none());
    assert_eq!(demo.json("GET", SSI, &Value::Null).0, 429);
    assert_eq!(demo.json("POST", "/_sim/reset", &json!({"seed": 5})).1["seed"], 5);
    assert_eq!(demo.json("GET", SSI, &Value::Null).1["response"]["items"][1]["state"], "ACTIVE");
    assert_eq!(demo.json("POST", "/_sim/faults", &json!({"kind": "nonsense"})).0, 400);
    assert_eq!(demo.json("POST", "/_sim/faults", &json!({"kind": "html", "rute": "/"})).0, 400);
    demo.fault(json!([{"kind": "html"}, {"kind": "stale"}]));
    assert_eq!(demo.json("DELETE", "/_sim/faults", &Value::Null).1["removed"], 2);
    assert_eq!(demo.json("POST", "/_sim/nothing", &Value::Null).0, 404);
}

#[test]
fn the_control_api_places_deployments_and_sets_off_what_nobody_asked_for() {
    let demo = Demo::new();
    let group = "/aws/ec2/group/sig-1f0a5b3c";
    let placed = json!({"group": "sig-1f0a5b3c", "status": "in_progress"});
    assert_eq!(demo.json("POST", "/_sim/deployment", &placed).0, 200);
    let update = json!({"group": {"description": "brokers"}});
    assert_eq!(demo.json("PUT", group, &update).0, 400);
    let ended = json!({"group": "sig-1f0a5b3c", "status": "finished"});
    demo.json("POST", "/_sim/deployment", &ended);
    assert_eq!(demo.json("PUT", group, &update).0, 200);
    for senseless in [json!({"group": "sig-9", "status": "failed"}), json!({"group": "x"})] {
        assert_eq!(demo.json("POST", "/_sim/deployment", &senseless).0, 400);
    }
    let suspended = json!({"suspensions": [{"name": "OUT_OF_STRATEGY", "ttlInMinutes": 5}]});
    demo.json("POST", &format!("{group}/suspension"), &suspended);
    let strike = |cause: &str| {
        let body = json!({"instanceId": "ssi-5e1f0001", "cause": cause});
        demo.json("POST", "/_sim/interrupt", &body)
    };
    assert_eq!(strike("out_of_strategy").1, json!({"blocked": "OUT_OF_STRATEGY"}));
    assert_eq!(strike("boredom").0, 400);
    assert_eq!(strike("schedule").0, 400);
    assert_eq!(strike("preventive_replacement").0, 200);
    demo.server.control("POST", "/_sim/advance", json!({"seconds": 600}));
    let state = demo.server.control("GET", "/_sim/state", Value::Null);
    let kafka = &state["groups"][0];
    assert_eq!(kafka["statefulInstances"][0]["recyclesByItself"], 1);
    assert_eq!(kafka["statefulInstances"][0]["recyclesAccepted"], 0);
    assert_eq!(kafka["suspensions"], json!([]), "it has expired");
    assert_eq!(state["autonomous"][0]["blockedBy"], "OUT_OF_STRATEGY");
    assert_eq!(state["terminations"][0]["cause"], "preventive_replacement");
    assert_eq!(state["accepted"][0]["sight"]["suspended"], json!(["OUT_OF_STRATEGY"]));
    let rates = json!({"autonomous": {"interruption": 60}});
    assert_eq!(demo.json("POST", "/_sim/settings", &rates).0, 200);
    assert_eq!(
        demo.json("POST", "/_sim/settings", &json!({"autonomous": {"unhealthy": -1}})).0,
        400
    );
    demo.server.control("POST", "/_sim/advance", json!({"seconds": 3600}));
    let state = demo.server.control("GET", "/_sim/state", Value::Null);
    assert!(state["autonomous"].as_array().map_or(0, Vec::len) > 10, "{}", state["autonomous"]);
}

#[test]
fn a_real_time_clock_runs_without_being_advanced() {
    let demo = Demo::of(Fleet::demo().with_clock(None, Some(5000.0)));
    demo.json("PUT", &format!("{SSI}/ssi-5e1f0001/recycle"), &Value::Null);
    for _ in 0..2000 {
        let list = demo.json("GET", SSI, &Value::Null).1;
        let item = &list["response"]["items"][0];
        if item["state"] == "ACTIVE" && item["instanceId"] != "i-0a1b2c3d4e5f60001" {
            return;
        }
    }
    panic!("the recycle never ended");
}

#[test]
fn only_loopback_addresses_are_served_and_a_dropped_server_is_gone() {
    let everyone: SocketAddr = "0.0.0.0:0".parse().expect("an address");
    let error = Server::start_on(Fleet::demo(), everyone).expect_err("refused");
    assert!(error.to_string().contains("loopback"), "{error}");
    let demo = Demo::new();
    let address: SocketAddr = demo.server.url()[7..].parse().expect("an address");
    assert!(TcpStream::connect(address).is_ok());
    drop(demo);
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn a_generated_fleet_has_the_size_that_was_asked_for() {
    let text = "{tokens: [{token: demo-token}], accounts: [{id: act-1, name: a}], shapes: {instance_id: 'null'},
                 generate: {groups: 200, instances_per_group: 5, paused_per_group: 1, stateless_groups: 3}}";
    let demo = Demo::of(Fleet::from_yaml(text).expect("a fleet"));
    let (_, list) = demo.json("GET", "/aws/ec2/group", &Value::Null);
    assert_eq!(list["response"]["count"], 203);
    let id = list["response"]["items"][199]["id"].as_str().expect("an id");
    let items = demo.json("GET", &format!("/aws/ec2/group/{id}/statefulInstance"), &Value::Null).1;
    let items = items["response"]["items"].as_array().cloned().expect("items");
    assert_eq!((items.len(), &items[4]["instanceId"]), (5, &Value::Null));
    let state = demo.server.control("GET", "/_sim/state", Value::Null);
    let mut addresses = std::collections::BTreeSet::new();
    for group in state["groups"].as_array().expect("groups") {
        for ssi in group["statefulInstances"].as_array().expect("instances") {
            assert!(addresses.insert(ssi["privateIp"].to_string()), "{ssi}");
        }
    }
    assert_eq!(addresses.len(), 1000);
}
