//! What a roll asks the API for, and how soon it notices that a recycle is over.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::json;
use spot_sim::LoggedRequest;

use super::desk::{Desk, Driver, fleet};

const LIST: &str = "GET /aws/ec2/group/{groupId}/statefulInstance";

/// Phases of a recycle that takes four minutes, some seconds more or less.
const MINUTES: &str = "seed: 1\nlatency: {accepted_seconds: 5, terminating_seconds: 60, replacing_seconds: 85, booting_seconds: 90, jitter: 0.02}";

fn route(request: &LoggedRequest) -> String {
    format!("{} {}", request.method, request.route)
}

/// Where in the log the recycles are.
fn recycles(log: &[LoggedRequest]) -> Vec<usize> {
    (0..log.len()).filter(|at| log[*at].path.ends_with("/recycle")).collect()
}

fn seconds_between(earlier: &LoggedRequest, later: &LoggedRequest) -> f64 {
    let at = |request: &LoggedRequest| request.at.parse::<Timestamp>().unwrap();
    at(later).duration_since(at(earlier)).as_secs_f64()
}

/// Each of the ten phases of a node looks at what it decides by, once; the recycle looks once more right before it is sent.
#[test]
fn a_node_costs_no_more_calls_than_its_decisions_need() {
    let desk = Desk::with(&fleet(4, MINUTES, ""));
    Driver::new(1).roll(&desk).completed();
    let log = desk.sim.requests();
    let recycles = recycles(&log);
    for pair in recycles.windows(2).skip(1) {
        let mut calls: BTreeMap<String, usize> = BTreeMap::new();
        for request in &log[pair[0]..pair[1]] {
            *calls.entry(route(request)).or_default() += 1;
        }
        let looks = calls.remove(LIST).unwrap();
        let group = |rest: &str| format!("GET /aws/ec2/group/{{groupId}}{rest}");
        let expected = [
            (
                "PUT /aws/ec2/group/{groupId}/statefulInstance/{statefulInstanceId}/recycle".into(),
                1,
            ),
            (group(""), 6),
            (group("/roll"), 6),
            (group("/suspension"), 6),
            // Also once to prove the new machine, and once before each of the five phases after it.
            (group("/status"), 12),
        ];
        assert_eq!(calls, BTreeMap::from(expected));
        // As many, and the looks while the recycle of four minutes goes on.
        assert!(looks <= 12 + 80, "{looks} lists");
    }
}

/// The first recycle of a group may be noticed ten seconds late; then it is known how long they take.
#[test]
fn the_end_of_a_recycle_like_an_earlier_one_is_noticed_at_once() {
    let desk = Desk::with(&fleet(6, MINUTES, ""));
    Driver::new(1).roll(&desk).completed();
    let log = desk.sim.requests();
    for (n, at) in recycles(&log).into_iter().enumerate() {
        // The status is asked for only when the list has shown the new machine; the look before was too early.
        let proof = (at..log.len()).find(|at| log[*at].route.ends_with("/status")).unwrap();
        let seen = (at..proof).rev().find(|at| route(&log[*at]) == LIST).unwrap();
        let before = (at..seen).rev().find(|at| route(&log[*at]) == LIST).unwrap();
        let late = seconds_between(&log[before], &log[seen]);
        let most = if n == 0 { 10.0 } else { 1.0 };
        assert!(late <= most, "recycle {n} was noticed up to {late} s late");
    }
}

/// Looks that are only made to be early are not worth a rate limit that others need, too.
#[test]
fn where_the_rate_limit_is_tight_it_is_looked_no_more_often_for_what_is_known() {
    let desk = Desk::with(&fleet(3, MINUTES, ""));
    let limits = json!({"limits": {"default": 10000, "routes": {LIST: 16}}});
    let answer = desk.sim.control("POST", "/_sim/settings", limits);
    assert!(answer["error"].is_null(), "{answer}");
    Driver::new(1).roll(&desk).completed();
    let log = desk.sim.requests();
    assert!(log.iter().all(|request| request.status == 200), "nothing was refused");
    for at in recycles(&log).into_iter().skip(1) {
        let proof = (at..log.len()).find(|at| log[*at].route.ends_with("/status")).unwrap();
        let looks: Vec<usize> = (at..proof).filter(|at| route(&log[*at]) == LIST).collect();
        // Never more than the half that is for that, and the usual looks, six a minute and more at first.
        for first in &looks {
            let in_a_minute =
                |at: &&usize| **at >= *first && seconds_between(&log[*first], &log[**at]) < 60.0;
            let count = looks.iter().filter(in_a_minute).count();
            assert!(count <= 8 + 8, "{count} looks in a minute");
        }
    }
}
