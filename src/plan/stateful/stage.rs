//! The vendor's states, by what follows from them.

use crate::domain::StatefulState;

/// What a state means for a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// It runs.
    Active,
    /// It does not run and could.
    Paused,
    /// Something is being done to it.
    Underway(Course),
    /// It is given up, yet still listed.
    Gone,
    /// An action failed.
    Failed,
    /// Newer than this program: it proves nothing.
    Unknown,
}

/// What is being done. A recycle may also show as a pause followed by a resume, as the vendor's help calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Course {
    Pausing,
    Resuming,
    Recycling,
    Deallocating,
}

/// The only place that reads the vendor's states one by one. The bare verbs mean accepted, not begun.
pub(super) fn stage(state: &StatefulState) -> Stage {
    match state {
        StatefulState::Active => Stage::Active,
        StatefulState::Pause | StatefulState::Pausing => Stage::Underway(Course::Pausing),
        StatefulState::Paused => Stage::Paused,
        StatefulState::Resume | StatefulState::Resuming => Stage::Underway(Course::Resuming),
        StatefulState::Recycle | StatefulState::Recycling => Stage::Underway(Course::Recycling),
        StatefulState::Deallocate | StatefulState::Deallocating => {
            Stage::Underway(Course::Deallocating)
        }
        StatefulState::Deallocated => Stage::Gone,
        StatefulState::Error => Stage::Failed,
        StatefulState::Other(_) => Stage::Unknown,
    }
}
