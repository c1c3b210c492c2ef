use proptest::prelude::*;
use serde_json::{Value, json};

use crate::autonomous::Fated;
use crate::chronicle::Cause;
use crate::scenario::{Scenario, code, target};

const LONG: f64 = 3600.0;

fn volumes(item: &Value) -> Vec<String> {
    let devices = item["devices"].as_array().cloned().unwrap_or_default();
    devices
        .iter()
        .map(|device| device["volumeId"].as_str().unwrap_or_default().to_owned())
        .collect()
}

#[test]
fn a_recycle_gives_a_new_machine_and_keeps_volume_and_address() {
    let mut sim = Scenario::new();
    let before = sim.ssi("sig-plain", "ssi-1");
    assert_eq!(sim.act("sig-plain", "ssi-1", "recycle"), 200);
    assert_eq!(sim.state("sig-plain", "ssi-1"), "RECYCLE");
    sim.advance(10.0);
    assert_eq!(sim.state("sig-plain", "ssi-1"), "RECYCLING");
    sim.advance(LONG);
    let after = sim.ssi("sig-plain", "ssi-1");
    assert_eq!(after["state"], "ACTIVE");
    assert_ne!(after["instanceId"], before["instanceId"]);
    assert!(after["launchedAt"].as_str() > before["launchedAt"].as_str());
    assert_eq!(after["createdAt"], before["createdAt"]);
    assert_eq!(after["privateIp"], before["privateIp"]);
    assert_eq!((&before["imageId"], &after["imageId"]), (&json!("ami-old"), &json!("ami-new")));
    assert_ne!(volumes(&after)[0], volumes(&before)[0], "the root volume is another one");
    assert_eq!(volumes(&after)[1], volumes(&before)[1], "the data volume is the same");
}

#[test]
fn a_launch_may_go_wrong_in_zone_volumes_or_address() {
    let mut sim = Scenario::new();
    let before = sim.ssi("sig-plain", "ssi-1");
    let zone = sim.status("sig-plain")[0]["availabilityZone"].clone();
    for twist in ["other_zone", "lost_volumes", "other_address"] {
        sim.fault(json!({"kind": "relaunch", "twist": twist, "target": "ssi-1", "count": 1}));
    }
    let mut recycled = || {
        sim.act("sig-plain", "ssi-1", "recycle");
        sim.advance(LONG);
        (sim.ssi("sig-plain", "ssi-1"), sim.status("sig-plain")[0]["availabilityZone"].clone())
    };
    let (moved, other_zone) = recycled();
    assert_ne!(other_zone, zone);
    assert_ne!(volumes(&moved)[1], volumes(&before)[1], "a copy");
    assert_eq!(moved["privateIp"], before["privateIp"]);
    let (lost, same_zone) = recycled();
    assert_eq!(same_zone, other_zone);
    assert_ne!(volumes(&lost)[1], volumes(&moved)[1]);
    let (readdressed, _) = recycled();
    assert_eq!(volumes(&readdressed)[1], volumes(&lost)[1]);
    assert_ne!(readdressed["privateIp"], before["privateIp"]);
    let (settled, _) = recycled();
    assert_eq!(settled["privateIp"], readdressed["privateIp"], "each struck once");
}

#[test]
fn an_action_may_end_in_the_instance_being_no_more() {
    let mut sim = Scenario::new();
    sim.fault(json!({"kind": "lifecycle", "ends": "GONE", "target": "ssi-1"}));
    sim.act("sig-plain", "ssi-1", "recycle");
    sim.advance(LONG);
    assert!(sim.list("sig-plain").iter().all(|item| item["id"] != "ssi-1"));
}

#[test]
fn a_persisted_root_brings_its_own_image_and_on_launch_new_volumes() {
    let mut sim = Scenario::new();
    let before = sim.ssi("sig-root", "ssi-r");
    let address = sim.status("sig-root")[0]["privateIp"].clone();
    sim.act("sig-root", "ssi-r", "recycle");
    sim.advance(LONG);
    let after = sim.ssi("sig-root", "ssi-r");
    assert_ne!(after["imageId"], "ami-new");
    assert_ne!(after["imageId"], before["imageId"]);
    assert_ne!(volumes(&after)[1], volumes(&before)[1]);
    assert_eq!(after.get("privateIp"), None, "the address is not persisted, so it is not told");
    assert_ne!(sim.status("sig-root")[0]["privateIp"], address);
}

