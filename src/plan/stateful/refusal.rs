//! Why an action was not begun.

use std::fmt;

use super::snapshot::ZonePin;
use crate::domain::{ImageId, InstanceId, StatefulState};

/// What to do about a machine that is not proved to have what the one before had.
pub const LOOK_FIRST: &str = "start nothing on it before you have seen that it has its data (the old volumes may still be there); what \
     may differ is waived by checks (same_volumes, same_zone, same_private_ip: waived), and an image that cannot be told by leaving \
     image_id out";

/// Why an action was not begun, with what was seen. Nothing has been changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is not listed.
    Absent,
    /// Its state does not allow the action.
    WrongState {
        /// What was seen.
        state: StatefulState,
        /// The states that would do, in words.
        needed: &'static str,
    },
    /// Something else is being done to it.
    Busy {
        /// What was seen.
        state: StatefulState,
        /// Whether naming the expected instance would let this call wait for it.
        may_join: bool,
    },
    /// It runs as another EC2 instance than the caller believes.
    OtherInstance {
        /// The caller's.
        expected: InstanceId,
        /// The one seen, if any.
        found: Option<InstanceId>,
        /// What is not proved of the one seen, if it could otherwise be the result that is wanted.
        unmet: Vec<String>,
    },
    /// It was replaced before this looked, and nothing tells what the machine before had.
    ReplacedUnproved {
        /// The caller's.
        expected: InstanceId,
        /// The one that runs.
        found: InstanceId,
        /// What is not known, with the reason.
        unknown: Vec<String>,
    },
    /// Nothing shows that the machine which the caller believes to be replaced ever was its machine.
    NeverItsMachine {
        /// The caller's.
        expected: InstanceId,
        /// The one seen, if any.
        found: Option<InstanceId>,
        /// When that was launched, in the vendor's spelling.
        launched: Option<String>,
        /// The other instance of the group whose machine it is, or was.
        of_another: Option<String>,
        /// What could not be read.
        unread: Vec<String>,
    },
    /// It is listed as running and without an EC2 instance: a new one could not be told from it.
    NoInstance,
    /// The image asked for cannot be proved afterwards.
    ImageUnprovable {
        /// The one asked for.
        wanted: ImageId,
    },
    /// The replacement would boot from another image.
    OtherImage {
        /// The one asked for.
        wanted: ImageId,
        /// The one configured.
        configured: ImageId,
    },
    /// A required check cannot be met.
    CheckHopeless {
        /// Its name.
        name: &'static str,
        /// Why.
        because: &'static str,
    },
    /// What has to be the same afterwards is not told now, so it could not be proved.
    Untold {
        /// The names of the checks, each with what is not told.
        unknown: Vec<(&'static str, &'static str)>,
    },
    /// Its next machine may be launched in another zone, where its volumes are not, and nobody has said that data may be lost.
    ZoneNotPinned {
        /// Why.
        pin: ZonePin,
    },
    /// The volume belongs to another instance.
    VolumeOfAnother {
        /// The volume.
        volume: String,
        /// Whose it is.
        holder: String,
    },
    /// The vendor does not tell whose volume it is.
    VolumeUnproved {
        /// The volume.
        volume: String,
    },
    /// Data would be deleted, and nobody has said that this is meant.
    DataLossUnconfirmed {
        /// The volumes that are known.
        volumes: Vec<String>,
    },
    /// Its volumes do not come back, and nobody has said that what is on them may be lost.
    DataNotReattached {
        /// The volumes that are known.
        volumes: Vec<String>,
        /// How they are persisted, in the vendor's word; none if they are not.
        mode: Option<String>,
    },
}

