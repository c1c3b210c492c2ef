//! The collection's tree: from `ansible/`, `playbooks/` and `roles/` of the repository, and the program.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use crate::Profile;
use crate::process::{self, Failure};
use crate::repository::Repository;
use crate::tools;

/// How files come into the tree.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Means {
    /// Links, so that a change in the repository counts at once.
    Link,
    /// Copies, as an archive needs them.
    Copy,
}

/// Where the collection is, below the folder that Ansible searches.
pub(crate) const INSIDE: &str = "ansible_collections/spotinst/esg";

/// Builds the program and makes `target/stage`.
pub(crate) fn run(repository: &Repository, profile: Profile, aws: bool) -> Result<(), Failure> {
    let program = repository.build_program(profile, aws)?;
    let stage = make(repository, &program)?;
    process::say(&format!("The collection is in {}", stage.display()));
    Ok(())
}

/// Makes `target/stage` anew around a program and returns its folder.
///
/// It is in the repository's own `target` wherever cargo builds, as `ansible/ansible.cfg` names it.
pub(crate) fn make(repository: &Repository, program: &Path) -> Result<PathBuf, Failure> {
    let target = repository.path("target");
    fs::create_dir_all(&target).map_err(Failure::file("make the folder", &target))?;
    let _lock = tools::lock(&target.join("stage.lock"))?;
    let (stage, fresh, old) =
        (target.join("stage"), target.join("stage.new"), target.join("stage.old"));
    remove(&fresh)?;
    remove(&old)?;
    assemble(repository, &fresh.join(INSIDE), program, Means::Link)?;
    // Two renames instead of a deletion: whoever runs Ansible meanwhile misses the folder for an instant at most.
    if stage.exists() {
        fs::rename(&stage, &old).map_err(Failure::file("put aside", &stage))?;
    }
    fs::rename(&fresh, &stage).map_err(Failure::file("put in place", &stage))?;
    remove(&old)?;
    Ok(stage)
}

/// Puts the collection together in `destination`, which must not exist.
pub(crate) fn assemble(
    repository: &Repository,
    destination: &Path,
    program: &Path,
    means: Means,
) -> Result<(), Failure> {
    check_version(repository)?;
    place_all(&repository.path("ansible"), destination, means)?;
    for folder in ["playbooks", "roles"] {
        let source = repository.path(folder);
        if source.is_dir() {
            place_all(&source, &destination.join(folder), means)?;
        }
    }
    for file in ["CHANGELOG.md", "LICENSE-APACHE", "LICENSE-MIT"] {
        place(&repository.path(file), &destination.join(file), means)?;
    }
    let libexec = destination.join("libexec");
    fs::create_dir_all(&libexec).map_err(Failure::file("make the folder", &libexec))?;
    let placed = libexec.join("spotinst-esg");
    place(program, &placed, means)?;
    if means == Means::Copy {
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(&placed, mode).map_err(Failure::file("make executable", &placed))?;
    }
    link_modules(&destination.join("plugins/modules"))
}

/// Each documented module gets the program under its name, without an extension, which Ansible prefers.
fn link_modules(modules: &Path) -> Result<(), Failure> {
    if !modules.is_dir() {
        return Ok(());
    }
    for entry in entries(modules)? {
        let is_module = entry.extension().is_some_and(|it| it == "py")
            && entry.file_stem().is_some_and(|name| name != "__init__");
        if is_module {
            let link = entry.with_extension("");
            symlink("../../libexec/spotinst-esg", &link)
                .map_err(Failure::file("make the link", &link))?;
        }
    }
    Ok(())
}

/// Folders are made and files placed one by one: the tree's folders get files that the repository does not have.
fn place_all(source: &Path, destination: &Path, means: Means) -> Result<(), Failure> {
    fs::create_dir_all(destination).map_err(Failure::file("make the folder", destination))?;
    for from in entries(source)? {
        let name = from.file_name().unwrap_or_default();
        let to = destination.join(name);
        if name == "__pycache__" {
            continue;
        }
        if from.is_dir() {
            // ansible-doc takes a link for another name of some module and leaves it out of its lists.
            let means = if from.ends_with("plugins/modules") { Means::Copy } else { means };
            place_all(&from, &to, means)?;
        } else {
            place(&from, &to, means)?;
        }
    }
    Ok(())
}

fn place(from: &Path, to: &Path, means: Means) -> Result<(), Failure> {
    match means {
        Means::Link if from.exists() => {
            symlink(from, to).map_err(Failure::file("make the link", to))
        }
        Means::Link => Err(Failure::Other(format!("{} is missing", from.display()))),
        Means::Copy => fs::copy(from, to).map(drop).map_err(Failure::file("copy", from)),
    }
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let listing = fs::read_dir(folder).map_err(Failure::file("list", folder))?;
    let mut entries = Vec::new();
    for entry in listing {
        entries.push(entry.map_err(Failure::file("list", folder))?.path());
    }
    entries.sort();
    Ok(entries)
}

pub(crate) fn remove(folder: &Path) -> Result<(), Failure> {
    if !folder.exists() {
        return Ok(());
    }
    fs::remove_dir_all(folder).map_err(Failure::file("remove", folder))
}

/// The version is in two files, since neither cargo nor Ansible can read the other's.
fn check_version(repository: &Repository) -> Result<(), Failure> {
    let path = repository.path("ansible/galaxy.yml");
    let text = fs::read_to_string(&path).map_err(Failure::file("read", &path))?;
    let version = text.lines().find_map(|line| line.strip_prefix("version:")).map(str::trim);
    let ours = env!("CARGO_PKG_VERSION");
    if version == Some(ours) {
        return Ok(());
    }
    Err(Failure::Other(format!(
        "ansible/galaxy.yml has version {}, Cargo.toml {ours}; write the same in both",
        version.unwrap_or("none")
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_documented_module_gets_the_program_under_its_name() {
        let tree = tempfile::tempdir().unwrap();
        let modules = tree.path().join("plugins/modules");
        fs::create_dir_all(&modules).unwrap();
        fs::create_dir(tree.path().join("libexec")).unwrap();
        fs::write(tree.path().join("libexec/spotinst-esg"), "program").unwrap();
        for name in ["group_info.py", "__init__.py", "notes.md"] {
            fs::write(modules.join(name), "").unwrap();
        }
        link_modules(&modules).unwrap();
        assert_eq!(fs::read_to_string(modules.join("group_info")).unwrap(), "program");
        assert_eq!(entries(&modules).unwrap().len(), 4);
    }

    #[test]
    fn placing_links_files_and_leaves_bytecode_out() {
        let (source, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::create_dir_all(source.path().join("plugins/__pycache__")).unwrap();
        fs::create_dir(source.path().join("plugins/modules")).unwrap();
        fs::write(source.path().join("plugins/a.py"), "a").unwrap();
        fs::write(source.path().join("plugins/modules/b.py"), "b").unwrap();
        for (name, means) in [("links", Means::Link), ("copies", Means::Copy)] {
            let tree = target.path().join(name);
            place_all(source.path(), &tree, means).unwrap();
            assert_eq!(tree.join("plugins/a.py").is_symlink(), means == Means::Link);
            assert!(!tree.join("plugins/modules/b.py").is_symlink());
            assert!(tree.join("plugins").is_dir() && !tree.join("plugins/__pycache__").exists());
        }
    }
}
