//! What goes well, and what is refused.

use serde_json::json;
use spotinst_esg::domain::{Deallocation, ImageId, StatefulAction, StatefulState};
use spotinst_esg::drive::stateful::{ActError, Job};
use spotinst_esg::plan::Verdict;
use spotinst_esg::plan::stateful::{Demand, Refusal, Settled};

use super::desk::{Desk, Ended, expecting, job, recycle};

fn refusal(desk: &Desk, job: &Job) -> Refusal {
    match desk.run(job).unwrap_err().error {
        ActError::Refused { refusal, .. } => *refusal,
        other => panic!("{other}"),
    }
}

#[test]
fn a_recycle_ends_with_a_new_instance_and_every_promise_proved() {
    let desk = Desk::new();
    let mut job = recycle();
    job.expectations.image_id = Some(ImageId::new("ami-2"));
    let carried = desk.run(&job).unwrap().carried();
    let (before, after) = (carried.before.unwrap(), carried.after.unwrap());
    assert_eq!(before.instance_id.unwrap().as_str(), "i-1");
    assert_ne!(after.instance_id.as_ref().unwrap().as_str(), "i-1");
    assert_eq!(after.state, StatefulState::Active);
    assert_eq!(after.availability_zone.as_deref(), Some("eu-west-1a"));
    let proved: Vec<_> = carried.checks.iter().map(|check| (check.name, check.verdict)).collect();
    let pass = Verdict::Pass;
    let all = ["image_id", "same_volumes", "same_zone", "same_private_ip"];
    assert_eq!(proved, all.map(|name| (name, pass)));
    let states: Vec<_> = carried.phases.iter().map(|phase| phase.state.as_str()).collect();
    assert_eq!(states, ["ACTIVE", "RECYCLE", "RECYCLING", "ACTIVE"]);
    assert_eq!((carried.sent, desk.mutations().len()), (1, 1));
    assert_eq!(desk.terminated(), [json!("i-1")]);
    assert_eq!(carried.warnings, Vec::<String>::new());
    let said = desk.said.lock().unwrap();
    assert!(said.iter().any(|line| line.contains("RECYCLING")), "{said:?}");
}

#[test]
fn a_recycle_run_again_finds_it_done_and_asks_for_nothing() {
    let desk = Desk::new();
    desk.run(&recycle()).unwrap();
    let Ended::Nothing(Settled::Replaced { expected, found, .. }) = desk.run(&recycle()).unwrap()
    else {
        panic!("acted again")
    };
    assert_eq!(
        (expected.as_str(), found.as_str()),
        ("i-1", desk.truth("ssi-1")["instanceId"].as_str().unwrap())
    );
    assert_eq!(desk.mutations().len(), 1);
    let mut wrong = recycle();
    wrong.expectations.image_id = Some(ImageId::new("ami-3"));
    let refusal = refusal(&desk, &wrong).to_string();
    assert!(refusal.contains("i-1") && refusal.contains(found.as_str()), "{refusal}");
    assert_eq!(desk.mutations().len(), 1);
}

#[test]
fn every_path_through_the_states_ends_well() {
    for head in [
        "behaviour: {recycle_path: pausing_resuming}",
        "behaviour: {skip_states: [RECYCLE, RECYCLING]}",
        "behaviour: {skip_states: [RECYCLE]}",
        "latency: {stale_seconds: 90}",
        "latency: {stale_seconds: 30}\nbehaviour: {recycle_path: pausing_resuming}",
        "shapes: {omit_times: true}",
        "shapes: {instance_id: empty, timestamps: offset, lower_case_states: true}",
        "latency: {accepted_seconds: 0, terminating_seconds: 0, replacing_seconds: 0, booting_seconds: 0}",
    ] {
        let desk = Desk::with(head);
        let carried = desk.run(&recycle()).unwrap_or_else(|f| panic!("{head}: {}", f.error));
        let carried = carried.carried();
        let after = carried.after.unwrap();
        assert_eq!(
            after.instance_id.unwrap().as_str(),
            desk.truth("ssi-1")["instanceId"],
            "{head}"
        );
        assert_eq!((desk.mutations().len(), desk.terminated().len()), (1, 1), "{head}");
    }
}

