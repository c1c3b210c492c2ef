//! Why nothing is sent.

use std::fmt;

use serde_json::{Map, Value};

use super::change::{Changes, FieldChange, at, changes, merged};
use super::normal::{is_nothing, normal};
use super::places::lost_places;

/// What cannot change once a group is there (vendor description: `unit`, `product`; its tools leave them out).
const IMMUTABLE: &[&str] =
    &["id", "region", "createdAt", "updatedAt", "capacity.unit", "compute.product"];

/// Where it is said what outlives an instance.
pub(super) const PERSISTENCE: &str = "strategy.persistence";

/// The switches there.
pub(super) const SWITCHES: &[&str] =
    &["shouldPersistRootDevice", "shouldPersistBlockDevices", "shouldPersistPrivateIp"];

/// What the caller allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Consent {
    /// Data may be lost.
    pub data_loss: bool,
}

/// Why a group is left as it is, with what shows it.
#[derive(Clone, Debug, PartialEq)]
pub enum Refusal {
    /// A new group lacks what it must have.
    Missing {
        /// The module's options.
        options: Vec<&'static str>,
    },
    /// What is to be a switch is neither on nor off.
    NoSwitch {
        /// Where it is.
        path: String,
        /// What is there.
        value: Value,
    },
    /// Data is to be persisted, and it is not said how.
    DataModeUnknown,
    /// Minimum, target and maximum are not in this order.
    CapacityOrder {
        /// The minimum.
        minimum: i64,
        /// The target.
        target: i64,
        /// The maximum.
        maximum: i64,
    },
    /// A field that cannot change is wanted to be another.
    Immutable(Box<FieldChange>),
    /// The target of a stateful group would sink below what runs, and the vendor would choose who goes.
    WouldShrink {
        /// The target that is there.
        before: i64,
        /// The one that is wanted.
        after: i64,
        /// How many instances run.
        running: usize,
    },
    /// What is persisted now would not be any more.
    LosesPersistence {
        /// Where it is.
        path: String,
    },
    /// Volumes that are attached again would not be, for nothing could be launched in their zones any more.
    LosesZones {
        /// Where zones or subnets are.
        path: &'static str,
        /// Which zones, in words.
        zones: Vec<String>,
    },
    /// A stateful group with instances is to be deleted.
    HasInstances {
        /// How many it has, paused ones included.
        instances: usize,
    },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { options } => {
                write!(f, "a new group needs {}: set these options", options.join(", "))
            }
            Self::NoSwitch { path, value } => write!(
                f,
                "{path} is {value}, and whether state is kept must be said plainly: set each switch in it to true or false"
            ),
            Self::DataModeUnknown => f.write_str(
                "data volumes are to be persisted and blockDevicesMode is not said: set persistence.data to reattach or \
                 on_launch",
            ),
            Self::CapacityOrder { minimum, target, maximum } => write!(
                f,
                "its capacity would be minimum {minimum}, target {target}, maximum {maximum}: they must be in this order"
            ),
            Self::Immutable(change) => {
                let FieldChange { path, before, after } = change.as_ref();
                write!(
                    f,
                    "{path} is {before} and cannot become {after}: make another group instead"
                )
            }
            Self::WouldShrink { before, after, running } => write!(
                f,
                "its target is {before} and would be {after} while {running} stateful instances run, and the vendor would \
                 choose which of them goes: name them to elastigroup_capacity"
            ),
            Self::LosesPersistence { path } => write!(
                f,
                "{path} would be switched off, and with the next replacement of an instance what it keeps would be lost: \
                 set confirm_data_loss if that is meant"
            ),
            Self::LosesZones { path, zones } => write!(
                f,
                "{path} would have nothing in {} any more, and the next replacement of an instance from there would have new volumes in \
                 another zone, from whatever snapshots there are: leave it as it is, or set confirm_data_loss if that is meant",
                zones.join(" and in ")
            ),
            Self::HasInstances { instances } => write!(
                f,
                "it is stateful and has {instances} instance{}: set confirm_data_loss if they and their data may go",
                if *instances == 1 { "" } else { "s" }
            ),
        }
    }
}

