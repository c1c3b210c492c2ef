//! What `elastigroup` asks of AWS, with AWS's side played by moto: look-ups, and the preflight before anything is sent.

#![cfg(feature = "aws")]
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without, it panics on")]

mod support;

use serde_json::{Value, json};
use support::canned::{Canned, Reply};
use support::cli::Desk;
use support::module::{Called, call_with};
use support::moto::{self, Moto, elements};

const REGION: &str = "eu-west-1";
const OTHER: &str = "us-east-1";
/// What AWS publishes as its newest Linux for each architecture.
const X86: &str = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-6.1-x86_64";
const ARM: &str = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-6.1-arm64";

fn desk() -> Desk {
    Desk::with("clock: {speed: 500}")
}

fn keep(desk: &Desk, url: &str, arguments: &Value) -> Called {
    let environment = [
        ("AWS_ENDPOINT_URL", url),
        ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
    ];
    call_with(desk, "elastigroup", arguments, &environment)
}

fn mutations(desk: &Desk) -> usize {
    desk.simulator.requests().iter().filter(|request| request.method != "GET").count()
}

/// The group that was sent last.
fn sent(desk: &Desk) -> Value {
    let requests = desk.simulator.requests();
    let last = requests.into_iter().rfind(|request| request.method != "GET").unwrap();
    serde_json::to_value(&last).unwrap()["body"]["group"].clone()
}

/// One call of EC2; answers the first element of this name.
fn ec2(moto: &Moto, fields: &[(&str, &str)], element: &str) -> String {
    let fields: Vec<_> =
        fields.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let answer = moto.ec2(REGION, &fields);
    elements(&answer, element).next().unwrap_or_else(|| panic!("{answer}")).to_owned()
}

/// A VPC with a private and a public subnet in zone a, a private one in b, and one in c whose public addresses lead nowhere.
struct Network {
    vpc: String,
    private_a: String,
    public_a: String,
    private_b: String,
    flagged_c: String,
    group: String,
}

impl Network {
    fn make(moto: &Moto, name: &str) -> Self {
        let vpc = ec2(moto, &[("Action", "CreateVpc"), ("CidrBlock", "10.7.0.0/16")], "vpcId");
        let tag = |id: &str, key: &str, value: &str| {
            let fields = [
                ("Action", "CreateTags"),
                ("ResourceId.1", id),
                ("Tag.1.Key", key),
                ("Tag.1.Value", value),
            ];
            ec2(moto, &fields, "requestId");
        };
        tag(&vpc, "Name", name);
        let subnet = |zone: &str, block: &str| {
            let zone = format!("{REGION}{zone}");
            let fields = [
                ("Action", "CreateSubnet"),
                ("VpcId", vpc.as_str()),
                ("CidrBlock", block),
                ("AvailabilityZone", &zone),
            ];
            ec2(moto, &fields, "subnetId")
        };
        let (private_a, public_a) = (subnet("a", "10.7.1.0/24"), subnet("a", "10.7.2.0/24"));
        let (private_b, flagged_c) = (subnet("b", "10.7.3.0/24"), subnet("c", "10.7.4.0/24"));
        tag(&private_a, "Tier", "data");
        let flag = [
            ("Action", "ModifySubnetAttribute"),
            ("SubnetId", flagged_c.as_str()),
            ("MapPublicIpOnLaunch.Value", "true"),
        ];
        ec2(moto, &flag, "requestId");
        let gateway = ec2(moto, &[("Action", "CreateInternetGateway")], "internetGatewayId");
        let attach = [
            ("Action", "AttachInternetGateway"),
            ("InternetGatewayId", gateway.as_str()),
            ("VpcId", vpc.as_str()),
        ];
        ec2(moto, &attach, "requestId");
        let table = ec2(moto, &[("Action", "CreateRouteTable"), ("VpcId", &vpc)], "routeTableId");
        let route = [
            ("Action", "CreateRoute"),
            ("RouteTableId", table.as_str()),
            ("DestinationCidrBlock", "0.0.0.0/0"),
            ("GatewayId", &gateway),
        ];
        ec2(moto, &route, "requestId");
        let associate = [
            ("Action", "AssociateRouteTable"),
            ("RouteTableId", table.as_str()),
            ("SubnetId", &public_a),
        ];
        ec2(moto, &associate, "associationId");
        let make = [
            ("Action", "CreateSecurityGroup"),
            ("GroupName", "servers"),
            ("GroupDescription", "servers"),
            ("VpcId", vpc.as_str()),
        ];
        let group = ec2(moto, &make, "groupId");
        Self { vpc, private_a, public_a, private_b, flagged_c, group }
    }
}

