//! What is done with a machine before it is terminated.

use std::time::Duration;

use super::error::LaunchError;
use crate::cluster::Command;
use crate::domain::{Ec2Instance, Seen, one_line};

/// A command that drains a machine. It is told which by its last two arguments: id and private address.
#[derive(Clone, Debug)]
pub struct Drain {
    /// Program and first arguments; none to drain nothing.
    pub command: Vec<String>,
    /// How long it may take.
    pub timeout: Duration,
}

impl Drain {
    /// Drains a machine.
    ///
    /// # Errors
    ///
    /// The command does not end well in time: then the machine must not be terminated.
    pub fn drain(&self, instance: &Ec2Instance) -> Result<(), LaunchError> {
        let Some((program, first)) = self.command.split_first() else { return Ok(()) };
        let mut arguments = first.to_vec();
        arguments.push(instance.id.to_string());
        arguments.push(instance.private_ip.clone().unwrap_or_default());
        let command = Command { program: program.clone(), arguments };
        let fail =
            |reason: String| LaunchError::Drain { instance: instance.id.to_string(), reason };
        match command.look(self.timeout).seen {
            Ok(Seen::Exited { status: 0, .. }) => Ok(()),
            Ok(Seen::Exited { status, stderr, .. }) => {
                let said = one_line(&String::from_utf8_lossy(&stderr.bytes));
                let said: String = said.chars().take(200).collect();
                Err(fail(format!("{program} ended with status {status}: {said}")))
            }
            Ok(_) => Err(fail(format!("{program} has answered in no way that is known"))),
            Err(obstacle) => Err(fail(format!("{program}: {}", obstacle.detail))),
        }
    }
}
