//! Rolls in which nothing goes wrong.

use serde_json::json;
use spotinst_esg::domain::StatefulInstanceId;
use spotinst_esg::drive::roll::Runs;
use spotinst_esg::plan::Waiver;
use spotinst_esg::plan::roll::{OrderWish, Wanted, Wish};

use super::desk::{Desk, Driver, Ended, fleet};

#[test]
fn every_node_gets_the_new_image_once_and_the_settings_are_as_before() {
    for count in [1, 3, 9, 60] {
        let desk = Desk::new(count);
        let driver = Driver::new(1);
        driver.roll(&desk).completed();
        for (n, (id, state, instance, image)) in desk.nodes().into_iter().enumerate() {
            assert_eq!((id, state.as_str()), (format!("ssi-{}", n + 1), "ACTIVE"));
            assert!(instance != format!("i-{}", n + 1) && image == "ami-2", "{instance} {image}");
        }
        let mut gone = desk.terminated();
        gone.sort();
        let mut expected: Vec<String> = (1..=count).map(|n| format!("i-{n}")).collect();
        expected.sort();
        assert_eq!(gone, expected, "each machine was given up once");
        assert_eq!(desk.violations(Some("ami-2")), Vec::<String>::new());
        let mut settings = desk.before.clone();
        settings["image"] = json!("ami-2");
        assert_eq!(desk.settings(), settings);
        assert!(matches!(driver.roll(&desk), Ended::Nothing), "again there is nothing to do");
    }
}

#[test]
fn a_persisted_root_is_given_up_for_the_time_of_the_roll_if_that_is_acknowledged() {
    let text = fleet(2, "", "").replace("persistence: {data", "persistence: {root: true, data");
    let desk = Desk::with(&text);
    let mut driver = Driver::new(1);
    let Ended::Refused(error) = driver.roll(&desk) else { panic!() };
    assert!(error.to_string().contains("root_replaceable"), "{error}");
    assert_eq!(desk.settings(), desk.before);
    driver.wish = Wish { acknowledge_root_data_loss: true, ..Wish::default() };
    driver.roll(&desk).completed();
    let mut settings = desk.before.clone();
    settings["image"] = json!("ami-2");
    assert_eq!(desk.settings(), settings);
    assert!(desk.nodes().iter().all(|node| node.3 == "ami-2"));
    assert_eq!(desk.violations(Some("ami-2")), Vec::<String>::new());
    assert!(matches!(driver.roll(&desk), Ended::Nothing), "again there is nothing to do");

    // Without the journal that proves it nothing tells what is on the root volumes, whatever image is told.
    let empty = tempfile::TempDir::new().unwrap();
    driver.elsewhere = Some(Runs::new(empty.path().join("runs")));
    let Ended::Refused(error) = driver.roll(&desk) else { panic!() };
    assert!(
        error.to_string().contains("drift_knowable of ssi-2 (unknown: runs ami-2 on paper"),
        "{error}"
    );
    let (predicate, reason) = ("drift_knowable".to_owned(), "looked at them".to_owned());
    driver.wish.waivers = vec![Waiver { predicate, reason, objects: None }];
    assert!(matches!(driver.roll(&desk), Ended::Nothing), "it counts as wanted");
    assert_eq!(desk.terminated().len(), 2);
}

/// An image that was asked for stands at the vendor, but it was never brought: the run was for the launch time alone.
#[test]
fn a_roll_that_kept_root_volumes_proves_no_image() {
    let text = fleet(1, "", "").replace("persistence: {data", "persistence: {root: true, data");
    let desk = Desk::with(&text);
    let mut driver = Driver::new(1);
    driver.wanted = Wanted::LaunchedAfter { moment: "2026-11-20T10:00:00Z".parse().unwrap() };
    driver.roll(&desk).completed();
    let image = desk.nodes()[0].3.clone();
    desk.edit(json!({"group": "sig-1", "set": {"compute.launchSpecification.imageId": image}}));
    driver.wanted = Wanted::PresentConfiguration;
    driver.wish.acknowledge_root_data_loss = true;
    let Ended::Refused(error) = driver.roll(&desk) else { panic!() };
    assert!(error.to_string().contains("drift_knowable of ssi-1 (unknown"), "{error}");
}

