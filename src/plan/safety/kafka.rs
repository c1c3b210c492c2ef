//! Kafka: whether a cluster can lose a broker.
//!
//! What a broker measures of itself proves nothing: one that has just started leads nothing and so counts nothing
//! under-replicated. Replication is judged from the metadata, by its leaders' word, and only where several brokers other than
//! that one agree and the one who asks is allowed to see all of it.

mod quorum;
mod views;

use std::collections::{BTreeMap, BTreeSet};

use super::phase::{Judged, Phase, Question, or_unknown};
use crate::domain::{
    KafkaCluster, KafkaMembers, KafkaNodeId, KafkaPartition, KafkaReplicas, KafkaView,
};
use crate::plan::gate::Finding;

const KIND: &str = "kafka";

/// Most partitions that a line names.
const MOST_NAMED: usize = 5;

/// What is asked of a cluster besides what is asked of each.
#[derive(Clone, Debug)]
pub struct KafkaQuestion {
    /// Phase and target, whose name is its id.
    pub question: Question,
    /// The target's id.
    pub target: KafkaNodeId,
    /// The ids of all brokers that there should be, the target among them if it is one.
    pub brokers: BTreeSet<KafkaNodeId>,
    /// The ids of all that vote in the metadata quorum; whoever votes if none.
    pub controllers: Option<BTreeSet<KafkaNodeId>>,
    /// Which cluster it must be, by its unique id; any if none.
    pub cluster_id: Option<String>,
    /// Whether the same gate asks a ZooKeeper ensemble, too.
    pub asks_ensemble: bool,
    /// How many more replicas must be in sync without the target than writes need: to survive one more surprise, 1.
    pub margin: u32,
}

impl KafkaQuestion {
    fn names_target(&self) -> bool {
        let is_named = |ids: &BTreeSet<KafkaNodeId>| ids.contains(&self.target);
        is_named(&self.brokers) || self.controllers.as_ref().is_some_and(is_named)
    }
}

type Partitions = BTreeMap<KafkaPartition, KafkaReplicas>;

/// Judges one look at a cluster.
///
/// `identified`, `brokers_live`, `target_known` (of a target that is not named as broker or controller), `views_agree`, `visible`, `folders_usable`; by topic `led`, `replicas_online`, `in_sync`, `above_min_in_sync`,
/// `clean_elections`, `no_reassignment`; `quorum_in_step`, `voters_to_spare` (pre), `quorum_steady` (pre and post) and, where they are named, `voters_expected`, or in
/// ZooKeeper mode `controller_known` and in phase `pre` `ensemble_asked`; in phase `post` also `target_answers` and `preferred_leaders`. The names begin with the gate's.
pub fn judge(cluster: &KafkaCluster, question: &KafkaQuestion) -> Vec<Finding> {
    let it = Asked { cluster, wanted: question, phase: question.question.phase };
    let mut found = vec![
        it.whole("identified", or_unknown(&cluster.members, |members| it.identified(members)))
            .valued(cluster.members.as_ref().ok().map(|it| it.cluster_id.clone().into())),
        it.whole("brokers_live", or_unknown(&cluster.members, |members| it.brokers_live(members))),
        it.whole("views_agree", it.views_agree()),
        it.whole("visible", it.of_partitions(|partitions| it.visible(partitions))),
        it.whole("folders_usable", or_unknown(&cluster.members, |_| it.folders_usable())),
    ];
    if !question.names_target() {
        found.push(it.whole("target_known", it.target_known()));
    }
    found.extend(match &cluster.reassignments {
        Ok(moving) => {
            it.of_topics("no_reassignment", moving.iter(), "no partition is moved", "moved")
        }
        Err(obstacle) => vec![it.whole("no_reassignment", Judged::unknown(obstacle.to_string()))],
    });
    match &cluster.quorum {
        Err(obstacle) => {
            found.push(it.whole("quorum_in_step", Judged::unknown(obstacle.to_string())));
        }
        Ok(Some(quorum)) => found.extend(it.of_quorum(quorum)),
        Ok(None) => {
            found.push(it.whole("controller_known", it.controller_known()));
            if question.controllers.is_some() {
                let why = "it keeps its metadata in ZooKeeper, where no controllers vote";
                found.push(it.whole("voters_expected", Judged::fail(why)));
            }
            if it.phase == Phase::Pre {
                found.push(it.whole("ensemble_asked", it.ensemble_asked()));
            }
        }
    }
    match it.view() {
        Ok(view) => {
            found.extend(it.led(&view.partitions));
            found.extend(it.replicas_online(&view.partitions));
            found.extend(it.in_sync(&view.partitions));
            found.extend(it.above_min_in_sync(view));
            found.extend(it.clean_elections(view));
        }
        Err(obstacle) => found.extend(
            ["led", "replicas_online", "in_sync", "above_min_in_sync", "clean_elections"]
                .map(|name| it.whole(name, Judged::unknown(obstacle.to_string()))),
        ),
    }
    if it.phase == Phase::Post {
        found.push(it.whole("target_answers", it.target_answers()));
        found.push(it.whole("preferred_leaders", it.of_partitions(|all| it.preferred(all))));
    }
    found
}

