//! Decisions over journals and looks that are made here.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::restore::{RestoreAct, suspensions};
use super::suspended::{foreign, short_of};
use super::volumes::has_its_volumes;
use super::*;
use crate::domain::{
    Device, GroupId, ImageId, InstanceId, Persistence, Process, StatefulInstanceId, StatefulState,
    Suspension, VendorTime,
};
use crate::plan::Verdict;
use crate::plan::stateful::Snapshot;

fn now() -> Timestamp {
    "2026-11-20T12:00:00Z".parse().unwrap()
}

fn minutes(minutes: i64) -> Timestamp {
    now() + SignedDuration::from_mins(minutes)
}

/// A plan over one node with one volume, with more fields set.
fn plan(more: Value) -> Planned {
    let mut plan = json!({
        "form": 1, "run_id": "r", "program": "0", "account": "act-1", "group": "sig-1", "group_name": "g", "system": "s",
        "target": {"wanted": {"kind": "image", "id": "ami-2"}, "image_id": "ami-2"}, "switch": null, "expected_seconds": null,
        "persistence": {"root_device": false, "block_devices": true, "private_ip": true, "block_devices_mode": "reattach"},
        "suspended_before": [], "suspend_minutes": 60, "revert_image_on_abort": true, "waived": [],
        "others": [], "may_be_down": [], "waived_deployments": [],
        "nodes": [{"id": "ssi-1", "instance_id": "i-1", "image_id": "ami-1", "private_ip": null, "zone": null,
                   "volumes": ["vol-1"], "launched_at": null}],
    });
    for (name, value) in more.as_object().unwrap() {
        plan[name] = value.clone();
    }
    serde_json::from_value(plan).unwrap()
}

fn run(plan: Planned, events: impl IntoIterator<Item = Event>) -> Run {
    let first = Event::Planned(Box::new(plan));
    let entry = |event| Entry { at: now(), event };
    let entries: Vec<Entry> = std::iter::once(first).chain(events).map(entry).collect();
    Run::read(&entries).unwrap()
}

fn node() -> StatefulInstanceId {
    StatefulInstanceId::new("ssi-1")
}

fn entered(phase: Phase) -> Event {
    Event::Entered { node: node(), phase }
}

fn gate(verdict: Value) -> Event {
    Event::Gate { node: node(), report: json!({"verdict": verdict}) }
}

fn held() -> Event {
    let holder = Holder { host: "h".to_owned(), boot: None, pid: None, started: None, among: None };
    Event::Held { holder, come_up: Vec::new() }
}

/// Nothing, or what the last gate found, if there was one.
type Judged = Result<(), Option<Verdict>>;

#[test]
fn a_mid_gate_counts_from_its_phase_to_the_recycle_and_the_last_one_decides() {
    let (mid, recycling) = (entered(Phase::MidGate), entered(Phase::Recycling));
    let (pass, fail) = (gate(json!("pass")), gate(json!("fail")));
    let thawed = Event::Thawed { reason: "r".to_owned() };
    let cases: Vec<(Vec<Event>, Judged)> = vec![
        (vec![], Err(None)),
        (vec![pass.clone()], Err(None)),
        (vec![entered(Phase::Stopped), pass.clone(), mid.clone()], Err(None)),
        (vec![mid.clone(), pass.clone()], Ok(())),
        (vec![mid.clone(), pass.clone(), fail.clone()], Err(Some(Verdict::Fail))),
        (vec![mid.clone(), fail.clone(), pass.clone()], Ok(())),
        (vec![mid.clone(), gate(json!("unknown"))], Err(Some(Verdict::Unknown))),
        (vec![mid.clone(), gate(json!("splendid"))], Err(Some(Verdict::Unknown))),
        (vec![mid.clone(), gate(Value::Null)], Err(Some(Verdict::Unknown))),
        (vec![mid.clone(), pass.clone(), recycling.clone()], Ok(())),
        (vec![mid.clone(), pass.clone(), recycling, fail.clone()], Err(Some(Verdict::Fail))),
        (vec![mid.clone(), pass.clone(), entered(Phase::Draining), mid.clone()], Err(None)),
        (vec![mid.clone(), pass.clone(), held()], Err(None)),
        (vec![mid, pass, thawed], Err(None)),
    ];
    for (events, expected) in cases {
        let found = run(plan(json!({})), events.clone());
        let judged = has_passed_mid_gate(&found, found.node(&node()).unwrap(), minutes(1));
        assert_eq!(judged, expected.map_err(Hold::NoMidGate), "{events:?}");
        let none = run(plan(json!({"mid_gate": "none"})), events);
        assert_eq!(has_passed_mid_gate(&none, none.node(&node()).unwrap(), minutes(1)), Ok(()));
    }
}

