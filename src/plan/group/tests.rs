use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;
use crate::domain::{AccountId, Group, GroupId, Persistence, Region};

fn map(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap()
}

fn paths(wanted: Value, current: Value) -> Vec<String> {
    changes(&map(wanted), &map(current)).0.into_iter().map(|change| change.path).collect()
}

#[test]
fn only_what_is_wanted_counts_and_each_field_by_itself() {
    let current = json!({"name": "a", "capacity": {"target": 3, "minimum": 3, "maximum": 3}, "other": {"x": 1}});
    let wanted = json!({"name": "a", "capacity": {"target": 4, "maximum": 4}});
    assert_eq!(paths(wanted, current.clone()), ["capacity.target", "capacity.maximum"]);
    assert!(paths(json!({}), current).is_empty());
}

#[test]
fn null_and_empty_clear_and_what_is_not_there_need_not_be_cleared() {
    for nothing in [json!(null), json!([]), json!("")] {
        let wanted = json!({"strategy": {"signals": nothing}});
        let signals = json!({"strategy": {"signals": [{"name": "INSTANCE_READY"}]}});
        let found = changes(&map(wanted.clone()), &map(signals));
        assert_eq!((found.0.len(), &found.0[0].after), (1, &Value::Null));
        for absent in [
            json!({}),
            json!({"strategy": {"signals": null}}),
            json!({"strategy": {"signals": []}}),
        ] {
            assert!(paths(wanted.clone(), absent).is_empty());
        }
    }
}

#[test]
fn lists_are_one_field_and_their_order_counts_only_where_it_means_something() {
    let tags = |keys: &[&str]| {
        let tags: Vec<Value> =
            keys.iter().map(|key| json!({"tagKey": key, "tagValue": "1"})).collect();
        json!({"compute": {"launchSpecification": {"tags": tags}}})
    };
    let path = "compute.launchSpecification.tags";
    assert!(paths(tags(&["a", "b"]), tags(&["b", "a"])).is_empty());
    assert_eq!(paths(tags(&["a"]), tags(&["a", "b"])), [path]);
    assert_eq!(paths(tags(&["a", "c"]), tags(&["a", "b"])), [path]);
    let types = |list: Value| json!({"compute": {"instanceTypes": {"onDemandTypes": list}}});
    assert_eq!(paths(types(json!(["a", "b"])), types(json!(["b", "a"]))).len(), 1);
    // What the vendor fills in of an item is no difference.
    let devices = |ebs: Value| json!({"compute": {"launchSpecification": {"blockDeviceMappings": [{"deviceName": "/dev/xvdb", "ebs": ebs}]}}});
    let filled = devices(json!({"volumeSize": "22", "encrypted": true}));
    assert!(paths(devices(json!({"volumeSize": 22})), filled.clone()).is_empty());
    assert_eq!(paths(devices(json!({"volumeSize": 23})), filled).len(), 1);
}

#[test]
fn the_vendors_several_spellings_are_one() {
    let same = [
        (
            json!({"strategy": {"persistence": {"shouldPersistPrivateIp": true}}}),
            json!({"strategy": {"persistence": [{"shouldPersistPrivateIp": true}]}}),
        ),
        (
            json!({"scheduling": {"tasks": [{"minCapacity": 1}]}}),
            json!({"scheduling": {"tasks": [{"MinCapacity": 1}]}}),
        ),
        (
            json!({"compute": {"product": "Linux/UNIX (Amazon VPC)"}}),
            json!({"compute": {"product": "Linux/UNIX"}}),
        ),
        (json!({"strategy": {"risk": 100}}), json!({"strategy": {"risk": 100.0}})),
        (json!({"capacity": {"target": 3}}), json!({"capacity": {"target": "3"}})),
        (
            json!({"strategy": {"fallbackToOd": "True"}}),
            json!({"strategy": {"fallbackToOd": true}}),
        ),
        (
            json!({"strategy": {"fallbackToOd": false}}),
            json!({"strategy": {"fallbackToOd": "False"}}),
        ),
    ];
    for (wanted, current) in same {
        assert!(paths(wanted.clone(), current.clone()).is_empty(), "{wanted} {current}");
    }
    // Texts that look like numbers are none.
    assert_eq!(paths(json!({"name": "1.0"}), json!({"name": "1"})), ["name"]);
}

