//! The collection's archive.

use std::fs;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::Profile;
use crate::process::{self, Failure};
use crate::repository::Repository;
use crate::stage::{self, INSIDE, Means};
use crate::{python, tools};

/// Builds a release and its archive in `target/dist`.
pub(crate) fn run(repository: &Repository, aws: bool) -> Result<(), Failure> {
    let ansible = tools::make(repository, &tools::ANSIBLE)?;
    let program = repository.build_program(Profile::Release, aws)?;
    let dist = repository.path("target/dist");
    stage::remove(&dist)?;
    let tree = dist.join("tree").join(INSIDE);
    stage::assemble(repository, &tree, &program, Means::Copy)?;
    let mut galaxy = python::program(&ansible, "ansible-galaxy");
    galaxy.env("ANSIBLE_HOME", dist.join("home"));
    galaxy.args(["collection", "build"]).arg(&tree).arg("--output-path").arg(&dist);
    process::run(&mut galaxy)?;
    stage::remove(&dist.join("home"))?;
    stage::remove(&dist.join("tree"))?;
    let archive = format!("spotinst-esg-{}.tar.gz", env!("CARGO_PKG_VERSION"));
    write_sums(&dist, &archive)?;
    process::say(&format!("{} and its SHA256SUMS are ready", dist.join(archive).display()));
    Ok(())
}

fn write_sums(dist: &Path, archive: &str) -> Result<(), Failure> {
    let path = dist.join(archive);
    let bytes = fs::read(&path).map_err(Failure::file("read", &path))?;
    let sums = dist.join("SHA256SUMS");
    let line = format!("{}  {archive}\n", tools::hex(&Sha256::digest(bytes)));
    fs::write(&sums, line).map_err(Failure::file("write", &sums))
}
