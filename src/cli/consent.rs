//! Asking a person, where there is one to ask.

use std::io::{BufRead, IsTerminal};

use crate::cli::failure::{Failure, OTHER};
use crate::cli::output;

/// Asks for a yes. `refusal` makes the failure of what keeps it from being one.
///
/// # Errors
///
/// There is no terminal, or the answer is no.
pub(super) fn ask(question: &str, refusal: impl Fn(&str) -> Failure) -> Result<(), Failure> {
    terminal(&refusal)?;
    output::ask(&format!("{question} [y/N] "));
    let mut answer = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut answer)
        .map_err(|error| Failure::new(OTHER, format!("cannot read your answer: {error}")))?;
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(refusal("as you wish")),
    }
}

/// Whether there is someone to ask.
///
/// # Errors
///
/// There is not.
pub(super) fn terminal(refusal: impl Fn(&str) -> Failure) -> Result<(), Failure> {
    if std::io::stdin().is_terminal() && output::stderr_is_terminal() {
        Ok(())
    } else {
        Err(refusal("there is no terminal to ask on; look first, then say --yes"))
    }
}
