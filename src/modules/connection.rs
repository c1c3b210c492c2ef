//! The options that all modules share: which server, which credentials, how long.

use std::time::Duration;

use schemars::JsonSchema;
use secrecy::SecretString;
use serde::Deserialize;

use super::World;
use crate::ansible::Failure;
use crate::domain::AccountId;
use crate::drive::{Session, SessionError, SessionOptions};
use crate::spot::{Client, SpotError, Unseen};

/// How the API is reached. To be flattened into a module's arguments.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub(super) struct Connection {
    /// The Spot API token. It is never shown.
    ///
    /// Without it the credentials file is read, too.
    #[schemars(
        with = "Option<String>",
        extend(
            "x-aliases" = ["spotinst_api_token", "spotinst_token", "token"],
            "x-no-log" = true,
            "x-env" = ["SPOTINST_API_TOKEN", "SPOTINST_TOKEN"]
        )
    )]
    pub(super) api_token: Option<SecretString>,
    /// The Spot account, such as `act-12345678`.
    ///
    /// Without it the credentials file is read, too.
    #[schemars(extend(
        "x-aliases" = ["spotinst_account_id", "spotinst_account"],
        "x-env" = ["SPOTINST_ACCOUNT_ID", "SPOTINST_ACCOUNT"],
        "x-refuses-empty" = "for the account of the environment or the credentials file"
    ))]
    pub(super) account_id: Option<String>,
    /// Address of the Spot API, if another server is to be asked, such as a simulator or a proxy.
    #[schemars(extend("x-aliases" = ["spotinst_base_url"], "x-env" = ["SPOTINST_BASE_URL"]))]
    pub(super) base_url: Option<String>,
    /// Whether `base_url` may be plain HTTP on a host other than this one. The token is then readable on the way.
    #[serde(default)]
    pub(super) allow_http: bool,
    /// File with profiles of tokens and accounts, in INI, YAML or JSON. `~/.spotinst/credentials` when not given.
    #[schemars(extend(
        "x-type" = "path",
        "x-env" = ["SPOTINST_CREDENTIALS_FILE", "SPOTINST_SHARED_CREDENTIALS_FILE"]
    ))]
    pub(super) credentials_file: Option<String>,
    /// Profile to read in the credentials file; `default` when not given.
    #[schemars(extend("x-env" = ["SPOTINST_CREDENTIALS_PROFILE", "SPOTINST_PROFILE"]))]
    pub(super) credentials_profile: Option<String>,
    /// AWS region, such as `eu-west-1`, where a name or a question needs one.
    ///
    /// Every module takes it, so that one default can serve them all.
    #[allow(dead_code, reason = "every module takes it, and some have no use for it")]
    #[schemars(extend("x-aliases" = ["aws_region"]))]
    pub(super) region: Option<String>,
    /// AWS profile for the questions that only EC2 can answer. Without it the AWS SDK looks at its own places.
    #[schemars(extend("x-env" = ["AWS_PROFILE"]))]
    pub(super) aws_profile: Option<String>,
    /// How long the calls to the Spot API may take together, in seconds, waits for the vendor's rate limits included.
    #[serde(default = "two_minutes")]
    #[schemars(range(min = 1))]
    pub(super) timeout: u64,
}

fn two_minutes() -> u64 {
    120
}

impl Connection {
    /// The same for the layers below.
    pub(super) fn session_options(&self) -> SessionOptions {
        SessionOptions {
            token: self.api_token.clone(),
            accounts: self.account_id.clone().map(|account| vec![account]),
            base_url: self.base_url.clone(),
            allow_http: self.allow_http,
            credentials_file: self.credentials_file.clone(),
            credentials_profile: self.credentials_profile.clone(),
            aws_profile: self.aws_profile.clone(),
            timeout_s: Some(self.timeout),
        }
    }

    /// Settings resolved, and a client that uses them; nothing is sent.
    pub(super) fn open(&self, world: &World) -> Result<(Session, Client), Failure> {
        self.open_for(world, Duration::ZERO)
    }

    /// The same, for a module that waits so long between its calls.
    pub(super) fn open_for(
        &self,
        world: &World,
        wait: Duration,
    ) -> Result<(Session, Client), Failure> {
        let timeout = self.timeout.saturating_add(wait.as_secs());
        let options = SessionOptions { timeout_s: Some(timeout), ..self.session_options() };
        let session = Session::open(&options, &world.environment, world.seed)?;
        let client = session.client(session.token()?)?;
        Ok((session, client))
    }
}

/// The account of a module that acts in one only.
///
/// # Errors
///
/// There are several.
pub(super) fn only(accounts: Vec<AccountId>) -> Result<AccountId, Failure> {
    match <[AccountId; 1]>::try_from(accounts) {
        Ok([account]) => Ok(account),
        Err(several) => {
            let names: Vec<&str> = several.iter().map(AccountId::as_str).collect();
            let names = names.join(", ");
            Err(Failure::new(format!(
                "several Spot accounts are configured ({names}): set account_id to one"
            )))
        }
    }
}

impl From<SpotError> for Failure {
    fn from(error: SpotError) -> Self {
        Self::new(error.to_string())
            .with_error_code(error.error_code())
            .with_http_status(error.http_status())
            .with_request_id(error.request_id())
            .retryable(error.is_transient())
    }
}

impl From<Unseen> for Failure {
    fn from(unseen: Unseen) -> Self {
        Self::new(unseen.to_string())
            .with_error_code(unseen.error.error_code())
            .with_http_status(unseen.error.http_status())
            .with_request_id(unseen.error.request_id())
            .retryable(true)
            .changed(true)
    }
}

impl From<SessionError> for Failure {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::Endpoint(error) => error.into(),
            other => Self::new(other.to_string()),
        }
    }
}