/// Between the two it may be waited for a connection, for a rate limit, and for what a drain does, while another node goes down.
#[test]
fn a_service_is_stopped_on_a_gate_that_passed_and_is_not_old() {
    let (pre, draining) = (entered(Phase::PreGate), entered(Phase::Draining));
    let (pass, fail) = (gate(json!("pass")), gate(json!("fail")));
    let old = Err(Hold::OldPreGate(SignedDuration::from_mins(6)));
    let shut = |found| Err(Hold::ShutPreGate(found));
    let cases = [
        (vec![pre.clone()], 60, Ok(())),
        (vec![pre.clone(), pass.clone()], 1, Ok(())),
        (vec![pre.clone(), pass.clone(), draining.clone()], 6, old.clone()),
        (vec![pre.clone(), draining.clone(), pass.clone()], 6, old),
        (vec![pre.clone(), fail.clone()], 1, shut(Verdict::Fail)),
        (vec![pre.clone(), pass.clone(), draining, gate(json!("odd"))], 1, shut(Verdict::Unknown)),
        (vec![pre.clone(), fail, pass.clone()], 1, Ok(())),
        // Another look begins: what the last one saw is none of it.
        (vec![pre.clone(), pass.clone(), pre.clone()], 60, Ok(())),
        (vec![pre, pass, held()], 60, Ok(())),
    ];
    for (events, age, expected) in cases {
        let found = run(plan(json!({})), events.clone());
        let judged = has_fresh_pre_gate(found.node(&node()).unwrap(), minutes(age));
        assert_eq!(judged, expected, "{events:?}");
    }
}

#[test]
fn who_goes_on_with_a_run_ends_the_zone_of_the_node_that_was_done_last() {
    let placed = |(id, zone): (&str, Option<&str>)| json!({"id": id, "instance_id": null, "image_id": null, "private_ip": null, "zone": zone, "volumes": [], "launched_at": null});
    let nodes = [("ssi-1", Some("a")), ("ssi-2", Some("b")), ("ssi-3", None)].map(placed);
    let planned = Event::Planned(Box::new(plan(json!({"nodes": nodes}))));
    let done = |id: &str| Event::Entered { node: StatefulInstanceId::new(id), phase: Phase::Done };
    // In the order in which they were done, which may be another one than the plan's.
    let cases: [(&[&str], Option<&str>); 5] = [
        (&[], None),
        (&["ssi-1"], Some("a")),
        (&["ssi-2", "ssi-1"], Some("a")),
        (&["ssi-1", "ssi-2"], Some("b")),
        (&["ssi-1", "ssi-3"], None),
    ];
    for (order, zone) in cases {
        let mut entries = vec![Entry { at: now(), event: planned.clone() }];
        entries.extend(
            order.iter().zip(1..).map(|(id, at)| Entry { at: minutes(at), event: done(id) }),
        );
        assert_eq!(Run::read(&entries).unwrap().last_zone(), zone, "{order:?}");
    }
}

