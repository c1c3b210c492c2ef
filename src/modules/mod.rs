//! The Ansible modules of the collection: one file each, named as the module, with its examples beside it.

mod accounts;
mod cluster_gate;
mod cluster_order;
mod clusters;
mod connection;
mod elasticsearch_allocation;
mod elastigroup;
mod elastigroup_capacity;
mod elastigroup_info;
mod elastigroup_suspension;
mod fleet;
mod kafka_leadership;
mod market;
mod recycle_plan;
mod recycle_run;
mod rolling;
mod spot_account;
mod spot_account_info;
mod spot_aws_connection;
mod spot_aws_connection_info;
mod spot_instance_info;
mod spot_launch;
mod spot_offer_info;
mod spot_profile;
mod spot_profile_info;
mod spot_programmatic_user;
mod spot_programmatic_user_info;
mod spot_rebalance;
mod stateful_instance;
mod stateful_instance_info;
mod waivers;

use crate::ansible::{self, Collection, SpecError};
use crate::drive::Environment;
use crate::plan::roll::{Holder, Liveness};

pub use ansible::{Answer, AnyModule, hide_panics};
use cluster_gate::ClusterGate;
use cluster_order::ClusterOrder;
pub use clusters::Reached;
use elasticsearch_allocation::ElasticsearchAllocation;
use elastigroup::Elastigroup;
use elastigroup_capacity::ElastigroupCapacity;
use elastigroup_info::ElastigroupInfo;
use elastigroup_suspension::ElastigroupSuspension;
use kafka_leadership::KafkaLeadership;
pub(crate) use market::{AWS_CREDENTIALS, AWS_THROTTLED, AWS_TIMEOUT};
use recycle_plan::RecyclePlan;
use recycle_run::RecycleRun;
use spot_account::SpotAccount;
use spot_account_info::SpotAccountInfo;
use spot_aws_connection::SpotAwsConnection;
use spot_aws_connection_info::SpotAwsConnectionInfo;
use spot_instance_info::SpotInstanceInfo;
use spot_launch::SpotLaunch;
use spot_offer_info::SpotOfferInfo;
use spot_profile::SpotProfile;
use spot_profile_info::SpotProfileInfo;
use spot_programmatic_user::SpotProgrammaticUser;
use spot_programmatic_user_info::SpotProgrammaticUserInfo;
use spot_rebalance::SpotRebalance;
use stateful_instance::StatefulInstance;
use stateful_instance_info::StatefulInstanceInfo;

/// Every module; one more is a line here and a `mod` above.
pub static ALL: &[&dyn AnyModule<World>] = &[
    &ClusterGate,
    &ClusterOrder,
    &ElasticsearchAllocation,
    &Elastigroup,
    &ElastigroupCapacity,
    &ElastigroupInfo,
    &ElastigroupSuspension,
    &KafkaLeadership,
    &RecyclePlan,
    &RecycleRun,
    &SpotAccount,
    &SpotAccountInfo,
    &SpotAwsConnection,
    &SpotAwsConnectionInfo,
    &SpotProgrammaticUser,
    &SpotProgrammaticUserInfo,
    &SpotInstanceInfo,
    &SpotLaunch,
    &SpotOfferInfo,
    &SpotProfile,
    &SpotProfileInfo,
    &SpotRebalance,
    &StatefulInstance,
    &StatefulInstanceInfo,
];

/// What every module is handed.
pub struct World {
    /// What the process inherited.
    pub environment: Environment,
    /// Seeds the jitter in pauses, and what must not be taken twice.
    pub seed: u64,
    /// The process on whose behalf modules act: Ansible, where it is Ansible that calls.
    pub caller: Holder,
    /// Whether such a process still runs.
    pub liveness: fn(&Holder) -> Liveness,
}

const COLLECTION: Collection = Collection {
    name: "spotinst.esg",
    author: "spotinst-esg maintainers (!UNKNOWN)",
    requirements: &["The program C(spotinst-esg), which comes with the collection."],
    program: "spotinst-esg",
    action: "spotinst.esg.esg",
    requires_ansible: ">=2.17.0",
    former_names_until: "2.0.0",
};

/// The module of this name, of a former one, or of either with the collection's name before it.
pub fn find(name: &str) -> Option<&'static dyn AnyModule<World>> {
    let short = name.strip_prefix(COLLECTION.name).and_then(|rest| rest.strip_prefix('.'));
    let short = short.unwrap_or(name);
    let is_it = |module: &&&dyn AnyModule<World>| {
        module.name() == short || module.former_names().contains(&short)
    };
    ALL.iter().find(is_it).copied()
}

/// The module that a program is to be when it is started under this name, as Ansible does with a copy that it calls
/// `AnsiballZ_` and the module's name.
pub fn called(program: &str) -> Option<&'static dyn AnyModule<World>> {
    let name = program.rsplit('/').next().unwrap_or(program);
    let name = name.strip_prefix("AnsiballZ_").unwrap_or(name);
    find(name.split('.').next().unwrap_or(name))
}

/// Calls a module with the arguments as Ansible writes them; `say` gets lines for the person who waits.
pub fn run(
    module: &dyn AnyModule<World>,
    arguments: &[u8],
    world: &World,
    say: &(dyn Fn(&str) + Sync),
) -> Answer {
    ansible::run(module, arguments, world, say)
}

/// The generated files of the collection: path inside it, and text.
///
/// # Errors
///
/// A module's types say what Ansible cannot.
pub fn documentation() -> Result<Vec<(String, String)>, SpecError> {
    ansible::documentation(&COLLECTION, ALL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_is_found_by_every_name_that_ansible_calls_it() {
        for name in [
            "AnsiballZ_spot_account_info",
            "/tmp/x/AnsiballZ_spot_account_info",
            "plugins/modules/spot_account_info",
            "AnsiballZ_spot_account_info.bin",
        ] {
            assert_eq!(called(name).map(AnyModule::name), Some("spot_account_info"), "{name}");
        }
        assert!(called("spotinst-esg").is_none());
        assert!(called("").is_none());
        assert_eq!(
            find("spotinst.esg.spot_account_info").map(AnyModule::name),
            Some("spot_account_info")
        );
    }

    #[test]
    fn names_are_the_modules_own_and_each_module_can_be_documented() {
        let mut names = std::collections::BTreeSet::new();
        for module in ALL {
            for name in [module.name()].iter().chain(module.former_names()) {
                assert!(names.insert(*name), "{name} is there twice");
            }
            let spec = module.spec().unwrap_or_else(|e| panic!("{}: {e}", module.name()));
            assert!(!spec.description.is_empty(), "{} is not described", module.name());
            for option in &spec.options {
                let name = format!("{}.{}", module.name(), option.name);
                assert!(!option.description.is_empty(), "{name} is not described");
                let is_secret = ["token", "password", "secret", "external_id"]
                    .iter()
                    .any(|word| option.name.contains(word));
                let is_file = option.name.ends_with("_file");
                let is_switch = option.shape == ansible::Shape::Bool;
                assert!(
                    !is_secret || is_file || is_switch || option.no_log == Some(true),
                    "{name} looks like a secret and is none"
                );
            }
        }
        documentation().unwrap();
    }
}