#[test]
fn a_new_image_reaches_a_persisted_root_only_while_the_switch_is_off() {
    let mut sim = Scenario::new();
    let root = |persist: bool| {
        json!({"group": {"compute": {"launchSpecification": {"imageId": "ami-3"}},
        "strategy": {"persistence": {"shouldPersistRootDevice": persist}}}})
    };
    assert_eq!(sim.put("/aws/ec2/group/sig-root", root(true)).status, 200);
    sim.act("sig-root", "ssi-r", "recycle");
    sim.advance(LONG);
    assert_ne!(sim.ssi("sig-root", "ssi-r")["imageId"], "ami-3");
    sim.put("/aws/ec2/group/sig-root", root(false));
    sim.act("sig-root", "ssi-r", "recycle");
    sim.advance(LONG);
    assert_eq!(sim.ssi("sig-root", "ssi-r")["imageId"], "ami-3");
}

#[test]
fn a_paused_instance_has_no_machine_until_it_is_resumed() {
    let mut sim = Scenario::new();
    let paused = sim.ssi("sig-plain", "ssi-3");
    assert_eq!((paused.get("instanceId"), &paused["state"]), (None, &json!("PAUSED")));
    assert_eq!(sim.status("sig-plain").len(), 2);
    assert_eq!(sim.act("sig-plain", "ssi-3", "resume"), 200);
    sim.advance(LONG);
    assert_eq!(sim.status("sig-plain").len(), 3);
    assert_eq!(sim.ssi("sig-plain", "ssi-3")["privateIp"], paused["privateIp"]);
    assert_eq!(sim.act("sig-plain", "ssi-3", "pause"), 200);
    sim.advance(LONG);
    assert_eq!(sim.state("sig-plain", "ssi-3"), "PAUSED");
}

#[test]
fn actions_are_refused_in_the_wrong_state() {
    let mut sim = Scenario::new();
    for (ssi, action) in [("ssi-3", "recycle"), ("ssi-3", "pause"), ("ssi-1", "resume")] {
        let path = format!("/aws/ec2/group/sig-plain/statefulInstance/{ssi}/{action}");
        let outcome = sim.put(&path, Value::Null);
        assert_eq!(
            (outcome.status, code(&outcome).as_str()),
            (400, "INVALID_STATEFUL_INSTANCE_STATE")
        );
    }
    assert_eq!(sim.act("sig-plain", "ssi-1", "recycle"), 200);
    assert_eq!(sim.act("sig-plain", "ssi-1", "recycle"), 400, "one is underway");
    assert_eq!(sim.act("sig-plain", "ssi-9", "recycle"), 400);
    let mut lenient = Scenario::with("behaviour: {recycle_paused: true}");
    assert_eq!(lenient.act("sig-plain", "ssi-3", "recycle"), 200);
    lenient.advance(LONG);
    assert_eq!(lenient.state("sig-plain", "ssi-3"), "ACTIVE");
}

#[test]
fn the_list_may_lag_and_states_may_never_be_seen() {
    let mut sim =
        Scenario::with("latency: {stale_seconds: 30}\nbehaviour: {skip_states: [RECYCLING]}");
    let before = sim.ssi("sig-plain", "ssi-1");
    sim.act("sig-plain", "ssi-1", "recycle");
    sim.advance(29.0);
    assert_eq!(sim.ssi("sig-plain", "ssi-1"), before);
    assert_eq!(
        sim.act("sig-plain", "ssi-1", "recycle"),
        400,
        "accepted before, though not yet seen"
    );
    sim.advance(2.0);
    assert_eq!(sim.state("sig-plain", "ssi-1"), "RECYCLE");
    sim.advance(5.0);
    let after = sim.ssi("sig-plain", "ssi-1");
    assert_eq!(after["state"], "ACTIVE");
    assert_ne!(after["instanceId"], before["instanceId"]);
}

