//! `spot_launch` with `replace`, against moto behind the proxy.

use serde_json::json;

use super::support::market::{Effect, Fault, Snag};
use super::support::module::call_with;
use super::support::moto;
use super::{Stage, at, machines_of};

const FLEET_TAG: &str = "spotinst-esg:fleet";

impl Stage {
    fn ids(&self) -> Vec<String> {
        self.machines().into_keys().collect()
    }
}

#[test]
fn another_is_launched_in_the_same_zone_and_a_warning_that_comes_twice_launches_one() {
    let stage = Stage::new();
    stage.call(&json!({"count": 2, "zones": ["eu-west-1b"]})).well();
    let old = stage.ids()[0].clone();
    let replace = json!({"replace": old, "drain_command": ["true"]});
    let mut check = replace.clone();
    check["_ansible_check_mode"] = json!(true);
    let foreseen = stage.call(&check).well();
    assert_eq!((&foreseen["changed"], &foreseen["terminated"]), (&json!(true), &json!([old])));
    assert_eq!(stage.ids().len(), 2);
    let done = stage.call(&replace).well();
    assert_eq!((&done["terminated"], stage.ids().len()), (&json!([old]), 2), "{done}");
    assert!(!stage.ids().contains(&old));
    assert_eq!(stage.zones()["eu-west-1b"], 2, "in the same zone, whatever is cheaper elsewhere");
    let sent = stage.market.bodies("RunInstances").pop().unwrap();
    assert!(sent.values().any(|it| *it == old), "its tag says what it stands in for: {sent:?}");
    let launches = stage.launches();
    let again = stage.call(&replace).well();
    assert_eq!((&again["changed"], stage.launches()), (&json!(false), launches), "{again}");
    for (arguments, words) in [
        (json!({"replace": "i-0123456789abcdef0"}), "no living machine of fleet"),
        (json!({"replace": stage.ids()[0], "count": 1}), "mutually exclusive"),
        (json!({"replace": stage.ids()[0], "state": "absent"}), "leave replace out"),
        (json!({"replace": stage.ids()[0], "max_total": 2}), "max_total is 2"),
    ] {
        let called = stage.call(&arguments);
        assert!(called.failed().contains(words), "{arguments}: {}", called.failed());
    }
    assert_eq!(stage.launches(), launches);
}

#[test]
fn without_capacity_in_its_zone_another_zone_helps_and_without_any_nothing_goes() {
    let stage = Stage::new();
    stage.call(&json!({"count": 1, "zones": ["eu-west-1a"]})).well();
    let old = stage.ids()[0].clone();
    stage.market.fault(Fault::refuse("InsufficientInstanceCapacity"));
    let called = stage.call(&json!({"replace": old, "capacity_memory": 0}));
    assert!(called.failed().ends_with(&format!("{old} was not terminated")), "{}", called.failed());
    assert_eq!(called.answer["attempts"].as_array().unwrap().len(), 9);
    assert_eq!(stage.ids(), std::slice::from_ref(&old));
    stage.market.mend();
    for machine_type in ["c6i.large", "m6i.large", "r6i.large"] {
        let gone = Effect::Refuse("InsufficientInstanceCapacity");
        stage.market.fault(at(machine_type, "eu-west-1a", gone));
    }
    stage.call(&json!({"replace": old, "capacity_memory": 0})).well();
    assert_eq!(stage.zones().into_keys().collect::<Vec<_>>(), ["eu-west-1c"]);
}

#[test]
fn a_lost_answer_and_a_drain_that_fails_launch_nothing_twice() {
    let stage = Stage::new();
    stage.call(&json!({"count": 1})).well();
    let old = stage.ids()[0].clone();
    stage.market.fault(Fault { times: 1, effect: Effect::LoseAnswer, ..Fault::refuse("") });
    let called = stage.call(&json!({"replace": old, "drain_command": ["/bin/false"]}));
    assert!(called.failed().ends_with("it was not terminated"), "{}", called.failed());
    assert_eq!((stage.ids().len(), &called.answer["changed"]), (2, &json!(true)));
    let done = stage.call(&json!({"replace": old})).well();
    assert_eq!((&done["terminated"], &done["launched"]), (&json!([old]), &json!([])));
    assert_eq!(stage.ids().len(), 1);
}

