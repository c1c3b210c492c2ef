//! Acting on one stateful instance: whether it may be done, whether it is done, and what of it is proved.
//!
//! [`may_act`] decides before anything is sent, [`Watch`] judges each observation afterwards, [`checks`] compares the
//! instance after a recycle with the one before. None of them trusts the sight of an intermediate state: the vendor's
//! list may lag, and short states are skipped between two looks.

mod checks;
mod decision;
mod origin;
mod phases;
mod refusal;
mod snapshot;
mod stage;
mod watch;

#[cfg(test)]
mod tests;

pub(crate) use checks::knowing_nothing;
pub use checks::{Check, Demand, checks, unmet};
pub use decision::{Expectations, Settled, Situation, Step, may_act};
pub use origin::{Origin, Traces, origin};
pub use phases::{Phase, Phases};
pub use refusal::{LOOK_FIRST, Refusal};
pub use snapshot::{Promises, Snapshot, ZonePin};
pub use watch::{Failure, Outlook, Trace, Waiting, Watch, trace};
