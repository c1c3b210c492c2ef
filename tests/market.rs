//! `spot_offer_info` and the command `offers`, against moto behind a proxy that supplies what moto lacks.

#![cfg(feature = "aws")]
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without, it panics on")]

mod support;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use support::cli::{Desk, Ran, ran};
use support::market::{Market, Snag};
use support::module::{Called, call_with};
use support::moto;

/// When the prices of a test are young.
#[expect(
    clippy::disallowed_methods,
    reason = "a test that starts other processes lives in their time"
)]
fn now() -> String {
    jiff::Timestamp::now().to_string()
}

const INFO: &str = "spot_offer_info";

fn asked(desk: &Desk, market: &Market, arguments: &Value) -> Called {
    call_with(desk, INFO, arguments, &market.environment())
}

fn desk() -> (Desk, Market) {
    (Desk::with(""), Market::before(moto::shared()))
}

/// Type, zone and price of each offer.
fn offers(answer: &Value) -> Vec<String> {
    let text = |offer: &Value, name: &str| offer[name].as_str().unwrap().to_owned();
    let all = answer["offers"].as_array().unwrap().iter();
    all.map(|it| {
        format!("{} {} {}", text(it, "instance_type"), text(it, "zone"), text(it, "price"))
    })
    .collect()
}

fn command(desk: &Desk, market: &Market, arguments: &[&str]) -> Ran {
    let mut command = desk.command();
    command.envs(market.environment()).arg("offers").args(arguments);
    ran(command.output().unwrap())
}

#[test]
fn every_figure_has_its_source_and_its_age_and_pages_are_read_to_the_end() {
    let (desk, market) = desk();
    market.pages_of(4);
    let answer = asked(&desk, &market, &json!({"policy": {"max_vcpus": 2}})).well();
    let expected = ["c6i.large eu-west-1c 0.0300", "m6g.large eu-west-1a 0.0310"];
    assert_eq!(offers(&answer)[..2], expected, "{answer}");
    assert_eq!((&answer["changed"], &answer["considered"]), (&json!(false), &json!(18)));
    let best = &answer["offers"][0];
    assert_eq!(best["price_micro_usd"], 30_000);
    assert_eq!(best["price_since"], "2026-01-02T00:00:00Z");
    assert_eq!(best["price_source"]["source"], "EC2 DescribeSpotPriceHistory");
    assert_eq!(best["on_demand_price"], "0.0850");
    assert_eq!(best["on_demand_source"]["source"], "AWS Pricing GetProducts");
    assert!(best["price_source"]["age_seconds"].as_i64().unwrap() < 300, "{best}");
    assert_eq!(best["saving_percent"], 64.7);
    assert_eq!((&best["interruption"], &best["placement_score"]), (&Value::Null, &Value::Null));
    let calls = market.calls();
    assert_eq!(calls["DescribeSpotPriceHistory"], 5, "18 prices, 4 a page: {calls:?}");
    assert_eq!(calls["AWSPriceListService.GetProducts"], 2, "6 prices, 4 a page: {calls:?}");
}

