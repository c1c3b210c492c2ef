//! A journal that cannot be read: what is known of whose it is.

use std::fmt;
use std::path::PathBuf;

use serde::Deserialize;

use super::event::Entry;
use super::name;
use super::run::Run;
use super::standing::ChangedSetting;
use crate::domain::{GroupId, shell_word};

/// A journal that cannot be read. What its run did is not known, so nothing is begun that it may concern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damaged {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub problem: String,
    /// Group and system, where its first line tells them.
    pub head: Option<Head>,
    /// What its run had changed of the group, by the lines that can be read; what the others told is not known.
    pub changed: Vec<ChangedSetting>,
}

/// What the first line of a journal of any form tells.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Head {
    event: String,
    /// The group.
    pub group: GroupId,
    /// The logical system.
    pub system: String,
}

impl Damaged {
    /// Of a file with these first bytes; none if not even those could be read.
    pub fn new(path: PathBuf, bytes: &[u8], problem: String) -> Self {
        let line = bytes.split_inclusive(|byte| *byte == b'\n').next();
        let whole = line.filter(|line| line.ends_with(b"\n"));
        let head = whole.and_then(|line| serde_json::from_slice::<Head>(line).ok());
        let head = head.filter(|head| head.event == "planned");
        let lines = bytes.split_inclusive(|byte| *byte == b'\n');
        let entries: Vec<Entry> =
            lines.filter_map(|line| serde_json::from_slice(line).ok()).collect();
        let changed = Run::read(&entries).map(|run| run.changed_settings(&entries));
        Self { path, problem, head, changed: changed.unwrap_or_default() }
    }

    /// Its name without the ending, as a run would be called.
    pub fn name(&self) -> String {
        self.path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// Whether it may be of a run of this group or of its system. What nobody can tell may be.
    pub fn may_concern(&self, group: &GroupId, system: &str) -> bool {
        let by_line = self.head.as_ref().map(|head| head.group == *group || head.system == system);
        match (by_line, name::may_concern(&self.name(), group, system)) {
            (Some(true), _) | (_, Some(true)) | (None, None) => true,
            (Some(false), _) | (_, Some(false)) => false,
        }
    }

    /// Whether it may be of a run of this very group. What nobody can tell may be.
    pub fn may_be_of(&self, group: &GroupId) -> bool {
        let by_line = self.head.as_ref().map(|head| head.group == *group);
        match (by_line, name::may_be_of(&self.name(), group)) {
            (Some(true), _) | (_, Some(true)) | (None, None) => true,
            (Some(false), _) | (_, Some(false)) => false,
        }
    }

    /// The command that takes it out of the way.
    pub fn remedy(&self) -> String {
        let path = shell_word(&self.path.to_string_lossy());
        format!("spotinst-esg runs set-aside {path} --reason …")
    }
}

impl fmt::Display for Damaged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whose = match &self.head {
            Some(Head { group, system, .. }) => {
                format!(
                    "what that run did to group {group} (system {system:?}) is not known: look at it"
                )
            }
            None => "what that run did is not known: look at its group".to_owned(),
        };
        let (path, problem) = (self.path.display(), &self.problem);
        write!(
            f,
            "the journal {path} is damaged: {problem}; {whose}, then take the journal out of the way with `{}`",
            self.remedy()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str =
        "{\"event\":\"planned\",\"group\":\"sig-1\",\"system\":\"kafka\",\"more\":[1]}\n";

    fn concerns(name: &str, bytes: &str, group: &str, system: &str) -> bool {
        let path = PathBuf::from(format!("/runs/{name}.jsonl"));
        let damaged = Damaged::new(path, bytes.as_bytes(), "odd".to_owned());
        damaged.may_concern(&GroupId::new(group), system)
    }

    #[test]
    fn it_stands_in_the_way_of_what_it_may_concern_only() {
        let told = |group, system| concerns("broken", LINE, group, system);
        assert!(told("sig-1", "other") && told("sig-2", "kafka"));
        assert!(!told("sig-2", "other"));
        // Nothing of it can be read, but its name.
        let named =
            |group, system| concerns("20261120-120000-sig-1.kafka-0123abcd", "\0\n", group, system);
        assert!(named("sig-1", "other") && named("sig-2", "kafka"));
        assert!(!named("sig-2", "other"));
        // Line and name contradict each other: both may be true.
        let both = |group| concerns("20261120-120000-sig-3-0123abcd", LINE, group, "other");
        assert!(both("sig-1") && both("sig-3"));
        assert!(!both("sig-2"));
        // An older name does not tell the system, so its first line must.
        let old = |bytes, group| concerns("20261120-120000-sig-3-0123", bytes, group, "other");
        assert!(old("\0\n", "sig-2") && old(LINE, "sig-3"));
        assert!(!old(LINE, "sig-2"));
    }

    #[test]
    fn of_a_group_it_may_be_by_line_or_name() {
        let may_be = |name: &str, bytes: &str, group| {
            let path = PathBuf::from(format!("/runs/{name}.jsonl"));
            Damaged::new(path, bytes.as_bytes(), String::new()).may_be_of(&GroupId::new(group))
        };
        assert!(may_be("broken", LINE, "sig-1") && !may_be("broken", LINE, "sig-2"));
        let old = "20261120-120000-sig-3-0123";
        assert!(
            may_be(old, "", "sig-3") && !may_be(old, "", "sig-2") && may_be(old, LINE, "sig-1")
        );
        assert!(may_be("broken", "", "sig-2"));
    }

    #[test]
    fn what_tells_nothing_stands_in_the_way_of_everything() {
        let torn = LINE.trim_end();
        let other = "{\"event\":\"alive\",\"group\":\"sig-1\",\"system\":\"kafka\"}\n";
        for bytes in ["", "\n", "\0", torn, other, &LINE[..20]] {
            assert!(concerns("broken", bytes, "sig-2", "other"), "{bytes:?}");
        }
    }
}
