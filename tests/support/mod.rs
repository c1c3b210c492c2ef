//! What several test binaries share. Each uses a part of it.

#![allow(dead_code, reason = "every test binary compiles the whole folder and uses its own part")]
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without, it panics on")]

pub(crate) mod ansible;
#[cfg(feature = "kafka")]
pub(crate) mod brokers;
pub(crate) mod canned;
pub(crate) mod cli;
pub(crate) mod cluster;
pub(crate) mod description;
#[cfg(feature = "aws")]
pub(crate) mod health;
pub(crate) mod keepers;
pub(crate) mod killing;
#[cfg(feature = "aws")]
pub(crate) mod market;
pub(crate) mod module;
pub(crate) mod moto;
pub(crate) mod roll;
pub(crate) mod searching;

use std::path::PathBuf;

/// Where xtask puts foreign programs.
#[expect(
    clippy::disallowed_methods,
    reason = "tests are told by the environment where xtask put its tools"
)]
pub(crate) fn tools() -> PathBuf {
    let default = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(".tools");
    std::env::var_os("SPOTINST_ESG_TOOLS").map_or_else(default, PathBuf::from)
}