#[test]
fn rates_and_scores_weigh_and_a_stateful_profile_weighs_them_more() {
    let (desk, market) = desk();
    let rating = |r: u32| json!({"s": 70, "r": r});
    let feed = json!({"spot_advisor": {"eu-west-1": {"Linux": {
        "c6i.large": rating(4), "m6i.large": rating(0), "m6g.large": rating(2), "r6i.large": rating(9),
    }}}});
    let feed = desk.file("advisor.json", &feed.to_string());
    for (zone, score) in [("eu-west-1a", 3), ("eu-west-1b", 9), ("eu-west-1c", 1)] {
        market.score(zone, score);
    }
    let arguments = |profile: &str| {
        json!({
            "policy": {
            "max_vcpus": 2, "architectures": ["x86_64"], "profile": profile, "current_generation": "any",
        },
            "interruption_feed": feed, "placement_target": 3,
        })
    };
    let stateless = asked(&desk, &market, &arguments("stateless")).well();
    let stateful = asked(&desk, &market, &arguments("stateful")).well();
    assert_eq!(offers(&stateless)[0], "c6i.large eu-west-1c 0.0300", "{stateless}");
    assert_eq!(offers(&stateful)[0], "m6i.large eu-west-1b 0.0380", "{stateful}");
    assert_eq!(stateful["offers"][0]["placement_score"], 9);
    let scored = market.bodies("GetSpotPlacementScores").pop().unwrap();
    let scored = scored.into_iter().filter(|(key, _)| key.starts_with("InstanceType."));
    let mut scored: Vec<String> = scored.map(|(_, name)| name).collect();
    scored.sort();
    assert_eq!(scored, ["c6i.large", "m6i.large", "r6i.large"], "only what fits the policy");
    assert_eq!(stateful["offers"][0]["interruption"], "<5%");
    assert_eq!(stateful["offers"][0]["interruption_source"]["source"], json!(feed));
    let place = |answer: &Value| {
        let all = answer["offers"].as_array().unwrap();
        all.iter().position(|it| it["instance_type"] == "c6i.large").unwrap()
    };
    assert!(place(&stateful) > place(&stateless), "{stateful}");
    // A rate that the feed may have tomorrow is not known.
    let odd =
        stateful["offers"].as_array().unwrap().iter().find(|it| it["instance_type"] == "r6i.large");
    assert_eq!(odd.unwrap()["interruption"], Value::Null);
    let strict = json!({
        "policy": {"max_interruption": "10-15%", "max_vcpus": 2, "current_generation": "any"}, "interruption_feed": feed,
    });
    let strict = asked(&desk, &market, &strict).well();
    let left = offers(&strict);
    assert!(left.iter().all(|it| it.starts_with("m6i") || it.starts_with("m6g")), "{left:?}");
    assert_eq!(left.len(), 6);
    let missing = json!({"interruption_feed": "/none/advisor.json"});
    let called = asked(&desk, &market, &missing);
    assert!(called.failed().contains("interruption feed /none/advisor.json: No such file"));
}

#[test]
fn what_was_saved_is_ranked_again_without_asking_anybody() {
    let (desk, market) = desk();
    let file = desk.home.path().join("market.json");
    let save = json!({"policy": {"min_vcpus": 2}, "save_to": file, "_ansible_check_mode": true});
    asked(&desk, &market, &save).well();
    assert!(!file.exists(), "check mode writes nothing");
    let save = json!({"policy": {"min_vcpus": 2}, "save_to": file});
    let first = asked(&desk, &market, &save).well();
    let before = market.calls();
    let again = json!({"policy": {"min_vcpus": 2}, "replay": file});
    let second = asked(&desk, &market, &again).well();
    assert_eq!(offers(&first), offers(&second));
    assert_eq!(market.calls(), before);
    let other = json!({"replay": file, "region": "us-east-1"});
    let said = asked(&desk, &market, &other);
    assert!(said.failed().contains("about region eu-west-1, and us-east-1 is asked for"));
    std::fs::write(&file, &std::fs::read_to_string(&file).unwrap()[..400]).unwrap();
    let said = asked(&desk, &market, &again);
    assert!(said.failed().starts_with(&format!("cannot read {}: ", file.display())));
}

