//! `spot_launch` and `spot_instance_info` against moto behind a proxy that refuses launches and loses answers.

#![cfg(feature = "aws")]
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without, it panics on")]

#[path = "launch/ends.rs"]
mod ends;
#[path = "launch/fallen.rs"]
mod fallen;
#[path = "launch/grounds.rs"]
mod grounds;
#[path = "launch/kills.rs"]
mod kills;
#[path = "launch/locks.rs"]
mod locks;
#[path = "launch/partial.rs"]
mod partial;
#[path = "launch/places.rs"]
mod places;
#[path = "launch/profiles.rs"]
mod profiles;
#[path = "launch/rebalance.rs"]
mod rebalance;
#[path = "launch/rebalance_kills.rs"]
mod rebalance_kills;
#[path = "launch/replace.rs"]
mod replace;
#[path = "launch/replace_kills.rs"]
mod replace_kills;
mod support;
#[path = "launch/unknown.rs"]
mod unknown;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use support::cli::{Desk, Ran, files, ran};
use support::market::{Effect, Fault, Market, Snag};
use support::module::{Called, call_with};
use support::moto;

const IMAGE: &str = "ami-12c6146b";
/// moto takes a second for each hundred types that it describes.
const TYPES: [&str; 6] =
    ["c6i.large", "c6i.xlarge", "m6i.large", "m6g.large", "t3.large", "r6i.large"];

/// Two processors, of the image's architecture.
fn policy() -> Value {
    json!({
        "max_vcpus": 2, "architectures": ["x86_64"], "current_generation": "any", "instance_types": TYPES,
    })
}

/// A fleet that no other test has.
struct Stage {
    desk: Desk,
    market: Market,
    name: String,
}

impl Stage {
    fn new() -> Self {
        let name = format!("fleet-{}", fastrand::u32(..));
        Self { desk: Desk::with(""), market: Market::before(moto::shared()), name }
    }

    fn call(&self, more: &Value) -> Called {
        let mut arguments = json!({
            "name": self.name, "image_id": IMAGE, "settle_timeout": 1,
            "policy": policy(),
        });
        for (name, value) in more.as_object().unwrap() {
            arguments[name] = value.clone();
        }
        call_with(&self.desk, "spot_launch", &arguments, &self.market.environment())
    }

    /// The machines that carry the fleet's tag, asked of moto itself: id and zone.
    fn machines(&self) -> BTreeMap<String, String> {
        machines_of(&self.name)
    }

