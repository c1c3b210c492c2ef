//! A Kafka cluster: partitions with leaders and replicas in sync, and who controls them.

use std::collections::{BTreeMap, BTreeSet};

use spotinst_esg::domain::{ClusterView, KafkaCluster, KafkaPartition, KafkaReplicas};
use spotinst_esg::plan::gate::Finding;
use spotinst_esg::plan::safety::{KafkaQuestion, Phase, Question, judge_kafka};

use super::cluster::{Ailment, Cluster, writes};
use super::consensus::Consensus;
use super::data::Log;
use super::plant::Plant;

/// `replica.lag.time.max.ms`, the session of a broker, and how often leaders are put back where they belong; in seconds.
const LAG_TIME: f64 = 30.0;
const SESSION: f64 = 9.0;
const BALANCE_EVERY: f64 = 60.0;

/// Records that a replica takes over in a second.
const CATCHES_UP: f64 = 400.0;

/// Who of a cluster is the group that is rolled, and how it is controlled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Each node is broker and controller.
    Combined,
    /// The group are the controllers; three brokers are beside it.
    Controllers,
    /// The group are the brokers; three controllers are beside it.
    Brokers,
    /// The group are the brokers; the controller is one of them.
    ZooKeeper,
}

impl Mode {
    /// How many machines are beside the group.
    pub(crate) fn beside(self) -> usize {
        match self {
            Self::Combined | Self::ZooKeeper => 0,
            Self::Controllers | Self::Brokers => 3,
        }
    }
}

/// A partition.
#[derive(Debug)]
pub(crate) struct Partition {
    pub(crate) name: KafkaPartition,
    pub(crate) replicas: Vec<usize>,
    pub(crate) leader: Option<usize>,
    pub(crate) in_sync: BTreeSet<usize>,
    slot: usize,
    acked: Log,
    next: u64,
    level_at: BTreeMap<usize, f64>,
}

/// The cluster.
pub(crate) struct Kafka {
    pub(crate) brokers: Vec<usize>,
    pub(crate) quorum: Option<Consensus>,
    pub(crate) controller: Option<usize>,
    pub(crate) partitions: Vec<Partition>,
    /// How many in sync each topic demands.
    pub(crate) demanded: BTreeMap<String, u32>,
    pub(crate) moving: BTreeSet<KafkaPartition>,
    pub(crate) silent: BTreeSet<usize>,
    pub(crate) is_half: bool,
    /// What one of the brokers still tells.
    pub(crate) old: Option<BTreeMap<KafkaPartition, KafkaReplicas>>,
    seen_at: BTreeMap<usize, f64>,
    lagging: BTreeSet<usize>,
    fenced: BTreeSet<usize>,
    leaderless: bool,
    balanced_at: f64,
    controller_at: Option<f64>,
    slots: usize,
    passed_to: f64,
}

impl Kafka {
    pub(crate) fn new(plant: &Plant, mode: Mode, leader: usize) -> Self {
        let all = plant.hosts.len();
        let group: Vec<usize> = (0..all - mode.beside()).collect();
        let beside: Vec<usize> = (group.len()..all).collect();
        let (brokers, voters, leader) = match mode {
            Mode::Combined => (group.clone(), Some(group), leader),
            Mode::ZooKeeper => (group, None, leader),
            Mode::Controllers => (beside, Some(group), leader),
            Mode::Brokers => {
                let leader = beside[0];
                (group, Some(beside), leader)
            }
        };
        let mut kafka = Self {
            controller: voters.is_none().then_some(leader),
            quorum: voters.map(|voters| Consensus::new(voters, leader, 0)),
            seen_at: brokers.iter().map(|broker| (*broker, 0.0)).collect(),
            brokers,
            partitions: Vec::new(),
            demanded: BTreeMap::new(),
            moving: BTreeSet::new(),
            silent: BTreeSet::new(),
            is_half: false,
            old: None,
            lagging: BTreeSet::new(),
            fenced: BTreeSet::new(),
            leaderless: false,
            balanced_at: 0.0,
            controller_at: None,
            slots: 1,
            passed_to: 0.0,
        };
        for (topic, count) in [("orders", 2), ("payments", 1), ("__consumer_offsets", 1)] {
            for number in 0..count {
                let first = kafka.partitions.len();
                let replicas = (0..3).map(|n| kafka.brokers[(first + n) % kafka.brokers.len()]);
                let replicas = replicas.collect();
                kafka.add(topic, number, replicas, 2);
            }
        }
        kafka
    }

