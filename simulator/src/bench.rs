//! A run that several threads share, and that can wait for what happens outside.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::clock::{ClockMode, later, seconds};
use crate::control;
use crate::hooks::Job;
use crate::simulation::Simulation;

/// The run, shared between connections.
#[derive(Debug)]
pub(crate) struct Bench {
    simulation: Mutex<Simulation>,
    /// Told whenever a job has ended.
    ended: Condvar,
    /// One advance at a time, or two would run into each other while they wait.
    advancing: Mutex<()>,
}

impl Bench {
    pub(crate) fn new(simulation: Simulation) -> Bench {
        let simulation = Mutex::new(simulation);
        Bench { simulation, ended: Condvar::new(), advancing: Mutex::new(()) }
    }

    /// Locks the run; a panic in another request does not end it.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Simulation> {
        self.simulation.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A control request. May take as long as the hooks that it sets off.
    pub(crate) fn control(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let bare = path.split('?').next().unwrap_or_default().trim_end_matches('/');
        let waits = {
            let simulation = self.lock();
            simulation.has_hooks() && simulation.clock.mode() == ClockMode::Virtual
        };
        if waits && (method, bare) == ("POST", "/_sim/advance") {
            return self.advance(body);
        }
        self.lock().control(method, path, body)
    }

    /// Moves a virtual clock from one instant at which something happens to the next one, and lets it stand still for as
    /// long as hooks run: they take no virtual time.
    fn advance(&self, body: &Value) -> (u16, Value) {
        let span = match control::span(body) {
            Ok(span) => seconds(span),
            Err(problem) => return (400, json!({"error": problem})),
        };
        let _turn = self.advancing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut simulation = self.quiet();
        let target = later(simulation.now(), span);
        loop {
            let next = simulation.world.agenda.next_at().unwrap_or(Timestamp::MAX);
            let arrived = next > target;
            simulation.move_to(next.min(target));
            drop(simulation);
            simulation = self.quiet();
            // What has ended meanwhile may have set off more at this very instant.
            let more = simulation.world.agenda.next_at().is_some_and(|next| next <= target);
            if arrived && !more {
                return (200, json!({"now": simulation.now().to_string()}));
            }
        }
    }

    /// Locks the run when no hook runs any more, or nobody runs them.
    fn quiet(&self) -> MutexGuard<'_, Simulation> {
        let busy = |simulation: &mut Simulation| simulation.waits_for_hooks();
        self.ended.wait_while(self.lock(), busy).unwrap_or_else(PoisonError::into_inner)
    }

    /// A job has ended, well or with a failure.
    pub(crate) fn job_ended(&self, job: &Job, failure: Option<&str>) {
        self.lock().job_ended(job, failure);
        self.ended.notify_all();
    }

    /// From now on no job is handed out.
    pub(crate) fn close(&self) {
        self.lock().close();
        self.ended.notify_all();
    }
}
