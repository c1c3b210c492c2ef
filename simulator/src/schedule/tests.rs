use super::*;
use crate::scenario::{Scenario, code};

const HOUR: f64 = 3600.0;
const PLAIN: &str = "/aws/ec2/group/sig-plain";

fn schedule(sim: &mut Scenario, group: &str, tasks: Value) -> crate::Outcome {
    sim.put(&format!("/aws/ec2/group/{group}"), json!({"group": {"scheduling": {"tasks": tasks}}}))
}

fn running(sim: &mut Scenario) -> Vec<Value> {
    sim.list("sig-plain").iter().map(|item| item["instanceId"].clone()).collect()
}

#[test]
fn the_next_run_follows_from_start_frequency_and_cron() {
    // A Thursday.
    let after: Timestamp = "2026-01-01T12:30:00Z".parse().unwrap();
    for (task, expected) in [
        (json!({"cronExpression": "0 1 * * *"}), Some("2026-01-02T01:00:00Z")),
        (json!({"cronExpression": "30 12 * * *"}), Some("2026-01-02T12:30:00Z")),
        (json!({"cronExpression": "0 20 * * 1-5"}), Some("2026-01-01T20:00:00Z")),
        (
            json!({"cronExpression": "0 1 * * *", "startTime": "2026-02-01T01:00:00Z"}),
            Some("2026-02-01T01:00:00Z"),
        ),
        (json!({"cronExpression": "0 0 30 2 *"}), None),
        (json!({"frequency": "hourly"}), Some("2026-01-01T13:00:00Z")),
        (json!({"frequency": "daily"}), Some("2026-01-02T00:00:00Z")),
        (json!({"frequency": "weekly"}), Some("2026-01-04T00:00:00Z")),
        (
            json!({"frequency": "daily", "startTime": "2025-12-01T06:15:00Z"}),
            Some("2026-01-02T06:15:00Z"),
        ),
        (
            json!({"frequency": "daily", "startTime": "2026-03-01T06:15:00Z"}),
            Some("2026-03-01T06:15:00Z"),
        ),
        (json!({"startTime": "2026-01-01T12:30:01Z"}), Some("2026-01-01T12:30:01Z")),
        (json!({"startTime": "2026-01-01T12:30:00Z"}), None),
        (json!({"startTime": "2026-01-02T00:00:00Z", "isEnabled": false}), None),
        (json!({}), None),
    ] {
        let expected: Option<Timestamp> = expected.map(|text| text.parse().unwrap());
        assert_eq!(next(&task, after), expected, "{task}");
    }
}

#[test]
fn a_scheduled_recycle_takes_the_active_ones_once_and_leaves_the_configuration() {
    let mut sim = Scenario::new();
    let task = json!({"taskType": "statefulRecycle", "startTime": "2026-01-01T02:00:00Z"});
    assert_eq!(schedule(&mut sim, "sig-plain", json!([task])).status, 200);
    let before = running(&mut sim);
    sim.advance(1.9 * HOUR);
    assert_eq!(running(&mut sim), before);
    sim.advance(0.2 * HOUR);
    let after = running(&mut sim);
    assert!(after[0] != before[0] && after[1] != before[1], "{before:?} {after:?}");
    assert_eq!(sim.state("sig-plain", "ssi-3"), "PAUSED");
    assert_eq!(sim.get(PLAIN)[0]["scheduling"]["tasks"], json!([]), "it ran once and is gone");
    sim.advance(48.0 * HOUR);
    assert_eq!(running(&mut sim), after);
    let causes: Vec<Cause> = sim.world.chronicle.accepted.iter().map(|one| one.cause).collect();
    assert_eq!(causes, [Cause::Schedule; 2]);
}

#[test]
fn nothing_runs_while_scheduling_is_suspended() {
    let mut sim = Scenario::new();
    let tasks = json!([{"taskType": "statefulRecycle", "cronExpression": "0 * * * *"},
                       {"taskType": "statefulRecycle", "startTime": "2026-01-01T00:30:00Z"}]);
    schedule(&mut sim, "sig-plain", tasks);
    let body = json!({"suspensions": [{"name": "SCHEDULING", "ttlInMinutes": 90}]});
    sim.send("admin", "POST", &format!("{PLAIN}/suspension"), body);
    let before = running(&mut sim);
    sim.advance(1.4 * HOUR);
    assert_eq!(running(&mut sim), before);
    let told: Vec<Option<&str>> =
        sim.world.chronicle.autonomous.iter().map(|one| one.blocked_by.as_deref()).collect();
    assert_eq!(told, [Some("SCHEDULING"); 2]);
    assert_eq!(sim.get(PLAIN)[0]["scheduling"]["tasks"].as_array().map(Vec::len), Some(2));
    sim.advance(0.8 * HOUR);
    assert_ne!(running(&mut sim), before, "it has expired");
}

