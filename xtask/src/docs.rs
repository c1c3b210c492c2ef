//! The generated files of the collection.
//!
//! The product's program writes them itself: so xtask need not compile the product into its own program, nor know
//! anything of modules.

use std::process::Command;

use clap::Args;

use crate::Profile;
use crate::process::{self, Failure};
use crate::repository::Repository;

/// Arguments of `docs`.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Write nothing, and fail if a file is not as it would be written.
    #[arg(long)]
    check: bool,
}

/// Writes or compares them.
pub(crate) fn run(repository: &Repository, arguments: &Arguments) -> Result<(), Failure> {
    // No module's documentation depends on the AWS crates.
    let mut command = Command::new(repository.build_program(Profile::Dev, false)?);
    command.args(["module-docs", "--output"]).arg(repository.path("ansible"));
    if arguments.check {
        command.arg("--check");
    }
    process::run(&mut command)?;
    process::say("The generated files of the collection are as its modules say.");
    Ok(())
}
