use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::domain::*;

fn reply(items: Value) -> Reply {
    let Value::Array(items) = items else { panic!("items are a list") };
    Reply { items, ..Reply::default() }
}

fn account_id() -> AccountId {
    AccountId::new("act-1")
}

fn groups(items: Value) -> Listed<Group> {
    listed(reply(items), "group", |item, odd| group(&account_id(), item, odd))
}

fn stateful(items: Value) -> Listed<StatefulInstance> {
    listed(reply(items), "stateful instance", stateful_instance)
}

fn members(items: Value) -> Listed<Member> {
    listed(reply(items), "instance", member)
}

fn deployments(items: Value) -> Listed<Deployment> {
    listed(reply(items), "deployment", deployment)
}

/// The suspensions of one item, as process and end, and what was left out.
fn suspended(item: Value) -> (Vec<(String, Option<String>)>, Vec<String>) {
    let found = listed(reply(json!([item])), "list of suspensions", suspensions).items.remove(0);
    let told = |end: VendorTime| end.as_str().to_owned();
    let pairs = found.suspensions.into_iter();
    let pairs = pairs.map(|one| (one.process.to_string(), one.expires_at.map(told)));
    (pairs.collect(), found.left_out)
}

fn one<T>(listed: Listed<T>) -> T {
    assert_eq!(listed.oddities, Vec::<String>::new());
    listed.items.into_iter().next().unwrap()
}

#[test]
fn a_full_group_is_read_and_kept_whole() {
    let sent = json!({
        "id": "sig-1", "name": "kafka \"a\"", "region": "eu-west-1", "newThing": {"x": [1]},
        "strategy": {"persistence": {
            "shouldPersistRootDevice": false, "shouldPersistBlockDevices": true,
            "shouldPersistPrivateIp": true, "blockDevicesMode": "reattach"}},
        "compute": {"launchSpecification": {"imageId": "ami-1", "tags": [
            {"tagKey": "Role", "tagValue": "kafka"}, {"tagKey": "bare", "tagValue": null},
            {"tagKey": "number", "tagValue": 7}]}}
    });
    let group = one(groups(json!([sent.clone()])));
    assert_eq!(group.id.as_str(), "sig-1");
    assert_eq!(group.name, "kafka \"a\"");
    assert_eq!(group.account_id, account_id());
    assert_eq!(group.region, Some(Region::new("eu-west-1")));
    assert_eq!(
        group.persistence,
        Persistence {
            root_device: false,
            block_devices: true,
            private_ip: true,
            block_devices_mode: Some(BlockDevicesMode::Reattach),
            is_declared: true,
        }
    );
    assert_eq!(group.image_id, Some(ImageId::new("ami-1")));
    let tags: Vec<_> = group.tags.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    assert_eq!(tags, [("Role", "kafka"), ("bare", ""), ("number", "7")]);
    assert_eq!(Value::Object(group.raw), sent);
}

#[test]
fn a_group_may_lack_everything_but_its_id() {
    let empty = [
        json!({"id": "sig-1"}),
        json!({"id": "sig-1", "name": null, "region": "", "strategy": null, "compute": null}),
        json!({"id": "sig-1", "name": "", "strategy": {"persistence": {}}, "compute": {}}),
        json!({"id": "sig-1", "strategy": {"persistence": null},
            "compute": {"launchSpecification": {"tags": null, "imageId": "", "images": []}}}),
        json!({"id": "sig-1", "strategy": {"persistence": []}}),
    ];
    for sent in empty {
        let group = one(groups(json!([sent])));
        assert_eq!((group.name.as_str(), &group.region, &group.image_id), ("", &None, &None));
        assert!(!group.persistence.is_stateful() && group.tags.is_empty());
    }
}

#[test]
fn persistence_is_read_in_all_its_shapes() {
    let table = [
        (json!({"shouldPersistRootDevice": true}), (true, false, false)),
        (json!([{"shouldPersistRootDevice": true}]), (true, false, false)),
        (
            json!([{"shouldPersistRootDevice": true}, {"shouldPersistPrivateIp": true}]),
            (true, false, true),
        ),
        (json!({"shouldPersistBlockDevices": "True"}), (false, true, false)),
        (json!({"shouldPersistBlockDevices": "false"}), (false, false, false)),
        (json!({"shouldPersistBlockDevices": null}), (false, false, false)),
        (json!({"shouldPersistBlockDevices": ""}), (false, false, false)),
    ];
    for (sent, expected) in table {
        let group = one(groups(json!([{"id": "sig-1", "strategy": {"persistence": sent}}])));
        let got = group.persistence;
        assert_eq!((got.root_device, got.block_devices, got.private_ip), expected);
    }
}

