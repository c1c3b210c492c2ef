//! Machines that EC2 launches and ends before they run, and machines that were stopped.

use std::collections::BTreeMap;

use serde_json::json;
use spotinst_esg::drive::launch::{Fleets, Launcher, Report};
use spotinst_esg::drive::{Environment, Progress};
use spotinst_esg::plan::launch::{Class, Ladder};

use super::Stage;
use super::kills::{ACCOUNT, Fake, job, ladder, taken};
use super::support::market::Fault;
use super::support::moto;

/// A launch of three where the zone `a`, which comes first, has machines that end like this.
fn launch(falls: &'static str) -> (Fake, Ladder, Report) {
    let folder = tempfile::TempDir::new().unwrap();
    let mut cloud = Fake::new(false);
    cloud.falls = Some(falls);
    let environment = Environment::new(BTreeMap::new(), None, None, Some(folder.path().to_owned()));
    let fleet = taken(&Fleets::find(None, &environment, ACCOUNT).unwrap());
    let quiet = |_: &str| {};
    let progress = Progress::new(&cloud, &quiet);
    let launcher = Launcher { cloud: &cloud, clock: &cloud, progress: &progress };
    let mut ladder = ladder();
    let job = job(1, 3, false);
    let report = launcher.launch(&fleet, &job, &mut ladder, &mut BTreeMap::new()).unwrap();
    (cloud, ladder, report)
}

#[test]
fn an_offer_whose_machines_end_for_want_of_capacity_has_failed_and_the_next_is_tried() {
    for code in ["Server.InsufficientInstanceCapacity", "Server.SpotInstanceTermination"] {
        let (cloud, ladder, report) = launch(code);
        let ended: Vec<_> =
            report.ended.iter().map(|(rung, it)| (&rung.place, it.class())).collect();
        assert_eq!(ended.len(), 3, "{report:?}");
        let is_short =
            |(place, class): &(_, _)| *class == Class::Capacity && ladder.short().contains(*place);
        assert!(ended.iter().all(is_short), "it is remembered: {ended:?}");
        assert_eq!((report.unfulfilled, report.launched.len()), (0, 3), "{report:?}");
        assert!(cloud.living().iter().all(|it| it.availability_zone.as_deref() == Some("b")));
    }
}

#[test]
fn what_ends_for_another_reason_is_missing_and_ends_the_launch_with_that_reason() {
    let (_, ladder, report) = launch("Client.VolumeLimitExceeded");
    assert_eq!((report.unfulfilled, report.launched.len(), report.attempts.len()), (3, 0, 3));
    let stop = report.stop.unwrap();
    assert!(stop.contains("i-1 was ended before it ran (Client.VolumeLimitExceeded)"), "{stop}");
    assert!(report.not_running.is_empty() && ladder.short().is_empty());
}

/// As EC2's answers tell it.
#[test]
fn what_was_ended_while_it_was_waited_for_is_told_with_its_reason_at_once() {
    let stage = Stage::new();
    let fleet = stage.name.clone();
    stage.market.show("pending");
    stage.market.meanwhile(move |action, launches| {
        if action == "DescribeInstances" && launches == 1 {
            let ids: Vec<String> = super::machines_of(&fleet).into_keys().collect();
            if !ids.is_empty() {
                moto::shared().terminate_instances("eu-west-1", &ids);
            }
        }
    });
    let called = stage.call(&json!({"count": 1}));
    let said = called.failed();
    assert!(
        said.contains("1 are missing: i-") && said.contains("was ended before it ran"),
        "{said}"
    );
    assert!(said.contains("(Client.UserInitiatedShutdown: "), "{said}");
    let ended = &called.answer["ended"][0];
    assert_eq!(
        (&ended["code"], &ended["zone"]),
        (&json!("Client.UserInitiatedShutdown"), &json!("eu-west-1c"))
    );
    assert_eq!(
        (&called.answer["unfulfilled"], &called.answer["not_running"]),
        (&json!(1), &json!([]))
    );
    stage.market.mend();
    let done = stage.call(&json!({"count": 1})).well();
    assert_eq!((stage.machines().len(), &done["ended"]), (1, &json!([])), "it is missing again");
}

/// Whoever stopped one may start it again: it counts, and is named.
#[test]
fn a_machine_that_is_stopped_counts_and_is_named() {
    let stage = Stage::new();
    stage.call(&json!({"exact_count": 2})).well();
    let id = stage.machines().into_keys().next().unwrap();
    stage.ec2("StopInstances", &[("InstanceId.1", &id)]);
    for (exact, machines) in [(2, 1), (3, 2)] {
        let done = stage.call(&json!({"exact_count": exact})).well();
        let warnings = done["warnings"].to_string();
        assert!(
            warnings.contains(&format!("{id} is stopped ("))
                && warnings.contains("counts all the same"),
            "{done}"
        );
        assert_eq!((&done["changed"], stage.machines().len()), (&json!(exact == 3), machines));
    }
}

