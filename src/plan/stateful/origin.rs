//! Whether a machine that is gone ever was that of a stateful instance: a misspelt id names none that was replaced.

use super::refusal::Refusal;
use crate::domain::{InstanceId, LogLine};

/// What was looked at for traces of a machine.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Traces {
    /// The run whose journal knows the machine as that of the instance.
    pub run: Option<String>,
    /// Whether it was written down, before a recycle was asked for, as that of the instance.
    pub is_recorded: bool,
    /// The other instance of the group whose machine it is, or was by a journal.
    pub of_another: Option<String>,
    /// The vendor's log, as far as it was read.
    pub log: Vec<LogLine>,
    /// Why something could not be read.
    pub unread: Vec<String>,
}

/// What shows that the machine was that of the instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The journal of a run knows it.
    Journal(String),
    /// A recycle that was asked for here has written it down.
    Record,
    /// The vendor's log names it.
    Log(String),
}

/// Looks through the traces of `expected`; `found` is the machine that the instance has instead.
///
/// The vendor keeps no list of former machines. Its log is of the whole group, so a line counts only where no other instance is known
/// to have had the machine.
///
/// # Errors
///
/// Nothing shows it, or it is another's.
pub fn origin(
    expected: &InstanceId,
    found: Option<&InstanceId>,
    launched: Option<&str>,
    traces: &Traces,
) -> Result<Origin, Refusal> {
    if let Some(run) = &traces.run {
        return Ok(Origin::Journal(run.clone()));
    }
    if traces.is_recorded {
        return Ok(Origin::Record);
    }
    let line = traces.log.iter().find(|line| names(&line.message, expected.as_str()));
    match (line, &traces.of_another) {
        (Some(line), None) => Ok(Origin::Log(line.message.clone())),
        (_, of_another) => Err(Refusal::NeverItsMachine {
            expected: expected.clone(),
            found: found.cloned(),
            launched: launched.map(str::to_owned),
            of_another: of_another.clone(),
            unread: traces.unread.clone(),
        }),
    }
}

/// Whether a text names an id: not as part of a longer one.
fn names(text: &str, id: &str) -> bool {
    let is_part = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '-');
    let mut found = text.match_indices(id);
    found.any(|(at, _)| {
        let (before, after) = (&text[..at], &text[at + id.len()..]);
        !is_part(before.chars().next_back()) && !is_part(after.chars().next())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(message: &str) -> LogLine {
        LogLine { at: None, severity: None, message: message.to_owned() }
    }

    #[test]
    fn a_machine_was_its_own_only_if_something_shows_it() {
        let (expected, found) = (InstanceId::new("i-1"), InstanceId::new("i-2"));
        let judged = |traces: &Traces| origin(&expected, Some(&found), None, traces);
        let log = |message: &str| Traces { log: vec![line(message)], ..Traces::default() };
        let told = "Instance i-1 of stateful instance ssi-1 was terminated.";
        assert_eq!(judged(&log(told)), Ok(Origin::Log(told.to_owned())));
        let journal = Traces { run: Some("run-1".to_owned()), ..Traces::default() };
        assert_eq!(judged(&journal), Ok(Origin::Journal("run-1".to_owned())));
        let record = Traces { is_recorded: true, ..Traces::default() };
        assert_eq!(judged(&record), Ok(Origin::Record));
        let another = Traces { of_another: Some("ssi-2".to_owned()), ..log(told) };
        for traces in [Traces::default(), log("i-12 was terminated, xi-1 and i-1-a too"), another] {
            let refusal = judged(&traces).unwrap_err().to_string();
            assert!(refusal.contains("i-1 is not known to have been its machine"), "{refusal}");
            assert!(refusal.contains("i-2"), "{refusal}");
        }
        let unread = Traces { unread: vec!["the log: 503".to_owned()], ..Traces::default() };
        assert!(judged(&unread).unwrap_err().to_string().contains("not read: the log: 503"));
    }
}
