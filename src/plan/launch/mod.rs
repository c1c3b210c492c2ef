//! Launching machines beside the managed groups: which one is asked for next, what an answer means, and which ones go.

mod balance;
#[cfg(test)]
mod balance_tests;
mod class;
mod contract;
mod event;
mod ladder;
mod moving;
mod profile;
mod replacement;
mod scale_in;
#[cfg(test)]
mod tests;

pub use balance::{Counts, Field, Shift, counted};
pub use class::Class;
pub use contract::{
    CLUSTER_TAG, FLEET_TAG, LAUNCH_TAG, REPLACES_TAG, RUN_TAG, TagError, check_name, check_tags,
};
pub use event::{Attempt, Entry, Event, Outcome, Run, Torn, run_of};
pub use ladder::{Ladder, LadderSettings, Place, Rung, Spread, Step, Stop};
pub use moving::{MoveEntry, MoveEvent, Moving, moving_of};
pub use profile::{Profile, ProfileError, check_cluster};
pub use replacement::{Irreplaceable, Launched, Replacement, Sight, is_at_rest, lives, starts};
pub use scale_in::{ENDING, Order, Prices, Standing, TERMINATED, leaving, standing};
