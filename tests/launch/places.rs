//! Launching by a launch template and in named subnets.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::grounds::{subnets, template};
use super::support::market::{Effect, Fault, Snag};
use super::support::moto;
use super::{Stage, attempts, policy};

#[test]
fn a_launch_template_is_taken_by_name_or_id_in_the_version_that_is_meant() {
    let stage = Stage::new();
    let name = format!("template-{}", stage.name);
    let id = template(&name);
    for (given, version) in [
        (json!({"name": name}), "1"),
        (json!({"name": name, "version": "$Latest"}), "2"),
        (json!({"id": id, "version": "1"}), "1"),
    ] {
        let done = stage.call(&json!({"count": 1, "image_id": null, "launch_template": given}));
        assert_eq!(done.well()["unfulfilled"], 0, "{given}");
        let sent = stage.market.bodies("RunInstances").pop().unwrap();
        assert_eq!(sent["LaunchTemplate.LaunchTemplateId"], id, "{given}");
        assert_eq!(sent["LaunchTemplate.Version"], version, "{given}: all are of one version");
        assert!(
            !sent.contains_key("ImageId")
                && !sent.contains_key("LaunchTemplate.LaunchTemplateName")
        );
    }
    assert_eq!(stage.machines().len(), 3);
    let none = json!({"count": 1, "launch_template": {"name": name, "version": "9"}});
    let called = stage.call(&none);
    assert!(called.failed().contains("with version 9"), "{}", called.failed());
}

#[test]
fn named_subnets_decide_the_zones_and_those_of_a_zone_take_turns() {
    let stage = Stage::new();
    let all = subnets(&["eu-west-1a", "eu-west-1a", "eu-west-1b"]);
    stage.call(&json!({"count": 4, "subnets": all})).well();
    let zones: Vec<(String, usize)> = stage.zones().into_iter().collect();
    assert_eq!(zones, [("eu-west-1a".to_owned(), 2), ("eu-west-1b".to_owned(), 2)]);
    let mut used: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for sent in stage.market.bodies("RunInstances") {
        let is_real = sent.get("DryRun").is_none_or(|it| it != "true");
        if is_real {
            let zone = sent["Placement.AvailabilityZone"].clone();
            used.entry(zone).or_default().insert(sent["SubnetId"].clone());
        }
    }
    assert_eq!(used["eu-west-1a"], BTreeSet::from([all[0].clone(), all[1].clone()]));
    assert_eq!(used["eu-west-1b"], BTreeSet::from([all[2].clone()]));
    let other = subnets(&["eu-west-1c"]);
    let both = json!({"count": 1, "subnets": [all[0], other[0]]});
    let called = stage.call(&both);
    let said = called.failed();
    assert!(said.contains(" is in vpc-") && said.contains(" and not in vpc-"), "{said}");
    let nowhere = json!({"count": 1, "subnets": [all[0]], "zones": ["eu-west-1c"]});
    let called = stage.call(&nowhere);
    assert!(called.failed().contains("none of the subnets is in zone eu-west-1c"));
    assert_eq!(stage.machines().len(), 4);
}

#[test]
fn a_vpc_without_subnets_is_refused_since_it_would_say_nothing() {
    let stage = Stage::new();
    let called = stage.call(&json!({"count": 1, "vpc_id": "vpc-0a"}));
    assert!(called.failed().contains("name subnets, too"), "{}", called.failed());
    assert_eq!(stage.launches(), 0);
}

#[test]
fn the_ceiling_holds_for_what_a_lost_answer_launched_and_is_listed_late() {
    let stage = Stage::new();
    let hidden = |with: &'static str, times: usize| {
        let (action, code) = ("DescribeInstances", Snag::NONE);
        stage.market.snag(Snag { action, with, code, times, waits: false });
    };
    hidden("tag:spotinst-esg:launch", usize::MAX);
    stage.market.fault(Fault { times: 3, effect: Effect::LoseAnswer, ..Fault::refuse("") });
    let called = stage.call(&json!({"count": 2}));
    assert_eq!(called.answer["unknown"].as_array().unwrap().len(), 1, "{}", called.failed());
    stage.market.mend();
    let launches = stage.launches();
    hidden("tag:spotinst-esg:fleet", 1);
    let called = stage.call(&json!({"count": 1, "max_total": 1}));
    assert!(called.failed().contains("max_total is 1"), "{}", called.failed());
    assert_eq!((stage.launches(), stage.machines().len()), (launches, 1));
}

