//! Our requests against the vendor's API description.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use spotinst_esg::domain::{
    AccountId, AccountRole, BlockDevicesMode, Deallocation, Grants, GroupChange, GroupId, ImageId,
    ManagedInstanceId, Persistence, PolicyMapping, Process, StatefulAction, StatefulInstanceId,
    StatefulTarget, UserId,
};
use spotinst_esg::spot::{Client, UpdateManner};

use super::description::{EXCEPTIONS, description, misfits};
use super::support::{client, demo};
use super::{account, read_all};

/// The path template of the description that a concrete path belongs to.
fn template<'a>(
    paths: &'a serde_json::Map<String, Value>,
    path: &str,
) -> Option<(&'a str, &'a Value)> {
    let fits = |template: &str| {
        template.split('/').count() == path.split('/').count()
            && template.split('/').zip(path.split('/')).all(|(t, p)| t.starts_with('{') || t == p)
    };
    paths.iter().find(|(template, _)| fits(template)).map(|(name, value)| (name.as_str(), value))
}

fn parameters(item: &Value, operation: &Value, required: bool) -> BTreeSet<String> {
    let lists = [&item["parameters"], &operation["parameters"]];
    let all = lists.iter().filter_map(|list| list.as_array()).flatten();
    all.filter(|it| it["in"] == "query" && (!required || it["required"] == true))
        .map(|it| it["name"].as_str().unwrap().to_owned())
        .collect()
}

/// Every action on both kinds of instance, and the log; the vendor's answers do not matter.
fn act_in_every_way(client: &Client) {
    let moment = "2026-11-20T12:00:00Z".parse().unwrap();
    let grouped = StatefulTarget::Grouped {
        group: GroupId::new("sig-1f0a5b3c"),
        id: StatefulInstanceId::new("ssi-5e1f0001"),
    };
    let managed = StatefulTarget::Managed(ManagedInstanceId::new("smi-7d9e0f12"));
    for target in [grouped, managed] {
        for action in [
            StatefulAction::Recycle,
            StatefulAction::Pause,
            StatefulAction::Resume,
            StatefulAction::DeleteVolume("vol-1".to_owned()),
            StatefulAction::Deallocate(Deallocation::default()),
        ] {
            let _ = client.act(&account(), &target, &action);
        }
        let _ = client.log(&account(), &target, moment, moment);
    }
}

/// Everything that reads or changes the settings of a group; the vendor's answers do not matter.
fn set_in_every_way(client: &Client) {
    let group = GroupId::new("sig-1f0a5b3c");
    let _ = client.suspensions(&account(), &group);
    let _ = client.suspend(&account(), &group, &[Process::AutoHealing, Process::Scheduling], 30);
    let _ = client.unsuspend(&account(), &group, &[Process::AutoHealing]);
    let _ = client.deployments(&account(), &group);
    let persistence = Persistence {
        block_devices: true,
        block_devices_mode: Some(BlockDevicesMode::Reattach),
        ..Persistence::default()
    };
    let image_id = Some(ImageId::new("ami-1"));
    let change = GroupChange { image_id, persistence: Some(persistence) };
    for names_images_in_list in [false, true] {
        let _ = client.update_group(&account(), &group, &change, names_images_in_list);
    }
}

/// Groups that come, change and go, and what is told of them.
fn keep_in_every_way(client: &Client) {
    let group = GroupId::new("sig-1f0a5b3c");
    let moment = "2026-11-20T12:00:00Z".parse().unwrap();
    let config = json!({
        "name": "made", "description": "by a test", "region": "us-east-1",
        "capacity": {"minimum": 0, "target": 0, "maximum": 5, "unit": "instance"},
        "strategy": {
            "risk": 100, "availabilityVsCost": "balanced", "fallbackToOd": true, "drainingTimeout": 60,
            "utilizeReservedInstances": false, "utilizeCommitments": true, "restrictSingleAz": false,
            "maxReplacementsPercentage": 10, "signals": [{"name": "INSTANCE_READY", "timeout": 600}],
            "revertToSpot": {"performAt": "timeWindow", "timeWindows": ["Sun:03:00-Sun:05:00"]},
            "persistence": {"shouldPersistPrivateIp": true, "blockDevicesMode": "reattach"},
        },
        "compute": {
            "product": "Linux/UNIX (Amazon VPC)", "privateIps": ["10.0.0.1"], "elasticIps": ["eipalloc-1"],
            "instanceTypes": {"ondemand": "m5.large", "spot": ["m5.large"], "preferredSpot": ["m5.large"]},
            "availabilityZones": [{"name": "us-east-1a", "subnetIds": ["subnet-1"]}],
            "launchSpecification": {
                "imageId": "ami-1", "securityGroupIds": ["sg-1"], "monitoring": false, "userData": "ZWNobw==",
                "metadataOptions": {"httpTokens": "required", "httpPutResponseHopLimit": 2},
                "healthCheckType": "EC2", "healthCheckGracePeriod": 300, "autoHealing": true,
            },
        },
    });
    let config = config.as_object().unwrap();
    let _ = client.create_group(&account(), config);
    let mut patch = serde_json::Map::new();
    patch.insert("strategy".to_owned(), json!({"signals": null, "risk": 50}));
    for resume_paused in [false, true] {
        let manner = UpdateManner { resume_paused, apply_tags: true };
        let _ = client.patch_group(&account(), &group, &patch, manner);
    }
    let _ = client.group_events(&account(), &group, moment);
    let _ = client.group_log(&account(), &group, moment, moment);
    let _ = client.delete_group(&account(), &group, Deallocation::default());
}

