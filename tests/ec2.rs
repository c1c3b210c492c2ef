//! The inventory with EC2's facts: the binary between the simulator of Spot and moto, which share instance ids.

#![cfg(feature = "aws")]
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without, it panics on")]

mod support;

use std::process::Command;

use serde_json::{Value, json};
use support::cli::{Desk, Ran, ran};
use support::moto::{self, Launch};

/// A broker in each of two regions, known to both simulators, and one paused.
fn desk() -> (Desk, String, String) {
    let tags = [("Name", "broker-1"), ("Note", "{{ lookup('pipe','id') }}")];
    let ireland = moto::shared()
        .run_instances("eu-west-1", &Launch { is_spot: true, tags: &tags, ..Launch::default() });
    let virginia = moto::shared().run_instances("us-east-1", &Launch::default());
    let (ireland, virginia) = (ireland[0].clone(), virginia[0].clone());
    let desk = Desk::with(&format!(
        "groups: [
          {{name: kafka, id: sig-0000000a, region: eu-west-1, persistence: {{data: reattach}}, tags: {{Role: kafka}}, stateful: [
            {{id: ssi-0000000a, instance_id: {ireland}}}, {{id: ssi-0000000b, state: PAUSED}}]}},
          {{name: zookeeper, id: sig-0000000b, region: us-east-1, persistence: {{private_ip: true}}, stateful: [
            {{id: ssi-0000000c, instance_id: {virginia}, private_ip: 10.0.0.3}}]}},
          {{name: web, region: eu-west-1, members: [{{}}]}}]"
    ));
    (desk, ireland, virginia)
}

fn with_aws(desk: &Desk, url: &str) -> Command {
    let mut command = desk.command();
    command
        .env("AWS_ENDPOINT_URL", url)
        .env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
    command
}

fn list(desk: &Desk, mut command: Command, options: &str) -> Ran {
    let file = desk.options(options);
    ran(command.args(["inventory", "--list", "--config"]).arg(file).output().unwrap())
}

fn host<'a>(document: &'a Value, id: &str) -> &'a Value {
    let hosts = document["_meta"]["hostvars"].as_object().unwrap();
    hosts
        .values()
        .find(|vars| vars["spotinst_id"] == id)
        .unwrap_or_else(|| panic!("{id}: {document}"))
}

#[test]
fn ec2_facts_are_added_without_a_call_to_the_group_status() {
    let (desk, ireland, _) = desk();
    for options in ["", "ec2: true"] {
        let run = list(&desk, with_aws(&desk, moto::shared().url()), options);
        let document = run.document();
        let broker = host(&document, "ssi-0000000a");
        assert_eq!(broker["spotinst_instanceId"], json!(ireland));
        assert_eq!(broker["spotinst_ec2_state"], "running");
        assert_eq!(broker["spotinst_lifecycle"], "spot");
        assert_eq!(broker["spotinst_tags"]["Name"], "broker-1");
        assert!(broker["spotinst_tags"]["Note"]["__ansible_unsafe"].is_string());
        assert_eq!(broker["ansible_host"], broker["spotinst_privateIp"]);
        assert!(broker["spotinst_availabilityZone"].as_str().unwrap().starts_with("eu-west-1"));
        for fact in [
            "spotinst_privateDnsName",
            "spotinst_subnetId",
            "spotinst_vpcId",
            "spotinst_ec2_launchedAt",
        ] {
            assert!(broker[fact].is_string(), "{fact}: {broker}");
        }
        let keeper = host(&document, "ssi-0000000c");
        assert_eq!(keeper["spotinst_lifecycle"], "on-demand");
        assert_eq!(
            keeper["spotinst_privateIp"], "10.0.0.3",
            "the persisted address stays what it is"
        );
        assert_ne!(keeper["ansible_host"], "10.0.0.3", "EC2 knows the present address");
        assert!(run.stderr.contains("yet its persisted address is 10.0.0.3"), "{run:?}");
        assert!(host(&document, "ssi-0000000b").get("spotinst_instanceId").is_none());
    }
    let paths = desk.paths();
    assert!(!paths.iter().any(|path| path.ends_with("/status")), "{paths:?}");
    assert_eq!(paths.len(), 2 * (1 + 2), "one list and one call a stateful group, twice");
}