/// The layout is read by code of the test's own, from its description: `<prefix>/<zone>`, a JSON list of `{instance_type,
/// spot_price, …}`.
#[test]
fn prices_are_kept_as_spotter_lays_them_out_and_read_from_both_its_places() {
    let (desk, market) = desk();
    let policy = json!({"architectures": ["arm64", "x86_64"], "max_vcpus": 2, "top_n_per_az": 2});
    let keep = json!({"policy": policy, "store": "ssm", "store_prefix": "/spotter/prices/"});
    let mut check = keep.clone();
    check["_ansible_check_mode"] = json!(true);
    let foreseen = asked(&desk, &market, &check).well();
    assert_eq!(
        (&foreseen["changed"], market.calls().get("AmazonSSM.PutParameter")),
        (&json!(true), None)
    );
    let kept = asked(&desk, &market, &keep).well();
    assert_eq!((&kept["changed"], &kept["stored_zones"]), (&json!(true), &json!(3)));
    let again = asked(&desk, &market, &keep).well();
    let writes = market.calls()["AmazonSSM.PutParameter"];
    assert_eq!((&again["changed"], writes), (&json!(false), 3), "what is the same is no change");
    let text = moto::shared().parameter("eu-west-1", "/spotter/prices/eu-west-1a");
    let list: Value = serde_json::from_str(&text).unwrap();
    let read: Vec<(&str, f64)> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (it["instance_type"].as_str().unwrap(), it["spot_price"].as_f64().unwrap()))
        .collect();
    assert_eq!(read, [("m6g.large", 0.031), ("c6i.large", 0.034)]);

    // As Spotter itself writes, with Python's spelling of small numbers.
    let python = r#"[{"instance_type": "m6g.large", "spot_price": 1e-05}, {"instance_type": "c6i.large", "spot_price": 0.0123}]"#;
    moto::shared().put_parameter("eu-west-1", "/spotter/spot/eu-west-1b", python);
    let read =
        json!({"spot_prices": "ssm", "store_prefix": "/spotter/spot", "on_demand_prices": "none"});
    let answer = asked(&desk, &market, &read).well();
    assert_eq!(offers(&answer), ["m6g.large eu-west-1b 0.00001", "c6i.large eu-west-1b 0.0123"]);
    assert_eq!(answer["offers"][0]["price_source"]["source"], "SSM /spotter/spot");
    let none = json!({"spot_prices": "ssm", "store_prefix": "/none", "on_demand_prices": "none"});
    let said = asked(&desk, &market, &none);
    assert!(said.failed().contains("there is no parameter /none/ZONE of a zone of eu-west-1"));
    moto::shared().put_parameter("eu-west-1", "/broken/eu-west-1b", r#"[{"instance_type": "x"}]"#);
    let broken = json!({"spot_prices": "ssm", "store_prefix": "/broken"});
    let said = asked(&desk, &market, &broken);
    assert!(said.failed().contains("parameter /broken/eu-west-1b"), "{}", said.answer);
}

#[test]
fn a_file_serves_as_store_and_old_prices_are_named_with_their_age() {
    let (desk, market) = desk();
    let file = desk.home.path().join("prices.json");
    asked(&desk, &market, &json!({"policy": {"max_vcpus": 2}, "store": file})).well();
    let read = json!({"policy": {"max_vcpus": 2}, "spot_prices": file, "on_demand_prices": "none"});
    let fresh = asked(&desk, &market, &read).well();
    assert!(fresh.get("warnings").is_none(), "{fresh}");
    assert_eq!(fresh["offers"][0]["on_demand_price"], "0.0850");
    let mut old: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    old["at"] = json!("2026-01-01T00:00:00Z");
    // As files were written before zones had their own ages.
    old.as_object_mut().unwrap().remove("ages");
    std::fs::write(&file, old.to_string()).unwrap();
    let stale = asked(&desk, &market, &read).well();
    let warning = stale["warnings"][0].as_str().unwrap();
    let words = "in eu-west-1a, eu-west-1b, eu-west-1c are up to ";
    let words = format!("spot prices of {} {words}", file.display());
    assert!(warning.contains(&words), "{warning}");
    assert!(warning.contains("s old, more than the 3600 s allowed"), "{warning}");
    let list = json!({"region": "eu-west-1", "at": "2026-01-01T00:00:00Z", "prices": {"c6i.large": 0.1, "m6i.large": "x"}});
    let list = desk.file("list.json", &list.to_string());
    let said = asked(&desk, &market, &json!({"on_demand_prices": list}));
    assert!(said.failed().contains("the price of m6i.large is \"x\", which is no amount"));
}

