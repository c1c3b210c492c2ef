//! A cluster's profile as a source of options, and as it is shown.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::args::{FleetArgs, TemplateArgs};
use crate::ansible::{self, Failure};
use crate::domain::{Region, TemplateName};
use crate::drive::launch::Profiles;
use crate::drive::market::Cloud;
use crate::modules::market::PolicyArgs;
use crate::plan::launch::Profile;

/// A profile.
#[derive(Clone, Serialize, JsonSchema)]
pub(in crate::modules) struct ShownProfile {
    /// The cluster.
    cluster: String,
    /// Its region.
    region: Option<String>,
    /// The id of its launch template.
    #[schemars(extend("x-sample" = "lt-0123456789abcdef0"))]
    launch_template_id: Option<String>,
    /// The template's version.
    launch_template_version: Option<String>,
    /// Its subnets.
    subnets: Vec<String>,
    /// The same by zone.
    subnets_by_zone: BTreeMap<String, Vec<String>>,
    /// What is wanted of an offer, as far as it is not what is usual; null if nothing is kept.
    policy: Option<Map<String, Value>>,
}

impl From<&Profile> for ShownProfile {
    fn from(it: &Profile) -> Self {
        Self {
            cluster: it.cluster.clone(),
            region: it.region.clone(),
            launch_template_id: it.template.as_ref().and_then(|template| template.id.clone()),
            launch_template_version: it.template.as_ref().map(|template| template.version.clone()),
            subnets: it.subnets.clone(),
            subnets_by_zone: it.by_zone.clone(),
            policy: it.policy.clone(),
        }
    }
}

impl TemplateArgs {
    /// The same for the layers below.
    ///
    /// # Errors
    ///
    /// Neither id nor name is given.
    pub(in crate::modules) fn name(&self) -> Result<TemplateName, Failure> {
        if self.id.is_none() && self.name.is_none() {
            return Err(Failure::new("option launch_template needs id or name"));
        }
        let (id, name) = (self.id.clone(), self.name.clone());
        Ok(TemplateName { id, name, version: self.version.clone() })
    }
}

impl FleetArgs {
    /// Takes from the cluster's profile what is not given.
    ///
    /// # Errors
    ///
    /// There is none, it is damaged, or it is of another region.
    pub(super) fn with_profile(
        mut self,
        cloud: &dyn Cloud,
        region: &Region,
    ) -> Result<Self, Failure> {
        let Some(cluster) = &self.cluster else { return Ok(self) };
        let profiles = Profiles::new(cloud, region, &self.settings_prefix)?;
        let parameter = profiles.parameter(cluster);
        let Some(profile) = profiles.read(cluster)? else {
            return Err(Failure::new(format!(
                "there is no profile of cluster {cluster} in {region} (parameter {parameter}): make it with spot_profile; nothing was launched"
            )));
        };
        if let Some(other) = profile.region.as_ref().filter(|it| *it != region.as_str()) {
            return Err(Failure::new(format!(
                "the profile of cluster {cluster} is of region {other}, not {region}; nothing was launched"
            )));
        }
        if self.launch_template.is_none() {
            self.launch_template = profile.template.map(TemplateArgs::from);
        }
        if self.subnets.is_none() && !profile.subnets.is_empty() {
            self.subnets = Some(profile.subnets);
        }
        if let (None, Some(policy)) = (&self.policy, profile.policy) {
            let read = ansible::read::<PolicyArgs>("policy", policy).map_err(|error| {
                Failure::new(format!(
                    "the policy in parameter {parameter} cannot be used: {error}; nothing was launched"
                ))
            })?;
            self.policy = Some(read);
        }
        Ok(self)
    }
}

impl From<TemplateName> for TemplateArgs {
    fn from(it: TemplateName) -> Self {
        Self { id: it.id, name: it.name, version: it.version }
    }
}
