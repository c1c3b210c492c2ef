//! Two at once.

use serde_json::json;
use spotinst_esg::drive::roll::{Beginning, RollError, Runs};
use spotinst_esg::plan::roll::{Hold, Outcome, Phase, Taken, Wanted};

use super::desk::{Desk, Driver, Ended};

/// A driver that stands still at its first mid-gate while another starts.
fn interrupted_by(
    other: fn() -> Driver,
) -> (Desk, Ended, std::sync::Arc<std::sync::Mutex<Option<Ended>>>) {
    let desk = Desk::new(2);
    let seen = std::sync::Arc::new(std::sync::Mutex::new(None));
    let mut driver = Driver::new(1);
    let told = std::sync::Arc::clone(&seen);
    driver.before_step = Box::new(move |desk, id, phase| {
        if id == "ssi-1" && phase == Phase::Recycling {
            *told.lock().unwrap() = Some(other().roll(desk));
        }
    });
    let ended = driver.roll(&desk);
    (desk, ended, seen)
}

#[test]
fn the_second_is_refused_with_the_firsts_run_host_and_age_and_the_first_goes_on() {
    let (desk, first, second) = interrupted_by(|| Driver::new(3));
    let run_id = first.completed();
    let Some(Ended::Refused(RollError::Taken(taken))) = second.lock().unwrap().take() else {
        panic!()
    };
    let Taken::Held { run_id: of, holder, .. } = &taken else { panic!("{taken}") };
    assert_eq!((of, holder.host.as_str()), (&run_id, "control"));
    assert!(
        taken.to_string().contains("begun") && taken.to_string().contains("process 1 on control"),
        "{taken}"
    );
    assert_eq!(desk.terminated().len(), 2);
}

#[test]
fn another_group_of_the_same_system_and_another_aim_are_refused_too() {
    let (_, first, second) = interrupted_by(|| {
        let mut driver = Driver::new(3);
        driver.wanted = Wanted::LaunchedAfter { moment: "2026-11-20T00:00:00Z".parse().unwrap() };
        driver
    });
    first.completed();
    assert!(matches!(
        second.lock().unwrap().take(),
        Some(Ended::Refused(RollError::Taken(Taken::Held { .. })))
    ));
}

#[test]
fn a_cut_off_run_of_another_aim_is_ended_before_a_new_one_begins() {
    let desk = Desk::new(2);
    let mut first = Driver::new(2);
    first.before_step = Box::new(|_, id, phase| {
        if id == "ssi-1" && phase == Phase::PreGate {
            std::panic::panic_any("dies between two nodes");
        }
    });
    let died = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| first.roll(&desk)));
    assert!(died.is_err());
    let mut second = Driver::new(1);
    second.wanted = Wanted::LaunchedAfter { moment: "2026-11-20T11:59:00Z".parse().unwrap() };
    second.roll(&desk).completed();
    let outcomes: Vec<_> = desk
        .runs
        .all()
        .unwrap()
        .runs
        .iter()
        .map(|run| run.ended.clone().unwrap().outcome)
        .collect();
    assert_eq!(outcomes, [Outcome::Aborted, Outcome::Completed]);
    let mut settings = desk.settings();
    settings["image"] = desk.before["image"].clone();
    assert_eq!(settings, desk.before);
}

#[test]
fn a_run_cut_off_in_the_middle_of_a_node_keeps_another_aim_out() {
    let desk = Desk::new(2);
    let mut first = Driver::new(2);
    first.before_step = Box::new(|_, _, phase| {
        if phase == Phase::Identity {
            std::panic::panic_any("dies in the middle");
        }
    });
    let died = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| first.roll(&desk)));
    assert!(died.is_err());
    let mut second = Driver::new(1);
    second.wanted = Wanted::PresentConfiguration;
    let Ended::Refused(RollError::Taken(Taken::InFlight { phase, .. })) = second.roll(&desk) else {
        panic!()
    };
    assert_eq!(phase, Phase::Recycling);
    Driver::new(1).roll(&desk).completed();
    assert_eq!(desk.terminated().len(), 2);
}

/// A second controller whose journals are elsewhere sees no run, but what the first has suspended.
#[test]
fn a_controller_with_other_journals_is_refused_for_the_suspensions_of_the_first() {
    let (desk, first, second) = interrupted_by(|| {
        let folder = tempfile::TempDir::new().unwrap();
        let mut driver = Driver::new(3);
        driver.elsewhere = Some(Runs::new(folder.path().join("runs")));
        driver
    });
    first.completed();
    let second = second.lock().unwrap().take();
    let Some(Ended::Refused(error @ RollError::Blocked { .. })) = second else {
        panic!("{second:?}")
    };
    let told = error.to_string();
    assert!(
        told.contains("no_foreign_suspension of AUTO_HEALING (fail: suspended until "),
        "{told}"
    );
    assert_eq!(desk.terminated().len(), 2);
}