/// A count that is complete and waited for launches nothing, so that nobody is asked whether it could.
#[test]
fn where_nothing_is_missing_nothing_is_rehearsed() {
    let stage = Stage::new();
    stage.market.show("pending");
    stage.call(&json!({"count": 2, "wait_timeout": 1})).failed();
    let asked = stage.market.bodies("RunInstances").len();
    stage.market.fault(Fault::refuse("UnauthorizedOperation"));
    let foreseen = stage.call(&json!({"count": 2, "_ansible_check_mode": true})).well();
    assert!(foreseen["msg"].to_string().contains("0 of 2 are missing"), "{foreseen}");
    stage.call(&json!({"count": 2, "wait_timeout": 1})).failed();
    assert_eq!(stage.market.bodies("RunInstances").len(), asked);
}

/// Machines that count are waited for by whoever asks again, also where nothing is missing, or others are launched besides.
#[test]
fn what_is_counted_and_does_not_run_yet_is_waited_for() {
    let stage = Stage::new();
    stage.market.show("pending");
    for (exact, changed) in [(2, true), (2, false), (3, true), (3, false)] {
        let called = stage.call(&json!({"exact_count": exact, "wait_timeout": 1}));
        let said = called.failed();
        assert!(said.contains("do not run in time"), "{exact} {said}");
        let late = called.answer["not_running"].as_array().unwrap().len();
        assert_eq!((late, stage.launches()), (exact, exact), "{said}");
        assert_eq!(called.answer["changed"], changed, "{said}");
    }
    let foreseen = stage.call(&json!({"exact_count": 3, "_ansible_check_mode": true})).well();
    assert_eq!(foreseen["changed"], false, "{foreseen}");
    assert!(foreseen["msg"].to_string().contains("would wait until i-"), "{foreseen}");
    stage.call(&json!({"exact_count": 3, "wait": false})).well();
    stage.market.mend();
    let done = stage.call(&json!({"exact_count": 3})).well();
    assert_eq!((&done["changed"], stage.launches()), (&json!(false), 3), "{done}");
}

/// One that counts and ends instead is missing, and launched by the next run.
#[test]
fn what_is_counted_and_ends_before_it_runs_is_missing() {
    let stage = Stage::new();
    stage.market.show("pending");
    stage.call(&json!({"exact_count": 1, "wait": false})).well();
    let (ids, mut looks): (Vec<String>, _) = (stage.machines().into_keys().collect(), 0);
    stage.market.meanwhile(move |action, _| {
        looks += usize::from(action == "DescribeInstances");
        if looks == 3 {
            moto::shared().terminate_instances("eu-west-1", &ids);
        }
    });
    let called = stage.call(&json!({"exact_count": 1}));
    let said = called.failed();
    assert!(
        said.contains("1 are missing: i-") && said.contains("was ended before it ran"),
        "{said}"
    );
    stage.market.mend();
    stage.call(&json!({"exact_count": 1})).well();
    assert_eq!((stage.machines().len(), stage.launches()), (1, 2));
}

/// A count that an unfinished launch has come to already is no change, and needs no market.
#[test]
fn a_count_that_is_there_already_is_no_change_though_a_launch_is_unfinished() {
    let stage = Stage::new();
    let quota = Fault { zone: Some("eu-west-1c"), ..Fault::refuse("MaxSpotInstanceCountExceeded") };
    stage.market.fault(quota);
    stage.market.price("c6i.large", "eu-west-1c", Some("0.0390"));
    stage.call(&json!({"exact_count": 3})).failed();
    assert_eq!(stage.machines().len(), 2);
    let looks = |stage: &Stage| stage.market.calls()["DescribeSpotPriceHistory"];
    let before = looks(&stage);
    for is_check in [true, false] {
        let done = stage.call(&json!({"exact_count": 2, "_ansible_check_mode": is_check})).well();
        assert_eq!(done["changed"], false, "{done}");
        let finds = done["msg"].to_string().contains("would find out");
        assert_eq!((finds, looks(&stage)), (is_check, before), "{done}");
    }
    let done = stage.call(&json!({"exact_count": 2, "_ansible_check_mode": true})).well();
    assert_eq!(done["msg"], "there are 2 already", "the launch is over: {done}");
}