#[test]
fn of_two_that_exclude_each_other_the_other_is_cleared() {
    let current = json!({"strategy": {"risk": 100}, "compute": {"launchSpecification": {"iamRole": {"name": "x"}}}});
    let wanted = json!({
        "strategy": {"onDemandCount": 1},
        "compute": {"launchSpecification": {"iamRole": {"arn": "arn:aws:iam::1:instance-profile/x"}}},
    });
    let found = changes(&map(wanted), &map(current.clone()));
    let patch = found.patch(&map(current));
    assert_eq!(patch["strategy"], json!({"onDemandCount": 1, "risk": null}));
    let role = &patch["compute"]["launchSpecification"]["iamRole"];
    assert_eq!(role, &json!({"arn": "arn:aws:iam::1:instance-profile/x", "name": null}));
}

#[test]
fn an_update_says_what_changes_and_some_objects_whole() {
    let current = map(json!({
        "capacity": {"target": 3, "minimum": 1, "maximum": 5, "unit": "instance"},
        "strategy": {"risk": 100, "persistence": [{"shouldPersistBlockDevices": true, "blockDevicesMode": "reattach"}]},
        "compute": {"launchSpecification": {"imageId": "ami-1", "keyPair": "k"}},
    }));
    let wanted = map(json!({
        "capacity": {"target": 4},
        "strategy": {"persistence": {"shouldPersistPrivateIp": true}},
        "compute": {"launchSpecification": {"imageId": "ami-2"}},
    }));
    let expected = json!({
        "capacity": {"target": 4, "minimum": 1, "maximum": 5},
        "strategy": {"persistence": {
            "shouldPersistBlockDevices": true, "blockDevicesMode": "reattach", "shouldPersistPrivateIp": true}},
        "compute": {"launchSpecification": {"imageId": "ami-2"}},
    });
    assert_eq!(Value::Object(changes(&wanted, &current).patch(&current)), expected);
}

fn stateful() -> Map<String, Value> {
    map(json!({
        "id": "sig-1", "region": "eu-west-1", "capacity": {"target": 3, "minimum": 0, "maximum": 5, "unit": "instance"},
        "strategy": {"persistence": {"shouldPersistBlockDevices": true, "shouldPersistRootDevice": false}},
        "compute": {"product": "Linux/UNIX"},
    }))
}

#[test]
fn what_cannot_change_and_what_loses_something_is_refused() {
    let refused = |wanted: Value, running: usize, data_loss: bool| {
        check_update(&map(wanted), &stateful(), Some(running), Consent { data_loss }).err()
    };
    for (wanted, path) in [
        (json!({"region": "us-east-1"}), "region"),
        (json!({"capacity": {"unit": "weight"}}), "capacity.unit"),
        (json!({"compute": {"product": "Windows (Amazon VPC)"}}), "compute.product"),
    ] {
        let found = refused(wanted, 3, true);
        assert!(
            matches!(&found, Some(Refusal::Immutable(change)) if change.path == path),
            "{found:?}"
        );
    }
    assert!(
        refused(json!({"region": "eu-west-1", "capacity": {"unit": "instance"}}), 3, false)
            .is_none()
    );
    let smaller = json!({"capacity": {"target": 2}});
    assert_eq!(
        refused(smaller.clone(), 3, true),
        Some(Refusal::WouldShrink { before: 3, after: 2, running: 3 })
    );
    assert!(refused(smaller, 2, false).is_none(), "the third is paused already");
    let off = json!({"strategy": {"persistence": {"shouldPersistBlockDevices": false}}});
    assert!(matches!(refused(off.clone(), 3, false), Some(Refusal::LosesPersistence { .. })));
    assert!(refused(off, 3, true).is_none());
    // What is cleared takes with it what is in it.
    for cleared in [json!({"strategy": {"persistence": null}}), json!({"strategy": null})] {
        let found = refused(cleared.clone(), 3, false);
        assert!(matches!(found, Some(Refusal::LosesPersistence { .. })), "{cleared}: {found:?}");
        assert!(refused(cleared, 3, true).is_none());
    }
    for cleared in [json!({"capacity": null}), json!({"compute": null})] {
        let found = refused(cleared.clone(), 3, true);
        assert!(matches!(found, Some(Refusal::Immutable(_))), "{cleared}: {found:?}");
    }
    let mut reattached = stateful();
    reattached["strategy"]["persistence"]["blockDevicesMode"] = json!("reattach");
    let moded = |wanted: Value| {
        let wanted = map(json!({"strategy": {"persistence": {"blockDevicesMode": wanted}}}));
        check_update(&wanted, &reattached, Some(3), Consent { data_loss: false }).err()
    };
    assert!(moded(json!("reattach")).is_none());
    for other in [json!("onLaunch"), Value::Null] {
        assert!(matches!(moded(other), Some(Refusal::LosesPersistence { .. })));
    }
    let crossed = refused(json!({"capacity": {"target": 9}}), 3, true);
    assert_eq!(crossed, Some(Refusal::CapacityOrder { minimum: 0, target: 9, maximum: 5 }));
}

