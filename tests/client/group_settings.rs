//! Suspensions, deployments and the configuration of a group.

use std::sync::Arc;

use serde_json::{Value, json};
use spot_sim::{Fleet, Server};
use spotinst_esg::domain::{
    BlockDevicesMode, Deployment, DeploymentStatus, Group, GroupChange, GroupId, ImageId, Process,
    Suspension,
};
use spotinst_esg::spot::{Client, Sent, SpotError};

use super::account;
use super::support::{
    ACCOUNT, Canned, RawServer, TOKEN, TestClock, client, config, demo, fault, settings,
};

/// A stateful group of the demo fleet.
fn stateful(client: &Client) -> Group {
    let groups = client.list_groups(&account()).unwrap().items;
    groups.into_iter().find(|group| group.persistence.is_stateful()).unwrap()
}

fn again(client: &Client, group: &Group) -> Group {
    client.get_group(&account(), &group.id).unwrap().items.remove(0)
}

fn processes(found: &[Suspension]) -> Vec<&str> {
    found.iter().map(|one| one.process.as_str()).collect()
}

fn accepted(sent: &Sent) -> bool {
    matches!(sent, Sent::Accepted)
}

fn advance(sim: &Server, seconds: u64) {
    sim.control("POST", "/_sim/advance", json!({ "seconds": seconds }));
}

fn edit(sim: &Server, what: Value) {
    let answer = sim.control("POST", "/_sim/edit", what);
    assert!(answer["error"].is_null(), "{answer}");
}

/// A client of a server that gives these items, whatever is asked.
fn answered(items: Value) -> (RawServer, Client) {
    let body = json!({"response": {"status": {"code": 200}, "items": items}}).to_string();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close", body.len());
    let server =
        RawServer::start(vec![Canned::Bytes(format!("{head}\r\n\r\n{body}").into_bytes())]);
    let client = Client::new(config(&server.url(), &TestClock::new(None))).unwrap();
    (server, client)
}

#[test]
fn processes_are_suspended_for_a_time_renewed_and_let_go() {
    let sim = demo();
    let (client, _) = client(&sim);
    let id = stateful(&client).id;
    let read = || {
        let listed = client.suspensions(&account(), &id).unwrap();
        assert_eq!((listed.oddities, listed.left_out), (Vec::new(), Vec::new()));
        listed.items
    };
    assert_eq!(read(), []);
    let both = [Process::AutoHealing, Process::Scheduling];
    assert!(accepted(&client.suspend(&account(), &id, &both, 30)));
    let first = read();
    assert_eq!(processes(&first), ["AUTO_HEALING", "SCHEDULING"]);
    let ends = |found: &[Suspension]| {
        found.iter().map(|one| one.expires_at.as_ref()?.instant()).collect::<Option<Vec<_>>>()
    };
    advance(&sim, 600);
    assert!(accepted(&client.suspend(&account(), &id, &both[..1], 30)));
    let renewed = read();
    assert!(ends(&renewed).unwrap()[0] > ends(&first).unwrap()[0]);
    assert_eq!(renewed[1], first[1]);
    assert!(accepted(&client.unsuspend(&account(), &id, &both[..1])));
    assert_eq!(processes(&read()), ["SCHEDULING"]);
    assert!(accepted(&client.unsuspend(&account(), &id, &both[..1])), "again");
    advance(&sim, 1300);
    assert_eq!(read(), [], "the rest has ended by itself");
}

#[test]
fn a_suspension_without_end_has_none() {
    let fleet = format!(
        "accounts: [{{id: {ACCOUNT}, name: one}}]\ntokens: [{{token: {TOKEN}}}]\n\
         groups: [{{name: kafka, id: sig-0000000a, region: eu-west-1, suspensions: [{{name: REVERT_PREFERRED}}]}}]"
    );
    let sim = Arc::new(Server::start(Fleet::from_yaml(&fleet).unwrap()).unwrap());
    let (client, _) = client(&sim);
    let id = GroupId::new("sig-0000000a");
    for shapes in [json!({}), json!({"unset": "empty"}), json!({"items": "object"})] {
        settings(&sim, json!({ "shapes": shapes }));
        let found = client.suspensions(&account(), &id).unwrap().items;
        let process = Process::RevertPreferred;
        assert_eq!(found, [Suspension { process, expires_at: None, is_endless: true }]);
    }
}