#[test]
fn an_unknown_persistence_mode_is_a_value() {
    let sent = json!([{"id": "sig-1", "strategy": {"persistence": {"blockDevicesMode": "later"}}}]);
    let mode = one(groups(sent)).persistence.block_devices_mode;
    assert_eq!(mode, Some(BlockDevicesMode::Other("later".into())));
}

#[test]
fn several_images_are_no_image() {
    let table = [
        (json!({"images": [{"id": "ami-1"}]}), Some("ami-1")),
        (json!({"images": [{"id": "ami-1"}, {"id": "ami-2"}]}), None),
        (json!({"imageId": null, "images": [{"id": "ami-1"}]}), Some("ami-1")),
        (json!({"imageId": "ami-0", "images": [{"id": "ami-1"}]}), Some("ami-0")),
    ];
    for (launch, expected) in table {
        let sent = json!([{"id": "sig-1", "compute": {"launchSpecification": launch}}]);
        assert_eq!(one(groups(sent)).image_id, expected.map(ImageId::new));
    }
}

#[test]
fn the_list_form_of_images_is_noted_only_where_it_is_in_use() {
    let table = [
        (json!({"images": [{"id": "ami-1"}]}), true),
        (json!({"images": [{"id": "ami-1"}, {"id": "ami-2"}]}), true),
        (json!({"imageId": null, "images": [{"id": "ami-1"}]}), true),
        (json!({"imageId": "ami-0", "images": [{"id": "ami-1"}]}), false),
        (json!({"imageId": "ami-0", "images": null}), false),
        (json!({"images": []}), false),
        (json!({}), false),
    ];
    for (launch, expected) in table {
        let sent = json!([{"id": "sig-1", "compute": {"launchSpecification": launch}}]);
        assert_eq!(one(groups(sent)).names_images_in_list, expected, "{launch}");
    }
}

#[test]
fn where_and_what_a_group_launches_is_read_in_all_its_shapes() {
    let by_zone = json!({"availabilityZones": [
            {"name": "eu-west-1a", "subnetIds": ["subnet-1", "subnet-2"]},
            {"name": "eu-west-1b", "subnetId": "subnet-3"},
            {"name": "eu-west-1a", "subnetIds": ["subnet-1", "", null]}],
        "instanceTypes": {"ondemand": "m5.large", "onDemandTypes": ["m5.xlarge"],
            "spot": ["m5.large", "m6i.large"], "preferredSpot": ["m6i.large"]},
        "launchSpecification": {"autoHealing": false}});
    let by_subnet = json!({"subnetIds": ["subnet-1", "subnet-2"],
        "instanceTypes": {"ondemand": null, "spot": null, "resourceRequirements": {}},
        "launchSpecification": {"autoHealing": "True"}});
    let read = |compute: Value| {
        let group = one(groups(json!([{"id": "sig-1", "compute": compute}])));
        (group.zones, group.subnet_ids, group.instance_types, group.auto_healing)
    };
    let owned = |texts: &[&str]| texts.iter().map(|text| text.to_string()).collect::<Vec<_>>();
    let expected = (
        owned(&["eu-west-1a", "eu-west-1b"]),
        owned(&["subnet-1", "subnet-2", "subnet-3"]),
        owned(&["m5.large", "m5.xlarge", "m6i.large"]),
        Some(false),
    );
    assert_eq!(read(by_zone), expected);
    let expected = (Vec::new(), owned(&["subnet-1", "subnet-2"]), Vec::new(), Some(true));
    assert_eq!(read(by_subnet), expected);
    let nothing = (Vec::new(), Vec::new(), Vec::new(), None);
    assert_eq!(read(json!({})), nothing);
    assert_eq!(read(Value::Null), nothing);
}

