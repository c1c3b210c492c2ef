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

/// What the three infos tell: all of it, by each filter, nothing, and what is misspelt or of the wrong type. `users` are there, and
/// account two is `connected` or not.
const TOLD: &str = "include_tasks: told.yml";

const TOLD_FILE: &str = "\
- spotinst.esg.spot_account_info: \"{{ item }}\"
  loop:
    - {}
    - {name: one}
    - {id: act-00000002}
    - {name: two, id: act-00000001}
    - {cloud_account_id: '222222222222'}
    - {aws_account_id: '999999999999'}
    - {nam: one}
    - {cloud_account_id: {a: 1}}
  ignore_errors: true
  register: accounts
- assert:
    that:
      - ids == [['act-00000001', 'act-00000002'], ['act-00000001'], ['act-00000002'], [], ['act-00000002'] if connected | bool else [], []]
      - accounts.results | map(attribute='failed') | list == [false] * 6 + [true] * 2
      - accounts.results[6].msg is search('nam.*did you mean name')
      - accounts.results[7].msg is search('cloud_account_id')
      - accounts.results | selectattr('changed') == []
  vars:
    ids: \"{{ accounts.results[:6] | map(attribute='accounts') | map('map', attribute='id') | map('sort') | list }}\"
- spotinst.esg.spot_programmatic_user_info: \"{{ item }}\"
  loop:
    - {}
    - {name: robot}
    - {name: nobody}
    - {id: pu-99999999}
    - {name: [robot, other]}
    - {names: robot}
  ignore_errors: true
  register: people
- assert:
    that:
      - people.results[:4] | map(attribute='users') | map('length') | list == [users | int, users | int, 0, 0]
      - people.results | map(attribute='failed') | list == [false] * 4 + [true] * 2
      - people.results[4].msg is search('name.*list')
      - people.results[5].msg is search('names.*did you mean name')
      - people.results | selectattr('changed') == []
      - users | int == 0 or people.results[1].users[0].policies[0].policy_id == 'pol-11111111'
- spotinst.esg.spot_aws_connection_info: \"{{ item }}\"
  loop:
    - {}
    - {account_id: act-00000001}
    - {account_id: act-99999999}
    - {account_id: 'act-00000001,act-00000002'}
    - {account_ids_of: act-00000001}
  ignore_errors: true
  register: links
- assert:
    that:
      - links.results[0].connected == connected | bool
      - (links.results[0].iam_role is none) != connected | bool
      - not links.results[1].connected and links.results[1].refusal is none
      - not links.results[2].connected and links.results[2].refusal is not none
      - links.results | map(attribute='failed') | list == [false] * 3 + [true] * 2
      - links.results | selectattr('changed') == []
";

#[test]
fn infos_tell_the_same_again_in_check_mode_and_what_has_changed_since() {
    for version in VERSIONS {
        let desk = desk();
        desk.file("told.yml", TOLD_FILE);
        let told = |users: usize, connected: bool, arguments: &[&str]| {
            let facts = format!("users={users} connected={connected}");
            let run = play(&desk, version, TOLD, &[&["-e", &facts], arguments].concat());
            assert_eq!(changed(&run), 0, "{version}");
        };
        told(0, false, &[]);
        told(0, false, &[]);
        told(0, false, &["--check", "--diff"]);
        assert_eq!(mutations(&desk), 0, "{version}");
        let user = "spotinst.esg.spot_programmatic_user: {name: robot, token_file: ~/token, \
                    policies: [{policy_id: pol-11111111, account_ids: ['*']}]}";
        assert_eq!(changed(&play(&desk, version, user, &[])), 1, "{version}");
        told(1, false, &[]);
        let prepared = "spotinst.esg.spot_aws_connection: {id_file: ~/id, state: prepared}";
        assert_eq!(changed(&play(&desk, version, prepared, &[])), 1, "{version}");
        let kept = std::fs::read_to_string(desk.home.path().join("id")).unwrap();
        let kept: Value = serde_json::from_str(&kept).unwrap();
        make_role(&desk, ROLE, kept["external_id"].as_str().unwrap());
        let connected = format!(
            "spotinst.esg.spot_aws_connection: {{id_file: ~/id, state: connected, role_arn: '{ROLE}'}}"
        );
        assert_eq!(changed(&play(&desk, version, &connected, &[])), 1, "{version}");
        told(1, true, &[]);
        told(1, true, &["--check"]);
    }
}
