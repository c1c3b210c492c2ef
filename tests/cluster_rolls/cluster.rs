//! What all clusters have in common.

use spotinst_esg::domain::{ClusterView, Obstacle, ObstacleKind};
use spotinst_esg::plan::gate::Finding;
use spotinst_esg::plan::safety::Phase;

use super::plant::Plant;

/// Something that befalls a cluster, or those who look at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ailment {
    /// This node does not keep up.
    Lags(usize),
    /// For a while nobody leads: a partition, the ensemble, the cluster.
    NobodyLeads,
    /// This node comes to lead.
    Leads(usize),
    /// This node is thrown out though it runs, and may come back.
    ThrownOut(usize),
    /// Something new has its only copy on this node, and will never have another.
    NewWithoutCopies(usize),
    /// Something new begins on this node, and is to have copies elsewhere.
    New(usize),
    /// More copies are demanded than before.
    MoreDemanded,
    /// Something is moved, or saved, by somebody else.
    Moving,
    /// Somebody has left a setting behind.
    LeftOver,
    /// Answers come without a part.
    HalfAnswers,
    /// One of those who are asked tells what was.
    OldView,
    /// This node does not answer those who look.
    Silent(usize),
    /// For a moment two say that they lead.
    TwoLead,
}

/// A cluster beside the simulated group: what it does, what it tells, and what is true.
pub(crate) trait Cluster: Send {
    /// Lets time pass; the plant's clock is already there.
    fn pass(&mut self, plant: &mut Plant, span: f64);
    /// What its observers and predicates make of it.
    fn judge(&mut self, plant: &Plant, target: usize, phase: Phase) -> Vec<Finding>;
    /// What its observers know of who leads.
    fn standings(&mut self, plant: &Plant) -> ClusterView;
    /// The name of a node in what is seen.
    fn name(&self, host: usize) -> String;
    /// Whether the cluster does without the node in truth: no write is lost with it, and writes are taken; `is_stopped` if its
    /// service is.
    fn lets_go(&self, plant: &Plant, target: usize, is_stopped: bool) -> Result<(), String>;
    /// Whether those who vote have a majority without the node.
    fn keeps_quorum(&self, plant: &Plant, target: usize) -> Result<(), String>;
    /// What was acknowledged and is lost.
    fn lost(&self, plant: &Plant) -> Option<String>;
    /// Whether each part of it takes writes.
    fn takes_writes(&self, plant: &Plant) -> Result<(), String>;
    /// The longest time for which it may take none when a node is stopped, in seconds.
    fn longest_stall(&self) -> f64;
    /// Something befalls it.
    fn afflict(&mut self, plant: &mut Plant, ailment: Ailment);
    /// It is over.
    fn cure(&mut self, plant: &mut Plant, ailment: Ailment);
    /// What is set of it, if there is anything that a roll sets.
    fn setting(&self) -> Option<String> {
        None
    }
    /// Sets it.
    fn set(&mut self, _: Option<String>) {}
    /// The value under which it is rolled, if there is one.
    fn wanted_setting(&self) -> Option<&'static str> {
        None
    }
}

/// No answer.
pub(crate) fn silence() -> Obstacle {
    Obstacle { kind: ObstacleKind::Time, detail: String::new() }
}

/// Half an answer.
pub(crate) fn half() -> Obstacle {
    Obstacle { kind: ObstacleKind::Broken, detail: "after 12 bytes".to_owned() }
}

/// How many writes are made in so many seconds.
pub(crate) fn writes(span: f64) -> u64 {
    // Spans are short and not negative.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a count, not a measurement"
    )]
    let writes = (span * 10.0) as u64;
    writes
}