/// A zone whose offers are gone has none that could be launched from; one that nobody asked about keeps its own.
#[test]
fn a_zone_without_offers_is_emptied_and_what_is_the_same_stays() {
    let (desk, market) = desk();
    let prefix = format!("/prices-{}", fastrand::u32(..));
    let file = desk.home.path().join("prices.json");
    let types = json!({"instance_types": ["c6i.large"], "current_generation": "any"});
    for store in [json!({"store": "ssm", "store_prefix": prefix}), json!({"store": file})] {
        let kept = |zone: &str| -> Value {
            match store["store"].as_str() == Some("ssm") {
                true => {
                    let text = moto::shared().parameter("eu-west-1", &format!("{prefix}/{zone}"));
                    serde_json::from_str(&text).unwrap()
                }
                false => {
                    let text = std::fs::read(&file).unwrap();
                    serde_json::from_slice::<Value>(&text).unwrap()["zones"][zone].clone()
                }
            }
        };
        let keep = |more: &Value| {
            let mut all = store.clone();
            all["policy"] = types.clone();
            all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            asked(&desk, &market, &all).well()
        };
        market.price("c6i.large", "eu-west-1b", Some("0.0350"));
        assert_eq!(keep(&json!({}))["changed"], true);
        assert_eq!(keep(&json!({}))["changed"], false, "{store}");
        market.price("c6i.large", "eu-west-1b", None);
        let only = json!({"instance_types": ["c6i.large"], "current_generation": "any", "zones": ["eu-west-1a"]});
        assert_eq!(keep(&json!({"policy": only}))["changed"], false, "of b nobody asked");
        assert_eq!(kept("eu-west-1b").as_array().unwrap().len(), 1);
        let foreseen = keep(&json!({"_ansible_check_mode": true, "_ansible_diff": true}));
        assert_eq!(foreseen["diff"]["after"], json!({"eu-west-1b": []}), "{foreseen}");
        assert_eq!(kept("eu-west-1b").as_array().unwrap().len(), 1);
        let emptied = keep(&json!({}));
        assert_eq!((&emptied["changed"], &emptied["stored_zones"]), (&json!(true), &json!(2)));
        assert_eq!(
            (kept("eu-west-1b"), kept("eu-west-1a").as_array().unwrap().len()),
            (json!([]), 1)
        );
        assert_eq!(keep(&json!({}))["changed"], false, "{store}");
    }
}

/// Of a zone without any price nobody told anything: it is no zone without offers.
#[test]
fn a_zone_without_any_price_keeps_what_is_kept_and_is_named() {
    let (desk, market) = desk();
    let prefix = format!("/unpriced-{}", fastrand::u32(..));
    let file = desk.home.path().join("prices.json");
    let kept = |store: &Value| -> Value {
        if store["store"] == "ssm" {
            let text = moto::shared().parameter("eu-west-1", &format!("{prefix}/eu-west-1b"));
            return serde_json::from_str(&text).unwrap();
        }
        let text = std::fs::read(&file).unwrap();
        serde_json::from_slice::<Value>(&text).unwrap()["zones"]["eu-west-1b"].clone()
    };
    let all = ["c6i.large", "c6i.xlarge", "m6i.large", "m6g.large", "t3.large", "r6i.large"];
    for store in [json!({"store": "ssm", "store_prefix": prefix}), json!({"store": file})] {
        let keep = || {
            let mut all = store.clone();
            all["policy"] = json!({"instance_types": ["c6i.large"], "current_generation": "any"});
            asked(&desk, &market, &all).well()
        };
        for name in all {
            market.price(name, "eu-west-1b", Some("0.0350"));
        }
        assert!(keep().get("warnings").is_none());
        let before = kept(&store);
        assert_eq!(before.as_array().unwrap().len(), 1);
        for name in all {
            market.price(name, "eu-west-1b", None);
        }
        let again = keep();
        let warnings = again["warnings"].to_string();
        assert!(warnings.contains("no type has a price in eu-west-1b now"), "{again}");
        assert_eq!((&again["changed"], kept(&store)), (&json!(false), before), "{again}");
        // A price of another type is enough to know that none fits.
        market.price("t3.large", "eu-west-1b", Some("0.0350"));
        assert_eq!((&keep()["changed"], kept(&store)), (&json!(true), json!([])));
    }
}

