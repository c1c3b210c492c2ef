//! Launching machines beside the managed groups: which one is asked for next, what an answer means, and which ones go.

mod class;
mod contract;
mod event;
mod ladder;
mod scale_in;
#[cfg(test)]
mod tests;

pub use class::Class;
pub use contract::{FLEET_TAG, LAUNCH_TAG, RUN_TAG, TagError, check_name, check_tags};
pub use event::{Attempt, Entry, Event, Outcome, Run, Torn, run_of};
pub use ladder::{Ladder, LadderSettings, Place, Rung, Spread, Step, Stop};
pub use scale_in::{Order, Standing, leaving};
