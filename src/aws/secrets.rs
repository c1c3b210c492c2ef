//! Secrets as parameters of Systems Manager.

use secrecy::{ExposeSecret, SecretString};

use super::{Aws, AwsError};
use crate::domain::{Region, printable};

/// A secret to be stored.
pub(super) struct Secret<'a> {
    pub(super) name: &'a str,
    pub(super) value: &'a SecretString,
    pub(super) description: &'a str,
    /// None for the account's own key.
    pub(super) kms_key: Option<&'a str>,
}

/// What is attempted, for messages.
pub(super) fn storing(region: &Region, name: &str) -> String {
    format!("store the parameter {} in region {region}", printable(name))
}

/// What is attempted, for messages.
pub(super) fn deleting(region: &Region, name: &str) -> String {
    format!("delete the parameter {} of region {region}", printable(name))
}

/// Stores it encrypted, in place of what is there.
pub(super) async fn store(aws: &Aws, region: &Region, secret: &Secret<'_>) -> Result<(), AwsError> {
    let call = aws.ssm_call(storing(region, secret.name), "ssm:PutParameter");
    let put = aws
        .ssm(region)
        .put_parameter()
        .name(secret.name)
        .value(secret.value.expose_secret())
        .description(secret.description)
        .r#type(aws_sdk_ssm::types::ParameterType::SecureString)
        .set_key_id(secret.kms_key.map(str::to_owned))
        .overwrite(true);
    put.send().await.map(drop).map_err(|error| call.failure(error))
}

/// Deletes it; says whether it was there.
pub(super) async fn delete(aws: &Aws, region: &Region, name: &str) -> Result<bool, AwsError> {
    let call = aws.ssm_call(deleting(region, name), "ssm:DeleteParameter");
    match aws.ssm(region).delete_parameter().name(name).send().await {
        Ok(_) => Ok(true),
        Err(error) => {
            let service = error.as_service_error();
            let is_missing = service.is_some_and(|refusal| refusal.is_parameter_not_found());
            if is_missing { Ok(false) } else { Err(call.failure(error)) }
        }
    }
}
