//! Rate limits, in one process and in several.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use spotinst_esg::spot::{Client, ErrorKind, Pacing, SpotError};

use super::account;
use super::support::{TestClock, client, config, demo, fault, settings};

fn refusals(sim: &spot_sim::Server) -> usize {
    let log = serde_json::to_value(sim.requests()).unwrap();
    log.as_array().unwrap().iter().filter(|request| request["status"] == 429).count()
}

#[test]
fn nothing_is_sent_before_the_reset_of_a_refusal() {
    let sim = demo();
    let (client, clock) = client(&sim);
    settings(&sim, json!({"limits": {"default": 10000, "routes": {"GET /aws/ec2/group": 0}}}));
    let blocked = client.list_groups(&account()).unwrap_err();
    assert!(matches!(blocked, SpotError::RateLimited { .. }), "{blocked}");
    assert_eq!(sim.requests().len(), 5);
    let pauses = clock.pauses();
    assert!(pauses.iter().all(|pause| *pause >= Duration::from_secs(60)), "{pauses:?}");
}

#[test]
fn a_used_up_budget_is_waited_for_and_never_exceeded() {
    let sim = demo();
    let (client, clock) = client(&sim);
    settings(&sim, json!({"limits": {"default": 3}}));
    for _ in 0..10 {
        client.list_groups(&account()).unwrap();
    }
    assert_eq!((sim.requests().len(), refusals(&sim)), (10, 0));
    assert_eq!(clock.pauses().len(), 3);
}

#[test]
fn hints_of_a_refusal_are_obeyed_in_every_form() {
    for (spec, least) in [
        (json!({}), 60.0),
        (json!({"reset": false}), 1.0),
        (json!({"reset": false, "retry_after": 7}), 7.0),
        (json!({"retry_after": 90}), 90.0),
    ] {
        let sim = demo();
        let (client, clock) = client(&sim);
        let mut refusal = json!({"kind": "rate_limited", "count": 1});
        refusal.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
        fault(&sim, refusal);
        client.list_groups(&account()).unwrap();
        let pauses = clock.pauses();
        assert!(pauses[0].as_secs_f64() >= least, "{spec}: {pauses:?}");
        assert!(pauses[0].as_secs_f64() <= least.max(2.0), "{spec}: {pauses:?}");
        assert_eq!(sim.requests().len(), 2);
    }
}

#[test]
fn a_refusal_that_only_the_body_tells_blocks_as_well() {
    let sim = demo();
    let (client, clock) = client(&sim);
    fault(&sim, json!({"kind": "body_code", "code": 429, "count": 2}));
    client.list_groups(&account()).unwrap();
    let pauses = clock.pauses();
    assert!(
        pauses[0] >= Duration::from_secs(1) && pauses[1] >= Duration::from_secs(2),
        "{pauses:?}"
    );
}

#[test]
fn a_wait_that_would_pass_the_deadline_fails_at_once() {
    let sim = demo();
    let clock = TestClock::new(Some(Arc::clone(&sim)));
    let mut bounded = config(&sim.url(), &clock);
    bounded.deadline = Some(Duration::from_secs(30));
    let client = Client::new(bounded).unwrap();
    fault(&sim, json!({"kind": "rate_limited", "count": 1}));
    for sent in [1, 1] {
        let error = client.list_groups(&account()).unwrap_err();
        let SpotError::RateLimited { retry_after, .. } = &error else { panic!("{error}") };
        assert_eq!(retry_after.as_secs(), 60);
        assert!(error.to_string().contains("try again in 60 s"), "{error}");
        assert_eq!(error.kind(), ErrorKind::RateLimited);
        assert_eq!((clock.pauses().len(), sim.requests().len()), (0, sent));
    }
}

#[test]
fn the_deadline_is_one_over_all_calls() {
    let sim = demo();
    let clock = TestClock::new(Some(Arc::clone(&sim)));
    let mut bounded = config(&sim.url(), &clock);
    bounded.deadline = Some(Duration::from_secs(4));
    let client = Client::new(bounded).unwrap();
    fault(&sim, json!({"kind": "status", "status": 503}));
    let error = client.list_groups(&account()).unwrap_err();
    assert!(matches!(error, SpotError::Deadline { .. }), "{error}");
    assert_eq!(error.kind(), ErrorKind::Timeout);
    // What is left of the deadline by this clock is all that a last call is given in real time: with a millisecond it may get no answer.
    assert!(error.http_status().is_none_or(|status| status == 503), "{error}");
    let slept: Duration = clock.pauses().iter().sum();
    assert!(slept < Duration::from_secs(4), "{slept:?}");
}

#[test]
fn threads_and_processes_share_one_budget() {
    let sim = demo();
    settings(&sim, json!({"limits": {"default": 40}}));
    let dir = tempfile::tempdir().unwrap();
    let clock = TestClock::new(Some(Arc::clone(&sim)));
    let clients = [(); 2].map(|()| {
        let mut shared = config(&sim.url(), &clock);
        shared.pacing = Pacing::shared(dir.path().into());
        assert_eq!(shared.pacing.notice(), None);
        Client::new(shared).unwrap()
    });
    std::thread::scope(|scope| {
        for index in 0..8 {
            let client = &clients[index % 2];
            scope.spawn(move || {
                for _ in 0..5 {
                    client.list_groups(&account()).unwrap();
                }
            });
        }
    });
    assert_eq!((sim.requests().len(), refusals(&sim)), (40, 0));
    assert!(clock.pauses().is_empty());
    let [one, other] = clients.map(|client| client.budgets());
    assert_eq!(one, other);
    assert_eq!((one[0].limit, one[0].remaining), (Some(40), Some(0)));
}

#[test]
fn one_processs_refusal_holds_the_other() {
    let sim = demo();
    let dir = tempfile::tempdir().unwrap();
    let clock = TestClock::new(Some(Arc::clone(&sim)));
    let [one, other] = [(); 2].map(|()| {
        let mut shared = config(&sim.url(), &clock);
        shared.pacing = Pacing::shared(dir.path().into());
        shared.deadline = Some(Duration::from_secs(30));
        Client::new(shared).unwrap()
    });
    fault(&sim, json!({"kind": "rate_limited", "count": 1}));
    assert_eq!(one.list_groups(&account()).unwrap_err().kind(), ErrorKind::RateLimited);
    assert_eq!(other.list_groups(&account()).unwrap_err().kind(), ErrorKind::RateLimited);
    assert_eq!(sim.requests().len(), 1);
    let text = std::fs::read_to_string(dir.path().join("pacing.json")).unwrap();
    assert!(!text.contains(super::support::TOKEN));
}
