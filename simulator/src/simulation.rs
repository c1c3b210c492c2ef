//! One run: a world, its clock, and the real time since it began.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::mpsc::UnboundedSender;

use crate::clock::{Clock, ClockMode};
use crate::control;
use crate::fleet::Fleet;
use crate::hooks::Job;
use crate::request::{LoggedRequest, Outcome, Request};
use crate::world::World;

#[derive(Debug)]
pub(crate) struct Simulation {
    pub(crate) fleet: Fleet,
    pub(crate) world: World,
    pub(crate) clock: Clock,
    began: Instant,
    latest: Timestamp,
    /// Where jobs for machines go, if anyone runs them.
    jobs: Option<UnboundedSender<Job>>,
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
        Simulation { fleet, world, clock, began: real_now(), latest, jobs: None }
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
        let outcome = self.world.handle(request, now);
        self.hand_out();
        outcome
    }

    pub(crate) fn control(&mut self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let answer = control::control(self, method, path, body);
        self.hand_out();
        answer
    }

    pub(crate) fn requests(&self) -> Vec<LoggedRequest> {
        self.world.log.clone()
    }

    /// From now on hooks are run by whoever reads from the other end.
    pub(crate) fn serve_hooks(&mut self, jobs: UnboundedSender<Job>) {
        let now = self.now();
        self.world.serve_hooks(now);
        self.jobs = Some(jobs);
        self.hand_out();
    }

    pub(crate) fn has_hooks(&self) -> bool {
        self.jobs.is_some()
    }

    /// Whether something that was handed out has not ended.
    pub(crate) fn waits_for_hooks(&self) -> bool {
        self.has_hooks() && !self.world.hooks.outstanding.is_empty()
    }

    fn hand_out(&mut self) {
        let jobs = self.world.hooks.jobs.drain(..);
        match &self.jobs {
            Some(sender) => jobs.for_each(|job| drop(sender.send(job))),
            None => drop(jobs),
        }
    }

    /// Lets happen what is due, also while nobody asks. A virtual clock is moved by hand.
    pub(crate) fn tick(&mut self) {
        if self.clock.mode() == ClockMode::Realtime {
            let now = self.now();
            self.world.settle(now);
            self.hand_out();
        }
    }

    /// Moves the clock to an instant, which must not be past, and lets happen what is due then.
    pub(crate) fn move_to(&mut self, at: Timestamp) {
        let now = self.now();
        self.clock.advance_by(at.duration_since(now));
        let now = self.now();
        self.world.settle(now);
        self.hand_out();
    }

    pub(crate) fn job_ended(&mut self, job: &Job, failure: Option<&str>) {
        let now = self.now();
        self.world.job_ended(job, failure, now);
        self.hand_out();
    }

    /// From now on nothing is handed out any more.
    pub(crate) fn close(&mut self) {
        self.jobs = None;
    }
}
