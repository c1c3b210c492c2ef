use serde_json::{Value, json};

use super::*;
use crate::scenario::Scenario;

const LONG: f64 = 3600.0;

fn suspend(sim: &mut Scenario, processes: &[&str]) {
    let body = json!({"processes": processes});
    let outcome = sim.send("admin", "POST", "/aws/ec2/group/sig-plain/suspension", body);
    assert_eq!(outcome.status, 200);
}

fn spot_again(sim: &mut Scenario) {
    let revert = json!({"group": {"strategy": {"revertToSpot": {"performAt": "always"}}}});
    assert_eq!(sim.put("/aws/ec2/group/sig-plain", revert).status, 200);
    let on_demand = json!({"instance": "ssi-1", "set": {"spotInstanceRequestId": null}});
    crate::edit::edit(&mut sim.world, &on_demand, sim.now).unwrap();
}

#[test]
fn each_kind_is_blocked_by_its_own_suspension_and_an_interruption_by_none() {
    for (cause, process) in [
        (Cause::Unhealthy, "AUTO_HEALING"),
        (Cause::PreventiveReplacement, "PREVENTIVE_REPLACEMENT"),
        (Cause::OutOfStrategy, "OUT_OF_STRATEGY"),
        (Cause::RevertToSpot, "REVERT_PREFERRED"),
    ] {
        let mut sim = Scenario::new();
        let others =
            ["AUTO_HEALING", "PREVENTIVE_REPLACEMENT", "OUT_OF_STRATEGY", "REVERT_PREFERRED"];
        let others: Vec<&str> = others.into_iter().filter(|one| *one != process).collect();
        suspend(&mut sim, &others);
        assert_eq!(sim.world.replace_by_itself("ssi-1", cause, sim.now), Fated::Done, "{cause:?}");
        suspend(&mut sim, &[process]);
        let blocked = sim.world.replace_by_itself("ssi-2", cause, sim.now);
        assert_eq!(blocked, Fated::Blocked(process.to_owned()));
        let interrupted = sim.world.replace_by_itself("ssi-2", Cause::Interruption, sim.now);
        assert_eq!(interrupted, Fated::Done);
        let told: Vec<Option<&str>> =
            sim.world.chronicle.autonomous.iter().map(|one| one.blocked_by.as_deref()).collect();
        assert_eq!(told, [None, Some(process), None]);
    }
}

#[test]
fn what_happens_by_itself_comes_at_its_rate_and_from_the_seed() {
    let run = |seed: u64, polls: u32| {
        let rates =
            "autonomous: {interruption: 0.5, preventive_replacement: 0.5, out_of_strategy: 0.5}";
        let mut sim = Scenario::with(&format!("seed: {seed}\n{rates}"));
        for _ in 0..polls {
            sim.advance(240.0 * LONG / f64::from(polls));
            sim.list("sig-plain");
        }
        let told = sim.world.chronicle.autonomous.clone();
        let plain = told.into_iter().filter(|one| one.group_id == "sig-plain");
        plain.map(|one| (one.at, one.cause)).collect::<Vec<_>>()
    };
    let told = run(1, 10);
    assert!((250..470).contains(&told.len()), "360 are to be expected, there are {}", told.len());
    assert_eq!(told, run(1, 400), "how often someone looks makes no difference");
    assert_ne!(told, run(2, 10));
    assert!(Scenario::new().world.chronicle.autonomous.is_empty(), "nothing by default");
}

#[test]
fn chance_heals_only_where_the_group_heals_and_reverts_only_on_demand_instances() {
    let mut sim = Scenario::with("autonomous: {unhealthy: 20, revert_to_spot: 20}");
    let healing = json!({"group": {"compute": {"launchSpecification": {"autoHealing": false}}}});
    sim.put("/aws/ec2/group/sig-plain", healing);
    sim.advance(10.0 * LONG);
    let ids = |sim: &mut Scenario| sim.ssi("sig-plain", "ssi-1")["instanceId"].clone();
    let before = ids(&mut sim);
    let all = sim.world.chronicle.autonomous.clone();
    let plain: Vec<_> = all.iter().filter(|one| one.group_id == "sig-plain").collect();
    assert_eq!(
        plain.len(),
        2,
        "each of the two running instances became unhealthy once: {plain:?}"
    );
    assert!(plain.iter().all(|one| one.blocked_by.as_deref() == Some("autoHealing")));
    spot_again(&mut sim);
    sim.advance(10.0 * LONG);
    assert_ne!(ids(&mut sim), before, "it was on demand, and is on Spot again");
    let reverted = |one: &&Autonomous| one.cause == Cause::RevertToSpot;
    let reverted = sim.world.chronicle.autonomous.iter().filter(reverted);
    assert_eq!(reverted.map(|one| one.group_id.as_str()).collect::<Vec<_>>(), ["sig-plain"]);
}

