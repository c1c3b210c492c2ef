//! Secrets of clusters as options: typed, in a file, or inherited.

use secrecy::SecretString;

use super::World;
use crate::drive::gate::Login;
use crate::drive::{open_to_others, secret_file};

/// Where a secret may come from, in this order.
pub(in crate::modules) struct Places<'a> {
    /// The option that holds it, and what is typed there.
    pub(in crate::modules) typed: (&'static str, Option<&'a SecretString>),
    /// The option that names a file, and the file.
    pub(in crate::modules) file: (&'static str, Option<&'a str>),
    /// The variable of the environment, if that counts here.
    pub(in crate::modules) variable: Option<&'static str>,
}

/// Name and password for whoever asks by them.
pub(in crate::modules) const PASSWORD: &str = "SPOTINST_ESG_CLUSTER_PASSWORD";
/// An API key of Elasticsearch.
pub(super) const API_KEY: &str = "SPOTINST_ESG_CLUSTER_API_KEY";
/// A token for `OAUTHBEARER`.
pub(super) const OAUTH_TOKEN: &str = "SPOTINST_ESG_CLUSTER_OAUTH_TOKEN";

impl Places<'_> {
    /// The secret, if there is one.
    ///
    /// # Errors
    ///
    /// It is said twice, or the file cannot be read.
    pub(super) fn secret(&self, world: &World) -> Result<Option<SecretString>, String> {
        match (self.typed, self.file) {
            ((typed, Some(_)), (file, Some(_))) => Err(format!("give either {typed} or {file}")),
            ((_, Some(secret)), _) => Ok(Some(secret.clone())),
            (_, (option, Some(path))) => {
                let read = secret_file(&world.environment.expand(path));
                read.map(Some).map_err(|error| format!("option {option}: {error}"))
            }
            _ => {
                let inherited = self.variable.and_then(|name| world.environment.get(name));
                Ok(inherited.map(SecretString::from))
            }
        }
    }
}

/// Who asks, if anybody is named.
///
/// # Errors
///
/// A name has no password, or the other way round.
pub(in crate::modules) fn login(
    username: Option<&String>,
    password: Option<&SecretString>,
    file: Option<&str>,
    world: &World,
) -> Result<Option<Login>, String> {
    // An inherited password is for whoever is named, and for nobody else.
    let variable = username.map(|_| PASSWORD);
    let places = Places { typed: ("password", password), file: ("password_file", file), variable };
    match (username.cloned(), places.secret(world)?) {
        (None, None) => Ok(None),
        (Some(username), Some(password)) => Ok(Some(Login { username, password })),
        (Some(_), None) => {
            Err(format!("username needs password, password_file or the variable {PASSWORD}"))
        }
        (None, Some(_)) => Err("a password is without effect without username".to_owned()),
    }
}

/// What is to be told of the files: others should not read them.
pub(in crate::modules) fn warnings<'a>(
    files: impl IntoIterator<Item = Option<&'a String>>,
    world: &World,
) -> Vec<String> {
    let files = files.into_iter().flatten();
    files.filter_map(|path| open_to_others(&world.environment.expand(path))).collect()
}
