use serde_json::{Value, json};

use crate::request::{Delivery, Request};
use crate::scenario::{Scenario, code, target};

const GROUP: &str = "/aws/ec2/group/sig-plain";

#[test]
fn a_missing_or_unknown_token_is_401_with_limit_headers() {
    let mut sim = Scenario::new();
    let outcome = sim.send("wrong", "GET", "/aws/ec2/group", Value::Null);
    assert_eq!(outcome.status, 401);
    assert!(outcome.json()["response"]["errors"][0]["message"].is_string());
    assert!(outcome.header("X-RateLimit-Limit").is_some());
    let bare = Request { method: "GET".to_owned(), path: GROUP.to_owned(), ..Request::default() };
    assert_eq!(sim.world.handle(&bare, sim.now).status, 401);
}

#[test]
fn who_may_do_what() {
    let table = [
        ("admin", "GET", "/aws/ec2/group?accountId=act-9", "Account_DOESNT_EXIST"),
        ("admin", "GET", "/aws/ec2/group/sig-9", "GROUP_DOESNT_EXIST"),
        ("admin", "GET", "/aws/ec2/group/sig-plain?accountId=act-2", "GROUP_DOESNT_EXIST"),
        ("admin", "GET", "/aws/ec2/managedInstance/smi-9", "MANAGED_INSTANCE_DOESNT_EXIST"),
        ("viewer", "PUT", "/aws/ec2/group/sig-plain", "GENERAL_ERROR"),
        ("viewer", "GET", "/setup/account", "GENERAL_ERROR"),
        ("other", "GET", "/aws/ec2/group?accountId=act-1", "GENERAL_ERROR"),
        ("other", "GET", "/setup/account/act-1", "GENERAL_ERROR"),
        ("nobody", "GET", "/aws/ec2/group", "GENERAL_ERROR"),
        ("admin", "GET", "/setup/account/act-9", "Account_DOESNT_EXIST"),
    ];
    let mut sim = Scenario::new();
    for (token, method, path, expected) in table {
        let outcome = sim.send(token, method, path, Value::Null);
        assert_eq!((outcome.status, code(&outcome).as_str()), (400, expected), "{token} {path}");
        if expected == "GENERAL_ERROR" {
            let message = &outcome.json()["response"]["errors"][0]["message"];
            assert_eq!(message, "An unknown error occurred");
        }
    }
    for (token, path) in [
        ("viewer", "/aws/ec2/group"),
        ("other", "/aws/ec2/group?accountId=act-2"),
        ("other", "/aws/ec2/group?spotinstAccountId=act-2"),
        ("other", "/setup/account?cloudAccountId=1"),
        ("admin", "/setup/account"),
    ] {
        assert_eq!(sim.send(token, "GET", path, Value::Null).status, 200, "{token} {path}");
    }
}

#[test]
fn an_unknown_route_is_a_404_in_the_vendors_shape() {
    let mut sim = Scenario::new();
    for (method, path) in [("GET", "/aws/ec2/nothing"), ("PATCH", "/aws/ec2/group")] {
        let outcome = sim.send("admin", method, path, Value::Null);
        assert_eq!(outcome.status, 404);
        assert_eq!(outcome.json()["response"]["status"]["code"], 404);
        assert!(outcome.json()["response"]["errors"][0]["code"].is_string());
    }
}

