//! `spot_profile_info`: the profiles of clusters.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::World;
use super::connection::Connection;
use super::fleet::ShownProfile;
use super::market;
use crate::ansible::{Context, Failure, Module, Planned};
use crate::drive::launch::{Kept, Profiles, SPOTTER_SETTINGS};
use crate::plan::launch::check_cluster;

/// Lists the profiles that M(spotinst.esg.spot_profile), or Spotter, keeps in Systems Manager.
///
/// The list is empty, and that is no failure, if there is none. What is damaged is named in C(damaged), and in a warning.
#[derive(Deserialize, JsonSchema)]
pub(super) struct Args {
    /// Only of this cluster.
    cluster: Option<String>,
    /// The path of the parameters.
    #[serde(default = "settings")]
    settings_prefix: String,
    #[serde(flatten)]
    connection: Connection,
}

fn settings() -> String {
    SPOTTER_SETTINGS.to_owned()
}

/// What is answered.
#[derive(Serialize, JsonSchema)]
pub(super) struct Returns {
    /// The profiles, by cluster.
    #[schemars(extend("x-returned" = "always"))]
    profiles: Vec<Listed>,
    /// Parameters that hold no profile.
    #[schemars(extend("x-returned" = "always"))]
    damaged: Vec<Damaged>,
}

#[derive(Serialize, JsonSchema)]
struct Listed {
    /// The parameter.
    parameter: String,
    /// When it was written.
    written_at: Option<String>,
    #[serde(flatten)]
    profile: ShownProfile,
}

#[derive(Serialize, JsonSchema)]
struct Damaged {
    /// The parameter.
    parameter: String,
    /// What is wrong.
    reason: String,
}

/// The module.
pub(super) struct SpotProfileInfo;

impl Module<World> for SpotProfileInfo {
    type Args = Args;
    type Returns = Returns;

    const NAME: &'static str = "spot_profile_info";
    const EXAMPLES: &'static str = include_str!("spot_profile_info.examples.yml");
    const CHANGES: bool = false;

    fn plan<'c>(
        &self,
        args: Args,
        context: Context<'c, World>,
    ) -> Result<Planned<'c, Returns>, Failure> {
        if let Some(cluster) = &args.cluster {
            check_cluster(cluster).map_err(|error| Failure::new(error.to_string()))?;
        }
        let region = market::region(&args.connection, context.world)?;
        let cloud = market::cloud(&args.connection, context.world)?;
        let mut all = Profiles::new(cloud.as_ref(), &region, &args.settings_prefix)?.all()?;
        all.retain(|it| args.cluster.as_ref().is_none_or(|cluster| *cluster == it.cluster));
        let mut returns = Returns { profiles: Vec::new(), damaged: Vec::new() };
        let mut warnings = Vec::new();
        for Kept { parameter, at, profile, .. } in all {
            match profile {
                Ok(profile) => returns.profiles.push(Listed {
                    parameter,
                    written_at: at.map(|at| at.to_string()),
                    profile: ShownProfile::from(&profile),
                }),
                Err(error) => {
                    warnings.push(format!("parameter {parameter} is left out: {error}"));
                    returns.damaged.push(Damaged { parameter, reason: error.to_string() });
                }
            }
        }
        Ok(Planned::unchanged(returns).with_warnings(warnings))
    }
}
