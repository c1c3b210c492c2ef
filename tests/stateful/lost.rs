//! Replies that are lost: an effect is looked for before anything is asked for again.

use serde_json::{Value, json};
use spotinst_esg::domain::{Clock as _, StatefulAction};
use spotinst_esg::drive::stateful::ActError;

use super::desk::{Desk, job, recycle};

/// Every way of losing a reply after the request was carried out, and before.
fn losses(is_committed: bool) -> Vec<Value> {
    let status = |code: u16, format: &str| json!({"kind": "status", "status": code, "format": format, "committed": is_committed, "count": 1, "method": "PUT"});
    let mut all = vec![status(500, "json"), status(502, "html"), status(503, "text")];
    let cut = if is_committed { "cut_after_commit" } else { "cut_before_commit" };
    all.push(json!({"kind": cut, "count": 1, "method": "PUT"}));
    if is_committed {
        for kind in ["html", "broken_json", "truncated"] {
            all.push(json!({"kind": kind, "count": 1, "method": "PUT"}));
        }
        all.push(json!({"kind": "body_code", "code": 500, "count": 1, "method": "PUT"}));
        all.push(masked(true));
    }
    all
}

/// The answer that the vendor gives in place of any status that it does not pass on.
fn masked(is_committed: bool) -> Value {
    json!({"kind": "status", "status": 400, "code": "GENERAL_ERROR", "message": "An unknown error occurred",
           "committed": is_committed, "count": 1, "method": "PUT"})
}

#[test]
fn a_recycle_whose_reply_was_lost_after_it_began_is_not_asked_for_again() {
    for head in
        ["", "latency: {stale_seconds: 60}", "behaviour: {skip_states: [RECYCLE, RECYCLING]}"]
    {
        for fault in losses(true) {
            let desk = Desk::with(head);
            desk.fault(fault.clone());
            let carried = desk.run(&recycle()).unwrap_or_else(|f| panic!("{fault}: {}", f.error));
            let carried = carried.carried();
            assert_eq!((carried.sent, desk.mutations().len()), (1, 1), "{head} {fault}");
            assert_eq!(desk.terminated(), [json!("i-1")], "{head} {fault}");
            let is_told = |it: &String| it.contains("was lost") || it.contains("told nothing");
            assert!(carried.warnings.iter().any(is_told), "{fault}");
        }
    }
}

#[test]
fn a_request_that_was_lost_on_its_way_is_asked_for_once_more_after_two_minutes_of_nothing() {
    for fault in losses(false) {
        let desk = Desk::new();
        desk.fault(fault.clone());
        let carried = desk.run(&recycle()).unwrap_or_else(|f| panic!("{fault}: {}", f.error));
        assert_eq!((carried.carried().sent, desk.mutations().len()), (2, 2), "{fault}");
        assert_eq!(desk.terminated(), [json!("i-1")], "{fault}");
        let first_and_second: Vec<_> = desk
            .sim
            .requests()
            .into_iter()
            .filter(|request| request.method == "PUT")
            .map(|request| request.at.parse::<jiff::Timestamp>().unwrap())
            .collect();
        let pause = first_and_second[1].duration_since(first_and_second[0]).as_secs();
        assert!((120..=131).contains(&pause), "{fault}: {pause} s");
    }
}

#[test]
fn a_list_that_lags_longer_than_we_look_costs_a_refused_request_and_no_second_recycle() {
    let desk = Desk::with("latency: {stale_seconds: 150}");
    desk.fault(json!({"kind": "cut_after_commit", "count": 1, "method": "PUT"}));
    let carried = desk.run(&recycle()).unwrap_or_else(|f| panic!("{}", f.error)).carried();
    assert_eq!((carried.sent, desk.terminated().len()), (2, 1));
    assert_ne!(desk.truth("ssi-1")["instanceId"], "i-1");
}

#[test]
fn two_lost_replies_without_a_trace_are_told_as_unknown() {
    let desk = Desk::new();
    desk.fault(json!({"kind": "cut_before_commit", "count": 2, "method": "PUT"}));
    let failed = desk.run(&recycle()).unwrap_err();
    assert!(matches!(failed.error, ActError::Unknown { .. }), "{}", failed.error);
    assert_eq!((failed.sent, desk.mutations().len(), desk.terminated().len()), (2, 2, 0));
}

