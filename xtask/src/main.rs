//! The project's own commands, run as `cargo xtask <command>`.
//!
//! A command is a variant of [`Task`] and one function in the file of its noun.

mod checks;
mod clusters;
mod demo;
mod dist;
mod docs;
mod findings;
mod process;
mod python;
mod repository;
mod soak;
mod stage;
mod tools;

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

use process::Failure;
use repository::Repository;

/// The project's own commands.
#[derive(Parser)]
#[command(name = "cargo xtask")]
struct CommandLine {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Show the inventory of three simulated clusters and roll a new image through one; needs no account and no AWS.
    Demo(demo::Arguments),
    /// Install what the tests and the demo use: pinned Python environments, and servers where Java and Maven are found.
    Tools,
    /// Build the program and put the Ansible collection together, as links, in target/stage.
    Stage(StageArguments),
    /// Write the generated files of the collection: documentation of its modules, and which plugin runs them.
    Docs(docs::Arguments),
    /// Build a release and the collection's archive, with checksums, in target/dist.
    Dist(BuildArguments),
    /// Formatting, lints, and dependency audits where their tools are installed.
    Check,
    /// Build everything and run every test.
    Test(checks::TestArguments),
    /// Roll thousands of simulated clusters with everything that may go wrong by seed; tells how often each invariant was violated.
    Soak(soak::SoakArguments),
    /// Measure speed and memory against the bounds the project promises; builds a release, without the AWS crates unless told otherwise.
    Bench(checks::BenchArguments),
    /// Everything a change has to pass: check, then test.
    Ci,
}

#[derive(Args)]
struct StageArguments {
    #[command(flatten)]
    build: BuildArguments,
    /// How the program is compiled.
    #[arg(long, value_enum, default_value_t = Profile::Dev)]
    profile: Profile,
}

#[derive(Args)]
struct BuildArguments {
    /// Leave the AWS crates out: no facts from EC2, and minutes less to compile.
    #[arg(long)]
    no_aws: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Profile {
    Dev,
    Release,
}

fn main() -> ExitCode {
    match run(CommandLine::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            process::complain(&failure);
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<(), Failure> {
    let repository = Repository::find()?;
    match task {
        Task::Demo(arguments) => demo::run(&repository, &arguments),
        Task::Tools => tools::make_all(&repository).map(drop),
        Task::Stage(arguments) => {
            stage::run(&repository, arguments.profile, !arguments.build.no_aws)
        }
        Task::Docs(arguments) => docs::run(&repository, &arguments),
        Task::Dist(arguments) => dist::run(&repository, !arguments.no_aws),
        Task::Check => checks::check(&repository),
        Task::Test(arguments) => checks::test(&repository, &arguments),
        Task::Soak(arguments) => soak::run(&repository, &arguments),
        Task::Bench(arguments) => checks::bench(&repository, &arguments),
        Task::Ci => {
            checks::check(&repository)?;
            checks::test(&repository, &checks::TestArguments::default())
        }
    }
}
