//! Other programs, the environment and the terminal: the only place that reads, waits or prints.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

/// Why a command of xtask ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// A file or folder could not be read or written.
    #[error("cannot {action} {}: {source}", .path.display())]
    File { action: &'static str, path: PathBuf, source: io::Error },
    /// A program could not be started.
    #[error("cannot start {program}: {source}; is it installed and on PATH?")]
    Start { program: String, source: io::Error },
    /// A program ended badly; what it had to say is above.
    #[error("{command} ended with {status}")]
    Ended { command: String, status: ExitStatus },
    /// Anything else, in full words.
    #[error("{0}")]
    Other(String),
}

impl Failure {
    /// To be put behind `map_err`: a file operation that failed.
    pub(crate) fn file(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { action, path, source }
    }
}

/// Prints a line of progress.
#[expect(clippy::print_stdout, reason = "the one place where xtask talks")]
pub(crate) fn say(line: &str) {
    println!("{line}");
}

/// Prints why it ended.
#[expect(clippy::print_stderr, reason = "the one place where xtask complains")]
pub(crate) fn complain(failure: &Failure) {
    eprintln!("xtask: {failure}");
}

/// A variable of the environment; an empty one counts as not set.
#[expect(clippy::disallowed_methods, reason = "the one place where xtask reads its environment")]
pub(crate) fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// Names of the environment's variables that `is_chosen` takes.
#[expect(clippy::disallowed_methods, reason = "the one place where xtask reads its environment")]
pub(crate) fn variable_names(is_chosen: impl Fn(&str) -> bool) -> Vec<OsString> {
    let names = std::env::vars_os().map(|(name, _)| name);
    names.filter(|name| is_chosen(&name.to_string_lossy())).collect()
}

/// Looks until `look` finds something, ten times a second, for at most `limit`.
#[expect(clippy::disallowed_methods, reason = "the one place where xtask waits")]
pub(crate) fn poll<T>(
    limit: Duration,
    mut look: impl FnMut() -> Result<Option<T>, Failure>,
) -> Result<Option<T>, Failure> {
    const PAUSE: Duration = Duration::from_millis(100);
    for _ in 0..limit.div_duration_f64(PAUSE) as u64 {
        if let Some(found) = look()? {
            return Ok(Some(found));
        }
        std::thread::sleep(PAUSE);
    }
    look()
}

/// The command as it would be typed.
pub(crate) fn typed(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words = words.map(|word| {
        let word = word.to_string_lossy();
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@+%".contains(c);
        if word.chars().all(is_plain) { word.into_owned() } else { format!("'{word}'") }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Starts it.
pub(crate) fn start(command: &mut Command) -> Result<Child, Failure> {
    command.spawn().map_err(|source| Failure::Start {
        program: command.get_program().to_string_lossy().into_owned(),
        source,
    })
}

/// Runs it to its end, its output on the terminal.
pub(crate) fn run(command: &mut Command) -> Result<(), Failure> {
    let mut child = start(command.stdin(Stdio::null()))?;
    let status = child.wait().map_err(|error| Failure::Other(format!("cannot wait: {error}")))?;
    ended_well(command, status)
}

/// Runs it to its end and returns what it wrote on stdout.
pub(crate) fn output(command: &mut Command) -> Result<String, Failure> {
    let child = start(command.stdin(Stdio::null()).stdout(Stdio::piped()))?;
    let output = child
        .wait_with_output()
        .map_err(|error| Failure::Other(format!("cannot read from {}: {error}", typed(command))))?;
    ended_well(command, output.status)?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn ended_well(command: &Command, status: ExitStatus) -> Result<(), Failure> {
    if status.success() {
        return Ok(());
    }
    Err(Failure::Ended { command: typed(command), status })
}
