//! A ZooKeeper ensemble as its servers tell it, each for itself.

use std::collections::BTreeMap;
use std::fmt;

use super::{ClusterView, NodeView, Obstacle, Standing};

/// What the servers said in one look, by the address at which each is asked, `host:port`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ensemble {
    /// The servers.
    pub servers: BTreeMap<String, EnsembleServer>,
}

/// What one server said. Each part was asked for by itself and may be missing by itself.
#[derive(Clone, Debug, PartialEq)]
pub struct EnsembleServer {
    /// Whether and as what it serves.
    pub presence: Result<Presence, Obstacle>,
    /// What it measures.
    pub monitor: Result<Monitor, Obstacle>,
    /// Who belongs to the ensemble, by server id.
    pub members: Result<Membership, Obstacle>,
}

/// Whether a server is there.
#[derive(Clone, Debug, PartialEq)]
pub enum Presence {
    /// Nothing listens at its address.
    Refused,
    /// The process is there and belongs to no quorum at present.
    NotServing,
    /// It serves.
    Serving(Serving),
}

/// What a serving server says of itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Serving {
    /// As what.
    pub mode: ServerMode,
    /// Requests that wait.
    pub outstanding: u64,
    /// The longest that a request has taken since the server started or its statistics were reset, in milliseconds, if it tells.
    pub slowest_ms: Option<u64>,
    /// Znodes in its tree.
    pub znodes: u64,
    /// Clients that are connected, if it tells.
    pub connections: Option<u64>,
}

/// As what a server serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerMode {
    /// The others follow it.
    Leader,
    /// It votes and follows.
    Follower,
    /// It follows without a vote.
    Observer,
    /// It belongs to no ensemble.
    Standalone,
    /// It has lost the quorum and answers reads only.
    ReadOnly,
    /// A word that is not known.
    Other(String),
}

/// What a server measures. What it does not tell is none: only a leader counts followers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Monitor {
    /// Its part and its stage, such as `following - broadcast`.
    pub peer_state: Option<String>,
    /// Followers that are in step with the leader, those without a vote among them.
    pub synced_followers: Option<u64>,
    /// Those of them without a vote.
    pub synced_non_voting_followers: Option<u64>,
    /// Learners that the leader still brings up to date.
    pub pending_syncs: Option<u64>,
}

/// Who belongs to an ensemble.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Membership {
    /// The members by their ids.
    pub members: BTreeMap<u64, EnsembleMember>,
    /// Whether observers are told as well.
    pub tells_observers: bool,
}

/// A member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnsembleMember {
    /// Where the others reach it.
    pub quorum_address: String,
    /// Whether it votes.
    pub is_voter: bool,
}

impl Membership {
    /// How many vote.
    pub fn voters(&self) -> usize {
        self.members.values().filter(|member| member.is_voter).count()
    }
}

impl EnsembleServer {
    /// As what it serves, if it does.
    pub fn serving(&self) -> Option<&Serving> {
        match &self.presence {
            Ok(Presence::Serving(serving)) => Some(serving),
            Ok(Presence::Refused | Presence::NotServing) | Err(_) => None,
        }
    }

    fn standing(&self) -> Standing {
        let mode = match &self.presence {
            Err(obstacle) => return Standing::Unknown(obstacle.to_string()),
            // Without a quorum nobody leads, and a process that is gone cannot.
            Ok(Presence::Refused | Presence::NotServing) => return Standing::Away,
            Ok(Presence::Serving(serving)) => &serving.mode,
        };
        match mode {
            ServerMode::Leader => Standing::Leader,
            ServerMode::Follower => Standing::Follower,
            ServerMode::Observer => Standing::Observer,
            ServerMode::Standalone | ServerMode::ReadOnly => Standing::Away,
            ServerMode::Other(word) => Standing::Unknown(format!("it calls itself {word}")),
        }
    }
}

impl From<&Ensemble> for ClusterView {
    fn from(ensemble: &Ensemble) -> Self {
        let mut view = Self::default();
        for (address, server) in &ensemble.servers {
            let load = server.serving().and_then(|serving| serving.connections);
            let node = NodeView { load, ..NodeView::standing(server.standing()) };
            view.note(address, node);
        }
        view
    }
}

impl fmt::Display for ServerMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Leader => "leader",
            Self::Follower => "follower",
            Self::Observer => "observer",
            Self::Standalone => "standalone",
            Self::ReadOnly => "read-only",
            Self::Other(word) => word,
        })
    }
}