#[test]
fn over_the_limit_the_answer_has_data_and_early_retries_are_punished() {
    let mut sim =
        Scenario::with("limits: {default: 9, routes: {'get /aws/ec2/group/{id}/status': 1}}");
    let path = "/aws/ec2/group/sig-plain/status";
    let first = sim.send("admin", "GET", path, Value::Null);
    assert_eq!(first.header("X-RateLimit-Remaining"), Some("0"));
    assert_eq!(first.header("X-RateLimit-Reset"), Some("60"));
    sim.advance(30.0);
    // Another group, the same route: one bucket.
    let blocked = sim.send("viewer", "GET", "/aws/ec2/group/sig-web/status", Value::Null);
    assert_eq!(blocked.status, 429);
    assert_eq!(blocked.json()["response"]["data"], "Rate limit exceeded");
    assert!(blocked.json()["response"].get("errors").is_none());
    assert_eq!(blocked.header("X-RateLimit-Reset"), Some("60"));
    sim.advance(59.0);
    assert_eq!(sim.send("admin", "GET", path, Value::Null).status, 429);
    sim.advance(60.0);
    assert_eq!(sim.send("admin", "GET", path, Value::Null).status, 200);
}

#[test]
fn an_update_merges_deeply_replaces_arrays_and_guards_what_is_fixed() {
    let mut sim = Scenario::new();
    let patch = json!({"group": {"compute": {"launchSpecification": {"tags": [{"tagKey": "a", "tagValue": "b"}],
        "keyPair": "k"}}, "description": "d"}});
    assert_eq!(sim.put(GROUP, patch).status, 200);
    let outcome = sim.put(GROUP, json!({"group": {"description": null}}));
    let group = &outcome.json()["response"]["items"][0];
    assert_eq!(group["compute"]["launchSpecification"]["keyPair"], "k");
    assert_eq!(group["compute"]["launchSpecification"]["imageId"], "ami-new");
    assert_eq!(
        group["compute"]["launchSpecification"]["tags"],
        json!([{"tagKey": "a", "tagValue": "b"}])
    );
    assert!(group.get("description").is_none());
    for refused in [
        json!({"group": {"capacity": {"unit": "weight"}}}),
        json!({"group": {"compute": {"product": "Windows (Amazon VPC)"}}}),
        json!({"group": {"capacity": {"minimum": 9}}}),
        json!({"group": {"compute": {"instanceTypes": {"onDemandTypes": ["m5.large"]}}}}),
        json!({}),
    ] {
        let outcome = sim.put(GROUP, refused.clone());
        assert_eq!(
            (outcome.status, code(&outcome).as_str()),
            (400, "ValidationError"),
            "{refused}"
        );
    }
    let outcome = sim.put(GROUP, json!({"group": {"capacity": {"minimum": 1, "target": 0}}}));
    let error = &outcome.json()["response"]["errors"][0];
    assert_eq!(error["message"], "\"minimum\" must be less than or equal to 0");
    assert_eq!(error["field"], "body:group.capacity.minimum");
}

#[test]
fn suspensions_come_and_go_and_end_by_themselves() {
    let mut sim = Scenario::new();
    let path = "/aws/ec2/group/sig-plain/suspension";
    let body = json!({"processes": ["AUTO_SCALE"], "suspensions": [{"name": "SCHEDULING", "ttlInMinutes": 1}]});
    let outcome = sim.send("admin", "POST", path, body);
    let item = &outcome.json()["response"]["items"][0];
    assert_eq!(item["processes"], json!(["AUTO_SCALE", "SCHEDULING"]));
    assert_eq!(item["suspensions"][1]["expiresAt"], "2026-01-01T00:01:00.000Z");
    sim.advance(60.0);
    assert_eq!(sim.get(path)[0]["processes"], json!(["AUTO_SCALE"]));
    assert_eq!(sim.send("admin", "POST", path, json!({"processes": ["NAPPING"]})).status, 400);
    assert_eq!(sim.send("admin", "DELETE", path, json!({"processes": ["AUTO_SCALE"]})).status, 200);
    assert_eq!(sim.get(path)[0]["processes"], json!([]));
}

#[test]
fn a_cut_before_the_commit_changes_nothing_and_one_after_it_does() {
    for (kind, expected) in [("cut_before_commit", 2), ("cut_after_commit", 3)] {
        let mut sim = Scenario::new();
        sim.fault(json!({"kind": kind, "method": "PUT", "count": 1}));
        let outcome = sim.put(GROUP, target(3));
        assert_eq!(outcome.delivery, Delivery::Cut);
        assert_eq!(sim.get(GROUP)[0]["capacity"]["target"], expected, "{kind}");
        assert_eq!(sim.world.log[0].status, 0);
    }
}

