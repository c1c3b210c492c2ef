//! The modules of the spot market by real `ansible-playbook`: create, modify, delete, each foreseen, done and done again.

#![cfg(feature = "aws")]
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without, it panics on")]

mod support;

use support::ansible::{VERSIONS, ansible};
use support::cli::{Desk, ran};
use support::market::Market;
use support::moto;

/// Plays tasks on the controller.
fn play(tasks: &str) {
    for version in VERSIONS {
        let (desk, market) = (Desk::with(""), Market::before(moto::shared()));
        let fleet = format!("fleet-{}", fastrand::u32(..));
        let indented: String = tasks.lines().map(|line| format!("    {line}\n")).collect();
        let text = format!(
            "- hosts: all\n  gather_facts: false\n  module_defaults:\n    group/spotinst.esg.all: {{region: eu-west-1}}\n  \
             vars:\n    fleet: {fleet}\n    wanted: {{instance_types: [c6i.large, m6i.large, m6g.large], \
             current_generation: any}}\n    x86: {{instance_types: [c6i.large, m6i.large], current_generation: any}}\n  \
             tasks:\n{indented}"
        );
        let file = desk.file("play.yml", &text);
        let mut command = ansible(&desk, version, "ansible-playbook");
        command.args(["-i", "localhost,", "-c", "local"]).arg(file);
        command.args(["-e", "ansible_python_interpreter={{ansible_playbook_python}}"]);
        let run = ran(command.envs(market.environment()).output().unwrap());
        assert_eq!(run.code, 0, "{version}: {}\n{}", run.stdout, run.stderr);
    }
}

#[test]
fn a_fleet_is_made_changed_and_ended() {
    play(
        "\
- module_defaults:
    spotinst.esg.spot_launch: {name: '{{ fleet }}', image_id: ami-12c6146b, policy: '{{ x86 }}'}
  block:
    - {name: foreseen, spotinst.esg.spot_launch: {exact_count: 2}, check_mode: true, register: create_check}
    - {name: nothing yet, spotinst.esg.spot_instance_info: {name: '{{ fleet }}', prices: false}, register: nobody}
    - {name: made, spotinst.esg.spot_launch: {exact_count: '2'}, register: create}
    - {name: made again and foreseen, spotinst.esg.spot_launch: {exact_count: 2}, check_mode: true, register: again_check}
    - {name: made again, spotinst.esg.spot_launch: {exact_count: 2}, register: again}
    - {name: grown and foreseen, spotinst.esg.spot_launch: {exact_count: 3}, check_mode: true, diff: true, register: grow_check}
    - {name: grown, spotinst.esg.spot_launch: {exact_count: 3}, register: grow}
    - {name: shrunk and foreseen, spotinst.esg.spot_launch: {exact_count: 1}, check_mode: true, register: shrink_check}
    - {name: shrunk, spotinst.esg.spot_launch: {exact_count: 1, scale_in_order: most_expensive}, register: shrink}
    - {name: shrunk again, spotinst.esg.spot_launch: {exact_count: 1}, register: shrink_again}
    - {name: too many, spotinst.esg.spot_launch: {count: 2, max_total: 2}, ignore_errors: true, register: ceiling}
    - {name: ended and foreseen, spotinst.esg.spot_launch: {state: absent}, check_mode: true, register: end_check}
    - {name: listed, spotinst.esg.spot_instance_info: {name: '{{ fleet }}', prices: false}, register: one}
    - {name: ended, spotinst.esg.spot_launch: {state: absent}, register: end}
    - {name: ended again and foreseen, spotinst.esg.spot_launch: {state: absent}, check_mode: true, register: end_again_check}
    - {name: ended again, spotinst.esg.spot_launch: {state: absent}, register: end_again}
- assert:
    that:
      - create_check is changed and nobody.instances == []
      - create is changed and create.launched | length == 2
      - again is not changed and again_check is not changed
      - grow_check is changed and grow_check.diff.before.machines == 2 and grow_check.diff.after.machines == 3
      - grow is changed and grow.instances | length == 3
      - shrink_check is changed and shrink_check.instances | length == 3
      - shrink is changed and shrink.terminated | length == 2
      - shrink_again is not changed
      - ceiling is failed and 'max_total is 2' in ceiling.msg
      - end_check is changed and one.instances | length == 1
      - end is changed and end.instances == []
      - end_again is not changed and end_again_check is not changed
",
    );
}

#[test]
fn offers_are_ranked_kept_and_kept_again() {
    play(
        "\
- module_defaults:
    spotinst.esg.spot_offer_info: {policy: '{{ wanted }}'}
  block:
    - {name: ranked, spotinst.esg.spot_offer_info: , register: plain}
    - {name: ranked and foreseen, spotinst.esg.spot_offer_info: , check_mode: true, register: plain_check}
    - {name: kept and foreseen, spotinst.esg.spot_offer_info: {store: ssm, store_prefix: '/{{ fleet }}'}, check_mode: true, register: keep_check}
    - {name: nothing kept yet, spotinst.esg.spot_offer_info: {spot_prices: ssm, store_prefix: '/{{ fleet }}'}, ignore_errors: true, register: empty}
    - {name: kept, spotinst.esg.spot_offer_info: {store: ssm, store_prefix: '/{{ fleet }}'}, register: keep}
    - {name: read, spotinst.esg.spot_offer_info: {spot_prices: ssm, store_prefix: '/{{ fleet }}'}, register: kept}
    - {name: nothing fits, spotinst.esg.spot_offer_info: {policy: {instance_types: [c6i.large], max_price: 0.001}}, register: nothing}
    - {name: contradiction, spotinst.esg.spot_offer_info: {policy: {min_vcpus: 9, max_vcpus: 1}}, ignore_errors: true, register: contradiction}
    - {name: unknown option, spotinst.esg.spot_offer_info: {polcy: {}}, ignore_errors: true, register: misspelt}
    - {name: saved, spotinst.esg.spot_offer_info: {save_to: '{{ playbook_dir }}/market.json'}, register: saved}
    - {name: replayed, spotinst.esg.spot_offer_info: {replay: '{{ playbook_dir }}/market.json'}, register: replayed}
    - {name: explained, spotinst.esg.spot_offer_info: {replay: '{{ playbook_dir }}/market.json', explain: m6g.large}, register: explained}
- assert:
    that:
      - plain is not changed and plain.offers | length == 9
      - plain.offers[0].instance_type == 'c6i.large' and plain.offers[0].price == '0.0300'
      - plain_check.offers | map(attribute='zone') == plain.offers | map(attribute='zone')
      - keep_check is changed and empty is failed and 'told no spot prices' in empty.msg
      - keep is changed and keep.stored_zones == 3
      - kept.offers | map(attribute='price') == plain.offers | map(attribute='price')
      - nothing.offers == [] and nothing.nothing_left.nearest.instance_type == 'c6i.large'
      - contradiction is failed and 'min_vcpus is 9' in contradiction.msg
      - misspelt is failed and 'policy' in misspelt.msg
      - saved is not changed and replayed.offers | length == 9
      - explained.explanation | map(attribute='fate') | unique == ['ranked']
",
    );
}
