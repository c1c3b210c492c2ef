//! Seeded mishaps of all kinds at once: what must hold whatever happens.

use std::time::Duration;

use serde_json::{Value, json};
use spotinst_esg::domain::ImageId;

use super::desk::{Desk, recycle};

/// A fault that strikes a read or the request itself, some time soon.
fn mishap(chance: &mut fastrand::Rng) -> Value {
    let kinds = [
        "cut_before_commit",
        "cut_after_commit",
        "html",
        "broken_json",
        "truncated",
        "rate_limited",
        "count_off",
        "duplicate_items",
        "stale",
        "lost_update",
        "status",
        "masked",
        "lifecycle",
        "relaunch",
    ];
    let kind = kinds[chance.usize(..kinds.len())];
    let mut fault = json!({"kind": kind, "nth": chance.u32(1..8), "count": chance.u32(1..5)});
    match kind {
        "status" => {
            let status = [400, 408, 409, 429, 500, 502, 503, 504][chance.usize(..8)];
            fault["status"] = json!(status);
            fault["committed"] = json!(status >= 500 && chance.bool());
            fault["format"] = json!(["json", "html", "text"][chance.usize(..3)]);
        }
        "masked" => {
            fault["kind"] = json!("status");
            fault["status"] = json!(400);
            fault["message"] = json!("An unknown error occurred");
            fault["committed"] = json!(chance.bool());
        }
        "rate_limited" => fault["retry_after"] = json!(chance.u32(0..90)),
        "stale" => fault["seconds"] = json!(chance.u32(1..200)),
        "lifecycle" => {
            let ends = ["ERROR", "PAUSED", "STUCK", "GONE", "HIBERNATED"];
            fault = json!({"kind": kind, "ends": ends[chance.usize(..ends.len())], "count": 1});
        }
        "relaunch" => {
            let twists = ["other_zone", "lost_volumes", "other_address"];
            fault = json!({"kind": kind, "twist": twists[chance.usize(..3)], "count": 1});
        }
        _ => {}
    }
    // One that lasts, on either of the two lists that a look is made of.
    if kind != "lifecycle" && kind != "relaunch" && chance.u32(..4) == 0 {
        let routes =
            ["/aws/ec2/group/{groupId}/status", "/aws/ec2/group/{groupId}/statefulInstance"];
        fault["method"] = json!("GET");
        fault["route"] = json!(routes[chance.usize(..2)]);
        fault["count"] = json!(chance.u32(5..200));
        return fault;
    }
    if kind != "lifecycle" && kind != "relaunch" && chance.bool() {
        fault["method"] = json!(["GET", "PUT"][chance.usize(..2)]);
        // A single request is struck at once or never.
        if fault["method"] == "PUT" {
            fault["nth"] = json!(1);
        }
    }
    fault
}

fn head(chance: &mut fastrand::Rng) -> String {
    let skipped = ["", "RECYCLE", "RECYCLING", "RECYCLE, RECYCLING", "PAUSING", "RESUMING"];
    format!(
        "latency: {{stale_seconds: {}, booting_seconds: {}, replacing_seconds: {}}}
behaviour: {{recycle_path: {}, skip_states: [{}]}}",
        chance.u32(0..100),
        chance.u32(0..200),
        chance.u32(0..170),
        ["recycling", "pausing_resuming"][chance.usize(..2)],
        skipped[chance.usize(..skipped.len())],
    )
}

/// However replies, looks and the recycle itself go wrong: no machine but the expected one is ever terminated, it is so
/// once at most, and success is told only of what is true.
#[test]
fn no_mishap_recycles_twice_or_lets_a_lie_pass() {
    for seed in 0..150 {
        let mut chance = fastrand::Rng::with_seed(seed);
        let desk = Desk::with(&head(&mut chance));
        let faults: Vec<Value> = (0..chance.usize(1..4)).map(|_| mishap(&mut chance)).collect();
        let told = format!("seed {seed}: {faults:?}");
        faults.into_iter().for_each(|fault| desk.fault(fault));
        let mut job = recycle();
        job.wait_timeout = Duration::from_secs(900);
        job.expectations.image_id = Some(ImageId::new("ami-2"));
        let kept = |truth: &Value| {
            let volumes = truth["devices"].as_array().into_iter().flatten();
            let volumes: Vec<Value> = volumes.map(|device| device["volume"].clone()).collect();
            (volumes, truth["availabilityZone"].clone(), truth["privateIp"].clone())
        };
        let before = kept(&desk.truth("ssi-1"));
        let mut succeeded = 0;
        // A second run follows, as after a failure or by habit.
        for _ in 0..2 {
            let Some(ran) = desk.try_run(&job) else { continue };
            let gone = desk.terminated();
            assert!(gone.is_empty() || gone == [json!("i-1")], "{told}: {gone:?}");
            if ran.is_ok() {
                succeeded += 1;
                let truth = desk.truth("ssi-1");
                assert_eq!(truth["state"], "ACTIVE", "{told}");
                assert!(truth["instanceId"].is_string() && truth["instanceId"] != "i-1", "{told}");
                assert_eq!(
                    (kept(&truth), &truth["imageId"]),
                    (before.clone(), &json!("ami-2")),
                    "{told}"
                );
            }
        }
        assert!(desk.terminated().len() >= usize::from(succeeded > 0), "{told}");
    }
}
