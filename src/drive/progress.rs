//! A word now and then while something takes long.

use std::sync::Mutex;
use std::time::Duration;

use crate::domain::Clock;

/// Nothing is said before this much time has passed, nor more often.
const QUIET: Duration = Duration::from_secs(2);

/// Tells a person what is being waited for, once it takes over two seconds.
pub struct Progress<'a> {
    clock: &'a dyn Clock,
    say: &'a (dyn Fn(&str) + Sync),
    last: Mutex<Duration>,
}

impl<'a> Progress<'a> {
    /// Counts from now; each line goes to `say`, without a line end.
    pub fn new(clock: &'a dyn Clock, say: &'a (dyn Fn(&str) + Sync)) -> Self {
        Self { clock, say, last: Mutex::new(clock.monotonic()) }
    }

    /// Says `line` now: it is news.
    pub fn tell(&self, line: &str) {
        let now = self.clock.monotonic();
        *self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = now;
        (self.say)(line);
    }

    /// Says `line()` if it is time for a word.
    pub fn tick(&self, line: impl FnOnce() -> String) {
        let now = self.clock.monotonic();
        let mut last = self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if now.saturating_sub(*last) >= QUIET {
            *last = now;
            (self.say)(&line());
        }
    }
}
