//! Token and account: from where they may come, and from where they came.

use std::fmt;
use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};

use super::credentials_file::{Entry, Profiles};
use crate::domain::AccountId;

const TOKEN_VARIABLES: [&str; 2] = ["SPOTINST_API_TOKEN", "SPOTINST_TOKEN"];
const ACCOUNT_VARIABLES: [&str; 2] = ["SPOTINST_ACCOUNT_ID", "SPOTINST_ACCOUNT"];
const PROFILE_VARIABLES: [&str; 2] = ["SPOTINST_CREDENTIALS_PROFILE", "SPOTINST_PROFILE"];

/// The profile that is read where none is chosen, and that completes a chosen one.
pub(super) const DEFAULT_PROFILE: &str = "default";

/// A value and where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sourced<T> {
    /// The value.
    pub value: T,
    /// Where it came from.
    pub source: Source,
}

/// Where a value came from; never what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// An option, by its name.
    Option(String),
    /// An environment variable, by its name.
    Environment(String),
    /// A profile of the credentials file.
    File {
        /// The file, as the caller named it.
        path: PathBuf,
        /// The profile.
        profile: String,
    },
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Option(name) => write!(f, "option {name}"),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::File { path, profile } => {
                write!(f, "file {}, profile {profile}", path.display())
            }
        }
    }
}

/// The environment variables that matter, read by the caller. Empty ones count as absent.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    tokens: Vec<(&'static str, SecretString)>,
    accounts: Vec<(&'static str, String)>,
    profiles: Vec<(&'static str, String)>,
}

impl Environment {
    /// Asks `lookup` for each variable by name.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Self {
        let present = |names: [&'static str; 2]| {
            names
                .into_iter()
                .filter_map(|name| Some((name, lookup(name)?.trim().to_owned())))
                .filter(|(_, value)| !value.is_empty())
                .collect::<Vec<_>>()
        };
        Self {
            tokens: present(TOKEN_VARIABLES)
                .into_iter()
                .map(|(name, value)| (name, SecretString::from(value)))
                .collect(),
            accounts: present(ACCOUNT_VARIABLES),
            profiles: present(PROFILE_VARIABLES),
        }
    }
}

/// The credentials file, read by the caller.
#[derive(Clone, Debug)]
pub struct CredentialsFile {
    /// How messages name it, such as `~/.spotinst/credentials`.
    pub path: PathBuf,
    /// Everything in it.
    pub text: SecretString,
    /// Its Unix permission bits, where there are such.
    pub mode: Option<u32>,
}

/// Everything a token or account may come from.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// Name and value of the option that gives the token.
    pub token_option: Option<(String, SecretString)>,
    /// Name and values of the option that gives the accounts.
    pub accounts_option: Option<(String, Vec<String>)>,
    /// The profile chosen by option.
    pub profile_option: Option<String>,
    /// The environment.
    pub environment: Environment,
    /// The credentials file; none if there is no such file.
    pub file: Option<CredentialsFile>,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    /// The API token.
    pub token: Option<Sourced<SecretString>>,
    /// The accounts, each once, in the order given.
    pub accounts: Option<Sourced<Vec<AccountId>>>,
    /// What was strange but survivable.
    pub oddities: Vec<String>,
}

/// Why credentials cannot be read or used. Never holds any of the file's content.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsError {
    /// The file is in none of the formats.
    #[error(
        "cannot read the credentials file {}: line {line} is not understood; expected INI, YAML or JSON with token and \
         account", path.display()
    )]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },

    /// A profile was chosen and the file does not have it.
    #[error("the credentials file {} has no profile {profile:?}", path.display())]
    NoProfile {
        /// The file.
        path: PathBuf,
        /// The profile.
        profile: String,
    },

    /// The token cannot be sent in a header.
    #[error(
        "the API token is empty or holds a line break or another character that no token has; copy it again"
    )]
    UnusableToken,
}