/// Its service may be stopped, and what the gates saw of the cluster is old: so it begins at the first of them.
#[test]
fn a_node_that_was_cut_off_before_its_machine_was_given_up_begins_at_its_pre_gate() {
    let asking = Event::Asking { node: node(), instance_id: InstanceId::new("i-1") };
    let not_asked = Event::NotAsked { node: node(), reason: "r".to_owned() };
    let (recycling, thawed) = (entered(Phase::Recycling), Event::Thawed { reason: "r".to_owned() });
    let is_due = |events: Vec<Event>| {
        let found = run(plan(json!({"mid_gate": "none"})), events.clone());
        let mine = found.node(&node()).unwrap().clone();
        let down = [Phase::Stopped, Phase::MidGate, Phase::Recycling];
        let held =
            down.map(|to| matches!(may_enter(&found, &node(), to), Err(Hold::CutOff { .. })));
        assert_eq!(may_enter(&found, &node(), Phase::PreGate).is_ok(), mine.asked.is_none());
        (held.contains(&true), mine.taken_up_at(), mine.must_start())
    };
    for phase in [Phase::Draining, Phase::Stopped, Phase::MidGate, Phase::Recycling] {
        for cut in [held(), thawed.clone()] {
            let events = vec![entered(phase), cut];
            assert_eq!(is_due(events.clone()), (true, Phase::PreGate, true), "{phase}");
            let asked = [events.clone(), vec![entered(Phase::Draining)]].concat();
            assert_eq!(is_due(asked), (true, Phase::PreGate, true), "{phase}");
            let begun = [events, vec![entered(Phase::PreGate)]].concat();
            assert_eq!(is_due(begun.clone()), (false, Phase::Planned, false), "{phase}");
            let again = [begun, vec![entered(Phase::Stopped)]].concat();
            assert_eq!(is_due(again), (false, Phase::PreGate, true), "{phase}: not cut off again");
        }
    }
    // One whose machine may be gone only goes on; one whose machine was not given up in the end begins anew.
    let asked = vec![recycling, asking, held()];
    assert_eq!(is_due(asked.clone()), (false, Phase::Recycling, false));
    assert_eq!(is_due([asked, vec![not_asked]].concat()), (true, Phase::PreGate, true));
}

#[test]
fn a_mid_gate_of_long_ago_counts_no_more() {
    let passed = run(plan(json!({})), vec![entered(Phase::MidGate), gate(json!("pass"))]);
    let at = passed.node(&node()).unwrap().mid_gate.unwrap().1;
    for (minutes, counts) in [(0, true), (5, true), (6, false), (-6, false)] {
        let now = at + SignedDuration::from_mins(minutes);
        let judged = has_passed_mid_gate(&passed, passed.node(&node()).unwrap(), now);
        assert_eq!(judged.is_ok(), counts, "{minutes}: {judged:?}");
    }
}

fn suspension(process: Process, end: Option<Timestamp>) -> Suspension {
    let expires_at = end.map(|end| VendorTime::new(end.to_string()));
    Suspension { process, expires_at, is_endless: false }
}

#[test]
fn a_suspension_is_someone_elses_unless_it_was_asked_for_or_was_there_before() {
    let asked = [("AUTO_SCALE".to_owned(), vec![minutes(60), minutes(90)])].into();
    let before = [
        SuspendedBefore { process: "SCHEDULING".to_owned(), expires_at: None },
        SuspendedBefore {
            process: "AUTO_HEALING".to_owned(),
            expires_at: Some(minutes(30).to_string()),
        },
        SuspendedBefore {
            process: "OUT_OF_STRATEGY".to_owned(),
            expires_at: Some("soon".to_owned()),
        },
    ];
    let odd = |text: &str| Suspension {
        process: Process::OutOfStrategy,
        expires_at: Some(VendorTime::new(text)),
        is_endless: false,
    };
    let endless = |process: Process| Suspension { is_endless: true, ..suspension(process, None) };
    for (found, is_foreign) in [
        (suspension(Process::AutoScale, Some(minutes(60))), false),
        (suspension(Process::AutoScale, Some(minutes(94))), false),
        (suspension(Process::AutoScale, Some(minutes(75))), true),
        (suspension(Process::AutoScale, Some(minutes(600))), true),
        // An older server tells no ends.
        (suspension(Process::AutoScale, None), false),
        (endless(Process::AutoScale), true),
        (suspension(Process::Scheduling, None), false),
        (endless(Process::Scheduling), false),
        (suspension(Process::Scheduling, Some(minutes(60))), true),
        (suspension(Process::AutoHealing, Some(minutes(29))), false),
        (suspension(Process::AutoHealing, Some(minutes(60))), true),
        (suspension(Process::AutoHealing, None), true),
        (suspension(Process::RevertPreferred, None), true),
        (suspension(Process::RevertPreferred, Some(minutes(1))), true),
        (suspension(Process::RevertPreferred, Some(now())), false),
        (suspension(Process::RevertPreferred, Some(minutes(-60))), false),
        (suspension(Process::Other("NEW".to_owned()), Some(minutes(9))), true),
        (odd("soon"), false),
        (odd("late"), true),
    ] {
        let others = foreign(std::slice::from_ref(&found), now(), &asked, &before);
        assert_eq!(!others.is_empty(), is_foreign, "{found:?}");
    }
}