#[test]
fn odd_places_and_types_are_named_and_ignored() {
    let listed = groups(json!([{"id": "sig-1", "compute": {"availabilityZones": ["eu-west-1a"],
        "subnetIds": [7, "subnet-1"], "instanceTypes": {"spot": 3},
        "launchSpecification": {"autoHealing": 1}}}]));
    assert_eq!(listed.items[0].subnet_ids, ["subnet-1"]);
    assert_eq!(
        listed.oddities,
        [
            "availabilityZones of group sig-1 is not a list of objects: ignored",
            "subnetIds of group sig-1 is not a list of texts: ignored",
            "autoHealing of group sig-1 is not true or false: ignored",
            "spot of group sig-1 is not a list: ignored",
        ]
    );
}

#[test]
fn scheduled_tasks_are_read_and_one_that_says_nothing_is_kept() {
    let listed = groups(json!([{"id": "sig-1", "scheduling": {"tasks": [
        {"isEnabled": true, "taskType": "statefulRecycle", "cronExpression": "0 20 * * 1-5"},
        {"isEnabled": "false", "taskType": "BACKUP_AMI", "frequency": "Daily"},
        {"taskType": "hibernate", "frequency": "monthly", "startTime": "2018-05-23T10:55:09Z"},
        {"isEnabled": true},
    ]}}]));
    let tasks = &listed.items[0].tasks;
    let kinds: Vec<_> = tasks.iter().map(|task| task.kind.clone()).collect();
    let later = |text: &str| TaskKind::Other(text.to_owned());
    assert_eq!(
        kinds,
        [TaskKind::StatefulRecycle, TaskKind::BackupAmi, later("hibernate"), later("")]
    );
    let enabled: Vec<_> = tasks.iter().map(|task| task.is_enabled).collect();
    assert_eq!(enabled, [Some(true), Some(false), None, Some(true)]);
    assert_eq!(tasks[0].cron.as_deref(), Some("0 20 * * 1-5"));
    assert_eq!(tasks[1].frequency, Some(Frequency::Daily));
    assert_eq!(tasks[2].frequency, Some(Frequency::Other("monthly".to_owned())));
    assert!(tasks[2].starts_at.as_ref().is_some_and(|at| at.instant().is_some()));
    assert_eq!(listed.oddities, ["a scheduled task of group sig-1 has no taskType"]);
    for none in [json!(null), json!({}), json!({"tasks": null}), json!({"tasks": []})] {
        assert_eq!(one(groups(json!([{"id": "sig-1", "scheduling": none}]))).tasks, []);
    }
}

#[test]
fn suspensions_are_read_in_both_forms_and_together() {
    let end = "2018-10-03T07:23:24.000+0000";
    let both = json!({"groupId": "sig-1", "processes": ["AUTO_HEALING", "SCHEDULING", "LATER"],
        "suspensions": [{"name": "AUTO_HEALING", "expiresAt": end},
            {"name": "AUTO_SCALE", "expiresAt": null}]});
    let pair = |name: &str, end: Option<&str>| (name.to_owned(), end.map(str::to_owned));
    let expected = vec![
        pair("AUTO_HEALING", Some(end)),
        pair("AUTO_SCALE", None),
        pair("SCHEDULING", None),
        pair("LATER", None),
    ];
    assert_eq!(suspended(both), (expected, Vec::new()));
    let old = json!({"groupId": "sig-1", "processes": ["AUTO_HEALING"]});
    assert_eq!(suspended(old), (vec![pair("AUTO_HEALING", None)], Vec::new()));
    for none in [
        json!({}),
        json!({"groupId": "sig-1", "processes": [], "suspensions": []}),
        json!({"groupId": "sig-1", "processes": null, "suspensions": null}),
    ] {
        assert_eq!(suspended(none), (Vec::new(), Vec::new()));
    }
}

#[test]
fn an_end_that_is_not_told_is_not_endless() {
    let sent = json!([{"groupId": "sig-1", "processes": ["AUTO_SCALE", "LATER"], "suspensions": [
        {"name": "AUTO_SCALE", "expiresAt": null}, {"name": "AUTO_HEALING"},
        {"name": "SCHEDULING", "expiresAt": {}}, {"name": "OUT_OF_STRATEGY", "expiresAt": ""},
        {"name": "REVERT_PREFERRED", "expiresAt": "2018-10-03T07:23:24.000Z"}]}]);
    let found = listed(reply(sent), "list of suspensions", suspensions).items.remove(0);
    let told = found.suspensions.iter().map(|one| (one.is_endless, one.is_end_untold()));
    let untold = (false, true);
    let expected = [(true, false), untold, untold, untold, (false, false), untold];
    assert_eq!(told.collect::<Vec<_>>(), expected);
}

