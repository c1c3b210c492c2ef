//! The binary as Ansible runs a module: by the module's name, with the path of a file of arguments.

use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use super::cli::{BINARY, CANARY, Desk, Ran, ran};

/// A link as Ansible's copy is called.
pub(crate) fn named(desk: &Desk, module: &str) -> PathBuf {
    let link = desk.home.path().join(format!("AnsiballZ_{module}"));
    // Another thread may have made it.
    symlink(BINARY, &link)
        .or_else(|error| if link.exists() { Ok(()) } else { Err(error) })
        .unwrap();
    link
}

/// Calls a module; nothing of the token shows anywhere.
pub(crate) fn call(desk: &Desk, module: &str, arguments: &Value) -> Called {
    call_with(desk, module, arguments, &[])
}

/// The same with more in its environment.
pub(crate) fn call_with(
    desk: &Desk,
    module: &str,
    arguments: &Value,
    environment: &[(&str, &str)],
) -> Called {
    let name = format!("args-{}", fastrand::u64(..));
    let file = desk.file(&name, &arguments.to_string());
    let mut command = desk.clean(Command::new(named(desk, module)));
    command.envs(environment.iter().copied()).arg(file);
    let run = ran(command.output().unwrap());
    assert!(!run.stdout.contains(CANARY) && !run.stderr.contains(CANARY), "{run:?}");
    assert_eq!(run.stdout.trim_end().lines().count(), 1, "{run:?}");
    let answer: Value =
        serde_json::from_str(&run.stdout).unwrap_or_else(|e| panic!("{e}: {run:?}"));
    assert_eq!(run.code, i32::from(answer["failed"] == true), "{run:?}");
    Called { answer, run }
}

/// What came of a call.
pub(crate) struct Called {
    pub(crate) answer: Value,
    pub(crate) run: Ran,
}

impl Called {
    /// The answer of a call that went well.
    pub(crate) fn well(self) -> Value {
        assert_ne!(self.answer["failed"], true, "{}", self.answer);
        self.answer
    }

    /// The one line of a call that failed.
    pub(crate) fn failed(&self) -> &str {
        assert_eq!(self.answer["failed"], true, "{}", self.answer);
        let line = self.answer["msg"].as_str().unwrap();
        assert_eq!(line.lines().count(), 1, "{line}");
        line
    }
}
