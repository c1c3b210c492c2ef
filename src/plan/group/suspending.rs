//! Which processes are not yet as they should be.

use jiff::{SignedDuration, Timestamp};

use crate::domain::{Process, Suspension};

/// What becomes of processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SuspensionWish {
    /// They are suspended for so long.
    Suspended {
        /// In minutes.
        minutes: u32,
    },
    /// They go on.
    Resumed,
}

/// Those that are meant where none is named: all that are known, and to let go on also what is suspended and not known here.
pub fn all_meant(wish: SuspensionWish, present: &[Suspension]) -> Vec<Process> {
    let known = Process::KNOWN.iter().map(|name| Process::parse(name));
    let mut all: Vec<Process> = known.collect();
    if wish == SuspensionWish::Resumed {
        let others = present.iter().map(|it| it.process.clone());
        let others: Vec<Process> = others.filter(|it| !all.contains(it)).collect();
        all.extend(others);
    }
    all
}

/// Those of the processes that something has to be done about, at the vendor's time `now`.
///
/// A suspension that lasts for at least half of the wanted time will do, and so does one that is told to have no end; otherwise a second run
/// would always have a later end to set. An end that is not told or cannot be read will not do.
pub fn unsettled(
    processes: &[Process],
    wish: SuspensionWish,
    present: &[Suspension],
    now: Timestamp,
) -> Vec<Process> {
    let is_settled = |process: &&Process| {
        let found = present.iter().find(|suspension| suspension.process == **process);
        match (wish, found) {
            (SuspensionWish::Resumed, found) => found.is_none(),
            (SuspensionWish::Suspended { .. }, None) => false,
            (SuspensionWish::Suspended { minutes }, Some(suspension)) => {
                let half = SignedDuration::from_secs(i64::from(minutes) * 30);
                match &suspension.expires_at {
                    None => suspension.is_endless,
                    Some(end) => end.instant().is_some_and(|end| end.duration_since(now) >= half),
                }
            }
        }
    };
    processes.iter().filter(|process| !is_settled(process)).cloned().collect()
}

/// Those of the processes that are not as the vendor has just accepted. A server that tells no ends shows only that they are suspended.
pub fn unseen(
    processes: &[Process],
    wish: SuspensionWish,
    present: &[Suspension],
    now: Timestamp,
) -> Vec<Process> {
    let shows = |process: &Process| {
        wish != SuspensionWish::Resumed
            && present.iter().any(|it| it.process == *process && it.is_end_untold())
    };
    let left = unsettled(processes, wish, present, now).into_iter();
    left.filter(|process| !shows(process)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::VendorTime;

    #[test]
    fn to_let_all_go_on_is_to_let_go_on_what_is_not_known_too() {
        let one = |name: &str| Suspension {
            process: Process::parse(name),
            expires_at: None,
            is_endless: true,
        };
        let present = [one("AUTO_HEALING"), one("OF_TOMORROW")];
        let now = Timestamp::UNIX_EPOCH;
        let left = |wish| unsettled(&all_meant(wish, &present), wish, &present, now);
        assert_eq!(left(SuspensionWish::Resumed), present.clone().map(|it| it.process));
        let suspended = left(SuspensionWish::Suspended { minutes: 1 });
        assert_eq!(suspended.len(), Process::KNOWN.len() - 1);
    }

    #[test]
    fn a_suspension_that_lasts_half_the_time_will_do() {
        let now: Timestamp = "2026-11-20T12:00:00Z".parse().unwrap();
        let until = |end: &str| Suspension {
            process: Process::AutoHealing,
            expires_at: Some(VendorTime::new(end)),
            is_endless: false,
        };
        let without =
            |is_endless| Suspension { process: Process::AutoHealing, expires_at: None, is_endless };
        let (forever, untold) = (without(true), without(false));
        let wish = SuspensionWish::Suspended { minutes: 60 };
        let table = [
            (vec![], false),
            (vec![until("2026-11-20T12:29:59Z")], false),
            (vec![until("2026-11-20T12:30:00.000+0000")], true),
            (vec![until("soon")], false),
            (vec![forever.clone()], true),
            (vec![untold.clone()], false),
        ];
        for (present, settled) in table {
            let left = unsettled(&[Process::AutoHealing], wish, &present, now);
            assert_eq!(left.is_empty(), settled, "{present:?}");
        }
        // Once it was asked for and accepted, a server that tells no ends can show no more.
        let accepted =
            |present: &[Suspension]| unseen(&[Process::AutoHealing], wish, present, now).is_empty();
        assert!(
            accepted(std::slice::from_ref(&untold))
                && !accepted(&[])
                && !accepted(&[until("soon")])
        );
        let going_on =
            unseen(&[Process::AutoHealing], SuspensionWish::Resumed, &[untold], now).len();
        assert_eq!(going_on, 1);
        let resumed = |present: &[Suspension]| {
            unsettled(&[Process::AutoHealing], SuspensionWish::Resumed, present, now).len()
        };
        assert_eq!((resumed(&[forever]), resumed(&[])), (1, 0));
    }
}
