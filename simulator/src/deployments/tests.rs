use serde_json::{Value, json};

use super::*;
use crate::scenario::{Scenario, code, target};

const LONG: f64 = 3600.0;
const WEB: &str = "/aws/ec2/group/sig-web/roll";
const PLAIN: &str = "/aws/ec2/group/sig-plain";

fn order() -> Value {
    json!({"batchSizePercentage": 50, "gracePeriod": 300})
}

fn members(sim: &mut Scenario) -> Vec<Value> {
    sim.status("sig-web").iter().map(|line| line["instanceId"].clone()).collect()
}

#[test]
fn a_deployment_replaces_the_members_batch_by_batch() {
    let mut sim = Scenario::new();
    let before = members(&mut sim);
    assert!(sim.get(WEB).is_empty());
    let item = sim.put(WEB, order()).json()["response"]["items"][0].clone();
    assert_eq!((&item["status"], &item["numOfBatches"]), (&json!("STARTING"), &json!(2)));
    let id = item["id"].as_str().unwrap().to_owned();
    assert!(id.starts_with("sbgd-"), "{id}");
    assert_eq!(sim.get(WEB)[0]["status"], "starting");
    let again = sim.put(WEB, order());
    assert_eq!(code(&again), "DEPLOYMENT_ALREADY_IN_PROGRESS");
    sim.advance(90.0);
    let listed = sim.get(WEB).remove(0);
    assert_eq!(
        (&listed["status"], &listed["progress"]["value"]),
        (&json!("in_progress"), &json!(50))
    );
    assert_eq!((&listed["blueInstances"], &listed["greenInstances"]), (&json!(1), &json!(1)));
    sim.advance(LONG);
    assert_eq!(sim.get(WEB)[0]["status"], "finished");
    assert!(members(&mut sim).iter().all(|id| !before.contains(id)));
    let gone = &sim.world.chronicle.terminations;
    assert!(gone.iter().all(|one| one.cause == Cause::Deployment) && gone.len() == 2);
    assert_eq!(sim.put(WEB, order()).status, 200, "the next one may start");
    let ids = |sim: &mut Scenario, query: &str| -> Vec<Value> {
        sim.get(&format!("{WEB}{query}")).iter().map(|item| item["id"].clone()).collect()
    };
    assert_eq!(ids(&mut sim, "?limit=1&sort=createdAt:ASC"), [json!(id)]);
    assert_eq!(ids(&mut sim, "")[1], json!(id), "newest first");
}

#[test]
fn groups_with_state_cannot_be_rolled() {
    let mut sim = Scenario::new();
    let refused = sim.put(&format!("{PLAIN}/roll"), order());
    assert_eq!((refused.status, code(&refused).as_str()), (400, "CANT_ROLL_STATEFUL_GROUP"));
    for body in [json!({}), json!({"batchSizePercentage": 120, "gracePeriod": 1})] {
        assert_eq!(code(&sim.put(WEB, body)), "ValidationError");
    }
    sim.put("/aws/ec2/group/sig-web", json!({"group": {"capacity": {"minimum": 2}}}));
    let edit = json!({"group": "sig-web", "set": {"capacity.minimum": 3}});
    crate::edit::edit(&mut sim.world, &edit, sim.now).unwrap();
    assert_eq!(code(&sim.put(WEB, order())), "CANT_ROLL_CAPACITY_BELOW_MINIMUM");
    assert!(sim.get(WEB).is_empty());
}

#[test]
fn while_a_deployment_runs_no_update_is_accepted() {
    let mut sim = Scenario::new();
    let placed = |sim: &mut Scenario, status, lasts| {
        sim.world.place_deployment("sig-plain", status, lasts, sim.now).unwrap()
    };
    placed(&mut sim, DeploymentStatus::InProgress, None);
    sim.advance(LONG);
    assert_eq!(sim.get(&format!("{PLAIN}/roll"))[0]["status"], "in_progress");
    let capacity = json!({"capacity": {"target": 1}});
    for refused in [sim.put(PLAIN, target(1)), sim.put(&format!("{PLAIN}/capacity"), capacity)] {
        assert_eq!(code(&refused), "DEPLOYMENT_ALREADY_IN_PROGRESS");
    }
    assert_eq!(sim.act("sig-plain", "ssi-1", "recycle"), 200, "nothing says that this is refused");
    placed(&mut sim, DeploymentStatus::Stopped, None);
    assert_eq!(sim.get(&format!("{PLAIN}/roll")).len(), 1);
    assert_eq!(sim.put(PLAIN, target(1)).status, 200);
    placed(&mut sim, DeploymentStatus::InProgress, Some(60.0));
    assert_eq!(sim.put(PLAIN, target(2)).status, 400);
    sim.advance(61.0);
    assert_eq!(sim.get(&format!("{PLAIN}/roll"))[0]["status"], "finished");
    assert_eq!(sim.put(PLAIN, target(2)).status, 200);
    assert!(
        sim.world.place_deployment("sig-9", DeploymentStatus::Starting, None, sim.now).is_err()
    );
}

