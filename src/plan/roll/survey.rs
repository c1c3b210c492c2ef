//! What is known of a group when its roll is planned, and before each step.

use jiff::Timestamp;

use super::event::PlannedNode;
use crate::domain::{
    Deployment, Group, MachineImage, StatefulInstance, StatefulInstanceId, StatefulState,
    Suspension,
};
use crate::plan::stateful::Snapshot;

/// One look at a group.
#[derive(Clone, Debug, PartialEq)]
pub struct Survey {
    /// Its configuration.
    pub group: Group,
    /// Its stateful instances, in the vendor's order.
    pub nodes: Vec<Node>,
    /// What is suspended.
    pub suspensions: Vec<Suspension>,
    /// Its deployments, as far as the vendor lists them.
    pub deployments: Vec<Deployment>,
    /// What the vendor sent and could not be taken: the look is incomplete because of it.
    pub left_out: Vec<String>,
    /// What was odd otherwise.
    pub oddities: Vec<String>,
    /// When it was made, by the vendor's clock.
    pub at: Timestamp,
}

/// A stateful instance as it was seen.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Its id.
    pub id: StatefulInstanceId,
    /// What was seen.
    pub seen: Snapshot,
}

impl Node {
    /// From the list of stateful instances, and the group's status where it was read.
    pub fn new(instance: &StatefulInstance, members: &[crate::domain::Member]) -> Self {
        Self { id: instance.id.clone(), seen: Snapshot::of_stateful(instance, members) }
    }

    /// Whether it runs, as something that can be told from its successor.
    pub fn is_active(&self) -> bool {
        self.seen.state == StatefulState::Active && self.seen.instance_id.is_some()
    }

    /// What a journal keeps of it.
    pub fn planned(&self) -> PlannedNode {
        PlannedNode {
            id: self.id.clone(),
            instance_id: self.seen.instance_id.clone(),
            image_id: self.seen.image_id.clone(),
            private_ip: self.seen.private_ip.clone(),
            zone: self.seen.availability_zone.clone(),
            volumes: self.seen.data_volumes().into_iter().map(str::to_owned).collect(),
            launched_at: self.seen.launched_at.as_ref().map(|at| at.as_str().to_owned()),
        }
    }
}

/// What is known of the image that a roll brings.
#[derive(Clone, Debug, PartialEq)]
pub enum ImageSight {
    /// AWS has it, and these of the images that run at present.
    Seen {
        /// The image.
        image: MachineImage,
        /// Those that run at present.
        present: Vec<MachineImage>,
    },
    /// AWS certainly has no such image in the group's region.
    Absent,
    /// AWS could not be asked, and why.
    Unknown(String),
}
