//! What goes wrong after it was begun.

use std::time::Duration;

use serde_json::json;
use spotinst_esg::domain::{Clock as _, ImageId, StatefulAction};
use spotinst_esg::drive::stateful::{ActError, Failed};
use spotinst_esg::plan::Verdict;
use spotinst_esg::plan::stateful::{Check, Demand, Failure};
use spotinst_esg::spot::ErrorKind;

use super::desk::{Desk, job, recycle};

fn failed(desk: &Desk) -> Box<Failed> {
    desk.run(&recycle()).unwrap_err()
}

#[test]
fn error_is_a_failure_with_the_log_as_evidence() {
    let desk = Desk::new();
    desk.fault(json!({"kind": "lifecycle", "ends": "ERROR", "message": "no such subnet"}));
    let failed = failed(&desk);
    assert!(matches!(failed.error, ActError::Failed { failure: Failure::Error, .. }));
    assert!(failed.error.to_string().contains("no such subnet"), "{}", failed.error);
    assert_eq!(failed.log.last().unwrap().severity.as_deref(), Some("ERROR"));
    assert_eq!(failed.phases.last().unwrap().state, "ERROR");
    assert_eq!((failed.sent, desk.mutations().len()), (1, 1));
}

#[test]
fn a_fall_back_to_paused_is_a_failure_after_its_grace() {
    for path in ["recycling", "pausing_resuming"] {
        let desk = Desk::with(&format!("behaviour: {{recycle_path: {path}}}"));
        desk.fault(json!({"kind": "lifecycle", "ends": "PAUSED", "message": "address taken"}));
        let failed = failed(&desk);
        assert!(matches!(failed.error, ActError::Failed { failure: Failure::Paused { .. }, .. }));
        assert!(failed.error.to_string().contains("address taken"), "{}", failed.error);
        assert_eq!(desk.mutations().len(), 1);
    }
    let desk = Desk::new();
    desk.fault(json!({"kind": "lifecycle", "ends": "PAUSED", "action": "resume"}));
    let error = desk.run(&job("ssi-3", StatefulAction::Resume)).unwrap_err().error;
    assert!(matches!(error, ActError::Failed { failure: Failure::Paused { .. }, .. }), "{error}");
}

#[test]
fn what_never_ends_is_given_up_in_time_and_says_how_long_and_how_often_was_looked() {
    let desk = Desk::new();
    desk.fault(json!({"kind": "lifecycle", "ends": "STUCK"}));
    let mut job = recycle();
    job.wait_timeout = Duration::from_secs(300);
    let failed = desk.run(&job).unwrap_err();
    let ActError::TimeUp { time, waiting_on, .. } = &failed.error else {
        panic!("{}", failed.error)
    };
    assert_eq!((time.after, waiting_on.as_str()), (job.wait_timeout, "RECYCLING"));
    assert!(time.looks > 20 && time.looks < 60, "{time}");
    assert_eq!(failed.error.kind(), ErrorKind::Timeout);
    assert!(!failed.log.is_empty());
    assert_eq!(desk.mutations().len(), 1);
}

#[test]
fn an_instance_that_vanishes_is_a_failure_for_all_but_a_deallocation() {
    let desk = Desk::new();
    desk.fault(json!({"kind": "lifecycle", "ends": "GONE"}));
    let error = failed(&desk).error;
    assert!(matches!(error, ActError::Failed { failure: Failure::Vanished, .. }), "{error}");
    let desk = Desk::new();
    desk.fault(json!({"kind": "lifecycle", "ends": "GONE"}));
    let deallocate = StatefulAction::Deallocate(Default::default());
    assert!(desk.run(&job("ssi-1", deallocate)).unwrap().carried().after.is_none());
}

#[test]
fn an_accepted_recycle_that_is_never_begun_is_not_asked_for_again() {
    let desk = Desk::new();
    desk.fault(json!({"kind": "lost_update"}));
    let error = failed(&desk).error;
    assert!(matches!(error, ActError::TimeUp { .. }), "{error}");
    assert!(error.to_string().contains("not seen to begin"), "{error}");
    assert_eq!((desk.mutations().len(), desk.terminated().len()), (1, 0));
}

#[test]
fn looks_that_fail_or_lag_change_nothing() {
    let list = "/aws/ec2/group/{groupId}/statefulInstance";
    for fault in [
        json!({"kind": "status", "status": 503, "route": list, "nth": 3, "count": 12}),
        json!({"kind": "html", "route": list, "nth": 3, "count": 4}),
        json!({"kind": "status", "status": 400, "code": "GENERAL_ERROR", "message": "An unknown error occurred",
               "route": list, "nth": 3, "count": 4}),
        json!({"kind": "rate_limited", "retry_after": 30, "route": list, "nth": 2, "count": 6}),
        json!({"kind": "truncated", "route": list, "nth": 2, "count": 3}),
        json!({"kind": "stale", "seconds": 40, "route": list, "nth": 2, "count": 30}),
        json!({"kind": "stale", "seconds": 20, "route": "/aws/ec2/group/{groupId}/status", "nth": 2, "count": 2}),
        json!({"kind": "body", "body": {"response": {"status": {"code": 200}, "items": []}}, "route": list, "nth": 4}),
    ] {
        let desk = Desk::new();
        desk.fault(fault.clone());
        let carried = desk.run(&recycle()).unwrap_or_else(|f| panic!("{fault}: {}", f.error));
        assert_eq!(carried.carried().sent, 1, "{fault}");
        assert_eq!((desk.mutations().len(), desk.terminated().len()), (1, 1), "{fault}");
    }
}