#[test]
fn a_fleet_may_begin_with_deployments_and_answer_without_items() {
    let text = "tokens: [{token: admin}]\naccounts: [{id: act-1, name: a}]\nbehaviour: {empty_roll_answers: true}\n\
                groups:\n  - {name: a, id: sig-a, region: r, deployments: [{id: sbgd-1, status: in_progress}]}\n  \
                - {name: b, id: sig-b, region: r, members: [{}]}";
    let fleet = crate::Fleet::from_yaml(text).unwrap();
    let mut sim = Scenario { world: World::new(&fleet), now: fleet.clock().start };
    assert_eq!(sim.get("/aws/ec2/group/sig-a/roll")[0]["id"], "sbgd-1");
    assert_eq!(sim.put("/aws/ec2/group/sig-a", target(0)).status, 400);
    let answer = sim.put("/aws/ec2/group/sig-b/roll", order()).json();
    assert_eq!(answer["response"]["items"], json!([]));
    assert_eq!(sim.get("/aws/ec2/group/sig-b/roll").len(), 1);
}

#[test]
fn events_tell_of_groups_and_members_and_not_of_stateful_instances() {
    let mut sim = Scenario::new();
    let events = |sim: &mut Scenario, group: &str, from: &str| -> Vec<Value> {
        sim.get(&format!("/aws/ec2/group/{group}/events?fromDate={from}"))
    };
    sim.advance(86_400.0);
    let member = members(&mut sim).remove(0);
    sim.world.replace_by_itself(member.as_str().unwrap(), Cause::Interruption, sim.now);
    sim.put("/aws/ec2/group/sig-web", target(3));
    let all = events(&mut sim, "sig-web", "2026-01-01");
    let kinds: Vec<&str> = all.iter().map(|event| event["eventType"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["Scale", "Update", "InstanceReplacement", "Create"]);
    assert_eq!(all[0]["subEvents"][0]["type"], "scaleUp");
    assert_eq!(all[2]["subEvents"][0]["type"], "recoverInstances");
    assert_eq!(all[3]["createdAt"], "2026-01-01T00:00:00.000+0000");
    assert_eq!(events(&mut sim, "sig-web", "2026-01-02").len(), 3);
    sim.act("sig-plain", "ssi-1", "recycle");
    sim.advance(LONG);
    assert_eq!(events(&mut sim, "sig-plain", "2026-01-01").len(), 1);
    for query in ["", "?fromDate=yesterday", "?fromDate=1767225600000"] {
        let target = format!("/aws/ec2/group/sig-web/events{query}");
        let outcome = sim.send("admin", "GET", &target, Value::Null);
        assert_eq!((outcome.status, code(&outcome).as_str()), (400, "ValidationError"), "{query}");
    }
}

#[test]
fn a_backup_rewrites_the_image_and_excludes_persisted_data() {
    let mut sim = Scenario::new();
    let image = |sim: &mut Scenario, group: &str| {
        sim.get(&format!("/aws/ec2/group/{group}"))[0]["compute"]["launchSpecification"]["imageId"]
            .clone()
    };
    let backup = |sim: &mut Scenario, group: &str| {
        sim.send("admin", "POST", &format!("/aws/ec2/group/{group}/amiBackup"), Value::Null)
    };
    let before = image(&mut sim, "sig-pool");
    assert_eq!(backup(&mut sim, "sig-pool").json()["response"]["items"], json!([true]));
    assert_ne!(image(&mut sim, "sig-pool"), before);
    for _ in 0..4 {
        backup(&mut sim, "sig-pool");
    }
    assert_eq!(sim.world.estate.group("sig-pool").unwrap().backups.len(), 3);
    assert_eq!(code(&backup(&mut sim, "sig-plain")), "CANT_BACKUP_STATEFUL_DATA");
    assert_eq!(image(&mut sim, "sig-plain"), "ami-new");
    let mut lenient = Scenario::with("behaviour: {backup_with_data: true}");
    assert_eq!(backup(&mut lenient, "sig-plain").status, 200);
    assert_ne!(image(&mut lenient, "sig-plain"), "ami-new");
}
