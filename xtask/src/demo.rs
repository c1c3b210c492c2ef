//! The demonstration: the simulator's three clusters, seen through Ansible.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use clap::Args;
use serde_json::Value;

use crate::process::{self, Failure, say};
use crate::repository::{Repository, named};
use crate::{findings, python, stage, tools};

const TOKEN: &str = "demo-token";
const ACCOUNT: &str = "act-demo0001";
const INVENTORY: &str = "inventories/demo.spotinst_esg.yml";

/// How long a simulator that was left running stays, in seconds.
const KEPT_FOR: u32 = 7200;

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
    if arguments.keep { keep(&parts) } else { show(&parts) }
}

/// Starts the simulator for as long as this process lives, and shows the inventory.
fn show(parts: &Parts) -> Result<(), Failure> {
    let scratch = tempfile::tempdir()
        .map_err(|error| Failure::Other(format!("cannot make a temporary folder: {error}")))?;
    let mut command = serve(parts, scratch.path());
    // The simulator ends when this pipe does, so it cannot outlive a demonstration that was killed.
    command.arg("--exit-with-parent").stdin(Stdio::piped()).stdout(Stdio::null());
    let mut simulator = process::start(&mut command)?;
    let shown = wait_for_url(&mut simulator, scratch.path()).and_then(|url| {
        say(&format!("A simulator of the Spot API listens on {url}; nothing leaves this machine."));
        show_inventory(parts, scratch.path(), &url)
    });
    drop(simulator.stdin.take());
    let ended = simulator.wait();
    shown?;
    ended.map_err(|error| Failure::Other(format!("cannot wait for the simulator: {error}")))?;
    say(
        "\nThe simulator has ended. `cargo xtask demo --keep` leaves one running to try things with.",
    );
    Ok(())
}

fn serve(parts: &Parts, scratch: &Path) -> Command {
    let mut command = Command::new(&parts.simulator);
    command.args(["serve", "--demo", "--listen", "127.0.0.1:0", "--url-file"]);
    command.arg(scratch.join("url"));
    command
}

/// The file appears once the simulator listens.
fn wait_for_url(simulator: &mut Child, scratch: &Path) -> Result<String, Failure> {
    let file = scratch.join("url");
    let url = process::poll(Duration::from_secs(20), || {
        if let Ok(Some(status)) = simulator.try_wait() {
            let text = format!("the simulator ended with {status} before it listened");
            return Err(Failure::Other(text));
        }
        let text = fs::read_to_string(&file).unwrap_or_default();
        Ok(Some(text.trim().to_owned()).filter(|url| !url.is_empty()))
    })?;
    url.ok_or_else(|| Failure::Other("the simulator did not listen within 20 seconds".to_owned()))
}

fn show_inventory(parts: &Parts, scratch: &Path, url: &str) -> Result<(), Failure> {
    announce(&ansible_inventory(parts, scratch, url, &["--graph"]));
    process::run(&mut ansible_inventory(parts, scratch, url, &["--graph"]))?;

    let first = calls(parts, url)?;
    let mut list = ansible_inventory(parts, scratch, url, &["--list"]);
    announce(&list);
    let text = process::output(&mut list)?;
    let document: Value = serde_json::from_str(&text)
        .map_err(|error| Failure::Other(format!("ansible-inventory wrote no JSON: {error}")))?;
    say(&findings::shortened(&document));

    let second = calls(parts, url)?.split_off(first.len());
    say("\nWhat this shows:");
    for line in findings::explain(&document, &first, &second) {
        say(&format!("  - {line}"));
    }
    Ok(())
}

fn announce(command: &Command) {
    say(&format!("\n$ {}", process::typed(command).replace(&folder_of(command), "")));
}

/// What stands before the program's name; nobody would type it.
fn folder_of(command: &Command) -> String {
    let folder = Path::new(command.get_program()).parent();
    folder.map(|folder| format!("{}/", folder.display())).unwrap_or_default()
}

