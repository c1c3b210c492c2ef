//! Weekly windows of time, as in `Sun:03:00-Sun:05:00`, in UTC.

use jiff::Timestamp;
use jiff::tz::TimeZone;

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// Whether the window is open at `now`; text that is no window never is. It may run over the end of the week.
pub(crate) fn covers(window: &str, now: Timestamp) -> bool {
    let Some((from, to)) = window.split_once('-') else { return false };
    let (Some(from), Some(to)) = (minute_of_week(from), minute_of_week(to)) else { return false };
    let civil = TimeZone::UTC.to_datetime(now);
    let day = i32::from(civil.weekday().to_monday_zero_offset());
    let minute = (day * 24 + i32::from(civil.hour())) * 60 + i32::from(civil.minute());
    if from <= to { (from..to).contains(&minute) } else { minute >= from || minute < to }
}

fn minute_of_week(text: &str) -> Option<i32> {
    let mut parts = text.trim().split(':');
    let day = parts.next()?;
    let day = DAYS.iter().position(|known| known.eq_ignore_ascii_case(day))?;
    let hour: i32 = parts.next()?.parse().ok().filter(|hour| (0..24).contains(hour))?;
    let minute: i32 = parts.next()?.parse().ok().filter(|minute| (0..60).contains(minute))?;
    (parts.next().is_none()).then_some((i32::try_from(day).ok()? * 24 + hour) * 60 + minute)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_open_from_its_first_minute_to_before_its_last() {
        // The first of January 2026 is a Thursday.
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        for (window, instant, open) in [
            ("Thu:03:00-Thu:05:00", "2026-01-01T03:00:00Z", true),
            ("Thu:03:00-Thu:05:00", "2026-01-01T05:00:00Z", false),
            ("Sun:23:00-Mon:01:00", "2026-01-05T00:30:00Z", true),
            ("Sun:23:00-Mon:01:00", "2026-01-05T01:30:00Z", false),
            ("thu:00:00-thu:01:00", "2026-01-01T00:59:59Z", true),
            ("every night", "2026-01-01T00:00:00Z", false),
            ("Thu:25:00-Thu:26:00", "2026-01-01T00:00:00Z", false),
        ] {
            assert_eq!(covers(window, at(instant)), open, "{window} at {instant}");
        }
    }
}
