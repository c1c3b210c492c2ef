//! The few facts of IAM that are asked for: signed questions over HTTP, since its SDK crate would take minutes to compile for two
//! calls.
//!
//! Source of the protocol: IAM API reference, version 2010-05-08 (a form as question, XML as answer). Each partition has one server.

use std::time::{Duration, SystemTime};

use aws_sdk_ec2::config::{Credentials, ProvideCredentials};
use aws_sigv4::http_request::{
    SignableBody, SignableRequest, SigningParams, SigningSettings, sign,
};
use aws_sigv4::sign::v4;
use aws_smithy_xml::decode::{Document, ScopedDecoder, try_data};
use reqwest::Url;
use reqwest::header::{CONTENT_TYPE, HOST};

use super::error::Call;
use super::{Aws, AwsError, transport};
use crate::domain::{IamRole, Region, printable};

const VERSION: &str = "2010-05-08";
/// How often a question is asked that is throttled or meets a server that stumbles.
const ATTEMPTS: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(300);

impl Aws {
    /// The ARN of the instance profile of that name; none if there is no such profile.
    ///
    /// # Errors
    ///
    /// Any [`AwsError`] of a call.
    pub fn instance_profile(
        &self,
        region: &Region,
        name: &str,
    ) -> Result<Option<String>, AwsError> {
        let attempt = format!("look for the instance profile {}", printable(name));
        let question = [("Action", "GetInstanceProfile"), ("InstanceProfileName", name)];
        let told = self.iam(region, attempt.clone(), "iam:GetInstanceProfile", &question)?;
        let Some(xml) = told else { return Ok(None) };
        let arn = inner(&xml, "InstanceProfile", "Arn");
        arn.map(Some).ok_or_else(|| bad(&attempt, "an instance profile without an ARN"))
    }

    /// A role and whom it trusts; none if there is no such role.
    ///
    /// # Errors
    ///
    /// Any [`AwsError`] of a call.
    pub fn iam_role(&self, region: &Region, name: &str) -> Result<Option<IamRole>, AwsError> {
        let attempt = format!("look for the role {}", printable(name));
        let question = [("Action", "GetRole"), ("RoleName", name)];
        let told = self.iam(region, attempt.clone(), "iam:GetRole", &question)?;
        let Some(xml) = told else { return Ok(None) };
        let arn = inner(&xml, "Role", "Arn");
        let arn = arn.ok_or_else(|| bad(&attempt, "a role without an ARN"))?;
        let trust = inner(&xml, "Role", "AssumeRolePolicyDocument");
        let trust = trust.as_deref().and_then(document);
        let trust = trust.ok_or_else(|| bad(&attempt, "a role without a trust that is JSON"))?;
        Ok(Some(IamRole { arn, trust }))
    }

    /// Asks IAM; none if it says that there is no such thing.
    fn iam(
        &self,
        region: &Region,
        attempt: String,
        action: &'static str,
        question: &[(&str, &str)],
    ) -> Result<Option<String>, AwsError> {
        let call = Call {
            attempt: attempt.clone(),
            action,
            redactor: &self.redactor,
            timeout: self.timeout,
        };
        self.bounded(attempt, ask(self, &call, region, question))
    }
}

fn bad(attempt: &str, reason: &str) -> AwsError {
    AwsError::BadReply { attempt: attempt.to_owned(), reason: reason.to_owned() }
}

/// IAM's server for a region's partition, and the region that it is signed for.
fn server(region: &str) -> (&'static str, &'static str) {
    match region.split('-').next() {
        Some("cn") => ("https://iam.cn-north-1.amazonaws.com.cn/", "cn-north-1"),
        Some("us") if region.starts_with("us-gov-") => {
            ("https://iam.us-gov.amazonaws.com/", "us-gov-west-1")
        }
        _ => ("https://iam.amazonaws.com/", "us-east-1"),
    }
}