    fn add(&mut self, topic: &str, number: i32, replicas: Vec<usize>, demanded: u32) {
        self.demanded.insert(topic.to_owned(), demanded);
        self.partitions.push(Partition {
            name: KafkaPartition { topic: topic.to_owned(), number },
            leader: replicas.first().copied(),
            in_sync: replicas.iter().copied().collect(),
            level_at: BTreeMap::new(),
            replicas,
            slot: self.slots,
            acked: Log::default(),
            next: 0,
        });
        self.slots += 1;
    }

    /// Whether a broker is registered and takes part, as the controller knows it.
    pub(crate) fn takes_part(&self, broker: usize) -> bool {
        self.seen_at.contains_key(&broker) && !self.fenced.contains(&broker)
    }

    /// Whether a broker is registered.
    pub(crate) fn is_known(&self, broker: usize) -> bool {
        self.seen_at.contains_key(&broker)
    }

    pub(crate) fn is_controlled(&self) -> bool {
        self.quorum.as_ref().map_or(self.controller.is_some(), Consensus::serves)
    }

    fn register(&mut self, plant: &Plant) {
        for broker in self.brokers.clone() {
            if plant.is_up(broker) {
                if plant.came_up_since(broker, self.passed_to) {
                    // It begins anew: what it had is looked through before it counts.
                    for it in &mut self.partitions {
                        if it.in_sync.len() > 1 && it.leader != Some(broker) {
                            it.in_sync.remove(&broker);
                        }
                    }
                }
                self.seen_at.insert(broker, plant.now);
            } else if let Some(at) = self.seen_at.get(&broker) {
                // One that stops in order says so.
                if plant.hosts[broker].was_clean || plant.now - at > SESSION {
                    self.seen_at.remove(&broker);
                }
            }
        }
    }

    fn control(&mut self, plant: &mut Plant, span: f64) {
        if let Some(quorum) = &mut self.quorum {
            quorum.pass(plant, writes(span) / 10);
            return;
        }
        if self.controller.is_some_and(|it| !self.seen_at.contains_key(&it)) {
            self.controller = None;
        }
        if self.controller.is_none() {
            let at = *self.controller_at.get_or_insert(plant.now + 3.0);
            if plant.now >= at {
                self.controller = self.brokers.iter().copied().find(|it| self.takes_part(*it));
                self.controller_at = None;
            }
        }
    }

    fn lead(&mut self, plant: &Plant) {
        let part: BTreeSet<usize> =
            self.brokers.iter().copied().filter(|it| self.takes_part(*it)).collect();
        let is_balanced = plant.now - self.balanced_at < BALANCE_EVERY;
        if !is_balanced {
            self.balanced_at = plant.now;
        }
        for (at, it) in self.partitions.iter_mut().enumerate() {
            let leaving: Vec<usize> = it.in_sync.difference(&part).copied().collect();
            for broker in leaving {
                if it.in_sync.len() > 1 {
                    it.in_sync.remove(&broker);
                }
            }
            let may = |broker: &usize| it.in_sync.contains(broker) && part.contains(broker);
            let first = it.replicas.iter().copied().find(|broker| may(broker));
            let has_preferred = it.leader == it.replicas.first().copied();
            if self.leaderless && at == 0 {
                it.leader = None;
            } else if !it.leader.is_some_and(|leader| may(&leader))
                || (!is_balanced && !has_preferred)
            {
                it.leader = first;
            }
        }
    }

