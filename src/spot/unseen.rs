//! What was done, and cannot be looked at since.

use thiserror::Error;

use super::error::SpotError;

/// Something was done, or perhaps so, and cannot be read since. Whoever meets it has changed something, and may try again: a second run
/// begins with a look.
#[derive(Debug, Error)]
#[error("{what} {done}, and cannot be read since: {error}; a second run sees what is there")]
pub struct Unseen {
    /// What it was done to, such as `group sig-1`.
    pub what: String,
    /// What was done, such as `was made`, or `was perhaps made`.
    pub done: String,
    /// What stands in the way of reading it, or became of the request.
    pub error: Box<SpotError>,
}

impl Unseen {
    /// To be used where reading fails: `map_err(Unseen::of("group sig-1", "was made"))`.
    pub fn of(what: impl Into<String>, done: impl Into<String>) -> impl FnOnce(SpotError) -> Self {
        let (what, done) = (what.into(), done.into());
        |error| Self { what, done, error: Box::new(error) }
    }
}
