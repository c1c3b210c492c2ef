//! What a Kafka cluster tells.

use std::collections::BTreeMap;

use spotinst_esg::domain::{
    KafkaBroker, KafkaCluster, KafkaLogDirs, KafkaMembers, KafkaNodeId, KafkaPartition,
    KafkaQuorum, KafkaQuorumReplica, KafkaReplicas, KafkaTopic, KafkaView,
};

use super::cluster::{half, silence};
use super::consensus::Consensus;
use super::kafka::Kafka;
use super::plant::Plant;

fn id(host: usize) -> KafkaNodeId {
    KafkaNodeId::try_from(host + 1).unwrap_or_default()
}

/// The partitions as they are.
pub(crate) fn partitions(kafka: &Kafka) -> BTreeMap<KafkaPartition, KafkaReplicas> {
    let is_away = |broker: &&usize| !kafka.takes_part(**broker);
    let replicas = |it: &super::kafka::Partition| KafkaReplicas {
        leader: it.leader.map(id),
        leader_epoch: None,
        replicas: it.replicas.iter().copied().map(id).collect(),
        in_sync: it.in_sync.iter().copied().map(id).collect(),
        offline: it.replicas.iter().filter(is_away).copied().map(id).collect(),
    };
    kafka.partitions.iter().map(|it| (it.name.clone(), replicas(it))).collect()
}

/// One look.
pub(crate) fn view(kafka: &Kafka, plant: &Plant) -> KafkaCluster {
    let answers = |broker: &usize| plant.is_up(*broker) && !kafka.silent.contains(broker);
    let asked: Vec<usize> = kafka.brokers.iter().copied().filter(answers).collect();
    if asked.is_empty() {
        return KafkaCluster {
            members: Err(silence()),
            views: Err(silence()),
            reassignments: Err(silence()),
            log_dirs: BTreeMap::new(),
            answers: BTreeMap::new(),
            quorum: Err(silence()),
        };
    }
    let known = kafka.brokers.iter().copied().filter(|broker| kafka.is_known(*broker));
    let known: Vec<usize> = known.collect();
    let broker =
        |host: &usize| (id(*host), KafkaBroker { rack: None, is_fenced: !kafka.takes_part(*host) });
    let now = partitions(kafka);
    let topic = |(name, demanded): (&String, &u32)| {
        let topic = KafkaTopic { min_in_sync: Some(*demanded), unclean_election: Some(false) };
        (name.clone(), topic)
    };
    let told = |host: &usize| asked.contains(host);
    let dirs = |host: &usize| (id(*host), told(host).then(|| dirs(kafka, plant, *host)));
    let ask = |host: &usize| (id(*host), told(host).then_some(()).ok_or_else(silence));
    // The last one of them may tell what was, or break off.
    let topics: BTreeMap<String, KafkaTopic> = kafka.demanded.iter().map(topic).collect();
    let whole = |partitions: &BTreeMap<KafkaPartition, KafkaReplicas>| KafkaView {
        partitions: partitions.clone(),
        topics: topics.clone(),
    };
    let view_of = |host: &usize| match (asked.last() == Some(host), &kafka.old) {
        (true, _) if kafka.is_half => (id(*host), Err(half())),
        (true, Some(old)) => (id(*host), Ok(whole(old))),
        _ => (id(*host), Ok(whole(&now))),
    };
    KafkaCluster {
        members: Ok(KafkaMembers {
            cluster_id: "a-cluster".to_owned(),
            controller: kafka.controller.map(id),
            brokers: known.iter().map(broker).collect(),
        }),
        views: Ok(asked.iter().map(view_of).collect()),
        reassignments: Ok(kafka.moving.clone()),
        log_dirs: known.iter().map(dirs).map(|(id, dirs)| (id, dirs.ok_or_else(silence))).collect(),
        answers: known.iter().map(ask).collect(),
        quorum: match &kafka.quorum {
            None => Ok(None),
            Some(quorum) if quorum.leader.is_none() => Err(silence()),
            Some(quorum) => Ok(Some(told_quorum(quorum, plant, &asked))),
        },
    }
}

fn dirs(kafka: &Kafka, plant: &Plant, host: usize) -> KafkaLogDirs {
    let mine = kafka.partitions.iter().filter(|it| it.replicas.contains(&host));
    KafkaLogDirs {
        replicas: mine.map(|it| it.name.clone()).collect(),
        lag: kafka.lag(plant, host),
        offline: Vec::new(),
    }
}

fn told_quorum(quorum: &Consensus, plant: &Plant, brokers: &[usize]) -> KafkaQuorum {
    #[expect(clippy::cast_possible_truncation, reason = "a virtual day has few milliseconds")]
    let millis = |time: f64| (time * 1000.0) as i64;
    let voter = |member: &usize| {
        let end = i64::try_from(plant.log(*member, 0).len()).ok();
        let level = quorum.level_at.get(member).copied().map(millis);
        (id(*member), KafkaQuorumReplica { log_end: end, caught_up_ms: level })
    };
    let voters: BTreeMap<_, _> = quorum.members.iter().map(voter).collect();
    // Brokers that do not vote are level with the leader here.
    let level =
        quorum.leader.and_then(|leader| voters.get(&id(leader))).cloned().unwrap_or_default();
    let observers =
        brokers.iter().map(|broker| id(*broker)).filter(|broker| !voters.contains_key(broker));
    KafkaQuorum {
        leader: quorum.leader.map(id),
        epoch: i32::try_from(quorum.epoch).ok(),
        observers: observers.map(|broker| (broker, level.clone())).collect(),
        voters,
        fetch_timeout_ms: Some(2000),
    }
}
