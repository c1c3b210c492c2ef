//! The simulator of the demonstration: the demo fleet, with processes for the machines of one cluster.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use super::{INVENTORY, Parts, Scene, roll};
use crate::process::{self, Failure, say};

/// The variable that says where everything is: read by the programs of the machines and by the playbook's settings.
pub(super) const FOLDER: &str = "SPOTINST_ESG_DEMO";

/// The cluster whose machines are processes.
const CLUSTER: &str = "kafka-prod";

/// How long a simulator that was left running stays, in seconds.
const KEPT_FOR: u32 = 7200;

/// Where everything is, until it is dropped.
pub(super) fn folder() -> Result<tempfile::TempDir, Failure> {
    let folder = tempfile::Builder::new().prefix("spotinst-esg-demo-").tempdir();
    folder.map_err(|error| Failure::Other(format!("cannot make a temporary folder: {error}")))
}

/// A simulator that ends when this process does.
pub(super) struct Simulator {
    process: Child,
    pub(super) url: String,
}

impl Simulator {
    /// Starts it and waits until it listens and its machines run.
    pub(super) fn start(parts: &Parts, scratch: &Path) -> Result<Self, Failure> {
        let mut command = serve(parts, scratch)?;
        // It ends when this pipe does, so it cannot outlive a demonstration that was killed; and the machines end with it.
        command.arg("--exit-with-parent").stdin(Stdio::piped()).stdout(Stdio::null());
        let mut process = process::start(&mut command)?;
        match ready(&mut process, scratch) {
            Ok(url) => Ok(Self { process, url }),
            Err(failure) => {
                Self { process, url: String::new() }.end()?;
                Err(failure)
            }
        }
    }

    /// Lets it end its machines and itself.
    pub(super) fn end(mut self) -> Result<(), Failure> {
        drop(self.process.stdin.take());
        let ended = self.process.wait().map(drop);
        ended.map_err(|error| Failure::Other(format!("cannot wait for the simulator: {error}")))
    }
}

fn serve(parts: &Parts, scratch: &Path) -> Result<Command, Failure> {
    let programs = scratch.join("programs");
    symlink(parts.repository.path("xtask/demo"), &programs)
        .map_err(Failure::file("make the link", &programs))?;
    let text = process::output(Command::new(&parts.simulator).args(["fleet", "demo"]))?;
    let fleet: Result<Value, _> = serde_yaml::from_str(&text);
    let mut fleet =
        fleet.map_err(|error| Failure::Other(format!("the demo fleet cannot be read: {error}")))?;
    let python = parts.ansible.join("bin/python");
    let broker = programs.join("broker.py");
    let command = |what: &str| json!([python, broker, what]);
    give_machines(&mut fleet, &json!({"launch": command("up"), "terminate": command("down")}))?;
    let file = scratch.join("fleet.yml");
    // Every JSON text is a YAML text.
    fs::write(&file, fleet.to_string()).map_err(Failure::file("write", &file))?;
    let mut command = Command::new(&parts.simulator);
    command.args(["serve", "--listen", "127.0.0.1:0", "--fleet"]).arg(file);
    command.arg("--volumes").arg(scratch.join("volumes"));
    command.arg("--url-file").arg(scratch.join("url")).env(FOLDER, scratch);
    Ok(command)
}

/// Gives the machines of the cluster hooks and addresses that this computer has, lets time begin now and machines come and go soon.
fn give_machines(fleet: &mut Value, hooks: &Value) -> Result<(), Failure> {
    fleet["clock"] = json!({"start": process::now(), "mode": "realtime", "speed": 1});
    // Three seconds instead of minutes.
    for (phase, seconds) in
        [("accepted", 0.5), ("terminating", 1.0), ("replacing", 0.5), ("booting", 1.0)]
    {
        fleet["latency"][format!("{phase}_seconds")] = json!(seconds);
    }
    let groups = fleet["groups"].as_array_mut();
    let group = groups.and_then(|all| all.iter_mut().find(|group| group["name"] == CLUSTER));
    let missing = || Failure::Other(format!("the demo fleet has no group {CLUSTER}"));
    let group = group.ok_or_else(missing)?;
    group["hooks"] = hooks.clone();
    let instances = group["stateful"].as_array_mut().ok_or_else(missing)?;
    for (instance, address) in instances.iter_mut().zip(addresses()) {
        bindable(address)?;
        instance["private_ip"] = json!(address);
    }
    Ok(())
}

/// Loopback addresses that no other demonstration of these days has.
fn addresses() -> impl Iterator<Item = Ipv4Addr> {
    let [.., high, low] = std::process::id().to_be_bytes();
    (11..).map(move |last| Ipv4Addr::new(127, 20 + high % 200, low, last))
}

