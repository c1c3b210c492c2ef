//! The predicates of a gate and how long they must hold, as options.

use std::collections::BTreeSet;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::World;
use super::gates::GateArgs;
use crate::ansible::Failure;
use crate::domain::one_line;
use crate::drive::gate::{Gate, Source};
use crate::modules::connection::Connection;
use crate::modules::waivers::{WaiverArgs, waivers};
use crate::plan::Waiver;
use crate::plan::gate::Terms;

/// What must hold, and for how long. To be flattened into a module's arguments, or an option of its own.
#[derive(Deserialize, JsonSchema)]
pub(in crate::modules) struct Checks {
    /// The predicates. All of them must pass.
    pub(super) gates: Vec<GateArgs>,
    /// How many looks in a row must find all of them good.
    #[serde(default = "three")]
    #[schemars(range(min = 1, max = 1000))]
    pub(super) samples: u32,
    /// How long it waits between two looks, in seconds.
    #[serde(default = "five")]
    #[schemars(range(min = 1, max = 3600))]
    pub(super) spacing: u32,
    /// How far the first and the last of the good looks must be apart at least, in seconds.
    #[serde(default)]
    #[schemars(range(max = 86400))]
    pub(super) window: u32,
    /// Longest wait, in seconds, from the end of the first look. After it no pause begins, so the last look comes at most
    /// `spacing` seconds later.
    #[serde(default = "quarter_of_an_hour")]
    #[schemars(range(max = 604_800))]
    pub(super) wait_timeout: u32,
    /// It is given up earlier if nothing moves for so many seconds: no predicate changes, and no measured value comes nearer
    /// to where it is wanted than it has been before. With `0` only `wait_timeout` counts.
    #[serde(default)]
    #[schemars(range(max = 604_800))]
    pub(super) stall_timeout: u32,
    /// Predicates that need not pass. They are looked at all the same, reported as they are, and a warning names each that is
    /// needed, and each waiver that is without effect.
    #[serde(default)]
    pub(super) waivers: Vec<WaiverArgs>,
}

fn three() -> u32 {
    3
}

fn five() -> u32 {
    5
}

fn quarter_of_an_hour() -> u32 {
    900
}

impl Checks {
    /// Ready to be watched; nothing is looked at.
    pub(in crate::modules) fn gate(
        &self,
        connection: &Connection,
        world: &World,
    ) -> Result<Gate, Failure> {
        if self.gates.is_empty() {
            return Err(Failure::new("gates is empty: nothing would be proved; name a predicate"));
        }
        let seconds = |count: u32| Duration::from_secs(u64::from(count));
        let terms = Terms {
            samples: self.samples,
            spacing: seconds(self.spacing),
            window: seconds(self.window),
            limit: seconds(self.wait_timeout),
            stall: (self.stall_timeout > 0).then(|| seconds(self.stall_timeout)),
        };
        terms.check().map_err(|error| Failure::new(error.to_string()))?;
        let mut names = BTreeSet::new();
        let mut sources: Vec<Box<dyn Source>> = Vec::new();
        let asks_ensemble = self.gates.iter().any(GateArgs::asks_ensemble);
        for gate in &self.gates {
            if !names.insert(&gate.name) {
                return Err(Failure::new(format!("two gates are called {}", one_line(&gate.name))));
            }
            sources.push(gate.source(asks_ensemble, connection, world)?);
        }
        let waivers = waivers(&self.waivers)?;
        self.breadth(&waivers)?;
        Ok(Gate { sources, terms, waivers })
    }

    /// What is to be told of the files that hold secrets, and of waivers.
    pub(in crate::modules) fn warnings(&self, world: &World) -> Vec<String> {
        let mut warnings: Vec<String> =
            self.gates.iter().flat_map(|gate| gate.warnings(world)).collect();
        let broad = waivers(&self.waivers).and_then(|waivers| self.breadth(&waivers));
        warnings.extend(broad.unwrap_or_default());
        warnings
    }

    /// What is to be told of waivers that cover more than is known of today.
    fn breadth(&self, waivers: &[Waiver]) -> Result<Vec<String>, Failure> {
        let mut told = Vec::new();
        for waiver in waivers {
            for gate in &self.gates {
                told.extend(gate.covers(waiver).map_err(Failure::new)?);
            }
        }
        Ok(told)
    }
}
