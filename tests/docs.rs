//! The committed documentation of the modules is what their types say.

#![allow(clippy::unwrap_used, reason = "what a test cannot go on without, it panics on")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use spotinst_esg::modules;

fn collection() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("ansible")
}

#[test]
fn generated_files_are_committed_as_they_would_be_written() {
    for (inside, text) in modules::documentation().unwrap() {
        let present = std::fs::read_to_string(collection().join(&inside)).unwrap_or_default();
        assert!(
            present == text,
            "ansible/{inside} is not as the modules say; run `cargo xtask docs` and commit"
        );
    }
}

#[test]
fn every_module_has_its_files_and_no_file_is_left_over() {
    let folder = collection().join("plugins/modules");
    let stems = |folder: &Path, ending: &str| -> BTreeSet<String> {
        let names = std::fs::read_dir(folder).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter_map(|name| name.strip_suffix(ending).map(str::to_owned)).collect()
    };
    let names: BTreeSet<String> =
        modules::ALL.iter().map(|module| module.name().to_owned()).collect();
    assert_eq!(stems(&folder, ".py"), names, "run `cargo xtask docs`, delete what is left over");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/modules");
    assert_eq!(stems(&source, ".examples.yml"), names);
}

/// The keys that a part of a module's documentation has, at any depth.
fn keys(part: &str) -> BTreeSet<&str> {
    part.lines().filter_map(|line| line.trim_start().strip_suffix(':')).collect()
}

/// What is between such a mark and its end.
fn marked<'a>(text: &'a str, mark: &str) -> Vec<&'a str> {
    text.match_indices(mark)
        // RV( is no O(, nor the other way round.
        .filter(|(at, _)| !text[..*at].ends_with(|c: char| c.is_ascii_uppercase()))
        .filter_map(|(at, _)| text[at + mark.len()..].split(')').next())
        .collect()
}

#[test]
fn what_is_marked_as_option_or_returned_value_is_one_of_the_module() {
    let mut count = 0;
    for (inside, text) in modules::documentation().unwrap() {
        let Some((head, returned)) = text.split_once("\nRETURN = ") else { continue };
        let options = head.split("\nEXAMPLES = ").next().unwrap();
        for (mark, there) in [("O(", keys(options)), ("RV(", keys(returned))] {
            // What belongs to another module is marked with that one's name.
            for name in marked(&text, mark).into_iter().filter(|name| !name.contains(':')) {
                let path = name.split(['=', '[']).next().unwrap();
                let missing: Vec<&str> =
                    path.split('.').filter(|part| !there.contains(part)).collect();
                assert!(missing.is_empty(), "{inside}: {mark}{name}) names no {missing:?}");
                count += 1;
            }
        }
    }
    assert!(count > 100, "{count}");
}

/// Every option of community.general.spotinst_aws_elastigroup (community.general 12, the last with it).
const OLD_OPTIONS: &str = "\
    credentials_path account_id token availability_vs_cost availability_zones block_device_mappings chef
    draining_timeout ebs_optimized ebs_volume_pool ecs elastic_ips fallback_to_od health_check_grace_period
    health_check_unhealthy_duration_before_replacement health_check_type iam_role_name iam_role_arn id
    image_id key_pair kubernetes lifetime_period load_balancers max_size mesosphere min_size monitoring name
    network_interfaces on_demand_count on_demand_instance_type opsworks persistence product rancher
    right_scale risk roll_config scheduled_tasks security_group_ids shutdown_script signals spin_up_time
    spot_instance_types state tags target target_group_arns tenancy terminate_at_end_of_billing_hour unit
    up_scaling_policies down_scaling_policies target_tracking_policies uniqueness_by user_data
    utilize_reserved_instances wait_for_instances wait_timeout do_not_update multai_token
    multai_load_balancers elastic_beanstalk";

/// Every option of the vendor's spot.cloud_modules.aws_elastigroup (1.3.3).
const OPTIONS_OF_THE_VENDOR: &str = "\
    account_id auto_apply_tags availability_vs_cost availability_zones block_device_mappings chef code_deploy
    credentials_path credit_specification do_not_update docker_swarm down_scaling_policies draining_timeout
    ebs_optimized ebs_volume_pool ecs elastic_beanstalk elastic_ips fallback_to_od health_check_grace_period
    health_check_type health_check_unhealthy_duration_before_replacement iam_role_arn iam_role_name id image_id
    key_pair kubernetes lifetime_period load_balancers max_size mesosphere min_size mlb_load_balancers mlb_runtime
    monitoring multai_load_balancers multai_token name network_interfaces nomad on_demand_count
    on_demand_instance_type opsworks persistence preferred_spot_instance_types private_ips product rancher
    revert_to_spot right_scale risk roll_config route53 scheduled_tasks security_group_ids shutdown_script signals
    spin_up_time spot_instance_types state stateful_deallocation_should_delete_images
    stateful_deallocation_should_delete_network_interfaces stateful_deallocation_should_delete_snapshots
    stateful_deallocation_should_delete_volumes tags target target_group_arns target_tracking_policies tenancy
    terminate_at_end_of_billing_hour token uniqueness_by unit up_scaling_policies user_data
    utilize_reserved_instances wait_for_instances wait_timeout";

#[test]
fn the_migration_page_tells_of_every_option_there_was() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("docs/migration-elastigroup.md")).unwrap();
    let there: Vec<&str> =
        page.lines().filter_map(|line| line.strip_prefix("| `")?.split(" | ").next()).collect();
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let told: BTreeSet<&str> = there.iter().flat_map(|cell| cell.split(|c| !is_word(c))).collect();
    let old = OLD_OPTIONS.split_whitespace().chain(OPTIONS_OF_THE_VENDOR.split_whitespace());
    let missing: Vec<&str> = old.filter(|name| !told.contains(name)).collect();
    assert!(missing.is_empty(), "docs/migration-elastigroup.md says nothing of {missing:?}");
}
