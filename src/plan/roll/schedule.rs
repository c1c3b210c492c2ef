//! When a group's scheduled tasks run next.

use cronexpr::{FallbackTimezoneOption, ParseOptions};
use jiff::{SignedDuration, Timestamp};

use crate::domain::{Frequency, ScheduledTask};

/// When a task runs next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NextRun {
    /// Then.
    At(Timestamp),
    /// Not any more.
    Never,
    /// It cannot be told.
    Unknown(String),
}

/// The first time after `from` at which the task runs. All times are UTC, and a task with a start time alone runs once (vendor
/// description of `scheduling.tasks`).
pub fn next_run(task: &ScheduledTask, from: Timestamp) -> NextRun {
    if task.is_enabled == Some(false) {
        return NextRun::Never;
    }
    let start = match &task.starts_at {
        Some(text) => match text.instant() {
            Some(start) => Some(start),
            None => return NextRun::Unknown(format!("its start {text} is no moment")),
        },
        None => None,
    };
    let from_start = start.map_or(from, |start| start.max(from));
    match (&task.cron, &task.frequency, start) {
        (Some(cron), _, _) => next_of_cron(cron, from_start),
        (None, Some(frequency), Some(start)) => match period(frequency) {
            Some(period) => NextRun::At(next_of_period(start, period, from)),
            None => NextRun::Unknown(format!("its frequency {frequency} is not known")),
        },
        (None, Some(frequency), None) => {
            NextRun::Unknown(format!("it runs {frequency} from a time that is not told"))
        }
        (None, None, Some(start)) if start > from => NextRun::At(start),
        (None, None, Some(_)) => NextRun::Never,
        (None, None, None) => NextRun::Unknown("it has neither start nor frequency".to_owned()),
    }
}

fn next_of_cron(cron: &str, from: Timestamp) -> NextRun {
    let mut options = ParseOptions::default();
    options.fallback_timezone_option = FallbackTimezoneOption::UTC;
    let found = cronexpr::parse_crontab_with(cron, options)
        .and_then(|crontab| crontab.find_next(from.to_string().as_str()));
    match found {
        Ok(next) => NextRun::At(next.timestamp()),
        Err(error) => {
            NextRun::Unknown(format!("its cron expression {cron:?} cannot be read: {error}"))
        }
    }
}

fn period(frequency: &Frequency) -> Option<SignedDuration> {
    match frequency {
        Frequency::Hourly => Some(SignedDuration::from_hours(1)),
        Frequency::Daily => Some(SignedDuration::from_hours(24)),
        Frequency::Weekly => Some(SignedDuration::from_hours(24 * 7)),
        Frequency::Other(_) => None,
    }
}

fn next_of_period(start: Timestamp, period: SignedDuration, from: Timestamp) -> Timestamp {
    if start > from {
        return start;
    }
    let (passed, period) = (from.duration_since(start).as_secs(), period.as_secs());
    let next = start.checked_add(SignedDuration::from_secs((passed / period + 1) * period));
    next.unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{TaskKind, VendorTime};

    fn task(
        cron: Option<&str>,
        frequency: Option<Frequency>,
        start: Option<&str>,
    ) -> ScheduledTask {
        ScheduledTask {
            is_enabled: Some(true),
            kind: TaskKind::StatefulRecycle,
            cron: cron.map(str::to_owned),
            frequency,
            starts_at: start.map(VendorTime::new),
        }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn the_next_run_is_that_of_cron_frequency_or_start() {
        let from = at("2026-11-20T12:00:30Z");
        let next = |task: &ScheduledTask| match next_run(task, from) {
            NextRun::At(at) => at.to_string(),
            NextRun::Never => "never".to_owned(),
            NextRun::Unknown(why) => format!("unknown: {why}"),
        };
        let early = Some("2026-11-18T13:00:00Z");
        for (task, expected) in [
            (task(Some("0 20 * * 1-5"), None, None), "2026-11-20T20:00:00Z"),
            (task(Some("30 3 * * 0"), None, None), "2026-11-22T03:30:00Z"),
            (task(Some("0 20 * * *"), None, Some("2026-12-01T00:00:00Z")), "2026-12-01T20:00:00Z"),
            (task(None, Some(Frequency::Hourly), early), "2026-11-20T13:00:00Z"),
            (task(None, Some(Frequency::Daily), early), "2026-11-20T13:00:00Z"),
            (task(None, Some(Frequency::Weekly), early), "2026-11-25T13:00:00Z"),
            (task(None, None, Some("2026-11-20T12:00:31Z")), "2026-11-20T12:00:31Z"),
            (task(None, None, early), "never"),
        ] {
            assert_eq!(next(&task), expected);
        }
        for odd in [
            task(Some("every now and then"), None, None),
            task(None, Some(Frequency::Daily), None),
            task(None, Some(Frequency::Other("monthly".to_owned())), early),
            task(None, None, None),
            task(None, None, Some("soon")),
        ] {
            assert!(next(&odd).starts_with("unknown"), "{odd:?}: {}", next(&odd));
        }
        let off = ScheduledTask { is_enabled: Some(false), ..task(None, None, None) };
        assert_eq!(next(&off), "never");
    }
}
