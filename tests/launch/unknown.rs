//! A request whose answer is lost and whose machine is listed late.

use serde_json::{Value, json};

use super::Stage;
use super::support::market::{Effect, Fault, Snag};
use super::support::moto;

/// What is asked for by its tag is not found, however long it is looked for.
fn hidden(stage: &Stage) {
    let (action, with, times) = ("DescribeInstances", "tag:spotinst-esg:launch", usize::MAX);
    stage.market.snag(Snag { action, with, code: Snag::NONE, times, waits: false });
}

/// A launch of two of which the first one is not known.
fn unknown(effect: Effect) -> Stage {
    let stage = Stage::new();
    hidden(&stage);
    stage.market.fault(Fault { times: 3, effect, ..Fault::refuse("") });
    let called = stage.call(&json!({"count": 2}));
    assert_eq!(called.answer["unknown"].as_array().unwrap().len(), 1, "{}", called.failed());
    stage.market.mend();
    hidden(&stage);
    stage
}

fn launched(answer: &Value) -> usize {
    answer["launched"].as_array().unwrap().len()
}

/// Whether the answer was lost or the request: the token that EC2 knows says which, and no look has to find the machine in time.
#[test]
fn what_is_not_known_is_sent_again_with_its_token_before_it_is_given_up() {
    for (effect, before) in [(Effect::LoseAnswer, 1), (Effect::LoseRequest, 0)] {
        let stage = unknown(effect);
        assert_eq!(stage.machines().len(), before);
        let done = stage.call(&json!({"count": 2})).well();
        assert_eq!((launched(&done), stage.machines().len()), (2, 2), "{effect:?}: {done}");
        assert_eq!(done["unknown"], json!([]));
    }
}

/// With other options EC2 only says that it knows the token: then nothing more is launched until the machine is listed.
#[test]
fn a_token_that_is_known_with_other_options_is_no_request_that_was_lost() {
    let stage = unknown(Effect::LoseAnswer);
    let other = json!({"count": 2, "tags": {"Name": "worker"}});
    let called = stage.call(&other);
    let said = called.failed();
    assert!(said.contains("EC2 has launched it and does not list it"), "{said}");
    assert!(said.contains("with the options that it was sent with"), "{said}");
    assert_eq!((launched(&called.answer), stage.machines().len()), (0, 1));
    assert_eq!(called.answer["unknown"].as_array().unwrap().len(), 1);
    stage.market.mend();
    let done = stage.call(&other).well();
    assert_eq!((launched(&done), stage.machines().len()), (2, 2), "{done}");
    // One that EC2 never heard of is launched as it is wanted now.
    let stage = unknown(Effect::LoseRequest);
    assert_eq!(launched(&stage.call(&other).well()), 2);
    assert_eq!(stage.machines().len(), 2);
}

/// A replacement in between looks for it and does not give it up.
#[test]
fn what_is_not_known_stays_so_while_another_machine_is_replaced() {
    let stage = Stage::new();
    stage.call(&json!({"count": 1})).well();
    let old = stage.machines().into_keys().next().unwrap();
    hidden(&stage);
    stage.market.fault(Fault { times: 3, effect: Effect::LoseAnswer, ..Fault::refuse("") });
    stage.call(&json!({"count": 2})).failed();
    stage.market.mend();
    hidden(&stage);
    stage.call(&json!({"replace": old})).well();
    assert_eq!(stage.machines().len(), 2);
    let done = stage.call(&json!({"count": 2})).well();
    assert_eq!((launched(&done), stage.machines().len()), (2, 3), "{done}");
}

/// The ceiling counts it once: as missing, whether it is listed or not.
#[test]
fn the_ceiling_holds_before_a_request_is_sent_again() {
    let stage = unknown(Effect::LoseAnswer);
    let done = stage.call(&json!({"count": 2, "max_total": 2})).well();
    assert_eq!((launched(&done), stage.machines().len()), (2, 2), "{done}");

    let stage = unknown(Effect::LoseRequest);
    let fleet = stage.name.clone();
    let mut is_done = false;
    let sent = stage.launches();
    // Somebody else launches one when all is ready.
    stage.market.meanwhile(move |action, _| {
        if action == "RunInstances" && !is_done {
            is_done = true;
            let tags = [("spotinst-esg:fleet", fleet.as_str())];
            let launch = moto::Launch { count: 1, is_spot: true, tags: &tags };
            moto::shared().run_instances("eu-west-1", &launch);
        }
    });
    let called = stage.call(&json!({"count": 2, "max_total": 2}));
    assert!(called.failed().contains("max_total is 2"), "{}", called.failed());
    assert_eq!((stage.launches(), stage.machines().len()), (sent, 1));
}
