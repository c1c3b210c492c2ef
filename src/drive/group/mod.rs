//! Making, changing and deleting groups, and waiting for what they are to have.

mod basis;
mod error;
mod keeper;
mod standing;
mod surroundings;

pub use basis::{Basis, kept_instances};
pub use error::GroupError;
pub use keeper::{Keeper, Made};
pub use standing::{Awaited, Patience, Standing};
pub use surroundings::{
    SubnetsFound, Vicinity, look_around, look_up_security_groups, look_up_subnets,
};
