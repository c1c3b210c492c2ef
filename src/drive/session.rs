//! From options and environment to a client: which server, which credentials, which limits.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::ec2::Ec2Access;
use super::environment::Environment;
use super::wait::SystemClock;
use crate::domain::{AccountId, Clock};
use crate::plan::inventory::FileOptions;
use crate::spot::{
    Client, ClientConfig, Credentials, CredentialsError, CredentialsFile, Endpoint,
    Environment as CredentialsEnvironment, ErrorKind, Pacing, Sources, SpotError, resolve,
};

/// Longest that one command may take, unless the option `timeout` says otherwise.
const DEFAULT_TIMEOUT: u64 = 120;

/// A day; what takes longer is no inventory any more, in seconds.
const LONGEST_TIMEOUT: u64 = 86_400;

/// AWS may use this part of the time for credentials, and again for facts; the rest is for Spot.
const AWS_SHARE: u32 = 3;

/// What a caller may say of server and credentials; what it leaves unsaid the environment and files say.
#[derive(Clone, Debug, Default)]
#[expect(
    missing_docs,
    reason = "each is the option of that name, documented where users read options"
)]
pub struct SessionOptions {
    pub token: Option<SecretString>,
    pub accounts: Option<Vec<String>>,
    pub base_url: Option<String>,
    pub allow_http: bool,
    pub credentials_file: Option<String>,
    pub credentials_profile: Option<String>,
    pub aws_profile: Option<String>,
    pub timeout_s: Option<u64>,
}

impl From<&FileOptions> for SessionOptions {
    fn from(options: &FileOptions) -> Self {
        Self {
            token: options.spotinst_api_token.clone(),
            accounts: options.spotinst_account_id.clone(),
            base_url: options.spotinst_base_url.clone(),
            allow_http: options.allow_http,
            credentials_file: options.credentials_file.clone(),
            credentials_profile: options.credentials_profile.clone(),
            aws_profile: options.aws_profile.clone(),
            timeout_s: options.timeout,
        }
    }
}

/// Why no session can be opened or used.
#[derive(Debug, Error)]
pub enum SessionError {
    /// No source has a token.
    #[error(
        "no Spot API token: set SPOTINST_API_TOKEN or the option spotinst_api_token, or put `token = …` into {}",
        file.display()
    )]
    NoToken {
        /// The credentials file that was looked at.
        file: PathBuf,
    },
    /// No source has an account.
    #[error(
        "no Spot account: set the option spotinst_account_id or SPOTINST_ACCOUNT_ID (act-…), or put \
         `account = act-…` into {}",
        file.display()
    )]
    NoAccount {
        /// The credentials file that was looked at.
        file: PathBuf,
    },
    /// The credentials file is there and cannot be read, or was named and is not there.
    #[error("cannot read the credentials file {}: {source}", file.display())]
    File {
        /// The file, as it was named.
        file: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The option is out of bounds.
    #[error(
        "option timeout is {0}; it is the seconds that the whole command may take, 1 to {LONGEST_TIMEOUT}"
    )]
    Timeout(u64),
    /// The credentials make no sense.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// The server's address makes no sense.
    #[error(transparent)]
    Endpoint(#[from] SpotError),
}

impl SessionError {
    /// What the caller can do about it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NoToken { .. } | Self::NoAccount { .. } => ErrorKind::Credentials,
            Self::File { .. } | Self::Credentials(_) => ErrorKind::Credentials,
            Self::Timeout(_) => ErrorKind::Usage,
            Self::Endpoint(error) => error.kind(),
        }
    }
}

/// Where the API is, and who says so.
#[derive(Clone, Debug)]
pub struct ChosenEndpoint {
    /// The address.
    pub endpoint: Endpoint,
    /// Who named it, in words.
    pub source: String,
}

/// Everything a command needs to reach the API.
pub struct Session {
    /// Time.
    pub clock: Arc<SystemClock>,
    /// The server.
    pub endpoint: ChosenEndpoint,
    /// Token and accounts with their sources.
    pub credentials: Credentials,
    /// The credentials file that was looked at, as messages name it.
    pub credentials_path: PathBuf,
    /// How long the whole command may take, from when the session was opened.
    pub timeout: Duration,
    /// When that is over, as the clock's monotonic time tells it.
    deadline: Duration,
    /// The rate limits, shared by the user's processes.
    pub pacing: Pacing,
    seed: u64,
}