#[test]
fn failures_come_in_all_forms_before_or_after_the_commit() {
    let mut sim = Scenario::new();
    sim.fault(
        json!({"kind": "status", "status": 500, "committed": true, "method": "PUT", "count": 1}),
    );
    assert_eq!(sim.put(GROUP, target(3)).status, 500);
    assert_eq!(sim.get(GROUP)[0]["capacity"]["target"], 3);
    let form = |sim: &mut Scenario, fault: Value| {
        sim.world.faults.all.clear();
        sim.fault(fault);
        let outcome = sim.send("admin", "GET", GROUP, Value::Null);
        (outcome.status, String::from_utf8(outcome.body.clone()).unwrap(), outcome)
    };
    let (status, body, _) =
        form(&mut sim, json!({"kind": "status", "status": 502, "format": "html"}));
    assert!(status == 502 && body.starts_with("<!DOCTYPE"));
    let (status, body, _) =
        form(&mut sim, json!({"kind": "status", "status": 400, "format": "text"}));
    assert_eq!((status, body.as_str()), (400, "Bad Request"));
    let (status, _, outcome) = form(
        &mut sim,
        json!({"kind": "status", "status": 400, "code": "CANT_CREATE_GROUP", "message": "Failed to create group"}),
    );
    assert_eq!((status, code(&outcome).as_str()), (400, "CANT_CREATE_GROUP"));
    let (status, body, _) = form(&mut sim, json!({"kind": "html"}));
    assert!(status == 200 && body.starts_with("<!DOCTYPE"));
    let (_, body, _) = form(&mut sim, json!({"kind": "broken_json"}));
    assert!(serde_json::from_str::<Value>(&body).is_err());
    let (_, _, outcome) = form(&mut sim, json!({"kind": "truncated", "bytes": 5}));
    assert_eq!(outcome.delivery, Delivery::Truncated(5));
    let (status, _, outcome) = form(&mut sim, json!({"kind": "body_code", "code": 500}));
    assert_eq!((status, &outcome.json()["response"]["status"]["code"]), (200, &json!(500)));
    let (_, body, _) = form(&mut sim, json!({"kind": "body", "body": {"odd": true}}));
    assert_eq!(body, r#"{"odd":true}"#);
    let (_, _, outcome) = form(&mut sim, json!({"kind": "count_off", "by": 3}));
    assert_eq!(outcome.json()["response"]["count"], 4);
    let (_, _, outcome) = form(&mut sim, json!({"kind": "duplicate_items"}));
    assert_eq!(outcome.json()["response"]["items"].as_array().map(Vec::len), Some(2));
    let (_, _, outcome) = form(&mut sim, json!({"kind": "latency", "ms": 70}));
    assert_eq!((outcome.status, outcome.delay.as_millis()), (200, 70));
}

#[test]
fn an_injected_429_has_its_hints_or_not() {
    let mut sim = Scenario::new();
    sim.fault(json!({"kind": "rate_limited", "count": 1}));
    sim.fault(json!({"kind": "rate_limited", "reset": false, "retry_after": 7, "nth": 2}));
    let first = sim.send("admin", "GET", GROUP, Value::Null);
    assert_eq!((first.status, first.header("x-ratelimit-reset")), (429, Some("60")));
    let second = sim.send("admin", "GET", GROUP, Value::Null);
    assert_eq!((second.status, second.header("x-ratelimit-reset")), (429, None));
    assert_eq!(second.header("retry-after"), Some("7"));
    assert_eq!(sim.send("admin", "GET", GROUP, Value::Null).status, 200);
}

#[test]
fn a_stale_read_shows_what_was() {
    let mut sim = Scenario::new();
    sim.put(GROUP, target(1));
    sim.put(GROUP, target(0));
    sim.advance(100.0);
    sim.put(GROUP, target(3));
    let read = |sim: &mut Scenario, fault: Value| {
        sim.world.faults.all.clear();
        sim.fault(fault);
        sim.get(GROUP)[0]["capacity"]["target"].clone()
    };
    assert_eq!(read(&mut sim, json!({"kind": "stale", "seconds": 0})), 3);
    assert_eq!(read(&mut sim, json!({"kind": "stale", "seconds": 50})), 0);
    assert_eq!(read(&mut sim, json!({"kind": "stale", "seconds": 5000})), 2);
    sim.world.faults.all.clear();
    sim.advance(3600.0);
    sim.get(GROUP);
    sim.put(GROUP, target(2));
    assert_eq!(read(&mut sim, json!({"kind": "stale"})), 3, "before the last change");
}

#[test]
fn a_lost_update_is_answered_and_not_kept() {
    let mut sim = Scenario::new();
    sim.fault(json!({"kind": "lost_update", "count": 2, "method": "PUT"}));
    let answer = sim.put(GROUP, target(5)).json();
    assert_eq!(answer["response"]["items"][0]["capacity"]["target"], 5);
    assert_eq!(sim.act("sig-plain", "ssi-1", "recycle"), 200);
    sim.advance(3600.0);
    assert_eq!(sim.get(GROUP)[0]["capacity"]["target"], 2);
    assert_eq!(
        (sim.list("sig-plain").len(), sim.state("sig-plain", "ssi-1").as_str()),
        (3, "ACTIVE")
    );
    assert_eq!(sim.ssi("sig-plain", "ssi-1")["imageId"], "ami-old");
}

#[test]
fn a_part_of_an_update_may_not_be_kept_though_it_is_answered() {
    let mut sim = Scenario::new();
    let fields = json!(["strategy.persistence", "compute.launchSpecification.keyPair"]);
    sim.fault(json!({"kind": "partial_update", "fields": fields, "count": 1}));
    let update = json!({"group": {"description": "kept", "compute": {"launchSpecification": {"imageId": "ami-4", "keyPair": "k"}},
        "strategy": {"persistence": {"shouldPersistPrivateIp": false}}}});
    let answered = sim.put(GROUP, update).json()["response"]["items"][0].clone();
    assert_eq!(answered["strategy"]["persistence"]["shouldPersistPrivateIp"], false);
    assert_eq!(answered["compute"]["launchSpecification"]["keyPair"], "k");
    let kept = sim.get(GROUP).remove(0);
    assert_eq!(kept["strategy"]["persistence"]["shouldPersistPrivateIp"], true);
    assert_eq!(kept["compute"]["launchSpecification"]["imageId"], "ami-4");
    assert!(kept["compute"]["launchSpecification"].get("keyPair").is_none());
    assert_eq!(kept["description"], "kept");
    let bare = serde_json::from_value(json!({"kind": "partial_update"}));
    assert!(bare.is_ok_and(|fault: crate::FaultSpec| fault.objection().is_some()));
}

#[test]
fn an_update_merges_persistence_by_field_and_moves_updated_at() {
    let mut sim = Scenario::new();
    let before = sim.get(GROUP).remove(0);
    sim.advance(60.0);
    let root = json!({"group": {"strategy": {"persistence": {"shouldPersistRootDevice": true}}}});
    sim.put(GROUP, root);
    let after = sim.get(GROUP).remove(0);
    assert_eq!(
        after["strategy"]["persistence"],
        json!({"shouldPersistRootDevice": true, "shouldPersistBlockDevices": true,
            "shouldPersistPrivateIp": true, "blockDevicesMode": "reattach"})
    );
    assert!(after["updatedAt"].as_str() > before["updatedAt"].as_str());
    sim.put(GROUP, json!({"group": {"strategy": {"persistence": null}}}));
    assert!(sim.get(GROUP)[0]["strategy"].get("persistence").is_none());
    assert_eq!(sim.list("sig-plain").len(), 3, "what was stateful is not forgotten");
    sim.put(GROUP, target(1));
    sim.advance(3600.0);
    assert_eq!(sim.status("sig-plain").len(), 1, "no members are made of it");
}

#[test]
fn irregular_shapes_are_switched_per_fleet_group_and_instance() {
    let head = "shapes: {instance_id: empty, timestamps: offset, persistence: array, unknown_fields: true}";
    let mut sim = Scenario::with(head);
    assert_eq!(sim.ssi("sig-plain", "ssi-3")["instanceId"], "");
    let created_at = sim.ssi("sig-plain", "ssi-1")["createdAt"].clone();
    assert_eq!(created_at, "2026-01-01T00:00:00.000+0000");
    let group = sim.get(GROUP).remove(0);
    assert!(group["strategy"]["persistence"].is_array());
    assert!(group["fieldOfTheFuture"].is_object());
    let shape = |sim: &mut Scenario, edit: Value| {
        crate::edit::edit(&mut sim.world, &edit, sim.now).unwrap();
    };
    shape(&mut sim, json!({"instance": "ssi-3", "set": {"shapes": {"instance_id": "null"}}}));
    assert_eq!(sim.ssi("sig-plain", "ssi-3")["instanceId"], Value::Null);
    shape(
        &mut sim,
        json!({"group": "sig-plain", "set": {"shapes": {"persistence": "empty", "items": "object"}}}),
    );
    let outcome = sim.send("admin", "GET", GROUP, Value::Null).json();
    assert_eq!(outcome["response"]["items"]["strategy"]["persistence"], json!({}));
}

#[test]
fn edits_shape_odd_data() {
    let mut sim = Scenario::new();
    let edit = |sim: &mut Scenario, edit: Value| {
        crate::edit::edit(&mut sim.world, &edit, sim.now).unwrap();
    };
    let odd =
        json!({"state": "HIBERNATING", "imageId": "ami-x", "somethingNew": 1, "instanceId": ""});
    edit(&mut sim, json!({"instance": "ssi-1", "set": odd}));
    let item = sim.ssi("sig-plain", "ssi-1");
    assert_eq!((&item["state"], &item["somethingNew"]), (&json!("HIBERNATING"), &json!(1)));
    assert_eq!(item["instanceId"], "");
    edit(
        &mut sim,
        json!({"group": "sig-plain", "set": {"strategy.persistence": null, "name": "odd {{ name }}"},
        "unset": ["compute.launchSpecification.tags"]}),
    );
    let group = sim.get(GROUP).remove(0);
    assert_eq!(
        (&group["strategy"]["persistence"], &group["name"]),
        (&Value::Null, &json!("odd {{ name }}"))
    );
    assert!(group["compute"]["launchSpecification"].get("tags").is_none());
    let nobody = json!({"instance": "ssi-nobody", "set": {}});
    assert!(crate::edit::edit(&mut sim.world, &nobody, sim.now).is_err());
}

#[test]
fn equal_seeds_give_equal_runs() {
    let run = |seed: u64| {
        let mut sim = Scenario::with(&format!("seed: {seed}\nlatency: {{jitter: 0.5}}"));
        sim.fault(json!({"kind": "status", "status": 500, "probability": 0.3}));
        let mut transcript = String::new();
        for step in 0..40 {
            let path = ["/aws/ec2/group", "/aws/ec2/group/sig-plain/statefulInstance"][step % 2];
            let outcome = sim.send("admin", "GET", path, Value::Null);
            transcript.push_str(&String::from_utf8(outcome.body).unwrap());
            sim.act("sig-plain", "ssi-1", "recycle");
            sim.advance(20.0);
        }
        transcript
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}
