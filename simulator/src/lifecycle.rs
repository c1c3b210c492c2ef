//! The life of a stateful instance as a table: which states an action passes, for how long, and what happens there.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The vendor's states of a stateful instance, and room for those it may add.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Active,
    Pause,
    Pausing,
    Paused,
    Resume,
    Resuming,
    Recycle,
    Recycling,
    Deallocate,
    Deallocating,
    Deallocated,
    Error,
    /// Set over the control API or by a fleet file, to see what a client does with it.
    Other(String),
}

const NAMES: [(State, &str); 12] = [
    (State::Active, "ACTIVE"),
    (State::Pause, "PAUSE"),
    (State::Pausing, "PAUSING"),
    (State::Paused, "PAUSED"),
    (State::Resume, "RESUME"),
    (State::Resuming, "RESUMING"),
    (State::Recycle, "RECYCLE"),
    (State::Recycling, "RECYCLING"),
    (State::Deallocate, "DEALLOCATE"),
    (State::Deallocating, "DEALLOCATING"),
    (State::Deallocated, "DEALLOCATED"),
    (State::Error, "ERROR"),
];

impl State {
    pub(crate) fn parse(name: &str) -> State {
        let known = NAMES.iter().find(|(_, known)| known.eq_ignore_ascii_case(name));
        known.map_or_else(|| State::Other(name.to_owned()), |(state, _)| state.clone())
    }

    pub(crate) fn name(&self) -> &str {
        match self {
            State::Other(name) => name,
            known => NAMES.iter().find(|(state, _)| state == known).map_or("", |(_, name)| name),
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl<'de> Deserialize<'de> for State {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<State, D::Error> {
        Ok(State::parse(&String::deserialize(deserializer)?))
    }
}

impl Serialize for State {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// What can be asked of a stateful instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Terminate the machine, keep the rest.
    Pause,
    /// Launch a machine around what was kept.
    Resume,
    /// Pause, then resume.
    Recycle,
    /// Terminate the machine and give up the rest.
    Deallocate,
}

impl Action {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Action::Pause => "pause",
            Action::Resume => "resume",
            Action::Recycle => "recycle",
            Action::Deallocate => "deallocate",
        }
    }

    /// The states in which the action is accepted. Nothing public lists them; the vendor's console and documented
    /// clients agree on these.
    pub(crate) fn accepted_in(self, behaviour: &Behaviour) -> &'static [State] {
        match self {
            Action::Recycle if behaviour.recycle_paused => &[State::Active, State::Paused],
            Action::Pause | Action::Recycle => &[State::Active],
            Action::Resume => &[State::Paused],
            Action::Deallocate => &[State::Active, State::Paused, State::Error],
        }
    }
}

/// How long things take: answers in real milliseconds, everything else in virtual seconds.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Latency {
    /// Real milliseconds before any answer leaves.
    pub answer_ms: u64,
    /// After an action was accepted, how long the list still shows the old state.
    pub stale_seconds: f64,
    /// How long `PAUSE`, `RESUME`, `RECYCLE` and `DEALLOCATE` last.
    pub accepted_seconds: f64,
    /// From then until the machine is gone.
    pub terminating_seconds: f64,
    /// Snapshot and image of a persisted root volume.
    pub imaging_seconds: f64,
    /// From then until the next machine exists.
    pub replacing_seconds: f64,
    /// From then until `ACTIVE`.
    pub booting_seconds: f64,
    /// How long `DEALLOCATED` stays listed.
    pub lingering_seconds: f64,
    /// Share by which each duration varies at random, 0 to 1.
    pub jitter: f64,
}

impl Default for Latency {
    fn default() -> Latency {
        Latency {
            answer_ms: 0,
            stale_seconds: 0.0,
            accepted_seconds: 5.0,
            terminating_seconds: 20.0,
            imaging_seconds: 60.0,
            replacing_seconds: 30.0,
            booting_seconds: 45.0,
            lingering_seconds: 30.0,
            jitter: 0.0,
        }
    }
}

/// The states a recycle is seen in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RecyclePath {
    /// `RECYCLE`, `RECYCLING`, `ACTIVE`: as observed by a client of 2019.
    #[default]
    Recycling,
    /// `RECYCLE`, `PAUSING`, `PAUSED`, `RESUMING`, `ACTIVE`: the documents call a recycle a pause and a resume.
    PausingResuming,
}

/// What a group does when one of its stateful instances was deallocated; the vendor's documents do not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OnDeallocate {
    /// Keeps its target and launches a new stateful instance when it is below it.
    #[default]
    Replace,
    /// Lowers its target by one, and its minimum where needed.
    Decrement,
    /// Keeps its target and launches nothing.
    Keep,
}