impl Session {
    /// Resolves settings; nothing is sent. `seed` is that of the retries' jitter.
    ///
    /// # Errors
    ///
    /// A setting that cannot be used. A missing token or account is no error until it is asked for.
    pub fn open(
        options: &SessionOptions,
        environment: &Environment,
        seed: u64,
    ) -> Result<Self, SessionError> {
        let (credentials, credentials_path) = credentials(options, environment)?;
        let pacing = match environment.cache_folder() {
            Some(folder) => Pacing::shared(folder.join("pacing")),
            None => Pacing::in_memory(),
        };
        let timeout = options.timeout_s.unwrap_or(DEFAULT_TIMEOUT);
        if !(1..=LONGEST_TIMEOUT).contains(&timeout) {
            return Err(SessionError::Timeout(timeout));
        }
        let timeout = Duration::from_secs(timeout);
        let clock = SystemClock::start();
        Ok(Self {
            deadline: clock.monotonic() + timeout,
            clock: Arc::new(clock),
            endpoint: endpoint(options, environment)?,
            credentials,
            credentials_path,
            timeout,
            pacing,
            seed,
        })
    }

    /// The accounts asked for.
    ///
    /// # Errors
    ///
    /// [`SessionError::NoAccount`].
    pub fn accounts(&self) -> Result<Vec<AccountId>, SessionError> {
        let accounts = self.credentials.accounts.as_ref().map(|accounts| accounts.value.clone());
        accounts
            .filter(|accounts| !accounts.is_empty())
            .ok_or_else(|| SessionError::NoAccount { file: self.credentials_path.clone() })
    }

    /// The token.
    ///
    /// # Errors
    ///
    /// [`SessionError::NoToken`].
    pub fn token(&self) -> Result<SecretString, SessionError> {
        let token = self.credentials.token.as_ref().map(|token| token.value.clone());
        token.ok_or_else(|| SessionError::NoToken { file: self.credentials_path.clone() })
    }

    /// A digest that tells tokens apart without telling them; of nothing, if there is no token.
    pub fn token_digest(&self) -> String {
        let token = self.credentials.token.as_ref().map(|token| token.value.expose_secret());
        let digest = Sha256::digest(token.unwrap_or_default());
        digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }

    /// A client whose every call ends before this command's time is up.
    ///
    /// # Errors
    ///
    /// The HTTP machinery cannot be set up.
    pub fn client(&self, token: SecretString) -> Result<Client, SpotError> {
        let clock: Arc<dyn Clock> = self.clock.clone();
        let mut config =
            ClientConfig::new(self.endpoint.endpoint.clone(), token, clock, self.pacing.clone());
        config.deadline = Some(self.deadline);
        config.retry_seed = self.seed;
        Client::new(config)
    }
}

/// How AWS is reached.
pub fn ec2_access(options: &SessionOptions, environment: &Environment) -> Ec2Access {
    Ec2Access {
        // AWS_PROFILE is left to the SDK, which ranks it below keys in the environment.
        profile: options.aws_profile.clone(),
        endpoint_url: environment.get("AWS_ENDPOINT_URL").map(str::to_owned),
        use_metadata_service: !environment.is_true("AWS_EC2_METADATA_DISABLED"),
        timeout: Duration::from_secs(options.timeout_s.unwrap_or(DEFAULT_TIMEOUT)) / AWS_SHARE,
    }
}

fn endpoint(
    options: &SessionOptions,
    environment: &Environment,
) -> Result<ChosenEndpoint, SessionError> {
    let (url, source) = match (&options.base_url, environment.get("SPOTINST_BASE_URL")) {
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
    options: &SessionOptions,
    environment: &Environment,
) -> Result<(Credentials, PathBuf), SessionError> {
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
    let file = match path {
        Some(path) => read_file(&path, &shown, named.is_some())?,
        None => None,
    };
    let option = |name: &str| name.to_owned();
    let lookup = |name: &str| environment.get(name).map(str::to_owned);
    let sources = Sources {
        token_option: options.token.clone().map(|token| (option("spotinst_api_token"), token)),
        accounts_option: options.accounts.clone().map(|list| (option("spotinst_account_id"), list)),
        profile_option: options.credentials_profile.clone(),
        environment: CredentialsEnvironment::from_lookup(lookup),
        file,
    };
    Ok((resolve(&sources)?, shown))
}

/// A file that nobody named may be missing.
fn read_file(
    path: &Path,
    shown: &Path,
    is_named: bool,
) -> Result<Option<CredentialsFile>, SessionError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(CredentialsFile {
            path: shown.to_owned(),
            text: text.into(),
            mode: mode(path),
        })),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !is_named => Ok(None),
        Err(source) => Err(SessionError::File { file: shown.to_owned(), source }),
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
