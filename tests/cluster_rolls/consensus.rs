//! A majority with a leader: a ZooKeeper ensemble, a quorum of controllers, the nodes that elect a master.

use std::collections::{BTreeMap, BTreeSet};

use super::data::Log;
use super::plant::Plant;

/// How long an election takes, how long a follower needs to be brought up to date, and how long a leader without a majority
/// still believes in itself; in seconds.
const ELECTION: f64 = 3.0;
const SYNC: f64 = 4.0;
const DELUSION: f64 = 4.0;

/// Those who vote, and what they have agreed on.
#[derive(Debug)]
pub(crate) struct Consensus {
    /// Who votes.
    pub(crate) members: Vec<usize>,
    /// Who leads.
    pub(crate) leader: Option<usize>,
    /// Who is in step, the leader among them.
    pub(crate) synced: BTreeSet<usize>,
    /// Whoever is not brought up to date at present.
    pub(crate) late: BTreeSet<usize>,
    /// What was acknowledged.
    pub(crate) acked: Log,
    /// No election ends before.
    pub(crate) barred_until: f64,
    /// When each was last level with the leader.
    pub(crate) level_at: BTreeMap<usize, f64>,
    /// How many leaders there have been.
    pub(crate) epoch: u32,
    slot: usize,
    next: u64,
    election_at: Option<f64>,
    sync_at: BTreeMap<usize, f64>,
    alone_since: Option<f64>,
}

impl Consensus {
    /// All are in step, and the last one leads.
    pub(crate) fn new(members: Vec<usize>, leader: usize, slot: usize) -> Self {
        Self {
            synced: members.iter().copied().collect(),
            level_at: members.iter().map(|member| (*member, 0.0)).collect(),
            leader: Some(leader),
            members,
            late: BTreeSet::new(),
            acked: Log::default(),
            barred_until: 0.0,
            slot,
            next: 0,
            epoch: 1,
            election_at: None,
            sync_at: BTreeMap::new(),
            alone_since: None,
        }
    }

    fn majority(&self) -> usize {
        self.members.len() / 2 + 1
    }

    /// Whether writes are taken.
    pub(crate) fn serves(&self) -> bool {
        self.leader.is_some() && self.synced.len() >= self.majority()
    }

    /// Who is still brought up to date.
    pub(crate) fn pending(&self) -> usize {
        self.sync_at.len()
    }

    /// Lets time pass, and writes be written.
    pub(crate) fn pass(&mut self, plant: &mut Plant, writes: u64) {
        let now = plant.now;
        let live: BTreeSet<usize> =
            self.members.iter().copied().filter(|member| plant.is_up(*member)).collect();
        self.synced.retain(|member| live.contains(member));
        self.sync_at.retain(|member, _| live.contains(member));
        self.depose(&live, now);
        if self.leader.is_none() {
            self.elect(plant, &live);
        }
        let Some(leader) = self.leader else { return };
        self.bring_up(plant, &live, leader);
        if self.serves() && writes > 0 {
            for member in &self.synced {
                plant.log_mut(*member, self.slot).append(self.next, writes);
            }
            self.acked.append(self.next, writes);
            self.next += writes;
        }
        for member in &self.synced {
            self.level_at.insert(*member, now);
        }
    }

    fn depose(&mut self, live: &BTreeSet<usize>, now: f64) {
        let Some(leader) = self.leader else { return };
        let mut is_over = !live.contains(&leader);
        if live.len() < self.majority() {
            let since = *self.alone_since.get_or_insert(now);
            is_over |= now - since >= DELUSION;
        } else {
            self.alone_since = None;
        }
        if is_over {
            self.give_way();
        }
    }

    /// Nobody leads.
    pub(crate) fn give_way(&mut self) {
        (self.leader, self.election_at, self.alone_since) = (None, None, None);
        self.synced.clear();
        self.sync_at.clear();
    }

    fn elect(&mut self, plant: &mut Plant, live: &BTreeSet<usize>) {
        if live.len() < self.majority() {
            self.election_at = None;
            return;
        }
        let at = *self.election_at.get_or_insert(plant.now + ELECTION);
        if plant.now < at.max(self.barred_until) {
            return;
        }
        let newest = |member: &&usize| {
            let log = plant.log(**member, self.slot);
            (log.epoch, log.len(), **member)
        };
        let Some(leader) = live.iter().max_by_key(newest).copied() else { return };
        self.lead(plant, leader);
        self.synced = [leader].into();
    }

    fn lead(&mut self, plant: &mut Plant, leader: usize) {
        self.epoch += 1;
        plant.log_mut(leader, self.slot).epoch = self.epoch;
        (self.leader, self.election_at) = (Some(leader), None);
    }

    /// Another one leads from now on, if it is in step.
    pub(crate) fn move_to(&mut self, plant: &mut Plant, leader: usize) {
        if self.synced.contains(&leader) && self.serves() {
            self.lead(plant, leader);
        }
    }

    fn bring_up(&mut self, plant: &mut Plant, live: &BTreeSet<usize>, leader: usize) {
        for member in live.iter().filter(|member| **member != leader) {
            if self.late.contains(member) {
                self.synced.remove(member);
                self.sync_at.insert(*member, f64::MAX);
                continue;
            }
            if self.synced.contains(member) {
                continue;
            }
            let at = self.sync_at.entry(*member).or_insert(plant.now + SYNC);
            if *at == f64::MAX {
                *at = plant.now + SYNC;
            }
            if *at <= plant.now {
                let log = plant.log(leader, self.slot);
                *plant.log_mut(*member, self.slot) = log;
                self.sync_at.remove(member);
                self.synced.insert(*member);
            }
        }
    }

    /// Whether those without this one are enough, and have all that was acknowledged.
    pub(crate) fn does_without(&self, plant: &Plant, target: usize) -> Result<(), String> {
        let good = self.synced.iter().filter(|member| {
            **member != target && plant.disk(**member).holds(self.slot, &self.acked)
        });
        let (good, needed) = (good.count(), self.majority());
        if self.leader.is_none() {
            return Err("nobody leads the quorum".to_owned());
        }
        if good >= needed {
            return Ok(());
        }
        Err(format!("{good} voters without it have all that was acknowledged, {needed} are needed"))
    }

    /// What was acknowledged and is nowhere where it will be found.
    pub(crate) fn lost(&self, plant: &Plant) -> Option<String> {
        let holds = |member: &usize| plant.disk(*member).holds(self.slot, &self.acked);
        let is_there = match &self.leader {
            Some(leader) => holds(leader),
            None => self.members.iter().any(holds),
        };
        (!is_there).then(|| format!("of {} acknowledged agreements some are lost", self.next))
    }
}
