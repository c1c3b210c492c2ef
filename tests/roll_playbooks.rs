//! `recycle_plan`, `recycle_run` and the steps of a roll by real playbooks, on the oldest and the newest Ansible: each done, done
//! again, and both in check mode.

#![allow(clippy::unwrap_used, reason = "what a test cannot go on without, it panics on")]

mod support;

use support::ansible::{VERSIONS, ansible};
use support::cli::{Desk, ran};

/// Two nodes that are recycled in half a second.
const FLEET: &str = "
clock: {mode: realtime, start: 2026-11-20T12:00:00Z, speed: 20}
latency: {accepted_seconds: 1, terminating_seconds: 2, replacing_seconds: 2, booting_seconds: 2}
groups:
  - {name: kafka, id: sig-0000000a, region: eu-west-1, image: ami-1, persistence: {data: reattach, private_ip: true},
     zones: [{name: eu-west-1a}], volumes: [{device: /dev/xvdb}], created_at: '2026-11-01T00:00:00Z',
     stateful: [{id: ssi-1, instance_id: i-1}, {id: ssi-2, instance_id: i-2}]}
";

const PLAY: &str = "\
- hosts: localhost
  gather_facts: false
  connection: local
  module_defaults:
    spotinst.esg.recycle_plan: &aim
      group_id: sig-0000000a
      image_id: ami-2
      waivers:
        - {predicate: 'image_available', reason: there is no EC2}
        - {predicate: 'image_architecture', reason: there is no EC2}
  tasks:
    - {name: Plan, spotinst.esg.recycle_plan: {}, register: plan}
    - {name: Plan again, spotinst.esg.recycle_plan: {}, register: plan_again}
    - {name: Plan in check mode, spotinst.esg.recycle_plan: {}, check_mode: true, register: plan_check}
    - assert:
        that:
          - not (plan.changed or plan_again.changed or plan_check.changed)
          - plan.is_ready and plan_again.is_ready and plan_check.is_ready
          - plan.nodes | map(attribute='id') | list == ['ssi-1', 'ssi-2']
          - plan.nodes == plan_again.nodes and plan.nodes == plan_check.nodes

    - {name: Start in check mode, spotinst.esg.recycle_run: &start {<<: *aim, require_mid_gate: false}, check_mode: true, diff: true, register: start_check}
    - {name: Start in check mode again, spotinst.esg.recycle_run: *start, check_mode: true, register: start_check_again}
    - {name: Start, spotinst.esg.recycle_run: *start, register: start}
    - {name: Start again, spotinst.esg.recycle_run: *start, register: start_again}
    - assert:
        that:
          - start_check.changed and start_check_again.changed and start.changed and not start_again.changed
          - start_check.run_id is none and start_check.diff.after['group image'] == 'ami-2'
          - start.run_id == start_again.run_id

    - name: Enter a phase in check mode
      spotinst.esg.recycle_run: &phase {state: advanced, run_id: '{{ start.run_id }}', node: ssi-1, phase: pre_gate}
      check_mode: true
      register: phase_check
    - {name: Enter a phase, spotinst.esg.recycle_run: *phase, register: phase}
    - {name: Enter a phase again, spotinst.esg.recycle_run: *phase, register: phase_again}
    - name: Enter the one before the machine is given up
      spotinst.esg.recycle_run: {state: advanced, run_id: '{{ start.run_id }}', node: ssi-1, phase: mid_gate}
    - assert:
        that: not (phase_check.changed or phase.changed or phase_again.changed)

    - name: Recycle in check mode
      spotinst.esg.stateful_instance: &recycle {state: recycled, group_id: sig-0000000a, id: ssi-1, run_id: '{{ start.run_id }}'}
      check_mode: true
      diff: true
      register: recycle_check
    - {name: Recycle, spotinst.esg.stateful_instance: *recycle, diff: true, register: recycle}
    - {name: Recycle again, spotinst.esg.stateful_instance: *recycle, register: recycle_again}
    - assert:
        that:
          - recycle_check.changed and recycle.changed and not recycle_again.changed
          - recycle.after.imageId == 'ami-2' and recycle.after.instanceId != 'i-1'
          - recycle_again.after.instanceId == recycle.after.instanceId

    - name: Enter the other phases
      spotinst.esg.recycle_run: {state: advanced, run_id: '{{ start.run_id }}', node: ssi-1, phase: '{{ item }}'}
      loop: [identity, starting, post_gate, baking, done]

    - {name: End in check mode, spotinst.esg.recycle_run: &end {state: finished, run_id: '{{ start.run_id }}'}, check_mode: true, diff: true, register: end_check}
    - {name: End, spotinst.esg.recycle_run: *end, register: end}
    - {name: End again, spotinst.esg.recycle_run: *end, register: end_again}
    - {name: End again in check mode, spotinst.esg.recycle_run: *end, check_mode: true, register: end_again_check}
    - assert:
        that:
          - end_check.changed and end.changed and not end_again.changed and not end_again_check.changed
          - end.outcome == 'aborted' and end_again.outcome == 'aborted'
          - end_check.diff.before['to be put back'] | sort == ['image', 'suspensions']
";

#[test]
fn each_step_of_a_roll_does_once_what_it_says_and_nothing_in_check_mode() {
    for version in VERSIONS {
        let desk = Desk::with(FLEET);
        let play = desk.file("play.yml", PLAY);
        let before = desk.simulator.control("GET", "/_sim/state", serde_json::Value::Null);
        let mut command = ansible(&desk, version, "ansible-playbook");
        let run = ran(command.args(["-i", "localhost,", "-v"]).arg(play).output().unwrap());
        assert_eq!(run.code, 0, "{version}: {}\n{}", run.stdout, run.stderr);
        let after = desk.simulator.control("GET", "/_sim/state", serde_json::Value::Null);
        let settings = |state: &serde_json::Value| {
            let group = &state["groups"][0];
            (group["config"]["compute"].clone(), group["suspensions"].clone())
        };
        assert_eq!(settings(&after), settings(&before), "{version}");
        assert_eq!(after["terminatedInstances"], serde_json::json!(["i-1"]), "{version}");
        assert!(run.stderr.contains("node 1 of 2 (ssi-1): recycling"), "{version}: {}", run.stderr);
    }
}
