//! Parameters of Systems Manager, where many teams publish the id of their newest image, and others prices.

use aws_sdk_ssm::types::{Parameter as SsmParameter, ParameterType};
use jiff::Timestamp;

use super::error::Call;
use super::pages::Pages;
use super::{Aws, AwsError, transport};
use crate::domain::{Parameter, Region, printable};

/// Systems Manager's largest page of parameters below a path.
const PAGE: i32 = 10;
/// Systems Manager deletes at most so many at once.
const DELETED_AT_ONCE: usize = 10;

/// What is attempted, for messages.
pub(super) fn attempt(region: &Region, name: &str) -> String {
    format!("read the parameter {} of region {region}", printable(name))
}

impl Aws {
    /// Reads the parameters directly below a path, none that are deeper, sorted by name; encrypted ones still encrypted.
    ///
    /// # Errors
    ///
    /// Any [`AwsError`] of a call. Nothing is returned of an answer that is incomplete.
    pub fn parameters_below(
        &self,
        region: &Region,
        path: &str,
    ) -> Result<Vec<Parameter>, AwsError> {
        let attempt = format!("read the parameters below {} of region {region}", printable(path));
        self.bounded(attempt.clone(), below(self, region, path, attempt))
    }

    /// Writes a parameter, over one of that name if there is one.
    ///
    /// # Errors
    ///
    /// Any [`AwsError`] of a call.
    pub fn put_parameter(&self, region: &Region, name: &str, value: &str) -> Result<(), AwsError> {
        let attempt = format!("write the parameter {} of region {region}", printable(name));
        self.bounded(attempt.clone(), put(self, region, name, value, attempt))
    }

    /// Deletes parameters; those that are not there are no error.
    ///
    /// # Errors
    ///
    /// Any [`AwsError`] of a call.
    pub fn delete_parameters(&self, region: &Region, names: &[String]) -> Result<(), AwsError> {
        let attempt = format!("delete {} parameters of region {region}", names.len());
        self.bounded(attempt.clone(), delete(self, region, names, attempt))
    }

    pub(super) fn ssm(&self, region: &Region) -> aws_sdk_ssm::Client {
        let config = aws_sdk_ssm::config::Builder::from(&self.config)
            .region(aws_config::Region::new(region.as_str().to_owned()))
            .interceptor(transport::Guard);
        aws_sdk_ssm::Client::from_conf(config.build())
    }

    pub(super) fn ssm_call(&self, attempt: String, action: &'static str) -> Call<'_> {
        Call { attempt, action, redactor: &self.redactor, timeout: self.timeout }
    }
}

/// A parameter that was read.
pub(super) struct Told {
    pub(super) value: String,
    /// Whether it is kept encrypted.
    pub(super) is_encrypted: bool,
}

pub(super) async fn read(
    aws: &Aws,
    region: &Region,
    name: &str,
    decrypted: bool,
) -> Result<Option<Told>, AwsError> {
    let call = aws.ssm_call(attempt(region, name), "ssm:GetParameter");
    let sent = aws.ssm(region).get_parameter().name(name).with_decryption(decrypted);
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
    let parameter = reply.parameter.unwrap_or_else(|| SsmParameter::builder().build());
    let is_encrypted = parameter.r#type == Some(ParameterType::SecureString);
    match parameter.value {
        Some(value) => Ok(Some(Told { value, is_encrypted })),
        None => Err(call.bad_reply("the parameter has no value")),
    }
}

async fn below(
    aws: &Aws,
    region: &Region,
    path: &str,
    attempt: String,
) -> Result<Vec<Parameter>, AwsError> {
    let call = aws.ssm_call(attempt, "ssm:GetParametersByPath");
    let asked = aws.ssm(region).get_parameters_by_path().path(path).recursive(false);
    let asked = asked.max_results(PAGE);
    let mut pages = Pages::new(&call);
    let mut found = Vec::new();
    loop {
        let sent = asked.clone().set_next_token(pages.next.take()).send().await;
        let page = sent.map_err(|error| call.failure(error))?;
        for told in page.parameters.unwrap_or_default() {
            let (Some(name), Some(value)) = (told.name, told.value) else {
                return Err(call.bad_reply("a parameter without name or value"));
            };
            let at = told.last_modified_date;
            let at = at.and_then(|at| Timestamp::from_second(at.secs()).ok());
            found.push(Parameter { name, value, at });
        }
        if pages.is_last(page.next_token)? {
            found.sort_by(|a, b| a.name.cmp(&b.name));
            return Ok(found);
        }
    }
}

async fn put(
    aws: &Aws,
    region: &Region,
    name: &str,
    value: &str,
    attempt: String,
) -> Result<(), AwsError> {
    let call = aws.ssm_call(attempt, "ssm:PutParameter");
    let asked = aws.ssm(region).put_parameter().name(name).value(value).overwrite(true);
    let sent = asked.r#type(ParameterType::String).send().await;
    sent.map(|_| ()).map_err(|error| call.failure(error))
}

async fn delete(
    aws: &Aws,
    region: &Region,
    names: &[String],
    attempt: String,
) -> Result<(), AwsError> {
    let call = aws.ssm_call(attempt, "ssm:DeleteParameters");
    let client = aws.ssm(region);
    for chunk in names.chunks(DELETED_AT_ONCE) {
        let sent = client.delete_parameters().set_names(Some(chunk.to_vec())).send().await;
        sent.map_err(|error| call.failure(error))?;
    }
    Ok(())
}