#[test]
fn pause_resume_volume_and_deallocation_each_act_once_and_then_have_nothing_to_do() {
    let desk = Desk::new();
    let volume = desk.truth("ssi-1")["devices"][0]["volume"].as_str().unwrap().to_owned();
    let flags = Deallocation { delete_volumes: true, ..Deallocation::default() };
    let jobs = [
        job("ssi-1", StatefulAction::Pause),
        job("ssi-1", StatefulAction::DeleteVolume(volume.clone())),
        job("ssi-1", StatefulAction::Resume),
        job("ssi-2", StatefulAction::Deallocate(flags)),
        job("smi-1", StatefulAction::Pause),
        job("smi-1", StatefulAction::Resume),
        expecting(job("smi-1", StatefulAction::Recycle), "i-none"),
        job("smi-1", StatefulAction::Deallocate(flags)),
    ];
    for (index, mut job) in jobs.into_iter().enumerate() {
        job.expectations.confirm_data_loss = true;
        if matches!(job.action, StatefulAction::Recycle) {
            job.expectations.instance_id = None;
        }
        let carried = desk.run(&job).unwrap_or_else(|f| panic!("{}: {}", job.doing(), f.error));
        let carried = carried.carried();
        assert_eq!((carried.sent, desk.mutations().len()), (1, index + 1), "{}", job.doing());
        if let Some(before) = carried.before.filter(|_| job.action == StatefulAction::Recycle) {
            job = expecting(job, before.instance_id.unwrap().as_str());
        }
        let again = desk.run(&job).unwrap_or_else(|f| panic!("{}: {}", job.doing(), f.error));
        assert!(matches!(again, Ended::Nothing(_)), "{}: {again:?}", job.doing());
        assert_eq!(desk.mutations().len(), index + 1, "{}", job.doing());
    }
    let bodies = desk.sim.requests().into_iter().map(|request| request.body);
    let sent: Vec<_> = bodies.filter(|body| body.is_object()).collect();
    let flags = json!({
        "shouldDeleteImages": false, "shouldDeleteNetworkInterfaces": false,
        "shouldDeleteVolumes": true, "shouldDeleteSnapshots": false,
    });
    assert_eq!(sent[0], json!({"statefulDeallocation": flags}));
    assert_eq!(sent[1]["deallocationConfig"]["shouldTerminateInstance"], true);
}

#[test]
fn what_is_refused_sends_nothing() {
    let desk = Desk::new();
    let other = desk.truth("ssi-2")["devices"][0]["volume"].as_str().unwrap().to_owned();
    let mut imaged = recycle();
    imaged.expectations.image_id = Some(ImageId::new("ami-9"));
    let deletes = Deallocation { delete_snapshots: true, ..Deallocation::default() };
    let cases = [
        (job("ssi-3", StatefulAction::Recycle), "PAUSED"),
        (job("ssi-3", StatefulAction::Pause), ""),
        (job("ssi-9", StatefulAction::Pause), "not listed"),
        (job("smi-9", StatefulAction::Recycle), "not listed"),
        (expecting(job("ssi-1", StatefulAction::Pause), "i-7"), "i-7"),
        (imaged, "ami-9"),
        (job("ssi-1", StatefulAction::Deallocate(deletes)), "confirm_data_loss"),
        (job("ssi-3", StatefulAction::DeleteVolume(other)), "ssi-2"),
    ];
    for (job, word) in cases.iter().filter(|(_, word)| !word.is_empty()) {
        let failed = desk.run(job).unwrap_err();
        let text = failed.error.to_string();
        assert!(text.contains(word) && text.contains(job.target.id()), "{text}");
        assert!(!text.contains('\n'), "{text}");
    }
    assert_eq!(desk.mutations(), Vec::<String>::new());
}

#[test]
fn a_recycle_underway_is_joined_by_who_names_the_instance() {
    let desk = Desk::new();
    let mut impatient = recycle();
    impatient.wait = false;
    let carried = desk.run(&impatient).unwrap().carried();
    assert_eq!((carried.sent, carried.after.unwrap().state), (1, StatefulState::Recycle));
    assert!(matches!(refusal(&desk, &job("ssi-1", StatefulAction::Recycle)), Refusal::Busy { .. }));
    for seconds in [0, 30, 30] {
        desk.advance(seconds);
        let joined = desk.run(&impatient).unwrap().carried();
        assert_eq!(joined.sent, 0);
    }
    let carried = desk.run(&recycle()).unwrap().carried();
    assert_eq!((carried.sent, carried.after.unwrap().state), (0, StatefulState::Active));
    assert_eq!((desk.mutations().len(), desk.terminated().len()), (1, 1));
}

/// Whoever joins too late to see what was there before, and finds it nowhere written down, has proved nothing of the data.
#[test]
fn a_recycle_that_is_joined_by_who_knows_nothing_of_the_machine_before_is_not_proved() {
    let desk = Desk::new();
    let mut impatient = recycle();
    impatient.wait = false;
    desk.run(&impatient).unwrap().carried();
    let is_underway = |desk: &Desk| {
        let truth = desk.truth("ssi-1");
        truth["instanceId"] != "i-1" && truth["state"] != "ACTIVE"
    };
    assert!((0..100).any(|_| {
        desk.advance(1);
        is_underway(&desk)
    }));
    std::fs::remove_dir_all(desk.folder.path().join("recycled")).unwrap();
    let failed = desk.run(&recycle()).unwrap_err();
    let ActError::Unmet { unmet, .. } = &failed.error else { panic!("{}", failed.error) };
    let names: Vec<_> = unmet.iter().map(|check| check.name).collect();
    assert_eq!(names, ["same_volumes", "same_zone", "same_private_ip"]);
    assert_eq!(desk.mutations().len(), 1);
}