#[test]
fn the_canary_comes_first_then_zone_by_zone_then_the_last_ones() {
    let desk = Desk::new(6);
    let mut driver = Driver::new(1);
    let id = StatefulInstanceId::new;
    let order = OrderWish { canary: Some(id("ssi-5")), last: vec![id("ssi-3"), id("ssi-1")] };
    driver.wish = Wish { order, ..Wish::default() };
    driver.roll(&desk).completed();
    assert_eq!(desk.terminated(), ["i-5", "i-6", "i-4", "i-2", "i-3", "i-1"]);
}

#[test]
fn the_present_configuration_is_brought_to_those_that_differ() {
    let desk = Desk::with(
        &fleet(3, "", "").replace("instance_id: i-2,", "instance_id: i-2, image: ami-0,"),
    );
    let mut driver = Driver::new(1);
    driver.wanted = Wanted::PresentConfiguration;
    driver.roll(&desk).completed();
    assert_eq!(desk.terminated(), ["i-2"]);
    assert_eq!(desk.settings(), desk.before);
}

#[test]
fn a_later_launch_can_be_asked_for_and_needs_no_other_image() {
    let text = fleet(3, "", "").replace("persistence: {data", "persistence: {root: true, data");
    let desk = Desk::with(
        &text
            .replace("instance_id: i-2,", "instance_id: i-2, launched_at: '2026-11-20T11:00:00Z',"),
    );
    let mut driver = Driver::new(1);
    driver.wanted = Wanted::LaunchedAfter { moment: "2026-11-20T10:00:00Z".parse().unwrap() };
    driver.roll(&desk).completed();
    let mut gone = desk.terminated();
    gone.sort();
    assert_eq!(gone, ["i-1", "i-3"]);
    assert_eq!(desk.settings(), desk.before);
    assert!(matches!(driver.roll(&desk), Ended::Nothing));
}

#[test]
fn what_was_suspended_before_is_so_afterwards() {
    let desk = Desk::new(2);
    let suspended = json!({"AUTO_SCALE": null, "AUTO_HEALING": "2026-11-20T12:20:00Z"});
    desk.suspend("AUTO_SCALE", None);
    desk.suspend("AUTO_HEALING", Some(20));
    let before = desk.settings();
    assert_eq!(
        before["suspensions"].as_array().unwrap().len(),
        suspended.as_object().unwrap().len()
    );
    let Ended::Refused(error) = Driver::new(1).roll(&desk) else { panic!() };
    let told = error.to_string();
    assert!(
        told.contains("no_foreign_suspension of AUTO_SCALE (fail: suspended without an end"),
        "{told}"
    );
    assert!(
        told.contains("no_foreign_suspension of AUTO_HEALING (fail: suspended until 2026"),
        "{told}"
    );
    let mut driver = Driver::new(1);
    driver.wish.waivers = vec![Waiver {
        predicate: "no_foreign_suspension".to_owned(),
        reason: "ours since May".to_owned(),
        objects: Some(vec!["AUTO_SCALE".to_owned(), "AUTO_HEALING".to_owned()]),
    }];
    driver.roll(&desk).completed();
    let after = desk.settings();
    let ends = |settings: &serde_json::Value| -> Vec<(String, Option<i64>)> {
        let all = settings["suspensions"].as_array().unwrap().iter();
        let minutes = |it: &serde_json::Value| {
            let at: jiff::Timestamp = it["expiresAt"].as_str()?.parse().ok()?;
            Some(at.as_second() / 60)
        };
        all.map(|it| (it["name"].to_string(), minutes(it))).collect()
    };
    let (before, after) = (ends(&before), ends(&after));
    assert_eq!(before.len(), after.len(), "{before:?} {after:?}");
    for (then, now) in before.iter().zip(&after) {
        assert_eq!(then.0, now.0);
        let late = now.1.unwrap_or_default() - then.1.unwrap_or_default();
        assert!((0..=1).contains(&late), "{then:?} {now:?}: the vendor counts whole minutes");
    }
    assert_eq!(desk.violations(Some("ami-2")), Vec::<String>::new());
}
