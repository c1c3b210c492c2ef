//! `stateful_instance` by real playbooks, on the oldest and the newest Ansible.

#![allow(clippy::unwrap_used, reason = "what a test cannot go on without, it panics on")]

mod support;

use serde_json::json;
use support::ansible::{VERSIONS, ansible};
use support::cli::{CANARY, Desk, Ran, ran};

const FLEET: &str = "clock: {speed: 500}
groups:
  - {name: kafka, id: sig-1, region: eu-west-1, image: ami-2, persistence: {data: reattach, private_ip: true},
     created_at: '2025-11-01T00:00:00Z', volumes: [{device: /dev/xvdb}], capacity: {minimum: 0, maximum: 9},
     stateful: [{id: ssi-1, instance_id: i-1, private_ip: 10.0.0.1}, {id: ssi-2, private_ip: 10.0.0.2},
                {id: ssi-3, state: PAUSED, devices: [{device: /dev/xvdb, volume: vol-a}]}]}
managed_instances: [{name: one, id: smi-1, region: eu-west-1, instance_id: i-smi, created_at: '2025-11-01T00:00:00Z'}]
";

fn play(desk: &Desk, version: &str, tasks: &str, arguments: &[&str]) -> Ran {
    let indented: String = tasks.lines().map(|line| format!("    {line}\n")).collect();
    let head = "- hosts: all\n  gather_facts: false\n  connection: local\n  module_defaults:\n    \
                group/spotinst.esg.esg: {account_id: act-00000001}\n  tasks:\n";
    let file = desk.file("play.yml", &format!("{head}{indented}"));
    let mut command = ansible(desk, version, "ansible-playbook");
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

const TASKS: &str = "\
- spotinst.esg.stateful_instance: {group_id: sig-1, id: ssi-1, instance_id: i-1, state: recycled}
- spotinst.esg.stateful_instance: {group_id: sig-1, id: ssi-2, state: paused}
- spotinst.esg.stateful_instance: {group_id: sig-1, id: ssi-3, volume_id: vol-a, state: volume_deleted}
- spotinst.esg.stateful_instance: {id: smi-1, instance_id: i-smi, state: recycled}
";

/// Foreseen, done, foreseen again, done again; then the way back, likewise.
#[test]
fn each_state_is_foreseen_done_once_and_done_no_more() {
    let back = "\
- spotinst.esg.stateful_instance: {group_id: sig-1, id: ssi-2, state: resumed}
- spotinst.esg.stateful_instance:
    group_id: sig-1
    id: ssi-3
    state: deallocated
    deallocation: {delete_volumes: true}
    confirm_data_loss: true
";
    for version in VERSIONS {
        let desk = Desk::with(FLEET);
        let mut asked = 0;
        for (tasks, count) in [(TASKS, 4), (back, 2)] {
            let foreseen = play(&desk, version, tasks, &["--check", "--diff"]);
            assert_eq!((changed(&foreseen), mutations(&desk)), (count, asked), "{version}");
            assert!(foreseen.stdout.contains("--- before"), "{version}: {}", foreseen.stdout);
            let done = play(&desk, version, tasks, &["--diff"]);
            asked += count;
            assert_eq!((changed(&done), mutations(&desk)), (count, asked), "{version}");
            for arguments in [&["--check"][..], &[]] {
                let again = play(&desk, version, tasks, arguments);
                assert_eq!((changed(&again), mutations(&desk)), (0, asked), "{version}");
            }
        }
    }
}

/// What is listed: all of it, by each filter, none, and what is misspelt or of the wrong type; all of it alike when it is asked again, in
/// check mode, and when something has changed in between.
const LISTED: &str = "\
- spotinst.esg.stateful_instance_info: \"{{ item.options | default({}) }}\"
  loop:
    - {}
    - {options: {elastigroups: kafka}}
    - {options: {esg: [sig-1]}}
    - {options: {elastigroups: 'k?fk*'}}
    - {options: {ids: [ssi-2]}}
    - {options: {id: \"{{ machine }}\"}}
    - {options: {states: PAUSED}}
    - {options: {states: [ACTIVE], regions: [eu-west-1]}}
    - {options: {tags: {team: 'data*'}}}
    - {options: {include: [managed_instances]}}
    - {options: {include: [stateful, managed_instances]}}
    - {options: {elastigroups: none*}}
    - {options: {ids: [ssi-2], states: [PAUSED]}}
    - {options: {tags: {team: [other]}}}
    - {options: {elastigroup: kafka}}
    - {options: {tags: kafka}}
    - {options: {include: [everything]}}
    - {options: {concurrency: 0}}
  ignore_errors: true
  register: seen
- set_fact:
    ids: \"{{ seen.results[:14] | map(attribute='stateful_instances') | map('map', attribute='id') | map('list') | list }}\"
    all: [ssi-1, ssi-2, ssi-3]
- assert:
    that:
      - ids[:4] == [all, all, all, all]
      - ids[4:8] == [['ssi-2'], ['ssi-1'], ['ssi-3'], ['ssi-1', 'ssi-2']]
      - ids[8:11] == [all, ['smi-1'], all + ['smi-1']] or ids[8:11] == [all, ['smi-1'], ['smi-1'] + all]
      - ids[11:] == [[], [], []]
      - seen.results | map(attribute='failed') | list == [false] * 14 + [true] * 4
      - seen.results[14].msg is search('elastigroup.*did you mean elastigroups')
      - seen.results[15].msg is search('tags')
      - seen.results[16].msg is search('everything')
      - seen.results[17].msg is search('concurrency')
      - seen.results | selectattr('changed') == []
      - seen.results[5].stateful_instances[0].instanceId == machine
      - seen.results[5].stateful_instances[0].privateIp == '10.0.0.1'
";

#[test]
fn what_there_is_is_listed_alike_again_in_check_mode_and_after_a_change() {
    for version in VERSIONS {
        let desk = Desk::with(&FLEET.replace(
            "region: eu-west-1, image: ami-2",
            "region: eu-west-1, tags: {team: data-1}, image: ami-2",
        ));
        let list = |machine: &str, arguments: &[&str]| {
            let machine = format!("machine={machine}");
            let run = play(&desk, version, LISTED, &[&["-e", &machine], arguments].concat());
            assert_eq!(changed(&run), 0, "{version}");
        };
        list("i-1", &[]);
        list("i-1", &[]);
        list("i-1", &["--check", "--diff"]);
        assert_eq!(mutations(&desk), 0, "{version}");
        let recycle = "\
- spotinst.esg.stateful_instance: {group_id: sig-1, id: ssi-1, instance_id: i-1, state: recycled}
  register: done
- copy: {content: \"{{ done.after.instanceId }}\", dest: \"{{ playbook_dir }}/new\", mode: '0600'}
";
        assert_eq!(changed(&play(&desk, version, recycle, &[])), 2, "{version}");
        let new = std::fs::read_to_string(desk.home.path().join("new")).unwrap();
        list(&new, &[]);
        list(&new, &["--check"]);
    }
}

#[test]
fn the_predecessors_playbook_runs_and_says_what_to_change() {
    let tasks = "\
- spotinst.esg.spotinst_aws_stateful:
    esg: sig-1
    ssi: ssi-1
    state: recycled
    timeout: 600
    spotinst_account_id: act-00000001
  register: recycled
- assert: {that: [recycled is changed, \"recycled.stateful.privateIp == '10.0.0.1'\"]}
";
    for version in VERSIONS {
        let desk = Desk::with(FLEET);
        let run = play(&desk, version, tasks, &[]);
        assert_eq!((changed(&run), mutations(&desk)), (1, 1), "{version}");
        let said = format!("{}{}", run.stdout, run.stderr);
        assert!(said.contains("DEPRECATION") && said.contains("stateful_instance"), "{said}");
    }
}

#[test]
fn progress_is_seen_a_failure_is_explained_and_no_secret_shows() {
    let tasks = "\
- name: Recycle
  spotinst.esg.stateful_instance: {group_id: sig-1, id: ssi-1, state: recycled}
  register: failed
  ignore_errors: true
- assert:
    that:
      - failed is failed
      - failed.msg is search('it went to ERROR')
      - failed.before.instanceId == 'i-1'
      - failed.phases | map(attribute='state') | last == 'ERROR'
      - not failed.retryable
- spotinst.esg.stateful_instance_info: {states: ERROR}
  register: broken
- assert: {that: [\"broken.stateful_instances | map(attribute='id') == ['ssi-1']\"]}
- spotinst.esg.stateful_instance_info: {elastigroups: none*}
  register: nothing
- assert: {that: [\"nothing.stateful_instances == []\", nothing is not changed]}
";
    for version in VERSIONS {
        let desk = Desk::with(FLEET);
        desk.fault(json!({"kind": "lifecycle", "ends": "ERROR"}));
        let run = play(&desk, version, tasks, &["-vvvv", "--diff"]);
        assert_eq!(run.code, 0, "{version}: {}\n{}", run.stdout, run.stderr);
        assert!(
            run.stderr.contains("Recycle: asking to recycle stateful instance ssi-1"),
            "{run:?}"
        );
        assert!(!run.stdout.contains(CANARY) && !run.stderr.contains(CANARY), "{run:?}");
    }
}