/// Merges the sources field by field: option, then environment, then the chosen profile, then the default profile.
///
/// A missing file is no error, and the file is not read if nothing is needed from it.
///
/// # Errors
///
/// If the file is needed and cannot be understood, or lacks the chosen profile.
pub fn resolve(sources: &Sources) -> Result<Credentials, CredentialsError> {
    let mut found = Credentials {
        token: given_token(sources),
        accounts: given_accounts(sources),
        oddities: Vec::new(),
    };
    let Some(file) = &sources.file else { return Ok(found) };
    if let Some(mode) = file.mode.filter(|mode| mode & 0o077 != 0) {
        found.oddities.push(format!(
            "other users may read the credentials file {} (mode {:04o}); chmod 600 it",
            file.path.display(),
            mode & 0o7777
        ));
    }
    if found.token.is_none() || found.accounts.is_none() {
        complete_from_file(&mut found, file, chosen_profile(sources))?;
    }
    Ok(found)
}

fn given_token(sources: &Sources) -> Option<Sourced<SecretString>> {
    let option = sources.token_option.as_ref().and_then(|(name, token)| {
        Some(Sourced { value: filled(token)?, source: Source::Option(name.clone()) })
    });
    option.or_else(|| {
        let (name, token) = sources.environment.tokens.first()?;
        let source = Source::Environment((*name).to_owned());
        Some(Sourced { value: token.clone(), source })
    })
}

fn given_accounts(sources: &Sources) -> Option<Sourced<Vec<AccountId>>> {
    let option = sources.accounts_option.as_ref().and_then(|(name, accounts)| {
        let value = account_ids(accounts.iter().map(String::as_str))?;
        Some(Sourced { value, source: Source::Option(name.clone()) })
    });
    option.or_else(|| {
        sources.environment.accounts.iter().find_map(|(name, text)| {
            let value = account_ids([text.as_str()])?;
            Some(Sourced { value, source: Source::Environment((*name).to_owned()) })
        })
    })
}

fn chosen_profile(sources: &Sources) -> Option<&str> {
    let option = sources.profile_option.as_deref().map(str::trim).filter(|name| !name.is_empty());
    option.or_else(|| sources.environment.profiles.first().map(|(_, name)| name.as_str()))
}

fn complete_from_file(
    found: &mut Credentials,
    file: &CredentialsFile,
    chosen: Option<&str>,
) -> Result<(), CredentialsError> {
    let profiles = Profiles::parse(file.text.expose_secret())
        .map_err(|line| CredentialsError::Unreadable { path: file.path.clone(), line })?;
    if let Some(name) = chosen
        && name != DEFAULT_PROFILE
        && profiles.get(name).is_none()
    {
        let (path, profile) = (file.path.clone(), name.to_owned());
        return Err(CredentialsError::NoProfile { path, profile });
    }
    for name in chosen.into_iter().chain([DEFAULT_PROFILE]) {
        let Some(Entry { token, accounts }) = profiles.get(name) else { continue };
        let source = Source::File { path: file.path.clone(), profile: name.to_owned() };
        if let (None, Some(value)) = (&found.token, token.as_ref().and_then(filled)) {
            found.token = Some(Sourced { value, source: source.clone() });
        }
        if let (None, Some(value)) =
            (&found.accounts, account_ids(accounts.iter().map(String::as_str)))
        {
            found.accounts = Some(Sourced { value, source });
        }
    }
    Ok(())
}

/// The token without surrounding blanks; none if nothing is left.
fn filled(token: &SecretString) -> Option<SecretString> {
    let text = token.expose_secret().trim();
    (!text.is_empty()).then(|| SecretString::from(text.to_owned()))
}

/// Splits lists at commas and blanks; none if nothing is left.
fn account_ids<'a>(texts: impl IntoIterator<Item = &'a str>) -> Option<Vec<AccountId>> {
    let mut ids: Vec<AccountId> = Vec::new();
    for part in texts.into_iter().flat_map(|text| text.split([',', ' ', '\t', '\n'])) {
        let part = part.trim();
        if !part.is_empty() && ids.iter().all(|known| known.as_str() != part) {
            ids.push(AccountId::new(part));
        }
    }
    (!ids.is_empty()).then_some(ids)
}

#[cfg(test)]
mod tests;
