//! Ansible's own linter, in its strictest profile, over the staged collection: playbooks, roles, plugins, examples.

#![allow(clippy::unwrap_used, reason = "what a test cannot go on without, it panics on")]

mod support;

use std::os::unix::fs::symlink;
use std::path::Path;

use support::ansible::{ansible, root};
use support::cli::{Desk, ran};

/// Copies what links outside, as an archive does; links inside stay.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (from, to) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
        let link = std::fs::read_link(&from).ok();
        match link {
            Some(target) if target.is_relative() || from.ends_with("libexec/spotinst-esg") => {
                symlink(target, to).unwrap();
            }
            _ if from.is_dir() => copy(&from, &to),
            _ => drop(std::fs::copy(&from, to).unwrap()),
        }
    }
}

#[test]
fn the_collection_passes_ansibles_own_linter() {
    let desk = Desk::with("");
    let inside = "ansible_collections/spotinst/esg";
    let collection = desk.home.path().join(inside);
    copy(&root().join("target/stage").join(inside), &collection);
    let mut command = ansible(&desk, "lint", "ansible-lint");
    command.env_remove("ANSIBLE_CONFIG").env_remove("ANSIBLE_CACHE_PLUGINS");
    command.env("ANSIBLE_COLLECTIONS_PATH", desk.home.path());
    command.args(["--config-file", ".ansible-lint", "--project-dir", "."]).current_dir(collection);
    let run = ran(command.output().unwrap());
    assert_eq!(run.code, 0, "{}\n{}", run.stdout, run.stderr);
    assert!(run.stderr.contains("Passed"), "{run:?}");
}

/// Ansible takes the two lists for sets, so what is left of them comes in another order each time: in what is shown, and in what is
/// sent.
#[test]
fn nothing_depends_on_the_order_of_a_set() {
    let mut found = Vec::new();
    let mut folders = vec![root().join("roles"), root().join("playbooks")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            let is_set = |line: &&str| {
                ["difference(", "intersect(", "union("].iter().any(|it| line.contains(it))
                    && !["length", "sort"].iter().any(|it| line.contains(it))
            };
            let lines = text.lines().filter(is_set);
            found.extend(lines.map(|line| format!("{}: {}", path.display(), line.trim())));
        }
    }
    assert_eq!(found, Vec::<String>::new(), "take select('in', …) or reject('in', …), or sort it");
}