fn ansible_inventory(parts: &Parts, scratch: &Path, url: &str, arguments: &[&str]) -> Command {
    let mut command = python::program(&parts.ansible, "ansible-inventory");
    command.current_dir(parts.repository.path("")).args(["-i", INVENTORY]).args(arguments);
    // With another home no file of the user is read, and the cached answer goes when the demonstration ends.
    command.env("HOME", scratch).env("ANSIBLE_HOME", scratch.join("ansible"));
    for (name, value) in settings(parts.repository, url) {
        command.env(name, value);
    }
    command
}

fn settings(repository: &Repository, url: &str) -> [(&'static str, String); 4] {
    let config = repository.path("ansible/ansible.cfg");
    [
        ("ANSIBLE_CONFIG", config.display().to_string()),
        ("SPOTINST_BASE_URL", url.to_owned()),
        ("SPOTINST_API_TOKEN", TOKEN.to_owned()),
        ("SPOTINST_ACCOUNT_ID", ACCOUNT.to_owned()),
    ]
}

/// The calls that the simulator got, as `GET /path`, oldest first.
fn calls(parts: &Parts, url: &str) -> Result<Vec<String>, Failure> {
    const ASK: &str = "import json, sys, urllib.request as r; \
                       o = r.build_opener(r.ProxyHandler({})); \
                       [print(c['method'], c['path']) for c in \
                       json.load(o.open(sys.argv[1] + '/_sim/requests', timeout=10))['requests']]";
    let mut python = python::program(&parts.ansible, "python");
    let text = process::output(python.args(["-c", ASK, url]))?;
    Ok(text.lines().map(str::to_owned).collect())
}

/// Starts the simulator on its own and prints how to use and stop it.
fn keep(parts: &Parts) -> Result<(), Failure> {
    let scratch = tempfile::Builder::new().prefix("spotinst-esg-demo").tempdir();
    let scratch = scratch
        .map_err(|error| Failure::Other(format!("cannot make a temporary folder: {error}")))?;
    let log = scratch.path().join("log");
    let file = fs::File::create(&log).map_err(Failure::file("write", &log))?;
    let errors = file.try_clone().map_err(Failure::file("write", &log))?;
    let mut command = serve(parts, scratch.path());
    command.args(["--exit-after", &KEPT_FOR.to_string()]);
    // A process group of its own: an interrupt typed at this terminal later is not meant for it.
    command.stdin(Stdio::null()).stdout(file).stderr(errors).process_group(0);
    let mut simulator = process::start(&mut command)?;
    let url = wait_for_url(&mut simulator, scratch.path()).map_err(|failure| {
        let said = fs::read_to_string(&log).unwrap_or_default();
        let stopped = simulator.kill().and_then(|()| simulator.wait());
        let state = stopped.map_or_else(|error| error.to_string(), |status| status.to_string());
        Failure::Other(format!("{failure} ({state}): {}", said.trim()))
    })?;
    // From here on the folder stays: the simulator goes on writing its log there.
    let scratch = scratch.keep();
    say(&format!("A simulator of the Spot API listens on {url} for {} minutes.", KEPT_FOR / 60));
    say("Type this in a shell:\n");
    let product = parts.product.parent().unwrap_or(Path::new("."));
    let venv = parts.ansible.join("bin");
    say(&format!("export PATH=\"{}:{}:$PATH\"", venv.display(), product.display()));
    for (name, value) in settings(parts.repository, &url) {
        say(&format!("export {name}=\"{value}\""));
    }
    say("export AWS_EC2_METADATA_DISABLED=true");
    say(&format!("cd \"{}\"", parts.repository.path("").display()));
    say(&format!("ansible-inventory -i {INVENTORY} --graph\n"));
    say(&format!("To end the simulator earlier: kill {}", simulator.id()));
    say(&format!("Its log, which may then be removed: {}", scratch.display()));
    Ok(())
}
