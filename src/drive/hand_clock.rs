//! Time for unit tests.

use std::sync::Mutex;
use std::time::Duration;

use jiff::Timestamp;

use crate::domain::Clock;

/// Time that passes by sleeping only.
#[derive(Default)]
pub(super) struct HandClock(Mutex<Duration>);

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }

    fn monotonic(&self) -> Duration {
        *self.0.lock().unwrap()
    }

    fn sleep(&self, duration: Duration) {
        *self.0.lock().unwrap() += duration;
    }
}
