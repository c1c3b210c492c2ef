//! Real Ansible, the oldest and the newest supported, with the staged collection.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::cli::{BINARY, Desk};

/// Names of the Python environments that `cargo xtask tools` makes.
pub(crate) const VERSIONS: [&str; 2] = ["ansible-2.17", "ansible"];

/// The repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A program of an environment.
pub(crate) fn program(version: &str, name: &str) -> PathBuf {
    let path = super::tools().join(version).join("bin").join(name);
    assert!(path.exists(), "{} is missing: run `cargo xtask tools`", path.display());
    path
}

/// Ansible with the repository's own configuration and the staged collection, and nothing of the caller's.
pub(crate) fn ansible(desk: &Desk, version: &str, name: &str) -> Command {
    let staged = root().join("target/stage/ansible_collections/spotinst/esg/galaxy.yml");
    assert!(staged.exists(), "the collection is not staged: run `cargo xtask stage`");
    let mut command = desk.clean(Command::new(program(version, name)));
    command
        .env(
            "PATH",
            format!("{}:/usr/bin:/bin", program(version, name).parent().unwrap().display()),
        )
        .env("ANSIBLE_CONFIG", root().join("ansible/ansible.cfg"))
        .env("SPOTINST_ESG_BINARY", BINARY)
        .env("LC_ALL", "C.UTF-8")
        .env("ANSIBLE_NOCOLOR", "1")
        .env("ANSIBLE_CACHE_PLUGINS", desk.home.path().join("cache_plugins"))
        .current_dir(desk.home.path());
    command
}