/// What lies deeper below the prefix is another's, whatever its last name is.
#[test]
fn a_parameter_that_is_deeper_is_no_zone() {
    let (desk, market) = desk();
    let prefix = format!("/deep-{}", fastrand::u32(..));
    let list = r#"[{"instance_type": "c6i.large", "spot_price": 0.03}]"#;
    for (name, text) in [("eu-west-1a", list), ("old/eu-west-1b", list), ("old/eu-west-1c", "no")] {
        moto::shared().put_parameter("eu-west-1", &format!("{prefix}/{name}"), text);
    }
    let read = json!({"spot_prices": "ssm", "store_prefix": prefix, "on_demand_prices": "none", "policy": {"current_generation": "any"}});
    let answer = asked(&desk, &market, &read).well();
    assert_eq!(offers(&answer), ["c6i.large eu-west-1a 0.0300"], "{answer}");
    let keep = json!({"store": "ssm", "store_prefix": prefix, "policy": {"max_vcpus": 2}});
    assert_eq!(asked(&desk, &market, &keep).well()["stored_zones"], 3);
    for name in ["old/eu-west-1b", "old/eu-west-1c"] {
        let text = moto::shared().parameter("eu-west-1", &format!("{prefix}/{name}"));
        assert_eq!(text == list, name.ends_with('b'), "{name} stays");
    }
}

/// What is kept is never younger than the prices in it, zone by zone.
#[test]
fn old_prices_do_not_become_young_by_being_kept() {
    let (desk, market) = desk();
    let file = desk.home.path().join("prices.json");
    let keep = json!({"policy": {"max_vcpus": 2}, "store": file});
    asked(&desk, &market, &keep).well();
    let then = "2026-01-01T00:00:00Z";
    let read = |path: &std::path::Path| -> Value {
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    };
    let mut old = read(&file);
    for (_, at) in old["ages"].as_object_mut().unwrap() {
        *at = json!(then);
    }
    std::fs::write(&file, old.to_string()).unwrap();
    market.price("c6i.large", "eu-west-1a", Some("0.0010"));
    let one = json!({"policy": {"max_vcpus": 2, "zones": ["eu-west-1a"]}, "store": file});
    asked(&desk, &market, &one).well();
    let kept = read(&file);
    assert_eq!((&kept["ages"]["eu-west-1b"], &kept["at"]), (&json!(then), &json!(then)), "{kept}");
    assert_ne!(kept["ages"]["eu-west-1a"], then, "{kept}");
    let from = |store: Value| {
        let mut all =
            json!({"policy": {"max_vcpus": 2}, "spot_prices": file, "on_demand_prices": "none"});
        all.as_object_mut().unwrap().extend(store.as_object().unwrap().clone());
        asked(&desk, &market, &all)
    };
    let answer = from(json!({})).well();
    assert!(answer["warnings"].to_string().contains("more than the 3600 s allowed"), "{answer}");
    // From one file into another, and into parameters, which are dated when they are written.
    let other = desk.home.path().join("other.json");
    from(json!({"store": other})).well();
    assert_eq!(read(&other)["at"], then);
    let prefix = format!("/redated-{}", fastrand::u32(..));
    let said = from(json!({"store": "ssm", "store_prefix": prefix}));
    assert!(said.failed().contains("would date them now"), "{}", said.failed());
    assert_eq!(market.calls().get("AmazonSSM.PutParameter"), None);
}

