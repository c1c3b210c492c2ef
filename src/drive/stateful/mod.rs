//! Acting on one stateful instance: look, decide, ask once, look until it is done, check.
//!
//! What is decided is decided in [`crate::plan::stateful`]; here it is carried out. An action is asked for once. Only
//! when its reply was lost and looks over two minutes find the instance untouched, it is asked for once more.

mod act;
mod error;
mod looking;
mod pursuit;
mod record;
mod sight;

pub use act::{Actor, Carried, Job, Permit};
pub use error::{ActError, Failed};
pub(in crate::drive) use pursuit::ends_sight;
pub use pursuit::{TRACE_WINDOW, unproved};
pub use record::Records;
pub use sight::{Sight, look};
