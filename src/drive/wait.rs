//! The one real clock, and the only place that sleeps.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::domain::Clock;

/// The machine's own clock.
#[derive(Debug)]
pub struct SystemClock {
    origin: Instant,
}

impl SystemClock {
    /// Its monotonic time counts from here.
    #[expect(clippy::disallowed_methods, reason = "this is the one real clock")]
    pub fn start() -> Self {
        Self { origin: Instant::now() }
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one real clock")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn monotonic(&self) -> Duration {
        self.origin.elapsed()
    }

    #[expect(clippy::disallowed_methods, reason = "this is the only place that sleeps")]
    fn sleep(&self, duration: Duration) {
        std::thread::sleep(duration);
    }
}

/// Looks are this far apart at first, and at most.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Looks are this far apart at least where the end is expected.
const SHORT_PAUSE: Duration = Duration::from_millis(500);

/// A rest of time that is not worth a pause of its own is rounded up to this.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);

/// The time for a wait is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TimeUp {
    /// How long was waited.
    pub after: Duration,
    /// How often was looked.
    pub looks: u32,
}

impl std::fmt::Display for TimeUp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let looks = if self.looks == 1 { "look" } else { "looks" };
        write!(f, "{} s and {} {looks}", self.after.as_secs(), self.looks)
    }
}

/// Looks until `look` has an answer or `limit` is over; the only loop that waits for the world.
///
/// The pause grows with the time spent, a fifth of it, from 1 s to 10 s: so a wait is never drawn out by more than a
/// fifth, nor by more than one pause. The last look is at the limit itself.
///
/// # Errors
///
/// The first error of `look`.
pub fn until<T, E>(
    clock: &dyn Clock,
    limit: Duration,
    look: impl FnMut() -> Result<Option<T>, E>,
) -> Result<Result<T, TimeUp>, E> {
    until_paused(clock, limit, usual_pause, look)
}

/// The same, with pauses of the caller's choice: `pause` answers with the one to make after so much time.
///
/// # Errors
///
/// The first error of `look`.
pub(super) fn until_paused<T, E>(
    clock: &dyn Clock,
    limit: Duration,
    pause: impl Fn(Duration) -> Duration,
    mut look: impl FnMut() -> Result<Option<T>, E>,
) -> Result<Result<T, TimeUp>, E> {
    let began = clock.monotonic();
    let mut looks = 0;
    loop {
        looks += 1;
        if let Some(answer) = look()? {
            return Ok(Ok(answer));
        }
        let after = clock.monotonic().saturating_sub(began);
        if after >= limit {
            return Ok(Err(TimeUp { after, looks }));
        }
        let left = (limit - after).max(SHORTEST_PAUSE);
        clock.sleep(pause(after).min(left));
    }
}

/// The pause of a wait whose end nothing is known of.
pub(super) fn usual_pause(after: Duration) -> Duration {
    (after / 5).clamp(FIRST_PAUSE, LONGEST_PAUSE)
}

/// The pause of a wait that ended before at one of `ends`: besides the usual bound, a tenth of the time to or from the nearest of
/// them. So an end like an earlier one is noticed within half a second, one that is a minute off within six, and the looks that
/// are made for it are few: some 25 for each tenfold of time left.
pub(super) fn pause_near(after: Duration, ends: &[Duration]) -> Duration {
    let distance = ends.iter().map(|end| end.abs_diff(after)).min();
    let near = distance.map_or(LONGEST_PAUSE, |distance| (distance / 10).max(SHORT_PAUSE));
    usual_pause(after).min(near)
}

/// Lets a time pass, and calls `meanwhile` between parts of it that are no longer than the longest pause.
///
/// # Errors
///
/// The first error of `meanwhile`; the rest of the time is not waited for.
pub fn pause<E>(
    clock: &dyn Clock,
    duration: Duration,
    mut meanwhile: impl FnMut() -> Result<(), E>,
) -> Result<(), E> {
    let began = clock.monotonic();
    loop {
        let left = duration.saturating_sub(clock.monotonic().saturating_sub(began));
        if left.is_zero() {
            return Ok(());
        }
        clock.sleep(left.min(LONGEST_PAUSE));
        if left > LONGEST_PAUSE {
            meanwhile()?;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;
    use crate::drive::hand_clock::HandClock;

    fn wait(limit: u64, ready: u64) -> (Result<(), TimeUp>, Vec<Duration>) {
        let clock = HandClock::default();
        let mut looks = Vec::new();
        let answer = until(&clock, Duration::from_secs(limit), || {
            looks.push(clock.monotonic());
            Ok::<_, Infallible>((clock.monotonic() >= Duration::from_secs(ready)).then_some(()))
        });
        let Ok(answer) = answer;
        (answer, looks)
    }

    #[test]
    fn a_change_is_noticed_within_one_pause_and_pauses_grow_from_one_second_to_ten() {
        for ready in [0, 1, 7, 33, 160, 999] {
            let (answer, looks) = wait(1800, ready);
            assert_eq!(answer, Ok(()));
            let last = *looks.last().unwrap();
            assert!(last <= Duration::from_secs(ready) + LONGEST_PAUSE, "{ready}: {last:?}");
            assert!(last <= Duration::from_secs(ready + 1) * 6 / 5, "{ready}: {last:?}");
        }
        let (_, looks) = wait(1800, 1800);
        let pauses: Vec<_> = looks.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert_eq!((pauses[0], *pauses.iter().max().unwrap()), (FIRST_PAUSE, LONGEST_PAUSE));
    }

    #[test]
    fn near_an_expected_end_it_is_looked_twice_a_second_and_far_from_it_as_usual() {
        let ends = [200, 230, 600].map(Duration::from_secs);
        for (after, pause) in [
            (0, 1.0),
            (20, 4.0),
            (140, 6.0),
            (180, 2.0),
            (198, 0.5),
            (200, 0.5),
            (215, 1.5),
            (231, 0.5),
            (400, 10.0),
            (590, 1.0),
            (603, 0.5),
            (660, 6.0),
            (2000, 10.0),
        ] {
            let found = pause_near(Duration::from_secs(after), &ends);
            assert_eq!(found, Duration::from_secs_f64(pause), "after {after} s");
            let usual = usual_pause(Duration::from_secs(after));
            assert_eq!(pause_near(Duration::from_secs(after), &[]), usual, "nothing is known");
            assert!(found <= usual, "never later than without");
        }
    }

    #[test]
    fn the_end_tells_how_long_and_how_often_and_the_last_look_is_at_the_limit() {
        let (answer, looks) = wait(4, 5);
        let over = TimeUp { after: Duration::from_secs(4), looks: 5 };
        assert_eq!((answer, looks.last()), (Err(over), Some(&Duration::from_secs(4))));
        assert_eq!(over.to_string(), "4 s and 5 looks");
        assert_eq!(wait(0, 1).1.len(), 1, "without time there is one look");
    }

    #[test]
    fn a_long_pause_is_made_of_short_ones() {
        for (seconds, calls) in [(0, 0), (10, 0), (11, 1), (35, 3), (40, 3)] {
            let clock = HandClock::default();
            let mut called = 0;
            let Ok(()) = pause(&clock, Duration::from_secs(seconds), || {
                called += 1;
                Ok::<_, Infallible>(())
            });
            assert_eq!((called, clock.monotonic().as_secs()), (calls, seconds));
        }
        let clock = HandClock::default();
        assert_eq!(pause(&clock, Duration::from_secs(60), || Err("lost")), Err("lost"));
        assert_eq!(clock.monotonic(), LONGEST_PAUSE);
    }
}