/// Accounts, users and connections, as the modules of accounts ask; the vendor's answers do not matter. The vendor describes neither
/// the question for a role nor the change of a user's policies, which its own clients send.
fn administer_in_every_way(client: &Client) {
    let grants = [
        Grants::Accounts(vec![(AccountId::new("act-1"), AccountRole::Viewer)]),
        Grants::Policies(vec![PolicyMapping {
            policy: "pol-1".to_owned(),
            accounts: vec!["*".to_owned()],
        }]),
    ];
    let made = client.create_account("made");
    let _ = client.rename_account(&account(), "renamed");
    let _ = client.create_external_id(&account());
    let _ = client.set_iam_role(&account(), "arn:aws:iam::123456789012:role/Spot");
    let _ = client.list_users();
    let _ = client.user(&UserId::new("u-1"));
    for (number, grants) in grants.iter().enumerate() {
        let _ = client.create_programmatic_user(&format!("robot{number}"), Some("a robot"), grants);
    }
    let _ = client.delete_user(&UserId::new("pu-1"));
    let _ = client.delete_account(&AccountId::new("act-9"));
    drop(made);
}

/// A body must have the described fields only, of the described types and with the described choices; one that is not described is the
/// one the vendor's own client sends.
fn hold_body(name: &str, operation: &Value, body: &Value) {
    if body.is_null() || body == "" {
        return;
    }
    let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
    if schema.is_null() {
        assert!(name.ends_with("/deallocate"), "{name} has no body: {body}");
        let flags = body["statefulDeallocation"].as_object().unwrap();
        assert_eq!(flags.len(), 4, "all four, explicitly: {body}");
        return;
    }
    let known: BTreeSet<String> = EXCEPTIONS.iter().map(|(path, _)| (*path).to_owned()).collect();
    let found = misfits(schema, body);
    assert!(found.is_subset(&known), "{name} is not described with {found:?}: {body}");
}

#[test]
fn every_request_is_one_the_vendor_describes() {
    let Some(description) = description() else { return };
    let sim = demo();
    let (client, _) = client(&sim);
    read_all(&client);
    client.list_accounts(None).unwrap();
    client.list_accounts(Some("123456789012")).unwrap();
    // The demo fleet need not have any.
    let _ = client.managed_instance_status(&account(), &ManagedInstanceId::new("smi-1"));
    act_in_every_way(&client);
    set_in_every_way(&client);
    keep_in_every_way(&client);
    administer_in_every_way(&client);

    let mut seen = BTreeSet::new();
    for request in sim.requests() {
        let request = serde_json::to_value(&request).unwrap();
        let (path, query) = (request["path"].as_str().unwrap(), request["query"].as_str().unwrap());
        let method = request["method"].as_str().unwrap().to_ascii_lowercase();
        let found = template(description["paths"].as_object().unwrap(), path);
        let (name, item) = found.unwrap_or_else(|| panic!("{path} is not described"));
        let operation = &item[&method];
        assert!(operation.is_object(), "{method} {name} is not described");
        let sent: BTreeSet<String> = query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| pair.split('=').next().unwrap().to_owned())
            .collect();
        let known = parameters(item, operation, false);
        // The vendor's Go SDK and Terraform provider send it; the description does not have it.
        let known: BTreeSet<String> =
            known.into_iter().chain(["shouldResumeStateful".to_owned()]).collect();
        assert!(sent.is_subset(&known), "{name}: {sent:?} of {known:?}");
        hold_body(name, operation, &request["body"]);
        let required = parameters(item, operation, true);
        assert!(required.is_subset(&sent), "{name}: {required:?} in {sent:?}");
        seen.insert(format!("{method} {name}"));
    }
    assert_eq!(seen.len(), 36, "{seen:?}");
}
