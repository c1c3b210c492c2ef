//! The only reader of the process's environment.

use crate::drive::Environment;

/// What this process inherited. Variables that are no valid text are left out: none that matters may be.
#[expect(clippy::disallowed_methods, reason = "this is the only reader of the environment")]
pub(super) fn of_process() -> Environment {
    let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    let folders = directories::ProjectDirs::from("", "", "spotinst-esg");
    Environment::new(
        std::env::vars_os().filter_map(text).collect(),
        directories::BaseDirs::new().map(|dirs| dirs.home_dir().to_owned()),
        folders.as_ref().map(|dirs| dirs.cache_dir().to_owned()),
        // Only some systems set a folder of their own aside for it.
        folders.map(|dirs| dirs.state_dir().unwrap_or(dirs.data_local_dir()).to_owned()),
    )
}
