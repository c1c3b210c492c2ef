//! A gate as a part of a roll.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Args;
use crate::ansible::Failure;
use crate::domain::StatefulInstanceId;
use crate::drive::gate::Vigil;
use crate::drive::roll::{RollError, Runs, StoreError};
use crate::drive::{Progress, Session};
use crate::modules::{World, rolling};
use crate::plan::gate::Report;
use crate::plan::roll::clusters_seen;
use crate::spot::Client;

/// The calls of a gate's run may go on for so much longer than it waits.
const MARGIN: Duration = Duration::from_secs(3600);

/// The run that a gate is a part of.
pub(super) struct Part {
    session: Session,
    client: Client,
    runs: Runs,
    run_id: String,
    node: StatefulInstanceId,
}

impl Args {
    /// The run, if there is one.
    pub(super) fn part(&self, world: &World) -> Result<Option<Part>, Failure> {
        let (Some(run_id), Some(node)) = (&self.run_id, &self.node) else { return Ok(None) };
        let waits = Duration::from_secs(u64::from(self.checks.wait_timeout)) + MARGIN;
        let (session, client) = self.connection.open_for(world, waits)?;
        let runs = rolling::runs(self.state_dir.as_deref(), world)?;
        let (run_id, node) = (run_id.clone(), StatefulInstanceId::new(node));
        Ok(Some(Part { session, client, runs, run_id, node }))
    }
}

impl Part {
    /// Which clusters the gates of this run have seen. A run that is not there yet, as in check mode, has seen none.
    pub(super) fn clusters(&self) -> Result<BTreeMap<String, String>, Failure> {
        let entries = match self.runs.open(&self.run_id) {
            Ok(journal) => journal.entries().map_err(RollError::from)?,
            Err(StoreError::NoRun { .. }) => return Ok(BTreeMap::new()),
            Err(error) => return Err(RollError::from(error).into()),
        };
        let seen = clusters_seen(&entries).into_iter();
        Ok(seen.map(|(name, cluster)| (name, cluster.id)).collect())
    }

    /// Watches, and keeps the run alive meanwhile. `first` is what the first look has seen: a cluster that another run rolls is
    /// not waited for.
    pub(super) fn watch(
        self,
        vigil: Vigil<'_>,
        first: &Report,
        progress: &Progress<'_>,
        world: &World,
    ) -> Result<Report, Failure> {
        let clock = self.session.clock.as_ref();
        let roller = rolling::roller(&self.client, clock, progress, &self.runs, world);
        let mut journal = roller.take_up(&self.run_id)?;
        roller.rolls_alone(&journal, &self.node, first)?;
        // Also where the first look was the last; and before the report is written, which is a sign of life itself.
        let report = vigil.finish(|| roller.keep_alive(&mut journal))?;
        roller.note_report(&mut journal, &self.node, &report)?;
        Ok(report)
    }
}
