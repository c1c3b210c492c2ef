//! The modules of the spot market by real `ansible-playbook`: create, modify, delete, each foreseen, done and done again.

#![cfg(feature = "aws")]
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without, it panics on")]

#[path = "launch/grounds.rs"]
mod places;
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
        command.env("TEST_TEMPLATE", places::template(&fleet));
        command.env("TEST_SUBNETS", places::subnets(&["eu-west-1a", "eu-west-1a"]).join(","));
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
    - {name: grown again and foreseen, spotinst.esg.spot_launch: {exact_count: 3}, check_mode: true, register: grow_again_check}
    - {name: grown again, spotinst.esg.spot_launch: {exact_count: 3}, register: grow_again}
    - {name: shrunk and foreseen, spotinst.esg.spot_launch: {exact_count: 1}, check_mode: true, register: shrink_check}
    - {name: shrunk, spotinst.esg.spot_launch: {exact_count: 1, scale_in_order: most_expensive}, register: shrink}
    - {name: shrunk again and foreseen, spotinst.esg.spot_launch: {exact_count: 1}, check_mode: true, register: shrink_again_check}
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
      - grow_again_check is not changed and grow_again is not changed
      - grow_again.instances == grow.instances and grow_again_check.instances == grow.instances
      - shrink_check is changed and shrink_check.instances | length == 3
      - shrink is changed and shrink.terminated | length == 2
      - shrink_again is not changed and shrink_again_check is not changed
      - shrink_again.instances == shrink.instances and shrink_again_check.instances == shrink.instances
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
    - {name: kept again and foreseen, spotinst.esg.spot_offer_info: {store: ssm, store_prefix: '/{{ fleet }}'}, check_mode: true, register: again_check}
    - {name: kept again, spotinst.esg.spot_offer_info: {store: ssm, store_prefix: '/{{ fleet }}'}, register: again}
    - {name: read, spotinst.esg.spot_offer_info: {spot_prices: ssm, store_prefix: '/{{ fleet }}'}, register: kept}
    - name: other offers kept and foreseen
      spotinst.esg.spot_offer_info: {policy: '{{ x86 }}', store: ssm, store_prefix: '/{{ fleet }}'}
      check_mode: true
      diff: true
      register: other_check
    - {name: as before, spotinst.esg.spot_offer_info: {spot_prices: ssm, store_prefix: '/{{ fleet }}'}, register: before}
    - {name: other offers kept, spotinst.esg.spot_offer_info: {policy: '{{ x86 }}', store: ssm, store_prefix: '/{{ fleet }}'}, register: other}
    - name: other offers kept again and foreseen
      spotinst.esg.spot_offer_info: {policy: '{{ x86 }}', store: ssm, store_prefix: '/{{ fleet }}'}
      check_mode: true
      register: other_again_check
    - name: other offers kept again
      spotinst.esg.spot_offer_info: {policy: '{{ x86 }}', store: ssm, store_prefix: '/{{ fleet }}'}
      register: other_again
    - {name: others read, spotinst.esg.spot_offer_info: {spot_prices: ssm, store_prefix: '/{{ fleet }}'}, register: others}
    - name: a zone emptied and foreseen
      spotinst.esg.spot_offer_info: {policy: '{{ cheap }}', store: ssm, store_prefix: '/{{ fleet }}'}
      check_mode: true
      register: empty_check
    - name: a zone emptied
      spotinst.esg.spot_offer_info: {policy: '{{ cheap }}', store: ssm, store_prefix: '/{{ fleet }}'}
      register: emptied
    - name: a zone emptied again and foreseen
      spotinst.esg.spot_offer_info: {policy: '{{ cheap }}', store: ssm, store_prefix: '/{{ fleet }}'}
      check_mode: true
      register: empty_again_check
    - name: a zone emptied again
      spotinst.esg.spot_offer_info: {policy: '{{ cheap }}', store: ssm, store_prefix: '/{{ fleet }}'}
      register: empty_again
    - {name: nothing fits, spotinst.esg.spot_offer_info: {policy: {instance_types: [c6i.large], max_price: 0.001}}, register: nothing}
    - {name: contradiction, spotinst.esg.spot_offer_info: {policy: {min_vcpus: 9, max_vcpus: 1}}, ignore_errors: true, register: contradiction}
    - {name: unknown option, spotinst.esg.spot_offer_info: {polcy: {}}, ignore_errors: true, register: misspelt}
    - {name: saved, spotinst.esg.spot_offer_info: {save_to: '{{ playbook_dir }}/market.json'}, register: saved}
    - {name: replayed, spotinst.esg.spot_offer_info: {replay: '{{ playbook_dir }}/market.json'}, register: replayed}
    - {name: explained, spotinst.esg.spot_offer_info: {replay: '{{ playbook_dir }}/market.json', explain: m6g.large}, register: explained}
  vars: {cheap: {instance_types: [c6i.large], max_price: '0.0300', current_generation: any}}