#[test]
fn nothing_goes_before_its_stand_in_runs_not_even_in_a_later_run() {
    let stage = Stage::new();
    stage.call(&json!({"count": 1})).well();
    let old = stage.ids()[0].clone();
    stage.market.show("pending");
    let replace = json!({"replace": old, "wait_timeout": 1});
    for words in ["do not run in time", "which stands in for"] {
        let called = stage.call(&replace);
        let said = called.failed();
        assert!(said.contains(words) && said.ends_with("was not terminated"), "{said}");
        assert_eq!((stage.ids().len(), stage.launches()), (2, 2));
    }
    stage.market.mend();
    let done = stage.call(&replace).well();
    assert_eq!((&done["terminated"], stage.ids().len()), (&json!([old]), 1), "{done}");
}

#[test]
fn for_a_machine_on_its_way_out_one_is_launched_and_nothing_is_drained() {
    let stage = Stage::new();
    stage.call(&json!({"count": 1})).well();
    let old = stage.ids()[0].clone();
    stage.market.show("shutting-down");
    let replace = json!({"replace": old, "wait": false, "drain_command": ["/bin/false"]});
    let done = stage.call(&replace).well();
    assert_eq!((&done["terminated"], stage.launches()), (&json!([]), 2), "{done}");
    assert_eq!(done["launched"].as_array().unwrap().len(), 1, "{done}");
    assert!(done["msg"].as_str().unwrap().contains("gone already"), "{done}");
}

#[test]
fn what_was_done_is_told_also_where_the_machines_cannot_be_listed_afterwards() {
    let refuse = |stage: &Stage, waits: bool| {
        stage.market.snag(Snag {
            action: "DescribeInstances",
            with: "tag:spotinst-esg:fleet",
            code: "UnauthorizedOperation",
            times: 9,
            waits,
        });
    };
    let stage = Stage::new();
    stage.call(&json!({"count": 1})).well();
    refuse(&stage, true);
    let done = stage.call(&json!({"count": 2, "wait": false})).well();
    let launched = done["launched"].as_array().unwrap();
    assert_eq!((&done["changed"], launched.len()), (&json!(true), 2), "{done}");
    assert!(done["warnings"].to_string().contains("what was done is told"), "{done}");
    assert_eq!(stage.ids().len(), 3);
}

/// EC2 may have carried out what it gave no answer to.
#[test]
fn without_an_answer_nobody_says_that_the_machine_was_not_terminated() {
    let stage = Stage::new();
    stage.call(&json!({"count": 1})).well();
    let old = stage.ids()[0].clone();
    let (action, code) = ("TerminateInstances", "InternalError");
    stage.market.snag(Snag { action, with: "", code, times: 99, waits: false });
    let replace = json!({"replace": old});
    for launches in [2, 2] {
        let called = stage.call(&replace);
        let said = called.failed();
        assert!(said.ends_with("was terminated is not known: run this again"), "{said}");
        assert_eq!((&called.answer["changed"], stage.launches()), (&json!(true), launches));
    }
    stage.market.mend();
    let done = stage.call(&replace).well();
    assert_eq!((&done["terminated"], stage.ids().len()), (&json!([old]), 1), "{done}");
}

/// EC2 takes back what stands in while the machine is drained: the machine stays, and the next run launches another.
#[test]
fn a_stand_in_that_is_taken_back_during_the_drain_costs_no_machine() {
    let stage = Stage::new();
    stage.call(&json!({"count": 1})).well();
    let old = stage.ids()[0].clone();
    let log = stage.desk.home.path().join("drained");
    let script = format!("#!/bin/sh\necho $1 >> {}\n", log.display());
    let program = json!(["/bin/sh", stage.desk.file("drain", &script)]);
    let (fleet, stays) = (stage.name.clone(), old.clone());
    stage.market.meanwhile(move |action, _| {
        if action == "DescribeInstances" && log.exists() {
            let mut taken: Vec<String> = machines_of(&fleet).into_keys().collect();
            taken.retain(|it| *it != stays);
            moto::shared().terminate_instances("eu-west-1", &taken);
        }
    });
    let replace = json!({"replace": old, "drain_command": program});
    let called = stage.call(&replace);
    let said = called.failed();
    assert!(said.contains("which was to stand in for"), "{said}");
    assert_eq!((&called.answer["changed"], stage.ids()), (&json!(true), vec![old.clone()]));
    stage.market.mend();
    let done = stage.call(&replace).well();
    assert_eq!((&done["terminated"], stage.ids().len()), (&json!([old]), 1), "{done}");
    assert_eq!(stage.launches(), 3);
    stage.ec2("TerminateInstances", &[("InstanceId.1", &stage.ids()[0])]);
    let again = stage.call(&replace).well();
    assert!(again["stand_in_gone"].is_string(), "{again}");
}