/// In another zone a volume is made from a snapshot.
#[test]
fn a_zone_of_volumes_that_are_attached_again_is_not_taken_away_unasked() {
    let zone = |name: &str| json!({"name": name, "subnetIds": [format!("subnet-{name}")]});
    let group = |mode: &str, persists: bool| {
        let mut group = stateful();
        group["compute"]["availabilityZones"] = json!([zone("a"), zone("b")]);
        group["strategy"]["persistence"] = json!([
            {"shouldPersistBlockDevices": persists, "shouldPersistPrivateIp": true}, {"blockDevicesMode": mode}]);
        group
    };
    let refused = |group: &Map<String, Value>, compute: Value, data_loss: bool| {
        check_update(&map(json!({"compute": compute})), group, Some(3), Consent { data_loss }).err()
    };
    let reattached = group("reattach", true);
    let fewer = json!({"availabilityZones": [zone("a")]});
    let lost = refused(&reattached, fewer.clone(), false);
    let zones = vec!["b".to_owned()];
    assert_eq!(lost, Some(Refusal::LosesZones { path: "compute.availabilityZones", zones }));
    let words = lost.unwrap().to_string();
    assert!(words.contains("nothing in b any more") && words.contains("confirm_data_loss"));
    assert!(refused(&reattached, fewer.clone(), true).is_none());
    let bare = refused(&reattached, json!({"subnetIds": ["subnet-b"]}), false);
    assert!(matches!(bare, Some(Refusal::LosesZones { .. })), "{bare:?}");
    for kept in [
        json!({"availabilityZones": [zone("b"), zone("c"), zone("a")]}),
        json!({"subnetIds": ["subnet-b", "subnet-a"]}),
        json!({"preferredAvailabilityZones": ["b"]}),
    ] {
        assert_eq!(refused(&reattached, kept.clone(), false), None, "{kept}");
    }
    for others in [group("onLaunch", true), group("reattach", false)] {
        assert_eq!(refused(&others, fewer.clone(), false), None);
    }
}

fn new_group() -> Map<String, Value> {
    map(json!({
        "name": "a", "region": "eu-west-1", "capacity": {"target": 0},
        "compute": {
            "availabilityZones": [{"name": "eu-west-1a", "subnetIds": ["subnet-1"]}],
            "instanceTypes": {"ondemand": "m5.large", "spot": ["m5.large"]},
            "launchSpecification": {"imageId": "ami-1", "securityGroupIds": ["sg-1"]},
        },
    }))
}

#[test]
fn a_new_group_is_told_whole_and_asks_for_what_it_lacks() {
    let whole = Value::Object(completed(&new_group()).unwrap());
    assert_eq!(
        whole["capacity"],
        json!({"target": 0, "minimum": 0, "maximum": 0, "unit": "instance"})
    );
    assert_eq!(whole["strategy"], json!({"availabilityVsCost": "balanced", "risk": 100}));
    let launch = &whole["compute"]["launchSpecification"];
    assert_eq!(
        (&launch["metadataOptions"]["httpTokens"], &launch["monitoring"]),
        (&json!("required"), &json!(false))
    );
    let missing = completed(&map(json!({"name": "a"}))).unwrap_err().to_string();
    for option in [
        "region",
        "capacity.target",
        "zones",
        "image_id",
        "security_group_ids",
        "instance_types.spot",
    ] {
        assert!(missing.contains(option), "{missing}");
    }
    let mut baseline = new_group();
    baseline.insert("strategy".to_owned(), json!({"onDemandCount": 1, "signals": null}));
    let whole = completed(&baseline).unwrap();
    assert_eq!(whole["strategy"], json!({"onDemandCount": 1, "availabilityVsCost": "balanced"}));
}

