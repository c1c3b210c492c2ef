//! What Ansible expects of a module, for modules written in Rust: arguments, check mode, diff, the reply, documentation.
//!
//! A [`Module`] says what its arguments and returns are by the types [`Module::Args`] and [`Module::Returns`], and decides
//! in [`Module::plan`]. Everything else is done here, the same for all: options are checked and coerced as Ansible does it,
//! the planned act is carried out unless it is check mode, and one JSON object is answered whatever happens.

mod arguments;
mod coerce;
mod docs;
mod emptiness;
mod module;
mod protocol;
mod python;
mod reply;
mod schema;
mod spec;
mod yaml;

pub use arguments::{Checked, Settings, check};
pub use docs::{Collection, documentation};
pub use emptiness::Emptiness;
pub use module::{AnyModule, Context, Failure, Module, Outcome, Planned};
pub use protocol::{Answer, Prepared, hide_panics, read, run};
pub use reply::{Deprecation, Diff, HIDDEN, Reply};
pub use spec::{ArgumentSpec, Choice, OptionSpec, Shape, SpecError};
