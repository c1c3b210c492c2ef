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
    let by = |name, region| find(Wanted { id: None, name: Some(name), region }, &groups);
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
    let by_id = find(Wanted { id: Some("sig-4"), name: Some("a"), region: None }, &groups);
    assert_eq!(by_id, Found::One(&groups[3]));
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

proptest! {
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