- assert:
    that:
      - plain is not changed and plain.offers | length == 9
      - plain.offers[0].instance_type == 'c6i.large' and plain.offers[0].price == '0.0300'
      - plain_check.offers | map(attribute='zone') == plain.offers | map(attribute='zone')
      - keep_check is changed and empty is failed and 'there is no parameter' in empty.msg
      - keep is changed and keep.stored_zones == 3
      - kept.offers | map(attribute='price') == plain.offers | map(attribute='price')
      - again_check is not changed and again is not changed and again.stored_zones == 3 and again.offers | length == 9
      - other_check is changed and other_check.diff.before['eu-west-1a'] | length == 3 and other_check.diff.after['eu-west-1a'] | length == 2
      - before.offers | length == 9 and other is changed and other.offers | length == 6 and others.offers | length == 6
      - other_again_check is not changed and other_again is not changed
      - empty_check is changed and emptied is changed and emptied.stored_zones == 1
      - empty_again_check is not changed and empty_again is not changed and empty_again.stored_zones == 1
      - nothing.offers == [] and nothing.nothing_left.nearest.instance_type == 'c6i.large'
      - contradiction is failed and 'min_vcpus is 9' in contradiction.msg
      - misspelt is failed and 'policy' in misspelt.msg
      - saved is not changed and replayed.offers | length == 9
      - explained.explanation | map(attribute='fate') | unique == ['ranked']
",
    );
}