#[test]
fn how_data_comes_back_is_always_said() {
    let mut group = new_group();
    group
        .insert("strategy".to_owned(), json!({"persistence": {"shouldPersistBlockDevices": true}}));
    assert_eq!(completed(&group), Err(Refusal::DataModeUnknown));
    group["strategy"]["persistence"]["blockDevicesMode"] = json!("reattach");
    assert_eq!(completed(&group).unwrap()["strategy"]["persistence"].as_object().unwrap().len(), 4);
}

/// A template renders a switch as a text, and so do some of the vendor's answers.
#[test]
fn a_switch_that_is_a_text_is_a_switch_and_what_is_neither_on_nor_off_is_refused() {
    let with = |persistence: Value| {
        let mut group = new_group();
        group.insert("strategy".to_owned(), json!({ "persistence": persistence }));
        completed(&group)
    };
    for on in [json!(true), json!("true"), json!("True")] {
        assert_eq!(
            with(json!({"shouldPersistBlockDevices": on})),
            Err(Refusal::DataModeUnknown),
            "{on}"
        );
        let listed = json!([{"shouldPersistBlockDevices": on}, {"blockDevicesMode": "reattach"}]);
        let whole = with(listed).unwrap();
        let expected = json!({"shouldPersistRootDevice": false, "shouldPersistBlockDevices": true,
            "shouldPersistPrivateIp": false, "blockDevicesMode": "reattach"});
        assert_eq!(whole["strategy"]["persistence"], expected, "{on}");
    }
    for odd in [json!("yes"), json!(1), json!("true "), json!({"a": true}), json!([true])] {
        let found = with(json!({"shouldPersistRootDevice": odd}));
        let path = "strategy.persistence.shouldPersistRootDevice".to_owned();
        assert_eq!(found, Err(Refusal::NoSwitch { path, value: odd.clone() }));
        // In a change it is what is set that counts, not what is there.
        let wanted = map(json!({"strategy": {"persistence": {"shouldPersistRootDevice": odd}}}));
        let changed = check_update(&wanted, &stateful(), Some(3), Consent { data_loss: true });
        let is_switch = matches!(changed, Err(Refusal::NoSwitch { .. }));
        assert!(is_switch || odd.is_object(), "{changed:?}");
        let mut there = stateful();
        there["strategy"]["persistence"]["shouldPersistRootDevice"] = odd;
        let described = map(json!({"description": "x"}));
        assert!(check_update(&described, &there, None, Consent::default()).is_ok());
    }
    for odd in [json!("true"), json!(["shouldPersistRootDevice"]), json!(true)] {
        assert!(matches!(with(odd.clone()), Err(Refusal::NoSwitch { .. })), "{odd}");
    }
}

fn group(id: &str, name: &str, region: &str) -> Group {
    Group {
        id: GroupId::new(id),
        name: name.to_owned(),
        account_id: AccountId::new("act-1"),
        region: Some(Region::new(region)),
        persistence: Persistence::default(),
        image_id: None,
        names_images_in_list: false,
        zones: Vec::new(),
        subnet_ids: Vec::new(),
        auto_healing: None,
        instance_types: Vec::new(),
        tasks: Vec::new(),
        tags: std::collections::BTreeMap::new(),
        raw: Map::new(),
    }
}