/// Somebody takes the fleet's tag away while another is launched.
#[test]
fn a_machine_that_loses_its_tag_meanwhile_is_not_told_to_be_gone() {
    let stage = Stage::new();
    stage.call(&json!({"count": 1})).well();
    let old = stage.ids()[0].clone();
    let bare = old.clone();
    stage.market.meanwhile(move |action, launches| {
        if action == "DescribeInstances" && launches == 2 {
            let fields =
                [("Action", "DeleteTags"), ("ResourceId.1", &bare), ("Tag.1.Key", FLEET_TAG)];
            let fields = fields.map(|(key, value)| (key.to_owned(), value.to_owned()));
            moto::shared().ec2("eu-west-1", &fields);
        }
    });
    let called = stage.call(&json!({"replace": old}));
    let said = called.failed();
    assert!(said.starts_with(&format!("{old} lives and has lost its tag")), "{said}");
    assert_eq!(called.answer["launched"].as_array().unwrap().len(), 1);
}

/// The answer of a launch is lost, and then EC2 does not say what became of it: the account has it.
#[test]
fn what_was_asked_for_before_an_error_is_told() {
    for more in [json!({"replace": ""}), json!({"count": 2}), json!({"exact_count": 2})] {
        let stage = Stage::new();
        stage.call(&json!({"count": 1})).well();
        stage.market.fault(Fault { times: 1, effect: Effect::LoseAnswer, ..Fault::refuse("") });
        let (action, code) = ("DescribeInstances", "UnauthorizedOperation");
        stage.market.snag(Snag { action, with: "", code, times: 9, waits: true });
        let mut arguments = more.clone();
        if more["replace"].is_string() {
            arguments["replace"] = json!(stage.ids()[0]);
        }
        let called = stage.call(&arguments);
        assert!(called.failed().contains("not allowed"), "{more}: {}", called.failed());
        let told = (&called.answer["changed"], called.answer["unknown"].as_array().unwrap().len());
        assert_eq!(told, (&json!(true), 1), "{more}: {}", called.answer);
        assert_eq!(called.answer["attempts"].as_array().unwrap().len(), 1, "{more}");
    }
}

/// The fleet's tag says what belongs to a fleet, and the run's says nothing of it.
#[test]
fn a_machine_without_the_runs_tag_is_of_the_fleet_all_the_same() {
    for more in [json!({"count": 3}), json!({"exact_count": 3})] {
        let stage = Stage::new();
        let quota = Effect::Refuse("MaxSpotInstanceCountExceeded");
        stage.market.fault(Fault { zone: Some("eu-west-1c"), effect: quota, ..Fault::refuse("") });
        stage.market.price("c6i.large", "eu-west-1c", Some("0.0390"));
        stage.call(&json!({"count": 3})).failed();
        stage.market.mend();
        let bare = stage.ids()[0].clone();
        stage.ec2("DeleteTags", &[("ResourceId.1", &bare), ("Tag.1.Key", "spotinst-esg:run")]);
        stage.call(&more).well();
        assert_eq!((stage.ids().len(), stage.launches()), (3, 4), "one was refused: {more}");
    }
}