async fn ask(
    aws: &Aws,
    call: &Call<'_>,
    region: &Region,
    question: &[(&str, &str)],
) -> Result<Option<String>, AwsError> {
    let (usual, signed_for) = server(region.as_str());
    let endpoint = aws.config.endpoint_url().unwrap_or(usual);
    transport::check(endpoint)?;
    let http = transport::questioner(endpoint)
        .map_err(|error| AwsError::Start { reason: error.to_string() })?;
    let provider = aws.config.credentials_provider().ok_or(AwsError::NoCredentials)?;
    let credentials = provider.provide_credentials().await;
    let credentials = credentials.map_err(|_| AwsError::NoCredentials)?;
    let mut form = Url::parse("form:").map_err(|error| call.bad_reply(&error.to_string()))?;
    form.query_pairs_mut().append_pair("Version", VERSION).extend_pairs(question);
    let body = form.query().unwrap_or_default().to_owned();
    let mut pause = FIRST_PAUSE;
    for attempt in 1.. {
        let sent = send(&http, endpoint, signed_for, &credentials, &body).await;
        let (status, text) = sent.map_err(|reason| AwsError::Unreachable {
            attempt: call.attempt.clone(),
            reason: call.redactor.apply(&reason),
        })?;
        if status == 200 {
            return Ok(Some(text));
        }
        let told = |name: &str| inner(&text, "Error", name);
        let Some(code) = told("Code") else {
            return Err(call.bad_reply(&format!("HTTP {status} without an error code")));
        };
        if code == "NoSuchEntity" {
            return Ok(None);
        }
        let may_pass = status >= 500 || code.starts_with("Throttling");
        if !may_pass || attempt >= ATTEMPTS {
            let request_id = inner(&text, "ErrorResponse", "RequestId");
            let message = told("Message").unwrap_or_default();
            return Err(call.refused(&code, &message, request_id, Some(status)));
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
    Err(call.bad_reply("no answer"))
}

/// Status and body of the answer, or why there is none.
#[expect(clippy::disallowed_methods, reason = "a signature holds the time, as those of the SDK do")]
async fn send(
    http: &reqwest::Client,
    endpoint: &str,
    signed_for: &str,
    credentials: &Credentials,
    body: &str,
) -> Result<(u16, String), String> {
    const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";
    let url = Url::parse(endpoint).map_err(|error| error.to_string())?;
    let host = match url.port() {
        Some(port) => format!("{}:{port}", url.host_str().unwrap_or_default()),
        None => url.host_str().unwrap_or_default().to_owned(),
    };
    let identity = credentials.clone().into();
    let params: SigningParams<'_> = v4::SigningParams::builder()
        .identity(&identity)
        .region(signed_for)
        .name("iam")
        .time(SystemTime::now())
        .settings(SigningSettings::default())
        .build()
        .map_err(|error| error.to_string())?
        .into();
    let headers = [("host", host.as_str()), ("content-type", FORM)];
    let signable = SignableRequest::new(
        "POST",
        url.as_str(),
        headers.into_iter(),
        SignableBody::Bytes(body.as_bytes()),
    );
    let signed = sign(signable.map_err(|error| error.to_string())?, &params);
    let (instructions, _) = signed.map_err(|error| error.to_string())?.into_parts();
    let mut request = http.post(url).header(HOST, &host).header(CONTENT_TYPE, FORM);
    for (name, value) in instructions.headers() {
        request = request.header(name, value);
    }
    let told = |error: reqwest::Error| super::error::chain_text(&error.without_url());
    let reply = request.body(body.to_owned()).send().await.map_err(told)?;
    let status = reply.status().as_u16();
    Ok((status, reply.text().await.map_err(told)?))
}

/// A policy document as IAM writes it: JSON, encoded as in a URL.
fn document(coded: &str) -> Option<serde_json::Value> {
    let url = Url::parse(&format!("form:?document={}", coded.replace('+', "%2B"))).ok()?;
    let (_, text) = url.query_pairs().find(|(name, _)| name == "document")?;
    serde_json::from_str(&text).ok()
}

/// The text of the first element `name` right below an element `parent`.
fn inner(xml: &str, parent: &str, name: &str) -> Option<String> {
    let mut document = Document::new(xml);
    let mut root = document.root_element().ok()?;
    // The decoder takes a text that was cut off for a whole one.
    let is_whole = xml.trim_end().ends_with(&format!("</{}>", root.start_el().local()));
    if is_whole { find(&mut root, parent, name) } else { None }
}

fn find(element: &mut ScopedDecoder<'_, '_>, parent: &str, name: &str) -> Option<String> {
    let is_parent = element.start_el().matches(parent);
    while let Some(mut child) = element.next_tag() {
        if is_parent && child.start_el().matches(name) {
            return try_data(&mut child).ok().map(std::borrow::Cow::into_owned);
        }
        if let Some(found) = find(&mut child, parent, name) {
            return Some(found);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_element_is_found_by_its_parent() {
        let xml = "<GetInstanceProfileResponse xmlns=\"https://iam/\"><GetInstanceProfileResult><InstanceProfile>\
                   <Roles><member><Arn>arn:role</Arn><Empty/></member></Roles><Arn>arn:profile &amp; more</Arn>\
                   </InstanceProfile></GetInstanceProfileResult></GetInstanceProfileResponse>";
        assert_eq!(inner(xml, "InstanceProfile", "Arn").as_deref(), Some("arn:profile & more"));
        assert_eq!(inner(xml, "member", "Empty").as_deref(), Some(""));
        assert_eq!(inner(xml, "Role", "Arn"), None);
        assert_eq!(inner("<Role><Arn>cut", "Role", "Arn"), None);
        assert_eq!(inner("no XML", "Role", "Arn"), None);
    }

    #[test]
    fn a_document_is_decoded_and_nothing_else_is_one() {
        let coded = "%7B%22Version%22%3A%20%222012-10-17%22%2C%22a%22%3A%22x+y%26%22%7D";
        assert_eq!(document(coded).unwrap()["a"], "x+y&");
        assert_eq!(document("%7B"), None);
    }

    #[test]
    fn each_partition_has_its_server() {
        for (region, server_of) in [
            ("eu-west-1", "https://iam.amazonaws.com/"),
            ("us-east-1", "https://iam.amazonaws.com/"),
            ("us-gov-east-1", "https://iam.us-gov.amazonaws.com/"),
            ("cn-northwest-1", "https://iam.cn-north-1.amazonaws.com.cn/"),
        ] {
            assert_eq!(server(region).0, server_of, "{region}");
        }
    }
}
