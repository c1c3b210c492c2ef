//! Parameters of Systems Manager: the ids of newest images, and secrets.

use secrecy::{ExposeSecret, SecretString};

use super::error::Call;
use super::{Aws, AwsError, transport};
use crate::domain::{Region, printable};

/// What is attempted, for messages.
pub(super) fn attempt(region: &Region, name: &str) -> String {
    format!("read the parameter {} of region {region}", printable(name))
}

pub(super) async fn read(
    aws: &Aws,
    region: &Region,
    name: &str,
    decrypted: bool,
) -> Result<Option<String>, AwsError> {
    let call = call(aws, attempt(region, name), "ssm:GetParameter");
    let sent = client(aws, region).get_parameter().name(name).with_decryption(decrypted);
    let sent = sent.send().await;
    let reply = match sent {
        Ok(reply) => reply,
        Err(error) => {
            let service = error.as_service_error();
            let is_missing = service.is_some_and(|refusal| {
                refusal.is_parameter_not_found() || refusal.is_parameter_version_not_found()
            });
            return if is_missing { Ok(None) } else { Err(call.failure(error)) };
        }
    };
    match reply.parameter.and_then(|parameter| parameter.value) {
        Some(value) => Ok(Some(value)),
        None => Err(call.bad_reply("the parameter has no value")),
    }
}

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
    let call = call(aws, storing(region, secret.name), "ssm:PutParameter");
    let put = client(aws, region)
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
    let call = call(aws, deleting(region, name), "ssm:DeleteParameter");
    match client(aws, region).delete_parameter().name(name).send().await {
        Ok(_) => Ok(true),
        Err(error) => {
            let service = error.as_service_error();
            let is_missing = service.is_some_and(|refusal| refusal.is_parameter_not_found());
            if is_missing { Ok(false) } else { Err(call.failure(error)) }
        }
    }
}

fn call<'a>(aws: &'a Aws, attempt: String, action: &'static str) -> Call<'a> {
    Call { attempt, action, redactor: &aws.redactor, timeout: aws.timeout }
}

fn client(aws: &Aws, region: &Region) -> aws_sdk_ssm::Client {
    let config = aws_sdk_ssm::config::Builder::from(&aws.config)
        .region(aws_config::Region::new(region.as_str().to_owned()))
        .interceptor(transport::Guard)
        .build();
    aws_sdk_ssm::Client::from_conf(config)
}