#[test]
fn a_recycle_may_pass_pausing_and_resuming() {
    let mut sim = Scenario::with("behaviour: {recycle_path: pausing_resuming}");
    sim.act("sig-plain", "ssi-1", "recycle");
    let mut seen = vec![sim.state("sig-plain", "ssi-1")];
    for _ in 0..60 {
        sim.advance(5.0);
        let state = sim.state("sig-plain", "ssi-1");
        if seen.last() != Some(&state) {
            seen.push(state);
        }
    }
    assert_eq!(seen, ["RECYCLE", "PAUSING", "PAUSED", "RESUMING", "ACTIVE"]);
}

#[test]
fn what_is_not_persisted_when_the_machine_goes_is_gone() {
    let mut sim = Scenario::new();
    let before = sim.ssi("sig-plain", "ssi-1")["privateIp"].clone();
    let keep = |yes: bool| json!({"group": {"strategy": {"persistence": {"shouldPersistPrivateIp": yes}}}});
    sim.put("/aws/ec2/group/sig-plain", keep(false));
    sim.act("sig-plain", "ssi-1", "pause");
    sim.advance(LONG);
    sim.put("/aws/ec2/group/sig-plain", keep(true));
    sim.act("sig-plain", "ssi-1", "resume");
    sim.advance(LONG);
    let after = sim.ssi("sig-plain", "ssi-1");
    assert!(after["privateIp"].is_string());
    assert_ne!(after["privateIp"], before);
}

#[test]
fn a_state_set_by_hand_ends_the_action_that_was_underway() {
    let mut sim = Scenario::new();
    sim.act("sig-plain", "ssi-1", "recycle");
    sim.advance(3.0);
    let edit = json!({"instance": "ssi-1", "set": {"state": "ACTIVE"}});
    crate::edit::edit(&mut sim.world, &edit, sim.now).unwrap();
    assert_eq!(sim.act("sig-plain", "ssi-1", "recycle"), 200);
    // The step of the first recycle would be due at 5 seconds, that of the second one is at 8.
    sim.advance(3.0);
    assert_eq!(sim.state("sig-plain", "ssi-1"), "RECYCLE");
    sim.advance(3.0);
    assert_eq!(sim.state("sig-plain", "ssi-1"), "RECYCLING");
}

#[test]
fn a_lifecycle_fault_ends_an_action_elsewhere() {
    for (ends, expected) in [("ERROR", "ERROR"), ("PAUSED", "PAUSED"), ("STUCK", "RECYCLING")] {
        let mut sim = Scenario::new();
        sim.fault(
            json!({"kind": "lifecycle", "action": "recycle", "ends": ends, "target": "ssi-1",
            "message": "the address is taken"}),
        );
        sim.act("sig-plain", "ssi-1", "recycle");
        sim.advance(LONG);
        assert_eq!(sim.state("sig-plain", "ssi-1"), expected);
        assert_eq!(sim.ssi("sig-plain", "ssi-1").get("instanceId"), None);
        if ends == "ERROR" {
            let logs = sim.get("/aws/ec2/group/sig-plain/logs?fromDate=0&toDate=9000000000000");
            assert!(logs[0]["message"].as_str().unwrap().contains("the address is taken"));
            assert_eq!(sim.act("sig-plain", "ssi-1", "deallocate"), 200);
        }
    }
}

#[test]
fn a_deallocated_instance_leaves_the_list_and_its_resources_linger() {
    let mut sim = Scenario::with("behaviour: {on_deallocate: keep}");
    sim.act("sig-plain", "ssi-1", "deallocate");
    sim.advance(30.0);
    assert_eq!(sim.state("sig-plain", "ssi-1"), "DEALLOCATED");
    sim.advance(60.0);
    assert_eq!(sim.list("sig-plain").len(), 2);
    let kinds: Vec<&str> = sim.world.retained.iter().map(|kept| kept.kind).collect();
    assert_eq!(kinds, ["volume"], "the network interface goes, the volume stays");
    sim.advance(96.0 * LONG);
    sim.list("sig-plain");
    assert!(sim.world.retained.is_empty());
}

