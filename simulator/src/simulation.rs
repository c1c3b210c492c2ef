//! One run: a world, its clock, and the real time since it began.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::Value;

use crate::clock::Clock;
use crate::control;
use crate::fleet::Fleet;
use crate::request::{LoggedRequest, Outcome, Request};
use crate::world::World;

#[derive(Debug)]
pub(crate) struct Simulation {
    pub(crate) fleet: Fleet,
    pub(crate) world: World,
    pub(crate) clock: Clock,
    began: Instant,
    latest: Timestamp,
}

/// The one reading of the real clock.
fn real_now() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "the shell tells the pure parts what time it is")]
    Instant::now()
}

impl Simulation {
    pub(crate) fn new(fleet: Fleet) -> Simulation {
        let (world, clock) = (World::new(&fleet), Clock::new(fleet.clock()));
        let latest = fleet.clock().start;
        Simulation { fleet, world, clock, began: real_now(), latest }
    }

    /// The virtual instant; it never goes backwards.
    pub(crate) fn now(&mut self) -> Timestamp {
        let elapsed: Duration = real_now().saturating_duration_since(self.began);
        self.latest = self.latest.max(self.clock.now(elapsed));
        self.latest
    }

    /// Starts over with the same fleet.
    pub(crate) fn reset(&mut self) {
        *self = Simulation::new(self.fleet.clone());
    }

    pub(crate) fn handle(&mut self, request: &Request) -> Outcome {
        let now = self.now();
        self.world.handle(request, now)
    }

    pub(crate) fn control(&mut self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        control::control(self, method, path, body)
    }

    pub(crate) fn requests(&self) -> Vec<LoggedRequest> {
        self.world.log.clone()
    }
}
