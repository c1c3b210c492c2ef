//! Why AWS did not answer, in words that say what was attempted and what to do.

use std::error::Error;
use std::time::Duration;

use aws_sdk_ec2::config::Credentials;
use aws_sdk_ec2::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ec2::operation::RequestId;
use secrecy::{ExposeSecret, SecretString};

/// A failure at AWS. Texts are lowercase fragments and hold no secret, whatever the server or a credential helper wrote.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AwsError {
    /// There are none, which is ordinary where AWS is optional.
    #[error(
        "load AWS credentials: none are configured; set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, \
         name a profile, or run `aws configure`"
    )]
    NoCredentials,
    /// Some are meant, but they cannot be had or AWS does not take them.
    #[error("{attempt}: {reason}; {advice}")]
    Credentials {
        /// What was attempted.
        attempt: String,
        /// Why it failed.
        reason: String,
        /// What to do.
        advice: String,
    },
    /// The endpoint is no acceptable URL.
    #[error("use the AWS endpoint {url:?}: {reason}")]
    Endpoint {
        /// The URL as it was given, without user and password.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The credentials are good and not allowed to do this.
    #[error("{attempt}: not allowed ({reason}); grant the action {action} to these credentials")]
    Denied {
        /// What was attempted.
        attempt: String,
        /// The IAM action that is missing.
        action: &'static str,
        /// AWS's own words.
        reason: String,
    },
    /// Too many calls, also after the retries.
    #[error("{attempt}: throttled by AWS ({reason}); try again in a minute")]
    Throttled {
        /// What was attempted.
        attempt: String,
        /// AWS's own words.
        reason: String,
    },
    /// No connection, or it broke.
    #[error(
        "{attempt}: no connection ({reason}); check the network, the proxy and the region's name"
    )]
    Unreachable {
        /// What was attempted.
        attempt: String,
        /// Why it failed.
        reason: String,
    },
    /// No answer in time.
    #[error("{attempt}: no answer within {after:?}")]
    Timeout {
        /// What was attempted.
        attempt: String,
        /// How long was waited.
        after: Duration,
    },
    /// An answer that makes no sense, such as a proxy's page.
    #[error("{attempt}: unusable answer ({reason})")]
    BadReply {
        /// What was attempted.
        attempt: String,
        /// What is wrong with it.
        reason: String,
    },
    /// AWS understood and refused for a reason of its own.
    #[error("{attempt}: {code}: {message}{}", .request_id.as_ref().map(|id| format!(" (request {id})")).unwrap_or_default())]
    Rejected {
        /// What was attempted.
        attempt: String,
        /// AWS's error code.
        code: String,
        /// AWS's own words.
        message: String,
        /// What AWS support asks for.
        request_id: Option<String>,
        /// HTTP status of the answer; none if the request was not sent.
        status: Option<u16>,
    },
    /// The asynchronous runtime did not start.
    #[error("start the AWS client: {reason}")]
    Start {
        /// Why.
        reason: String,
    },
}

impl AwsError {
    /// Whether the same call may succeed later with nothing changed.
    pub fn is_retryable(&self) -> bool {
        matches!(
            self,
            Self::Throttled { .. }
                | Self::Unreachable { .. }
                | Self::Timeout { .. }
                | Self::BadReply { .. }
        )
    }
}

/// One call, for the words of its failure.
pub(super) struct Call<'a> {
    pub(super) attempt: String,
    pub(super) action: &'static str,
    pub(super) redactor: &'a Redactor,
    pub(super) timeout: Duration,
}

impl Call<'_> {
    pub(super) fn failure<E>(&self, error: SdkError<E>) -> AwsError
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        if let Some(refused) = ours(&error) {
            return refused;
        }
        let attempt = self.attempt.clone();
        match &error {
            SdkError::TimeoutError(_) => AwsError::Timeout { attempt, after: self.timeout },
            SdkError::DispatchFailure(_) => {
                AwsError::Unreachable { attempt, reason: self.reason(&error) }
            }
            SdkError::ServiceError(refusal) if refusal.err().meta().code().is_some() => {
                self.refusal(refusal.err().meta().code().unwrap_or_default(), &error)
            }
            SdkError::ConstructionFailure(_) => AwsError::Rejected {
                attempt,
                code: "InvalidRequest".to_owned(),
                message: self.reason(&error),
                request_id: None,
                status: None,
            },
            _ => match error.raw_response() {
                Some(raw) => {
                    let kind = raw.headers().get("content-type").unwrap_or("no content type");
                    let body = String::from_utf8_lossy(raw.body().bytes().unwrap_or_default());
                    let begin: String = self.redactor.apply(&body).chars().take(BEGIN).collect();
                    let status = raw.status().as_u16();
                    self.bad_reply(&format!("HTTP {status}, {kind}, begins with {begin:?}"))
                }
                None => self.bad_reply(&self.reason(&error)),
            },
        }
    }

    pub(super) fn bad_reply(&self, reason: &str) -> AwsError {
        AwsError::BadReply { attempt: self.attempt.clone(), reason: reason.to_owned() }
    }

    fn refusal<E>(&self, code: &str, error: &SdkError<E>) -> AwsError
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let message = error.message().unwrap_or("no message");
        let status = error.raw_response().map(|raw| raw.status().as_u16());
        self.refused(code, message, error.request_id().map(str::to_owned), status)
    }

    /// The failure behind AWS's own code and words.
    pub(super) fn refused(
        &self,
        code: &str,
        message: &str,
        request_id: Option<String>,
        status: Option<u16>,
    ) -> AwsError {
        let attempt = self.attempt.clone();
        let message = self.redactor.apply(message);
        let said = format!("{code}: {message}");
        match code {
            "UnauthorizedOperation" | "AccessDenied" | "AccessDeniedException" => {
                AwsError::Denied { attempt, action: self.action, reason: said }
            }
            "RequestLimitExceeded" | "Throttling" | "ThrottlingException" | "ThrottledException"
            | "TooManyRequestsException" | "SlowDown" | "BandwidthLimitExceeded" => {
                AwsError::Throttled { attempt, reason: said }
            }
            "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" => AwsError::Credentials {
                attempt,
                reason: said,
                advice: "renew the credentials (`aws sso login` for SSO) and check this machine's clock".to_owned(),
            },
            "AuthFailure" | "InvalidClientTokenId" | "InvalidAccessKeyId" | "SignatureDoesNotMatch"
            | "UnrecognizedClientException" | "IncompleteSignature" | "MissingAuthenticationToken" => {
                AwsError::Credentials {
                    attempt,
                    reason: said,
                    advice: "check the keys, this machine's clock and whether the region is enabled for the account"
                        .to_owned(),
                }
            }
            _ => AwsError::Rejected {
                attempt,
                code: code.to_owned(),
                message,
                request_id,
                status,
            },
        }
    }

    /// What lies below the SDK's own "dispatch failure" or "service error", which say nothing by themselves.
    fn reason<E: Error + 'static>(&self, error: &SdkError<E>) -> String {
        self.redactor.apply(&error.source().map_or_else(|| error.to_string(), chain_text))
    }
}