#[test]
fn a_suspension_that_cannot_be_taken_makes_the_list_incomplete() {
    let (pairs, left_out) =
        suspended(json!({"groupId": "sig-1", "processes": [7], "suspensions": [
        {"name": "AUTO_HEALING", "expiresAt": "2018-10-03T07:23:24.000Z"},
        {"name": "AUTO_HEALING", "expiresAt": "2018-10-03T08:23:24.000Z"},
        {"name": "AUTO_HEALING", "expiresAt": "2018-10-03T07:23:24.000Z"},
        {"expiresAt": null}, "SCHEDULING"]}));
    assert_eq!(pairs.len(), 1);
    assert_eq!(
        left_out,
        [
            "suspensions of group sig-1 is not a list of objects: ignored",
            "AUTO_HEALING of group sig-1 is suspended twice with different ends: the second is left out",
            "a suspension of group sig-1 names no process: left out",
            "processes of group sig-1 is not a list of texts: ignored",
        ]
    );
}

#[test]
fn a_deployment_that_does_not_say_how_far_it_is_is_kept_and_not_over() {
    let listed = deployments(json!([
        {"id": "sbgd-1", "status": "FINISHED", "created_at": "x"},
        {"id": "sbgd-2", "status": "in_progress"},
        {"status": null},
        {"id": "sbgd-3", "status": "unheard"},
    ]));
    let over: Vec<_> = listed.items.iter().map(Deployment::is_over).collect();
    assert_eq!(over, [true, false, false, false]);
    assert_eq!(listed.oddities, ["deployment without id has no status"]);
}

#[test]
fn fields_of_the_wrong_type_are_named_and_ignored() {
    let listed = groups(json!([{"id": "sig-1", "name": ["x"], "strategy": "s",
        "compute": {"launchSpecification": {"tags": [5, {"tagValue": "v"}, {"tagKey": "k"}]}}}]));
    assert_eq!(listed.items[0].tags.len(), 1);
    assert_eq!(
        listed.oddities,
        [
            "strategy of group sig-1 is not an object: ignored",
            "name of group sig-1 is not a text: ignored",
            "tags of group sig-1 is not a list of objects: ignored",
            "a tag of group sig-1 has no key: left out",
        ]
    );
}

#[test]
fn items_without_id_and_repeated_ones_are_left_out_and_named() {
    let listed = stateful(json!([
        {"id": "ssi-1", "state": "ACTIVE"},
        {"state": "ACTIVE"},
        {"id": " ", "state": "ACTIVE"},
        7,
        null,
        {"id": "ssi-1", "state": "PAUSED"},
        {"id": 22, "state": "PAUSED"},
    ]));
    let kept: Vec<_> = listed.items.iter().map(|i| (i.id.as_str(), i.state.as_str())).collect();
    assert_eq!(kept, [("ssi-1", "ACTIVE"), ("22", "PAUSED")]);
    assert_eq!(
        listed.left_out,
        [
            "stateful instance at place 2 of the reply has no id: left out",
            "stateful instance at place 3 of the reply has no id: left out",
            "item 4 of the reply is no stateful instance: left out",
            "item 5 of the reply is no stateful instance: left out",
        ]
    );
    let twice = "stateful instance ssi-1 is listed twice: the second is left out";
    assert_eq!(listed.oddities, [twice]);
}

#[test]
fn a_paused_instance_has_no_instance_however_that_is_sent() {
    for sent in [
        json!({"id": "ssi-1", "state": "PAUSED"}),
        json!({"id": "ssi-1", "state": "PAUSED", "instanceId": null, "privateIp": null}),
        json!({"id": "ssi-1", "state": "PAUSED", "instanceId": "", "privateIp": "", "devices": null}),
    ] {
        let instance = one(stateful(json!([sent])));
        assert_eq!(instance.instance_id, None);
        assert_eq!(instance.private_ip, None);
        assert_eq!(instance.devices, []);
        assert_eq!(instance.state, StatefulState::Paused);
    }
}

