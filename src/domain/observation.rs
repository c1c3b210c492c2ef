//! What one look at one thing gave, before anybody judges it.

use std::fmt;

use super::one_line;

/// One look at one thing.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// What was looked at, fit to be shown: no credentials, no query.
    pub object: String,
    /// What was seen, or why nothing was.
    pub seen: Result<Seen, Obstacle>,
}

/// What was seen.
#[derive(Clone, Debug, PartialEq)]
pub enum Seen {
    /// A TCP connection was accepted.
    Accepted,
    /// The machine said that nothing listens there.
    Refused,
    /// An HTTP answer.
    Answered {
        /// Its status.
        status: u16,
        /// Its body.
        body: Captured,
    },
    /// A command ended by itself.
    Exited {
        /// Its exit status.
        status: i32,
        /// What it wrote to stdout.
        stdout: Captured,
        /// What it wrote to stderr.
        stderr: Captured,
    },
    /// The series that a query gave, sorted by their names.
    Series(Vec<Series>),
}

/// Bytes that others wrote, up to a bound.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Captured {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Whether there were more, which are lost.
    pub is_cut: bool,
}

/// One value of a query.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Its labels as the query language writes them; text from outside.
    pub labels: String,
    /// The value; may be no number.
    pub value: f64,
}

/// Why nothing was seen. It proves nothing about the thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// In whose way it was.
    pub kind: ObstacleKind,
    /// The words of whoever complained; may be empty. Text from outside.
    pub detail: String,
}

/// What kind of thing was in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObstacleKind {
    /// The name could not be resolved.
    Name,
    /// No connection.
    Connection,
    /// A connection, but no trust in it.
    Tls,
    /// Not in time.
    Time,
    /// The answer broke off.
    Broken,
    /// The connection was closed without an answer.
    Empty,
    /// The one who answered does not tell it, or not to everyone.
    NotAllowed,
    /// More than is read.
    TooLarge,
    /// The answer is not what the protocol promises.
    NotUnderstood,
    /// The one who answered says that it does not know all of it.
    Partial,
    /// The command could not be started.
    NotStarted,
    /// The command was ended by a signal.
    Killed,
}

impl Observation {
    /// Nothing was seen.
    pub fn blocked(
        object: impl Into<String>,
        kind: ObstacleKind,
        detail: impl Into<String>,
    ) -> Self {
        Self { object: object.into(), seen: Err(Obstacle { kind, detail: detail.into() }) }
    }
}

impl ObstacleKind {
    /// A lowercase fragment.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Name => "its name cannot be resolved",
            Self::Connection => "cannot connect",
            Self::Tls => "no trusted connection",
            Self::Time => "no answer in time",
            Self::Broken => "the answer broke off",
            Self::Empty => "the answer is empty",
            Self::NotAllowed => "the server does not tell it",
            Self::TooLarge => "the answer is too large",
            Self::NotUnderstood => "the answer is not understood",
            Self::Partial => "the answer is not whole",
            Self::NotStarted => "cannot start the command",
            Self::Killed => "the command was killed",
        }
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.as_str())?;
        if self.detail.is_empty() { Ok(()) } else { write!(f, ": {}", one_line(&self.detail)) }
    }
}