#[test]
fn a_fleet_is_spread_over_zones_and_listed_at_each_step() {
    play(
        "\
- module_defaults:
    spotinst.esg.spot_launch: {name: '{{ fleet }}', image_id: ami-12c6146b, policy: '{{ x86 }}'}
    spotinst.esg.spot_rebalance: {name: '{{ fleet }}', image_id: ami-12c6146b, policy: '{{ x86 }}'}
    spotinst.esg.spot_instance_info: {name: '{{ fleet }}'}
  block:
    - {name: nobody, spotinst.esg.spot_instance_info: , register: nobody}
    - {name: nobody and foreseen, spotinst.esg.spot_instance_info: , check_mode: true, register: nobody_check}
    - {name: nothing to spread, spotinst.esg.spot_rebalance: , register: nothing}
    - {name: made, spotinst.esg.spot_launch: {exact_count: 3, zones: [eu-west-1c]}}
    - {name: 'made, listed', spotinst.esg.spot_instance_info: , register: made}
    - {name: 'made, listed and foreseen', spotinst.esg.spot_instance_info: , check_mode: true, register: made_check}
    - {name: 'made, listed again', spotinst.esg.spot_instance_info: , register: made_again}
    - {name: spread and foreseen, spotinst.esg.spot_rebalance: , check_mode: true, diff: true, register: spread_check}
    - {name: 'foreseen, listed', spotinst.esg.spot_instance_info: , register: foreseen}
    - {name: spread, spotinst.esg.spot_rebalance: {drain_command: ['true'], gate_command: ['true'], max_surge: '1'}, register: spread}
    - {name: spread again and foreseen, spotinst.esg.spot_rebalance: , check_mode: true, register: again_check}
    - {name: spread again, spotinst.esg.spot_rebalance: , register: again}
    - {name: 'spread, listed', spotinst.esg.spot_instance_info: , register: listed}
    - {name: 'spread, listed and foreseen', spotinst.esg.spot_instance_info: , check_mode: true, register: listed_check}
    - {name: without prices, spotinst.esg.spot_instance_info: {prices: 'no'}, register: unpriced}
    - {name: fewer zones and foreseen, spotinst.esg.spot_rebalance: {zones: [eu-west-1a, eu-west-1b]}, check_mode: true, register: fewer_check}
    - {name: fewer zones, spotinst.esg.spot_rebalance: {zones: [eu-west-1a, eu-west-1b]}, register: fewer}
    - {name: fewer zones again, spotinst.esg.spot_rebalance: {zones: [eu-west-1a, eu-west-1b]}, register: fewer_again}
    - {name: no room, spotinst.esg.spot_rebalance: {zones: [eu-west-1c], max_total: 3}, ignore_errors: true, register: room}
    - {name: misspelt, spotinst.esg.spot_rebalance: {max_sruge: 2}, ignore_errors: true, register: misspelt}
    - {name: no name of a fleet, spotinst.esg.spot_instance_info: {name: 'a b'}, ignore_errors: true, register: unnamed}
    - {name: misspelt, spotinst.esg.spot_instance_info: {prises: false}, ignore_errors: true, register: info_misspelt}
    - {name: another fleet, spotinst.esg.spot_instance_info: {name: 'no-{{ fleet }}'}, register: other}
    - {name: ended, spotinst.esg.spot_launch: {state: absent}}
    - {name: 'ended, listed', spotinst.esg.spot_instance_info: , register: ended}
    - {name: 'ended, listed and foreseen', spotinst.esg.spot_instance_info: , check_mode: true, register: ended_check}
- assert:
    that:
      - nobody is not changed and nobody_check is not changed and nobody.instances == [] and nobody.zones == {}
      - nobody_check.instances == [] and nothing is not changed
      - made is not changed and made.instances | length == 3 and made.zones[fleet] == {'eu-west-1c':3}
      - made_check.instances == made.instances and made_again.instances == made.instances and made_check is not changed
      - made.hourly_cost == '0.0900' and made.instances[0].price == '0.0300' and made.saving_percent > 60
      - spread_check is changed and spread_check.diff.before.zones == {'eu-west-1c':3}
      - spread_check.diff.after.zones == {'eu-west-1a':1,'eu-west-1b':1,'eu-west-1c':1}
      - foreseen.zones == made.zones
      - spread is changed and spread.launched | length == 2 and spread.terminated == spread_check.terminated
      - again is not changed and again_check is not changed and again.steps == []
      - listed.zones[fleet].values() | list == [1, 1, 1] and listed_check.zones == listed.zones
      - listed.hourly_cost == '0.0990' and unpriced.hourly_cost is none and unpriced.instances[0].price is none
      - fewer_check is changed and fewer is changed and fewer.zones | length == 2 and fewer_again is not changed
      - room is failed and 'max_total leaves no room' in room.msg
      - misspelt is failed and 'max_surge' in misspelt.msg
      - unnamed is failed and 'the name' in unnamed.msg
      - info_misspelt is failed and 'prices' in info_misspelt.msg
      - other is not failed and other.instances == []
      - ended is not changed and ended.instances == [] and ended_check.instances == []
",
    );
}