#[test]
fn an_active_instance_is_read_whole() {
    let instance = one(stateful(json!([{
        "id": "ssi-046b119c", "instanceId": "i-0", "privateIp": "10.0.0.1", "imageId": "ami-1",
        "state": "active", "launchedAt": "2019-12-10T08:01:43.000+0000",
        "createdAt": "2019-12-10T08:02:16.000Z",
        "devices": [{"deviceName": "/dev/xvda", "volumeId": "vol-0", "snapshotId": ""},
            {"deviceName": null}, {"volumeId": "vol-1"}]
    }])));
    assert_eq!(instance.state, StatefulState::Active);
    assert_eq!(instance.devices.len(), 2);
    assert_eq!(instance.devices[0].snapshot_id, None);
    assert_eq!(instance.devices[1].volume_id.as_deref(), Some("vol-1"));
    assert!(instance.launched_at.unwrap().instant() < instance.created_at.unwrap().instant());
}

#[test]
fn a_state_of_tomorrow_is_a_value_and_a_missing_one_is_named() {
    let instance = one(stateful(json!([{"id": "ssi-1", "state": "HIBERNATING"}])));
    assert_eq!(instance.state, StatefulState::Other("HIBERNATING".into()));
    let listed = stateful(json!([{"id": "ssi-1"}]));
    assert_eq!(listed.items[0].state, StatefulState::Other(String::new()));
    assert_eq!(listed.oddities, ["stateful instance ssi-1 has no state"]);
}

#[test]
fn lifecycle_follows_the_spot_request() {
    let table = [
        (json!({"spotInstanceRequestId": "sir-1"}), Some(Lifecycle::Spot)),
        (json!({"spotInstanceRequestId": null}), Some(Lifecycle::OnDemand)),
        (json!({"spotInstanceRequestId": ""}), None),
        (json!({}), None),
    ];
    for (sent, expected) in table {
        assert_eq!(one(members(json!([sent]))).lifecycle, expected);
    }
}

#[test]
fn a_member_whose_request_is_not_fulfilled_is_kept() {
    let listed = members(json!([
        {"spotInstanceRequestId": "sir-1", "status": "pending-evaluation", "instanceId": null},
        {"spotInstanceRequestId": "sir-2", "status": "pending-evaluation"},
        {"instanceId": "i-1", "instanceType": "m5.large", "availabilityZone": "eu-west-1a",
         "privateIp": "10.0.0.1", "publicIp": "1.2.3.4", "createdAt": "2018-06-25T11:49:00.000Z"},
        {"instanceId": "i-1"},
    ]));
    assert_eq!(listed.items.len(), 3);
    assert_eq!(listed.items[2].public_ip.as_deref(), Some("1.2.3.4"));
    assert_eq!(listed.oddities, ["instance i-1 is listed twice: the second is left out"]);
}

#[test]
fn health_that_is_not_told_is_unknown() {
    let listed = listed(
        reply(json!([{"instanceId": "i-1", "healthStatus": "HEALTHY"}, {"instanceId": "i-2"},
            {"instanceId": "i-3", "healthStatus": "SICK"}, {"healthStatus": "HEALTHY"}])),
        "instance",
        healthiness,
    );
    let health: Vec<_> = listed.items.into_iter().map(|item| item.health).collect();
    assert_eq!(health, [Health::Healthy, Health::Unknown, Health::Other("SICK".into())]);
    assert_eq!(listed.left_out, ["instance at place 4 of the reply has no id: left out"]);
}

