//! What a run owes clusters when it ends.

use std::time::Duration;

use super::error::RollError;
use super::hand::Hand;
use super::journal::Journal;
use super::roller::Roller;
use crate::plan::roll::{ClusterChange, Event};

/// How long each setting of a cluster is waited for.
const PATIENCE: Duration = Duration::from_secs(120);

impl Roller<'_> {
    /// Puts back what is owed of clusters, as far as there is access.
    pub(super) fn restore_clusters(&self, journal: &mut Journal) -> Result<(), RollError> {
        if journal.run().cluster_owed().is_empty() {
            return Ok(());
        }
        let why = match self.cluster {
            None => "no access to it was given".to_owned(),
            Some(Err(why)) => why.to_owned(),
            Some(Ok(access)) => {
                let patience = PATIENCE;
                let (clock, progress) = (self.clock, self.progress);
                let hand = Hand { access, clock, progress, patience };
                match hand.put_back(journal, &mut |_| Ok(())) {
                    Ok(()) => "the access that was given is to another cluster".to_owned(),
                    Err(error) => error.to_string(),
                }
            }
        };
        let owed: Vec<String> =
            journal.run().cluster_owed().iter().map(ToString::to_string).collect();
        if owed.is_empty() {
            return Ok(());
        }
        Err(RollError::ClusterOwed { run_id: journal.run().id().to_owned(), owed, why })
    }

    /// Notes that what is owed of clusters is left as it is, because a person says so.
    pub(super) fn leave_clusters(
        &self,
        journal: &mut Journal,
        reason: &str,
    ) -> Result<(), RollError> {
        let owed: Vec<ClusterChange> = journal.run().cluster_owed().into_iter().cloned().collect();
        for ClusterChange { cluster, setting, .. } in owed {
            let left = Some(format!("a person said so: {reason}"));
            journal.write(self.clock, Event::ClusterRestored { cluster, setting, left })?;
        }
        Ok(())
    }
}