fn bindable(address: Ipv4Addr) -> Result<(), Failure> {
    let refuse = |error| {
        Failure::Other(format!(
            "the machines of {CLUSTER} need loopback addresses such as {address}, which Linux has: {error}"
        ))
    };
    TcpListener::bind((address, 0)).map(drop).map_err(refuse)
}

/// The url, once it listens and all machines are there.
fn ready(simulator: &mut Child, scratch: &Path) -> Result<String, Failure> {
    let file = scratch.join("url");
    let url = process::poll(Duration::from_secs(20), || {
        if let Ok(Some(status)) = simulator.try_wait() {
            let text = format!("the simulator ended with {status} before it listened");
            return Err(Failure::Other(text));
        }
        let text = fs::read_to_string(&file).unwrap_or_default();
        let machines = fs::read_dir(scratch.join("machines")).into_iter().flatten().flatten();
        let run = machines.filter(|it| it.path().join("listens").exists()).count();
        Ok(Some(text.trim().to_owned()).filter(|url| !url.is_empty() && run >= 3))
    })?;
    url.ok_or_else(|| {
        Failure::Other("the simulator and its machines did not start within 20 seconds".to_owned())
    })
}

/// Starts the simulator on its own and prints how to use and stop it.
pub(super) fn keep(parts: &Parts) -> Result<(), Failure> {
    let scratch = folder()?;
    let log = scratch.path().join("log");
    let file = fs::File::create(&log).map_err(Failure::file("write", &log))?;
    let errors = file.try_clone().map_err(Failure::file("write", &log))?;
    let mut command = serve(parts, scratch.path())?;
    command.args(["--exit-after", &KEPT_FOR.to_string()]);
    // A process group of its own: an interrupt typed at this terminal later is not meant for it.
    command.stdin(Stdio::null()).stdout(file).stderr(errors).process_group(0);
    let mut simulator = process::start(&mut command)?;
    let url = ready(&mut simulator, scratch.path()).map_err(|failure| {
        let said = fs::read_to_string(&log).unwrap_or_default();
        let stopped = simulator.kill().and_then(|()| simulator.wait());
        let state = stopped.map_or_else(|error| error.to_string(), |status| status.to_string());
        Failure::Other(format!("{failure} ({state}): {}", said.trim()))
    })?;
    // From here on the folder stays: the simulator goes on writing its log there.
    let scratch = scratch.keep();
    let scene = Scene { parts, scratch: &scratch, url };
    explain(&scene, simulator.id());
    Ok(())
}

fn explain(scene: &Scene, simulator: u32) {
    let (url, scratch) = (&scene.url, scene.scratch.display());
    say(&format!("A simulator of the Spot API listens on {url} for {} minutes.", KEPT_FOR / 60));
    say("Type this in a shell:\n");
    let folders = scene.folders().map(|folder| folder.display().to_string()).join(":");
    say(&format!("export PATH=\"{folders}:$PATH\""));
    for (name, value) in scene.settings() {
        say(&format!("export {name}=\"{value}\""));
    }
    say("export AWS_EC2_METADATA_DISABLED=true");
    say(&format!("cd \"{}\"", scene.parts.repository.path("").display()));
    say(&format!("ansible-inventory -i {INVENTORY} --graph"));
    say(&format!("ansible-playbook {} --check --diff", roll::PLAYBOOK.join(" ")));
    say(&format!("ansible-playbook {}", roll::PLAYBOOK.join(" ")));
    say("spotinst-esg runs list\n");
    say(&format!("To end the simulator and its machines earlier: kill {simulator}"));
    say(&format!("Its log and its folders, which may then be removed: {scratch}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machines_of_one_cluster_become_processes() {
        let text = include_str!("../../../simulator/fleets/demo.yml");
        let before: Value = serde_yaml::from_str(text).unwrap();
        let mut fleet = before.clone();
        give_machines(&mut fleet, &json!({"launch": ["up"]})).unwrap();
        let (changed, others): (Vec<_>, Vec<_>) = fleet["groups"]
            .as_array()
            .unwrap()
            .iter()
            .zip(before["groups"].as_array().unwrap())
            .partition(|(group, _)| group["name"] == CLUSTER);
        assert!(others.iter().all(|(after, before)| after == before));
        let (group, _) = changed[0];
        assert_eq!(group["hooks"]["launch"][0], "up");
        let addresses = group["stateful"].as_array().unwrap().iter().map(|one| &one["private_ip"]);
        let local: Vec<_> = addresses.filter_map(Value::as_str).collect();
        assert!(local.len() == 3 && local.iter().all(|it| it.starts_with("127.")), "{local:?}");
    }
}
