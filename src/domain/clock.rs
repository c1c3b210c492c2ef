//! Time as an argument.

use std::time::Duration;

use jiff::Timestamp;

/// The only way to learn the time or to let it pass; the real one lives in `drive::wait`.
pub trait Clock: Send + Sync {
    /// The present moment, wall clock.
    fn now(&self) -> Timestamp;

    /// Time since an arbitrary but fixed moment; never goes back, not even when the wall clock is set.
    fn monotonic(&self) -> Duration;

    /// Returns after `duration` has passed.
    fn sleep(&self, duration: Duration);
}