#[test]
fn a_managed_instance_is_read_from_its_config_and_its_status_from_a_reply_of_its_own() {
    let config = json!({"name": "db", "region": "eu-west-1",
        "persistence": {"persistRootDevice": true, "blockDevicesMode": "onLaunch"},
        "compute": {"launchSpecification": {"imageId": "ami-1",
            "tags": [{"tagKey": "a", "tagValue": "b"}]}}});
    let mut bare = config.clone();
    bare["id"] = json!("smi-1");
    bare["createdAt"] = json!("2020-04-10T21:41:31.000Z");
    let nested = json!({"id": "smi-1", "createdAt": "2020-04-10T21:41:31.000Z", "config": config});
    for sent in [nested, bare] {
        let instance = one(listed(reply(json!([sent])), "managed instance", |item, odd| {
            managed_instance(&account_id(), item, odd)
        }));
        assert_eq!(instance.name, "db");
        assert!(instance.persistence.root_device);
        assert_eq!(instance.tags["a"], "b");
        assert_eq!(instance.status, None);
        let status = json!([{"id": "smi-1", "status": "PAUSED", "imageId": "ami-0",
            "createdAt": "2000-01-01T00:00:00.000Z", "instanceId": ""}]);
        let id = ManagedInstanceId::new("smi-1");
        let status = one(listed(reply(status), "managed instance", |item, odd| {
            managed_status(&id, item, odd)
        }));
        assert_eq!(status.state, StatefulState::Paused);
        assert_eq!(status.image_id, Some(ImageId::new("ami-0")));
        assert_eq!(instance.configured_image_id, Some(ImageId::new("ami-1")));
        assert_eq!(status.instance_id, None);
        assert_eq!(instance.created_at.unwrap().as_str(), "2020-04-10T21:41:31.000Z");
    }
}

#[test]
fn accounts_are_read_by_either_name_of_their_id() {
    let listed = listed(
        reply(json!([
            {"accountId": "act-1", "name": "a", "organizationId": 606, "providerExternalId": 123456789012u64},
            {"id": "act-2", "name": "b", "organizationId": "606", "providerExternalId": "012345678901",
             "cloudProvider": "AWS"},
        ])),
        "account",
        account,
    );
    let cloud: Vec<_> = listed.items.iter().map(|a| a.cloud_account_id.as_deref()).collect();
    assert_eq!(cloud, [Some("123456789012"), Some("012345678901")]);
    assert_eq!(listed.items[1].id.as_str(), "act-2");
    assert_eq!(listed.items[1].cloud_provider.as_deref(), Some("AWS"));
}

#[test]
fn what_cannot_be_read_of_a_users_rights_is_kept_with_them() {
    let read = |more: Value| {
        let mut sent = json!({"userId": "pu-1", "type": "programmatic", "groups": [],
            "policies": [{"policyId": "pol-1", "accountIds": ["act-1"]}]});
        sent.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        one(listed(reply(json!([sent])), "user", user_details))
    };
    let plain = read(json!({}));
    assert_eq!((plain.groups, plain.unread), (Vec::new(), Vec::new()));
    let group = json!({"id": "ugr-1", "name": "DevOps", "policyNames": ["IT", "Admin"]});
    let grouped = read(json!({"groups": [group, {}]}));
    assert_eq!((grouped.groups.len(), grouped.unread), (2, Vec::new()));
    assert_eq!(grouped.groups[0].policies, ["IT", "Admin"]);
    for odd in [
        json!({"groups": null}),
        json!({"groups": "none"}),
        json!({"groups": ["ugr-1"]}),
        json!({"policies": 7}),
        json!({"policies": ["pol-1"]}),
        json!({"policies": [{"accountIds": ["act-1"]}]}),
        json!({"policies": [{"policyId": "pol-1", "accountIds": ["act-1", 2]}]}),
    ] {
        assert!(!read(odd.clone()).unread.is_empty(), "{odd}");
    }
}

#[test]
fn an_aws_account_that_cannot_be_read_is_not_none() {
    let sent = json!([{"accountId": "act-1", "providerExternalId": {"id": "1"}},
        {"accountId": "act-2", "providerExternalId": null}, {"accountId": "act-3"}]);
    let listed = listed(reply(sent), "account", account);
    let unread: Vec<bool> = listed.items.iter().map(|one| one.is_cloud_unread).collect();
    assert_eq!(unread, [true, false, false]);
}

#[test]
fn a_role_that_cannot_be_read_is_not_none() {
    let read = |sent: Value| listed(reply(json!([sent])), "set of credentials", iam_role);
    assert_eq!(one(read(json!({"iamRole": "arn"}))), Some("arn".to_owned()));
    assert_eq!(one(read(json!({"iamRole": null}))), None);
    let odd = read(json!({"iamRole": ["arn"]}));
    assert!(odd.items.is_empty() && !odd.oddities.is_empty());
}

