//! What a journal holds: one event a line, in the order they happened.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::cluster_settings::{ClusterChange, ClusterSetting, Displaced};
use super::holder::Holder;
use super::phase::Phase;
use super::target::Target;
use crate::domain::{
    AccountId, BlockDevicesMode, GroupId, ImageId, InstanceId, Persistence, StatefulInstanceId,
};

/// The form of the journals that this program writes. Since form 2 a plan tells whether a mid-gate must pass and whose volumes
/// are not known, since form 3 a run may owe settings of a cluster: a program that does not know of it must not overlook that.
pub const FORM: u32 = 3;

/// One line of a journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// When it was written.
    pub at: Timestamp,
    /// What happened, or is about to.
    #[serde(flatten)]
    pub event: Event,
}

/// What happened. What changes something at the vendor is written before it is asked for, and again when it is seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The first line: what is to be done.
    Planned(Box<Planned>),
    /// Someone carries it out from now on.
    Held {
        /// Who.
        holder: Holder,
        /// What has come up since it began and keeps it from taking another node down.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        come_up: Vec<String>,
    },
    /// The holder lives.
    Alive,
    /// Processes of the group are about to be suspended, or their suspension to be prolonged.
    Suspending {
        /// Which.
        processes: Vec<String>,
        /// For how long.
        minutes: u32,
        /// From when on, by the vendor's clock.
        from: Timestamp,
    },
    /// They were seen at the vendor to be suspended for as long.
    Suspended,
    /// The image, and with it the root's persistence, is about to be set.
    Switching {
        /// What it was and will be.
        change: Switch,
    },
    /// The change was seen at the vendor.
    Switched,
    /// A node enters a phase.
    Entered {
        /// Which.
        node: StatefulInstanceId,
        /// The phase.
        phase: Phase,
    },
    /// The vendor is about to be asked to recycle a node.
    Asking {
        /// Which.
        node: StatefulInstanceId,
        /// The machine that will be terminated.
        instance_id: InstanceId,
    },
    /// It certainly was not asked for in the end.
    NotAsked {
        /// Which.
        node: StatefulInstanceId,
        /// Why.
        reason: String,
    },
    /// The new machine was seen, and everything that must hold of it was proved.
    Recycled {
        /// Which.
        node: StatefulInstanceId,
        /// The machine it runs as now.
        instance_id: InstanceId,
        /// The image it booted from.
        image_id: Option<ImageId>,
        /// How long it took, in seconds.
        seconds: f64,
    },
    /// What a gate saw.
    Gate {
        /// Of which node.
        node: StatefulInstanceId,
        /// The gate's report.
        report: Value,
    },
    /// Nothing more is done until a person has looked.
    Frozen {
        /// Because of which node, if of one.
        node: Option<StatefulInstanceId>,
        /// Why.
        reason: String,
    },
    /// A person has looked and lets it go on.
    Thawed {
        /// Why it may.
        reason: String,
    },
    /// A setting of a cluster is about to be changed.
    ClusterSetting(Box<ClusterChange>),
    /// It was seen as it was before, or is left for a reason.
    ClusterRestored {
        /// Of which cluster, by its unique id.
        cluster: String,
        /// Which.
        setting: ClusterSetting,
        /// Why it was left, if it was.
        left: Option<String>,
    },
    /// Kafka is about to be asked to have partitions led by their preferred replicas.
    Electing {
        /// In the roll of which node.
        node: StatefulInstanceId,
        /// Which, with their leaders.
        partitions: Vec<Displaced>,
    },
    /// A setting is about to be put back.
    Restoring {
        /// Which.
        setting: Setting,
    },
    /// It was seen as it was before, or is left for a reason.
    Restored {
        /// Which.
        setting: Setting,
        /// Why it was left, if it was.
        left: Option<String>,
    },
    /// Nobody carries it out any more.
    Ended {
        /// How it ended.
        outcome: Outcome,
        /// Why, if it did not end well.
        reason: Option<String>,
    },
}

