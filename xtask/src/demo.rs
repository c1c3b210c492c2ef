//! The demonstration: the simulator's three clusters seen through Ansible, and a new image rolled through one of them.

mod inventory;
mod roll;
mod simulator;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use clap::Args;

use crate::process::{self, Failure, say};
use crate::repository::{Repository, named};
use crate::{python, stage, tools};

const TOKEN: &str = "demo-token";
const ACCOUNT: &str = "act-demo0001";
const INVENTORY: &str = "inventories/demo.spotinst_esg.yml";

/// The demonstration is to take no longer than this, once all is compiled.
const LONG: Duration = Duration::from_secs(120);

/// Arguments of `demo`.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Leave the simulator running for two hours, and print what to type to use it.
    #[arg(long)]
    keep: bool,
}

/// What the demonstration runs.
struct Parts<'a> {
    repository: &'a Repository,
    ansible: PathBuf,
    product: PathBuf,
    simulator: PathBuf,
}

/// Runs the demonstration.
pub(crate) fn run(repository: &Repository, arguments: &Arguments) -> Result<(), Failure> {
    let ansible = tools::make(repository, &tools::ANSIBLE)?;
    say("Compiling without the AWS crates, one or two minutes on two cores the first time ...");
    let programs = repository.build(&[
        "--package=spotinst-esg",
        "--package=spot-sim",
        "--bins",
        "--no-default-features",
    ])?;
    let product = named(&programs, "spotinst-esg")?.clone();
    let simulator = named(&programs, "spot-sim")?.clone();
    stage::make(repository, &product)?;
    let parts = Parts { repository, ansible, product, simulator };
    if arguments.keep { simulator::keep(&parts) } else { show(&parts) }
}

/// Everything in turn, on a simulator that lives no longer than this process. Whatever ends it, nothing is left.
fn show(parts: &Parts) -> Result<(), Failure> {
    process::end_orderly()?;
    #[expect(clippy::disallowed_methods, reason = "nothing is decided by it, it is only told")]
    let began = Instant::now();
    let scratch = simulator::folder()?;
    let simulator = simulator::Simulator::start(parts, scratch.path())?;
    let scene = Scene { parts, scratch: scratch.path(), url: simulator.url.clone() };
    say(&format!(
        "A simulator of the Spot API listens on {}; nothing leaves this machine.",
        scene.url
    ));
    let shown = inventory::show(&scene).and_then(|()| roll::show(&scene));
    let ended = simulator.end();
    if process::is_interrupted() {
        return Err(Failure::Other(
            "interrupted; the simulator and its machines have ended".to_owned(),
        ));
    }
    shown.and(ended)?;
    let took = began.elapsed();
    let pace =
        if took > LONG { ", longer than two minutes: this machine is slow or busy" } else { "" };
    say(&format!(
        "\nThe simulator and its machines have ended, after {} s{pace}. `cargo xtask demo --keep` leaves them running to try things with.",
        took.as_secs()
    ));
    Ok(())
}

/// A simulator that listens, and the folder in which everything is kept.
struct Scene<'a> {
    parts: &'a Parts<'a>,
    scratch: &'a Path,
    url: String,
}

impl Scene<'_> {
    /// A program of Ansible in the repository's root, set up for the simulator.
    fn ansible(&self, name: &str) -> Command {
        let mut command = python::program(&self.parts.ansible, name);
        command.current_dir(self.parts.repository.path(""));
        // With another home no file of the user is read, and the cached answer goes when the demonstration ends.
        command.env("HOME", self.scratch).env("ANSIBLE_HOME", self.scratch.join("ansible"));
        command.env("PATH", python::path_with(&self.folders().each_ref().map(PathBuf::as_path)));
        for (name, value) in self.settings() {
            command.env(name, value);
        }
        command
    }

    /// Where Ansible, the product and what stands for programs of the machines are.
    fn folders(&self) -> [PathBuf; 3] {
        let product = self.parts.product.parent().unwrap_or(Path::new("."));
        let machines = self.parts.repository.path("xtask/demo/bin");
        [machines, self.parts.ansible.join("bin"), product.to_owned()]
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        let inside = |name: &str| self.parts.repository.path(name).display().to_string();
        vec![
            ("ANSIBLE_CONFIG", inside("ansible/ansible.cfg")),
            ("SPOTINST_BASE_URL", self.url.clone()),
            ("SPOTINST_API_TOKEN", TOKEN.to_owned()),
            ("SPOTINST_ACCOUNT_ID", ACCOUNT.to_owned()),
            ("SPOTINST_ESG_STATE_DIR", self.scratch.join("runs").display().to_string()),
            (simulator::FOLDER, self.scratch.display().to_string()),
            // Of a roll only what changes, what is said and what fails.
            ("ANSIBLE_CALLBACK_PLUGINS", inside("xtask/demo/callback")),
            ("ANSIBLE_STDOUT_CALLBACK", "brief".to_owned()),
            ("ANSIBLE_DISPLAY_OK_HOSTS", "false".to_owned()),
            ("ANSIBLE_DISPLAY_SKIPPED_HOSTS", "false".to_owned()),
        ]
    }
}

/// Prints the command as it would be typed, and runs it.
fn present(command: &mut Command) -> Result<(), Failure> {
    announce(command);
    process::run(command)
}

fn announce(command: &Command) {
    say(&format!("\n$ {}", process::typed(command).replace(&folder_of(command), "")));
}

/// What stands before the program's name; nobody would type it.
fn folder_of(command: &Command) -> String {
    let folder = Path::new(command.get_program()).parent();
    folder.map(|folder| format!("{}/", folder.display())).unwrap_or_default()
}
