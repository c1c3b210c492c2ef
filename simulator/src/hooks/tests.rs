use serde_json::{Value, json};

use super::*;
use crate::scenario::Scenario;

const HOOKS: &str = "hooks: {launch: [up], terminate: [down]}";
const LONG: f64 = 3600.0;
const VOLUME: &str = "/aws/ec2/group/sig-plain/statefulInstance/ssi-1/volume";

/// A world whose hooks are served, with all first launches carried out.
fn served(head: &str) -> Scenario {
    let mut sim = Scenario::with(&format!("{HOOKS}\n{head}"));
    sim.world.serve_hooks(sim.now);
    for job in jobs(&mut sim) {
        sim.world.job_ended(&job, None, sim.now);
    }
    sim
}

fn jobs(sim: &mut Scenario) -> Vec<Job> {
    sim.world.settle(sim.now);
    sim.world.hooks.jobs.drain(..).collect()
}

fn only(sim: &mut Scenario) -> Job {
    let mut all = jobs(sim);
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

#[test]
fn machines_that_exist_appear_first_and_are_active_once_they_have() {
    let mut sim = Scenario::with(HOOKS);
    assert_eq!(sim.state("sig-plain", "ssi-1"), "ACTIVE", "nobody serves the hooks");
    assert!(jobs(&mut sim).is_empty());
    sim.world.serve_hooks(sim.now);
    let all = jobs(&mut sim);
    let who: Vec<(&str, &str)> =
        all.iter().map(|job| (job.group_name.as_str(), job.stateful_id.as_str())).collect();
    assert_eq!(
        who,
        [("plain", "ssi-1"), ("plain", "ssi-2"), ("rooted", "ssi-r"), ("web", ""), ("web", "")]
    );
    assert_eq!(sim.state("sig-plain", "ssi-1"), "RESUMING");
    assert_eq!(sim.act("sig-plain", "ssi-1", "recycle"), 400, "it is on its way");
    sim.world.job_ended(&all[0], None, sim.now);
    assert_eq!(sim.state("sig-plain", "ssi-1"), "ACTIVE");
    assert_eq!(sim.state("sig-plain", "ssi-2"), "RESUMING");
    let first = &all[0];
    assert_eq!((first.image.as_str(), first.volumes.len()), ("ami-old", 1));
}

#[test]
fn a_recycle_waits_for_both_hooks_however_long_they_take() {
    let mut sim = served("");
    let before = sim.ssi("sig-plain", "ssi-1");
    sim.act("sig-plain", "ssi-1", "recycle");
    sim.advance(LONG);
    let down = only(&mut sim);
    assert_eq!(
        (down.kind, json!(down.instance_id)),
        (JobKind::Terminated, before["instanceId"].clone())
    );
    assert!(down.discarded.is_empty());
    sim.advance(LONG);
    assert_eq!(sim.state("sig-plain", "ssi-1"), "RECYCLING");
    assert!(jobs(&mut sim).is_empty(), "nothing is attached before the old machine has ended");
    sim.world.job_ended(&down, None, sim.now);
    sim.advance(LONG);
    let up = only(&mut sim);
    assert_eq!((up.kind, up.image.as_str()), (JobKind::Launched, "ami-new"));
    assert_eq!(up.volumes, down.volumes);
    assert_eq!(json!(up.private_ip), before["privateIp"]);
    sim.advance(LONG);
    assert_eq!(sim.state("sig-plain", "ssi-1"), "RECYCLING");
    sim.world.job_ended(&up, None, sim.now);
    let after = sim.ssi("sig-plain", "ssi-1");
    assert_eq!((&after["state"], &after["instanceId"]), (&json!("ACTIVE"), &json!(up.instance_id)));
}

#[test]
fn a_hook_that_is_quicker_than_booting_changes_nothing() {
    let mut sim = served("");
    sim.act("sig-plain", "ssi-1", "recycle");
    sim.advance(25.0);
    let down = only(&mut sim);
    sim.world.job_ended(&down, None, sim.now);
    sim.advance(30.0);
    let up = only(&mut sim);
    sim.world.job_ended(&up, None, sim.now);
    sim.advance(44.0);
    assert_eq!(sim.state("sig-plain", "ssi-1"), "RECYCLING");
    sim.advance(1.0);
    assert_eq!(sim.state("sig-plain", "ssi-1"), "ACTIVE");
}

#[test]
fn a_launch_that_fails_ends_in_error_with_its_last_line_in_the_log() {
    let mut sim = served("");
    sim.act("sig-plain", "ssi-1", "recycle");
    sim.advance(LONG);
    let down = only(&mut sim);
    sim.world.job_ended(&down, Some("exit status: 2: no such process"), sim.now);
    sim.advance(LONG);
    let up = only(&mut sim);
    assert_eq!(up.kind, JobKind::Launched, "a failed termination keeps nobody from going on");
    sim.world.job_ended(&up, Some("exit status: 3: port taken"), sim.now);
    let after = sim.ssi("sig-plain", "ssi-1");
    assert_eq!((&after["state"], after.get("instanceId")), (&json!("ERROR"), None));
    assert_eq!(after["devices"][0]["volumeId"], up.volumes[0].volume.as_str());
    let down = only(&mut sim);
    assert_eq!((down.kind, &down.instance_id), (JobKind::Terminated, &up.instance_id));
    let logs = sim.get("/aws/ec2/group/sig-plain/logs?fromDate=0&toDate=9000000000000");
    let lines: Vec<&str> = logs.iter().filter_map(|line| line["message"].as_str()).collect();
    assert!(lines.iter().any(|line| line.ends_with("exit status: 3: port taken")), "{lines:?}");
    assert!(lines.iter().any(|line| line.contains("Terminate hook")), "{lines:?}");
}

#[test]
fn volumes_are_told_as_kept_copied_new_or_gone() {
    let mut sim = served("behaviour: {on_deallocate: keep}");
    let recycled = |sim: &mut Scenario, group: &str, ssi: &str| {
        sim.act(group, ssi, "recycle");
        sim.advance(LONG);
        let down = only(sim);
        sim.world.job_ended(&down, None, sim.now);
        sim.advance(LONG);
        let up = only(sim);
        sim.world.job_ended(&up, None, sim.now);
        (down, up)
    };
    for (twist, copied) in [("other_zone", true), ("lost_volumes", false)] {
        sim.fault(json!({"kind": "relaunch", "twist": twist, "target": "ssi-1", "count": 1}));
        let (down, up) = recycled(&mut sim, "sig-plain", "ssi-1");
        assert_ne!(up.volumes[0].volume, down.volumes[0].volume);
        let source = up.volumes[0].made_from.as_ref();
        assert_eq!(source, copied.then_some(&down.volumes[0].volume), "{twist}");
    }
    let (down, up) = recycled(&mut sim, "sig-root", "ssi-r");
    assert_eq!(up.volumes[0].made_from.as_ref(), Some(&down.volumes[0].volume), "onLaunch");
    let gone = |sim: &mut Scenario| -> Vec<Vec<String>> {
        jobs(sim).into_iter().map(|job| job.discarded).filter(|gone| !gone.is_empty()).collect()
    };
    sim.act("sig-plain", "ssi-1", "pause");
    sim.advance(LONG);
    let down = only(&mut sim);
    sim.world.job_ended(&down, None, sim.now);
    let volume = down.volumes[0].volume.clone();
    let deleted = sim.send("admin", "DELETE", &format!("{VOLUME}/{volume}"), Value::Null);
    assert_eq!((deleted.status, gone(&mut sim)), (200, vec![vec![volume]]));
    sim.act("sig-plain", "ssi-2", "deallocate");
    sim.advance(LONG);
    let down = only(&mut sim);
    sim.world.job_ended(&down, None, sim.now);
    sim.advance(LONG);
    assert!(gone(&mut sim).is_empty(), "kept for some days");
    sim.advance(97.0 * LONG);
    assert_eq!(gone(&mut sim), [vec![down.volumes[0].volume.clone()]]);
}

#[test]
fn members_come_and_go_without_anyone_waiting() {
    let mut sim = served("");
    let member = sim.status("sig-web")[0]["instanceId"].as_str().unwrap().to_owned();
    sim.world.replace_by_itself(&member, Cause::Interruption, sim.now);
    let all = jobs(&mut sim);
    assert_eq!(
        all.iter().map(|job| job.kind).collect::<Vec<_>>(),
        [JobKind::Terminated, JobKind::Launched]
    );
    assert_eq!(all[0].instance_id, member);
    assert_eq!(sim.status("sig-web").len(), 2);
}

#[test]
fn a_machine_taken_away_by_hand_goes_like_any_other() {
    let mut sim = served("");
    let edit = json!({"instance": "ssi-1", "set": {"machine": null}});
    crate::edit::edit(&mut sim.world, &edit, sim.now).unwrap();
    assert_eq!(only(&mut sim).kind, JobKind::Terminated);
}

#[test]
fn senseless_hooks_and_addresses_are_refused() {
    let refused = |rest: &str| {
        let head = "tokens: [{token: t}]\naccounts: [{id: act-1, name: a}]";
        crate::Fleet::from_yaml(&format!("{head}\n{rest}")).unwrap_err().to_string()
    };
    assert!(refused("hooks: {launch: [a], timeout_seconds: 0}").contains("timeout_seconds"));
    assert!(refused("hooks: {launch: ['']}").contains("without a name"));
    let group = |name: &str, rest: &str| format!("  - {{name: {name}, region: r, {rest}}}\n");
    let members =
        |block: &str, count: u32| format!("addresses: {block}, members: [{{count: {count}}}]");
    assert!(
        refused(&format!("groups:\n{}", group("a", &members("127.0.9.0/28", 12))))
            .contains("too few")
    );
    let both = [group("a", &members("127.0.9.0/24", 3)), group("b", &members("127.0.0.0/16", 3))];
    assert!(refused(&format!("groups:\n{}", both.concat())).contains("in common"));
    assert!(
        refused(&format!("groups:\n{}", group("a", "addresses: localhost"))).contains("no block")
    );
}

#[test]
fn addresses_come_from_the_block_of_the_group() {
    let text = "tokens: [{token: admin}]\naccounts: [{id: act-1, name: a}]\ngroups:\n  - {name: a, id: sig-a, region: r, \
                persistence: {private_ip: true}, addresses: 127.0.20.0/28, stateful: [{count: 3}], capacity: {maximum: 99}}";
    let fleet = crate::Fleet::from_yaml(text).unwrap();
    let mut sim = Scenario { world: World::new(&fleet), now: fleet.clock().start };
    let addresses = |sim: &mut Scenario| {
        let all = sim.list("sig-a").into_iter();
        let all = all.filter_map(|item| item["privateIp"].as_str().map(str::to_owned));
        all.collect::<BTreeSet<_>>()
    };
    let found = addresses(&mut sim);
    assert_eq!(found.len(), 3);
    assert!(found.iter().all(|address| address.starts_with("127.0.20.")), "{found:?}");
    sim.put("/aws/ec2/group/sig-a", crate::scenario::target(99));
    sim.advance(LONG);
    assert_eq!(addresses(&mut sim).len(), 12, "all that the block has");
    let states: Vec<Value> = sim.list("sig-a").iter().map(|item| item["state"].clone()).collect();
    assert_eq!(states.iter().filter(|state| *state == "ERROR").count(), 87);
}
