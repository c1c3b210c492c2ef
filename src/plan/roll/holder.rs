//! Who carries out a run, and whether another may take its place.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// The process that carries out a run: Ansible, where it is Ansible that calls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The computer's name.
    pub host: String,
    /// What tells one start of that computer from another, where the system says so.
    pub boot: Option<String>,
    /// The process.
    pub pid: Option<u32>,
    /// When that process was started, in the system's own count: ids are used again.
    pub started: Option<String>,
    /// Among which processes it can be seen: those of a container have ids of their own.
    pub among: Option<String>,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pid {
            Some(pid) => write!(f, "process {pid} on {}", self.host),
            None => write!(f, "a process on {}", self.host),
        }
    }
}

/// Whether a process still runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Liveness {
    /// It does.
    Alive,
    /// It does not.
    Dead,
    /// It cannot be told from here.
    Unknown,
}

/// Whether a run may be carried out by someone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Nobody holds it.
    Free,
    /// He holds it himself.
    Own,
    /// Its holder is gone.
    Abandoned(Holder),
    /// Its holder lives, or may live.
    Held(Holder),
}

/// Judges a lease. Where nobody can tell whether its holder lives, it lapses after `silence` without a sign of life.
pub fn claim(
    holder: Option<&Holder>,
    last_sign: Timestamp,
    me: &Holder,
    liveness: Liveness,
    silence: SignedDuration,
    now: Timestamp,
) -> Claim {
    let Some(holder) = holder else { return Claim::Free };
    if holder == me && me.pid.is_some() {
        return Claim::Own;
    }
    match liveness {
        Liveness::Dead => Claim::Abandoned(holder.clone()),
        Liveness::Alive => Claim::Held(holder.clone()),
        Liveness::Unknown if now.duration_since(last_sign).abs() > silence => {
            Claim::Abandoned(holder.clone())
        }
        Liveness::Unknown => Claim::Held(holder.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(pid: Option<u32>) -> Holder {
        Holder { host: "control".to_owned(), boot: None, pid, started: None, among: None }
    }

    #[test]
    fn a_lease_is_taken_over_from_the_dead_and_from_the_long_silent_only() {
        let now = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(10);
        let (me, other) = (holder(Some(1)), holder(Some(2)));
        let hour = SignedDuration::from_hours(1);
        let judged = |holder: Option<&Holder>, liveness, minutes| {
            claim(holder, now - SignedDuration::from_mins(minutes), &me, liveness, hour, now)
        };
        assert_eq!(judged(None, Liveness::Unknown, 0), Claim::Free);
        assert_eq!(judged(Some(&me), Liveness::Unknown, 0), Claim::Own);
        assert_eq!(judged(Some(&other), Liveness::Alive, 600), Claim::Held(other.clone()));
        assert_eq!(judged(Some(&other), Liveness::Dead, 0), Claim::Abandoned(other.clone()));
        assert_eq!(judged(Some(&other), Liveness::Unknown, 59), Claim::Held(other.clone()));
        assert_eq!(judged(Some(&other), Liveness::Unknown, 61), Claim::Abandoned(other.clone()));
        // Two calls of a holder that nobody can name are not known to be one.
        let nameless = holder(None);
        let found = claim(Some(&nameless), now, &nameless, Liveness::Unknown, hour, now);
        assert_eq!(found, Claim::Held(nameless));
    }
}
