//! What a gate has seen is kept only if no other run rolls its cluster.

use std::time::Duration;

use super::error::RollError;
use super::journal::Journal;
use super::roller::Roller;
use super::store::StoreError;
use crate::domain::StatefulInstanceId;
use crate::drive::wait::TimeUp;
use crate::plan::gate::Report;
use crate::plan::roll::{ClusterSeen, Hold, first_seen, other_roll};

/// What a gate saw is kept only if that does not have to wait longer: it counts from when it is written down.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

impl Roller<'_> {
    /// Whether this run may roll the clusters that a gate of a node has seen.
    ///
    /// # Errors
    ///
    /// Another run that is open has seen one of them before. A journal that cannot be read tells of none.
    pub fn rolls_alone(
        &self,
        journal: &Journal,
        node: &StatefulInstanceId,
        report: &Report,
    ) -> Result<(), RollError> {
        if !sees_anew(journal, report)? {
            return Ok(());
        }
        let run = journal.run();
        let mut others = Vec::new();
        for other in self.runs.all()?.runs {
            if !other.is_open() || other.id() == run.id() {
                continue;
            }
            match self.runs.open(other.id()).and_then(|it| it.entries()) {
                Ok(entries) => others.push((other, entries)),
                // Put out of the way meanwhile, which is done to what is over.
                Err(StoreError::NoRun { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let entries = journal.entries()?;
        match other_roll(run, &entries, report, &others, self.runs.named()) {
            None => Ok(()),
            Some(other) => {
                let doing = format!("go on with node {node} in run {}", run.id());
                Err(RollError::held(doing)(Hold::OtherRoll(Box::new(other))))
            }
        }
    }

    /// Keeps what a gate of a node saw. Of two runs that see one cluster for the first time only one comes to that.
    ///
    /// # Errors
    ///
    /// Those of [`Roller::rolls_alone`], with nothing kept, or the journal cannot be written.
    pub fn note_report(
        &self,
        journal: &mut Journal,
        node: &StatefulInstanceId,
        report: &Report,
    ) -> Result<(), RollError> {
        let is_new = sees_anew(journal, report)?;
        let began = self.clock.monotonic();
        let _deciding = if is_new { Some(self.claimant().deciding()?) } else { None };
        let after = self.clock.monotonic().saturating_sub(began);
        if after > LONGEST_WAIT {
            return Err(RollError::NotSeen {
                doing: format!("keep what the gate of node {node} saw"),
                time: TimeUp { after, looks: 1 },
                found: "another start was decided meanwhile, and what was seen is old".to_owned(),
            });
        }
        self.rolls_alone(journal, node, report)?;
        let value = serde_json::to_value(report).unwrap_or_default();
        self.note_gate(journal, node, value)
    }
}

/// Whether a gate sees a cluster that its run has not seen before. Whoever has seen one keeps it: no other comes to see it then.
fn sees_anew(journal: &Journal, report: &Report) -> Result<bool, StoreError> {
    if report.clusters().next().is_none() {
        return Ok(false);
    }
    let known = first_seen(&journal.entries()?);
    Ok(report.clusters().any(|(finding, id)| {
        !known.contains_key(&ClusterSeen { kind: finding.kind.clone(), id: id.to_owned() })
    }))
}
