//! Whether the metadata quorum (KRaft) can lose a voter.

use std::collections::BTreeSet;

use super::{Asked, Judged, KIND, Phase};
use crate::domain::{KafkaNodeId, KafkaQuorum, KafkaQuorumReplica};
use crate::plan::gate::Finding;

/// A voter whose log ends by so many records before the longest is not in step.
const MOST_BEHIND: i64 = 1000;

/// Of fewer voters none can be lost.
const LEAST_VOTERS: usize = 3;

/// After so long without a fetch a voter is taken for lost (`controller.quorum.fetch.timeout.ms`, Kafka's default).
const FETCH_TIMEOUT_MS: u64 = 2000;

impl Asked<'_> {
    /// All that is asked of the quorum.
    pub(super) fn of_quorum(&self, quorum: &KafkaQuorum) -> Vec<Finding> {
        let mut found = vec![self.whole("quorum_in_step", self.in_step(quorum))];
        if let Some(wanted) = &self.wanted.controllers {
            found.push(self.whole("voters_expected", voters_expected(wanted, quorum)));
        }
        if self.phase == Phase::Pre {
            found.push(self.whole("voters_to_spare", voters_to_spare(quorum)));
        }
        // While the target is down an election is to be expected, where it led.
        if self.phase != Phase::Mid {
            found.push(self.steady(quorum));
        }
        found
    }

    /// The epoch is the object: each election begins the looks in a row anew, so that a quorum passes only if nobody was elected
    /// while it was watched.
    fn steady(&self, quorum: &KafkaQuorum) -> Finding {
        let finding = |object: &str, judged| {
            self.wanted.question.finding(KIND, "quorum_steady", object, judged)
        };
        match (quorum.epoch, quorum.leader) {
            (Some(epoch), Some(leader)) => {
                let judged = Judged::pass(format!("{leader} was elected in it"));
                finding(&format!("epoch {epoch}"), judged)
            }
            (_, None) => finding("cluster", Judged::fail("the quorum has no leader")),
            (None, _) => finding("cluster", Judged::unknown("its epoch is not told")),
        }
    }

    /// The quorum has a leader, and without the target a majority of it is in step. A broker that comes back needs it to
    /// register, so it is asked for whoever is rolled.
    fn in_step(&self, quorum: &KafkaQuorum) -> Judged {
        let target = self.wanted.target;
        let Some(leader) = quorum.leader else { return Judged::fail("the quorum has no leader") };
        if self.is_away(leader) {
            return Judged::fail(format!("{leader} still leads the quorum"));
        }
        let all = quorum.voters.len();
        let Some(leading) = quorum.voters.get(&leader) else {
            return Judged::unknown(format!("{leader} leads and is none of the voters"));
        };
        let is_counted = |id: KafkaNodeId| self.phase == Phase::Post || id != target;
        let mut behind = Vec::new();
        let mut in_step = 0;
        for (id, voter) in quorum.voters.iter().filter(|(id, _)| is_counted(**id)) {
            if *id == leader || is_in_step(voter, leading, quorum) {
                in_step += 1;
            } else {
                behind.push(id.to_string());
            }
        }
        let needed = all / 2 + 1;
        let text = format!(
            "{leader} leads, {in_step} of {all} voters are in step, {needed} are a majority"
        );
        if !behind.is_empty() {
            let off = behind.len() as u64;
            return Judged::fail(format!("{text}; behind: {}", behind.join(", "))).off_by(off);
        }
        if in_step >= needed { Judged::pass(text) } else { Judged::fail(text) }
    }
}

/// One of them may fail while the target is away, also where that has no vote: it could not come back without a majority.
fn voters_to_spare(quorum: &KafkaQuorum) -> Judged {
    let all = quorum.voters.len();
    if all < LEAST_VOTERS {
        return Judged::fail(format!(
            "of {all} voters none can be lost, {LEAST_VOTERS} are needed"
        ));
    }
    Judged::pass(format!("of {all} voters one can be lost"))
}

/// Exactly those vote that should: a controller whose folder was made anew votes as another one, or not at all.
fn voters_expected(wanted: &BTreeSet<KafkaNodeId>, quorum: &KafkaQuorum) -> Judged {
    let vote: BTreeSet<KafkaNodeId> = quorum.voters.keys().copied().collect();
    let named =
        |ids: Vec<&KafkaNodeId>| ids.into_iter().map(i32::to_string).collect::<Vec<_>>().join(", ");
    let missing = named(wanted.difference(&vote).collect());
    let extra = named(vote.difference(wanted).collect());
    match (missing.is_empty(), extra.is_empty()) {
        (true, true) => Judged::pass(format!("the {} controllers vote", vote.len())),
        (true, false) => Judged::fail(format!("votes and is not expected: {extra}")),
        (false, true) => Judged::fail(format!("has no vote: {missing}")),
        (false, false) => {
            Judged::fail(format!("has no vote: {missing}; votes and is not expected: {extra}"))
        }
    }
}

pub(super) fn is_in_step(
    follower: &KafkaQuorumReplica,
    leading: &KafkaQuorumReplica,
    quorum: &KafkaQuorum,
) -> bool {
    let longest = quorum.voters.values().filter_map(|it| it.log_end).max();
    let limit_ms = quorum.fetch_timeout_ms.unwrap_or(FETCH_TIMEOUT_MS);
    let (Some(end), Some(longest)) = (follower.log_end, longest) else { return false };
    let (Some(its), Some(his)) = (follower.caught_up_ms, leading.caught_up_ms) else {
        return false;
    };
    let late = u64::try_from(his.saturating_sub(its)).unwrap_or(0);
    longest.saturating_sub(end) < MOST_BEHIND && late < limit_ms
}
