//! What is to be done to an Elastigroup's configuration: what is wanted against what is there.

mod capacity;
mod change;
mod creation;
mod export;
mod finding;
mod footing;
mod goal;
mod image_check;
mod normal;
mod places;
mod readiness;
mod refusal;
mod secrecy;
mod shrinking;
mod subnet_choice;
mod surroundings;
mod suspending;

pub use capacity::{Aim, AimError, Capacity, Stretch, resized};
pub use change::{Changes, FieldChange, changes, merged, not_kept, overlaid};
pub use creation::completed;
pub use export::{Export, export};
pub use finding::{Found, Wanted, find};
pub use footing::{Running, moved};
pub use goal::Goal;
pub use image_check::{ImageProblem, ImageUse, image_problems};
pub use readiness::{Host, Readiness, hosts, judge};
pub use refusal::{Consent, Refusal, check_update};
pub use secrecy::{Secrecy, credentials, digest, is_digest};
pub use shrinking::{ShrinkRefusal, Step, Way, way};
pub use subnet_choice::{SubnetKind, SubnetsProblem, SubnetsWanted, choose_subnets, one_vpc};
pub use surroundings::{Misfit, Question, Sight, Surroundings, misfits};
pub use suspending::{SuspensionWish, all_meant, unseen, unsettled};

#[cfg(test)]
mod tests;