#[test]
fn a_name_finds_a_group_only_if_it_is_the_only_one_in_its_region() {
    let groups = [
        group("sig-1", "a", "r1"),
        group("sig-2", "a", "r2"),
        group("sig-3", "b", "r1"),
        group("sig-4", "b", "r1"),
    ];
    let by = |name, region| find(Wanted { id: None, name: Some(name), region }, &groups, &[]);
    assert_eq!(by("a", Some("r1")), Found::One(&groups[0]));
    assert_eq!(by("a", None), Found::Several(vec![GroupId::new("sig-1"), GroupId::new("sig-2")]));
    assert_eq!(
        by("b", Some("r1")),
        Found::Several(vec![GroupId::new("sig-3"), GroupId::new("sig-4")])
    );
    assert_eq!(
        by("b", Some("r2")),
        Found::Nothing { elsewhere: vec!["sig-3 in r1".to_owned(), "sig-4 in r1".to_owned()] }
    );
    let by_id = find(Wanted { id: Some("sig-4"), name: Some("a"), region: None }, &groups, &[]);
    assert_eq!(by_id, Found::One(&groups[3]));
}

#[test]
fn a_group_that_is_not_told_whole_may_be_the_one_that_is_meant() {
    let named = |name| Wanted { id: None, name: Some(name), region: Some("r1") };
    let unsure = |wanted: Wanted<'_>, groups: &[Group], left_out: &[String], words: &str| {
        let found = find(wanted, groups, left_out);
        let is_it = matches!(&found, Found::Unsure(why) if why.contains(words));
        assert!(is_it, "{wanted:?}: {found:?}");
    };
    let torn = ["group without id is left out".to_owned()];
    let mut placeless = group("sig-5", "a", "r1");
    placeless.region = None;
    let mut neither = group("sig-6", "", "r1");
    neither.region = None;
    for (more, left_out, words) in [
        (None, &torn[..], "without id"),
        (Some(group("sig-7", "", "r1")), &[], "no name of group sig-7"),
        (Some(neither), &[], "no name of group sig-6"),
        (Some(placeless.clone()), &[], "no region of group sig-5"),
    ] {
        // Whether one has the name already or none.
        for first in ["a", "b"] {
            let mut groups = vec![group("sig-1", first, "r1")];
            groups.extend(more.clone());
            unsure(named("a"), &groups, left_out, words);
            // An id proves itself.
            let by_id = Wanted { id: Some("sig-1"), name: None, region: None };
            assert_eq!(find(by_id, &groups, left_out), Found::One(&groups[0]));
        }
    }
    let missing = Wanted { id: Some("sig-9"), name: None, region: None };
    unsure(missing, &[], &torn, "without id");
    // What is told to be elsewhere, or of another name, is another one.
    let others = [group("sig-8", "", "r2"), placeless, group("sig-1", "b", "r1")];
    assert_eq!(find(named("b"), &others, &[]), Found::One(&others[2]));
    assert_eq!(find(named("c"), &others, &[]), Found::Nothing { elsewhere: vec![] });
    // Where no region is wanted, none need be told.
    let anywhere = Wanted { id: None, name: Some("a"), region: None };
    assert_eq!(find(anywhere, &others[1..], &[]), Found::One(&others[1]));
}

#[test]
fn an_aim_is_a_number_a_step_or_a_factor_and_stops_at_the_ceiling() {
    let present = Capacity { minimum: 0, target: 4, maximum: 10 };
    let to = |aim: &str, ceiling| {
        let stretch = Stretch { ceiling, ..Stretch::default() };
        resized(present, Some(Aim::parse(aim).unwrap()), stretch).map(|capacity| capacity.target)
    };
    for (aim, target) in
        [("7", 7), ("+2", 6), ("-1", 3), ("-9", 0), ("x1.5", 6), ("x1.1", 5), ("x0.5", 2)]
    {
        assert_eq!(to(aim, None), Ok(target), "{aim}");
    }
    assert_eq!((to("+9", Some(6)), to("x2", Some(6))), (Ok(6), Ok(6)));
    assert_eq!(to("+1", Some(3)), Ok(4), "a ceiling does not shrink");
    assert_eq!(to("7", Some(6)), Err(AimError::OverCeiling { target: 7, ceiling: 6 }));
    assert_eq!(to("11", None), Err(AimError::OutOfBounds { target: 11, minimum: 0, maximum: 10 }));
    let moved = Stretch { bounds: true, ..Stretch::default() };
    let moved = resized(present, Some(Aim::Absolute(11)), moved).unwrap();
    assert_eq!(moved, Capacity { minimum: 0, target: 11, maximum: 11 });
    // What the caller says is not moved.
    let said = |minimum, maximum, aim: Option<&str>| {
        let stretch = Stretch { minimum, maximum, bounds: true, ceiling: None };
        resized(present, aim.map(|aim| Aim::parse(aim).unwrap()), stretch)
    };
    let too_small = AimError::OutOfBounds { target: 4, minimum: 5, maximum: 10 };
    assert_eq!(said(Some(5), None, None), Err(too_small));
    let too_large = AimError::OutOfBounds { target: 9, minimum: 0, maximum: 8 };
    assert_eq!(said(None, Some(8), Some("9")), Err(too_large));
    let other = Capacity { minimum: 5, target: 12, maximum: 12 };
    assert_eq!(said(Some(5), None, Some("12")), Ok(other));
    for odd in ["", "many", "x", "x-1", "xNaN", "+", "1.5"] {
        assert!(Aim::parse(odd).is_err(), "{odd}");
    }
}

