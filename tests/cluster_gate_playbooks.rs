//! `cluster_gate` by real playbooks, on the oldest and the newest Ansible.

#![allow(clippy::unwrap_used, reason = "what a test cannot go on without, it panics on")]

mod support;

use support::ansible::{VERSIONS, ansible};
use support::canned::{Canned, Reply};
use support::cli::{Desk, Ran, ran};
use support::cluster::closed_port;

/// `/N` answers with the number N, anything else with a page to sign in.
fn server() -> Canned {
    Canned::start(|request| {
        let path = request.head.split(' ').nth(1).unwrap();
        match path[1..].parse::<u32>() {
            Ok(number) => Reply::json(200, format!("{{\"value\": {number}}}")),
            Err(_) => Reply::html(200, "<html>Please sign in</html>"),
        }
    })
}

fn play(desk: &Desk, version: &str, server: &Canned, tasks: &str, arguments: &[&str]) -> Ran {
    let indented: String = tasks.lines().map(|line| format!("    {line}\n")).collect();
    // Defaults for the modules that speak to the vendor are none of this one's affair.
    let head = format!(
        "- hosts: all\n  gather_facts: false\n  connection: local\n  vars: {{server: '{}', closed: {}}}\n  \
         module_defaults:\n    group/spotinst.esg.all: {{account_id: act-00000001}}\n  tasks:\n",
        server.url(),
        closed_port()
    );
    let file = desk.file("play.yml", &format!("{head}{indented}"));
    let mut command = ansible(desk, version, "ansible-playbook");
    ran(command.args(["-i", "localhost,"]).arg(file).args(arguments).output().unwrap())
}

fn assert_well(run: &Ran, version: &str) {
    assert_eq!(run.code, 0, "{version}: {}\n{}", run.stdout, run.stderr);
}

