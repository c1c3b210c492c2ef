//! An Elasticsearch or OpenSearch cluster: shards with copies, and a master that places them.

use std::collections::BTreeSet;

use spotinst_esg::domain::ClusterView;
use spotinst_esg::plan::gate::Finding;
use spotinst_esg::plan::safety::{Extent, Phase, Question, SearchQuestion, judge_search};

use super::cluster::{Ailment, Cluster, writes};
use super::consensus::Consensus;
use super::data::Log;
use super::plant::Plant;

/// After so many seconds a copy whose node has left is made anew elsewhere.
const DELAYED: f64 = 60.0;

/// How long the making of a copy takes besides the copying, in seconds, and how many documents are copied in one.
const PREPARES: f64 = 4.0;
const COPIES: f64 = 1000.0;

/// What a copy of a shard is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum State {
    Started,
    /// Until this time.
    Initializing(f64),
    Unassigned,
}

/// One copy of a shard.
#[derive(Clone, Debug)]
pub(crate) struct Copy {
    /// Where it is, or was.
    pub(crate) node: usize,
    pub(crate) state: State,
    left_at: f64,
}

/// A shard. Its first copy is the primary.
#[derive(Debug)]
pub(crate) struct Shard {
    pub(crate) index: String,
    pub(crate) number: u64,
    pub(crate) copies: Vec<Copy>,
    /// Nodes, by the disks in them, whose copies have all that was acknowledged.
    in_sync: BTreeSet<(usize, u64)>,
    slot: usize,
    acked: Log,
    next: u64,
}

/// The cluster.
pub(crate) struct Search {
    pub(crate) nodes: Vec<usize>,
    pub(crate) masters: Consensus,
    pub(crate) shards: Vec<Shard>,
    /// The ids whose votes count.
    pub(crate) committed: BTreeSet<String>,
    /// Where shards may be placed, as the roll sets it.
    pub(crate) enable: Option<String>,
    /// The same, as somebody else has left it.
    pub(crate) left_over: bool,
    pub(crate) snapshot_runs: bool,
    pub(crate) is_half: bool,
    pub(crate) silent: BTreeSet<usize>,
    thrown_out: BTreeSet<usize>,
    lagging: BTreeSet<usize>,
    slots: usize,
}

impl Search {
    pub(crate) fn new(plant: &Plant, leader: usize) -> Self {
        let nodes: Vec<usize> = (0..plant.hosts.len()).collect();
        let voters: Vec<usize> = nodes.iter().copied().take(3).collect();
        let mut search = Self {
            committed: voters.iter().map(|node| node_id(plant, *node)).collect(),
            masters: Consensus::new(voters, leader.min(2), 0),
            nodes,
            shards: Vec::new(),
            enable: None,
            left_over: false,
            snapshot_runs: false,
            is_half: false,
            silent: BTreeSet::new(),
            thrown_out: BTreeSet::new(),
            lagging: BTreeSet::new(),
            slots: 1,
        };
        for (index, count) in [("logs-1", 2), ("logs-2", 1), (".kibana", 1)] {
            for number in 0..count {
                let first = search.shards.len();
                let place = |n: usize| (first + n) % search.nodes.len();
                let nodes = [place(0), place(1)];
                search.add(plant, index, number, &nodes, State::Started);
            }
        }
        search
    }

    fn add(&mut self, plant: &Plant, index: &str, number: u64, nodes: &[usize], replicas: State) {
        let copy = |(at, node): (usize, &usize)| Copy {
            node: *node,
            state: if at == 0 { State::Started } else { replicas },
            left_at: plant.now,
        };
        let copies: Vec<Copy> = nodes.iter().enumerate().map(copy).collect();
        let started = copies.iter().filter(|copy| copy.state == State::Started);
        self.shards.push(Shard {
            in_sync: started.map(|copy| (copy.node, plant.disk(copy.node).uuid)).collect(),
            index: index.to_owned(),
            number,
            copies,
            slot: self.slots,
            acked: Log::default(),
            next: 0,
        });
        self.slots += 1;
    }

    /// Whether a node belongs to the cluster at present.
    pub(crate) fn has(&self, plant: &Plant, node: usize) -> bool {
        plant.is_up(node) && !self.thrown_out.contains(&node)
    }

    fn places_replicas(&self) -> bool {
        self.enable.is_none() && !self.left_over
    }

    /// Copies on nodes that have left are without a node, and another one becomes the primary.
    fn leave(&mut self, plant: &Plant) {
        for at in 0..self.shards.len() {
            let gone = |copy: &Copy| !self.has(plant, copy.node) && copy.state != State::Unassigned;
            let gone: Vec<usize> = (0..self.shards[at].copies.len())
                .filter(|it| gone(&self.shards[at].copies[*it]))
                .collect();
            let shard = &mut self.shards[at];
            for copy in gone {
                (shard.copies[copy].state, shard.copies[copy].left_at) =
                    (State::Unassigned, plant.now);
            }
            if shard.copies[0].state != State::Started {
                let heir = shard.copies.iter().position(|copy| copy.state == State::Started);
                if let Some(heir) = heir {
                    shard.copies.swap(0, heir);
                }
            }
        }
    }

