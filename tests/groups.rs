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
use spotinst_esg::domain::{AccountId, Clock, Group, GroupId, StatefulAction};
use spotinst_esg::drive::Progress;
use spotinst_esg::drive::group::{Awaited, Basis, GroupError, Keeper, Made, Patience, Standing};
use spotinst_esg::plan::group::{Goal, Running, changes, completed};
use spotinst_esg::spot::{Sent, UpdateManner};

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

/// The vendor's Terraform provider repeats these for a minute; a last one is sent when it is over.
#[test]
fn a_creation_that_is_refused_for_what_passes_is_asked_for_again_for_a_minute() {
    for code in ["CANT_CREATE_GROUP", "CANT_VALIDATE_IMAGE", "RequestLimitExceeded"] {
        let refusal = json!({"kind": "status", "status": 400, "code": code, "message": "not yet", "method": "POST", "route": POST});
        let desk = Desk::new();
        let mut once = refusal.clone();
        once["count"] = json!(1);
        desk.fault(once);
        assert_eq!(create(&desk).unwrap().sent, 1, "{code}");
        assert_eq!(posts(&desk).len(), 2, "{code}");

        let desk = Desk::new();
        desk.fault(refusal);
        let error = create(&desk).unwrap_err();
        assert!(error.to_string().contains("not yet") && !error.may_have_changed(), "{error}");
        let posts = posts(&desk);
        let tried = posts.last().unwrap().duration_since(posts[0]).as_secs();
        assert!((59..=61).contains(&tried), "{code}: {tried} s");
    }
}

fn edit_group(desk: &Desk, edit: Value) {
    let answer = desk.sim.control("POST", "/_sim/edit", edit);
    assert!(answer["error"].is_null(), "{answer}");
}

/// A new group of which the vendor does not tell enough may be the one whose creation was not answered.
#[test]
fn a_new_group_without_a_name_or_a_region_keeps_a_second_one_from_being_made() {
    for (untold, words) in
        [("name", "no name of group sig-"), ("region", "no region of group sig-")]
    {
        let desk = Desk::new();
        let known = vec![GroupId::new("sig-1")];
        let made = create(&desk).unwrap().group.id;
        edit_group(&desk, json!({"group": made.as_str(), "unset": [untold]}));
        desk.fault(
            json!({"kind": "cut_before_commit", "method": "POST", "route": POST, "count": 1}),
        );
        let second = with_keeper(&desk, |keeper| keeper.create(&config(), &known));
        let error = second.unwrap_err();
        assert!(matches!(error, GroupError::UnknownCreation { .. }), "{error}");
        assert!(error.to_string().contains(words), "{error}");
        assert!(error.may_have_changed() && error.is_transient());
        assert_eq!(posts(&desk).len(), 2, "the first one's, and the one that was lost");
    }
}

/// A capacity that was read before someone else's change is not written over it.
#[test]
fn a_capacity_is_not_sent_where_it_or_what_runs_has_changed_since_it_was_decided_on() {
    let updates = |desk: &Desk| desk.sim.requests().iter().filter(|it| it.method == "PUT").count();
    let target = json!({"group": "sig-1", "set": {"capacity.target": 3, "capacity.maximum": 5}});
    let resumed = json!({"instance": "ssi-3", "set": {"state": "ACTIVE"}});
    let larger = json!({"capacity": {"maximum": 9}});
    let described = json!({"description": "x"});
    for (wanted, counts, change, words) in [
        (&larger, true, None, None),
        (&larger, false, Some(&target), Some("its target was 2 and is 3")),
        (&larger, true, Some(&resumed), Some("ssi-3 runs and did not")),
        // Nobody counted them, or no capacity is sent.
        (&larger, false, Some(&resumed), None),
        (&described, true, Some(&target), None),
    ] {
        for is_lost in [false, true] {
            let desk = Desk::new();
            let group = groups(&desk).remove(0);
            let listed = desk.client.list_stateful_instances(&group.account_id, &group.id);
            let running = counts.then(|| Running::of(&listed.unwrap().items, 0));
            let basis = Basis { group: &group, running, may_lose: false };
            if is_lost {
                desk.fault(json!({"kind": "cut_before_commit", "method": "PUT", "count": 1}));
            }
            if let (false, Some(change)) = (is_lost, change) {
                edit_group(&desk, change.clone());
            }
            let wanted = wanted.as_object().unwrap();
            let found = changes(wanted, &group.raw);
            let manner = UpdateManner { resume_paused: false, apply_tags: false };
            let updated = with_keeper(&desk, |keeper| {
                let tell = |line: &str| {
                    if is_lost && line.contains("looking whether it was changed") {
                        change.into_iter().for_each(|change| edit_group(&desk, change.clone()));
                    }
                };
                let progress = Progress::new(keeper.clock, &tell);
                Keeper { progress: &progress, ..keeper }.update(&basis, wanted, &found, manner)
            });
            let Some(words) = words else {
                updated.unwrap();
                continue;
            };
            let error = updated.unwrap_err();
            assert!(matches!(error, GroupError::Moved { .. }), "{error}");
            assert!(error.to_string().contains(words) && error.is_transient(), "{error}");
            let sent = usize::from(is_lost);
            assert_eq!((error.may_have_changed(), updates(&desk)), (is_lost, sent), "{error}");
        }
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
