//! What a launch that fell short has kept, and who goes on with it.

use serde_json::{Value, json};

use super::Stage;
use super::support::market::{Effect, Fault};
use super::support::module::Called;

const SHORT: Effect = Effect::Refuse("MaxSpotInstanceCountExceeded");

/// From now on one zone of three has the quota's refusal, and its offer is the best one after two machines.
fn short(stage: &Stage) {
    stage.market.fault(Fault { zone: Some("eu-west-1c"), effect: SHORT, ..Fault::refuse("") });
    stage.market.price("c6i.large", "eu-west-1c", Some("0.0390"));
}

fn launched(called: &Called) -> usize {
    called.answer["launched"].as_array().map_or(0, Vec::len)
}

/// So many more are so many more, also where as many were missing to a count that fell short.
#[test]
fn a_count_does_not_go_on_with_a_launch_to_an_exact_count() {
    let stage = Stage::new();
    short(&stage);
    stage.call(&json!({"exact_count": 3})).failed();
    let kept = stage.machines().len();
    assert!((1..3).contains(&kept), "{kept}");
    stage.market.mend();
    let check = stage.call(&json!({"count": 3, "_ansible_check_mode": true})).well();
    assert_eq!(check["msg"], "would launch 3", "{check}");
    let called = stage.call(&json!({"count": 3}));
    assert_eq!((launched(&called), stage.machines().len()), (3, kept + 3), "{}", called.answer);
}

/// What an answer said is kept may be at work when the same is run again.
#[test]
fn what_was_kept_is_not_cleaned_up_by_the_same_again() {
    for first in [json!({"count": 3}), json!({"exact_count": 3})] {
        let stage = Stage::new();
        short(&stage);
        stage.call(&first).failed();
        let kept: Vec<String> = stage.machines().into_keys().collect();
        assert!((1..3).contains(&kept.len()), "{kept:?}");
        let called = stage.call(&json!({"count": 3, "on_partial": "terminate"}));
        called.failed();
        let living: Vec<String> = stage.machines().into_keys().collect();
        assert!(kept.iter().all(|id| living.contains(id)), "{first}: {}", called.answer);
        assert_eq!(living.len(), kept.len(), "{first}: {}", called.answer);
        let terminated = called.answer["terminated"].as_array().cloned().unwrap_or_default();
        let is_kept = |id: &Value| kept.contains(&id.as_str().unwrap().to_owned());
        assert!(!terminated.iter().any(is_kept), "{}", called.answer);
        // What is launched next goes as was asked.
        stage.market.mend();
        stage.call(&json!({"exact_count": 3})).well();
        assert_eq!(stage.machines().len(), 3);
    }
}

/// A count goes on with what was launched for as many, whatever that was launched from: this is told.
#[test]
fn a_count_tells_that_what_it_goes_on_with_was_launched_from_something_else() {
    let stage = Stage::new();
    short(&stage);
    stage.call(&json!({"count": 3})).failed();
    let before = stage.machines().len();
    assert!((1..3).contains(&before), "{before}");
    let warned = |called: &Called| {
        let warnings = called.answer["warnings"].as_array().cloned().unwrap_or_default();
        let words = "was launched from another template";
        warnings.iter().any(|it| it.as_str().unwrap().contains(words))
    };
    let same = stage.call(&json!({"count": 3}));
    assert!(!warned(&same), "{}", same.answer);
    stage.market.mend();
    let other = stage.call(&json!({"count": 3, "tags": {"team": "other"}}));
    assert!(warned(&other), "{}", other.answer);
    assert_eq!(stage.machines().len(), 3);
    // The next is a launch of its own.
    let next = stage.call(&json!({"count": 1, "tags": {"team": "other"}}));
    assert!(!warned(&next), "{}", next.answer);
}
