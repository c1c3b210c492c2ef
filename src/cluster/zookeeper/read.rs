//! What the words' answers say.

use std::collections::BTreeMap;

use super::wire::Reply;
use crate::domain::{
    EnsembleMember, Membership, Monitor, Obstacle, ObstacleKind, Presence, ServerMode, Serving,
};

/// What a server without quorum says to almost everything (seen with 3.8 and 3.9).
const NOT_SERVING: &str = "This ZooKeeper instance is not currently serving requests";

/// What it says to a word that is not allowed; since 3.5.3 that is each but `srvr` unless it is set otherwise.
const NOT_ALLOWED: &str = "is not executed because it is not in the whitelist";

fn blocked<T>(kind: ObstacleKind, detail: impl Into<String>) -> Result<T, Obstacle> {
    Err(Obstacle { kind, detail: detail.into() })
}

/// The text, unless it is one of the three that tell nothing.
fn told<'a>(word: &str, text: &'a str) -> Result<Option<&'a str>, Obstacle> {
    if text.trim().is_empty() {
        return blocked(ObstacleKind::Empty, format!("{word} was answered with nothing"));
    }
    if text.contains(NOT_ALLOWED) {
        let hint = format!("{word} is not in its 4lw.commands.whitelist");
        return blocked(ObstacleKind::NotAllowed, hint);
    }
    Ok((!text.contains(NOT_SERVING)).then_some(text))
}

/// What `srvr` says. It ends with the count of nodes; an answer without it broke off.
pub(super) fn presence(reply: &Reply) -> Result<Presence, Obstacle> {
    let text = match reply {
        Reply::Refused => return Ok(Presence::Refused),
        Reply::Text(text) => text,
    };
    let Some(text) = told("srvr", text)? else { return Ok(Presence::NotServing) };
    let value = |name: &str| {
        let mut lines = text.lines();
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).map(str::trim)
    };
    if value("Zookeeper version").is_none() {
        return blocked(ObstacleKind::NotUnderstood, "it does not speak as ZooKeeper does");
    }
    let number = |name| value(name).and_then(|text| text.parse().ok());
    let is_whole = text.ends_with('\n');
    let (Some(mode), Some(outstanding), Some(znodes), true) =
        (value("Mode"), number("Outstanding"), number("Node count"), is_whole)
    else {
        return blocked(ObstacleKind::Broken, "the answer to srvr is half");
    };
    let connections = number("Connections");
    let slowest = value("Latency min/avg/max").and_then(|text| text.rsplit('/').next());
    let slowest_ms = slowest.and_then(|text| text.parse().ok());
    let mode = mode_of(mode);
    Ok(Presence::Serving(Serving { mode, outstanding, slowest_ms, znodes, connections }))
}

pub(super) fn mode_of(word: &str) -> ServerMode {
    match word {
        "leader" => ServerMode::Leader,
        "follower" => ServerMode::Follower,
        "observer" => ServerMode::Observer,
        "standalone" => ServerMode::Standalone,
        "read-only" => ServerMode::ReadOnly,
        other => ServerMode::Other(crate::domain::printable(other)),
    }
}

/// What `mntr` says: a line a value, a tab between.
pub(super) fn monitor(reply: &Reply) -> Result<Monitor, Obstacle> {
    let text = match reply {
        Reply::Refused => return blocked(ObstacleKind::Connection, "the connection is refused"),
        Reply::Text(text) => text,
    };
    let Some(text) = told("mntr", text)? else {
        return blocked(ObstacleKind::NotAllowed, "it serves nobody");
    };
    if !text.ends_with('\n') {
        return blocked(ObstacleKind::Broken, "the answer to mntr is half");
    }
    let values: BTreeMap<&str, &str> =
        text.lines().filter_map(|line| line.split_once('\t')).collect();
    if !values.contains_key("zk_server_state") {
        return blocked(ObstacleKind::NotUnderstood, "mntr tells no zk_server_state");
    }
    // Gauges are written as numbers with a fraction: "2.0".
    let number = |name: &str| values.get(name).and_then(|text| whole(text));
    Ok(Monitor {
        peer_state: values.get("zk_peer_state").map(|text| crate::domain::printable(text.trim())),
        synced_followers: number("zk_synced_followers"),
        synced_non_voting_followers: number("zk_synced_non_voting_followers"),
        pending_syncs: number("zk_pending_syncs"),
    })
}

