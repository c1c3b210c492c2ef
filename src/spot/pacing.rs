//! Rate-limit arithmetic of one route: who may send now, and what each answer teaches. No clock, no I/O.
//!
//! The vendor counts per organisation, route and method over a sliding 60 s, tells in headers how much is left, and
//! extends a block by every request sent during it (vendor help: API rate limits). The limits themselves are not
//! published, so nothing is assumed before an answer tells.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// The longest wait that is believed in, whatever a header or a clock says.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// A request that was never settled (its process died) stops counting after this.
const IN_FLIGHT_EXPIRY: Duration = Duration::from_secs(60);

/// The shortest block after a refusal, doubled by each refusal that follows.
const FIRST_BLOCK: Duration = Duration::from_secs(1);

/// The doubling's end: the vendor's window.
const LONGEST_BACKOFF: Duration = Duration::from_secs(60);

/// Clocks of one machine do not differ by more between two looks, unless somebody sets them.
const CLOCK_SLACK: Duration = Duration::from_secs(5);

/// How far unanswered probes widen the next round: 2^4 at a time.
const WIDEST: u32 = 4;

/// Names one request in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ticket(u64);

/// Whether a request may be sent now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// Yes; settle it when it is over.
    Go(Ticket),
    /// Not before this has passed.
    Blocked(Duration),
    /// Not before an answer that is on its way has come.
    Busy,
}

/// What the headers of an answer say is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Allowance {
    /// Requests allowed in a window.
    pub(super) limit: Option<u32>,
    /// Requests left.
    pub(super) remaining: u32,
    /// How long until another is allowed.
    pub(super) reset: Option<Duration>,
}

/// What became of a request, as far as the limit is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Observation {
    /// Answered, with what is left.
    Counted(Allowance),
    /// Answered without a word about limits.
    Uncounted,
    /// Refused with 429; `wait` is the longer of the server's two hints.
    Refused {
        /// How long the server asks to wait.
        wait: Option<Duration>,
    },
    /// No answer, or none of the API's.
    Unanswered,
}

/// What is known of a route's limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Knowledge {
    /// Nothing was answered yet.
    #[default]
    Nothing,
    /// The server tells of no limit.
    Free,
    /// The server tells.
    Limited { limit: Option<u32>, remaining: u32, reset_at: Timestamp },
}

/// A request on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct InFlight {
    /// The process that sent it.
    holder: u32,
    /// When it stops counting, settled or not.
    expires_at: Timestamp,
    /// The least that an answer left over while this one was on its way. Answers overtake each other, so this one's
    /// own number may be older news.
    least: Option<u32>,
}

/// The budget of one route, method and organisation. Times are wall clock, so that processes can share it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Budget {
    knowledge: Knowledge,
    /// Set by a 429; stays, in the past, until an answer to a later request lifts it.
    blocked_until: Option<Timestamp>,
    /// Refusals in a row.
    refusals: u32,
    /// Probes in a row that brought no answer, up to [`WIDEST`].
    unanswered: u32,
    /// Requests on their way, by ticket.
    in_flight: BTreeMap<u64, InFlight>,
    next_ticket: u64,
    /// Requests with this ticket or a later one were sent after the last block or lifting of one.
    known_since: u64,
    /// When it was last settled.
    settled_at: Option<Timestamp>,
}

impl Budget {
    /// Whether a request of the process `holder` may be sent now, and if so, counts it as on its way.
    pub(super) fn admit(&mut self, holder: u32, now: Timestamp) -> Admission {
        self.bound_times(now);
        if let Some(until) = self.blocked_until {
            return if until > now { blocked(until, now) } else { self.go_within(1, holder, now) };
        }
        match self.knowledge {
            Knowledge::Free => self.go_within(u32::MAX, holder, now),
            // Unanswered probes teach nothing; in single file, an unreachable server would cost one timeout a call.
            Knowledge::Nothing => self.go_within(1 << self.unanswered, holder, now),
            Knowledge::Limited { remaining: 0, reset_at, .. } if reset_at > now => {
                blocked(reset_at, now)
            }
            Knowledge::Limited { remaining, .. } => self.go_within(remaining.max(1), holder, now),
        }
    }

    /// Forgets what ended processes had on its way: nobody waits for those answers any more. The server may have counted
    /// them all the same. Tells whether there were any.
    pub(super) fn forget_ended(&mut self, is_running: impl Fn(u32) -> bool) -> bool {
        let before = self.in_flight.len();
        self.in_flight.retain(|_, flight| is_running(flight.holder));
        let lost = before - self.in_flight.len();
        if let Knowledge::Limited { remaining, .. } = &mut self.knowledge {
            *remaining = remaining.saturating_sub(u32::try_from(lost).unwrap_or(u32::MAX));
        }
        lost > 0
    }

    /// Takes in what became of the request. Returns how long nothing may be sent now.
    pub(super) fn settle(
        &mut self,
        ticket: Ticket,
        observation: Observation,
        now: Timestamp,
    ) -> Duration {
        self.bound_times(now);
        let flight = self.in_flight.remove(&ticket.0);
        self.settled_at = Some(now);
        let is_news = ticket.0 >= self.known_since;
        match observation {
            Observation::Unanswered => self.lose(),
            Observation::Refused { wait } => self.block(wait, is_news, now),
            // What was sent before a block says nothing of the time after it.
            Observation::Counted(_) | Observation::Uncounted
                if self.blocked_until.is_some() && !is_news => {}
            Observation::Counted(allowance) => self.count(allowance, flight, now),
            Observation::Uncounted if is_news => self.learn(Knowledge::Free),
            Observation::Uncounted => {}
        }
        self.blocked_until.map_or(Duration::ZERO, |until| between(now, until))
    }