fn wanted(more: &Value) -> Value {
    let arguments = json!({
        "name": "zookeeper", "region": REGION, "capacity": {"target": 0, "minimum": 0, "maximum": 3},
        "image_ssm_parameter": X86, "wait": false, "persistence": {"data": "reattach"},
        "instance_types": {"on_demand": ["m5.large"], "spot": ["m5.large", "m5a.large"]},
    });
    merged(arguments, more)
}

/// Null takes an option out.
fn merged(mut arguments: Value, more: &Value) -> Value {
    let options = arguments.as_object_mut().unwrap();
    for (name, value) in more.as_object().unwrap() {
        match value {
            Value::Null => options.shift_remove(name),
            value => options.insert(name.clone(), value.clone()),
        };
    }
    arguments
}

#[test]
fn subnets_are_chosen_by_vpc_zone_and_route_and_security_groups_by_name() {
    let moto = moto::shared();
    let net = Network::make(moto, "lookup");
    let zone = |letter: &str, ids: &[&String]| json!({"name": format!("{REGION}{letter}"), "subnetIds": ids});
    let sorted = |one: &String, other: &String| {
        let mut all = [one.clone(), other.clone()];
        all.sort();
        json!({"name": format!("{REGION}a"), "subnetIds": all})
    };
    let by_tag = json!({"Name": "lookup"});
    let table = [
        (
            json!({"vpc_id": net.vpc, "kind": "private"}),
            json!([
                zone("a", &[&net.private_a]),
                zone("b", &[&net.private_b]),
                // Its addresses are public and its routes are not.
                zone("c", &[&net.flagged_c]),
            ]),
        ),
        (json!({"vpc_tags": by_tag, "kind": "public"}), json!([zone("a", &[&net.public_a])])),
        (
            json!({"vpc_tags": by_tag, "zones": [format!("{REGION}a")]}),
            json!([sorted(&net.private_a, &net.public_a)]),
        ),
        (json!({"vpc_id": net.vpc, "tags": {"Tier": "d*"}}), json!([zone("a", &[&net.private_a])])),
    ];
    for (subnets, zones) in table {
        let desk = desk();
        let arguments =
            wanted(&json!({"subnets": subnets, "security_group_names": ["servers", "default"]}));
        let made = keep(&desk, moto.url(), &arguments).well();
        assert_eq!(made["created"], true, "{made}");
        let group = sent(&desk);
        assert_eq!(group["compute"]["availabilityZones"], zones, "{subnets}");
        let groups = group["compute"]["launchSpecification"]["securityGroupIds"].clone();
        assert_eq!(groups[0], json!(net.group), "{subnets}");
        assert_eq!(groups.as_array().unwrap().len(), 2);
        assert_eq!(keep(&desk, moto.url(), &arguments).well()["changed"], false, "{subnets}");
    }
    // The default VPC, where no VPC was made.
    let desk = desk();
    let arguments = wanted(&json!({
        "region": OTHER, "subnets": {"default_vpc": true, "zones": [format!("{OTHER}b")]},
        "security_group_names": "default",
    }));
    keep(&desk, moto.url(), &arguments).well();
    assert_eq!(sent(&desk)["compute"]["availabilityZones"][0]["name"], format!("{OTHER}b"));
}