#[test]
fn nothing_to_do_is_done_without_a_call() {
    let sim = demo();
    let (client, _) = client(&sim);
    let id = GroupId::new("sig-none");
    assert!(accepted(&client.suspend(&account(), &id, &[], 30)));
    assert!(accepted(&client.unsuspend(&account(), &id, &[])));
    assert!(accepted(&client.update_group(&account(), &id, &GroupChange::default(), false)));
    assert_eq!(sim.requests().len(), 0);
}

#[test]
fn image_and_persistence_are_changed_and_nothing_else() {
    let sim = demo();
    let (client, _) = client(&sim);
    let before = stateful(&client);
    let mut persistence = before.persistence.clone();
    persistence.root_device = !persistence.root_device;
    let change = GroupChange {
        image_id: Some(ImageId::new("ami-0fedcba9876543210")),
        persistence: Some(persistence.clone()),
    };
    let sent = client.update_group(&account(), &before.id, &change, before.names_images_in_list);
    assert!(accepted(&sent), "{sent:?}");
    let after = again(&client, &before);
    assert_eq!((after.image_id.clone(), &after.persistence), (change.image_id, &persistence));
    let back = GroupChange {
        image_id: before.image_id.clone(),
        persistence: Some(before.persistence.clone()),
    };
    assert!(accepted(&client.update_group(&account(), &before.id, &back, false)));
    let mut restored = again(&client, &before);
    let (mut was, touched) = (before.clone(), "updatedAt");
    was.raw.shift_remove(touched);
    restored.raw.shift_remove(touched);
    assert_eq!(restored, was);
}

#[test]
fn a_group_that_names_its_image_in_a_list_keeps_doing_so() {
    let sim = demo();
    let (client, _) = client(&sim);
    let group = stateful(&client);
    edit(
        &sim,
        json!({"group": group.id.as_str(), "unset": ["compute.launchSpecification.imageId"],
        "set": {"compute.launchSpecification.images": [{"id": "ami-1"}]}}),
    );
    let listed = again(&client, &group);
    assert_eq!((listed.names_images_in_list, listed.image_id), (true, Some(ImageId::new("ami-1"))));
    let change = GroupChange { image_id: Some(ImageId::new("ami-2")), persistence: None };
    assert!(accepted(&client.update_group(&account(), &group.id, &change, true)));
    let changed = again(&client, &group);
    let launch = &changed.raw["compute"]["launchSpecification"];
    assert_eq!((&launch["images"], launch.get("imageId")), (&json!([{"id": "ami-2"}]), None));
    assert_eq!(changed.image_id, Some(ImageId::new("ami-2")));
}

#[test]
fn every_change_says_what_is_known_of_it_and_is_sent_once() {
    let change = GroupChange { image_id: Some(ImageId::new("ami-2")), persistence: None };
    for (kind, is_known) in [
        (json!({"kind": "status", "status": 400, "code": "BUSY"}), true),
        (json!({"kind": "status", "status": 503}), false),
        (json!({"kind": "cut_after_commit"}), false),
        (json!({"kind": "cut_before_commit"}), false),
    ] {
        let sim = demo();
        let (client, _) = client(&sim);
        let id = stateful(&client).id;
        let before = sim.requests().len();
        let healing = [Process::AutoHealing];
        let mut thrice = kind.clone();
        thrice["count"] = json!(3);
        fault(&sim, thrice);
        for sent in [
            client.suspend(&account(), &id, &healing, 30),
            client.unsuspend(&account(), &id, &healing),
            client.update_group(&account(), &id, &change, false),
        ] {
            match &sent {
                Sent::Refused(_) => assert!(is_known, "{kind}: {sent:?}"),
                Sent::Unknown(_) => assert!(!is_known, "{kind}: {sent:?}"),
                Sent::Accepted => panic!("{kind}"),
            }
        }
        assert_eq!(sim.requests().len(), before + 3, "{kind}");
    }
}