#[test]
fn an_option_takes_away_what_it_excludes_of_the_wish_below() {
    let spec = map(json!({
        "strategy": {"risk": 100, "fallbackToOd": true},
        "compute": {"availabilityZones": [{"name": "a"}], "subnetIds": ["subnet-1"], "instanceTypes": {"ondemand": "m5.large", "spot": ["m5.large"]}},
    }));
    let options = map(json!({
        "strategy": {"onDemandCount": 1},
        "compute": {"subnetIds": ["subnet-2"], "instanceTypes": {"onDemandTypes": ["m5.xlarge"]}},
    }));
    let expected = map(json!({
        "strategy": {"fallbackToOd": true, "onDemandCount": 1},
        "compute": {"subnetIds": ["subnet-2"], "instanceTypes": {"spot": ["m5.large"], "onDemandTypes": ["m5.xlarge"]}},
    }));
    assert_eq!(overlaid(&spec, &options), expected);
    // What names no rival leaves them.
    assert_eq!(
        overlaid(&spec, &map(json!({"strategy": {"onDemandCount": null}}))).get("compute"),
        spec.get("compute")
    );
    let cleared = overlaid(&spec, &map(json!({"strategy": {"onDemandCount": null}})));
    assert_eq!(cleared["strategy"]["risk"], 100);
}

#[test]
fn scripts_and_credentials_are_digests_unless_scripts_may_be_shown() {
    let config = map(json!({
        "compute": {"launchSpecification": {"userData": "czNjcmV0"}},
        "thirdPartiesIntegration": {"nomad": {"aclToken": "t0ken", "masterHost": "h"}},
    }));
    for (secrecy, shows) in [(Secrecy::Digest, false), (Secrecy::Plain, true)] {
        // A configuration may be given back, so that its scripts stay as the vendor has them.
        let text = Value::Object(secrecy.shown(&config)).to_string();
        assert_eq!(text.contains("czNjcmV0"), shows, "{text}");
        assert!(
            !text.contains("t0ken") && !text.contains("s3cret") && text.contains("\"h\""),
            "{text}"
        );
        let (_, after) = secrecy.sides(&changes(&config, &Map::new()).0);
        assert_eq!(after.to_string().contains("s3cret"), shows, "{after}");
        assert!(!after.to_string().contains("czNjcmV0"), "{after}");
    }
    let exported = export(&config, true);
    assert_eq!(exported.left_out, ["thirdPartiesIntegration.nomad.aclToken"]);
    assert_eq!(export(&config, false).left_out.len(), 2);
    let more = map(json!({"thirdPartiesIntegration": {
        "chef": {"pemKey": "k-one"}, "rightScale": {"refreshToken": "k-two"}, "many": [{"password": "k-three", "host": "h"}],
    }}));
    let shown = Value::Object(Secrecy::Plain.shown(&more)).to_string();
    let given = Value::Object(export(&more, true).spec).to_string();
    assert!(!shown.contains("k-") && !given.contains("k-"), "{shown} {given}");
    assert!(given.contains("\"h\""), "{given}");
    // A list of nothing else, which would be replaced whole.
    let bare =
        map(json!({"thirdPartiesIntegration": {"many": [{"password": "k-three"}], "host": "h"}}));
    let exported = export(&bare, true);
    let path = "thirdPartiesIntegration.many";
    assert_eq!(exported.left_out, [&format!("{path}.password"), path]);
    assert_eq!(Value::Object(exported.spec), json!({"thirdPartiesIntegration": {"host": "h"}}));
}

