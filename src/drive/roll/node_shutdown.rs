//! Nodes of Elasticsearch that are registered to be shut down, and the registration deleted again.

use super::allocation::{Restrict, Restricted};
use super::cluster_error::ClusterError;
use super::hand::{Attempt, Beat, ClusterSight, Hand};
use super::journal::Journal;
use crate::cluster::SearchMember;
use crate::plan::roll::{ClusterSetting, Event, Scopes, left_shutdown, shutdown_reason};

/// What the API tells of a shutdown.
const COMPLETE: &str = "COMPLETE";
const STALLED: &str = "STALLED";

impl Hand<'_> {
    /// Registers the node for a restart and looks until its shards are ready for that.
    pub(super) fn register(
        &self,
        journal: &mut Journal,
        order: &Restrict,
        sight: &ClusterSight,
        delay: &str,
        done: &mut Restricted,
        beat: Beat<'_>,
    ) -> Result<(), ClusterError> {
        let doing = format!("register node {} for a restart", order.target);
        let reason = shutdown_reason(journal.run().id());
        let mut asked = false;
        self.patiently(&doing, || {
            beat(journal)?;
            let member = match self.member(&doing, Some(&sight.cluster))? {
                Ok(member) => member,
                Err(found) => return Ok(Err(found)),
            };
            let node_id = match self.node_id(&doing, &member, &order.target)? {
                Ok(node_id) => node_id,
                Err(found) => return Ok(Err(found)),
            };
            match member.shutdown(&node_id) {
                Err(obstacle) => return self.passing(&doing, &obstacle),
                Ok(Some(seen)) => {
                    if let Some(evidence) = left_shutdown(journal.run().id(), &seen) {
                        let doing = doing.clone();
                        return Err(ClusterError::Foreign { doing, evidence });
                    }
                    if seen.status == STALLED {
                        let (doing, status) = (doing.clone(), seen.status);
                        return Err(ClusterError::Stalled { doing, status });
                    }
                    let is_there = seen.status == COMPLETE;
                    return Ok(if is_there { Ok(()) } else { Err(seen.status) });
                }
                Ok(None) if asked => self.progress.tell("the registration is gone; once more"),
                Ok(None) => {}
            }
            let setting = ClusterSetting::NodeShutdown { node_id: node_id.clone() };
            if journal.run().cluster_owes(&sight.cluster, &setting).is_none() {
                let change = self.change(order, sight, setting, Scopes::default(), "restart");
                journal.write(self.clock, Event::ClusterSetting(Box::new(change)))?;
            }
            (asked, done.changed) = (true, true);
            let told = member.register_shutdown(&node_id, &reason, delay);
            Ok(self.told(&doing, told)?.and(Err("it was asked for a moment ago".to_owned())))
        })
    }

    fn node_id(&self, doing: &str, member: &SearchMember<'_>, target: &str) -> Attempt<String> {
        match member.shards().nodes {
            Ok(nodes) => Ok(nodes
                .get(target)
                .map(|node| node.id.clone())
                .ok_or_else(|| format!("{target} is none of the nodes"))),
            Err(obstacle) => self.passing(doing, &obstacle),
        }
    }

    /// Answers what someone else has registered.
    pub(super) fn delete_shutdown(
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