#[test]
fn a_suspension_whose_end_is_not_told_lasts_as_long_as_was_asked_for_and_no_longer() {
    let asked = [("AUTO_SCALE".to_owned(), vec![minutes(60)])].into();
    let endless = Suspension { is_endless: true, ..suspension(Process::Scheduling, None) };
    let untold = [Process::AutoScale, Process::AutoHealing].map(|one| suspension(one, None));
    let present = [vec![endless], untold.to_vec()].concat();
    let is_short = |until: i64, process: Process| {
        short_of(minutes(until), &present, &asked).contains(&process)
    };
    assert!(!is_short(60, Process::AutoScale) && is_short(61, Process::AutoScale));
    assert!(is_short(0, Process::AutoHealing), "nobody here asked for it");
    assert!(!is_short(9999, Process::Scheduling));
}

#[test]
fn what_was_suspended_until_nobody_knows_when_is_not_ended_by_a_run() {
    let before = json!([{"process": "AUTO_SCALE", "expires_at": null}]);
    let processes = ["AUTO_SCALE", "AUTO_HEALING"].map(str::to_owned).to_vec();
    let suspending = Event::Suspending { processes, minutes: 60, from: now() };
    let run = run(plan(json!({ "suspended_before": before })), [suspending]);
    let both = |end| [Process::AutoScale, Process::AutoHealing].map(|one| suspension(one, end));
    let RestoreAct::Suspensions { release, left, .. } = suspensions(&run, &both(None), now())
    else {
        panic!("what this run alone has suspended goes on")
    };
    assert_eq!((release, left.len()), (vec![Process::AutoHealing], 1));
    // Without an end none is asked for here, so it is somebody else's.
    let endless = both(None).map(|one| Suspension { is_endless: true, ..one });
    assert!(matches!(suspensions(&run, &endless, now()), RestoreAct::Leave(_)));
    let ours = suspensions(&run, &both(Some(minutes(60))), now());
    assert!(matches!(ours, RestoreAct::Suspensions { release, .. } if release.len() == 2));
}

fn seen(instance: &str, image: &str, volumes: &[&str]) -> Node {
    let device = |id: &&str| Device {
        device_name: Some("/dev/xvdb".to_owned()),
        volume_id: Some((*id).to_owned()),
        snapshot_id: None,
    };
    let seen = Snapshot {
        image_id: Some(ImageId::new(image)),
        devices: volumes.iter().map(device).collect(),
        state: StatefulState::Active,
        ..Snapshot::unseen(InstanceId::new(instance))
    };
    Node { id: node(), seen }
}

