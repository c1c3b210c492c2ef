//! What others made in IAM under the names that onboarding uses.

use serde_json::{Value, json};

use crate::support::moto::elements;
use crate::{Site, changed, moto};

const SURE: [&str; 2] = ["-e", "onboard_account_confirm_delete=true"];
const POLICY: &str = "arn:aws:iam::123456789012:policy";

/// An action of IAM with a document among its parameters.
pub(crate) fn with_document(site: &Site, action: &str, name: &str, document: &Value) {
    let mut url = reqwest::Url::parse("form:").unwrap();
    url.query_pairs_mut().append_pair(name, &document.to_string());
    site.moto.iam(&format!("{action}&{}", url.query().unwrap()));
}

pub(crate) fn make_role(site: &Site, name: &str) {
    let trust = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": {"Service": "lambda.amazonaws.com"}}]});
    with_document(site, &format!("CreateRole&RoleName={name}"), "AssumeRolePolicyDocument", &trust);
}

fn make_policy(site: &Site, name: &str) {
    let document = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]});
    with_document(site, &format!("CreatePolicy&PolicyName={name}"), "PolicyDocument", &document);
}

fn attach(site: &Site, policy: &str, role: &str) {
    site.moto.iam(&format!("AttachRolePolicy&RoleName={role}&PolicyArn={POLICY}/{policy}"));
}

fn attached(site: &Site, role: &str) -> Vec<String> {
    let answer = site.moto.iam(&format!("ListAttachedRolePolicies&RoleName={role}"));
    let mut names: Vec<String> = elements(&answer, "PolicyName").map(str::to_owned).collect();
    names.sort();
    names
}

/// The trust of a role, as IAM tells it.
pub(crate) fn trust(site: &Site, role: &str) -> String {
    let answer = site.moto.iam(&format!("GetRole&RoleName={role}"));
    elements(&answer, "AssumeRolePolicyDocument").next().unwrap().to_owned()
}

#[test]
fn roles_profiles_and_policies_of_others_are_neither_changed_nor_deleted() {
    let site = Site::new(&json!({}));
    make_role(&site, "SpotRole-staging");
    make_role(&site, "SpotInstance-staging");
    site.moto.iam("CreateInstanceProfile&InstanceProfileName=SpotInstance-staging");
    make_policy(&site, "SpotPolicy-staging");
    make_policy(&site, "Theirs");
    for role in ["SpotRole-staging", "SpotInstance-staging"] {
        attach(&site, "Theirs", role);
    }
    let before = (trust(&site, "SpotRole-staging"), attached(&site, "SpotRole-staging"));

    let there = site.left();
    let refused = site.play("onboard", &[]);
    assert_ne!(refused.code, 0, "{}", refused.stdout);
    for words in [
        "role SpotRole-staging, role SpotInstance-staging, profile SpotInstance-staging, policy SpotPolicy-staging",
        "onboard_account_take_over",
    ] {
        let said = refused.stdout.replace('\n', " ");
        assert!(said.contains(words), "{words}: {}", refused.stdout);
    }
    assert_eq!((trust(&site, "SpotRole-staging"), attached(&site, "SpotRole-staging")), before);
    let left = site.play("offboard", &SURE);
    assert!(changed(&left) > 0 && left.stdout.contains("left as they are"), "{}", left.stdout);
    assert_eq!(site.left(), there);

    // With a consent they are changed, keep what they have besides, and are still not deleted.
    let taken = ["-e", "onboard_account_take_over=true"];
    assert!(changed(&site.play("onboard", &taken)) > 0);
    assert_eq!(site.connected(), 1);
    assert_eq!(attached(&site, "SpotRole-staging"), ["SpotPolicy-staging", "Theirs"]);
    assert_eq!(attached(&site, "SpotInstance-staging"), ["Theirs"]);
    assert_eq!(changed(&site.play("onboard", &taken)), 0);
    // Connected by it, it stays as it is; the other ones are still not to be changed.
    let refused = site.play("onboard", &[]);
    assert!(refused.code != 0 && !refused.stdout.contains("role SpotRole-staging"));
    let kept = site.play("onboard", &["-e", "onboard_account_instance_profile="]);
    assert_eq!(changed(&kept), 0, "{}", kept.stdout);
    assert!(kept.stdout.contains("its trust and its policies stay"), "{}", kept.stdout);
    assert!(changed(&site.play("offboard", &SURE)) > 0);
    let left = site.left();
    for name in [
        "RoleName SpotRole-staging",
        "RoleName SpotInstance-staging",
        "InstanceProfileName SpotInstance-staging",
        "PolicyName SpotPolicy-staging",
        "PolicyName Theirs",
    ] {
        assert!(left.contains(name), "{name}: {left:?}");
    }
}