/// Any JSON below the fields of a group, with the vendor's odd shapes.
fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0_u32..2000).prop_map(Value::from),
        (0_u32..2000).prop_map(|number| Value::from(number.to_string())),
        "[a-z0-9.]{0,6}".prop_map(Value::from),
    ];
    let key = prop_oneof![
        Just("persistence".to_owned()),
        Just("tags".to_owned()),
        Just("tagKey".to_owned()),
        Just("name".to_owned()),
        Just("userData".to_owned()),
        Just("blockDeviceMappings".to_owned()),
        Just("tasks".to_owned()),
        Just("minCapacity".to_owned()),
        Just("MinCapacity".to_owned()),
        Just("aclToken".to_owned()),
        Just("password".to_owned()),
        "[a-z]{1,5}",
    ];
    leaf.prop_recursive(4, 40, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key.clone(), inner), 0..5)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// Tasks, and whatever else may be there.
fn scheduling() -> impl Strategy<Value = Value> {
    let tasks = prop::collection::vec(anything(), 0..4).prop_map(|tasks| json!({ "tasks": tasks }));
    prop_oneof![tasks, anything()]
}

/// A switch as the vendor may send it, and whether it is on.
fn told_switch() -> impl Strategy<Value = (Option<Value>, bool)> {
    prop_oneof![
        Just((None, false)),
        Just((Some(Value::Null), false)),
        any::<bool>().prop_map(|on| (Some(json!(on)), on)),
        (any::<bool>(), 0..3).prop_map(|(on, spelling)| {
            let text = match spelling {
                0 => on.to_string(),
                1 => on.to_string().to_uppercase(),
                _ => if on { "True" } else { "False" }.to_owned(),
            };
            (Some(json!(text)), on)
        }),
    ]
}

proptest! {
    #[test]
    fn what_is_exported_and_made_anew_persists_what_the_original_does(
        root in told_switch(), data in told_switch(), address in told_switch(), is_list in any::<bool>(),
    ) {
        let switches = [
            ("shouldPersistRootDevice", root), ("shouldPersistBlockDevices", data), ("shouldPersistPrivateIp", address),
        ];
        let mut persistence = map(json!({"blockDevicesMode": "reattach"}));
        for (name, (told, _)) in &switches {
            persistence.extend(told.clone().map(|told| ((*name).to_owned(), told)));
        }
        let persistence = if is_list {
            persistence.into_iter().map(|(name, value)| json!({ name: value })).collect()
        } else {
            Value::Object(persistence)
        };
        let mut raw = new_group();
        raw.insert("strategy".to_owned(), json!({ "persistence": persistence }));
        let spec = export(&raw, true).spec;
        let whole = completed(&spec).unwrap();
        for (name, (_, is_on)) in switches {
            prop_assert_eq!(&whole["strategy"]["persistence"][name], &json!(is_on), "{}", name);
        }
        prop_assert_eq!(not_kept(&spec, &whole), Vec::<String>::new());
    }

    #[test]
    fn what_is_exported_and_given_back_changes_nothing(
        capacity in anything(), strategy in anything(), compute in anything(), scheduling in scheduling(),
        integrations in anything(), rest in anything(),
    ) {
        let raw = map(json!({
            "id": "sig-1", "name": "a", "createdAt": "2020-01-01T00:00:00Z", "updatedAt": "2020-01-01T00:00:00Z",
            "capacity": capacity, "strategy": strategy, "compute": compute, "scheduling": scheduling,
            "thirdPartiesIntegration": integrations, "fieldOfTheFuture": rest,
        }));
        let spec = export(&raw, true).spec;
        prop_assert_eq!(changes(&spec, &raw), Changes::default());
    }

    #[test]
    fn what_is_merged_is_as_wanted(current in anything(), wanted in anything()) {
        let (current, wanted) = (map(json!({"strategy": {"x": current}})), map(json!({"strategy": {"x": wanted}})));
        let patch = changes(&wanted, &current).patch(&current);
        let after = merged(&current, &patch);
        prop_assert_eq!(not_kept(&wanted, &after), Vec::<String>::new());
    }
}