#[test]
fn hosts_can_be_named_by_an_instance_tag() {
    let (desk, _, _) = desk();
    let run = list(
        &desk,
        with_aws(&desk, moto::shared().url()),
        "hostnames: [\"tag:Name\", private_dns_name]",
    );
    let document = run.document();
    assert_eq!(document["_meta"]["hostvars"]["broker-1"]["spotinst_id"], "ssi-0000000a");
    assert_eq!(document["_meta"]["hostvars"]["ssi-0000000b"]["spotinst_state"], "PAUSED");
}

#[test]
fn without_credentials_auto_uses_the_status_and_true_is_an_error() {
    let (desk, _, _) = desk();
    let run = list(&desk, desk.command(), "");
    assert_eq!(run.stderr, "", "no AWS is an ordinary case");
    assert_eq!(host(&run.document(), "ssi-0000000c")["spotinst_lifecycle"], "spot");
    assert!(desk.paths().iter().any(|path| path.ends_with("/status")));
    list(&desk, desk.command(), "ec2: true").assert_failed(3, &["AWS credentials", "ec2: true"]);
    let mut command = with_aws(&desk, "http://127.0.0.1:9");
    command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    list(&desk, command, "ec2: true\naws_profile: nobody").assert_failed(3, &["nobody"]);
}

#[test]
fn a_region_that_fails_is_named_and_its_groups_come_from_the_status() {
    let (desk, _, virginia) = desk();
    let run = list(&desk, with_aws(&desk, "http://127.0.0.1:9"), "");
    let document = run.document();
    assert_eq!(host(&document, "ssi-0000000c")["spotinst_instanceId"], json!(virginia));
    assert!(host(&document, "ssi-0000000c")["spotinst_instanceType"].is_string());
    let named = |region: &str| {
        run.warnings().iter().any(|line| line.contains(region) && line.contains("status"))
    };
    assert!(named("region eu-west-1") && named("region us-east-1"), "{run:?}");
    list(&desk, with_aws(&desk, "http://127.0.0.1:9"), "strict: true")
        .assert_failed(7, &["eu-west-1"]);
}

#[test]
fn an_instance_that_ec2_does_not_know_is_named_and_described_by_the_status() {
    let desk = Desk::with(
        "groups: [{name: kafka, id: sig-0000000a, region: eu-west-1, persistence: {private_ip: true}, stateful: [
          {id: ssi-0000000a, instance_id: i-0123456789abcdef0, private_ip: 10.0.0.1}]}]",
    );
    let run = list(&desk, with_aws(&desk, moto::shared().url()), "");
    let document = run.document();
    assert_eq!(host(&document, "ssi-0000000a")["ansible_host"], "10.0.0.1");
    assert!(host(&document, "ssi-0000000a")["spotinst_instanceType"].is_string());
    assert!(run.warnings()[0].contains("i-0123456789abcdef0"), "{run:?}");
}

#[test]
fn doctor_names_the_aws_identity_and_no_secret() {
    let (desk, _, _) = desk();
    let mut command = with_aws(&desk, moto::shared().url());
    let run = ran(command.arg("doctor").output().unwrap());
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.stdout.contains(moto::ACCOUNT), "{run:?}");
    assert!(!run.stdout.contains("wJalrXUtnFEMI"), "{run:?}");
}

#[test]
fn asked_for_without_condition_a_failing_region_is_an_error() {
    let (desk, _, _) = desk();
    list(&desk, with_aws(&desk, "http://127.0.0.1:9"), "ec2: true")
        .assert_failed(1, &["ec2: true", "region"]);
}

/// AWS may use a part of the time only; the rest is for what serves instead.
#[test]
fn an_aws_that_never_answers_leaves_time_for_the_status() {
    let (desk, _, _) = desk();
    let silent = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let run = list(&desk, with_aws(&desk, &url), "timeout: 9");
    assert!(host(&run.document(), "ssi-0000000c")["spotinst_instanceType"].is_string());
    assert!(run.warnings().iter().any(|line| line.contains("no answer within 3s")), "{run:?}");
    list(&desk, with_aws(&desk, &url), "timeout: 9\nec2: true").assert_failed(6, &["no answer"]);
}
