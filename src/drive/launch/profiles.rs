//! Profiles of clusters in Systems Manager.

use super::error::LaunchError;
use crate::domain::Region;
use crate::drive::market::Cloud;
use crate::plan::launch::{Profile, ProfileError, check_cluster};

/// Where Spotter keeps the settings of its clusters.
pub const SPOTTER_SETTINGS: &str = "/spotter/settings";

/// The profiles below a prefix.
pub struct Profiles<'a> {
    cloud: &'a dyn Cloud,
    region: &'a Region,
    prefix: String,
}

/// A parameter below the prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The cluster.
    pub cluster: String,
    /// The parameter's whole name.
    pub parameter: String,
    /// When it was written.
    pub at: Option<jiff::Timestamp>,
    /// What it holds.
    pub profile: Result<Profile, ProfileError>,
}

impl<'a> Profiles<'a> {
    /// Below this prefix.
    ///
    /// # Errors
    ///
    /// It is no path of parameters.
    pub fn new(
        cloud: &'a dyn Cloud,
        region: &'a Region,
        prefix: &str,
    ) -> Result<Self, LaunchError> {
        let trimmed = prefix.trim_end_matches('/');
        if !trimmed.starts_with('/') || trimmed.len() < 2 {
            return Err(LaunchError::Profile {
                place: format!("below {prefix:?}"),
                reason: format!("it is no path of parameters, such as {SPOTTER_SETTINGS}"),
            });
        }
        Ok(Self { cloud, region, prefix: trimmed.to_owned() })
    }

    /// The name of a cluster's parameter.
    pub fn parameter(&self, cluster: &str) -> String {
        format!("{}/{cluster}", self.prefix)
    }

    fn fault(&self, cluster: &str, reason: &dyn std::fmt::Display) -> LaunchError {
        let place = format!("in parameter {}", self.parameter(cluster));
        LaunchError::Profile { place, reason: reason.to_string() }
    }

    /// A cluster's profile; none if there is none.
    ///
    /// # Errors
    ///
    /// AWS does not answer, or what is kept is no profile.
    pub fn read(&self, cluster: &str) -> Result<Option<Profile>, LaunchError> {
        check_cluster(cluster).map_err(|error| self.fault(cluster, &error))?;
        let text = self.cloud.parameter(self.region, &self.parameter(cluster))?;
        let read = text.map(|text| Profile::read(cluster, &text)).transpose();
        read.map_err(|error| self.fault(cluster, &error))
    }

    /// All that is kept, by cluster.
    ///
    /// # Errors
    ///
    /// AWS does not answer.
    pub fn all(&self) -> Result<Vec<Kept>, LaunchError> {
        let mut all = Vec::new();
        for parameter in self.cloud.parameters_below(self.region, &self.prefix)? {
            let cluster = parameter.name.rsplit('/').next().unwrap_or_default().to_owned();
            // What is deeper below is another's.
            if parameter.name == self.parameter(&cluster) {
                let profile = Profile::read(&cluster, &parameter.value);
                all.push(Kept { cluster, parameter: parameter.name, at: parameter.at, profile });
            }
        }
        Ok(all)
    }

    /// Writes a profile over what is there.
    ///
    /// # Errors
    ///
    /// It does not fit, or AWS does not take it.
    pub fn write(&self, profile: &Profile) -> Result<(), LaunchError> {
        let text = profile.text().map_err(|error| self.fault(&profile.cluster, &error))?;
        Ok(self.cloud.put_parameter(self.region, &self.parameter(&profile.cluster), &text)?)
    }

    /// Deletes what is kept of a cluster.
    ///
    /// # Errors
    ///
    /// AWS does not take it.
    pub fn forget(&self, cluster: &str) -> Result<(), LaunchError> {
        Ok(self.cloud.delete_parameters(self.region, &[self.parameter(cluster)])?)
    }
}