#[test]
fn a_lookup_that_finds_nothing_or_too_much_is_a_refusal_that_says_what_to_do() {
    let moto = moto::shared();
    let net = Network::make(moto, "twice");
    Network::make(moto, "twice");
    let desk = desk();
    let subnets = |subnets: Value| json!({ "subnets": subnets, "security_group_ids": [net.group] });
    let table = [
        (subnets(json!({"vpc_id": "vpc-0"})), "there is no VPC vpc-0"),
        (subnets(json!({"vpc_tags": {"Name": "twice"}})), "name one by subnets.vpc_id"),
        (
            subnets(json!({"vpc_id": net.vpc, "zones": [format!("{REGION}b")], "kind": "public"})),
            "has no public subnet in eu-west-1b; it has in eu-west-1a",
        ),
        (subnets(json!({"vpc_id": net.vpc, "tags": {"Tier": "web"}})), "has no such subnet"),
        (subnets(json!({"kind": "private"})), "one of the following is required"),
        (subnets(json!({"default_vpc": false})), "names no VPC"),
        (subnets(json!({"vpc_id": ""})), "vpc_id"),
        (subnets(json!({"vpc_id": net.vpc, "default_vpc": true})), "mutually exclusive"),
        (subnets(json!({"vpc_id": net.vpc, "kind": "secret"})), "kind"),
        (
            json!({"subnets": {"vpc_id": net.vpc}, "security_group_names": ["absent"]}),
            "has no security group absent",
        ),
        (json!({"security_group_names": ["servers"]}), "set subnets, subnet_ids or zones"),
        (
            json!({"subnets": {"vpc_id": net.vpc}, "subnet_ids": [net.private_a]}),
            "mutually exclusive",
        ),
    ];
    for (more, words) in table {
        let called = keep(&desk, moto.url(), &wanted(&more));
        assert!(called.failed().contains(words), "{more}: {}", called.failed());
    }
    assert_eq!(mutations(&desk), 0);
}