#[test]
fn what_another_suspends_between_a_plan_and_its_start_has_it_planned_anew() {
    let desk = Desk::new(2);
    let driver = Driver::new(1);
    let (draft, seen) = driver.plan(&desk).unwrap();
    assert_eq!(draft.blockers().len(), 0);
    desk.suspend("AUTO_SCALE", Some(600));
    let begun = desk.as_roller(&driver, |roller| roller.begin(&driver.start(&desk), &draft, &seen));
    assert!(matches!(&begun, Ok(Beginning::PutBack(ended)) if ended.is_empty()), "{begun:?}");
    assert!(desk.runs.all().unwrap().runs.is_empty());
    assert_eq!(desk.settings()["suspensions"].as_array().unwrap().len(), 1);
}

/// Two that start in the same moment: neither sees the other when it plans, and the later one sees it before it suspends anything.
#[test]
fn what_another_suspends_at_the_last_moment_ends_the_start_and_is_left() {
    let desk = Desk::new(2);
    desk.suspend("AUTO_SCALE", Some(600));
    desk.advance(5);
    let route = "/aws/ec2/group/{groupId}/suspension";
    desk.fault(
        json!({"kind": "stale", "seconds": 60, "route": route, "method": "GET", "count": 2}),
    );
    let ended = Driver::new(1).roll(&desk);
    let Ended::Refused(RollError::Held { hold: Hold::ForeignSuspensions(found), .. }) = &ended
    else {
        panic!("{ended:?}")
    };
    assert_eq!(found[0].process, "AUTO_SCALE");
    assert_eq!(desk.settings()["suspensions"].as_array().unwrap().len(), 1);
    assert!(desk.runs.all().unwrap().runs.iter().all(|run| run.ended.is_some()));
}

#[test]
fn what_another_suspends_while_a_roll_lives_ends_it_before_the_next_machine_is_given_up() {
    for at in [Phase::PreGate, Phase::MidGate, Phase::Recycling] {
        let desk = Desk::new(3);
        let mut driver = Driver::new(1);
        driver.before_step = Box::new(move |desk, _, phase| {
            if phase == at && desk.terminated().len() == 1 {
                desk.suspend("AUTO_SCALE", Some(600));
            }
        });
        let ended = driver.roll(&desk);
        let Ended::Run(id, Outcome::Aborted, Some(error)) = &ended else {
            panic!("{at}: {ended:?}")
        };
        assert!(error.to_string().contains("someone else has suspended processes"), "{error}");
        assert!(error.to_string().contains("AUTO_SCALE until 2026-11-20T"), "{error}");
        assert_eq!(desk.terminated().len(), 1, "{at}");
        let left = desk.runs.open(id).unwrap().run().left.clone();
        assert!(left.values().any(|why| why.contains("AUTO_SCALE")), "{left:?}");
        assert_eq!(desk.settings()["suspensions"].as_array().unwrap().len(), 1);
    }
}

/// A connection that hangs between the two, for instance.
#[test]
fn what_the_gate_before_saw_long_ago_stops_no_service() {
    for (pause, is_fresh) in [(200, true), (400, false)] {
        let desk = Desk::new(1);
        let mut driver = Driver::new(1);
        driver.looks_before = true;
        driver.before_step = Box::new(move |desk, _, phase| {
            if phase == Phase::Stopped {
                desk.advance(pause);
            }
        });
        let ended = driver.roll(&desk);
        if is_fresh {
            assert!(matches!(ended, Ended::Run(_, Outcome::Completed, None)), "{ended:?}");
            continue;
        }
        let Ended::Run(_, Outcome::Aborted, Some(RollError::Held { hold, .. })) = &ended else {
            panic!("{ended:?}")
        };
        assert!(matches!(hold, Hold::OldPreGate(_)), "{hold}");
        assert_eq!((desk.terminated().len(), desk.settings()), (0, desk.before.clone()));
    }
}

#[test]
fn without_a_gate_that_has_passed_no_machine_is_given_up_and_no_image_is_set() {
    let desk = Desk::new(2);
    let mut driver = Driver::new(1);
    driver.looks_at_gates = false;
    let ended = driver.roll(&desk);
    let Ended::Run(_, Outcome::Aborted, Some(RollError::Held { hold, .. })) = &ended else {
        panic!("{ended:?}")
    };
    assert_eq!(*hold, Hold::NoMidGate(None));
    assert_eq!((desk.terminated().len(), desk.settings()), (0, desk.before.clone()));
    let requests = desk.state()["accepted"].as_array().unwrap().len();
    assert_eq!(requests, 0, "nothing was asked of any node");
}