#[test]
fn what_came_back_wrong_is_named_and_may_be_waived() {
    for (twist, names) in [
        ("other_zone", vec!["same_volumes", "same_zone"]),
        ("lost_volumes", vec!["same_volumes"]),
        ("other_address", vec!["same_private_ip"]),
    ] {
        let desk = Desk::new();
        desk.fault(json!({"kind": "relaunch", "twist": twist}));
        let failed = desk.run(&recycle()).unwrap_err();
        let ActError::Unmet { unmet, .. } = &failed.error else { panic!("{}", failed.error) };
        assert_eq!(unmet.iter().map(|check| check.name).collect::<Vec<_>>(), names);
        assert!(names.iter().all(|name| failed.error.to_string().contains(name)));
        assert_eq!(failed.last.as_ref().unwrap().state, StatefulState::Active);
        let mut waived = recycle();
        waived.expectations.instance_id = None;
        waived.expectations.same_volumes = Demand::Waived;
        waived.expectations.same_zone = Demand::Waived;
        waived.expectations.same_private_ip = Demand::Waived;
        desk.run(&waived).unwrap_or_else(|f| panic!("{twist}: {}", f.error));
    }
}

/// Whoever was killed after it was asked for, or did not wait, runs the same again while the list still shows the old machine.
#[test]
fn a_recycle_that_was_asked_for_a_moment_ago_is_looked_for_before_it_is_asked_for_again() {
    let desk = Desk::with("latency: {stale_seconds: 60}");
    let mut impatient = recycle();
    impatient.wait = false;
    let first = desk.run(&impatient).unwrap().carried();
    assert_eq!((first.sent, first.after.unwrap().instance_id.unwrap().as_str()), (1, "i-1"));
    let second = desk.run(&impatient).unwrap().carried();
    assert_eq!((second.sent, desk.mutations().len()), (0, 1));
    let carried = desk.run(&recycle()).unwrap().carried();
    assert_eq!((carried.sent, desk.mutations().len(), desk.terminated().len()), (0, 1, 1));
    assert!(carried.checks.iter().all(|check| check.is_met), "{:?}", carried.checks);
    // One of which nothing came in two minutes is asked for again.
    let desk = Desk::new();
    desk.fault(json!({"kind": "lost_update", "method": "PUT", "count": 1}));
    desk.run(&impatient).unwrap().carried();
    let carried = desk.run(&recycle()).unwrap().carried();
    assert_eq!((carried.sent, desk.mutations().len(), desk.terminated().len()), (1, 2, 1));
    // And who has asked long ago is not kept waiting.
    let machine = carried.after.unwrap().instance_id.unwrap();
    desk.advance(600);
    let said = desk.said.lock().unwrap().len();
    let again = expecting(job("ssi-1", StatefulAction::Recycle), machine.as_str());
    desk.run(&again).unwrap().carried();
    let said = desk.said.lock().unwrap()[said..].join(" ");
    assert!(!said.contains("may have been asked before"), "{said}");
}

#[test]
fn what_is_told_late_is_waited_for_and_what_is_never_told_is_refused() {
    let desk = Desk::new();
    let nothing = json!({"response": {"status": {"code": 200}, "items": []}});
    let status = "/aws/ec2/group/{groupId}/status";
    desk.fault(json!({"kind": "body", "body": nothing, "route": status, "count": 3}));
    let carried = desk.run(&recycle()).unwrap().carried();
    assert_eq!(carried.before.unwrap().availability_zone.as_deref(), Some("eu-west-1a"));
    let desk = Desk::with("shapes: {omit_devices: true}");
    assert!(matches!(refusal(&desk, &recycle()), Refusal::Untold { .. }));
    assert_eq!(desk.mutations().len(), 0);
    let mut waived = recycle();
    waived.expectations.same_volumes = Demand::Waived;
    desk.run(&waived).unwrap().carried();
}

/// What was paused shows its volumes and its persisted address, so both can be proved of what runs then.
#[test]
fn a_resume_that_lost_its_volumes_is_not_proved() {
    for (twist, name) in [("lost_volumes", "same_volumes"), ("other_address", "same_private_ip")] {
        let desk = Desk::new();
        desk.run(&job("ssi-1", StatefulAction::Pause)).unwrap().carried();
        desk.fault(json!({"kind": "relaunch", "twist": twist}));
        let failed = desk.run(&job("ssi-1", StatefulAction::Resume)).unwrap_err();
        let ActError::Unmet { unmet, .. } = &failed.error else { panic!("{}", failed.error) };
        assert_eq!(unmet.iter().map(|check| check.name).collect::<Vec<_>>(), [name]);
    }
    let desk = Desk::new();
    desk.run(&job("ssi-1", StatefulAction::Pause)).unwrap().carried();
    let carried = desk.run(&job("ssi-1", StatefulAction::Resume)).unwrap().carried();
    let proved = carried.checks.iter().filter(|check| check.verdict == Verdict::Pass);
    let names: Vec<_> = proved.map(|check| check.name).collect();
    assert_eq!(names, ["same_volumes", "same_private_ip"]);
}
