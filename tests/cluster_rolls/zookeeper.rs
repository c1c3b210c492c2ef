//! A ZooKeeper ensemble.

use std::collections::{BTreeMap, BTreeSet};

use spotinst_esg::domain::{
    ClusterView, Ensemble, EnsembleMember, EnsembleServer, Membership, Monitor, Obstacle, Presence,
    ServerMode, Serving,
};
use spotinst_esg::plan::gate::Finding;
use spotinst_esg::plan::safety::{Phase, Question, judge_zookeeper};

use super::cluster::{Ailment, Cluster, half, silence, writes};
use super::consensus::Consensus;
use super::plant::{Plant, Service};

/// An ensemble whose servers are the nodes of the group.
pub(crate) struct ZooKeeper {
    quorum: Consensus,
    members: BTreeMap<u64, EnsembleMember>,
    silent: BTreeSet<usize>,
    is_half: bool,
    two_lead: bool,
}

impl ZooKeeper {
    pub(crate) fn new(plant: &Plant, leader: usize) -> Self {
        let servers: Vec<usize> = (0..plant.hosts.len()).collect();
        let member = |at: &usize| {
            let quorum_address = format!("{}:2888:3888", plant.hosts[*at].id);
            (*at as u64 + 1, EnsembleMember { quorum_address, is_voter: true })
        };
        Self {
            members: servers.iter().map(member).collect(),
            quorum: Consensus::new(servers, leader, 0),
            silent: BTreeSet::new(),
            is_half: false,
            two_lead: false,
        }
    }

    fn view(&self, plant: &Plant) -> Ensemble {
        let server = |at: &usize| (self.name(*at), self.server(plant, *at));
        Ensemble { servers: self.quorum.members.iter().map(server).collect() }
    }

    fn server(&self, plant: &Plant, at: usize) -> EnsembleServer {
        let nothing = |presence: Result<Presence, Obstacle>| EnsembleServer {
            presence,
            monitor: Err(silence()),
            members: Err(silence()),
        };
        let host = &plant.hosts[at];
        if host.machine.is_none() || self.silent.contains(&at) {
            return nothing(Err(silence()));
        }
        if !matches!(host.service, Service::Up(_)) {
            return nothing(Ok(Presence::Refused));
        }
        let is_leader = self.quorum.leader == Some(at);
        let is_synced = self.quorum.synced.contains(&at);
        if !is_leader && !is_synced {
            return nothing(Ok(Presence::NotServing));
        }
        let claims = is_leader || (self.two_lead && Some(&at) == self.quorum.synced.first());
        let mode = if claims { ServerMode::Leader } else { ServerMode::Follower };
        let (outstanding, znodes) = (0, plant.log(at, 0).len());
        let stage = if is_leader { "leading - broadcast" } else { "following - broadcast" };
        let followers = self.quorum.synced.len().saturating_sub(1) as u64;
        let pending = self.quorum.pending() as u64;
        let monitor = Monitor {
            peer_state: Some(stage.to_owned()),
            synced_followers: is_leader.then_some(followers),
            synced_non_voting_followers: is_leader.then_some(0),
            pending_syncs: is_leader.then_some(pending),
        };
        let members = self.members.clone();
        EnsembleServer {
            presence: Ok(Presence::Serving(Serving {
                mode,
                outstanding,
                slowest_ms: Some(0),
                znodes,
                connections: None,
            })),
            monitor: if self.is_half { Err(half()) } else { Ok(monitor) },
            members: Ok(Membership { members, tells_observers: true }),
        }
    }
}

impl Cluster for ZooKeeper {
    fn pass(&mut self, plant: &mut Plant, span: f64) {
        self.quorum.pass(plant, writes(span));
    }

    fn judge(&mut self, plant: &Plant, target: usize, phase: Phase) -> Vec<Finding> {
        let question = Question { gate: "zk".to_owned(), phase, target: self.name(target) };
        judge_zookeeper(&self.view(plant), &question)
    }

    fn standings(&mut self, plant: &Plant) -> ClusterView {
        ClusterView::from(&self.view(plant))
    }

    fn name(&self, host: usize) -> String {
        format!("zk-{}:2181", host + 1)
    }

    fn lets_go(&self, plant: &Plant, target: usize, is_stopped: bool) -> Result<(), String> {
        if is_stopped && self.quorum.leader == Some(target) {
            return Err("it leads".to_owned());
        }
        self.quorum.does_without(plant, target)
    }

    fn keeps_quorum(&self, plant: &Plant, target: usize) -> Result<(), String> {
        self.quorum.does_without(plant, target)
    }

    fn lost(&self, plant: &Plant) -> Option<String> {
        self.quorum.lost(plant)
    }

    fn takes_writes(&self, _: &Plant) -> Result<(), String> {
        if self.quorum.serves() { Ok(()) } else { Err("the ensemble".to_owned()) }
    }

    fn longest_stall(&self) -> f64 {
        30.0
    }

    fn afflict(&mut self, plant: &mut Plant, ailment: Ailment) {
        match ailment {
            Ailment::Lags(host) if self.quorum.leader != Some(host) => {
                self.quorum.late.insert(host);
            }
            Ailment::NobodyLeads => {
                self.quorum.give_way();
                self.quorum.barred_until = plant.now + 30.0;
            }
            Ailment::Leads(host) => self.quorum.move_to(plant, host),
            Ailment::HalfAnswers => self.is_half = true,
            Ailment::Silent(host) => drop(self.silent.insert(host)),
            Ailment::TwoLead => self.two_lead = true,
            _ => {}
        }
    }

    fn cure(&mut self, _: &mut Plant, ailment: Ailment) {
        match ailment {
            Ailment::Lags(host) => drop(self.quorum.late.remove(&host)),
            Ailment::HalfAnswers => self.is_half = false,
            Ailment::Silent(host) => drop(self.silent.remove(&host)),
            Ailment::TwoLead => self.two_lead = false,
            _ => {}
        }
    }
}