    fn place(&mut self, plant: &mut Plant) {
        let there: Vec<usize> =
            self.nodes.iter().copied().filter(|node| self.has(plant, *node)).collect();
        let places_replicas = self.places_replicas();
        for shard in &mut self.shards {
            if shard.copies[0].state == State::Unassigned {
                let has_it =
                    |node: &&usize| shard.in_sync.contains(&(**node, plant.disk(**node).uuid));
                if let Some(node) = there.iter().find(has_it).copied() {
                    let at = shard.copies.iter().position(|copy| copy.node == node).unwrap_or(0);
                    shard.copies.swap(0, at);
                    shard.copies[0].node = node;
                    shard.copies[0].state = State::Initializing(plant.now + PREPARES);
                }
            }
            if !places_replicas || shard.copies[0].state != State::Started {
                continue;
            }
            let primary = shard.copies[0].node;
            let size = plant.log(primary, shard.slot).len();
            for at in 1..shard.copies.len() {
                if shard.copies[at].state != State::Unassigned {
                    continue;
                }
                let taken: Vec<usize> = shard.copies.iter().map(|copy| copy.node).collect();
                let copy = &mut shard.copies[at];
                let is_back = there.contains(&copy.node) && copy.node != primary;
                let may_move = plant.now - copy.left_at > DELAYED;
                let other = there.iter().copied().find(|node| !taken.contains(node));
                let Some(node) = is_back.then_some(copy.node).or(other.filter(|_| may_move)) else {
                    continue;
                };
                let missing = size.saturating_sub(plant.log(node, shard.slot).len());
                let late = if self.lagging.contains(&node) { 120.0 } else { 0.0 };
                #[expect(clippy::cast_precision_loss, reason = "a small count")]
                let takes = PREPARES + missing as f64 / COPIES + late;
                (copy.node, copy.state) = (node, State::Initializing(plant.now + takes));
            }
        }
    }

    fn finish(&mut self, plant: &mut Plant) {
        for shard in &mut self.shards {
            let (primary, slot) = (shard.copies[0].node, shard.slot);
            let is_served = shard.copies[0].state == State::Started;
            for at in 0..shard.copies.len() {
                let State::Initializing(until) = shard.copies[at].state else { continue };
                if plant.now < until || (at > 0 && !is_served) {
                    continue;
                }
                let node = shard.copies[at].node;
                if at > 0 {
                    let all = plant.log(primary, slot);
                    *plant.log_mut(node, slot) = all;
                }
                shard.copies[at].state = State::Started;
                shard.in_sync.insert((node, plant.disk(node).uuid));
            }
        }
    }

    fn write(&mut self, plant: &mut Plant, count: u64) {
        let has_master = self.masters.serves();
        let there: BTreeSet<usize> =
            self.nodes.iter().copied().filter(|node| self.has(plant, *node)).collect();
        for shard in &mut self.shards {
            let started = shard.copies.iter().filter(|copy| copy.state == State::Started);
            let started = started.map(|copy| copy.node).filter(|node| there.contains(node));
            let started: Vec<usize> = started.collect();
            let active: BTreeSet<(usize, u64)> =
                started.iter().map(|node| (*node, plant.disk(*node).uuid)).collect();
            // Without a master nobody takes a copy that is gone out of the count.
            let is_held_up = !has_master && !shard.in_sync.is_subset(&active);
            let primary = &shard.copies[0];
            if primary.state != State::Started || !there.contains(&primary.node) || is_held_up {
                continue;
            }
            shard.in_sync = active;
            for node in started {
                plant.log_mut(node, shard.slot).append(shard.next, count);
            }
            shard.acked.append(shard.next, count);
            shard.next += count;
        }
    }
}

/// The id that a node keeps in its data folder.
pub(crate) fn node_id(plant: &Plant, node: usize) -> String {
    format!("node-{node}-{}", plant.disk(node).uuid)
}

impl Cluster for Search {
    fn pass(&mut self, plant: &mut Plant, span: f64) {
        self.masters.pass(plant, writes(span) / 10);
        if self.masters.serves() {
            self.leave(plant);
            self.finish(plant);
            self.place(plant);
            let voters = self.masters.members.iter().filter(|node| self.has(plant, **node));
            let here: BTreeSet<String> = voters.map(|node| node_id(plant, *node)).collect();
            if here.len() == self.masters.members.len() {
                self.committed = here;
            }
        }
        self.write(plant, writes(span));
    }