#[test]
fn volumes_must_be_the_same_and_what_was_never_known_needs_a_waiver() {
    let planned = |volumes: Value| {
        json!([{"id": "ssi-1", "instance_id": "i-1", "image_id": null, "private_ip": null,
                                           "zone": null, "volumes": volumes, "launched_at": null}])
    };
    let (none, one, two) = (json!([]), json!(["vol-1"]), json!(["vol-2", "vol-1"]));
    for (before, waived, found, is_same) in [
        (&one, false, &["vol-1"][..], true),
        (&two, false, &["vol-1", "vol-2"], true),
        (&one, false, &["vol-2"], false),
        (&one, false, &[], false),
        (&one, false, &["vol-1", "vol-2"], false),
        (&none, false, &["vol-1"], false),
        (&none, false, &[], false),
        (&none, true, &["vol-1"], true),
        (&none, true, &[], true),
        // Of two only one was told.
        (&one, true, &["vol-1", "vol-2"], true),
        (&one, true, &["vol-2"], false),
    ] {
        let unknown = if waived { json!(["ssi-1"]) } else { json!([]) };
        let plan = plan(json!({"nodes": planned(before.clone()), "volumes_unknown": unknown}));
        let judged = has_its_volumes(&plan, &plan.nodes[0], &seen("i-2", "ami-2", found));
        assert_eq!(judged.is_ok(), is_same, "{before} {waived} {found:?}: {judged:?}");
    }
}

/// What is not told is not the same; and a list that is late is told from one that shows another.
#[test]
fn a_machine_is_the_same_only_by_what_the_vendor_tells_of_it() {
    let nodes = json!([{"id": "ssi-1", "instance_id": "i-1", "image_id": "ami-1", "private_ip": "10.0.0.1",
                        "zone": "a", "volumes": ["vol-1", "vol-2"], "launched_at": null}]);
    let plan = plan(json!({"nodes": nodes}));
    let judged = |address: Option<&str>, zone: Option<&str>, volumes: &[&str]| {
        let mut found = seen("i-2", "ami-2", volumes);
        found.seen.private_ip = address.map(str::to_owned);
        found.seen.availability_zone = zone.map(str::to_owned);
        is_same_node(&plan, &plan.nodes[0], &found)
    };
    let (one, two) = ("vol-1", "vol-2");
    let untold = |what| Err(Hold::Untold { node: node(), what });
    assert_eq!(judged(Some("10.0.0.1"), Some("a"), &[two, one]), Ok(()));
    assert_eq!(judged(None, Some("a"), &[one, two]), untold("persisted address"));
    assert_eq!(judged(Some("10.0.0.1"), None, &[one, two]), untold("zone"));
    for late in [&[][..], &[one]] {
        assert_eq!(judged(Some("10.0.0.1"), Some("a"), late), untold("data volumes"), "{late:?}");
    }
    let other = judged(Some("10.0.0.1"), Some("a"), &[one, "vol-3"]);
    assert!(matches!(other, Err(Hold::OtherVolumes { .. })), "{other:?}");
    let other = judged(Some("10.0.0.9"), Some("a"), &[one, two]);
    assert!(matches!(other, Err(Hold::OtherAddress { .. })), "{other:?}");
}

/// Whatever was proved of it before: what is noted as rolled runs the image that was wanted.
#[test]
fn a_machine_that_a_recycle_brought_runs_the_image_that_was_wanted() {
    let launched = json!({"target": {"wanted": {"kind": "launched_after", "moment": now()}, "image_id": "ami-2"}});
    let none = json!({"target": {"wanted": {"kind": "present_configuration"}, "image_id": null}});
    let present =
        json!({"target": {"wanted": {"kind": "present_configuration"}, "image_id": "ami-2"}});
    let judged = |more: &Value, image: Option<&str>, volume: &str| {
        let mut found = seen("i-2", "ami-2", &[volume]);
        found.seen.image_id = image.map(ImageId::new);
        let plan = plan(more.clone());
        is_as_wanted(&plan, &plan.nodes[0], &found)
    };
    for by_image in [json!({}), present] {
        assert_eq!(judged(&by_image, Some("ami-2"), "vol-1"), Ok(()));
        let other = judged(&by_image, Some("ami-1"), "vol-1");
        assert!(matches!(other, Err(Hold::NotAsWanted { .. })), "{other:?}");
        let untold = judged(&by_image, None, "vol-1");
        assert!(matches!(untold, Err(Hold::Untold { what: "image", .. })), "{untold:?}");
        let other = judged(&by_image, Some("ami-2"), "vol-2");
        assert!(matches!(other, Err(Hold::OtherVolumes { .. })), "{other:?}");
    }
    for free in [launched, none] {
        assert_eq!(judged(&free, Some("ami-1"), "vol-1"), Ok(()));
        assert_eq!(judged(&free, None, "vol-1"), Ok(()));
    }
}