/// A zone that nobody looks at any more makes no other old.
#[test]
fn each_zone_of_a_store_has_its_own_age() {
    let (desk, market) = desk();
    let list = json!([{"instance_type": "c6i.large", "spot_price": 0.03}]);
    let then = "2026-01-01T00:00:00Z";
    let store = json!({
        "region": "eu-west-1", "at": then, "ages": {"eu-west-1a": now()},
        "zones": {"eu-west-1a": list, "eu-west-1c": list},
    });
    let file = desk.file("prices.json", &store.to_string());
    let read = |zones: &[&str], more: Value| {
        let mut all = json!({
            "spot_prices": file, "on_demand_prices": "none",
            "policy": {"current_generation": "any", "zones": zones},
        });
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        asked(&desk, &market, &all)
    };
    let saved = desk.home.path().join("saved.json");
    let whole = read(&[], json!({"save_to": saved})).well();
    for from in [json!({}), json!({"replay": saved})] {
        let told = read(&[], from.clone()).well();
        let ages = told["offers"].as_array().unwrap().iter().map(|it| {
            let age = it["price_source"]["age_seconds"].as_i64().unwrap();
            (it["zone"].as_str().unwrap().to_owned(), age > 3600)
        });
        let ages: BTreeMap<String, bool> = ages.collect();
        assert_eq!((ages["eu-west-1a"], ages["eu-west-1c"]), (false, true), "{told}");
        let warnings = told["warnings"].to_string();
        assert!(warnings.contains("prices.json in eu-west-1c are "), "{warnings}");
        let told = read(&["eu-west-1a"], from).well();
        assert!(!told["warnings"].to_string().contains("s old"), "{told}");
    }
    assert_eq!(whole["offers"].as_array().unwrap().len(), 2);
    // What is kept elsewhere keeps its age, and the young ones are not kept back by the old.
    let other = desk.home.path().join("other.json");
    read(&[], json!({"store": other})).well();
    let kept: Value = serde_json::from_slice(&std::fs::read(&other).unwrap()).unwrap();
    assert_eq!((&kept["at"], &kept["ages"]["eu-west-1c"]), (&json!(then), &json!(then)), "{kept}");
    assert_ne!(kept["ages"]["eu-west-1a"], then, "{kept}");
    let prefix = format!("/ages-{}", fastrand::u32(..));
    let ssm = json!({"store": "ssm", "store_prefix": prefix});
    assert!(read(&[], ssm.clone()).failed().contains("would date them now"));
    // A minute may have gone by.
    let mut store = store;
    store["ages"]["eu-west-1a"] = json!(now());
    desk.file("prices.json", &store.to_string());
    assert_eq!(read(&["eu-west-1a"], ssm).well()["stored_zones"], 1);
}

/// The lists are written in the order of the zones: what was written before one is refused has changed.
#[test]
fn a_store_that_is_written_in_part_is_told_as_changed() {
    let (desk, market) = desk();
    for (zone, is_changed) in [("eu-west-1a", false), ("eu-west-1b", true)] {
        let prefix = format!("/in-part-{}", fastrand::u32(..));
        let keep = json!({"policy": {"max_vcpus": 2}, "store": "ssm", "store_prefix": prefix});
        let (action, code) = ("AmazonSSM.PutParameter", "AccessDeniedException");
        market.snag(Snag { action, with: zone, code, times: 1, waits: false });
        let called = asked(&desk, &market, &keep);
        let said = called.failed();
        assert!(said.contains("not allowed"), "{said}");
        assert_eq!(called.answer["changed"], is_changed, "{zone}");
        assert_eq!(said.contains("of 3 zones with other offers 1 were written"), is_changed);
        assert_eq!(asked(&desk, &market, &keep).well()["changed"], true);
        assert_eq!(asked(&desk, &market, &keep).well()["changed"], false);
    }
}

#[test]
fn a_file_that_is_no_store_is_not_written_over() {
    let (desk, market) = desk();
    let notes = desk.file("notes", "mine");
    let said = asked(&desk, &market, &json!({"policy": {"max_vcpus": 2}, "store": notes}));
    assert!(said.failed().contains("cannot read the prices in"), "{}", said.failed());
    assert_eq!(std::fs::read_to_string(&notes).unwrap(), "mine");
    for named in ["SSM", "Ssm"] {
        let said = asked(&desk, &market, &json!({"policy": {"max_vcpus": 2}, "store": named}));
        assert!(said.failed().contains("is written ssm"), "{}", said.failed());
    }
}

