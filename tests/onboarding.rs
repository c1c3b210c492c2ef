//! The role `onboard_account` by its playbooks, with the modules of `amazon.aws` against moto, which the simulator asks for roles.

#![cfg(feature = "aws")]
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without, it panics on")]

mod support;

#[path = "onboarding/doubts.rs"]
mod doubts;
#[path = "onboarding/owners.rs"]
mod owners;
#[path = "onboarding/untold.rs"]
mod untold;

use std::collections::BTreeSet;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use support::ansible::{ansible, root};
use support::cli::{ACCOUNT, CANARY, Desk, Ran, ran};
use support::moto::{self, Moto, elements};

const REGION: &str = "eu-west-1";

/// An organisation and an AWS account; the simulator asks the one about the other's roles.
struct Site {
    desk: Desk,
    moto: Moto,
}

impl Site {
    fn new(administration: &Value) -> Site {
        Self::with("", administration)
    }

    fn with(fleet: &str, administration: &Value) -> Site {
        Self::of(Desk::with(fleet), administration)
    }

    fn of(desk: Desk, administration: &Value) -> Site {
        let site = Site { desk, moto: Moto::start() };
        let mut settings = administration.clone();
        settings["iam_endpoint"] = json!(site.moto.url());
        let settings = json!({"administration": settings});
        let answer = site.desk.simulator.control("POST", "/_sim/settings", settings);
        assert!(answer.get("error").is_none(), "{answer}");
        site
    }

    fn command(&self, playbook: &str, arguments: &[&str]) -> Command {
        let mut command = ansible(&self.desk, "aws", "ansible-playbook");
        command.env("AWS_ENDPOINT_URL", self.moto.url());
        command.env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE");
        command.env("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
        command.env_remove("SPOTINST_ACCOUNT_ID");
        command.arg(format!("spotinst.esg.{playbook}"));
        command.args([
            "-e",
            "onboard_account_name=staging",
            "-e",
            "onboard_account_region=eu-west-1",
        ]);
        command.args(arguments);
        command
    }

    fn play(&self, playbook: &str, arguments: &[&str]) -> Ran {
        ran(self.command(playbook, arguments).output().unwrap())
    }

    /// The value of a parameter.
    fn parameter(&self, name: &str) -> Option<String> {
        let asked = json!({"Name": name, "WithDecryption": true});
        let answer = self.moto.ssm(REGION, "GetParameter", &asked).ok()?;
        answer["Parameter"]["Value"].as_str().map(str::to_owned)
    }

    /// Everything that onboarding could have left behind, by listing.
    fn left(&self) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        for (action, element) in [
            ("ListRoles", "RoleName"),
            ("ListPolicies", "PolicyName"),
            ("ListInstanceProfiles", "InstanceProfileName"),
        ] {
            let answer = self.moto.iam(action);
            found.extend(elements(&answer, element).map(|name| format!("{element} {name}")));
        }
        for region in [REGION, "us-east-1"] {
            let mut asked = json!({"MaxResults": 50});
            loop {
                let page = self.moto.ssm(region, "DescribeParameters", &asked).unwrap();
                let names = page["Parameters"].as_array().unwrap().iter();
                let names = names.map(|one| one["Name"].as_str().unwrap());
                // AWS publishes these itself, and moto has them as soon as one was asked for.
                let names = names.filter(|name| !name.starts_with("/aws/service/"));
                found.extend(names.map(|name| format!("parameter {name}")));
                match page["NextToken"].as_str() {
                    Some(token) => asked["NextToken"] = json!(token),
                    None => break,
                }
            }
            let rules = self.moto.json(region, "events", "AWSEvents.ListRules", &json!({}));
            let rules = rules.unwrap()["Rules"].as_array().unwrap().clone();
            found.extend(rules.iter().map(|one| format!("rule {}", one["Name"])));
        }
        let state = self.desk.simulator.control("GET", "/_sim/state", Value::Null);
        for (list, key) in [
            (&state["accounts"], "id"),
            (&state["administration"]["users"], "name"),
            (&state["groups"], "name"),
        ] {
            let items = list.as_array().unwrap().iter();
            found.extend(items.map(|one| format!("{key} {}", one[key].as_str().unwrap())));
        }
        found
    }