#[test]
fn a_profile_is_kept_changed_and_forgotten() {
    play(
        "\
- module_defaults:
    spotinst.esg.spot_profile: {cluster: '{{ fleet }}', settings_prefix: '/{{ fleet }}'}
    spotinst.esg.spot_profile_info: {settings_prefix: '/{{ fleet }}'}
  block:
    - {name: none, spotinst.esg.spot_profile_info: , register: nothing}
    - {name: not enough, spotinst.esg.spot_profile: {subnets: [subnet-1]}, ignore_errors: true, register: short}
    - {name: kept and foreseen, spotinst.esg.spot_profile: '{{ profile }}', check_mode: true, diff: true, register: create_check}
    - {name: still none, spotinst.esg.spot_profile_info: , register: still}
    - {name: kept, spotinst.esg.spot_profile: '{{ profile }}', register: create}
    - {name: kept again and foreseen, spotinst.esg.spot_profile: '{{ profile }}', check_mode: true, register: again_check}
    - {name: kept again, spotinst.esg.spot_profile: '{{ profile }}', register: again}
    - {name: listed, spotinst.esg.spot_profile_info: {cluster: '{{ fleet }}'}, register: listed}
    - {name: listed and foreseen, spotinst.esg.spot_profile_info: , check_mode: true, register: listed_check}
    - {name: changed and foreseen, spotinst.esg.spot_profile: {policy: {min_vcpus: 2}}, check_mode: true, register: change_check}
    - {name: changed, spotinst.esg.spot_profile: {policy: {min_vcpus: '2'}}, register: change}
    - {name: changed again and foreseen, spotinst.esg.spot_profile: {policy: {min_vcpus: 2}}, check_mode: true, register: change_again_check}
    - {name: changed again, spotinst.esg.spot_profile: {policy: {min_vcpus: 2, top_n_per_az: 6}}, register: change_again}
    - {name: misspelt, spotinst.esg.spot_profile: {subnet: []}, ignore_errors: true, register: misspelt}
    - {name: misspelt in the policy, spotinst.esg.spot_profile: {policy: {min_vcpu: 2}}, ignore_errors: true, register: policy}
    - {name: no name, spotinst.esg.spot_profile_info: {cluster: a/b}, ignore_errors: true, register: unnamed}
    - {name: forgotten and foreseen, spotinst.esg.spot_profile: {state: absent}, check_mode: true, register: end_check}
    - {name: forgotten, spotinst.esg.spot_profile: {state: absent}, register: end}
    - {name: forgotten again and foreseen, spotinst.esg.spot_profile: {state: absent}, check_mode: true, register: end_again_check}
    - {name: forgotten again, spotinst.esg.spot_profile: {state: absent}, register: end_again}
  vars:
    profile: {launch_template: {id: '{{ lookup(\"env\", \"TEST_TEMPLATE\") }}'}, subnets: '{{ lookup(\"env\", \"TEST_SUBNETS\").split(\",\") }}'}
- assert:
    that:
      - nothing.profiles == [] and nothing is not changed and still.profiles == []
      - short is failed and 'a new one needs launch_template and subnets' in short.msg
      - create_check is changed and create_check.diff.before == none_yet and create_check.diff.after.cluster_name == fleet
      - create is changed and create.profile.subnets | length == 2
      - again is not changed and again_check is not changed
      - listed.profiles[0].cluster == fleet and listed.profiles[0].policy is none and listed.profiles | length == 1
      - listed_check.profiles[0].launch_template_id == create.profile.launch_template_id
      - change_check is changed and change is changed and change.profile.policy.min_vcpus == 2
      - change.profile.subnets == create.profile.subnets and change_again is not changed
      - change_again_check is not changed and change_again_check.profile == change.profile
      - misspelt is failed and 'subnets' in misspelt.msg and policy is failed and 'min_vcpus' in policy.msg
      - unnamed is failed and 'the cluster' in unnamed.msg
      - end_check is changed and end is changed and end.profile is none
      - end_again is not changed and end_again_check is not changed
  vars: {none_yet: null}
",
    );
}

