//! Other programs, the environment and the terminal: the only place that reads, waits or prints.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Whether this process was asked to end; see [`end_orderly`].
static IS_INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Looks for what may have happened are this far apart.
const PAUSE: Duration = Duration::from_millis(100);

/// How long a program that runs when the end is asked for may take to end by itself.
const GRACE: Duration = Duration::from_secs(5);

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
    for _ in 0..limit.div_duration_f64(PAUSE) as u64 {
        if let Some(found) = look()? {
            return Ok(Some(found));
        }
        std::thread::sleep(PAUSE);
    }
    look()
}

/// The time now, as `2026-01-01T00:00:00Z`.
#[expect(clippy::disallowed_methods, reason = "the one place where xtask reads the clock")]
pub(crate) fn now() -> String {
    jiff::Timestamp::now().to_string()
}

/// From now on an interrupt, a request to end and the end of the terminal do not end this process: what it runs is ended, and it
/// then cleans up and ends by itself.
pub(crate) fn end_orderly() -> Result<(), Failure> {
    use tokio::signal::unix::{SignalKind, signal};
    let (ready, is_ready) = std::sync::mpsc::channel();
    let listen = move || -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let mut interrupt = signal(SignalKind::interrupt())?;
            let mut terminate = signal(SignalKind::terminate())?;
            let mut hang_up = signal(SignalKind::hangup())?;
            ready.send(()).ok();
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hang_up.recv() => {}
            }
            IS_INTERRUPTED.store(true, Ordering::SeqCst);
            // The runtime stays: without it nobody would hear a second interrupt, which must not end the clean-up.
            std::future::pending().await
        })
    };
    std::thread::spawn(listen);
    let deaf = |_| Failure::Other("cannot listen for interrupts".to_owned());
    is_ready.recv().map_err(deaf)
}

/// Whether the end was asked for.
pub(crate) fn is_interrupted() -> bool {
    IS_INTERRUPTED.load(Ordering::SeqCst)
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
    let cannot_wait = |error| Failure::Other(format!("cannot wait: {error}"));
    let mut left = GRACE;
    while left > Duration::ZERO {
        let status = poll(PAUSE, || child.try_wait().map_err(cannot_wait))?;
        if let Some(status) = status {
            return ended_well(command, status);
        }
        if is_interrupted() {
            left = left.saturating_sub(PAUSE);
        }
    }
    child.kill().and_then(|()| child.wait()).map_err(cannot_wait)?;
    Err(Failure::Other(format!("{} was ended", typed(command))))
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
