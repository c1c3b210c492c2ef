//! Accounts, users and connections by real playbooks, on the oldest and the newest Ansible: made, changed and removed, each foreseen,
//! done, foreseen again and done again.

#![allow(clippy::unwrap_used, reason = "what a test cannot go on without, it panics on")]

mod support;

use serde_json::{Value, json};
use support::ansible::{VERSIONS, ansible};
use support::cli::{CANARY, Desk, Ran, files, ran};

const ROLE: &str = "arn:aws:iam::222222222222:role/Spot";
const OTHER_ROLE: &str = "arn:aws:iam::222222222222:role/Other";

fn desk() -> Desk {
    Desk::with_whole(&format!(
        "tokens: [{{token: {CANARY}}}]\nlimits: {{default: 100000}}\naccounts: [{{id: act-00000001, name: one}}, \
         {{id: act-00000002, name: two, needs_credentials: true}}]\n"
    ))
}

fn play(desk: &Desk, version: &str, task: &str, arguments: &[&str]) -> Ran {
    let text = format!(
        "- hosts: all\n  gather_facts: false\n  connection: local\n  tasks:\n    - {task}\n"
    );
    let file = desk.file("play.yml", &text);
    let mut command = ansible(desk, version, "ansible-playbook");
    command.env("SPOTINST_ACCOUNT_ID", "act-00000002");
    ran(command.args(["-i", "localhost,"]).arg(file).args(arguments).output().unwrap())
}

fn mutations(desk: &Desk) -> usize {
    desk.simulator.requests().iter().filter(|request| request.method != "GET").count()
}

/// How many tasks the recap says were changed.
fn changed(run: &Ran) -> usize {
    assert_eq!(run.code, 0, "{}\n{}", run.stdout, run.stderr);
    let recap = run.stdout.rsplit_once("changed=").unwrap().1;
    recap.split_whitespace().next().unwrap().parse().unwrap()
}

/// The four runs of one task; it asks for `count` changes, once. Answers what was said at the highest verbosity.
fn settled(desk: &Desk, version: &str, task: &str, count: usize) -> String {
    let asked = mutations(desk);
    let foreseen = play(desk, version, task, &["--check", "--diff", "-vvvv"]);
    assert_eq!((changed(&foreseen), mutations(desk)), (1, asked), "{version}: {task}");
    assert!(foreseen.stdout.contains("--- before"), "{version}: {}", foreseen.stdout);
    let done = play(desk, version, task, &["--diff", "-vvvv"]);
    assert_eq!((changed(&done), mutations(desk)), (1, asked + count), "{version}: {task}");
    for arguments in [&["--check", "--diff"][..], &[]] {
        let again = play(desk, version, task, arguments);
        assert_eq!((changed(&again), mutations(desk)), (0, asked + count), "{version}: {task}");
    }
    [foreseen.stdout, foreseen.stderr, done.stdout, done.stderr].concat()
}

/// IAM has the role, and lets the vendor in by this external id.
fn make_role(desk: &Desk, arn: &str, external_id: &str) {
    let trust = json!({"Statement": [{
        "Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": {"AWS": "arn:aws:iam::922761411349:root"},
        "Condition": {"StringEquals": {"sts:ExternalId": external_id}},
    }]});
    let answer = desk.simulator.control("POST", "/_sim/role", json!({"arn": arn, "trust": trust}));
    assert!(answer.get("error").is_none(), "{answer}");
}

/// No file of the home folder, caches among them, holds the secret, but for those named.
fn hidden(desk: &Desk, secret: &str, said: &str, but: &[&str]) {
    assert!(secret.len() > 12 && !said.contains(secret), "a secret shows");
    for file in files(desk.home.path()) {
        let is_meant = but.iter().any(|name| file.ends_with(name));
        let text = std::fs::read(&file).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        assert!(is_meant || !text.contains(secret), "{} holds a secret", file.display());
    }
}

#[test]
fn an_account_comes_changes_and_goes() {
    for version in VERSIONS {
        let desk = desk();
        let made = settled(&desk, version, "spotinst.esg.spot_account: {name: new}", 1);
        let state = desk.simulator.control("GET", "/_sim/state", Value::Null);
        let id = state["accounts"][2]["id"].as_str().unwrap();
        let task = format!("spotinst.esg.spot_account: {{id: {id}, name: newer}}");
        settled(&desk, version, &task, 1);
        let task =
            format!("spotinst.esg.spot_account: {{id: {id}, state: absent, confirm_delete: true}}");
        settled(&desk, version, &task, 1);
        hidden(&desk, CANARY, &made, &[]);
    }
}

#[test]
fn a_user_comes_changes_and_goes_and_its_token_shows_nowhere() {
    for version in VERSIONS {
        let desk = desk();
        let task = |more: &str| {
            format!(
                "spotinst.esg.spot_programmatic_user: {{name: robot, token_file: ~/token, {more}}}"
            )
        };
        let policies =
            |id: &str| task(&format!("policies: [{{policy_id: {id}, account_ids: ['*']}}]"));
        let made = settled(&desk, version, &policies("pol-11111111"), 1);
        let token = std::fs::read_to_string(desk.home.path().join("token")).unwrap();
        let changed = settled(&desk, version, &policies("pol-22222222"), 1);
        hidden(&desk, token.trim_end(), &[made, changed].concat(), &["token"]);
        let removed = settled(&desk, version, &task("state: absent"), 1);
        hidden(&desk, token.trim_end(), &removed, &[]);
        hidden(&desk, CANARY, &removed, &[]);
    }
}

#[test]
fn a_connection_is_prepared_made_and_changed_and_its_external_id_shows_nowhere() {
    for version in VERSIONS {
        let desk = desk();
        let task =
            |more: &str| format!("spotinst.esg.spot_aws_connection: {{id_file: ~/id, {more}}}");
        let mut said = settled(&desk, version, &task("state: prepared"), 1);
        let kept = std::fs::read_to_string(desk.home.path().join("id")).unwrap();
        let kept: Value = serde_json::from_str(&kept).unwrap();
        let id = kept["external_id"].as_str().unwrap();
        for role in [ROLE, OTHER_ROLE] {
            make_role(&desk, role, id);
            said += &settled(
                &desk,
                version,
                &task(&format!("state: connected, role_arn: '{role}'")),
                1,
            );
        }
        let task = task("state: absent");
        said += &settled(&desk, version, &task, 0);
        hidden(&desk, id, &said, &[]);
    }
}
