//! An EC2 machine as a source of a gate.

use super::Source;
use crate::domain::{Clock, InstanceId, Region};
use crate::drive::ec2::{Ec2Access, health};
use crate::plan::gate::{Finding, judge_machine};

/// A machine whose status checks EC2 is asked for.
#[derive(Debug)]
pub struct Machine {
    /// The gate's name.
    pub gate: String,
    /// How EC2 is reached, and how long one look may take.
    pub access: Ec2Access,
    /// Where the machine is.
    pub region: Region,
    /// The machine.
    pub id: InstanceId,
}

impl Source for Machine {
    fn look(&self, _: &dyn Clock) -> Vec<Finding> {
        // Credentials are looked up at each look: a wait may outlive them.
        let seen = health(&self.access, &self.region, &self.id);
        judge_machine(&self.gate, self.id.as_str(), &seen.map_err(|error| error.to_string()))
    }
}