#[test]
fn nothing_that_fits_is_no_failure_and_says_which_rules_and_how_close() {
    let (desk, market) = desk();
    let answer = asked(&desk, &market, &json!({"policy": {"max_price": "0.02"}})).well();
    assert_eq!(answer["offers"], json!([]));
    let nothing = &answer["nothing_left"];
    assert_eq!(nothing["dropped_by"][0], json!({"rule": "max_price", "offers": 18}));
    assert_eq!(nothing["nearest"]["instance_type"], "c6i.large");
    let words = "max_price alone excludes them all; nearest is c6i.large in eu-west-1c";
    assert!(answer["warnings"][0].as_str().unwrap().contains(words), "{answer}");
    // What is kept for others stays as it was.
    let keep = json!({"policy": {"max_price": "0.02"}, "store": "ssm", "store_prefix": "/nothing"});
    assert_eq!(asked(&desk, &market, &keep).well()["changed"], false);
    assert_eq!(market.calls().get("AmazonSSM.PutParameter"), None);
}

#[test]
fn bad_input_is_refused_in_a_line_that_names_it() {
    let (desk, market) = desk();
    for (arguments, words) in [
        (json!({"policy": {"min_vcpus": 8, "max_vcpus": 4}}), "min_vcpus is 8 and max_vcpus is 4"),
        (json!({"policy": {"max_price": "cheap"}}), "option policy.max_price is \"cheap\""),
        (
            json!({"policy": {"max_interruption": "rare"}}),
            "option policy.max_interruption is \"rare\"",
        ),
        (json!({"policy": {"min_vcpu": 8}}), "min_vcpus"),
        (json!({"policy": {"top_n_per_az": 0}}), "top_n_per_az"),
        (
            json!({"policy": {"zones": ["eu-west-1z"]}}),
            "no availability zone eu-west-1z in eu-west-1; there is eu-west-1a",
        ),
        (
            json!({"policy": {"instance_types": ["x9.huge"]}}),
            "no instance type x9.huge in eu-west-1",
        ),
        (json!({"explain": "x9.huge"}), "no instance type x9.huge"),
        (
            json!({"policy": {"max_interruption": "<5%"}}),
            "max_interruption cannot be judged without",
        ),
        (
            json!({"policy": {"min_saving_percent": 5}, "on_demand_prices": "none"}),
            "min_saving_percent cannot be judged",
        ),
        (
            json!({"on_demand_prices": "/none/list.json"}),
            "cannot read the price file /none/list.json",
        ),
        (json!({"interruption_feed": "http://example.com/a"}), "only https, or http to loopback"),
        (json!({"store": "ssm", "store_prefix": "prices"}), "begins with /"),
    ] {
        let called = asked(&desk, &market, &arguments);
        assert!(called.failed().contains(words), "{arguments}: {}", called.failed());
    }
    market.forget_prices();
    let called = asked(&desk, &market, &json!({}));
    assert!(called.failed().contains("EC2 DescribeSpotPriceHistory told no spot prices"));
    let nowhere = call_with(&desk, INFO, &json!({}), &[]);
    assert!(nowhere.failed().contains("no AWS region: set option region"));
}

#[test]
fn a_type_is_explained_with_what_its_score_is_made_of() {
    let (desk, market) = desk();
    let answer = asked(&desk, &market, &json!({"explain": "t3.large"})).well();
    let told = &answer["explanation"];
    assert_eq!(told.as_array().unwrap().len(), 3);
    assert_eq!(
        (&told[0]["fate"], &told[0]["misses"][0]["rule"]),
        (&json!("dropped"), &json!("burstable"))
    );
    let table = command(&desk, &market, &["--explain", "c6i.large"]);
    assert_eq!(table.code, 0, "{table:?}");
    for words in ["eu-west-1c", "ranked", "number 1 in its zone", "0.0150"] {
        assert!(table.stdout.contains(words), "{words}: {}", table.stdout);
    }
}