/// EC2 may refuse before it looks at the token: that is no answer to what was sent before.
#[test]
fn a_refusal_of_what_is_sent_again_does_not_make_the_lost_answer_a_refusal() {
    for code in [
        "RequestLimitExceeded",
        "AuthFailure",
        "ExpiredToken",
        "IdempotentParameterMismatch",
        "NeverHeardOf",
    ] {
        let stage = Stage::new();
        let (action, with) = ("DescribeInstances", "tag:spotinst-esg:launch");
        let times = usize::MAX;
        stage.market.snag(Snag { action, with, code: Snag::NONE, times, waits: false });
        stage.market.fault(Fault { times: 1, effect: Effect::LoseAnswer, ..Fault::refuse("") });
        stage.market.fault(Fault { times: 2, ..Fault::refuse(code) });
        let called = stage.call(&json!({"count": 1}));
        assert_eq!(called.answer["unknown"].as_array().unwrap().len(), 1, "{}", called.failed());
        assert_eq!(called.answer["unfulfilled"], 1, "{code}");
        // It is listed at last, and the same again finds it.
        stage.market.mend();
        let done = stage.call(&json!({"count": 1})).well();
        assert_eq!(done["launched"].as_array().map(Vec::len), Some(1), "{code}: {done}");
        assert_eq!(stage.machines().len(), 1, "{code}: {done}");
    }
}

/// A capacity that is lacking when it is sent again: the first one launched nothing, as far as anyone sees.
#[test]
fn a_lost_request_that_lacks_capacity_when_it_is_sent_again_goes_down_the_ladder() {
    let stage = Stage::new();
    stage.market.fault(Fault { times: 1, effect: Effect::LoseRequest, ..Fault::refuse("") });
    stage.market.fault(Fault { times: 1, ..Fault::refuse("UnfulfillableCapacity") });
    let done = stage.call(&json!({"count": 1})).well();
    assert_eq!(done["attempts"][0]["class"], "capacity", "{done}");
    assert_eq!(stage.machines().len(), 1);
}

/// What an unfinished count had launched is taken back, and somebody else has launched meanwhile.
#[test]
fn the_ceiling_holds_for_what_is_missing_again_to_an_unfinished_count() {
    let stage = Stage::new();
    let quota = Effect::Refuse("MaxSpotInstanceCountExceeded");
    stage.market.fault(Fault { zone: Some("eu-west-1c"), effect: quota, ..Fault::refuse("") });
    stage.market.price("c6i.large", "eu-west-1c", Some("0.0390"));
    stage.call(&json!({"count": 3, "max_total": 4})).failed();
    let taken: Vec<String> = stage.machines().into_keys().collect();
    assert_eq!(taken.len(), 2);
    moto::shared().terminate_instances("eu-west-1", &taken);
    let tags = [("spotinst-esg:fleet", stage.name.as_str())];
    let launch = moto::Launch { count: 2, is_spot: true, tags: &tags };
    moto::shared().run_instances("eu-west-1", &launch);
    stage.market.mend();
    let launches = stage.launches();
    let called = stage.call(&json!({"count": 3, "max_total": 4}));
    let said = called.failed();
    assert!(said.contains("there are 2 machines, 3 of 3 are missing"), "{said}");
    assert_eq!((stage.launches(), stage.machines().len()), (launches, 2));
    stage.call(&json!({"count": 3, "max_total": 5})).well();
    assert_eq!(stage.machines().len(), 5);
}