    /// A call of EC2 that somebody else makes.
    fn ec2(&self, action: &str, fields: &[(&str, &str)]) {
        let mut all = vec![("Action".to_owned(), action.to_owned())];
        all.extend(fields.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
        moto::shared().ec2("eu-west-1", &all);
    }

    fn zones(&self) -> BTreeMap<String, usize> {
        let mut zones = BTreeMap::new();
        for zone in self.machines().into_values() {
            *zones.entry(zone).or_default() += 1;
        }
        zones
    }

    fn launches(&self) -> usize {
        let launches = self.market.bodies("RunInstances");
        launches.iter().filter(|it| it.get("DryRun").is_none_or(|dry| dry != "true")).count()
    }
}

impl Ran {
    fn assert_refused_without_a_terminal(&self) {
        assert_eq!((self.code, self.stdout.as_str()), (8, ""), "{self:?}");
        assert!(self.stderr.contains("nothing was launched: there is no terminal"), "{self:?}");
    }
}

fn machines_of(fleet: &str) -> BTreeMap<String, String> {
    let fields = [
        ("Action", "DescribeInstances"),
        ("Filter.1.Name", "tag:spotinst-esg:fleet"),
        ("Filter.1.Value.1", fleet),
        ("Filter.2.Name", "instance-state-name"),
        ("Filter.2.Value.1", "pending"),
        ("Filter.2.Value.2", "running"),
    ];
    let fields = fields.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let reply = moto::shared().ec2("eu-west-1", &fields);
    let part = |text: &str, name: &str| {
        let (_, rest) = text.split_once(&format!("<{name}>")).unwrap();
        rest.split_once('<').unwrap().0.to_owned()
    };
    let each = reply.split("<instanceId>").skip(1);
    each.map(|it| (it.split('<').next().unwrap().to_owned(), part(it, "availabilityZone")))
        .collect()
}

fn at(machine_type: &'static str, zone: &'static str, effect: Effect) -> Fault {
    let some = Fault::refuse("");
    Fault { machine_type: Some(machine_type), zone: Some(zone), effect, ..some }
}

fn attempts(answer: &Value) -> Vec<String> {
    let text = |it: &Value, name: &str| it[name].as_str().unwrap_or("-").to_owned();
    let all = answer["attempts"].as_array().unwrap().iter();
    all.map(|it| {
        let parts = ["instance_type", "zone", "market", "outcome", "class"];
        parts.map(|name| text(it, name)).join(" ")
    })
    .collect()
}

#[test]
fn a_count_is_foreseen_launched_spread_and_tagged_with_no_maximum_price() {
    let stage = Stage::new();
    let tags = json!({"count": 3, "tags": {"Name": "worker"}});
    let mut check = tags.clone();
    check["_ansible_check_mode"] = json!(true);
    let foreseen = stage.call(&check).well();
    assert_eq!((&foreseen["changed"], stage.launches()), (&json!(true), 0), "{foreseen}");
    let rehearsals = stage.market.bodies("RunInstances");
    assert_eq!(rehearsals[0]["DryRun"], "true", "check mode asks EC2 whether it would");
    assert!(stage.machines().is_empty());

    let done = stage.call(&tags).well();
    assert_eq!(done["launched"].as_array().unwrap().len(), 3, "{done}");
    assert_eq!(stage.zones().into_values().collect::<Vec<_>>(), [1, 1, 1]);
    assert_eq!((&done["unfulfilled"], done["attempts"].as_array().unwrap().len()), (&json!(0), 3));
    assert_eq!(done["hourly_cost"], "0.0990", "0.0340 + 0.0350 + 0.0300: {done}");
    assert_eq!(done["saving_percent"], 61.17);
    assert!(done["attempts"][0]["request_id"].is_string(), "{done}");
    let sent = stage.market.bodies("RunInstances").pop().unwrap();
    assert!(!sent.keys().any(|key| key.contains("MaxPrice")), "{sent:?}");
    assert_eq!(sent["InstanceMarketOptions.MarketType"], "spot");
    let tagged: Vec<_> = sent.values().collect();
    for tag in ["Name", "spotinst-esg:fleet", "spotinst-esg:run", "spotinst-esg:launch"] {
        assert!(tagged.iter().any(|it| *it == tag), "{tag}: {sent:?}");
    }
    // More are more.
    stage.call(&json!({"count": 1, "spot_max_price": "0.05"})).well();
    assert_eq!(stage.machines().len(), 4);
    let sent = stage.market.bodies("RunInstances").pop().unwrap();
    assert_eq!(sent["InstanceMarketOptions.SpotOptions.MaxPrice"], "0.0500");
}

#[test]
fn an_exact_count_goes_up_and_down_and_the_second_time_changes_nothing() {
    let stage = Stage::new();
    let exact = |count: u32| json!({"exact_count": count});
    assert_eq!(stage.call(&exact(3)).well()["changed"], true);
    let again = stage.call(&exact(3)).well();
    assert_eq!((&again["changed"], stage.launches()), (&json!(false), 3), "{again}");
    let mut check = exact(1);
    check["_ansible_check_mode"] = json!(true);
    let foreseen = stage.call(&check).well();
    assert_eq!((&foreseen["changed"], stage.machines().len()), (&json!(true), 3));
    let down = stage.call(&exact(1)).well();
    assert_eq!((down["terminated"].as_array().unwrap().len(), stage.machines().len()), (2, 1));
    assert_eq!(foreseen["terminated"], down["terminated"]);
    assert_eq!(stage.call(&exact(1)).well()["changed"], false);
    let none = stage.call(&json!({"state": "absent"})).well();
    assert_eq!((&none["changed"], stage.machines().len()), (&json!(true), 0));
    assert_eq!(stage.call(&json!({"state": "absent"})).well()["changed"], false);
}

#[test]
fn without_capacity_the_ladder_is_climbed_and_the_shortage_is_remembered() {
    let stage = Stage::new();
    let gone = Effect::Refuse("InsufficientInstanceCapacity");
    stage.market.fault(at("c6i.large", "eu-west-1a", gone));
    let done = stage.call(&json!({"count": 1, "zones": ["eu-west-1a"]})).well();
    let expected =
        ["c6i.large eu-west-1a spot refused capacity", "m6i.large eu-west-1a spot launched -"];
    assert_eq!(attempts(&done), expected, "{done}");
    assert_eq!(done["attempts"][0]["reason"], "InsufficientInstanceCapacity: No.");
    assert_eq!(done["attempts"][0]["request_id"], "req-1");
    let again = stage.call(&json!({"count": 1, "zones": ["eu-west-1a"]})).well();
    assert_eq!(attempts(&again), ["m6i.large eu-west-1a spot launched -"], "it is remembered");
    let asked =
        stage.call(&json!({"count": 1, "zones": ["eu-west-1a"], "capacity_memory": 0})).well();
    assert_eq!(attempts(&asked).len(), 2, "unless it is to be forgotten: {asked}");
    assert_eq!(stage.machines().len(), 3);
}

#[test]
fn a_quota_ends_spot_and_on_demand_helps_if_it_may() {
    let stage = Stage::new();
    let fault = Fault { is_spot: Some(true), ..Fault::refuse("MaxSpotInstanceCountExceeded") };
    stage.market.fault(fault);
    let called = stage.call(&json!({"count": 2}));
    assert!(
        called.failed().contains(
            "2 are missing: every offer was tried, and the account's spot quota is used up"
        )
    );
    assert_eq!(attempts(&called.answer).len(), 1, "spot ends with the first: {}", called.answer);
    let done = stage.call(&json!({"count": 2, "on_demand": true})).well();
    let market: Vec<_> = attempts(&done).into_iter().filter(|it| it.contains("launched")).collect();
    assert!(market.len() == 2 && market.iter().all(|it| it.contains("on-demand")), "{done}");
    assert_eq!((stage.machines().len(), &done["saving_percent"]), (2, &json!(0.0)));
}

/// Every listed error alone, everywhere and for ever: the account is exact, and nothing is left behind.
#[test]
fn whatever_is_refused_is_told_exactly_and_no_orphan_stays() {
    for (code, class, most) in [
        ("InsufficientInstanceCapacity", "capacity", 9),
        ("MaxSpotInstanceCountExceeded", "quota", 1),
        ("SpotMaxPriceTooLow", "price_too_low", 9),
        ("Unsupported", "unsupported", 3),
        ("UnauthorizedOperation", "auth", 1),
        ("InvalidParameterValue", "parameter", 1),
        ("NeverSeenBefore", "unknown", 1),
    ] {
        let stage = Stage::new();
        stage.call(&json!({"count": 1})).well();
        stage.market.fault(Fault::refuse(code));
        let called = stage.call(&json!({"count": 2}));
        let said = called.failed();
        if ["auth", "parameter", "unknown"].contains(&class) {
            assert!(
                said.contains(&format!("({class}): {code}"))
                    && said.contains("nothing was launched"),
                "{said}"
            );
            assert_eq!(stage.launches(), 1, "the rehearsal ends it: {code}");
        } else {
            assert_eq!(called.answer["unfulfilled"], 2, "{code}: {}", called.answer);
            let all = attempts(&called.answer);
            assert!(
                all.len() <= most && all.iter().all(|it| it.ends_with(class)),
                "{code}: {all:?}"
            );
        }
        assert_eq!(stage.machines().len(), 1, "{code}");
        stage.market.mend();
        stage.call(&json!({"count": 2, "capacity_memory": 0})).well();
        assert_eq!(stage.machines().len(), 3, "{code}: running again goes on");
    }
}

#[test]
fn partial_results_are_kept_or_cleaned_up_as_asked() {
    let quota = Effect::Refuse("MaxSpotInstanceCountExceeded");
    for (on_partial, left) in [("keep", 2), ("terminate", 0)] {
        let stage = Stage::new();
        stage.market.fault(Fault { zone: Some("eu-west-1c"), effect: quota, ..Fault::refuse("") });
        stage.market.price("c6i.large", "eu-west-1c", Some("0.0390"));
        let called = stage.call(&json!({"count": 3, "on_partial": on_partial}));
        assert_eq!(stage.machines().len(), left, "{}", called.answer);
        assert_eq!(called.answer["changed"], true);
        let (launched, gone) = (&called.answer["launched"], &called.answer["terminated"]);
        let sizes = (launched.as_array().unwrap().len(), gone.as_array().unwrap().len());
        assert_eq!(sizes, (left, 2 - left), "{}", called.answer);
        stage.market.mend();
        let done = stage.call(&json!({"count": 3})).well();
        assert_eq!(stage.machines().len(), 3, "{done}");
        assert_eq!(done["unfulfilled"], 0);
    }
}

/// A launch that was to be cleaned up left its machines, and whatever comes next terminates them and says so.
#[test]
fn what_an_earlier_run_was_about_to_terminate_is_told_by_whoever_terminates_it() {
    for (next, launched, is_short) in [
        (json!({"state": "absent"}), 0, false),
        (json!({"exact_count": 0}), 0, false),
        (json!({"exact_count": 1}), 0, true),
        (json!({"exact_count": 2}), 2, false),
        (json!({"count": 3}), 3, false),
        (json!({"count": 1}), 1, false),
        (json!({"count": 1, "max_total": 2}), 0, true),
    ] {
        let stage = Stage::new();
        let quota = Effect::Refuse("MaxSpotInstanceCountExceeded");
        stage.market.fault(Fault { zone: Some("eu-west-1c"), effect: quota, ..Fault::refuse("") });
        stage.market.price("c6i.large", "eu-west-1c", Some("0.0390"));
        let (action, code) = ("TerminateInstances", "InternalError");
        stage.market.snag(Snag { action, with: "", code, times: 99, waits: false });
        let called = stage.call(&json!({"count": 3, "on_partial": "terminate"}));
        assert!(called.failed().contains("is not known"), "{}", called.failed());
        let old: Vec<String> = stage.machines().into_keys().collect();
        assert_eq!(old.len(), 2);
        stage.market.mend();
        let mut next = next;
        if next["max_total"].is_number() {
            // What is refused after them hides nothing of them either.
            let fleet = stage.name.clone();
            stage.market.meanwhile(move |action, _| {
                if action == "TerminateInstances" {
                    let tags = [("spotinst-esg:fleet", fleet.as_str())];
                    let launch = moto::Launch { count: 3, is_spot: true, tags: &tags };
                    moto::shared().run_instances("eu-west-1", &launch);
                }
            });
            next["max_total"] = json!(3);
        }
        let called = stage.call(&next);
        let answer = &called.answer;
        assert_eq!(answer["failed"].as_bool().unwrap_or_default(), is_short, "{next}: {answer}");
        let mut gone: Vec<String> =
            serde_json::from_value(answer["terminated"].clone()).unwrap_or_default();
        gone.sort();
        assert_eq!((&answer["changed"], &gone), (&json!(true), &old), "{next}: {answer}");
        let number = answer["launched"].as_array().map_or(0, Vec::len);
        assert_eq!(number, launched, "{next}: {answer}");
    }
}

#[test]
fn a_lost_answer_launches_nothing_twice() {
    for (effect, times) in
        [(Effect::LoseAnswer, 1), (Effect::LoseAnswer, 9), (Effect::LoseRequest, 2)]
    {
        let stage = Stage::new();
        stage.call(&json!({"count": 1})).well();
        stage.market.fault(Fault { times, effect, ..at("c6i.large", "eu-west-1b", effect) });
        let done =
            stage.call(&json!({"exact_count": 3, "zones": ["eu-west-1b", "eu-west-1c"]})).well();
        assert_eq!(stage.machines().len(), 3, "{effect:?}: {done}");
        assert_eq!(done["unfulfilled"], 0);
        let tokens: std::collections::BTreeSet<_> = stage
            .market
            .bodies("RunInstances")
            .into_iter()
            .map(|it| it["ClientToken"].clone())
            .collect();
        let real = tokens.iter().filter(|it| !it.ends_with("rehearsal")).count();
        assert_eq!(real, 3, "{effect:?}: each request keeps its token");
    }
}

#[test]
fn what_nobody_knows_is_told_as_unknown_and_found_out_by_running_again() {
    let stage = Stage::new();
    let fault = at("c6i.large", "eu-west-1b", Effect::LoseRequest);
    // The rehearsal comes first and must have an answer.
    stage.market.price("c6i.large", "eu-west-1b", Some("0.0310"));
    stage.market.fault(Fault { times: 9, ..fault });
    let called = stage.call(&json!({"count": 2}));
    assert!(called.failed().contains("it is not known whether request"), "{}", called.answer);
    assert_eq!(called.answer["unknown"].as_array().unwrap().len(), 1);
    assert_eq!((&called.answer["unfulfilled"], stage.machines().len()), (&json!(1), 1));
    stage.market.mend();
    let done = stage.call(&json!({"count": 2})).well();
    assert_eq!((stage.machines().len(), &done["unknown"]), (2, &json!([])));
}

/// A machine that does not run yet, or of which EC2 does not say whether it does: the same task again waits for it.
#[test]
fn what_is_not_seen_to_run_is_waited_for_again_and_not_launched_again() {
    for is_silent in [false, true] {
        let stage = Stage::new();
        if is_silent {
            stage.market.snag(Snag {
                action: "DescribeInstances",
                with: "tag:spotinst-esg:fleet",
                code: "UnauthorizedOperation",
                times: usize::MAX,
                waits: true,
            });
        } else {
            stage.market.show("pending");
        }
        let called = stage.call(&json!({"count": 2, "wait_timeout": 1}));
        let words = if is_silent { "run is not known: " } else { "do not run in time" };
        assert!(called.failed().contains(words), "{}", called.failed());
        assert_eq!(called.answer["not_running"].as_array().unwrap().len(), 2);
        let warnings = called.answer["warnings"].to_string();
        assert_eq!(warnings.contains("what was done is told"), is_silent, "{warnings}");
        for _ in 0..2 {
            stage.call(&json!({"count": 2, "wait_timeout": 1})).failed();
            assert_eq!(stage.launches(), 2, "silent: {is_silent}");
        }
        stage.market.mend();
        let done = stage.call(&json!({"count": 2})).well();
        assert_eq!((stage.launches(), &done["not_running"]), (2, &json!([])), "{done}");
        stage.call(&json!({"count": 2})).well();
        assert_eq!(stage.machines().len(), 4, "the run is over, and more are more");
    }
}

#[test]
fn a_look_that_fails_does_not_end_a_wait() {
    let stage = Stage::new();
    let (action, with) = ("DescribeInstances", "tag:spotinst-esg:fleet");
    let code = "UnauthorizedOperation";
    stage.market.snag(Snag { action, with, code, times: 2, waits: true });
    let done = stage.call(&json!({"count": 2})).well();
    assert_eq!((&done["not_running"], stage.launches()), (&json!([]), 2), "{done}");
}

#[test]
fn throttling_is_waited_out() {
    let stage = Stage::new();
    stage.call(&json!({"count": 1, "zones": ["eu-west-1a"]})).well();
    let some = Fault::refuse("RequestLimitExceeded");
    stage.market.fault(Fault { times: 3, ..some });
    let done = stage.call(&json!({"count": 1, "zones": ["eu-west-1a"]})).well();
    let throttled = attempts(&done).iter().filter(|it| it.ends_with("throttled")).count();
    assert!((1..=3).contains(&throttled), "{done}");
    assert_eq!(stage.machines().len(), 2);
}

#[test]
fn a_machine_is_drained_before_it_goes_and_stays_if_it_cannot_be() {
    let stage = Stage::new();
    stage.call(&json!({"exact_count": 2})).well();
    let log = stage.desk.home.path().join("drained");
    let script = format!("#!/bin/sh\necho \"$1 $2\" >> {}\n", log.display());
    let script = stage.desk.file("drain", &script);
    let program = json!(["/bin/sh", script]);
    let called = stage.call(&json!({"exact_count": 1, "drain_command": ["/bin/false"]}));
    assert!(called.failed().contains("/bin/false ended with status 1"), "{}", called.failed());
    assert!(called.failed().ends_with("it was not terminated"));
    assert_eq!(stage.machines().len(), 2);
    let down = stage.call(&json!({"exact_count": 1, "drain_command": program})).well();
    let drained = std::fs::read_to_string(&log).unwrap();
    let gone = down["terminated"][0].as_str().unwrap();
    assert!(drained.starts_with(&format!("{gone} ")), "{drained}");
    assert_eq!(stage.machines().len(), 1);
}

/// EC2 takes back who was to stay while another is drained.
#[test]
fn who_is_drained_stays_if_by_then_nobody_is_too_many() {
    for (is_drained_taken, left) in [(false, 1), (true, 0)] {
        let stage = Stage::new();
        stage.call(&json!({"exact_count": 2})).well();
        let all: Vec<String> = stage.machines().into_keys().collect();
        let log = stage.desk.home.path().join("drained");
        let script = format!("#!/bin/sh\necho $1 >> {}\n", log.display());
        let program = json!(["/bin/sh", stage.desk.file("drain", &script)]);
        stage.market.meanwhile(move |action, _| {
            if action == "DescribeInstances" && log.exists() {
                let drained = std::fs::read_to_string(&log).unwrap();
                let mut taken = all.clone();
                taken.retain(|it| is_drained_taken || *it != drained.trim());
                moto::shared().terminate_instances("eu-west-1", &taken);
            }
        });
        let called = stage.call(&json!({"exact_count": 1, "drain_command": program}));
        assert_eq!(stage.machines().len(), left);
        assert_eq!(called.answer["terminated"], json!([]));
        stage.market.mend();
        if is_drained_taken {
            assert!(called.failed().contains("0 machines and is to have 1"), "{}", called.failed());
        } else {
            let done = called.well();
            assert!(done["warnings"].to_string().contains("was drained and stays"), "{done}");
        }
        assert_eq!(stage.call(&json!({"exact_count": 1})).well()["changed"], is_drained_taken);
    }
}

#[test]
fn bad_input_is_refused_before_anything_is_launched() {
    let stage = Stage::new();
    let old = json!({"region": "eu-west-1", "at": "2026-01-01T00:00:00Z", "zones": {
        "eu-west-1a": [{"instance_type": "c6i.large", "spot_price": 0.03}],
    }});
    let old = stage.desk.file("old.json", &old.to_string());
    for (arguments, words) in [
        (json!({}), "one of count and exact_count is missing"),
        (json!({"count": 1, "exact_count": 1}), "mutually exclusive"),
        (json!({"count": 0}), "count"),
        (json!({"count": 1, "name": "a*b"}), "the name \"a*b\" is not"),
        (json!({"count": 1, "tags": {"spotinst-esg:fleet": "x"}}), "reserved"),
        (json!({"count": 1, "zones": ["eu-west-1z"]}), "no availability zone eu-west-1z"),
        (json!({"count": 1, "subnets": ["subnet-none"]}), "no subnet subnet-none"),
        (json!({"count": 1, "image_id": "ami-none"}), "no image ami-none"),
        (json!({"count": 1, "launch_template": {"id": "lt-none"}}), "no launch template lt-none"),
        (json!({"count": 1, "launch_template": {}}), "needs id or name"),
        (
            json!({"count": 1, "policy": {"instance_types": ["x9.huge"]}}),
            "no instance type x9.huge",
        ),
        (
            json!({"count": 1, "policy": {"max_price": "0.001", "instance_types": ["c6i.*"]}}),
            "max_price alone excludes them all",
        ),
        (
            json!({"count": 1, "policy": {"architectures": ["arm64"], "instance_types": ["m6g.*"]}}),
            "is for x86_64, and the policy's architectures are arm64: set architectures",
        ),
        (json!({"count": 9, "max_total": 8}), "would have 9 machines, and max_total is 8"),
        (json!({"count": 1, "spot_max_price": "much"}), "spot_max_price is \"much\""),
        (json!({"count": 1, "spot_prices": old}), "s old, more than the 3600 s allowed"),
        (json!({"state": "absent", "count": 1}), "leave count and exact_count out"),
        (json!({"count": 1, "state_dir": "here"}), "folder"),
    ] {
        let called = stage.call(&arguments);
        assert!(called.failed().contains(words), "{arguments}: {}", called.failed());
    }
    assert_eq!((stage.launches(), stage.machines().len()), (0, 0));
    let stale =
        json!({"count": 1, "spot_prices": old, "allow_stale": true, "on_demand_prices": "none"});
    let done = stage.call(&stale).well();
    assert!(done["warnings"][0].as_str().unwrap().contains("s old"), "{done}");
    assert_eq!(stage.machines().len(), 1);
}

#[test]
fn user_data_is_in_no_answer_and_no_journal() {
    let stage = Stage::new();
    let secret = "canary-user-data-5fb1";
    let called = stage.call(&json!({"count": 1, "user_data": secret}));
    assert!(!called.answer.to_string().contains(secret) && !called.run.stderr.contains(secret));
    called.well();
    let written = files(&stage.desk.home.path().join(".local"));
    assert!(!written.is_empty());
    for file in written {
        assert!(!std::fs::read_to_string(&file).unwrap().contains(secret), "{}", file.display());
    }
}

#[test]
fn a_fleet_is_listed_with_zones_prices_and_savings() {
    let stage = Stage::new();
    let info = |arguments: Value| {
        call_with(&stage.desk, "spot_instance_info", &arguments, &stage.market.environment())
    };
    assert_eq!(info(json!({"name": stage.name})).well()["instances"], json!([]));
    stage.call(&json!({"count": 3})).well();
    let told = info(json!({"name": stage.name})).well();
    assert_eq!(told["instances"].as_array().unwrap().len(), 3, "{told}");
    assert_eq!((&told["hourly_cost"], &told["saving_percent"]), (&json!("0.0990"), &json!(61.17)));
    let zones = told["zones"][&stage.name].as_object().unwrap();
    assert_eq!(zones.len(), 3);
    let one = &told["instances"][0];
    assert_eq!((&one["fleet"], &one["lifecycle"]), (&json!(stage.name), &json!("spot")));
    let all = info(json!({"prices": false})).well();
    assert!(
        all["instances"].as_array().unwrap().len() >= 3 && all["hourly_cost"].is_null(),
        "{all}"
    );
    assert!(info(json!({"name": "*"})).failed().contains("the name \"*\""));
    // What is on its way out is listed where it is named, and nowhere counted.
    stage.market.show("shutting-down");
    let told = info(json!({"name": stage.name})).well();
    assert_eq!((&told["instances"], &told["zones"]), (&json!([]), &json!({})), "{told}");
    let ids: Vec<String> = stage.machines().into_keys().collect();
    let told = info(json!({"ids": ids})).well();
    assert_eq!(told["instances"].as_array().unwrap().len(), 3, "{told}");
    assert_eq!((&told["zones"], &told["hourly_cost"]), (&json!({}), &json!("0.0000")), "{told}");
}

#[test]
fn the_commands_foresee_launch_and_list() {
    let stage = Stage::new();
    let file = json!({
        "name": stage.name, "image_id": IMAGE, "count": 1, "policy": policy(), "scale_in_order": "newest",
    });
    let file = stage.desk.file("launch.yml", &file.to_string());
    let file = file.to_str().unwrap();
    let run = |arguments: &[&str]| {
        let mut command = stage.desk.command();
        ran(command.envs(stage.market.environment()).args(arguments).output().unwrap())
    };
    let check = run(&["launch", file, "--exact-count", "2", "--check"]);
    assert_eq!((check.code, stage.machines().len()), (0, 0), "{check:?}");
    assert!(check.stderr.contains("would launch 2 to have 2"), "{check:?}");
    run(&["launch", file]).assert_refused_without_a_terminal();
    assert!(stage.machines().is_empty());
    let done = run(&["launch", file, "--exact-count", "2", "--yes"]);
    assert_eq!((done.code, stage.machines().len()), (0, 2), "{done:?}");
    for words in ["c6i.large", "launched", "eu-west-1c", "running"] {
        assert!(done.stdout.contains(words), "{words}: {}", done.stdout);
    }
    // What was launched of a launch that falls short is in the report, and the status tells that not all was.
    stage
        .market
        .fault(Fault { zone: Some("eu-west-1c"), ..Fault::refuse("MaxSpotInstanceCountExceeded") });
    let short = run(&["launch", file, "--exact-count", "4", "--yes", "--output", "json"]);
    let report: Value = serde_json::from_str(&short.stdout).unwrap();
    assert_eq!((short.code, &report["failed"]), (7, &json!(true)), "{short:?}");
    assert!(report["unfulfilled"].as_u64().unwrap() > 0, "{report}");
    assert_eq!(
        report["launched"].as_array().unwrap().len() + 2,
        stage.machines().len(),
        "{report}"
    );
    let table = run(&["launch", file, "--exact-count", "4", "--yes"]);
    assert!(table.code != 0 && table.stdout.contains("MaxSpotInstanceCountExceeded"), "{table:?}");
    assert_eq!(table.stderr.matches("are missing").count(), 1, "said once: {table:?}");
    stage.market.mend();
    run(&["launch", file, "--exact-count", "2", "--yes"]);
    let listed = run(&["fleet", "list", &stage.name]);
    for words in [stage.name.as_str(), "eu-west-1c", "spot", "$/h"] {
        assert!(listed.stdout.contains(words), "{words}: {listed:?}");
    }
    let data = run(&["fleet", "list", &stage.name, "--output", "json"]).document();
    assert_eq!(
        (&data["schema_version"], data["instances"].as_array().unwrap().len()),
        (&json!(1), 2)
    );
    let same = run(&["launch", file, "--exact-count", "2", "--output", "json"]).document();
    assert_eq!(same["changed"], false);
}

/// Where nothing is to be changed there is nothing to consent to: what an interrupted launch has left is settled all the same.
#[test]
fn the_command_settles_an_interrupted_launch_without_a_question() {
    let stage = Stage::new();
    let file = json!({"name": stage.name, "image_id": IMAGE, "policy": policy(), "exact_count": 1});
    let file = stage.desk.file("launch.yml", &file.to_string());
    let run = |arguments: &[&str]| {
        let mut command = stage.desk.command();
        command.envs(stage.market.environment()).arg("launch").arg(&file).args(arguments);
        ran(command.output().unwrap())
    };
    stage.market.fault(Fault { effect: Effect::LoseAnswer, times: 1, ..Fault::refuse("") });
    stage.market.fault(Fault { times: 2, ..Fault::refuse("AuthFailure") });
    let (action, with) = ("DescribeInstances", "tag:spotinst-esg:launch");
    let times = usize::MAX;
    stage.market.snag(Snag { action, with, code: Snag::NONE, times, waits: false });
    let torn = run(&["--yes"]);
    assert_ne!(torn.code, 0, "{torn:?}");
    stage.market.mend();
    assert_eq!(stage.machines().len(), 1);
    let foreseen = run(&["--check"]);
    assert!(foreseen.stderr.contains("would find out"), "{foreseen:?}");
    let settled = run(&[]);
    assert_eq!(settled.code, 0, "{settled:?}");
    let after = run(&["--check"]);
    assert!(!after.stderr.contains("would find out"), "{after:?}");
}