/// Passes if there is none, and names some if there are.
fn none_of(some: impl Iterator<Item = impl std::fmt::Display>, good: &str, bad: &str) -> Judged {
    let all: Vec<String> = some.map(|one| one.to_string()).collect();
    if all.is_empty() {
        return Judged::pass(good);
    }
    let more = match all.len().saturating_sub(MOST_NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let named = &all[..all.len().min(MOST_NAMED)];
    Judged::fail(format!("{bad}: {}{more}", named.join(", "))).off_by(all.len() as u64)
}

/// Each topic of which there are such partitions, and some of those.
fn by_topic<'p>(
    some: impl Iterator<Item = &'p KafkaPartition>,
    bad: &str,
) -> BTreeMap<&'p str, Judged> {
    let mut topics: BTreeMap<&str, Vec<&KafkaPartition>> = BTreeMap::new();
    for it in some {
        topics.entry(&it.topic).or_default().push(it);
    }
    topics.into_iter().map(|(topic, all)| (topic, none_of(all.iter(), "", bad))).collect()
}

struct Asked<'a> {
    cluster: &'a KafkaCluster,
    wanted: &'a KafkaQuestion,
    phase: Phase,
}

impl<'a> Asked<'a> {
    fn whole(&self, name: &str, judged: Judged) -> Finding {
        self.wanted.question.finding(KIND, name, "cluster", judged)
    }

    fn is_away(&self, broker: KafkaNodeId) -> bool {
        self.phase == Phase::Mid && broker == self.wanted.target
    }

    fn of_partitions(&self, judge: impl FnOnce(&Partitions) -> Judged) -> Judged {
        match self.view() {
            Ok(view) => judge(&view.partitions),
            Err(obstacle) => Judged::unknown(obstacle.to_string()),
        }
    }

    fn identified(&self, members: &KafkaMembers) -> Judged {
        let id = &members.cluster_id;
        match &self.wanted.cluster_id {
            Some(wanted) if wanted != id => {
                Judged::fail(format!("it is cluster {id}, {wanted} is wanted"))
            }
            _ if id.is_empty() => Judged::unknown("it does not tell its id"),
            _ => Judged::pass(format!("cluster {id}")),
        }
    }

    /// Exactly the brokers that there should be: one that nobody named may hold what nobody looks at.
    fn brokers_live(&self, members: &KafkaMembers) -> Judged {
        let wanted = self.wanted.brokers.iter().copied().filter(|id| !self.is_away(*id));
        let wanted: BTreeSet<KafkaNodeId> = wanted.collect();
        let live = members.brokers.iter().filter(|(_, broker)| !broker.is_fenced);
        let live: BTreeSet<KafkaNodeId> = live.map(|(id, _)| *id).collect();
        let missing = wanted.difference(&live);
        let extra = live.difference(&wanted);
        let named = |ids: Vec<&KafkaNodeId>| {
            ids.into_iter().map(i32::to_string).collect::<Vec<_>>().join(", ")
        };
        let (missing, extra): (Vec<_>, Vec<_>) = (missing.collect(), extra.collect());
        let off = missing.len() as u64;
        match (missing.is_empty(), extra.is_empty()) {
            (true, true) => Judged::pass(format!("the {} brokers are live", live.len())),
            (true, false) => Judged::fail(format!("live and not expected: {}", named(extra))),
            (false, _) => Judged::fail(format!("not live: {}", named(missing))).off_by(off),
        }
    }

    /// Of an id that is nobody's all else would hold, since nothing is lost without it.
    fn target_known(&self) -> Judged {
        let target = self.wanted.target;
        or_unknown(&self.cluster.quorum, |quorum| match quorum {
            Some(quorum) if quorum.voters.contains_key(&target) => {
                Judged::pass(format!("{target} votes in the quorum"))
            }
            _ => Judged::fail(format!("{target} is neither a broker nor a controller")),
        })
    }

