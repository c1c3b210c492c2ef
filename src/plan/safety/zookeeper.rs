//! ZooKeeper: whether an ensemble can lose a server.
//!
//! A server that answers proves nothing by that alone: `ruok` says `imok` without a quorum. What counts is what the leader
//! says of its followers, and that all agree on who belongs to the ensemble. Transaction ids are not compared: those of
//! idle followers lag behind without any harm.

use super::phase::{Judged, Phase, Question};
use crate::domain::{
    ClusterView, Ensemble, EnsembleServer, Leadership, Monitor, Presence, ServerMode, Serving,
};
use crate::plan::gate::Finding;

const KIND: &str = "zookeeper";

/// So many waiting requests are an ordinary moment; more are a server that does not keep up.
const MOST_OUTSTANDING: u64 = 50;

/// A request that takes up to so many milliseconds is an ordinary one.
const ORDINARY_MS: u64 = 256;

/// A tree may differ by so many znodes from the leader's, which was read a moment apart, or by one in a hundred.
const FEW_ZNODES: u64 = 10;

/// Judges one look at an ensemble.
///
/// `servers_serve`, `target_stopped` (mid), `one_leader`, `followers_synced`, `in_broadcast`, `majority_without_target` (pre and
/// mid), `same_membership`, `few_outstanding`, `latency_steady` (pre and post) and `znodes_alike` (post); the names begin with the gate's.
pub fn judge(ensemble: &Ensemble, question: &Question) -> Vec<Finding> {
    let it = Asked { ensemble, question };
    let mut found = it.servers_serve();
    found.push(it.whole("one_leader", it.one_leader()));
    found.push(it.whole("followers_synced", it.followers_synced()));
    found.extend(it.each("in_broadcast", in_broadcast));
    if question.phase != Phase::Post {
        found.push(it.whole("majority_without_target", it.majority_without_target()));
    }
    found.push(it.whole("same_membership", it.same_membership()));
    found.extend(it.each("few_outstanding", few_outstanding));
    if question.phase != Phase::Mid {
        found.extend(it.latency_steady());
    }
    if question.phase == Phase::Post {
        found.extend(it.znodes_alike());
    }
    found
}

struct Asked<'a> {
    ensemble: &'a Ensemble,
    question: &'a Question,
}

impl<'a> Asked<'a> {
    fn whole(&self, name: &str, judged: Judged) -> Finding {
        self.question.finding(KIND, name, "ensemble", judged)
    }

    /// One finding for each server that is to be there.
    fn each(&self, name: &str, judge: fn(&EnsembleServer) -> Judged) -> Vec<Finding> {
        let present = self.present();
        present.map(|(at, server)| self.question.finding(KIND, name, at, judge(server))).collect()
    }

    /// The bound on its slowest request is part of the object: a request that took far longer than any before begins the looks in
    /// a row anew, so that servers pass only if none of them became slow while they were watched. Slow and steady is no fault.
    fn latency_steady(&self) -> Vec<Finding> {
        let judge = |(at, server): (&str, &EnsembleServer)| {
            let finding = |object: &str, judged| {
                self.question.finding(KIND, "latency_steady", object, judged)
            };
            let Some(serving) = server.serving() else {
                return finding(at, Judged::unknown("it does not tell how long requests take"));
            };
            let Some(slowest) = serving.slowest_ms else {
                return finding(at, Judged::unknown("it does not tell how long requests take"));
            };
            let bound = slowest.max(ORDINARY_MS).checked_next_power_of_two().unwrap_or(u64::MAX);
            let judged = Judged::pass(format!("no request took longer than {slowest} ms"));
            finding(&format!("{at} within {bound} ms"), judged)
        };
        self.present().map(judge).collect()
    }

    /// The servers that are to be there.
    fn present(&self) -> impl Iterator<Item = (&'a str, &'a EnsembleServer)> {
        let servers = self.ensemble.servers.iter().map(|(at, server)| (at.as_str(), server));
        servers.filter(|(at, _)| !self.question.is_away(at))
    }

    fn servers_serve(&self) -> Vec<Finding> {
        let mut found = self.each("servers_serve", |server| serves(&server.presence));
        let target = &self.question.target;
        match (self.ensemble.servers.get(target), self.question.phase) {
            (None, _) => {
                let missing = Judged::unknown("the target is none of the servers that are asked");
                found.push(self.question.finding(KIND, "servers_serve", target, missing));
            }
            (Some(server), Phase::Mid) => {
                let judged = stopped(&server.presence);
                found.push(self.question.finding(KIND, "target_stopped", target, judged));
            }
            (Some(_), Phase::Pre | Phase::Post) => {}
        }
        found
    }

