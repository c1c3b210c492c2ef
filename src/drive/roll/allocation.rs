//! The settings of a cluster that a run changes, each written down before it is set, and put back when it is owed.

use super::cluster_error::ClusterError;
use super::hand::{Attempt, Beat, ClusterSight, Hand};
use super::journal::Journal;
use crate::cluster::SearchMember;
use crate::domain::StatefulInstanceId;
use crate::plan::Waiver;
use crate::plan::roll::{
    ALLOCATION, ClusterChange, ClusterSetting, Event, PRIMARIES, Restriction, Scopes,
    left_shutdown, restriction, shutdown_reason,
};
use crate::plan::safety::{Alone, Elsewhere, copies_elsewhere};

/// How often allocation is restricted before a node is given up whose shards have no other copy.
const ROUNDS: u32 = 3;

/// What the API tells of a shutdown.
const COMPLETE: &str = "COMPLETE";
const STALLED: &str = "STALLED";

/// How allocation is restricted before a node is stopped.
#[derive(Clone, Debug)]
pub struct Restrict {
    /// The stateful instance.
    pub node: StatefulInstanceId,
    /// The node's name in the cluster.
    pub target: String,
    /// Indices that need no other copy.
    pub waivers: Vec<Waiver>,
    /// Whether everything is written to disk in the end.
    pub flushes: bool,
    /// Whether it is registered to be shut down, and how long its shards are waited for then.
    pub shutdown: Option<String>,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Restricted {
    /// Whether anything was set.
    pub changed: bool,
    /// What is odd but no failure.
    pub warnings: Vec<String>,
}

impl Hand<'_> {
    /// Restricts allocation to primaries, and proves after that that each shard of the node has another copy that serves: an index
    /// made in between may have its only copy there. Then allocation is put back until it has a replica, and it begins anew.
    ///
    /// # Errors
    ///
    /// Someone else has restricted it, the node cannot be lost, or the cluster does not answer. What this call has set is put
    /// back if that can be done.
    pub fn restrict(
        &self,
        journal: &mut Journal,
        order: &Restrict,
        beat: Beat<'_>,
    ) -> Result<Restricted, ClusterError> {
        let mut done = Restricted::default();
        let doing = format!("restrict allocation for node {}", order.target);
        let sight = self.sight(&doing)?;
        let cluster = sight.cluster.clone();
        let restricted = self.restrict_seen(journal, order, &sight, &mut done, beat);
        let Err(error) = restricted else { return Ok(done) };
        if done.changed && !matches!(error, ClusterError::Roll(_)) {
            // What is not put back here stays owed.
            if let Err(second) = self.put_back_of(journal, &cluster, beat) {
                let told = format!("what was set of cluster {cluster} is not put back: {second}");
                self.progress.tell(&told);
            }
        }
        Err(error)
    }

    fn restrict_seen(
        &self,
        journal: &mut Journal,
        order: &Restrict,
        sight: &ClusterSight,
        done: &mut Restricted,
        beat: Beat<'_>,
    ) -> Result<(), ClusterError> {
        let doing = format!("restrict allocation for node {}", order.target);
        let mut round = 1;
        loop {
            self.set_primaries(journal, order, sight, done, beat)?;
            match self.judged(journal, order, &sight.cluster, &doing, beat)? {
                Elsewhere::All => break,
                Elsewhere::NoNode if !done.changed => {
                    // It was restricted before, and since then the node was stopped.
                    let told = "it is not in the cluster at present, so its shards are not judged";
                    done.warnings.push(format!("{}: {told}", order.target));
                    return Ok(());
                }
                Elsewhere::NoNode => {
                    let target = order.target.clone();
                    return Err(ClusterError::NoNode { doing, target });
                }
                Elsewhere::Missing(alone) => {
                    self.progress.tell(&format!("no other copy serves of {alone}"));
                    self.put_back_of(journal, &sight.cluster, beat)?;
                    done.changed = true;
                    let is_last = round == ROUNDS;
                    if is_last || !self.copies_come(journal, order, &sight.cluster, beat)? {
                        return Err(ClusterError::Alone { doing, alone, rounds: round });
                    }
                    round += 1;
                }
                Elsewhere::Unknown(found) => {
                    return Err(ClusterError::Refused { doing, detail: found });
                }
            }
        }
        if let Some(delay) = &order.shutdown {
            self.register(journal, order, sight, delay, done, beat)?;
        }
        if order.flushes {
            self.flush(&sight.cluster, done)?;
        }
        Ok(())
    }

