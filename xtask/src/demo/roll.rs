//! A new image for one cluster, by the playbook that is shipped.

use std::process::Command;

use super::{INVENTORY, Scene, present};
use crate::process::{self, Failure, say};
use crate::python;

/// The playbook with the settings of the demonstration's cluster.
pub(super) const PLAYBOOK: [&str; 5] =
    ["-i", INVENTORY, "spotinst.esg.recycle", "-e", "@xtask/demo/kafka-prod.yml"];

/// Shows the plan, the roll, that there is nothing left to do, and what is kept of it.
pub(super) fn show(scene: &Scene) -> Result<(), Failure> {
    say(
        "\n\nNow a new image for kafka-prod. Its three machines are processes on this computer with addresses of their own, their disks\n\
         are folders. This is what the brokers themselves say:\n",
    );
    brokers(scene)?;
    say(
        "\nFirst the plan; nothing is changed. How the cluster is stopped, judged and started is in xtask/demo/kafka-prod.yml.",
    );
    present(playbook(scene).args(["--check", "--diff"]))?;
    say(
        "\nNow the roll, less than a minute: one machine at a time, the next one only when the cluster is whole again. A machine is\n\
         replaced in a few seconds here.",
    );
    present(&mut playbook(scene))?;
    say(
        "The brokers again. They are other machines with the new image, at the same addresses, on the disks of before:\n",
    );
    brokers(scene)?;
    say("\nThe same command once more finds nothing to do:");
    present(&mut playbook(scene))?;
    say("What is kept of it, on this computer:");
    present(&mut runs(scene))
}

fn playbook(scene: &Scene) -> Command {
    let mut command = scene.ansible("ansible-playbook");
    command.args(PLAYBOOK);
    command
}

fn runs(scene: &Scene) -> Command {
    let mut command = Command::new(&scene.parts.product);
    for (name, value) in scene.settings() {
        command.env(name, value);
    }
    command.env("HOME", scene.scratch).args(["runs", "list"]);
    command
}

fn brokers(scene: &Scene) -> Result<(), Failure> {
    let mut python = python::program(&scene.parts.ansible, "python");
    python.arg(scene.parts.repository.path("xtask/demo/broker.py")).arg("show");
    for (name, value) in scene.settings() {
        python.env(name, value);
    }
    process::run(&mut python)
}