/// A rule of that name, with a target that is not Spot's; answers what there is of it.
fn rule_of_others(site: &Site, region: &str, is_made: bool) -> (Value, Value) {
    let asked = |action: &str, body: Value| {
        site.moto.json(region, "events", &format!("AWSEvents.{action}"), &body).unwrap()
    };
    let name = "SpotRole-staging-events";
    if is_made {
        let pattern = json!({"source": ["aws.ec2"]}).to_string();
        asked("PutRule", json!({"Name": name, "EventPattern": pattern, "Description": "Theirs"}));
        let target = json!({"Id": "pager", "Arn": "arn:aws:sns:eu-west-1:123456789012:pager"});
        asked("PutTargets", json!({"Rule": name, "Targets": [target]}));
    }
    (
        asked("DescribeRule", json!({"Name": name})),
        asked("ListTargetsByRule", json!({"Rule": name})),
    )
}

#[test]
fn rules_of_others_are_neither_changed_nor_deleted() {
    let site = Site::new(&json!({}));
    let theirs = rule_of_others(&site, "us-east-1", true);
    let there = site.left();
    let more = [
        "-e",
        "{\"onboard_account_event_regions\": [\"eu-west-1\", \"us-east-1\"]}",
        "-e",
        "{\"onboard_account_event_target\": {\"arn\": \"arn:aws:sns:eu-west-1:123456789012:spot\"}}",
    ];
    // A consent does not matter: their targets would go.
    for consent in [&[][..], &["-e", "onboard_account_take_over=true"]] {
        let refused = site.play("onboard", &[&more[..], consent].concat());
        let said = refused.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        let words = "did not make the rule SpotRole-staging-events in us-east-1,";
        assert!(refused.code != 0 && said.contains(words), "{}", refused.stdout);
    }
    assert_eq!(rule_of_others(&site, "us-east-1", false), theirs);

    let here = ["-e", "{\"onboard_account_event_regions\": [\"eu-west-1\"]}", more[2], more[3]];
    assert!(changed(&site.play("onboard", &here)) > 0);
    assert_eq!(changed(&site.play("onboard", &here)), 0);
    let gone = site.play("offboard", &[&SURE[..], &more].concat());
    assert!(changed(&gone) > 0, "{}", gone.stdout);
    let said = gone.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("rule SpotRole-staging-events in us-east-1"), "{}", gone.stdout);
    assert_eq!(rule_of_others(&site, "us-east-1", false), theirs);
    // Of what is left only what serves others, too, was not there before; theirs is, ours is not.
    let left = site.left();
    let rules = |all: &std::collections::BTreeSet<String>| {
        all.iter().filter(|one| one.starts_with("rule ")).count()
    };
    assert_eq!((rules(&left), rules(&there)), (1, 1), "{left:?}");
}

#[test]
fn a_policy_that_a_role_of_others_has_stays_when_all_else_goes() {
    let site = Site::new(&json!({}));
    assert!(changed(&site.play("onboard", &[])) > 0);
    make_role(&site, "Production");
    attach(&site, "SpotPolicy-staging", "Production");
    let run = site.play("offboard", &SURE);
    assert!(changed(&run) > 0 && run.stdout.contains("attached to role Production"), "{run:?}");
    assert_eq!(attached(&site, "Production"), ["SpotPolicy-staging"]);
    assert!(!site.left().contains("RoleName SpotRole-staging"));
    site.moto.iam(&format!(
        "DetachRolePolicy&RoleName=Production&PolicyArn={}/SpotPolicy-staging",
        POLICY
    ));
    assert_eq!(changed(&site.play("offboard", &SURE)), 1);
    assert!(!site.left().contains("PolicyName SpotPolicy-staging"), "{}", moto::ACCOUNT);
}