#[test]
fn an_image_on_a_persisted_root_is_proved_by_the_run_that_brought_it_to_that_machine_alone() {
    let off = json!({"switch": {"image_from": "ami-1", "image_to": "ami-2", "root_persistence_off": true}});
    let rooted = |mut more: Value| {
        more["persistence"] = json!({"root_device": true, "block_devices": true, "private_ip": true, "block_devices_mode": "reattach"});
        plan(more)
    };
    let recycled = |image: &str| Event::Recycled {
        node: node(),
        instance_id: InstanceId::new("i-2"),
        image_id: Some(ImageId::new(image)),
        seconds: 1.0,
    };
    let done = || vec![recycled("ami-2"), entered(Phase::Done)];
    let (proved, unproved) = (true, false);
    for (plan, events, instance, expected) in [
        (rooted(off.clone()), done(), "i-2", proved),
        (plan(json!({})), done(), "i-2", proved),
        // Another machine since, another image, not rolled to its end, a root that was kept, another group.
        (rooted(off.clone()), done(), "i-3", unproved),
        (rooted(off.clone()), vec![recycled("ami-3"), entered(Phase::Done)], "i-2", unproved),
        (rooted(off.clone()), vec![recycled("ami-2"), entered(Phase::Baking)], "i-2", unproved),
        (rooted(json!({})), done(), "i-2", unproved),
        (plan(json!({"group": "sig-2"})), done(), "i-2", unproved),
    ] {
        let (runs, group) = ([run(plan, events)], GroupId::new("sig-1"));
        let past = Past::of(&runs, &group, "s");
        // The same of one that was put away; of durations that tells nothing.
        let old = Past::default().with_history(&runs, &group);
        assert!(old.seconds.is_empty());
        let image = ImageId::new("ami-2");
        let persistence = Persistence { root_device: true, ..Persistence::default() };
        let found = seen(instance, "ami-2", &["vol-1"]);
        for wanted in [Wanted::Image { id: image.clone() }, Wanted::PresentConfiguration] {
            let target = Target { wanted, image_id: Some(image.clone()) };
            let judged = past.matches(&target, &found, &persistence);
            assert_eq!(judged, old.matches(&target, &found, &persistence));
            assert_eq!(matches!(judged, Match::There(_)), expected, "{instance}: {judged:?}");
            assert_eq!(matches!(judged, Match::OnPaper(_)), !expected, "{instance}: {judged:?}");
        }
        let fresh = Persistence::default();
        let target = Target { wanted: Wanted::PresentConfiguration, image_id: Some(image) };
        assert!(matches!(past.matches(&target, &found, &fresh), Match::There(_)));
    }
}

#[test]
fn a_run_that_is_gone_on_with_keeps_the_options_that_it_began_with() {
    let options = |canary: &str| {
        [("canary".to_owned(), json!(canary)), ("only".to_owned(), json!([]))].into()
    };
    let known = plan(json!({"options": {"canary": "ssi-1", "only": []}}));
    assert_eq!(ignored_options(&known, &options("ssi-1")), Vec::<String>::new());
    let told = ignored_options(&known, &options("ssi-2"));
    let expected = "canary is ignored: run r, which is gone on with, began with \"ssi-1\" and keeps it; given now: \"ssi-2\"";
    assert_eq!(told, [expected]);
    let told = ignored_options(&plan(json!({})), &options("ssi-1"));
    assert!(told.len() == 1 && told[0].contains("does not tell with which options"), "{told:?}");
}

