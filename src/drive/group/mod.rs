//! Making, changing and deleting groups, and waiting for what they are to have.

mod error;
mod keeper;
mod standing;

pub use error::GroupError;
pub use keeper::{Keeper, Made};
pub use standing::{Patience, Standing};