const STATUS: &str = "/aws/ec2/group/{groupId}/status";

/// The list shows a new machine that runs, and nothing tells its zone: a look that fails proves nothing.
#[test]
fn what_no_look_tells_is_not_proved() {
    for fault in [
        json!({"kind": "status", "status": 503, "route": STATUS, "nth": 2, "count": 10_000}),
        json!({"kind": "status", "status": 400, "code": "GENERAL_ERROR", "message": "An unknown error occurred",
               "route": STATUS, "nth": 2, "count": 10_000}),
    ] {
        let desk = Desk::new();
        desk.fault(fault.clone());
        let mut job = recycle();
        job.expectations.image_id = Some(ImageId::new("ami-2"));
        job.expectations.same_volumes = Demand::Required;
        let failed = desk.run(&job).unwrap_err();
        let ActError::Unmet { unmet, .. } = &failed.error else { panic!("{}", failed.error) };
        let names: Vec<_> = unmet.iter().map(|check| (check.name, check.verdict)).collect();
        assert_eq!(names, [("same_zone", Verdict::Unknown)], "{fault}");
        assert_eq!((failed.checks.len(), failed.sent), (4, 1), "{fault}");
        // The list proves what it tells.
        let desk = Desk::new();
        desk.fault(fault);
        job.expectations.same_zone = Demand::Waived;
        let carried = desk.run(&job).unwrap().carried();
        let is_open = |it: &&Check| it.verdict != Verdict::Pass;
        assert_eq!(carried.checks.iter().find(is_open).unwrap().name, "same_zone");
    }
}

/// It is seen gone, and then looks fail until the time is up.
#[test]
fn what_was_seen_gone_is_not_there_because_the_last_looks_fail() {
    let desk = Desk::new();
    desk.run(&recycle()).unwrap();
    let back = desk.clock.monotonic();
    for set in [json!({"state": "ERROR"}), json!({"instanceId": "i-other"})] {
        let desk = Desk::new();
        for (nth, count) in [(2, 5), (12, 10_000)] {
            let words = "An unknown error occurred";
            desk.fault(json!({"kind": "status", "status": 400, "message": words, "route": STATUS, "nth": nth, "count": count}));
        }
        let edit = json!({"instance": "ssi-1", "set": set});
        *desk.clock.later.lock().unwrap() =
            Some((back + Duration::from_secs(2), "/_sim/edit", edit));
        let error = desk.run(&recycle()).unwrap_err().error;
        assert!(matches!(error, ActError::Unsettled { .. }), "{error}");
    }
}

#[test]
fn a_token_that_expires_on_the_way_ends_the_wait_and_says_that_it_was_begun() {
    let desk = Desk::new();
    desk.fault(json!({"kind": "status", "status": 401, "method": "GET", "nth": 6, "count": 100}));
    let failed = failed(&desk);
    assert!(matches!(failed.error, ActError::Blind { .. }), "{}", failed.error);
    assert_eq!((failed.error.kind(), failed.sent), (ErrorKind::Credentials, 1));
}

#[test]
fn someone_else_who_acts_in_between_is_seen() {
    let desk =
        Desk::with("latency: {booting_seconds: 0, replacing_seconds: 0, terminating_seconds: 0}");
    let mut impatient = recycle();
    impatient.wait = false;
    desk.run(&impatient).unwrap();
    desk.edit("ssi-1", json!({"state": "HIBERNATED"}));
    let mut job = recycle();
    job.wait_timeout = Duration::from_secs(60);
    let error = desk.run(&job).unwrap_err().error.to_string();
    assert!(error.contains("HIBERNATED") && error.contains("proves nothing"), "{error}");
}

/// Also within the two seconds in which nothing else is repeated.
#[test]
fn a_look_that_comes_to_nothing_is_told_at_once() {
    let desk = Desk::new();
    let route = "/aws/ec2/group/{groupId}/statefulInstance";
    desk.fault(json!({"kind": "status", "status": 400, "method": "GET", "route": route, "nth": 3}));
    desk.run(&recycle()).unwrap();
    let said = desk.said.lock().unwrap();
    assert!(said.iter().any(|line| line.contains("looking again")), "{said:?}");
}