fn whole(text: &str) -> Option<u64> {
    let text = text.trim();
    text.strip_suffix(".0").unwrap_or(text).parse().ok()
}

/// What `conf` says of the membership: lines such as `server.1=host:2888:3888:participant;0.0.0.0:2181`.
pub(super) fn membership(reply: &Reply) -> Result<Membership, Obstacle> {
    let text = match reply {
        Reply::Refused => return blocked(ObstacleKind::Connection, "the connection is refused"),
        Reply::Text(text) => text,
    };
    let Some(text) = told("conf", text)? else {
        return blocked(ObstacleKind::NotAllowed, "it serves nobody");
    };
    // The version of the membership comes last, without an end of line (seen with 3.9).
    if !text.lines().any(|line| line.starts_with("version=")) {
        return blocked(ObstacleKind::Broken, "the answer to conf is half");
    }
    // With weights or groups a majority is no matter of heads, and heads are what is counted.
    if text.lines().any(|line| line.starts_with("weight.") || line.starts_with("group.")) {
        let why = "conf gives the votes weights or groups, which are not counted here";
        return blocked(ObstacleKind::NotUnderstood, why);
    }
    let mut members = BTreeMap::new();
    for line in text.lines().filter_map(|line| line.strip_prefix("server.")) {
        let Some((id, member)) = member(line) else {
            return blocked(ObstacleKind::NotUnderstood, "conf tells a member in another way");
        };
        members.insert(id, member);
    }
    if members.is_empty() {
        return blocked(ObstacleKind::NotUnderstood, "conf tells no members");
    }
    Ok(Membership { members, tells_observers: true })
}