const LOOKS: &str = "\
- name: Gate
  spotinst.esg.cluster_gate:
    gates: \"{{ gates }}\"
    samples: 2
    spacing: 1
    wait_timeout: 1
    waivers: \"{{ waivers }}\"
  vars:
    waivers: \"{{ item.waivers | default([]) }}\"
    gates:
      - {name: lag, kind: http, url: \"{{ server }}/{{ item.page }}\", json_path: $.value, max: \"{{ 3 }}\"}
  loop:
    - {page: 3}
    - {page: 4}
    - {page: sign-in}
    - {page: 5, waivers: [{predicate: lag, reason: known}]}
  ignore_errors: true
  register: gate
";

const MET: &str = "\
- assert:
    that:
      - gate.results | map(attribute='failed') == [false, true, true, false]
      - gate.results | map(attribute='verdict') == ['pass', 'fail', 'unknown', 'pass']
      - gate.results | selectattr('changed') == []
      - gate.results | map(attribute='looks') | list == [2, 2, 2, 2]
      - gate.results[0].predicates[0].value == 3
      - gate.results[1].msg is search('lag .http http://127.0.0.1:[0-9]+/4. fail. 4, at most 3 wanted')
      - gate.results[2].predicates[0].evidence is search('not JSON')
      - gate.results[3].predicates[0].waived and gate.results[3].predicates[0].verdict == 'fail'
      - gate.results[3].msg is search('0 of 1 predicates pass, 1 is waived')
      - gate.results[1].retryable
";

#[test]
fn the_gate_opens_or_fails_the_task_with_its_evidence() {
    for version in VERSIONS {
        let (desk, server) = (Desk::with(""), server());
        let run = play(&desk, version, &server, &format!("{LOOKS}{MET}"), &["-vv"]);
        assert_well(&run, version);
        assert!(run.stderr.contains("Gate: 0 of 1 predicates pass"), "{version}: {run:?}");
        assert!(run.stdout.contains("changed=0"), "{version}: {run:?}");
        let said = format!("{}{}", run.stdout, run.stderr);
        assert!(said.contains("waived (known): lag"), "{version}: {said}");
    }
}

/// It looks and changes nothing, so the second run is as the first, and check mode tells the same of what it sees.
#[test]
fn looked_at_again_it_is_the_same_and_in_check_mode_too() {
    let seen = "\
- assert:
    that:
      - gate.results | map(attribute='failed') == [false, false, false, false]
      - gate.results | map(attribute='verdict') == ['pass', 'fail', 'unknown', 'pass']
      - gate.results | selectattr('changed') == []
      - gate.results | map(attribute='looks') | list == [1, 1, 1, 1]
      - gate.results[1].predicates[0].evidence is search('4, at most 3 wanted')
";
    let (done, foreseen) = (format!("{LOOKS}{MET}"), format!("{LOOKS}{seen}"));
    for version in VERSIONS {
        let (desk, server) = (Desk::with(""), server());
        for (tasks, arguments) in [
            (&done, &[][..]),
            (&done, &["--diff"]),
            (&foreseen, &["--check"]),
            (&foreseen, &["--check", "--diff"]),
        ] {
            let run = play(&desk, version, &server, tasks, arguments);
            assert_well(&run, version);
            assert!(run.stdout.contains("changed=0"), "{version}: {run:?}");
        }
        assert!(server.requests().iter().all(|it| it.head.starts_with("GET ")), "{version}");
    }
}

#[test]
fn check_mode_looks_once_and_goes_on_whatever_it_sees() {
    let tasks = "\
- spotinst.esg.cluster_gate:
    gates: [{name: gone, kind: tcp, host: 127.0.0.1, port: \"{{ closed }}\"}]
  register: gate
- assert:
    that:
      - gate.verdict == 'fail'
      - gate.looks == 1
      - gate is not changed
      - gate.msg is search('check mode. looked once')
";
    for version in VERSIONS {
        let (desk, server) = (Desk::with(""), server());
        assert_well(&play(&desk, version, &server, tasks, &["--check", "--diff"]), version);
    }
}

#[test]
fn what_is_misspelt_or_of_the_wrong_type_fails_before_a_look() {
    let tasks = "\
- spotinst.esg.cluster_gate:
    gates: [{name: a, kind: http, url: \"{{ server }}/0\", jsonpath: $.value, equals: 0}]
  ignore_errors: true
  register: misspelt
- spotinst.esg.cluster_gate:
    gates: [{name: a, kind: http, url: \"{{ server }}/0\", json_path: $.value, max: few}]
  ignore_errors: true
  register: mistyped
- spotinst.esg.cluster_gate:
    gates: [{name: a, kind: tcp, host: 127.0.0.1, port: 1, max: 3}]
  ignore_errors: true
  register: foreign
- assert:
    that:
      - misspelt is failed and misspelt.msg is search('gates.jsonpath .did you mean json_path')
      - mistyped is failed and mistyped.msg is search(\"argument 'max' is of type\")
      - foreign is failed and foreign.msg is search('max is an option of')
      - misspelt.verdict is not defined
";
    for version in VERSIONS {
        let (desk, server) = (Desk::with(""), server());
        assert_well(&play(&desk, version, &server, tasks, &[]), version);
        assert!(server.requests().is_empty(), "{version}");
    }
}

#[test]
fn a_command_runs_with_the_tasks_environment_and_no_secret_shows() {
    let tasks = "\
- spotinst.esg.cluster_gate:
    gates:
      - {name: env, kind: command, command: [printenv, SYNCED], min: 2}
      - name: header
        kind: http
        url: \"{{ server }}/0\"
        headers: {Authorization: Bearer canary-header}
        json_path: $.value
        equals: 0
    samples: 1
  environment: {SYNCED: '2'}
";
    for version in VERSIONS {
        let (desk, server) = (Desk::with(""), server());
        let run = play(&desk, version, &server, tasks, &["-vvvv"]);
        assert_well(&run, version);
        let said = format!("{}{}", run.stdout, run.stderr);
        assert!(!said.contains("canary-header"), "{version}: {said}");
    }
}
