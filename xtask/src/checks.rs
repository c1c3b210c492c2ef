//! What a change has to pass.

use std::process::{Command, Stdio};

use clap::Args;

use crate::process::{self, Failure};
use crate::repository::{Repository, named};
use crate::{clusters, stage, tools};

/// Arguments of `test`.
#[derive(Args, Default)]
pub(crate) struct TestArguments {
    /// Passed on to `cargo test`, such as the name of a test.
    #[arg(last = true)]
    cargo: Vec<String>,
}

/// Formatting, lints, and the audits that can run here.
pub(crate) fn check(repository: &Repository) -> Result<(), Failure> {
    process::say("Checking the formatting ...");
    process::run(&mut repository.cargo(&["fmt", "--all", "--check"]))?;
    process::say(
        "Linting; the AWS crates are checked too, some minutes on two cores the first time ...",
    );
    let lints = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
    process::run(&mut repository.cargo(&lints))?;
    audit(repository, "deny", &["deny", "check"])?;
    audit(repository, "audit", &["audit"])
}

/// These two are no part of Rust and read advisories from the network, so they are not demanded.
fn audit(repository: &Repository, tool: &str, arguments: &[&str]) -> Result<(), Failure> {
    let mut probe = Command::new(format!("cargo-{tool}"));
    probe.args([tool, "--version"]);
    probe.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if !probe.status().is_ok_and(|status| status.success()) {
        process::say(&format!("Not run: cargo {tool}, which is not installed."));
        return Ok(());
    }
    process::say(&format!("Running cargo {tool} ..."));
    process::run(&mut repository.cargo(arguments))
}

/// Every test of the workspace, with what the tests need to run Ansible.
pub(crate) fn test(repository: &Repository, arguments: &TestArguments) -> Result<(), Failure> {
    let tools = tools::make_all(repository)?;
    process::say(
        "Compiling everything; the AWS crates alone take about four minutes on two cores the first \
         time ...",
    );
    let programs = repository.build(&["--workspace", "--all-targets"])?;
    let stage = stage::make(repository, named(&programs, "spotinst-esg")?)?;
    process::say(&format!("The collection is in {}", stage.display()));
    let mut command = repository.cargo(&["test", "--workspace"]);
    command.args(&arguments.cargo);
    command.env("SPOTINST_ESG_TOOLS", &tools).env("AWS_EC2_METADATA_DISABLED", "true");
    if let Some(line) = clusters::not_run(repository)? {
        process::say(&line);
        command.env("SPOTINST_ESG_SERVERS", "none");
    }
    process::say(&format!("Running {} ...", process::typed(&command)));
    process::run(&mut command)?;
    process::say(
        "All tests passed: the library's, the programs', the simulator's and, with both versions of Ansible, the collection's.",
    );
    Ok(())
}

/// Arguments of `bench`.
#[derive(Args)]
pub(crate) struct BenchArguments {
    /// Compile the AWS crates too, a quarter of an hour the first time, and measure what asks AWS.
    #[arg(long)]
    aws: bool,
}

/// Speed and memory of release builds, against their bounds.
pub(crate) fn bench(repository: &Repository, arguments: &BenchArguments) -> Result<(), Failure> {
    let tools = tools::make_all(repository)?;
    let mut wanted = Vec::new();
    for bench in ["inventory", "market", "rolling"] {
        wanted.extend(["--bench", bench]);
    }
    let with = if arguments.aws {
        wanted.extend(["--bench", "offers"]);
        "with"
    } else {
        wanted.push("--no-default-features");
        "without"
    };
    process::say(&format!(
        "Compiling a release {with} the AWS crates, some minutes the first time ..."
    ));
    // With the same dependencies as the benches have, so that nothing is compiled twice.
    let programs = repository.programs("bench", &[&["--no-run"], &wanted[..]].concat())?;
    stage::make(repository, named(&programs, "spotinst-esg")?)?;
    let mut command = repository.cargo(&["bench", "--no-fail-fast"]);
    command.args(wanted);
    command.env("SPOTINST_ESG_TOOLS", &tools);
    process::run(&mut command)
}