#[test]
fn what_could_not_be_launched_is_refused_before_anything_is_sent() {
    let moto = moto::shared();
    let (net, elsewhere) = (Network::make(moto, "one"), Network::make(moto, "two"));
    moto.iam("CreateInstanceProfile&InstanceProfileName=servers&Path=/team/");
    let profile = format!("arn:aws:iam::{}:instance-profile/team/servers", moto::ACCOUNT);
    ec2(moto, &[("Action", "CreateKeyPair"), ("KeyName", "ops")], "keyName");
    let zones = |letter: &str, subnet: &str| json!([{"name": format!("{REGION}{letter}"), "subnet_ids": [subnet]}]);
    let fitting = |more: &Value| {
        let usual = wanted(&json!({
            "zones": zones("a", &net.private_a), "security_group_ids": [net.group], "key_pair": "ops",
            "iam_role": profile, "preflight": "required",
            "block_devices": [{"device_name": "/dev/xvda", "volume_size": 100}],
        }));
        merged(usual, more)
    };
    let mixed = json!({"zones": [
        {"name": format!("{REGION}a"), "subnet_ids": [net.private_a]}, {"name": format!("{REGION}b"), "subnet_ids": [elsewhere.private_b]}]});
    let table = [
        (
            json!({"image_ssm_parameter": null, "image_id": "ami-0fffffffffffffff0"}),
            "ami-0fffffffffffffff0 is not there",
        ),
        (
            json!({"image_ssm_parameter": ARM}),
            "for arm64, and these instance types are not: m5.large",
        ),
        (
            json!({"block_devices": [{"device_name": "/dev/xvda", "volume_size": 1}]}),
            "has 1 GiB and is the root of",
        ),
        (json!({"block_devices": [{"device_name": "/dev/sda1"}]}), "the root of machine image"),
        (json!({"zones": zones("a", "subnet-0")}), "subnet subnet-0 is not there"),
        (json!({"zones": zones("b", &net.private_a)}), "is in eu-west-1a and stated in eu-west-1b"),
        (
            json!({"zones": [{"name": "us-east-1a", "subnet_ids": [net.private_a]}]}),
            "zone us-east-1a is none of eu-west-1",
        ),
        (mixed, "are of several VPCs"),
        (json!({"security_group_ids": ["sg-0"]}), "security group sg-0 is not there"),
        (json!({"security_group_ids": [elsewhere.group]}), "and the subnets are of"),
        (json!({"key_pair": "absent"}), "key pair absent is not there"),
        (json!({"iam_role": "absent"}), "instance profile absent is not there"),
        (
            json!({"iam_role": format!("arn:aws:iam::{}:role/servers", moto::ACCOUNT)}),
            "the instance profile of that name is",
        ),
    ];
    let desk = desk();
    for (more, words) in &table {
        let called = keep(&desk, moto.url(), &fitting(more));
        let line = called.failed();
        assert!(line.contains(words) && line.contains("preflight"), "{more}: {line}");
        assert_eq!(called.answer["error_code"], "PREFLIGHT", "{line}");
    }
    // All of them in one line, and in check mode too.
    let (mut all, words) = (json!({"key_pair": "absent", "iam_role": "absent"}), "pair absent");
    all["_ansible_check_mode"] = json!(true);
    let called = keep(&desk, moto.url(), &fitting(&all));
    assert!(called.failed().contains(words) && called.failed().contains("profile absent"));
    assert_eq!(mutations(&desk), 0);
    let made = keep(&desk, moto.url(), &fitting(&json!({}))).well();
    assert_eq!((&made["created"], &made["warnings"]), (&json!(true), &Value::Null), "{made}");
    // Of a group that is there only what changes is asked about.
    let id = made["id"].clone();
    ec2(moto, &[("Action", "DeleteKeyPair"), ("KeyName", "ops")], "requestId");
    let change = json!({"id": id, "description": "x", "wait": false, "preflight": "required"});
    assert_eq!(keep(&desk, moto.url(), &change).well()["changed"], true);
    let change = json!({"id": id, "iam_role": "absent", "wait": false});
    assert!(keep(&desk, moto.url(), &change).failed().contains("instance profile absent"));
    let change = json!({"id": id, "iam_role": "absent", "wait": false, "preflight": "skip"});
    assert_eq!(keep(&desk, moto.url(), &change).well()["changed"], true);
}

/// Credentials that may do nothing: what AWS does not tell is a warning, and no reason to refuse.
#[test]
fn where_aws_says_not_allowed_the_preflight_warns_and_only_a_required_one_fails() {
    let server = Canned::start(|request| match request.body.contains("2010-05-08") {
        true => Reply::xml(
            403,
            "<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>",
        ),
        false => Reply::xml(
            403,
            "<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>no</Message></Error></Errors></Response>",
        ),
    });
    let desk = desk();
    let arguments = |preflight: &str| {
        wanted(&json!({
            "image_ssm_parameter": null, "image_id": "ami-1", "subnet_ids": ["subnet-1"], "security_group_ids": ["sg-1"],
            "key_pair": "ops", "iam_role": "zk", "preflight": preflight,
        }))
    };
    let required = keep(&desk, server.url(), &arguments("required"));
    assert!(required.failed().contains("required and was not complete"), "{}", required.failed());
    assert_eq!(mutations(&desk), 0);
    let made = keep(&desk, server.url(), &arguments("auto")).well();
    let warnings: Vec<&str> =
        made["warnings"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
    for (what, action) in [
        ("the machine image", "ec2:DescribeImages"),
        ("the architecture", "ec2:DescribeInstanceTypes"),
        ("the subnets", "ec2:DescribeSubnets"),
        ("the security groups", "ec2:DescribeSecurityGroups"),
        ("the key pair", "ec2:DescribeKeyPairs"),
        ("the instance profile", "iam:GetInstanceProfile"),
    ] {
        let is_it = |line: &&str| line.contains(what) && line.contains(action);
        assert!(warnings.iter().any(is_it), "{what}: {warnings:?}");
    }
    assert_eq!(mutations(&desk), 1);
}
