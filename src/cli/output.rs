//! The only writers of stdout and stderr.

use std::io::{self, IsTerminal, Write};

use super::failure::{Failure, OTHER};

/// Writes data to stdout. A reader that has seen enough, such as `head`, is no failure.
pub(super) fn data(bytes: &[u8]) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Failure::new(OTHER, format!("cannot write to stdout: {error}"))),
        Ok(()) => Ok(()),
    }
}

/// Writes one line of talk to stderr; if even that fails nobody is there to be told.
pub(super) fn talk(line: &str) {
    let mut stderr = io::stderr().lock();
    writeln!(stderr, "{line}").unwrap_or_default();
}

/// Writes a question to stderr; the answer is typed behind it.
pub(super) fn ask(question: &str) {
    let mut stderr = io::stderr().lock();
    write!(stderr, "{question}").and_then(|()| stderr.flush()).unwrap_or_default();
}

/// Whether a person looks at stdout.
pub(super) fn stdout_is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Whether a person looks at stderr.
pub(super) fn stderr_is_terminal() -> bool {
    io::stderr().is_terminal()
}
