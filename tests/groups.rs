//! Making groups and waiting for them against the simulator, in time that passes by sleeping only.

#![expect(clippy::unwrap_used, reason = "what a test cannot prepare fails it")]
#![allow(dead_code, reason = "the desk is shared, and only a part of it is used here")]

#[path = "stateful/desk.rs"]
mod desk;
#[path = "support/direct.rs"]
mod direct;

use std::time::Duration;

use desk::Desk;
use serde_json::{Map, Value, json};
use spotinst_esg::domain::{AccountId, Clock, Group, StatefulAction};
use spotinst_esg::drive::Progress;
use spotinst_esg::drive::group::{Awaited, GroupError, Keeper, Made, Patience, Standing};
use spotinst_esg::plan::group::{Goal, completed};
use spotinst_esg::spot::Sent;

fn with_keeper<T>(desk: &Desk, work: impl FnOnce(Keeper<'_>) -> T) -> T {
    let clock: &dyn Clock = &*desk.clock;
    let say = |line: &str| desk.said.lock().unwrap().push(line.to_owned());
    let progress = Progress::new(clock, &say);
    let account = AccountId::new("act-1");
    work(Keeper { client: &desk.client, account: &account, clock, progress: &progress })
}

fn groups(desk: &Desk) -> Vec<Group> {
    desk.client.list_groups(&AccountId::new("act-1")).unwrap().items
}

fn config() -> Map<String, Value> {
    let config = json!({
        "name": "zookeeper", "region": "eu-west-1", "capacity": {"target": 1},
        "compute": {
            "availabilityZones": [{"name": "eu-west-1a", "subnetIds": ["subnet-a"]}],
            "instanceTypes": {"ondemand": "m5.large", "spot": ["m5.large"]},
            "launchSpecification": {"imageId": "ami-7", "securityGroupIds": ["sg-1"]},
        },
    });
    completed(config.as_object().unwrap()).unwrap()
}

fn create(desk: &Desk) -> Result<Made, GroupError> {
    let known: Vec<_> = groups(desk).into_iter().map(|group| group.id).collect();
    with_keeper(desk, |keeper| keeper.create(&config(), &known))
}

/// When creations were asked for.
fn posts(desk: &Desk) -> Vec<jiff::Timestamp> {
    let requests = desk.sim.requests().into_iter();
    let posts = requests.filter(|it| it.method == "POST" && it.path == "/aws/ec2/group");
    posts.map(|it| it.at.parse().unwrap()).collect()
}

const POST: &str = "/aws/ec2/group";

#[test]
fn a_group_whose_creation_was_not_answered_is_not_made_twice_by_a_list_that_lags() {
    for lag in [0, 15, 45, 90] {
        let desk = Desk::new();
        desk.fault(
            json!({"kind": "cut_after_commit", "method": "POST", "route": POST, "count": 1}),
        );
        if lag > 0 {
            // The list shows what was there so long ago.
            let known = groups(&desk).len();
            assert_eq!(known, 1);
            desk.fault(json!({"kind": "stale", "method": "GET", "route": POST, "seconds": lag, "count": 1000}));
        }
        let made = create(&desk).unwrap();
        assert_eq!((made.sent, posts(&desk).len()), (1, 1), "{lag}");
        desk.advance(300);
        assert_eq!(groups(&desk).iter().filter(|it| it.name == "zookeeper").count(), 1, "{lag}");
    }
}

#[test]
fn a_creation_that_was_lost_on_its_way_is_asked_for_once_more_after_two_minutes_of_nothing() {
    let desk = Desk::new();
    desk.fault(json!({"kind": "cut_before_commit", "method": "POST", "route": POST, "count": 1}));
    assert_eq!(create(&desk).unwrap().sent, 2);
    let posts = posts(&desk);
    let pause = posts[1].duration_since(posts[0]).as_secs();
    assert!((120..=131).contains(&pause), "{pause} s");
    assert_eq!(groups(&desk).iter().filter(|it| it.name == "zookeeper").count(), 1);
}

#[test]
fn two_creations_without_answer_and_trace_are_told_as_unknown() {
    let desk = Desk::new();
    desk.fault(json!({"kind": "cut_before_commit", "method": "POST", "route": POST, "count": 2}));
    let error = create(&desk).unwrap_err();
    assert!(matches!(error, GroupError::Lost { .. }), "{error}");
    assert!(error.may_have_changed() && error.is_transient());
    assert_eq!(posts(&desk).len(), 2);
}

/// What the vendor says of the second request says nothing of the first.
#[test]
fn a_creation_that_is_refused_after_one_without_answer_may_have_been_made() {
    let refused = json!({"kind": "status", "status": 403, "method": "POST", "route": POST});
    let throttled = json!({"kind": "status", "status": 400, "code": "CANT_CREATE_GROUP", "method": "POST", "route": POST});
    for mut refusal in [refused, throttled] {
        let desk = Desk::new();
        desk.fault(
            json!({"kind": "cut_before_commit", "method": "POST", "route": POST, "count": 1}),
        );
        refusal["nth"] = json!(2);
        refusal["count"] = json!(99);
        desk.fault(refusal);
        let error = create(&desk).unwrap_err();
        assert!(matches!(error, GroupError::RefusedSince { .. }), "{error}");
        assert!(error.may_have_changed() && error.is_transient());
        assert!(error.to_string().contains("\"zookeeper\" was perhaps made"), "{error}");
    }
}

fn settle(desk: &Desk, goal: Goal, awaited: Awaited) -> (Result<Standing, GroupError>, Duration) {
    let group = groups(desk).remove(0);
    let before = desk.clock.monotonic();
    let patience = Patience { goal, limit: Duration::from_secs(600), awaited };
    let settled = with_keeper(desk, |keeper| keeper.settle(&group, &patience));
    (settled, desk.clock.monotonic() - before)
}

fn goal(target: usize, is_checked: bool) -> Goal {
    Goal { target, is_checked, ..Goal::default() }
}

#[test]
fn an_unhealthy_instance_of_a_group_in_which_nothing_changed_is_told_at_once() {
    let desk = Desk::new();
    desk.edit("ssi-1", json!({"health": "INSUFFICIENT_DATA"}));
    let (settled, waited) = settle(&desk, goal(2, true), Awaited::Underway);
    let standing = settled.unwrap();
    assert_eq!(waited, Duration::ZERO);
    let told = &standing.oddities[0];
    assert!(
        told.contains("1 of 2 instances are healthy; not yet: ssi-1 INSUFFICIENT_DATA"),
        "{told}"
    );
    // What was just made is waited for.
    let (settled, waited) = settle(&desk, goal(2, true), Awaited::AllButPaused);
    assert!(matches!(settled, Err(GroupError::NotReady { is_late: true, .. })));
    assert_eq!(waited, Duration::from_secs(600));
}

#[test]
fn what_is_underway_is_waited_for_where_nothing_changed_too() {
    let desk = Desk::new();
    let job = desk::job("ssi-3", StatefulAction::Resume);
    let sent = desk.client.act(&job.account, &job.target, &job.action);
    assert!(matches!(sent, Sent::Accepted), "{sent:?}");
    let (settled, waited) = settle(&desk, goal(3, true), Awaited::Underway);
    assert!(settled.unwrap().oddities.is_empty());
    assert!(waited > Duration::ZERO);
}

#[test]
fn the_wait_counts_weights_where_the_group_counts_them() {
    let desk = Desk::new();
    let kind = {
        let group = groups(&desk).remove(0);
        let standing = with_keeper(&desk, |keeper| keeper.standing(&group, false)).unwrap();
        standing.hosts.into_iter().find_map(|host| host.instance_type).unwrap()
    };
    let weighed = |target: usize, weight: usize| Goal {
        weights: Some([(kind.clone(), weight)].into()),
        ..goal(target, false)
    };
    // Two run, of a weight of three each.
    assert!(settle(&desk, weighed(6, 3), Awaited::All).0.is_ok());
    let (short, waited) = settle(&desk, weighed(7, 3), Awaited::All);
    let error = short.unwrap_err();
    assert!(error.to_string().contains("6 of 7 units of weight run"), "{error}");
    assert_eq!(waited, Duration::from_secs(600));
}
