//! The facade over the AWS SDK: domain types in and out, no SDK type and no `async` in any signature.
//!
//! It owns the only asynchronous runtime of the program. The SDK reads the `AWS_*` variables and `~/.aws` itself:
//! that chain is the vendor's own and users expect every tool to follow it to the letter, so it is not rebuilt here.

mod connect;
mod ec2;
mod error;
mod health;
mod iam;
mod images;
mod instances;
mod launch;
mod market;
mod network;
mod pages;
mod parameters;
mod pricing;
mod runtime;
mod secrets;
mod transport;

use std::collections::BTreeMap;
use std::time::Duration;

use secrecy::SecretString;

use crate::domain::{Ec2Instance, ImageId, InstanceHealth, InstanceId, MachineImage, Region};
use error::Redactor;
use runtime::Runtime;

pub use error::AwsError;

/// The longest wait for one call, its retries included, unless the caller says otherwise.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

/// How AWS is reached.
#[derive(Clone, Debug)]
pub struct AwsConfig {
    /// A profile that the user named to this program. It beats keys in the environment and nothing is tried in its
    /// place, as with `aws --profile`. `AWS_PROFILE` is the SDK's to read and does not belong here.
    pub profile: Option<String>,
    /// Keys given as options. They beat everything else.
    pub credentials: Option<StaticCredentials>,
    /// Another server for all services; plain `http` to loopback only. Unset, `AWS_ENDPOINT_URL` and the profile decide.
    pub endpoint_url: Option<String>,
    /// Whether the instance metadata service is asked when nothing else has credentials. A profile whose
    /// `credential_source` is that service gets it regardless: there the user has asked for it.
    pub use_metadata_service: bool,
    /// The longest wait for one call, its retries included.
    pub timeout: Duration,
}

impl Default for AwsConfig {
    fn default() -> Self {
        Self {
            profile: None,
            credentials: None,
            endpoint_url: None,
            use_metadata_service: true,
            timeout: DEFAULT_TIMEOUT,
        }
    }
}

/// Keys given as options, such as Ansible's `aws_access_key` and `aws_secret_key`.
#[derive(Clone, Debug)]
pub struct StaticCredentials {
    /// The access key's id.
    pub access_key_id: String,
    /// The secret access key.
    pub secret_access_key: SecretString,
    /// The token that comes with temporary keys.
    pub session_token: Option<SecretString>,
}

/// Who the credentials belong to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The AWS account.
    pub account: String,
    /// The user or the assumed role.
    pub arn: String,
    /// The unique id behind the name.
    pub user_id: String,
}

/// A connection to AWS: configuration and credentials, resolved once.
///
/// It lives as long as one command. Credentials that expire meanwhile are not renewed: the failure says so.
#[derive(Debug)]
pub struct Aws {
    runtime: Runtime,
    config: aws_config::SdkConfig,
    redactor: Redactor,
    timeout: Duration,
}

impl Aws {
    /// Finds configuration and credentials; asks no AWS service unless the credentials themselves come from one.
    ///
    /// # Errors
    ///
    /// [`AwsError::NoCredentials`] if there are none at all, which is ordinary where AWS is optional;
    /// [`AwsError::Credentials`] if some are meant and cannot be had; [`AwsError::Endpoint`] if the endpoint is no
    /// acceptable URL.
    pub fn connect(config: AwsConfig) -> Result<Self, AwsError> {
        let runtime = Runtime::start()?;
        let (sdk, redactor) = runtime.block_on(connect::load(&config))?;
        Ok(Self { runtime, config: sdk, redactor, timeout: config.timeout })
    }

    /// Asks STS who the credentials belong to.
    ///
    /// # Errors
    ///
    /// Any [`AwsError`] of a call.
    pub fn identity(&self) -> Result<Identity, AwsError> {
        self.runtime.block_on(connect::identity(self))
    }

    /// Reads the facts of those of `ids` that exist, sorted by id; terminated instances are among them for as long
    /// as EC2 remembers them. An id that EC2 does not know is no error: it is absent from the answer.
    ///
    /// # Errors
    ///
    /// Any [`AwsError`] of a call. Nothing is returned of an answer that is incomplete.
    pub fn describe_instances(
        &self,
        region: &Region,
        ids: &[InstanceId],
    ) -> Result<Vec<Ec2Instance>, AwsError> {
        self.runtime.block_on(instances::describe(self.ec2(region), ids))
    }

    /// As [`Self::describe_instances`], all regions at once; one region's failure leaves the others. No region takes
    /// longer than the configured timeout, however many calls it needs.
    pub fn describe_many(
        &self,
        regions: BTreeMap<Region, Vec<InstanceId>>,
    ) -> Vec<(Region, Result<Vec<Ec2Instance>, AwsError>)> {
        let jobs = regions.into_iter().map(|(region, ids)| {
            let ec2 = self.ec2(&region);
            let (attempt, after) = (instances::attempt(&region), self.timeout);
            (region, async move {
                let facts = tokio::time::timeout(after, instances::describe(ec2, &ids)).await;
                facts.unwrap_or(Err(AwsError::Timeout { attempt, after }))
            })
        });
        self.runtime.block_on_all(jobs)
    }

