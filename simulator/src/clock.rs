//! The virtual clock: moved by hand, or running from a start instant at some speed.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// How virtual time passes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ClockMode {
    /// Virtual time is the start plus the real time since then, times the speed.
    #[default]
    Realtime,
    /// Virtual time moves only when it is advanced over the control API.
    Virtual,
}

/// The `clock` part of a fleet file.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClockSettings {
    /// The instant at which the simulation starts.
    pub start: Timestamp,
    /// How time passes.
    pub mode: ClockMode,
    /// Virtual seconds per real second, in `realtime` mode.
    pub speed: f64,
}

impl Default for ClockSettings {
    fn default() -> ClockSettings {
        // 2026-01-01T00:00:00Z; a constant, so that ids and times of a run can be compared with those of another.
        let start = Timestamp::constant(1_767_225_600, 0);
        ClockSettings { start, mode: ClockMode::Realtime, speed: 1.0 }
    }
}

/// Virtual time as a function of the real time since the start, which the caller supplies.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    settings: ClockSettings,
    advanced: SignedDuration,
}

impl Clock {
    pub(crate) fn new(settings: ClockSettings) -> Clock {
        Clock { settings, advanced: SignedDuration::ZERO }
    }

    pub(crate) fn mode(&self) -> ClockMode {
        self.settings.mode
    }

    /// The virtual instant when `elapsed` real time has passed since the start.
    pub(crate) fn now(&self, elapsed: std::time::Duration) -> Timestamp {
        let run = match self.settings.mode {
            ClockMode::Virtual => SignedDuration::ZERO,
            ClockMode::Realtime => seconds(elapsed.as_secs_f64() * self.settings.speed),
        };
        later(self.settings.start, self.advanced.saturating_add(run))
    }

    /// Moves the clock forward; works in both modes.
    pub(crate) fn advance(&mut self, by: f64) {
        self.advance_by(seconds(by));
    }

    /// The same; a negative span does nothing.
    pub(crate) fn advance_by(&mut self, by: SignedDuration) {
        self.advanced = self.advanced.saturating_add(by.max(SignedDuration::ZERO));
    }
}

/// A span of `value` seconds; negative and absurd values are cut to a century.
pub(crate) fn seconds(value: f64) -> SignedDuration {
    let century = 3_155_760_000.0;
    let milliseconds = (value.clamp(-century, century) * 1000.0).round();
    #[expect(clippy::cast_possible_truncation, reason = "clamped to a century of milliseconds")]
    SignedDuration::from_millis(milliseconds as i64)
}

/// `at` plus `span`, held at the end of representable time instead of overflowing.
pub(crate) fn later(at: Timestamp, span: SignedDuration) -> Timestamp {
    at.saturating_add(span).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_virtual_clock_moves_only_when_advanced() {
        let settings = ClockSettings { mode: ClockMode::Virtual, ..ClockSettings::default() };
        let mut clock = Clock::new(settings);
        assert_eq!(clock.now(Duration::from_secs(9)), settings.start);
        clock.advance(60.0);
        assert_eq!(clock.now(Duration::from_secs(99)).duration_since(settings.start).as_secs(), 60);
    }

    #[test]
    fn a_realtime_clock_runs_at_its_speed() {
        let settings = ClockSettings { speed: 60.0, ..ClockSettings::default() };
        let now = Clock::new(settings).now(Duration::from_secs(2));
        assert_eq!(now.duration_since(settings.start).as_secs(), 120);
    }
}