#[test]
fn a_deallocation_deletes_what_its_body_says() {
    let mut sim = Scenario::with("behaviour: {on_deallocate: decrement}");
    let path = "/aws/ec2/group/sig-plain/statefulInstance/ssi-1/deallocate";
    let flags = json!({"shouldDeleteVolumes": true, "shouldDeleteNetworkInterfaces": false});
    assert_eq!(sim.put(path, json!({"statefulDeallocation": flags})).status, 200);
    sim.advance(LONG);
    assert_eq!(sim.get("/aws/ec2/group/sig-plain")[0]["capacity"]["target"], 1);
    let kinds: Vec<&str> = sim.world.retained.iter().map(|kept| kept.kind).collect();
    assert_eq!(kinds, ["network_interface"]);
}

#[test]
fn a_group_below_its_target_replaces_what_was_deallocated() {
    let mut sim = Scenario::new();
    sim.act("sig-plain", "ssi-1", "deallocate");
    sim.advance(LONG);
    let ids: Vec<Value> = sim.list("sig-plain").iter().map(|item| item["id"].clone()).collect();
    assert_eq!(ids.len(), 3, "{ids:?}");
    assert!(!ids.contains(&json!("ssi-1")));
    assert_eq!(sim.status("sig-plain").len(), 2);
}