impl fmt::Display for Refusal {
    /// A fragment that completes "cannot recycle … : ".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("it is not listed; check the ids and the account"),
            Self::WrongState { state, needed } => {
                let hint = match state {
                    StatefulState::Error => "; the group's log says why it failed",
                    StatefulState::Other(_) => "; this state is not known and proves nothing",
                    StatefulState::Active
                    | StatefulState::Pause
                    | StatefulState::Pausing
                    | StatefulState::Paused
                    | StatefulState::Resume
                    | StatefulState::Resuming
                    | StatefulState::Recycle
                    | StatefulState::Recycling
                    | StatefulState::Deallocate
                    | StatefulState::Deallocating
                    | StatefulState::Deallocated => "",
                };
                write!(f, "its state is {state}, it must be {needed}{hint}")
            }
            Self::Busy { state, may_join: true } => write!(
                f,
                "its state is {state}: an action is underway; wait for it, or name the expected instance_id to join it"
            ),
            Self::Busy { state, may_join: false } => {
                write!(f, "its state is {state}: another action is underway; wait until it is over")
            }
            Self::OtherInstance { expected, found, unmet } => {
                match found {
                    Some(found) => write!(f, "expected instance {expected}, found {found}")?,
                    None => write!(f, "expected instance {expected}, found none")?,
                }
                if unmet.is_empty() {
                    return f.write_str("; read it again and decide anew");
                }
                write!(f, ", of which is not proved: {}; {LOOK_FIRST}", unmet.join("; "))
            }
            Self::ReplacedUnproved { expected, found, unknown } => write!(
                f,
                "{expected} has been replaced by {found} already, and no record here tells what it had, so not proved is: {}; {LOOK_FIRST}",
                unknown.join("; ")
            ),
            Self::NeverItsMachine { expected, found, launched, of_another, unread } => {
                write!(f, "instance {expected} is not known to have been its machine")?;
                match of_another {
                    Some(other) => write!(f, ", but that of {other}")?,
                    None => f.write_str(
                        ": no journal or record here and no line of the vendor's log of the last 90 days names it",
                    )?,
                }
                if !unread.is_empty() {
                    write!(f, " (not read: {})", unread.join("; "))?;
                }
                let found = found.as_ref().map_or("none", InstanceId::as_str);
                let launched = launched.as_deref().unwrap_or("at a time that is not told");
                write!(
                    f,
                    "; it runs as {found}, launched {launched}; see whether that is the new machine already, and set instance_id to it if \
                     it is to be recycled"
                )
            }
            Self::NoInstance => f.write_str(
                "it is ACTIVE without an instance id, so a new instance could not be told from it; try again later",
            ),
            Self::ImageUnprovable { wanted } => write!(
                f,
                "image {wanted} cannot reach it, nor be proved, while the root volume is persisted; switch root \
                 persistence off first, or leave image_id out"
            ),
            Self::OtherImage { wanted, configured } => write!(
                f,
                "image {wanted} is wanted, but {configured} is configured and would be booted; change the image first"
            ),
            Self::CheckHopeless { name, because } => {
                write!(f, "{name} is required, but {because}; waive it or change the persistence")
            }
            Self::Untold { unknown } => {
                let what: Vec<&str> = unknown.iter().map(|(_, what)| *what).collect();
                let waived: Vec<String> =
                    unknown.iter().map(|(name, _)| format!("{name}: waived")).collect();
                write!(
                    f,
                    "the vendor does not tell its {}, so that the next machine has the same could not be proved; try again later, or \
                     set {} in checks",
                    what.join(", "),
                    waived.join(", ")
                )
            }
            Self::ZoneNotPinned { pin } => write!(
                f,
                "{pin}, and in another zone its data volumes are made from snapshots, so what was written since is lost; set \
                 confirm_data_loss if this is meant"
            ),
            Self::VolumeOfAnother { volume, holder } => {
                write!(f, "volume {volume} belongs to {holder}; check the id")
            }
            Self::VolumeUnproved { volume } => write!(
                f,
                "the vendor lists no volumes here, so nothing proves whose {volume} is; set confirm_data_loss to \
                 delete it all the same"
            ),
            Self::DataNotReattached { volumes, mode } => {
                let what = match volumes.as_slice() {
                    [] => "its data volumes".to_owned(),
                    volumes => format!("its data volumes ({})", volumes.join(", ")),
                };
                match mode {
                    None => write!(f, "{what} are not persisted, so what is on them is lost with its machine")?,
                    Some(mode) => write!(
                        f,
                        "{what} are persisted ({mode}), but not reattached, so what is on them is lost, or goes back to the last snapshot"
                    )?,
                }
                f.write_str("; set confirm_data_loss if this is meant")
            }
            Self::DataLossUnconfirmed { volumes } if volumes.is_empty() => f.write_str(
                "its volumes, snapshots or images would be deleted; set confirm_data_loss if this is meant",
            ),
            Self::DataLossUnconfirmed { volumes } => write!(
                f,
                "its volumes ({}), their snapshots or its images would be deleted; set confirm_data_loss if this is meant",
                volumes.join(", ")
            ),
        }
    }
}