    fn judge(&mut self, plant: &Plant, target: usize, phase: Phase) -> Vec<Finding> {
        let question = SearchQuestion {
            question: Question { gate: "es".to_owned(), phase, target: self.name(target) },
            nodes: self.nodes.iter().map(|node| self.name(*node)).collect(),
            cluster_uuid: Some("a-cluster".to_owned()),
            // The disk is compared by the models themselves.
            node_id: None,
            extent: Extent::Whole,
        };
        judge_search(&super::search_view::view(self, plant), &question)
    }

    fn standings(&mut self, plant: &Plant) -> ClusterView {
        ClusterView::from(&super::search_view::view(self, plant))
    }

    fn name(&self, host: usize) -> String {
        format!("es-{}", host + 1)
    }

    fn lets_go(&self, plant: &Plant, target: usize, is_stopped: bool) -> Result<(), String> {
        for shard in &self.shards {
            let good = |copy: &Copy| {
                copy.node != target
                    && copy.state == State::Started
                    && self.has(plant, copy.node)
                    && plant.disk(copy.node).holds(shard.slot, &shard.acked)
            };
            let is_on_it = shard.copies.iter().any(|copy| copy.node == target);
            if is_on_it && !shard.copies.iter().any(good) {
                let Shard { index, number, .. } = shard;
                return Err(format!("no other copy of {index} {number} has all of it"));
            }
        }
        if is_stopped && self.masters.leader == Some(target) {
            return Err("it is the master".to_owned());
        }
        self.keeps_quorum(plant, target)
    }

    fn keeps_quorum(&self, plant: &Plant, target: usize) -> Result<(), String> {
        self.masters.does_without(plant, target)
    }

    fn lost(&self, plant: &Plant) -> Option<String> {
        let lost = self.shards.iter().find(|shard| {
            let holds = |node: usize| plant.disk(node).holds(shard.slot, &shard.acked);
            match shard.copies[0].state {
                State::Started => !holds(shard.copies[0].node),
                State::Initializing(_) | State::Unassigned => !shard
                    .in_sync
                    .iter()
                    .any(|(node, uuid)| plant.disk(*node).uuid == *uuid && holds(*node)),
            }
        });
        let told = |it: &Shard| format!("of {} writes of {} {} some", it.next, it.index, it.number);
        lost.map(told).or_else(|| self.masters.lost(plant))
    }

    fn takes_writes(&self, plant: &Plant) -> Result<(), String> {
        let is_served = |shard: &&Shard| {
            shard.copies[0].state == State::Started && self.has(plant, shard.copies[0].node)
        };
        match self.shards.iter().find(|shard| !is_served(shard)) {
            Some(shard) => Err(format!("{} {}", shard.index, shard.number)),
            None if !self.masters.serves() => Err("the master".to_owned()),
            None => Ok(()),
        }
    }

    fn longest_stall(&self) -> f64 {
        40.0
    }

    fn afflict(&mut self, plant: &mut Plant, ailment: Ailment) {
        match ailment {
            Ailment::Lags(host) => drop(self.lagging.insert(host)),
            Ailment::NobodyLeads => {
                self.masters.give_way();
                self.masters.barred_until = plant.now + 30.0;
            }
            Ailment::Leads(host) => self.masters.move_to(plant, host),
            Ailment::ThrownOut(host) => drop(self.thrown_out.insert(host)),
            Ailment::NewWithoutCopies(host) => {
                // What comes later is another index, which must not pass for a copy of the first.
                let name = format!("alone-{}", self.slots);
                self.add(plant, &name, 0, &[host], State::Started);
            }
            Ailment::New(host) => {
                let other = self.nodes.iter().copied().find(|it| *it != host).unwrap_or(host);
                let name = format!("pair-{}", self.slots);
                self.add(plant, &name, 0, &[host, other], State::Unassigned);
            }
            Ailment::Moving => self.snapshot_runs = true,
            Ailment::LeftOver => self.left_over = true,
            Ailment::HalfAnswers => self.is_half = true,
            Ailment::Silent(host) => drop(self.silent.insert(host)),
            _ => {}
        }
    }

    fn cure(&mut self, _: &mut Plant, ailment: Ailment) {
        match ailment {
            Ailment::Lags(host) => drop(self.lagging.remove(&host)),
            Ailment::ThrownOut(host) => drop(self.thrown_out.remove(&host)),
            Ailment::NewWithoutCopies(_) => self.shards.retain(|it| !it.index.starts_with("alone")),
            Ailment::New(_) => self.shards.retain(|it| !it.index.starts_with("pair")),
            Ailment::Moving => self.snapshot_runs = false,
            Ailment::LeftOver => self.left_over = false,
            Ailment::HalfAnswers => self.is_half = false,
            Ailment::Silent(host) => drop(self.silent.remove(&host)),
            _ => {}
        }
    }

    fn setting(&self) -> Option<String> {
        self.enable.clone()
    }

    fn set(&mut self, value: Option<String>) {
        self.enable = value;
    }

    fn wanted_setting(&self) -> Option<&'static str> {
        Some("primaries")
    }
}