    /// Metadata leaves out what one is not allowed to see, without a word. What lies on a disk is counted by its broker.
    fn visible(&self, partitions: &Partitions) -> Judged {
        let mut compared = 0;
        let mut obstacle = None;
        for (broker, told) in self.cluster.log_dirs.iter().filter(|(id, _)| !self.is_away(**id)) {
            let told = match told {
                Ok(told) => told,
                Err(why) => {
                    obstacle = Some(format!("broker {broker}: {why}"));
                    continue;
                }
            };
            let assigned = partitions.iter().filter(|(_, it)| it.replicas.contains(broker));
            let assigned: BTreeSet<&KafkaPartition> = assigned.map(|(it, _)| it).collect();
            let there: BTreeSet<&KafkaPartition> = told.replicas.iter().collect();
            if let Some(hidden) = there.difference(&assigned).next() {
                return Judged::fail(format!(
                    "broker {broker} holds {hidden}, of which the metadata says nothing: is Describe on all topics allowed?"
                ));
            }
            if let Some(missing) = assigned.difference(&there).next() {
                return Judged::fail(format!("broker {broker} is to hold {missing} and does not"));
            }
            compared += 1;
        }
        match (obstacle, compared) {
            (Some(why), _) => Judged::unknown(why),
            (None, 0) => Judged::unknown("no broker tells what lies on its disks"),
            (None, _) => Judged::pass(format!("what lies on {compared} brokers is what is told")),
        }
    }

    /// A broker that is stopped leads nothing, whatever an old view says.
    fn led(&self, partitions: &Partitions) -> Vec<Finding> {
        let is_led = |it: &KafkaReplicas| it.leader.is_some_and(|leader| !self.is_away(leader));
        let orphans = partitions.iter().filter(|(_, it)| !is_led(it)).map(|(it, _)| it);
        self.of_topics("led", orphans, "every partition is led", "nobody leads")
    }

    /// Each broker can use all its folders, by its own word.
    fn folders_usable(&self) -> Judged {
        let mut obstacle = None;
        for (broker, told) in self.cluster.log_dirs.iter().filter(|(id, _)| !self.is_away(**id)) {
            match told {
                Ok(told) => {
                    if let Some(folder) = told.offline.first() {
                        return Judged::fail(format!(
                            "broker {broker} cannot use its folder {folder}"
                        ));
                    }
                }
                Err(why) => obstacle = Some(format!("broker {broker}: {why}")),
            }
        }
        match obstacle {
            Some(why) => Judged::unknown(why),
            None if self.cluster.log_dirs.is_empty() => {
                Judged::unknown("no broker tells of its folders")
            }
            None => Judged::pass("all brokers can use their folders"),
        }
    }

    /// No replica is offline. Without the target its replicas are, as they should be.
    fn replicas_online(&self, partitions: &Partitions) -> Vec<Finding> {
        let is_offline =
            |it: &KafkaReplicas| it.offline.iter().any(|broker| !self.is_away(*broker));
        let offline = partitions.iter().filter(|(_, it)| is_offline(it)).map(|(it, _)| it);
        self.of_topics(
            "replicas_online",
            offline,
            "all replicas are online",
            "a replica is offline of",
        )
    }

    fn in_sync(&self, partitions: &Partitions) -> Vec<Finding> {
        let is_missing = |it: &KafkaReplicas, broker: KafkaNodeId| {
            !it.in_sync.contains(&broker) && !self.is_away(broker)
        };
        let lagging = partitions
            .iter()
            .filter(|(_, it)| it.replicas.iter().any(|broker| is_missing(it, *broker)));
        // A replica that catches up is progress before it is in sync.
        let lag: u64 = self.cluster.log_dirs.values().flatten().map(|dirs| dirs.lag).sum();
        let bad = by_topic(lagging.map(|(it, _)| it), "not all are in sync of")
            .into_iter()
            .map(|(topic, judged)| (topic, judged.off_by(lag.saturating_add(1))))
            .collect();
        self.by_topic("in_sync", "all replicas are in sync", bad)
    }