/// An error of ours that went through the SDK and came back wrapped.
fn ours(error: &(dyn Error + 'static)) -> Option<AwsError> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(ours) = error.downcast_ref::<AwsError>() {
            return Some(ours.clone());
        }
        cause = error.source();
    }
    None
}

/// How the SDK says that a profile does not exist; it keeps the fact itself private.
pub(super) const UNDEFINED: &str = "was not defined";

/// The words for credentials that are meant and cannot be had.
pub(super) struct CredentialFailure {
    profile: Option<String>,
}

impl CredentialFailure {
    pub(super) fn new(config: &super::AwsConfig) -> Self {
        Self { profile: config.profile.clone() }
    }

    pub(super) fn attempt(&self) -> String {
        match &self.profile {
            Some(profile) => format!("load AWS credentials of profile {profile:?}"),
            None => "load AWS credentials".to_owned(),
        }
    }

    /// Credentials that failed to load. The SDK's outermost error says no more than that they did.
    pub(super) fn of(&self, error: &(dyn Error + 'static)) -> AwsError {
        let reason = Redactor::default().apply(&chain_text(error.source().unwrap_or(error)));
        let advice = self.advice(&reason);
        AwsError::Credentials { attempt: self.attempt(), reason, advice }
    }

    /// A profile with nothing in it: the SDK does not always say why.
    pub(super) fn nothing(&self, error: &(dyn Error + 'static)) -> AwsError {
        let said = error.source().map(|cause| Redactor::default().apply(&chain_text(cause)));
        AwsError::Credentials {
            attempt: self.attempt(),
            reason: said.unwrap_or_else(|| "no credentials under that name".to_owned()),
            advice: "compare the name with `aws configure list-profiles`".to_owned(),
        }
    }

    fn advice(&self, reason: &str) -> String {
        let option =
            self.profile.as_ref().map(|name| format!(" --profile {name}")).unwrap_or_default();
        if ["SSO", "sso-", "sso_", "sso token"].iter().any(|word| reason.contains(word)) {
            format!("run `aws sso login{option}`")
        } else if reason.contains(UNDEFINED) {
            "compare the name with `aws configure list-profiles`".to_owned()
        } else if reason.contains("cargo feature") {
            format!("run `eval \"$(aws configure export-credentials{option} --format env)\"` first")
        } else {
            format!("see what `aws sts get-caller-identity{option}` says")
        }
    }
}

/// Takes secrets out of texts that others wrote: a server may echo what it was sent.
#[derive(Clone, Debug, Default)]
pub(super) struct Redactor(Vec<SecretString>);

impl Redactor {
    pub(super) fn of(credentials: &Credentials) -> Self {
        let all = [
            Some(credentials.access_key_id()),
            Some(credentials.secret_access_key()),
            credentials.session_token(),
        ];
        let known = all.into_iter().flatten().filter(|text| text.len() >= SHORTEST);
        Self(known.map(SecretString::from).collect())
    }

    /// One line, bounded, without the known secrets and without anything that looks like an access key.
    pub(super) fn apply(&self, text: &str) -> String {
        let mut clean = text.to_owned();
        for secret in &self.0 {
            clean = clean.replace(secret.expose_secret(), MASK);
        }
        let words: Vec<String> = clean.split_whitespace().map(mask_access_key).collect();
        let line = words.join(" ");
        match line.char_indices().nth(LONGEST) {
            Some((end, _)) => format!("{}…", &line[..end]),
            None => line,
        }
    }
}

/// So much of an unusable answer shows whose page it is.
const BEGIN: usize = 80;
/// AWS makes nothing shorter, and taking out a made-up `x` would leave no text readable.
const SHORTEST: usize = 8;
const MASK: &str = "***";
const LONGEST: usize = 400;

/// Access keys' ids are twenty characters that begin with `AKIA` or `ASIA`.
fn mask_access_key(word: &str) -> String {
    let is_key =
        |part: &&str| part.len() >= 16 && (part.starts_with("AKIA") || part.starts_with("ASIA"));
    let mut clean = word.to_owned();
    for key in word.split(|c: char| !c.is_ascii_alphanumeric()).filter(is_key) {
        clean = clean.replace(key, MASK);
    }
    clean
}

/// An error and its causes on one line; a cause that its parent already tells is not told twice.
pub(super) fn chain_text(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = error.source();
    }
    text
}