    fn connected(&self) -> usize {
        let state = self.desk.simulator.control("GET", "/_sim/state", Value::Null);
        let accounts = state["accounts"].as_array().unwrap();
        accounts.iter().filter(|one| one["provider_external_id"] == moto::ACCOUNT).count()
    }
}

/// How many tasks the recap says were changed.
fn changed(run: &Ran) -> usize {
    assert_eq!(run.code, 0, "{}\n{}", run.stdout, run.stderr);
    let recap = run.stdout.rsplit_once("changed=").unwrap().1;
    recap.split_whitespace().next().unwrap().parse().unwrap()
}

/// What was told before anything was there: the trust and the policy of the vendor's role among it.
fn told(run: &Ran) -> Vec<Value> {
    assert_eq!(run.code, 0, "{}\n{}", run.stdout, run.stderr);
    let (_, task) = run.stdout.split_once("Tell what will be, before anything is there]").unwrap();
    let (_, result) = task.split_once("=> ").unwrap();
    let mut values = serde_json::Deserializer::from_str(result).into_iter::<Value>();
    let result = values.next().unwrap().unwrap();
    result["msg"].as_array().unwrap().clone()
}

/// The statements of the policy of the vendor's role, as told.
fn statements(run: &Ran) -> Vec<Value> {
    told(run)[3]["Statement"].as_array().unwrap().clone()
}

/// The statements with this effect that have this action.
fn with_action<'a>(statements: &'a [Value], effect: &str, action: &str) -> Vec<&'a Value> {
    let has = |one: &Value| one["Action"].as_array().unwrap().iter().any(|it| it == action);
    statements.iter().filter(|one| one["Effect"] == effect && has(one)).collect()
}

/// Runs a command and looks at the command lines of all processes meanwhile.
#[expect(clippy::disallowed_methods, reason = "looks again and again while another process runs")]
fn watched(command: &mut Command) -> (Ran, String) {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut seen = BTreeSet::new();
            while !done.load(Ordering::Relaxed) {
                for entry in std::fs::read_dir("/proc").unwrap().flatten() {
                    for file in ["cmdline", "environ"] {
                        // What is in an environment is for its owner only; it is the argument that others see.
                        if file == "cmdline" {
                            seen.extend(std::fs::read(entry.path().join(file)).ok());
                        }
                    }
                }
                std::thread::sleep(Duration::from_millis(20));
            }
            seen.iter().map(|line| String::from_utf8_lossy(line).into_owned()).collect()
        });
        let run = ran(command.stdout(Stdio::piped()).stderr(Stdio::piped()).output().unwrap());
        done.store(true, Ordering::Relaxed);
        (run, watcher.join().unwrap())
    })
}