#[test]
fn nothing_is_waited_for_between_the_gate_before_and_the_stop() {
    use Phase::{Draining, MidGate, Planned, PreGate, Stopped};
    for (from, to) in [(PreGate, Draining), (Draining, Stopped), (PreGate, Stopped)] {
        assert!(!from.may_wait_before(to), "{from} to {to}");
    }
    // The gate is still to come, or the service is to be started again.
    for (from, to) in
        [(Planned, PreGate), (Stopped, MidGate), (Draining, Draining), (MidGate, Draining)]
    {
        assert!(from.may_wait_before(to), "{from} to {to}");
    }
}

#[test]
fn time_in_which_nobody_rolled_is_no_time_of_a_phase() {
    let thawed = Event::Thawed { reason: "looked at it".to_owned() };
    for back in [held(), thawed] {
        let events = [
            (0, Event::Planned(Box::new(plan(json!({}))))),
            (1, held()),
            (2, entered(Phase::Stopped)),
            (5, Event::Alive),
            // Over night.
            (600, back),
            (601, entered(Phase::MidGate)),
        ];
        let entries = events.map(|(at, event)| Entry { at: minutes(at), event });
        let run = Run::read(&entries).unwrap();
        assert!((run.node(&node()).unwrap().total_seconds() - 4.0 * 60.0).abs() < 0.1);
    }
}

/// The order may be another one than the plan's, since who leads is asked before each node; so the position is counted by what is done.
#[test]
fn whereabouts_count_what_was_really_rolled_and_foresee_the_rest() {
    let each = |id: &str| {
        json!({"id": id, "instance_id": format!("i-{id}"), "image_id": "ami-1", "private_ip": null, "zone": null,
            "volumes": ["vol-1"], "launched_at": null})
    };
    let three = json!({"nodes": [each("a"), each("b"), each("c")], "expected_seconds": 1800.0});
    let enter = |node: &str, phase| Event::Entered { node: StatefulInstanceId::new(node), phase };
    let events = [
        (0, Event::Planned(Box::new(plan(three)))),
        (1, enter("c", Phase::PreGate)),
        (5, enter("c", Phase::Done)),
        (6, enter("a", Phase::PreGate)),
        (8, enter("a", Phase::Stopped)),
    ];
    let entries: Vec<Entry> =
        events.into_iter().map(|(at, event)| Entry { at: minutes(at), event }).collect();
    let whereabouts = |entries: &[Entry], node: &str, at| {
        let run = Run::read(entries).unwrap();
        Whereabouts::of(&run, &StatefulInstanceId::new(node), minutes(at)).to_string()
    };
    assert_eq!(
        whereabouts(&entries, "a", 9),
        "node 2 of 3 (a): stopped, 7 min so far, about 17 min to go"
    );
    assert_eq!(
        whereabouts(&entries[..3], "c", 5),
        "node 1 of 3 (c): done, 4 min so far, about 20 min to go"
    );
    // One that takes longer than the others did has nothing to go itself; the third one has.
    assert_eq!(
        whereabouts(&entries, "a", 60),
        "node 2 of 3 (a): stopped, 58 min so far, about 10 min to go"
    );
    // A night in which nobody rolled.
    let mut resumed = entries.clone();
    resumed.push(Entry { at: minutes(9), event: Event::Alive });
    resumed.push(Entry { at: minutes(700), event: held() });
    resumed.push(Entry { at: minutes(701), event: enter("a", Phase::Draining) });
    assert_eq!(
        whereabouts(&resumed, "a", 702),
        "node 2 of 3 (a): draining, 9 min so far, about 15 min to go"
    );
    let unknown = [Entry { at: minutes(0), event: Event::Planned(Box::new(plan(json!({})))) }];
    assert_eq!(whereabouts(&unknown, "ssi-1", 1), "node 1 of 1 (ssi-1): planned, 0 s so far");
}