/// What is done to a fleet in between changes nothing about what is missing to an unfinished count.
#[test]
fn an_unfinished_count_is_gone_on_with_after_a_replacement() {
    let stage = Stage::new();
    let quota = Effect::Refuse("MaxSpotInstanceCountExceeded");
    stage.market.fault(Fault { zone: Some("eu-west-1c"), effect: quota, ..Fault::refuse("") });
    stage.market.price("c6i.large", "eu-west-1c", Some("0.0390"));
    stage.call(&json!({"count": 3})).failed();
    assert_eq!(stage.ids().len(), 2);
    stage.market.mend();
    stage.call(&json!({"replace": stage.ids()[0]})).well();
    assert_eq!(stage.ids().len(), 2);
    let done = stage.call(&json!({"count": 3})).well();
    assert_eq!((stage.ids().len(), stage.launches()), (3, 5), "one was refused: {done}");
    stage.call(&json!({"count": 3})).well();
    assert_eq!(stage.ids().len(), 6, "the run is over, and more are more");
}

#[test]
fn whether_what_got_no_answer_was_terminated_is_not_known_to_any_task() {
    for count in [json!({"exact_count": 0}), json!({"state": "absent"})] {
        for (code, words, changed) in [
            ("InternalError", "was terminated is not known: run this again", true),
            ("UnauthorizedOperation", "was not terminated", false),
            // Such as of a machine that is protected.
            ("OperationNotPermitted", "was not terminated", false),
        ] {
            let stage = Stage::new();
            stage.call(&json!({"count": 1})).well();
            let action = "TerminateInstances";
            stage.market.snag(Snag { action, with: "", code, times: 99, waits: false });
            let called = stage.call(&count);
            assert!(called.failed().ends_with(words), "{count} {}", called.failed());
            assert_eq!(called.answer["changed"], changed, "{count} {code}");
            let called = stage.call(&json!({"replace": stage.ids()[0]}));
            assert!(called.failed().ends_with(words), "{}", called.failed());
        }
    }
}

/// Ended meanwhile: one is launched in its zone, nothing is drained, and once only.
#[test]
fn for_a_machine_that_is_terminated_meanwhile_one_is_launched_once() {
    let stage = Stage::new();
    stage.call(&json!({"count": 1, "zones": ["eu-west-1b"]})).well();
    let old = stage.ids()[0].clone();
    stage.ec2("TerminateInstances", &[("InstanceId.1", &old)]);
    let replace = json!({"replace": old, "drain_command": ["/bin/false"]});
    let done = stage.call(&replace).well();
    assert_eq!((&done["terminated"], stage.zones()["eu-west-1b"]), (&json!([]), 1), "{done}");
    let again = stage.call(&replace).well();
    assert_eq!((&again["changed"], stage.launches()), (&json!(false), 2), "{again}");
    // EC2 takes the tags away after a while: the journal knows the fleet.
    let new = stage.ids()[0].clone();
    for id in [&old, &new] {
        stage.ec2("DeleteTags", &[("ResourceId.1", id), ("Tag.1.Key", "spotinst-esg:fleet")]);
    }
    let called = stage.call(&json!({"replace": new}));
    assert!(called.failed().contains("has lost its tags, so that it is counted nowhere"));
    stage.ec2("TerminateInstances", &[("InstanceId.1", &new)]);
    let done = stage.call(&json!({"replace": new})).well();
    assert_eq!((done["launched"].as_array().unwrap().len(), stage.launches()), (1, 3), "{done}");
}

#[test]
fn a_machine_that_lost_its_tags_is_told_of_and_not_launched_once_more() {
    let stage = Stage::new();
    stage.call(&json!({"exact_count": 2})).well();
    let bare = stage.ids()[0].clone();
    stage.ec2("DeleteTags", &[("ResourceId.1", &bare), ("Tag.1.Key", "spotinst-esg:fleet")]);
    let called = stage.call(&json!({"exact_count": 2}));
    assert!(
        called.failed().contains(&format!("{bare} live, were launched for fleet")),
        "{}",
        called.failed()
    );
    let more = stage.call(&json!({"count": 1})).well();
    assert!(more["warnings"].to_string().contains("have lost their tags"), "{more}");
    let ended = stage.call(&json!({"state": "absent"})).well();
    assert!(ended["warnings"].to_string().contains(&bare), "{ended}");
    stage.ec2(
        "CreateTags",
        &[
            ("ResourceId.1", &bare),
            ("Tag.1.Key", "spotinst-esg:fleet"),
            ("Tag.1.Value", &stage.name),
        ],
    );
    assert_eq!(stage.call(&json!({"exact_count": 1})).well()["changed"], false);
}