#[test]
fn an_empty_account_is_onboarded_in_one_run_and_offboarded_without_a_trace() {
    let site = Site::new(&json!({"role_settle_seconds": 2}));
    let before = site.left();
    let more = [
        "-e",
        "{\"onboard_account_event_regions\": [\"eu-west-1\"], \"onboard_account_ocean\": true}",
        "-e",
        "{\"onboard_account_event_target\": {\"arn\": \"arn:aws:sns:eu-west-1:123456789012:spot\"}}",
    ];

    let foreseen = site.play("onboard", &[&["--check", "--diff"][..], &more].concat());
    assert!(changed(&foreseen) > 0);
    assert_eq!(site.left(), before, "a check leaves nothing");
    for shown in [
        "sts:ExternalId",
        "<external id>",
        "ec2:RunInstances",
        "922761411349",
        "ec2.amazonaws.com",
        "autoscaling:DescribeAutoScalingGroups",
        "EC2 Instance Rebalance Recommendation",
    ] {
        assert!(foreseen.stdout.contains(shown), "{shown}: {}", foreseen.stdout);
    }

    let mut command = site.command("onboard", &[&["-vvvv", "--diff"][..], &more].concat());
    let (run, lines) = watched(&mut command);
    assert!(changed(&run) > 0);
    assert_eq!(site.connected(), 1);
    let token = site.parameter("/spot/staging/token").unwrap();
    let kept: Value =
        serde_json::from_str(&site.parameter("/spot/staging/external-id").unwrap()).unwrap();
    let external_id = kept["external_id"].as_str().unwrap();
    for secret in [CANARY, token.as_str(), external_id] {
        assert!(secret.len() > 12);
        assert!(!run.stdout.contains(secret) && !run.stderr.contains(secret), "a secret shows");
        assert!(!lines.contains(secret), "a secret is an argument of a process");
    }
    let log = serde_json::to_string(&site.desk.simulator.requests()).unwrap();
    assert!(!log.contains(&token) && !log.contains(external_id));

    let again = site.play("onboard", &more);
    assert_eq!(changed(&again), 0, "{}", again.stdout);
    assert_eq!(site.parameter("/spot/staging/token").as_deref(), Some(token.as_str()));

    let unconfirmed = site.play("offboard", &more);
    assert_ne!(unconfirmed.code, 0, "{}", unconfirmed.stdout);
    let confirmed = [&["-e", "onboard_account_confirm_delete=true"][..], &more].concat();
    // By hand, so that nobody tells any more whose external id is kept.
    let state = site.desk.simulator.control("GET", "/_sim/state", Value::Null);
    let mut accounts = state["accounts"].as_array().unwrap().iter();
    let id = &accounts.find(|one| one["name"] == "staging").unwrap()["id"];
    let absent = json!({"id": id, "state": "absent", "confirm_delete": true});
    support::module::call(&site.desk, "spot_account", &absent).well();
    assert!(changed(&site.play("offboard", &confirmed)) > 0);
    let mut after = site.left();
    // It may serve others than Spot, and stays.
    let linked = after.iter().find(|one| one.contains("AWSServiceRoleFor")).cloned();
    assert!(linked.is_some_and(|one| after.remove(&one)), "{after:?}");
    assert_eq!(after, before);
    assert_eq!(changed(&site.play("offboard", &confirmed)), 0);
}

#[test]
fn the_only_account_of_a_free_plan_is_connected_and_a_lost_role_made_anew() {
    let site = Site::new(&json!({"account_limit": 1}));
    let more = [
        "-e",
        "onboard_account_policy=full",
        "-e",
        "onboard_account_service_linked_role=false",
        "-e",
        "onboard_account_adopt_single=true",
    ];
    let unasked = site.play("onboard", &more[..4]);
    assert!(unasked.code != 0 && unasked.stdout.contains("adopt_single"), "{}", unasked.stdout);
    // What IAM refuses is told, and not the external id.
    let lost = "{\"onboard_account_more_policies\": [\"arn:aws:iam::123456789012:policy/lost\"]}";
    let refused = site.play("onboard", &[&["-e", lost, "-vvv"][..], &more].concat());
    assert!(refused.code != 0, "{}", refused.stdout);
    assert!(refused.stdout.contains("cannot be made or changed"), "{}", refused.stdout);
    assert!(refused.stdout.contains("policy/lost does not exist"), "{}", refused.stdout);
    let kept: Value =
        serde_json::from_str(&site.parameter("/spot/staging/external-id").unwrap()).unwrap();
    assert!(!refused.stdout.contains(kept["external_id"].as_str().unwrap()), "a secret shows");
    let run = site.play("onboard", &more);
    assert!(changed(&run) > 0 && format!("{}{}", run.stdout, run.stderr).contains(ACCOUNT));
    assert_eq!(site.connected(), 1);
    assert_eq!(changed(&site.play("onboard", &more)), 0);
    site.moto.iam("DetachRolePolicy&RoleName=SpotRole-staging&PolicyArn=arn:aws:iam::123456789012:policy/SpotPolicy-staging");
    site.moto.iam("DeleteRole&RoleName=SpotRole-staging");
    assert!(changed(&site.play("onboard", &more)) > 0);
    let before = site.left();
    assert!(before.contains("RoleName SpotRole-staging"));
    assert_eq!(changed(&site.play("onboard", &more)), 0);

    // It is called `one`, and the vendor does not delete the only one: it keeps what belongs to it.
    let named = format!("onboard_account_adopted_id={ACCOUNT}");
    for (more, words) in [
        (&[][..], "onboard_account_adopted_id"),
        (&["-e", named.as_str()][..], "CANT_DELETE_ACCOUNT"),
    ] {
        let sure = ["-e", "onboard_account_confirm_delete=true"];
        let refused = site.play("offboard", &[&sure[..], more].concat());
        assert!(refused.code != 0 && refused.stdout.contains(words), "{}", refused.stdout);
        assert_eq!(site.left(), before);
    }
}