#[test]
fn an_instance_that_cannot_be_seen_after_a_lost_reply_is_not_acted_on_again() {
    let desk = Desk::new();
    desk.fault(json!({"kind": "cut_before_commit", "count": 1, "method": "PUT"}));
    let list = "/aws/ec2/group/{groupId}/statefulInstance";
    desk.fault(json!({"kind": "html", "route": list, "nth": 2, "count": 1000}));
    let failed = desk.run(&recycle()).unwrap_err();
    assert!(matches!(failed.error, ActError::Unknown { .. }), "{}", failed.error);
    assert_eq!(desk.mutations().len(), 1);
}

#[test]
fn a_refusal_or_a_server_that_cannot_be_reached_needs_no_look() {
    for fault in [
        json!({"kind": "status", "status": 400, "code": "BUSY", "message": "try later", "method": "PUT"}),
        json!({"kind": "status", "status": 403, "method": "PUT"}),
    ] {
        let desk = Desk::new();
        desk.fault(fault.clone());
        let failed = desk.run(&recycle()).unwrap_err();
        assert!(matches!(failed.error, ActError::NotDone(_)), "{fault}: {}", failed.error);
        assert_eq!((failed.sent, desk.mutations().len()), (1, 1), "{fault}");
    }
}

/// It may be the vendor's word for a failure after the effect.
#[test]
fn a_refusal_without_a_reason_is_looked_after_for_two_minutes_and_not_asked_for_again() {
    let desk = Desk::new();
    desk.fault(masked(false));
    let began = desk.clock.now();
    let failed = desk.run(&recycle()).unwrap_err();
    assert!(matches!(failed.error, ActError::NotDone(_)), "{}", failed.error);
    assert_eq!((failed.sent, desk.mutations().len(), desk.terminated().len()), (1, 1, 0));
    let passed = desk.clock.now().duration_since(began).as_secs();
    assert!(passed >= 120, "{passed} s");
}

#[test]
fn a_storm_of_429_delays_the_recycle_and_repeats_nothing_that_was_done() {
    let desk = Desk::new();
    desk.fault(json!({"kind": "rate_limited", "retry_after": 40, "count": 3, "method": "PUT"}));
    let carried = desk.run(&recycle()).unwrap_or_else(|f| panic!("{}", f.error)).carried();
    assert_eq!((carried.sent, desk.mutations().len(), desk.terminated().len()), (1, 4, 1));
}

#[test]
fn other_actions_look_too() {
    for (id, action) in [
        ("ssi-1", StatefulAction::Pause),
        ("ssi-3", StatefulAction::Resume),
        ("ssi-2", StatefulAction::Deallocate(Default::default())),
        ("smi-1", StatefulAction::Recycle),
    ] {
        for (kind, sent) in [("cut_after_commit", 1), ("cut_before_commit", 2)] {
            let desk = Desk::new();
            desk.fault(json!({"kind": kind, "count": 1, "method": "PUT"}));
            let job = job(id, action.clone());
            let carried = desk.run(&job).unwrap_or_else(|f| panic!("{}: {}", job.doing(), f.error));
            assert_eq!(carried.carried().sent, sent, "{kind} {}", job.doing());
        }
    }
}

#[test]
fn an_instance_that_is_replaced_while_the_rate_limit_blocks_is_not_recycled_again() {
    let desk = Desk::new();
    desk.fault(json!({"kind": "rate_limited", "retry_after": 90, "count": 1, "method": "PUT"}));
    *desk.clock.meanwhile.lock().unwrap() = Some(("/_sim/interrupt", json!({"instanceId": "i-1"})));
    let carried = desk.run(&recycle()).unwrap_or_else(|f| panic!("{}", f.error)).carried();
    assert_eq!((carried.sent, desk.mutations().len()), (0, 1));
    assert_eq!(desk.terminated(), [json!("i-1")]);
    assert_ne!(carried.after.unwrap().instance_id.unwrap().as_str(), "i-1");
}