#[test]
fn a_hostile_id_reaches_no_oddity_unescaped() {
    let listed = stateful(json!([{"id": "ssi\u{1b}[31m\n", "state": 1.5, "devices": "x"}]));
    assert!(listed.oddities.iter().all(|odd| odd.chars().all(|c| !c.is_control())));
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    let key = prop::sample::select(vec![
        "id",
        "accountId",
        "instanceId",
        "name",
        "state",
        "status",
        "strategy",
        "persistence",
        "compute",
        "launchSpecification",
        "tags",
        "tagKey",
        "tagValue",
        "images",
        "imageId",
        "config",
        "devices",
        "volumeId",
        "shouldPersistRootDevice",
        "spotInstanceRequestId",
        "availabilityZones",
        "subnetIds",
        "instanceTypes",
        "autoHealing",
        "scheduling",
        "tasks",
        "suspensions",
        "processes",
        "expiresAt",
    ]);
    leaf.prop_recursive(5, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key.clone(), inner), 0..6).prop_map(|fields| {
                Value::Object(fields.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())
            }),
        ]
    })
}

proptest! {
    #[test]
    fn nothing_the_network_sends_is_lost_in_silence(items in prop::collection::vec(any_json(), 0..6)) {
        let count = items.len();
        let id = ManagedInstanceId::new("smi-1");
        let reply = || Reply { items: items.clone(), ..Reply::default() };
        fn told<T>(listed: Listed<T>) -> usize {
            listed.items.len() + listed.oddities.len() + listed.left_out.len()
        }
        let outcomes = [
            told(listed(reply(), "g", |i, o| group(&account_id(), i, o))),
            told(listed(reply(), "s", stateful_instance)),
            told(listed(reply(), "m", member)),
            told(listed(reply(), "h", healthiness)),
            told(listed(reply(), "a", account)),
            told(listed(reply(), "d", deployment)),
            told(listed(reply(), "p", suspensions)),
            told(listed(reply(), "n", |i, o| managed_instance(&account_id(), i, o))),
            told(listed(reply(), "t", |i, o| managed_status(&id, i, o))),
        ];
        for told in outcomes {
            prop_assert!(told >= count);
        }
    }
}

#[test]
fn users_of_any_kind_are_read_and_what_is_odd_is_named() {
    let items = json!([
        {"userId": "pu-1", "username": "robot", "type": "PROGRAMMATIC"},
        {"userId": "u-1", "type": "personal", "username": []},
        {"id": "x-1", "name": "later", "type": "robotic"},
        {"username": "nobody"},
    ]);
    let found = listed(reply(items), "user", user);
    let kinds: Vec<_> = found.items.iter().map(|user| (user.name.as_str(), &user.kind)).collect();
    let other = UserKind::Other("robotic".to_owned());
    let expected =
        [("robot", &UserKind::Programmatic), ("", &UserKind::Personal), ("later", &other)];
    assert_eq!(kinds, expected);
    assert_eq!((found.oddities.len(), found.left_out.len()), (1, 1), "{found:?}");
}

#[test]
fn a_user_without_its_token_and_an_external_id_without_itself_are_none() {
    let users = listed(reply(json!([{"id": "pu-1"}, {"token": "t"}])), "user", new_user);
    assert!(users.items.is_empty() && users.left_out.len() == 2);
    let ids = json!([{"maxValidUntil": "x"}, {"externalId": "e", "maxValidUntil": 5}]);
    let ids = listed(reply(ids), "external id", external_id);
    assert_eq!((ids.items.len(), ids.left_out.len()), (1, 1));
    assert!(!format!("{:?}", ids.items).contains("\"e\""), "a secret is printed");
}

#[test]
fn rights_and_the_ends_of_tokens_are_read() {
    let details = json!([{
        "userId": "pu-1", "type": "programmatic",
        "policies": [{"policyId": "pol-1", "accountIds": ["act-1", null]}, {"policyName": "no id"}],
        "tokens": [{"tokenLastDigits": "ab12"}, {"name": "bare"}],
    }]);
    let found = listed(reply(details), "user", user_details).items.remove(0);
    let policy = PolicyMapping { policy: "pol-1".to_owned(), accounts: vec!["act-1".to_owned()] };
    assert_eq!(found.policies, [policy]);
    let ends: Vec<_> = found.tokens.iter().map(|token| token.last_digits.as_deref()).collect();
    assert_eq!(ends, [Some("ab12"), None]);
}