#[test]
fn a_scheduled_capacity_pauses_and_resumes() {
    let mut sim = Scenario::new();
    let tasks = json!([
        {"taskType": "statefulUpdateCapacity", "cronExpression": "0 1 * * *", "MinCapacity": 0, "targetCapacity": 0, "MaxCapacity": 5},
        {"taskType": "statefulUpdateCapacity", "cronExpression": "0 5 * * *", "minCapacity": 0, "targetCapacity": 3, "maxCapacity": 5},
    ]);
    schedule(&mut sim, "sig-plain", tasks);
    sim.advance(2.0 * HOUR);
    assert!(sim.status("sig-plain").is_empty());
    sim.advance(4.0 * HOUR);
    assert_eq!((sim.list("sig-plain").len(), sim.status("sig-plain").len()), (3, 3), "no new ones");
}

#[test]
fn a_scheduled_backup_rewrites_the_image_where_no_data_is_persisted() {
    let image = |sim: &mut Scenario, group: &str| {
        sim.get(&format!("/aws/ec2/group/{group}"))[0]["compute"]["launchSpecification"]["imageId"]
            .clone()
    };
    let task = json!([{"taskType": "backup_ami", "frequency": "hourly"}]);
    let mut sim = Scenario::new();
    for group in ["sig-pool", "sig-plain"] {
        assert_eq!(schedule(&mut sim, group, task.clone()).status, 200);
    }
    let before = image(&mut sim, "sig-pool");
    sim.advance(HOUR);
    assert_ne!(image(&mut sim, "sig-pool"), before);
    assert_eq!(image(&mut sim, "sig-plain"), "ami-new");
    let logs = sim.get(&format!("{PLAIN}/logs?fromDate=0&toDate=9000000000000"));
    assert!(logs[0]["message"].as_str().unwrap().ends_with("did nothing."), "{logs:?}");
    let mut lenient = Scenario::with("behaviour: {backup_with_data: true}");
    schedule(&mut lenient, "sig-plain", task);
    lenient.advance(HOUR);
    assert_ne!(image(&mut lenient, "sig-plain"), "ami-new");
}

#[test]
fn tasks_are_checked_when_they_are_set() {
    let mut sim = Scenario::new();
    let recycle = |more: Value| {
        let mut task = json!({"taskType": "statefulRecycle"});
        task.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!([task])
    };
    for (group, tasks, field) in [
        ("sig-plain", json!([{"taskType": "roll"}]), "taskType"),
        ("sig-plain", json!([{"taskType": "scale"}]), "taskType"),
        ("sig-web", recycle(json!({})), "taskType"),
        ("sig-plain", json!([{"taskType": "party"}]), "taskType"),
        ("sig-plain", recycle(json!({"cronExpression": "every day"})), "cronExpression"),
        ("sig-plain", recycle(json!({"cronExpression": "61 * * * *"})), "cronExpression"),
        ("sig-plain", recycle(json!({"cronExpression": "0 1 * * * UTC"})), "cronExpression"),
        ("sig-plain", recycle(json!({"frequency": "yearly"})), "frequency"),
        (
            "sig-plain",
            recycle(json!({"frequency": "daily", "cronExpression": "0 1 * * *"})),
            "frequency",
        ),
        ("sig-plain", recycle(json!({"startTime": "tomorrow"})), "startTime"),
    ] {
        let outcome = schedule(&mut sim, group, tasks.clone());
        assert_eq!((outcome.status, code(&outcome).as_str()), (400, "ValidationError"), "{tasks}");
        let error = &outcome.json()["response"]["errors"][0];
        assert!(error["field"].as_str().unwrap().ends_with(field), "{error}");
    }
    assert_eq!(
        schedule(&mut sim, "sig-web", json!([{"taskType": "roll", "frequency": "daily"}])).status,
        200
    );
    sim.advance(24.0 * HOUR);
    assert_eq!(sim.get("/aws/ec2/group/sig-web/roll").len(), 1);
}
