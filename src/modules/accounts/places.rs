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
    /// Id, ARN or alias of the KMS key that encrypts it; without it the account's own key for Systems Manager does.
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