/// Spread, spread over other zones, and ended: each foreseen, done, and both once more.
#[test]
fn a_rebalance_settles_after_each_change() {
    play(
        "\
- module_defaults:
    spotinst.esg.spot_launch: {name: '{{ fleet }}', image_id: ami-12c6146b, policy: '{{ x86 }}'}
    spotinst.esg.spot_rebalance: {name: '{{ fleet }}', image_id: ami-12c6146b, policy: '{{ x86 }}'}
  block:
    - {name: made in one zone, spotinst.esg.spot_launch: {exact_count: 2, zones: [eu-west-1a]}}
    - {name: spread and foreseen, spotinst.esg.spot_rebalance: {zones: [eu-west-1a, eu-west-1b]}, check_mode: true, diff: true, register: create_check}
    - {name: still in one, spotinst.esg.spot_instance_info: {name: '{{ fleet }}', prices: false}, register: before}
    - {name: spread, spotinst.esg.spot_rebalance: {zones: [eu-west-1a, eu-west-1b]}, register: create}
    - {name: spread again and foreseen, spotinst.esg.spot_rebalance: {zones: [eu-west-1a, eu-west-1b]}, check_mode: true, register: create_again_check}
    - {name: spread again, spotinst.esg.spot_rebalance: {zones: [eu-west-1a, eu-west-1b]}, register: create_again}
    - {name: other zones and foreseen, spotinst.esg.spot_rebalance: {zones: [eu-west-1b, eu-west-1c]}, check_mode: true, register: modify_check}
    - {name: as before, spotinst.esg.spot_instance_info: {name: '{{ fleet }}', prices: false}, register: unmoved}
    - {name: other zones, spotinst.esg.spot_rebalance: {zones: [eu-west-1b, eu-west-1c]}, register: modify}
    - {name: other zones again and foreseen, spotinst.esg.spot_rebalance: {zones: [eu-west-1b, eu-west-1c]}, check_mode: true, register: modify_again_check}
    - {name: other zones again, spotinst.esg.spot_rebalance: {zones: [eu-west-1b, eu-west-1c]}, register: modify_again}
    - {name: a zone that is none, spotinst.esg.spot_rebalance: {zones: [eu-west-1z]}, ignore_errors: true, register: nowhere}
    - {name: ended, spotinst.esg.spot_launch: {state: absent}}
    - {name: 'ended, and foreseen', spotinst.esg.spot_rebalance: , check_mode: true, register: end_check}
    - {name: 'ended, nothing to spread', spotinst.esg.spot_rebalance: , register: end}
    - {name: 'ended, and foreseen again', spotinst.esg.spot_rebalance: , check_mode: true, register: end_again_check}
    - {name: 'ended, nothing again', spotinst.esg.spot_rebalance: , register: end_again}
- assert:
    that:
      - create_check is changed and create_check.diff.after.zones == {'eu-west-1a':1,'eu-west-1b':1}
      - before.zones[fleet] == {'eu-west-1a':2}
      - create is changed and create.zones == {'eu-west-1a':1,'eu-west-1b':1} and create.terminated == create_check.terminated
      - create_again_check is not changed and create_again_check.steps == [] and create_again is not changed
      - modify_check is changed and unmoved.zones[fleet] == create.zones
      - modify is changed and modify.zones == {'eu-west-1b':1,'eu-west-1c':1} and modify.launched | length == 1
      - modify_again_check is not changed and modify_again is not changed and modify_again.zones == modify.zones
      - nowhere is failed and 'eu-west-1z' in nowhere.msg
      - end_check is not changed and end is not changed and end_again_check is not changed and end_again is not changed
      - end.instances == [] and end.count == 0
",
    );
}

