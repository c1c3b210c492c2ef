//! What must hold before a machine goes.

use std::convert::Infallible;
use std::time::Duration;

use crate::ansible::Failure;
use crate::domain::{Clock, Ec2Instance};
use crate::drive::Progress;
use crate::drive::gate::{Command, Gate, Look, Probe, Source, run};
use crate::modules::World;
use crate::modules::cluster_gate::Checks;
use crate::modules::fleet::FleetArgs;
use crate::plan::Verdict;
use crate::plan::gate::{Predicate, Terms};

/// Looks at a new machine are so far apart.
const SPACING: Duration = Duration::from_secs(5);
/// Longest that one look at a machine takes.
const LONGEST_LOOK: Duration = Duration::from_secs(60);

/// Both gates, ready to be watched.
pub(super) struct Gates {
    cluster: Option<Gate>,
    command: Option<Command>,
    limit: Duration,
    pub(super) warnings: Vec<String>,
}

impl Gates {
    /// Reads them; nothing is looked at.
    pub(super) fn new(
        checks: Option<Checks>,
        command: Option<Vec<String>>,
        limit_s: u32,
        fleet: &FleetArgs,
        world: &World,
    ) -> Result<Self, Failure> {
        let cluster = checks.as_ref().map(|it| it.gate(&fleet.connection, world)).transpose()?;
        let command = match command.as_deref().map(<[String]>::split_first) {
            None => None,
            Some(None) => {
                return Err(Failure::new("gate_command is empty: nothing would be proved"));
            }
            Some(Some((program, arguments))) => {
                Some(Command { program: program.clone(), arguments: arguments.to_vec() })
            }
        };
        let warnings = checks.map(|it| it.warnings(world)).unwrap_or_default();
        Ok(Self { cluster, command, limit: Duration::from_secs(limit_s.into()), warnings })
    }

    /// Watches until all hold; why not, if so.
    pub(super) fn watch(
        &self,
        new: &[Ec2Instance],
        clock: &dyn Clock,
        progress: &Progress<'_>,
    ) -> Result<(), String> {
        let machines = self.machines(new);
        for (what, gate) in [("gate_command", &machines), ("gate", &self.cluster)] {
            let Some(gate) = gate else { continue };
            let Ok(report) = run(gate, clock, progress, || Ok::<_, Infallible>(()));
            if report.verdict != Verdict::Pass {
                return Err(format!("{what} stays shut, verdict {}: {report}", report.verdict));
            }
        }
        Ok(())
    }

    /// The command for each new machine.
    fn machines(&self, new: &[Ec2Instance]) -> Option<Gate> {
        let command = self.command.as_ref().filter(|_| !new.is_empty())?;
        let mut sources: Vec<Box<dyn Source>> = Vec::new();
        for machine in new {
            let mut command = command.clone();
            command.arguments.push(machine.id.to_string());
            command.arguments.push(machine.private_ip.clone().unwrap_or_default());
            sources.push(Box::new(Probe {
                name: machine.id.to_string(),
                look: Look::Command(command),
                predicate: Predicate::Exits { status: 0, expects: None },
                timeout: self.limit.min(LONGEST_LOOK),
            }));
        }
        let terms = Terms {
            samples: 1,
            spacing: SPACING.min(self.limit),
            window: Duration::ZERO,
            limit: self.limit,
            stall: None,
        };
        Some(Gate { sources, terms, waivers: Vec::new() })
    }
}
