//! From options and environment to a client: which server, which credentials, which limits.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;

use super::environment::Environment;
use super::failure::{CREDENTIALS, Failure, OTHER, USAGE};
use crate::domain::{AccountId, Clock};
use crate::drive::{Ec2Access, SystemClock};
use crate::plan::inventory::FileOptions;
use crate::spot::{
    Client, ClientConfig, Credentials, CredentialsFile, Endpoint,
    Environment as CredentialsEnvironment, Pacing, Sources, SpotError, resolve,
};

/// Longest that one command may take, unless the option `timeout` says otherwise.
const DEFAULT_TIMEOUT: u64 = 120;

/// Where the API is, and who says so.
#[derive(Clone, Debug)]
pub(super) struct ChosenEndpoint {
    pub(super) endpoint: Endpoint,
    pub(super) source: String,
}

/// Everything a command needs to reach the API.
pub(super) struct Session {
    pub(super) clock: Arc<SystemClock>,
    pub(super) endpoint: ChosenEndpoint,
    pub(super) credentials: Credentials,
    pub(super) credentials_path: PathBuf,
    pub(super) timeout: Duration,
    pub(super) pacing: Pacing,
}

impl Session {
    /// Resolves settings; nothing is sent.
    pub(super) fn open(options: &FileOptions, environment: &Environment) -> Result<Self, Failure> {
        let (credentials, credentials_path) = credentials(options, environment)?;
        let pacing = match environment.cache_folder() {
            Some(folder) => Pacing::shared(folder.join("pacing")),
            None => Pacing::in_memory(),
        };
        let timeout = options.timeout.unwrap_or(DEFAULT_TIMEOUT);
        if timeout == 0 {
            return Err(Failure::new(
                USAGE,
                "option timeout is 0; it is the seconds that one refresh may take",
            ));
        }
        Ok(Self {
            clock: Arc::new(SystemClock::start()),
            endpoint: endpoint(options, environment)?,
            credentials,
            credentials_path,
            timeout: Duration::from_secs(timeout),
            pacing,
        })
    }

    /// The accounts asked for.
    pub(super) fn accounts(&self) -> Result<Vec<AccountId>, Failure> {
        match &self.credentials.accounts {
            Some(accounts) if !accounts.value.is_empty() => Ok(accounts.value.clone()),
            Some(_) | None => Err(Failure::new(
                CREDENTIALS,
                format!(
                    "no Spot account: set the option spotinst_account_id or SPOTINST_ACCOUNT_ID (act-…), or put \
                 `account = act-…` into {}",
                    self.credentials_path.display()
                ),
            )),
        }
    }

    /// The token.
    pub(super) fn token(&self) -> Result<SecretString, Failure> {
        self.credentials.token.as_ref().map(|token| token.value.clone()).ok_or_else(|| {
            Failure::new(CREDENTIALS, format!(
                "no Spot API token: set SPOTINST_API_TOKEN or the option spotinst_api_token, or put \
                 `token = …` into {}",
                self.credentials_path.display()
            ))
        })
    }

    /// A client whose every call ends before this command's time is up.
    pub(super) fn client(&self, token: SecretString) -> Result<Client, SpotError> {
        let clock: Arc<dyn Clock> = self.clock.clone();
        let mut config =
            ClientConfig::new(self.endpoint.endpoint.clone(), token, clock, self.pacing.clone());
        config.deadline = Some(self.clock.monotonic().saturating_add(self.timeout));
        config.retry_seed = fastrand::u64(..);
        Client::new(config)
    }
}

/// How AWS is reached.
pub(super) fn ec2_access(options: &FileOptions, environment: &Environment) -> Ec2Access {
    Ec2Access {
        // AWS_PROFILE is left to the SDK, which ranks it below keys in the environment.
        profile: options.aws_profile.clone(),
        endpoint_url: environment.get("AWS_ENDPOINT_URL").map(str::to_owned),
        use_metadata_service: !environment.is_true("AWS_EC2_METADATA_DISABLED"),
    }
}

fn endpoint(options: &FileOptions, environment: &Environment) -> Result<ChosenEndpoint, Failure> {
    let (url, source) = match (&options.spotinst_base_url, environment.get("SPOTINST_BASE_URL")) {
        (Some(url), _) => (url.as_str(), "option spotinst_base_url"),
        (None, Some(url)) => (url, "environment SPOTINST_BASE_URL"),
        (None, None) => {
            let source = "the vendor's address".to_owned();
            return Ok(ChosenEndpoint { endpoint: Endpoint::vendor(), source });
        }
    };
    Ok(ChosenEndpoint {
        endpoint: Endpoint::parse(url, options.allow_http)?,
        source: source.to_owned(),
    })
}

fn credentials(
    options: &FileOptions,
    environment: &Environment,
) -> Result<(Credentials, PathBuf), Failure> {
    let named = options.credentials_file.as_deref().or_else(|| {
        let names = ["SPOTINST_CREDENTIALS_FILE", "SPOTINST_SHARED_CREDENTIALS_FILE"];
        environment.first(&names).map(|(_, value)| value)
    });
    let shown = PathBuf::from(named.unwrap_or("~/.spotinst/credentials"));
    let path = match (named, environment.home()) {
        (Some(named), _) => Some(environment.expand(named)),
        (None, Some(home)) => Some(home.join(".spotinst").join("credentials")),
        (None, None) => None,
    };
    let file =
        path.and_then(|path| read_file(&path, &shown, named.is_some()).transpose()).transpose()?;
    let sources = Sources {
        token_option: options
            .spotinst_api_token
            .clone()
            .map(|token| ("spotinst_api_token".to_owned(), token)),
        accounts_option: options
            .spotinst_account_id
            .clone()
            .map(|accounts| ("spotinst_account_id".to_owned(), accounts)),
        profile_option: options.credentials_profile.clone(),
        environment: CredentialsEnvironment::from_lookup(|name| {
            environment.get(name).map(str::to_owned)
        }),
        file,
    };
    Ok((resolve(&sources)?, shown))
}

/// A file that nobody named may be missing.
fn read_file(
    path: &Path,
    shown: &Path,
    is_named: bool,
) -> Result<Option<CredentialsFile>, Failure> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(CredentialsFile {
            path: shown.to_owned(),
            text: text.into(),
            mode: mode(path),
        })),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !is_named => Ok(None),
        Err(error) => {
            let code = if is_named { CREDENTIALS } else { OTHER };
            let text = format!("cannot read the credentials file {}: {error}", shown.display());
            Err(Failure::new(code, text))
        }
    }
}

#[cfg(unix)]
fn mode(path: &Path) -> Option<u32> {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(path).ok().map(|metadata| metadata.mode() & 0o7777)
}

#[cfg(not(unix))]
fn mode(_path: &Path) -> Option<u32> {
    None
}