#[test]
fn a_suspended_healing_is_told_once_and_made_up_for() {
    let mut sim = Scenario::new();
    let body = json!({"suspensions": [{"name": "AUTO_HEALING", "ttlInMinutes": 60}]});
    sim.send("admin", "POST", "/aws/ec2/group/sig-plain/suspension", body);
    let edit = json!({"instance": "ssi-1", "set": {"health": "UNHEALTHY"}});
    crate::edit::edit(&mut sim.world, &edit, sim.now).unwrap();
    sim.advance(2.0 * LONG);
    sim.list("sig-plain");
    let told: Vec<Option<&str>> =
        sim.world.chronicle.autonomous.iter().map(|one| one.blocked_by.as_deref()).collect();
    assert_eq!(told, [Some("AUTO_HEALING"), None]);
}

#[test]
fn the_chronicle_tells_who_did_what_and_what_was_true_then() {
    let mut sim = Scenario::new();
    let machine = sim.ssi("sig-plain", "ssi-1")["instanceId"].clone();
    suspend(&mut sim, &["SCHEDULING"]);
    sim.act("sig-plain", "ssi-1", "recycle");
    sim.world.replace_by_itself("ssi-2", Cause::Interruption, sim.now);
    sim.advance(LONG);
    sim.list("sig-plain");
    let chronicle = &sim.world.chronicle;
    let first = &chronicle.accepted[0];
    assert_eq!((first.action, first.cause), (Action::Recycle, Cause::Api));
    assert_eq!(
        first.sight["states"],
        json!({"ssi-1": "ACTIVE", "ssi-2": "ACTIVE", "ssi-3": "PAUSED"})
    );
    assert_eq!(first.sight["suspended"], json!(["SCHEDULING"]));
    assert_eq!(first.sight["imageId"], "ami-new");
    assert_eq!(chronicle.accepted[1].sight["states"]["ssi-1"], "RECYCLE", "two at once");
    assert_eq!(chronicle.recycles()["ssi-1"], (1, 0));
    assert_eq!(chronicle.recycles()["ssi-2"], (0, 1));
    let gone = serde_json::to_value(&chronicle.terminations).unwrap();
    assert_eq!(
        gone[0],
        json!({"at": "2026-01-01T00:00:25Z", "instanceId": machine, "groupId": "sig-plain",
            "statefulInstanceId": "ssi-1", "action": "recycle", "cause": "api", "autonomous": false})
    );
    assert_eq!((&gone[1]["cause"], &gone[1]["autonomous"]), (&json!("interruption"), &json!(true)));
}

#[test]
fn an_accepted_recycle_that_is_lost_is_not_counted() {
    let mut sim = Scenario::new();
    sim.fault(json!({"kind": "lost_update", "count": 1, "method": "PUT"}));
    assert_eq!(sim.act("sig-plain", "ssi-1", "recycle"), 200);
    assert!(sim.world.chronicle.accepted.is_empty());
}

#[test]
fn senseless_rates_are_refused() {
    for rate in ["-1", "4000", ".nan", ".inf"] {
        let text = format!(
            "tokens: [{{token: t}}]\naccounts: [{{id: act-1, name: a}}]\nautonomous: {{unhealthy: {rate}}}"
        );
        let error = crate::Fleet::from_yaml(&text).unwrap_err().to_string();
        assert!(error.contains("rate per hour"), "{error}");
    }
    assert_eq!(json!(Rates::default())["interruption"], Value::from(0.0));
}
