//! `spot_rebalance` against moto behind the proxy.

use serde_json::{Value, json};

use super::support::market::{Effect, Fault, Snag};
use super::support::module::Called;
use super::support::moto;
use super::{IMAGE, Stage, at, attempts, policy};
use crate::support::module::call_with;

impl Stage {
    fn rebalance(&self, more: &Value) -> Called {
        let mut arguments = json!({
            "name": self.name, "image_id": IMAGE, "settle_timeout": 1, "capacity_memory": 0,
            "policy": policy(),
        });
        for (name, value) in more.as_object().unwrap() {
            arguments[name] = value.clone();
        }
        call_with(&self.desk, "spot_rebalance", &arguments, &self.market.environment())
    }

    /// All in one zone.
    fn crowded(count: u32) -> Self {
        let stage = Self::new();
        stage.call(&json!({"count": count, "zones": ["eu-west-1a"]})).well();
        stage
    }

    fn spread(&self) -> Vec<usize> {
        self.zones().into_values().collect()
    }
}

fn list(answer: &Value, name: &str) -> Vec<String> {
    let all = answer[name].as_array().unwrap().iter();
    all.map(|it| it.as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_fleet_is_spread_as_it_was_foreseen_and_the_second_time_nothing_is_to_be_done() {
    let stage = Stage::crowded(5);
    let check =
        stage.rebalance(&json!({"_ansible_check_mode": true, "_ansible_diff": true})).well();
    assert_eq!((&check["changed"], stage.spread()), (&json!(true), vec![5]));
    let target = json!({"eu-west-1a": 2, "eu-west-1b": 2, "eu-west-1c": 1});
    assert_eq!((&check["target"], &check["diff"]["after"]["zones"]), (&target, &target), "{check}");
    assert_eq!(check["diff"]["before"]["zones"], json!({"eu-west-1a": 5}));
    assert_eq!(check["diff"]["after"]["launched"], 3);
    let steps = list(&check, "steps");
    assert_eq!(steps.len(), 6, "{steps:?}");
    assert!(steps[0] == "launch one in eu-west-1b" && steps[1].starts_with("terminate i-"));
    let rehearsals = stage.market.bodies("RunInstances");
    assert_eq!(rehearsals.last().unwrap()["Placement.AvailabilityZone"], "eu-west-1b");

    let done = stage.rebalance(&json!({})).well();
    assert_eq!((&done["zones"], stage.spread()), (&target, vec![2, 2, 1]), "{done}");
    assert_eq!((list(&done, "launched").len(), list(&done, "terminated").len()), (3, 3));
    assert_eq!(list(&check, "terminated"), list(&done, "terminated"));
    let again = stage.rebalance(&json!({})).well();
    assert_eq!((&again["changed"], &again["steps"]), (&json!(false), &json!([])));
    assert!(again["msg"].as_str().unwrap().contains("as evenly as they can be"));
}

#[test]
fn nothing_goes_before_what_stands_in_for_it_is_good_and_a_later_run_goes_on() {
    let stage = Stage::crowded(3);
    let log = stage.desk.home.path().join("log");
    let script = |name: &str, end: &str| {
        let text = format!("#!/bin/sh\necho \"{name} $1 $2\" >> {}\n{end}\n", log.display());
        stage.desk.file(name, &text)
    };
    let drain = json!(["/bin/sh", script("drain", "exit 0")]);
    let bad = json!({
        "gate_command": ["/bin/sh", script("gate", "exit 3")], "gate_timeout": 1, "drain_command": drain,
    });
    let called = stage.rebalance(&bad);
    assert!(called.failed().contains("gate_command stays shut"), "{}", called.failed());
    assert!(called.failed().contains("launched 1 and terminated 0"), "{}", called.failed());
    assert_eq!(stage.spread(), [3, 1], "what was launched stays, and nothing went");
    let good = json!({
        "gate_command": ["/bin/sh", script("gate", "exit 0")], "drain_command": drain,
        "gate": {"samples": 1, "gates": [{"name": "all", "kind": "command", "command": ["true"]}]},
    });
    let check = stage.rebalance(&json!({"_ansible_check_mode": true})).well();
    assert!(check["msg"].as_str().unwrap().contains("would go on with an unfinished rebalance"));
    assert_eq!(check["count"], 3, "the count is that of the beginning");
    let done = stage.rebalance(&good).well();
    assert_eq!(stage.spread(), [1, 1, 1], "{done}");
    let told = std::fs::read_to_string(&log).unwrap();
    let lines: Vec<&str> = told.lines().collect();
    let first = lines.iter().position(|it| it.starts_with("drain")).unwrap();
    let gone = list(&done, "terminated");
    assert_eq!(lines[first].split(' ').nth(1), Some(gone[0].as_str()), "{told}");
    assert!(lines[first - 1].starts_with("gate i-") && lines[first - 1].split(' ').count() == 3);
    let shut = json!({
        "gate": {"samples": 1, "wait_timeout": 0, "gates": [{"name": "all", "kind": "command", "command": ["false"]}]},
    });
    stage.call(&json!({"count": 2, "zones": ["eu-west-1a"]})).well();
    let called = stage.rebalance(&shut);
    assert!(called.failed().contains("gate stays shut, verdict fail"), "{}", called.failed());
    assert_eq!(stage.machines().len(), 6);
}

/// As many machines as a rebalance in one account left are none of the business of a fleet of the same name in another.
#[test]
fn an_unfinished_rebalance_of_one_account_takes_no_machine_of_another() {
    let stage = Stage::crowded(3);
    let stuck = json!({"gate_command": ["/bin/false"], "gate_timeout": 1});
    stage.rebalance(&stuck).failed();
    assert_eq!(stage.spread(), [3, 1]);
    // To moto it is all one. Another controller launches in the other account.
    stage.market.account("210987654321");
    let elsewhere = stage.desk.home.path().join("elsewhere");
    let more = json!({"count": 5, "zones": ["eu-west-1b"], "state_dir": elsewhere});
    stage.call(&more).well();
    let done = stage.rebalance(&json!({})).well();
    assert_eq!((&done["count"], stage.spread()), (&json!(9), vec![3, 3, 3]), "{done}");
    stage.market.account(moto::ACCOUNT);
    let check = stage.rebalance(&json!({"_ansible_check_mode": true}));
    assert!(check.failed().contains("than the 3 that its rebalance began with"), "it is kept");
}

/// Journals of before the account was written down, and some that lie in the folder of another account.
#[test]
fn nothing_is_gone_on_with_by_journals_whose_account_is_another_or_unknown() {
    let stage = Stage::crowded(3);
    stage.rebalance(&json!({"gate_command": ["/bin/false"], "gate_timeout": 1})).failed();
    let all = stage.desk.home.path().join(".local/state/spotinst-esg/launches");
    let (own, old) = (all.join(moto::ACCOUNT), all.join("eu-west-1"));
    std::fs::rename(own.join("eu-west-1"), &old).unwrap();
    let calls = [json!({"count": 1}), json!({"exact_count": 0}), json!({"state": "absent"})];
    let mut said: Vec<Called> = calls.iter().map(|it| stage.call(it)).collect();
    said.push(stage.rebalance(&json!({})));
    for called in &said {
        let words = format!("move the folder to {}", own.join("eu-west-1").display());
        assert!(called.failed().contains(&words), "{}", called.failed());
        assert_eq!(called.answer["changed"], false);
    }
    let other = all.join("210987654321");
    std::fs::create_dir(&other).unwrap();
    std::fs::rename(&old, other.join("eu-west-1")).unwrap();
    stage.market.account("210987654321");
    let called = stage.rebalance(&json!({}));
    let words = format!("is of AWS account {}, and these credentials are of", moto::ACCOUNT);
    assert!(called.failed().contains(&words), "{}", called.failed());
    assert_eq!(stage.machines().len(), 4);
    std::fs::rename(other.join("eu-west-1"), own.join("eu-west-1")).unwrap();
    stage.market.account(moto::ACCOUNT);
    stage.rebalance(&json!({})).well();
    assert_eq!(stage.spread(), [1, 1, 1]);
    stage.market.account("../x");
    let called = stage.call(&json!({"count": 1}));
    assert!(called.failed().contains("no number of an account"), "{}", called.failed());
}

/// Another controller scales the fleet between two runs, or in the middle of one.
#[test]
fn no_machine_goes_for_one_that_somebody_else_launched() {
    let stage = Stage::crowded(3);
    stage.rebalance(&json!({"gate_command": ["/bin/false"], "gate_timeout": 1})).failed();
    let elsewhere = stage.desk.home.path().join("elsewhere");
    let more = json!({"count": 2, "zones": ["eu-west-1b"], "state_dir": elsewhere});
    stage.call(&more).well();
    for is_check in [true, false] {
        let called = stage.rebalance(&json!({"_ansible_check_mode": is_check}));
        let said = called.failed();
        assert!(said.starts_with("2 more machines") && said.contains("exact_count"), "{said}");
        assert_eq!((&called.answer["changed"], stage.spread()), (&json!(false), vec![3, 3]));
        assert_ne!(called.answer["retryable"], true, "by itself it ends so again");
    }
    assert_eq!(stage.call(&json!({"exact_count": 6})).well()["changed"], false);
    stage.rebalance(&json!({})).well();
    assert_eq!(stage.spread(), [2, 2, 2]);

    // While a machine is drained.
    let stage = Stage::crowded(3);
    let log = stage.desk.home.path().join("drained");
    let drain = stage.desk.file("drain", &format!("#!/bin/sh\ntouch {}\n", log.display()));
    let (fleet, mut is_done) = (stage.name.clone(), false);
    stage.market.meanwhile(move |action, _| {
        if action == "DescribeInstances" && log.exists() && !is_done {
            is_done = true;
            let tags = [("spotinst-esg:fleet", fleet.as_str())];
            let launch = moto::Launch { count: 1, is_spot: true, tags: &tags };
            moto::shared().run_instances("eu-west-1", &launch);
        }
    });
    let called = stage.rebalance(&json!({"drain_command": ["/bin/sh", drain]}));
    assert!(called.failed().starts_with("1 more machines"), "{}", called.failed());
    assert_eq!((&called.answer["terminated"], stage.machines().len()), (&json!([]), 5));
}

/// Its machines are gone already when the fleet is ended: none of them is missing to it any more.
#[test]
fn an_end_of_the_fleet_ends_its_unfinished_rebalance() {
    let stage = Stage::crowded(3);
    stage.rebalance(&json!({"gate_command": ["/bin/false"], "gate_timeout": 1})).failed();
    let all: Vec<String> = stage.machines().into_keys().collect();
    moto::shared().terminate_instances("eu-west-1", &all);
    assert_eq!(stage.call(&json!({"state": "absent"})).well()["changed"], false);
    let none = stage.rebalance(&json!({})).well();
    assert_eq!((&none["count"], stage.machines().len()), (&json!(0), 0), "{none}");
}

#[test]
fn a_machine_that_cannot_be_drained_stays() {
    let stage = Stage::crowded(2);
    let called = stage.rebalance(&json!({"drain_command": ["/bin/false"]}));
    assert!(called.failed().contains("it was not terminated"), "{}", called.failed());
    assert_eq!(stage.spread(), [2, 1]);
    stage.rebalance(&json!({})).well();
    assert_eq!(stage.spread(), [1, 1]);
}

/// Every listed error, for ever: the account is exact, nothing goes, and nothing is left behind.
#[test]
fn whatever_is_refused_nothing_is_terminated_and_the_account_is_exact() {
    for (code, class) in [
        ("InsufficientInstanceCapacity", "capacity"),
        ("MaxSpotInstanceCountExceeded", "quota"),
        ("SpotMaxPriceTooLow", "price_too_low"),
        ("Unsupported", "unsupported"),
        ("UnauthorizedOperation", "auth"),
    ] {
        let stage = Stage::crowded(3);
        stage.market.fault(Fault::refuse(code));
        let called = stage.rebalance(&json!({}));
        let said = called.failed();
        assert_eq!(stage.spread(), [3], "{code}");
        if class == "auth" {
            assert!(
                said.contains("(auth): UnauthorizedOperation")
                    && said.contains("nothing was launched")
            );
        } else {
            assert!(said.contains("2 are missing to an even spread"), "{code}: {said}");
            assert_eq!(
                (&called.answer["unfulfilled"], &called.answer["terminated"]),
                (&json!(2), &json!([]))
            );
            let all = attempts(&called.answer);
            assert!(!all.is_empty() && all.iter().all(|it| it.ends_with(class)), "{code}: {all:?}");
            assert_eq!(called.answer["changed"], false, "{code}");
        }
        stage.market.mend();
        stage.rebalance(&json!({})).well();
        assert_eq!(stage.spread(), [1, 1, 1], "{code}");
    }
}

#[test]
fn a_zone_without_capacity_is_left_out_and_the_others_are_spread() {
    let stage = Stage::crowded(6);
    let gone = Effect::Refuse("InsufficientInstanceCapacity");
    for machine_type in ["c6i.large", "m6i.large", "r6i.large"] {
        stage.market.fault(at(machine_type, "eu-west-1c", gone));
    }
    let called = stage.rebalance(&json!({}));
    assert!(called.failed().contains("eu-west-1c: every offer was tried"), "{}", called.failed());
    assert_eq!((&called.answer["unfulfilled"], stage.spread()), (&json!(2), vec![3, 3]));
    assert_eq!(called.answer["changed"], true);
}

#[test]
fn an_answer_that_is_lost_launches_nothing_twice() {
    for effect in [Effect::LoseAnswer, Effect::LoseRequest] {
        let stage = Stage::crowded(3);
        stage.market.fault(Fault { times: 1, effect, ..Fault::refuse("") });
        stage.rebalance(&json!({})).well();
        assert_eq!(stage.spread(), [1, 1, 1], "{effect:?}");
    }
}

#[test]
fn named_zones_and_the_ceiling_are_kept_and_another_launch_sets_another_count() {
    let stage = Stage::crowded(2);
    let full = stage.rebalance(&json!({"max_total": 2}));
    assert!(full.failed().contains("max_total leaves no room"), "{}", full.failed());
    let only = json!({"zones": ["eu-west-1b", "eu-west-1c"], "max_total": 3, "max_surge": 9});
    stage.rebalance(&only).well();
    let zones: Vec<String> = stage.zones().into_keys().collect();
    assert_eq!(zones, ["eu-west-1b", "eu-west-1c"]);
    // A launch after an unfinished rebalance: nothing of it is taken away again.
    stage.call(&json!({"count": 2, "zones": ["eu-west-1b"]})).well();
    let stuck = stage.rebalance(&json!({"gate_command": ["/bin/false"], "gate_timeout": 1}));
    assert!(stuck.failed().contains("stays shut"));
    assert_eq!(stage.machines().len(), 5);
    stage.call(&json!({"exact_count": 6})).well();
    stage.rebalance(&json!({})).well();
    assert_eq!(stage.spread(), [2, 2, 2]);
    let nobody = Stage::new().rebalance(&json!({})).well();
    assert_eq!((&nobody["changed"], &nobody["instances"]), (&json!(false), &json!([])));
}

#[test]
fn bad_input_is_refused_before_anything_is_launched() {
    let stage = Stage::crowded(2);
    let before = stage.launches();
    for (arguments, words) in [
        (json!({"max_surge": 0}), "max_surge"),
        (json!({"gate_command": []}), "gate_command is empty"),
        (json!({"gate": {"gates": []}}), "gates is empty"),
        (json!({"gate": {"gates": [{"name": "x", "kind": "tcp"}]}}), "host"),
        (json!({"gate": {"gate": []}}), "gate"),
        (json!({"count": 3}), "Unsupported parameters"),
        (json!({"zones": ["eu-west-1z"]}), "no availability zone eu-west-1z"),
        (json!({"name": "a*b"}), "the name \"a*b\" is not"),
    ] {
        let called = stage.rebalance(&arguments);
        assert!(called.failed().contains(words), "{arguments}: {}", called.failed());
    }
    assert_eq!((stage.launches(), stage.spread()), (before, vec![2]));
}

#[test]
fn what_was_asked_for_before_an_error_is_told_of_a_rebalance_too() {
    let stage = Stage::crowded(3);
    stage.market.fault(Fault { times: 1, effect: Effect::LoseAnswer, ..Fault::refuse("") });
    let (action, code) = ("DescribeInstances", "UnauthorizedOperation");
    stage.market.snag(Snag { action, with: "", code, times: 9, waits: true });
    let called = stage.rebalance(&json!({}));
    assert!(called.failed().contains("not allowed"), "{}", called.failed());
    let unknown = called.answer["unknown"].as_array().unwrap().len();
    assert_eq!((&called.answer["changed"], unknown), (&json!(true), 1), "{}", called.answer);
}

#[test]
fn a_machine_that_lost_its_tag_is_not_launched_once_more_by_a_rebalance() {
    let stage = Stage::crowded(3);
    let bare = stage.machines().into_keys().next().unwrap();
    stage.ec2("DeleteTags", &[("ResourceId.1", &bare), ("Tag.1.Key", "spotinst-esg:fleet")]);
    let called = stage.rebalance(&json!({}));
    assert!(called.failed().contains("have lost their tags"), "{}", called.failed());
    assert_eq!((called.answer["changed"].clone(), stage.launches()), (json!(false), 3));
    // Also when it happens in the middle.
    let stage = Stage::crowded(3);
    let bare = stage.machines().into_keys().next().unwrap();
    stage.market.meanwhile(move |action, launches| {
        if action == "DescribeInstances" && launches == 4 {
            let fields = [
                ("Action", "DeleteTags"),
                ("ResourceId.1", &bare),
                ("Tag.1.Key", "spotinst-esg:fleet"),
            ];
            let fields = fields.map(|(key, value)| (key.to_owned(), value.to_owned()));
            moto::shared().ec2("eu-west-1", &fields);
        }
    });
    let called = stage.rebalance(&json!({}));
    assert!(called.failed().contains("have lost their tags"), "{}", called.failed());
}

/// What is moved in between is not missing to an unfinished count.
#[test]
fn an_unfinished_count_is_gone_on_with_after_a_rebalance() {
    let stage = Stage::new();
    let quota = Effect::Refuse("MaxSpotInstanceCountExceeded");
    stage.market.fault(Fault { zone: Some("eu-west-1c"), effect: quota, ..Fault::refuse("") });
    stage.market.price("c6i.large", "eu-west-1c", Some("0.0390"));
    stage.call(&json!({"count": 3})).failed();
    assert_eq!(stage.spread(), [1, 1]);
    stage.market.mend();
    let moved = stage.rebalance(&json!({"zones": ["eu-west-1a", "eu-west-1c"]})).well();
    assert_eq!(list(&moved, "launched").len(), 1, "{moved}");
    let done = stage.call(&json!({"count": 3})).well();
    assert_eq!((stage.machines().len(), stage.launches()), (3, 5), "one was refused: {done}");
}

/// EC2 takes machines back in the middle, and has none: what is missing to the count is told, and filled up by a later run.
#[test]
fn machines_that_are_taken_back_meanwhile_are_missing_to_the_count_of_the_beginning() {
    let stage = Stage::crowded(3);
    stage.rebalance(&json!({"gate_command": ["/bin/false"], "gate_timeout": 1})).failed();
    let taken: Vec<String> = stage.machines().into_keys().take(3).collect();
    moto::shared().terminate_instances("eu-west-1", &taken);
    stage.market.fault(Fault::refuse("InsufficientInstanceCapacity"));
    let called = stage.rebalance(&json!({}));
    assert!(called.failed().contains("2 are missing"), "{}", called.failed());
    assert_eq!((&called.answer["terminated"], stage.machines().len()), (&json!([]), 1));
    stage.market.mend();
    let done = stage.rebalance(&json!({})).well();
    assert_eq!((&done["count"], stage.spread()), (&json!(3), vec![1, 1, 1]), "{done}");
}