/// Whether the changes may be made, and which they are. `running` is how many stateful instances run; none if the group
/// has no state, or if nobody counted because its target does not sink.
///
/// # Errors
///
/// The first reason why not.
pub fn check_update(
    wanted: &Map<String, Value>,
    current: &Map<String, Value>,
    running: Option<usize>,
    consent: Consent,
) -> Result<Changes, Refusal> {
    let changes = changes(wanted, current);
    for change in &changes.0 {
        if IMMUTABLE.contains(&change.path.as_str()) {
            return Err(Refusal::Immutable(Box::new(change.clone())));
        }
        if is_of_switch(&change.path) && !change.after.is_null() && switch(&change.after).is_none()
        {
            return Err(no_switch(change.path.clone(), &change.after));
        }
    }
    let before = Value::Object(normal(current));
    let after = Value::Object(merged(&normal(current), &changes.patch(current)));
    // A whole branch may be cleared, and its leaves with it.
    for path in IMMUTABLE {
        let (was, is) = (at(&before, path), at(&after, path));
        if !was.is_null() && is.is_null() {
            let (path, before, after) = ((*path).to_owned(), was.clone(), Value::Null);
            return Err(Refusal::Immutable(Box::new(FieldChange { path, before, after })));
        }
    }
    check_order(&after)?;
    // What each of them weighs is not known here, so any may be too many.
    let is_weighed = at(&after, "capacity.unit") == "weight";
    if let Some(target) = changes.of("capacity.target") {
        let (before, after) = (whole(&target.before), whole(&target.after));
        if let (Some(before), Some(after), Some(running)) = (before, after, running)
            && after < before
            && (is_weighed && running > 0
                || usize::try_from(after).is_ok_and(|after| after < running))
        {
            return Err(Refusal::WouldShrink { before, after, running });
        }
    }
    if let Some(loss) = lost_persistence(&before, &after)
        && !consent.data_loss
    {
        return Err(loss);
    }
    Ok(changes)
}

/// What is persisted and would be no longer, as it is said or because a branch that it is in is cleared.
fn lost_persistence(before: &Value, after: &Value) -> Option<Refusal> {
    let path = |name: &str| format!("{PERSISTENCE}.{name}");
    for switch in ["shouldPersistRootDevice", "shouldPersistBlockDevices"] {
        let path = path(switch);
        if is_on(at(before, &path)) && !is_on(at(after, &path)) {
            return Some(Refusal::LosesPersistence { path });
        }
    }
    // With another mode, or with the vendor's default, volumes are made anew from snapshots.
    let mode = path("blockDevicesMode");
    let reattaches = |config: &Value| at(config, &mode) == "reattach";
    if !reattaches(before) {
        return None;
    }
    if !reattaches(after) {
        return Some(Refusal::LosesPersistence { path: mode });
    }
    // In another zone they are, too.
    if !is_on(at(before, &path("shouldPersistBlockDevices"))) {
        return None;
    }
    lost_places(before, after).map(|(path, zones)| Refusal::LosesZones { path, zones })
}

/// What a switch says, also one that is written as a text; nothing where it is neither on nor off.
pub(super) fn switch(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(is_on) => Some(*is_on),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// Whether a switch is on.
pub(super) fn is_on(value: &Value) -> bool {
    switch(value) == Some(true)
}

/// Refuses what would be persistence and says neither yes nor no: taken for no, it would lose data.
pub(super) fn check_switches(wanted: &Map<String, Value>) -> Result<(), Refusal> {
    let stated = wanted.get("strategy").and_then(|strategy| strategy.get("persistence"));
    let parts = match stated {
        None | Some(Value::Null) => return Ok(()),
        Some(Value::Array(parts)) => parts.as_slice(),
        Some(one) => std::slice::from_ref(one),
    };
    for part in parts {
        let Value::Object(fields) = part else {
            return Err(no_switch(PERSISTENCE.to_owned(), part));
        };
        for name in SWITCHES {
            let value = fields.get(*name).unwrap_or(&Value::Null);
            if !is_nothing(value) && switch(value).is_none() {
                return Err(no_switch(format!("{PERSISTENCE}.{name}"), value));
            }
        }
    }
    Ok(())
}

/// Whether a change there sets one of the switches, or something else in place of them all.
fn is_of_switch(path: &str) -> bool {
    let inner = path.strip_prefix(PERSISTENCE);
    inner.is_some_and(|rest| {
        rest.is_empty() || rest.strip_prefix('.').is_some_and(|name| SWITCHES.contains(&name))
    })
}

fn no_switch(path: String, value: &Value) -> Refusal {
    Refusal::NoSwitch { path, value: value.clone() }
}

/// A whole number, also one that is written as a text.
pub(super) fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Minimum, target and maximum, as far as all three are told.
pub(super) fn check_order(config: &Value) -> Result<(), Refusal> {
    let number = |name: &str| whole(at(config, &format!("capacity.{name}")));
    match (number("minimum"), number("target"), number("maximum")) {
        (Some(minimum), Some(target), Some(maximum))
            if minimum > target || target > maximum || minimum < 0 =>
        {
            Err(Refusal::CapacityOrder { minimum, target, maximum })
        }
        _ => Ok(()),
    }
}
