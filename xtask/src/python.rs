//! Python interpreters, and Ansible run with nothing inherited that would change its answers.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{self, Failure};

/// A Python that environments can be made with.
pub(crate) struct Python {
    /// Its program.
    pub(crate) program: PathBuf,
    /// Minor version; the major one is 3.
    pub(crate) minor: u32,
    /// Full version and machine: an environment made with another Python is another environment.
    pub(crate) identity: String,
}

const OLDEST_MINOR: u32 = 11;

/// Prints three lines; fails where the parts of Python are missing that make environments.
const PROBE: &str = "import ensurepip, platform, sys, venv; \
                     print(sys.executable, sys.version_info.minor if sys.version_info.major == 3 \
                     else 0, platform.python_version() + platform.machine(), sep='\\n')";

/// The first suitable Python of the usual names, up to `newest_wished` if there is one.
pub(crate) fn find(newest_wished: u32) -> Result<Python, Failure> {
    let names = ["python3", "python3.13", "python3.12", "python3.11"];
    let mut found: Vec<Python> = names.iter().filter_map(|name| probe(name)).collect();
    found.retain(|python| python.minor >= OLDEST_MINOR);
    let fitting = found.iter().position(|python| python.minor <= newest_wished);
    if found.is_empty() {
        return Err(Failure::Other(format!(
            "no Python 3.{OLDEST_MINOR} or newer with venv among {} on PATH; install one (Debian \
             and Ubuntu: python3 and python3-venv)",
            names.join(", ")
        )));
    }
    Ok(found.swap_remove(fitting.unwrap_or(0)))
}

fn probe(name: &str) -> Option<Python> {
    let mut command = Command::new(name);
    remove_inherited(&mut command);
    let output = command.args(["-c", PROBE]).output().ok().filter(|it| it.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?;
    let mut lines = text.lines();
    let program = PathBuf::from(lines.next()?);
    let minor = lines.next()?.parse().ok()?;
    Some(Python { program, minor, identity: lines.next()?.to_owned() })
}

fn remove_inherited(command: &mut Command) {
    const PREFIXES: [&str; 3] = ["ANSIBLE_", "SPOTINST_", "AWS_"];
    const NAMES: [&str; 3] = ["PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV"];
    let is_unwanted = |name: &str| {
        PREFIXES.iter().any(|prefix| name.starts_with(prefix)) || NAMES.contains(&name)
    };
    for name in process::variable_names(is_unwanted) {
        command.env_remove(name);
    }
}

/// A program of the Python environment `folder`, without what the caller's environment would change.
pub(crate) fn program(folder: &Path, name: &str) -> Command {
    let mut command = Command::new(folder.join("bin").join(name));
    remove_inherited(&mut command);
    command.env("PATH", path_with(&[&folder.join("bin")]));
    command.env("AWS_EC2_METADATA_DISABLED", "true");
    command
}

/// `PATH` with these folders in front.
pub(crate) fn path_with(folders: &[&Path]) -> OsString {
    let old = process::variable("PATH").unwrap_or_default();
    let all = folders.iter().map(|it| it.to_path_buf()).chain(std::env::split_paths(&old));
    // Only a folder with a colon in its name cannot be joined; such a PATH never worked.
    std::env::join_paths(all).unwrap_or(old)
}