    /// One finding for each topic of which there are such partitions.
    fn of_topics<'p>(
        &self,
        name: &str,
        some: impl Iterator<Item = &'p KafkaPartition>,
        good: &str,
        bad: &str,
    ) -> Vec<Finding> {
        self.by_topic(name, good, by_topic(some, bad))
    }

    /// One finding for each topic that would take no writes without the target, or takes none now.
    fn above_min_in_sync(&self, KafkaView { partitions, topics }: &KafkaView) -> Vec<Finding> {
        let target = self.wanted.target;
        let mut bad: BTreeMap<&str, Judged> = BTreeMap::new();
        for (partition, it) in partitions.iter().filter(|(_, it)| it.replicas.contains(&target)) {
            let without = it.in_sync.iter().filter(|broker| **broker != target).count();
            let there = if self.phase == Phase::Post { it.in_sync.len() } else { without };
            let min = topics.get(&partition.topic).and_then(|topic| topic.min_in_sync);
            let judged = match min {
                None => {
                    Judged::unknown(format!("{partition}: its min.insync.replicas is not told"))
                }
                Some(min) => {
                    let margin = if self.phase == Phase::Pre { self.wanted.margin } else { 0 };
                    let needed = min.max(1).saturating_add(margin) as usize;
                    if there >= needed {
                        continue;
                    }
                    let few = it.replicas.len() <= needed;
                    let hint =
                        if few { ", and it has too few replicas to ever have them" } else { "" };
                    let who = if self.phase == Phase::Post { "" } else { " without the target" };
                    Judged::fail(format!(
                        "{partition}: {there} are in sync{who}, {needed} are needed{hint}"
                    ))
                    .off_by((needed - there) as u64)
                }
            };
            bad.entry(&partition.topic).or_insert(judged);
        }
        self.by_topic("above_min_in_sync", "no topic has fewer in sync than it needs", bad)
    }

    fn clean_elections(&self, KafkaView { partitions, topics }: &KafkaView) -> Vec<Finding> {
        let mut bad = BTreeMap::new();
        let names: BTreeSet<&str> = partitions.keys().map(|it| it.topic.as_str()).collect();
        for name in names {
            match topics.get(name).and_then(|topic| topic.unclean_election) {
                Some(false) => {}
                Some(true) => {
                    let text = "unclean.leader.election.enable is true: writes may be lost";
                    bad.insert(name, Judged::fail(text));
                }
                None => {
                    let text = "unclean.leader.election.enable is not told";
                    bad.insert(name, Judged::unknown(text));
                }
            }
        }
        self.by_topic("clean_elections", "only replicas in sync may come to lead", bad)
    }

    /// The good topics in one finding, and each bad one in its own, so that a waiver can name it.
    fn by_topic(&self, name: &str, good: &str, bad: BTreeMap<&str, Judged>) -> Vec<Finding> {
        let whole =
            if bad.is_empty() { good.to_owned() } else { format!("of the other topics: {good}") };
        let mut found = vec![self.whole(name, Judged::pass(whole))];
        let finding = |(topic, judged)| self.wanted.question.finding(KIND, name, topic, judged);
        found.extend(bad.into_iter().map(finding));
        found
    }

    /// In ZooKeeper mode the controller is one of the brokers.
    fn controller_known(&self) -> Judged {
        or_unknown(&self.cluster.members, |members| match members.controller {
            None => Judged::fail("there is no controller"),
            Some(controller) if self.is_away(controller) => {
                Judged::fail(format!("{controller} still is the controller"))
            }
            Some(controller) if members.brokers.contains_key(&controller) => {
                Judged::pass(format!("{controller} is the controller"))
            }
            Some(controller) => {
                Judged::unknown(format!("the controller {controller} is none of the brokers"))
            }
        })
    }

    /// Brokers that keep their metadata in ZooKeeper are no better than the ensemble: one that comes back could not register.
    fn ensemble_asked(&self) -> Judged {
        if self.wanted.asks_ensemble {
            return Judged::pass("its ensemble is asked, too");
        }
        Judged::fail(
            "it keeps its metadata in ZooKeeper, and no gate of kind zookeeper asks the ensemble: name one beside it",
        )
    }

    fn target_answers(&self) -> Judged {
        let target = self.wanted.target;
        if !self.wanted.brokers.contains(&target) {
            return Judged::pass(format!("{target} is no broker"));
        }
        match self.cluster.answers.get(&target) {
            Some(Ok(())) => Judged::pass(format!("broker {target} answers for itself")),
            Some(Err(obstacle)) => Judged::unknown(format!("broker {target}: {obstacle}")),
            None => Judged::fail(format!("broker {target} is not live")),
        }
    }

    /// What the target is to lead it leads again: else leaders pile up on those that are yet to be rolled.
    fn preferred(&self, partitions: &Partitions) -> Judged {
        let target = self.wanted.target;
        let elsewhere = partitions
            .iter()
            .filter(|(_, it)| it.replicas.first() == Some(&target) && it.leader != Some(target));
        let good = "it leads what it is to lead";
        none_of(elsewhere.map(|(it, _)| it), good, "another one leads")
    }
}

#[cfg(test)]
mod tests;