#[test]
fn an_account_of_another_name_keeps_its_role_and_is_not_deleted() {
    let role = "arn:aws:iam::123456789012:role/FullProduction";
    let site = Site::of(
        Desk::with_whole(&format!(
            "tokens: [{{token: {CANARY}}}]\nlimits: {{default: 100000}}\naccounts: [{{id: {ACCOUNT}, name: production, \
             provider_external_id: '{}', cloud_provider: AWS, iam_role: '{role}'}}]\n",
            moto::ACCOUNT
        )),
        &json!({}),
    );
    let before = site.left();
    let refused = site.play("onboard", &[]);
    assert!(refused.code != 0, "{}", refused.stdout);
    for words in ["production", role, "onboard_account_replace_role"] {
        assert!(refused.stdout.contains(words), "{words}: {}", refused.stdout);
    }
    assert_eq!(site.left(), before);
    let sure = ["-e", "onboard_account_confirm_delete=true"];
    let left = site.play("offboard", &sure);
    assert_eq!(changed(&left), 0, "{}", left.stdout);
    assert!(left.stdout.contains("stays as it is"), "{}", left.stdout);
    assert_eq!(site.left(), before);
}

#[test]
fn presets_and_restrictions_are_in_the_json_that_is_shown() {
    let site = Site::new(&json!({}));
    let play = |arguments: &[&str]| site.play("onboard", &[&["--check"][..], arguments].concat());
    let read_only = statements(&play(&["-e", "onboard_account_policy=read_only"]));
    assert_eq!(read_only.len(), 1, "{read_only:?}");
    assert_eq!(with_action(&read_only, "Allow", "ec2:Describe*").len(), 1);

    let full = statements(&play(&["-e", "onboard_account_policy=full"]));
    assert!(full.iter().all(|one| one["Effect"] == "Allow" && one.get("Condition").is_none()));
    for action in ["ec2:RunInstances", "ec2:CreateTags", "autoscaling:*"] {
        assert_eq!(with_action(&full, "Allow", action).len(), 1, "{action}: {full:?}");
    }

    let restricted = "{\"onboard_account_restrict_tag\": {\"key\": \"team\", \"value\": \"data\"}, \
                      \"onboard_account_restrict_vpc\": {\"id\": \"vpc-1\"}}";
    // The account of that name is there and connected to nothing: its role is foreseen, too.
    let run = play(&["-e", restricted, "-e", "onboard_account_name=one"]);
    let (_, role) = run.stdout.split_once("onboard_account : Have the role]").unwrap();
    assert!(role.trim_start_matches(['*', ' ', '\n']).starts_with("changed"), "{}", run.stdout);
    let all = statements(&run);
    let tagged = json!({"StringEquals": {"ec2:ResourceTag/team": "data"}});
    for action in ["ec2:TerminateInstances", "ec2:DeleteVolume", "ec2:DeleteTags"] {
        let found = with_action(&all, "Allow", action);
        assert!(found.len() == 1 && found[0]["Condition"] == tagged, "{action}: {all:?}");
    }
    // Who may tag anything may end anything.
    let tagging = with_action(&all, "Allow", "ec2:CreateTags");
    let is_bound = |one: &&&Value| {
        let made = one["Condition"]["StringEquals"]["ec2:CreateAction"].as_array();
        one["Condition"] == tagged || made.is_some_and(|made| made.contains(&json!("RunInstances")))
    };
    assert_eq!((tagging.len(), tagging.iter().filter(is_bound).count()), (2, 2), "{all:?}");
    for action in ["ec2:RunInstances", "ec2:RequestSpotInstances"] {
        let denied = with_action(&all, "Deny", action);
        assert_eq!(denied.len(), 2, "{action}: {all:?}");
        assert_eq!(denied[0]["Resource"], json!(["arn:aws:ec2:*:*:subnet/*"]));
        let mut elsewhere =
            json!({"ArnNotLike": {"ec2:Vpc": "arn:aws:ec2:*:123456789012:vpc/vpc-1"}});
        assert_eq!(denied[0]["Condition"], elsewhere);
        let others =
            json!(["arn:aws:ec2:*:*:network-interface/*", "arn:aws:ec2:*:*:security-group/*"]);
        assert_eq!(denied[1]["Resource"], others);
        elsewhere["Null"] = json!({"ec2:Vpc": "false"});
        assert_eq!(denied[1]["Condition"], elsewhere);
    }
    for restriction in [
        "{\"onboard_account_restrict_tag\": {\"key\": \"team\", \"value\": \"data\"}}",
        "{\"onboard_account_restrict_vpc\": {\"id\": \"vpc-1\"}}",
    ] {
        let full = statements(&play(&["-e", restriction, "-e", "onboard_account_policy=full"]));
        let passed = with_action(&full, "Allow", "iam:PassRole");
        assert_eq!(passed.len(), 1, "{full:?}");
        assert_eq!(
            passed[0]["Resource"],
            json!(["arn:aws:iam::123456789012:role/SpotInstance-staging"])
        );
        let to_instances = json!({"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}});
        assert_eq!(passed[0]["Condition"], to_instances);
        for action in ["iam:AddRoleToInstanceProfile", "iam:PutRolePolicy", "autoscaling:*"] {
            assert!(with_action(&full, "Allow", action).is_empty(), "{action}: {full:?}");
        }
        let balancing = with_action(&full, "Allow", "elasticloadbalancing:Deregister*");
        let is_by_tag = balancing[0]["Condition"]["StringEquals"]["aws:ResourceTag/team"] == "data";
        assert_eq!((balancing.len(), is_by_tag), (1, restriction.contains("restrict_tag")));
    }
    let none = "onboard_account_instance_profile=";
    let none = statements(&play(&["-e", restricted, "-e", none]));
    assert!(with_action(&none, "Allow", "iam:PassRole").is_empty(), "{none:?}");

    for (odd, words) in [
        ("{\"onboard_account_restrict_vpc\": {\"vpc_id\": \"vpc-1\"}}", "required arguments: id"),
        ("{\"onboard_account_restrict_vpc\": {\"id\": \"*\"}}", "needs the id of a VPC"),
        ("{\"onboard_account_restrict_tag\": {\"key\": \"team\"}}", "required arguments: value"),
    ] {
        let refused = play(&["-e", odd]);
        assert!(refused.code != 0 && refused.stdout.contains(words), "{odd}: {}", refused.stdout);
    }
    let unknown = site.play("onboard", &["-e", "onboard_account_policy=everything"]);
    assert!(unknown.code != 0 && unknown.stdout.contains("everything"), "{}", unknown.stdout);
}

/// From an organisation and an AWS account with nothing in them to an ensemble that runs, and back, by one command each way.
#[test]
fn one_command_ends_with_an_ensemble_in_three_zones_and_two_leave_nothing_behind() {
    let site = Site::with("clock: {speed: 500}", &json!({"role_settle_seconds": 2}));
    let before = site.left();
    let file = root().join("playbooks/vars/bootstrap_zookeeper.yml");
    let inventory = site.desk.home.path().join("made.spotinst_esg.yml");
    let file = format!("@{}", file.display());
    let place = format!("bootstrap_inventory={}", inventory.display());
    let more = ["-e", &file, "-e", &place, "-e", "onboard_account_region=us-east-1"];

    let foreseen = site.play("bootstrap", &[&["--check"][..], &more].concat());
    assert!(changed(&foreseen) > 0);
    assert!(foreseen.stdout.contains("Account staging is still to be made"), "{}", foreseen.stdout);
    assert_eq!(
        (site.left(), inventory.exists()),
        (before.clone(), false),
        "a check leaves nothing"
    );

    let run = site.play("bootstrap", &[&["-vvv"][..], &more].concat());
    assert!(changed(&run) > 0);
    assert_eq!(site.connected(), 1);
    let token = site.moto.ssm(
        "us-east-1",
        "GetParameter",
        &json!({"Name": "/spot/staging/token", "WithDecryption": true}),
    );
    let token = token.unwrap()["Parameter"]["Value"].as_str().unwrap().to_owned();
    for secret in [CANARY, token.as_str()] {
        assert!(!run.stdout.contains(secret) && !run.stderr.contains(secret), "a secret shows");
    }

    // The file that was written lists them, with Ansible's own command and with the token that was kept.
    let mut command = ansible(&site.desk, "aws", "ansible-inventory");
    command.env_remove("SPOTINST_ACCOUNT_ID").env("SPOTINST_API_TOKEN", &token);
    let listed = ran(command.arg("-i").arg(&inventory).arg("--list").output().unwrap());
    let listed = listed.document();
    let hosts = listed["_meta"]["hostvars"].as_object().unwrap();
    let of = |name: &str| -> BTreeSet<&str> {
        hosts.values().map(|host| host[name].as_str().unwrap_or_default()).collect()
    };
    assert_eq!(hosts.len(), 3, "{listed}");
    assert_eq!(of("spotinst_state"), BTreeSet::from(["ACTIVE"]));
    let zones = BTreeSet::from(["us-east-1a", "us-east-1b", "us-east-1c"]);
    assert_eq!(of("spotinst_availabilityZone"), zones);
    let names = BTreeSet::from(["zookeeper-a", "zookeeper-b", "zookeeper-c"]);
    assert_eq!(of("spotinst_esg_name"), names);

    let again = site.play("bootstrap", &more);
    assert_eq!(changed(&again), 0, "{}", again.stdout);

    let name = ["-e", "provision_account_name=staging"];
    let sure = ["-e", "provision_teardown_confirm=true", "-e", "provision_confirm_data_loss=true"];
    // An account with groups stays, with all that belongs to its connection.
    let confirmed = [&["-e", "onboard_account_confirm_delete=true"][..], &more].concat();
    let refused = site.play("offboard", &confirmed);
    assert!(refused.code != 0 && site.connected() == 1, "{}", refused.stdout);
    assert!(changed(&site.play("teardown", &[&more[..], &name, &sure].concat())) > 0);
    assert!(changed(&site.play("offboard", &confirmed)) > 0);
    let mut after = site.left();
    let linked = after.iter().find(|one| one.contains("AWSServiceRoleFor")).cloned();
    assert!(linked.is_some_and(|one| after.remove(&one)), "{after:?}");
    assert_eq!(after, before);
    let misspelt = site.play("teardown", &[&confirmed[..], &name, &sure].concat());
    assert!(misspelt.code != 0 && misspelt.stdout.contains("no account staging"));
    let gone = ["-e", "provision_account_may_be_gone=true"];
    for playbook in ["teardown", "offboard"] {
        let arguments = [&confirmed[..], &name, &sure, &gone].concat();
        assert_eq!(changed(&site.play(playbook, &arguments)), 0, "{playbook}");
    }
}

/// What doctor says of one matter, as health and words.
fn doctor(site: &Site, arguments: &[&str]) -> impl Fn(&str) -> (String, String) {
    let mut command = site.desk.command();
    command.env("AWS_ENDPOINT_URL", site.moto.url());
    command.env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE");
    command.env("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
    let run = ran(command.args(["doctor", "--output", "json"]).args(arguments).output().unwrap());
    let all: Value = serde_json::from_str(&run.stdout).unwrap_or_else(|_| panic!("{run:?}"));
    move |name: &str| {
        let found = all.as_array().unwrap().iter().find(|check| check["check"] == name);
        let found = found.unwrap_or_else(|| panic!("{name}: {all}"));
        let text = |key: &str| found[key].as_str().unwrap().to_owned();
        (text("health"), text("found"))
    }
}

/// The owner's conditions, which only AWS can judge, are left by the run as doctor says, as long as the account answers.
#[test]
fn a_trust_with_conditions_of_its_owner_stays_while_the_account_answers() {
    let site = Site::new(&json!({}));
    let more = ["-e", "onboard_account_service_linked_role=false"];
    assert!(changed(&site.play("onboard", &more)) > 0);
    let kept = site.parameter("/spot/staging/external-id").unwrap();
    let id = serde_json::from_str::<Value>(&kept).unwrap()["external_id"].clone();
    let statement = |effect: &str, account: &str, condition: Value| {
        json!({"Effect": effect, "Action": "sts:AssumeRole", "Condition": condition,
            "Principal": {"AWS": format!("arn:aws:iam::{account}:root")}})
    };
    let own = |account: &str| {
        let trust = json!({"Version": "2012-10-17", "Statement": [
            statement("Allow", account, json!({"StringLike": {"sts:ExternalId": id}})),
            statement("Deny", account, json!({"StringNotLike": {"sts:ExternalId": id}})),
            statement("Allow", "111111111111", json!({"Bool": {"aws:MultiFactorAuthPresent": "true"}})),
        ]});
        let action = "UpdateAssumeRolePolicy&RoleName=SpotRole-staging";
        owners::with_document(&site, action, "PolicyDocument", &trust);
        owners::trust(&site, "SpotRole-staging")
    };
    let before = own("922761411349");
    let run = site.play("onboard", &[&["-vvvv"][..], &more].concat());
    assert_eq!(changed(&run), 0, "{}", run.stdout);
    assert!(run.stdout.contains("is not understood here"), "{}", run.stdout);
    assert!(!run.stdout.contains(id.as_str().unwrap()), "a secret shows");
    assert_eq!(owners::trust(&site, "SpotRole-staging"), before);
    assert_eq!(site.parameter("/spot/staging/external-id").unwrap(), kept);
    // One that certainly keeps the vendor out is mended.
    own("222222222222");
    assert!(changed(&site.play("onboard", &more)) > 0);
    assert_ne!(site.parameter("/spot/staging/external-id").unwrap(), kept);
}

#[test]
fn offboarding_shows_no_external_id_and_leaves_what_is_none() {
    let site = Site::new(&json!({}));
    assert!(changed(&site.play("onboard", &[])) > 0);
    let kept = site.parameter("/spot/staging/external-id").unwrap();
    let id = serde_json::from_str::<Value>(&kept).unwrap()["external_id"].clone();
    let sure = ["-e", "onboard_account_confirm_delete=true"];
    let foreseen = site.play("offboard", &[&["-vvvv", "--check"][..], &sure].concat());
    assert!(changed(&foreseen) > 0 && !foreseen.stdout.contains(id.as_str().unwrap()));
    let put = json!({"Name": "/spot/staging/external-id", "Value": "no JSON", "Type": "SecureString", "Overwrite": true});
    site.moto.ssm(REGION, "PutParameter", &put).unwrap();
    let run = site.play("offboard", &sure);
    assert!(changed(&run) > 0 && run.stdout.contains("no external id that onboarding kept"));
    assert_eq!(site.parameter("/spot/staging/external-id").as_deref(), Some("no JSON"));
    assert!(!site.left().contains("RoleName SpotRole-staging"));
}

/// The account is gone by then, so that the place of its token alone proves whose the user is.
#[test]
fn a_user_whose_removal_was_refused_goes_with_the_next_run() {
    let site = Site::new(&json!({}));
    let before = site.left();
    assert!(changed(&site.play("onboard", &[])) > 0);
    let token = site.parameter("/spot/staging/token");
    let sure = ["-e", "onboard_account_confirm_delete=true"];
    let route = "/setup/user/{userId}";
    site.desk.fault(
        json!({"kind": "status", "status": 403, "method": "DELETE", "route": route, "count": 1}),
    );
    let refused = site.play("offboard", &sure);
    assert!(refused.code != 0 && site.left().contains("name staging"), "{}", refused.stdout);
    assert!(token.is_some() && site.parameter("/spot/staging/token") == token);
    assert!(changed(&site.play("offboard", &sure)) > 0);
    let mut after = site.left();
    let linked = after.iter().find(|one| one.contains("AWSServiceRoleFor")).cloned();
    assert!(linked.is_some_and(|one| after.remove(&one)), "{after:?}");
    assert_eq!(after, before);
}

/// Its token is nowhere, and what it may do is not in this account alone.
#[test]
fn a_user_of_the_name_that_others_made_stays() {
    let site = Site::new(&json!({}));
    assert!(changed(&site.play("onboard", &["-e", "onboard_account_user="])) > 0);
    let accounts = json!([{"id": ACCOUNT, "role": "editor"}]);
    let theirs = json!({"name": "staging", "accounts": accounts, "reveal": true});
    support::module::call(&site.desk, "spot_programmatic_user", &theirs).well();
    let run = site.play("offboard", &["-e", "onboard_account_confirm_delete=true"]);
    let said = format!("{}{}", run.stdout, run.stderr).replace('\n', " ");
    assert!(changed(&run) > 0 && said.contains("staging (pu-"), "{said}");
    assert!(said.contains("is left as it is: no place"), "{said}");
    assert!(site.left().contains("name staging"));
}

#[test]
fn doctor_sees_a_role_that_is_missing_or_does_not_trust_and_a_missing_service_linked_role() {
    // The only account is adopted, and so the one that the environment names.
    let site = Site::new(&json!({"account_limit": 1}));
    let more = [
        "-e",
        "onboard_account_service_linked_role=false",
        "-e",
        "onboard_account_adopt_single=true",
    ];
    assert!(changed(&site.play("onboard", &more)) > 0);
    let kept = ["--external-id-parameter", "/spot/staging/external-id", "--region", REGION];
    let told = doctor(&site, &kept);
    let (health, words) = told("role trust");
    assert_eq!(health, "ok", "{words}");
    assert!(words.contains("lets the vendor in by the external id that is kept"), "{words}");
    let (health, words) = told("EC2 Spot role");
    assert!(health == "warn" && words.contains("AWSServiceRoleForEC2Spot is not there"), "{words}");
    // By hand: moto gives the role that it makes for this service another name than IAM does.
    let linked = "RoleName=AWSServiceRoleForEC2Spot&Path=/aws-service-role/spot.amazonaws.com/";
    site.moto.iam(&format!("CreateRole&{linked}&AssumeRolePolicyDocument=%7B%7D"));
    let trust = |id: &str, account: &str| {
        let trust = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Action": "sts:AssumeRole",
            "Principal": {"AWS": format!("arn:aws:iam::{account}:root")},
            "Condition": {"StringEquals": {"sts:ExternalId": id}},
        }]});
        let mut url = reqwest::Url::parse("form:").unwrap();
        url.query_pairs_mut().append_pair("PolicyDocument", &trust.to_string());
        let document = url.query().unwrap();
        site.moto.iam(&format!("UpdateAssumeRolePolicy&RoleName=SpotRole-staging&{document}"));
    };
    for (id, account, words) in [
        ("another", "922761411349", "asks for another external id than the one that is kept"),
        ("another", "111111111111", "does not trust AWS account 922761411349"),
    ] {
        trust(id, account);
        let told = doctor(&site, &kept);
        let (health, found) = told("role trust");
        assert!(health == "warn" && found.contains(words), "{found}");
        assert_eq!(told("EC2 Spot role").0, "ok");
    }
    // What it advises helps.
    assert!(changed(&site.play("onboard", &more)) > 0);
    let (health, found) = doctor(&site, &kept)("role trust");
    assert_eq!(health, "ok", "{found}");
    assert_eq!(changed(&site.play("onboard", &more)), 0);
    let absent = doctor(&site, &["--role", "SpotRole-absent"]);
    let (health, found) = absent("role trust");
    assert!(health == "warn" && found.contains("SpotRole-absent is not there"), "{found}");
}
