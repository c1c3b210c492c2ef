//! Rolls over simulated clusters, by the thousand.

use clap::Args;

use crate::process::{self, Failure};
use crate::repository::Repository;

/// Arguments of `soak`.
#[derive(Args)]
pub(crate) struct SoakArguments {
    /// How many rolls.
    #[arg(long, default_value_t = 10_000)]
    rolls: u64,
    /// The first seed. With --rolls 1 it is told all of that one roll.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Compile a release, which takes minutes longer and rolls several times as fast.
    #[arg(long)]
    release: bool,
}

/// Runs the test of that name with another number of rolls. It prints what came of them, and the seeds of those that failed.
pub(crate) fn run(repository: &Repository, arguments: &SoakArguments) -> Result<(), Failure> {
    let mut command = repository.cargo(&["test", "--no-default-features"]);
    if arguments.release {
        command.arg("--release");
    }
    command.args(["--test", "cluster_rolls", "what_must_hold", "--", "--nocapture"]);
    command.env("CLUSTER_ROLLS", arguments.rolls.to_string());
    command.env("CLUSTER_ROLLS_FROM", arguments.from.to_string());
    process::say(&format!(
        "Rolling {} simulated clusters; in a dev build it takes about a minute for each thousand ...",
        arguments.rolls
    ));
    process::run(&mut command)
}