/// Which cluster a machine is of, and what else lies among the journals.
#[test]
fn a_lost_tag_of_the_cluster_and_a_stray_file_hide_nothing() {
    let stage = Stage::new();
    stage.call(&json!({"count": 1})).well();
    let folder =
        stage.desk.home.path().join(".local/state/spotinst-esg/launches/123456789012/eu-west-1");
    std::fs::write(folder.join("notes.txt"), "mine").unwrap();
    let fleet = folder.join(&stage.name);
    let is_journal = |it: &std::path::PathBuf| it.extension().is_some_and(|it| it == "jsonl");
    let journals = std::fs::read_dir(&fleet).unwrap().flatten().map(|it| it.path());
    let journal = journals.into_iter().find(is_journal).unwrap();
    // As it was written when the machine was launched from a cluster's profile.
    let text = std::fs::read_to_string(&journal).unwrap();
    let text = text.replacen("\"wanted\"", "\"cluster\":\"prod\",\"wanted\"", 1);
    std::fs::write(&journal, text).unwrap();
    std::fs::create_dir(fleet.join("torn.jsonl")).unwrap();
    let asked = json!({"ids": stage.ids(), "prices": false});
    let environment = stage.market.environment();
    let told = call_with(&stage.desk, "spot_instance_info", &asked, &environment).well();
    assert_eq!(told["instances"][0]["cluster"], "prod", "{told}");
    assert!(told["warnings"].to_string().contains("torn.jsonl"), "{told}");
}

/// The journal cannot be read any more when its end is to be written: what was launched is told all the same.
#[test]
fn a_journal_that_cannot_be_ended_takes_no_report_with_it() {
    let stage = Stage::new();
    let folder = stage
        .desk
        .home
        .path()
        .join(".local/state/spotinst-esg/launches/123456789012/eu-west-1")
        .join(&stage.name);
    let look = folder.clone();
    stage.market.meanwhile(move |action, launches| {
        let all = std::fs::read_dir(&look).into_iter().flatten().flatten().map(|it| it.path());
        for journal in
            all.filter(|it| it.is_file() && it.extension().is_some_and(|it| it == "jsonl"))
        {
            if launches == 2 && action == "DescribeInstances" {
                std::fs::remove_file(&journal).unwrap();
                std::fs::create_dir(&journal).unwrap();
            }
        }
    });
    let done = stage.call(&json!({"count": 2})).well();
    assert_eq!((done["launched"].as_array().unwrap().len(), &done["changed"]), (2, &json!(true)));
    assert!(done["warnings"].to_string().contains("cannot read the journal"), "{done}");
    // Of what cannot be read nobody knows what it did.
    let called = stage.call(&json!({"count": 2}));
    assert!(called.failed().contains("cannot read the journal"), "{}", called.failed());
    assert_eq!(stage.ids().len(), 2);
}

/// Damage in the journal of a launch that is over hides nothing that matters; of one that is not, it does.
#[test]
fn a_damaged_journal_is_in_the_way_only_of_a_launch_that_is_not_over() {
    let stage = Stage::new();
    stage.call(&json!({"count": 1})).well();
    let folder = stage
        .desk
        .home
        .path()
        .join(".local/state/spotinst-esg/launches/123456789012/eu-west-1")
        .join(&stage.name);
    let journals = std::fs::read_dir(&folder).unwrap().flatten().map(|it| it.path());
    let journal =
        journals.into_iter().find(|it| it.extension().is_some_and(|it| it == "jsonl")).unwrap();
    let text = std::fs::read_to_string(&journal).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    lines[1] = "{\"at\": \u{0}";
    let damaged = |lines: &[&str]| std::fs::write(&journal, lines.join("\n") + "\n").unwrap();
    damaged(&lines);
    stage.call(&json!({"count": 1})).well();
    assert_eq!(stage.ids().len(), 2);
    lines.pop();
    damaged(&lines);
    let called = stage.call(&json!({"count": 1}));
    let said = called.failed();
    assert!(said.contains("line 2 is damaged") && said.contains("move the file away"), "{said}");
    assert_eq!(stage.ids().len(), 2);
}
