//! The pinned Python environments.
//!
//! Each lives in `<tools>/<name>-<key>`, the key being a hash of its requirements and its Python, and is reached
//! by the link `<tools>/<name>`. The file `complete` in it is written last: without it the folder is remade.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest, Sha256};

use crate::process::{self, Failure};
use crate::repository::Repository;
use crate::{clusters, python};

/// A Python environment.
pub(crate) struct Environment {
    name: &'static str,
    what: &'static str,
    /// Newest Python minor version that its packages support.
    newest_minor: u32,
}

/// The newest ansible-core that runs on Python 3.11.
pub(crate) const ANSIBLE: Environment =
    Environment { name: "ansible", what: "the newest ansible-core", newest_minor: 13 };

const OLDEST_ANSIBLE: Environment = Environment {
    name: "ansible-2.17",
    what: "the oldest supported ansible-core",
    newest_minor: 12,
};

const LINT: Environment =
    Environment { name: "lint", what: "Ansible's own linter", newest_minor: 13 };

const SERVERS: Environment = Environment {
    name: "servers",
    what: "a simulator of EC2 and the vendor's SDK",
    newest_minor: 13,
};

const AWS: Environment =
    Environment { name: "aws", what: "Ansible with the collection amazon.aws", newest_minor: 13 };

const CLIENTS: Environment =
    Environment { name: "clients", what: "a client of ZooKeeper", newest_minor: 13 };

/// Makes those that are missing, and what tests on real clusters need, and returns the folder of all.
pub(crate) fn make_all(repository: &Repository) -> Result<PathBuf, Failure> {
    for environment in [&ANSIBLE, &OLDEST_ANSIBLE, &LINT, &SERVERS, &AWS, &CLIENTS] {
        let folder = make(repository, environment)?;
        process::say(&format!("Python environment {}: {}", environment.name, folder.display()));
    }
    clusters::make(repository)?;
    repository.tools()
}

/// Makes it if it is missing, and returns its folder.
pub(crate) fn make(repository: &Repository, environment: &Environment) -> Result<PathBuf, Failure> {
    let tools = repository.tools()?;
    fs::create_dir_all(&tools).map_err(Failure::file("make the folder", &tools))?;
    let requirements = repository.path(&format!("xtask/requirements/{}.txt", environment.name));
    let text = fs::read(&requirements).map_err(Failure::file("read", &requirements))?;
    let python = python::find(environment.newest_minor)?;
    let key = hex(&Sha256::new().chain_update(text).chain_update(&python.identity).finalize());
    let folder = tools.join(format!("{}-{}", environment.name, &key[..12]));

    let _lock = lock(&tools.join(format!("{}.lock", environment.name)))?;
    if !folder.join("complete").exists() {
        process::say(&format!(
            "Making the Python environment {} ({}) with Python 3.{}, some ten seconds plus the download ...",
            environment.name, environment.what, python.minor
        ));
        fill(&folder, &python.program, &requirements)?;
    }
    link(&folder, &tools.join(environment.name))?;
    Ok(folder)
}

fn fill(folder: &Path, python: &Path, requirements: &Path) -> Result<(), Failure> {
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(Failure::file("remove the half-made", folder))?;
    }
    process::run(Command::new(python).args(["-m", "venv"]).arg(folder))?;
    let mut pip = python::program(folder, "python");
    pip.args(["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]);
    process::run(pip.args(["--require-hashes", "--requirement"]).arg(requirements))?;
    let stamp = folder.join("complete");
    fs::write(&stamp, "").map_err(Failure::file("write", &stamp))
}

/// Held until the file is dropped, also by the operating system if this process is killed.
pub(crate) fn lock(path: &Path) -> Result<File, Failure> {
    let file = File::create(path).map_err(Failure::file("write", path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            process::say(&format!("Waiting for another process that holds {} ...", path.display()));
            file.lock().map_err(Failure::file("lock", path))?;
        }
        Err(TryLockError::Error(error)) => return Err(Failure::file("lock", path)(error)),
    }
    Ok(file)
}

/// Makes `link` point at `folder`; whoever looks meanwhile sees the old or the new one.
pub(crate) fn link(folder: &Path, link: &Path) -> Result<(), Failure> {
    if fs::read_link(link).is_ok_and(|target| target == folder) {
        return Ok(());
    }
    let mut fresh = link.as_os_str().to_owned();
    fresh.push(format!(".{}.link", std::process::id()));
    let fresh = PathBuf::from(fresh);
    std::os::unix::fs::symlink(folder, &fresh).map_err(Failure::file("make the link", &fresh))?;
    fs::rename(&fresh, link).map_err(Failure::file("replace the link", link))
}

/// Bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
