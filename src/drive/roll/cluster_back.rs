//! What a run has changed of a cluster, put back.

use super::cluster_error::ClusterError;
use super::error::RollError;
use super::hand::{Attempt, Beat, Hand};
use super::journal::Journal;
use super::roller::Roller;
use crate::cluster::SearchMember;
use crate::plan::roll::{
    ALLOCATION, ClusterChange, ClusterSetting, Event, left_shutdown, put_allocation_back,
};

impl Hand<'_> {
    /// Puts back what is owed of the cluster that answers; what is owed of others stays so.
    ///
    /// # Errors
    ///
    /// Something could not be put back; the rest is.
    pub fn put_back(&self, journal: &mut Journal, beat: Beat<'_>) -> Result<(), ClusterError> {
        if journal.run().cluster_owed().is_empty() {
            return Ok(());
        }
        let sight = self.sight("put back what is owed of a cluster")?;
        self.put_back_of(journal, &sight.cluster, beat)
    }

    pub(super) fn put_back_of(
        &self,
        journal: &mut Journal,
        cluster: &str,
        beat: Beat<'_>,
    ) -> Result<(), ClusterError> {
        let owed: Vec<ClusterChange> = journal
            .run()
            .cluster_owed()
            .into_iter()
            .filter(|it| it.cluster == cluster)
            .cloned()
            .collect();
        let mut first = Ok(());
        for change in owed {
            let outcome = self.put_one_back(journal, &change, beat);
            if first.is_ok() {
                first = outcome;
            }
        }
        first
    }

    fn put_one_back(
        &self,
        journal: &mut Journal,
        change: &ClusterChange,
        beat: Beat<'_>,
    ) -> Result<(), ClusterError> {
        let ClusterChange { cluster, setting, .. } = change;
        let doing = format!("put back {} of cluster {cluster}", setting.as_str());
        self.progress.tell(&doing.replacen("put", "putting", 1));
        let mut asked = false;
        let left = self.patiently(&doing, || {
            beat(journal)?;
            let member = match self.member(&doing, Some(cluster))? {
                Ok(member) => member,
                Err(found) => return Ok(Err(found)),
            };
            match setting {
                ClusterSetting::Allocation => {
                    self.put_allocation_back(change, &member, &mut asked, &doing)
                }
                ClusterSetting::NodeShutdown { node_id } => {
                    let run = journal.run().id();
                    self.delete_shutdown(run, node_id, &member, &mut asked, &doing)
                }
            }
        })?;
        let left = (!left.is_empty()).then(|| left.join("; "));
        let (cluster, setting) = (cluster.clone(), setting.clone());
        Ok(journal.write(self.clock, Event::ClusterRestored { cluster, setting, left })?)
    }

    /// Answers what someone else has set.
    fn put_allocation_back(
        &self,
        change: &ClusterChange,
        member: &SearchMember<'_>,
        asked: &mut bool,
        doing: &str,
    ) -> Attempt<Vec<String>> {
        // Once before it is asked for, and once after.
        loop {
            let seen = match self.allocation(doing, member)? {
                Ok(seen) => seen,
                Err(found) => return Ok(Err(found)),
            };
            let plan = put_allocation_back(change, &seen);
            if !plan.is_due || (*asked && seen.persistent == change.before.persistent) {
                return Ok(Ok(plan.left));
            }
            let was_asked = std::mem::replace(asked, true);
            let told = member.set_persistent(ALLOCATION, change.before.persistent.as_deref());
            if let Err(found) = self.told(doing, told)? {
                return Ok(Err(found));
            }
            if was_asked {
                return Ok(Err(format!("it is {seen}")));
            }
        }
    }

    fn delete_shutdown(
        &self,
        run: &str,
        node_id: &str,
        member: &SearchMember<'_>,
        asked: &mut bool,
        doing: &str,
    ) -> Attempt<Vec<String>> {
        loop {
            let seen = match member.shutdown(node_id) {
                Ok(seen) => seen,
                Err(obstacle) => return self.passing(doing, &obstacle),
            };
            match &seen {
                Some(seen) => {
                    if let Some(left) = left_shutdown(run, seen) {
                        return Ok(Ok(vec![self.shown(&left)]));
                    }
                }
                None if *asked => return Ok(Ok(Vec::new())),
                None => {}
            }
            let was_asked = std::mem::replace(asked, true);
            if let Err(found) = self.told(doing, member.delete_shutdown(node_id))? {
                return Ok(Err(found));
            }
            if was_asked {
                return Ok(Err("it is still registered".to_owned()));
            }
        }
    }
}

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
                let patience = super::CLUSTER_PATIENCE;
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
