//! Parameters of Systems Manager, where many teams publish the id of their newest image.

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
) -> Result<Option<String>, AwsError> {
    let call = Call {
        attempt: attempt(region, name),
        action: "ssm:GetParameter",
        redactor: &aws.redactor,
        timeout: aws.timeout,
    };
    let config = aws_sdk_ssm::config::Builder::from(&aws.config)
        .region(aws_config::Region::new(region.as_str().to_owned()))
        .interceptor(transport::Guard)
        .build();
    let sent = aws_sdk_ssm::Client::from_conf(config).get_parameter().name(name).send().await;
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
