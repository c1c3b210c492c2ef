//! The vendor's rate limit: a sliding window for each organisation, route and method, with a penalty for impatience.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::clock::{later, seconds};
use crate::routes::same_template;

/// The `limits` part of a fleet file.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitSettings {
    /// Requests that a route takes in one window, unless `routes` says otherwise. The vendor does not publish its own.
    pub default: u32,
    /// Length of the window, which is also the length of the penalty.
    pub window_seconds: u32,
    /// Limits of single routes, by `"GET /aws/ec2/group"`.
    pub routes: BTreeMap<String, u32>,
}

impl Default for LimitSettings {
    fn default() -> LimitSettings {
        LimitSettings { default: 10_000, window_seconds: 60, routes: BTreeMap::new() }
    }
}

impl LimitSettings {
    fn of(&self, method: &str, template: &str) -> u32 {
        let found = self.routes.iter().find(|(key, _)| {
            key.split_once(' ').is_some_and(|(verb, path)| {
                verb.eq_ignore_ascii_case(method) && same_template(path.trim(), template)
            })
        });
        found.map_or(self.default, |(_, limit)| *limit)
    }
}

/// What the limiter says about one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quota {
    pub(crate) admitted: bool,
    pub(crate) limit: u32,
    pub(crate) remaining: u32,
    /// Seconds until a request would be admitted; zero while some remain.
    pub(crate) reset: u64,
}

#[derive(Clone, Debug, Default)]
struct Window {
    admitted: VecDeque<Timestamp>,
    blocked_until: Option<Timestamp>,
}

/// All windows.
#[derive(Clone, Debug)]
pub(crate) struct Limiter {
    pub(crate) settings: LimitSettings,
    windows: BTreeMap<(String, String, String), Window>,
}

impl Limiter {
    pub(crate) fn new(settings: LimitSettings) -> Limiter {
        Limiter { settings, windows: BTreeMap::new() }
    }

    /// Counts a request. One that comes too early blocks its route for a whole window from then on.
    pub(crate) fn admit(
        &mut self,
        organisation: &str,
        method: &str,
        template: &str,
        now: Timestamp,
    ) -> Quota {
        let limit = self.settings.of(method, template);
        let span = seconds(f64::from(self.settings.window_seconds));
        let key = (organisation.to_owned(), method.to_owned(), template.to_owned());
        let window = self.windows.entry(key).or_default();
        while window.admitted.front().is_some_and(|first| later(*first, span) <= now) {
            window.admitted.pop_front();
        }
        window.blocked_until = window.blocked_until.filter(|until| *until > now);
        let full = window.admitted.len() >= usize::try_from(limit).unwrap_or(usize::MAX);
        if full || window.blocked_until.is_some() {
            let until = later(now, span);
            window.blocked_until = Some(until);
            return Quota {
                admitted: false,
                limit,
                remaining: 0,
                reset: whole_seconds(now, until),
            };
        }
        window.admitted.push_back(now);
        let used = u32::try_from(window.admitted.len()).unwrap_or(u32::MAX);
        let remaining = limit.saturating_sub(used);
        let free_at = window.admitted.front().map(|first| later(*first, span));
        let reset = match free_at {
            Some(free_at) if remaining == 0 => whole_seconds(now, free_at),
            _ => 0,
        };
        Quota { admitted: true, limit, remaining, reset }
    }

    /// The span of a block, for answers that only pretend to be over the limit.
    pub(crate) fn penalty(&self) -> u64 {
        u64::from(self.settings.window_seconds)
    }

    pub(crate) fn clear(&mut self) {
        self.windows.clear();
    }
}

fn whole_seconds(from: Timestamp, to: Timestamp) -> u64 {
    let milliseconds = u64::try_from(to.duration_since(from).as_millis()).unwrap_or(0);
    milliseconds.div_ceil(1000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn limiter(limit: u32) -> Limiter {
        Limiter::new(LimitSettings { default: limit, ..LimitSettings::default() })
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_767_225_600 + second).unwrap()
    }

    #[test]
    fn the_window_slides_and_an_early_retry_extends_the_block() {
        let mut limiter = limiter(2);
        let mut ask = |second| limiter.admit("1", "GET", "/aws/ec2/group", at(second));
        assert_eq!((ask(0).remaining, ask(10).reset), (1, 50));
        assert_eq!(ask(20), Quota { admitted: false, limit: 2, remaining: 0, reset: 60 });
        assert!(!ask(79).admitted, "blocked until 80, and now until 139");
        assert!(!ask(138).admitted);
        assert!(ask(198).admitted);
    }

    #[test]
    fn each_route_and_method_has_its_own_window() {
        let mut limiter = limiter(1);
        assert!(limiter.admit("1", "GET", "/a", at(0)).admitted);
        assert!(limiter.admit("1", "PUT", "/a", at(0)).admitted);
        assert!(limiter.admit("1", "GET", "/b", at(0)).admitted);
        assert!(!limiter.admit("1", "GET", "/a", at(0)).admitted);
    }

    proptest! {
        #[test]
        fn no_window_ever_admits_more_than_its_limit(
            limit in 1u32..6,
            gaps in proptest::collection::vec(0i64..40, 1..80),
        ) {
            let mut limiter = limiter(limit);
            let (mut now, mut admitted) = (0, Vec::new());
            for gap in gaps {
                now += gap;
                if limiter.admit("1", "GET", "/a", at(now)).admitted {
                    admitted.push(now);
                }
            }
            for start in &admitted {
                let inside = admitted.iter().filter(|at| (*start..start + 60).contains(at)).count();
                prop_assert!(inside <= limit as usize);
            }
        }

        #[test]
        fn waiting_for_the_reset_is_always_enough(limit in 1u32..4, asks in 1usize..12) {
            let mut limiter = limiter(limit);
            let mut reset = 0;
            for _ in 0..asks {
                reset = limiter.admit("1", "GET", "/a", at(0)).reset;
            }
            let later = i64::try_from(reset).unwrap();
            prop_assert!(limiter.admit("1", "GET", "/a", at(later)).admitted);
        }
    }
}