#[test]
fn the_command_shows_a_table_or_json() {
    let (desk, market) = desk();
    let policy = desk.file("policy.yml", "max_vcpus: 2\narchitectures: [x86_64]\n");
    let policy = policy.to_str().unwrap();
    let table = command(&desk, &market, &["--policy", policy]);
    assert_eq!(table.code, 0, "{table:?}");
    let first = table.stdout.lines().find(|line| line.contains("c6i.large")).unwrap();
    for words in ["1", "eu-west-1c", "0.0300", "0.0850", "64.7"] {
        assert!(first.contains(words), "{words}: {first}");
    }
    let json = command(&desk, &market, &["--policy", policy, "--output", "json"]).document();
    assert_eq!(json["schema_version"], 1);
    assert_eq!(json["offers"][0]["instance_type"], "c6i.large");
    let wrong = desk.file("wrong.yml", "min_vcpu: 2\n");
    let failed = command(&desk, &market, &["--policy", wrong.to_str().unwrap()]);
    failed.assert_failed(2, &["min_vcpus"]);
    command(&desk, &market, &["--policy", "/none.yml"]).assert_failed(1, &["/none.yml"]);
}

/// Exit codes are those of every command.
#[test]
fn the_command_ends_with_the_code_of_what_is_amiss() {
    let (desk, market) = desk();
    let run = |fault: Option<&'static str>| {
        let mut command = desk.command();
        match fault {
            Some(code) => {
                let (action, with, times) = ("DescribeInstanceTypes", "", usize::MAX);
                market.snag(Snag { action, with, code, times, waits: false });
                command.envs(market.environment());
            }
            None => {
                command.env("AWS_EC2_METADATA_DISABLED", "true");
            }
        }
        let ran = ran(command.args(["offers", "--region", "eu-west-1"]).output().unwrap());
        market.mend();
        ran
    };
    run(None).assert_failed(3, &["credentials"]);
    // It is tried again for a while, which is told.
    let slow = run(Some("RequestLimitExceeded"));
    assert!(slow.code == 5 && slow.stderr.contains("RequestLimitExceeded"), "{}", slow.stderr);
    run(Some("UnauthorizedOperation")).assert_failed(1, &["UnauthorizedOperation"]);
}

/// As many as a large region has: so many calls, whatever the number of types.
#[test]
fn eight_hundred_types_in_six_zones_cost_a_call_a_page() {
    let (desk, market) = desk();
    let listed = |action: &str, element: &str| -> Vec<String> {
        let reply = moto::shared().ec2("us-east-1", &[("Action".to_owned(), action.to_owned())]);
        moto::elements(&reply, element).map(str::to_owned).collect()
    };
    let mut types = listed("DescribeInstanceTypes", "instanceType");
    types.truncate(800);
    let zones = listed("DescribeAvailabilityZones", "zoneName");
    assert_eq!((types.len(), zones.len()), (800, 6), "of moto's types and zones");
    market.only(&types, &zones);
    let policy = json!({"current_generation": "any", "bare_metal": "any", "gpu": "any", "burstable": "any", "top_n_per_az": 9});
    let arguments = json!({"region": "us-east-1", "policy": policy});
    let answer = asked(&desk, &market, &arguments).well();
    let ranked = answer["offers"].as_array().unwrap().len();
    assert!(
        ranked == 54 && answer["considered"].as_u64().unwrap() >= 4000,
        "{ranked} of {}",
        answer["considered"]
    );
    let calls = market.calls();
    assert_eq!(calls["DescribeSpotPriceHistory"], 5, "4800 prices, 1000 a page: {calls:?}");
    assert_eq!(calls["AWSPriceListService.GetProducts"], 8, "800 prices, 100 a page: {calls:?}");
    let pages = calls["DescribeInstanceTypes"];
    assert!(pages <= 12, "{calls:?}");
    assert_eq!(calls.values().sum::<usize>(), 13 + pages, "and nothing else: {calls:?}");
}
