//! `kill -9` of a process and of all that it started.

use std::fs;
use std::process::{Child, Command, Stdio};

/// A process and all that it started, deepest last.
fn tree(root: u32) -> Vec<u32> {
    let mut found = vec![root];
    let mut index = 0;
    while index < found.len() {
        let folder = format!("/proc/{}/task", found[index]);
        for task in fs::read_dir(folder).into_iter().flatten().flatten() {
            let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
            found.extend(children.split_whitespace().map(|id| id.parse::<u32>().unwrap()));
        }
        index += 1;
    }
    found
}

/// Ends all of it at once and waits for the first.
pub(crate) fn kill(mut child: Child) {
    let ids: Vec<String> = tree(child.id()).iter().map(ToString::to_string).collect();
    // Some of them may have ended meanwhile.
    Command::new("kill").arg("-9").args(&ids).stderr(Stdio::null()).status().unwrap();
    child.wait().unwrap();
}