    /// Followers take over what they lack; those who lag for too long fall out of sync, and come back.
    fn follow(&mut self, plant: &mut Plant, span: f64, is_controlled: bool) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a count, not a measurement"
        )]
        let at_most = (span * CATCHES_UP) as u64;
        for it in &mut self.partitions {
            let Some(leader) = it.leader.filter(|leader| plant.is_up(*leader)) else { continue };
            let all = plant.log(leader, it.slot);
            for broker in it.replicas.iter().copied().filter(|broker| *broker != leader) {
                let fetches = plant.is_up(broker)
                    && !self.lagging.contains(&broker)
                    && !self.fenced.contains(&broker);
                let is_level = fetches && plant.log_mut(broker, it.slot).follow(&all, at_most);
                if is_level {
                    it.level_at.insert(broker, plant.now);
                    if is_controlled {
                        it.in_sync.insert(broker);
                    }
                }
                let last = it.level_at.get(&broker).copied().unwrap_or(0.0);
                if plant.now - last > LAG_TIME && it.in_sync.len() > 1 && is_controlled {
                    it.in_sync.remove(&broker);
                }
            }
        }
    }

    fn is_writable(&self, plant: &Plant, it: &Partition) -> bool {
        let demanded = self.demanded.get(&it.name.topic).copied().unwrap_or(1) as usize;
        let leader = it.leader;
        leader.is_some_and(|leader| plant.is_up(leader))
            && it.in_sync.len() >= demanded
            && it.in_sync.iter().all(|broker| plant.is_up(*broker))
            && !it.in_sync.iter().any(|one| self.lagging.contains(one) && Some(*one) != leader)
    }

    fn write(&mut self, plant: &mut Plant, count: u64) {
        for at in 0..self.partitions.len() {
            if !self.is_writable(plant, &self.partitions[at]) {
                continue;
            }
            let it = &mut self.partitions[at];
            for broker in &it.in_sync {
                plant.log_mut(*broker, it.slot).append(it.next, count);
            }
            it.acked.append(it.next, count);
            it.next += count;
        }
    }

    /// How far the replicas of a broker are behind.
    pub(crate) fn lag(&self, plant: &Plant, broker: usize) -> u64 {
        let behind = |it: &Partition| match it.leader {
            Some(leader) if it.replicas.contains(&broker) => {
                let all = plant.log(leader, it.slot).len();
                all.saturating_sub(plant.log(broker, it.slot).len())
            }
            _ => 0,
        };
        self.partitions.iter().map(behind).sum()
    }

    fn partition_lets_go(&self, plant: &Plant, it: &Partition, target: usize) -> bool {
        let demanded = self.demanded.get(&it.name.topic).copied().unwrap_or(1).max(1) as usize;
        let good = it.in_sync.iter().filter(|broker| {
            **broker != target
                && plant.is_up(**broker)
                && plant.disk(**broker).holds(it.slot, &it.acked)
        });
        good.count() >= demanded
    }

    fn ask(&mut self, plant: &Plant) -> KafkaCluster {
        super::kafka_view::view(self, plant)
    }
}

impl Cluster for Kafka {
    fn pass(&mut self, plant: &mut Plant, span: f64) {
        self.register(plant);
        self.control(plant, span);
        let is_controlled = self.is_controlled();
        if is_controlled {
            self.lead(plant);
        }
        self.follow(plant, span, is_controlled);
        self.write(plant, writes(span));
        self.passed_to = plant.now;
    }

    fn judge(&mut self, plant: &Plant, target: usize, phase: Phase) -> Vec<Finding> {
        let name = self.name(target);
        let id = |host: &usize| i32::try_from(host + 1).unwrap_or_default();
        let question = KafkaQuestion {
            question: Question { gate: "kafka".to_owned(), phase, target: name },
            target: id(&target),
            brokers: self.brokers.iter().map(id).collect(),
            controllers: None,
            cluster_id: Some("a-cluster".to_owned()),
            asks_ensemble: true,
            margin: 0,
        };
        judge_kafka(&self.ask(plant), &question)
    }

    fn standings(&mut self, plant: &Plant) -> ClusterView {
        ClusterView::from(&self.ask(plant))
    }

    fn name(&self, host: usize) -> String {
        (host + 1).to_string()
    }

    fn lets_go(&self, plant: &Plant, target: usize, is_stopped: bool) -> Result<(), String> {
        for it in self.partitions.iter().filter(|it| it.replicas.contains(&target)) {
            if !self.partition_lets_go(plant, it, target) {
                let Partition { name, in_sync, .. } = it;
                return Err(format!("{name} has too few without it: in sync are {in_sync:?}"));
            }
            if is_stopped && it.leader.is_none_or(|leader| leader == target) {
                return Err(format!("{} is led by {:?}", it.name, it.leader));
            }
        }
        self.keeps_quorum(plant, target)
    }

