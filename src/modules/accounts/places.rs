//! Where a secret is to be kept, as options.

use schemars::JsonSchema;
use secrecy::SecretString;
use serde::Deserialize;

use crate::ansible::Failure;
use crate::domain::Region;
use crate::drive::{Sink, Sinks, ec2_access};
use crate::modules::World;
use crate::modules::connection::Connection;

/// A parameter of AWS Systems Manager.
#[derive(Clone, Deserialize, JsonSchema)]
pub(in crate::modules) struct SsmArgs {
    /// Its name, such as `/spot/token`.
    name: String,
    /// The region it is kept in; without it that of the task, or the one that the AWS SDK takes.
    region: Option<String>,
    /// Id, ARN or alias of the KMS key that encrypts it; without it the account's own key for Systems Manager does. It counts where the
    /// parameter is written; one that holds what it should is left as it is encrypted.
    kms_key_id: Option<String>,
}

/// The places of a task.
pub(in crate::modules) struct Places {
    pub(in crate::modules) sinks: Sinks,
}

impl Places {
    /// A parameter, a file, both, or none.
    pub(in crate::modules) fn new(
        ssm: Option<&SsmArgs>,
        file: Option<&str>,
        connection: &Connection,
        world: &World,
    ) -> Self {
        let region = |ssm: &SsmArgs| ssm.region.clone().or_else(|| connection.region.clone());
        let ssm = ssm.map(|ssm| Sink::Ssm {
            name: ssm.name.clone(),
            region: region(ssm).map(Region::new),
            kms_key: ssm.kms_key_id.clone(),
        });
        let file = file.map(|file| Sink::File(world.environment.expand(file)));
        let access = ec2_access(&connection.session_options(), &world.environment);
        Self { sinks: Sinks::new(ssm.into_iter().chain(file).collect(), access) }
    }

    /// What they are called.
    pub(in crate::modules) fn names(&self) -> Vec<String> {
        self.sinks.all().iter().map(ToString::to_string).collect()
    }

    /// Puts a secret into those of these places that take it; says which did, and the first objection.
    pub(in crate::modules) fn store(
        &self,
        places: impl IntoIterator<Item = usize>,
        secret: &SecretString,
        description: &str,
    ) -> (Vec<String>, Option<Failure>) {
        let (mut stored, mut failure) = (Vec::new(), None);
        for sink in places.into_iter().filter_map(|place| self.sinks.all().get(place)) {
            match self.sinks.store(sink, secret, description) {
                Ok(()) => stored.push(sink.to_string()),
                Err(error) => failure = failure.or_else(|| Some(error.into())),
            }
        }
        (stored, failure)
    }

    /// Empties those of these places that hold something.
    ///
    /// # Errors
    ///
    /// A place refuses. It tells of a change if another was emptied before.
    pub(in crate::modules) fn empty(
        &self,
        places: impl IntoIterator<Item = usize>,
    ) -> Result<(), Failure> {
        let mut has_emptied = false;
        for sink in places.into_iter().filter_map(|place| self.sinks.all().get(place)) {
            let emptied = self.sinks.empty(sink);
            has_emptied |= emptied.map_err(|error| Failure::from(error).changed(has_emptied))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use super::*;
    use crate::ansible::Reply;
    use crate::drive::Ec2Access;

    /// A folder in the place of a file cannot be removed.
    #[test]
    fn a_place_that_was_emptied_before_another_refuses_is_a_change() {
        let folder = tempfile::tempdir().unwrap();
        let (file, odd) = (folder.path().join("token"), folder.path().join("folder"));
        fs::write(&file, "x").unwrap();
        fs::create_dir(&odd).unwrap();
        let access = Ec2Access {
            profile: None,
            endpoint_url: None,
            use_metadata_service: false,
            timeout: Duration::from_secs(1),
        };
        let sinks = [&odd, &file, &odd].map(|path| Sink::File(path.clone()));
        let places = Places { sinks: Sinks::new(sinks.to_vec(), access) };
        let emptied = |those: &[usize]| {
            let failure = places.empty(those.iter().copied()).unwrap_err();
            Reply::from(failure).changed
        };
        assert!(!emptied(&[0]) && file.exists());
        assert!(emptied(&[1, 2]) && !file.exists());
    }
}