/// Switches where the vendor's behaviour is unknown or varies.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Behaviour {
    /// Accept a recycle of a paused instance.
    pub recycle_paused: bool,
    /// The states a recycle is seen in.
    pub recycle_path: RecyclePath,
    /// States that no reader ever sees, by name; what happens in them happens at once.
    pub skip_states: Vec<String>,
    /// What follows a deallocation.
    pub on_deallocate: OnDeallocate,
    /// Virtual hours for which volumes, images and snapshots outlive a deallocation.
    pub retention_hours: f64,
    /// Virtual seconds after which an unhealthy instance is replaced.
    pub healing_seconds: f64,
    /// Answer the start of a deployment without any item, as was recorded once.
    pub empty_roll_answers: bool,
    /// Back images up also of groups that persist data; the vendor's help pages exclude that.
    pub backup_with_data: bool,
}

impl Default for Behaviour {
    fn default() -> Behaviour {
        Behaviour {
            recycle_paused: false,
            recycle_path: RecyclePath::Recycling,
            skip_states: Vec::new(),
            on_deallocate: OnDeallocate::Replace,
            retention_hours: 96.0,
            healing_seconds: 120.0,
            empty_roll_answers: false,
            backup_with_data: false,
        }
    }
}

/// What happens on entry to a phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    Nothing,
    Terminate,
    Launch,
    Release,
    Remove,
}

/// One line of the table: enter `state`, let `effect` happen, stay for `seconds`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Phase {
    pub(crate) state: State,
    pub(crate) effect: Effect,
    pub(crate) seconds: f64,
}

fn phase(state: State, effect: Effect, seconds: f64) -> Phase {
    Phase { state, effect, seconds }
}

/// The phases of an action on an instance that is in state `from`. The last one lasts.
pub(crate) fn phases(
    action: Action,
    from: &State,
    root_persisted: bool,
    latency: &Latency,
    behaviour: &Behaviour,
) -> Vec<Phase> {
    use Effect::{Launch, Nothing, Release, Remove, Terminate};
    let imaging = if root_persisted { latency.imaging_seconds } else { 0.0 };
    let (accepted, ending) = (latency.accepted_seconds, latency.terminating_seconds);
    let (replacing, booting) = (latency.replacing_seconds, latency.booting_seconds);
    let mut phases = match action {
        Action::Pause => vec![
            phase(State::Pause, Nothing, accepted),
            phase(State::Pausing, Nothing, ending),
            phase(State::Pausing, Terminate, imaging),
            phase(State::Paused, Nothing, 0.0),
        ],
        Action::Resume => vec![
            phase(State::Resume, Nothing, accepted),
            phase(State::Resuming, Nothing, replacing),
            phase(State::Resuming, Launch, booting),
            phase(State::Active, Nothing, 0.0),
        ],
        Action::Recycle => {
            let (down, between, up) = match behaviour.recycle_path {
                RecyclePath::Recycling => (State::Recycling, State::Recycling, State::Recycling),
                RecyclePath::PausingResuming => (State::Pausing, State::Paused, State::Resuming),
            };
            vec![
                phase(State::Recycle, Nothing, accepted),
                phase(down.clone(), Nothing, ending),
                phase(down, Terminate, imaging),
                phase(between, Nothing, replacing),
                phase(up, Launch, booting),
                phase(State::Active, Nothing, 0.0),
            ]
        }
        Action::Deallocate => vec![
            phase(State::Deallocate, Nothing, accepted),
            phase(State::Deallocating, Nothing, ending),
            phase(State::Deallocating, Terminate, 0.0),
            phase(State::Deallocated, Release, latency.lingering_seconds),
            phase(State::Deallocated, Remove, 0.0),
        ],
    };
    for phase in &mut phases {
        if behaviour.skip_states.iter().any(|name| name.eq_ignore_ascii_case(phase.state.name())) {
            phase.seconds = 0.0;
        }
    }
    if latency.stale_seconds > 0.0 {
        phases.insert(0, phase(from.clone(), Nothing, latency.stale_seconds));
    }
    phases
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_ends_in_the_state_the_action_promises() {
        let (latency, behaviour) = (Latency::default(), Behaviour::default());
        let last = |action| {
            let all = phases(action, &State::Active, true, &latency, &behaviour);
            all.last().map(|phase| phase.state.clone())
        };
        assert_eq!(last(Action::Pause), Some(State::Paused));
        assert_eq!(last(Action::Resume), Some(State::Active));
        assert_eq!(last(Action::Recycle), Some(State::Active));
        assert_eq!(last(Action::Deallocate), Some(State::Deallocated));
    }

    #[test]
    fn skipped_states_take_no_time_and_keep_their_effects() {
        let behaviour =
            Behaviour { skip_states: vec!["RECYCLING".to_owned()], ..Behaviour::default() };
        let all = phases(Action::Recycle, &State::Active, true, &Latency::default(), &behaviour);
        let visible: Vec<&State> =
            all.iter().filter(|phase| phase.seconds > 0.0).map(|phase| &phase.state).collect();
        assert_eq!(visible, [&State::Recycle]);
        assert!(all.iter().any(|phase| phase.effect == Effect::Launch));
    }

    #[test]
    fn state_names_survive_a_round_trip_also_unknown_ones() {
        for name in ["ACTIVE", "DEALLOCATED", "HIBERNATING"] {
            assert_eq!(State::parse(name).name(), name);
        }
    }
}