    fn keeps_quorum(&self, plant: &Plant, target: usize) -> Result<(), String> {
        self.quorum.as_ref().map_or(Ok(()), |quorum| quorum.does_without(plant, target))
    }

    fn lost(&self, plant: &Plant) -> Option<String> {
        let lost = self.partitions.iter().find(|it| {
            let holds = |broker: &usize| plant.disk(*broker).holds(it.slot, &it.acked);
            let leader = it.leader.filter(|leader| plant.is_up(*leader));
            !leader.map_or_else(|| it.in_sync.iter().any(holds), |leader| holds(&leader))
        });
        let lost = lost.map(|it| format!("of {} acknowledged writes of {} some", it.next, it.name));
        lost.or_else(|| self.quorum.as_ref().and_then(|quorum| quorum.lost(plant)))
    }

    fn takes_writes(&self, plant: &Plant) -> Result<(), String> {
        match self.partitions.iter().find(|it| !self.is_writable(plant, it)) {
            Some(it) => Err(it.name.to_string()),
            None => Ok(()),
        }
    }

    fn longest_stall(&self) -> f64 {
        30.0
    }

    fn afflict(&mut self, plant: &mut Plant, ailment: Ailment) {
        let takes_part = matches!(ailment, Ailment::Leads(host) if self.takes_part(host));
        let is_voter =
            |host: usize| self.quorum.as_ref().is_some_and(|it| it.members.contains(&host));
        match ailment {
            Ailment::Lags(host) if is_voter(host) => {
                self.lagging.insert(host);
                if let Some(quorum) = self.quorum.as_mut().filter(|it| it.leader != Some(host)) {
                    quorum.late.insert(host);
                }
            }
            Ailment::Lags(host) => drop(self.lagging.insert(host)),
            Ailment::NobodyLeads => self.leaderless = true,
            Ailment::Leads(host) => match &mut self.quorum {
                Some(quorum) => quorum.move_to(plant, host),
                None if takes_part => self.controller = Some(host),
                None => {}
            },
            Ailment::ThrownOut(host) => drop(self.fenced.insert(host)),
            Ailment::NewWithoutCopies(host) if self.brokers.contains(&host) => {
                // What comes later is another topic, which must not pass for a replica of the first.
                self.add(&format!("alone-{}", self.slots), 0, vec![host], 1);
            }
            Ailment::New(host) if self.brokers.contains(&host) => {
                let other = self.brokers.iter().copied().find(|it| *it != host).unwrap_or(host);
                self.add(&format!("pair-{}", self.slots), 0, vec![host, other], 2);
            }
            Ailment::MoreDemanded => drop(self.demanded.insert("orders".to_owned(), 3)),
            Ailment::Moving => drop(self.moving.insert(self.partitions[0].name.clone())),
            Ailment::HalfAnswers => self.is_half = true,
            Ailment::OldView => self.old = Some(super::kafka_view::partitions(self)),
            Ailment::Silent(host) => drop(self.silent.insert(host)),
            _ => {}
        }
    }

    fn cure(&mut self, _: &mut Plant, ailment: Ailment) {
        match ailment {
            Ailment::Lags(host) => {
                self.lagging.remove(&host);
                if let Some(quorum) = &mut self.quorum {
                    quorum.late.remove(&host);
                }
            }
            Ailment::NobodyLeads => self.leaderless = false,
            Ailment::ThrownOut(host) => drop(self.fenced.remove(&host)),
            Ailment::NewWithoutCopies(_) => {
                self.partitions.retain(|it| !it.name.topic.starts_with("alone"))
            }
            Ailment::New(_) => self.partitions.retain(|it| !it.name.topic.starts_with("pair")),
            Ailment::MoreDemanded => drop(self.demanded.insert("orders".to_owned(), 2)),
            Ailment::Moving => self.moving.clear(),
            Ailment::HalfAnswers => self.is_half = false,
            Ailment::OldView => self.old = None,
            Ailment::Silent(host) => drop(self.silent.remove(&host)),
            _ => {}
        }
    }
}