    /// Limit, remaining requests and time until more are allowed, as far as known.
    pub(super) fn view(&self, now: Timestamp) -> (Option<u32>, Option<u32>, Option<Duration>) {
        let blocked = self.blocked_until.filter(|until| *until > now);
        match (self.knowledge, blocked) {
            (Knowledge::Limited { limit, .. }, Some(until)) => {
                (limit, Some(0), Some(between(now, until)))
            }
            (Knowledge::Limited { limit, remaining, reset_at }, None) => {
                (limit, Some(remaining), Some(between(now, reset_at)))
            }
            (Knowledge::Nothing | Knowledge::Free, Some(until)) => {
                (None, Some(0), Some(between(now, until)))
            }
            (Knowledge::Nothing | Knowledge::Free, None) => (None, None, None),
        }
    }

    /// Whether it can be forgotten: nothing on its way and nothing settled for a day.
    pub(super) fn is_stale(&self, now: Timestamp) -> bool {
        let day = Duration::from_secs(86_400);
        self.in_flight.is_empty()
            && self.settled_at.is_none_or(|settled| between(settled, now) > day)
    }

    fn go_within(&mut self, width: u32, holder: u32, now: Timestamp) -> Admission {
        if self.in_flight.len() >= usize::try_from(width).unwrap_or(usize::MAX) {
            return Admission::Busy;
        }
        let ticket = self.next_ticket;
        self.next_ticket = ticket.wrapping_add(1);
        let expires_at = later(now, IN_FLIGHT_EXPIRY);
        self.in_flight.insert(ticket, InFlight { holder, expires_at, least: None });
        Admission::Go(Ticket(ticket))
    }

    fn learn(&mut self, knowledge: Knowledge) {
        if self.blocked_until.take().is_some() || knowledge == Knowledge::Free {
            self.known_since = self.next_ticket;
        }
        self.knowledge = knowledge;
        self.refusals = 0;
        self.unanswered = 0;
    }

    /// Believes the least of this answer and those that came while its request was on its way.
    fn count(&mut self, allowance: Allowance, flight: Option<InFlight>, now: Timestamp) {
        for other in self.in_flight.values_mut() {
            other.least =
                Some(other.least.map_or(allowance.remaining, |it| it.min(allowance.remaining)));
        }
        let known = match self.knowledge {
            Knowledge::Limited { remaining, reset_at, .. } => Some((remaining, reset_at)),
            Knowledge::Nothing | Knowledge::Free => None,
        };
        // One that was thought lost has no record of what came meanwhile.
        let least = flight.map_or(known.map(|(remaining, _)| remaining), |flight| flight.least);
        let remaining = least.map_or(allowance.remaining, |least| least.min(allowance.remaining));
        // Nothing left and no word until when: look again soon, one request at a time.
        let unsaid = if remaining == 0 { FIRST_BLOCK } else { Duration::ZERO };
        let mut reset_at = later(now, allowance.reset.unwrap_or(unsaid));
        if let (Some(_), Some((0, known))) = (least, known) {
            reset_at = reset_at.max(known);
        }
        self.learn(Knowledge::Limited { limit: allowance.limit, remaining, reset_at });
    }

    /// The server may have counted it all the same.
    fn lose(&mut self) {
        self.unanswered = (self.unanswered + 1).min(WIDEST);
        if let Knowledge::Limited { remaining, .. } = &mut self.knowledge {
            *remaining = remaining.saturating_sub(1);
        }
    }

    /// One burst of refusals counts once: only news makes the block grow.
    fn block(&mut self, wait: Option<Duration>, is_news: bool, now: Timestamp) {
        if is_news {
            self.refusals = self.refusals.saturating_add(1);
        }
        let doublings = self.refusals.saturating_sub(1).min(16);
        let backoff = (FIRST_BLOCK * (1 << doublings)).min(LONGEST_BACKOFF);
        let until = later(now, wait.unwrap_or_default().max(backoff));
        self.blocked_until = Some(self.blocked_until.map_or(until, |known| known.max(until)));
        self.unanswered = 0;
        self.known_since = self.next_ticket;
    }

    /// A clock set back must not turn a moment of the past into a wait without end.
    fn bound_times(&mut self, now: Timestamp) {
        let settled_later = |settled: Timestamp| between(now, settled) > CLOCK_SLACK;
        if self.settled_at.is_some_and(settled_later) {
            // The clock was set back since: what was to come after `settled_at` has no meaning on this clock.
            self.blocked_until = None;
            self.knowledge = Knowledge::Nothing;
            self.settled_at = Some(now);
        }
        let latest = later(now, LONGEST_WAIT);
        if let Some(until) = &mut self.blocked_until {
            *until = latest.min(*until);
        }
        if let Knowledge::Limited { reset_at, .. } = &mut self.knowledge {
            *reset_at = latest.min(*reset_at);
        }
        let latest = later(now, IN_FLIGHT_EXPIRY);
        self.in_flight.retain(|_, flight| {
            flight.expires_at = latest.min(flight.expires_at);
            flight.expires_at > now
        });
    }
}

fn blocked(until: Timestamp, now: Timestamp) -> Admission {
    Admission::Blocked(between(now, until))
}

fn later(now: Timestamp, wait: Duration) -> Timestamp {
    let wait = SignedDuration::try_from(wait.min(LONGEST_WAIT)).unwrap_or(SignedDuration::MAX);
    now.saturating_add(wait).unwrap_or(Timestamp::MAX)
}

/// From `from` to `to`; zero if `to` is not later.
fn between(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}

#[cfg(test)]
mod tests;
