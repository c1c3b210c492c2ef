//! The nouns: what the vendor and AWS call things, with their units and their unknowns.
//!
//! Nothing here does I/O, reads a clock or decides. Everything else may use it; it uses nothing of ours.

mod account;
mod action;
mod clock;
mod cluster_view;
mod deployment;
mod ec2;
mod ensemble;
mod fleet;
mod group;
mod group_change;
mod iam;
mod ids;
mod image;
mod kafka;
mod launch;
mod managed;
mod market;
mod money;
mod network;
mod observation;
mod open_enum;
mod quoted;
mod scheduled_task;
mod search;
mod stateful;
mod suspension;
mod time;

pub use account::{
    Account, AccountRole, ExternalId, Grants, NewUser, PolicyMapping, TokenTrace, User,
    UserDetails, UserGroup, UserKind,
};
pub use action::{Deallocation, LogLine, StatefulAction, StatefulTarget};
pub use clock::Clock;
pub use cluster_view::{ClusterView, Leadership, NodeView, Standing};
pub use deployment::{Deployment, DeploymentStatus};
pub use ec2::{Ec2Instance, InstanceHealth, StateReason, StatusCheck};
pub use ensemble::{
    Ensemble, EnsembleMember, EnsembleServer, Membership, Monitor, Presence, ServerMode, Serving,
};
pub use fleet::{AccountFleet, Fleet, GroupFleet, Notice, Subject};
pub use group::{BlockDevicesMode, Group, Health, Healthiness, Member, Persistence};
pub use group_change::GroupChange;
pub use iam::IamRole;
pub use ids::{
    AccountId, GroupId, ImageId, InstanceId, ManagedInstanceId, Region, StatefulInstanceId, UserId,
};
pub use image::{MachineImage, RootDevice};
pub use kafka::{
    KafkaBroker, KafkaCluster, KafkaLogDirs, KafkaMembers, KafkaNodeId, KafkaPartition,
    KafkaQuorum, KafkaQuorumReplica, KafkaReplicas, KafkaTopic, KafkaView,
};
pub use launch::{
    Blueprint, LaunchAnswer, LaunchOrder, Parameter, Refusal, Subnet, Template, TemplateName,
};
pub use managed::{ManagedInstance, ManagedStatus};
pub use market::{Interruption, MachineType, Market, Sourced, SpotPrice};
pub use money::MicroUsd;
pub use network::{Route, RouteTable, SecurityGroup, VpcWanted};
pub use observation::{Captured, Observation, Obstacle, ObstacleKind, Seen, Series};
pub use quoted::{one_line, printable, shell_word};
pub use scheduled_task::{Frequency, ScheduledTask, TaskKind};
pub use search::{
    SearchCluster, SearchHealth, SearchIdentity, SearchNode, SearchProduct, SearchSetting,
    SearchShutdown, SearchStatus, ShardCopy, ShardRecovery, ShardSight, Voting, Watermark,
};
pub use stateful::{Device, StatefulInstance, StatefulState};
pub use suspension::{Process, Suspension};
pub use time::VendorTime;

/// How an EC2 instance is paid for.
pub use open_enum::Lifecycle;
