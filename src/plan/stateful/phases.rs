//! How long each state was seen.

use std::time::Duration;

/// A state and how long it was the last one seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phase {
    /// The state in the vendor's spelling; `absent` where the instance was not listed.
    pub state: String,
    /// From the first sight of it to the first sight of the next.
    pub lasted: Duration,
}

/// The states seen so far. Times are those of looks, so each is as exact as the looks are frequent.
#[derive(Clone, Debug, Default)]
pub struct Phases {
    over: Vec<Phase>,
    present: Option<(String, Duration)>,
}

impl Phases {
    /// Notes a look at `now` that saw `state`; answers whether that is news.
    pub fn note(&mut self, state: &str, now: Duration) -> bool {
        if self.present.as_ref().is_some_and(|(present, _)| present == state) {
            return false;
        }
        self.end(now);
        self.present = Some((state.to_owned(), now));
        true
    }

    /// How long the present state has been seen.
    pub fn age(&self, now: Duration) -> Duration {
        self.present.as_ref().map_or(Duration::ZERO, |(_, since)| now.saturating_sub(*since))
    }

    /// All of them, the present one up to `now`.
    pub fn until(mut self, now: Duration) -> Vec<Phase> {
        self.end(now);
        self.over
    }

    fn end(&mut self, now: Duration) {
        if let Some((state, since)) = self.present.take() {
            self.over.push(Phase { state, lasted: now.saturating_sub(since) });
        }
    }
}