/// A subnet without free addresses says nothing of the type: its sibling is asked, and nothing is remembered.
#[test]
fn a_subnet_without_addresses_gives_way_to_its_sibling_and_then_to_another_zone() {
    let stage = Stage::new();
    let all = subnets(&["eu-west-1a", "eu-west-1a", "eu-west-1b"]);
    let full = Effect::Refuse("InsufficientFreeAddressesInSubnet");
    let fault =
        |times: usize| Fault { zone: Some("eu-west-1a"), times, effect: full, ..Fault::refuse("") };
    stage.market.fault(fault(1));
    let one = json!({"count": 1, "subnets": all, "spread": "price"});
    let done = stage.call(&one).well();
    let expected =
        ["c6i.large eu-west-1a spot refused addresses", "c6i.large eu-west-1a spot launched -"];
    assert_eq!(attempts(&done), expected, "{done}");
    let subnet = |at: usize| done["attempts"][at]["subnet"].as_str().unwrap().to_owned();
    assert_ne!(subnet(0), subnet(1));
    stage.market.fault(fault(usize::MAX));
    let done = stage.call(&one).well();
    let expected = [
        "c6i.large eu-west-1a spot refused addresses",
        "c6i.large eu-west-1a spot refused addresses",
        "c6i.large eu-west-1b spot launched -",
    ];
    assert_eq!(attempts(&done), expected, "{done}");
    let only = json!({"count": 1, "subnets": all[..2]});
    let called = stage.call(&only);
    let said = called.failed();
    assert!(said.contains("no address is free in subnet-") && said.contains(&all[1]), "{said}");
    assert_eq!(attempts(&called.answer).len(), 2, "no other type is asked for there");
    stage.market.mend();
    let done = stage.call(&only).well();
    assert_eq!(
        attempts(&done)[2..],
        ["c6i.large eu-west-1a spot launched -"],
        "nothing is remembered"
    );
}

#[test]
fn a_zone_of_the_subnets_without_price_stops_a_launch_and_one_without_offer_is_named() {
    let stage = Stage::new();
    let all = subnets(&["eu-west-1a", "eu-west-1b", "eu-west-1c"]);
    for name in ["c6i.large", "m6i.large", "m6g.large", "t3.large", "r6i.large", "c6i.xlarge"] {
        stage.market.price(name, "eu-west-1b", None);
    }
    for name in ["c6i.large", "m6i.large", "r6i.large", "t3.large"] {
        stage.market.price(name, "eu-west-1c", None);
    }
    let wanted = json!({"count": 1, "subnets": all});
    for is_check in [true, false] {
        let mut wanted = wanted.clone();
        wanted["_ansible_check_mode"] = json!(is_check);
        let called = stage.call(&wanted);
        let said = called.failed();
        let words =
            format!("no type has a price in eu-west-1b, where {} is (spot prices of", all[1]);
        assert!(said.starts_with(&words) && said.contains(" s old)"), "{said}");
        assert!(said.contains("set allow_stale"), "{said}");
    }
    let of_policy = |zones: &[&str]| {
        let mut all = policy();
        all["zones"] = json!(zones);
        json!({"count": 1, "policy": all})
    };
    let called = stage.call(&of_policy(&["eu-west-1a", "eu-west-1b"]));
    assert!(called.failed().starts_with("no type has a price in eu-west-1b ("));
    assert_eq!((stage.launches(), stage.machines().len()), (0, 0));
    // Of what nobody wants no price has to be known.
    stage.call(&json!({"count": 1, "subnets": all, "zones": ["eu-west-1a"]})).well();
    let mut only = of_policy(&["eu-west-1a"]);
    only["subnets"] = json!(all);
    stage.call(&only).well();
    let mut allowed = wanted;
    allowed["allow_stale"] = json!(true);
    let done = stage.call(&allowed).well();
    let warnings = done["warnings"].to_string();
    assert!(
        warnings.contains(&format!("no type has a price in eu-west-1b, where {} is", all[1])),
        "{warnings}"
    );
    assert!(
        warnings.contains(&format!(
            "no offer that fits the policy is in eu-west-1c, where {} is",
            all[2]
        )),
        "{warnings}"
    );
}

/// Prices of a zone that nobody looks at any more stay in the store of those who look at others.
#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a test that starts other processes lives in their time"
)]
fn old_prices_stop_only_who_wants_their_zone() {
    let stage = Stage::new();
    let list = json!([{"instance_type": "c6i.large", "spot_price": 0.03}]);
    let now = jiff::Timestamp::now().to_string();
    let then = "2026-01-01T00:00:00Z";
    let store = json!({
        "region": "eu-west-1", "at": then, "ages": {"eu-west-1a": now, "eu-west-1b": now, "eu-west-1c": then},
        "zones": {"eu-west-1a": list, "eu-west-1b": list, "eu-west-1c": list},
    });
    let store = stage.desk.file("store.json", &store.to_string());
    let wanted = |more: Value| {
        let mut all = json!({"count": 1, "spot_prices": store, "on_demand_prices": "none"});
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all
    };
    let mut of_policy = policy();
    of_policy["zones"] = json!(["eu-west-1a", "eu-west-1b"]);
    for more in [
        json!({"policy": of_policy}),
        json!({"zones": ["eu-west-1b"]}),
        json!({"subnets": subnets(&["eu-west-1a"])}),
    ] {
        let done = stage.call(&wanted(more.clone())).well();
        assert!(!done["warnings"].to_string().contains("s old"), "{more}: {done}");
    }
    for more in
        [json!({}), json!({"zones": ["eu-west-1c"]}), json!({"subnets": subnets(&["eu-west-1c"])})]
    {
        let called = stage.call(&wanted(more.clone()));
        let said = called.failed();
        assert!(said.contains("store.json in eu-west-1c are "), "{more}: {said}");
        assert!(said.contains("leave these zones out, or set allow_stale"), "{said}");
    }
    assert_eq!(stage.zones().values().sum::<usize>(), 3);
}