#[test]
fn a_change_does_not_outwait_a_block_for_the_rate_limit() {
    let sim = demo();
    let (client, clock) = client(&sim);
    let id = stateful(&client).id;
    fault(&sim, json!({"kind": "status", "status": 429, "retry_after": 60, "count": 1}));
    let sent = client.suspend(&account(), &id, &[Process::AutoHealing], 30);
    assert!(matches!(sent, Sent::Refused(SpotError::RateLimited { .. })), "{sent:?}");
    assert!(clock.pauses().is_empty());
    assert_eq!(client.suspensions(&account(), &id).unwrap().items, []);
}

#[test]
fn an_unknown_group_is_named() {
    let sim = demo();
    let (client, _) = client(&sim);
    let none = GroupId::new("sig-none");
    let change = GroupChange { image_id: Some(ImageId::new("ami-2")), persistence: None };
    let sent = client.update_group(&account(), &none, &change, false);
    let Sent::Refused(error) = sent else { panic!("{sent:?}") };
    assert!(error.to_string().contains("group sig-none does not exist"), "{error}");
    assert!(client.suspensions(&account(), &none).is_err());
}

#[test]
fn deployments_are_listed_whatever_is_odd_about_them() {
    let (server, client) = answered(json!([
        {"id": "sbgd-2", "status": "STARTING", "createdAt": "2018-03-27T19:50:12.000+0000"},
        {"status": "finished", "created_at": 7},
        {"id": "sbgd-1"}]));
    let listed = client.deployments(&account(), &GroupId::new("sig-1")).unwrap();
    let of = |id: Option<&str>, status: &str| Deployment {
        id: id.map(str::to_owned),
        status: DeploymentStatus::parse(status),
    };
    let expected = [of(Some("sbgd-2"), "starting"), of(None, "finished"), of(Some("sbgd-1"), "")];
    assert_eq!(listed.items, expected);
    assert_eq!(listed.oddities, ["deployment sbgd-1 has no status"]);
    let line =
        "GET /aws/ec2/group/sig-1/roll?limit=20&sort=createdAt%3ADESC&accountId=act-demo0001";
    assert!(server.heads()[0].starts_with(line), "{}", server.heads()[0]);
}

#[test]
fn suspensions_of_another_group_or_in_parts_are_told() {
    let (_server, client) = answered(json!([
        {"groupId": "sig-2", "processes": ["AUTO_HEALING"]},
        {"groupId": "sig-1", "processes": ["AUTO_SCALE"]},
        {"groupId": "sig-1", "suspensions": [
            {"name": "AUTO_SCALE", "expiresAt": "2026-11-20T12:30:00.000Z"}, {"name": "SCHEDULING"}]}]));
    let listed = client.suspensions(&account(), &GroupId::new("sig-1")).unwrap();
    assert_eq!(processes(&listed.items), ["AUTO_SCALE", "SCHEDULING"]);
    assert_eq!(
        listed.left_out,
        [
            "the reply holds group sig-2 instead: left out",
            "AUTO_SCALE is suspended twice with different ends: the second is left out",
        ]
    );
}

#[test]
fn a_persistence_mode_of_tomorrow_goes_back_as_it_came() {
    let sim = demo();
    let (client, _) = client(&sim);
    let group = stateful(&client);
    edit(
        &sim,
        json!({"group": group.id.as_str(),
        "set": {"strategy.persistence.blockDevicesMode": "later"}}),
    );
    let read = again(&client, &group).persistence;
    assert_eq!(read.block_devices_mode, Some(BlockDevicesMode::Other("later".to_owned())));
    let change = GroupChange { image_id: None, persistence: Some(read.clone()) };
    let _ = client.update_group(&account(), &group.id, &change, false);
    assert_eq!(again(&client, &group).persistence, read);
}