#[test]
fn an_address_of_the_pool_always_has_its_instance() {
    let mut sim = Scenario::new();
    let items = sim.list("sig-pool");
    let addresses = |items: &[Value]| -> Vec<String> {
        let all = items.iter().map(|item| item["privateIp"].as_str().unwrap().to_owned());
        all.collect()
    };
    assert_eq!(addresses(&items), ["10.1.1.1", "10.1.1.2"]);
    let first = items[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(sim.act("sig-pool", &first, "deallocate"), 200);
    sim.advance(LONG);
    let items = sim.list("sig-pool");
    assert_eq!(addresses(&items), ["10.1.1.2", "10.1.1.1"]);
    assert!(items.iter().all(|item| item["state"] == "PAUSED"));
}

#[test]
fn a_volume_is_deleted_only_from_a_paused_instance() {
    let mut sim = Scenario::new();
    for (ssi, status) in [("ssi-1", 400), ("ssi-3", 200), ("ssi-3", 400)] {
        let item = sim.ssi("sig-plain", ssi);
        let volume = volumes(&item).pop().unwrap_or_else(|| "vol-gone".to_owned());
        let path = format!("/aws/ec2/group/sig-plain/statefulInstance/{ssi}/volume/{volume}");
        assert_eq!(sim.send("admin", "DELETE", &path, Value::Null).status, status, "{ssi}");
    }
}

#[test]
fn capacity_down_pauses_and_up_resumes_only_when_asked() {
    let mut sim = Scenario::new();
    assert_eq!(sim.put("/aws/ec2/group/sig-plain", target(1)).status, 200);
    sim.advance(LONG);
    assert_eq!(sim.state("sig-plain", "ssi-2"), "PAUSED");
    sim.put("/aws/ec2/group/sig-plain?shouldResumeStateful=True", target(2));
    sim.advance(LONG);
    assert_eq!((sim.list("sig-plain").len(), sim.status("sig-plain").len()), (3, 2));
    let body = json!({"capacity": {"target": 3, "minimum": 0, "maximum": 5}});
    let outcome = sim.put("/aws/ec2/group/sig-plain/capacity", body.clone());
    assert_eq!(outcome.json()["response"]["items"][0], body["capacity"]);
    sim.advance(LONG);
    assert_eq!((sim.list("sig-plain").len(), sim.status("sig-plain").len()), (4, 3));
}

#[test]
fn without_spot_capacity_a_launch_is_on_demand_or_fails_to_paused() {
    let mut sim = Scenario::new();
    let edit = json!({"group": "sig-plain", "set": {"spotCapacity": false}});
    crate::edit::edit(&mut sim.world, &edit, sim.now).unwrap();
    sim.act("sig-plain", "ssi-1", "recycle");
    sim.advance(LONG);
    let instance = sim.ssi("sig-plain", "ssi-1")["instanceId"].clone();
    let status = sim.status("sig-plain");
    let line = status.iter().find(|line| line["instanceId"] == instance).unwrap();
    assert_eq!(
        (&line["spotInstanceRequestId"], &line["status"]),
        (&Value::Null, &json!("running"))
    );
    sim.put("/aws/ec2/group/sig-plain", json!({"group": {"strategy": {"fallbackToOd": false}}}));
    sim.act("sig-plain", "ssi-1", "recycle");
    sim.advance(LONG);
    assert_eq!(sim.state("sig-plain", "ssi-1"), "PAUSED");
}

#[test]
fn an_unhealthy_instance_is_replaced_unless_healing_is_suspended() {
    let mut sim = Scenario::new();
    let path = "/aws/ec2/group/sig-plain/suspension";
    let body = json!({"suspensions": [{"name": "AUTO_HEALING", "ttlInMinutes": 60}]});
    assert_eq!(sim.send("admin", "POST", path, body).status, 200);
    let before = sim.ssi("sig-plain", "ssi-1")["instanceId"].clone();
    let edit = json!({"instance": "ssi-1", "set": {"health": "UNHEALTHY"}});
    crate::edit::edit(&mut sim.world, &edit, sim.now).unwrap();
    sim.advance(1800.0);
    assert_eq!(sim.ssi("sig-plain", "ssi-1")["instanceId"], before);
    sim.advance(2400.0);
    assert_ne!(sim.ssi("sig-plain", "ssi-1")["instanceId"], before, "the suspension has ended");
}

#[test]
fn an_interruption_recycles_also_while_processes_are_suspended() {
    let mut sim = Scenario::new();
    let processes = json!({"processes": ["AUTO_HEALING", "OUT_OF_STRATEGY"]});
    sim.send("admin", "POST", "/aws/ec2/group/sig-plain/suspension", processes);
    let before = sim.ssi("sig-plain", "ssi-1")["instanceId"].clone();
    let body = json!({"instancesToInterrupt": [before]});
    assert_eq!(sim.send("admin", "POST", "/aws/ec2/instance/interruption", body).status, 200);
    sim.advance(LONG);
    assert_ne!(sim.ssi("sig-plain", "ssi-1")["instanceId"], before);
    let gone = sim.get(&format!("/aws/ec2/instance/{}", before.as_str().unwrap()));
    assert_eq!(gone[0]["lifeCycleState"], "TERMINATING");
    let member = sim.status("sig-web")[0]["instanceId"].as_str().unwrap().to_owned();
    let struck = sim.world.replace_by_itself(&member, Cause::Interruption, sim.now);
    assert_eq!(struck, Fated::Done);
    assert_eq!(sim.status("sig-web").len(), 2);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is asked and however time passes: the two lists agree, ids are unique, and in the end all is settled.
    #[test]
    fn lists_agree_and_actions_settle(
        steps in proptest::collection::vec((0usize..4, 0usize..4, 0u32..90), 1..40),
        jitter in 0u8..5,
    ) {
        let head = format!("seed: {}\nlatency: {{jitter: 0.{jitter}, stale_seconds: {jitter}}}", steps.len());
        let mut sim = Scenario::with(&head);
        for (who, what, gap) in steps {
            let ids: Vec<String> = sim.list("sig-plain").iter()
                .map(|item| item["id"].as_str().unwrap().to_owned()).collect();
            if let Some(id) = ids.get(who % ids.len().max(1)) {
                sim.act("sig-plain", id, ["pause", "resume", "recycle", "deallocate"][what]);
            }
            sim.advance(f64::from(gap));
            agree(&mut sim)?;
        }
        sim.advance(LONG);
        agree(&mut sim)?;
        for item in sim.list("sig-plain") {
            let running = item.get("instanceId").is_some();
            let state = item["state"].as_str().unwrap();
            prop_assert_eq!(state, if running { "ACTIVE" } else { "PAUSED" });
        }
    }
}

fn agree(sim: &mut Scenario) -> Result<(), TestCaseError> {
    let sorted = |items: Vec<Value>| {
        let ids = items.iter().filter_map(|item| item["instanceId"].as_str().map(str::to_owned));
        let mut ids: Vec<String> = ids.collect();
        ids.sort();
        ids
    };
    let (listed, running) = (sorted(sim.list("sig-plain")), sorted(sim.status("sig-plain")));
    prop_assert_eq!(&listed, &running);
    let mut unique = listed.clone();
    unique.dedup();
    prop_assert_eq!(unique, listed);
    Ok(())
}