/// A machine that goes is replaced where there are offers of its zones, and it is said where there are none.
#[test]
fn a_machine_is_replaced_in_a_named_zone_though_another_has_no_offer() {
    let stage = Stage::new();
    let mut wanted = policy();
    wanted["max_price"] = json!("1");
    stage.call(&json!({"count": 1, "policy": wanted, "zones": ["eu-west-1b"]})).well();
    let old = stage.machines().into_keys().next().unwrap();
    for name in super::TYPES {
        stage.market.price(name, "eu-west-1b", Some("9"));
    }
    let replace =
        |zones: &[&str]| stage.call(&json!({"replace": old, "policy": wanted, "zones": zones}));
    let said = replace(&["eu-west-1b", "eu-west-1z", "eu-west-1a"]);
    assert!(said.failed().contains("no availability zone eu-west-1z"), "{}", said.failed());
    let said = replace(&["eu-west-1b"]);
    assert!(said.failed().contains("no offer that fits the policy is in zone eu-west-1b"));
    let done = replace(&["eu-west-1b", "eu-west-1a"]).well();
    let warning = "no offer that fits the policy is in eu-west-1b: nothing is launched there";
    assert!(done["warnings"].to_string().contains(warning), "{done}");
    assert_eq!(stage.zones(), [("eu-west-1a".to_owned(), 1)].into(), "{done}");
}

/// What is kept of a zone without offers is that there are none: that is known, and no missing price.
#[test]
fn a_zone_that_is_kept_without_offers_stops_no_launch() {
    let stage = Stage::new();
    let all = subnets(&["eu-west-1a", "eu-west-1b", "eu-west-1c"]);
    let mut zones = json!({"eu-west-1a": [{"instance_type": "c6i.large", "spot_price": 0.03}], "eu-west-1b": []});
    for is_whole in [false, true] {
        if is_whole {
            zones["eu-west-1c"] = json!([]);
        }
        let kept = json!({"region": "eu-west-1", "at": "2026-01-01T00:00:00Z", "zones": zones});
        let kept = stage.desk.file("kept.json", &kept.to_string());
        let mut wanted = json!({"count": 1, "subnets": all, "spot_prices": kept});
        wanted["max_price_age"] = json!(u32::MAX);
        let called = stage.call(&wanted);
        if is_whole {
            let warnings = called.well()["warnings"].to_string();
            assert!(warnings.contains("no offer that fits the policy is in eu-west-1c"));
        } else {
            let said = called.failed();
            assert!(said.starts_with("no type has a price in eu-west-1c, where"), "{said}");
        }
    }
}

/// The best offers may be of another architecture: those of the image's are ranked, and not what is left of the best few.
#[test]
fn offers_are_ranked_by_the_architecture_of_the_image() {
    let stage = Stage::new();
    let policy = |more: &serde_json::Value| {
        let mut all = json!({"max_vcpus": 2, "current_generation": "any", "top_n_per_az": 1, "instance_types": ["m6g.large", "m6i.large"]});
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"count": 1, "policy": all})
    };
    let done = stage.call(&policy(&json!({}))).well();
    assert!(attempts(&done)[0].starts_with("m6i.large"), "{done}");
    let called = stage.call(&policy(&json!({"architectures": ["arm64"]})));
    let said = called.failed();
    assert!(said.contains("is for x86_64") && said.contains("set architectures"), "{said}");
    let called = stage.call(&policy(&json!({"instance_types": ["m6g.large"]})));
    let said = called.failed();
    assert!(
        said.contains("architectures alone excludes them all") && said.contains("is for x86_64"),
        "{said}"
    );
}