    /// Sets it and looks until it is seen.
    fn set_primaries(
        &self,
        journal: &mut Journal,
        order: &Restrict,
        sight: &ClusterSight,
        done: &mut Restricted,
        beat: Beat<'_>,
    ) -> Result<(), ClusterError> {
        let doing = format!("restrict allocation for node {}", order.target);
        self.patiently(&doing, || {
            beat(journal)?;
            let member = match self.member(&doing, Some(&sight.cluster))? {
                Ok(member) => member,
                Err(found) => return Ok(Err(found)),
            };
            let seen = match self.allocation(&doing, &member)? {
                Ok(seen) => seen,
                Err(found) => return Ok(Err(found)),
            };
            match judged_allocation(journal, &sight.cluster, &seen, &doing)? {
                Restriction::Ours => return Ok(Ok(())),
                Restriction::Due | Restriction::Foreign(_) => {}
            }
            if journal.run().cluster_owes(&sight.cluster, &ClusterSetting::Allocation).is_none() {
                let change = self.change(order, sight, ClusterSetting::Allocation, seen, PRIMARIES);
                journal.write(self.clock, Event::ClusterSetting(Box::new(change)))?;
            }
            self.progress.tell(&format!("setting {ALLOCATION} to {PRIMARIES}"));
            done.changed = true;
            if let Err(found) =
                self.told(&doing, member.set_persistent(ALLOCATION, Some(PRIMARIES)))?
            {
                return Ok(Err(found));
            }
            let seen = match self.allocation(&doing, &member)? {
                Ok(seen) => seen,
                Err(found) => return Ok(Err(found)),
            };
            Ok(match judged_allocation(journal, &sight.cluster, &seen, &doing)? {
                Restriction::Ours => Ok(()),
                Restriction::Due | Restriction::Foreign(_) => Err(format!("it is {seen}")),
            })
        })
    }

    fn change(
        &self,
        order: &Restrict,
        sight: &ClusterSight,
        setting: ClusterSetting,
        before: Scopes,
        ours: &str,
    ) -> ClusterChange {
        ClusterChange {
            node: order.node.clone(),
            kind: "elasticsearch".to_owned(),
            cluster: sight.cluster.clone(),
            urls: self.access.search.urls(),
            setting,
            before,
            ours: ours.to_owned(),
        }
    }

    /// Judges the shards of the node as soon as that can be told.
    fn judged(
        &self,
        journal: &mut Journal,
        order: &Restrict,
        cluster: &str,
        doing: &str,
        beat: Beat<'_>,
    ) -> Result<Elsewhere, ClusterError> {
        self.patiently(doing, || {
            beat(journal)?;
            self.look(order, cluster, doing)
        })
    }

    /// One look at the shards of the node.
    ///
    /// # Errors
    ///
    /// It is another cluster, or does not let us ask.
    pub fn look(&self, order: &Restrict, cluster: &str, doing: &str) -> Attempt<Elsewhere> {
        let member = match self.member(doing, Some(cluster))? {
            Ok(member) => member,
            Err(found) => return Ok(Err(found)),
        };
        Ok(match copies_elsewhere(&member.shards(), &order.target, &order.waivers) {
            Elsewhere::Unknown(found) => Err(self.shown(&found)),
            known => Ok(known),
        })
    }

    /// The persistent id of a node, as soon as that can be told; none if the cluster has no such node.
    ///
    /// # Errors
    ///
    /// It is another cluster, does not let us ask, or is not seen in time.
    pub fn persistent_id(
        &self,
        target: &str,
        cluster: &str,
        doing: &str,
    ) -> Result<Option<String>, ClusterError> {
        self.patiently(doing, || {
            let member = match self.member(doing, Some(cluster))? {
                Ok(member) => member,
                Err(found) => return Ok(Err(found)),
            };
            match member.shards().nodes {
                Ok(nodes) => Ok(Ok(nodes.get(target).map(|node| node.id.clone()))),
                Err(obstacle) => self.passing(doing, &obstacle),
            }
        })
    }

    /// Whether each shard of the node gets another copy in time.
    fn copies_come(
        &self,
        journal: &mut Journal,
        order: &Restrict,
        cluster: &str,
        beat: Beat<'_>,
    ) -> Result<bool, ClusterError> {
        let doing = format!("wait for the replicas of node {}", order.target);
        let waited = self.patiently(&doing, || {
            beat(journal)?;
            Ok(match self.look(order, cluster, &doing)? {
                Ok(Elsewhere::All) => Ok(()),
                Ok(Elsewhere::Missing(alone)) => Err(missing(&alone)),
                Ok(Elsewhere::NoNode) => Err(format!("{} is none of the nodes", order.target)),
                Ok(Elsewhere::Unknown(found)) | Err(found) => Err(found),
            })
        });
        match waited {
            Ok(()) => Ok(true),
            Err(ClusterError::NotSeen { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn register(
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

    /// It only spares the node work when it comes back, so that it fails is told and no more.
    pub fn flush(&self, cluster: &str, done: &mut Restricted) -> Result<(), ClusterError> {
        let doing = format!("flush cluster {cluster}");
        let flushed = match self.member(&doing, Some(cluster))? {
            Ok(member) => member.flush(),
            Err(found) => Err(found),
        };
        if let Err(why) = flushed {
            done.warnings.push(format!("not all indices were flushed: {}", self.shown(&why)));
        }
        Ok(())
    }
}

fn missing(alone: &Alone) -> String {
    format!("no other copy serves of {alone}")
}

fn judged_allocation(
    journal: &Journal,
    cluster: &str,
    seen: &Scopes,
    doing: &str,
) -> Result<Restriction, ClusterError> {
    let owed = journal.run().cluster_owes(cluster, &ClusterSetting::Allocation);
    match restriction(owed, seen) {
        Restriction::Foreign(evidence) => {
            Err(ClusterError::Foreign { doing: doing.to_owned(), evidence })
        }
        free => Ok(free),
    }
}
