//! Rolling a group: whether it may be, in which order, whether the next step may be taken, what is owed at the end.
//!
//! A run is its journal: [`Run::read`] makes of the entries what is known, and every decision here is a function of that and of
//! one look at the group ([`Survey`]). So a run can be cut off anywhere and decided anew.

mod adoption;
mod changed;
mod cluster_settings;
mod clusters_seen;
mod coming_back;
mod damaged;
mod draft;
mod event;
mod finding;
mod freshness;
mod holder;
mod keeping;
mod name;
mod opening;
mod order;
mod other_roll;
mod past;
mod phase;
mod preflight;
mod restore;
mod rollback;
mod run;
mod schedule;
mod standing;
mod step;
mod survey;
mod suspended;
mod target;
mod telling;
mod volumes;
mod whereabouts;

#[cfg(test)]
mod tests;

pub use adoption::{PROOFS, come_up, ignored_options, is_kept_by, missing_proofs, waived_by};
pub use changed::changed_between;
pub use cluster_settings::{
    ALLOCATION, ClusterChange, ClusterRecord, ClusterSetting, Displaced, PRIMARIES, PutBack,
    Restriction, Scopes, left_shutdown, put_allocation_back, restriction, shutdown_reason,
};
pub use clusters_seen::{ClusterSeen, clusters_of_kind, clusters_seen};
pub use coming_back::{is_as_wanted, other_persistence};
pub use damaged::{Damaged, Head};
pub use draft::{Choice, Draft, Wish, draft, median};
pub use event::{
    Entry, Event, FORM, MidGate, Outcome, PersistenceBefore, Planned, PlannedNode, Setting,
    SuspendedBefore, Switch,
};
pub use finding::Finding;
pub use freshness::{has_fresh_pre_gate, has_passed_mid_gate};
pub use holder::{Claim, Holder, Liveness, claim};
pub use keeping::to_put_away;
pub use name::run_id;
pub use opening::{Intent, Opening, Taken, opening, runs_command, told};
pub use order::{OrderWish, order};
pub use other_roll::{OtherRoll, first_seen, other_roll};
pub use past::Past;
pub use phase::Phase;
pub use preflight::{NEVER_WAIVED, PREDICATES};
pub use restore::{Restoration, RestoreAct, restorations};
pub use rollback::{NoRollback, Rollback, rollback};
pub use run::{Ended, Frozen, JournalError, NodeRun, Replacement, Run};
pub use schedule::{NextRun, next_run};
pub use standing::{ChangedSetting, NodeLook, Standing, Status};
pub use step::{
    Hold, SUSPENDED, is_itself, is_same_node, may_enter, may_go_on, may_recycle,
    nobody_else_suspends,
};
pub use survey::{ImageSight, Node, Survey};
pub use suspended::{Foreign, lapsing};
pub use target::{Match, Target, Wanted};
pub use volumes::known_before;
pub use whereabouts::Whereabouts;