    /// Reads the status checks of an instance, whatever its state; none if EC2 does not know it, or not yet: what was
    /// launched a moment ago may be unknown for some seconds.
    ///
    /// # Errors
    ///
    /// Any [`AwsError`] of a call.
    pub fn instance_health(
        &self,
        region: &Region,
        id: &InstanceId,
    ) -> Result<Option<InstanceHealth>, AwsError> {
        self.bounded(health::attempt(region, id), health::of(self.ec2(region), id))
    }

    /// Reads those of `ids` that exist and that these credentials may see, newest first; deprecated and disabled images
    /// are among them.
    ///
    /// # Errors
    ///
    /// Any [`AwsError`] of a call. Nothing is returned of an answer that is incomplete.
    pub fn describe_images(
        &self,
        region: &Region,
        ids: &[ImageId],
    ) -> Result<Vec<MachineImage>, AwsError> {
        let ec2 = self.ec2(region);
        self.bounded(images::attempt(region), images::by_id(&ec2, ids))
    }

    /// Reads the images that are ready for use, belong to one of `owners` and have a name that fits `pattern` (`*` and
    /// `?` stand for other text), newest first. Deprecated ones are left out.
    ///
    /// `owners` are account ids, `self`, or EC2's words for vendors such as `amazon`. Without any it is `self`: a name
    /// alone is something that every AWS account may give to a public image.
    ///
    /// # Errors
    ///
    /// As [`Self::describe_images`].
    pub fn find_images(
        &self,
        region: &Region,
        pattern: &str,
        owners: &[String],
    ) -> Result<Vec<MachineImage>, AwsError> {
        let ec2 = self.ec2(region);
        self.bounded(images::attempt(region), images::by_name(&ec2, pattern, owners))
    }

    /// Reads which architectures instance types have, in EC2's spelling. A type that the region does not know is absent.
    ///
    /// # Errors
    ///
    /// As [`Self::describe_images`].
    pub fn architectures(
        &self,
        region: &Region,
        instance_types: &[String],
    ) -> Result<BTreeMap<String, Vec<String>>, AwsError> {
        let ec2 = self.ec2(region);
        self.bounded(images::types_attempt(region), images::architectures(&ec2, instance_types))
    }

    /// Reads a parameter of Systems Manager as it is stored, an encrypted one still encrypted; none if there is no such
    /// parameter.
    ///
    /// # Errors
    ///
    /// Any [`AwsError`] of a call.
    pub fn parameter(&self, region: &Region, name: &str) -> Result<Option<String>, AwsError> {
        let question = parameters::read(self, region, name, false);
        let told = self.bounded(parameters::attempt(region, name), question)?;
        Ok(told.map(|told| told.value))
    }

    /// Reads a parameter of Systems Manager decrypted, and whether it is kept encrypted; none if there is no such parameter.
    ///
    /// # Errors
    ///
    /// Any [`AwsError`] of a call.
    pub fn secret_parameter(
        &self,
        region: &Region,
        name: &str,
    ) -> Result<Option<(SecretString, bool)>, AwsError> {
        let question = parameters::read(self, region, name, true);
        let read = self.bounded(parameters::attempt(region, name), question)?;
        Ok(read.map(|told| (SecretString::from(told.value), told.is_encrypted)))
    }

    /// Stores a parameter of Systems Manager encrypted, by `kms_key` or by the account's own key, in place of what is there.
    ///
    /// # Errors
    ///
    /// Any [`AwsError`] of a call.
    pub fn store_secret_parameter(
        &self,
        region: &Region,
        name: &str,
        value: &SecretString,
        description: &str,
        kms_key: Option<&str>,
    ) -> Result<(), AwsError> {
        let secret = secrets::Secret { name, value, description, kms_key };
        let question = secrets::store(self, region, &secret);
        self.bounded(secrets::storing(region, name), question)
    }

    /// Deletes a parameter of Systems Manager; says whether it was there.
    ///
    /// # Errors
    ///
    /// Any [`AwsError`] of a call.
    pub fn delete_parameter(&self, region: &Region, name: &str) -> Result<bool, AwsError> {
        let question = secrets::delete(self, region, name);
        self.bounded(secrets::deleting(region, name), question)
    }

    /// The region of questions that name none: the environment's, the profile's, or `us-east-1`.
    pub fn usual_region(&self) -> Region {
        Region::new(self.config.region().map_or("us-east-1", |region| region.as_ref()))
    }

    /// Runs a question that may take several calls; all together have the time of one.
    fn bounded<T>(
        &self,
        attempt: String,
        question: impl Future<Output = Result<T, AwsError>>,
    ) -> Result<T, AwsError> {
        let after = self.timeout;
        let answer = async {
            let answer = tokio::time::timeout(after, question).await;
            answer.unwrap_or(Err(AwsError::Timeout { attempt, after }))
        };
        self.runtime.block_on(answer)
    }

    fn ec2(&self, region: &Region) -> ec2::Ec2 {
        ec2::Ec2::new(&self.config, region, self.redactor.clone(), self.timeout)
    }
}