    /// The only leader, by its address.
    fn leader(&self) -> Result<(&'a str, &'a EnsembleServer), Judged> {
        let mut view = ClusterView::from(self.ensemble);
        if self.question.phase == Phase::Mid {
            view.forget(&self.question.target);
        }
        let address = match view.leadership() {
            Leadership::One(address) => address.to_owned(),
            Leadership::Nobody => return Err(Judged::fail("no server leads")),
            Leadership::Several(several) => {
                return Err(Judged::fail(format!("several lead: {}", several.join(", "))));
            }
            Leadership::Unknown(unknown) => {
                let text = format!("any of {} may lead, too", unknown.join(", "));
                return Err(Judged::unknown(text));
            }
        };
        let found = self.present().find(|(at, _)| *at == address);
        found.ok_or_else(|| Judged::unknown("the leader is not among the servers"))
    }

    fn one_leader(&self) -> Judged {
        match self.leader() {
            Ok((address, _)) => Judged::pass(format!("{address} leads")),
            Err(judged) => judged,
        }
    }

    /// How many vote, the target included, and whether the target does.
    ///
    /// The leader's word for it counts. Where nobody tells, each server that is asked and is not seen to observe is taken for
    /// a voter: so rather too many are wanted in step than too few.
    fn voters(&self) -> (usize, bool) {
        let is_observer = |server: &EnsembleServer| {
            matches!(server.serving(), Some(Serving { mode: ServerMode::Observer, .. }))
        };
        let servers = &self.ensemble.servers;
        let target = servers.get(&self.question.target);
        let seen = servers.values().filter(|server| !is_observer(server)).count();
        let told = self.leader().ok().and_then(|(_, leader)| leader.members.as_ref().ok());
        let all = told.map_or(seen, |told| told.voters().max(1));
        // While it is stopped nobody can say what the target is: a voter, unless all others already are as many.
        let others = seen.saturating_sub(usize::from(target.is_some_and(|it| !is_observer(it))));
        let votes = match (self.question.phase, told) {
            (Phase::Mid, Some(_)) => others < all,
            _ => target.is_none_or(|it| !is_observer(it)),
        };
        (all, votes)
    }

    fn followers_synced(&self) -> Judged {
        let (address, leader) = match self.leader() {
            Ok(leader) => leader,
            Err(judged) => return judged,
        };
        let monitor = match &leader.monitor {
            Ok(monitor) => monitor,
            Err(obstacle) => return Judged::unknown(format!("leader {address}: {obstacle}")),
        };
        let &Monitor { synced_followers, synced_non_voting_followers, pending_syncs, .. } = monitor;
        let (Some(synced), Some(pending)) = (synced_followers, pending_syncs) else {
            return Judged::unknown(format!("leader {address} does not tell how many are in step"));
        };
        let synced = synced.saturating_sub(synced_non_voting_followers.unwrap_or(0));
        let (voters, target_votes) = self.voters();
        let is_less = self.question.phase == Phase::Mid && target_votes;
        let wanted = voters.saturating_sub(1 + usize::from(is_less)) as u64;
        let text = format!(
            "{synced} followers are in step with {address}, {wanted} wanted of {voters} voters"
        );
        match (synced, pending) {
            _ if synced < wanted => Judged::fail(text).off_by(wanted - synced),
            _ if synced > wanted => Judged::fail(format!("{text}: more than there should be")),
            (_, 0) => Judged::pass(text),
            (_, pending) => {
                Judged::fail(format!("{text}, and {pending} are still brought up to date"))
                    .off_by(pending)
            }
        }
    }

    /// Whether those that are in step without the target are a majority of all that vote, and two can still be told apart
    /// from one: with fewer than three voters no server can be lost.
    fn majority_without_target(&self) -> Judged {
        let leader = match self.leader() {
            Ok((_, leader)) => leader,
            Err(judged) => return judged,
        };
        if let Err(obstacle) = &leader.members {
            return Judged::unknown(format!("who votes is not told: {obstacle}"));
        }
        let (voters, target_votes) = self.voters();
        let needed = voters / 2 + 1;
        if !target_votes {
            return Judged::pass(format!("{} has no vote", self.question.target));
        }
        if voters < 3 {
            return Judged::fail(format!("of {voters} voters none can be lost"));
        }
        let Some(synced) = leader.monitor.as_ref().ok().and_then(|it| it.synced_followers) else {
            return Judged::unknown("nobody tells how many are in step");
        };
        let non_voting = leader.monitor.as_ref().ok().and_then(|it| it.synced_non_voting_followers);
        let in_step = synced.saturating_sub(non_voting.unwrap_or(0)) + 1;
        // Before it is stopped the target is one of those in step, as leader or as follower; it may not be, so it is taken off.
        let without = in_step.saturating_sub(u64::from(self.question.phase == Phase::Pre));
        let text = format!(
            "{without} of {voters} voters are in step without {}, {needed} are a majority",
            self.question.target
        );
        if without >= needed as u64 { Judged::pass(text) } else { Judged::fail(text) }
    }

