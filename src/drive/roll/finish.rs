//! The end of a run, and what a person may do about one.

use std::time::Duration;

use super::error::RollError;
use super::journal::Journal;
use super::roller::Roller;
use crate::plan::roll::{Event, Outcome, Run};

/// For how long the platform boots nothing in a group whose run is frozen at a node that is not proved to be back.
const FROZEN_FOR: Duration = Duration::from_secs(24 * 3600);

impl Roller<'_> {
    /// Ends a run: puts every setting back that is owed, lets go of it, and says how it ended. Of one that has ended nothing is
    /// done.
    ///
    /// A node that is between losing its machine and being proved to be back freezes it. While its new machine is not proved, image
    /// and root persistence stay as the run has set them, and what is suspended stays so for a day.
    ///
    /// # Errors
    ///
    /// A setting could not be put back, or is one of a cluster to which there is no access. The run stays open, and ending it
    /// again goes on there.
    pub fn finish(
        &self,
        journal: &mut Journal,
        reason: Option<String>,
    ) -> Result<Outcome, RollError> {
        if let Some(ended) = &journal.run().ended {
            return Ok(ended.outcome);
        }
        if journal.run().frozen.is_none()
            && let Some(node) = journal.run().past_return()
        {
            let (id, phase) = (node.planned.id.clone(), node.phase);
            let because = reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
            self.freeze(journal, Some(id), format!("the roll ended in phase {phase}{because}"))?;
        }
        let outcome = journal.run().outcome();
        self.keep_image(journal)?;
        self.restore_all(journal, outcome)?;
        if outcome == Outcome::Frozen && !journal.run().held().is_empty() {
            self.keep_held(journal)?;
        }
        let reason = match outcome {
            Outcome::Completed => None,
            Outcome::Frozen => journal.run().frozen.as_ref().map(|frozen| frozen.reason.clone()),
            Outcome::Aborted => Some(reason.unwrap_or_else(|| aborted(journal.run()))),
        };
        journal.write(self.clock, Event::Ended { outcome, reason })?;
        Ok(outcome)
    }

    /// What was set of clusters goes back first: restricted allocation leaves every new index without replicas. What is in the
    /// way there keeps nothing of the group from being put back.
    fn restore_all(&self, journal: &mut Journal, outcome: Outcome) -> Result<(), RollError> {
        let clusters = self.restore_clusters(journal);
        if let Err(error) = self.restore(journal, outcome) {
            if let Err(of_cluster) = clusters {
                self.progress.tell(&of_cluster.to_string());
            }
            return Err(error);
        }
        clusters
    }

    /// What stays set for a node that may yet boot must reach no other: so nothing is booted by the platform for as long as a person
    /// may need to come and look.
    fn keep_held(&self, journal: &mut Journal) -> Result<(), RollError> {
        let seen = self.survey_to_end(journal.run())?;
        self.keep_suspended(journal, &seen, Some(FROZEN_FOR))?;
        Ok(())
    }

    /// Gives a run up for good, as a person may: puts every setting back, also of one that is frozen or was cut off. Only the image
    /// that all its nodes have by now stays. To one that has ended nothing is done.
    ///
    /// # Errors
    ///
    /// Its holder lives, or a setting could not be put back. Then giving it up again goes on there.
    pub fn give_up(&self, journal: &mut Journal, reason: String) -> Result<(), RollError> {
        self.give_up_but(journal, reason, false)
    }

    /// The same, with what is owed of clusters left as it is: a cluster may be gone for good.
    ///
    /// # Errors
    ///
    /// Those of [`Self::give_up`].
    pub fn give_up_leaving_clusters(
        &self,
        journal: &mut Journal,
        reason: String,
    ) -> Result<(), RollError> {
        self.give_up_but(journal, reason, true)
    }

    fn give_up_but(
        &self,
        journal: &mut Journal,
        reason: String,
        leaves_clusters: bool,
    ) -> Result<(), RollError> {
        let deciding = self.claimant().deciding()?;
        self.claimant().take_over(journal)?;
        if !journal.run().is_open() {
            return Ok(());
        }
        let (holder, come_up) = (self.me.clone(), Vec::new());
        journal.write(self.clock, Event::Held { holder, come_up })?;
        drop(deciding);
        if leaves_clusters {
            self.leave_clusters(journal, &reason)?;
        }
        let outcome = journal.run().given_up();
        self.restore_all(journal, outcome)?;
        if journal.run().frozen.is_some() {
            journal.write(self.clock, Event::Thawed { reason: reason.clone() })?;
        }
        Ok(journal.write(self.clock, Event::Ended { outcome, reason: Some(reason) })?)
    }

    /// [`super::Claimant::thaw`].
    ///
    /// # Errors
    ///
    /// Its holder lives.
    pub fn thaw(&self, journal: &mut Journal, reason: String) -> Result<(), RollError> {
        self.claimant().thaw(journal, reason)
    }
}

fn aborted(run: &Run) -> String {
    match run.in_flight() {
        Some(node) => format!(
            "ended in phase {} of node {}, before its machine was given up; its service may be stopped",
            node.phase, node.planned.id
        ),
        None => format!("ended after {} of {} nodes", run.done(), run.nodes.len()),
    }
}
