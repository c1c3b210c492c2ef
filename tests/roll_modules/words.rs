//! What a person is told: of a start that fails halfway, a freeze, a wrong account, and a node in the middle of its recycle.

use serde_json::{Value, json};

use super::{edit_group, mutations, texts};
use crate::support::cli::Desk;
use crate::support::roll::{self, Controller, THREE, settings, with};

const SUSPENSION: &str = "/aws/ec2/group/{groupId}/suspension";

#[test]
fn a_freeze_is_answered_with_the_freeze() {
    let desk = roll::desk(THREE);
    let controller = Controller::gone(&desk);
    let run = controller.start();
    controller.prepare(&run, "ssi-1");
    let freeze = json!({"run_id": run, "node": "ssi-1", "phase": "frozen", "reason": "it smokes"});
    let told = controller.run("advanced", &freeze).well();
    assert_eq!(told["msg"], format!("run {run} is frozen at ssi-1: it smokes"));
}

/// Of a new one nothing stays; one that was cut off stays open for the next start.
#[test]
fn a_start_that_fails_halfway_tells_what_became_of_its_run() {
    let desk = roll::desk(THREE);
    let before = settings(&desk);
    desk.fault(json!({"kind": "status", "status": 400, "method": "POST", "route": SUSPENSION}));
    let first = Controller::gone(&desk);
    let refused = first.run("started", &first.aim());
    for words in ["was begun for it and ended again", "before any node was touched"] {
        assert!(refused.failed().contains(words), "{words}: {}", refused.failed());
    }
    assert_eq!((&refused.answer["changed"], settings(&desk)), (&json!(true), before));
    desk.mend();

    let run = first.start();
    first.roll(&run, "ssi-1");
    let second = Controller::gone(&desk);
    // The look that plans goes well, the one after the run was taken up does not.
    desk.fault(
        json!({"kind": "status", "status": 403, "method": "GET", "nth": 2, "route": SUSPENSION}),
    );
    let refused = second.run("started", &second.aim());
    for words in [format!("run {run} is open"), format!("spotinst-esg runs restore {run} --reason")]
    {
        assert!(refused.failed().contains(&words), "{words}: {}", refused.failed());
    }
    assert_eq!(refused.answer["changed"], true);
    desk.mend();
    let third = Controller::gone(&desk);
    let resumed = third.run("started", &third.aim()).well();
    assert_eq!((&resumed["run_id"], &resumed["resumed"]), (&json!(run), &json!(true)));
}

/// What was put back is changed, though the rest is not.
#[test]
fn an_end_that_puts_back_only_a_part_says_what_and_that_the_run_stays_open() {
    let desk = roll::desk(THREE);
    let controller = Controller::gone(&desk);
    let run = controller.start();
    controller.roll(&run, "ssi-1");
    desk.fault(json!({"kind": "status", "status": 403, "method": "DELETE", "route": SUSPENSION}));
    let half = controller.finish(&run);
    for words in [
        "by then the group's image was put back to ami-1".to_owned(),
        format!("run {run} stays open"),
        format!("spotinst-esg runs restore {run} --reason"),
    ] {
        assert!(half.failed().contains(&words), "{words}: {}", half.failed());
    }
    assert_eq!(half.answer["changed"], true, "{}", half.answer);
    let again = controller.finish(&run);
    assert!(again.failed().contains("stays open"), "{}", again.failed());
    assert_eq!(again.answer["changed"], false, "{}", again.answer);
    desk.mend();
    assert_eq!(controller.finish(&run).well()["changed"], true);
    assert_eq!((settings(&desk).0, settings(&desk).2), (json!("ami-1"), json!([])));
}

#[test]
fn a_start_that_is_refused_tells_what_it_has_ended_before() {
    let desk = roll::desk(THREE);
    let first = Controller::gone(&desk);
    let run = first.start();
    first.roll(&run, "ssi-1");
    edit_group(&desk, json!({"compute.launchSpecification.autoHealing": false}));
    let second = Controller::gone(&desk);
    let refused = second.run("started", &with(second.aim(), &json!({"image_id": "ami-3"})));
    for words in ["auto_healing_on", "was ended and its settings put back", run.as_str()] {
        assert!(refused.failed().contains(words), "{words}: {}", refused.failed());
    }
    assert_eq!(
        (&refused.answer["changed"], &refused.answer["put_back"]),
        (&json!(true), &json!([run]))
    );
    assert_eq!((settings(&desk).0, settings(&desk).2), (json!("ami-1"), json!([])));
    let again = second.run("started", &with(second.aim(), &json!({"image_id": "ami-3"})));
    assert_eq!(again.answer["changed"], false, "{}", again.answer);
    assert!(!again.failed().contains("was ended"), "{}", again.failed());
}

/// In another account there is no such group, which would send a person looking for it.
#[test]
fn another_account_than_that_of_the_run_is_named() {
    let desk = roll::desk(THREE);
    let controller = Controller::gone(&desk);
    let run = controller.start();
    controller.prepare(&run, "ssi-1");
    let sent = mutations(&desk);
    let other = json!({"account_id": "act-00000002"});
    let step = json!({"group_id": "sig-1", "id": "ssi-1", "state": "recycled", "run_id": run});
    let back = json!({"state": "started", "rollback_of": run});
    for refused in [
        controller.call("stateful_instance", &with(step, &other)),
        controller.call("recycle_run", &with(controller.aim(), &other)),
        controller.call("recycle_run", &with(back, &other)),
        controller.call("recycle_plan", &with(controller.aim(), &other)),
    ] {
        let words = format!(
            "run {run} is of account act-00000001, and account act-00000002 is set: set account_id to act-00000001"
        );
        assert!(refused.failed().contains(&words), "{}", refused.failed());
    }
    assert_eq!(mutations(&desk), sent);
}

#[test]
fn a_node_in_the_middle_of_its_recycle_is_not_left_alone_as_well() {
    let fleet = roll::fleet(THREE).replace("replacing_seconds: 0.1", "replacing_seconds: 36000");
    let desk = Desk::with_whole(&fleet);
    let first = Controller::gone(&desk);
    let run = first.start();
    first.prepare(&run, "ssi-1");
    let step = json!({
        "group_id": "sig-1", "id": "ssi-1", "state": "recycled", "run_id": run, "wait_timeout": 1,
    });
    first.call("stateful_instance", &step).failed();
    first.finish(&run).well();
    let resume = desk.run(["runs", "resume", &run, "--reason", "it takes its time", "--yes"]);
    assert_eq!(resume.code, 0, "{resume:?}");
    let second = Controller::gone(&desk);
    for more in [json!({"_ansible_check_mode": true}), json!({})] {
        let shown: Value = second.run("started", &with(second.aim(), &more)).well();
        assert_eq!(texts(&shown["nodes"], "id"), ["ssi-1", "ssi-3", "ssi-2"], "{more}");
        assert_eq!(texts(&shown["nodes"], "phase"), ["recycling", "planned", "planned"], "{more}");
        assert_eq!(shown["left_alone"], json!([]), "{more}");
    }
}