    fn same_membership(&self) -> Judged {
        let mut first = None;
        for (address, server) in self.present() {
            let told = match &server.members {
                Ok(told) => told,
                Err(obstacle) => return Judged::unknown(format!("{address}: {obstacle}")),
            };
            match first {
                None => first = Some((address, told)),
                Some((other, agreed)) if agreed.members != told.members => {
                    return Judged::fail(format!("{address} tells others than {other} does"));
                }
                Some(_) => {}
            }
        }
        let Some((_, agreed)) = first else {
            return Judged::unknown("no server is asked");
        };
        let is_observer = |server: &EnsembleServer| {
            matches!(server.serving(), Some(Serving { mode: ServerMode::Observer, .. }))
        };
        let servers = self.ensemble.servers.values();
        let asked = servers.filter(|it| agreed.tells_observers || !is_observer(it)).count();
        let members = agreed.members.len();
        let text = format!("the ensemble has {members} members, {asked} servers are asked");
        // A target that is stopped may be an observer, of which the voters' list says nothing.
        let may_observe = self.question.phase == Phase::Mid && !agreed.tells_observers;
        if asked == members || (may_observe && asked == members + 1) {
            Judged::pass(text)
        } else {
            Judged::fail(text)
        }
    }

    /// A tree that came back empty is seen by its size. It is a coarse look: whether the server is in step is the leader's to
    /// say.
    fn znodes_alike(&self) -> Vec<Finding> {
        let leader = self.leader();
        let judge = |server: &EnsembleServer| {
            let Ok((address, leader)) = &leader else {
                return Judged::unknown("nobody is known to lead");
            };
            let (Some(there), Some(here)) = (leader.serving(), server.serving()) else {
                return Judged::unknown("it does not tell how many it has");
            };
            let slack = FEW_ZNODES.max(there.znodes / 100);
            let text = format!("{} znodes, leader {address} has {}", here.znodes, there.znodes);
            let apart = here.znodes.abs_diff(there.znodes);
            if apart <= slack { Judged::pass(text) } else { Judged::fail(text).off_by(apart) }
        };
        let name = "znodes_alike";
        let present = self.present();
        present.map(|(at, server)| self.question.finding(KIND, name, at, judge(server))).collect()
    }
}

fn serves(presence: &Result<Presence, crate::domain::Obstacle>) -> Judged {
    match presence {
        Err(obstacle) => Judged::unknown(obstacle.to_string()),
        Ok(Presence::Refused) => Judged::fail("the connection is refused"),
        Ok(Presence::NotServing) => Judged::fail("it runs and serves nobody: it has no quorum"),
        Ok(Presence::Serving(Serving { mode, .. })) => match mode {
            ServerMode::Leader | ServerMode::Follower | ServerMode::Observer => {
                Judged::pass(format!("it serves as {mode}"))
            }
            ServerMode::Standalone => Judged::fail("it stands alone and belongs to no ensemble"),
            ServerMode::ReadOnly => Judged::fail("it is read-only: it has lost the others"),
            ServerMode::Other(_) => {
                Judged::unknown(format!("it serves as {mode}, whatever that is"))
            }
        },
    }
}

fn stopped(presence: &Result<Presence, crate::domain::Obstacle>) -> Judged {
    match presence {
        Ok(Presence::Refused) => Judged::pass("nothing listens there any more"),
        Ok(Presence::NotServing) => Judged::fail("its process still answers"),
        Ok(Presence::Serving(Serving { mode, .. })) => {
            Judged::fail(format!("it still serves as {mode}"))
        }
        Err(obstacle) => Judged::unknown(obstacle.to_string()),
    }
}

fn in_broadcast(server: &EnsembleServer) -> Judged {
    match server.monitor.as_ref().map(|monitor| monitor.peer_state.as_deref()) {
        Err(obstacle) => Judged::unknown(obstacle.to_string()),
        Ok(None) => Judged::unknown("it does not tell its stage"),
        Ok(Some(state)) if is_settled(state) => Judged::pass(state),
        Ok(Some(state)) => Judged::fail(state),
    }
}

/// What settled servers say of themselves (`peer_state` of the monitor command, seen with 3.8 and 3.9).
fn is_settled(state: &str) -> bool {
    matches!(state, "leading - broadcast" | "following - broadcast" | "observing - broadcast")
}

fn few_outstanding(server: &EnsembleServer) -> Judged {
    let Some(serving) = server.serving() else {
        return Judged::unknown("it does not tell how many requests wait");
    };
    let text = format!("{} requests wait", serving.outstanding);
    if serving.outstanding < MOST_OUTSTANDING {
        Judged::pass(text)
    } else {
        Judged::fail(text).off_by(serving.outstanding - MOST_OUTSTANDING + 1)
    }
}

#[cfg(test)]
mod tests;