fn member(line: &str) -> Option<(u64, EnsembleMember)> {
    let (id, rest) = line.split_once('=')?;
    let (server, _client) = rest.split_once(';').unwrap_or((rest, ""));
    let (address, is_voter) = match server.rsplit_once(':') {
        Some((address, "participant")) => (address, true),
        Some((address, "observer")) => (address, false),
        _ => (server, true),
    };
    let quorum_address = crate::domain::printable(address);
    Some((id.trim().parse().ok()?, EnsembleMember { quorum_address, is_voter }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SRVR: &str = "Zookeeper version: 3.9.3-c26634f34490bb0ea7a09cc51e05ede3b4e320ee, built on 2024-10-17 23:21 UTC\n\
                        Latency min/avg/max: 0/0.3125/3\nReceived: 17\nSent: 16\nConnections: 1\nOutstanding: 2\n\
                        Zxid: 0x100000002\nMode: follower\nNode count: 5\n";

    fn text(text: &str) -> Reply {
        Reply::Text(text.to_owned())
    }

    #[test]
    fn srvr_tells_mode_and_sizes() {
        let serving = Serving {
            mode: ServerMode::Follower,
            outstanding: 2,
            slowest_ms: Some(3),
            znodes: 5,
            connections: Some(1),
        };
        assert_eq!(presence(&text(SRVR)), Ok(Presence::Serving(serving)));
        for (word, mode) in [
            ("leader", ServerMode::Leader),
            ("read-only", ServerMode::ReadOnly),
            ("standalone", ServerMode::Standalone),
            ("captain", ServerMode::Other("captain".to_owned())),
        ] {
            let said = presence(&text(&SRVR.replace("follower", word)));
            assert!(
                matches!(&said, Ok(Presence::Serving(it)) if it.mode == mode),
                "{word}: {said:?}"
            );
        }
        assert_eq!(presence(&Reply::Refused), Ok(Presence::Refused));
    }

    /// Four answers that all come with a normal end of the connection, and none of which is health.
    #[test]
    fn no_quorum_no_permission_nothing_and_a_half_are_told_apart() {
        let not_serving = "This ZooKeeper instance is not currently serving requests\n";
        assert_eq!(presence(&text(not_serving)), Ok(Presence::NotServing));
        let whitelist = "mntr is not executed because it is not in the whitelist.\n";
        assert_eq!(
            monitor(&text(whitelist)).unwrap_err().to_string(),
            "the server does not tell it: mntr is not in its 4lw.commands.whitelist"
        );
        for cut in (1..SRVR.len()).filter(|cut| SRVR.is_char_boundary(*cut)) {
            let said = presence(&text(&SRVR[..cut]));
            assert!(said.is_err(), "{cut}: {said:?}");
        }
        assert_eq!(presence(&text("")).unwrap_err().kind, ObstacleKind::Empty);
        assert_eq!(presence(&text("imok")).unwrap_err().kind, ObstacleKind::NotUnderstood);
        let page = "HTTP/1.1 400 Bad Request\r\n\r\n<html>\n";
        assert_eq!(presence(&text(page)).unwrap_err().kind, ObstacleKind::NotUnderstood);
    }

    #[test]
    fn mntr_tells_what_a_leader_counts() {
        let leader = "zk_version\t3.9.3\nzk_server_state\tleader\nzk_peer_state\tleading - broadcast\n\
                      zk_synced_followers\t2\nzk_synced_non_voting_followers\t0\nzk_pending_syncs\t1\n";
        let expected = Monitor {
            peer_state: Some("leading - broadcast".to_owned()),
            synced_followers: Some(2),
            synced_non_voting_followers: Some(0),
            pending_syncs: Some(1),
        };
        assert_eq!(monitor(&text(leader)), Ok(expected.clone()));
        let with_fractions = leader.replace("\t2\n", "\t2.0\n");
        assert_eq!(monitor(&text(&with_fractions)), Ok(expected));
        let odd = monitor(&text(&leader.replace("\t2\n", "\t2.5\n"))).unwrap();
        assert_eq!(odd.synced_followers, None, "no count of servers");
        let half = &leader[..leader.len() - 1];
        assert_eq!(monitor(&text(half)).unwrap_err().kind, ObstacleKind::Broken);
        let other = monitor(&text("hello\tworld\n"));
        assert_eq!(other.unwrap_err().kind, ObstacleKind::NotUnderstood);
    }

    /// A majority of heads is none of weights.
    #[test]
    fn weighed_votes_are_not_understood() {
        let conf = |more: &str| {
            let text = format!("server.1=a:2888:3888:participant\n{more}version=0");
            membership(&Reply::Text(text))
        };
        assert!(conf("").is_ok());
        for more in ["weight.1=3\n", "group.1=1:2\n"] {
            let found = conf(more).unwrap_err();
            assert_eq!(found.kind, ObstacleKind::NotUnderstood, "{more}");
        }
    }

    #[test]
    fn conf_tells_who_belongs_to_it() {
        let conf = "clientPort=2181\nserverId=1\nmembership: \nserver.1=127.0.0.1:2888:3888:participant;0.0.0.0:2181\n\
                    server.2=zk2:2888:3888:participant\nserver.3=zk3:2888:3888:observer;2181\nversion=0";
        let told = membership(&text(conf)).unwrap();
        assert_eq!((told.members.len(), told.voters(), told.tells_observers), (3, 2, true));
        assert_eq!(told.members[&1].quorum_address, "127.0.0.1:2888:3888");
        for (broken, kind) in [
            (conf.replace("version=0", ""), ObstacleKind::Broken),
            (conf.replace("server.2=", "server.x="), ObstacleKind::NotUnderstood),
            (conf.replace("server.", "other."), ObstacleKind::NotUnderstood),
        ] {
            assert_eq!(membership(&text(&broken)).unwrap_err().kind, kind, "{broken}");
        }
    }
}