/// What is to be done, as it stood when it began.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Planned {
    /// [`FORM`].
    pub form: u32,
    /// The run's id.
    pub run_id: String,
    /// The program's version.
    pub program: String,
    /// The account.
    pub account: AccountId,
    /// The group.
    pub group: GroupId,
    /// The group's name.
    pub group_name: String,
    /// The logical system of which only one group may be rolled at a time.
    pub system: String,
    /// What it is to bring about.
    pub target: Target,
    /// The nodes in the order they are to be rolled.
    pub nodes: Vec<PlannedNode>,
    /// Other instances of the group, which are not touched.
    pub others: Vec<PlannedNode>,
    /// What must be set before the first is recycled.
    pub switch: Option<Switch>,
    /// What the group persists.
    pub persistence: PersistenceBefore,
    /// What was suspended when it began.
    pub suspended_before: Vec<SuspendedBefore>,
    /// For how many minutes processes are suspended at a time.
    pub suspend_minutes: u32,
    /// Whether the image is put back if it does not end well.
    pub revert_image_on_abort: bool,
    /// What was waived, with reasons.
    pub waived: Vec<String>,
    /// Instances that need not run.
    pub may_be_down: Vec<StatefulInstanceId>,
    /// Deployments that ran when it began and were waived.
    pub waived_deployments: Vec<String>,
    /// How long it was expected to take, in seconds.
    pub expected_seconds: Option<f64>,
    /// Whether a mid-gate must pass before a machine is given up. A journal of form 1 does not tell, so one must.
    #[serde(default)]
    pub mid_gate: MidGate,
    /// Instances whose data volumes were not all listed when it began, which was waived.
    #[serde(default)]
    pub volumes_unknown: Vec<StatefulInstanceId>,
    /// The options that it began with, by their names. A journal of form 1 has none.
    #[serde(default)]
    pub options: BTreeMap<String, Value>,
}

/// Whether a gate must have passed in the phase before a machine is given up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MidGate {
    /// Its report must be in the journal.
    #[default]
    Required,
    /// Whoever began the run has said that there is none.
    None,
}

/// A node as it was when the run began.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlannedNode {
    /// Its id.
    pub id: StatefulInstanceId,
    /// The machine.
    pub instance_id: Option<InstanceId>,
    /// The image that booted from.
    pub image_id: Option<ImageId>,
    /// Its address.
    pub private_ip: Option<String>,
    /// Its zone.
    pub zone: Option<String>,
    /// Its data volumes.
    pub volumes: Vec<String>,
    /// When the machine was launched, in the vendor's spelling.
    pub launched_at: Option<String>,
}

/// What is changed of a group before its first node is recycled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Switch {
    /// The image before; none if the group named none.
    pub image_from: Option<ImageId>,
    /// The image after, if it is changed.
    pub image_to: Option<ImageId>,
    /// Whether the root's persistence is switched off meanwhile.
    pub root_persistence_off: bool,
}

/// What a group persisted when its run began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersistenceBefore {
    /// Root volumes.
    pub root_device: bool,
    /// Data volumes.
    pub block_devices: bool,
    /// Addresses.
    pub private_ip: bool,
    /// How data volumes come back, in the vendor's spelling.
    pub block_devices_mode: Option<String>,
}

impl From<&Persistence> for PersistenceBefore {
    fn from(persistence: &Persistence) -> Self {
        Self {
            root_device: persistence.root_device,
            block_devices: persistence.block_devices,
            private_ip: persistence.private_ip,
            block_devices_mode: persistence
                .block_devices_mode
                .as_ref()
                .map(|mode| mode.as_str().to_owned()),
        }
    }
}

impl PersistenceBefore {
    /// The same, with or without the root.
    pub fn with_root(&self, root_device: bool) -> Persistence {
        Persistence {
            root_device,
            block_devices: self.block_devices,
            private_ip: self.private_ip,
            block_devices_mode: self.block_devices_mode.as_deref().map(BlockDevicesMode::parse),
            is_declared: true,
        }
    }
}

/// A suspension that was there before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuspendedBefore {
    /// The process.
    pub process: String,
    /// Its end, in the vendor's spelling; none if it has none.
    pub expires_at: Option<String>,
}

/// A setting that a run changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Setting {
    /// Suspended processes.
    Suspensions,
    /// The group's image.
    Image,
    /// Whether the group persists root volumes.
    RootPersistence,
}

impl Setting {
    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Suspensions => "suspensions",
            Self::Image => "image",
            Self::RootPersistence => "root_persistence",
        }
    }
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Every node is as wanted.
    Completed,
    /// It was given up between two nodes, or before anything of a node could not be taken back.
    Aborted,
    /// A node is in a state that a person has to look at.
    Frozen,
}

impl Outcome {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Aborted => "aborted",
            Self::Frozen => "frozen",
        }
    }
}