/// Listed when there is none, when it was made, changed and forgotten: each by a run, a check, and both once more.
#[test]
fn profiles_are_listed_as_they_are_at_each_step() {
    play(
        "\
- module_defaults:
    spotinst.esg.spot_profile: {cluster: '{{ fleet }}', settings_prefix: '/{{ fleet }}'}
    spotinst.esg.spot_profile_info: {settings_prefix: '/{{ fleet }}', cluster: '{{ fleet }}'}
  block:
    - {name: none, spotinst.esg.spot_profile_info: , register: none_run}
    - {name: none and foreseen, spotinst.esg.spot_profile_info: , check_mode: true, register: none_check}
    - {name: made, spotinst.esg.spot_profile: '{{ profile }}'}
    - {name: 'made, listed and foreseen', spotinst.esg.spot_profile_info: , check_mode: true, register: create_check}
    - {name: 'made, listed', spotinst.esg.spot_profile_info: , register: create}
    - {name: 'made, listed and foreseen again', spotinst.esg.spot_profile_info: , check_mode: true, register: create_again_check}
    - {name: 'made, listed again', spotinst.esg.spot_profile_info: , register: create_again}
    - {name: changed, spotinst.esg.spot_profile: {policy: {min_vcpus: 4}}}
    - {name: 'changed, listed and foreseen', spotinst.esg.spot_profile_info: , check_mode: true, register: modify_check}
    - {name: 'changed, listed', spotinst.esg.spot_profile_info: , register: modify}
    - {name: 'changed, listed and foreseen again', spotinst.esg.spot_profile_info: , check_mode: true, register: modify_again_check}
    - {name: 'changed, listed again', spotinst.esg.spot_profile_info: , register: modify_again}
    - {name: all, spotinst.esg.spot_profile_info: {cluster: '{{ omit }}'}, register: all}
    - {name: another, spotinst.esg.spot_profile_info: {cluster: 'no-{{ fleet }}'}, register: other}
    - {name: no path, spotinst.esg.spot_profile_info: {settings_prefix: 'settings'}, ignore_errors: true, register: path}
    - {name: misspelt, spotinst.esg.spot_profile_info: {clustre: x}, ignore_errors: true, register: misspelt}
    - {name: forgotten, spotinst.esg.spot_profile: {state: absent}}
    - {name: 'forgotten, listed and foreseen', spotinst.esg.spot_profile_info: , check_mode: true, register: end_check}
    - {name: 'forgotten, listed', spotinst.esg.spot_profile_info: , register: end}
    - {name: 'forgotten, listed and foreseen again', spotinst.esg.spot_profile_info: , check_mode: true, register: end_again_check}
    - {name: 'forgotten, listed again', spotinst.esg.spot_profile_info: , register: end_again}
  vars:
    profile: {launch_template: {id: '{{ lookup(\"env\", \"TEST_TEMPLATE\") }}'}, subnets: '{{ lookup(\"env\", \"TEST_SUBNETS\").split(\",\") }}'}
- assert:
    that:
      - none_run.profiles == [] and none_check.profiles == [] and none_run.damaged == []
      - create.profiles[0].cluster == fleet and create.profiles[0].subnets | length == 2 and create.profiles[0].policy is none
      - create_check.profiles == create.profiles and create_again.profiles == create.profiles
      - create_again_check.profiles == create.profiles and create.profiles[0].written_at is string
      - modify.profiles[0].policy.min_vcpus == 4 and modify.profiles[0].subnets == create.profiles[0].subnets
      - modify_check.profiles == modify.profiles and modify_again.profiles == modify.profiles
      - modify_again_check.profiles == modify.profiles
      - all.profiles == modify.profiles and other.profiles == [] and other is not failed
      - path is failed and 'path of parameters' in path.msg and misspelt is failed and 'cluster' in misspelt.msg
      - end.profiles == [] and end_check.profiles == [] and end_again.profiles == [] and end_again_check.profiles == []
      - create is not changed and modify is not changed and end is not changed and all is not changed
",
    );
}
