//! The AdminServer: commands by HTTP, which no whitelist hides.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::Url;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::ZooKeeperError;
use crate::cluster::http::{Http, HttpTarget};
use crate::cluster::tls::TlsFiles;
use crate::domain::{
    Clock, EnsembleMember, Membership, Monitor, Observation, Obstacle, ObstacleKind, Seen,
    printable,
};

/// One server's AdminServer.
pub(super) struct Admin {
    http: Http,
    base: Url,
}

/// What `monitor` answers, as far as it is wanted.
#[derive(Deserialize)]
struct Monitored {
    error: Option<String>,
    peer_state: Option<String>,
    synced_followers: Option<f64>,
    synced_non_voting_followers: Option<f64>,
    pending_syncs: Option<f64>,
}

/// What `voting_view` answers.
#[derive(Deserialize)]
struct VotingView {
    error: Option<String>,
    current_config: Option<BTreeMap<u64, Voter>>,
}

#[derive(Deserialize)]
struct Voter {
    #[serde(default)]
    server_addresses: Vec<String>,
}

impl Admin {
    pub(super) fn new(
        host: &str,
        port: u16,
        https: bool,
        files: Option<&TlsFiles>,
    ) -> Result<Self, ZooKeeperError> {
        let scheme = if https { "https" } else { "http" };
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        let url = format!("{scheme}://{host}:{port}/commands/");
        let target = HttpTarget {
            url: url.clone(),
            method: "GET".to_owned(),
            validate_certs: true,
            ca_path: files.map(|files| files.ca.clone()),
            ..HttpTarget::default()
        };
        let base = Url::parse(&url).map_err(|_| ZooKeeperError::Server(printable(&host)))?;
        Ok(Self { http: Http::new(&target)?, base })
    }

    pub(super) fn monitor(
        &self,
        timeout: Duration,
        clock: &dyn Clock,
    ) -> Result<Monitor, Obstacle> {
        let told: Monitored = self.ask("monitor", timeout, clock)?;
        refuse(told.error)?;
        Ok(Monitor {
            peer_state: told.peer_state.map(|state| printable(&state)),
            synced_followers: told.synced_followers.and_then(count),
            synced_non_voting_followers: told.synced_non_voting_followers.and_then(count),
            pending_syncs: told.pending_syncs.and_then(count),
        })
    }

    pub(super) fn membership(
        &self,
        timeout: Duration,
        clock: &dyn Clock,
    ) -> Result<Membership, Obstacle> {
        let told: VotingView = self.ask("voting_view", timeout, clock)?;
        refuse(told.error)?;
        let Some(config) = told.current_config.filter(|config| !config.is_empty()) else {
            let detail = "voting_view tells no voters".to_owned();
            return Err(Obstacle { kind: ObstacleKind::NotUnderstood, detail });
        };
        let member = |voter: Voter| EnsembleMember {
            quorum_address: printable(&voter.server_addresses.join(" ")),
            is_voter: true,
        };
        let members = config.into_iter().map(|(id, voter)| (id, member(voter))).collect();
        Ok(Membership { members, tells_observers: false })
    }

    fn ask<T: DeserializeOwned>(
        &self,
        command: &str,
        timeout: Duration,
        clock: &dyn Clock,
    ) -> Result<T, Obstacle> {
        let blocked = |kind, detail: String| Err(Obstacle { kind, detail });
        let Ok(url) = self.base.join(command) else {
            return blocked(ObstacleKind::NotUnderstood, command.to_owned());
        };
        let Observation { object, seen } = self.http.look_at(url, timeout, clock);
        match seen {
            Err(Obstacle { kind, detail }) => blocked(kind, format!("{object}: {detail}")),
            Ok(Seen::Answered { body, .. }) if body.is_cut => {
                blocked(ObstacleKind::TooLarge, object)
            }
            Ok(Seen::Answered { status: 200, body }) => serde_json::from_slice(&body.bytes)
                .or_else(|_| {
                    blocked(
                        ObstacleKind::NotUnderstood,
                        format!("{object} does not answer in JSON as AdminServer does"),
                    )
                }),
            Ok(Seen::Answered { status: status @ (401 | 403), .. }) => {
                blocked(ObstacleKind::NotAllowed, format!("{object}: status {status}"))
            }
            Ok(Seen::Answered { status, .. }) => {
                blocked(ObstacleKind::NotUnderstood, format!("{object}: status {status}"))
            }
            Ok(Seen::Accepted | Seen::Refused | Seen::Exited { .. } | Seen::Series(_)) => {
                blocked(ObstacleKind::Connection, object)
            }
        }
    }
}

fn refuse(error: Option<String>) -> Result<(), Obstacle> {
    error.map_or(Ok(()), |error| {
        Err(Obstacle { kind: ObstacleKind::NotAllowed, detail: printable(&error) })
    })
}

/// A gauge that counts.
fn count(value: f64) -> Option<u64> {
    let is_count = value >= 0.0 && value.fract() == 0.0 && value < 1e15;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is whole and within bounds"
    )]
    is_count.then_some(value as u64)
}
